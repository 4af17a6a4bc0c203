"""Many runs at once: what is asked for, who dies, and the page over all; `test_batch_runs.py` makes real ones."""

import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from commanded import FILE, rebalance

import desk.commands.batch.run as batches
from backtests.runs.notebook import COMPARING, DeadKernel
from backtests.sheets.pages.batch import batch_html
from desk.commands.batch import make_batch, plan_of
from desk.commands.batch.make import write_batch
from desk.commands.batch.plan import Job, axis, notebook_named, planned_jobs
from desk.commands.batch.run import Outcome, outcome
from desk.commands.batch.workers import run_jobs
from foundation.errors import ConfigError

# -- what is asked for -----------------------------------------------------------------------------------------------


def test_every_file_meets_every_combination_once() -> None:
    files = [Path("a.yaml"), Path("b.yaml"), Path("a.yaml")]
    axes = [axis(text) for text in ("reference=x,y,x", "rl_seeds=1,2")]
    found = planned_jobs(files, ["draws=200"], axes, COMPARING, {})
    assert len(found) == 2 * 2 * 2
    assert found[0] == Job(Path("a.yaml"), ("draws=200", "reference=x", "rl_seeds=1"))
    assert found[1].given[-1] == "rl_seeds=2"
    assert len({job.name for job in found}) == 8


def test_commas_within_brackets_belong_to_a_list() -> None:
    found = planned_jobs([FILE], [], [axis("lags=[0, 1],[2]")], notebook_named("sweep_thresholds"), {})
    assert [job.given for job in found] == [("lags=[0, 1]",), ("lags=[2]",)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "drws=200"], "parameter 'drws=200': write name=value, with a name of compare_policies.ipynb"),
        (["--grid", "draws=200,many"], "parameter draws of compare_policies.ipynb is 'many': write a value such as"),
        (["--grid", "draws=200,0.5"], "(float), expected int"),
        (["--grid", "draws=200,300", "-p", "draws=100"], "parameter draws is given 2 times"),
        (["-p", "run=x"], "parameter run is set by the command itself"),
        (["--notebook", "rebalance_now", "-p", "portfolio=x"], "parameter portfolio is set by the command itself"),
        (["--notebook", "rebalance_now", "-p", "draws=200"], "with a name of rebalance_now.ipynb: portfolio, policy"),
        (["--notebook", "policy_laboratory"], "policy_laboratory.ipynb has no parameter portfolio"),
        (["--notebook", "nothing"], "--notebook is 'nothing': give one of allocation_models, allocation_under_limits,"),
        (["--name", "../x"], "--name is '../x': it has a slash"),
        (["--workers", "0"], "workers is 0"),
        (["--grid", f"draws={','.join(map(str, range(200, 10_300)))}"], "has 10,100 runs, and may have at most 10,000"),
    ],
)
def test_what_is_wrong_is_said_before_any_run(tmp_path: Path, words: list[str], message: str) -> None:
    done = rebalance("batch", FILE, *words, "--home", tmp_path)
    assert done.status == 2
    assert message in done.err.replace("\n", " ")
    assert not list(tmp_path.iterdir())


def test_a_batch_replaces_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    with pytest.raises(ConfigError, match="is there, and is no batch: give another --name"):
        make_batch(plan_of([FILE], name="study"), tmp_path)


# -- deaths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("deaths", "status"), [(1, "made"), (2, "failed")])
def test_a_run_whose_kernel_died_is_begun_again_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, status: str
) -> None:
    begun: list[int] = []

    def dies(*_: object) -> None:
        begun.append(1)
        if len(begun) <= deaths:
            raise DeadKernel("the kernel died.")

    monkeypatch.setattr(batches, "made_report", dies)
    monkeypatch.setattr(batches, "_facts", lambda *_: {})
    monkeypatch.setenv("TQDM_DISABLE", "1")
    found = outcome(Job(FILE, ("draws=200",)), notebook=COMPARING, reports=tmp_path, retrain=False)
    assert (found.status, len(begun)) == (status, 2)
    assert found.run.startswith("sixty_forty-2022-12-29-")


def test_a_worker_that_is_killed_costs_at_most_the_run_that_killed_it_twice(tmp_path: Path) -> None:
    def work(job: Job) -> Outcome:
        """The first job dies once, the third always."""
        marks = tmp_path / f"{job.file.stem}-{os.getpid()}"
        marks.touch()
        begun = len(list(tmp_path.glob(f"{job.file.stem}-*")))
        if job.file.stem == "c" or (job.file.stem == "a" and begun == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(job.file.stem, (), job.file.stem, "made")

    asked = [Job(Path(f"{name}.yaml"), ()) for name in "abcd"]
    found = dict(run_jobs(work, asked, 1))
    assert {job.file.stem: row.status for job, row in found.items()} == {
        "a": "made", "b": "made", "c": "failed", "d": "made",
    }  # fmt: skip
    assert "the process that ran it died" in found[asked[2]].verdict


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_page_escapes_what_comes_from_files_and_links_to_every_run(tmp_path: Path) -> None:
    rows = [
        Outcome(
            "<b>", ("policy=a&b",), "r 1", "made", verdict="Use <i>x</i>.", page="../r 1/tearsheet.html", growth=0.05
        ),
        Outcome("z", (), "z-1", "failed", verdict="no file", page="failures/z-1.txt", failure="why\x1b[2J\n\tat"),
    ]
    write_batch(tmp_path, "nightly", "compare_policies", rows)
    page = (tmp_path / "index.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<i>x" not in page
    assert "href=../r%201/tearsheet.html>" in page
    assert ">5.00" in page
    assert "<li>no file <small>(<a href=failures/z-1.txt>z</a>)</small></li>" in page
    assert (tmp_path / "failures" / "z-1.txt").read_text() == "why\\x1b[2J\n\tat"
    assert batch_html("nightly", "compare_policies", pd.read_parquet(tmp_path / "batch.parquet")) == page
