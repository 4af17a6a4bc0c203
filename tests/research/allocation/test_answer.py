"""Answers with reasons: through wrappers and paths; and refits without a solution, which are marked and counted."""

import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from foundation.errors import PolicyError
from research import allocation
from research.allocation.allocation import answer_of
from research.forecast import Estimated, MarkovRegimes
from research.market import delist

CAPPED = allocation.MeanVariance(forecast=Estimated(window=60), upper=0.4)


@dataclass(frozen=True)
class Fails(allocation.Explained):
    """The number of the row over a thousand in each asset, but no solution in some months."""

    months: tuple[int, ...] = (3,)
    schedule: ClassVar[str] = "month"
    window: ClassVar[int] = 0

    def answer(self, past):
        if past.date.month in self.months:
            raise allocation.NotSolvedError(f"nothing in month {past.date.month}")
        return allocation.Answer(np.full(len(past.assets), past.t / 1000.0), past.date, "Own", "optimal")


# -- reasons -----------------------------------------------------------------------------------------------------------


def test_an_allocation_that_gives_weights_only_has_an_answer_without_reasons(noisy):
    answer = answer_of(allocation.EqualWeights(), noisy.past(100))
    assert (answer.solver, answer.binding, answer.seen) == ("", (), noisy.dates[100])
    path = allocation.target_path(allocation.EqualWeights(), noisy)
    assert path.answers[0].weights.tolist() == path.rows[0].tolist()


def test_the_path_keeps_the_answer_of_each_refit_with_the_weights_that_are_in_force(noisy):
    path = allocation.target_path(CAPPED, noisy, start=200)
    assert len(path.answers) == len(path.rows)
    assert all((one.weights == row).all() for one, row in zip(path.answers, path.rows, strict=True))
    assert [one.seen for one in path.answers] == noisy.dates[path.seen].tolist()
    assert path.answer_at(250) is path.answers[path.row[250]]
    assert {(one.solver, one.status) for one in path.answers} == {("active sets", "optimal")}
    assert all(one.binding[0].limit == "A00 is at most 40.00 % of NAV" for one in path.answers)
    assert path.remarks() == ()


@pytest.mark.parametrize(
    "wrapper",
    [
        lambda held: allocation.ConstantExposure(held, 0.5),
        lambda held: allocation.VolatilityTarget(held, 0.05, lookback=20),
        lambda held: allocation.RegimeExposure(
            held,
            MarkovRegimes("A00", (0.0, 0.0), (0.005, 0.02), ((0.95, 0.05), (0.1, 0.9)), pd.Timestamp("2018-01-03")),
        ),
        lambda held: allocation.ConstantExposure(
            allocation.VolatilityTarget(allocation.ConstantExposure(held, 0.9), 0.05, lookback=20), 0.5
        ),
    ],
    ids=["exposure", "volatility", "regimes", "all"],
)
def test_reasons_come_through_wrappers_with_scaled_weights(wrapper, noisy):
    past = noisy.past(150)
    inner, outer = answer_of(CAPPED, past), answer_of(wrapper(CAPPED), past)
    assert outer.binding == inner.binding
    assert (outer.solver, outer.value) == (inner.solver, inner.value)
    assert outer.objective == f"{inner.objective} of the inner allocation"
    scale = outer.weights.sum()
    assert 0.05 < scale < 1.0
    assert outer.weights == pytest.approx(scale * inner.weights, abs=1e-15)


def test_an_answer_reads_as_one_line_and_comes_back_from_a_pickle():
    limits = tuple(allocation.Binding(f"L{k} at most 0.1", 0.1 * k) for k in range(5))
    answer = allocation.Answer(
        np.array([0.5, 0.5]), pd.Timestamp("2020-01-02"), "Clarabel", "optimal", "volatility a day", 0.01, limits
    )
    assert repr(answer) == (
        "Answer of 2020-01-02, optimal by Clarabel, volatility a day 0.01, L4 at most 0.1 (price 0.4), L3 at most 0.1 "
        "(price 0.3), L2 at most 0.1 (price 0.2), and 2 limits more bind"
    )
    again = pickle.loads(pickle.dumps(answer))
    assert (repr(again), again.weights.flags.writeable) == (repr(answer), False)


