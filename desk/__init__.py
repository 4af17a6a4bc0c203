"""All that needs a clock, a network, a secret or a person's approval: tickets, commands, the command line."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from desk.exchange.portfolio_manager import IExchange, PortfolioManager

__all__ = ["IExchange", "PortfolioManager"]


def __getattr__(name: str) -> Any:
    """Import what users name only then: the command line starts without it."""
    if name not in __all__:
        raise AttributeError(f"module 'desk' has no attribute {name!r}")
    from desk.exchange import portfolio_manager

    return getattr(portfolio_manager, name)
