"""Optimisers of PyPortfolioOpt and Riskfolio-Lib as estimators of scikit-learn's kind, with the names of their library.

`EstimatorAllocation` fits them to a window of returns like those of skfolio, which have this form already. Parameters
have the names, the defaults and the units of the library; a parameter that its method does not take is not used.
"""

import io
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from foundation.arguments import one_of
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from research.allocation.answer import NotSolvedError

METHODS = ("max_sharpe", "min_volatility", "max_quadratic_utility", "efficient_risk", "efficient_return")
RISKFOLIO_METHODS = ("optimization", "rp_optimization", "rrp_optimization")
OBJECTIVES = ("MinRisk", "Utility", "Sharpe", "MaxRet")
RISKFOLIO_MODELS = ("HRP", "HERC", "HERC2", "NCO")
RETURN_MODELS = ("mean_historical_return", "ema_historical_return", "capm_return")  # of PyPortfolioOpt
RISK_MODELS = (
    *("sample_cov", "semicovariance", "semivariance", "exp_cov", "ledoit_wolf", "ledoit_wolf_constant_variance"),
    *("ledoit_wolf_single_factor", "ledoit_wolf_constant_correlation", "oracle_approximating"),
)
PARITY_RISKS = (
    *("MV", "EM", "MAD", "GMD", "MSV", "ESM", "FLPM", "SLPM", "CVaR", "TG", "EVaR", "RLVaR", "CVRG", "TGRG", "EVRG"),
    *("RVRG", "CDaR", "EDaR", "RLDaR", "UCI"),
)
RISKFOLIO_RISKS = (*PARITY_RISKS, "WR", "RG", "MDD", "ADD")
NESTED_RISKS = (*RISKFOLIO_RISKS, "KT", "SKT")
CLUSTER_RISKS = (
    *(*NESTED_RISKS, "equal", "vol", "VaR", "VRG", "DaR", "MDD_Rel", "ADD_Rel", "DaR_Rel", "CDaR_Rel", "EDaR_Rel"),
    *("RLDaR_Rel", "UCI_Rel"),
)
Pair = tuple[float, float] | list[float]


