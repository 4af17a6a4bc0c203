"""A bound from below on the loss of all rules, for any number of lines, to leading order in the gaps.

Each line on its own, at its best, and the losses added.

Where the gaps are d (weights less targets), tracking is charged g/2 d'Sd, S being the covariance of returns. For each k
with S - diag(k) positive semi-definite on the gaps that can occur, that is at least the sum of g/2 k_i d_i^2. Then only
the money that one line gives to another ties the lines together. Without this tie, each line is a problem of its own:
its gap widens with its return beside that of the rest of the target portfolio, and it trades with a rest that costs
nothing. A rule for all lines does no better on one of them than the best rule for it alone, so the sum of the least
losses is a bound. Every k gives one; the one taken here makes it largest, to leading order in the costs.

The rest of the portfolio is taken at its target proportions, as if no other line had a gap. That is right to leading
order only, so the sum is no proof: where lines are hardly correlated it has been above the known optimum, by 0.05 % at
1 bp and 0.9 % at 100 bp, by 2.4 % beside strong drifts, and by 6 % with gaps of a good part of the targets.

A line whose gap drifts slowly beside its half-width h, h^3 = 3 c a^2 / (2 g k), a^2 being the variance of its drift a
year, is solved with longer intervals: how often it is watched hardly matters to it, and the programme would not come to
rest.

Source: Adelman and Mersereau (2008), Relaxations of weakly coupled stochastic dynamic programs, Operations Research
56(3), for the relaxation; `research.rules.dynamic_programming` for one line.
"""

from typing import NamedTuple

import numpy as np

from research.arguments import refuse
from research.arrays import Array
from research.rules.dynamic_programming import checked, is_whole, optimal_region
from research.rules.no_trade_region import relative_variance
from research.tolerances import EIGENVALUE

SLOW = 0.1  # of its half-width: what a gap drifts at least between two decisions where its line is solved


class LowerBound(NamedTuple):
    """A bound from below, to leading order.

    value    : loss a year, fraction of NAV: the sum of those of the lines.
    losses   : (n,) least loss a year of each line on its own, fraction of NAV.
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
    """A loss that no rule is below, to leading order in the gaps, where lines trade every `interval` years.

    Its parameters are those of `optimal_region`.

    target           : (n,) fraction of NAV, each above 0; cash is the rest, if they do not sum to one.
    mean             : (n,) growth a year above cash, as `research.risk.models.GBM` has it.
    covariance       : (n, n) of returns in excess of cash, a year; positive definite.
    cost             : (n,) a side, fraction of the notional, each above 0.
    tracking_penalty : g, price of squared tracking.
    interval         : years between two decisions.
    ticket           : fraction of NAV for an event, whatever is traded: each line is charged the n-th part of it.
    Raises           : ConfigError as `optimal_region` does, and for a covariance that is singular.

    One line beside cash is bounded by its own optimum:

    >>> problem = [0.6], [0.02], [[0.16**2]], [0.001], 2.0, 1 / 52
    >>> bound, region = lower_bound(*problem), optimal_region(*problem)
    >>> bool(abs(bound.value / region.value - 1.0) < 1e-6)
    True
    """
    target, mean, covariance, cost, _ = checked(
        "lower_bound", target, mean, covariance, cost, tracking_penalty, interval, ticket
    )
    n = len(target)
    drift, apart = _beside_the_rest(target, mean, covariance)
    squared = target**2 * relative_variance(target, covariance)  # of a year's drift of each gap
    variance = _split(target, covariance, (cost * squared) ** (2.0 / 3.0))
    width = np.cbrt(1.5 * cost * squared / (tracking_penalty * variance))
    often = np.maximum((SLOW * width) ** 2 / squared, interval)
    losses = np.array(
        [
            optimal_region(
                target[i : i + 1], drift[i : i + 1] + 0.5 * apart[i], apart[i : i + 1, None], cost[i : i + 1],
                tracking_penalty * float(variance[i] / apart[i]), float(often[i]), ticket=ticket / n,
            ).value
            for i in range(n)
        ]
    )  # fmt: skip
    return LowerBound(float(losses.sum()), losses, variance)


def _beside_the_rest(target: Array, mean: Array, covariance: Array) -> tuple[Array, Array]:
    """(n,) growth a year of each line's worth over that of the rest of the target portfolio, in logs; its variance."""
    others = target * (1.0 - np.eye(len(target))) / (1.0 - target)[:, None]
    own = mean - 0.5 * np.diag(covariance)
    rest = others @ mean - 0.5 * np.einsum("ij,jk,ik->i", others, covariance, others)
    return own - rest, relative_variance(target, covariance) / (1.0 - target) ** 2


def _split(target: Array, covariance: Array, gain: Array) -> Array:
    """(n,) k: the largest sum of gain x k^(1/3), S - diag(k) being positive semi-definite on the gaps that can occur.

    The least loss of one line is proportional to k^(1/3) (Janecek and Shreve (2004)). What the solver's rounding leaves
    below zero is taken from all of k.
    """
    import cvxpy as cp  # slow to import

    n = len(target)
    # without cash the gaps that occur sum to zero
    occurring = np.linalg.svd(np.ones((1, n)))[2][1:].T if is_whole(target) else np.eye(n)
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
    found: Array = np.maximum(split + below, EIGENVALUE * scale)
    return found
