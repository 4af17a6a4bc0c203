"""Targets estimated from a window of returns, in closed form or by PyPortfolioOpt; and their common window.

A line enters an estimate once its whole window is known, whether or not it can be traded that day, and stays until it
is delisted: no pairwise moments, no dropped rows.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from research.arguments import shown
from research.arrays import Array, frozen
from research.errors import ConfigError, DataError
from research.market import Past
from research.market.calendars import EVERY
from research.tolerances import RETURNS

EstimationSchedule = Literal["day", "week", "month", "quarter", "year"]

TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}


@dataclass(frozen=True)
class InverseVolatility:
    """Weights in inverse proportion to volatility: equal risk contributions where all correlations are equal.

    window : number of returns, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source : Maillard, Roncalli, Teiletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios.
    """

    window: int = 252
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("InverseVolatility", self.window, self.schedule)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the lines with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        inverse = 1.0 / returns.std(axis=0, ddof=1)
        return placed(inverse / inverse.sum(), lines, past)


@dataclass(frozen=True)
class MinimumVariance:
    """The long-only weights of least variance, on a Ledoit-Wolf covariance (PyPortfolioOpt, shrunk to equal variances).

    window : number of returns, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source : Ledoit, Wolf (2004), A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices; solved by
             PyPortfolioOpt with Clarabel, to 1e-8 in the weights.
    """

    window: int = 252
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("MinimumVariance", self.window, self.schedule)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the lines with a complete window; zero for the others."""
        import pandas as pd
        from pypfopt.efficient_frontier import EfficientFrontier
        from pypfopt.risk_models import CovarianceShrinkage

        returns, lines = complete_returns(past, self.window)
        covariance = CovarianceShrinkage(pd.DataFrame(returns), returns_data=True).ledoit_wolf()
        # In units of the mean variance, and with a small gap: as it comes, weights are good to 1e-4 only. Clarabel by
        # name, since cvxpy's own choice depends on what is installed; its steps repeat to the bit.
        covariance /= np.diag(covariance).mean()
        frontier = EfficientFrontier(None, covariance, (0.0, 1.0), solver="CLARABEL", solver_options=TIGHT)
        frontier.min_volatility()
        weights = np.maximum(frontier.weights, 0.0)
        return placed(weights / weights.sum(), lines, past)


def complete_returns(past: Past, window: int) -> tuple[Array, NDArray[np.int64]]:
    """The last `window` returns (window, k) of the k lines that have them all, and the columns (k,) of those lines.

    Raises : DataError when no line has a complete window, or when the returns of one do not vary within it.
    """
    from research.allocation.window import ranges

    lines = np.flatnonzero(past.complete(window))
    if not len(lines):
        raise DataError(
            f"no line has {window} returns on {past.date:%Y-%m-%d} (row {past.t}): {', '.join(past.assets)}. Choose a "
            "shorter window or a later date."
        )
    returns = past.returns[past.t - window + 1 :]
    if len(lines) < len(past.assets):
        returns = frozen(returns[:, lines])
    still = ranges(returns) <= RETURNS
    if still.any():
        line = int(np.argmax(still))
        raise DataError(
            f"returns of {past.assets[lines[line]]} do not vary in the {window} sessions to {past.date:%Y-%m-%d}: all "
            f"are {returns[-1, line]:.6g}, so it has no volatility to divide by. Leave it out of this allocation, "
            "correct its prices, or, if it has left the market, say when (delist)."
        )
    return returns, lines


def placed(weights: Array, lines: NDArray[np.int64], past: Past) -> Array:
    """(n,) weights (k,), fraction of NAV, of the columns `lines` (k,) among all lines of the market.

    Zero for the others.
    """
    target = np.zeros(len(past.assets))
    target[lines] = weights
    return target


def check_estimate(owner: str, window: int, schedule: str) -> None:
    """Raise ConfigError unless the window holds two returns at least and the schedule is a calendar period."""
    if not isinstance(window, int | np.integer) or isinstance(window, bool) or window < 2:
        raise ConfigError(
            f"window of {owner} is {shown(window)}. Give a whole number of returns, at least 2, such as 252."
        )
    if schedule not in EVERY:
        raise ConfigError(f"schedule of {owner} is {shown(schedule)}. Use one of {', '.join(EVERY)}.")
