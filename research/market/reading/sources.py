"""Markets from tables of prices: listings, halts and returns, with notes about the data."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER, is_number, refuse
from foundation.arrays import Array, Mask, owned, within
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import percent
from research.market.calendars import Days, row_name, rows_a_year, sessions
from research.market.cash import (
    HIGHEST_RATE,
    LOWEST_RATE,
    OF_BILL,
    BillRates,
    YearlyRates,
    bill_cash,
    high_returns_note,
    rate_cash,
    yearly_rate,
)
from research.market.delisting import exit_note
from research.market.instruments import exit_rows, instruments_table, neutral_table
from research.market.market import Market
from research.market.notes import EXTREME_MOVES, Note, counted
from research.market.reading.grids import read_grid
from research.market.reading.price_tables import PriceTables, price_tables, prices_alone
from research.market.reading.tables import WideTable, frame_grid, read_table, table_of

Missing = Literal["error", "halt"]
CashSource = Literal["bill"] | float | BillRates | YearlyRates | pd.Series | NDArray[np.float64] | None
EXTREME = 0.4  # a move of one session past which a reader should look: a split gone wrong is -50 % or +100 %
ONE_SERIES = (
    "Returns and quotes are the same closes, {}: where these are adjusted for dividends, nobody could trade at them, "
    "and units of orders are wrong; where they are not, returns leave out dividends."
)
MOVED_NOTE = f"{{}} moved by more than {percent(EXTREME, 0)} on {{}}, most on {{}} ({{}}): {EXTREME_MOVES}."
LAST_SESSIONS = "Rows of weeks or months are named by their first day: each has the day of its last session here."
DIFFERS = (
    "{} returned other than its quotes, dividends and splits say on {}, most on {} ({}): look for a dividend or a "
    "split that is missing, doubled, dated otherwise or not adjusted alike."
)
HALT = "{} has no price on {}: taken for a halt, marked at the last price."
CLOSED_HALT = (
    "{0} has a price on {1}, when {2} was closed: it counts from the next session on, and until then {0} is halted at "
    "the price before. If the price is of another exchange, name its calendar as `calendar` of the line."
)
AGREES = 1e-4  # between a return and its quotes, dividends and splits: vendors' adjusted prices are rounded to 5.5e-5


def market_from_frame(
    prices: pd.DataFrame,
    *,
    quotes: pd.DataFrame | None = None,
    volumes: pd.DataFrame | None = None,
    bars: Mapping[str, pd.DataFrame] | None = None,
    dividends: pd.DataFrame | None = None,
    splits: pd.DataFrame | None = None,
    cash: CashSource = None,
    instruments: pd.DataFrame | None = None,
    calendar: str = "XNYS",
    missing: Missing = "error",
    name: str = "frame",
) -> Market:
    """A market from a table of prices: dates down, assets across, empty before an asset is listed.

    The tables are (T, n) on the dates of `prices`. In place of a wide one, `prices` may be any table that
    `rebalance data import` reads, such as bars of one asset or the frame of `yfinance.download`: closes beside adjusted
    closes, dividends or splits give quotes, bars, volumes and dividends, too, where the arguments give none.

    prices : (T, n) total-return (dividend-adjusted) prices, currency per unit, from which the returns are taken; raw
             ones leave dividends out.
    quotes : (T, n) prices as quoted, currency per unit, for lots and tickets; an asset without a column has none. It
             may be `prices` itself.
    volumes : (T, n) units a day.
    bars : "open", "high", "low", each (T, n) like `quotes`, currency per unit.
    dividends : (T, n) currency per unit as quoted on the ex-date, so after that day's split; empty where none.
    splits : (T, n) units after for one unit before, on the day from which quotes are per unit after; empty where none.
             Quotes that are adjusted for splits come without them, and with dividends adjusted alike. A return that
             differs from split × (quote + dividend) / previous quote - 1 by more than 1e-4 gives a warning.
    cash : "bill" for the embedded three-month US bill; a yearly rate, fraction; rates of the bill or yearly ones;
           simple returns since the previous session, as a Series on these dates or (T,), with a warning where they come
           to more than 30 % a year; None for zero, which is noted as a warning.
    instruments : table by asset, any of the columns of `Market.instruments`; a missing one gets its neutral value. One
                  with `delisted` and `delisting_return` leaves on that date, and has no price from it on.
    calendar : the exchange calendar whose sessions the dates are; "24/7" for markets that never close.
    missing : meaning of an empty price after listing. "error" refuses it. "halt" takes it for a halt, marked at the
              last price: the asset cannot trade, returns zero, and earns the whole gap on the day it trades again. An
              asset that left the market stays halted until the instruments say that it is delisted.
    name : name of the market in a report.
    Raises  : DataError naming source, row, column, date, value and fix; ConfigError for an unknown calendar or option.

    >>> days = pd.DatetimeIndex(["2022-12-28", "2022-12-29", "2022-12-30"])
    >>> prices = pd.DataFrame({"OLD": [100.0, 101.0, 100.0], "NEW": [np.nan, 50.0, 51.0]}, index=days)
    >>> market = market_from_frame(prices)
    >>> market.returns.round(4).tolist(), market.tradable[:, 1].tolist()
    ([[0.0, 0.0], [0.01, 0.0], [-0.0099, 0.02]], [False, True, True])
    """
    given = {
        "quotes": None if quotes is None else prices_alone(price_tables(frame_grid(quotes, f"{name} (quotes)"))),
        "volumes": None if volumes is None else table_of(volumes, f"{name} (volumes)"),
        "bars": {bar: table_of(table, f"{name} ({bar})") for bar, table in (bars or {}).items()},
        "dividends": None if dividends is None else table_of(dividends, f"{name} (dividends)"),
        "splits": None if splits is None else table_of(splits, f"{name} (splits)"),
    }
    tables = price_tables(frame_grid(prices, name))
    options = {"cash": cash, "instruments": instruments, "calendar": calendar, "missing": missing, "name": name}
    return _market(tables, given, options)


def market_from_file(
    path: str | Path,
    *,
    quotes: str | Path | None = None,
    volumes: str | Path | None = None,
    dividends: str | Path | None = None,
    splits: str | Path | None = None,
    cash: CashSource = None,
    instruments: pd.DataFrame | None = None,
    calendar: str = "XNYS",
    missing: Missing = "error",
    currency: str = "USD",
    name: str | None = None,
) -> Market:
    """A market from files of tables: dates in the first column, one column an asset, or as `market_from_frame` says.

    path        : file of the prices, of the kinds of `read_grid`.
    quotes, volumes, dividends, splits : files of the same form and dates, in the units of `market_from_frame`; quotes
                  may be `path` itself.
    cash, instruments, calendar, missing : as in `market_from_frame`.
    currency    : currency of its assets, three capital letters, where the instruments do not say another.
    name        : name of the market in a report; by default the file's name.
    Raises      : as `market_from_frame`.
    """
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ConfigError(f"currency is {currency!r}: write its code of three capital letters, such as EUR.")
    tables = price_tables(read_grid(Path(path)))
    is_one = quotes is not None and Path(path).resolve() == Path(quotes).resolve()
    given = {
        "quotes": None if quotes is None else prices_alone(tables if is_one else price_tables(read_grid(Path(quotes)))),
        "volumes": None if volumes is None else read_table(volumes),
        "dividends": None if dividends is None else read_table(dividends),
        "splits": None if splits is None else read_table(splits),
    }
    name = Path(path).name.partition(".")[0] if name is None else name
    notes = (Note(ONE_SERIES.format(Path(path).name), warning=True),) if is_one else ()
    options = {"cash": cash, "instruments": instruments, "calendar": calendar, "missing": missing, "name": name}
    return _market(tables, given, {**options, "currency": currency, "notes": notes})


def market_from_yfinance(
    frame: pd.DataFrame,
    *,
    cash: CashSource = None,
    instruments: pd.DataFrame | None = None,
    calendar: str = "XNYS",
    missing: Missing = "error",
    name: str = "yfinance",
) -> Market:
    """A market from the frame that `yfinance.download` gives: dates down, columns (field, ticker) or (ticker, field).

    frame       : a row a session. With auto_adjust=False, returns come from "Adj Close", quotes from "Close", bars from
                  "Open", "High" and "Low", units a day from "Volume" and, with actions=True, income from "Dividends"
                  and "Capital Gains"; quotes are as traded where "Stock Splits" are given. With auto_adjust=True,
                  yfinance's default, "Close" is adjusted for dividends: it gives returns, and there are no quotes.
                  Rows of weeks or months, named by their first day, get the last session of each as their day, the
                  last row too where its period is not over.
    cash, instruments, calendar, missing, name : as in `market_from_frame`.
    Raises      : DataError for columns of another shape, and as `market_from_frame` does.
    """
    if frame.columns.nlevels != 2:
        raise DataError(
            f"columns of {name} are {', '.join(map(repr, frame.columns[:6]))}: expected pairs of field and ticker, as "
            "yfinance.download gives them. Download with multi_level_index=True, or name the one ticker: "
            "pd.concat({'SPY': frame}, axis=1)."
        )
    if not any("Close" in frame.columns.get_level_values(level) for level in (0, 1)):
        raise DataError(
            f"no field 'Close' in {name}: found {', '.join(map(repr, frame.columns[:4]))}. Give the frame of "
            "yfinance.download as it comes."
        )
    dated = _by_last_sessions(frame, calendar)
    found = market_from_frame(dated, cash=cash, instruments=instruments, calendar=calendar, missing=missing, name=name)
    return found if dated is frame else replace(found, notes=(*found.notes, Note(LAST_SESSIONS)))


def _by_last_sessions(frame: pd.DataFrame, calendar: str) -> pd.DataFrame:
    """A frame of yfinance with rows of weeks or months on the last session of each; one of days as it is."""
    if not (isinstance(frame.index, pd.DatetimeIndex) and len(frame) > 1 and frame.index.is_monotonic_increasing):
        return frame
    first = frame.index.tz_localize(None).normalize()
    if (first.dayofweek == 0).all() and (first[1:] - first[:-1]).min().days >= 7:
        ends = first + pd.Timedelta(days=6)
    elif (first.day == 1).all():
        months = np.diff(first.to_numpy("datetime64[M]")).astype(int).min()
        ends = first + pd.DateOffset(months=max(int(months), 1)) - pd.Timedelta(days=1)
    else:
        return frame
    until = ends.to_numpy("datetime64[D]")
    days = sessions(first.to_numpy("datetime64[D]")[0], until[-1], calendar)
    return frame.set_axis(pd.DatetimeIndex(days[np.searchsorted(days, until, side="right") - 1], name=first.name))


def _market(tables: PriceTables, given: Mapping[str, Any], options: dict[str, Any]) -> Market:
    """The market of the tables that one table of prices gives, and of those that are given beside it."""
    beside = {name: getattr(tables, name) for name in ("quotes", "volumes", "bars", "dividends", "splits")}
    table, basis = options["instruments"], options.get("currency", "USD")
    told: dict[str, Any] = {"adjustment": tables.adjustment} if tables.adjustment else {}
    if tables.currency:
        told["currency"] = [tables.currency.get(name, basis) for name in tables.prices.names]
    if told and table is None:
        options["instruments"] = instruments_table(tables.prices.names, **({"currency": basis} | told))
    elif told and set(map(str, table.index)) == set(tables.prices.names):
        rows = instruments_table(tables.prices.names, **told).loc[list(map(str, table.index))]
        options["instruments"] = table.assign(**{name: rows[name].tolist() for name in told if name not in table})
    notes = (*options.pop("notes", ()), *tables.notes)
    return assemble(
        replace(tables.prices, notes=()), **beside | {k: v for k, v in given.items() if v}, **options, notes=notes
    )


def assemble(
    prices: WideTable,
    *,
    quotes: WideTable | None = None,
    volumes: WideTable | None = None,
    bars: Mapping[str, WideTable] | None = None,
    dividends: WideTable | None = None,
    splits: WideTable | None = None,
    cash: CashSource = None,
    instruments: pd.DataFrame | None = None,
    calendar: str = "XNYS",
    missing: Missing = "error",
    currency: str = "USD",
    name: str = "",
    notes: tuple[Note, ...] = (),
    scheduled: bool = False,
    closed: Mapping[str, tuple[str, Days]] | None = None,
    origin: Mapping[str, str] | None = None,
) -> Market:
    """A market from checked tables; arguments as in `market_from_frame`, where tables stand for frames, and these.

    instruments : (n, ·) table by asset, or None.
    currency    : currency of cash, and of the assets, where the instruments do not say another.
    notes       : notes about the data, before those found here.
    scheduled   : true if the dates are known to be sessions of the calendar, which spares embedded data this check.
    closed      : by asset, its own calendar, and sessions of which there is a price although its exchange was closed.
    origin      : where the rows of a store came from, see `MarketData`.
    Raises      : as `market_from_frame`.
    """
    _refuse(volumes, lambda cells: cells < 0.0, "impossible volume", "A volume is zero or above: correct the source.")
    of_price = f"A price is {SMALLEST_NUMBER:g} to {LARGEST_NUMBER:g}: correct the source."
    for table in (prices, quotes, *(bars or {}).values()):
        if table is not None and within(table.cells, SMALLEST_NUMBER, LARGEST_NUMBER):
            continue
        _refuse(table, lambda cells: cells <= 0.0, "impossible price", "A price is above zero: correct the source.")
        _refuse(table, lambda cells: (cells < SMALLEST_NUMBER) | (cells > LARGEST_NUMBER), "impossible price", of_price)
    for table in (volumes, dividends, splits):
        fix = f"Give at most {LARGEST_NUMBER:g}: correct the source."
        _refuse(table, lambda cells: cells > LARGEST_NUMBER, "too large a number", fix)
    _refuse(
        dividends, lambda cells: cells < 0.0, "impossible dividend", "A dividend is zero or above: correct the source."
    )
    _refuse(splits, lambda cells: cells <= 0.0, "impossible split factor", "It is above zero, 1 or empty where none.")
    lines = _instruments(prices, quotes, instruments, currency)
    stay = np.full(len(prices.names), len(prices.days))
    exits = stay if instruments is None else exit_rows(lines, prices.days)
    tradable, gaps = _tradable(prices, missing, exits, closed or {})
    returns = _returns(prices.cells, tradable, bool(gaps))
    earned, cash_notes = _cash(cash, prices.days, calendar, currency)
    tables = [table for table in (prices, quotes, volumes, dividends, splits) if table is not None]
    of_files = dict.fromkeys(note for table in tables for note in table.notes)
    notes = (*notes, *of_files, *cash_notes, *gaps)
    notes += tuple(_far_moves(prices.names, prices.days, returns, EXTREME, MOVED_NOTE, 1))
    if not scheduled:
        notes += _off_schedule(prices, calendar)
    for i in np.flatnonzero(exits < len(returns)).tolist():
        returns[exits[i], i] = lines["delisting_return"].iloc[i]
        last = int(np.flatnonzero(tradable[:, i])[-1])
        notes += (exit_note(prices.names[i], prices.days[last], prices.days[exits[i]], returns[exits[i], i]),)
    market = Market(
        dates=pd.DatetimeIndex(prices.days.astype("datetime64[us]"), name="date"),
        assets=prices.names,
        returns=owned(returns),
        tradable=owned(tradable),
        cash=earned,
        instruments=lines,
        prices=owned(_beside(prices, quotes)),
        volumes=None if volumes is None else owned(_beside(prices, volumes)),
        dividends=None if dividends is None else owned(np.nan_to_num(_beside(prices, dividends), copy=False, nan=0.0)),
        splits=None if splits is None else owned(np.nan_to_num(_beside(prices, splits), copy=False, nan=1.0)),
        bars={bar: owned(_beside(prices, values)) for bar, values in bars.items()} if bars else None,
        calendar=calendar,
        name=name,
        notes=notes,
        origin=origin or {},
    )
    if dividends is None and splits is None:
        return market
    differing = tuple(_far_moves(market.assets, market.days[1:], _apart(market), AGREES, DIFFERS, 2))
    return replace(market, notes=(*notes, *differing)) if differing else market


def _refuse(table: WideTable | None, bad: Callable[[Array], Mask], what: str, fix: str) -> None:
    if table is not None:
        table.refuse(bad(table.cells), what, fix)


def _instruments(
    prices: WideTable, quotes: WideTable | None, given: pd.DataFrame | None, currency: str
) -> pd.DataFrame:
    """The house's table of instruments: the given values, and neutral ones for the rest."""
    quoted = () if quotes is None else quotes.names
    quotes_of = {name: "quotes: as given" if name in quoted else "no quotes" for name in prices.names}
    adjustment = [f"returns: as given; {quotes_of[name]}" for name in prices.names]
    neutral = {"adjustment": adjustment, "currency": currency}
    if given is None:
        return neutral_table(prices.names, currency, tuple(adjustment))
    if sorted(map(str, given.index)) != sorted(prices.names):
        odd = [name for name in (*prices.names, *given.index) if [*given.index, *prices.names].count(name) != 2]
        raise DataError(
            f"the instruments do not have one row for each asset of {prices.source}, {', '.join(prices.names)}: found "
            f"{', '.join(map(str, given.index))}. Correct {odd[0]!r}."
        )
    rows = given.loc[list(prices.names)]
    return instruments_table(prices.names, **(neutral | {c: rows[c].tolist() for c in rows.columns}))


