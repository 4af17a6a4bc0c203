"""Runs that were made: listed, shown, compared and made again, each by its own command, on real files."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from commanded import rebalance

from backtests.runs import differences, folder
from backtests.runs.folder import MANIFEST, Run, write_json
from backtests.runs.manifest import checksum, sign
from backtests.runs.verify import verify
from backtests.sheets.pages.policy_catalog import policy_folders
from desk.commands.finished_run import note_run, run_notes, show_text
from desk.commands.past_runs import WantedRuns, runs_table, runs_text
from desk.commands.print_page import write_pngs
from desk.commands.replay import replay_run
from desk.commands.report import make_backtest
from desk.commands.run_differences import diff_text
from foundation.errors import ConfigError, DataError
from research.market import load_market

RULE = {"rule": "threshold", "band": 0.03}
CHANGED = "2021-03-10"  # the day of the one price that another desk has


def desk(place: Path, change: float = 0.0, **settings: object) -> Path:
    """The file of a portfolio on closes in a CSV file; one close may be changed."""
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    closes = pd.DataFrame(market.prices, market.dates, ["SPY", "AGG"])["2019-01-02":"2022-12-30"]
    closes.loc[CHANGED, "SPY"] += change
    place.mkdir(exist_ok=True)
    closes.round(6).to_csv(place / "closes.csv", index_label="date")
    lines = {
        name: {"asset_class": "all", "holdings": held, "target": 0.5, "range": [0.3, 0.7]}
        for name, held in (("SPY", 40_000.0), ("AGG", 40_000.0))
    }
    content = {
        "name": "Two funds", "market": "closes.csv", "basis": "USD", "cash": 0.0, "last_trade": "2022-12-01",
        "lines": lines, "costs": {"all": {"commission_bps": 1.0, "half_spread_bps": 1.0}},
        "limits": {"tracking_error": 0.02}, "test_start": "2020-01-02",
        "policies": {"quarterly": {"rule": "calendar", "schedule": "quarter"}, "band": RULE},
    }  # fmt: skip
    (place / "desk.yaml").write_text(yaml.safe_dump(content | settings))
    return place / "desk.yaml"


def signed(run: Run, reports: Path) -> Path:
    """The folder of a run without results."""
    place = reports / run.name
    place.mkdir()
    write_json(place / MANIFEST, run.manifest())
    sign(place, datetime.now(UTC))
    return place


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A portfolio file, and the runs of its two policies."""
    place = tmp_path_factory.mktemp("desk")
    file, reports = desk(place / "files"), place / "reports"
    band, quarterly = (make_backtest(file, name, reports).folder for name in ("band", "quarterly"))
    return file, band, quarterly


def column(name: str, reports: Path, wanted: WantedRuns) -> list[Any]:
    return [row[name] for row in runs_table(reports, wanted)[0]]


