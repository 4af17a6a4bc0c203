"""The files that stop sending, and the lock of a portfolio whose list is sent."""

from pathlib import Path

import pytest

from desk.exchange.stops import PAUSE, RESUME, STOP, alone, pause_file, sending_lock, stop_file, stop_words
from foundation.errors import ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param([], "", id="neither"),
        pytest.param([STOP], "Nothing is sent while {STOP} is there", id="stop"),
        pytest.param([PAUSE], "No cycle sends while {PAUSE} is there", id="pause"),
        pytest.param([STOP, PAUSE], "Nothing is sent while {STOP} is there", id="both"),
    ],
)
def test_a_stop_is_a_file_and_is_told_with_what_removes_it(home: Path, files: list[str], words: str) -> None:
    for name in files:
        (home / name).touch()
    there = {name: str(home / name) if name in files else "" for name in (STOP, PAUSE)}
    assert {STOP: stop_file(), PAUSE: pause_file()} == there
    assert stop_words() == (f"{words.format(**there)}. To go on: {RESUME}" if files else "")
    assert stop_file(home.parent) == pause_file(home.parent) == ""


def test_one_process_sends_a_list_of_a_portfolio_and_others_of_other_portfolios() -> None:
    with alone("growth"):
        assert sending_lock("growth").exists()
        with pytest.raises(ConfigError, match="another process sends a list of growth"), alone("growth"):
            pass
        with alone("income"):
            pass
    with alone("growth"):
        pass
