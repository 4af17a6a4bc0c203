"""Faults of a journal, each at its entry.

An entry fits where its hash is that of its fields and it names the hash of the entry before. One that does not is
changed, or stands at another place than that at which it was written; its hash tells which.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from desk.journal.chain import START, Head
from desk.journal.journal import COLUMNS, Journal
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from foundation.paper.wording import counted
from foundation.sqlite_tables import digest

PLACES_NEAR = 16  # places that are tried before and after
ALL_ENTRIES = f"SELECT {COLUMNS} FROM entries NOT INDEXED ORDER BY sequence"


@dataclass(frozen=True)
class ChainFault:
    """A fault. sequence : number of the entry. text : a sentence."""

    sequence: int
    text: str


@dataclass(frozen=True)
class VerifiedChain:
    """The outcome.

    head   : of the entries that are there.
    behind : number of them that `journal.head` does not count: a process was killed between the two.
    faults : in the order of their entries.
    """

    head: Head
    behind: int
    faults: tuple[ChainFault, ...]

    @property
    def alarm(self) -> str:
        """A sentence, without its period, on the first fault and the number of others; "" where there is none."""
        if not self.faults:
            return ""
        more = f", and {len(self.faults) - 1:,} more: rebalance desk journal --verify" if len(self.faults) > 1 else ""
        return f"the journal was altered: {self.faults[0].text.rstrip('.')}{more}"

    @property
    def text(self) -> str:
        """A sentence a fault, or that there is none."""
        if self.faults:
            return "\n".join(fault.text for fault in self.faults)
        late = (
            f" The last {self.behind:,} are in no head yet: the process that wrote them was killed."
            if self.behind
            else ""
        )
        count = counted(self.head.count, "entry", "entries")
        return f"{count}, none changed, removed or added. Head: {self.head.sha256}.{late}"


def verify(journal: Journal, witnesses: Mapping[str, Head] | None = None) -> VerifiedChain:
    """Read all entries and check their chain up to the head.

    witnesses : by name, heads that tickets, manifests or sheets state; the journal must have had them.
    """
    scan = _Scan(journal.rows)
    try:
        with journal.snapshot() as stated:
            scan.run()
            ends = {"journal.head": stated} | dict(witnesses or {})
            scan.faults += [fault for name, end in ends.items() for fault in scan.against(name, end)]
            scan.faults += () if scan.faults else _of_indexes(journal.rows)
    except DataError as error:  # of a file that SQLite does not open
        return VerifiedChain(START, 0, (ChainFault(1, f"No entry can be read. {error}"),))
    head = Head(scan.place, scan.sha256.decode("ascii", "replace"))
    faults = sorted(dict.fromkeys(scan.faults), key=lambda fault: fault.sequence)
    return VerifiedChain(head, 0 if stated is None else max(head.count - stated.count, 0), tuple(faults))


@dataclass
class _Scan:
    """A pass over the rows, as bytes.

    place, sha256 : of the last row that was read.
    is_whole      : false where that row is faulty itself; the next one then need not fit it.
    shift         : places by which rows stand later than they were written, since the last row that did.
    broken        : places of faulty rows.
    """

    rows: sqlite3.Connection
    place: int = 0
    sha256: bytes = START.sha256.encode()
    is_whole: bool = True
    shift: int = 0
    faults: list[ChainFault] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Read all rows that can be read."""
        try:
            for sequence, *others, sha256 in self.rows.execute(ALL_ENTRIES):
                fits = _fits(sequence, others, sha256)
                if not (fits and sequence == self.place + 1 and others[-2] == self.sha256):
                    self._look(sequence, others, sha256, fits)
                else:
                    self.place, self.is_whole = sequence, True
                self.sha256 = sha256
        except sqlite3.DatabaseError as error:
            self._fault(self.place + 1, f"it and those after it cannot be read ({error})")

    def against(self, name: str, end: Head | None) -> Iterator[ChainFault]:
        """The faults by which the rows are not those of a head that was stated."""
        if end is None:
            yield ChainFault(self.place, f"{name} states no head: the end of the journal cannot be checked.")
        elif end.count > self.place:
            yield _missing(self.place + 1, end.count, f": {name} states {counted(end.count, 'entry', 'entries')}")
        elif end.count and end.count not in self.broken:
            row = self.rows.execute("SELECT sha256 FROM entries WHERE sequence = ?", [end.count]).fetchone()
            if row and row[0] != end.sha256.encode():
                yield ChainFault(
                    end.count, f"Entry {end.count:,} is another than {name} states: the journal was rewritten."
                )

    def _look(self, sequence: int, others: list[Any], sha256: Any, fits: bool) -> None:
        """Say what is wrong with a row that does not fit, or with the rows before it."""
        expected, was_whole = self.place + 1, self.is_whole
        self.place, self.is_whole = sequence, fits
        if fits:
            self.shift = 0
            if sequence > expected:
                self.faults.append(_missing(expected, sequence - 1))
            elif was_whole:
                self._fault(expected - 1, f"entry {sequence:,} follows another one: this one was put in its place")
        elif sequence != expected and _fits(expected, others, sha256):
            self.place = expected
            self._fault(expected, f"its number was changed to {sequence:,}")
        else:
            if sequence > expected:
                self.faults.append(_missing(expected, sequence - 1))
            self.broken.add(sequence)
            self._displaced(sequence, others, sha256)

    def _displaced(self, sequence: int, others: list[Any], sha256: Any) -> None:
        """Say where a row was written that stands at another place nearby, or that it was changed."""
        near = (sequence - self.shift, *range(sequence - PLACES_NEAR, sequence + PLACES_NEAR + 1))
        written = next((place for place in near if _fits(place, others, sha256)), None)
        if written is None:
            self._fault(sequence, "it was changed: its hash is not that of its fields")
        elif sequence - written != self.shift:
            self.shift = sequence - written
            self._fault(min(sequence, written), f"what was written as entry {written:,} stands at {sequence:,}")

    def _fault(self, sequence: int, what: str) -> None:
        self.broken.add(sequence)
        self.faults.append(ChainFault(sequence, f"Entry {sequence:,}: {what}."))


def _of_indexes(rows: sqlite3.Connection) -> Iterator[ChainFault]:
    """Faults of the indexes, by which entries are found: the entries themselves fit."""
    for (text,) in rows.execute("PRAGMA integrity_check"):
        if text != b"ok":
            row = re.search(rb"row (\d+)", text)
            yield ChainFault(int(row[1]) if row else 0, f"{text.decode('utf-8', 'replace')}: in SQLite, use REINDEX.")


def _missing(first: int, last: int, why: str = "") -> ChainFault:
    """The fault of entries that are not there."""
    what = f"Entries {first:,} to {last:,} are" if last > first else f"Entry {first:,} is"
    return ChainFault(first, f"{what} missing{why}.")


def _fits(sequence: int, others: list[Any], sha256: Any) -> bool:
    """True if this is the hash of a row at this place; a value that is no text has none."""
    try:
        return digest(sequence, others).encode() == sha256
    except TypeError:
        return False
