"""The point of a box with bounds on the sums of groups besides, compiled."""

import numpy as np

from foundation.arrays import Array
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import WEIGHT_SUM
from research.accounting.box import Lines, place, rest_of
from research.rules.rule_options import GROUP_LOWER, GROUP_UPPER, RuleInput, RuleOptions, RuleRow, Workspace, sum_of


@on_demand
def into_groups(at: RuleInput, rule: RuleRow, cost: Array) -> bool:
    """Write into workspace.goal where a trade of weights goes, with assets, groups and cash inside their boxes.

    at      : the weights.
    rule    : its options have the groups and their bounds; of its workspace the goal (n,), fraction of NAV, is written.
    cost    : (n,) a side, fraction of the notional.
    Returns : False where a halt or a locked asset leaves no such point.

    As `into_box`, with the sum of each group between its own bounds besides: each asset is clamped, then each group is
    brought inside by its own lines, then cash takes what its box allows; what remains is placed on all assets as far as
    their groups have room.
    """
    weights, bands, options, k, workspace = at.weights, rule.bands, rule.options, rule.k, rule.workspace
    goal, lower, upper = workspace.goal, workspace.box[0], workspace.box[1]
    for i in range(len(weights)):  # one that may be traded one way goes that way, as far as its own side of zero
        side = 0.0 if bands.target[k, i] >= 0.0 else 1.0
        lower[i], upper[i] = max(bands.lower[k, i], -side), min(bands.upper[k, i], 1.0 - side)
        goal[i] = min(max(weights[i], bands.lower[k, i]), bands.upper[k, i]) if at.tradable[at.t, i] else weights[i]
    for group in range(options.groups.shape[2]):
        total = sum_of(goal, options.member, group)
        inside = min(max(total, options.groups[k, GROUP_LOWER, group]), options.groups[k, GROUP_UPPER, group])
        _place_in(at, rule, group, cost, inside - total)
    cash = rest_of(goal)
    excess = cash - min(max(cash, bands.cash[k, 2]), bands.cash[k, 3])
    return abs(excess) <= WEIGHT_SUM or abs(_place_over(at, rule, cost, excess)) <= WEIGHT_SUM


@linked
def _place_over(at: RuleInput, rule: RuleRow, cost: Array, amount: float) -> float:
    """Move the assets by `amount` in all, each group within its bounds; gives the part that could not be placed.

    Assets move as if there were no groups; a group that went too far is set to its bound, and what it took too much of
    is placed on the others, until none does.
    """
    options, workspace, member = rule.options, rule.workspace, rule.options.member
    goal, start, rooms = workspace.goal, workspace.start, workspace.rooms
    n, count, left = len(goal), options.groups.shape[2], amount
    lower, upper = workspace.box[0], workspace.box[1]
    _set_ways(rule, amount)
    for group in range(count):
        bound = options.groups[rule.k, GROUP_UPPER if amount > 0.0 else GROUP_LOWER, group]
        room_left = bound - sum_of(goal, member, group)  # of a group past its bound there is none
        rooms[0, group] = max(room_left, 0.0) if amount > 0.0 else min(room_left, 0.0)
        rooms[1, group] = 0.0  # is it full?
    for _ in range(count + 1):
        left = amount
        for i in range(n):
            goal[i] = start[i]
        for group in range(count):
            if rooms[1, group] > 0.0:
                _place_in(at, rule, group, cost, rooms[0, group])
                left -= rooms[0, group]
        for i in range(n):
            workspace.movable[i] = rooms[1, member[i]] == 0.0 and _has_way(at, rule, i, left)
        if abs(left) > WEIGHT_SUM:
            left = place(Lines(lower, upper, rule.bands.target[rule.k], cost, workspace.movable), left, goal)
        if not _find_full(options, workspace):
            break
    return left


@inlined
def _set_ways(rule: RuleRow, amount: float) -> None:
    """Write the weight of each asset into workspace.start, and its range for all groups into workspace.box."""
    bands, k, workspace = rule.bands, rule.k, rule.workspace
    goal, lower, upper = workspace.goal, workspace.box[0], workspace.box[1]
    for i in range(len(goal)):
        workspace.start[i] = lower[i] = upper[i] = goal[i]
        bounded = abs(bands.lower[k, i]) + abs(bands.upper[k, i]) < np.inf  # others go to their target at most
        if amount > 0.0:
            upper[i] = bands.upper[k, i] if bounded else max(goal[i], bands.target[k, i])
        else:
            lower[i] = bands.lower[k, i] if bounded else min(goal[i], bands.target[k, i])


@inlined
def _find_full(options: RuleOptions, workspace: Workspace) -> bool:
    """Mark the groups that moved further than their bounds allow; true if there is a new one."""
    found = False
    for group in range(options.groups.shape[2]):
        moved = sum_of(workspace.goal, options.member, group) - sum_of(workspace.start, options.member, group)
        if workspace.rooms[1, group] == 0.0 and abs(moved) > abs(workspace.rooms[0, group]) + WEIGHT_SUM:
            workspace.rooms[1, group], found = 1.0, True
    return found


@inlined
def _has_way(at: RuleInput, rule: RuleRow, i: int, amount: float) -> bool:
    """True if asset i may be moved to make room: not where it may not be traded so, nor up where its target is zero."""
    bands, k = rule.bands, rule.k
    free = bands.upper[k, i] < np.inf if amount < 0.0 else bands.lower[k, i] > -np.inf
    return at.tradable[at.t, i] and free and (amount < 0.0 or bands.target[k, i] != 0.0)


@inlined
def _place_in(at: RuleInput, rule: RuleRow, group: int, cost: Array, amount: float) -> None:
    """Move the assets of one group by `amount` in all, inside workspace.box."""
    workspace = rule.workspace
    if abs(amount) > WEIGHT_SUM:
        for i in range(len(workspace.movable)):
            workspace.movable[i] = rule.options.member[i] == group and _has_way(at, rule, i, amount)
        lines = Lines(workspace.box[0], workspace.box[1], rule.bands.target[rule.k], cost, workspace.movable)
        place(lines, amount, workspace.goal)
