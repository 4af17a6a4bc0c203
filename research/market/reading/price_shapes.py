"""The meaning of the columns of a table of prices: wide, long, bars of one asset, or fields above assets."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.names import ASSET_FIX, asset_fault
from foundation.table_files import quoted
from research.market.currency import CURRENCIES, SIGNS
from research.market.reading.cells import Cells, numbers_of
from research.market.reading.column_names import (
    ASSETS,
    DATES,
    FIELD_OF,
    FIELDS,
    FIGURES,
    FIGURES_ALONE,
    LAST_WORDS,
    WEAK,
)
from research.market.reading.days import reads_as_day
from research.market.reading.grids import TABLES, FileGrid, plain
from research.market.rows import HUNDREDTHS

BAR_LETTERS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}  # of bars of services, all together
IN_PER_CENT = re.compile(r"(?:(?<![0-9])(?<![0-9] )%|\bpct|\bpercent)\W*$|^\W*(?:%|pct\b)")
RATES = re.compile(  # symbols of interest rates: of governments by their years, at FRED, of banks
    r"(?:US|UST|UK|GB|DE|JP|FR|IT|ES|CH|CA|AU|NZ|CN|EU|SE|NO|KR|IN|BR)[0-9]{1,2}YT?|[0-9]{1,2}Y|US[1-9]M"
    r"|\^(?:TNX|IRX|FVX|TYX)|D?GS[0-9]{1,2}(?:M?O)?|D?TB(?:[136]|4WK|1YR?|[136]MS)|T[0-9]{1,2}Y(?:[0-9]{1,2}[YM]|IE)"
    r"|FEDFUNDS|EFFR|(?:EURIBOR|LIBOR)[ _-]?[0-9]+[MWD]",
    re.IGNORECASE,
)
CODED = re.compile(r"_|[0-9]")  # in a name that a programme made
WORD_PATTERN = re.compile(r"[^\W\d_]{2,}")
ADJUSTED = re.compile(
    r"adj(?!\w*flag)|ajust|aggiust|bereinigt|rettific|skoryg|調整|复权"
)  # in the name of a column of adjusted closes, or of their factors
SEPARATOR = re.compile(r"[ ._:|/-]")  # between an asset and a field in one name
PRICES = ("close", "total")
TICKERS_TOO = ("open", "high", "low")  # fields of which a name is a symbol, too: OPEN, HIGH, LOW, MAX, BAS, ALTO
BESIDE_CLOSE = ("volume", "dividend", "split")  # fields of an asset that has a close, too
CAPITAL_FIELDS = ("split", "dividend", "currency")  # fields of which a name in capitals is a symbol
LONGEST_SYMBOL = 5  # letters of a symbol that may be a word
OHLC = 3  # known names from which a table is one of bars, whatever other columns it has
YAHOO = ("stock splits", "capital gains")  # columns with which yfinance marks its own tables
STATED_UNIT = re.compile(r"(.+?)\s*[(\[]\s*([A-Za-z]{3}|p|pence|[€£₹])\s*[)\]]")


class PriceColumn(NamedTuple):
    """The numbers of one field.

    field    : key of `column_names.FIELDS`, "" while it is not known.
    asset    : the asset, "" where a column of the table names it; its own name while it is not known.
    cells    : the numbers as they are written.
    currency : code that the name of the column states, or "".
    numbers  : (R,) the numbers once they are read; a column of currencies has none.
    unit     : the sign of their unit, or "".
    """

    field: str
    asset: str
    cells: Cells
    currency: str = ""
    numbers: Array = np.empty(0)
    unit: str = ""

    def read(self, decimal: str) -> "PriceColumn":
        """The column with its numbers.  Raises DataError as `numbers_of` does."""
        if self.field == "currency":
            return self
        numbers, unit = numbers_of(self.cells, decimal, self.field == "volume")
        return self._replace(numbers=numbers, unit=unit)


@dataclass(frozen=True, eq=False)
class PriceShape:
    """The columns of a table by what they mean.

    text       : the shape in words.
    dates      : the column of dates.
    columns    : the columns of numbers.
    assets     : the column that names assets, if there is one.
    from_yahoo : true if the table is laid out as those of yfinance.
    is_wide    : true if each column is one of closes, and stands for an asset.
    left       : names of columns that are left out.
    """

    text: str
    dates: Cells
    columns: tuple[PriceColumn, ...]
    assets: Cells | None = None
    from_yahoo: bool = False
    is_wide: bool = False
    left: tuple[str, ...] = ()

    @property
    def finding(self) -> str:
        """The shape and what is left out, in words."""
        left = ", ".join(dict.fromkeys(self.left))
        return self.text + (f"; left out: {cut(left)}" if left else "")


def shape_of(grid: FileGrid) -> PriceShape:
    """The shape of a table, by the names of its columns.

    Raises : DataError for names that are none of an asset, for two columns of one meaning, for a table of fields above
             assets without a close, and for adjusted closes of a name that is not known.
    """
    at = grid.dates_at
    others = {k: cells for k, cells in enumerate(grid.columns) if k != at}
    shape = _without_rates((_levels if len(grid.levels) == 2 else _one_level)(grid, others, grid.columns[at]))
    seen = Counter((column.asset, column.field) for column in shape.columns)
    if lacking := {asset for asset, _ in seen} - {column.asset for column in shape.columns if column.field in PRICES}:
        refuse_table(
            grid, "columns of an asset without a close", min(lacking), "Name its close after it, or remove them."
        )
    for column in shape.columns:
        if seen[column.asset, column.field] > 1:
            refuse_table(grid, "two columns of one name or meaning", column.cells.label, "Rename or remove one.")
    return shape


def _without_rates(shape: PriceShape) -> PriceShape:
    """The shape without the columns of interest rates beside prices; alone they are series of their own.

    >>> [bool(RATES.fullmatch(name)) for name in ("US10Y", "DGS10", "^TNX", "GS10", "GS", "TNX", "SOFR")]
    [True, True, True, True, False, False, False]
    """
    rates = {column.asset for column in shape.columns if RATES.fullmatch(column.asset) and not column.currency}
    if not rates or rates == {column.asset for column in shape.columns}:
        return shape
    prices = tuple(column for column in shape.columns if column.asset not in rates)
    return replace(shape, columns=prices, left=(*shape.left, *sorted(rates)))


def _one_level(grid: FileGrid, others: Mapping[int, Cells], dates: Cells) -> PriceShape:
    """A table with one row of names."""
    letters = BAR_LETTERS if BAR_LETTERS.keys() - {"v"} <= {cells.names[0] for cells in others.values()} else {}
    columns = {k: _named(letters.get(cells.names[0], cells.names[0]), cells) for k, cells in others.items()}
    whole = {plain(column.asset) for column in columns.values()}
    known = {k: column for k, column in columns.items() if column.field}
    assets = next((k for k, column in columns.items() if plain(column.asset) in ASSETS), None)
    no_price = {k for k, column in columns.items() if not column.field and is_figure(column.asset, whole)}
    has_price = any(column.field in PRICES for column in known.values())
    is_bars = len(known) + len(no_price) == len(columns) or len(known) >= OHLC
    if has_price and (assets is not None or is_bars):
        return _bars(grid, columns, whole, assets, dates)
    left = tuple(columns[k].asset for k in no_price)
    for column in (columns[k] for k in no_price if plain(columns[k].asset) in DATES):
        stated = zip(column.cells.entries, dates.entries, strict=True)
        if any(reads_as_day(one) and str(one) != str(other) for one, other in stated):
            what, fix = "a second column of other dates", "Give one date for all columns of a row, or a file an asset."
            refuse_table(grid, what, column.asset, fix)
    _refuse_adjusted(grid, left)
    closes = [column for k, column in columns.items() if k not in no_price]
    if parted := _assets_and_fields(grid, closes):
        return PriceShape("an asset and a field in each name", dates, parted, left=left)
    if not closes:
        refuse_table(grid, "no column of prices", ", ".join(left), "Give a column of closes for each asset.")
    for column in closes:
        is_ticker = column.field in TICKERS_TOO or (column.field in CAPITAL_FIELDS and _is_symbol(column.asset))
        is_field = column.field and not (is_ticker or plain(column.asset) in WEAK)
        unknown = [each.asset for each in closes if not each.field]
        if is_field and column.field in PRICES and unknown:
            what = f"columns that are not known beside {cut(column.asset)!r}, as of one asset"
            refuse_table(grid, what, ", ".join(unknown), "Remove them; or name the close after its asset.")
        if is_field or (column.asset,) == dates.names:
            what = "a column of dates or of bars beside columns that name assets"
            refuse_table(grid, what, column.asset, "Remove it, or give a long table, with the asset in a column.")
    wide = tuple(column._replace(field="close", asset=_id(grid, column.asset)) for column in closes)
    return PriceShape("a wide table, an asset a column", dates, wide, is_wide=True, left=left)


def is_figure(name: str, beside: Collection[str]) -> bool:
    """True for the name of a column that is no price: a figure of an asset beside it, a figure alone, or per cent.

    beside : names of all columns, as `plain` writes them.

    >>> [is_figure(name, {"spy"}) for name in ("SPY P/E", "rsi_14", "Change %", "US 3M rate", "RSI", "US Float Rate")]
    [True, True, True, True, False, False]
    """
    if _is_symbol(name):
        return False
    if IN_PER_CENT.search(name.strip().casefold()):
        return True
    of_name = plain(name)
    if of_name in DATES:
        return True
    for parted in reversed(list(re.finditer(" ", of_name))):  # the longest name of an asset first
        if of_name[: parted.start()] in beside:
            rest = of_name[parted.end() :]
            is_rate = rest.split(" ")[-1] in LAST_WORDS
            return rest not in FIELD_OF and bool(_words(rest)) and (is_rate or FIGURES.issuperset(_words(rest)))
    words, last = _words(of_name), re.split(r"[ _]", name.strip())[-1]
    is_coded = FIGURES.issuperset(words) and (CODED.search(name) is not None or not FIGURES_ALONE.isdisjoint(words))
    return bool(words) and (is_coded or (len(words) > 1 and last in LAST_WORDS))


def _words(of_name: str) -> list[str]:
    return WORD_PATTERN.findall(of_name.replace("p e", "pe"))


def _is_symbol(name: str) -> bool:
    return name.isupper() and name.isalpha() and len(name) <= LONGEST_SYMBOL


def _assets_and_fields(grid: FileGrid, columns: Sequence[PriceColumn]) -> tuple[PriceColumn, ...]:
    """The columns of names such as ORRA.Close or Close_ORRA, and closes beside ORRA Volume; () where none is so named.

    A name has two parts where its asset has a close, in a column of that name or of these two parts.
    """
    whole = {column.asset for column in columns}
    for last in (True, False):
        found = [_parts(column.asset, last) for column in columns]
        parts = [None if part and part[0] in whole and part[1] == "close" else part for part in found]
        of_asset: dict[str, set[str]] = {}
        for asset, name in filter(None, parts):
            of_asset.setdefault(asset, set()).add(name)
        closed = {
            asset
            for asset, names in of_asset.items()
            if (len(names & {"high", "low"}) != 1 if asset in whole else not names.isdisjoint(PRICES))
        }
        parts = [part if part and part[0] in closed else None for part in parts]
        if any(asset in whole or len(of_asset[asset]) > 1 for asset in closed) or (closed and all(parts)):
            parts = [
                one or (of if of and of[1] in BESIDE_CLOSE else None) for one, of in zip(parts, found, strict=True)
            ]
            return tuple(
                column._replace(asset=_id(grid, part[0] if part else column.asset), field=part[1] if part else "close")
                for column, part in zip(columns, parts, strict=True)
            )
    return ()


def _parts(name: str, field_is_last: bool) -> tuple[str, str] | None:
    """The asset and the field of a name such as ORRA.Adj Close, with the longest field that there is."""
    places = [match.start() for match in SEPARATOR.finditer(name)]
    for at in places if field_is_last else reversed(places):
        asset, field = (name[:at], name[at + 1 :]) if field_is_last else (name[at + 1 :], name[:at])
        known = FIELD_OF.get(plain(field))
        if asset.strip() and known and not (known == "close" and plain(field) in WEAK):
            return asset.strip(), known
    return None


def _bars(
    grid: FileGrid, columns: Mapping[int, PriceColumn], whole: set[str], assets: int | None, dates: Cells
) -> PriceShape:
    """A table with a row for an asset and a session, or for a session where the file is of one asset.

    whole  : plain names of all columns.
    assets : the column that names assets, if there is one.
    """
    best = {name: next((each for each in names if each in whole), "") for name, names in FIELDS.items()}
    used = {k: column for k, column in columns.items() if column.field and plain(column.asset) == best[column.field]}
    asset = "" if assets is not None else _id(grid, name_of_one(grid, [column.asset for column in used.values()]))
    text = f"bars of one asset, named {asset} after the file" if asset else "a long table, an asset and a session a row"
    left = tuple(column.asset for k, column in columns.items() if k not in used and k != assets)
    if not best["total"]:
        _refuse_adjusted(grid, left)
    from_yahoo = not whole.isdisjoint(YAHOO)
    rows_of = None if assets is None else grid.columns[assets]
    found = tuple(column._replace(asset=asset) for column in used.values())
    return PriceShape(text, dates, found, rows_of, from_yahoo, left=left)


def _refuse_adjusted(grid: FileGrid, left: Iterable[str]) -> None:
    """Refuse columns that are left out, and would say what the closes beside them are not: adjusted for dividends."""
    for name in left:
        if ADJUSTED.search(plain(name)) and "unadj" not in plain(name):
            what = "adjusted closes, or what they are adjusted by, in a column of a name that is not known"
            refuse_table(grid, what, name, "Name it Adj Close if it has closes adjusted for dividends, or remove it.")


def name_of_one(grid: FileGrid, used: Sequence[str]) -> str:
    """The name of the one asset of a table: that of its file, or in a frame that of its one column."""
    is_file = grid.name.lower().endswith(TABLES)
    return Path(grid.name.removesuffix(".gz")).stem if is_file else (used[0] if len(used) == 1 else grid.name)


def _levels(grid: FileGrid, others: Mapping[int, Cells], dates: Cells) -> PriceShape:
    """A table with fields above assets, or assets above fields, as yfinance writes it."""
    fit = [sum(plain(cells.names[level]) in FIELD_OF for cells in others.values()) for level in (0, 1)]
    level = int(fit[1] > fit[0])
    fields = {k: FIELD_OF.get(plain(cells.names[level]), "") for k, cells in others.items()}
    columns = tuple(
        PriceColumn(fields[k], _id(grid, cells.names[1 - level]), cells) for k, cells in others.items() if fields[k]
    )
    if 0 not in others and any(column.field in PRICES for column in columns):
        left = tuple(cells.names[level] for k, cells in others.items() if not fields[k])
        return PriceShape("fields and assets in two rows of names", dates, columns, from_yahoo=True, left=left)
    found = ", ".join(" ".join(cells.names) for cells in others.values())
    refuse_table(grid, "no dates and closes below two rows of names", found, "Put dates first, and name one Close.")


def refuse_table(grid: FileGrid, what: str, found: object, fix: str) -> NoReturn:
    """Raise DataError for a table as a whole."""
    raise DataError(f"{grid.name}: {what}: found {quoted(found)}. {fix}")


def _named(label: str, cells: Cells) -> PriceColumn:
    """A column by its name, which may have a currency in brackets behind it."""
    name, currency = label, ""
    if match := STATED_UNIT.fullmatch(label):
        code = "GBp" if match[2] in ("p", "pence") else SIGNS.get(match[2], (match[2],))[0]
        if code in CURRENCIES or code in HUNDREDTHS:
            name, currency = match[1], code
    return PriceColumn(FIELD_OF.get(plain(name), ""), name, cells, currency)


def imported_fault(name: str) -> str:
    """The fault that keeps a text of a table from being the name of an asset, "" if there is none."""
    return asset_fault(name) or ("has a quote" if '"' in name else "")


def _id(grid: FileGrid, name: str) -> str:
    if wrong := imported_fault(name):
        refuse_table(grid, f"the name of an asset {wrong}", name, ASSET_FIX)
    return name
