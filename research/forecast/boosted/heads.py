"""The two parts of an outcome, and the head that forecasts one: the differences between assets, and their level.

The outcome of an asset is the mean of all assets on its day, the level, plus the asset's difference from that. What all
assets share on a day is the same for each, so that it can forecast the level alone.
"""

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.dataclasses import dataclass, field, replace
from research.forecast.boosted import libraries
from research.forecast.boosted.calibration import Skill, less_day_means, measured_skill
from research.forecast.boosted.features import Samples, day_means
from research.forecast.boosted.libraries import Folds, Growth, Library

RANK, MEAN = "rank_", "mean_"  # prefixes of names: of a feature's rank on a day, and of its mean
SLOPE_RIDGE = 0.3  # penalty on the square of a slope, of outcomes and features in standard deviations, a sample
FORECAST_DECIMALS = 12  # of a forecast: trees of one leaf forecast the same of all but for rounding


@dataclass(frozen=True)
class Head:
    """A forecast of one part of the outcomes: trees, and with stacking a linear regression beside them.

    features : f names, of the numbers that are read.
    skill    : skill of the forecasts of each fold.
    text     : the trees, as their library writes them.
    weight   : weight of the trees.
    centre   : (f,) mean of each feature, or empty without a regression.
    slopes   : (f,) slope on each feature, times the weight of the regression, or empty without one.
    """

    features: tuple[str, ...]
    skill: Skill
    text: str = field(repr=False)
    weight: float = 1.0
    centre: tuple[float, ...] = field(default=(), repr=False)
    slopes: tuple[float, ...] = field(default=(), repr=False)

    def outputs(self, library: Library, numbers: Array) -> Array:
        """(k,) forecasts from features (k, f), up to a constant that is the same for all of them."""
        return self.weight * libraries.predicted(library, self.text, numbers) + self._linear(numbers).sum(axis=1)

    def contributions(self, library: Library, numbers: Array) -> Array:
        """(k, f) contribution of each feature to the forecasts, less that to the mean sample of the fit."""
        return self.weight * libraries.feature_shares(library, self.text, numbers)[:, :-1] + self._linear(numbers)

    def _linear(self, numbers: Array) -> Array:
        """(k, f) contributions to the regression; a number that is not known has none."""
        if not self.slopes:
            return np.zeros_like(numbers)
        return np.nan_to_num(numbers - np.array(self.centre)) * np.array(self.slopes)


@dataclass(frozen=True, eq=False)
class Part:
    """The samples of one part of the outcomes.

    names    : f names of features.
    rows     : (N,) row of the market, not decreasing.
    numbers  : (N, f) features, NaN where a number is not known.
    outcomes : (N,) outcomes.
    """

    names: tuple[str, ...]
    rows: Rows
    numbers: Array
    outcomes: Array

    @property
    def linear(self) -> Mask:
        """(f,) true for the features that a regression reads: the ranks of a day."""
        return np.array([name.startswith(RANK) for name in self.names])


def differences_of(known: Samples) -> Part:
    """The excess of each asset, from all features."""
    return _used(Part(known.names, known.rows, known.features, known.excess))


def level_of(known: Samples) -> Part:
    """The mean outcome of each day, less that of all days, from the mean of each feature over assets."""
    names, numbers = level_features(known.names, known.rows, known.features)
    means = day_means(known.rows, known.outcomes[:, None])[:, 0]
    return _used(Part(names, np.unique(known.rows), numbers, means - means.mean()))


def level_features(names: tuple[str, ...], rows: Rows, numbers: Array) -> tuple[tuple[str, ...], Array]:
    """The names of the features of the level, and their numbers (D, ·): the mean on each day of those that are no rank.

    names, rows, numbers : f features, the day of each of N samples, and their numbers (N, f).
    """
    own = [k for k, name in enumerate(names) if not name.startswith(RANK)]
    return tuple(MEAN + names[k] for k in own), day_means(rows, numbers[:, own])


def _used(part: Part) -> Part:
    """The features that are known of a sample."""
    used = np.flatnonzero(np.isfinite(part.numbers).any(axis=0))
    names = tuple(part.names[k] for k in used)
    return replace(part, names=names, numbers=part.numbers[:, used])


def fitted_head(part: Part, library: Library, growth: Growth, folds: Folds, horizon: int, stacked: bool) -> Head:
    """A head: the number of trees and its skill from the folds, and its trees from all samples.

    With stacking, trees and a ridge regression have the weights, none below 0, with the least squared error of their
    forecasts of the folds (Breiman 1996, Stacked Regressions, Machine Learning 24). The skill is that of weights which
    are found, for each fold, from the samples that it is forecast from.
    """
    x, y = part.numbers, part.outcomes
    rounds, forecast = libraries.folded(library, growth, x, y, folds)
    text = libraries.train_trees(library, replace(growth, rounds=rounds), x, y)
    tilt = _tilt(part, forecast)
    if not stacked:
        return Head(part.names, measured_skill(part.rows, tilt, y, horizon), text)
    both = np.column_stack([tilt, _tilt(part, _ridge_of_folds(part, folds))])
    weights, unseen = _weights(both, y), np.empty(len(y))
    for train, out in folds:
        unseen[out] = both[out] @ _weights(both[train], y[train])
    centre, slopes = _ridge(x, y, part.linear)
    own = tuple((weights[1] * slopes).tolist())
    skill = measured_skill(part.rows, less_day_means(part.rows, unseen), y, horizon)
    return Head(part.names, skill, text, float(weights[0]), tuple(centre.tolist()), own)


def _tilt(part: Part, forecast: Array) -> Array:
    return np.round(less_day_means(part.rows, forecast), FORECAST_DECIMALS)


def _weights(forecasts: Array, outcomes: Array) -> Array:
    """(m,) weights, none below 0, with the least squared error of the sum of forecasts (N, m)."""
    from scipy.optimize import nnls  # slow to import

    return np.asarray(nnls(forecasts, outcomes)[0], dtype=float)


def _ridge_of_folds(part: Part, folds: Folds) -> Array:
    """(N,) forecasts of each fold by a regression on the samples beside it, less their mean forecast of those."""
    found = np.empty(len(part.outcomes))
    for train, out in folds:
        centre, slopes = _ridge(part.numbers[train], part.outcomes[train], part.linear)
        found[out] = np.nan_to_num(part.numbers[out] - centre) @ slopes
    return found


def _ridge(x: Array, y: Array, linear: Mask) -> tuple[Array, Array]:
    """The mean of each feature (f,), and the slope of outcomes on it, 0 where it is not read (Hoerl and Kennard 1970).

    x, y   : features (N, f) and outcomes (N,); a number that is not known counts as the mean.
    linear : (f,) true for the features that are read.
    """
    known = np.isfinite(x)
    centre = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    gap = np.where(known, x - centre, 0.0)
    scale = gap.std(axis=0)
    scale = np.where(linear & (scale > 0.0), scale, np.inf)
    z = gap / scale
    return centre, np.linalg.solve(z.T @ z + SLOPE_RIDGE * len(y) * np.eye(len(scale)), z.T @ (y - y.mean())) / scale
