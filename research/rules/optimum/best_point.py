"""The best point of the no-trade region: where to trade today, if the gap that is left is held for a while. Compiled.

    min over y of  kappa/2 (y - target)' S (y - target) + sum_i c_i |y_i - w_i|
    subject to     lower <= y <= upper,  cash_lower <= 1 - sum y <= cash_upper

w : (n,) weights as drifted; y : (n,) weights to hold; cash is the rest, without risk and free to trade.
S : (n, n) covariance a year.  c : (n,) cost a side, fraction.  kappa : tracking_penalty g x years for which the gap is
held; squared tracking is priced g/2. The objective is in fractions of NAV.

Two kinds of steps take turns, and neither leaves the constraints or raises the objective.
*Pairs*: buy the asset that is cheapest at the margin, sell the one with which that saves most, as far as it pays,
through kinks and up to bounds; cash is an asset as well. This finds which assets trade. Few do, and the others keep
their w to the bit.
*Conjugate gradients* on the assets that trade, the signs of their trades unchanged, then an exact search along the way
that they give. This finds how far.
The point is the best when no pair saves anything: at the margin no sale saves more than a purchase costs.

Sources: Platt (1998), Sequential minimal optimization, and Fan, Chen and Lin (2005), Working set selection using second
order information, for the pairs; More and Toraldo (1991), On the solution of large quadratic programming problems with
bound constraints, for the turns; Gould, Hribar and Nocedal (2001), On the solution of equality constrained quadratic
programming problems, for conjugate gradients within the budget.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.compiled import inlined, linked
from foundation.tolerances import CURVATURE, PAIR_GAIN, RESIDUAL, WEIGHT

LEAST_VARIANCE = 1e-4  # variance, over the largest, that the preconditioner takes for an asset with less
PATIENT_PAIRS = 32  # pairs without news before the turn changes
SEARCH_ROUNDS = 40
TOO_HIGH, TOO_LOW, NOT_FOUND = -1, -2, -3  # bounds that sum to too much, to too little; no convergence


class Scratch(NamedTuple):
    """Room to work in: (n + 1,) arrays, cash last.

    rows     : (n + 1,) the assets that take part in a product.
    point    : (n + 1,) y, fraction of NAV.
    start    : (n + 1,) w, fraction of NAV.
    low      : (n + 1,) lower bounds, fraction of NAV.
    high     : (n + 1,) upper bounds, fraction of NAV.
    cost     : (n + 1,) c over kappa, in the unit of the gradient.
    gradient : (n + 1,) S (y - target), in the unit of the covariance.
    up       : (n + 1,) marginal cost of buying besides: +-cost, or infinite at a bound.
    down     : (n + 1,) marginal saving of selling besides: +-cost, or infinite at a bound.
    gain     : (n + 1,) twice what the sale of each asset saves, over kappa: slope squared over curvature.
    nothing  : (n + 1,) zeros, the covariances of cash.
    step     : (n + 1,) step of conjugate gradients, fraction of NAV,
    ahead    : (n + 1,) its direction, fraction of NAV,
    bent     : (n + 1,) S times it, in the unit of the gradient,
    residual : (n + 1,) residual, in the unit of the gradient,
    inverse  : (n + 1,) and the preconditioner, one over a year's variance; 0 for an asset that does not trade.
    """

    rows: NDArray[np.int64]
    point: Array
    start: Array
    low: Array
    high: Array
    cost: Array
    gradient: Array
    up: Array
    down: Array
    gain: Array
    nothing: Array
    step: Array
    ahead: Array
    bent: Array
    residual: Array
    inverse: Array


SCRATCH = len(Scratch._fields) - 1  # arrays of floats


def scratch_for(n: int) -> Scratch:
    """Scratch for n assets; it holds nothing between calls."""
    return Scratch(np.zeros(n + 1, dtype=np.int64), *np.zeros((SCRATCH, n + 1)))


@linked
def scratch_of(rows: NDArray[np.int64], a: Array) -> Scratch:
    """Scratch that lies in rows (n + 1,) and a (SCRATCH, n + 1). For kernels only: it counts no references."""
    return Scratch(
        rows, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14]
    )  # fmt: skip


# -- what a trade costs at the margin --------------------------------------------------------------------------------


@inlined
def _slopes(k: int, s: Scratch) -> None:
    """Set the cost of buying asset k and the saving of selling it at the margin, besides its gradient."""
    y, w = s.point[k], s.start[k]
    s.up[k] = np.inf if y >= s.high[k] else s.cost[k] if y >= w else -s.cost[k]
    s.down[k] = -np.inf if y <= s.low[k] else s.cost[k] if y > w else -s.cost[k]


@linked
def _times(covariance: Array, x: Array, rows: NDArray[np.int64], out: Array) -> None:
    """Set out = S x, from the rows in which x is not zero, four at a time."""
    n = len(covariance)
    m = 0
    for k in range(n):
        out[k] = 0.0
        if x[k] != 0.0:
            rows[m] = k
            m += 1
    fours = m - m % 4
    for p in range(0, fours, 4):
        i, j, k, l = rows[p], rows[p + 1], rows[p + 2], rows[p + 3]  # noqa: E741
        a, b, c, d = covariance[i], covariance[j], covariance[k], covariance[l]
        x0, x1, x2, x3 = x[i], x[j], x[k], x[l]
        for q in range(n):
            out[q] += (x0 * a[q] + x1 * b[q]) + (x2 * c[q] + x3 * d[q])
    for p in range(fours, m):
        a, x0 = covariance[rows[p]], x[rows[p]]
        for q in range(n):
            out[q] += x0 * a[q]


@linked
def _set_gradient(covariance: Array, target: Array, s: Scratch) -> None:
    """Set gradient = S (y - target); that of cash is zero."""
    for k in range(len(target)):
        s.ahead[k] = s.point[k] - target[k]
    _times(covariance, s.ahead, s.rows, s.gradient)
    s.gradient[len(target)] = 0.0


# -- pairs -----------------------------------------------------------------------------------------------------------


@inlined
def _stop_of_pair(i: int, j: int, s: Scratch) -> tuple[float, float, float]:
    """(distance, where i would be, where j would be) at the first kink or bound, buying i and selling j."""
    to_i = s.start[i] if s.point[i] < s.start[i] < s.high[i] else s.high[i]
    to_j = s.start[j] if s.point[j] > s.start[j] > s.low[j] else s.low[j]
    return min(to_i - s.point[i], s.point[j] - to_j), to_i, to_j


@linked
def _trade(i: int, j: int, curvature: float, s: Scratch) -> float:
    """Buy i and sell j as far as it pays; gives the size of the trade. The gradient stays as it was."""
    moved = 0.0
    while True:
        slope = (s.gradient[i] + s.up[i]) - (s.gradient[j] + s.down[j]) + moved * curvature
        stop, to_i, to_j = _stop_of_pair(i, j, s)
        far = min(stop, -slope / curvature) if curvature > 0.0 else stop
        if not slope < 0.0 or far == np.inf:
            return moved
        s.point[i] = to_i if far == to_i - s.point[i] else s.point[i] + far
        s.point[j] = to_j if far == s.point[j] - to_j else s.point[j] - far
        moved += far
        _slopes(i, s)
        _slopes(j, s)
        if far < stop:
            return moved


@inlined
def _margins(s: Scratch) -> tuple[float, float]:
    """(least outlay of a purchase, largest saving of a sale), at the margin."""
    least, most = np.inf, -np.inf
    for k in range(len(s.point)):
        least = min(least, s.gradient[k] + s.up[k])
        most = max(most, s.gradient[k] + s.down[k])
    return least, most


@inlined
def _buyer(least: float, s: Scratch) -> int:
    """The first asset that is bought at the least outlay."""
    i = 0
    while s.gradient[i] + s.up[i] != least:
        i += 1
    return i


@inlined
def _seller(covariance: Array, row: Array, own: float, least: float, s: Scratch) -> int:
    """The asset whose sale saves most, slope squared over curvature, with the purchase of the asset of this row."""
    n = len(covariance)
    best = 0.0
    for k in range(n):
        both = own + covariance[k, k]
        slope = max(s.gradient[k] + s.down[k] - least, 0.0)
        s.gain[k] = slope * slope / (max(both - 2.0 * row[k], CURVATURE * both) + 1e-300)
        best = max(best, s.gain[k])
    slope = max(s.gradient[n] + s.down[n] - least, 0.0)
    s.gain[n] = slope * slope / (own + 1e-300)
    best = max(best, s.gain[n])
    j = 0
    while s.gain[j] != best:
        j += 1
    return j


@linked
def _trade_pairs(covariance: Array, tolerance: float, patience: int, s: Scratch) -> tuple[int, bool]:
    """(pairs traded, is nothing left to save?): ends as well when the assets that trade have long been the same."""
    n = len(covariance)
    quiet = 0
    for traded in range(100 * (n + 1)):
        least, most = _margins(s)
        if most - least <= tolerance + 1e-15 * abs(least):
            return traded, True
        if quiet > patience + traded // 3:
            return traded, False
        i = _buyer(least, s)
        row = covariance[i] if i < n else s.nothing
        own = row[i] if i < n else 0.0
        j = _seller(covariance, row, own, least, s)
        other = covariance[j] if j < n else s.nothing
        curvature = own + (other[j] - 2.0 * row[j] if j < n else 0.0)
        before = s.up[i] + s.down[i] + s.up[j] + s.down[j]
        moved = _trade(i, j, curvature, s)
        quiet = quiet + 1 if s.up[i] + s.down[i] + s.up[j] + s.down[j] == before else 0
        for k in range(n):
            s.gradient[k] += moved * (row[k] - other[k])
    return 100 * (n + 1), False


# -- conjugate gradients ---------------------------------------------------------------------------------------------


@inlined
def _take_free(covariance: Array, widest: float, s: Scratch) -> None:
    """Set the preconditioner and the residual of the assets off their kinks and bounds; zeros for the others."""
    for k in range(len(covariance)):
        free = s.low[k] < s.point[k] < s.high[k] and s.up[k] == s.down[k]
        s.inverse[k] = 1.0 / max(covariance[k, k], LEAST_VARIANCE * widest) if free else 0.0
        s.residual[k] = s.gradient[k] + s.up[k] if free else 0.0
        s.step[k] = s.ahead[k] = 0.0


@linked
def _within_budget(held: bool, s: Scratch) -> float:
    """Take the budget's price out of the residual, where cash is held fast; gives residual^2 over S_ii, in all."""
    n = len(s.point) - 1
    weight = total = 0.0
    for k in range(n):
        weight += s.inverse[k]
        total += s.inverse[k] * s.residual[k]
    price = total / weight if held and weight > 0.0 else 0.0
    power = 0.0
    for k in range(n):
        if s.inverse[k] > 0.0:
            s.residual[k] -= price
            power += s.residual[k] * s.residual[k] * s.inverse[k]
    return power


