"""A cycle of a portfolio file from its prices to its record in the journal, and the records of earlier cycles."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.runs.folder import reports_folder
from desk.commands.cycle.kept_path import CYCLES, kept_path
from desk.commands.cycle.live import recorded_book
from desk.commands.cycle.records import past_words, write_record
from desk.commands.data import delays_of
from desk.commands.orders import acting, book
from desk.commands.orders.trades import check_out, policy_now, save_trades, today_of
from desk.cycle.briefing import NOT_STATED, Sending, next_steps
from desk.cycle.cycle import Cycle, run_cycle
from desk.cycle.decision import JOURNAL_CONTROL, OPEN_ORDERS, Control, control
from desk.cycle.live_break import live_reading
from desk.cycle.reality import NOT_COMPARED, PATIENT, Reality
from desk.cycle.replay import replayed
from desk.cycle.screen import screen, status_line, timeline
from desk.exchange.stops import stop_words
from desk.exchange.venues import check_venue
from desk.journal import Journal
from desk.journal.chain import Event
from desk.journal.journal import Kept, utc_now
from desk.journal.records import CycleRun
from desk.journal.tickets import execution_status, moment_text, ticket_state
from desk.journal.verify import verify
from foundation.arguments import day
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from foundation.home import home_folder
from foundation.progress import bar
from research.orders.price_age import halted
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.known_on import books_moment
from research.portfolio.holdings.book_file import read_book

NOT_SENT = "not sent"  # status of a decision that was to be sent, and that a check refused
LOST_ASSET = "Find out whether it was suspended, renamed, merged or delisted: docs/book.md says how each is booked."
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
    sending  : how its list goes.
    """

    text: str
    cycle: Cycle
    document: Mapping[str, Any]
    is_new: bool
    status: str
    asks: bool = False
    sending: Sending = NOT_STATED


def make_cycle(
    file: Path,
    as_of: str = "",
    out: tuple[str, ...] = (),
    reports: Path | None = None,
    *,
    act: bool = True,
    with_timeline: bool = False,
    trust_code: bool | None = None,
) -> Ran:
    """Run a cycle of a portfolio file, journal it and keep its record; once for the same file, data and day.

    Where the file says `cycle: {acts: …}`, its book is held beside the venue first, and the list of a decision within
    these limits is sent, journalled and booked. A cycle that was killed goes on with its list.

    as_of  : day of the cycle, YYYY-MM-DD; later closes are left out; "" takes that of the exchange. Not one before the
             last trade of the book, where later closes are known: it does not say what was held then.
    out    : paths to which the list of the decision is written, in the formats of their endings.
    reports : folder of the runs, for the policy that they recommend.
    act    : false to send nothing, whatever is decided.
    Raises : as `load_portfolio`, `policy_now` and `run_cycle` do; DataError for a journal whose head was altered;
             ConfigError while another process sends a list of the portfolio.
    """
    check_out(out, reports or reports_folder(file))
    with Journal() as journal, bar(None, "reading prices") as progress:

        def load() -> Portfolio:
            return load_portfolio(file, trust_code=trust_code, as_of=as_of or None)

        portfolio = load()
        today, held = today_of(as_of, portfolio.market.calendar), acting.held_back(act)
        assert today is not None  # a text always gives a day
        given, desk = _given(journal, portfolio), _desk(file, portfolio)
        if desk is not None and books_moment() is not None:
            what = f"{file} acts, and its book is read as it was known before: it would send what was sent since"
            raise ConfigError(f"{what}. Leave --as-known-on out, or ask for the list of then: rebalance trades")
        last = acting.NO_LIST
        if desk is None:
            before, reality = "", _not_compared(portfolio)
        else:
            last = last if _without(given) else acting.send_waiting_list(desk, portfolio, today)
            before, reality, portfolio = _begun(desk, load, journal, today, held or _without(given))
            before = "\n\n".join(filter(None, (last.text, before)))
        policy, name, run = policy_now(portfolio, "", reports)
        progress.stage("running the cycle")
        past = past_words(journal, portfolio, policy)
        live = live_reading(portfolio, policy, name, recorded_book(file))
        made = run_cycle(portfolio, policy, name, run, today, utc_now, reality=reality, given=given, readings=live)
        entry, document = _journalled(journal, made, run)
        status, outcome = made.decision.status, acting.ListOutcome(_sent(journal, made))
        if (desk is not None or not act) and status == "finalised" and made.decision.ticket:
            held = acting.held_back(act)  # a person may have paused since
            stopped = acting.ListOutcome(f"Nothing is sent: {held}.")
            outcome = stopped if held or desk is None else acting.send_list(desk, made, today)
            status = (execution_status(journal, made.decision.ticket) or NOT_SENT) if outcome.is_tried else status
    told = f"{timeline(document)}\n\n{status_line(status)}" if with_timeline else screen(made, status)
    said = [*([before] if before else []), told, *past]
    if not entry.is_new:
        said.append(f"The same cycle ran on {moment_text(entry.entry)}: nothing new is journalled.")
    sending = Sending(
        file=str(file),
        venue="" if portfolio.cycle.acts is None else portfolio.cycle.acts.venue,
        held="" if outcome.is_tried or outcome.later else outcome.text.rstrip("."),
        later=outcome.later,
        stop=stop_words(),
        is_fetched=bool(delays_of(file)),
        written=next((each for each in out if each.endswith(".json")), ""),
    )
    if outcome.text and not (sending.held and status == "finalised"):  # then it is the next step
        said.append(outcome.text)
    if out:
        said.append(_written(made, out, reports))
    failed = {each.name for each in made.decision.controls if each.effect != "passes"}
    if halts := _halts(made):
        said.append(halts)
    asks = bool(halts or failed & {JOURNAL_CONTROL, OPEN_ORDERS}) or status in ASKING or outcome.asks or last.asks
    said.append(next_steps(document, status, sending))
    return Ran("\n\n".join(said), made, document, entry.is_new, status, asks, sending)


