"""What a learner's numbers mean, compiled: each action is a box, and how much of the way to it to go.

Every number lies in [-1, 1]; what lies beyond is taken for the end. A line has half-widths of the closed form
(`rules.no_trade_region`), and REACH ** number is the multiple of them, from 1/8 to 8.

| action | numbers | what is done |
|---|---|---|
| bands | a line | into the box target ± half-width x 8^number |
| edges | two a line | the same with a number for its lower edges, and then one for its upper ones |
| hold_or_trade | 1 | above zero all the way to the target, else nothing |
| fraction | 1 | that part of the way to the target, nothing at zero and below |
| gate | 2 | with the first above zero, (1 + second) / 2 of the way to the target, else nothing |
| exposure | 1 | to (1 + number) / 2 of the target; cash takes the rest |
| weights | a line, and cash | to weights in proportion to target x 8^number |

Zero means the closed form to bands and edges, and the target to weights. A line that the target does not hold is never
bought. Only bands and edges leave lines alone that have drifted a little.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np

from research.arrays import Array, Floats, Rows
from research.compiled import inlined, lean
from research.learning.state import NO_CASH, REACH, Scales

Action = Literal["bands", "edges", "hold_or_trade", "fraction", "gate", "exposure", "weights"]
LEARNED: Mapping[Action, str] = {  # what a rule with such an answer has learned, in a word or two
    "bands": "box",
    "edges": "box",
    "hold_or_trade": "when to trade",
    "fraction": "part of the way",
    "gate": "when and how far",
    "exposure": "exposure",
    "weights": "weights",
}
ACTIONS: tuple[str, ...] = get_args(Action)
BANDS, EDGES, HOLD_OR_TRADE, FRACTION, GATE, EXPOSURE, WEIGHTS = range(len(ACTIONS))


class DecodedActions(NamedTuple):
    """What W portfolios are asked: lower and upper (W, n), cash (W, 4) as a `Corridor` holds it, part (W,) in [0, 1].

    A part of zero is to hold.
    """

    lower: Array
    upper: Array
    cash: Array
    part: Array

    @classmethod
    def empty(cls, worlds: int, lines: int) -> "DecodedActions":
        """Room for so many portfolios of so many lines."""
        box = np.empty((worlds, lines))
        return cls(box, box.copy(), np.empty((worlds, 4)), np.empty(worlds))


def action_size(action: str, lines: int) -> int:
    """How many numbers an action takes for so many lines."""
    return {"bands": lines, "edges": 2 * lines, "gate": 2, "weights": lines + 1}.get(action, 1)


def decode_actions(action: str, numbers: Floats, kinds: Rows, scales: Scales) -> DecodedActions:
    """What the numbers (W, m) of an action mean for targets kinds (W,), rows of `scales`."""
    decoded = DecodedActions.empty(len(numbers), scales.target.shape[1])
    decode_into(ACTIONS.index(action), numbers, kinds, scales, decoded)
    return decoded


@lean
def decode_into(code: int, numbers: Floats, kinds: Rows, scales: Scales, decoded: DecodedActions) -> None:
    """Write what the numbers (W, m) of action `code` mean. Cash triggers nothing, see `_widths`."""
    for w in range(len(numbers)):
        decoded.cash[w, 0], decoded.cash[w, 1], decoded.part[w] = -np.inf, np.inf, 1.0
        own = numbers[w]
        if code in (BANDS, EDGES):
            _widths(own, w, kinds[w], scales, decoded)
        elif code == WEIGHTS:
            _tilt(own, w, kinds[w], scales, decoded)
        else:
            share = _half(own, 0) if code == EXPOSURE else 1.0
            _point(share, w, kinds[w], scales, decoded)
        if code == HOLD_OR_TRADE:
            decoded.part[w] = 1.0 if own[0] > 0.0 else 0.0
        elif code == FRACTION:
            decoded.part[w] = min(max(np.float64(own[0]), 0.0), 1.0)
        elif code == GATE:
            decoded.part[w] = _half(own, 1) if own[0] > 0.0 else 0.0


@inlined
def _widths(own: Floats, w: int, k: int, scales: Scales, decoded: DecodedActions) -> None:
    """A box round each target, cut to [0, 1].

    The box of cash is whatever the lines' boxes leave to it, or [0, 0] when the target holds none: it trades for
    nothing, and holding it to its target would make the lines pay (measured: a third of J).
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
    """So much of the target; cash takes the rest."""
    held = 0.0
    for i in range(scales.target.shape[1]):
        decoded.lower[w, i] = decoded.upper[w, i] = share * scales.target[k, i]
        held += decoded.lower[w, i]
    decoded.cash[w, 2] = decoded.cash[w, 3] = _cash(k, scales) if share == 1.0 else 1.0 - held


@inlined
def _tilt(own: Floats, w: int, k: int, scales: Scales, decoded: DecodedActions) -> None:
    """Weights in proportion to target x 8^number, those of cash too."""
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
    """What target k leaves to cash; zero where that is next to nothing."""
    rest = 1.0 - scales.target[k].sum()
    return rest if rest >= NO_CASH else 0.0


@inlined
def _multiple(own: Floats, i: int) -> float:
    return REACH ** min(max(np.float64(own[i]), -1.0), 1.0)


@inlined
def _half(own: Floats, i: int) -> float:
    return 0.5 + 0.5 * min(max(np.float64(own[i]), -1.0), 1.0)
