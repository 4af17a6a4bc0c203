"""What notebooks take from a portfolio file where a parameter is empty."""

import pytest

from backtests.runs.file_defaults import (
    CANDIDATES,
    largest_asset,
    last_day,
    limited_policies,
    month_before_test,
    ready_policy,
    rule_kind_of,
    schedules_of,
    start_dates,
    stated_views,
    window_of,
    with_plan,
    with_rules,
)
from foundation.errors import ConfigError
from research.forecast import read_views
from research.portfolio import Portfolio, load_portfolio

MONTHS, SIXTY_FORTY = "data/examples/market_of_months.yaml", "data/portfolios/sixty_forty.yaml"


def test_defaults_are_facts_of_the_file_and_its_market() -> None:
    daily, monthly = load_portfolio(SIXTY_FORTY), load_portfolio(MONTHS)
    assert (largest_asset(daily), month_before_test(daily)) == ("SPY", "2011-12-02")  # the test starts on 2012-01-03
    assert [window_of(daily, 1.0), window_of(daily, 3.0), window_of(monthly, 1.0)] == [252, 756, 60]
    assert (schedules_of(daily)[0], schedules_of(monthly)[0]) == ("week", "month")
    assert last_day(daily) == last_day(monthly) == "2022-12-29"
    assert (ready_policy(daily), ready_policy(monthly)) == ("threshold", "quarterly")  # not never, which is the first


def test_start_dates_are_rows_of_the_test_and_as_many_as_asked() -> None:
    daily = load_portfolio(SIXTY_FORTY)
    test = daily.market.dates[daily.market.dates >= daily.test_start]
    assert start_dates(daily, 3, 10).tolist() == [test[0], test[10], test[20]]
    assert start_dates(daily, 2, 0).tolist() == [test[0], test[63]]  # 252 / 4
    assert len(start_dates(daily, 44, 63)) == 44  # 2,767 rows have 44 that are 63 apart: 44 = 1 + 2,766 // 63


@pytest.mark.parametrize(("starts", "apart", "words"), [
    (-2, 0, "parameter starts is -2: give a number of start dates of 1 or more"),
    (0, 0, "parameter starts is 0: give a number of start dates of 1 or more"),
    (8, -3, "parameter apart is -3: give rows of the market, 1 or more, or 0 for a quarter of a year"),
    (500, 0, "parameter starts is 500: from 2012-01-03 on there are 44 start dates 63 rows apart: give at most"),
])  # fmt: skip
def test_numbers_of_start_dates_out_of_range_are_refused(starts: int, apart: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        start_dates(load_portfolio(SIXTY_FORTY), starts, apart)


@pytest.mark.parametrize("file", [MONTHS, SIXTY_FORTY, "data/portfolios/global_multi_asset.yaml"])
def test_rules_that_a_file_lacks_are_added_and_said(file: str) -> None:
    before = load_portfolio(file)
    portfolio, names, words = with_rules(before, CANDIDATES)
    assert [rule_kind_of(portfolio, name) for name in names] == list(CANDIDATES)
    lacking = [kind for kind, name in zip(CANDIDATES, names, strict=True) if name not in before.policies]
    assert all(kind in words for kind in lacking)
    assert bool(words) == bool(lacking) == (file != "data/portfolios/global_multi_asset.yaml")


def test_limits_and_views_are_those_of_the_file_or_an_example() -> None:
    assert limited_policies(load_portfolio("data/portfolios/under_limits.yaml"))[1:] == ("limited", "wishes", "")
    portfolio, first, second, words = limited_policies(load_portfolio(SIXTY_FORTY))
    assert first == second == "limited"
    assert _bounds(portfolio) == [(0.55, 0.65), (0.35, 0.45)]
    views, words = stated_views(load_portfolio("data/examples/views_black_litterman.yaml"))
    assert [view.confidence for view in read_views(views)][:2] == [0.6, 0.4]
    assert "policy views" in words
    example, words = stated_views(load_portfolio(SIXTY_FORTY))
    assert read_views(example)[0].view == "AGG beats SPY by 1% a year"  # 2022: bonds fell less
    assert "As an example" in words


def test_a_plan_is_that_of_the_file_or_an_example() -> None:
    own = load_portfolio("data/examples/plan_of_a_life.yaml")
    assert with_plan(own) == (own, "")
    portfolio, words = with_plan(load_portfolio(SIXTY_FORTY))
    assert portfolio.plan.spending.amount == pytest.approx(0.04 * portfolio.nav, rel=0.05)  # to two digits
    assert "As an example" in words


def _bounds(portfolio: Portfolio) -> list[tuple[float, float]]:
    lines = portfolio.policies["limited"].allocation.constraints.lines  # type: ignore[union-attr]
    return [(lines[name].least, lines[name].most) for name in portfolio.market.assets]
