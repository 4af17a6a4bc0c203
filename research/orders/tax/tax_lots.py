"""The tax lots that the orders of a list sell, the gains by term, and the losses that a wash sale disallows.

Gains are before the costs of trading, as in backtests. A loss counts at the rate of its term: it saves that much tax
where there are gains of the same term to set it against.
"""

from collections.abc import Mapping, Sequence
from itertools import compress

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.accounting.lots.lot import LotSale, TaxLot, TaxLots, TaxRules
from research.accounting.lots.selection import in_each_account, newest, sell
from research.accounting.lots.wash_sales import wash
from research.accounting.sale_tax import SaleTax
from research.portfolio import Portfolio


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
        return [any(sale.is_loss for sale in sales) for sales in self.sales]

    @property
    def net_gain(self) -> float:
        """Gains minus the losses that are allowed, currency."""
        return sum(sale.realised for sales in self.sales for sale in sales)


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
            lots = newest(lots, held + units)
        elif units > 0.0 and (lots or held == 0.0 or not each.taxable):
            lots = (*lots, TaxLot(day, units, at, each.account))
        after[each.taxable] += lots
    return wash(sales, after[True], day, tax.rules.wash_sale_days, after[False])


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


def harvestable_sales(
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
    sold, _, _ = wash(sales, kept, day, rules.wash_sale_days, sheltered)
    loss = -sum(sale.realised for sale in sold)
    return sold if loss > 0.0 and loss >= (rules.harvest or 0.0) else ()
