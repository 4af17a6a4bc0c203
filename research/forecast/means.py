"""Estimators of expected returns by name: each from returns (T, k), simple, to (k,) a period; and the mean so far."""

from typing import Literal

import numpy as np
import pandas as pd

from foundation.arrays import Array, Rows
from foundation.errors import ConfigError
from research.market import Past

MeanName = Literal["historical", "ewma", "capm", "james_stein"]
MEANS: tuple[MeanName, ...] = ("historical", "ewma", "capm", "james_stein")


def expected_returns(name: MeanName, returns: Array, cash: Array, half_life: float) -> Array:
    """Expected returns (k,) a period.

    name      : name of the estimator, one of `MEANS`:
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


def means_so_far(past: Past, rows: Rows) -> Array:
    """(D, n) mean return a period of each line up to each of the D rows; NaN before its first return.

    past   : market up to the last of the rows, or later.
    rows   : (D,) rows of the past.
    Source : Welch and Goyal (2008), A comprehensive look at the empirical performance of equity premium prediction,
             Review of Financial Studies 21(4): the prevailing mean, which is expected by who forecasts nothing.
    """
    sums = np.cumsum(np.where(past.listed, past.returns, 0.0), axis=0)[rows]
    counts = np.cumsum(past.listed, axis=0)[rows] - 1  # the first close has no return
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
