"""The journal: entries a second, one by one and together, and verified; and kills of processes that append.

The peer of appends is plain sqlite3: the same fields in a table of the same settings (WAL, synchronous FULL), without
chain, identity and head. Both wait for the same disk, in turns. The disk sets the pace of appends one by one, so that
their seconds are those of the wall.

    python -m benchmarks.journal [ENTRIES] [KILLS]
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.timing import keep, machine, show, versions
from desk.journal.chain import ENTRY_FIELDS, START, Event, entry_of
from desk.journal.journal import COLUMNS, HEAD, JOURNAL, Journal
from desk.journal.records import Filled
from desk.journal.verify import verify

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from journals import check_nothing_lost_or_doubled, killed

ENTRIES, KILLS = 1_000_000, 200
ROUNDS, EACH, TOGETHER = 5, 200, 10_000  # of appends one by one, and of entries of one append
AIMS = {"one by one": 1_000.0, "together": 1_000.0, "verified": 10.0}  # entries a second, and seconds


def event(k: int) -> Event:
    """A fill."""
    record = Filled("paper", f"f{k}", "buy", "SPY", 10.0 + k, 381.53, "USD", 0.05, "USD", "2026-11-25T16:03:12Z")
    return Event(record, "sixty_forty", "ab" * 32, "", f"20261125-{k:020x}")


def plain_table(path: Path) -> Callable[[int], None]:
    """An append of the same fields to a plain table."""
    rows = sqlite3.connect(path, isolation_level=None)
    rows.execute("PRAGMA journal_mode = WAL")
    rows.execute("PRAGMA synchronous = FULL")
    rows.execute(f"CREATE TABLE entries ({COLUMNS})")
    marks = ", ".join("?" * len(ENTRY_FIELDS))

    def append(k: int) -> None:
        made = entry_of(event(k), START, "2026-11-25T16:03:12.000000Z", "anna").values
        rows.execute("BEGIN IMMEDIATE")
        rows.execute(f"INSERT INTO entries VALUES ({marks})", made)
        rows.execute("COMMIT")

    return append


def one_by_one(folder: Path) -> dict[str, float]:
    """Entries a second of ours and of the plain table, medians of rounds in which both take turns."""
    with Journal(folder / "one") as journal:
        calls = {"plain": plain_table(folder / "plain.sqlite"), "ours": lambda k: journal.append([event(k)])}
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for turn in range(ROUNDS):
            for name, call in calls.items():
                begun = time.perf_counter()
                for k in range(turn * EACH, (turn + 1) * EACH):
                    call(k)
                seconds[name].append(time.perf_counter() - begun)
    ratio = float(np.median(np.divide(seconds["ours"], seconds["plain"])))
    return {name: EACH / float(np.median(found)) for name, found in seconds.items()} | {"times": ratio}


def many(folder: Path, count: int) -> dict[str, float]:
    """Entries a second of appends of `TOGETHER`, and seconds in which all are verified."""
    with Journal(folder / "many") as journal:
        begun = time.perf_counter()
        for first in range(0, count, TOGETHER):
            journal.append([event(k) for k in range(first, min(first + TOGETHER, count))])
        appended = time.perf_counter() - begun
        begun, used = time.perf_counter(), time.process_time()
        assert not verify(journal).faults
        seconds, processor = time.perf_counter() - begun, time.process_time() - used
    size = sum((folder / "many" / name).stat().st_size for name in (JOURNAL, HEAD))
    return {"together": count / appended, "verified": seconds, "processor": processor, "bytes an entry": size / count}


def main(entries: int = ENTRIES, kills: int = KILLS) -> None:
    """Measure, print, and keep."""
    print(f"{machine()}; {versions()}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory() as place:
        single, whole = one_by_one(Path(place)), many(Path(place), entries)
        left = check_nothing_lost_or_doubled(Path(place) / "killed", killed(Path(place) / "killed", kills))
    show(
        f"The journal, {entries:,} entries",
        ("", "", "aim"),
        [
            ("one by one, entries a second", f"{single['ours']:,.0f}", f"{AIMS['one by one']:,.0f}"),
            ("plain sqlite3", f"{single['plain']:,.0f}", ""),
            ("seconds of ours over plain", f"{single['times']:.2f}", ""),
            (f"{TOGETHER:,} together, entries a second", f"{whole['together']:,.0f}", f"{AIMS['together']:,.0f}"),
            ("verified, seconds", f"{whole['verified']:.1f}", f"{AIMS['verified'] * entries / ENTRIES:.2g}"),
            ("of the processor", f"{whole['processor']:.1f}", ""),
            ("bytes an entry", f"{whole['bytes an entry']:,.0f}", ""),
        ],
        [f"{kills} kills of two appending processes: {left:,} entries, none lost, none doubled"],
    )
    keep("journal", {"entries": entries, "single": single, "many": whole, "kills": kills, "left": left})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
