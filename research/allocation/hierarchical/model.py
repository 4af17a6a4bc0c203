"""The common part of hierarchical allocations: estimates, weights, constraints, and reasons.

The weights w0 of a tree say in which proportion assets should be held. Where they break a constraint, they go to the w
within all of them with the least sum of (w - w0)^2 / w0, so that all assets of a group that are at no bound of their
own
keep their proportions to each other: w = min(max(factor x w0, lower), upper), one factor a group whose bound holds, and
one for all others. For bounds of assets it is also the w of least relative entropy to w0. (The Euclidean projection
would add the same number of points to each asset, to one of 0.5 % as to one of 30 %, and undo what the tree said.) An
asset of weight zero takes weight only where the others have no room, and then counts as one of 1 / k.

skfolio puts bounds into each split of HRP, projects HERC by relative deviations, and knows none for the whole portfolio
in nested clusters; Riskfolio-Lib cuts off and shares out in turn, and stops where no asset lies between its bounds,
which leaves a sum below one.

Weights may be computed more often than assets are clustered: `recluster="quarter"` keeps the tree of the last quarter's
last session, in which every asset of today must have had a complete window. Where one had not, today's tree is grown
from today's window, until the next day of the schedule.

With a `memory` of m, the distances of a clustering are m times those last used plus 1 - m times those of its own
window: exponential weights over the days on which assets were clustered, so that one noisy window does not turn a tree
over, and a change that stays does. Nothing is kept between calls. The days before are looked up in the past anew, and a
longer market leaves them as they are. They end where an asset of today had no complete window yet, or where the weight
that is left falls below 0.1 %.
"""

from abc import abstractmethod
from functools import cached_property, lru_cache
from math import ceil, log

import numpy as np
import pandas as pd

from foundation.arrays import Array, Mask, Rows, frozen
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.tolerances import EIGENVALUE, RETURNS
from research.allocation.answer import Answer
from research.allocation.constrained.constrained import answer_of_optimum
from research.allocation.constraints.branch import best
from research.allocation.constraints.builder import build
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.market_day import known_on
from research.allocation.constraints.optimum import LIMIT_TOLERANCE, Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Constraints
from research.allocation.estimated import placed
from research.allocation.hierarchical.clusters import clusters_of
from research.allocation.hierarchical.settings import Hierarchical
from research.allocation.hierarchical.tree import DECIMALS, Tree, distances, grown, tree_of
from research.forecast.covariances import covariance
from research.forecast.returns import complete_returns
from research.market import Past
from research.market.calendars import last_of

ZERO_WEIGHT = 1e-9  # of NAV: a weight below it is none
DISTANCE_UNIT = "relative distance from the weights of the tree"
NONE = Constraints()


