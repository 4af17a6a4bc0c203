"""Allocations as estimators: scikit-learn's checks, skfolio's cross-validation and stacking, and deep parameters."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import cases
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from foundation.errors import ConfigError, DataError
from research.allocation import (
    HRP,
    EqualWeights,
    EstimatorAllocation,
    InverseVolatility,
    MeanVariance,
    weights_from_prices,
)
from research.allocation.constraints.records import Constraints, Most
from research.forecast import Estimated

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of names that will leave the library
    from skfolio.model_selection import CombinatorialPurgedCV, WalkForward, cross_val_predict
    from skfolio.optimization import HierarchicalRiskParity, MeanRisk, StackingOptimization

    from research.allocation import as_estimator
    from research.allocation.as_estimator import AllocationEstimator

PORTFOLIO = "predict gives skfolio's Portfolio of all rows, not one number a row"
CHECKS_THAT_DO_NOT_APPLY = {
    "check_fit_score_takes_y": "fit_predict of skfolio takes no y",
    "check_estimators_nan_inf": "predict of skfolio takes returns with gaps",
    "check_methods_sample_order_invariance": PORTFOLIO,
    "check_fit2d_predict1d": PORTFOLIO,
}


@pytest.fixture(scope="module")
def frame(stocks):
    return stocks.iloc[:, :6]


def test_the_checks_of_scikit_learn_pass_but_for_those_of_predictions(monkeypatch):
    """The checks draw X from laws of a size up to 100; as returns these would be total losses."""
    past_of = as_estimator._past_of
    monkeypatch.setattr(as_estimator, "_past_of", lambda returns, *more: past_of(returns / 1e4, *more))
    found = check_estimator(AllocationEstimator(EqualWeights()), on_fail=None, on_skip=None)
    failed = {one["check_name"]: str(one["exception"]) for one in found if one["status"] == "failed"}
    assert set(failed) == set(CHECKS_THAT_DO_NOT_APPLY), failed
    assert sum(one["status"] == "passed" for one in found) > 20


def test_weights_are_those_of_the_allocation_on_prices_with_these_returns(frame):
    prices = 100.0 * (1.0 + frame).cumprod()
    for allocation in (HRP(window=120), MeanVariance(forecast=Estimated(window=60))):
        theirs = AllocationEstimator(allocation).fit(prices.pct_change().dropna())
        ours = weights_from_prices(allocation, prices)
        assert theirs.weights_ == pytest.approx(ours.to_numpy(), abs=1e-9)
        assert list(ours.index) == list(theirs.feature_names_in_) == list(frame.columns)
        assert theirs.predict(frame).weights == pytest.approx(theirs.weights_)


@pytest.mark.parametrize("rows", ["B", "D", "ME", "BME", "W-FRI", "W-SUN"])
def test_prices_on_days_of_any_calendar_give_weights(rows):
    dates = pd.date_range("2002-01-01", periods=61, freq=rows)  # with holidays, weekends, and a Good Friday
    moves = np.random.default_rng(3).normal(0.01, 0.02, (60, 3))
    prices = pd.DataFrame(np.cumprod(np.vstack([np.ones(3), 1.0 + moves]), axis=0), dates, list("ABC"))
    inverse = 1.0 / moves.std(axis=0)
    expected = pytest.approx(inverse / inverse.sum())
    assert weights_from_prices(InverseVolatility(window=60), prices).to_numpy() == expected
    with pytest.raises(DataError, match="not a session of the exchange calendar 'XNYS'"):
        weights_from_prices(InverseVolatility(window=60), prices, calendar="XNYS")


def test_the_year_is_that_of_the_dates_of_x():
    drawn = np.random.default_rng(8).normal(0.01, 0.04, (40, 3))
    months = pd.DataFrame(drawn, pd.date_range("2019-01-31", periods=40, freq="ME"), list("ABC"))
    estimate = Estimated(window=24, covariance="sample")
    found = AllocationEstimator(MeanVariance("maximum_sharpe", forecast=estimate)).fit(months)
    window = months.tail(24)
    ratio = found.weights_ @ window.mean() / np.sqrt(found.weights_ @ window.cov() @ found.weights_)
    assert found.answer_.value == pytest.approx(np.sqrt(12.0) * ratio, rel=1e-6)
    undated = AllocationEstimator(MeanVariance("maximum_sharpe", forecast=estimate)).fit(months.to_numpy())
    assert undated.answer_.value == pytest.approx(np.sqrt(252.0) * ratio, rel=1e-6)  # its own periods_per_year


def test_prices_are_no_returns(frame):
    with pytest.raises(ConfigError, match=r"X are prices\? Its median is .*pct_change"):
        AllocationEstimator(HRP(window=60)).fit(100.0 * (1.0 + frame).cumprod())


def test_weights_are_those_of_skfolio_where_both_do_the_same(frame):
    theirs = HierarchicalRiskParity().fit(frame).weights_
    assert AllocationEstimator(HRP(linkage="ward")).fit(frame).weights_ == pytest.approx(theirs, abs=1e-9)


def test_rows_without_dates_and_names_give_the_same_weights(frame):
    plain = AllocationEstimator(HRP()).fit(frame.to_numpy())
    assert plain.weights_ == pytest.approx(AllocationEstimator(HRP()).fit(frame).weights_, abs=1e-12)
    assert plain.n_features_in_ == 6


def test_settings_of_the_allocation_are_parameters_at_any_depth(frame):
    asked = AllocationEstimator(MeanVariance())
    assert asked.get_params()["allocation__forecast__covariance"] == "ledoit_wolf"
    copy = clone(asked).set_params(allocation__forecast__window=60, allocation__upper=0.4)
    assert copy.allocation == replace(MeanVariance(upper=0.4), forecast=replace(MeanVariance().forecast, window=60))
    assert asked.allocation == MeanVariance()
    both = clone(asked).set_params(allocation__window=30, allocation=HRP(), fallback="previous_weights")
    assert (both.allocation, both.fallback) == (HRP(window=30), "previous_weights")
    said = r"unknown parameter allocation__forecast__windows .*'allocation__forecast__w"
    with pytest.raises(ConfigError, match=said):
        asked.set_params(allocation__forecast__windows=3)
    with pytest.raises(ConfigError, match="window of InverseVolatility is 1"):
        AllocationEstimator(InverseVolatility()).set_params(allocation__window=1)


def test_a_walk_forward_holds_the_target_of_each_training_set(frame):
    folds = list(WalkForward(train_size=120, test_size=63).split(frame))
    path = cross_val_predict(AllocationEstimator(HRP(window=120)), frame, cv=WalkForward(train_size=120, test_size=63))
    assert len(path) == len(folds)
    for (train, _), portfolio in zip(folds, path, strict=True):
        expected = AllocationEstimator(HRP(window=120)).fit(frame.iloc[train]).weights_
        assert portfolio.weights == pytest.approx(expected, abs=1e-12)


def test_purged_folds_a_search_and_stacking_take_an_allocation(frame):
    folds = CombinatorialPurgedCV(n_folds=4, n_test_folds=2)
    assert len(cross_val_predict(AllocationEstimator(InverseVolatility(100)), frame, cv=folds)) == 3
    grid = {"allocation__power": [1.0, 2.0], "allocation__window": [40, 120]}
    cv = WalkForward(train_size=120, test_size=90)
    search = GridSearchCV(AllocationEstimator(InverseVolatility()), grid, cv=cv).fit(frame)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.best_estimator_.get_params()["allocation__power"] == search.best_params_["allocation__power"]
    stacked = StackingOptimization(
        [("hrp", AllocationEstimator(HRP(window=100))), ("least", MeanRisk())],
        final_estimator=AllocationEstimator(EqualWeights()),
    ).fit(frame)
    parts = [AllocationEstimator(HRP(window=100)).fit(frame).weights_, MeanRisk().fit(frame).weights_]
    assert stacked.weights_ == pytest.approx(np.mean(parts, axis=0), abs=1e-9)


def test_a_limit_of_turnover_is_against_the_weights_of_the_fold_before(frame):
    month = Estimated(window=21)
    capped = AllocationEstimator(MeanVariance(forecast=month, constraints=Constraints(turnover=Most(most=0.03))))
    free = AllocationEstimator(MeanVariance(forecast=month))
    assert (capped.needs_previous_weights, free.needs_previous_weights) == (True, False)
    moved = {}
    for name, one in {"capped": capped, "free": free}.items():
        path = cross_val_predict(one, frame, cv=WalkForward(train_size=21, test_size=63))
        moves = np.diff([portfolio.weights for portfolio in path], axis=0)
        moved[name] = moves.clip(min=0.0).sum(axis=1).max()
    assert moved["capped"] == pytest.approx(0.03, abs=1e-6)
    assert moved["free"] > 0.04


def test_an_allocation_as_an_estimator_is_an_allocation_again(noisy):
    there_and_back = EstimatorAllocation(AllocationEstimator(HRP(window=60)), window=60)
    past = noisy.past(200)
    assert there_and_back.target(past) == pytest.approx(HRP(window=60).target(past), abs=1e-12)


@cases(
    "returns, error, words",
    (np.full((5, 2), 0.01), ConfigError, r"X has 5 rows .*fewer than the window of HRP, 60"),
    (np.full((80, 2), np.nan), ValueError, "contains NaN"),
    (np.full((80, 2), -1.5), ValueError, r"impossible return for x0 .*found -1\.5"),
)
def test_other_returns_are_refused(returns, error, words):
    with pytest.raises(error, match=words):
        AllocationEstimator(HRP(window=60)).fit(returns)
