"""The tax lots of a portfolio, the rules by which its sales are taxed, and the sale of units of one lot."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from foundation.dataclasses import dataclass, field, replace
from research.accounting.tax import CALENDAR_YEAR, LongAfter, first_long_day
from research.accounting.tax import Lots as Method

HALF_A_CENT = 0.005  # currency, below which a gain is rounding
KNOWN_DAYS = 10_000  # for which days are kept once they are reckoned: each sale asks for those of all its lots


@dataclass(frozen=True)
class TaxLot:
    """Units of an asset that were bought together.

    date  : date of the purchase.
    units : number of units that are left of it.
    price : price paid, currency per unit.
    account : account that holds them, "" where the portfolio has no accounts.
    tacked : days that their holding period has from units sold at a loss which they replaced (26 USC 1223(3)), or None
             where they replaced none.
    borne  : loss of those units in the price, currency per unit.
    """

    date: pd.Timestamp
    units: float
    price: float
    account: str = ""
    tacked: int | None = None
    borne: float = 0.0

    @property
    def held_from(self) -> pd.Timestamp:
        """The day from which their holding period counts."""
        return _days_before(self.date, self.tacked) if self.tacked else self.date

    def split(self, by: float) -> "TaxLot":
        """The lot after a split. by : units after for one before."""
        return replace(self, units=self.units * by, price=self.price / by, borne=self.borne / by)


@dataclass(frozen=True)
class TaxRules:
    """The taxation of the sales of a trade list, and its limits.

    rate           : fraction of a long-term gain.
    short_rate     : fraction of a short-term gain.
    lots           : order in which lots are sold (`research.accounting.lots.selection.in_sale_order`).
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
        return sold >= _first_long_day(bought, self.long_after)


@dataclass(frozen=True)
class TaxLots:
    """The lots of a portfolio, and the rules by which they are sold.

    rules        : rules of tax.
    lots         : (n,) lots of each asset in taxable accounts; () where the file has none.
    sold_at_loss : asset -> day of its last sale at a loss, in any account.
    sheltered    : (n,) lots of each asset in sheltered accounts, by which a loss can be a wash sale; by default none.
    gains_before : by year, net gains before its book was opened.
    gains_since  : by year, those of the sales since.
    """

    rules: TaxRules
    lots: tuple[tuple[TaxLot, ...], ...]
    sold_at_loss: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    sheltered: tuple[tuple[TaxLot, ...], ...] = ()
    gains_before: Mapping[str, float] = field(default_factory=dict, compare=False)
    gains_since: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Give each asset its lots in sheltered accounts."""
        if not self.sheltered:
            object.__setattr__(self, "sheltered", ((),) * len(self.lots))

    @property
    def gains(self) -> dict[str, float]:
        """By year, net gains realised, currency."""
        years = sorted({*self.gains_before, *self.gains_since})
        return {year: self.gains_before.get(year, 0.0) + self.gains_since.get(year, 0.0) for year in years}


@dataclass(frozen=True)
class LotSale:
    """Units that are sold of one lot.

    lot        : lot that is sold, with the price that counts as its cost.
    units      : number of units of it that are sold.
    price      : price of the sale, currency per unit.
    long       : true if it is long-term.
    disallowed : part of its loss that a wash sale disallows, currency, at least 0.
    """

    lot: TaxLot
    units: float
    price: float
    long: bool
    disallowed: float = 0.0

    @property
    def gain(self) -> float:
        """Proceeds minus cost, currency."""
        return self.units * (self.price - self.lot.price)

    @property
    def is_loss(self) -> bool:
        """True for a loss that is more than rounding."""
        return self.gain <= -HALF_A_CENT

    @property
    def realised(self) -> float:
        """The gain, or the loss that is allowed, currency."""
        return self.gain + self.disallowed

    @classmethod
    def of(cls, lot: TaxLot, units: float, price: float, day: pd.Timestamp, rules: TaxRules) -> "LotSale":
        """The sale of units of a lot on a day, without the part of a loss that is disallowed."""
        return cls(lot, units, price, rules.is_long(lot.held_from, day))

    def tax(self, rules: TaxRules) -> float:
        """Tax at the rate of its term, currency; a loss saves tax, and the tax is negative."""
        return self.realised * (rules.rate if self.long else rules.short_rate)


@lru_cache(KNOWN_DAYS)
def _days_before(day: pd.Timestamp, days: int) -> pd.Timestamp:
    return day - pd.Timedelta(days=days)


@lru_cache(KNOWN_DAYS)
def _first_long_day(bought: pd.Timestamp, after: LongAfter) -> pd.Timestamp:
    return pd.Timestamp(first_long_day(np.datetime64(bought, "D"), after))
