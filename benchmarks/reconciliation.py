"""`reconcile()` on a large market: 3,000 assets over thirty years, to equal weights each quarter.

It is measured in a process of its own, so that the peak of memory is its own too: what the market and the backtest
reach before `reconcile()`, and the whole. Seconds are the processor's.
"""

import json
import subprocess
import sys

from benchmarks.timing import keep, machine, show, versions

ASSETS, DAYS, AIM = 3_000, 7_560, 1.5  # the aim in GB
ALONE = f"""
import json, time
from backtests.engine import backtest
from benchmarks.grid import simulated
from foundation.machine import peak_memory
from research.accounting import Costs
from research.allocation import EqualWeights
from research.rules import Calendar

market, found = simulated({DAYS}, {ASSETS}), {{}}
found["market, GB"] = peak_memory() / 1e9
played = backtest(market, Calendar(EqualWeights(), "quarter"), Costs.bps({ASSETS}, commission=10))
found["backtest, GB"] = peak_memory() / 1e9
before = time.process_time()
played.reconcile()
found["reconcile, processor seconds"] = time.process_time() - before
found["reconcile, GB"] = peak_memory() / 1e9
print(json.dumps(found))
"""


def measure() -> dict[str, float]:
    """Peak memory after each stage, GB, and the processor seconds of `reconcile()`."""
    told = subprocess.run([sys.executable, "-c", ALONE], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)  # type: ignore[no-any-return]


def main() -> None:
    """Measure, print, and keep; a first process compiles."""
    print(f"{machine()}; {versions('numba', 'numpy')}")
    measure()
    found = measure()
    show(
        f"reconcile() of {ASSETS:,} assets over {DAYS:,} days, traded quarterly",
        ("", "measured", "aim"),
        [(name, f"{value:.2f}", f"{AIM:g}" if name == "reconcile, GB" else "") for name, value in found.items()],
        ["the peak of memory of the process up to each stage"],
    )
    keep("reconciliation", {"versions": versions("numba", "numpy"), **found})


if __name__ == "__main__":
    main()
