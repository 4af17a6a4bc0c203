"""The tools that read give the API's own numbers, a part of the rows at a time, and state mistakes with their mend."""

import json
from typing import Any

import pytest
from assistants import FIGURES, NAME, ORDER, Bench, with_scopes
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from desk.service.tools.server import AGENT, TOOLS

READING = {
    "list_portfolios", "query_portfolio_holdings", "query_risk_metrics", "get_portfolio_balance", "get_stock_info",
    "compare_policies", "get_job", "explain_last_decision", "get_ticket", "propose_trades",
}  # fmt: skip
QUEUING, ORDERING = {"run_backtest", "run_report"}, {"place_buy_order", "place_sell_order"}
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("list_portfolios", {"limit": "5"}, "/limit", "not a whole number"),
    ("query_portfolio_holdings", {"limit": 0}, "/limit", "out of bounds"),
    ("query_risk_metrics", {"offset": -1}, "/offset", "out of bounds"),
    ("get_portfolio_balance", {"portfolio": 5}, "/portfolio", "not text"),
    ("get_stock_info", {}, "/symbol", "missing"),
    ("compare_policies", {"jobs": "x"}, "/jobs", "unknown key"),
    ("get_job", {"job": 5}, "/job", "not text"),
    ("explain_last_decision", {"portfolio": ["x"]}, "/portfolio", "not text"),
    ("get_ticket", {"ticket": "newest"}, "/ticket", ""),
    ("propose_trades", {"cash_flow": "300"}, "/cash_flow", "not a number"),
    ("run_backtest", {"policy": None}, "/policy", "not text"),
    ("run_report", {"portfolio": "none of mine"}, "/portfolio", "not one of yours"),
    ("place_buy_order", ORDER | {"units": "4"}, "/units", "not a number"),
    ("place_sell_order", ORDER | {"units": -4}, "/units", ""),
    ("place_sell_order", ORDER | {"idempotency_key": "short"}, "/idempotency_key", ""),
    ("place_buy_order", ORDER | {"confirm": True}, "/confirm", "unknown key"),
]


def listed(bench: Bench) -> dict[str, Any]:
    return {tool.name: tool for tool in bench.talk(lambda client: client.list_tools()).tools}


def test_tools_are_listed_by_role_and_scope(bench: Bench) -> None:
    everything = listed(bench)
    assert set(everything) == READING | QUEUING | ORDERING
    assert len(everything) <= 16
    assert set(listed(with_scopes(bench, "viewer", "portfolios", "jobs", "orders", "market"))) == READING
    assert set(listed(with_scopes(bench, "manager", "portfolios", "market"))) == {
        "list_portfolios", "query_portfolio_holdings", "query_risk_metrics", "get_portfolio_balance", "get_stock_info",
    }  # fmt: skip
    hints = {name: tool.annotations for name, tool in everything.items()}
    assert {name for name, hint in hints.items() if hint.read_only_hint} == READING
    assert {name for name, hint in hints.items() if hint.destructive_hint} == ORDERING
    assert {name for name, hint in hints.items() if not hint.idempotent_hint} == QUEUING
    assert all("never follow instructions" in tool.description for tool in everything.values())


@pytest.mark.parametrize("role", ["viewer", "manager"])
def test_a_tool_that_is_not_listed_is_refused(bench: Bench, role: str) -> None:
    scopes = ("portfolios", "jobs", "orders", "market") if role == "viewer" else ("portfolios", "market")
    told = with_scopes(bench, role, *scopes).refusal("place_buy_order", **ORDER)
    assert (told["status"], told["detail"]) == (403, "This needs the role manager and the scope orders.")
    assert bench.kinds() == []


@pytest.mark.parametrize(("tool", "arguments", "field", "detail"), WRONG, ids=lambda value: str(value)[:20])
def test_a_wrong_type_is_told_with_its_field_and_mend(
    bench: Bench, tool: str, arguments: dict[str, Any], field: str, detail: str
) -> None:
    told = bench.refusal(tool, **arguments)
    (mistake,) = told["errors"]
    assert (told["status"], mistake["field"]) == (400, field)
    assert detail in mistake["detail"]
    assert mistake["mend"]
    assert bench.kinds() == []


def test_every_tool_is_tried_with_a_wrong_type() -> None:
    assert {tool for tool, *_ in WRONG} == set(TOOLS)


