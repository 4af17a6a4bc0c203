"""Variances by the GARCH of each asset: fitted by the house or by arch on a schedule, and followed day by day."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import RETURNS
from research.forecast.covariances import CovarianceName
from research.forecast.model import refuse_earlier
from research.forecast.moments import Moments
from research.forecast.volatility.correlated import check_model_settings, correlated, listed_since
from research.market import Past

FEWEST_GARCH_RETURNS = 250  # returns of an asset, below which its GARCH is not fitted
DECAY = 0.94  # of RiskMetrics' daily variances, which are those of a GARCH without a level to come back to


class GarchLaw(NamedTuple):
    """h_t = omega + (alpha + gamma [e_{t−1} < 0]) e²_{t−1} + beta h_{t−1}, of e = return − mean.

    first : the variance of the first day, that of the sample.
    """

    mean: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    first: float


@dataclass(frozen=True, eq=False)
class GarchLaws:
    """A law for each of the n assets of a market, and why some are those of RiskMetrics.

    laws   : n.
    failed : {line: why nothing was fitted to it}, a sentence without its end.
    """

    laws: tuple[GarchLaw, ...]
    failed: dict[str, str]

    def column(self, name: str) -> Array:
        """(n,) a parameter of all assets."""
        return np.array([getattr(law, name) for law in self.laws])

    @property
    def notes(self) -> dict[str, str]:
        """{line: a sentence about its variance} for each asset to which nothing was fitted."""
        return {line: f"the variance of {line} is that of RiskMetrics: {why}." for line, why in self.failed.items()}

    def variances(self, past: Past) -> Array:
        """(T + 1, n) variance of each day, known the day before, up to that of tomorrow."""
        from research.forecast.volatility.garch_kernel import conditional_variances

        shocks = past.returns - self.column("mean")
        return conditional_variances(
            shocks, listed_since(past), *(self.column(name) for name in ("omega", "alpha", "gamma", "beta", "first"))
        )

    def ahead(self, following: Array, horizon: int) -> Array:
        """(horizon, n) expected variance of each day ahead, from that of tomorrow (n,).

        Source : Bollerslev (1986), section 3: E h_{t+k} = omega (1 + φ + ... + φ^(k−2)) + φ^(k−1) h_{t+1}, with φ =
                 alpha + gamma / 2 + beta, for shocks that are as often above zero as below.
        """
        persistence = self.column("alpha") + self.column("gamma") / 2.0 + self.column("beta")
        powers = persistence ** np.arange(horizon)[:, None]
        before: Array = np.cumsum(powers, axis=0) - powers
        return powers * following + self.column("omega") * before


def fitted_laws(past: Past, leverage: bool) -> GarchLaws:
    """The law of each asset by all its returns; that of RiskMetrics where none is found.

    leverage : whether negative shocks have a weight of their own (Glosten, Jagannathan and Runkle 1993).
    Raises   : DataError where no asset has one.
    """
    laws, failed = [], {}
    for asset, since, returns in zip(past.assets, listed_since(past), past.returns.T, strict=True):
        own = returns[since:]
        try:
            laws.append(_fitted(own, asset, leverage))
        except DataError as error:
            laws.append(_riskmetrics(own))
            failed[asset] = str(error).removesuffix(".")
    if len(failed) == len(laws):
        raise DataError(f"no asset has a GARCH up to {past.date:%Y-%m-%d}: {next(iter(failed.values()))}.")
    return GarchLaws(tuple(laws), failed)


def _fitted(returns: Array, name: str, leverage: bool) -> GarchLaw:
    """The law of one asset by its returns. Raises DataError where none is found."""
    if len(returns) < FEWEST_GARCH_RETURNS or np.ptp(returns) <= RETURNS:
        raise DataError(
            f"{len(returns)} returns of {name}, of which {FEWEST_GARCH_RETURNS} that vary are needed, give no GARCH."
        )
    mean = float(returns.mean())
    shocks = np.ascontiguousarray(returns - mean)
    first = float(np.mean(shocks * shocks))
    if not leverage:
        from research.risk.simulation.garch_fit import fit_garch

        found = fit_garch(shocks, name)
        return GarchLaw(mean, found.omega, found.alpha, 0.0, found.beta, first)
    from arch.univariate import GARCH, ZeroMean

    model = ZeroMean(shocks / first**0.5, volatility=GARCH(1, 1, 1), rescale=False)
    result = model.fit(disp="off", show_warning=False, backcast=1.0, tol=1e-9)
    omega, alpha, gamma, beta = (float(value) for value in result.params)
    if result.convergence_flag or not np.isfinite(result.params).all():
        raise DataError(f"the GJR-GARCH of {name} has no maximum of its likelihood over {len(shocks)} days.")
    return GarchLaw(mean, omega * first, alpha, gamma, beta, first)


def _riskmetrics(returns: Array) -> GarchLaw:
    """RiskMetrics' law, begun with the variance of all returns."""
    first = float(np.mean(returns * returns)) if len(returns) else 0.0
    return GarchLaw(0.0, 0.0, 1.0 - DECAY, 0.0, DECAY, max(first, RETURNS**2))


@dataclass(frozen=True)
class GarchVolatility:
    """A model of each asset's variance, GARCH(1,1), fitted to all its returns, with correlations of a named estimator.

    leverage     : whether negative shocks have a weight of their own: GJR-GARCH, by arch.
    horizon      : periods of the market that the forecast is about.
    correlations : estimator of the correlations, see `research.forecast.covariances`.
    estimate     : number of returns of the correlations. The mean is that of all returns so far.
    window       : number of returns of the first fit.
    Raises       : ConfigError for settings outside these; when fitted, DataError where no asset has a maximum of its
                   likelihood. Some without one have RiskMetrics' variances, and the notes say so.
    Source       : Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity; Glosten, Jagannathan
                   and Runkle (1993), On the relation between the expected value and the volatility of the nominal
                   excess return on stocks, Journal of Finance 48(5).
    """

    leverage: bool = False
    horizon: int = 21
    correlations: CovarianceName = "ledoit_wolf"
    estimate: int = 252
    window: int = 756

    def __post_init__(self) -> None:
        """Check the settings."""
        check_model_settings(self, FEWEST_GARCH_RETURNS)

    def fit(self, past: Past) -> "FittedGarch":
        """The law of each asset. Raises DataError where none has one."""
        return FittedGarch(self, fitted_laws(past, self.leverage), past.date)


@dataclass(frozen=True, eq=False)
class FittedGarch:
    """Laws of all assets, by which their variances are followed from the first day to the day of the forecast."""

    model: GarchVolatility
    laws: GarchLaws
    seen: pd.Timestamp

    def predict(self, past: Past) -> Moments:
        """Moments over the horizon of the assets with a complete window; with a note for each without a law.

        Raises : PolicyError on a date before the last of the fit.
        """
        refuse_earlier("the laws were", self.seen, past)
        variance = self.laws.ahead(self.laws.variances(past)[-1], self.model.horizon).sum(axis=0)
        return correlated(self.model, variance, past, self.laws.notes)
