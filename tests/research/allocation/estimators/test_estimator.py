"""Weights of estimators: all optimisers of skfolio against the library itself, own classes, and what is refused."""

import inspect
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from cases import cases
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression

from foundation.errors import ConfigError, PolicyError
from research.allocation import EstimatorAllocation, NotSolvedError, kept_target_path, target_path
from research.allocation.kept_paths import settings_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of names that will leave the library
    from skfolio import RiskMeasure, optimization
    from skfolio.distribution import VineCopula
    from skfolio.moments import ShrunkMu
    from skfolio.optimization import (
        BenchmarkTracker,
        EqualWeighted,
        HierarchicalRiskParity,
        MeanRisk,
        NestedClustersOptimization,
        Random,
        RiskBudgeting,
        StackingOptimization,
    )
    from skfolio.prior import EmpiricalPrior, EntropyPooling, SyntheticData

    PUBLIC = {name: getattr(optimization, name) for name in optimization.__all__}

OPTIMISERS = {
    name: cls
    for name, cls in PUBLIC.items()
    if hasattr(cls, "fit") and not inspect.isabstract(cls) and cls is not Random
}
ARGUMENTS = {"StackingOptimization": {"estimators": [("equal", EqualWeighted()), ("least", MeanRisk())]}}
BENCHMARK = {"A00": 0.6, "A02": 0.3}
VARIANTS = {
    **{name: cls(**ARGUMENTS.get(name, {})) for name, cls in OPTIMISERS.items()},
    "CVaR budgets": RiskBudgeting(risk_measure=RiskMeasure.CVAR, risk_budget={"A00": 2.0}),
    "shrunk": MeanRisk(prior_estimator=EmpiricalPrior(mu_estimator=ShrunkMu()), l2_coef=0.01, min_weights=None),
    "in clusters": NestedClustersOptimization(inner_estimator=RiskBudgeting(), outer_estimator=EqualWeighted(), cv=3),
    "of drawdowns": HierarchicalRiskParity(risk_measure=RiskMeasure.CDAR, max_weights={"A00": 0.3}),
    "with cash": MeanRisk(budget=0.9),
}


class ByRange(BaseEstimator):
    """An own estimator: weights in inverse proportion to the range of returns, to a power."""

    def __init__(self, power=1.0):
        self.power = power

    def fit(self, X, y=None):
        spread = (X.max() - X.min()) ** -self.power
        self.weights_ = spread / spread.sum()
        return self


class Gives(BaseEstimator):
    """Weights that a test states."""

    def __init__(self, weights=None):
        self.weights = weights

    def fit(self, X, y=None):
        if isinstance(self.weights, Exception):
            raise self.weights
        self.weights_ = self.weights
        return self


class Draws(BaseEstimator):
    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.weights_ = np.random.default_rng(self.random_state).dirichlet(np.ones(X.shape[1]))
        return self


def window_of(market, t, window=60, lines=5):
    frame = market.returns[t - window + 1 : t + 1, :lines]
    return pd.DataFrame(frame, index=market.dates[t - window + 1 : t + 1], columns=market.assets[:lines])


@pytest.mark.parametrize("name", VARIANTS)
def test_weights_are_those_of_the_library(name, noisy):
    asked = VARIANTS[name]
    needs_y = isinstance(asked, BenchmarkTracker)
    frame = window_of(noisy, 200)
    y = pd.Series(frame[list(BENCHMARK)].to_numpy() @ np.array(list(BENCHMARK.values())), index=frame.index)
    theirs = asked.__class__(**asked.get_params(deep=False)).fit(frame, y if needs_y else None).weights_
    held = EstimatorAllocation(asked, window=60, benchmark=BENCHMARK if needs_y else None)
    target = held.target(noisy.past(200))
    assert target == pytest.approx([*theirs, 0.0], abs=1e-9 if abs(theirs.sum() - 1.0) > 1e-12 else 0.0, rel=0.0)
    assert target.sum() == pytest.approx(0.9 if name == "with cash" else 1.0, abs=1e-9)


