"""News from the feeds of a portfolio file: each item scored once and known from its fetch, whatever fails."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from model_server import Answer, models, openai
from news_server import SILENT, rss, wire
from watched import uneven

from desk.commands.cycle.news import fetch_news
from desk.cycle.monitor import risk_words
from desk.feeds import transport
from desk.language.news import LEXICON
from desk.language.providers import ModelError
from foundation.errors import ConfigError
from research.allocation import NewsTilt
from research.forecast.news import read_scores
from research.portfolio import Portfolio, load_portfolio

NOW = datetime(2022, 8, 4, 21, tzinfo=UTC)
GOOD, BAD = ("Mon, 01 Aug 2022 12:00:00 GMT", "Great gains for A"), ("Wed, 03 Aug 2022 08:00:00 GMT", "Fears hurt B")
ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Wire</title><id>x</id>
<entry><title>Great gains for A</title><id>1</id><updated>2022-08-01T12:00:00Z</updated></entry></feed>"""


def of_feeds(folder: Path, *feeds: str, **others: Any) -> Portfolio:
    """A portfolio of two assets, whose scores come from feeds."""
    allocation = {"kind": "news", "scores": {"file": "scores.csv", "feeds": list(feeds), **others}, "estimate": 63}
    policies = {"news": {"rule": "calendar", "schedule": "week", "allocation": allocation}, "never": {"rule": "never"}}
    return load_portfolio(uneven(folder, 10_000.0, {"policies": policies, "policy": "news"})[0])


def test_each_item_of_the_feeds_is_scored_once_and_known_from_its_fetch(tmp_path: Path) -> None:
    """Two feeds with the same item, and a table beside the portfolio file, whose path is from there."""
    (tmp_path / "wire.csv").write_text("published,title,asset\n2022-07-29T10:00Z,Strong growth,B\n")
    with wire(rss(GOOD)) as one, wire(ATOM) as other:
        portfolio = of_feeds(tmp_path, one.address, other.address, "wire.csv")
        assert list(fetch_news(portfolio, NOW)) == ["2 new scores of news in scores.csv."]
        one.content = rss(GOOD, BAD)
        later = NOW.replace(day=5)
        assert list(fetch_news(portfolio, later)) == ["1 new score of news in scores.csv."]
        assert list(fetch_news(portfolio, later)) == []
    rows = read_scores(tmp_path / "scores.csv").rows
    assert [(row.asset, row.published.day, row.known_at, row.score > 0.0, row.model) for row in rows] == [
        ("B", 29, NOW, True, LEXICON),
        ("A", 1, NOW, True, LEXICON),
        ("B", 3, later, False, LEXICON),
    ]
    tilt = load_portfolio(portfolio.file).policies["news"].allocation  # type: ignore[attr-defined]
    assert isinstance(tilt, NewsTilt)
    assert tilt.scores.rows == rows


def test_feeds_that_fail_are_said_and_keep_no_other_from_its_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT", 0.5)
    monkeypatch.setattr(transport, "ANSWER", 1.0)
    undated = f"{rss(GOOD)[: -len('</channel></rss>')]}<item><title>A without a date</title></item></channel></rss>"
    with wire("", SILENT) as silent, wire("<html>", 200) as html, wire("", 404) as gone, wire(undated) as good:
        failing = (silent.address, html.address, gone.address, "none.csv")
        silence, page, missing, absent, left_out, scored = fetch_news(of_feeds(tmp_path, *failing, good.address), NOW)
    assert silence == f"no news: {silent.address} gave no whole answer in time. Try again later."
    assert page == f"no news: {html.address} is no RSS or Atom feed. Give the address of one."
    assert missing == f"no news: {gone.address} answers with status 404."
    assert "none.csv" in absent
    assert left_out == ("1 item of news left out, such as: 'A without a date.' has no date that can be read, but ''.")
    assert scored == "1 new score of news in scores.csv."


def test_a_model_is_told_the_risk_and_refused_where_it_invents_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explanations = iter(["B fell by 40 %", "Fears hurt an asset that moves with the rest"])

    def answer(_: dict[str, Any]) -> Answer:
        score = {"id": 0, "score": -0.5, "confidence": 0.8, "explanation": next(explanations)}
        return openai(json.dumps({"scores": [score]}))

    with wire(rss(BAD)) as feed, models(answer) as server:
        for name, value in {"PROVIDER": "openai", "NAME": "m", "URL": server.address, "CUTOFF": "2021-12-31"}.items():
            monkeypatch.setenv(f"REBALANCE_MODEL_{name}", value)
        portfolio = of_feeds(tmp_path, feed.address)
        with pytest.raises(ModelError, match="m explains a score by number '40 %', which it was not told"):
            list(fetch_news(portfolio, NOW))
        assert not (tmp_path / "scores.csv").exists()
        assert list(fetch_news(portfolio, NOW)) == ["1 new score of news in scores.csv."]
        monkeypatch.setenv("REBALANCE_MODEL_NAME", "another")
        assert list(fetch_news(load_portfolio(portfolio.file), NOW)) == []  # whichever model scored it
    assert len(server.asked) == 2
    told = json.loads(server.asked[0][2]["messages"][1]["content"])
    assert told["portfolio"] == list(risk_words(portfolio))
    assert any(each.startswith("correlations in the last 63 sessions: B and A ") for each in told["portfolio"])
    assert told["items"] == [{"id": 0, "asset": "B", "text": "Fears hurt B."}]
    (row,) = read_scores(tmp_path / "scores.csv").rows
    assert (row.score, row.model, row.cutoff, row.known_at) == (-0.5, "m", date(2021, 12, 31), NOW)


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ({"feeds": "wire.csv"}, "feeds: not a list"),
        ({"feeds": [3]}, "feeds.0: not text"),
        ({"feed": ["wire.csv"]}, "scores.feed: unknown key"),
        ({"feeds": []}, "scores.csv cannot be read"),
    ],
)
def test_feeds_are_a_list_of_addresses_and_files(tmp_path: Path, scores: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        of_feeds(tmp_path, **scores)
