"""What a user waits for: a first backtest in a fresh process, with compiled code at hand and without, and `--help`."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.timing import keep, machine, show, versions

ROUNDS, COLD_ROUNDS = 11, 3
AIMS = {"first backtest": 1.5, "rebalance --help": 0.3}  # seconds
STAGES = ("python and imports", "the market read", "the backtest played")
REBALANCE = Path(sys.executable).parent / "rebalance"
FIRST = """
import time
from research.accounting import Costs
from research.allocation import EqualWeights
from research.market.embedded import load_market
from research.rules import Threshold
from backtests.engine import backtest
imported = time.time()
market = load_market("multi_asset_daily")
read = time.time()
nav = backtest(market, Threshold(EqualWeights(), 0.05), Costs.bps(len(market.assets), commission=10)).nav
print(imported, read, time.time())
"""


def first_backtest(environment: Mapping[str, str]) -> np.ndarray:
    """Seconds from the start of the interpreter to the end of each stage; the last of them has the path of wealth."""
    before = time.time()
    told = subprocess.run(
        [sys.executable, "-c", FIRST], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return np.array([float(word) for word in told.stdout.split()]) - before


def without_compiled_code() -> np.ndarray:
    """The same, in a folder for compiled code that is empty."""
    with tempfile.TemporaryDirectory() as empty:
        return first_backtest({"NUMBA_CACHE_DIR": empty})


def asked_for_help() -> float:
    """Seconds that `rebalance --help` takes, start of the process included."""
    before = time.perf_counter()
    subprocess.run([REBALANCE, "--help"], check=True, capture_output=True)
    return time.perf_counter() - before


def main() -> None:
    """Measure in turns, print, and keep."""
    first_backtest({})
    asked_for_help()
    warm, helped = [], []
    for _ in range(ROUNDS):
        warm.append(first_backtest({}))
        helped.append(asked_for_help())
    stages = np.median(warm, axis=0)
    cold = np.median([without_compiled_code() for _ in range(COLD_ROUNDS)], axis=0)
    seconds = {"first backtest": float(stages[-1]), "rebalance --help": float(np.median(helped))}
    print(f"{machine()}; {versions('numba', 'pandas')}")
    show(
        "A fresh process",
        ("", "seconds", "aim", ""),
        [
            (name, f"{took:.2f}", f"{AIMS[name]:.1f}", "" if took < AIMS[name] else "short")
            for name, took in seconds.items()
        ]
        + [("first backtest, nothing compiled", f"{cold[-1]:.1f}", "", "")],
        [f"medians of {ROUNDS} processes, {COLD_ROUNDS} where nothing is compiled"],
    )
    show(
        "The first backtest: seconds since the start of the interpreter",
        ("after", "compiled code at hand", "nothing compiled"),
        [(stage, f"{a:.2f}", f"{b:.2f}") for stage, a, b in zip(STAGES, stages, cold, strict=True)],
    )
    keep(
        "start",
        {
            "versions": versions("numba", "pandas"),
            "seconds": seconds,
            "aims": AIMS,
            "stages": dict(zip(STAGES, stages.tolist(), strict=True)),
            "stages_nothing_compiled": dict(zip(STAGES, cold.tolist(), strict=True)),
        },
    )


if __name__ == "__main__":
    main()
