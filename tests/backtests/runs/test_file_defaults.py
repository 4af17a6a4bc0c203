"""What notebooks take from a portfolio file where a parameter is empty."""

import pytest

from backtests.runs.file_defaults import (
    CANDIDATES,
    largest_asset,
    last_day,
    limited_policies,
    month_before_test,
    ready_policy,
    rule_of,
    schedules_of,
    stated_views,
    window_of,
    with_plan,
    with_rules,
)
from research.forecast import read_views
from research.portfolio import Portfolio, load_portfolio

MONTHS, SIXTY_FORTY = "data/examples/market_of_months.yaml", "data/portfolios/sixty_forty.yaml"


def test_defaults_are_facts_of_the_file_and_its_market() -> None:
    daily, monthly = load_portfolio(SIXTY_FORTY), load_portfolio(MONTHS)
    assert (largest_asset(daily), month_before_test(daily)) == ("SPY", "2011-12-02")  # the test starts on 2012-01-03
    assert [window_of(daily, 1.0), window_of(daily, 3.0), window_of(monthly, 1.0)] == [252, 756, 60]
    assert (schedules_of(daily)[0], schedules_of(monthly)[0]) == ("week", "month")
    assert last_day(daily) == last_day(monthly) == "2022-12-29"
    assert (ready_policy(daily), ready_policy(monthly)) == ("threshold", "never")


@pytest.mark.parametrize("file", [MONTHS, SIXTY_FORTY, "data/portfolios/global_multi_asset.yaml"])
def test_rules_that_a_file_lacks_are_added_and_said(file: str) -> None:
    before = load_portfolio(file)
    portfolio, names, words = with_rules(before, CANDIDATES)
    assert [rule_of(portfolio, name) for name in names] == list(CANDIDATES)
    lacking = [kind for kind, name in zip(CANDIDATES, names, strict=True) if name not in before.policies]
    assert all(kind in words for kind in lacking)
    assert bool(words) == bool(lacking) == (file != "data/portfolios/global_multi_asset.yaml")


def test_limits_and_views_are_those_of_the_file_or_an_example() -> None:
    limited = load_portfolio("data/portfolios/under_limits.yaml")
    assert limited_policies(limited)[1:] == ("limited", "wishes", "")
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
    assert portfolio.plan is not None
    assert portfolio.plan.spending.amount == pytest.approx(0.04 * portfolio.nav, rel=0.05)  # to two digits
    assert "As an example" in words


def _bounds(portfolio: Portfolio) -> list[tuple[float, float]]:
    lines = portfolio.policies["limited"].allocation.constraints.lines  # type: ignore[union-attr]
    return [(lines[name].least, lines[name].most) for name in portfolio.market.assets]
