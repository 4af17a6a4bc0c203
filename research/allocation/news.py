"""Another allocation's target, tilted by scores of news, as far as earlier scores came true.

The target is taken for optimal at the returns that it implies. Scores are views on them, `ForecastViews` moves the
means as far as what the scores said came true (the lower bound of the slope of outcomes on scores, an information
coefficient shrunk by its error; zero without a record), and the target moves by what these means add to the optimum:

    tilt = (Sigma^-1 (mean - prior) - k Sigma^-1 1) / risk_aversion, with k such that it sums to zero
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from foundation.arguments import cut, is_number, is_whole, refuse, shown
from foundation.arrays import Array
from foundation.errors import ConfigError
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer
from research.allocation.estimated import EstimationSchedule, check_estimate
from research.allocation.in_turn import part_answer
from research.allocation.wrapper import Wrapper
from research.forecast import Estimated, ForecastViews
from research.forecast.model import refuse_earlier
from research.forecast.news import NewsForecast, Scores
from research.forecast.predicted import predicted
from research.forecast.views.equilibrium import WORLD_RISK_AVERSION
from research.market import Past

FEWEST_ENDS = 12  # month ends that `ForecastViews` needs; `fewest` counts those with news


@dataclass(frozen=True)
class NewsTilt(Wrapper):
    """Another allocation's target, tilted toward assets with good news within ranges; its sum stays.

    allocation : the portfolio.
    scores     : scores of news. None is used that was published on or after the day, or by the training cut-off of the
                 model that gave it.
    horizon    : rows of the market over which scores are compared with returns.
    days       : calendar days before today's from which news counts.
    fewest     : months with news whose outcome is known, before anything is moved.
    level      : level of the one-sided bound of what came true, at least 0.5; see `ForecastViews`.
    flag       : mean score, weighted by confidence, below 0, at or below which an asset has a risk flag.
    estimate   : number of returns of the covariance.
    schedule   : "day", "week", "month", "quarter" or "year".
    ranges     : lower and upper bound of the weight of each asset, fraction of NAV; 0 to 1 for one that is not named.
                 A target outside its range is moved no further out.
    placebo    : seed with which the scores of each asset are shuffled over its days; None leaves them as they are.
    Raises     : ConfigError for settings outside these; on its schedule, PolicyError on a day before the training
                 cut-off.
    Source     : Black and Litterman (1992), Global Portfolio Optimization, with the portfolio as the reference; for
                 the scores: Grinold (1994), Alpha is Volatility Times IC Times Score.
    """

    allocation: Allocation
    scores: Scores
    horizon: int = 21
    days: int = 30
    fewest: int = 24
    level: float = 0.99
    flag: float = -0.5
    estimate: int = 252
    schedule: EstimationSchedule = "month"
    ranges: tuple[tuple[str, float, float], ...] = ()
    placebo: int | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("NewsTilt", self.estimate, self.schedule)
        for name, least in (("days", 1), ("fewest", 12)):
            if not is_whole(value := getattr(self, name)) or value < least:
                refuse(f"{name} of NewsTilt is", value, f"give a whole number, at least {least}.")
        if not (is_number(self.flag) and -1.0 <= self.flag < 0.0):
            refuse("flag of NewsTilt is", self.flag, "give a score from -1 to below 0, such as -0.5.")
        _ = self.views  # which checks the others

    @property
    def window(self) -> int:
        """Number of returns that the portfolio's allocation or the covariance needs, whichever is more."""
        return max(self.allocation.window, self.estimate)

    @cached_property
    def views(self) -> ForecastViews:
        """The views: the scores, as sure as they were right so far."""
        prior = Estimated(window=self.estimate)
        scores = self.scores if self.placebo is None else self.scores.shuffled(self.placebo)
        news = NewsForecast(scores, prior, self.horizon, self.days)
        return ForecastViews(news, prior, self.horizon, FEWEST_ENDS, self.level, tau=0.0)

    def check(self, past: Past) -> None:
        """Raise ConfigError for a score of an asset that the market does not have."""
        unknown = sorted({row.asset for row in self.scores.rows} - set(past.assets))
        if unknown:
            raise ConfigError(
                f"{self.scores.file} has scores of {shown(unknown[0])}, which is no asset of the portfolio: these are "
                f"{cut(', '.join(past.assets))}. Leave its rows out, or add the asset."
            )

    def answer(self, past: Past) -> Answer:
        """(n,) the tilted target, fraction of NAV; with the portfolio's reasons.

        Raises : PolicyError on a day before the training cut-off of the model that gave the scores.
        """
        refuse_earlier(f"the model of the scores in {self.scores.file} was", self.scores.seen, past)
        answer = part_answer(self.allocation, past)
        known = self.scores.months(past.days[max(past.t - self.horizon, 0)])
        tilt = self.tilt(past) if known >= self.fewest else np.zeros(len(past.assets))
        if not tilt.any():
            return answer
        return answer.within(tilted(answer.weights, tilt, *self._bounds(past)))

    def tilt(self, past: Past) -> Array:
        """(n,) change of the target before ranges, fraction of NAV; it sums to zero."""
        prior, moved = predicted(self.views.prior, past).over(self.horizon), predicted(self.views, past)
        best, even = np.linalg.solve(
            prior.covariance, np.column_stack([moved.mean - prior.mean, np.ones(len(prior.mean))])
        ).T
        found = np.zeros(len(past.assets))
        found[[past.assets.index(asset) for asset in prior.assets]] = best - best.sum() / even.sum() * even
        return found / WORLD_RISK_AVERSION

    def flagged(self, past: Past) -> dict[str, float]:
        """The assets with a risk flag, and their mean scores, weighted by confidence. No score takes a flag away."""
        found = self.scores.recent(past, self.days).items()
        means = {asset: float(np.average(each[:, 0], weights=each[:, 1])) for asset, each in found if each[:, 1].any()}
        return {asset: mean for asset, mean in means.items() if mean <= self.flag}

    def _bounds(self, past: Past) -> tuple[Array, Array]:
        """(n,) lower and (n,) upper bounds."""
        given = {asset: bounds for asset, *bounds in self.ranges}
        lower, upper = np.array([given.get(asset, (0.0, 1.0)) for asset in past.assets]).T
        return lower, upper


def tilted(weights: Array, tilt: Array, lower: Array, upper: Array) -> Array:
    """The point nearest to `weights` + `tilt` with the sum of `weights`, within bounds; what has no tilt stays.

    weights, tilt, lower, upper : (n,) fraction of NAV. A weight outside its bounds is moved no further out.
    Source : Held, Wolfe, Crowder (1974), Validation of Subgradient Optimization: the projection subtracts one number
             before it cuts; the sum is piecewise linear in it.

    >>> tilted(np.array([0.5, 0.5]), np.array([0.2, -0.2]), np.zeros(2), np.array([0.6, 1.0])).round(12).tolist()
    [0.6, 0.4]
    """
    moves = tilt != 0.0
    lower, upper = (
        np.where(moves, bound(weights, edge), weights) for bound, edge in ((np.minimum, lower), (np.maximum, upper))
    )
    wished = weights + tilt
    shifts = np.sort(np.concatenate([wished - lower, wished - upper]))
    sums = np.clip(wished - shifts[:, None], lower, upper).sum(axis=1)
    return np.clip(wished - np.interp(-weights.sum(), -sums, shifts), lower, upper)
