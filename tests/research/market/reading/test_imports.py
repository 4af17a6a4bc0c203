"""A store imported from a folder: what an update takes of it, and what it refuses, file by file."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

from foundation.errors import ConfigError, DataError
from research.market.reading.imports import IMPORTED, import_tables, origin_of, update_tables
from research.market.store import ABOUT_FILE, PriceStore

NOW = np.datetime64("2022-12-30T12:00:00", "us")
HOUR = np.timedelta64(1, "h")
RAW = {"adjustment": "raw"}
FIRST, SECOND = "Date,SPY\n2022-12-27,381.4\n2022-12-28,376.66\n", "Date,SPY\n2022-12-29,383.44\n"


class Folder:
    """A folder that a vendor drops tables into, and the store that was imported from it."""

    def __init__(self, place: Path) -> None:
        self.path, self.store, self.now = place / "drops", PriceStore(place / "store", "mine"), NOW
        self.path.mkdir()
        self.drop("a.csv", FIRST)
        import_tables(self.store, self.path, NOW, RAW)

    def drop(self, name: str, content: str | bytes) -> Path:
        file = self.path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def update(self, dry_run: bool = False) -> tuple[str, bool]:
        origin = origin_of(self.store)
        assert origin is not None
        self.now = self.now + HOUR
        return update_tables(self.store, origin, self.now, dry_run=dry_run)

    def closes(self, asset: str = "SPY") -> list[float]:
        return list(self.store.read([asset]).numbers["close"])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_an_update_reads_what_is_new_and_no_more(folder: Folder) -> None:
    assert folder.update() == (f"mine: 0 rows new or changed, from 0 files of {folder.path} (1 more as before).", True)
    folder.drop("b.csv", SECOND)
    text, whole = folder.update(dry_run=True)
    assert (text, whole) == (f"mine: 1 file of {folder.path} (1 more as before) would be read.\n- b.csv", True)
    assert folder.closes() == [381.4, 376.66]
    text, whole = folder.update()
    assert text == f"mine: 1 row new or changed, from 1 file of {folder.path} (1 more as before)."
    assert folder.closes() == [381.4, 376.66, 383.44]


def test_a_changed_table_is_a_revision(folder: Folder) -> None:
    folder.drop("a.csv", FIRST.replace("376.66", "377"))
    text, _ = folder.update()
    assert text.splitlines()[1:] == ["1 number of the past changed:", "- SPY on 2022-12-28: close 376.66, now 377"]
    assert folder.closes() == [381.4, 377.0]


def test_of_two_tables_with_one_session_the_later_name_counts(folder: Folder) -> None:
    folder.drop("2022-12-29.csv", SECOND)
    folder.drop("2022-12-30.csv", SECOND.replace("383.44", "384"))
    folder.update()
    assert folder.closes()[-1] == 384.0
    other = PriceStore(folder.store.folder.parent / "other", "other")
    import_tables(other, folder.path, NOW, RAW)
    assert list(other.read(["SPY"]).numbers["close"]) == [381.4, 376.66, 384.0]


def test_a_new_asset_and_a_table_that_is_gone_are_told_once(folder: Folder) -> None:
    folder.drop("b.csv", "Date,QQQ\n2022-12-29,266\n")
    (folder.path / "a.csv").unlink()
    text, whole = folder.update()
    assert text.splitlines()[1:] == ["new assets:", "- QQQ", "gone, while their rows stay in the store:", "- a.csv"]
    assert whole
    assert folder.closes() == [381.4, 376.66]
    assert folder.update()[0] == f"mine: 0 rows new or changed, from 0 files of {folder.path} (1 more as before)."


FAULTS: dict[str, tuple[str, str | bytes, str]] = {  # the faults of the other providers, where files have them
    "empty": ("b.csv", "", r"b\.csv is empty"),
    "cut within a number": ("b.csv", "Date,SPY\n2022-12-29,38", r"b\.csv ends within a line, and may be cut off"),
    "cut archive": ("b.csv.gz", gzip.compress(SECOND.encode() * 99)[:-20], r"b\.csv\.gz cannot be read"),
    "cut frame": ("b.parquet", b"PAR1" + b"\0" * 40, r"b\.parquet cannot be read as \.parquet"),
    "type": ("b.csv", "%PDF-1.7\n", r"b\.csv is a workbook or a PDF"),
    "HTML": ("b.csv", "<!DOCTYPE html>\n<html><body>Will be right back</body></html>\n", r"b\.csv"),
    "notice": ("b.csv", "Exceeded the daily hits limit\n", r"b\.csv"),
    "another adjustment": ("b.csv", "Date,Adj Close\n2022-12-29,1\n", "adjustment is 'raw', and b.csv has only Adj"),
    "another currency": ("b.csv", "Date,SPY (EUR)\n2022-12-29,383.44\n", "SPY is in EUR in b.csv, and in no currency"),
    "ahead": ("b.csv", "Date,SPY\n2023-12-29,383.44\n", r"b\.csv has a price of SPY on 2023-12-29, which lies ahead"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_table_is_named_and_hides_no_other(folder: Folder, fault: str) -> None:
    name, content, words = FAULTS[fault]
    folder.drop(name, content)
    folder.drop("c.csv", SECOND)
    text, whole = folder.update()
    assert not whole
    head, sentence = text.splitlines()[1:]
    assert head == "refused, and nothing of them taken:"
    assert re.search(words, sentence)
    assert folder.closes() == [381.4, 376.66, 383.44]
    (folder.path / name).unlink()
    folder.drop("b.csv", "Date,SPY\n2022-12-30,384\n")
    assert folder.update()[1]
    assert folder.closes() == [381.4, 376.66, 383.44, 384.0]


def test_files_that_are_no_tables_are_named_and_fail_nothing(folder: Folder) -> None:
    for name in ("readme.txt", "README", "terms.pdf", "notes.md", ".hidden.csv", "~$a.xlsx"):
        folder.drop(name, "For each ticker, a close.\n")
    folder.drop("b.csv", SECOND)
    text, whole = folder.update()
    assert whole
    left_out = ["left out, since they are no tables:", "- README", "- notes.md", "- readme.txt", "- terms.pdf"]
    assert text.splitlines()[1:] == left_out
    assert folder.closes() == [381.4, 376.66, 383.44]
    other = PriceStore(folder.store.folder.parent / "other", "other")
    assert import_tables(other, folder.path, NOW, RAW)[-1].splitlines() == left_out


def test_a_refused_table_is_read_again_and_nothing_of_it_was_taken(folder: Folder) -> None:
    bad = folder.drop("b.csv", SECOND + "2022-12-30,x\n")
    for _ in range(2):
        text, whole = folder.update()
        assert (whole, "b.csv, row 3, column 'SPY'" in text) == (False, True)
        assert folder.closes() == [381.4, 376.66]
    bad.write_text(SECOND)
    assert folder.update()[1]


def test_a_place_that_is_gone_or_empty_says_what_to_do(folder: Folder) -> None:
    (folder.path / "a.csv").unlink()
    folder.drop(".hidden", "")
    with pytest.raises(DataError, match=r"drops has no tables\. Name a table, or a folder"):
        folder.update()
    moved = folder.path.rename(folder.path.with_name("moved"))
    with pytest.raises(DataError, match=r"drops, from which store 'mine' was imported, is not there\. Put it back, or"):
        folder.update()
    (moved / "a.csv").write_text(FIRST)
    import_tables(folder.store, moved, NOW + HOUR, RAW)
    assert "0 files of" in folder.update()[0]


def test_a_relative_path_is_found_from_any_folder(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path.parent)
    import_tables(folder.store, Path("drops"), NOW + HOUR, RAW)
    monkeypatch.chdir("/")
    assert folder.update()[1]


def test_an_import_that_was_killed_is_continued_by_an_update(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.drop("b.csv", SECOND)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PriceStore, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.update()
    assert folder.update() == (f"mine: 1 row new or changed, from 1 file of {folder.path} (1 more as before).", True)


@pytest.mark.parametrize("fact", [[], {"path": 3}, {"path": "a", "options": 1, "read": {}}, "x"])
def test_a_damaged_origin_is_refused(folder: Folder, fact: object) -> None:
    (folder.store.folder / ABOUT_FILE).write_text(json.dumps(folder.store.about | {IMPORTED: fact}))
    with pytest.raises(DataError, match=r"store\.json: `imported` is .*, no origin\. Import the tables anew"):
        folder.update()


def test_a_table_of_adjusted_closes_must_have_the_days_of_the_tables_before_it(tmp_path: Path) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    (folder / "a.csv").write_text(FIRST)
    (folder / "b.csv").write_text("Date,SPY\n2022-12-28,375\n2022-12-29,381\n")
    store = PriceStore(tmp_path / "store", "mine")
    with pytest.raises(ConfigError, match=r"the close of SPY on 2022-12-28 is 375 in b\.csv and 376\.66 in store"):
        import_tables(store, folder, NOW, {"adjustment": "total"})
    assert not store.parts
