"""The tools that read, and the resources: each gives what a route of the API gives, a part of its rows at a time."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from desk.service import orders
from desk.service.bodies import Body, Id
from desk.service.orders import JournalEntry, TicketHead, entries_of
from desk.service.portfolios.figures import CycleEntry
from desk.service.portfolios.stored import found_content, found_portfolio
from desk.service.problems import Problem
from desk.service.routes import jobs, market, portfolios
from desk.service.routes.jobs import JobRecord
from desk.service.routes.orders import visible_names
from desk.service.tools.tool import MOST_LETTERS, MOST_ROWS, ROWS, Desk, Named, OfPortfolio, OfRows, Page, Table

ALL_ASSETS = 100_000  # more than there are assets of all markets and stores
FEW_PATHS = 16  # simulated futures of a risk sheet of which only the facts of today are wanted
LEFT_OUT = ("lines", "stress", "from_today", "pictures", "run", "schema")  # of a risk sheet, which is long
TEARSHEET = "tearsheet.json"  # of a report
BEGINNING = "rebalance://portfolios/{portfolio}/"
RESOURCES: Mapping[str, tuple[str, str]] = {  # the scope that each needs, and what it is
    "sheet": ("jobs", "The numbers of the newest report on a portfolio: figures, evidence, costs, risk and advice."),
    "journal": ("orders", f"The newest {ROWS} entries of the journal of a portfolio."),
    "cards": ("jobs", "The cards of the learned policies that the newest report on a portfolio trained, by file."),
}
URI = re.compile(f"{BEGINNING.format(portfolio='(?P<portfolio>[^/]+)')}(?P<what>{'|'.join(RESOURCES)})")


class Symbol(Body):
    """An asset."""

    symbol: Named


class OfReport(OfRows):
    """A comparison of policies.  job : id of the report; by default the newest of the portfolio."""

    job: Id = ""


class OfJob(Body):
    """A job, by its id."""

    job: Id


class OfTicket(Body):
    """A ticket, by its id, which is the beginning of its hash."""

    ticket: Annotated[str, Field(pattern="^[0-9a-f]{12,64}$")]


class Balance(BaseModel):
    """The value of a portfolio.  nav, cash : currency.  date : of the closes that value it."""

    portfolio: str
    date: str
    nav: float
    cash: float
    currency: str


class StockInfo(BaseModel):
    """The last price that is kept of an asset.  source : market or store.  age_days : calendar days until today."""

    symbol: str
    source: str
    price: float | None
    currency: str
    date: date
    age_days: int
    is_tradable: bool | None
    asset_class: str
    sector: str


class Explained(BaseModel):
    """The last decision.  cycle : the newest decision cycle.  ticket : the newest list.  journal : newest entries."""

    portfolio: str
    cycle: CycleEntry | None
    ticket: TicketHead | None
    reason: str
    journal: list[JournalEntry]


def list_portfolios(desk: Desk, asked: Page) -> Table:
    """List the portfolios that the user sees. Other tools take the id or the name of one as `portfolio`."""
    found = portfolios.portfolios_of(desk.service, desk.caller)
    return asked.table([each.model_dump() for each in found])


def query_portfolio_holdings(desk: Desk, asked: OfRows) -> Table:
    """Give the positions of a portfolio with their weights, targets and gaps, and what its policy would trade today.
    Then call propose_trades for the orders, or query_risk_metrics."""
    id = desk.portfolio(asked.portfolio)
    found = portfolios.drift(desk.service, desk.caller, id)
    return asked.table(found["lines"], portfolio=id, **{name: found[name] for name in ("date", "policy", "headline")})


def query_risk_metrics(desk: Desk, asked: OfRows) -> Table:
    """Give volatility, tracking error, beta, VaR and CVaR of a portfolio, and what each position adds to it."""
    id = desk.portfolio(asked.portfolio)
    found = portfolios.risk(desk.service, desk.caller, id, paths=FEW_PATHS)
    facts = {name: value for name, value in found.items() if name not in (*LEFT_OUT, "portfolio")}
    return asked.table(found["lines"], portfolio=id, **facts)


def get_portfolio_balance(desk: Desk, asked: OfPortfolio) -> Balance:
    """Give the net asset value and the cash of a portfolio at the last close."""
    id = desk.portfolio(asked.portfolio)
    found = portfolios.risk(desk.service, desk.caller, id, paths=FEW_PATHS)
    return Balance(portfolio=id, currency=found["basis"], **{name: found[name] for name in ("date", "nav", "cash")})


def get_stock_info(desk: Desk, asked: Symbol) -> StockInfo:
    """Give the newest price that is kept of an asset, with its age and its source: of an asset that a portfolio of the
    user holds, in the market that values it. It is no quote of the moment."""
    kept = [
        each for each in market.list_assets(desk.caller, desk.service, limit=ALL_ASSETS) if each.symbol == asked.symbol
    ]
    holders = _markets_of_holders(desk, asked.symbol)
    found = [_last_price(desk, each) for each in [each for each in kept if each.market in holders] or kept]
    if not found:  # which it says, with what is written most alike
        market.market_data(desk.caller, desk.service, asked.symbol)
    return max(found, key=lambda each: each.date)


def _markets_of_holders(desk: Desk, symbol: str) -> set[str]:
    """The names of the markets and stores that value an asset in the portfolios that the user sees."""
    ids = [each.id for each in portfolios.portfolios_of(desk.service, desk.caller)]
    trees = [found_content(desk.service, desk.caller, each).tree for each in ids]
    named = [tree.get("market") for tree in trees if symbol in tree.get("lines", ())]
    return {
        str(each.get("source") or each.get("store")) if isinstance(each, dict) else str(each) for each in named
    }  # fmt: skip


def _last_price(desk: Desk, asset: market.Asset) -> StockInfo:
    """The last row of an asset in its market or store."""
    count = market.market_data(desk.caller, desk.service, asset.symbol, asset.market, limit=1).count
    (last,) = market.market_data(desk.caller, desk.service, asset.symbol, asset.market, limit=1, offset=count - 1).rows
    facts = asset.model_dump(include={"symbol", "currency", "asset_class", "sector"})
    age = (datetime.now(UTC).date() - last.date).days
    about = {"date": last.date, "age_days": age, "is_tradable": last.is_tradable, "price": last.close}
    return StockInfo.model_validate({"source": asset.market, **about, **facts})


def compare_policies(desk: Desk, asked: OfReport) -> Table:
    """Give the figures of all policies of a portfolio, side by side, and which one is recommended: of its newest
    report. Where there is none, call run_report, and get_job until it is done."""
    job = asked.job or newest_report(desk, desk.portfolio(asked.portfolio))
    sheet = json.loads(content_of_job(desk, job, TEARSHEET))
    rows = [{"policy": policy, **figures} for policy, figures in sheet["figures"].items()]
    return asked.table(rows, job=job, recommended=sheet["recommendation"]["policy"])


def get_job(desk: Desk, asked: OfJob) -> JobRecord:
    """Say how far a backtest or a report is, or what it gave. Ask again some seconds later while its state is queued or
    running; then call compare_policies, or read its figures in the text."""
    found = jobs.job(asked.job, desk.caller, desk.service)
    result = found.result and found.result.model_copy(update={"text": found.result.text[:MOST_LETTERS]})
    return found.model_copy(update={"result": result, "files": found.files[:MOST_ROWS]})


def explain_last_decision(desk: Desk, asked: OfPortfolio) -> Explained:
    """Say what was decided last for a portfolio, and why: its newest decision cycle, its newest trade list with its
    reason and approvals, and the newest entries of the journal."""
    id = desk.portfolio(asked.portfolio)
    found = portfolios.history(desk.service, desk.caller, id, limit=10)
    name, root = journal_name(desk, id), desk.service.root(desk.caller.tenant)
    head = next((head for _, head in orders.tickets_of(root, [name], 1, None)), None)
    reason = orders.document_of(root, [name], head.hash)["reason"] if head else ""
    cycle = found.cycles[0] if found.cycles else None
    return Explained(portfolio=id, cycle=cycle, ticket=head, reason=reason, journal=found.journal)


def get_ticket(desk: Desk, asked: OfTicket) -> TicketHead:
    """Say whether a ticket waits for approval, was approved or refused by a person, or was sent."""
    root, names = desk.service.root(desk.caller.tenant), visible_names(desk.service, desk.caller)
    return orders.ticket_head(root, names, asked.ticket)


def newest_report(desk: Desk, portfolio: str) -> str:
    """The id of the job that made the newest report on a portfolio. Raises Problem 404 where there is none."""
    made = jobs.jobs(desk.caller, desk.service, state="done", kind="report", portfolio=portfolio, limit=1).jobs
    if not made:
        raise Problem(404, "There is no report on this portfolio yet: call run_report, and get_job until it is done.")
    return made[0].id


def content_of_job(desk: Desk, job: str, name: str) -> str:
    """The text of a file of a job. Raises Problem 404 where it has none of this name."""
    return Path(jobs.file(job, name, desk.caller, desk.service).path).read_text(encoding="utf-8")


def journal_name(desk: Desk, portfolio: str) -> str:
    """The name by which the journal knows a portfolio."""
    return found_portfolio(desk.service, desk.caller, portfolio).name


def content_at(desk: Desk, uri: str) -> str:
    """The content of a resource, JSON. Raises Problem 403, and 404 for an address of none."""
    found = URI.fullmatch(uri)
    if found is None:
        raise Problem(404, f"There is no such resource: read {BEGINNING}, and then one of {', '.join(RESOURCES)}.")
    desk.caller.check("viewer", RESOURCES[found["what"]][0])
    portfolio = desk.portfolio(found["portfolio"])
    if found["what"] == "journal":
        root, name = desk.service.root(desk.caller.tenant), journal_name(desk, portfolio)
        return json.dumps([each.model_dump() for each in entries_of(root, ROWS, portfolios=[name])])
    job = newest_report(desk, portfolio)
    if found["what"] == "sheet":
        return content_of_job(desk, job, TEARSHEET)
    cards = [name for name in jobs.job(job, desk.caller, desk.service).files if Path(name).name == "card.json"]
    return json.dumps({name: json.loads(content_of_job(desk, job, name)) for name in cards})
