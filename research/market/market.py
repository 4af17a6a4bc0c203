"""A market: the history of n assets on one calendar of T dates. Wealth depends on its returns alone."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import shown
from foundation.arrays import Array, Mask, frozen
from foundation.dataclasses import dataclass, field, fields, replace
from foundation.errors import ConfigError, DataError
from research.market.calendars import scheduled
from research.market.checks import PANELS, check_labels, check_shapes, check_values
from research.market.data import MarketData
from research.market.facts import FIXED, checked_fact
from research.market.instruments import INSTRUMENT_COLUMNS, checked_instruments, instruments_table
from research.market.notes import Day, Note
from research.market.units import dividend_yields, growth_of_price, open_over_close

__all__ = ["Market", "Past", "instruments_table"]

_FIELDS = tuple(each.name for each in fields(MarketData))
# What follows from none of the returns.
OF_NO_RETURN = ("days", "day_bytes", "exits", "listed", "trading", "currency", "cash_index", "_scheduled")


@dataclass(frozen=True, eq=False)
class Market(MarketData):
    """The history of n assets on one calendar of T dates.

    An asset that leaves the market is halted, marked at its last price, until the date on which `instruments` says that
    it is delisted. On the first session on or after that date it returns `delisting_return` on its mark and cannot be
    traded; from that row on it is not listed, and after it it returns nothing.

    Its parts are those of `MarketData`: dates, assets, returns, tradable, cash, instruments, prices, and, where there
    are any, volumes, dividends, splits, bars, facts and notes.
    Raises : DataError naming the asset, the date and the value that break a convention.
    """

    def __post_init__(self) -> None:
        """Check the conventions and make the arrays read-only."""
        for name in (*PANELS, "cash"):
            if getattr(self, name) is not None:
                kind = bool if name == "tradable" else float
                object.__setattr__(self, name, frozen(np.asarray(getattr(self, name), dtype=kind)))
        if self.bars is not None:
            bars = {name: frozen(np.asarray(values, dtype=float)) for name, values in self.bars.items()}
            object.__setattr__(self, "bars", MappingProxyType(bars))
        if self.facts is not None:
            where = f"market {self.name!r}"
            facts = {name: checked_fact(name, values, self.shape, where) for name, values in self.facts.items()}
            object.__setattr__(self, "facts", MappingProxyType({name: frozen(v) for name, v in facts.items()}))
        object.__setattr__(self, "assets", tuple(self.assets))
        object.__setattr__(self, "notes", tuple(Note.of(note) for note in self.notes))
        check_labels(self)
        object.__setattr__(self, "instruments", checked_instruments(self.instruments, f"market {self.name!r}"))
        check_shapes(self)
        check_values(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its fields and made anew: arrays that a pickle brings back could be written to."""
        values = [getattr(self, f.name) for f in fields(self)]
        return Market, tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    def with_returns(self, returns: Array) -> "Market":
        """The same market with other returns (T, n): another path of a model, whose numbers alone are checked.

        Raises : DataError naming the asset, the date and the value that break a convention.
        """
        other = object.__new__(Market)
        same = {name: getattr(self, name) for name in (*_FIELDS, *OF_NO_RETURN)}
        vars(other).update(same, returns=frozen(np.asarray(returns, dtype=float)))
        check_shapes(other)
        check_values(other)
        return other

    # -- sizes and derived arrays ------------------------------------------------------------------------------------

    @cached_property
    def asset_class(self) -> tuple[str, ...]:
        """(n,) asset class of each asset."""
        return tuple(self.instruments["asset_class"].tolist())

    @cached_property
    def sector(self) -> tuple[str, ...]:
        """(n,) sector of each asset."""
        return tuple(self.instruments["sector"].tolist())

    @cached_property
    def currency(self) -> tuple[str, ...]:
        """(n,) currency of each asset."""
        return tuple(self.instruments["currency"].tolist())

    @cached_property
    def lots(self) -> Array:
        """(n,) least number of units of each asset in a trade."""
        return frozen(self.instruments["lot"].to_numpy(float))

    @cached_property
    def trading(self) -> tuple[str, ...]:
        """(n,) restriction of each asset: "" for none, "sell_only", "buy_only" or "locked"."""
        return tuple(self.instruments["trading"].tolist())

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the assets, then of their asset classes, then of their sectors; `Why.line` is an index into them."""
        return (*self.assets, *dict.fromkeys(self.asset_class), *dict.fromkeys(self.sector))

    @cached_property
    def listings(self) -> NDArray[np.int64]:
        """(·,) rows on which the set of listed assets changes, by a listing or a delisting, in order."""
        first = np.argmax(self.tradable, axis=0)
        listings = first[self.tradable[first, np.arange(len(first))]]
        return frozen(np.union1d(listings, self.exits[self.exits < len(self.dates)]))

    @cached_property
    def _scheduled(self) -> dict[tuple[str | int, int], Mask]:
        return {}

    def scheduled(self, every: str | int, offset: int = 0) -> Mask:
        """(T,) whether each day is a session of the schedule (`research.market.calendars.scheduled`), found once.

        every    : a period, a weekday, or a number of sessions.
        offset   : sessions from what `every` picks to what is scheduled.
        Raises   : ConfigError for an unknown schedule, and for a day whose answer is beyond the calendar's reach.
        """
        known = self._scheduled
        if (every, offset) not in known:
            known[every, offset] = frozen(scheduled(self.days, every, self.calendar, offset))
        return known[every, offset]

    @cached_property
    def price_index(self) -> Array:
        """(T, n) value of a unit whose dividends are paid out, 1 at the first row; see `income`.

        It grows by 1 + return - yield, where the yield is `dividend_yields`: of the mark at the close before.
        Raises : DataError for a dividend without a quote before it, or of the whole unit and more.
        """
        if self.dividends is None:
            return self.index
        return frozen(np.cumprod(growth_of_price(self, self._yields), axis=0))

    @cached_property
    def income(self) -> Array:
        """(T, n) dividends that a unit of `price_index`, held at the previous close, receives on the ex-date.

        price_index[t] + income[t] = price_index[t - 1] × (1 + returns[t]).
        Raises : as `price_index`.
        """
        income = np.zeros(self.shape)
        income[1:] = self.price_index[:-1] * self._yields[1:]
        return frozen(income)

    @cached_property
    def open_index(self) -> Array:
        """(T, n) worth of a unit of `index` at the day's open: index × (open + dividend) / (close + dividend).

        A dividend belongs to whoever held the unit overnight: at the open of the ex-date the index contains it. Where
        an asset does not trade it stays at its mark.
        Raises : DataError for a market without opens, or without one where an asset trades.
        """
        return frozen(self.index * open_over_close(self, 0.0 if self.dividends is None else self.dividends))

    @cached_property
    def open_price_index(self) -> Array:
        """(T, n) worth of a unit of `price_index` at the day's open, without its `income`: × open / close.

        Raises : as `open_index` and `price_index`.
        """
        return frozen(self.price_index * open_over_close(self, 0.0))

    @cached_property
    def _yields(self) -> Array:
        """(T, n) dividend yields, see `dividend_yields`."""
        return dividend_yields(self)

    @cached_property
    def cash_index(self) -> Array:
        """(T,) value of one unit of cash with its interest, 1 before the first row's interest."""
        return frozen(np.cumprod(1.0 + self.cash))

    @cached_property
    def fingerprint(self) -> str:
        """sha256, in hex, over every name, date and value: it changes when any of them does, and with nothing else.

        Not in it: the market's own name, notes and origin, an array's memory layout, the bits of a NaN, the sign of a
        zero.
        """
        digest = hashlib.sha256()

        def add(label: str, content: bytes) -> None:
            digest.update(f"{label}:{len(content)}:".encode())
            digest.update(content)

        for asset in self.assets:
            add("asset", asset.encode())
        add("calendar", self.calendar.encode())
        add("dates", self.days.astype("<i8").tobytes())
        for name in (*PANELS, "cash"):
            if name != "splits" or self.splits is not None:  # a market without splits keeps the fingerprint it had
                add(name, _value_bytes(getattr(self, name)))
        for name, values in sorted((self.bars or {}).items()):
            add(name, _value_bytes(values))
        for name, values in sorted((self.facts or {}).items()):
            words = values.dtype.kind == "U"
            add(f"fact {name}", "\0".join(map(str, values.flat)).encode() if words else _value_bytes(values))
        for name in sorted(self.instruments.columns):
            if name == "trading" and not any(self.trading):  # a market without restrictions keeps its fingerprint too
                continue
            for cell in self.instruments[name]:
                add(name, _cell_text(cell).encode())
        return digest.hexdigest()

    # -- parts of it -------------------------------------------------------------------------------------------------

    def row(self, date: str | pd.Timestamp) -> int:
        """Row of the last session on or before `date`. Raises DataError when the market begins later."""
        day = _day(date)
        row = int(np.searchsorted(self.days, day, side="right")) - 1
        if row < 0:
            raise DataError(
                f"no session on or before {day} in market {self.name!r}: it begins on {self.days[0]}. Choose a later "
                "date."
            )
        return row

    def notes_in(self, first: Day | None = None, last: Day | None = None) -> tuple[Note, ...]:
        """The notes about any day from `first` to `last`, both included: a report on these days must show them."""
        return tuple(note for note in self.notes if note.falls_in(first, last))

    def past(self, row: int) -> "Past":
        """Everything up to and including `row`."""
        return Past(self, row)

    def select(self, assets: Sequence[str]) -> "Market":
        """The same dates with these assets, in this order. Raises DataError for an unknown or repeated name."""
        unknown = [a for a in assets if a not in self.assets]
        if unknown:
            raise DataError(
                f"unknown asset {unknown[0]!r} in market {self.name!r}: it has {', '.join(self.assets)}. "
                "Correct the name or choose another market."
            )
        if tuple(assets) == self.assets:
            return self
        columns = [self.assets.index(a) for a in assets]
        panels = {name: getattr(self, name) for name in PANELS if getattr(self, name) is not None}
        return replace(
            self,
            assets=tuple(assets),
            instruments=self.instruments.iloc[columns],
            bars=None if self.bars is None else {name: bar[:, columns] for name, bar in self.bars.items()},
            facts=None if self.facts is None else {name: fact[:, columns] for name, fact in self.facts.items()},
            notes=tuple(note for note in self.notes if note.concerns(assets)),
            **{name: panel[:, columns] for name, panel in panels.items()},
        )

    def until(self, date: str | pd.Timestamp) -> "Market":
        """The market up to and including the last session on or before `date`: a market that ends there.

        A delisting that lies after its last session is not in it: on that day nobody knew.
        """
        stop = self.row(date) + 1
        table, known = self.instruments, self.exits < stop
        if table["delisted"].notna().to_numpy()[~known].any():
            table = table.assign(**{c: table[c].where(known) for c in ("delisted", "delisting_return")})
        cut = {name: getattr(self, name) for name in ("dates", "cash", *PANELS) if getattr(self, name) is not None}
        return replace(
            self,
            instruments=table,
            bars=None if self.bars is None else {name: bar[:stop] for name, bar in self.bars.items()},
            facts=None if self.facts is None else {name: fact[:stop] for name, fact in self.facts.items()},
            notes=self.notes_in(last=self.days[stop - 1]),
            **{name: values[:stop] for name, values in cut.items()},
        )

    def __repr__(self) -> str:
        """One line: name, size, first and last date, start of the fingerprint."""
        rows, columns = self.shape
        return (
            f"Market {self.name!r}: {columns} assets x {rows:,} sessions, {self.dates[0]:%Y-%m-%d} to "
            f"{self.dates[-1]:%Y-%m-%d}, calendar {self.calendar}, fingerprint {self.fingerprint[:8]}, "
            f"{len(self.notes)} notes"
        )


