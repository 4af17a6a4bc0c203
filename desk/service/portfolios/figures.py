"""The figures of a stored portfolio, as the command line has them: each is a record of its own module, as it stands."""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from backtests.engine.result import Backtest
from backtests.evaluation.scores import Score
from backtests.sheets.pages.risk_sheet import risk_numbers
from backtests.today.holdings_risk import holdings_risk
from desk.commands.cycle.records import newest_cycles
from desk.commands.orders.trades import policy_now, trades_now
from desk.commands.report import scored_backtest
from desk.commands.risk import ready_policies
from desk.cycle.monitor import Reading, monitored
from desk.journal.journal import JOURNAL, Journal
from desk.journal.records import CycleRun
from desk.service.bodies import Moment
from desk.service.caller import Caller, Service
from desk.service.folders import RUNS
from desk.service.limited import limited
from desk.service.orders import JournalEntry, entries_of
from desk.service.portfolios.stored import written_out
from foundation.home import home_folder
from foundation.paper.formats import plain_json
from research.orders import TradeList
from research.portfolio import Portfolio, load_portfolio


class Performance(BaseModel):
    """A backtest.

    run         : run that fitted the policy or recommends it, or "".
    figures     : by name, as in summary.json of `rebalance backtest`; null where one is not defined.
    undefined   : reason of each that is not.
    nav_history : a row a close of the history that the portfolio names.
    """

    policy: str
    run: str
    first: str
    last: str
    figures: dict[str, Any]
    undefined: dict[str, str]
    nav_history: list[dict[str, Any]]


class Drift(BaseModel):
    """Readings at the last close, and a row for each line and for cash.

    status   : triggered or quiet.
    headline : orders of today's list, in words.
    """

    date: str
    policy: str
    status: str
    headline: str
    readings: list[Reading]
    lines: list[dict[str, Any]]


class VersionHead(BaseModel):
    """A version without its text."""

    number: int
    author: str
    written: Moment
    sha256: str


class CycleEntry(BaseModel):
    """A decision cycle.  status : of its decision by now."""

    moment: str
    status: str
    record: CycleRun


class History(BaseModel):
    """The history of a portfolio, each part the newest first."""

    versions: list[VersionHead]
    cycles: list[CycleEntry]
    journal: list[JournalEntry]


def figures_of(
    service: Service, caller: Caller, work: Callable[..., Any], portfolio: str, version: int | None, *given: Any
) -> Any:
    """The result of a function of a version of a portfolio and the runs of its tenant, in a limited process.

    Raises : as `written_out` and `limited` do.
    """
    file = written_out(service, caller, portfolio, version)
    return limited(_of_file, work, str(file), *given, home=service.root(caller.tenant))


def performance(portfolio: Portfolio, reports: Path, policy: str) -> dict[str, Any]:
    """The backtest of a policy, "" for the active one.  Raises ConfigError as `policy_now` does."""
    ready, name, run = policy_now(portfolio, policy, reports)
    played, _, scored = scored_backtest(portfolio, ready, name)
    return performance_of(portfolio, played, scored, run)


def performance_of(portfolio: Portfolio, played: Backtest, scored: Score, run: str) -> dict[str, Any]:
    """The figures of a backtest that was played.  run : that fitted its policy or recommends it, or ""."""
    history = portfolio.nav_history
    days = portfolio.market.days[history.opened :][: len(history.nav)].astype(str).tolist()
    rows = zip(
        days, history.nav.tolist(), history.flows.tolist(), strict=False
    )  # one flow more: that of the last close
    return {
        "policy": played.name,
        "run": run,
        "first": f"{played.dates[0]:%Y-%m-%d}",
        "last": f"{played.dates[-1]:%Y-%m-%d}",
        "figures": scored.figures(played.dates),
        "undefined": dict(scored.undefined),
        "nav_history": [{"date": day, "nav": nav, "flow": flow} for day, nav, flow in rows],
    }


def risk(portfolio: Portfolio, reports: Path, paths: int) -> dict[str, Any]:
    """The numbers of the risk sheet, without a run and pictures.  paths : futures of the first law."""
    policies, notes, _ = ready_policies(portfolio, reports)
    return risk_numbers(holdings_risk(portfolio, policies, paths=paths, notes=notes), {}, ())


def drift(portfolio: Portfolio, reports: Path, policy: str) -> dict[str, Any]:
    """The readings of the monitor before today's list of a policy, "" for the active one."""
    return drift_of(trades_now(portfolio, policy, reports, as_of="", stale_ok=True))


def drift_of(listed: TradeList) -> dict[str, Any]:
    """The readings of the monitor before the orders of a list."""
    found = monitored(listed)
    return {
        "date": f"{listed.portfolio.date:%Y-%m-%d}",
        "policy": listed.policy,
        "status": found.status,
        "headline": listed.headline,
        "readings": [asdict(each) for each in found.shown],
        "lines": listed.portfolio.table().reset_index().to_dict("records"),
    }


def history(root: Path, portfolio: str, versions: list[VersionHead], limit: int) -> History:
    """The history of a portfolio in the journal of its tenant.

    root      : folder of the tenant.
    portfolio : its name.
    limit     : number of cycles and of entries.
    """
    if not (root / JOURNAL).exists():
        return History(versions=versions, cycles=[], journal=[])
    with Journal(root, read_only=True) as journal:
        cycles = newest_cycles(journal, limit, portfolio)[::-1]
    return History(
        versions=versions,
        cycles=[CycleEntry(moment=one.moment, status=status, record=one.record) for one, status in cycles],
        journal=entries_of(root, limit, portfolios=[portfolio]),
    )


def _of_file(work: Callable[..., Any], file: str, *given: Any) -> Any:
    os.chdir(Path(file).parent)  # messages then name files as the portfolio does
    found = work(load_portfolio(Path(file).name, trust_code=False), home_folder() / RUNS, *given)
    return plain_json(found, missing_as_null=True)
