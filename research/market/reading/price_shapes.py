"""The meaning of the columns of a table of prices: wide, long, bars of one asset, or fields above assets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from foundation.arguments import cut
from foundation.errors import DataError
from foundation.names import NAME_FIX, name_fault
from foundation.table_files import quoted
from research.market.currency import CURRENCIES
from research.market.reading.cell_forms import Cells, reads_as_day
from research.market.reading.grids import Grid
from research.market.rows import HUNDREDTHS

FIELDS = {
    "open": ("open", "opening price", "px open"),
    "high": ("high", "px high"),
    "low": ("low", "px low"),
    "close": ("close", "close last", "closing price", "price", "last price", "px last", "last", "nav", "schlusskurs",
              "value"),
    "total": ("adj close", "adjusted close", "adjclose", "close adj", "total return", "tot return index"),
    "volume": ("volume", "vol", "px volume"),
    "dividend": ("dividends", "dividend", "dividend amount", "divcash", "ex dividend"),
    "gain": ("capital gains",),
    "split": ("stock splits", "split", "splits", "split coefficient", "splitfactor", "split ratio"),
    "currency": ("currency", "ccy"),
}  # fmt: skip
FIELD_OF = {name: (field, rank) for field, names in FIELDS.items() for rank, name in enumerate(names)}
ASSET_NAMES = ("symbol", "ticker", "asset", "asset id", "isin", "code", "instrument", "name")
DATE_NAMES = ("date", "datetime", "timestamp", "session", "day", "time", "datum", "observation date")
OHLC = 3  # known names from which a table is one of bars, whatever other columns it has
YAHOO = ("stock splits", "capital gains")  # columns with which yfinance marks its own tables
STATED_UNIT = re.compile(r"(.+?)\s*[(\[]\s*([A-Za-z]{3}|p|pence)\s*[)\]]")


@dataclass(frozen=True, eq=False)
class PriceColumn:
    """The numbers of one field.

    field    : key of `FIELDS`.
    asset    : the asset, "" where a column of the table names it.
    cells    : the numbers.
    currency : code that the name of the column states, or "".
    """

    field: str
    asset: str
    cells: Cells
    currency: str


@dataclass(frozen=True, eq=False)
class PriceShape:
    """The columns of a table by what they mean.

    text       : the shape in words.
    dates      : the column of dates.
    columns    : the columns of numbers.
    assets     : the column that names assets, if there is one.
    from_yahoo : true if the table is laid out as those of yfinance.
    """

    text: str
    dates: Cells
    columns: tuple[PriceColumn, ...]
    assets: Cells | None = None
    from_yahoo: bool = False


def shape_of(grid: Grid) -> PriceShape:
    """The shape of a table.

    Raises : DataError for names that are none of an asset, for two columns of one meaning, and for a table of fields
             above assets without a close.
    """
    labels = list(zip(*grid.levels, strict=True))
    named = [k for k, names in enumerate(labels) if any(_plain(name) in DATE_NAMES for name in names)]
    at = 0 if not named or reads_as_day(next(iter(grid.columns[0].entries))) else named[0]
    if len(grid.levels) == 2:
        return _two_levels(grid, labels, at)
    stated = [_unit(names[0]) for names in labels]
    fields = {k: FIELD_OF[_plain(name)] for k, (name, _) in enumerate(stated) if k != at and _plain(name) in FIELD_OF}
    prices = [k for k, (field, _) in fields.items() if field in ("close", "total")]
    names = [k for k, (name, _) in enumerate(stated) if k != at and _plain(name) in ASSET_NAMES]
    is_bars = bool(prices) and (len(fields) == len(labels) - 1 or len(fields) >= OHLC)
    if not (prices and names) and not is_bars:
        return _wide(grid, stated, at)
    best: dict[str, tuple[int, int]] = {}
    for k, (field, rank) in fields.items():
        if field in best and best[field][0] == rank:
            refuse_table(grid, f"two columns may hold the {field}", grid.columns[k].label, "Rename or remove one.")
        best[field] = min(best.get(field, (rank, k)), (rank, k))
    asset = "" if names else _id(grid, Path(grid.name.removesuffix(".gz")).stem)
    columns = tuple(PriceColumn(field, asset, grid.columns[k], stated[k][1]) for field, (_, k) in best.items())
    used = {at, *names[:1], *(k for _, k in best.values())}
    left = [grid.columns[k].label for k in range(len(labels)) if k not in used]
    shape = (
        "a long table, an asset and a session a row" if names else f"bars of one asset, named {asset} after the file"
    )
    return PriceShape(
        shape + (f"; columns left out: {cut(', '.join(left))}" if left else ""),
        grid.columns[at],
        columns,
        grid.columns[names[0]] if names else None,
        any(_plain(name) in YAHOO for name, _ in stated),
    )


def _wide(grid: Grid, stated: Sequence[tuple[str, str]], at: int) -> PriceShape:
    columns = []
    for k, (name, unit) in enumerate(stated):
        if k != at:
            columns.append(PriceColumn("close", _id(grid, name), grid.columns[k], unit))
    _refuse_twice(grid, [*columns, PriceColumn("close", stated[at][0], grid.columns[at], "")])
    return PriceShape("a wide table, an asset a column", grid.columns[at], tuple(columns))


def _two_levels(grid: Grid, labels: Sequence[tuple[str, ...]], at: int) -> PriceShape:
    """A table with fields above assets, or assets above fields, as yfinance writes it."""
    if at:
        refuse_table(grid, "two rows of names, and dates in another column than the first", grid.columns[at].label,
                     "Give a long table one row of names.")  # fmt: skip
    others = [k for k in range(len(labels)) if k != at]
    fit = [sum(_plain(labels[k][level]) in FIELD_OF for k in others) for level in (0, 1)]
    level = int(fit[1] > fit[0])
    columns, left = [], []
    for k in others:
        field, _ = FIELD_OF.get(_plain(labels[k][level]), ("", 0))
        if field:
            columns.append(PriceColumn(field, _id(grid, labels[k][1 - level]), grid.columns[k], ""))
        else:
            left.append(labels[k][level])
    if not any(column.field in ("close", "total") for column in columns):
        found = ", ".join(labels[k][level] for k in others)
        refuse_table(
            grid, "no column of closes below two rows of names", found, "Name one Close, above or below its asset."
        )
    _refuse_twice(grid, columns)
    text = "fields and assets in two rows of names"
    return PriceShape(
        text + (f"; columns left out: {cut(', '.join(dict.fromkeys(left)))}" if left else ""),
        grid.columns[at],
        tuple(columns),
        from_yahoo=True,
    )


def _refuse_twice(grid: Grid, columns: Sequence[PriceColumn]) -> None:
    seen = set[tuple[str, str]]()
    for column in columns:
        if (key := (column.asset, column.field)) in seen:
            refuse_table(grid, "two columns of one name", column.cells.label, "Rename or remove one.")
        seen.add(key)


def refuse_table(grid: Grid, what: str, found: object, fix: str) -> NoReturn:
    """Raise DataError for a table as a whole."""
    raise DataError(f"{grid.name}: {what}: found {quoted(found)}. {fix}")


def _plain(label: str) -> str:
    """A name of a column as the tables above have it: 'Adj. Close', '5. adjusted close' and Adj_Close are alike."""
    return " ".join(re.sub(r"[_\-/.]+", " ", re.sub(r"^[0-9]+[a-z]?\. *", "", label.casefold())).split())


def _unit(label: str) -> tuple[str, str]:
    """A name without the currency in brackets behind it, and its code, or ""."""
    if match := STATED_UNIT.fullmatch(label):
        code = "GBp" if match[2] in ("p", "pence") else match[2]
        if code in CURRENCIES or code in HUNDREDTHS:
            return match[1], code
    return label, ""


def asset_fault(name: str) -> str:
    """The fault that keeps a text from being the id of an asset, "" if there is none."""
    return name_fault(name) or ("has a quote" if '"' in name else "")


def _id(grid: Grid, name: str) -> str:
    if wrong := asset_fault(name):
        refuse_table(grid, f"the name of an asset {wrong}", name, NAME_FIX)
    return name
