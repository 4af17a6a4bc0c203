"""Paying for a trade under every cost: on paper, by brute force over which assets trade, and against scipy's roots."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import brentq

from research.accounting import Costs
from research.accounting.cost_parameters import AVERAGE, FIRST_IN, HIGHEST, TAX, CostParameters, Lots
from research.accounting.self_financing import BOOKED, NOTHING_MOVED, REFUSED, Booking, self_financing_step
from research.accounting.tax_lots import buy_lot


class Paid(NamedTuple):
    status: int
    nav: float
    x: np.ndarray
    cash: float
    trades: np.ndarray
    charges: np.ndarray
    lots: Lots


def cost_parameters(n: int, rate: float | np.ndarray = 0.0, **more: object) -> CostParameters:
    """Proportional commissions, and whatever else is given by name."""
    rates = np.zeros((1, 2, n))
    rates[0, 0] = rate
    zeros = {name: np.zeros(n) for name in ("minimum", "ticket")}
    plain = CostParameters(rates, rates.sum(axis=1), **zeros, impact=np.zeros((1, n)), exponent=1.5, minimum_trade=0.0,
                   tax=0.0, method=AVERAGE, plain=not more)  # fmt: skip
    for name in ("minimum", "ticket"):
        if name in more:
            more[name] = np.broadcast_to(np.asarray(more[name], dtype=float), (n,)).copy()
    if "impact" in more:
        more["impact"] = np.broadcast_to(np.asarray(more["impact"], dtype=float), (1, n)).copy()
    return plain._replace(**more)


def lots_of(n: int, bought: list[list[tuple[float, float]]], carried: float = 0.0, method: int = FIRST_IN) -> Lots:
    """Units and prices of each asset's purchases, made in their order."""
    lots = Lots.empty(n, 8)
    lots.carried[0] = carried
    for i, line in enumerate(bought):
        for units, price in line:
            buy_lot(lots, cost_parameters(n, method=method), i, price, units, 0)
    return lots


def pay(
    x, cash: float, goal, charged: CostParameters, price=1.0, lots: Lots | None = None, kept: tuple[int, ...] = ()
) -> Paid:
    """Bring holdings x (n,), currency, to `goal`, fractions of NAV; `kept` assets are not asked to move."""
    x = np.array(x, dtype=float)
    n = len(x)
    prices = np.broadcast_to(np.asarray(price, dtype=float), (n,)).copy()
    units, nav = x / prices, x.sum() + cash
    weights, asked = x / nav, np.array(goal, dtype=float)
    asked[list(kept)] = weights[list(kept)]
    trades, charges = np.full(n, np.nan), np.full((5, n), np.nan)
    lots = Lots.empty(n, 2) if lots is None else lots
    none = np.zeros(n), np.empty((0, n)), 0, np.zeros(n, bool)  # is capped, limited or restricted
    booking = Booking(units, prices[None], 0, nav, weights, asked, *none, charged, 0, 0, lots)
    status, left, paid = self_financing_step(booking, cash, 1.0, np.empty(n), trades, charges)
    assert paid == pytest.approx(charges.sum() if status == BOOKED else 0.0, rel=1e-13, abs=1e-15)
    return Paid(status, left + (units * prices).sum(), units * prices, left, trades, charges, lots)


# -- on paper --------------------------------------------------------------------------------------------------------


def test_a_ticket_is_paid_by_each_order_once() -> None:
    """60 and 40 to halves, 1 an order: V = 100 - 2 = 98, so each asset ends at 49."""
    done = pay([60.0, 40.0], 0.0, [0.5, 0.5], cost_parameters(2, ticket=1.0))
    assert done.x == pytest.approx([49.0, 49.0], abs=1e-13)
    assert done.trades == pytest.approx([-11.0, 9.0], abs=1e-13)
    assert done.charges[2].tolist() == [1.0, 1.0]