def _tradable(
    prices: WideTable, missing: Missing, exits: NDArray[np.int64], closed: Mapping[str, tuple[str, Days]]
) -> tuple[Mask, tuple[Note, ...]]:
    """(T, n) a price is there; and notes an asset on gaps that are halts.  closed : as in `assemble`.

    Raises : DataError for other gaps between listing and exit, and for a price from the exit on.
    """
    if missing not in ("error", "halt"):
        raise ConfigError(f"unknown treatment of missing prices: found missing={missing!r}. Use 'error' or 'halt'.")
    quoted = ~np.isnan(prices.cells)
    if quoted.all() and (exits >= len(quoted)).all():
        return quoted, ()
    if not quoted.any(axis=0).all():
        empty = prices.names[int(np.argmin(quoted.any(axis=0)))]
        raise DataError(f"{empty} has no price at all in {prices.source}. Remove its column or correct the source.")
    gone = np.arange(len(quoted))[:, None] >= exits
    fix = "An asset that is delisted has none: correct the source, or `delisted` in the instruments."
    prices.refuse(gone & quoted, "price of an asset that is delisted", fix)
    gaps = (np.arange(len(quoted))[:, None] > np.argmax(quoted, axis=0)) & ~quoted & ~gone
    if missing == "error":
        fix = "Correct the source, leave the asset out, or say missing='halt': then it is marked at its last price."
        prices.refuse(gaps, "price missing", fix)
    halts = []
    for i in np.flatnonzero(gaps.any(axis=0)).tolist():
        calendar, shut = closed.get(prices.names[i], ("", prices.days[:0]))
        dated = np.isin(prices.days, shut)
        for days, text in (
            (prices.days[gaps[:, i] & dated], CLOSED_HALT.format(prices.names[i], "{}", calendar)),
            (prices.days[gaps[:, i] & ~dated], HALT.format(prices.names[i], "{}")),
        ):
            if len(days):
                end = ", to the end of the data" if days[-1] == prices.days[-1] else ""
                told = text.format(f"{counted(len(days), 'session')}, {days[0]} to {days[-1]}{end}")
                halts.append(Note(told, [prices.names[i]], days[0], days[-1], warning=True))
    return quoted, tuple(halts)


