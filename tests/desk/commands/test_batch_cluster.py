"""Clusters on which no run of a batch is begun, and the paths that workers are told; `test_batch_runs.py` uses one."""

from pathlib import Path

import pytest
from commanded import FILE, rebalance
from distributed import LocalCluster

from backtests.runs.folder import path_sent
from desk.commands.batch import make_batch, plan_of
from foundation.errors import ConfigError
from foundation.files import ROOT
from research.portfolio.file.known_on import BOOKS_KNOWN_ON, KNOWN_ON

HERE = "127.0.0.1:0"  # any free port, for the pages of several clusters


def test_workers_have_portfolios_of_the_checkout_in_their_own() -> None:
    assert path_sent(FILE) == Path("data/portfolios/sixty_forty.yaml")
    assert path_sent(Path("data/portfolios/sixty_forty.yaml")) == FILE.relative_to(ROOT)
    assert path_sent(Path("/elsewhere/x.yaml")) == Path("/elsewhere/x.yaml")


def test_workers_of_several_threads_are_refused(tmp_path: Path) -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=HERE
        ) as threads,
        pytest.raises(ConfigError, match="have several threads, and each can execute one notebook"),
    ):
        make_batch(plan_of([FILE], cluster=threads.scheduler_address), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_cluster_no_run_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backtests.runs import tasks

    monkeypatch.setattr(tasks, "PATIENCE", 2.0)
    done = rebalance("batch", FILE, "--workers", "tcp://127.0.0.1:1", "--home", tmp_path)
    assert done.status == 2
    assert "there is no cluster at 'tcp://127.0.0.1:1'" in done.err


def test_a_moment_that_workers_elsewhere_do_not_know_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (KNOWN_ON, BOOKS_KNOWN_ON):
        monkeypatch.setenv(name, "")
    words = ("--workers", "tcp://127.0.0.1:1", "--home", tmp_path, "--as-known-on", "2022-12-29")
    done = rebalance("batch", FILE, *words)
    assert (done.status, "is not sent to the workers of a cluster. Write it as `known_on`" in done.err) == (2, True)
