"""The box that a network makes from the weights of the day, compiled."""

import numpy as np

from foundation.arrays import Array, Mask
from foundation.compiled import inlined, on_demand
from research.rules.bands import ask, reason
from research.rules.networks.actions import decode_into
from research.rules.networks.arrays import POLICY
from research.rules.networks.equivariant import Lines, forward_with, see
from research.rules.networks.features import LOOKBACK, REACH, observe, standardise
from research.rules.networks.policy_network import forward_row
from research.rules.rule_options import NO_LINE, BandArrays, RuleOptions, Workspace


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
    if options.network.whose == POLICY:
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
