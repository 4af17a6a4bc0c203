"""Rows of prices from a table of any usual shape: what its columns mean, and what its prices are adjusted for.

Whatever a table leaves open is taken in the usual way and said; contradictions are refused.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from foundation.arguments import cut, one_of
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.names import ASSET_FIX
from foundation.paper.text_tables import text_table
from foundation.table_files import quoted
from research.market.currency import SIGNS, is_currency
from research.market.notes import Note, counted
from research.market.quality.findings import wrong_prices
from research.market.quality.report import suspicious
from research.market.reading.adjusted_closes import ADJUSTMENTS, NO_EVENT, UNSTATED_CLOSES, TableBars, as_quoted
from research.market.reading.cells import PLAIN_SIGNS, Cells, decimal_of
from research.market.reading.days import DATE_ORDERS, ReadDays, days_of
from research.market.reading.grids import SEPARATOR_NAMES, FileGrid, read_grid
from research.market.reading.price_content import bars_among, is_no_price, refuse_figures
from research.market.reading.price_shapes import (
    PRICES,
    PriceColumn,
    PriceShape,
    imported_fault,
    name_of_one,
    refuse_table,
    shape_of,
)  # fmt: skip
from research.market.rows import HUNDREDTHS, NUMBERS, price_rows
from research.market.store import KnownBars

AT_ENDS, WRONG_SHOWN = 3, 10  # rows first and last, and assets with wrong prices, that are shown
NAME_BARS = "Name the columns Open, High, Low, Close and Volume, or remove those that are none of these."
UNSTATED = "not stated, taken for total-return closes, which serve as quotes too"
NO_PRICE = "Give prices: returns are none, and rates of cash go into a file of their own, `cash: rates.csv`."


@dataclass(frozen=True, eq=False)
class Understood:
    """A table as it was understood.

    bars       : its bars, one an asset and session, in order, with close, split and dividend; a code of a currency may
                 be one of hundredths.
    adjustment : "raw", "split" or "total", as stated or as columns say; None where neither does.
    findings   : what was inferred, in words.
    notes      : what a reader of any result must know.
    """

    bars: TableBars
    adjustment: str | None
    findings: tuple[str, ...]
    notes: tuple[Note, ...]

    def rows(self, fetched_at: np.datetime64, source: str) -> pd.DataFrame:
        """(R, ·) rows of the store, known at a moment in UTC.  Raises DataError as `price_rows` does."""
        bars, ids = self.bars, np.array(self.bars.assets, dtype=object)
        return price_rows(
            ids[bars.asset], bars.days, **self._numbers, currency=bars.currency, source=source, fetched_at=fetched_at
        )

    @property
    def _numbers(self) -> dict[str, Array]:
        return {name: self.bars.numbers[name] for name in NUMBERS if name in self.bars.numbers}

    def text(self) -> str:
        """The inferences, with the first and the last rows, for a terminal."""
        bars, count, numbers = self.bars, len(self.bars.days), self._numbers
        wrong = wrong_prices(suspicious(KnownBars(bars.assets, bars.asset, bars.days, numbers)), most=WRONG_SHOWN)
        columns = [name for name, v in numbers.items() if (~np.isnan(v) & (v != NO_EVENT.get(name, np.nan))).any()]
        shown = sorted({*range(count)[:AT_ENDS], *range(count)[-AT_ENDS:]})
        cells = [
            [bars.assets[bars.asset[k]], str(bars.days[k]), *(f"{numbers[name][k]:,.10g}" for name in columns),
             bars.currency[k]]
            for k in shown
        ]  # fmt: skip
        days, span = counted(len(np.unique(bars.days)), "day"), f"{bars.days.min()} to {bars.days.max()}"
        return "\n".join(
            [
                f"{bars.file}: {days} of {counted(len(bars.assets), 'asset')}, {span}",
                *(f"- {finding}" for finding in self.findings),
                "",
                "First and last rows as understood:",
                text_table([["asset_id", "session", *columns, "currency"], *cells], left=2, last_left=True),
                *(f"Note: {note}" for note in self.notes),
                *(f"Look at: {sentence}" for sentence in wrong),
                *([] if self.adjustment else [f"Note: {UNSTATED_CLOSES.format(bars.file)}"]),
            ]
        )


def understand(
    path: str | Path,
    *,
    adjustment: str | None = None,
    currency: str | None = None,
    dates: str | None = None,
    decimal: str | None = None,
) -> Understood:
    """A table of prices as rows: CSV, TSV, Excel, Parquet or Feather; wide, long, or as yfinance writes it.

    adjustment : "raw" (as traded), "split" or "total" (for splits and dividends), where the table does not say it.
    currency   : code of three capital letters, or of hundredths (GBp, GBX, ZAc, ILA), where the table does not say it.
    dates      : "dmy" or "mdy", for dates that read two ways in every row.
    decimal    : the sign before decimals, "." or ",", for numbers that read two ways in every cell.
    Raises     : ConfigError for an unknown option; DataError naming file, row, column, value and fix for a table that
                 contradicts itself or an option, and for what cannot be read.
    """
    options = (
        ("adjustment", adjustment, ADJUSTMENTS),
        ("dates", dates, DATE_ORDERS),
        ("decimal", decimal, PLAIN_SIGNS),
    )
    for name, value, known in options:
        if value is not None:
            one_of(f"{name} is", value, known)
    if currency is not None and not is_currency(currency):
        raise ConfigError(f"currency is {quoted(currency)}: write a code such as USD, or GBp for pence.")
    table = read_price_table(read_grid(Path(path)), dates=dates, decimal=decimal)
    bars = session_bars(table, currency)
    bars, adjustment, notes = as_quoted(bars, adjustment, table.shape.from_yahoo)
    bars.refuse(bars.numbers["close"] <= 0.0, "close", "no price", NO_PRICE)
    codes = sorted(set(bars.currency.tolist()) - {""})
    delimiter = table.grid.delimiter
    findings = (
        table.shape.finding,
        *([f"{SEPARATOR_NAMES[delimiter]} between cells"] if delimiter else []),
        f"dates: {', '.join((table.days.form, *table.days.said))}",
        f"decimals: after a {'comma' if table.decimal == ',' else 'point'}",
        f"currency: {', '.join(codes) or 'not stated, that of the portfolio is taken'}",
        f"closes: {ADJUSTMENTS[adjustment] if adjustment else UNSTATED}",
    )
    return Understood(bars, adjustment, findings, (*table.notes, *notes))


@dataclass(frozen=True, eq=False)
class PriceTable:
    """A table of prices as it was read.

    grid    : the table, without rows and columns that are none of data.
    shape   : what its columns mean, with their numbers.
    days    : the day of each row.
    decimal : the sign before its decimals.
    notes   : warnings about its file.
    """

    grid: FileGrid
    shape: PriceShape
    days: ReadDays
    decimal: str
    notes: tuple[Note, ...]


def read_price_table(grid: FileGrid, *, dates: str | None = None, decimal: str | None = None) -> PriceTable:
    """A table of prices of any shape: parameters as in `understand`.

    Raises : DataError for cells that cannot be read, and for columns that are no prices of assets.
    """
    grid = grid.of_data()
    shape = shape_of(grid)
    days = days_of(shape.dates, dates)
    numeric = [column.cells for column in shape.columns if column.field != "currency"]
    sign, note = (decimal, "") if decimal else decimal_of(numeric, grid.delimiter)
    shape = replace(shape, columns=tuple(column.read(sign) for column in shape.columns))
    notes = tuple(Note(text, warning=True) for text in (*grid.notes, note) if text)
    table = PriceTable(grid, shape, days, sign, notes)
    table = _prices_alone(table) if shape.is_wide else table
    if shape.assets is None:  # else the rows are looked at by asset, see `session_bars`
        closes = [column for column in table.shape.columns if column.field in PRICES]
        names = [column.asset for column in closes]
        refuse_figures([column.numbers for column in closes], names, days.days, grid.name)
    return table


def _prices_alone(table: PriceTable) -> PriceTable:
    """A wide table without columns that are no prices of assets: they are bars of one asset, left out, or refused."""
    grid, columns = table.grid, table.shape.columns
    names = [column.asset for column in columns]
    if all(column.unit == "%" for column in columns):
        refuse_table(grid, "columns of figures in per cent", ", ".join(names), NO_PRICE)
    empty = [bool(np.isnan(c.numbers[-1:]).all() and np.isnan(c.numbers).all()) for c in columns]
    kept = [k for k, column in enumerate(columns) if column.unit != "%" and (all(empty) or not empty[k])]
    bars = bars_among([columns[k].numbers for k in kept], [names[k] for k in kept], grid.name)
    if bars is None:
        left = [k for k in range(len(columns)) if k not in kept]
        shape = replace(table.shape, columns=tuple(columns[k] for k in kept))
    else:
        asset = name_of_one(grid, names)
        places = {kept[k]: field for field, k in bars._asdict().items() if k >= 0}
        told = ", ".join(f"{cut(names[k])} is {field}" for k, field in places.items())
        left = [k for k in range(len(columns)) if k not in places]
        if any(not is_no_price(columns[k].numbers) for k in left):
            found = ", ".join(names[k] for k in left)
            refuse_table(grid, "columns beside the bars of one asset", found, NAME_BARS)
        of_bars = tuple(columns[k]._replace(field=places[k], asset=asset) for k in sorted(places))
        text = f"bars of one asset, named {asset}, by their numbers: {told}"
        shape = replace(table.shape, text=text, columns=of_bars, is_wide=False)
    shape = replace(shape, left=(*shape.left, *(names[k] for k in left)))
    said = [Note(f"{grid.name}: {shape.finding}.", warning=True)] if shape.left or bars else []
    return replace(table, shape=shape, notes=(*table.notes, *said))


# -- bars ------------------------------------------------------------------------------------------------------------


def session_bars(table: PriceTable, currency: str | None = None) -> TableBars:
    """The bars with a close, in order of asset and session, each once.

    currency : the code that an option states.
    Raises   : DataError for two codes, two bars of a session, events without a close, and figures that are no prices.
    """
    shape, days = table.shape, table.days.days
    assets = sorted({column.asset for column in shape.columns})
    size, lines = (len(assets), len(days)), np.asarray(shape.dates.lines, dtype=np.int64)
    codes = np.full(size, currency or "", dtype=object)
    numbers = {column.field: np.full(size, np.nan) for column in shape.columns if column.field != "currency"}
    for column in shape.columns:
        i = assets.index(column.asset)
        if column.field == "currency":
            codes[i] = _codes(column.cells, currency)
            continue
        numbers[column.field][i] = column.numbers
        if column.field in PRICES and (code := stated_currency(column, currency)):
            codes[i] = np.where(codes[i] == "", code, codes[i])
    asset = np.repeat(np.arange(len(assets)), len(days))
    if shape.assets is not None:
        names, asset = np.unique(_ids(shape.assets), return_inverse=True)
        assets = names.tolist()
    flat = {name: values.ravel() for name, values in numbers.items()}
    all_days, all_lines = np.tile(days, size[0]), np.tile(lines, size[0])
    return _one_a_session(TableBars(table.grid.name, tuple(assets), asset, all_days, all_lines, codes.ravel(), flat))


def _ids(cells: Cells) -> list[str]:
    """(R,) the asset of each row."""
    names = [f"{name:.0f}" if isinstance(name, float) else str(name) for name in cells.entries]
    for name in dict.fromkeys(names):
        if wrong := imported_fault(name):
            cells.refuse(names.index(name), f"the name of an asset {wrong}", ASSET_FIX)
    return names


def _codes(cells: Cells, stated: str | None) -> list[str]:
    """(R,) the currency of each row, as its cell says."""
    codes = [str(code) or stated or "" for code in cells.entries]
    for code in dict.fromkeys(codes):
        if code and not is_currency(code):
            cells.refuse(codes.index(code), "no code of a currency", "Write one such as USD, or GBp for pence.")
        if stated and code != stated:
            cells.refuse(codes.index(code), f"another currency than {stated!r}, as stated", "Correct one of the two.")
    return codes


def stated_currency(column: PriceColumn, stated: str | None = None) -> str:
    """The currency that an option, the name of a column or the sign beside its numbers states, "" where none does."""
    signs = SIGNS.get(column.unit, (column.unit,)) if column.unit not in ("", "%") else ()
    code = stated or column.currency or (signs[0] if len(signs) == 1 else "")
    for said in ((column.currency,), signs):
        if code and any(said) and code not in said and HUNDREDTHS.get(code, code) not in map(HUNDREDTHS.get, said):
            place = f"{column.cells.file}, column {column.cells.label!r}"
            raise DataError(f"{place}: in {' or '.join(said)}, and {code} is stated elsewhere. Correct one of the two.")
    return code


def _one_a_session(bars: TableBars) -> TableBars:
    numbers = dict(bars.numbers)
    if "gain" in numbers:
        numbers["dividend"] = np.nan_to_num(numbers.pop("gain")) + np.nan_to_num(numbers.get("dividend", 0.0))
    price = "close" if "close" in numbers else "total"
    empty = np.isnan(numbers[price])
    for name in NO_EVENT.keys() & numbers.keys():
        values = np.nan_to_num(numbers[name])
        numbers[name] = np.where(values == 0.0, NO_EVENT[name], values)  # yfinance writes 0 for no split
        lost = empty & (numbers[name] != NO_EVENT[name])
        bars.having(**numbers).refuse(lost, name, f"no close beside a {name}", "Give the close of that day.")
    bars = replace(bars, numbers=numbers).take(~empty)
    bars = bars.take(np.lexsort((bars.lines, bars.days, bars.asset)))
    if not len(bars.days):
        raise DataError(f"{bars.file} has no prices. Give one row with a date and a price at least.")
    before = bars.take(np.arange(len(bars.days)) - 1)
    of_same = bars.asset == before.asset
    of_same[0] = False
    turned = of_same & (bars.currency != before.currency)
    bars.refuse(turned, price, "another currency than in the session before", "Give one currency to an asset.")
    both = [(values, before.numbers[name]) for name, values in bars.numbers.items()]
    same = np.all([(one == other) | (np.isnan(one) & np.isnan(other)) for one, other in both], axis=0)
    again = of_same & (bars.days == before.days)
    bars.refuse(again & ~same, price, "a second row, other than the first,", "Keep one of the two.")
    bars = bars.take(~again)
    for rows in np.split(np.arange(len(bars.days)), bars.begins[1:]):
        closes, name = bars.numbers[price][rows], bars.assets[bars.asset[rows[0]]]
        refuse_figures([closes], [name], bars.days[rows], bars.file)
    return bars
