"""Risk parity and budgets of volatility, under constraints."""

from dataclasses import dataclass

from research.allocation.constrained.on_forecast import OnForecast, root_of_moments
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.optimum import Optimum
from research.allocation.risk_based.budgets import Budgets, check_names, frozen_budgets, refuse_few_lines, shares
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risks import volatility
from research.forecast import Moments
from research.market import Past


@dataclass(frozen=True, repr=False)
class RiskParity(OnForecast):
    """Weights whose contributions to volatility are equal, or in given proportions, as far as constraints allow.

    Where a constraint binds, the weights are those of least volatility over the geometric mean of weights / budgets.

    budgets : share of the variance by line, fraction; lines that are not named share what is left equally, and are not
              held where nothing is. Lines without a complete window, and those that are excluded, leave theirs to the
              others in proportion.
    Others  : as of `OnForecast`, whose forecast is one of covariances; the price of a constraint is in units of the
              mean of weight / budget, which is 1 where weights equal their budgets.
    Raises  : as `OnForecast`; ConfigError for a limit of the number of lines; NotSolvedError where no weights within
              the limits hold every line with a budget.
    Source  : Maillard, Roncalli, Teiletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios;
              Bruder, Roncalli (2012), Managing Risk Exposures Using the Risk Budgeting Approach.
    """

    budgets: Budgets = ()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
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
