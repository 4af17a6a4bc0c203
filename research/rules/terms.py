"""What a rule asks beyond the band of each line, compiled: groups, tracking error, waiting against cost, rest."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.compiled import inlined, lean
from research.market.market import Array, Mask, frozen
from research.rules.bands import ROUNDING, TOLERANCE, ask, gap_of, near, reason

Rows = NDArray[np.int64]

NO_LINE = -2  # a decision that no single line caused
ALL, BREACHING = 0, 1  # the lines that a trade moves
PRO_RATA, BY_CASH = -2, -1  # who pays for it: the others in proportion to their weights, or cash; else a line
LOWER_TRIGGER, UPPER_TRIGGER, LOWER, UPPER = range(4)  # rows of the bounds of groups


class Terms(NamedTuple):
    """What a corridor asks and makes beyond its rows; an array without rows stands for nothing of its kind.

    some : is there any of it?  makes_boxes : or are boxes those of the corridor's rows?
    cooldown : sessions after a booked trade on which the rule is not asked.
    member : (n,) number of each line's group.  groups : (K, 4, G) bounds of each group's weight: trigger, then box.
    first_group : what the number of a group is counted from in a reason, after the lines.
    covariance : (K, n, n) a year.
    tracking_error : the ex-ante one, a year, past which the rule trades; infinity where it does not ask for it.
    patience : years that a gap is expected to last x g / 2, where the rule weighs waiting against cost; else 0.
    rates : (R, n) cost a side, fraction of the notional, on each day or on all.  tickets : (n,) currency an order.
    lines, payer : which lines a trade moves, and who pays.  turnover_cap : one-way, fraction of NAV.
    """

    some: bool
    makes_boxes: bool
    cooldown: int
    member: Rows
    groups: Array
    first_group: int
    covariance: Array
    tracking_error: float
    patience: float
    rates: Array
    tickets: Array
    lines: int
    payer: int
    turnover_cap: float


_NO_ROWS, _NO_NUMBERS = np.empty(0, dtype=np.int64), np.empty(0)
PLAIN = Terms(
    some=False,
    makes_boxes=False,
    cooldown=0,
    member=frozen(_NO_ROWS),
    groups=frozen(np.empty((0, 4, 0))),
    first_group=0,
    covariance=frozen(np.empty((0, 0, 0))),
    tracking_error=np.inf,
    patience=0.0,
    rates=frozen(np.empty((0, 0))),
    tickets=frozen(_NO_NUMBERS),
    lines=ALL,
    payer=PRO_RATA,
    turnover_cap=np.inf,
)


class CorridorArrays(NamedTuple):
    """A `Corridor` as kernels take it."""

    asked: Mask
    row: Rows
    target: Array
    trigger_lower: Array
    trigger_upper: Array
    lower: Array
    upper: Array
    cash: Array
    part: float
    terms: Terms


class Room(NamedTuple):
    """Scratch of a decision: (n,) each; box (3, n): lower, upper and target; rooms (2, n) of the groups."""

    weights: Array
    goal: Array
    start: Array
    movable: Mask
    done: Mask
    box: Array
    rooms: Array

    @classmethod
    def of(cls, n: int) -> "Room":
        """Room for n lines."""
        flags, numbers = np.empty((2, n), dtype=np.bool_), np.empty((3, n))
        return cls(numbers[0], numbers[1], numbers[2], flags[0], flags[1], np.empty((3, n)), np.empty((2, n)))


# -- does it trade ---------------------------------------------------------------------------------------------------


@lean
def wants(weights: Array, cash_weight: float, nav: float, tradable: Mask, t: int, rule: CorridorArrays, k: int) -> bool:
    """Does the rule trade? Weights (n,) at a wealth of `nav` against row k of the corridor."""
    if ask(weights, cash_weight, tradable, t, rule.trigger_lower, rule.trigger_upper, rule.cash, k):
        return True
    terms = rule.terms
    if len(terms.groups) > 0:
        for group in range(terms.groups.shape[2]):
            if _past_group(weights, tradable, t, terms, k, group) > TOLERANCE:
                return True
    if terms.tracking_error < np.inf:
        return _tracking_error(weights, rule.target, k, terms.covariance) > terms.tracking_error + TOLERANCE
    if terms.patience > 0.0:
        loss, cost = _of_waiting(weights, nav, t, rule, k)
        return loss > cost
    return False


@lean
def facts(
    weights: Array, cash_weight: float, nav: float, tradable: Mask, t: int, rule: CorridorArrays, k: int
) -> tuple[int, float, float]:
    """(line, size, allowed) of a decision: what is furthest past what it allows, a line, cash, a group, or all."""
    terms, triggers = rule.terms, (rule.trigger_lower, rule.trigger_upper, rule.cash, k)
    if terms.tracking_error < np.inf:
        return NO_LINE, _tracking_error(weights, rule.target, k, terms.covariance), terms.tracking_error
    if terms.patience > 0.0:
        loss, cost = _of_waiting(weights, nav, t, rule, k)
        return NO_LINE, loss, cost
    line, size, allowed = reason(weights, cash_weight, tradable, t, rule.target, *triggers)
    if len(terms.groups) == 0:
        return line, size, allowed
    past = -np.inf
    if line >= 0:
        past = gap_of(weights[line], rule.trigger_lower[k, line], rule.trigger_upper[k, line])
    elif line == -1:
        past = gap_of(cash_weight, rule.cash[k, 0], rule.cash[k, 1])
    for group in range(terms.groups.shape[2]):
        further = _past_group(weights, tradable, t, terms, k, group)
        if further > past + ROUNDING:
            past, line = further, len(weights) + terms.first_group + group
            aim = sum_of(rule.target[k], terms.member, group)
            size = sum_of(weights, terms.member, group) - aim
            allowed = terms.groups[k, UPPER_TRIGGER if size > 0.0 else LOWER_TRIGGER, group] - aim
    return line, size, allowed


@inlined
def may_want(
    units: Array, prices: Array, t: int, nav: float, cash_value: float, tradable: Mask, rule: CorridorArrays, room: Room
) -> bool:
    """May the rule trade at row t of prices? A first look; where there are terms, the whole question."""
    k = rule.row[t]
    if not rule.terms.some:
        return near(units, prices, t, nav, cash_value, rule.trigger_lower, rule.trigger_upper, rule.cash, k)
    total = 0.0
    for i in range(len(units)):
        room.weights[i] = (units[i] * prices[t, i]) * (1.0 / nav)
        total += room.weights[i]
    return wants(room.weights, 1.0 - total, nav, tradable, t, rule, k)


@inlined
def rests(terms: Terms, t: int, booked: int) -> bool:
    """Is the rule not asked at row t, since its last trade was booked in row `booked`?"""
    return terms.cooldown > 0 and t - booked <= terms.cooldown


@inlined
def sum_of(weights: Array, member: Rows, group: int) -> float:
    """The weight of one group."""
    total = 0.0
    for i in range(len(weights)):
        if member[i] == group:
            total += weights[i]
    return total


@inlined
def _past_group(weights: Array, tradable: Mask, t: int, terms: Terms, k: int, group: int) -> float:
    """How far a group is past its trigger. One of which no line can trade does not trigger."""
    total, some = 0.0, False
    for i in range(len(weights)):
        if terms.member[i] == group:
            total += weights[i]
            some |= tradable[t, i]
    if not some:
        return -np.inf
    return max(terms.groups[k, LOWER_TRIGGER, group] - total, total - terms.groups[k, UPPER_TRIGGER, group])


@inlined
def _squared(weights: Array, target: Array, k: int, covariance: Array) -> float:
    """d'Sd of the gaps d = weights - target."""
    total = 0.0
    for i in range(len(weights)):
        row = 0.0
        for j in range(len(weights)):
            row += covariance[k, i, j] * (weights[j] - target[k, j])
        total += (weights[i] - target[k, i]) * row
    return max(total, 0.0)


@inlined
def _tracking_error(weights: Array, target: Array, k: int, covariance: Array) -> float:
    return float(np.sqrt(_squared(weights, target, k, covariance)))


@inlined
def _of_waiting(weights: Array, nav: float, t: int, rule: CorridorArrays, k: int) -> tuple[float, float]:
    """(loss, cost): what waiting is expected to lose, and what a trade to target would cost; fractions of NAV."""
    terms, cost = rule.terms, 0.0
    r = min(t, len(terms.rates) - 1)
    for i in range(len(weights)):
        size = abs(weights[i] - rule.target[k, i])
        if size > TOLERANCE:
            cost += terms.rates[r, i] * size + terms.tickets[i] / nav
    return terms.patience * _squared(weights, rule.target, k, terms.covariance), cost
