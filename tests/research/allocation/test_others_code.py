"""What is made of weights and errors of others' code: noise is taken back, a failed refit holds, a mistake ends."""

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import BaseEstimator

from backtests.engine import backtest
from foundation.errors import PolicyError
from research.accounting import Costs
from research.allocation import EstimatorAllocation, FixedWeights, FunctionAllocation, target_path
from research.allocation.accuracy import SOLVER_NOISE
from research.allocation.constraints.limits import WEIGHTS, Limit
from research.allocation.others_code import without_noise
from research.allocation.peers import EfficientFrontier
from research.market import Market
from research.rules import Calendar

SIX = 6
CAP, GROUP = 0.4, np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]])


def limits(group: float) -> list[Limit]:
    """A sum of one, a ceiling of each asset, and one of the first three."""
    none = np.full(SIX, -np.inf)
    return [
        Limit("budget", "", {WEIGHTS: np.ones((1, SIX))}, np.ones(1), np.ones(1), 1.0),
        Limit("max_weights", "", {WEIGHTS: np.eye(SIX)}, none, np.full(SIX, CAP), CAP),
        Limit("group", "", {WEIGHTS: GROUP}, none[:1], np.array([group]), group),
    ]


shares = (
    arrays(float, SIX, elements=st.floats(0.1, 1.0)).map(lambda raw: raw / raw.sum()).filter(lambda w: w.max() < CAP)
)
noise = arrays(float, SIX, elements=st.floats(-1.0, 1.0)).map(lambda raw: raw * (SOLVER_NOISE / 20.0))


@given(shares, noise, st.booleans())
def test_what_misses_limits_by_a_solvers_noise_keeps_all_of_them_and_hardly_moves(weights, apart, on_the_group):
    group = float(GROUP[0] @ weights) if on_the_group else 1.0
    found, moved = without_noise(weights + apart, limits(group))
    assert found.sum() == pytest.approx(1.0, abs=1e-10)
    assert found.max() <= CAP + 1e-10
    assert found.min() >= 0.0
    assert GROUP[0] @ found <= group + 1e-10
    assert moved == pytest.approx(np.abs(found - (weights + apart)).max(), abs=1e-15)
    assert moved < SOLVER_NOISE


@given(shares)
def test_weights_within_all_limits_keep_every_bit(weights):
    weights = weights / weights.sum()
    found, moved = without_noise(0.99 * weights)
    assert (found == 0.99 * weights).all()
    assert moved == 0.0


@cases("weights", [0.7, 0.5], [0.7, -0.1], [0.8, -0.2], [1.0 + 2.0 * SOLVER_NOISE, 0.0], [np.nan, 0.5], [0.0, 0.0])
def test_what_misses_a_limit_by_more_is_as_it_was_given(weights):
    found, moved = without_noise(np.array(weights))
    np.testing.assert_array_equal(found, weights)
    assert moved == 0.0


def test_a_short_of_noise_is_none_and_gross_weights_of_shorts_are_kept_too():
    assert without_noise(np.array([0.6, 0.4, -5e-7]))[0][2] == 0.0
    found, moved = without_noise(np.array([0.7, -0.30005]))
    assert np.abs(found).sum() == pytest.approx(1.0, abs=1e-12)
    assert 0.0 < moved < 5e-5


class Failing:
    """A function of returns that fails on some of its days, in its own code or in a library."""

    __name__ = "failing"

    def __init__(self, days: set[pd.Timestamp], how: str) -> None:
        self.days, self.how = days, how

    def __call__(self, returns: pd.DataFrame) -> pd.Series:
        if returns.index[-1] in self.days:
            if self.how == "library":
                np.linalg.inv(np.zeros((2, 2)))
            if self.how == "type":
                return returns + None.x  # type: ignore[attr-defined]
            if self.how == "pandas":
                return returns.meen()  # type: ignore[operator]
            if self.how == "numpy":
                return np.meen(returns)  # type: ignore[attr-defined]
            raise ValueError("no luck")
        inverse = 1.0 / returns.std()
        return inverse / inverse.sum()


def refits(market: Market) -> pd.DatetimeIndex:
    """The days on which a monthly allocation of 60 returns is asked from row 70 on."""
    return market.dates[target_path(FunctionAllocation(Failing(set(), ""), 60), market, 70).seen]


@pytest.mark.parametrize("how", ["library", "own"])
@given(st.data())
def test_a_refit_that_fails_holds_the_weights_before_and_is_counted_with_its_day(noisy, how, data):
    days = refits(noisy)
    failed = data.draw(st.sets(st.sampled_from(list(days[1:])), min_size=1))
    whole = target_path(FunctionAllocation(Failing(set(), how), 60), noisy, 70)
    path = target_path(FunctionAllocation(Failing(failed, how), 60), noisy, 70)
    for k, day in enumerate(days):
        expected = path.rows[k - 1] if day in failed else whole.rows[k]
        np.testing.assert_allclose(path.rows[k], expected, atol=1e-15)
    (said,) = path.remarks()
    assert said.startswith(f"{len(failed)} of {len(days)} refits of ")
    assert f"{min(failed):%Y-%m-%d}" in said
    assert ("LinAlgError: Singular matrix" if how == "library" else "ValueError: no luck") in said
    assert "(test_others_code.py, line " in said


