"""What a user waits for: in a fresh process a first backtest, compiled or not yet, and commands.

Seconds are the wall's. The processor's stand beside them: on a machine that has other work they are the ones to trust.
Those of commands that users give many times a day are also shown over those of the import of numpy, pandas and numba
in the same round, so that machines can be compared.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backtests.comparison.kept_simulations import SIMULATIONS_FOLDER as SIMULATIONS
from benchmarks.timing import Ratio, keep, machine, processor_seconds, show, show_ratios, versions

ROUNDS, COLD_ROUNDS = 11, 3
AIMS = {
    "first backtest": 1.5,
    "rebalance trades": 1.5,
    "rebalance allocate": 1.5,
    "rebalance --help": 0.3,
    "rebalance runs": 0.5,
    "rebalance data list sources": 0.5,
}  # seconds; of commands but `--help` the processor's
RATIOS = {
    "rebalance trades": 1.5,
    "rebalance risk": 2.0,
    "rebalance allocate": 2.0,
    "rebalance runs": 0.6,
    "rebalance desk book show": 1.2,
    "rebalance desk journal": 0.5,
}  # aims of processor seconds over those of the import of numpy, pandas and numba
STAGES = ("python and imports", "the market read", "the backtest played")
REBALANCE = Path(sys.executable).parent / "rebalance"
PORTFOLIOS = Path(__file__).parents[1] / "data" / "portfolios"
TRADES = "trades", str(PORTFOLIOS / "sixty_forty.yaml"), "--as-of", "2022-12-29"
OPEN = "desk", "book", "open", str(PORTFOLIOS / "sixty_forty.yaml"), "--as", "mine"
CYCLE = "desk", "run", str(PORTFOLIOS / "sixty_forty.yaml"), "--as-of", "2022-12-29"  # begins the journal
REPORT = "report", str(PORTFOLIOS / "global_multi_asset.yaml")
ALLOCATE = "allocate", str(PORTFOLIOS / "global_multi_asset.yaml"), "--as-of", "2022-12-29"
COMMANDS = {
    "rebalance trades": TRADES,
    "rebalance allocate": ALLOCATE,
    "rebalance --help": ("--help",),
    "rebalance runs": ("runs",),
    "rebalance data list sources": ("data", "list", "sources"),
    "rebalance risk": ("risk", str(PORTFOLIOS / "sixty_forty.yaml")),
    "rebalance desk book show": ("desk", "book", "show", "mine"),
    "rebalance desk journal": ("desk", "journal"),
}
FIRST = """
import time
from research.accounting import Costs
from research.allocation import EqualWeights
from research.market.reading.embedded import load_market
from research.rules import Threshold
from backtests.engine import backtest
imported = time.time()
market = load_market("multi_asset_daily")
read = time.time()
nav = backtest(market, Threshold(EqualWeights(), 0.05), Costs.bps(len(market.assets), commission=10)).nav
print(imported, read, time.time(), time.process_time())
"""


def first_backtest(environment: Mapping[str, str]) -> np.ndarray:
    """(4,) seconds from the start of the interpreter to the end of each stage, then the processor's to the last end."""
    before = time.time()
    told = subprocess.run(
        [sys.executable, "-c", FIRST], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    *stages, processor = map(float, told.stdout.split())
    return np.array([*(stage - before for stage in stages), processor])


def without_compiled_code() -> np.ndarray:
    """The same, in a folder for compiled code that is empty."""
    with tempfile.TemporaryDirectory() as empty:
        return first_backtest({"NUMBA_CACHE_DIR": empty})


def process(*words: str | Path, **environment: str) -> np.ndarray:
    """(2,) seconds that a process takes, its start included, and the processor's."""
    before, used = time.perf_counter(), processor_seconds()
    subprocess.run(words, env=os.environ | environment, check=True, capture_output=True)
    return np.array([time.perf_counter() - before, processor_seconds() - used])


def command(*arguments: str, **environment: str) -> np.ndarray:
    """The same of `rebalance` with these arguments."""
    return process(REBALANCE, *arguments, **environment)


def first_report() -> dict[str, float]:
    """Processor seconds of the example's report when nothing is compiled, and then again; what it kept of kernels.

    The results and simulations that are kept are deleted before each, those of this checkout too, so that the second
    does what the first did but compile.
    """
    with tempfile.TemporaryDirectory() as home:
        kept, places = Path(home) / "kept", {"NUMBA_CACHE_DIR": f"{home}/kept", "HOME": home, "XDG_CACHE_HOME": home}
        seconds = []
        for turn in range(2):
            for folder in {SIMULATIONS, *kept.glob("*")} - {kept / "kernels"}:
                shutil.rmtree(folder, ignore_errors=True)
            seconds.append(command(*REPORT, "--home", f"{home}/{turn}", **places)[1])
        names = [path.name.rpartition("-")[0] for path in (kept / "kernels").iterdir() if path.name[0] != "."]
    cold, warm = seconds
    return {"nothing compiled": cold, "compiled": warm, "kernels": len({*names}), "forms of kernels": len(names)}


def turns(home: str) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """(rounds, 4) first backtests; (rounds, 2) seconds of each command in a home; (rounds,) processor's of imports."""
    first_backtest({})
    for words in (OPEN, CYCLE, *COMMANDS.values()):
        command(*words, REBALANCE_HOME=home)
    warm, waits, imports = [], dict[str, list[np.ndarray]]({name: [] for name in COMMANDS}), []
    for _ in range(ROUNDS):
        warm.append(first_backtest({}))
        imports.append(process(sys.executable, "-c", "import numpy, pandas, numba")[1])
        for name, words in COMMANDS.items():
            waits[name].append(command(*words, REBALANCE_HOME=home))
    return np.array(warm), {name: np.array(each) for name, each in waits.items()}, np.array(imports)


def main() -> None:
    """Measure in turns, print, and keep."""
    with tempfile.TemporaryDirectory() as home:
        warm, waits, imports = turns(home)
    report = first_report()
    floor = f"import of numpy, pandas and numba, {np.median(imports):.2f} s"
    ratios = [
        Ratio(f"`{name}` over an import", float(np.median(waits[name][:, 1] / imports)), aim, floor)
        for name, aim in RATIOS.items()
    ]
    compiled = report["nothing compiled"] - report["compiled"]
    kernels = f"{report['kernels']:.0f} kernels in {report['forms of kernels']:.0f} forms"
    words = f"what the first report compiles, {kernels} in {compiled:.0f} s, over an import"
    ratios.append(Ratio(words, compiled / float(np.median(imports)), None, floor))
    cold = np.median([without_compiled_code() for _ in range(COLD_ROUNDS)], axis=0)
    *stages, busy = np.median(warm, axis=0)
    *cold_stages, cold_busy = cold
    took = {
        "first backtest": (stages[-1], busy),
        **{name: tuple(np.median(each, axis=0)) for name, each in waits.items()},
    }
    print(f"{machine()}; {versions('numba', 'pandas')}")
    show(
        "A fresh process",
        ("", "seconds", "aim", "", "processor seconds"),
        [
            (
                name,
                f"{wall:.2f}",
                f"{AIMS[name]:.1f}" if name in AIMS else "",
                "" if min(wall, processor) < AIMS.get(name, np.inf) else "short",
                f"{processor:.2f}",
            )
            for name, (wall, processor) in took.items()
        ]
        + [("first backtest, nothing compiled", f"{cold_stages[-1]:.1f}", "", "", f"{cold_busy:.1f}")],
        [f"medians of {ROUNDS} processes, {COLD_ROUNDS} where nothing is compiled"],
    )
    show_ratios(ratios)
    show(
        "The first backtest: seconds since the start of the interpreter",
        ("after", "compiled code at hand", "nothing compiled"),
        [(stage, f"{a:.2f}", f"{b:.2f}") for stage, a, b in zip(STAGES, stages, cold_stages, strict=True)],
    )
    show(
        "The report of the example, processor seconds, and the kernels that it keeps",
        ("", ""),
        [(name, f"{value:.0f}") for name, value in report.items()],
        ["a kernel on demand that Python calls too has two forms"],
    )
    keep(
        "start",
        {
            "versions": versions("numba", "pandas"),
            "seconds": {name: wall for name, (wall, _) in took.items()},
            "processor_seconds": {name: processor for name, (_, processor) in took.items()},
            "report": report,
            "stages": dict(zip(STAGES, stages, strict=True)),
            "stages_nothing_compiled": dict(zip(STAGES, cold_stages, strict=True)),
        },
    )


if __name__ == "__main__":
    main()