def _returns(prices: Array, tradable: Mask, halts: bool) -> Array:
    """(T, n) simple returns since the last price; zero up to and on the day of listing, and while there is no price.

    prices   : (T, n) currency per unit, NaN where there is none.
    tradable : (T, n) whether there is one.
    halts    : true if there is none on some day between listing and exit.
    """
    marked = prices
    if halts:
        rows = np.where(tradable, np.arange(len(prices))[:, None], 0)
        marked = np.take_along_axis(prices, np.maximum.accumulate(rows, axis=0), axis=0)
    returns = np.zeros(prices.shape)
    with np.errstate(over="ignore"):  # a return that is not finite is refused by the market
        np.divide(marked[1:], marked[:-1], out=returns[1:])
        returns[1:] -= 1.0
    if not tradable.all():
        returns[np.isnan(returns)] = 0.0
    return returns


def _beside(prices: WideTable, other: WideTable | None) -> Array:
    """(T, n) another table in the columns of the prices, NaN where it has none; its dates must be the same."""
    if other is None:
        return np.full(prices.cells.shape, np.nan)
    strange = [n for n in other.names if n not in prices.names]
    if strange:
        raise DataError(
            f"{other.source} has a column that {prices.source} lacks: found {strange[0]!r}. Remove or rename it."
        )
    if not np.array_equal(other.days, prices.days):
        day = np.setxor1d(other.days, prices.days)[0]
        has, lacks = (other, prices) if day in other.days else (prices, other)
        raise DataError(f"{has.source} has a row that {lacks.source} lacks: found {day}. Give both the same dates.")
    return other.wide(prices.names)


