"""The long-only weights of least variance: a control that needs no settings."""

from dataclasses import dataclass
from typing import ClassVar

from research.allocation.answer import Answer, Explained
from research.allocation.estimated import EstimationSchedule, check_estimate
from research.allocation.optimised.mean_variance import MeanVariance
from research.forecast import Estimated
from research.market import Past


@dataclass(frozen=True)
class MinimumVariance(Explained):
    """The long-only weights of least variance on a Ledoit-Wolf covariance: a control without settings of its own.

    It is `MeanVariance` without bounds; its answer says which lines are held at zero.
    window : number of returns, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises : ConfigError for settings outside these; on its schedule, DataError for a line whose returns do not vary.
    Source : Ledoit, Wolf (2004), A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices.
    """

    window: int = 252
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("MinimumVariance", self.window, self.schedule)

    def answer(self, past: Past) -> Answer:
        """(n,) weights that sum to one over the lines with a complete window; zero for the others."""
        return MeanVariance(forecast=Estimated(window=self.window), schedule=self.schedule).answer(past)
