"""The self-financing step: by hand, against linear and quadratic programs, and its invariants on random portfolios."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from point_of_box import point_of_box
from scipy.optimize import brentq

from research.accounting import Costs, kernel
from research.accounting.box import Lines
from research.accounting.cost_parameters import Lots, Scratch
from research.accounting.self_financing import Booking

seeds = st.integers(0, 2**32 - 1)


def point(weights, lower, upper, cash=(0.0, 0.0), cost=None, tradable=None, target=None):
    """(weights, cash) of the point of a box; by default of equal cost, all tradable, the box's middle for target."""
    weights, lower, upper = (np.array(side, dtype=float) for side in (weights, lower, upper))
    n = len(weights)
    cost = np.full(n, 1e-3) if cost is None else np.array(cost, dtype=float)
    tradable = np.ones(n, dtype=bool) if tradable is None else np.array(tradable)
    target = (lower + upper) / 2.0 if target is None else np.array(target, dtype=float)
    out = np.empty(n)
    held = kernel.into_box(weights, tradable, Lines(lower, upper, target, cost, np.empty(n, dtype=bool)), *cash, out)
    return out, held


# -- the point of a box, by hand -------------------------------------------------------------------------------------


def test_a_point_inside_the_box_stays_where_it_is() -> None:
    out, cash = point([0.52, 0.48], [0.45, 0.45], [0.55, 0.55])
    assert out.tolist() == [0.52, 0.48]
    assert cash == 0.0


def test_a_line_past_its_edge_comes_to_the_edge_and_cash_takes_the_rest() -> None:
    out, cash = point([0.60, 0.30], [0.40, 0.25], [0.55, 0.35], cash=(0.05, 0.20))
    assert out.tolist() == [0.55, 0.30]
    assert cash == pytest.approx(0.15, abs=1e-15)


def test_what_cash_may_not_take_goes_to_the_line_furthest_under_its_target_until_all_have_one_gap() -> None:
    """0.05 is freed; gaps 0.04, 0.03, 0.01: 0.01 to the first, then 0.02 each to two, and all are 0.01 under."""
    out, _ = point([0.52, 0.16, 0.17, 0.15], [0.3, 0.1, 0.1, 0.1], [0.47, 0.3, 0.3, 0.3], target=[0.44, 0.2, 0.2, 0.16])
    assert out == pytest.approx([0.47, 0.19, 0.19, 0.15], abs=1e-15)


def test_gaps_are_counted_in_costs() -> None:
    """Gaps of 0.04 and 0.03 at 4 and 1 bp, and 0.03 to place: the 0.04 of gap that is left is split 4 to 1."""
    sides = [0.57, 0.21, 0.22], [0.4, 0.1, 0.1], [0.54, 0.4, 0.4]
    out, _ = point(*sides, cost=[1e-4, 4e-4, 1e-4], target=[0.5, 0.25, 0.25])
    assert out == pytest.approx([0.54, 0.25 - 0.032, 0.25 - 0.008], abs=1e-15)


def test_a_line_that_trades_free_goes_first() -> None:
    cost = [1e-4, 1e-4, 0.0]
    out, _ = point([0.56, 0.20, 0.24], [0.4, 0.1, 0.1], [0.54, 0.4, 0.4], cost=cost, target=[0.5, 0.25, 0.25])
    assert out == pytest.approx([0.54, 0.21, 0.25], abs=1e-15)


def test_no_line_crosses_its_target_while_another_is_under_its_own() -> None:
    """The second line is over its target, and is not bought, though it is cheapest."""
    cost = [5e-4, 1e-5, 5e-4]
    out, _ = point([0.57, 0.27, 0.16], [0.4, 0.1, 0.1], [0.54, 0.4, 0.4], cost=cost, target=[0.5, 0.25, 0.25])
    assert out == pytest.approx([0.54, 0.27, 0.19], abs=1e-15)


def test_what_targets_do_not_take_goes_past_them_by_one_distance() -> None:
    """The third asset is halted under its target: of 0.05, 0.01 brings the second to its own, 0.03 the last level."""
    out, _ = point(
        [0.45, 0.24, 0.05, 0.26], [0.3, 0.2, 0.1, 0.2], [0.40, 0.4, 0.2, 0.4],
        tradable=[True, True, False, True], target=[0.35, 0.25, 0.15, 0.25],
    )  # fmt: skip
    assert out == pytest.approx([0.40, 0.275, 0.05, 0.275], abs=1e-15)


