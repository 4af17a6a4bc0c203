"""Views from a forecast, as sure as the forecast was right: Black and Litterman's bridge from forecasts to weights.

On each month's end so far, the forecast said something beyond the prior, and something came of it: of the level of all
returns, which moves a portfolio to or from cash, and of the differences between assets, which move it from one to the
other. Of each, the slope of what came on what was said, weighted by the inverse covariance, is the share that came
true: what the forecast's best portfolio earned over what it promised. Its lower bound is the confidence of today's
views:

    mean = prior + c_level · level + c_differences · differences

A forecast without skill has c = 0 and moves nothing. The errors of views are correlated as returns are, Omega =
(1 / c − 1) tau Sigma in each of the two (Meucci 2005): each is moved toward by one share, which the slope measures.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from statistics import NormalDist

import numpy as np

from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array, Rows
from foundation.tolerances import VARIATION
from research.forecast.moments import Forecast, Moments
from research.forecast.predicted import FORECAST_DAYS, days_with_history, overlap, predicted, returns_after
from research.forecast.views.equilibrium import MarketCap
from research.market import Past
from research.market.calendars import last_of

MOST_CONFIDENCE = 0.99  # confidence: a view is never certain
STILL = 1e-18  # mean square of what is said a date, in variances: less comes from rounding
LEVEL, DIFFERENCES = np.s_[:, :1], np.s_[:, 1:]  # columns of what was said and came


@dataclass(frozen=True)
class Share:
    """The share of a forecast's deviations from a prior that came true.

    slope : slope of outcomes less the prior on forecasts less the prior; NaN where there are too few dates, or the
            forecast never said anything.
    error : its standard error.
    confidence : the lower bound of the slope, from 0 to 0.99.
    """

    slope: float = float("nan")
    error: float = float("nan")
    confidence: float = 0.0

    def __str__(self) -> str:
        """The slope with its error, and the confidence."""
        if np.isnan(self.slope):
            return "nothing is known (confidence 0%)"
        return f"{self.slope:.0%} ± {self.error:.0%} came true (confidence {self.confidence:.0%})"


@dataclass(frozen=True)
class MeasuredSkill:
    """Measured skill of a forecast in its level of all returns, and in its differences between assets.

    dates : month ends with a forecast and its outcome.
    """

    dates: int
    level: Share = Share()
    differences: Share = Share()

    def sentence(self) -> str:
        """The measured skill, in words."""
        return (
            f"of what the forecast said beyond the prior on {self.dates} month ends, of the level of all returns "
            f"{self.level}, of differences between assets {self.differences}."
        )


@dataclass(frozen=True)
class ForecastViews:
    """The moments of a prior, moved toward a forecast by as much as the forecast was right so far.

    forecast : forecast whose means are the views.
    prior    : forecast without views.
    horizon  : rows of the market over which outcomes are measured.
    fewest   : least number of month ends with outcomes; with fewer nothing is moved.
    level    : level of the one-sided bound of the slope, at least 0.5, where the bound is the slope itself.
    tau      : variance of the error of the prior mean over that of returns, 0 or more.
    Raises   : ConfigError for settings outside these; when asked, what prior and forecast raise.
    Source   : Black and Litterman (1992), Global Portfolio Optimization; Meucci (2005), Risk and Asset Allocation,
               equation 9.35, for the errors of views; Mincer and Zarnowitz (1969), The Evaluation of Economic
               Forecasts, for the slope.
    """

    forecast: Forecast
    prior: Forecast = field(default_factory=MarketCap)
    horizon: int = 21
    fewest: int = 36
    level: float = 0.9
    tau: float = 0.05

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, least in (("horizon", 1), ("fewest", 12)):
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                refuse(f"{name} of ForecastViews is", value, f"give a whole number, at least {least}.")
        if not (is_number(self.level) and 0.5 <= self.level < 1.0):
            refuse("level of ForecastViews is", self.level, "give a probability from 0.5 to below 1.")
        if not (is_number(self.tau) and self.tau >= 0.0):
            refuse("tau of ForecastViews is", self.tau, "give a number of 0 or more, such as 0.05.")

    @property
    def window(self) -> int:
        """Number of returns that prior and forecast need."""
        return max(self.prior.window, self.forecast.window)

    def predict(self, past: Past) -> Moments:
        """Mean and covariance of the assets of the prior, moved toward the forecast as far as `measured` says."""
        prior, views = (predicted(one, past).over(self.horizon) for one in (self.prior, self.forecast))
        moved = toward(prior, views, self.measured(past), self.tau)
        return replace(moved, notes=(*prior.notes, *views.notes))

    def measured(self, past: Past) -> MeasuredSkill:
        """The share that came true, of forecasts whose outcomes are known at the close of `past`."""
        ends = np.flatnonzero(last_of(past.days, "month", past.calendar))
        rows = days_with_history(self, past, ends[ends + self.horizon <= past.t])
        if len(rows) < self.fewest:
            return MeasuredSkill(len(rows))
        said, came = self._beyond_the_prior(past, rows)
        sharing = overlap(rows, self.horizon)
        shares = [measured_share(said[of], came[of], sharing, self.level) for of in (LEVEL, DIFFERENCES)]
        return MeasuredSkill(len(rows), *shares)

    def _beyond_the_prior(self, past: Past, rows: Rows) -> tuple[Array, Array]:
        """(D, n + 1) forecasts and outcomes less the prior, in independent directions of one variance each.

        The first is that of the level of all returns, the others are those of differences; NaN where none is.
        """
        found, said_on = np.full((2, len(rows), len(past.assets) + 1), np.nan), _said_by(self)
        for d, (row, came) in enumerate(zip(rows.tolist(), returns_after(past, rows, self.horizon), strict=True)):
            day = said_on(past.earlier(row))
            for k, told in enumerate((day.said, came[day.lines])):
                part = day.root @ (told - day.prior)
                along = day.level @ part
                found[k, d, : len(part) + 1] = along, *(part - along * day.level)
        return found[0], found[1]


@dataclass(frozen=True, eq=False)
class _Said:
    """The means of prior and forecast on a day, of k assets.

    lines       : (k,) columns of the market.
    prior, said : (k,) their means over the horizon.
    root, level : see `_directions`.
    """

    lines: Rows
    prior: Array
    said: Array
    root: Array
    level: Array


@lru_cache(maxsize=8)  # of the latest views: their hash takes as long as the rest of a day
def _said_by(views: ForecastViews) -> Callable[[Past], _Said]:
    """`_said_on` of these views, which keeps what it gave: each later day measures the same days again."""
    return lru_cache(maxsize=FORECAST_DAYS)(partial(_said_on, views))


def _said_on(views: ForecastViews, day: Past) -> _Said:
    """The means at the close of `day`."""
    prior, said = (predicted(one, day).over(views.horizon) for one in (views.prior, views.forecast))
    both = [asset for asset in prior.assets if asset in said.assets]
    lines, of_prior, of_said = (
        np.array([names.index(asset) for asset in both], dtype=np.int64)
        for names in (day.assets, prior.assets, said.assets)
    )
    root, level = _directions(prior.covariance[np.ix_(of_prior, of_prior)])
    return _Said(lines, prior.mean[of_prior], said.mean[of_said], root, level)


def _directions(covariance: Array) -> tuple[Array, Array]:
    """(m, k) R with R' R the inverse of a covariance (k, k), and the direction (m,) of a level that all assets share.

    Both are over the m directions in which the covariance varies; the direction of the level has length one.
    """
    values, vectors = np.linalg.eigh(covariance)
    varies = values > VARIATION * values.max(initial=0.0)
    root = vectors[:, varies].T / np.sqrt(values[varies])[:, None]
    level = root.sum(axis=1)
    return root, level / max(float(np.linalg.norm(level)), np.finfo(float).tiny)


def measured_share(said: Array, came: Array, sharing: int, level: float) -> Share:
    """The slope of outcomes on forecasts through zero, and its lower bound.

    said, came : (D, m) forecasts and outcomes beyond a prior; NaN where one is missing.
    sharing    : dates that share a part of their outcomes, 1 for none.
    level      : level of the one-sided bound.
    """
    from research.risk.simulation.long_run_variance import newey_west, newey_west_lags  # its room is slow to import

    known = np.isfinite(said) & np.isfinite(came)
    x, y = (np.where(known, values, 0.0) for values in (said, came))
    size = float((x * x).sum())
    if not size > STILL * len(x):
        return Share()
    slope = float((x * y).sum()) / size
    influence = (x * (y - slope * x)).sum(axis=1) * len(x) / size
    lags = max(sharing - 1, newey_west_lags(len(x)))
    error = float(np.sqrt(newey_west(influence, lags) / len(x)))
    bound = slope - NormalDist().inv_cdf(level) * error
    return Share(slope, error, min(max(bound, 0.0), MOST_CONFIDENCE))


def toward(prior: Moments, views: Moments, skill: MeasuredSkill, tau: float) -> Moments:
    """The prior moved toward the means of views, as far as their level and their differences came true.

    prior, views : moments over one horizon; views of some of the assets of the prior, or of all; other assets move with
                   them.
    skill        : measured skill with both shares.
    tau          : variance of the error of the prior mean over that of returns.
    Source       : Meucci (2005), equations 9.44 and 9.45, with Omega = (1 / c − 1) tau P Sigma P' for each of both.
    """
    said = [i for i, asset in enumerate(prior.assets) if asset in views.assets]
    expected = views.mean[[views.assets.index(prior.assets[i]) for i in said]]
    root, level = _directions(prior.covariance[np.ix_(said, said)])
    along, across = skill.level.confidence, skill.differences.confidence
    shares = across * np.eye(len(level)) + (along - across) * np.outer(level, level)
    toward_lines = prior.covariance[:, said] @ root.T  # (k, m) what each direction moves each asset by
    left = prior.covariance - toward_lines @ shares @ toward_lines.T
    left = tau * (left + left.T) / 2.0
    mean = prior.mean + toward_lines @ (shares @ (root @ (expected - prior.mean[said])))
    return replace(prior, mean=mean, covariance=prior.covariance + left)
