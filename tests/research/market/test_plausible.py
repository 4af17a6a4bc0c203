"""Closes and rates that are far from where they should be: what is found, and how seldom a true one is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from research.market import Market, load_market
from research.market.plausible import far_closes, far_rate

SLIPS = (0.01, 0.1, 0.5, 2.0, 10.0, 100.0)  # pence for pounds, the decimal point, a split


@cache
def market(name: str = "us_etf_ohlcv") -> Market:
    return load_market(name)


def ending(of: Market, row: int, factor: float = 1.0, line: int = 0) -> Market:
    """A market that ends with a row, its last close of an asset multiplied by a factor."""
    cut = of.until(of.dates[row])
    prices, returns = np.array(cut.prices), np.array(cut.returns)
    prices[-1, line] *= factor
    returns[-1, line] = (1.0 + returns[-1, line]) * factor - 1.0
    return replace(cut, prices=prices, returns=returns)


@pytest.mark.parametrize("factor", SLIPS)
def test_slips_of_any_fund_on_any_day_are_found(factor: float) -> None:
    """Other days and funds for each factor."""
    rng, funds = np.random.default_rng(SLIPS.index(factor)), market()
    for row, line in zip(rng.integers(6_000, len(funds.dates), 25), rng.integers(0, 21, 25), strict=True):
        found = far_closes(ending(funds, int(row), factor, int(line)))
        assert funds.assets[line] in found, (funds.dates[row], funds.assets[line])


def test_a_close_of_another_day_is_found_where_it_stands_out() -> None:
    assert "times its usual move" in far_closes(ending(market(), 7_000, 0.93))["AGG"]


def test_true_closes_are_seldom_far() -> None:
    """400 drawn days of 21 funds, and of 20 stocks, whose earnings are what a reader has to confirm."""
    rng, found = np.random.default_rng(2), {}
    for name in ("us_etf_ohlcv", "sp500_20"):
        rows = rng.choice(np.arange(300, len(market(name).dates)), 200, replace=False)
        found[name] = sum(bool(far_closes(market(name).until(market(name).dates[row]))) for row in rows)
    assert found["us_etf_ohlcv"] <= 1
    assert found["sp500_20"] <= 2


@pytest.mark.parametrize("day", ["2020-03-12", "2020-03-16", "2008-10-15", "2022-11-09"])
def test_what_a_whole_market_did_is_true(day: str) -> None:
    assert far_closes(market("multi_asset_daily").until(day)) == {}


def test_a_stated_split_is_none_of_its_business() -> None:
    cut = ending(market(), 7_000, 0.5)
    splits = np.ones(cut.shape)
    splits[-1, 0] = 2.0
    returns = np.array(cut.returns)
    returns[-1, 0] = 2.0 * (1.0 + returns[-1, 0]) - 1.0
    assert far_closes(replace(cut, splits=splits, returns=returns)) == {}


def test_lines_without_quotes_are_judged_by_their_returns() -> None:
    cut = market("stocks_with_exit").until("2019-06-28")
    assert np.isnan(cut.prices).all()
    returns = np.array(cut.returns)
    returns[-1, 0] = 9.0
    assert list(far_closes(replace(cut, returns=returns))) == ["AAPL"]


# -- rates -----------------------------------------------------------------------------------------------------------

DAYS = np.arange(np.datetime64("2021-01-04"), np.datetime64("2021-03-01"))


def rates(value: float) -> np.ndarray:
    return np.full(len(DAYS), value)


@pytest.mark.parametrize(("of", "into", "value"), [("EUR", "USD", 1.21), ("USD", "EUR", 0.826), ("GBP", "JPY", 143.5)])
def test_a_rate_is_near_that_of_the_central_bank(of: str, into: str, value: float) -> None:
    """Of January and February 2021, when one euro cost 1.2 dollars and a pound 1.11 to 1.16 euros."""
    assert far_rate(of, into, DAYS, rates(value)) == ""
    assert f"{of}{into} of 2021-01-04 is" in far_rate(of, into, DAYS, rates(100.0 * value))
    assert "the inverse of which is near it" in far_rate(of, into, DAYS, rates(1.0 / value))


def test_one_far_day_and_an_inverse_from_a_day_on_are_found() -> None:
    spike, turned = rates(1.21), rates(1.21)
    spike[20] *= 100.0
    turned[30:] = 1.0 / turned[30:]
    assert str(DAYS[20]) in far_rate("EUR", "USD", DAYS, spike)
    assert str(DAYS[30]) in far_rate("EUR", "USD", DAYS, turned)


def test_after_its_last_day_a_rate_is_held_against_its_newest() -> None:
    """2.0 is what it may change by in the years that follow: the tests of the day do not know how many these are."""
    day = np.array(["2099-01-02"], dtype="datetime64[D]")
    assert far_rate("EUR", "USD", day, np.array([1.2])) == ""
    assert far_rate("EUR", "USD", day, np.array([110.0])) != ""


def test_without_a_reference_a_rate_is_held_against_its_own_past() -> None:
    past = rates(3.75)
    assert far_rate("USD", "SAR", DAYS, past) == ""
    past[10] *= 10.0
    assert str(DAYS[10]) in far_rate("USD", "SAR", DAYS, past)
