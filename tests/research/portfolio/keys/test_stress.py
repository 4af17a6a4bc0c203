"""Stress tests of a portfolio file: the house's, another file's and its own; each error with asset, value and fix."""

import re
from typing import Any

import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.keys.stress import HOUSE_FILE

BEFORE = "test_start"
TAPER = "Taper: {first: 2013-05-22, last: 2013-06-24, source: closes of TLT}"


def test_a_file_without_stress_has_the_house_ones(write: Any) -> None:
    got, house = load_portfolio(write()), read_document(HOUSE_FILE)
    assert {one.name for one in got.stress.episodes} == set(house.mapping("episodes"))
    assert [one.name for one in got.stress.shocks] == list(house.mapping("shocks"))
    assert "stress" not in got.settings


def test_its_own_come_with_the_house_ones_and_replace_those_of_the_same_name(write: Any) -> None:
    own = f"stress:\n  episodes:\n    {TAPER}\n    Late 2018: {{first: 2018-10-01, last: 2018-12-24}}\n"
    own += "  shocks: {Bonds fall 5 %: {AGG: -0.06}}\n"
    got = load_portfolio(write(BEFORE, own + BEFORE))
    episodes = {one.name: one for one in got.stress.episodes}
    assert episodes["Taper"].first == pd.Timestamp("2013-05-22")
    assert episodes["Taper"].source == "closes of TLT"
    assert episodes["Late 2018"].first == pd.Timestamp("2018-10-01")
    assert len(episodes) == len(load_portfolio(write()).stress.episodes) + 1
    assert list(episodes) == sorted(episodes, key=lambda name: episodes[name].first)
    assert {one.name: dict(one.moves) for one in got.stress.shocks}["Bonds fall 5 %"] == {"AGG": -0.06}


def test_another_file_takes_the_place_of_the_house_and_settings_give_it_again(
    write: Any, tmp_path: Any, again: Any
) -> None:
    (tmp_path / "ours.yaml").write_text(f"episodes:\n  {TAPER}\nshocks:\n  Gold: {{gold: -0.1}}\n", encoding="utf-8")
    got = load_portfolio(write(BEFORE, "stress: {file: ours.yaml}\ntest_start"))
    assert [one.name for one in got.stress.episodes] == ["Taper"]
    # of a class that it does not have: others share the file
    assert [one.name for one in got.stress.shocks] == ["Gold"]
    assert again(got).stress == got.stress


@cases(
    "stress, said",
    ("[]", r"stress: not a mapping \(.*desk\.yaml, line 16\): found \[\]"),
    ("ours.yaml", r"stress: not a mapping .*line 16\): found 'ours\.yaml'"),
    ("{episode: {}}", r"stress\.episode: unknown key .*Did you mean 'episodes'\?"),
    ("{file: nowhere.yaml}", r"stress\.file \(.*line 16\): no file .*nowhere\.yaml"),
    ("{episodes: {Taper: {first: 2013-05-22}}}", r"stress\.episodes\.Taper\.last: missing .*line 16"),
    (
        "{episodes: {Taper: {first: 2013-06-24, last: 2013-05-22}}}",
        r"stress\.episodes\.Taper\.last: the episode ends before it begins .*found '2013-05-22'\. Give a day that "
        "is not before 2013-06-24",
    ),
    (
        "{episodes: {Taper: {first: 2013-02-30, last: 2013-05-22}}}",
        r"Taper\.first: not a date .*found '2013-02-30'\. Write it as YYYY-MM-DD",
    ),
    ("{episodes: {Taper: {first: 2013-05-22, last: 2013-06-24, from: x}}}", r"Taper\.from: unknown key"),
    ("{episodes: {Taper: 2013}}", r"stress\.episodes\.Taper: not a mapping .*found 2013"),
    ("{shocks: {Fall: {us_equity: -20}}}", r"Fall\.us_equity: out of bounds .*found -20\. Give a .*-0\.20"),
    ("{shocks: {Fall: {us_equity: much}}}", r"Fall\.us_equity: not a number .*found 'much'"),
    ("{shocks: {Fall: {us_equities: -0.2}}}", r"Fall\.us_equities: neither an asset nor an asset class .*Did you mean"),
    ("{shocks: {Fall: -0.2}}", r"stress\.shocks\.Fall: not a mapping .*found -0\.2"),
    (f"{{shocks: {{{'x' * 61}: {{SPY: -0.2}}}}}}", r"no name of an episode or a shock .*1 to 60 characters"),
)
def test_a_wrong_key_or_value_is_refused_with_its_line(write: Any, stress: str, said: str) -> None:
    path = write(BEFORE, f"stress: {stress}\ntest_start")
    with pytest.raises(ConfigError) as error:
        load_portfolio(path)
    assert re.search(said, str(error.value)), str(error.value)


def test_a_wrong_file_is_refused_with_its_own_line(write: Any, tmp_path: Any) -> None:
    (tmp_path / "ours.yaml").write_text("episodes:\n  Taper:\n    first: 2013\n    last: 2014-01-01\n")
    path = write(BEFORE, "stress: {file: ours.yaml}\ntest_start")
    with pytest.raises(ConfigError, match=r"Taper\.first: not a date \(.*ours\.yaml, line 3\): found 2013"):
        load_portfolio(path)
    (tmp_path / "ours.yaml").write_text("episode: {}\n")
    with pytest.raises(ConfigError, match=r"episode: unknown key \(.*ours\.yaml, line 1\)"):
        load_portfolio(path)
