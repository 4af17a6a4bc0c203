"""The self-financing step where all costs are proportional, asset by asset: for one portfolio, and for many at once.

Each function takes numbers of one asset: floats, or registers of neighbouring portfolios (`foundation.compiled.simd`).
The step of one portfolio (`self_financing`) and that of a batch call them in the same order, and so come to the same
bits. A further proportional cost changes every function of this file, those of `self_financing` that write charges, and
the rates of `backtests.batch`.
"""

from typing import NamedTuple, TypeAlias

from foundation.compiled import inlined
from foundation.compiled.simd import Number, magnitude, where
from foundation.tolerances import WEIGHT

Rates: TypeAlias = tuple[Number, Number]  # a side, fraction of the notional: those of COMMISSION and HALF_SPREAD


class Taken(NamedTuple):
    """Sums over the assets of a portfolio so far.

    kept : value of those that keep their units, currency.  share : fraction of NAV in the others and in cash.
    marginal : highest cost of the next unit of it.  moved : 1 where an asset moves, else 0.
    """

    kept: Number
    share: Number
    marginal: Number
    moved: Number


@inlined
def with_line(taken: Taken, goal: Number, held: Number, value: Number, rates: Rates) -> Taken:
    """The sums with one more asset.

    taken : sums over the assets before.
    goal  : weight asked for, fraction of NAV; equal to `held` where the asset keeps its units.
    held  : weight held, fraction of NAV.
    value : value held, currency.
    rates : a side, fraction of the notional.
    """
    stays = goal == held
    size = where(stays, 0.0, magnitude(goal))
    return Taken(
        taken.kept + where(stays, value, 0.0),
        taken.share - where(stays, held, 0.0),
        taken.marginal + rates[0] * size + rates[1] * size,
        where(stays, taken.moved, 1.0),
    )


@inlined
def kept_and_share(kept: Number, share: Number) -> tuple[Number, Number]:
    """(kept, share), or (0, 1) where assets that keep their units are worth all wealth: cash pays for the others."""
    full = share <= WEIGHT
    return where(full, 0.0, kept), where(full, 1.0, share)


@inlined
def with_cost(
    gap: Number, slope: Number, goal: Number, held: Number, value: Number, rates: Rates, scale: Number
) -> tuple[Number, Number]:
    """(gap, slope): wealth used beyond NAV where goals are scaled by `scale`, and its slope, with one asset more.

    gap   : wealth beyond NAV used by the assets before, currency.
    slope : its slope over the assets before, fraction of NAV.
    goal  : weight asked for, fraction of NAV; equal to `held` where the asset keeps its units.
    held  : weight held, fraction of NAV.
    value : value held, currency.
    rates : a side, fraction of the notional.
    scale : wealth after costs, currency.
    """
    rate = where(goal == held, 0.0, rates[0] + rates[1])
    trade, change = goal * scale - value, rate * goal
    return gap + rate * magnitude(trade), where(trade > 0.0, slope + change, slope - change)


@inlined
def trade_of(goal: Number, held: Number, value: Number, scale: Number) -> tuple[Number, Number]:
    """(trade, value after it) of an asset, currency.

    goal  : weight asked for, fraction of NAV; equal to `held` where the asset keeps its units.
    held  : weight held, fraction of NAV.
    value : value held, currency.
    scale : wealth after costs, currency.
    """
    after = where(goal == held, value, goal * scale)
    return after - value, after


@inlined
def charges_of(trade: Number, rates: Rates) -> Rates:
    """Charges of a trade of one asset, currency, by the kind of cost."""
    size = magnitude(trade)
    return rates[0] * size, rates[1] * size


@inlined
def paid_for(cash: Number, paid: Number, trade: Number, charges: Rates) -> tuple[Number, Number]:
    """(cash, charges so far) after a trade of an asset and its charges, currency.

    cash    : cash before it, currency.
    paid    : charges before it, currency.
    trade   : currency, a purchase positive.
    charges : charges of the trade, currency, by the kind of cost.
    """
    return cash - trade - charges[0] - charges[1], paid + charges[0] + charges[1]
