"""The JSON schema of portfolio files: it takes what the loader takes, and refuses slips that the loader refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from foundation.errors import ConfigError
from research.portfolio import ALLOCATIONS, load_portfolio
from research.portfolio.file.settings import names_of
from research.portfolio.file.strict_yaml import read_yaml
from research.portfolio.keys.allocations import FORECASTS, MODELS
from research.portfolio.keys.policies import RULES
from research.portfolio.keys.portfolio_keys import PortfolioKeys
from research.portfolio.keys.schema import portfolio_schema

ROOT = Path(__file__).parents[4]
FILES = sorted([*ROOT.glob("data/portfolios/*.yaml"), *ROOT.glob("data/examples/*.yaml")])
SLIPS: list[dict[str, Any]] = [
    {"lines.SPY.targt": 0.5},
    {"lines.SPY.target": "60 %"},
    {"costs.bonds.commission_bps": -1},
    {"test_start": 2015},
    {"limits.max_drawdown": 15},
    {"policies.band": {"rule": "treshold"}},
    {"policies.band.bnd": 0.02},
    {"policies.parity.allocation": {"kind": "hrpp"}},
    {"policies.parity.allocation": {"kind": "hrp", "window": "year"}},
    {"orders": {"objective": "best"}},
    {"forecasts": {"horizon": 0, "models": {"a": {"kind": "estimated"}}}},
    {"market": {"file": "multi_asset_daily", "facts": {"rsi": {"indicator": "rsj"}}}},
    {"market": {"file": "multi_asset_daily", "facts": {"rsi": {"indicator": "rsi", "windw": 14}}}},
    {"flows": {"every": "fortnight", "amount": 1}},
]


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return Draft202012Validator(portfolio_schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_files_keep_to_the_schema(schema: Draft202012Validator, file: Path) -> None:
    tree, _ = read_yaml(str(file))
    assert [error.message for error in schema.iter_errors(tree)] == []


def test_settings_of_a_portfolio_keep_to_the_schema(schema: Draft202012Validator, write: Any) -> None:
    assert list(schema.iter_errors(json.loads(json.dumps(load_portfolio(write()).settings)))) == []


@pytest.mark.parametrize(("key", "keeps"), [("feeds", True), ("feed", False)])
def test_scores_may_name_feeds(schema: Draft202012Validator, write: Any, key: str, keeps: bool) -> None:
    tree, _ = read_yaml(str(write()))
    scores = {"file": "scores.csv", key: ["https://news.example/rss"]}
    tree["policies"]["band"]["allocation"] = {"kind": "news", "scores": scores}
    assert schema.is_valid(tree) is keeps


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: next(iter(slip)))
def test_what_the_loader_refuses_the_schema_refuses(
    schema: Draft202012Validator, write: Any, slip: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        load_portfolio(write(), slip)
    tree, _ = read_yaml(str(write()))
    for path, value in slip.items():
        *above, last = path.split(".")
        into = tree
        for key in above:
            into = into[key]
        into[last] = value
    assert list(schema.iter_errors(tree))


def test_every_key_rule_allocation_and_forecast_is_in_it() -> None:
    schema = portfolio_schema()
    assert set(schema["properties"]) == set(names_of(PortfolioKeys))
    words = json.dumps(schema["$defs"])
    assert all(f'{{"const": "{word}"}}' in words for word in (*RULES, *ALLOCATIONS, *FORECASTS, *MODELS))
