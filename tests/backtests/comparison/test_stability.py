"""Does the recommendation survive: every case by the same rule made by hand, and cases in which it must flip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtests.comparison import Comparison, compare
from backtests.comparison.stability import Change, Stability
from research.portfolio import load_portfolio

FILES = Path(__file__).parents[3] / "data" / "portfolios"
FEW = ["quarterly", "threshold", "threshold_within"]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(load_portfolio(FILES / "sixty_forty.yaml"), only=FEW, draws=300)


@pytest.fixture(scope="module")
def found(comparison: Comparison) -> Stability:
    return comparison.stability


def change(found: Stability, what: str) -> Change:
    return next(one for one in found.changes if one.what == what)


def test_another_lag_and_other_costs_are_those_of_a_comparison_of_such_a_portfolio(found: Stability) -> None:
    for lag in (0, 4):
        desk = load_portfolio(FILES / "sixty_forty.yaml", {"lag": lag})
        assert change(found, "lag").answers[f"lag {lag}"] == compare(desk, only=FEW, draws=300).recommendation.policy
    costs = {f"costs.{c}.{k}_bps": 2.0 for c in ("us_equity", "bonds") for k in ("commission", "half_spread")}
    desk = load_portfolio(FILES / "sixty_forty.yaml", costs)
    assert change(found, "costs").answers["2 × the costs"] == compare(desk, only=FEW, draws=300).recommendation.policy


def test_a_later_first_day_is_that_of_a_comparison_that_begins_then(found: Stability) -> None:
    case, answer = next(iter(change(found, "first day of the test").answers.items()))
    desk = load_portfolio(FILES / "sixty_forty.yaml", {"test_start": case.removeprefix("from ")})
    assert answer == compare(desk, only=FEW, draws=300).recommendation.policy


def test_another_penalty_is_that_of_a_comparison_at_that_penalty(found: Stability) -> None:
    for factor in (0.5, 4.0):
        desk = load_portfolio(FILES / "sixty_forty.yaml", {"tracking_penalty": 5 * factor})
        made = compare(desk, only=FEW, draws=300).recommendation
        assert change(found, "penalty for tracking error").answers[f"{factor:g} × the penalty"] == made.policy


def test_every_year_of_the_test_is_left_out_once(found: Stability, comparison: Comparison) -> None:
    years = comparison.backtests["quarterly"].dates[1:].year.unique()
    assert list(change(found, "each year left out").answers) == [f"without {year}" for year in years]


def test_a_year_that_alone_decides_flips_the_answer() -> None:
    """The simple rule is cheaper on every day but those of 2020, when it loses much: without 2020 it wins."""
    desk = load_portfolio(FILES / "sixty_forty.yaml", {"materiality_bps": 0.05})
    plain = compare(desk, only=["threshold", "tuned"], reference="threshold", draws=300)
    dates = plain.backtests["tuned"].dates[1:]
    noise = 0.01 * np.random.default_rng(0).standard_normal((2, len(dates)))
    crash = np.where(dates.year == 2020, 30.0, 0.0)
    daily = {"threshold": 1.0 + crash + noise[0], "tuned": 1.5 + noise[1]}
    scores = {name: replace(s, losses=daily[name]) for name, s in plain.scores.items()}
    made = replace(plain.recommendation, policy="tuned")
    found = replace(plain, scores=scores, recommendation=made).stability
    assert change(found, "each year left out").flips == {"without 2020": "threshold"}
    assert "without 2020: threshold" in found.sentence


def test_drawn_tests_are_a_thousand_and_the_same_each_time(found: Stability, comparison: Comparison) -> None:
    assert len(found.drawn.answers) == 1_000
    assert set(found.drawn.answers.values()) <= set(FEW)
    assert replace(comparison).stability.drawn.answers == found.drawn.answers


def test_without_the_asset_that_grew_most_it_is_not_held(found: Stability) -> None:
    """Two assets: without one nothing is left to rebalance, so the question is not asked."""
    assert all(one.what != "the asset that grew most" for one in found.changes)
    desk = load_portfolio(FILES / "global_multi_asset.yaml")
    more = compare(desk, only=["quarterly", "threshold"], draws=300).stability
    weights = {"SPY": 0.25, "QQQ": 0.08, "VEA": 0.16, "VWO": 0.08, "VNQ": 0.07, "AGG": 0.27, "GLD": 0.07}
    others = {f"lines.{name}.target": weight / 0.98 for name, weight in weights.items()} | {"lines.BTC.target": 0.0}
    alone = compare(
        load_portfolio(FILES / "global_multi_asset.yaml", others), only=["quarterly", "threshold"], draws=300
    )
    assert change(more, "the asset that grew most").answers == {"without BTC": alone.recommendation.policy}
    assert alone.recommendation.policy in ("quarterly", "threshold")


def test_the_table_counts_and_the_sentence_names_what_flips(found: Stability) -> None:
    table = found.table()
    for one in (found.drawn, *found.changes):
        row = table.loc[one.what]
        assert row["cases"] == len(one.answers)
        assert row["same"] == sum(answer == one.before for answer in one.answers.values())
    asked = sum(len(one.answers) for one in found.asked)
    assert (f"in {asked - len(found.flips)} of {asked} " if found.flips else f"in all {asked} ") in found.sentence
    assert all(words in found.sentence for words in found.flips[:2])
    assert (f"and {len(found.flips) - 2} more" in found.sentence) == (len(found.flips) > 2)


def test_where_nothing_is_recommended_nothing_is_asked() -> None:
    desk = load_portfolio(FILES / "sixty_forty.yaml", {"limits.tracking_error": 1e-6})
    assert compare(desk, only=["quarterly"], draws=300).stability is None
    only = compare(load_portfolio(FILES / "sixty_forty.yaml"), only=["quarterly"], draws=300)
    assert only.stability is None
    assert only.verdict.holds == ""


def test_policies_that_decide_day_by_day_are_named_as_left_out() -> None:
    desk = load_portfolio(FILES / "global_multi_asset.yaml")
    found = compare(desk, only=["quarterly", "threshold", "universal"], draws=300).stability
    assert found.not_played == ("universal",)
    assert set(change(found, "costs").answers.values()) <= {"quarterly", "threshold"}
