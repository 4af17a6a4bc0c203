"""Values that are taken where a portfolio file states none, and the marks of those that nobody stated."""

from typing import Literal

Assumable = Literal["costs", "fees", "half_spread", "tracking_penalty", "materiality_bps", "day_cost", "cash"]

MATERIALITY = 1.0  # margin, bp of NAV a year
ASSUMED_DAY, ASSUMED_IN = 25.0, ("USD", "EUR", "GBP", "CHF", "CAD", "AUD")  # cost of a trading day
FEE_MARKS = ("costs", "fees")  # of what an order pays besides its half-spread
COST_MARKS = (*FEE_MARKS, "half_spread")
COSTED = (*COST_MARKS, "tracking_penalty", "day_cost")  # at which an expected loss is counted
