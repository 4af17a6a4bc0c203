"""A bound from below on the loss of all rules, for any number of assets.

Let d be the gaps (weights less targets), and h a number for each d that no trade raises by more than it costs: h(d) is
at most h(d') and the cost of a trade from d to d'. Then in the long run no rule loses less in an interval than

    min over d of  g/2 d'Sd x interval + E h(the gaps that an interval makes of d) - h(d),

since a rule pays in trades and tracking for what it gains in h, and h does not grow for ever. Every h gives a bound,
and the nearer h is to the values of the optimal policy, the tighter it is.

Here h is a sum of terms h_k(a_k'd) along directions a_k: each asset, each cluster of correlated assets, summed and
weighted by volatility, the latter also less one of its assets, and of few assets each pair. Term k has a cost c_k and a
variance v_k of its own, and is the value, by dynamic programming, of what is held in a_k beside what is held in
1 - a_k, traded for c_k, with g/2 v_k y^2 charged for y = a_k'd. No trade raises h by more than it costs if and only if
none of two assets does, that is, if

    sum over k of c_k |a_ki - a_kj| is at most c_i + c_j for all i and j,

since all trades of one cost are averages of such. With S - sum of v_k a_k a_k' positive semi-definite on the gaps that
can occur, the charges add up to at most all tracking. To leading order in the gaps the minimum is then the sum of the
terms' losses, and c_k and v_k are taken so that this sum is largest: a convex programme. The sum itself is no bound:
it may be above the optimum. What other gaps change in the drift of a term is of higher order, and the minimum takes it
into account.

Tickets are divided among terms as well (`_fees`), so that no trade moves terms whose tickets are more than its own: by
a linear programme, for the largest sum of the terms' losses to leading order.

Of few assets and without a ticket a term is also stretched and shifted, f h_k((y - s) / f), which leaves its slope as
it is, and h is any sum of such terms with shares of 0 or more whose costs keep the rows above. The charge of a
portfolio is linear in the shares, so a linear programme finds those for which the least charge of some portfolios is
largest. Half-way to them from the best that were found, the portfolios that are charged least are added, and it is
solved again. What is given is always the minimum over portfolios of the best h that was found, the terms as they are
being the first, and never the value of the programme. It is worth most where the terms are loosest: one market's bound
rose from 10 to 4 % below the optimum. At twenty and thirty assets it found nothing.

The minimum is over all long-only portfolios; where the target leaves nothing to cash, over those that hold none. A rule
that lets proceeds wait in cash pays one side instead of two: with strongly negative correlations one has been below the
bound, and below the optimum of those that hold no cash, by 6 %.

The minimum is found by descents from several portfolios, a search and no proof that there is none lower: without a
ticket nearly all end in one place, with one the lowest end may be 1 % too high. What is held in a direction, and beside
it, is taken as lognormal with its own first two moments, which is nearly right for short intervals.

A term whose gap drifts slowly beside its half-width h, h^3 = 3 c_k b^2 / (2 g v_k), b^2 being the variance of its drift
a year, has its values from longer intervals, the shortest at which the programme comes to rest: how often it is watched
hardly matters to it. The bound holds for any values, so this makes it looser at most.

Source: de Farias and Van Roy (2003), The linear programming approach to approximate dynamic programming, Operations
Research 51(6), the programme and its inequality (2), here for the mean loss; Adelman and Mersereau (2008), Relaxations
of weakly coupled stochastic dynamic programs, Operations Research 56(3), for a sum of terms; Ben-Ameur and Neto (2007),
Acceleration of cutting-plane and column generation algorithms, Networks 49(1), for half-way; Fenton (1960), The sum of
log-normal probability distributions in scatter transmission systems, IRE Transactions on Communications Systems 8(1),
for what is taken as lognormal; `research.rules.optimum.dynamic_programming` for one term.
"""

from typing import NamedTuple

import numpy as np

from foundation.arguments import refuse
from foundation.arrays import Array
from foundation.compiled import compiled, inlined
from foundation.errors import ConfigError
from foundation.linear_programme import LinearProgramme
from foundation.threads import one_blas_thread
from foundation.tolerances import EIGENVALUE
from research.rules.bands import is_fully_invested
from research.rules.optimum.dynamic_programming import QUADRATURE_NODES, optimal_region
from research.rules.optimum.problem_checks import checked
from research.rules.optimum.region import Region

