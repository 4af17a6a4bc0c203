"""Orders: trade lists, tickets and their approvals, the journal, and what cycles may send."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from desk.commands.cycle.watch import pause, resume, standing
from desk.exchange.stops import RESUME, pause_file, stop_file
from desk.journal.journal import JOURNAL, Journal
from desk.journal.verify import verify
from desk.service import orders, sending
from desk.service.bodies import Body, Id, JsonRoute
from desk.service.caller import APPROVALS, Caller, InService, Service, needs, signature
from desk.service.folders import from_root
from desk.service.limited import limited
from desk.service.notify import notify_of_ticket
from desk.service.orders import JournalEntry, TicketHead, TradesAsked
from desk.service.portfolios.stored import check_version, found_portfolio, seen, seen_by, written_out
from desk.service.problems import Problem
from desk.service.routes.sign_in import Options
from desk.service.store.tables import Passkey, StoredPortfolio
from desk.service.users import passkeys
from desk.service.worksheet import WORKSHEETS, Worksheet, WorksheetAsked, numbers
from desk.tickets.formats import FORMATS
from research.portfolio.file.kinds import Text

router = APIRouter(prefix="/api", tags=["orders"], route_class=JsonRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "orders"))]
Manager = Annotated[Caller, Depends(needs("manager", "orders"))]
Approver = Annotated[Caller, Depends(needs("approver", APPROVALS))]
Sender = Annotated[Caller, Depends(needs("manager", APPROVALS))]  # no assistant has this scope
TicketId = Annotated[str, Path(pattern="^[0-9a-f]{12,64}$", description="The beginning of its hash.")]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Number of a version; the newest by default.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[int | None, Query(ge=1, le=2**53, description="`next` of the page before.")]
Form = Annotated[str, Query(alias="format", json_schema_extra={"enum": [each[1:] for each in FORMATS]})]
MEDIA_TYPES = {"html": "text/html", "fix": "text/plain", "csv": "text/csv", "json": "application/json"}
BINARY = "application/octet-stream"


class TicketDocument(BaseModel):
    """A ticket, as docs/schemas/ticket-2.json describes it."""

    model_config = ConfigDict(extra="allow")
    version: Annotated[int, Field(alias="schema")]
    hash: str
    portfolio: str
    headline: str
    reason: str
    orders: list[dict[str, Any]]


class PredictAsked(TradesAsked):
    """The request for a trade list of a stored portfolio.  version : of the portfolio, the newest by default."""

    portfolio: Annotated[Id, Field(description="Its id.")]
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class Tickets(BaseModel):
    """Tickets, the newest first.  next : `before` of the next page, null after the last."""

    tickets: list[TicketHead]
    next: int | None


class Refusal(Body):
    """The reason for which a ticket is refused."""

    reason: Annotated[Text, Field(max_length=500)]


class Approval(Body):
    """The answer of a passkey to `…/approve/options`: whoever has one confirms with it, but for his access tokens."""

    credential: dict[str, Any] | None = None


UNCONFIRMED = Approval()  # of a request without a body


class SendAsked(Body):
    """The venue. Only paper is offered here; `rebalance desk execute` sends to brokers."""

    venue: Literal["paper"] = "paper"


class JournalPage(BaseModel):
    """Entries, the newest first.  next : `before` of the next page, null after the last."""

    entries: list[JournalEntry]
    next: int | None


class Verification(BaseModel):
    """The outcome of a check of the journal.  faults : sentences, [] where no entry was changed, removed or added."""

    count: int
    sha256: str
    faults: list[str]
    text: str


class Why(BaseModel):
    """Sentences on an order, from its fills back to the data."""

    order: str
    sentences: list[str]


class Watch(BaseModel):
    """The permission of cycles to send.  portfolios : by name, its last cycle and its open orders."""

    paused: bool
    stopped: bool
    text: str
    portfolios: dict[str, str]


# -- lists and tickets -------------------------------------------------------------------------------------------------


@router.post("/rebalance/predict", response_model=TicketDocument)
def predict(asked: PredictAsked, caller: Reader, service: InService) -> Response:
    """Make today's trade list of a stored portfolio. It is no ticket: nobody can approve it."""
    file = written_out(service, caller, asked.portfolio, asked.version)
    found = limited(orders.predicted_list, str(file), asked, caller.name, home=service.root(caller.tenant))
    return Response(found, media_type=MEDIA_TYPES["json"])


