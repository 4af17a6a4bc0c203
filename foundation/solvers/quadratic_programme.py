"""Quadratic programmes over bounds and a few rows, by active sets. Compiled.

    min over x of  x' S x / 2 - q' x     subject to  low <= x <= high,  row_low <= R x <= row_high

S : (n, n) symmetric and positive definite.  q : (n,).  R : (m, n); its first row is ones, the sum of x.

Variables at a bound are fixed, and the others, with the rows that are met, form a system of linear equations
(`foundation.solvers.quadratic_system`); so a fit costs as much as the variables that are held.
*Primal steps* keep all constraints, begin at a vertex of the bounds and the sum, and free or fix one at a time.
*Dual steps* then bring in the other rows, one that is missed at a time, and keep the signs of all multipliers.
The end is computed anew from the variables that are free and the rows that are met: how it was reached leaves no trace.

Sources: Nocedal, Wright (2006), Numerical Optimization, algorithm 16.3, for primal steps; Goldfarb, Idnani (1983), A
numerically stable dual method for solving strictly convex quadratic programs, for dual steps.
"""

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.compiled import compiled, linked
from foundation.solvers.quadratic_system import (
    FREE,
    HIGH,
    LOW,
    MET_BOTH,
    PIVOT,
    System,
    drop_row,
    fix_variable,
    free_variable,
    move,
    refactor,
    row_at,
    set_gradient,
    set_multipliers,
    set_step,
    wrong_by,
)

SINGULAR, NOT_FOUND, INFEASIBLE = -1, -2, -3
MISSED = 1e-11  # by which a row or a bound may be missed while others are brought in, over the largest of its terms
STEP = 1e-14  # of x, which is of the order of 1: a step of less is none
STEPS = 40  # for each variable and row


# -- primal steps ----------------------------------------------------------------------------------------------------


@linked
def _begin(s: System) -> tuple[int, int]:
    """(free variables, rows that are met) at a vertex: those of least variance are filled until the sum is met."""
    n = len(s.x)
    total, fixed = 0.0, True
    for j in range(n):
        s.side[j] = LOW if abs(s.low[j]) <= abs(s.high[j]) else HIGH
        s.x[j] = s.low[j] if s.side[j] == LOW else s.high[j]
        total += s.x[j]
        fixed = fixed and s.low[j] == s.high[j]
    if fixed or (s.row_low[0] <= total <= s.row_high[0] and s.row_low[0] < s.row_high[0]):
        return 0, 0
    raised = total < s.row_low[0] or (s.row_low[0] == s.row_high[0] and total <= s.row_low[0])
    left = (s.row_low[0] if raised else s.row_high[0]) - total
    last = -1
    for _ in range(n):
        best, cheapest = -1, np.inf
        for j in range(n):
            room = s.high[j] - s.x[j] if raised else s.low[j] - s.x[j]
            if room != 0.0 and s.covariance[j, j] < cheapest:
                best, cheapest = j, s.covariance[j, j]
        if best < 0:
            break
        last = best
        room = s.high[best] - s.x[best] if raised else s.low[best] - s.x[best]
        if abs(room) >= abs(left):
            s.x[best] += left
            break
        s.side[best] = HIGH if raised else LOW
        s.x[best] = s.high[best] if raised else s.low[best]
        left -= room
    if last < 0 or not free_variable(last, 0, s):
        return -1, 0
    s.met[0] = MET_BOTH if s.row_low[0] == s.row_high[0] else LOW if raised else HIGH
    s.active[0] = 0
    return 1, 1


@linked
def _stop(k: int, s: System) -> tuple[float, int, int]:
    """(multiple of the step, place of the variable or -1 - row, side) at the first bound on its way; at most 1."""
    far, what, side = 1.0, len(s.x), FREE
    for i in range(k):
        j = s.order[i]
        to = s.low[j] if s.step[j] < 0.0 else s.high[j]
        if abs(s.step[j]) > STEP and (to - s.x[j]) / s.step[j] < far:
            far, what, side = (to - s.x[j]) / s.step[j], i, LOW if s.step[j] < 0.0 else HIGH
    for r in range(len(s.met)):
        if s.met[r] == FREE:
            rise = row_at(r, s.step, s)
            to = s.row_low[r] if rise < 0.0 else s.row_high[r]
            gap = to - row_at(r, s.x, s)
            if abs(rise) > STEP and abs(to) != np.inf and gap / rise < far:
                far, what, side = gap / rise, -1 - r, LOW if rise < 0.0 else HIGH
    return max(far, 0.0), what, side


