"""The best lots of a `LotProblem`, by a mixed-integer linear programme on HiGHS, with a bound and within a time limit.

Its variables are whole lots; the gap of each line from its point, from above; and, only where the costs or limits need
them, whether an order is sent, its commission and its impact. Money is counted in 1e-4 of NAV, so that HiGHS's
tolerances are far below a cent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from research.accounting.cost_parameters import COMMISSION, HALF_SPREAD
from research.accounting.costs import BPS
from research.arrays import Array, Mask, Rows
from research.tolerances import LOT
from research.trading.lot_problem import OUTSIDE, LotProblem
from research.trading.lot_search import alone, search
from research.trading.lot_tracking import track
from research.trading.mixed_integer import minimise
from research.trading.position import CENT

SECONDS = 10.0  # that the solver may take for a list
EXACT_LINES = 60  # up to so many, the optimum is proven; beyond, its gap is at most `RELATIVE_GAP`
RELATIVE_GAP = 1e-4  # of the objective
UNIT = 1e-4  # of NAV: what money is counted in
BUNDLE = 1e-5  # of NAV: what a line that is divided at will is counted in; HiGHS drops coefficients below 1e-9
TANGENTS = 24  # that bound the impact of an order from below
REPAIRS = 5  # times that the cash is raised by the cents that rounding took


@dataclass(frozen=True, eq=False)
class SolvedLots:
    """The best orders found.

    units     : (n,) signed units, buys positive.
    objective : of these, fraction of NAV.
    bound     : below which no orders that keep the limits can come, fraction of NAV; nan where none was computed.
    how       : "exact" where the bound is reached, "within the time limit", or "greedy".
    """

    units: Array
    objective: float
    bound: float
    how: str

    @property
    def words(self) -> str:
        """How they were found, and how far they may be from the best: "exact", or the gap that is left."""
        gap = self.objective - self.bound
        if self.how == "exact" and not gap > LOT * self.objective:
            return "exact"
        by = "by the greedy search" if self.how == "greedy" else f"found {self.how}"
        if np.isnan(gap):
            return f"{by}, without a bound"
        share = max(gap, 0.0) / self.objective
        return f"within {share:.2%} ({max(gap, 0.0) / BPS:.3f} bp of NAV) of the best possible, {by}"


def solve_lots(problem: LotProblem, seconds: float = SECONDS) -> SolvedLots | None:
    """The orders in whole lots with the least objective, or None where no orders keep the limits, not even none.

    problem : the lots, the costs and the limits.
    seconds : that the solver may take; 0 leaves it at the greedy search.

    The result does not depend on the order of the lines, and is never worse than that of the greedy search.
    Where the position has a covariance, it is the tracking error that is least, and nothing is worse than the lots that
    are nearest.
    Source : a mixed-integer linear programme, solved by branch and cut (`research.trading.mixed_integer`).
    """
    if problem.position.covariance is None:
        return _nearest(problem, seconds)
    nearest = _nearest(replace(problem, position=replace(problem.position, covariance=None)), seconds)
    if nearest is None:
        return None
    units, bound, how = track(problem, nearest.units, seconds)
    return SolvedLots(units, problem.objective(units), bound, how)


def _nearest(problem: LotProblem, seconds: float) -> SolvedLots | None:
    """The orders with the least sum of distances and costs."""
    best = alone(problem)
    if not problem.broken(best) and problem.priced(best) == 0.0:
        objective = problem.objective(best)
        return SolvedLots(best, objective, objective, "exact")
    greedy = search(problem, best)
    if greedy is not None and problem.broken(greedy):  # the search does not know limits of weights
        greedy = None
    if seconds == 0.0 and greedy is None and problem.position.limits.weights:
        seconds = SECONDS
    found, bound, proven = _by_highs(problem, seconds) if seconds > 0.0 else (None, np.nan, False)
    if found is None or (greedy is not None and problem.objective(greedy) < problem.objective(found)):
        if greedy is None:
            return None
        objective = problem.objective(greedy)
        reached = proven and objective - bound <= LOT * max(objective, UNIT)
        return SolvedLots(greedy, objective, bound, "exact" if reached else "greedy")
    return SolvedLots(found, problem.objective(found), bound, "exact" if proven else "within the time limit")


def _by_highs(problem: LotProblem, seconds: float) -> tuple[Array | None, float, bool]:
    """Signed units (n,) or None, the bound, and whether the units are within the asked gap of it.

    Where only the cents that rounding took leave too little cash, so much more is kept, and it is solved again.
    """
    until, kept = monotonic() + seconds, 0.0
    for _ in range(REPAIRS):
        units, bound, proven = _solve(problem, kept, max(until - monotonic(), 0.1))
        if units is None or not (broken := problem.broken(units)):
            return units, bound, proven
        if broken != ("cash",):
            break
        kept += max(problem.short(units), CENT)
    return None, np.nan, False


# -- the programme ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Lines:
    """The k lines that may trade, in an order that does not depend on that of the portfolio; money in `UNIT`s.

    rows : (k,) their numbers.
    step : (k,) value of a unit of a line's column: of a lot, or of a bundle for a line that is divided at will.
    top  : (k,) most units of the column.
    rest : (k,) value of the odd lot.
    need : (k,) whether it matters that an order is sent, and not only its size.
    """

    rows: Rows
    step: Array
    top: Array
    rest: Array
    need: Mask

    @classmethod
    def of(cls, problem: LotProblem, money: float) -> "_Lines":
        position, parameters = problem.position, problem.position.cost_parameters
        able = np.flatnonzero(problem.steps > 0.0)
        rows = able[np.lexsort((problem.way[able], problem.lot[able], problem.goal[able], position.units[able]))]
        lot, fine = problem.lot[rows], problem.fine[rows]
        step = np.where(fine, BUNDLE * position.nav, lot)
        return cls(
            rows=rows,
            step=step / money,
            top=problem.whole[rows] * lot / step,
            rest=(problem.odd * position.prices)[rows] / money,
            need=fine
            | (position.least > lot)
            | (problem.odd[rows] > 0.0)
            | (parameters.ticket[rows] > 0.0)
            | (parameters.minimum[rows] > 0.0)
            | (position.limits.most is not None),
        )


def _solve(problem: LotProblem, kept: float, seconds: float) -> tuple[Array | None, float, bool]:
    """One programme in seven columns a line: lots, odd lot, gap, outside, sent, commission, impact.

    kept : cash that stays besides the floor, currency.
    """
    position, parameters = problem.position, problem.position.cost_parameters
    money = UNIT * position.nav
    lines = _Lines.of(problem, money)
    rows, k, one = lines.rows, len(lines.rows), np.ones(len(lines.rows))
    if k == 0:
        return np.zeros(len(problem.way)), np.nan, False
    way, start, goal = problem.way[rows], problem.value[rows] / money, problem.goal[rows] / money
    lower, upper = problem.lower[rows] / money, problem.upper[rows] / money
    rates = parameters.rates[min(position.day, len(parameters.rates) - 1)][:, rows]
    ticket, minimum = parameters.ticket[rows] / money, parameters.minimum[rows] / money
    least = np.where(lines.need, position.least / money, 0.0)

    def line(sign: Array | float, gap: float = 0.0, outside: float = 0.0, sent: Array | float = 0.0,
             commission: Array | float = 0.0, impact: Array | float = 0.0) -> Array:  # fmt: skip
        """(7, k) coefficients of each line's columns: of its value traded `sign`, and these of the others."""
        return np.array([one * block for block in (sign * lines.step, sign * lines.rest, gap, outside, sent, commission,
                                                   impact)])  # fmt: skip

    def units_of(lots: Array, rest: Array) -> Array:
        return np.vstack([lots, rest, np.zeros((5, k))])

    sent_top = units_of(-one, 0.0 * one) + line(0.0, sent=lines.top)
    sent_rest = units_of(0.0 * one, -one) + line(0.0, sent=1.0)
    limits: list[tuple[Array, Array | float]] = [  # a row a line, and what they are at least
        (line(-way, gap=1.0), start - goal),
        (line(way, gap=1.0), goal - start),
        (line(-way, outside=1.0), start - upper),
        (line(way, outside=1.0), lower - start),
        (units_of(one, -lines.top), 0.0),
        (sent_top, 0.0),
        (sent_rest, 0.0),
        (line(1.0, sent=-least), 0.0),
        (line(-rates[COMMISSION], commission=1.0), 0.0),
        (line(0.0, sent=-minimum, commission=1.0), 0.0),
    ]
    limits += [(line(-slope, impact=1.0), at / money) for slope, at in _tangents(problem, rows)]
    paid = -way - rates[HALF_SPREAD]
    sums: list[tuple[Array, float]] = [  # one row over all lines, likewise
        (line(paid, 0.0, 0.0, -ticket, -1.0, -1.0), (problem.floor + kept - position.cash) / money),
        (line(paid - position.limits.adverse_move, 0.0, 0.0, -ticket, -1.0, -1.0),
         (kept - position.debt - position.cash) / money),
    ]  # fmt: skip
    if (turnover := position.limits.turnover) is not None:
        sums += [(line(np.where(way == side, -1.0, 0.0)), -turnover / UNIT) for side in (1.0, -1.0)]
    if (most := position.limits.most) is not None:
        sums.append((line(0.0, sent=-1.0), -float(most)))
    excess: list[tuple[int, int]] = []  # rows of `sums`, and which soft limit each may be past
    soft = [limit.price for limit in position.limits.weights if not limit.binds]
    numbers = iter(range(len(soft)))
    for limit in position.limits.weights:
        in_it, its = np.isin(rows, limit.rows), float(problem.value[list(limit.rows)].sum()) / money
        number = None if limit.binds else next(numbers)
        for sign, bound in ((1.0, limit.lower), (-1.0, limit.upper)):
            # Of NAV after costs; to a least weight only those count that no column could overstate.
            part, overstated = sign * bound, min(sign * bound, 0.0)
            rate = rates[HALF_SPREAD] + (rates[COMMISSION] if sign > 0.0 else 0.0)
            of_line = np.where(in_it, sign * way, 0.0) + part * rate
            if number is not None:
                excess.append((len(sums), number))
            weighed = line(of_line, 0.0, 0.0, part * ticket, overstated, overstated)
            sums.append((weighed, part / UNIT - sign * its))

    zero, none = 0.0 * one, np.full(k, np.inf)
    solved = minimise(
        np.concatenate([rates[HALF_SPREAD] * lines.step, rates[HALF_SPREAD] * lines.rest, one, OUTSIDE * one, ticket,
                        one, one, soft]),
        _matrix([blocks for blocks, _ in limits], [blocks for blocks, _ in sums], excess, len(soft)),
        np.concatenate([*(one * at_least for _, at_least in limits), [at_least for _, at_least in sums]]),
        np.concatenate([lines.top, lines.rest > 0.0, none, none, one, none, none, np.full(len(soft), np.inf)]),
        np.concatenate([~problem.fine[rows], lines.rest > 0.0, zero, zero, lines.need, zero, zero,
                        np.zeros(len(soft))]),
        lower=np.concatenate([zero, zero, zero, zero, np.where(lines.need, 0.0, 1.0), zero, zero,
                              np.zeros(len(soft))]),
        seconds=seconds,
        gap=0.0 if k <= EXACT_LINES else RELATIVE_GAP,
    )  # fmt: skip
    if solved.x is None:
        return None, np.nan, False
    lots, rest = solved.x[:k], solved.x[k : 2 * k]
    steps = np.where(problem.fine[rows], np.floor(lots * lines.step * money / problem.lot[rows] + LOT), np.rint(lots))
    found = np.zeros(len(problem.way))
    found[rows] = steps + (rest > 0.5)
    still = np.delete(problem.each(np.zeros(len(problem.way))), rows).sum()
    return problem.units(found), solved.bound * UNIT + float(still), solved.proven


