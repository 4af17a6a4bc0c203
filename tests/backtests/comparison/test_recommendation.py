"""The decision on losses that are given: by hand, and by what must hold of any of them."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.comparison import belief
from backtests.comparison.belief import DailyTerms
from backtests.comparison.recommendation import MORE, NEAR, SURE, Question, Work, chosen, question, recommend
from backtests.evaluation.metrics import METRICS
from backtests.evaluation.scores import Score
from research.risk import Drawdown
from research.rules import RuleTraits

DRAWS = 1_000
YEARS, DAYS, ORDERS, MONTHS = Work(1.0, 4.0, 1), Work(100.0, 300.0, 1), Work(12.0, 99.0, 1), Work(12.0, 40.0, 2)


def losses(*of: tuple[float, float]) -> np.ndarray:
    """(DRAWS, P) draws of a mean and a spread each, evenly spaced, all in one order."""
    grid = np.linspace(-1.0, 1.0, DRAWS)
    return np.column_stack([mean + spread * grid for mean, spread in of])


def decided(draws: np.ndarray, work: list[Work], base: int, margin: float, eligible: list[bool] | None = None) -> int:
    return chosen(draws, work, [True] * len(work) if eligible is None else eligible, base, margin)


def test_what_the_desk_does_now_stays_where_no_gain_is_material() -> None:
    assert decided(losses((100.0, 0.0), (60.0, 0.0)), [DAYS, YEARS], 0, margin=41.0) == 0
    assert decided(losses((100.0, 0.0), (60.0, 0.0)), [DAYS, YEARS], 0, margin=39.0) == 1


def test_a_gain_that_is_material_and_not_likely_enough_changes_nothing() -> None:
    """Of a gain of 40 ± s the share 1 - (1 - 40/s)/2 is above zero: 0.8 of it at s = 66.7."""
    work = [DAYS, YEARS]
    assert decided(losses((100.0, 0.0), (60.0, 66.0)), work, 0, margin=10.0) == 1
    assert decided(losses((100.0, 0.0), (60.0, 68.0)), work, 0, margin=10.0) == 0
    assert SURE == 0.8


def test_of_those_within_the_margin_of_the_best_the_least_work_is_taken() -> None:
    work = [YEARS, DAYS, ORDERS, MONTHS]
    draws = losses((1_000.0, 0.0), (100.0, 0.0), (190.0, 0.0), (150.0, 0.0))
    assert decided(draws, work, 0, margin=40.0) == 1  # none within 40 of the best
    assert decided(draws, work, 0, margin=60.0) == 3
    assert decided(draws, work, 0, margin=95.0) == 3  # as many days as the third, and fewer orders


def test_among_equals_in_work_the_simplest_class_is_taken() -> None:
    work = [DAYS, Work(5.0, 9.0, 3), Work(5.0, 9.0, 2)]
    assert decided(losses((9.0, 0.0), (1.0, 0.0), (1.5, 0.0)), work, 0, margin=1.0) == 2


def test_no_material_gain_of_its_own_is_needed_within_the_margin_of_the_best() -> None:
    """The desk loses 200. A daily rule gains 100, another 60, and the margin is 70."""
    draws = losses((200.0, 0.0), (100.0, 0.0), (140.0, 0.0))
    assert decided(draws, [MONTHS, DAYS, YEARS], 0, margin=70.0) == 2
    assert decided(draws, [YEARS, DAYS, MONTHS], 0, margin=70.0) == 2
    assert decided(draws[:, [0, 2]], [MONTHS, YEARS], 0, margin=70.0) == 0  # nothing is worth a change


def test_what_may_be_worse_than_now_is_not_taken_for_its_little_work() -> None:
    draws = losses((200.0, 0.0), (100.0, 0.0), (140.0, 101.0))  # the third gains with a probability of 0.797
    assert decided(draws, [MONTHS, DAYS, YEARS], 0, margin=70.0) == 1


def test_what_breached_a_limit_is_replaced_whatever_it_loses() -> None:
    draws = losses((1.0, 0.0), (50.0, 0.0), (52.0, 0.0))
    assert decided(draws, [YEARS, DAYS, MONTHS], 0, 5.0, [False, True, True]) == 2


@given(
    st.lists(st.tuples(st.floats(0.0, 1e4), st.floats(0.0, 1e3)), min_size=2, max_size=6),
    st.floats(0.0, 1e3),
    st.randoms(use_true_random=False),
)
def test_nobody_is_recommended_that_loses_materially_more_than_the_best(
    of: list[tuple[float, float]], margin: float, random: Any
) -> None:
    draws = losses(*of)
    work = [Work(random.uniform(0, 250), random.uniform(0, 999), random.randrange(6)) for _ in of]
    base = random.randrange(len(of))
    found, expected = decided(draws, work, base, margin), draws.mean(axis=0)
    if found == base:
        gains = draws[:, [base]] - draws
        assert not (((gains > 0.0).mean(axis=0) >= SURE) & (gains.mean(axis=0) > margin)).any()
    else:
        assert (draws[:, base] - draws[:, found] > 0.0).mean() >= SURE
        sure = ((draws[:, [base]] - draws) > 0.0).mean(axis=0) >= SURE
        pays = sure & (expected[base] - expected > margin)
        assert expected[found] <= expected[pays].min() + margin


# -- a whole question ------------------------------------------------------------------------------------------------


def terms(*j: float, days: int = 2_000) -> DailyTerms:
    """Losses that are all costs, known to a hundredth."""
    rng = np.random.default_rng(0)
    daily = np.abs(np.array(j) * (1.0 + 0.1 * rng.standard_normal((days, len(j)))))
    market = 252.0 * (0.01 * rng.standard_normal(days)) ** 2
    daily *= np.array(j) / daily.mean(axis=0)
    none = np.zeros_like(daily)
    return DailyTerms(tuple("abcdef"[: len(j)]), daily, none, market, 252.0, none, none)


def asked(*j: float, work: list[Work], now: int | None = 0, **changed: Any) -> Question:
    given = {"nav": 1e6, "margin": 100.0, "tracking_penalty": 5.0, "day_cost": 0.0, "order_cost": 0.0} | changed
    return Question(terms(*j), None, work, [True] * len(j), now, **given)


def test_losses_are_those_of_j_in_currency_with_days_and_orders_at_their_prices() -> None:
    made = recommend(asked(8.0, 2.0, work=[YEARS, MONTHS], day_cost=10.0, order_cost=1.0), {})
    assert made.policy == "b"
    assert made.candidates["a"].loss == pytest.approx(800.0 + 14.0, rel=0.02)
    assert made.candidates["b"].loss == pytest.approx(200.0 + 160.0, rel=0.02)
    assert made.candidates["b"].gain.value == pytest.approx(made.candidates["a"].loss - made.candidates["b"].loss)
    assert made.candidates["b"].better > 0.99


def test_the_price_of_a_day_at_which_the_next_better_one_pays_is_where_the_answer_changes() -> None:
    """b loses 40 less than c and asks for 88 days more: it pays below 40 / 88 a day."""
    given = {"work": [Work(250.0, 500.0, 1), DAYS, MONTHS], "margin": 100.0}
    made = recommend(asked(80.0, 1.6, 2.0, **given), {})
    assert made.policy == "c"
    price = made.prices["b"]
    assert price == pytest.approx(40.0 / 88.0, rel=0.05)
    dear = recommend(asked(80.0, 1.6, 2.0, **given | {"margin": 1e-9}, day_cost=price * 1.02), {})
    cheap = recommend(asked(80.0, 1.6, 2.0, **given | {"margin": 1e-9}, day_cost=price * 0.98), {})
    assert (dear.policy, cheap.policy) == ("c", "b")
    assert cheap.prices == {}


def test_without_a_policy_of_today_gains_are_taken_on_the_candidate_of_least_work() -> None:
    made = recommend(asked(3.0, 2.0, work=[MONTHS, YEARS], now=None), {})
    assert (made.now, made.policy) == ("b", "b")


def test_as_good_are_the_others_within_the_margin_of_the_best() -> None:
    made = recommend(asked(2.5, 1.6, 2.0, 9.0, work=[MONTHS, DAYS, YEARS, YEARS], margin=50.0), {})
    assert (made.policy, made.best, made.as_good) == ("c", "b", ("b",))


def test_a_material_difference_to_one_desk_is_none_to_another() -> None:
    plain = {"work": [YEARS, MONTHS]}
    assert recommend(asked(3.0, 1.0, **plain, margin=250.0), {}).policy == "a"
    assert recommend(asked(3.0, 1.0, **plain, margin=150.0), {}).policy == "b"


def test_a_probability_near_to_what_a_change_asks_is_found_by_more_draws() -> None:
    """A day costs what four in five drawn gains of b on a exceed; of the gains of a on b, one in five is above zero."""
    free = asked(8.0, 7.0, work=[YEARS, YEARS])
    price = float(np.quantile(-np.diff(free.losses()), 0.2))
    near = replace(free, work=[YEARS, replace(YEARS, days=YEARS.days + 1.0)], day_cost=price)
    assert len(free.losses()) == len(replace(near, now=1).losses()) == belief.DRAWS
    assert len(near.losses()) == MORE * belief.DRAWS
    losses = belief.belief(near.terms, None, near.tracking_penalty, draws=MORE * belief.DRAWS) * near.nav / 1e4
    better = (losses[:, 0] - losses[:, 1] > price).mean()
    assert recommend(near, {}).candidates["b"].better == pytest.approx(better, abs=1e-12)
    assert 0.0 < abs(better - SURE) < NEAR  # as it is in the few draws


# -- who is a candidate ----------------------------------------------------------------------------------------------


class Held(RuleTraits):
    """A rule of which only the target is known."""

    def __init__(self, allocation: str) -> None:
        self.allocation = allocation


def scored(error: float = 0.005, outside: float = 0.0) -> Score:
    figures = {"loss": 1.0, "tracking_error": error, "days_outside": outside, "trading_days": 2.0, "trades": 6.0}
    return Score(dict.fromkeys(METRICS, 0.0) | figures, Drawdown(0.0, 0, 0, 0), np.ones(9))


def judged(
    scores: dict[str, Score], policy: str | None = None, other: str = ""
) -> tuple[Question | None, dict[str, Any]]:
    limits = SimpleNamespace(tracking_error=0.015, max_days_outside=0.05)
    policies = {name: Held("hrp" if name == other else "fixed") for name in scores}
    desk: Any = SimpleNamespace(
        limits=limits, policies=policies, policy=policy, strategic="fixed", nav=1e6, materiality=1.0,
        tracking_penalty=5.0, day_cost=0.0, order_cost=0.0,
    )  # fmt: skip
    ones = np.ones((9, len(scores)))
    named = DailyTerms(tuple(scores), ones, ones, np.ones(9), 252.0, 0.0 * ones, 0.0 * ones)
    return question(desk, scores, named, None)


def test_a_policy_past_a_limit_is_no_candidate() -> None:
    scores = {"never": scored(error=0.02), "outside": scored(outside=0.06), "band": scored(), "hrp": scored()}
    found, broken = judged(scores, other="hrp")
    assert found is not None
    assert (found.terms.names, found.eligible, found.now) == (("band",), [True], None)
    assert broken == {
        "never": ("tracking error 2.00 % exceeds the limit of 1.50 %",),
        "outside": ("an asset outside its range on 6.0 % of days, 5.0 % allowed",),
        "hrp": ("it holds, or was tuned for, other target weights than the candidates",),
    }
    assert (found.work[0].days, found.work[0].orders) == (2.0, 6.0)


def test_a_figure_just_past_a_limit_is_written_with_the_digits_that_show_it() -> None:
    _, broken = judged({"band": scored(error=0.0150027, outside=0.050004), "other": scored()})
    assert broken["band"] == (
        "tracking error 1.5003 % exceeds the limit of 1.5000 %",
        "an asset outside its range on 5.0004 % of days, 5.0000 % allowed",
    )


def test_what_the_desk_does_now_is_compared_though_it_breached_a_limit_and_not_with_another_target() -> None:
    scores = {"never": scored(error=0.02), "band": scored(), "hrp": scored()}
    found, _ = judged(scores, policy="never", other="hrp")
    assert found is not None
    assert (found.terms.names, found.eligible, found.now) == (("never", "band"), [False, True], 0)
    found, _ = judged(scores, policy="hrp", other="hrp")
    assert found is not None
    assert (found.terms.names, found.now) == (("band",), None)


def test_when_no_policy_keeps_the_limits_none_is_recommended() -> None:
    found, broken = judged({"never": scored(error=0.02), "band": scored(outside=0.5)})
    made = recommend(found, broken)
    assert (found, made.policy, made.now, made.best, made.candidates) == (None, None, None, None, {})
    assert (made.nav, made.margin, made.volatility, made.as_good) == (0.0, 0.0, 0.0, ())
    assert set(made.broken) == {"never", "band"}
