"""Quadratic programmes over bounds and a few rows, by active sets. Compiled.

    min over x of  x' S x / 2 - q' x     subject to  low <= x <= high,  row_low <= R x <= row_high

S : (n, n) symmetric and positive definite.  q : (n,).  R : (m, n); its first row is ones, the sum of x.

Variables at a bound are fixed, and the others, with the rows that are met, form a system of linear equations, solved by
a Cholesky factor that is updated as variables come and go; so a fit costs as much as the variables that are held.
*Primal steps* keep all constraints, begin at a vertex of the bounds and the sum, and free or fix one at a time.
*Dual steps* then bring in the other rows, one that is missed at a time, and keep the signs of all multipliers.
The end is computed anew from the variables that are free and the rows that are met: how it was reached leaves no trace.

Sources: Nocedal, Wright (2006), Numerical Optimization, algorithm 16.3, for primal steps; Goldfarb, Idnani (1983), A
numerically stable dual method for solving strictly convex quadratic programs, for dual steps; Gill, Golub, Murray,
Saunders (1974), Methods for modifying matrix factorizations, for the factor.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.compiled import compiled, linked

FREE, LOW, HIGH, ALWAYS = 0, -1, 1, 2  # a variable; a row is FREE where it is not met
SINGULAR, NOT_FOUND, INFEASIBLE = -1, -2, -3
MISSED = 1e-11  # by which a row or a bound may be missed while others are brought in, over the largest of its terms
WRONG = 1e-12  # sign of a multiplier, over the largest gradient
PIVOT = 1e-11  # of a diagonal of S: below it a column depends on the others
STEP = 1e-14  # of x, which is of the order of 1: a step of less is none
STEPS = 40  # for each variable and row


class System(NamedTuple):
    """The state that the steps share.

    covariance, q, rows : S (n, n), q (n,) and R (m, n).
    row_low, row_high, low, high : (m,), (m,), (n,) and (n,) bounds.
    x, gradient   : (n,) point, and S x - q.
    multipliers   : (n,) of bounds: the gradient less that of the rows; above 0 at a lower bound, below 0 at an upper.
    prices        : (m,) of rows, likewise.
    side, met     : (n,) and (m,) FREE, or LOW or HIGH for the bound that holds; ALWAYS for equal bounds.
    order, active : (n,) free variables in the order of the factor; (m,) rows that are met.
    factor        : (n, n) upper triangle U with U' U = S of the free variables.
    solved        : (m + 1, n) solutions of U' y = b.
    inner, sums   : (m, m) and (m,) system of the rows.
    step, bent    : (n,) step, over all variables, and S times it.
    moved         : (m,) change of the prices.
    """

    covariance: Array
    q: Array
    rows: Array
    row_low: Array
    row_high: Array
    low: Array
    high: Array
    x: Array
    gradient: Array
    multipliers: Array
    prices: Array
    side: NDArray[np.int64]
    met: NDArray[np.int64]
    order: NDArray[np.int64]
    active: NDArray[np.int64]
    factor: Array
    solved: Array
    inner: Array
    sums: Array
    step: Array
    bent: Array
    moved: Array


# -- the factor ------------------------------------------------------------------------------------------------------


@linked
def _forward(factor: Array, k: int, b: Array) -> None:
    """Solve U' y = b in place, for the first k."""
    for i in range(k):
        b[i] /= factor[i, i]
        pulled = b[i]
        row = factor[i]
        for j in range(i + 1, k):
            b[j] -= row[j] * pulled


@linked
def _free(j: int, k: int, s: System) -> bool:
    """Take variable j into the factor of k; false where its column depends on the others."""
    y = s.solved[0]
    for i in range(k):
        y[i] = s.covariance[j, s.order[i]]
    _forward(s.factor, k, y)
    left = s.covariance[j, j]
    for i in range(k):
        left -= y[i] * y[i]
        s.factor[i, k] = y[i]
    if not left > PIVOT * s.covariance[j, j]:
        return False
    s.factor[k, k] = np.sqrt(left)
    s.order[k] = j
    s.side[j] = FREE
    return True


