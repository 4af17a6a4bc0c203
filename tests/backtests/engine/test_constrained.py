"""Constraints in a portfolio file, from its text to a backtest: every target keeps them, and says what binds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from backtests.engine import backtest
from foundation.errors import ConfigError
from research.portfolio import Portfolio, load_portfolio

FILE = "data/portfolios/global_multi_asset.yaml"
CONSTRAINTS = {
    "every_line": {"least": 0.0, "most": 0.4},
    "groups": {
        "stocks": {"where": {"asset_class": ["us_equity", "developed_equity", "emerging_equity"]}, "least": 0.3},
        "coins": {"lines": ["BTC"], "most": 0.03},
    },
    "exposures": {"beta": {"to": {"SPY": 1.0}, "most": 0.7}},
    "turnover": {"most": 0.1, "gives_way": 1},
}


BY_RISK = ("minimum_risk", "maximum_ratio", "kelly", "risk_parity", "tail_parity", "maximum_diversification")


def desk(allocation: dict[str, Any]) -> Portfolio:
    return load_portfolio(FILE, {"policies.mine": {"rule": "never", "allocation": allocation}})


@pytest.mark.parametrize("allocation", [
    {"kind": "mean_variance", "objective": "maximum_sharpe", "schedule": "year", "constraints": CONSTRAINTS},
    {"kind": "mean_variance", "objective": "target_risk", "goal": 0.12, "schedule": "year", "constraints": CONSTRAINTS},
    {"kind": "robust_cvar", "schedule": "year", "constraints": CONSTRAINTS},
    *({"kind": kind, "schedule": "year", "constraints": CONSTRAINTS} for kind in BY_RISK),
    {
        "kind": "benchmark_tracking",
        "benchmark": {"SPY": 0.6, "AGG": 0.4},
        "schedule": "year",
        "constraints": CONSTRAINTS,
    },
    {"kind": "mean_variance", "objective": "utility", "schedule": "year", "constraints": CONSTRAINTS},
], ids=["sharpe", "risk", "cvar", *BY_RISK, "tracking", "utility"])  # fmt: skip
def test_every_target_of_a_backtest_keeps_the_constraints_of_the_file(
    allocation: dict[str, Any], tmp_path: Path
) -> None:
    portfolio = desk(allocation)
    market, policy = portfolio.market, portfolio.policies["mine"]
    played = backtest(market, policy, portfolio.costs, start="2017-01-03", name="mine")
    rows = played.targets.rows
    stocks = np.isin(market.asset_class, CONSTRAINTS["groups"]["stocks"]["where"]["asset_class"])  # type: ignore[index]
    assert np.abs(rows.sum(axis=1) - 1.0).max() <= 1e-9
    assert rows.min() >= -1e-8
    assert rows.max() <= 0.4 + 1e-8
    assert rows[:, stocks].sum(axis=1).min() >= 0.3 - 1e-8
    assert rows[:, market.assets.index("BTC")].max() <= 0.03 + 1e-8
    said = [note for answer in played.targets.answers for note in answer.notes if "gave way" in note]
    assert (np.maximum(np.diff(rows, axis=0), 0.0).sum(axis=1) > 0.1 + 1e-6).sum() <= len(said)
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(portfolio.settings))
    assert load_portfolio(again).policies["mine"] == policy


@pytest.mark.parametrize(("constraints", "message"), [
    ({"goups": {}}, r"policies\.mine\.allocation\.constraints\.goups: unknown key"),
    ({"groups": {"x": {"least": 0.1}}}, r"constraints\.groups\.x: it has neither `where` nor `lines`.*given beside"),
    (
        {"groups": {"x": {"where": {"asset_class": "bond"}, "most": 0.2}}, "lines": {"SPX": {"most": 0.1}}},
        r"allocation \(given beside .*\): lines\.SPX: unknown asset: .*no asset has this asset_class: found 'bond'",
    ),
    ({"turnover": {"most": "x"}}, r"constraints\.turnover\.most: not a number"),
    ({"net": {"most": 1.5}}, r"allocation\.constraints: net\.most is 1\.5, which is leverage"),
])  # fmt: skip
def test_a_mistake_in_a_file_is_told_with_its_place(constraints: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        desk({"kind": "mean_variance", "constraints": constraints})
