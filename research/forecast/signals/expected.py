"""Expected returns from a signal's scores: volatility × coefficient × score, the coefficient from the past.

Outcomes y of all assets and days, in units of their deviation, are regressed on the scores z of the day: y = a + b z.
The pooled premium a is what every asset is expected to earn a unit of volatility where the signal says nothing; b is
the information coefficient. Only outcomes that had passed by today count. An information coefficient of 0.05 is a good
one, so b has a normal prior about zero with that deviation; a has none.
"""

import numpy as np

from foundation.arrays import Array, Rows, freeze_fields, running_sums
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import RETURNS, VARIATION
from research.market import Past

DEVIATION = 63  # returns of the deviation that scores and outcomes are measured in


@dataclass(frozen=True, eq=False)
class History:
    """T days of n assets up to today, and the outcome of each within the horizon.

    excess    : (T, n) simple return over cash, that of an exit too; 0 where an asset was not listed the day before.
    total     : (T + 1, n) its running sum, from 0.
    first     : (n,) row on which each asset was listed: its returns begin after it; T where it never was.
    precision : (T, n) one over the root mean square of the last 63 returns; 0 where an asset has fewer, is not
                listed, or did not move.
    outcome   : (T − horizon, n) sum of excess returns over the horizon after each day, in units of deviation ×
                √horizon; 0 where there is no precision.
    cash      : return of cash over the horizon at today's rate, fraction.
    horizon   : periods of the market.
    """

    excess: Array
    total: Array
    first: Rows
    precision: Array
    outcome: Array
    cash: float
    horizon: int


def signal_history(past: Past, horizon: int) -> History:
    """The inputs of signals in a past, over a horizon, a whole number of periods."""
    from research.forecast.signals.pooled import precisions

    listed = past.listed
    first = np.where(listed.any(axis=0), np.argmax(listed, axis=0), past.t + 1)
    held = np.vstack([np.zeros_like(listed[:1]), listed[:-1]])  # over the day, which may end in an exit
    excess = np.where(held, past.returns - past.cash[:, None], 0.0)
    total, squares = running_sums(excess), running_sums(np.where(held, past.returns, 0.0) ** 2)  # none in a halt
    precision = precisions(squares, listed, first, DEVIATION, RETURNS**2)
    outcome = total[horizon + 1 :] - total[1:-horizon]
    outcome *= precision[:-horizon]
    outcome /= horizon**0.5
    return History(excess, total, first, precision, outcome, float(past.cash[-1]) * horizon, horizon)


PRIOR = 0.05  # deviation of the information coefficient before any data: Grinold and Kahn (1999) call 0.05 good
# of the weights of an error, as in `backtests.inference.forecast_skill`: over fewer, outcomes overlap
ERROR_HORIZONS = 4
FEWEST_HORIZONS = 12  # horizons with an outcome, below which a coefficient is not estimated


@dataclass(frozen=True, eq=False)
class Expected:
    """Expected returns of n assets over the horizon by one signal; NaN for an asset whose score is not known.

    name        : name of the signal.
    score       : (n,) score of today, the mean over its windows, about unit variance where returns are independent.
    mean        : (n,) simple return over the horizon, fraction.
    error       : (n,) standard error of it.
    coefficient : information coefficient, shrunk.
    coefficient_error : standard error of it.
    """

    name: str
    score: Array
    mean: Array
    error: Array
    coefficient: float
    coefficient_error: float

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "score", "mean", "error")


def expected(name: str, score: Array, today: Array, needed: int, past: History) -> Expected:
    """The expected return of each asset over the horizon, and its standard error, from scores of several windows.

    The error has two sources: the coefficients, and the score, whose own error is that of the mean of its windows. The
    product of an uncertain coefficient and an uncertain score has the variance V_b z² + (b² + V_b) V_z.
    score  : (T, n) mean over the windows.
    today  : (m, n) score of each window, on the last day.
    needed : number of returns of an asset without which its score is not known.
    Raises : DataError for fewer than twelve horizons with scores and outcomes.
    Source : Grinold (1994), Alpha is volatility times IC times score, Journal of Portfolio Management 20(4).
    """
    from research.forecast.signals.pooled import daily_sums

    since = past.first + needed
    (a, b), cov = coefficients(name, daily_sums(score, past.outcome, past.precision, since), past.horizon)
    known = (since < len(score)) & (past.precision[-1] > 0.0)
    z, windows = np.where(known, score[-1], np.nan), len(today)
    spread = today.var(axis=0, ddof=1) / windows if windows > 1 else np.zeros_like(z)
    variance = cov[0, 0] + 2.0 * z * cov[0, 1] + z * z * cov[1, 1] + (b * b + cov[1, 1]) * spread
    scale = past.horizon**0.5 / np.where(known, past.precision[-1], np.nan)
    mean, error = past.cash + scale * (a + b * z), scale * np.sqrt(variance)
    return Expected(name, z, mean, error, float(b), float(cov[1, 1] ** 0.5))


def coefficients(name: str, sums: Array, horizon: int) -> tuple[Array, Array]:
    """The pooled premium and the information coefficient (2,), and their covariance (2, 2), with the prior of b.

    The error is that of sums over assets a day, with Bartlett weights over four horizons: assets move together, and
    outcomes overlap.
    sums   : (D, 5) sums over assets of 1, z, z², y and z y on each day.
    Raises : as `expected`.
    Source : Driscoll and Kraay (1998), Consistent covariance matrix estimation with spatially dependent panel data,
             Review of Economics and Statistics 80(4); the normal prior: Gelman and others (2013), Bayesian Data
             Analysis, section 3.5.
    """
    days = int((sums[:, 0] > 0.0).sum())
    if days < FEWEST_HORIZONS * horizon:
        raise DataError(
            f"{days} days with a score of {name} and its outcome over {horizon} periods are too few: "
            f"{FEWEST_HORIZONS * horizon} are needed. Start later, or take shorter windows or a shorter horizon."
        )
    count, z, zz, y, zy = sums.sum(axis=0)
    if zz * count - z * z <= VARIATION * count * count:
        raise DataError(f"scores of {name} do not vary over {days} days. Leave the signal out.")
    inverse = np.linalg.inv([[count, z], [z, zz]])
    found = inverse @ [y, zy]
    rest = sums[:, 3:] - sums[:, :2] * found[0] - sums[:, 1:3] * found[1]
    cov = inverse @ bartlett(rest, ERROR_HORIZONS * horizon) @ inverse
    gain = cov[:, 1] / (cov[1, 1] + PRIOR**2)
    return found - gain * found[1], cov - np.outer(gain, cov[1])


def bartlett(moments: Array, lags: int) -> Array:
    """Σ (1 − |k| / (lags + 1)) Σ_t g_t g_{t−k}' of rows g (T, q): as the mean square of all sums of lags + 1 rows."""
    padded = np.zeros((len(moments) + 2 * lags + 1, moments.shape[1]))
    padded[lags + 1 : lags + 1 + len(moments)] = moments
    sums = np.cumsum(padded, axis=0)
    windows = sums[lags + 1 :] - sums[: -lags - 1]
    return windows.T @ windows / (lags + 1.0)
