"""The estimate of a hierarchical allocation on one date: returns, covariance and tree."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from foundation.arrays import Array, Rows
from foundation.errors import DataError
from foundation.tolerances import EIGENVALUE
from research.allocation.hierarchical.reclustering import remembered_tree
from research.allocation.hierarchical.settings import Hierarchical
from research.allocation.hierarchical.tree import Tree, tree_of
from research.forecast.covariances import covariance
from research.forecast.returns import complete_returns
from research.market import Past


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