SLOW = (0.03, 0.1, 0.3)  # of its half-width: what a term drifts at least between two decisions where it is solved
FEW = 12  # assets, with cash, up to which each pair is a direction too, and terms are stretched and shifted
SMALL = 1e-3  # of the bound to leading order: what a term adds at least
STARTS, WITH_TICKET = 20, 300  # of the search for the portfolio that is charged least: a ticket makes many low places
SHAPES = ((1.0, 0.0), *((f, s) for f in (0.7, 1.0, 1.4) for s in (-0.25, 0.0, 0.25) if (f, s) != (1.0, 0.0)))
# of a term: what stretches it, and what shifts it in half-widths
SAMPLED, ROUNDS = 200, 20  # portfolios drawn at first; and programmes, of which some 15 suffice
AGREED = 5e-4  # of the programme's value: where it is no further above the least charge, no programme follows
# Largest slopes of a term's value over its cost, less 1: from no ticket to a large one.
PEAKS = np.geomspace(1e-4, 1e4, 60)
FARTHEST_LOG = 6.0  # logs from its target that it takes an asset, so that no asset is all of NAV


class LowerBound(NamedTuple):
    """A bound from below, and the terms that it is made of.

    value      : loss a year that no rule is below, as far as the search finds the minimum, fraction of NAV; 0 where
                 the bound says nothing.
    directions : (k, n) a_k, each from 0 to 1; the last column is cash, where the target leaves something to it.
    cost       : (k,) what a trade pays a term at most, fraction of what it moves the term's a'd.
    variance   : (k,) a year, at which the square of each term's a'd is charged.
    losses     : (k,) least loss a year of each term on its own, fraction of NAV, of slow ones with longer intervals;
                 their sum is the bound to leading order.
    width      : (k,) half-width of each term, fraction of NAV, by which it is shifted.
    shares     : (k, shapes) of each term in each of `SHAPES`.
    """

    value: float
    directions: Array
    cost: Array
    variance: Array
    losses: Array
    width: Array
    shares: Array


