"""The sweep of a file as a user runs it: the command line, real files; and what happens when it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from commanded import ROOT, Done, rebalance

from backtests.comparison import compare
from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from backtests.evaluation.scores import score
from research.portfolio import load_portfolio

pytestmark = pytest.mark.usefixtures("few_simulated_tests")

REBALANCE = [sys.executable, "-c", "from desk.cli import main; main()"]
PORTFOLIO = ROOT / "data" / "portfolios" / "global_multi_asset.yaml"
SMALL = f"""
portfolio: {PORTFOLIO}
rules: {{calendar: {{schedule: [month, quarter]}}, threshold: {{band: 0.02, to: [target, edge]}}}}
allocations: {{strategic: , hrp: {{window: 252}}}}
cost_multiples: [1, 3]
keep: {{best: 1, configurations: [0]}}
"""
LARGE = f"""
portfolio: {PORTFOLIO}
rules: {{threshold: {{band: [{", ".join(str(k / 10_000) for k in range(50, 550))}], to: [0, 0.25, 0.5, 0.75, 1]}}}}
cost_multiples: [1, 2]
"""


def sweep_of(*words: object) -> Done:
    return rebalance("research", "sweep", *words)


def written(folder: Path, text: str) -> Path:
    file = folder / "bands.yaml"
    file.write_text(text)
    return file


def run_in(reports: Path) -> Path:
    (found,) = [path for path in reports.iterdir() if not path.name.startswith(".")]
    return found


def files_of(run: Path) -> dict[str, bytes]:
    """Every file of a run but its manifest, which has times."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one whole sweep of 16 configurations."""
    folder = tmp_path_factory.mktemp("home") / "reports"
    done = sweep_of(written(folder.parent, SMALL), "--home", folder.parent)
    assert done.status == 0, done.err
    return folder


def test_a_sweep_is_one_whole_folder_and_nothing_besides(reports: Path) -> None:
    assert [p.name for p in reports.iterdir()] == [run_in(reports).name]
    assert run_in(reports).name.startswith("bands-2022-12-29-")
    assert {p.name for p in run_in(reports).iterdir()} == {
        "results.parquet", "paths.parquet", "summary.txt", "sweep.html", "figures", "manifest.json",
    }  # fmt: skip
    page = (run_in(reports) / "sweep.html").read_text()
    drawn = {path.stem for path in (run_in(reports) / "figures").iterdir()}
    assert page.count("<figure") == len(drawn) > 0
    assert len([*(run_in(reports) / "figures").iterdir()]) == 2 * len(drawn)  # CSV and SVG


def test_configurations_count_as_trials_in_the_manifest(reports: Path) -> None:
    manifest = json.loads((run_in(reports) / "manifest.json").read_text())
    market = load_portfolio(PORTFOLIO).market
    assert manifest["kind"] == "sweep"
    assert manifest["run"] == run_in(reports).name
    assert manifest["trials"] == 16
    assert manifest["target_paths"] == 2
    assert manifest["fingerprint"] == market.fingerprint
    assert manifest["data"] == {"global_multi_asset": market.fingerprint}
    assert manifest["settings"]["sweep"]["cost_multiples"] == [1, 3]
    assert set(manifest["times"]) == {"started", "ended", "seconds"}


def test_the_results_are_those_of_the_portfolios_own_backtests(reports: Path) -> None:
    """The file's `quarterly` and `threshold_edge` are configurations of the sweep; a wealth of 1 only scales them."""
    portfolio, table = load_portfolio(PORTFOLIO), pd.read_parquet(run_in(reports) / "results.parquet")
    rows = table[(table["allocation"] == "strategic") & (table["cost_multiple"] == 1.0)]
    for name, row in (("quarterly", rows["calendar"] == "quarter"), ("threshold_edge", rows["to"] == 1.0)):
        played = backtest_candidate(portfolio, portfolio.policies[name], name)
        figures = score(played, benchmark_of(portfolio, portfolio.market)).figures(played.dates)
        for metric in ("growth", "sharpe", "max_drawdown", "tracking_error", "loss", "turnover", "cost", "trades"):
            assert rows[row][metric].item() == pytest.approx(figures[metric], rel=1e-9), metric