@dataclass(frozen=True, eq=False)
class Estimate:
    """Returns, covariance and tree of the k assets with a complete window.

    past    : all that is known.
    lines   : (k,) columns of the market.
    returns : (T, k) simple returns of the window.
    cov     : (k, k).
    tree    : tree in force.
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
        """Names of the k assets."""
        return tuple(self.past.assets[line] for line in self.lines)


def estimated(settings: Hierarchical, past: Past) -> Estimate:
    """The estimate of an allocation with these settings on the last day of the past."""
    returns, lines = complete_returns(past, settings.window)
    cov = covariance(settings.covariance, returns, settings.half_life)
    # Least variance first, names where that ties: not a bit depends on the order of the columns.
    optimal = settings.order == "optimal"
    columns = np.argsort(_ranks(past.assets)[lines]) if optimal else np.arange(len(lines))
    if settings.recluster is None and settings.memory == 0.0:
        tree = tree_of(returns, cov, columns, settings.distance, settings.linkage, optimal)
        return Estimate(past, lines, returns, cov, tree, past.t)
    return Estimate(past, lines, returns, cov, *remembered_tree(settings, past, lines, columns))


def check_inverse(owner: str, estimate: Estimate) -> None:
    """Raise DataError for a covariance without an inverse, naming the assets and how to mend it."""
    from research.risk.simulation.covariances import least_eigenvalue

    value, i, j = least_eigenvalue(estimate.cov)
    if value <= EIGENVALUE:
        names, (sessions, k) = estimate.names, estimate.returns.shape
        few = f"{sessions} returns are too few for {k} assets"
        reason = few if sessions <= k else f"{names[i]} and {names[j]} repeat others"
        raise DataError(
            f"{owner} needs a covariance that has an inverse on {estimate.past.date:%Y-%m-%d}, and that of {k} assets "
            f"has none: {reason}. Take a longer window, a shrunk covariance such as ledoit_wolf, or leave an "
            "asset out."
        )


@lru_cache(maxsize=64)
def _ranks(assets: tuple[str, ...]) -> Rows:
    """(n,) place of each name among the sorted ones."""
    return np.argsort(np.argsort(np.array(assets)))


FORGOTTEN_WEIGHT = 1e-3  # of the weight of all distances


def clustering_rows(settings: Hierarchical, past: Past, lines: Rows) -> list[int]:
    """Rows of the market whose windows the tree in force is grown from, the latest first.

    lines : (k,) columns of the assets with a complete window today.
    """
    every = settings.recluster or (settings.schedule if settings.memory else None)
    if every is None:
        return [past.t]
    most = 1 if settings.memory == 0.0 else 1 + ceil(log(FORGOTTEN_WEIGHT) / log(settings.memory))
    scheduled = np.flatnonzero(last_of(past.days, every, past.calendar))[::-1].tolist()
    if settings.recluster is None or not scheduled or not _complete(settings, past, lines, scheduled[0]):
        scheduled = [past.t, *(row for row in scheduled if row < past.t)]
    found = scheduled[:1]
    for row in scheduled[1:most]:
        if not _complete(settings, past, lines, row):
            break
        found.append(row)
    return found


def remembered_tree(settings: Hierarchical, past: Past, lines: Rows, columns: Rows) -> tuple[Tree, int]:
    """The tree in force, and the row of the market on which it was grown.

    lines   : (k,) columns of the market.
    columns : (k,) order of the assets where variances tie.
    """
    rows = clustering_rows(settings, past, lines)
    optimal = settings.order == "optimal"
    windows = [_window(settings, past, lines, row) for row in rows]
    covs = [covariance(settings.covariance, window, settings.half_life) for window in windows]
    columns, apart = distances(settings.distance, windows[0], covs[0], columns, optimal)
    if len(rows) > 1:
        earlier = [
            distances(settings.distance, window, cov, columns, False)[1]
            for window, cov in zip(windows[1:], covs[1:], strict=True)
        ]
        apart = np.round(blended([apart, *earlier], settings.memory), DECIMALS)
    return grown(columns, apart, settings.linkage, optimal), rows[0]


def blended(apart: list[Array], memory: float) -> Array:
    """Distances with memory: those of each clustering, the latest first, with weights that fall by `memory`.

    >>> blended([np.array([1.0]), np.array([0.0]), np.array([0.0])], 0.5).tolist()
    [0.5]
    """
    found = apart[-1]
    for own in apart[-2::-1]:
        found = memory * found + (1.0 - memory) * own
    return found


def _window(settings: Hierarchical, past: Past, lines: Rows, row: int) -> Array:
    return np.ascontiguousarray(past.returns[row - settings.window + 1 : row + 1, lines])


def _complete(settings: Hierarchical, past: Past, lines: Rows, row: int) -> bool:
    """True if all assets had a complete window on that row, in which their returns vary."""
    from research.forecast.window import ranges

    first = row - settings.window
    known = first >= 0 and bool((past.listed[first, lines] & past.listed[row, lines]).all())
    return known and bool((ranges(_window(settings, past, lines, row)) > RETURNS).all())


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The reasons of a hierarchical allocation's weights: the data of a dendrogram and its tables.

    assets      : k names of the assets with a complete window, from left to right: the quasi-diagonal order.
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
        """A row an asset in quasi-diagonal order: cluster, weight, weight before constraints, share of risk."""
        columns = {"cluster": self.cluster, "weight": self.weights, "unbounded": self.unbounded, "risk": self.risk}
        return pd.DataFrame(columns, index=pd.Index(self.assets, name="line"))

    def by_cluster(self) -> pd.DataFrame:
        """A row a cluster from left to right: number of assets, weight, weight before constraints, share of risk."""
        groups = self.by_line().groupby("cluster")
        return groups[["weight", "unbounded", "risk"]].sum().assign(lines=groups.size())

    def __repr__(self) -> str:
        """One line: sizes and dates."""
        return (
            f"{len(self.assets)} assets in {self.cluster.max()} clusters on {self.date:%Y-%m-%d}, clustered on "
            f"{self.clustered:%Y-%m-%d}"
        )


@dataclass(frozen=True, repr=False)
class Model(Hierarchical):
    """A hierarchical allocation: (k,) weights before they were brought within the constraints."""

    @abstractmethod
    def weights(self, estimate: Estimate) -> Array:
        """(k,) weights of an estimate before constraints: not negative, with sum one."""

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """(n,) weights over the assets with a complete window, with sum one unless `net` differs; and binding limits.

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
        return answer_of_optimum(found, lines, past, asked)

    def hierarchy(self, past: Past, previous: Array | None = None) -> Hierarchy:
        """The tree, the clusters and the shares of risk behind the target; `previous` is the target (n,) before."""
        estimate = estimated(self, past)
        unbounded = self.weights(estimate)
        weights = self._within(unbounded, estimate, previous).weights[estimate.lines]
        tree, names, order = estimate.tree, np.array(estimate.names), estimate.tree.order
        cluster = np.zeros(len(names), dtype=np.int64)
        for number, node in enumerate(clusters_of(tree, getattr(self, "clusters", "gap")), start=1):
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


