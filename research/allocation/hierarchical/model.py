"""The common part of hierarchical allocations: estimate, weigh, keep constraints, and give reasons."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from foundation.arrays import Array, Rows, frozen
from research.allocation.answer import Answer
from research.allocation.constrained.constrained import answer_of
from research.allocation.constraints.builder import build
from research.allocation.constraints.market_day import known_on
from research.allocation.constraints.records import Constraints
from research.allocation.estimated import placed
from research.allocation.hierarchical.clusters import Clusters, clusters_of
from research.allocation.hierarchical.estimate import Estimate, estimated
from research.allocation.hierarchical.projection import nearest
from research.allocation.hierarchical.settings import Hierarchical
from research.allocation.hierarchical.tree import Tree
from research.market import Past

NONE = Constraints()


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The reasons of a hierarchical allocation's weights: the data of a dendrogram and its tables.

    assets      : k names of the lines with a complete window, from left to right: the quasi-diagonal order.
    date        : last date seen.
    clustered   : the date on which the tree was grown.
    tree        : tree of that date; its leaf i is `leaf_names[i]`.
    leaf_names  : k names.
    correlation : (k, k) correlations in quasi-diagonal order.
    cluster     : (k,) number of the cluster of each asset, from 1 on the left.
    weights     : (k,) fraction of NAV.
    unbounded   : (k,) before they were brought within the constraints.
    risk        : (k,) share of the portfolio's variance, whatever measure the model divides by; they sum to one.
    """

    assets: tuple[str, ...]
    date: pd.Timestamp
    clustered: pd.Timestamp
    tree: Tree
    leaf_names: tuple[str, ...]
    correlation: Array
    cluster: Rows
    weights: Array
    unbounded: Array
    risk: Array

    @cached_property
    def linkage(self) -> Array:
        """(k - 1, 4) the tree as scipy's `dendrogram` takes it."""
        return frozen(self.tree.scipy_linkage())

    def by_line(self) -> pd.DataFrame:
        """A row a line in quasi-diagonal order: cluster, weight, weight before constraints, share of risk."""
        columns = {"cluster": self.cluster, "weight": self.weights, "unbounded": self.unbounded, "risk": self.risk}
        return pd.DataFrame(columns, index=pd.Index(self.assets, name="line"))

    def by_cluster(self) -> pd.DataFrame:
        """A row a cluster from left to right: number of lines, weight, weight before constraints, share of risk."""
        groups = self.by_line().groupby("cluster")
        return groups[["weight", "unbounded", "risk"]].sum().assign(lines=groups.size())

    def __repr__(self) -> str:
        """One line: sizes and dates."""
        return (
            f"{len(self.assets)} lines in {self.cluster.max()} clusters on {self.date:%Y-%m-%d}, clustered on "
            f"{self.clustered:%Y-%m-%d}"
        )


@dataclass(frozen=True, repr=False)
class Model(Hierarchical):
    """A hierarchical allocation: (k,) weights before they were brought within the constraints."""

    @property
    def shown_clusters(self) -> Clusters:
        """Number of clusters in the record, or the criterion that finds it."""
        return "gap"

    @abstractmethod
    def weights(self, estimate: Estimate) -> Array:
        """(k,) weights of an estimate before constraints: not negative, with sum one."""

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """(n,) weights over the lines with a complete window, with sum one unless `net` differs; and binding limits.

        Raises : NotSolvedError, with a smallest conflicting set, where no weights keep the constraints.
        """
        estimate = estimated(self, past)
        return self._within(self.weights(estimate), estimate, previous)

    def _within(self, weights: Array, estimate: Estimate, previous: Array | None) -> Answer:
        """The answer with the nearest weights that keep the constraints, of weights (k,) of the tree."""
        past, lines, asked = estimate.past, estimate.lines, self.asked
        if asked == NONE:
            return Answer(placed(weights, lines, past), past.date)
        limits = build(asked, known_on(past, asked, lines, self.window, self.periods_per_year * estimate.cov, previous))
        found = nearest(weights, limits)
        if found is None:
            return Answer(placed(weights, lines, past), past.date, notes=limits.notes)
        return answer_of(found, lines, past, asked)

    def hierarchy(self, past: Past, previous: Array | None = None) -> Hierarchy:
        """The tree, the clusters and the shares of risk behind the target; `previous` is the target (n,) before."""
        estimate = estimated(self, past)
        unbounded = self.weights(estimate)
        weights = self._within(unbounded, estimate, previous).weights[estimate.lines]
        tree, names, order = estimate.tree, np.array(estimate.names), estimate.tree.order
        cluster = np.zeros(len(names), dtype=np.int64)
        for number, node in enumerate(clusters_of(tree, self.shown_clusters), start=1):
            cluster[tree.members[node]] = number
        marginal, deviation = estimate.cov @ weights, np.sqrt(np.diag(estimate.cov))
        correlation = estimate.cov / np.outer(deviation, deviation)
        return Hierarchy(
            assets=tuple(names[order].tolist()),
            date=past.date,
            clustered=past.dates[estimate.grown],
            tree=tree,
            leaf_names=tuple(names[tree.columns].tolist()),
            correlation=frozen(correlation[np.ix_(order, order)]),
            cluster=frozen(cluster[order]),
            weights=frozen(weights[order]),
            unbounded=frozen(unbounded[order]),
            risk=frozen((weights * marginal / (weights @ marginal))[order]),
        )