@router.post("/portfolios/{portfolio}/tickets", status_code=201)
def issue(
    portfolio: Id, asked: TradesAsked, caller: Manager, service: InService, version: Version = None
) -> TicketHead:
    """Issue today's trade list of a stored portfolio as a ticket, in every format that can carry it."""
    check_version(service, caller, portfolio, version)
    root, file = service.root(caller.tenant), written_out(service, caller, portfolio, version)
    maker = orders.as_maker(caller)
    ticket = limited(orders.issued, str(file), asked, maker.name, signature(maker), home=root)
    with Journal(root, read_only=True) as journal:
        head = orders.head_of(journal, ticket)
    if head.wanted:
        notify_of_ticket(service, found_portfolio(service, caller, portfolio), head.id, caller.user)
    return head


@router.post("/portfolios/{portfolio}/worksheet", responses={409: {}})
def worksheet(portfolio: Id, asked: WorksheetAsked, caller: Manager, service: InService, request: Request) -> Worksheet:
    """Give today's list of a stored portfolio with other units, and what they would cost and do. It is no ticket."""
    request.state.caller = None  # nothing is changed: no entry of the journal for each key that somebody types
    version = found_portfolio(service, caller, portfolio).version
    plain = asked.model_copy(update={"orders": None, "reason": "", "sheet": ""})

    def made() -> str:
        file = written_out(service, caller, portfolio, version)
        return str(limited(numbers, str(file), plain, home=service.root(caller.tenant)))

    sheet = WORKSHEETS.get((caller.tenant, portfolio, version, plain.model_dump_json()), asked.sheet, made)
    if asked.sheet not in ("", sheet.id):
        raise Problem(409, "Prices, holdings or the portfolio changed since the worksheet was shown: load it again.")
    return sheet.with_units(asked.orders)


@router.get("/tickets")
def tickets(caller: Reader, service: InService, limit: Limit = 50, before: Before = None) -> Tickets:
    """List the tickets of the portfolios that you see."""
    found = orders.tickets_of(service.root(caller.tenant), visible_names(service, caller), limit, before)
    return Tickets(tickets=[head for _, head in found], next=found[-1][0] if len(found) == limit else None)


@router.get("/tickets/{ticket}", response_class=FileResponse)
def ticket(ticket: TicketId, caller: Reader, service: InService, form: Form = "json") -> Response:
    """Give a ticket in a format, byte for byte as it was issued; in JSON `path` begins at the folder of the tenant."""
    root = service.root(caller.tenant)
    path = orders.file_of(root, visible_names(service, caller), ticket, form)
    whole = FileResponse(path, filename=path.name, media_type=MEDIA_TYPES.get(form.rpartition(".")[2], BINARY))
    if form != "json":
        return whole
    named = {"Content-Disposition": whole.headers["Content-Disposition"]}
    return Response(from_root(root, path.read_text("utf-8")), headers=named, media_type=whole.media_type)


@router.post("/tickets/{ticket}/approve/options")
def approve_options(ticket: TicketId, caller: Approver, service: InService) -> Options:
    """Give a challenge by which a passkey confirms that you approve this ticket, and no other."""
    head = orders.ticket_head(service.root(caller.tenant), visible_names(service, caller), ticket)
    with service.sessions.begin() as session:
        address = service.settings.address
        return Options(options=passkeys.approval_options(session, address, caller.user, head.hash))


@router.post("/tickets/{ticket}/approve")
def approve(ticket: TicketId, caller: Approver, service: InService, approval: Approval = UNCONFIRMED) -> TicketHead:
    """Approve a ticket. Who made it, or queued the cycle that did, does not; your last word counts."""
    names = visible_names(service, caller)
    head = orders.ticket_head(service.root(caller.tenant), names, ticket)
    given = approval.credential
    with service.sessions.begin() as session:
        of_caller = select(Passkey.credential).where(Passkey.user == caller.user)
        must_confirm = caller.scopes is None and session.scalar(of_caller.limit(1)) is not None
        address = service.settings.address
        confirmed = given is not None and passkeys.confirms(session, address, caller.user, head.hash, given)
    if given is not None and not confirmed:
        raise Problem(403, "The passkey does not confirm this ticket: ask for new options, and confirm again.")
    if must_confirm and not confirmed:
        raise Problem(403, "You have a passkey: confirm with it that you approve this ticket.")
    return orders.judged(service, names, head.hash, caller)


@router.post("/tickets/{ticket}/refuse")
def refuse(ticket: TicketId, refusal: Refusal, caller: Approver, service: InService) -> TicketHead:
    """Refuse a ticket. Your last word counts."""
    return orders.judged(service, visible_names(service, caller), ticket, caller, refusal.reason)


