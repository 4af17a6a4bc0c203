"""The answers of a plan: what they must be between themselves, and what a plan that cannot begin is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from backtests.today.plan import (
    Amount,
    Chance,
    Futures,
    PolicyPlan,
    _answers,
    check_plan,
    life_of_plan,
    with_consumer_prices,
)
from backtests.today.plan_paths import PlanOpening, PlanPaths, in_months
from foundation.errors import ConfigError, DataError
from research.accounting import Costs, Tax
from research.accounting.spending import Spending
from research.allocation import FixedWeights
from research.market.reading.long_history import consumer_prices
from research.portfolio import load_portfolio
from research.portfolio.plan import Plan, SavingKeys
from research.rules import Calendar, Never
from tests.planned import holding

WEIGHTS = (0.6, 0.4)
MIX = FixedWeights(WEIGHTS)
POLICIES = {"yearly": Calendar(MIX, "year"), "never": Never(MIX)}
TAXED = replace(Costs.bps(2, half_spread=10), tax=Tax(0.2))


def same(one: PolicyPlan, other: PolicyPlan) -> None:
    """Both are equal in every figure."""
    for name, value in vars(one).items():
        np.testing.assert_array_equal(getattr(other, name), value, err_msg=name)


@pytest.fixture(scope="module")
def life():
    plan = Plan(years=20, spending=Spending("indexed", 6.0), inflation=0.02, left=10.0, probability=0.1)
    return life_of_plan(holding(WEIGHTS, 100.0, TAXED), plan, POLICIES, paths=300, seed=3)


def test_answers_do_not_depend_on_the_number_of_workers(life):
    again = life_of_plan(life.portfolio, life.plan, POLICIES, paths=300, seed=3, workers=1)
    for name, one in life.policies.items():
        same(one, again.policies[name])
    assert again.changes == life.changes
    assert (again.known, again.laws, again.decades) == (life.known, life.laws, life.decades)


def test_so_many_futures_fail_at_the_safe_amount(life):
    plan = replace(life.plan, spending=Spending("indexed", life.policies["yearly"].safe.value))
    at_safe = life_of_plan(life.portfolio, plan, {"yearly": POLICIES["yearly"]}, paths=300, seed=3).policies["yearly"]
    assert at_safe.failed.value == pytest.approx(0.1, abs=0.5 / 300)
    assert at_safe.safe.value == pytest.approx(plan.spending.amount, rel=2e-4)
    assert at_safe.safe.low < plan.spending.amount < at_safe.safe.high


def test_a_worse_world_fails_more_often_and_bears_less(life):
    as_it_is, *others = life.changes.values()
    assert as_it_is[0] == life.policies[life.shown].failed
    assert [*life.changes][1:] == [
        "a point less return of the assets",
        "a fee of a point more on NAV",
        "a point more inflation, returns as they are",
    ]
    for chance, safe in others:
        assert chance.value > as_it_is[0].value
        assert safe.value < as_it_is[1].value
    worst_first, worst_last = life.decades
    assert worst_first.value > as_it_is[0].value
    assert worst_first.value > worst_last.value


def test_policies_are_compared_future_by_future(life):
    shown, other = life.policies["yearly"], life.policies["never"]
    assert (shown.worse, np.isnan(shown.p)) == ((0.0, 0.0, 0.0), True)
    mean, low, high = other.worse
    assert mean == pytest.approx(other.failed.value - shown.failed.value, abs=1e-12)
    assert low < mean < high
    assert 0.0 < other.p <= 1.0
    for one in (shown, other):
        assert (np.diff([chance.value for chance in one.by_year]) >= 0.0).all()
        assert one.by_year[-1].value <= one.failed.value  # what is left may also be too little
        assert one.taxes > 0.0
        assert one.costs > 0.0
        assert (one.left <= one.fan[-1]).all()  # after the tax on its gains


def test_an_interval_is_that_of_clopper_and_pearson():
    found = Chance.of(np.arange(200) < 13)
    assert found.value == 0.065
    assert (found.low, found.high) == pytest.approx(
        (stats.beta.ppf(0.025, 13, 188), stats.beta.ppf(0.975, 14, 187)), rel=1e-9
    )


def test_a_lowest_payment_is_one_of_spending():
    plan = Plan(
        years=6, spending=Spending("indexed", 2.0), saving=SavingKeys(amount=1.0, years=3), every="month",
        once={pd.Timestamp("2023-06-30"): -0.5}, inflation=0.0,
    )  # fmt: skip
    found = life_of_plan(holding(WEIGHTS, 100.0), plan, {"never": POLICIES["never"]}, paths=100).policies["never"]
    assert (found.lowest, found.taken) == (pytest.approx(2.0, rel=1e-12), pytest.approx(2.0, rel=1e-12))


@pytest.mark.parametrize("spending", [Spending("indexed", 0.0), Spending("share", share=0.05)])
def test_a_rule_without_an_amount_has_no_safe_one(spending):
    plan = Plan(years=3, spending=spending, inflation=0.01)
    found = life_of_plan(holding(WEIGHTS, 100.0), plan, {"never": POLICIES["never"]}, paths=100).policies["never"]
    assert np.isnan(found.safe.value)
    assert (found.failed.value, found.taken > 0.0) == (0.0, spending.rule == "share")


@pytest.mark.parametrize(("spending", "goes"), [
    (Spending("indexed", 100.0), 0.0),
    (Spending("share", share=0.04, floor=100.0), 0.0),
    (Spending("indexed", 40.0), -60.0),
])  # fmt: skip
def test_a_plan_that_spends_all_in_its_first_year_is_refused(spending, goes):
    plan = Plan(spending=spending, inflation=0.0, once={pd.Timestamp("2023-11-30"): goes})
    told = r"the plan takes 100.00 USD in its first year, and all that .* holds is worth 100.00: .* Spend less, or save"
    with pytest.raises(ConfigError, match=told):
        life_of_plan(holding(WEIGHTS, 100.0), plan, POLICIES)
    check_plan(PlanOpening.of(holding(WEIGHTS, 100.01), plan))


def test_what_is_taxed_when_it_is_taken_out_pays_for_less():
    file = load_portfolio("data/examples/orders_of_accounts.yaml")
    sheltered = replace(file, accounts=tuple(replace(each, taxable=False) for each in file.accounts))
    plan = Plan(spending=Spending("indexed", 0.8 * file.nav), inflation=0.0)
    check_plan(PlanOpening.of(sheltered, plan))
    with pytest.raises(ConfigError, match=r"holds is worth .* after the tax on taking it out: "):
        check_plan(PlanOpening.of(sheltered, replace(plan, withdrawal_tax=0.25)))


def test_what_comes_in_the_first_year_pays_for_it_and_what_comes_later_does_not():
    spends, day = Spending("indexed", 2_000.0), pd.Timestamp("2024-12-31")
    later = Plan(spending=spends, inflation=0.0, once={day: 5_000.0})
    with pytest.raises(ConfigError, match=r"takes 2,000.00 USD in its first year, and all that .* is worth 100.00"):
        check_plan(PlanOpening.of(holding(WEIGHTS, 100.0), later))
    saves = SavingKeys(amount=12_000.0, years=5)
    soon = replace(later, saving=saves, every="month", once={pd.Timestamp("2023-06-30"): -1_500.0})
    check_plan(PlanOpening.of(holding(WEIGHTS, 100.0), soon))


def test_money_may_come_or_go_until_the_last_day_of_a_plan():
    plan = Plan(years=10, spending=Spending("indexed", 1.0), inflation=0.0)
    last = PlanOpening.of(holding(WEIGHTS, 100.0), plan).dates[-1]
    check_plan(PlanOpening.of(holding(WEIGHTS, 100.0), replace(plan, once={last: -1.0})))
    with pytest.raises(ConfigError, match=f"and the plan ends on {last:%Y-%m-%d}"):
        check_plan(PlanOpening.of(holding(WEIGHTS, 100.0), replace(plan, once={last + pd.Timedelta(days=1): -1.0})))


def test_a_plan_has_a_hundred_futures_and_a_policy():
    plan = Plan(spending=Spending("indexed", 1.0), inflation=0.0)
    with pytest.raises(ConfigError, match="paths are 99: give a whole number of futures, at least 100"):
        life_of_plan(holding(WEIGHTS, 100.0), plan, POLICIES, paths=99)
    with pytest.raises(ConfigError, match="no policy can be played through a plan: none is given"):
        life_of_plan(holding(WEIGHTS, 100.0), plan, {})


def test_consumer_prices_rise_by_the_month_in_which_they_are_drawn():
    months = in_months(holding(WEIGHTS).market)
    found, level = with_consumer_prices(months), consumer_prices(months.days)
    np.testing.assert_allclose(1.0 + found.returns[1:, -1], level[1:] / level[:-1], rtol=1e-14)
    assert level[-1] == pytest.approx(296.797, abs=0.005)  # CPI-U of December 2022 (BLS)
    with pytest.raises(DataError, match=r"known from 1871-01 to 2023-06, .* has rows in 2023-07: state the inflation"):
        consumer_prices(np.array(["2023-07-03"], dtype="datetime64[D]"))


def test_more_return_and_more_inflation_are_those_of_a_year():
    moved = Futures(np.ones((1, 24, 1)), np.ones((1, 25))).moved(growth=0.21, inflation=0.1)
    assert moved.growths.prod() == pytest.approx(1.21**2, rel=1e-12)
    assert moved.consumer[0, -1] == pytest.approx(1.21, rel=1e-12)


FLAT = """
name: flat
market: {{file: flat.csv, quotes: flat.csv, cash: 0.0, calendar: 24/7}}
basis: USD
cash: 1_000_000
lines:
  A: {{asset_class: a, target: 0.5, range: [0.4, 0.6], shares: 0}}
  B: {{asset_class: a, target: 0.5, range: [0.4, 0.6], shares: 0}}
