"""The page of a portfolio: its figures are those of the API; a person reads it, opens a class, mends and notes."""

import html
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browser import PHONE, Opened, violations
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import SHIPPED, SIXTY_FORTY, SignedIn, caller_of, share
from playwright.sync_api import Locator, Page, expect

from backtests.studies.forecasts.book import entry_of
from backtests.studies.forecasts.walk_forward import interval
from desk.service import orders
from desk.service.orders import TicketHead, TradesAsked, signature
from desk.service.pages.portfolio import next_step
from desk.service.portfolios.panels import Expected, todays_forecast
from desk.service.portfolios.stored import Content, created, written_out
from foundation.home import HOME
from foundation.paper.wording import amount, number
from research.forecast import Moments
from research.market import load_market
from research.portfolio import load_portfolio

FORECASTS = (SHIPPED / "forecasts.yaml").read_text()
HOSTILE = '<img src=x onerror="alert(1)"> sell all'


# -- in a browser ------------------------------------------------------------------------------------------------------


def nav_file() -> bytes:
    """A history of NAV up to the last close of the shipped market."""
    days = load_market("multi_asset_daily").days[-30:].astype(str)
    return "\n".join(["date,nav", *(f"{day},{24_900_000 + 1_000 * k}" for k, day in enumerate(days))]).encode()


def texts(cells: Locator) -> list[str]:
    """The words of elements, those that are hidden, too."""
    return [" ".join(each.split()) for each in cells.all_text_contents()]


def rows_of(page: Page, css: str) -> dict[str, list[str]]:
    """The cells of a table's rows by their heads."""
    heads, cells = texts(page.locator(f"{css} tbody th")), texts(page.locator(f"{css} tbody td"))
    wide = len(cells) // len(heads)
    return {head: cells[k * wide : (k + 1) * wide] for k, head in enumerate(heads)}


def check_lines(page: Page, drift: dict[str, Any], ticket: dict[str, Any]) -> None:
    """Compare the rows of assets, classes and cash with the API's drift and list."""
    rows, ordered = rows_of(page, "table.lines"), {each["asset"]: each for each in ticket["orders"]}
    by_class = dict[str, list[dict[str, Any]]]()
    for line in drift["lines"]:
        by_class.setdefault(line["asset_class"], []).append(line)
        weight, target, gap, *_, value, reason = rows[line["asset"]]
        assert [weight, target] == [number(100 * line[key]) for key in ("weight", "target")]
        assert (gap, value) == (number(100 * line["gap"], signed=True), amount(line["value"]))
        if (order := ordered.get(line["asset"])) is not None:
            _, _, _, _, _, side, units, notional, cost, after, *_ = rows[line["asset"]]
            assert (side, notional, cost) == (order["side"], amount(order["notional"]), number(order["cost"]))
            assert (float(units.replace(",", "")), reason.partition("Note")[0].strip()) == (
                pytest.approx(order["quantity"], abs=1e-4),
                order["reason"],
            )
            assert after == number(100 * order["weight_after"])
    equity = by_class["us_equity"]
    shown = rows["US equity"]
    assert len(equity) == 2
    assert shown[:2] == [number(100 * sum(line[key] for line in equity)) for key in ("weight", "target")]
    assert shown[2] == number(100 * sum(line["gap"] for line in equity), signed=True)
    for column, key in ((7, "notional"), (8, "cost")):
        sums = [sum(ordered[line["asset"]][key] for line in equity), sum(each[key] for each in ticket["orders"])]
        form = amount if key == "notional" else number
        assert [shown[column], rows["sum"][column]] == [form(each) for each in sums]


def check_panels(page: Page, risk: dict[str, Any], performance: dict[str, Any]) -> None:
    """Compare figures of risk, stress, futures and performance with the API's."""
    volatility, tracking, at_risk, *_ = texts(page.locator("#risk .five b"))
    assert [volatility, tracking] == [number(100 * risk["volatility"], 1), number(100 * risk["tracking_error"])]
    daily = next(each for each in risk["losses"] if (each["method"], each["level"]) == ("historical", 0.95))
    assert at_risk == number(100 * daily["var"])
    shocks = " ".join(texts(page.locator("#stress td")))
    assert all(number(100 * each["total"], 1) in shocks for each in risk["stress"]["shocks"])
    loses = risk["from_today"]["futures"][0]["figures"]["loss_year"]["value"]
    assert f"with a probability of {number(100 * loses, 1)}" in " ".join(texts(page.locator("#from_today p")))
    figures, cells = performance["figures"], texts(page.locator("#performance .five b"))
    assert cells[:2] == [number(100 * figures["growth"]), number(figures["sharpe"])]
    history = [[number(each["nav"])] for each in performance["nav_history"]][::-1]
    assert [cells[:1] for cells in rows_of(page, "#performance .tall table").values()] == history


