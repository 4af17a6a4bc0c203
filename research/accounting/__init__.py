"""The accounting: costs, the self-financing step, the order of a day, and the view and the answers of a policy."""

from research.accounting.costs import Costs
from research.accounting.execution import Execution, Flows
from research.accounting.function_costs import costs_from_function
from research.accounting.impact import Impact
from research.accounting.tax import Tax
from research.accounting.view import CASH_LINE, Hold, Policy, Trade, View, Why

__all__ = [
    "CASH_LINE",
    "Costs",
    "Execution",
    "Flows",
    "Hold",
    "Impact",
    "Policy",
    "Tax",
    "Trade",
    "View",
    "Why",
    "costs_from_function",
]
