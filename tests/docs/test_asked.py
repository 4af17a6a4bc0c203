"""What was asked for stands on a page by its former name, with what does it here; each of these is there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from desk.cli import app
from research.portfolio.keys.schema import portfolio_schema

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "left_out.md").read_text().partition("## What stays out")[0]
ROWS = [row.strip("| ").split(" | ") for row in re.findall(r"^\|.*\|$", TABLE, re.MULTILINE)[2:]]
SPAN = re.compile(r"`([^`]+)`")
ROUTE = re.compile(r"(GET|POST|PUT|DELETE) (/\S*)")
OPENAPI = json.loads((ROOT / "docs" / "schemas" / "openapi-1.json").read_text())["paths"]
ASKED = """
python app.py | python -m unittest test_rebalancer.py | --run | --export | --history | PORT_A_TechGrowth
/api/rebalance | /api/multi-agent-blueprint | /api/multi-agent/tandem-demo | /api/ai-copilot/insights
/api/preview-scenarios | /api/health | /api/users/register | /login | /api/users/profile | /api/portfolios
/api/portfolios/{id} | /api/rebalance/predict | /api/backtest | /api/backtest/{id}/status | /api/market/assets
/api/market/data/{symbol} | docs/api.md | docs/ml_models.md | docs/mobile_app.md | docs/deployment.md
docs/contributing.md | portfolio_type | risk_profile | stablecoin_fraction | rebalancing_frequency
volatility_target | max_drawdown_limit | correlation_threshold | strategy.name | strategy.lookback_period
strategy.rebalancing_threshold | trading.execution_style | trading.max_slippage | trading.min_trade_value
trading.base_currency | get_account_balances | get_ticker_prices | get_portfolio_value | execute_trade
get_historical_data | PortfolioManager | get_current_allocation | rebalance_portfolio | LightGBM | XGBoost
SHAP | TFT | HMM | PPO | SAC | DQN | momentum | mean reversion | EWMA | MongoDB | PostgreSQL | Redis | Alpha
Vantage
""".replace("\n", " | ").strip(" |").split(" | ")  # fmt: skip


def is_command(words: str) -> bool:
    """True of a command of the command line with options that it has."""
    command: Any = get_command(app)
    names, *options = words.split(" --")
    for name in names.split()[1:]:
        command = getattr(command, "commands", {}).get(name)
    known = {option for each in getattr(command, "params", ()) for option in each.opts}
    return command is not None and {f"--{option}" for option in options} <= known


def is_key(path: str) -> bool:
    """True of a key of a portfolio file, such as cycle.cooldown."""
    schema: Any = portfolio_schema()
    here = schema
    for name in path.split("."):
        while "$ref" in here or "anyOf" in here:
            choices = [each for each in here.get("anyOf", [here]) if "$ref" in each or "properties" in each]
            if not choices:
                return False
            here = schema["$defs"][choices[0]["$ref"].split("/")[-1]] if "$ref" in choices[0] else choices[0]
        if name not in here.get("properties", {}):
            return False
        here = here["properties"][name]
    return True


@pytest.mark.parametrize("name", ASKED)
def test_what_was_asked_for_has_a_row(name: str) -> None:
    assert any(name in row[0] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_names_what_there_is(row: list[str]) -> None:
    named = SPAN.findall(row[1])
    assert named, "the row names nothing that is here"
    for each in named:
        route = ROUTE.fullmatch(each)
        if route:
            assert route[1].lower() in OPENAPI.get(route[2], ()) or is_page(route[2]), each
        elif each.startswith("make "):
            assert f"\n{each.removeprefix('make ')}:" in (ROOT / "Makefile").read_text(), each
        elif each.startswith("rebalance "):
            assert is_command(each), each
        else:
            assert (ROOT / each).exists() or is_key(each), each


def is_page(path: str) -> bool:
    """True of a page that the service draws."""
    return any(f'"{path}"' in page.read_text() for page in (ROOT / "desk/service/pages").glob("*.py"))


def test_the_environment_names_the_packages_that_were_fixed() -> None:
    text = (ROOT / "environment.yml").read_text()
    assert yaml.safe_load(text)["name"] == "rebalance-workbench"
    fixed = (
        "jupyterlab vectorbt pandas numpy PyPortfolioOpt Riskfolio-Lib torch pytorch-forecasting papermill nbval pytest"
    )
    assert all(re.search(rf"\b{name}\b", text) for name in fixed.split())
