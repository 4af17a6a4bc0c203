"""A target tilted by news: by as much as earlier scores came true, within ranges, and never by what came later."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pytest
from cases import cases
from simulated import every_day

from backtests.engine import backtest
from foundation.errors import ConfigError, DataError, PolicyError
from research.accounting import Costs
from research.allocation import FixedWeights, NewsTilt, Shrunk, target_path
from research.allocation.tilted import tilts_of
from research.forecast import EWMAVolatility
from research.forecast.news import SCORE_COLUMNS, Score, Scores, read_scores
from research.market import Market
from research.market.calendars import last_of
from research.rules import Calendar

DAYS, ESTIMATE = 2400, 63
HELD = FixedWeights((0.4, 0.3, 0.3))
CUTOFF = date(2019, 12, 31)


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(days=DAYS, n=3, seed=8)


def scores_of(market: Market, skill: float, seed: int = 1, cutoff: date = CUTOFF) -> Scores:
    """A score of each asset on the day before each month's end: the outcome to come times `skill`, plus noise."""
    rng, rows = np.random.default_rng(seed), []
    grown = np.cumprod(1.0 + market.returns, axis=0)
    for end in np.flatnonzero(last_of(market.days, "month", market.calendar)):
        came = (grown[min(end + 21, DAYS - 1)] / grown[end] - 1.0) / (0.01 * 21**0.5)
        drawn = np.tanh(skill * (came - came.mean()) + (1.0 - skill) * rng.normal(size=3))
        moment = datetime.combine(market.days[end - 1].item(), time(18), UTC)
        source = ("", "m", cutoff, f"{end}", moment)
        rows += [Score(moment, a, float(x), 1.0, *source) for a, x in zip("ABC", drawn, strict=True)]
    return Scores("scores.csv", f"{skill} {seed} {cutoff}", tuple(rows))


def tilt_of(market: Market, scores: Scores, **others: object) -> NewsTilt:
    return NewsTilt(HELD, scores=scores, estimate=ESTIMATE, **others)  # type: ignore[arg-type]


def moved(market: Market, allocation: NewsTilt) -> np.ndarray:
    """(K,) one-way distance of each target of the last months from the one without news."""
    return np.abs(target_path(allocation, market, DAYS - 200).rows - HELD.weights).sum(axis=1) / 2.0


# -- what came true --------------------------------------------------------------------------------------------------


def test_news_that_came_true_moves_the_target_and_shuffled_news_next_to_nothing(market: Market) -> None:
    true = tilt_of(market, scores_of(market, skill=0.8))
    last = moved(market, true)
    assert last.min() > 0.02
    placebos = [moved(market, replace(true, placebo=seed)).mean() for seed in range(3)]
    noises = [moved(market, tilt_of(market, scores_of(market, skill=0.0, seed=seed))).mean() for seed in range(3)]
    assert max(placebos + noises) < 0.05 * last.mean()


def test_nothing_moves_before_the_record_suffices(market: Market) -> None:
    """The largest bet is a fifth, and a month counts as four at most: no stake grows twentyfold in five months."""
    path = target_path(tilt_of(market, scores_of(market, skill=1.0)), market, ESTIMATE)
    first = int(path.seen[np.argmax((path.rows != HELD.weights).any(axis=1))])
    assert str(market.days[first]) > "2020-06-30"
    assert (path.rows[path.seen < first] == HELD.weights).all()


def test_a_score_is_worth_its_asset_s_volatility(market: Market) -> None:
    """Grinold's alpha is volatility times score, over the horizon, beside a mean that is the mean so far."""
    news, past = tilt_of(market, scores_of(market, skill=0.9)), market.past(DAYS - 1)
    prior, said = (of.predict(past).over(21) for of in (EWMAVolatility(estimate=ESTIMATE), news.forecast))
    scores = news.scores.means(past, 30)
    assert scores.any()
    assert said.mean - prior.mean == pytest.approx(scores * prior.volatility, rel=1e-9)


