"""Optimisers of PyPortfolioOpt and Riskfolio-Lib as allocations, against the libraries themselves."""

import numpy as np
import pandas as pd
import pytest
from cases import cases
from sklearn.base import clone

from foundation.errors import ConfigError, PolicyError
from research.allocation import EstimatorAllocation, NotSolvedError
from research.allocation.peers import EfficientFrontier, HCPortfolio, HRPOpt, Portfolio


@pytest.fixture(scope="module")
def frame(noisy):
    """The sixty returns up to row 200 of the five assets that have them."""
    return pd.DataFrame(noisy.returns[141:201, :5], index=noisy.dates[141:201], columns=noisy.assets[:5])


def target(estimator, noisy):
    return EstimatorAllocation(estimator, window=60).target(noisy.past(200))[:5]


def test_a_frontier_is_that_of_pypfopt(noisy, frame):
    import pypfopt

    mean, cov = (
        getattr(pypfopt, module).__dict__[name](frame, returns_data=True)
        for module, name in (("expected_returns", "ema_historical_return"), ("risk_models", "sample_cov"))
    )
    bounds = [(0.1, 0.3) if name == "A00" else (0.0, 1.0) for name in frame]
    for method, said in {
        "max_sharpe": {"risk_free_rate": 0.01}, "min_volatility": {}, "efficient_risk": {"target_volatility": 0.2},
        "max_quadratic_utility": {"risk_aversion": 2},
    }.items():  # fmt: skip
        theirs = getattr(pypfopt.EfficientFrontier(mean, cov, bounds), method)(**said)
        ours = EfficientFrontier(method, "ema_historical_return", weight_bounds={"A00": [0.1, 0.3]}, **said)
        assert target(ours, noisy) == pytest.approx(list(theirs.values()), abs=1e-9)
        assert target(ours, noisy)[0] >= 0.1 - 1e-9


def test_a_tree_is_that_of_pypfopt(noisy, frame):
    import pypfopt

    theirs = pypfopt.HRPOpt(frame).optimize("ward")
    assert target(HRPOpt("ward"), noisy) == pytest.approx([theirs[name] for name in frame], abs=1e-12)


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")  # of the library, called as it is
def test_portfolios_are_those_of_riskfolio(noisy, frame):
    import riskfolio

    theirs = riskfolio.Portfolio(returns=frame)
    theirs.assets_stats(method_mu="hist", method_cov="ledoit")
    expected = {
        Portfolio(obj="MinRisk", rm="CVaR"): theirs.optimization(rm="CVaR", obj="MinRisk"),
        Portfolio("rp_optimization", method_cov="ledoit"): theirs.rp_optimization(),
        Portfolio("rrp_optimization", method_cov="ledoit", l=1.0): theirs.rrp_optimization(),
        HCPortfolio("HERC", rm="CVaR", linkage="ward"): riskfolio.HCPortfolio(frame).optimization(
            "HERC", rm="CVaR", linkage="ward"
        ),
    }
    for ours, weights in expected.items():
        assert target(ours, noisy) == pytest.approx(weights["weights"].to_numpy(), abs=2e-6)


def test_bounds_by_name_are_kept(noisy):
    free = target(Portfolio(obj="MinRisk"), noisy)
    name = f"A{int(free.argmax()):02}"
    for held in (Portfolio(obj="MinRisk", upperlng={name: 0.2}), HCPortfolio(w_max={name: 0.2}, w_min=0.01)):
        weights = target(held, noisy)
        assert weights[free.argmax()] == pytest.approx(0.2, abs=1e-6)
        assert weights.sum() == pytest.approx(1.0, abs=1e-9)


def test_equal_parameters_are_one_allocation():
    for one in (EfficientFrontier(weight_bounds={"A": [0.0, 0.4]}), HRPOpt(), Portfolio(), HCPortfolio()):
        assert EstimatorAllocation(one) == EstimatorAllocation(clone(one))
    assert EstimatorAllocation(Portfolio(obj="MinRisk")).estimator_text == "riskfolio.Portfolio(obj='MinRisk')"


