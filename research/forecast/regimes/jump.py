"""The statistical jump model: clusters of features in time, each change of which costs a penalty.

Returns in one state are alike, and states last: the model minimises the sum over days of half the squared distance of a
day's features to the centre of its state, plus the penalty for each change. As known on a day, the state is the end of
the best path up to that day.
"""

import numpy as np
import pandas as pd

from foundation.arguments import is_number, refuse
from foundation.arrays import Array, Rows, freeze_fields
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.model import RefitSchedule, refuse_earlier
from research.forecast.regimes.protocol import RegimeModel, checked_returns, fitted_history, history, state_names
from research.market import Past

HALF_LIFE = 1.0  # of the feature, days: a longer one sees a change of state later
YOUNG = 10  # first days, left out of the fit: their features are means of few returns
STILL_DEVIATION = 1e-4  # a basis point a day: after days without a change of price it would be zero
FARTHEST_FEATURE = 3.0  # deviations of a feature from its mean in the fit, at which it is cut
STARTS, ROUNDS = 10, 1_000  # of the search; rounds of each at most


def jump_features(returns: Array) -> Array:
    """(T, 1) logarithm of the exponentially weighted deviation of simple returns (T,), fraction, up to each day.

    Squares are weighted with a half-life of one day. Where states differ in volatility, Sortino ratios and downside
    deviations of months, which Shu, Yu and Mulvey (2024, table 2) add, hide the states: `benchmarks.planted_regimes`.
    """
    from research.forecast.regimes.kernels import running_mean

    deviation = np.sqrt(running_mean(returns * returns, HALF_LIFE))
    return np.log(np.maximum(deviation, STILL_DEVIATION))[:, None]


@dataclass(frozen=True)
class JumpModel(RegimeModel):
    """Regimes by a statistical jump model, fitted to all returns so far.

    line     : the asset of the returns.
    states   : number of regimes, 2 to 6.
    penalty  : penalty on a change of state, in units of the objective: the feature has variance one in the fit. 0
               clusters each day by itself.
    schedule : schedule on which they are fitted again, as `Refitted` has it.
    seed     : seed of the starts of the search.
    Raises   : ConfigError for a setting out of range.
    Source   : Nystrup, Lindström and Madsen (2020), Learning hidden Markov models with persistent states by penalizing
               jumps, Expert Systems with Applications 150; Shu, Yu and Mulvey (2024), Downside risk reduction using
               regime-switching signals: a statistical jump model approach, Journal of Asset Management 25.
    """

    line: str
    states: int = 2
    penalty: float = 3.0
    schedule: RefitSchedule = "year"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not (is_number(self.penalty) and self.penalty >= 0.0):
            refuse("penalty of JumpModel is", self.penalty, "give a number, 0 or more, such as 3.")

    def fit(self, past: Past) -> "JumpRegimes":
        """The regimes of the returns up to today; a halt counts as a day with a return of zero.

        Raises : DataError for an unknown asset, for too few returns, and where a state is never visited.
        """
        whole = fitted_history(past, self.line, self.window)
        returns, features = whole[YOUNG:], jump_features(whole)[YOUNG:]
        mean, spread = features.mean(axis=0), features.std(axis=0)
        spread[np.ptp(features, axis=0) == 0.0] = 1.0  # returns within a basis point have one deviation
        centres, labels, _ = fit_jumps(_scaled(features, mean, spread), self.states, self.penalty, self.seed)
        days = np.bincount(labels, minlength=self.states)
        if days.min() < 2:
            raise DataError(
                f"no {self.states} regimes are found in {len(whole)} returns of {self.line} up to "
                f"{past.date:%Y-%m-%d}: one has {days.min()} days at penalty {self.penalty:g}. Take fewer regimes, a "
                "smaller penalty or more days."
            )
        means, deviations = (
            np.array([of(returns[labels == k]) for k in range(self.states)]) for of in (np.mean, np.std)
        )
        order = np.argsort(deviations)
        names = state_names(means[order], deviations[order], days[order])
        return JumpRegimes(self.line, centres[order], mean, spread, self.penalty, past.date, names)


@dataclass(frozen=True, eq=False)
class JumpRegimes:
    """A fitted jump model.

    line         : the asset of the returns.
    centres      : (k, 1) centres of the states, in scaled features, the calmest first.
    mean, spread : (1,) mean and deviation by which features are scaled, over the days of the fit.
    penalty      : penalty on a change of state.
    seen         : the last date of the fit.
    names        : (k,) names of the states.
    """

    line: str
    centres: Array
    mean: Array
    spread: Array
    penalty: float
    seen: pd.Timestamp
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "centres", "mean", "spread", dtype=None)

    def states(self, returns: Array) -> Rows:
        """(T,) number of the state on the day of each simple return (T,), fraction, from those up to that day."""
        from research.forecast.regimes.kernels import path_values

        features = _scaled(jump_features(checked_returns(self.line, returns)), self.mean, self.spread)
        return path_values(_distances(features, self.centres), self.penalty).argmin(axis=1)

    def probabilities(self, past: Past) -> Array:
        """(T, k) one for the state of each day, zero for the others; PolicyError before the end of the fit."""
        refuse_earlier(f"regimes of {self.line} were", self.seen, past)
        return np.eye(len(self.centres))[self.states(history(past, self.line))]


def fit_jumps(features: Array, states: int, penalty: float, seed: int) -> tuple[Array, Rows, float]:
    """Centres (k, f), the state of each day (T,) and the objective, by coordinate descent from ten k-means++ starts.

    features : (T, f) scaled.
    states   : k.
    penalty  : penalty on a change of state.
    seed     : seed of the starts.
    """
    from sklearn.cluster import kmeans_plusplus

    from research.forecast.regimes.kernels import best_path

    best: tuple[Array, Rows, float] | None = None
    for start in range(STARTS):
        centres = kmeans_plusplus(features, states, random_state=seed * STARTS + start)[0]
        labels, value = np.empty(0, dtype=np.int64), np.inf
        for _ in range(ROUNDS):
            found, lower = best_path(_distances(features, centres), penalty)
            if not lower < value:
                break
            labels, value = found, lower
            for k in np.unique(labels):  # a state without days keeps its centre
                centres[k] = features[labels == k].mean(axis=0)
        if best is None or value < best[2]:
            best = centres, labels, value
    assert best is not None
    return best


def _scaled(features: Array, mean: Array, spread: Array) -> Array:
    return np.clip((features - mean) / spread, -FARTHEST_FEATURE, FARTHEST_FEATURE)


def _distances(features: Array, centres: Array) -> Array:
    """(T, k) half the squared distance of features (T, f) to centres (k, f)."""
    return 0.5 * ((features[:, None, :] - centres) ** 2).sum(axis=2)
