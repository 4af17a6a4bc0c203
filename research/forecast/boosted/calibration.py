"""The trust in a forecast, measured on days that it has not seen: zero without skill.

A past is cut into parts, to train on, to stop the training by, and to judge the result, with gaps between them. A
sample's outcome reaches `horizon` sessions past its day. It must be complete, and an embargo over, before the first day
of the part that follows, or the two would share returns (López de Prado 2018, Advances in Financial Machine Learning,
sections 7.4.1 and 7.4.2).
"""

from dataclasses import dataclass

import numpy as np

from foundation.arrays import Array, Mask, Rows

LEVEL = 0.95  # of the one-sided test: without skill, 19 of 20 fits trust nothing
LONG = 3  # horizons of a block, where there are days enough


@dataclass(frozen=True)
class Skill:
    """Skill of forecasts of excess returns, on days that neither trained nor stopped the trees.

    rank_ic : mean over days of the rank correlation of forecasts and outcomes; 0 where no day has one.
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


def measured(rows: Rows, forecast: Array, excess: Array, horizon: int) -> Skill:
    """The skill of forecasts, and the trust in them.

    The products of forecast and outcome are added up in blocks of days; a block leaves out its last days, whose
    outcomes reach into the next one, so that the sums of a forecast without skill are uncorrelated. Their t has one
    degree of freedom less than there are blocks (Ibragimov and Müller 2010, t-Statistic Based Correlation and
    Heterogeneity Robust Inference, Journal of Business and Economic Statistics 28). The trust is the slope, cut to
    [0, 1], times 1 − (c / t)², or 0 where t is below its quantile c: the non-negative garrote of Breiman (1995), Better
    Subset Regression Using the Nonnegative Garrote, Technometrics 37, with one regressor.

    rows     : (N,) row of the market of each sample, not decreasing.
    forecast : (N,) forecast of the excess return.
    excess   : (N,) realised return, less the mean of its day.
    horizon  : sessions of an outcome.
    """
    from scipy.special import stdtrit  # slow to import, as what else needs scipy here

    _, day = np.unique(rows, return_inverse=True)
    tilt = forecast - (np.bincount(day, forecast) / np.bincount(day))[day]
    square = float(tilt @ tilt)
    first, days = int(rows[0]), int(rows[-1]) + 1 - int(rows[0])
    blocks = max(days // (LONG * horizon), FEWEST_BLOCKS)
    block, within = np.divmod((rows - first) * blocks, days)
    ends_in = within + horizon * blocks <= days
    sums = np.bincount(block[ends_in], (tilt * excess)[ends_in], blocks)
    spread = float(sums.std(ddof=1)) / np.sqrt(blocks)
    t = float(sums.mean() / spread) if spread > 0.0 else 0.0
    slope = float(tilt @ excess) / square if square > 0.0 else 0.0
    critical = float(stdtrit(blocks - 1, LEVEL))
    trust = min(max(slope, 0.0), 1.0) * (1.0 - (critical / t) ** 2) if t > critical else 0.0
    return Skill(_rank_ic(day, tilt, excess), slope, t, blocks, trust)


def _rank_ic(day: Rows, forecast: Array, excess: Array) -> float:
    """Mean rank correlation of the days that have one, 0 where none has."""
    from research.forecast.skill import rank_correlations

    place = np.arange(len(day)) - np.searchsorted(day, day)
    tables = np.full((2, int(day[-1]) + 1, int(place.max()) + 1), np.nan)
    tables[0, day, place], tables[1, day, place] = forecast, excess
    found = rank_correlations(*tables)
    known = found[np.isfinite(found)]
    return float(known.mean()) if len(known) else 0.0


SHARE = 4  # each of the two parts held back is at most one of so many of the days
FEWEST_BLOCKS = 4  # blocks of days by which what was trained is judged


@dataclass(frozen=True)
class Parts:
    """(N,) each, of N samples: those to train on, to stop by, and to judge by; others are in none."""

    train: Mask
    stop: Mask
    judge: Mask


def held(horizon: int, embargo: int, step: int) -> int:
    """Fewest days of a part that is held back: for its blocks, and beyond its gap."""
    return max(FEWEST_BLOCKS * (horizon + step), horizon + embargo + step)


def split(rows: Rows, holdout: int, horizon: int, embargo: int) -> Parts:
    """The last days judge, those before them stop the training, those before these are trained on.

    rows    : (N,) row of the market of each sample, not decreasing; the last outcome is known.
    holdout : most days of each of the parts held back; fewer where these are a quarter of all.
    horizon : sessions of an outcome.
    embargo : sessions after an outcome that the next part does not begin in.
    """
    last, gap = int(rows[-1]) + 1, horizon + embargo
    days = min(holdout, (last - int(rows[0])) // SHARE)
    judge, stop = last - days, last - 2 * days
    return Parts(rows + gap < stop, (rows >= stop) & (rows + gap < judge), np.asarray(rows >= judge))
