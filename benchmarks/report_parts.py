"""What a report costs whose draws alone changed, over the parts that it must make, and each report of a batch of forty.

The parts are measured in the same minutes: a process that asks for the report and executes a notebook with its imports
and its portfolio alone; then, in a process that has made the report of other draws, its comparison with intervals and
verdict, the sheet's words, the two pictures that hold intervals, and the files of results.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from backtests.runs.notebook import SELDOM
from benchmarks.start import PORTFOLIOS, REBALANCE
from benchmarks.timing import Ratio, keep, machine, show, show_ratios, versions

FILE = PORTFOLIOS / "global_multi_asset.yaml"
ROUNDS, BATCH = 5, 40
FIRST = 9_000  # draws; each report has a number of its own
ADOPTS_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER: forked kernels are the children of a process that ends before
START = f"""
{SELDOM}
import sys
from pathlib import Path
import nbformat
from backtests.runs.notebook import COMPARING, execute_notebook
from desk.commands.report import ask_report

asked = ask_report(Path(sys.argv[1]), ["draws=" + sys.argv[2]], Path(sys.argv[3]))
whole = nbformat.read(COMPARING, 4)
code = [cell for cell in whole.cells if cell.cell_type == "code"]
whole.cells = code[:4]  # parameters, their check, imports, the portfolio
nbformat.write(whole, Path(sys.argv[3]) / "start.ipynb")
given = dict(asked.parameters) | dict(portfolio=sys.argv[1], run="")
execute_notebook(Path(sys.argv[3]) / "start.ipynb", Path(sys.argv[3]) / "out.ipynb", given)
"""
REST = """
import json, sys, time
from pathlib import Path
from backtests.comparison import compare
from backtests.runs.folder import partial_of
from backtests.sheets.pages.tearsheet import pictures, whole_sheet, write_words
from desk.commands.made import run_for
from desk.commands.report import _write_results, trades_of
from foundation.paper.files import write_pictures
from research.portfolio import load_portfolio

def made(draws):
    portfolio, began, took = load_portfolio(sys.argv[1]), time.process_time(), {}

    def stop(name):
        nonlocal began
        took[name], began = time.process_time() - began, time.process_time()

    comparison = compare(portfolio, draws=draws)
    repr(comparison)
    comparison.answer()
    stop("comparison, intervals, verdict")
    trades, record = trades_of(comparison), run_for("report", portfolio, comparison.settings)
    stop("trades")
    sheet, folder = whole_sheet(comparison, trades, record), Path(sys.argv[3])
    began = time.process_time()
    write_words(folder, sheet, comparison, trades, record)
    stop("words of the sheet")
    write_pictures(folder, pictures(sheet)[:2])
    stop("two pictures")
    _write_results(comparison, trades, record, folder)
    stop("files of results")
    return took

made(int(sys.argv[2]) - 1)
print(json.dumps(made(int(sys.argv[2]))))
"""


def used(*words: str | Path, **environment: str) -> tuple[float, str]:
    """Processor seconds of a process and of all that came from it, those that outlive it included; what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = subprocess.run(words, env=os.environ | environment, check=True, capture_output=True, text=True)
    try:
        while True:
            os.wait()
    except ChildProcessError:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), told.stdout


def main() -> None:
    """Measure in turns, print, and keep."""
    ctypes.CDLL(None).prctl(ADOPTS_ORPHANS, 1, 0, 0, 0)
    draws = iter(range(FIRST, FIRST + 10_000, 2))
    reports, parts = list[float](), list[dict[str, float]]()
    with tempfile.TemporaryDirectory() as place:

        def report() -> float:
            return used(REBALANCE, "report", FILE, "-p", f"draws={next(draws)}", "--home", place)[0]

        def of_python(code: str) -> tuple[float, str]:
            return used(sys.executable, "-c", code, FILE, str(next(draws)), place)

        report()  # which keeps what follows from no draws
        for _ in range(ROUNDS):
            reports.append(report())
            parts.append({"a start and its portfolio": of_python(START)[0], **json.loads(of_python(REST)[1])})
        grid = "draws=" + ",".join(str(next(draws)) for _ in range(BATCH))
        batch = used(REBALANCE, "batch", FILE, "--grid", grid, "--workers", "2", "--home", place)[0] / BATCH
    each = {name: float(np.median([one[name] for one in parts])) for name in parts[0]}
    whole, needed = float(np.median(reports)), sum(each.values())
    print(f"{machine()}; {versions('numba', 'pandas', 'papermill')}")
    rows = [(name, f"{seconds:.2f}") for name, seconds in each.items()]
    show(
        "A report whose draws changed",
        ("", "processor seconds"),
        [
            *rows,
            ("its necessary parts", f"{needed:.2f}"),
            ("the report", f"{whole:.2f}"),
            (f"one of a batch of {BATCH}, two workers", f"{batch:.2f}"),
        ],
        [f"medians of {ROUNDS} rounds"],
    )
    show_ratios(
        [
            Ratio("a report with changed draws, over its necessary parts", whole / needed, 1.5, f"{needed:.2f} s"),
            Ratio(f"a report of a batch of {BATCH}, processor s", batch, 4.0, f"its necessary parts {needed:.2f} s"),
        ]
    )
    keep("report_parts", {"report": whole, "batch": batch, "parts": each})


if __name__ == "__main__":
    main()
