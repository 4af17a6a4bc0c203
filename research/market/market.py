"""A market: what happened to n assets on one calendar of T dates. Money moves on its returns alone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from research.errors import ConfigError, DataError
from research.market.instruments import INSTRUMENT_COLUMNS, checked_instruments, instruments_table
from research.market.notes import Day, Note

__all__ = ["Array", "Market", "Mask", "Past", "frozen", "instruments_table"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

PANELS = ("returns", "tradable", "prices", "volumes", "dividends")  # the arrays of shape (T, n)
BARS = ("open", "high", "low")


@dataclass(frozen=True, eq=False)
class Market:
    """What happened, on one calendar of T dates and n assets.

    dates       : (T,) sessions, increasing, without time or zone.
    assets      : n names.
    returns     : (T, n) total simple return since the previous close, fraction; 0 where not listed or halted.
    tradable    : (T, n) listed, quoted and not halted that day.
    cash        : (T,) simple return of cash since the previous session, fraction.
    instruments : (n, ·) table by asset: asset_class, sector, currency, lot (units), adjustment of its prices, delisted
                  (date) and delisting_return (fraction), both empty: a delisting is refused until it is booked.
    prices      : (T, n) quoted close, currency per unit, or NaN: for lots, tickets and volumes only.
    volumes     : (T, n) units a day, or None.      dividends : (T, n) per unit, or None.
    bars        : {"open" | "high" | "low": (T, n)}, or None.
    calendar    : name of the exchange calendar (exchange_calendars), e.g. "XNYS" or "24/7".
    name        : what a report calls this market.
    notes       : what a reader must know of the data; a plain sentence becomes a `Note` about the whole market.
    Raises      : DataError naming the asset, the date and the value that break a convention.
    """

    dates: pd.DatetimeIndex
    assets: tuple[str, ...]
    returns: Array
    tradable: Mask
    cash: Array
    instruments: pd.DataFrame
    prices: Array
    volumes: Array | None = None
    dividends: Array | None = None
    bars: Mapping[str, Array] | None = None
    calendar: str = "XNYS"
    name: str = ""
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        """Check the conventions and make the arrays read-only."""
        for name in (*PANELS, "cash"):
            if getattr(self, name) is not None:
                kind = bool if name == "tradable" else float
                object.__setattr__(self, name, frozen(np.asarray(getattr(self, name), dtype=kind)))
        if self.bars is not None:
            bars = {name: frozen(np.asarray(values, dtype=float)) for name, values in self.bars.items()}
            object.__setattr__(self, "bars", MappingProxyType(bars))
        object.__setattr__(self, "assets", tuple(self.assets))
        object.__setattr__(self, "notes", tuple(Note.of(note) for note in self.notes))
        _check_labels(self)
        object.__setattr__(self, "instruments", checked_instruments(self.instruments, f"market {self.name!r}"))
        _check_shapes(self)
        _check_values(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its fields and made anew: arrays that a pickle brings back could be written to."""
        values = [getattr(self, f.name) for f in fields(self)]
        return Market, tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    # -- sizes and derived arrays ------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """T dates and n assets."""
        return len(self.dates), len(self.assets)

    @cached_property
    def listed(self) -> Mask:
        """(T, n) from the first tradable row of each asset on: a later gap is a halt, not an exit."""
        return frozen(np.maximum.accumulate(self.tradable, axis=0))

    @cached_property
    def asset_class(self) -> tuple[str, ...]:
        """(n,) asset class of each line."""
        return tuple(self.instruments["asset_class"])

    @cached_property
    def listings(self) -> NDArray[np.int64]:
        """Rows on which a line becomes listed, in order."""
        return frozen(np.unique(np.argmax(self.tradable, axis=0)[self.tradable.any(axis=0)]))

    @cached_property
    def index(self) -> Array:
        """(T, n) total-return index, 1 at the first row: what a unit is worth inside the engine."""
        return frozen(np.cumprod(1.0 + self.returns, axis=0))

    @cached_property
    def cash_index(self) -> Array:
        """(T,) value of one unit of cash with its interest, 1 before the first row's interest."""
        return frozen(np.cumprod(1.0 + self.cash))

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """(T,) the dates as numpy days."""
        return frozen(self.dates.to_numpy().astype("datetime64[D]"))

    @cached_property
    def fingerprint(self) -> str:
        """sha256, in hex, over every name, date and value: it changes when any of them does, and with nothing else.

        Not in it: the market's own name and notes, an array's memory layout, the bits of a NaN, the sign of a zero.
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
            add(name, _value_bytes(getattr(self, name)))
        for name, values in sorted((self.bars or {}).items()):
            add(name, _value_bytes(values))
        for name in sorted(self.instruments.columns):
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
            notes=tuple(note for note in self.notes if note.concerns(assets)),
            **{name: panel[:, columns] for name, panel in panels.items()},
        )

    def until(self, date: str | pd.Timestamp) -> "Market":
        """The market up to and including the last session on or before `date`: a market that ends there."""
        stop = self.row(date) + 1
        cut = {name: getattr(self, name) for name in ("dates", "cash", *PANELS) if getattr(self, name) is not None}
        return replace(
            self,
            bars=None if self.bars is None else {name: bar[:stop] for name, bar in self.bars.items()},
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


@dataclass(frozen=True, eq=False)
class Past:
    """A market up to and including one row; read-only; it ends there. What an allocation or a policy may look at."""

    _market: Market = field(repr=False)
    t: int

    def __post_init__(self) -> None:
        """Refuse a row outside the market: a negative one would let the slices reach beyond it."""
        if not 0 <= self.t < len(self._market.dates):
            raise ConfigError(
                f"row {self.t} is not in market {self._market.name!r}: it has rows 0 to {len(self._market.dates) - 1}."
            )

    @property
    def date(self) -> pd.Timestamp:
        """The last date seen."""
        return self._market.dates[self.t]

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

    @property
    def returns(self) -> Array:
        """(t + 1, n) total simple returns so far."""
        return self._market.returns[: self.t + 1]

    @property
    def cash(self) -> Array:
        """(t + 1,) cash returns so far."""
        return self._market.cash[: self.t + 1]

    @property
    def tradable(self) -> Mask:
        """(t + 1, n) listed, quoted and not halted."""
        return self._market.tradable[: self.t + 1]

    @property
    def listed(self) -> Mask:
        """(t + 1, n) from the first tradable row on."""
        return self._market.listed[: self.t + 1]

    @property
    def prices(self) -> Array:
        """(t + 1, n) quoted closes so far, or NaN."""
        return self._market.prices[: self.t + 1]

    @property
    def volumes(self) -> Array | None:
        """(t + 1, n) units a day so far, or None."""
        return None if self._market.volumes is None else self._market.volumes[: self.t + 1]

    @property
    def asset_class(self) -> tuple[str, ...]:
        """(n,) asset class of each line."""
        return self._market.asset_class

    def complete(self, window: int) -> Mask:
        """(n,) assets whose last `window` returns are all known: listed at the close before the window begins."""
        before = self.t - window
        return np.zeros(len(self.assets), dtype=bool) if before < 0 else self._market.listed[before]


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, C-ordered and read-only; a copy when someone could still write to it, be it through its base."""
    owner: object = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is not None or not array.flags.c_contiguous:
        array = array.copy(order="C")
        array.flags.writeable = False
    return array


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
        raise ConfigError(f"not a date: found {date!r}. Write it as YYYY-MM-DD.") from error
    if pd.isna(stamp) or stamp.tz is not None:
        raise ConfigError(f"not a plain date: found {date!r}. Write it as YYYY-MM-DD, without a zone.")
    return np.datetime64(stamp, "D")


