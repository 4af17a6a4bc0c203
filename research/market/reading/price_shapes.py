"""The meaning of the columns of a table of prices: wide, long, bars of one asset, or fields above assets."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
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
PRICES = ("close", "total")
TICKERS_TOO = ("open", "high", "low")  # OPEN, HIGH and LOW are symbols of shares
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
    is_first = not named or (not any(labels[0]) and reads_as_day(next(iter(grid.columns[0].entries))))
    at = 0 if is_first else named[0]
    others = {k: names for k, names in enumerate(labels) if k != at}
    if len(grid.levels) == 2:
        return _levels(grid, others, grid.columns[at])
    stated = {k: _unit(name) for k, (name,) in others.items()}
    fields = {k: FIELD_OF[_plain(name)] for k, (name, _) in stated.items() if _plain(name) in FIELD_OF}
    has_price = any(field in PRICES for field, _ in fields.values())
    assets = next((k for k, (name, _) in stated.items() if _plain(name) in ASSET_NAMES), None)
    is_bars = len(fields) == len(others) or len(fields) >= OHLC
    if has_price and (assets is not None or is_bars):
        return _bars(grid, stated, fields, assets, grid.columns[at])
    for k, (name, _) in stated.items():
        if name == labels[at][0] or (k in fields and fields[k][0] not in TICKERS_TOO):
            what = "a column of dates or of bars beside columns that name assets"
            refuse_table(grid, what, name, "Remove it, or give a long table, with the asset in a column.")
    wide = tuple(PriceColumn("close", _id(grid, name), grid.columns[k], code) for k, (name, code) in stated.items())
    return _checked(grid, PriceShape("a wide table, an asset a column", grid.columns[at], wide))


def _bars(
    grid: Grid,
    stated: Mapping[int, tuple[str, str]],
    fields: Mapping[int, tuple[str, int]],
    assets: int | None,
    dates: Cells,
) -> PriceShape:
    """A table with a row for an asset and a session, or for a session where the file is of one asset."""
    best = {field: min(rank for other, rank in fields.values() if other == field) for field, _ in fields.values()}
    used = [k for k, (field, rank) in fields.items() if best[field] == rank]
    asset = "" if assets is not None else _id(grid, Path(grid.name.removesuffix(".gz")).stem)
    columns = tuple(PriceColumn(fields[k][0], asset, grid.columns[k], stated[k][1]) for k in used)
    text = f"bars of one asset, named {asset} after the file" if asset else "a long table, an asset and a session a row"
    left = _left(name for k, (name, _) in stated.items() if k not in used and k != assets)
    from_yahoo = any(_plain(name) in YAHOO for name, _ in stated.values())
    rows_of = None if assets is None else grid.columns[assets]
    return _checked(grid, PriceShape(text + left, dates, columns, rows_of, from_yahoo))


def _levels(grid: Grid, labels: Mapping[int, tuple[str, ...]], dates: Cells) -> PriceShape:
    """A table with fields above assets, or assets above fields, as yfinance writes it."""
    fit = [sum(_plain(names[level]) in FIELD_OF for names in labels.values()) for level in (0, 1)]
    level = int(fit[1] > fit[0])
    fields = {k: FIELD_OF.get(_plain(names[level]), ("", 0))[0] for k, names in labels.items()}
    columns = tuple(
        PriceColumn(field, _id(grid, labels[k][1 - level]), grid.columns[k], "") for k, field in fields.items() if field
    )
    if 0 not in labels and any(column.field in PRICES for column in columns):
        text = "fields and assets in two rows of names" + _left(
            labels[k][level] for k, field in fields.items() if not field
        )
        return _checked(grid, PriceShape(text, dates, columns, from_yahoo=True))
    found = ", ".join(" ".join(names) for names in labels.values())
    refuse_table(grid, "no dates and closes below two rows of names", found, "Put dates first, and name one Close.")


def _left(names: Iterable[str]) -> str:
    """The columns that are left out, as the end of a sentence."""
    text = ", ".join(dict.fromkeys(names))
    return f"; left out: {cut(text)}" if text else ""


def _checked(grid: Grid, shape: PriceShape) -> PriceShape:
    """The shape, of which no two columns mean the same."""
    seen = Counter((column.asset, column.field) for column in shape.columns)
    for column in shape.columns:
        if seen[column.asset, column.field] > 1:
            refuse_table(grid, "two columns of one name or meaning", column.cells.label, "Rename or remove one.")
    return shape


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
