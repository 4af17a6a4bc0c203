"""Which purchases a sale takes, what it gains, and the tax on gains, compiled."""

import numpy as np

from research.accounting.cost_parameters import AVERAGE, HIGHEST, TAX, Lots
from research.arrays import Array
from research.compiled import inlined, linked


@linked
def gain(lots: Lots, method: int, i: int, price: float, units: float) -> tuple[float, float]:
    """(currency, fraction): what selling `units` of line i at `price` realises, and its last unit's gain a price.

    lots   : what was paid for what is held.
    method : which units are sold first.
    i      : number of the line.
    price  : currency per unit.
    units  : to be sold, at least 0.
    """
    left, total, last = units, 0.0, 0.0
    bound = np.inf  # of the lots already sold, when the dearest go first
    place = -1
    for _ in range(lots.held[i]):
        place = _next_lot(lots, method, i, bound, place)
        if place < 0:
            break
        bound = lots.price[i, place]
        sold = min(left, lots.units[i, place])
        total += sold * (price - bound)
        last = (price - bound) / price
        left -= sold
        if left <= 0.0:
            break
    return total, last


@inlined
def _next_lot(lots: Lots, method: int, i: int, bound: float, place: int) -> int:
    """The lot that is sold after `place`, whose price is `bound`; -1 when none is left. Equal prices: first in."""
    if method != HIGHEST:
        return place + 1 if place + 1 < lots.held[i] else -1
    best = -1
    for j in range(lots.held[i]):
        price = lots.price[i, j]
        after = price < bound or (price == bound and j > place)
        if after and (best < 0 or price > lots.price[i, best]):
            best = j
    return best


@linked
def capital_gains_tax(lots: Lots, rate: float, gains: Array, realised: float, won: float, charges: Array) -> float:
    """The tax on what was realised beyond the losses carried, spread over the lines that gained; carries the rest.

    lots     : their carried losses are written.
    rate     : fraction of the gains.
    gains    : (n,) realised on each line, currency.
    realised : sum of the gains less losses, currency.
    won      : sum of the gains above 0, currency.
    charges  : (columns, n) currency; the row of tax is written.
    Returns  : the tax, currency.
    """
    taxed = realised - lots.carried[0]
    if rate == 0.0:
        return 0.0
    lots.carried[0] = max(-taxed, 0.0)
    if taxed <= 0.0:
        return 0.0
    for i in range(len(gains)):
        if gains[i] > 0.0:
            charges[TAX, i] = rate * taxed * (gains[i] / won)
    tax: float = rate * taxed
    return tax


@linked
def sell_lots(lots: Lots, method: int, i: int, units: float) -> None:
    """Take units of line i out of its lots, in the order of the method; empty lots go, the others keep their order.

    lots   : what was paid for what is held; written.
    method : which units are sold first.
    i      : number of the line.
    units  : sold, at least 0.
    """
    left, bound, place = units, np.inf, -1
    for _ in range(lots.held[i]):
        place = _next_lot(lots, method, i, bound, place)
        if place < 0 or left <= 0.0:
            break
        bound = lots.price[i, place]
        sold = min(left, lots.units[i, place])
        lots.units[i, place] -= sold
        left -= sold
    kept = 0
    for j in range(lots.held[i]):
        if lots.units[i, j] > 0.0:
            lots.units[i, kept], lots.price[i, kept] = lots.units[i, j], lots.price[i, j]
            kept += 1
    lots.held[i] = kept


@linked
def buy_lot(lots: Lots, method: int, i: int, price: float, units: float) -> None:
    """Add a lot to line i; at average cost it joins the one there is.

    lots   : what was paid for what is held; written.
    method : which units are sold first.
    i      : number of the line.
    price  : paid, currency per unit.
    units  : bought; none at 0 or less.
    """
    if units <= 0.0:
        return
    j = lots.held[i]
    if method == AVERAGE and j > 0:
        total = lots.units[i, 0] + units
        lots.price[i, 0] += (price - lots.price[i, 0]) * (units / total)
        lots.units[i, 0] = total
    else:
        lots.units[i, j], lots.price[i, j] = units, price
        lots.held[i] = j + 1
