"""Another allocation's target, tilted by scores of news, as far as tilts by earlier scores earned that.

Scores are a forecast (`research.forecast.news`), beyond means that are those so far; `Tilted` does the rest.
"""

import numpy as np

from foundation.arguments import cut, is_number, is_whole, refuse, shown
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError
from research.allocation.answer import Answer
from research.allocation.estimated import check_estimate
from research.allocation.tilted import Tilt, Tilted
from research.forecast import EWMAVolatility, Forecast
from research.forecast.model import refuse_earlier
from research.forecast.news import NewsForecast, Scores
from research.market import Past


@dataclass(frozen=True, kw_only=True, repr=False)
class NewsTilt(Tilted):
    """Another allocation's target, tilted toward assets with good news; its sum stays.

    scores     : scores of news. None is used that was published on or after the day, was known only after it, or was
                 published by the training cut-off of the model that gave it.
    horizon    : rows of the market that a score is about.
    days       : calendar days before today's from which news counts.
    flag       : mean score, weighted by confidence, below 0, at or below which an asset has a risk flag.
    estimate   : number of returns of the correlations.
    placebo    : seed with which the scores of each asset are shuffled over its days; None leaves them as they are.
    Others     : as of `Tilted`, whose forecast is that of the scores.
    Raises     : as `Tilted`; on its schedule, PolicyError on a day before the training cut-off.
    Source     : Grinold (1994), Alpha is Volatility Times IC Times Score.
    """

    forecast: Forecast = field(init=False)
    scores: Scores
    horizon: int = 21
    days: int = 30
    flag: float = -0.5
    estimate: int = 252
    placebo: int | None = None

    def __post_init__(self) -> None:
        """Check the settings, and make the forecast of the scores."""
        check_estimate("NewsTilt", self.estimate, self.schedule)
        for name in ("days", "horizon"):
            if not is_whole(value := getattr(self, name)) or value < 1:
                refuse(f"{name} of NewsTilt is", value, "give a whole number, at least 1.")
        if not (is_number(self.flag) and -1.0 <= self.flag < 0.0):
            refuse("flag of NewsTilt is", self.flag, "give a score from -1 to below 0, such as -0.5.")
        scores = self.scores if self.placebo is None else self.scores.shuffled(self.placebo)
        news = NewsForecast(scores, EWMAVolatility(estimate=self.estimate), self.horizon, self.days)
        object.__setattr__(self, "forecast", news)
        super().__post_init__()

    def check(self, past: Past) -> None:
        """Raise ConfigError for a score or a constraint of an asset that the market does not have."""
        super().check(past)
        unknown = sorted({row.asset for row in self.scores.rows} - set(past.assets))
        if unknown:
            raise ConfigError(
                f"{self.scores.file} has scores of {shown(unknown[0])}, which is no asset of the portfolio: these are "
                f"{cut(', '.join(past.assets))}. Leave its rows out, or add the asset."
            )

    def _found(self, past: Past) -> tuple[Answer, Tilt, tuple[str, ...]]:
        """As of `Tilted`.  Raises : PolicyError on a day before the training cut-off of the model of the scores."""
        refuse_earlier(f"the model of the scores in {self.scores.file} was", self.scores.seen, past)
        return super()._found(past)

    def flagged(self, past: Past) -> dict[str, float]:
        """The assets with a risk flag, and their mean scores, weighted by confidence. No score takes a flag away."""
        found = self.scores.recent(past, self.days).items()
        means = {asset: float(np.average(each[:, 0], weights=each[:, 1])) for asset, each in found if each[:, 1].any()}
        return {asset: mean for asset, mean in means.items() if mean <= self.flag}
