"""The memory of a watcher after many simulated sessions, and kills of two watchers that catch up sessions.

    python -m benchmarks.watch_memory [SESSIONS] [KILLS]

Time is simulated; the market stands still, so that no cycle weighs alternatives. Memory is what the process occupies,
at a tenth of the sessions and at the end.
"""

import random
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import yaml

from desk.commands.cycle import watch
from desk.commands.cycle.cycle import make_cycle
from desk.commands.cycle.watch import Alerts, Watcher
from desk.feeds.pace import Clock
from desk.journal import Journal, verify
from desk.journal.records import CycleRun
from foundation.home import HOME
from research.market.calendars import closes, sessions

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from killed_watchers import killed

SESSIONS, KILLS = 10_000, 200
GROWTH = 0.05  # at most
FIRST, BEFORE = np.datetime64("1980-01-02"), 252  # first day of prices, and rows before the first cycle
A_TRY = 40  # sessions that are caught up between kills
FILE = {
    "name": "Still",
    "market": {"file": "prices.csv", "quotes": "prices.csv", "cash": 0.0, "calendar": "24/7", "currency": "USD"},
    "basis": "USD",
    "cash": 0,
    "lines": {"A": {"asset_class": "shares", "target": 1.0, "range": [0.0, 1.0], "shares": 100}},
    "costs": {"shares": {"commission_bps": 10, "half_spread_bps": 0}},
    "policies": {"never": {"rule": "never"}},
    "policy": "never",
}


def still(folder: Path, count: int) -> tuple[Path, np.ndarray]:
    """A portfolio of one asset with one price for so many days, and these."""
    days = sessions(FIRST, FIRST + np.timedelta64(count - 1, "D"), "24/7")
    (folder / "prices.csv").write_text(
        "date,A\n" + "".join(f"{day},{100 + (k % 2) / 100}\n" for k, day in enumerate(days))
    )
    file = folder / "still.yaml"
    file.write_text(yaml.safe_dump(FILE, sort_keys=False))
    return file, days


def resident() -> float:
    """Memory that this process occupies, MB."""
    return psutil.Process().memory_info().rss / 1e6


def watched(folder: Path, count: int) -> float:
    """Watch so many sessions; gives by which ratio the memory grew over the last nine tenths of them."""
    file, days = still(folder, BEFORE + count)
    moments = closes(days, "24/7").astype("datetime64[s]").astype(float)
    now, memory = [moments[BEFORE - 1] + 3600.0], list[float]()
    watch.NAP = timedelta(days=1)

    def sleep(seconds: float) -> None:
        now[0] += max(seconds, 1.0)

    def hear(*_: object) -> tuple[str, ...]:
        memory.append(resident())
        return ()

    clock = Clock(lambda: now[0], lambda: now[0], sleep)
    before = time.process_time()
    Watcher([file], clock, Alerts(hear), lambda: len(memory) >= count).run()
    start, end = memory[count // 10 - 1], memory[-1]
    spent = time.process_time() - before
    print(
        f"{count:,} sessions in {spent:,.0f} s: {start:.1f} MB after a tenth, {end:.1f} MB at the end, "
        f"{end / start - 1:+.1%}"
    )
    return end / start - 1.0


def killed_often(folder: Path, kills: int) -> int:
    """Kill two watchers at least so often while they catch up sessions; gives the number of sessions."""
    seen, done, rng = 0, 0, random.Random(1)
    file, days = still(folder, BEFORE + 100 * A_TRY)
    make_cycle(file, str(days[BEFORE]))
    while done < kills:
        seen += A_TRY
        last = days[BEFORE + seen]
        done += killed(file, "Still", f"{last + np.timedelta64(1, 'D')}T12:00:00", str(last), rng)
    with Journal() as journal:
        assert not verify(journal).faults
        found = [entry.record.session for entry in journal.entries(kind=CycleRun.kind)]
    assert found == [str(day) for day in days[BEFORE : BEFORE + seen + 1]]
    print(f"{done} kills over {len(found):,} sessions: each is journalled once.")
    return len(found)


def main(count: int = SESSIONS, kills: int = KILLS) -> None:
    """Run both; the journal and the records go with the folder."""
    import os

    for job, amount in ((killed_often, kills), (watched, count)):
        with tempfile.TemporaryDirectory() as place:
            os.environ[HOME] = place
            result = job(Path(place), amount)
            assert job is killed_often or result <= GROWTH, f"memory grew by {result:.1%}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
