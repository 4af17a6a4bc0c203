"""A bound from below on the loss of all rules, for any number of assets.

Let d be the gaps (weights less targets), and h a number for each d that no trade raises by more than it costs: h(d) is
at most h(d') and the cost of a trade from d to d'. Then in the long run no rule loses less in an interval than

    min over d of  g/2 d'Sd x interval + E h(the gaps that an interval makes of d) - h(d),

since a rule pays in trades and tracking for what it gains in h, and h does not grow for ever. Every h gives a bound,
and the nearer h is to the values of the optimal policy, the tighter it is.

Here h is a sum over assets, h(d) = sum of h_i(d_i). The h_i are values of asset i by itself, by dynamic programming:
it trades with a rest that costs nothing and keeps its target proportions, and its squared gap is charged g/2 k_i d_i^2.
With S - diag(k) positive semi-definite on the gaps that can occur, these charges add up to at most all tracking. To
leading order in the gaps the minimum is then the sum of the assets' losses, and k is taken so that this sum is largest.
What the gaps of other assets change in the drift of an asset is of higher order, and the minimum takes it into account.

The minimum is over all long-only portfolios; where the target leaves nothing to cash, over those that hold none. A rule
that lets proceeds wait in cash pays one side instead of two: with strongly negative correlations one has been below the
bound, and below the optimum of those that hold no cash, by 6 %.

The minimum is found by descents from several portfolios, a search and no proof that there is none lower: without a
ticket nearly all end in one place, with one the lowest end may be 1 % too high. The returns of an interval are
lognormal for the rest of a portfolio too, which is right to first order in the interval: with decisions every day or
week no bound was found above a known optimum, with yearly ones some were.

An asset whose gap drifts slowly beside its half-width h, h^3 = 3 c a^2 / (2 g k), a^2 being the variance of its drift a
year, has its values from longer intervals, the shortest at which the programme comes to rest: how often it is watched
hardly matters to it. The bound holds for any values, so this makes it looser at most.

Source: de Farias and Van Roy (2003), The linear programming approach to approximate dynamic programming, Operations
Research 51(6), inequality (2), here for the mean loss; Adelman and Mersereau (2008), Relaxations of weakly coupled
stochastic dynamic programs, Operations Research 56(3), for the sum over assets;
`research.rules.optimum.dynamic_programming` for one asset.
"""

from typing import NamedTuple

import numpy as np

from foundation.arguments import refuse
from foundation.arrays import Array
from foundation.compiled import compiled, inlined
from foundation.errors import ConfigError
from foundation.tolerances import EIGENVALUE
from research.rules.bands import is_fully_invested
from research.rules.no_trade_region import relative_variance
from research.rules.optimum.dynamic_programming import QUADRATURE_NODES, optimal_region
from research.rules.optimum.problem_checks import checked
from research.rules.optimum.region import Region

SLOW = (0.03, 0.1, 0.3)  # of its half-width: what a gap drifts at least between two decisions where its asset is solved
STARTS, WITH_TICKET = 50, 300  # of the search for the portfolio that is charged least: a ticket makes many low places
FARTHEST_LOG = 6.0  # logs from its target that it takes an asset, so that no asset is all of NAV


class LowerBound(NamedTuple):
    """A bound from below.

    value    : loss a year that no rule is below, fraction of NAV; 0 where the bound says nothing.
    losses   : (n,) least loss a year of each asset on its own, fraction of NAV, of slow ones with longer intervals;
               their sum is the bound to leading order.
    variance : (n,) k, the variance a year at which each asset's squared gap is charged.
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
    """A loss that no rule is below in the long run, where assets trade every `interval` years, at most a month.

    Where targets sum to one, no rule that stays fully invested.

    Its parameters are those of `optimal_region`.

    target           : (n,) fraction of NAV, each above 0; cash is the rest, if they do not sum to one.
    mean             : (n,) growth a year above cash, as `research.risk.simulation.models.GBM` has it.
    covariance       : (n, n) covariance of returns in excess of cash, a year; positive definite.
    cost             : (n,) a side, fraction of the notional, each above 0.
    tracking_penalty : g, price of squared tracking.
    interval         : years between two decisions.
    ticket           : fraction of NAV for an event, whatever is traded: each asset is charged the n-th part of it.
    Raises           : ConfigError as `optimal_region` does, and for a covariance that is singular.

    One asset beside cash is bounded by its own optimum:

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
    inequality = _inequality(target, mean, covariance, tracking_penalty, interval, regions)
    least = _least(inequality, regions, WITH_TICKET if ticket else STARTS)
    return LowerBound(least, np.array([region.value for region in regions]), variance)


