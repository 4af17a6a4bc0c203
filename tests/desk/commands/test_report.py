"""The main job as a user runs it: the command line, a real kernel, real files; and what happens when it is killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pandas as pd
import pytest
import yaml
from commanded import FILE as SMALL
from commanded import ROOT, TRADES, Done, rebalance

from backtests.comparison import compare
from backtests.runs.notebook import COMPARING
from backtests.runs.parameters import injected
from backtests.runs.report_settings import is_told_by_settings
from backtests.runs.verify import kept_run
from desk.commands import report
from desk.commands.batch.plan import Job
from desk.commands.batch.run import found_run
from desk.commands.made import Made, run_for
from desk.commands.report import TOUR, ask_report, make_report, parquet, publish, tour_text, trades_of
from foundation.errors import ConfigError, DataError
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.portfolio.holdings.blotter import Blotter

FILE = ROOT / "data" / "portfolios" / "global_multi_asset.yaml"
REBALANCE = [str(Path(sys.executable).parent / "rebalance")]
QUICK = ["-p", "rl_steps=4096", "-p", "rl_seeds=1", "-p", "draws=200", "-p", "tracking_penalty=6"]
GIVEN = ("reference=tuned", "benchmark=SPY")  # of the report that is killed: neither decides what is recommended
CARD = "policies/rl/card.html"
SHOWN = ["tearsheet.html", "tearsheet.json", "trades.csv", "trades.json", "results.parquet", "compare_policies.ipynb"]


class Resumed(NamedTuple):
    """A report that was killed and made again by a batch: its file, what another said meanwhile, what was left.

    temporary : what stands in the system's folder for temporary files after the killed one, and after the other.
    """

    file: Path
    reports: Path
    meanwhile: Done
    left: list[str]
    again: Done
    temporary: tuple[set[str], set[str]]


def few(folder: Path, *names: str, of: Path = FILE) -> Path:
    """A portfolio with some of its candidates only, and a test of two years."""
    content = yaml.safe_load(of.read_text())
    content["policies"] = {name: content["policies"][name] for name in names}
    content |= {"test_start": "2021-01-04", "day_cost": 0}  # bands are narrow, and keep the ranges
    content.pop("policy", None)  # trades follow what is recommended
    if content.get("reference") not in names:
        content.pop("reference", None)
    file = folder / "desk.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one whole run of the main portfolio, made as a user makes it: by the command's own process."""
    folder = tmp_path_factory.mktemp("home") / "reports"
    file = few(folder.parent, "never", "quarterly", "tuned", "rl")
    words = [*REBALANCE, "report", str(file), *QUICK, "--retrain", "--home", str(folder.parent)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder.with_name("stderr.txt").write_text(done.stderr)
    return folder


def run_in(reports: Path, kind: str = "report") -> Path:
    """The one run of a kind."""
    (found,) = [p for p in reports.glob("*/manifest.json") if json.loads(p.read_text())["kind"] == kind]
    return found.parent


def test_a_report_is_one_whole_folder_and_nothing_besides(reports: Path) -> None:
    run = run_in(reports)
    assert not [p.name for p in reports.iterdir() if p.name.startswith(".")]
    assert not [p.name for p in run.iterdir() if p.name.startswith(".")]
    assert set(SHOWN) <= {p.name for p in run.iterdir()}
    assert run.name.startswith("desk-2022-12-29-")


def test_a_run_that_is_there_is_not_made_again_and_a_tour_says_what_to_look_at(reports: Path, tmp_path: Path) -> None:
    run = run_in(reports)
    before = (run / "manifest.json").stat().st_ino
    again = rebalance("report", reports.parent / "desk.yaml", *QUICK, "--home", reports.parent)
    assert again.out.startswith((run / "summary.txt").read_text())
    assert "Nothing was made: this run is there. --retrain makes it again." in again.out
    assert again.out.rstrip().endswith(str(run))
    assert (run / "manifest.json").stat().st_ino == before
    other = tmp_path / run.name
    assert kept_run(other) is None
    shutil.copytree(run, other)
    assert kept_run(other) is not None
    (other / "tearsheet.json").write_text("{}")
    assert kept_run(other) is None
    (other / "manifest.json").write_text("{}")
    assert kept_run(other) is None
    renamed = tmp_path / "desk-2022-12-29-00000000"
    shutil.copytree(run, renamed)
    assert kept_run(renamed) is None
    text = tour_text(run)
    summary = (run / "summary.txt").read_text()
    (verdict,) = re.findall(r"^(?:Keep|Use) .+$", summary, re.MULTILINE)
    assert f"\n{verdict}\n" in text
    assert "\na year " in text
    assert json.loads((run / "tearsheet.json").read_text())["trades"]["headline"] in " ".join(text.split())
    assert f"\n  {run / 'tearsheet.html'}\n" in text
    assert "\n  rebalance new my.yaml " in text


def test_a_run_that_its_name_does_not_tell_is_made_again(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a run holds the names of files of prices, rates and NAV, and not what stands in them."""
    plain = load_portfolio(SMALL)
    assert is_told_by_settings(plain)
    for key in ("prices", "fx", "fx_today", "nav_history"):
        assert not is_told_by_settings(replace(plain, settings={**plain.settings, key: "table.csv"}))
    for stress, told in (({"file": "stress.yaml"}, False), ({"shocks": {"fall": {"SPY": -0.2}}}, True)):
        assert is_told_by_settings(replace(plain, settings={**plain.settings, "stress": stress})) is told
    assert is_told_by_settings(replace(plain, settings={**plain.settings, "fx": {"EURUSD": 1.06}}))
    assert not is_told_by_settings(replace(plain, trust_code=True))
    assert not is_told_by_settings(replace(plain, blotter=Blotter()))
    given = [reports.parent / "desk.yaml", [word for word in QUICK if "=" in word], reports]
    assert make_report(*given).text.startswith((run_in(reports) / "summary.txt").read_text())
    monkeypatch.setattr(report, "is_told_by_settings", lambda _: False)
    monkeypatch.setattr(report, "made_report", lambda *_: Made(tmp_path, "made again"))
    assert make_report(*given).text == "made again"


def test_a_tour_has_all_that_it_needs() -> None:
    """Its market is one of the workbench: neither a source nor a key is asked."""
    content = yaml.safe_load(TOUR.read_text())
    assert isinstance(content["market"], str)
    assert (len(content["lines"]), len(content["policies"])) == (2, 6)  # as it says
    assert {"policy", "cash"} <= set(content)


def test_without_a_recommendation_nothing_is_bought_from_cash_and_the_list_says_why(few_simulated_tests: None) -> None:
    """The first list of any policy buys the target; here no policy keeps the limit."""
    keys = {"cash": 1_000_000, "limits.tracking_error": 1e-5, "last_trade": None}
    keys |= {f"lines.{asset}.shares": 0 for asset in ("SPY", "AGG")}
    portfolio = load_portfolio(TOUR, keys)
    assert portfolio.unopened
    comparison = compare(portfolio, only=["quarterly", "never"], draws=100)
    listed = trades_of(comparison)
    assert comparison.recommendation.policy is None
    assert "The file's active policy is threshold; no trades are listed." in comparison.warnings
    assert (len(listed.orders), listed.headline) == (0, "No trade: no policy is recommended.")
    hypothetical = sorted(reason.partition(";")[0] for reason in listed.would_trade["reason"])
    assert hypothetical == [f"{gap}.00 points under target: to its target" for gap in (40, 60)]
    assert trade_list(portfolio, portfolio.policies["never"]).reason == "first purchase from cash"


def test_a_notebook_that_names_its_run_itself_is_told_who_does_and_the_name(tmp_path: Path) -> None:
    made: Any = SimpleNamespace(portfolio=load_portfolio(SMALL), settings={"draws": 200})
    name = run_for("report", made.portfolio, made.settings).name
    said = rf"`run` is mine, and this run is called {name}, .* Leave it empty in a notebook of your own"
    with pytest.raises(DataError, match=said):
        publish(made, made, str(tmp_path / "mine"))


def test_a_report_into_a_log_file_says_how_far_it_is(reports: Path) -> None:
    """What its notebook does is said too, which is played in a process of its own."""
    said = reports.with_name("stderr.txt").read_text()
    assert re.search(r"^\d\d:\d\d:\d\d fitting \w+ \(\d+ %\), \d+ s$", said, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d training \(\d+ %\), \d+ s$", said, re.MULTILINE)


def test_the_manifest_says_what_the_run_was_made_from(reports: Path) -> None:
    run = run_in(reports)
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["run"] == run.name
    assert manifest["settings"]["rl_steps"] == 4096
    assert manifest["settings"]["draws"] == 200
    assert manifest["trials"] == 2 + 40 + 1 + 3  # as the file gives them, tuned candidates, one seed, its schedules
    assert manifest["seeds"] == {"rl": [1]}
    assert manifest["cards"] == {"rl": CARD}
    assert len(manifest["fingerprint"]) == 64
    assert {"numpy", "torch", "scipy"} <= set(manifest["versions"])
    assert set(manifest["times"]) == {"started", "ended", "seconds"}


def test_a_penalty_that_is_given_is_in_place_of_the_files_and_names_another_run(reports: Path) -> None:
    file, run = reports.parent / "desk.yaml", run_in(reports)
    assert json.loads((run / "manifest.json").read_text())["settings"]["portfolio"]["tracking_penalty"] == 6.0
    assert injected(run / "compare_policies.ipynb")["tracking_penalty"] == 6.0
    asked = [word for word in QUICK if "=" in word]
    assert ask_report(file, asked, reports).final == run
    assert ask_report(file, asked[:-1], reports).final != run
    with pytest.raises(ConfigError, match=r"tracking_penalty: out of bounds .*found -2"):
        ask_report(file, ["tracking_penalty=-2"])


def test_the_same_run_gives_the_same_bytes(reports: Path) -> None:
    """Trained anew, with all that is drawn and written of it."""
    run = run_in(reports)
    again = rebalance("runs", "replay", run, "--retrain")
    assert again.status == 0, again.out
    assert f"Made again. Same bytes in all {len(json.loads((run / 'manifest.json').read_text())['files'])} files" in (
        again.out
    )


def test_a_learned_policy_has_a_card_that_knows_the_test(reports: Path) -> None:
    run = run_in(reports)
    found = json.loads((run / "policies" / "rl" / "results.json").read_text())
    manifest, sheet = (json.loads((run / name).read_text()) for name in ("manifest.json", "tearsheet.json"))
    assert found["run"] == run.name
    assert found["test"]["fingerprint"] == manifest["fingerprint"]
    assert (found["test"]["first"], found["test"]["last"], found["test"]["days"]) == ("2021-01-04", "2022-12-29", 502)
    (seed,) = sheet["seeds"]
    assert found["seeds"]["1"]["loss"] == seed["loss"]
    assert f"{seed['loss']:.2f} bp a year" in (run / CARD).read_text()
    drift = {one["feature"]: one["distance"] for one in found["drift"]}
    assert drift["volatility regime"] > 0.2  # of returns alone, whatever was learned: other than before
    told = [warned.replace("rl, seed 1", "rl") for warned in found["warnings"]]
    assert [warned for warned in told if warned not in sheet["warnings"]] == []
    listed = rebalance("research", "policies", "--home", reports.parent)
    assert str(run / "policies" / "rl") in listed.out


def test_the_results_hold_every_policys_daily_path(reports: Path) -> None:
    results = pd.read_parquet(run_in(reports) / "results.parquet")
    days = results.groupby("policy").size()
    assert set(days) == {503}
    assert len(days) == 4
    one = results[results["policy"] == "quarterly"]
    weights = one[[c for c in one if c.startswith("weight_")]]
    assert (weights.sum(axis=1) - 1.0).abs().max() < 1e-12
    grown = (1.0 + one["net_return"].iloc[1:]).prod()
    assert grown == pytest.approx(one["nav"].iloc[-1] / one["nav"].iloc[0], rel=1e-12)


def test_the_results_are_kept_to_the_bit_in_less_room(reports: Path, tmp_path: Path) -> None:
    path = run_in(reports) / "results.parquet"
    results = pd.read_parquet(path)
    plain = tmp_path / "plain.parquet"
    results.to_parquet(plain, index=False)
    assert path.read_bytes() == parquet(results)
    pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(plain), check_exact=True)
    assert path.stat().st_size < 0.8 * plain.stat().st_size


def test_a_quick_look_steers_no_desk(reports: Path) -> None:
    quick = rebalance(*TRADES, reports.parent / "desk.yaml", "--home", reports.parent)
    assert quick.status == 2
    assert "no completed full run" in quick.err


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """A full report that is killed while its notebook is in the middle of its comparison, and made again by a batch."""
    folder = tmp_path_factory.mktemp("resumed")
    file, reports = few(folder, "never", "tuned", of=SMALL), folder / "reports"
    words = [str(file), *(word for one in GIVEN for word in ("-p", one)), "--home", str(reports.parent)]
    temporary = folder / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = subprocess.Popen([*REBALANCE, "report", *words], cwd=ROOT, start_new_session=True, env=environment, **quiet)
    while not list(reports.glob(".*.partial/.progress")):
        assert first.poll() is None
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGSTOP)  # so that it does not end before the second begins
    meanwhile = rebalance("report", *words)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    left, stale = [p.name for p in reports.iterdir()], {p.name for p in temporary.iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        patch.setenv("TMPDIR", str(temporary))
        again = rebalance("batch", *words)
    return Resumed(file, reports, meanwhile, left, again, (stale, {p.name for p in temporary.iterdir()}))


def test_a_killed_report_leaves_no_run_and_the_next_one_is_whole(resumed: Resumed) -> None:
    assert resumed.meanwhile.status == 2
    assert "being made by another process" in resumed.meanwhile.err
    assert [name for name in resumed.left if not name.startswith(".")] == []
    assert resumed.again.status == 0, resumed.again.err
    run = run_in(resumed.reports)
    assert json.loads((run / "manifest.json").read_text())["run"] == run.name
    assert [p.name for p in resumed.reports.iterdir() if p.name.startswith(".")] == []
    assert {name[:15] for name in resumed.temporary[0]} == {"rebalance-work-"}
    assert resumed.temporary[1] == set()


def test_a_run_of_a_batch_is_the_report_of_its_own_command_and_is_found_while_nobody_changes_it(
    resumed: Resumed, tmp_path: Path
) -> None:
    (row,) = pd.read_parquet(resumed.reports / "batch" / "batch.parquet").to_dict("records")
    run = ask_report(resumed.file, GIVEN, resumed.reports).final
    assert (row["status"], row["run"], run) == ("made", run.name, run_in(resumed.reports))
    sheet = json.loads((run / "tearsheet.json").read_text())
    assert row["verdict"] == sheet["recommendation"]["verdict"]["do"]
    assert row["tracking_error"] == sheet["figures"][row["policy"]]["tracking_error"]
    assert row["trades"] == sheet["trades"]["headline"]
    assert row["warnings"].splitlines() == sheet["warnings"]
    page = (resumed.reports / "batch" / "index.html").read_text()
    assert f"href=../{row['run']}/tearsheet.html>" in page
    assert f"{100 * row['growth']:.2f}".replace("-", "−") in page
    assert not re.search(r"https?:|src=|import\(|fetch|url\(", page)  # one file, which asks for no other
    job, copy = Job(resumed.file, GIVEN), Path(shutil.copytree(run, tmp_path / run.name))
    found = found_run(job, copy, COMPARING)
    assert found is not None
    assert (found.status, found.policy, found.growth) == ("found", row["policy"], row["growth"])
    (copy / "trades.csv").write_text("half")
    assert found_run(job, copy, COMPARING) is None


def test_todays_trades_follow_the_recommendation_of_the_full_run(resumed: Resumed) -> None:
    run = run_in(resumed.reports)
    assert json.loads((run / "tearsheet.json").read_text())["risk"]["tuned"]["benchmark"] == "SPY"
    assert json.loads((run / "manifest.json").read_text())["settings"]["reference"] == "tuned"
    assert "difference in loss J to tuned" in (run / "summary.txt").read_text()
    done = rebalance(*TRADES, resumed.file, "--home", resumed.reports.parent)
    assert done.status == 0, done.err
    assert "by policy 'tuned'" in done.out
    assert run.name in done.out
    orders, _, figures = done.out.strip().partition("\nBefore and after the orders")  # whose beta is to the benchmark
    summary = (run / "summary.txt").read_text()
    assert orders in summary
    assert summary.strip().endswith(figures[figures.index("\nCash ") :])


def test_the_trades_trace_back_to_policy_run_and_data(reports: Path) -> None:
    run = run_in(reports)
    manifest = json.loads((run / "manifest.json").read_text())
    ticket = json.loads((run / "trades.json").read_text())
    assert ticket["run"] == run.name
    assert ticket["data"] == manifest["fingerprint"]
    assert ticket["policy"] == manifest["recommendation"]["policy"]
    trades = pd.read_csv(run / "trades.csv")
    assert set(trades["list_id"]) <= {ticket["hash"][:16]}
    assert trades["client_order_id"].tolist() == [order["client_order_id"] for order in ticket["orders"]]


def unnamed(folder: Path) -> Path:
    """The main file without the policy of today."""
    file = folder / "desk.yaml"
    file.write_text(re.sub(r"(?m)^policy: .*$", "", FILE.read_text()))
    return file


def test_without_a_run_and_a_policy_trades_are_refused_and_the_command_is_named(tmp_path: Path) -> None:
    file = unnamed(tmp_path)
    done = rebalance(*TRADES, file, "--home", tmp_path)
    assert done.status == 2
    assert "there is no completed full run of the same file and data" in done.err
    assert f"rebalance report {file}" in done.err.replace("\n", " ")


def test_the_policy_in_force_needs_no_run(tmp_path: Path) -> None:
    file = FILE
    done = rebalance(*TRADES, file, "--home", tmp_path, "--out", tmp_path / "list.csv")
    assert done.status == 0, done.err
    assert "'quarterly'" in done.out
    assert pd.read_csv(tmp_path / "list.csv").loc[0, "side"] == "sell"


def test_one_policy_is_played_printed_and_kept(tmp_path: Path) -> None:
    done = rebalance("research", "backtest", FILE, "--policy", "tuned", "--home", tmp_path)
    assert done.status == 0, done.err
    run = run_in(tmp_path / "reports", "backtest")
    summary = json.loads((run / "summary.json").read_text())
    fitted = json.loads((run / "manifest.json").read_text())["fitted"]["tuned"]
    assert 0.0 < summary["loss"] < 5.0
    assert fitted["band"] > fitted["within"]
    assert run.name in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "nowhere.yaml"], "nowhere.yaml"),
        (["report", str(FILE), "-p", "rl_stesp=3"], "rl_stesp"),
        (["report", str(FILE), "-p", "draws=many"], "draws"),
        (["report", str(FILE), "-p", "run=x"], "set by the command itself"),
        (["report", str(FILE), "-p", "reference=quaterly"], "policy 'quaterly' is not among the candidates"),
        (["report", str(FILE), "-p", "benchmark=quaterly"], "benchmark: no benchmark"),
        (["research", "backtest", str(FILE), "--policy", "quaterly"], "'quaterly'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_nothing_is_left(tmp_path: Path, words: list[str], said: str) -> None:
    done = rebalance(*words, "--home", tmp_path)
    assert done.status == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_to_the_workbench_from_elsewhere_says_what_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.commands.report.make_report", lambda *_, **__: Made(ROOT / "reports" / "x", "Done."))
    monkeypatch.chdir(tmp_path)
    assert rebalance("report", FILE).out == "Done.\n"
    monkeypatch.delenv("REBALANCE_HOME")
    assert "`rebalance --home DIR report …` keeps runs in DIR." in rebalance("report", FILE).out
    monkeypatch.chdir(ROOT)
    assert rebalance("report", FILE).out == "Done.\n"
