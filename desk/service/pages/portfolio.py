"""The pages of portfolios: a new one; what to do next with one, its panels, worksheet and risk profile."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote

import yaml
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import StringConstraints
from sqlalchemy import func, select

from desk.commands.portfolio_file.broker_terms import CLASS_COSTS
from desk.commands.portfolio_file.new_settings import PROFILES, USUAL_PROFILE
from desk.service.bodies import PRINTED, Id
from desk.service.caller import Caller, InService, needs
from desk.service.orders import MOST_ASSETS, TicketHead, tickets_of
from desk.service.pages.overviews import refreshed
from desk.service.pages.page import PageRoute, shown
from desk.service.pages.prices import fetches
from desk.service.portfolios import panels
from desk.service.portfolios.figures import figures_of, value_figures
from desk.service.portfolios.stored import content_of, found_content, found_portfolio, seen, seen_by
from desk.service.portfolios.validation import SHIPPED_FILES
from desk.service.routes.orders import why
from desk.service.routes.orders import worksheet as recomputed
from desk.service.routes.portfolios import YAML, Version, history, list_notes, portfolios_of, record_of
from desk.service.routes.risk_profile import risk_profile as given
from desk.service.store.tables import RiskAnswers, StoredPortfolio
from desk.service.stores import stores_of
from desk.service.worksheet import WorksheetAsked
from foundation.errors import ConfigError
from foundation.paper.wording import amount, class_words, counted, number
from research.market.reading.known_instruments import SOURCES
from research.portfolio.file.kinds import Day

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]
OrderReader = Annotated[Caller, Depends(needs("viewer", "orders"))]
Writer = Annotated[Caller, Depends(needs("manager", "portfolios"))]
Manager = Annotated[Caller, Depends(needs("manager", "orders"))]
Asset = Annotated[str, StringConstraints(max_length=100, pattern=PRINTED)]
Locked = Annotated[tuple[Asset, ...], Query(max_length=MOST_ASSETS)]
ENTRIES = 20  # of the journal, and notes, that the page shows
EXAMPLES = {  # shipped files that name no other one
    "sixty_forty": "two funds, shares and bonds",
    "global_multi_asset": "eight funds and bitcoin",
    "five_targets": "eight funds, five targets compared",
    "under_limits": "limits of orders and turnover",
}
TYPED_EXCHANGES = {  # by the calendar of its sessions
    "XNYS": "New York", "XETR": "Frankfurt (Xetra)", "XAMS": "Amsterdam", "XPAR": "Paris", "XMIL": "Milan",
    "XSWX": "Zurich", "XLON": "London", "XTSE": "Toronto", "XASX": "Sydney", "XTKS": "Tokyo",
    "24/7": "Every day (coins)",
}  # fmt: skip
OF_AN_ORDER = "In hundredths of one per cent of an order."
TYPED_TERMS = (  # of a broker: name, label, and hint
    ("ticket", "Fee of an order", "In the currency of the portfolio."),
    ("minimum", "Least fee of an order", "Where the fee is a part of the order."),
    ("commission_bps", "Fee as a part of an order", OF_AN_ORDER),
    ("half_spread_bps", "Half the gap between buying and selling price", OF_AN_ORDER),
    ("tax", "Tax on gains", "As a fraction: 0.26 is 26 per cent. Left empty: none."),
    ("saving", "Savings a month", "What comes in; below zero what goes out."),
    ("day_cost", "What a day with trades costs you", "Your time and trouble, in money."),
    ("cash", "Interest on cash a year", "As a fraction: 0.02 is 2 per cent."),
)


@router.get("/portfolios/{portfolio}")
def portfolio(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show a portfolio; its figures are panels."""
    record = record_of(service, caller, portfolio)
    is_own = found_portfolio(service, caller, portfolio).owner == caller.user
    return shown(request, "portfolio.html.j2", caller, portfolio=record, is_own=is_own)


