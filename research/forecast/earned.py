"""The view of a forecast beyond the mean so far, and the evidence that it earned something: no skill, no tilt.

At each month's end the forecast's means are regressed, across assets and weighted by the inverse covariance, on a
constant and on the mean return of each asset so far, which needs no forecast. The remainder is the forecast's view.
The tilt of most expected return a unit of risk by that view sums to zero, and expects nothing of the mean so far: the
drift of an asset that was measured so far earns it nothing. A forecast that knows the means of assets better than the
mean so far has skill, though it never changes. Its return in the month that follows, over its risk, is one
observation, and none overlaps another.

A gambler who bets an eighth of the stake on each of these returns multiplies it by 1 + return / 8. Where a tilt has no
skill the game is not favourable, and the probability that the stake ever reaches 20 times its start is at most 1 in 20
(Ville 1939): over all dates, not at each. The stake is the e-value; while it is 20 or more, a tilt is earned. A month
of −8 units of risk takes the whole stake, and no later month brings it back. A month cannot take more: where worse
ones are possible, the bound is exceeded (`e_values`).
"""

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import pairwise
from statistics import NormalDist

import numpy as np

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from foundation.paper.wording import number
from foundation.tolerances import SERIES, VARIATION
from research.forecast.estimated import means_so_far
from research.forecast.moments import Forecast
from research.forecast.predicted import FORECAST_DAYS, days_with_history, predicted
from research.market import Past
from research.market.calendars import last_of

ENOUGH = 20.0  # times the stake: by chance it is ever reached in at most one of twenty worlds
BET = 0.125  # share of the stake: the best one at a ratio of 0.4 a year; it covers a month of −8 units of risk
MOST_RETURN = 4.0  # a return of a month, over its risk, counts as no more; a loss counts in full
WHOLE_RATIO = 0.5  # information ratio a year that uses the whole budget: "good", in the terms of Grinold and Kahn
BOUND_LEVEL = 0.9  # level of each one-sided bound of the information ratio
FEWEST_MONTHS = 12
SILENT = 1e-6  # of the length of a forecast: a view no longer than that is rounding


@dataclass(frozen=True)
class Earned:
    """The record of a forecast's tilts, of known months.

    months   : months in which it had a view beyond the mean so far, and whose outcome is known.
    evidence : e-value, the stake of the bets over its start; 1 before there is any.
    ratio    : information ratio, a year; NaN with fewer than twelve months, and of tilts that never varied.
    lower    : one-sided 90 % lower bound of it; NaN likewise.
    upper    : upper bound, likewise.
    silent   : true if the forecast said nothing beyond the mean so far in any month.
    """

    months: int = 0
    evidence: float = 1.0
    ratio: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")
    silent: bool = False

    @property
    def confidence(self) -> float:
        """The share of the budget that is earned, from 0 to 1: the lower bound of the ratio over 0.5, or nothing.

        Source : Grinold and Kahn (2000), Active Portfolio Management, equation 5.9: the best active risk is in
                 proportion to the information ratio; table 5.1: 0.5 is good.
        """
        if not self.evidence >= ENOUGH:
            return 0.0
        return float(np.clip(np.nan_to_num(self.lower) / WHOLE_RATIO, 0.0, 1.0))

    def __str__(self) -> str:
        """The record, in words."""
        if self.silent:
            return "The forecast says nothing beyond the mean so far."
        if np.isnan(self.ratio):
            if self.months < FEWEST_MONTHS:
                return f"Too few months are known ({self.months}) to measure the forecast: it has earned no tilt."
            return f"Its tilts returned the same in all of {self.months} months: it has earned no tilt."
        ratio, lower, upper, evidence = map(number, (self.ratio, self.lower, self.upper, self.evidence))
        verdict = "It has earned a tilt" if self.confidence > 0.0 else "It has earned no tilt"
        return (
            f"{verdict}: beyond the mean so far its information ratio was {ratio} a year in {self.months} months "
            f"(80 % interval {lower} to {upper}), and the e-value is {evidence}, of {ENOUGH:g} that are needed."
        )


@dataclass(frozen=True, eq=False)
class View:
    """The view of a forecast on a day, beyond the mean so far, of k assets.

    lines      : (k,) columns of the market.
    forecast   : (k,) expected returns a period.
    baseline   : (k,) mean returns a period so far.
    view       : (k,) what the forecast says beyond it, return a period; zeros where it says nothing.
    tilt       : (k,) weights that sum to zero, of most expected return by the view at a risk of 1 a period; zeros
                 likewise.
    covariance : (k, k) of the forecast, a period.
    notes      : what the forecast notes of itself, in sentences.
    """

    lines: Rows
    forecast: Array
    baseline: Array
    view: Array
    tilt: Array
    covariance: Array
    notes: tuple[str, ...] = ()


