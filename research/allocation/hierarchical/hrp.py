"""Hierarchical risk parity: order assets so that neighbours are similar, then split risk by recursive bisection.

Three steps (Lopez de Prado 2016): cluster the assets by the distance d = sqrt((1 - rho) / 2) of their correlations;
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

Schur complementary allocation bisects as well, but each half takes account of the other's hedges.

HRP divides a covariance [[A, B], [B', D]] of two halves as if B were zero. The least variance does not: with block
inverses its weights are those of each half on a Schur complement, A - B D^-1 B', with 1 - B D^-1 1 where HRP has ones.
A `gamma` from 0 to 1 lets that much of B in, at each split, on both halves:

    R = I - gamma B D^-1 M',    A' = R^-1 (A - gamma B D^-1 B')  made symmetric,

where M maps ones to ones between halves of different size. gamma = 0 is HRP. Toward 1 the variance falls toward the
least one, and does not reach it: A' is made symmetric, and halves take weight by the variance of their inverse-variance
portfolios, which keeps weights positive. Where A' is not positive definite, or more gamma would add variance, the
largest gamma before is taken, as in skfolio, whose weights these are where the gamma asked for is kept.
"""

import numpy as np

from foundation.arguments import is_number, one_of, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import COVARIANCE
from research.allocation.hierarchical.model import Estimate, Model, check_inverse
from research.allocation.hierarchical.risks import parities
from research.allocation.hierarchical.settings import HIERARCHICAL_RISKS, Distance, Linkage, Order, Risk, check_tree
from research.allocation.hierarchical.tree import tree_of

OF_COVARIANCE = ("correlation", "columns", "absolute_correlation")  # distances that need no returns


@dataclass(frozen=True, repr=False)
class HRP(Model):
    """Hierarchical risk parity: weights by recursive bisection of assets in quasi-diagonal order.

    risk   : measure by which halves take weight, one of `HIERARCHICAL_RISKS`.
    Others : as of `Hierarchical`; single linkage is the paper's.
    Raises : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not vary.
    Source : Lopez de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample.
    """

    risk: Risk = "variance"

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of("risk of HRP is", self.risk, HIERARCHICAL_RISKS)

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
        raise DataError(f"covariance for HRP has shape {cov.shape}. Give a square one with a row for each asset.")
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


GAMMA_STEP = 0.1  # of gamma, at most, between two variances that are compared
GAMMA_TOLERANCE = 1e-3  # of the gamma at which the variance is least


@dataclass(frozen=True, repr=False)
class Schur(Model):
    """Schur complementary allocation.

    gamma  : fraction of the covariance between halves that counts, 0 (HRP) to 1; less is taken where more would add
             variance.
    Others : as of `Hierarchical`; skfolio's linkage is Ward's.
    Raises : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not vary,
             and for a covariance that has no inverse.
    Source : Cotton (2024), Schur Complementary Allocation: A Unification of Hierarchical Risk Parity and Minimum
             Variance Portfolios.
    """

    linkage: Linkage = "ward"
    gamma: float = 0.5

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not is_number(self.gamma) or not 0.0 <= self.gamma <= 1.0:
            refuse("gamma of Schur is", self.gamma, "give a share from 0 to 1, such as 0.5.")

    def weights(self, estimate: Estimate) -> Array:
        """(k,) positive weights of an estimate, with sum one, before constraints."""
        if self.gamma > 0.0:
            check_inverse("Schur", estimate)
        return schur_weights(estimate.cov, estimate.tree.order, self.gamma)[0]


