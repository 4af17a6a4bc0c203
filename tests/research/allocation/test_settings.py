"""Settings of allocations that make no sense are refused, each with what is wrong and how to mend it."""

import pytest
from cases import cases

from foundation.errors import ConfigError
from research.allocation import (
    HERC,
    BenchmarkTracking,
    CappedTurnover,
    InverseVolatility,
    MeanVariance,
    MinimumRisk,
    Momentum,
    RiskParity,
    RobustCVaR,
    Smoothed,
    TailParity,
    UniversalPortfolio,
    VolatilityTarget,
)
from research.allocation.constraints.records import Bounds, Cardinality, Constraints


@cases(
    "make, words",
    (lambda: HERC(risk="sharpe"), "risk of HERC is 'sharpe': use one of variance"),
    (lambda: HERC(clusters=0), "clusters of HERC is 0: use one of gap, silhouette, or give a number"),
    (lambda: HERC(clusters="elbow"), "clusters of HERC is 'elbow'"),
    (lambda: HERC(memory=1.0), "memory of HERC is 1.0: give a weight from 0 to below 1"),
    (lambda: HERC(recluster="fortnight"), "recluster of HERC is 'fortnight': use one of day"),
    (lambda: HERC(covariance="robust"), "covariance of HERC is 'robust'"),
    (lambda: HERC(upper=2.0), "upper of HERC is 2.0: give a fraction of NAV"),
    (lambda: HERC(window=1), "window of HERC is 1"),
    (lambda: UniversalPortfolio(points=0), "points of UniversalPortfolio is 0"),
    (lambda: UniversalPortfolio(concentration=0.0), "concentration of UniversalPortfolio is 0.0"),
    (lambda: UniversalPortfolio(seed=-1), "seed of UniversalPortfolio is -1"),
    (lambda: UniversalPortfolio(window=1), "window of UniversalPortfolio is 1"),
    (lambda: MeanVariance("maximum"), "objective of MeanVariance is 'maximum': use one of minimum_volatility"),
    (lambda: MeanVariance(upper=40), "upper of MeanVariance is 40: give a fraction of NAV"),
    (lambda: MeanVariance(lower={"A": "x"}), "lower of MeanVariance for A is 'x': give a fraction of NAV"),
    (lambda: MeanVariance(lower=(("A", 0.1), ("A", 0.2))), "lower of MeanVariance names 'A' twice"),
    (lambda: MeanVariance(schedule="listing"), "schedule of MeanVariance is 'listing'"),
    (lambda: MeanVariance("target_return"), "goal of MeanVariance is None: give a fraction a year"),
    (lambda: MeanVariance(goal=0.1), "goal of MeanVariance is 0.1: minimum_volatility has none"),
    (lambda: MeanVariance("target_return", goal=float("nan")), "goal of MeanVariance is nan: give a fraction a year"),
    (lambda: MeanVariance("target_return", goal="0.08"), "goal of MeanVariance is '0.08': give a fraction a year"),
    (lambda: MeanVariance("target_risk", goal=-0.1), "goal of MeanVariance is -0.1: give a volatility a year above 0"),
    (
        lambda: MeanVariance("target_risk", goal=8),
        "goal of MeanVariance is 8: give a volatility a year above 0 and below 2",
    ),
    (lambda: MeanVariance("target_risk", goal=0.0), "goal of MeanVariance is 0.0: give a volatility a year above 0"),
    (
        lambda: MeanVariance(upper=0.3, constraints=Constraints(every_line=Bounds(most=0.2))),
        "every_line is bounded by lower or",
    ),
    (
        lambda: MeanVariance(upper={"A": 0.3}, constraints=Constraints(lines={"A": Bounds(most=0.2)})),
        r"lines\.A is bounded by",
    ),
    (lambda: RobustCVaR(level=1.0), "level of RobustCVaR is 1.0"),
    (lambda: RobustCVaR(radius=-1.0), "radius"),
    (lambda: RobustCVaR(window=5), r"window of RobustCVaR is 5, of which the worst 0\.05 are not more than one return"),
    (lambda: BenchmarkTracking(), "BenchmarkTracking has neither of benchmark and column"),
    (lambda: BenchmarkTracking({"A": 1.0}, column="cap"), "BenchmarkTracking has both of benchmark and column"),
    (lambda: BenchmarkTracking({"A": "x"}), "benchmark of BenchmarkTracking for A is 'x'"),
    (lambda: MinimumRisk("variance"), "risk of MinimumRisk is 'variance': use one of cvar, evar, cdar"),
    (lambda: MinimumRisk(level=0.0), "level of MinimumRisk is 0.0"),
    (
        lambda: MinimumRisk(window=20, level=0.96),
        "window of MinimumRisk is 20, of which the worst 0.04 are not more than one",
    ),
    (lambda: RiskParity(budgets={"A": 0.7, "B": 0.6}), "budgets of RiskParity sum to 1.3"),
    (lambda: RiskParity(budgets={"A": 0.0}), "budgets of RiskParity for A is 0.0: give a share of the risk above 0"),
    (lambda: RiskParity(constraints=Constraints(cardinality=Cardinality(most=3))), "cardinality limits their number"),
    (lambda: RiskParity(schedule="listing"), "schedule of RiskParity"),
    (lambda: TailParity(level=1.0), "level of TailParity is 1.0"),
    (lambda: TailParity(window=10), "window of TailParity is 10, of which the worst 0.05 are not more than one return"),
    (lambda: TailParity(budgets={"A": -0.1}), "budgets of TailParity for A is -0.1"),
    (lambda: VolatilityTarget(InverseVolatility(), 0.0), "volatility of VolatilityTarget is 0.0"),
    (lambda: VolatilityTarget(InverseVolatility(), 0.1, lookback=1), "window of VolatilityTarget is 1"),
    (
        lambda: VolatilityTarget(InverseVolatility(), 0.1, schedule="listing"),
        "schedule of VolatilityTarget is 'listing'",
    ),
    (lambda: VolatilityTarget(InverseVolatility(), 0.1, most=-1.0), "most of VolatilityTarget is -1.0"),
    (lambda: Momentum(window=1), "window of Momentum is 1"),
    (lambda: Momentum(skip=252), "skip of Momentum is 252: give a whole number of returns, 0 to 251"),
    (lambda: Momentum(skip=-1), "skip of Momentum is -1"),
    (lambda: Momentum(weights="volatility"), "weights of Momentum is 'volatility'"),
    (lambda: Smoothed(InverseVolatility(), 0.0), "half_life of Smoothed is 0.0"),
    (lambda: CappedTurnover(InverseVolatility(), 0.0), "most of CappedTurnover is 0.0"),
    (lambda: CappedTurnover(InverseVolatility(), 0.1, "listing"), "schedule of CappedTurnover is 'listing'"),
)
def test_a_setting_without_sense_is_refused_with_a_mend(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
