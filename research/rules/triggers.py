"""The decision to trade, and its reason: bands of assets, conditions of the options, a network's box. Compiled."""

import numpy as np

from foundation.arrays import Array
from foundation.compiled import inlined, on_demand
from foundation.tolerances import TRIGGER, WEIGHT
from research.rules.bands import Triggers, ask, gap_of, past_trigger, reason
from research.rules.destinations import remember, set_goal
from research.rules.networks.actions import decode_into
from research.rules.networks.arrays import POLICY_NETWORK
from research.rules.networks.equivariant import Lines, forward_with, see
from research.rules.networks.features import ACTION_REACH, LOOKBACK, observe, standardise
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
    RuleInput,
    RuleOptions,
    RuleRow,
    Workspace,
    sum_of,
    triggers_of,
)


@on_demand
def answer(at: RuleInput, nav: float, age: int, rule: RuleRow) -> tuple[bool, int, float, float]:
    """(trades, asset, size, allowed): the decision of a rule, and its reason.

    at      : weights of the close.
    nav     : wealth, currency.
    age     : sessions since the last trade.
    rule    : its workspace keeps the data of a later box (`remake`).
    Returns : whether it trades, number of the asset that is the reason, and size and allowed as `Why` has them.
    """
    options, goal, moves = rule.options, rule.workspace.goal, rule.workspace.moves
    if options.goal == NETWORK:
        return answer_of_network(at, age, rule)
    by_goal = options.goal >= REGION or options.tracking_error < np.inf or options.patience > 0.0
    trades = not by_goal and _is_past(at, rule)
    if trades and options.goal == BREACHING:
        remember(at, rule)
    for i in range(len(rule.workspace.fees)):
        rule.workspace.fees[i] = options.tickets[i] / nav
    if by_goal or (trades and (options.makes_boxes or options.restricted)):
        set_goal(at, rule, at.t)
    if by_goal:
        trades, line, size, allowed = _by_goal(at, nav, rule)
    else:
        trades = trades and (not options.restricted or _reduces_breaches(at, rule))
        line, size, allowed = _by_bands(at, rule)
    if trades and options.goal == TRANCHES:
        for i in range(len(moves)):
            moves[i] = goal[i] - at.weights[i]
    return trades, line, size, allowed


@inlined
def _is_past(at: RuleInput, rule: RuleRow) -> bool:
    """True if an asset, cash or a group is past its trigger."""
    if ask(at.weights, at.cash_weight, at.tradable, at.t, triggers_of(rule.bands, rule.k)):
        return True
    if len(rule.options.groups) > 0:
        for group in range(rule.options.groups.shape[2]):
            if _past_group(at.weights, at, rule, group) > TRIGGER:
                return True
    return False


@inlined
def _by_goal(at: RuleInput, nav: float, rule: RuleRow) -> tuple[bool, int, float, float]:
    """(trades, asset, size, allowed) of a rule that weighs going to its goal, workspace.goal, against staying.

    It trades where the goal is too far by its tracking error, or costs more to wait for than to go to, or, of a region
    and of a best point, another than the weights: then the asset is the one that moves the most, with its gap and that
    left.
    """
    weights, options, k, goal = at.weights, rule.options, rule.k, rule.workspace.goal
    if options.tracking_error < np.inf:
        found = _tracking_error(weights, goal, k, options.covariance)
        return found > options.tracking_error + TRIGGER, NO_LINE, found, options.tracking_error
    if options.patience > 0.0:
        loss, cost = _of_waiting(weights, goal, nav, at.t, options, k)
        return loss > cost, NO_LINE, loss, cost
    target = rule.bands.target
    line, far = _most_moved(weights, target, k, goal)
    return far > TRIGGER, line, weights[line] - target[k, line], goal[line] - target[k, line]


@inlined
def _reduces_breaches(at: RuleInput, rule: RuleRow) -> bool:
    """True if a trade reduces breaches enough where some assets may not be traded both ways, and block the others.

    It does where it brings all inside their bands, or closer to them in all than the narrowest band that is broken is
    wide. Otherwise it would trade every day on a breach that no trade can remove. Tranches have no bands, and
    days of their own.
    """
    weights, bands, options, k, goal = at.weights, rule.bands, rule.options, rule.k, rule.workspace.goal
    cash, before, after, least = 1.0, 0.0, 0.0, np.inf
    for i in range(len(weights)):
        cash -= goal[i]
        if at.tradable[at.t, i]:
            lower, upper = bands.trigger_lower[k, i], bands.trigger_upper[k, i]
            past = past_trigger(weights[i], lower, upper)
            if past > TRIGGER:
                aim = bands.target[k, i]
                least = min(least, aim - lower if weights[i] < lower else upper - aim)
            before += max(past, 0.0)
            after += max(past_trigger(goal[i], lower, upper), 0.0)
    lower, upper = bands.cash[k, 0], bands.cash[k, 1]
    past = past_trigger(at.cash_weight, lower, upper)
    least = min(least, 0.5 * (upper - lower)) if past > TRIGGER else least
    before += max(past, 0.0)
    after += max(past_trigger(cash, lower, upper), 0.0)
    if len(options.groups) > 0:
        for group in range(options.groups.shape[2]):
            lower, upper = options.groups[k, GROUP_LOWER_TRIGGER, group], options.groups[k, GROUP_UPPER_TRIGGER, group]
            past = _past_group(weights, at, rule, group)
            least = min(least, 0.5 * (upper - lower)) if past > TRIGGER else least
            before += max(past, 0.0)
            after += max(_past_group(goal, at, rule, group), 0.0)
    return options.goal == TRANCHES or least == 0.0 or after <= TRIGGER or before - after > least + TRIGGER


