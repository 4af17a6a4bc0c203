"""Decide in a browser: a scenario in six cards, and a cycle of a portfolio that fails, is tried again and is shown."""

import json
from typing import Any

from browser import PHONE, Opened, violations
from playwright.sync_api import expect
from queued_jobs import add_portfolios
from sqlalchemy import select

from desk.service.agents.blueprint import blueprint
from desk.service.agents.tandem import tandem
from desk.service.folders import JOBS
from desk.service.jobs import queue
from desk.service.jobs.worker import RECORD
from desk.service.pages.decide import AGENT_ROLES, WANTED, cycle_content
from desk.service.payload.scenarios import scenarios
from desk.service.store.tables import QueuedJob, User
from foundation.paper.wording import number

DRILLDOWN = next(each for each in scenarios() if each.name == "drilldown")


def test_each_agent_of_the_blueprint_has_a_role_and_each_status_that_waits_says_for_what() -> None:
    assert [each.agent for each in blueprint().agents[1:]] == list(AGENT_ROLES)
    assert {each.status for each in blueprint().escalation} <= set(WANTED)


def test_a_cycle_says_what_a_person_must_do_by_its_status() -> None:
    document = {**tandem(DRILLDOWN.payload).cycle}
    assert cycle_content(document)["stands"].endswith("with 2 orders: check the orders, and have them sent.")
    awaited = cycle_content(document, "awaiting approval")
    assert awaited["stands"].endswith(
        "with 2 orders: read the list, and issue it as a ticket, which a second person approves."
    )
    assert awaited["may_be_sent"]
    assert not cycle_content(document, "vetoed")["may_be_sent"]
    document["steps"][5]["output"]["actions"] = []
    assert cycle_content(document)["stands"].endswith("nobody has to do anything until the next close.")


def test_a_scenario_in_one_click_and_a_cycle_that_fails_and_is_tried_again(served: Any, signed_in: Opened) -> None:
    service, email = served.service, served.user("manager", "ann")
    with service.sessions() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
    (portfolio,) = add_portfolios(service.sessions, 1, user.id)
    page = signed_in(email, "/decide")
    expect(page.get_by_role("row")).to_contain_text(["newest cycle", "No cycle has run."])
    assert violations(page) == []
    page.get_by_role("link", name="Run a cycle of drilldown").click()
    cards = page.locator("#cycle .cycle > li")
    expect(cards).to_have_count(6)
    expect(page.locator("#cycle .lead")).to_contain_text("it is a scenario, and nothing is sent")
    with page.expect_download() as download:
        page.get_by_text("The record, as JSON").click()
        page.get_by_role("link", name="Download it").click()
    document = json.loads(download.value.path().read_bytes())
    assert [card.split("\n")[0].lower() for card in cards.all_inner_texts()] == list(AGENT_ROLES)
    alternatives = document["steps"][4]["output"]["alternatives"]
    for each, card in zip(alternatives, page.locator(".alternatives > li").all_inner_texts(), strict=True):
        today, later, tracking = (each[part] for part in ("today", "later", "tracking"))
        assert abs(today + later + tracking - each["loss"]) < 1e-9
        shown = [each["alternative"], f"{number(each['score'])} of 10", *(f"{number(x)} bp" for x in (today, later))]
        assert all(words in card for words in (*shown, f"{number(each['loss'])} bp a year"))
    expect(page.locator("#cycle .note", has_text="Why policy")).to_contain_text(
        "edge (each asset to within 1.5 points of its target) is expected to lose 0.03 bp a year"
    )
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

    page.goto(f"/decide/portfolios/{portfolio}")
    expect(page.locator("#cycle .empty")).to_contain_text("No cycle of this portfolio has run yet.")
    root = service.root("house")
    root.mkdir(parents=True, exist_ok=True)
    (root / "p.yaml").write_text("name: P\n")
    job = QueuedJob(
        tenant="house", user=user.id, portfolio=portfolio, version=1, kind="cycle", arguments={"file": "p.yaml"},
        code=queue.code_version(),
    )  # fmt: skip
    with service.sessions.begin() as session:
        session.add(job)
    page.reload()
    expect(page.locator("[data-follow]")).to_contain_text("no worker is running")
    queue.say_alive(service.sessions, "test")
    expect(page.locator("[data-live]").first).to_have_text("Waits for its turn.")
    claimed = queue.claim(service.sessions, "test")
    assert claimed is not None
    queue.beat(service.sessions, claimed, "running the cycle")
    expect(page.locator("[data-follow]")).to_have_text("Runs: running the cycle.")
    queue.finish_job(service.sessions, claimed, "failed", {"messages": "No policy is in force. <b>Name one."})
    expect(page.locator("#cycle .failed")).to_contain_text("Failed. No policy is in force. <b>Name one.")
    expect(page.locator("#message")).to_have_text("The cycle failed.")
    queue.say_alive(service.sessions, "test")
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.locator("[data-follow]")).to_have_text("Waits for its turn.")
    assert violations(page) == []
    claimed = queue.claim(service.sessions, "test")
    assert claimed is not None
    folder = root / JOBS / job.id
    folder.mkdir(parents=True)
    (folder / RECORD).write_text(json.dumps(document))
    queue.finish_job(service.sessions, claimed, "done", {"status": 0})
    expect(page.locator("#cycle .lead")).to_contain_text("is finalised, with 2 orders: check the orders")
    expect(page.get_by_role("link", name="Go to the recommended list")).to_be_visible()
    expect(cards).to_have_count(6)
