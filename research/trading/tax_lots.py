"""Which tax lots the orders of a list sell, what is gained by term, which losses a wash sale disallows.

Gains are before the costs of trading, as in backtests. A loss counts at the rate of its term: it saves that much tax
where there are gains of the same term to set it against.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from research.arrays import Array
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules

ROUNDING = 1e-9  # of an order: a lot of which less is left has been sold
RESTRICTED = {"": "sell_only", "sell_only": "sell_only", "buy_only": "locked", "locked": "locked"}


@dataclass(frozen=True)
class LotSale:
    """Units that are sold of one lot.

    lot        : that is sold, with the price that counts as its cost.
    units      : of it that are sold.
    price      : of the sale, currency per unit.
    long       : is it long-term?
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

    def tax(self, rules: TaxRules) -> float:
        """At the rate of its term, currency; a loss saves tax, and the tax is negative."""
        return self.realised * (rules.rate if self.long else rules.short_rate)


@dataclass(frozen=True)
class TradedLots:
    """What orders do to the lots of a portfolio.

    sales : (n,) of each line; () for a line that is not sold, or whose lots are not known.
    lots  : (n,) of each line after the orders.
    """

    sales: tuple[tuple[LotSale, ...], ...]
    lots: tuple[tuple[TaxLot, ...], ...]

    @property
    def net_gain(self) -> float:
        """Gains minus the losses that are allowed, currency."""
        return sum(sale.realised for sales in self.sales for sale in sales)


