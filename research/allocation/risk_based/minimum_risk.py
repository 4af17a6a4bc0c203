"""The least risk of a window's returns under constraints: in the tail, of drawdowns, or below the mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from foundation.arguments import one_of
from foundation.arrays import Array
from research.allocation.answer import NotSolvedError
from research.allocation.constrained.on_window import OnWindow
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.optimum import Optimum, optimum
from research.allocation.estimated import check_length
from research.allocation.risk_based.risks import RISKS, RiskName, risk_of

NONE = 1e-9  # a period: less than this is no risk


@dataclass(frozen=True, repr=False)
class MinimumRisk(OnWindow):
    """The weights of least risk in a window of returns.

    risk   : "cvar", the mean loss of the worst 1 - level of the periods; "evar", the entropic value at risk, a
             bound of CVaR that looks at all losses; "cdar", the mean drawdown of the worst 1 - level of the
             periods; "max_drawdown"; "semi_deviation" below the mean. Drawdowns are those of summed returns.
    Others : as of `OnWindow`; the level is that of the first three.
    Raises : as `OnWindow`; DataError for a window of no more returns than lines; NotSolvedError where weights without
             any loss keep the constraints.
    Source : see `research.allocation.risk_based.risks`.
    """

    risk: RiskName = "cvar"

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of("risk of MinimumRisk is", self.risk, RISKS)

    def found(self, limits: Limits, returns: Array, absent: Sequence[str]) -> Optimum:
        """The weights (k,) within limits of the k lines of returns (T, k), a period."""
        check_length("MinimumRisk", returns, limits.assets)
        risk = risk_of(self.risk, returns, self.level, self.periods_per_year)
        found = optimum(limits, risk.aim)
        if found.value <= NONE:
            raise NotSolvedError(
                f"weights within the limits have no loss in the {self.window} sessions: the least {risk.unit} is "
                f"{found.value:.3g}, which does not say what is risky. Give a longer window, or exclude lines that "
                "never fall"
            )
        return found