def lower_bound(
    target: Array,
    mean: Array,
    covariance: Array,
    cost: Array,
    tracking_penalty: float,
    interval: float,
    *,
    ticket: float = 0.0,
    order_tickets: Array | None = None,
    mixed: bool = True,
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
    ticket           : fraction of NAV for an event, whatever is traded.
    order_tickets    : (n,) fraction of NAV for an order of each asset.
    mixed            : false to leave out the linear programme, which takes 0.2 to 2 processor seconds of ten assets.
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
    if not is_fully_invested(target):  # cash is one more asset, which costs nothing
        target, mean, cost = np.append(target, 1.0 - target.sum()), np.append(mean, 0.0), np.append(cost, 0.0)
        covariance = np.pad(covariance, (0, 1))
    import scipy.linalg  # noqa: F401  (a BLAS of its own, which is limited only once it is there)

    with one_blas_thread():  # a second would wait busily between products of a few numbers
        directions = _directions(covariance)
        share, drift, apart = _beside(directions, target, mean, covariance)
        squared = (share * (1.0 - share)) ** 2 * apart  # of a year's drift of each
        paid, variance = _split(directions, covariance, cost, squared)
        losses = np.cbrt(tracking_penalty * variance / 8.0) * np.cbrt(1.5 * paid * squared) ** 2  # Janecek and Shreve
        kept = losses > SMALL * losses.sum()
        directions, share, drift, apart = directions[kept], share[kept], drift[kept], apart[kept]
        squared, paid, variance, n = squared[kept], paid[kept], variance[kept], int(kept.sum())
        width = np.cbrt(1.5 * paid * squared / (tracking_penalty * variance))
        orders = np.zeros(len(target))
        if order_tickets is not None:
            orders[: len(order_tickets)] = order_tickets
        fees = _fees(directions, (paid, tracking_penalty * variance, squared), ticket, orders)
        with_ticket = width + (12.0 * fees * squared / (tracking_penalty * variance)) ** 0.25
        regions = [
            _alone(
                (share[i : i + 1], drift[i : i + 1] + 0.5 * apart[i], apart[i : i + 1, None], paid[i : i + 1],
                 tracking_penalty * float(variance[i] / apart[i])),
                [max((part * float(wide[i])) ** 2 / float(squared[i]), interval) for part in SLOW
                 for wide in (width, with_ticket)], float(fees[i]),
            )
            for i in range(n)
        ]  # fmt: skip
        library = _library(directions, target, mean, covariance, tracking_penalty, interval, regions, width)
        losses = np.array([region.value for region in regions])
        reach = np.abs(directions - library.centre[:: len(SHAPES), None])
        reach *= [[np.ptp(region.axes[0]) / 2.0] for region in regions]
        search = _Search(float(losses.sum()), reach.max(axis=0) / target)
        if not mixed or fees.any() or len(target) > FEW:
            shares = _plain(n)
            least = float(search.ends(_mixed(library, shares), WITH_TICKET if fees.any() else STARTS)[0].min())
        else:
            least, shares = _raised(library, search, cost)
        return LowerBound(max(least, 0.0), directions, paid, variance, losses, width, shares)


def _directions(covariance: Array) -> Array:
    """(k, n) directions: each asset, each cluster, summed and weighted by volatility, and of few assets each pair.

    Clusters are those of a tree by average linkage of 1 - correlation. Weighted, each of at most `FEW` is also taken
    less one of its assets: where costs differ, a dear one is left where it is while the others trade. Each direction is
    from 0 to 1, and none is one less another: that would be the same term.
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
            rows += [(groups[-1] - alone[i]) * volatility for i in of if len(of) <= FEW]
    if n <= FEW:
        rows += [alone[i] - alone[j] for i in range(n) for j in range(i)]
    found = np.array([row for row in rows if np.ptp(row) > 0.0])
    found = (found - found.min(axis=1, keepdims=True)) / np.ptp(found, axis=1)[:, None]
    found = np.where(found[:, :1] > 0.5, 1.0 - found, found)
    return found[np.sort(np.unique(found.round(9), axis=0, return_index=True)[1])]


def _fees(directions: Array, terms: tuple[Array, Array, Array], ticket: float, orders: Array) -> Array:
    """(k,) the ticket that each term is charged, fraction of NAV: the largest sum of their losses to leading order.

    directions : (k, n) of the terms.
    terms      : as for `_loss_by_fee`.
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
    loss, fee, slope = _loss_by_fee(*terms)
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


def _loss_by_fee(paid: Array, charged: Array, squared: Array) -> tuple[Array, Array, Array]:
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


def _beside(directions: Array, weights: Array, mean: Array, covariance: Array) -> tuple[Array, Array, Array]:
    """(share, drift, variance) of each direction a, (k,): of what is held in a beside what is held in 1 - a.

    share    : of NAV that is held in a.
    drift    : growth a year of its worth over that of the rest, in logs.
    variance : of it, a year.
    """
    share = directions @ weights
    part, rest = directions * weights / share[:, None], (1.0 - directions) * weights / (1.0 - share)[:, None]
    drift = (part - rest) @ mean - 0.5 * (((part @ covariance) * part).sum(1) - ((rest @ covariance) * rest).sum(1))
    return share, drift, (((part - rest) @ covariance) * (part - rest)).sum(1)


def _split(directions: Array, covariance: Array, cost: Array, squared: Array) -> tuple[Array, Array]:
    """(cost, variance) of each term, (k,): the largest sum of their losses to leading order.

    directions : (k, n) of the terms.
    covariance : (n, n) a year, and cost (n,) a side, of the assets and of cash, where there is some.
    squared    : (k,) variance of a year's drift of each term.
    Raises     : ConfigError for a covariance that is singular.

    The loss of one term is proportional to (cost x squared)^(2/3) x variance^(1/3) (Janecek and Shreve (2004)). What
    the rounding of the solver, Clarabel (Goulart, Chen 2024), takes too much of is taken back from all terms.
    """
    import clarabel  # cvxpy would take longer to import than this programme to solve
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
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    solved = clarabel.DefaultSolver(  # of the costs, the charges and the losses
        csc_matrix((3 * k, 3 * k)),
        np.concatenate([np.zeros(2 * k), -gain / gain.max()]),
        csc_matrix(np.vstack([
            np.c_[moved, np.zeros((len(moved), 2 * k))],
            np.c_[np.zeros((len(squares), k)), squares, np.zeros((len(squares), k))],
            -np.eye(3 * k).reshape(3, k, 3 * k).swapaxes(0, 1).reshape(3 * k, 3 * k),
        ])),
        np.concatenate([pays / pays.max(), (there / scale)[columns] * twice, np.zeros(3 * k)]),
        [clarabel.NonnegativeConeT(len(moved)), clarabel.PSDTriangleConeT(n - 1)]
        + [clarabel.PowerConeT(2.0 / 3.0)] * k,
        settings,
    ).solve()  # fmt: skip
    if solved.status not in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved):
        raise ConfigError(f"costs and tracking of lower_bound could not be divided: Clarabel ended as {solved.status}.")
    costs, charges = np.maximum(np.array(solved.x).reshape(3, k)[:2], 0.0)
    costs, charges = pays.max() * costs, scale * charges
    root = np.linalg.inv(np.linalg.cholesky(there))
    over = np.linalg.eigvalsh(root @ (seen.T * charges) @ seen @ root.T)[-1]
    return costs / max(float((moved @ costs / pays).max()), 1.0), charges / max(float(over), 1.0)


