"""Trade lists of stored portfolios, tickets and why an order was made, as `rebalance` says it of files.

A list is made in a limited process, whose `REBALANCE_HOME` is the folder of the tenant. The journal is the record of
tickets: who made, approved and refused them, and where their files are.
"""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy import select

from desk.commands.orders.trades import as_sent, save_trades, trades_now
from desk.journal.chain import Entry
from desk.journal.journal import JOURNAL, Journal
from desk.journal.records import ListMade, text_of
from desk.journal.tickets import ASSISTANT, judge, ticket_state
from desk.journal.why import why_ordered
from desk.service.bodies import PRINTED, Body
from desk.service.caller import APPROVALS, Caller, Service, signature
from desk.service.folders import RUNS, TICKETS, from_root
from desk.service.problems import Problem
from desk.service.store.tables import QueuedJob, StoredPortfolio
from desk.tickets import make_ticket
from desk.tickets.formats import FORMATS, format_of, ticket_json
from desk.tickets.order_ids import list_id
from desk.tickets.request import request_of
from desk.tickets.ticket import Ticket
from foundation.arguments import did_you_mean, refuse
from foundation.errors import ConfigError
from foundation.home import home_folder
from foundation.printable import has_unseen
from research.orders import TradeList
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.file.kinds import Day, Number
from research.portfolio.file.settings import names_of
from research.portfolio.keys.portfolio_keys import PortfolioKeys

MOST_ASSETS = 10_000  # that may trade
NO_ORDER = "There is no order of this id: copy it from a ticket."
NO_TICKET = "There is no ticket of this id. List yours: GET /api/tickets"


class TradesAsked(Body):
    """The request for a trade list, beside the file of its portfolio."""

    policy: Annotated[
        str, Field(max_length=80, description="A candidate; by default the active one, or that of the newest report.")
    ] = ""
    cash_flow: Annotated[Number, Field(description="Currency that comes in, or goes out where it is below zero.")] = 0.0
    buys_only: Annotated[bool, Field(description="True to send only the buys of the trade.")] = False
    sells_only: Annotated[bool, Field(description="True to send only the sells of the trade.")] = False
    eligible: Annotated[
        list[str] | None,
        Field(min_length=1, max_length=MOST_ASSETS, description="Assets that may trade; by default all."),
    ] = None
    locked: Annotated[tuple[str, ...], Field(max_length=MOST_ASSETS, description="Assets that do not trade.")] = ()
    orders: Annotated[
        dict[str, Number] | None,
        Field(
            min_length=1,
            max_length=MOST_ASSETS,
            description="Units by asset to order in place of the policy's, sales below zero; they need a reason.",
        ),
    ] = None
    reason: Annotated[str, Field(max_length=500, pattern=PRINTED, description="The reason of own orders.")] = ""
    as_of: Annotated[Day | None, Field(description="Today, which ages prices; by default the exchange's.")] = None
    stale_ok: Annotated[bool, Field(description="True to make the list, marked, of prices too old for orders.")] = False


# -- in a limited process ----------------------------------------------------------------------------------------------


def listed(file: str, asked: TradesAsked, name: str = "") -> TradeList:
    """Today's trade list of a portfolio file.

    name   : name of the user, for the reason of own orders.
    Raises : ConfigError and DataError as `load_portfolio`, `request_of` and `trades_now` do, and for an asset that the
             file does not have.
    """
    day = f"{asked.as_of:%Y-%m-%d}" if asked.as_of is not None else ""
    portfolio = load_portfolio(file, _locked(file, asked), trust_code=False, as_of=day or None)
    flow = asked.cash_flow
    if asked.buys_only and asked.sells_only:
        raise ConfigError("buys_only and sells_only are both true: leave one of the two out.")
    side = "buy" if asked.buys_only else "sell" if asked.sells_only else ""
    request = request_of(max(flow, 0.0), max(-flow, 0.0), side)
    if bool(asked.orders) != bool(asked.reason.strip()):
        raise ConfigError("orders and reason go together: give the units by asset, and why you order them.")
    if has_unseen(asked.reason):  # a mark that turns the direction of writing shows its reader another sentence
        refuse("the reason is", asked.reason, "it has characters that are not seen: leave them out.")
    if asked.orders:
        request = replace(request, orders=asked.orders, ordered=f"ordered by {name}: {' '.join(asked.reason.split())}")
    return trades_now(portfolio, asked.policy, home_folder() / RUNS, request, day, asked.stale_ok)


def _locked(file: str, asked: TradesAsked) -> dict[str, Any]:
    """The settings by which some assets of a file do not trade."""
    if asked.eligible is None and not asked.locked:
        return {}
    assets = list(read_document(file, None, names_of(PortfolioKeys)).mapping("lines"))
    for key, given in (("eligible has", asked.eligible or ()), ("locked has", asked.locked)):
        for asset in given:
            if asset not in assets:
                refuse(key, asset, did_you_mean(asset, assets))
    may_trade = set(assets if asked.eligible is None else asked.eligible) - set(asked.locked)
    return {"lines": {asset: {"trading": "locked"} for asset in assets if asset not in may_trade}}