def test_a_line_that_is_kept_pays_no_ticket() -> None:
    """50 stays; of the 50 left, 30 becomes half of what it shares with cash: s/4 + s/4 + 1 = 50, each 24.5."""
    done = pay([50.0, 30.0], 20.0, [0.5, 0.25], cost_parameters(2, ticket=1.0), kept=(0,))
    assert done.x == pytest.approx([50.0, 24.5], abs=1e-13)
    assert done.cash == pytest.approx(24.5, abs=1e-13)


def test_the_commission_is_its_minimum_or_its_rate_whichever_is_more() -> None:
    """300 of A, all sold, at 1 % pays 3; 50 of B at 1 % would pay 0.5, and pays the minimum of 1."""
    done = pay([300.0, 50.0], 0.0, [0.0, 0.0], cost_parameters(2, 0.01, minimum=1.0))
    assert done.charges[0].tolist() == [3.0, 1.0]
    assert done.cash == pytest.approx(346.0, abs=1e-12)


def test_impact_grows_with_the_three_halves_power_of_the_order() -> None:
    """0.01 x 100^1.5 = 10, and of four times the order eight times as much: 80."""
    one, four = (pay([size], 0.0, [0.0], cost_parameters(1, impact=0.01)) for size in (100.0, 400.0))
    assert (one.charges[3, 0], four.charges[3, 0]) == pytest.approx((10.0, 80.0), rel=1e-14)
    assert (one.cash, four.cash) == pytest.approx((90.0, 320.0), rel=1e-14)


@pytest.mark.parametrize(("method", "fraction"), [(AVERAGE, 0.4), (FIRST_IN, 0.6), (HIGHEST, 0.2)])
def test_the_tax_is_on_the_units_that_the_method_sells_first(method: int, fraction: float) -> None:
    """10 units were bought at 4 and 10 at 8; at 10 they gain 0.6 and 0.2 of their price, together 0.4.

    200 goes to six tenths: V + 0.25 f (200 - 0.6 V) = 200, so V = (200 - 50 f) / (1 - 0.15 f).
    """
    charged = cost_parameters(1, tax=0.25, method=method)
    bought = [[(20.0, 6.0)]] if method == AVERAGE else [[(10.0, 4.0), (10.0, 8.0)]]
    done = pay([200.0], 0.0, [0.6], charged, price=10.0, lots=lots_of(1, bought, method=method))
    wealth = (200.0 - 50.0 * fraction) / (1.0 - 0.15 * fraction)
    assert done.nav == pytest.approx(wealth, rel=1e-14)
    assert done.charges[TAX, 0] == pytest.approx(0.25 * fraction * (200.0 - 0.6 * wealth), rel=1e-12)
    left = done.lots.units[0, : done.lots.held[0]]
    assert left.sum() == pytest.approx(0.6 * wealth / 10.0, rel=1e-13)
    if method != AVERAGE:
        assert done.lots.price[0, int(left.argmin())] == (4.0 if method == FIRST_IN else 8.0), "that lot is the smaller"


def test_a_sale_that_reaches_into_the_next_lot_is_taxed_on_both() -> None:
    """All 200 are sold: 60 + 20 gained, a quarter of it is 20."""
    for method in (FIRST_IN, HIGHEST):
        lots = lots_of(1, [[(10.0, 4.0), (10.0, 8.0)]], method=method)
        done = pay([200.0], 0.0, [0.0], cost_parameters(1, tax=0.25, method=method), price=10.0, lots=lots)
        assert done.charges[TAX, 0] == pytest.approx(20.0, rel=1e-14)
        assert done.lots.held[0] == 0


def test_losses_are_set_against_gains_of_the_day_and_what_is_left_is_carried() -> None:
    """A gains 40 and B loses 30: a tax of 0.25 x 10, all on A. With 25 carried there is none, and 15 is carried on."""
    for carried, tax, left in ((0.0, 2.5, 0.0), (25.0, 0.0, 15.0)):
        lots = lots_of(2, [[(10.0, 6.0)], [(10.0, 13.0)]], carried)
        done = pay([100.0, 100.0], 0.0, [0.0, 0.0], cost_parameters(2, tax=0.25), price=10.0, lots=lots)
        assert done.charges[TAX].tolist() == [tax, 0.0]
        assert lots.carried[0] == pytest.approx(left, abs=1e-13)
        assert done.cash == pytest.approx(200.0 - tax, abs=1e-13)


