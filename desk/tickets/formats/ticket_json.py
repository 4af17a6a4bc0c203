"""The whole ticket as JSON, as docs/schemas/ticket-1.json describes it."""

import json
from typing import BinaryIO

from desk.tickets.ticket import SCHEMA, Ticket

BEGIN = f'{{\n  "schema": {SCHEMA},\n  "hash": "'


def write(ticket: Ticket) -> bytes:
    """The document of the ticket, with its hash second; UTF-8."""
    whole = {"schema": SCHEMA, "hash": ticket.hash, **ticket.document}
    return f"{json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds a ticket."""
    return file.read(len(BEGIN)) == BEGIN.encode()
