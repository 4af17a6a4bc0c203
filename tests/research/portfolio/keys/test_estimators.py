"""Optimisers of skfolio and own estimators, named in a portfolio file: what is read, written back, and refused."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from cases import cases

from foundation.errors import ConfigError
from foundation.files import sha256_of
from research.allocation import ConstantExposure, EstimatorAllocation, FixedWeights
from research.allocation.peers import EfficientFrontier, HCPortfolio, HRPOpt, Portfolio
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.file.own_class import TRUST
from research.portfolio.keys.allocations import allocation_key, allocation_settings, read_allocation

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of names that will leave the library
    from skfolio import RiskMeasure
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.moments import ShrunkMu
    from skfolio.optimization import (
        BenchmarkTracker,
        EqualWeighted,
        HierarchicalRiskParity,
        MeanRisk,
        ObjectiveFunction,
        RiskBudgeting,
        StackingOptimization,
    )
    from skfolio.prior import EmpiricalPrior

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "sixty_forty.yaml"
STRATEGIC = FixedWeights((0.6, 0.4))
OWN = """
from sklearn.base import BaseEstimator


class ByRange(BaseEstimator):
    def __init__(self, power=1.0):
        self.power = power

    def fit(self, X, y=None):
        spread = (X.max() - X.min()) ** -self.power
        self.weights_ = spread / spread.sum()
        return self


class Windowed(ByRange):
    def __init__(self, window=10):
        self.window = window
