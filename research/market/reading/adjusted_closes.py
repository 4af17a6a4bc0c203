"""Closes as they were quoted, with their splits and dividends, out of closes that are adjusted for some of these."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import cut
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import percent
from foundation.table_files import fault
from research.market.calendars import Days
from research.market.corporate_actions import YIELD_WARNED, TradedCloses, as_traded, unadjusted
from research.market.notes import Note, counted
from research.market.reading.cells import step_of
from research.market.rows import SOURCE_ROUNDING

ADJUSTMENTS = {
    "raw": "as traded",
    "split": "adjusted for splits, not for dividends",
    "total": "total-return closes, which serve as quotes too",
}
NO_EVENT = {"dividend": 0.0, "split": 1.0}
UNSTATED_CLOSES = (
    "What the prices of {0} are adjusted for is not stated: they are taken for total-return closes that also serve as "
    "quotes. State it by `rebalance data import FILE --as NAME --adjustment raw`, `split` or `total`."
)
ADJUSTED_QUOTES = (
    "The quotes of {} are taken from closes adjusted for dividends: nobody could trade at them, but for the last one "
    "where no dividend came since, and units of orders, whole lots and costs a unit are wrong. Give prices of today, "
    "`prices` or `quotes`, or import closes as traded."
)
EVENTS_LEFT_OUT = (
    "The closes of {} are taken for total-return closes, as yfinance gives them without Adj Close: its dividends and "
    "splits are in them, and are left out."
)
RATIOS = np.array([2, 2.5, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100])
SPLIT_RATIOS = np.concatenate([[1.0], RATIOS, 1.0 / RATIOS])  # units after for one before
OF_RATIO, TINY = 0.005, 1e-9  # relative distance from such a ratio; smaller ones may be special dividends
JUMP = 0.4  # of a close without its adjusted close: a split that no column states
MAX_DECIMALS = 6  # of prices that are written rounded


@dataclass(frozen=True, eq=False)
class TableBars:
    """The bars of a table, R rows of n assets.

    file     : name of the file.
    assets   : n ids, sorted.
    asset    : (R,) index into `assets`.
    days     : (R,) sessions.
    lines    : (R,) rows of the file.
    currency : (R,) codes, "" where nothing states one.
    numbers  : (R,) each; a `close`, an adjusted close `total`, or both, and any of the other numbers of a bar.
    """

    file: str
    assets: tuple[str, ...]
    asset: NDArray[np.int64]
    days: Days
    lines: NDArray[np.int64]
    currency: NDArray[np.object_]
    numbers: Mapping[str, Array]

    def take(self, rows: NDArray[np.int64] | Mask) -> "TableBars":
        """These rows alone, in this order."""
        numbers = {name: values[rows] for name, values in self.numbers.items()}
        others = {name: getattr(self, name)[rows] for name in ("asset", "days", "lines", "currency")}
        return replace(self, numbers=numbers, **others)

    def having(self, **numbers: Array) -> "TableBars":
        """The same bars with these numbers in place of theirs."""
        return replace(self, numbers={**self.numbers, **numbers})

    def refuse(self, bad: Mask, column: str, what: str, fix: str) -> None:
        """Raise DataError for the first bar that is wrong, with its row, asset, session and value."""
        if bad.any():
            k = int(np.argmax(bad))
            place = f"{what} of {self.assets[self.asset[k]]} on {self.days[k]}"
            raise DataError(fault(self.file, int(self.lines[k]), "", place, float(self.numbers[column][k]), fix))

    @property
    def begins(self) -> NDArray[np.int64]:
        """The first row of each asset that has one, where the rows are in order."""
        return np.flatnonzero(np.append(True, self.asset[1:] != self.asset[:-1]))

    @property
    def traded(self) -> TradedCloses:
        """The closes, as traded, beside their splits and adjusted closes."""
        total = self.numbers.get("total", np.full(len(self.days), np.nan))
        return TradedCloses(self.numbers["close"], self.numbers["split"], total, self.begins)


def as_quoted(bars: TableBars, stated: str | None, from_yahoo: bool) -> tuple[TableBars, str | None, tuple[Note, ...]]:
    """The bars with quotes, splits and dividends as rows of the store have them, their adjustment, and notes.

    Closes beside adjusted closes are quotes: splits adjust them or not, as they show themselves, and dividends are
    those of their column, else those that the two imply. Closes alone are total-return closes if nothing says
    otherwise; so are closes with dividends as yfinance writes them without Adj Close.

    bars       : bars by asset and session; prices with dividends or splits are above zero.
    stated     : "raw", "split" or "total", None where it is not stated.
    from_yahoo : true if the table is laid out as those of yfinance.
    Raises     : ConfigError for another statement than the columns make; DataError for closes of which some are
                 adjusted and others are not, and for prices below zero beside splits or adjusted closes.
    """
    has_close, has_total = (name in bars.numbers for name in ("close", "total"))
    has_events = not NO_EVENT.keys().isdisjoint(bars.numbers)
    if has_total and stated and (stated == "total" or not has_close):
        beside = "Close beside" if has_close else "only"
        raise ConfigError(
            f"adjustment is {stated!r}, and {bars.file} has {beside} Adj Close: do not state it, or leave a column out."
        )
    said: tuple[Note, ...] = ()
    if has_close and has_total and "split" not in bars.numbers:
        bars, said = _implied_splits(bars)
    if (has_close and has_total) or stated in ("raw", "split") or (has_events and not from_yahoo and stated is None):
        bars, stated = _with_splits(bars, stated, from_yahoo)
        bars, notes = _with_dividends(bars)
        return bars, stated, (*said, *notes)
    neutral = {name: np.full(len(bars.days), value) for name, value in NO_EVENT.items()}
    left = any((bars.numbers.get(name, values) != values).any() for name, values in neutral.items())
    bars = bars.having(close=bars.numbers["close" if has_close else "total"], **neutral)
    if left:
        return bars, "total", (Note(EVENTS_LEFT_OUT.format(bars.file)),)
    return bars, stated if has_close else "total", ()


def _implied_splits(bars: TableBars) -> tuple[TableBars, tuple[Note, ...]]:
    """The bars with the splits by which closes move apart from their adjusted closes, and a note of these, if any."""
    neutral = bars.having(split=np.ones(len(bars.days)))
    apart = np.nan_to_num(1.0 + neutral.traded.shown, nan=1.0)
    nearest = SPLIT_RATIOS[np.argmin(np.abs(np.log(np.maximum(apart, TINY))[:, None] - np.log(SPLIT_RATIOS)), axis=1)]
    split = np.where(np.abs(apart / nearest - 1.0) < OF_RATIO, nearest, 1.0)
    rows = np.flatnonzero(split != 1.0)
    if not len(rows):
        return bars, ()
    found = [f"{bars.assets[bars.asset[k]]} {split[k]:.4g} on {bars.days[k]}" for k in rows]
    return bars.having(split=split), (
        Note(f"Splits of {bars.file} are those that Close and Adj Close imply: {cut(', '.join(found))}.", warning=True),
    )


def _with_splits(bars: TableBars, stated: str | None, from_yahoo: bool) -> tuple[TableBars, str]:
    """The bars as traded where splits are given, else as they are, and their adjustment.

    Most splits of which the closes show one reading decide; where they show none, yfinance's closes are adjusted.
    Raises : DataError where nothing says whether closes are adjusted, and where a split contradicts the others.
    """
    split = bars.numbers.get("split", np.ones(len(bars.days)))
    if (split == 1.0).all():
        return bars.having(split=split), stated or ("raw" if "split" in bars.numbers else "split")
    bars.refuse(~(split > 0.0), "split", "no split", "Give units after for one before, 1 for none.")
    bars.refuse(~(bars.numbers["close"] > 0.0), "close", "a close of zero or below beside splits", "Correct it.")
    factor = np.concatenate([as_traded(part) for part in np.split(split, bars.begins[1:])])
    as_is = bars.having(split=split)
    undone = as_is.having(**unadjusted(as_is.numbers, factor))
    raw, adjusted = (int(each.traded.shows_split.sum()) for each in (as_is, undone))
    if not (stated or from_yahoo or raw or adjusted):
        what = "closes that do not show whether they are adjusted for it: split"
        bars.refuse((split != 1.0) & ~np.isnan(as_is.traded.moved), "split", what, "State `adjustment`: raw or split.")
    quoted = as_is if (stated == "raw" if stated else raw > adjusted) else undone
    what = "two adjustments in one series: the close does not move as at other splits or as stated; split"
    bars.refuse(quoted.traded.hides_split, "split", what, "Correct it, or state `adjustment`: raw or split.")
    return quoted, "raw"


def _with_dividends(bars: TableBars) -> tuple[TableBars, tuple[Note, ...]]:
    """The bars with dividends as given, else as closes and adjusted closes imply, and notes on them."""
    close, total = bars.numbers["close"], bars.numbers.get("total")
    if total is None:
        return bars.having(dividend=bars.numbers.get("dividend", np.zeros(len(close)))), ()
    bars.refuse(~((total > 0.0) & (close > 0.0)), "close", "no Close and Adj Close above zero", "Give both or one.")
    if "dividend" in bars.numbers:
        return bars, tuple(_differing(bars))
    shown = np.nan_to_num(bars.traded.shown)
    implied, grown = shown * close, (1.0 + shown) * np.nan_to_num(bars.traded.moved)
    rounding = close * (SOURCE_ROUNDING + 0.5 * step_of(total, MAX_DECIMALS, 1e-4) / total * (1.0 + grown))
    far = (implied > JUMP * close) | (implied < -np.maximum(rounding, YIELD_WARNED.least * close))
    fix = "Correct it, give a column of splits, or leave Close or Adj Close out."
    bars.refuse(far, "close", "two adjustments in one series: Close moves apart from Adj Close: close", fix)
    paid = np.where(implied > rounding, implied, 0.0)
    text = (
        f"Dividends of {bars.file} are those that Close and Adj Close imply, "
        f"{counted(int((paid > 0.0).sum()), 'payment')}: what is within the rounding of the prices is none."
    )
    return bars.having(dividend=paid), (Note(text),)


def _differing(bars: TableBars) -> Iterator[Note]:
    """A warning for each asset whose dividends are not those that its adjusted closes show."""
    dividend = bars.numbers["dividend"]
    apart = bars.traded.apart(dividend) * bars.traded.moved  # as growth
    differs = bars.traded.denies(dividend, YIELD_WARNED)
    for k in np.unique(bars.asset[differs]).tolist():
        rows, asset = np.flatnonzero(differs & (bars.asset == k)), bars.assets[k]
        worst = rows[np.argmax(apart[rows])]
        text = (
            f"{asset} grows otherwise than its adjusted closes on {counted(len(rows), 'session')}, most on "
            f"{bars.days[worst]} ({percent(apart[worst], 2)}): look for a dividend that is missing."
        )
        yield Note(text, [asset], warning=True)