@pytest.mark.parametrize("name", VARIANTS)
def test_equal_parameters_are_one_allocation_in_every_process(name, noisy):
    asked = VARIANTS[name]
    first, second = EstimatorAllocation(asked, 60), EstimatorAllocation(type(asked)(**asked.get_params(deep=False)), 60)
    brought = pickle.loads(pickle.dumps(second))
    assert first == second == brought
    assert hash(first) == hash(brought)
    assert repr(first) == repr(brought)
    assert settings_of(first) == settings_of(brought) is not None
    assert first != EstimatorAllocation(asked, 61)


def test_another_parameter_is_another_allocation():
    made = [MeanRisk(), MeanRisk(min_weights=None), MeanRisk(l2_coef=0.1), MeanRisk(risk_measure=RiskMeasure.CVAR)]
    made += [MeanRisk(prior_estimator=EmpiricalPrior(mu_estimator=mu)) for mu in (None, ShrunkMu())]
    held = [EstimatorAllocation(one) for one in made]
    assert len({repr(one) for one in held}) == len(made)
    assert all(one != other for i, one in enumerate(held) for other in held[:i])


def test_a_path_is_kept_on_disk_by_parameters(noisy, tmp_path, monkeypatch):
    first = kept_target_path(EstimatorAllocation(RiskBudgeting(), 20), noisy, 70, tmp_path)

    def none(*_):
        raise TypeError("it is fitted again")

    monkeypatch.setattr(RiskBudgeting, "fit", none)
    again = kept_target_path(EstimatorAllocation(RiskBudgeting(), 20), noisy, 70, tmp_path)
    assert np.array_equal(first.rows, again.rows)
    with pytest.raises(PolicyError, match="it is fitted again"):
        kept_target_path(EstimatorAllocation(RiskBudgeting(min_weights=0.01), 20), noisy, 70, tmp_path)


def test_an_own_estimator_is_fitted_to_the_window_and_never_kept_on_disk(noisy):
    held = EstimatorAllocation(ByRange(power=2.0), window=60)
    frame = window_of(noisy, 200)
    expected = (frame.max() - frame.min()) ** -2.0
    assert held.target(noisy.past(200)) == pytest.approx([*(expected / expected.sum()), 0.0], abs=1e-15)
    assert settings_of(held) is None
    assert repr(held).endswith(":ByRange(power=2.0), window=60, schedule='month')")


def test_what_the_caller_changes_later_changes_nothing(noisy):
    mine = ByRange()
    held = EstimatorAllocation(mine, 60)
    before = held.target(noisy.past(200))
    mine.set_params(power=3.0)
    assert np.array_equal(held.target(noisy.past(200)), before)
    assert not hasattr(held.estimator, "weights_")


@cases(
    "given, expected",
    ([0.2, 0.2, 0.2, 0.2, 0.2 + 4e-7], 1.0),
    ([0.2, 0.2, 0.2, 0.2, 0.1], 0.9),
    ([0.5, 0.5, 0.5, -0.3, 0.1], 1.3),
)
def test_only_what_a_solver_leaves_of_a_sum_is_scaled(given, expected, noisy):
    target = EstimatorAllocation(Gives(given), 60).target(noisy.past(200))
    assert target.sum() == pytest.approx(expected, abs=1e-12)


def test_a_limit_of_turnover_is_against_the_target_before(noisy):
    held, free = (EstimatorAllocation(MeanRisk(max_turnover=most), window=40) for most in (0.05, None))
    four = noisy.select(["A00", "A01", "A02", "A03"])
    moved, moved_free = (np.abs(np.diff(target_path(one, four, 60).rows, axis=0)).max() for one in (held, free))
    assert (held.follows, free.follows) == (True, False)
    assert moved == pytest.approx(0.05, abs=1e-6)  # skfolio limits the change of each asset
    assert moved_free > 0.06


