"""Today's trade list of a portfolio file: by its active policy, or by the policy that its newest report recommends.

Users ask for a list every day, so that further imports of a report are made only where a report is looked for.
"""

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any

import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from backtests.runs.file_defaults import ready_policy
from backtests.runs.folder import MANIFEST, reports_folder
from backtests.runs.manifest import MAKE_AGAIN, BrokenRun, past_runs
from backtests.runs.report_settings import FULL_RUN, comparison_key, settings_of_report
from desk.journal import Journal, journal_head, list_event
from desk.tickets.ticket import Ticket, make_ticket
from foundation.arguments import day, first_fault
from foundation.errors import ConfigError
from foundation.files import replacing_together, sha256_of, writing
from foundation.paper.formats import plain_json
from research.learning import Learned
from research.market.calendars import day_at
from research.orders import Request, TradeList, trade_list
from research.orders.request import PLAIN_REQUEST
from research.portfolio import Portfolio
from research.portfolio.holdings.prices import OK
from research.rules import Rule, Threshold, TunedThreshold, Within
from research.rules.protocol import traits

TRADES, TRADES_JSON = "trades.csv", "trades.json"  # of a run


def trades_now(
    portfolio: Portfolio,
    policy: str = "",
    reports: Path | None = None,
    request: Request = PLAIN_REQUEST,
    as_of: str | None = None,
    stale_ok: bool = False,
) -> TradeList:
    """Today's trade list of a portfolio.

    policy   : name of a candidate; "" takes the active one of the file, else that recommended by its newest full run.
    reports  : folder of the runs, or None for `reports_folder`.
    request  : further request, such as a deposit or one side only.
    as_of    : today, YYYY-MM-DD, to which the age of each price is counted; "" takes that of the exchange, None counts
               none.
    stale_ok : true to make the list, marked, where prices are too old for orders.
    Raises   : ConfigError as `policy_now` and `trade_list` do; DataError for prices later than today, or too old.
    """
    scheduled_rule, name, run = policy_now(portfolio, policy, reports)
    if not policy and portfolio.policy:
        portfolio = replace(portfolio, notes=(*portfolio.notes, *_other_advice(portfolio, reports)))
    today = today_of(as_of, portfolio.market.calendar)
    return trade_list(portfolio, scheduled_rule, name=name, run=run, request=request, as_of=today, stale_ok=stale_ok)


