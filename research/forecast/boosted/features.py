"""The features of an asset at a close, from which a model forecasts its return, and the samples that it is trained on.

Windows are sessions of a daily market. A number is NaN where it is not known: where the asset was not listed before its
whole window, or a volume, a bar, a quote or a fact is missing in it. Each is made from the rows of its own window, so
that a later past leaves it as it was, to the bit. One that is infinite is an error.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from foundation.arrays import Array, Mask, Rows, frozen, lagged, ratio, trailing
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.predicted import returns_after
from research.market import Past

WEEK, MONTH, QUARTER, HALF, YEAR = 5, 21, 63, 126, 252  # sessions
FEATURE_REACH = YEAR  # sessions before a day that its numbers depend on: the longest window
MONTH_ANGLES = 2.0 * np.pi * np.arange(12) / 12.0
SINE, COSINE = frozen(np.sin(MONTH_ANGLES)), frozen(np.cos(MONTH_ANGLES))


@dataclass(frozen=True, eq=False)
class Features:
    """Numbers of n assets on D days.

    names   : f names.
    rows    : (D,) rows of the market.
    numbers : (D, n, f), NaN where a number is not known.
    """

    names: tuple[str, ...]
    rows: Rows
    numbers: Array


def features(past: Past, rows: Rows) -> Features:
    """The numbers of every asset on the days asked.

    reversal_5             less the return of the last week (Jegadeesh 1990; Lehmann 1990).
    momentum_21, _63, _126 return of the last month, quarter, half-year.
    momentum_252_21        return of the year before the last month (Jegadeesh and Titman 1993).
    volatility_21, _63, _252  standard deviation of daily returns (ddof 1), fraction a day.
    downside_63            root mean square of the falls over that of all returns.
    skewness_252           third moment about the mean over the cube of the deviation (ddof 0).
    maximum_21             largest daily return of the month (Bali, Cakici and Whitelaw 2011).
    distance_to_high_252   level over the highest close of the year, minus 1 (George and Hwang 2004).
    drawdown_63            the least, in the quarter, of the level over the highest close of the half-year, minus 1.
    volume_trend_21_252    dollar volume a day of the month over that of the year, minus 1; where there are volumes.
    range_21               mean of high less low over their middle; where there are bars.
    carry_252              dividends of the year, each over its day's quote; where there are dividends.
    fact_NAME              a fact by date that is a number, as last stated.
    rank_NAME              rank of each of these among the assets of the day, from -1 to 1; ties share their mean (Gu,
                           Kelly and Xiu 2020, section 2.1).
    month_sine, _cosine    of the calendar month of the day.
    cash_rate_21           return of cash in the last month;  cash_change_63 : it less what it was a quarter before.

    past   : market up to the last close.
    rows   : (D,) days asked, increasing, none after the past.
    Raises : DataError for a number that is infinite, with its asset and day.
    """
    first = max(int(rows[0]) - FEATURE_REACH, 0)
    history, at = _History.of(past, first, int(rows[-1]) + 1), rows - first
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # of units that are worthless; see the check
        made = {**_prices(history), **_extras(history), **_facts(history)}
    own = {name: values[at] for name, values in made.items()}
    listed = history.listed[at]
    ranks = {f"rank_{name}": _ranks(values) for name, values in own.items()}
    common = {name: np.where(listed, values[at, None], np.nan) for name, values in _common(history).items()}
    found = {**own, **ranks, **common}
    values = np.stack([np.where(listed, column, np.nan) for column in found.values()], axis=2)
    _check_finite(tuple(found), rows, values, past)
    return Features(tuple(found), rows, frozen(values))


@dataclass(frozen=True, eq=False)
class _History:
    """S sessions of a past, beginning early enough for the days asked."""

    index: Array  # (S, n) total-return index
    returns: Array
    listed: Mask
    tradable: Mask
    prices: Array
    cash_index: Array  # (S,)
    months: Rows  # (S,) 0 is January
    volumes: Array | None
    dividends: Array | None
    bars: Mapping[str, Array]
    facts: Mapping[str, Array]

    @classmethod
    def of(cls, past: Past, first: int, stop: int) -> "_History":
        """Rows `first` to `stop`. Indices are running products from the market's first row: those of any past."""
        part = slice(first, stop)
        volumes, dividends = past.volumes, past.dividends
        return cls(
            index=np.asarray(np.cumprod(1.0 + past.returns[:stop], axis=0)[part], dtype=float),
            returns=past.returns[part],
            listed=past.listed[part],
            tradable=past.tradable[part],
            prices=past.prices[part],
            cash_index=np.asarray(np.cumprod(1.0 + past.cash[:stop])[part], dtype=float),
            months=past.days[part].astype("datetime64[M]").astype(np.int64) % 12,
            volumes=None if volumes is None else volumes[part],
            dividends=None if dividends is None else dividends[part],
            bars={name: bar[part] for name, bar in (past.bars or {}).items()},
            facts={name: fact[part] for name, fact in past.facts.items() if fact.dtype.kind != "U"},
        )

    def where(self, values: Array, window: int) -> Array:
        """The values (S, n) of assets that were listed before the whole window; else NaN."""
        before = np.zeros_like(self.listed)
        before[window:] = self.listed[: max(len(before) - window, 0)]
        return np.where(before, values, np.nan)

    def change(self, window: int, skip: int = 0) -> Array:
        """Return (S, n) from `window` sessions ago to `skip` sessions ago."""
        return self.where(lagged(self.index, skip) / lagged(self.index, window) - 1.0, window)

    def mean(self, values: Array, window: int) -> Array:
        """Mean (S, n) of the values of a window of returns."""
        return self.where(trailing(values, window) / window, window)

    def deviation(self, window: int) -> Array:
        """Standard deviation (S, n) of a window of returns, ddof 1."""
        mean, square = self.mean(self.returns, window), self.mean(self.returns * self.returns, window)
        return np.sqrt(np.maximum(square - mean * mean, 0.0) * (window / (window - 1)))

    def from_high(self, window: int) -> Array:
        """Level (S, n) over the highest of a window, minus 1."""
        return self.where(self.index / trailing(self.index, window, np.maximum) - 1.0, window)


