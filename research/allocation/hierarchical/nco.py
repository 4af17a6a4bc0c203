"""Nested clustered optimisation: an optimal portfolio of each cluster, then one of these portfolios.

Errors of estimation that come from correlated lines stay inside their cluster: the covariance of a cluster and that of
the clusters' portfolios are better conditioned than that of all lines. Where López de Prado inverts covariances, and
weights may be short, weights here are long only, as in skfolio (with `cv="ignore"`) and Riskfolio-Lib, whose weights
these are.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from foundation.arguments import one_of
from foundation.arrays import Array
from research.allocation.hierarchical.clusters import Clusters, check_clusters, clusters_of
from research.allocation.hierarchical.estimate import Estimate, check_inverse
from research.allocation.hierarchical.model import Model
from research.allocation.hierarchical.settings import Linkage

Objective = Literal["minimum_variance", "inverse_variance", "equal"]
OBJECTIVES: tuple[Objective, ...] = ("minimum_variance", "inverse_variance", "equal")


@dataclass(frozen=True, repr=False)
class NCO(Model):
    """Nested clustered optimisation, long only.

    inner    : portfolio of each cluster: "minimum_variance", "inverse_variance" or "equal".
    outer    : portfolio of these portfolios, likewise.
    clusters : number of clusters, or the criterion that finds it, "gap" or "silhouette": see `clusters`.
    Others   : as of `Hierarchical`.
    Raises   : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary,
               and, where a variance is minimised, for a covariance that has no inverse.
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
        one_of("inner of NCO is", self.inner, OBJECTIVES)
        one_of("outer of NCO is", self.outer, OBJECTIVES)
        check_clusters("NCO", self.clusters)

    @property
    def shown_clusters(self) -> Clusters:
        """Its own."""
        return self.clusters

    def weights(self, estimate: Estimate) -> Array:
        """(k,) weights of an estimate, not negative, with sum one, before constraints."""
        if "minimum_variance" in (self.inner, self.outer):
            check_inverse("NCO", estimate)
        parts = [estimate.tree.members[node] for node in clusters_of(estimate.tree, self.clusters)]
        portfolios = np.zeros((len(estimate.cov), len(parts)))
        for p, part in enumerate(parts):
            portfolios[part, p] = _optimal(self.inner, estimate.cov[np.ix_(part, part)])
        found: Array = portfolios @ _optimal(self.outer, portfolios.T @ estimate.cov @ portfolios)
        return found


def _optimal(objective: Objective, cov: Array) -> Array:
    """(m,) weights of an objective, with sum one."""
    if objective == "minimum_variance" and len(cov) > 1:
        from research.allocation.hierarchical.least_variance import least_variance

        return least_variance(cov)
    inverse = np.ones(len(cov)) if objective == "equal" else 1.0 / np.diag(cov)
    found: Array = inverse / inverse.sum()
    return found
