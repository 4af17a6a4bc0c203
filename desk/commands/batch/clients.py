"""A client whose comparison others share: a run of his own, with his orders, the verdict in his money, and his drift.

The comparison is a report, made once. It may be that of another client, or of the model of accounts: so nothing that a
client gets names it. He sees the hash of the comparison, which is the same for all, and the name of his own run.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from backtests.runs.folder import NUMBERS_FILE, Run, staged
from backtests.runs.manifest import read_manifest
from backtests.runs.notebook import COMPARING
from backtests.runs.report_settings import overrides_of
from backtests.sheets.pages.client import CLIENT_PAGE, client_html
from desk.commands.batch.plan import Job, parameters
from desk.commands.made import file_fact, finish_run
from desk.commands.orders.trades import TRADES, TRADES_JSON, fitted_policy
from desk.commands.report import NoneRecommended, holder_facts
from desk.tickets import make_ticket
from desk.tickets.accounts import Model, account_of, request_in
from desk.tickets.formats import write_ticket
from foundation.files import write_whole, writing
from research.accounting import Policy
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio, load_portfolio

CLIENT_KIND = "client"  # of a run


def client_run(report: Run, job: Job) -> Run:
    """The run of a client, from the one that a report of his own portfolio would be."""
    if job.account is None:
        return replace(report, kind=CLIENT_KIND)
    name = re.sub(r"[^\w-]+", "_", job.label)[:40].strip("_") or "account"
    return replace(
        report, kind=CLIENT_KIND, portfolio=name, settings={**report.settings, "account": list(job.account[1])}
    )


def make_client(job: Job, run: Run, reports: Path) -> None:
    """Make the run of a client from the report whose comparison he shares.

    job     : portfolio file, or model and row of an account.
    run     : result of `client_run`.
    reports : folder of the runs, with the report.
    Raises  : ConfigError, DataError and PolicyError as `load_portfolio`, `account_of` and `trade_list` do.
    """
    started, final, shared = datetime.now(UTC), reports / run.name, reports / job.report
    manifest, numbers = _report(shared)
    trades = _trades(job, shared, manifest, run.name)
    with writing(final), staged(final) as folder:
        ticket = make_ticket(trades)
        for name in (TRADES, TRADES_JSON):
            write_ticket(ticket, folder / name)
        write_whole(folder / CLIENT_PAGE, client_html(job.portfolio, trades, numbers, manifest["comparison"], run))
        facts = {
            "comparison": manifest["comparison"],
            "recommendation": {"policy": manifest["recommendation"]["policy"]},
            "file": file_fact(trades.portfolio),
            "holder": holder_facts(trades)
            | {"trades": trades.headline, "orders": len(trades.orders), "turnover": trades.turnover},
        }
        finish_run(folder, run, started, f"{numbers['recommendation']['verdict']['do']}\n\n{trades!r}", facts)


def _trades(job: Job, report: Path, manifest: Mapping[str, Any], run: str) -> TradeList:
    """Today's orders: of a client's file as its report would list them, of an account as `rebalance trades` does."""
    if job.account is None:
        portfolio = load_portfolio(job.file, _overrides(job.given), trust_code=job.trust_code)
        policy, name = _policy(portfolio, report, manifest, manifest["recommendation"]["policy"])
        return trade_list(portfolio, policy, name=name, run=run)
    assert job.accounts is not None
    asked = partial(_model, given=job.given, report=report, trust_code=job.trust_code)
    model, account = account_of(job.accounts, job.account, lambda _: asked(job.file))
    named = replace(account, ticket=replace(account.ticket, account=job.label))
    return replace(model, run=run).trades(named, request=request_in(job.accounts, job.account))


def _overrides(given: Sequence[str]) -> dict[str, Any]:
    """The keys of a client's file that the parameters of the report replace."""
    return overrides_of(parameters(COMPARING, given))


def _policy(portfolio: Portfolio, report: Path, manifest: Mapping[str, Any], name: str | None) -> tuple[Policy, str]:
    """A policy as a report fitted it, and its name; one that holds where there is none."""
    if name is None:
        return NoneRecommended(portfolio.strategic), "none recommended"
    return fitted_policy(portfolio, name, (report, manifest)), name


@cache  # of a worker: the report is whole when it is asked for
def _report(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest of a report and its numbers."""
    return read_manifest(folder), json.loads((folder / NUMBERS_FILE).read_text(encoding="utf-8"))


@lru_cache(maxsize=8)
def _model(file: Path, given: tuple[str, ...], report: Path, trust_code: bool | None) -> Model:
    """The model of accounts, by the active policy of its file, or else by the recommended one."""
    portfolio, manifest = load_portfolio(file, _overrides(given), trust_code=trust_code), _report(report)[0]
    name = portfolio.policy or manifest["recommendation"]["policy"]
    return Model.of(portfolio, *_policy(portfolio, report, manifest, name))
