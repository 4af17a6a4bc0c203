"""Tickets that a person signs and a broker takes, from trade lists of one account or many."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from desk.tickets.review import Review
    from desk.tickets.ticket import make_ticket
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
