"""Facts of lines in a portfolio file: fixed ones below the line, dated ones in a file beside it."""

from pathlib import Path
from typing import Any

import pytest

from foundation.errors import ConfigError
from research.portfolio import load_portfolio

WITH_FILE = "market: {file: multi_asset_daily, facts: {cap: caps.csv}}"
FIXED = "target: 0.60, facts: {region: us, esg: 7}, "


def test_facts_of_lines_and_of_files_reach_an_allocation(write: Any, tmp_path: Path) -> None:
    (tmp_path / "caps.csv").write_text("date,SPY,AGG\n2015-06-30,4,1\n2016-06-30,5,\n")
    path = write("market: multi_asset_daily", WITH_FILE)
    path.write_text(path.read_text().replace("target: 0.60, ", FIXED))
    got = load_portfolio(path)
    market = got.market
    assert [market.past(market.row(day)).fact("cap").tolist() for day in ("2015-07-01", "2016-07-01")] == [
        [4, 1],
        [5, 1],
    ]
    assert market.past(0).fact("region").tolist() == ["us", ""]
    assert got.settings["market"] == {"file": "multi_asset_daily", "facts": {"cap": "caps.csv"}}
    assert got.settings["lines"]["SPY"]["facts"] == {"region": "us", "esg": 7}
    assert load_portfolio(path, {"lines": got.settings["lines"]}).market.fingerprint == market.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("target: 0.60, ", "target: 0.60, facts: {sector: tech}, ", r"lines \(.*line 7\): a fact is named 'sector'"),
        (
            "target: 0.60, ",
            "target: 0.60, facts: {held: true}, ",
            r"lines\.SPY\.facts\.held: not a number and not text .*True",
        ),
        ("market: multi_asset_daily", WITH_FILE, r"market \(.*line 2\): fact 'cap': .*caps\.csv cannot be read"),
    ],
)
def test_what_is_no_fact_is_refused_at_its_place(write: Any, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_portfolio(write(old, new))
