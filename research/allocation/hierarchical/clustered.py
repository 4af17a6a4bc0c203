"""Allocations that cut the tree into clusters: nested optimisation, and equal contributions of risk.

Nested clustered optimisation (NCO) makes an optimal portfolio of each cluster, then one of these portfolios.

Errors of estimation that come from correlated assets stay inside their cluster: the covariance of a cluster and that of
the clusters' portfolios are better conditioned than that of all assets. Where López de Prado inverts covariances, and
weights may be short, weights here are long only, as in skfolio (with `cv="ignore"`) and Riskfolio-Lib, whose weights
these are.

Hierarchical equal risk contribution (HERC) divides risk between and within clusters.

Raffinot's two choices make it differ from HRP: clusters follow the tree where HRP halves a list, and the tree is cut
where a criterion says that clusters end. From the root down, each node above the cut divides its weight between its two
children in inverse proportion to their risk, which is the sum of the risks of the clusters below; a cluster divides its
weight among its assets in inverse proportion to theirs. A risk of "equal" gives his earlier method, HCAA, in which
each node divides its weight in halves and each cluster equally (Raffinot 2017).

The weights are those of skfolio with `clusters="gap"` and of Riskfolio-Lib with `clusters="silhouette"` (`stdsil`).
"""

from typing import Literal

import numpy as np

from foundation.arguments import one_of
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.solvers.cone_programme import SOLVED, by_clarabel
from research.allocation.answer import NotSolvedError
from research.allocation.hierarchical.clusters import Clusters, check_clusters, clusters_of
from research.allocation.hierarchical.model import Estimate, Model, check_inverse
from research.allocation.hierarchical.risks import parities
from research.allocation.hierarchical.settings import HIERARCHICAL_RISKS, Linkage, Risk

Objective = Literal["minimum_variance", "inverse_variance", "equal"]
CLUSTER_OBJECTIVES: tuple[Objective, ...] = ("minimum_variance", "inverse_variance", "equal")


@dataclass(frozen=True, repr=False)
class NCO(Model):
    """Nested clustered optimisation, long only.

    inner    : portfolio of each cluster: "minimum_variance", "inverse_variance" or "equal".
    outer    : portfolio of these portfolios, likewise.
    clusters : number of clusters, or the criterion that finds it, "gap" or "silhouette": see `clusters`.
    Others   : as of `Hierarchical`.
    Raises   : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not
               vary, and, where a variance is minimised, for a covariance that has no inverse.
    Source   : López de Prado (2019), A Robust Estimator of the Efficient Frontier; Machine Learning for Asset Managers
               (2020), section 7.
    """

    linkage: Linkage = "ward"
    inner: Objective = "minimum_variance"
    outer: Objective = "minimum_variance"
    clusters: Clusters = "gap"

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of("inner of NCO is", self.inner, CLUSTER_OBJECTIVES)
        one_of("outer of NCO is", self.outer, CLUSTER_OBJECTIVES)
        check_clusters("NCO", self.clusters)

    def weights(self, estimate: Estimate) -> Array:
        """(k,) weights of an estimate, not negative, with sum one, before constraints."""
        if "minimum_variance" in (self.inner, self.outer):
            check_inverse("NCO", estimate)
        parts = [estimate.tree.members[node] for node in clusters_of(estimate.tree, self.clusters)]
        portfolios = np.zeros((len(estimate.cov), len(parts)))
        for p, part in enumerate(parts):
            portfolios[part, p] = _optimal(self.inner, estimate.cov[np.ix_(part, part)])
        return portfolios @ _optimal(self.outer, portfolios.T @ estimate.cov @ portfolios)


def _optimal(objective: Objective, cov: Array) -> Array:
    """(m,) weights of an objective, with sum one."""
    if objective == "minimum_variance" and len(cov) > 1:
        from research.allocation.hierarchical.clustered import least_variance

        return least_variance(cov)
    inverse = np.ones(len(cov)) if objective == "equal" else 1.0 / np.diag(cov)
    return inverse / inverse.sum()


TIGHT_GAP = 1e-12  # gap and feasibility, in units of the problem: as it comes, weights are good to 1e-4 only
ZERO_OF_SOLVER = 1e-7  # a weight below it is zero in the solution of the solver, or very near


def least_variance(cov: Array) -> Array:
    """(k,) the long-only weights of least variance of a covariance (k, k) that has an inverse; they sum to one.

    The solver says which weights are zero; the others are then those of the closed form, exact to rounding.
    Raises : NotSolvedError where the solver finds none.
    Source : Goulart, Chen (2024), Clarabel: An Interior-Point Solver for Conic Programs with Quadratic Objectives.
    """
    k = len(cov)
    scaled = cov / np.diag(cov).mean()
    found = _solved(scaled)
    held = found > ZERO_OF_SOLVER
    exact = np.zeros(k)
    exact[held] = np.linalg.solve(scaled[np.ix_(held, held)], np.ones(held.sum()))
    exact /= exact.sum()
    if (exact < 0.0).any():  # the solver took an asset of no weight for one of a very small weight
        exact = np.maximum(found, 0.0)
    return exact / exact.sum()


def _solved(cov: Array) -> Array:
    """(k,) w of least w' cov w with sum one, none of them negative, to the accuracy of the solver."""
    from scipy.sparse import csc_matrix

    k = len(cov)
    rows, ends = csc_matrix(np.vstack([np.ones(k), -np.eye(k)])), np.append(1.0, np.zeros(k))
    cones = [("zero", 1), ("positive", k)]
    ended = by_clarabel(csc_matrix(np.triu(cov)), np.zeros(k), rows, ends, cones, TIGHT_GAP)
    if ended.status not in SOLVED:
        raise NotSolvedError(f"Clarabel ends with status {ended.status} on the least variance of {k} assets")
    return ended.v


@dataclass(frozen=True, repr=False)
class HERC(Model):
    """Hierarchical equal risk contribution.

    risk     : measure that clusters and assets divide weight by, one of `HIERARCHICAL_RISKS`.
    clusters : number of clusters, or the criterion that finds it, "gap" or "silhouette": see `clusters`.
    Others   : as of `Hierarchical`; Ward's linkage is Raffinot's.
    Raises   : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not
               vary.
    Source   : Raffinot (2018), The Hierarchical Equal Risk Contribution Portfolio.
    """

    linkage: Linkage = "ward"
    risk: Risk = "variance"
    clusters: Clusters = "gap"

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of("risk of HERC is", self.risk, HIERARCHICAL_RISKS)
        check_clusters("HERC", self.clusters)

    def weights(self, estimate: Estimate) -> Array:
        """(k,) positive weights of an estimate, with sum one, before constraints."""
        tree = estimate.tree
        k, nodes = len(tree.columns), clusters_of(tree, self.clusters)
        parts = [tree.members[node] for node in nodes]
        inside, of_clusters = parities(self.risk, estimate.returns, estimate.cov, parts, estimate.names)
        above = range(2 * k - len(nodes), 2 * k - 1)
        risk, share = np.zeros(2 * k - 1), np.ones(2 * k - 1)
        risk[nodes] = of_clusters
        for node in above:
            risk[node] = risk[tree.children[node - k]].sum() if self.risk != "equal" else 1.0
        for node in reversed(above):
            left, right = tree.children[node - k]
            share[[left, right]] = share[node] * risk[[right, left]] / (risk[left] + risk[right])
        weights = np.zeros(k)
        for node, part, own in zip(nodes, parts, inside, strict=True):
            weights[part] = share[node] * own
        return weights
