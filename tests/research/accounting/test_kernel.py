"""The self-financing step: by hand, against linear and quadratic programs, and its invariants on random portfolios."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, linprog

from research.accounting import Costs
from research.accounting.cost_parameters import Lots, Scratch
from research.accounting.kernel import (
    BOOKED,
    NOTHING_MOVED,
    REFUSED,
    Box,
    Pace,
    Quotes,
    Record,
    book,
    nearest,
    self_financing_step,
    wealth,
    weigh,
)
from research.accounting.self_financing import Booking

seeds = st.integers(0, 2**32 - 1)


def point(weights, lower, upper, cash=(0.0, 0.0), cost=None, tradable=None, target=None):
    """(weights, cash) of the nearest point; by default of equal cost, all tradable, the box's middle for target."""
    weights, lower, upper = (np.array(side, dtype=float) for side in (weights, lower, upper))
    n = len(weights)
    cost = np.full(n, 1e-3) if cost is None else np.array(cost, dtype=float)
    tradable = np.ones(n, dtype=bool) if tradable is None else np.array(tradable)
    target = (lower + upper) / 2.0 if target is None else np.array(target, dtype=float)
    out = np.empty(n)
    held = nearest(weights, tradable, lower, upper, target, *cash, cost, np.empty(n, dtype=bool), out)
    return out, held


# -- the nearest point, by hand --------------------------------------------------------------------------------------


def test_a_point_inside_the_box_stays_where_it_is() -> None:
    out, cash = point([0.52, 0.48], [0.45, 0.45], [0.55, 0.55])
    assert out.tolist() == [0.52, 0.48]
    assert cash == 0.0


def test_a_line_past_its_edge_comes_to_the_edge_and_cash_takes_the_rest() -> None:
    out, cash = point([0.60, 0.30], [0.40, 0.25], [0.55, 0.35], cash=(0.05, 0.20))
    assert out.tolist() == [0.55, 0.30]
    assert cash == pytest.approx(0.15, abs=1e-15)


def test_what_cash_may_not_take_goes_to_the_cheapest_lines_first() -> None:
    """0.10 is freed by the first line; the second costs 1 bp and has room for 0.06; the third, of 2 bp, gets 0.04."""
    out, cash = point([0.60, 0.20, 0.20], [0.4, 0.1, 0.1], [0.50, 0.26, 0.30], cost=[3e-4, 1e-4, 2e-4])
    assert out == pytest.approx([0.50, 0.26, 0.24], abs=1e-15)
    assert cash == pytest.approx(0.0, abs=1e-15)


def test_lines_of_equal_cost_move_by_one_common_distance() -> None:
    """0.09 among three lines is 0.03 each; the one with room for 0.01 stops there, and the others go 0.04."""
    out, _ = point([0.49, 0.17, 0.17, 0.17], [0.3, 0.1, 0.1, 0.1], [0.40, 0.18, 0.30, 0.30])
    assert out == pytest.approx([0.40, 0.18, 0.21, 0.21], abs=1e-15)


def test_a_line_that_was_clamped_ahead_waits_for_the_others() -> None:
    """Clamping raises the second line by 0.05 and frees 0.08 from the first: the other two go 0.015 each."""
    out, _ = point([0.58, 0.05, 0.185, 0.185], [0.3, 0.1, 0.1, 0.1], [0.50, 0.30, 0.30, 0.30])
    assert out == pytest.approx([0.50, 0.10, 0.20, 0.20], abs=1e-15)


def test_a_line_with_target_zero_is_never_raised() -> None:
    out, _ = point(
        [0.70, 0.30, 0.0], [0.5, 0.3, 0.0], [0.60, 0.50, 0.10], cost=[2e-4, 2e-4, 1e-4], target=[0.5, 0.5, 0.0]
    )
    assert out == pytest.approx([0.60, 0.40, 0.0], abs=1e-15)


def test_a_line_left_alone_takes_nothing_and_keeps_its_weight() -> None:
    out, _ = point([0.50, 0.20, 0.30], [0.4, -np.inf, 0.2], [0.45, np.inf, 0.50], target=[0.4, 0.2, 0.3])
    assert out[1] == 0.20
    assert out == pytest.approx([0.45, 0.20, 0.35], abs=1e-15)


def test_a_line_that_cannot_trade_stays_and_the_others_share_one_factor() -> None:
    """The second line holds 0.5 and cannot be sold to 0.2: the first and cash get 5/8 of their 0.6 and 0.2."""
    out, cash = point([0.30, 0.50], [0.6, 0.2], [0.6, 0.2], cash=(0.2, 0.2), tradable=[True, False])
    assert out == pytest.approx([0.375, 0.50], abs=1e-15)
    assert cash == pytest.approx(0.125, abs=1e-15)


