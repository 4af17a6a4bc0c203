"""Fills as the journal keeps them."""

from desk.journal.chain import Event
from desk.journal.records import Filled, Quote
from research.orders.fills import Fill


def fill_event(
    fill: Fill, ticket: str, portfolio: str = "", *, venue_id: str = "", quote: Quote | None = None
) -> Event:
    """A fill of an order of a ticket.

    fill      : fill whose `order_id` is that of the ticket.
    ticket    : hash of the ticket, or "".
    portfolio : name of the portfolio, or "".
    venue_id  : client id that the venue has, or "".
    quote     : quote at the fill, or None.
    """
    record = Filled(
        venue=fill.venue,
        fill=fill.fill_id,
        side=fill.side,
        symbol=fill.asset,
        quantity=float(fill.quantity),
        price=float(fill.price),
        currency=fill.currency,
        fee=float(sum(fill.fees.values())),
        fee_currency=fill.currency,
        traded_at=f"{fill.moment:%Y-%m-%dT%H:%M:%S.%fZ}",
        venue_id=venue_id,
        account=fill.account,
        quote=quote,
    )
    return Event(record, portfolio, ticket, order=fill.order_id)
