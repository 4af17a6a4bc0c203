"""YAML without its guesses: what is read as what, and what is refused with the line on which it stands."""

from pathlib import Path
from typing import Any

import pytest
from cases import cases

from foundation.errors import ConfigError
from research.portfolio.file.strict_yaml import read_yaml


def read(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(str(path))


@cases(
    "written, value",
    ("1", 1),
    ("-3", -3),
    ("1_250.50", 1250.5),
    ("1e-3", 0.001),
    (".5", 0.5),
    ("012", 12),  # not an octal number
    ("1:30", "1:30"),  # not ninety
    ("2022-06-30", "2022-06-30"),  # not a date
    ("no", "no"),  # not false
    ("true", True),
    ("False", False),
    ("~", None),
    ("", None),
    ("'0.5'", "0.5"),
    ('"true"', "true"),
    ("[1, a, [2]]", [1, "a", [2]]),
    ("{x: 1}", {"x": 1}),
    ("1.2.3", "1.2.3"),
)
def test_value_is_read_as_written(tmp_path: Path, written: str, value: Any) -> None:
    found = read(tmp_path, f"key: {written}\n")[0]["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    values, _ = read(tmp_path, "ON: 1\n600519: 2\ntrue: 3\n2022-06-30: 4\n")
    assert values == {"ON": 1, "600519": 2, "true": 3, "2022-06-30": 4}


def test_each_key_knows_its_line(tmp_path: Path) -> None:
    _, lines = read(tmp_path, "a:\n  b: 1\n\n  c: {d: 2}\n")
    assert lines == {("a",): 1, ("a", "b"): 2, ("a", "c"): 4, ("a", "c", "d"): 4}


@cases(
    "text, message",
    ("a: 1\nb:\n  c: 1\n  c: 2\n", r"b\.c: the key appears twice \(.*file\.yaml, lines 3 and 4\): found 'c'\. Keep"),
    ("a: &x 1\nb: *x\n", r"not YAML \(.*file\.yaml, line 2, column 4\): an alias is not read"),
    ("a: !!python/object:os.system x\n", r"a: a tag is not read \(.*line 1\): found .*os\.system\. Remove it"),
    ("a: !!int 3\n", r"a: a tag is not read"),
    ("a: 1\nb: .nan\n", r"b: not a finite number \(.*line 2\): found \.nan\. Write a plain number"),
    ("a: 1\nb: 1e999\n", r"b: not a finite number \(.*line 2\): found 1e999\. Write a plain number"),
    ("a: [1, -.inf]\n", r"a\.1: not a finite number \(.*line 1\): found -\.inf"),
    ("a: [1\nb: 2\n", r"not YAML \(.*file\.yaml, line 2, column \d\): .*Correct the syntax there"),
    ("a: 1\n\tb: 2\n", r"not YAML \(.*file\.yaml, line 2, column 1\)"),
    ("? [a]\n: 1\n", r"a key is not text \(.*line 1\)"),
    ("a: 1\n---\nb: 2\n", r"not YAML \(.*line 2"),
    ("", r"file\.yaml holds no keys: found None\. Write `name: \.\.\.`"),
    ("- a\n", r"file\.yaml holds no keys: found \['a'\]"),
    ("a: \x00\n", r"not YAML \(.*file\.yaml"),
)
def test_what_yaml_would_guess_or_drop_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_change_of_what_was_read_does_not_reach_the_next_reading(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text("lines: {SPY: {range: [0.1, 0.2]}}\n")
    tree, lines = read_yaml(str(path))
    tree["lines"]["SPY"]["range"][0], lines["lines", "SPY"] = 0.9, 7
    assert read_yaml(str(path)) == (
        {"lines": {"SPY": {"range": [0.1, 0.2]}}},
        {("lines",): 1, ("lines", "SPY"): 1, ("lines", "SPY", "range"): 1},
    )
    path.write_text("lines: {SPY: {range: [0.1, 0.3]}}\n")
    assert read_yaml(str(path))[0] == {"lines": {"SPY": {"range": [0.1, 0.3]}}}


def test_missing_file_is_named_with_the_folder_it_was_sought_in(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file .*nowhere\.yaml\. Correct the path; it is read from .*"):
        read_yaml(str(tmp_path / "nowhere.yaml"))


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"bytes\.yaml cannot be read: .*Give a YAML file in UTF-8"):
        read_yaml(str(tmp_path / "bytes.yaml"))
    with pytest.raises(ConfigError, match=r"cannot be read: .*Is a directory"):
        read_yaml(str(tmp_path))
