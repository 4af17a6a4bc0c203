"""Hierarchical equal risk contribution: cut the tree into clusters, divide risk between and within them.

Raffinot's two choices make it differ from HRP: clusters follow the tree where HRP halves a list, and the tree is cut
where a criterion says that clusters end. From the root down, each node above the cut divides its weight between its two
children in inverse proportion to their risk, which is the sum of the risks of the clusters below; a cluster divides its
weight among its lines in inverse proportion to theirs. A risk of "equal" gives his earlier method, HCAA, in which
each node divides its weight in halves and each cluster equally (Raffinot 2017).

The weights are those of skfolio with `clusters="gap"` and of Riskfolio-Lib with `clusters="silhouette"` (`stdsil`).
"""

from dataclasses import dataclass

import numpy as np

from foundation.arguments import one_of
from foundation.arrays import Array
from research.allocation.hierarchical.clusters import Clusters, check_clusters, clusters_of
from research.allocation.hierarchical.estimate import Estimate
from research.allocation.hierarchical.model import Model
from research.allocation.hierarchical.risks import parities
from research.allocation.hierarchical.settings import RISKS, Linkage, Risk


@dataclass(frozen=True, repr=False)
class HERC(Model):
    """Hierarchical equal risk contribution.

    risk     : measure that clusters and lines divide weight by, one of `RISKS`.
    clusters : number of clusters, or the criterion that finds it, "gap" or "silhouette": see `clusters`.
    Others   : as of `Hierarchical`; Ward's linkage is Raffinot's.
    Raises   : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source   : Raffinot (2018), The Hierarchical Equal Risk Contribution Portfolio.
    """

    linkage: Linkage = "ward"
    risk: Risk = "variance"
    clusters: Clusters = "gap"

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of("risk of HERC is", self.risk, RISKS)
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