def test_a_portfolio_is_read_opened_mended_and_noted(served, signed_in: Opened) -> None:
    page = signed_in(served.user("manager", "ann"))
    api, headers = page.request, {"Origin": served.address, "X-Requested-With": "test"}
    text = f"{FORECASTS}\nnav_history: nav.csv\n".encode()
    sent = {
        "portfolio": {"name": "p.yaml", "mimeType": "text/yaml", "buffer": text},
        "files": {"name": "nav.csv", "mimeType": "text/csv", "buffer": nav_file()},
    }
    made = api.post("/api/portfolios?client=Muster", multipart=sent, headers=headers)
    assert made.ok, made.text()
    path = f"/api/portfolios/{made.json()['id']}"

    page.route("**/risk", lambda route: route.abort())
    page.goto(f"{path.removeprefix('/api')}#stress")  # a part of a panel that is closed
    failed = page.locator("#risk").get_by_role("alert")
    expect(failed).to_contain_text("The server does not answer.")
    page.unroute("**/risk")
    failed.get_by_role("button", name="Try again").click()
    expect(page.locator("#stress")).to_be_visible()
    expect(page.locator(".panel[aria-busy]")).to_have_count(3)  # of the others nothing is computed yet
    for closed in ("Journal", "File"):
        page.get_by_role("link", name=closed, exact=True).click()
    page.locator("#performance > summary").press("Enter")
    expect(page.locator(".panel[aria-busy=false]")).to_have_count(6)
    value = page.locator("#value")
    expect(value.locator(".worth")).to_contain_text(re.compile("USD *at prices of 2022-12-29"))
    expect(value.locator("dt").first).to_have_text("Since the close before (2022-12-28)")
    expect(value.locator(".note")).to_contain_text("By its history of net asset value.")
    expect(value.get_by_role("img", name=re.compile("^Weights today .* US equity .* target "))).to_be_visible()
    expect(page.locator("#performance > summary")).to_be_focused()
    expect(page.locator(".failed")).to_have_count(0)
    expect(page.locator(".verdict .lead")).to_have_text(
        "The prices are too old for orders: get newer ones before you trade."
    )

    predict = api.post(
        "/api/rebalance/predict", data={"portfolio": made.json()["id"], "stale_ok": True}, headers=headers
    )
    check_lines(page, api.get(f"{path}/drift").json(), predict.json())
    check_panels(page, api.get(f"{path}/risk").json(), api.get(f"{path}/performance").json())

    bonds, equity = (page.get_by_role("button", name=name) for name in ("bonds", "US equity"))
    expect(page.locator("table.lines th", has_text="AGG")).to_be_hidden()
    page.locator("tr.class", has=bonds).locator("td").nth(1).click()
    equity.focus()
    page.keyboard.press("Enter")
    for button in (bonds, equity):
        expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator("table.lines").get_by_role("rowheader", name="QQQ")).to_be_visible()

    page.locator(".nav-chart .u-over").hover()
    pointed = re.compile(r"close\s*2022-1\d-\d\d\s*net asset value\s*24,9\d\d,000")
    expect(page.locator(".u-legend")).to_contain_text(pointed)

    notes = page.locator("#journal form")
    notes.get_by_label("Note", exact=True).fill(HOSTILE)
    notes.get_by_role("button").click()
    expect(page.locator("#journal .entries").first).to_contain_text(f"ann on SPY: {HOSTILE}")

    form = page.locator("#edit form").first
    form.get_by_label("File, version 1").fill(FORECASTS.replace("shares: 18_040", "shares: -1").replace("USD", "''"))
    form.get_by_role("button").click()
    expect(form.locator(".mistake")).to_have_count(2)
    expect(form.locator(".mistake").last).to_contain_text(re.compile(r"/lines/SPY/shares: line \d+: .*at least 0"))

    page.set_viewport_size(PHONE)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


