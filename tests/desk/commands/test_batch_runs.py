"""Batches of real runs: what fails, is killed or finds no room costs no other run, and a Dask cluster makes the same.

One batch is made once; each test that changes its reports has a copy of them.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from commanded import FILE, ROOT, Done, rebalance
from distributed import LocalCluster
from faults import full_at
from killed_batch import SETTINGS, desks, killed, timeless

import desk.commands.batch.workers as workers
from backtests.runs.tasks import code_here
from desk.commands.batch.file import plan_of
from desk.commands.batch.make import _unchanged, named_runs
from desk.commands.batch.plan import Job, notebook_named
from desk.commands.batch.run import found_run, name_of_run
from desk.commands.batch.workers import make_there, on_cluster
from desk.journal import Journal, journal_head
from foundation.home import HOME

TRADES = notebook_named("rebalance_now")
TODAY = ("--notebook", TRADES.stem)
HERE = "127.0.0.1:0"  # any free port, for the pages of several clusters
MAIN = "from desk.cli import main; main()"


def rows_of(reports: Path) -> pd.DataFrame:
    return pd.read_parquet(reports / "batch" / "batch.parquet")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portfolio with two policies."""
    (file,) = desks(tmp_path_factory.mktemp("desk"), 1)
    return file


@pytest.fixture(scope="module")
def whole(file: Path) -> Path:
    """The reports of the batch of `made`, which tests read."""
    return file.parent / "reports"


@pytest.fixture(scope="module")
def made(file: Path, whole: Path) -> Done:
    """Two runs of today's trades, a failing cell and, of a file that is not there, three failures."""
    words = [*TODAY, "--grid", "policy=never,quarterly,nope", "--home", whole.parent]
    return rebalance("batch", file, file.with_name("absent.yaml"), *words)


