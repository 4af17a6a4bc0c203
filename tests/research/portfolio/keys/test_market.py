"""Facts of assets in a portfolio file: fixed ones below the line, dated ones in a file beside it, or computed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.market import load_market, with_facts
from research.market.indicators import RSI, Momentum, Spread
from research.portfolio import load_portfolio

WITH_FILE = "market: {file: multi_asset_daily, facts: {cap: caps.csv}}"
INDICATED = """market:
  file: multi_asset_daily
  facts: {rsi: {indicator: rsi}, mom: {indicator: momentum, window: 252, skip: 21}, gap: {indicator: spread, of: rsi, \
less: mom}}"""


def test_facts_of_lines_and_of_files_reach_an_allocation(write: Any, tmp_path: Path) -> None:
    (tmp_path / "caps.csv").write_text("date,SPY,AGG\n2015-06-30,4,1\n2016-06-30,5,\n")
    path = write("market: multi_asset_daily", WITH_FILE)
    path.write_text(path.read_text().replace("target: 0.60, ", "target: 0.60, facts: {region: us, esg: 7}, "))
    got = load_portfolio(path)
    market = got.market
    expected = [[4, 1], [5, 1]]
    assert [market.past(market.row(day)).fact("cap").tolist() for day in ("2015-07-01", "2016-07-01")] == expected
    assert market.past(0).fact("region").tolist() == ["us", ""]
    assert got.settings["market"] == {"file": "multi_asset_daily", "facts": {"cap": "caps.csv"}}
    assert got.settings["lines"]["SPY"]["facts"] == {"region": "us", "esg": 7}
    assert load_portfolio(path, {"lines": got.settings["lines"]}).market.fingerprint == market.fingerprint


def test_indicators_are_computed_from_the_whole_market_of_the_file(write: Any) -> None:
    got = load_portfolio(write("market: multi_asset_daily", INDICATED))
    rsi, momentum = RSI(14), Momentum(252, 21)
    whole = with_facts(load_market("multi_asset_daily"), {"rsi": rsi, "mom": momentum, "gap": Spread("rsi", "mom")})
    for name, fact in whole.select(got.market.assets).facts.items():
        assert np.array_equal(got.market.facts[name], fact, equal_nan=True)
    again = load_portfolio(write("market: multi_asset_daily", INDICATED), {"market": got.settings["market"]})
    assert again.market.fingerprint == got.market.fingerprint


def indicated(settings: str) -> str:
    return f"market: {{file: multi_asset_daily, facts: {{rsi: {settings}}}}}"


@cases(
    "settings, message",
    ("{indicator: rsj}", r"market\.facts\.rsi\.indicator: unknown indicator \(.*line 2\): .*Did you mean 'rsi'\?"),
    ("{window: 14}", r"market\.facts\.rsi\.indicator: missing"),
    ("{indicator: rsi, windw: 14}", r"market\.facts\.rsi\.windw: unknown key .*Did you mean 'window'\?"),
    ("{indicator: sma}", r"market\.facts\.rsi\.window: missing"),
    ("{indicator: rsi, window: 14.5}", r"market\.facts\.rsi\.window: not a whole number .*found 14\.5"),
    ("{indicator: rsi, window: 0}", r"market\.facts\.rsi \(.*line 2\): window is 0: give a whole number, 1 or more"),
    ("{indicator: macd, output: bar}", r"market\.facts\.rsi\.output: not one of its words"),
    ("{indicator: sma, window: 99999}", r"market \(.*line 2\): fact 'rsi' is not known on any day: SMA"),
    ("{indicator: spread, of: a, less: b}", r"market \(.*\): a spread needs the fact 'a', .* are: none"),
    ("14", r"market\.facts\.rsi: not text .*found 14.*\n.*facts\.rsi: not a mapping"),
)
def test_what_is_no_indicator_is_refused_at_its_place(write: Any, settings: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_portfolio(write("market: multi_asset_daily", indicated(settings)))


@cases(
    "old, new, message",
    ("target: 0.60, ", "target: 0.60, facts: {sector: tech}, ", r"lines \(.*line 7\): a fact is named 'sector'"),
    (
        "target: 0.60, ",
        "target: 0.60, facts: {held: true}, ",
        r"lines\.SPY\.facts\.held: not a number and not text .*True",
    ),
    ("market: multi_asset_daily", WITH_FILE, r"market \(.*line 2\): fact 'cap': .*caps\.csv cannot be read"),
)
def test_what_is_no_fact_is_refused_at_its_place(write: Any, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_portfolio(write(old, new))
