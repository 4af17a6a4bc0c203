"""What theory and test say together: by the formulas of normal distributions, and in markets whose truth is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.comparison import compare
from backtests.comparison.belief import BY_POLICY, SPREAD, VAGUE, YEARS, DailyTerms, belief
from backtests.comparison.simulated_tests import SimulatedTests
from backtests.inference.slow_waves import wave_error
from research.portfolio import load_portfolio

PENALTY, NAMES = 5.0, ("a", "b")
EXAMPLE = Path(__file__).parents[3] / "data" / "examples" / "tax_in_backtests.yaml"


def simulated(
    mean: tuple[float, float], spread: float, elasticity: float = 1.0, years: float = YEARS
) -> SimulatedTests:
    """Tests whose logarithm of J is that of the mean, plus elasticity × log(variance / 0.01), plus noise."""
    rng = np.random.default_rng(1)
    variance = 0.01 * np.exp(0.5 * rng.standard_normal(4_000))
    noise = rng.standard_normal((4_000, 2)) * spread
    logs = np.log(mean) + elasticity * np.log(variance / 0.01)[:, None] + noise
    none = np.zeros((4_000, 2))
    return SimulatedTests(NAMES, np.exp(logs), none, none, none, none, variance, years)


def losses_of(*given: Any, **changed: Any) -> np.ndarray:
    """(K, P) J that is believed."""
    return belief(*given, **changed).j


def measured(j: tuple[float, float], noise: float, variance: float = 0.01, days: int = 2_520) -> DailyTerms:
    """A test whose J are these, with slow waves of this size."""
    slow = np.cos(np.pi * np.arange(1, 4)[:, None] * (np.arange(days) + 0.5) / days).sum(axis=0)
    return measured_as(j, 1.0 + noise * np.column_stack([slow, -slow]), variance)


def at_once(j: tuple[float, float], variance: float = 0.01, days: int = 25_200) -> DailyTerms:
    """A test in which each policy lost everything in one month, the first or the last: it says next to nothing."""
    daily = np.zeros((days, 2))
    daily[:21, 0] = daily[-21:, 1] = days / 21.0
    return measured_as(j, daily, variance)


def measured_as(j: tuple[float, float], shares: np.ndarray, variance: float) -> DailyTerms:
    return DailyTerms(
        NAMES, np.array(j) * shares, np.zeros(shares.shape), np.zeros(shares.shape), np.zeros(shares.shape),
        np.full(len(shares), variance), 252.0, np.zeros(shares.shape), np.zeros(shares.shape),
    )  # fmt: skip


def test_no_test_errs_less_than_a_simulated_one_and_theory_is_believed_where_the_test_says_nothing() -> None:
    exact = losses_of(measured((2.0, 4.0), 1e-6), simulated((9.0, 9.0), 0.3), PENALTY)
    skew = 0.3**2 / 2.0  # of normal logarithms with a spread of 0.3: so far is the mean above the middle
    error = np.sqrt(YEARS / 10.0)  # of ten years, in errors of a simulated test of three
    share = SPREAD**2 / (error**2 + SPREAD**2)
    middle = np.log(9.0) + share * (np.log([2.0, 4.0]) - np.log(9.0)) + skew
    assert np.log(exact).mean(axis=0) == pytest.approx(middle, abs=0.01)
    assert np.log(exact).std(axis=0) == pytest.approx(np.full(2, SPREAD * 0.3 * np.sqrt(1.0 - share)), rel=0.05)
    empty = losses_of(at_once((2.0, 4.0)), simulated((9.0, 5.0), 0.02), PENALTY)
    assert np.exp(np.log(empty).mean(axis=0)) == pytest.approx([9.0, 5.0], rel=0.02)
    assert np.log(empty).std(axis=0) == pytest.approx(np.full(2, SPREAD * 0.02), rel=0.05)


def test_theory_is_as_far_apart_as_over_three_years_however_long_the_test_is() -> None:
    of = [losses_of(at_once((2.0, 4.0)), simulated((9.0, 5.0), 0.02, years=y), PENALTY) for y in (3.0, 12.0)]
    three, twelve = (np.log(each).std(axis=0) for each in of)
    assert twelve == pytest.approx(2.0 * three, rel=0.05)


def test_both_are_weighed_by_their_precisions() -> None:
    draws = np.log(losses_of(measured((2.0, 4.0), 0.05), simulated((3.0, 3.0), 0.1), PENALTY))
    waves = 0.05 / np.sqrt(2.0)  # each of the three has Λ = noise × √(1/2)
    prior, scales = (SPREAD * 0.1) ** 2, np.sqrt(3.0 / np.random.default_rng(0).chisquare(3, 9_999))
    share = np.mean(prior / (prior + np.maximum(scales * waves, 0.1 * np.sqrt(YEARS / 10.0)) ** 2))
    skew = 0.1**2 / 2.0
    middle = np.log(3.0) + share * (np.log([2.0, 4.0]) - np.log(3.0)) + skew
    assert draws.mean(axis=0) == pytest.approx(middle, abs=0.01)


def test_what_errs_alike_is_known_better_in_its_difference() -> None:
    """The waves of the two go against each other, or together: only then does the test know their ratio."""
    apart = measured((2.0, 4.0), 0.2)
    same = replace(apart, cost=apart.cost[:, [0, 0]] * [1.0, 2.0])
    against, alike = (np.diff(np.log(losses_of(each, None, PENALTY))).std() for each in (apart, same))
    one = np.log(losses_of(same, None, PENALTY)).std(axis=0).mean()
    assert alike < 0.5 * one < one < against


def test_a_policy_beside_them_changes_no_loss_of_others() -> None:
    terms, tests = measured((2.0, 4.0), 0.2), simulated((3.0, 3.0), 0.1)
    assert losses_of(terms.select(["b"]), tests, PENALTY)[:, 0] == pytest.approx(losses_of(terms, tests, PENALTY)[:, 1])


def test_theory_is_taken_at_the_volatility_of_the_test_and_rescaled_to_another() -> None:
    tests = simulated((2.0, 2.0), 0.02, elasticity=0.7)
    wide = losses_of(at_once((1.0, 1.0), variance=0.04), tests, PENALTY)
    assert np.exp(np.log(wide).mean(axis=0)) == pytest.approx(np.full(2, 2.0 * 4.0**0.7), rel=0.02)
    calm = losses_of(at_once((1.0, 1.0), variance=0.04), tests, PENALTY, volatility=0.1)
    assert calm / wide == pytest.approx(np.full(wide.shape, 4.0**-0.7), rel=0.02)


def test_of_a_policy_that_no_test_was_simulated_of_only_the_test_is_known() -> None:
    terms, tests = measured((2.0, 4.0), 1e-6), simulated((9.0, 9.0), 0.3)
    draws = np.log(losses_of(replace(terms, names=("a", "own")), tests, PENALTY))
    assert draws[:, 1].mean() == pytest.approx(np.log(4.0) + 0.3**2 / 2.0, abs=0.005)  # as skew as the others
    alone = np.log(losses_of(at_once((2.0, 4.0)), None, PENALTY))
    assert (alone.std(axis=0) < VAGUE).all()
    assert alone.mean(axis=0) == pytest.approx(np.log([2.0, 4.0]), abs=0.05)


def test_tax_is_believed_as_the_test_charged_it_whatever_theory_says() -> None:
    """One is taxed once, beyond all that it costs; the other is refunded more than all that it costs."""
    terms, tests = measured((2.0, 4.0), 0.2), simulated((3.0, 3.0), 0.1)
    taxed, charged = replace(terms, tax=terms.tax.copy()), np.array([16.0, -16.0])
    taxed.tax[1_000] = 2_520 * charged
    plain, drawn = losses_of(terms, tests, PENALTY), losses_of(taxed, tests, PENALTY)
    assert drawn.mean(axis=0) == pytest.approx(plain.mean(axis=0) + charged, rel=1e-12)
    waves = np.array([wave_error(column) for column in taxed.tax.T])
    scales = np.sqrt(3.0 / np.random.default_rng(0).chisquare(3, 4_000)).clip(max=5.0)
    assert (drawn - plain).std(axis=0) == pytest.approx(waves * np.sqrt((scales**2).mean()), rel=0.05)
    wild = losses_of(taxed, tests, PENALTY, volatility=0.3) - losses_of(terms, tests, PENALTY, volatility=0.3)
    dear = losses_of(taxed, tests, PENALTY, costs=2.0) - losses_of(terms, tests, PENALTY, costs=2.0)
    assert (wild, dear) == (pytest.approx(drawn - plain), pytest.approx(drawn - plain))


def test_costs_beside_theory_are_believed_as_charged_and_grow_with_all_costs() -> None:
    terms, tests = measured((2.0, 4.0), 0.2), simulated((3.0, 3.0), 0.1)
    dear = replace(terms, beside=terms.cost * [4.0, 0.5])
    plain, drawn = losses_of(terms, tests, PENALTY), losses_of(dear, tests, PENALTY)
    assert drawn.mean(axis=0) == pytest.approx(plain.mean(axis=0) + np.array([8.0, 2.0]), rel=1e-12)
    twice = losses_of(dear, tests, PENALTY, costs=2.0) - losses_of(terms, tests, PENALTY, costs=2.0)
    assert twice == pytest.approx(2.0 * (drawn - plain))


def test_the_belief_of_a_taxed_file_lies_between_its_test_and_theory() -> None:
    """Half of the simulated tests of a monthly rule with this tax would have no cost, or a negative one."""
    found = compare(load_portfolio(EXAMPLE, {"day_cost": 0.0}), draws=100)
    terms, at = found.asked.terms, found.tests.names.index("monthly")
    expected = np.exp(found.tests.expected(terms.variance, found.tests.logs(PENALTY)).log[at]) + terms.tax[:, at].mean()
    believed = found.recommendation.candidates["monthly"].loss / found.portfolio.nav * 1e4
    measured_j = found.scores["monthly"]["loss"]
    assert terms.losses(PENALTY)[:, at].mean() + terms.tax[:, at].mean() == pytest.approx(measured_j)
    assert terms.tax[:, at].mean() > 0.9 * measured_j
    assert min(expected, measured_j) < believed < max(expected, measured_j)


def test_policies_that_are_one_are_believed_alike() -> None:
    terms = measured((2.0, 2.0), 0.3)
    same, one = replace(terms, cost=terms.cost[:, [0, 0]]), simulated((3.0, 3.0), 0.2)
    draws = losses_of(same, replace(one, cost=one.cost[:, [0, 0]]), PENALTY)
    assert draws[:, 0] == pytest.approx(draws[:, 1], rel=1e-3)


def test_the_same_test_is_believed_the_same_to_the_bit() -> None:
    terms, tests = measured((2.0, 4.0), 0.2), simulated((3.0, 3.0), 0.1)
    assert losses_of(terms, tests, PENALTY).tobytes() == losses_of(terms, tests, PENALTY).tobytes()


def test_the_same_trades_are_believed_alike_whether_or_not_they_could_be_simulated() -> None:
    terms = measured((2.0, 2.0), 1e-6)
    same = replace(terms, names=("a", "own"), cost=terms.cost[:, [0, 0]])
    draws = losses_of(same, simulated((2.0, 2.0), 0.3), PENALTY)
    assert np.log(draws).mean(axis=0) == pytest.approx(np.full(2, np.log(2.0) + 0.3**2 / 2.0), abs=0.01)


def test_a_market_that_stood_still_says_nothing_of_other_volatilities() -> None:
    draws = losses_of(measured((2.0, 4.0), 1e-6, variance=0.0), simulated((9.0, 9.0), 0.3), PENALTY, volatility=0.1)
    assert np.log(draws).mean(axis=0) == pytest.approx(np.log([2.0, 4.0]), abs=1e-3)


def test_rules_of_which_none_was_simulated_have_losses_where_others_beside_them_were() -> None:
    """They are moved by the mean correction of all simulated tests, whichever policies are compared."""
    own = losses_of(replace(measured((2.0, 4.0), 1e-6), names=("mine", "own")), simulated((9.0, 9.0), 0.3), 5.0)
    assert np.log(own).mean(axis=0) == pytest.approx(np.log([2.0, 4.0]) + 0.3**2 / 2.0, abs=0.005)


def test_a_test_of_few_rows_errs_as_one_of_many_with_the_same_waves() -> None:
    """Thirty rows have one month and no second: their sums are over fewer rows."""
    few = measured((2.0, 4.0), 0.5, days=30)
    many = measured_as((2.0, 4.0), np.repeat(few.cost / [2.0, 4.0], 84, axis=0), 0.01)
    one, other = (np.log(losses_of(each, None, PENALTY)).std(axis=0) for each in (few, many))
    assert one == pytest.approx(other, rel=0.1)


# -- work ------------------------------------------------------------------------------------------------------------


def worked(days: int, years: float = 10.0) -> DailyTerms:
    """A test of two policies with so many days with a trade, one order each."""
    terms = measured((2.0, 2.0), 0.1, days=round(252 * years))
    traded = np.zeros(terms.days.shape)
    traded[:days] = 1.0
    return replace(terms, days=traded, orders=traded)


def counting(rate: float, spread: float, years: float = 10.0) -> SimulatedTests:
    """Simulated tests whose logarithm of days and a half is normal round that of a rate."""
    tests, rng = simulated((2.0, 2.0), 0.1, years=years), np.random.default_rng(3)
    days = np.maximum((rate + 0.5 / years) * np.exp(spread * rng.standard_normal((4_000, 1))) - 0.5 / years, 0.0)
    return replace(tests, days=np.tile(days, (1, 2)), orders=np.tile(2.0 * days, (1, 2)))


def test_days_are_weighed_by_their_logarithms_as_one_simulated_test_errs() -> None:
    """The prior is SPREAD × √(years / 3) times as wide as one simulated test, whose error the count of the test has."""
    found, wide = belief(worked(20), counting(8.0, 0.3), PENALTY), SPREAD * np.sqrt(10.0 / YEARS)
    share = wide**2 / (1.0 + wide**2)
    middle = np.log(8.05) + share * (np.log(2.05) - np.log(8.05)) + 0.3**2 / 2.0
    assert np.log(found.days + 0.05).mean(axis=0) == pytest.approx(np.full(2, middle), abs=0.02)
    assert np.log(found.days + 0.05).std(axis=0) == pytest.approx(np.full(2, 0.3 * wide * np.sqrt(1 - share)), rel=0.05)
    assert (found.days > 0.0).all()


def test_a_count_that_is_the_same_in_all_simulated_tests_is_that_of_the_test() -> None:
    found = belief(worked(40), counting(12.0, 0.0), PENALTY)
    assert found.days == pytest.approx(np.full(found.days.shape, 4.0))


def test_a_rule_that_slept_through_the_test_works_as_theory_says() -> None:
    found = belief(worked(0, years=2.0), counting(0.5, 0.8, years=2.0), PENALTY)
    assert belief(worked(0, years=2.0), None, PENALTY).days.mean() < 0.2 < found.days.mean() < 0.6


def test_without_simulated_tests_a_count_errs_as_that_of_rare_events_round_the_count() -> None:
    found = belief(worked(20), None, PENALTY)
    assert found.days.mean(axis=0) == pytest.approx(np.full(2, 2.0), rel=0.02)
    assert np.log(found.days + 0.05).std(axis=0) == pytest.approx(np.full(2, 1.0 / np.sqrt(20.5)), rel=0.05)
    assert found.days[:, 0] == pytest.approx(found.orders[:, 0])


def test_equal_policies_work_and_lose_alike_whether_or_not_they_were_simulated() -> None:
    terms = worked(20)
    same = replace(terms, **{name: getattr(terms, name)[:, [0, 0]] for name in BY_POLICY})
    for tests in (counting(8.0, 0.3), None):
        found = belief(same, tests, PENALTY)
        for drawn in (found.days, found.orders) if tests else (found.j, found.days, found.orders):
            assert drawn[:, 0] == pytest.approx(drawn[:, 1], rel=1e-9)


def test_a_part_of_the_test_errs_as_much_as_a_test_that_is_as_short() -> None:
    """Simulated tests of ten years have half the spread of those of two and a half; theory is equally far off."""
    quarter = worked(20).on(np.arange(2_520) < 630)
    long, short = counting(8.0, 0.3), counting(8.0, 0.6, years=2.5)
    for tests, wide in ((long, 0.3 * SPREAD * np.sqrt(10.0 / YEARS)), (short, 0.6 * SPREAD * np.sqrt(2.5 / YEARS))):
        logs, error = np.log(belief(quarter, tests, PENALTY).days + 0.5 / 2.5), 0.6
        assert logs.std(axis=0) == pytest.approx(np.full(2, wide * error / np.sqrt(wide**2 + error**2)), rel=0.1)
