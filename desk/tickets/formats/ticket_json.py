"""The whole ticket as JSON, as docs/schemas/ticket-2.json describes it; version 1 is read, too."""

import json
from pathlib import Path
from typing import Any, BinaryIO

from desk.tickets.ticket import TICKET_SCHEMA, Ticket
from foundation.arguments import shown
from foundation.canonical import content_hash
from foundation.errors import DataError

BEGIN = f'{{\n  "schema": {TICKET_SCHEMA},\n  "hash": "'
BEGINNINGS = [BEGIN, BEGIN.replace(f"{TICKET_SCHEMA}", "1")]  # the beginnings of the versions that are read
NOT_HASHED = ("path", "journal")  # keys that the hash does not cover


def write(ticket: Ticket) -> bytes:
    """The document of the ticket, with its hash second, and then what stands beside that; UTF-8."""
    whole = {"schema": TICKET_SCHEMA, "hash": ticket.hash, **ticket.beside, **ticket.document}
    return f"{json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds a ticket."""
    return file.read(len(BEGIN)).decode("utf-8", "replace") in BEGINNINGS


def read_ticket_file(path: str | Path) -> dict[str, Any]:
    """The document of a ticket, with its hash and what stands beside that, as it was written.

    Raises : OSError for a file that cannot be read; DataError for one that is no ticket, and for one that was changed.
    """
    with open(path, "rb") as file:
        if not is_ours(file):
            raise DataError(_why_not_ours(Path(path)))
    try:
        document: dict[str, Any] = json.loads(Path(path).read_bytes())
        stated = document.pop("hash")
        beside = {key: document.pop(key) for key in NOT_HASHED if key in document}
        found = content_hash(document)
    except ValueError as error:
        raise DataError(f"{path} was changed: it is no JSON any more ({error}). Make the list anew.") from error
    if stated != found:
        raise DataError(f"{path} was changed: it states the hash {shown(stated)}, and has {found}. Make the list anew.")
    return {"hash": stated, **beside, **document}


def _why_not_ours(path: Path) -> str:
    """A sentence on a file that does not begin as a ticket: another program may have written one anew."""
    try:
        is_rewritten = {"schema", "hash", "orders"} <= set(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError):
        is_rewritten = False
    if is_rewritten:
        return (
            f"{path} holds a ticket whose bytes were changed, such as by an editor that formats. Take the file as it "
            "was, or make the list again, to another file: the same file, data and request give the same bytes."
        )
    return f"{path} is no ticket: give a JSON that `rebalance trades FILE --out trades.json` wrote."
