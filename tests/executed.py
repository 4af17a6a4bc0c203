"""Tickets to be executed, the paper venue with a bad asset, and what the journal says was filled."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from desk.exchange.execute import Execution, SentResult
from desk.exchange.moment import Moment, Place, moment_of
from desk.exchange.paper import PaperVenue
from desk.exchange.venue import NotKnown, OrderState
from desk.journal import Journal
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order, make_ticket
from research.orders import trade_list
from research.portfolio import Portfolio, TicketTerms
from research.rules import Threshold

PLACE = Place({}, "rebalance trades desk.yaml --out trades.json", "")
Documents = Callable[..., dict[str, Any]]


def document_of(portfolio: Portfolio, terms: TicketTerms | None = None, **about: Any) -> dict[str, Any]:
    """The document of a list to target, with its hash. about : fields of its ticket that are others."""
    listed = trade_list(replace(portfolio, ticket=terms or portfolio.ticket), Threshold(portfolio.strategic, 0.0))
    ticket = replace(make_ticket(listed), **about)
    return {"hash": ticket.hash, **ticket.document}


def paper_for(document: Mapping[str, Any], folder: Path, **how: Any) -> PaperVenue:
    """The paper venue of a ticket in a folder."""
    return PaperVenue.for_ticket(document, folder=folder, **how)


class BadLine(PaperVenue):
    """A paper venue over an asset that loses answers.

    lost : by number of a call of `place` from 1, "before" or "after" the venue has the order.
    """

    lost: Mapping[int, str] = {}
    placed = 0
    asked = 0

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        self.placed += 1
        when = self.lost.get(self.placed, "")
        state = None if when == "before" else super().place(order, client_id)
        if when or state is None:
            raise NotKnown("the asset was cut")
        return state

    def state(self, client_id: str) -> OrderState | None:
        self.asked += 1
        return super().state(client_id)


def execution(document: Mapping[str, Any], journal: Journal, venue: Any, **how: Any) -> tuple[Moment, Execution]:
    """What is known of a ticket, and its sending, which never waits."""
    moment = moment_of(document, journal, venue, PLACE)
    return moment, Execution(journal, venue, document, moment.orders, moment.quotes, wait=lambda _: None, **how)


def sent(document: Mapping[str, Any], journal: Journal, venue: Any, **how: Any) -> list[SentResult]:
    """What became of the orders of a ticket."""
    return list(execution(document, journal, venue, **how)[1].run())


class Case(NamedTuple):
    """A ticket, the journal of its sending, and a paper venue that may lose answers."""

    document: dict[str, Any]
    journal: Journal
    venue: BadLine

    def moment(self) -> Moment:
        """What is known of the ticket."""
        return moment_of(*self, PLACE)

    def execution(self, **how: Any) -> tuple[Moment, Execution]:
        """What is known of the ticket, and its sending, which never waits."""
        return execution(*self, **how)

    def sent(self, **how: Any) -> list[SentResult]:
        """What became of the orders of the ticket."""
        return sent(*self, **how)


Cases = Callable[..., Case]


class Killed(BaseException):
    """The end of a process."""


def counted(call: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    """A call before and after which a process ends where no more points are left."""

    def point() -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed

    def run(*given: Any) -> Any:
        point()
        answer = call(*given)
        point()
        return answer

    return run


def replayed(journal: Journal) -> tuple[dict[str, Decimal], Decimal]:
    """Units by symbol and cash that the fills of a journal moved: a sum of its entries alone.

    The notional of an order is in whole cents, and fees are taken from cash.
    """
    units, notional, fees = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal), Decimal()
    for entry in journal.entries(kind="fill"):
        fill = entry.record
        signed = Decimal(repr(fill.quantity)) * (1 if fill.side == "buy" else -1)
        units[fill.symbol] += signed
        notional[entry.order] += signed * Decimal(repr(fill.price))
        fees += Decimal(repr(fill.fee))
    return dict(units), -sum((round(amount, 2) for amount in notional.values()), fees)
