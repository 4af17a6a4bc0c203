"""Costs of a portfolio file that depend on the day: estimated spreads and impact, as in Python, and their errors."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.accounting import Impact
from research.market import load_market
from research.market.liquidity import half_spread
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.keys.costs import read_costs

BARS = {"market": "us_etf_ohlcv"}
ESTIMATED = "half_spread: {estimate: abdi_ranaldo, window: 30}"


def test_a_spread_by_the_day_that_is_none_is_refused_with_its_asset_and_file(write: Any) -> None:
    file, market = write("half_spread_bps: 3", ESTIMATED), load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    deep = replace(market, bars={**market.bars, "low": market.bars["low"] * [1.0, 0.01]})
    lines = [("SPY", "us_equity", {}), ("AGG", "bonds", {"half_spread": {"estimate": "abdi_ranaldo", "window": 30}})]
    said = r"costs \(.*desk.yaml, line 11\): half_spread of AGG is 2\d{4}.* bps: a cost"
    with pytest.raises(ConfigError, match=said):
        read_costs(read_document(file), deep, lines)


def test_a_spread_of_a_class_is_estimated_by_the_day_beside_one_that_is_stated(write: Any) -> None:
    got = load_portfolio(write("half_spread_bps: 1.5", ESTIMATED), BARS).costs.half_spread
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    np.testing.assert_array_equal(got[:, 0], half_spread(market, "abdi_ranaldo", 30)[:, 0])
    assert (got[:, 1] == np.array([3.0]) * 1e-4).all()


@cases(
    "old, new, by_day",
    ("half_spread_bps: 3", "half_spread: {estimate: corwin_schultz}", True),  # of the asset, its class states one
    ("half_spread_bps: 1}", "half_spread: {estimate: corwin_schultz}}", False),  # of the class, its asset states one
)
def test_a_line_has_its_own_spread_of_either_kind_in_place_of_its_classs(
    write: Any, old: str, new: str, by_day: bool
) -> None:
    got = load_portfolio(write(old, new), BARS).costs.half_spread
    if not by_day:
        assert got.tolist() == (np.array([1.5, 3.0]) * 1e-4).tolist()
    else:
        market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
        np.testing.assert_array_equal(got[:, 1], half_spread(market)[:, 1])  # 21 sessions, by default there and here


def test_impact_has_the_exponent_and_windows_of_the_file_or_those_of_python(write: Any) -> None:
    asked = write("half_spread_bps: 1.5", "half_spread_bps: 1.5, impact: 0.8")
    assert load_portfolio(asked, BARS).costs.impact == Impact((0.8, 0.0))
    given = {"impact": {"exponent": 1.6, "volume_window": 10, "volatility_window": 42}}
    assert load_portfolio(asked, BARS | given).costs.impact == Impact((0.8, 0.0), 1.6, 10, 42)
    one = load_portfolio(asked, BARS | {"impact.volume_window": 5})
    assert one.costs.impact == Impact((0.8, 0.0), volume_window=5)
    assert one.settings["impact"] == {"exponent": 1.5, "volume_window": 5, "volatility_window": 63}


def test_a_fee_for_each_order_is_all_the_commission_there_is(write: Any) -> None:
    file = write("commission_bps: 1, half_spread_bps: 1.5", "ticket: 5.9, half_spread_bps: 3")
    found = load_portfolio(file, BARS).costs
    assert (found.commission[0], found.ticket[0]) == (0.0, 5.9)
    assert found.half_spread[0] == pytest.approx(3e-4)


def test_settings_give_the_same_costs_again(write: Any, again: Any) -> None:
    file = write("half_spread_bps: 1.5", f"{ESTIMATED}, impact: 1.2")
    first = load_portfolio(file, BARS | {"impact": {"exponent": 1.4}})
    second = again(first)
    assert second.costs.impact == first.costs.impact
    assert second.costs.half_spread.tobytes() == first.costs.half_spread.tobytes()


# Text of the good file, what stands there instead, and of the message: key, asset, what, the value found, the mend.
SPREAD, OF_CLASS = "half_spread_bps: 1.5", "costs.us_equity.half_spread"
ERRORS = [
    (SPREAD, "half_spread: {estimate: roll}", f"{OF_CLASS}.estimate", 12, "not one of its words", "'roll'",
     "Use corwin_schultz, abdi_ranaldo."),
    (SPREAD, "half_spread: {window: 21}", f"{OF_CLASS}.estimate", 12, "missing", "None", "Add `estimate:`."),
    (SPREAD, "half_spread: {estimate: abdi_ranaldo, windw: 21}", f"{OF_CLASS}.windw", 12, "unknown key", "'windw'",
     "Did you mean 'window'?"),
    (SPREAD, "half_spread: {estimate: abdi_ranaldo, window: 0}", f"{OF_CLASS}.window", 12, "out of bounds", "0",
     "at least 1"),
    (SPREAD, "half_spread: 2", OF_CLASS, 12, "not a mapping", "2", "one key a line"),
    (SPREAD, f"{SPREAD}, {ESTIMATED}", OF_CLASS, 12, "cannot be combined with half_spread_bps", "{'estimate'",
     "Keep one"),
    (f", {SPREAD}", "", f"{OF_CLASS}_bps", 12, "missing", "None", "Add `half_spread_bps:`."),
    ("half_spread_bps: 3", "half_spread: {estimate: x}", "lines.AGG.half_spread.estimate", 9, "not one of its words",
     "'x'", "Use corwin_schultz"),
    ("limits:", "impact: {exponent: 1.6}\nlimits:", "impact", 15, "no asset has a coefficient of impact",
     "{'exponent': 1.6}", "Add `impact: 1.0`"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "line", "what", "found", "mend"), ERRORS)
def test_error_names_file_line_key_value_and_mend(
    mistaken: Any, old: str, new: str, key: str, line: int, what: str, found: str, mend: str
) -> None:
    mistaken(old, new, key, rf", line {line}\)", what, found, mend, BARS)


@cases(
    "given, said",
    ("exponent: 1", r" \(PLACE\): exponent of impact is 1\.0: it is more than 1 and at most 3"),
    ("exponent: 3.5", r" \(PLACE\): exponent of impact is 3\.5: it is more than 1 and at most 3"),
    ("power: 2", r"\.power: unknown key \(PLACE\): found 'power'\. Use exponent, volume_window, volatility_window"),
    ("volume_window: 0", r"\.volume_window: out of bounds \(PLACE\): found 0\. .* at least 1"),
    ("volatility_window: 1", r"\.volatility_window: out of bounds \(PLACE\): found 1\. .* at least 2"),
    ("volume_window: 2.5", r"\.volume_window: not a whole number \(PLACE\): found 2\.5"),
)
def test_an_error_of_impact_names_file_line_key_value_and_mend(write: Any, given: str, said: str) -> None:
    path = write("limits:", f"impact: {{{given}}}\nlimits:")
    with pytest.raises(ConfigError, match=r"^impact" + said.replace("PLACE", r".*desk\.yaml, line 15")):
        load_portfolio(path, BARS | {"costs.us_equity.impact": 1.0})


def test_a_market_without_highs_and_lows_has_no_spreads_to_estimate(write: Any) -> None:
    said = r"costs\.us_equity\.half_spread \(.*desk\.yaml, line 12\): market 'multi_asset_daily' has no highs and lows"
    with pytest.raises(ConfigError, match=said + r".* SPY on .*state the half-spread"):
        load_portfolio(write("half_spread_bps: 1.5", ESTIMATED))
    with pytest.raises(ConfigError, match=r"lines\.AGG\.half_spread \(.*desk\.yaml, line 9\): .* AGG on"):
        load_portfolio(write("half_spread_bps: 3", ESTIMATED))
