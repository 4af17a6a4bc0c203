"""Estimators of expected returns by name: each from returns (T, k), simple, to (k,) a period."""

from typing import Literal

import numpy as np
import pandas as pd

from research.arrays import Array
from research.errors import ConfigError

MeanName = Literal["historical", "ewma", "capm", "james_stein"]
MEANS: tuple[MeanName, ...] = ("historical", "ewma", "capm", "james_stein")


def expected_returns(name: MeanName, returns: Array, cash: Array, half_life: float) -> Array:
    """Expected returns (k,) a period.

    name      : of the estimator, one of `MEANS`:
                historical   the arithmetic mean;
                ewma         the mean with exponential weights (skfolio);
                capm         cash plus beta times the excess return of the equally weighted lines (PyPortfolioOpt);
                james_stein  the mean, shrunk toward the mean of all lines (skfolio; James and Stein 1961), by no less
                             than 0 and no more than 1: the library moves means apart where one factor dominates.
    returns   : (T, k) simple returns, fraction.
    cash      : (T,) simple returns of cash, fraction.
    half_life : periods after which a return has half the weight in `ewma`.
    Raises    : ConfigError for an unknown name.
    """
    if name == "historical":
        found = returns.mean(axis=0)
    elif name == "ewma":
        from skfolio.moments import EWMu

        found = EWMu(half_life=half_life, min_observations=1).fit(returns).mu_
    elif name == "capm":
        from pypfopt.expected_returns import capm_return

        frame = pd.DataFrame(returns)
        found = capm_return(
            frame, returns_data=True, risk_free_rate=float(cash.mean()), compounding=False, frequency=1
        ).to_numpy()
    elif name == "james_stein":
        found = _james_stein(returns)
    else:
        raise ConfigError(f"unknown estimator of means {name!r}. Use one of {', '.join(MEANS)}.")
    return np.asarray(found, dtype=float)


def _james_stein(returns: Array) -> Array:
    """The positive-part estimate; of one or two lines, the mean: nothing is gained by shrinking them."""
    mean: Array = returns.mean(axis=0)
    if len(mean) < 3:
        return mean
    from skfolio.moments import ShrunkMu

    shrunk = ShrunkMu().fit(returns)
    share = min(max(float(shrunk.beta_), 0.0), 1.0)
    return (1.0 - share) * mean + share * np.asarray(shrunk.mu_target_)
