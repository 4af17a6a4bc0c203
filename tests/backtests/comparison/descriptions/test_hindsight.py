"""Warnings of an asset that outgrew all others, and of policies that seldom traded."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from backtests.comparison import compare
from backtests.comparison.descriptions.hindsight import _grown, best_line, hindsight_warning
from research.portfolio import Portfolio


def test_bitcoin_is_named_with_the_growth_of_the_test(portfolio: Portfolio) -> None:
    (said,) = hindsight_warning(portfolio)
    best, times, second, next_times = re.findall(r"(\w+) grew ([\d.]+)-fold .* asset, (\w+), ([\d.]+)-fold", said)[0]
    grown = (1.0 + portfolio.market.returns[portfolio.market.dates >= portfolio.test_start]).prod(axis=0)
    by_name = dict(zip(portfolio.market.assets, grown, strict=True))
    assert (best, second) == tuple(sorted(by_name, key=by_name.__getitem__)[:-3:-1])
    assert (float(times), float(next_times)) == pytest.approx((by_name[best], by_name[second]), abs=0.05)
    assert portfolio.market.assets[best_line(portfolio)] == best == "BTC"


def test_lines_of_like_growth_are_not_warned_of(portfolio: Portfolio) -> None:
    assert hindsight_warning(replace(portfolio, test_start=portfolio.market.dates[-300])) == []


def test_a_test_that_starts_on_a_weekend_grows_from_the_close_before_it(portfolio: Portfolio) -> None:
    """3 January 2015 was a Saturday: the return of Friday is none of the test."""
    weekend, monday = (replace(portfolio, test_start=pd.Timestamp(day)) for day in ("2015-01-03", "2015-01-05"))
    assert _grown(weekend)[1].tolist() == _grown(monday)[1].tolist()


def test_a_policy_that_traded_seldom_is_warned_of(portfolio: Portfolio) -> None:
    late = replace(portfolio, test_start=portfolio.market.dates[-150])
    compared = compare(late, only=["quarterly", "monthly", "never"], draws=100)
    assert [words for words in compared.warnings if "rest on few trades" in words] == [
        f"quarterly traded on {len(compared.backtests['quarterly'].ledger.booked)} days of the test only: its figures "
        "rest on few trades."
    ]