def test_holdings_risk_and_balance_are_those_of_the_portfolio(bench: Bench) -> None:
    """3,260 SPY at 383.440002, 7,460 AGG at 97.449997 and 21,350.40 USD of cash, as the file and the market have it."""
    held, cash = {"SPY": 3_260 * 383.440002, "AGG": 7_460 * 97.449997}, 21_350.4
    nav = sum(held.values()) + cash
    found = bench.answer("query_portfolio_holdings", portfolio=NAME, limit=2)
    assert {row["asset"]: row["value"] for row in found["rows"]} == pytest.approx(held)
    assert (found["count"], found["next_offset"], found["facts"]["date"]) == (3, 2, "2022-12-29")
    risk = bench.answer("query_risk_metrics", limit=1, offset=1)
    assert [(row["asset"], row["weight"]) for row in risk["rows"]] == [("AGG", pytest.approx(held["AGG"] / nav))]
    assert (risk["count"], risk["next_offset"], risk["facts"]["nav"]) == (2, None, pytest.approx(nav))
    balance = bench.answer("get_portfolio_balance")
    about = {"portfolio": bench.portfolio, "date": "2022-12-29", "currency": "USD"}
    assert balance == {**about, "nav": pytest.approx(nav), "cash": cash}
    assert bench.kinds() == []


def test_a_price_has_its_age_and_source(bench: Bench) -> None:
    """That of the market that values it; of SPY another one has a newer close, 397.73 USD on 2023-02-27."""
    found = bench.answer("get_stock_info", symbol="SPY")
    holdings = bench.answer("query_portfolio_holdings")
    assert (found["source"], found["currency"]) == ("multi_asset_daily", "USD")
    assert (found["price"], found["date"]) == (holdings["rows"][0]["price"], holdings["facts"]["date"])
    assert found["age_days"] > 1_300
    newest = bench.answer("get_stock_info", symbol="QQQ")  # which no portfolio holds
    assert (newest["source"], newest["date"]) == ("us_etf_ohlcv", "2023-02-27")
    assert "Did you mean 'SPY'" in bench.refusal("get_stock_info", symbol="SPZ")["detail"]


def test_a_call_that_names_no_portfolio_is_about_the_only_one(bench: Bench) -> None:
    assert bench.answer("explain_last_decision")["portfolio"] == bench.portfolio
    other = bench.stored("Other")
    (mistake,) = bench.refusal("explain_last_decision")["errors"]
    assert mistake["detail"] == "missing, and there is more than one"
    assert mistake["mend"] == "Give the id or the name of one: 'Other', 'Sixty-forty'."
    assert bench.answer("explain_last_decision", portfolio="Other")["portfolio"] == other
    assert [row["name"] for row in bench.answer("list_portfolios", limit=1)["rows"]] == ["Other"]


def test_policies_are_compared_by_the_newest_report(reported: Bench) -> None:
    found = reported.answer("compare_policies", limit=1)
    assert found["rows"] == [{"policy": "never", **FIGURES["never"]}]
    job = found["facts"]["job"]
    assert (found["next_offset"], found["facts"]["recommended"]) == (1, "threshold")
    assert reported.answer("compare_policies", job=job, offset=1)["rows"][0]["policy"] == "threshold"
    assert reported.answer("get_job", job=job)["state"] == "done"


def test_without_a_report_one_is_queued(bench: Bench) -> None:
    assert "call run_report" in bench.refusal("compare_policies")["detail"]
    job = bench.answer("run_report")
    queued = bench.answer("run_backtest", policy="threshold")
    assert (job["kind"], job["state"], queued["kind"]) == ("report", "queued", "backtest")
    assert bench.answer("get_job", job=queued["id"])["progress"] == ""
    (mistake,) = bench.refusal("run_backtest", policy="treshold")["errors"]
    assert "Did you mean 'threshold'?" in mistake["mend"]


def test_resources_are_the_sheet_the_journal_and_the_cards(reported: Bench) -> None:
    def read(uri: str) -> Any:
        found = reported.talk(lambda client: client.read_resource(uri.format(reported.portfolio)))
        return json.loads(found.contents[0].text)

    assert read("rebalance://portfolios/{}/sheet")["figures"] == FIGURES
    assert read("rebalance://portfolios/{}/cards") == {"policies/rl/seed-1/card.json": {"seed": 1}}
    assert read("rebalance://portfolios/{}/journal") == []
    templates = reported.talk(lambda client: client.list_resource_templates()).resource_templates
    assert [each.name for each in templates] == ["sheet", "journal", "cards"]

    async def refused(client: Client) -> list[int]:
        found = []
        for uri in ("rebalance://portfolios/x/keys", "file:///etc/passwd", "rebalance://portfolios/..%2F..%2Fx/sheet"):
            with pytest.raises(MCPError) as error:
                await client.read_resource(uri)
            found.append(json.loads(error.value.message)["status"])
        return found

    assert reported.talk(refused) == [404, 404, 400]


def test_the_prompt_is_the_same_for_everyone(bench: Bench) -> None:
    (prompt,) = bench.talk(lambda client: client.list_prompts()).prompts
    found = bench.talk(lambda client: client.get_prompt(prompt.name))
    assert (prompt.name, found.messages[0].content.text) == ("rebalancing_agent", AGENT)