def test_a_line_with_target_zero_is_never_raised() -> None:
    cost = [2e-4, 2e-4, 1e-4]
    out, _ = point([0.70, 0.30, 0.0], [0.5, 0.3, 0.0], [0.60, 0.50, 0.10], cost=cost, target=[0.5, 0.5, 0.0])
    assert out == pytest.approx([0.60, 0.40, 0.0], abs=1e-15)


def test_a_line_left_alone_takes_nothing_and_keeps_its_weight() -> None:
    out, _ = point([0.50, 0.20, 0.30], [0.4, -np.inf, 0.2], [0.45, np.inf, 0.50], target=[0.4, 0.2, 0.3])
    assert out[1] == 0.20
    assert out == pytest.approx([0.45, 0.20, 0.35], abs=1e-15)


def test_a_line_that_may_only_be_bought_takes_what_brings_it_to_its_target() -> None:
    """0.05 is freed, and 0.03 of it is the second line's gap; sold, the same asset gives nothing."""
    out, _ = point([0.50, 0.17, 0.33], [0.4, 0.1, 0.2], [0.45, np.inf, 0.50], target=[0.4, 0.2, 0.33])
    assert out == pytest.approx([0.45, 0.20, 0.35], abs=1e-15)
    out, _ = point([0.30, 0.25, 0.45], [0.35, 0.1, 0.2], [0.5, np.inf, 0.50], target=[0.4, 0.2, 0.4])
    assert out == pytest.approx([0.35, 0.25, 0.40], abs=1e-15)


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
    """The first asset holds everything and is halted: there is nothing to buy the second with."""
    out, cash = point([1.0, 0.0], [0.5, 0.5], [0.5, 0.5], tradable=[False, True])
    assert out.tolist() == [1.0, 0.0]
    assert cash == 0.0


def test_nothing_is_sold_short_when_more_than_all_wealth_is_stuck() -> None:
    """The first asset was bought on credit and is halted: the debt stays."""
    out, cash = point([1.2, 0.0], [0.5, 0.5], [0.5, 0.5], tradable=[False, True])
    assert out.tolist() == [1.2, 0.0]
    assert cash == pytest.approx(-0.2, abs=1e-15)


def test_what_no_line_may_take_stays_in_cash() -> None:
    out, cash = point([0.7, 0.0], [0.5, 0.0], [0.5, 0.0], tradable=[False, True], target=[0.5, 0.0])
    assert out.tolist() == [0.7, 0.0]
    assert cash == pytest.approx(0.3, abs=1e-15)


# -- the point of a box, against programs and by its laws ------------------------------------------------------------


class Drawn(NamedTuple):
    weights: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    cash: tuple[float, float]
    cost: np.ndarray
    tradable: np.ndarray
    target: np.ndarray

    @property
    def clamped(self) -> np.ndarray:
        return np.where(self.tradable, np.clip(self.weights, self.lower, self.upper), self.weights)

    @property
    def amount(self) -> float:
        """What clamping leaves for the assets."""
        cash = 1.0 - self.clamped.sum()
        return cash - min(max(cash, self.cash[0]), self.cash[1])


def box(seed: int, n: int = 6) -> Drawn:
    """A box that can be met round a target; an asset that cannot trade has its own weight for bounds and target.

    Some assets trade free, some costs are equal, and some targets lie outside their boxes.
    """
    rng = np.random.default_rng(seed)
    weights, inside = rng.dirichlet(np.ones(n + 1)), rng.dirichlet(np.ones(n + 1))
    if rng.random() < 0.5:
        weights[n] = inside[n] = 0.0
    tradable = rng.random(n) < 0.85
    inside[:n][~tradable] = weights[:n][~tradable]
    free = np.append(tradable, True)
    inside[free] *= (1.0 - weights[:n][~tradable].sum()) / inside[free].sum()
    inside[n] *= rng.random() < 0.5
    lower, upper = (inside + way * rng.random(n + 1) * rng.choice([0.0, 0.02, 0.2], n + 1) for way in (-1.0, 1.0))
    lower = np.maximum(lower, 0.0)
    cash = (float(lower[n]), max(float(upper[n]), 1.0 - float(upper[:n].sum())))
    cost = rng.choice([0.0, 1e-4, 1e-4, 5e-4, 3e-3], n) * rng.choice([1.0, rng.uniform(0.5, 2.0)], n)
    target = np.clip(inside[:n] + rng.normal(0.0, 0.01, n), 1e-4, 1.0)
    return Drawn(weights[:n], lower[:n], upper[:n], cash, cost, tradable, target)


