"""The browser that prints pages is the one that is named, else the first of those that are installed."""

from pathlib import Path

import pytest
from cases import cases

from foundation.errors import ConfigError
from foundation.paper import browser as module
from foundation.paper.browser import GIVEN, browser


def program(path: Path) -> str:
    """A program that can be run."""
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user of a machine without browsers."""
    home = tmp_path / "home"
    monkeypatch.setattr(module, "APPLICATIONS", (str(tmp_path / "Applications"), "~/Applications"))
    for name in (GIVEN, "PLAYWRIGHT_BROWSERS_PATH", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(home))
    return home


def test_the_browser_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "chromium")
    own = program(tmp_path / "own" / "my chromium")
    monkeypatch.setenv(GIVEN, own)
    assert browser() == own
    monkeypatch.setenv(GIVEN, str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match=rf"{GIVEN} is .*nothing', which is no program"):
        browser()


@cases(
    "place",
    *("bin/chromium", "bin/google-chrome-stable", "bin/microsoft-edge"),
    "Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "home/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "home/.cache/ms-playwright/chromium-1208/chrome-linux64/chrome",
    "home/Library/Caches/ms-playwright/chromium-1208/chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/"
    "Google Chrome for Testing",
)
def test_a_browser_is_found_where_its_installer_puts_it(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"this machine has none of them.*apt-get install.*{GIVEN}"):
        browser()
    own = program(tmp_path / place)
    assert browser() == own


@pytest.mark.parametrize("variable", ["PLAYWRIGHT_BROWSERS_PATH", "XDG_CACHE_HOME"])
def test_playwrights_newest_is_found_where_its_variables_say(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "kept"))
    kept = tmp_path / "kept" / ("ms-playwright" if variable == "XDG_CACHE_HOME" else "")
    for number in ("999", "1208", "1187"):
        program(kept / f"chromium-{number}" / "chrome-linux" / "chrome")
    assert browser() == str(kept / "chromium-1208" / "chrome-linux" / "chrome")


def test_one_on_path_comes_before_playwrights(bare: Path, tmp_path: Path) -> None:
    program(bare / ".cache" / "ms-playwright" / "chromium-1208" / "chrome-linux" / "chrome")
    own = program(tmp_path / "bin" / "chromium")
    assert browser() == own