def _prices(h: _History) -> dict[str, Array]:
    """Features from returns alone."""
    fall = np.minimum(h.returns, 0.0)
    return {
        "reversal_5": -h.change(WEEK),
        "momentum_21": h.change(MONTH),
        "momentum_63": h.change(QUARTER),
        "momentum_126": h.change(HALF),
        "momentum_252_21": h.change(YEAR, MONTH),
        "volatility_21": h.deviation(MONTH),
        "volatility_63": h.deviation(QUARTER),
        "volatility_252": h.deviation(YEAR),
        "downside_63": np.sqrt(ratio(h.mean(fall * fall, QUARTER), h.mean(h.returns * h.returns, QUARTER))),
        "skewness_252": _skewness(h),
        "maximum_21": h.where(trailing(h.returns, MONTH, np.maximum), MONTH),
        "distance_to_high_252": h.from_high(YEAR),
        "drawdown_63": h.where(trailing(h.from_high(HALF), QUARTER, np.minimum), HALF + QUARTER),
    }


def _skewness(h: _History) -> Array:
    """Skewness (S, n) of a year of returns."""
    mean = h.mean(h.returns, YEAR)
    square, cube = (h.mean(values, YEAR) for values in (h.returns * h.returns, h.returns * h.returns * h.returns))
    variance = np.maximum(square - mean * mean, 0.0)
    return ratio(cube - 3.0 * mean * square + 2.0 * mean * mean * mean, variance * np.sqrt(variance))


def _extras(h: _History) -> dict[str, Array]:
    """Features from volumes, bars and dividends, where the market has them. A day of halt has none of them."""
    found = {}
    if h.volumes is not None:
        traded = np.where(h.tradable, h.volumes * h.prices, 0.0)
        found["volume_trend_21_252"] = ratio(h.mean(traded, MONTH), h.mean(traded, YEAR)) - 1.0
    if {"high", "low"} <= set(h.bars):
        high, low = h.bars["high"], h.bars["low"]
        found["range_21"] = h.mean(np.where(h.tradable, 2.0 * (high - low) / (high + low), 0.0), MONTH)
    if h.dividends is not None:
        paid = np.where(h.dividends > 0.0, h.dividends / h.prices, 0.0)
        found["carry_252"] = h.mean(paid, YEAR) * YEAR
    return found


def _facts(h: _History) -> dict[str, Array]:
    """Numbers that were stated by date."""
    return {f"fact_{name}": np.where(h.listed, fact, np.nan) for name, fact in h.facts.items()}


def _common(h: _History) -> dict[str, Array]:
    """Features that all assets share on a day: (S,) each."""
    rate = h.cash_index / lagged(h.cash_index, MONTH) - 1.0
    return {
        "month_sine": SINE[h.months],
        "month_cosine": COSINE[h.months],
        "cash_rate_21": rate,
        "cash_change_63": rate - lagged(rate, QUARTER),
    }


def _ranks(values: Array) -> Array:
    """(D, n) ranks of the known values of each row, from -1 to 1; 0 where only one asset has a value."""
    known = np.isfinite(values)
    others = known.sum(axis=1, keepdims=True) - 1.0
    ranks = pd.DataFrame(np.where(known, values, np.inf)).rank(axis=1).to_numpy() - 1.0
    scaled = np.where(others > 0.0, 2.0 * ranks / np.maximum(others, 1.0) - 1.0, 0.0)
    return np.where(known, scaled, np.nan)


def _check_finite(names: tuple[str, ...], rows: Rows, values: Array, past: Past) -> None:
    """Raise DataError for a number that is infinite."""
    if np.isinf(values).any():
        day, line, k = np.argwhere(np.isinf(values))[0].tolist()
        raise DataError(
            f"feature {names[k]} of {past.assets[line]} on {past.days[rows[day]]} is {values[day, line, k]}. Correct "
            "the returns, quotes or volumes up to that day, or leave the asset out."
        )


BLOCK = 2 * YEAR  # sessions whose features are found at once, and kept
BLOCKS = 128  # kept in memory: of 20 assets, some 0.5 MB each


@dataclass(frozen=True, eq=False)
class Samples:
    """N days of assets, by day and, on a day, by name, so that the order of the columns of a market does not matter.

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
    """Every `step`-th day of the past whose outcome is known, of the assets that were listed a year before it.

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
        f"no asset has {YEAR} returns that vary and {horizon} sessions after them up to {past.date:%Y-%m-%d}: nothing "
        "to learn from. Start later."
    )


def _known(past: Past, step: int) -> Features:
    """Features of every `step`-th day up to today, from the day on which an asset may have a year of returns."""
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