def placed(b: Drawn) -> tuple[np.ndarray, float]:
    return point(b.weights, b.lower, b.upper, b.cash, b.cost, b.tradable, b.target)


@settings(max_examples=200)
@given(seed=seeds)
def test_the_point_is_in_its_box_and_goes_toward_targets_before_it_goes_past_them(seed: int) -> None:
    b = box(seed)
    out, cash = placed(b)
    assert out.sum() + cash == pytest.approx(1.0, abs=1e-15)
    assert out[~b.tradable].tolist() == b.weights[~b.tradable].tolist()
    room = np.where(b.tradable, b.upper if b.amount > 0.0 else b.lower, b.clamped) - b.clamped
    if abs(room.sum()) < abs(b.amount) - 1e-13:  # scaled: see the tests by hand
        return
    assert (out[b.tradable] >= b.lower[b.tradable] - 1e-13).all()
    assert (out[b.tradable] <= b.upper[b.tradable] + 1e-13).all()
    assert b.cash[0] - 1e-13 <= cash <= b.cash[1] + 1e-13
    way = 1.0 if b.amount > 0.0 else -1.0
    moved, past = (out - b.clamped) * way, (out - b.target) * way
    assert (moved >= 0.0).all()  # one way only
    aim = np.where(b.tradable, way * np.minimum(way * b.target, way * (b.upper if way > 0.0 else b.lower)), b.clamped)
    short = (aim - out) * way
    if (short > 1e-13).any():  # some asset could still go nearer to its target: then none has gone past its own
        assert (past[moved > 0.0] <= 1e-14).all()
        kept = (b.weights == b.clamped) | (moved > 0.0)
        assert (np.abs(out - b.target)[kept] <= np.abs(b.clamped - b.target)[kept] + 1e-14).all()