def _alone(problem: tuple[Array, Array, Array, Array, float], intervals: list[float], ticket: float) -> Region:
    """One term on its own, with the shortest of these intervals at which the programme comes to rest.

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

    directions    : (k, n) of the terms.
    target        : (n,) of the assets, and of cash where there is some; covariance is (n, n).
    growth        : (n,) expected of one of each in an interval.
    products      : (n, n) expected product of the growths of each two, over the product of what is expected of them.
    cost, centre  : (k,) of the terms, and their a'w at target.
    pieces        : (k, points - 1, 4) cubic pieces of each h_k, the highest power first, in steps of its grid.
    first, step   : (k,) first gap of each grid, and the distance between two gaps, fraction of NAV.
    nodes, chances : of the quadrature over what is held in a direction beside the rest.
    """

    directions: Array
    target: Array
    covariance: Array
    growth: Array
    products: Array
    cost: Array
    centre: Array
    tracking_penalty: float
    interval: float
    pieces: Array
    first: Array
    step: Array
    nodes: Array
    chances: Array


def _library(
    directions: Array, target: Array, mean: Array, covariance: Array, tracking_penalty: float, interval: float,
    regions: list[Region], width: Array,
) -> _Inequality:  # fmt: skip
    """The inequality of all terms in all of `SHAPES`, the shapes of one term after another, on one grid each."""
    from scipy.interpolate import CubicSpline

    directions = np.repeat(directions, len(SHAPES), axis=0)
    stretch, shift = np.array(SHAPES).T
    values, grids = [], []
    for region, wide in zip(regions, width, strict=True):
        own, off = region.axes[0], shift * wide
        grid = np.linspace((stretch * own[0] + off).min(), (stretch * own[-1] + off).max(), len(own))
        asked = (grid[:, None] - off) / stretch
        inside = np.clip(asked, own[0], own[-1])
        values.append(stretch * (CubicSpline(own, region.values)(inside) + region.cost[0] * np.abs(asked - inside)))
        grids.append([(grid[0], grid[1] - grid[0])] * len(SHAPES))
    first, step = np.concatenate(grids).T
    pieces = CubicSpline(np.arange(len(grid)), np.concatenate(values, axis=1)).c.T
    nodes, chances = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES[1])
    return _Inequality(
        directions, target, covariance, np.exp(mean * interval), np.exp(covariance * interval),
        np.repeat(np.concatenate([region.cost for region in regions]), len(SHAPES)), directions @ target,
        float(tracking_penalty), float(interval), np.ascontiguousarray(pieces), first.copy(), step.copy(), nodes,
        chances / chances.sum(),
    )  # fmt: skip


