"""Losses harvested in a backtest: on paper, by closed forms, and lot by lot against a second reckoner."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import MakeMarket

from backtests.engine import Backtest, backtest
from backtests.evaluation.backtest_figures import HARVESTS, harvest_figures
from foundation.errors import ConfigError
from research.accounting import Costs, Tax
from research.accounting.cost_parameters import Lots
from research.accounting.sale_tax import Deferral
from research.accounting.tax_lots import buy_lot, gain, harvest_lots, harvestable, put_in_order, sell_lots
from research.allocation import FixedWeights
from research.rules import Calendar, Never, Threshold

RATE, SHORT_RATE, YEARS, GROWTH = 0.20, 0.37, 10, 0.06
HALVES = FixedWeights((0.5, 0.5))


def taxed(above: float | None = 0.05, cost: float = 0.0, **more: object) -> Costs:
    tax = Tax(**{"rate": RATE, "lots": "first", "harvest_above": above} | more)  # type: ignore[arg-type]
    return replace(Costs.bps(2, half_spread=cost), tax=tax)


def harvests(result: Backtest) -> list[tuple[int, float]]:
    """(row of the market, loss) of each."""
    rows = [j for j, trigger in enumerate(result.triggers) if trigger == "harvest"]
    return [(int(result.ledger.booked[j]), float(result.ledger.size[j])) for j in rows]


def test_a_harvest_pays_both_orders_from_cash_and_lets_the_units_stay(make_market: MakeMarket) -> None:
    """50 of the first asset become 40: 10 is realised, 10 bp of 40 are paid twice; the second lost too little."""
    returns = np.zeros((6, 2))
    returns[2] = -0.2, -0.04
    market = make_market(returns)
    with_harvest, without = (backtest(market, Never(HALVES), taxed(above, 10.0), nav=100.0) for above in (0.05, None))
    units = 50.0 / 1.001 / 0.8 * 0.8  # the opening trade costs 10 bp
    assert harvests(with_harvest) == [(2, pytest.approx(0.2 * units, rel=1e-12))]
    paid = 2.0 * 10e-4 * 0.8 * units
    assert without.ledger.nav[-1] - with_harvest.ledger.nav[-1] == pytest.approx(paid, rel=1e-11)
    assert with_harvest.ledger.cash[-1] == pytest.approx(-paid, rel=1e-10)
    np.testing.assert_array_equal(with_harvest.ledger.units[-1], without.ledger.units[-1])
    assert with_harvest.reconcile().holds
    assert without.triggers == ()
    assert with_harvest.trading_days.tolist() == [2]
    assert with_harvest.orders == 2
    assert (without.trading_days.tolist(), without.orders) == ([], 0)


def test_the_figures_name_what_was_harvested_and_what_that_cost(make_market: MakeMarket) -> None:
    returns = np.zeros((253, 2))
    returns[2] = -0.2
    result = backtest(make_market(returns), Never(HALVES), taxed(cost=10.0, at_end="liquidate"), nav=100.0)
    found, years = harvest_figures(result), 252 / result.periods_per_year
    assert found == {
        "harvested": pytest.approx(0.25 / years, rel=1e-12),  # 20 of 80
        "harvest_cost": pytest.approx(20.0 / years, rel=1e-12),
    }
    assert [metric.key for metric in HARVESTS] == list(found)
    assert {"Losses harvested", "Cost of harvests"} <= set(result.summary().index)
    assert harvest_figures(backtest(make_market(returns), Never(HALVES), taxed(None), nav=100.0)) == {}


def test_an_asset_is_harvested_once_in_the_window_and_not_after_a_purchase(make_market: MakeMarket) -> None:
    """It loses 2 % a session. On the 31st day after the opening, 2 February 2018, and after each harvest, it is sold.

    A rule that buys it each week leaves no window of 30 days without a purchase; without a window it is sold as soon as
    a lot has lost 5 %, on the third session after a purchase.
    """
    market = make_market(np.tile([-0.02, 0.0], (70, 1)))
    of = {days: harvests(backtest(market, Never(HALVES), taxed(wash_sale_days=days))) for days in (0, 30)}
    assert [f"{market.dates[row]:%Y-%m-%d}" for row, _ in of[30]] == ["2018-02-02", "2018-03-05", "2018-04-05"]
    assert [row for row, _ in of[0]][:3] == [3, 6, 9]
    weekly = Calendar(HALVES, "week")
    assert harvests(backtest(market, weekly, taxed(wash_sale_days=30))) == []
    assert len(harvests(backtest(market, weekly, taxed()))) > 10


def test_smaller_losses_wait_and_so_do_halted_and_locked_assets(make_market: MakeMarket) -> None:
    returns = np.zeros((8, 2))
    returns[1], returns[5] = (-0.2, -0.2), (-0.5, 0.0)
    market = make_market(returns, halted=[(2, 1), (3, 1)])  # bought on 2 January, they may be sold from the 4th on
    more = {"wash_sale_days": 1}
    assert [row for row, _ in harvests(backtest(market, Never(HALVES), taxed(**more)))] == [2, 4, 5]
    large = harvests(backtest(market, Never(HALVES), taxed(harvest=11.0, **more), nav=100.0))
    assert large == [(5, pytest.approx(30.0))]
    locked = replace(market, instruments=market.instruments.assign(trading=["locked", "sell_only"]))
    assert [row for row, _ in harvests(backtest(locked, Never(HALVES), taxed(**more)))] == [4]


@pytest.mark.parametrize("forgiven", [False, True])
def test_a_harvest_is_worth_what_its_closed_form_says(make_market: MakeMarket, forgiven: bool) -> None:
    """A loss L saves 0.37 L now, and costs 0.20 L / A when all is sold, after ten years of 6 %: 0.2475 a unit of L.

    One asset loses a fifth, the other gains as much and is sold for the first at once.
    """
    returns = np.zeros((500, 2))
    returns[1], returns[2:, 0] = (-0.2, 0.2), (1.0 + GROWTH) ** (YEARS / 498) - 1.0
    end, ends = "step_up" if forgiven else "liquidate", []
    for above in (0.05, None):
        costs = taxed(above, short_rate=SHORT_RATE, at_end=end)
        result = backtest(
            make_market(returns), Threshold(FixedWeights((1.0, 0.0)), 0.01), costs, nav=100.0, lag=0,
            start_weights=np.array([0.5, 0.5]),
        )  # fmt: skip
        assert len(harvests(result)) == (above is not None)
        ends.append(result.ledger.nav[-1] - result.tax_at_end)
    grown = (1.0 + GROWTH) ** YEARS if forgiven else Deferral(YEARS, GROWTH).grown(RATE)
    worth = (ends[0] - ends[1]) / grown / 10.0
    assert worth == pytest.approx(SHORT_RATE if forgiven else SHORT_RATE - RATE / grown, rel=1e-9)
    assert forgiven or worth == pytest.approx(0.2475, abs=5e-5)


PATHS = st.lists(st.tuples(st.floats(-0.2, 0.25), st.floats(-0.2, 0.25)), min_size=5, max_size=25)


@settings(max_examples=60, deadline=None)
@given(
    path=PATHS,
    above=st.floats(0.01, 0.3),
    cost=st.sampled_from([0.0, 20.0]),
    lots=st.sampled_from(["average", "first"]),
)
def test_a_harvest_changes_wealth_by_its_cost_alone_and_at_one_rate_no_tax(
    make_market: MakeMarket, path: list[tuple[float, float]], above: float, cost: float, lots: str
) -> None:
    """Never rebalanced and sold at the end: what is harvested is gained later, and all that differs is the cost."""
    market, plain = make_market(np.array([(0.0, 0.0), *path])), taxed(None, cost, lots=lots, at_end="liquidate")
    assert plain.tax is not None
    with_harvest, without = (
        backtest(market, Never(HALVES), replace(plain, tax=replace(plain.tax, harvest_above=a)), nav=100.0)
        for a in (above, None)
    )
    paid = np.cumsum(with_harvest.charges)
    np.testing.assert_allclose(with_harvest.ledger.nav[1:] + paid, without.ledger.nav[1:], rtol=1e-12)
    assert with_harvest.tax_at_end == pytest.approx(without.tax_at_end, abs=1e-10)
    if cost == 0.0:
        assert not paid.any()


# -- lots --------------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell", "harvest"]), st.floats(5.0, 20.0), st.floats(0.1, 10.0)), max_size=30
)


class Reckoner:
    """Lots in a list, [units, price, first long-term row], sold in the order that is asked for."""

    def __init__(self, method: str, age: int, rates: tuple[float, float]) -> None:
        self.method, self.age, self.rates, self.lots = method, age, rates, list[list[float]]()

    def buy(self, units: float, price: float, t: int) -> None:
        self.lots.append([units, price, t + self.age])
        if self.method == "average":
            mean = sum(u * p for u, p, _ in self.lots) / sum(u for u, _, _ in self.lots)
            self.lots = [[u, mean, row] for u, _, row in self.lots]

    def _order(self, lot: list[float], price: float, t: int) -> float:
        if self.method == "highest":
            return -lot[1]
        return self.rates[t < lot[2]] * (price - lot[1]) if self.method == "tax_minimal" else 0.0

    def sell(self, units: float, price: float, t: int, chosen: list[list[float]] | None = None) -> list[float]:
        """The long-term and the short-term gain."""
        gains = [0.0, 0.0]
        for lot in sorted(self.lots if chosen is None else chosen, key=lambda lot: self._order(lot, price, t)):
            sold = min(units, lot[0])
            gains[t < lot[2]] += sold * (price - lot[1])
            lot[0] -= sold
            units -= sold
        self.lots = [lot for lot in self.lots if lot[0] > 0.0]
        return gains

    def harvest(self, price: float, t: int, above: float) -> list[float]:
        chosen = [lot for lot in self.lots if lot[1] - price > above * lot[1]]
        units, gains = sum(lot[0] for lot in chosen), self.sell(np.inf, price, t, chosen)
        if units > 0.0:
            self.buy(units, price, t)
        return gains

    @property
    def basis(self) -> float:
        return sum(units * price for units, price, _ in self.lots)


@pytest.mark.parametrize("terms", [False, True])
@pytest.mark.parametrize("method", ["average", "highest", "first", "tax_minimal"])
@settings(max_examples=40, deadline=None)
@given(steps=STEPS, above=st.floats(0.02, 0.5))
def test_lots_gains_and_basis_are_those_of_a_list_of_lots(
    method: str, terms: bool, steps: list[tuple[str, float, float]], above: float
) -> None:
    """And the basis falls by the loss that is harvested: basis = bought - sold + gains, whatever was done."""
    age, rates = 7, (RATE, SHORT_RATE if terms else RATE)
    costs = replace(Costs.bps(1), tax=Tax(RATE, method)).cost_parameters()  # type: ignore[arg-type]
    if terms:
        order = {"average": 4, "highest": 1, "first": 2, "tax_minimal": 3}[method]
        costs = costs._replace(short_tax=SHORT_RATE, method=order, long_from=np.arange(len(steps)) + age)
    lots, by_hand = Lots.empty(1, len(steps) + 1, terms), Reckoner(method, age if terms else 0, rates)
    moved = gains = 0.0
    for t, (step, price, units) in enumerate(steps):
        held = sum(lot[0] for lot in by_hand.lots)
        if step == "buy":
            buy_lot(lots, costs, 0, price, units, t)
            by_hand.buy(units, price, t)
            moved += units * price
            continue
        if step == "sell" and held > 0.0:
            units = min(units, 0.9 * held)
            put_in_order(lots, costs, 0, price, t)
            found = gain(lots, costs.method, 0, price, units, t)[:2]
            sell_lots(lots, costs.method, 0, units)
            told = by_hand.sell(units, price, t)
            moved -= units * price
        else:
            loss, sold = harvestable(lots, 0, price, above)
            found, told = harvest_lots(lots, costs, 0, price, above, t), by_hand.harvest(price, t, above)
            assert sum(found) == pytest.approx(-loss, abs=1e-9)
            assert (sold > 0.0) == (sum(told) < 0.0)
        gains += sum(found)
        assert found == pytest.approx(told, abs=1e-9)
    n = int(lots.held[0])
    assert float(lots.units[0, :n] @ lots.price[0, :n]) == pytest.approx(moved + gains, abs=1e-8)
    assert by_hand.basis == pytest.approx(moved + gains, abs=1e-8)
    if method != "average":
        held_now = sorted(zip(lots.price[0, :n].tolist(), lots.units[0, :n].tolist(), strict=True))
        np.testing.assert_allclose(held_now, sorted((lot[1], lot[0]) for lot in by_hand.lots), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"harvest_above": 0.0}, "harvest_above of tax is 0.0"), ({"harvest_above": 1.0}, "fraction of the cost"),
        ({"harvest_above": 0.05, "rate": 0.0}, "no gain is taxed"), ({"harvest": -1.0}, "harvest of tax is -1.0"),
        ({"wash_sale_days": -1}, "wash_sale_days of tax are -1"), ({"wash_sale_days": 1.5}, "a number of days"),
    ],
)  # fmt: skip
def test_what_is_no_harvest_is_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as told:
        Tax(**{"rate": 0.2} | more)  # type: ignore[arg-type]
    assert said in str(told.value)
