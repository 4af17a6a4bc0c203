"""Variances by the GARCH of each line, fitted on a schedule."""

from dataclasses import dataclass

import pandas as pd

from research.forecast.covariances import CovarianceName
from research.forecast.model import refuse_earlier
from research.forecast.moments import Moments
from research.forecast.volatility.correlated import check_first, check_settings, correlated
from research.forecast.volatility.garch_laws import FEWEST, GarchLaws, fitted_laws
from research.market import Past


@dataclass(frozen=True)
class GarchVolatility:
    """A model of each line's variance, GARCH(1,1), fitted to all its returns, with correlations of a named estimator.

    leverage     : whether negative shocks have a weight of their own: GJR-GARCH, by arch.
    horizon      : periods of the market that the forecast is about.
    correlations : estimator of the correlations, see `research.forecast.covariances`.
    estimate     : number of returns of the correlations. The mean is that of all returns so far.
    window       : number of returns of the first fit.
    Raises       : ConfigError for settings outside these; when fitted, DataError where no line has a maximum of its
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
        check_settings("GarchVolatility", self.horizon, self.estimate, self.correlations)
        check_first("GarchVolatility", self.window, max(FEWEST, self.estimate))

    def fit(self, past: Past) -> "FittedGarch":
        """The law of each line. Raises DataError where none has one."""
        return FittedGarch(self, fitted_laws(past, self.leverage), past.date)


@dataclass(frozen=True, eq=False)
class FittedGarch:
    """Laws of all lines, by which their variances are followed from the first day to the day of the forecast."""

    model: GarchVolatility
    laws: GarchLaws
    seen: pd.Timestamp

    def predict(self, past: Past) -> Moments:
        """Moments over the horizon of the lines with a complete window; with a note for each without a law.

        Raises : PolicyError on a date before the last of the fit.
        """
        refuse_earlier("the laws were", self.seen, past)
        model = self.model
        following = self.laws.variances(past)[-1]
        variance = self.laws.ahead(following, model.horizon).sum(axis=0)
        notes = {
            line: f"the variance of {line} is that of RiskMetrics: {why}." for line, why in self.laws.failed.items()
        }
        return correlated(variance, past, model.horizon, model.correlations, model.estimate, notes)