def _mixed(library: _Inequality, shares: Array) -> _Inequality:
    """The inequality of terms that are made of these shares (k, shapes) of their shapes."""
    k, shapes = shares.shape
    one = slice(None, None, shapes)
    return library._replace(
        directions=library.directions[one].copy(),
        cost=(library.cost.reshape(k, shapes) * shares).sum(axis=1),
        centre=library.centre[one].copy(),
        pieces=np.einsum("ks,ks...->k...", shares, library.pieces.reshape(k, shapes, -1, 4)),
        first=library.first[one].copy(),
        step=library.step[one].copy(),
    )


def _plain(n: int) -> Array:
    """The shares (n, shapes) of n terms as they are."""
    return np.eye(len(SHAPES))[np.zeros(n, dtype=int)]


class _Search(NamedTuple):
    """The search for the portfolio that is charged least.

    scale : of the charge, fraction of NAV a year.
    reach : (n,) logs from its target as far as which an asset begins.
    """

    scale: float
    reach: Array

    def drawn(self, target: Array, count: int, seed: int) -> Array:
        """(count, n) logs of portfolios round the target, the first of which is the target."""
        away = np.random.default_rng(seed).uniform(-1.0, 1.0, (count, len(target)))
        away[0] = 0.0
        return np.log(target) + away * self.reach

    def ends(self, inequality: _Inequality, starts: int, seed: int = 0) -> tuple[Array, Array]:
        """The charges (starts,) at which so many descents end, fraction of NAV a year, and the portfolios there."""
        from scipy.optimize import minimize

        target = inequality.target
        slope, terms = np.zeros(len(target)), np.zeros(len(inequality.directions))
        far = np.log(target)[:, None] + np.array([-FARTHEST_LOG, FARTHEST_LOG])

        def charge(logs: Array) -> tuple[float, Array]:
            parts = _weights(logs)
            value = _charge(inequality, parts, slope, terms)
            return value / self.scale, parts * (slope - parts @ slope) / self.scale

        found = [
            minimize(charge, start, jac=True, method="L-BFGS-B", bounds=far)
            for start in self.drawn(target, starts, seed)
        ]
        return self.scale * np.array([end.fun for end in found]), _weights(np.array([end.x for end in found]))


def _weights(logs: Array) -> Array:
    """The portfolios of these logs (..., n), fraction of NAV."""
    parts = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return parts / parts.sum(axis=-1, keepdims=True)


def _raised(library: _Inequality, search: _Search, cost: Array) -> tuple[float, Array]:
    """The largest least charge that is found, fraction of NAV a year, and the shares (k, shapes) that it has.

    cost : (n,) a side, of the assets and of cash, where there is some.
    """
    shapes, target = len(SHAPES), library.target
    k, one_unit = len(library.directions) // shapes, search.scale
    one, other = np.triu_indices(len(target), 1)
    moved = np.abs(library.directions[:, one] - library.directions[:, other]).T * library.cost
    dear = -moved / (cost[one] + cost[other])[:, None]
    charged, tracking = np.zeros((0, k * shapes)), np.zeros(0)

    def add(portfolios: Array) -> None:
        nonlocal charged, tracking
        slope, terms = np.zeros(len(target)), np.zeros((len(portfolios), k * shapes))
        charges = [_charge(library, portfolio, slope, own) for portfolio, own in zip(portfolios, terms, strict=True)]
        charged = np.concatenate([charged, terms / one_unit])
        tracking = np.append(tracking, (np.array(charges) - terms.sum(axis=1)) / one_unit)

    def least(shares: Array, seed: int) -> float:
        ends, portfolios = search.ends(_mixed(library, shares), STARTS, seed)
        add(portfolios)
        return min(float(ends.min()) / one_unit, float((charged @ shares.ravel() + tracking).min()))

    add(_weights(search.drawn(target, SAMPLED, 1)))
    plain = best = _plain(k)
    at_first = value = least(plain, 0)
    for turn in range(ROUNDS):
        shares, most = _programme(charged, tracking, dear)
        shares = 0.5 * (best + shares.reshape(k, shapes))  # those of the programme leap from corner to corner
        found = least(shares, turn)
        if found > value:
            value, best = found, shares
        if most - value <= AGREED * most:
            break
    value = least(best, ROUNDS)
    return (value * one_unit, best) if value > at_first else (at_first * one_unit, plain)


