"""A comparison's sheet: nine policies over fifteen years of twenty stocks, in a fresh process; seconds and memory.

The policies are played before the clock starts. What is timed is the sheet: its evidence, attribution, stress,
simulated futures, pictures and files. Another process then makes one section after the other, each timed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.timing import keep, machine, show, versions

FILE = Path(__file__).parents[1] / "data" / "portfolios" / "stocks_20.yaml"
KEYS = {
    "test_start": "2008-01-02",  # fifteen years to the last close
    "policies.threshold_edge": {"rule": "threshold", "band": 0.02, "to": "edge"},
    "policies.closed_form": {"rule": "no_trade_region"},
}
SECONDS, GIGABYTES = 15.0, 1.5  # what is to be reached
SHEET = """
import json, sys, tempfile, time
from pathlib import Path
from desk.commands.made import run_for
from desk.commands.report import trades_of
from backtests.comparison import compare
from backtests.sheets.sections.first_screen import first_screen
from backtests.sheets.sections.sections import SECTIONS
from backtests.sheets.pages.tearsheet import write_tearsheet
from foundation.machine import peak_memory
from research.portfolio import load_portfolio
file, keys, whole = sys.argv[1:]
compared = compare(load_portfolio(file, json.loads(keys)))
played = compared.backtests[compared.reference]
trades, run = trades_of(compared), run_for("report", compared.portfolio, compared.settings)
parts, clock, used = {}, time.perf_counter(), time.process_time()
def lap(name, call):
    before = time.perf_counter()
    call(compared)
    parts[name] = time.perf_counter() - before
if whole == "parts":
    lap("first screen", first_screen)
    for section in SECTIONS:
        if section.numbers is not None:
            lap(section.name, section.numbers)
with tempfile.TemporaryDirectory() as folder:
    lap("pictures, page and files", lambda _: write_tearsheet(Path(folder), compared, trades, run))
    size = (Path(folder) / "tearsheet.html").stat().st_size
print(json.dumps({
    "years": len(played.net_returns) / played.periods_per_year, "policies": len(compared.backtests),
    "seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - used,
    "gigabytes": peak_memory() / 1e9, "megabytes_of_page": size / 1e6,
    "parts": parts,
}))
"""


def main() -> None:
    """Measure the parts, which may compile, then the whole sheet; print both, and keep them."""
    parts, found = (_measured(how) for how in ("parts", "whole"))
    print(f"{machine()}; {versions('numba', 'matplotlib')}")
    aims = {"seconds": SECONDS, "gigabytes": GIGABYTES}
    show(
        f"The sheet of {found['policies']} policies over {found['years']:.1f} years",
        ("", "measured", "aim", ""),
        [(name, f"{found[name]:.2f}", f"{aim:g}", "" if found[name] < aim else "short") for name, aim in aims.items()],
        [
            f"{found['processor_seconds']:.1f} seconds of the processor",
            f"the page has {found['megabytes_of_page']:.2f} MB",
        ],
    )
    show("Seconds of each part", ("part", "seconds"), [(name, f"{took:.2f}") for name, took in parts["parts"].items()])
    keep("sheet", {"versions": versions("numba", "matplotlib"), "aims": aims, **found, "parts": parts["parts"]})


def _measured(how: str) -> dict[str, Any]:
    """What a process of its own measured: of the "whole" sheet, or of its "parts" one after the other."""
    told = subprocess.run(
        [sys.executable, "-c", SHEET, str(FILE), json.dumps(KEYS), how], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
