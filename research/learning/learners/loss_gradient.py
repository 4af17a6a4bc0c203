"""J of simulated paths and its gradient by the weights of a network, compiled.

Each path is played forward as `worlds` books it, and its states are kept; then its days are gone through backwards.
The kernels of the accounting decide which assets trade, to which bound and with which sign; given that, every step is
smooth, and its derivative is exact except on the kinks. A test holds it to the gradient that torch finds of the same
paths. Source: Griewank and Walther (2008), Evaluating Derivatives, chapter 3, for the reverse mode.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array, frozen_record
from foundation.compiled import compiled, linked
from foundation.tolerances import SQUARE, TARGET_TOLERANCE, TRIGGER
from research.accounting.cost_parameters import CostParameters
from research.learning.worlds.differentiable import LEVEL, LOWER, STAYS, TARGET, UPPER, Sides, Workspace, decide_path
from research.learning.worlds.training_days import TrainingDays
from research.learning.worlds.worlds import no_root
from research.risk.measures import BPS
from research.rules.bands import past_trigger
from research.rules.networks.actions import BANDS, DecodedActions, decode_into
from research.rules.networks.features import (
    ACTION_REACH,
    FARTHEST,
    LOOKBACK,
    FeatureScaling,
    Scales,
    observe_holdings,
    standardise,
)
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import layer, squash

FIRST_OWN = len(SHARED_FEATURES)  # of an asset's own feature
LOG_REACH = float(np.log(ACTION_REACH))
REFUSED_LOSS = np.nan  # J where a trade's costs have no root


class Drawn(NamedTuple):
    """The days of W paths; they do not depend on the holdings.

    kind      : (W,) row of the scales.
    variant   : (W,) index of the variant of days and costs.
    returns   : (D, W, n) simple returns, fraction.
    cash      : (D, W) simple returns of cash, fraction.
    strategic : (D, W) simple returns of the strategic portfolio, fraction.
    calm      : (D, W) feature "volatility regime" at each close, as in `features.observe`.
    trend     : (D, W) feature "market return" at each close, as in `features.observe`.
    """

    kind: NDArray[np.int64]
    variant: NDArray[np.int64]
    returns: Array
    cash: Array
    strategic: Array
    calm: Array
    trend: Array


class Terms(NamedTuple):
    """The terms that J counts.

    decisions    : number of decisions of each path.
    sessions     : number of sessions from one decision to the next.
    lag          : sessions from a decision to its booking, at most `sessions`.
    half_penalty : half of g, the price of squared tracking error.
    """

    decisions: int
    sessions: int
    lag: int
    half_penalty: float


class Layers(NamedTuple):
    """Weights and biases of three layers, or their gradients: (k, u), (u,), (u, u), (u,), (u, n), (n,)."""

    weight_0: Array
    bias_0: Array
    weight_1: Array
    bias_1: Array
    weight_2: Array
    bias_2: Array


class Tape(NamedTuple):
    """The states of one path: T decisions of S sessions, n assets, k features, u units.

    held    : (T, S + 1, n + 1) assets and cash at each close before it trades, currency.
    traded  : (T, n + 1) the same after the trade of the decision.
    seen    : (T, k) features, standard deviations.
    first   : (T, u) units of the first layer.
    second  : (T, u) units of the second layer.
    action  : (T, n) numbers of the action.
    box     : bounds of assets and cash, T of them.
    asks    : (T,) 1 where some weight is outside its box at the decision.
    side    : (T, n) where the trade puts each asset,
    sign    : (T, n) sign of its trade,
    pace    : (T, n) and its change with the level of those that are placed together.
    binding : (T,) bound at which cash is.
    """

    held: Array
    traded: Array
    seen: Array
    first: Array
    second: Array
    action: Array
    box: DecodedActions
    asks: NDArray[np.int64]
    side: NDArray[np.int64]
    sign: Array
    pace: Array
    binding: NDArray[np.int64]

    @classmethod
    def of(cls, terms: Terms, inputs: int, units: int, n: int) -> "Tape":
        """A tape for a network with so many inputs and units, and n assets."""
        count = terms.decisions
        return cls(
            np.empty((count, terms.sessions + 1, n + 1)), np.empty((count, n + 1)), np.empty((count, inputs)),
            np.empty((count, units)), np.empty((count, units)), np.empty((count, n)), DecodedActions.empty(count, n),
            np.zeros(count, np.int64), np.zeros((count, n), np.int64), np.zeros((count, n)), np.zeros((count, n)),
            np.zeros(count, np.int64),
        )  # fmt: skip


class Given(NamedTuple):
    """The days and settings that all paths share.

    drawn    : days of the paths.
    scales   : targets, half-widths and covariances.
    standard : scaling of the features.
    costs    : proportional costs; row w for path w, or a single row for all.
    terms    : what J counts.
    """

    drawn: Drawn
    scales: Scales
    standard: FeatureScaling
    costs: CostParameters
    terms: Terms


def annual_loss(
    days: TrainingDays, parameters: Sequence[Array], standard: FeatureScaling, drawn: Drawn, decisions: int
) -> tuple[float, list[Array]]:
    """J over all paths and decisions, bp of NAV a year, and its gradient by each parameter.

    days       : the training days, from which the paths are drawn.
    parameters : weights (units, inputs) and biases (units,) of the three layers in turn, as torch has them.
    standard   : scaling of the features.
    drawn      : days of W paths.
    decisions  : number of decisions of each path.
    Raises     : PolicyError for a trade whose costs exceed the value of the assets traded.
    """
    across = Layers(*map(np.ascontiguousarray, parameters))
    net = Layers(*(np.ascontiguousarray(array.T) for array in across))
    gradient, n = Layers(*map(np.zeros_like, net)), len(net.bias_2)
    costs, terms = days.cost_parameters, Terms(decisions, days.sessions, days.lag, days.tracking_penalty / 2.0)
    costs = frozen_record(costs._replace(rates=costs.rates[drawn.variant], total=costs.total[drawn.variant]))
    tape = Tape.of(terms, len(standard.mean), len(net.bias_0), n)
    sides = Sides(np.zeros(n, np.int64), np.zeros(n), np.zeros(1, np.int64), np.zeros(n))
    given = Given(drawn, days.scales, standard, costs, terms)
    found, stopped = loss_and_gradient(given, net, across, Workspace.of(n), sides, tape, gradient)
    if stopped >= 0:
        raise no_root(stopped)
    bp = days.periods_per_year / (decisions * days.sessions) * BPS
    return bp * found, [np.ascontiguousarray(array.T) * (bp / len(drawn.kind)) for array in gradient]


@compiled
def loss_and_gradient(
    given: Given, net: Layers, across: Layers, workspace: Workspace, sides: Sides, tape: Tape, gradient: Layers
) -> tuple[float, int]:
    """(mean, path): the mean of the paths' terms of J, summed over their decisions, fraction of NAV; and -1.

    The gradient of the sum over paths is added to `gradient`. Where a trade's costs exceed the value of the assets
    traded, the second is the path.

    given     : the days and settings of W paths.
    net       : the network.
    across    : the same with its weights transposed.
    workspace : scratch of a trade.
    sides     : scratch of one portfolio.
    tape      : scratch of one path.
    gradient  : by each weight and bias.
    """
    total, count = 0.0, len(given.drawn.kind)
    for w in range(count):
        found = _forward(given, w, net, workspace, sides, tape)
        if np.isnan(found):
            return found, w
        total += found
        _backward(given, w, across, tape, gradient)
    return total / count, -1


# -- forward ---------------------------------------------------------------------------------------------------------


@linked
def _sum(values: Array) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


@compiled
def _forward(given: Given, w: int, net: Layers, workspace: Workspace, sides: Sides, tape: Tape) -> float:
    """The terms of J of path w, summed; its states are written to the tape."""
    drawn, terms, target = given.drawn, given.terms, given.scales.target[given.drawn.kind[w]]
    n, total, age, day = len(target), 0.0, 0.0, 0
    held = np.empty(n + 1)
    held[:n], held[n] = target, 1.0 - _sum(target)
    weights = np.empty(n)
    for t in range(terms.decisions):
        nav = _sum(held)
        for i in range(n):
            weights[i] = held[i] / nav
        _see(given, w, weights, age, LOOKBACK - 1 + day, tape.seen[t : t + 1])
        layer(tape.seen[t], net.weight_0, net.bias_0, tape.first[t])
        squash(tape.first[t])
        layer(tape.first[t], net.weight_1, net.bias_1, tape.second[t])
        squash(tape.second[t])
        layer(tape.second[t], net.weight_2, net.bias_2, tape.action[t])
        tape.asks[t] = _make_box(given, w, weights, tape, t)
        for session in range(terms.sessions + 1):
            if session > 0:
                row, before = LOOKBACK + day, _sum(held)
                for i in range(n):
                    held[i] *= 1.0 + drawn.returns[row, w, i]
                held[n] *= 1.0 + drawn.cash[row, w]
                active = _sum(held) / before - 1.0 - drawn.strategic[row, w]
                total += terms.half_penalty * active * active
                day, age = day + 1, age + 1.0
            tape.held[t, session] = held
            if session == terms.lag:
                if tape.asks[t] > 0:
                    cost = _trade(given, w, workspace, sides, tape, t, held)
                    total += cost
                    for i in range(n):
                        age = 0.0 if tape.held[t, session, i] != held[i] else age
                tape.traded[t] = held
    return total


@linked
def _see(given: Given, w: int, weights: Array, age: float, close: int, seen: Array) -> None:
    """Write the features (1, k) of path w at a close, standardised; the tracking error is smooth at the target."""
    observe_holdings(weights, age, given.scales, given.drawn.kind[w], seen[0])
    seen[0, 0] = np.sqrt(seen[0, 1] + SQUARE)
    seen[0, 5], seen[0, 6] = given.drawn.calm[close, w], given.drawn.trend[close, w]
    standardise(seen, given.standard, seen)


@linked
def _make_box(given: Given, w: int, weights: Array, tape: Tape, t: int) -> int:
    """Write the box of decision t; 1 where some weight is outside of it, else 0."""
    box, one, past = tape.box, slice(t, t + 1), 0
    at_once = DecodedActions(box.lower[one], box.upper[one], box.cash[one], box.fraction[one])
    decode_into(BANDS, tape.action[one], given.drawn.kind[w : w + 1], given.scales, at_once)
    for i in range(len(weights)):
        past = 1 if past_trigger(weights[i], box.lower[t, i], box.upper[t, i]) > TRIGGER else past
    return past


@compiled
def _trade(given: Given, w: int, workspace: Workspace, sides: Sides, tape: Tape, t: int, held: Array) -> float:
    """Trade into the box of decision t: holdings are written, the sides go to the tape. Gives cost over NAV, or NaN."""
    n, target = len(held) - 1, given.scales.target[given.drawn.kind[w]]
    box, costs, row = tape.box, given.costs, min(w, len(given.costs.total) - 1)
    if not decide_path(
        held[:n], held[n], box.lower[t], box.upper[t], box.cash[t, 2], box.cash[t, 3], target, costs, row, workspace,
        sides,
    ):  # fmt: skip
        return REFUSED_LOSS
    tape.side[t], tape.sign[t], tape.pace[t], tape.binding[t] = sides.side, sides.sign, sides.pace, sides.binding[0]
    _, scale, _ = _asked(tape, t, tape.held[t, given.terms.lag], target, costs.total[row], workspace.trades)
    nav, bought, cost = _sum(held), 0.0, 0.0
    for i in range(n):
        if tape.side[t, i] != STAYS:
            trade = workspace.trades[i] * scale - held[i]
            held[i] = workspace.trades[i] * scale
            bought += trade
            cost += costs.total[row, i] * tape.sign[t, i] * trade
    held[n] -= bought + cost
    return cost / nav


@linked
def _asked(tape: Tape, t: int, held: Array, target: Array, rates: Array, asked: Array) -> tuple[float, float, float]:
    """Write the weights (n,) that the trade of decision t asks for.

    Returns : sum of the paces, by which assets that are placed together share what is left; the NAV after the trade
              over the NAV that these weights are of; and the share of NAV that is not left alone, costs included.
    """
    n, nav, rest, total = len(target), _sum(held), 1.0, 0.0
    for i in range(n):
        side = tape.side[t, i]
        asked[i] = held[i] / nav
        if side in (LOWER, UPPER):
            asked[i] = tape.box.lower[t, i] if side == LOWER else tape.box.upper[t, i]
        elif side in (TARGET, LEVEL):
            asked[i] = target[i]
        rest -= asked[i]
        total += tape.pace[t, i] if side == LEVEL else 0.0
    rest -= tape.box.cash[t, 3 if tape.binding[t] == 1 else 2]
    amount, share = nav, 1.0
    for i in range(n):
        if tape.side[t, i] == LEVEL and total > 0.0:
            asked[i] += rest / total * tape.pace[t, i]
        if tape.side[t, i] == STAYS:
            amount -= held[i]
            share -= held[i] / nav
        else:
            amount += rates[i] * tape.sign[t, i] * held[i]
            share += rates[i] * tape.sign[t, i] * asked[i]
    if share == 0.0:  # nothing moves, and nothing is in cash
        share = 1.0
    return total, amount / share, share


# -- backward --------------------------------------------------------------------------------------------------------


@compiled
def _backward(given: Given, w: int, across: Layers, tape: Tape, gradient: Layers) -> None:
    """Add the gradient of the terms of path w, whose states are on the tape."""
    drawn, terms, k = given.drawn, given.terms, given.drawn.kind[w]
    n, units = len(across.bias_2), len(across.bias_0)
    state, earlier, box = np.zeros(n + 1), np.empty(n + 1), np.empty((2, n + 1))
    numbers, second, first, seen = np.empty(n), np.empty(units), np.empty(units), np.empty(tape.seen.shape[1])
    scratch = np.empty((3, n))
    for t in range(terms.decisions - 1, -1, -1):
        box[:] = 0.0
        for session in range(terms.sessions, -1, -1):
            if session == terms.lag and tape.asks[t] > 0:
                _untrade(given, w, tape, t, state, box, scratch)
            if session > 0:
                row, after = LOOKBACK + t * terms.sessions + session - 1, tape.held[t, session]
                earlier[:] = tape.traded[t] if session - 1 == terms.lag else tape.held[t, session - 1]
                before, now = _sum(earlier), _sum(after)
                slope = 2.0 * terms.half_penalty * (now / before - 1.0 - drawn.strategic[row, w])
                for i in range(n + 1):
                    growth = 1.0 + (drawn.returns[row, w, i] if i < n else drawn.cash[row, w])
                    state[i] = (state[i] + slope / before) * growth - slope * now / (before * before)
        if tape.asks[t] > 0:
            _unbox(given.scales, k, tape, t, box, numbers)
            _unlayer(tape.second[t], across.weight_2, numbers, gradient.weight_2, gradient.bias_2, second)
            _unsquash(tape.second[t], second)
            _unlayer(tape.first[t], across.weight_1, second, gradient.weight_1, gradient.bias_1, first)
            _unsquash(tape.first[t], first)
            _unlayer(tape.seen[t], across.weight_0, first, gradient.weight_0, gradient.bias_0, seen)
            _unsee(given, k, tape, t, seen, state, scratch)


@linked
def _unlayer(inputs: Array, across: Array, out: Array, to_weight: Array, to_bias: Array, to_inputs: Array) -> None:
    """Add the slopes of a layer's weights, and write those of its inputs.

    across : (u, k) its weights, transposed, so that no sum waits for another.
    out    : (u,) slopes of its units.
    """
    to_inputs[:] = 0.0
    for j in range(len(out)):
        to_bias[j] += out[j]
        for i in range(len(inputs)):
            to_inputs[i] += across[j, i] * out[j]
    for i in range(len(inputs)):
        for j in range(len(out)):
            to_weight[i, j] += inputs[i] * out[j]


@linked
def _unsquash(units: Array, slopes: Array) -> None:
    """Take slopes (u,) of hyperbolic tangents to slopes of what they are of."""
    for j in range(len(units)):
        slopes[j] *= 1.0 - units[j] * units[j]


@linked
def _unbox(scales: Scales, k: int, tape: Tape, t: int, box: Array, numbers: Array) -> None:
    """Slopes (n,) by the numbers of the action, from those (2, n + 1) by the bounds."""
    n = len(numbers)
    whole = 1.0 - _sum(scales.target[k]) < TARGET_TOLERANCE
    cash_lower = 0.0 if whole or tape.box.cash[t, 2] <= 0.0 else box[0, n]
    cash_upper = 0.0 if whole else box[1, n]
    for i in range(n):
        action = tape.action[t, i]
        width = scales.half_width[k, i] * ACTION_REACH ** min(max(action, -1.0), 1.0)
        to_width = -(box[0, i] - cash_upper) if scales.target[k, i] - width > 0.0 else 0.0
        to_width += box[1, i] - cash_lower if scales.target[k, i] + width < 1.0 else 0.0
        numbers[i] = to_width * width * LOG_REACH if abs(action) < 1.0 else 0.0


@linked
def _unsee(given: Given, k: int, tape: Tape, t: int, seen: Array, state: Array, scratch: Array) -> None:
    """Add to slopes (n + 1,) by the holdings at decision t those that come by its features."""
    scales, held, n = given.scales, tape.held[t, 0], len(state) - 1
    nav, gaps, slopes, covered = _sum(held), scratch[0], scratch[1], scratch[2]
    for j in range(len(seen)):
        clipped = abs(tape.seen[t, j]) >= FARTHEST
        seen[j] = 0.0 if clipped else seen[j] / given.standard.deviation[j]
    squared = buys = sells = 0.0
    widest, line = 0.0, 0
    for i in range(n):
        gaps[i] = held[i] / nav - scales.target[k, i]
        buys -= min(gaps[i], 0.0)
        sells += max(gaps[i], 0.0)
        width = scales.half_width[k, i]
        if width > 0.0 and abs(gaps[i]) / width > widest:
            widest, line = abs(gaps[i]) / width, i
    for i in range(n):
        covered[i] = 0.0
        for j in range(n):
            covered[i] += scales.covariance[k, i, j] * gaps[j]
        squared += gaps[i] * covered[i]
    by_squared = seen[1] + 0.5 * seen[0] / np.sqrt(max(squared, 0.0) + SQUARE)
    turned = 0.0
    for i in range(n):
        width = scales.half_width[k, i]
        own = seen[FIRST_OWN + i] + (np.sign(gaps[i]) * seen[2] if i == line else 0.0)
        slopes[i] = (2.0 * by_squared * covered[i] if squared >= 0.0 else 0.0) + (own / width if width > 0.0 else 0.0)
        if sells > buys:
            slopes[i] += seen[3] if gaps[i] > 0.0 else 0.0
        elif buys > sells:
            slopes[i] -= seen[3] if gaps[i] < 0.0 else 0.0
        else:
            slopes[i] += 0.5 * seen[3] * np.sign(gaps[i])
        turned += slopes[i] * held[i]
    for i in range(n + 1):
        state[i] += (slopes[i] if i < n else 0.0) / nav - turned / (nav * nav)


@linked
def _untrade(given: Given, w: int, tape: Tape, t: int, state: Array, box: Array, scratch: Array) -> None:
    """Slopes by the holdings (n + 1,) before a trade, and by its bounds (2, n + 1), from those after it."""
    k = given.drawn.kind[w]
    n, target, held, after = len(state) - 1, given.scales.target[k], tape.held[t, given.terms.lag], tape.traded[t]
    rates, (asked, slopes, own) = given.costs.total[min(w, len(given.costs.total) - 1)], scratch
    total, scale, share = _asked(tape, t, held, target, rates, asked)
    nav, cost, by_scale, by_cash = _sum(held), 0.0, 0.0, state[n]
    for i in range(n):
        cost += rates[i] * tape.sign[t, i] * (after[i] - held[i])
    by_cost = 1.0 / nav - by_cash
    by_nav = -cost / (nav * nav)
    for i in range(n):  # slopes by what is asked for, then those by the holdings before
        paid, slopes[i], own[i] = rates[i] * tape.sign[t, i], 0.0, state[i]
        if tape.side[t, i] != STAYS:
            by_trade = paid * by_cost - by_cash
            slopes[i] = (state[i] + by_trade) * scale
            by_scale += (state[i] + by_trade) * asked[i]
            own[i] = -by_trade
    by_rest, by_slope = by_scale / share, -by_scale * scale / share
    by_nav += by_rest
    by_level = 0.0
    for i in range(n):
        paid = rates[i] * tape.sign[t, i]
        if tape.side[t, i] == STAYS:
            own[i] -= by_rest
        else:
            own[i] += by_rest * paid
            slopes[i] += by_slope * paid
            by_level += slopes[i] * tape.pace[t, i] if tape.side[t, i] == LEVEL else 0.0
    by_level = by_level / total if total > 0.0 else 0.0
    box[1 if tape.binding[t] == 1 else 0, n] -= by_level
    turned = 0.0
    for i in range(n):
        side, by_weight = tape.side[t, i], 0.0
        if side in (LOWER, UPPER):
            box[0 if side == LOWER else 1, i] += slopes[i] - by_level
        elif side == STAYS:
            by_weight = -by_slope - by_level
        own[i] += by_weight / nav
        turned += by_weight * held[i]
    by_nav -= turned / (nav * nav)
    for i in range(n):
        state[i] = own[i] + by_nav
    state[n] = by_cash + by_nav
