"""The decision to trade, and its reason: bands of lines, conditions of the options, a network's box. Compiled."""

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, on_demand
from foundation.tolerances import TRIGGER, WEIGHT
from research.rules.bands import ask, gap_of, past_trigger, reason
from research.rules.destinations import remember, set_goal
from research.rules.networks.actions import decode_into
from research.rules.networks.arrays import POLICY_NETWORK
from research.rules.networks.equivariant import Lines, forward_with, see
from research.rules.networks.features import LOOKBACK, REACH, observe, standardise
from research.rules.networks.policy_network import forward_row
from research.rules.rule_options import (
    BREACHING,
    GROUP_LOWER_TRIGGER,
    GROUP_UPPER_TRIGGER,
    NETWORK,
    NO_LINE,
    REGION,
    TRANCHES,
    BandArrays,
    RuleOptions,
    Workspace,
    sum_of,
)


@on_demand
def answer(
    weights: Array,
    cash_weight: float,
    nav: float,
    tradable: Mask,
    t: int,
    age: int,
    rule: BandArrays,
    options: RuleOptions,
    k: int,
    workspace: Workspace,
) -> tuple[bool, int, float, float]:
    """(trades, line, size, allowed): the decision of a rule, and its reason.

    The data of a later box (`remake`) stay in the workspace.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    nav         : wealth, currency.
    tradable    : (T, n) whether each line can trade.
    t           : row of the day in it.
    age         : sessions since the last trade.
    rule        : the bands.
    options     : options of the rule beyond the bands.
    k           : row of the bands in force.
    workspace   : its arrays are written.
    Returns     : whether it trades, number of the line that is the reason, and size and allowed as `Why` has them.
    """
    if options.goal == NETWORK:
        return answer_of_network(weights, cash_weight, tradable, t, age, rule, options, k, workspace)
    by_goal = options.goal >= REGION or options.tracking_error < np.inf or options.patience > 0.0
    trades = not by_goal and _is_past(weights, cash_weight, tradable, t, rule, options, k)
    if trades and options.goal == BREACHING:
        remember(weights, cash_weight, tradable, t, rule, k, workspace)
    if by_goal or (trades and (options.makes_boxes or options.restricted)):
        set_goal(weights, cash_weight, tradable, t, rule, options, k, t, workspace)
    if by_goal:
        trades, line, size, allowed = _by_goal(weights, nav, t, rule, options, k, workspace)
    else:
        trades = trades and (
            not options.restricted or _reduces_breaches(weights, cash_weight, tradable, t, rule, options, k, workspace)
        )
        line, size, allowed = _by_bands(weights, cash_weight, tradable, t, rule, options, k)
    if trades and options.goal == TRANCHES:
        for i in range(len(weights)):
            workspace.moves[i] = workspace.goal[i] - weights[i]
    return trades, line, size, allowed


@inlined
def _is_past(
    weights: Array, cash_weight: float, tradable: Mask, t: int, rule: BandArrays, options: RuleOptions, k: int
) -> bool:
    """True if a line, cash or a group is past its trigger."""
    if ask(weights, cash_weight, tradable, t, rule.trigger_lower, rule.trigger_upper, rule.cash, k):
        return True
    if len(options.groups) > 0:
        for group in range(options.groups.shape[2]):
            if _past_group(weights, tradable, t, rule, options, k, group) > TRIGGER:
                return True
    return False


@inlined
def _by_goal(
    weights: Array, nav: float, t: int, rule: BandArrays, options: RuleOptions, k: int, workspace: Workspace
) -> tuple[bool, int, float, float]:
    """(trades, line, size, allowed) of a rule that weighs going to its goal, workspace.goal, against staying.

    It trades where the goal is too far by its tracking error, or costs more to wait for than to go to, or, of a region
    and of a best point, another than the weights: then the line is the one that moves the most, with its gap and that
    left.
    """
    if options.tracking_error < np.inf:
        found = _tracking_error(weights, workspace.goal, k, options.covariance)
        return found > options.tracking_error + TRIGGER, NO_LINE, found, options.tracking_error
    if options.patience > 0.0:
        loss, cost = _of_waiting(weights, workspace.goal, nav, t, options, k)
        return loss > cost, NO_LINE, loss, cost
    line, far = _most_moved(weights, rule.target, k, workspace.goal)
    return far > TRIGGER, line, weights[line] - rule.target[k, line], workspace.goal[line] - rule.target[k, line]