def _given(journal: Journal, portfolio: Portfolio) -> list[Control]:
    """The control of the journal, and that of the second key where one is asked for."""
    said, key = verify(journal).alarm, acting.second_key(portfolio)
    return [control(JOURNAL_CONTROL, bool(said), said, "the journal is whole"), *([key] if key else [])]


def _without(given: Sequence[Control]) -> str:
    """The sentences of the controls that do not pass; "" where all do."""
    return "; ".join(each.sentence for each in given if each.effect != "passes")


def _desk(file: Path, portfolio: Portfolio) -> acting.CycleDesk | None:
    """The place at which the cycle acts; None for a file without a venue or a book. Raises ConfigError for no venue."""
    acts, name = portfolio.cycle.acts, book.named_in(file)
    if acts is None:
        return None
    check_venue("cycle: acts: venue is", acts.venue)
    return (
        acting.CycleDesk(file, portfolio.name, name, acts.venue, home_folder() / CYCLES / portfolio.name)
        if name
        else None
    )


def _not_compared(portfolio: Portfolio) -> Reality:
    what = "names no book" if portfolio.blotter is None else "names no venue: its book is trusted"
    return replace(NOT_COMPARED, sentence=f"Nothing is reconciled: the file {what}.")


def _begun(
    desk: acting.CycleDesk, load: Callable[[], Portfolio], journal: Journal, today: pd.Timestamp, held: str
) -> tuple[str, Reality, Portfolio]:
    """Finish the last list of the book, and hold the book beside the venue.

    load    : loads the portfolio with what the book holds.
    held    : why nothing is sent, or "".
    Returns : what came of the last list in words, the comparison, and the portfolio as the book has it then.
    """
    said = ""
    if read_book(desk.book).blotter.open:
        said = "\n".join(acting.finish_last(desk, journal, held))
    try:
        return said, *acting.compared_with_venue(desk, load, journal, today)
    except ConfigError as error:  # such as fills of a later day than that of the cycle
        raise ConfigError(f"{said}\n{error}".strip()) from error


def _halts(made: Cycle) -> str:
    """A sentence on what is held and has had no bar for so long that a person is asked; "" where nothing is."""
    ages = made.decision.listed.ages
    said = "" if ages is None else halted(made.portfolio, ages, PATIENT)
    return f"{said} {LOST_ASSET}" if said else ""


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
    if not (kept := kept_path(portfolio.name, record)).exists():
        write_record(kept, document)  # before the journal states it
    (entry,) = journal.append([Event(record, portfolio.name, decision.ticket, run)])
    return entry, document


def replay_text(file: Path, first: str, last: str, trust_code: bool | None = None) -> str:
    """The cycle of a portfolio file over history, beside its plain policy. Nothing is journalled.

    first, last : days, YYYY-MM-DD.
    Raises      : as `load_portfolio`, `policy_now` and `replayed` do.
    """
    for name, given in {"first": first, "last": last}.items():
        day(f"the {name} day of --replay is", given)
    if last < first:
        raise ConfigError(f"--replay ends on {last}, before its first day, {first}: give a later day.")
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        policy, name, _ = policy_now(portfolio)
        progress.stage("playing the cycle")
        return replayed(portfolio, policy, name, first, last).text


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
