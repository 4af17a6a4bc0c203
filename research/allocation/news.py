"""Another allocation's target, tilted by scores of news, as far as tilts by earlier scores earned that.

Scores are a forecast (`research.forecast.news`), beyond means that are those so far; `Tilted` does the rest.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from foundation.arguments import cut, is_number, is_whole, refuse, shown
from foundation.errors import ConfigError
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer
from research.allocation.estimated import EstimationSchedule, check_estimate
from research.allocation.tilted import Tilted
from research.allocation.wrapper import Wrapper
from research.forecast import EWMAVolatility
from research.forecast.model import refuse_earlier
from research.forecast.news import NewsForecast, Scores
from research.market import Past


@dataclass(frozen=True)
class NewsTilt(Wrapper):
    """Another allocation's target, tilted toward assets with good news within ranges; its sum stays.

    allocation : the portfolio.
    scores     : scores of news. None is used that was published on or after the day, or by the training cut-off of the
                 model that gave it.
    horizon    : rows of the market that a score is about.
    days       : calendar days before today's from which news counts.
    tracking_error : budget of tracking error to the portfolio, a year, fraction.
    confidence : share of the budget that may be used; None for what earlier scores earned.
    flag       : mean score, weighted by confidence, below 0, at or below which an asset has a risk flag.
    estimate   : number of returns of the correlations.
    schedule   : "day", "week", "month", "quarter" or "year".
    ranges     : lower and upper bound of the weight of each asset, fraction of NAV; 0 to 1 for one that is not named.
                 A target outside its range is moved no further out.
    periods_per_year : returns a year.
    placebo    : seed with which the scores of each asset are shuffled over its days; None leaves them as they are.
    Raises     : ConfigError for settings outside these; on its schedule, PolicyError on a day before the training
                 cut-off.
    Source     : Grinold (1994), Alpha is Volatility Times IC Times Score, for the scores; `Tilted` for the tilt.
    """

    allocation: Allocation
    scores: Scores
    horizon: int = 21
    days: int = 30
    tracking_error: float = 0.02
    confidence: float | None = None
    flag: float = -0.5
    estimate: int = 252
    schedule: EstimationSchedule = "month"
    ranges: tuple[tuple[str, float, float], ...] = ()
    periods_per_year: float = 252.0
    placebo: int | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("NewsTilt", self.estimate, self.schedule)
        for name in ("days", "horizon"):
            if not is_whole(value := getattr(self, name)) or value < 1:
                refuse(f"{name} of NewsTilt is", value, "give a whole number, at least 1.")
        if not (is_number(self.flag) and -1.0 <= self.flag < 0.0):
            refuse("flag of NewsTilt is", self.flag, "give a score from -1 to below 0, such as -0.5.")
        _ = self.tilted  # which checks the others

    @property
    def window(self) -> int:
        """Number of returns that the portfolio's allocation or the correlations need, whichever is more."""
        return max(self.allocation.window, self.estimate)

    @cached_property
    def tilted(self) -> Tilted:
        """The portfolio, tilted by the scores."""
        scores = self.scores if self.placebo is None else self.scores.shuffled(self.placebo)
        news = NewsForecast(scores, EWMAVolatility(estimate=self.estimate), self.horizon, self.days)
        return Tilted(
            self.allocation, news, self.tracking_error, self.confidence, ranges=self.ranges, schedule=self.schedule,
            periods_per_year=self.periods_per_year,
        )  # fmt: skip

    def check(self, past: Past) -> None:
        """Raise ConfigError for a score of an asset that the market does not have."""
        unknown = sorted({row.asset for row in self.scores.rows} - set(past.assets))
        if unknown:
            raise ConfigError(
                f"{self.scores.file} has scores of {shown(unknown[0])}, which is no asset of the portfolio: these are "
                f"{cut(', '.join(past.assets))}. Leave its rows out, or add the asset."
            )

    def answer(self, past: Past) -> Answer:
        """(n,) the tilted target, fraction of NAV; with its reasons.

        Raises : PolicyError on a day before the training cut-off of the model that gave the scores.
        """
        refuse_earlier(f"the model of the scores in {self.scores.file} was", self.scores.seen, past)
        return self.tilted.answer(past)

    def flagged(self, past: Past) -> dict[str, float]:
        """The assets with a risk flag, and their mean scores, weighted by confidence. No score takes a flag away."""
        found = self.scores.recent(past, self.days).items()
        means = {asset: float(np.average(each[:, 0], weights=each[:, 1])) for asset, each in found if each[:, 1].any()}
        return {asset: mean for asset, mean in means.items() if mean <= self.flag}