def test_the_paths_are_those_of_the_kept(reports: Path) -> None:
    table, paths = (pd.read_parquet(run_in(reports) / f"{name}.parquet") for name in ("results", "paths"))
    last = paths.groupby("configuration")["nav"].last()
    assert set(last.index) == {0, int(table["loss"].idxmin())}
    assert last.to_dict() == table.loc[last.index, "nav"].to_dict()


def test_the_same_sweep_gives_the_same_bytes_with_any_workers(reports: Path) -> None:
    before = files_of(run_in(reports))
    done = sweep_of(reports.parent / "bands.yaml", "--home", reports.parent, "--workers", 2)
    assert done.status == 0, done.err
    assert files_of(run_in(reports)) == before


def test_the_summary_says_how_much_was_played_and_what_is_best(reports: Path) -> None:
    text = (run_in(reports) / "summary.txt").read_text()
    assert "16 configurations (8 policies, 2 cost levels),\n2 target paths for all of them" in text
    assert "16 trials" in text
    assert text.index("threshold 2 % to target") < text.index("every quarter")


def test_what_is_expected_of_a_configuration_is_what_a_report_says_of_its_policy(reports: Path) -> None:
    made = compare(load_portfolio(PORTFOLIO), only=["quarterly", "threshold_edge"], draws=100).recommendation
    expected = {name: one.loss / made.nav * 1e4 for name, one in made.candidates.items()}
    text = (run_in(reports) / "summary.txt").read_text()
    for name, row in (("quarterly", "every quarter  "), ("threshold_edge", "threshold 2 % to edge  ")):
        (line,) = [line for line in text.splitlines() if line.startswith(row)]
        assert f"{expected[name]:.2f}" in line.split()
    least = "threshold 2 % to target is expected to lose least, days and orders at"
    assert f"By this test and theory {least}" in text


SAMPLE = f"""
portfolio: {PORTFOLIO}
rules: {{calendar: {{schedule: [month, quarter]}}, threshold: {{band: {{from: 0.005, to: 0.1}}, to: [target, edge]}}}}
cost_multiples: {{from: 0.5, to: 5}}
lags: [0, 1]
sample: {{size: 32, seed: 1, kind: sobol}}
"""


def test_a_sample_of_costs_is_told_with_its_conditions_and_ranked_neither_here_nor_on_the_page(tmp_path: Path) -> None:
    done = sweep_of(written(tmp_path, SAMPLE), "--home", tmp_path)
    assert done.status == 0, done.err
    text = (run_in(tmp_path / "reports") / "summary.txt").read_text()
    assert "No ranking on global_multi_asset" in text
    (head,) = [line.split() for line in text.splitlines() if "configuration  " in line]
    assert head[:4] == ["configuration", "costs", "lag", "start"]
    page = (run_in(tmp_path / "reports") / "sweep.html").read_text()
    assert "no common conditions" in page
    assert "has the lowest rebalancing loss J" not in page


def test_summary_and_page_name_the_same_winner_at_the_portfolios_own_conditions(reports: Path) -> None:
    text, page = ((run_in(reports) / name).read_text() for name in ("summary.txt", "sweep.html"))
    assert "(costs × 1, lag 1, from 2015-01-01)" in text
    best = text[text.index("orders\n") :].splitlines()[2]
    assert best.startswith("threshold 2 % to target ")
    value = best.split()[6]
    assert f"2\u202f% band to target has the lowest rebalancing loss J: {value} bp a year, at today" in page


