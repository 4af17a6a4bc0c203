"""The first page: each portfolio a row that begins with its value, and what needs a person."""

from collections.abc import Iterator
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from desk.service.bodies import Id
from desk.service.caller import Caller, InService, Service, needs
from desk.service.orders import TicketHead, tickets_of
from desk.service.pages.overviews import OverviewRow, overview_rows, refreshed
from desk.service.pages.page import STATUS_WORDS, PageRoute, shown
from desk.service.pages.tickets import state_of
from desk.service.routes.jobs import jobs
from foundation.dataclasses import dataclass
from foundation.paper.wording import counted, grouped, listed

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]
Name = Annotated[str, Query(max_length=128)]
Only = Annotated[str, Query(max_length=20, description="Only portfolios that have this kind of need.")]
EACH = 3  # needs of a kind that are told one by one: more are one sentence
TICKETS, JOBS = 100, 100  # newest ones that are looked through
RANGE_WIDTH = 32.0  # px from the middle of a picture of drift to the end of a range, as overview_row.html.j2 draws it


@dataclass(frozen=True)
class Need:
    """A matter that needs a person.

    kind      : of it, by which the rows of the page can be chosen.
    portfolio : name of its portfolio.
    text      : sentence on it, that follows the name.
    to        : path of the page where it is done.
    """

    kind: str
    portfolio: str
    text: str
    to: str


KINDS = {  # of needs, in the order in which they are told, with what several portfolios have in common
    "approval": "have tickets that wait for approval",
    "cycle": "have cycles that ask for a person",
    "alert": "have alerts",
    "triggered": "ask for a decision: a limit of the monitor was reached, or the policy trades",
    "stale": "have prices that are too old for orders",
    "job": "have jobs that failed",
}


@router.get("/")
def home(request: Request, service: InService, caller: Reader, name: Name = "", only: Only = "") -> Response:
    """Show the portfolios whose name or client holds `name`, and what needs a person."""
    rows = overview_rows(service, caller)
    found = needs_of_portfolios(service, caller, rows)
    of_kind = {each.portfolio for each in found if each.kind == only} if only in KINDS else None
    chosen = [
        row
        for row in rows
        if name.casefold() in f"{row.head.name}\n{row.head.client}".casefold()
        and (of_kind is None or row.head.name in of_kind)
    ]
    clients = [(client, [*of]) for client, of in groupby(chosen, key=lambda row: row.head.client)]
    content = {"clients": clients, "count": len(rows), "name": name, "only": KINDS.get(only, ""), "marks": drift_marks}
    content |= {"is_new": any(row.figures is None for row in rows)}
    return shown(request, "home.html.j2", caller, needs=told(found), **content)


@router.get("/attention")
def attention(request: Request, service: InService, caller: Reader) -> Response:
    """Show what needs a person, alone."""
    found = told(needs_of_portfolios(service, caller, overview_rows(service, caller)))
    return shown(request, "attention.html.j2", caller, needs=found, is_new=False)


@router.get("/overviews/{portfolio}")
def overview_page(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Make the row of a portfolio anew where it is not fresh, and show it."""
    row = refreshed(service, caller, portfolio)
    return shown(request, "overview_row.html.j2", caller, row=row, marks=drift_marks)


# -- what needs a person -----------------------------------------------------------------------------------------------


def told(found: list[Need]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each subject with its sentences and their paths, the first kinds first: of many of a kind one sentence."""
    lines = list[tuple[str, tuple[str, str]]]()
    for kind, of_kind in sorted(
        grouped((each.kind, each) for each in found).items(), key=lambda one: [*KINDS].index(one[0])
    ):
        if len(of_kind) <= EACH:
            lines += [(each.portfolio, (each.text, each.to)) for each in of_kind]
            continue
        names = [*dict.fromkeys(each.portfolio for each in of_kind)]
        lines.append(
            (counted(len(names), "portfolio"), (f"{listed(names, most=EACH)} {KINDS[kind]}.", f"/?only={kind}"))
        )
    return [*grouped(lines).items()]


def needs_of_portfolios(service: Service, caller: Caller, rows: list[OverviewRow]) -> list[Need]:
    """Give the sentences on what needs a person, of the portfolios of these rows."""
    names = {row.head.id: row.head.name for row in rows}
    found = [need for row in rows for need in _of_row(row)]
    if caller.may("viewer", "orders"):
        newest = dict[str, TicketHead]()
        for _, ticket in tickets_of(service.root(caller.tenant), names.values(), TICKETS, None):
            newest.setdefault(ticket.portfolio, ticket)
        found += [_of_ticket(each) for each in newest.values() if state_of(service, each, caller) == "yours"]
    if caller.may("viewer", "jobs"):
        last = dict[tuple[str, str], Need | None]()
        for job in jobs(caller, service, limit=JOBS).jobs:
            text = f"the last {job.kind} failed{f': {job.progress}' if job.progress else ''}."
            need = Need("job", names.get(job.portfolio or "", ""), text, "/research")
            last.setdefault((job.portfolio or "", job.kind), need if job.state == "failed" and need.portfolio else None)
        found += [need for need in last.values() if need is not None]
    return found


def _of_ticket(ticket: TicketHead) -> Need:
    """The need of a ticket that waits for the approval of whoever reads."""
    who = listed([each.partition(" (")[0] for each in ticket.made_by])
    text = f"the ticket of {who} waits for {counted(ticket.wanted - len(ticket.approved_by), 'approval')}."
    return Need("approval", ticket.portfolio, text, f"/tickets/{ticket.id}")


def _of_row(row: OverviewRow) -> Iterator[Need]:
    """The needs that the figures of a row say."""
    figures, name, page = row.figures, row.head.name, f"/portfolios/{row.head.id}"
    if figures is None:
        return
    if (decision := figures.decision) and decision.asks:
        text = f"the cycle of {decision.session}: {STATUS_WORDS.get(decision.status, decision.status)}."
        yield Need("cycle", name, text, f"/decide/portfolios/{row.head.id}")
    if figures.alerts:
        yield Need("alert", name, f"{figures.alerts[0].level} alert: {figures.alerts[0].sentence}", page)
    elif figures.is_triggered:
        yield Need("triggered", name, f"{figures.flags[0].sentence}.", page)
    if figures.stale:
        yield Need("stale", name, f"the newest price is of {figures.priced_on}, too old for orders.", page)


# -- a row -------------------------------------------------------------------------------------------------------------


def drift_marks(places: list[float]) -> tuple[str, str]:
    """The paths of a picture of drift, whose middle is the target: strokes of assets within their ranges, and diamonds.

    places : of each asset, as `OverviewFigures` has them. A diamond is an asset outside its range.
    """
    at = {round(RANGE_WIDTH * each): abs(each) > 1.0 for each in places}
    marks = [(f"M{x} 8l6 6-6 6-6-6z" if is_outside else f"M{x} 6v16", is_outside) for x, is_outside in at.items()]
    return "".join(mark for mark, is_outside in marks if not is_outside), "".join(mark for mark, is_ in marks if is_)
