"""Other later values of a table: all that it has up to a day stays, and what it has after it is changed.

A table is whatever has entries by day: a market, a data frame, a dictionary, a list of pairs or of records, an array
with a row for each day, a table of arrow, a database, a text. Its days stand beside the entries, or it has as many rows
as the market, its test or a list of days has. Days, shape and types stay, so that a rule that reads past entries alone
sees no difference and does not fail. Days without anything beside them, such as holidays, have nothing to change.
"""

import copy
import io
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from backtests.studies.audits.days import (
    DATE_PARTS,
    IN_TEXT,
    MOST_ENTRIES,
    PLAIN_VALUES,
    day_in,
    days_of_entries,
    fields_of,
    has_parts,
)
from backtests.studies.audits.futures import ALTERED, CALM, CUT, calm_after, changed_after
from backtests.studies.audits.reading import source_of
from foundation.arrays import Rows
from foundation.dataclasses import dataclass, replace
from foundation.machine import is_library
from research.market import Market
from research.market.calendars import Days

LARGER = 2.5  # numbers that are drawn, over those that they are drawn from
Later = tuple[Rows, int] | None  # the entries after a day, and the last one that stays; None where there are none


@dataclass(frozen=True)
class ValueChange:
    """A way to change what comes after a day.

    day     : the last day that stays.
    which   : one of `FUTURES` or `CALM`: numbers drawn from other later ones and made larger; of the other sign, or
              another of the later values; or the last value that stays, where data are cut off or hardly anything
              happens.
    lengths : days of the rows of a table without days, by its number of rows.
    seed    : seed of the values that are drawn.
    depth   : objects of libraries within each other that are looked into, such as a model in a pipeline.
    """

    day: pd.Timestamp
    which: str
    lengths: Mapping[int, Days]
    seed: int = 0
    depth: int = 4

    def of(self, value: Any) -> Any:
        """The value with other entries after the day; itself, and no copy, where it has none.

        value : anything. Plain collections are looked through; of other objects, those that are tables are known.
        """
        if isinstance(value, PLAIN_VALUES):
            return value
        try:
            return self._other(value)
        except Exception:  # whatever an object of somebody else says when it is read or copied: no table after all
            return value

    def _other(self, value: Any) -> Any:
        for kinds, change in _CHANGES:
            if isinstance(value, kinds):
                return change(self, value)
        if callable(getattr(value, "to_pandas", None)):
            return self._foreign(value)
        if all(hasattr(value, name) for name in ("__array__", "__setitem__", "__len__")):
            return self._tensor(value)
        inside = self.depth and is_library(source_of(type(value))) and not callable(value)
        return self._object(value) if inside else value

    def beside(self, columns: Sequence[Any]) -> "ValueChange":
        """The same, where columns of days say which day each row of the columns beside them has."""
        lengths = {}
        for column in columns:
            if isinstance(column, list | tuple | np.ndarray | pd.Index) and len(column) > 1:
                days = days_of_entries(column)
                if days is not None and not any(map(has_parts, column)):
                    lengths[len(column)] = days
        return replace(self, lengths={**self.lengths, **lengths}) if lengths else self

    # -- which entries are later, and what they become -----------------------------------------------------------------

    def _later(self, days: Days | None, length: int = 0) -> Later:
        """The later entries of those with these days, or without days and of this length."""
        days = self.lengths.get(length) if days is None else days
        if days is None:
            return None
        late = days > self.day.to_datetime64()
        rows, known = np.flatnonzero(late), np.flatnonzero(~late & ~np.isnat(days))[::-1]
        return (rows, int(known[np.argmax(days[known])] if len(known) else rows[0])) if len(rows) else None

    def _sources(self, rows: Rows, last: int) -> Rows:
        """The rows from which later ones take their values."""
        if self.which in (CUT, CALM):
            return np.full(len(rows), last)
        drawn = np.random.default_rng([self.seed, len(rows)]).choice(rows, len(rows))
        return drawn if self.which == ALTERED else rows[::-1]

    def _numbers(self, own: Any, drawn: Any) -> Any:
        """Other numbers, of the same kind."""
        kind = np.asarray(own).dtype.kind
        if kind in "fc" and self.which not in (CUT, CALM):
            return drawn * LARGER if self.which == ALTERED else -own
        return ~own if kind == "b" and isinstance(own, np.ndarray) and self.which not in (CUT, CALM, ALTERED) else drawn

    def _mixed(self, own: Any, drawn: Any) -> Any:
        """An entry with the days that it has, and the numbers and words of another one."""
        if not has_parts(own):
            if isinstance(own, float | np.ndarray) and np.shape(own) == np.shape(drawn):
                return self._numbers(own, drawn)
            if day_in(own) is None:
                return drawn
            mine, other = (IN_TEXT.search(one) if isinstance(one, str) else None for one in (own, drawn))
            return own[: mine.end()] + drawn[other.end() :] if mine and other else own
        if type(own) is not type(drawn):
            return drawn
        if isinstance(own, dict):
            return {key: self._mixed(x, drawn.get(key, x)) for key, x in own.items()}
        if isinstance(own, tuple | list | pd.Series):
            parts = [self._mixed(a, b) for a, b in zip(own, drawn, strict=False)]
            same = len(own) == len(drawn)
            return (
                (_like(own, parts) if not isinstance(own, pd.Series) else pd.Series(parts, own.index))
                if same
                else drawn
            )
        other, fields = copy.copy(own), fields_of(drawn)
        for name, x in fields_of(own).items():
            with suppress(AttributeError, TypeError):  # one that is computed
                object.__setattr__(other, name, self._mixed(x, fields.get(name, x)))
        return other

    def _entries(self, values: Sequence[Any], rows: Rows, last: int) -> list[Any]:
        """The entries of a sequence, with other ones at these rows."""
        made, sources = list(values), self._sources(rows, last)
        for k, row in enumerate(rows):
            source = int(sources[k])
            if self.which not in (CUT, CALM, ALTERED) and not isinstance(values[row], float):
                source = next((int(j) for j in np.roll(rows, -k - 1) if not _is_same(values[j], values[row])), source)
            made[row] = self._mixed(values[row], values[source])
        return made

    def _in_rows(self, values: np.ndarray, rows: Rows, last: int) -> np.ndarray:
        """(L, …) the array with other values in these rows."""
        made = np.array(values)
        if made.dtype.names:
            for name in made.dtype.names:
                made[name] = self._in_rows(made[name], rows, last)
        elif made.dtype.kind in "OUS" or (made.ndim == 1 and made.dtype.kind in "iu"):
            other = self._entries(list(made), rows, last)
            for row in rows:
                made[row] = other[row]
        elif made.dtype.kind != "M":
            made[rows] = self._numbers(made[rows], made[self._sources(rows, last)])
        return made

    # -- kinds of tables -----------------------------------------------------------------------------------------------

    def _market(self, market: Market) -> Market:
        t = int(market.dates.searchsorted(self.day, "right")) - 1
        if not 0 <= t < len(market.dates) - 1:
            return market
        if self.which in (CUT, CALM):
            return calm_after(market, t, self.seed)
        return changed_after(market, t, self.seed, mirrored=self.which != ALTERED)

    def _series(self, series: pd.Series) -> pd.Series:
        found = self._later(days_of_entries(series.index), len(series))
        return series if found is None or days_of_entries(series) is not None else self._column(series, *found)

    def _frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        days = days_of_entries(frame.index)
        dated = {k: one for k in range(frame.shape[1]) if (one := days_of_entries(frame.iloc[:, k])) is not None}
        if days is None and not dated and days_of_entries(frame.columns) is not None:
            turned = self._frame(frame.T)
            return frame if turned.shape[::-1] != frame.shape or turned.equals(frame.T) else turned.T
        found = self._later(next(iter(dated.values()), None) if days is None else days, len(frame))
        if found is None or len(dated) == frame.shape[1]:
            return frame
        made = frame.copy()
        for k in range(frame.shape[1]):
            if k not in dated:
                made.isetitem(k, self._column(frame.iloc[:, k], *found))  # type: ignore[arg-type]
        return made

    def _column(self, column: pd.Series, rows: Rows, last: int) -> pd.Series:
        values = self._in_rows(column.to_numpy(), rows, last)
        try:
            return pd.Series(values, column.index, column.dtype, column.name)
        except (TypeError, ValueError):
            return pd.Series(values, column.index, name=column.name)

    def _array(self, values: np.ndarray) -> np.ndarray:
        if not values.ndim or not 0 < values.size <= MOST_ENTRIES:
            return values
        days = days_of_entries(values if values.ndim == 1 else list(values)) if values.dtype.kind in "OUSM" else None
        if values.dtype.names:
            days = next((d for name in values.dtype.names if (d := days_of_entries(values[name])) is not None), None)
        for axis in range(1 if days is not None else values.ndim):
            found = self._later(days, values.shape[axis])
            if found is not None:
                changed: np.ndarray = np.moveaxis(self._in_rows(np.moveaxis(values, axis, 0), *found), 0, axis)
                return changed
        return values

    def _tensor(self, values: Any) -> Any:
        """An array of another library that knows numpy's, such as torch."""
        plain = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
        other = self._array(plain)
        if other is plain:
            return values
        made = copy.deepcopy(values)
        made[:] = values.new_tensor(other) if hasattr(values, "new_tensor") else type(values)(other)
        return made

    def _foreign(self, table: Any) -> Any:
        """A table of another library that pandas reads, such as arrow's."""
        plain, kind = table.to_pandas(), type(table)
        other = self.of(plain)
        if other is plain:
            return table
        if hasattr(kind, "from_pandas"):
            return kind.from_pandas(other)
        home = sys.modules[kind.__module__.partition(".")[0]]
        return home.from_pandas(other) if isinstance(other, pd.DataFrame) else home.array(other)

    def _object(self, value: Any) -> Any:
        """An object of a library, such as a fitted model, with other values in its fields."""
        inner, own = replace(self, depth=self.depth - 1), fields_of(value)
        made = {name: inner.of(one) for name, one in own.items()}
        if all(made[name] is one for name, one in own.items()):
            return value
        other = copy.copy(value)
        for name, one in made.items():
            with suppress(AttributeError, TypeError):  # one that is computed
                object.__setattr__(other, name, one)
        return other

    def _mapping(self, mapping: Mapping[Any, Any]) -> Mapping[Any, Any]:
        keys, values = list(mapping), list(mapping.values())
        days = days_of_entries(keys)
        numbered = len(keys) > 1 and isinstance(keys[0], int) and keys == list(range(keys[0], keys[0] + len(keys)))
        made = self._parts(values, days, len(keys) if numbered else 0)
        if _are_same(made, values):
            return mapping
        other: Any = copy.copy(mapping) if isinstance(mapping, dict) else {}
        other.update(zip(keys, made, strict=True))
        return other  # type: ignore[no-any-return]

    def _sequence(self, sequence: Any) -> Any:
        values = list(sequence) if len(sequence) <= MOST_ENTRIES else []
        made = self._parts(values, days_of_entries(values), len(values))
        return sequence if _are_same(made, values) else _like(sequence, made)

    def _parts(self, values: list[Any], days: Days | None, length: int) -> list[Any]:
        """Values with other later ones, or with other later entries in each where they have no days themselves."""
        found = self._later(days, length)
        if found is not None:
            return self._entries(values, *found)
        inner = self.beside(values) if len(values) < DATE_PARTS else self
        return [inner.of(value) for value in values] if days is None else values

    def _set(self, values: Any) -> Any:
        entries = sorted(values, key=repr)
        found = self._later(days_of_entries(entries)) if any(map(has_parts, entries)) else None
        return values if found is None else type(values)(self._entries(entries, *found))

    def _text(self, text: str) -> str:
        """A text in which words follow dates: each later date is followed by other ones."""
        first, *parts = IN_TEXT.split(text)
        days, said = parts[::2], parts[1::2]
        found = self._later(days_of_entries(days))
        if found is None:
            return "".join(self._parts(list(text), None, len(text))) if len(text) in self.lengths else text
        end = "\n" * (said[-1].endswith("\n") or not said[0].endswith("\n"))
        last = said[-1].removesuffix("\n") + "\n" * said[0].endswith("\n")  # as the others end
        other = "".join(map("".join, zip(days, self._entries([*said[:-1], last], *found), strict=True)))
        return first + (other.removesuffix("\n") + "\n" * text.endswith("\n") if end else other)

    def _bytes(self, text: bytes) -> bytes:
        other = text
        if len(text) in self.lengths:
            other = bytes(self._parts(list(text), None, len(text)))
        with suppress(UnicodeDecodeError):
            other = self._text(text.decode()).encode() if other == text else other
        return text if other == text else other

    def _file(self, file: Any) -> Any:
        """A file that was opened to be read, with another content."""
        try:
            place, text = file.tell(), file.read()
            file.seek(place)
        except (OSError, ValueError):
            return file
        other = self._text(text) if isinstance(text, str) else self._bytes(text)
        if other == text:
            return file
        file.close()
        return io.StringIO(other) if isinstance(other, str) else io.BytesIO(other)

    def _database(self, database: sqlite3.Connection) -> sqlite3.Connection:
        """A database in memory with other rows; the database itself where none changes, or it cannot be read."""
        made, changed = sqlite3.connect(":memory:", check_same_thread=False), False
        with suppress(sqlite3.Error, pd.errors.DatabaseError):
            if database.in_transaction:  # a copy by pages would wait for its end
                made.executescript("\n".join(database.iterdump()))
            else:
                database.backup(made)
            for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                table = pd.read_sql(f'SELECT * FROM "{name}"', made)
                other = self._frame(table)
                if other is not table:
                    marks, rows = ", ".join("?" * other.shape[1]), other.astype(object).to_numpy().tolist()
                    made.execute(f'DELETE FROM "{name}"')
                    made.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
                    changed = True
            made.row_factory, made.text_factory = database.row_factory, database.text_factory
        return made if changed else database


_CHANGES: tuple[tuple[Any, Callable[[ValueChange, Any], Any]], ...] = (
    (str, ValueChange._text),
    (Market, ValueChange._market),
    (pd.DataFrame, ValueChange._frame),
    (pd.Series, ValueChange._series),
    (np.ndarray, ValueChange._array),
    (pd.Index, lambda _, index: index),
    (bytes, ValueChange._bytes),
    (Mapping, ValueChange._mapping),
    (Set, ValueChange._set),
    (sqlite3.Connection, ValueChange._database),
    (io.IOBase, ValueChange._file),
    (Sequence, ValueChange._sequence),
)


def _is_same(one: Any, other: Any) -> bool:
    try:
        return bool(np.all(one == other))
    except (ValueError, TypeError):
        return one is other


def _are_same(made: list[Any], values: list[Any]) -> bool:
    return all(a is b for a, b in zip(made, values, strict=True))


def _like(values: Any, made: list[Any]) -> Any:
    """The entries as a collection of the same kind."""
    if hasattr(values, "_fields"):
        return type(values)(*made)
    if isinstance(values, tuple | list):
        return type(values)(made)
    other = copy.copy(values)
    for k, value in enumerate(made):
        other[k] = value
    return other
