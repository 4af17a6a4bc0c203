"""Losses that purchases disallow, and the lots that bear them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from math import isclose

import pandas as pd

from research.accounting.lots.lot import LotSale, TaxLot
from research.accounting.lots.selection import LEFT_OVER


def wash(
    sales: Sequence[LotSale], kept: Sequence[TaxLot], day: pd.Timestamp, days: int, sheltered: Sequence[TaxLot] = ()
) -> tuple[tuple[LotSale, ...], tuple[TaxLot, ...], tuple[TaxLot, ...]]:
    """The same sales with the losses that are disallowed, and the lots that remain with these added to their cost.

    Returns the sales, the lots in taxable accounts, and those in sheltered ones.

    A loss is disallowed for as many units as were bought within `days` before the sale and remain after it, in any
    account. What remains of the very purchase that is sold replaces nothing, and neither does what has replaced other
    units before. Losses and purchases are matched in the order of their purchase, those of taxable accounts first on
    one day. The units that bear a loss have the holding period of those sold, too. A loss that purchases of a sheltered
    account disallow is lost: no cost bears it.

    sales     : sales of one asset, on one day.
    kept      : lots of it that remain in taxable accounts.
    day       : day of the sales.
    days      : number of days of the wash sale rule; 0 for no disallowance.
    sheltered : lots of it that remain in sheltered accounts.
    Source : 26 USC 1091(a), (c), (d), 1223(3); 26 CFR 1.1091-1(c), (d), (e); IRS Publication 550, Wash Sales; the
             remainder of a purchase: Rev. Rul. 56-602, 1956-2 C.B. 527; sheltered accounts: Rev. Rul. 2008-5, 2008-3
             I.R.B. 271.
    """
    losses = sorted((k for k, sale in enumerate(sales) if sale.is_loss), key=lambda k: sales[k].lot.date)
    bought = [*kept, *sheltered]
    since = day - pd.Timedelta(days=days)
    recent = [k for k, lot in enumerate(bought) if lot.tacked is None and lot.date >= since] if days and losses else []
    if not recent:
        return tuple(sales), tuple(kept), tuple(sheltered)
    open_units = {k: sales[k].units for k in losses}
    disallowed = dict.fromkeys(losses, 0.0)
    parts: dict[int, list[TaxLot]] = {}
    for k in sorted(recent, key=lambda k: bought[k].date):
        parts[k], free = [], bought[k].units
        for loss in losses:
            matched = 0.0 if _one_purchase(sales[loss].lot, bought[k]) else min(free, open_units[loss])
            if matched > 0.0:
                a_unit = sales[loss].lot.price - sales[loss].price
                disallowed[loss] += matched * a_unit
                borne = 0.0 if k >= len(kept) else a_unit
                parts[k].append(bears(bought[k], matched, borne, sales[loss], day))
                open_units[loss] -= matched
                free -= matched
        if free > LEFT_OVER * bought[k].units:
            parts[k].append(replace(bought[k], units=free))
    adjusted = tuple(replace(sale, disallowed=disallowed.get(k, 0.0)) for k, sale in enumerate(sales))
    after = [parts.get(k, [whole]) for k, whole in enumerate(bought)]
    taxable, apart = (tuple(chain.from_iterable(of)) for of in (after[: len(kept)], after[len(kept) :]))
    return adjusted, taxable, apart


def _one_purchase(sold: TaxLot, kept: TaxLot) -> bool:
    """True if two lots are parts of one purchase."""
    same = (sold.date, sold.account) == (kept.date, kept.account)
    return same and isclose(sold.price - sold.borne, kept.price - kept.borne, rel_tol=LEFT_OVER)


def bears(lot: TaxLot, units: float, borne: float, sale: LotSale, day: pd.Timestamp) -> TaxLot:
    """So many units of a lot that replace units sold at a loss, which their cost bears.

    borne : the loss, currency per unit; 0 in a sheltered account, whose costs count for nothing.
    sale  : the sale at a loss.
    day   : its day.
    """
    return replace(lot, units=units, price=lot.price + borne, borne=borne, tacked=(day - sale.lot.held_from).days)
