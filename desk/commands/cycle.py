"""A cycle of a portfolio file from its prices to its record in the journal, and the records of earlier cycles."""

import json
from dataclasses import dataclass
from pathlib import Path

from desk.commands.orders.trades import check_out, policy_now, save_trades, today_of
from desk.cycle.analysis import WAITS
from desk.cycle.cycle import RECORD_DECIMALS, Cycle, run_cycle
from desk.cycle.outcomes import outcomes, regret
from desk.cycle.replay import replayed
from desk.cycle.screen import screen, timeline
from desk.journal import Journal
from desk.journal.chain import Entry, Event
from desk.journal.journal import utc_now
from desk.journal.records import CycleOutcome, CycleRun, Record
from desk.journal.tickets import moment_text
from foundation.arguments import day
from foundation.files import replacing
from foundation.home import home_folder
from foundation.paper.wording import counted
from foundation.progress import bar
from research.accounting import Policy
from research.portfolio import Portfolio, load_portfolio

CYCLES = "cycles"  # folder of the records, within that of the journal


@dataclass(frozen=True)
class Ran:
    """A cycle that was run. text : what it says. asks : a person is asked to look at it."""

    text: str
    asks: bool


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
        kept = home_folder() / CYCLES / portfolio.name / f"{portfolio.date:%Y-%m-%d}-{document['sha256'][:8]}.json"
        record = CycleRun(
            session=f"{portfolio.date:%Y-%m-%d}",
            status=made.decision.status,
            monitor=made.monitor.status,
            chosen=made.decision.chosen,
            headline=made.decision.listed.headline,
            sha256=document["sha256"],
            path=str(kept),
        )
        (entry,) = journal.append([Event(record, portfolio=portfolio.name, run=run)])
        if entry.is_new or not kept.exists():
            _write(kept, content)
    if export is not None:
        _write(export, content)
    said = [timeline(made) if with_timeline else screen(made), *past]
    if not entry.is_new:
        said.append(f"The same cycle ran on {moment_text(entry.entry)}: nothing new is journalled.")
    if out:
        said.append(_written(made, out, reports))
    return Ran("\n\n".join(said), made.decision.status == "awaiting approval")


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


def _past(journal: Journal, portfolio: Portfolio, policy: Policy) -> list[str]:
    """Journal the outcomes of earlier cycles that are known by now, and say what became of them."""
    known = [entry.record for entry in _entries(journal, CycleOutcome, portfolio)]
    have = {(each.cycle, each.sessions) for each in known}
    for entry in _entries(journal, CycleRun, portfolio):
        cycle, path = entry.record, Path(entry.record.path)
        if all((cycle.sha256, sessions) in have for sessions in WAITS) or not path.is_file():
            continue
        for sessions, losses in outcomes(json.loads(path.read_bytes()), portfolio, policy).items():
            lost = {name: round(loss, RECORD_DECIMALS) + 0.0 for name, loss in losses.items()}
            paid = round(regret(lost, cycle.chosen), RECORD_DECIMALS)
            if (cycle.sha256, sessions) not in have:
                known.append(CycleOutcome(cycle.sha256, cycle.session, sessions, cycle.chosen, lost, paid))
    journal.append([Event(each, portfolio=portfolio.name) for each in known[len(have) :]])
    said = []
    for sessions in WAITS:
        regrets = [each.regret for each in known if each.sessions == sessions]
        if regrets:
            best, mean = sum(each == 0.0 for each in regrets), sum(regrets) / len(regrets)
            was = f"{best} of {len(regrets)} {'was' if best == 1 else 'were'} the best"
            said.append(f"after {counted(sessions, 'session')} {was}, mean regret {mean:.2f} bp")
    return [f"Earlier decisions: {'; '.join(said)}."] if said else []


def _entries(journal: Journal, record: type[Record], portfolio: Portfolio) -> list[Entry]:
    return list(journal.entries(kind=record.kind, portfolio=portfolio.name))


def _written(made: Cycle, out: tuple[str, ...], reports: Path | None) -> str:
    """Write the list of the decision, unless it is vetoed, and say so."""
    if made.decision.status == "vetoed":
        return "Nothing was written: the orders are vetoed."
    return save_trades(made.decision.listed, out, reports)


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
