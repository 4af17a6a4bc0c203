"""The figures of a stored portfolio, as the command line has them: each is a record of its own module, as it stands."""

import os
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from backtests.engine.result import Backtest
from backtests.evaluation.scores import Score
from backtests.runs.trial_book import TrialBook, read_book
from backtests.sheets.pages.risk_sheet import risk_numbers
from backtests.today.holdings_risk import holdings_risk
from desk.commands.cycle.governance import Governed
from desk.commands.cycle.history import newest_cycles
from desk.commands.orders.trades import policy_now, today_of, trades_now
from desk.commands.report import scored_backtest
from desk.commands.today.risk import ready_policies
from desk.commands.trials import search_words
from desk.cycle.alerts import INFORMATION, STATUS_LEVELS, URGENT
from desk.cycle.monitor import NORMAL_LEVEL, Reading, monitored
from desk.journal.journal import JOURNAL, Journal
from desk.journal.records import RAISED, Alert, Alerted, CycleRun
from desk.service.bodies import Moment
from desk.service.caller import Caller, Service
from desk.service.folders import RUNS, TRIALS
from desk.service.limited import limited
from desk.service.orders import JournalEntry, entries_of
from desk.service.portfolios.stored import written_out
from desk.service.portfolios.value import Value, value_of
from desk.tca.page import table_block
from foundation.home import TRIAL_BOOK, home_folder
from foundation.paper.formats import plain_json
from research.orders import TradeList
from research.portfolio import Portfolio, load_portfolio

FURTHEST = 2.0  # places of assets are cut there: 1 is the end of a range


