"""What a hierarchical allocation knows on one date, its target, and the record that explains it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from research.allocation.estimated import placed
from research.allocation.hierarchical.bounds import within
from research.allocation.hierarchical.clusters import Clusters, clusters_of
from research.allocation.hierarchical.distances import distances
from research.allocation.hierarchical.reclustering import remembered_tree
from research.allocation.hierarchical.settings import Hierarchical
from research.allocation.hierarchical.tree import Tree, grown
from research.arrays import Array, Rows, frozen
from research.errors import DataError
from research.forecast.covariances import covariance
from research.forecast.returns import complete_returns
from research.market import Past
from research.tolerances import EIGENVALUE


@dataclass(frozen=True, eq=False)
class Estimate:
    """Returns, covariance and tree of the k lines with a complete window.

    past    : all that is known.
    lines   : (k,) columns of the market.
    returns : (T, k) simple returns of the window.
    cov     : (k, k).
    tree    : in force.
    grown   : row of the market on which it was grown.
    """

    past: Past
    lines: Rows
    returns: Array
    cov: Array
    tree: Tree
    grown: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of the k lines."""
        return tuple(self.past.assets[line] for line in self.lines)


Weigh = Callable[[Estimate], Array]  # (k,) weights before bounds: not negative, with sum one


def estimated(settings: Hierarchical, past: Past) -> Estimate:
    """What an allocation with these settings knows on the last day of the past."""
    returns, lines = complete_returns(past, settings.window)
    cov = covariance(settings.covariance, returns, settings.half_life)
    # Least variance first, names where that ties: not a bit depends on the order of the columns.
    optimal = settings.order == "optimal"
    columns = np.argsort(_ranks(past.assets)[lines]) if optimal else np.arange(len(lines))
    if settings.recluster is None and settings.memory == 0.0:
        columns, apart = distances(settings.distance, returns, cov, columns, optimal)
        return Estimate(past, lines, returns, cov, grown(columns, apart, settings.linkage, optimal), past.t)
    return Estimate(past, lines, returns, cov, *remembered_tree(settings, past, lines, columns))


def target_of(settings: Hierarchical, weigh: Weigh, past: Past) -> Array:
    """(n,) weights of a model within its bounds; zero for lines without a complete window."""
    estimate = estimated(settings, past)
    return placed(within(weigh(estimate), settings.bounds, past, estimate.lines), estimate.lines, past)


@dataclass(frozen=True, eq=False)
class Explained:
    """Why a hierarchical allocation holds what it holds: what a dendrogram and its tables are drawn from.

    assets      : k names of the lines with a complete window, from left to right: the quasi-diagonal order.
    date        : the last one seen.
    clustered   : the date on which the tree was grown.
    linkage     : (k - 1, 4) the tree as scipy's `dendrogram` takes it; its leaf i is `leaf_names[i]`.
    leaf_names  : k names.
    correlation : (k, k) in quasi-diagonal order.
    cluster     : (k,) number of the cluster of each asset, from 1 on the left.
    weights     : (k,) fraction of NAV.
    unbounded   : (k,) before they were brought inside the bounds.
    risk        : (k,) share of the portfolio's variance, whatever measure the model divides by; they sum to one.
    """

    assets: tuple[str, ...]
    date: pd.Timestamp
    clustered: pd.Timestamp
    linkage: Array
    leaf_names: tuple[str, ...]
    correlation: Array
    cluster: Rows
    weights: Array
    unbounded: Array
    risk: Array

    def by_line(self) -> pd.DataFrame:
        """A row a line in quasi-diagonal order: cluster, weight, weight before bounds, share of risk."""
        columns = {"cluster": self.cluster, "weight": self.weights, "unbounded": self.unbounded, "risk": self.risk}
        return pd.DataFrame(columns, index=pd.Index(self.assets, name="line"))

    def by_cluster(self) -> pd.DataFrame:
        """A row a cluster from left to right: number of lines, weight, weight before bounds, share of risk."""
        groups = self.by_line().groupby("cluster")
        return groups[["weight", "unbounded", "risk"]].sum().assign(lines=groups.size())

    def __repr__(self) -> str:
        """One line: sizes and dates."""
        return (
            f"{len(self.assets)} lines in {self.cluster.max()} clusters on {self.date:%Y-%m-%d}, clustered on "
            f"{self.clustered:%Y-%m-%d}"
        )


def explained(settings: Hierarchical, weigh: Weigh, clusters: Clusters, past: Past) -> Explained:
    """The record of a model's target, with its lines in so many clusters."""
    estimate = estimated(settings, past)
    unbounded = weigh(estimate)
    weights = within(unbounded, settings.bounds, past, estimate.lines)
    tree, names, order = estimate.tree, np.array(estimate.names), estimate.tree.order
    cluster = np.zeros(len(names), dtype=np.int64)
    for number, node in enumerate(clusters_of(tree, clusters), start=1):
        cluster[tree.members[node]] = number
    marginal = estimate.cov @ weights
    deviation = np.sqrt(np.diag(estimate.cov))
    correlation = estimate.cov / np.outer(deviation, deviation)
    return Explained(
        assets=tuple(names[order].tolist()),
        date=past.date,
        clustered=past.dates[estimate.grown],
        linkage=frozen(tree.scipy_linkage()) if len(names) > 1 else frozen(np.zeros((0, 4))),
        leaf_names=tuple(names[tree.columns].tolist()),
        correlation=frozen(correlation[np.ix_(order, order)]),
        cluster=frozen(cluster[order]),
        weights=frozen(weights[order]),
        unbounded=frozen(unbounded[order]),
        risk=frozen((weights * marginal / (weights @ marginal))[order]),
    )


def check_inverse(owner: str, estimate: Estimate) -> None:
    """Raise DataError for a covariance without an inverse, naming the lines and how to mend it."""
    from research.risk.covariances import least_eigenvalue

    value, i, j = least_eigenvalue(estimate.cov)
    if value <= EIGENVALUE:
        names, (sessions, k) = estimate.names, estimate.returns.shape
        reason = (
            f"{sessions} returns are too few for {k} lines" if sessions <= k else f"{names[i]} and {names[j]} repeat others"
        )
        raise DataError(
            f"{owner} needs a covariance that has an inverse on {estimate.past.date:%Y-%m-%d}, and that of {k} lines has "
            f"none: {reason}. Take a longer window, a shrunk covariance such as ledoit_wolf, or leave one line out."
        )


@lru_cache(maxsize=64)
def _ranks(assets: tuple[str, ...]) -> Rows:
    """(n,) place of each name among the sorted ones."""
    return np.argsort(np.argsort(np.array(assets)))
