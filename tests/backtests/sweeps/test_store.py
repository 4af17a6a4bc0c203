"""Chunks are whole or not there, are never mixed with others', and are joined one at a time."""

import gc
import json
import os
import re
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import backtests.sweeps.run as sweeping
from backtests.runs.chunks import (
    LOCK,
    WorkPart,
    chunk,
    chunk_of,
    clear,
    discard,
    finished,
    made_from,
    unfinished,
    write_chunk,
)
from backtests.runs.folder import Run, code_version, staged
from backtests.sweeps import Axes, Keep, Plan, Setup, Strategic, sweep
from backtests.sweeps.run import run_into
from backtests.sweeps.setup import prepare_sweep
from backtests.sweeps.store import join, rows_of_part
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from research.accounting import Hold, View
from research.allocation import FixedWeights
from research.market import Past
from research.rules import Threshold


def many(size: int) -> Plan:
    """As many configurations as asked, of one policy."""
    return Plan([Threshold(Strategic(), 0.01)], [k / 1024 for k in range(size)])


def write_rows(folder: Path, part: WorkPart, numbers: Sequence[int]) -> None:
    """A chunk with nothing but the numbers of its configurations."""
    write_chunk(folder, part, chunk(pa.table({"configuration": numbers}), made_from(folder)))


class Stopped(Exception):
    """What stands for a power cut."""