@inlined
def _reduces_breaches(
    weights: Array, cash_weight: float, tradable: Mask, t: int, rule: BandArrays, options: RuleOptions, k: int,
    workspace: Workspace,
) -> bool:  # fmt: skip
    """True if a trade reduces breaches enough where some lines may not be traded both ways, and block the others.

    It does where it brings all inside their bands, or closer to them in all than the narrowest band that is broken is
    wide. Otherwise it would trade every day on a breach that no trade can remove. Tranches have no bands, and
    days of their own.
    """
    cash, before, after, least = 1.0, 0.0, 0.0, np.inf
    for i in range(len(weights)):
        cash -= workspace.goal[i]
        if tradable[t, i]:
            lower, upper = rule.trigger_lower[k, i], rule.trigger_upper[k, i]
            past = past_trigger(weights[i], lower, upper)
            if past > TRIGGER:
                aim = rule.target[k, i]
                least = min(least, aim - lower if weights[i] < lower else upper - aim)
            before += max(past, 0.0)
            after += max(past_trigger(workspace.goal[i], lower, upper), 0.0)
    lower, upper = rule.cash[k, 0], rule.cash[k, 1]
    past = past_trigger(cash_weight, lower, upper)
    least = min(least, 0.5 * (upper - lower)) if past > TRIGGER else least
    before += max(past, 0.0)
    after += max(past_trigger(cash, lower, upper), 0.0)
    if len(options.groups) > 0:
        for group in range(options.groups.shape[2]):
            lower, upper = options.groups[k, GROUP_LOWER_TRIGGER, group], options.groups[k, GROUP_UPPER_TRIGGER, group]
            past = _past_group(weights, tradable, t, rule, options, k, group)
            least = min(least, 0.5 * (upper - lower)) if past > TRIGGER else least
            before += max(past, 0.0)
            after += max(_past_group(workspace.goal, tradable, t, rule, options, k, group), 0.0)
    return options.goal == TRANCHES or least == 0.0 or after <= TRIGGER or before - after > least + TRIGGER


@inlined
def _by_bands(
    weights: Array, cash_weight: float, tradable: Mask, t: int, rule: BandArrays, options: RuleOptions, k: int
) -> tuple[int, float, float]:
    """(line, size, allowed): the line, cash or group that is furthest past its trigger."""
    triggers = (rule.trigger_lower, rule.trigger_upper, rule.cash, k)
    line, size, allowed = reason(weights, cash_weight, tradable, t, rule.target, *triggers)
    if len(options.groups) == 0:
        return line, size, allowed
    past = -np.inf
    if line >= 0:
        past = gap_of(weights[line], rule.trigger_lower[k, line], rule.trigger_upper[k, line])
    elif line == -1:
        past = gap_of(cash_weight, rule.cash[k, 0], rule.cash[k, 1])
    for group in range(options.groups.shape[2]):
        further = _past_group(weights, tradable, t, rule, options, k, group)
        if further > past + WEIGHT:
            past, line = further, len(weights) + options.first_group + group
            aim = sum_of(rule.target[k], options.member, group)
            size = sum_of(weights, options.member, group) - aim
            allowed = options.groups[k, GROUP_UPPER_TRIGGER if size > 0.0 else GROUP_LOWER_TRIGGER, group] - aim
    return line, size, allowed


