"""The decision on losses that are given: by hand, and by what must hold of any of them."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.comparison import belief
from backtests.comparison.belief import DailyTerms
from backtests.comparison.recommendation import (
    ERRORS,
    MORE,
    NEVER_ELSEWHERE,
    OTHER_TARGET,
    Losses,
    Question,
    Work,
    chosen,
    least_loss,
    menu,
    question,
    recommend,
)
from backtests.comparison.simulated_tests import SimulatedTests
from backtests.evaluation.metrics import METRICS
from backtests.evaluation.scores import Score
from research.risk import Drawdown
from research.rules import RuleTraits

DRAWS = 1_000
YEARS, DAYS, ORDERS, MONTHS = Work(1.0, 4.0, 1), Work(100.0, 300.0, 1), Work(12.0, 99.0, 1), Work(12.0, 40.0, 2)


def losses(*of: tuple[float, float], work: list[Work] | None = None) -> Losses:
    """(DRAWS, P) draws of a mean and a spread each, evenly spaced, all in one order."""
    grid = np.linspace(-1.0, 1.0, DRAWS)
    return Losses(np.column_stack([mean + spread * grid for mean, spread in of]), tuple(work or [YEARS] * len(of)))


def decided(given_: Losses, now: int | None, margin: float, eligible: list[bool] | None = None) -> int:
    return chosen(given_, eligible or [True] * len(given_.work), now, margin)


def test_the_best_is_taken_where_its_gain_exceeds_the_margin_however_unsure_it_is() -> None:
    assert decided(losses((100.0, 0.0), (60.0, 0.0)), 0, margin=41.0) == 0
    assert decided(losses((100.0, 0.0), (60.0, 0.0)), 0, margin=39.0) == 1
    assert decided(losses((100.0, 0.0), (60.0, 900.0)), 0, margin=39.0) == 1


def test_less_work_within_the_margin_is_no_reason_of_its_own() -> None:
    given_ = losses((1_000.0, 0.0), (100.0, 0.0), (101.0, 0.0), work=[YEARS, DAYS, YEARS])
    assert decided(given_, 0, margin=40.0) == 1


def test_of_those_equal_to_a_cent_fewer_days_then_fewer_orders_then_the_simpler_then_the_first_is_taken() -> None:
    same = [(50.0, 0.0), (50.004, 0.0), (50.008, 0.0)]
    assert decided(losses((99.0, 0.0), *same, work=[DAYS, DAYS, MONTHS, ORDERS]), 0, margin=1.0) == 2
    assert decided(losses((99.0, 0.0), *same, work=[DAYS, replace(MONTHS, simple=3), MONTHS, DAYS]), 0, 1.0) == 2
    assert decided(losses((99.0, 0.0), *same, work=[DAYS] * 4), 0, margin=1.0) == 1


def test_what_breached_a_limit_or_is_not_named_is_replaced_by_the_best() -> None:
    given_ = losses((1.0, 0.0), (50.0, 0.0), (52.0, 0.0), work=[YEARS, DAYS, MONTHS])
    assert decided(given_, 0, 5.0, [False, True, True]) == 1
    assert decided(given_, None, 5.0, [True, True, True]) == 0


@given(
    st.lists(st.tuples(st.floats(0.0, 1e4), st.floats(0.0, 1e3)), min_size=1, max_size=6),
    st.floats(0.0, 1e3),
    st.randoms(use_true_random=False),
)
@settings(max_examples=1_000)
def test_the_answer_is_now_or_its_own_gain_exceeds_the_margin_or_now_is_barred(
    of: list[tuple[float, float]], margin: float, random: Any
) -> None:
    work = [Work(random.uniform(0, 250), random.uniform(0, 999), random.randrange(6)) for _ in of]
    given_, now = losses(*of, work=work), random.randrange(len(of))
    eligible = [random.random() < 0.8 for _ in of]
    eligible[random.randrange(len(of))] = True
    found, expected = decided(given_, now, margin, eligible), given_.drawn.mean(axis=0)
    assert eligible[found]
    if found != now:
        assert expected[found] <= min(expected[p] for p in range(len(of)) if eligible[p]) + 0.01
        assert not eligible[now] or expected[now] - expected[found] > margin - 1e-9
    else:
        assert expected[now] - min(expected[p] for p in range(len(of)) if eligible[p]) <= margin + 0.01


@given(
    st.lists(st.tuples(st.floats(0.0, 1e4), st.floats(0.0, 250.0)), min_size=1, max_size=7),
    st.floats(0.0, 1e3),
    st.floats(0.0, 1e3),
    st.data(),
)
@settings(max_examples=1_000)
def test_the_menu_is_the_answer_at_every_price_of_a_day_and_its_days_never_rise(
    of: list[tuple[float, float]], margin: float, price: float, data: Any
) -> None:
    now = data.draw(st.none() | st.integers(0, len(of) - 1))
    offers = menu([loss for loss, _ in of], [days for _, days in of], now, margin)
    assert offers[0][1] == 0.0
    assert math.isinf(offers[-1][2])
    assert [one[2] for one in offers[:-1]] == [one[1] for one in offers[1:]]
    days = [of[place][1] for place, _, _ in offers]
    assert days == sorted(days, reverse=True)
    (place, _, _) = next(one for one in offers if one[1] <= price <= one[2])
    at = [loss + price * work for loss, work in of]
    least = min(at)
    assert at[place] == pytest.approx(least, abs=1e-6) or (place == now and at[place] <= least + margin + 1e-6)
    if now is not None and at[now] > least + margin + 1e-6:
        assert place != now or len(of) == 1


# -- a whole question ------------------------------------------------------------------------------------------------


def terms(*j: float, work: list[Work], days: int = 2_520) -> DailyTerms:
    """Losses that are all costs, known to a hundredth, and work that is spread evenly over the days."""
    rng = np.random.default_rng(0)
    daily = np.abs(np.array(j) * (1.0 + 0.1 * rng.standard_normal((days, len(j)))))
    market = 252.0 * (0.01 * rng.standard_normal(days)) ** 2
    daily *= np.array(j) / daily.mean(axis=0)
    none, traded = np.zeros_like(daily), np.zeros_like(daily)
    for p, one in enumerate(work):
        traded[: round(one.days * days / 252.0), p] = 1.0
    orders = traded * [one.orders / one.days if one.days else 0.0 for one in work]
    return DailyTerms(tuple("abcdef"[: len(j)]), daily, none, traded, orders, market, 252.0, none, none)


def known(names: tuple[str, ...], *j: float, work: list[Work]) -> SimulatedTests:
    """Simulated tests in which each policy has one J, one count of days and one of orders."""
    shape = (50, len(j))
    days, orders = (np.tile([getattr(one, key) for one in work], (50, 1)) for key in ("days", "orders"))
    variance = 0.03 * np.exp(0.1 * np.random.default_rng(2).standard_normal(50))
    return SimulatedTests(names, np.tile(j, (50, 1)), np.zeros(shape), days, orders, np.zeros(shape), variance, 10.0)


def asked(*j: float, work: list[Work], now: int | None = 0, **changed: Any) -> Question:
    given_ = {"nav": 1e6, "margin": 100.0, "tracking_penalty": 5.0, "day_cost": 0.0, "order_cost": 0.0} | changed
    of, simple = terms(*j, work=work), [one.simple for one in work]
    return Question(of, known(of.names, *j, work=work), simple, [True] * len(j), now, **given_)


def test_losses_are_those_of_j_in_currency_with_days_and_orders_at_their_prices() -> None:
    made = recommend(asked(8.0, 2.0, work=[YEARS, MONTHS], day_cost=10.0, order_cost=1.0), {}, {})
    assert made.policy == "b"
    assert made.candidates["a"].loss == pytest.approx(800.0 + 14.0, rel=0.02)
    assert made.candidates["b"].loss == pytest.approx(200.0 + 160.0, rel=0.02)
    assert made.candidates["b"].gain.value == pytest.approx(made.candidates["a"].loss - made.candidates["b"].loss)
    assert made.candidates["b"].better > 0.99
    assert (made.candidates["b"].work.days, made.candidates["b"].work.orders) == pytest.approx((12.0, 40.0))


@pytest.mark.parametrize("now", [0, None])
def test_the_answer_changes_at_the_prices_of_the_menu_and_nowhere_else(now: int | None) -> None:
    """b loses 40 less than c and asks for 88 days more: it is the best below 40 / 88 a day."""
    given_ = {"work": [Work(60.0, 90.0, 1), DAYS, MONTHS], "margin": 5_000.0, "now": now}
    made = recommend(asked(80.0, 1.6, 2.0, **given_), {}, {})
    assert made.menu[0].policy == "b"
    for offer in made.menu:
        middle = 0.5 * (offer.above + min(offer.below, offer.above + 100.0))
        assert recommend(asked(80.0, 1.6, 2.0, **given_, day_cost=middle), {}, {}).policy == offer.policy
    assert made.menu[0].below == pytest.approx(40.0 / 88.0, rel=0.05)


def test_what_is_done_now_is_kept_at_the_prices_at_which_nothing_gains_more_than_the_margin() -> None:
    """At c a day b loses 160 + 100c, a 2,000 + 30c and c 1,200 + c: a is within 1,200 of b from 9.1, of c to 13.8."""
    given_ = {"work": [Work(30.0, 90.0, 1), DAYS, Work(1.0, 2.0, 1)], "margin": 1_200.0}
    made = recommend(asked(20.0, 1.6, 12.0, **given_), {}, {})
    assert [offer.policy for offer in made.menu] == ["b", "a", "c"]
    assert made.menu[0].below == pytest.approx((1_840.0 - 1_200.0) / 70.0, rel=0.05)
    assert made.menu[1].below == pytest.approx((1_200.0 - 800.0) / 29.0, rel=0.05)


def test_without_a_policy_of_today_the_best_is_used_and_the_gain_is_that_on_the_next_best() -> None:
    made = recommend(asked(3.0, 2.0, 9.0, work=[MONTHS, YEARS, DAYS], now=None), {}, {})
    assert (made.now, made.policy, made.base, made.others) == (None, "b", "a", ("a", "c"))
    assert made.candidates["b"].gain.value == pytest.approx(100.0, rel=0.05)


def test_a_lone_candidate_is_compared_with_itself() -> None:
    made = recommend(asked(3.0, work=[MONTHS], now=None), {}, {})
    assert (made.policy, made.base, made.others, made.at_stake) == ("a", "a", (), 0.0)


def test_as_good_are_the_others_within_the_margin_of_the_answer() -> None:
    made = recommend(asked(2.5, 1.6, 2.0, 9.0, work=[MONTHS, DAYS, YEARS, YEARS], margin=50.0), {}, {})
    assert (made.policy, made.as_good) == ("b", ("c",))


def test_a_material_difference_to_one_desk_is_none_to_another() -> None:
    plain = {"work": [YEARS, MONTHS]}
    assert recommend(asked(3.0, 1.0, **plain, margin=250.0), {}, {}).policy == "a"
    assert recommend(asked(3.0, 1.0, **plain, margin=150.0), {}, {}).policy == "b"


def test_nothing_is_worth_a_change_and_a_choice_may_be_wrong_by_the_draws_themselves() -> None:
    made = recommend(asked(2.0, 2.05, work=[YEARS, YEARS], margin=100.0), {}, {})
    assert (made.policy, made.nothing) == ("a", 1.0)
    unsure = replace(asked(2.0, 1.99, work=[YEARS, YEARS], margin=1.0), tests=None)
    drawn, found = unsure.losses().drawn, recommend(unsure, {}, {})
    place = unsure.terms.names.index(found.policy)
    assert found.at_stake == pytest.approx((drawn[:, place] - drawn.min(axis=1)).mean())
    assert found.nothing == pytest.approx((drawn[:, place] - drawn.min(axis=1) <= 1.0).mean())


def test_a_second_copy_of_a_policy_changes_no_figure() -> None:
    work = [YEARS, MONTHS, DAYS]
    one, twice = asked(3.0, 2.0, 2.5, work=work), asked(3.0, 2.0, 2.5, 2.5, work=[*work, DAYS])
    again = {name: getattr(twice.terms, name)[:, [0, 1, 2, 2]] for name in belief.BY_POLICY}
    for tests in (twice.tests, None):
        both = replace(twice, terms=replace(twice.terms, **again), tests=tests)
        alone = replace(one, terms=both.terms.select("abc"), tests=one.tests if tests else None)
        found, before = recommend(both, {}, {}), recommend(alone, {}, {})
        assert found.policy == before.policy
        assert (found.nothing, found.at_stake) == pytest.approx((before.nothing, before.at_stake), abs=1e-3)
        for name, same in {"a": "a", "b": "b", "c": "c", "d": "c"}.items():
            own, other = found.candidates[name], before.candidates[same]
            assert (own.loss, own.gain.lower, own.gain.upper) == pytest.approx(
                (other.loss, other.gain.lower, other.gain.upper), rel=1e-9
            )


def test_a_gain_near_the_margin_is_found_by_more_draws() -> None:
    plain = replace(asked(8.0, 7.0, work=[YEARS, YEARS], margin=1e6), tests=None)
    drawn = plain.losses().drawn
    gains = drawn[:, 0] - drawn[:, 1]
    error = gains.std() / math.sqrt(belief.DRAWS)
    near, far = (replace(plain, margin=gains.mean() + k * ERRORS * error) for k in (0.9, 1.1))
    assert len(far.losses().drawn) == belief.DRAWS
    assert len(near.losses().drawn) == MORE * belief.DRAWS
    assert len(replace(near, now=None).losses().drawn) == belief.DRAWS


@pytest.mark.parametrize(("eligible", "but", "place"), [((1, 1, 1), None, 1), ((1, 1, 1), 1, 2), ((0, 1, 0), 1, 1)])
def test_the_best_but_one_is_the_next(eligible: tuple[int, ...], but: int | None, place: int) -> None:
    assert least_loss(losses((3.0, 0.0), (1.0, 0.0), (2.0, 0.0)), list(map(bool, eligible)), but=but) == place


# -- who is a candidate ----------------------------------------------------------------------------------------------


class Held(RuleTraits):
    """A rule of which only the target and the family are known."""

    def __init__(self, allocation: str, family: str) -> None:
        self.allocation = allocation
        self._family = family

    @property
    def family(self) -> str:
        return self._family


def scored(error: float = 0.005, outside: float = 0.0) -> Score:
    figures = {"loss": 1.0, "tracking_error": error, "days_outside": outside, "trading_days": 2.0, "trades": 6.0}
    return Score(dict.fromkeys(METRICS, 0.0) | figures, Drawdown(0.0, 0, 0, 0), np.ones(9))


def judged(
    scores: dict[str, Score], policy: str | None = None, other: str = "", tests: SimulatedTests | None = None
) -> tuple[Question | None, dict[str, float], dict[str, Any]]:
    limits = SimpleNamespace(tracking_error=0.015, max_days_outside=0.05, kept=0.8)
    policies = {
        name: Held("hrp" if name == other else "fixed", "never" if name == "never" else "band") for name in scores
    }
    desk: Any = SimpleNamespace(
        limits=limits, policies=policies, policy=policy, strategic="fixed", nav=1e6, materiality=1.0,
        tracking_penalty=5.0, day_cost=0.0, order_cost=0.0,
    )  # fmt: skip
    ones = np.ones((9, len(scores)))
    named = DailyTerms(tuple(scores), ones, ones, ones, ones, np.ones(9), 252.0, 0.0 * ones, 0.0 * ones)
    return question(desk, scores, named, tests)


def drifting(**errors: tuple[int, int]) -> SimulatedTests:
    """Ten tests; by policy in how many it is too far off target, and in how many too often outside its ranges."""
    squares = np.column_stack([np.where(np.arange(10) < far, 0.02**2, 0.01**2) for far, _ in errors.values()])
    outside = np.column_stack([np.where(np.arange(10) >= 10 - out, 0.06, 0.05) for _, out in errors.values()])
    ones = np.ones((10, len(errors)))
    return SimulatedTests(tuple(errors), ones, squares, ones, ones, outside, 0.01 * np.arange(1.0, 11.0), 2.0)


def test_a_policy_that_seldom_keeps_a_limit_is_no_candidate_and_simulated_tests_count_as_four() -> None:
    scores = {"never": scored(), "band": scored(error=0.02), "wide": scored(), "often": scored(), "hrp": scored()}
    tests = drifting(never=(0, 0), band=(0, 0), wide=(2, 1), often=(0, 3))
    found, kept, broken = judged(scores, other="hrp", tests=tests)
    assert (found.terms.names, found.eligible, found.now) == (("band",), [True], None)
    assert kept == {"never": 1.0, "band": 0.8, "wide": 0.76, "often": 0.76}
    seldom = "it keeps your limits in 7.6 of 10 tests as long, 8 are asked"
    assert broken == {"hrp": (OTHER_TARGET,), "never": (NEVER_ELSEWHERE,), "wide": (seldom,), "often": (seldom,)}


def test_without_simulated_tests_the_test_alone_decides_and_says_so() -> None:
    _, kept, broken = judged({"band": scored(error=0.0151), "other": scored(outside=0.06), "third": scored()})
    assert kept == {"band": 0.0, "other": 0.0, "third": 1.0}
    assert set(broken.values()) == {("it breached a limit in this test, the only one that it has",)}


def test_what_the_desk_does_now_needs_to_keep_the_limits_in_half_of_the_tests() -> None:
    scores = {"never": scored(), "band": scored(), "hrp": scored()}
    found, _, broken = judged(scores, policy="never", other="hrp", tests=drifting(never=(4, 1), band=(0, 0)))
    assert (found.terms.names, found.eligible, found.now) == (("never", "band"), [True, True], 0)
    found, _, broken = judged(scores, policy="never", other="hrp", tests=drifting(never=(4, 3), band=(0, 0)))
    assert (found.terms.names, found.eligible, found.now) == (("never", "band"), [False, True], 0)
    assert broken["never"] == ("it keeps your limits in 4 of 10 tests as long, 5 are asked",)
    made = recommend(found, {}, broken)
    assert (made.policy, made.is_forced, set(made.candidates)) == ("band", True, {"never", "band"})
    found, _, _ = judged(scores, policy="hrp", other="hrp", tests=drifting(never=(0, 0), band=(0, 0)))
    assert (found.terms.names, found.now) == (("band",), None)


def test_when_no_policy_keeps_the_limits_none_is_recommended() -> None:
    found, kept, broken = judged({"never": scored(error=0.02), "band": scored(outside=0.5)})
    made = recommend(found, kept, broken)
    assert (found, made.policy, made.now, made.base, made.candidates) == (None, None, None, None, {})
    assert (made.nav, made.margin, made.volatility, made.as_good, made.menu) == (0.0, 0.0, 0.0, (), ())
    assert set(made.broken) == {"never", "band"}
