"""The forecasts that a portfolio file states: `rebalance forecast` asks, measures and compares them.

forecasts:
  horizon: 21                                  # sessions, or other rows of the market; of each model that states none
  models:
    plain: {kind: estimated, window: 756}      # the first is the champion, the others are its challengers
    shrunk: {kind: estimated, mean: james_stein, window: 756}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from research.allocation import FixedWeights
from research.forecast import Boosted, Estimated, Forecast, HARVolatility, Refitted, SignalBlend
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults, read_all
from research.portfolio.keys.allocations import allocation_settings, check_names, read_forecast

KEYS = ("horizon", "models")
HORIZON = 21  # a month of sessions


@dataclass(frozen=True)
class StatedForecasts:
    """Forecasts by name, of one horizon.

    horizon : rows of the market.
    models  : the first is the champion; empty where the file states none.
    """

    horizon: int = HORIZON
    models: Mapping[str, Forecast] = field(default_factory=dict)


def usual_forecasts() -> dict[str, Forecast]:
    """The forecasts that are compared where a file states none."""
    return {
        "three years": Estimated(window=756),
        "signals": SignalBlend(),
        "boosted": Refitted(Boosted()),
        "har": Refitted(HARVolatility()),
    }


def read_forecasts(
    document: Document, market: Market, strategic: FixedWeights, shared: Mapping[str, Any]
) -> StatedForecasts:
    """The forecasts under `forecasts`.

    document  : the portfolio file.
    market    : market that the forecasts are about.
    strategic : the file's target.
    shared    : settings of the whole file, for forecasts that have them and state no other.
    Raises    : ConfigError for an unknown key or kind, a horizon that is none, and no model, all of them at once.
    """
    if not document.has("forecasts"):
        return StatedForecasts()
    document.mapping("forecasts")  # refuses what is none
    horizon, names, faults = HORIZON, tuple[str, ...](), Faults()
    with faults:
        document.check_keys(("forecasts",), KEYS)
    with faults:
        horizon = document.whole("forecasts", "horizon", at_least=1, default=HORIZON)
    with faults:
        names = document.names("forecasts", "models")
    past = market.past(len(market.dates) - 1)

    def read(name: str) -> Forecast:
        path = ("forecasts", "models", name)
        forecast: Forecast = read_forecast(document, path, strategic, {**shared, "horizon": horizon})
        check_names(document, path, forecast, past)
        return forecast

    return StatedForecasts(horizon, read_all({name: partial(read, name) for name in names}, faults))


def forecasts_settings(stated: StatedForecasts) -> dict[str, Any]:
    """The same as a file would write it, every default filled in."""
    models = {name: allocation_settings(forecast) for name, forecast in stated.models.items()}
    return {"horizon": stated.horizon, "models": models}
