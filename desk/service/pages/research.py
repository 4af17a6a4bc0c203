"""Research: runs that a form asks for, how they go, what they found, and what was tried and learned."""

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from backtests.evaluation.metrics import METRICS
from backtests.laboratory.learned.saved import SHEET
from backtests.runs.differences import run_differences
from backtests.runs.notebook import COMPARING, SET_BY_REPORT, SWEEPING
from backtests.runs.parameters import Parameter, Plain, declared
from backtests.runs.report_settings import FULL_RUN
from backtests.sheets.pages.policy_catalog import HEADS, NOTE, UNITS, policy_folders, policy_rows
from backtests.sheets.tables import table, without_empty_columns
from desk.commands.finished_run import SHEETS
from desk.commands.past_runs import METRICS_SHOWN
from desk.commands.run_differences import DIFFERENCE_HEADS, figure_rows, wealth_words
from desk.service.bodies import PRINTED, Id
from desk.service.caller import Caller, InService, needs
from desk.service.folders import RUNS, from_root
from desk.service.jobs.worker import PRICES_JOB
from desk.service.limited import limited
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios import figures
from desk.service.portfolios.stored import found_content, found_portfolio
from desk.service.routes import jobs, runs
from desk.service.routes.portfolios import portfolios_of
from foundation.dataclasses import dataclass, replace

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]
RunName = Annotated[str, Query(max_length=255, pattern=PRINTED)]
SHOWN, SEARCHED = 20, 100  # jobs and runs of a page; runs, the newest, whose policies are listed
SHOWN_METRICS = [METRICS[key] for key in METRICS_SHOWN]
TRIED = "Every configuration that was tried counts: the best of many looks good by luck alone."
AS_IN_FILE = re.compile("""; (?:""|-?[0-9]+) uses the file's""")  # of the meaning of a parameter
FIELD_LABELS = {"rl_steps": "training steps of learned policies", "rl_seeds": "trainings of each learned policy"}
GOVERNED = "Who answers for the portfolio, which models it rests on, and what stands against its orders."


@dataclass(frozen=True)
class Field:
    """A field of a form.  kind : as of `Parameter`.  default : "" where the portfolio's own setting is taken."""

    kind: str
    default: Plain
    label: str
    hint: str


def report_fields() -> dict[str, Field]:
    """The fields of a report by name, with the values that it takes by itself: those of its notebook, in full."""
    found = {name: each for name, each in declared(COMPARING).items() if name not in SET_BY_REPORT}
    return {name: _field(name, replace(x, default=FULL_RUN.get(name, x.default))) for name, x in found.items()}


def sweep_fields() -> dict[str, Field]:
    """The fields of a sweep by name, with the values of its notebook."""
    return {name: _field(name, each) for name, each in declared(SWEEPING).items() if name in jobs.SWEPT}


def _field(name: str, given: Parameter) -> Field:
    """A parameter of a notebook as a field: what takes the portfolio's own setting is left empty."""
    hint, of_file = AS_IN_FILE.subn("", given.meaning)
    label = FIELD_LABELS.get(name, name.replace("_", " ")).capitalize()
    hint = f"{hint[:1].upper()}{hint[1:]}{'. Left empty: as in the portfolio' * of_file}."
    return Field(given.kind, "" if of_file else given.default, label, hint)


@router.get("/research")
def research(
    request: Request, service: InService, caller: Reader, portfolio: Id = "", offset: jobs.Offset = 0
) -> Response:
    """Show what runs, the runs that there are, and the forms that ask for more.  portfolio : that of the forms."""
    heads = portfolios_of(service, caller)
    chosen = portfolio or (heads[0].id if heads else "")
    tree = found_content(service, caller, chosen).tree if chosen else {}
    content = {
        "portfolios": heads, "chosen": chosen, "policies": [*(tree.get("policies") or ())], "report": report_fields(),
        "sweep": sweep_fields(), "retrain": declared(COMPARING)["retrain"].meaning, "offset": offset,
    }  # fmt: skip
    return shown(request, "research.html.j2", caller, **content)


@router.get("/research/work")
def work_page(request: Request, service: InService, caller: jobs.Reader, offset: jobs.Offset = 0) -> Response:
    """Show the jobs that are open or failed, of the newest, and the runs."""
    found = jobs.jobs(caller, service, limit=SHOWN).jobs
    listed = runs.runs(caller, service, limit=SHOWN, offset=offset)
    content = {
        "jobs": [each for each in found if each.state != "done" and each.kind != PRICES_JOB] if not offset else [],
        "names": {each.id: each.name for each in portfolios_of(service, caller)},
        "runs": listed, "columns": SHOWN_METRICS, "offset": offset, "step": SHOWN,
    }  # fmt: skip
    return shown(request, "research_work.html.j2", caller, **content)


