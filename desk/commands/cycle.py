"""A cycle of a portfolio file from its prices to its record in the journal, and the records of earlier cycles."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from desk.commands.orders import acting, book
from desk.commands.orders.trades import check_out, policy_now, save_trades, today_of
from desk.cycle.alternatives import DEFER
from desk.cycle.analysis import WAITS
from desk.cycle.cycle import Cycle, checked_record, rounded, run_cycle
from desk.cycle.decision import STOPPED, Control, control
from desk.cycle.monitor import QUIET
from desk.cycle.outcomes import expected, outcomes, regret
from desk.cycle.page import cycle_html
from desk.cycle.reality import NOT_COMPARED, Reality
from desk.cycle.replay import replayed
from desk.cycle.screen import screen, timeline
from desk.journal import Journal
from desk.journal.chain import Event
from desk.journal.journal import Kept, utc_now
from desk.journal.records import CycleOutcome, CycleRun
from desk.journal.tickets import execution_status, moment_text, ticket_state
from desk.journal.verify import verify
from foundation.arguments import day, refuse
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.files import replacing
from foundation.home import home_folder
from foundation.paper.wording import counted
from foundation.progress import bar
from research.accounting import Policy
from research.market.calendars import row_name
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.book import read_book

CYCLES = "cycles"  # folder of the records and of the tickets that are sent, within that of the journal
JOURNAL = "journal"  # name of a control
NOT_SENT = "not sent"  # status of a decision that was to be sent, and that a check refused
ASKING = ("awaiting approval", "unreconciled")  # statuses of a decision in which a person is asked


@dataclass(frozen=True, eq=False)
class Ran:
    """A cycle that was run.

    text     : what it says.
    cycle    : the cycle.
    document : its record.
    is_new   : false where the same cycle ran before.
    status   : of its decision; executed, partly executed or not sent where it was to be sent.
    asks     : true if a person is asked to look at it.
    later    : session in which the same cycle is to run again, to send its list then; "" for none.
    """

    text: str
    cycle: Cycle
    document: Mapping[str, Any]
    is_new: bool
    status: str
    asks: bool = False
    later: str = ""

    @property
    def executed(self) -> bool:
        """True if all orders of the decision were filled."""
        return self.status == "executed"


def make_cycle(
    file: Path,
    as_of: str = "",
    out: tuple[str, ...] = (),
    export: Path | None = None,
    reports: Path | None = None,
    *,
    act: bool = True,
    with_timeline: bool = False,
    trust_code: bool | None = None,
) -> Ran:
    """Run a cycle of a portfolio file, journal it and keep its record; once for the same file, data and day.

    Where the file says `cycle: {acts: …}`, its book is held beside the venue first, and the list of a decision within
    these limits is sent, journalled and booked. A cycle that was killed goes on with its list.

    as_of  : day of the cycle, YYYY-MM-DD; later closes are left out; "" takes that of the exchange.
    out    : paths to which the list of the decision is written, in the formats of their endings.
    export : path to which the record is written as JSON, too.
    reports : folder of the runs, for the policy that they recommend.
    act    : false to send nothing, whatever is decided.
    Raises : as `load_portfolio`, `policy_now` and `run_cycle` do; DataError for a journal whose head was altered;
             ConfigError while another process sends a list of the portfolio.
    """
    check_out(out, reports)
    with Journal() as journal, bar(None, "reading prices") as progress:

        def load() -> Portfolio:
            return load_portfolio(file, trust_code=trust_code, as_of=as_of or None)

        portfolio = load()
        today, held = today_of(as_of, portfolio.market.calendar), acting.held_back(act)
        assert today is not None  # a text always gives a day
        given, desk = _given(journal, portfolio), _desk(file, portfolio)
        if desk is None:
            before, reality = "", _not_compared(portfolio)
        else:
            before, reality, portfolio = _begun(desk, portfolio, load, journal, today, held or _without(given))
        policy, name, run = policy_now(portfolio, "", reports)
        progress.stage("running the cycle")
        past = _past(journal, portfolio, policy)
        made = run_cycle(portfolio, policy, name, run, today, utc_now, reality=reality, given=given)
        entry, document = _journalled(journal, made, run)
        status, outcome = made.decision.status, acting.Outcome(_sent(journal, made))
        if desk is not None and status == "finalised" and made.decision.ticket:
            outcome = acting.Outcome(f"Nothing is sent: {held}.") if held else acting.send(desk, made, today)
            status = (execution_status(journal, made.decision.ticket) or NOT_SENT) if outcome.is_tried else status
    if export is not None:
        _write(export, _content(document))
    said = [*([before] if before else []), timeline(made) if with_timeline else screen(made, status), *past]
    if not entry.is_new:
        said.append(f"The same cycle ran on {moment_text(entry.entry)}: nothing new is journalled.")
    if outcome.text:
        said.append(outcome.text)
    if out:
        said.append(_written(made, out, reports))
    asks = status in ASKING or outcome.asks or given[0].effect != "passes"
    return Ran("\n\n".join(said), made, document, entry.is_new, status, asks, outcome.later)


def _given(journal: Journal, portfolio: Portfolio) -> list[Control]:
    """The control of the journal, and that of the second key where one is asked for."""
    faults, key = verify(journal).faults, acting.second_key(portfolio)
    more = f", and {len(faults) - 1:,} more: rebalance journal verify" if len(faults) > 1 else ""
    said = f"the journal was altered: {faults[0].text.rstrip('.')}{more}" if faults else ""
    return [control(JOURNAL, "vetoes", bool(faults), said, "the journal is whole"), *([key] if key else [])]


def _without(given: Sequence[Control]) -> str:
    """The sentences of the controls that do not pass; "" where all do."""
    return "; ".join(each.sentence for each in given if each.effect != "passes")


def _desk(file: Path, portfolio: Portfolio) -> acting.Desk | None:
    """The place at which the cycle acts; None for a file without a venue or a book."""
    acts, name = portfolio.cycle.acts, book.named_in(file)
    if acts is None:
        return None
    return acting.Desk(file, name, acts.venue, home_folder() / CYCLES / portfolio.name) if name else None


def _not_compared(portfolio: Portfolio) -> Reality:
    what = "names no book" if portfolio.blotter is None else "names no venue: its book is trusted"
    return replace(NOT_COMPARED, sentence=f"Nothing is reconciled: the file {what}.")


def _begun(
    desk: acting.Desk,
    portfolio: Portfolio,
    load: Callable[[], Portfolio],
    journal: Journal,
    today: pd.Timestamp,
    held: str,
) -> tuple[str, Reality, Portfolio]:
    """Finish the last list of the book, and hold the book beside the venue.

    load    : loads the portfolio, of which fills may be booked.
    held    : why nothing is sent, or "".
    Returns : what came of the last list in words, the comparison, and the portfolio as the book has it then.
    """
    said = ""
    if read_book(desk.book).blotter.open:
        said = "\n".join(acting.finish(desk, journal, held))
        portfolio = load()
    before = read_book(desk.book)
    reality = acting.compared(desk, portfolio, journal, today)
    return said, reality, portfolio if read_book(desk.book) == before else load()


def _journalled(journal: Journal, made: Cycle, run: str) -> tuple[Kept, dict[str, Any]]:
    """Keep the record of a cycle and journal it, before anything is sent. Gives its entry, and the record."""
    document, portfolio, decision = made.document, made.portfolio, made.decision
    record = CycleRun(
        session=f"{portfolio.date:%Y-%m-%d}",
        status=decision.status,
        monitor=made.monitor.status,
        chosen=decision.chosen,
        headline=decision.listed.headline,
        sha256=document["sha256"],
    )
    if not (kept := _kept(portfolio.name, record)).exists():
        _write(kept, _content(document))  # before the journal states it
    (entry,) = journal.append([Event(record, portfolio.name, decision.ticket, run)])
    return entry, document


def _content(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


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


def _kept(portfolio: str, cycle: CycleRun) -> Path:
    """The file that keeps the record of a cycle.  portfolio : its name."""
    return home_folder() / CYCLES / portfolio / f"{cycle.session}-{cycle.sha256[:8]}.json"


def _past(journal: Journal, portfolio: Portfolio, policy: Policy) -> list[str]:
    """Journal the outcomes of earlier cycles that are known by now, and say what became of them.

    Of several cycles of a session, the last counts of those that were executed, or else of all. A list that may not be
    sent was not: the outcome is that of no order.
    """
    last = _last_of_sessions(journal, portfolio)
    outcomes_so_far = (e.record for e in journal.entries(kind=CycleOutcome.kind, portfolio=portfolio.name))
    known = {(each.cycle, each.sessions): each for each in outcomes_so_far}
    new, said = list[CycleOutcome](), list[str]()
    for cycle in last:
        passed = int((portfolio.market.dates > pd.Timestamp(cycle.session)).sum())
        if all(rows > passed or (cycle.sha256, rows) in known for rows in WAITS):
            continue
        try:
            document = checked_record(_kept(portfolio.name, cycle), cycle.sha256)
            found = outcomes(document, portfolio, policy)
        except (DataError, ConfigError, PolicyError) as error:
            said.append(f"The outcome of the cycle of {cycle.session} is not known: {error}")
            continue
        taken = DEFER if cycle.status in STOPPED else cycle.chosen
        new += [
            CycleOutcome(
                cycle.sha256, cycle.session, rows, taken, rounded(losses), rounded(regret(losses, taken)),
                *expected(document, taken, rows),
            )
            for rows, losses in found.items()
            if taken in losses and (cycle.sha256, rows) not in known
        ]  # fmt: skip
    journal.append([Event(each, portfolio=portfolio.name) for each in new])
    of_last = {cycle.sha256 for cycle in last}
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


def _last_of_sessions(journal: Journal, portfolio: Portfolio) -> list[CycleRun]:
    """The cycle of each session that counts, without quiet ones: after one that was executed, another sees what is left
    to do."""
    last = dict[str, tuple[str, CycleRun | None]]()  # by session its ticket, too; quiet ones would fill the memory
    for entry in journal.entries(kind=CycleRun.kind, portfolio=portfolio.name):
        record, before = entry.record, last.get(entry.record.session)
        if before is None or execution_status(journal, entry.ticket) or not execution_status(journal, before[0]):
            last[record.session] = entry.ticket, None if record.monitor == QUIET else record
    return [cycle for _, cycle in last.values() if cycle is not None]


def _sent(journal: Journal, made: Cycle) -> str:
    """A sentence where the list of the decision was sent before, which a file without a book does not know."""
    if not made.decision.ticket or made.portfolio.blotter is not None:
        return ""
    state = ticket_state(journal, made.decision.ticket)
    advice = "The file names no book: what it holds is as before. docs/book.md says how to keep one."
    return f"These orders were sent on {moment_text(state.sent[0])}. {advice}" if state.sent else ""


def _written(made: Cycle, out: tuple[str, ...], reports: Path | None) -> str:
    """Write the list of the decision, unless it may not be sent, and say so."""
    decision = made.decision
    if decision.is_stopped:
        what = "are vetoed" if decision.status == "vetoed" else "rest on a book that differs from its venue"
        return f"Nothing was written: the orders {what}."
    return save_trades(decision.to_send, out, reports)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)


def check_page(path: Path) -> None:
    """Refuse a path of a page that does not end with .html. Raises ConfigError."""
    if path.suffix != ".html":
        refuse("--page is", str(path), "end it with .html.")


def write_page(path: Path, document: Mapping[str, Any], status: str = "") -> None:
    """Write the page of the record of a cycle, with the outcomes that the journal has of it and of earlier ones.

    status : what became of its decision, where the journal has none of its orders.
    """
    request, decision = (document["steps"][k]["output"] for k in (0, 5))
    with Journal(read_only=True) as journal:
        status = execution_status(journal, decision["ticket"]) or status
        known = [each.record for each in journal.entries(kind=CycleOutcome.kind, portfolio=request["portfolio"])]
    earlier = [each for each in known if each.session <= request["last_close"]]
    _write(path, cycle_html(document, earlier, status).encode())


def history_text(limit: int, portfolio: str = "", pages: Path | None = None) -> str:
    """The newest cycles, a line each, the newest last.

    limit     : number of them.
    portfolio : name of a portfolio, "" for all.
    pages     : folder into which the page of each is written, as `<portfolio>-<record>.html`.
    Raises    : ConfigError where there is no journal; for pages DataError where a record was changed or is not there.
    """
    wanted = {"kind": CycleRun.kind} | ({"portfolio": portfolio} if portfolio else {})
    with Journal(read_only=True) as journal:
        found = list(journal.entries(last=limit, **wanted))
        states = [execution_status(journal, one.ticket) or one.record.status for one in found]
    if pages is not None:
        for one in found:
            kept = _kept(one.portfolio, one.record)
            write_page(pages / f"{one.portfolio}-{kept.stem}.html", checked_record(kept, one.record.sha256))
    lines = [
        f"{one.record.session}  {one.portfolio}  {status}, {one.record.chosen}: {one.record.headline}"
        for one, status in zip(found, states, strict=True)
    ]
    return "\n".join(lines) or "The journal has no such cycle."
