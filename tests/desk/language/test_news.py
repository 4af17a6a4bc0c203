"""News to scores: from files and feeds, each item once, dated before now; a model's answer is numbers or nothing."""

import asyncio
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from injections import INJECTIONS
from model_server import Answer, anthropic, models, openai
from news_server import SILENT, wire

from desk.feeds import transport
from desk.language.news import INSTRUCTIONS, LEXICON, NewsItem, by_lexicon, by_model, items_of, read_news, score_news
from desk.language.providers import HttpModel, ModelError
from foundation.errors import DataError
from research.forecast.news import read_scores

NOW = datetime(2022, 6, 30, 12, tzinfo=UTC)
ASSETS = ("SPY", "AGG")
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Wire</title>
<item><title>SPY &amp; AGG rise on great earnings</title><pubDate>Mon, 06 Jun 2022 12:00:00 +0200</pubDate>
<description>&lt;p&gt;A &lt;b&gt;good&lt;/b&gt; day.&lt;/p&gt;</description></item>
<item><title>SPY without a date</title></item>
<item><title>Nothing of ours</title><pubDate>Mon, 06 Jun 2022 13:00:00 GMT</pubDate></item></channel></rss>"""
ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Wire</title><id>x</id>
<entry><title>AGG falls</title><id>1</id><published>2022-06-01T00:00:00Z</published>
<updated>2022-06-07T09:30:00-04:00</updated></entry></feed>"""


def given(published: str, title: str = "SPY gains", **others: Any) -> dict[str, Any]:
    return {"published": published, "title": title, **others}


# -- reading ---------------------------------------------------------------------------------------------------------


