"""The plan of a portfolio file: its rows, and each mistake with file, key, value and fix."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.accounting.spending import Spending
from research.portfolio import load_portfolio
from research.portfolio.plan import IncomeKeys, LifeKeys, Plan, SavingKeys

FIXED = "spending: {amount: 1_000}, inflation: 0.02"


def test_a_file_without_a_plan_has_none(write: Any) -> None:
    assert load_portfolio(write()).plan is None


def test_a_plan_is_read_as_it_is_written(write: Any) -> None:
    text = (
        "plan: {years: 20, saving: {amount: 10, years: 5}, spending: {rule: share, share: 0.04, floor: 2, ceiling: 9}, "
        "every: quarter, once: {2030-06-30: -50}, inflation: history, left: 7, probability: 0.1}\ntest_start"
    )
    assert load_portfolio(write("test_start", text)).plan == Plan(
        years=20,
        saving=SavingKeys(amount=10, years=5),
        spending=Spending("share", share=0.04, floor=2, ceiling=9),
        every="quarter",
        once={pd.Timestamp("2030-06-30"): -50.0},
        inflation="history",
        left=7,
        probability=0.1,
    )


@pytest.mark.parametrize(
    ("age", "mode", "spread", "published"),
    [(65, 80.0, 10.0, 0.2404), (75, 80.0, 10.0, 0.3527), (65, 81.95, 10.6, 0.3226), (65, 87.8, 9.5, 0.5199)],
)
def test_a_life_is_that_of_milevsky_and_robinson(age: int, mode: float, spread: float, published: float) -> None:
    """Milevsky and Robinson (2000), North American Actuarial Journal 4(4), page 114: to live to 85."""
    born = pd.Timestamp("1950-01-01")
    days = pd.DatetimeIndex([born + pd.DateOffset(years=years) for years in (age, 85)])
    alive = LifeKeys(born=born, mode=mode, spread=spread).alive(days)
    assert alive == pytest.approx([1.0, published], abs=2e-4)


def test_lives_are_independent(write: Any) -> None:
    text = (
        "plan: {spending: {amount: 1_000}, inflation: 0.02, lives: [{born: 1950-01-01, mode: 87.8, spread: 9.5}, "
        "{born: 1948-06-30, mode: 81.95, spread: 10.6}]}\ntest_start"
    )
    plan = load_portfolio(write("test_start", text)).plan
    assert plan is not None
    days = pd.date_range("2022-12-31", periods=40, freq="YE")
    one, other = (life.alive(days) for life in plan.lives)
    assert plan.someone_alive(days) == pytest.approx(one + other - one * other, abs=1e-15)
    assert (np.diff(plan.someone_alive(days)) < 0.0).all()


def test_the_rows_of_a_plan_are_those_of_its_calendar() -> None:
    """Two years of saving by the quarter, then two of spending: row 1 is today."""
    plan = Plan(
        years=4,
        saving=SavingKeys(amount=8.0, years=2),
        spending=Spending("indexed", 5.0),
        every="quarter",
        once={pd.Timestamp("2023-03-10"): -1.0},
        inflation=0.0,
    )
    state = plan.state(pd.date_range("2022-12-29", periods=49, freq=pd.DateOffset(months=1)))
    past = replace(plan, once=plan.once | {pd.Timestamp("2022-12-01"): -9.0})  # which the holdings have already
    assert past.state(pd.date_range("2022-12-29", periods=49, freq=pd.DateOffset(months=1))).elsewhere.tolist() == (
        state.elsewhere.tolist()
    )
    quarters = np.arange(1, 50, 3)
    saved, spent = quarters[1:9], quarters[8:-1]
    known = np.zeros(50)
    known[saved] = 2.0
    np.testing.assert_array_equal(state.known, known)
    assert np.flatnonzero(state.elsewhere).tolist() == [3]  # the row of February 28 is nearer than that of March 29
    assert state.elsewhere[3] == -1.0
    np.testing.assert_array_equal(np.flatnonzero(state.paid), spent)
    np.testing.assert_array_equal(state.paid[spent], 0.25)
    assert {t: int(state.years_left[t]) for t in np.flatnonzero(state.years_left)} == {25: 2, 37: 1}


@pytest.mark.parametrize(("every", "parts"), [("year", 1), ("quarter", 4), ("month", 12)])
def test_a_payment_has_the_income_of_the_days_until_the_next_one(every: Any, parts: int) -> None:
    """Paid by the year, it is 199 days of 365 from 15 June 2030 and 62 of 366 until 1 March 2032, both included."""
    pension = IncomeKeys(amount=36_500.0, begins=pd.Timestamp("2030-06-15"), ends=pd.Timestamp("2032-03-01"))
    plan = Plan(years=12, spending=Spending("indexed", 1.0), every=every, inflation=0.0, income=(pension,))
    _, _, income, _ = plan.money(pd.date_range("2022-12-31", periods=145, freq="ME"))
    assert income.sum() == pytest.approx(36_500.0 * (1.0 + 199 / 365 + 62 / 366), rel=0.003)
    rows = np.flatnonzero(income)
    assert rows[0] == 1 + {1: 84, 4: 87, 12: 89}[parts]
    if parts == 1:
        np.testing.assert_allclose(income[rows], [19_900.0, 36_500.0, 36_500.0 * 62 / 366], rtol=1e-12)


@cases(
    "plan, told",
    ("spending: {amount: 1_000}, inflation: 3", "plan.inflation: out of bounds (.*): found 3. .* 2.5 % is 0.025"),
    (f"{FIXED}, probability: 5", "plan.probability: out of bounds (.*): found 5. .* 5 % is 0.05"),
    ("spending: {amount: 1_000}", "plan.inflation: missing"),
    (
        f"{FIXED}, income: [{{amount: 1_000, begins: 2030-01-01, ends: 2029-12-31}}]",
        "plan.income.0.ends: before it begins, on 2030-01-01",
    ),
    ("spending: {amount: -4}, inflation: 0.02", "plan.spending: amount of spending is -4.0"),
    ("spending: {rule: share, share: 4}, inflation: 0", "plan.spending: share of spending is 4.0: .* at most 1"),
    (
        "spending: {rule: share, share: 0.1, floor: 3, ceiling: 2}, inflation: 0",
        "plan.spending: floor and ceiling of spending are (3.0, 2.0): .* 0 <= floor <= ceiling",
    ),
    ("spending: {amount: 4, when: later}, inflation: 0", "plan.spending.when: unknown key (.*): found 'when'. Use"),
    (f"{FIXED}, horizon: 3", "plan.horizon: unknown key (.*): found 'horizon'. Use years, spending, saving"),
    (f"{FIXED}, years: 101", "plan.years: out of bounds (.*): found 101. .* at most 100"),
    (f"{FIXED}, lives: [{{born: 1950-01-01, mode: 9, spread: 9}}]", "plan.lives.0.mode: out of bounds (.*): found 9. "),
    (f"{FIXED}, lives: [{{born: 1950-01-01, sex: f}}]", "plan.lives.0.sex: unknown key"),
    (f"{FIXED}, every: week", "plan.every: not one of its words (.*): found 'week'. Use month, quarter, year"),
    (f"{FIXED}, left: -1", "plan.left: out of bounds (.*): found -1"),
    (
        f"{FIXED}, years: 10, saving: {{amount: 1, years: 10}}",
        "plan.saving: as long as the plan, which has 10 .* Give fewer years of saving, or a longer plan",
    ),
    (f"{FIXED}, once: {{soon: 4}}", "plan.once.soon: not a date (.*): found 'soon'"),
)
def test_a_mistake_is_told_in_a_sentence(write: Any, plan: str, told: str) -> None:
    pattern = re.escape(told).replace(r"\.\*", ".*").replace(r"\ ", " ")
    with pytest.raises(ConfigError, match=pattern) as caught:
        load_portfolio(write("test_start", f"plan: {{{plan}}}\ntest_start"))
    assert "desk.yaml, line 16" in str(caught.value)