@router.get("/runs/compare")
def compare_page(
    request: Request, service: InService, caller: jobs.Reader, one: RunName = "", other: RunName = ""
) -> Response:
    """Show what differs between two runs, as `rebalance runs show` of both says it."""
    root, pair = service.root(caller.tenant), [runs.run(name, caller, service) for name in (one, other)]
    found = run_differences(*(root / RUNS / each.run for each in pair))
    rows = figure_rows(found.figures)
    figured = table("Figures that differ, the farthest apart first", DIFFERENCE_HEADS, rows, texts=(0, 1, 5))
    made = {of: [from_root(root, each) for each in sentences] for of, sentences in found.made_from.items()}
    content = {"runs": pair, "found": found, "made_from": made, "figures": figured if rows else None}
    return shown(request, "runs_compare.html.j2", caller, wealth=wealth_words(found), columns=SHOWN_METRICS, **content)


@router.get("/runs/{run}")
def run_page(
    request: Request, run: runs.Name, service: InService, caller: jobs.Reader, verify: bool = False
) -> Response:
    """Show a run: its tearsheet, figures, text and files.  verify : true to say whether it is unchanged, too."""
    record = runs.run(run, caller, service)
    files = jobs.job(record.job, caller, service).files
    sheet = next((name for name in SHEETS if name in files), "")
    verified = runs.verified(run, caller, service) if verify else None
    content = {"run": record, "files": files, "sheet": sheet, "verified": verified, "columns": SHOWN_METRICS}
    return shown(request, "run.html.j2", caller, **content)


@router.get("/research/policies")
def policies_page(request: Request, service: InService, caller: jobs.Reader) -> Response:
    """Show the learned policies that come with the workbench, and those of the newest runs, with their cards."""
    job_of = {each.run: each.job for each in runs.runs(caller, service, limit=SEARCHED).runs}
    root = service.root(caller.tenant)
    home = root / RUNS
    rows, groups, broken = policy_rows(
        each for each in policy_folders(home) if not each.is_relative_to(home) or _run_of(home, each) in job_of
    )
    cards = [
        f"/api/jobs/{job_of[name]}/files/{each.relative_to(home / name)}/{SHEET}"
        if (name := _run_of(home, each))
        else ""
        for each in groups
    ]
    content = {
        "heads": [*zip(HEADS, UNITS, strict=True)], "rows": [*zip(rows, cards, strict=True)], "note": NOTE,
        "broken": [from_root(root, each) for each in broken],
    }  # fmt: skip
    return shown(request, "policies.html.j2", caller, **content)


def _run_of(home: Path, folder: Path) -> str:
    """The name of the run that a folder of a policy belongs to, "" for one that comes with the workbench."""
    return folder.relative_to(home).parts[0] if folder.is_relative_to(home) else ""


@router.get("/research/trials")
def trials_page(request: Request, caller: jobs.Reader) -> Response:
    """Show what was tried, once its panel is loaded."""
    content = {"title": "Trial book", "panel_at": "/research/trials/book", "intro": TRIED}
    return shown(request, "research_panel.html.j2", caller, **content)


@router.get("/research/trials/book")
def trial_book(request: Request, service: InService, caller: jobs.Reader) -> Response:
    """Show the searches of the portfolios that the caller sees."""
    names = [each.name for each in portfolios_of(service, caller)]
    found = limited(figures.tried, names, home=service.root(caller.tenant))
    return shown(request, "trials.html.j2", caller, searches=found)


@router.get("/research/portfolios/{portfolio}/governance")
def governance_page(request: Request, portfolio: Id, service: InService, caller: jobs.Reader) -> Response:
    """Show the governance of a portfolio, once its panel is loaded."""
    name = found_portfolio(service, caller, portfolio).name
    at = f"/research/portfolios/{portfolio}/governance/today"
    content = {"title": f"Governance of {name}", "panel_at": at, "intro": GOVERNED}
    return shown(request, "research_panel.html.j2", caller, **content)


@router.get("/research/portfolios/{portfolio}/governance/today")
def governance_panel(request: Request, portfolio: Id, service: InService, caller: jobs.Reader) -> Response:
    """Show models and their validation, controls in force, surveillance and approvals of a portfolio."""
    found = figures.figures_of(service, caller, figures.governance_figures, portfolio, None)
    root = str(service.root(caller.tenant))
    said = {name: [each.replace(root, "your folder") for each in found[name]] for name in ("flags", "sentences")}
    tables = [without_empty_columns(each) for each in found["tables"]]
    return shown(request, "governance.html.j2", caller, tables=tables, **said)
