"""A backtest in whole lots does what a trade list would."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated import MakeMarket

from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.engine import Backtest, backtest, result, run
from research.accounting import Costs, Execution, Flows, Tax
from research.allocation import Allocation, EqualWeights, FixedWeights
from research.market import Market
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar, Never, Rule, Threshold, TrackingError

# Backtests in whole lots spend cash to the last cent, and take the greedy search.
TO_THE_CENT = {"execution": {"sizing": "units"}, "orders": {"reserve_bps": 0, "adverse_move": 0}}
RULES: dict[str, Callable[[Allocation], Rule]] = {
    "to target": lambda target: Threshold(target, 0.03),
    "to the edge": lambda target: Threshold(target, 0.03, "edge"),
    "calendar": lambda target: Calendar(target, "quarter"),
}


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml", TO_THE_CENT)


@pytest.mark.parametrize("name", RULES)
def test_each_decision_sends_the_orders_of_the_trade_list_of_that_day(portfolio: Portfolio, name: str) -> None:
    """The list is asked of a portfolio that holds what the backtest held, on a market that ends that day.

    A day later cash may not pay for all of it.
    """
    rule = RULES[name](portfolio.strategic)
    played = backtest_candidate(portfolio, rule, name)
    book, market, sent = played.ledger, portfolio.market, 0
    for j in np.flatnonzero(book.booked >= 0)[:12]:
        t, day = int(book.asked[j]), market.dates[int(book.asked[j])]
        shares = book.units[j] * market.index[t] / market.prices[t]
        held = replace(
            portfolio, market=market.until(day), shares=shares, holdings=shares * market.prices[t],
            cash=float(book.cash[t - played.first]), last_trade=market.dates[t - 1],
        )  # fmt: skip
        units = (book.trades[j] + played.unpaid.get(j, 0.0)) / market.prices[int(book.booked[j])]
        listed = trade_list(held, rule, greedy=True).sized.units
        np.testing.assert_allclose(listed, units, atol=1e-6, err_msg=f"{day}")
        sent += int((units != 0.0).sum())
    assert sent >= 8


# -- by bands, and asked at every close ------------------------------------------------------------------------------


HELD, ROWS = EqualWeights(), 130
BY_BANDS: dict[str, Rule] = {
    "never": Never(HELD),
    "calendar": Calendar(HELD, "month"),
    "tranches": Calendar(HELD, "month", tranches=3),
    "to target": Threshold(HELD, 0.02),
    "to the edge": Threshold(HELD, 0.02, "edge", cooldown=3),
    "half of the way": Threshold(HELD, 0.02, fraction=0.5, schedule="week"),
    "capped": Threshold(HELD, 0.01, turnover_cap=0.01),
    "volatility": Threshold(HELD, 0.5, kind="volatility", returns=20),
    "breaching": Threshold(HELD, 0.02, lines="breaching", review_schedule="month"),
    "tracking error": TrackingError(HELD, 0.01, returns=20),
}
UNDER: dict[str, dict[str, Any]] = {
    "a day late": {},
    "at once": {"lag": 0},
    "fees": {"costs": Costs(np.full(3, 1e-4), np.full(3, 1e-4), management_fee=0.01)},
    "spreads by the day": {"costs": Costs(np.full(3, 1e-4), np.linspace(0.0, 1e-3, 3 * ROWS).reshape(ROWS, 3))},
    "small orders not sent": {"execution": Execution(sizing="units", minimum_trade=400.0)},
    "money comes": {"flows": Flows({pd.Timestamp("2018-03-01"): 900.0}, use="cash")},
}


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("name", BY_BANDS)
def test_days_that_are_passed_over_are_those_on_which_the_rule_holds(
    halting: Market, name: str, under: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = replace(halting, prices=np.where(halting.tradable, 30.0 * halting.index, np.nan))
    market = market.until(market.dates[ROWS - 1])
    given = {"costs": Costs.bps(3, commission=5), "execution": Execution(sizing="units"), "nav": 1e4} | UNDER[under]
    by_bands = backtest(market, BY_BANDS[name], **given)
    told = by_bands.decisions()
    too_small = (name, under) == ("capped", "small orders not sent")  # its turnover cap is less than an order
    assert by_bands.booked.any() != (name == "never" or too_small)
    for module in (run, result):
        monkeypatch.setattr(module, "compiled_rule", lambda policy: None)  # no bands: asked at every close
    daily = backtest(market, BY_BANDS[name], **given)
    for field, ours, theirs in zip(by_bands.ledger._fields, by_bands.ledger, daily.ledger, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=field)
    pd.testing.assert_frame_equal(told, daily.decisions())


# -- what happens between the decision and its booking ---------------------------------------------------------------

HALVES, FREE = FixedWeights((0.5, 0.5)), Costs.bps(2)
LOTS = Execution(sizing="units")


def quoted(make_market: MakeMarket, quotes: list[list[float]], splits: np.ndarray | float = 1.0) -> Market:
    """A market of these quotes (T, 2), and of units after for one before."""
    prices, factor = np.array(quotes), np.broadcast_to(splits, (len(quotes), 2)).copy()
    returns = np.vstack([np.zeros(2), prices[1:] * factor[1:] / prices[:-1] - 1.0])
    return replace(make_market(returns), prices=prices, splits=factor)


def one_for_ten(day: int) -> np.ndarray:
    """A split of the first asset."""
    factor = np.ones((5, 2))
    factor[day, 0] = 0.1
    return factor


def shares(played: Backtest, j: int) -> list[float]:
    """Quoted units traded by row `j` of the ledger."""
    return (played.ledger.trades[j] / played.market.prices[played.ledger.booked[j]]).round(9).tolist()


def held(played: Backtest) -> list[float]:
    """Quoted units held at the end."""
    return ((played.ledger.units[-1] * played.index[-1]) / played.market.prices[-1]).round(9).tolist()


def test_a_buy_of_185_units_before_a_split_of_one_for_ten_is_filled_as_18(make_market: MakeMarket) -> None:
    """B rises by a fifth: 1,850 are to go from 31 units of B into 185 of A, which are worth ten times as much then."""
    quotes = [[10.0, 50.0], [10.0, 60.0], [100.0, 60.0], [100.0, 60.0], [100.0, 60.0]]
    market = quoted(make_market, quotes, one_for_ten(2))
    played = backtest(market, Threshold(HALVES, 0.02), FREE, nav=37_000.0, execution=LOTS)
    assert (shares(played, 0), held(played)) == ([18.0, -31.0], [203.0, 339.0])
    assert played.ledger.cash[2] == pytest.approx(31 * 60.0 - 1_800.0)
    assert played.reconcile().holds


@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_the_fraction_of_a_held_unit_that_a_split_leaves_is_paid_in_cash(make_market: MakeMarket, rate: float) -> None:
    """A rises by a fifth and is split: of 1,855 units 185 are left and half a one is paid out, 155 of them are sold."""
    quotes = [[10.0, 50.0], [12.0, 50.0], [120.0, 50.0], [120.0, 50.0], [120.0, 50.0]]
    costs = replace(FREE, tax=Tax(rate)) if rate else FREE
    market = quoted(make_market, quotes, one_for_ten(2))
    played = backtest(market, Threshold(HALVES, 0.02), costs, nav=37_100.0, execution=LOTS)
    assert (played.triggers[:2], shares(played, 0)) == (("in_lieu", "band"), [-0.5, 0.0])
    assert played.ledger.charges[0].sum() == pytest.approx(rate * 0.5 * 20.0)
    assert shares(played, 1)[0] == -15.0
    assert held(played)[0] == 170.0
    assert played.ledger.cash.min() >= 0.0
    assert played.reconcile().holds
    assert "that a split left" in played.trades()["reason"].iloc[0]


def test_all_that_is_held_is_sold_where_a_split_breaks_an_order_to_sell_all(make_market: MakeMarket) -> None:
    quotes = [[10.0, 50.0], [10.0, 50.0], [100.0, 50.0], [100.0, 50.0], [100.0, 50.0]]
    market, rule = quoted(make_market, quotes, one_for_ten(2)), Calendar(FixedWeights((0.0, 1.0)), "day")
    played = backtest(market, rule, FREE, nav=37_100.0, start_weights=np.array([0.5, 0.5]), execution=LOTS)
    assert [shares(played, 0), shares(played, 1)] == [[-0.5, 0.0], [-185.0, 371.0]]
    assert held(played) == [0.0, 742.0]


def test_buys_that_cash_cannot_pay_when_they_are_filled_are_reduced_by_whole_lots(make_market: MakeMarket) -> None:
    """30 units of B at 60 are to pay for 180 of A at 10; A is at 11 then, and 163 of them cost 1,793."""
    quotes = [[10.0, 50.0], [10.0, 60.0], [11.0, 60.0], [11.0, 60.0], [11.0, 60.0]]
    played = backtest(quoted(make_market, quotes), Threshold(HALVES, 0.02), FREE, nav=36_000.0, execution=LOTS)
    assert shares(played, 0) == [163.0, -30.0]
    assert played.ledger.cash[2] == pytest.approx(1_800.0 - 1_793.0)
    told = played.could_not_trade()
    assert told[["asset", "reason"]].to_numpy().tolist() == [["A00", "cash"]]
    assert told["unpaid"].iloc[0] == pytest.approx(17 * 11.0 / played.ledger.nav_before[0])


@pytest.mark.parametrize("at", ["open", "close"])
@pytest.mark.parametrize("lag", [1, 5])
def test_no_fill_in_whole_lots_overdraws_cash_and_no_lot_more_could_be_paid(
    make_market: MakeMarket, at: str, lag: int
) -> None:
    """Taxes are paid before anything is bought."""
    rng = np.random.default_rng(8)
    index = np.cumprod(1.0 + np.vstack([np.zeros(3), rng.normal(4e-4, 0.04, (499, 3))]), axis=0)
    bars = 20.0 * index * np.exp(rng.normal(0.0, 0.01, index.shape))
    made = make_market(np.vstack([np.zeros(3), index[1:] / index[:-1] - 1.0]))
    market = replace(made, prices=20.0 * index, bars={"open": bars})
    costs = Costs(np.full(3, 1e-3), np.full(3, 5e-4), ticket=np.full(3, 2.0), tax=Tax(0.3))
    execution = Execution(at=at, sizing="units")  # type: ignore[arg-type]
    rule = Threshold(FixedWeights((0.5, 0.3, 0.2)), 0.03)
    played = backtest(market, rule, costs, nav=1e4, lag=lag, execution=execution)
    book, cut = played.ledger, 0
    assert book.cash.min() >= 0.0
    for j, unpaid in played.unpaid.items():
        quotes = bars[book.booked[j]] if at == "open" else market.prices[book.booked[j]]
        lots = unpaid / quotes
        assert lots == pytest.approx(np.rint(lots), abs=1e-9)
        more = np.flatnonzero((lots > 0.5) & (book.trades[j] > 0.0))
        cash = book.cash_units[j + 1] * market.cash_index[book.booked[j]]
        assert (quotes[more] * 1.0015 > cash - 0.03).all(), "a lot more could have been paid"
        cut += 1
    assert cut > 10
    assert played.reconcile().holds


# -- drawn markets ---------------------------------------------------------------------------------------------------


def drawn(make_market: MakeMarket, rng: np.random.Generator) -> tuple[Market, Rule, dict[str, Any]]:
    """Two to six assets in whole, broken and tiny lots, with halts, a split, and opens; a rule; costs and cash."""
    n, days = int(rng.integers(2, 7)), 200
    index = np.cumprod(1.0 + np.vstack([np.zeros(n), rng.normal(3e-4, 0.02, (days - 1, n))]), axis=0)
    made, splits = make_market(np.vstack([np.zeros(n), index[1:] / index[:-1] - 1.0])), np.ones((days, n))
    splits[rng.integers(5, days), rng.integers(n)] = rng.choice([0.1, 1.0, 3.0])
    quotes = 10.0 ** rng.uniform(0.5, 2.5, n) * index / np.cumprod(splits, axis=0)
    tradable = made.tradable & ((rng.random((days, n)) > 0.02) | (np.arange(days) < 2)[:, None])
    quotes[~tradable & (rng.random((days, n)) < 0.5)] = np.nan
    lots = rng.choice([1.0, 1.0, 10.0, 0.01, 1e-6], n)
    market = replace(
        made, prices=quotes, bars={"open": quotes * np.exp(rng.normal(0.0, 0.01, quotes.shape))}, splits=splits,
        tradable=tradable, instruments=made.instruments.assign(lot=lots),
    )  # fmt: skip
    weights = rng.dirichlet(np.ones(n + 1))[:n]
    target = FixedWeights(tuple(weights / weights.sum() if rng.random() < 0.6 else weights))
    rules = (*BY_BANDS.values(), Threshold(HELD, 0.5, kind="volatility", returns=20, fraction=0.5))
    rule, lag = replace(rules[int(rng.integers(len(rules)))], allocation=target), int(rng.choice([0, 1, 3]))
    costs = Costs(
        rng.uniform(0.0, 2e-3, n), rng.uniform(0.0, 1e-3, n), ticket=np.full(n, rng.choice([0.0, 3.0])),
        minimum=np.full(n, rng.choice([0.0, 2.0])), tax=Tax(0.25) if rng.random() < 0.3 else None,
        management_fee=float(rng.choice([0.0, 0.05])),
    )  # fmt: skip
    at, nav = "open" if lag > 0 and rng.random() < 0.4 else "close", float(10.0 ** rng.uniform(3.5, 6.5))
    execution = Execution(at=at, sizing="units", minimum_trade=float(rng.choice([0.0, 50.0])))  # type: ignore[arg-type]
    flows = Flows({market.dates[60]: 0.1 * nav}, use="cash") if rng.random() < 0.3 else None
    return market, rule, {"costs": costs, "nav": nav, "lag": lag, "execution": execution, "flows": flows}


def test_the_compiled_loop_gives_the_days_of_the_search_in_python(
    make_market: MakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule without bands is asked in Python, and its lots are those of a `LotProblem` by the greedy search."""
    rng, orders, overdrawn, cut, lieu = np.random.default_rng(31), 0, 0, 0, 0
    for seed in range(40):
        market, rule, given = drawn(make_market, rng)
        compiled = backtest(market, rule, **given)
        told = compiled.decisions()
        with monkeypatch.context() as asked:
            for module in (run, result):
                asked.setattr(module, "compiled_rule", lambda policy: None)
            daily = backtest(market, rule, **given)
            for field, ours, theirs in zip(compiled.ledger._fields, compiled.ledger, daily.ledger, strict=True):
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{field} of {seed}")
            pd.testing.assert_frame_equal(told, daily.decisions())
        assert compiled.triggers == daily.triggers
        assert compiled.unpaid.keys() == daily.unpaid.keys()
        for j, unpaid in compiled.unpaid.items():
            np.testing.assert_array_equal(unpaid, daily.unpaid[j])
        book = compiled.ledger
        orders += int((book.trades != 0.0).sum())
        overdrawn += int((book.cash < 0.0).any())
        cut, lieu = cut + len(compiled.unpaid), lieu + compiled.triggers.count("in_lieu")
    assert min(orders / 100, overdrawn, cut, lieu) > 5, (orders, overdrawn, cut, lieu)
