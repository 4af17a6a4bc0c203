"""The cycles that were run, a line each from the journal.

What makes a cycle is imported where a record is read: the list needs the journal alone.
"""

from heapq import nlargest
from pathlib import Path
from typing import Any

from desk.commands.cycle.kept_path import ID, kept_path
from desk.journal import Journal
from desk.journal.chain import Entry
from desk.journal.records import CycleRun
from desk.journal.tickets import execution_status, moment_text
from desk.journal.verify import verify
from foundation.errors import ConfigError
from foundation.paper.text_tables import warnings_text
from foundation.paper.wording import counted


def history_text(limit: int, portfolio: str = "", pages: Path | None = None) -> str:
    """The cycles of the newest sessions, a line each, by session and then by run; and whether the journal was altered.

    limit     : number of them.
    portfolio : name of a portfolio, "" for all.
    pages     : folder into which the page of each is written, as `<portfolio>-<record>.html`.
    Raises    : ConfigError where there is no journal; for pages DataError where a record was changed or is not there.
    """
    with Journal(read_only=True) as journal:
        newest, alarm = newest_cycles(journal, limit, portfolio), verify(journal).alarm
    found = [one for one, _ in newest]
    if pages is not None:
        from desk.commands.cycle.records import write_page
        from desk.cycle.cycle import checked_record

        for one in found:
            kept = kept_path(one.portfolio, one.record)
            write_page(pages / f"{one.portfolio}-{kept.stem}.html", checked_record(kept, one.record.sha256))
    lines = [
        f"{one.record.session}  run {moment_text(one)[:-7]} UTC  {one.record.sha256[:ID]}  {one.portfolio}  "
        f"{status}, {one.record.chosen}: {one.record.headline}"
        for one, status in newest
    ]
    said = "\n".join(lines) or "The journal has no such cycle."
    return said + warnings_text([f"{alarm[0].upper()}{alarm[1:]}."] if alarm else [])


def newest_cycles(journal: Journal, limit: int, portfolio: str = "") -> list[tuple[Entry, str]]:
    """The entries of the cycles of the newest sessions, by session and then by run, and what became of each decision.

    limit     : number of them.
    portfolio : name of a portfolio, "" for all.
    """
    wanted: dict[str, Any] = {"portfolio": portfolio} if portfolio else {}
    entries = journal.entries(kind=CycleRun.kind, **wanted)
    newest = nlargest(limit, entries, key=lambda one: (one.record.session, one.sequence))[::-1]
    return [(one, execution_status(journal, one.ticket) or one.record.status) for one in newest]


def record_text(start: str) -> str:
    """The kept record of a cycle as text: its briefing and its hand-overs.

    start  : of the sha256 of the record, as `history_text` shows it.
    Raises : ConfigError where no record of the journal begins so, or several do; DataError for one that was changed.
    """
    from desk.cycle.briefing import briefing
    from desk.cycle.cycle import checked_record
    from desk.cycle.screen import timeline

    with Journal(read_only=True) as journal:
        found = [each for each in journal.entries(kind=CycleRun.kind) if each.record.sha256.startswith(start)]
        if len(found) != 1:
            count = counted(len(found), "record begins", "records begin")
            raise ConfigError(f"the id is {start!r}: {count} so. Take an id from: rebalance desk history")
        (one,) = found
        status = execution_status(journal, one.ticket)
    document = checked_record(kept_path(one.portfolio, one.record), one.record.sha256)
    return f"{briefing(document, status)}\n\n{timeline(document)}"