def test_a_line_that_cannot_be_bought_leaves_its_share_to_the_others() -> None:
    """Nothing of the second line can be bought: 0.4 and 0.2 become 2/3 and 1/3."""
    out, cash = point([0.70, 0.0, 0.0], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2], tradable=[True, False, True])
    assert out == pytest.approx([2 / 3, 0.0, 1 / 3], abs=1e-15)
    assert cash == pytest.approx(0.0, abs=1e-15)


def test_nothing_is_bought_when_all_wealth_is_stuck() -> None:
    """The first line holds everything and is halted: there is nothing to buy the second with."""
    out, cash = point([1.0, 0.0], [0.5, 0.5], [0.5, 0.5], tradable=[False, True])
    assert out.tolist() == [1.0, 0.0]
    assert cash == 0.0


def test_nothing_is_sold_short_when_more_than_all_wealth_is_stuck() -> None:
    """The first line was bought on credit and is halted: the debt stays."""
    out, cash = point([1.2, 0.0], [0.5, 0.5], [0.5, 0.5], tradable=[False, True])
    assert out.tolist() == [1.2, 0.0]
    assert cash == pytest.approx(-0.2, abs=1e-15)


def test_what_no_line_may_take_stays_in_cash() -> None:
    out, cash = point([0.7, 0.0], [0.5, 0.0], [0.5, 0.0], tradable=[False, True], target=[0.5, 0.0])
    assert out.tolist() == [0.7, 0.0]
    assert cash == pytest.approx(0.3, abs=1e-15)


# -- the nearest point, against programs -----------------------------------------------------------------------------


class Drawn(NamedTuple):
    weights: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    cash: tuple[float, float]
    cost: np.ndarray  # 0, 1 or 2, so that there are ties
    tradable: np.ndarray


def box(seed: int, n: int = 6) -> Drawn:
    """A box that can be met: some point lies in it; a line that cannot trade has its own weight for both bounds."""
    rng = np.random.default_rng(seed)
    weights, inside = rng.dirichlet(np.ones(n + 1)), rng.dirichlet(np.ones(n + 1))
    tradable = rng.random(n) < 0.85
    inside[:n][~tradable] = weights[:n][~tradable]
    free = np.append(tradable, True)
    inside[free] *= (1.0 - weights[:n][~tradable].sum()) / inside[free].sum()
    lower, upper = (inside + way * rng.random(n + 1) * rng.choice([0.0, 0.02, 0.2], n + 1) for way in (-1.0, 1.0))
    lower = np.maximum(lower, 0.0)
    cash = (float(lower[n]), float(upper[n]))
    return Drawn(weights[:n], lower[:n], upper[:n], cash, rng.choice([0.0, 1.0, 1.0, 1.0, 2.0], n), tradable)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=seeds)
def test_the_nearest_point_is_in_the_box_and_no_point_costs_less(seed: int) -> None:
    b = box(seed)
    n = len(b.weights)
    out, cash = point(*b[:3], b.cash, b.cost, b.tradable)
    assert out.sum() + cash == pytest.approx(1.0, abs=1e-15)
    assert out[~b.tradable].tolist() == b.weights[~b.tradable].tolist()
    assert (out[b.tradable] >= b.lower[b.tradable] - 1e-13).all()
    assert (out[b.tradable] <= b.upper[b.tradable] + 1e-13).all()
    assert b.cash[0] - 1e-13 <= cash <= b.cash[1] + 1e-13
    # what is asked of the program: buys, sells and cash; buys less sells is the move
    moves = np.hstack([np.eye(n), -np.eye(n), np.zeros((n, 1))])
    lower, upper = (np.where(b.tradable, side, b.weights) for side in (b.lower, b.upper))
    least = linprog(
        np.concatenate([b.cost, b.cost, [0.0]]),
        A_ub=np.vstack([moves, -moves]),
        b_ub=np.concatenate([upper - b.weights, b.weights - lower]),
        A_eq=np.concatenate([np.ones(n), -np.ones(n), [1.0]])[None],
        b_eq=[1.0 - b.weights.sum()],
        bounds=[(0.0, None)] * (2 * n) + [b.cash],
    )
    assert b.cost @ np.abs(out - b.weights) == pytest.approx(least.fun, abs=1e-9)


