"""The point of a box by another method than the kernel's: one multiplier a round, found by scipy between its bounds."""

import numpy as np
from scipy.optimize import brentq

NONE = 1e-14


def point_of_box(w: np.ndarray, tradable: np.ndarray, box: list[np.ndarray], cost: np.ndarray) -> np.ndarray:
    """Where a trade of these weights goes.

    w        : (n,) weights, fraction of NAV.
    tradable : (n,) whether each asset can trade.
    box      : lower and upper bounds and targets, (n + 1,) each, cash last, fraction of NAV.
    cost     : (n,) a side, fraction of the notional.
    """
    (lower, upper, goal), low, high = (side[:-1] for side in box), box[0][-1], box[1][-1]
    out = np.where(tradable, np.clip(w, lower, upper), w)
    cash = 1.0 - out.sum()
    rest = cash - min(max(cash, low), high)
    if abs(rest) < NONE:
        return out
    way, far, left = (1.0, upper, rest) if rest > 0.0 else (-1.0, lower, -rest)
    near = np.minimum(goal, upper) if rest > 0.0 else np.maximum(goal, lower)
    free, one = tradable & ((goal != 0.0) | (rest < 0.0)), np.ones_like(w)
    for which, pace, end in [
        (free & (cost == 0.0), one, near),
        (free & (cost > 0.0), np.where(cost > 0.0, cost, 1.0), near),
        (free, one, far),
    ]:
        room = np.where(which, np.maximum((end - out) * way, 0.0), 0.0)
        if room.sum() > left + NONE:
            return out + way * _moved(room, (goal - out) * way, pace, left)
        out, left = np.where(room > 0.0, end, out), left - room.sum()
        if left < NONE:
            return out
    bound = np.where(free, far, 0.0)
    scaled = np.where(bound > 0.0, bound, 0.0).sum() + (high if way > 0.0 else low)
    if scaled <= 0.0:
        return out
    return np.where(bound > 0.0, bound * max(1.0 - out[bound <= 0.0].sum(), 0.0) / scaled, out)


def _moved(room: np.ndarray, gap: np.ndarray, pace: np.ndarray, amount: float) -> np.ndarray:
    """How far each asset goes where all together go `amount`: gap + multiplier x pace, between 0 and its room."""
    some = room > 0.0

    def moved(multiplier: float) -> np.ndarray:
        return np.clip(gap + multiplier * pace, 0.0, room)

    low, high = float((-gap / pace)[some].min()), float(((room - gap) / pace)[some].max())
    found = brentq(lambda m: moved(m).sum() - amount, low, high + abs(high) * 1e-15 + 1e-18, xtol=1e-300, rtol=1e-15)
    return moved(found)
