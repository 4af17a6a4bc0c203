"""A study is kept case by case: killed it goes on, and whoever plays it, the result is the same."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from distributed import Client, LocalCluster
from faults import alive, children

from backtests.runs import tasks
from backtests.studies.audits.matched_exposure import CONSTANT, VOLATILITY
from backtests.studies.real_markets import NAMED_CASES, Budget, Study, case, run, study
from backtests.studies.real_markets.run_case import (
    EXPOSURE,
    GAP_HORIZONS,
    LEARNER_STEPS,
    MULTIPLES,
    UPDATE,
    exposure_cases,
    run_case,
)
from backtests.studies.real_markets.study import RECORD, _together
from desk.cli import main
from foundation.errors import ConfigError, DataError

TINY = Budget(steps={"cross-entropy": UPDATE}, seeds=(3, 7))
LEARNED = Budget(steps={"cross-entropy": UPDATE}, seeds=(3,), rules=False)
NAMES = ("funds-2-2013", "stocks-2-1995", "stocks-2-2004")
CASES = [case(name) for name in NAMES]
FEW = CASES[:2]
ROOT = Path(__file__).parents[4]


def files(folder: Path) -> dict[str, bytes]:
    """What each case's file says, but for the seconds that it took."""
    return {
        path.name: json.dumps(json.loads(path.read_text()) | {"seconds": None}).encode()
        for path in folder.glob("*-*-*.json")
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two cases, rules and learners, played in this process."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:  # how well the loss of a policy is known matters to no test
        patch.setattr("research.learning.worlds.rollouts.WORLD_SESSIONS", 65)
        study(FEW, folder, TINY, progress=False)
    return folder


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three cases with learners alone, whose random draws are what another process could change."""
    folder = tmp_path_factory.mktemp("learned")
    study(CASES, folder, LEARNED, progress=False)
    return folder


@pytest.mark.slow
def test_a_killed_study_goes_on_where_it_was_and_ends_the_same(learned: Path, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from backtests.studies.real_markets import Budget, case, study\n"
        f"budget = Budget({LEARNED.steps}, {LEARNED.seeds}, rules=False)\n"
        f"study([case(name) for name in {NAMES}], sys.argv[1], budget, workers=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
    killed = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment)
    until = time.monotonic() + 300.0
    while not files(tmp_path) and time.monotonic() < until and killed.poll() is None:
        time.sleep(0.02)
    workers = children(killed.pid)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.glob("*-*-*.json")}
    assert 0 < len(before) < len(NAMES)
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert workers
    assert not any(map(alive, workers))  # nobody goes on working for a dead study
    study(CASES, tmp_path, LEARNED, progress=False)
    assert {name: ((tmp_path / name).stat().st_mtime_ns, (tmp_path / name).read_bytes()) for name in before} == before
    assert files(tmp_path) == files(learned)


@pytest.mark.slow
def test_a_cluster_gives_the_same_files(learned: Path, tmp_path: Path) -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        made = study(FEW, tmp_path, LEARNED, client=client, progress=False)
    assert files(tmp_path) == {name: said for name, said in files(learned).items() if NAMES[2] not in name}
    assert set(made.table["case"]) == set(NAMES[:2])


def test_a_study_gives_up_a_cluster_that_has_lost_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 0.2)
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(TimeoutError, match="no workers are left"),
    ):
        study(CASES, None, TINY, client=client, progress=False)


def test_what_is_saved_is_all_that_the_folder_has_of_the_study(whole: Path, tmp_path: Path) -> None:
    for name in NAMES[:2]:
        shutil.copy(whole / f"{name}.json", tmp_path)
        run([name], tmp_path, TINY)
    assert set(Study.load(tmp_path).table["case"]) == set(NAMES[:2])
    other = json.loads((tmp_path / f"{NAMES[1]}.json").read_text())
    other["made_from"]["code"] = "deadbeef"
    (tmp_path / f"{NAMES[1]}.json").write_text(json.dumps(other))
    run(NAMES[:1], tmp_path, TINY)
    assert set(Study.load(tmp_path).table["case"]) == set(NAMES[:1])  # what other code made is no part of it
    assert set(_together(tmp_path, TINY, "deadbeef").table["case"]) == set(NAMES[1:2])  # and that code's is its own


def test_a_cluster_whose_workers_have_threads_is_refused(tmp_path: Path) -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
        ) as cluster,
        pytest.raises(ConfigError, match=r"several threads.*rebalance research cluster tcp://127\.0\.0\.1"),
    ):
        run(NAMES[:1], tmp_path, TINY, cluster=cluster.scheduler_address)
    assert not files(tmp_path)


def test_the_table_has_every_rule_at_every_cost_and_one_seed_that_stands(whole: Path) -> None:
    made = study(FEW, whole, TINY, progress=False)
    table = made.table
    per_case = 14 * len(MULTIPLES) + len(TINY.seeds)  # fourteen rules; learners at one cost, where a case is not named
    assert table.groupby("case").size().tolist() == [per_case] * len(FEW)
    assert not set(NAMES[:2]) & set(NAMED_CASES)
    own = table[table["rule"] == "cross-entropy"]
    assert own.groupby("case")["stands"].sum().tolist() == [1] * len(FEW)
    assert own.groupby("case")["seed"].apply(list).tolist() == [list(TINY.seeds)] * len(FEW)
    better = table[table["rule"] == "better calendar"].set_index(["case", "cost_multiple"])["loss"]
    calendars = table[table["rule"].isin(("month", "quarter", "year"))].groupby(["case", "cost_multiple"])["loss"]
    assert (better >= calendars.min()[better.index] - 1e-12).all()
    assert made.trials == len(FEW) * (len(MULTIPLES) * (22 + 22 + 32 + 3 + len(GAP_HORIZONS)) + len(TINY.seeds))


def test_in_a_named_case_all_learn_and_two_do_everywhere() -> None:
    budget, both = Budget(), ["gradient", "cross-entropy"]
    assert [budget.learners(case(NAMED_CASES[0]), m) for m in MULTIPLES] == [both, list(LEARNER_STEPS), both]
    assert [budget.learners(CASES[0], m) for m in MULTIPLES] == [[], both, []]
    with pytest.raises(ConfigError, match="a learner of Budget is 'a2c': use one of ppo, gradient"):
        Budget(steps={"a2c": 1})
    for given, said in (
        ({"steps": {"ppo": 0}}, "steps of ppo in Budget are 0: give a whole number, 1 or more"),
        ({"steps": {"ppo": 1e5}}, "steps of ppo in Budget are 100000.0"),
        ({"steps": ["ppo"]}, r"steps of Budget are \['ppo'\]: give those of each learner"),
        ({"seeds": ()}, r"seeds of Budget are \(\): give one whole number or more"),
        ({"steps": {}, "rules": False}, "without rules, give the steps of at least one learner"),
    ):
        with pytest.raises(ConfigError, match=said):
            Budget(**given)
    with pytest.raises(ConfigError, match="a case is 'funds-2-2016': give a Case, as `case"):
        study(["funds-2-2016"], None, budget)  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="no case of the study is named None"):
        case(None)  # type: ignore[arg-type]


def test_beside_learned_exposure_stands_what_holds_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone: what the rules of the other study are worth is told there."""
    monkeypatch.setattr("research.learning.worlds.rollouts.WORLD_SESSIONS", 65)
    budget = Budget(steps={EXPOSURE: UPDATE}, seeds=(3,), rules=False)
    assert (len(exposure_cases()), budget.learners(case("stocks-2-1998"), 1.0)) == (10 + 3, [])
    made = run_case(case("stocks-10a-1995"), budget)
    assert made["trials"] == 1
    rows = pd.DataFrame(made["rows"]).set_index("rule")
    assert list(rows.index) == [EXPOSURE, CONSTANT, VOLATILITY]
    assert rows.loc[CONSTANT, "turnover"] < rows.loc[VOLATILITY, "turnover"]


def test_a_study_is_saved_and_read_again(whole: Path, tmp_path: Path) -> None:
    made = study(FEW, whole, TINY, progress=False)
    made.save(tmp_path)
    read = Study.load(tmp_path)
    pd.testing.assert_frame_equal(read.table, made.table)
    assert read.manifest["cases"] == json.loads(json.dumps(made.manifest["cases"]))
    assert read.manifest["cases"][NAMES[0]]["test"] == ["2013-01-02", "2015-12-31"]
    assert repr(read) == repr(made)
    (tmp_path / RECORD).unlink()
    with pytest.raises(DataError, match="has no complete study"):
        Study.load(tmp_path)
    assert list(tmp_path.glob("figures-*.parquet"))


def test_a_case_that_was_made_from_anything_else_is_refused_and_made_anew_if_asked(
    whole: Path, learned: Path, tmp_path: Path
) -> None:
    one, cheap = CASES[:1], LEARNED
    file = Path(shutil.copy(learned / f"{NAMES[0]}.json", tmp_path))
    other = json.loads(file.read_text())
    other["made_from"]["code"] = "deadbeef"
    file.write_text(json.dumps(other))
    with pytest.raises(ConfigError, match=r"funds-2-2013\.json holds .*code was \"deadbeef\""):
        study(one, tmp_path, cheap, progress=False)
    with pytest.raises(ConfigError, match=r"settings\.case\.steps\.cross-entropy was 16384 and is 65536"):
        study(one, whole, Budget(steps={"cross-entropy": 4 * UPDATE}, seeds=TINY.seeds), progress=False)
    study(one, tmp_path, cheap, progress=False, fresh=True)
    assert json.loads(file.read_text())["made_from"]["code"] != "deadbeef"
    mixed = [json.loads(file.read_text()), other | {"case": "funds-2-2016"}]
    with pytest.raises(ConfigError, match="case funds-2-2016 has other code"):
        Study.of(mixed)


@pytest.mark.parametrize("workers", [0, 1.5, True])
def test_workers_that_are_none_are_refused(tmp_path: Path, workers: object) -> None:
    with pytest.raises(ConfigError, match="workers is"):
        study(CASES[:1], tmp_path, TINY, workers=workers)  # type: ignore[arg-type]


def test_no_case_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one case"):
        study([], tmp_path, TINY)


def test_the_command_plays_the_named_cases_and_saves_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["rebalance", "research", "study", NAMES[0], "--kind", "rules", "--home", str(tmp_path)]
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert "1 case in 1 window" in capsys.readouterr().out
    assert Study.load(tmp_path / "reports" / "rules-only").table["rule"].nunique() == 14
    monkeypatch.setattr(sys, "argv", ["rebalance", "research", "study", "funds-2-1999", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "no case of the study is named 'funds-2-1999'" in capsys.readouterr().err
