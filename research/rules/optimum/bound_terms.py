"""The terms of a bound from below: their directions, and the cost, variance and tickets that each is given.

`research.rules.optimum.lower_bound` says what they are for.
"""

from typing import NamedTuple

import numpy as np

from foundation.arguments import refuse
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.solvers.cone_programme import SOLVED, by_clarabel
from foundation.solvers.linear_programme import LinearProgramme
from foundation.tolerances import EIGENVALUE

MOST_PAIRED = 12  # assets, with cash, up to which each pair is a direction too, and terms are stretched and shifted
# Largest slopes of a term's value over its cost, less 1: from no ticket to a large one.
PEAKS = np.geomspace(1e-4, 1e4, 60)
SMALL_TERM = 1e-3  # of the bound to leading order: what a term adds at least


class BoundTerms(NamedTuple):
    """The k terms of a bound, by the direction a of each.

    directions : (k, n) a, each from 0 to 1.
    share      : (k,) of NAV that is held in a at target.
    drift      : (k,) growth a year of its worth over that of the rest, in logs.
    apart      : (k,) variance of it, a year.
    paid       : (k,) what a trade pays the term at most, fraction of what it moves a'd.
    variance   : (k,) a year, at which the square of a'd is charged.
    ticket     : (k,) of a trade that moves the term, fraction of NAV.
    tracking_penalty : g, price of squared tracking.
    """

    directions: Array
    share: Array
    drift: Array
    apart: Array
    paid: Array
    variance: Array
    ticket: Array
    tracking_penalty: float

    @property
    def squared(self) -> Array:
        """(k,) variance of a year's drift of a'd."""
        return _squared(self.share, self.apart)

    @property
    def charged(self) -> Array:
        """(k,) price of the square of a'd, a year."""
        return self.tracking_penalty * self.variance

    @property
    def width(self) -> Array:
        """(k,) half-width, fraction of NAV, without a ticket, to leading order."""
        found: Array = np.cbrt(1.5 * self.paid * self.squared / self.charged)
        return found


def bound_terms(
    target: Array, mean: Array, covariance: Array, cost: Array, tracking_penalty: float, ticket: float, orders: Array
) -> BoundTerms:
    """The terms that add to a bound; its parameters are those of `lower_bound`, where cash is one more asset.

    orders : (n,) fraction of NAV for an order of each asset, 0 of cash.
    Raises : ConfigError for a covariance that is singular.
    """
    directions = directions_of(covariance)
    share, drift, apart = beside(directions, target, mean, covariance)
    squared = _squared(share, apart)
    paid, variance = divided(directions, covariance, cost, squared)
    losses = np.cbrt(tracking_penalty * variance / 8.0) * np.cbrt(1.5 * paid * squared) ** 2  # Janecek and Shreve
    kept = losses > SMALL_TERM * losses.sum()
    directions, share, drift, apart = directions[kept], share[kept], drift[kept], apart[kept]
    paid, variance, squared = paid[kept], variance[kept], squared[kept]
    tickets = divided_tickets(directions, (paid, tracking_penalty * variance, squared), ticket, orders)
    return BoundTerms(directions, share, drift, apart, paid, variance, tickets, float(tracking_penalty))


def _squared(share: Array, apart: Array) -> Array:
    """Variance of a year's drift of a share of NAV, from that of its growth over the rest's."""
    found: Array = (share * (1.0 - share)) ** 2 * apart
    return found


