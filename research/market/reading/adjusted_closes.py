"""Closes as they were quoted, with their splits and dividends, out of closes that are adjusted for some of these."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from foundation.table_files import fault
from research.market.notes import Note, counted
from research.market.rows import BARS, ROUNDING, as_traded, growth

ADJUSTMENTS = {
    "raw": "as traded",
    "split": "adjusted for splits, not for dividends",
    "total": "total-return closes, which serve as quotes too",
}
UNSTATED_CLOSES = (
    "What the prices of {} are adjusted for is not stated: they are taken for total-return closes that also serve as "
    "quotes until `adjustment` says raw, split or total."
)
AGREES_WITH_TOTAL = 1e-4  # of returns of closes and dividends, and those of adjusted closes
JUMP = 0.4  # of a close without its adjusted close: a split that no column states
CLEAR_SPLIT = np.log(1.4)  # a move of a day does not hide it
MAX_DECIMALS = 6  # of prices that are written rounded
NO_EVENT = {"dividend": 0.0, "split": 1.0}


def as_quoted(
    file: str, bars: pd.DataFrame, stated: str | None, from_yahoo: bool
) -> tuple[pd.DataFrame, str | None, list[Note]]:
    """The bars with quotes, splits and dividends as rows of the store have them, their adjustment, and notes.

    Closes beside adjusted closes are quotes: splits adjust them or not, as they show themselves, and dividends are
    those of their column, else those that the two imply. Closes alone are total-return closes if nothing says
    otherwise; so are closes with dividends as yfinance writes them without Adj Close.

    file       : name in messages.
    bars       : (R, ·) asset_id, session, line, currency, a close, an adjusted close `total`, or both, and any of the
                 other numbers, by asset and session.
    stated     : "raw", "split" or "total", None where it is not stated.
    from_yahoo : true if the table is laid out as those of yfinance.
    Raises     : ConfigError for another statement than the columns make; DataError for closes of which some are
                 adjusted and others are not.
    """
    has_close, has_total = "close" in bars, "total" in bars
    if has_total and stated and (stated == "total" or not has_close):
        beside = "Close beside" if has_close else "only"
        raise ConfigError(f"adjustment is {stated!r}, and {file} has {beside} Adj Close: leave the option out.")
    notes = list[Note]()
    unstated = stated is None and not (has_close and has_total) and (from_yahoo or not set(NO_EVENT) & set(bars))
    if stated == "total" or unstated:
        adjustment = stated if has_close else "total"
        has_events = any((bars[name] != none).any() for name, none in NO_EVENT.items() if name in bars)
        bars = bars.assign(close=bars["close" if has_close else "total"], **NO_EVENT)
        if has_events:
            adjustment = "total"
            notes.append(Note(f"The closes of {file} are taken for total-return closes, as yfinance gives them without "
                              "Adj Close: its dividends and splits are in them, and are left out."))  # fmt: skip
        elif adjustment is None:
            notes.append(Note(UNSTATED_CLOSES.format(file), warning=True))
    else:
        bars, adjustment = _with_splits(file, bars, stated)
        bars, notes = _with_dividends(file, bars)
    absent = {name: np.nan for name in BARS if name not in bars}
    return bars.assign(**absent)[["asset_id", "session", *BARS, "split", "dividend", "currency"]], adjustment, notes


def refuse_bar(file: str, bars: pd.DataFrame, bad: ArrayLike, column: str, what: str, fix: str) -> None:
    """Raise DataError for the first bar that is wrong, with its row, asset and value."""
    if np.any(bad):
        row = bars.iloc[int(np.argmax(bad))]
        what = f"{what} of {row['asset_id']} on {row['session']:%Y-%m-%d}"
        raise DataError(fault(file, int(row["line"]), "", what, float(row[column]), fix))


def _with_splits(file: str, bars: pd.DataFrame, stated: str | None) -> tuple[pd.DataFrame, str]:
    """The bars as traded where splits are given, else as they are, and their adjustment."""
    if "split" not in bars or (bars["split"] == 1.0).all():
        return bars.assign(split=1.0), stated or ("raw" if "split" in bars else "split")
    refuse_bar(file, bars, ~(bars["split"] > 0.0), "split", "no split", "Give units after for one before, 1 for none.")
    split = bars["split"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        move, size = np.log(np.abs(_growth_of(bars, "close"))), np.log(split)
    seen = (split != 1.0) & ~np.isnan(move)
    jumps, clear = np.abs(move + size) < np.abs(move), seen & (np.abs(size) > CLEAR_SPLIT)
    votes = jumps[clear if clear.any() else seen]
    is_raw = stated == "raw" if stated or not len(votes) else bool(np.mean(votes) > 0.5)
    what = "two adjustments in one series: the close does not move as at other splits or as stated; split"
    refuse_bar(file, bars, clear & (jumps != is_raw), "split", what, "Correct it, or state `adjustment`: raw or split.")
    if is_raw:
        return bars, "raw"
    factor = np.concatenate([as_traded(part.to_numpy()) for _, part in bars.groupby("asset_id", sort=True)["split"]])
    quoted = {name: bars[name] * factor for name in ("open", "high", "low", "close", "dividend") if name in bars}
    quoted |= {"volume": bars["volume"] / factor} if "volume" in bars else {}
    return bars.assign(**quoted), "raw"


def _with_dividends(file: str, bars: pd.DataFrame) -> tuple[pd.DataFrame, list[Note]]:
    """The bars with dividends as given, else as closes and adjusted closes imply, and notes on them."""
    if "total" not in bars:
        return bars, []
    fix = "Give both, or none of them."
    refuse_bar(
        file, bars, ~(bars["total"] > 0.0) | ~(bars["close"] > 0.0), "close", "no adjusted close beside the close", fix
    )
    close, grown = bars["close"].to_numpy(), _growth_of(bars, "total")
    if "dividend" in bars:
        return bars, list(_differing(bars, grown))
    implied = np.nan_to_num((grown / bars["split"] / _growth_of(bars, "close") - 1.0) * close)
    total = bars["total"].to_numpy()
    rounding = close * (ROUNDING + 0.5 * _step(total) / total * (1.0 + np.nan_to_num(grown)))
    far = (implied > JUMP * close) | (implied < -np.maximum(rounding, AGREES_WITH_TOTAL * close))
    fix = "Correct it, give a column of splits, or leave Close or Adj Close out."
    refuse_bar(file, bars, far, "close", "two adjustments in one series: Close moves apart from Adj Close: close", fix)
    paid = np.where(implied > rounding, implied, 0.0)
    text = (
        f"Dividends of {file} are those that Close and Adj Close imply, {counted(int((paid > 0.0).sum()), 'payment')}: "
        "smaller than the rounding of the prices are none."
    )
    return bars.assign(dividend=paid), [Note(text)]


def _differing(bars: pd.DataFrame, grown: Array) -> Iterator[Note]:
    """A warning for each asset whose closes, splits and dividends grow otherwise than its adjusted closes."""
    for asset, k in bars.groupby("asset_id", sort=True).indices.items():
        own = growth(*(bars[name].to_numpy()[k] for name in ("close", "split", "dividend")))
        apart = np.nan_to_num(np.abs(own - grown[k]))
        if (count := int((apart > AGREES_WITH_TOTAL).sum())) > 0:
            day = bars["session"].iloc[k[int(np.argmax(apart))]]
            text = (
                f"{asset} grows otherwise than its adjusted closes on {counted(count, 'session')}, most on "
                f"{day:%Y-%m-%d} ({apart.max():.2%}): look for a dividend that is missing."
            )
            yield Note(text, [str(asset)], warning=True)


def _growth_of(bars: pd.DataFrame, column: str) -> Array:
    """(R,) each number over that of the bar before, NaN for the first bar of an asset."""
    values = bars[column]
    return np.asarray(values / values.groupby(bars["asset_id"], sort=False).shift(), dtype=float)


def _step(values: Array) -> float:
    """The power of ten of which all values are multiples, 0 where they have more than `MAX_DECIMALS` decimals."""
    for decimals in range(MAX_DECIMALS + 1):
        scaled = values * 10.0**decimals
        if (np.abs(scaled - np.round(scaled)) < 1e-4).all():
            return float(10.0**-decimals)
    return 0.0
