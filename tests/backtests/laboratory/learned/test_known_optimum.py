"""Learners beside the known optimum, at a small budget; and the optimum itself beside its programme."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from backtests.laboratory.learned import known_optimum
from backtests.laboratory.simulate import estimate, play
from backtests.laboratory.simulated_market import BASE_CASE
from foundation.errors import ConfigError
from research.allocation import FixedWeights
from research.learning import GradientSettings, Learned, PPOSettings
from research.rules import OptimalRegion

TARGET = FixedWeights(BASE_CASE.target)
PLAIN = known_optimum.KnownOptimum(BASE_CASE, paths=300, seed=11)
HALF = 12.3 / 2  # of the gap of a network that has learned nothing; what is left hangs on seed and processor
FAST = PPOSettings(worlds=128, batch=1024, learning_rate=1e-2, hidden=16)  # five seeds end at gaps of 0.07 to 2.1
WITH_FEE = known_optimum.KnownOptimum(replace(BASE_CASE, ticket=1e-4), paths=300, seed=11)


def test_the_optimum_is_that_of_the_laboratory() -> None:
    """The accounting's own play of the same region, path by path; what fees take from wealth is all that is between."""
    theirs = play(PLAIN.laboratory, OptimalRegion(TARGET, PLAIN.region)).loss
    np.testing.assert_allclose(PLAIN.best, theirs, rtol=0.02)
    assert PLAIN.best.mean() == pytest.approx(theirs.mean(), rel=5e-4)


@pytest.mark.parametrize("known", [PLAIN, WITH_FEE], ids=["plain", "fee"])
def test_played_the_optimum_loses_what_its_programme_promises(known: known_optimum.KnownOptimum) -> None:
    whole = estimate(known.best, level=0.99)
    assert whole.lower < 1e4 * known.region.value < whole.upper
    assert whole.error < 0.01 * whole.value


LEARNERS = {  # by name: what is known, the learner at a part of the benchmark's budget, and how large its gap may be
    "gradient": (PLAIN, Learned(TARGET, 20_000, (1,), learner="gradient", gradient=GradientSettings(worlds=64)), 0.013),
    "ppo": (PLAIN, Learned(TARGET, 50_000, (1,), learner="ppo"), 0.03),
    "ppo, fee": (WITH_FEE, Learned(TARGET, 200_000, (3,), action="hold_or_trade", learner="ppo", ppo=FAST), HALF),
    "gate, fee": (WITH_FEE, Learned(TARGET, 200_000, (2,), action="gate", learner="ppo"), HALF),
}


@cache
def learned(name: str) -> pd.Series:
    """Its gap on unseen paths, with 95 %."""
    known, spec, _ = LEARNERS[name]
    return known_optimum.gaps_to_optimum(known, {"learner": spec}).set_index("learner").loc["learner"]


@pytest.mark.parametrize("name", LEARNERS)
def test_it_ends_near_the_known_optimum(name: str) -> None:
    known, _, most = LEARNERS[name]
    one = learned(name)
    assert one["upper"] < most
    assert one["loss"] == pytest.approx(known.best.mean() * (1.0 + one["gap"]))


@pytest.mark.parametrize("name", LEARNERS)
def test_it_is_not_below_the_known_optimum_beyond_chance(name: str) -> None:
    assert learned(name)["upper"] > 0.0


@pytest.mark.parametrize(
    ("market", "specs"), [("plain", known_optimum.learners), ("fee", known_optimum.learners_with_fee)]
)
def test_the_kept_seeds_had_the_budgets_of_today(market: str, specs: Callable[..., dict[str, Learned]]) -> None:
    table = known_optimum.shipped(market).query("learner != 'closed form'")
    for name, spec in specs(TARGET, (1, 2, 3, 4, 5)).items():
        own = table[table["learner"] == name]
        assert own["seed"].tolist() == list(spec.seeds)
        assert set(own["steps"]) == {spec.whole_steps}
    assert set(table["learner"]) == set(specs(TARGET, (1,)))


def test_a_fee_is_refused_where_an_action_would_pay_a_part_of_it() -> None:
    with pytest.raises(ConfigError, match="action 'bands' would pay only for the assets that it trades"):
        WITH_FEE.days(Learned(TARGET))
