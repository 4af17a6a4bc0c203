"""Overrides, places and typed questions of a document."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pytest
from cases import cases
from pydantic import Field

from foundation.arguments import did_you_mean
from foundation.errors import ConfigError
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.kinds import Day, Fraction, record
from research.portfolio.file.settings import read

TEXT = (
    "tracking_penalty: 5\nlines:\n  BRK.B: {target: 0.5}\n"
    "policies:\n  rl: {rule: learned, steps: 1500, seeds: [1, 2]}\n"
)


@record
class LineKeys:
    target: Fraction


@record
class Keys:
    tracking_penalty: float = 0.0
    lines: Mapping[str, LineKeys]
    policies: Mapping[str, Any]
    lag: Annotated[int, Field(ge=1, le=2_000, description="It counts sessions.")] = 1
    day: Day | None = None
    fact: float | str | None = None
    long: float = 0.0


@pytest.fixture
def document(tmp_path: Path) -> Any:
    path = tmp_path / "file.yaml"
    path.write_text(TEXT)

    def made(**overrides: Any) -> Document:
        return read_document(path, {key.replace("__", "."): value for key, value in overrides.items()})

    return made


@cases(
    "overrides",
    {"tracking_penalty": 2.0, "policies.rl.steps": 10},
    {"tracking_penalty": 2.0, "policies": {"rl": {"steps": 10}}},
    {"tracking_penalty": 2.0, "policies": {"rl.steps": 10}},
)
def test_override_replaces_one_value_and_leaves_its_neighbours(document: Any, overrides: dict[str, Any]) -> None:
    tree = document(**overrides).tree
    assert tree["tracking_penalty"] == 2.0
    assert tree["policies"]["rl"] == {"rule": "learned", "steps": 10, "seeds": [1, 2]}


def test_override_adds_replaces_lists_and_removes(document: Any) -> None:
    tree = document(
        **{"policies.new": {"rule": "never"}, "policies.rl.seeds": (7,), "tracking_penalty": None, "limits.lag": 2}
    ).tree
    assert tree["policies"]["new"] == {"rule": "never"}
    assert tree["policies"]["rl"]["seeds"] == [7]
    assert "tracking_penalty" not in tree
    assert tree["limits"] == {"lag": 2}


def test_name_with_a_point_is_a_name(document: Any) -> None:
    assert document(lines={"BRK.B": {"target": 0.4}}).tree["lines"] == {"BRK.B": {"target": 0.4}}


def test_place_names_the_line_or_the_override(document: Any) -> None:
    made = document(**{"policies.rl.steps": 10})
    assert made.place(("policies", "rl", "rule")).endswith("file.yaml, line 5")
    assert made.place(("policies", "rl", "absent")).endswith("file.yaml, line 5")
    assert made.place(("policies", "rl", "steps")).endswith("given beside " + made.file)
    assert made.place(("absent",)).endswith("file.yaml")


@cases(
    "overrides, message",
    (
        {"tracking_penalty.deep": 1},
        r"tracking_penalty: a key is given below a value that is not a mapping \(.*line 1\): found 5",
    ),
    ({"tracking_penalty": float("nan")}, r"tracking_penalty: not a finite number \(.*\): found nan"),
)
def test_impossible_override_is_refused(document: Any, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        document(**overrides)


def test_file_on_disk_is_not_changed_by_overrides(document: Any, tmp_path: Path) -> None:
    document(tracking_penalty=1.0)
    assert (tmp_path / "file.yaml").read_text() == TEXT


@pytest.mark.parametrize("found", ["2022-06-30", date(2022, 6, 30), pd.Timestamp(2022, 6, 30)])
def test_day_is_read_from_text_or_date(document: Any, found: object) -> None:
    assert read(document(day=found), (), Keys).day == pd.Timestamp("2022-06-30")


@pytest.mark.parametrize("found", ["2022-6-30", "30.06.2022", "2022-02-30", "20220630", 20220630, True])
def test_day_that_is_not_one_is_refused(document: Any, found: object) -> None:
    with pytest.raises(ConfigError, match=r"day: not a date \(.*\): found .*Write it as YYYY-MM-DD"):
        read(document(day=found), (), Keys)


@pytest.mark.parametrize("found", [1.5, True, "3"])
def test_what_is_no_whole_number_is_refused(document: Any, found: object) -> None:
    with pytest.raises(ConfigError, match=r"lag: not a whole number \(.*found "):
        read(document(lag=found), (), Keys)


@pytest.mark.parametrize("found", [0, 3_000])
def test_whole_number_out_of_bounds_is_refused(document: Any, found: object) -> None:
    with pytest.raises(ConfigError, match=r"lag: out of bounds .*at least 1 and at most 2,000\. It counts sessions\."):
        read(document(lag=found), (), Keys)


def test_all_that_is_wrong_in_a_record_is_told_at_once(document: Any) -> None:
    made = document(lag=0, day="soon", tracking_penalty="high", lines={"BRK.B": {"target": 2, "size": 1}})
    with pytest.raises(ConfigError) as caught:
        read(made, (), Keys)
    told = [line.split(" (")[0] for line in str(caught.value).splitlines()]
    assert told == [
        "lines.BRK.B.size: unknown key", "tracking_penalty: not a number", "lines.BRK.B.target: out of bounds",
        "lag: out of bounds", "day: not a date",
    ]  # fmt: skip


def test_a_value_of_one_of_two_kinds_is_told_what_both_are(document: Any) -> None:
    with pytest.raises(ConfigError, match=r"fact: not a number and not text \(.*or write a word"):
        read(document(fact=True), (), Keys)


def test_long_value_is_cut_in_a_message(document: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        read(document(long="x" * 1000), (), Keys)
    assert len(str(caught.value)) < 400


def test_nearest_word_is_suggested_only_when_it_is_near() -> None:
    assert did_you_mean("SPQ", ["SPY", "AGG"]) == "Did you mean 'SPY'? Use SPY, AGG."
    assert did_you_mean("bonds", ["SPY", "AGG"]) == "Use SPY, AGG."