@given(seed=seeds)
def test_no_line_inside_its_box_ends_further_from_its_target_while_others_have_a_way_to_go(seed: int) -> None:
    """Fully invested, all tradable, targets inside their boxes: targets can always take what is freed."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    target, width = rng.dirichlet(np.ones(n)), rng.uniform(0.0, 0.05, n)
    weights = np.maximum(target + rng.normal(0.0, 0.03, n), 0.0)
    weights /= weights.sum()
    out, cash = point(weights, target - width, target + width, cost=rng.uniform(0.0, 5e-3, n), target=target)
    assert cash == pytest.approx(0.0, abs=1e-14)
    inside = np.abs(weights - target) <= width
    assert (np.abs(out - target)[inside] <= np.abs(weights - target)[inside] + 1e-14).all()
    assert ((out - target) * (weights - target) >= -1e-15).all()  # none across its target
    assert (np.abs(out - target) <= width + 1e-14).all()


@given(seed=seeds)
def test_no_other_way_toward_targets_leaves_less_squared_gap_per_cost(seed: int) -> None:
    """Karush, Kuhn, Tucker: assets on their way have one gap per cost; one that stays has less, one at its end more."""
    b = box(seed)
    b = b._replace(cost=np.maximum(b.cost, 1e-5))
    out, _ = placed(b)
    way = 1.0 if b.amount > 0.0 else -1.0
    gap, end = (b.target - out) * way, np.where(b.tradable, b.upper if way > 0.0 else b.lower, b.clamped)
    room = np.maximum(np.minimum((b.target - b.clamped) * way, (end - b.clamped) * way), 0.0)
    if not 1e-12 < abs(b.amount) < room.sum() - 1e-12:
        return
    moved = (out - b.clamped) * way
    each, on_way = gap / b.cost, (moved > 1e-12) & (moved < room - 1e-12)
    level = each[on_way].mean() if on_way.any() else each[moved > 1e-12].min()
    assert each[on_way] == pytest.approx(level, abs=1e-8)
    assert (each[(moved <= 1e-12) & (room > 1e-12)] <= level + 1e-8).all()
    assert (each[(moved >= room - 1e-12) & (room > 1e-12)] >= level - 1e-8).all()


def test_the_sum_of_squared_gap_per_cost_is_that_of_a_quadratic_programme() -> None:
    import cvxpy as cp

    n = 6
    rest, rate = cp.Variable(n), cp.Parameter(n, nonneg=True)  # the gaps that are left; costs over the least
    least, most, total = cp.Parameter(n), cp.Parameter(n), cp.Parameter()
    squares = cp.sum(cp.multiply(rate, cp.square(rest)))
    problem = cp.Problem(cp.Minimize(squares), [rest >= least, rest <= most, cp.sum(rest) == total])
    tried = 0
    for seed in range(300):
        b = box(seed)
        lower = np.minimum(b.lower, b.target)
        b = b._replace(cost=np.maximum(b.cost, 1e-5), lower=lower, upper=np.maximum(b.upper, b.target))
        way = 1.0 if b.amount > 0.0 else -1.0
        gap = np.where(b.tradable, (b.target - b.clamped) * way, 0.0)
        room = np.maximum(gap, 0.0)
        if not 1e-6 < abs(b.amount) < room.sum() - 1e-6:
            continue
        rate.value, least.value, most.value = b.cost.min() / b.cost, gap - room, gap
        total.value = gap.sum() - abs(b.amount)
        problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-14, tol_gap_rel=1e-14, tol_feas=1e-14)
        out, _ = placed(b)
        left = np.where(b.tradable, (b.target - out) * way, 0.0)
        assert (rate.value * left**2).sum() == pytest.approx(problem.value, abs=1e-10), seed
        tried += 1
    assert tried >= 50, "too few of these boxes leave something to place"


@given(seed=seeds)
def test_the_point_does_not_depend_on_the_order_of_lines(seed: int) -> None:
    b = box(seed)
    order = np.random.default_rng([seed, 1]).permutation(len(b.weights))
    other = Drawn(*(side if isinstance(side, tuple) else side[order] for side in b))
    assert placed(other)[0] == pytest.approx(placed(b)[0][order], abs=1e-14)


@given(seed=seeds)
def test_the_point_of_a_point_is_itself(seed: int) -> None:
    b = box(seed)
    out, _ = placed(b)
    again, _ = placed(b._replace(weights=out))
    assert again == pytest.approx(out, abs=1e-13)


@given(seed=seeds)
def test_nearly_equal_costs_give_nearly_the_same_point(seed: int) -> None:
    """One part in a billion of a cost moves no weight by more than a billionth, whichever asset is the cheaper."""
    b = box(seed)
    b = b._replace(cost=np.full(len(b.weights), 1e-3))
    off = np.random.default_rng([seed, 2]).choice([-1e-9, 1e-9], len(b.weights))
    out, other = placed(b)[0], placed(b._replace(cost=b.cost * (1.0 + off)))[0]
    assert other == pytest.approx(out, abs=1e-9)


@given(seed=seeds)
def test_one_line_beside_cash_goes_to_its_nearest_bound_and_no_further(seed: int) -> None:
    rng = np.random.default_rng(seed)
    goal, width, weight = rng.uniform(0.1, 0.9), rng.uniform(0.0, 0.1), rng.uniform(0.0, 1.0)
    rest = 1.0 - goal
    out, cash = point([weight], [goal - width], [goal + width], cash=(rest - width, rest + width), target=[goal])
    assert out[0] == min(max(weight, goal - width), goal + width)
    assert cash == 1.0 - out[0]


@given(seed=seeds)
def test_tracking_error_is_never_above_that_of_the_point_nearest_to_the_weights(seed: int) -> None:
    """Fully invested, with equal costs, volatilities and correlations: squared tracking goes with the sum of gap^2.

    The nearest point moves all assets by one distance inside their boxes: Euclid's projection, found by its multiplier.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    target, width = rng.dirichlet(np.full(n, 5.0)), rng.uniform(0.005, 0.05)
    weights = target * np.exp(rng.normal(0.0, 0.2, n))
    weights /= weights.sum()
    lower, upper = np.maximum(target - width, 0.0), target + width
    out, _ = point(weights, lower, upper, target=target)
    away = brentq(lambda d: np.clip(weights + d, lower, upper).sum() - 1.0, -1.0, 1.0, xtol=1e-16)
    nearest = np.clip(weights + away, lower, upper)
    assert ((out - target) ** 2).sum() <= ((nearest - target) ** 2).sum() + 1e-14


@settings(max_examples=150)
@given(seed=seeds)
def test_the_point_is_that_of_another_method(seed: int) -> None:
    b = box(seed)
    sides = [np.append(b.lower, b.cash[0]), np.append(b.upper, b.cash[1]), np.append(b.target, 0.0)]
    assert placed(b)[0] == pytest.approx(point_of_box(b.weights, b.tradable, sides, b.cost), abs=1e-12)


