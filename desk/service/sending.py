"""Tickets that are sent to the paper venue, in a limited process, and what became of their orders."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from desk.commands.orders.execute import Asked, ready
from desk.exchange.execute import SentResult
from desk.exchange.paper import PaperVenue
from desk.exchange.stops import pause_file
from desk.service.orders import TicketHead
from foundation.errors import ConfigError


class SentOrder(BaseModel):
    """The outcome of an order.

    status : filled, open, refused or cancelled, or "not sent".
    filled : units, or currency of an order without a quote.
    why    : the reason of a refusal, or why it was not sent; "" else.
    """

    order: str
    text: str
    status: str
    filled: float
    why: str


class Sending(BaseModel):
    """A ticket that was sent.  book : name of the book that has its fills, or "" """

    ticket: TicketHead
    orders: list[SentOrder]
    book: str


def sent(path: str, ticket: str, user: str) -> dict[str, Any]:
    """Send what was not sent of a ticket to the paper venue, book its fills, and give `orders` and `book`.

    path   : path of the ticket.
    ticket : hash that was approved.
    user   : who sends, as the journal names him.
    Raises : ConfigError for another hash, where a check fails, and where another process sends; DataError as `ready`.
    """
    with ready(Asked(Path(path), [PaperVenue.name], user=user)) as ((prepared,), *_):
        if prepared.moment.document["hash"] != ticket:
            raise ConfigError("the file of the ticket is not the one that was approved: make the list again.")
        stopped = prepared.execution.stop
        prepared.execution.stop = lambda: pause_file() or stopped()
        outcomes = [_outcome(each).model_dump() for each in prepared.send()]
        prepared.allocate()
        return {"orders": outcomes, "book": prepared.book}


def _outcome(each: SentResult) -> SentOrder:
    order, state = each.order, each.state
    if state is None:
        return SentOrder(order=order.id, text=order.text, status="not sent", filled=0.0, why=each.why)
    return SentOrder(
        order=order.id, text=order.text, status=state.status, filled=float(state.filled), why=state.reason or ""
    )
