"""Fills of the orders of a list, at its own prices and costs or others."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from research.accounting.costs import CHARGED
from research.orders import TradeList
from research.orders.fills import Fill

FRIDAY = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)  # the session after the close of desks that are made by hand


def filled(
    listed: TradeList,
    part: Decimal | int = 1,
    *,
    of: Callable[[str], bool] = lambda asset: True,
    moment: datetime = FRIDAY,
    fees: bool = True,
    name: str = "f",
) -> list[Fill]:
    """The first part of each order of a list, in whole lots, at its price, with that part of its costs.

    part : fraction of each order.
    of   : the assets that are filled.
    fees : false for fills that cost nothing.
    name : begins the ids of the fills.
    """
    sized, assets, found = listed.sized, listed.portfolio.market.assets, []
    numbers = [account.number for account in listed.portfolio.accounts] or [""]
    for k, (a, i) in enumerate(sized.rows()):
        order = listed.sent().blotter.orders[k]  # type: ignore[union-attr]
        lot = Decimal(repr(float(sized.position.lots[i])))
        quantity = order.quantity * part // lot * lot if part < 1 else order.quantity
        if quantity <= 0 or not of(assets[i]):
            continue
        price = Decimal(1) if order.price is None else Decimal(repr(order.price))
        of_cost = Decimal(repr(float(quantity / order.quantity)))
        costs = sized.each_charges[a, :, i].tolist()
        paid = {name: Decimal(repr(costs[k])) * of_cost for k, name in enumerate(CHARGED)} if fees else {}
        currency = listed.portfolio.quoted_in[i] if listed.portfolio.currencies else listed.portfolio.basis
        about = (assets[i], order.side, quantity, price, currency, moment, f"{name}{k}")
        found.append(Fill(*about, account=numbers[a], fees=paid))
    return found


def exchanged(listed: TradeList, moment: datetime = FRIDAY) -> list[Fill]:
    """Each exchange of money of a list, filled at its own rate."""
    exchanges, basis = () if listed.money is None else listed.money.exchanges, listed.portfolio.basis
    return [
        Fill(x.currency, x.side, x.amount, x.basis_amount / x.amount, basis, moment, f"fx{k}", account=x.account)
        for k, x in enumerate(exchanges)
    ]
