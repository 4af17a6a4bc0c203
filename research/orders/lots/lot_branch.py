"""The best lots of a `LotProblem` by branch and bound over its assets, compiled.

At the prices of `lot_bound`, any other lots of an asset than its best lose more, and so do all orders that have them.
Where that is more than the best orders found are above the bound, none of them is better. Few numbers of lots of an
asset remain, and the search goes through them, the assets whose second best loses most first.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Rows
from foundation.compiled import linked
from foundation.tolerances import WEIGHT
from research.orders.lots.lot_bound import Relaxed, _first, _least, _loss, _use, _whole, bound_of, price_limits
from research.orders.lots.lot_problem import LotProblem
from research.orders.lots.lot_search import NO_GAIN, _each, _objective, _units, best_together, breaks_limits
from research.orders.lots.lot_terms import DIVISIBLE, LOT_STEPS, ODD, WHOLE_LOTS

WAYS, ROUNDS = 32, 3  # numbers of lots of an asset that the search tries at once, and times that it does
BRANCH_NODES = 2_000_000  # of a search: some 10 ms for 30 assets
TO, MORE, LOSS = range(3)  # rows of `ways`
BOUND, SUM = range(2)  # of `lost`
COUNT, ORDER, NEXT = range(3)  # of `level`


class Branch(NamedTuple):
    """A `LotProblem` as the search takes it; a level decides an asset.

    relaxed : the problem at prices of its limits.
    ways    : (3, m, W) steps of each asset that may be best, what they lose more than its best at these prices, and
              what they lose without them, fraction of NAV.
    uses    : (m, W, L) their use of the limits.
    least   : (m + 1, L) the least that the assets not decided yet count.
    used    : (m + 1, L) use of the decided assets, less the limits.
    lost    : (2, m + 1) bound and loss so far, fraction of NAV.
    level   : (3, m) number of ways of each asset; order in which assets are decided; the way that each level tries
              next.
    tried   : (n,) units.
    """

    relaxed: Relaxed
    ways: Array
    uses: Array
    least: Array
    used: Array
    lost: Array
    level: Rows
    tried: Array

    @classmethod
    def of(cls, problem: LotProblem) -> "Branch":
        """The problem in arrays."""
        relaxed = Relaxed.of(problem)
        m, limits = len(relaxed.lines), len(relaxed.most)
        return cls(
            relaxed=relaxed,
            ways=np.zeros((3, m, WAYS)),
            uses=np.zeros((m, WAYS, limits)),
            least=np.zeros((m + 1, limits)),
            used=np.zeros((m + 1, limits)),
            lost=np.zeros((2, m + 1)),
            level=np.zeros((3, m), dtype=int),
            tried=np.zeros(len(problem.way)),
        )


def branch(problem: LotProblem, start: Array, enough: float = NO_GAIN) -> tuple[Array, float]:
    """The signed units (n,) that keep every limit, and the lower bound of all such units, fraction of NAV.

    problem : problem without limits of weights. Where assets are divided at will, the bound is all that is computed.
    start   : (n,) units that keep every limit: nothing worse is given.
    enough  : the gap that is none, fraction of NAV.
    """
    of, best = Branch.of(problem), start.copy()
    if not len(of.relaxed.lines):  # no asset can trade a whole lot: there is one way
        return best, problem.objective(best)
    bound = best_below(of, best)
    if problem.objective(best) - bound > enough:  # where limits leave cash above its point, it is dear from the start
        of.relaxed.prices[:] = 0.0
        of.relaxed.prices[-1] = of.relaxed.dearest[-1]
        bound = max(bound, best_below(of, best))
    return best, bound


@linked
def best_below(of: Branch, best: Array) -> float:
    """Write better units (n,) into the best, where there are; gives the bound. See `branch`."""
    price_limits(of.relaxed)
    bound, worth, terms = bound_of(of.relaxed), _objective(of.relaxed.terms, best), of.relaxed.terms
    for i in of.relaxed.lines:
        of.tried[i] = _units(terms, i, _least(of.relaxed, i)[0])
    if best_together(terms, of.tried) and _objective(terms, of.tried) < worth:
        worth = _keep(of, best)
    for i in of.relaxed.lines:
        if terms.lines[DIVISIBLE, i] > 0.0:
            return min(bound, worth)
    proven = bound
    for _ in range(ROUNDS):
        left = np.inf
        for a in range(len(of.relaxed.lines)):
            left = min(left, _ways(of, a, worth - bound))
        _order(of)
        _count(of)
        complete = _search(of, best, worth, bound)
        worth = _objective(of.relaxed.terms, best)
        if not complete:
            break
        proven = max(proven, min(bound + left, worth))
        if proven == worth:
            break
    return min(proven, worth)


@linked
def _keep(of: Branch, best: Array) -> float:
    """Write the units that are tried into the best (n,); gives their objective, fraction of NAV."""
    for i in range(len(best)):
        best[i] = of.tried[i]
    return _objective(of.relaxed.terms, best)


@linked
def _ways(of: Branch, a: int, most: float) -> float:
    """Write the steps of an asset that lose at most so much more than its best, those that lose least first.

    Gives the least that others lose, of which there is no room for; inf where there is room for all.
    """
    i, lines = of.relaxed.lines[a], of.relaxed.terms.lines
    _, lost = _least(of.relaxed, i)
    first, whole = _first(of.relaxed, i), _whole(of.relaxed, i)
    of.level[COUNT, a] = 0
    left = _add(of, a, 0.0, lost, most)
    if lines[ODD, i] > 0.0:
        left = min(left, _add(of, a, lines[LOT_STEPS, i], lost, most))
    for by in (1.0, -1.0):
        at = whole if by > 0.0 else whole - 1.0
        while first <= at <= lines[WHOLE_LOTS, i] and _loss(of.relaxed, i, at) - lost <= min(most, left):
            left = min(left, _add(of, a, at, lost, most))
            at += by
    return left


@linked
def _add(of: Branch, a: int, steps: float, lost: float, most: float) -> float:
    """Insert steps of an asset that lose at most so much more than `lost`; gives what those lose that have no room."""
    k, ways, left = of.level[COUNT, a], of.ways, np.inf
    more = _loss(of.relaxed, of.relaxed.lines[a], steps) - lost
    if more > most:
        return left
    if k == WAYS:
        k -= 1
        if more >= ways[MORE, a, k]:
            return more
        left = ways[MORE, a, k]
    of.level[COUNT, a] = k + 1
    while k > 0 and ways[MORE, a, k - 1] > more:
        ways[MORE, a, k], ways[TO, a, k] = ways[MORE, a, k - 1], ways[TO, a, k - 1]
        k -= 1
    ways[MORE, a, k], ways[TO, a, k] = more, steps
    return left


@linked
def _order(of: Branch) -> None:
    """Write the order in which assets are decided: those whose second best loses most first."""
    level, more = of.level, of.ways[MORE]
    for a in range(len(of.relaxed.lines)):
        k = a
        while k > 0:
            before = level[ORDER, k - 1]
            if level[COUNT, before] == 1 or (level[COUNT, a] > 1 and more[before, 1] >= more[a, 1]):
                break
            level[ORDER, k] = before
            k -= 1
        level[ORDER, k] = a


@linked
def _count(of: Branch) -> None:
    """Write the losses of the ways and their use of limits, and the least use of those that follow a level."""
    m, terms = len(of.relaxed.lines), of.relaxed.terms
    for j in range(len(of.relaxed.most)):
        of.used[0, j], of.least[m, j] = -of.relaxed.most[j], 0.0
    for b in range(m - 1, -1, -1):
        a = of.level[ORDER, b]
        i = of.relaxed.lines[a]
        for k in range(of.level[COUNT, a]):
            of.ways[LOSS, a, k] = _each(terms, i, _units(terms, i, of.ways[TO, a, k]))
        for j in range(len(of.relaxed.most)):
            fewest = np.inf
            for k in range(of.level[COUNT, a]):
                of.uses[a, k, j] = _use(of.relaxed, j, i, of.ways[TO, a, k])
                fewest = min(fewest, of.uses[a, k, j])
            of.least[b, j] = of.least[b + 1, j] + fewest


@linked
def _search(of: Branch, best: Array, worth: float, bound: float) -> bool:
    """Write better units (n,) than worth so much into the best, where there are; gives whether all were tried."""
    m, level, lost, b = len(of.relaxed.lines), of.level, of.lost, 0
    lost[BOUND, 0], lost[SUM, 0], level[NEXT, 0] = bound, of.relaxed.still, 0
    for i in range(len(best)):
        of.tried[i] = 0.0
    for _ in range(BRANCH_NODES):
        if b == m:
            if lost[SUM, m] + _past(of, m) < worth - NO_GAIN and not breaks_limits(of.relaxed.terms, of.tried):
                worth = _keep(of, best)
            b -= 1
        a, k = level[ORDER, b], level[NEXT, b]
        if k < level[COUNT, a] and lost[BOUND, b] + of.ways[MORE, a, k] < worth - NO_GAIN:
            level[NEXT, b] += 1
            if _takes(of, b, a, k):
                b += 1
                if b < m:
                    level[NEXT, b] = 0
        elif b > 0:
            b -= 1
        else:
            return True
    return False


@linked
def _takes(of: Branch, b: int, a: int, k: int) -> bool:
    """Let level b take way k of asset a; true if the levels that follow can keep the limits."""
    for j in range(len(of.relaxed.most)):
        of.used[b + 1, j] = of.used[b, j] + of.uses[a, k, j]
        if of.relaxed.dearest[j] == np.inf and of.used[b + 1, j] + of.least[b + 1, j] > WEIGHT:
            return False
    of.lost[BOUND, b + 1] = of.lost[BOUND, b] + of.ways[MORE, a, k]
    of.lost[SUM, b + 1] = of.lost[SUM, b] + of.ways[LOSS, a, k]
    of.tried[of.relaxed.lines[a]] = _units(of.relaxed.terms, of.relaxed.lines[a], of.ways[TO, a, k])
    return True


@linked
def _past(of: Branch, b: int) -> float:
    """The least that soft limits are exceeded by after the assets decided before level b, at their prices."""
    lost = 0.0
    for j in range(len(of.relaxed.most)):
        if of.relaxed.dearest[j] < np.inf:
            lost += of.relaxed.dearest[j] * max(of.used[b, j] + of.least[b, j], 0.0)
    return lost
