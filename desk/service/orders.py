"""Trade lists of stored portfolios and their tickets, by the functions of `rebalance trades`, `approve` and `why`.

A list is made in a limited process, whose `REBALANCE_HOME` is the folder of the tenant. The journal is the record of
tickets: who made, approved and refused them, and where their files are.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from desk.commands.orders.trades import as_sent, check_out, request_of, trades_now, write_tickets
from desk.journal.chain import Entry
from desk.journal.journal import JOURNAL, Journal
from desk.journal.records import ListMade
from desk.journal.tickets import TicketState, judge, ticket_state
from desk.journal.why import why
from desk.service.bodies import Body
from desk.service.caller import Caller, signature
from desk.service.jobs.worker import RUNS
from desk.service.problems import Problem
from desk.tickets import make_ticket
from desk.tickets.formats import FORMATS, format_of, ticket_json
from desk.tickets.order_ids import list_id
from desk.tickets.ticket import Ticket
from foundation.arguments import did_you_mean, refuse
from foundation.errors import ConfigError
from foundation.files import replacing_together
from research.orders import TradeList
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.file.kinds import Day, Number
from research.portfolio.file.settings import names_of
from research.portfolio.keys.portfolio_keys import PortfolioKeys

TICKETS = "tickets"  # folder of a tenant
MOST_ASSETS = 10_000  # that may trade
NO_TICKET = "There is no ticket of this id. List yours: GET /api/tickets"


class TradesAsked(Body):
    """The request for a trade list, beside the file of its portfolio."""

    policy: Annotated[
        str, Field(max_length=80, description="A candidate; by default the active one, or that of the newest report.")
    ] = ""
    cash_flow: Annotated[Number, Field(description="Currency that comes in, or goes out where it is below zero.")] = 0.0
    buys_only: Annotated[bool, Field(description="True to send only the buys of the trade.")] = False
    eligible: Annotated[
        list[str] | None,
        Field(min_length=1, max_length=MOST_ASSETS, description="Assets that may trade; by default all."),
    ] = None
    as_of: Annotated[Day | None, Field(description="Today, to which prices are aged; by default the exchange's.")] = (
        None
    )
    stale_ok: Annotated[bool, Field(description="True to make the list, marked, of prices too old for orders.")] = False


# -- in a limited process ----------------------------------------------------------------------------------------------


def listed(file: str, asked: TradesAsked, reports: str) -> TradeList:
    """Today's trade list of a portfolio file.

    reports : folder of the runs.
    Raises  : ConfigError and DataError as `load_portfolio`, `request_of` and `trades_now` do, and for an asset that the
              file does not have.
    """
    day = f"{asked.as_of:%Y-%m-%d}" if asked.as_of is not None else ""
    portfolio = load_portfolio(file, _locked(file, asked.eligible), trust_code=False, as_of=day or None)
    flow = asked.cash_flow
    request = request_of(max(flow, 0.0), max(-flow, 0.0), "buy" if asked.buys_only else "")
    return trades_now(portfolio, asked.policy, Path(reports), request, day, asked.stale_ok)


def _locked(file: str, eligible: Sequence[str] | None) -> dict[str, Any]:
    """The settings by which only some assets of a file trade."""
    if eligible is None:
        return {}
    assets = list(read_document(file, None, names_of(PortfolioKeys)).mapping("lines"))
    for asset in eligible:
        if asset not in assets:
            refuse("eligible has", asset, did_you_mean(asset, assets))
    return {"lines": {asset: {"trading": "locked"} for asset in assets if asset not in eligible}}


def _ticket(file: str, asked: TradesAsked, reports: str) -> Ticket:
    os.chdir(Path(file).parent)  # as `rebalance trades` is called there: tickets and messages name the file alone
    trades = listed(Path(file).name, asked, reports)
    return as_sent(make_ticket(trades), Path(trades.portfolio.file))


def predicted(file: str, asked: TradesAsked, reports: str) -> str:
    """The trade list of a file as the JSON of its ticket. It is kept nowhere. Raises as `listed`."""
    return ticket_json.write(replace(_ticket(file, asked, reports), beside={})).decode()


def issued(file: str, asked: TradesAsked, reports: str, folder: str, user: str) -> str:
    """Write the trade list of a file as a ticket in every format that can carry it, journal it, and give its hash.

    folder : of the tickets.
    user   : maker of the list.
    Raises : as `listed`; DataError for a journal that cannot be written.
    """
    ticket = _ticket(file, asked, reports)
    Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    carrying = [ending for ending in FORMATS if _carries(ending, ticket)]
    paths = check_out([f"{folder}/{ticket.list_id}{ending}" for ending in carrying], Path(reports))
    with replacing_together(paths) as files:
        write_tickets(ticket, paths, files, user)
    return ticket.hash


def _carries(ending: str, ticket: Ticket) -> bool:
    try:
        return bool(FORMATS[ending].write(ticket))
    except ConfigError:
        return False


# -- tickets in the journal --------------------------------------------------------------------------------------------


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
    return _head(ticket_state(journal, ticket))


def _head(state: TicketState) -> TicketHead:
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
        told = (
            f"The ticket is not there as {form}, which may not carry its orders: use one of {', '.join(sorted(files))}."
        )
        raise Problem(404, told)
    return files[form]


def judged(root: Path, names: Collection[str] | None, ticket: str, caller: Caller, refusal: str = "") -> TicketHead:
    """Journal that a caller approves a ticket, or refuses it, and give its state.

    refusal : why it is refused; "" approves it.
    Raises  : Problem 404; 403 for the approval of who made it; 409 where `judge` takes no such word any more.
    """
    path = file_of(root, names, ticket, "json")
    document = ticket_json.read_document(path)
    with Journal(root, user=signature(caller)) as journal:
        makers = {entry.user for entry in _lists(journal, names, ticket)}
        if not refusal and any(maker.endswith(f"({caller.user})") for maker in makers):
            raise Problem(403, "You made this list: another person approves it.")
        try:
            judge(journal, document, str(path), refusal)
        except ConfigError as error:
            raise Problem(409, str(error)) from error
        return head_of(journal, document["hash"])


def why_of(root: Path, names: Collection[str] | None, order: str) -> list[str]:
    """The sentences on an order, from its fills back to the data. Raises Problem 404."""
    told = "There is no order of this id: copy it from a ticket."
    with _opened(root, told) as journal:
        own = {entry.portfolio for entry in journal.entries(order=order)}
        lists = (each for each in journal.entries(kind=ListMade.kind) if not own and order in each.content)
        portfolios = own or {each.portfolio for each in lists if any(row.order == order for row in each.record.orders)}
        if not portfolios or not (names is None or portfolios <= set(names)):
            raise Problem(404, told)
        return why(journal, order, root / RUNS)


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