@linked
def _fix(place: int, k: int, side: int, s: System) -> None:
    """Take the variable at a place of the order out of the factor of k, to the bound of a side."""
    j = s.order[place]
    s.side[j] = side
    s.x[j] = s.low[j] if side == LOW else s.high[j]
    for p in range(place, k - 1):
        s.order[p] = s.order[p + 1]
        upper, under = s.factor[p], s.factor[p + 1]
        size = np.hypot(upper[p + 1], under[p + 1])
        c, d = upper[p + 1] / size, under[p + 1] / size
        for q in range(p + 1, k):
            a, b = upper[q], under[q]
            upper[q], under[q] = c * a + d * b, c * b - d * a
    for i in range(k - 1):  # the columns move one to the left
        row = s.factor[i]
        for q in range(max(place, i), k - 1):
            row[q] = row[q + 1]


@linked
def _refactor(s: System) -> int:
    """The number of free variables, after the factor is made anew in the order of the variables; -1 where singular."""
    k = 0
    for j in range(len(s.x)):
        if s.side[j] == FREE:
            if not _free(j, k, s):
                return -1
            k += 1
    return k


# -- the system of equations -----------------------------------------------------------------------------------------


@linked
def _solve_rows(a: int, s: System) -> bool:
    """Solve inner · moved = sums for a rows, by Cholesky in place; false where they depend on each other."""
    for i in range(a):
        own = s.inner[i, i]
        for j in range(i):
            total = s.inner[i, j]
            for p in range(j):
                total -= s.inner[i, p] * s.inner[j, p]
            s.inner[i, j] = total / s.inner[j, j]
        for p in range(i):
            s.inner[i, i] -= s.inner[i, p] * s.inner[i, p]
        if not s.inner[i, i] > PIVOT * own:
            return False
        s.inner[i, i] = np.sqrt(s.inner[i, i])
    for i in range(a):
        for p in range(i):
            s.sums[i] -= s.inner[i, p] * s.sums[p]
        s.sums[i] /= s.inner[i, i]
    for i in range(a - 1, -1, -1):
        for p in range(i + 1, a):
            s.sums[i] -= s.inner[p, i] * s.sums[p]
        s.sums[i] /= s.inner[i, i]
        s.moved[i] = s.sums[i]
    return True


@linked
def _step(b: Array, missing: bool, k: int, a: int, s: System) -> bool:  # noqa: C901
    """Set step, bent and moved: S step = b + R' moved on free variables, the rows that are met unchanged.

    b       : (n,), read on free variables.
    missing : true to bring the rows to their bounds instead.
    Returns : false where rows that are met depend on each other.
    """
    n = len(s.x)
    for i in range(k):
        s.solved[0, i] = b[s.order[i]]
    _forward(s.factor, k, s.solved[0])
    for r in range(a):
        row, y = s.rows[s.active[r]], s.solved[r + 1]
        for i in range(k):
            y[i] = row[s.order[i]]
        _forward(s.factor, k, y)
        for p in range(r + 1):
            total = 0.0
            for i in range(k):
                total += y[i] * s.solved[p + 1, i]
            s.inner[r, p] = s.inner[p, r] = total
        s.sums[r] = 0.0
        for i in range(k):
            s.sums[r] -= y[i] * s.solved[0, i]
        if missing:
            s.sums[r] += _missing(s.active[r], s)
    if not _solve_rows(a, s):
        return False
    y = s.solved[0]
    for r in range(a):
        for i in range(k):
            y[i] += s.moved[r] * s.solved[r + 1, i]
    for j in range(n):
        s.step[j] = 0.0
    for i in range(k - 1, -1, -1):
        row = s.factor[i]
        total = y[i]
        for j in range(i + 1, k):
            total -= row[j] * y[j]
        y[i] = total / row[i]
        s.step[s.order[i]] = y[i]
    _times(s.covariance, s.step, s.bent)
    return True