@router.post("/tickets/{ticket}/send", responses={409: {}})
def send(ticket: TicketId, asked: SendAsked, caller: Sender, service: InService) -> sending.Sending:
    """Send an approved ticket to paper, and book its fills, of a portfolio that you may change, or approve tickets of.

    What was sent is not sent again.
    """
    root, names = service.root(caller.tenant), visible_names(service, caller)
    head = orders.ticket_head(root, names, ticket)
    if not caller.may("approver", APPROVALS):
        with service.sessions() as session:
            its = select(StoredPortfolio.id).where(seen_by(caller), StoredPortfolio.name == head.portfolio)
            seen(session, caller, session.scalars(its).one(), for_change=True)
    if not head.is_approved:
        raise Problem(409, f"Only an approved ticket is sent. {head.text}")
    if stop_file(root) or pause_file(root):
        raise Problem(409, "Sending is paused, and nothing is sent. An approver resumes it: POST /api/watch/resume")
    path = orders.file_of(root, names, ticket, "json")
    made = limited(sending.sent, str(path), head.hash, signature(caller), home=root)
    return sending.Sending(ticket=orders.ticket_head(root, names, ticket), **made)


@router.get("/orders/{order}/why")
def why(order: Annotated[str, Path(max_length=64)], caller: Reader, service: InService) -> Why:
    """Say why an order was made: its fills, its list, the decision, the policy, the run and the data."""
    root = service.root(caller.tenant)
    lines = orders.why_of(root, visible_names(service, caller), order)
    return Why(order=order, sentences=[from_root(root, line) for line in lines])


# -- the journal -------------------------------------------------------------------------------------------------------


@router.get("/journal")
def journal(
    caller: Reader,
    service: InService,
    limit: Limit = 100,
    before: Before = None,
    ticket: Annotated[str, Query(pattern="^[0-9a-f]{0,64}$", description="The beginning of its hash.")] = "",
    kind: Annotated[str, Query(max_length=32, description="Such as list, approval, order or fill.")] = "",
) -> JournalPage:
    """List the entries of the portfolios that you see; an admin sees all of his tenant."""
    wanted = {name: value for name, value in (("ticket", ticket), ("kind", kind)) if value}
    found = orders.entries_of(service.root(caller.tenant), limit, before, visible_names(service, caller), **wanted)
    return JournalPage(entries=found, next=found[-1].sequence if len(found) == limit else None)


@router.get("/journal/verify")
def verify_journal(caller: Reader, service: InService) -> Verification:
    """Check the chain of all entries of your tenant, and that its end is the stated one."""
    root = service.root(caller.tenant)
    if not (root / JOURNAL).is_file():
        return Verification(count=0, sha256="", faults=[], text="There is no entry yet.")
    with Journal(root, read_only=True) as opened:
        found = verify(opened)
    faults = [fault.text for fault in found.faults]
    return Verification(count=found.head.count, sha256=found.head.sha256, faults=faults, text=found.text)


# -- what cycles may send ----------------------------------------------------------------------------------------------


@router.get("/watch")
def watch(caller: Reader, service: InService) -> Watch:
    """Say whether cycles may send, and how each portfolio that you see stands."""
    return _watch(service, caller)


@router.post("/watch/pause")
def pause_sending(caller: Manager, service: InService) -> Watch:
    """Let the cycles of your tenant go on, and send nothing."""
    pause(service.root(caller.tenant), signature(caller))
    return _watch(service, caller)


@router.post("/watch/resume")
def resume_sending(caller: Approver, service: InService) -> Watch:
    """Let the cycles of your tenant send again."""
    resume(service.root(caller.tenant))
    return _watch(service, caller)


def _watch(service: Service, caller: Caller) -> Watch:
    root, names = service.root(caller.tenant), visible_names(service, caller)
    text, portfolios = standing(root)
    return Watch(
        paused=bool(pause_file(root)),
        stopped=bool(stop_file(root)),
        text=from_root(root, text).replace(RESUME, "POST /api/watch/resume"),
        portfolios={name: said for name, said in portfolios.items() if names is None or name in names},
    )


def visible_names(service: Service, caller: Caller) -> list[str] | None:
    """The names of the portfolios whose entries a caller may see, by which the journal knows them; None for all."""
    if caller.role == "admin":
        return None
    with service.sessions() as session:
        return [*session.scalars(select(StoredPortfolio.name).where(seen_by(caller)))]
