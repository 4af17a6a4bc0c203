"""The meaning of the columns of a table of prices: wide, long, bars of one asset, or fields above assets."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from foundation.arguments import cut
from foundation.errors import DataError
from foundation.names import ASSET_FIX, asset_fault
from foundation.table_files import quoted
from research.market.currency import CURRENCIES
from research.market.reading.cells import Cells
from research.market.reading.column_names import ASSETS, DATES, FIELD_OF, FIGURES, FIGURES_ALONE, LAST_WORDS, WEAK
from research.market.reading.grids import TABLES, Grid, plain
from research.market.rows import HUNDREDTHS

BAR_LETTERS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}  # of bars of services, all together
IN_PER_CENT = re.compile(r"(?:(?<![0-9])(?<![0-9] )%|\bpct|\bpercent)\W*$|^\W*(?:%|pct\b)")
CODED = re.compile(r"_|[0-9]")  # in a name that a programme made
WORDS = re.compile(r"[^\W\d_]{2,}")
ADJUSTED = re.compile(
    r"adj(?!\w*flag)|ajust|aggiust|bereinigt|rettific|skoryg|調整|复权"
)  # in the name of a column of adjusted closes, or of their factors
APART = re.compile(r"[ ._:|/-]")  # between an asset and a field in one name
PRICES = ("close", "total")
TICKERS_TOO = ("open", "high", "low")  # fields of which a name is a symbol, too: OPEN, HIGH, LOW, MAX, BAS, ALTO
EVENTS = ("split", "dividend", "currency")  # fields of which a name in capitals is a symbol
LONGEST_SYMBOL = 5  # letters of a symbol that may be a word
OHLC = 3  # known names from which a table is one of bars, whatever other columns it has
YAHOO = ("stock splits", "capital gains")  # columns with which yfinance marks its own tables
STATED_UNIT = re.compile(r"(.+?)\s*[(\[]\s*([A-Za-z]{3}|p|pence)\s*[)\]]")


@dataclass(frozen=True, eq=False)
class PriceColumn:
    """The numbers of one field.

    field    : key of `column_names.FIELDS`.
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


def shape_of(grid: Grid) -> PriceShape:
    """The shape of a table, by the names of its columns.

    Raises : DataError for names that are none of an asset, for two columns of one meaning, for a table of fields above
             assets without a close, and for adjusted closes of a name that is not known.
    """
    labels, at = grid.labels, grid.dates_at
    others = {k: names for k, names in enumerate(labels) if k != at}
    if len(grid.levels) == 2:
        return _levels(grid, others, grid.columns[at])
    letters = BAR_LETTERS if BAR_LETTERS.keys() - {"v"} <= {name for (name,) in others.values()} else {}
    stated = {k: _unit(letters.get(name, name)) for k, (name,) in others.items()}
    fields = {k: FIELD_OF[plain(name)] for k, (name, _) in stated.items() if plain(name) in FIELD_OF}
    has_price = any(field in PRICES for field, _ in fields.values())
    assets = next((k for k, (name, _) in stated.items() if plain(name) in ASSETS), None)
    whole = {plain(name) for name, _ in stated.values()}
    no_price = {k for k, (name, _) in stated.items() if k not in fields and is_figure(name, whole)}
    is_bars = len(fields) + len(no_price) == len(others) or len(fields) >= OHLC
    if has_price and (assets is not None or is_bars):
        return _bars(grid, stated, fields, assets, grid.columns[at])
    left = tuple(stated[k][0] for k in no_price)
    _refuse_adjusted(grid, left)
    stated = {k: of_name for k, of_name in stated.items() if k not in no_price}
    if columns := _assets_and_fields(grid, stated):
        shape = PriceShape("an asset and a field in each name", grid.columns[at], tuple(columns), left=left)
        return _checked(grid, shape)
    if not stated:
        refuse_table(grid, "no column of prices", ", ".join(left), "Give a column of closes for each asset.")
    for k, (name, _) in stated.items():
        is_word = plain(name) in WEAK or (k in fields and fields[k][0] in TICKERS_TOO)
        is_field = k in fields and not (is_word or (_is_symbol(name) and fields[k][0] in EVENTS))
        if name == labels[at][0] or is_field:
            what = "a column of dates or of bars beside columns that name assets"
            refuse_table(grid, what, name, "Remove it, or give a long table, with the asset in a column.")
    wide = tuple(PriceColumn("close", _id(grid, name), grid.columns[k], code) for k, (name, code) in stated.items())
    return _checked(
        grid, PriceShape("a wide table, an asset a column", grid.columns[at], wide, is_wide=True, left=left)
    )


def is_figure(name: str, beside: Collection[str] = ()) -> bool:
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
    return WORDS.findall(of_name.replace("p e", "pe"))


def _is_symbol(name: str) -> bool:
    return name.isupper() and name.isalpha() and len(name) <= LONGEST_SYMBOL


