"""Kernel work of a step of `explore` while a slider moves: 8,000 days of 20 assets, in milliseconds.

`python -m benchmarks.exploring` prints the median and the longest of `STEPS` steps, and the whole picture at rest.
"""

import time
from statistics import median

import numpy as np
import pandas as pd

from backtests.sheets.notebook.explore import explore
from benchmarks.timing import keep, machine
from research.accounting import Costs
from research.allocation import EqualWeights
from research.market import Market, instruments_table

DAYS, ASSETS, STEPS = 8_000, 20, 60


def market() -> Market:
    """Independent daily returns."""
    names = tuple(f"A{i:02}" for i in range(ASSETS))
    returns = np.random.default_rng(0).normal(3e-4, 0.01, (DAYS, ASSETS))
    returns[0] = 0.0
    days, table = pd.bdate_range("1994-01-03", periods=DAYS), instruments_table(names)
    tradable, none = np.ones(returns.shape, dtype=bool), np.full(returns.shape, np.nan)
    return Market(days, names, returns, tradable, np.zeros(DAYS), table, none, calendar="24/5", name="drawn")


def main() -> None:
    """Move the width, and print."""
    explorer = explore(market(), EqualWeights(), Costs.bps(ASSETS, commission=5))
    explorer.step()  # compiles
    explorer.sliders["width"].unobserve_all()  # which would draw each step once more
    took = []
    for k in range(STEPS):
        explorer.sliders["width"].value = 0.5 + 0.1 * k
        began = time.perf_counter()
        explorer.step()
        took.append(1e3 * (time.perf_counter() - began))
    began = time.perf_counter()
    explorer.rest()
    rest = 1e3 * (time.perf_counter() - began)
    print(machine(), f"a step {median(took):.0f} ms, the longest {max(took):.0f} ms; at rest {rest:.0f} ms", sep="\n")
    keep("exploring", {"step": median(took), "longest": max(took), "rest": rest})


if __name__ == "__main__":
    main()
