"""The demo without sign-in: scenarios, and a comparison of typed weights whose figures are those of the house."""

import json
import re
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import BoundedSemaphore

import pandas as pd
import pytest
from browser import PHONE, WIDE, violations
from fastapi import Request
from fastapi.testclient import TestClient
from people import SignedIn
from playwright.sync_api import BrowserContext, expect

from backtests.comparison import PairedBacktests, compare
from backtests.evaluation.metrics import METRICS
from desk.service.app import create_app
from desk.service.pages import demo
from desk.service.pages.decide import AGENT_ROLES, cycle_scenarios
from desk.service.payload.rebalance import answer_to
from desk.service.settings import ServiceSettings
from desk.service.store.tables import now
from desk.service.typed_comparison import TYPED_FIGURES, compared_typed, comparison_block, typed_comparison
from foundation.errors import ConfigError
from foundation.paper.render import per_cents
from foundation.paper.wording import number, percent
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import load_market
from research.rules import Calendar, Never, Threshold

BY_SCRIPT = {"X-Requested-With": "test"}
PRICES = Path("data/multi_asset_daily/prices_total_return.csv")
TWO = {"A.SPY": "60", "A.AGG": "40", "B.SPY": "50", "B.AGG": "40", "B.GLD": "10", "rule": "threshold", "cost": "10"}


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A client of a server that is open to anyone, and which it calls by a name that nobody stated."""
    settings = ServiceSettings(folder=tmp_path_factory.mktemp("open"), host="0.0.0.0", open_only=True)
    return TestClient(create_app(settings), base_url="http://any.example")


@pytest.fixture(scope="module")
def by_the_house() -> PairedBacktests:
    """The portfolios of `TWO`, written in Python as docs/extending.md has it."""
    market = load_market("multi_asset_daily").select(["SPY", "AGG", "GLD"])
    one, other = (FixedWeights(each) for each in ({"SPY": 0.6, "AGG": 0.4}, {"SPY": 0.5, "AGG": 0.4, "GLD": 0.1}))
    return compare({"A": Threshold(one, 0.05), "B": Threshold(other, 0.05)}, market, Costs.bps(3, commission=10))


def cells_of(block: str) -> dict[str, list[str]]:
    """The figures of a comparison by their labels, without their intervals, dates and units."""
    found = {}
    for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", block, re.DOTALL):
        label, *cells = re.split(r"<td[^>]*>", row)
        found[label.partition(" <small")[0].strip()] = [cell.partition("<")[0].strip() for cell in cells]
    return found


def test_a_comparison_has_the_figures_and_the_verdict_of_the_house(by_the_house: PairedBacktests) -> None:
    block = comparison_block(TWO)
    found = cells_of(block)
    for key in ("growth", "volatility", "max_drawdown", "turnover", "cost"):
        metric = METRICS[key]
        own = [
            metric.cell(one.figures(by_the_house.backtests[name].dates)) for name, one in by_the_house.scores.items()
        ]
        assert found[metric.label] == own, key
    assert per_cents(by_the_house.sentences[0]) in block
    gap = by_the_house.evidence.differences("growth")["B"].times(100.0)
    assert f"95\u202f% interval of the difference: {gap.interval(2)}" in block
    assert [label for label in TYPED_FIGURES if label not in found] == []


def test_a_portfolio_alone_has_the_interval_of_the_difference_of_the_house() -> None:
    market, target = load_market("multi_asset_daily").select(["SPY", "AGG"]), FixedWeights({"SPY": 0.6, "AGG": 0.4})
    costs = Costs.bps(2, commission=5)
    own = compare({"A": Calendar(target, "quarter"), "A without trades": Never(target)}, market, costs)
    gap = own.evidence.differences("growth")["A without trades"].times(100.0)
    block = comparison_block({"A.SPY": "60", "A.AGG": "40"})
    assert per_cents(own.answer()) in block
    assert f"{number(gap.value, 2, signed=True)} points a year, 95\u202f% interval {gap.interval(2)}" in block


def test_what_is_never_rebalanced_grows_as_its_prices_do() -> None:
    """By hand: parts of the money grow by the prices of the file, after the cost of the first purchase."""
    prices = pd.read_csv(PRICES, index_col="date", parse_dates=True)[["SPY", "AGG"]]
    played = compared_typed(typed_comparison({"A.SPY": "60", "A.AGG": "40", "rule": "never", "cost": "0"}))
    grown = prices.iloc[-1] / prices.iloc[0]
    years = (prices.index[-1] - prices.index[0]).days / 365.25
    expected = (0.6 * grown["SPY"] + 0.4 * grown["AGG"]) ** (1.0 / years) - 1.0
    figures = played.scores["A"].figures(played.backtests["A"].dates)
    assert figures["growth"] == pytest.approx(expected, rel=1e-10)
    assert figures["turnover"] == figures["cost"] == 0.0


def test_a_portfolio_alone_is_compared_with_itself_under_another_rule() -> None:
    typed = {"A.SPY": "60", "A.AGG": "30"}
    assert list(compared_typed(typed_comparison(typed)).backtests) == ["A", "A without trades"]
    alone = compared_typed(typed_comparison(typed | {"rule": "never"}))
    assert list(alone.backtests) == ["A", "A each quarter"]
    policy = alone.backtests["A each quarter"].policy
    assert policy == Calendar(FixedWeights({"SPY": 0.6, "AGG": 0.3}), "quarter")


def test_a_comparison_starts_when_all_its_assets_are_listed() -> None:
    played = compared_typed(typed_comparison({"A.SPY": "100", "B.SPY": "95", "B.BTC": "5"}))
    assert played.backtests["A"].dates[0] == pd.Timestamp("2013-04-29")  # the first close of BTC in data/README.md
    assert played.note == ""


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({}, "portfolio A holds nothing"),
        ({"B.SPY": "60"}, "portfolio A holds nothing"),
        ({"A.SPY": "60", "A.AGG": "40.01"}, "the weights of portfolio A sum to 100.01 %"),
        ({"A.SPY": "-1"}, "SPY of A is '-1': type a number from 0 to 100"),
        ({"A.SPY": "nan"}, "SPY of A is 'nan'"),
        ({"A.SPY": "1e400"}, "SPY of A is '1e400'"),
        ({"A.SPY": "60", "B.GLD": "<b>"}, "GLD of B is '<b>'"),
        ({"A.SPY": "60", "rule": "daily"}, "rule is 'daily'"),
        ({"A.SPY": "60", "cost": "501"}, "cost is '501': type a number from 0 to 500"),
    ],
)
def test_settings_that_are_none_are_refused_and_stay_typed(
    visitor: TestClient, typed: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        typed_comparison(typed)
    if typed:
        page = visitor.get("/demo/compare", params=typed).text
        assert 'role="alert"' in page
        assert "data-load" not in page
        assert "<b>" not in page
        for name in typed.keys() - {"rule"}:
            assert (
                re.search(rf'name="{re.escape(name)}"[^>]*value="{re.escape(typed[name])}"', page) or "<" in typed[name]
            )
        answer = visitor.get("/demo/compare/found", params=typed, headers=BY_SCRIPT)
        assert answer.status_code == 400


def test_an_address_is_led_to_its_shortest_form(visitor: TestClient) -> None:
    long = {"A.SPY": " 60.0", "A.AGG": "40", "A.QQQ": "", "B.SPY": "", "rule": "quarterly", "cost": "5.00", "of": "x"}
    answer = visitor.get("/demo/compare", params=long, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/demo/compare?A.SPY=60&A.AGG=40&rule=quarterly&cost=5",
    )
    assert visitor.get(answer.headers["location"], follow_redirects=False).status_code == 200


def test_a_server_that_is_open_shows_the_demo_and_leads_to_it(visitor: TestClient) -> None:
    first = visitor.get("/", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/demo")
    page = visitor.get("/demo").text
    assert "/sign-in" not in page
    for path in re.findall(r'(?:href|src)="(/[^"]+)"', page):
        assert visitor.get(path.replace("&amp;", "&")).status_code == 200, path
    for path in ("/sign-in", "/decide", "/research", "/account", "/api/portfolios", "/demo/scenarios/nothing"):
        assert visitor.get(path).status_code == 404, path


def test_computed_panels_leave_threads_for_all_else(visitor: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "AT_ONCE", BoundedSemaphore(1))
    with demo.AT_ONCE:  # as one that is computed holds it
        for path in ("/demo/scenarios/drilldown/cycle", "/demo/compare/found?A.SPY=61"):
            busy = visitor.get(path, headers=BY_SCRIPT)
            assert (busy.status_code, busy.headers["Retry-After"]) == (503, "5"), path
        assert visitor.get("/demo").status_code == 200


def test_panels_of_one_address_leave_places_for_others(visitor: TestClient) -> None:
    """Two of one address are under way, as two places of it are held."""
    one, other = (TestClient(visitor.app, base_url="http://any.example", client=(f"192.0.2.{k}", 1)) for k in (1, 2))
    path = "/demo/compare/found?A.SPY=62&rule=never&cost=5"
    with ExitStack() as held:
        for _ in range(demo.OF_ADDRESS):
            held.enter_context(contextmanager(demo.turn)(Request({"type": "http", "client": ("192.0.2.1", 2)})))
        refused = one.get(path, headers=BY_SCRIPT)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
        assert one.get("/demo").status_code == 200
        assert other.get(path, headers=BY_SCRIPT).status_code == 200
    assert one.get(path, headers=BY_SCRIPT).status_code == 200


def test_an_address_that_asks_too_often_is_refused(tmp_path: Path) -> None:
    client = TestClient(
        create_app(ServiceSettings(folder=tmp_path, open_only=True, rate=1)), base_url="http://a.example"
    )
    assert {client.get("/demo").status_code for _ in range(20)} == {200, 429}


def test_who_is_signed_in_sees_the_same_with_the_ways_of_his_pages(client_of: SignedIn) -> None:
    client = client_of("viewer")
    led = client.get("/demo", follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, "/decide")
    assert 'href="/demo/compare"' in client.get("/decide").text
    for path in ("/demo/scenarios/drilldown", "/demo/compare"):
        page = client.get(path).text
        assert '<nav aria-label="Pages">' in page
        assert '<a href="/decide">Decide</a>' in page


def test_a_visitor_sees_a_scenario_its_agents_its_record_and_the_securities_of_each_class(
    served, context_of: Callable[..., BrowserContext]
) -> None:
    page = context_of(WIDE).new_page()
    page.goto("/sign-in")
    page.get_by_role("link", name="Look around without an account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look around")
    expect(page.locator("ul.cards > li")).to_have_count(len(cycle_scenarios()))
    assert violations(page) == []
    page.get_by_role("link", name="Run a cycle of drilldown").press("Enter")
    expect(page.locator("#cycle .lead")).to_contain_text("it is a scenario, and nothing is sent")
    agents = page.locator("#cycle .cycle > li h4").all_inner_texts()
    assert [each.lower() for each in agents] == list(AGENT_ROLES)
    page.get_by_text("The record, as JSON").click()
    assert json.loads(page.locator("#cycle pre").inner_text())["steps"]
    answer = answer_to(cycle_scenarios()["drilldown"].payload, now())
    rows = page.get_by_role("region", name="Classes and their securities").locator("tbody tr").all_inner_texts()
    of_classes = iter(rows)
    for name, each in answer.asset_drilldown.items():
        for of, title in ((each, name), *((one, one.symbol) for one in each.holdings)):
            row = next(of_classes)
            assert of.predicted_return is not None
            assert row.startswith(title)
            assert percent(of.predicted_return) in row
            assert f"{of.action}\t{number(of.units, 0, signed=True)}\t{number(of.notional, 2, signed=True)}" in row
    assert list(of_classes) == []
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_visitor_types_weights_and_sends_the_address(served, context_of: Callable[..., BrowserContext]) -> None:
    page = context_of(PHONE).new_page()
    page.goto("/demo")
    page.get_by_role("link", name="Compare two portfolios").click()
    expect(page.get_by_label("SPY in portfolio A, per cent")).to_have_value("60")
    assert violations(page) == []
    page.get_by_label("SPY in portfolio B, per cent").fill("90")
    page.get_by_label("BTC in portfolio B, per cent").fill("20")
    page.get_by_role("button", name="Compare them").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The weights of portfolio B sum to 110.00")
    assert violations(page) == []
    page.get_by_label("BTC in portfolio B, per cent").fill("10")
    page.get_by_label("Rebalanced").select_option("threshold")
    page.get_by_role("button", name="Compare them").press("Enter")
    expect(page.locator("#found .verdict .lead")).to_contain_text("interval of the difference")
    address = f"{served.address}/demo/compare?A.SPY=60&A.AGG=40&B.SPY=90&B.BTC=10&rule=threshold&cost=5"
    assert page.url == address
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    shown = page.locator("#found").inner_text()
    page.get_by_text("The differences, tested").click()
    assert violations(page) == []

    other = context_of(WIDE).new_page()  # who was sent the address
    other.goto(address)
    expect(other.locator("#found table").first).to_be_visible()
    assert other.locator("#found .verdict").inner_text() in shown
    assert other.get_by_role("link", name="this comparison").get_attribute("href") in address
    assert violations(other) == []
