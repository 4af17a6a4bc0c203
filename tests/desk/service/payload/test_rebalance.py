"""POST /api/rebalance: what its answer keeps, whatever is posted."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.service.payload.model import RebalanceRequest
from desk.service.payload.rebalance import answer_to
from desk.service.payload.scenarios import CRISES
from desk.service.problems import MEDIA_TYPE
from research.market.calendars import sessions
from research.orders.content import DISCLAIMER
from tests.payloads import payload

MOMENT = datetime(2026, 1, 1)
WEIGHTS = st.floats(0.0, 1.0)
RETURNS = st.lists(st.floats(-0.9, 2.0), max_size=25)


def asked(client: TestClient, given: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/api/rebalance", json=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def without_metadata(content: bytes) -> bytes:
    return content.partition(b'"metadata"')[0]


def test_every_preview_scenario_can_be_posted_as_it_stands(client: TestClient) -> None:
    found = {each["name"]: asked(client, each["payload"]) for each in client.get("/api/preview-scenarios").json()}
    actions = {name: answer["orders"]["action"] for name, answer in found.items()}
    assert actions == dict.fromkeys(found, "rebalance") | {"at_target": "hold", "rates_2022": "hold"}
    assert len(found) == 10
    document = client.get("/api/openapi.json").json()
    (example,) = document["components"]["schemas"]["RebalanceRequest"]["examples"]
    assert asked(client, example)["orders"]["action"] == "rebalance"
    assert all(answer["disclaimer"] == DISCLAIMER for answer in found.values())
    assert found["drilldown"]["asset_drilldown"]["equities"]["holdings"][1]["symbol"] == "QQQ"
    assert found["short_history"]["notes"][0].startswith("market_return is appended to the history of GLD")


@pytest.mark.parametrize("name", CRISES)
def test_weights_of_a_crisis_are_those_that_its_own_returns_made_of_the_targets(client: TestClient, name: str) -> None:
    (found,) = (each for each in client.get("/api/preview-scenarios").json() if each["name"] == name)
    first, last, _ = CRISES[name]
    rows = len(sessions(np.datetime64(first), np.datetime64(last), "XNYS")) - 1
    assets = found["payload"]["assets"]
    growth = [np.prod(1.0 + np.array(each["historical_returns"][-rows:])) for each in assets]
    grown = np.array([each["target_weight"] for each in assets]) * growth
    assert [each["current_weight"] for each in assets] == pytest.approx(grown / grown.sum(), abs=1e-5)


@pytest.mark.parametrize("lots", ["quick", "exact"])
def test_the_same_payload_gives_the_same_bytes_but_for_metadata(client: TestClient, lots: str) -> None:
    given = payload(6, lots=lots)
    spaced = json.dumps(given, indent=4)
    first = client.post("/api/rebalance", json=given)
    second = client.post("/api/rebalance", content=spaced, headers={"content-type": "application/json"})
    assert without_metadata(first.content) == without_metadata(second.content)
    one, other = first.json()["metadata"], second.json()["metadata"]
    assert one["input_sha256"] == other["input_sha256"]
    changed = asked(client, given | {"drift_threshold": 0.021})["metadata"]
    assert changed["input_sha256"] != one["input_sha256"]


def test_payloads_that_are_answered_at_the_same_time_do_not_mix() -> None:
    requests = [
        RebalanceRequest.model_validate(
            payload(2 + seed, returns=20 * seed, seed=seed, lots=("quick", "exact")[seed % 2])
        )
        for seed in range(6)
    ]
    alone = [answer_to(each, MOMENT) for each in requests]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: answer_to(requests[k % 6], MOMENT), range(36)))
    assert together == 6 * alone


def test_ends_of_the_answer_agree_with_each_other(client: TestClient) -> None:
    found = asked(client, payload(6))
    orders = found["orders"]
    assets = orders["assets"]
    assert orders["buys"] == pytest.approx(sum(max(each["notional"], 0.0) for each in assets), abs=0.005)
    assert orders["cash_after"] == pytest.approx(
        orders["cash_before"] - sum(each["notional"] + each["cost"] for each in assets), abs=0.005
    )
    assert orders["value_after"] == pytest.approx(250_000.0 - orders["cost"], abs=0.01)
    for each in assets:
        assert each["notional"] == pytest.approx(each["units"] * each["price"], abs=0.005)
        assert each["cost"] == pytest.approx(abs(each["notional"]) * 5e-4, abs=0.0051)
        assert each["drift"] == pytest.approx(each["weight_before"] - each["target_weight"])
        own = found["asset_drilldown"][each["asset"]]
        assert {key: own[key] for key in ("units", "notional", "cost", "action")} == {
            key: each[key] for key in ("units", "notional", "cost", "action")
        }
        assert own["holdings"][0]["units"] == each["units"]
    assert [each["plain"] for each in found["targets"]] == [each["target_weight"] for each in assets]


def test_a_class_is_the_sum_of_its_assets_and_of_the_securities_inside(client: TestClient) -> None:
    given = payload(3, returns=30)
    given["assets"][0] |= {
        "asset_class": "equities",
        "holdings": [
            {"symbol": "X", "weight": 0.75, "price": 10.0, "historical_returns": [0.01, 0.03]},
            {"symbol": "Y", "weight": 0.25, "price": 7.0},
        ],
    }
    given["assets"][1] |= {"asset_class": "equities"}
    found = asked(client, given)
    one, other = found["orders"]["assets"][:2]
    group = found["asset_drilldown"]["equities"]
    assert group["notional"] == pytest.approx(one["notional"] + other["notional"])
    assert group["target_weight"] == pytest.approx(one["target_weight"] + other["target_weight"])
    first, second, itself = group["holdings"]
    assert first["units"] == math.trunc(0.75 * one["notional"] / 10.0)
    assert second["units"] == math.trunc(0.25 * one["notional"] / 7.0)
    assert (itself["symbol"], itself["units"]) == ("A1", other["units"])
    assert first["predicted_return"] == pytest.approx(0.02 * 252)
    predicted = [each["predicted_return"] for each in found["targets"]]
    assert second["predicted_return"] == predicted[0]
    weights = one["target_weight"], other["target_weight"]
    mean = (weights[0] * predicted[0] + weights[1] * predicted[1]) / sum(weights)
    assert group["predicted_return"] == pytest.approx(mean)


def test_value_and_prices_in_another_currency_give_the_same_units(client: TestClient) -> None:
    given = payload(5)
    dearer = json.loads(json.dumps(given))
    dearer["portfolio_value"] *= 128.0
    for each in dearer["assets"]:
        each["price"] *= 128.0
    one, other = (asked(client, each)["orders"] for each in (given, dearer))
    assert [each["units"] for each in one["assets"]] == [each["units"] for each in other["assets"]]
    assert other["buys"] == pytest.approx(128.0 * one["buys"], abs=1.0)


def test_a_name_may_look_like_a_key(client: TestClient) -> None:
    given = payload(2, returns=5)
    given["assets"][0]["asset"] = 'A": 1'
    assert asked(client, given)["orders"]["assets"][0]["asset"] == 'A": 1'


def test_a_withdrawal_that_cannot_be_paid_is_a_problem(client: TestClient) -> None:
    answer = client.post("/api/rebalance", json=payload(3, cash_flow=-200_000.0, turnover_limit=0.01))
    assert (answer.status_code, answer.headers["content-type"]) == (400, MEDIA_TYPE)
    assert "Withdraw less" in answer.json()["detail"]


def test_a_withdrawal_that_whole_lots_can_pay_is_paid(client: TestClient) -> None:
    assets = [
        {"asset": "SPY", "target_weight": 0.6, "current_weight": 0.67, "price": 383.44, "historical_returns": []},
        {"asset": "AGG", "target_weight": 0.4, "current_weight": 0.33, "price": 97.45, "historical_returns": []},
    ]
    asked_for = {"portfolio_value": 1_000_000, "drift_threshold": 0.03, "turnover_limit": 0.1, "assets": assets}
    orders = asked(client, asked_for | {"cash_flow": -50_000})["orders"]
    assert (orders["lots"], orders["lots_found"]) == ("quick", "exact")
    assert orders["cash_after"] > 0.0


def test_weights_are_stated_without_the_noise_of_floating_point(client: TestClient) -> None:
    given = payload(2)
    for each, weight in zip(given["assets"], (0.67, 0.33), strict=True):
        each["current_weight"] = weight
    orders = asked(client, given)["orders"]
    assert [each["weight_before"] for each in orders["assets"]] == [0.67, 0.33]


def test_figures_of_unequal_histories_are_of_the_returns_that_all_have(client: TestClient) -> None:
    given = payload(3, returns=60)
    given["assets"][2]["historical_returns"] = given["assets"][2]["historical_returns"][-30:]
    shorter = json.loads(json.dumps(given))
    for each in shorter["assets"]:
        each["historical_returns"] = each["historical_returns"][-30:]
    one, other = asked(client, given), asked(client, shorter)
    assert (one["returns_used"], one["metrics"]) == (30, other["metrics"])
    assert one["notes"] == ["Histories end together, and A2 has 30 returns: the metrics use no more."]


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, Any]:
    """Payloads within the bounds, most of them odd."""
    n = draw(st.integers(1, 6))
    assets = []
    for i in range(n):
        each: dict[str, Any] = {
            "asset": f"A{i}",
            "target_weight": draw(WEIGHTS) / n,
            "current_weight": draw(WEIGHTS) / n,
            "price": draw(st.floats(1e-3, 1e5)),
            "historical_returns": draw(RETURNS),
        }
        if draw(st.booleans()):
            each["market_return"] = draw(st.floats(-0.5, 0.5))
        if draw(st.booleans()):
            each["holdings"] = [{"symbol": "X", "weight": draw(WEIGHTS), "price": draw(st.floats(1e-3, 1e5))}]
        assets.append(each)
    value = draw(st.floats(0.01, 1e12))
    return {
        "portfolio_value": value,
        "drift_threshold": draw(WEIGHTS),
        "turnover_limit": draw(WEIGHTS),
        "transaction_cost_bps": draw(st.floats(0.0, 500.0)),
        "periods_per_year": draw(st.sampled_from([1, 12, 252])),
        "buys_only": draw(st.booleans()),
        "cash_flow": value * draw(st.sampled_from([0.0, 0.0, 0.3, -0.2])),
        "locked": draw(st.lists(st.sampled_from([each["asset"] for each in assets]), max_size=2)),
        "assets": assets,
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads())
def test_any_payload_is_answered_within_its_limits(client: TestClient, given: dict[str, Any]) -> None:
    answer = client.post("/api/rebalance", json=given)
    if answer.status_code == 400:  # a withdrawal that cannot be paid, or locks that leave no counterpart
        assert given["cash_flow"] < 0.0 or given["locked"], answer.text
        return
    assert answer.status_code == 200, answer.text
    orders = answer.json()["orders"]
    rounding = 0.01 * (len(given["assets"]) + 1) / given["portfolio_value"]
    assert orders["turnover"] <= given["turnover_limit"] + rounding + 1e-9
    assert orders["cash_after"] >= min(orders["cash_before"], 0.0) - 0.005
    held = {each["asset"]: each for each in orders["assets"]}
    for each in held.values():
        assert each["weight_after"] >= -1e-12
        assert each["units"] >= 0.0 or not given["buys_only"]
        whole = each["units"] == round(each["units"]) or each["weight_after"] == 0.0  # a position that is sold whole
        assert whole, each
    assert all(held[name]["units"] == 0.0 for name in given["locked"])
    assert sum(each["moved"] for each in answer.json()["targets"]) == pytest.approx(
        sum(each["plain"] for each in answer.json()["targets"])
    )
