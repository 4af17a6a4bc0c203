"""Portfolios: their versions, with whom they are shared, notes, and their figures."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import Select, false, func, or_, select
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from backtests.today.risk_paths import PATHS
from desk.service.bodies import JSON, PRINTED, Body, JsonRoute, Moment
from desk.service.caller import Caller, InService, needs
from desk.service.portfolios import figures, stored
from desk.service.portfolios.validation import POSITIONS, look_at_positions
from desk.service.problems import Problem
from desk.service.store.tables import Note, PortfolioVersion, Share, StoredPortfolio, User
from research.market.reading.known_instruments import SOURCES
from research.portfolio.holdings.held_rows import CashLine, HeldRow

router = APIRouter(prefix="/api/portfolios", tags=["portfolios"], route_class=JsonRoute)
YAML, FORM = "text/yaml", "multipart/form-data"
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]
Writer = Annotated[Caller, Depends(needs("manager", "portfolios"))]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Colleague = Annotated[str, Path(max_length=254, pattern=PRINTED, description="Id or e-mail of a user.")]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Number of a version; the newest by default.")]
Policy = Annotated[str, Query(max_length=80, description="Name of a policy; the active one by default.")]
Paths = Annotated[int, Query(ge=16, le=PATHS, description="Simulated futures of a year.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Pair = Annotated[str, StringConstraints(max_length=160, pattern=r"^[^=\x00-\x1f]+=[^=\x00-\x1f]+$")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]
Client = Annotated[str, Query(max_length=128, pattern=PRINTED, description="Client whose it is.")]
IfMatch = Annotated[str | None, Header(description="ETag of the version that you have read.")]
Answers = dict[int | str, dict[str, Any]]  # that a route gives besides those of all
NAME_TAKEN: Answers = {409: {"description": "Another portfolio of your tenant has this name."}}
GONE: Answers = {410: {"description": "The portfolio was deleted."}}
IF_MATCHED: Answers = GONE | {
    412: {"description": "There is a newer version than the one that you have read."},
    428: {"description": "The ETag of the version that you have read is missing."},
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            YAML: {"schema": {"type": "string", "description": "A portfolio file."}},
            JSON: {"schema": {"type": "object", "description": "The same mapping."}},
            FORM: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "portfolio": {"type": "string", "format": "binary", "description": "YAML."},
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            },
        },
    }
}


class PortfolioHead(BaseModel):
    """A portfolio without its text.  writes : true if you may change it."""

    id: str
    name: str
    client: str
    owner: str
    version: int
    created: Moment
    deleted: Moment | None
    writes: bool


class ClientPortfolios(BaseModel):
    """The portfolios of a client."""

    client: str
    portfolios: list[PortfolioHead]


class Shared(BaseModel):
    """A user with whom a portfolio is shared."""

    user: str
    name: str
    writes: bool


class PortfolioRecord(PortfolioHead):
    """A version of a portfolio.

    portfolio : mapping of its text.
    files     : names of its files.
    shares    : users with whom it is shared, for its owner.
    """

    number: int
    author: str
    written: Moment
    sha256: str
    portfolio: dict[str, Any]
    files: list[str]
    shares: list[Shared]

    @property
    def tag(self) -> str:
        """Its ETag."""
        return _tag(self.number, JSON)


class PositionsBody(Body):
    """A new portfolio from a broker's positions, as `rebalance new` makes it.

    positions : text of the broker's file, CSV.
    prices    : a source, or a store of imported prices, of which the server has those of all assets.
    weights   : targets such as SPY=60; by default the weights that are held.
    classes   : asset class, and currency, of assets that are not known, such as XYZ=us_equity,EUR.
    """

    name: str = Field(min_length=1, max_length=80, pattern=PRINTED)
    positions: str = Field(min_length=1, max_length=stored.MOST_TEXT)
    client: str = Field("", max_length=128, pattern=PRINTED)
    profile: str = Field("", max_length=40, description="conservative, moderate (the default) or aggressive.")
    prices: str = Field("yahoo", max_length=80, pattern=PRINTED)
    weights: tuple[Pair, ...] = Field((), max_length=1_000)
    classes: tuple[Pair, ...] = Field((), max_length=1_000)

    @property
    def asked(self) -> dict[str, Any]:
        """The fields of a new file."""
        classes = dict((symbol, word) for symbol, _, word in (each.rpartition("=") for each in self.classes))
        prices = {"source" if self.prices in SOURCES else "store": self.prices}
        return {"profile": self.profile, "weights": self.weights, "classes": classes, **prices}


class PositionsPreview(BaseModel):
    """A new portfolio before it is stored.

    text  : its YAML.
    notes : sentences on what was set, assumed, added or left aside, and on what is odd, such as old positions.
    held  : each row of an asset.
    cash  : each row of cash.
    """

    text: str
    notes: list[str]
    held: list[HeldRow]
    cash: list[CashLine]


class ShareBody(Body):
    """Whether a user may change a portfolio, too."""

    writes: bool = False


class NoteBody(Body):
    """A note on a line (by its asset), a list (by the hash of its ticket) or a decision (by its id)."""

    kind: Literal["line", "list", "decision"]
    subject: str = Field(min_length=1, max_length=128, pattern=PRINTED)
    text: str = Field(min_length=1, max_length=4_000)


class NoteRecord(NoteBody):
    """A note with its author."""

    id: str
    author: str
    created: Moment


class Sent(BaseModel):
    """A body.  text : None where it stays;  files : content by name."""

    text: str | None
    is_yaml: bool
    files: dict[str, bytes]


async def sent_body(request: Request) -> Sent:
    """The body of a request in one of its three kinds. Raises Problem 400 for text that is not UTF-8, and 415."""
    kind, files = request.headers.get("content-type", "").partition(";")[0].strip().lower(), dict[str, bytes]()
    if kind == FORM:
        form = await request.form(max_files=50, max_fields=2)
        given = [*form.getlist("portfolio"), None][0]
        body = await given.read() if isinstance(given, UploadFile) else None if given is None else given.encode()
        files = {
            str(each.filename): await each.read() for each in form.getlist("files") if isinstance(each, UploadFile)
        }
    elif kind in (YAML, "application/yaml", "application/x-yaml", JSON):
        body = await request.body()
    else:
        raise Problem(415, f"Send {YAML}, {JSON}, or {FORM} with `portfolio` and `files`.")
    try:
        return Sent(text=None if body is None else body.decode(), is_yaml=kind != JSON, files=files)
    except UnicodeDecodeError as error:
        raise Problem(400, f"The text is not UTF-8: byte {error.start} is none.") from None


SentBody = Annotated[Sent, Depends(sent_body)]


@router.get("")
def list_portfolios(
    service: InService,
    caller: Reader,
    client: Annotated[
        str | None, Query(max_length=128, pattern=PRINTED, description="Only those of this client.")
    ] = None,
    with_deleted: bool = False,
    limit: Limit = 100,
    offset: Offset = 0,
) -> list[ClientPortfolios]:
    """List your portfolios and those that are shared with you, by client."""
    wanted = [stored.seen_by(caller), *([] if client is None else [StoredPortfolio.client == client])]
    wanted += [] if with_deleted else [StoredPortfolio.deleted.is_(None)]
    rows = heads_of(caller).where(*wanted).order_by(StoredPortfolio.client, StoredPortfolio.name)
    groups = dict[str, list[PortfolioHead]]()
    with service.sessions() as session:
        for row in session.execute(rows.limit(limit).offset(offset)):
            groups.setdefault(row.client, []).append(PortfolioHead(**row._mapping))
    return [ClientPortfolios(client=name, portfolios=of) for name, of in groups.items()]


@router.post("", status_code=201, openapi_extra=BODY, responses=NAME_TAKEN)
def create_portfolio(
    service: InService, caller: Writer, response: Response, body: SentBody, client: Client = ""
) -> PortfolioRecord:
    """Store a portfolio: YAML, the same mapping as JSON, or a form with the files that it names."""
    if body.text is None:
        raise Problem(400, "The form has no `portfolio`: add its YAML.")
    portfolio = stored.created(
        service, caller, client, stored.checked(service, caller, body.text, body.is_yaml, body.files)
    )
    response.headers["Location"] = f"{router.prefix}/{portfolio}"
    return record_of(service, caller, portfolio, None, response)


@router.post("/from-positions", status_code=201, responses=NAME_TAKEN)
def import_positions(service: InService, caller: Writer, response: Response, body: PositionsBody) -> PortfolioRecord:
    """Store a new portfolio with a broker's positions: targets, ranges, limits and policies by a risk profile."""
    text = stored.from_broker(service, caller, body.name, body.positions, body.asked)["text"]
    content = stored.checked(service, caller, text, True, {POSITIONS: body.positions.encode()})
    portfolio = stored.created(service, caller, body.client, content)
    response.headers["Location"] = f"{router.prefix}/{portfolio}"
    return record_of(service, caller, portfolio, None, response)


