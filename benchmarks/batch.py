"""The page of a batch of a thousand runs, and a batch of reports against the same reports one by one.

The page: seconds to build and bytes, against 1 s and 300 kB. The runs are drawn, with parameters, verdicts, warnings,
trades and drawdowns such as those of real ones.

The batch: quick reports of one portfolio file with different numbers of draws, by two workers, and each by a command of
its own; wall and processor seconds of both, and the memory of the largest process, each run's kernel among them. The
aim is 60 % of the wall's seconds on two idle cores; the processor's say what is saved where other work disturbs them.

The memory of a worker after each of its runs, which must not grow with them.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from backtests.evaluation.backtest_figures import HEADLINE_FIGURES
from backtests.runs.batch_changes import changes_between
from backtests.sheets.pages.batch import batch_html
from benchmarks.timing import keep, machine, processor_seconds, show, versions
from desk.commands.batch.plan import Job, notebook_named
from desk.commands.batch.run import Outcome, drawdowns, outcome, table_of_outcomes
from foundation.machine import peak_memory_of_children

RUNS = 1_000
SECONDS, BYTES, SHARE = 1.0, 300_000, 0.6  # what is to be reached
REPORTS = int(os.environ.get("REPORTS", "8"))
DRAWS = 200
FILE = Path(__file__).parents[1] / "data" / "portfolios" / "sixty_forty.yaml"
REBALANCE = Path(sys.executable).parent / "rebalance"
POLICIES = ("quarterly", "threshold_within", "tuned", "closed_form", "universal")


def runs(count: int, seed: int) -> list[Outcome]:
    """Runs of 25 portfolios with random figures, the later half of whose drawdowns differ by run."""
    rng, rows = np.random.default_rng(seed), []
    for k in range(count):
        policy = POLICIES[int(rng.integers(len(POLICIES)))]
        nav = np.cumprod(1.0 + rng.normal(3e-4, 0.01, 2_014))
        growth, sharpe, depth, tracking, cost = rng.uniform(0.01, 1.0, 5)
        width = dict.fromkeys((f"{name}_lower" for name in ("growth", "tracking_error", "cost")), 0.0)
        rows.append(
            Outcome(
                portfolio=f"desk_of_client_{k % 25:02}",
                parameters=("draws=1000", "rl_steps=0", f"reference={k // 25}"),
                run=f"desk_of_client_{k % 25:02}-2022-12-29-{k:08x}", status="made", policy=policy,
                now="quarterly", gain=float(growth),
                verdict=f"Use {policy}: it trades when a weight is {k % 7} points off target, halfway back.",
                growth=growth, sharpe=sharpe, max_drawdown=-depth, tracking_error=0.01 * tracking,
                cost=10 * cost, intervals=width,
                warnings="\n".join(f"Warning {n} of this portfolio, as long as one of them is" for n in range(k % 4)),
                trades="Sell SPY, VEA; buy AGG, QQQ: 1,346,623.98 USD in 4 orders", orders=k % 6, turnover=0.0293,
                drawdowns=drawdowns(nav), page=f"../desk_of_client_{k % 25:02}-2022-12-29-{k:08x}/tearsheet.html",
            )
        )  # fmt: skip
    return rows


def page() -> dict[str, float]:
    """Seconds to build the page of a thousand runs, differences to the previous batch included, and its bytes."""
    table, before = table_of_outcomes(runs(RUNS, 1)), table_of_outcomes(runs(RUNS, 2))
    batch_html("warm", "compare_policies", table.head(10))
    began = time.perf_counter()
    changes = changes_between(before, table, HEADLINE_FIGURES)
    most = len(batch_html("nightly", "compare_policies", table, changes).encode())
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "bytes": len(batch_html("nightly", "compare_policies", table).encode()), "most": most}


def command(*words: object) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    before, used = time.perf_counter(), processor_seconds()
    environment = os.environ | {"TQDM_DISABLE": "1"}
    subprocess.run([REBALANCE, *map(str, words)], check=True, capture_output=True, env=environment)
    return time.perf_counter() - before, processor_seconds() - used


def against_single(count: int) -> dict[str, float]:
    """Seconds of so many reports in one batch of two workers, and of a command each."""
    draws = [DRAWS + k for k in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        single = np.array(
            [command("report", FILE, "-p", f"draws={n}", "--home", Path(folder) / "a") for n in draws]
        ).sum(axis=0)
        grid = ",".join(map(str, draws))
        both = command("batch", FILE, "--grid", f"draws={grid}", "--workers", 2, "--home", Path(folder) / "b")
    largest = peak_memory_of_children() / 2**20
    return {
        "single": float(single[0]), "single_processor": float(single[1]), "batch": both[0], "batch_processor": both[1],
        "largest_mib": largest,
    }  # fmt: skip


def worker_memory(count: int) -> list[float]:
    """MiB that a worker has after each of so many trade lists, this process being the worker."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(count):
            file = Path(folder) / f"desk{k}.yaml"
            file.write_text(re.sub(r"(?m)^cash:.*$", f"cash: {1_000 + k}", FILE.read_text(encoding="utf-8")))
            job = Job(file, ("policy=quarterly",))
            made = outcome(job, notebook=notebook_named("rebalance_now"), reports=Path(folder) / "r", retrain=False)
            assert made.status == "made", made.verdict
            found.append(psutil.Process().memory_info().rss / 2**20)
    return found


def main() -> None:
    """Measure, print, and keep."""
    built, took = page(), against_single(REPORTS)
    memory = worker_memory(max(REPORTS, 3))
    print(f"{machine()}; {versions('pandas', 'papermill')}")
    show(
        f"The page of {RUNS:,} runs",
        ("", "found", "aim", ""),
        [
            ("seconds", f"{built['seconds']:.2f}", f"{SECONDS:.1f}", "" if built["seconds"] < SECONDS else "short"),
            ("kB", f"{built['bytes'] / 1e3:.0f}", f"{BYTES / 1e3:.0f}", "" if built["bytes"] < BYTES else "short"),
            ("kB with every recommendation compared", f"{built['most'] / 1e3:.0f}", "", ""),
        ],
    )
    share = took["batch"] / took["single"]
    show(
        f"{REPORTS} reports with {DRAWS} draws",
        ("", "wall seconds", "processor seconds"),
        [
            ("one by one", f"{took['single']:.1f}", f"{took['single_processor']:.1f}"),
            ("a batch of two workers", f"{took['batch']:.1f}", f"{took['batch_processor']:.1f}"),
            ("share", f"{share:.0%}", f"{took['batch_processor'] / took['single_processor']:.0%}"),
        ],
        [f"aim {SHARE:.0%} of the wall's on two idle cores; the largest process had {took['largest_mib']:.0f} MiB"],
    )
    show("A worker's memory", ("after run", "MiB"), [(str(k + 1), f"{mib:.1f}") for k, mib in enumerate(memory)])
    keep("batch", {"page": built, "reports": REPORTS, "worker_mib": memory, **took})


if __name__ == "__main__":
    main()
