"""Plans played month by month: as plain Python plays them, as history bore them, and as their arithmetic must be."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.engine.python_loop import play_daily
from backtests.today import plan_paths
from backtests.today.future_paths import Opening, engine_inputs, play_futures, shared_bands
from backtests.today.plan import Futures, _Game
from backtests.today.plan_paths import PlanOpening, bands_in_months
from foundation.errors import ConfigError
from research.accounting import Costs, Tax
from research.accounting.spending import Spending
from research.allocation import FixedWeights
from research.market.reading.long_history import long_history
from research.portfolio import load_portfolio
from research.portfolio.plan import Plan, SavingKeys
from research.rules import Calendar, Never, Threshold
from tests.backtests.today.plan_by_hand import ByHand
from tests.planned import holding, played

WEIGHTS = (0.6, 0.4)
MIX, ONE = FixedWeights(WEIGHTS), FixedWeights((1.0, 0.0))
LIVING = {
    "constant": Spending("constant", 6.0),
    "indexed": Spending("indexed", 6.0),
    "share": Spending("share", share=0.07, floor=4.0, ceiling=7.0),
    "guardrails": Spending("guardrails", 6.0),
}
TRADING = {
    "year": (Calendar(MIX, "year"), {"months": (12,)}),
    "quarter": (Calendar(MIX, "quarter"), {"months": (3, 6, 9, 12)}),
    "band": (Threshold(MIX, 0.05, "target"), {"band": 0.05}),
}
ONCE = {pd.Timestamp("2025-06-20"): -8.0, pd.Timestamp("2030-01-02"): 5.0}


def drawn(seed: int, paths: int, years: int) -> np.ndarray:
    """(P, D, 2) months of two funds that gain little."""
    return np.exp(np.random.default_rng(seed).normal([0.0035, 0.002], [0.045, 0.02], (paths, 12 * years, 2)))


def priced(seed: int, paths: int, years: int) -> np.ndarray:
    """(P, D + 1) consumer prices that rise and fall."""
    rises = np.random.default_rng(seed).normal(0.002, 0.004, (paths, 12 * years))
    return np.exp(np.concatenate([np.zeros((paths, 1)), rises.cumsum(axis=1)], axis=1))


# -- plain Python ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "policy", "every", "saved", "cost", "tax"), [
    ("constant", "year", "month", 6, 0.002, 0.25),
    ("indexed", "band", "quarter", 0, 0.002, 0.25),
    ("share", "quarter", "month", 0, 0.002, 0.25),
    ("guardrails", "band", "month", 3, 0.002, 0.25),
    ("guardrails", "year", "year", 0, 0.002, 0.0),
    ("indexed", "quarter", "year", 0, 0.0, 0.25),
    ("share", "band", "year", 5, 0.0, 0.0),
])  # fmt: skip
def test_plain_python_plays_the_same_plan(rule, policy, every, saved, cost, tax):
    years, saving = 22, SavingKeys(amount=5.0, years=saved) if saved else None
    plan = Plan(years=years, spending=LIVING[rule], saving=saving, every=every, once=ONCE, inflation=0.0)
    costs = replace(Costs.bps(2, half_spread=1e4 * cost), tax=Tax(tax) if tax else None)
    portfolio, (traded, by_hand) = holding(WEIGHTS, 100.0, costs), TRADING[policy]
    opening, growths, prices = PlanOpening.of(portfolio, plan), drawn(4, 3, years), priced(5, 3, years)
    got = played(portfolio, plan, traded, growths, prices)
    for p in range(3):
        account = ByHand(plan, np.array(WEIGHTS), 100.0 * np.array(WEIGHTS), 0.0, rate=cost, tax=tax, **by_hand)
        nav, ended, taken = account.play(opening.dates, growths[p], opening.cash_growth, prices[p])
        np.testing.assert_allclose(got.nav[p], nav, rtol=1e-12, atol=1e-11)
        np.testing.assert_allclose(got.taken[p], taken, rtol=1e-10, atol=1e-12)
        assert got.ended[p] == ended
        assert tax == 0.0 or account.taxes > 0.0


# -- history ---------------------------------------------------------------------------------------------------------


def real_years() -> np.ndarray:
    """(152, 2) real growth of US stocks and of bonds from each January since 1871 to the next.

    A year of stocks is the price of the next January and the year's dividends over the price; one of bonds is a coupon
    and, at the next January's long rate, the price of a ten-year par bond with nine years left.
    """
    table = long_history()
    price, dividend, consumer, rate = (
        table[name].to_numpy() for name in ("SP500", "Dividend", "Consumer Price Index", "Long Interest Rate")
    )
    first, last = np.arange(0, len(price) - 12, 12), np.arange(12, len(price), 12)
    stocks = (price[last] + dividend[: last[-1]].reshape(-1, 12).mean(axis=1)) / price[first]
    coupon, later = rate[first] / 100.0, rate[last] / 100.0
    bonds = coupon + coupon * (1.0 - (1.0 + later) ** -9) / later + (1.0 + later) ** -9
    return np.column_stack([stocks, bonds]) * (consumer[first] / consumer[last])[:, None]


STARTS, LONG = np.arange(1926, 1967), 30  # years


def history(stocks: float) -> tuple[np.ndarray, np.ndarray]:
    """Futures (41, 360, 2) that begin in each of `STARTS`, and what each of them bears of 1: 1 / sum of 1 / worth.

    A year's growth comes in its sixth month, after the mix was brought to target, and before the next withdrawal.
    """
    grown = np.array([real_years()[start - 1871 : start - 1871 + LONG] for start in STARTS])
    months = np.ones((len(STARTS), 12 * LONG, 2))
    months[:, 5::12] = grown
    worth = np.cumprod(np.hstack([np.ones((len(STARTS), 1)), (grown @ (stocks, 1.0 - stocks))[:, :-1]]), axis=1)
    return months, 1.0 / (1.0 / worth).sum(axis=1)


def yearly(stocks: float, probability: float = 0.05) -> tuple[PlanOpening, Calendar]:
    """The opening of a mix that is worth 1, from which 1 a year is spent in real money, and its yearly calendar."""
    plan = Plan(years=LONG, spending=Spending("indexed", 1.0), inflation=0.0, probability=probability)
    weights = (stocks, 1.0 - stocks)
    return PlanOpening.of(holding(weights), plan), Calendar(FixedWeights(weights), "year")


@pytest.mark.parametrize(
    ("stocks", "worst", "of_1929"),
    [(0.50, 0.03598, 0.05005), (0.60, 0.03647, 0.04857), (0.75, 0.03702, 0.04544), (1.00, 0.03741, 0.03840)],
)
def test_the_worst_start_of_history_is_1966(stocks, worst, of_1929):
    _, borne = history(stocks)
    assert (STARTS[borne.argmin()], borne.min()) == (1966, pytest.approx(worst, abs=5e-6))
    assert borne[STARTS == 1929] == pytest.approx(of_1929, abs=5e-6)


@pytest.mark.parametrize("stocks", [0.50, 1.00])
def test_a_start_of_history_bears_its_amount_and_no_more(stocks):
    months, borne = history(stocks)
    (opening, policy), prices = yearly(stocks), np.ones((1, 12 * LONG + 1))
    shared = bands_in_months(opening, opening, policy)
    for start in (1929, 1937, 1966):
        k = start - int(STARTS[0])
        less, more = (
            plan_paths.play_plan((opening,), shared, months[k : k + 1], prices, borne[k] * scale)
            for scale in (1.0 - 1e-9, 1.0 + 1e-9)
        )
        assert less.ended[0] == -1
        assert 0.0 < less.left[0] < 1e-6
        assert more.ended[0] == 12 * (LONG - 1)
        np.testing.assert_allclose(more.taken[0], borne[k], rtol=1e-6)


@pytest.mark.parametrize(("stocks", "probability", "may_fail"), [(0.6, 0.01, 0), (0.6, 0.05, 2), (1.0, 0.2, 8)])
def test_the_safe_amount_of_history_is_the_one_that_so_many_starts_bear(stocks, probability, may_fail):
    (months, borne), (opening, policy) = history(stocks), yearly(stocks, probability)
    futures = Futures(months, np.ones((1, 12 * LONG + 1)))
    with ThreadPoolExecutor(1) as pool:
        game = _Game((opening,), bands_in_months(opening, opening, policy), pool)
        safe = game.safe(futures, np.ones(len(STARTS), dtype=bool))
    expected = np.sort(borne)[may_fail]
    assert expected * (1.0 - 1e-4) <= safe.value <= expected
    assert safe.low <= safe.value <= safe.high


# -- the engine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["never", "quarterly", "yearly"])
def test_a_year_without_flows_is_that_of_the_landed_futures(name):
    whole = load_portfolio("data/examples/market_of_months.yaml")
    market = whole.market.until("2022-11-30")  # the end of a month, so that its year has twelve rows
    file = replace(whole, market=market, last_trade=market.dates[-2])
    plan, growths = Plan(years=1, spending=Spending("indexed", 0.0), inflation=0.0), drawn(8, 40, 1)
    opening, policy = Opening(file), file.policies[name]
    assert opening.days == plan.months
    year = play_futures(opening, shared_bands(opening, {name: policy}), growths)[name]
    np.testing.assert_array_equal(played(file, plan, policy, growths).nav, year.nav[:, [0, -1]])
    assert name == "never" or year.cost.any()


@pytest.mark.parametrize(("rule", "policy"), [
    ("constant", Never(MIX)),
    ("indexed", Threshold(MIX, 0.04, "edge")),
    ("share", Calendar(MIX, "quarter")),
    ("guardrails", Threshold(MIX, 0.03, "target")),
])  # fmt: skip
def test_the_loop_in_python_plays_the_same_plan(monkeypatch, rule, policy):
    years = 12
    plan = Plan(
        years=years, spending=LIVING[rule], saving=SavingKeys(amount=4.0, years=3), every="month", once=ONCE,
        inflation=0.0,
    )  # fmt: skip
    costs = replace(Costs.bps(2, half_spread=10), tax=Tax(0.2), management_fee=0.004)
    portfolio, growths, prices = holding(WEIGHTS, 100.0, costs), drawn(6, 2, years), priced(7, 2, years)
    compiled, opening = played(portfolio, plan, policy, growths, prices), PlanOpening.of(portfolio, plan)
    targets = bands_in_months(opening, opening, policy).targets

    def in_python(kernel, *_):
        def play(loop, first, units, cash_units, booked):
            inputs = engine_inputs(opening, policy, opening.skeleton, targets, 0, "")
            for part in ("sessions", "desk"):
                object.__setattr__(inputs, part, getattr(loop, part))
            loop.ledger.booked[:], loop.ledger.units[0] = -1, units
            play_daily(inputs, cash_units, loop.ledger)
            return int((loop.ledger.booked >= 0).sum()), -1

        return play

    monkeypatch.setattr(plan_paths, "typed", in_python)
    slow = played(portfolio, plan, policy, growths, prices)
    assert (compiled.ended < 0).all()
    for name, values in vars(compiled).items():
        np.testing.assert_array_equal(getattr(slow, name), values, err_msg=name)


@pytest.mark.parametrize("lots", ["average", "first", "highest", "tax_minimal"])
def test_no_future_depends_on_those_before_it(lots):
    plan = Plan(years=5, spending=Spending("indexed", 4.0), inflation=0.0)
    portfolio = holding(WEIGHTS, 100.0, replace(Costs.bps(2), tax=Tax(0.15, lots, short_rate=0.4)))
    growths, policy = drawn(0, 5, 5), Threshold(MIX, 0.02, "target")
    together = played(portfolio, plan, policy, growths)
    assert together.taxes.all()
    for p in range(5):
        alone = played(portfolio, plan, policy, growths[p : p + 1])
        for name in ("nav", "taxes"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[p])


def test_costs_are_not_seen_by_another_thread_before_they_are_whole(monkeypatch):
    opening = PlanOpening.of(holding(WEIGHTS), Plan(spending=Spending("indexed", 0.04), inflation=0.0))
    seen = []
    monkeypatch.setattr(
        plan_paths, "replace", lambda *a, **more: seen.append("costs" in vars(opening)) or replace(*a, **more)
    )
    assert opening.costs.tax is None
    assert seen == [False]


@pytest.mark.parametrize("day", ["2022-08-31", "2022-11-30", "2022-12-15", "2022-12-28", "2022-12-29"])
def test_calendars_are_asked_as_often_from_every_day_of_a_month(day):
    whole = holding(WEIGHTS)
    market = whole.market.until(day)
    portfolio = replace(whole, market=market, last_trade=market.dates[-1])
    opening = PlanOpening.of(portfolio, Plan(years=20, spending=Spending("indexed", 0.04), inflation=0.0))
    for schedule, months in (("month", 1), ("quarter", 3), ("year", 12)):
        asked = np.flatnonzero(bands_in_months(opening, opening, Calendar(MIX, schedule)).bands.asked[2:])
        assert set(np.diff(asked[1:])) == {months}
        assert len(asked) >= 240 // months


def test_a_fee_is_charged_from_today_on():
    portfolio = holding(WEIGHTS, 100.0, replace(Costs.bps(2), management_fee=0.12))
    plan = Plan(years=1, spending=Spending("indexed", 0.0), inflation=0.0)
    nav = played(portfolio, plan, Never(MIX), np.ones((1, 12, 2))).nav[0]
    assert nav[0] == pytest.approx(100.0, rel=1e-14)
    assert nav[1] == pytest.approx(100.0 * 0.88, rel=0.01)


def test_what_is_taken_is_what_the_rule_pays():
    """Neither a saving on the day of the first payment nor money that goes once is spending."""
    plan = Plan(
        years=4, spending=Spending("indexed", 12.0), saving=SavingKeys(amount=6.0, years=2), every="month",
        once={pd.Timestamp("2023-06-30"): -5.0, pd.Timestamp("2025-06-30"): 9.0}, inflation=0.0,
    )  # fmt: skip
    got = played(holding(WEIGHTS, 100.0), plan, Never(MIX), np.ones((1, 48, 2)))
    np.testing.assert_allclose(got.taken, [[0.0, 0.0, 12.0, 12.0]], atol=1e-12)


def test_a_portfolio_that_cannot_pay_pays_what_it_has():
    got = played(
        holding(WEIGHTS, 100.0), Plan(years=4, spending=Spending("indexed", 40.0), inflation=0.0), Never(MIX),
        np.ones((1, 48, 2)),
    )  # fmt: skip
    assert got.ended.tolist() == [24]
    np.testing.assert_allclose(got.taken, [[40.0, 40.0, 20.0, 0.0]], rtol=1e-12)
    np.testing.assert_allclose(got.nav, [[60.0, 20.0, 0.0, 0.0, 0.0]], rtol=1e-12)


def test_a_market_of_quarters_has_no_plan():
    quarters = replace(holding(WEIGHTS), periods_per_year=4)
    with pytest.raises(ConfigError, match="a plan has a row a month, and market 'multi_asset_daily' a row a quarter"):
        PlanOpening.of(quarters, Plan(spending=Spending("indexed", 0.04), inflation=0.0))


# -- properties ------------------------------------------------------------------------------------------------------

YEARS = 5
SEEDS = st.integers(0, 10_000)
EVERY = st.sampled_from(["month", "quarter", "year"])


@settings(max_examples=15)
@given(SEEDS, st.booleans(), st.floats(0.01, 4.0), EVERY, st.just(1.0) | st.floats(0.05, 0.95))
def test_wealth_is_units_of_the_portfolio_that_nobody_touched(seed, saved, amount, every, weight):
    """Brought to target at each close without costs, so that money buys and sells units of one portfolio.

    A gap of less than a millionth of NAV is left as it is: two funds are as near as that.
    """
    weights = (weight, 1.0 - weight)
    plan = Plan(
        years=YEARS, spending=Spending("constant", 0.0 if saved else amount), every=every, inflation=0.0,
        saving=SavingKeys(amount=amount, years=YEARS - 1) if saved else None,
    )  # fmt: skip
    growths = drawn(seed, 2, YEARS)
    got = played(holding(weights, 20.0), plan, Calendar(FixedWeights(weights), "month"), growths)
    unit = np.cumprod(np.hstack([np.ones((2, 1)), growths @ weights]), axis=1)
    state = plan.state(pd.date_range("2022-12-29", periods=12 * YEARS + 1))
    units = 20.0 + np.cumsum((state.known[1:] - plan.spending.amount * state.paid[1:]) / unit, axis=1)
    expected, ruined = (units * unit)[:, ::12], np.maximum.accumulate(units <= 0.0, axis=1)[:, ::12]
    np.testing.assert_allclose(
        got.nav, np.where(ruined, 0.0, expected), rtol=1e-9 if weight == 1.0 else 1e-6, atol=1e-9
    )


@settings(max_examples=9)
@given(SEEDS, EVERY, st.sampled_from(["amount", "cost", "tax"]))
def test_more_spending_cost_and_tax_leave_less(seed, every, what):
    """Path by path where it can be shown: one fund that is only sold, so that each of them sells more units of it.

    With two funds more may also be sold of the one that then falls, and guardrails cut a larger amount before a smaller
    one: there it holds on average at most.
    """
    growths, levels = drawn(seed, 20, 2 * YEARS), np.array([0.5, 1.0, 2.0, 4.0])
    of_amount = 0.4 * levels if what == "amount" else np.full(4, 0.9)
    of_cost = 0.01 * levels if what == "cost" else np.full(4, 0.01)
    of_tax = 0.15 * levels if what == "tax" else np.full(4, 0.15)
    navs, failed = [], []
    for amount, cost, tax in zip(of_amount, of_cost, of_tax, strict=True):
        plan = Plan(years=2 * YEARS, spending=Spending("indexed", amount), every=every, inflation=0.0)
        costs = replace(Costs.bps(2, half_spread=1e4 * cost), tax=Tax(tax))
        got = played(holding((1.0, 0.0), 8.0, costs), plan, Never(ONE), growths)
        navs.append(got.nav)
        failed.append(got.ended >= 0)
    assert (np.diff(navs, axis=0) <= 1e-12).all()
    assert (np.diff(np.array(failed).astype(int), axis=0) >= 0).all()
    assert (navs[0] != navs[-1]).any()


@settings(max_examples=6)
@given(SEEDS, EVERY)
def test_without_inflation_indexed_is_constant(seed, every):
    growths = drawn(seed, 3, YEARS)
    indexed, constant = (
        played(
            holding(WEIGHTS, 20.0), Plan(years=YEARS, spending=Spending(rule, 2.0), every=every, inflation=0.0),
            Calendar(MIX, "year"), growths,
        )
        for rule in ("indexed", "constant")
    )  # fmt: skip
    for name, values in vars(indexed).items():
        np.testing.assert_array_equal(getattr(constant, name), values)


@settings(max_examples=6)
@given(SEEDS, st.floats(0.0, 0.03))
def test_guardrails_that_are_never_touched_are_indexed(seed, inflation):
    """NAV grows by some 3 % a year, so that a hundredth of it stays within a fifth of a hundredth."""
    growths = np.exp(np.random.default_rng(seed).uniform(0.001, 0.004, (3, 12 * YEARS, 2)))
    prices = ((1.0 + inflation) ** (np.arange(12 * YEARS + 1) / 12))[None]
    guarded, indexed = (
        played(
            holding(WEIGHTS, 20.0), Plan(years=YEARS, spending=Spending(rule, 0.2), inflation=inflation),
            Calendar(MIX, "year"), growths, prices,
        )
        for rule in ("guardrails", "indexed")
    )  # fmt: skip
    np.testing.assert_allclose(guarded.nav, indexed.nav, rtol=1e-14)
    np.testing.assert_allclose(guarded.taken, 0.2, rtol=1e-12)


@pytest.mark.parametrize(("at_end", "left"), [("keep", 1.8), ("liquidate", 1.8), ("step_up", 2.0)])
def test_what_is_left_counts_after_the_tax_on_its_gains(at_end, left):
    """Bought today, doubled in a year, with 20 % of the gain due unless it is forgiven."""
    costs = replace(Costs.bps(2), tax=Tax(0.2, at_end=at_end))
    plan = Plan(years=1, spending=Spending("constant", 0.0), inflation=0.0)
    got = played(holding((0.6, 0.4), costs=costs), plan, Never(MIX), np.full((1, 12, 2), 2.0 ** (1 / 12)))
    np.testing.assert_allclose([got.nav[0, -1], got.left[0]], [2.0, left], rtol=1e-12)
