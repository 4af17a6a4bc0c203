"""Tracking of a benchmark: all subsets, conditions of optimality, and benchmarks of names, of a column, and in part."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls

from foundation.errors import ConfigError, DataError
from research.allocation import BenchmarkTracking, NotSolvedError
from research.allocation.constraints.records import Bounds, Cardinality, Constraints, Exclusions, Most
from research.allocation.constraints.roots import root_of
from research.forecast import Estimated
from research.market import with_facts

SAMPLE = Estimated(window=252, covariance="sample")
MIX = {"A00": 0.3, "A03": 0.3, "A05": 0.2, "A09": 0.2}


@pytest.fixture(scope="module")
def market(stocks, make_market):
    return make_market(np.vstack([np.zeros(12), stocks.to_numpy()[:, :12]]))


@pytest.fixture(scope="module")
def covariance(stocks):
    return 252.0 * np.cov(stocks.to_numpy()[:, :12], rowvar=False)


def by_squares(covariance, benchmark, lines):
    """The least tracking error of some assets that sum to one, by non-negative least squares."""
    root = root_of(covariance, [str(i) for i in range(len(covariance))])
    size, some = 1e5, root[:, list(lines)]
    found, _ = nnls(np.vstack([some, np.full(len(some.T), size)]), np.append(root @ benchmark, size))
    return float(np.linalg.norm(some @ found - root @ benchmark))


@pytest.mark.parametrize("most", [3, 6])
def test_few_lines_are_those_of_the_best_of_all_subsets(market, covariance, most):
    benchmark = np.full(12, 1 / 12)
    asked = Constraints(cardinality=Cardinality(most=most))
    held = BenchmarkTracking(dict.fromkeys(market.assets, 1 / 12), forecast=SAMPLE, constraints=asked)
    answer = held.answer(market.past(252))
    best = min(by_squares(covariance, benchmark, lines) for lines in combinations(range(12), most))
    assert answer.value == pytest.approx(best, rel=1e-6)
    assert (answer.weights > 0.0).sum() == most
    assert not any("not proven" in note for note in answer.notes)


def test_the_value_is_the_tracking_error_and_no_line_moves_it_down(market, covariance):
    asked = Constraints(exclude=Exclusions(lines=("A00", "A03")))
    answer = BenchmarkTracking(MIX, forecast=SAMPLE, constraints=asked).answer(market.past(252))
    active = answer.weights - np.array([MIX.get(name, 0.0) for name in market.assets])
    assert answer.objective == "tracking error a year"
    assert answer.value == pytest.approx(np.sqrt(active @ covariance @ active), rel=1e-9)
    slope = covariance @ active / answer.value
    held = answer.weights > 1e-6
    assert np.ptp(slope[held]) < 1e-6
    free = ~held
    free[[0, 3]] = False
    assert (slope[free] >= slope[held].mean() - 1e-6).all()


def test_a_benchmark_within_the_constraints_is_the_answer(market):
    answer = BenchmarkTracking(MIX, forecast=SAMPLE).answer(market.past(252))
    assert dict(zip(market.assets, answer.weights.tolist(), strict=True)) == dict.fromkeys(market.assets, 0.0) | MIX
    assert answer.value == 0.0


def test_a_price_is_what_a_little_more_room_takes_off_the_tracking_error(market):
    def at(most):
        asked = Constraints(lines={"A00": Bounds(most=most)})
        return BenchmarkTracking(MIX, forecast=SAMPLE, constraints=asked).answer(market.past(252))

    found, step = at(0.1), 1e-4
    price = {one.limit: one for one in found.binding}["A00 is at most 10.00 % of NAV"]
    assert price.price == pytest.approx((at(0.1 - step).value - at(0.1 + step).value) / (2 * step), rel=1e-4)
    assert price.brings.endswith("bp off the tracking error a year")


def test_a_column_gives_the_weights_of_a_benchmark(noisy):
    forecast = Estimated(window=60)
    by_column = BenchmarkTracking(column="cap", forecast=forecast).target(noisy.past(100))
    assert by_column == pytest.approx(np.array([1.0, 2.0, 3.0, 4.0, 0.0, 0.0]) / 10.0, abs=1e-12)
    broken = with_facts(noisy, {"debt": dict.fromkeys(noisy.assets, -1.0)})
    with pytest.raises(DataError, match=r"column debt of BenchmarkTracking on .* is -1.0 for A00: give a number"):
        BenchmarkTracking(column="debt", forecast=forecast).answer(broken.past(100))


def test_lines_without_a_window_are_left_out_of_the_benchmark_and_said(noisy):
    held = BenchmarkTracking({"A00": 0.3, "A01": 0.2, "A05": 0.5}, forecast=Estimated(window=60))
    answer = held.answer(noisy.past(100))
    assert answer.weights[:2] == pytest.approx([0.6, 0.4], abs=1e-12)
    assert answer.notes == ("the benchmark is tracked without A05, which have no complete window.",)
    with pytest.raises(NotSolvedError, match="no asset of the benchmark is known on"):
        BenchmarkTracking({"A05": 1.0}, forecast=Estimated(window=60)).answer(noisy.past(100))


@pytest.mark.parametrize("benchmark", [{"A00": 1.0, "A01": -1.0, "A05": 0.5}, {"A00": -0.2, "A01": 0.1, "A05": 0.9}])
def test_where_the_known_lines_of_a_benchmark_have_another_sign_there_are_no_proportions(benchmark, noisy):
    held = BenchmarkTracking(benchmark, forecast=Estimated(window=60), constraints=Constraints(gross=Most(most=3.0)))
    with pytest.raises(NotSolvedError, match=r"without A05, .* the benchmark sums to −?\d+\.\d\d % of NAV in place of"):
        held.answer(noisy.past(100))


def test_names_are_held_against_the_market(noisy):
    with pytest.raises(ConfigError, match="benchmark of BenchmarkTracking: unknown asset 'SPX'"):
        BenchmarkTracking({"SPX": 1.0}).check(noisy.past(100))
    with pytest.raises(DataError, match="caps"):
        BenchmarkTracking(column="caps").check(noisy.past(100))
