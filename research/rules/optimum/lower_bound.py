"""A bound from below on the loss of all rules, for any number of lines.

Let d be the gaps (weights less targets), and h a number for each d that no trade raises by more than it costs: h(d) is
at most h(d') and the cost of a trade from d to d'. Then in the long run no rule loses less in an interval than

    min over d of  g/2 d'Sd x interval + E h(the gaps that an interval makes of d) - h(d),

since a rule pays in trades and tracking for what it gains in h, and h does not grow for ever. Every h gives a bound,
and the nearer h is to the values of the optimal policy, the tighter it is.

Here h is a sum over lines, h(d) = sum of h_i(d_i). The h_i are the values of line i on its own, by dynamic programming:
it trades with a rest that costs nothing and keeps its target proportions, and its squared gap is charged g/2 k_i d_i^2.
With S - diag(k) positive semi-definite on the gaps that can occur, these charges add up to at most all tracking. To
leading order in the gaps the minimum is then the sum of the lines' losses, and k is taken so that this sum is largest.
What the gaps of other lines change in the drift of a line is of higher order, and the minimum takes it into account.

The minimum is over all long-only portfolios; where the target leaves nothing to cash, over those that hold none. A rule
that lets proceeds wait in cash pays one side instead of two: with strongly negative correlations one has been below the
bound, and below the optimum of those that hold no cash, by 6 %.

The minimum is found by descents from several portfolios, a search and no proof that there is none lower: without a
ticket nearly all end in one place, with one the lowest end may be 1 % too high. The returns of an interval are
lognormal for the rest of a portfolio too, which is right to first order in the interval: with decisions every day or
week no bound was found above a known optimum, with yearly ones some were.

A line whose gap drifts slowly beside its half-width h, h^3 = 3 c a^2 / (2 g k), a^2 being the variance of its drift a
year, has its values from longer intervals, the shortest at which the programme comes to rest: how often it is watched
hardly matters to it. The bound holds for any values, so this makes it looser at most.

Source: de Farias and Van Roy (2003), The linear programming approach to approximate dynamic programming, Operations
Research 51(6), inequality (2), here for the mean loss; Adelman and Mersereau (2008), Relaxations of weakly coupled
stochastic dynamic programs, Operations Research 56(3), for the sum over lines;
`research.rules.optimum.dynamic_programming` for one line.
"""

from typing import NamedTuple

import numpy as np

from foundation.arguments import refuse
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.tolerances import EIGENVALUE
from research.rules.bands import is_fully_invested
from research.rules.no_trade_region import relative_variance
from research.rules.optimum.dynamic_programming import QUADRATURE_NODES, optimal_region
from research.rules.optimum.problem_checks import checked
from research.rules.optimum.region import Region

SLOW = (0.03, 0.1, 0.3)  # of its half-width: what a gap drifts at least between two decisions where its line is solved
STARTS, WITH_TICKET = 50, 300  # of the search for the portfolio that is charged least: a ticket makes many low places
FARTHEST_LOG = 6.0  # logs from its target that it takes a line, so that no line is all of NAV


class LowerBound(NamedTuple):
    """A bound from below.

    value    : loss a year that no rule is below, fraction of NAV; 0 where the bound says nothing.
    losses   : (n,) least loss a year of each line on its own, fraction of NAV, of slow ones with longer intervals;
               their sum is the bound to leading order.
    variance : (n,) k, the variance a year at which each line's squared gap is charged.
    """

    value: float
    losses: Array
    variance: Array


