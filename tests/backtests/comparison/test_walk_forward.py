"""Walk-forward: every fold fits on its own past, one portfolio goes through all, and every trial is counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.candidates import backtest_candidate, fit
from backtests.comparison.walk_forward import Succession, WalkForward, walk_forward
from backtests.learned.warnings import observations
from research.errors import ConfigError, PolicyError
from research.learning import Learned, LearnedPolicy, PPOSettings
from research.portfolio import Portfolio, load_portfolio

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "global_multi_asset.yaml"
STARTS = ("2016-01-04", "2018-01-02", "2020-07-01")
QUICK = PPOSettings(worlds=32, rollout=8, batch=64, epochs=2)


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE)


def spec_of(portfolio: Portfolio) -> Learned:
    return Learned(portfolio.strategic, steps=300, seeds=(1, 2), episode=26, learner="ppo", ppo=QUICK)


@pytest.fixture(scope="module")
def learned(portfolio: Portfolio) -> WalkForward:
    return walk_forward(portfolio, "rl", STARTS, spec=spec_of(portfolio))


@pytest.fixture(scope="module")
def tuned(portfolio: Portfolio) -> WalkForward:
    return walk_forward(portfolio, "tuned", STARTS)


def test_every_fold_saw_the_days_before_it_and_none_of_its_own(learned: WalkForward, tuned: WalkForward) -> None:
    sessions = learned.played.market.dates
    for walk in (learned, tuned):
        folds = walk.folds()
        for start, seen in zip(folds["start"], folds["seen"], strict=True):
            assert seen == sessions[sessions < start][-1]


def test_every_seed_and_setting_tried_is_recorded(learned: WalkForward, tuned: WalkForward) -> None:
    assert learned.trials == len(learned.tried()) == 3 * 2
    assert learned.tried()["trial"].tolist() == ["seed 1", "seed 2"] * 3
    assert tuned.trials == len(tuned.tried()) == sum(fitted.tuned.card.trials for fitted in tuned.fits)  # type: ignore[union-attr]
    for fold, rows in tuned.tried().groupby("fold"):
        assert rows["loss_training"].min() == tuned.folds()["loss_training"][fold]


def test_a_learned_policy_is_warned_of_in_its_own_fold(learned: WalkForward, tuned: WalkForward) -> None:
    """As if the second had learned from all days up to the end of 2018, a year of its fold."""
    assert not any("out of sample" in warning for warning in learned.warnings)
    assert tuned.warnings == ()
    second = learned.fits[1].policy
    assert isinstance(second, LearnedPolicy)
    sly = replace(second, card={**second.card, "saw": {**second.card["saw"], "last": "2018-12-31"}})
    fits = (learned.fits[0], replace(learned.fits[1], policy=sly), learned.fits[2])
    [said] = [w for w in replace(learned, fits=fits).warnings if "out of sample" in w]
    days = learned.played.dates
    within = (days >= pd.Timestamp(STARTS[1])) & (days < pd.Timestamp(STARTS[2]))
    among = (days >= pd.Timestamp(STARTS[1])) & (days <= pd.Timestamp("2018-12-31"))
    assert said.startswith("rl, from 2018-01-02, was trained on")
    assert f"{among.sum()} of the test's {within.sum()} days are among them" in said


def test_a_policy_sees_the_ends_of_the_periods_of_its_own_fold(learned: WalkForward) -> None:
    policy, played = learned.fits[0].policy, learned.played
    assert isinstance(policy, LearnedPolicy)
    rows = played.dates[1:].searchsorted(pd.DatetimeIndex(STARTS)).tolist()
    whole = observations(policy, played)
    parts = [observations(policy, played, slice(*ends)) for ends in zip(rows, [*rows[1:], None], strict=True)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert [len(part) for part in parts] == pytest.approx([104, 130, len(whole) - 234], abs=2)


def test_a_fold_is_the_policy_that_was_fitted_before_it(portfolio: Portfolio, tuned: WalkForward) -> None:
    """Up to the second start it is the plain comparison of a test that begins with the first, to the bit."""
    first = replace(portfolio, test_start=pd.Timestamp(STARTS[0]))
    alone = backtest_candidate(first, fit("tuned", first).policy, "alone")
    until = int(np.searchsorted(alone.dates, pd.Timestamp(STARTS[1])))
    assert until > 400
    np.testing.assert_array_equal(tuned.played.ledger.nav[:until], alone.ledger.nav[:until])


def test_the_folds_make_up_the_whole(learned: WalkForward) -> None:
    folds = learned.folds()
    assert folds["sessions"].sum() == len(learned.score.losses)
    assert np.average(folds["loss"], weights=folds["sessions"]) == pytest.approx(learned.score["loss"])
    assert "walk-forward: loss J" in repr(learned)


def test_what_comes_after_a_fold_changes_nothing_in_it(portfolio: Portfolio, learned: WalkForward) -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.03, portfolio.market.returns.shape)
    later = (portfolio.market.dates >= STARTS[1])[:, None] & portfolio.market.tradable
    other = replace(
        portfolio, market=replace(portfolio.market, returns=np.where(later, noise, portfolio.market.returns))
    )
    again = walk_forward(other, "rl", STARTS[:1], spec=spec_of(portfolio))
    until = int(np.searchsorted(learned.played.dates, pd.Timestamp(STARTS[1])))
    np.testing.assert_array_equal(again.played.ledger.nav[:until], learned.played.ledger.nav[:until])


@pytest.mark.parametrize("starts", [(), ("2018-01-02", "2016-01-04"), ("2031-01-01",), ("2016-01-02", "2016-01-03")])
def test_starts_that_make_no_folds_are_refused(portfolio: Portfolio, starts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="first days of folds, in order, up to 2022-12-29"):
        walk_forward(portfolio, "tuned", starts)


def test_what_is_no_portfolio_and_no_list_of_days_is_refused(portfolio: Portfolio) -> None:
    with pytest.raises(ConfigError, match="portfolio is 'global': give one, as load_portfolio"):
        walk_forward("global", "tuned", STARTS)  # type: ignore[arg-type]
    for starts in ("2015-01-02", None, 2015):
        with pytest.raises(ConfigError, match=r"starts are .*: give a list of first days"):
            walk_forward(portfolio, "tuned", starts)  # type: ignore[arg-type]


def test_a_candidate_that_is_none_is_refused(portfolio: Portfolio) -> None:
    with pytest.raises(ConfigError, match="spec is 'rl': give a rule, a TunedThreshold or Learned"):
        walk_forward(portfolio, "rl", STARTS, spec="rl")  # type: ignore[arg-type]


def test_a_succession_has_no_answer_before_its_first_start(portfolio: Portfolio, tuned: WalkForward) -> None:
    policies = tuple(fitted.policy for fitted in tuned.fits)
    late = Succession(policies[1:], tuned.starts[1:])
    with pytest.raises(PolicyError, match="a walk-forward from 2018-01-02 on has no policy for 2016-01"):
        backtest_candidate(replace(portfolio, test_start=pd.Timestamp(STARTS[0])), late, "late")
