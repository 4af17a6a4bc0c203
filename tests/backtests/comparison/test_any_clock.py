"""A portfolio whose market has a row a week or a month: annual figures, schedules and words are those of its rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.comparison import Comparison, compare
from foundation.errors import ConfigError
from research.market import load_market
from research.portfolio import load_portfolio

pytestmark = pytest.mark.usefixtures("few_simulated_tests")

LINES = {"SPY": 0.5, "AGG": 0.4, "GLD": 0.1}
HEAD = """
name: {name}
market: {name}.csv
basis: USD
cash: 1000
last_trade: {last:%Y-%m-%d}
costs: {{all: {{commission_bps: 1, half_spread_bps: 2}}}}
test_start: 2013-02-01
policy: quarterly
policies:
  monthly: {{rule: calendar, schedule: month}}
  quarterly: {{rule: calendar, schedule: quarter}}
  yearly: {{rule: calendar, schedule: year}}
  closed_form: {{rule: no_trade_region}}
lines:
"""


def written(folder: Path, name: str, every: str) -> Path:
    """A portfolio on the last sessions of each period of the shipped market."""
    market = load_market("multi_asset_daily").select(list(LINES))
    prices = pd.DataFrame(np.cumprod(1.0 + market.returns, axis=0), market.dates, market.assets)["2006":]
    prices = prices.groupby(prices.index.to_period(every)).tail(1) if every else prices
    prices.rename_axis("date").to_csv(folder / f"{name}.csv")
    lines = "".join(
        f"  {asset}: {{target: {weight}, range: [0, 1], holdings: {1e6 * weight}, asset_class: all}}\n"
        for asset, weight in LINES.items()
    )
    path = folder / f"{name}.yaml"
    path.write_text(HEAD.format(name=name, last=prices.index[-1]) + lines)
    return path


@pytest.fixture(scope="module", params=[("days", "", 252), ("weeks", "W-FRI", 52), ("months", "M", 12)])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    name, every, a_year = request.param
    portfolio = load_portfolio(written(tmp_path_factory.mktemp(name), name, every))
    assert portfolio.periods_per_year == a_year
    return compare(portfolio, draws=100)


def test_a_calendar_that_comes_round_before_its_trade_is_booked_is_warned_of(found: Comparison) -> None:
    said = [words for words in found.warnings if "of its days at the most" in words]
    months = found.portfolio.periods_per_year == 12
    assert said == months * [
        "monthly trades at one of 2 of its days at the most: they are 1 month apart, and a trade is booked 1 month "
        "later. With `lag: 0`, booked at the close that is seen, it trades at each."
    ]
    a_year = len(found.backtests["monthly"].booked) / (len(found.backtests["monthly"].net_returns) / 12)
    assert not months or a_year == pytest.approx(6.0, abs=0.2)


def test_volatility_and_days_of_trading_are_a_years_whatever_the_rows(found: Comparison) -> None:
    assert found.scores["quarterly"]["volatility"] == pytest.approx(0.09, rel=0.15)
    days = {name: one.work.days for name, one in found.recommendation.candidates.items()}
    asked = {"monthly": 12.0, "quarterly": 4.0, "yearly": 1.0}
    if found.portfolio.periods_per_year == 12:
        del asked["monthly"]  # what was decided at one row is booked at the next, and asked again after it
    assert {name: days[name] for name in asked} == pytest.approx(asked, abs=0.1)
    assert 2.0 < days["closed_form"] < 60.0


def test_the_words_are_those_of_its_rows(found: Comparison) -> None:
    rows, said = found.portfolio.name, str(found)
    assert f" {rows}, net of costs" in said
    assert f"With {len(found.backtests['quarterly'].net_returns):,} {rows}, a true difference" in said
    known = np.isfinite(found.evidence.figures("loss")["closed_form"].upper)
    assert known == (rows != "months")  # what is asked less than weekly may drift further than it has


def test_a_stated_year_that_contradicts_the_rows_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "weeks", "W-FRI")
    with pytest.raises(ConfigError, match="which has 52 rows a year from 2007-07-27"):
        load_portfolio(path, {"periods_per_year": 252})
