"""Rows of prices from a table of any usual shape: what its columns mean, and what its prices are adjusted for.

Whatever a table leaves open is taken in the usual way and said; contradictions are refused.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from foundation.arguments import cut, one_of
from foundation.errors import ConfigError, DataError
from foundation.names import NAME_FIX, name_fault
from foundation.paper.text_tables import text_table
from foundation.table_files import quoted
from research.market.calendars import Days
from research.market.currency import SIGNS, is_currency
from research.market.notes import Note, counted
from research.market.reading.adjusted_closes import ADJUSTMENTS, as_quoted, refuse_bar
from research.market.reading.cell_forms import ORDERS, PLAIN_SIGNS, Cells, days_of, decimal_of, numbers_of
from research.market.reading.grids import SEPARATOR_NAMES, Grid, read_grid
from research.market.reading.price_shapes import FIELDS, PriceColumn, PriceShape, refuse_table, shape_of
from research.market.rows import BARS, checked_rows, price_rows

IMPORT_COMMAND = "`rebalance data import {} --as NAME` reads such a table."
AT_ENDS = 3  # rows first and last that are shown


@dataclass(frozen=True, eq=False)
class Understood:
    """A table as it was understood.

    name       : name of the file.
    bars       : (R, ·) asset_id, session, open, high, low, close, volume, split, dividend and currency, by asset and
                 session; a currency is a code, of hundredths too, or "" where nothing states one.
    adjustment : "raw", "split" or "total", as stated or as columns say; None where neither does.
    findings   : what was inferred, in words.
    notes      : what a reader of any result must know.
    """

    name: str
    bars: pd.DataFrame
    adjustment: str | None
    findings: tuple[str, ...]
    notes: tuple[Note, ...]

    def rows(self, fetched_at: np.datetime64, source: str) -> pd.DataFrame:
        """(R, ·) rows of the store, known at a moment in UTC.  Raises DataError as `price_rows` does."""
        numbers = (*BARS[:3], "volume", "split", "dividend")
        parts = [
            price_rows(
                part["asset_id"].tolist(), part["session"], part["close"], currency=str(currency), source=source,
                fetched_at=fetched_at, **{name: part[name] for name in numbers},
            )
            for currency, part in self.bars.groupby("currency", sort=True)
        ]  # fmt: skip
        return checked_rows(pd.concat(parts, ignore_index=True), source)

    def text(self) -> str:
        """What was inferred, with the first and the last rows, for a terminal."""
        bars, days = self.bars, self.bars["session"]
        neutral = {"split": 1.0, "dividend": 0.0}
        idle = [name for name in bars if (bars[name].isna() | (bars[name] == neutral.get(str(name), ""))).all()]
        shown = bars.drop(columns=idle).iloc[sorted({*range(len(bars))[:AT_ENDS], *range(len(bars))[-AT_ENDS:]})]
        cells = shown.assign(session=shown["session"].dt.strftime("%Y-%m-%d")).map(_cell)
        return "\n".join(
            [
                f"{self.name}: {counted(len(bars), 'row')} of {counted(bars['asset_id'].nunique(), 'asset')}, "
                f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}",
                *(f"- {finding}" for finding in self.findings),
                "",
                "First and last rows as understood:",
                text_table([list(map(str, cells)), *cells.to_numpy().tolist()], left=2),
                *(f"Note: {note}" for note in self.notes),
            ]
        )


def _cell(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


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
    options = (("adjustment", adjustment, ADJUSTMENTS), ("dates", dates, ORDERS), ("decimal", decimal, PLAIN_SIGNS))
    for name, value, known in options:
        if value is not None:
            one_of(f"{name} is", value, known)
    if currency is not None and not is_currency(currency):
        raise ConfigError(f"currency is {quoted(currency)}: write a code such as USD, or GBp for pence.")
    grid = read_grid(Path(path))
    shape = shape_of(grid)
    days, form = days_of(shape.dates, dates)
    numeric = [column.cells for column in shape.columns if column.field != "currency"]
    sign, decimal_note = (decimal, "") if decimal else decimal_of(numeric, grid.delimiter)
    bars = _one_a_session(grid, _bars(shape, days, sign, currency))
    bars, adjustment, notes = as_quoted(grid.name, bars, adjustment, shape.from_yahoo)
    codes = sorted(set(bars["currency"]) - {""})
    findings = (
        shape.text,
        *([f"{SEPARATOR_NAMES[grid.delimiter]} between cells"] if grid.delimiter else []),
        f"dates: {form}",
        f"decimals: after a {'comma' if sign == ',' else 'point'}",
        f"currency: {', '.join(codes) or 'not stated, that of the portfolio is taken'}",
        f"closes: {ADJUSTMENTS[adjustment or 'total']}",
    )
    of_file = [Note(text, warning=True) for text in (*grid.notes, decimal_note) if text]
    return Understood(grid.name, bars, adjustment, findings, (*of_file, *notes))


def import_hint(path: Path) -> str:
    """The command that reads a file, as a further sentence, or "" where it does not."""
    try:
        understand(path)
    except (DataError, ConfigError):
        return ""
    return f" {IMPORT_COMMAND.format(cut(str(path)))}"


# -- bars ------------------------------------------------------------------------------------------------------------


def _bars(shape: PriceShape, days: Days, sign: str, currency: str | None) -> pd.DataFrame:
    """(·, ·) asset_id, session, line, currency and the fields of the table, for each asset all rows of the file."""
    by_asset: dict[str, dict[str, object]] = {}
    for column in shape.columns:
        bars = by_asset.setdefault(column.asset, {"session": days, "line": list(column.cells.lines), "currency": ""})
        if column.field == "currency":
            bars["currency"] = _codes(column.cells, currency)
            continue
        bars[column.field], unit = numbers_of(column.cells, sign, column.field == "volume")
        if column.field in ("close", "total") and not isinstance(bars["currency"], list):
            bars["currency"] = _currency(column, unit, currency) or bars["currency"]
    frames = [pd.DataFrame(bars).assign(asset_id=asset) for asset, bars in by_asset.items()]
    bars_of_all = pd.concat(frames, ignore_index=True)
    return bars_of_all if shape.assets is None else bars_of_all.assign(asset_id=_ids(shape.assets))


def _ids(cells: Cells) -> list[str]:
    """(R,) the asset of each row."""
    names = [f"{name:.0f}" if isinstance(name, float) else str(name) for name in cells.entries]
    for name in dict.fromkeys(names):
        if wrong := name_fault(name):
            cells.refuse(names.index(name), f"the name of an asset {wrong}", NAME_FIX)
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


def _currency(column: PriceColumn, unit: str, stated: str | None) -> str:
    """The currency that an option, the name of a column or the sign beside its numbers states, "" where none does."""
    signs = SIGNS.get(unit, (unit,)) if unit not in ("", "%") else ()
    code = stated or column.currency or (signs[0] if len(signs) == 1 else "")
    said = {column.currency, *(code if code in signs else sign for sign in signs[:1])} - {""}
    if said - {code}:
        found = f"{column.cells.file}, column {column.cells.label!r}: its name or numbers say"
        raise DataError(f"{found} {', '.join(sorted(said - {code}))}, and {code} is stated. Correct one of the two.")
    return code


def _one_a_session(grid: Grid, bars: pd.DataFrame) -> pd.DataFrame:
    """The rows with a close, in order of asset and session, each once."""
    price = "close" if "close" in bars else "total"
    if "gain" in bars:
        bars["dividend"] = bars["gain"].fillna(0.0) + (bars["dividend"].fillna(0.0) if "dividend" in bars else 0.0)
    empty = bars[price].isna()
    for name, neutral in (("dividend", 0.0), ("split", 1.0)):
        if name in bars:
            bars[name] = bars[name].fillna(0.0).replace(0.0, neutral)  # yfinance writes 0 for no split
            lost = empty & (bars[name] != neutral)
            refuse_bar(grid.name, bars, lost, name, f"no close beside the {name}", "Give the close of that day.")
    numbers = [name for name in FIELDS if name in bars]
    bars = bars[~empty].sort_values(["asset_id", "session", "line"], kind="stable")
    bars = bars.drop_duplicates(["asset_id", "session", *numbers], ignore_index=True)
    double = bars.duplicated(["asset_id", "session"])
    refuse_bar(grid.name, bars, double, price, "a second row, which differs from the first,", "Keep one of the two.")
    if bars.empty:
        refuse_table(grid, "no prices", grid.columns[-1].label, "Give one row with a date and a price at least.")
    return bars