@cases(
    "estimator, error, words",
    (EfficientFrontier(weight_bounds=(0, 0.1)), NotSolvedError,
     r"EfficientFrontier found no weights \(NotSolvedError\): no weights keep .*every asset is at most 10\.00 % "
     r"of NAV.*raise weight_bounds\.most from 10\.00 % to 20\.00 %"),
    (Portfolio(upperlng=0.15, obj="MinRisk"), NotSolvedError, r"raise upperlng from 15\.00 % to 20\.00 %"),
    (EfficientFrontier("efficient_return", target_return=9), NotSolvedError,
     "efficient_return: target_return must be lower than the maximum"),
    (EfficientFrontier("efficient_return"), PolicyError, "efficient_return needs target_return, a fraction a year"),
    (Portfolio(method_mu="x"), NotSolvedError, r"Portfolio found no weights \(\w+: "),
)  # fmt: skip
def test_what_has_no_weights_says_why(estimator, error, words, noisy):
    with pytest.raises(error, match=words):
        EstimatorAllocation(estimator, window=60).answer(noisy.past(200))


def test_bounds_that_conflict_are_not_solved_and_no_budget_is_offered(noisy, frame):
    capped = EfficientFrontier("min_volatility", weight_bounds=(0, 0.1))
    with pytest.raises(NotSolvedError, match=r"min_volatility: .*check your objectives"):
        capped.fit(frame)
    with pytest.raises(NotSolvedError, match=r"raise weight_bounds\.most") as found:
        EstimatorAllocation(capped, window=60).answer(noisy.past(200))
    assert "change budget" not in str(found.value)  # of PyPortfolioOpt, which has none


@cases(
    "cls, given, words",
    (EfficientFrontier, {"method": "min_variance"}, "method of pypfopt.EfficientFrontier is 'min_variance'"),
    (Portfolio, {"obj": "minrisk"}, "obj of riskfolio.Portfolio is 'minrisk'"),
    (Portfolio, {"method": "hrp"}, "method of riskfolio.Portfolio is 'hrp'"),
    (HCPortfolio, {"model": "hrp"}, "model of riskfolio.HCPortfolio is 'hrp'"),
    (EfficientFrontier, {"risk_model": "ledoit"}, "risk_model of .* is 'ledoit': use one of .*ledoit_wolf"),
    (EfficientFrontier, {"expected_returns": "mean"}, "expected_returns of pypfopt.EfficientFrontier is 'mean'"),
    (Portfolio, {"rm": "CVAR"}, "rm of riskfolio.Portfolio is 'CVAR': use one of MV, .*CVaR"),
    (Portfolio, {"method": "rp_optimization", "rm": "MDD"}, "rm of riskfolio.Portfolio is 'MDD'"),
    (HCPortfolio, {"rm": "cvar"}, "rm of riskfolio.HCPortfolio is 'cvar'"),
    (HCPortfolio, {"model": "NCO", "rm": "vol"}, "rm of riskfolio.HCPortfolio is 'vol'"),
)
def test_other_words_are_refused(cls, given, words):
    with pytest.raises(ConfigError, match=words):
        cls(**given)


def test_a_bound_of_an_unknown_asset_is_refused(noisy):
    with pytest.raises(ConfigError, match="weight_bounds has 'SPY', no asset of the market"):
        EstimatorAllocation(EfficientFrontier(weight_bounds={"SPY": [0.0, 0.3]}), 60).check(noisy.past(200))


def test_riskfolio_prints_nothing(noisy, capsys):
    with pytest.raises(NotSolvedError):
        EstimatorAllocation(Portfolio(upperlng=0.15), window=60).answer(noisy.past(200))
    assert capsys.readouterr().out == ""
    assert np.isfinite(target(Portfolio(), noisy)).all()