@linked
def _set_step(covariance: Array, widest: float, tolerance: float, s: Scratch) -> bool:
    """Set step to the way from y to the best point of the free assets, the signs of their trades unchanged.

    Returns : true if the step is a direction without curvature. Then S is singular, and only a kink or a bound ends it.
    """
    n = len(covariance)
    held = not s.low[n] < s.point[n] < s.high[n]
    _take_free(covariance, widest, s)
    power = _within_budget(held, s)
    enough, before = max(RESIDUAL * power, tolerance * tolerance / widest), np.inf
    for _ in range(2 * n):
        if not power > enough:
            break
        size = bend = 0.0
        for k in range(n):
            s.ahead[k] = power / before * s.ahead[k] - s.residual[k] * s.inverse[k]
            size += s.ahead[k] * s.ahead[k]
        _times(covariance, s.ahead, s.rows, s.bent)
        for k in range(n):
            bend += s.ahead[k] * s.bent[k]
        if not bend > CURVATURE * widest * size:
            for k in range(n):
                s.step[k] = s.ahead[k]
            return True
        for k in range(n):
            s.step[k] += power / bend * s.ahead[k]
            if s.inverse[k] > 0.0:
                s.residual[k] += power / bend * s.bent[k]
        before = power
        power = _within_budget(held, s)
    return False


