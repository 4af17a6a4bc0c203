"""The best weights by the compiled active-set method, where an aim and its limits can be stated so.

They can where all limits are linear in the weights alone (bounds, sums, groups, exposures, a goal of return), and the
aim is a volatility, a tracking error, a utility, a ratio to the volatility, or the largest mean at a volatility. The
last two are points of the path of x(t), the least of x' S x / 2 - t e' x, where x' S x = t e' x for a ratio of e' x.
They are found by Newton's steps, which are exact where the same bounds hold: between two such changes x(t) is straight.

Source : Markowitz (1959), Portfolio Selection, for the path; Best, Grauer (1990), The efficient set mathematics when
         mean-variance problems are subject to general linear constraints, for its pieces.
"""

from collections.abc import Callable, Mapping

import numpy as np

from foundation.arrays import Array, Mask
from research.allocation.accuracy import ACCURATE
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.programme import Objective, Solved
from research.allocation.constraints.roots import square_of

ACTIVE_SETS = "active sets"
NEWTON_STEPS, ON_PATH = 100, 1e-13  # a change of t of less, over t, is the last one
EXACT_ROWS = 1e-10  # by which a row, a price or the gradient may miss, over its largest term


def by_active_sets(limits: Limits, objective: Objective, numerator: Mapping[str, Array] | None = None) -> Solved | None:
    """The best point; None where the method does not apply or finds none, so that a cone programme has to answer.

    limits    : limits, all of which are kept.
    objective : objective to minimise.
    numerator : block -> (size): the aim is the largest numerator · x over the objective.
    """
    norm, curvature, centre, risks = objective.norm, objective.curvature, objective.centre, limits.risks
    linear = objective.linear.get(WEIGHTS, np.zeros(len(limits.assets)))
    if limits.parts or {*objective.linear, *(norm or {}), *(numerator or {})} - {WEIGHTS}:
        return None
    match norm, curvature, risks:
        case Mapping(), None, () if not objective.linear and (centre is None or numerator is None):
            square = square_of(norm)  # least norm, or largest ratio
        case None, np.ndarray(), () if len(curvature) == len(limits.assets):
            square = curvature  # utility
        case None, None, (Limit(root=np.ndarray() as root, centre=at),) if objective.linear and not np.any(at):
            square = root.T @ root  # largest mean at a risk
        case _:
            return None
    if (day := _Day.of(limits, square)) is None:
        return None
    if norm is not None:
        return day.least_norm(norm, centre) if numerator is None else day.best_ratio(numerator[WEIGHTS])
    return day.most_at(-linear, float(risks[0].upper[0])) if risks else day.least(-linear)