# -- paying ----------------------------------------------------------------------------------------------------------


class Held(NamedTuple):
    """A portfolio of currency in n assets and cash, at some prices, with what it is charged."""

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
    """A booking at row 0 without capped assets."""
    return Booking(
        units,
        prices,
        0,
        nav,
        weights,
        asked,
        np.zeros(len(units)),
        np.empty((0, len(units))),
        0,
        np.zeros(len(units), bool),
        cost_parameters,
        0,
        0,
        lots,
    )


def bring(
    p: Held, goal: np.ndarray, width: float = 0.0, part: float = 1.0, upper: np.ndarray | None = None, pace: float = 1.0
) -> Done:
    """Book the box of half-width `width` round `goal`, for assets and for cash.  upper : of the assets, another one."""
    upper = goal + width if upper is None else upper
    n, prices = len(p.x), p.prices[None]
    units, trades, charges = p.x / p.prices, np.empty((1, n)), np.empty((1, 5, n))
    rest = 1.0 - goal.sum()
    nav = kernel.wealth(units, prices, 0, p.cash, 1.0)
    costs = (Costs(*p.rates).cost_parameters(), Lots.empty(n, 0))
    cash = min(max(rest - width, 0.0), rest + width), rest + width
    box = np.maximum(goal - width, 0.0)[None], upper[None], goal[None], 0, *cash, part
    quotes = kernel.Quotes(prices, 0, 1.0, np.ones((1, n), dtype=bool))
    status, nav, cash, paid, left = kernel.book(
        units,
        p.cash,
        nav,
        quotes,
        kernel.Box(*box),
        kernel.Pace(np.empty((0, n)), 0, pace),
        *costs,
        Scratch.of(n),
        kernel.Record(trades, charges, 0),
    )
    assert left == (pace < 1.0)
    assert paid == pytest.approx(charges.sum() if status == kernel.BOOKED else 0.0, rel=1e-14)
    assert not charges[0, 2:].any()
    charges = charges[:, :2]
    return Done(status, nav, units, cash, trades[0], charges[0], Held(units * p.prices, cash, p.prices, p.rates))


def test_a_trade_worked_out_on_paper() -> None:
    """60 and 40 to one half each at 1 %: V + 0.01 (60 - V/2) + 0.01 (V/2 - 40) = 100, so V = 99.8, each line 49.9."""
    p = Held(np.array([60.0, 40.0]), 0.0, np.array([3.0, 8.0]), np.array([[0.004, 0.004], [0.006, 0.006]]))
    done = bring(p, np.array([0.5, 0.5]))
    assert done.status == kernel.BOOKED
    assert done.nav == pytest.approx(99.8, abs=1e-12)
    assert done.trades == pytest.approx([-10.1, 9.9], abs=1e-12)
    assert done.charges == pytest.approx(np.array([[0.0404, 0.0396], [0.0606, 0.0594]]), abs=1e-13)
    assert done.units * p.prices == pytest.approx([49.9, 49.9], abs=1e-12)


@pytest.mark.parametrize(
    ("goal", "pace", "trades"),
    [
        pytest.param([0.4, 0.6], 0.5, [-10.0, 0.0], id="all that is sold pays back"),
        pytest.param([0.4, 0.6], 0.75, [-15.0, 5.0], id="the rest buys"),
        pytest.param([0.3, 0.6], 0.75, [-22.5, 7.5], id="more than the debt is sold"),
        pytest.param([0.3, 0.6], 0.25, [-7.5, 0.0], id="less than it, toward cash of its own"),
        pytest.param([0.5, 0.55], 0.5, [-5.0, 2.5], id="a goal that stays overdrawn"),
    ],
)
def test_part_of_a_trade_pays_back_overdrawn_cash_before_it_buys(
    goal: list[float], pace: float, trades: list[float]
) -> None:
    """Of 100, A is 60, B is 50, and 10 are owed; nothing costs anything."""
    done = bring(Held(np.array([60.0, 50.0]), -10.0, np.array([3.0, 8.0]), np.zeros((2, 2))), np.array(goal), pace=pace)
    assert done.trades == pytest.approx(trades, abs=1e-12)


