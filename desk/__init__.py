"""All that needs a clock, a network, a secret or a person's approval: tickets, commands, the command line."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from desk.commands.orders.portfolio_manager import IExchange, PortfolioManager
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
