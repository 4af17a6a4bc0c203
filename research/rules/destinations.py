"""The boxes that a rule makes on the day it is asked, compiled.

A plain band trades into a box that is known beforehand. What depends on the weights of the day, such as moving only the
assets that are past their band, makes its box when it is asked: the assets that are to move are sent to one point, the
others are left alone, and the box is booked like any other. Weights drift until then, so it is made again at the
booking (`remake`), as the point of a plain box is found by then.
"""

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import TRIGGER, WEIGHT, WEIGHT_SUM
from research.accounting.box import Lines, into_box, place, rest_of
from research.rules.bands import past_trigger
from research.rules.group_box import into_groups
from research.rules.optimum.best_orders import Programme, best_orders, curve_with_tickets
from research.rules.optimum.best_point import best_point, scratch_of
from research.rules.optimum.region import destination
from research.rules.optimum.region import wants as region_wants
from research.rules.rule_options import (
    BEST,
    BOX,
    BREACHING,
    BY_CASH,
    NETWORK,
    REGION,
    TRANCHES,
    BandArrays,
    RuleInput,
    RuleRow,
)


@inlined
def write_box(weights: Array, rule: RuleRow) -> tuple[float, float]:
    """Write the box that brings these weights to workspace.goal into workspace.box; gives the box of cash.

    weights : (n,) weights as drifted, fraction of NAV.
    rule    : of its workspace the goal is read, the box is written.
    Returns : lower and upper bound of cash, fraction of NAV.

    An asset that may only be sold, or bought, has a box without end on the other side: costs must not turn its trade.
    """
    bands, options, k, goal, box = rule.bands, rule.options, rule.k, rule.workspace.goal, rule.workspace.box
    cut = False
    if options.turnover_cap < np.inf:
        owed = overdraft(rest_of(weights), bands, k)
        cut = cap_turnover(weights, options.turnover_cap, owed, goal, rule.workspace.done)
    plain = options.goal == BOX and len(options.groups) == 0
    if plain and not cut:  # the box of the row of the bands says the same, and more
        copy_box(bands, k, box)
        return bands.cash[k, 2], bands.cash[k, 3]
    for i in range(len(weights)):
        moves = goal[i] != weights[i]
        box[0, i] = goal[i] if moves and bands.lower[k, i] > -np.inf else -np.inf
        box[1, i] = goal[i] if moves and bands.upper[k, i] < np.inf else np.inf
        box[2, i] = bands.target[k, i]
    cash = rest_of(goal)
    return min(cash, bands.cash[k, 2]), max(cash, bands.cash[k, 3])


@inlined
def copy_box(bands: BandArrays, k: int, box: Array) -> None:
    """Write row k of the no-trade bands into a box (3, n)."""
    for i in range(bands.lower.shape[1]):
        box[0, i], box[1, i], box[2, i] = bands.lower[k, i], bands.upper[k, i], bands.target[k, i]


@inlined
def overdraft(cash: float, bands: BandArrays, k: int) -> float:
    """The part of NAV by which fees have overdrawn cash, which a trade pays back; 0 where the target borrows.

    cash  : its weight, fraction of NAV.
    bands : the no-trade bands.
    k     : row in force.
    """
    return -cash if cash < -WEIGHT and bands.cash[k, 2] >= 0.0 else 0.0


@linked
def pay_back(at: RuleInput, rule: RuleRow, cost: Array) -> None:
    """Sell from workspace.goal the amount that cash is below zero: toward targets first, as `place` does.

    at   : says which assets can trade.
    rule : of its workspace the goal (n,), fraction of NAV, is written.
    cost : (n,) a side, fraction of the notional.
    """
    bands, k, workspace = rule.bands, rule.k, rule.workspace
    goal, lower, movable = workspace.goal, workspace.box[0], workspace.movable
    owed = overdraft(rest_of(goal), bands, k)
    if owed > 0.0:
        for i in range(len(goal)):
            lower[i] = 0.0 if bands.target[k, i] >= 0.0 else -1.0
            movable[i] = at.tradable[at.t, i] and bands.upper[k, i] < np.inf
        place(Lines(lower, goal, bands.target[k], cost, movable), -owed, goal)


@inlined
def remember(at: RuleInput, rule: RuleRow) -> None:
    """Write down which assets, and cash, are past their trigger at row t: these move, also if they come back by then.

    at   : weights of the close.
    rule : of its workspace `breaching` is written.
    """
    bands, k, breaching = rule.bands, rule.k, rule.workspace.breaching
    for i in range(len(at.weights)):
        past = past_trigger(at.weights[i], bands.trigger_lower[k, i], bands.trigger_upper[k, i])
        breaching[i] = at.tradable[at.t, i] and past > TRIGGER
    breaching[-1] = past_trigger(at.cash_weight, bands.cash[k, 0], bands.cash[k, 1]) > TRIGGER


