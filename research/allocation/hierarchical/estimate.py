"""The estimate of a hierarchical allocation on one date: returns, covariance and tree.

Weights may be computed more often than lines are clustered: `recluster="quarter"` keeps the tree of the last quarter's
last session, in which every line of today must have had a complete window. Where one had not, today's tree is grown
from today's window, until the next day of the schedule.

With a `memory` of m, the distances of a clustering are m times those last used plus 1 - m times those of its own
window: exponential weights over the days on which lines were clustered, so that one noisy window does not turn a tree
over, and a change that stays does. Nothing is kept between calls. The days before are looked up in the past anew, and a
longer market leaves them as they are. They end where a line of today had no complete window yet, or where the weight
that is left falls below 0.1 %.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log

import numpy as np

from foundation.arrays import Array, Rows
from foundation.errors import DataError
from foundation.tolerances import EIGENVALUE, RETURNS
from research.allocation.hierarchical.settings import Hierarchical
from research.allocation.hierarchical.tree import DECIMALS, Tree, distances, grown, tree_of
from research.forecast.covariances import covariance
from research.forecast.returns import complete_returns
from research.market import Past
from research.market.calendars import last_of


@dataclass(frozen=True, eq=False)
class Estimate:
    """Returns, covariance and tree of the k lines with a complete window.

    past    : all that is known.
    lines   : (k,) columns of the market.
    returns : (T, k) simple returns of the window.
    cov     : (k, k).
    tree    : tree in force.
    grown   : row of the market on which it was grown.
    """

    past: Past
    lines: Rows
    returns: Array
    cov: Array
    tree: Tree
    grown: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the k lines."""
        return tuple(self.past.assets[line] for line in self.lines)


def estimated(settings: Hierarchical, past: Past) -> Estimate:
    """The estimate of an allocation with these settings on the last day of the past."""
    returns, lines = complete_returns(past, settings.window)
    cov = covariance(settings.covariance, returns, settings.half_life)
    # Least variance first, names where that ties: not a bit depends on the order of the columns.
    optimal = settings.order == "optimal"
    columns = np.argsort(_ranks(past.assets)[lines]) if optimal else np.arange(len(lines))
    if settings.recluster is None and settings.memory == 0.0:
        tree = tree_of(returns, cov, columns, settings.distance, settings.linkage, optimal)
        return Estimate(past, lines, returns, cov, tree, past.t)
    return Estimate(past, lines, returns, cov, *remembered_tree(settings, past, lines, columns))


def check_inverse(owner: str, estimate: Estimate) -> None:
    """Raise DataError for a covariance without an inverse, naming the lines and how to mend it."""
    from research.risk.simulation.covariances import least_eigenvalue

    value, i, j = least_eigenvalue(estimate.cov)
    if value <= EIGENVALUE:
        names, (sessions, k) = estimate.names, estimate.returns.shape
        few = f"{sessions} returns are too few for {k} lines"
        reason = few if sessions <= k else f"{names[i]} and {names[j]} repeat others"
        raise DataError(
            f"{owner} needs a covariance that has an inverse on {estimate.past.date:%Y-%m-%d}, and that of {k} lines "
            f"has none: {reason}. Take a longer window, a shrunk covariance such as ledoit_wolf, or leave one line out."
        )


@lru_cache(maxsize=64)
def _ranks(assets: tuple[str, ...]) -> Rows:
    """(n,) place of each name among the sorted ones."""
    return np.argsort(np.argsort(np.array(assets)))


FORGOTTEN = 1e-3  # of the weight of all distances


def clustering_rows(settings: Hierarchical, past: Past, lines: Rows) -> list[int]:
    """Rows of the market whose windows the tree in force is grown from, the latest first.

    lines : (k,) columns of the lines with a complete window today.
    """
    every = settings.recluster or (settings.schedule if settings.memory else None)
    if every is None:
        return [past.t]
    most = 1 if settings.memory == 0.0 else 1 + ceil(log(FORGOTTEN) / log(settings.memory))
    scheduled = np.flatnonzero(last_of(past.days, every, past.calendar))[::-1].tolist()
    if settings.recluster is None or not scheduled or not _complete(settings, past, lines, scheduled[0]):
        scheduled = [past.t, *(row for row in scheduled if row < past.t)]
    found = scheduled[:1]
    for row in scheduled[1:most]:
        if not _complete(settings, past, lines, row):
            break
        found.append(row)
    return found


def remembered_tree(settings: Hierarchical, past: Past, lines: Rows, columns: Rows) -> tuple[Tree, int]:
    """The tree in force, and the row of the market on which it was grown.

    lines   : (k,) columns of the market.
    columns : (k,) order of the lines where variances tie.
    """
    rows = clustering_rows(settings, past, lines)
    optimal = settings.order == "optimal"
    windows = [_window(settings, past, lines, row) for row in rows]
    covs = [covariance(settings.covariance, window, settings.half_life) for window in windows]
    columns, apart = distances(settings.distance, windows[0], covs[0], columns, optimal)
    if len(rows) > 1:
        earlier = [
            distances(settings.distance, window, cov, columns, False)[1]
            for window, cov in zip(windows[1:], covs[1:], strict=True)
        ]
        apart = np.round(blended([apart, *earlier], settings.memory), DECIMALS)
    return grown(columns, apart, settings.linkage, optimal), rows[0]


def blended(apart: list[Array], memory: float) -> Array:
    """Distances with memory: those of each clustering, the latest first, with weights that fall by `memory`.

    >>> blended([np.array([1.0]), np.array([0.0]), np.array([0.0])], 0.5).tolist()
    [0.5]
    """
    found = apart[-1]
    for own in apart[-2::-1]:
        found = memory * found + (1.0 - memory) * own
    return found


def _window(settings: Hierarchical, past: Past, lines: Rows, row: int) -> Array:
    return np.ascontiguousarray(past.returns[row - settings.window + 1 : row + 1, lines])


def _complete(settings: Hierarchical, past: Past, lines: Rows, row: int) -> bool:
    """True if all lines had a complete window on that row, in which their returns vary."""
    from research.forecast.window import ranges

    first = row - settings.window
    known = first >= 0 and bool((past.listed[first, lines] & past.listed[row, lines]).all())
    return known and bool((ranges(_window(settings, past, lines, row)) > RETURNS).all())
