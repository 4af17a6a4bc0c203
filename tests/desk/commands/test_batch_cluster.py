"""Batches of reports: each run is that of its own command, and a Dask cluster makes the same bytes, whoever dies."""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from commanded import FILE, rebalance
from distributed import LocalCluster
from faults import contents

import desk.commands.batch.workers as workers
from backtests.runs.folder import MANIFEST
from backtests.runs.notebook import COMPARING
from backtests.runs.tasks import code_here
from desk.commands.batch import make_batch, plan_of
from desk.commands.batch.plan import Job, notebook_named
from desk.commands.batch.run import found_run, name_of
from desk.commands.batch.workers import make_there, on_cluster
from desk.commands.report import ask_report
from foundation.errors import ConfigError
from foundation.files import ROOT

DRAWS = 200  # of the bootstrap of a report
TRADES = notebook_named("rebalance_now")
HERE = "127.0.0.1:0"  # any free port, for the pages of several clusters


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler here, and two workers of one thread that are processes of their own; a job may kill one of them."""
    once = {"allowed_failures": 1}
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=HERE, scheduler_kwargs=once
    ) as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portfolio with two policies."""
    content = yaml.safe_load(FILE.read_text())
    content["policies"] = {policy: content["policies"][policy] for policy in ("never", "quarterly")}
    content["policy"] = "quarterly"
    file = tmp_path_factory.mktemp("desk") / "mine.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def words(file: Path) -> tuple[object, ...]:
    """A batch of a report, and of a file that is not there."""
    return ("batch", file, file.with_name("absent.yaml"), "-p", f"draws={DRAWS}", "-p", "reference=never")


