"""The benchmark that a portfolio file names: the reference of beta, alpha, information ratio and captures.

It is a comparator benchmark: a reader compares with it, and nothing is steered by it. J, tracking error and ranges are
measured by the strategic target, whatever the benchmark is; no other figure of a policy depends on it.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import did_you_mean
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.files import sha256_of
from research.market import Market
from research.market.reading.grids import read_grid
from research.market.reading.price_tables import price_tables
from research.market.reading.tables import WideTable, read_table
from research.portfolio.file.document import Document
from research.portfolio.file.kinds import Text, record
from research.portfolio.file.settings import read

Kind = Literal["strategic", "policy", "series", "none"]
STRATEGIC, NONE = "strategic", "none"  # words of the key
SUFFIXES = (".csv", ".csv.gz", ".parquet")
BENCHMARK_WORDS = (
    f"Write `{STRATEGIC}` for the strategic target, `{NONE}`, the name of a policy or of an asset of the market, or a "
    "path to a .csv or .parquet file."
)


@record
class SeriesKeys:
    """A series of levels: a file, its column, and the hash that it had."""

    file: Text
    column: Text | None = None
    sha256: Text | None = None


@dataclass(frozen=True, eq=False)
class NamedBenchmark:
    """The benchmark that a file names.

    kind     : "strategic" (the target), "policy", "series" or "none".
    name     : name of the policy, of the asset, or of the file's column; "" for the other two.
    returns  : (T,) returns of a series on the market's dates, fraction, NaN where it is not known; None for the others.
    settings : setting as a file has it, with the hash of the series' file.
    """

    kind: Kind = "strategic"
    name: str = ""
    returns: Array | None = None
    settings: str | dict[str, str] = STRATEGIC


def read_benchmark(
    document: Document, market: Market, policies: Sequence[str], test_start: pd.Timestamp
) -> NamedBenchmark:
    """The benchmark of the key `benchmark`; the strategic target without the key.

    document   : portfolio file with the key, or without.
    market     : market of the file, with the assets that the portfolio does not hold.
    policies   : names of the file's policies.
    test_start : first day of the test: a series is known from the close before it to the last one.
    Raises     : ConfigError for a word that is nothing of these, and for a series on another calendar, with a gap, or
                 too short, naming file and date.

    A policy takes its name before an asset does. A series is of levels, such as closes of an index, in the portfolio's
    currency; its file has dates and one column, or `{file: …, column: …}` names one of several.
    """
    path = ("benchmark",)
    if not document.has(*path):
        return NamedBenchmark()
    if isinstance(document.value(*path), dict):
        return _from_file(document, market, read(document, path, SeriesKeys), test_start)
    word: str = document.value(*path)
    if word in (STRATEGIC, NONE):
        return NamedBenchmark("none" if word == NONE else "strategic", settings=word)
    if word in policies:
        return NamedBenchmark("policy", word, settings=word)
    if word in market.assets:
        return NamedBenchmark("series", word, _of_line(document, market, word, test_start), word)
    if not word.lower().endswith(SUFFIXES):
        known = (STRATEGIC, NONE, *policies, *market.assets)
        document.refuse(path, "no benchmark", word, f"{BENCHMARK_WORDS} {did_you_mean(word, known)}")
    return _from_file(document, market, SeriesKeys(file=word), test_start)


def _of_line(document: Document, market: Market, name: str, test_start: pd.Timestamp) -> Array:
    """(T,) returns of an asset of the market."""
    opening, column = _opening(market, test_start), market.assets.index(name)
    listed = market.listed[opening:, column]
    if not listed.all():
        days = market.days[opening:]
        what = f"{name} of market {market.name!r} is not listed on {days[~listed][0]}, and is needed from {days[0]} on"
        document.refuse(("benchmark",), what, name, "Name an asset that is listed through the whole test.")
    return frozen(market.returns[:, column].copy())


def _from_file(document: Document, market: Market, keys: SeriesKeys, test_start: pd.Timestamp) -> NamedBenchmark:
    path, file = ("benchmark",), keys.file
    where = document.folder / file
    try:
        table = price_tables(read_grid(where)).prices if keys.column is None else read_table(where)
    except DataError as error:
        document.refuse(path, f"the series cannot be read: {str(error).rstrip('.')}", file, "Correct the file.")
    column = _column(document, table, keys.column)
    try:
        returns = _returns(table, column, market, _opening(market, test_start))
    except DataError as error:
        message, _, fix = str(error).rpartition("; ")
        document.refuse(path, message, file, fix[:1].upper() + fix[1:])
    digest = sha256_of(where)
    if keys.sha256 not in (None, digest):
        what, fix = f"{file} has changed since: its sha256 is {digest}", "Take back the file as it was, or leave"
        document.refuse((*path, "sha256"), what, keys.sha256, f"{fix} `sha256` out.")
    settings = {"file": file, "column": table.names[column], "sha256": digest}
    return NamedBenchmark("series", table.names[column], returns, settings)


def _column(document: Document, table: WideTable, name: str | None) -> int:
    path = ("benchmark",)
    if name is not None:
        if name not in table.names:
            document.refuse((*path, "column"), f"no column of {table.source}", name, did_you_mean(name, table.names))
        return table.names.index(name)
    if len(table.names) > 1:
        what, fix = f"{table.source} has {len(table.names)} columns", "Name one: {file: …, column: …}."
        document.refuse(path, what, ", ".join(table.names[:5]), fix)
    return 0


def _opening(market: Market, test_start: pd.Timestamp) -> int:
    """Row of the last close before the test."""
    return market.row(test_start - pd.Timedelta(days=1))


def _returns(table: WideTable, column: int, market: Market, opening: int) -> Array:
    """(T,) returns of a column on the market's dates, NaN before it begins.

    Raises : DataError for a series that does not have exactly the market's sessions from row `opening` to the last.
    """
    name, levels, days = table.names[column], table.cells[:, column], table.days
    sessions, first, last = market.days[opening:], market.days[opening], market.days[-1]
    if days[0] > first:
        raise DataError(
            f"{table.source} begins on {days[0]}, after {first}, the close before the test; give levels from {first} "
            f"on, or let the test start after {days[0]}."
        )
    if days[-1] < last:
        raise DataError(f"{table.source} ends on {days[-1]}, before {last}, the last close of the test; complete it.")
    _refuse_days(
        sessions[~np.isin(sessions, days)], f"{table.source} lacks", market, "give its level on every session, or a "
        "series of the market's own calendar",
    )  # fmt: skip
    inside = (days >= first) & (days <= last)
    _refuse_days(
        days[inside & ~np.isin(days, sessions)], f"{table.source} is on another calendar: it has", market,
        "leave out the days that are no sessions",
    )  # fmt: skip
    bad = inside & ~(levels > 0.0)
    if bad.any():
        t = int(np.argmax(bad))
        found = "no level" if np.isnan(levels[t]) else f"the level {levels[t]:g}"
        raise DataError(
            f"{table.source} has {found} for {name} on {days[t]} ({table.row(t)}); give levels above zero, such as "
            "closes: they are not returns."
        )
    returns = np.full(len(market.days), np.nan)
    known = levels[inside]
    returns[opening + 1 :] = known[1:] / known[:-1] - 1.0
    return frozen(returns)


def _refuse_days(days: NDArray[np.datetime64], what: str, market: Market, fix: str) -> None:
    if len(days):
        lacks, one = what.endswith("lacks"), len(days) == 1
        count = "1 day that is " if one else f"{len(days):,} days that are "
        count += f"{'a ' if lacks else 'no '}session" if one else f"{'' if lacks else 'no '}sessions"
        raise DataError(f"{what} {count} of market {market.name!r}, the first {days[0]}; {fix}.")