def test_a_line_that_may_not_be_sold_is_not_sold_to_pay_for_costs() -> None:
    """Of 100 at 1 %, 20 sold cost 0.2: an asset asked to rise from 40 to 40.05 of 99.8 would end at 39.97: it stays."""
    p = Held(np.array([40.0, 50.0]), 10.0, np.array([3.0, 8.0]), np.full((2, 2), 0.005))
    goal = np.array([0.4005, 0.3])
    assert bring(p, goal).trades[0] == pytest.approx(0.4005 * 99.8 - 40.0, abs=1e-3)
    done = bring(p, goal, upper=np.array([np.inf, 0.3]))
    assert done.trades[0] == 0.0
    assert done.trades[1] < -19.9
    assert bring(p, np.array([0.45, 0.3]), upper=np.array([np.inf, 0.3])).trades[0] > 4.8


def test_a_kept_line_does_not_pay_for_the_others() -> None:
    """50, 30 and cash 20; the first goes from 0.5 to 0.4 of what it shares with cash (0.3), the second keeps its 30.

    Of the 70 left, y in the asset and 3/4 y in cash: 7/4 y + 0.1 (50 - y) = 70, so y = 39.394 and the cost is 1.061.
    """
    units, trades, charges = np.array([50.0, 30.0]), np.empty(2), np.empty((5, 2))
    weights, asked = np.array([0.5, 0.3]), np.array([0.4, 0.3])
    cost_parameters = Costs(np.full(2, 0.1), np.zeros(2)).cost_parameters()
    booking = booked(units, np.ones((1, 2)), 100.0, weights, asked, cost_parameters, Lots.empty(2, 0))
    status, cash, _ = kernel.self_financing_step(booking, 20.0, 1.0, np.empty(2), trades, charges)
    y = 65.0 / 1.65
    assert status == kernel.BOOKED
    assert units[1] == 30.0
    assert trades[1] == charges[0, 1] == 0.0
    assert units[0] == pytest.approx(y, abs=1e-12)
    assert cash == pytest.approx(0.75 * y, abs=1e-12)
    assert charges[0, 0] == pytest.approx(0.1 * (50.0 - y), abs=1e-12)


@given(seed=seeds, width=st.sampled_from([0.0, 0.02, 0.1]), part=st.sampled_from([1.0, 0.5]))
def test_wealth_after_is_wealth_before_less_costs(seed: int, width: float, part: float) -> None:
    p = held(seed)
    before = p.x.sum() + p.cash
    done = bring(p, target(seed), width, part)
    assert done.nav == pytest.approx(before - done.charges.sum(), rel=1e-12)
    assert done.nav == pytest.approx((done.units * p.prices).sum() + done.cash, rel=1e-14)
    assert done.charges == pytest.approx(p.rates * np.abs(done.trades), rel=1e-15)
    assert done.cash == pytest.approx(p.cash - done.trades.sum() - done.charges.sum(), rel=1e-9, abs=1e-12 * before)


@given(seed=seeds, invested=st.sampled_from([1.0, 0.9]))
def test_the_same_target_twice_trades_nothing_the_second_time(seed: int, invested: float) -> None:
    goal = target(seed, invested=invested)
    twice = bring(bring(held(seed), goal).portfolio, goal)
    assert twice.status == kernel.NOTHING_MOVED
    assert twice.trades.tolist() == [0.0] * 5


@given(seed=seeds, width=st.sampled_from([0.02, 0.1]), invested=st.sampled_from([1.0, 0.9]))
def test_after_a_trade_the_weights_leave_the_box_by_no_more_than_the_costs(
    seed: int, width: float, invested: float
) -> None:
    """A kept asset weighs a little more when others have paid, and those weigh less: by their costs in all, at most."""
    goal = target(seed, invested=invested)
    done = bring(held(seed), goal, width)
    weights = done.units * done.portfolio.prices / done.nav
    outside = np.maximum(goal - width - weights, 0.0) + np.maximum(weights - goal - width, 0.0)
    assert outside.sum() <= done.charges.sum() / done.nav + 1e-14


@given(seed=seeds, width=st.sampled_from([0.0, 0.05]))
def test_the_order_of_the_lines_changes_nothing(seed: int, width: float) -> None:
    p, goal = held(seed), target(seed)
    order = np.random.default_rng([seed, 2]).permutation(len(goal))
    done = bring(p, goal, width)
    other = bring(Held(p.x[order], p.cash, p.prices[order], p.rates[:, order]), goal[order], width)
    assert other.nav == pytest.approx(done.nav, rel=1e-13)
    assert other.trades == pytest.approx(done.trades[order], abs=1e-12 * done.nav)


