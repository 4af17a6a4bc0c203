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
of PyPortfolioOpt, and `HRP(distance="columns", order="pypfopt")` those of the paper. Halves take weight in inverse
proportion to any other measure of risk too (skfolio, Riskfolio-Lib).
"""

from dataclasses import dataclass

import numpy as np

from foundation.arguments import one_of
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import COVARIANCE
from research.allocation.hierarchical.estimate import Estimate
from research.allocation.hierarchical.model import Model
from research.allocation.hierarchical.risks import parities
from research.allocation.hierarchical.settings import RISKS, Distance, Linkage, Order, Risk, check_tree
from research.allocation.hierarchical.tree import tree_of

OF_COVARIANCE = ("correlation", "columns", "absolute_correlation")  # distances that need no returns


@dataclass(frozen=True, repr=False)
class HRP(Model):
    """Hierarchical risk parity: weights by recursive bisection of lines in quasi-diagonal order.

    risk   : measure by which halves take weight, one of `RISKS`.
    Others : as of `Hierarchical`; single linkage is the paper's.
    Raises : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source : Lopez de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample.
    """

    risk: Risk = "variance"

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of("risk of HRP is", self.risk, RISKS)

    def weights(self, estimate: Estimate) -> Array:
        """(k,) positive weights of an estimate, with sum one, before constraints."""
        order = estimate.tree.order
        if self.risk == "variance":
            from research.allocation.hierarchical.bisection import bisected

            return bisected(estimate.cov, order)
        weights, parts = np.ones(len(order)), [order]
        while parts:
            part = parts.pop()
            if len(part) > 1:
                halves = [part[: len(part) // 2], part[len(part) // 2 :]]
                _, (left, right) = parities(self.risk, estimate.returns, estimate.cov, halves, estimate.names)
                weights[halves[0]] *= right / (left + right)
                weights[halves[1]] *= left / (left + right)
                parts += halves
        return weights


def hrp_weights(
    cov: Array, linkage: Linkage = "single", distance: Distance = "correlation", order: Order = "optimal"
) -> Array:
    """Hierarchical risk parity weights (n,) of a covariance: positive, with sum one.

    cov      : (n, n) covariance of returns, in any unit: scaling changes nothing.
    linkage  : "single", "complete", "average", "weighted" or "ward".
    distance : "correlation", "columns" or "absolute_correlation"; others need returns.
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
    from research.allocation.hierarchical.bisection import bisected

    check_tree("HRP", linkage, distance, order)
    one_of("distance of HRP on a covariance is", distance, OF_COVARIANCE)
    cov = np.ascontiguousarray(cov, dtype=np.float64)
    _check_covariance(cov)
    return bisected(cov, tree_of(cov, cov, np.arange(len(cov)), distance, linkage, order == "optimal").order)


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
