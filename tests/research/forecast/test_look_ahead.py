"""No forecast that a file can name sees past the day on which it is asked."""

from dataclasses import replace

import numpy as np
import pytest

from research import forecast as forecasting
from research.market import Market
from research.portfolio.keys.allocations import FORECASTS, MODELS

VIEWS = (
    forecasting.InvestorView("SPY beats AGG by 4% a year", 0.6),
    forecasting.InvestorView("cap-weighted equity beats VWO by 1% a year", 1.0),
    forecasting.InvestorView("TIP returns 1% a year over cash", uncertainty=0.02),
)
EXAMPLES: tuple[forecasting.Forecast, ...] = (
    forecasting.Estimated(),
    forecasting.MarketCap(),
    forecasting.Benchmark({"SPY": 0.6, "AGG": 0.4}),
    forecasting.BlackLitterman(VIEWS),
    forecasting.SignalBlend(5),
    forecasting.Refitted(forecasting.Boosted(horizon=5, window=450, rounds=10, min_data_in_leaf=20, calibrated=False)),
    forecasting.EWMAVolatility(),
    forecasting.Refitted(forecasting.GarchVolatility(window=300), "month"),
    forecasting.Refitted(forecasting.GarchVolatility(leverage=True, window=300)),
    forecasting.Refitted(forecasting.HARVolatility(horizon=5, window=400), "month"),
    forecasting.Refitted(forecasting.HARVolatility("range", 5, window=400)),
)
LAST = 700


def test_every_kind_has_an_example() -> None:
    of_file = {type(forecast) for forecast in EXAMPLES}
    assert {*of_file, forecasting.FactorModel} == set(
        FORECASTS.values()
    )  # factors are a file's: see test_factor_model.py
    models = {type(forecast.model) for forecast in EXAMPLES if isinstance(forecast, forecasting.Refitted)}
    assert {*models, forecasting.Network} == set(
        MODELS.values()
    )  # networks train for longer: see neural/test_network.py


@pytest.mark.parametrize("forecast", EXAMPLES, ids=lambda forecast: type(forecast).__name__)
def test_no_forecast_changes_when_later_days_do(facts_market: Market, forecast: forecasting.Forecast) -> None:
    later = np.arange(len(facts_market.dates))[:, None] > LAST
    returns = np.where(later, -0.5 * facts_market.returns, facts_market.returns)
    changed = replace(facts_market, returns=returns, cash=np.where(later[:, 0], 0.01, facts_market.cash))
    before, after = (forecast.predict(market.past(LAST)) for market in (facts_market, changed))
    assert before.seen == after.seen == facts_market.dates[LAST]
    assert before.mean.tobytes() == after.mean.tobytes()
    assert before.covariance.tobytes() == after.covariance.tobytes()