costs: {{a: {{commission_bps: {bps}, half_spread_bps: 0}}}}
policies: {{quarterly: {{rule: calendar, schedule: quarter}}, never: {{rule: never}}}}
plan: {{years: 30, spending: {{rule: indexed, amount: {spent}}}, every: year, inflation: 0.02}}
"""


def flat(folder: Path, bps: float, spent: float) -> dict[str, PolicyPlan]:
    """The answers of a million in cash, never invested, on two assets that both earn 4 % a year, whatever comes."""
    days = pd.date_range("2008-01-31", "2022-12-31", freq="ME")
    worth = 1.04 ** (np.arange(len(days)) / 12)
    pd.DataFrame({"A": worth, "B": worth}, index=days).to_csv(folder / "flat.csv", index_label="date")
    (folder / "flat.yaml").write_text(FLAT.format(bps=bps, spent=spent))
    file = load_portfolio(folder / "flat.yaml")
    return life_of_plan(file, file.plan, file.policies, paths=100).policies


def test_a_plan_in_cash_buys_its_target_first_whatever_the_rule(tmp_path):
    """Thirty payments in advance at the real return of 1.04 / 1.02, as an annuity pays them: 43,555 a year."""
    borne = 1e6 / ((1.02 / 1.04) ** np.arange(30)).sum()
    assert borne == pytest.approx(43_555, abs=0.5)
    for one in flat(tmp_path, 0.0, 43_000).values():
        assert (one.failed.value, one.safe.value) == (0.0, pytest.approx(borne, rel=2e-3))
    for one in flat(tmp_path, 10.0, 0.0).values():
        assert one.costs == pytest.approx(1e6 * 0.001 / 1.001, rel=1e-9)


def test_an_interval_of_a_difference_ends_at_a_hundred_points():
    nothing = PlanPaths(*(np.ones((100, 2)) for _ in range(7)))
    played = replace(nothing, **{name: np.ones(100) for name in ("ended", "due", "taxes", "costs")})
    plan, fail = Plan(spending=Spending("indexed", 1.0), inflation=0.0), np.ones(100, dtype=bool)
    for failed, first, bound in ((fail, ~fail, (1.0, 1.0)), (~fail, fail, (-1.0, -1.0))):
        mean, low, high = _answers(played, plan, failed, first, Amount(1.0, 1.0, 1.0), False).worse
        assert (mean, low if mean < 0.0 else high) == bound
        assert -1.0 <= low < high <= 1.0
