"""A champion stays unless a challenger is significantly better, however many there are."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import every_day

from backtests.studies.forecasts.champion import challenge
from backtests.studies.forecasts.walk_forward import ForecastPath, walk_forward
from research.forecast import Estimated

TRUE = {"mean": 0.0003 * 21, "deviation": 0.01 * 21**0.5}


@pytest.fixture(scope="module")
def path() -> ForecastPath:
    return walk_forward(Estimated(window=60), every_day(days=2400, n=4, seed=6), 21)


def shifted(path: ForecastPath, mean: float, deviation: float) -> ForecastPath:
    return replace(path, mean=np.full_like(path.mean, mean), deviation=np.full_like(path.mean, deviation))


def test_a_better_challenger_takes_the_place_and_a_worse_one_does_not(path: ForecastPath) -> None:
    true, wrong = shifted(path, **TRUE), shifted(path, 0.2, TRUE["deviation"])
    found = challenge({"wrong": wrong, "true": true}, "wrong")
    assert found.winner == "true"
    assert found.sentence().startswith("true takes the place of wrong: over 76 dates its log score is better by")
    stays = challenge({"true": true, "wrong": wrong}, "true")
    assert stays.winner == "true"
    assert stays.table.loc["wrong", "p"] > 0.99
    assert "true stays in use: over 76 dates the log score of wrong is not significantly better" in stays.sentence()
    assert challenge({"true": true}, "true").sentence() == "true has no challenger."


def test_among_equals_the_champion_is_dethroned_no_more_often_than_the_test_s_size(path: ForecastPath) -> None:
    rng, dethroned, tries = np.random.default_rng(3), 0, 200
    for _ in range(tries):
        outcome = rng.normal(size=path.mean.shape)
        equal = {name: replace(path, mean=rng.normal(0.0, 0.2, outcome.shape)) for name in "abc"}
        for one in equal.values():
            object.__setattr__(one, "deviation", np.ones_like(outcome))
            one.__dict__["outcome"] = outcome
        dethroned += challenge(equal, "a").winner != "a"
    assert dethroned <= 18  # 5 % of 200, and two standard errors and a half
