"""The leaves of a clustering tree from left to right, compiled: distances, single linkage, how each node is turned.

A tree of n leaves is an array (n - 1, 2): row i holds the two children of node n + i, the left one first. Leaves are 0
to n - 1, and children have smaller numbers than their parents. Trees and orders are those of scipy, where distances tie
too: `hierarchy.linkage(..., "single")`, `hierarchy.optimal_leaf_ordering` and `hierarchy.leaves_list`.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Floats, Mask, Rows
from foundation.compiled import compiled, linked

# lengths whose ratio is larger keep their order when they are rounded to single precision
LENGTH_RATIO = 1.0 + 2.0**-20


@linked
def _sort_stably(values: Array, order: Rows) -> None:
    """Write into `order` (n,) the places of the values (n,) from the smallest on; equal ones stay in order."""
    for i in range(len(values)):
        place = i
        while place > 0 and values[i] < values[order[place - 1]]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i


@compiled
def correlation_distances(cov: Array, columns: Rows, by_variance: bool) -> tuple[Rows, Array]:
    """The columns (n,) as they stand or from the least variance on, and the distances (n, n) between them.

    Correlations are rounded to 12 decimals, so that equal ones are equal distances whatever the unit of `cov` (n, n):
    rounding noise breaks no tie.
    """
    n = len(cov)
    variance, volatility, order, apart = np.empty(n), np.empty(n), np.arange(n), np.zeros((n, n))
    for a in range(n):
        variance[a] = cov[columns[a], columns[a]]
    if by_variance:
        _sort_stably(variance, order)
    for a in range(n):
        i = order[a] = columns[order[a]]
        volatility[a] = np.sqrt(cov[i, i])
        for b in range(a):
            correlation = np.rint(cov[i, order[b]] / (volatility[a] * volatility[b]) * 1e12) / 1e12
            apart[a, b] = apart[b, a] = np.sqrt(min(max((1.0 - correlation) / 2.0, 0.0), 1.0))
    return order, apart


@linked
def _root(node: int, above: Rows) -> int:
    """The largest node that holds a node so far; `above` (2n - 1,), the node above each or itself, is shortened."""
    while above[node] != node:
        above[node] = above[above[node]]
        node = above[node]
    return node


@compiled
def single_linkage(apart: Array) -> Rows:
    """The tree (n - 1, 2) of single linkage: the edges of a minimum spanning tree, joined from the shortest on.

    The spanning tree grows from leaf 0 by the leaf nearest to it, the first of those that tie. Of equal edges the one
    found first is joined first, and the node with the smaller number is the left child.

    apart  : (n, n) symmetric distances, in any unit.
    Source : Gower, Ross (1969), Minimum Spanning Trees and Single Linkage Cluster Analysis.
    """
    n = len(apart)
    distance, outside, above = np.full(n, np.inf), np.ones(n, np.bool_), np.arange(2 * n - 1)
    found, lengths, order = np.zeros(n, np.int64), np.empty(n - 1), np.empty(n - 1, np.int64)
    tree = np.empty((n - 1, 2), np.int64)
    for k in range(n - 1):
        outside[found[k]] = False
        nearest = -1
        for i in range(n):
            if outside[i]:
                distance[i] = min(distance[i], apart[found[k], i])
                if nearest < 0 or distance[i] < distance[nearest]:
                    nearest = i
        found[k + 1], lengths[k] = nearest, distance[nearest]
    _sort_stably(lengths, order)
    for k, edge in enumerate(order):
        # All that was found before and is joined by shorter edges hangs together: the last one found stands for it.
        one, other = _root(found[edge], above), _root(found[edge + 1], above)
        tree[k, 0], tree[k, 1] = min(one, other), max(one, other)
        above[one] = above[other] = n + k
    return tree


@linked
def _place(tree: Rows, size: Rows, turned: Mask, first: Rows) -> None:
    """Write the place at which the leaves of each node begin (2n - 1,). A turned node is mirrored with all below it.

    tree   : (n - 1, 2).
    size   : (2n - 1,) number of leaves of each node.
    turned : (n - 1,) nodes to turn; left as they then stand, with the nodes above them.
    """
    n = len(tree) + 1
    for i in range(n - 2, -1, -1):
        left, right = tree[i]
        for child in (left, right):
            if child >= n:
                turned[child - n] ^= turned[i]
        if turned[i]:
            left, right = right, left
        first[left], first[right] = first[n + i], first[n + i] + size[left]


@linked
def _other_half(leaf: int, first: int, middle: int, stop: int) -> tuple[int, int]:
    """The leaves [first, middle) or [middle, stop) that this one is not among; itself where there is no other."""
    return (middle, stop) if leaf < middle else (first, max(middle, first + 1))


class _Lists(NamedTuple):
    """Distances of leaves and lengths of lists of them, by place.

    between : (n, n) distances of the leaves.
    length  : (n, n) the length of the shortest list between two ends, in single precision as scipy rounds.
    reach   : (n,) the distance from a leaf to each other one.
    """

    between: Array
    length: Floats
    reach: Array


@linked
def _reach(u: int, over: tuple[int, int], b: int, end: int, lists: _Lists) -> None:
    """Write the distance from leaf u over some leaf m in `over` to each leaf k in [b, end)."""
    for k in range(b, end):
        lists.reach[k] = np.inf
    for m in range(over[0], over[1]):
        for k in range(b, end):
            lists.reach[k] = min(lists.reach[k], lists.length[u, m] + lists.between[m, k])


@linked
def _shortest(u: int, w: int, left: tuple[int, int], right: tuple[int, int], lists: _Lists) -> np.float32:
    """The shortest list from leaf u over m in `left` and k in `right` to leaf w.

    `reach` says which k it can be, before rounding.
    """
    between, length, reach = lists
    bound, least = np.inf, np.float32(np.inf)
    for k in range(right[0], right[1]):
        bound = min(bound, reach[k] + length[w, k])
    bound *= LENGTH_RATIO
    for k in range(right[0], right[1]):
        if reach[k] + length[w, k] <= bound:
            for m in range(left[0], left[1]):
                least = min(least, np.float32(length[u, m] + length[w, k] + between[k, m]))
    return least


@linked
def _turn(tree: Rows, size: Rows, first: Rows, lists: _Lists, turned: Mask) -> None:
    """Decide which nodes to turn, so that the sum of distances between neighbours is small.

    The list of the leaves of a node begins with a leaf u of its left child and ends with a leaf w of the right one; the
    children meet at m and k. The shortest list from u to w consists of the shortest ones from u to m and from k to w;
    where a child has children itself, m lies in the one that u does not lie in, and k likewise. The node's own best u
    and w, the first of those that tie, say how its children are turned.

    tree    : (n - 1, 2).
    size    : (2n - 1,) number of leaves of each node.
    first   : (2n - 1,) place at which the leaves of each node begin.
    lists   : the distances, and lengths of zero; written.
    turned  : (n - 1,) written.
    Source  : Bar-Joseph, Gifford, Jaakkola (2001), Fast Optimal Leaf Ordering for Hierarchical Clustering; as in scipy,
              nodes above do not correct how a node turned its children.
    """
    n, length = len(lists.between), lists.length
    for i in range(n - 1):
        left, right = tree[i]
        a, b, stop = first[left], first[right], first[right] + size[right]
        middle_left = first[tree[left - n, 1]] if left >= n else a
        middle_right = first[tree[right - n, 1]] if right >= n else b
        best, best_u, best_w = np.inf, a, b
        for u in range(a, b):
            ms = _other_half(u, a, middle_left, b)
            _reach(u, ms, b, stop, lists)
            for w in range(b, stop):
                ks = _other_half(w, b, middle_right, stop)
                length[u, w] = length[w, u] = _shortest(u, w, ms, ks, lists)
                if length[u, w] < best:
                    best, best_u, best_w = length[u, w], u, w
        if left >= n:
            turned[left - n] = best_u >= middle_left
        if right >= n:
            turned[right - n] = best_w < middle_right


@compiled
def ordered_leaves(tree: Rows, apart: Array, optimal: bool) -> Rows:
    """(n,) the leaves of a tree from left to right.

    tree    : (n - 1, 2).
    apart   : (n, n) symmetric distances of the leaves, in any unit; not used unless optimal.
    optimal : turn nodes so that neighbours are near each other; else they stand as the tree lists them.
    """
    n = len(apart)
    size, first, turned = np.ones(2 * n - 1, np.int64), np.zeros(2 * n - 1, np.int64), np.zeros(n - 1, np.bool_)
    for i in range(n - 1):
        size[n + i] = size[tree[i, 0]] + size[tree[i, 1]]
    _place(tree, size, turned, first)
    if optimal:
        between = np.empty((n, n))
        for i in range(n):
            for j in range(n):
                between[first[i], first[j]] = apart[i, j]
        _turn(tree, size, first, _Lists(between, np.zeros((n, n), np.float32), np.empty(n)), turned)
        _place(tree, size, turned, first)
    leaves = np.empty(n, np.int64)
    for leaf in range(n):
        leaves[first[leaf]] = leaf
    return leaves
