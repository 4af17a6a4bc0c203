"""The lots that a sale takes, the gain it realises, and the tax on gains, compiled."""

from foundation.arrays import Array
from foundation.compiled import inlined, linked
from research.accounting.cost_parameters import AVERAGE, HIGHEST, TAX, Lots


@inlined
def _place(lots: Lots, method: int, i: int, k: int) -> int:
    """Position of the lot of asset i that is sold after k others."""
    return lots.held[i] - 1 - k if method == HIGHEST else k


@linked
def gain(lots: Lots, method: int, i: int, price: float, units: float) -> tuple[float, float]:
    """(currency, fraction): gain realised by selling `units` of asset i at `price`, and its last unit's gain a price.

    lots   : purchase prices of the holdings.
    method : order in which units are sold.
    i      : number of the asset.
    price  : currency per unit.
    units  : number of units to be sold, at least 0.
    """
    left, total, last = units, 0.0, 0.0
    for k in range(lots.held[i]):
        place = _place(lots, method, i, k)
        paid = lots.price[i, place]
        sold = min(left, lots.units[i, place])
        total += sold * (price - paid)
        last = (price - paid) / price
        left -= sold
        if left <= 0.0:
            break
    return total, last


@linked
def cheapest_lot(lots: Lots, method: int, i: int, price: float) -> float:
    """The least that was paid for a unit of asset i, or `price` where that is less, currency per unit."""
    cheapest = price
    for j in range(min(lots.held[i], 1) if method == HIGHEST else lots.held[i]):
        cheapest = min(cheapest, lots.price[i, j])
    return cheapest


@linked
def capital_gains_tax(lots: Lots, rate: float, gains: Array, realised: float, won: float, charges: Array) -> float:
    """The tax on gains beyond the losses carried, spread over the assets that gained; carries the rest.

    lots     : their carried losses are written.
    rate     : fraction of the gains.
    gains    : (n,) realised on each asset, currency.
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
    """Take units of asset i out of its lots, in the order of the method; empty lots go, the others keep their order.

    lots   : purchase prices of the holdings; written.
    method : order in which units are sold.
    i      : number of the asset.
    units  : number of units sold, at least 0.
    """
    left, empty, held = units, 0, lots.held[i]
    while empty < held and left > 0.0:
        place = _place(lots, method, i, empty)
        sold = min(left, lots.units[i, place])
        lots.units[i, place] -= sold
        left -= sold
        if lots.units[i, place] > 0.0:
            break
        empty += 1
    lots.held[i] = held - empty
    if method != HIGHEST and empty > 0:
        for j in range(held - empty):
            lots.units[i, j], lots.price[i, j] = lots.units[i, j + empty], lots.price[i, j + empty]


@linked
def buy_lot(lots: Lots, method: int, i: int, price: float, units: float) -> None:
    """Add a lot to asset i at its place in the order; at average cost it joins the one there is.

    lots   : purchase prices of the holdings; written.
    method : order in which units are sold.
    i      : number of the asset.
    price  : price paid, currency per unit.
    units  : number of units bought; none at 0 or less.
    """
    if units <= 0.0:
        return
    j = lots.held[i]
    if method == AVERAGE and j > 0:
        total = lots.units[i, 0] + units
        lots.price[i, 0] += (price - lots.price[i, 0]) * (units / total)
        lots.units[i, 0] = total
    else:
        while method == HIGHEST and j > 0 and lots.price[i, j - 1] >= price:
            lots.units[i, j], lots.price[i, j] = lots.units[i, j - 1], lots.price[i, j - 1]
            j -= 1
        lots.units[i, j], lots.price[i, j] = units, price
        lots.held[i] += 1
