"""Tickets that a person signs and a broker takes, from trade lists of one account or many."""

from desk.tickets.review import Review
from desk.tickets.ticket import make_ticket

__all__ = ["Review", "make_ticket"]
