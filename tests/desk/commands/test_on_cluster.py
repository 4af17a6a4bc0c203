"""Audits and seeds of training on a Dask cluster: what they print and write is that of one machine, workers killed.

`test_study.py` has the laboratory, and `test_cluster.py` workers with other code.
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import FILE, rebalance
from distributed import LocalCluster
from killed_batch import timeless

from backtests.comparison.fitting import candidates
from desk.commands import audit

HERE: dict[str, Any] = {"protocol": "tcp", "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
SMALL = {"population": 8, "elite": 3, "worlds": 16, "decisions": 52}
LEARNED = {"rule": "learned", "steps": 1_000, "seeds": [1, 2, 3], "learner": "cross_entropy", "cross_entropy": SMALL}
OWN = """
from dataclasses import dataclass
from research.accounting import Hold, Trade
from research.allocation import FixedWeights

@dataclass(frozen=True)
class Drifts:
    allocation: FixedWeights

    def decide(self, view):
        return Trade(view.target, view.target) if abs(view.weights - view.target).max() > 0.01 else Hold()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler here, and two workers of one thread that are processes of their own."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **HERE) as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portfolio with a tuned, a learned and an own rule, tested on a year."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "own_drifts.py").write_text(OWN)
    stated = yaml.safe_load(FILE.read_text())
    kept = {name: stated["policies"][name] for name in ("quarterly", "tuned")}
    stated |= {
        "policy": "quarterly",
        "policies": {**kept, "rl": LEARNED, "mine": {"rule": "own_drifts:Drifts"}},
        "test_start": "2022-01-03",
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(stated))
    return folder / "own.yaml"


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where trainings are kept here; the workers have another place."""
    monkeypatch.setattr(candidates, "TRAININGS", tmp_path / "trainings")
    return tmp_path / "trainings"


def deadly(function: Callable[..., Any], mark: Path) -> Callable[..., Any]:
    """The function, but its first call kills the process that makes it."""

    def first_kills(*given: object) -> object:
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given)

    return first_kills


def test_an_audit_prints_what_processes_print_though_a_worker_is_killed(
    cluster: LocalCluster, file: Path, apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = ("research", "audit", file, "--trust-code", "--days", 2)
    alone, two = rebalance(*shared), rebalance(*shared, "--workers", 2)
    monkeypatch.setattr(audit, "_audit_of", deadly(audit._audit_of, tmp_path / "killed"))
    there = rebalance(*shared, "--workers", cluster.scheduler_address)
    assert (alone.status, there.said) == (0, "")
    assert alone.out == two.out == there.out
    assert (tmp_path / "killed").exists()


def test_a_file_that_a_worker_reads_otherwise_is_refused(
    cluster: LocalCluster, file: Path, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "path_sent", lambda _: FILE)
    done = rebalance("research", "audit", file, "--trust-code", "--workers", cluster.scheduler_address)
    assert done.status == 2
    assert "or its data, are not those with which the audit was begun. Give all machines the same files." in done.err


def test_seeds_trained_by_workers_give_the_bytes_of_a_run_and_are_kept_here(
    cluster: LocalCluster, file: Path, apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = ("research", "backtest", file, "--policy", "rl", "--trust-code", "--retrain", "--home")
    alone = rebalance(*shared, tmp_path / "alone")
    for path in apart.iterdir():
        path.unlink()
    monkeypatch.setattr(candidates, "_seed_there", deadly(candidates._seed_there, tmp_path / "killed"))
    there = rebalance(*shared, tmp_path / "there", "--workers", cluster.scheduler_address)
    assert (alone.status, there.status) == (0, 0), there.err
    assert timeless(tmp_path / "alone" / "reports") == timeless(tmp_path / "there" / "reports") != {}
    assert (tmp_path / "killed").exists()
    assert len(list(apart.iterdir())) == len(LEARNED["seeds"])  # type: ignore[arg-type]


def test_a_worker_with_another_library_of_learning_is_refused(
    cluster: LocalCluster, file: Path, apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "versions", lambda: {"torch": "0.0"})
    shared = ("research", "backtest", file, "--policy", "rl", "--trust-code", "--retrain", "--home", tmp_path)
    done = rebalance(*shared, "--workers", cluster.scheduler_address)
    assert done.status == 2
    assert "but the work was started with 0.0. Check out the same commit there" in done.err


def test_workers_of_several_threads_are_refused_where_they_would_disturb_each_other(
    file: Path, apart: Path, tmp_path: Path
) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **HERE) as threads:
        for words, said in (
            (("audit", file), "have several threads, and an audit changes what modules hold. Start workers of one"),
            (
                ("backtest", file, "--policy", "rl", "--retrain", "--home", tmp_path),
                "have several threads, but random draws of learners are shared between threads. Start workers of one",
            ),
        ):
            done = rebalance("research", *words, "--trust-code", "--workers", threads.scheduler_address)
            assert (done.status, said in done.err) == (2, True), done.err
