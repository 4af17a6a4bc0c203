"""The forecasts that a portfolio file states: `rebalance forecast` asks, measures and compares them.

forecasts:
  horizon: 21                                  # sessions, or other rows of the market; of each model that states none
  models:
    plain: {kind: estimated, window: 756}      # the first is the champion, the others are its challengers
    shrunk: {kind: estimated, mean: james_stein, window: 756}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from research.allocation import FixedWeights
from research.forecast import Boosted, Estimated, Forecast, HARVolatility, Refitted, SignalBlend
from research.market import Past
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Name, record
from research.portfolio.file.settings import read
from research.portfolio.keys.allocations import allocation_settings, check_names, read_forecast

HORIZON = 21  # a month of sessions


@record
class ForecastKeys:
    """Forecasts by name, and their horizon in rows of the market; each model is read by the table of its kind."""

    horizon: Annotated[int, Field(ge=1)] = HORIZON
    models: Annotated[Mapping[Name, Any], Field(min_length=1)]


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
    document: Document, past: Past, strategic: FixedWeights, shared: Mapping[str, Any]
) -> StatedForecasts:
    """The forecasts under `forecasts`.

    document  : the portfolio file.
    past      : market that the forecasts are about, up to its last close.
    strategic : the file's target.
    shared    : settings of the whole file, for forecasts that have them and state no other.
    Raises    : ConfigError for an unknown key or kind, a horizon that is none, and no model, all of them at once.
    """
    if not document.has("forecasts"):
        return StatedForecasts()
    keys, models, faults = read(document, ("forecasts",), ForecastKeys), dict[str, Forecast](), Faults()
    for name in keys.models:
        path = ("forecasts", "models", name)
        with faults:
            models[name] = read_forecast(document, path, strategic, {**shared, "horizon": keys.horizon})
            check_names(document, path, models[name], past)
    faults.end()
    return StatedForecasts(keys.horizon, models)


def forecasts_settings(stated: StatedForecasts) -> dict[str, Any]:
    """The same as a file would write it, every default filled in."""
    models = {name: allocation_settings(forecast) for name, forecast in stated.models.items()}
    return {"horizon": stated.horizon, "models": models}
