"""Compiling ahead of use: each job does a little of what a command does, so that its kernels are compiled and kept.

The jobs go through the doors that users go through, on an embedded portfolio: the types that kernels are compiled for
are those of the real thing by construction. Kernels that are kept already are only loaded, and what needs a set that is
not installed waits until it is.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.runs.folder import write_json
from foundation.compiled.content import content
from foundation.compiled.store import KernelStore, folders, processor
from foundation.errors import ConfigError
from foundation.files import ROOT, work_folder
from foundation.home import TRIAL_BOOK
from foundation.progress import TOLD_IN, bar
from foundation.sets import has_set
from research.portfolio import Portfolio, load_portfolio

COMPILED_FILE = ROOT / "data" / "portfolios" / "global_multi_asset.yaml"
FORECASTS_FILE = COMPILED_FILE.with_name("forecasts.yaml")
NOTES_FILE = ".compiled-{}.json"  # in the folder of kept code, by a hash of itself: what the jobs used
MODULE = "desk.commands.compile_kernels"
TEST_START = pd.Timestamp("2022-01-03")  # a short test


def backtests_and_trades() -> None:
    """Backtest every rule of a portfolio file, in fractions and in whole units, and make and check a trade list."""
    from backtests.comparison.fitting.candidates import backtest_candidate
    from research.accounting import Execution
    from research.learning import Learned
    from research.orders import trade_list
    from research.orders.lots.own_orders import limit_faults
    from research.rules import TunedThreshold

    portfolio = _short()
    ready = {k: v for k, v in portfolio.policies.items() if not isinstance(v, TunedThreshold | Learned)}
    for name, policy in ready.items():
        backtest_candidate(portfolio, policy, name)
    name = "threshold_edge"
    limit_faults(portfolio, trade_list(portfolio, ready[name], name=name).sized)
    backtest_candidate(replace(portfolio, execution=Execution(sizing="units")), ready[name], name)


def costs_and_events() -> None:
    """Backtest what the embedded portfolio lacks: every cost, flows, cash dividends, an exit, rules of all kinds."""
    from backtests.engine.run import backtest
    from research.accounting import Costs, Execution, Flows, Tax
    from research.allocation import EqualWeights
    from research.market import load_market
    from research.rules import CPPI, BestPoint, Calendar, GroupThreshold, Rule, Threshold

    market, target = load_market("etf_dividends"), EqualWeights()
    costs = replace(
        Costs.bps(len(market.assets), commission=1),
        tax=Tax(0.2, short_rate=0.4, loss_limit=1e3, at_end="liquidate", harvest_above=0.05),
        management_fee=0.01,
    )
    flows = Flows({market.dates[-300]: 1e4, market.dates[-200]: -1e4})
    rules: list[Rule] = [
        Threshold(target, 0.02, lines="breaching"),
        GroupThreshold(target, "asset_class", 0.02, "edge"),
        BestPoint(target),
        Calendar(target, "month", tranches=3),
        CPPI(target, band=0.0),  # which decides day by day
    ]
    given: dict[str, Any] = {"nav": 1e6, "start": market.dates[-500], "lag": 2}
    for rule in rules:
        backtest(market, rule, costs, flows=flows, dividends="cash", **given)
    for rule in (rules[0], rules[-1]):
        backtest(market, rule, costs, execution=Execution(sizing="units"), **given)
    backtest(market, rules[-1], costs, flows=Flows({market.dates[-200]: -1e4}, "cash"), **given | {"lag": 0})
    gone = load_market("stocks_with_exit")
    backtest(
        gone, Threshold(target), Costs.bps(len(gone.assets), commission=1), start=gone.dates[min(gone.exits) - 250]
    )


def comparison() -> None:
    """Do a report's own work: fit, backtest, score and pair a tuned and a learned policy; make the tearsheet."""
    from backtests.comparison import compare
    from backtests.sheets.pages.tearsheet import whole_sheet
    from desk.commands.made import run_for

    only = ["quarterly", "tuned", "hrp_monthly", *(["rl"] if has_set("learn") else [])]
    portfolio = _short()
    found = compare(portfolio, only=only, rl_steps=1, rl_seeds=1, draws=100, progress=lambda *_: None)
    whole_sheet(found, None, run_for("report", portfolio, found.settings))