@dataclass(frozen=True)
class Past:
    """A market up to and including row `t`, read-only: all that an allocation or a policy may use.

    Two pasts are equal that are of the same market object and row.
    """

    _market: Market = field(repr=False)
    t: int

    def __post_init__(self) -> None:
        """Raise ConfigError for a row outside the market: with a negative one the slices would reach beyond it."""
        if not 0 <= self.t < len(self._market.dates):
            raise ConfigError(
                f"row {self.t} is not in market {self._market.name!r}: it has rows 0 to {len(self._market.dates) - 1}."
            )

    @property
    def date(self) -> pd.Timestamp:
        """The last date seen."""
        return pd.Timestamp(self._market.dates.values[self.t])  # noqa: PD011  (a quarter of the time of an index)

    @property
    def assets(self) -> tuple[str, ...]:
        """n names."""
        return self._market.assets

    @property
    def calendar(self) -> str:
        """Name of the exchange calendar, which knows the sessions to come without knowing their prices."""
        return self._market.calendar

    @property
    def dates(self) -> pd.DatetimeIndex:
        """(t + 1,) sessions so far."""
        return self._market.dates[: self.t + 1]

    @property
    def days(self) -> NDArray[np.datetime64]:
        """(t + 1,) sessions so far, as numpy days."""
        return self._market.days[: self.t + 1]

    def scheduled(self, every: str | int, offset: int = 0) -> Mask:
        """(t + 1,) whether each session so far is one of a schedule, as the exchange's calendar knows it in advance.

        every, offset, errors : as of `Market.scheduled`, which finds all days once: a day's answer has no other in it.
        """
        return self._market.scheduled(every, offset)[: self.t + 1]

    @property
    def returns(self) -> Array:
        """(t + 1, n) total simple returns so far, fraction."""
        return self._market.returns[: self.t + 1]

    @property
    def cash(self) -> Array:
        """(t + 1,) simple returns of cash so far, fraction."""
        return self._market.cash[: self.t + 1]

    @property
    def tradable(self) -> Mask:
        """(t + 1, n) whether each asset is listed, quoted and not halted."""
        return self._market.tradable[: self.t + 1]

    @property
    def listed(self) -> Mask:
        """(t + 1, n) from the first tradable row on, up to an exit so far."""
        return self._market.listed[: self.t + 1]

    @property
    def prices(self) -> Array:
        """(t + 1, n) quoted closes so far, currency per unit, or NaN."""
        return self._market.prices[: self.t + 1]

    @property
    def volumes(self) -> Array | None:
        """(t + 1, n) units a day so far, or None."""
        return None if self._market.volumes is None else self._market.volumes[: self.t + 1]

    @property
    def dividends(self) -> Array | None:
        """(t + 1, n) dividends so far, currency per unit as quoted on the ex-date, 0 where none; or None."""
        return None if self._market.dividends is None else self._market.dividends[: self.t + 1]

    @property
    def splits(self) -> Array | None:
        """(t + 1, n) units after for one unit before so far, 1 where none; or None."""
        return None if self._market.splits is None else self._market.splits[: self.t + 1]

    @property
    def bars(self) -> Mapping[str, Array] | None:
        """{"open" | "high" | "low": (t + 1, n) currency per unit so far}, or None."""
        bars = self._market.bars
        return None if bars is None else {name: bar[: self.t + 1] for name, bar in bars.items()}

    @property
    def facts(self) -> Mapping[str, NDArray[Any]]:
        """{name: (t + 1, n)} values of the facts that change by date, as known of each asset on each day so far."""
        return {name: fact[: self.t + 1] for name, fact in (self._market.facts or {}).items()}

    @property
    def fact_names(self) -> tuple[str, ...]:
        """The names that `fact` takes: facts that change by date, then columns of the instruments."""
        columns = self._market.instruments.columns
        fixed = (column for column in columns if column in FIXED or column not in INSTRUMENT_COLUMNS)
        return (*(self._market.facts or {}), *fixed)

    def fact(self, name: str) -> NDArray[Any]:
        """(n,) value of a fact today: one by date, or a column of the instruments.

        Numbers are NaN, and words "", where nothing is known; see `research.market.with_facts`.
        Raises : DataError for a fact that the market does not have. When an asset will be delisted is none: nobody
                 knows.
        """
        facts, table = self._market.facts or {}, self._market.instruments
        if name in facts:
            today: NDArray[Any] = facts[name][self.t]
            return today
        if name not in self.fact_names:
            raise DataError(
                f"market {self._market.name!r} has no fact {shown(name)}: it has {', '.join(self.fact_names)}. Give "
                "it by with_facts, or in a portfolio file under `market.facts` or the `facts` of each asset."
            )
        column = table[name].to_numpy()
        return frozen(column.astype(str if column.dtype.kind not in "fiu" else float))

    @property
    def currency(self) -> tuple[str, ...]:
        """(n,) currency of each asset."""
        return self._market.currency

    @property
    def asset_class(self) -> tuple[str, ...]:
        """(n,) asset class of each asset."""
        return self._market.asset_class

    @property
    def sector(self) -> tuple[str, ...]:
        """(n,) sector of each asset."""
        return self._market.sector

    @property
    def trading(self) -> tuple[str, ...]:
        """(n,) restriction of each asset: "" for none, "sell_only", "buy_only" or "locked"."""
        return self._market.trading

    def earlier(self, row: int) -> "Past":
        """The market up to and including an earlier row, or this one. Raises ConfigError for a row after it."""
        if row > self.t:
            raise ConfigError(f"row {row} is after row {self.t}, the last that is seen. Choose an earlier one.")
        return Past(self._market, row)

    def complete(self, window: int) -> Mask:
        """(n,) whether the last `window` returns of each asset are all known.

        It is listed today and at the close before them.
        """
        before = self.t - window
        return np.zeros(len(self.assets), dtype=bool) if before < 0 else frozen(self.listed[before] & self.listed[-1])


def _value_bytes(values: np.ndarray | None) -> bytes:
    """The values in C order, with one NaN and one zero: equal values give equal bytes."""
    if values is None or values.dtype == bool:
        return b"" if values is None else values.tobytes()
    return np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8").tobytes()


def _cell_text(cell: object) -> str:
    """A cell of the instruments, as the fingerprint reads it: by its value, whatever the type of its column."""
    if isinstance(cell, str):
        return "text " + cell
    if pd.isna(cell):  # type: ignore[call-overload]
        return "none"
    if isinstance(cell, Real):
        return "number " + (float(cell) + 0.0).hex()
    return "date " + cell.isoformat() if isinstance(cell, pd.Timestamp) else f"{type(cell).__name__} {cell}"


def _day(date: str | pd.Timestamp) -> np.datetime64:
    """The date as a numpy day. Raises ConfigError when it is not one."""
    try:
        stamp = pd.Timestamp(date)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"not a date: found {shown(date)}. Write it as YYYY-MM-DD.") from error
    if pd.isna(stamp) or stamp.tz is not None:
        raise ConfigError(f"not a plain date: found {shown(date)}. Write it as YYYY-MM-DD, without a zone.")
    return np.datetime64(stamp, "D")
