"""Orders that a person gives in place of a policy's: sent as they are, or refused with the limit that they break."""

from collections.abc import Iterator, Mapping

import numpy as np

from foundation.arguments import did_you_mean, refuse
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.paper.wording import percent
from foundation.tolerances import LOT, TRIGGER, WEIGHT
from research.orders.lots.lot_problem import clean
from research.orders.lots.order_limits import line_limits, sendable
from research.orders.lots.position import Position
from research.orders.lots.sizing import SizedOrders, cash_floor
from research.portfolio import Portfolio


def own_orders(portfolio: Portfolio, position: Position, given: Mapping[str, float], kept: float = 0.0) -> SizedOrders:
    """The orders that a person gives, within the limits that those of a policy keep.

    portfolio : portfolio before the orders.
    position  : position of the portfolio, with the limits of its orders.
    given     : signed units by asset, buys above zero.
    kept      : cash that stays, where that is more than the reserve, currency.
    Raises    : ConfigError for an asset that the portfolio does not have or that has no price, for a part of a lot, for
                a sale of more than is held, for orders that cash does not pay, and for those that break a limit.
    """
    units = units_of(portfolio, position, given)
    if not units.any():
        raise ConfigError("the orders have no units: give the units of at least one asset, sales below zero.")
    orders = as_given(position, units)
    for fault in limit_faults(portfolio, orders, kept):
        raise ConfigError(fault)
    return orders


def units_of(portfolio: Portfolio, position: Position, given: Mapping[str, float]) -> Array:
    """(n,) signed units of orders by asset, in whole lots. Raises ConfigError as `own_orders` does of single assets."""
    assets, units = portfolio.market.assets, np.zeros(len(position.units))
    for asset, wanted in given.items():
        if asset not in assets:
            refuse("orders has", asset, did_you_mean(asset, assets))
        i = assets.index(asset)
        lot, held = float(position.lots[i]), float(position.units[i])
        if not position.quoted[i]:
            raise ConfigError(
                f"{asset} has no price at the close of {portfolio.date:%Y-%m-%d}, and is not ordered by units: give "
                "one (`prices:` in the portfolio file), or leave its order out."
            )
        left, near = (
            held + wanted,
            LOT * lot + WEIGHT * abs(wanted),
        )  # a float of many lots is not a whole number of them
        if left < -near and portfolio.lower[i] >= 0.0:
            refuse(f"the order of {asset} is", wanted, f"{held:,.10g} units are held: sell at most these.")
        units[i] = -held if wanted < 0.0 and abs(left) <= near else clean(np.array(wanted), np.array(lot))
        if abs(units[i] - wanted) > near:
            refuse(f"the order of {asset} is", wanted, f"give a multiple of its lot, which is {lot:.10g} units.")
    return units


def as_given(position: Position, units: Array) -> SizedOrders:
    """Orders of signed units (n,) from a position, whatever its limits: their point is where they lead."""
    weights = SizedOrders(position, units, units, position.weights, position.weights).after.weights
    return SizedOrders(position, units, units, weights, weights)


def limit_faults(portfolio: Portfolio, orders: SizedOrders, kept: float = 0.0) -> list[str]:
    """A sentence for each limit that orders break, with how to mend it. kept : as of `own_orders`."""
    return [*_of_assets(portfolio, orders.position, orders.units), *_of_all(portfolio, orders, kept)]


def _of_assets(portfolio: Portfolio, position: Position, units: Array) -> Iterator[str]:
    """A sentence for each order that its asset's own limits do not let pass."""
    assets, file = portfolio.market.assets, portfolio.file
    for limit in line_limits(position):
        most = np.where(units > 0.0, limit.bought, limit.sold)
        for i in np.flatnonzero(np.abs(units) > most * (1.0 + WEIGHT) + LOT * position.lots):
            yield (
                f"the order of {assets[i]}, {units[i]:+,.10g} units, cannot be sent: {limit.name(assets[i], int(i))}. "
                f"Order less of it, leave it out, or change the limit in {file}."
            )
    for i in np.flatnonzero(~sendable(position, units, WEIGHT)):
        least, amount = float(position.least(units)[i]), abs(float(units[i] * position.prices[i]))
        yield (
            f"the order of {assets[i]}, {amount:,.2f} {portfolio.basis}, is below its smallest order of {least:,.2f} "
            f"{portfolio.basis}: order more of it, or leave it out."
        )


def _of_all(portfolio: Portfolio, orders: SizedOrders, kept: float) -> Iterator[str]:
    """A sentence for each limit over several assets that orders break."""
    position, units, basis, file = orders.position, orders.units, portfolio.basis, portfolio.file
    limits, nav, sent = position.limits, position.nav, int((orders.units != 0.0).sum())
    buys = ", ".join(np.array(portfolio.market.assets)[units > 0.0])
    if (short := position.short(units, cash_floor(position, position, kept, position.units + units))) > 0.0:
        yield (
            f"cash does not pay the orders{f' to buy {buys}' if buys else ''}: {short:,.2f} {basis} are missing, with "
            f"their costs, the reserve of {limits.stays(nav):,.2f} and prices worse by "
            f"{percent(limits.adverse_move, 2)}. Buy less, or sell more."
        )
    if limits.most is not None and sent > limits.most:
        yield f"there are {sent} orders, and {file} allows {limits.most}: leave some out, or raise `orders: most`."
    if limits.turnover is not None and (turnover := position.turnover(units)) > limits.turnover + WEIGHT:
        yield (
            f"the turnover of the orders is {percent(turnover, 2)} of NAV, and {file} allows "
            f"{percent(limits.turnover, 2)}: order less, or raise `orders: turnover`."
        )
    for limit in (each for each in limits.weights if each.binds):
        if limit.outside(orders.point) > max(limit.outside(position.weights), TRIGGER):
            at = f"{percent(limit.weight(orders.point), 2)} after the orders"
            yield f"the {limit.words} is broken, at {at}: change the orders, or widen the limit in {file}."


def check_all_sent(portfolio: Portfolio, left: Array, why: str) -> None:
    """Raise ConfigError where accounts do not send all of the orders. left : (n,) signed units that none sends."""
    for i in np.flatnonzero(left):
        asset = portfolio.market.assets[i]
        raise ConfigError(
            f"the accounts cannot send {abs(left[i]):,.10g} units of the order of {asset} ({why}): order less of it, "
            "or move cash or units between the accounts."
        )