# -- without a browser -------------------------------------------------------------------------------------------------


def stored(client: TestClient, text: str = SIXTY_FORTY) -> str:
    """The path of a new portfolio's page."""
    service, tree = client.app.state.service, {"policy": "threshold", "lines": {"SPY": {}, "AGG": {}}}  # type: ignore[attr-defined]
    return f"/portfolios/{created(service, caller_of(client), HOSTILE, Content('Sixty-forty', text, tree, {}))}"


def test_who_only_reads_has_no_forms_and_what_people_wrote_is_text(client_of: SignedIn) -> None:
    owner = client_of()
    path = stored(owner)
    reader = client_of("viewer")
    share(path.rpartition("/")[2], reader)
    for part in ("", "/journal", "/edit"):
        assert ("<form" in owner.get(f"{path}{part}").text) == (part != ""), part
        page = reader.get(f"{path}{part}")
        assert (page.status_code, "<form" in page.text) == (200, False), part
    assert "&lt;img src=x" in owner.get(path).text
    assert "<img" not in owner.get(path).text
    assert "<h1>Sixty-forty</h1>" in owner.get(path, headers={"Accept": "text/yaml"}).text  # of the API alone
    kept = reader.get(f"{path}/file")
    assert kept.text == SIXTY_FORTY
    assert kept.headers["content-disposition"] == "attachment; filename*=utf-8''Sixty-forty.yaml"
    assert reader.get(f"{path}/file?version=2").status_code == 404
    assert client_of("viewer").get(path).status_code == 404


def test_a_file_without_a_policy_says_where_one_comes_from(app: FastAPI, client_of: SignedIn) -> None:
    owner = client_of()
    tree = {"lines": {"SPY": {}}}
    text = SIXTY_FORTY.replace("policy: threshold\n", "")
    portfolio = created(app.state.service, caller_of(owner), "", Content("Plain", text, tree, {}))
    page = owner.get(f"/portfolios/{portfolio}").text
    assert (
        f'names no policy: the one that its newest report recommends is used. <a href="/research?portfolio={portfolio}"'
        in page
    )
    value = owner.get(f"/portfolios/{portfolio}/value")  # which no policy is needed for
    assert (value.status_code, "1,998,342 USD" in value.text) == (200, True), value.text
    missing = owner.get(f"/portfolios/{portfolio}/nothing", headers={"Accept": "text/html"})
    assert (missing.status_code, "There is no such page." in missing.text) == (404, True)


def test_a_column_that_is_empty_in_every_row_is_left_out(client_of: SignedIn) -> None:
    owner = client_of()
    page = owner.get(f"{stored(owner)}/today").text
    assert "No forecast: the file names none." in page
    table = page.partition('<table class="lines"')[2].partition("</table>")[0]
    assert "expected return" not in table
    cells = [row.count("<th ") + len(re.findall("<td[ >]", row)) for row in table.split("<tr")[1:]]
    assert cells == [12] * len(cells)


def test_a_portfolio_that_was_deleted_shows_its_journal_alone(client_of: SignedIn) -> None:
    owner = client_of()
    path = stored(owner)
    assert owner.delete(f"/api{path}", headers={"If-Match": "*"}).status_code == 204
    page = owner.get(path).text
    assert "This portfolio was deleted on" in page
    assert re.findall(r'data-load="([^"]+)"', page) == [f"{path}/journal"]
    assert "<form" not in owner.get(f"{path}/journal").text
    failed = owner.get(f"{path}/today", headers={"X-Requested-With": "page"})
    assert (failed.status_code, "data-retry" in failed.text) == (410, True)
    assert "The portfolio was deleted. Its versions can be read." in failed.text