"""
KIND = "kind: skfolio.optimization"
EXAMPLES = {
    "{kind: pypfopt.EfficientFrontier, method: min_volatility, weight_bounds: {SPY: [0.1, 0.5]}}": EstimatorAllocation(
        EfficientFrontier("min_volatility", weight_bounds={"SPY": [0.1, 0.5]})
    ),
    "{kind: pypfopt.HRPOpt, window: 63}": EstimatorAllocation(HRPOpt(), 63),
    "{kind: riskfolio.Portfolio, rm: CVaR, obj: MinRisk, upperlng: {AGG: 0.4}}": EstimatorAllocation(
        Portfolio(rm="CVaR", obj="MinRisk", upperlng={"AGG": 0.4})
    ),
    "{kind: riskfolio.HCPortfolio, model: HERC, w_max: 0.3, k: none}": EstimatorAllocation(
        HCPortfolio("HERC", w_max=0.3)
    ),
    f"{{{KIND}.RiskBudgeting, window: 63}}": EstimatorAllocation(RiskBudgeting(), 63),
    f"{{{KIND}.RiskBudgeting, risk_measure: CVAR, risk_budget: {{SPY: 2}}}}": EstimatorAllocation(
        RiskBudgeting(risk_measure=RiskMeasure.CVAR, risk_budget={"SPY": 2})
    ),
    f"{{{KIND}.HierarchicalRiskParity, risk_measure: cdar, hierarchical_clustering_estimator: "
    "{kind: skfolio.cluster.HierarchicalClustering, linkage_method: average}}": EstimatorAllocation(
        HierarchicalRiskParity(
            risk_measure=RiskMeasure.CDAR,
            hierarchical_clustering_estimator=HierarchicalClustering(linkage_method=LinkageMethod.AVERAGE),
        )
    ),
    f"{{{KIND}.MeanRisk, objective_function: maximize_ratio, max_weights: none, min_weights: {{SPY: 0.1}}, "
    "prior_estimator: {kind: skfolio.prior.EmpiricalPrior, mu_estimator: {kind: skfolio.moments.ShrunkMu}}, "
    "groups: [[us, us]], linear_constraints: [us <= 0.9], schedule: quarter}": EstimatorAllocation(
        MeanRisk(
            objective_function=ObjectiveFunction.MAXIMIZE_RATIO,
            max_weights=None,
            min_weights={"SPY": 0.1},
            prior_estimator=EmpiricalPrior(mu_estimator=ShrunkMu()),
            groups=[["us", "us"]],
            linear_constraints=["us <= 0.9"],
        ),
        schedule="quarter",
    ),
    f"{{{KIND}.StackingOptimization, estimators: [[equal, {{{KIND}.EqualWeighted}}], [least, {{{KIND}.MeanRisk}}]]}}": (
        EstimatorAllocation(StackingOptimization([["equal", EqualWeighted()], ["least", MeanRisk()]]))
    ),
    f"{{{KIND}.BenchmarkTracker, benchmark: {{SPY: 0.6, AGG: 0.4}}}}": EstimatorAllocation(
        BenchmarkTracker(), benchmark={"SPY": 0.6, "AGG": 0.4}
    ),
    f"{{kind: exposure, exposure: 0.5, of: {{{KIND}.EqualWeighted}}}}": ConstantExposure(
        EstimatorAllocation(EqualWeighted()), 0.5
    ),
}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def allocation(written: str, **overrides: Any) -> Any:
        path = tmp_path / "file.yaml"
        path.write_text(f"held: {written}\n")
        return read_allocation(read_document(path, overrides), ("held",), STRATEGIC, {})

    return allocation


@pytest.mark.parametrize("written", EXAMPLES)
def test_what_is_written_is_the_object_and_is_written_back(read: Any, written: str) -> None:
    held = read(written)
    assert held == EXAMPLES[written]
    assert allocation_key(held) in (written[7:].partition(",")[0].partition("}")[0], "exposure")
    assert read("{kind: equal}", held=allocation_settings(held)) == held


def test_settings_state_every_default() -> None:
    assert allocation_settings(EstimatorAllocation(HierarchicalRiskParity(max_weights=None), 63)) == {
        "kind": "skfolio.optimization.HierarchicalRiskParity", "window": 63, "schedule": "month",
        "risk_measure": "VARIANCE", "min_weights": 0.0, "max_weights": "none", "transaction_costs": 0.0,
        "management_fees": 0.0, "raise_on_failure": True, "distance_from_prior": True,
    }  # fmt: skip


@cases(
    "written, message",
    (
        f"{{{KIND}.RiskBudgetting}}",
        r"held\.kind: skfolio\.optimization has no class RiskBudgetting \(.*line 1\): found .*Did you mean 'Risk",
    ),
    ("{kind: skfolio.optimisation.MeanRisk}", r"skfolio has no module optimisation .*Did you mean 'optimization'"),
    (
        "{kind: pypfopt.HRPOp}",
        r"held\.kind: unknown optimiser \(.*found 'pypfopt\.HRPOp'\. Did you mean 'pypfopt\.HRPO",
    ),
    ("{kind: riskfolio.Portfolio, obj: Sharp}", r"obj of riskfolio\.Portfolio is 'Sharp': use one of MinRisk, Utility"),
    ("{kind: skfolio.MeanRisk}", r"held\.kind: not a class of skfolio .*Write it as skfolio\.optimization\.MeanR"),
    ("{kind: skfolio._constants.MeanRisk}", r"skfolio has no module _constants"),
    (f"{{{KIND}.BaseOptimization}}", r"held\.kind: BaseOptimization is no estimator"),
    (f"{{{KIND}.ObjectiveFunction}}", r"held\.kind: ObjectiveFunction is no estimator"),
    ("{kind: skfolio.prior.EmpiricalPrior}", r"EmpiricalPrior has no weights_ .*Name an optimiser, such as skf"),
    ("{kind: sklearn.cluster.KMeans}", r"held\.kind: unknown kind .*found 'sklearn\.cluster\.KMeans'\. Use str"),
    (f"{{{KIND}.MeanRisk, risk_mesure: CVAR}}", r"held\.risk_mesure: unknown key .*Did you mean 'risk_measure'"),
    (
        f"{{{KIND}.MeanRisk, risk_measure: CVARR}}",
        r"held\.risk_measure: not a RiskMeasure .*'CVARR'\. Did you mean 'CV",
    ),
    (f"{{{KIND}.MeanRisk, l2_coef: high}}", r"held\.l2_coef: not a number \(.*\): found 'high'\. Write a plain number"),
    (f"{{{KIND}.MeanRisk, save_problem: 1}}", r"held\.save_problem: not true or false .*found 1"),
    (f"{{{KIND}.MeanRisk, window: long}}", r"held\.window: not a whole number .*found 'long'"),
    (f"{{{KIND}.MeanRisk, window: 1}}", r"held \(.*line 1\): window of EstimatorAllocation is 1"),
    (f"{{{KIND}.StackingOptimization, window: 21}}", r"held\.estimators: missing .*Add `estimators:`"),
    (f"{{{KIND}.Random}}", r"held \(.*\): skfolio\.optimization\.Random draws weights that no seed determines"),
    (
        f"{{{KIND}.MeanRisk, prior_estimator: {{kind: skfolio.prior.EmpiricPrior}}}}",
        r"held\.prior_estimator\.kind: skfolio\.prior has no class EmpiricPrior .*Did you mean 'EmpiricalPrior'",
    ),
    (
        f"{{{KIND}.MeanRisk, prior_estimator: {{kind: my_module:Prior}}}}",
        r"held\.prior_estimator\.kind: not a class of skfolio .*found 'my_module:Prior'",
    ),
    (
        f"{{{KIND}.MeanRisk, prior_estimator: {{kind: skfolio.prior.EmpiricalPrior, mu: 1}}}}",
        r"held\.prior_estimator\.mu: unknown key .*Use kind, mu_estimator",
    ),
)
def test_mistakes_are_told_with_key_value_and_mend(read: Any, written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(written)


def test_a_benchmark_of_an_unknown_line_is_refused_with_its_place() -> None:
    held = {"kind": "skfolio.optimization.BenchmarkTracker", "benchmark": {"SPYY": 1.0}}
    wanted = {"policies.mine": {"rule": "never", "allocation": held}}
    said = r"policies\.mine\.allocation \(.*\): the benchmark holds 'SPYY', no asset of"
    with pytest.raises(ConfigError, match=said):
        load_portfolio(FILE, wanted)


def test_an_own_estimator_stands_beside_the_file(read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_estimators.py").write_text(OWN)
    with pytest.raises(ConfigError, match="an allocation of your own runs code"):
        read("{kind: my_estimators:ByRange}")
    monkeypatch.setenv(TRUST, "1")
    held = read("{kind: my_estimators:ByRange, power: 2, window: 21}")
    assert (type(held), held.window, held.estimator.power, allocation_key(held)) == (EstimatorAllocation, 21, 2, None)
    settings = allocation_settings(held)
    assert settings == {
        "kind": "my_estimators:ByRange", "window": 21, "schedule": "month", "power": 2,
        "code": sha256_of(tmp_path / "my_estimators.py"),
    }  # fmt: skip
    assert read("{kind: equal}", held=settings) == held
    with pytest.raises(ConfigError, match="the source of my_estimators:ByRange has another sha256"):
        read("{kind: my_estimators:ByRange, code: abc}")
    with pytest.raises(ConfigError, match="Windowed has a parameter window, which is a setting of EstimatorAllocation"):
        read("{kind: my_estimators:Windowed, window: 21}")