def _check_labels(market: Market) -> None:
    where = f"market {market.name!r}"
    if not isinstance(market.dates, pd.DatetimeIndex):
        raise DataError(f"dates of {where} are a {type(market.dates).__name__}: make them a DatetimeIndex.")
    if market.dates.tz is not None or (market.dates != market.dates.normalize()).any():
        raise DataError(f"dates of {where} carry a time or a zone: give plain session dates.")
    if len(market.dates) < 2 or not market.assets:
        raise DataError(
            f"{where} has {len(market.dates)} dates and {len(market.assets)} assets: give two and one at least."
        )
    late = np.flatnonzero(market.days[1:] <= market.days[:-1]) + 1
    if len(late):
        day, row = market.days[late[0]], late[0]
        word = "appears twice" if day == market.days[row - 1] else "stands after a later date"
        raise DataError(f"date {day} {word} in {where} (row {row}). Sort the dates and keep one row a date.")
    seen: set[str] = set()
    for column, asset in enumerate(market.assets):
        if not isinstance(asset, str) or not asset.strip():
            raise DataError(f"column {column} of {where} has no name: found {asset!r}. Name every asset.")
        if asset in seen:
            raise DataError(f"asset {asset!r} appears twice in {where} (column {column}). Rename or drop one.")
        seen.add(asset)
    table = market.instruments
    if tuple(table.index) != market.assets or not set(INSTRUMENT_COLUMNS) <= set(table.columns):
        raise DataError(
            f"instruments of {where} must have a row for each of {', '.join(market.assets)}, in this order, and the "
            f"columns {', '.join(INSTRUMENT_COLUMNS)}: found {', '.join(map(str, table.index))}. Use instruments_table."
        )


