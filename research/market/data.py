"""The data of a market: its arrays and tables by name, and the days on which each of its assets is listed."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arrays import Array, Mask, frozen, owned
from foundation.dataclasses import dataclass, field
from research.market.calendars import rows_a_year
from research.market.instruments import exit_rows
from research.market.notes import Note


@dataclass(frozen=True, eq=False)
class MarketData:
    """The parts of a `Market`, which checks them and states their meaning.

    dates       : (T,) sessions, increasing, without time or zone.
    assets      : n names.
    returns     : (T, n) total simple return since the previous close, fraction; 0 where not listed or halted; above
                  -1, which only a delisting may reach.
    tradable    : (T, n) listed, quoted and not halted that day.
    cash        : (T,) simple return of cash since the previous session, fraction.
    instruments : (n, ·) table by asset: asset_class, sector, currency, lot (units), adjustment of its prices, delisted
                  (date) and delisting_return (fraction on the last mark): both, or neither for an asset that stays.
    prices      : (T, n) quoted close, currency per unit, or NaN: for lots, tickets and volumes only.
    volumes     : (T, n) units a day, or None.
    dividends   : (T, n) the income part of `returns` on its ex-date, currency per unit as quoted that day, 0 where
                  none; or None.
    splits      : (T, n) units after for one unit before, on the day from which quotes are per unit after; 1 where
                  none; or None.
    bars        : {"open" | "high" | "low": (T, n) currency per unit}, or None.
    facts       : {name: (T, n)} what is known of each asset on each day: numbers, NaN where nothing is, or words, ""
                  where nothing is; or None. Facts that do not change are further columns of `instruments`.
    calendar    : name of the exchange calendar (exchange_calendars), e.g. "XNYS" or "24/7".
    name        : name of this market in a report.
    notes       : notes on the data; a plain sentence becomes a `Note` about the whole market.
    origin      : of rows of a store, their fingerprint (`rows`) and the moment of the last of them (`known_on`).
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
    splits: Array | None = None
    bars: Mapping[str, Array] | None = None
    facts: Mapping[str, NDArray[Any]] | None = None
    calendar: str = "XNYS"
    name: str = ""
    notes: tuple[Note, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """T dates and n assets."""
        return len(self.dates), len(self.assets)

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """(T,) the dates as numpy days."""
        return frozen(self.dates.to_numpy().astype("datetime64[D]"))

    @cached_property
    def day_bytes(self) -> bytes:
        """The days as bytes, for keys of what depends on them: their hash is computed once."""
        return self.days.tobytes()

    @cached_property
    def rows_per_year(self) -> float:
        """Rows a year, from the dates; see `research.market.calendars.rows_a_year`."""
        return rows_a_year(self.days)

    @cached_property
    def exits(self) -> NDArray[np.int64]:
        """(n,) row on which the delisting of each asset is booked, T where the data has none."""
        return frozen(exit_rows(self.instruments, self.days))

    @cached_property
    def listed(self) -> Mask:
        """(T, n) from the first tradable row of each asset up to its exit: until then a gap is a halt."""
        if self.tradable.all():  # then nothing has left either
            return self.tradable
        row = np.arange(len(self.tradable))[:, None]
        listed = (row >= np.argmax(self.tradable, axis=0)) & self.tradable.any(axis=0)
        if (self.exits < len(listed)).any():
            listed &= row < self.exits
        return frozen(listed)

    @cached_property
    def index(self) -> Array:
        """(T, n) total-return index, 1 at the first row: the worth of a unit inside the engine.

        Zero from a delisting on that leaves nothing: such a unit is worthless and is not traded any more.
        """
        growth = 1.0 + self.returns
        return owned(np.cumprod(growth, axis=0, out=growth))  # in place, which takes a third of the time