def _assets_and_fields(grid: Grid, stated: Mapping[int, tuple[str, str]]) -> list[PriceColumn]:
    """The columns of names such as ORRA.Close or Close_ORRA, and closes beside ORRA Volume; [] where none is so named.

    A name has two parts where its asset has a close, in a column of that name or of these two parts.
    """
    for last in (True, False):
        found = {k: _parts(name, last) for k, (name, _) in stated.items()}
        whole = {name for name, _ in stated.values()}
        parts = {k: part for k, part in found.items() if part and not (part[0] in whole and part[1] == "close")}
        of_asset: dict[str, set[str]] = {}
        for asset, field in parts.values():
            of_asset.setdefault(asset, set()).add(field)
        closed = {
            asset
            for asset, fields in of_asset.items()
            if (asset in whole and len(fields & {"high", "low"}) != 1)
            or (asset not in whole and not fields.isdisjoint(PRICES))
        }
        several = {asset for asset in closed if asset in whole or len(of_asset[asset]) > 1}
        split = {k: part for k, part in parts.items() if part[0] in closed}
        if split and (several or len(split) == len(stated)):
            named = {k: split.get(k, (name, "close")) for k, (name, _) in stated.items()}
            return [
                PriceColumn(field, _id(grid, asset), grid.columns[k], stated[k][1])
                for k, (asset, field) in named.items()
            ]
    return []


def _parts(name: str, field_is_last: bool) -> tuple[str, str] | None:
    """The asset and the field of a name such as ORRA.Adj Close, with the longest field that there is."""
    places = [match.start() for match in APART.finditer(name)]
    for at in places if field_is_last else reversed(places):
        asset, field = (name[:at], name[at + 1 :]) if field_is_last else (name[at + 1 :], name[:at])
        known = FIELD_OF.get(plain(field))
        if asset.strip() and known and not (known[0] == "close" and plain(field) in WEAK):
            return asset.strip(), known[0]
    return None


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
    asset = "" if assets is not None else _id(grid, name_of_one(grid, [stated[k][0] for k in used]))
    columns = tuple(PriceColumn(fields[k][0], asset, grid.columns[k], stated[k][1]) for k in used)
    text = f"bars of one asset, named {asset} after the file" if asset else "a long table, an asset and a session a row"
    left = tuple(name for k, (name, _) in stated.items() if k not in used and k != assets)
    if "total" not in best:
        _refuse_adjusted(grid, left)
    from_yahoo = any(plain(name) in YAHOO for name, _ in stated.values())
    rows_of = None if assets is None else grid.columns[assets]
    return _checked(grid, PriceShape(text, dates, columns, rows_of, from_yahoo, left=left))


def _refuse_adjusted(grid: Grid, left: Iterable[str]) -> None:
    """Refuse columns that are left out, and would say what the closes beside them are not: adjusted for dividends."""
    for name in left:
        if ADJUSTED.search(plain(name)) and "unadj" not in plain(name):
            what = "adjusted closes, or what they are adjusted by, in a column of a name that is not known"
            refuse_table(grid, what, name, "Name it Adj Close if it has closes adjusted for dividends, or remove it.")


def name_of_one(grid: Grid, used: Sequence[str]) -> str:
    """The name of the one asset of a table: that of its file, or in a frame that of its one column."""
    is_file = grid.name.lower().endswith(TABLES)
    return Path(grid.name.removesuffix(".gz")).stem if is_file else (used[0] if len(used) == 1 else grid.name)


def _levels(grid: Grid, labels: Mapping[int, tuple[str, ...]], dates: Cells) -> PriceShape:
    """A table with fields above assets, or assets above fields, as yfinance writes it."""
    fit = [sum(plain(names[level]) in FIELD_OF for names in labels.values()) for level in (0, 1)]
    level = int(fit[1] > fit[0])
    fields = {k: FIELD_OF.get(plain(names[level]), ("", 0))[0] for k, names in labels.items()}
    columns = tuple(
        PriceColumn(field, _id(grid, labels[k][1 - level]), grid.columns[k], "") for k, field in fields.items() if field
    )
    if 0 not in labels and any(column.field in PRICES for column in columns):
        left = tuple(labels[k][level] for k, field in fields.items() if not field)
        shape = PriceShape("fields and assets in two rows of names", dates, columns, from_yahoo=True, left=left)
        return _checked(grid, shape)
    found = ", ".join(" ".join(names) for names in labels.values())
    refuse_table(grid, "no dates and closes below two rows of names", found, "Put dates first, and name one Close.")


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


def _unit(label: str) -> tuple[str, str]:
    """A name without the currency in brackets behind it, and its code, or ""."""
    if match := STATED_UNIT.fullmatch(label):
        code = "GBp" if match[2] in ("p", "pence") else match[2]
        if code in CURRENCIES or code in HUNDREDTHS:
            return match[1], code
    return label, ""


def imported_fault(name: str) -> str:
    """The fault that keeps a text of a table from being the name of an asset, "" if there is none."""
    return asset_fault(name) or ("has a quote" if '"' in name else "")


def _id(grid: Grid, name: str) -> str:
    if wrong := imported_fault(name):
        refuse_table(grid, f"the name of an asset {wrong}", name, ASSET_FIX)
    return name
