"""Estimates of liquidity from market data: dollar volume, volatility, and the spread from daily bars.

Everything is trailing: row t is known at the close of t, and NaN where it is not known.
"""

from typing import Literal

import numpy as np

from foundation.arguments import shown
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from research.market.market import Market

Method = Literal["corwin_schultz", "abdi_ranaldo"]
ROOT_OF_TWO = np.sqrt(2.0)


def dollar_volume(market: Market, window: int = 21) -> Array:
    """(T, n) mean of volume × quote, currency a day, over the `window` sessions up to and including each.

    A day of halt trades nothing. NaN before `window` sessions since listing, where a quote or a volume in them is
    missing, and after an exit.
    Raises : DataError for a market without volumes; ConfigError for a window below one session.
    """
    _check_window("dollar_volume", window, 1)
    if market.volumes is None:
        raise DataError(
            f"market {market.name!r} has no volumes: found None, the first for {market.assets[0]} on {market.days[0]}. "
            "Give them, or take costs that do not depend on volume."
        )
    traded = np.where(market.tradable, market.volumes * market.prices, 0.0)
    return _trailing_sum(np.where(market.listed, traded, np.nan), window) / window


def trailing_volatility(market: Market, window: int = 63) -> Array:
    """(T, n) standard deviation (ddof 1) of the last `window` daily returns, fraction a day, not annualised.

    NaN before `window` returns since listing, and after an exit.
    Raises : ConfigError for a window below two returns.
    """
    _check_window("volatility", window, 2)
    returns = np.array(market.returns)
    returns[0] = np.nan
    returns[1:][~(market.listed[1:] & market.listed[:-1])] = np.nan  # the day of listing has no return
    mean = _trailing_sum(returns, window) / window
    return np.sqrt(_trailing_sum(returns, window, less=mean, power=2) / (window - 1))


def half_spread(market: Market, method: Method = "corwin_schultz", window: int = 21) -> Array:
    """(T, n) half of the estimated bid-ask spread, fraction of the mid: the cost of a small trade at market.

    The mean of the last `window` estimates, each from the bars of two sessions in a row of which both traded, negative
    ones taken for zero; NaN where fewer than half of them are known. Where the spread is small against volatility, what
    is cut at zero leaves an upward bias: SPY's half-spread of 2010 to 2023 comes out at 11 bp (Corwin, Schultz) and 15
    bp (Abdi and Ranaldo), and is quoted below 1 bp. It tells wide assets and wild days from others; it is no quote.

    Raises : DataError for a market without highs and lows; ConfigError for an unknown method or a window below one.
    Source : Corwin, Schultz (2012), A Simple Way to Estimate Bid-Ask Spreads from Daily High and Low Prices, equations
             14 and 18, overnight adjustment included. Abdi, Ranaldo (2017), A Simple Estimation of Bid-Ask Spreads from
             Daily Close, High, and Low Prices, in its version corrected by two days.
    """
    _check_window("half_spread", window, 1)
    estimates = {"corwin_schultz": corwin_schultz, "abdi_ranaldo": abdi_ranaldo}
    if method not in estimates:
        raise ConfigError(f"unknown estimator of spreads: found method={method!r}. Use {' or '.join(estimates)}.")
    bars = market.bars or {}
    if not {"high", "low"} <= set(bars):
        raise DataError(
            f"market {market.name!r} has no highs and lows: found bars {', '.join(bars) or 'None'}, for "
            f"{market.assets[0]} on {market.days[0]} too. Give them, or state the half-spread."
        )
    units = np.ones(market.shape) if market.splits is None else np.cumprod(market.splits, axis=0)
    prices = (bars["high"], bars["low"], market.prices)
    high, low, close = (np.where(market.tradable, price * units, np.nan) for price in prices)
    spread = np.full(market.shape, np.nan)
    spread[1:] = estimates[method](high, low, close)
    known = _trailing_sum((~np.isnan(spread)).astype(float), window)
    total = _trailing_sum(np.nan_to_num(spread), window)
    enough = market.listed & (2.0 * known >= window)
    return np.where(enough, total / np.maximum(known, 1.0) / 2.0, np.nan)


def corwin_schultz(high: Array, low: Array, close: Array) -> Array:
    """(T - 1, n) spread of two sessions each, fraction of the mid, from the range of both and of either.

    high  : (T, n) highest price of each session, currency per unit.
    low   : (T, n) lowest price, currency per unit.
    close : (T, n) closing price, currency per unit.

    With H and L adjusted on the second day for a price that moved overnight past the close before it, b the sum of both
    days' ln(H/L)² and g the ln(H/L)² of the two days as one, equation 18 is a = (√(2b) - √b) / (3 - 2√2) - √(g / (3 -
    2√2)), and equation 14 the spread 2 (eᵃ - 1) / (1 + eᵃ); zero where it is negative.

    >>> corwin_schultz(np.array([[101.0]] * 2), np.array([[99.0]] * 2), np.array([[100.0]] * 2)).round(6).tolist()
    [[0.02]]
    """
    overnight = np.maximum(low[1:] - close[:-1], 0.0) + np.minimum(high[1:] - close[:-1], 0.0)
    highs, lows = high[1:] - overnight, low[1:] - overnight
    beta = np.log(high[:-1] / low[:-1]) ** 2 + np.log(highs / lows) ** 2
    gamma = np.log(np.maximum(high[:-1], highs) / np.minimum(low[:-1], lows)) ** 2
    alpha = (ROOT_OF_TWO - 1.0) * np.sqrt(beta) / (3.0 - 2.0 * ROOT_OF_TWO) - np.sqrt(gamma / (3.0 - 2.0 * ROOT_OF_TWO))
    spread: Array = np.maximum(2.0 * np.tanh(alpha / 2.0), 0.0)
    return spread


def abdi_ranaldo(high: Array, low: Array, close: Array) -> Array:
    """(T - 1, n) spread of two sessions each, fraction of the mid, from closes and middles of ranges.

    high  : (T, n) highest price of each session, currency per unit.
    low   : (T, n) lowest price, currency per unit.
    close : (T, n) closing price, currency per unit.

    With c the log close of the first day and m the mean of log high and log low of each, the spread is √(4 (c - m₁)(c -
    m₂)); zero where the product is negative. It needs no adjustment for the night.

    >>> abdi_ranaldo(np.array([[101.0]] * 2), np.array([[99.0]] * 2), np.array([[101.0]] * 2)).round(6).tolist()
    [[0.020001]]
    """
    middle, close = (np.log(high) + np.log(low)) / 2.0, np.log(close)
    return np.sqrt(np.maximum(4.0 * (close[:-1] - middle[:-1]) * (close[:-1] - middle[1:]), 0.0))


def _trailing_sum(values: Array, window: int, less: Array | float = 0.0, power: int = 1) -> Array:
    """(T, n) sum over the last `window` rows of (value - less)^power, NaN before so many; lag by lag, for memory."""
    total = np.zeros(values.shape)
    total[: window - 1] = np.nan
    for back in range(min(window, len(values))):
        part = values[: len(values) - back] - (less[back:] if isinstance(less, np.ndarray) else less)
        total[back:] += part**power
    return total


def _check_window(owner: str, window: int, least: int) -> None:
    if not isinstance(window, int | np.integer) or isinstance(window, bool) or window < least:
        raise ConfigError(f"window of {owner} is {shown(window)}. Give a whole number of sessions, {least} or more.")