def test_two_purchases_at_average_cost_are_one_lot() -> None:
    """10 units at 4, and 30 more at 8: 40 at 7."""
    done = pay([80.0], 240.0, [1.0], cost_parameters(1, tax=0.25), price=8.0, lots=lots_of(1, [[(10.0, 4.0)]]))
    assert (done.lots.held[0], done.lots.units[0, 0], done.lots.price[0, 0]) == (1, 40.0, 7.0)


def test_a_small_sell_is_left_out_and_what_it_would_bring_is_not_spent() -> None:
    """At 1000: A is to sell 5, too small; B is to sell 95 and C to buy 100. C and B share what A does not: 695/700.

    Without costs: B + C = 1000 - 305 = 695, as 300 : 400, which is 297.857 and 397.143.
    """
    done = pay([305.0, 395.0, 300.0], 0.0, [0.3, 0.3, 0.4], cost_parameters(3, minimum_trade=10.0))
    assert done.x == pytest.approx([305.0, 300.0 * 695.0 / 700.0, 400.0 * 695.0 / 700.0], rel=1e-14)
    assert done.cash == pytest.approx(0.0, abs=1e-12)


def test_a_small_buy_is_left_out_and_its_money_stays_in_cash() -> None:
    """At 1000: A is to buy 5, too small. B and C go to their 300 and 400 all the same; 5 stays in cash."""
    done = pay([295.0, 395.0, 310.0], 0.0, [0.3, 0.3, 0.4], cost_parameters(3, minimum_trade=10.0))
    assert done.x == pytest.approx([295.0, 300.0, 400.0], rel=1e-14)
    assert done.cash == pytest.approx(5.0, abs=1e-12)


def test_what_a_small_buy_leaves_pays_for_no_more_than_there_is() -> None:
    """A is to buy 1; B sells and C buys 100 at 5 %. The cost of 10 is more than that 1: cash ends at zero, not at -9.

    299 is kept, and 700 s + 0.05 (400 - 300 s) + 0.05 (400 s - 301) = 701.
    """
    done = pay([299.0, 400.0, 301.0], 0.0, [0.3, 0.3, 0.4], cost_parameters(3, 0.05, minimum_trade=10.0))
    scale = (701.0 - 20.0 + 15.05) / (700.0 - 15.0 + 20.0)
    assert done.x == pytest.approx([299.0, 300.0 * scale, 400.0 * scale], rel=1e-13)
    assert done.cash == pytest.approx(0.0, abs=1e-12)


def test_all_orders_too_small_move_nothing_and_cost_nothing() -> None:
    done = pay([55.0, 45.0], 0.0, [0.5, 0.5], cost_parameters(2, 0.01, ticket=1.0, minimum_trade=10.0))
    assert (done.status, done.cash) == (NOTHING_MOVED, 0.0)
    assert done.x.tolist() == [55.0, 45.0]
    assert not done.charges.any()


# -- which assets trade -----------------------------------------------------------------------------------------------