class Performance(BaseModel):
    """A backtest.

    run         : run that fitted the policy or recommends it, or "".
    figures     : by name, as in summary.json of `rebalance research backtest`; null where one is not defined.
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


class Decision(BaseModel):
    """The last decision of a cycle.  status : of it by now.  asks : true if a person must know it at once."""

    session: str
    status: str
    headline: str
    asks: bool


class OverviewFigures(BaseModel):
    """The figures of a row.

    nav, basis  : value, and the currency of all amounts.
    value       : the value now, and what it was before.
    priced_on   : day of its newest price.
    today       : day of the exchange of `calendar` on which the row was made.
    stale       : sentences on prices too old for orders, or "".
    places      : of each asset, its distance from target over that from target to the end of its range on this side.
    outside     : number of assets outside their ranges.
    drift       : the largest drift in words.
    is_triggered : true if a reading, or the policy, asks for a cycle.
    flags       : readings beyond a level, and the policy where it trades; those that trigger first.
    orders, notional, cost, headline : today's list: count, and currency.
    decision    : of the last cycle, None for none.
    alerts      : those that hold, the urgent ones first.
    """

    nav: float
    basis: str
    value: Value
    priced_on: str
    calendar: str
    today: str
    stale: str
    places: list[float]
    outside: int
    drift: str
    is_triggered: bool
    flags: list[Reading]
    orders: int
    notional: float
    cost: float
    headline: str
    decision: Decision | None
    alerts: list[Alert]


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


def performance_figures(portfolio: Portfolio, reports: Path, policy: str) -> dict[str, Any]:
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


def risk_figures(portfolio: Portfolio, reports: Path, paths: int) -> dict[str, Any]:
    """The numbers of the risk sheet, without a run and pictures.  paths : futures of the first law."""
    policies, notes, _ = ready_policies(portfolio, reports)
    return risk_numbers(holdings_risk(portfolio, policies, paths=paths, notes=notes), {}, ())


def drift_figures(portfolio: Portfolio, reports: Path, policy: str) -> dict[str, Any]:
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


def governance_figures(portfolio: Portfolio, reports: Path) -> dict[str, Any]:
    """The governance of a portfolio today: sentences, flags that a person looks at, and tables as blocks of a page."""
    found = Governed(portfolio, today_of("", portfolio.market.calendar) or portfolio.date, reports)
    tables = [table_block(each) for each in found.tables()]
    return {"sentences": [*found.head, *found.surveillance], "flags": list(found.flags), "tables": tables}


def tried(names: Collection[str]) -> list[list[str]]:
    """Sentences on each search of portfolios of these names, from the trial book of the tenant.

    Called in a process of its own, whose environment it changes.
    """
    os.environ[TRIAL_BOOK] = str(home_folder() / TRIALS)
    book = read_book()
    own = TrialBook(book.trials[book.trials["portfolio"].isin(list(names))], book.variants)
    return [search_words(each) for each in own.searches]


def value_figures(portfolio: Portfolio, reports: Path, entered: str, changed: str) -> dict[str, Any]:
    """The `Value` of a portfolio whose file may name no policy, and its currency; arguments of `value_of`."""
    return {"value": value_of(portfolio, portfolio.target, entered, changed).model_dump(), "basis": portfolio.basis}


def overview(portfolio: Portfolio, reports: Path, entered: str, changed: str) -> dict[str, Any]:
    """The `OverviewFigures` of a portfolio today; arguments of `value_of`. Raises as `trades_now` does."""
    listed = trades_now(portfolio, "", reports, as_of="", stale_ok=True)
    found, sized = monitored(listed), listed.sized
    decision, alerts = _of_journal(home_folder(), portfolio.name)
    beyond = [each for each in found.shown if each.triggers or each.level != NORMAL_LEVEL]
    flags = [each for each in beyond if not (each.name == "data" and listed.stale)]  # `stale` says so
    return {
        "nav": portfolio.nav,
        "basis": portfolio.basis,
        "value": value_of(portfolio, listed.target, entered, changed).model_dump(),
        "priced_on": f"{portfolio.priced_on:%Y-%m-%d}",
        "calendar": portfolio.market.calendar,
        "today": listed.facts["today"],
        "stale": listed.stale_words,
        "places": _places(portfolio, listed),
        "outside": int(found["ranges"].value or 0),
        "drift": found["drift of an asset"].sentence,
        "is_triggered": bool(found.triggers),
        "flags": [asdict(each) for each in sorted(flags, key=lambda each: not each.triggers)],
        "orders": len(listed.orders),
        "notional": sized.buys + sized.sells,
        "cost": float(sized.charges.sum()),
        "headline": listed.headline,
        "decision": decision and decision.model_dump(),
        "alerts": [asdict(each) for each in alerts],
    }


def history_figures(root: Path, portfolio: str, versions: list[VersionHead], limit: int) -> History:
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


def _places(portfolio: Portfolio, listed: TradeList) -> list[float]:
    """The `places` of `OverviewFigures`."""
    gaps = portfolio.weights - listed.target
    reach = np.where(gaps > 0.0, portfolio.upper - listed.target, listed.target - portfolio.lower)
    reach = np.where(np.isfinite(reach) & (reach > 0.0), reach, np.abs(gaps) / FURTHEST)  # of no range, the far end
    shares = np.divide(gaps, reach, out=np.zeros_like(gaps), where=reach > 0.0)
    return [round(float(each), 3) for each in np.clip(shares, -FURTHEST, FURTHEST)]


def _of_journal(root: Path, portfolio: str) -> tuple[Decision | None, list[Alert]]:
    """The last decision of a portfolio, and its alerts that hold, in the journal of a folder."""
    if not (root / JOURNAL).is_file():
        return None, []
    with Journal(root, read_only=True) as journal:
        cycles = newest_cycles(journal, 1, portfolio)
        newest = {
            each.record.alert.what: each.record for each in journal.entries(kind=Alerted.kind, portfolio=portfolio)
        }
    decisions = [
        Decision(
            session=entry.record.session,
            status=status,
            headline=entry.record.headline,
            asks=STATUS_LEVELS.get(status) == URGENT and bool(entry.ticket or status != "finalised"),
        )
        for entry, status in cycles
    ]
    alerts = [each.alert for each in newest.values() if each.state == RAISED and each.alert.level != INFORMATION]
    return next(iter(decisions), None), sorted(alerts, key=lambda each: each.level != URGENT)
