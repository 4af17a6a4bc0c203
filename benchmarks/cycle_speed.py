"""What a decision cycle costs: the monitor's day, a cycle from the shell, ten years of cycles, a thousand portfolios.

    python -m benchmarks.cycle_speed

Seconds are the processor's, the start of a process included where there is one. A thousand portfolios are twenty of
them, each from its file to its record, times fifty, on two processors.
"""

import os
import subprocess
import sys
import tempfile
from time import process_time

import numpy as np
import yaml

from benchmarks.timing import keep, machine, processor_seconds, show
from desk.cycle.alternatives import as_held
from desk.cycle.cycle import run_cycle
from desk.cycle.monitor import is_triggered
from desk.cycle.replay import replayed
from research.portfolio import load_portfolio

PORT_A, GLOBAL = "data/portfolios/port_a_techgrowth_simulated.yaml", "data/portfolios/global_multi_asset.yaml"
AS_OF, FIRST, LAST = "2022-12-30", "2013-01-02", "2022-12-29"
DAYS, ROUNDS, SOME, ALL, CORES = 250, 5, 20, 1_000, 2
AIMS = {
    "monitor, ms a day": 5.0,
    "cycle from the shell, s": 5.0,
    "ten years, s": 60.0,
    "1,000 portfolios, minutes": 20.0,
}


def monitor() -> float:
    """Milliseconds of a day: whether a reading triggers a cycle of port A."""
    portfolio = load_portfolio(PORT_A)
    markets = [portfolio.market.until(day) for day in portfolio.market.dates[-DAYS:]]
    then = [as_held(portfolio, m, portfolio.holdings, portfolio.cash, portfolio.last_trade) for m in markets]
    is_triggered(then[0], portfolio.target)
    before = process_time()
    for each in then:
        is_triggered(each, portfolio.target)
    return 1e3 * (process_time() - before) / DAYS


def shell() -> float:
    """Seconds of `rebalance desk run` on port A, 1,000 worlds, the median; each journals in a folder of its own."""
    took = []
    for _ in range(ROUNDS + 1):
        with tempfile.TemporaryDirectory() as home:
            before, environment = processor_seconds(), os.environ | {"REBALANCE_HOME": home}
            command = [sys.executable, "-m", "desk.cli", "desk", "run", PORT_A, "--as-of", AS_OF]
            subprocess.run(command, env=environment, check=True, capture_output=True)
            took.append(processor_seconds() - before)
    return float(np.median(took[1:]))


def ten_years() -> float:
    """Seconds of ten years of daily cycles of eight assets, scenarios deciding, 1,000 worlds."""
    portfolio = load_portfolio(GLOBAL, {"cycle.decides": "scenarios", "policy": "threshold"})
    before = process_time()
    found = replayed(portfolio, portfolio.policies["threshold"], "threshold", FIRST, LAST)
    print(found.text)
    return process_time() - before


def a_thousand() -> float:
    """Minutes of a thousand portfolios on two processors, by those of twenty: port A with other holdings."""
    with open(PORT_A, encoding="utf-8") as file:
        lines = yaml.safe_load(file)["lines"]
    rng = np.random.default_rng(1)
    before = process_time()
    for _ in range(SOME):
        shares = {f"lines.{a}.shares": int(line["shares"] * rng.uniform(0.4, 1.6)) for a, line in lines.items()}
        portfolio = load_portfolio(PORT_A, shares)
        made = run_cycle(portfolio, portfolio.policies["threshold"], "threshold")
        assert made.analysis is not None
        assert made.document["sha256"]
    return (process_time() - before) * ALL / SOME / CORES / 60.0


def main() -> None:
    """Measure, print the table, and keep it."""
    took = dict(zip(AIMS, (monitor(), shell(), ten_years(), a_thousand()), strict=True))
    rows = [
        (name, f"{value:.2f}", f"{AIMS[name]:g}", "" if value < AIMS[name] else "short") for name, value in took.items()
    ]
    show("Decision cycles, processor time", ("", "took", "aim", ""), rows, [machine()])
    keep("cycle_speed", {"took": took, "aims": AIMS})


if __name__ == "__main__":
    main()
