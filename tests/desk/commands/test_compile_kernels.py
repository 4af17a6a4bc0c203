"""What set-up compiles is what the first commands need: they find it, and compile nothing."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from commanded import TRADES

from desk.commands import compile_kernels as made
from foundation.compiled.calls import OnDemand
from foundation.compiled.store import folders
from foundation.errors import ConfigError

ROOT = Path(__file__).parents[3]
FILE = ROOT / "data" / "portfolios" / "sixty_forty.yaml"
COMMANDS = """
import sys
from desk.cli import main

for words in {commands!r}:
    sys.argv = ["rebalance", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, words
"""
REPORT = """
import backtests.comparison.simulated_tests as simulated_tests
from desk.commands.made import run_for
from backtests.comparison import compare
from backtests.sheets.pages.tearsheet import whole_sheet
from research.portfolio import load_portfolio

simulated_tests.TESTS = 3  # the kernels of one are those of a hundred
portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
found = compare(portfolio, draws=100)
whole_sheet(found, None, run_for("report", portfolio, found.settings))
"""
OTHERS = """
from dataclasses import replace
import numpy as np
from backtests.batch.batch import PreparedConfiguration, play_batch
from backtests.engine.run import backtest
from research.accounting import Costs, Execution, Flows
from research.accounting.costs import Impact, Tax
from research.allocation import EqualWeights, target_path
from research.market import load_market
from research.rules import CPPI, CostBenefit, DrawdownFloor, Threshold, TrackingError

market, equal = load_market("us_etf_ohlcv").select(["SPY", "AGG", "GLD"]), EqualWeights()
plain, start = Costs.bps(3, commission=1), market.dates[-90]
dear = replace(plain, ticket=np.ones(3), impact=Impact(0.5), tax=Tax(0.1, "highest"), financing=0.02)
rules = [Threshold(equal, 0.01, fraction=0.5), Threshold(equal, 0.01, lines="breaching", turnover_cap=0.01),
         TrackingError(equal, 0.005), CostBenefit(equal), DrawdownFloor(equal)]
for rule in rules:
    for costs in (plain, dear):
        for execution in (Execution("open"), Execution(days=3, participation=0.01), Execution(sizing="units")):
            backtest(market, rule, costs, nav=1_000_000, start=start, execution=execution, periods_per_year=252)
    out = Flows({market.dates[-45]: -1e4}, "cash")
    backtest(market, rule, plain, nav=1e6, lag=0, start=start, flows=out)
paid, four = load_market("etf_dividends"), Costs.bps(4)
for rule in (Threshold(equal, 0.01), CPPI(equal)):
    backtest(paid, rule, four, start=paid.dates[-90], dividends="cash")
    backtest(paid, rule, four, start=paid.dates[-90])
path = target_path(equal, market)
prepared = [PreparedConfiguration(Threshold(equal, 0.01).no_trade_bands(market, path), path, plain)]
for penalty, year in ((5, 252), (5.0, 252.0)):
    play_batch(market, prepared, path, penalty, year)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    shown = {name: value for name, value in os.environ.items() if name not in ("TQDM_DISABLE", "REBALANCE_PROGRESS")}
    return subprocess.run(
        [sys.executable, "-c", script], env=shown, cwd=ROOT, capture_output=True, text=True, check=True
    )


def two_forms(files: list[str]) -> set[str]:
    """Kernels with code for several kinds of arguments; Python's call of one on demand is code of its own."""
    of = Counter(file.rpartition("-")[0] for file in files)
    on_demand = {name for name in of if isinstance(made._kernel(name), OnDemand)}
    return {name for name, count in of.items() if count > 1 + (name in on_demand)}


def test_what_set_up_compiled_is_all_that_is_needed(tmp_path: Path) -> None:
    """By commands on another portfolio than the one that set-up plays, by a report, and whichever features come
    together: arrays of one kind, and floats, whatever a user gives.
    """
    set_up = "import runpy, sys\nsys.argv[1:] = ['compile']\nrunpy.run_module('desk.cli.maintain', run_name='__main__')"
    run(set_up)
    newest = max(folders()[0][0].glob(made.NOTES_FILE.format("*")), key=lambda note: note.stat().st_mtime)
    noted = json.loads(newest.read_text(encoding="utf-8"))
    assert two_forms(noted["files"]) == set()
    for kernel in ("risk_inference._draw_twice", "sharpe_inference._draw_studentised"):  # of a report's intervals
        assert f"backtests.inference.{kernel}" in noted["kernels"]
    where = ["--home", str(tmp_path)]
    commands = [[*TRADES, str(FILE), *where], ["research", "backtest", str(FILE), "--policy", "threshold", *where]]
    done = run(COMMANDS.format(commands=commands) + REPORT + OTHERS)
    again = run(set_up)
    assert "nothing to do" in again.stdout
    assert "compiling" not in (again.stderr + done.stderr).lower()


def test_a_job_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "NOTES_FILE", "missing")
    monkeypatch.setattr(made, "JOBS", {"missing": lambda: None})
    with pytest.raises(ConfigError, match=r"(?s)kernels of missing could not be compiled.*KeyError: 'missing'"):
        made.compile_kernels()
