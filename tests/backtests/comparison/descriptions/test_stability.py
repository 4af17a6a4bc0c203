"""Does the recommendation survive: every case by the same rule made by hand, and cases in which it must flip."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import Comparison, compare
from backtests.comparison.descriptions.stability import (
    GREW_MOST,
    PRICE_MULTIPLES,
    Change,
    Stability,
    Turn,
    _turn,
    _without,
    stability,
    turns,
)
from backtests.comparison.recommendation import Question
from research.portfolio import load_portfolio
from research.rules import Threshold

pytestmark = pytest.mark.usefixtures("few_simulated_tests")

FILES = Path(__file__).parents[4] / "data" / "portfolios"
FEW = ["quarterly", "threshold", "threshold_within"]
TURNED = ["quarterly", "threshold", "tuned"]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(load_portfolio(FILES / "sixty_forty.yaml"), only=FEW, draws=300)


@pytest.fixture(scope="module")
def turned() -> Comparison:
    return compare(load_portfolio(FILES / "global_multi_asset.yaml"), only=TURNED, draws=300)


@pytest.fixture(scope="module")
def found(comparison: Comparison) -> Stability:
    return comparison.stability


def change(found: Stability, what: str) -> Change:
    return next(one for one in found.changes if one.what == what)


def test_another_lag_is_that_of_a_comparison_of_such_a_portfolio(found: Stability) -> None:
    for lag in (0, 4):
        desk = load_portfolio(FILES / "sixty_forty.yaml", {"lag": lag})
        assert change(found, "lag").answers[f"lag {lag}"] == compare(desk, only=FEW, draws=300).recommendation.policy


def test_a_later_first_day_is_that_of_a_comparison_that_begins_then(found: Stability) -> None:
    case, answer = next(iter(change(found, "first day of the test").answers.items()))
    desk = load_portfolio(FILES / "sixty_forty.yaml", {"test_start": case.removeprefix("from ")})
    assert answer == compare(desk, only=FEW, draws=300).recommendation.policy


def test_later_first_days_leave_two_years_at_least() -> None:
    desk = load_portfolio(FILES / "sixty_forty.yaml", {"test_start": "2020-09-15"})
    cases = change(compare(desk, only=FEW, draws=300).stability, "first day of the test").answers
    dates = [pd.Timestamp(case.removeprefix("from ")) for case in cases]
    assert [round((date - desk.test_start).days / 30.4) for date in dates] == [1, 2, 3]
    assert desk.market.dates[-1] - dates[-1] >= pd.Timedelta(days=730 - 5)


def test_prices_are_moved_by_steps_of_a_root_of_two_up_to_eight_times() -> None:
    assert [round(m**2) for m in PRICE_MULTIPLES] == [2, 4, 8, 16, 32, 64]


def test_where_a_penalty_turns_the_answer_a_comparison_on_either_side_has_two(turned: Comparison) -> None:
    first, desk = turned, turned.portfolio
    assert first.recommendation.policy == "tuned"
    turn = next(one for one in first.stability.turns if one.what == "a tracking penalty" and one.below)
    assert (turn.now, turn.to) == ("5", "quarterly")
    for factor, policy in ((0.9, "quarterly"), (1.1, "tuned")):
        other = load_portfolio(desk.file, {"tracking_penalty": factor * float(turn.at)})
        assert compare(other, only=TURNED, draws=300).recommendation.policy == policy
    assert f"a tracking penalty below {turn.at} (now 5; then quarterly)" in first.stability.sentence


def test_where_a_volatility_turns_the_answer_the_question_on_either_side_has_two(turned: Comparison) -> None:
    ends = [turn for turn in turned.stability.turns if turn.what == "a volatility"]
    assert [(turn.below, turn.to) for turn in ends] == [(True, "quarterly")]
    asked = turned.asked
    for turn in ends:
        at = float(turn.at.removesuffix(" %")) / 100.0
        for factor, policy in ((0.97, turn.to if turn.below else "tuned"), (1.03, "tuned" if turn.below else turn.to)):
            assert asked.terms.names[asked.answer(asked.losses(volatility=factor * at))] == policy


def test_a_policy_of_now_that_is_python_alone_is_not_asked_at_other_lags(turned: Comparison) -> None:
    class Own(Threshold):
        def decide(self, view):  # type: ignore[no-untyped-def]
            return super().decide(view)

    policies = turned.replays.policies
    slow = {**policies, "quarterly": Own(policies["quarterly"].allocation, band=0.02)}
    found = stability(turned.portfolio, turned.recommendation, turned.asked, slow)
    assert found.not_played == ("quarterly",)
    assert [one.what for one in found.changes] == ["half of the days", "each year left out"]


def test_every_year_of_the_test_is_left_out_once(found: Stability, comparison: Comparison) -> None:
    years = comparison.backtests["quarterly"].dates[1:].year.unique()
    assert list(change(found, "each year left out").answers) == [f"without {year}" for year in years]


def test_a_year_that_alone_decides_flips_the_answer() -> None:
    """The rule of now is cheaper on every day but those of 2020, when it loses much: without 2020 it is kept."""
    desk = load_portfolio(FILES / "sixty_forty.yaml", {"materiality_bps": 0.05})
    plain = compare(desk, only=["threshold", "tuned"], reference="threshold", draws=300)
    dates, asked = plain.backtests["tuned"].dates[1:], plain.asked
    crash = np.where(dates.year == 2020, 30.0, 0.0)
    terms = replace(
        asked.terms, cost=np.column_stack([1.0 + crash, np.full(len(dates), 1.5)]),
        squares=np.zeros((len(dates), 2)), market=np.full(len(dates), 0.01),
    )  # fmt: skip
    found = replace(plain, asked=replace(asked, terms=terms, tests=None), recommendation=replace(
        plain.recommendation, policy="tuned"
    )).stability  # fmt: skip
    assert change(found, "each year left out").flips == {"without 2020": "threshold"}


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


def test_without_an_asset_the_others_share_its_weight_and_keep_the_widths_of_their_ranges() -> None:
    desk = load_portfolio(FILES / "global_multi_asset.yaml")
    gone = desk.market.assets.index("BTC")
    other = _without(desk, {"threshold": desk.policies["threshold"]}, gone)
    shares = desk.target / (desk.target.sum() - desk.target[gone]) * desk.target.sum()
    shares[gone] = 0.0
    assert other.target == pytest.approx(shares, abs=1e-12)
    for end, before in ((other.lower, desk.lower), (other.upper, desk.upper)):
        assert end - other.target == pytest.approx(before - desk.target, abs=1e-12)


def test_the_table_counts_what_flips(found: Stability) -> None:
    table = found.table()
    for one in found.changes:
        row = table.loc[one.what]
        assert row["cases"] == len(one.answers)
        assert row["same"] == sum(answer == one.before for answer in one.answers.values())
    cases, same = table["cases"].sum(), table["same"].sum()
    assert f"Of {cases} other halves, years, lags and first days it stays in {same}." in found.sentence
    assert (" Else it is " in found.sentence) == (same < cases)


def test_cases_of_another_answer_are_named_where_they_are_few_and_counted_else() -> None:
    years = {f"without {year}": "a" for year in range(2010, 2016)}
    two = Change("each year left out", years | {"without 2012": "b", "without 2013": "b"}, "a")
    half = Change("half of the days", {"first half only": "c", "second half only": "a"}, "a")
    said = Stability("a", (), (two, half), ()).sentence
    assert said.endswith(
        "Of 8 other years and halves it stays in 5. Else it is b (without 2012 and without 2013); c (first half only)."
    )
    assert two.words == "a 4, b 2 (without 2012 and without 2013)"
    most = Change("each year left out", {**years, **dict.fromkeys(list(years)[:5], "b")}, "a")
    said = Stability("a", (), (most, half), ()).sentence
    assert said.endswith("Of 8 other years and halves it stays in 2. It turns in: years 5 of 6 (b), halves 1 of 2 (c).")


def test_an_answer_that_comes_back_is_said_with_both_its_ends() -> None:
    """Of a price from 1.2 to 3.3 it is b: the first multiples are 1, 1.41, 2, 2.83 and 4."""
    multiples = [1.0, *PRICE_MULTIPLES]
    left, to, back = _turn(lambda k: "b" if 1.2 < k < 3.3 else "a", "a", multiples)
    assert (to, (left, back)) == ("b", pytest.approx((1.2, 3.3), abs=0.02))
    assert Turn("an order", False, "1.2", "1", to, "3.3").words == "an order from 1.2 to 3.3 (now 1; then b)"
    assert _turn(lambda k: "a" if k < 1.2 else "b" if k < 1.25 else "c", "a", multiples)[1:] == ("c", 0.0)
    assert _turn(lambda k: "a", "a", multiples) is None


def test_a_turn_near_what_the_desk_has_is_told_from_it() -> None:
    """With two digits it would read "a tracking penalty below 10 (now 10; then b)"."""
    asked = SimpleNamespace(
        tracking_penalty=10.5, terms=SimpleNamespace(variance=0.0, names=("a", "b")),
        losses=lambda penalty=1.0, **_: penalty, answer=lambda multiple: int(multiple < 0.99),
    )  # fmt: skip
    (turn,) = turns(cast(Question, asked), "a")
    assert turn.words == "a tracking penalty below 10.4 (now 10.5; then b)"


def test_where_nothing_is_recommended_nothing_is_asked() -> None:
    desk = load_portfolio(FILES / "sixty_forty.yaml", {"limits.tracking_error": 1e-6})
    assert compare(desk, only=["quarterly"], draws=300).stability is None
    only = compare(load_portfolio(FILES / "sixty_forty.yaml"), only=["quarterly"], draws=300)
    assert only.stability is None
    assert only.verdict.changes == ""


def test_learned_policies_are_asked_again_as_others_are() -> None:
    desk = load_portfolio(FILES / "global_multi_asset.yaml", {"test_start": "2020-09-15"})
    found = compare(desk, only=["quarterly", "threshold", "universal"], draws=300)
    assert found.stability.not_played == ()
    assert found.tests.names == ("quarterly", "threshold", "universal")


def test_an_answer_that_nothing_changes_is_said_in_a_sentence() -> None:
    assert "up to 8 times those assumed and down" in Stability("quarterly", (), (), (), "those assumed").sentence
    assert Stability("quarterly", (), (), ()).sentence == (
        "No tracking penalty and no cost up to 8 times yours and down to an 8th of it, and no volatility up to twice "
        "this and down to half of it, changes the answer."
    )


def test_the_change_that_is_nearest_is_said_in_brief_unless_the_answer_hangs_on_an_asset() -> None:
    far = Turn("a tracking penalty", True, "0.7", "5", "a", apart=2.0)
    near = Turn("costs", False, "1.05 times yours", "", "b", "1.2 times yours", 0.05)
    assert Stability("c", (far, near), (), ()).brief == f"Changes the answer: {near.words}."
    hangs = Change(GREW_MOST, {"without BTC": "quarterly"}, "c")
    assert Stability("c", (far, near), (hangs,), ()).brief == "Without BTC: quarterly."
    assert Stability("c", (), (Change(GREW_MOST, {"without BTC": "c"}, "c"),), ()).brief == ""