def _programme(charged: Array, tracking: Array, dear: Array) -> tuple[Array, float]:
    """The shares (k * shapes,) for which the least charge of some portfolios is largest, and this charge.

    charged  : (portfolios, k * shapes) of each term in each shape.
    tracking : (portfolios,) charge of each for tracking.
    dear     : (pairs, k * shapes) less what a trade of a pair pays each, over what it costs.
    """
    rows = np.vstack([np.c_[charged, -np.ones(len(charged))], np.c_[dear, np.zeros(len(dear))]])
    count, floor = rows.shape[1], np.append(-tracking, -np.ones(len(dear)))
    least, most = np.zeros(count), np.full(count, np.inf)
    programme = LinearProgramme(rows, floor, least, most, np.zeros(count, dtype=bool))
    point = programme.minimise(-np.eye(count)[-1], least, most)
    assert point is not None  # no shares at all keep every row
    return point.x[:-1], -point.cost


@compiled
def _charge(given: _Inequality, weights: Array, slopes: Array, terms: Array) -> float:
    """The cost of a year of holding weights (n,), fraction of NAV; writes its slopes (n,), and of each term (k,)."""
    n, interval, value = len(weights), given.interval, 0.0
    part, rest, with_part, with_rest = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        slopes[i] = 0.0
        for j in range(n):
            slopes[i] += given.tracking_penalty * given.covariance[i, j] * (weights[j] - given.target[j])
        value += 0.5 * slopes[i] * (weights[i] - given.target[i])
    for k in range(len(given.directions)):
        share, in_part, in_rest = 0.0, 0.0, 0.0  # now, and expected: of what is held in the direction, and beside it
        for i in range(n):
            share += given.directions[k, i] * weights[i]
            part[i] = given.directions[k, i] * weights[i] * given.growth[i]
            rest[i] = (1.0 - given.directions[k, i]) * weights[i] * given.growth[i]
            in_part += part[i]
            in_rest += rest[i]
        of_part, of_rest, of_both = 0.0, 0.0, 0.0  # products of their growths, expected, over those of the expected
        for i in range(n):
            with_part[i], with_rest[i] = 0.0, 0.0
            for j in range(n):
                with_part[i] += given.products[i, j] * part[j] / in_part
                with_rest[i] += given.products[i, j] * rest[j] / in_rest
            of_part += part[i] / in_part * with_part[i]
            of_rest += rest[i] / in_rest * with_rest[i]
            of_both += part[i] / in_part * with_rest[i]
        middle = np.log(in_part / in_rest) - 0.5 * np.log(of_part / of_rest)  # of the logarithm of part over rest
        wide = np.sqrt(np.log(of_part * of_rest / (of_both * of_both)))
        before, slope = _worth(given, k, share - given.centre[k])
        terms[k] = -before / interval
        by_share, by_middle, by_wide = -slope / interval, 0.0, 0.0
        for node in range(len(given.nodes)):
            then = 1.0 / (1.0 + np.exp(-middle - wide * given.nodes[node]))
            after, slope = _worth(given, k, then - given.centre[k])
            terms[k] += given.chances[node] * after / interval
            slope *= given.chances[node] * then * (1.0 - then) / interval
            by_middle += slope
            by_wide += slope * given.nodes[node] / wide
        value += terms[k]
        mean_part, mean_rest = 0.0, 0.0
        for i in range(n):
            both_part, both_rest = by_wide * with_rest[i] / of_both, by_wide * with_part[i] / of_both
            with_part[i] = (by_wide - by_middle) * with_part[i] / of_part - both_part  # the slopes by part and by rest
            with_rest[i] = (by_wide + by_middle) * with_rest[i] / of_rest - both_rest
            mean_part += part[i] / in_part * with_part[i]
            mean_rest += rest[i] / in_rest * with_rest[i]
        for i in range(n):
            of_direction = by_share + given.growth[i] * (by_middle + with_part[i] - mean_part) / in_part
            beside = given.growth[i] * (with_rest[i] - by_middle - mean_rest) / in_rest
            slopes[i] += given.directions[k, i] * of_direction + (1.0 - given.directions[k, i]) * beside
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
