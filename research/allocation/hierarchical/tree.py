"""A clustering tree of lines: grown from distances, its leaves from left to right, cut into clusters."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from foundation.arrays import Array, Rows
from research.allocation.hierarchical.distances import distances
from research.allocation.hierarchical.settings import Distance, Linkage


@dataclass(frozen=True, eq=False)
class Tree:
    """A tree of k leaves. Leaves are numbered 0 to k - 1, the node of row i of `children` k + i, the root 2k - 2.

    columns  : (k,) column of the estimate that each leaf stands for.
    apart    : (k, k) distances of the leaves, by number.
    children : (k - 1, 2) the two children of each node, which have smaller numbers; nodes are in order of height.
    leaves   : (k,) leaves from left to right.
    linkage  : linkage that the tree was grown by.
    optimal  : whether neighbours are near each other; else leaves stand as the linkage numbers them.
    """

    columns: Rows
    apart: Array
    children: Rows
    leaves: Rows
    linkage: Linkage
    optimal: bool

    @property
    def order(self) -> Rows:
        """(k,) columns from left to right: the quasi-diagonal order."""
        return self.columns[self.leaves]

    @cached_property
    def members(self) -> list[Rows]:
        """Columns below each of the 2k - 1 nodes, from left to right."""
        place = np.argsort(self.leaves)
        below = [[int(place[leaf])] for leaf in range(len(self.columns))]
        for left, right in self.children:
            below.append(sorted(below[left] + below[right]))
        return [self.order[places] for places in below]

    def cut(self, clusters: int) -> list[int]:
        """The nodes of so many clusters, from left to right: those that remain when the highest nodes are removed."""
        first = 2 * len(self.columns) - clusters
        below = self.children[first - len(self.columns) :].ravel().tolist() if clusters > 1 else [first - 1]
        place = dict(zip(self.order.tolist(), range(len(self.columns)), strict=True))
        return sorted((node for node in below if node < first), key=lambda node: place[int(self.members[node][0])])

    def scipy_linkage(self) -> Array:
        """(k - 1, 4) the tree as scipy's `dendrogram` takes it, with heights and sizes."""
        from scipy.cluster import hierarchy

        if len(self.columns) == 1:
            return np.zeros((0, 4))
        pairs = self.apart[np.triu_indices(len(self.columns), 1)]
        found: Array = hierarchy.linkage(pairs, self.linkage)
        return hierarchy.optimal_leaf_ordering(found, pairs) if self.optimal else found


def tree_of(returns: Array, cov: Array, columns: Rows, distance: Distance, linkage: Linkage, optimal: bool) -> Tree:
    """The tree of lines by one of the distances between them, see `distances`.

    returns : (T, k) simple returns; not used by correlations.
    cov     : (k, k).
    columns : (k,) order of both where variances tie, and everywhere unless optimal.
    """
    return grown(*distances(distance, returns, cov, columns, optimal), linkage, optimal)


def grown(columns: Rows, apart: Array, linkage: Linkage, optimal: bool) -> Tree:
    """The tree of some columns (k,) of an estimate, from the distances (k, k) between them."""
    from research.allocation.hierarchical.leaf_order import ordered_leaves, single_linkage

    if linkage == "single" or len(columns) == 1:
        children = single_linkage(apart)
    else:
        from scipy.cluster import hierarchy

        children = hierarchy.linkage(apart[np.triu_indices(len(columns), 1)], linkage)[:, :2].astype(np.int64)
    return Tree(columns, apart, children, ordered_leaves(children, apart, optimal), linkage, optimal)
