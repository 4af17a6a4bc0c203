"""Hierarchical risk parity: order lines so that neighbours are similar, then split risk by recursive bisection.

Three steps (Lopez de Prado 2016): cluster the lines by the distance d = sqrt((1 - rho) / 2) of their correlations;
list the leaves of the tree; halve the list repeatedly, where each half takes weight in inverse proportion to its
variance. The halves are cut by *position*, so weights depend on the list, and sources differ in two choices:

- What is clustered. The paper takes the Euclidean distance between the *columns* of d (`distance="columns"`);
  PyPortfolioOpt, Riskfolio-Lib and skfolio take d itself (`distance="correlation"`, the default).
- Which of its two children each node lists first. The paper and PyPortfolioOpt list them as the linkage numbers them
  (`order="pypfopt"`), which depends on the order of the columns. Riskfolio-Lib and skfolio choose the list with the
  least sum of distances between neighbours (Bar-Joseph et al. 2001; `order="optimal"`, the default), which does not.

So `HRP(linkage=...)` gives the weights of Riskfolio-Lib and of skfolio with that linkage, `HRP(order="pypfopt")` those
of PyPortfolioOpt, and `HRP(distance="columns", order="pypfopt")` those of the paper.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.arguments import shown
from research.arrays import Array, Rows
from research.errors import ConfigError, DataError
from research.forecast.returns import complete_returns
from research.market import Past
from research.tolerances import COVARIANCE

Linkage = Literal["single", "complete", "average", "weighted", "ward"]
Distance = Literal["correlation", "columns"]
Order = Literal["optimal", "pypfopt"]

LINKAGES = ("single", "complete", "average", "weighted", "ward")
DISTANCES = ("correlation", "columns")
ORDERS = ("optimal", "pypfopt")


@dataclass(frozen=True)
class HRP:
    """Hierarchical risk parity on the sample covariance of a window of returns.

    window   : number of returns, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    linkage  : "single" (the paper's), "complete", "average", "weighted" or "ward".
    distance : "correlation" (the libraries') or "columns" (the paper's).
    order    : "optimal", which does not depend on the order of columns, or "pypfopt", which does.
    Raises   : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source   : Lopez de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample.
    """

    window: int = 252
    schedule: EstimationSchedule = "month"
    linkage: Linkage = "single"
    distance: Distance = "correlation"
    order: Order = "optimal"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("HRP", self.window, self.schedule)
        _check_choices(self.linkage, self.distance, self.order)

    def target(self, past: Past) -> Array:
        """(n,) positive weights that sum to one over the lines with a complete window; zero for the others."""
        from research.forecast.window import covariance

        returns, lines = complete_returns(past, self.window)
        # Least variance first, names where that ties: not a bit depends on the order of the columns.
        columns = np.argsort(np.array(past.assets)[lines]) if self.order == "optimal" else np.arange(len(lines))
        return placed(_weights(covariance(returns), columns, self.linkage, self.distance, self.order), lines, past)


def hrp_weights(
    cov: Array, linkage: Linkage = "single", distance: Distance = "correlation", order: Order = "optimal"
) -> Array:
    """Hierarchical risk parity weights (n,) of a covariance: positive, with sum one.

    cov      : (n, n) covariance of returns, in any unit: scaling changes nothing.
    linkage  : "single", "complete", "average", "weighted" or "ward".
    distance : "correlation" or "columns", as the module says.
    order    : with "optimal", columns are first sorted by variance, which decides between equal distances; weights do
               not depend on the order of columns, unless two of them tie in variance and in distance too. Else
               "pypfopt".
    Returns  : (n,) fraction of the amount allocated; inverse variance where the covariance is diagonal.
    Raises   : DataError for a covariance that is not square, finite and symmetric, or a variance that is not positive;
               ConfigError for an unknown choice.
    Source   : Lopez de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample; `distance` and
               `order` as the module says.

    >>> hrp_weights(np.diag([0.01, 0.04])).round(12).tolist()
    [0.8, 0.2]
    """
    _check_choices(linkage, distance, order)
    cov = np.asarray(cov, dtype=np.float64)
    _check_covariance(cov)
    return _weights(np.ascontiguousarray(cov), np.arange(len(cov)), linkage, distance, order)


def _weights(cov: Array, columns: Rows, linkage: Linkage, distance: Distance, order: Order) -> Array:
    """`hrp_weights` (n,) of a covariance that is one; `columns` (n,) says which comes first where variances tie."""
    from research.allocation.bisection import bisected
    from research.allocation.leaf_order import correlation_distances, ordered_leaves, single_linkage

    optimal = order == "optimal"
    columns, apart = correlation_distances(cov, columns, optimal)
    if distance == "columns":
        from scipy.spatial.distance import pdist, squareform

        apart = squareform(pdist(apart))
    if linkage == "single" or len(cov) == 1:
        tree = single_linkage(apart)
    else:
        from scipy.cluster import hierarchy

        tree = hierarchy.linkage(apart[np.triu_indices(len(cov), 1)], linkage)[:, :2].astype(np.int64)
    return bisected(cov, columns[ordered_leaves(tree, apart, optimal)])


def _check_choices(linkage: str, distance: str, order: str) -> None:
    for name, value, known in (
        ("linkage", linkage, LINKAGES), ("distance", distance, DISTANCES), ("order", order, ORDERS)
    ):  # fmt: skip
        if value not in known:
            raise ConfigError(f"{name} of HRP is {shown(value)}. Use one of {', '.join(known)}.")


def _check_covariance(cov: Array) -> None:
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not len(cov):
        raise DataError(f"covariance for HRP has shape {cov.shape}. Give a square one with a row for each line.")
    variance = np.diag(cov)
    bad = ~(np.isfinite(cov) & (np.abs(cov - cov.T) <= COVARIANCE * np.abs(variance).max()))
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise DataError(
            f"covariance for HRP holds {cov[i, j]:g} at ({i}, {j}) and {cov[j, i]:g} at ({j}, {i}). Give a finite and "
            "symmetric one."
        )
    if (variance <= 0.0).any():
        line = int(np.argmin(variance))
        raise DataError(f"variance of column {line} for HRP is {variance[line]:g}. Leave out what does not vary.")
