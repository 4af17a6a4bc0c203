"""The journal on the terminal: entries, verification, export, approvals of tickets, and why an order was made."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from desk.journal.chain import ENTRY_FIELDS, Entry, Head
from desk.journal.journal import Journal
from desk.journal.records import text_of
from desk.journal.tickets import judge, moment_text
from desk.journal.verify import verify
from desk.journal.why import why_ordered
from desk.tickets.order_ids import list_id
from foundation.arguments import refuse
from foundation.errors import DataError
from foundation.files import replacing
from foundation.paper.cells import cell_text
from foundation.paper.text_tables import wrapped

ENTRIES_SHOWN = 20


def entries_text(ticket: str = "", order: str = "", last: int | None = None) -> str:
    """Entries of a ticket or an order, a line each.

    ticket : the beginning of its hash, "" for all.
    order  : client id, "" for all.
    last   : number of the newest entries; None gives all of a ticket or an order, else 20.
    """
    wanted: dict[str, Any] = {name: value for name, value in (("ticket", ticket), ("order", order)) if value}
    with Journal(read_only=True) as journal:
        found = list(journal.entries(last=last or (None if wanted else ENTRIES_SHOWN), **wanted))
    return "\n".join(map(_line, found)) or "The journal has no such entry."


def _line(entry: Entry) -> str:
    about = " ".join(filter(None, (entry.portfolio, list_id(entry.ticket), entry.order)))
    return f"{entry.sequence:>8,}  {moment_text(entry)}  {entry.user}  {entry.kind}  {about}: {text_of(entry.record)}"


def verified_text(files: Sequence[Path] = ()) -> tuple[str, bool]:
    """The outcome of a verification in sentences, and true if there is a fault.

    files  : JSON of tickets or manifests, whose `journal` states a head that the journal must have had. What was made
             before the first entry has none, and a sentence says so.
    Raises : DataError for a file that is no JSON, or whose `journal` is no head.
    """
    heads, without = dict[str, Head](), list[str]()
    for path in files:
        try:
            if (stated := json.loads(path.read_bytes()).get("journal")) is None:
                without.append(
                    f"{path} states no head of a journal, as one that was made before the first entry: the journal was "
                    "not held against it."
                )
            else:
                heads[str(path)] = Head(int(stated["count"]), str(stated["sha256"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            fix = "Give the JSON of a ticket or a manifest, as it was written."
            raise DataError(f"{path} has no `journal` with count and sha256. {fix}") from error
    with Journal(read_only=True) as journal:
        found = verify(journal, heads)
    return "\n".join([found.text, *without]), bool(found.faults)


def export_journal(out: Path) -> str:
    """Write all entries to a file: JSON lines (.jsonl), or CSV with the record as JSON (.csv). Gives a sentence.

    Raises : ConfigError for another ending.
    """
    forms = {".jsonl": _json_lines, ".csv": _csv_lines}
    if out.suffix not in forms:
        refuse("--out is", str(out), f"end it with {' or '.join(forms)}.")
    with Journal(read_only=True) as journal, replacing(out) as file:
        for line in forms[out.suffix](journal.entries()):
            file.write(line)
    return f"Written to {out}."


def _json_lines(entries: Iterator[Entry]) -> Iterator[bytes]:
    for entry in entries:
        yield f"{json.dumps(vars(entry), ensure_ascii=False)}\n".encode()


def _csv_lines(entries: Iterator[Entry]) -> Iterator[bytes]:
    from desk.tickets.formats.order_csv import csv_bytes

    yield csv_bytes([ENTRY_FIELDS])
    for entry in entries:
        yield csv_bytes([[cell_text(value) for value in entry.values]])


def judge_ticket(path: Path, refusal: str = "", user: str | None = None) -> str:
    """Journal that a user approves the ticket of a file, or refuses it. Gives a sentence with the state of the ticket.

    refusal : why it is refused; "" approves it.
    user    : None takes the user of the system.
    Raises  : as `read_ticket_file` and `judge` do.
    """
    from desk.tickets.formats.ticket_json import read_ticket_file

    document = read_ticket_file(path)
    with Journal(user=user) as journal:
        kept, state = judge(journal, document, str(path.absolute()), refusal)
    again = "" if kept.is_new else f"Nothing was written: entry {kept.entry.sequence:,} says so. "
    about = f"list {list_id(document['hash'])} of {document['portfolio']}: {document['headline']}"
    return f"{again}{path} is {about}\n{state.text}"


def why_text(order: str) -> str:
    """The sentences on an order, from its fills back to the data."""
    with Journal(read_only=True) as journal:
        return "\n".join(map(wrapped, why_ordered(journal, order)))
