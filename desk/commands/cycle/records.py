"""The records of cycles that were run: their files, their pages, and what became of their decisions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from desk.commands.cycle.kept_path import kept_path
from desk.cycle.alternatives import DEFER
from desk.cycle.analysis import WAITS
from desk.cycle.briefing import NOT_STATED, Sending
from desk.cycle.cycle import checked_record, rounded_values
from desk.cycle.decision import STOPPED
from desk.cycle.monitor import QUIET, counted_rows
from desk.cycle.outcomes import alternative_losses, expected_outcome, regret
from desk.cycle.page import cycle_html
from desk.journal import Journal
from desk.journal.chain import Event
from desk.journal.records import CycleOutcome, CycleRun
from desk.journal.tickets import execution_status, filled_units
from foundation.arguments import refuse
from foundation.errors import InputError
from foundation.files import replacing
from research.accounting import Policy
from research.accounting.costs import BASIS_POINT
from research.portfolio import Portfolio


def write_record(path: Path, document: Mapping[str, Any]) -> None:
    """Write the record of a cycle, whole or not at all."""
    _write(path, (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)


def past_words(journal: Journal, portfolio: Portfolio, policy: Policy) -> list[str]:
    """Journal the outcomes of earlier cycles that are known by now, and say what became of them.

    Of several cycles of a session, the last counts of those that were executed, or else of all. The outcome is that of
    no order where the list might not be sent, and where the file acts and nothing of it was filled.
    """
    last, acts = _last_of_sessions(journal, portfolio), portfolio.cycle.acts is not None
    outcomes_so_far = (e.record for e in journal.entries(kind=CycleOutcome.kind, portfolio=portfolio.name))
    known = {(each.cycle, each.sessions): each for each in outcomes_so_far}
    new, said = list[CycleOutcome](), list[str]()
    for cycle, ticket in last:
        passed = int((portfolio.market.dates > pd.Timestamp(cycle.session)).sum())
        if all(rows > passed or (cycle.sha256, rows) in known for rows in WAITS):
            continue
        try:
            document = checked_record(kept_path(portfolio.name, cycle), cycle.sha256)
            found = alternative_losses(document, portfolio, policy)
        except InputError as error:
            said.append(f"The outcome of the cycle of {cycle.session} is not known: {error}")
            continue
        is_idle = acts and bool(ticket) and not filled_units(journal, ticket)
        taken = DEFER if is_idle or cycle.status in STOPPED else cycle.chosen
        new += [
            CycleOutcome(
                cycle.sha256, cycle.session, rows, taken, rounded_values(losses), rounded_values(regret(losses, taken)),
                *expected_outcome(document, taken, rows),
            )
            for rows, losses in found.items()
            if taken in losses and (cycle.sha256, rows) not in known
        ]  # fmt: skip
    journal.append([Event(each, portfolio=portfolio.name) for each in new])
    of_last = {cycle.sha256 for cycle, _ in last}
    judged = [each for each in (*known.values(), *new) if each.cycle in of_last]
    words = list(filter(None, (_regret_words(judged, rows, portfolio) for rows in WAITS)))
    early = "Losses of days so early hold the costs, and little of what orders save in a year"
    return [*said, *([f"Earlier decisions: {'; '.join(words)}. {early}."] if words else [])]


def _regret_words(found: Sequence[CycleOutcome], rows: int, portfolio: Portfolio) -> str:
    """The outcome of earlier cycles some rows later beside what was expected; "" where none is known."""
    judged = [each for each in found if each.sessions == rows]
    if not judged:
        return ""
    best, mean = sum(each.regret == 0.0 for each in judged), sum(each.regret for each in judged) / len(judged)
    after, was = counted_rows(portfolio, rows), "was" if best == 1 else "were"
    worth = f"{mean * BASIS_POINT * portfolio.nav:,.0f} {portfolio.basis}"
    said = f"after {after} {best} of {len(judged)} {was} the best", f"mean regret {mean:.2f} bp or {worth}"
    shares = [each.expected_best for each in judged if each.expected_best is not None]
    regrets = [each.expected_regret for each in judged if each.expected_regret is not None]
    if len(shares) < len(judged):  # records of before these were stated
        return ", ".join(said)
    return f"{said[0]} (expected {sum(shares):.1f}), {said[1]} (expected {sum(regrets) / len(regrets):.2f})"


def _last_of_sessions(journal: Journal, portfolio: Portfolio) -> list[tuple[CycleRun, str]]:
    """The cycle of each session that counts, without quiet ones, and its ticket.

    After one that was executed, another sees what is left to do.
    """
    last = dict[str, tuple[str, CycleRun | None]]()  # by session its ticket, too; quiet ones would fill the memory
    for entry in journal.entries(kind=CycleRun.kind, portfolio=portfolio.name):
        record, before = entry.record, last.get(entry.record.session)
        if before is None or execution_status(journal, entry.ticket) or not execution_status(journal, before[0]):
            last[record.session] = entry.ticket, None if record.monitor == QUIET else record
    return [(cycle, ticket) for ticket, cycle in last.values() if cycle is not None]


def check_records(paths: Iterable[Path]) -> None:
    """Refuse paths to which neither a record, .json, nor its page, .html, can be written. Raises ConfigError."""
    for path in paths:
        if path.is_dir():
            refuse("--record is", str(path), "it is a folder: give the path of a file.")
        if path.suffix not in (".json", ".html"):
            refuse("--record is", str(path), "end it with .html or .json.")


def write_page(path: Path, document: Mapping[str, Any], status: str = "", sending: Sending = NOT_STATED) -> None:
    """Write the page of the record of a cycle, with the outcomes that the journal has of it and of earlier ones.

    status  : what became of its decision, where the journal has none of its orders.
    sending : how its list goes.
    """
    request, decision = (document["steps"][k]["output"] for k in (0, 5))
    with Journal(read_only=True) as journal:
        status = execution_status(journal, decision["ticket"]) or status
        known = [each.record for each in journal.entries(kind=CycleOutcome.kind, portfolio=request["portfolio"])]
    earlier = [each for each in known if each.session <= request["last_close"]]
    _write(path, cycle_html(document, earlier, status, sending).encode())