def nearest(weights: Array, limits: Limits) -> Optimum | None:
    """The weights within limits of least sum of (w - weights)^2 / weights; None where those given keep all.

    weights : (k,) not negative, with sum one.
    limits  : over the k assets.
    Returns : with that sum as its value; the price of a limit is by how much it would fall for each unit of room.
    Raises  : as `optimum`.
    """
    if (limits.outside(weights) <= LIMIT_TOLERANCE).all():
        return None
    none = weights <= ZERO_WEIGHT
    if none.any() and best(ConeProgramme(least := _at_least(limits, none), Objective())).point is not None:
        limits = least
    size = np.where(none, 1.0 / len(weights), weights)
    found = optimum(limits, Aim(Objective({WEIGHTS: -2.0 * weights / size}, np.diag(2.0 / size)), DISTANCE_UNIT))
    distance = float(((found.weights - weights) ** 2 / size).sum())
    # The gain of a wider limit is not said: a distance is nobody's gain. An asset at zero is not kept from being short.
    stated = {limit.key for limit in limits.limits if limit.key and not _long_only(limit)}
    binding = [replace(one, price=abs(one.price), brings="") for one in found.binding if one.key in stated]
    return replace(found, value=distance, binding=tuple(binding))


def _at_least(limits: Limits, none: Mask) -> Limits:
    """The limits with some assets (k,) at the least weight that their hard bounds state, or else at zero."""
    least, eye, open_ = np.maximum(limits.of_lines[0], 0.0), np.eye(len(none)), none.copy()
    found = []
    for limit in limits.limits:
        line = _line_of_rows(limit)
        if line is None or not none[line].any():
            found.append(limit)
            continue
        if not none[line].all():
            found.append(_of_rows(limit, ~none[line]))
        states = open_[line] & (limit.lower == least[line])
        if states.any():
            found.append(replace(_of_rows(limit, states), upper=limit.lower[states]))
            open_[line[states]] = False
    zero = np.zeros(int(open_.sum()))
    found.append(Limit("", "assets of weight zero stay at zero", {WEIGHTS: eye[open_]}, zero, zero, 0.0))
    return limits.with_limits(found)


def _line_of_rows(limit: Limit) -> Rows | None:
    """(r,) the asset that each row of a hard limit bounds alone; None for any other limit."""
    rows = limit.rows.get(WEIGHTS)
    if rows is None or len(limit.rows) > 1 or not limit.hard or (np.count_nonzero(rows, axis=1) != 1).any():
        return None
    return np.argmax(rows != 0.0, axis=1)


def _of_rows(limit: Limit, kept: Mask) -> Limit:
    return replace(limit, rows={WEIGHTS: limit.rows[WEIGHTS][kept]}, lower=limit.lower[kept], upper=limit.upper[kept])


def _long_only(limit: Limit) -> bool:
    return limit.bound == 0.0 and limit.key.endswith(".least")
