"""Whoever plays a sweep, its table has the same bits; and a worker that dies is survived."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distributed import Client, LocalCluster
from faults import alive, children, workers_forked_after

import backtests.sweeps.run as sweeping
from backtests.runs import sent_markets, tasks
from backtests.runs.chunks import WorkPart, write_chunk
from backtests.runs.sent_markets import packed
from backtests.sweeps import Axes, Plan, Setup, Strategic, sweep
from backtests.sweeps.run import run_all
from backtests.sweeps.run_part import run_part
from backtests.sweeps.setup import PreparedSweep, prepare_sweep
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from research.accounting import Hold, Trade, View
from research.rules import Threshold

HERE: dict[str, Any] = {"protocol": "tcp", "host": "127.0.0.1", "dashboard_address": None}
PARTS = [WorkPart(k, k + 16) for k in range(0, 16 * 40, 16)]


@pytest.fixture(scope="module")
def made(setup: Setup) -> PreparedSweep:
    """640 configurations, in 40 parts."""
    return prepare_sweep(
        setup, Plan([Threshold(Strategic(), b / 1000) for b in range(1, 41)], [k / 4 for k in range(16)])
    )


@pytest.fixture(scope="module")
def alone(made: PreparedSweep) -> dict[WorkPart, bytes]:
    """Every part as one process plays it, one after the other."""
    return {part: figures.tobytes() for part, figures in run_all(made, PARTS, run_part)}


@pytest.fixture(scope="module")
def kept() -> Iterator[LocalCluster]:
    """A scheduler here, and two workers that are processes of their own; no test closes it."""
    with (
        workers_forked_after("backtests.sweeps.run"),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found,
    ):
        yield found


@pytest.fixture
def cluster(kept: LocalCluster) -> LocalCluster:
    """The cluster, once those of its workers that were killed have been started again."""
    with Client(kept) as client:
        client.wait_for_workers(2, timeout=60)
    return kept


@pytest.fixture
def going() -> Iterator[LocalCluster]:
    """A cluster of one thread of this process, which a test closes."""
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **HERE) as found:
        yield found


def bits(played: Iterator[tuple[WorkPart, Array]]) -> dict[WorkPart, bytes]:
    return {part: figures.tobytes() for part, figures in played}


def test_threads_give_the_same_bits(made: PreparedSweep, alone: dict[WorkPart, bytes]) -> None:
    assert sweeping.is_compiled(made)
    assert bits(run_all(made, PARTS, run_part, workers=2)) == alone


def test_what_python_plays_is_played_by_processes(setup: Setup, lots: Setup) -> None:
    class Unknown(Threshold):
        """A policy with a decision of its own, which Python runs, of a class that only this process can import."""

        def decide(self, view: View) -> Hold | Trade:
            return super().decide(view)

    policies = [Unknown(Strategic(), 0.01), Threshold(Strategic(), 0.02)]
    plan = Plan(policies, [1.0, 2.0], [0, 1], portfolios=("small", "lots"))
    assert not sweeping.is_compiled(prepare_sweep([setup, lots], plan))
    one, two = (sweep([setup, lots], plan, workers=w, progress=False).table for w in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


KILLED = """
from backtests.runs import tasks

def slow(part):
    import time
    time.sleep(0.05)
    return part

for part, _ in tasks.in_processes(slow, range(10_000), 2):
    print(part, flush=True)
"""


def test_workers_of_a_killed_sweep_end_and_leave_no_file(tmp_path: Path) -> None:
    """Both of its workers are at work when it is killed."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env=environment) as run:  # fmt: skip
        assert run.stdout is not None
        for _ in range(4):
            run.stdout.readline()
        workers = children(run.pid)
        assert sum(map(alive, workers)) >= 2
        run.kill()
    until = time.monotonic() + 60.0
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(alive, workers))
    assert list(tmp_path.iterdir()) == []


