"""Holdings by a broker's file of positions, or by a book: rows of assets and of cash."""

from dataclasses import dataclass, field
from datetime import date

ROW_ROUNDING = 0.01  # by which each row may be rounded


@dataclass(frozen=True)
class HeldRow:
    """One row of a file that is a holding.

    asset   : asset of the portfolio.
    account : as the file names it, "" where it names none.
    units   : zero or above.
    value   : value in the currency of the asset, or None where the file has none.
    price   : likewise, per unit, or None.
    row     : line of the file, from 1.
    fx_rate : value of one unit of that currency in the basis by the file, or None.
    """

    asset: str
    account: str
    units: float
    value: float | None
    price: float | None
    row: int
    fx_rate: float | None = None


@dataclass(frozen=True)
class CashLine:
    """One row of a file that is cash: its symbol, its account, amount and currency, and line of the file."""

    symbol: str
    account: str
    amount: float
    currency: str
    row: int


@dataclass(frozen=True)
class Positions:
    """The holdings in a broker's file.

    file  : its name.
    held  : rows of assets of the portfolio, those of zero units too.
    cash  : rows of cash.
    notes : items that were added, taken for cash, or left aside, in sentences.
    days  : the days that it may be of by the words around its tables.
    """

    file: str
    held: tuple[HeldRow, ...]
    cash: tuple[CashLine, ...]
    notes: tuple[str, ...] = field(repr=False)
    days: tuple[date, ...] = ()

    @property
    def units(self) -> dict[str, float]:
        """The units of all accounts by asset; an asset without a row is not in it."""
        units: dict[str, float] = {}
        for row in self.held:
            units[row.asset] = units.get(row.asset, 0.0) + row.units
        return units

    @property
    def values(self) -> dict[str, float]:
        """The sum of the values of each asset whose rows all have one, in the currency of the asset."""
        without = {row.asset for row in self.held if row.value is None}
        values: dict[str, float] = {}
        for row in self.held:
            if row.value is not None and row.asset not in without:
                values[row.asset] = values.get(row.asset, 0.0) + row.value
        return values

    @property
    def accounts(self) -> tuple[str, ...]:
        """Names of the accounts in the order of the file."""
        named = [row.account for row in self.held] + [row.account for row in self.cash]
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def balances(self) -> dict[str, float] | None:
        """The cash of all accounts by currency, or None where the file has no row of cash."""
        found: dict[str, float] = {}
        for row in self.cash:
            found[row.currency] = found.get(row.currency, 0.0) + row.amount
        return found or None


def rounding_of(positions: Positions | None) -> float:
    """The amount of cash below zero that is no debt: less than a cent a row, which rounding leaves."""
    return 0.0 if positions is None else ROW_ROUNDING * (len(positions.held) + len(positions.cash))
