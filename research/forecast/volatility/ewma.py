"""Variances with exponential weights: nothing is fitted."""

from foundation.arguments import check_positive
from foundation.dataclasses import dataclass
from research.forecast.covariances import CovarianceName
from research.forecast.moments import Moments
from research.forecast.volatility.correlated import RISKMETRICS, check_model_settings, correlated, exponential_variances
from research.market import Past


@dataclass(frozen=True)
class EWMAVolatility:
    """Variances of RiskMetrics, the same on each day of the horizon, with correlations of a named estimator.

    half_life    : periods after which a squared return has half the weight.
    horizon      : periods of the market that the forecast is about.
    correlations : estimator of the correlations, see `research.forecast.covariances`.
    estimate     : number of returns of variances and correlations. The mean is that of all returns so far.
    Raises       : ConfigError for settings outside these; when asked, DataError as `Estimated`.
    """

    half_life: float = RISKMETRICS
    horizon: int = 21
    correlations: CovarianceName = "ledoit_wolf"
    estimate: int = 252

    def __post_init__(self) -> None:
        """Check the settings."""
        check_model_settings(self)
        check_positive(**{"half_life of EWMAVolatility": self.half_life})

    @property
    def window(self) -> int:
        """Number of returns that it needs."""
        return self.estimate

    def predict(self, past: Past) -> Moments:
        """Moments over the horizon of the assets with a complete window."""
        variance = exponential_variances(past.returns[max(past.t + 1 - self.estimate, 0) :], self.half_life)
        return correlated(self, variance * self.horizon, past)
