"""The growth of each asset beside its peers': what of a move all like it made too."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from research.market.store import KnownBars

FEWEST_PEERS = 5  # others of its class that have a bar, below which the peers of an asset are all others
FEWEST_OTHERS = 3  # whose median one wrong price among them does not move far
DAYS_AT_ONCE = 256  # of the union of all calendars: memory of a sort


def log_growth(known: KnownBars) -> Array:
    """(R,) log total growth of each row since the row before of the same asset; 0 for the first.

    It is the column "growth" where `known` has one, and else split × (close + dividend) / previous close. A growth that
    is not positive counts as none.
    """
    close = known.numbers["close"]
    first = known.bounds[:-1][np.diff(known.bounds) > 0]
    grown = known.numbers.get("growth")
    if grown is None:
        split, dividend = (known.numbers.get(name, usual) for name, usual in (("split", 1.0), ("dividend", 0.0)))
        with np.errstate(divide="ignore", invalid="ignore"):
            grown = split * (close + dividend) / np.roll(close, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(grown)
    found[first] = 0.0
    return np.asarray(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0))


def net_of_peers(known: KnownBars, growth: Array, classes: Mapping[str, str]) -> Array:
    """(R,) log growth less that of the median peer over the same days; 0 for the first row of each asset.

    Peers are the others of its class with a bar that day, all others where those are fewer than `FEWEST_PEERS`. Over a
    gap the median growth of each day of it is summed.

    growth  : (R,) of `log_growth`.
    classes : class of each asset; one that has none is of class "".
    """
    start = known.days.min()
    number = (known.days - start).astype("int64")
    present = np.zeros(number.max() + 1, bool)
    present[number] = True
    column = (np.cumsum(present) - 1)[number]
    panel = np.full((len(known.assets), int(present.sum())), np.nan, dtype="float32")
    panel[known.asset, column] = growth
    panel[known.asset[known.bounds[:-1]], column[known.bounds[:-1]]] = np.nan  # no growth before the first bar
    names = np.array([classes.get(asset, "") for asset in known.assets])
    groups = [np.flatnonzero(names == name) for name in np.unique(names)]
    groups = [group for group in groups if FEWEST_PEERS < len(group) < len(names)]
    for at in range(0, panel.shape[1], DAYS_AT_ONCE):
        block = panel[:, at : at + DAYS_AT_ONCE]
        block[:] = _peers(block.T.copy(), groups).T
    net = growth.copy()
    for i, part in enumerate(known.slices):
        net[part][1:] -= np.diff(np.cumsum(panel[i], dtype=float)[column[part]])
    return net


def _peers(growth: NDArray[np.float32], groups: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """(D, n) the median growth of the peers of each asset, 0 where it has none. growth : (D, n), NaN without."""
    found = median_of_others(growth)
    for group in groups:
        own = growth[:, group]
        known = ~np.isnan(own)
        enough = known.sum(axis=1, keepdims=True) - known >= FEWEST_PEERS
        found[:, group] = np.where(enough, median_of_others(own), found[:, group])
    return found


def median_of_others(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(D, n) the median of each row without the value itself, 0 where fewer than `FEWEST_OTHERS` others are known.

    values : (D, n), NaN without.

    Of the m others in order, number k is number k of all in order, or the next one where the value itself is not after
    it; so one sort serves all columns.

    >>> median_of_others(np.array([[1.0, 2.0, 9.0, 3.0, np.nan]])).tolist()
    [[3.0, 3.0, 2.0, 2.0, 2.5]]
    """
    known = ~np.isnan(values)
    others = known.sum(axis=1, keepdims=True) - known
    ordered = np.sort(np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan), axis=1)

    def numbered(k: NDArray[np.int64]) -> NDArray[np.float32]:
        here = np.take_along_axis(ordered, k, axis=1)
        return np.where(known & (values <= here), np.take_along_axis(ordered, k + 1, axis=1), here)

    half = (numbered(np.maximum(others - 1, 0) // 2) + numbered(others // 2)) / 2.0
    return np.where(others >= FEWEST_OTHERS, half, 0.0).astype(values.dtype)
