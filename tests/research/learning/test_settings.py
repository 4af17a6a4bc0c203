"""What a learned rule takes, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cases import cases
from pydantic import TypeAdapter, ValidationError

from foundation.errors import ConfigError
from research.allocation import HRP, EqualWeights, FixedWeights
from research.learning import Learned, PPOSettings, Variation


def test_it_takes_targets_that_change_only_by_listing():
    assert Learned(FixedWeights((0.6, 0.4))).family == "learned"
    assert Learned(EqualWeights()).steps == 400_000
    with pytest.raises(ConfigError, match=r"HRP.*whose schedule is 'month'.*only when an asset is listed"):
        Learned(HRP(schedule="month"))


@cases(
    "changed, message",
    ({"steps": 0}, "steps of Learned is 0"),
    ({"steps": 1e6}, "steps of Learned is 1000000.0: give a whole number"),
    ({"steps": True}, "steps of Learned is True"),
    ({"schedule": "quarter"}, "schedule of Learned is 'quarter': use one of day, week, month"),
    ({"block": 0}, "block of Learned is 0"),
    ({"episode": -1}, "episode of Learned is -1"),
    ({"episode": 5_041}, "episode of Learned is 5041: give at most 5,040 decisions, a hundred years"),
    ({"current_share": 0.0}, "current_share of Learned is 0.0: give a number above 0"),
    ({"current_share": 1.1}, "current_share of Learned is 1.1"),
    ({"seeds": ()}, "at least one whole number"),
    ({"seeds": (1, 1)}, "a repeated seed"),
    ({"seeds": (-1,)}, "from 0 to"),
    ({"seeds": 5}, "seeds of Learned are 5"),
)
def test_a_setting_out_of_range_is_refused(changed, message):
    with pytest.raises(ConfigError, match=message):
        replace(Learned(EqualWeights()), **changed)


@pytest.mark.parametrize("changed", [{"worlds": 0}, {"gamma": 1.5}, {"learning_rate": 0.0}, {"log_std": float("nan")}])
def test_a_setting_of_ppo_out_of_range_is_refused(changed):
    with pytest.raises(ConfigError, match=f"{next(iter(changed))} of PPOSettings"):
        PPOSettings(**changed)


def test_a_batch_divides_a_rollout():
    with pytest.raises(ConfigError, match="batch of PPOSettings is 100: give a number that divides the 256"):
        PPOSettings(worlds=32, rollout=8, batch=100)


def test_seeds_may_come_as_a_list():
    assert Learned(EqualWeights(), seeds=[3, 4]).seeds == (3, 4)


def test_numbers_of_numpy_are_kept_as_plain_ones():
    """A card is JSON, which knows none of numpy's."""
    spec = Learned(
        EqualWeights(), np.int64(20_000), np.arange(3), current_share=np.float32(0.5),
        variation=Variation(cost=np.float32(2)), learner="ppo",
        ppo=PPOSettings(worlds=np.int64(512), gamma=np.float64(0.9)),
    )  # fmt: skip
    ppo = PPOSettings(gamma=0.9)
    plain = Learned(EqualWeights(), 20_000, (0, 1, 2), variation=Variation(cost=2), learner="ppo", ppo=ppo)
    assert spec == plain
    assert json.dumps(spec.settings()) == json.dumps(plain.settings())
    with pytest.raises(ConfigError, match=r"seeds of Learned are array\(3\): give at least one whole number"):
        Learned(EqualWeights(), seeds=np.array(3))


def test_a_seed_learns_from_whole_rollouts():
    spec = Learned(EqualWeights(), steps=1_000, learner="ppo", ppo=PPOSettings(worlds=32, rollout=8, batch=64))
    assert spec.whole_steps == 1_024
    assert replace(spec, steps=1_024).whole_steps == 1_024


def test_pydantic_refuses_an_unknown_setting():
    assert TypeAdapter(PPOSettings).validate_python({"worlds": 64, "batch": 512}) == PPOSettings(worlds=64, batch=512)
    with pytest.raises(ValidationError):
        TypeAdapter(PPOSettings).validate_python({"worlds": 64, "batch": 512, "lr": 0.1})
