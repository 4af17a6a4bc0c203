"""The accounting: costs, the self-financing step, the order of a day, and the view and the answers of a policy."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.accounting.costs import Costs
    from research.accounting.execution import Execution, Flows
    from research.accounting.function_costs import costs_from_function
    from research.accounting.impact import Impact
    from research.accounting.tax import Tax
    from research.accounting.view import CASH_LINE, Hold, Policy, Trade, View, Why
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