def directions_of(covariance: Array) -> Array:
    """(k, n) directions: each asset, each cluster, summed and weighted by volatility, and of few assets each pair.

    Clusters are those of a tree by average linkage of 1 - correlation. Weighted, each of at most `MOST_PAIRED` is also
    taken less one of its assets: where costs differ, a dear one is left where it is while the others trade. Each
    direction is from 0 to 1, and none is one less another: that would be the same term.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    n, volatility = len(covariance), np.sqrt(np.diag(covariance))
    alone, risky = np.eye(n), np.flatnonzero(volatility)
    rows = list(alone)
    if len(risky) > 2:
        apart = 1.0 - covariance[np.ix_(risky, risky)] / np.outer(volatility[risky], volatility[risky])
        groups = list(alone[risky])
        for first, second in linkage(squareform(apart, checks=False), "average")[:, :2].astype(int):
            groups.append(groups[first] + groups[second])
            rows += [groups[-1], groups[-1] * volatility]
            of = np.flatnonzero(groups[-1])
            rows += [(groups[-1] - alone[i]) * volatility for i in of if len(of) <= MOST_PAIRED]
    if n <= MOST_PAIRED:
        rows += [alone[i] - alone[j] for i in range(n) for j in range(i)]
    found = np.array([row for row in rows if np.ptp(row) > 0.0])
    found = (found - found.min(axis=1, keepdims=True)) / np.ptp(found, axis=1)[:, None]
    found = np.where(found[:, :1] > 0.5, 1.0 - found, found)
    return found[np.sort(np.unique(found.round(9), axis=0, return_index=True)[1])]


def beside(directions: Array, weights: Array, mean: Array, covariance: Array) -> tuple[Array, Array, Array]:
    """(share, drift, variance) of each direction a, (k,): of what is held in a beside what is held in 1 - a.

    share    : of NAV that is held in a.
    drift    : growth a year of its worth over that of the rest, in logs.
    variance : of it, a year.
    """
    share = directions @ weights
    part, rest = directions * weights / share[:, None], (1.0 - directions) * weights / (1.0 - share)[:, None]
    drift = (part - rest) @ mean - 0.5 * (((part @ covariance) * part).sum(1) - ((rest @ covariance) * rest).sum(1))
    return share, drift, (((part - rest) @ covariance) * (part - rest)).sum(1)


def divided(directions: Array, covariance: Array, cost: Array, squared: Array) -> tuple[Array, Array]:
    """(cost, variance) of each term, (k,): the largest sum of their losses to leading order.

    directions : (k, n) of the terms.
    covariance : (n, n) a year, and cost (n,) a side, of the assets and of cash, where there is some.
    squared    : (k,) variance of a year's drift of each term.
    Raises     : ConfigError for a covariance that is singular.

    The loss of one term is proportional to (cost x squared)^(2/3) x variance^(1/3) (Janecek and Shreve (2004)). What
    the rounding of the solver, Clarabel (Goulart, Chen 2024), takes too much of is taken back from all terms.
    """
    from scipy.sparse import csc_matrix

    n = len(covariance)
    occurring = np.linalg.svd(np.ones((1, n)))[2][1:].T  # gaps sum to zero
    there, seen = occurring.T @ covariance @ occurring, directions @ occurring
    least, scale = np.linalg.eigvalsh(there)[[0, -1]].tolist()
    if not least > EIGENVALUE * scale:
        refuse("covariance of lower_bound is", covariance.tolist(), "give one that is not singular.")
    one, other = np.triu_indices(n, 1)
    moved, pays = np.abs(directions[:, one] - directions[:, other]).T, cost[one] + cost[other]
    k, columns = len(directions), np.tril_indices(n - 1)  # the upper triangle by columns, as the cone has it
    twice = np.where(columns[0] == columns[1], 1.0, np.sqrt(2.0))
    squares = (seen[:, columns[0]] * seen[:, columns[1]] * twice).T
    gain = squared ** (2.0 / 3.0)
    ended = by_clarabel(  # of the costs, the charges and the losses
        csc_matrix((3 * k, 3 * k)),
        np.concatenate([np.zeros(2 * k), -gain / gain.max()]),
        csc_matrix(np.vstack([
            np.c_[moved, np.zeros((len(moved), 2 * k))],
            np.c_[np.zeros((len(squares), k)), squares, np.zeros((len(squares), k))],
            -np.eye(3 * k).reshape(3, k, 3 * k).swapaxes(0, 1).reshape(3 * k, 3 * k),
        ])),
        np.concatenate([pays / pays.max(), (there / scale)[columns] * twice, np.zeros(3 * k)]),
        [("positive", len(moved)), ("matrix", len(squares)), (2.0 / 3.0, 3 * k)],
    )  # fmt: skip
    if ended.status not in SOLVED:
        raise ConfigError(f"costs and tracking of lower_bound could not be divided: Clarabel ended as {ended.status}.")
    costs, charges = np.maximum(ended.v.reshape(3, k)[:2], 0.0)
    costs, charges = pays.max() * costs, scale * charges
    root = np.linalg.inv(np.linalg.cholesky(there))
    over = np.linalg.eigvalsh(root @ (seen.T * charges) @ seen @ root.T)[-1]
    return costs / max(float((moved @ costs / pays).max()), 1.0), charges / max(float(over), 1.0)


def divided_tickets(directions: Array, terms: tuple[Array, Array, Array], ticket: float, orders: Array) -> Array:
    """(k,) the ticket that each term is charged, fraction of NAV: the largest sum of their losses to leading order.

    directions : (k, n) of the terms.
    terms      : as for `loss_by_ticket`.
    ticket     : of an event, fraction of NAV.
    orders     : (n,) of an order of each asset, and of cash, where there is some, fraction of NAV.

    An event's ticket is divided among terms. A trade moves a term only if two of the assets that it trades differ in
    it. So a term may have one part of the ticket of each asset of which it holds more than half, and another of each
    other one, whose sum it is charged; where the assets of one side differ from one another, their part is at least the
    other. The parts of an asset's ticket are at most all of it.
    """
    (k, n), whole = directions.shape, max(ticket, float(orders.max()))
    if whole == 0.0:
        return np.zeros(k)
    loss, fee, slope = loss_by_ticket(*terms)
    unit, none, eye = float(loss[:, 0].sum()), np.zeros((k, k)), np.eye(k)
    of_term = np.repeat(eye, len(PEAKS), axis=0)
    tangents = of_term * slope.reshape(-1, 1) * whole / unit
    sides = directions > 0.5, directions <= 0.5
    most = [np.where(side, orders, np.inf).min(axis=1) / whole for side in sides]
    differ = [np.where(side, directions, -np.inf).max(axis=1) > np.where(side, directions, np.inf).min(axis=1)
              for side in sides]  # fmt: skip
    given = np.append(orders, ticket) / whole
    taken = np.block([
        [np.zeros((n, k)), *(side.T.astype(float) for side in sides)], [np.ones((1, k)), np.zeros((1, 2 * k))]
    ])  # fmt: skip
    rows = np.vstack([  # of the loss of each term, its part of an event's ticket, and those of both sides
        np.c_[-of_term, tangents, tangents, tangents],
        np.c_[np.zeros((n + 1, k)), -taken],
        np.c_[none, none, eye, -eye][differ[0]],
        np.c_[none, none, -eye, eye][differ[1]],
    ])  # fmt: skip
    floor = np.zeros(len(rows))
    floor[: len(of_term)], floor[len(of_term) : len(of_term) + n + 1] = (slope * fee - loss).ravel() / unit, -given
    least, largest = np.zeros(4 * k), np.concatenate([np.full(2 * k, np.inf), *most])
    programme = LinearProgramme(rows, floor, least, largest, np.zeros(4 * k, dtype=bool))
    point = programme.minimise(np.repeat([-1.0, 0.0, 0.0, 0.0], k), least, largest)
    assert point is not None  # no parts at all keep every row
    parts = np.maximum(point.x[k:], 0.0)
    over = float(((taken @ parts)[given > 0.0] / given[given > 0.0]).max())  # by rounding
    fees: Array = whole * parts.reshape(3, k).sum(axis=0) / max(over, 1.0)
    return fees


def loss_by_ticket(paid: Array, charged: Array, squared: Array) -> tuple[Array, Array, Array]:
    """(loss, fee, slope) of each term, (k, `PEAKS`): loss a year to leading order by ticket, and its slope.

    paid    : (k,) cost of each, fraction of what it moves the term's a'd.
    charged : (k,) price of the square of each a'd, a year.
    squared : (k,) variance of a year's drift of each.

    The slope of a term's value is (2 loss y - charged y^3 / 3) / squared. A trade goes from the outer gap where this is
    `paid` to the inner one, and its ticket is what the slope is above `paid` between them.
    """
    near = 1.0 / (1.0 + PEAKS)
    peak = np.cbrt(1.5 * (paid * squared / charged)[:, None] / near)  # the gap of the largest slope
    third = (np.pi - np.arccos(near)) / 3.0  # the roots of a cubic, by Viete
    outer, inner = 2.0 * peak * np.cos(third), 2.0 * peak * np.cos(2.0 * np.pi / 3.0 - third)
    price, per = charged[:, None], squared[:, None]
    loss = 0.5 * price * peak**2
    above = (loss * (outer**2 - inner**2) - price * (outer**4 - inner**4) / 12.0) / per
    return loss, above - paid[:, None] * (outer - inner), per / (outer**2 - inner**2)
