"""The tax lots of a portfolio, and the rules by which its trade lists are taxed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from research.accounting.tax import CALENDAR_YEAR, LongAfter, first_long_day
from research.accounting.tax import Lots as Method


@dataclass(frozen=True)
class TaxLot:
    """Units of an asset that were bought together.

    date  : date of the purchase.
    units : number of units that are left of it.
    price : price paid, currency per unit.
    account : account that holds them, "" where the portfolio has no accounts.
    """

    date: pd.Timestamp
    units: float
    price: float
    account: str = ""


@dataclass(frozen=True)
class TaxRules:
    """The taxation of the sales of a trade list, and its limits.

    rate           : fraction of a long-term gain.
    short_rate     : fraction of a short-term gain.
    lots           : order in which lots are sold (`research.orders.tax.tax_lots.in_order`).
    long_after     : "year", or days; a lot that was held for longer is long-term.
    gain_budget    : most net gains that may be realised in a year, currency, or None.
    realised       : net gains of this year so far, currency.
    wash_sale_days : days before and after a sale at a loss, within which a purchase disallows the loss; 0 for none.
    substitutes    : asset -> asset that may be bought in its place after a sale at a loss.
    harvest        : least loss of an asset that is worth realising, currency, or None.
    harvest_above  : fraction of its cost that a lot must have lost, or None; with either, losses are listed.
    """

    rate: float
    short_rate: float
    lots: Method = "average"
    long_after: LongAfter = CALENDAR_YEAR
    gain_budget: float | None = None
    realised: float = 0.0
    wash_sale_days: int = 0
    substitutes: Mapping[str, str] = field(default_factory=dict)
    harvest: float | None = None
    harvest_above: float | None = None

    def is_long(self, bought: pd.Timestamp, sold: pd.Timestamp) -> bool:
        """True if units that were bought on one day are long-term on another (`first_long_day`).

        >>> rules = TaxRules(rate=0.2, short_rate=0.37)
        >>> [rules.is_long(pd.Timestamp("2019-06-03"), pd.Timestamp(day)) for day in ("2020-06-03", "2020-06-04")]
        [False, True]
        """
        return bool(np.datetime64(sold, "D") >= first_long_day(np.datetime64(bought, "D"), self.long_after))


@dataclass(frozen=True)
class TaxLots:
    """The lots of a portfolio, and the rules by which they are sold.

    rules        : rules of tax.
    lots         : (n,) lots of each asset in taxable accounts; () where the file has none.
    sold_at_loss : asset -> day of its last sale at a loss, in any account.
    sheltered    : (n,) lots of each asset in sheltered accounts, by which a loss can be a wash sale; by default none.
    """

    rules: TaxRules
    lots: tuple[tuple[TaxLot, ...], ...]
    sold_at_loss: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    sheltered: tuple[tuple[TaxLot, ...], ...] = ()

    def __post_init__(self) -> None:
        """Give each asset its lots in sheltered accounts."""
        if not self.sheltered:
            object.__setattr__(self, "sheltered", ((),) * len(self.lots))
