"""The boxes that a rule makes on the day it is asked, compiled.

A plain band trades into a box that is known beforehand. What depends on the weights of the day, such as moving only the
lines that are past their band, makes its box when it is asked: the lines that are to move are sent to one point, the
others are left alone, and the box is booked like any other. Weights drift until then, so it is made again at the
booking (`remake`), as the point of a plain box is found by then.
"""

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import TRIGGER, WEIGHT, WEIGHT_SUM
from research.accounting.box import Lines, into_box, place
from research.rules.bands import past_trigger
from research.rules.group_box import into_groups
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
    RuleOptions,
    Workspace,
)


@inlined
def write_box(
    weights: Array, rule: BandArrays, options: RuleOptions, k: int, workspace: Workspace
) -> tuple[float, float]:
    """Write the box that brings these weights to workspace.goal into workspace.box; gives the box of cash.

    weights   : (n,) weights as drifted, fraction of NAV.
    rule      : the bands.
    options   : options of the rule beyond the bands.
    k         : row of the bands in force.
    workspace : its goal is read, its box is written.
    Returns   : lower and upper bound of cash, fraction of NAV.

    A line that may only be sold, or bought, has a box without end on the other side: costs must not turn its trade.
    """
    goal, box, cut = workspace.goal, workspace.box, False
    if options.turnover_cap < np.inf:
        owed = overdraft(rest_of(weights), rule, k)
        cut = cap_turnover(weights, options.turnover_cap, owed, goal, workspace.done)
    plain = options.goal == BOX and len(options.groups) == 0
    if plain and not cut:  # the box of the row of the bands says the same, and more
        copy_box(rule, k, box)
        return rule.cash[k, 2], rule.cash[k, 3]
    for i in range(len(weights)):
        moves = goal[i] != weights[i]
        box[0, i] = goal[i] if moves and rule.lower[k, i] > -np.inf else -np.inf
        box[1, i] = goal[i] if moves and rule.upper[k, i] < np.inf else np.inf
        box[2, i] = rule.target[k, i]
    cash = rest_of(goal)
    return min(cash, rule.cash[k, 2]), max(cash, rule.cash[k, 3])


@inlined
def copy_box(rule: BandArrays, k: int, box: Array) -> None:
    """Write row k of the no-trade bands into a box (3, n)."""
    for i in range(rule.lower.shape[1]):
        box[0, i], box[1, i], box[2, i] = rule.lower[k, i], rule.upper[k, i], rule.target[k, i]


@inlined
def rest_of(weights: Array) -> float:
    """The weight of cash beside weights (n,), fraction of NAV."""
    cash = 1.0
    for i in range(len(weights)):
        cash -= weights[i]
    return cash


@inlined
def overdraft(cash: float, rule: BandArrays, k: int) -> float:
    """The part of NAV by which fees have overdrawn cash, which a trade pays back; 0 where the target borrows.

    cash : its weight, fraction of NAV.
    rule : the bands.
    k    : row of the bands in force.
    """
    return -cash if cash < -WEIGHT and rule.cash[k, 2] >= 0.0 else 0.0


@linked
def pay_back(tradable: Mask, t: int, rule: BandArrays, k: int, cost: Array, workspace: Workspace) -> None:
    """Sell from workspace.goal the amount that cash is below zero: toward targets first, as `place` does.

    tradable  : (T, n) whether each line can trade.
    t         : row of the day in it.
    rule      : the bands.
    k         : row of the bands in force.
    cost      : (n,) a side, fraction of the notional.
    workspace : its goal (n,), fraction of NAV, is written.
    """
    goal, lower, movable = workspace.goal, workspace.box[0], workspace.movable
    owed = overdraft(rest_of(goal), rule, k)
    if owed > 0.0:
        for i in range(len(goal)):
            lower[i] = 0.0 if rule.target[k, i] >= 0.0 else -1.0
            movable[i] = tradable[t, i] and rule.upper[k, i] < np.inf
        place(Lines(lower, goal, rule.target[k], cost, movable), -owed, goal)


@inlined
def remember(
    weights: Array, cash_weight: float, tradable: Mask, t: int, rule: BandArrays, k: int, workspace: Workspace
) -> None:
    """Write down which lines, and cash, are past their trigger at row t: these move, also if they come back by then.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    tradable    : (T, n) whether each line can trade.
    t           : row of the day in it.
    rule        : the bands.
    k           : row of the bands in force.
    workspace   : its `breaching` is written.
    """
    for i in range(len(weights)):
        past = past_trigger(weights[i], rule.trigger_lower[k, i], rule.trigger_upper[k, i])
        workspace.breaching[i] = tradable[t, i] and past > TRIGGER
    workspace.breaching[-1] = past_trigger(cash_weight, rule.cash[k, 0], rule.cash[k, 1]) > TRIGGER


