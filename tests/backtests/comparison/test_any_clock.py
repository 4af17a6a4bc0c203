"""A portfolio whose market has a row a week or a month: annual figures, schedules and words are those of its rows."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.comparison import Comparison, _passed_over, compare
from backtests.engine import backtest
from backtests.evaluation.metrics import METRICS
from backtests.sheets.pictures.comparison.returns import daily_returns_picture
from backtests.views import view
from foundation.errors import ConfigError
from foundation.paper.styles import line_styles
from research.accounting import Costs, Execution
from research.allocation import FixedWeights
from research.market import load_market
from research.market.calendars import scheduled
from research.portfolio import load_portfolio
from research.rules import Calendar

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


def test_losses_of_a_row_are_said_to_be_those_of_a_day_a_week_or_a_month(found: Comparison) -> None:
    row = {252: "day", 52: "week", 12: "month"}[found.portfolio.periods_per_year]
    page = re.sub(r"<[^>]+>", " ", str(view(found, "html")))
    assert set(re.findall(r"(?:%|points) a (\w+)", page)) == {"year", row}
    units = found.backtests["monthly"].summary()["unit"]
    assert set(units[units.index.str.contains("VaR")]) == {f"% a {row}"}
    assert f"Hit rate, {row}s of gain" in units.index
    drawn = daily_returns_picture(found.risk, line_styles(dict.fromkeys(found.backtests, False), found.reference, None))
    assert f"of NAV a {row}; " in drawn.alt
    assert METRICS["cvar95"].record_unit == "fraction a row"


def test_a_calendar_that_comes_round_before_its_trade_is_booked_is_warned_of(found: Comparison) -> None:
    said = [words for words in found.warnings if "of its" in words]
    days, months = len(found.backtests["monthly"].booked), len(found.backtests["monthly"].net_returns)
    assert said == (found.portfolio.periods_per_year == 12) * [
        f"monthly can trade on {(months + 1) // 2} of its {months} months: the others come before its last trade is "
        "booked, 1 month after it is decided. With a smaller `lag`, or fewer `days` of `execution`, it can trade on "
        "more."
    ]
    assert not said or abs(days - months / 2) <= 1.0


@pytest.mark.parametrize(("lag", "days"), [(20, 1), (21, 1), (0, 22), (2, 1)])
def test_it_says_on_how_many_days_a_calendar_can_trade(lag: int, days: int) -> None:
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    rule = Calendar(FixedWeights((0.6, 0.4)), "month")
    played = backtest(market, rule, Costs.bps(2), lag=lag, execution=Execution(days=days), start=market.dates[-1500])
    asked, words = len(np.unique(played.ledger.asked)), _passed_over("it", played)
    on = int(scheduled(market.days[played.first :], "month", market.calendar).sum())
    assert bool(words) == (lag > 2 or days > 2)
    assert abs(asked - on) <= 2 if not words else words[0].startswith(f"it can trade on {asked} of its {on} days")


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