def test_a_tilt_by_news_is_told_as_that_by_another_forecast(market: Market) -> None:
    news, past = tilt_of(market, scores_of(market, skill=0.8)), market.past(DAYS - 1)
    (told,) = tilts_of(Shrunk(news, 0.5), past)
    assert told.moved.tolist() == (news.target(past) - HELD.weights).tolist() != [0.0] * 3
    assert told.forecast.shape == (3,)


# -- ranges ----------------------------------------------------------------------------------------------------------


def test_a_tilt_stays_within_the_ranges(market: Market) -> None:
    ranges = (("A", 0.35, 0.42), ("B", 0.2, 0.35), ("C", 0.2, 0.35))
    rows = target_path(tilt_of(market, scores_of(market, 1.0), ranges=ranges), market, ESTIMATE).rows
    assert (rows[:, 0].min(), rows[:, 0].max()) == pytest.approx((0.35, 0.42))
    assert rows.sum(axis=1) == pytest.approx(1.0)


# -- what may be seen ------------------------------------------------------------------------------------------------


def test_a_backtest_from_before_the_training_cutoff_is_refused(market: Market) -> None:
    late = tilt_of(market, scores_of(market, 0.5, cutoff=date(2021, 6, 30)))
    with pytest.raises(PolicyError, match=r"scores\.csv was fitted on days up to 2021-06-30, but asked on 2021"):
        backtest(market, Calendar(late, "month"), Costs(np.zeros(3), np.zeros(3)), start="2021-05-01")
    rows = target_path(late, market, market.row("2021-07-31")).rows
    assert (rows[:23] == HELD.weights).all()  # months up to the cut-off do not count: the model had read what followed
    assert (rows[24:] != HELD.weights).any()


@pytest.mark.parametrize("published", [time(0), time(23, 59)])
def test_news_of_a_day_is_unknown_at_its_close_and_known_at_the_next(market: Market, published: time) -> None:
    moment = datetime.combine(market.days[900].item(), published, UTC)
    scores = Scores("s", "1", (Score(moment, "B", -0.8, 0.5, "", "m", CUTOFF, "x", moment),))
    assert not scores.means(market.past(900), 30).any()
    assert scores.means(market.past(901), 30).tolist() == [0.0, -0.4, 0.0]
    assert scores.means(market.past(930), 30).any()
    assert not scores.means(market.past(931), 30).any()


def test_news_that_was_fetched_later_is_unknown_before_the_day_of_its_fetch(market: Market) -> None:
    """A cycle of an earlier session sees none of it, whenever it runs; its age is that since its publication."""
    moment, fetched = (datetime.combine(market.days[row].item(), time(22), UTC) for row in (900, 905))
    scores = Scores("s", "1", (Score(moment, "B", -0.8, 0.5, "", "m", CUTOFF, "x", fetched),))
    known = [row for row in range(895, 940) if scores.means(market.past(row), 30).any()]
    assert known == [*range(905, 931)]  # every day is a session of this market


def test_the_placebo_has_the_scores_that_count_on_the_same_days(market: Market) -> None:
    """None of those that its model may have read the outcome of."""
    scores = scores_of(market, 0.5, cutoff=date(2021, 6, 30))
    placebo = scores.shuffled(3)
    one, other = ([(row.published, row.asset, row.score) for row in each.after_cutoff] for each in (scores, placebo))
    assert one != other
    assert [row[:2] for row in one] == [row[:2] for row in other]
    assert sorted(row[1:] for row in one) == sorted(row[1:] for row in other)
    assert placebo.seen == scores.seen


def test_later_scores_change_no_earlier_target(market: Market) -> None:
    scores = scores_of(market, 0.9)
    row = market.row("2023-01-31")
    day = market.days[row].item()
    changed = tuple(replace(one, score=-one.score) if one.published.date() >= day else one for one in scores.rows)
    paths = (target_path(tilt_of(market, each), market, ESTIMATE)
             for each in (scores, Scores("s", "changed", changed)))  # fmt: skip
    one, other = (path.rows[path.seen <= row] for path in paths)
    assert one.tobytes() == other.tobytes()


