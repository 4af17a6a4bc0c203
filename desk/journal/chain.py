"""Entries of a journal, each of which holds the hash of the one before it, and its own.

The sha256 of an entry is that of its other fields, a line each in the order of `Entry`, so that any tool can check it.
No field has a line break: fields that are cut or joined otherwise have another hash.
"""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from desk.journal.records import RECORDS, EntryContent
from desk.tickets.order_ids import plain_value
from foundation.arguments import first_fault, refuse
from foundation.canonical import canonical_json
from foundation.dataclasses import asdict, dataclass, fields
from foundation.errors import DataError
from foundation.sqlite_tables import digest


@dataclass(frozen=True, order=True)
class Head:
    """The end of a chain: the number of its entries, and the sha256 of the last."""

    count: int
    sha256: str


START = Head(0, "0" * 64)


@dataclass(frozen=True)
class Event:
    """A record that is to be journalled.

    portfolio : the name that the portfolio file gives, "" where none is known.
    ticket    : hash of the ticket.
    run       : name of the run that recommends the policy, or "".
    order     : client id of the order, or "".
    """

    record: EntryContent
    portfolio: str = ""
    ticket: str = ""
    run: str = ""
    order: str = ""


@dataclass(frozen=True)
class Entry:
    """An entry.

    sequence  : place from 1.
    moment    : in UTC, as 2026-11-25T16:03:12.000451Z; one for all entries of an append.
    user      : the user of the system who made it.
    portfolio, ticket, run, order : as in `Event`.
    kind      : one of `RECORDS`.
    key       : identity of the record; no other entry has it.
    previous  : sha256 of the entry before, zeros in the first.
    content   : the record as canonical JSON.
    sha256    : of all fields above, hex.
    """

    sequence: int
    moment: str
    user: str
    portfolio: str
    kind: str
    key: str
    ticket: str
    run: str
    order: str
    previous: str
    content: str
    sha256: str

    @property
    def values(self) -> tuple[int | str, ...]:
        """The values of its fields."""
        return tuple(vars(self).values())

    @property
    def record(self) -> Any:
        """The record, of the class of its kind. Raises DataError for content that is none."""
        try:
            return adapter(self.kind).validate_json(self.content)
        except (KeyError, ValidationError) as error:
            why = first_fault(error) if isinstance(error, ValidationError) else f"{self.kind!r} is no kind"
            raise DataError(
                f"entry {self.sequence} of the journal: {why}. Run: rebalance desk journal --verify"
            ) from None


ENTRY_FIELDS = tuple(field.name for field in fields(Entry))


@cache
def adapter(kind: str) -> TypeAdapter[Any]:
    """A reader of records of one kind."""
    return TypeAdapter(RECORDS[kind])


def entry_of(event: Event, head: Head, moment: str, user: str) -> Entry:
    """The entry that follows a head.

    Raises : ConfigError for a line break outside the record, and for values that JSON does not have, such as NaN.
    """
    about = {key: value for key, value in vars(event).items() if key != "record"} | {"user": user}
    for name, value in about.items():
        if "\n" in value:
            refuse(f"{name} is", value, "an entry of the journal takes one line.")
    kind, values = event.record.kind, asdict(event.record)  # type: ignore[call-overload]
    try:
        content = canonical_json(plain_value(values))
        key = canonical_json(plain_value({name: (about | values)[name] for name in event.record.identity}))
        about |= {"kind": kind, "key": f"{kind} {key}", "moment": moment, "previous": head.sha256, "content": content}
        sha256 = digest(head.count + 1, [about[name].encode() for name in ENTRY_FIELDS[1:-1]])
        return Entry(sequence=head.count + 1, sha256=sha256, **about)
    except ValueError as error:
        refuse(f"the {kind} is", values, f"it cannot be written as JSON in UTF-8 ({error}).")
