"""Research in a browser: forms from parameters of notebooks, jobs that fail, are tried again and end, and runs."""

from threading import Event
from typing import Any

import pytest
from browser import PHONE, Opened, violations
from playwright.sync_api import expect
from sqlalchemy import select

from backtests.evaluation.metrics import METRICS
from backtests.runs.notebook import COMPARING, SET_BY_REPORT, SWEEPING
from backtests.runs.parameters import parameters_of
from backtests.runs.report_settings import FULL_RUN
from backtests.sweeps.file import read_sweep
from desk.commands.past_runs import METRICS_SHOWN
from desk.commands.report import make_backtest
from desk.service.caller import Caller
from desk.service.jobs import queue
from desk.service.jobs.worker import work
from desk.service.portfolios.stored import Content, created, written_out
from desk.service.portfolios.validation import yaml_of
from desk.service.routes.jobs import SWEPT
from desk.service.store.tables import QueuedJob, User
from foundation.files import ROOT
from research.portfolio.file.strict_yaml import read_yaml

OF_FILE = ("reference", "benchmark", "tracking_penalty", "rl_steps", "rl_seeds")  # fields that may be left empty
FILE = ROOT / "data" / "portfolios" / "sixty_forty.yaml"


def stored(service: Any, email: str, name: str) -> tuple[Caller, str]:
    """A user, and a new portfolio of his, whose text needs no check."""
    tree = read_yaml(str(FILE))[0] | {"name": name}
    with service.sessions() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
    caller = Caller(user.id, user.name, user.tenant, user.role)
    return caller, created(service, caller, "", Content(name, yaml_of(tree), tree, {}))


def test_forms_jobs_and_runs_in_a_browser(served: Any, signed_in: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    service, root, email = served.service, served.service.root("house"), served.user("manager", "ann")
    caller, portfolio = stored(service, email, "desk")
    _, other = stored(service, email, "other")
    page = signed_in(email, f"/research?portfolio={portfolio}")
    expect(page.locator("#work .empty")).to_contain_text("There is no run yet.")

    defaults = parameters_of(COMPARING) | FULL_RUN
    for name, value in defaults.items():
        assert page.locator(f'[data-api="POST /api/report"] [name="parameters/{name}"]').count() == (
            name not in SET_BY_REPORT
        )
        if name not in SET_BY_REPORT:
            assert page.locator(f"#report-{name}").input_value() == ("" if name in OF_FILE else str(value))
    for name in SWEPT:
        assert page.locator(f"#sweep-{name}").input_value() == str(parameters_of(SWEEPING)[name]).strip("[]")

    page.get_by_label("draws").first.fill("1.5")
    page.evaluate("document.querySelector('#report-draws').form.noValidate = true")
    page.get_by_role("button", name="Make the report").click()
    expect(page.locator("#message")).to_contain_text("parameter draws of compare_policies.ipynb is 1.5")
    page.get_by_label("draws").first.fill("2000")
    page.get_by_role("button", name="Make the report").click()
    following = page.locator("[data-follow]")
    queue.say_alive(service.sessions, "test")
    expect(following).to_have_text("Waits for its turn.")
    claimed = queue.claim(service.sessions, "test")
    assert claimed is not None
    assert claimed.arguments["options"] == ["--parameter=draws=2000"]  # what is left empty is as in the portfolio
    queue.beat(service.sessions, claimed, "comparing (40 %)")
    expect(following).to_have_text("Runs: comparing (40 %).")
    queue.finish_job(service.sessions, claimed, "failed", {"messages": "price missing for SPY on 2020-03-02."})
    expect(page.locator("#work .failed")).to_contain_text("Failed. price missing for SPY on 2020-03-02.")
    page.get_by_role("button", name="Try again").press("Enter")
    queue.say_alive(service.sessions, "test")
    expect(following).to_have_text("Waits for its turn.")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#work .failed")).to_contain_text("Cancelled.")

    page.get_by_text("Batch: the same report").click()
    page.get_by_label("other", exact=True).check()
    page.get_by_role("button", name="Make the reports").click()
    expect(page.locator("#work .open")).to_contain_text(["Report of other", "Report of desk"])
    with service.sessions() as session:
        batch = session.scalars(select(QueuedJob).where(QueuedJob.state == "queued")).all()
    assert {(each.kind, each.portfolio) for each in batch} == {("report", portfolio), ("report", other)}
    for each in batch:
        queue.cancel_job(service.sessions, each.id)
    expect(following).to_have_count(0)
    page.get_by_text("Sweep: many bands").click()
    page.get_by_label("bands").fill("0.01, 0.05")
    page.get_by_role("button", name="Run the sweep").click()
    expect(page.locator("#work .open")).to_contain_text("Sweep of desk")
    swept = queue.claim(service.sessions, "test")
    assert swept is not None
    described = read_sweep(root / swept.arguments["file"])
    assert described.settings["rules"]["threshold"]["band"] == [0.01, 0.05]
    assert len(described.plan) == (1 + 4 + 2 * 3) * 5 * 4  # never, calendars, bands by destinations; costs; lags
    queue.finish_job(service.sessions, swept, "cancelled")

    page.get_by_text("Backtest: one policy").click()
    page.get_by_label("Policy", exact=True).select_option("quarterly")
    page.get_by_role("button", name="Run the backtest").click()
    expect(page.locator("#work .open")).to_contain_text("Backtest of desk")
    work(service, Event(), once=True)
    link = page.locator("#work tbody a")
    expect(link).to_have_count(1)
    link.click()
    run = page.url.rpartition("/")[2]
    record = page.request.get(f"/api/runs/{run}").json()
    shown = page.locator(".five b").all_inner_texts()
    assert shown == [METRICS[name].cell(record["figures"]) for name in METRICS_SHOWN]
    page.get_by_role("link", name="Check that it is unchanged").click()
    expect(page.locator("p[role=status].state")).to_have_text("Every file is as it was when the run was made.")
    assert violations(page) == []
    with page.expect_response("**/sheet.html") as answer:
        page.get_by_role("link", name="Open the tearsheet").click()
    assert "sandbox allow-scripts" in answer.value.headers["content-security-policy"]

    monkeypatch.setenv("REBALANCE_TRIALS", str(root / "trials"))
    made = make_backtest(written_out(service, caller, portfolio), "threshold", root / "reports")
    done = {"state": "done", "run": made.folder.name, "created": queue.now(), "ended": queue.now()}
    with service.sessions.begin() as session:
        session.add(
            QueuedJob(
                tenant="house", user=caller.user, portfolio=portfolio, version=1, kind="backtest", arguments={}, **done
            )
        )  # fmt: skip
    page.goto("/research")
    page.get_by_role("radio", name=f"First: {run}").check()
    page.get_by_role("radio", name=f"Second: {made.folder.name}").check()
    page.get_by_role("button", name="Compare the two").click()
    expect(page.locator(".lead")).to_contain_text("The two were made from different settings.")
    expect(page.locator("dd").first).to_contain_text('policy was "quarterly" and is "threshold"')
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    for path, words in (
        ("/research", "Mark two to compare them."),
        ("/research/trials", "desk: 2 trials (candidate 2)"),
        ("/research/policies", "universal"),
        (f"/research/portfolios/{portfolio}/governance", "No whole run has validated it."),
    ):
        page.goto(path)
        expect(page.locator("main")).to_contain_text(words, timeout=30_000)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path
        assert violations(page) == [], path
    assert str(root) not in page.content()
