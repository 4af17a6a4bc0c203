"""Tables of a market from one table of prices of any shape: what serves as prices, quotes, bars, volumes and events."""

from collections.abc import Mapping

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from research.market.notes import Note
from research.market.reading.adjusted_closes import ADJUSTMENTS, as_quoted
from research.market.reading.grids import FileGrid
from research.market.reading.price_import import PriceTable, read_price_table, session_bars, stated_currency
from research.market.reading.price_shapes import PRICES
from research.market.reading.tables import WideTable, wide_table
from research.market.rows import BARS, HUNDREDTHS, PER_UNIT, bar_growth, currency_units

NO_QUOTES = (
    "What the closes of {} are adjusted for is not stated: they are taken for total-return closes, which give returns "
    "and no quotes, so there are no whole lots, no commission a unit and no bars. Give closes as traded beside "
    "adjusted ones, as `yfinance.download(…, auto_adjust=False)` does, for those."
)


@dataclass(frozen=True, eq=False)
class PriceTables:
    """The tables of a market, on the same days.

    prices   : from which returns come.
    quotes, volumes, dividends, splits : None where the table of prices has none.
    bars     : "open", "high" and "low", or none.
    currency : code by asset, of those that the table states.
    notes    : notes about the table, with those of `prices`.
    adjustment : what returns and quotes are adjusted for, in words; "" where the table does not show it.
    """

    prices: WideTable
    quotes: WideTable | None = None
    volumes: WideTable | None = None
    dividends: WideTable | None = None
    splits: WideTable | None = None
    bars: Mapping[str, WideTable] = field(default_factory=dict)
    currency: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    adjustment: str = ""


def price_tables(grid: FileGrid) -> PriceTables:
    """The tables of a market that a table of prices gives.

    A wide table gives prices alone. Closes beside adjusted closes, dividends or splits give quotes, too, as an import
    does (`as_quoted`); closes of bars alone give prices and volumes.

    Raises : DataError as `read_price_table`, `as_quoted` and `wide_table`.
    """
    table = read_price_table(grid)
    shape, notes = table.shape, (*table.notes, *table.days.facts(grid.name))
    if not shape.is_wide:
        left = [Note(f"{grid.name}: {shape.finding}.", warning=True)] if shape.left else []
        return _of_bars(table, (*notes, *left))
    names = tuple(column.asset for column in shape.columns)
    codes = {column.asset: code for column in shape.columns if (code := stated_currency(column))}
    numbers = [column.numbers for column in shape.columns]
    if not HUNDREDTHS.keys().isdisjoint(codes.values()):
        units = currency_units([codes.get(name, "") for name in names])
        numbers = [of_column * unit for of_column, unit in zip(numbers, units, strict=True)]
    prices = wide_table(shape.dates, table.days, names, numbers, notes, 2)
    return PriceTables(prices, currency={name: HUNDREDTHS.get(code, code) for name, code in codes.items()}, notes=notes)


def prices_alone(tables: PriceTables) -> WideTable:
    """The one table of a table of quotes. Raises DataError for one of several fields."""
    if tables.quotes is not None or tables.volumes is not None:
        raise DataError(
            f"{tables.prices.source}: bars in place of one price of each asset. Give a wide table of closes."
        )
    return tables.prices


def _of_bars(table: PriceTable, notes: tuple[Note, ...]) -> PriceTables:
    """The tables of a long table, of bars, and of fields above assets."""
    bars = session_bars(table)
    units = currency_units(bars.currency)
    bars = bars.having(**{name: bars.numbers[name] * units for name in (*PER_UNIT, "total") if name in bars.numbers})
    for name in PRICES:
        if name in bars.numbers:
            fix = "A price is above zero: correct the source."
            bars.refuse(bars.numbers[name] <= 0.0, name, "impossible price", fix)
    quoted, adjustment, more = as_quoted(bars, None, table.shape.from_yahoo)
    days, total = np.unique(bars.days), bars.numbers.get("total")
    if len(days) < 2:
        raise DataError(f"{bars.file} has too few days with prices: found {len(days)}. Give 2 at least.")

    def panel(values: Array, source: str) -> WideTable:
        cells = np.full((len(days), len(bars.assets)), np.nan)
        cells[np.searchsorted(days, bars.days), bars.asset] = values
        return WideTable(days, bars.assets, cells, f"{bars.file} ({source})")

    currency = {bars.assets[i]: bars.currency[k] for i, k in zip(bars.asset[bars.begins], bars.begins, strict=True)}
    found = PriceTables(
        panel(bars.numbers["close"], "Close") if total is None else panel(total, "Adj Close"),
        volumes=panel(quoted.numbers["volume"], "Volume") if "volume" in quoted.numbers else None,
        currency={asset: HUNDREDTHS.get(code, str(code)) for asset, code in currency.items() if code},
        notes=(*notes, *more),
    )
    if adjustment not in ("raw", "split"):
        has_bars = not {"open", "high", "low"}.isdisjoint(bars.numbers)
        return replace(found, notes=(*notes, *([Note(NO_QUOTES.format(bars.file), warning=True)] if has_bars else [])))
    numbers, prices = quoted.numbers, found.prices
    dividends: Array | None = numbers["dividend"]
    if total is not None and "dividend" not in bars.numbers and (numbers["split"] == 1.0).all():
        dividends, found = None, replace(found, notes=notes)  # the adjusted closes have them
    if total is None:
        parts = (np.split(numbers[name], quoted.begins[1:]) for name in ("close", "split", "dividend"))
        grown = [part[0][0] * np.cumprod(bar_growth(*part)) for part in zip(*parts, strict=True)]
        prices = panel(np.concatenate(grown), "Close and dividends")
    return replace(
        found,
        prices=prices,
        adjustment=f"returns: splits and dividends; quotes: {ADJUSTMENTS[adjustment]}",
        quotes=panel(numbers["close"], "Close"),
        dividends=panel(dividends, "Dividends") if dividends is not None and dividends.any() else None,
        splits=panel(numbers["split"], "Stock Splits") if (numbers["split"] != 1.0).any() else None,
        bars={name: panel(numbers[name], name.capitalize()) for name in BARS[:3] if name in numbers},
    )
