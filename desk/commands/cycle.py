"""A cycle of a portfolio file from its prices to its record in the journal, and the records of earlier cycles."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from desk.commands.orders.trades import check_out, policy_now, save_trades, today_of
from desk.cycle.alternatives import DEFER
from desk.cycle.analysis import WAITS
from desk.cycle.cycle import Cycle, checked_record, rounded, run_cycle
from desk.cycle.monitor import QUIET
from desk.cycle.outcomes import expected, outcomes, regret
from desk.cycle.replay import replayed
from desk.cycle.screen import screen, timeline
from desk.journal import Journal
from desk.journal.chain import Entry, Event
from desk.journal.journal import utc_now
from desk.journal.records import CycleOutcome, CycleRun, Record
from desk.journal.tickets import moment_text, ticket_state
from desk.tickets import make_ticket
from foundation.arguments import day
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.files import replacing
from foundation.home import home_folder
from foundation.paper.wording import counted
from foundation.progress import bar
from research.accounting import Policy
from research.market.calendars import row_name
from research.portfolio import Portfolio, load_portfolio

CYCLES = "cycles"  # folder of the records, within that of the journal


@dataclass(frozen=True, eq=False)
class Ran:
    """A cycle that was run.

    text     : what it says.
    cycle    : the cycle.
    document : its record.
    is_new   : false where the same cycle ran before.
    """

    text: str
    cycle: Cycle
    document: Mapping[str, Any]
    is_new: bool

    @property
    def asks(self) -> bool:
        """True if a person is asked to look at it."""
        return self.cycle.decision.status == "awaiting approval"


def make_cycle(
    file: Path,
    as_of: str = "",
    out: tuple[str, ...] = (),
    export: Path | None = None,
    reports: Path | None = None,
    *,
    with_timeline: bool = False,
    trust_code: bool | None = None,
) -> Ran:
    """Run a cycle of a portfolio file, journal it and keep its record; once for the same file, data and day.

    as_of  : day of the cycle, YYYY-MM-DD; later closes are left out; "" takes that of the exchange.
    out    : paths to which the list of the decision is written, in the formats of their endings.
    export : path to which the record is written as JSON, too.
    reports : folder of the runs, for the policy that they recommend.
    Raises : as `load_portfolio`, `policy_now` and `run_cycle` do; DataError for a journal that was altered.
    """
    check_out(out, reports)
    with Journal() as journal, bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code, as_of=as_of or None)
        policy, name, run = policy_now(portfolio, "", reports)
        progress.stage("running the cycle")
        past = _past(journal, portfolio, policy)
        today = today_of(as_of, portfolio.market.calendar)
        made = run_cycle(portfolio, policy, name, run, today, utc_now)
        document = made.document
        content = (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
        record = CycleRun(
            session=f"{portfolio.date:%Y-%m-%d}",
            status=made.decision.status,
            monitor=made.monitor.status,
            chosen=made.decision.chosen,
            headline=made.decision.listed.headline,
            sha256=document["sha256"],
        )
        if not (kept := _kept(portfolio, record)).exists():
            _write(kept, content)  # before the journal states it
        (entry,) = journal.append([Event(record, portfolio=portfolio.name, run=run)])
        sent = _sent(journal, made)
    if export is not None:
        _write(export, content)
    said = [timeline(made) if with_timeline else screen(made), *past]
    if not entry.is_new:
        said.append(f"The same cycle ran on {moment_text(entry.entry)}: nothing new is journalled.")
    if sent:
        said.append(sent)
    if out:
        said.append(_written(made, out, reports))
    return Ran("\n\n".join(said), made, document, entry.is_new)


def replay_text(file: Path, first: str, last: str, reports: Path | None = None, trust_code: bool | None = None) -> str:
    """The cycle of a portfolio file over history, beside its plain policy. Nothing is journalled.

    first, last : days, YYYY-MM-DD.
    Raises      : as `load_portfolio`, `policy_now` and `replayed` do.
    """
    for name, given in {"--from": first, "--to": last}.items():
        day(f"{name} is", given)
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        policy, name, _ = policy_now(portfolio, "", reports)
        progress.stage("playing the cycle")
        return replayed(portfolio, policy, name, first, last).text


def _kept(portfolio: Portfolio, cycle: CycleRun) -> Path:
    """The file that keeps the record of a cycle."""
    return home_folder() / CYCLES / portfolio.name / f"{cycle.session}-{cycle.sha256[:8]}.json"


def _past(journal: Journal, portfolio: Portfolio, policy: Policy) -> list[str]:
    """Journal the outcomes of earlier cycles that are known by now, and say what became of them.

    Of several cycles of a session, the last counts. A vetoed list was not sent: the outcome is that of no order.
    """
    last = {entry.record.session: entry.record for entry in _entries(journal, CycleRun, portfolio)}
    known = {(e.record.cycle, e.record.sessions): e.record for e in _entries(journal, CycleOutcome, portfolio)}
    new, said = list[CycleOutcome](), list[str]()
    for cycle in last.values():
        if cycle.monitor == QUIET or all((cycle.sha256, rows) in known for rows in WAITS):
            continue
        try:
            document = checked_record(_kept(portfolio, cycle), cycle.sha256)
            found = outcomes(document, portfolio, policy)
        except (DataError, ConfigError, PolicyError) as error:
            said.append(f"The outcome of the cycle of {cycle.session} is not known: {error}")
            continue
        taken = DEFER if cycle.status == "vetoed" else cycle.chosen
        new += [
            CycleOutcome(
                cycle.sha256, cycle.session, rows, taken, rounded(losses), rounded(regret(losses, taken)),
                *expected(document, taken, rows),
            )
            for rows, losses in found.items()
            if taken in losses and (cycle.sha256, rows) not in known
        ]  # fmt: skip
    journal.append([Event(each, portfolio=portfolio.name) for each in new])
    of_last = {cycle.sha256 for cycle in last.values()}
    judged = [each for each in (*known.values(), *new) if each.cycle in of_last]
    words = list(filter(None, (_regret_words(judged, rows, portfolio) for rows in WAITS)))
    return [*said, *([f"Earlier decisions: {'; '.join(words)}."] if words else [])]


def _regret_words(found: Sequence[CycleOutcome], rows: int, portfolio: Portfolio) -> str:
    """The outcome of earlier cycles some rows later beside what was expected; "" where none is known."""
    judged = [each for each in found if each.sessions == rows]
    if not judged:
        return ""
    best, mean = sum(each.regret == 0.0 for each in judged), sum(each.regret for each in judged) / len(judged)
    row, was = row_name(portfolio.periods_per_year), "was" if best == 1 else "were"
    after = counted(rows, "session" if row == "day" else row)
    said = f"after {after} {best} of {len(judged)} {was} the best", f"mean regret {mean:.2f} bp"
    shares = [each.expected_best for each in judged if each.expected_best is not None]
    regrets = [each.expected_regret for each in judged if each.expected_regret is not None]
    if len(shares) < len(judged):  # records of before these were stated
        return ", ".join(said)
    return f"{said[0]} (expected {sum(shares):.1f}), {said[1]} (expected {sum(regrets) / len(regrets):.2f})"


def _entries(journal: Journal, record: type[Record], portfolio: Portfolio) -> list[Entry]:
    return list(journal.entries(kind=record.kind, portfolio=portfolio.name))


def _sent(journal: Journal, made: Cycle) -> str:
    """A sentence where the list of the decision was sent before, which a file without a book does not know."""
    listed = made.decision.listed
    if not listed.sized.moved.any() or listed.portfolio.blotter is not None:
        return ""
    state = ticket_state(journal, make_ticket(listed).hash)
    advice = "The file names no book: what it holds is as before. docs/book.md says how to keep one."
    return f"These orders were sent on {moment_text(state.sent[0])}. {advice}" if state.sent else ""


def _written(made: Cycle, out: tuple[str, ...], reports: Path | None) -> str:
    """Write the list of the decision, unless it is vetoed, and say so; one that escalates asks for an approval."""
    decision, listed = made.decision, made.decision.listed
    if decision.status == "vetoed":
        return "Nothing was written: the orders are vetoed."
    if any(each.effect == "escalates" for each in decision.controls):
        terms = listed.portfolio.ticket
        asked = replace(listed.portfolio, ticket=replace(terms, approvals=max(terms.approvals, 1)))
        listed = replace(listed, portfolio=asked)
    return save_trades(listed, out, reports)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)


def history_text(limit: int, portfolio: str = "") -> str:
    """The newest cycles, a line each, the newest last.

    limit     : number of them.
    portfolio : name of a portfolio, "" for all.
    Raises    : ConfigError where there is no journal.
    """
    wanted = {"kind": CycleRun.kind} | ({"portfolio": portfolio} if portfolio else {})
    with Journal(read_only=True) as journal:
        found = list(journal.entries(last=limit, **wanted))
    lines = [
        f"{one.record.session}  {one.portfolio}  {one.record.status}, {one.record.chosen}: {one.record.headline}"
        for one in found
    ]
    return "\n".join(lines) or "The journal has no such cycle."