def _line(problem: tuple[Array, Array, Array, Array, float], intervals: list[float], ticket: float) -> Region:
    """One asset on its own, with the shortest of these intervals at which the programme comes to rest.

    Raises ConfigError if there is none.
    """
    *others, last = sorted(set(intervals))
    for interval in others:
        try:
            return optimal_region(*problem, interval, ticket=ticket)
        except ConfigError:  # its input has been checked: it has found no policy
            continue
    return optimal_region(*problem, last, ticket=ticket)


class _Inequality(NamedTuple):
    """The yearly cost of holding a portfolio, in tracking and in values: the bound is its least over portfolios.

    target, mean, cost : (n,) as `lower_bound` takes them; covariance is (n, n).
    pieces        : (n, points - 1, 4) cubic pieces of each h_i, the highest power first, in steps of its grid.
    first, step   : (n,) first gap of each grid, and the distance between two gaps, fraction of NAV.
    nodes, chances : (k,) of the quadrature over an asset's growth.
    """

    target: Array
    mean: Array
    covariance: Array
    cost: Array
    tracking_penalty: float
    interval: float
    pieces: Array
    first: Array
    step: Array
    nodes: Array
    chances: Array


def _inequality(
    target: Array, mean: Array, covariance: Array, tracking_penalty: float, interval: float, regions: list[Region]
) -> _Inequality:
    from scipy.interpolate import CubicSpline

    axes = np.array([region.axes[0] for region in regions])
    values = np.stack([region.values for region in regions], axis=1)
    nodes, chances = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES[1])
    return _Inequality(
        target, mean, covariance, np.concatenate([region.cost for region in regions]), float(tracking_penalty),
        float(interval), np.ascontiguousarray(CubicSpline(np.arange(len(values)), values).c.T), axes[:, 0].copy(),
        axes[:, 1] - axes[:, 0], nodes, chances / chances.sum(),
    )  # fmt: skip


def _least(inequality: _Inequality, regions: list[Region], starts: int) -> float:
    """The least over long-only portfolios, fraction of NAV a year: the lowest end of so many descents, or 0."""
    from scipy.optimize import minimize

    target = inequality.target
    aim = np.append(target, [] if is_fully_invested(target) else [1.0 - target.sum()])
    scale = sum(region.value for region in regions)
    reach = np.append(np.array([np.ptp(region.axes[0]) for region in regions]) / 2.0 / target, 0.0)
    rng, ends, slope = np.random.default_rng(0), [], np.zeros(len(aim))
    far = np.log(aim)[:, None] + np.array([-FARTHEST_LOG, FARTHEST_LOG])

    def charge(logs: Array) -> tuple[float, Array]:
        parts = np.exp(logs - logs.max())
        parts /= parts.sum()
        value = _charge(inequality, parts, slope)
        return value / scale, parts * (slope - parts @ slope) / scale

    for start in range(starts):
        away = rng.uniform(-1.0, 1.0, len(aim)) * reach[: len(aim)] * (start > 0)
        ends.append(float(minimize(charge, np.log(aim) + away, jac=True, method="L-BFGS-B", bounds=far).fun))
    return max(min(ends), 0.0) * scale