def test_a_feed_is_read_with_its_dates_in_utc_and_without_its_tags() -> None:
    with wire(RSS) as served:
        items, left_out = items_of(read_news(served.address), ASSETS, NOW)
    moment = datetime(2022, 6, 6, 10, tzinfo=UTC)
    assert items == [NewsItem(moment, name, "SPY & AGG rise on great earnings. A good day.") for name in ("SPY", "AGG")]
    assert left_out == ["'SPY without a date.' has no date that can be read, but ''."]
    with wire(ATOM) as served:
        ((item,), _) = items_of(read_news(served.address), ASSETS, NOW)
    assert item.published == datetime(2022, 6, 7, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        ("<html>", 200, "is no RSS"),
        (RSS, 404, "answers with status 404"),
        (RSS, SILENT, "gave no whole answer in time"),
    ],
)
def test_what_is_no_feed_is_refused(content: str, status: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT", 0.5)
    monkeypatch.setattr(transport, "ANSWER", 5.0 if status else 0.3)
    with wire(content, status) as served, pytest.raises(DataError, match=f"^{served.address} {says}"):
        read_news(f"{served.address}?key=SECRET")


def test_files_are_read_as_tables_lines_and_feeds(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("published,title,asset\n2022-06-06,Good,SPY\n")
    (tmp_path / "a.jsonl").write_text('{"published": "2022-06-06", "title": "Good", "asset": "SPY"}\n')
    (tmp_path / "a.xml").write_text(RSS)
    table, lines, feed = (read_news(str(tmp_path / name)) for name in ("a.csv", "a.jsonl", "a.xml"))
    assert table == lines == [given("2022-06-06", "Good", asset="SPY")]
    assert len(feed) == 3
    (tmp_path / "b.jsonl").write_text("{")
    (tmp_path / "b.csv").write_text("published\n2022-06-06\n")
    for name, says in (("b.jsonl", "no JSON"), ("b.csv", "an item without a title"), ("none.csv", "cannot be read")):
        with pytest.raises(DataError, match=says):
            read_news(str(tmp_path / name))


@pytest.mark.parametrize(
    ("published", "moment"),
    [
        ("2022-06-06T12:00:00Z", datetime(2022, 6, 6, 12, tzinfo=UTC)),
        ("2022-06-06T12:00:00+09:00", datetime(2022, 6, 6, 3, tzinfo=UTC)),
        ("2022-06-06 12:00", datetime(2022, 6, 7, 0, tzinfo=UTC)),  # wherever it was published, it was by then
        ("2022-06-06", datetime(2022, 6, 7, 11, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_moment_is_never_taken_for_earlier_than_it_was(published: str, moment: datetime) -> None:
    ((item,), _) = items_of([given(published)], ASSETS, NOW)
    assert item.published == moment


def test_items_without_a_date_of_the_future_or_of_another_asset_are_left_out() -> None:
    found = [
        given(""),
        given("soon"),
        given("2022-06-30T12:01Z"),
        given("2022-06-06", asset="TSLA"),
        given("2022-06-06"),
    ]
    items, left_out = items_of([*found, given("2022-06-06")], ASSETS, NOW)
    assert len(items) == 1  # each once
    assert [each.removeprefix("'SPY gains.' ") for each in left_out] == [
        "has no date that can be read, but ''.",
        "has no date that can be read, but 'soon'.",
        "is dated in the future, 2022-06-30 12:01 UTC.",
        "is of 'TSLA', which is no asset of the portfolio.",
    ]


# -- scoring ---------------------------------------------------------------------------------------------------------

ITEMS = [NewsItem(datetime(2022, 6, day, tzinfo=UTC), "SPY", f"News {day}.") for day in range(1, 29)]


def test_the_lexicon_gives_the_published_example() -> None:
    """The first sentence of the README of vaderSentiment."""
    item = NewsItem(NOW, "SPY", "VADER is smart, handsome, and funny.")
    (score,) = by_lexicon([item])
    assert (score.score, score.confidence) == (0.8316, 0.746)
    assert score.explanation == "75 % of the text is positive, 0 % negative"
    assert (score.model, score.cutoff, score.item) == (LEXICON, date(2020, 5, 22), item.id)


def scored(content: dict[str, Any]) -> Answer:
    """The answer of an obedient model: a third of its number below 1 for each item, in reverse."""
    asked = json.loads(content["messages"][-1]["content"])["items"]
    scores = [{"id": each["id"], "score": -0.25, "confidence": 0.5, "explanation": "=Bad\n news"} for each in asked]
    return openai(f"```json\n{json.dumps({'scores': scores[::-1]})}\n```")


def test_a_model_is_asked_in_batches_once_an_item_and_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    fails = iter([False, True])
    with models(lambda content: openai("no") if next(fails, False) else scored(content)) as server:
        model = HttpModel("m", "openai", server.address, cutoff=date(2021, 12, 31))
        with pytest.raises(ModelError, match=r"m did not answer with scores: .*Run it again"):
            score_news(path, ITEMS, model)
        assert len(read_scores(path).rows) == 20
        assert score_news(path, ITEMS, model) == 8
        assert len(server.asked) == 3
        before = path.read_bytes()
        assert (score_news(path, ITEMS, model), path.read_bytes(), len(server.asked)) == (0, before, 3)
        assert server.asked[0][2]["messages"][0] == {"role": "system", "content": INSTRUCTIONS}
    scores = read_scores(path)
    assert {(row.score, row.confidence, row.explanation, row.model) for row in scores.rows} == {
        (-0.25, 0.5, "Bad news", "m")
    }
    assert scores.seen == date(2021, 12, 31)
    assert score_news(path, ITEMS[:1], None) == 1  # by another model, the same item


GOOD = {"id": 0, "score": 0.1, "confidence": 0.5, "explanation": ""}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("I cannot.", "did not answer with scores"),
        (json.dumps({"scores": [GOOD | {"score": 1.5}]}), "did not answer with scores"),
        (json.dumps({"scores": [GOOD | {"score": "0.1"}]}), "did not answer with scores"),
        (json.dumps({"scores": [GOOD | {"confidence": -0.1}]}), "did not answer with scores"),
        ('{"scores": [{"id": 0, "score": NaN, "confidence": 0.5, "explanation": ""}]}', "did not answer with scores"),
        (json.dumps({"scores": [GOOD | {"asset": "TSLA"}]}), "did not answer with scores"),
        (json.dumps({"scores": [GOOD], "orders": []}), "did not answer with scores"),
        (json.dumps({"scores": []}), "did not score each of 1 items once"),
        (json.dumps({"scores": [GOOD, GOOD]}), "did not score each of 1 items once"),
        (json.dumps({"scores": [GOOD | {"id": 1}]}), "did not score each of 1 items once"),
    ],
)
def test_an_answer_that_is_not_the_scores_of_the_items_is_refused(answer: str, says: str) -> None:
    with models(anthropic(answer)) as server, pytest.raises(ModelError, match=says):
        asyncio.run(by_model(HttpModel("m", "anthropic", server.address, cutoff=date(2021, 1, 1)), ITEMS[:1]))


@pytest.mark.parametrize(
    ("explanation", "refused"),
    [
        ("Earnings rose 12 %, and VaR is 0.98 %", ""),  # of its text, and of the portfolio
        ("Earnings rose, beside a VaR of 1.0 %", ""),  # to one decimal
        ("Earnings rose 13 %", "explains a score by number '13 %', which it was not told"),
        ("Earnings rose 12", "number '12'"),  # without its unit
        ("VaR is 0.98 % to 1.2 %", "number '1.2 %'"),
        ("It was so in 2019-03-04", "by '2019-03-04'"),
        ("It fell by 7 %", "number '7 %'"),  # of another item's text
    ],
)
def test_an_explanation_has_no_number_but_those_that_the_model_was_told(explanation: str, refused: str) -> None:
    told = ("VaR 95 of one day is 0.98 % of NAV", "correlations in the last 63 sessions: SPY and AGG 0.53")
    items = [NewsItem(NOW, "SPY", "Earnings rise 12 %."), NewsItem(NOW, "AGG", "Bonds fall by 7 %.")]
    answers = [GOOD | {"explanation": explanation}, GOOD | {"id": 1}]
    with models(openai(json.dumps({"scores": answers}))) as server:
        asked = by_model(HttpModel("m", "openai", server.address, cutoff=date(2021, 1, 1)), items, told)
        if refused:
            with pytest.raises(ModelError, match=refused):
                asyncio.run(asked)
        else:
            assert [score.explanation for score in asyncio.run(asked)] == [explanation, ""]
    assert json.loads(server.asked[0][2]["messages"][1]["content"])["portfolio"] == list(told)


def test_a_model_without_a_cutoff_scores_nothing() -> None:
    with pytest.raises(ModelError, match="cut-off of m is not stated"):
        asyncio.run(by_model(HttpModel("m", "openai", "http://localhost:1"), ITEMS[:1]))


def test_a_hostile_headline_is_a_text_with_a_score_and_nothing_else(tmp_path: Path) -> None:
    items, left_out = items_of([given("2022-06-06", text, asset="SPY") for text in INJECTIONS.values()], ASSETS, NOW)
    assert (len(items), left_out) == (14, [])
    with models(scored) as server:
        score_news(tmp_path / "s.csv", items, HttpModel("m", "openai", server.address, cutoff=date(2021, 1, 1)))
    ((_, _, content),) = server.asked
    system, user = (each["content"] for each in content["messages"])
    assert (system, "<" in user) == (INSTRUCTIONS, False)
    asked = [{"id": k, "asset": "SPY", "text": each.text} for k, each in enumerate(items)]
    assert json.loads(user) == {"portfolio": [], "items": asked}
    score_news(tmp_path / "s.csv", items, None)
    assert {row.asset for row in read_scores(tmp_path / "s.csv").rows} == {"SPY"}
    assert not any(c in (tmp_path / "s.csv").read_text() for c in "\x1b\u202e\x00")


@pytest.mark.parametrize("name", INJECTIONS)
def test_an_answer_that_repeats_a_hostile_headline_is_refused(name: str) -> None:
    with models(openai(INJECTIONS[name])) as server, pytest.raises(ModelError):
        asyncio.run(by_model(HttpModel("m", "openai", server.address, cutoff=date(2021, 1, 1)), ITEMS[:1]))


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_hostile_asset_is_left_out(name: str) -> None:
    items, (why,) = items_of([given("2022-06-06", asset=INJECTIONS[name])], ASSETS, NOW)
    assert (items, "is no asset of the portfolio" in why) == ([], True)
