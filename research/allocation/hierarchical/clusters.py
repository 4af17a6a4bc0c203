"""The number of clusters of a tree: two criteria of the field, each as its library computes it.

- gap: the number k with the largest second difference W(k) + W(k + 2) - 2 W(k + 1), for k up to max(8, sqrt(n)) - 1; W
  is the sum over clusters of the mean distance between two of their assets (skfolio, after Yue, Wang, Wei 2009, who
  take the pooled sum of distances instead).
- silhouette: the number with the largest mean over standard deviation of silhouettes, for k up to min(10, sqrt(n)), on
  the Euclidean distances between the columns of the distance matrix (Riskfolio-Lib, after López de Prado and Lewis
  2019, Detection of False Investment Strategies Using Unsupervised Learning Methods).
"""

from typing import Literal

import numpy as np

from foundation.arguments import is_whole, refuse
from foundation.arrays import Array, Rows
from research.allocation.hierarchical.tree import Tree

Clusters = int | Literal["gap", "silhouette"]
CRITERIA = ("gap", "silhouette")
CRITERION_DECIMALS = 12  # of a criterion: numbers of clusters that differ by less tie, and the smaller one is taken


def check_clusters(owner: str, clusters: object) -> None:
    """Raise ConfigError for what is neither a criterion nor a number of clusters."""
    number = is_whole(clusters) and int(clusters) >= 1  # type: ignore[call-overload]
    if not number and clusters not in CRITERIA:
        refuse(f"clusters of {owner} is", clusters, f"use one of {', '.join(CRITERIA)}, or give a number, at least 1.")


def clusters_of(tree: Tree, clusters: Clusters) -> list[int]:
    """Nodes of the tree that are its clusters, from left to right; at most as many as it has leaves."""
    lines = len(tree.columns)
    if clusters == "gap":
        return tree.cut(_by_gap(tree) if lines > 2 else lines)
    if clusters == "silhouette":
        return tree.cut(_by_silhouette(tree))
    return tree.cut(min(int(clusters), lines))


def _by_gap(tree: Tree) -> int:
    n = len(tree.columns)
    most = min(n, max(8, round(n**0.5)))
    within = np.array([sum(_mean_distance(tree, node) for node in tree.cut(k)) for k in range(1, most + 1)])
    gaps = within[2:] + within[:-2] - 2.0 * within[1:-1]
    return int(np.argmax(np.round(gaps, CRITERION_DECIMALS))) + 2


def _by_silhouette(tree: Tree) -> int:
    from scipy.spatial.distance import pdist, squareform

    n = len(tree.columns)
    tried = range(2, int(min(10.0, n**0.5)) + 1)
    if not tried:
        return 1
    between = squareform(pdist(tree.apart))
    scores = [silhouettes(between, [_numbers(tree, node) for node in tree.cut(k)]) for k in tried]
    quality = [float(score.mean() / score.std()) if score.std() > 0.0 else 0.0 for score in scores]
    return tried[int(np.argmax(np.round(quality, CRITERION_DECIMALS)))]


def silhouettes(apart: Array, clusters: list[Rows]) -> Array:
    """(n,) silhouette of each point: its distance to the next cluster against its own, -1 to 1; 0 for one alone.

    apart    : (n, n) distances.
    clusters : numbers of the points of each, at least two clusters.
    Source   : Rousseeuw (1987), Silhouettes: A Graphical Aid to the Interpretation and Validation of Cluster Analysis.
    """
    found = np.zeros(len(apart))
    sums = np.array([apart[:, points].sum(axis=1) for points in clusters])  # (clusters, n)
    sizes = np.array([len(points) for points in clusters])
    for c, points in enumerate(clusters):
        if len(points) > 1:
            own = sums[c, points] / (sizes[c] - 1)
            others = np.delete(sums / sizes[:, None], c, axis=0)[:, points].min(axis=0)
            most = np.maximum(own, others)
            found[points] = np.divide(others - own, most, out=np.zeros(len(points)), where=most > 0.0)
    return found


def _numbers(tree: Tree, node: int) -> Rows:
    """Numbers of the leaves below a node."""
    number = np.argsort(tree.columns)
    return number[np.searchsorted(tree.columns[number], tree.members[node])]


def _mean_distance(tree: Tree, node: int) -> float:
    """Mean distance between two different assets below a node; 0 for an asset alone."""
    leaves = _numbers(tree, node)
    pairs = len(leaves) * (len(leaves) - 1)
    return float(tree.apart[np.ix_(leaves, leaves)].sum()) / pairs if pairs else 0.0
