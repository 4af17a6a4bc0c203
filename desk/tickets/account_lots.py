"""The tax lots of the accounts of a file: a CSV with a row a lot, and the lots of one account under its model's rules.

A file has the columns `account`, `asset`, `date` of the purchase, `units` that are left of it, and `price` a unit in
the basis of the model. Its rows may be in any order. An account without a row is listed without tax.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from desk.tickets.accounts_file import ACCOUNT, MOST_BYTES, LotsFile, Row, RowFaults, table_rows
from foundation.arguments import cut, did_you_mean
from foundation.arrays import Array
from foundation.errors import ConfigError, InputFault, all_mistakes
from foundation.table_files import decimal_signs, read_text
from research.accounting.lots.lot import TaxLot
from research.portfolio import Portfolio
from research.portfolio.holdings.prices import trade_day
from research.portfolio.holdings.tax_file import AFTER_PRICES, lots_factor

LOT_COLUMNS = ASSET, DATE, UNITS, PRICE = ("asset", "date", "units", "price")
BETWEEN, END = "\x1f", "\x1e"  # cells, and rows, of the lots of an account


def read_account_lots(path: Path, known: Mapping[str, object]) -> tuple[LotsFile, dict[str, str]]:
    """A file of tax lots, and the rows of each account as one text, which `rows_of` reads: they are many.

    known  : names of the accounts.
    Raises : DataError for a file that is no CSV in UTF-8; ConfigError for a column that is missing, and for rows of
             accounts that are not known.
    """
    text, found, points = read_text(path, MOST_BYTES), dict[str, str](), False
    rows = table_rows(text)
    _, columns = next(rows, (1, ()))
    faults = RowFaults(path, 1)
    for name in (ACCOUNT, *LOT_COLUMNS):
        if columns.count(name) != 1:
            fix = f"Begin the header with {', '.join((ACCOUNT, *LOT_COLUMNS))}."
            faults.add(name, "missing column" if name not in columns else "two columns of one name", columns, fix)
    if faults.found:
        raise ConfigError(all_mistakes(path.name, faults.found))
    for number, cells in rows:
        by_column = dict(zip(columns, cells, strict=False))
        account, lot = by_column[ACCOUNT], [by_column.get(name, "") for name in LOT_COLUMNS]
        if account not in known:
            of_row = RowFaults(path, number)
            of_row.add(ACCOUNT, "no account of the file of accounts", account, did_you_mean(account, known))
            of_row.end()
        points = points or any("." in cell and decimal_signs([cell])[0] == {"."} for cell in lot[2:])
        found[account] = found.get(account, "") + BETWEEN.join([str(number), *lot]) + END
    return LotsFile(path, columns, points), found


def rows_of(text: str) -> list[Row]:
    """The rows of an account's lots: number in the file, and asset, date, units and price."""
    each = (row.split(BETWEEN) for row in text.split(END)[:-1])
    return [(int(number), tuple(cells)) for number, *cells in each]


def lots_of_account(
    file: LotsFile, rows: Sequence[Row], portfolio: Portfolio, units: Array
) -> tuple[tuple[tuple[TaxLot, ...], ...], list[InputFault]]:
    """(n,) the lots of each asset of an account, and the faults of their rows.

    rows      : as `rows_of` gives them.
    portfolio : the account's model.
    units     : (n,) units held, to which the lots of an asset sum where it has any.
    """
    assets, lots, faults = portfolio.market.assets, dict[str, list[TaxLot]](), list[InputFault]()
    last = trade_day(portfolio.market, portfolio.given_prices)
    for number, cells in rows:
        of_row, (asset, date, amount, price) = RowFaults(file.path, number, file), cells
        day, count, paid = of_row.day(DATE, date), of_row.number(UNITS, amount), of_row.number(PRICE, price)
        if asset not in assets:
            of_row.add(ASSET, "no asset of the account's model", asset, did_you_mean(asset, assets))
        if not date:
            of_row.add(DATE, "no date", date, "Write the day of the purchase as YYYY-MM-DD.")
        elif day is not None and day > last:
            of_row.add(DATE, AFTER_PRICES, date, f"Give the day of the purchase, not after {last:%Y-%m-%d}.")
        if not (of_row.found or count > 0.0):
            of_row.add(UNITS, "a lot without units", amount, "Leave out what is sold.")
        if day is not None and not of_row.found:
            lots.setdefault(asset, []).append(TaxLot(day, count, paid))
        faults += of_row.found
    for asset, own in lots.items() if not faults else ():
        held, stated = float(units[assets.index(asset)]), [lot.units for lot in own]
        if (by := lots_factor(stated, held)) is None:
            at = RowFaults(file.path, next(number for number, cells in rows if cells[0] == asset), file)
            what = f"the lots of {asset} sum to {sum(stated):.10g} units, and the account holds {held:.10g}"
            at.add(UNITS, what, cut(", ".join(f"{each:.10g}" for each in stated)), "Correct the lots, or the units.")
            faults += at.found
        else:
            lots[asset] = [TaxLot(lot.date, lot.units * by, lot.price) for lot in own]
    return tuple(tuple(lots.get(asset, ())) for asset in assets), faults
