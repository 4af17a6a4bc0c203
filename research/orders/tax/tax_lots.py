"""The tax lots that the orders of a list sell, the gains by term, and the losses that a wash sale disallows.

Gains are before the costs of trading, as in backtests. A loss counts at the rate of its term: it saves that much tax
where there are gains of the same term to set it against.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import pandas as pd

from foundation.arrays import Array
from research.accounting.sale_tax import SaleTax
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules

ROUNDING = 1e-9  # of an order: a lot of which less is left has been sold


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
    def realised(self) -> float:
        """The gain, or the loss that is allowed, currency."""
        return self.gain + self.disallowed

    @classmethod
    def of(cls, lot: TaxLot, units: float, price: float, day: pd.Timestamp, rules: TaxRules) -> "LotSale":
        """The sale of units of a lot on a day, without the part of a loss that is disallowed."""
        return cls(lot, units, price, rules.is_long(lot.date, day))

    def tax(self, rules: TaxRules) -> float:
        """Tax at the rate of its term, currency; a loss saves tax, and the tax is negative."""
        return self.realised * (rules.rate if self.long else rules.short_rate)


@dataclass(frozen=True, eq=False)
class AccountOrders:
    """The orders of one account.

    account : its name, "" where the portfolio has no accounts.
    taxable : true if its gains are taxed.
    held    : (n,) units before.
    units   : (n,) signed units of the orders, buys positive.
    prices  : (n,) price of a unit in its own orders, currency, or None for that of all accounts.
    """

    account: str
    taxable: bool
    held: Array
    units: Array
    prices: Array | None = None


@dataclass(frozen=True)
class TradedLots:
    """The effect of orders on the lots of a portfolio.

    sales     : (n,) sales of each asset, by account; () for an asset that is not sold, or whose lots are not known.
    lots      : (n,) lots of each asset in taxable accounts after the orders.
    sheltered : (n,) likewise, in sheltered accounts.
    """

    sales: tuple[tuple[LotSale, ...], ...]
    lots: tuple[tuple[TaxLot, ...], ...]
    sheltered: tuple[tuple[TaxLot, ...], ...] = ()

    @property
    def at_loss(self) -> list[bool]:
        """(n,) true for an asset of which a lot is sold at a loss."""
        return [any(sale.gain < 0.0 for sale in sales) for sales in self.sales]

    @property
    def net_gain(self) -> float:
        """Gains minus the losses that are allowed, currency."""
        return sum(sale.realised for sales in self.sales for sale in sales)


def in_order(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> tuple[TaxLot, ...]:
    """The lots of an asset in the order in which they are sold.

    lots  : lots of the asset in one account.
    price : price of the sale, currency per unit.
    day   : day of the sale.
    rules : `rules.lots` is "average": the first in are the first out, each at the mean cost of all; "highest": the
            highest cost first; "first": the first in are the first out; "tax_minimal": the least tax a unit first,
            which is the least tax for every number of units, since tax is linear in the units of a lot.
    Equal ones are sold in the order of their dates, then of the file.
    Source : average: 26 CFR 1.1012-1(e)(7), which sells the shares held longest first.
    """
    by_date = sorted(lots, key=lambda lot: lot.date)
    if rules.lots == "highest":
        return tuple(sorted(by_date, key=lambda lot: -lot.price))
    if rules.lots == "tax_minimal":
        return tuple(sorted(by_date, key=lambda lot: (LotSale.of(lot, 1.0, price, day, rules).tax(rules), -lot.price)))
    if rules.lots == "average" and lots:
        units, prices = (np.array([getattr(lot, name) for lot in by_date]) for name in ("units", "price"))
        mean = float(units @ prices / units.sum())
        return tuple(replace(lot, price=mean) for lot in by_date)
    return tuple(by_date)


def in_each_account(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> tuple[TaxLot, ...]:
    """The lots of an asset in all accounts, one account after the other, each `in_order`."""
    accounts = dict.fromkeys(lot.account for lot in lots)
    of_accounts = ([lot for lot in lots if lot.account == account] for account in accounts)
    return tuple(lot for some in of_accounts for lot in in_order(some, price, day, rules))


def sale_tax(portfolio: Portfolio, prices: Array, nav: float) -> SaleTax:
    """The tax on sales on the day of trade by lot, as a policy sees it. portfolio : one with lots.

    Of assets in several accounts, one account after the other, and last, without tax, what has no lots. Losses of wash
    sales count like others; what was realised this year is not known.
    prices : (n,) currency per unit.
    nav    : currency.
    """
    tax, day = portfolio.tax_lots, portfolio.trade_day
    assert tax is not None
    sizes, rates, gains = np.zeros((3, len(prices), max(map(len, tax.lots)) + 1))
    for i, (lots, price) in enumerate(zip(tax.lots, prices.tolist(), strict=True)):
        for k, lot in enumerate(in_each_account(lots, price, day, tax.rules)):
            sizes[i, k] = lot.units * price / nav
            sale = LotSale.of(lot, 1.0, price, day, tax.rules)
            rates[i, k], gains[i, k] = sale.tax(tax.rules) / price, sale.gain / price
    sizes[:, -1] = np.maximum(portfolio.weights - sizes.sum(axis=1), 0.0)
    return SaleTax(sizes, rates, 0.0, gains, tax.rules.rate)


def sell(
    lots: Sequence[TaxLot], units: float, price: float, day: pd.Timestamp, rules: TaxRules
) -> tuple[tuple[LotSale, ...], tuple[TaxLot, ...]]:
    """The sales of lots that make up one order, and the lots that remain, both in the order of sale.

    No loss is disallowed yet: see `wash`.
    lots  : lots of the asset in one account.
    units : number of units to be sold, at least 0 and at most those of the lots.
    price : price of the sale, currency per unit.
    day   : day of the sale.
    rules : rules that choose the lots.
    """
    sales, kept, left = [], [], units
    for lot in in_order(lots, price, day, rules):
        sold = min(left, lot.units)
        if sold > 0.0:
            sales.append(LotSale.of(lot, sold, price, day, rules))
        if lot.units - sold > ROUNDING * lot.units:
            kept.append(replace(lot, units=lot.units - sold))
        left -= sold
    return tuple(sales), tuple(kept)


def wash(
    sales: Sequence[LotSale], kept: Sequence[TaxLot], day: pd.Timestamp, days: int, sheltered: Sequence[TaxLot] = ()
) -> tuple[tuple[LotSale, ...], tuple[TaxLot, ...]]:
    """The same sales with the losses that are disallowed, and the lots that remain with these added to their cost.

    A loss is disallowed for as many units as were bought within `days` before the sale and remain after it, in any
    account. What remains of the very purchase that is sold replaces nothing. Losses and purchases are matched in the
    order of their purchase, those of taxable accounts first on one day. The holding period of a lot that remains is not
    changed, and a loss that purchases of a sheltered account disallow is lost: no cost bears it.

    sales     : sales of one asset, on one day.
    kept      : lots of it that remain in taxable accounts.
    day       : day of the sales.
    days      : number of days of the wash sale rule; 0 for no disallowance.
    sheltered : lots of it that remain in sheltered accounts.
    Source : 26 USC 1091(a), (c), (d); 26 CFR 1.1091-1; IRS Publication 550, Wash Sales; the remainder of a purchase:
             Rev. Rul. 56-602, 1956-2 C.B. 527; sheltered accounts: Rev. Rul. 2008-5, 2008-3 I.R.B. 271.
    """
    losses = sorted((k for k, sale in enumerate(sales) if sale.gain < 0.0), key=lambda k: sales[k].lot.date)
    bought = [*kept, *sheltered]
    recent = sorted((k for k, lot in enumerate(bought) if (day - lot.date).days <= days), key=lambda k: bought[k].date)
    if not days or not losses or not recent:
        return tuple(sales), tuple(kept)
    open_units = {k: sales[k].units for k in losses}
    disallowed = dict.fromkeys(losses, 0.0)
    parts: dict[int, list[TaxLot]] = {}
    for k in recent:
        parts[k], free = [], bought[k].units
        for loss in losses:
            matched = 0.0 if _one_purchase(sales[loss].lot, bought[k]) else min(free, open_units[loss])
            if matched > 0.0:
                a_unit = sales[loss].lot.price - sales[loss].price
                disallowed[loss] += matched * a_unit
                parts[k].append(replace(bought[k], units=matched, price=bought[k].price + a_unit))
                open_units[loss] -= matched
                free -= matched
        if free > ROUNDING * bought[k].units:
            parts[k].append(replace(bought[k], units=free))
    adjusted = tuple(replace(sale, disallowed=disallowed.get(k, 0.0)) for k, sale in enumerate(sales))
    return adjusted, tuple(lot for k, whole in enumerate(kept) for lot in parts.get(k, [whole]))


def trade_lots(tax: TaxLots, orders: Sequence[AccountOrders], prices: Array, day: pd.Timestamp) -> TradedLots:
    """The sales of lots by orders, and the lots after them: a buy is a new lot at its price.

    Each account sells its own lots. The lots of an asset in an account stay unknown where they are not known and the
    account holds the asset.
    tax    : lots before the orders.
    orders : orders of each account.
    prices : (n,) currency per unit.
    day    : day of the orders.
    """
    found = [_traded_line(tax, i, orders, float(price), day) for i, price in enumerate(prices)]
    sales, lots, sheltered = zip(*found, strict=True)
    return TradedLots(sales, lots, sheltered)


def _traded_line(
    tax: TaxLots, i: int, orders: Sequence[AccountOrders], price: float, day: pd.Timestamp
) -> tuple[tuple[LotSale, ...], tuple[TaxLot, ...], tuple[TaxLot, ...]]:
    """The sales of asset `i`, and its lots in taxable and in sheltered accounts after them."""
    sales: list[LotSale] = []
    after: dict[bool, list[TaxLot]] = {True: [], False: []}
    for each in orders:
        held, units = float(each.held[i]), float(each.units[i])
        at = price if each.prices is None else float(each.prices[i])
        lots = tuple(lot for lot in (tax.lots if each.taxable else tax.sheltered)[i] if lot.account == each.account)
        if units < 0.0 and each.taxable and lots:
            sold, lots = sell(lots, -units, at, day, tax.rules)
            sales += sold
        elif units < 0.0 and lots:
            lots = _newest(lots, held + units)
        elif units > 0.0 and (lots or held == 0.0 or not each.taxable):
            lots = (*lots, TaxLot(day, units, at, each.account))
        after[each.taxable] += lots
    return *wash(sales, after[True], day, tax.rules.wash_sale_days, after[False]), tuple(after[False])


def _newest(lots: Sequence[TaxLot], units: float) -> tuple[TaxLot, ...]:
    """The last purchases, which are at most so many units: the first in are the first out."""
    kept: list[TaxLot] = []
    for lot in sorted(lots, key=lambda lot: lot.date, reverse=True):
        left = min(lot.units, units - sum(one.units for one in kept))
        kept += [replace(lot, units=left)] if left > ROUNDING * lot.units else []
    return tuple(reversed(kept))


def _one_purchase(sold: TaxLot, kept: TaxLot) -> bool:
    """True if two lots are parts of one purchase."""
    return (sold.date, sold.price, sold.account) == (kept.date, kept.price, kept.account)


def after_sales(tax: TaxLots, traded: TradedLots, assets: Sequence[str], day: pd.Timestamp) -> TaxLots:
    """The lots after the orders, with the gains realised this year and the assets that they sold at a loss.

    tax    : lots before the orders.
    traded : effect of the orders.
    assets : (n,) names of the assets.
    day    : day of the orders.
    """
    rules = replace(tax.rules, realised=tax.rules.realised + traded.net_gain)
    lost = dict.fromkeys(compress(assets, traded.at_loss if rules.wash_sale_days else ()), day)
    return TaxLots(rules=rules, lots=traded.lots, sold_at_loss={**tax.sold_at_loss, **lost}, sheltered=traded.sheltered)


# -- purchases that a wash sale forbids --------------------------------------------------------------------------------


def wash_sale_locks(portfolio: Portfolio) -> Mapping[str, pd.Timestamp]:
    """The assets that are not bought on the day of trade, and the first day on which they may be bought again."""
    tax = portfolio.tax_lots
    if tax is None:
        return {}
    after = pd.Timedelta(days=tax.rules.wash_sale_days + 1)
    return {asset: day + after for asset, day in tax.sold_at_loss.items() if portfolio.trade_day < day + after}


def with_wash_sale_locks(portfolio: Portfolio, target: Array, weights: Array) -> tuple[Portfolio, Array]:
    """The portfolio and the target (n,) as its policy sees them: assets that were sold at a loss are not bought.

    Such an asset below its target is locked where it is, and what it lacks stays in cash; another is `sell_only`.
    target  : (n,) weights in force, fraction of NAV.
    weights : (n,) weights held, fraction of NAV.
    """
    locks, market = wash_sale_locks(portfolio), portfolio.market
    if not locks:
        return portfolio, target
    locked = np.array([asset in locks for asset in market.assets])
    below = locked & (weights < target)
    words = [
        word if not lock else "locked" if under or word in ("buy_only", "locked") else "sell_only"
        for word, lock, under in zip(market.trading, locked, below, strict=True)
    ]
    bound = replace(market, instruments=market.instruments.assign(trading=words))
    return replace(portfolio, market=bound), np.where(below, weights, target)


# -- losses that could be realised -------------------------------------------------------------------------------------


def harvestable(
    lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules, sheltered: Sequence[TaxLot] = ()
) -> tuple[LotSale, ...]:
    """The sales of all lots of an asset at a loss worth realising; () where what is allowed of it in all is not.

    lots      : lots of the asset in taxable accounts.
    price     : price at which they would be sold, currency per unit.
    day       : day of the sale.
    rules     : `rules.harvest` is the least loss of an asset, `rules.harvest_above` the least part of its cost that a
                lot must have lost.
    sheltered : lots of the asset in sheltered accounts.
    """
    if rules.harvest is None and rules.harvest_above is None:
        return ()
    lots, above = in_each_account(lots, price, day, rules), rules.harvest_above or 0.0
    lost = [lot.price - price > above * lot.price for lot in lots]
    sales = [LotSale.of(lot, lot.units, price, day, rules) for lot in compress(lots, lost)]
    kept = [lot for lot, at_loss in zip(lots, lost, strict=True) if not at_loss]
    sold, _ = wash(sales, kept, day, rules.wash_sale_days, sheltered)
    loss = -sum(sale.realised for sale in sold)
    return sold if loss > 0.0 and loss >= (rules.harvest or 0.0) else ()