@on_demand
def remake(at: RuleInput, rule: RuleRow, asked: int) -> tuple[float, float]:
    """Write the box of a decision for the weights at its booking; gives the box of cash, fraction of NAV.

    at    : weights as drifted to the booking, and what can trade then.
    rule  : of its workspace goal and box are written.
    asked : row of the decision, by which costs are taken.
    """
    options, cash = rule.options, rule.workspace.cash
    if options.goal == NETWORK:
        return float(cash[0, 2]), float(cash[0, 3])
    if options.goal != TRANCHES or not _move_on(at, rule):
        set_goal(at, rule, asked)
    else:
        pay_back(at, rule, options.rates[min(asked, len(options.rates) - 1)])
    return write_box(at.weights, rule)


@inlined
def _move_on(at: RuleInput, rule: RuleRow) -> bool:
    """Write the weights after the moves that were decided.

    False where an asset that moves cannot, leaves or turns, and where the money for it has gone since.
    """
    weights, bands, k, moves, goal = at.weights, rule.bands, rule.k, rule.workspace.moves, rule.workspace.goal
    for i in range(len(weights)):
        to = weights[i] + moves[i]
        leaves = bands.lower[k, i] == 0.0 or bands.upper[k, i] == 0.0 or (to < 0.0) != (bands.target[k, i] < 0.0)
        if moves[i] == 0.0:
            to = weights[i]
        elif leaves or not at.tradable[at.t, i]:
            return False
        goal[i] = to
    return rest_of(goal) >= min(0.0, at.cash_weight, bands.cash[k, 2]) - TRIGGER


@on_demand
def set_goal(at: RuleInput, rule: RuleRow, asked: int) -> None:
    """Write into workspace.goal where a trade of these weights goes.

    at    : weights of the close.
    rule  : of its workspace the goal (n,), fraction of NAV, is written.
    asked : row of the decision, by which costs are taken.
    """
    bands, options, k, workspace = rule.bands, rule.options, rule.k, rule.workspace
    cost = options.rates[min(asked, len(options.rates) - 1)]
    placed = False
    if options.goal == REGION:
        placed = _into_region(at, rule, cost)
    elif options.goal == BEST:
        placed = _to_best_point(at, rule, cost)
    elif options.goal == BREACHING:
        placed = move_breaching(at, rule)
    elif len(options.groups) > 0:
        placed = into_groups(at, rule, cost)
    if not placed:
        box = workspace.box
        copy_box(bands, k, box)
        lines = Lines(box[0], box[1], box[2], cost, workspace.movable)
        into_box(at.weights, at.tradable[at.t], lines, bands.cash[k, 2], bands.cash[k, 3], workspace.goal)


@inlined
def _into_region(at: RuleInput, rule: RuleRow, cost: Array) -> bool:
    """Write the point of the region to trade to; where an asset cannot trade, none does."""
    weights, k, start, goal = at.weights, rule.k, rule.workspace.start, rule.workspace.goal
    target, region, stuck = rule.bands.target, rule.options.region, False
    for i in range(len(weights)):
        start[i], goal[i] = weights[i] - target[k, i], weights[i]
        stuck |= not at.tradable[at.t, i]
    if not stuck and region_wants(start, region):
        destination(start, region, start)
        for i in range(len(weights)):
            to = target[k, i] + start[i]
            goal[i] = to if abs(to - weights[i]) > WEIGHT_SUM else weights[i]
        pay_back(at, rule, cost)
    return True


@inlined
def _to_best_point(at: RuleInput, rule: RuleRow, cost: Array) -> bool:
    """Write the best point of the box; where a halt leaves no point, or none is found, the weights as they are.

    An asset that cannot trade stays where it is, and so does one of unknown risk.
    """
    weights, bands, options, k, workspace = at.weights, rule.bands, rule.options, rule.k, rule.workspace
    lower, upper = workspace.box[0], workspace.box[1]
    for i in range(len(weights)):
        free = at.tradable[at.t, i] and options.covariance[k, i, i] > 0.0
        lower[i] = bands.lower[k, i] if free else weights[i]
        upper[i] = bands.upper[k, i] if free else weights[i]
        if free and bands.lower[k, i] == -np.inf:  # may not be bought
            upper[i] = min(upper[i], weights[i])
            lower[i] = weights[i] if bands.upper[k, i] == np.inf else -1.0 if bands.target[k, i] < 0.0 else 0.0
        elif free and bands.upper[k, i] == np.inf:  # may not be sold
            lower[i], upper[i] = weights[i], 1.0 if bands.target[k, i] > 0.0 else weights[i]
        lower[i], upper[i] = min(lower[i], weights[i]), max(upper[i], weights[i])
    scratch, low, high = scratch_of(workspace.rows, workspace.solver), bands.cash[k, 2], bands.cash[k, 3]
    if len(options.alone) > 0:  # money that is not worth a ticket waits, and what is owed is paid back with a trade
        cash = rest_of(weights)
        curve_with_tickets(options.alone[k], workspace.fees, options.covariance[k], workspace.curvature)
        given = Programme(
            weights, bands.target[k], workspace.curvature, cost, workspace.fees, lower, upper, min(low, cash),
            max(high, cash),
        )  # fmt: skip
        found = best_orders(given, workspace.breaching, workspace.orders, scratch, workspace.goal)
        if found > 0:
            pay_back(at, rule, cost)
    else:
        found = best_point(
            weights, bands.target[k], options.covariance[k], cost, options.kappa, lower, upper, low, high, scratch,
            workspace.goal,
        )  # fmt: skip
    if found < 0:
        for i in range(len(weights)):
            workspace.goal[i] = weights[i]
    return True