class _Day:
    """The bounds and rows of a day, and the last point that was found within them.

    square : (n, n) S, positive semidefinite.
    """

    def __init__(self, limits: Limits, square: Array) -> None:
        n = len(limits.assets)
        self.limits, self.square = limits, np.ascontiguousarray(square)
        self.low, self.high = np.full(n, -np.inf), np.full(n, np.inf)
        self.owner = np.full((2, n), -1)  # places of the limits whose bounds these are
        rows, ends = [np.ones((1, n))], [np.array([[-np.inf], [np.inf]])]
        self.places: list[tuple[int, int]] = [(-1, 0)]  # limit and row of each row
        for k, limit in enumerate(limits.limits):
            if limit.root is not None:
                continue
            of, single = limit.rows[WEIGHTS], limit.columns >= 0
            if single.any():
                self._bound(k, limit, single)
            if k == self.net(limits):
                ends[0], self.places[0] = np.array([limit.lower, limit.upper]), (k, 0)
            elif not single.all():
                rows.append(of[~single])
                ends.append(np.array([limit.lower[~single], limit.upper[~single]]))
                self.places += [(k, row) for row in np.flatnonzero(~single).tolist()]
        self.rows, (self.row_low, self.row_high) = np.vstack(rows), np.hstack(ends)
        m = len(self.rows)
        self.x, self.multipliers, self.slope = np.zeros((3, n))
        self.prices = np.zeros(m)
        self.side, self.met = np.zeros(n, dtype=np.int64), np.zeros(m, dtype=np.int64)

    @classmethod
    def of(cls, limits: Limits, square: Array) -> "_Day | None":
        """The day; None where an asset has no bound, or crossed ones."""
        day = cls(limits, square)
        return day if (np.isfinite(day.low) & np.isfinite(day.high) & (day.low <= day.high)).all() else None

    @staticmethod
    def net(limits: Limits) -> int:
        """The place of the first limit of the sum of the weights; -1 for none."""
        sums = (k for k, limit in enumerate(limits.limits) if limit.root is None and len(limit.lower) == 1
                and len(limits.assets) > 1 and (limit.rows[WEIGHTS] == 1.0).all())  # fmt: skip
        return next(sums, -1)

    def _bound(self, k: int, limit: Limit, single: Mask) -> None:
        """Take the rows of limit k that are of single assets as bounds, where they are tighter."""
        columns = limit.columns[single]
        times = limit.rows[WEIGHTS][np.flatnonzero(single), columns]
        low, high = np.sort(np.array([limit.lower[single], limit.upper[single]]) / times, axis=0)
        self.owner[0, columns[low > self.low[columns]]] = k
        self.owner[1, columns[high < self.high[columns]]] = k
        np.maximum.at(self.low, columns, low)
        np.minimum.at(self.high, columns, high)

    def find(self, q: Array, way: Array, warm: bool = False) -> bool:
        """True where x is the least of x' S x / 2 - q' x; `slope` is its change for each unit of `way` in q."""
        from foundation.solvers.quadratic_programme import best_of_quadratic  # numba is slow to import

        free = best_of_quadratic(
            self.square, q, self.rows, self.row_low, self.row_high, self.low, self.high, way, warm,
            self.x, self.side, self.met, self.multipliers, self.prices, self.slope,
        )  # fmt: skip
        return free >= 0 and self._checked(q)

    def _checked(self, q: Array) -> bool:
        """True where x keeps all bounds and rows, and the conditions of the best point.

        These are a gradient that prices explain, and no price but of a bound, or of a row, that holds on its side.
        """
        at, size = self.rows @ self.x, 1.0 + float(np.abs(self.x).max())
        gaps = (self.low - self.x, self.x - self.high, self.row_low - at, at - self.row_high)
        wrong = np.abs(self.square @ self.x - q - self.rows.T @ self.prices - self.multipliers)
        largest = float(np.abs(self.square).max()) * size + float(np.abs(q).max(initial=0.0)) or 1.0
        idle = (
            np.minimum(np.abs(prices) / largest, -np.where(prices > 0.0, below, above) / size)
            for prices, below, above in ((self.multipliers, *gaps[:2]), (self.prices, *gaps[2:]))
        )
        terms = (*(gap / size for gap in gaps), wrong / largest, *idle)
        return max(float(term.max()) for term in terms) <= EXACT_ROWS

    # -- aims ------------------------------------------------------------------------------------------------------

    def least(self, q: Array) -> Solved | None:
        """The least of x' S x / 2 - q' x."""
        if not self.find(q, q):
            return None
        return self._solved(0.5 * float(self.x @ self.square @ self.x) - float(q @ self.x), 1.0)

    def least_norm(self, norm: Mapping[str, Array], centre: Array | None) -> Solved | None:
        """The least norm of x, or of its distance from a centre."""
        q = np.zeros(len(self.x)) if centre is None else norm[WEIGHTS].T @ centre
        if not self.find(q, q):
            return None
        if centre is None:
            value = float(np.sqrt(self.x @ self.square @ self.x))
        else:
            value = float(np.linalg.norm(norm[WEIGHTS] @ self.x - centre))
        return self._solved(value, 1.0 / value) if value > ACCURATE else None

    def best_ratio(self, ahead: Array) -> Solved | None:
        """The largest ahead' x over the root of x' S x, where the sum of x is given."""
        if not self.row_low[0] == self.row_high[0] != 0.0:
            return None

        def next_on(t: float) -> tuple[float, float]:
            variance, mean = float(self.x @ self.square @ self.x), float(ahead @ self.x)
            start = self.x - t * self.slope
            least, first = float(start @ self.square @ start), float(ahead @ start)
            return variance - t * mean, least / first if first > 0.0 else np.inf

        t = self._on_path(ahead, next_on)
        if t is None or (mean := float(ahead @ self.x)) <= 0.0:
            return None
        deviation = float(np.sqrt(self.x @ self.square @ self.x))
        # In the unit of a homogeneous programme: prices of the ratio are 1 / (t deviation) times those of the path.
        value, scale = deviation / mean, 1.0 / mean
        return self._solved(value, value**2 / (scale * t * deviation), scale)

    def most_at(self, ahead: Array, goal: float) -> Solved | None:
        """The largest ahead' x at which the root of x' S x is the goal; None where it is less at every x."""

        def next_on(t: float) -> tuple[float, float]:
            start = self.x - t * self.slope
            left = goal**2 - float(start @ self.square @ start)
            rise = float(self.slope @ self.square @ self.slope)
            at = np.sqrt(max(left, 0.0) / rise) if rise > 0.0 else np.inf
            return goal**2 - float(self.x @ self.square @ self.x), float(at)

        t = self._on_path(ahead, next_on)
        return None if t is None else self._solved(-float(ahead @ self.x), 1.0 / t, risk=goal / t)

    def _on_path(self, ahead: Array, next_on: Callable[[float], tuple[float, float]]) -> float | None:
        """The t above 0 at which a gap, which is above 0 before it and below after it, is zero; None for none.

        ahead   : (n,) e.
        next_on : t, with x there -> the gap, and the t at which it is zero if the same bounds hold.
        """
        if not self.find(np.zeros(len(self.x)), ahead):
            return None
        gap, following = next_on(0.0)
        if gap <= 0.0:
            return None
        low, high, t = 0.0, np.inf, 0.0
        for _ in range(NEWTON_STEPS):
            inside = low < following < high
            before, t = t, following if inside else 0.5 * (low + high) if high < np.inf else 2.0 * t
            t = t if t > 0.0 else float(np.trace(self.square)) / (float(np.abs(ahead).sum()) + ACCURATE)
            if abs(t - before) <= ON_PATH * t:
                return t
            if not self.find(t * ahead, ahead, warm=True):
                return None
            gap, following = next_on(t)
            if abs(following - t) <= ON_PATH * t:
                return t
            low, high = (t, high) if gap > 0.0 else (low, t)
        return None

    def _solved(self, value: float, times: float, scale: float = 1.0, risk: float = 0.0) -> Solved:
        """The point, with prices `times` those that were found; `risk` is that of a volatility."""
        limits = self.limits.limits
        duals = [np.zeros(max(len(limit.lower), 1)) for limit in limits]
        for (k, row), price in zip(self.places, self.prices.tolist(), strict=True):
            if k >= 0:
                duals[k][row] = -price if limits[k].equation else abs(price)
        for k, limit in enumerate(limits):
            if limit.root is not None:
                duals[k][0] = risk / times if times else 0.0
            elif (self.owner == k).any():
                duals[k] += self._of_bounds(k, limit)
        found = tuple(times * rows for rows in duals)
        return Solved(self.x.copy(), {}, value, found, ACTIVE_SETS, scale=scale)

    def _of_bounds(self, k: int, limit: Limit) -> Array:
        """(rows,) prices of the bounds of limit k, zero for rows of several assets."""
        columns, rows = limit.columns, limit.rows[WEIGHTS]
        times = np.where(columns >= 0, rows[np.arange(len(rows)), columns], np.inf)
        multipliers, owner = self.multipliers[columns], self.owner[:, columns] == k
        if limit.equation:
            return np.where(owner[0] & (multipliers > 0.0) | owner[1] & (multipliers < 0.0), -multipliers, 0.0) / times
        above, below = np.maximum(multipliers, 0.0), np.maximum(-multipliers, 0.0)
        return (np.where(owner[0], above, 0.0) + np.where(owner[1], below, 0.0)) / np.abs(times)
