"""The cases are stated, out of sample, and of assets that were there all the time."""

import pandas as pd
import pytest

from backtests.studies.real_markets import NAMED_CASES, all_cases, case
from backtests.studies.real_markets.cases import BEFORE, FUNDS, STOCKS, WINDOW_YEARS, eligible
from foundation.errors import ConfigError


def test_there_are_72_cases_at_least_each_of_its_own_name() -> None:
    cases = all_cases()
    assert len({one.name for one in cases}) == len(cases) == 6 * 10 + 4 * 3 + 1
    assert {one.window for one in cases} == set(range(1995, 2025, 3))
    sizes = {len(one.weights) for one in cases}
    assert (min(sizes), max(sizes)) == (2, 19)


def test_the_draw_is_the_one_that_was_written_down() -> None:
    """Names were drawn before anything was played: another draw is another study."""
    assert [name for name, _ in case("stocks-4-1995").weights] == ["GE", "PFE", "AMD", "XOM"]
    assert [name for name, _ in case("stocks-2-2022").weights] == ["PFE", "BAC"]
    assert [name for name, _ in case("stocks-6-2013").weights] == ["SBUX", "UAA", "SHLD", "JPM", "XOM", "MA"]


def test_training_ends_before_a_test_whose_lines_are_there_throughout() -> None:
    for one in all_cases():
        market = one.market
        assert market.assets == tuple(name for name, _ in one.weights), one.name
        first, end = market.dates.searchsorted(one.start), len(market.dates)
        five_years = market.dates.searchsorted(one.start - pd.DateOffset(years=BEFORE))
        assert market.listed[five_years].all(), one.name
        assert market.tradable[five_years + 1 :].all(), one.name
        assert (market.dates[first - 1], market.dates[first]) < (one.start, market.dates[-1]), one.name
        assert 2.8 < (market.dates[-1] - one.start).days / 365.25 < WINDOW_YEARS, one.name
        assert 725 < end - first < 760, one.name


def test_targets_are_equal_or_fall_and_some_hold_cash() -> None:
    equal, falling = dict(case("stocks-10a-2007").weights), dict(case("stocks-10b-2007").weights)
    assert list(equal.values()) == pytest.approx([0.1] * 10)
    assert list(falling.values()) == pytest.approx([0.9 * k / 55 for k in range(10, 0, -1)])
    assert sum(dict(case("stocks-4-2007").weights).values()) == pytest.approx(0.8)
    assert sum(FUNDS["4"].values()) == pytest.approx(0.9)
    for name, fund in FUNDS.items():
        assert sum(fund.values()) == pytest.approx(0.9 if name == "4" else 1.0)


def test_a_line_that_came_late_or_left_is_not_eligible() -> None:
    assert "SHLD" in eligible("stocks", 2013)
    assert "SHLD" not in eligible("stocks", 2016)  # it left in 2018
    assert "META" not in eligible("stocks", 2016)  # listed in May 2012
    assert "META" in eligible("stocks", 2019)
    assert "BTC" not in eligible("funds", 2016)
    assert "BTC" in eligible("funds", 2019)  # since April 2013
    assert len(STOCKS) == 6


def test_the_named_cases_are_cases_of_different_windows_and_sizes() -> None:
    assert len({case(name).window for name in NAMED_CASES}) == 5
    assert {len(case(name).weights) for name in NAMED_CASES} == {2, 4, 9, 10, 18}


def test_an_unknown_case_is_refused_with_its_neighbours() -> None:
    with pytest.raises(ConfigError, match=r"no case .* 'funds-2-2014'. Use one such as funds-2-2013, funds-2-2016"):
        case("funds-2-2014")
