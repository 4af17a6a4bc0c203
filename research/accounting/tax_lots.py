"""The lots that a sale takes, the gain it realises by term, and the tax on gains, compiled.

Long-term and short-term gains and losses are summed apart, each less the losses of its term that are carried. If one
sum is a loss, it is set against the other; what is left of it is carried on in its term. Without terms, all gains are
long-term. Source: 26 USC 1(h), 1212(b), 1222.
"""

from foundation.arrays import Array
from foundation.compiled import inlined, linked, on_demand
from research.accounting.cost_parameters import (
    AVERAGE,
    AVERAGE_FIRST_IN,
    HIGHEST,
    LONG,
    REALISED_LONG,
    REALISED_SHORT,
    SHORT,
    TAX,
    TAX_MINIMAL,
    YEAR_TAX,
    CostParameters,
    Lots,
)


@inlined
def is_taxed(cost_parameters: CostParameters) -> bool:
    """True if some gain is taxed."""
    return cost_parameters.tax > 0.0 or cost_parameters.short_tax > 0.0


@inlined
def _last_first(method: int) -> bool:
    """True if the next lot to be sold comes last."""
    return method in (HIGHEST, TAX_MINIMAL)


@inlined
def _place(lots: Lots, method: int, i: int, k: int) -> int:
    """Position of the lot of asset i that is sold after k others."""
    return lots.held[i] - 1 - k if _last_first(method) else k


@inlined
def has_terms(lots: Lots) -> bool:
    """True if the lots know from when on they are long-term."""
    return bool(lots.long_from.shape[1] > 0)


@inlined
def _is_short(lots: Lots, i: int, j: int, t: int) -> bool:
    """True if lot j of asset i is short-term at row t of the market."""
    return has_terms(lots) and bool(t < lots.long_from[i, j])


@inlined
def _put(lots: Lots, i: int, j: int, units: float, price: float, long_from: int) -> None:
    """Write lot j of asset i."""
    lots.units[i, j], lots.price[i, j] = units, price
    if has_terms(lots):
        lots.long_from[i, j] = long_from


@inlined
def _long_from(lots: Lots, i: int, j: int) -> int:
    """The row from which on lot j of asset i is long-term; 0 without terms."""
    first: int = lots.long_from[i, j] if has_terms(lots) else 0
    return first


@linked
def gain(lots: Lots, method: int, i: int, price: float, units: float, t: int) -> tuple[float, float, float, bool]:
    """The gains realised by selling `units` of asset i at `price`, by term.

    lots    : purchase prices of the holdings.
    method  : order in which units are sold.
    i       : number of the asset.
    price   : currency per unit.
    units   : number of units to be sold, at least 0.
    t       : row of the market.
    Returns : (long-term gain, short-term gain, the last unit's gain a price, whether that is short-term), currency.
    """
    left, long, short, last, last_short = units, 0.0, 0.0, 0.0, False
    for k in range(lots.held[i]):
        place = _place(lots, method, i, k)
        paid = lots.price[i, place]
        sold = min(left, lots.units[i, place])
        last, last_short = (price - paid) / price, _is_short(lots, i, place, t)
        if last_short:
            short += sold * (price - paid)
        else:
            long += sold * (price - paid)
        left -= sold
        if left <= 0.0:
            break
    return long, short, last, last_short


@linked
def cheapest_lot(lots: Lots, method: int, i: int, price: float) -> float:
    """The least that was paid for a unit of asset i, or `price` where that is less, currency per unit."""
    cheapest = price
    for j in range(min(lots.held[i], 1) if method == HIGHEST else lots.held[i]):
        cheapest = min(cheapest, lots.price[i, j])
    return cheapest


@linked
def put_in_order(lots: Lots, cost_parameters: CostParameters, i: int, price: float, t: int) -> None:
    """Bring the lots of asset i into the order in which a sale at `price` takes them, where that depends on the price.

    The lot of least tax a unit comes last, of equal ones that of the highest cost, then the first bought.
    lots            : written, if the least tax is sold first.
    cost_parameters : the rates.
    i               : number of the asset.
    price           : currency per unit.
    t               : row of the market.
    """
    if cost_parameters.method != TAX_MINIMAL:
        return
    for k in range(1, lots.held[i]):
        units, paid, first, j = lots.units[i, k], lots.price[i, k], _long_from(lots, i, k), k
        tax = (cost_parameters.short_tax if t < first else cost_parameters.tax) * (price - paid)
        while j > 0:
            before, first_before = lots.price[i, j - 1], _long_from(lots, i, j - 1)
            of_before = (cost_parameters.short_tax if t < first_before else cost_parameters.tax) * (price - before)
            if not _is_sold_after(tax, paid, first, of_before, before, first_before):
                break
            _put(lots, i, j, lots.units[i, j - 1], before, first_before)
            j -= 1
        _put(lots, i, j, units, paid, first)