@compiled
def _charge(given: _Inequality, weights: Array, slopes: Array) -> float:
    """The cost of a year of holding weights (n or more,), fraction of NAV; writes its slopes in the first n of them."""
    n, interval = len(given.target), given.interval
    with_all, own_mean, whole, value = np.zeros(n), 0.0, 0.0, 0.0  # covariances with all that is held, its mean, ...
    for i in range(n):
        own_mean += weights[i] * given.mean[i]
        for j in range(n):
            with_all[i] += given.covariance[i, j] * weights[j]
        whole += weights[i] * with_all[i]
    for i in range(n):
        slopes[i] = 0.0
        for j in range(n):
            slopes[i] += given.tracking_penalty * given.covariance[i, j] * (weights[j] - given.target[j])
        value += 0.5 * slopes[i] * (weights[i] - given.target[i])
    for i in range(n):
        w, others, own = weights[i], 1.0 - weights[i], given.covariance[i, i]
        of_rest = (whole - 2.0 * w * with_all[i] + w * w * own) / (others * others)
        drift = given.mean[i] - 0.5 * own - (own_mean - w * given.mean[i]) / others + 0.5 * of_rest
        wide = np.sqrt(interval * (of_rest + own - 2.0 * (with_all[i] - w * own) / others))
        before, slope = _worth(given, i, w - given.target[i])
        value -= before / interval
        slopes[i] -= slope / interval
        by_drift, by_wide = 0.0, 0.0
        for k in range(len(given.nodes)):
            growth = np.exp(drift * interval + wide * given.nodes[k])  # of the asset beside its rest
            part = growth / (others + w * growth)
            after, slope = _worth(given, i, w * part - given.target[i])
            value += given.chances[k] * after / interval
            slope *= given.chances[k] * part / (others + w * growth)
            slopes[i] += slope / interval
            by_drift += slope * w * others
            by_wide += slope * w * others * given.nodes[k]
        for j in range(n):
            if j != i:
                with_rest = (with_all[j] - w * given.covariance[i, j]) / others
                by_rest = by_drift * (with_rest - given.mean[j])
                by_rest += by_wide / wide * (with_rest - given.covariance[i, j])
                slopes[i] += by_rest * weights[j] / (others * others)
                slopes[j] += by_rest / others
    return value


@inlined
def _worth(given: _Inequality, i: int, gap: float) -> tuple[float, float]:
    """h_i of a gap, fraction of NAV, and its slope; beyond the asset's grid it pays its cost to come back."""
    pieces, step = given.pieces[i], given.step[i]
    asked = (gap - given.first[i]) / step
    at = min(max(asked, 0.0), float(len(pieces)))
    piece = min(int(at), len(pieces) - 1)
    x, beyond = at - piece, (asked - at) * step
    third, second, first, still = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2], pieces[piece, 3]
    value = still + x * (first + x * (second + x * third))
    if beyond == 0.0:
        return value, (first + x * (2.0 * second + 3.0 * x * third)) / step
    return value + given.cost[i] * abs(beyond), given.cost[i] * (1.0 if beyond > 0.0 else -1.0)


class _Beside(NamedTuple):
    """Each asset beside the rest of a portfolio.

    rest      : (n, n) the weights of the rest, which sum to one with its cash.
    with_rest : (n, n) covariances of each rest with each asset, a year.
    drift     : (n,) growth a year of the asset's worth over that of its rest, in logs.
    variance  : (n,) of it, a year.
    """

    rest: Array
    with_rest: Array
    drift: Array
    variance: Array


def _beside_the_rest(weights: Array, mean: Array, covariance: Array) -> _Beside:
    """Each asset of a portfolio with these weights (n,) beside all others."""
    rest = weights * (1.0 - np.eye(len(weights))) / (1.0 - weights)[:, None]
    with_rest, own = rest @ covariance, np.diag(covariance)
    of_rest = np.einsum("ij,ij->i", with_rest, rest)
    drift = mean - 0.5 * own - rest @ mean + 0.5 * of_rest
    return _Beside(rest, with_rest, drift, of_rest + own - 2.0 * np.diag(with_rest))


def _split(target: Array, covariance: Array, gain: Array) -> Array:
    """(n,) k: the largest sum of gain x k^(1/3), S - diag(k) being positive semi-definite on the gaps that can occur.

    The least loss of one asset is proportional to k^(1/3) (Janecek and Shreve (2004)). What the solver's rounding
    leaves below zero is taken from all of k.
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
