"""Indicators of assets, as facts of a market by date: each row depends on the rows up to it alone.

An indicator is computed from the closes of an asset's total-return index, in the currency of the asset, from its
listing on. A halted session counts as one without a change, as everywhere in a `Market`. Where too few sessions are
listed, or
a ratio has nothing to divide by, nothing is known: NaN. Running averages begin as Wilder's do, with the simple mean of
the first window; other programs begin with the first value, and differ from these for some windows. Windows are in
sessions.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from foundation.arguments import check_positive, cut, is_whole, one_of, refuse, shown
from foundation.arrays import Array, lagged, ratio, trailing
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.facts import Fact
from research.market.market import Market


@dataclass(frozen=True)
class Momentum:
    """Return from `window` to `skip` sessions ago, fraction: close[t - skip] / close[t - window] - 1.

    window : sessions from the first close to today.
    skip   : last sessions that are left out; 252 and 21 are the year before the last month.
    Source : Jegadeesh and Titman (1993), Returns to Buying Winners and Selling Losers, Journal of Finance 48(1).
    """

    window: int
    skip: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for a window that does not begin before its end."""
        _check_sessions(0, skip=self.skip)
        _check_sessions(self.skip + 1, window=self.window)

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        return np.where(np.isnan(closes), np.nan, lagged(closes, self.skip) / lagged(closes, self.window) - 1.0)


@dataclass(frozen=True)
class Volatility:
    """Standard deviation of the last `window` simple returns (ddof 1), times the root of `periods_per_year`.

    window           : number of returns, 2 or more.
    periods_per_year : rows of the market in a year, 252 where they are sessions; 1 gives the deviation of one row.
    """

    window: int
    periods_per_year: int = 1

    def __post_init__(self) -> None:
        """Raise ConfigError for a window without a deviation."""
        _check_sessions(2, window=self.window)
        _check_sessions(1, periods_per_year=self.periods_per_year)

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        returns, n = closes / lagged(closes, 1) - 1.0, self.window
        squares = trailing(returns * returns, n) - trailing(returns, n) ** 2 / n
        return np.sqrt(np.maximum(squares, 0.0) * (self.periods_per_year / (n - 1)))


@dataclass(frozen=True)
class RSI:
    """Relative strength index, 0 to 100: 100 × average gain / (average gain + average loss).

    The averages are simple over the first `window` changes; each further change counts 1 / window. NaN where a close
    has not changed since the listing.
    window : number of changes.
    Source : Wilder (1978), New Concepts in Technical Trading Systems, section VI.
    """

    window: int = 14

    def __post_init__(self) -> None:
        """Raise ConfigError for an empty window."""
        _check_sessions(1, window=self.window)

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        change = closes - lagged(closes, 1)
        gain, loss = (_smoothed(np.maximum(part, 0.0), self.window, 1.0 / self.window) for part in (change, -change))
        return ratio(100.0 * gain, gain + loss)


@dataclass(frozen=True)
class SMA:
    """Close over its simple moving average, today's close included, minus 1: a fraction, 0 at the average.

    window : number of closes.
    """

    window: int

    def __post_init__(self) -> None:
        """Raise ConfigError for an empty window."""
        _check_sessions(1, window=self.window)

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        return closes / (trailing(closes, self.window) / self.window) - 1.0


@dataclass(frozen=True)
class EMA:
    """Close over its exponential moving average, minus 1, where today's close counts 2 / (window + 1) in the average.

    window : number of closes whose simple mean it begins with.
    """

    window: int

    def __post_init__(self) -> None:
        """Raise ConfigError for an empty window."""
        _check_sessions(1, window=self.window)

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        return closes / _exponential(closes, self.window) - 1.0


@dataclass(frozen=True)
class MACD:
    """Moving average convergence and divergence, as a fraction of the slow average, so that assets compare.

    line : fast over slow exponential average of the closes, minus 1; signal : exponential average of the line;
    histogram : line less signal. In this form it is also called the percentage price oscillator.
    fast, slow, signal : windows of the three averages.
    output : which of the three.
    Source : Appel (2005), Technical Analysis: Power Tools for Active Investors, chapter 8.
    """

    fast: int = 12
    slow: int = 26
    signal: int = 9
    output: Literal["line", "signal", "histogram"] = "line"

    def __post_init__(self) -> None:
        """Raise ConfigError for a slow average that is not slower, and for an unknown output."""
        _check_sessions(1, fast=self.fast, signal=self.signal)
        _check_sessions(self.fast + 1, slow=self.slow)
        one_of("output is", self.output, ("line", "signal", "histogram"))

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        line = _exponential(closes, self.fast) / _exponential(closes, self.slow) - 1.0
        if self.output == "line":
            return line
        signal = _exponential(line, self.signal)
        return signal if self.output == "signal" else line - signal