def test_of_all_subsets_of_lines_the_stated_one_trades_and_its_root_is_scipys() -> None:
    """Each subset has an equation of its own; ours is that of the orders which, at the wealth before costs, are large.

    What the others leave unsold is not spent; what they leave unbought stays in cash, as far as costs leave it there.
    """
    rng = np.random.default_rng(0)
    both = 0
    for _ in range(300):
        x, cash = rng.dirichlet(np.ones(4)) * 1000.0, float(rng.choice([0.0, 50.0]))
        goal, nav = rng.dirichlet(np.full(4, 20.0)) * rng.choice([0.9, 1.0]), x.sum() + cash
        x = (goal + rng.normal(0.0, 0.02, 4)) * nav
        cash = nav - x.sum()
        least, ticket, rate = rng.uniform(5.0, 40.0), rng.uniform(0.0, 2.0), rng.uniform(0.0, 0.02, 4)
        done = pay(x, cash, goal, cost_parameters(4, rate, ticket=ticket, minimum_trade=least))
        stated = np.abs(goal * nav - x) >= least
        if not stated.any():
            assert done.status == NOTHING_MOVED
            continue
        solved = {}
        for flags in product([False, True], repeat=4):
            chosen = np.array(flags)
            if chosen.any():
                solved[flags] = holdings(x, goal, nav, chosen, rate, ticket)
        found = [flags for flags, after in solved.items() if np.allclose(after, done.x, rtol=1e-12, atol=1e-12 * nav)]
        assert found == [tuple(stated.tolist())]
        assert done.cash >= min((1.0 - goal.sum()) * done.nav, cash) - least * 4.0
        both += 0 < stated.sum() < 4
    assert both > 150, "too few cases in which some assets trade and some do not"


def holdings(x: np.ndarray, goal: np.ndarray, nav: float, chosen: np.ndarray, rate: np.ndarray, ticket: float):
    """(n,) after the orders of the chosen assets, by scipy."""

    def costs(scale: float) -> float:
        return float((rate * np.abs(goal * scale - x) + ticket)[chosen].sum())

    def root(kept: float, share: float) -> float:
        return brentq(lambda s: kept + share * s + costs(s) - nav, 0.0, 2.0 * nav, xtol=1e-300, rtol=1e-15)

    kept, share = x[~chosen].sum(), 1.0 - goal[~chosen].sum()
    scale = root(kept, share)
    if (goal * nav - x)[~chosen].sum() > 0.0:
        scale = min(scale, root(0.0, 1.0))
    return np.where(chosen, goal * scale, x)


# -- the equation ----------------------------------------------------------------------------------------------------


def test_the_root_with_every_cost_is_scipys() -> None:
    rng = np.random.default_rng(1)
    for case in range(500):
        compare_with_scipy(rng, case)


def compare_with_scipy(rng: np.random.Generator, case: int) -> None:
    """One random portfolio with a random mixture of costs."""
    n = int(rng.integers(1, 7))
    nav = 10.0 ** rng.uniform(2, 8)
    x = rng.dirichlet(np.ones(n + 1))[:n] * nav
    cash, goal = nav - x.sum(), rng.dirichlet(np.ones(n + 1))[:n]
    rate, minimum, ticket = (rng.uniform(0.0, 0.02, n), rng.uniform(0.0, 1e-3, n) * nav, rng.uniform(0, 1e-3, n) * nav)
    exponent = float(rng.choice([1.5, 1.3, 2.0]))
    impact = rng.uniform(0.0, 0.05, n) * nav ** (1.0 - exponent)
    price, method = rng.uniform(1.0, 50.0, n), int(rng.choice([AVERAGE, FIRST_IN, HIGHEST]))
    parts = [[1.0]] * n if method == AVERAGE else [rng.dirichlet(np.ones(3)).tolist() for _ in range(n)]
    bought = [[(x[i] / price[i] * part, price[i] * rng.uniform(0.3, 1.5)) for part in parts[i]] for i in range(n)]
    carried, tax = float(rng.choice([0.0, 0.01])) * nav, float(rng.choice([0.0, 0.3]))
    charged = cost_parameters(
        n, rate, minimum=minimum, ticket=ticket, impact=impact, exponent=exponent, tax=tax, method=method
    )

    def costs(s: float) -> float:
        size = np.abs(goal * s - x)
        total = np.maximum(rate * size, minimum) + ticket + impact * size**exponent
        gains = 0.0
        for i in np.flatnonzero(goal * s < x):
            left = (x[i] - goal[i] * s) / price[i]
            order = sorted(bought[i], key=lambda lot: -lot[1]) if method == HIGHEST else bought[i]
            for units, paid in order:
                sold = min(left, units)
                gains, left = gains + sold * (price[i] - paid), left - sold
        return float(total.sum()) + tax * max(gains - carried, 0.0)

    expected = brentq(lambda s: s + costs(s) - nav, 0.0, nav, xtol=1e-300, rtol=1e-15)
    done = pay(x, cash, goal, charged, price, lots_of(n, bought, carried, method))
    assert done.status == BOOKED, case
    assert done.nav == pytest.approx(expected, rel=1e-12), case
    assert done.x == pytest.approx(goal * expected, rel=1e-12, abs=1e-12 * nav), case
    assert done.nav + done.charges.sum() == pytest.approx(nav, rel=1e-13), case


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ticket", [0.0, 1e-9])
def test_a_trade_is_refused_once_the_marginal_costs_reach_the_share(ticket: float) -> None:
    """Gross weights of 2 at 50 % are 1, which leaves nothing of the share of 1; at 49.9 % something is left."""
    more = {} if ticket == 0.0 else {"ticket": ticket}
    for rate, status in ((0.5, REFUSED), (0.499, BOOKED)):
        assert pay([0.0, 0.0], 100.0, [1.5, -0.5], cost_parameters(2, rate, **more)).status == status