def test_an_answer_of_another_size_or_without_numbers_is_refused(quiet):
    @dataclass(frozen=True)
    class Wrong(Fails):
        def answer(self, past):
            return allocation.Answer(np.array([np.nan, 1.0]), past.date)

    with pytest.raises(PolicyError, match="is not finite for 1 of 2 assets: SPY has"):
        allocation.target_path(Wrong(), quiet)


# -- without a solution ------------------------------------------------------------------------------------------------


def test_a_refit_without_a_solution_goes_on_with_the_previous_weights_and_says_so(quiet):
    path = allocation.target_path(Fails((3, 5)), quiet, start=20)
    assert path.rows[:, 0].tolist() == [0.020, 0.039, 0.039, 0.081, 0.081, 0.124]
    assert [one.fallback for one in path.answers] == ["", "", "previous weights", "", "previous weights", ""]
    assert (path.answers[2].status, path.answers[2].why) == ("failed", "nothing in month 3")
    assert path.remarks() == (
        "2 of 6 refits of Fails(months=(3, 5)) fell back to the previous weights (2018-03-29: nothing in month 3; "
        "2018-05-31: nothing in month 5).",
    )
    assert path.remarks(first=110) == (
        "1 of 2 refits of Fails(months=(3, 5)) fell back to the previous weights (2018-05-31: nothing in month 5).",
    )


def test_a_path_that_starts_on_such_a_refit_has_the_weights_that_a_longer_one_has(quiet):
    late, early = (allocation.target_path(Fails((3, 4)), quiet, start=start) for start in (85, 20))
    assert late.at(90).tolist() == early.at(90).tolist() == [0.039, 0.039]
    assert late.answers[0].fallback == "previous weights"


def test_without_any_earlier_solution_it_stops_and_says_why(quiet):
    with pytest.raises(PolicyError, match=r"has no solution on 2018-01-31, and none before: nothing in month 1"):
        allocation.target_path(Fails((1,)), quiet, start=20)


def test_previous_weights_of_a_line_that_left_are_spread(make_market):
    market = make_market(np.zeros((125, 3)), halted=[(t, 2) for t in range(50, 125)])
    gone = delist(market, "A02", market.dates[52], 0.0)

    @dataclass(frozen=True)
    class Thirds(Fails):
        def answer(self, past):
            super().answer(past)
            return allocation.Answer(np.full(3, 1 / 3), past.date)

    path = allocation.target_path(Thirds((3, 4)), gone, start=20)
    assert path.at(51) == pytest.approx([1 / 3] * 3)
    assert path.at(52) == pytest.approx([0.5, 0.5, 0.0])
    assert path.answer_at(52).fallback == "previous weights"


def test_a_wrapper_of_one_without_a_solution_keeps_its_own_previous_weights(quiet):
    path = allocation.target_path(allocation.ConstantExposure(Fails(), 0.5), quiet, start=20)
    assert path.rows[:3, 0].tolist() == [0.010, 0.0195, 0.0195]
    assert path.answers[2].fallback == "previous weights"


def test_reduced_accuracy_and_repairs_are_counted_too(quiet):
    @dataclass(frozen=True)
    class Doubtful(Fails):
        def answer(self, past):
            notes = ("the covariance was repaired",) if past.date.month > 4 else ()
            return allocation.Answer(np.full(2, 0.5), past.date, "SCS", "optimal_inaccurate", notes=notes)

    assert allocation.target_path(Doubtful(), quiet, start=20).remarks(name="mine") == (
        "6 of 6 refits of mine were solved to reduced accuracy (2018-01-31, 2018-02-28, 2018-03-29 and 3 more: by "
        "SCS).",
        "2 of 6 refits of mine changed their input (2018-05-31, 2018-06-29: the covariance was repaired).",
    )
