"""Cutting trees against scipy, and the number of clusters against skfolio and Riskfolio-Lib."""

import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from research.allocation.hierarchical.clusters import clusters_of, silhouettes
from research.allocation.hierarchical.settings import LINKAGES
from research.allocation.hierarchical.tree import distances, grown


def tree_of(returns, linkage, optimal=True):
    columns = np.arange(returns.shape[1])
    return grown(*distances("correlation", returns, np.cov(returns.T), columns, optimal), linkage, optimal)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_clusters_are_scipys(stocks, linkage):
    tree = tree_of(stocks.to_numpy(), linkage)
    theirs = hierarchy.linkage(squareform(tree.apart, checks=False), linkage)
    for clusters in range(1, 21):
        labels = hierarchy.fcluster(theirs, clusters, criterion="maxclust")
        found = {frozenset(tree.members[node].tolist()) for node in tree.cut(clusters)}
        assert found == {frozenset(tree.columns[labels == label].tolist()) for label in set(labels)}


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("optimal", [True, False])
def test_the_linkage_for_dendrograms_has_the_leaves_of_the_tree(stocks, linkage, optimal):
    tree = tree_of(stocks.to_numpy(), linkage, optimal)
    assert hierarchy.leaves_list(tree.scipy_linkage()).tolist() == tree.leaves.tolist()


def test_clusters_come_from_left_to_right(stocks):
    tree = tree_of(stocks.to_numpy(), "ward")
    assert np.concatenate([tree.members[node] for node in tree.cut(6)]).tolist() == tree.order.tolist()


def worlds():
    rng = np.random.default_rng(7)
    for lines in (3, 4, 9, 20, 30):
        for _ in range(4):
            yield rng.normal(size=(120, lines)) @ rng.normal(size=(lines, lines))


@pytest.mark.parametrize("linkage", ["single", "ward"])
def test_the_gap_criterion_is_skfolios(linkage):
    from skfolio.utils.stats import compute_optimal_n_clusters

    for returns in worlds():
        tree = tree_of(returns, linkage)
        theirs = hierarchy.linkage(squareform(tree.apart, checks=False), linkage)
        assert len(clusters_of(tree, "gap")) == compute_optimal_n_clusters(tree.apart, theirs)


@pytest.mark.parametrize("linkage", ["single", "ward"])
def test_the_silhouette_criterion_is_riskfolio_libs(linkage):
    import pandas as pd
    from riskfolio.src.AuxFunctions import std_silhouette_score

    for returns in worlds():
        tree = tree_of(returns, linkage)
        theirs = hierarchy.linkage(squareform(tree.apart, checks=False), linkage)
        assert len(clusters_of(tree, "silhouette")) == std_silhouette_score(pd.DataFrame(tree.apart), theirs)[0]


def test_silhouettes_are_scikit_learns():
    from sklearn.metrics import silhouette_samples

    points = np.random.default_rng(8).normal(size=(12, 3))
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3])
    between = np.linalg.norm(points[:, None] - points, axis=2)
    clusters = [np.flatnonzero(labels == label) for label in range(4)]
    assert silhouettes(between, clusters) == pytest.approx(silhouette_samples(points, labels), abs=1e-12)


@pytest.mark.parametrize("criterion", ["gap", "silhouette"])
def test_four_blocks_are_found(criterion):
    rng = np.random.default_rng(9)
    returns = np.repeat(rng.normal(size=(500, 4)), 5, axis=1) + 0.3 * rng.normal(size=(500, 20))
    tree = tree_of(returns, "ward")
    found = {frozenset(tree.members[node].tolist()) for node in clusters_of(tree, criterion)}
    assert found == {frozenset(range(5 * block, 5 * block + 5)) for block in range(4)}
