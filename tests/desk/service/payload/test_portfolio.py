"""The portfolio of a payload: what a portfolio file with the same numbers gives, and what is refused."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from desk.service.payload.model import RebalanceRequest
from desk.service.payload.portfolio import portfolio_of_payload, request_of_payload
from desk.service.payload.rebalance import answer_to
from research.orders import trade_list
from research.portfolio import load_portfolio
from tests.payloads import as_file, payload

CASES: dict[str, dict[str, Any]] = {
    "within its turnover limit": {"turnover_limit": 1.0},
    "cut by its turnover limit": {"turnover_limit": 0.05},
    "within its bands": {"drift_threshold": 0.9},
    "buys only": {"buys_only": True},
    "a deposit": {"cash_flow": 20_000.0},
    "a withdrawal": {"cash_flow": -30_000.0},
    "a locked asset": {"locked": ["A1"]},
}


def asked(**keys: Any) -> RebalanceRequest:
    return RebalanceRequest.model_validate(payload(**keys))


@pytest.mark.parametrize("keys", CASES.values(), ids=CASES)
@pytest.mark.parametrize("greedy", [True, False])
def test_the_orders_are_those_of_a_file_that_says_the_same(keys: dict[str, Any], greedy: bool, tmp_path: Path) -> None:
    request = asked(**keys)
    own, of_file = portfolio_of_payload(request), load_portfolio(as_file(request, tmp_path))
    one, other = (
        trade_list(each, each.policies["threshold"], request=request_of_payload(request), greedy=greedy)
        for each in (own, of_file)
    )
    assert (one.holds, one.reason, one.binding) == (other.holds, other.reason, other.binding)
    prices = "price_basis"  # that of a file names the adjustment of its quotes
    pd.testing.assert_frame_equal(one.orders.drop(columns=prices), other.orders.drop(columns=prices), rtol=1e-9)
    np.testing.assert_allclose(own.market.returns, of_file.market.returns, atol=1e-12)
    assert own.cash == pytest.approx(of_file.cash, abs=1e-9)


def test_the_figures_of_a_year_are_those_of_the_trade_list_of_that_file(tmp_path: Path) -> None:
    request = asked(returns=252)
    answer = answer_to(request, datetime(2026, 1, 1))
    portfolio = load_portfolio(as_file(request, tmp_path))
    figures = trade_list(portfolio, portfolio.policies["threshold"], greedy=True).before_after.figures
    for moment, found in (("before", answer.metrics), ("after", answer.metrics_after)):
        expected = figures[moment]
        assert found.volatility.value == pytest.approx(expected.volatility, rel=1e-9)
        assert found.tracking_error.value == pytest.approx(expected.tracking_error, rel=1e-9)
        assert found.var_95.value == pytest.approx(expected.var["one day"], rel=1e-9)
        assert found.cvar_95.value == pytest.approx(expected.cvar["one day"], rel=1e-9)
    orders = answer.orders
    assert (orders.drift, orders.largest_drift) == pytest.approx(
        (figures["before"].drift, figures["before"].largest_drift)
    )
    assert (orders.cost, orders.cash_after) == pytest.approx((figures["after"].cost, figures["after"].cash))


def test_shorter_histories_end_with_the_others() -> None:
    given = payload(3, returns=5)
    given["assets"][1]["historical_returns"] = [0.01, -0.02]
    given["assets"][2]["historical_returns"] = []
    market = portfolio_of_payload(RebalanceRequest.model_validate(given)).market
    assert market.returns[:, 1].tolist() == [0.0, 0.0, 0.0, 0.0, 0.01, -0.02]
    assert market.listed.sum(axis=0).tolist() == [6, 3, 1]


@pytest.mark.parametrize(("history", "last", "expected"), [([0.01], 0.02, 2), ([0.01], 0.01, 1), ([], 0.02, 1)])
def test_a_market_return_is_the_last_of_its_history(history: list[float], last: float, expected: int) -> None:
    given = payload(1, returns=0)
    given["assets"][0] |= {"historical_returns": history, "market_return": last}
    request = RebalanceRequest.model_validate(given)
    assert (request.assets[0].returns[-1], len(request.assets[0].returns)) == (last, expected)
    assert bool(portfolio_of_payload(request).notes) == (expected > len(history))


def change(key: str, value: Any) -> dict[str, Any]:
    given = payload(2, returns=3)
    if key in given or key in ("locked", "cash_flow", "periods_per_year", "currency", "other"):
        return given | {key: value}
    given["assets"][0] |= {key: value}
    return given


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("portfolio_value", 0.0, "greater than or equal to 0.01"),
        ("portfolio_value", float("inf"), "finite"),
        ("portfolio_value", "100", "number"),
        ("drift_threshold", 1.1, "less than or equal to 1"),
        ("turnover_limit", -0.1, "greater than or equal to 0"),
        ("transaction_cost_bps", 5_000.0, "less than 5000"),
        ("transaction_cost_bps", -1.0, "greater than or equal to 0"),
        ("assets", [], "at least 1"),
        pytest.param("assets", payload(501, returns=0)["assets"], "at most 500", id="501_assets_are_too_many"),
        ("periods_per_year", 0, "greater than or equal to 1"),
        ("locked", ["Z"], "'Z' is no asset"),
        ("cash_flow", -250_000.0, "Withdraw less"),
        ("currency", "usd", "capital letters"),
        ("other", 1, "Extra inputs"),
        ("asset", "A1", "'A1' appears twice"),
        ("asset", "../A", "slash"),
        ("target_weight", 0.9, "target_weight sums to 1."),
        ("current_weight", -0.1, "greater than or equal to 0"),
        ("price", 0.0, "greater than or equal to"),
        ("historical_returns", [-1.0], "greater than -1"),
        ("historical_returns", [float("nan")], "finite"),
        ("historical_returns", [0.0] * 10_001, "at most 10000"),
        ("historical_returns", [999.0] * 100, "multiply to"),
        ("market_return", -1.0, "greater than -1"),
        ("holdings", [{"symbol": "X", "weight": 0.6, "price": 1.0}] * 2, "appears twice"),
        ("holdings", [{"symbol": s, "weight": 0.6, "price": 1.0} for s in "XY"], "weight sums to 1.2"),
    ],
)
def test_what_is_out_of_bounds_is_refused(key: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RebalanceRequest.model_validate_json(json.dumps(change(key, value)), strict=True)


def test_weights_within_the_tolerance_above_one_are_accepted() -> None:
    given = payload(2, returns=3)
    for each, weight in zip(given["assets"], (0.4, 0.6 + 5e-10), strict=True):
        each |= {"target_weight": weight, "current_weight": weight}
    portfolio = portfolio_of_payload(RebalanceRequest.model_validate(given))
    assert portfolio.nav == pytest.approx(250_000.0, rel=1e-12)
    assert trade_list(portfolio, portfolio.policies["threshold"]).holds
