"""Decide: the decision cycle as a timeline of its agents, of a stored portfolio; scenarios to try are in the demo."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select, tuple_

from desk.cycle.briefing import briefed
from desk.cycle.page import as_shown, cycle_sheet
from desk.service.agents.blueprint import blueprint
from desk.service.agents.insights import LIST_AT_HAND
from desk.service.bodies import Id
from desk.service.caller import Caller, InService, needs
from desk.service.jobs.worker import PAGE, RECORD
from desk.service.pages.page import PageRoute, shown
from desk.service.payload.scenarios import Scenario
from desk.service.portfolios.stored import found_portfolio
from desk.service.routes import jobs
from desk.service.routes.portfolios import history, portfolios_of
from desk.service.routes.rebalance import preview_scenarios
from desk.service.store.tables import QueuedJob
from foundation.paper.wording import counted

router = APIRouter(prefix="/decide", include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]
AGENT_ROLES = {  # of each agent, in a sentence
    "market data": "Reads the prices, and says whether orders may rest on them.",
    "forecast": "States what each asset is expected to return. No order follows from it alone.",
    "risk": "Measures drift, value at risk and drawdown, and says what triggers a trade.",
    "optimiser": "Plays each alternative through the same simulated years, and scores it by its expected loss.",
    "execution": "Turns the choice into orders, and says when they are to be sent.",
    "supervisor": "Opens the cycle, checks every control, and says whether a person is asked.",
}
AGENT_SECTIONS = {  # of the sheet of a cycle, by the agent that they belong to
    "risk": ("readings",),
    "optimiser": ("alternatives",),
    "execution": ("decision", "changes"),
    "supervisor": ("controls",),
}
WANTED = {  # what a person does, by the status of a cycle; of others nothing
    "awaiting approval": "read the list, and issue it as a ticket, which a second person approves",
    "finalised": "check the orders, and have them sent",
    "not sent": "mend what the check names, and run the cycle again",
    "unreconciled": "book what explains the difference, and run the cycle again",
    "vetoed": "mend what the controls name, and run the cycle again",
}
SENT = ("awaiting approval", "finalised")  # whose list may be sent, once a person has approved it where one is asked
MOST_CYCLES = 50  # of a portfolio, among which the status of its newest is looked for


@router.get("")
def decide(request: Request, service: InService, caller: Reader) -> Response:
    """Show how the newest cycle of each portfolio stands, those first that wait for a person, and scenarios to try."""
    of_cycle = QueuedJob.kind == "cycle", jobs.of_seen(caller)
    last = select(QueuedJob.portfolio, func.max(QueuedJob.created)).where(*of_cycle).group_by(QueuedJob.portfolio)
    newest = select(QueuedJob).where(*of_cycle, tuple_(QueuedJob.portfolio, QueuedJob.created).in_(last))
    with service.sessions() as session:
        cycles = {each.portfolio: each for each in jobs.job_records(session, session.scalars(newest))}
    portfolios = portfolios_of(service, caller)
    portfolios.sort(key=lambda each: not _waits(cycles.get(each.id)))
    content = {
        "portfolios": portfolios,
        "cycles": cycles,
        "scenarios": cycle_scenarios().values(),
        "blueprint": blueprint(),
    }
    return shown(request, "decide.html.j2", caller, roles=AGENT_ROLES, **content)


@router.get("/portfolios/{portfolio}")
def of_portfolio(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the newest cycle of a portfolio, once its panel is loaded."""
    stored = found_portfolio(service, caller, portfolio)
    return shown(request, "decide_cycle.html.j2", caller, portfolio=stored, scenario=None)


@router.get("/portfolios/{portfolio}/cycle")
def cycle_panel(request: Request, portfolio: Id, service: InService, caller: jobs.Reader) -> Response:
    """Show how the newest cycle of a portfolio stands, and the newest that has ended well."""
    stored = found_portfolio(service, caller, portfolio)
    newest, done = (
        jobs.jobs(caller, service, state=state, kind="cycle", portfolio=portfolio, limit=1).jobs
        for state in (None, "done")
    )
    content: dict[str, Any] = {"job": newest[0] if newest else None, "portfolio": stored, "sheet": None}
    if done:
        files = f"/api/jobs/{done[0].id}/files"
        document = json.loads(Path(jobs.file(done[0].id, RECORD, caller, service).path).read_bytes())
        past = history(service, caller, portfolio, MOST_CYCLES).cycles
        status = next((each.status for each in past if each.record.sha256 == document["sha256"]), "")
        content |= cycle_content(document, status) | {"raw_at": f"{files}/{RECORD}", "page_at": f"{files}/{PAGE}"}
    return shown(request, "decide_panel.html.j2", caller, roles=AGENT_ROLES, **content)


def cycle_content(document: Mapping[str, Any], status: str = "", *, is_scenario: bool = False) -> dict[str, Any]:
    """The content of the panel, from the record of a cycle.  status : what became of its decision, "" for its own."""
    sheet, said = cycle_sheet(document, status=status), briefed(document, status, LIST_AT_HAND)
    record = as_shown(document)
    status, steps = status or record["status"], record["steps"]
    sections = {each["key"]: each["parts"] for each in sheet["sections"]}
    parts = {agent: [part for key in keys for part in sections.get(key, ())] for agent, keys in AGENT_SECTIONS.items()}
    orders = len(steps[5]["output"]["actions"])
    is_idle = is_scenario or (status == "finalised" and not orders)
    wanted = "" if is_idle else WANTED.get(status, "")
    idle = "it is a scenario, and nothing is sent" if is_scenario else "nobody has to do anything until the next close"
    close = f"The cycle at the close of {steps[0]['output']['last_close']} is {status}, with {counted(orders, 'order')}"
    alternatives, decided = steps[4]["output"]["alternatives"], steps[5]["output"]
    return {
        "sheet": sheet | {"asides": sheet["asides"] | {"What to do next": [] if is_scenario else said.steps}},
        "stands": f"{close}: {wanted or idle}.",
        "may_be_sent": status in SENT and bool(wanted),
        "opening": steps[0],
        "turns": [(step, parts.get(step["agent"], [])) for step in steps[1:]],
        "alternatives": alternatives,
        "chosen": decided["chosen"],
        "why_chosen": _why_chosen(alternatives, decided),
        "raw": json.dumps(document, indent=1, ensure_ascii=False),
    }


def _why_chosen(alternatives: Sequence[Mapping[str, Any]], decided: Mapping[str, Any]) -> str:
    """The reason of a decision for another alternative than that of the highest score; "" where it has that."""
    best = max(alternatives, key=lambda each: each["score"], default=None)
    if best is None or best["alternative"] == decided["chosen"]:
        return ""
    return next((each for each in decided["reasons"] if each.startswith(f"{best['alternative']} (")), "")


def _waits(job: jobs.JobRecord | None) -> bool:
    """True if a cycle failed, or asks for a person."""
    return job is not None and (job.state == "failed" or (job.result is not None and job.result.asks))


def cycle_scenarios() -> dict[str, Scenario]:
    """The preview scenarios of which a cycle can be run, by name: money that comes or goes is no part of one."""
    return {x.name: x for x in preview_scenarios() if not (x.payload.cash_flow or x.payload.buys_only)}
