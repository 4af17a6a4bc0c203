"""Estimators of covariances by name: each from returns (T, k), simple, to (k, k) a period."""

from typing import Literal, get_args

import numpy as np

from foundation.arrays import Array
from foundation.errors import ConfigError

CovarianceName = Literal[
    "sample", "ewma", "ledoit_wolf", "oas", "shrunk_correlations", "gerber", "denoised", "detoned"
]  # fmt: skip
COVARIANCES: tuple[CovarianceName, ...] = get_args(CovarianceName)
ANY_LENGTH = ("ledoit_wolf", "oas", "shrunk_correlations")  # of full rank with fewer returns than assets too


def covariance(name: CovarianceName, returns: Array, half_life: float) -> Array:
    """Covariance (k, k) a period.

    name      : name of the estimator, one of `COVARIANCES`:
                sample               with ddof 1; its bits do not depend on the order of the columns;
                ewma                 products of returns with exponential weights, about zero (skfolio; RiskMetrics);
                ledoit_wolf          shrunk to equal variances (Ledoit and Wolf 2004), as in PyPortfolioOpt;
                oas                  the same target, for normal returns (Chen and others 2010), likewise;
                shrunk_correlations  sample variances, and correlations shrunk to zero
                (`research.risk.simulation.shrinkage`); gerber               by the moves that two assets share, past
                half a deviation (skfolio; Gerber and
                                     others 2022);
                denoised             eigenvalues of noise replaced by their mean (skfolio; López de Prado 2020);
                detoned              without the largest eigenvector, the market: singular (likewise).
    returns   : (T, k) simple returns, fraction.
    half_life : periods after which a return has half the weight in `ewma`.
    Raises    : ConfigError for an unknown name.
    """
    if name == "sample":
        from research.forecast.window import covariance as sample

        return sample(np.ascontiguousarray(returns))
    if name == "shrunk_correlations":
        from research.risk.simulation.shrinkage import shrunk_covariance

        return shrunk_covariance(returns)
    if name in ("ledoit_wolf", "oas"):
        from research.risk.simulation.shrinkage import ledoit_wolf_covariance, oas

        return ledoit_wolf_covariance(returns) if name == "ledoit_wolf" else oas(returns)
    from skfolio import moments

    if name == "ewma":
        estimator = moments.EWCovariance(half_life=half_life, min_observations=1, nearest=False)
    elif name == "gerber":
        estimator = moments.GerberCovariance(nearest=False)
    elif name == "denoised":
        estimator = moments.DenoiseCovariance(nearest=False)
    elif name == "detoned":
        estimator = moments.DetoneCovariance(nearest=False)
    else:
        raise ConfigError(f"unknown estimator of covariances {name!r}. Use one of {', '.join(COVARIANCES)}.")
    return np.asarray(estimator.fit(returns).covariance_, dtype=float)
