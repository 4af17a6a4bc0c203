"""The gain budget of a trade list, and the sells that are reduced so that net realised gains stay within it.

A list may realise the budget minus the gains of this year so far, and at least 0. Where the orders would
realise more, the units with the highest gain per currency sold are kept, until the rest is within the budget. Where
each asset sells its lots in the order of rising gains (highest cost first, average cost, and the least tax at one
rate), no other choice sells more in currency.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from foundation.arrays import Array
from research.accounting.lots.selection import in_each_account
from research.orders.lots.position import CENT, GainBudget, Position
from research.orders.lots.sizing import SizedOrders
from research.orders.tax.tax_lots import trade_lots
from research.portfolio import Portfolio, TaxLot, TaxRules

Steps = tuple[Array, Array]  # units sold so far, from 0, and the gains in them, currency, at the ends of lots


def within_gain_budget(
    portfolio: Portfolio, position: Position, sized: Callable[[Position], SizedOrders]
) -> SizedOrders:
    """The orders, sized again with their sells limited where they would realise more than the budget leaves.

    Losses of the orders count against their gains. Of a portfolio with accounts, the gains are those of the taxable
    ones. If the limited orders would realise fewer of them, so that the gains exceed the budget, they are sized once
    more with limits that count no losses, which no smaller orders exceed. Where several taxable accounts hold an asset,
    limits take it that the lots with the highest gains are sold first, whichever account has them. What sheltered
    accounts hold may be sold besides, unless the taxable ones would have to sell it for their cash.

    portfolio : portfolio with its lots; assets without lots are neither counted nor limited.
    position  : holdings before the orders.
    sized     : function of a position: its orders, divided over accounts where there are some.
    """
    tax, orders = portfolio.tax_lots, sized(position)
    if tax is None or tax.rules.gain_budget is None:
        return orders
    day = portfolio.trade_day
    budget = max(tax.rules.gain_budget - tax.rules.realised, 0.0)
    cents = CENT * len(position.units)  # a cent an asset for what rounding adds

    def net(orders: SizedOrders) -> float:
        return trade_lots(tax, orders.by_account, position.prices, day).net_gain

    if net(orders) <= budget:
        return orders
    steps = [
        gain_steps([(lot.units, price - lot.price) for lot in _worst_order(lots, price, day, tax.rules)])
        for lots, price in zip(tax.lots, position.prices.tolist(), strict=True)
    ]
    known = np.array([bool(lots) for lots in tax.lots])
    taxed = [each for each in orders.by_account if each.taxable]
    sells = np.where(known, sum((np.maximum(-each.units, 0.0) for each in taxed), np.zeros(len(known))), 0.0)
    losses = sum(gained(one, units) for one, units in zip(steps, sells, strict=True)) - net(orders)
    sheltered = position.units - sum((each.held for each in taxed), np.zeros(len(known)))

    def most_sold(gains: float, besides: Array | float) -> Array:
        caps = sell_caps(sells, steps, position.prices, max(gains - cents, 0.0))
        return np.where(known, besides + caps, np.inf)

    of_budget = GainBudget(
        now=max(tax.rules.gain_budget, tax.rules.realised),
        enough=tax.rules.realised + net(orders),
        most_sold=lambda other: most_sold(other - tax.rules.realised, 0.0),
    )
    for counted, besides in ((losses, sheltered), (0.0, sheltered), (0.0, 0.0)):
        orders = sized(replace(position, most_sold=most_sold(budget + counted, besides), gain_budget=of_budget))
        if net(orders) <= budget:
            break
    return orders


def _worst_order(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> tuple[TaxLot, ...]:
    """The lots of an asset as its account sells them; those of several accounts by falling gains."""
    ordered = in_each_account(lots, price, day, rules)
    several = len({lot.account for lot in lots}) > 1
    return tuple(sorted(ordered, key=lambda lot: lot.price)) if several else ordered


def gain_steps(lots: Sequence[tuple[float, float]]) -> Steps:
    """Units and gains at the ends of lots, in the order of sale; a lot at a loss adds no gain.

    lots : (units, gain per unit) of each, in the order of sale.
    """
    units = np.cumsum([0.0, *(units for units, _ in lots)])
    return units, np.cumsum([0.0, *(units * max(gain, 0.0) for units, gain in lots)])


def gained(steps: Steps, units: float) -> float:
    """The gains in the first `units` that are sold, currency."""
    return float(np.interp(units, *steps))


def sell_caps(sells: Array, steps: Sequence[Steps], prices: Array, room: float) -> Array:
    """(n,) the most units that each asset may sell, so that all gains together are at most `room`.

    The asset whose last units gain most per currency is reduced first. An asset may sell on, beyond its order, where
    that gains nothing.
    sells  : (n,) units of the sells, at least 0.
    steps  : (n,) `gain_steps` of each asset.
    prices : (n,) currency per unit.
    room   : currency, at least 0.
    """
    caps = sells.astype(float)
    excess = sum(gained(one, units) for one, units in zip(steps, caps, strict=True)) - room
    while excess > 0.0:
        found = [(*_steepest(one, units, price), i) for i, (one, units, price) in
                 enumerate(zip(steps, caps.tolist(), prices.tolist(), strict=True))]  # fmt: skip
        slope, start, i = max(found)
        if slope <= 0.0:
            break
        drop = gained(steps[i], caps[i]) - gained(steps[i], start)
        caps[i] = start if drop <= excess else _most(steps[i], gained(steps[i], caps[i]) - excess)
        excess -= drop
    return np.array([max(cap, _most(one, gained(one, cap))) for one, cap in zip(steps, caps.tolist(), strict=True)])


def _steepest(steps: Steps, units: float, price: float) -> tuple[float, float]:
    """The highest mean gain per currency of the last units before `units`, and where they begin."""
    starts = steps[0][steps[0] < units]
    if not len(starts):
        return 0.0, units
    slopes = (gained(steps, units) - np.interp(starts, *steps)) / ((units - starts) * price)
    best = int(np.argmax(slopes))
    return float(slopes[best]), float(starts[best])


def _most(steps: Steps, gain: float) -> float:
    """The most units whose gains are at most `gain`."""
    units, gains = steps
    k = int(np.searchsorted(gains, gain, side="right"))
    if k == len(gains):
        return float(units[-1])
    return float(units[k - 1] + (units[k] - units[k - 1]) * (gain - gains[k - 1]) / (gains[k] - gains[k - 1]))