def _other_advice(portfolio: Portfolio, reports: Path | None) -> tuple[str, ...]:
    """A sentence where the newest full report recommends another policy than that of today, by which the list is made.

    The shipped files name one, and a desk may go on with it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BrokenRun)  # no run is needed here
        found = newest_run(portfolio, reports or reports_folder(portfolio.file))
    advised = None if found is None else found[1]["recommendation"]["policy"]
    if found is None or advised in (None, portfolio.policy):
        return ()
    return (
        f"The orders follow {portfolio.policy}, the policy of today in {portfolio.file}. Report {found[1]['run']} "
        f"recommends {advised}: for its orders, write `policy: {advised}` into the file, as `rebalance adopt` does.",
    )


def today_of(as_of: str | None, calendar: str, now: datetime | None = None) -> pd.Timestamp | None:
    """The day to which ages are counted: as given (YYYY-MM-DD), that of the exchange for "", none for None.

    calendar : calendar of the exchange; the day is counted in its time zone, not in that of the machine.
    now      : the instant; None takes the clock's.
    Raises   : ConfigError for a value that is no date, and for a day beyond the calendar's reach.
    """
    if as_of is None:
        return None
    return day("as_of is", as_of) if as_of else pd.Timestamp(day_at(now or datetime.now(UTC), calendar))


def policy_now(portfolio: Portfolio, policy: str = "", reports: Path | None = None) -> tuple[Rule, str, str]:
    """The policy that decides today, its name, and the id of the run that recommends or fitted it, or "".

    policy : name of a candidate; "" takes the active one of the file, else that recommended by its newest full run.
    Raises : ConfigError for an unknown name, and when no policy or no fit of it is at hand, naming the command that
    makes one.
    """
    file, name, found = portfolio.file, policy or portfolio.policy, None
    if not name or isinstance(portfolio.policies.get(name), TunedThreshold | Learned):
        found = newest_run(portfolio, reports or reports_folder(portfolio.file))
        name = name or (found and found[1]["recommendation"]["policy"])
    if name is None:
        why = "its newest run recommends none" if found else "there is no completed full run of the same file and data"
        raise ConfigError(f"{file} names no `policy`, and {why}. Name one, or run: rebalance report {file}")
    return fitted_policy(portfolio, name, found), name, found[1]["run"] if found else ""


def fitted_policy(portfolio: Portfolio, name: str, found: tuple[Path, Mapping[str, Any]] | None) -> Rule:
    """A candidate of a portfolio; a tuned or learned one as a report left it.

    name   : name of the candidate.
    found  : folder and manifest of the report, or None.
    Raises : ConfigError for an unknown name, and for one that is to be fitted, and is not in the report.
    """
    portfolio.check_policy(name)
    spec = portfolio.policies[name]
    if not isinstance(spec, TunedThreshold | Learned):
        return scheduled_rule(portfolio, name)
    if found is None or name not in found[1]["fitted"]:
        raise ConfigError(
            f"policy {name!r} must be fitted first, and there is no completed full run of the same file and data. Run: "
            f"rebalance report {portfolio.file}"
        )
    return refit(spec, found[1]["fitted"][name], found[0] / "policies" / name)


def scheduled_rule(portfolio: Portfolio, name: str) -> Rule:
    """A candidate that needs no report: as the file has it, on the schedule that is best in training if it states none.

    name : name of the candidate.
    """
    spec: Rule = portfolio.policies[name]
    if not traits(spec).leaves_schedule_open:
        return spec
    from backtests.comparison.fitting.candidates import fit

    return fit(name, portfolio).policy


def policy_or_first(portfolio: Portfolio, policy: str = "") -> tuple[str, str]:
    """A policy for `policy_now`, and why, in words: where file and runs name none, the first that needs no fit.

    policy : name of a candidate, or "".
    """
    run = newest_run(portfolio, reports_folder(portfolio.file))
    named = policy or portfolio.policy or (run and run[1]["recommendation"]["policy"])
    if named or not (first := ready_policy(portfolio)):
        return policy, ""
    return first, f"The file names no `policy`: {first} decides here, its first that needs no fit. "


def newest_run(portfolio: Portfolio, reports: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole report of the same file and data, with the steps, seeds and draws of a full one.

    Its reference, benchmark, ticket, cycle, governance, and prices of today may differ: the recommendation does not
    depend on them, but for a NAV that moves with its prices. A report whose advice the file has taken since, so that
    its policy is the recommended one, is of the same file. The report of another client is taken where both share one
    comparison (`comparison_key`); the `run` of its facts is then the client's own (`desk.commands.batch.clients`) or
    the comparison, so that no list names him.

    A warning names each run that cannot be read.
    """
    full, found = plain_json(settings_of_report(portfolio, portfolio.reference, **FULL_RUN)), past_runs(reports, None)
    broken, newest, key, deciding = list(found.broken), None, comparison_key(portfolio), _deciding(full)
    runs = [pair for pair in found.whole if pair[1]["fingerprint"] == portfolio.market.fingerprint]
    clients = (f.name for f, m in runs if m["kind"] == "client" and _deciding(m["settings"]) == deciding)
    for folder, manifest in (pair for pair in runs if pair[1]["kind"] == "report"):
        is_full = all(manifest["settings"].get(name) == value for name, value in FULL_RUN.items())
        is_own = deciding in (_deciding(manifest["settings"]), _deciding(_as_advised(manifest)))
        if is_own or (is_full and manifest.get("comparison") == key):
            try:
                facts = _Facts.model_validate(manifest).model_dump()
                newest = folder, facts | {"run": folder.name if is_own else next(clients, f"comparison-{key[:8]}")}
                break
            except ValidationError as error:
                broken.append(f"{folder / MANIFEST} has no facts of a report: {first_fault(error)}. {MAKE_AGAIN}")
    for why in broken:
        warnings.warn(f"A run was passed over: {why}", BrokenRun, stacklevel=3)
    return newest


