"""Training: repeatable to the bit, and blind to what comes after its days."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import ProcessPoolExecutor

from foundation.errors import ConfigError, DataError
from research.learning import CrossEntropySettings, LearnedPolicy, PPOSettings, Training, train, untrained
from research.learning.worlds.rollouts import action_function, closed_form, evaluate_targets
from research.learning.worlds.training_days import training_days
from research.market import load_market

PENALTY, YEAR = 5.0, 252


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def training(spec, real, costs, told):
    """Three seeds, one after the other in this process."""
    return train(spec, real, costs, PENALTY, YEAR, workers=1, progress=lambda done, total: told.append((done, total)))


def assert_same(one, other, seeds):
    for seed in seeds:
        for mine, theirs in zip(one.policies[seed].net, other.policies[seed].net, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert one.policies[seed].card == other.policies[seed].card
        assert one.losses[seed] == other.losses[seed]


# -- the same, to the bit --------------------------------------------------------------------------------------------


def test_processes_side_by_side_learn_the_same_to_the_bit_without_the_third_seed(training, spec, real, costs):
    two = replace(spec, seeds=(1, 2))
    beside = train(two, real, costs, PENALTY, YEAR, workers=2)
    for seed in two.seeds:
        for mine, theirs in zip(training.policies[seed].net, beside.policies[seed].net, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        card = training.policies[seed].card
        assert beside.policies[seed].card == card | {"settings": card["settings"] | {"seeds": [1, 2]}}
        assert beside.losses[seed] == training.losses[seed]


def test_an_executor_learns_the_same_elsewhere(spec, real, costs):
    """With the learner that is the quickest to start."""
    little = CrossEntropySettings(population=8, elite=3, worlds=4, decisions=8)
    spec, told = replace(spec, seeds=(2,), learner="cross_entropy", ppo=PPOSettings(), cross_entropy=little), []
    here = train(spec, real, costs, PENALTY, YEAR, workers=1)
    with ProcessPoolExecutor(max_workers=1) as executor:
        there = train(
            spec, real, costs, PENALTY, YEAR, progress=lambda *progress: told.append(progress),
            elsewhere=lambda job, seeds: zip(seeds, executor.map(job, seeds), strict=True),
        )  # fmt: skip
    assert told == [(spec.whole_steps, spec.whole_steps)]
    assert_same(here, there, spec.seeds)


def test_seeds_that_arrived_from_elsewhere_are_kept_where_the_rest_was_lost(spec, real, costs, tmp_path):
    little = CrossEntropySettings(population=8, elite=3, worlds=4, decisions=8)
    spec = replace(spec, seeds=(1, 2), learner="cross_entropy", ppo=PPOSettings(), cross_entropy=little)
    here, kept = train(spec, real, costs, PENALTY, YEAR, workers=1), {"checkpoints": tmp_path, "keep": True}

    def one(job, seeds):
        yield seeds[-1], job(seeds[-1])
        raise ConfigError("the workers are gone")

    with pytest.raises(ConfigError, match="are gone"):
        train(spec, real, costs, PENALTY, YEAR, elsewhere=one, **kept)
    rest = train(spec, real, costs, PENALTY, YEAR, workers=1, **kept)
    assert rest.reused == 1
    assert_same(here, rest, spec.seeds)


def test_seeds_differ(training):
    one, two, three = (training.policies[seed].net.weight_0 for seed in (1, 2, 3))
    assert (one != two).any()
    assert (two != three).any()


def test_training_leaves_the_generators_of_others_as_they_were(spec, real, costs):
    import torch

    def state():
        numpy, words = np.random.get_state()[1], torch.random.get_rng_state()  # noqa: NPY002
        return random.getstate(), numpy.tolist(), words.tolist(), torch.get_num_threads()

    before = state()
    train(replace(spec, seeds=(1,), steps=1), real, costs, PENALTY, YEAR)
    assert state() == before


def test_what_comes_after_the_training_days_changes_nothing(training, spec, costs):
    whole = load_market("multi_asset_daily").select(list(dict(spec.allocation.weights)))
    whole = whole.select(["SPY", "QQQ", "VEA", "VWO", "VNQ", "AGG", "GLD", "BTC"])
    later = whole.days > np.datetime64("2014-12-31")
    noise = np.random.default_rng(0).normal(0.0, 0.05, whole.returns.shape)
    other = replace(whole, returns=np.where(later[:, None], noise, whole.returns)).until("2014-12-31")
    again = train(replace(spec, seeds=(1,)), other, costs, PENALTY, YEAR, workers=1).policy
    card = again.card | {"settings": again.card["settings"] | {"seeds": list(spec.seeds)}}  # it learned alone
    one = Training({1: replace(again, card=card)}, {1: card["targets"][-1]["loss"]["learned"]}, 0.0, 0.0)
    assert_same(training, one, (1,))


# -- what comes of it ------------------------------------------------------------------------------------------------


def test_every_seed_is_a_policy_that_knows_what_it_saw(training, spec, real):
    assert tuple(training.policies) == spec.seeds
    for seed, policy in training.policies.items():
        assert policy.seen == real.dates[-1] == pd.Timestamp("2014-12-31")
        assert policy.card["seed"] == seed
        assert policy.card["steps"] == spec.whole_steps


def test_the_card_says_what_was_seen_and_what_it_was_worth(training, days, real):
    card = training.policies[1].card
    assert card["saw"]["fingerprint"] == real.fingerprint
    assert (card["saw"]["first"], card["saw"]["last"]) == ("2007-07-26", "2014-12-31")
    assert [target["share_of_worlds"] for target in card["targets"]] == [0.5, 0.5]
    today = card["targets"][-1]
    assert today["first_day"] == "2013-04-30"
    assert today["half_width"]["BTC"] == days.scales.half_width[1, -1]
    assert today["variance"]["SPY"] == days.scales.covariance[1, 0, 0]
    assert "BTC" not in card["targets"][0]["half_width"]
    excess = real.returns[days.first_row[1] :, 0] - real.cash[days.first_row[1] :]
    assert (1.0 + excess.mean()) ** 252 == pytest.approx(np.exp(today["mean"]["SPY"]), rel=1e-12)
    expected = {"learned": training.losses[1], "closed_form": training.closed_form, "never": training.never}
    assert today["loss"] == expected
    assert [f["name"] for f in card["features"]][-1] == "drift of BTC"
    for feature in card["features"]:
        assert np.diff(feature["values"]).min(initial=1.0) > 0.0
        assert np.diff(feature["shares"]).min(initial=1.0) > 0.0
        assert feature["shares"][-1] == 1.0
        assert feature["importance_error"] > 0.0
    assert card["observed"]["lengths"] == [156, 78, 39, 19, 9]
    assert card["objective"]["costs_bps"]["BTC"] == {"commission": 10.0, "half_spread": 10.0}
    assert [point["steps"] for point in card["curve"]][-1] == card["steps"]


def test_a_trained_policy_is_kept_whole(training, tmp_path):
    training.save(tmp_path)
    loaded = LearnedPolicy.load(tmp_path / "seed-2")
    assert loaded.card["targets"] == training.policies[2].card["targets"]
    np.testing.assert_array_equal(loaded.net.weight_2, training.policies[2].net.weight_2)
    training.save(tmp_path)  # the same seeds again are no others
    (tmp_path / "seed-9").mkdir()
    with pytest.raises(ConfigError, match="holds seed-9 of another training"):
        training.save(tmp_path)


def test_what_is_not_taught_has_the_closed_forms_boxes(spec, real, costs):
    policy, days = untrained(spec, real, costs, PENALTY, YEAR), training_days(spec, real, costs, PENALTY, YEAR)
    expected = evaluate_targets(days, closed_form(days))
    assert evaluate_targets(days, action_function(policy.net, policy.standard)) == expected
    np.testing.assert_array_equal(policy.scales.half_width, days.scales.half_width)
    with pytest.raises(ConfigError, match="use 'bands' or 'edges', which start at the closed form"):
        untrained(replace(spec, action="gate"), real, costs, PENALTY, YEAR)


def test_the_seed_with_the_median_loss_stands_for_all():
    def chosen(**losses):
        by_seed = {int(seed[1:]): loss for seed, loss in losses.items()}
        return Training(dict.fromkeys(by_seed, SimpleNamespace()), by_seed, 1.0, 9.0).chosen

    assert chosen(s1=2.0, s2=3.0, s3=1.0) == 1
    assert chosen(s1=2.0, s2=3.0, s3=1.0, s4=4.0) == 1  # the better of the two in the middle
    assert chosen(s5=2.0, s4=2.0, s3=2.0) == 4  # equal losses: by number


def test_the_summary_holds_every_seed_against_the_closed_form(training):
    table = training.summary()
    assert table.index.tolist() == ["never", "closed form", "seed 1", "seed 2", "seed 3"]
    assert table.loc["closed form", "above_closed_form"] == 0.0
    assert table.index[table["chosen"]].tolist() == [f"seed {training.chosen}"]
    assert "bp of NAV a year" in repr(training)


def test_progress_counts_the_steps_of_all_seeds_together(training, spec, told):
    done, totals = zip(*told, strict=True)
    assert set(totals) == {3 * spec.whole_steps}
    assert list(done) == sorted(done)
    assert done[-1] == 3 * spec.whole_steps


def test_nothing_is_trained_when_the_input_is_wrong(spec, real, costs):
    with pytest.raises(DataError, match="too short to learn on"):
        train(spec, real.until("2013-06-28"), costs, PENALTY, YEAR, workers=1)
    with pytest.raises(ConfigError, match="workers is 0"):
        train(spec, real, costs, PENALTY, YEAR, workers=0)