def test_a_worker_killed_in_mid_sweep_is_survived_by_the_other_to_the_bit(
    made: PreparedSweep, alone: dict[WorkPart, bytes], cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most parts are not even on their way; its nanny starts another worker only once all of them are made."""
    killed = next(iter(cluster.workers.values()))

    async def later() -> None:
        """Start no worker yet."""

    monkeypatch.setattr(killed, "instantiate", later)
    played = run_all(made, PARTS, run_part, cluster=cluster.scheduler_address)
    first, figures = next(played)
    os.kill(killed.pid, signal.SIGKILL)
    assert {first: figures.tobytes()} | bits(played) == alone
    assert len(cluster.scheduler_info["workers"]) == 1
    monkeypatch.undo()
    cluster.sync(killed.instantiate)


def test_all_workers_killed_at_once_and_started_again_are_survived_to_the_bit(
    made: PreparedSweep, alone: dict[WorkPart, bytes], cluster: LocalCluster
) -> None:
    """Nobody has what the parts need any more; each nanny starts another worker."""
    played = run_all(made, PARTS, run_part, cluster=cluster.scheduler_address)
    first, figures = next(played)
    for worker in cluster.workers.values():
        os.kill(worker.pid, signal.SIGKILL)
    assert {first: figures.tobytes()} | bits(played) == alone


def test_a_cluster_that_goes_away_leaves_a_sweep_that_goes_on_without_it(
    setup: Setup, tmp_path: Path, going: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan([Threshold(Strategic(), b / 10_000) for b in range(1, 401)], [k / 4 for k in range(16)])

    def and_close(folder: Path, part: WorkPart, content: bytes) -> None:
        write_chunk(folder, part, content)
        if going.status.name == "running":
            going.close()

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "PATIENCE", 1.0)
        patch.setattr(sweeping, "write_chunk", and_close)
        with pytest.raises(ConfigError, match=r"stopped.*start the same command again to resume") as error:
            sweep(setup, plan, cluster=going.scheduler_address, folder=tmp_path, progress=False)
    assert going.scheduler_address in str(error.value)
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("0*")}
    assert 0 < len(before) < len(list(plan.parts()))
    table = sweep(setup, plan, folder=tmp_path, progress=False).table
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in before} == before
    pd.testing.assert_frame_equal(table, sweep(setup, plan, progress=False).table, check_exact=True)


def test_workers_that_leave_before_they_are_sent_anything_are_given_up(
    made: PreparedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 0.4)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **HERE) as leaving:

        def and_leave(record: object) -> tuple[bytes, dict[str, bytes]]:
            leaving.sync(leaving.workers[0].close)
            return packed(record)

        monkeypatch.setattr(sent_markets, "packed", and_leave)
        with pytest.raises(ConfigError, match=r"lost its workers.*no workers are left.*to resume"):
            bits(run_all(made, PARTS, run_part, cluster=leaving.scheduler_address))


def test_whatever_fails_once_the_cluster_is_away_is_told_as_that(going: LocalCluster) -> None:
    """Distributed's executor unpacks a result that it lost, "too many values": seen once in many runs."""
    with tasks.cluster_client(going.scheduler_address) as client:
        with pytest.raises(ValueError, match=r"^too many values"), tasks.failure_explained(client, "here"):
            raise ValueError("too many values")  # the cluster is there: it is the task's own
        going.close()
        with pytest.raises(ConfigError, match="cluster at here stopped"), tasks.failure_explained(client, "here"):
            raise ValueError("too many values")
        with pytest.raises(DataError, match="row 3"), tasks.failure_explained(client, "here"):
            raise DataError("row 3 of prices")  # what a task has to say is said


def test_what_a_part_raises_on_a_worker_is_raised_here(setup: Setup, cluster: LocalCluster) -> None:
    plan = Plan([Threshold(Strategic(), 0.01)], lags=[0, 1], starts=["2020-10-20"])
    calm = Setup.on(setup.market, setup.costs, type(setup.strategic)((0.0, 0.0, 0.0)), setup.start, name="cash")
    with pytest.raises(DataError, match="Sharpe ratio"):
        sweep(calm, plan, cluster=cluster.scheduler_address, progress=False)


@pytest.mark.parametrize("what", ["code", "numpy"])
def test_a_worker_with_other_code_or_libraries_is_refused(what: str) -> None:
    tasks.check_worker(tasks.code_here())
    with pytest.raises(
        ConfigError, match=rf"runs {what} .*, but the work was started with other\. Check out the same.*make setup"
    ):
        tasks.check_worker(tasks.code_here() | {what: "other"})


@pytest.mark.parametrize(("given", "said"), [
    ({"workers": 0}, "workers is 0"),
    ({"workers": 1.5}, "workers is 1.5"),
    ({"cluster": "tcp://127.0.0.1:1"}, "there is no cluster at 'tcp://127.0.0.1:1'.*Start one with `rebal"),
    ({"cluster": "nonsense://a"}, "the address of a cluster is 'nonsense://a'"),
])  # fmt: skip
def test_workers_that_are_none_are_refused(
    setup: Setup, axes: Axes, given: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 1.0)
    with pytest.raises(ConfigError, match=said):
        sweep(setup, axes, progress=False, **given)  # type: ignore[arg-type]
