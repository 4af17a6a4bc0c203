"""The page of performance is what the record of the benchmarks gives, below a short part that is written by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page, timing
from benchmarks.timing import Ratio

KEPT: dict[str, Any] = {"date": "2026-11-30", "machine": "2 cores", "versions": "python 3.11.7"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a page, in place of those where runs, record and page stand."""
    for module, name, file in ((timing, "FOLDER", "runs"), (page, "FOLDER", "runs"), (page, "RECORD", "record.json")):
        monkeypatch.setattr(module, name, tmp_path / file)
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(timing, "_shown", [])
    page.PAGE.write_text(f"# By hand\n\n{page.MARK}old figures")
    return tmp_path


def test_the_page_is_what_the_record_gives() -> None:
    text, record = page.PAGE.read_text(encoding="utf-8"), json.loads(page.RECORD.read_text(encoding="utf-8"))
    assert text == page.page(text, record, page.asked()), "run `python -m benchmarks.page`"


def test_what_is_written_by_hand_is_short() -> None:
    assert len(page.PAGE.read_text(encoding="utf-8").partition(page.MARK)[0].split()) <= 600


def test_the_tables_of_a_run_come_to_the_page_with_their_date_and_machine(folder: Path) -> None:
    timing.show("Tables | pipes", ("", "ms"), [("ours", "1.2")], ["5% more"])
    timing.show_ratios(
        [Ratio("call over loop", 3.14159, 3.0, "loop, 1 ms"), Ratio("peer over ours", 1234.0, 10.0, "", more=True)]
    )
    timing.keep("engine", {"versions": "python 3.11.7, bt 1.4.1"})
    page.main("engine")
    text, run = page.PAGE.read_text(), json.loads((folder / "runs" / "engine.json").read_text())
    assert text.startswith(f"# By hand\n\n{page.MARK}")
    assert "old figures" not in text
    assert "| call over loop | 3.14 | at most 3 | not met | loop, 1 ms | [engine](#engine) |" in text
    assert "| peer over ours | 1,234 | at least 10 | met |  | [engine](#engine) |" in text
    assert f"{run['date']}; {run['machine']}; python 3.11.7, bt 1.4.1." in text
    assert "**Tables \\| pipes**\n\n|  | ms |\n| --- | ---: |\n| ours | 1.2 |\n\n5 % more\n" in text


def test_a_table_is_kept_once_and_a_run_that_is_not_named_leaves_the_record(folder: Path) -> None:
    for name in ("engine", "tax"):
        timing.show(f"Table of {name}", ("",), [])
        timing.keep(name, {})
    page.main("tax")
    assert list(json.loads(page.RECORD.read_text())) == ["tax"]
    assert "Table of engine" not in page.PAGE.read_text()


def test_benchmarks_without_a_record_are_named_without_figures() -> None:
    text = page.page("", {"tax": {**KEPT, "tables": []}}, {"hrp": "Hierarchical risk parity.", "tax": "Taxes."})
    assert text.endswith(
        "## Not in this record\n\n| benchmark |  |\n| --- | ---: |\n| `hrp` | Hierarchical risk parity. |\n"
    )
    assert "## tax\n\nTaxes.\n\n2026-11-30; 2 cores; python 3.11.7.\n" in text
