"""What goes wrong in the middle of a batch costs no other run, is told in a sentence, and leaves nothing half-made."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from commanded import FILE, ROOT, rebalance
from faults import full_at
from killed_batch import SETTINGS, desks, killed, timeless

from desk.commands.batch.file import plan_of
from desk.commands.batch.make import named_runs, time_left
from desk.commands.batch.plan import Job, notebook_named
from desk.commands.batch.run import outcome


def table(reports: Path, name: str = "batch") -> pd.DataFrame:
    return pd.read_parquet(reports / name / "batch.parquet")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a desk, and below it the reports of a batch of its two runs, made one after the other here."""
    folder = tmp_path_factory.mktemp("made")
    done = rebalance("batch", *desks(folder, 1), *SETTINGS, "--reports", folder / "r")
    assert done.status == 0, done.err
    return folder


def test_kills_of_batch_workers_and_kernels_leave_whole_runs(made: Path, tmp_path: Path) -> None:
    """One of each, where nothing ends before it is killed; `killed_batch.py` does a hundred of these."""
    count = killed(tmp_path, desks(made, 1), timeless(made / "r"), kills=3, seed=10, longest=6.0)
    assert count["batch"] + count["worker"] + count["kernel"] == 3


def test_a_disk_that_is_full_for_one_run_costs_no_other(tmp_path: Path) -> None:
    """Of the second portfolio the executed notebook is larger than any file may be."""
    (small,) = desks(tmp_path, 1)
    large = ROOT / "data" / "portfolios" / "stocks_20.yaml"
    with full_at(90_000):
        done = rebalance("batch", small, large, "--notebook", "rebalance_now", "--reports", tmp_path / "r")
    assert done.status == 1, done.err
    assert table(tmp_path / "r")["status"].tolist() == ["made", "failed"]
    assert "File too large" in done.out
    assert not [path.name for path in (tmp_path / "r").iterdir() if path.name.startswith((".", "stocks_20"))]


def test_a_batch_whose_page_cannot_be_written_keeps_its_runs(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in (made / "r" / "batch").iterdir()}
    with full_at(2_000):
        done = rebalance("batch", made / "desk0.yaml", *SETTINGS, "--reports", made / "r")
    assert done.status == 2
    assert done.err.splitlines()[-1].startswith(f"File too large ({made / 'r' / '.batch.partial'}")
    assert {path.name: path.read_bytes() for path in (made / "r" / "batch").iterdir()} == before


# -- two runs of one name --------------------------------------------------------------------------------------------


def test_two_files_that_are_one_run_are_both_named_and_the_first_is_made(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(FILE, tmp_path / place / "desk.yaml")
    files = [tmp_path / "a" / "desk.yaml", tmp_path / "b" / "desk.yaml"]
    names, failures = named_runs(plan_of(files, ["policy=never"], notebook="rebalance_now"))
    (first,), ((second, failure),) = names, failures.items()
    assert (first.file, second.file) == tuple(files)
    assert failure.verdict == (
        f"{files[0]} with policy=never and {files[1]} with policy=never are both the run {names[first]}, which is made "
        "once. Leave one of the two out."
    )
    assert [first.portfolio, second.portfolio] == ["a/desk", "b/desk"]


def test_parameters_that_come_to_the_same_are_one_run() -> None:
    names, failures = named_runs(plan_of([FILE], ["draws=200"], ["reference=,quarterly"]))
    assert [job.parameters for job in names] == ["draws=200, reference="]
    assert "are both the run sixty_forty-2022-12-29-" in next(iter(failures.values())).verdict


def test_a_file_that_is_given_twice_by_two_paths_is_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "data")
    paths = [FILE, Path("portfolios/sixty_forty.yaml"), Path("portfolios/../portfolios/sixty_forty.yaml")]
    assert len(plan_of(paths).jobs) == 1


def test_two_portfolios_of_one_file_name_are_told_apart(tmp_path: Path) -> None:
    for place, cash in (("a", 1.0), ("b", 2.0)):
        (tmp_path / place).mkdir()
        content = yaml.safe_load(FILE.read_text()) | {"cash": cash}
        (tmp_path / place / "desk.yaml").write_text(yaml.safe_dump(content))
    names, failures = named_runs(plan_of([tmp_path / "a" / "desk.yaml", tmp_path / "b" / "desk.yaml"]))
    assert [job.portfolio for job in names] == ["a/desk", "b/desk"]
    assert not failures


def test_a_missing_portfolio_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, failures = named_runs(plan_of([Path("desks/absent.yaml")]))
    (failure,) = failures.values()
    said = f"no file desks/absent.yaml; it was looked for in {tmp_path} and {ROOT}. Correct the path."
    assert (failure.verdict, failure.portfolio, failure.failure) == (said, "absent", f"absent\n\n{said}\n")


# -- the time that is left -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "made", "left", "said"),
    [(10.0, 1, 1, "10 s"), (10.0, 2, 10, "50 s"), (600.0, 10, 30, "30 min"), (5.0, 0, 9, ""), (9.0, 3, 0, "")],
)
def test_the_time_left_is_that_of_runs_which_were_made(seconds: float, made: int, left: int, said: str) -> None:
    assert time_left(seconds, made, left) == said


def test_a_batch_of_which_no_run_can_start_leaves_the_earlier_one(made: Path) -> None:
    before = (made / "r" / "batch" / "index.html").read_bytes()
    for name, text in (("gone.yaml", None), ("torn.yaml", "name: [")):
        if text is not None:
            (made / name).write_text(text)
        again = rebalance("batch", made / name, "--notebook", "rebalance_now", "--reports", made / "r")
        assert again.status == 2
        assert "no run of the batch can start, so nothing was written" in again.err
        assert name in again.err
    assert (made / "r" / "batch" / "index.html").read_bytes() == before


def test_a_run_made_in_this_process_leaves_its_environment_as_it_was(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    (file,) = desks(tmp_path, 1)
    gone = Job(file.with_name("gone.yaml"), ())
    assert outcome(gone, notebook=notebook_named("rebalance_now"), reports=tmp_path, retrain=False).status == "failed"
    assert "TQDM_DISABLE" not in os.environ