def stop_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sweep end in the middle of writing chunk number `count`, with a draft of it on disk."""
    left = iter(range(count))

    def interrupted(folder: Path, part: WorkPart, content: bytes) -> None:
        if next(left, None) is None:
            (folder / f".{chunk_of(part)}.0123456789abcdef.part").write_bytes(b"half")
            raise Stopped
        write_chunk(folder, part, content)

    monkeypatch.setattr(sweeping, "write_chunk", interrupted)


def test_a_sweep_that_was_stopped_goes_on_and_plays_no_finished_chunk_again(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = many(1000)
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(Stopped):
            sweep(setup, plan, folder=tmp_path / "a", progress=False)
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "a").glob("0*")}
    assert sorted(before) == [chunk_of(part) for part in plan.parts()][:2]
    resumed = sweep(setup, plan, folder=tmp_path / "a", progress=False)
    assert {name: (tmp_path / "a" / name).stat().st_mtime_ns for name in before} == before
    pd.testing.assert_frame_equal(resumed.table, sweep(setup, plan, progress=False).table, check_exact=True)


@pytest.mark.parametrize(("what", "said"), [
    ("data", 'data.small was "[0-9a-f]+" and is "[0-9a-f]+"'),
    ("costs", r"settings.portfolios.small.costs.commission was \[.*\] and is \["),
    ("plan", r"settings.sweep.cost_multiples was \[.*\] and is \["),
    ("code", 'code was "other" and is'),
])  # fmt: skip
def test_chunks_of_other_data_settings_or_code_are_refused_and_told_is_what_differs(
    setup: Setup, tmp_path: Path, what: str, said: str
) -> None:
    sweep(setup, many(3), folder=tmp_path, progress=False)
    market, plan = setup.market, many(3)
    if what == "data":
        returns = market.returns.copy()
        returns[200, 1] += 1e-9
        setup = replace(setup, market=replace(market, returns=returns))
    elif what == "costs":
        setup = replace(setup, costs=setup.costs.scaled(2.0))
    elif what == "plan":
        plan = many(4)
    else:
        text, code = (tmp_path / "run.json").read_text(), code_version()
        (tmp_path / "run.json").write_text(text.replace(f'"{code}"', '"other"'))
    kept = (tmp_path / chunk_of(WorkPart(0, 3))).read_bytes()
    with pytest.raises(ConfigError, match=said):
        sweep(setup, plan, folder=tmp_path, progress=False)
    assert (tmp_path / chunk_of(WorkPart(0, 3))).read_bytes() == kept


def test_two_processes_do_not_sweep_into_one_folder(setup: Setup, tmp_path: Path) -> None:
    run = Run("sweep", "", "", {}, "f", "c")
    with unfinished(tmp_path, run, {}), pytest.raises(ConfigError, match="another process is writing into"):
        sweep(setup, many(3), folder=tmp_path, progress=False)


def test_a_fresh_sweep_takes_nothing_over(tmp_path: Path) -> None:
    with unfinished(tmp_path, Run("sweep", "", "", {"a": 1}, "f", "c"), {}):
        write_rows(tmp_path, WorkPart(0, 1), [0])
    other = Run("sweep", "", "", {"a": 2}, "f", "c")
    with pytest.raises(ConfigError, match=r"settings\.a was 1 and is 2"), unfinished(tmp_path, other, {}):
        pass
    with unfinished(tmp_path, other, {}, fresh=True) as done:
        assert (done, finished(tmp_path)) == (set(), set())


def test_runs_that_clear_away_what_was_killed_leave_an_unfinished_sweep(tmp_path: Path) -> None:
    folder = tmp_path / ".thresholds.unfinished"
    with unfinished(folder, Run("sweep", "", "", {}, "f", "c"), {}):
        write_rows(folder, WorkPart(0, 1), [0])
    with staged(tmp_path / "run"):
        pass
    assert finished(folder) == {WorkPart(0, 1)}


def begun(folder: Path, settings: dict[str, object], size: int = 3) -> bytes:
    """A sweep that was stopped after its first chunk; gives what that chunk was on disk."""
    with unfinished(folder, Run("sweep", "", "", settings, "f", "c"), {}):
        write_rows(folder, WorkPart(0, size), range(size))
    return (folder / chunk_of(WorkPart(0, size))).read_bytes()


@pytest.mark.parametrize("settings", [{"a": 1}, {"a": 2}])
def test_chunks_without_the_file_that_says_what_they_are_count_for_nothing(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    begun(tmp_path, {"a": 1})
    (tmp_path / "run.json").unlink()
    with unfinished(tmp_path, Run("sweep", "", "", settings, "f", "c"), {}) as done:
        assert (done, finished(tmp_path)) == (set(), set())


def test_a_chunk_from_elsewhere_counts_for_nothing_and_is_not_read(tmp_path: Path) -> None:
    stray = begun(tmp_path / "a", {"a": 1})
    begun(tmp_path / "b", {"a": 2}, size=2)
    (tmp_path / "b" / chunk_of(WorkPart(0, 3))).write_bytes(stray)
    assert finished(tmp_path / "b") == {WorkPart(0, 2)}
    with pytest.raises(DataError, match=r"000000003\.parquet has another origin than .* Delete it"):
        rows_of_part(tmp_path / "b", WorkPart(0, 3))


@pytest.mark.parametrize("delete", [clear, discard])
def test_what_is_deleted_goes_chunks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delete: Callable[[Path], None]
) -> None:
    """Stopped at whichever file, the folder never holds a chunk without `run.json`."""
    for left in range(4):
        folder = tmp_path / str(left)
        begun(folder, {})
        write_rows(folder, WorkPart(3, 6), [3, 4, 5])
        (folder / f".{chunk_of(WorkPart(6, 9))}.0123456789abcdef.part").write_bytes(b"half")
        steps, remove = iter(range(left)), os.unlink

        def interrupted(path: Path, *, steps: object = steps, remove: Callable[..., None] = remove, **at: int) -> None:
            if next(steps, None) is None:  # type: ignore[call-overload]
                raise Stopped
            remove(path, **at)

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", interrupted)
            with pytest.raises(Stopped):
                delete(folder)
        assert (folder / "run.json").exists()


def test_a_fresh_sweep_keeps_its_lock(tmp_path: Path) -> None:
    begun(tmp_path, {})
    run = Run("sweep", "", "", {}, "f", "c")
    with unfinished(tmp_path, run, {}, fresh=True):
        assert (tmp_path / LOCK).exists()
        with pytest.raises(ConfigError, match="another process is writing into"), unfinished(tmp_path, run, {}):
            pass


def test_a_sweep_that_fails_before_its_first_chunk_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "notes.txt").write_text("mine")
    (tmp_path / "shared" / f".{chunk_of(WorkPart(0, 3))}.0123456789abcdef.part").write_bytes(b"half")
    for name, left in (("own", None), ("shared", [LOCK, "notes.txt"])):
        folder = tmp_path / name
        with pytest.raises(Stopped), unfinished(folder, Run("sweep", "", "", {"a": 1}, "f", "c"), {}):
            raise Stopped
        assert (sorted(path.name for path in folder.iterdir()) if folder.exists() else None) == left
        begun(folder, {"a": 2})  # and stands in nobody's way


def test_a_sweep_that_fails_later_keeps_its_chunks(tmp_path: Path) -> None:
    run = Run("sweep", "", "", {}, "f", "c")
    begun(tmp_path, {})
    with pytest.raises(Stopped), unfinished(tmp_path, run, {}):
        raise Stopped
    assert finished(tmp_path) == {WorkPart(0, 3)}


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "2020-prices.parquet").write_bytes(b"mine")
    begun(tmp_path, {})
    assert finished(tmp_path) == {WorkPart(0, 3)}
    clear(tmp_path)
    assert (tmp_path / "2020-prices.parquet").read_bytes() == b"mine"


@pytest.mark.parametrize("library", ["numpy", "numba", "scipy"])
def test_a_sweep_goes_on_only_with_the_libraries_it_was_begun_with(tmp_path: Path, library: str) -> None:
    begun(tmp_path, {})
    file = tmp_path / "run.json"
    facts = json.loads(file.read_text())
    facts["versions"][library] = "0.1"
    file.write_text(json.dumps(facts))
    said = rf'versions\.{library} was "0\.1" and is "{re.escape(version(library))}"\. Restore that state'
    with pytest.raises(ConfigError, match=said), unfinished(tmp_path, Run("sweep", "", "", {}, "f", "c"), {}):
        pass


def test_a_broken_chunk_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    write_rows(tmp_path, WorkPart(0, 2), [0, 2])
    with pytest.raises(DataError, match=r"has other rows than its name says\. Delete it"):
        rows_of_part(tmp_path, WorkPart(0, 2))
    os.truncate(tmp_path / chunk_of(WorkPart(0, 2)), 100)
    with pytest.raises(DataError, match=r"cannot be read: .*Delete it"):
        finished(tmp_path)
    with pytest.raises(DataError, match=r"cannot be read: .*Delete it"):
        rows_of_part(tmp_path, WorkPart(0, 2))


class Unwritten:
    """A policy that is more than it says of itself."""

    allocation = FixedWeights((0.5, 0.3, 0.1))

    def decide(self, view: View) -> Hold:
        raise NotImplementedError


def test_policies_that_cannot_be_written_down_keep_no_chunks(setup: Setup, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Unwritten cannot be described completely"):
        sweep(setup, Plan([Unwritten()]), folder=tmp_path / "a", progress=False)
    assert not (tmp_path / "a").exists()


@dataclass(frozen=True)
class Hidden:
    """An allocation that is more than it says of itself."""

    weights: tuple[float, ...] = field(repr=False)
    schedule: str = "listing"
    window: int = 0

    def target(self, past: Past) -> Array:
        return np.array(self.weights)


def test_allocations_that_cannot_be_written_down_keep_no_chunks(setup: Setup, tmp_path: Path) -> None:
    """Two of one repr, the second of which would take over the results of the first."""
    hidden = Hidden((0.5, 0.3, 0.1))
    judged = replace(setup, strategic=hidden)
    for where, plan in ((setup, Plan([Threshold(hidden, 0.01)])), (judged, many(2))):
        with pytest.raises(ConfigError, match="Hidden cannot be described completely"):
            sweep(where, plan, folder=tmp_path / "a", progress=False)
        assert not (tmp_path / "a").exists()
        assert len(sweep(where, plan, progress=False).table) == len(plan)


def peak(act: Callable[[], object]) -> int:
    """Bytes that Python and numpy held at most while acting, beyond those before."""
    gc.collect()  # else what was left before decides when Python collects within the act
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_configurations(setup: Setup, tmp_path: Path) -> None:
    bands, multiples = [Threshold(Strategic(), k / 1000) for k in range(1, 201)], [k / 8 for k in range(64)]
    made = prepare_sweep(setup, Plan(bands, multiples))
    parts = list(made.plan.parts())

    def swept(chunks: int) -> int:
        folder = tmp_path / str(chunks)
        folder.mkdir()
        (folder / "run.json").write_text("{}")

        def act() -> None:
            run_into(folder, made, set(parts[chunks:]), 1, "", progress=False)
            join(folder, parts[:chunks], folder / "all.parquet")

        return peak(act)

    swept(1)  # so that nothing is imported or compiled while it is measured
    few, more = swept(2), swept(12)
    table = pq.read_table(tmp_path / "12" / "all.parquet")
    assert table.num_rows == parts[11].stop
    assert more - few < 0.1 * table.nbytes  # Python keeps some freed tuples, so that the two are never equal


def test_paths_are_kept_of_what_was_asked_for_and_of_the_best(setup: Setup, axes: Axes) -> None:
    swept = sweep(setup, axes, keep=Keep(best=2, by="sharpe", configurations=(5,)), progress=False)
    best = swept.table.sort_values("sharpe", ascending=False)["configuration"].head(2).tolist()
    assert set(swept.paths["configuration"]) == {*best, 5}
    for number, path in swept.paths.groupby("configuration"):
        one = swept.backtest(int(number))  # type: ignore[call-overload]
        np.testing.assert_array_equal(path["nav"], one.nav)
        assert path["nav"].iloc[-1] == swept.table.loc[number, "nav"]
        np.testing.assert_array_equal(path["cost"].iloc[1:], one.cost_rate)


@pytest.mark.parametrize(("keep", "said"), [
    (lambda: Keep(best=1, by="luck"), "by of keep is 'luck'"),
    (lambda: Keep(best=-1), "best of keep is -1"),
    (lambda: Keep(configurations=(9000,)), "configuration 9000 is not in the plan"),
    (lambda: Keep(best=1, by="cvar95"), "which the sweep does not compute"),
])  # fmt: skip
def test_paths_that_cannot_be_kept_are_refused_before_anything_is_played(
    setup: Setup, axes: Axes, keep: Callable[[], Keep], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        sweep(setup, axes, keep=keep(), progress=False)
