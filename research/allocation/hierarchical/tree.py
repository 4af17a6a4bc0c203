"""A clustering tree of assets: their distances, the tree grown from them, its leaves in order, cut into clusters.

Distances between assets are by name, from a window of their returns:

- correlation: sqrt((1 - rho) / 2) of the correlation rho (López de Prado 2016), 0 to 1.
- columns: the Euclidean distance between the columns of that matrix (the paper's own choice).
- absolute_correlation: sqrt(1 - |rho|): an asset and its mirror are near.
- rank: sqrt((1 - rho) / 2) of Spearman's rank correlation.
- distance_correlation: sqrt(1 - dCor), which is 1 only for independent assets (Székely, Rizzo, Bakirov 2007).
- variation_of_information: H(X|Y) + H(Y|X) over H(X, Y) of binned returns, 0 to 1 (Kraskov and others 2005; López de
  Prado 2020, Machine Learning for Asset Managers, section 3), in as many bins of equal width as Hacine-Gharbi and
  others (2012) find optimal for so many returns.

All are rounded to 12 decimals, so that equal ones tie whatever the unit of returns: rounding noise breaks no tie.
"""

from functools import cached_property

import numpy as np
import pandas as pd

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
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
    """The tree of assets by one of the distances between them, see `distances`.

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


DECIMALS = 12


def distances(name: Distance, returns: Array, cov: Array, columns: Rows, by_variance: bool) -> tuple[Rows, Array]:
    """The columns (k,) as they stand or from the least variance on, and the distances (k, k) between them.

    name        : name of the distance; correlations are those of `cov`.
    returns     : (T, k) simple returns; not used by correlations.
    cov         : (k, k) covariance of returns.
    columns     : (k,) columns of both.
    by_variance : true to sort them; columns with equal variances keep their order.
    """
    from research.allocation.hierarchical.leaf_order import correlation_distances

    columns, apart = correlation_distances(cov, columns, by_variance)
    if name == "correlation" or len(columns) == 1:
        return columns, apart
    if name == "columns":
        from scipy.spatial.distance import pdist, squareform

        found = squareform(pdist(apart))
    elif name == "absolute_correlation":
        found = np.sqrt(np.maximum(1.0 - np.abs(1.0 - 2.0 * apart**2), 0.0))
    elif name == "rank":
        ranks = pd.DataFrame(returns[:, columns]).rank().to_numpy()
        found = np.sqrt(np.clip((1.0 - np.corrcoef(ranks.T)) / 2.0, 0.0, 1.0))
    elif name == "distance_correlation":
        found = np.sqrt(np.clip(1.0 - distance_correlations(returns[:, columns]), 0.0, 1.0))
    else:
        found = variation_of_information(returns[:, columns], bins_of(len(returns)))
    np.fill_diagonal(found, 0.0)
    return columns, np.round(found, DECIMALS)


def distance_correlations(returns: Array) -> Array:
    """(k, k) distance correlation of each two columns of returns (T, k), 0 to 1.

    Source : Székely, Rizzo, Bakirov (2007), Measuring and Testing Dependence by Correlation of Distances, definition 5.
    """
    centred = np.abs(returns.T[:, :, None] - returns.T[:, None, :])
    rows = centred.mean(axis=2)
    centred += rows.mean(axis=1)[:, None, None] - rows[:, :, None] - rows[:, None, :]
    flat = centred.reshape(len(centred), -1)
    products = np.maximum(flat @ flat.T, 0.0)
    deviation = np.sqrt(np.diag(products))
    return np.sqrt(products / np.outer(deviation, deviation))


def variation_of_information(returns: Array, bins: int) -> Array:
    """(k, k) variation of information of each two columns of returns (T, k), over their joint entropy, 0 to 1.

    bins : number of bins of equal width, from the least to the largest return of each column.
    """
    edges = np.linspace(returns.min(axis=0), returns.max(axis=0), bins + 1)
    k = returns.shape[1]
    places = [np.minimum(np.searchsorted(edges[:, i], returns[:, i], side="right") - 1, bins - 1) for i in range(k)]
    alone = np.array([_entropy(np.bincount(place)) for place in places])
    found = np.zeros((k, k))
    for i in range(k):
        for j in range(i):
            joint = _entropy(np.bincount(places[i] * bins + places[j]))
            found[i, j] = found[j, i] = max(2.0 * joint - alone[i] - alone[j], 0.0) / joint
    return found


def bins_of(sessions: int) -> int:
    """Number of bins for a histogram of so many returns.

    Source : Hacine-Gharbi, Ravier, Harba, Mohamadi (2012), Low Bias Histogram-Based Estimation of Mutual Information
             for Feature Selection, equation for one variable.

    >>> bins_of(252)
    9
    """
    z = (8.0 + 324.0 * sessions + 12.0 * np.sqrt(36.0 * sessions + 729.0 * sessions**2)) ** (1.0 / 3.0)
    return max(round(z / 6.0 + 2.0 / (3.0 * z) + 1.0 / 3.0), 2)


def _entropy(counts: Rows) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())