@dataclass(frozen=True)
class Bollinger:
    """Place of the close within its bands, %b: 0 at the lower band, 1 at the upper, beyond them outside.

    The bands lie `width` standard deviations (ddof 0) of the last `window` closes on both sides of their mean. NaN
    where the closes do not vary.
    window : number of closes, 2 or more.
    width  : standard deviations.
    Source : Bollinger (2001), Bollinger on Bollinger Bands, chapters 7 and 8.
    """

    window: int = 20
    width: float = 2.0

    def __post_init__(self) -> None:
        """Raise ConfigError for bands without a width."""
        _check_sessions(2, window=self.window)
        check_positive(width=self.width)

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        # Relative to today's close, so that closes that do not vary have a deviation of exactly 0
        none = np.zeros(closes.shape)
        mean = sum((lagged(closes, k) / closes - 1.0 for k in range(self.window)), none) / self.window
        squares = sum(((lagged(closes, k) / closes - 1.0 - mean) ** 2 for k in range(self.window)), none)
        return 0.5 - ratio(mean, 2.0 * self.width * np.sqrt(squares / self.window))


@dataclass(frozen=True)
class Drawdown:
    """Close over the highest close since the listing, minus 1: a fraction, 0 at a high and negative below it."""

    def values(self, closes: Array) -> Array:
        """(T, n) from closes (T, n), NaN where an asset is not listed."""
        return closes / np.fmax.accumulate(closes, axis=0) - 1.0


@dataclass(frozen=True)
class Spread:
    """Difference of two facts by date, such as the yields of ten years and of three months: `of` minus `less`.

    of, less : names of facts with numbers. Spreads come after all other facts, in the order in which they are given.
    """

    of: str
    less: str

    def values(self, facts: Mapping[str, Fact]) -> Array:
        """(T, n) from facts by name. Raises DataError for one that is not there, and for words."""
        for name in (self.of, self.less):
            numbers = [known for known, fact in facts.items() if fact.dtype.kind != "U"]
            if name not in numbers:
                known = cut(", ".join(numbers)) or "none"
                raise DataError(
                    f"a spread needs the fact {shown(name)}, and facts by date that are numbers are: {known}. Correct "
                    "the name, or give that fact too."
                )
        return np.asarray(facts[self.of] - facts[self.less], dtype=float)


Indicator = Momentum | Volatility | RSI | SMA | EMA | MACD | Bollinger | Drawdown | Spread
# By the name that a file has for each
INDICATORS: dict[str, type[Indicator]] = {kind.__name__.lower(): kind for kind in get_args(Indicator)}


def indicator_fact(name: str, indicator: Indicator, market: Market, facts: Mapping[str, Fact]) -> Array:
    """(T, n) values of an indicator, NaN where nothing is known.

    name      : name of the fact in messages.
    indicator : one of `INDICATORS`.
    market    : T days of n assets, whose closes it is computed from.
    facts     : facts by date, from which a spread is.
    Raises    : DataError where it is not known of any asset on any day, and as `Spread.values`.
    """
    if isinstance(indicator, Spread):
        found = indicator.values(facts)
    else:
        found = indicator.values(np.where(market.listed, market.index, np.nan))
    if np.isnan(found).all():
        raise DataError(
            f"fact {name!r} is not known on any day: {indicator} needs more than the {len(market.dates)} sessions of "
            f"market {market.name!r}, or closes that vary. Give a smaller window, or leave the fact out."
        )
    return found


def _check_sessions(least: int, **given: object) -> None:
    """Raise ConfigError for a value that is no whole number, or below the least."""
    for name, value in given.items():
        if not (is_whole(value) and value >= least):  # type: ignore[operator]
            refuse(f"{name} is", value, f"give a whole number, {least} or more.")


def _exponential(values: Array, window: int) -> Array:
    return _smoothed(values, window, 2.0 / (window + 1))


def _smoothed(values: Array, window: int, weight: float) -> Array:
    """(T, n) running average that each row moves by `weight` of its distance from it.

    It begins with the simple mean of the first `window` known rows, and ends with the last of them.
    """
    found = trailing(values, window) / window
    for t in range(1, len(found)):
        moved = found[t - 1] + weight * (values[t] - found[t - 1])
        found[t] = np.where(np.isnan(found[t - 1]), found[t], moved)
    return found