@inlined
def _is_sold_after(tax: float, paid: float, first: int, other_tax: float, other_paid: float, other_first: int) -> bool:
    """True if the lot of `tax` a unit is sold after the other: by more tax, a lower price, or a later purchase."""
    if tax != other_tax:
        return tax > other_tax
    return paid < other_paid or (paid == other_paid and first > other_first)


@inlined
def net_tax(long: float, short: float, rate: float, short_rate: float) -> tuple[float, float, float]:
    """The tax on gains less losses of the two terms, and the marginal rates.

    long, short      : gains less losses, and less what is carried, currency.
    rate, short_rate : fraction of the gains of each term.
    Returns          : (tax in currency, marginal rate of long-term gains, of short-term ones).
    """
    total = long + short
    if total <= 0.0:
        return 0.0, 0.0, 0.0
    if long >= 0.0 and short >= 0.0:
        return rate * long + short_rate * short, rate, short_rate
    marginal = rate if long > 0.0 else short_rate
    return marginal * total, marginal, marginal


@inlined
def loss_left(of_term: float, total: float) -> float:
    """The loss of a term that is carried on, currency.  of_term : its gains less losses.  total : those of both."""
    return max(min(-of_term, -total), 0.0)


@linked
def capital_gains_tax(
    lots: Lots, cost_parameters: CostParameters, gains: Array, long: float, short: float, charges: Array
) -> float:
    """The tax on gains beyond the losses carried, spread over the assets that gained; carries the rest.

    lots            : their carried losses, and the sums of the year, are written.
    cost_parameters : the rates.
    gains           : (n,) realised on each asset, currency.
    long            : sum of the long-term gains less losses, currency.
    short           : likewise of the short-term ones.
    charges         : (columns, n) currency; the row of tax is written.
    Returns         : the tax, currency.
    """
    if not is_taxed(cost_parameters):
        return 0.0
    lots.year[REALISED_LONG] += long
    lots.year[REALISED_SHORT] += short
    long -= lots.carried[LONG]
    short -= lots.carried[SHORT]
    tax, _, _ = net_tax(long, short, cost_parameters.tax, cost_parameters.short_tax)
    lots.carried[LONG], lots.carried[SHORT] = loss_left(long, long + short), loss_left(short, long + short)
    if tax > 0.0:
        won = 0.0
        for i in range(len(gains)):
            won += max(gains[i], 0.0)
        for i in range(len(gains)):
            if gains[i] > 0.0:
                charges[TAX, i] = tax * (gains[i] / won)
    lots.year[YEAR_TAX] += tax
    return tax


@linked
def tax_return(lots: Lots, cost_parameters: CostParameters, loss_limit: float) -> float:
    """The tax of the year less what was charged on its sales, below 0 for a refund; begins the next year.

    The gains and losses of the whole year are set against each other, whatever their order. Of a loss that is left, up
    to `loss_limit` is deducted from other income at the short-term rate, short-term losses first; the rest is carried.
    lots            : their carried losses and the sums of the year are written.
    cost_parameters : the rates.
    loss_limit      : currency.
    Source          : 26 USC 1211(b), 1212(b).
    """
    long, short = lots.year[REALISED_LONG], lots.year[REALISED_SHORT]
    tax, _, _ = net_tax(long, short, cost_parameters.tax, cost_parameters.short_tax)
    left_long, left_short = loss_left(long, long + short), loss_left(short, long + short)
    of_short = min(left_short, loss_limit)
    of_long = min(left_long, loss_limit - of_short)
    settled: float = tax - lots.year[YEAR_TAX] - cost_parameters.short_tax * (of_short + of_long)
    lots.carried[LONG], lots.carried[SHORT] = left_long - of_long, left_short - of_short
    lots.year[REALISED_LONG], lots.year[REALISED_SHORT] = -lots.carried[LONG], -lots.carried[SHORT]
    lots.year[YEAR_TAX] = 0.0
    return settled


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
    if not _last_first(method) and empty > 0:
        for j in range(held - empty):
            k = j + empty
            _put(lots, i, j, lots.units[i, k], lots.price[i, k], _long_from(lots, i, k))