@inlined
def move_breaching(at: RuleInput, rule: RuleRow) -> bool:
    """Write into workspace.goal the weights after only the breaching assets are brought into their box.

    at      : weights of the close.
    rule    : its options say who pays; its workspace has the breaching assets, and its goal (n,), fraction of NAV, is
              written.
    Returns : False where nobody can pay.

    The payer pays what it has, the rest of the others in proportion to their weights. Cash that is overdrawn is paid
    back like a purchase. An asset with target zero is not raised.
    """
    weights, cash_weight, bands, k, workspace = at.weights, at.cash_weight, rule.bands, rule.k, rule.workspace
    goal, movable, payer = workspace.goal, workspace.movable, rule.options.payer
    owed = _bring_in(at, rule)
    past = workspace.breaching[-1]
    if past:  # cash is an asset like the others
        owed += min(max(cash_weight, bands.cash[k, 2]), bands.cash[k, 3]) - cash_weight
    else:
        owed += overdraft(cash_weight, bands, k)
    if payer == BY_CASH and not past:  # what cash may not hold, it does not take
        owed -= min(owed, max(cash_weight, 0.0)) if owed > 0.0 or bands.cash[k, 3] > 0.0 else 0.0
    elif payer >= 0 and movable[payer] and (owed > 0.0 or bands.target[k, payer] != 0.0):
        paid = min(owed, max(weights[payer], 0.0))
        goal[payer], owed, movable[payer] = weights[payer] - paid, owed - paid, False
    if abs(owed) <= WEIGHT_SUM:
        return True
    able = 0.0 if past or payer == BY_CASH or bands.cash[k, 3] <= 0.0 else max(cash_weight, 0.0)
    for i in range(len(weights)):
        movable[i] = movable[i] and weights[i] > 0.0 and (owed > 0.0 or bands.target[k, i] != 0.0)
        able += weights[i] if movable[i] else 0.0
    if able <= max(owed, 0.0):
        return False
    for i in range(len(weights)):
        goal[i] = weights[i] * (1.0 - owed / able) if movable[i] else goal[i]
    return True


@inlined
def _bring_in(at: RuleInput, rule: RuleRow) -> float:
    """Write the breaching assets into their boxes, and mark possible payers; gives the cash that the trade takes."""
    weights, bands, k, workspace = at.weights, rule.bands, rule.k, rule.workspace
    owed = 0.0
    for i in range(len(weights)):
        breaches = at.tradable[at.t, i] and workspace.breaching[i]
        workspace.goal[i] = min(max(weights[i], bands.lower[k, i]), bands.upper[k, i]) if breaches else weights[i]
        owed += workspace.goal[i] - weights[i]
        bounded = abs(bands.lower[k, i]) + abs(bands.upper[k, i]) < np.inf
        workspace.movable[i] = at.tradable[at.t, i] and not breaches and bounded
    return owed


@linked
def cap_turnover(weights: Array, most: float, owed: float, goal: Array, done: Mask) -> bool:
    """Cut sales, and buys, to `most` in all: the largest moves come first, whole, the last in part.

    weights : (n,) weights as drifted, fraction of NAV.
    most    : fraction of NAV.
    owed    : amount that sales pay back before anything is bought, fraction of NAV.
    goal    : (n,) weights to trade to, fraction of NAV; cut in place.
    done    : (n,) scratch, boolean.
    Returns : whether anything was cut.
    """
    cut, sold = False, 0.0
    for way in (-1.0, 1.0):
        left = min(most, max(sold - owed, 0.0)) if cut and owed > 0.0 else most
        for i in range(len(weights)):
            done[i] = not (goal[i] - weights[i]) * way > 0.0
        for _ in range(len(weights)):
            line, size = -1, 0.0
            for i in range(len(weights)):
                if not done[i] and (goal[i] - weights[i]) * way > size:
                    line, size = i, (goal[i] - weights[i]) * way
            if line < 0:
                break
            done[line] = True
            sold += min(size, left) if way < 0.0 else 0.0
            if size > left:
                goal[line] = weights[line] + way * left if left > 0.0 else weights[line]
                left, cut = 0.0, True
            else:
                left -= size
    return cut