@inlined
def _stops_of_line(k: int, s: Scratch) -> tuple[float, float]:
    """(kink, bound): multiples of the step at which asset k comes to its w, if ever, and to its bound."""
    if s.step[k] == 0.0:
        return np.inf, np.inf
    bound = ((s.high[k] if s.step[k] > 0.0 else s.low[k]) - s.point[k]) / s.step[k]
    kink = (s.start[k] - s.point[k]) / s.step[k]
    return kink if kink > 0.0 and s.cost[k] > 0.0 else np.inf, bound


@linked
def _next_stop(done: float, s: Scratch) -> tuple[float, float]:
    """(multiple of the step, rise of the slope) at the first kink beyond `done`, or bound (rise infinite)."""
    stop, rise = np.inf, 0.0
    for k in range(len(s.point)):
        kink, bound = _stops_of_line(k, s)
        stop = min(stop, bound, kink if kink > done else np.inf)
    for k in range(len(s.point)):
        kink, bound = _stops_of_line(k, s)
        if bound == stop:
            rise = np.inf
        elif kink == stop:
            rise += 2.0 * s.cost[k] * abs(s.step[k])
    return stop, rise


@linked
def _how_far(slope: float, bend: float, s: Scratch) -> float:
    """The multiple of the step at which the objective is least; `slope` and `bend` are those at its beginning.

    Where nothing more ends a flat direction, its slope is rounding, and the way ends there.
    """
    done = 0.0
    while slope < 0.0:
        stop, rise = _next_stop(done, s)
        least = done - slope / bend if bend > 0.0 else np.inf
        if least <= stop:
            return least if least < np.inf else done
        slope += (stop - done) * bend + rise
        done = stop
    return done


