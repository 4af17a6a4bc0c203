"""Many runs at once: each as its own command makes it, one page over all, and no failure stops the rest."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from commanded import FILE, Done, rebalance

import desk.commands.batch.run as batches
from backtests.runs.notebook import COMPARING, DeadKernel
from backtests.sheets.pages.batch import batch_html
from desk.commands.batch import make_batch, plan_of
from desk.commands.batch.make import write_batch
from desk.commands.batch.plan import Job, axis, jobs, notebook_named
from desk.commands.batch.run import Outcome, outcome
from desk.commands.batch.workers import run_all
from foundation.errors import ConfigError

TODAY = ["--notebook", "rebalance_now", "--name", "today"]
MAIN = "from desk.cli import main; main()"


def rows_of(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "batch.parquet")


# -- what is asked for -----------------------------------------------------------------------------------------------


def test_every_file_meets_every_combination_once() -> None:
    files = [Path("a.yaml"), Path("b.yaml"), Path("a.yaml")]
    axes = [axis(text) for text in ("reference=x,y,x", "rl_seeds=1,2")]
    found = jobs(files, ["draws=200"], axes, COMPARING, {})
    assert len(found) == 2 * 2 * 2
    assert found[0] == Job(Path("a.yaml"), ("draws=200", "reference=x", "rl_seeds=1"))
    assert found[1].given[-1] == "rl_seeds=2"
    assert len({job.name for job in found}) == 8


def test_commas_within_brackets_belong_to_a_list() -> None:
    found = jobs([FILE], [], [axis("lags=[0, 1],[2]")], notebook_named("sweep_thresholds"), {})
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
    done = rebalance("batch", FILE, *words, "--reports", tmp_path)
    assert done.status == 2
    assert message in done.err.replace("\n", " ")
    assert not list(tmp_path.iterdir())


def test_a_batch_replaces_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    with pytest.raises(ConfigError, match="is there, and is no batch: give another --name"):
        make_batch(plan_of([FILE], name="study"), tmp_path)


# -- a real one ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("batch") / "reports"


def few(folder: Path, name: str) -> Path:
    """A portfolio with two policies."""
    content = yaml.safe_load(FILE.read_text())
    content["policies"] = {policy: content["policies"][policy] for policy in ("never", "quarterly")}
    content["policy"] = "quarterly"
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def made(reports: Path) -> Done:
    """Two runs of today's trades, a failing cell and, of a file that is not there, three failures."""
    file = few(reports.parent, "mine")
    words = [*TODAY, "--grid", "policy=never,quarterly,nope", "--reports", reports]
    return rebalance("batch", file, reports.parent / "absent.yaml", *words)


def test_a_failure_does_not_stop_the_rest_and_the_exit_code_tells(reports: Path, made: Done) -> None:
    assert made.status == 1
    assert "6 runs: 2 made, 0 found, 4 failed." in made.out
    assert re.search(r"absent policy=never: no file .*absent\.yaml", made.out)
    assert made.out.rstrip().endswith("today/index.html")
    table = rows_of(reports / "today")
    assert list(table["status"]) == ["failed", "failed", "failed", "made", "made", "failed"]
    for page in table["page"]:
        assert (reports / "today" / page).is_file()
    assert "no file" in (reports / "today" / table["page"][0]).read_text()
    assert not [path.name for path in reports.iterdir() if path.name.startswith(".")]


def test_another_notebook_is_a_run_too_and_its_failure_shows_the_cell(reports: Path, made: Done) -> None:
    good, bad = rows_of(reports / "today").to_dict("records")[-2:]
    assert (good["status"], bad["status"]) == ("made", "failed")
    assert good["verdict"].startswith(("Sell", "Buy", "No trade"))
    assert rebalance("verify", reports / good["run"]).status == 0
    assert good["run"] in rebalance("runs", "--kind", "notebook", "--reports", reports).out
    said = (reports / "today" / bad["page"]).read_text()
    assert "The cell:\n\nrequest = request_of(deploy, withdraw, side, to_target)\ntrades = trades_now(" in said
    assert "ConfigError: policy 'nope' is not in" in said.splitlines()[-1]
    assert "\x1b" not in said
    assert not (reports / bad["run"]).exists()


def test_a_finished_run_is_found_and_one_that_was_changed_is_made_again(reports: Path, made: Done) -> None:
    before = rows_of(reports / "today")
    changed = reports / before["run"][3] / "summary.txt"
    whole = changed.read_bytes()
    changed.write_text("half")
    kept = (reports / before["run"][4] / "manifest.json").read_bytes()
    words = [*TODAY, "--grid", "policy=never,quarterly", "--reports", reports]
    done = rebalance("batch", reports.parent / "mine.yaml", *words)
    assert done.status == 0, done.err
    after = rows_of(reports / "today")
    assert list(after["status"]) == ["made", "found"]
    assert changed.read_bytes() == whole
    assert (reports / before["run"][4] / "manifest.json").read_bytes() == kept
    assert not (reports / "today" / "failures").exists()  # of the batch before


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


def test_an_interrupted_batch_leaves_nothing_half_made(tmp_path: Path) -> None:
    words = ["batch", str(FILE), "-p", "draws=200", "--reports", str(tmp_path)]
    command = [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {MAIN}"]
    with subprocess.Popen([*command, *words], stderr=subprocess.PIPE, text=True) as started:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".*.partial")) and time.monotonic() < until:
            time.sleep(0.1)
        started.send_signal(signal.SIGINT)
        said = started.communicate()[1]
    assert started.returncode == 130
    assert "finished runs are kept, and the same command resumes" in said
    assert not list(tmp_path.iterdir())


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
    found = dict(run_all(work, asked, 1))
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
    assert batch_html("nightly", "compare_policies", rows_of(tmp_path)) == page
