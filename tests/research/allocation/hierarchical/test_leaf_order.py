"""Trees and orders of leaves by hand, and against scipy, whose choice among equal distances is ours as well."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from research.allocation.hierarchical.leaf_order import ordered_leaves, single_linkage
from research.allocation.hierarchical.settings import LINKAGES


@st.composite
def distances(draw):
    """Symmetric distances: of many values, of few (most of them tie), or all the same."""
    n, seed, values = draw(st.integers(2, 24)), draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([1, 2, 3, 8, 0]))
    rng, pairs = np.random.default_rng(seed), n * (n - 1) // 2
    return squareform(rng.uniform(0.1, 1.0, pairs) if values == 0 else np.sqrt(rng.integers(1, values + 1, pairs) / 9))


def test_four_leaves_by_hand():
    # 1 and 3 are nearest, then 0 joins them, then 2. Between 0 and 1 lie 3, between 0 and 3 lie 4: so 0 stands at 1's
    # side; and 2 is nearer to 3 than to 0.
    apart = squareform([3.0, 7.0, 4.0, 8.0, 1.0, 6.0])
    tree = single_linkage(apart)
    assert tree.tolist() == [[1, 3], [0, 4], [2, 5]]
    assert ordered_leaves(tree, apart, False).tolist() == [2, 0, 1, 3]
    assert ordered_leaves(tree, apart, True).tolist() == [2, 3, 1, 0]


def test_one_leaf_is_a_list():
    apart = np.zeros((1, 1))
    assert ordered_leaves(single_linkage(apart), apart, True).tolist() == [0]


@settings(max_examples=300)
@given(apart=distances(), linkage=st.sampled_from(LINKAGES), optimal=st.booleans())
def test_trees_and_orders_are_scipys(apart, linkage, optimal):
    pairs = squareform(apart)
    theirs = hierarchy.linkage(pairs, linkage)
    tree = theirs[:, :2].astype(np.int64)
    if linkage == "single":
        assert np.array_equal(single_linkage(apart), tree)
    if optimal:
        theirs = hierarchy.optimal_leaf_ordering(theirs, pairs)
    assert ordered_leaves(tree, apart, optimal).tolist() == hierarchy.leaves_list(theirs).tolist()


@pytest.mark.parametrize("linkage", LINKAGES)
def test_long_lists_are_scipys_too(linkage):
    rng = np.random.default_rng(5)
    returns = rng.normal(size=(60, 150)) + rng.normal(size=(60, 1))
    pairs = np.sqrt((1.0 - np.corrcoef(returns.T).round(12)) / 2.0)[np.triu_indices(150, 1)]
    tree = hierarchy.linkage(pairs, linkage)[:, :2].astype(np.int64)
    theirs = hierarchy.leaves_list(hierarchy.linkage(pairs, linkage, optimal_ordering=True))
    assert ordered_leaves(tree, squareform(pairs), True).tolist() == theirs.tolist()
