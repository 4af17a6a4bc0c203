"""Jobs of a batch that are one run, or have none, are told in a sentence; and how long the others take."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from commanded import FILE, ROOT
from killed_batch import desks

from desk.commands.batch.file import plan_of
from desk.commands.batch.make import RunPace, named_runs
from desk.commands.batch.plan import Job, notebook_named
from desk.commands.batch.run import outcome

# -- two runs of one name --------------------------------------------------------------------------------------------


def test_two_files_that_are_one_run_are_both_named_and_the_first_is_made(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(FILE, tmp_path / place / "desk.yaml")
    files = [tmp_path / "a" / "desk.yaml", tmp_path / "b" / "desk.yaml"]
    names, failures = named_runs(plan_of(files, ["policy=never"], notebook="rebalance_now"), tmp_path)
    (first,), ((second, failure),) = names, failures.items()
    assert (first.file, second.file) == tuple(files)
    assert failure.verdict == (
        f"{files[0]} with policy=never and {files[1]} with policy=never are both the run {names[first]}, which is made "
        "once. Leave one of the two out."
    )
    assert [first.portfolio, second.portfolio] == ["a/desk", "b/desk"]


def test_parameters_that_come_to_the_same_are_one_run(tmp_path: Path) -> None:
    names, failures = named_runs(plan_of([FILE], ["draws=200"], ["reference=,quarterly"]), tmp_path)
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
    names, failures = named_runs(plan_of([tmp_path / "a" / "desk.yaml", tmp_path / "b" / "desk.yaml"]), tmp_path)
    assert [job.portfolio for job in names] == ["a/desk", "b/desk"]
    assert not failures


def test_a_missing_portfolio_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, failures = named_runs(plan_of([Path("desks/absent.yaml")]), tmp_path)
    (failure,) = failures.values()
    said = f"no file desks/absent.yaml; it was looked for in {tmp_path} and {ROOT}. Correct the path."
    assert (failure.verdict, failure.portfolio, failure.failure) == (said, "absent", f"absent\n\n{said}\n")


# -- the time that is left -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pace", "reports", "clients", "said"),
    [
        (RunPace(1, [10.0]), 1, 0, "10 s"),
        (RunPace(2, [4.0, 6.0]), 20, 0, "50 s"),
        (RunPace(1, [60.0]), 30, 0, "30 min"),
        (RunPace(2, [60.0], [1.0, 2.0]), 5, 200, "5 min"),  # 2 × 150 s of reports, 300 s of clients
        (RunPace(1), 9, 0, ""),  # nothing is known yet
        (RunPace(1, [9.0]), 0, 0, ""),
    ],
)
def test_the_time_left_is_that_of_runs_which_were_made(pace: RunPace, reports: int, clients: int, said: str) -> None:
    assert pace.left(reports, clients) == said


def test_a_run_made_in_this_process_leaves_its_environment_as_it_was(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    (file,) = desks(tmp_path, 1)
    gone = Job(file.with_name("gone.yaml"), ())
    assert outcome(gone, notebook=notebook_named("rebalance_now"), reports=tmp_path, retrain=False).status == "failed"
    assert "TQDM_DISABLE" not in os.environ
