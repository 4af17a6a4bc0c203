"""Tickets that a person signs and a broker takes, from trade lists of one account or many."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from desk.tickets.review import Review
    from desk.tickets.ticket import make_ticket

__all__ = ["Review", "make_ticket"]


def __getattr__(name: str) -> Any:
    """Import what makes a ticket only then: the journal needs the ids of orders alone."""
    if name not in __all__:
        raise AttributeError(f"module 'desk.tickets' has no attribute {name!r}")
    from desk.tickets import review, ticket

    return getattr(review if name == "Review" else ticket, name)
