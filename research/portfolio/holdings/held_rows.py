"""Holdings by a broker's file of positions, or by a book: rows of assets and of cash."""

from datetime import date

from foundation.dataclasses import dataclass, field
from research.portfolio.holdings.blotter import summed

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
        return summed((row.asset, row.units) for row in self.held)

    @property
    def values(self) -> dict[str, float]:
        """The sum of the values of each asset whose rows all have one, in the currency of the asset."""
        without = {row.asset for row in self.held if row.value is None}
        return summed((row.asset, row.value or 0.0) for row in self.held if row.asset not in without)

    @property
    def accounts(self) -> tuple[str, ...]:
        """Names of the accounts in the order of the file."""
        rows: tuple[HeldRow | CashLine, ...] = (*self.held, *self.cash)
        return tuple(dict.fromkeys(row.account for row in rows if row.account))

    @property
    def balances(self) -> dict[str, float] | None:
        """The cash of all accounts by currency, or None where the file has no row of cash."""
        return summed((row.currency, row.amount) for row in self.cash) or None


def rounding_of(positions: Positions | None) -> float:
    """The amount of cash below zero that is no debt: less than a cent a row, which rounding leaves."""
    return 0.0 if positions is None else ROW_ROUNDING * (len(positions.held) + len(positions.cash))
