"""A cycle of a payload by agent: the hand-overs of the cycle itself, and its list in stages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payloads import payload

from desk.cycle.cycle import run_cycle
from desk.service.agents.tandem import NOMINAL, Records, cycle_of, queue, tandem
from desk.service.payload.model import RebalanceRequest
from desk.service.payload.rebalance import answer_to
from desk.tickets import make_ticket
from research.portfolio import load_portfolio

EXAMPLES = Path(__file__).parents[4] / "data" / "examples"
PATH = "/api/multi-agent/tandem-demo"
REQUEST, MOMENT = RebalanceRequest.model_validate(payload()), datetime(2022, 12, 30, tzinfo=UTC)
SIX = ["market_data", "forecast", "risk", "optimiser", "execution", "supervisor"]


@pytest.fixture(scope="module")
def made() -> Records:
    """The records of a cycle of the payload."""
    return tandem(REQUEST).records


def answered(client: TestClient, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def test_the_six_records_are_the_hand_overs_of_the_cycle(client: TestClient) -> None:
    found = answered(client, payload())
    records, steps = found["records"], found["cycle"]["steps"]
    assert list(records) == SIX
    for record, step in zip(records.values(), steps[1:], strict=True):
        assert {key: record[key] for key in ("at", "input", "narrative")} == {
            key: step[key] for key in ("at", "input", "narrative")
        }
        same = record.keys() & step["output"].keys()
        assert {key: record[key] for key in same} == {key: step["output"][key] for key in same}
    assert records["risk"]["metrics"] == steps[3]["output"]["readings"]
    assert records["optimiser"]["chosen"] == steps[5]["output"]["chosen"]
    assert [each["expected_return"] for each in records["forecast"]["assets"]] == list(
        steps[2]["output"]["mean"].values()
    )
    assert found["notes"][-1] == NOMINAL


def test_the_same_payload_gives_the_same_record() -> None:
    assert cycle_of(REQUEST).document["sha256"] == cycle_of(REQUEST).document["sha256"]


def test_the_assets_are_those_of_the_payload(made: Records) -> None:
    for stated, found in zip(payload()["assets"], made.market_data.assets, strict=True):
        assert found.model_dump(exclude={"asset_class", "returns"}) == {
            key: stated[key] for key in ("asset", "price", "current_weight", "target_weight")
        }
        assert (found.asset_class, found.returns) == (stated["asset"], 260)


def test_the_queue_has_sells_then_money_then_buys_and_sums_to_the_list(made: Records) -> None:
    assert [each.stage for each in made.execution.queue] == ["sells", "fx", "buys"]
    sells, fx, buys = made.execution.queue
    listed = answer_to(REQUEST.model_copy(update={"lots": "exact"}), MOMENT).orders
    assert (sells.value, fx.value, buys.value) == pytest.approx((listed.sells, 0.0, listed.buys), abs=1e-9)
    assert {each.action for each in sells.orders} == {"sell"}
    assert {each.action for each in buys.orders} == {"buy"}
    queued = {each.asset: each.units for each in (*sells.orders, *buys.orders)}
    assert queued == {each.asset: abs(each.units) for each in made.optimiser.trades}
    assert made.optimiser.trades == [each for each in listed.assets if each.units]
    assert made.execution.turnover == pytest.approx(listed.turnover, abs=1e-10)


def test_money_of_another_currency_is_exchanged_between_sells_and_buys() -> None:
    portfolio = load_portfolio(EXAMPLES / "orders_in_two_currencies.yaml", {"cycle.worlds": 100})
    name = portfolio.policy or portfolio.reference
    made = run_cycle(portfolio, portfolio.policies[name], name)
    sells, fx, buys = queue(made.decision.listed, made.steps[5].output["actions"])
    ticket = make_ticket(made.decision.listed)
    assert ticket.fx
    assert [(each["asset"], each["action"], each["units"], each["value"]) for each in fx["orders"]] == [
        (each.pair, each.side, each.amount, each.basis_amount) for each in ticket.fx
    ]
    assert len(sells["orders"]) + len(buys["orders"]) == len(ticket.orders)


def test_a_control_that_asks_a_person_escalates(client: TestClient) -> None:
    body = payload()
    assert answered(client, body)["records"]["supervisor"]["verdict"] == "approved"
    for asset, weight in zip(body["assets"], (0.50, 0.25, 0.05, 0.15), strict=True):
        asset["current_weight"] = weight
    supervisor = answered(client, body)["records"]["supervisor"]
    assert (supervisor["verdict"], supervisor["status"]) == ("escalated", "awaiting approval")
    (failed,) = (each for each in supervisor["controls"] if each["effect"] == "escalates")
    assert failed["name"] == "turnover"
    assert failed["sentence"] in supervisor["narrative"]


def test_a_loss_that_is_not_known_is_not_said_to_be_within_its_limit(client: TestClient) -> None:
    controls = answered(client, payload(returns=6))["records"]["supervisor"]["controls"]
    said = next(each["sentence"] for each in controls if each["name"] == "VaR")
    assert said == "VaR 95 is not known, and not controlled"


def test_a_quiet_day_is_approved_with_an_empty_queue(client: TestClient) -> None:
    records = answered(client, payload(drift_threshold=1.0, turnover_limit=0.0))["records"]
    assert records["supervisor"]["verdict"] == "approved"
    assert [each["orders"] for each in records["execution"]["queue"]] == [[], [], []]
    assert records["optimiser"]["trades"] == []


def test_forecasts_are_those_of_the_payload_endpoint(made: Records) -> None:
    """The record has a mean a period to ten digits, the endpoint one a year."""
    for target, found in zip(answer_to(REQUEST, MOMENT).targets, made.forecast.assets, strict=True):
        assert found.confidence == target.confidence
        assert found.expected_return is not None
        assert 252 * found.expected_return == pytest.approx(target.predicted_return, abs=252 * 1e-10)


def test_an_asset_without_a_past_has_no_forecast_and_the_others_have(client: TestClient) -> None:
    body = payload()
    body["assets"][1]["historical_returns"] = [0.01]
    forecast = answered(client, body)["records"]["forecast"]
    assert [each["expected_return"] is None for each in forecast["assets"]] == [False, True, False, False]
    assert [each["confidence"] is None for each in forecast["assets"]] == [False, True, False, False]
    for asset in body["assets"]:
        asset["historical_returns"] = []
    forecast = answered(client, body)["records"]["forecast"]
    assert forecast["narrative"] == "ensemble gives no forecast: no asset has two returns."
    assert {each["confidence"] for each in forecast["assets"]} == {None}


@pytest.mark.parametrize(("key", "value"), [("cash_flow", 100.0), ("buys_only", True)])
def test_what_is_no_part_of_a_cycle_is_refused_by_name(client: TestClient, key: str, value: object) -> None:
    answer = client.post(PATH, json=payload(**{key: value}))
    assert answer.status_code == 400
    (mistake,) = answer.json()["errors"]
    assert (mistake["field"], mistake["value"]) == (f"/{key}", value)


RETURNS = st.lists(st.floats(-0.99, 3.0) | st.sampled_from([0.0, 1e-12, 900.0]), max_size=8)
SHARES = st.floats(0.0, 0.25)


@given(
    assets=st.lists(st.tuples(SHARES, SHARES, st.floats(1e-6, 1e9), RETURNS), min_size=1, max_size=4),
    value=st.floats(0.01, 1e12),
    drift=st.floats(0.0, 0.2),
    turnover=st.floats(0.0, 1.0),
    cost=st.floats(0.0, 11_000.0),
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_payload_is_answered_or_refused(
    client: TestClient, assets: list[tuple[float, float, float, list[float]]], value: float, drift: float,
    turnover: float, cost: float,
) -> None:  # fmt: skip
    """An exception that is no problem would come through the client."""
    keys = ("target_weight", "current_weight", "price", "historical_returns")
    stated = [{"asset": f"A{i}", **dict(zip(keys, each, strict=True))} for i, each in enumerate(assets)]
    limits = {"portfolio_value": value, "drift_threshold": drift, "turnover_limit": turnover}
    answer = client.post(PATH, json={**limits, "transaction_cost_bps": cost, "assets": stated})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        found = answer.json()["records"]
        sells, _, buys = (stage["value"] for stage in found["execution"]["queue"])
        assert max(sells, buys) <= (turnover + 1e-9) * value + 0.01 * len(assets)
