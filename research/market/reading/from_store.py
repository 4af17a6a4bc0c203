"""A market from the store of prices, on the sessions of one calendar."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import did_you_mean
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.wording import listed
from research.market.calendars import Days, closes, sessions
from research.market.cash import BillRates, YearlyRates
from research.market.instruments import exit_rows, instruments_table
from research.market.market import Market
from research.market.notes import Note, counted
from research.market.reading.adjusted_closes import ADJUSTED_QUOTES, ADJUSTMENTS, UNSTATED_CLOSES
from research.market.reading.known_instruments import PUBLISHED
from research.market.reading.sources import CashSource, Missing, assemble
from research.market.reading.tables import WideTable
from research.market.repairs import Repair, repair
from research.market.rows import NUMBERS, bar_growth
from research.market.store import KnownBars, PriceStore, known_of_rows

RATE_SESSIONS = 5  # after a bar of a rate of exchange, on which it serves where there is none
ASSETS_AT_ONCE = 100  # assets whose rows are read together


@dataclass(frozen=True)
class StoredLine:
    """An asset of a market in a store.

    asset_id : id of its rows.
    calendar : calendar of its own sessions.
    is_rate  : true for a rate of exchange: the market begins with it, and its last bar serves `RATE_SESSIONS` sessions.
    delay    : time after a close until its source has the bar.
    """

    asset_id: str
    calendar: str
    is_rate: bool = False
    delay: timedelta = PUBLISHED


def market_from_store(
    store: PriceStore,
    lines: Mapping[str, StoredLine],
    *,
    calendar: str = "XNYS",
    first: np.datetime64 | None = None,
    known_on: np.datetime64 | None = None,
    cash: CashSource = None,
    currency: str = "USD",
    instruments: pd.DataFrame | None = None,
    missing: Missing = "halt",
    repairs: Sequence[Repair] = (),
    second: PriceStore | None = None,
    beside: Collection[str] = (),
) -> Market:
    """A market of assets whose rows a store has, up to the last session of which one has a bar and all had the time.

    An asset stands at the last bar that ended by a session's close; of several bars since the close before, volumes,
    dividends and splits are taken together. A session without a new bar is a halt once the delay of its source has
    passed; an asset whose bar may yet come ends the market the session before. A bar of a day on which the asset's own
    exchange was closed ends with that day, so it counts from the next session on.

    lines    : by the name of the asset.
    calendar : exchange calendar whose sessions are the dates.
    first    : first session wanted, by default that of the first bar.
    known_on : a moment in UTC: the market as it was known then.
    cash, missing : as in `market_from_frame`.
    currency      : currency of cash.
    instruments   : (n, ·) table by asset; its currencies give way to those of the rows.
    repairs  : repairs of rows, by their ids.
    second   : store of the second source that repairs may take rows from.
    beside   : assets that nobody holds, such as rates of exchange: the market does not begin before the others.
    Raises   : DataError for an asset without rows, for a repair of no asset, for fewer than two sessions, for rows
               that are weeks or months apart, and as `repair` and `market_from_frame`.
    """
    ids = [line.asset_id for line in lines.values()]
    for each in repairs:
        if each.asset not in ids:
            raise DataError(f"{each}: the market has no {each.asset!r}. {did_you_mean(each.asset, ids)}")
    earlier, days = _sessions(store, lines, calendar, first)
    names = tuple(lines)
    stored = _stored(store, list(lines.values()), (earlier, days), calendar, known_on, (repairs, second))
    panels = stored.panels
    table = instruments_table(names) if instruments is None else instruments
    left = exit_rows(table, days) < len(days)
    held = [i for i, name in enumerate(names) if name not in beside]
    _refuse_without_bars(stored.ends, names, days)
    until = _until(stored.ends, list(lines.values()), days, calendar, stored.moment if known_on is None else known_on)
    stop, notes = _stop(np.where(left, len(days), until), int(stored.ends[held].max()), names, days)
    rates = [i for i, line in enumerate(lines.values()) if line.is_rate]
    begins = np.argmax(~np.isnan(panels["index"]), axis=0)
    start = int(max([begins[held].min(), *begins[rates]]))
    days, panels = days[start:stop], {name: cells[start:stop] for name, cells in panels.items()}
    _refuse_rare(store.name, panels["index"][:, held], calendar)
    panels["split"][0], panels["dividend"][0] = 1.0, 0.0  # nobody held an asset before the first day
    tables = {name: WideTable(days, names, cells, f"store {store.name!r}") for name, cells in panels.items()}
    has = {name: not np.isnan(cells).all() for name, cells in panels.items()}
    adjustment = store.about.get("adjustment", "")
    quoted = f"returns: splits and dividends; quotes: {ADJUSTMENTS[adjustment or 'total']}"
    own = [code or stated for code, stated in zip(stored.currency, table["currency"], strict=True)]
    return assemble(
        tables["index"],
        quotes=tables["close"],
        volumes=tables["volume"] if has["volume"] else None,
        bars={bar: tables[bar] for bar in ("open", "high", "low") if has[bar]} or None,
        dividends=tables["dividend"] if np.nansum(panels["dividend"]) else None,
        splits=tables["split"] if (np.nan_to_num(panels["split"], nan=1.0) != 1.0).any() else None,
        cash=cash,
        currency=currency,
        instruments=table.assign(adjustment=quoted, currency=own),
        calendar=calendar,
        missing=missing,
        name=store.name,
        notes=(
            *((Note(UNSTATED_CLOSES.format(store.name), warning=True),) if not adjustment else ()),
            *((Note(ADJUSTED_QUOTES.format(store.name), warning=True),) if adjustment in ("", "total") else ()),
            *(Note(text, warning=True) for text in store.about.get("notes", ())),
            *_clock_notes(lines, calendar, days),
            *stored.notes,
            *notes,
        ),
        scheduled=True,
        closed={names[i]: (lines[names[i]].calendar, of_line) for i, of_line in stored.closed.items()},
        origin={"rows": stored.fingerprint, "known_on": f"{last_known(stored.moment, cash)}Z"},
    )


@dataclass(frozen=True, eq=False)
class _Stored:
    """The rows of n assets on T sessions.

    panels   : {column: (T, n)}, and `index`, the worth of a unit that reinvests; NaN on a session without a new bar.
    ends     : (n,) the last session with a new bar of each asset, -1 without.
    currency : (n,) codes.
    notes    : notes on repairs.
    closed   : by place of an asset, the sessions of which it has a bar although its own exchange was closed.
    fingerprint, moment : of the rows, and the moment at which the last of them was known.
    """

    panels: dict[str, Array]
    ends: NDArray[np.int64]
    currency: list[str]
    notes: list[Note]
    closed: dict[int, Days]
    fingerprint: str
    moment: np.datetime64


def _stored(
    store: PriceStore,
    lines: Sequence[StoredLine],
    schedule: tuple[Days, Days],
    calendar: str,
    known_on: np.datetime64 | None,
    mended: tuple[Sequence[Repair], PriceStore | None],
) -> _Stored:
    """The rows of assets on the sessions of a calendar, read a hundred assets at once.

    schedule : sessions before those wanted, and these.
    mended   : repairs, and the store of the second source.
    """
    earlier, days = schedule
    every = np.append(earlier, days)
    ends, currency, notes = np.full(len(lines), -1), [""] * len(lines), list[Note]()
    panels = {name: np.full((len(days), len(lines)), np.nan) for name in ("index", *NUMBERS)}
    moments, digest, closed = [], hashlib.sha256(), dict[int, Days]()
    order = sorted(range(len(lines)), key=lambda i: lines[i].asset_id)  # as they lie in the store
    for among in (order[start : start + ASSETS_AT_ONCE] for start in range(0, len(order), ASSETS_AT_ONCE)):
        calendars = {lines[i].asset_id: lines[i].calendar for i in among}
        repairs = [each for each in mended[0] if each.asset in calendars]
        known, mends = repaired_rows(store, calendars, known_on, repairs, mended[1])
        block = {name: np.full((len(among), len(days)), np.nan) for name in panels}
        for row, i in enumerate(among):
            k = known.assets.index(lines[i].asset_id)  # two assets may be of one asset
            part = known.slices[k]
            bars = {name: values[part] for name, values in known.numbers.items()}
            if len(
                found := _closed_days(known.days[part][~np.isnan(bars["close"])], days, lines[i].calendar, calendar)
            ):
                closed[i] = found
            at, values = _on_sessions(bars, _places(known.days[part], every, lines[i].calendar, calendar), len(earlier))
            for name, of_bars in values.items():
                block[name][row, at] = of_bars
            for name in ("index", "close") if lines[i].is_rate else ():
                block[name][row] = pd.Series(block[name][row]).ffill(limit=RATE_SESSIONS)
            currency[i], ends[i] = known.currency[k], at[-1] if len(at) else -1
        for name, cells in block.items():
            panels[name][:, among] = cells.T
        notes += mends
        digest.update(known.fingerprint.encode())
        moments.append(known.moment)
    return _Stored(panels, ends, currency, notes, closed, digest.hexdigest()[:16], max(moments))


def last_known(moment: np.datetime64, cash: CashSource) -> np.datetime64:
    """The later of the moments at which the last row and the last rate of cash were known."""
    return np.fmax(moment, cash.moment) if isinstance(cash, BillRates | YearlyRates) else moment


def repaired_rows(
    store: PriceStore,
    calendars: Mapping[str, str],
    known_on: np.datetime64 | None,
    repairs: Sequence[Repair],
    second: PriceStore | None,
) -> tuple[KnownBars, tuple[Note, ...]]:
    """The rows known of the assets of `calendars`, with repairs, and a note on each; known with those of the second."""
    known = store.read(list(calendars), known_on=known_on)
    if not repairs:
        return known, ()
    others, moment = None if second is None else second.rows(list(calendars), known_on=known_on), known.moment
    if others is not None and len(others):
        moment = max(moment, others["fetched_at"].max().to_datetime64())
    rows, notes = repair(store.rows(list(calendars), known_on=known_on), repairs, calendars, others)
    return replace(known_of_rows(rows), currency=known.currency, moment=moment), notes


def _places(bar_days: Days, days: Days, own: str, calendar: str) -> NDArray[np.int64]:
    """(T,) the last bar that ended by the close of each session, -1 before the first.

    own, calendar : calendars of the bars and of the sessions.
    """
    if own == calendar:
        return np.searchsorted(bar_days, days, side="right") - 1
    return np.searchsorted(_ends(bar_days, own), closes(days, calendar), side="right") - 1


def _ends(bar_days: Days, calendar: str) -> NDArray[np.datetime64]:
    """The moments, in UTC, at which bars end: the close of their session, or the end of a day that is none."""
    own = sessions(bar_days[0], bar_days[-1], calendar)
    ends = (bar_days + 1).astype("datetime64[m]")
    is_session = np.isin(bar_days, own)
    ends[is_session] = closes(bar_days[is_session], calendar)
    return np.maximum.accumulate(ends)


def _closed_days(bar_days: Days, days: Days, own: str, calendar: str) -> Days:
    """The sessions of which an asset has a bar, and on which the exchange of its own calendar was closed."""
    if own == calendar or not len(bar_days):
        return bar_days[:0]
    found: Days = np.setdiff1d(np.intersect1d(bar_days, days), sessions(bar_days[0], bar_days[-1], own))
    return found


def _on_sessions(
    numbers: Mapping[str, Array], place: NDArray[np.int64], begin: int
) -> tuple[NDArray[np.int64], dict[str, Array]]:
    """The sessions on which an asset has a new bar, and its values there; `index` is the worth of a unit that
    reinvests.

    Of several bars since the session before, volumes and dividends are summed and splits multiplied; the opens are
    those of the first, highs and lows those of all; all are per unit of the last bar.

    numbers : {column: (R,)} of its bars, in order.
    place   : (T,) the last bar that ended by the close of each session, -1 before the first.
    begin   : session from which on they are wanted; the others say which bars are not new.
    """
    at = np.flatnonzero((place > np.append(-1, place[:-1]))[begin:])
    if not len(at):
        return at, {}
    last = place[begin:][at]
    first = np.append(last[:1], last[:-1] + 1)  # of the first session with a bar, that bar alone
    grown = np.cumprod(bar_growth(numbers["close"], numbers["split"], numbers["dividend"]))
    found = {name: values[last] for name, values in numbers.items()}
    if (first != last).any():
        units, inner, part = np.cumprod(numbers["split"]), slice(first[0], last[-1] + 1), first - first[0]
        found["volume"] = np.add.reduceat((numbers["volume"] / units)[inner], part) * units[last]
        found["dividend"] = np.add.reduceat((numbers["dividend"] * units)[inner], part) / units[last]
        found["split"] = np.multiply.reduceat(numbers["split"][inner], part)
        found["open"] = numbers["open"][first] * units[first] / units[last]
        found["high"] = np.maximum.reduceat((numbers["high"] * units)[inner], part) / units[last]
        found["low"] = np.minimum.reduceat((numbers["low"] * units)[inner], part) / units[last]
    found["split"][0], found["dividend"][0] = 1.0, 0.0  # nobody held it before its first bar
    return at, found | {"index": numbers["close"][last[0]] * grown[last] / grown[last[0]]}


def _sessions(
    store: PriceStore, lines: Mapping[str, StoredLine], calendar: str, first: np.datetime64 | None
) -> tuple[Days, Days]:
    """The sessions on which rows of these assets may lie: those before the first one wanted, and the others.

    Raises : DataError for fewer than two others.
    """
    span = store.span([line.asset_id for line in lines.values()])
    if span is None:
        raise DataError(f"store {store.name!r} has no prices of {listed(list(lines), most=5)}. Fetch or import them.")
    if first is not None and first > span[1]:
        raise DataError(f"`first` is {first}, later than the last row of store {store.name!r}, {span[1]}: correct it.")
    begin = span[0] if first is None else max(first, span[0])
    every = sessions(span[0], max(span[1], begin), calendar)
    earlier, days = np.split(every, [np.searchsorted(every, begin)])
    if len(days) < 2:
        raise DataError(
            f"store {store.name!r} has rows of {listed(list(lines), most=5)} on {counted(len(days), 'session')} of "
            f"{calendar!r} from {begin} to {span[1]}: two at least are needed. Fetch or import more of the past."
        )
    return earlier, days


def _refuse_rare(name: str, index: Array, calendar: str) -> None:
    """Raise DataError where fewer than a third of the sessions have a bar of any asset: the rest would be halts.

    index : (T, n) of the assets that are held.
    """
    priced = int((~np.isnan(index)).any(axis=1).sum())
    if 3 * priced < len(index):
        raise DataError(
            f"store {name!r} has prices on {priced:,} of {len(index):,} sessions of {calendar!r}: its rows are weeks "
            "or months apart, and it would trade on these days alone. Read the table itself, by its own rows: "
            "`market: {file: prices.csv, quotes: prices.csv, calendar: 24/7}`."
        )


def _refuse_without_bars(ends: NDArray[np.int64], names: Sequence[str], days: Days) -> None:
    """Raise DataError for an asset without a bar.  ends : (n,) as in `_Stored`."""
    if (ends < 0).any():
        raise DataError(
            f"{names[int(np.argmax(ends < 0))]} has no bar on the {len(days)} sessions from {days[0]} to {days[-1]}. "
            "Begin earlier, or fetch or import its prices."
        )


def _until(
    ends: NDArray[np.int64], lines: Sequence[StoredLine], days: Days, calendar: str, moment: np.datetime64
) -> NDArray[np.int64]:
    """(n,) the last session for which each asset can be valued: that of its last bar while the next one may yet come,
    else any, and of a rate of exchange the last that it serves.

    ends   : (n,) the last session with a new bar of each asset.
    moment : moment, in UTC, up to which their sources were asked.
    """
    last = len(days) - 1
    delays = np.array([line.delay for line in lines], dtype="timedelta64[m]")
    may_come = (ends < last) & (closes(days[np.minimum(ends + 1, last)], calendar) + delays > moment)
    serves = np.array([RATE_SESSIONS if line.is_rate else len(days) for line in lines])
    return ends + np.where(may_come, 0, serves)


def _stop(until: NDArray[np.int64], newest: int, names: Sequence[str], days: Days) -> tuple[int, tuple[Note, ...]]:
    """The session after the last one of the market, and a note where that is not the newest with a bar.

    until  : (n,) the last session for which each asset can be valued.
    newest : the last session on which an asset that is held has a new bar.
    """
    stop = min(newest, int(until.min())) + 1
    if stop > newest:
        return stop, ()
    behind = [names[i] for i in np.flatnonzero(until < stop).tolist()]
    text = (
        f"The market ends on {days[stop - 1]}, the last session of {listed(behind, most=5)}; other assets have bars to "
        f"{days[newest]}."
    )
    return stop, (Note(text, first=days[stop - 1], warning=True),)


def _clock_notes(lines: Mapping[str, StoredLine], calendar: str, days: Days) -> tuple[Note, ...]:
    """A note for each other calendar: the hours from the close of its bars to that of the sessions."""
    notes = []
    for own in sorted({line.calendar for line in lines.values()} - {calendar}):
        whose = [name for name, line in lines.items() if line.calendar == own]
        close, bars = closes(days, calendar), closes(sessions(days[0] - 7, days[-1], own), own)
        hours = (close - bars[np.searchsorted(bars, close, side="right") - 1]) / np.timedelta64(1, "h")
        text = (
            f"Prices of {listed(whose, most=5)} are those of the last bar of calendar {own!r} that ended by the close "
            f"of {calendar!r}, {np.median(hours):.3g} hours before it in the median: leads and lags mean nothing."
        )
        notes.append(Note(text, whose))
    return tuple(notes)