def test_the_journal_leads_from_a_ticket_to_the_reasons_of_its_orders(
    app: FastAPI, client_of: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = client_of()
    caller, path, root = caller_of(owner), stored(owner), app.state.service.root("house")
    file = written_out(app.state.service, caller, path.rpartition("/")[2])
    monkeypatch.setenv(HOME, str(root))
    monkeypatch.chdir(root)
    ticket = orders.issued(str(file), TradesAsked(as_of="2022-12-30"), caller.name, signature(caller))
    journal = owner.get(f"{path}/journal").text
    (entry,) = owner.get("/api/journal").json()["entries"]
    assert f'href="/tickets/{ticket[:12]}"' in journal
    assert entry["text"].split(":")[0] in journal
    order = entry["content"]["orders"][0]["order"]
    said = owner.get(f"/api/orders/{order}/why").json()["sentences"]
    page = owner.get(f"/orders/{order}").text
    assert list(map(html.unescape, re.findall(r"<li>(.*)</li>", page))) == said


TICKET = {"as_of": "2022-12-29", "reason": "review due", "portfolio": "p"}


def found_today(**changes: Any) -> dict[str, Any]:
    """What a page shows of a portfolio that has nothing to do."""
    return {"ticket": TICKET, "drift": {"readings": []}, "stale": "", "is_empty": True} | changes


def head(**changes: Any) -> TicketHead:
    """A ticket that waits for its approval."""
    fields = dict.fromkeys(("id", "hash", "portfolio", "policy", "headline", "made", "text"), "a")
    lists = {"made_by": [], "approved_by": [], "refused_by": [], "formats": []}
    known = {"as_of": "2022-12-29", "wanted": 1, "is_approved": False, "is_sent": False}
    return TicketHead(**fields, **lists | known | changes)


@pytest.mark.parametrize(
    ("found", "ticket", "to"),
    [
        (found_today(), None, "/money?portfolio=p"),
        (found_today(is_empty=False), None, "#orders"),
        (found_today(stale="Stale."), None, "#orders"),
        (found_today(drift={"readings": [{"triggers": True, "sentence": "crisis"}]}), None, "/decide/portfolios/p"),
        (found_today(is_empty=False), head(), "/tickets/a"),
        (found_today(is_empty=False), head(is_approved=True), "/tickets/a"),
        (found_today(is_empty=False), head(is_approved=True, is_sent=True), "/tickets/a"),
        (found_today(), head(is_approved=True, is_sent=True), "/money?portfolio=p"),
        (found_today(is_empty=False), head(refused_by=["ben"]), "#orders"),
        (found_today(is_empty=False), head(as_of="2022-12-28"), "#orders"),
    ],
)
def test_the_next_step_is_what_comes_first(found: dict[str, Any], ticket: TicketHead | None, to: str) -> None:
    step = next_step("p", found, ticket)
    assert step.to == to
    assert step.sentence.endswith((".", ": a"))


# -- expected returns --------------------------------------------------------------------------------------------------


def test_a_class_is_expected_to_return_what_its_assets_do_together() -> None:
    """By hand: halves of 2 % and 4 % with deviations of 10 % and 20 % and correlation −1 have a deviation of 5 %."""
    covariance = np.array([[0.01, -0.02], [-0.02, 0.04]])
    expected = Expected(Moments(("A", "B"), np.array([0.02, 0.04]), covariance, 21, pd.Timestamp("2022-12-30")), "")
    both = expected.of({"A": 0.3, "B": 0.3, "none held": 0.0})
    assert both == pytest.approx({"mean": 0.03, "lower": 0.03 - 0.0822427, "upper": 0.03 + 0.0822427}, abs=1e-6)
    assert expected.of({"A": 0.3, "C": 0.3}) is expected.of({}) is None


def test_a_line_is_expected_to_return_what_the_champion_of_the_file_says() -> None:
    portfolio = load_portfolio(SHIPPED / "forecasts.yaml")
    expected, (name, model) = todays_forecast(portfolio), next(iter(portfolio.forecasts.models.items()))
    mean, deviation = entry_of(model, portfolio.market, 21).lines["AGG"]
    lower, upper = interval(np.array(mean), np.array(deviation), 0.9)
    assert expected.of({"AGG": 1.0}) == pytest.approx({"mean": mean, "lower": lower, "upper": upper}, rel=1e-9)
    assert f"next 21 sessions by {name}" in expected.sentence
    without = todays_forecast(load_portfolio(SHIPPED / "sixty_forty.yaml"))
    assert (without.of({"AGG": 1.0}), without.sentence) == (None, "No forecast: the file names none.")