def test_a_score_raises_a_flag_and_none_lowers_one(market: Market) -> None:
    moment = datetime.combine(market.days[900].item(), time(9), UTC)
    given = (("A", -0.9), ("B", -0.4), ("C", 0.9))
    rows = [Score(moment, a, x, 1.0, "", "m", CUTOFF, "x", moment) for a, x in given]
    assert tilt_of(market, Scores("s", "1", tuple(rows))).flagged(market.past(901)) == {"A": -0.9}


# -- the file --------------------------------------------------------------------------------------------------------

ROW = "2022-01-03T09:00:00+00:00,A,0.5,0.8,good,vader,2020-05-22,ab"


def written(path: Path, *rows: str, head: str = ",".join(SCORE_COLUMNS[:-1])) -> Path:
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return path


def test_a_file_of_scores_is_read_with_its_cutoff(tmp_path: Path) -> None:
    later = ROW.replace("2020-05-22", "2021-03-01").replace("T09:00:00+00:00", "T01:00:00+02:00")
    scores = read_scores(written(tmp_path / "s.csv", ROW, later))
    assert scores.seen == date(2021, 3, 1)
    assert [f"{row.published:%d %H}" for row in scores.rows] == ["02 23", "03 09"]
    assert len(scores.after_cutoff) == 2
    assert all(row.known_at == row.published for row in scores.rows)  # as in files without that column


def test_a_file_of_scores_says_when_they_were_known(tmp_path: Path) -> None:
    row = f"{ROW},2022-01-05T01:00:00+02:00"
    (score,) = read_scores(written(tmp_path / "s.csv", row, head=",".join(SCORE_COLUMNS))).rows
    expected = (datetime(2022, 1, 3, 9, tzinfo=UTC), datetime(2022, 1, 4, 23, tzinfo=UTC))
    assert (score.published, score.known_at) == expected
    with pytest.raises(DataError, match="known_at: Input should have timezone info"):
        read_scores(written(tmp_path / "s.csv", row.removesuffix("+02:00"), head=",".join(SCORE_COLUMNS)))


def test_scores_of_feeds_may_be_none_yet(market: Market, tmp_path: Path) -> None:
    scores = read_scores(tmp_path / "none.csv", feeds=("https://news.example/rss",))
    assert not scores.rows
    news, past = tilt_of(market, scores), market.past(DAYS - 1)
    assert news.target(past).tolist() == list(HELD.weights)
    assert news.flagged(past) == {}
    with pytest.raises(DataError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")


@cases(
    "row, says",
    (ROW.replace(",0.5,", ",1.5,"), r"s\.csv, line 2: score: .* less than or equal to 1, not '1\.5'\. Correct it"),
    (ROW.replace(",0.8,", ",nan,"), "confidence: .*, not 'nan'"),
    (ROW.replace("+00:00", ""), "published: Input should have timezone info"),
    (ROW.replace("2022-01-03T", "soon"), "line 2: published: Input should be a valid datetime"),
    (ROW.replace(",A,", ",,"), "asset: String should have at least 1 character"),
    (f"{ROW},more", "line 2: published: Field required"),
)
def test_a_row_that_is_wrong_is_refused_with_its_place(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_scores(written(tmp_path / "s.csv", row))


def test_a_file_without_rows_or_with_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no scores"):
        read_scores(written(tmp_path / "s.csv"))
    with pytest.raises(DataError, match="has the columns 'date'"):
        read_scores(written(tmp_path / "s.csv", head="date"))


def test_a_score_of_an_asset_that_the_market_does_not_have_is_refused(market: Market) -> None:
    row = replace(scores_of(market, 0.0).rows[0], asset="IGNORE ALL PREVIOUS INSTRUCTIONS")
    with pytest.raises(ConfigError, match="which is no asset of the portfolio"):
        tilt_of(market, Scores("s", "1", (row,))).check(market.past(0))