def _made(file: str, asked: TradesAsked, name: str) -> tuple[TradeList, Ticket]:
    os.chdir(Path(file).parent)  # as `rebalance trades` is called there: tickets and messages name the file alone
    trades = listed(Path(file).name, asked, name)
    return trades, as_sent(make_ticket(trades), Path(trades.portfolio.file))


def predicted_list(file: str, asked: TradesAsked, name: str) -> str:
    """The trade list of a file as the JSON of its ticket. It is kept nowhere. Raises as `listed`."""
    return ticket_json.write(replace(_made(file, asked, name)[1], beside={})).decode()


def issued(file: str, asked: TradesAsked, name: str, user: str) -> str:
    """Write the trade list of a file as a ticket in every format that can carry it, journal it, and give its hash.

    name   : name of its maker.
    user   : its maker, as the journal names him.
    Raises : as `listed`; DataError for a journal that cannot be written.
    """
    (trades, ticket), folder = _made(file, asked, name), home_folder() / TICKETS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    out = [f"{folder}/{ticket.list_id}{ending}" for ending in FORMATS if _carries(ending, ticket)]
    save_trades(trades, out, home_folder() / RUNS, user)
    return ticket.hash


def _carries(ending: str, ticket: Ticket) -> bool:
    try:
        return bool(FORMATS[ending].write(ticket))
    except ConfigError:
        return False


# -- tickets in the journal --------------------------------------------------------------------------------------------


class JournalEntry(BaseModel):
    """An entry of the journal.  content, text : its record, in which paths begin at the folder of the tenant."""

    sequence: int
    moment: str
    user: str
    portfolio: str
    kind: str
    ticket: str
    run: str
    order: str
    content: dict[str, Any]
    text: str
    sha256: str


def entries_of(
    root: Path, last: int, before: int | None = None, portfolios: Collection[str] | None = None, **wanted: str
) -> list[JournalEntry]:
    """Entries of the journal of a tenant, the newest first.  root : his folder; the others as of `Journal.entries`."""
    if not (root / JOURNAL).is_file():
        return []
    with Journal(root, read_only=True) as journal:
        found = [*journal.entries(last=last, before=before, portfolios=portfolios, **wanted)][::-1]
    return [
        JournalEntry.model_validate(
            vars(entry)
            | {"content": json.loads(from_root(root, entry.content)), "text": from_root(root, text_of(entry.record))}
        )
        for entry in found
    ]


class TicketHead(BaseModel):
    """A ticket and its state.

    id          : by which it is asked for.
    wanted      : persons who must approve it.
    is_approved : true if they did, and nobody refused it.
    text        : its state in sentences.
    formats     : formats in which it can be had.
    """

    id: str
    hash: str
    portfolio: str
    policy: str
    headline: str
    as_of: str
    made: str
    made_by: list[str]
    wanted: int
    approved_by: list[str]
    refused_by: list[str]
    is_approved: bool
    is_sent: bool
    text: str
    formats: list[str]


def head_of(journal: Journal, ticket: str) -> TicketHead:
    """The head of a ticket. ticket : its hash, of which the journal has a list."""
    state = ticket_state(journal, ticket)
    first, made = state.lists[0], state.lists[-1].record
    return TicketHead(
        id=list_id(first.ticket),
        hash=first.ticket,
        portfolio=first.portfolio,
        policy=made.policy,
        headline=made.headline,
        as_of=made.as_of,
        made=first.moment,
        made_by=list(dict.fromkeys(entry.user for entry in state.lists)),
        wanted=state.wanted,
        approved_by=[entry.user for entry in state.approvals],
        refused_by=[entry.user for entry in state.refusals],
        is_approved=state.is_approved,
        is_sent=bool(state.sent),
        text=state.text,
        formats=sorted(_files(state.lists)),
    )


def _files(lists: Sequence[Entry]) -> dict[str, Path]:
    """By format, the file of a ticket that is there."""
    paths = (Path(name) for entry in lists for name in entry.record.files)
    endings = {form: ending[1:] for ending, form in FORMATS.items()}
    return {endings[format_of("file", path)]: path for path in paths if path.is_file()}


def ticket_head(root: Path, names: Collection[str] | None, ticket: str) -> TicketHead:
    """The head of a ticket. ticket : the beginning of its hash. Raises Problem 404."""
    with _opened(root, NO_TICKET) as journal:
        return head_of(journal, _lists(journal, names, ticket)[0].ticket)


def tickets_of(
    root: Path, names: Collection[str] | None, last: int, before: int | None
) -> list[tuple[int, TicketHead]]:
    """The newest tickets of portfolios, each with the number of its entry.

    root   : folder of the tenant.
    names  : names of the portfolios, None for all.
    before : only lists before an entry of this number.
    """
    if not (root / JOURNAL).is_file():
        return []
    with Journal(root, read_only=True) as journal:
        found = journal.entries(last=last, before=before, portfolios=names, kind=ListMade.kind)
        return [(entry.sequence, head_of(journal, entry.ticket)) for entry in found][::-1]


