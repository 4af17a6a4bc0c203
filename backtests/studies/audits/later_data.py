"""Tables of later days that a policy can reach: they are the same on every market on which it is made and played.

The look-ahead test varies the market that a policy is given. A rule that looks up tomorrow in a table of its own
decides the same on all of them. So a policy that was made from a market that ends on some day is searched for markets,
data frames and series with later days: its fields, the closures and globals that its code names, and those that the
function names that made it. The code and the policies of this workbench are trusted: they read a table up to the
present day. Not seen are numbers without dates, and what is held by an object of another library.
"""

import dis
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from inspect import getattr_static
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from backtests.studies.audits.reading import PLACES_OF_LIBRARIES
from foundation.files import ROOT
from research.market import Market

DATED = re.compile(r"\d{4}-\d{2}")  # begins a date
OURS = tuple(f"{ROOT / name}/" for name in ("foundation", "research", "backtests", "desk"))
PLAIN = (str, bytes, bool, int, float, complex, type(None), np.ndarray, np.generic, pd.Index, pd.Timestamp, CodeType)
COLUMNS = 50  # of a table, among which one with dates is looked for


def later_data(policy: object, make: Callable[..., object], day: pd.Timestamp) -> tuple[str, ...]:
    """The places of all tables with days after `day`, in words, each once.

    policy : policy that was made from a market that ends on this day.
    make   : function that made it.
    """
    search = _Search(day)
    search.walk(policy, "the policy", trusted=False)
    search.walk(make, "`make`", trusted=False)
    return tuple(dict.fromkeys(search.found))


@dataclass
class _Search:
    """A walk through objects.

    day   : the last day that a table may have.
    found : places of tables with later days, in words.
    seen  : what was walked through, by its id and whether it was trusted.
    """

    day: pd.Timestamp
    found: list[str] = field(default_factory=list)
    seen: dict[tuple[int, bool], object] = field(default_factory=dict)

    def walk(self, value: Any, place: str, trusted: bool) -> None:
        """Search a value and what it holds. trusted : True if code of this workbench reads it."""
        if isinstance(value, PLAIN) or (id(value), trusted) in self.seen:
            return
        self.seen[id(value), trusted] = value  # kept, so that no other object has its id
        if isinstance(value, Market | pd.DataFrame | pd.Series):
            if not trusted and _last_day(value) > self.day:
                self.found.append(place)
        elif (parts := _parts(value)) is not None:
            self._all(parts, place, trusted)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif not isinstance(value, ModuleType):
            self._instance(value, place, trusted)

    def _all(self, values: Iterable[Any], place: str, trusted: bool) -> None:
        for value in values:
            self.walk(value, place, trusted)

    def _instance(self, value: Any, place: str, trusted: bool) -> None:
        """The fields of an object, and the code of its class."""
        kind = type(value)
        self.walk(getattr_static(value, "__wrapped__", None), place, trusted)  # by a cache
        if _is_library(_file(kind)):
            return
        self._class(kind)
        decides = any(callable(getattr(kind, name, None)) for name in ("decide", "target"))
        trusted = _file(kind).startswith(OURS) and (trusted or decides)
        for name, one in _fields(value):
            self.walk(one, f"the field {name} of {kind.__name__}", trusted)

    def _class(self, kind: type) -> None:
        """The methods of a class and of those that it inherits from, and its other attributes."""
        named: set[str] = set()
        for base in kind.__mro__:
            if not _is_known(_file(base)):
                for name, value in vars(base).items():
                    method = isinstance(value, FunctionType)  # one that is overridden may be called by `super`
                    if method or not (name.startswith("__") or name in named):
                        self.walk(value, f"{base.__name__}.{name}", trusted=False)
            named |= set(vars(base))

    def _function(self, function: FunctionType) -> None:
        """The values that a function names: variables round it, defaults, globals, and those of modules."""
        self.walk(getattr(function, "__wrapped__", None), f"`{function.__name__}`", trusted=False)
        if _is_known(function.__code__.co_filename):
            return
        name, code = function.__qualname__.replace("<locals>.", ""), function.__code__
        self._all(
            (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()), f"a default of {name}", False
        )
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                self.walk(cell.cell_contents, f"the variable {variable} of {name}", trusted=False)
            except ValueError:  # not set yet
                continue
        names = list(_names(code))
        of_modules = {word for how, word in names if how in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM")}
        for how, word in names:
            if how in ("LOAD_GLOBAL", "LOAD_NAME"):
                self._global(function.__globals__.get(word), word, name, of_modules)
            elif how == "IMPORT_NAME":
                self._global(sys.modules.get(word), word, name, of_modules)

    def _global(self, value: Any, word: str, name: str, of_modules: set[str]) -> None:
        """A global that a function names; of a module those of its names that the function has, too."""
        if not isinstance(value, ModuleType):
            self.walk(value, f"the global {word} of {name}", trusted=False)
        elif not _is_known(getattr(value, "__file__", None) or "<frozen"):
            for one in sorted(of_modules & set(vars(value))):
                self.walk(getattr(value, one), f"{word}.{one} in {name}", trusted=False)


def _parts(value: Any) -> Iterable[Any] | None:
    """The content of a collection, or of a callable that wraps another; None for anything else."""
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, partial):
        return (value.func, *value.args, *value.keywords.values())
    if isinstance(value, MethodType):
        return (value.__self__, value.__func__)
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if isinstance(value, property):
        return (value.fget,)
    return (value.func,) if isinstance(value, cached_property) else None


def _names(code: CodeType) -> Iterator[tuple[str, str]]:
    """The names that a piece of code loads, and how; with the functions and classes that are made in it."""
    for step in dis.get_instructions(code):
        if isinstance(step.argval, str):
            yield step.opname, step.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield name, getattr(value, name)


def _file(kind: type) -> str:
    """The file of a class; "<frozen" for one of the interpreter, "" for one that was typed in."""
    root = kind.__module__.partition(".")[0]
    if root in sys.stdlib_module_names:
        return "<frozen"
    return getattr(sys.modules.get(kind.__module__), "__file__", None) or ""


def _is_library(file: str) -> bool:
    return file.startswith(PLACES_OF_LIBRARIES) and not file.startswith(OURS)


def _is_known(file: str) -> bool:
    """True for code of a library or of this workbench."""
    return file.startswith((*PLACES_OF_LIBRARIES, *OURS))


def _last_day(table: Any) -> pd.Timestamp:
    """The last day of a market, or of the rows, headings and dates of a table; the first of all days if it has none."""
    if isinstance(table, Market):
        return table.dates[-1]
    indexes = list(table.axes)
    if isinstance(table, pd.DataFrame):
        indexes += [pd.Index(table.iloc[:, k]) for k in range(min(COLUMNS, table.shape[1]))]
    parts = [level for index in indexes for level in (index.levels if isinstance(index, pd.MultiIndex) else [index])]
    return max(map(_last_of, parts), default=pd.Timestamp.min)


def _last_of(index: pd.Index) -> pd.Timestamp:
    """The last day of an index of dates, or of texts that are all dates; the first of all days for any other."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        if not len(index) or index.dtype.kind not in "OUT" or isinstance(index, pd.CategoricalIndex):
            return pd.Timestamp.min
        if not all(isinstance(text, str) and DATED.match(text) for text in index):  # 7203 is a stock, and no year
            return pd.Timestamp.min
        try:
            index = pd.DatetimeIndex(pd.to_datetime(index, format="ISO8601"))
        except (ValueError, TypeError):
            return pd.Timestamp.min
    last = index.tz_localize(None).max()
    return pd.Timestamp.min if last is pd.NaT else last
