"""The linear equations of a quadratic programme's steps: its state, a Cholesky factor, and a step. Compiled.

The free variables, with the rows that are met, form a system of linear equations, solved by a factor that is updated as
variables come and go (`foundation.solvers.quadratic_programme`).

Source : Gill, Golub, Murray, Saunders (1974), Methods for modifying matrix factorizations.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.compiled import linked

FREE, LOW, HIGH, MET_BOTH = 0, -1, 1, 2  # a variable; a row is FREE where it is not met
WRONG = 1e-12  # sign of a multiplier, over the largest gradient
PIVOT = 1e-11  # of a diagonal of S: below it a column depends on the others


class System(NamedTuple):
    """The state that the steps share.

    covariance, q, rows : S (n, n), q (n,) and R (m, n).
    row_low, row_high, low, high : (m,), (m,), (n,) and (n,) bounds.
    x, gradient   : (n,) point, and S x - q.
    multipliers   : (n,) of bounds: the gradient less that of the rows; above 0 at a lower bound, below 0 at an upper.
    prices        : (m,) of rows, likewise.
    side, met     : (n,) and (m,) FREE, or LOW or HIGH for the bound that holds; MET_BOTH for equal bounds.
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
def free_variable(j: int, k: int, s: System) -> bool:
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
def fix_variable(place: int, k: int, side: int, s: System) -> None:
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
def refactor(s: System) -> int:
    """The number of free variables, after the factor is made anew in the order of the variables; -1 where singular."""
    k = 0
    for j in range(len(s.x)):
        if s.side[j] == FREE:
            if not free_variable(j, k, s):
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
def set_step(b: Array, missing: bool, k: int, a: int, s: System) -> bool:  # noqa: C901
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
def row_at(r: int, x: Array, s: System) -> float:
    """The value of row r at x."""
    total = 0.0
    for j in range(len(x)):
        total += s.rows[r, j] * x[j]
    return total


@linked
def _missing(r: int, s: System) -> float:
    """The distance of a row that is met to its bound."""
    return (s.row_high[r] if s.met[r] == HIGH else s.row_low[r]) - row_at(r, s.x, s)


@linked
def move(far: float, k: int, s: System) -> None:
    """Go `far` times the step."""
    for i in range(k):
        s.x[s.order[i]] += far * s.step[s.order[i]]
    for j in range(len(s.x)):
        s.gradient[j] += far * s.bent[j]


@linked
def set_gradient(s: System) -> None:
    """Set the gradient at x."""
    _times(s.covariance, s.x, s.gradient)
    for j in range(len(s.x)):
        s.gradient[j] -= s.q[j]


@linked
def set_multipliers(a: int, s: System) -> float:
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
def drop_row(place: int, a: int, s: System) -> None:
    """Let the row at a place of those that are met go."""
    s.met[s.active[place]] = FREE
    s.prices[s.active[place]] = 0.0
    for p in range(place, a - 1):
        s.active[p] = s.active[p + 1]


@linked
def wrong_by(side: int, multiplier: float) -> float:
    """By how much a multiplier has the wrong sign for its side."""
    return -multiplier if side == LOW else multiplier if side == HIGH else 0.0
