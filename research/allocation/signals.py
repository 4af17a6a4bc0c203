"""Target weights from a table made elsewhere: weights by date, or scores by date that are mapped to weights."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from foundation.arguments import cut, is_whole, one_of, refuse
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError
from foundation.files import sha256_of
from foundation.tolerances import FIVE_DECIMALS, TARGET_TOLERANCE
from research.allocation.allocation import Unlisted, carried, check_unlisted
from research.allocation.estimated import EstimationSchedule, check_period, placed
from research.market import Past
from research.market.calendars import Days
from research.market.notes import counted
from research.market.reading.tables import WideTable, read_table, table_of

EMPTY_MEANINGS = ("zero", "no_order")
MAPPINGS = ("weights", "positive", "rank")


@dataclass(frozen=True)
class SignalTable:
    """A table with dates down and assets across.

    file   : name of its file.
    sha256 : of the content of the file, or of the frame.
    table  : its days, names and cells; NaN where it says nothing.
    """

    file: str
    sha256: str
    table: WideTable = field(compare=False, repr=False)


Signal = pd.DataFrame | SignalTable


def read_signals(path: Path, name: str = "") -> SignalTable:
    """The table of a .csv, .csv.gz or .parquet file.  name : name of the file in settings and messages.

    Raises : DataError as `read_table` does, with file, row, column, value and fix.
    """
    table = read_table(path, fewest=1)
    return SignalTable(name or path.name, sha256_of(path), table)


@dataclass(frozen=True)
class Signals:
    """The latest row of a table of weights, or of scores that are mapped to weights.

    A row is known at the close of its date: it is in force from that close on, or from the next one where the market
    has no session on its date, until the next row.

    table    : frame of dates × assets, or result of `read_signals`. An asset without a column has the weight zero, and
               one with an empty score none.
    empty    : what an empty cell of weights means: "zero", the weight zero; "no_order", for rows that are empty as a
               whole: a rule of the workbench is asked on the days of the other rows alone, and what is held drifts.
               None refuses a table with empty cells.
    mapping  : "weights", the cells are fractions of NAV, which sum to at most 1 a row; "positive", in proportion to the
               scores above zero, and in cash where there are none; "rank", in proportion to the rank of the score, 1
               for the lowest, the mean rank for equal ones. Scores give listed assets weights that sum to 1.
    max_age  : calendar days from the date of the row in force, after which no target is given; None for no limit. The
               default is that of a table with a row a quarter, which may be some days late.
    unlisted : "pro_rata" or "cash", for weights of assets that are not listed, see `spread_unlisted`.
    schedule : "day", "week", "month", "quarter" or "year", at whose end the table is read.
    Raises   : ConfigError for settings outside these, and for an asset that the market does not have; DataError for a
               frame as `table_of` and for weights of more than 1 in sum; when asked, DataError where no row is known
               yet, and where the latest is older than `max_age`.
    Source   : Lo and MacKinlay (1990), When Are Contrarian Profits Due to Stock Market Overreaction?, Review of
               Financial Studies 3(2), for weights in proportion to a score; Asness, Moskowitz, Pedersen (2013), Value
               and Momentum Everywhere, Journal of Finance 68(3), equation 1, for those in proportion to its rank. Both
               subtract the mean, which makes them long and short; here weights are long only.
    """

    table: Signal
    mapping: Literal["weights", "positive", "rank"] = "weights"
    max_age: int | None = 100
    unlisted: Unlisted = "pro_rata"
    schedule: EstimationSchedule = "day"
    empty: Literal["zero", "no_order"] | None = None

    window: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check the settings and the weights, and keep a frame as a table."""
        check_period("Signals", self.schedule)
        check_unlisted("Signals", self.unlisted)
        one_of("mapping of Signals is", self.mapping, MAPPINGS)
        if self.max_age is not None and not (is_whole(self.max_age) and self.max_age >= 0):
            refuse("max_age of Signals is", self.max_age, "give a whole number of calendar days, 0 or more.")
        if isinstance(self.table, pd.DataFrame):
            table = table_of(self.table, "the frame of signals", fewest=1)
            content = hashlib.sha256(repr((table.days.tolist(), table.names)).encode() + table.cells.tobytes())
            object.__setattr__(self, "table", SignalTable(table.source, content.hexdigest(), table))
        elif not isinstance(self.table, SignalTable):
            refuse("table of Signals is", self.table, "give a DataFrame of dates × assets.")
        if self.empty is not None:
            one_of("empty of Signals is", self.empty, EMPTY_MEANINGS)
        if self.empty == "no_order" and self.schedule != "day":
            refuse(
                "schedule of Signals is", self.schedule, "with empty: no_order a row is read on its day: leave it out."
            )
        if self.mapping == "weights":
            self._check_empty()
        sums = np.nansum(self._table.cells, axis=1)
        above = np.flatnonzero(sums > 1.0 + FIVE_DECIMALS * len(self._table.names) + TARGET_TOLERANCE)
        if self.mapping == "weights" and len(above):
            t = int(above[0])
            raise DataError(
                f"weights sum to {sums[t]:.6g} on {self._table.days[t]} ({self._table.row(t)}). Give fractions of NAV "
                "that sum to at most 1, 0.6 for 60 %; or state a mapping, if they are scores."
            )

    def _check_empty(self) -> None:
        """Leave out rows without an order. Raises DataError for empty cells of which nothing says what they mean."""
        table = self._table
        empty = np.isnan(table.cells)
        if empty.any() and self.empty is None:
            raise DataError(
                f"{table.source} has {counted(int(empty.sum()), 'empty cell')} of {empty.size:,}. State what they "
                "mean: `empty: zero`, the weight zero, or `empty: no_order`, nothing is traded on these days."
            )
        if self.empty == "no_order" and empty.any():
            some = empty.any(axis=1) & ~empty.all(axis=1)
            if some.any():
                t = int(np.argmax(some))
                found = f"{int(empty[t].sum())} of {len(empty[t])}"
                raise DataError(
                    f"some weights of {table.days[t]} are empty ({table.row(t)}): found {found}. A row of orders has a "
                    "weight for each asset: give 0 where there is none, or leave the whole row empty."
                )
            assert isinstance(self.table, SignalTable)
            object.__setattr__(self, "table", replace(self.table, table=table.take(np.asarray(~empty.all(axis=1)))))

    def orders(self, days: Days) -> Mask | None:
        """(T,) true on the days at whose close a row of the table is new, with `empty: no_order`; None for each day."""
        if self.empty != "no_order":
            return None
        latest = np.searchsorted(self._table.days, days.astype("datetime64[D]"), side="right")
        return np.asarray(np.diff(latest, prepend=0) > 0)

    @property
    def _table(self) -> WideTable:
        assert isinstance(self.table, SignalTable)
        return self.table.table

    def check(self, past: Past) -> None:
        """Raise ConfigError for an asset of the table that the market does not have."""
        for name in self._table.names:
            if name not in past.assets:
                raise ConfigError(
                    f"{self._table.source} has the column {cut(name)}, which is no asset of the portfolio: these are "
                    f"{cut(', '.join(past.assets))}. Correct its name, or leave the column out."
                )

    def check_ranges(self, ranges: Iterable[tuple[str, float, float]]) -> None:
        """Raise DataError for a weight below 0 of an asset whose range, its lower and upper bound, is long only."""
        long = [name for name, lower, _ in ranges if lower >= 0.0]
        if self.mapping == "weights":
            fix = "Its range is long only: give 0 or more, or a lower bound below 0, or a mapping if it is a score."
            self._table.refuse((self._table.cells < 0.0) & np.isin(self._table.names, long), "weight below 0", fix)

    def target(self, past: Past) -> Array:
        """(n,) fraction of NAV of the latest row that is known; cash is the rest."""
        self.check(past)
        cells = self._table.wide(past.assets)[self._row(past)]
        if self.mapping == "weights":
            return carried(np.nan_to_num(cells), past, self.unlisted)
        lines = np.flatnonzero(past.listed[-1] & ~np.isnan(cells))
        scores = cells[lines]
        size = np.maximum(scores, 0.0) if self.mapping == "positive" else np.array(pd.Series(scores).rank())
        return placed(size / size.sum() if size.any() else size, lines, past)

    def _row(self, past: Past) -> int:
        """The row that is in force today. Raises DataError where there is none, and where it is too old."""
        today, days = past.days[-1].astype("datetime64[D]"), self._table.days
        t = int(np.searchsorted(days, today, side="right")) - 1
        if t < 0:
            raise DataError(
                f"{self._table.source} has no row up to {today}: its first is of {days[0]}. Add earlier rows, or begin "
                "the test later."
            )
        age = int((today - days[t]).astype(int))
        if self.max_age is not None and age > self.max_age:
            raise DataError(
                f"the latest row of {self._table.source} on {today} is of {days[t]}, {age} days before, and max_age is "
                f"{self.max_age}. Add the rows that are missing, or raise max_age."
            )
        return t


def days_with_orders(allocation: object, days: Days) -> Mask | None:
    """(T,) true on the days on which an allocation, or one that it scales or mixes, has an order; None for each day."""
    if isinstance(allocation, Signals):
        return allocation.orders(days)
    parts = getattr(allocation, "allocations", None) or [getattr(allocation, "allocation", None)]
    masks = [mask for part in parts if part is not None and (mask := days_with_orders(part, days)) is not None]
    return np.logical_or.reduce(masks) if masks else None
