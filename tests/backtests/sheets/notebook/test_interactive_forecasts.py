"""Pictures of forecasts show the numbers of the records."""

import numpy as np
import pytest

from backtests.sheets.notebook import interactive_forecasts as pictures
from backtests.studies.forecasts.skill import decay, skill_by_group
from backtests.studies.forecasts.today import ForecastsToday, forecasts_today
from foundation.errors import ConfigError
from research.portfolio import load_portfolio

STATED = {"models": {"plain": {"kind": "estimated"}, "shrunk": {"kind": "estimated", "mean": "james_stein"}}}


@pytest.fixture(scope="module")
def found() -> ForecastsToday:
    return forecasts_today(load_portfolio("data/portfolios/global_multi_asset.yaml", {"forecasts": STATED}))


def test_today_is_drawn_with_its_intervals(found: ForecastsToday) -> None:
    traces = pictures.expected_plot(found).data
    assert len(traces) == 16
    first = found.table("plain").iloc[0]
    assert traces[0].x[0] == 100.0 * first["expected"]
    assert traces[0].error_x.array[0] == pytest.approx(100.0 * (first["upper"] - first["expected"]))


def test_outcomes_are_drawn_beside_what_was_expected(found: ForecastsToday) -> None:
    path = found.paths["plain"]
    lower, _, mean, came = pictures.outcomes_plot(path, "QQQ", "plain").data
    np.testing.assert_array_equal(mean.y, 100.0 * path.mean[:, 1])
    np.testing.assert_array_equal(came.y, 100.0 * path.outcome[:, 1])
    assert (np.asarray(lower.y) < np.asarray(mean.y)).all()


def test_a_line_that_the_market_does_not_have_is_refused(found: ForecastsToday) -> None:
    with pytest.raises(ConfigError, match="asset is 'SPX': use one of SPY"):
        pictures.outcomes_plot(found.paths["plain"], "SPX", "plain")


def test_coverage_by_year_is_that_of_the_tables(found: ForecastsToday) -> None:
    path = found.paths["plain"]
    by_year, groups = pictures.coverage_by_year(path), skill_by_group(path, path.dates.year.to_list())
    whole = by_year["outcomes"] == by_year["outcomes"].max()  # years in which each date has all assets
    np.testing.assert_allclose(by_year["as forecast"][whole], groups["coverage of 90 %"][whole], rtol=1e-12)
    promised, plain, _ = pictures.coverage_plot(by_year).data
    assert set(promised.y) == {90.0}
    np.testing.assert_allclose(plain.y, 100.0 * by_year["as forecast"])


def test_skill_by_horizon_is_drawn_in_its_order(found: ForecastsToday) -> None:
    table = decay(found.paths["plain"], (1, 21))
    drawn = pictures.decay_plot({"plain": table}).data
    assert [(trace.y[0], trace.x[0]) for trace in drawn] == [
        ("1 day", table["rank IC"].iloc[0]),
        ("21 days", table["rank IC"].iloc[1]),
    ]
