"""Dynamic conditional correlations: a GARCH for each asset, and correlations that move with their joint shocks."""

import numpy as np
import pandas as pd

from foundation.arrays import Array, Rows, frozen
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.estimated import means_so_far
from research.forecast.model import refuse_earlier
from research.forecast.moments import Moments
from research.forecast.returns import complete_returns
from research.forecast.volatility.correlated import check_model_settings
from research.forecast.volatility.garch import FEWEST_GARCH_RETURNS, GarchLaws, fitted_laws
from research.market import Past

MOST_PERSISTENCE = 0.9999  # news and memory together
STARTS = ((0.97, 0.02), (0.90, 0.05))  # of both together, and of news


@dataclass(frozen=True)
class DynamicCorrelations:
    """A model of the covariance: variances by GARCH(1,1), correlations by news and memory round their long-run values.

    Q_{t+1} = (1 − a − b) C + a z_t z_t' + b Q_t, of shocks z over their deviations, whose correlations C, shrunk toward
    zero, are the target; Q with a unit diagonal is the correlation of the next day. a and b are the maximum of the sum
    of the likelihoods of all pairs of assets.

    leverage : whether negative shocks have a weight of their own in the variances, see `GarchVolatility`.
    horizon  : periods of the market that the forecast is about.
    estimate : number of returns without which an asset is left out.
    window   : number of returns of the first fit, and of the correlations of each.
    Raises   : ConfigError for settings outside these; when fitted, DataError for one asset alone, where no asset has a
               GARCH, and where the likelihood has no maximum.
    Source   : Engle (2002), Dynamic conditional correlation, Journal of Business and Economic Statistics 20(3); by
               pairs, which does not underestimate a with many assets: Pakel, Shephard, Sheppard and Engle (2021),
               Fitting vast dimensional time-varying covariance models, the same 39(3).
    """

    leverage: bool = False
    horizon: int = 21
    estimate: int = 252
    window: int = 1260

    def __post_init__(self) -> None:
        """Check the settings."""
        check_model_settings(self, FEWEST_GARCH_RETURNS)

    def fit(self, past: Past) -> "FittedDCC":
        """Variances and correlations of the assets with a complete window."""
        from research.risk.simulation.shrinkage import shrunk_covariance

        _, lines = complete_returns(past, self.window)
        if len(lines) < 2:
            raise DataError(f"{past.assets[lines[0]]} alone has no correlations. Take GarchVolatility.")
        laws = fitted_laws(past, self.leverage)
        shocks = standardised(past, laws, laws.variances(past), lines, self.window)
        plain = shrunk_covariance(shocks)
        deviation = np.sqrt(np.diag(plain))
        target = frozen(plain / np.outer(deviation, deviation))
        news, memory = fitted_dynamics(shocks, target)
        return FittedDCC(self, laws, tuple(past.assets[i] for i in lines), target, news, memory, past.date)


@dataclass(frozen=True, eq=False)
class FittedDCC:
    """Laws of the variances, and the two parameters of the correlations.

    assets : k assets with correlations.
    target : (k, k) of them.
    news   : a, memory : b.
    """

    model: DynamicCorrelations
    laws: GarchLaws
    assets: tuple[str, ...]
    target: Array
    news: float
    memory: float
    seen: pd.Timestamp

    def predict(self, past: Past) -> Moments:
        """Moments over the horizon of the assets of the fit that have a complete window; a note names the others.

        Source : Engle and Sheppard (2001), Theoretical and empirical properties of dynamic conditional correlation
                 multivariate GARCH, equation 21: R_{t+k} is about C + (a + b)^(k−1) (R_{t+1} − C).
        Raises : PolicyError on a date before the last of the fit.
        """
        refuse_earlier("the correlations were", self.seen, past)
        from research.forecast.volatility.garch_kernel import following_correlation

        model = self.model
        _, complete = complete_returns(past, model.estimate)
        known = np.array([past.assets[line] in self.assets for line in complete])
        if not known.any():
            raise DataError(
                f"no asset of the fit of {self.seen:%Y-%m-%d} is left on {past.date:%Y-%m-%d}. Fit it anew."
            )
        lines = complete[known]
        where = [self.assets.index(past.assets[line]) for line in lines]
        target = self.target[np.ix_(where, where)]
        variances = self.laws.variances(past)
        shocks = standardised(past, self.laws, variances, lines, min(model.window, past.t))
        first = following_correlation(shocks, target, self.news, self.memory)
        ahead = np.sqrt(self.laws.ahead(variances[-1], model.horizon)[:, lines])
        cov = np.zeros_like(target)
        for k, deviation in enumerate(ahead):
            cov += np.outer(deviation, deviation) * (target + (self.news + self.memory) ** k * (first - target))
        names = tuple(past.assets[line] for line in lines)
        notes = [self.laws.notes[name] for name in names if name in self.laws.failed]
        notes += [
            f"{past.assets[line]} is left out: it had too few returns at the fit of {self.seen:%Y-%m-%d}."
            for line in complete[~known]
        ]
        mean = means_so_far(past, np.array([past.t]))[0, lines] * model.horizon
        return Moments(names, mean, (cov + cov.T) / 2.0, model.horizon, past.date, tuple(notes))


def standardised(past: Past, laws: GarchLaws, variances: Array, lines: Rows, window: int) -> Array:
    """(window, k) last returns of some assets less their means, over the deviation of the day, by `laws.variances`."""
    last = slice(past.t + 1 - window, past.t + 1)
    shocks = past.returns[last] - laws.column("mean")
    return np.ascontiguousarray((shocks / np.sqrt(variances[last]))[:, lines])


def fitted_dynamics(shocks: Array, target: Array) -> tuple[float, float]:
    """News and memory (a, b) by the composite likelihood of all pairs of shocks (T, k).

    Raises : DataError where the search finds no maximum.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    from research.forecast.volatility.garch_kernel import pair_loss

    def parameters(free: Array) -> tuple[float, float]:
        both, share = MOST_PERSISTENCE * float(expit(free[0])), float(expit(free[1]))
        return both * share, both * (1.0 - share)

    def loss(free: Array) -> float:
        return float(pair_loss(shocks, target, *parameters(free))) / shocks.size

    starts = [np.array([logit(both / MOST_PERSISTENCE), logit(news / both)]) for both, news in STARTS]
    options = {"xatol": 1e-3, "fatol": 1e-8, "maxiter": 300}
    found = minimize(loss, min(starts, key=loss), method="Nelder-Mead", options=options)
    if not found.success or not np.isfinite(found.fun):
        raise DataError(
            f"the likelihood of dynamic correlations has no maximum over {len(shocks)} days. Take "
            "more history, or correlations of a fixed estimator."
        )
    return parameters(found.x)