def test_a_refit_without_a_solution_keeps_the_previous_weights_and_says_so(noisy):
    path = target_path(EstimatorAllocation(MeanRisk(min_return=0.0004), 60), noisy, 90)
    fallen = [k for k, answer in enumerate(path.answers) if answer.fallback == "previous weights"]
    assert 0 < len(fallen) < len(path.answers)
    assert all(np.array_equal(path.rows[k], path.rows[k - 1]) for k in fallen if k)
    assert "MeanRisk found no weights (ConvexOptimizationError" in path.answers[fallen[0]].why
    assert "fell back to the previous weights" in path.remarks()[0]


def test_a_first_refit_without_a_solution_is_an_error(noisy):
    with pytest.raises(PolicyError, match=r"MeanRisk\(max_weights=0\.1\).*has no solution on .*, and none before"):
        target_path(EstimatorAllocation(MeanRisk(max_weights=0.1), 30), noisy, 70)


def test_a_fallback_of_skfolio_is_marked(noisy):
    held = EstimatorAllocation(MeanRisk(max_weights=0.1, fallback=EqualWeighted()), 60)
    answer = held.answer(noisy.past(200))
    assert answer.weights[:5] == pytest.approx(np.full(5, 0.2))
    assert (answer.status, answer.fallback) == ("failed", "EqualWeighted")
    assert answer.why == (
        "no weights keep these constraints together: the sum of the weights is 100.00 % of NAV; every asset is at most "
        "10.00 % of NAV. To make weights possible, change budget from 100.00 % to 50.00 %, or raise max_weights from "
        "10.00 % to 20.00 %."
    )


@cases(
    "estimator, words",
    (MeanRisk(min_weights={"A00": 0.7, "A01": 0.5}), r"A00 is at least 70\.00 % of NAV; A01 is at least 50\.00 %"),
    (MeanRisk(max_weights=[0.1, 0.2, 0.2, 0.2, 0.2]), r"raise max_weights of A00 from 10\.00 % to 20\.00 %"),
    (MeanRisk(budget=None, min_budget=0.9, max_weights=0.1), r"at least 90\.00 % of NAV.* change min_budget from"),
    (MeanRisk(linear_constraints=["A00 + A01 >= 0.8", "A00 <= 0.1", "A01 <= 0.2"]),
     r"the linear constraint 'A00 \+ A01 >= 0\.8'; the linear constraint 'A00 <= 0\.1'"),
    (RiskBudgeting(groups={"A00": ["x"], "A01": ["x"]}, linear_constraints=["x >= 0.8"], max_weights=0.3),
     r"every asset is at most 30\.00 % of NAV; the linear constraint 'x >= 0\.8'\. .*raise max_weights from 30"),
    (MeanRisk(min_return=9.0), r"the solver found none with min_return 9\.0\. Widen it"),
)  # fmt: skip
def test_a_programme_without_a_solution_names_the_limits_that_conflict(estimator, words, noisy):
    with pytest.raises(NotSolvedError, match=r"found no weights \(\w+\): ") as raised:
        EstimatorAllocation(estimator, 60).answer(noisy.past(200))
    assert re.search(words, str(raised.value)), str(raised.value)
    assert "failed" not in str(raised.value)


def test_no_weights_of_one_that_does_not_raise_are_no_solution(noisy):
    with pytest.warns(UserWarning, match="raise_on_failure=False"), pytest.raises(NotSolvedError, match="no weights"):
        EstimatorAllocation(MeanRisk(min_return=9.0, raise_on_failure=False), 60).answer(noisy.past(200))


