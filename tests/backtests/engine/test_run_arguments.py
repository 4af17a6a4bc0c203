"""What a policy answers is checked before it is played, whether it is played compiled or day by day."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated import world

from backtests.engine import backtest
from backtests.sweeps import Plan, Setup, sweep
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs, Hold, Trade, View, Why
from research.allocation import ConstantExposure, EqualWeights, TargetPath, VolatilityTarget
from research.learning import Universal
from research.market import Market
from research.rules import Calendar, CompiledRule, NoTradeBands, NoTradeRegion, Threshold, TrackingError
from research.rules.estimates import check_year


@dataclass(frozen=True)
class Changed(CompiledRule):
    """A threshold whose no-trade bands are tampered with."""

    changes: dict[str, Any]
    allocation: EqualWeights = field(default_factory=EqualWeights)

    def decide(self, view: View) -> Hold | Trade:
        raise AssertionError("played compiled")

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        whole = Threshold(self.allocation, 0.01).no_trade_bands(market, targets)
        return replace(whole, **{name: change(getattr(whole, name)) for name, change in self.changes.items()})


@pytest.mark.parametrize(("changes", "said"), [
    ({"lower": lambda a: a + 3.0}, r"row 0 of no-trade bands has the box \[3\.\d+"),
    ({"upper": lambda a: a * np.nan}, "has the box"),
    ({"trigger_upper": lambda a: a - 1.0}, "has the box"),
    ({"lower": lambda a: a[:, :2]}, r"lower of no-trade bands has shape \(1, 2\)"),
    ({"asked": lambda a: a[:-1]}, "no-trade bands for 3 assets and 299 days, the market 3 and 300"),
    ({"lower": lambda a: a + 1.0, "upper": lambda a: a + 1.0}, "gross weights of 4.0000 at least, past the leverage"),
    ({"lower": lambda a: a + np.inf, "upper": lambda a: a + np.inf}, "gross weights of inf at least"),
])  # fmt: skip
def test_no_trade_bands_that_cannot_be_booked_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        backtest(world(), Changed(changes), Costs.bps(3))


def test_a_class_that_overrides_decide_alone_is_played_as_it_decides() -> None:
    class Stubborn(Threshold):
        def decide(self, view: View) -> Hold:
            return Hold(Why("never"))

    assert len(backtest(world(), Threshold(EqualWeights(), 0.005), Costs.bps(3)).ledger.asked) > 0
    assert len(backtest(world(), Stubborn(EqualWeights(), 0.005), Costs.bps(3)).ledger.asked) == 0


def test_an_answer_that_is_neither_hold_nor_trade_is_refused_with_its_date() -> None:
    class Silent:
        allocation = EqualWeights()

        def decide(self, view: View) -> None:
            return None

    with pytest.raises(PolicyError, match="'Silent' answered None on 2020-01-02"):
        backtest(world(), Silent(), Costs.bps(3))  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "said"), [
    ({"costs": None}, "costs is None: give `Costs`"),
    ({"costs": 0.001}, "costs is 0.001: give `Costs`"),
    ({"lag": "1"}, "lag is '1': give a whole number of sessions"),
    ({"lag": True}, "lag is True"),
    ({"leverage_limit": float("nan")}, "leverage_limit is nan: give a finite number above 0"),
    ({"leverage_limit": "1"}, "leverage_limit is '1'"),
    ({"periods_per_year": 0}, "periods_per_year is 0: give a finite number above 0"),
    ({"periods_per_year": "252"}, "periods_per_year is '252'"),
    ({"targets": "x"}, "targets is 'x': give a `TargetPath`"),
    ({"start_weights": "abc"}, "start_weights are 'abc': give finite fractions"),
    ({"nav": "1m"}, "nav is '1m': give a wealth"),
    ({"execution": {"days": 2}}, "execution is {'days': 2}: give an `Execution`"),
    ({"flows": {"2018-01-03": 5.0}}, "flows is .*: give `Flows`"),
    ({"start": "banana"}, "start is 'banana': write a date as YYYY-MM-DD"),
])  # fmt: skip
def test_what_is_of_another_kind_is_refused_in_a_sentence(given: dict[str, object], said: str) -> None:
    asked = {"costs": Costs.bps(3)} | given
    with pytest.raises(ConfigError, match=said):
        backtest(world(), Threshold(EqualWeights(), 0.005), **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rule", "said"), [
    (Universal(EqualWeights(), returns=20), "periods_per_year of Universal is 252.0: its market is played with 52"),
    (Threshold(EqualWeights(), 0.5, kind="volatility", returns=20), "periods_per_year of Threshold is 252.0"),
    (
        Calendar(ConstantExposure(VolatilityTarget(EqualWeights(), 0.1, lookback=20), 0.9), "month"),
        "periods_per_year of VolatilityTarget is 252.0",
    ),
    (Calendar(VolatilityTarget(EqualWeights(), 0.1, lookback=20), "month"), "periods_per_year of VolatilityTarget"),
])  # fmt: skip
def test_a_rule_that_goes_by_risk_a_year_has_the_year_of_its_market(rule: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        backtest(FRIDAYS, rule, Costs.bps(2))
    with pytest.raises(ConfigError, match=said):
        Setup.on(FRIDAYS, Costs.bps(2), EqualWeights(), "2020-03-02", periods_per_year=52).policy(rule)
    check_year(Threshold(EqualWeights(), 0.02), 52)  # it goes by weights alone


def test_a_rule_whose_window_is_longer_than_the_market_is_refused() -> None:
    for rule in (Universal(EqualWeights(), returns=5_000), TrackingError(EqualWeights(), returns=5_000)):
        with pytest.raises(
            ConfigError, match=r"is 5000, and market .* has 299, with no month's end after a whole window"
        ):
            backtest(world(), rule, Costs.bps(3), start="2020-03-02")


def test_a_market_is_not_its_name() -> None:
    with pytest.raises(ConfigError, match="market is 'us_etf_ohlcv': give a Market, as `load_market` gives it"):
        backtest("us_etf_ohlcv", Threshold(EqualWeights(), 0.005), Costs.bps(3))  # type: ignore[arg-type]


# -- rows that a schedule does not fit -------------------------------------------------------------------------------

EQUAL = EqualWeights()


def thinned(dates: pd.DatetimeIndex, calendar: str = "24/5") -> Market:
    """Two assets on these dates."""
    return replace(world(days=len(dates), n=2), dates=dates, calendar=calendar, name="thinned")


FRIDAYS = thinned(pd.date_range("2020-01-03", "2024-12-27", freq="W-FRI"))
MONTHS = thinned(pd.date_range("2015-01-01", "2024-12-31", freq="BME"))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Calendar(EQUAL, "week"), "schedule of Calendar is 'week', and of its 518 sessions on 24/5 from 2015-01-30 to "
         "2024-12-31 only 120 are rows of market 'thinned': it would miss the others. Give rows of every session, or a "
         "schedule that fits the rows, such as 'month'"),
        (Calendar(EQUAL, "monday"), "schedule of Calendar is 'monday', and of its 518 sessions"),
        (Calendar(EQUAL, "week", offset=1), "schedule of Calendar is 'week', and"),
        (Threshold(EQUAL, 0.02, schedule="week"), "schedule of Threshold is 'week', and"),
        (Threshold(EQUAL, 0.02, review_schedule="friday"), "review_schedule of Threshold is 'friday', and"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_schedule_that_the_rows_do_not_fit_is_refused_and_counted(rule: Any, said: str) -> None:
    start = MONTHS.dates[1]
    with pytest.raises(ConfigError) as error:
        backtest(MONTHS, rule, Costs.bps(2), start=start)
    assert said in str(error.value)
    setup = Setup.on(MONTHS, Costs.bps(2), EQUAL, start=start, periods_per_year=12)
    with pytest.raises(ConfigError) as error:
        sweep(setup, Plan([rule]), progress=False)
    assert said in str(error.value)


@pytest.mark.parametrize(("market", "rule"), [
    (FRIDAYS, Calendar(EQUAL, "week")),
    (FRIDAYS, Calendar(EQUAL, "friday")),
    (FRIDAYS, Calendar(EQUAL, 20)),
    (FRIDAYS, Calendar(EQUAL, "month")),
    (FRIDAYS, Calendar(EQUAL, "quarter", offset=5)),
    (FRIDAYS, Threshold(EQUAL, 0.02, schedule="month", review_schedule="year")),
    (FRIDAYS, Threshold(EQUAL, 0.02)),
    (FRIDAYS, NoTradeRegion(EQUAL, returns=52, periods_per_year=52.0)),
    (FRIDAYS, TrackingError(EQUAL, covariance=((0.04, 0.0), (0.0, 0.04)), periods_per_year=52.0)),
    (MONTHS, Calendar(EQUAL, "month")),
    (MONTHS, Calendar(EQUAL, "quarter")),
    (MONTHS, TrackingError(EQUAL, returns=20, periods_per_year=12.0)),
    # daily rows that lack the one session of the schedule
    (thinned(pd.bdate_range("2020-01-02", "2021-11-30").drop("2020-12-31")), Calendar(EQUAL, "year")),
    (world(), Calendar(EQUAL, "quarter")),
], ids=repr)  # fmt: skip
def test_a_schedule_that_fits_is_played(market: Market, rule: Any) -> None:
    assert backtest(market, rule, Costs.bps(len(market.assets)), name="fits").name == "fits"
