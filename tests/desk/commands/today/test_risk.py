"""`rebalance risk`: a run made whole or not at all, its page, its numbers, and sentences for bad input."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import Elements, check_page
from commanded import rebalance
from jsonschema import Draft202012Validator
from matplotlib.image import imread

from backtests.runs.verify import verify
from backtests.sheets.pages.risk_sheet import RISK_SCHEMA
from desk.commands.finished_run import show_text
from desk.commands.past_runs import WantedRuns, runs_text
from desk.commands.print_page import write_pngs
from desk.commands.replay import replay_run
from desk.commands.today import risk as command
from desk.commands.today.risk import make_risk
from foundation.errors import ConfigError, DataError

ROOT = Path(__file__).parents[4]
SIXTY_FORTY = ROOT / "data/portfolios/sixty_forty.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    return make_risk(SIXTY_FORTY, tmp_path_factory.mktemp("reports"), paths=500)


def test_the_run_is_whole_and_listed(made):
    names = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    pictures = {f"figures/{name}.{form}" for name in ("contributions", "fan") for form in ("csv", "svg")}
    assert names == {"risk.html", "risk.json", "drift.csv", "summary.txt", "manifest.json"} | pictures
    assert not verify(made.folder).changed
    assert "risk" in runs_text(made.folder.parent, WantedRuns(where=["kind=risk"]))
    assert "risk.html" in show_text(made.folder)


def test_its_pictures_are_drawn_as_png_only_when_asked_for_and_outside_the_run(made, tmp_path):
    slides = tmp_path / "slides" / "risk"
    done = rebalance("runs", "show", made.folder, "--png", slides)
    assert done.status == 0
    assert done.out.endswith(f"Drawn into {slides}: 2 PNG files.\n")
    assert sorted(path.name for path in slides.iterdir()) == ["contributions.png", "fan.png"]
    for path in slides.iterdir():
        svg = (made.folder / "figures" / f"{path.stem}.svg").read_text(encoding="utf-8")
        width, height = map(float, re.findall(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)[0])
        dots = imread(path)
        assert dots.shape == (round(2 * height), round(2 * width), 3)
        assert np.mean((dots != dots[0, 0]).any(axis=2)) > 0.01, "something is drawn"
    within = rebalance("runs", "show", made.folder, "--png", made.folder / "figures")
    assert within.status == 2
    assert "give a folder outside the run" in within.said
    assert not list(made.folder.rglob("*.png"))
    assert not verify(made.folder).changed


def test_no_picture_of_a_changed_run_is_drawn(made, tmp_path):
    changed = shutil.copytree(made.folder, tmp_path / made.folder.name)
    with (changed / "figures" / "fan.svg").open("a") as opened:
        opened.write(" ")
    with pytest.raises(DataError, match="was changed after it was made, so no picture was drawn"):
        write_pngs(changed, tmp_path / "slides")
    assert not (tmp_path / "slides").exists()


def test_the_text_says_loss_drift_source_and_future(made):
    for words in ("In one day of twenty", "No asset is outside its range", "SPY (9", "In 500 futures of a year"):
        assert words in made.text
    assert "days ago: this is the risk of that day." in made.text


def test_the_numbers_obey_their_schema(made):
    schema = json.loads((ROOT / f"docs/schemas/risk-{RISK_SCHEMA}.json").read_text(encoding="utf-8"))
    numbers = json.loads((made.folder / "risk.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(numbers)] == []
    assert set(numbers) == set(schema["properties"]) == set(schema["required"])
    total = sum(line["contribution"] for line in numbers["lines"])
    assert total == pytest.approx(numbers["volatility"], abs=1e-12)
    assert sum(row["risk_share"] for row in numbers["classes"]) == pytest.approx(1.0, abs=1e-12)


def test_the_page_is_one_file_without_an_address(made):
    page = (made.folder / "risk.html").read_text(encoding="utf-8")
    elements = Elements(page)
    assert not elements.open
    assert not elements.crossed
    assert not [a for _, a in elements.found if (a.get("href") or "").startswith("http") or "src" in a]
    assert [a["id"] for tag, a in elements.found if tag == "section" and "id" in a] == [
        "drift", "exposure", "losses", "stress", "from_today",
    ]  # fmt: skip
    assert "nan" not in page.replace("nance", "")
    assert len(page) < 400_000
    check_page(page, drawn=20)


def test_a_run_is_made_again_to_the_byte(made):
    found = replay_run(made.folder)
    assert found.same
    assert "same bytes" in found.text.lower()


def test_nothing_is_left_of_a_run_that_fails(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "write_risk_sheet", fail)
    with pytest.raises((OSError, ConfigError, DataError)):
        make_risk(SIXTY_FORTY, tmp_path, paths=500)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def written(folder: Path, **changes: str) -> Path:
    text = SIXTY_FORTY.read_text(encoding="utf-8")
    for old, new in changes.items():
        key = old.replace("_date", "")
        line = next(line for line in text.splitlines() if line.startswith(f"{key}:"))
        text = text.replace(line, f"{key}: {new}")
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_holdings_newer_than_the_data_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="lies after the last close of the market"):
        make_risk(written(tmp_path, last_trade="2023-01-05"), tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_policy_that_must_be_fitted_first_is_left_out_and_named(tmp_path):
    found = make_risk(written(tmp_path, policy="tuned"), tmp_path / "reports", paths=500)
    assert "The active policy tuned must be fitted first" in found.text
    numbers = json.loads((found.folder / "risk.json").read_text(encoding="utf-8"))
    assert numbers["from_today"]["policies"] == ["never"]


def test_a_number_of_futures_out_of_range_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="paths are 1"):
        make_risk(SIXTY_FORTY, tmp_path, paths=1)
