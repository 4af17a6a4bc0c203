"""Risk parity and budgets of volatility, under constraints."""

from dataclasses import dataclass, field
from typing import ClassVar

from research.allocation.constrained.bounds import Bound
from research.allocation.constrained.on_forecast import OnForecast, root_of_moments
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.optimum import Optimum
from research.allocation.constraints.records import Constraints
from research.allocation.estimated import EstimationSchedule, check_schedule
from research.allocation.risk_based.budgets import Budgets, check_names, frozen_budgets, refuse_few_lines, shares
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risks import volatility
from research.arguments import check_positive
from research.forecast import Estimated, Forecast, Moments
from research.market import Past


@dataclass(frozen=True)
class RiskParity(OnForecast):
    """Weights whose contributions to volatility are equal, or in given proportions, as far as constraints allow.

    Where a constraint binds, the weights are those of least volatility over the geometric mean of weights / budgets.

    forecast    : of covariances.
    budgets     : share of the variance by line, fraction; lines that are not named share what is left equally, and are
                  not held where nothing is. Lines without a complete window, and those that are excluded, leave theirs
                  to the others in proportion.
    lower, upper : bounds of single lines, see MeanVariance.
    constraints : that the weights keep besides; the price of one is in units of the mean of weight / budget, which is 1
                  where weights equal their budgets.
    periods_per_year : returns a year.
    schedule    : "day", "week", "month", "quarter" or "year".
    Raises      : ConfigError for settings outside these and for a limit of the number of lines; NotSolvedError where no
                  weights keep all, and where none of these hold every line with a budget.
    Source      : Maillard, Roncalli, Teiletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios;
                  Bruder, Roncalli (2012), Managing Risk Exposures Using the Risk Budgeting Approach.
    """

    forecast: Forecast = field(default_factory=Estimated)
    budgets: Budgets = ()
    lower: Bound = 0.0
    upper: Bound = 1.0
    constraints: Constraints = field(default_factory=Constraints)
    periods_per_year: float = 252.0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("RiskParity", self.schedule)
        check_positive(periods_per_year=self.periods_per_year)
        self.freeze_bounds()
        object.__setattr__(self, "budgets", frozen_budgets("RiskParity", self.budgets))
        refuse_few_lines("RiskParity", self.constraints)

    def check(self, past: Past) -> None:
        """Raise ConfigError for names that the market of a past does not have."""
        super().check(past)
        check_names("RiskParity", self.budgets, past.assets)

    def found(self, limits: Limits, moments: Moments, past: Past) -> Optimum:
        """The weights (k,) within limits, for a forecast of a year."""
        absent = [name for name in past.assets if name not in moments.assets]
        budgets, limits = shares(self.budgets, limits, absent)
        return parity(limits, budgets, volatility(root_of_moments(moments)), "weight to volatility ratio")
