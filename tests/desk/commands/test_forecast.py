"""`rebalance forecast FILE`: numbers with their skill, entered into the book; mistakes are sentences."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from commanded import FILE, rebalance

from backtests.studies.forecasts.worth import worth
from desk.commands.forecast import make_forecast
from foundation.errors import ConfigError
from foundation.home import FORECAST_BOOK
from foundation.paper.text_tables import wrapped
from research.forecast import Estimated
from research.portfolio import load_portfolio

STATED = """
forecasts:
  horizon: 5
  models:
    plain: {kind: estimated, window: 504}
    shrunk: {kind: estimated, mean: james_stein}
"""


@pytest.fixture
def stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FORECAST_BOOK, str(tmp_path / "book"))
    file = tmp_path / "stated.yaml"
    file.write_text(FILE.read_text() + STATED)
    return file


def test_numbers_stand_beside_their_skill_and_are_kept(stated: Path) -> None:
    done = rebalance("forecast", stated, "--as-of", "2020-03-31")
    assert done.status == 0, done.err
    assert done.out.startswith(
        "Returns of the next 5 days after 2020-03-31, with the skill shown at month ends so far\n"
    )
    market = load_portfolio(stated).market.until("2020-03-31")
    found = Estimated(window=504).predict(market.past(len(market.dates) - 1)).over(5)
    assert f"SPY     {100 * found.mean[0]:+.2f}\u202f%" in done.out.replace("−", "-")
    assert done.out.count("R² of log variance over the random walk") == 2
    assert "plain stays: over " in done.out
    assert f"2 of 2 forecasts are new in the book, {stated.parent / 'book'}, with a card of each.\n" in done.out
    cards = [json.loads(card.read_text()) for card in (stated.parent / "book").rglob("card.json")]
    assert {card["name"] for card in cards} == {"plain", "shrunk"}
    for card in cards:
        assert (card["data"], card["data_days"][1]) == (market.fingerprint, "2020-03-31")
        assert card["model"][0] == "research.forecast.estimated.Estimated"
        assert card["skill"]["hit rate"]["lower"] < card["skill"]["hit rate"]["value"]
    again = rebalance("forecast", stated, "--as-of", "2020-03-31")
    assert again.out.replace("No forecast is", "2 of 2 forecasts are") == done.out
    later = rebalance("forecast", stated)
    assert "Warning" not in later.out


def test_settings_of_a_file_are_written_back_and_mistakes_have_their_place(stated: Path) -> None:
    portfolio = load_portfolio(stated)
    assert list(portfolio.forecasts.models) == ["plain", "shrunk"]
    assert portfolio.settings["forecasts"]["horizon"] == 5
    assert portfolio.settings["forecasts"]["models"]["shrunk"]["mean"] == "james_stein"
    for wrong, said in {
        "forecasts.horizon": r"forecasts\.horizon: out of bounds",
        "forecasts.modles": r"forecasts\.modles: unknown key .* Did you mean 'models'",
        "forecasts.models": r"forecasts\.models",
    }.items():
        with pytest.raises(ConfigError, match=said):
            load_portfolio(stated, {wrong: 0})
    with pytest.raises(ConfigError, match=r"forecasts\.models\.plain\.kind: unknown kind .*estimatedd"):
        load_portfolio(stated, {"forecasts.models.plain.kind": "estimatedd"})


def test_a_forecast_with_too_little_history_is_told_and_the_others_are_compared(stated: Path) -> None:
    """It has enough on the day that is asked, but at no month end: nothing shows what it is worth."""
    days = len(load_portfolio(stated).market.until("2020-03-27").dates)
    long = f"    long: {{kind: estimated, window: {days - 1}}}\n"
    stated.write_text(stated.read_text().replace("  models:\n", f"  models:\n{long}"))
    text = make_forecast(stated, "2020-03-27")
    assert "long\nNo forecast: Estimated(" in text
    assert "plain stays: over " in text
    assert "2 of 2 forecasts are new in the book" in text


def test_worth_is_that_of_the_days_up_to_the_one_asked_by_forecasts_that_have_one(stated: Path) -> None:
    stated.write_text(stated.read_text() + "    long: {kind: estimated, window: 9_999}\n")
    text = make_forecast(stated, "2016-03-31", with_worth=True)
    assert text.count(" is worth\n") == 2
    portfolio = load_portfolio(stated)
    known = worth(replace(portfolio, market=portfolio.market.until("2016-03-31")), Estimated("james_stein"))
    assert text.endswith(wrapped(known.sentence()))


def test_mistakes_of_all_forecasts_are_told_at_once(stated: Path) -> None:
    wrong = {
        "forecasts.models.plain.window": -5,
        "forecasts.models.shrunk.mean": "stein",
        "forecasts.models.views": {"kind": "forecast_views", "prior": "benchmark"},
    }
    with pytest.raises(ConfigError) as told:
        load_portfolio(stated, wrong)
    for said in ("window of Estimated is -5", "models.shrunk.mean", "models.views.forecast: missing"):
        assert said in str(told.value)
    with pytest.raises(ConfigError) as told:
        load_portfolio(stated, {"forecasts": ["signals"]})
    assert str(told.value).count("not a mapping") == 1


def test_why_each_forecast_fails_is_told_with_its_name(stated: Path) -> None:
    done = rebalance("forecast", stated, "--as-of", "2008-01-31")
    assert done.status != 0
    assert "plain gives no forecast: " in done.err
    assert "shrunk gives no forecast: " in done.err
    assert "Traceback" not in done.err


def test_a_comparison_that_is_not_possible_is_named(stated: Path) -> None:
    stated.write_text(stated.read_text().replace("horizon: 5", "horizon: 1000"))
    assert "\nNo challenge is decided: " in rebalance("forecast", stated).out
