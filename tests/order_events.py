"""Events of orders that were listed, sent and filled, for journals of tests."""

from collections.abc import Sequence
from typing import Any

from desk.journal.chain import Event
from desk.journal.records import Cancelled, Filled, ListedOrder, ListMade, OrderSent, Quote

MADE = ("sixty_forty.yaml", "threshold", "2022-12-29", "2022-12-29", "ab12", "headline", "reason", 0)


def listed(name: str, side: str, symbol: str, quantity: float | None, price: float | None, **about: Any) -> ListedOrder:
    """An order of a list, in dollars unless it says otherwise."""
    currency, notional = about.get("currency", "USD"), 1.0
    return ListedOrder(name, side, symbol, quantity, notional, currency, "", price, "2022-12-29", "to target")


def made(ticket: str, *orders: ListedOrder, calendar: str = "") -> Event:
    """The list of a ticket."""
    return Event(ListMade(*MADE, orders=orders, calendar=calendar), "sixty_forty", ticket)


def executed(
    order: ListedOrder,
    ticket: str,
    arrival: Quote | None,
    fills: Sequence[tuple[float, float, Quote | None]],
    *,
    day: str = "2022-12-30",
    fee: float = 0.0,
    ended: bool = False,
    **about: Any,
) -> list[Event]:
    """The sending of an order, its fills as (units, price, quote at the fill), and the cancellation of its rest."""
    where = {"portfolio": "sixty_forty", "ticket": ticket, "order": order.order}
    venue, fee_currency = about.get("venue", "paper"), about.get("fee_currency", order.currency)
    sent = OrderSent(
        venue, f"{order.order}-0", order.side, order.symbol, order.quantity, order.currency, "market", quote=arrival
    )
    events = [Event(sent, **where)]
    for k, (units, price, quote) in enumerate(fills):
        traded = f"{day}T{15 + k}:00:00Z"
        known = (venue, f"{order.order}-f{k}", order.side, order.symbol, units, price, order.currency)
        events.append(Event(Filled(*known, fee, fee_currency, traded, quote=quote), **where))
    if ended:
        events.append(Event(Cancelled(venue, f"{order.order}-0", None, "end of the day"), **where))
    return events


def quote(bid: float, ask: float, moment: str = "") -> Quote:
    """A quote."""
    return Quote(bid, ask, (bid + ask) / 2.0, "paper", moment)
