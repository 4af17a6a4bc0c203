"""Where a person's files are: in the stated folder, in the workbench for its own files, else beside the file."""

from pathlib import Path

import pytest

from foundation.files import ROOT
from foundation.home import HOME, STORES, TRIAL_BOOK, fix_folders, folder_for, home_folder


def test_what_is_made_from_a_file_is_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME)
    (tmp_path / "money").mkdir()
    monkeypatch.chdir(tmp_path)
    assert folder_for("reports", "money/mine.yaml") == tmp_path / "money" / "reports"
    assert folder_for("reports") == tmp_path / "reports"
    (tmp_path / "linked.yaml").symlink_to(ROOT / "data" / "portfolios" / "sixty_forty.yaml")
    assert folder_for("reports", "linked.yaml") == tmp_path / "reports"
    (tmp_path / "bench").symlink_to(ROOT)
    for own in (
        "data/portfolios/sixty_forty.yaml",
        "bench/data/portfolios/sixty_forty.yaml",
        ROOT / "data" / "no.yaml",
    ):
        assert folder_for("reports", own) == ROOT / "reports"  # the first is found from any folder
    monkeypatch.setenv(HOME, "home")
    for each in ("money/mine.yaml", "data/portfolios/sixty_forty.yaml", None):
        assert folder_for("reports", each) == tmp_path / "home" / "reports"


def test_stated_folders_stay_where_they_are_when_a_process_starts_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {HOME: "home", STORES: "../prices", TRIAL_BOOK: ""}.items():
        monkeypatch.setenv(name, value)
    fix_folders()
    monkeypatch.chdir("/")
    assert folder_for("reports") == tmp_path / "home" / "reports"


def test_a_stated_folder_may_begin_at_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(HOME, "~/desk")
    assert home_folder() == tmp_path / "desk"