def _matrix(limits: list[Array], sums: list[Array], excess: list[tuple[int, int]], soft: int) -> Any:
    """Sparse rows: for each of `limits` one a line, for each of `sums` one over all lines.

    limits : (7, k) coefficients of the lines' columns each.
    sums   : likewise.
    excess : rows of `sums` with a further column of coefficient one, and which of the `soft` ones it is.
    """
    from scipy import sparse

    k, blocks = limits[0].shape[1], np.array([*limits, *sums])
    limit, column, line = np.nonzero(blocks)
    each, extra = len(limits) * k, np.array(excess, dtype=int).reshape(-1, 2)
    row = np.where(limit < len(limits), limit * k + line, each + limit - len(limits))
    rows, columns = np.append(row, each + extra[:, 0]), np.append(column * k + line, blocks.shape[1] * k + extra[:, 1])
    values = np.append(blocks[limit, column, line], np.ones(len(extra)))
    return sparse.csr_array((values, (rows, columns)), shape=(each + len(sums), blocks.shape[1] * k + soft))


def _tangents(problem: LotProblem, rows: Rows) -> Iterator[tuple[Array, Array]]:
    """Slopes (k,) and, at zero, values (k,) in currency of lines below the impact of an order; none without impact."""
    parameters = problem.position.cost_parameters
    impact = parameters.impact[min(problem.position.day, len(parameters.impact) - 1)][rows]
    if not impact.any():
        return
    largest, power = problem.steps[rows] * problem.lot[rows], parameters.exponent
    for part in np.linspace(0.0, 1.0, TANGENTS + 1)[1:] ** 2:
        size = part * largest
        yield power * impact * size ** (power - 1.0), (1.0 - power) * impact * size**power
