"""The returns that an estimate is made from: those of assets with a complete window, and which assets these are.

An asset enters an estimate once its whole window is known, whether or not it can be traded that day, and stays until it
is delisted: no pairwise moments, no dropped rows.
"""

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import shown
from foundation.arrays import Array, Mask, frozen
from foundation.errors import ConfigError, DataError
from foundation.tolerances import RETURNS
from research.market import Past
from research.market.delisting import QUIET_DAYS, own_moves, quiet_rows, stopped
from research.market.notes import Note


def complete_returns(past: Past, window: int) -> tuple[Array, NDArray[np.int64]]:
    """The last `window` returns (window, k) of the k assets that have them all, and the columns (k,) of those assets.

    An asset whose returns do not vary within it, or that has stopped, as of a halt, is left out (`left_out`).
    Raises : DataError when no asset has a complete window in which it moves.
    """
    lines = past.complete(window).nonzero()[0]
    if not len(lines):
        raise DataError(
            f"no asset has {window} returns on {past.date:%Y-%m-%d} (row {past.t}): {', '.join(past.assets)}. Choose a "
            "shorter window or a later date."
        )
    returns = past.returns[past.t - window + 1 :]
    if len(lines) < len(past.assets):
        returns = frozen(returns[:, lines])
    moved = _moved(past, returns, lines)
    if not moved.any():
        raise DataError(
            f"returns of {', '.join(past.assets[line] for line in lines)} do not vary in the {window} sessions, or the "
            f"{QUIET_DAYS} days, to {past.date:%Y-%m-%d}, so there is no volatility to divide by. Correct their "
            "prices, or, where they have left the market, say when (delist)."
        )
    return (returns, lines) if moved.all() else (frozen(returns[:, moved]), lines[moved])


def estimable(past: Past, window: int) -> Mask:
    """(n,) whether each asset is one of those of `complete_returns`."""
    complete = past.complete(window)
    if (lines := complete.nonzero()[0]).size:
        complete = complete.copy()
        complete[lines] = _moved(past, frozen(past.returns[past.t - window + 1 :][:, lines]), lines)
    return complete


def left_out(past: Past, window: int) -> tuple[Note, ...]:
    """Notes on the assets that have the last `window` returns, and that `complete_returns` leaves out."""
    still = (past.complete(window) & ~estimable(past, window)).nonzero()[0]
    flat, notes, since = [], [], stopped(past) if len(still) else {}
    for name in (past.assets[line] for line in still):
        if name not in since:
            flat.append(name)
            continue
        day = since[name]
        fix = "correct its prices, or, if it has left the market, take it out or say when it left (delist)"
        notes.append(Note(f"{name} has not moved since {day}, and is left out: {fix}", [name], day, warning=True))
    if flat:
        verb = "is" if len(flat) == 1 else "are"
        text = f"{', '.join(flat)} did not move in {window} sessions, and {verb} left out"
        notes.insert(0, Note(text, flat, warning=True))
    return tuple(notes)


def _moved(past: Past, returns: Array, lines: NDArray[np.int64]) -> Mask:
    """(k,) whether the returns (T, k) of some columns vary, and are not those of an asset that has `stopped`."""
    from research.forecast.window import ranges

    rows = quiet_rows(past)
    moves = own_moves(returns[-rows:], past.tradable[-min(rows, len(returns)) :][:, lines])
    return (ranges(returns) > RETURNS) & moves.any(axis=0)


def check_window(owner: str, window: int) -> None:
    """Raise ConfigError unless the window holds two returns at least."""
    if not isinstance(window, int | np.integer) or isinstance(window, bool) or window < 2:
        raise ConfigError(
            f"window of {owner} is {shown(window)}. Give a whole number of returns, at least 2, such as 252."
        )