def test_a_page_that_cannot_be_drawn_costs_nothing_of_the_run(tmp_path: Path) -> None:
    """A table that no page can show: J of one row is not a number, as a defect of the future would leave it."""
    from backtests.runs.folder import Run
    from backtests.sweeps.file import read_sweep
    from backtests.sweeps.run import prepare, run_parts
    from backtests.sweeps.run_part import run_part
    from backtests.sweeps.table import rows
    from desk.commands import sweep as make

    asked = read_sweep(written(tmp_path, SMALL.replace("keep:", "# keep:")))
    made = prepare(asked.portfolios, asked.plan, asked.keep, asked.cvar95)
    parts = run_parts(made, made.plan.parts(), run_part, 1, "", progress=False)
    table = pd.concat([rows(made, part, figures).to_pandas() for part, figures in parts])
    table.assign(loss=table["loss"].where(table["configuration"] != 3)).to_parquet(tmp_path / make.RESULTS_FILE)
    said = make.publish_sweep(made, asked.keep, Run("sweep", "bands", "", {}, "0" * 64), tmp_path)
    assert "This sweep has no page: it could not be drawn (ConfigError: loss of configuration 3 is nan" in said
    assert {p.name for p in tmp_path.iterdir()} >= {"results.parquet", "summary.txt", "manifest.json"}
    assert not (tmp_path / "sweep.html").exists()
    assert not (tmp_path / "figures").exists()


def test_a_killed_sweep_goes_on_where_it_was_to_the_bit(tmp_path: Path) -> None:
    file, reports = written(tmp_path, LARGE), tmp_path / "reports"
    words = [*REBALANCE, "research", "sweep", str(file), "--home", str(reports.parent)]
    first = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    chunks = reports / ".bands.unfinished"
    while not list(chunks.glob("0*.parquet")):
        assert first.poll() is None
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    finished = sum(len(pd.read_parquet(path)) for path in chunks.glob("0*.parquet"))
    assert 0 < finished < 5_000
    assert [p.name for p in reports.iterdir()] == [".bands.unfinished"]
    again = sweep_of(file, "--home", reports.parent)
    assert again.status == 0, again.err
    assert f"{finished:,} of them were already finished, and did not run again" in again.out
    assert [p.name for p in reports.iterdir()] == [run_in(reports).name]
    whole = sweep_of(file, "--home", tmp_path / "other")
    assert "finished before" not in whole.out
    for name in ("results.parquet", "summary.txt"):
        assert (run_in(reports) / name).read_bytes() == (run_in(tmp_path / "other" / "reports") / name).read_bytes()


def test_an_unfinished_sweep_of_other_settings_is_refused_until_it_is_given_up(tmp_path: Path) -> None:
    file, reports = written(tmp_path, SMALL), tmp_path / "reports"
    chunks = reports / ".bands.unfinished"
    chunks.mkdir(parents=True)
    found = {"kind": "sweep", "code": "of yesterday", "settings": {"sweep": {"cost_multiples": [1, 2]}}}
    (chunks / "run.json").write_text(json.dumps(found))
    refused = sweep_of(file, "--home", reports.parent)
    assert refused.status == 2
    assert 'code was "of yesterday" and is' in refused.err
    assert "settings.sweep.cost_multiples was [1, 2] and is [1, 3]" in refused.err
    assert "Traceback" not in refused.err
    assert sweep_of(file, "--home", reports.parent, "--fresh").status == 0
    assert not chunks.exists()


def test_what_is_wrong_in_the_file_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    done = sweep_of(written(tmp_path, SMALL.replace("band:", "bnad:")), "--home", reports.parent)
    assert done.status == 2
    assert "rules.threshold.bnad: unknown key" in done.err
    assert list(reports.iterdir()) == []


def test_a_sweep_that_fails_before_its_first_chunk_leaves_nothing(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    resting = SMALL.replace("calendar: {schedule: [month, quarter]}, ", "").replace("band:", "cooldown: 9999, band:")
    done = sweep_of(written(tmp_path, resting), "--home", reports.parent)
    assert done.status == 2
    assert "cooldown of Threshold is 9999 sessions" in done.err
    assert list(reports.iterdir()) == []
