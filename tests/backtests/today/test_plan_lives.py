"""Who outlives a plan: each future counts by the probability of living in the month of its ruin."""

import numpy as np
import pandas as pd
import pytest

from backtests.today.plan import life_of_plan, outlived
from backtests.today.plan_paths import PlanOpening, PlanPaths
from research.accounting.spending import Spending
from research.allocation import FixedWeights
from research.portfolio.plan import LifeKeys, Plan
from research.rules import Never
from tests.planned import holding

WEIGHTS = (0.6, 0.4)
LIVES = (
    LifeKeys(born=pd.Timestamp("1957-12-30"), mode=87.8, spread=9.5),
    LifeKeys(born=pd.Timestamp("1955-06-01"), mode=81.95, spread=10.6),
)
PLAN = Plan(years=30, spending=Spending("indexed", 6.0), every="month", inflation=0.02, lives=LIVES)


def test_a_ruin_counts_as_far_as_someone_lives_to_see_it() -> None:
    opening = PlanOpening.of(holding(WEIGHTS, 100.0), PLAN)
    ended = np.array([-1, 0, 240, 360, -1])
    found = outlived(opening, PlanPaths(np.zeros((5, 31)), ended, *(np.zeros(5) for _ in range(5))))
    assert found is not None
    alive = PLAN.someone_alive(opening.dates)
    each = np.array([0.0, 1.0, alive[240], alive[360], 0.0])
    runs_out, at_end = found
    assert runs_out.value == pytest.approx(each.mean(), rel=1e-15)
    assert runs_out.high - runs_out.value == pytest.approx(1.959964 * each.std(ddof=1) / np.sqrt(5), rel=1e-6)
    assert at_end == alive[360]
    assert LIVES[0].alive(opening.dates)[240] == pytest.approx(0.5199, abs=2e-3)  # 65 today: it lives to 85


def test_a_plan_without_lives_says_nothing_of_them_and_one_with_them_fails_as_often() -> None:
    policies = {"never": Never(FixedWeights(WEIGHTS))}
    with_lives, without = (
        life_of_plan(holding(WEIGHTS, 100.0), plan, policies, paths=100)
        for plan in (PLAN, Plan(years=30, spending=PLAN.spending, every="month", inflation=0.02))
    )
    assert without.outlived is None
    assert with_lives.outlived is not None
    one, other = with_lives.policies["never"], without.policies["never"]
    assert one.failed == other.failed
    assert 0.0 < with_lives.outlived[0].value < one.by_year[-1].value
