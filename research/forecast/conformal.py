"""Intervals with coverage kept by past outcomes: adaptive conformal inference, for any forecast by quantiles.

Returns are not exchangeable, so that intervals which covered their share of the past need not go on to. Here the share
that an interval may miss is lowered after each miss and raised after each hit.
"""

import numpy as np
import pandas as pd

from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.skill import covered

RANK_ROUNDING = 1e-9  # of a place among the scores: 0.9 × 10 is the ninth


@dataclass(frozen=True, eq=False)
class AdaptiveIntervals:
    """Intervals for D dates of n assets, each from the data known on its date.

    lower, upper : (D, n) in the forecast's unit, NaN where there is no forecast; infinite where too few outcomes came
                   before the date to say more; the lower above the upper where the interval is empty.
    miss         : (D, n) the share that the interval of the date may miss, as adapted: up to 0 it is infinite, from 1
                   on it is empty.
    """

    lower: Array
    upper: Array
    miss: Array


def adaptive_intervals(
    lower: Array, upper: Array, outcome: Array, *, miss: float, horizon: int = 1, rate: float = 0.02, memory: int = 250
) -> AdaptiveIntervals:
    """Widen or narrow the forecasts' intervals by the distance of past outcomes outside them (below 0: inside).

    The correction is the quantile of the last `memory` such scores at 1 − m, where m is the share that may be missed:
    m moves by rate × (miss − 1) after an interval that missed, and by rate × miss after one that did not. However the
    outcomes come, the share of misses over T dates is within (max(miss, 1 − miss) + horizon × rate) / (T × rate) of
    `miss`, but for the last `horizon` dates, which are not counted yet.

    lower, upper : (D, n) ends of the forecast's interval, such as quantiles 0.1 and 0.9; NaN where there is none.
    outcome      : (D, n) outcomes; NaN where not known yet.
    miss         : share that is to be missed, such as 0.2, above 0 and below 1.
    horizon      : rows after which an outcome is known, at least 1: row t is adapted by rows up to t − horizon.
    rate         : γ of the paper, above 0 and below 1: the larger, the sooner it follows, the more widths vary.
    memory       : scores of which the quantile is taken.
    Raises       : DataError for arrays of different shapes; ConfigError for a number out of its range.
    Source       : Gibbs and Candès (2021), Adaptive conformal inference under distribution shift, NeurIPS 34, equation
                   2 and proposition 4.1; scores of Romano, Patterson and Candès (2019), Conformalized quantile
                   regression, NeurIPS 32, equation 6.
    """
    _check(lower, upper, outcome, {"miss": miss, "rate": rate}, {"horizon": horizon, "memory": memory})
    score = np.maximum(lower - outcome, outcome - upper)
    shift, adapted = np.full(score.shape, np.nan), np.full(score.shape, np.nan)
    now = np.full(score.shape[1], miss)
    for t in range(len(score)):
        if (known := t - horizon) >= 0:
            counts = np.isfinite(score[known])
            now = np.where(counts, now + rate * (miss - (score[known] > shift[known])), now)
        shift[t] = _quantiles(score[max(0, known + 1 - memory) : max(0, known + 1)], now)
        adapted[t] = now
    return AdaptiveIntervals(lower - shift, upper + shift, np.where(np.isnan(lower), np.nan, adapted))


def coverage_table(lower: Array, upper: Array, outcome: Array, groups: pd.Series) -> pd.DataFrame:
    """Coverage by year, by regime, or by whatever else labels the dates: intervals, share covered, mean width.

    lower, upper, outcome : (D, n), as of `adaptive_intervals`; an infinite interval covers, but is not in the width.
    groups                : (D,) label of each date, such as its year; NaN for a date that counts nowhere.
    Raises                : DataError for another number of labels than dates.
    """
    if len(groups) != len(lower):
        raise DataError(f"{len(groups)} labels for {len(lower)} dates of intervals. Give one label a date.")
    inside, width = covered(lower, upper, outcome), np.where(np.isfinite(upper - lower), upper - lower, np.nan)
    long = pd.DataFrame(
        {
            "group": np.repeat(groups.to_numpy(), lower.shape[1]),
            "covered": inside.ravel(),
            "width": np.where(np.isfinite(inside), width, np.nan).ravel(),
        }
    )
    found = long.groupby("group").agg(
        intervals=("covered", "count"), coverage=("covered", "mean"), width=("width", "mean")
    )
    found.index.name = groups.name
    return found


def _quantiles(scores: Array, miss: Array) -> Array:
    """(n,) conformal quantile of each asset's scores (m, n), those that are not NaN, at 1 − miss (n,); ±∞ beyond."""
    ordered, count = np.sort(scores, axis=0), np.isfinite(scores).sum(axis=0)
    place = np.ceil((1.0 - miss) * (count + 1) - RANK_ROUNDING).astype(int)
    found = np.where(place > 0, np.inf, -np.inf)
    inner = (place >= 1) & (place <= count)
    found[inner] = ordered[place[inner] - 1, inner.nonzero()[0]]
    return found


def _check(lower: Array, upper: Array, outcome: Array, shares: dict[str, float], counts: dict[str, int]) -> None:
    """Raise DataError for shapes that differ, and ConfigError for a number out of its range."""
    if lower.ndim != 2 or not lower.shape == upper.shape == outcome.shape:
        raise DataError(
            f"intervals have ends of shapes {lower.shape} and {upper.shape}, and outcomes {outcome.shape}: give three "
            "arrays of dates by assets."
        )
    for name, value in shares.items():
        if not (is_number(value) and 0.0 < value < 1.0):
            refuse(f"{name} of adaptive intervals is", value, "give a number above 0 and below 1.")
    for name, value in counts.items():
        if not is_whole(value) or value < 1:
            refuse(f"{name} of adaptive intervals is", value, "give a whole number of rows, at least 1.")