@pytest.fixture
def reports(made: Done, whole: Path, tmp_path: Path) -> Path:
    """A copy of these reports, which a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "reports"))


# -- failures --------------------------------------------------------------------------------------------------------


def test_a_failure_does_not_stop_the_rest_and_the_exit_code_tells(whole: Path, made: Done) -> None:
    assert made.status == 1
    assert "6 runs: 2 made, 0 found, 4 failed." in made.out
    assert re.search(r"absent policy=never: no file .*absent\.yaml", made.out)
    assert made.out.rstrip().endswith("batch/index.html")
    table = rows_of(whole)
    assert list(table["status"]) == ["failed", "failed", "failed", "made", "made", "failed"]
    for page in table["page"]:
        assert (whole / "batch" / page).is_file()
    assert "no file" in (whole / "batch" / table["page"][0]).read_text()
    assert not [path.name for path in whole.iterdir() if path.name.startswith(".")]


def test_another_notebook_is_a_run_too_and_its_failure_shows_the_cell(whole: Path, made: Done) -> None:
    good, bad = rows_of(whole).to_dict("records")[-2:]
    assert (good["status"], bad["status"]) == ("made", "failed")
    assert good["verdict"].startswith(("Sell", "Buy", "No trade"))
    assert rebalance("runs", "show", whole / good["run"], "--verify").status == 0
    assert good["run"] in rebalance("runs", "--where", "kind=notebook", "--home", whole.parent).out
    said = (whole / "batch" / bad["page"]).read_text()
    assert (
        "The cell:\n\nrequest = request_of(deposit, withdraw, side, to_target)\npolicy, why = policy_or_first(" in said
    )
    assert "ConfigError: policy 'nope' is not in" in said.splitlines()[-1]
    assert "\x1b" not in said
    assert not (whole / bad["run"]).exists()


def test_a_full_disk_costs_its_run_and_no_other(file: Path, reports: Path) -> None:
    """Of the second portfolio the executed notebook is larger than any file may be."""
    large = ROOT / "data" / "portfolios" / "stocks_20.yaml"
    with full_at(90_000):
        done = rebalance("batch", file, large, *TODAY, "-p", "policy=quarterly", "--home", reports.parent)
    assert done.status == 1, done.err
    after = rows_of(reports)
    assert after["status"].tolist() == ["found", "failed"]
    assert "File too large" in done.out
    assert not [path.name for path in reports.iterdir() if path.name.startswith((".", "stocks_20"))]
    assert [f"failures/{path.name}" for path in (reports / "batch" / "failures").iterdir()] == [after["page"][1]]


def test_a_run_that_was_changed_is_not_found_and_so_made_again(file: Path, reports: Path) -> None:
    """`test_kills_of_batch_workers_and_kernels_leave_whole_runs` holds that it has the same bytes then."""
    job, run = Job(file, ("policy=quarterly",)), reports / rows_of(reports)["run"][4]
    assert found_run(job, run, TRADES) is not None
    (run / "summary.txt").write_text("half")
    assert found_run(job, run, TRADES) is None


def test_a_batch_whose_page_cannot_be_written_keeps_its_runs(file: Path, reports: Path) -> None:
    before = {path.name: path.read_bytes() for path in (reports / "batch").iterdir() if path.is_file()}
    with full_at(2_000):
        done = rebalance("batch", file, *SETTINGS, "--home", reports.parent)
    assert done.status == 2
    assert done.err.splitlines()[-1].startswith(f"File too large ({reports / '.batch.partial'}")
    assert {path.name: path.read_bytes() for path in (reports / "batch").iterdir() if path.is_file()} == before


def test_a_batch_of_which_no_run_can_start_leaves_the_earlier_one(reports: Path) -> None:
    before = (reports / "batch" / "index.html").read_bytes()
    for name, text in (("gone.yaml", None), ("torn.yaml", "name: [")):
        if text is not None:
            (reports.parent / name).write_text(text)
        again = rebalance("batch", reports.parent / name, *TODAY, "--home", reports.parent)
        assert again.status == 2
        assert "no run of the batch can start, so nothing was written" in again.err
        assert name in again.err
    assert (reports / "batch" / "index.html").read_bytes() == before


# -- night after night -----------------------------------------------------------------------------------------------


def test_what_has_not_changed_is_left_alone(file: Path, reports: Path) -> None:
    """By a file that says what to run, after a batch that found all of it."""
    (reports.parent / file.name).write_bytes(file.read_bytes())
    night = reports.parent / "night.yaml"
    night.write_text(
        f"files: [{file.name}]\nnotebook: {TRADES.stem}\ngrid: {{policy: [never, quarterly]}}\nname: batch\n"
    )
    words = ("batch", night, "--home", reports.parent)
    assert "2 runs: 0 made, 2 found, 0 failed." in rebalance(*words).out
    assert not (reports / "batch" / "failures").exists()  # of the batch before
    written, runs = (reports / "batch").stat().st_mtime_ns, sorted(path.name for path in reports.iterdir())
    again = rebalance(*words, "--if-changed")
    assert again.status == 0
    assert "Nothing has changed since the previous batch: 2 runs, none of them made." in again.out
    assert (reports / "batch").stat().st_mtime_ns == written
    assert sorted(path.name for path in reports.iterdir()) == runs
    names, failures = named_runs(plan_of([night]), reports)
    assert (len(names), failures) == (2, {})
    assert {row.status for row in _unchanged(names, rows_of(reports), reports).values()} == {"unchanged"}
    (reports / rows_of(reports)["run"][0]).rename(reports.parent / "elsewhere")
    assert list(_unchanged(names, rows_of(reports), reports)) == list(names)[1:]
    (reports.parent / file.name).write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"cash": 2_000.0}))
    names, failures = named_runs(plan_of([night]), reports)
    assert (len(names), failures) == (2, {})
    assert _unchanged(names, rows_of(reports), reports) == {}


@pytest.mark.parametrize("key", ["prices of the file", "prices as a parameter"])
def test_a_run_whose_price_file_has_changed_is_made_again_by_a_cluster(
    cluster: LocalCluster, file: Path, tmp_path: Path, key: str
) -> None:
    quotes, given = tmp_path / "quotes.csv", ("policy=quarterly", "to_target=True")
    priced = file
    if key == "prices of the file":
        priced = tmp_path / "priced.yaml"
        priced.write_text(f"{file.read_text()}\nprices: {quotes}\n")
    else:
        given = (*given, f"prices={quotes}")
    parameters = [word for text in given for word in ("-p", text)]
    words = (*TODAY, *parameters, "--home", tmp_path, "--workers", cluster.scheduler_address)
    orders = list[str]()
    for price, more in ((380, ()), (390, ("--if-changed",))):
        quotes.write_text(f"asset,price,date\nSPY,{price},2022-12-29\n")
        assert "1 run: 1 made, 0 found, 0 failed." in rebalance("batch", priced, *words, *more).out
        orders.append(rows_of(tmp_path / "reports")["verdict"].item())
    assert orders[0] != orders[1]
    assert len(list((tmp_path / "reports").glob("*-2022-12-29-*"))) == 1  # under one name


# -- deaths ----------------------------------------------------------------------------------------------------------


def test_kills_of_batch_workers_and_kernels_leave_whole_runs(
    file: Path, whole: Path, made: Done, tmp_path: Path
) -> None:
    """One of each, where nothing ends before it is killed; `killed_batch.py` does a hundred of these."""
    count = killed(tmp_path, [file], timeless(whole), kills=3, seed=49, longest=6.0, workers=1)
    assert count["batch"] + count["worker"] + count["kernel"] == 3


def test_an_interrupted_batch_leaves_nothing_half_made(tmp_path: Path) -> None:
    words = ["batch", str(FILE), *TODAY, "-p", "policy=quarterly", "--home", str(tmp_path)]
    command = [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {MAIN}"]
    with subprocess.Popen([*command, *words], stderr=subprocess.PIPE, text=True) as started:
        until = time.monotonic() + 60
        while not list((tmp_path / "reports").glob(".*.partial")) and time.monotonic() < until:
            time.sleep(0.1)
        started.send_signal(signal.SIGINT)
        said = started.communicate()[1]
    assert started.returncode == 130
    assert "finished runs are kept, and the same command resumes" in said
    assert not list((tmp_path / "reports").iterdir())


# -- a cluster -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A scheduler here, and two workers of one thread that are processes of their own; a job may kill one of them.

    Their own home has a journal, whose head stands in no manifest of a batch with a `--home` that has none.
    """
    once, home = {"allowed_failures": 1}, tmp_path_factory.mktemp("home_of_workers")
    Journal(home).close()
    assert journal_head(home) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME, str(home))
        found = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=HERE, scheduler_kwargs=once
        )
    with found:
        yield found