@linked
def _release(k: int, a: int, s: System) -> tuple[int, int, bool]:
    """(free variables, rows met, is x the best?) after the constraint whose multiplier is most wrong is let go."""
    worst, what = set_multipliers(a, s), len(s.x)
    for j in range(len(s.x)):
        if s.side[j] != FREE and s.low[j] < s.high[j] and wrong_by(s.side[j], s.multipliers[j]) > worst:
            worst, what = wrong_by(s.side[j], s.multipliers[j]), j
    for p in range(a):
        r = s.active[p]
        if wrong_by(s.met[r], s.prices[r]) > worst:
            worst, what = wrong_by(s.met[r], s.prices[r]), -1 - p
    if what == len(s.x):
        return k, a, True
    if what < 0:
        drop_row(-1 - what, a, s)
        return k, a - 1, False
    return (k + 1 if free_variable(what, k, s) else -1), a, False


@linked
def _primal(k: int, a: int, down: Array, s: System) -> tuple[int, int]:
    """(free variables, rows met) at the best point from one that keeps all constraints; a code below 0 for neither."""
    n, m = len(s.x), len(s.met)
    for _ in range(STEPS * (n + m)):
        for j in range(n):
            down[j] = -s.gradient[j]
        if not set_step(down, False, k, a, s):
            return NOT_FOUND, a
        far, what, side = _stop(k, s)
        move(far, k, s)
        if far < 1.0:
            if what >= 0:
                fix_variable(what, k, side, s)
                k -= 1
            else:
                s.met[-1 - what], s.active[a] = side, -1 - what
                a += 1
            continue
        for p in range(a):
            s.prices[s.active[p]] = s.moved[p]
        k, a, best = _release(k, a, s)
        if best:
            return k, a
        if k < 0:
            return SINGULAR, a
    return NOT_FOUND, a


# -- dual steps ------------------------------------------------------------------------------------------------------


@linked
def _most_missed(s: System) -> tuple[int, float]:
    """(variable, or n + row, -1 for none; by how much, above 0 where it has to rise) of the constraint missed most."""
    n, what, most = len(s.x), -1, 0.0
    for j in range(n + len(s.met)):
        if j < n:
            at, low, high, free = s.x[j], s.low[j], s.high[j], s.side[j] == FREE
        else:
            at, low, high, free = row_at(j - n, s.x, s), s.row_low[j - n], s.row_high[j - n], s.met[j - n] == FREE
        gap = low - at if at < low else high - at if at > high else 0.0
        if free and abs(gap) > max(abs(most), MISSED * (1.0 + abs(at))):
            what, most = j, gap
    return what, most


@linked
def _first_sign(k: int, a: int, normal: Array, s: System) -> tuple[float, int]:
    """(multiple of the step, variable or -1 - place of a row) at which the first multiplier would change its sign."""
    n = len(s.x)
    far, what = np.inf, n
    for j in range(n):
        if s.side[j] == FREE or not s.low[j] < s.high[j]:
            continue
        slope = s.bent[j] - normal[j]
        for p in range(a):
            slope -= s.moved[p] * s.rows[s.active[p], j]
        if wrong_by(s.side[j], slope) > 0.0:
            reach = max(-s.multipliers[j] / slope, 0.0)
            if reach < far:
                far, what = reach, j
    for p in range(a):
        r = s.active[p]
        if wrong_by(s.met[r], s.moved[p]) > 0.0 and s.met[r] != MET_BOTH:
            reach = max(-s.prices[r] / s.moved[p], 0.0)
            if reach < far:
                far, what = reach, -1 - p
    return far, what


@linked
def _bring_in(what: int, gap: float, k: int, a: int, normal: Array, s: System) -> tuple[int, int]:  # noqa: C901
    """(free variables, rows met) once a missed constraint is met; a code below 0 where that cannot be."""
    n = len(s.x)
    sign = 1.0 if gap > 0.0 else -1.0
    side = LOW if gap > 0.0 else HIGH
    price = 0.0
    for j in range(n):
        normal[j] = sign * s.rows[what - n, j] if what >= n else 0.0
    if what < n:
        normal[what] = sign
    for _ in range(STEPS * (n + len(s.met))):
        if not set_step(normal, False, k, a, s):
            return NOT_FOUND, a
        rise = size = 0.0
        for j in range(n):
            rise += normal[j] * s.step[j]
            size = max(size, normal[j] * normal[j] / s.covariance[j, j])
        whole = sign * gap / rise if rise > PIVOT * size else np.inf
        set_multipliers(a, s)
        for j in range(n):
            s.multipliers[j] -= price * normal[j]
        far, who = _first_sign(k, a, normal, s)
        far = min(far, whole)
        if far == np.inf:
            return INFEASIBLE, a
        if whole < np.inf:
            move(far, k, s)
            gap -= sign * far * rise
        for p in range(a):
            s.prices[s.active[p]] += far * s.moved[p]
        price += far
        if far == whole:
            if what < n:
                place = 0
                while s.order[place] != what:
                    place += 1
                fix_variable(place, k, side, s)
                return k - 1, a
            s.met[what - n], s.active[a], s.prices[what - n] = side, what - n, sign * price
            if s.row_low[what - n] == s.row_high[what - n]:
                s.met[what - n] = MET_BOTH
            return k, a + 1
        if who < 0:
            drop_row(-1 - who, a, s)
            a -= 1
        elif free_variable(who, k, s):
            k += 1
        else:
            return SINGULAR, a
    return NOT_FOUND, a


