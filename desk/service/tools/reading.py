"""The tools that read: each answers what a route of the API answers, a part of its rows at a time."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from desk.service import orders
from desk.service.bodies import PRINTED, Body, Id
from desk.service.orders import JournalEntry, TicketHead
from desk.service.portfolios.figures import CycleEntry
from desk.service.problems import Problem
from desk.service.routes import jobs, market, portfolios, runs
from desk.service.routes.jobs import JobRecord
from desk.service.routes.orders import names_of
from desk.service.routes.portfolios import PortfolioHead
from desk.service.tools.tool import MOST_LETTERS, MOST_ROWS, Desk, OfPortfolio, Page, Rows

FEW_PATHS = 16  # simulated futures of a risk sheet of which only the facts of today are wanted
LONG_PARTS = ("lines", "stress", "from_today")  # of a risk sheet
TEARSHEET = "tearsheet.json"  # of a report


class Symbol(Body):
    """An asset.  market : a shipped market or a store of prices; by default the first that has it."""

    symbol: Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTED)]
    market: Annotated[str, Field(max_length=80, pattern=PRINTED)] = ""


class HoldingsAsked(OfPortfolio, Page):
    """The positions of a portfolio, a part at a time."""


class RiskAsked(OfPortfolio, Page):
    """The part of a risk sheet.  part : figures are those of the whole portfolio."""

    part: Literal["figures", "lines", "stress", "from_today"] = "figures"


class OfReport(OfPortfolio, Page):
    """A comparison of policies.  job : id of the report; by default the newest of the portfolio."""

    job: Annotated[str, Field(max_length=32, pattern=PRINTED)] = ""


class OfJob(Body):
    """A job, by its id."""

    job: Id


class OfTicket(Body):
    """A ticket, by its id, which is the beginning of its hash."""

    ticket: Annotated[str, Field(pattern="^[0-9a-f]{12,64}$")]


class PortfolioRows(Rows):
    """Portfolios."""

    rows: list[PortfolioHead]


class Holdings(Rows):
    """Positions at a close, and cash.  rows : units, price, value, weight, target, gap, lower and upper of each."""

    portfolio: str
    date: str
    policy: str
    headline: str
    rows: list[dict[str, Any]]


class Risk(Rows):
    """A risk sheet.  figures : of the whole, fractions unless named.  rows : of the part `lines`."""

    portfolio: str
    figures: dict[str, Any]
    rows: list[dict[str, Any]]


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


class Compared(Rows):
    """A comparison.  rows : figures of each policy.  text : the tables, for persons."""

    portfolio: str
    job: str
    run: str
    made: str
    recommended: str
    rows: list[dict[str, Any]]
    text: str


class Explained(BaseModel):
    """The last decision.  cycle : the newest decision cycle.  ticket : the newest list.  journal : newest entries."""

    portfolio: str
    cycle: CycleEntry | None
    ticket: TicketHead | None
    reason: str
    journal: list[JournalEntry]


def list_portfolios(desk: Desk, asked: Page) -> PortfolioRows:
    """List the portfolios that the user sees. Other tools take the id or the name of one as `portfolio`."""
    clients = portfolios.list_portfolios(desk.service, desk.caller, limit=MOST_ROWS)
    return PortfolioRows(**asked.rows([each for of in clients for each in of.portfolios]))


def query_portfolio_holdings(desk: Desk, asked: HoldingsAsked) -> Holdings:
    """Give the positions of a portfolio with their weights, targets and gaps, and what its policy would trade today.
    Then call propose_trades for the orders, or query_risk_metrics."""
    id = desk.portfolio(asked.portfolio)
    found = portfolios.drift(desk.service, desk.caller, id)
    about = {name: found[name] for name in ("date", "policy", "headline")}
    return Holdings(portfolio=id, **about, **asked.rows(found["lines"]))


def query_risk_metrics(desk: Desk, asked: RiskAsked) -> Risk:
    """Give volatility, tracking error, beta, VaR and CVaR of a portfolio; with `part` its risk by position, its stress
    tests, or its simulated future."""
    id = desk.portfolio(asked.portfolio)
    paths = portfolios.PATHS if asked.part == "from_today" else FEW_PATHS
    found = portfolios.risk(desk.service, desk.caller, id, paths=paths)
    kept = {name: value for name, value in found.items() if name not in (*LONG_PARTS, "pictures", "run", "schema")}
    part = {} if asked.part in ("figures", "lines") else {asked.part: found[asked.part]}
    return Risk(portfolio=id, figures=kept | part, **asked.rows(found["lines"] if asked.part == "lines" else []))


def get_portfolio_balance(desk: Desk, asked: OfPortfolio) -> Balance:
    """Give the net asset value and the cash of a portfolio at the last close."""
    id = desk.portfolio(asked.portfolio)
    found = portfolios.risk(desk.service, desk.caller, id, paths=FEW_PATHS)
    return Balance(portfolio=id, currency=found["basis"], **{name: found[name] for name in ("date", "nav", "cash")})


def get_stock_info(desk: Desk, asked: Symbol) -> StockInfo:
    """Give the last price that is kept of an asset, with its age and its source. It is no quote of the moment."""
    named = asked.market or None
    count = market.market_data(desk.caller, asked.symbol, named, limit=1).count
    found = market.market_data(desk.caller, asked.symbol, named, limit=1, offset=max(count - 1, 0))
    if not found.rows:
        raise Problem(404, f"No price of {asked.symbol!r} is kept in {found.market}.")
    facts = next(each for each in market.list_assets(desk.caller, found.market) if each.symbol == asked.symbol)
    (last,) = found.rows
    return StockInfo(
        symbol=found.symbol, source=found.market, price=last.close, currency=facts.currency, date=last.date,
        age_days=(datetime.now(UTC).date() - last.date).days, is_tradable=last.is_tradable,
        asset_class=facts.asset_class, sector=facts.sector,
    )  # fmt: skip


def compare_policies(desk: Desk, asked: OfReport) -> Compared:
    """Give the figures of all policies of a portfolio, side by side, and which one is recommended: of its newest
    report. Where there is none, call run_report, and get_job until it is done."""
    job = asked.job or newest_report(desk, desk.portfolio(asked.portfolio))
    sheet = json.loads(content_of_job(desk, job, TEARSHEET))
    record = jobs.job(job, desk.caller, desk.service)
    made = runs.run(str(record.run), desk.caller, desk.service)
    rows = [{"policy": policy, **figures} for policy, figures in sheet["figures"].items()]
    about = {"job": job, "run": made.run, "made": made.made, "recommended": sheet["recommendation"]["policy"]}
    return Compared(portfolio=record.portfolio, **about, text=made.text[:MOST_LETTERS], **asked.rows(rows))


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
    name, root = name_of(desk, id), desk.service.root(desk.caller.tenant)
    head = next((head for _, head in orders.tickets_of(root, [name], 1, None)), None)
    reason = json.loads(orders.file_of(root, [name], head.hash, "json").read_bytes())["reason"] if head else ""
    cycle = found.cycles[0] if found.cycles else None
    return Explained(portfolio=id, cycle=cycle, ticket=head, reason=reason, journal=found.journal)


def get_ticket(desk: Desk, asked: OfTicket) -> TicketHead:
    """Say whether a ticket waits for approval, was approved or refused by a person, or was sent."""
    root, names = desk.service.root(desk.caller.tenant), names_of(desk.service, desk.caller)
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


def name_of(desk: Desk, portfolio: str) -> str:
    """The name by which the journal knows a portfolio."""
    with desk.service.sessions() as session:
        return portfolios.seen(session, desk.caller, portfolio).name
