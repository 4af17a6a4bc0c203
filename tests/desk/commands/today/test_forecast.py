"""`rebalance forecast FILE`: numbers with their skill, entered into the book; mistakes are sentences."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from browser import check_page
from commanded import FILE, rebalance

from backtests.sheets.pages.forecast_worth import worth_words
from backtests.studies.forecasts.today import forecasts_today
from backtests.studies.forecasts.worth import worth
from desk.commands.replay import replay_run
from desk.commands.today.forecast import make_forecast
from foundation.errors import ConfigError
from foundation.home import FORECAST_BOOK
from foundation.paper.render import per_cents
from foundation.paper.text_tables import wrapped
from foundation.paper.wording import number
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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file, beside which its book lies, and the text of its forecasts."""
    folder = tmp_path_factory.mktemp("made")
    (file := folder / "stated.yaml").write_text(FILE.read_text() + STATED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FORECAST_BOOK, str(folder / "book"))
        done = rebalance("forecast", file, "--as-of", "2016-03-31", "--full", "--home", folder)
    assert done.status == 0, done.err
    return file, done.out


def test_a_sentence_of_use_stands_first_and_numbers_are_kept(
    made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stated, out = made
    monkeypatch.setenv(FORECAST_BOOK, str(stated.parent / "book"))
    brief, _, full = out.partition("Returns of the next 5 days after 2016-03-31, with the skill shown at month ends")
    assert brief.startswith("The worth of plain was not tested: placebos cannot judge its tilt")
    assert len(brief.splitlines()) <= 12
    market = load_portfolio(stated).market.until("2016-03-31")
    found = Estimated(window=504).predict(market.past(len(market.dates) - 1)).over(5)
    assert f"SPY     {100 * found.mean[0]:+.2f} %" in full.replace("−", "-")
    assert full.count("R² of log variance over the random walk") == 2
    assert "plain stays in use: over " in brief
    assert f"2 of 2 forecasts are new in the book, {stated.parent / 'book'}, with a card of each.\n" in full
    page = Path(out.splitlines()[-1])
    html = page.read_text(encoding="utf-8")
    check_page(html, drawn=20)
    numbers = json.loads((page.parent / "forecast.json").read_text(encoding="utf-8"))
    assert html.index(per_cents(numbers["use"])) < html.index("<svg")
    assert numbers["models"][0]["lines"][0]["expected"] == pytest.approx(found.mean[0], rel=1e-12)
    assert numbers["worth"]["plain"]["means"]["not_known"].startswith("Placebos cannot judge its tilt")
    assert replay_run(page.parent, stated).same


def test_a_card_is_a_page_beside_its_numbers(made: tuple[Path, str]) -> None:
    stated, _ = made
    market = load_portfolio(stated).market.until("2016-03-31")
    cards = sorted((stated.parent / "book").rglob("card.json"))
    told = {card: json.loads(card.read_text()) for card in cards}
    assert {one["name"] for one in told.values()} == {"plain", "shrunk"}
    for path, card in told.items():
        assert (card["data"], card["data_days"][1]) == (market.fingerprint, "2016-03-31")
        assert card["model"][0] == "research.forecast.estimated.Estimated"
        assert card["skill"]["hits beyond chance"]["lower"] <= card["skill"]["hits beyond chance"]["value"]
        html = path.with_name("card.html").read_text(encoding="utf-8")
        assert f"Forecasts of returns by {card['name']} were " in html.partition("<svg")[0]
        assert number(card["skill"]["R² over the mean so far"]["value"]) in html
        assert card["data"] in html
    check_page(html, drawn=20)


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
    text = forecasts_today(load_portfolio(stated), "2020-03-27").text()
    assert f"long\nNo forecast: the forecast needs {days - 1} returns, and " in text
    assert "plain stays in use: over " in text


def test_worth_is_that_of_the_days_up_to_the_one_asked_by_forecasts_that_have_one(stated: Path, tmp_path: Path) -> None:
    stated.write_text(stated.read_text() + "    long: {kind: estimated, window: 9_999}\n")
    text = make_forecast(stated, tmp_path / "runs", "2016-03-31", with_worth=True, full=True).text
    assert text.count(" is worth\n") == 2
    portfolio = load_portfolio(stated)
    known = worth(replace(portfolio, market=portfolio.market.until("2016-03-31")), Estimated("james_stein"))
    assert wrapped(worth_words("shrunk", known)) in text


def test_a_worth_that_cannot_be_measured_is_said_and_the_page_is_made(stated: Path, tmp_path: Path) -> None:
    early, again = (make_forecast(stated, tmp_path / "runs", "2011-12-30") for _ in range(2))
    assert again.text.replace("No forecast is", "2 of 2 forecasts are") == early.text
    assert early.text.startswith("What plain is worth is not known: ")
    assert "What plain is worth is not known: " in (early.folder / "forecast.html").read_text(encoding="utf-8")


def test_mistakes_of_all_forecasts_are_told_at_once(stated: Path) -> None:
    wrong = {
        "forecasts.models.plain.window": -5,
        "forecasts.models.shrunk.mean": "stein",
        "forecasts.models.views": {"kind": "refitted"},
    }
    with pytest.raises(ConfigError) as told:
        load_portfolio(stated, wrong)
    for said in ("window of Estimated is -5", "models.shrunk.mean", "models.views.model: missing"):
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
    assert "\nNo challenge is decided: " in forecasts_today(load_portfolio(stated)).text()