@inlined
def _past_group(
    weights: Array, tradable: Mask, t: int, rule: BandArrays, options: RuleOptions, k: int, group: int
) -> float:
    """Distance of a group past its trigger. A group does not trigger if none of its lines can be traded that way."""
    total, buys, sells = 0.0, False, False
    for i in range(len(weights)):
        if options.member[i] == group:
            total += weights[i]
            buys |= tradable[t, i] and rule.lower[k, i] > -np.inf
            sells |= tradable[t, i] and rule.upper[k, i] < np.inf
    under = options.groups[k, GROUP_LOWER_TRIGGER, group] - total if buys else -np.inf
    over = total - options.groups[k, GROUP_UPPER_TRIGGER, group] if sells else -np.inf
    return max(under, over)


@inlined
def _squared(weights: Array, goal: Array, k: int, covariance: Array) -> float:
    """d'Sd of the gaps d = weights - goal."""
    total = 0.0
    for i in range(len(weights)):
        row = 0.0
        for j in range(len(weights)):
            row += covariance[k, i, j] * (weights[j] - goal[j])
        total += (weights[i] - goal[i]) * row
    return max(total, 0.0)


@inlined
def _tracking_error(weights: Array, goal: Array, k: int, covariance: Array) -> float:
    """Ex-ante tracking error of the weights to the goal, sqrt(d'Σd), fraction a year."""
    return float(np.sqrt(_squared(weights, goal, k, covariance)))


@inlined
def _of_waiting(weights: Array, goal: Array, nav: float, t: int, options: RuleOptions, k: int) -> tuple[float, float]:
    """(loss, cost): the expected loss of waiting, and the cost of a trade to the goal; fractions of NAV.

    Where no gap is more than a rounding there is nothing to lose.
    """
    cost, some = 0.0, False
    r = min(t, len(options.rates) - 1)
    for i in range(len(weights)):
        size = abs(weights[i] - goal[i])
        if size > TRIGGER:
            cost += options.rates[r, i] * size + options.tickets[i] / nav
            some = True
    return options.patience * _squared(weights, goal, k, options.covariance) if some else 0.0, cost


@inlined
def _most_moved(weights: Array, target: Array, k: int, goal: Array) -> tuple[int, float]:
    """The line that is to move the most, and its move; where none is, the one with the widest gap."""
    line, far, widest = 0, 0.0, -1.0
    for i in range(len(weights)):
        way, gap = abs(goal[i] - weights[i]), abs(weights[i] - target[k, i])
        if way > far + WEIGHT or (far <= WEIGHT and way <= WEIGHT and gap > widest + WEIGHT):
            line, far, widest = i, way, gap
    return line, far


@on_demand
def answer_of_network(
    weights: Array,
    cash_weight: float,
    tradable: Mask,
    t: int,
    age: int,
    rule: BandArrays,
    options: RuleOptions,
    k: int,
    workspace: Workspace,
) -> tuple[bool, int, float, float]:
    """(trades, line, size, allowed): the answer of a network's box. The box stays in the workspace.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    tradable    : (T, n) whether each line can trade.
    t           : row of the day in it.
    age         : sessions since the last trade.
    rule        : the bands; a bound of theirs that is infinite stays so.
    options     : options with the network.
    k           : row of the bands in force.
    workspace   : its box, bounds of cash and fraction of the way are written.
    Returns     : whether it trades, number of the line that is the reason, and size and allowed as `Why` has them.
    """
    if options.network.whose == POLICY_NETWORK:
        _policy_box(weights, t, age, options, k, workspace)
    else:
        _universal_box(weights, rule, options, k, workspace)
    if workspace.fraction[0] == 0.0:
        return False, NO_LINE, 0.0, 0.0
    for i in range(len(weights)):
        if rule.lower[k, i] == -np.inf:
            workspace.box[0, i] = -np.inf
        if rule.upper[k, i] == np.inf:
            workspace.box[1, i] = np.inf
        workspace.box[2, i] = rule.target[k, i]
    lower, upper, target = workspace.box[0:1], workspace.box[1:2], workspace.box[2:3]
    trades = ask(weights, cash_weight, tradable, t, lower, upper, workspace.cash, 0)
    line, size, allowed = reason(weights, cash_weight, tradable, t, target, lower, upper, workspace.cash, 0)
    return trades, line, size, allowed