def test_a_mistake_in_own_code_ends_with_file_line_and_day_and_strict_ends_with_any(noisy):
    day = refits(noisy)[2]
    with pytest.raises(
        PolicyError,
        match=rf"failing.* on {day:%Y-%m-%d} stopped with AttributeError: .*'x' \(test_others_code.py, line \d+\)",
    ):
        target_path(FunctionAllocation(Failing({day}, "type"), 60), noisy, 70)
    for how, missing in (("pandas", "meen"), ("numpy", "meen")):
        said = rf"stopped with AttributeError: .*'{missing}' \(test_others_code.py, line \d+\)"
        with pytest.raises(PolicyError, match=said):
            target_path(FunctionAllocation(Failing({day}, how), 60), noisy, 70)
    with pytest.raises(PolicyError, match=rf"no luck.*, on {day:%Y-%m-%d}\. Leave `strict` away"):
        target_path(FunctionAllocation(Failing({day}, "own"), 60, strict=True), noisy, 70)


def test_a_first_fit_that_fails_ends(noisy):
    days = set(noisy.dates)
    with pytest.raises(PolicyError, match=r"has no solution on 20.*, and none before: .*ValueError: no luck"):
        target_path(FunctionAllocation(Failing(days, "own"), 60), noisy, 70)


def levered(returns: pd.DataFrame) -> np.ndarray:
    """Weights of half as much again, and a solver's noise."""
    return np.append(np.full(returns.shape[1] - 1, 1.5 / (returns.shape[1] - 1)), 4e-5)


def test_noise_at_another_leverage_limit_is_taken_back_by_the_engine(noisy):
    costs = Costs.bps(SIX, commission=1.0)
    policy = Calendar(FunctionAllocation(levered, 60), "month")
    played = backtest(noisy, policy, costs, start=noisy.dates[340], leverage_limit=1.5)
    assert np.abs(played.targets.rows).sum(axis=1).max() == pytest.approx(1.5, abs=1e-15)
    assert "were moved to it: by 1e-05 of NAV at most" in " ".join(played.warnings)


def test_weights_that_a_user_typed_in_are_never_repaired(noisy):
    for weights in ((0.5, 0.5, 0.0, 0.0, 0.0, 5e-5), (0.5, 0.5, 0.0, 0.0, 0.0, 2.0 * SOLVER_NOISE)):
        with pytest.raises(PolicyError, match=r"gross weights of 1\.0\d+ on .*, past the leverage limit of 1: "):
            backtest(
                noisy, Calendar(FixedWeights(weights), "month"), Costs.bps(SIX, commission=1.0), start=noisy.dates[340]
            )


def test_a_limit_in_another_unit_is_judged_in_weights_and_one_that_nothing_near_keeps_changes_nothing():
    weights = np.array([0.5, 0.3, 0.2])
    small = Limit("small", "", {WEIGHTS: np.array([[1e-4, 0.0, 0.0]])}, np.array([-np.inf]), np.array([1e-5]), 1e-5)
    assert without_noise(weights, [small])[1] == 0.0
    large = Limit("large", "", {WEIGHTS: np.array([[1e3, 0.0, 0.0]])}, np.array([-np.inf]), np.array([499.97]), 499.97)
    assert without_noise(weights, [large])[0][0] == pytest.approx(0.49997, abs=1e-12)
    one = Limit("budget", "", {WEIGHTS: np.ones((1, 3))}, np.ones(1), np.ones(1), 1.0)
    third = Limit("most", "", {WEIGHTS: np.eye(3)}, np.full(3, -np.inf), np.full(3, 0.33333), 0.33333)
    given = np.full(3, 1.0 / 3.0)
    found, moved = without_noise(given, [one, third])
    assert (found == given).all()
    assert moved == 0.0
    nothing = Limit("none", "", {WEIGHTS: np.zeros((1, 3))}, np.array([5e-5]), np.array([1.0]), 1.0)
    assert np.isfinite(without_noise(weights, [nothing])[0]).all()
    kept, _ = without_noise(np.array([0.6, 0.39995, 0.0]), [one])
    assert kept[2] == 0.0


class OffInMay(BaseEstimator):
    """As an optimiser of a library whose solver ends too early in one month."""

    peer_library = "pypfopt"

    def fit(self, X: pd.DataFrame, y: object = None) -> "OffInMay":
        self.weights_ = np.full(X.shape[1], (1.0006 if X.index[-1].month == 5 else 1.00005) / X.shape[1])
        return self


def test_weights_of_a_library_that_miss_a_sum_of_one_by_far_are_no_solution(noisy):
    path = target_path(EstimatorAllocation(OffInMay(), 60), noisy, 70)
    may = [k for k, row in enumerate(path.seen) if noisy.dates[row].month == 5]
    assert may
    for k in range(len(path.seen)):
        assert bool(path.answers[k].fallback) == (k in may)
        assert path.rows[k].sum() == pytest.approx(1.0, abs=1e-12)
    assert "found weights that miss its own limits by 0.0006 of NAV" in " ".join(path.remarks())


def test_default_settings_of_pypfopt_play_through_a_market(noisy):
    played = backtest(
        noisy, Calendar(EstimatorAllocation(EfficientFrontier(), 60), "month"), Costs.bps(SIX, commission=1.0)
    )
    assert np.abs(played.targets.rows).sum(axis=1).max() <= 1.0 + 1e-12