def test_among_points_of_least_cost_it_is_the_nearest_in_the_sense_of_euclid() -> None:
    """Costs are whole numbers and squares weigh less than a tenth, so one quadratic program asks for both at once."""
    import cvxpy as cp

    n = 6
    move, cost = cp.Variable(n), cp.Parameter(n, nonneg=True)
    least, most, cash = cp.Parameter(n), cp.Parameter(n), cp.Parameter(2)
    distance = cost @ cp.abs(move) + 0.05 * cp.sum_squares(move)
    limits = [move >= least, move <= most, -cp.sum(move) >= cash[0], -cp.sum(move) <= cash[1]]
    problem = cp.Problem(cp.Minimize(distance), limits)
    tied = 0
    for seed in range(200):
        b = box(seed)
        lower, upper = (np.where(b.tradable, side, b.weights) for side in (b.lower, b.upper))
        cost.value, least.value, most.value = b.cost, lower - b.weights, upper - b.weights
        cash.value = np.array(b.cash) - (1.0 - b.weights.sum())
        problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
        out, _ = point(*b[:3], b.cash, b.cost, b.tradable)
        assert out - b.weights == pytest.approx(move.value, abs=1e-6), seed
        inner = b.tradable & (out > b.lower + 1e-9) & (out < b.upper - 1e-9) & (out != b.weights)
        tied += len(b.cost[inner]) > len(set(b.cost[inner]))
    assert tied >= 20, "too few of these boxes have lines that tie"


# -- paying ----------------------------------------------------------------------------------------------------------


class Held(NamedTuple):
    """A portfolio of currency in n lines and cash, at some prices, with what it is charged."""

    x: np.ndarray
    cash: float
    prices: np.ndarray
    rates: np.ndarray


class Done(NamedTuple):
    status: int
    nav: float
    units: np.ndarray
    cash: float  # currency
    trades: np.ndarray
    charges: np.ndarray
    portfolio: Held


def held(seed: int, n: int = 5, cash: float = 1.0) -> Held:
    rng = np.random.default_rng(seed)
    values = rng.dirichlet(np.ones(n + 1)) * 10.0 ** rng.integers(-3, 8)
    return Held(values[:n], values[n] * cash, rng.uniform(0.1, 300.0, n), rng.uniform(0.0, 0.02, (2, n)))


def target(seed: int, n: int = 5, invested: float = 0.9) -> np.ndarray:
    return np.random.default_rng([seed, 1]).dirichlet(np.ones(n)) * invested


def booked(units, prices, nav, weights, asked, cost_parameters, lots) -> Booking:
    """A booking at row 0 without capped lines."""
    return Booking(units, prices, 0, nav, weights, asked, np.zeros(len(units)), cost_parameters, 0, 0, lots)


def bring(p: Held, goal: np.ndarray, width: float = 0.0, part: float = 1.0, upper: np.ndarray | None = None) -> Done:
    """Book the box of half-width `width` round `goal`, for lines and for cash.  upper : of the lines, another one."""
    upper = goal + width if upper is None else upper
    n, prices = len(p.x), p.prices[None]
    units, trades, charges = p.x / p.prices, np.empty((1, n)), np.empty((1, 5, n))
    rest = 1.0 - goal.sum()
    nav = wealth(units, prices, 0, p.cash, 1.0)
    costs = (Costs(*p.rates).cost_parameters(), Lots.empty(n, 0))
    box = np.maximum(goal - width, 0.0)[None], upper[None], goal[None], 0, max(rest - width, 0.0), rest + width, part
    quotes = Quotes(prices, 0, 1.0, np.ones((1, n), dtype=bool))
    status, nav, cash, paid, left = book(
        units,
        p.cash,
        nav,
        quotes,
        Box(*box),
        Pace(np.empty((0, n)), 0, 1.0),
        *costs,
        Scratch.of(n),
        Record(trades, charges, 0),
    )
    assert not left
    assert paid == pytest.approx(charges.sum() if status == BOOKED else 0.0, rel=1e-14)
    assert not charges[0, 2:].any()
    charges = charges[:, :2]
    return Done(status, nav, units, cash, trades[0], charges[0], Held(units * p.prices, cash, p.prices, p.rates))


def test_a_trade_worked_out_on_paper() -> None:
    """60 and 40 to one half each at 1 %: V + 0.01 (60 - V/2) + 0.01 (V/2 - 40) = 100, so V = 99.8, each line 49.9."""
    p = Held(np.array([60.0, 40.0]), 0.0, np.array([3.0, 8.0]), np.array([[0.004, 0.004], [0.006, 0.006]]))
    done = bring(p, np.array([0.5, 0.5]))
    assert done.status == BOOKED
    assert done.nav == pytest.approx(99.8, abs=1e-12)
    assert done.trades == pytest.approx([-10.1, 9.9], abs=1e-12)
    assert done.charges == pytest.approx(np.array([[0.0404, 0.0396], [0.0606, 0.0594]]), abs=1e-13)
    assert done.units * p.prices == pytest.approx([49.9, 49.9], abs=1e-12)


