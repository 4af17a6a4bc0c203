"""The trust in a forecast, measured on days that it has not seen: zero without skill.

A past is cut into folds of days, each forecast by what was trained on the others. A sample's outcome reaches `horizon`
sessions past its day: samples whose outcomes share returns with those of the fold, or lie within an embargo of them,
are not trained on (López de Prado 2018, Advances in Financial Machine Learning, sections 7.4.1 and 7.4.2).
"""

from itertools import pairwise

import numpy as np

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass

TRUST_LEVEL = 0.95  # of the one-sided test: without skill, 19 of 20 fits trust nothing
SHARED_DEVIATION = 2.0**0.5  # of the deviation of a total of products of outcomes: each pair of blocks is in it twice
LONG = 3  # horizons of a block, where there are days enough
SKILL_FOLDS = 5
FEWEST_BLOCKS = 4  # blocks of days by which forecasts are judged


@dataclass(frozen=True)
class Skill:
    """Skill of forecasts, on days that they were not trained on.

    rank_ic : mean over days of the rank correlation of forecasts and outcomes, or that over days where each has one
              sample; 0 where there is none.
    slope   : slope of outcomes on forecasts.
    t       : t statistic of their products, over blocks of days that share no return.
    blocks  : number of these.
    trust   : share of the forecast that is used, from 0 to 1.
    """

    rank_ic: float
    slope: float
    t: float
    blocks: int
    trust: float


def measured_skill(rows: Rows, tilt: Array, excess: Array, horizon: int) -> Skill:
    """The skill of forecasts, each made from the outcomes of other days, and the trust in them.

    The products of forecast and outcome are added up in blocks of days; a block leaves out its last days, whose
    outcomes reach into the next one, so that the sums of a forecast without skill are uncorrelated. What one block says
    of another, the other says of it: the total has √2 times the deviation that independent sums would have. Their t has
    one degree of freedom less than there are blocks (Ibragimov and Müller 2010, t-Statistic Based Correlation and
    Heterogeneity Robust Inference, Journal of Business and Economic Statistics 28). The trust is the slope, cut to
    [0, 1], times 1 − (c / t)², or 0 where t is below its quantile c: the non-negative garrote of Breiman (1995), Better
    Subset Regression Using the Nonnegative Garrote, Technometrics 37, with one regressor.

    rows    : (N,) row of the market of each sample, not decreasing.
    tilt    : (N,) forecast, less the one that needs no features.
    excess  : (N,) realised return, less the mean of its day; or of all days, where each has one sample.
    horizon : sessions of an outcome.
    """
    from scipy.special import stdtrit  # slow to import, as what else needs scipy here

    square = float(tilt @ tilt)
    first, days = int(rows[0]), int(rows[-1]) + 1 - int(rows[0])
    blocks = max(days // (LONG * horizon), FEWEST_BLOCKS)
    block, within = np.divmod((rows - first) * blocks, days)
    ends_in = within + horizon * blocks <= days
    sums = np.bincount(block[ends_in], (tilt * excess)[ends_in], blocks)
    spread = SHARED_DEVIATION * float(sums.std(ddof=1)) / np.sqrt(blocks)
    t = float(sums.mean() / spread) if spread > 0.0 else 0.0
    slope = float(tilt @ excess) / square if square > 0.0 else 0.0
    critical = float(stdtrit(blocks - 1, TRUST_LEVEL))
    trust = min(max(slope, 0.0), 1.0) * (1.0 - (critical / t) ** 2) if t > critical else 0.0
    return Skill(_rank_ic(rows, tilt, excess), slope, t, blocks, trust)


def less_day_means(rows: Rows, values: Array) -> Array:
    """(N,) values less the mean of their day, each asset having one; as they are where each day has one sample."""
    _, day, counts = np.unique(rows, return_inverse=True, return_counts=True)
    return values if len(counts) == len(rows) else values - (np.bincount(day, values) / counts)[day]


def _rank_ic(rows: Rows, forecast: Array, excess: Array) -> float:
    """Mean rank correlation of the days that have one, 0 where none has; that over days where each has one sample."""
    from research.forecast.skill import rank_correlations

    days, day = np.unique(rows, return_inverse=True)
    day = np.zeros_like(day) if len(days) == len(rows) else day
    place = np.arange(len(day)) - np.searchsorted(day, day)
    tables = np.full((2, int(day[-1]) + 1, int(place.max()) + 1), np.nan)
    tables[0, day, place], tables[1, day, place] = forecast, excess
    found = rank_correlations(*tables)
    known = found[np.isfinite(found)]
    return float(known.mean()) if len(known) else 0.0


def fewest_days(horizon: int, embargo: int, step: int) -> int:
    """Fewest days of samples: each fold is as long as its gap, and more is left to train on."""
    return SKILL_FOLDS * (horizon + embargo + step)


def folds(rows: Rows, horizon: int, embargo: int) -> list[tuple[Rows, Rows]]:
    """The samples to train on and those to forecast, for each of five folds of equal length, one after the other.

    rows    : (N,) row of the market of each sample, not decreasing.
    horizon : sessions of an outcome.
    embargo : sessions between an outcome of one side and the first day of the other.
    """
    edges = np.linspace(rows[0], rows[-1] + 1, SKILL_FOLDS + 1).round()
    gap, found = horizon + embargo, []
    for first, stop in pairwise(edges):
        apart = (rows + gap < first) | (rows > stop - 1 + gap)
        found.append((np.flatnonzero(apart), np.flatnonzero((rows >= first) & (rows < stop))))
    return found