@inlined
def _policy_box(weights: Array, t: int, age: int, options: RuleOptions, k: int, workspace: Workspace) -> None:
    """The box of a learned policy."""
    network, scratch = options.network, workspace.network
    kind, count, size = network.kind[k], len(network.standard.mean), len(network.policy.bias_2)
    first, second = len(network.policy.bias_0), len(network.policy.bias_1)
    row = min(t, len(network.recent) - 1)
    recent = network.recent[max(row + 1 - LOOKBACK, 0) : row + 1, kind]
    observe(weights, recent, age, network.scales, kind, scratch.wide[0, :count])
    standardise(scratch.wide[0:1, :count], network.standard, scratch.narrow[0:1, :count])
    numbers = scratch.narrow[3:4, :size]
    forward_row(
        network.policy, scratch.narrow[0, :count], scratch.narrow[1, :first], scratch.narrow[2, :second], numbers[0]
    )
    scratch.kind[0] = kind
    decode_into(network.action, numbers, scratch.kind, network.scales, scratch.decoded)
    for i in range(len(weights)):
        workspace.box[0, i], workspace.box[1, i] = scratch.decoded.lower[0, i], scratch.decoded.upper[0, i]
    for j in range(4):
        workspace.cash[0, j] = scratch.decoded.cash[0, j]
    workspace.fraction[0] = scratch.decoded.fraction[0]


@inlined
def _universal_box(weights: Array, rule: BandArrays, options: RuleOptions, k: int, workspace: Workspace) -> None:
    """The box of the universal policy: a band round each target, as wide as the network has it; cash takes the rest."""
    network, scratch = options.network, workspace.network
    n, narrowest, cash, whole = network.size[k], np.inf, 1.0, 0.0
    for i in range(len(weights)):
        workspace.goal[i] = network.width_of[k, i]
    if n > 0:
        lines = Lines(
            network.lines.target[k, :n],
            network.lines.half_width[k, :n],
            network.lines.covariance[k, :n, :n],
            network.lines.counter[k, :n],
            network.lines.standing[k, :n],
        )
        features = len(network.standard.mean)
        for j in range(n):
            workspace.start[j] = weights[network.line[k, j]]
        seen = scratch.wide[8 : 8 + n, :features]
        see(lines, workspace.start[:n], seen)
        forward_with(network.net, network.standard, seen, workspace.moves[:n], scratch.wide)
        for j in range(n):
            workspace.goal[network.line[k, j]] = network.lines.half_width[k, j] * REACH ** workspace.moves[j]
    for i in range(len(weights)):
        if workspace.goal[i] > 0.0:
            narrowest = min(narrowest, workspace.goal[i])
        cash -= rule.target[k, i]
    for i in range(len(weights)):
        target = rule.target[k, i]
        width = workspace.goal[i] if workspace.goal[i] >= 0.0 else narrowest if narrowest < np.inf else 0.0
        lower, upper = target - width, target + width
        workspace.box[0, i] = max(lower, 0.0) if target >= 0.0 else lower
        workspace.box[1, i] = upper if target >= 0.0 else min(upper, 0.0)
        whole += width
    workspace.cash[0, 0], workspace.cash[0, 1] = -np.inf, np.inf
    if rule.cash[k, 2] == 0.0 and rule.cash[k, 3] == 0.0:  # the target leaves nothing to cash
        workspace.cash[0, 2] = workspace.cash[0, 3] = 0.0
    else:
        lower, upper = cash - whole, cash + whole
        workspace.cash[0, 2] = max(lower, 0.0) if cash >= 0.0 else lower
        workspace.cash[0, 3] = upper if cash >= 0.0 else min(upper, 0.0)
    workspace.fraction[0] = rule.fraction
