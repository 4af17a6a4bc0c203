"""Models refitted on a schedule: on which days, what a failed fit leaves, and what is refused."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from simulated import every_day

from foundation.errors import ConfigError, DataError, PolicyError
from research.allocation import EqualWeights, MeanVariance, VolatilityTarget
from research.forecast import Moments, Refitted, Trained
from research.forecast.model import fit_rows
from research.market import Market, Past, market_from_frame


@dataclass(frozen=True)
class Mean:
    """Forecasts the mean of the returns up to its fit; its fits fail in the years named."""

    window: int = 30
    horizon: int = 1
    fails: tuple[int, ...] = ()
    asked: list[pd.Timestamp] = field(default_factory=list, compare=False)

    def fit(self, past: Past) -> "Learned":
        self.asked.append(past.date)
        if past.date.year in self.fails:
            raise DataError(f"no maximum on {past.date:%Y-%m-%d}.")
        return Learned(past.returns[1:].mean(axis=0), past.date)


@dataclass(frozen=True, eq=False)
class Learned:
    mean: np.ndarray
    seen: pd.Timestamp

    def predict(self, past: Past) -> Moments:
        return Moments(past.assets, self.mean, np.eye(len(self.mean)), 1.0, past.date)


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(days=800, n=2)


def test_it_is_fitted_when_its_window_is_there_and_then_at_the_end_of_each_year(market: Market) -> None:
    model = Mean()
    forecast = Refitted(model)
    for row in range(30, 800):
        seen = forecast.fitted(market.past(row))[0].seen
        ends = [end for end in map(pd.Timestamp, ("2020-12-31", "2021-12-31")) if end <= market.dates[row]]
        assert seen == max([market.dates[30], *ends])
    assert model.asked == [market.dates[30], pd.Timestamp("2020-12-31"), pd.Timestamp("2021-12-31")]


def test_a_fit_that_fails_leaves_the_one_before_it_and_says_so(market: Market) -> None:
    found = Refitted(Mean(fails=(2021,)), "month").predict(market.past(market.row("2021-07-05")))
    assert found.notes == ("the model is that of 2020-12-31: a later fit failed, no maximum on 2021-06-30.",)
    np.testing.assert_array_equal(found.mean, market.returns[1 : market.row("2020-12-31") + 1].mean(axis=0))
    with pytest.raises(DataError, match="no maximum on"):
        Refitted(Mean(fails=(2020, 2021))).predict(market.past(100))


def test_what_cannot_be_forecast_is_refused(market: Market) -> None:
    with pytest.raises(ConfigError, match="schedule of Refitted is 'weekly'"):
        Refitted(Mean(), "weekly")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"29 returns up to .* are too few: Mean is first fitted on 30"):
        Refitted(Mean()).predict(market.past(29))
    trained = Trained(Mean().fit(market.past(400)))
    assert trained.predict(market.past(400)).seen == market.dates[400]
    with pytest.raises(PolicyError, match="it knows later data"):
        trained.predict(market.past(399))


def test_weekly_rows_have_a_fit_each_year() -> None:
    """The last session of a year is seldom a Friday: the first row after it serves as well."""
    days = pd.date_range("2015-01-02", periods=300, freq="W-FRI")
    frame = pd.DataFrame(100.0 + np.sin(np.arange(300.0)), days, ["A"])
    past = market_from_frame(frame, calendar="24/5").past(299)
    fitted = [f"{past.dates[row]:%Y-%m-%d}" for row in fit_rows(60, "year", past)]
    assert fitted == ["2016-02-26", "2016-12-30", "2017-12-29", "2019-01-04", "2020-01-03"]


def test_an_allocation_refuses_a_forecast_that_has_seen_a_later_day(market: Market) -> None:
    @dataclass(frozen=True)
    class Foreseeing:
        window: int = 2

        def predict(self, past: Past) -> Moments:
            return Moments(past.assets, np.zeros(2), np.eye(2), 1.0, past.date + pd.Timedelta(days=1))

    for allocation in (
        MeanVariance(forecast=Foreseeing()),
        VolatilityTarget(EqualWeights(), 0.1, forecast=Foreseeing()),
    ):
        with pytest.raises(PolicyError, match="it knows later data"):
            allocation.target(market.past(100))