def test_a_stated_home_lists_its_own_runs_alone(
    made: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of `reports` in the current folder stand in the list where no home is stated."""
    monkeypatch.chdir(made[1].parents[1])
    monkeypatch.delenv("REBALANCE_HOME", raising=False)
    assert all(run.name in rebalance("runs").out for run in made[1:])
    stated = rebalance("runs", "--home", tmp_path / "NEW")
    assert (stated.status, stated.out) == (0, f"No finished run is in {tmp_path / 'NEW' / 'reports'}.\n")
    (place := made[2].parent / made[2].name / "policies" / "rl" / "seed-1").mkdir(parents=True)
    (place / "card.json").write_text("{}")
    try:
        assert place in policy_folders()
        monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "NEW"))
        assert place not in policy_folders()
    finally:
        (place / "card.json").unlink()


def test_runs_are_listed_and_filtered_from_their_manifests(made: tuple[Path, Path, Path]) -> None:
    reports = made[1].parent
    whole = runs_text(reports)
    assert [line.split()[0] for line in whole.splitlines()[2:]] == [made[2].name, made[1].name]  # the newest first
    assert "backtest" in whole
    assert runs_text(reports, WantedRuns(where=["kind=sweep"])) == f"No finished run is in {reports} that fits."
    assert len(runs_text(reports, WantedRuns("portfolio", ["portfolio=desk"])).splitlines()) == 4
    assert runs_text(reports, WantedRuns(where=["made>=2999-01-01"])).startswith("No finished run")
    wrong: list[dict[str, Any]] = [{"where": [each]} for each in ("kind=reprt", "made>=yesterday", "size<2", "loss<a")]
    for each in (*wrong, {"sort": "size"}):
        with pytest.raises(ConfigError):
            runs_text(reports, WantedRuns(**each))


def test_runs_are_sorted_and_chosen_by_their_figures(made: tuple[Path, Path, Path]) -> None:
    reports = made[1].parent
    figures = {run.name: json.loads((run / "summary.json").read_text())["loss"] for run in made[1:]}
    by_loss = sorted(figures, key=lambda name: figures[name])
    assert column("run", reports, WantedRuns(sort="loss")) == by_loss
    assert column("loss", reports, WantedRuns(sort="-loss")) == sorted(figures.values(), reverse=True)
    middle = sum(figures.values()) / 2.0
    assert column("run", reports, WantedRuns(where=[f"loss < {middle}"])) == by_loss[:1]
    assert column("run", reports, WantedRuns(where=["policy=band", "kind!=report"])) == [made[1].name]
    assert column("run", reports, WantedRuns(where=[f"loss J<{middle}"])) == by_loss[:1]
    error = {run.name: json.loads((run / "summary.json").read_text())["tracking_error"] for run in made[1:]}
    percent = 50.0 * sum(error.values())
    low = [name for name in error if 100.0 * error[name] < percent]
    assert column("run", reports, WantedRuns(where=[f"tracking_error<{percent}"])) == low
    with pytest.raises(ConfigError, match="tracking_error is a number, in % a year, as in the table"):
        runs_table(reports, WantedRuns(where=["tracking_error<low"]))
    (row,) = json.loads(runs_text(reports, WantedRuns(where=["policy=band"]), as_json=True))
    assert (row["policy"], row["loss"]) == ("band", pytest.approx(figures[made[1].name], rel=1e-9))


def test_a_note_stands_beside_a_run_that_stays_as_it_was(made: tuple[Path, Path, Path]) -> None:
    reports = made[1].parent
    assert note_run(made[1], "shown to the committee") == f"{made[1].name}: shown to the committee"
    assert column("note", reports, WantedRuns(where=["policy=band"])) == ["shown to the committee"]
    assert not verify(made[1]).changed
    note_run(made[1], "")
    assert run_notes(reports) == {}
    with pytest.raises(ConfigError, match="give one line"):
        note_run(made[1], "two\nlines")


def test_the_beginning_of_a_name_is_enough(made: tuple[Path, Path, Path]) -> None:
    reports, name = made[1].parent, made[1].name
    assert folder.found_at(reports / name[:-3]) == made[1]
    with pytest.raises(DataError, match=rf"no run is called 'disk', or begins so, in {reports}\. `rebalance runs`"):
        folder.found_at(reports / "disk")
    shown = rebalance("runs", "show", name[:-3], "--home", reports.parent)
    assert (shown.status, rebalance("runs", "show", name, "--verify", "--home", reports.parent).status) == (0, 0)
    assert rebalance("runs", "show", name, made[2].name, "--home", reports.parent).status == 0
    with pytest.raises(DataError, match=r"'desk' begins the names of 2 runs .* Give more of the name"):
        folder.found_at(reports / "desk")


def test_a_run_shows_again_what_it_printed(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    again = make_backtest(made[0], "band", tmp_path)
    assert show_text(made[1]) == (again.folder / "summary.txt").read_text().rstrip()
    assert show_text(made[1]) in again.text
    (again.folder / "summary.txt").write_text("J is 0.\n")
    assert "was changed after it was made" in show_text(again.folder)
    with pytest.raises(DataError, match="is no run"):
        show_text(tmp_path)
    with pytest.raises(DataError, match="has no pictures"):
        write_pngs(made[1], tmp_path / "slides")


def test_a_run_is_made_again_to_the_byte(made: tuple[Path, Path, Path]) -> None:
    found = replay_run(made[1])
    assert found.same
    assert found.text == f"Made again. Same bytes in all 5 files: {made[1].name}."


def test_one_changed_price_is_named_by_fingerprint_and_by_the_first_day(
    made: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    other = desk(tmp_path / "files", change=0.01)
    found = replay_run(made[1], file=other)
    assert not found.same
    before, after = (
        json.loads((run / MANIFEST).read_text()) for run in (made[1], make_backtest(other, "band", tmp_path).folder)
    )
    assert f'fingerprint was "{before["fingerprint"]}" and is "{after["fingerprint"]}".' in " ".join(found.text.split())
    assert re.search(
        rf"band: first on {CHANGED} \(.*\): other prices: the same weights earned", " ".join(found.text.split())
    )
    assert "Settings:\n  the same." in found.text
    said = " ".join(found.text.split())
    assert re.search(rf"SPY has other returns on 2 days from {CHANGED} on \([−\d.]+ % and [−\d.]+ % there\)", said)
    assert "AGG has other returns" not in said


def test_a_change_of_data_below_the_threshold_is_not_told_and_lines_and_days_of_one_run_are(tmp_path: Path) -> None:
    def run(name: str, **columns: list[float]) -> Path:
        dates = pd.date_range("2020-01-01", periods=len(next(iter(columns.values()))))
        (tmp_path / name).mkdir()
        table = pd.DataFrame({"date": dates} | {f"return_{line}": values for line, values in columns.items()})
        table.to_parquet(tmp_path / name / "market.parquet", index=False)
        return tmp_path / name

    nan = float("nan")
    one = run("one", A=[0.0, 0.01, 0.02], B=[nan, 0.0, 0.1], C=[0.0] * 3)
    other = run("other", A=[0.0, 0.01 + 1e-7, 0.02, 0.0], B=[nan, nan, 0.3, 0.0])
    assert list(differences._data(one, other)) == [
        "only the first has C",
        "only the second has 1 day, 2020-01-04",
        "B has other returns on 2 days from 2020-01-02 on (0.0000 % and none there), the most on "
        "2020-01-02 (0.0000 % and none)",
    ]
    assert list(differences._data(one, tmp_path)) == []  # a run of before keeps no returns


def test_differences_begin_with_settings_and_end_with_files(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    costlier = desk(tmp_path / "files", costs={"all": {"commission_bps": 9.0, "half_spread_bps": 1.0}})
    found = diff_text(made[1], make_backtest(costlier, "band", tmp_path).folder)
    assert "portfolio.costs.all.commission_bps was 1.0 and is 9.0." in found
    assert "Data:\n  the same." in found
    cost = next(line for line in found.splitlines() if line.startswith("band") and " cost " in line)
    one, other, difference = map(float, re.findall(r"[+−]?[\d.]+", cost)[:3])
    assert other == pytest.approx(5.0 * one, rel=0.02)  # 2 and 10 bp a side
    assert difference == pytest.approx(other - one, abs=0.011)
    assert "band: first on 2019-12-31 (79,984.00 and 79,920.08): another opening NAV, or another opening trade" in (
        " ".join(found.split())
    )
    assert "Only in the first run: band." in diff_text(made[1], made[2])
    assert diff_text(made[1], made[1]) == f"Same bytes in all 5 files: {made[1].name}."


def test_runs_of_other_days_say_so(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    later = make_backtest(desk(tmp_path / "files", test_start="2020-07-01"), "band", tmp_path).folder
    assert "band: other tests: 2019-12-31 to 2022-12-30 (757 closes) and 2020-06-30 to 2022-12-30 (632 closes)" in (
        " ".join(diff_text(made[1], later).split())
    )


def test_files_are_compared_as_they_are(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    touched = Path(shutil.copytree(made[1], tmp_path / made[1].name))
    (touched / "booked.csv").write_text("x")
    assert "Files that differ: booked.csv." in diff_text(made[1], touched)


def test_damaged_results_are_named(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    for name in ("results.parquet", "summary.json"):
        touched = Path(shutil.copytree(made[1], tmp_path / name / made[1].name))
        (touched / name).write_text("garbage")
        with pytest.raises(DataError, match=rf"{name} cannot be read: .* Make the run again"):
            diff_text(made[1], touched)


def test_a_run_with_the_same_bytes_by_other_code_is_the_same(
    made: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "code_version", lambda: "0123456789ab")
    found = replay_run(made[1])
    assert found.same
    assert found.text.startswith("Made again: same bytes in all 5 files, although not all is as it was.")
    assert 'and is "0123456789ab".' in found.text


def test_what_cannot_be_made_again_is_refused(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    other = desk(tmp_path / "files", tracking_penalty=3.0)
    with pytest.raises(ConfigError, match=r"tracking_penalty \(5.0 in the run, 3.0 in the file\).*Restore the file"):
        replay_run(made[1], file=other)
    touched = Path(shutil.copytree(made[1], tmp_path / made[1].name))
    (touched / "booked.csv").write_text("")
    with pytest.raises(DataError, match=r"booked.csv has another content.*\n?.*Only an unchanged run"):
        replay_run(touched)
    lost = Path(shutil.copytree(made[1], tmp_path / "lost" / made[1].name))
    manifest = json.loads((lost / MANIFEST).read_text()) | {"file": "nowhere.yaml"}
    write_json(lost / MANIFEST, manifest | {"sha256": checksum(manifest)})
    with pytest.raises(ConfigError, match=r"was made from nowhere\.yaml, which is not there. Give the file"):
        replay_run(lost)
    with pytest.raises(
        ConfigError, match="is a laboratory: report, backtest, risk, plan, allocate and forecast are the kinds"
    ):
        replay_run(signed(Run("laboratory", "laboratory", "seed-1", {}, "f" * 64), tmp_path))