def forecasts() -> None:
    """The allocations of the embedded portfolio with forecasts, and risk parity, asked once."""
    if not has_set("learn"):
        return
    from research.allocation import RiskParity

    portfolio = load_portfolio(FORECASTS_FILE)
    past = portfolio.market.past(len(portfolio.market.dates) - 1)
    for allocation in (*(policy.allocation for policy in portfolio.policies.values()), RiskParity()):
        allocation.target(past)


JOBS: dict[str, Callable[[], None]] = {
    job.__name__: job for job in (backtests_and_trades, costs_and_events, comparison, forecasts)
}


def compile_kernels() -> bool:
    """Do all jobs, each in a process of its own, and show their progress; gives False where nothing was to be done.

    Raises : ConfigError, with the output of the job, if one failed.
    """
    with bar(None, "looking for compiled code"):
        notes = sorted(
            folders()[0][0].glob(NOTES_FILE.format("*")), key=lambda note: note.stat().st_mtime, reverse=True
        )
        if (whole := next(filter(_is_whole, notes), None)) is not None:
            os.utime(whole)  # what is unused for weeks is deleted
            return False
    with work_folder() as folder, bar(None, "compiling for this machine, once") as progress:
        running = {name: _started(name, folder) for name in JOBS}
        try:
            while any(job.poll() is None for job in running.values()):
                far = [one for name in JOBS if (one := _compiling(folder / name))]
                if far:
                    names, done, of = zip(*far, strict=True)
                    progress.stage(f"compiling for this machine, once: {', '.join(names)}", sum(done), sum(of))
                time.sleep(0.2)
        finally:
            for job in running.values():
                job.kill()
        for name, job in running.items():
            if job.wait() != 0:
                text = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
                raise ConfigError(f"kernels of {name.replace('_', ' ')} could not be compiled: {text}")
        done_by = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in JOBS]
    kernels = {kernel: made for one in done_by for kernel, made in one["kernels"].items()}
    files = sorted({file for one in done_by for file in one["files"]})
    record = {"processor": processor(), "learn": has_set("learn"), "kernels": kernels, "files": files}
    note = NOTES_FILE.format(sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16])
    write_json(folders()[0][0] / note, record)
    return True


def do(job: str, folder: Path) -> None:
    """Do one job in this process; note the kernels that it used, the hashes of their content, and their files."""
    JOBS[job]()
    found = {name: kernel for name in KernelStore.used if (kernel := _kernel(name)) is not None}
    files = sorted(set().union(*(KernelStore.used[name] for name in found)))
    write_json(folder / f"{job}.json", {"kernels": {k: content(v) for k, v in found.items()}, "files": files})


def _is_whole(note: Path) -> bool:
    """True if all code of the last compilation is still there, and its kernels have not changed since."""
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not {"processor", "learn", "kernels", "files"} <= noted.keys():
        return False
    here = {path.name for path in note.parent.iterdir()}
    if noted["processor"] != processor() or noted["learn"] < has_set("learn") or not here.issuperset(noted["files"]):
        return False
    return all((kernel := _kernel(name)) and content(kernel) == made for name, made in noted["kernels"].items())


def _kernel(name: str) -> Any:
    """The kernel of this name; None where there is none, or no more."""
    module, _, function = name.rpartition(".")
    try:
        return getattr(import_module(module), function, None)
    except ImportError:
        return None


def _started(name: str, folder: Path) -> subprocess.Popen[bytes]:
    """A process that does one job, and tells in a file how far it is."""
    nobodys = str(folder / "trials")  # what a job tries is no search
    environment = {**os.environ, TOLD_IN: str(folder / name), TRIAL_BOOK: nobodys}
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", MODULE, name, str(folder)], env=environment, stdout=log, stderr=log
        )


def _compiling(told: Path) -> tuple[str, int, int] | None:
    """The kernel that a job compiles, how many that it calls are done, and of how many; None while it does no such."""
    try:
        doing, done, of = json.loads(told.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    verb, _, name = doing.partition(" ")
    return (name, done, of) if verb == "compiling" else None


def _short() -> Portfolio:
    return replace(load_portfolio(COMPILED_FILE), test_start=TEST_START)


if __name__ == "__main__":
    do(sys.argv[1], Path(sys.argv[2]))