def _cash(cash: CashSource, days: Days, calendar: str, currency: str) -> tuple[Array, tuple[Note, ...]]:
    """(T,) simple return of cash since the previous session, and notes about it."""
    if cash is None:
        bill = ", or `bill`, the three-month US bill" if currency == "USD" else ""
        text = f"Cash earns nothing: no rate was given. Give a yearly one as `cash` of the market, such as 0.02{bill}."
        return np.zeros(len(days)), (Note(text, warning=True),)
    if is_number(cash):
        if not LOWEST_RATE <= cash <= HIGHEST_RATE:  # type: ignore[operator]
            refuse("cash is", cash, "give a yearly rate as a fraction, such as 0.03 for 3 %.")
        cash = yearly_rate(float(cash))  # type: ignore[arg-type]
    if isinstance(cash, YearlyRates):
        return rate_cash(days, cash)
    if isinstance(cash, str) and cash != "bill":
        raise ConfigError(
            f"unknown source of cash returns: found cash={cash!r}. Use 'bill', a yearly rate, a Series, an array or "
            "None."
        )
    if isinstance(cash, str | BillRates):
        earned, notes = bill_cash(days, calendar, *([cash] if isinstance(cash, BillRates) else ()))
        return earned, (*notes, *([Note(OF_BILL.format(currency), warning=True)] if currency != "USD" else ()))
    if isinstance(cash, pd.Series):
        series = table_of(cash.to_frame("cash"), "cash returns")
        if not np.array_equal(series.days, days):
            raise DataError(
                f"cash returns are not on the {len(days)} dates of the prices: found {len(series.days)}, "
                f"{series.days[0]} to {series.days[-1]}. Reindex them."
            )
        cash = series.cells[:, 0]
    earned = np.asarray(cash, dtype=float)
    return earned, high_returns_note(earned, days)