def _check_shapes(market: Market) -> None:
    where, bars = f"market {market.name!r}", market.bars or {}
    for name, values in {**{name: getattr(market, name) for name in PANELS}, **bars}.items():
        if values is not None and values.shape != market.shape:
            raise DataError(f"{name} of {where} have shape {values.shape}: give {market.shape}, dates by assets.")
    if market.cash.shape != market.shape[:1]:
        raise DataError(f"cash of {where} has shape {market.cash.shape}: give {market.shape[:1]}, one a date.")
    if not set(bars) <= set(BARS):
        raise DataError(f"bars of {where} are called {', '.join(bars)}: use {', '.join(BARS)}.")


def _check_values(market: Market) -> None:
    def refuse(bad: np.ndarray, what: str, values: np.ndarray, mend: str) -> None:
        if bad.any():
            t, *line = np.argwhere(bad)[0]
            whose = f" for {market.assets[line[0]]}" if line else ""
            found = float(values[(t, *line)])
            raise DataError(f"{what}{whose} on {market.days[t]} in market {market.name!r}: found {found!r}. {mend}")

    finite = "Correct the source: it is finite and above"
    refuse(
        ~np.isfinite(market.returns), "return missing", market.returns, "Correct the source, or leave the asset out."
    )
    refuse(market.returns <= -1.0, "impossible return", market.returns, f"{finite} -1.")
    refuse(~market.listed & (market.returns != 0.0), "return before listing", market.returns, "Set it to zero.")
    refuse(~(np.isfinite(market.cash) & (market.cash > -1.0)), "impossible cash return", market.cash, f"{finite} -1.")
    bars = market.bars or {}
    for name, values in {"price": market.prices, **bars}.items():
        refuse((values <= 0.0) | np.isinf(values), f"impossible {name}", values, f"{finite} zero.")
    for name, panel in {"volume": market.volumes, "dividend": market.dividends}.items():
        if panel is not None:
            refuse(
                (panel < 0.0) | np.isinf(panel), f"impossible {name}", panel, "Correct the source: it is zero or above."
            )
    if {"high", "low"} <= set(bars):
        refuse(bars["high"] < bars["low"], "high below low", bars["high"], "Correct the source.")
