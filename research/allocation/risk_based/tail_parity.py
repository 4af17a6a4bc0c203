"""Tail parity: risk parity and budgets of CVaR, under constraints."""

from collections.abc import Sequence
from dataclasses import dataclass

from foundation.arrays import Array
from research.allocation.answer import NotSolvedError
from research.allocation.constrained.on_window import OnWindow
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.optimum import Optimum, optimum
from research.allocation.estimated import check_length
from research.allocation.risk_based.budgets import Budgets, check_names, frozen_budgets, refuse_few_lines, shares
from research.allocation.risk_based.parity import parity
from research.allocation.risk_based.risks import risk_of
from research.market import Past


@dataclass(frozen=True, repr=False)
class TailParity(OnWindow):
    """Weights whose contributions to CVaR are equal, or in given proportions, as far as constraints allow.

    A line's contribution is its mean loss, times its weight, in the sessions in which the portfolio loses most. Where
    the worst sessions change with the weights, which sessions lie in the tail is shared so that the contributions meet.

    budgets : share of the CVaR by line, see RiskParity.
    Others  : as of `OnWindow`.
    Raises  : as RiskParity; DataError for a window of no more returns than lines; NotSolvedError where some weights
              within the limits have no loss in the tail: no proportions of a loss are defined.
    Source  : Boudt, Carl, Peterson (2013), Asset Allocation with Conditional Value-at-Risk Budgets; Alankar,
              DePalma, Scholes (2013), An Introduction to Tail Risk Parity.
    """

    budgets: Budgets = ()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        object.__setattr__(self, "budgets", frozen_budgets("TailParity", self.budgets))
        refuse_few_lines("TailParity", self.constraints)

    def check(self, past: Past) -> None:
        """Raise ConfigError for names that the market of a past does not have."""
        super().check(past)
        check_names("TailParity", self.budgets, past.assets)

    def found(self, limits: Limits, returns: Array, absent: Sequence[str]) -> Optimum:
        """The weights (k,) within limits of the k lines of returns (T, k), a period."""
        check_length("TailParity", returns, limits.assets)
        risk = risk_of("cvar", returns, self.level, self.periods_per_year)
        budgets, limits = shares(self.budgets, limits, absent)
        least = optimum(limits, risk.aim)
        if least.value <= 0.0:
            raise NotSolvedError(
                f"weights within the limits have no loss in the worst {1.0 - self.level:.4g} of the window, whose CVaR "
                f"is {least.value:.3g}: there is no loss to share. Give a longer window, or exclude lines that "
                "never fall"
            )
        return parity(limits, budgets, risk, "weight to CVaR ratio")