def in_order(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> tuple[TaxLot, ...]:
    """The lots of a line in the order in which they are sold.

    lots  : of the line.
    price : of the sale, currency per unit.
    day   : of the sale.
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
        return tuple(sorted(by_date, key=lambda lot: (_sale(lot, 1.0, price, day, rules).tax(rules), -lot.price)))
    if rules.lots == "average" and lots:
        units, prices = (np.array([getattr(lot, name) for lot in by_date]) for name in ("units", "price"))
        mean = float(units @ prices / units.sum())
        return tuple(replace(lot, price=mean) for lot in by_date)
    return tuple(by_date)


def sell(
    lots: Sequence[TaxLot], units: float, price: float, day: pd.Timestamp, rules: TaxRules
) -> tuple[tuple[LotSale, ...], tuple[TaxLot, ...]]:
    """The sales of lots that make up one order, and the lots that remain, both in the order of sale.

    lots  : of the line.
    units : to be sold, at least 0 and at most those of the lots.
    price : of the sale, currency per unit.
    day   : of the sale.
    rules : by which lots are chosen, and losses disallowed.
    """
    sales, kept, left = [], [], units
    for lot in in_order(lots, price, day, rules):
        sold = min(left, lot.units)
        if sold > 0.0:
            sales.append(_sale(lot, sold, price, day, rules))
        if lot.units - sold > ROUNDING * lot.units:
            kept.append(replace(lot, units=lot.units - sold))
        left -= sold
    return wash(sales, kept, day, rules.wash_sale_days)


def wash(
    sales: Sequence[LotSale], kept: Sequence[TaxLot], day: pd.Timestamp, days: int
) -> tuple[tuple[LotSale, ...], tuple[TaxLot, ...]]:
    """The same sales with the losses that are disallowed, and the lots that remain with these added to their cost.

    A loss is disallowed for as many units as were bought within `days` before the sale and remain after it. Losses and
    purchases are matched in the order of their purchase. The holding period of a lot that remains is not changed.

    sales : of one line, on one day.
    kept  : lots of it that remain.
    day   : of the sales.
    days  : 0 for no disallowance.
    Source : 26 USC 1091(a), (c), (d); 26 CFR 1.1091-1; IRS Publication 550, Wash Sales.
    """
    losses = sorted((k for k, sale in enumerate(sales) if sale.gain < 0.0), key=lambda k: sales[k].lot.date)
    recent = sorted((k for k, lot in enumerate(kept) if (day - lot.date).days <= days), key=lambda k: kept[k].date)
    if not days or not losses or not recent:
        return tuple(sales), tuple(kept)
    open_units = [sales[k].units for k in losses]
    disallowed = dict.fromkeys(losses, 0.0)
    parts: dict[int, list[TaxLot]] = {}
    for k in recent:
        parts[k], free = [], kept[k].units
        for position, loss in enumerate(losses):
            matched = min(free, open_units[position])
            if matched > 0.0:
                a_unit = sales[loss].lot.price - sales[loss].price
                disallowed[loss] += matched * a_unit
                parts[k].append(replace(kept[k], units=matched, price=kept[k].price + a_unit))
                open_units[position] -= matched
                free -= matched
        if free > ROUNDING * kept[k].units:
            parts[k].append(replace(kept[k], units=free))
    adjusted = tuple(replace(sale, disallowed=disallowed.get(k, 0.0)) for k, sale in enumerate(sales))
    return adjusted, tuple(lot for k, whole in enumerate(kept) for lot in parts.get(k, [whole]))


def trade_lots(tax: TaxLots, held: Array, units: Array, prices: Array, day: pd.Timestamp) -> TradedLots:
    """What orders sell of the lots, and the lots after them: a buy is a new lot at its price.

    The lots of a line stay unknown where they are not known and the line is held.
    tax    : the lots before.
    held   : (n,) units before.
    units  : (n,) signed units of the orders, buys positive.
    prices : (n,) currency per unit.
    day    : of the orders.
    """
    sales: list[tuple[LotSale, ...]] = []
    after: list[tuple[TaxLot, ...]] = []
    for i, lots in enumerate(tax.lots):
        sold: tuple[LotSale, ...] = ()
        if units[i] < 0.0 and lots:
            sold, lots = sell(lots, -float(units[i]), float(prices[i]), day, tax.rules)
        elif units[i] > 0.0 and (lots or held[i] == 0.0):
            lots = (*lots, TaxLot(day, float(units[i]), float(prices[i])))
        sales.append(sold)
        after.append(lots)
    return TradedLots(tuple(sales), tuple(after))


def after_sales(tax: TaxLots, traded: TradedLots, assets: Sequence[str], day: pd.Timestamp) -> TaxLots:
    """The lots after the orders, with what they realised this year and the lines that they sold at a loss.

    tax    : before.
    traded : what the orders did.
    assets : (n,) names of the lines.
    day    : of the orders.
    """
    at_loss = {
        asset: day
        for asset, sales in zip(assets, traded.sales, strict=True)
        if tax.rules.wash_sale_days and any(sale.gain < 0.0 for sale in sales)
    }
    return TaxLots(
        rules=replace(tax.rules, realised=tax.rules.realised + traded.net_gain),
        lots=traded.lots,
        sold_at_loss={**tax.sold_at_loss, **at_loss},
    )


# -- purchases that a wash sale forbids --------------------------------------------------------------------------------


def wash_sale_locks(portfolio: Portfolio) -> Mapping[str, pd.Timestamp]:
    """The lines that are not bought at the last close, and the first day on which they may be bought again."""
    tax = portfolio.tax_lots
    if tax is None:
        return {}
    window = pd.Timedelta(days=tax.rules.wash_sale_days)
    return {
        asset: day + window + pd.Timedelta(days=1)
        for asset, day in tax.sold_at_loss.items()
        if portfolio.date <= day + window
    }


def with_wash_sale_locks(portfolio: Portfolio) -> Portfolio:
    """The portfolio whose lines that were sold at a loss may not be bought: to its policy, they are `sell_only`."""
    locks, market = wash_sale_locks(portfolio), portfolio.market
    if not locks:
        return portfolio
    words = [RESTRICTED[word] if a in locks else word for a, word in zip(market.assets, market.trading, strict=True)]
    return replace(portfolio, market=replace(market, instruments=market.instruments.assign(trading=words)))


# -- losses that could be realised -------------------------------------------------------------------------------------


def harvestable(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> tuple[LotSale, ...]:
    """The sales of all lots of a line that are worth less than they cost; () where the loss allowed is not worth it.

    lots  : of the line.
    price : at which they would be sold, currency per unit.
    day   : of the sale.
    rules : `rules.harvest` is the least loss of a line that is worth realising.
    """
    lots = in_order(lots, price, day, rules)
    sales = [_sale(lot, lot.units, price, day, rules) for lot in lots if lot.price > price]
    sold, _ = wash(sales, [lot for lot in lots if lot.price <= price], day, rules.wash_sale_days)
    loss = -sum(sale.realised for sale in sold)
    return sold if rules.harvest is not None and loss > 0.0 and loss >= rules.harvest else ()


def _sale(lot: TaxLot, units: float, price: float, day: pd.Timestamp, rules: TaxRules) -> LotSale:
    return LotSale(lot, units, price, (day - lot.date).days > rules.long_after)
