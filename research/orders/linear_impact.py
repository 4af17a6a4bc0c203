"""The linear price impact of Almgren and Chriss: expected cost and risk of trading an order in equal intervals.

An order of X units is traded in N intervals of τ sessions, n_k units at a constant rate in interval k, so that x_k are
left after it. A trade moves the price by γ a unit for good, and costs ε a unit and η times its rate besides.
Source : Almgren and Chriss (2000), Optimal Execution of Portfolio Transactions, Journal of Risk 3, sections
         1.4 (linear impact) and 2.2 (schedules of least cost and risk).
"""

import math

import numpy as np

from foundation.arguments import check_positive, is_number, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass


@dataclass(frozen=True)
class LinearImpact:
    """Linear impact of the orders of one asset.

    volatility  : σ, currency per unit and √session.
    half_spread : ε, currency per unit.
    temporary   : η, currency per unit at a rate of one unit a session.
    permanent   : γ, currency per unit for each unit traded.
    Raises      : ConfigError for a number that is not finite, or below zero, and for a volatility of zero.
    """

    volatility: float
    half_spread: float
    temporary: float
    permanent: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_positive(volatility=self.volatility)
        for name in ("half_spread", "temporary", "permanent"):
            value = getattr(self, name)
            if not (is_number(value) and value >= 0.0):
                refuse(f"{name} of linear impact is", value, "give a finite number that is at least 0.")

    @classmethod
    def from_costs(cls, quantity: float, half_spread: float, impact: float, volatility: float) -> "LinearImpact":
        """The linear impact by which even trading over one session costs what an order is expected to cost.

        The 3/2-power law of `research.accounting.Impact` charges an order by its share of the volume of a session, and
        so does not depend on the order's pace in it. Linear impact agrees with it at that even pace alone: it charges
        faster trading more than the law does, as the rate and not as its square root, and slower trading less.

        quantity    : units of the order.
        half_spread : expected cost of the spread, currency.
        impact      : expected cost of impact, currency.
        volatility  : currency per unit and √session.
        """
        return cls(volatility, half_spread / quantity, impact / quantity**2)

    def adjusted(self, interval: float) -> float:
        """η̃ = η − γτ/2, the temporary impact less the part of permanent impact within an interval of τ sessions.

        Raises : ConfigError where it is not above zero: then no schedule costs least.
        """
        adjusted = self.temporary - 0.5 * self.permanent * interval
        if not adjusted > 0.0:
            least = f"half of permanent × {interval:g} sessions"
            fix = f"it must be more than {least}. State costs with impact, or less permanent impact."
            refuse("temporary of linear impact is", self.temporary, fix)
        return adjusted

    def cost(self, trades: Array, interval: float) -> float:
        """The expected cost of trades, currency: E = ½γX² + εΣ|n| + (η̃/τ)Σn².

        trades   : (N,) units of each interval.
        interval : length of an interval, τ, sessions.
        """
        adjusted = self.temporary - 0.5 * self.permanent * interval
        of_rate = adjusted / interval * float(trades @ trades)
        return (
            0.5 * self.permanent * float(trades.sum()) ** 2 + self.half_spread * float(np.abs(trades).sum()) + of_rate
        )

    def risk(self, trades: Array, interval: float) -> float:
        """The standard deviation of that cost, currency: √V with V = σ²τ Σ x_k², k from 1 to N.

        trades   : (N,) units of each interval.
        interval : length of an interval, τ, sessions.
        """
        left = trades.sum() - np.cumsum(trades)
        return self.volatility * math.sqrt(interval * float(left @ left))

    def urgency(self, risk_aversion: float, interval: float) -> float:
        """κ, 1/session, of the schedule that costs the least E + λV: (2/τ²)(cosh κτ − 1) = λσ²/η̃.

        risk_aversion : λ, 1/currency.
        interval      : length of an interval, τ, sessions.
        """
        squared = risk_aversion * self.volatility**2 / self.adjusted(interval)
        return 2.0 * math.asinh(0.5 * interval * math.sqrt(squared)) / interval  # cosh a − 1 = 2 sinh²(a/2)