@on_demand
def remake(
    weights: Array,
    cash_weight: float,
    tradable: Mask,
    t: int,
    rule: BandArrays,
    options: RuleOptions,
    k: int,
    asked: int,
    workspace: Workspace,
) -> tuple[float, float]:
    """Write the box of a decision for the weights at its booking; gives the box of cash, fraction of NAV.

    weights     : (n,) weights as drifted to the booking, fraction of NAV.
    cash_weight : weight of cash then, fraction of NAV.
    tradable    : (T, n) whether each line can trade.
    t           : row of the booking in it.
    rule        : the bands.
    options     : options of the rule beyond the bands.
    k           : row of the bands in force.
    asked       : row of the decision, by which costs are taken.
    workspace   : its goal and box are written.
    """
    if options.goal == NETWORK:
        return float(workspace.cash[0, 2]), float(workspace.cash[0, 3])
    if options.goal != TRANCHES or not _move_on(weights, cash_weight, tradable, t, rule, k, workspace):
        set_goal(weights, cash_weight, tradable, t, rule, options, k, asked, workspace)
    else:
        pay_back(tradable, t, rule, k, options.rates[min(asked, len(options.rates) - 1)], workspace)
    return write_box(weights, rule, options, k, workspace)


@inlined
def _move_on(
    weights: Array, cash_weight: float, tradable: Mask, t: int, rule: BandArrays, k: int, workspace: Workspace
) -> bool:
    """Write the weights after the moves that were decided.

    False where a line that moves cannot, leaves or turns, and where the money for it has gone since.
    """
    for i in range(len(weights)):
        to = weights[i] + workspace.moves[i]
        leaves = rule.lower[k, i] == 0.0 or rule.upper[k, i] == 0.0 or (to < 0.0) != (rule.target[k, i] < 0.0)
        if workspace.moves[i] == 0.0:
            to = weights[i]
        elif leaves or not tradable[t, i]:
            return False
        workspace.goal[i] = to
    return rest_of(workspace.goal) >= min(0.0, cash_weight, rule.cash[k, 2]) - TRIGGER


@on_demand
def set_goal(
    weights: Array,
    cash_weight: float,
    tradable: Mask,
    t: int,
    rule: BandArrays,
    options: RuleOptions,
    k: int,
    asked: int,
    workspace: Workspace,
) -> None:
    """Write into workspace.goal where a trade of these weights goes.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    tradable    : (T, n) whether each line can trade.
    t           : row of the day in it.
    rule        : the bands.
    options     : options of the rule beyond the bands.
    k           : row of the bands in force.
    asked       : row of the decision, by which costs are taken.
    workspace   : its goal (n,), fraction of NAV, is written.
    """
    cost = options.rates[min(asked, len(options.rates) - 1)]
    placed = False
    if options.goal == REGION:
        placed = _into_region(weights, tradable, t, rule, options, k, cost, workspace)
    elif options.goal == BEST:
        placed = _to_best_point(weights, tradable, t, rule, options, k, cost, workspace)
    elif options.goal == BREACHING:
        placed = move_breaching(weights, cash_weight, tradable, t, rule, options, k, workspace)
    elif len(options.groups) > 0:
        placed = into_groups(weights, tradable, t, rule, options, k, cost, workspace)
    if not placed:
        box = workspace.box
        copy_box(rule, k, box)
        into_box(
            weights, tradable[t], box[0], box[1], box[2], rule.cash[k, 2], rule.cash[k, 3], cost, workspace.movable,
            workspace.goal,
        )  # fmt: skip


@inlined
def _into_region(
    weights: Array,
    tradable: Mask,
    t: int,
    rule: BandArrays,
    options: RuleOptions,
    k: int,
    cost: Array,
    workspace: Workspace,
) -> bool:
    """Write the point of the region to trade to; where a line cannot trade, none does."""
    stuck = False
    for i in range(len(weights)):
        workspace.start[i], workspace.goal[i] = weights[i] - rule.target[k, i], weights[i]
        stuck |= not tradable[t, i]
    if not stuck and region_wants(workspace.start, options.region):
        destination(workspace.start, options.region, workspace.start)
        for i in range(len(weights)):
            to = rule.target[k, i] + workspace.start[i]
            workspace.goal[i] = to if abs(to - weights[i]) > WEIGHT_SUM else weights[i]
        pay_back(tradable, t, rule, k, cost, workspace)
    return True