def _far_moves(names: Sequence[str], days: Days, moves: Array, most: float, text: str, digits: int) -> Iterator[Note]:
    """A warning for each of n names that has moves (T, n) past `most`, either way: shown, never repaired.

    days : (T,) of the moves.
    text : of a note, with places for the name, the count of days, the day of the widest move, and that move.
    """
    if within(moves, -most, most):
        return
    for i in np.unique(np.flatnonzero((moves > most) | (moves < -most)) % len(names)).tolist():
        sizes = np.abs(moves[:, i])
        found, worst = days[sizes > most], int(np.argmax(sizes))
        move = percent(moves[worst, i], digits, signed=True)
        told = text.format(names[i], counted(len(found), "session"), days[worst], move)
        yield Note(told, [names[i]], found[0], found[-1], warning=True)


def _apart(market: Market) -> Array:
    """(T - 1, n) returns above those of quotes, dividends and splits, 0 where these are not known."""
    income = 0.0 if market.dividends is None else market.dividends[1:]
    factor = 1.0 if market.splits is None else market.splits[1:]
    traded = market.tradable[1:] & market.tradable[:-1]
    implied = factor * (market.prices[1:] + income) / market.prices[:-1] - 1.0
    return np.where(traded & ~np.isnan(implied), market.returns[1:] - implied, 0.0)


def _off_schedule(prices: WideTable, calendar: str) -> tuple[Note, ...]:
    """Refuse a date that is no session of the calendar; note the sessions that have no row."""
    schedule = sessions(prices.days[0], prices.days[-1], calendar)
    if np.array_equal(prices.days, schedule):
        return ()
    given, held = prices.days.astype("int64"), schedule.astype("int64")  # numpy looks numbers up, and hashes dates
    odd = np.flatnonzero(~np.isin(given, held))
    if len(odd):
        raise DataError(
            f"not a session of the exchange calendar {calendar!r}: found {prices.days[odd[0]]} "
            f"({prices.row(int(odd[0]))}), one of {len(odd):,}. Remove or redate such rows, or name their calendar, "
            "such as calendar='24/7'."
        )
    absent = schedule[~np.isin(held, given)]
    if not len(absent) or row_name(rows_a_year(prices.days)) != "day":
        return ()
    text = (
        f"{len(absent):,} of {len(schedule):,} sessions of the exchange calendar {calendar!r} have no row, the first "
        f"{absent[0]}: a rule that is due on one of them is asked on the next row."
    )
    return (Note(text, first=absent[0], last=absent[-1], warning=True),)
