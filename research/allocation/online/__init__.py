"""Online portfolios: weights that learn from each day's returns without a model of them.

In the papers a portfolio learns from its first day on and trades each day, free of cost. Here it learns from the last
`window` returns, beginning with equal weights before the first of them, so that its target is a function of a window of
the past like that of any estimate; it learns each day whatever its schedule, and what trading costs is the engine's.
"""

from research.allocation.online.anticor import Anticor, anticor_weights
from research.allocation.online.exponential_gradient import ExponentialGradient, exponential_gradient_weights
from research.allocation.online.universal import UniversalPortfolio, universal_weights

__all__ = [
    "Anticor",
    "ExponentialGradient",
    "UniversalPortfolio",
    "anticor_weights",
    "exponential_gradient_weights",
    "universal_weights",
]
