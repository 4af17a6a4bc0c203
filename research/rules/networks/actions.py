"""The meaning of an action's numbers, compiled: a box for each asset, and the fraction of the way to trade into it.

A box is the range of weights in which an asset is not traded. Every number lies in [-1, 1] and is clipped there.
Widths are multiples of the closed-form half-widths (`rules.no_trade_region`): the multiple is 8^number, from 1/8 to 8.

| action | numbers | meaning |
|---|---|---|
| bands | one per asset | trade into the box target ± half-width x 8^number |
| edges | two per asset | the same, with numbers for the lower edges first and then for the upper ones |
| hold_or_trade | 1 | above zero: trade to the target; else hold |
| fraction | 1 | trade this fraction of the way to the target; hold at zero and below |
| gate | 2 | trade/hold gate: if the first is above zero, trade (1 + second) / 2 of the way to the target; else hold |
| exposure | 1 | hold (1 + number) / 2 of the target, and the rest in cash |
| weights | one per asset, and cash | trade to weights in proportion to target x 8^number |

Zero means the closed-form bands for bands and edges, and the target for weights. An asset whose target is zero is
never bought. Only bands and edges leave an asset alone after a small drift.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Numbers, Rows
from foundation.compiled import inlined, linked
from foundation.tolerances import TARGET_TOLERANCE
from research.rules.networks.features import ACTION_REACH, Scales
from research.rules.networks.names import ACTIONS, Action

LEARNED_WORDS: Mapping[Action, str] = {  # what a rule with such an answer has learned, in a word or two
    "bands": "box",
    "edges": "box",
    "hold_or_trade": "when to trade",
    "fraction": "part of the way",
    "gate": "when and how far",
    "exposure": "exposure",
    "weights": "weights",
}
BANDS, EDGES, HOLD_OR_TRADE, FRACTION, GATE, EXPOSURE, WEIGHTS = range(len(ACTIONS))


class DecodedActions(NamedTuple):
    """The boxes of W portfolios with n assets, and the fraction of the way to trade into them.

    lower    : (W, n) lower bounds of weights, fraction of NAV.
    upper    : (W, n) upper bounds of weights, fraction of NAV.
    cash     : (W, 4) bounds of cash as in `NoTradeBands`: lower and upper of its trigger, then of its box; fraction of
               NAV.
    fraction : (W,) fraction of the way to the box, in [0, 1]; 0 is to hold.
    """

    lower: Array
    upper: Array
    cash: Array
    fraction: Array

    @classmethod
    def empty(cls, worlds: int, lines: int) -> "DecodedActions":
        """Uninitialised arrays for `worlds` portfolios (W) of `lines` assets (n)."""
        box = np.empty((worlds, lines))
        return cls(box, box.copy(), np.empty((worlds, 4)), np.empty(worlds))


def action_size(action: str, lines: int) -> int:
    """The number of values in an action for `lines` assets."""
    return {"bands": lines, "edges": 2 * lines, "gate": 2, "weights": lines + 1}.get(action, 1)


def decode_actions(action: str, numbers: Numbers, kinds: Rows, scales: Scales) -> DecodedActions:
    """The boxes and fractions that actions stand for.

    action  : its kind, one of `ACTIONS`.
    numbers : (W, m) values of the action, clipped to [-1, 1].
    kinds   : (W,) row of `scales` with the target of each portfolio.
    scales  : targets and half-widths, fraction of NAV.
    """
    decoded = DecodedActions.empty(len(numbers), scales.target.shape[1])
    decode_into(ACTIONS.index(action), numbers, kinds, scales, decoded)
    return decoded


@linked
def decode_into(code: int, numbers: Numbers, kinds: Rows, scales: Scales, decoded: DecodedActions) -> None:
    """Write the boxes and fractions that actions stand for. Cash never triggers a trade, see `_widths`.

    code    : index of the action in `ACTIONS`.
    numbers : (W, m) values of the action, clipped to [-1, 1].
    kinds   : (W,) row of `scales` with the target of each portfolio.
    scales  : targets and half-widths, fraction of NAV.
    decoded : arrays to write to, for W portfolios.
    """
    for w in range(len(numbers)):
        decoded.cash[w, 0], decoded.cash[w, 1], decoded.fraction[w] = -np.inf, np.inf, 1.0
        own = numbers[w]
        if code in (BANDS, EDGES):
            _widths(own, w, kinds[w], scales, decoded)
        elif code == WEIGHTS:
            _tilt(own, w, kinds[w], scales, decoded)
        else:
            share = _half(own, 0) if code == EXPOSURE else 1.0
            _point(share, w, kinds[w], scales, decoded)
        if code == HOLD_OR_TRADE:
            decoded.fraction[w] = 1.0 if own[0] > 0.0 else 0.0
        elif code == FRACTION:
            decoded.fraction[w] = min(max(np.float64(own[0]), 0.0), 1.0)
        elif code == GATE:
            decoded.fraction[w] = _half(own, 1) if own[0] > 0.0 else 0.0


@inlined
def _widths(own: Numbers, w: int, k: int, scales: Scales, decoded: DecodedActions) -> None:
    """Write a box round each target, cut to [0, 1].

    The box of cash is whatever the assets' boxes leave, or [0, 0] when the target holds no cash. Trading cash is free,
    but a narrow box of cash would force the assets to trade (measured: J rises by a third).
    """
    n, least, most = scales.target.shape[1], 0.0, 0.0
    for i in range(n):
        target, half, down = scales.target[k, i], scales.half_width[k, i], _multiple(own, i)
        up = down if len(own) == n else _multiple(own, n + i)
        decoded.lower[w, i], decoded.upper[w, i] = max(target - half * down, 0.0), min(target + half * up, 1.0)
        least += decoded.lower[w, i]
        most += decoded.upper[w, i]
    if _cash(k, scales) == 0.0:
        decoded.cash[w, 2] = decoded.cash[w, 3] = 0.0
    else:
        decoded.cash[w, 2], decoded.cash[w, 3] = max(1.0 - most, 0.0), 1.0 - least


@inlined
def _point(share: float, w: int, k: int, scales: Scales, decoded: DecodedActions) -> None:
    """Write `share` of the target as the only point of the box; the rest is cash."""
    held = 0.0
    for i in range(scales.target.shape[1]):
        decoded.lower[w, i] = decoded.upper[w, i] = share * scales.target[k, i]
        held += decoded.lower[w, i]
    decoded.cash[w, 2] = decoded.cash[w, 3] = _cash(k, scales) if share == 1.0 else 1.0 - held


@inlined
def _tilt(own: Numbers, w: int, k: int, scales: Scales, decoded: DecodedActions) -> None:
    """Write weights in proportion to target x 8^number, for cash too."""
    n = scales.target.shape[1]
    cash = _cash(k, scales) * _multiple(own, n)
    total = cash
    for i in range(n):
        decoded.lower[w, i] = scales.target[k, i] * _multiple(own, i)
        total += decoded.lower[w, i]
    for i in range(n):
        decoded.lower[w, i] /= total
        decoded.upper[w, i] = decoded.lower[w, i]
    decoded.cash[w, 2] = decoded.cash[w, 3] = cash / total


@inlined
def _cash(k: int, scales: Scales) -> float:
    """The weight of cash in target k; zero where it is negligible."""
    rest = 1.0 - scales.target[k].sum()
    return rest if rest >= TARGET_TOLERANCE else 0.0


@inlined
def _multiple(own: Numbers, i: int) -> float:
    return ACTION_REACH ** min(max(np.float64(own[i]), -1.0), 1.0)


@inlined
def _half(own: Numbers, i: int) -> float:
    return 0.5 + 0.5 * min(max(np.float64(own[i]), -1.0), 1.0)