def test_the_steepest_impact_and_tax_count_as_marginal_costs() -> None:
    """Impact is steepest for the largest order, 100 at most: 1.5 x k x 10, of an asset of weight 1: k < 1/15."""
    for k, status in ((0.0667, REFUSED), (0.0666, BOOKED)):
        assert pay([0.0], 100.0, [1.0], cost_parameters(1, impact=k)).status == status


def test_every_line_has_its_own_largest_order() -> None:
    """Of two assets of weight 0.5 each order is 50 at most: 2 x 0.5 x 1.5 x k x sqrt(50) < 1, so k < 0.0943."""
    for k, status in ((0.0944, REFUSED), (0.0942, BOOKED)):
        assert pay([0.0, 0.0], 100.0, [0.5, 0.5], cost_parameters(2, impact=k)).status == status


def test_what_has_no_root_is_refused_and_nothing_moves() -> None:
    """Two tickets of 60 are more than the wealth of 100."""
    lots = lots_of(2, [[(6.0, 8.0)], [(4.0, 8.0)]])
    done = pay([60.0, 40.0], 0.0, [0.5, 0.5], cost_parameters(2, ticket=60.0, tax=0.1), price=10.0, lots=lots)
    assert (done.status, done.cash, done.nav) == (REFUSED, 0.0, 100.0)
    assert done.x.tolist() == [60.0, 40.0]
    assert lots.units[:, 0].tolist() == [6.0, 4.0]
    assert not done.trades.any()
    assert not done.charges.any()


def test_gains_of_a_line_held_short_are_not_taxed_but_refused() -> None:
    assert pay([50.0, 50.0], 0.0, [1.2, -0.2], cost_parameters(2, tax=0.2)).status == REFUSED
    assert pay([50.0, 50.0], 0.0, [1.2, -0.2], cost_parameters(2, ticket=0.2)).status == BOOKED


# -- properties ------------------------------------------------------------------------------------------------------


def test_one_order_in_two_identical_lines_costs_the_same_where_costs_are_proportional() -> None:
    whole, halves = ([80.0, 20.0], [0.5, 0.5]), ([40.0, 40.0, 20.0], [0.25, 0.25, 0.5])
    for more, same in (({}, True), ({"ticket": 1.0}, False), ({"impact": 0.01}, False)):
        one, two = (pay(x, 0.0, goal, cost_parameters(len(x), 0.01, **more)) for x, goal in (whole, halves))
        assert (one.nav == pytest.approx(two.nav, rel=1e-14)) == same


def test_costs_as_stated_become_the_parameters_of_the_kernel() -> None:
    costs = Costs(np.full(2, 1e-3), np.full(2, 2e-3), minimum=np.array([5.0]), ticket=np.array([1.0, 2.0]))
    charged = costs.cost_parameters(minimum_trade=7.0)
    assert charged.minimum.tolist() == [5.0, 5.0]
    assert charged.ticket.tolist() == [1.0, 2.0]
    assert (charged.minimum_trade, charged.plain) == (7.0, False)