def test_a_line_that_may_not_be_sold_is_not_sold_to_pay_for_costs() -> None:
    """Of 100 at 1 %, 20 sold cost 0.2: a line asked to rise from 40 to 40.05 of 99.8 would end at 39.97, and stays."""
    p = Held(np.array([40.0, 50.0]), 10.0, np.array([3.0, 8.0]), np.full((2, 2), 0.005))
    goal = np.array([0.4005, 0.3])
    assert bring(p, goal).trades[0] == pytest.approx(0.4005 * 99.8 - 40.0, abs=1e-3)
    done = bring(p, goal, upper=np.array([np.inf, 0.3]))
    assert done.trades[0] == 0.0
    assert done.trades[1] < -19.9
    wanted = bring(p, np.array([0.45, 0.3]), upper=np.array([np.inf, 0.3]))
    assert wanted.trades[0] > 4.8


def test_a_kept_line_does_not_pay_for_the_others() -> None:
    """50, 30 and cash 20; the first goes from 0.5 to 0.4 of what it shares with cash (0.3), the second keeps its 30.

    Of the 70 left, y in the line and 3/4 y in cash: 7/4 y + 0.1 (50 - y) = 70, so y = 39.394 and the cost is 1.061.
    """
    units, trades, charges = np.array([50.0, 30.0]), np.empty(2), np.empty((5, 2))
    weights, asked = np.array([0.5, 0.3]), np.array([0.4, 0.3])
    cost_parameters = Costs(np.full(2, 0.1), np.zeros(2)).cost_parameters()
    booking = booked(units, np.ones((1, 2)), 100.0, weights, asked, cost_parameters, Lots.empty(2, 0))
    status, cash, _ = self_financing_step(booking, 20.0, 1.0, np.empty(2), trades, charges)
    y = 65.0 / 1.65
    assert status == BOOKED
    assert units[1] == 30.0
    assert trades[1] == charges[0, 1] == 0.0
    assert units[0] == pytest.approx(y, abs=1e-12)
    assert cash == pytest.approx(0.75 * y, abs=1e-12)
    assert charges[0, 0] == pytest.approx(0.1 * (50.0 - y), abs=1e-12)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=seeds, width=st.sampled_from([0.0, 0.02, 0.1]), part=st.sampled_from([1.0, 0.5]))
def test_wealth_after_is_wealth_before_less_costs(seed: int, width: float, part: float) -> None:
    p = held(seed)
    before = p.x.sum() + p.cash
    done = bring(p, target(seed), width, part)
    assert done.nav == pytest.approx(before - done.charges.sum(), rel=1e-12)
    assert done.nav == pytest.approx((done.units * p.prices).sum() + done.cash, rel=1e-14)
    assert done.charges == pytest.approx(p.rates * np.abs(done.trades), rel=1e-15)
    assert done.cash == pytest.approx(p.cash - done.trades.sum() - done.charges.sum(), rel=1e-9, abs=1e-12 * before)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=seeds, invested=st.sampled_from([1.0, 0.9]))
def test_the_same_target_twice_trades_nothing_the_second_time(seed: int, invested: float) -> None:
    goal = target(seed, invested=invested)
    twice = bring(bring(held(seed), goal).portfolio, goal)
    assert twice.status == NOTHING_MOVED
    assert twice.trades.tolist() == [0.0] * 5


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=seeds, width=st.sampled_from([0.02, 0.1]), invested=st.sampled_from([1.0, 0.9]))
def test_after_a_trade_the_weights_leave_the_box_by_no_more_than_the_costs(
    seed: int, width: float, invested: float
) -> None:
    """A kept line weighs a little more when others have paid, and those weigh less: by their costs in all, at most."""
    goal = target(seed, invested=invested)
    done = bring(held(seed), goal, width)
    weights = done.units * done.portfolio.prices / done.nav
    outside = np.maximum(goal - width - weights, 0.0) + np.maximum(weights - goal - width, 0.0)
    assert outside.sum() <= done.charges.sum() / done.nav + 1e-14


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=seeds, width=st.sampled_from([0.0, 0.05]))
def test_the_order_of_the_lines_changes_nothing(seed: int, width: float) -> None:
    p, goal = held(seed), target(seed)
    order = np.random.default_rng([seed, 2]).permutation(len(goal))
    done = bring(p, goal, width)
    other = bring(Held(p.x[order], p.cash, p.prices[order], p.rates[:, order]), goal[order], width)
    assert other.nav == pytest.approx(done.nav, rel=1e-13)
    assert other.trades == pytest.approx(done.trades[order], abs=1e-12 * done.nav)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=seeds, factor=st.sampled_from([1e-6, 3.0, 1e9]))