def of_run(reports: Path, name: str) -> dict[str, bytes]:
    """The files of one run, but for when they were made."""
    return {path: content for path, content in timeless(reports).items() if path.startswith(f"{name}/")}


def test_a_cluster_makes_the_bytes_of_a_run_once(
    cluster: LocalCluster, file: Path, whole: Path, made: Done, tmp_path: Path
) -> None:
    words = (*TODAY, "-p", "policy=quarterly", "--home", tmp_path, "--workers", cluster.scheduler_address)
    assert "1 run: 1 made, 0 found, 0 failed." in rebalance("batch", file, *words).out
    run = rows_of(tmp_path / "reports")["run"].item()
    assert timeless(tmp_path / "reports") == of_run(whole, run) != {}
    assert rebalance("runs", "show", tmp_path / "reports" / run, "--verify").status == 0
    assert "1 run: 0 made, 1 found, 0 failed." in rebalance("batch", file, *words).out


def test_a_job_that_kills_each_of_its_workers_fails_alone(
    cluster: LocalCluster, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(*given: object) -> object:
        job = given[-1]
        assert isinstance(job, Job)
        if job.given == ("policy=never",):
            os.kill(os.getpid(), signal.SIGKILL)
        return make_there(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "make_there", deadly)
    dies, fails = Job(file, ("policy=never",)), Job(file.with_name("absent.yaml"), ())
    names = {dies: name_of_run(dies, TRADES), fails: "absent-2022-12-29-00000000"}
    found = dict(on_cluster(names, TRADES, tmp_path / "reports", False, cluster.scheduler_address))
    assert [row.status for row in found.values()] == ["failed", "failed"]
    assert "the process that ran it died" in found[dies].verdict
    assert f"no file {fails.file}" in found[fails].verdict
    assert found[fails].page == f"failures/{names[fails]}.txt"


def test_what_arrives_is_what_was_asked_for_or_is_refused(file: Path, whole: Path, made: Done, tmp_path: Path) -> None:
    """What a worker sends: its row of the table, and the files of the run that it made."""
    job = Job(file, ("policy=never",))
    run = whole / name_of_run(job, TRADES)
    found = found_run(job, run, TRADES)
    assert found is not None
    became = replace(found, status="made")
    files = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    final = tmp_path / "reports" / became.run
    other = workers._received(job, final.with_name("mine-2022-12-29-00000000"), became, files)
    assert "a worker made desk0-2022-12-29-" in other.verdict
    torn = workers._received(job, final, became, {**files, "summary.txt": b"half"})
    assert "did not arrive as it was made: summary.txt has another content." in torn.verdict
    assert list(final.parent.iterdir()) == []
    assert workers._received(job, final, became, files).status == "made"
    assert {path.relative_to(final).as_posix() for path in final.rglob("*")} == set(files)


def test_a_worker_without_the_file_or_with_other_code_says_so(tmp_path: Path) -> None:
    became, files = make_there(code_here(), TRADES.stem, False, None, Job(tmp_path / "absent.yaml", ()))
    assert (became.status, files) == ("failed", {})
    assert f"no file {tmp_path / 'absent.yaml'} on " in became.verdict
    other, _ = make_there({**code_here(), "code": "000"}, TRADES.stem, False, None, Job(FILE, ()))
    assert "but the work was started with 000" in other.verdict