def _as_advised(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a report once its file has the policy that it recommends."""
    settings, advised = manifest["settings"], manifest.get("recommendation")
    portfolio = settings.get("portfolio")
    if not (isinstance(portfolio, dict) and isinstance(advised, dict)):
        return dict(settings)
    return {**settings, "portfolio": {**portfolio, "policy": advised.get("policy")}}


def _deciding(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a report without reference and benchmark, prices of a list, and what only a desk needs."""
    found = settings.get("portfolio")
    others = ("reference", "benchmark", "ticket", "cycle", "governance", "assumed", "prices", OK)
    portfolio = (
        {name: value for name, value in found.items() if name not in others} if isinstance(found, dict) else found
    )
    return {**settings, "reference": "", "portfolio": portfolio}


class _Recommended(BaseModel, strict=True):
    policy: str | None


class _Tuned(BaseModel, strict=True):
    band: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    within: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    seen: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class _Learned(BaseModel, strict=True):
    seed: int


class _Facts(BaseModel, strict=True):
    """The facts that trades need from the manifest of a report: the recommended policy, and the fitted ones."""

    recommendation: _Recommended
    fitted: dict[str, _Tuned | _Learned]


def refit(spec: TunedThreshold | Learned, found: Mapping[str, Any], folder: Path) -> Rule:
    """A fitted policy as a run left it."""
    if isinstance(spec, TunedThreshold):
        from backtests.comparison.fitting.tuning import with_last_day

        to, seen = Within(found["within"]), pd.Timestamp(found["seen"])
        return with_last_day(Threshold(spec.allocation, found["band"], to), seen)
    from research.learning import LearnedPolicy

    return LearnedPolicy.load(folder / f"seed-{found['seed']}")


def save_trades(trades: TradeList, out: Iterable[str], reports: Path | None = None, user: str | None = None) -> str:
    """Write a trade list to each path, in the format of its ending. Gives a sentence that says what was written.

    Lists that are written to the same names at once follow each other, each with all its files. The list is journalled
    before its files are there, so that no file holds a list that the journal lacks.
    out     : paths; "" writes nothing. Where a path or a format is refused, no file is written.
    reports : folder of the runs, or None for `reports_folder`.
    user    : maker of the list; None takes the user of the system.
    Raises  : ConfigError as `check_out` does, and for an order that a format cannot carry; DataError for a journal that
              cannot be written.
    """
    given = [path for path in out if path]
    if not given:
        return "Nothing was written: `out` is empty."
    file = trades.portfolio.file
    paths, ticket = check_out(given, reports or reports_folder(file)), as_sent(make_ticket(trades), Path(file))
    with replacing_together(paths) as files:
        write_tickets(ticket, paths, files, user)
    return f"Written to {', '.join(given)}."


def as_sent(ticket: Ticket, file: Path, models: Iterable[str] = ()) -> Ticket:
    """A ticket with the hash and the path of the file that it is made from, and the journal's head.

    models : of a house, the paths of its models from the file of accounts, whose hashes it has, too.
    """
    path, head = file.absolute(), journal_head()
    beside = {"path": str(path)} | ({} if head is None else {"journal": asdict(head)})
    of_models = {name: sha256_of(path.parent / name) for name in models}
    return replace(ticket, file_sha256=sha256_of(path) if path.is_file() else "", models=of_models, beside=beside)


def write_tickets(ticket: Ticket, paths: Sequence[Path], files: Sequence[IO[bytes]], user: str | None = None) -> None:
    """Write a ticket to open files, each in the format of its path, and journal it. Raises as `save_trades` does."""
    from desk.tickets.formats import format_of

    contents = [format_of("out", path).write(ticket) for path in paths]
    for path, file, content in zip(paths, files, contents, strict=True):
        with writing(path):
            file.write(content)
    with Journal(user=user) as journal:
        journal.append([list_event({"hash": ticket.hash, **ticket.document}, [str(path.absolute()) for path in paths])])


def check_out(out: Collection[str], reports: Path) -> list[Path]:
    """The paths, to each of which a trade list can be written.

    reports : folder of the runs.
    Raises  : ConfigError for an ending of no format, for a file that is neither new nor an earlier list, and for the
              list of a run.
    """
    if not out:
        return []
    from desk.tickets.destination import check_destination

    kept = [path for name in (TRADES, TRADES_JSON) for path in reports.glob(f"*/{name}")]
    return [check_destination("out", path, kept) for path in out]