@linked
def _times(covariance: Array, x: Array, out: Array) -> None:
    """Set out = S x, from the rows in which x is not zero."""
    n = len(x)
    for j in range(n):
        out[j] = 0.0
    for i in range(n):
        if x[i] != 0.0:
            row, times = covariance[i], x[i]
            for j in range(n):
                out[j] += times * row[j]


@linked
def _at(r: int, x: Array, s: System) -> float:
    """The value of row r at x."""
    total = 0.0
    for j in range(len(x)):
        total += s.rows[r, j] * x[j]
    return total


@linked
def _missing(r: int, s: System) -> float:
    """The distance of a row that is met to its bound."""
    return (s.row_high[r] if s.met[r] == HIGH else s.row_low[r]) - _at(r, s.x, s)


@linked
def _move(far: float, k: int, s: System) -> None:
    """Go `far` times the step."""
    for i in range(k):
        s.x[s.order[i]] += far * s.step[s.order[i]]
    for j in range(len(s.x)):
        s.gradient[j] += far * s.bent[j]


@linked
def _set_gradient(s: System) -> None:
    """Set the gradient at x."""
    _times(s.covariance, s.x, s.gradient)
    for j in range(len(s.x)):
        s.gradient[j] -= s.q[j]


@linked
def _set_multipliers(a: int, s: System) -> float:
    """Set the multipliers of bounds, from the gradient and the prices; gives what counts as zero."""
    largest = 0.0
    for j in range(len(s.x)):
        s.multipliers[j] = s.gradient[j]
        largest = max(largest, abs(s.gradient[j]))
    for r in range(a):
        row, price = s.rows[s.active[r]], s.prices[s.active[r]]
        for j in range(len(s.x)):
            s.multipliers[j] -= price * row[j]
    return WRONG * largest


@linked
def _drop(place: int, a: int, s: System) -> None:
    """Let the row at a place of those that are met go."""
    s.met[s.active[place]] = FREE
    s.prices[s.active[place]] = 0.0
    for p in range(place, a - 1):
        s.active[p] = s.active[p + 1]


@linked
def _wrong(side: int, multiplier: float) -> float:
    """By how much a multiplier has the wrong sign for its side."""
    return -multiplier if side == LOW else multiplier if side == HIGH else 0.0


# -- primal steps ----------------------------------------------------------------------------------------------------


@linked
def _begin(s: System) -> tuple[int, int]:
    """(free variables, rows that are met) at a vertex: those of least variance are filled until the sum is met."""
    n = len(s.x)
    total = 0.0
    for j in range(n):
        s.side[j] = LOW if abs(s.low[j]) <= abs(s.high[j]) else HIGH
        s.x[j] = s.low[j] if s.side[j] == LOW else s.high[j]
        total += s.x[j]
    if s.row_low[0] <= total <= s.row_high[0] and s.row_low[0] < s.row_high[0]:
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
    if last < 0 or not _free(last, 0, s):
        return -1, 0
    s.met[0] = ALWAYS if s.row_low[0] == s.row_high[0] else LOW if raised else HIGH
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
            rise = _at(r, s.step, s)
            to = s.row_low[r] if rise < 0.0 else s.row_high[r]
            gap = to - _at(r, s.x, s)
            if abs(rise) > STEP and abs(to) != np.inf and gap / rise < far:
                far, what, side = gap / rise, -1 - r, LOW if rise < 0.0 else HIGH
    return max(far, 0.0), what, side


@linked
def _release(k: int, a: int, s: System) -> tuple[int, int, bool]:
    """(free variables, rows met, is x the best?) after the constraint whose multiplier is most wrong is let go."""
    worst, what = _set_multipliers(a, s), len(s.x)
    for j in range(len(s.x)):
        if s.side[j] != FREE and s.low[j] < s.high[j] and _wrong(s.side[j], s.multipliers[j]) > worst:
            worst, what = _wrong(s.side[j], s.multipliers[j]), j
    for p in range(a):
        r = s.active[p]
        if _wrong(s.met[r], s.prices[r]) > worst:
            worst, what = _wrong(s.met[r], s.prices[r]), -1 - p
    if what == len(s.x):
        return k, a, True
    if what < 0:
        _drop(-1 - what, a, s)
        return k, a - 1, False
    return (k + 1 if _free(what, k, s) else -1), a, False