@linked
def buy_lot(lots: Lots, cost_parameters: CostParameters, i: int, price: float, units: float, t: int) -> None:
    """Add a lot to asset i at its place in the order; at average cost without terms it joins the one there is.

    lots            : purchase prices of the holdings; written.
    cost_parameters : the order in which units are sold, and the terms.
    i               : number of the asset.
    price           : price paid, currency per unit.
    units           : number of units bought; none at 0 or less.
    t               : row of the market.
    """
    if units <= 0.0:
        return
    j, method, lots.bought[i] = lots.held[i], cost_parameters.method, t
    long_from = cost_parameters.long_from[t] if has_terms(lots) else 0
    if method == AVERAGE and j > 0:
        total = lots.units[i, 0] + units
        lots.price[i, 0] += (price - lots.price[i, 0]) * (units / total)
        lots.units[i, 0] = total
    else:
        while method == HIGHEST and j > 0 and lots.price[i, j - 1] >= price:
            _put(lots, i, j, lots.units[i, j - 1], lots.price[i, j - 1], _long_from(lots, i, j - 1))
            j -= 1
        _put(lots, i, j, units, price, long_from)
        lots.held[i] += 1
        if method == AVERAGE_FIRST_IN and j > 0:
            _average(lots, i)


@linked
def harvestable(lots: Lots, i: int, price: float, above: float) -> tuple[float, float]:
    """(loss, units) of the lots of asset i that have lost more than a fraction of their cost, the loss in currency.

    price : currency per unit.
    above : the fraction.
    """
    loss, units = 0.0, 0.0
    for j in range(lots.held[i]):
        fall = lots.price[i, j] - price
        if fall > above * lots.price[i, j]:
            loss += lots.units[i, j] * fall
            units += lots.units[i, j]
    return loss, units


@linked
def harvest_lots(
    lots: Lots, cost_parameters: CostParameters, i: int, price: float, above: float, t: int
) -> tuple[float, float]:
    """Sell the `harvestable` lots of asset i, and buy as many units, as one lot; gives the gains by term, currency.

    lots            : written.
    cost_parameters : the order in which units are sold, and the terms.
    i               : number of the asset.
    price           : currency per unit.
    above           : fraction of its cost that a lot must have lost.
    t               : row of the market.
    """
    kept, units, long, short = 0, 0.0, 0.0, 0.0
    for j in range(lots.held[i]):
        of_lot, paid = lots.units[i, j], lots.price[i, j]
        if paid - price > above * paid:
            units += of_lot
            if _is_short(lots, i, j, t):
                short += of_lot * (price - paid)
            else:
                long += of_lot * (price - paid)
        else:
            _put(lots, i, kept, of_lot, paid, _long_from(lots, i, j))
            kept += 1
    lots.held[i] = kept
    buy_lot(lots, cost_parameters, i, price, units, t)
    return long, short


@linked
def _average(lots: Lots, i: int) -> None:
    """Give the lots of asset i, which all have the mean cost but for the last, the new mean."""
    last, total = lots.held[i] - 1, 0.0
    for j in range(last + 1):
        total += lots.units[i, j]
    mean = lots.price[i, 0] + (lots.price[i, last] - lots.price[i, 0]) * (lots.units[i, last] / total)
    for j in range(last + 1):
        lots.price[i, j] = mean


@on_demand
def copy_lots(of: Lots, into: Lots) -> None:
    """Write lots over others of the same capacity."""
    for i in range(len(of.held)):
        for k in range(of.held[i]):
            into.units[i, k], into.price[i, k] = of.units[i, k], of.price[i, k]
            if of.long_from.shape[1] > 0:
                into.long_from[i, k] = of.long_from[i, k]
        into.held[i], into.bought[i] = of.held[i], of.bought[i]
    for k in range(2):
        into.carried[k] = of.carried[k]
    for k in range(3):
        into.year[k] = of.year[k]
