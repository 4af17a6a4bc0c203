"""The forecasts that a portfolio file states: `rebalance forecast` asks, measures and compares them.

forecasts:
  horizon: 21                                  # sessions, or other rows of the market; of each model that states none
  models:
    plain: {kind: estimated, window: 3y}       # the first is the champion, the others are its challengers
    shrunk: {kind: estimated, mean: james_stein, window: 3y}
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from foundation.dataclasses import dataclass, field
from research.allocation import FixedWeights
from research.forecast import Forecast
from research.market import Past
from research.market.calendars import A_YEAR, row_count
from research.market.frequency import is_daily, sample_rows, span_rows
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Name, record
from research.portfolio.file.lengths import at_frequency
from research.portfolio.file.settings import read
from research.portfolio.keys.allocations import allocation_settings, check_names, read_forecast

HORIZON, ESTIMATE = 21, 756  # sessions: a month, and three years


@record
class ForecastKeys:
    """Forecasts by name, each read by the table of its kind; and their horizon in rows, a month by default."""

    horizon: Annotated[int, Field(ge=1)] | None = None
    models: Annotated[Mapping[Name, Any], Field(min_length=1)]


@dataclass(frozen=True)
class StatedForecasts:
    """Forecasts by name, of one horizon.

    horizon : rows of the market.
    models  : the first is the champion; empty where the file states none.
    """

    horizon: int = HORIZON
    models: Mapping[str, Forecast] = field(default_factory=dict)


def usual_forecasts(periods_per_year: float = A_YEAR["day"]) -> dict[str, Forecast]:
    """The forecasts that are compared where a file states none, on a market with so many rows a year."""
    from research.forecast import Boosted, Estimated, EWMAVolatility, HARVolatility, Refitted, SignalBlend

    if not is_daily(periods_per_year):
        long = Estimated(window=sample_rows(ESTIMATE, periods_per_year))
        others = {"signals": SignalBlend(), "ewma": EWMAVolatility()}
        return {
            row_count(long.window, periods_per_year): long,
            **{name: at_frequency(one, periods_per_year) for name, one in others.items()},
        }
    return {
        "three years": Estimated(window=ESTIMATE),
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
    month = span_rows(HORIZON, shared["periods_per_year"])
    if not document.has("forecasts"):
        return StatedForecasts(month)
    keys, models, faults = read(document, ("forecasts",), ForecastKeys), dict[str, Forecast](), Faults()
    horizon = keys.horizon or month
    for name in keys.models:
        path = ("forecasts", "models", name)
        with faults:
            models[name] = read_forecast(document, path, strategic, {**shared, "horizon": horizon})
            check_names(document, path, models[name], past)
    faults.end()
    return StatedForecasts(horizon, models)


def forecasts_settings(stated: StatedForecasts) -> dict[str, Any]:
    """The same as a file would write it, every default filled in."""
    models = {name: allocation_settings(forecast) for name, forecast in stated.models.items()}
    return {"horizon": stated.horizon, "models": models}