@given(seed=seeds, factor=st.sampled_from([1e-6, 3.0, 1e9]))
def test_a_larger_portfolio_trades_and_pays_in_proportion(seed: int, factor: float) -> None:
    p, goal = held(seed), target(seed)
    done, other = bring(p, goal, 0.03), bring(p._replace(x=p.x * factor, cash=p.cash * factor), goal, 0.03)
    assert other.nav == pytest.approx(done.nav * factor, rel=1e-13)
    assert other.charges == pytest.approx(done.charges * factor, rel=1e-9, abs=1e-12 * factor * done.nav)


@given(seed=seeds)
def test_without_cost_the_target_is_reached_and_nothing_is_lost(seed: int) -> None:
    p, goal = held(seed), target(seed)
    done = bring(p._replace(rates=np.zeros((2, 5))), goal)
    assert done.nav == pytest.approx(p.x.sum() + p.cash, rel=1e-15)
    assert done.units * p.prices / done.nav == pytest.approx(goal, abs=1e-14)


@given(seed=seeds)
def test_with_short_lines_the_cost_equation_is_solved_as_scipy_solves_it(seed: int) -> None:
    """Weights of either sign, past the whole wealth in sum; some assets keep their units."""
    rng = np.random.default_rng(seed)
    x, goal = rng.normal(0.2, 0.4, 5), rng.normal(0.2, 0.4, 5)
    rates, keeps = rng.uniform(0.0, 0.03, (2, 5)), rng.random(5) < 0.3
    nav = 1.0
    asked = np.where(keeps, x, goal)
    units, record = x.copy(), (np.empty(5), np.empty(5), np.empty((5, 5)))
    cost_parameters = Costs(*rates).cost_parameters()
    booking = booked(units, np.ones((1, 5)), nav, x, asked, cost_parameters, Lots.empty(5, 0))
    status, cash, _ = kernel.self_financing_step(booking, nav - x.sum(), 1.0, *record)
    kept, share = x[keeps].sum(), 1.0 - x[keeps].sum()
    if share <= 0.0:  # the assets that are kept are worth all wealth: the others get their fraction of it
        kept, share = 0.0, 1.0
    if (rates.sum(axis=0) * np.abs(goal))[~keeps].sum() >= share:
        assert status == kernel.REFUSED
        assert units.tolist() == x.tolist()
        return

    def excess(v: float) -> float:
        moved = np.where(keeps, x, goal * (v - kept) / share)
        return v + (rates.sum(axis=0) * np.abs(moved - x)).sum() - nav

    if keeps.all():
        assert status == kernel.NOTHING_MOVED
        return
    root = brentq(excess, -50.0, 1.0 + 1e-12, xtol=1e-300, rtol=1e-15)
    assert status == kernel.BOOKED
    assert units.sum() + cash == pytest.approx(root, abs=1e-12)
    assert units[keeps].tolist() == x[keeps].tolist()


def test_costs_that_leave_no_wealth_are_refused_and_nothing_moves() -> None:
    """Two for one: 3.0 long and 2.0 short at 25 % would cost 1.25 of the wealth."""
    done = bring(Held(np.array([0.0, 0.0]), 1.0, np.ones(2), np.full((2, 2), 0.125)), np.array([3.0, -2.0]))
    assert done.status == kernel.REFUSED
    assert done.nav == 1.0
    assert done.units.tolist() == [0.0, 0.0]
    assert done.cash == 1.0


def test_wealth_that_is_gone_is_refused() -> None:
    p = Held(np.array([2.0, -3.0]), 0.5, np.ones(2), np.zeros((2, 2)))
    assert bring(p, np.array([0.5, 0.5])).status == kernel.REFUSED


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8, 11])
def test_wealth_and_weights_count_every_line(n: int) -> None:
    rng = np.random.default_rng(n)
    units, prices, out = rng.random(n), rng.random((2, n)), np.empty(n)
    nav = kernel.wealth(units, prices, 1, 2.0, 1.5)
    assert nav == pytest.approx(units @ prices[1] + 3.0, rel=1e-15)
    assert kernel.weigh(units, prices, 1, nav, out) == pytest.approx(3.0 / nav, rel=1e-13)
    assert out == pytest.approx(units * prices[1] / nav, rel=1e-15)