# -- the best point --------------------------------------------------------------------------------------------------


@linked
def _settle(b: Array, k: int, a: int, s: System) -> bool:
    """Compute x, gradient, prices and multipliers anew from the free variables and the rows that are met, twice."""
    for _ in range(2):
        for j in range(len(s.x)):
            b[j] = -s.gradient[j]
        if not set_step(b, True, k, a, s):
            return False
        move(1.0, k, s)
        set_gradient(s)
        for p in range(a):
            s.prices[s.active[p]] = s.moved[p]
    set_multipliers(a, s)
    return True


@linked
def _best(warm: bool, b: Array, s: System) -> tuple[int, int]:  # noqa: C901  (split, it would be compiled for longer)
    """(free variables, rows met) at the best point, from a vertex or from the last one; a code below 0 for none."""
    m, a = len(s.met), 0
    if warm:
        for r in range(m):
            if s.met[r] != FREE:
                s.active[a] = r
                a += 1
        k = refactor(s)
    else:
        for r in range(m):
            s.met[r], s.prices[r] = FREE, 0.0
        k, a = _begin(s)
    if k < 0:
        return SINGULAR, a
    set_gradient(s)
    if not warm:  # rows that are not brought in yet
        for r in range(1, m):
            s.met[r] = MET_BOTH
    k, a = _primal(k, a, b, s)
    if not warm:
        for r in range(1, m):
            s.met[r] = FREE
    while k >= 0:
        set_gradient(s)
        what, gap = _most_missed(s)
        if what < 0:
            return k, a
        k, a = _bring_in(what, gap, k, a, b, s)
    return k, a


@compiled
def best_of_quadratic(
    covariance: Array,
    q: Array,
    rows: Array,
    row_low: Array,
    row_high: Array,
    low: Array,
    high: Array,
    way: Array,
    warm: bool,
    x: Array,
    side: NDArray[np.int64],
    met: NDArray[np.int64],
    multipliers: Array,
    prices: Array,
    slope: Array,
) -> int:
    """Set x to the best point; gives the number of free variables, or SINGULAR, NOT_FOUND or INFEASIBLE.

    covariance  : (n, n) S, in C order.
    q           : (n,).
    rows        : (m, n), the first ones.
    row_low     : (m,), row_high (m,): bounds of the rows, infinite for none.
    low         : (n,), high (n,): bounds, finite.
    way         : (n,) direction in which q may go on.
    warm        : true to begin at x, side and met, as a call with another q and the same constraints left them.
    x           : (n,) written.
    side        : (n,) and met (m,): written, which bounds hold.
    multipliers : (n,) and prices (m,): written, the rise of the least value per unit of the bound that holds.
    slope       : (n,) written: change of x per unit of `way` added to q, while the same bounds hold.
    """
    n, m = len(x), len(met)
    s = System(
        covariance, q, rows, row_low, row_high, low, high, x, np.zeros(n), multipliers, prices, side, met,
        np.zeros(n, dtype=np.int64), np.zeros(m, dtype=np.int64), np.zeros((n, n)), np.zeros((m + 1, n)),
        np.zeros((m, m)), np.zeros(m), np.zeros(n), np.zeros(n), np.zeros(m),
    )  # fmt: skip
    b = np.zeros(n)
    k, a = _best(warm, b, s)
    if k < 0:
        return k
    k = refactor(s)
    if k < 0:
        return SINGULAR
    for i in range(k):
        x[s.order[i]] = 0.0
    set_gradient(s)
    if not _settle(b, k, a, s) or not set_step(way, False, k, a, s):
        return NOT_FOUND
    slope[:] = s.step
    return k
