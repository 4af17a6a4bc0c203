"""What set-up compiles is what the first commands need: they find it, and compile nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commanded import TRADES

from backtests.commands import compile_kernels as made
from research.compiled.store import folders
from research.errors import ConfigError

ROOT = Path(__file__).parents[3]
FILE = ROOT / "data" / "portfolios" / "sixty_forty.yaml"
ALL = "import sys, backtests.cli\nsys.argv = ['rebalance', *{words}]\nbacktests.cli.main()"


def rebalance(*words: str) -> subprocess.CompletedProcess[str]:
    shown = {name: value for name, value in os.environ.items() if name not in ("TQDM_DISABLE", "REBALANCE_PROGRESS")}
    command = [sys.executable, "-c", ALL.format(words=words)]
    return subprocess.run(command, env=shown, cwd=ROOT, capture_output=True, text=True, check=True)


def test_a_backtest_and_a_trade_list_compile_nothing_after_set_up(tmp_path: Path) -> None:
    """On another portfolio than the one that set-up plays."""
    rebalance("compile")
    assert "nothing to do" in rebalance("compile").stdout
    compiled = json.loads((folders()[0][0].parent / made.NOTE).read_text(encoding="utf-8"))["kernels"]
    for kernel in ("risk_inference._draw_twice", "sharpe_inference._draw_studentised"):  # of a report's intervals
        assert f"backtests.evaluation.{kernel}" in compiled
    for words in ([*TRADES, str(FILE)], ["backtest", str(FILE), "--policy", "threshold"]):
        done = rebalance(*words, "--reports", str(tmp_path))
        assert "compiling" not in done.stderr.lower()


def test_a_job_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "NOTE", "missing.json")
    monkeypatch.setattr(made, "JOBS", {"missing": lambda: None})
    with pytest.raises(ConfigError, match=r"(?s)kernels of missing could not be compiled.*KeyError: 'missing'"):
        made.compile_kernels()
