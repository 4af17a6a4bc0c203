"""A greedy search for the lots of a `LotProblem`: microseconds a line, for backtests and as a start for the solver.

Each line takes the lots that are best for it alone. If they keep all limits, nothing is better. Else orders are dropped
and reduced until they do, and what is then left is used, the best lot first.
"""

import numpy as np

from research.arrays import Array, Mask
from research.tolerances import LOT
from research.trading.lot_problem import LotProblem

NO_GAIN = 1e-15  # of NAV: what rounding of the objective may show as one
ROUNDS = 20  # of mending, and a line of filling: each changes what is left, and a few are the usual number
SPENT_PER_VALUE = 1.05  # cash that a currency unit bought may take with its costs, where a line is divided at will


def alone(problem: LotProblem) -> Array:
    """(n,) signed units that are best for each line by itself: nothing, or the whole lots next to its point."""
    wanted = np.maximum(problem.way * (problem.goal - problem.value), 0.0) / problem.lot
    least = np.ceil(problem.position.least / problem.lot - LOT)
    found, loss = np.zeros(len(wanted)), problem.each(np.zeros(len(wanted)))
    for lots in (np.floor(wanted + LOT), np.ceil(wanted - LOT), least):
        units = problem.units(np.minimum(lots, problem.steps))
        here = np.where(problem.sendable(units), problem.each(units), np.inf)
        better = here < loss - NO_GAIN
        found, loss = np.where(better, units, found), np.where(better, here, loss)
    return found


def search(problem: LotProblem, start: Array | None = None) -> Array | None:
    """(n,) signed units that keep every limit, or None where even no orders break one.

    start : (n,) signed units from which it begins; by default those that are best for each line alone.
    """
    units = alone(problem) if start is None else start
    if not problem.broken(units):
        return units
    units = _paid(problem, _turned_less(problem, _fewer(problem, units)))
    if problem.broken(units):
        units = np.zeros(len(units))
        if problem.broken(units):
            return None
    return _filled(problem, units)


def _fewer(problem: LotProblem, units: Array) -> Array:
    """Only as many orders as may be sent, those that gain most."""
    most = problem.position.limits.most
    if most is None or int((units != 0.0).sum()) <= most:
        return units
    gain = problem.each(np.zeros(len(units))) - problem.each(units)
    kept = np.argsort(-gain, kind="stable")[:most]
    return np.where(np.isin(np.arange(len(units)), kept), units, 0.0)


def _turned_less(problem: LotProblem, units: Array) -> Array:
    """Orders reduced in proportion to the most turnover."""
    most = problem.position.limits.turnover
    turnover = problem.turnover(units)
    return units if most is None or turnover <= most else _reduced(problem, units, most / turnover, units != 0.0)


def _paid(problem: LotProblem, units: Array) -> Array:
    """Orders that cash can pay: a lot less of buys or a lot more of sells, what loses least per currency first.

    Where the cash lacks more than a few lots, all buys are reduced in proportion first.
    """
    prices, buys = problem.position.prices, problem.way > 0.0
    short, bought = problem.short(units), units * prices * (units > 0.0)
    few = 2.0 * float(problem.lot[bought > 0.0].sum())
    if short > few and bought.any():
        units = _reduced(problem, units, max(1.0 - (short - few) / float(bought.sum()), 0.0), units > 0.0)
        short = problem.short(units)
    for _ in range(ROUNDS):
        if short <= 0.0:
            break
        steps = problem.in_steps(units)
        step = np.where(problem.fine, np.ceil(short / problem.lot), 1.0)
        other = problem.units(np.clip(np.where(buys, steps - step, steps + step), 0.0, problem.steps))
        other = np.where(problem.sendable(other), other, np.where(buys, 0.0, units))
        freed = (units - other) * prices
        loss = problem.each(other) - problem.each(units)
        able = np.flatnonzero(freed > 0.0)
        first = able[np.argsort((loss[able] / np.minimum(freed[able], short)), kind="stable")]
        enough = first[: int(np.searchsorted(np.cumsum(freed[first]), short)) + 1]
        if not len(enough):
            break
        units = units.copy()
        units[enough] = other[enough]
        short = problem.short(units)
    return units


def _filled(problem: LotProblem, units: Array) -> Array:
    """The orders with more lots, as long as one improves the objective and keeps every limit; the best first."""
    prices = problem.position.prices
    wanted = np.maximum(problem.way * (problem.goal - problem.value), 0.0) / problem.lot
    least, smallest = np.ceil(problem.position.least / problem.lot - LOT), float(problem.lot.min())
    for _ in range(ROUNDS * len(units)):
        steps, spare = problem.in_steps(units), max(-problem.short(units), 0.0)
        affordable = np.minimum(np.floor(wanted - steps), np.floor(spare / SPENT_PER_VALUE / problem.lot))
        step = np.where(problem.fine, np.maximum(affordable, 1.0), 1.0)
        more = problem.units(np.minimum(np.maximum(steps + step, least), problem.steps))
        gain, used = problem.each(units) - problem.each(more), (more - units) * prices
        able = np.flatnonzero((gain > NO_GAIN) & (used <= spare) & problem.sendable(more))
        for i in able[np.argsort(-gain[able] / np.maximum(used[able], smallest), kind="stable")].tolist():
            tried = units.copy()
            tried[i] = more[i]
            if not problem.broken(tried):
                units = tried
                break
        else:
            return units
    return units


def _reduced(problem: LotProblem, units: Array, part: float, which: Mask) -> Array:
    """The orders of some lines times a fraction, in whole lots; those that become too small are not sent."""
    steps = problem.in_steps(units)
    smaller = problem.units(np.where(which, np.floor(steps * part), steps))
    return np.where(problem.sendable(smaller), smaller, 0.0)