@linked
def _primal(k: int, a: int, down: Array, s: System) -> tuple[int, int]:
    """(free variables, rows met) at the best point from one that keeps all constraints; a code below 0 for neither."""
    n, m = len(s.x), len(s.met)
    for _ in range(STEPS * (n + m)):
        for j in range(n):
            down[j] = -s.gradient[j]
        if not _step(down, False, k, a, s):
            return NOT_FOUND, a
        far, what, side = _stop(k, s)
        _move(far, k, s)
        if far < 1.0:
            if what >= 0:
                _fix(what, k, side, s)
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
            at, low, high, free = _at(j - n, s.x, s), s.row_low[j - n], s.row_high[j - n], s.met[j - n] == FREE
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
        if _wrong(s.side[j], slope) > 0.0:
            reach = max(-s.multipliers[j] / slope, 0.0)
            if reach < far:
                far, what = reach, j
    for p in range(a):
        r = s.active[p]
        if _wrong(s.met[r], s.moved[p]) > 0.0 and s.met[r] != ALWAYS:
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
        if not _step(normal, False, k, a, s):
            return NOT_FOUND, a
        rise = size = 0.0
        for j in range(n):
            rise += normal[j] * s.step[j]
            size = max(size, normal[j] * normal[j] / s.covariance[j, j])
        whole = sign * gap / rise if rise > PIVOT * size else np.inf
        _set_multipliers(a, s)
        for j in range(n):
            s.multipliers[j] -= price * normal[j]
        far, who = _first_sign(k, a, normal, s)
        far = min(far, whole)
        if far == np.inf:
            return INFEASIBLE, a
        if whole < np.inf:
            _move(far, k, s)
            gap -= sign * far * rise
        for p in range(a):
            s.prices[s.active[p]] += far * s.moved[p]
        price += far
        if far == whole:
            if what < n:
                place = 0
                while s.order[place] != what:
                    place += 1
                _fix(place, k, side, s)
                return k - 1, a
            s.met[what - n], s.active[a], s.prices[what - n] = side, what - n, sign * price
            if s.row_low[what - n] == s.row_high[what - n]:
                s.met[what - n] = ALWAYS
            return k, a + 1
        if who < 0:
            _drop(-1 - who, a, s)
            a -= 1
        elif _free(who, k, s):
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
        if not _step(b, True, k, a, s):
            return False
        _move(1.0, k, s)
        _set_gradient(s)
        for p in range(a):
            s.prices[s.active[p]] = s.moved[p]
    _set_multipliers(a, s)
    return True


@linked
def _best(warm: bool, b: Array, s: System) -> tuple[int, int]:  # noqa: C901  (split, it would be compiled for longer)
    """(free variables, rows met) at the best point, from a vertex or from the last one; a code below 0 for none."""
    _n, m = len(s.x), len(s.met)
    a = 0
    if warm:
        for r in range(m):
            if s.met[r] != FREE:
                s.active[a] = r
                a += 1
        k = _refactor(s)
    else:
        for r in range(m):
            s.met[r], s.prices[r] = FREE, 0.0
        k, a = _begin(s)
    if k < 0:
        return SINGULAR, a
    _set_gradient(s)
    if not warm:  # rows that are not brought in yet
        for r in range(1, m):
            s.met[r] = ALWAYS
    k, a = _primal(k, a, b, s)
    if not warm:
        for r in range(1, m):
            s.met[r] = FREE
    while k >= 0:
        _set_gradient(s)
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
    k = _refactor(s)
    if k < 0:
        return SINGULAR
    for i in range(k):
        x[s.order[i]] = 0.0
    _set_gradient(s)
    if not _settle(b, k, a, s) or not _step(way, False, k, a, s):
        return NOT_FOUND
    slope[:] = s.step
    return k