@linked
def _follow_step(flat: bool, s: Scratch) -> bool:
    """Go along the step as far as it pays; gives whether a kink or a bound ended it, to the bit."""
    n = len(s.point) - 1
    sold = slope = 0.0
    for k in range(n):
        if s.step[k] != 0.0:
            sold -= s.step[k]
            slope += (s.gradient[k] + s.up[k]) * s.step[k]
    s.step[n] = sold if s.low[n] < s.point[n] < s.high[n] else 0.0
    far = _how_far(slope, 0.0 if flat else -slope, s)
    ended = False
    for k in range(n + 1):
        kink, bound = _stops_of_line(k, s)
        if bound <= far:
            s.point[k] = s.high[k] if s.step[k] > 0.0 else s.low[k]
            ended = True
        else:
            ended = ended or kink == far
            y = s.start[k] if kink == far else s.point[k] + far * s.step[k]
            s.point[k] = min(max(y, s.low[k]), s.high[k])
        _slopes(k, s)
    return ended


# -- the best point --------------------------------------------------------------------------------------------------


@inlined
def _capacity(k: int, excess: float, s: Scratch) -> float:
    """The capacity of asset k for the excess, with the sign of the excess and no larger than it."""
    if excess > 0.0:
        return min(s.high[k] - s.point[k], excess)
    return max(s.low[k] - s.point[k], excess)