@cases(
    "estimator, words",
    (KMeans(2, random_state=0), r"KMeans on 2018-09-28 has no weights_ after fit\. Give an estimator whose fit"),
    (LinearRegression(), r"on 2018-09-28, and none before: LinearRegression found no weights \(TypeError: .*'y'"),
    (BenchmarkTracker(), r"BenchmarkTracker found no weights \("),
    (MeanRisk(min_weights="low"), r"MeanRisk found no weights .*Correct its settings"),
    (Gives(np.ones((2, 5))), r"gave weights of shape \(2, 5\) for 5 assets"),
    (Gives(np.ones(4)), r"gave weights of shape \(4,\) for 5 assets"),
    (Gives({"SPY": 1.0}), r"Gives on 2018-09-28 gave a weight for 'SPY', but the columns are A00"),
    (Gives([np.nan, 0.25, 0.25, 0.25, 0.25]), r"is not finite for 1 of 6 assets: A00 has .*nan"),
)
def test_what_gives_no_weights_is_refused_by_name_and_date(estimator, words, noisy):
    with pytest.raises(PolicyError, match=words):
        target_path(EstimatorAllocation(estimator, 60), noisy.until(noisy.dates[200]), 200)


@cases(
    "settings, words",
    ({"window": 1}, "window of EstimatorAllocation is 1"),
    ({"schedule": "hourly"}, "schedule of EstimatorAllocation is 'hourly'"),
    ({"estimator": MeanRisk}, "estimator of EstimatorAllocation is <class .*give an object with fit"),
    ({"estimator": len}, "estimator of EstimatorAllocation is <built-in"),
    ({"estimator": Draws()}, r"random_state of .*:Draws is None: give a whole number, such as 7"),
    (
        {"estimator": MeanRisk(prior_estimator=SyntheticData())},
        r"prior_estimator__distribution_estimator of skfolio\.optimization\.MeanRisk is None",
    ),
    (
        {"estimator": MeanRisk(prior_estimator=SyntheticData(VineCopula()))},
        r"prior_estimator__distribution_estimator__random_state of .* is None: give a whole number",
    ),
    ({"estimator": Random()}, r"skfolio\.optimization\.Random draws weights that no seed determines"),
    ({"estimator": StackingOptimization([("a", Random())])}, r"skfolio\.optimization\.Random draws"),
    ({"benchmark": {}}, r"benchmark of EstimatorAllocation is \{\}"),
    ({"benchmark": {"SPY": "all"}}, r"benchmark of EstimatorAllocation is"),
)
def test_other_settings_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        EstimatorAllocation(**{"estimator": MeanRisk()} | settings)


def test_a_seed_makes_draws_repeatable(noisy):
    held = EstimatorAllocation(Draws(random_state=7), 60)
    assert np.array_equal(held.target(noisy.past(200)), held.target(noisy.past(200)))


def test_a_benchmark_of_unknown_or_new_lines(noisy):
    with pytest.raises(ConfigError, match="the benchmark holds 'SPY', no asset of the market"):
        EstimatorAllocation(BenchmarkTracker(), 60, benchmark={"SPY": 1.0}).answer(noisy.past(200))
    with pytest.raises(ConfigError, match="max_weights has 'SPY', no asset of the market"):
        EstimatorAllocation(MeanRisk(max_weights={"SPY": 0.5}), 60).check(noisy.past(200))
    with pytest.raises(NotSolvedError, match="A05 of the benchmark has no 60 returns"):
        EstimatorAllocation(BenchmarkTracker(), 60, benchmark={"A05": 1.0}).answer(noisy.past(200))


def test_entropy_pooling_is_fitted_too(noisy):
    held = EstimatorAllocation(MeanRisk(prior_estimator=EntropyPooling(mean_views=["A00 >= 0.001"])), 60)
    theirs = MeanRisk(prior_estimator=EntropyPooling(mean_views=["A00 >= 0.001"])).fit(window_of(noisy, 200)).weights_
    assert held.target(noisy.past(200))[:5] == pytest.approx(theirs, abs=1e-12)