def _taken(estimator: Any, method: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of an estimator that a method of its library takes."""
    return {name: getattr(estimator, name) for name in signature(method).parameters if hasattr(estimator, name)}


def _solved(solve: Callable[[], pd.DataFrame | None], where: str) -> pd.Series:
    """The weights that Riskfolio-Lib gives by name; NotSolvedError where it prints that there are none."""
    with redirect_stdout(io.StringIO()) as said, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of cvxpy, about how the library writes its products
        weights = solve()
    if weights is None:
        raise NotSolvedError(f"{where}: {said.getvalue().strip() or 'its solvers found no weights'}")
    return weights["weights"]


@dataclass(eq=False, repr=False)
class EfficientFrontier(BaseEstimator):
    """A portfolio of the efficient frontier by PyPortfolioOpt.

    method           : one of `METHODS`.
    expected_returns : method of `pypfopt.expected_returns.return_model`.
    risk_model       : method of `pypfopt.risk_models.risk_matrix`.
    weight_bounds    : least and most weight, of each asset or by name; an asset that is not named has 0 and 1.
    frequency        : returns a year.
    risk_free_rate   : a year, of "max_sharpe".
    risk_aversion    : of "max_quadratic_utility".
    target_volatility, target_return : a year, of "efficient_risk" and "efficient_return".
    """

    peer_library: ClassVar[str] = "pypfopt"

    method: str = "max_sharpe"
    expected_returns: str = "mean_historical_return"
    risk_model: str = "sample_cov"
    weight_bounds: Pair | Mapping[str, Pair] = (0.0, 1.0)
    frequency: float = 252
    risk_free_rate: float = 0.0
    risk_aversion: float = 1.0
    target_volatility: float | None = None
    target_return: float | None = None

    def __post_init__(self) -> None:
        """Check the choices."""
        for name, known in (("method", METHODS), ("expected_returns", RETURN_MODELS), ("risk_model", RISK_MODELS)):
            one_of(f"{name} of pypfopt.EfficientFrontier is", getattr(self, name), known)

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """The estimator with the weights for returns X (T, n); NotSolvedError where no weights keep what is asked."""
        from pypfopt import EfficientFrontier as Theirs
        from pypfopt.exceptions import OptimizationError
        from pypfopt.expected_returns import return_model
        from pypfopt.risk_models import risk_matrix

        mean = return_model(X, self.expected_returns, returns_data=True, frequency=self.frequency)
        covariance = risk_matrix(X, self.risk_model, returns_data=True, frequency=self.frequency)
        frontier = Theirs(mean, covariance, self._bounds(X))
        solve = getattr(frontier, self.method)
        asked = _taken(self, solve)
        missing = [name for name, value in asked.items() if value is None]
        if missing:
            raise ConfigError(f"{self.method} needs {missing[0]}, a fraction a year, such as 0.1")
        try:
            found = solve(**{name: float(value) for name, value in asked.items()})
        except (ValueError, OptimizationError) as error:  # a target out of reach; bounds that conflict
            raise NotSolvedError(f"pypfopt.EfficientFrontier, {self.method}: {error}") from error
        self.weights_ = pd.Series(found).reindex(X.columns)
        return self

    def _bounds(self, X: pd.DataFrame) -> Any:
        if not isinstance(self.weight_bounds, Mapping):
            return tuple(self.weight_bounds)
        return [tuple(self.weight_bounds.get(name, (0.0, 1.0))) for name in X.columns]


@dataclass(eq=False, repr=False)
class HRPOpt(BaseEstimator):
    """Hierarchical risk parity by PyPortfolioOpt.

    linkage_method : of scipy's linkage.
    """

    peer_library: ClassVar[str] = "pypfopt"

    linkage_method: str = "single"

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """The estimator with the weights for returns X (T, n)."""
        from pypfopt import HRPOpt as Theirs

        self.weights_ = pd.Series(Theirs(X).optimize(self.linkage_method)).reindex(X.columns)
        return self


@dataclass(eq=False, repr=False)
class Portfolio(BaseEstimator):
    """A portfolio of Riskfolio-Lib by its "Classic" model, long only.

    method   : "optimization"; "rp_optimization", risk parity; "rrp_optimization", relaxed risk parity.
    obj      : one of `OBJECTIVES`, of "optimization".
    rm       : risk measure, such as "MV", "CVaR", "CDaR".
    method_mu, method_cov : estimators of mean and covariance, of `riskfolio.Portfolio.assets_stats`.
    rf       : return a period without risk.
    l        : risk aversion of "Utility", penalty of "rrp_optimization".
    version  : "A", "B" or "C", of "rrp_optimization".
    alpha    : significance of tail risks: 0.05 is a level of 95 %.
    upperlng : most weight, of each asset or by name.
    """

    peer_library: ClassVar[str] = "riskfolio"

    method: str = "optimization"
    obj: str = "Sharpe"
    rm: str = "MV"
    method_mu: str = "hist"
    method_cov: str = "hist"
    rf: float = 0.0
    l: float = 2.0  # noqa: E741  (the library's name)
    version: str = "A"
    alpha: float = 0.05
    upperlng: float | Mapping[str, float] = 1.0

    def __post_init__(self) -> None:
        """Check the choices."""
        one_of("method of riskfolio.Portfolio is", self.method, RISKFOLIO_METHODS)
        one_of("obj of riskfolio.Portfolio is", self.obj, OBJECTIVES)
        one_of(
            "rm of riskfolio.Portfolio is", self.rm, RISKFOLIO_RISKS if self.method == "optimization" else PARITY_RISKS
        )

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """The estimator with the weights for returns X (T, n); NotSolvedError where its solvers find none."""
        from riskfolio import Portfolio as Theirs

        limits: dict[str, Any] = {"upperlng": self.upperlng}
        if isinstance(self.upperlng, Mapping):
            at_most = [float(self.upperlng.get(name, 1.0)) for name in X.columns]
            limits = {"ainequality": np.eye(X.shape[1]), "binequality": np.array([at_most]).T}
        portfolio = Theirs(returns=X, alpha=self.alpha, **limits)
        portfolio.assets_stats(method_mu=self.method_mu, method_cov=self.method_cov)
        solve = getattr(portfolio, self.method)
        self.weights_ = _solved(lambda: solve(**_taken(self, solve)), f"riskfolio.Portfolio, {self.method}")
        return self


@dataclass(eq=False, repr=False)
class HCPortfolio(BaseEstimator):
    """A hierarchical portfolio of Riskfolio-Lib.

    model         : one of `RISKFOLIO_MODELS`.
    codependence  : matrix of the distances, such as "pearson".
    rm            : risk measure, such as "MV", "CVaR", "CDaR".
    linkage       : of scipy's linkage, or "DBHT".
    obj           : objective within clusters, of "NCO".
    k, max_k      : number of clusters, chosen up to `max_k` where it is None.
    rf            : return a period without risk.
    l             : risk aversion of the objective "Utility".
    alpha         : significance of tail risks: 0.05 is a level of 95 %.
    w_max, w_min  : most and least weight, of each asset or by name; an asset that is not named has 1 and 0.
    """

    peer_library: ClassVar[str] = "riskfolio"

    model: str = "HRP"
    codependence: str = "pearson"
    rm: str = "MV"
    linkage: str = "single"
    obj: str = "MinRisk"
    k: int | None = None
    max_k: int = 10
    rf: float = 0.0
    l: float = 2.0  # noqa: E741  (the library's name)
    alpha: float = 0.05
    w_max: float | Mapping[str, float] | None = None
    w_min: float | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Check the choices."""
        one_of("model of riskfolio.HCPortfolio is", self.model, RISKFOLIO_MODELS)
        one_of("rm of riskfolio.HCPortfolio is", self.rm, NESTED_RISKS if self.model == "NCO" else CLUSTER_RISKS)

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """The estimator with the weights for returns X (T, n); NotSolvedError where it finds none."""
        from riskfolio import HCPortfolio as Theirs

        bounds = {
            name: pd.Series(bound).reindex(X.columns, fill_value=other) if isinstance(bound, Mapping) else bound
            for name, bound, other in (("w_max", self.w_max, 1.0), ("w_min", self.w_min, 0.0))
        }
        portfolio = Theirs(returns=X, alpha=self.alpha, **bounds)
        asked = {name: value for name, value in self.get_params().items() if name not in (*bounds, "alpha")}
        self.weights_ = _solved(lambda: portfolio.optimization(**asked), f"riskfolio.HCPortfolio, {self.model}")
        return self