@inlined
def _by_bands(at: RuleInput, rule: RuleRow) -> tuple[int, float, float]:
    """(asset, size, allowed): the asset, cash or group that is furthest past its trigger."""
    weights, bands, options, k = at.weights, rule.bands, rule.options, rule.k
    line, size, allowed = reason(weights, at.cash_weight, at.tradable, at.t, bands.target, triggers_of(bands, k))
    if len(options.groups) == 0:
        return line, size, allowed
    past = -np.inf
    if line >= 0:
        past = gap_of(weights[line], bands.trigger_lower[k, line], bands.trigger_upper[k, line])
    elif line == -1:
        past = gap_of(at.cash_weight, bands.cash[k, 0], bands.cash[k, 1])
    for group in range(options.groups.shape[2]):
        further = _past_group(weights, at, rule, group)
        if further > past + WEIGHT:
            past, line = further, len(weights) + options.first_group + group
            aim = sum_of(bands.target[k], options.member, group)
            size = sum_of(weights, options.member, group) - aim
            allowed = options.groups[k, GROUP_UPPER_TRIGGER if size > 0.0 else GROUP_LOWER_TRIGGER, group] - aim
    return line, size, allowed


@inlined
def _past_group(weights: Array, at: RuleInput, rule: RuleRow, group: int) -> float:
    """Distance of a group of these weights past its trigger; a group of no asset that can go that way has none."""
    bands, options, k = rule.bands, rule.options, rule.k
    total, buys, sells = 0.0, False, False
    for i in range(len(weights)):
        if options.member[i] == group:
            total += weights[i]
            buys |= at.tradable[at.t, i] and bands.lower[k, i] > -np.inf
            sells |= at.tradable[at.t, i] and bands.upper[k, i] < np.inf
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
    """The asset that is to move the most, and its move; where none is, the one with the widest gap."""
    line, far, widest = 0, 0.0, -1.0
    for i in range(len(weights)):
        way, gap = abs(goal[i] - weights[i]), abs(weights[i] - target[k, i])
        if way > far + WEIGHT or (far <= WEIGHT and way <= WEIGHT and gap > widest + WEIGHT):
            line, far, widest = i, way, gap
    return line, far


@on_demand
def answer_of_network(at: RuleInput, age: int, rule: RuleRow) -> tuple[bool, int, float, float]:
    """(trades, asset, size, allowed): the answer of a network's box. The box stays in the workspace.

    at      : weights of the close.
    age     : sessions since the last trade.
    rule    : a bound of its bands that is infinite stays so; of its workspace the box, the bounds of cash and the
              fraction of the way are written.
    Returns : whether it trades, number of the asset that is the reason, and size and allowed as `Why` has them.
    """
    weights, bands, k, workspace = at.weights, rule.bands, rule.k, rule.workspace
    if rule.options.network.whose == POLICY_NETWORK:
        _policy_box(weights, at.t, age, rule.options, k, workspace)
    else:
        _universal_box(weights, bands, rule.options, k, workspace)
    if workspace.fraction[0] == 0.0:
        return False, NO_LINE, 0.0, 0.0
    for i in range(len(weights)):
        if bands.lower[k, i] == -np.inf:
            workspace.box[0, i] = -np.inf
        if bands.upper[k, i] == np.inf:
            workspace.box[1, i] = np.inf
        workspace.box[2, i] = bands.target[k, i]
    box = Triggers(workspace.box[0:1], workspace.box[1:2], workspace.cash, 0)
    trades = ask(weights, at.cash_weight, at.tradable, at.t, box)
    line, size, allowed = reason(weights, at.cash_weight, at.tradable, at.t, workspace.box[2:3], box)
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
            workspace.goal[network.line[k, j]] = network.lines.half_width[k, j] * ACTION_REACH ** workspace.moves[j]
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
