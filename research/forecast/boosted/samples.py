"""The samples that a model is trained on: features of lines on days of the past, and the returns after them."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from foundation.arrays import Array, Rows
from foundation.errors import DataError
from research.forecast.boosted.features import YEAR, Features, features
from research.forecast.outcomes import returns_after
from research.market import Past

BLOCK = 2 * YEAR  # sessions whose features are found at once, and kept
BLOCKS = 128  # kept in memory: of 20 lines, some 0.5 MB each


@dataclass(frozen=True, eq=False)
class Samples:
    """N days of lines, by day and, on a day, by name, so that the order of the columns of a market does not matter.

    names    : f names of features.
    rows     : (N,) row of the market.
    features : (N, f), NaN where a number is not known.
    outcomes : (N,) compound return over cash of the `horizon` sessions after the day, in the standard deviations that
               the volatility of the year before it gives for as many sessions.
    excess   : (N,) outcome less the mean of the outcomes of its day.
    """

    names: tuple[str, ...]
    rows: Rows
    features: Array
    outcomes: Array
    excess: Array

    @property
    def fingerprint(self) -> str:
        """sha256, in hex, over every name and number."""
        digest = hashlib.sha256("\0".join(self.names).encode())
        for values in (self.rows, self.features, self.outcomes):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def samples(past: Past, step: int, horizon: int) -> Samples:
    """Every `step`-th day of the past whose outcome is known, of the lines that were listed a year before it.

    The days are multiples of `step` from the market's first: a later past has the same ones, and more.
    past    : market up to the last close.
    step    : sessions from one day to the next.
    horizon : sessions of an outcome.
    Raises  : DataError where there is none, and for a feature that is infinite.
    """
    known = _known(past, step)
    if not len(known.rows):
        raise _nothing(past, horizon)
    days = known.rows <= past.t - horizon
    rows = known.rows[days]
    deviation = deviations(known, horizon)[days]
    listed = past.listed[rows] & past.listed[rows - YEAR] & (deviation > 0.0)
    if not listed.any():
        raise _nothing(past, horizon)
    by_name = np.argsort(np.array(past.assets))
    listed, numbers = listed[:, by_name], known.numbers[days][:, by_name]
    counts = listed.sum(axis=1)
    day = np.repeat(np.arange(len(rows)), counts)
    cash = np.cumprod(1.0 + past.cash)
    over_cash = returns_after(past, rows, horizon) + (1.0 - cash[rows + horizon] / cash[rows])[:, None]
    outcomes = over_cash[:, by_name][listed] / deviation[:, by_name][listed]
    mean = np.bincount(day, outcomes, len(rows)) / np.maximum(counts, 1)
    return Samples(known.names, rows[day], numbers[listed], outcomes, outcomes - mean[day])


def deviations(found: Features, horizon: int) -> Array:
    """(D, n) standard deviation of the return over a horizon, by the volatility of the year before each day."""
    return found.numbers[:, :, found.names.index("volatility_252")] * np.sqrt(horizon)


def _nothing(past: Past, horizon: int) -> DataError:
    return DataError(
        f"no line has {YEAR} returns that vary and {horizon} sessions after them up to {past.date:%Y-%m-%d}: nothing "
        "to learn from. Start later."
    )


def _known(past: Past, step: int) -> Features:
    """Features of every `step`-th day up to today, from the day on which a line may have a year of returns."""
    ends = [*range(BLOCK - 1, past.t, BLOCK), past.t]
    blocks = [_block(past.earlier(end), step) for end in ends[:-1]] + [_found(past, ends[-1] // BLOCK * BLOCK, step)]
    parts = [block for block in blocks if block is not None]
    if not parts:
        return Features((), np.empty(0, dtype=np.int64), np.empty((0, len(past.assets), 0)))
    return Features(parts[0].names, np.concatenate([p.rows for p in parts]), np.concatenate([p.numbers for p in parts]))


@lru_cache(maxsize=BLOCKS)
def _block(past: Past, step: int) -> Features | None:
    """Features of the last `BLOCK` days of a past: it sees nothing after them, so that no later row can be in it."""
    return _found(past, past.t - BLOCK + 1, step)


def _found(past: Past, first: int, step: int) -> Features | None:
    """Features of the days from row `first` to today that are asked; None for none."""
    rows = np.arange(-(-max(first, YEAR) // step) * step, past.t + 1, step)
    return features(past, rows) if len(rows) else None