@router.get("/portfolios/{portfolio}/value")
def value_page(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the value of a portfolio, what it was before, and its weights, as the first page keeps them."""
    try:
        figures = refreshed(service, caller, portfolio).figures
        found = None if figures is None else {"value": figures.value, "basis": figures.basis}
    except ConfigError:  # it names no policy: what it is worth is known all the same
        found = None
    if found is None:
        record = record_of(service, caller, portfolio)
        written = record.created.isoformat(), record.written.isoformat()
        found = figures_of(service, caller, value_figures, portfolio, None, *written)
    return shown(request, "portfolio_value.html.j2", caller, **found)


@router.get("/portfolios/{portfolio}/today")
def today_page(request: Request, portfolio: Id, service: InService, caller: OrderReader) -> Response:
    """Show what to do next, the lines by class with their drift, and the recommended orders."""
    found = figures_of(service, caller, panels.today_panel, portfolio, None)
    notes = {note.subject: note for note in list_notes(service, caller, portfolio)[::-1] if note.kind == "line"}
    newest = tickets_of(service.root(caller.tenant), [found["ticket"]["portfolio"]], 1, None)
    step = next_step(portfolio, found, newest[0][1] if newest else None)
    sheet = {"headline": _headline(found), "columns": [{"name": found["ticket"]["portfolio"]}]}
    content = {"found": found, "step": step, "sheet": sheet, "notes": notes, "age": age_of(found["ticket"]["as_of"])}
    content["fetches"] = fetches(found_content(service, caller, portfolio).tree)
    return shown(request, "portfolio_today.html.j2", caller, portfolio=portfolio, **content)


@router.get("/portfolios/{portfolio}/risk")
def risk_page(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the risk of the holdings, what they may lose, how they stand stress, and a year from today."""
    block = figures_of(service, caller, panels.risk_panel, portfolio, None)
    return shown(request, "portfolio_sheet.html.j2", caller, block=block)


@router.get("/portfolios/{portfolio}/performance")
def performance_page(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the history of NAV, and the backtest of the active policy."""
    found = figures_of(service, caller, panels.performance_panel, portfolio, None)
    return shown(request, "portfolio_performance.html.j2", caller, found=found)


@router.get("/portfolios/{portfolio}/journal")
def journal_page(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the newest decisions, entries, versions and notes."""
    record = record_of(service, caller, portfolio)
    found = history(service, caller, portfolio, ENTRIES)
    notes = list_notes(service, caller, portfolio, ENTRIES)
    lines = [(asset, asset) for asset in record.portfolio.get("lines", ())]
    return shown(request, "portfolio_journal.html.j2", caller, portfolio=record, found=found, notes=notes, lines=lines)


@router.get("/portfolios/{portfolio}/edit")
def edit(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the file of a portfolio in a form, for who may change it."""
    record = record_of(service, caller, portfolio)
    with service.sessions() as session:
        stored = seen(session, caller, portfolio)
        text = content_of(service, session, stored)[1].text
    is_own = stored.owner == caller.user
    return shown(request, "portfolio_edit.html.j2", caller, portfolio=record, text=text, is_own=is_own)


@router.get("/portfolios/{portfolio}/file")
def file_page(portfolio: Id, service: InService, caller: Reader, version: Version = None) -> Response:
    """Give a version of the file of a portfolio, to be kept."""
    content = found_content(service, caller, portfolio, version)
    named = f"attachment; filename*=utf-8''{quote(content.name)}.yaml"
    return Response(content.text, media_type=YAML, headers={"Content-Disposition": named})


@router.get("/orders/{order}")
def order(
    request: Request, order: Annotated[str, Path(max_length=64)], service: InService, caller: OrderReader
) -> Response:
    """Say why an order was made."""
    return shown(request, "order.html.j2", caller, found=why(order, caller, service))


@router.get("/new")
def new(request: Request, service: InService, caller: Writer, example: Literal["", *EXAMPLES] = "") -> Response:  # type: ignore[valid-type]
    """Show the forms. example : a shipped file, whose targets are rows of the first, and whose text is in the last."""
    text = (SHIPPED_FILES / "portfolios" / f"{example}.yaml").read_text() if example else ""
    chosen, stores = [(each, each.capitalize()) for each in PROFILES], [*stores_of(service.root(caller.tenant))]
    content: dict[str, Any] = {
        "profiles": [*PROFILES],
        "usual": USUAL_PROFILE,
        "classes": {key: class_words(key) for key in CLASS_COSTS},
        "stores": stores,
    }
    content |= {"chosen": chosen, "priced": [(each, each) for each in stores or SOURCES[:1]], "terms": TYPED_TERMS}
    content |= {"exchanges": TYPED_EXCHANGES, "start": target_rows(text), "text": text}
    return shown(request, "new.html.j2", caller, examples=EXAMPLES, **content)


def target_rows(text: str) -> list[dict[str, Any]]:
    """The assets of a shipped file with their targets in percent, as rows of the form; [] for no text."""
    lines = (yaml.safe_load(text) if text else {}).get("lines", {})
    return [{"symbol": asset, "target": float(f"{100.0 * of['target']:g}")} for asset, of in lines.items()]


@router.get("/portfolios/{portfolio}/worksheet")
def worksheet_page(request: Request, portfolio: Id, service: InService, caller: Manager) -> Response:
    """Show the frame of the worksheet, whose rows are a panel with the same query."""
    stored = found_portfolio(service, caller, portfolio)
    return shown(request, "worksheet.html.j2", caller, portfolio=stored, query=request.url.query)


@router.get("/portfolios/{portfolio}/worksheet/rows")
def rows_page(
    request: Request, portfolio: Id, service: InService, caller: Manager, locked: Locked = (), as_of: Day | None = None
) -> Response:
    """Show the rows of the recommended list. locked : assets that do not trade."""
    asked = WorksheetAsked(locked=locked, stale_ok=True).model_copy(update={"as_of": as_of})
    sheet = recomputed(portfolio, asked, caller, service, request)
    content = {"portfolio": portfolio, "sheet": sheet, "locked": locked, "as_of": as_of}
    return shown(request, "worksheet_rows.html.j2", caller, **content)


@router.get("/profile")
def profiles(request: Request, service: InService, caller: Reader) -> Response:
    """Show for which portfolios the questionnaire was answered, and when."""
    with service.sessions() as session:
        newest = select(RiskAnswers.portfolio, func.max(RiskAnswers.created)).group_by(RiskAnswers.portfolio)
        own = newest.join(StoredPortfolio, StoredPortfolio.id == RiskAnswers.portfolio).where(seen_by(caller))
        answered = {portfolio: last for portfolio, last in session.execute(own)}
    return shown(request, "profiles.html.j2", caller, portfolios=portfolios_of(service, caller), answered=answered)


@router.get("/portfolios/{portfolio}/risk-profile")
def risk_profile_page(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the questionnaire of a portfolio, its result, and what the preset would change."""
    record, profile = record_of(service, caller, portfolio), given(service, caller, portfolio)
    return shown(request, "risk_profile.html.j2", caller, portfolio=record, profile=profile)


# -- words -------------------------------------------------------------------------------------------------------------


class NextStep(NamedTuple):
    """The next thing to do.  sentence : in words; label, to : of the one button."""

    sentence: str
    label: str
    to: str


def next_step(portfolio: str, found: Mapping[str, Any], newest: TicketHead | None) -> NextStep:
    """The next step of a person for a portfolio.

    portfolio : its id.
    found     : as `panels.today_panel` gives it.
    newest    : its newest ticket.
    """
    ticket, drift = found["ticket"], found["drift"]
    if newest is not None and newest.as_of == ticket["as_of"] and not newest.refused_by:
        todo = "is approved and not sent" if newest.is_approved else "waits for approval"
        if not newest.is_sent:
            said = f"A ticket of these prices {todo}: {newest.headline}"
            return NextStep(said, "Open the ticket", f"/tickets/{newest.id}")
        if not found["is_empty"]:
            said = "A ticket of these prices was sent: enter its fills in the file before you trade again."
            return NextStep(said, "See its fills", f"/tickets/{newest.id}")
    if found["stale"]:
        said = "The prices are too old for orders: get newer ones before you trade."
        return NextStep(said, "See the list at these prices", "#orders")
    if not found["is_empty"]:
        return NextStep(f"Trade: {ticket['reason']}.", "See the recommended trades", "#orders")
    triggers = [each["sentence"] for each in drift["readings"] if each["triggers"]]
    if triggers:
        said = f"Decide: {'; '.join(triggers)}. The policy itself trades nothing: {ticket['reason']}."
        return NextStep(said, "Weigh the alternatives", f"/decide/portfolios/{portfolio}")
    return NextStep(
        f"Nothing is to be done: {ticket['reason']}.", "Add or take out money", f"/money?portfolio={portfolio}"
    )


def age_of(day: str) -> str:
    """The age of prices in words.  day : YYYY-MM-DD."""
    days = (date.today() - date.fromisoformat(day)).days
    return "of today" if days <= 0 else f"{counted(days, 'day')} old"


def _headline(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """The figures at the top: value, drift, cash and orders."""
    ticket, totals, basis = found["ticket"], found["ticket"]["totals"], found["ticket"]["currency"]
    drifts = (each for each in found["drift"]["readings"] if each["name"] == "drift of an asset")
    widest, cash = next(drifts), found["drift"]["lines"][-1]
    count = len(ticket["orders"])
    costs = f"cost {amount(sum(each['cost'] * each.get('rate', 1.0) for each in ticket['orders']))} {basis}"
    shown = (
        ("Value", basis, amount(found["nav"]), f"prices of {ticket['as_of']}"),
        ("Largest drift", "points", number(100.0 * widest["value"], signed=True), f"{widest['of']}, {widest['level']}"),
        ("Cash", "% of value", number(100.0 * cash["weight"]), f"{amount(cash['value'])} {basis}"),
        ("Orders", "", f"{count}", costs if count else "the policy holds"),
        ("Turnover", "% of value", number(100.0 * totals["turnover"]), "one way"),
    )
    keys = "label", "unit", "words", "beside"
    return [dict(zip(keys, each, strict=True)) | {"interval": "", "kind": ""} for each in shown]
