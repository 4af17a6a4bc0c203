"""The least risk of a window's returns under constraints: in the tail, of drawdowns, or below the mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from research.allocation.answer import NotSolvedError
from research.allocation.constrained.bounds import Bound
from research.allocation.constrained.on_window import OnWindow
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.records import Constraints
from research.allocation.estimated import EstimationSchedule, check_estimate, check_length, check_level
from research.allocation.risk_based.risks import RISKS, RiskName, risk_of
from research.arguments import check_positive, one_of
from research.arrays import Array

NONE = 1e-9  # a period: less than this is no risk


@dataclass(frozen=True)
class MinimumRisk(OnWindow):
    """The weights of least risk in a window of returns.

    risk        : "cvar", the mean loss of the worst 1 - level of the periods; "evar", the entropic value at risk, a
                  bound of CVaR that looks at all losses; "cdar", the mean drawdown of the worst 1 - level of the
                  periods; "max_drawdown"; "semi_deviation" below the mean. Drawdowns are those of summed returns.
    window      : number of returns, above the number of lines.
    level       : of the first three, from 0 to 1; the window holds more than 1 / (1 - level) returns.
    lower, upper : bounds of single lines, see MeanVariance.
    constraints : that the weights keep besides; those of volatility take the sample covariance of the window.
    periods_per_year : returns a year.
    schedule    : "day", "week", "month", "quarter" or "year".
    Raises      : ConfigError for settings outside these; DataError for no more returns than lines; NotSolvedError, with
                  a smallest conflicting set, where no weights keep all, and where weights without any loss do.
    Source      : see `research.allocation.risk_based.risks`.
    """

    risk: RiskName = "cvar"
    window: int = 252
    level: float = 0.95
    lower: Bound = 0.0
    upper: Bound = 1.0
    constraints: Constraints = field(default_factory=Constraints)
    periods_per_year: float = 252.0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        one_of("risk of MinimumRisk is", self.risk, RISKS)
        check_estimate("MinimumRisk", self.window, self.schedule)
        check_level("MinimumRisk", self.level, self.window)
        check_positive(periods_per_year=self.periods_per_year)
        self.freeze_bounds()

    def found(self, limits: Limits, returns: Array, absent: Sequence[str]) -> Optimum:
        """The weights (k,) within limits of the k lines of returns (T, k), a period."""
        check_length("MinimumRisk", returns, limits.assets)
        risk = risk_of(self.risk, returns, self.level, self.periods_per_year)
        found = optimum(limits, Aim(risk.objective, risk.unit, parts=risk.parts))
        if found.value <= NONE:
            raise NotSolvedError(
                f"weights within the limits have no loss in the {self.window} sessions: the least {risk.unit} is "
                f"{found.value:.3g}, which does not say what is risky. Give a longer window, or exclude lines that "
                "never fall"
            )
        return found
