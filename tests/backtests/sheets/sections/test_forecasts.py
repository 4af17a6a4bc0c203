"""Forecasts on the sheet: their numbers are those of the records, and nothing is said where none are stated."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from backtests.sheets.parts import Folded, Words, pictures_in
from backtests.sheets.sections.forecasts import forecasts_numbers, forecasts_parts
from backtests.studies.forecasts.skill import skill_of_returns
from backtests.studies.forecasts.today import ForecastsToday, forecasts_today
from backtests.studies.forecasts.walk_forward import walk_forward
from foundation.paper.picture import Picture
from research.forecast import Estimated
from research.portfolio import Portfolio, load_portfolio

FILES = Path(__file__).parents[4] / "data" / "portfolios"
STATED = {
    "horizon": 21,
    "models": {
        "shrunk": {"kind": "estimated", "mean": "james_stein"},
        "plain": {"kind": "estimated"},
        "long": {"kind": "estimated", "window": 9_999},
    },
}


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILES / "global_multi_asset.yaml", {"forecasts": STATED})


@pytest.fixture(scope="module")
def found(portfolio: Portfolio) -> ForecastsToday:
    return forecasts_today(portfolio)


def test_what_the_champion_expects_is_drawn_and_tabled(portfolio: Portfolio, found: ForecastsToday) -> None:
    parts = forecasts_parts(SimpleNamespace(portfolio=portfolio))  # type: ignore[arg-type]
    [picture] = pictures_in(parts)
    market = portfolio.market
    expected = Estimated("james_stein").predict(market.past(len(market.dates) - 1)).over(21)
    np.testing.assert_allclose(picture.data["expected"], expected.mean, rtol=1e-12)
    reach = 1.6448536269514722 * expected.volatility
    np.testing.assert_allclose(picture.data["upper"], expected.mean + reach, rtol=1e-12)
    assert picture.data["mean so far"].iloc[0] == pytest.approx(21.0 * market.returns[:, 0][1:].mean(), rel=1e-9)
    words = [part.text for part in parts if isinstance(part, Words)]
    assert found.challenge.sentence() in words  # type: ignore[union-attr]
    assert any(said.startswith("long: no forecast. ") for said in words)
    [folded] = [part for part in parts if isinstance(part, Folded)]
    assert [block["caption"] for block in folded.parts] == ["plain"]  # type: ignore[index]
    assert not any(isinstance(part, Picture) for part in folded.parts)


def test_the_numbers_keep_the_published_form(portfolio: Portfolio) -> None:
    schema = json.loads((FILES.parents[1] / "docs" / "schemas" / "tearsheet-4.json").read_text())
    numbers = json.loads(json.dumps(forecasts_numbers(SimpleNamespace(portfolio=portfolio))))  # type: ignore[arg-type]
    described = {**schema["properties"]["forecasts"], "$defs": schema["$defs"]}
    assert list(Draft202012Validator(described).iter_errors(numbers)) == []
    assert [one["name"] for one in numbers["models"]] == ["shrunk", "plain"]
    assert [one["name"] for one in numbers["failed"]] == ["long"]
    skill = skill_of_returns(walk_forward(Estimated("james_stein"), portfolio.market, 21)).by_measure["rank IC"]
    assert numbers["models"][0]["skill"][0] == {
        "measure": "rank IC", "value": skill.value, "lower": skill.lower, "upper": skill.upper, "p": skill.p
    }  # fmt: skip


def test_nothing_is_said_where_the_file_states_no_forecasts() -> None:
    without = SimpleNamespace(portfolio=load_portfolio(FILES / "sixty_forty.yaml"))
    assert forecasts_parts(without) == []  # type: ignore[arg-type]
    assert forecasts_numbers(without) is None  # type: ignore[arg-type]


def test_a_sheet_says_why_where_no_forecast_has_enough_history() -> None:
    stated = {"models": {name: {"kind": "estimated", "window": 9_999} for name in ("long", "longer")}}
    short = SimpleNamespace(portfolio=load_portfolio(FILES / "global_multi_asset.yaml", {"forecasts": stated}))
    told = [part.text for part in forecasts_parts(short) if isinstance(part, Words)]  # type: ignore[arg-type]
    assert [said.partition(" gives no forecast: ")[0] for said in told] == ["long", "longer"]
    assert forecasts_numbers(short) is None  # type: ignore[arg-type]