@router.post("/from-positions/preview")
def preview_positions(service: InService, caller: Writer, body: PositionsBody) -> PositionsPreview:
    """Give the portfolio that a broker's positions make, and each row as it is read; nothing is stored."""
    return PositionsPreview(
        **stored.from_broker(service, caller, body.name, body.positions, body.asked, look_at_positions)
    )


@router.get("/{portfolio}", responses={200: {"content": {YAML: {"schema": {"type": "string"}}}}})
def show_portfolio(
    service: InService, caller: Reader, request: Request, response: Response, portfolio: Id, version: Version = None
) -> PortfolioRecord:
    """Give a version of a portfolio: as a record, or as YAML where that is accepted."""
    record = record_of(service, caller, portfolio, version, response)
    response.headers["Vary"] = "Accept"
    if not request.headers.get("accept", "").startswith((YAML, "application/yaml")):
        return record
    content = stored.found_content(service, caller, portfolio, record.number)
    headers = {"ETag": _tag(record.number, YAML), "Vary": "Accept"}
    return Response(content.text, media_type=YAML, headers=headers)  # type: ignore[return-value]  # as it was written


@router.put("/{portfolio}", openapi_extra=BODY, responses=IF_MATCHED)
def change_portfolio(
    service: InService, caller: Writer, response: Response, portfolio: Id, body: SentBody, if_match: IfMatch = None
) -> PortfolioRecord:
    """Store the next version of a portfolio, unless nothing changed; files stay where none of their name is sent."""
    version = matched(service, caller, portfolio, if_match)
    before = stored.found_content(service, caller, portfolio, version)
    text, is_yaml = (before.text, True) if body.text is None else (body.text, body.is_yaml)
    content = stored.checked(service, caller, text, is_yaml, {**before.files, **body.files})
    if content != before:
        version = stored.changed(service, caller, portfolio, version, content)
    return record_of(service, caller, portfolio, version, response)


