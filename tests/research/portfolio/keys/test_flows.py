"""Flows of a portfolio file: the same as in Python, and each error with file, asset, key, value and fix."""

from typing import Any

import pandas as pd
import pytest

from foundation.errors import ConfigError
from research.accounting import Flows
from research.market import load_market
from research.portfolio import load_portfolio

BEFORE = "test_start"


def test_flows_by_the_calendar_are_those_of_python(write: Any) -> None:
    got = load_portfolio(write(BEFORE, "flows: {every: quarter, amount: -2_500, use: cash}\ntest_start")).flows
    asked = Flows.every("quarter", -2_500.0, load_market("multi_asset_daily").select(["SPY", "AGG"]), "cash")
    assert (got.amounts, got.use) == (asked.amounts, "cash")
    assert len(got.amounts) > 60


def test_flows_on_given_days_rebalance_unless_told_otherwise(write: Any) -> None:
    got = load_portfolio(
        write(BEFORE, "flows:\n  dates:\n    2016-03-31: 500\n    2017-01-01: -20.5\ntest_start")
    ).flows
    assert got.amounts == {pd.Timestamp("2016-03-31"): 500.0, pd.Timestamp("2017-01-01"): -20.5}
    assert got.use == "rebalance"


def test_a_file_without_flows_has_none(write: Any) -> None:
    got = load_portfolio(write())
    assert got.flows is None
    assert "flows" not in got.settings
    assert got.beside_costs == ()


@pytest.mark.parametrize("flows", ["{every: year, amount: 100}", "{dates: {2016-03-31: 500}, use: cash}"])
def test_settings_give_the_same_flows_again(write: Any, again: Any, flows: str) -> None:
    first = load_portfolio(write(BEFORE, f"flows: {flows}\ntest_start"))
    assert again(first).flows.settings == first.flows.settings
    assert first.beside_costs == ("flows",)


def test_a_key_of_flows_that_says_nothing_is_refused(write: Any) -> None:
    with pytest.raises(ConfigError, match=r"flows: says nothing \(.*desk\.yaml, line 16\): found .*leave the key out"):
        load_portfolio(write(BEFORE, "flows:\ntest_start"))


def test_orders_in_whole_lots_take_contributions_in_cash(write: Any) -> None:
    lots = "execution: {sizing: units}\nflows: {every: month, amount: 100, use: cash}\ntest_start"
    found = load_portfolio(write(BEFORE, lots)).flows
    assert (found.use, set(found.amounts.values())) == ("cash", {100.0})
    with pytest.raises(ConfigError, match=r"flows \(.*desk\.yaml, line 17\): orders in whole lots .*use='cash'"):
        load_portfolio(write(BEFORE, lots.replace(", use: cash", "")))
    with pytest.raises(ConfigError, match=r"flows \(.*desk\.yaml, line 17\): .* needs sizing='fractional'"):
        load_portfolio(write(BEFORE, lots.replace("100", "-100")))


# What stands under flows, and of the message: key, what, the value found, how to fix it.
ERRORS = [
    ("{evry: month, amount: 1}", "flows.evry", "unknown key", "'evry'", "Did you mean 'every'?"),
    ("{every: month}", "flows.amount", "missing", "None", "Add `amount:`."),
    ("{amount: 100}", "flows", "one of every and dates is needed", "{'amount': 100}", "Write `every:` with an `amount"),
    ("{every: month, amount: 1, dates: {2016-01-04: 1}}", "flows", "one of every and", "{'every'", "or `dates:`"),
    ("{dates: {2016-01-04: 1}, amount: 5}", "flows.amount", "cannot be combined with dates", "5", "its own amount"),
    ("{every: monthly, amount: 1}", "flows.every", "not one of its words", "'monthly'", "Did you mean 'month'?"),
    ("{every: month, amount: 1%}", "flows.amount", "not a number", "'1%'", "plain number"),
    ("{every: month, amount: 1, use: save}", "flows.use", "not one of its words", "'save'", "rebalance, cash"),
    ("{dates: {2016-02-30: 1}}", "flows.dates.2016-02-30", "not a date", "'2016-02-30'", "YYYY-MM-DD"),
    ("{dates: {2023-01-03: 1}}", "flows.dates.2023-01-03", "lies after the last close of market 'multi_asset_daily'",
     "'2023-01-03'", "not after 2022-12-29, or leave it out"),
    ("{dates: {2016-01-04: much}}", "flows.dates.2016-01-04", "not a number", "'much'", "plain number"),
    ("{dates: {2016-01-04: 1, 2016-01-04: 2}}", "flows.dates.2016-01-04", "the key appears twice", "'2016-01-04'",
     "Keep one"),
    ("{dates: [2016-01-04]}", "flows.dates", "not a mapping", "['2016-01-04']", "one key a line"),
    ("100", "flows", "not a mapping", "100", "one key a line"),
]  # fmt: skip


@pytest.mark.parametrize(("flows", "key", "what", "found", "mend"), ERRORS)
def test_error_names_file_line_key_value_and_mend(
    mistaken: Any, flows: str, key: str, what: str, found: str, mend: str
) -> None:
    mistaken(BEFORE, f"flows: {flows}\ntest_start", key, ", lines? 16", what, found, mend)