def test_a_larger_portfolio_trades_and_pays_in_proportion(seed: int, factor: float) -> None:
    p, goal = held(seed), target(seed)
    done, other = bring(p, goal, 0.03), bring(p._replace(x=p.x * factor, cash=p.cash * factor), goal, 0.03)
    assert other.nav == pytest.approx(done.nav * factor, rel=1e-13)
    assert other.charges == pytest.approx(done.charges * factor, rel=1e-9, abs=1e-12 * factor * done.nav)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=seeds)
def test_without_cost_the_target_is_reached_and_nothing_is_lost(seed: int) -> None:
    p, goal = held(seed), target(seed)
    done = bring(p._replace(rates=np.zeros((2, 5))), goal)
    assert done.nav == pytest.approx(p.x.sum() + p.cash, rel=1e-15)
    assert done.units * p.prices / done.nav == pytest.approx(goal, abs=1e-14)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=seeds)
def test_with_short_lines_the_cost_equation_is_solved_as_scipy_solves_it(seed: int) -> None:
    """Weights of either sign, past the whole wealth in sum; some lines keep their units."""
    rng = np.random.default_rng(seed)
    x, goal = rng.normal(0.2, 0.4, 5), rng.normal(0.2, 0.4, 5)
    rates, keeps = rng.uniform(0.0, 0.03, (2, 5)), rng.random(5) < 0.3
    nav = 1.0
    asked = np.where(keeps, x, goal)
    units, record = x.copy(), (np.empty(5), np.empty(5), np.empty((5, 5)))
    cost_parameters = Costs(*rates).cost_parameters()
    booking = booked(units, np.ones((1, 5)), nav, x, asked, cost_parameters, Lots.empty(5, 0))
    status, cash, _ = self_financing_step(booking, nav - x.sum(), 1.0, *record)
    kept, share = x[keeps].sum(), 1.0 - x[keeps].sum()
    if share <= 0.0:  # the lines that are kept are worth all wealth: the others get their fraction of it
        kept, share = 0.0, 1.0
    if (rates.sum(axis=0) * np.abs(goal))[~keeps].sum() >= share:
        assert status == REFUSED
        assert units.tolist() == x.tolist()
        return

    def excess(v: float) -> float:
        moved = np.where(keeps, x, goal * (v - kept) / share)
        return v + (rates.sum(axis=0) * np.abs(moved - x)).sum() - nav

    if keeps.all():
        assert status == NOTHING_MOVED
        return
    root = brentq(excess, -50.0, 1.0 + 1e-12, xtol=1e-300, rtol=1e-15)
    assert status == BOOKED
    assert units.sum() + cash == pytest.approx(root, abs=1e-12)
    assert units[keeps].tolist() == x[keeps].tolist()


def test_costs_that_leave_no_wealth_are_refused_and_nothing_moves() -> None:
    """Two for one: 3.0 long and 2.0 short at 25 % would cost 1.25 of the wealth."""
    p = Held(np.array([0.0, 0.0]), 1.0, np.ones(2), np.full((2, 2), 0.125))
    done = bring(p, np.array([3.0, -2.0]))
    assert done.status == REFUSED
    assert done.nav == 1.0
    assert done.units.tolist() == [0.0, 0.0]
    assert done.cash == 1.0


def test_wealth_that_is_gone_is_refused() -> None:
    p = Held(np.array([2.0, -3.0]), 0.5, np.ones(2), np.zeros((2, 2)))
    assert bring(p, np.array([0.5, 0.5])).status == REFUSED


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8, 11])
def test_wealth_and_weights_count_every_line(n: int) -> None:
    rng = np.random.default_rng(n)
    units, prices, out = rng.random(n), rng.random((2, n)), np.empty(n)
    nav = wealth(units, prices, 1, 2.0, 1.5)
    assert nav == pytest.approx(units @ prices[1] + 3.0, rel=1e-15)
    assert weigh(units, prices, 1, nav, out) == pytest.approx(3.0 / nav, rel=1e-13)
    assert out == pytest.approx(units * prices[1] / nav, rel=1e-15)
