"""Work in a limited process: its result, its errors and its limits."""

import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from needed import LINUX
from people import SIXTY_FORTY

from desk.service.limited import limited
from desk.service.portfolios.validation import read_sent, yaml_of
from desk.service.problems import Problem
from foundation.errors import ConfigError, DataError
from research.portfolio.file.strict_yaml import read_yaml


def environment() -> list[Any]:
    return [os.environ["REBALANCE_HOME"], os.environ["REBALANCE_TRUST_CODE"]]


def hard_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_AS)[1]


def refuse(word: str) -> None:
    raise DataError(f"{word} is wrong.")


def spin() -> None:
    while True:
        pass


def fill() -> int:
    return len(bytearray(3 << 30))


def fail() -> None:
    raise KeyError("a fault of ours")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_result_comes_from_a_process_that_trusts_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_TRUST_CODE", "1")
    assert limited(environment, home=tmp_path) == [str(tmp_path), "0"]


@LINUX
def test_the_memory_of_the_process_is_limited_for_good(tmp_path: Path) -> None:
    assert limited(hard_limit, home=tmp_path, memory=3 << 30) == 3 << 30


def test_an_error_in_what_was_sent_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"SPY is wrong\."):
        limited(refuse, "SPY", home=tmp_path)


@pytest.mark.parametrize(
    ("work", "limits"), [(spin, {"seconds": 1}), pytest.param(fill, {"memory": 3 << 30}, marks=LINUX), (die, {})]
)
def test_a_limit_is_told_and_nobody_else_is_disturbed(work: Any, limits: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(Problem, match="more than") as problem:
        limited(work, home=tmp_path, **limits)
    assert problem.value.status == 400
    assert limited(environment, home=tmp_path)


def test_a_fault_of_ours_is_none_of_the_sender_whose_text_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="fail failed"):
        limited(fail, home=tmp_path)
    (record,) = caplog.records
    assert record.__dict__["fields"]["error"] == "KeyError"
    assert record.__dict__["fields"]["trace"][-1].endswith(" fail")
    assert "a fault of ours" not in f"{record.__dict__} {capfd.readouterr()}"


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "theirs.csv").write_text("date,nav\n2022-12-01,1\n")
    (folder / "mine.csv").symlink_to(tmp_path / "theirs.csv")
    text = f"{SIXTY_FORTY}\nnav_history: mine.csv\n"
    (mistake,) = limited(read_sent, str(folder), text, True, home=tmp_path)["mistakes"]
    assert (mistake["field"], mistake["value"]) == ("/nav_history", "mine.csv")


@pytest.mark.parametrize("text", ["caf\xe9", "a\x85b", "a\u2028b", "\U0001f600", "no", "1e3", "- x", "a: b", '"', "\\"])
def test_json_means_the_same_as_yaml(text: str, tmp_path: Path) -> None:
    tree = {"a": text, text: [1, 2.5, True, {"b": text}], "c": 1e22, "d": -0.5}
    (tmp_path / "x.yaml").write_text(yaml_of(tree))
    assert read_yaml(str(tmp_path / "x.yaml"))[0] == tree
