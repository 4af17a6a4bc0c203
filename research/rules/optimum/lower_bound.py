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

Tickets are divided among terms as well (`bound_terms.divided_tickets`), so that no trade moves terms whose tickets are
more than its own: by a linear programme, for the largest sum of the terms' losses to leading order.

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

from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.threads import one_blas_thread
from research.rules.bands import is_fully_invested
from research.rules.optimum.bound_search import (
    DESCENTS,
    TERM_SHAPES,
    WITH_TICKET,
    Search,
    library_of,
    mixed_terms,
    plain_shares,
    raised_bound,
)
from research.rules.optimum.bound_terms import MOST_PAIRED, BoundTerms, bound_terms
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.problem_checks import checked_problem
from research.rules.optimum.region import Region

SLOW = (0.03, 0.1, 0.3)  # of its half-width: what a term drifts at least between two decisions where it is solved


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
    shares     : (k, shapes) of each term in each of `TERM_SHAPES`.
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
    target, mean, covariance, cost, _ = checked_problem(
        "lower_bound", target, mean, covariance, cost, tracking_penalty, interval, ticket
    )
    if not is_fully_invested(target):  # cash is one more asset, which costs nothing
        target, mean, cost = np.append(target, 1.0 - target.sum()), np.append(mean, 0.0), np.append(cost, 0.0)
        covariance = np.pad(covariance, (0, 1))
    import scipy.linalg  # noqa: F401  (a BLAS of its own, which is limited only once it is there)

    with one_blas_thread():  # a second would wait busily between products of a few numbers
        orders = np.zeros(len(target))
        if order_tickets is not None:
            orders[: len(order_tickets)] = order_tickets
        terms = bound_terms(target, mean, covariance, cost, tracking_penalty, ticket, orders)
        regions = [_alone(terms, i, interval) for i in range(len(terms.paid))]
        library = library_of(
            terms.directions, target, mean, covariance, tracking_penalty, interval, regions, terms.width
        )
        losses = np.array([region.value for region in regions])
        reach = np.abs(terms.directions - library.centre[:: len(TERM_SHAPES), None])
        reach *= [[np.ptp(region.axes[0]) / 2.0] for region in regions]
        search = Search(float(losses.sum()), reach.max(axis=0) / target)
        if not mixed or terms.ticket.any() or len(target) > MOST_PAIRED:
            shares = plain_shares(len(losses))
            starts = WITH_TICKET if terms.ticket.any() else DESCENTS
            least = float(search.ends(mixed_terms(library, shares), starts)[0].min())
        else:
            least, shares = raised_bound(library, search, cost)
    return LowerBound(max(least, 0.0), terms.directions, terms.paid, terms.variance, losses, terms.width, shares)


def _alone(terms: BoundTerms, i: int, interval: float) -> Region:
    """One term on its own, with the shortest interval from `interval` years on at which the programme comes to rest.

    Raises ConfigError if there is none.
    """
    squared, charged, ticket = float(terms.squared[i]), float(terms.charged[i]), float(terms.ticket[i])
    width, apart, of = float(terms.width[i]), terms.apart[i : i + 1], slice(i, i + 1)
    wide = width, width + (12.0 * ticket * squared / charged) ** 0.25
    price = terms.tracking_penalty * float(terms.variance[i] / apart[0])
    problem = terms.share[of], terms.drift[of] + 0.5 * apart, apart[:, None], terms.paid[of], price
    slow = {max((part * each) ** 2 / squared, interval) for part in SLOW for each in wide}
    *others, last = sorted(slow)
    for shorter in others:
        try:
            return optimal_region(*problem, shorter, ticket=ticket)
        except ConfigError:  # its input has been checked: it has found no policy
            continue
    return optimal_region(*problem, last, ticket=ticket)