def lower_bound(
    target: Array,
    mean: Array,
    covariance: Array,
    cost: Array,
    tracking_penalty: float,
    interval: float,
    *,
    ticket: float = 0.0,
) -> LowerBound:
    """A loss that no rule is below in the long run, where lines trade every `interval` years, at most a month.

    Where targets sum to one, no rule that stays fully invested.

    Its parameters are those of `optimal_region`.

    target           : (n,) fraction of NAV, each above 0; cash is the rest, if they do not sum to one.
    mean             : (n,) growth a year above cash, as `research.risk.simulation.models.GBM` has it.
    covariance       : (n, n) covariance of returns in excess of cash, a year; positive definite.
    cost             : (n,) a side, fraction of the notional, each above 0.
    tracking_penalty : g, price of squared tracking.
    interval         : years between two decisions.
    ticket           : fraction of NAV for an event, whatever is traded: each line is charged the n-th part of it.
    Raises           : ConfigError as `optimal_region` does, and for a covariance that is singular.

    One line beside cash is bounded by its own optimum:

    >>> problem = [0.6], [0.02], [[0.16**2]], [0.001], 2.0, 1 / 52
    >>> bound, region = lower_bound(*problem), optimal_region(*problem)
    >>> bool(abs(bound.value / region.value - 1.0) < 1e-4)
    True
    """
    target, mean, covariance, cost, _ = checked(
        "lower_bound", target, mean, covariance, cost, tracking_penalty, interval, ticket
    )
    n = len(target)
    beside = _beside_the_rest(target, mean, covariance)
    drift, apart = beside.drift, beside.variance
    squared = target**2 * relative_variance(target, covariance)  # of a year's drift of each gap
    variance = _split(target, covariance, (cost * squared) ** (2.0 / 3.0))
    width = np.cbrt(1.5 * cost * squared / (tracking_penalty * variance))
    with_ticket = width + (12.0 * ticket / n * squared / (tracking_penalty * variance)) ** 0.25
    regions = [
        _line(
            (target[i : i + 1], drift[i : i + 1] + 0.5 * apart[i], apart[i : i + 1, None], cost[i : i + 1],
             tracking_penalty * float(variance[i] / apart[i])),
            [max((part * float(wide[i])) ** 2 / float(squared[i]), interval) for part in SLOW
             for wide in (width, with_ticket)], ticket / n,
        )
        for i in range(n)
    ]  # fmt: skip
    inequality = _Inequality(target, mean, covariance, tracking_penalty, interval, regions)
    least = inequality.least(WITH_TICKET if ticket else STARTS)
    return LowerBound(least, np.array([region.value for region in regions]), variance)


def _line(problem: tuple[Array, Array, Array, Array, float], intervals: list[float], ticket: float) -> Region:
    """One line on its own, with the shortest of these intervals at which the programme comes to rest.

    Raises ConfigError if there is none.
    """
    *others, last = sorted(set(intervals))
    for interval in others:
        try:
            return optimal_region(*problem, interval, ticket=ticket)
        except ConfigError:  # its input has been checked: it has found no policy
            continue
    return optimal_region(*problem, last, ticket=ticket)


class _Inequality:
    """The yearly cost of holding a portfolio, in tracking and in values: the bound is its least over portfolios."""

    def __init__(
        self, target: Array, mean: Array, covariance: Array, tracking_penalty: float, interval: float,
        regions: list[Region],
    ) -> None:  # fmt: skip
        from scipy.interpolate import CubicSpline

        self.target, self.mean, self.covariance = target, mean, covariance
        self.tracking_penalty, self.interval, self.regions = tracking_penalty, interval, regions
        self.cost = np.concatenate([region.cost for region in regions])
        axes = np.array([region.axes[0] for region in regions])
        self.first, self.step = axes[:, 0], axes[:, 1] - axes[:, 0]
        values = np.stack([region.values for region in regions], axis=1)
        self.pieces = CubicSpline(np.arange(len(values)), values).c  # (4, points - 1, n)
        nodes, chances = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES[1])
        self.nodes, self.chances = nodes, chances / chances.sum()

    def least(self, starts: int) -> float:
        """The least over long-only portfolios, fraction of NAV a year: the lowest end of so many descents, or 0."""
        from scipy.optimize import minimize

        aim = np.append(self.target, [] if is_fully_invested(self.target) else [1.0 - self.target.sum()])
        scale = sum(region.value for region in self.regions)
        reach = np.append(np.array([np.ptp(region.axes[0]) for region in self.regions]) / 2.0 / self.target, 0.0)
        rng, ends = np.random.default_rng(0), []
        far = np.log(aim)[:, None] + np.array([-FARTHEST_LOG, FARTHEST_LOG])

        def charge(logs: Array) -> tuple[float, Array]:
            parts = np.exp(logs - logs.max())
            parts /= parts.sum()
            value, slope = self.charge(parts[: len(self.target)])
            slope = np.append(slope, np.zeros(len(parts) - len(slope)))
            return value / scale, parts * (slope - parts @ slope) / scale

        for start in range(starts):
            away = rng.uniform(-1.0, 1.0, len(aim)) * reach[: len(aim)] * (start > 0)
            ends.append(float(minimize(charge, np.log(aim) + away, jac=True, method="L-BFGS-B", bounds=far).fun))
        return max(min(ends), 0.0) * scale

    def charge(self, weights: Array) -> tuple[float, Array]:
        """The cost of a year of holding these weights (n,), fraction of NAV, and its (n,) slopes in them."""
        gaps, interval = weights - self.target, self.interval
        tracking = self.tracking_penalty * self.covariance @ gaps
        others = 1.0 - weights
        rest, with_rest, drift, variance = _beside_the_rest(weights, self.mean, self.covariance)
        wide = np.sqrt(interval * variance)
        growth = np.exp(drift[:, None] * interval + wide[:, None] * self.nodes)  # of the line beside its rest
        whole = others[:, None] + weights[:, None] * growth
        later = weights[:, None] * growth / whole - self.target[:, None]
        values, slopes_of = self.values(np.column_stack([gaps, later]))
        before, after, before_slope, after_slope = values[:, 0], values[:, 1:], slopes_of[:, 0], slopes_of[:, 1:]
        value = 0.5 * float(tracking @ gaps) + float((after @ self.chances - before).sum()) / interval
        by_growth = after_slope * (weights * others)[:, None] * growth / whole**2
        by_drift, by_wide = by_growth @ self.chances, by_growth @ (self.chances * self.nodes)
        by_rest = interval * by_drift[:, None] * (with_rest - self.mean)
        by_rest += (by_wide * interval / wide)[:, None] * (with_rest - self.covariance)
        np.fill_diagonal(by_rest, 0.0)
        own = (after_slope * growth / whole**2) @ self.chances - before_slope
        own += np.einsum("ij,ij->i", by_rest, rest) / others
        slopes: Array = tracking + (own + (by_rest / others[:, None]).sum(axis=0)) / interval
        return value, slopes

    def values(self, gaps: Array) -> tuple[Array, Array]:
        """h_i of gaps (n, k), fraction of NAV, and its slopes; beyond a line's grid it pays its cost to come back."""
        lines, end = np.arange(len(gaps))[:, None], self.pieces.shape[1]
        asked = (gaps - self.first[:, None]) / self.step[:, None]
        at = np.clip(asked, 0.0, end)
        piece = np.minimum(at.astype(int), end - 1)
        x = at - piece
        third, second, first, still = self.pieces[:, piece, lines]
        value = still + x * (first + x * (second + x * third))
        slope = (first + x * (2.0 * second + 3.0 * x * third)) / self.step[:, None]
        beyond = (asked - at) * self.step[:, None]
        cost = self.cost[:, None]
        return value + cost * np.abs(beyond), np.where(beyond == 0.0, slope, cost * np.sign(beyond))