@linked
def _begin(weights: Array, cash_lower: float, cash_upper: float, s: Scratch) -> None:
    """Begin at w, if it is inside its bounds; the moves that they force are spread over the assets by capacity."""
    n = len(weights)
    total = 0.0
    for k in range(n):
        s.nothing[k] = 0.0
        s.start[k] = weights[k]
        s.point[k] = min(max(weights[k], s.low[k]), s.high[k])
        total += s.point[k]
    cash = 1.0 - total
    excess = cash - min(max(cash, cash_lower), cash_upper)
    if abs(excess) > WEIGHT:
        capacity = 0.0
        for k in range(n):
            capacity += _capacity(k, excess, s)
        for k in range(n):
            s.point[k] += _capacity(k, excess, s) * min(excess / capacity, 1.0)
        cash -= excess
    s.nothing[n] = s.cost[n] = 0.0
    s.point[n] = s.start[n] = cash
    s.low[n], s.high[n] = min(cash, cash_lower), max(cash, cash_upper)
    for k in range(n + 1):
        _slopes(k, s)


@linked
def best_point(
    weights: Array,
    target: Array,
    covariance: Array,
    cost: Array,
    kappa: float,
    lower: Array,
    upper: Array,
    cash_lower: float,
    cash_upper: float,
    scratch: Scratch,
    out: Array,
) -> int:
    """Set `out` to the best point; gives the number of rounds that it took, or TOO_HIGH, TOO_LOW or NOT_FOUND.

    weights    : (n,) w, as drifted, fraction of NAV.
    target     : (n,) fraction of NAV.
    covariance : (n, n) S, a year; symmetric and positive semidefinite, in C order.
    cost       : (n,) a side, fraction of the notional.
    kappa      : tracking_penalty x years for which the gap is held, above 0.
    lower      : (n,) lower bound of each asset, fraction of NAV.
    upper      : (n,) upper bound, not below the lower one, fraction of NAV; both are the weight of an asset that cannot
                 trade.
    cash_lower : lower bound of cash, fraction of NAV.
    cash_upper : upper bound of cash, fraction of NAV.
    scratch    : arrays for n assets, `scratch_for`.
    out        : (n,) y, fraction of NAV; written.

    All but the bounds are finite. Where S is singular there may be several best points, and this is one of them. An
    asset that does not trade keeps its weight to the bit.
    """
    n, s = len(weights), scratch
    floor = ceiling = gap = size = 0.0
    widest = 1e-30  # above zero, should all assets be without risk
    for k in range(n):
        s.low[k], s.high[k], s.cost[k] = lower[k], upper[k], cost[k] / kappa
        floor += lower[k]
        ceiling += upper[k]
        widest = max(widest, covariance[k, k])
    if floor > 1.0 - cash_lower + WEIGHT:
        return TOO_HIGH
    if ceiling < 1.0 - cash_upper - WEIGHT:
        return TOO_LOW
    _begin(weights, cash_lower, cash_upper, s)
    for k in range(n):
        gap += abs(s.point[k] - target[k]) + abs(s.point[k] - weights[k])
        size = max(size, abs(s.point[k]))
    tolerance = widest * (PAIR_GAIN * gap + 1e-15 * size)
    patience = PATIENT_PAIRS
    for tried in range(SEARCH_ROUNDS + n):
        _set_gradient(covariance, target, s)
        traded, settled = _trade_pairs(covariance, tolerance, patience, s)
        if settled and traded == 0:
            for k in range(n):
                out[k] = s.point[k] if abs(s.point[k] - weights[k]) > WEIGHT else weights[k]
            return tried
        again = not settled
        while again:  # a flat direction fixes one asset more
            flat = _set_step(covariance, widest, tolerance, s)
            again = _follow_step(flat, s) and flat
            _set_gradient(covariance, target, s)
        patience = min(2 * patience, PATIENT_PAIRS + 4 * n)
    return NOT_FOUND