def view_of(forecast: Forecast, past: Past) -> View:
    """The view of a forecast at the close of `past`, beyond the mean so far.

    Of two assets the one difference is that of the mean so far too: there the view is what the forecast says less the
    mean so far.
    Raises : what the forecast raises.
    """
    moments = predicted(forecast, past).over(1.0)
    lines = np.array([past.assets.index(asset) for asset in moments.assets], dtype=np.int64)
    baseline = means_so_far(past, np.array([past.t]))[0, lines]
    known = np.isfinite(baseline) & past.listed[-1, lines]
    lines, baseline, said = lines[known], baseline[known], moments.mean[known]
    covariance = moments.covariance[np.ix_(known, known)]
    values, vectors = np.linalg.eigh(covariance)
    varies = values > VARIATION * values.max(initial=0.0)
    root = vectors[:, varies].T / np.sqrt(values[varies])[:, None]  # (m, k) with root' root = the inverse covariance
    of_said, of_mean, of_level = root @ said, root @ baseline, root.sum(axis=1)
    needs_none = of_level[:, None] if len(lines) < 3 else np.column_stack([of_level, of_mean])
    left = of_said - of_mean if len(lines) < 3 else of_said
    left = left - needs_none @ np.linalg.lstsq(needs_none, left, rcond=None)[0]
    length = float(np.linalg.norm(left))
    says = length > SILENT * max(float(np.linalg.norm(of_said)), float(np.linalg.norm(of_mean)))
    tilt = root.T @ left / length if says else np.zeros(len(lines))
    return View(lines, said, baseline, covariance @ tilt * length, tilt, covariance, moments.notes)


def earned(forecast: Forecast, past: Past) -> Earned:
    """The record of a forecast, of the months whose outcome is known at the close of `past`."""
    returns, a_year = tilt_returns(forecast, past)
    spoke = np.isfinite(returns[:, 0])
    return earned_of(returns[spoke], a_year) if spoke.any() else Earned(silent=len(returns) >= FEWEST_MONTHS)


def tilt_returns(forecast: Forecast, past: Past) -> tuple[Array, float]:
    """(D, 2) returns of a forecast's tilts over their risk, a row a known month, as of `earned_of`; and months a year.

    NaN in a month in which the forecast said nothing beyond the mean so far.
    """
    ends = np.flatnonzero(last_of(past.days, "month", past.calendar))
    rows, month = days_with_history(forecast, past, ends).tolist(), _months_of(forecast)
    found = [month(past.earlier(end), row) for row, end in pairwise(rows)]
    if not found:
        return np.empty((0, 2)), float("nan")
    years = (past.days[rows[-1]] - past.days[rows[0]]).astype("timedelta64[D]").astype(float) / 365.25
    return np.array(found), len(found) / years


def earned_of(returns: Array, a_year: float) -> Earned:
    """The record of unit-risk tilts.

    returns : (D, 2) return of each month over its risk, as earned and less what the mean so far expected of it. They
              are alike but of two assets, where an asset's drift could earn the first: the weaker of both counts.
    a_year  : months a year.
    """
    evidence = [e_value(of) for of in returns.T]
    weaker = int(np.argmin(evidence))
    x, count = returns[:, weaker], len(returns)
    if count < FEWEST_MONTHS or np.ptp(x) <= SERIES * np.abs(x).max():
        return Earned(count, evidence[weaker])
    of_month = float(x.mean() / x.std(ddof=1))
    error = np.sqrt((1.0 + of_month**2 / 2.0) / count)  # Lo (2002), The Statistics of Sharpe Ratios, equation 9
    z = NormalDist().inv_cdf(BOUND_LEVEL)
    ratio, lower, upper = (float(each * np.sqrt(a_year)) for each in (of_month, of_month - z * error,
                                                                      of_month + z * error))  # fmt: skip
    return Earned(count, evidence[weaker], ratio, lower, upper)


def e_value(x: Array) -> float:
    """The stake of equal bets over its start, after returns (D,) over their risk: evidence that their mean is above 0.

    >>> e_value(np.array([1.0, -1.0])), e_value(np.zeros(0))
    (0.984375, 1.0)
    """
    return float(e_values(x)[-1]) if len(x) else 1.0


def e_values(x: Array) -> Array:
    """(D,) the stake after each of the returns (D,) over their risk, over its start.

    Returns without a mean above 0 let it reach 20 in at most 5 % of cases while none can be below −8. Of returns of
    deviation 1 that either gain a little or lose ten at once, 9 % reach it in thirty years; of those that lose twelve,
    13 %.
    Source : Waudby-Smith and Ramdas (2024), Estimating Means of Bounded Random Variables by Betting, Journal of the
             Royal Statistical Society B 86(1), with one bet.
    """
    found: Array = np.maximum(1.0 + BET * np.minimum(x, MOST_RETURN), 0.0).cumprod()
    return found


@lru_cache(maxsize=8)  # of the latest forecasts: their hash takes as long as the rest of a month
def _months_of(forecast: Forecast) -> Callable[[Past, int], tuple[float, float]]:
    """`_month` of a forecast, which keeps what it gave: each later day measures the same months again."""
    return lru_cache(maxsize=FORECAST_DAYS)(partial(_month, forecast))


def _month(forecast: Forecast, past: Past, row: int) -> tuple[float, float]:
    """The return to the close of `past` of the tilt of a row, over its risk, and less what the mean so far expected.

    NaN where the forecast said nothing.
    """
    view, periods = view_of(forecast, past.earlier(row)), past.t - row
    if not view.tilt.any():
        return np.nan, np.nan
    came = np.prod(1.0 + past.returns[row + 1 :][:, view.lines], axis=0) - 1.0
    earned, beyond = view.tilt @ came, view.tilt @ (came - periods * view.baseline)
    return float(earned) / periods**0.5, float(beyond) / periods**0.5
