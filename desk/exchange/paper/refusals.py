"""The refusals of the paper venue, each in a sentence: those that a venue would give."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain

from desk.exchange.paper.account import Account, FillEffect, Kind
from desk.exchange.paper.orders import DAY_ORDER, PaperOrder
from desk.exchange.paper.prices import Bar, Session
from research.portfolio.holdings.blotter import NO_AMOUNT
from research.portfolio.keys.ticket import LIMIT_ORDER, ORDER_TYPES, tick


def fault_of_order(order: PaperOrder, session: Session, account: Account, now: datetime) -> str:
    """The reason to refuse an order whatever it costs, in a sentence, or ""."""
    bar = session.bars.get(order.symbol, Bar())
    faults = chain(_of_session(order, session, account, now), _of_terms(order), _of_quantity(order, bar, account))
    return next(faults, "")


def _of_session(order: PaperOrder, session: Session, account: Account, now: datetime) -> Iterator[str]:
    """The exchange is closed, or does not trade the symbol, or in another currency; the account is further on."""
    if not session.is_open:
        yield f"{session.calendar} is closed on {session.day}: play a session, such as {session.expected}"
    if now > session.closes:
        yield f"{session.calendar} closed at {session.closes:%H:%M} UTC on {session.day}, and it is {now:%H:%M}"
    if account.last > str(session.day):
        yield f"account {account.name!r} has traded on {account.last}, after {session.day}: play a later session"
    if (bar := session.bars.get(order.symbol)) is None:
        if not order.is_exchange:
            yield f"symbol {order.symbol!r} is not known on {session.day} by {session.source}"
    elif bar.is_halted:
        yield f"{order.symbol} is halted on {session.day}"
    elif bar.close is None and not order.in_money:
        yield f"{order.symbol} has no price on {session.day}"
    elif bar.currency not in ("", order.currency):
        yield f"{order.symbol} is quoted in {bar.currency}, and the order is in {order.currency}"


def _of_terms(order: PaperOrder) -> Iterator[str]:
    """The type of the order, how long it is good, and its limit price."""
    limit = order.limit_price
    if order.order_type not in ORDER_TYPES:
        yield f"order type {order.order_type!r} is not known: it takes {', '.join(ORDER_TYPES)}"
    if order.time_in_force != DAY_ORDER:
        yield f"time in force {order.time_in_force!r} is not known: it takes {DAY_ORDER}"
    if (limit is None) == (order.order_type == LIMIT_ORDER):
        yield f"an order of type {order.order_type} has a limit price of {limit}"
    if limit is not None and (limit <= 0 or limit % tick(order.currency, limit)):
        yield f"limit price {limit} is no whole number of ticks of {tick(order.currency, limit)} above zero"


def _of_quantity(order: PaperOrder, bar: Bar, account: Account) -> Iterator[str]:
    """A quantity that is none, or is not in whole lots; the last units of a symbol are sold as they are."""
    step = bar.lot or order.lot
    if order.quantity <= 0:
        yield f"quantity {order.quantity} is not above zero"
    if order.in_money or order.is_exchange or not step or not order.quantity % step:
        return
    if order.sign > 0 or order.quantity != account.units(order.item):
        yield f"quantity {order.quantity} is no whole number of lots of {step}"


def fault_of_fills(
    order: PaperOrder, booked: Sequence[FillEffect], rest: tuple[Kind, str, Decimal], settles: str, account: Account
) -> str:
    """The reason to refuse an order for which an account cannot pay, in a sentence, or "".

    booked : effects of its fills. rest : what it may still take. settles : settlement day of its fills.
    """
    units, open_units = sum((each.part.quantity for each in booked), NO_AMOUNT), rest[2] * (rest[0] == "units")
    if order.sign < 0:
        own = account.cash(order.item, settles) if order.is_exchange else account.units(order.item)
        if units + open_units > own:
            kind = "cash" if order.is_exchange else "units"
            return f"no {kind}: it sells {units + open_units} {order.item}, and account {account.name!r} has {own}"
    cost = rest[2] * (rest[0] == "cash") - sum((each.cash for each in booked), NO_AMOUNT)
    if cost > 0 and cost > (own := account.cash(order.currency, settles)):
        have = f"account {account.name!r} has {own} that settles by {settles}"
        return f"no cash: it costs {cost} {order.currency}, and {have}"
    return ""