@router.delete("/{portfolio}", status_code=204, responses=IF_MATCHED)
def delete_portfolio(service: InService, caller: Writer, portfolio: Id, if_match: IfMatch = None) -> None:
    """Mark a portfolio deleted; its versions can still be read."""
    stored.deleted(service, caller, portfolio, matched(service, caller, portfolio, if_match))


@router.put("/{portfolio}/shares/{user}", status_code=204, responses=GONE)
def share_portfolio(service: InService, caller: Writer, portfolio: Id, user: Colleague, body: ShareBody) -> None:
    """Share a portfolio with a user of your tenant, by id or e-mail."""
    with service.sessions.begin() as session:
        stored.owned_portfolio(session, caller, portfolio)
        session.merge(Share(portfolio=portfolio, user=_colleague(session, caller, user).id, writes=body.writes))


@router.delete("/{portfolio}/shares/{user}", status_code=204, responses=GONE)
def unshare_portfolio(service: InService, caller: Writer, portfolio: Id, user: Colleague) -> None:
    """Share a portfolio with a user no longer."""
    with service.sessions.begin() as session:
        stored.owned_portfolio(session, caller, portfolio)
        share = session.get(Share, (portfolio, _colleague(session, caller, user).id))
        if share is None:
            raise Problem(404, "The portfolio is not shared with this user.")
        session.delete(share)


@router.get("/{portfolio}/notes")
def list_notes(
    service: InService, caller: Reader, portfolio: Id, limit: Limit = 100, offset: Offset = 0
) -> list[NoteRecord]:
    """List the notes on a portfolio, the newest first."""
    with service.sessions() as session:
        stored.seen(session, caller, portfolio)
        wanted = select(Note, User.name).join(User, User.id == Note.author).where(Note.portfolio == portfolio)
        found = session.execute(wanted.order_by(Note.created.desc(), Note.id).limit(limit).offset(offset)).all()
    return [_note(note, name, service.keys.unseal(note.sealed).decode()) for note, name in found]


@router.post("/{portfolio}/notes", status_code=201)
def add_note(service: InService, caller: Writer, portfolio: Id, body: NoteBody) -> NoteRecord:
    """Note something of a line, a list or a decision."""
    sealed = service.keys.seal(body.text.encode())
    note = Note(portfolio=portfolio, kind=body.kind, subject=body.subject, sealed=sealed, author=caller.user)
    with service.sessions.begin() as session:
        stored.seen(session, caller, portfolio)
        session.add(note)
    return _note(note, caller.name, body.text)


# -- figures -----------------------------------------------------------------------------------------------------------


@router.get("/{portfolio}/performance", response_model=figures.Performance, responses=GONE)
def performance(service: InService, caller: Reader, portfolio: Id, version: Version = None, policy: Policy = "") -> Any:
    """Give the figures of a policy's backtest, and the history of NAV. A sheet is a job: POST /api/backtest."""
    return figures.figures_of(service, caller, figures.performance_figures, portfolio, version, policy)


@router.get("/{portfolio}/risk", response_model=dict[str, Any], responses=GONE)
def risk(service: InService, caller: Reader, portfolio: Id, version: Version = None, paths: Paths = PATHS) -> Any:
    """Give the numbers of the risk sheet (risk.json of `rebalance risk`)."""
    return figures.figures_of(service, caller, figures.risk_figures, portfolio, version, paths)