def schur_weights(cov: Array, order: Rows, gamma: float) -> tuple[Array, float]:
    """Weights (k,), positive with sum one, and the gamma that was taken: the first at which the variance stops falling.

    cov   : (k, k) covariance, with an inverse.
    order : (k,) columns in quasi-diagonal order.
    gamma : 0 to 1, the most to take.
    """
    best, taken = _bisected(cov, order, 0.0), 0.0
    assert best is not None, "variances are positive"
    steps = np.linspace(0.0, gamma, int(np.ceil(gamma / GAMMA_STEP)) + 1) if gamma else np.zeros(1)
    least = best @ cov @ best
    for t, tried in enumerate(steps[1:], start=1):
        found = _bisected(cov, order, tried)
        if found is None or found @ cov @ found >= least:
            return _refined(cov, order, steps[max(t - 2, 0)], tried, best, taken)
        best, taken, least = found, float(tried), found @ cov @ found
    return best, taken


def _refined(cov: Array, order: Rows, low: float, high: float, best: Array, taken: float) -> tuple[Array, float]:
    """The weights of least variance between two gammas, by golden section; those given, where none has less."""
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    least = float(best @ cov @ best)
    while high - low > GAMMA_TOLERANCE:
        inner = high - ratio * (high - low), low + ratio * (high - low)
        found = [_bisected(cov, order, gamma) for gamma in inner]
        variances = [np.inf if w is None else float(w @ cov @ w) for w in found]
        side = int(variances[1] < variances[0])
        nearer = found[side]
        if nearer is not None and variances[side] < least:
            best, taken, least = nearer, inner[side], variances[side]
        low, high = (low, inner[1]) if side == 0 else (inner[0], high)
    return best, float(taken)


def _bisected(cov: Array, order: Rows, gamma: float) -> Array | None:
    """(k,) weights of one gamma; None where a half has no covariance that is positive definite."""
    weights, parts = np.ones(len(order)), [(order, cov[np.ix_(order, order)])]
    while parts:
        part, block = parts.pop()
        if len(part) < 2:
            continue
        m = len(part) // 2
        halves = [block[:m, :m], block[m:, m:]]
        if gamma > 0.0 and m > 1:
            between = block[:m, m:]
            halves = [
                _augmented(halves[0], between, halves[1], gamma),
                _augmented(halves[1], between.T, halves[0], gamma),
            ]
            if not all(map(_positive_definite, halves)):
                return None
        left, right = map(_inverse_variance_risk, halves)
        weights[part[:m]] *= right / (left + right)
        weights[part[m:]] *= left / (left + right)
        parts += [(part[:m], halves[0]), (part[m:], halves[1])]
    return weights


def _augmented(own: Array, between: Array, other: Array, gamma: float) -> Array:
    """(m, m) covariance of a half, with account of the other's hedges; its own where a half is one asset."""
    if len(own) == 1 or len(other) == 1:
        return own
    hedge = gamma * np.linalg.solve(other, between.T).T
    mixed = np.eye(len(own)) - hedge @ _spread(len(other), len(own))
    solved = np.linalg.solve(mixed, own - hedge @ between.T)
    return (solved + solved.T) / 2.0


def _spread(rows: int, columns: int) -> Array:
    """(rows, columns) the map between halves whose sizes differ by one at most; its transpose maps ones to ones.

    Between halves of one size it is the identity. Else it is the mean, over each asset of the larger half, of the map
    that gives that asset the mean of the smaller half, and the others their own; turned round, its sums are scaled.
    """
    large, small = max(rows, columns), min(rows, columns)
    if large == small:
        return np.eye(large)
    place = np.arange(small)
    found: Array = np.full((large, small), 1.0 / (small * large))
    found[place, place] += (large - 1.0 - place) / large
    found[place + 1, place] += (place + 1.0) / large
    return found * small / large if rows == large else found.T


def _positive_definite(block: Array) -> bool:
    try:
        np.linalg.cholesky(block)
    except np.linalg.LinAlgError:
        return False
    return True


def _inverse_variance_risk(block: Array) -> float:
    """Variance of the inverse-variance portfolio."""
    inverse = 1.0 / np.diag(block)
    return float(inverse @ block @ inverse) / float(inverse.sum()) ** 2
