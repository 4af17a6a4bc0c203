"""A covariance with correlations that move toward one, as in a crisis, and its effect on a portfolio's risk."""

from collections.abc import Sequence

import numpy as np

from foundation.arguments import is_number, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from research.risk.decomposition.concentration import diversification_ratio

BREAKDOWN_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the way to correlations of one
QUANTILE95, QUANTILE99 = (1.6448536269514722, 2.3263478740408408)  # of the standard normal, as scipy.special gives them


@dataclass(frozen=True)
class StressedRisk:
    """Risk of a portfolio ex ante, with its correlations moved.

    share           : share of the way to correlations of one, 0 to 1.
    correlation     : mean of the correlations between assets that are held, weighted by the product of their weights
                      and volatilities; NaN for one asset.
    volatility      : a year, fraction.
    var95, var99    : loss of one period at each level, Gaussian with mean zero, fraction; a loss is positive.
    diversification : weighted mean of the assets' volatilities over the portfolio's; 1 where nothing is diversified.
    """

    share: float
    correlation: float
    volatility: float
    var95: float
    var99: float
    diversification: float


def moved_correlations(covariance: Array, share: float) -> Array:
    """(n, n) the covariance with every correlation moved by a share of the way to one; volatilities stay.

    covariance : (n, n).
    share      : share of the way, 0 to 1.
    Raises     : ConfigError for a share outside 0 to 1.

    (1 - share)·R + share·11' is positive semi-definite where R is.

    >>> moved_correlations(np.array([[0.04, 0.0], [0.0, 0.01]]), 0.5).round(12).tolist()
    [[0.04, 0.01], [0.01, 0.01]]
    """
    if not (is_number(share) and 0.0 <= share <= 1.0):
        raise ConfigError(f"share of the way to correlations of one is {shown(share)}: give a number from 0 to 1.")
    deviation = np.sqrt(np.diag(covariance))
    found: Array = (1.0 - share) * covariance + share * np.outer(deviation, deviation)
    np.fill_diagonal(found, np.diag(covariance))
    return found


def stressed_risk(
    weights: Array, covariance: Array, periods_per_year: float, shares: Sequence[float] = BREAKDOWN_SHARES
) -> list[StressedRisk]:
    """The risk of a portfolio with its correlations moved by each share of the way to one.

    weights          : (n,) fraction of NAV; cash is the rest and has no risk.
    covariance       : (n, n) a period.
    periods_per_year : periods a year, by which volatility is annualised.
    shares           : shares of the way; 0 for the risk as it is.
    Raises           : DataError for a portfolio without risk; ConfigError as `moved_correlations` does.
    """
    return [_risk(weights, moved_correlations(covariance, k), periods_per_year, k) for k in shares]


def _risk(weights: Array, covariance: Array, periods_per_year: float, share: float) -> StressedRisk:
    variance = float(weights @ covariance @ weights)
    if variance <= 0.0:
        raise DataError(
            "correlations of a portfolio without risk cannot be stressed: it holds cash alone, or assets that cancel."
        )
    own = (weights * np.sqrt(np.diag(covariance))) ** 2
    sizes = np.sqrt(own)
    pairs = float(sizes.sum() ** 2 - own.sum())
    volatility = float(np.sqrt(variance))
    return StressedRisk(
        share=float(share),
        correlation=(variance - float(own.sum())) / pairs if pairs > 0.0 else float("nan"),
        volatility=volatility * float(np.sqrt(periods_per_year)),
        var95=volatility * QUANTILE95,
        var99=volatility * QUANTILE99,
        diversification=diversification_ratio(weights, covariance),
    )
