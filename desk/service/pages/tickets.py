"""Tickets: the list with what waits for the reader first, and one with its orders, approvals, fills and costs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from backtests.sheets.tables import without_empty_columns
from desk.commands.orders.tca import cost_report
from desk.exchange.stops import pause_file, stop_file
from desk.journal import Journal
from desk.service import orders
from desk.service.caller import APPROVALS, Caller, InService, Service, needs, signature
from desk.service.orders import TicketHead
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import seen_by
from desk.service.routes.orders import Before, TicketId, visible_names
from desk.service.store.tables import Passkey, StoredPortfolio
from desk.tca.page import table_block

router = APIRouter(prefix="/tickets", include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "orders"))]
TICKETS_SHOWN = 50  # tickets of a page
ENTRIES_OF_TICKET = 200  # of the journal, of one ticket
TICKET_STATES = {  # in the order of the page
    "yours": "Waiting for you",
    "ready": "Approved, not sent yet",
    "waiting": "Waiting for others",
    "sent": "Sent",
    "refused": "Refused",
}


def state_of(service: Service, head: TicketHead, caller: Caller) -> str:
    """The state of a ticket for a caller, one of `TICKET_STATES`."""
    if head.refused_by:
        return "refused"
    if head.is_approved:
        return "sent" if head.is_sent else "ready"
    has_spoken = signature(caller) in head.approved_by
    may = caller.may("approver", APPROVALS) and not has_spoken and not _is_maker(service, head, caller)
    return "yours" if may else "waiting"


def _is_maker(service: Service, head: TicketHead, caller: Caller) -> bool:
    with Journal(service.root(caller.tenant), read_only=True) as journal:
        return orders.is_maker(service, journal, head.hash, caller)


@router.get("")
def tickets_page(request: Request, service: InService, caller: Reader, before: Before = None) -> Response:
    """Show the tickets of the portfolios that the caller sees, by state."""
    found = orders.tickets_of(service.root(caller.tenant), visible_names(service, caller), TICKETS_SHOWN, before)
    groups: dict[str, list[TicketHead]] = {state: [] for state in TICKET_STATES}
    for _, head in found:
        groups[state_of(service, head, caller)].append(head)
    older = found[-1][0] if len(found) == TICKETS_SHOWN else None
    return shown(request, "tickets.html.j2", caller, groups=groups, states=TICKET_STATES, older=older)


@router.get("/{ticket}")
def ticket_page(request: Request, ticket: TicketId, service: InService, caller: Reader) -> Response:
    """Show a ticket: what to do with it, its orders, fills and entries of the journal."""
    root, names = service.root(caller.tenant), visible_names(service, caller)
    head = orders.ticket_head(root, names, ticket)
    entries = orders.entries_of(root, ENTRIES_OF_TICKET, portfolios=names, ticket=head.hash)
    with service.sessions() as session:
        wanted = select(StoredPortfolio.id).where(seen_by(caller), StoredPortfolio.name == head.portfolio)
        portfolio = session.scalars(wanted.limit(1)).one_or_none()
        has_passkey = session.scalar(select(Passkey.credential).where(Passkey.user == caller.user).limit(1)) is not None
    sent, fills = ([each for each in entries[::-1] if each.kind == kind] for kind in ("order", "fill"))
    content = {
        "ticket": head, "document": orders.document_of(root, names, head.hash), "entries": entries, "sent": sent,
        "fills": fills, "state": state_of(service, head, caller), "states": TICKET_STATES, "portfolio": portfolio,
        "is_maker": _is_maker(service, head, caller), "has_passkey": has_passkey,
        "is_paused": bool(pause_file(root) or stop_file(root)),
    }  # fmt: skip
    return shown(request, "ticket.html.j2", caller, **content)


@router.get("/{ticket}/costs")
def costs(request: Request, ticket: TicketId, service: InService, caller: Reader) -> Response:
    """Show what the orders of a ticket cost, against the prices at which it was decided."""
    root = service.root(caller.tenant)
    report = cost_report(orders.ticket_head(root, visible_names(service, caller), ticket).hash, folder=root)
    tables: list[Any] = [
        without_empty_columns(table_block(each)) for each in report.tables() if each.key in ("parts", "orders")
    ]
    return shown(request, "ticket_costs.html.j2", caller, report=report, tables=tables)
