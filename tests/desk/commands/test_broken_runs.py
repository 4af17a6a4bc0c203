"""A run that is damaged stops no trade list: it is named and passed over, and not read at all where none is needed."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import FILE, TRADES, rebalance
from full_runs import full_run

from backtests.runs.folder import MANIFEST, write_json
from backtests.runs.manifest import sign
from desk.commands.made import run_for
from research.portfolio import load_portfolio

DAMAGED = {"empty": "", "cut": '{"kind": "report", "se', "foreign": '{"name": "web app", "icons": []}', "list": "[]"}


@pytest.fixture
def undecided(tmp_path: Path) -> Path:
    """The sixty-forty desk without a policy in force."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    del content["policy"]
    file = tmp_path / "desk.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def damaged(reports: Path) -> Path:
    for name, text in DAMAGED.items():
        (reports / name).mkdir(parents=True)
        (reports / name / MANIFEST).write_text(text)
    (reports / "pipe").mkdir()
    os.mkfifo(reports / "pipe" / MANIFEST)
    return reports


def test_a_policy_in_force_needs_no_run(tmp_path: Path) -> None:
    alone = rebalance(*TRADES, FILE, "--home", tmp_path / "none")
    damaged(tmp_path / "reports")
    beside = rebalance(*TRADES, FILE, "--home", tmp_path)
    assert (beside.status, beside.out, beside.said) == (0, alone.out, alone.said)
    assert "by policy 'threshold'" in beside.out


def test_damaged_runs_are_named_in_a_line_each_and_the_whole_one_is_used(undecided: Path, tmp_path: Path) -> None:
    reports, portfolio = damaged(tmp_path / "reports"), load_portfolio(undecided)
    run = full_run(portfolio, reports, recommendation={"policy": "yearly"}, fitted={})
    done = rebalance(*TRADES, undecided, "--home", tmp_path)
    assert done.status == 0
    assert "by policy 'yearly'" in done.out
    assert run.name in done.out
    said = [line for line in done.err.splitlines() if line.startswith("A run was passed over: ")]
    assert len(said) == len(DAMAGED) + 1
    for name in (*DAMAGED, "pipe"):
        assert sum(str(reports / name / MANIFEST) in line for line in said) == 1
    assert "Traceback" not in done.err


def test_a_report_with_another_reference_is_used(undecided: Path, tmp_path: Path) -> None:
    full_run(load_portfolio(undecided), tmp_path / "reports", recommendation={"policy": "yearly"}, fitted={})
    undecided.write_text(undecided.read_text() + "reference: never\n")
    assert load_portfolio(undecided).reference == "never"
    done = rebalance(*TRADES, undecided, "--home", tmp_path)
    assert "by policy 'yearly'" in done.out, done.err


TUNED = {"band": 0.02, "within": 0.01, "seen": "2011-12-30"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"fitted": {}}, "recommendation"),
        ({"recommendation": None, "fitted": {}}, "recommendation"),
        ({"recommendation": {"policy": ["a"]}, "fitted": {}}, "recommendation.policy"),
        ({"recommendation": {"policy": "tuned"}}, "fitted"),
        ({"recommendation": {"policy": "tuned"}, "fitted": {"tuned": {**TUNED, "seen": "never"}}}, "fitted.tuned"),
        ({"recommendation": {"policy": "tuned"}, "fitted": {"tuned": {**TUNED, "band": "x"}}}, "fitted.tuned"),
        ({"recommendation": {"policy": "tuned"}, "fitted": {}}, "policy 'tuned' must be fitted first"),
    ],
)
def test_facts_that_are_none_pass_a_run_over(undecided: Path, tmp_path: Path, facts: dict[str, Any], said: str) -> None:
    """Resealed: the checksum of the manifest is right."""
    full_run(load_portfolio(undecided), tmp_path / "reports", **facts)
    done = rebalance(*TRADES, undecided, "--home", tmp_path)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_tuned_policy_of_a_run_is_used(undecided: Path, tmp_path: Path) -> None:
    full_run(
        load_portfolio(undecided), tmp_path / "reports", recommendation={"policy": "tuned"}, fitted={"tuned": TUNED}
    )
    assert "by policy 'tuned'" in rebalance(*TRADES, undecided, "--home", tmp_path).out


def test_where_all_are_damaged_the_command_says_how_to_make_one(undecided: Path, tmp_path: Path) -> None:
    damaged(tmp_path / "reports")
    done = rebalance(*TRADES, undecided, "--home", tmp_path)
    assert (done.status, done.out) == (2, "")
    assert f"Name one, or run: rebalance report {undecided}" in done.err


def test_verify_ends_with_one_where_a_run_was_changed(undecided: Path, tmp_path: Path) -> None:
    portfolio = load_portfolio(undecided)
    run = run_for("report", portfolio, {})
    folder = tmp_path / run.name
    folder.mkdir()
    (folder / "trades.csv").write_text("side,asset\n")
    write_json(folder / MANIFEST, run.manifest())
    sign(folder, datetime.now(UTC))
    done = rebalance("runs", "show", folder, "--verify")
    assert done.status == 0
    assert done.out.startswith(f"{run.name}: 1 file unchanged; made on ")
    (folder / "trades.csv").write_text("side,asset\nbuy,SPY\n")
    done = rebalance("runs", "show", folder, "--verify")
    assert done.status == 1
    assert "  trades.csv has another content." in done.out
    done = rebalance("runs", "show", tmp_path / "nowhere", "--verify")
    assert done.status == 2
    assert "no run is called 'nowhere', or begins so, in " in done.err
