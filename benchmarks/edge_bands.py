"""A portfolio without cash under edge bands, simulated: where the other side of a trade goes, compiled.

A loop of its own, apart from the engine's, in which a placement can be changed. `benchmarks.placement` measures with
it, and checks it against the engine.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array
from foundation.compiled import compiled
from foundation.tolerances import COUNTED, TRIGGER, WEIGHT_SUM
from research.rules.optimum.best_point import Scratch, best_point

NEAREST, TOWARD, BY_TRACKING, PROGRAMME = range(4)  # ways to place the other side
HALVINGS, STEPS, PAYMENTS = 60, 100, 8  # of the bounds of a level, of an amount, of the search for a cost


class Box(NamedTuple):
    """A box, its assets, and how the other side is placed.

    lower      : (n,) lower bound of each asset, fraction of NAV.
    upper      : (n,) upper bound of each asset, fraction of NAV.
    target     : (n,) fraction of NAV.
    cost       : (n,) a side, fraction of the notional.
    pace       : (n,) toward targets, assets end at one gap per pace.
    turn       : (n,) the assets with the least go first, as far as they may.
    covariance : (n, n) a year, of returns.
    relative   : (n, n) a year, of returns less that of the target portfolio.
    way        : NEAREST, whatever the targets; TOWARD targets; BY_TRACKING, as it saves squared tracking per cost; or
                 PROGRAMME, the best point of the box (`research.rules.optimum.best_point`).
    kappa      : tracking_penalty x years for which the gap is held, of the programme.
    """

    lower: Array
    upper: Array
    target: Array
    cost: Array
    pace: Array
    turn: Array
    covariance: Array
    relative: Array
    way: int
    kappa: float


@compiled
def moves(start: Array, room: Array, amount: float, box: Box) -> Array:
    """(n,) how far assets go, `amount` in all: turn by turn, each by pace x (level - start), from 0 to its room."""
    moved, pace = np.zeros(len(room)), box.pace
    for turn in np.unique(box.turn):
        far, left = np.where(box.turn == turn, room, 0.0), amount - moved.sum()
        if far.sum() > left:
            low, high = start.min(), (start + room / pace).max()
            for _ in range(HALVINGS):
                level = 0.5 * (low + high)
                enough = np.minimum(np.maximum(pace * (level - start), 0.0), far).sum() >= left
                low, high = (low, level) if enough else (level, high)
            far = np.minimum(np.maximum(pace * (high - start), 0.0), far)
        moved += far
    return moved


@compiled
def by_tracking(out: Array, side: float, amount: float, box: Box) -> None:
    """Move `out` in small steps, each by the asset that saves most squared tracking per cost, or adds the least."""
    left, slope = amount, side * (box.relative @ (out - box.target))
    while left > WEIGHT_SUM:
        room = ((box.upper if side > 0.0 else box.lower) - out) * side
        saved = np.where(room > 0.0, np.where(slope < 0.0, -slope / box.cost, -slope), -np.inf)
        i = int(np.argmax(saved))
        far = min(room[i], left, amount / STEPS)
        out[i] += side * far
        slope += far * box.relative[i]
        left -= far


@compiled
def destination(weights: Array, box: Box, scratch: Scratch) -> Array:
    """(n,) the weights that a portfolio as drifted, `weights` (n,), is traded to, fraction of NAV."""
    out = np.minimum(np.maximum(weights, box.lower), box.upper)
    excess = 1.0 - out.sum()
    side, amount = 1.0 if excess > 0.0 else -1.0, abs(excess)
    if amount <= WEIGHT_SUM:
        return out
    if box.way == PROGRAMME:
        given = (weights, box.target, box.covariance, box.cost, box.kappa, box.lower, box.upper)
        if best_point(*given, 0.0, 0.0, scratch, out) < 0:
            raise ArithmeticError("no best point is found")
    elif box.way == BY_TRACKING:
        by_tracking(out, side, amount, box)
    elif box.way == NEAREST:
        room = ((box.upper if side > 0.0 else box.lower) - out) * side
        out += side * moves((out - weights) * side, room, amount, box)
    else:
        gap = np.maximum((box.target - out) * side, 0.0)
        out += side * moves(-gap / box.pace, gap, amount, box)
    return out


@compiled
def play(returns: Array, box: Box, tracking_penalty: float, scratch: Scratch) -> tuple[float, float]:
    """(mean of the daily cost + g/2 active^2, asset trades a day), opened at target, with a lag of one close.

    returns : (T, n) simple, fraction.  tracking_penalty : g.
    """
    held, due, lost, traded = box.target.copy(), False, 0.0, 0
    for t in range(len(returns)):
        before = held.sum()
        held *= 1.0 + returns[t]
        nav = held.sum()
        lost += 0.5 * tracking_penalty * (nav / before - 1.0 - box.target @ returns[t]) ** 2
        asked = destination(held / nav, box, scratch) if due else held / nav
        moved = np.abs(asked - held / nav) > WEIGHT_SUM
        if moved.any():
            kept, share, paid = held[~moved].sum(), asked[moved].sum(), 0.0
            for _ in range(PAYMENTS):  # the assets that trade pay: they end at a fraction of what is left
                trades = np.where(moved, asked * (nav - kept - paid) / share - held, 0.0)
                paid = (box.cost * np.abs(trades)).sum()
            held += trades
            lost += paid / nav
            traded += (np.abs(trades) > COUNTED * nav).sum()
        weights = held / held.sum()
        due = (np.maximum(box.lower - weights, weights - box.upper) > TRIGGER).any()
    return lost / len(returns), traded / len(returns)
