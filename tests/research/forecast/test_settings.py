"""Settings of forecasts that make no sense are refused, each with what is wrong and how to mend it."""

import pytest
from cases import cases

from foundation.errors import ConfigError
from research.forecast import BlackLitterman, Boosted, Estimated, InvestorView, VolatilityPercentiles
from research.forecast.neural import Network
from research.forecast.signals.blend import SignalBlend


@cases(
    "make, words",
    (lambda: Boosted(library="catboost"), "library of Boosted is 'catboost': use one of lightgbm, xgboost"),
    (lambda: Boosted(horizon=0), "horizon of Boosted is 0"),
    (lambda: Boosted(leaves=1), "leaves of Boosted is 1: give a whole number, 2 or more"),
    (lambda: Boosted(learning_rate=1.5), r"learning_rate of Boosted is 1\.5"),
    (lambda: Boosted(feature_fraction=0.0), r"feature_fraction of Boosted is 0\.0"),
    (lambda: Boosted(l2=-1.0), r"l2 of Boosted is -1\.0"),
    (lambda: Boosted(monotone={"carry_252": 2}), "monotone of Boosted for 'carry_252' is 2"),
    (lambda: Boosted(window=400), "window of Boosted is 400: a horizon of 21 needs 438"),
    (lambda: Network(architecture="lstm"), "architecture of Network is 'lstm'"),
    (lambda: Network(history=1), "history of Network is 1: give a whole number, at least 2"),
    (lambda: Network(dropout=1.0), r"dropout of Network is 1\.0"),
    (lambda: Network(learning_rate=0.0), "learning_rate of Network is"),
    (lambda: Network(levels=(0.1, 0.5, 0.8)), "levels of Network are"),
    (lambda: Network(device="gpu"), "device of Network is 'gpu'"),
    (lambda: VolatilityPercentiles("A", half_life=0.0), "half_life of VolatilityPercentiles is 0.0"),
    (lambda: VolatilityPercentiles("A", levels=(0.5, 0.4, 0.9)), "levels of VolatilityPercentiles are"),
    (lambda: VolatilityPercentiles("A", levels=(0.5, 0.9)), "levels of VolatilityPercentiles are"),
    (lambda: VolatilityPercentiles("A", levels=(0.5, 0.9, 1.0)), "levels of VolatilityPercentiles are"),
    (lambda: VolatilityPercentiles("A", lookback=20), "lookback of VolatilityPercentiles is 20"),
    (lambda: SignalBlend(horizon=0), "horizon of SignalBlend is 0"),
    (lambda: SignalBlend(momentum=(0,)), "momentum of SignalBlend is"),
    (lambda: SignalBlend(reversion=((5, 5),)), "reversion of SignalBlend is"),
    (lambda: SignalBlend(averages=(-1.0,)), "averages of SignalBlend are"),
    (lambda: SignalBlend(momentum=(), reversion=(), averages=()), "no signal left"),
    (lambda: SignalBlend(estimate=1), "window of SignalBlend is 1"),
    (lambda: Estimated(mean="median"), "mean of Estimated is 'median': use one of historical, ewma"),
    (lambda: Estimated(covariance="sampel"), "covariance of Estimated is 'sampel': use one of sample, ewma"),
    (lambda: Estimated(window=1), "window of Estimated is 1"),
    (lambda: Estimated(half_life=0.0), r"half_life of Estimated is 0\.0: give a finite number above 0"),
    (lambda: BlackLitterman(tau=-0.1), "tau of BlackLitterman is -0.1"),
    (lambda: BlackLitterman((InvestorView("A returns 7% a year", uncertainty=0.02),), tau=0.0), "give a tau above 0"),
    (lambda: BlackLitterman(periods_per_year=0), "periods_per_year of BlackLitterman is 0"),
    (lambda: BlackLitterman("A beats B by 3%"), "a view of BlackLitterman is 'A beats B by 3%': give InvestorView"),
    (lambda: BlackLitterman({"A": 0.08}), "a view of BlackLitterman is 'A': give InvestorView"),
    (lambda: BlackLitterman(prior=0.05), "prior of BlackLitterman is 0.05: give a forecast"),
)
def test_a_setting_without_sense_is_refused_with_a_mend(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