class _Beside(NamedTuple):
    """Each line beside the rest of a portfolio.

    rest      : (n, n) the weights of the rest, which sum to one with its cash.
    with_rest : (n, n) covariances of each rest with each line, a year.
    drift     : (n,) growth a year of the line's worth over that of its rest, in logs.
    variance  : (n,) of it, a year.
    """

    rest: Array
    with_rest: Array
    drift: Array
    variance: Array


def _beside_the_rest(weights: Array, mean: Array, covariance: Array) -> _Beside:
    """Each line of a portfolio with these weights (n,) beside all others."""
    rest = weights * (1.0 - np.eye(len(weights))) / (1.0 - weights)[:, None]
    with_rest, own = rest @ covariance, np.diag(covariance)
    of_rest = np.einsum("ij,ij->i", with_rest, rest)
    drift = mean - 0.5 * own - rest @ mean + 0.5 * of_rest
    return _Beside(rest, with_rest, drift, of_rest + own - 2.0 * np.diag(with_rest))


def _split(target: Array, covariance: Array, gain: Array) -> Array:
    """(n,) k: the largest sum of gain x k^(1/3), S - diag(k) being positive semi-definite on the gaps that can occur.

    The least loss of one line is proportional to k^(1/3) (Janecek and Shreve (2004)). What the solver's rounding leaves
    below zero is taken from all of k.
    """
    import cvxpy as cp  # slow to import

    n = len(target)
    # without cash the gaps that occur sum to zero
    occurring = np.linalg.svd(np.ones((1, n)))[2][1:].T if is_fully_invested(target) else np.eye(n)
    there = occurring.T @ covariance @ occurring
    least, scale = np.linalg.eigvalsh(there)[[0, -1]].tolist()
    if not least > EIGENVALUE * scale:
        refuse("covariance of lower_bound is", covariance.tolist(), "give one that is not singular.")
    k = cp.Variable(n, nonneg=True)
    left = there / scale - occurring.T @ cp.diag(k) @ occurring
    problem = cp.Problem(cp.Maximize((gain / gain.max()) @ cp.power(k, 1 / 3)), [left >> 0])
    problem.solve(solver=cp.CLARABEL)
    split = scale * np.maximum(np.asarray(k.value), 0.0)
    below = min(float(np.linalg.eigvalsh(there - occurring.T @ np.diag(split) @ occurring)[0]), 0.0)
    return np.maximum(split + below, EIGENVALUE * scale)