@inlined
def _to_best_point(
    weights: Array,
    tradable: Mask,
    t: int,
    rule: BandArrays,
    options: RuleOptions,
    k: int,
    cost: Array,
    workspace: Workspace,
) -> bool:
    """Write the best point of the box; where a halt leaves no point, or none is found, the weights as they are.

    A line that cannot trade stays where it is, and so does one of unknown risk.
    """
    lower, upper = workspace.box[0], workspace.box[1]
    for i in range(len(weights)):
        free = tradable[t, i] and options.covariance[k, i, i] > 0.0
        lower[i] = rule.lower[k, i] if free else weights[i]
        upper[i] = rule.upper[k, i] if free else weights[i]
        if free and rule.lower[k, i] == -np.inf:  # may not be bought
            upper[i] = min(upper[i], weights[i])
            lower[i] = weights[i] if rule.upper[k, i] == np.inf else -1.0 if rule.target[k, i] < 0.0 else 0.0
        elif free and rule.upper[k, i] == np.inf:  # may not be sold
            lower[i], upper[i] = weights[i], 1.0 if rule.target[k, i] > 0.0 else weights[i]
        lower[i], upper[i] = min(lower[i], weights[i]), max(upper[i], weights[i])
    found = best_point(
        weights, rule.target[k], options.covariance[k], cost, options.kappa, lower, upper, rule.cash[k, 2],
        rule.cash[k, 3], scratch_of(workspace.rows, workspace.solver), workspace.goal,
    )  # fmt: skip
    if found < 0:
        for i in range(len(weights)):
            workspace.goal[i] = weights[i]
    return True


@inlined
def move_breaching(
    weights: Array,
    cash_weight: float,
    tradable: Mask,
    t: int,
    rule: BandArrays,
    options: RuleOptions,
    k: int,
    workspace: Workspace,
) -> bool:
    """Write into workspace.goal the weights after only the breaching lines are brought into their box.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    tradable    : (T, n) whether each line can trade.
    t           : row of the day in it.
    rule        : the bands.
    options     : options that say who pays.
    k           : row of the bands in force.
    workspace   : workspace with the breaching lines; its goal (n,), fraction of NAV, is written.
    Returns     : False where nobody can pay.

    The payer pays what it has, the rest of the others in proportion to their weights. Cash that is overdrawn is paid
    back like a purchase. A line with target zero is not raised.
    """
    goal, movable, payer = workspace.goal, workspace.movable, options.payer
    owed = _bring_in(weights, tradable, t, rule, k, workspace)
    past = workspace.breaching[-1]
    if past:  # cash is a line like the others
        owed += min(max(cash_weight, rule.cash[k, 2]), rule.cash[k, 3]) - cash_weight
    else:
        owed += overdraft(cash_weight, rule, k)
    if payer == BY_CASH and not past:  # what cash may not hold, it does not take
        owed -= min(owed, max(cash_weight, 0.0)) if owed > 0.0 or rule.cash[k, 3] > 0.0 else 0.0
    elif payer >= 0 and movable[payer] and (owed > 0.0 or rule.target[k, payer] != 0.0):
        paid = min(owed, max(weights[payer], 0.0))
        goal[payer], owed, movable[payer] = weights[payer] - paid, owed - paid, False
    if abs(owed) <= WEIGHT_SUM:
        return True
    able = 0.0 if past or payer == BY_CASH or rule.cash[k, 3] <= 0.0 else max(cash_weight, 0.0)
    for i in range(len(weights)):
        movable[i] = movable[i] and weights[i] > 0.0 and (owed > 0.0 or rule.target[k, i] != 0.0)
        able += weights[i] if movable[i] else 0.0
    if able <= max(owed, 0.0):
        return False
    for i in range(len(weights)):
        goal[i] = weights[i] * (1.0 - owed / able) if movable[i] else goal[i]
    return True


@inlined
def _bring_in(weights: Array, tradable: Mask, t: int, rule: BandArrays, k: int, workspace: Workspace) -> float:
    """Write the breaching lines into their boxes, and mark possible payers; gives the cash that the trade takes."""
    owed = 0.0
    for i in range(len(weights)):
        breaches = tradable[t, i] and workspace.breaching[i]
        workspace.goal[i] = min(max(weights[i], rule.lower[k, i]), rule.upper[k, i]) if breaches else weights[i]
        owed += workspace.goal[i] - weights[i]
        bounded = abs(rule.lower[k, i]) + abs(rule.upper[k, i]) < np.inf
        workspace.movable[i] = tradable[t, i] and not breaches and bounded
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
