"""No forecast that a file can name sees past the day on which it is asked."""

from dataclasses import replace

import numpy as np
import pytest

from research import forecast as models
from research.market import Market
from research.portfolio.keys.allocations import FORECASTS, MODELS

VIEWS = (
    models.InvestorView("SPY beats AGG by 4% a year", 0.6),
    models.InvestorView("cap-weighted equity beats VWO by 1% a year", 1.0),
    models.InvestorView("TIP returns 1% a year over cash", uncertainty=0.02),
)
EXAMPLES: tuple[models.Forecast, ...] = (
    models.Estimated(),
    models.MarketCap(),
    models.Benchmark({"SPY": 0.6, "AGG": 0.4}),
    models.BlackLitterman(VIEWS),
    models.EntropyPooling(VIEWS[:2], scenarios=252),
    models.OpinionPooling((models.Opinion("desk", 0.5, VIEWS[:2]),), scenarios=252),
    models.SignalBlend(5),
    models.Refitted(models.Boosted(horizon=5, window=450, rounds=10, min_data_in_leaf=20, calibrated=False)),
    models.Refitted(
        models.Boosted(horizon=5, window=450, rounds=5, min_data_in_leaf=20, level=True, stacked=True, calibrated=False)
    ),
    models.EWMAVolatility(),
    models.Refitted(models.GarchVolatility(window=300), "month"),
    models.Refitted(models.GarchVolatility(leverage=True, window=300)),
    models.Refitted(models.DynamicCorrelations(window=300), "quarter"),
    models.Refitted(models.HARVolatility(horizon=5, window=400), "month"),
    models.Refitted(models.HARVolatility("range", 5, window=400)),
)
LAST = 700


def test_every_kind_has_an_example() -> None:
    of_file = {type(forecast) for forecast in EXAMPLES}
    assert {*of_file, models.FactorModel} == set(FORECASTS.values())  # factors are a file's: see test_factor_model.py
    models = {type(forecast.model) for forecast in EXAMPLES if isinstance(forecast, models.Refitted)}
    assert {*models, models.Network} == set(MODELS.values())  # networks train for longer: see neural/test_network.py


@pytest.mark.parametrize("forecast", EXAMPLES, ids=lambda forecast: type(forecast).__name__)
def test_no_forecast_changes_when_later_days_do(facts_market: Market, forecast: models.Forecast) -> None:
    later = np.arange(len(facts_market.dates))[:, None] > LAST
    returns = np.where(later, -0.5 * facts_market.returns, facts_market.returns)
    changed = replace(facts_market, returns=returns, cash=np.where(later[:, 0], 0.01, facts_market.cash))
    before, after = (forecast.predict(market.past(LAST)) for market in (facts_market, changed))
    assert before.seen == after.seen == facts_market.dates[LAST]
    assert before.mean.tobytes() == after.mean.tobytes()
    assert before.covariance.tobytes() == after.covariance.tobytes()