def file_of(root: Path, names: Collection[str] | None, ticket: str, form: str) -> Path:
    """The file of a ticket in a format. ticket : the beginning of its hash. Raises Problem 404."""
    with _opened(root, NO_TICKET) as journal:
        files = _files(_lists(journal, names, ticket))
    if form not in files:
        there = ", ".join(sorted(files))
        raise Problem(404, f"The ticket is not there as {form}, which may not carry its orders: use one of {there}.")
    return files[form]


def document_of(root: Path, names: Collection[str] | None, ticket: str) -> dict[str, Any]:
    """The document of a ticket. Raises as `file_of`."""
    return ticket_json.read_ticket_file(file_of(root, names, ticket, "json"))


def judged(
    service: Service, names: Collection[str] | None, ticket: str, caller: Caller, refusal: str = ""
) -> TicketHead:
    """Journal that a caller approves a ticket, or refuses it, and give its state.

    refusal : why it is refused; "" approves it.
    Raises  : Problem 404; 403 for the approval of who made it, or queued the cycle that did; 409 where `judge` takes no
              such word any more.
    """
    root = service.root(caller.tenant)
    path = file_of(root, names, ticket, "json")
    document = ticket_json.read_ticket_file(path)
    with Journal(root, user=signature(caller)) as journal:
        if not refusal and is_maker(service, journal, document["hash"], caller):
            raise Problem(403, "You made this list: another person approves it.")
        try:
            judge(journal, document, str(path), refusal)
        except ConfigError as error:
            raise Problem(409, str(error)) from error
        return head_of(journal, document["hash"])


def as_maker(caller: Caller) -> Caller:
    """A caller as lists name him: one whose access token has not the last word on orders may be an assistant."""
    if caller.scopes is None or APPROVALS in caller.scopes or caller.name.endswith(ASSISTANT):
        return caller
    return replace(caller, name=f"{caller.name}{ASSISTANT}")


def is_maker(service: Service, journal: Journal, ticket: str, caller: Caller) -> bool:
    """True if a caller made a ticket, by its hash, or queued the cycle that did, and so does not approve it."""
    lists = journal.entries(kind=ListMade.kind, ticket=ticket)
    return any(_is_maker(caller, each) or _queued(service, caller, each) for each in lists)


def is_own(root: Path, ticket: str) -> bool:
    """True if assistants alone made a ticket, and its portfolio asks for nobody: its user may approve it himself."""
    with _opened(root, NO_TICKET) as journal:
        return all(_is_of_assistant(each) for each in _lists(journal, None, ticket))


def _is_of_assistant(made: Entry) -> bool:
    return ASSISTANT in made.user and not made.record.approvals


def _is_maker(caller: Caller, made: Entry) -> bool:
    """True if a caller made a list; what his assistant made he may approve where its portfolio asks for nobody."""
    return made.user.endswith(f"({caller.user})") and not _is_of_assistant(made)


def _queued(service: Service, caller: Caller, made: Entry) -> bool:
    """True if a list may be of a cycle that a caller queued, of a journal of before those named him."""
    if made.user.endswith(")"):  # a signature of this service
        return False
    moment, is_cycle = datetime.fromisoformat(made.moment).replace(tzinfo=None), QueuedJob.kind == "cycle"
    is_his = (QueuedJob.tenant == caller.tenant) & (QueuedJob.user == caller.user) & (QueuedJob.created <= moment)
    has_run = QueuedJob.ended.is_(None) | (QueuedJob.ended >= moment)
    jobs = select(QueuedJob.id).join(StoredPortfolio, StoredPortfolio.id == QueuedJob.portfolio)
    with service.sessions() as session:
        return bool(
            session.scalar(jobs.where(StoredPortfolio.name == made.portfolio, is_cycle, is_his, has_run).limit(1))
        )


def why_of(root: Path, names: Collection[str] | None, order: str) -> list[str]:
    """The sentences on an order, from its fills back to the data. Raises Problem 404."""
    with _opened(root, NO_ORDER) as journal:
        own = {entry.portfolio for entry in journal.entries(order=order)}
        lists = (each for each in journal.entries(kind=ListMade.kind) if not own and order in each.content)
        portfolios = own or {each.portfolio for each in lists if any(row.order == order for row in each.record.orders)}
        if not portfolios or not (names is None or portfolios <= set(names)):
            raise Problem(404, NO_ORDER)
        return why_ordered(journal, order, root / RUNS)


def _lists(journal: Journal, names: Collection[str] | None, ticket: str) -> list[Entry]:
    """The entries of the lists of a ticket. Raises Problem 404."""
    found = list(journal.entries(portfolios=names, kind=ListMade.kind, ticket=ticket))
    if len({entry.ticket for entry in found}) != 1:
        raise Problem(404, NO_TICKET)
    return found


def _opened(root: Path, told: str) -> Journal:
    """The journal of a tenant, to be read. Raises Problem 404 where there is none."""
    if not (root / JOURNAL).is_file():
        raise Problem(404, told)
    return Journal(root, read_only=True)
