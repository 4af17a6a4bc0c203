"""The returns that an estimate is made from: those of assets with a complete window, and which assets these are.

An asset enters an estimate once its whole window is known, whether or not it can be traded that day, and stays until it
is delisted: no pairwise moments, no dropped rows.
"""

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import shown
from foundation.arrays import Array, frozen
from foundation.errors import ConfigError, DataError
from foundation.tolerances import RETURNS
from research.market import Past


def complete_returns(past: Past, window: int) -> tuple[Array, NDArray[np.int64]]:
    """The last `window` returns (window, k) of the k assets that have them all, and the columns (k,) of those assets.

    An asset whose returns do not vary within it, as of a halt, is left out (`still`).
    Raises : DataError when no asset has a complete window in which it moves.
    """
    from research.forecast.window import ranges

    lines = past.complete(window).nonzero()[0]
    if not len(lines):
        raise DataError(
            f"no asset has {window} returns on {past.date:%Y-%m-%d} (row {past.t}): {', '.join(past.assets)}. Choose a "
            "shorter window or a later date."
        )
    returns = past.returns[past.t - window + 1 :]
    if len(lines) < len(past.assets):
        returns = frozen(returns[:, lines])
    moved = ranges(returns) > RETURNS
    if not moved.any():
        raise DataError(
            f"returns of {', '.join(past.assets[line] for line in lines)} do not vary in the {window} sessions to "
            f"{past.date:%Y-%m-%d}, so there is no volatility to divide by. Correct their prices, or, where they have "
            "left the market, say when (delist)."
        )
    return (returns, lines) if moved.all() else (frozen(returns[:, moved]), lines[moved])


def still(past: Past, window: int) -> tuple[str, ...]:
    """The assets that have the last `window` returns and whose returns do not vary within it: nothing can be estimated.

    They are left out by `complete_returns`.
    """
    from research.forecast.window import ranges

    lines = past.complete(window).nonzero()[0]
    if not len(lines):
        return ()
    moved = ranges(frozen(past.returns[past.t - window + 1 :][:, lines])) > RETURNS
    return tuple(past.assets[line] for line in lines[~moved])


def check_window(owner: str, window: int) -> None:
    """Raise ConfigError unless the window holds two returns at least."""
    if not isinstance(window, int | np.integer) or isinstance(window, bool) or window < 2:
        raise ConfigError(
            f"window of {owner} is {shown(window)}. Give a whole number of returns, at least 2, such as 252."
        )