@pytest.fixture(scope="module")
def here(words: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of the batch that this machine makes."""
    reports = tmp_path_factory.mktemp("here")
    done = rebalance(*words, "--reports", reports)
    assert done.status == 1
    assert "2 runs: 1 made, 0 found, 1 failed." in done.out
    return reports


def timeless(reports: Path) -> dict[str, bytes | None]:
    """The files of all runs, but for when they were made, and without the batch's own folder."""
    found = {name: content for name, content in contents(reports).items() if not name.startswith("batch")}
    for name, content in found.items():
        if content and Path(name).name == MANIFEST:
            manifest = json.loads(content)
            found[name] = json.dumps({k: v for k, v in manifest.items() if k not in ("times", "sha256")}).encode()
    return found


def test_a_run_of_a_batch_is_the_report_of_its_own_command_and_is_found_while_nobody_changes_it(
    words: tuple[object, ...], file: Path, here: Path, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    shutil.copytree(here, reports)
    row = pd.read_parquet(reports / "batch" / "batch.parquet").set_index("status").loc["made"]
    given = (f"draws={DRAWS}", "reference=never")
    asked = ask_report(file, given, reports)
    assert row["run"] == asked.final.name
    sheet = json.loads((asked.final / "tearsheet.json").read_text())
    assert row["verdict"] == sheet["recommendation"]["verdict"]["do"]
    assert row["tracking_error"] == sheet["figures"][row["policy"]]["tracking_error"]
    assert row["trades"] == sheet["trades"]["headline"]
    assert row["warnings"].splitlines() == sheet["warnings"]
    page = (reports / "batch" / "index.html").read_text()
    assert f"href=../{row['run']}/tearsheet.html>" in page
    assert f"{100 * row['growth']:.2f}" in page
    assert not re.search(r"https?:|src=|import\(|fetch|url\(", page)  # one file, which asks for no other
    assert "2 runs: 0 made, 1 found, 1 failed." in rebalance(*words, "--reports", reports).out
    job = Job(file, given)
    assert found_run(job, asked.final, COMPARING) is not None
    (asked.final / "trades.csv").write_text("half")
    assert found_run(job, asked.final, COMPARING) is None


def test_a_cluster_makes_the_bytes_of_one_machine(
    cluster: LocalCluster, words: tuple[object, ...], here: Path, tmp_path: Path
) -> None:
    there = rebalance(*words, "--reports", tmp_path / "there", "--cluster", cluster.scheduler_address)
    assert there.status == 1
    assert "2 runs: 1 made, 0 found, 1 failed." in there.out
    assert timeless(tmp_path / "there") == timeless(here)
    (run,) = (tmp_path / "there").glob("mine-*")
    assert rebalance("verify", run).status == 0
    again = rebalance(*words, "--reports", tmp_path / "there", "--cluster", cluster.scheduler_address)
    assert "2 runs: 0 made, 1 found, 1 failed." in again.out


def test_a_job_that_kills_each_of_its_workers_fails_alone_and_a_failing_cell_is_told_here(
    cluster: LocalCluster, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(*given: object) -> object:
        job = given[-1]
        assert isinstance(job, Job)
        if job.given == ("policy=never",):
            os.kill(os.getpid(), signal.SIGKILL)
        return make_there(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "make_there", deadly)
    jobs = [Job(file, (f"policy={policy}",)) for policy in ("never", "quarterly", "nope")]
    names = {job: name_of(job, TRADES) for job in jobs}
    found = dict(on_cluster(names, TRADES, tmp_path / "reports", False, cluster.scheduler_address))
    assert [found[job].status for job in jobs] == ["failed", "made", "failed"]
    assert "the process that ran it died" in found[jobs[0]].verdict
    cell = "request = request_of(deploy, withdraw, side, to_target)\ntrades = trades_now(desk, policy, request=request"
    assert f"The cell:\n\n{cell}" in found[jobs[2]].failure
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [names[jobs[1]]]


def test_what_arrives_is_what_was_asked_for_or_is_refused(file: Path, tmp_path: Path) -> None:
    job = Job(file, ("policy=never",))
    became, files = make_there(code_here(), TRADES.stem, False, job)
    assert became.status == "made"
    final = tmp_path / "reports" / became.run
    other = workers._received(job, final.with_name("mine-2022-12-29-00000000"), became, files)
    assert "a worker made mine-2022-12-29-" in other.verdict
    torn = workers._received(job, final, became, {**files, "summary.txt": b"half"})
    assert "did not arrive as it was made: summary.txt has another content." in torn.verdict
    assert list(final.parent.iterdir()) == []
    assert workers._received(job, final, became, files).status == "made"
    assert {path.relative_to(final).as_posix() for path in final.rglob("*")} == set(files)


def test_a_worker_without_the_file_or_with_other_code_says_so(tmp_path: Path) -> None:
    became, files = make_there(code_here(), TRADES.stem, False, Job(tmp_path / "absent.yaml", ()))
    assert (became.status, files) == ("failed", {})
    assert f"no file {tmp_path / 'absent.yaml'} on " in became.verdict
    other, _ = make_there({**code_here(), "code": "000"}, TRADES.stem, False, Job(FILE, ()))
    assert "but the work was started with 000" in other.verdict


def test_workers_have_portfolios_of_the_checkout_in_their_own() -> None:
    assert workers._sent(Job(FILE, ())).file == Path("data/portfolios/sixty_forty.yaml")
    assert workers._sent(Job(Path("data/portfolios/sixty_forty.yaml"), ())).file == FILE.relative_to(ROOT)
    assert workers._sent(Job(Path("/elsewhere/x.yaml"), ())).file == Path("/elsewhere/x.yaml")


def test_workers_of_several_threads_are_refused(file: Path, tmp_path: Path) -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=HERE
        ) as threads,
        pytest.raises(ConfigError, match="have several threads, and each can execute one notebook"),
    ):
        make_batch(plan_of([file], cluster=threads.scheduler_address), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_cluster_no_run_is_begun(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backtests.runs import tasks

    monkeypatch.setattr(tasks, "PATIENCE", 2.0)
    done = rebalance("batch", file, "--cluster", "tcp://127.0.0.1:1", "--reports", tmp_path / "reports")
    assert done.status == 2
    assert "there is no cluster at 'tcp://127.0.0.1:1'" in done.err
