"""Payloads to try: each can be posted as it stands. Weights are invented; prices and returns are embedded data."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from desk.service.payload.model import AssetInput, HoldingInput, RebalanceRequest
from research.market import load_market

MARKET = "multi_asset_daily"
RETURNS, DECIMALS = 252, 6
EXAMPLE_WEIGHTS = {  # asset: target and current weight
    "SPY": (0.35, 0.42),
    "QQQ": (0.10, 0.12),
    "VEA": (0.15, 0.12),
    "VWO": (0.05, 0.04),
    "AGG": (0.25, 0.20),
    "GLD": (0.05, 0.05),
    "VNQ": (0.05, 0.03),
}

CRISES = {  # scenario: first and last close, and what happened between them
    "crisis_2008": ("2008-08-29", "2008-11-20", "Banks failed: US stocks lost 41 %, bonds 2 %."),
    "pandemic_2020": ("2020-02-19", "2020-03-23", "A third of the stocks' value went in a month."),
    "rates_2022": (
        "2021-12-31",
        "2022-10-14",
        "Bonds fell by 16 % beside US stocks by 24 %: little was out of proportion.",
    ),
}


class Scenario(BaseModel):
    """A payload with its name and what it shows."""

    name: str
    description: str
    payload: RebalanceRequest


@cache
def scenarios() -> tuple[Scenario, ...]:
    """The scenarios, of which the first is also answered when the service starts."""
    listed = [_asset(asset, target, current) for asset, (target, current) in EXAMPLE_WEIGHTS.items()]
    at_target = [each.model_copy(update={"current_weight": each.target_weight}) for each in listed]
    shares = _asset("SPY", 0.6, 0.67, asset_class="equities", holdings=[_holding("SPY", 0.7), _holding("QQQ", 0.3)])
    bonds = _asset("AGG", 0.4, 0.32, asset_class="bonds")
    short = _asset("GLD", 0.5, 0.6, returns=12)
    last = short.model_copy(update={"market_return": 0.004})
    return (
        _scenario("drifted", "Weights left their bands: orders back to target.", listed),
        _scenario("at_target", "Every weight is in its band: no order.", at_target),
        _scenario("turnover_limited", "The same drift with a turnover of 3 % at most.", listed, turnover_limit=0.03),
        _scenario("deposit", "Money comes in, and only buys are sent.", listed, cash_flow=50_000.0, buys_only=True),
        _scenario("locked", "Gold may not be traded: the others are.", listed, locked=["GLD"], lots="exact"),
        _scenario("drilldown", "Orders of a class, by the securities inside it.", [shares, bonds]),
        _scenario(
            "short_history", "Twelve returns and a last one: normal figures.", [last, _asset("VNQ", 0.5, 0.4, 12)]
        ),
        *(_crisis(name, *between) for name, between in CRISES.items()),
    )


def _crisis(name: str, first: str, last: str, happened: str) -> Scenario:
    """Targets at a first close that nobody traded until the last one."""
    market = load_market(MARKET).until(last).select(list(EXAMPLE_WEIGHTS))
    target = np.array([target for target, _ in EXAMPLE_WEIGHTS.values()])
    grown = target * market.index[-1] / market.index[market.row(pd.Timestamp(first))]
    weights = (grown / grown.sum()).round(DECIMALS).tolist()
    weights[0] = round(1.0 - sum(weights[1:]), DECIMALS)
    listed = [
        _asset(asset, *of, last=last)
        for asset, of in zip(EXAMPLE_WEIGHTS, zip(target.tolist(), weights, strict=True), strict=True)
    ]
    return _scenario(name, f"{happened} Untouched from {first} to {last}.", listed)


def _scenario(name: str, description: str, assets: list[AssetInput], **keys: Any) -> Scenario:
    limits = {"portfolio_value": 1_000_000.0, "drift_threshold": 0.03, "turnover_limit": 0.25} | keys
    payload = RebalanceRequest(assets=assets, transaction_cost_bps=2.0, **limits)
    return Scenario(name=name, description=description, payload=payload)


def _asset(name: str, target: float, current: float, returns: int = RETURNS, last: str = "", **keys: Any) -> AssetInput:
    price, history = _past(name, returns, last)
    return AssetInput(
        asset=name, target_weight=target, current_weight=current, price=price, historical_returns=history, **keys
    )


def _holding(symbol: str, weight: float) -> HoldingInput:
    price, history = _past(symbol, RETURNS)
    return HoldingInput(symbol=symbol, weight=weight, price=price, historical_returns=history)


def _past(asset: str, returns: int, last: str = "") -> tuple[float, list[float]]:
    """The close of an asset on a day, "" for the last one, and so many returns up to it."""
    market = load_market(MARKET).select([asset])
    market = market.until(last) if last else market
    return round(float(market.prices[-1, 0]), 2), market.returns[-returns:, 0].round(DECIMALS).tolist()
