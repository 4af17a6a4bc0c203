"""The journal: an append-only record, chained by hash, of lists, approvals, orders and fills."""

from desk.journal.chain import Entry, Event, Head
from desk.journal.journal import Journal, journal_head
from desk.journal.tickets import list_event, ticket_event, ticket_state
from desk.journal.verify import verify

__all__ = ["Entry", "Event", "Head", "Journal", "journal_head", "list_event", "ticket_event", "ticket_state", "verify"]