@router.get("/{portfolio}/drift", response_model=figures.Drift, responses=GONE)
def drift(service: InService, caller: Reader, portfolio: Id, version: Version = None, policy: Policy = "") -> Any:
    """Give today's readings of the monitor, and a row for each line."""
    return figures.figures_of(service, caller, figures.drift_figures, portfolio, version, policy)


@router.get("/{portfolio}/history")
def history(service: InService, caller: Reader, portfolio: Id, limit: Limit = 100) -> figures.History:
    """Give the newest versions, decision cycles and journal entries of a portfolio."""
    with service.sessions() as session:
        found = stored.seen(session, caller, portfolio)
        wanted = select(PortfolioVersion, User.name).join(User, User.id == PortfolioVersion.author)
        of = wanted.where(PortfolioVersion.portfolio == portfolio).order_by(PortfolioVersion.number.desc())
        rows = session.execute(of.limit(limit)).all()
    versions = [
        figures.VersionHead(number=each.number, author=name, written=each.created, sha256=each.sha256)
        for each, name in rows
    ]
    return figures.history_figures(service.root(caller.tenant), found.name, versions, limit)


# -- parts -------------------------------------------------------------------------------------------------------------


def heads_of(caller: Caller) -> Select[str, str, str, str, int, datetime, datetime | None, bool]:
    """The columns of `PortfolioHead`."""
    mine = (Share.portfolio == StoredPortfolio.id) & (Share.user == caller.user)
    of, writes = StoredPortfolio, (StoredPortfolio.owner == caller.user) | func.coalesce(Share.writes, false())
    columns = of.id, of.name, of.client, User.name.label("owner"), of.version, of.created, of.deleted
    heads = select(*columns, writes.label("writes"))
    return heads.join(User, User.id == of.owner).outerjoin(Share, mine)


def portfolios_of(service: InService, caller: Caller) -> list[PortfolioHead]:
    """All portfolios that a caller sees, by client and name."""
    wanted = heads_of(caller).where(stored.seen_by(caller), StoredPortfolio.deleted.is_(None))
    with service.sessions() as session:
        rows = session.execute(wanted.order_by(StoredPortfolio.client, StoredPortfolio.name))
        return [PortfolioHead(**row._mapping) for row in rows]


def record_of(
    service: InService, caller: Caller, portfolio: str, version: int | None = None, response: Response | None = None
) -> PortfolioRecord:
    """A version of a portfolio, by default the newest.  response : answer into which its ETag is written."""
    with service.sessions() as session:
        found = stored.seen(session, caller, portfolio)
        kept, content = stored.content_of(service, session, found, version)
        users = select(Share, User.name).join(User, User.id == Share.user).where(Share.portfolio == portfolio)
        shares = session.execute(users).all() if found.owner == caller.user else []
        record = PortfolioRecord(
            **session.execute(heads_of(caller).where(StoredPortfolio.id == portfolio)).one()._mapping,
            number=kept.number,
            author=session.get_one(User, kept.author).name,
            written=kept.created,
            sha256=kept.sha256,
            portfolio=content.tree,
            files=sorted(content.files),
            shares=[Shared(user=share.user, name=name, writes=share.writes) for share, name in shares],
        )
    if response is not None:
        response.headers["ETag"] = record.tag
    return record


def _tag(version: int, kind: str) -> str:
    """The ETag of a version in a kind of answer: two kinds are two representations."""
    return f'"{version}.{kind.rpartition("/")[2]}"'


def matched(service: InService, caller: Caller, portfolio: str, if_match: str | None) -> int:
    """The newest version of a portfolio, which the caller has read. Raises Problem 428 without If-Match, and 412."""
    newest = stored.found_portfolio(service, caller, portfolio, for_change=True).version
    if if_match is None:
        raise Problem(428, "Send `If-Match` with the ETag of the version that you have read.")
    given = {tag.strip() for tag in if_match.split(",")}
    if not given & {_tag(newest, JSON), _tag(newest, YAML), "*"}:
        raise Problem(412, f"The newest version is {newest}: read it again, and make the change anew.")
    return newest


def _colleague(session: Session, caller: Caller, user: str) -> User:
    """A user of the caller's tenant. Raises Problem 404."""
    named = or_(User.id == user, func.lower(User.email) == user.lower())
    found = session.scalar(select(User).where(User.tenant == caller.tenant, named))
    if found is None:
        raise Problem(404, "There is no such user: ask your admin to invite the person.")
    return found


def _note(note: Note, author: str, text: str) -> NoteRecord:
    known = {name: getattr(note, name) for name in ("id", "created", "kind", "subject")}
    return NoteRecord.model_validate({**known, "author": author, "text": text})
