"""The lots that a sale takes, in the order in which it takes them, and those that remain."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import isclose
from typing import NamedTuple

import numpy as np
import pandas as pd

from research.accounting.lots.lot import LotSale, TaxLot, TaxRules

LEFT_OVER = 1e-9  # of an order: a lot of which less is left has been sold


def in_sale_order(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> tuple[TaxLot, ...]:
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
    at_cost = _at_cost(lots, rules)
    return tuple(at_cost[k] for k in _places(at_cost, price, day, rules))


def _at_cost(lots: Sequence[TaxLot], rules: TaxRules) -> Sequence[TaxLot]:
    """The lots with the price that counts as their cost: the mean of all, or their own."""
    if rules.lots != "average" or not lots:
        return lots
    by_date = sorted(lots, key=lambda lot: lot.date)
    units, prices = (np.array([getattr(lot, name) for lot in by_date]) for name in ("units", "price"))
    mean = float(units @ prices / units.sum())
    return [replace(lot, price=mean, borne=0.0) for lot in lots]


def _places(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> list[int]:
    """The places of lots in the order in which they are sold."""
    by_date = sorted(range(len(lots)), key=lambda k: lots[k].date)
    if rules.lots == "highest":
        return sorted(by_date, key=lambda k: -lots[k].price)
    if rules.lots == "tax_minimal":
        rates = [rules.rate if rules.is_long(lot.held_from, day) else rules.short_rate for lot in lots]
        taxes = [rate * (price - lot.price) for rate, lot in zip(rates, lots, strict=True)]
        return sorted(by_date, key=lambda k: (taxes[k], -lots[k].price))
    return by_date


def in_each_account(lots: Sequence[TaxLot], price: float, day: pd.Timestamp, rules: TaxRules) -> tuple[TaxLot, ...]:
    """The lots of an asset in all accounts, one account after the other, each `in_sale_order`."""
    accounts = dict.fromkeys(lot.account for lot in lots)
    of_accounts = ([lot for lot in lots if lot.account == account] for account in accounts)
    return tuple(lot for some in of_accounts for lot in in_sale_order(some, price, day, rules))


class NamedLot(NamedTuple):
    """Units of a lot that are named to be sold.  bought : day of the purchase.  price : currency per unit."""

    bought: date
    price: float
    units: float


def sell(
    lots: Sequence[TaxLot],
    units: float,
    price: float,
    day: pd.Timestamp,
    rules: TaxRules,
    named: Sequence[NamedLot] = (),
) -> tuple[tuple[LotSale, ...], tuple[TaxLot, ...]]:
    """The sales of lots that make up one order, in the order of sale, and the lots that remain, in that of `lots`.

    No loss is disallowed yet: see `wash`.
    lots  : lots of the asset in one account.
    units : number of units to be sold, at least 0 and at most those of the lots.
    price : price of the sale, currency per unit.
    day   : day of the sale.
    rules : rules that choose the lots.
    named : lots that are sold first, of whatever cost where none of their cost is left of their day; not where all lots
            count at their mean cost.
    """
    lots = _at_cost(lots, rules)
    sales, kept, left = [], list(lots), units

    def take(k: int, most: float) -> float:
        sold = min(most, kept[k].units)
        if sold > 0.0:
            sales.append(LotSale.of(lots[k], sold, price, day, rules))
            kept[k] = replace(kept[k], units=kept[k].units - sold)
        return max(sold, 0.0)

    for each in named if rules.lots != "average" else ():
        own = [k for k, lot in enumerate(lots) if lot.date.date() == each.bought]
        rest = min(each.units, left)
        left -= rest
        for k in sorted(own, key=lambda k: not isclose(lots[k].price, each.price, rel_tol=LEFT_OVER)):
            rest -= take(k, rest)
        left += rest
    for k in _places(lots, price, day, rules) if left > 0.0 else ():
        left -= take(k, left)
        if left <= 0.0:
            break
    return tuple(sales), tuple(of for of, lot in zip(kept, lots, strict=True) if of.units > LEFT_OVER * lot.units)


def newest(lots: Sequence[TaxLot], units: float) -> tuple[TaxLot, ...]:
    """The last purchases, which are at most so many units: the first in are the first out."""
    kept: list[TaxLot] = []
    for lot in reversed(sorted(lots, key=lambda lot: lot.date)):
        left = min(lot.units, units - sum(one.units for one in kept))
        kept += [replace(lot, units=left)] if left > LEFT_OVER * lot.units else []
    return tuple(reversed(kept))
