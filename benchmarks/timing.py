"""Ratios that hold on a busy machine: everyone takes turns in every round, and medians are taken over rounds.

Their seconds are the processor's, of this process alone: on a machine with other work a wall clock would flatter the
quick, as it is the long calls that get interrupted. On an idle one the two agree: every contestant runs on one thread.
"""

import gc
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from foundation.arrays import Array
from foundation.machine import processor_name

FOLDER = Path(__file__).parent.parent / ".cache" / "benchmarks"
TURN = 0.02  # seconds that a contestant's turn takes at least: what is short is called more often
AIMS_TITLE = "Ratios within one run, and their aims"
AIMS_HEAD = ("", "measured", "aim", "", "floor, of the same run")

Table = dict[str, object]  # title, head, rows and notes, as they were shown
_shown: list[Table] = []  # since the last benchmark was kept


@dataclass(frozen=True)
class Ratio:
    """A figure with an aim: what is measured over its floor, both of one run.

    name  : what is measured, and over what.
    value : the ratio, or a figure in a unit that `name` states.
    aim   : the value to reach; None where none was stated.
    floor : the floor in words, with its own figure.
    more  : True if a value above the aim reaches it, else one below does.
    """

    name: str
    value: float
    aim: float | None
    floor: str
    more: bool = False

    def cells(self) -> tuple[str, ...]:
        """The row of a table."""
        aim = "" if self.aim is None else f"{'at least' if self.more else 'at most'} {self.aim:g}"
        missed = self.aim is not None and (self.value < self.aim if self.more else self.value > self.aim)
        value = f"{self.value:,.0f}" if self.value >= 100.0 else f"{self.value:.3g}"
        return self.name, value, aim, "not met" if missed else "met" if aim else "", self.floor


@dataclass(frozen=True)
class Times:
    """Processor seconds a call, (rounds,) for each contestant; row r of all was measured within one round."""

    seconds: Mapping[str, Array]

    def median(self, name: str) -> float:
        """Seconds a call, the median over rounds."""
        return float(np.median(self.seconds[name]))

    def ratio(self, slow: str, fast: str) -> float:
        """How many times faster `fast` is: the median over rounds of the ratio within a round."""
        return float(np.median(self.seconds[slow] / self.seconds[fast]))


def take_turns(contestants: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Every contestant is called once to warm up; then all take turns in every round.

    A turn is as many calls as fill `TURN` seconds, and counts with the median of its calls.
    """
    calls = {}
    for name, call in contestants.items():
        call()
        calls[name] = max(1, round(TURN / _seconds(call)))
    gc.collect()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            seconds[name].append(float(np.median([_seconds(call) for _ in range(calls[name])])))
    return Times({name: np.array(values) for name, values in seconds.items()})


def _seconds(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


def processor_seconds() -> float:
    """Processor seconds of the child processes that have ended so far, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# -- where, with what, and what came out -----------------------------------------------------------------------------


def machine() -> str:
    """Cores and processor family, without a name of the machine."""
    return f"{os.cpu_count()} cores of {processor_name()}; {platform.system()}"


def versions(*packages: str) -> str:
    """Python and the packages, with their versions."""
    return ", ".join([f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)])


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print a table, the first column to the left, the others to the right. `keep` writes all since the one before."""
    table = [list(head), *map(list, rows)]
    wide = [max(len(row[column]) for row in table) for column in range(len(head))]
    print(f"\n{title}")
    for row in table:
        cells = [cell.ljust(wide[i]) if i == 0 else cell.rjust(wide[i]) for i, cell in enumerate(row)]
        print("  " + "   ".join(cells).rstrip())
    for note in notes:
        print(f"  {note}")
    sys.stdout.flush()
    _shown.append({"title": title, "head": table[0], "rows": table[1:], "notes": list(notes)})


def show_ratios(ratios: Sequence[Ratio]) -> None:
    """Print the ratios of a benchmark beside their aims and floors; docs/performance.md begins with those of all."""
    show(AIMS_TITLE, AIMS_HEAD, [ratio.cells() for ratio in ratios])


def keep(name: str, facts: Mapping[str, object]) -> None:
    """Write the facts of a benchmark to `.cache/benchmarks/<name>.json`, with date, machine, versions and its tables.

    versions : those of `facts`, else of Python, numpy and numba.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    used = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "versions": versions("numpy", "numba")}
    (FOLDER / f"{name}.json").write_text(
        json.dumps({**used, **facts, "tables": _shown}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    _shown.clear()


def write_section(heading: str, text: str) -> None:
    """Write a section of docs/evidence.md anew, at its end where it is new.

    heading : its line, with the line break.
    text    : what follows.
    """
    page = Path(__file__).parent.parent / "docs" / "evidence.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(heading)
    _, next_one, after = rest.partition("\n## ")
    page.write_text(f"{before}{heading}\n{text}{next_one}{after}", encoding="utf-8")
