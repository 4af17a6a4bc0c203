"""Costs that depend on the day: spreads and impact on each day of a market, at its closes or as known at its opens."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, kept
from foundation.errors import DataError
from research.accounting.impact import Impact
from research.market import Market, Past
from research.market.checks import missing_from
from research.market.liquidity import dollar_volume, trailing_volatility


class CostPanel(NamedTuple):
    """Values of a cost that depends on the day.

    what    : name of the quantity.
    values  : (T, n), NaN where not known.
    shorter : way to know it earlier, in words.
    """

    what: str
    values: Array
    shorter: str


def panels_of(market: Market, half_spread: Array, model: Impact | None) -> list[CostPanel]:
    """The inputs of costs by the day: half-spread; mean volume (currency a day) and volatility (a day) for impact.

    market      : T days of n assets.
    half_spread : (n,) or (T, n) fraction of notional.
    model       : model of impact, or None.
    Returns     : the panels, (T, n) each; assets without impact have 1 for mean volume and volatility.
    Raises      : DataError for a market without volumes.
    """
    found = [CostPanel("half-spread", half_spread, "estimate it over a shorter window")] if half_spread.ndim > 1 else []
    if model is None or not np.any(model.coefficient):
        return found
    if market.volumes is None:
        raise DataError(f"market {market.name!r} has no volumes, and impact needs them: leave impact out.")
    charged = np.asarray(model.coefficient, dtype=float) > 0.0
    volume, sigma = dollar_volume(market, model.volume_window), trailing_volatility(market, model.volatility_window)
    volume = np.where(volume > 0.0, volume, np.nan)  # where nothing was traded, impact is not known
    of_volume, of_volatility = f"{model.volume_window}-session mean of", f"{model.volatility_window}-session"
    return [
        *found,
        CostPanel(f"{of_volume} volume", np.where(charged, volume, 1.0), "give a shorter volume_window"),
        CostPanel(f"{of_volatility} volatility", np.where(charged, sigma, 1.0), "give a shorter volatility_window"),
    ]


def panels_known_from(market: Market, panels: Sequence[CostPanel]) -> int:
    """The first row from which on all panels are known of every asset that trades; T where there is none."""
    unknown = [np.flatnonzero((np.isnan(panel.values) & market.tradable).any(axis=1)) for panel in panels]
    return max((int(rows[-1]) + 1 for rows in unknown if len(rows)), default=0)


def on_each_day(
    market: Market, first: int, half_spread: Array, model: Impact | None, at_open: bool
) -> tuple[Array, Array]:
    """Half-spreads, fraction of notional, (T, n) or as given, and the costs of notional^p, currency^(1 - p), (T, n).

    market      : T days of n assets.
    first       : row from which closes need them; opens need them from the next one on.
    half_spread : (n,) or (T, n) fraction of notional.
    model       : model of impact, or None; without it the second array is (1, n), zeros.
    at_open     : take what is known at the open of each day instead of its close.
    Raises      : DataError, naming asset, date, value and a day to start from, for what is not known of an asset that
                  trades.
    """
    panels = panels_of(market, half_spread, model)
    if model is not None and market.volumes is not None:
        quiet = (np.asarray(model.coefficient) > 0.0) & ~(market.volumes > 0.0)
        traded = np.where(quiet, np.nan, 1.0)
        refuse_missing(market, first, traded, "volume above zero", "impact needs one each day", market.volumes)
    if at_open:
        panels = [panel._replace(values=_before_opens(market, panel.values)) for panel in panels]
    _check_known(market, first + at_open, panels, at_open)
    values = [panel.values for panel in panels]
    spread = np.nan_to_num(values.pop(0)) if half_spread.ndim > 1 else half_spread
    if model is None or not values:
        return spread, np.zeros((1, len(market.assets)))
    return spread, _impact(model, *values)


def impact_on(past: Past, model: Impact) -> Array:
    """(n,) costs of notional^p at the last close of `past`, currency^(1 - p); zero where they are not known.

    past   : market of n assets.
    model  : model of impact.
    Raises : DataError for a market without volumes.
    """
    market = past._market  # means and deviations trail: a row has nothing of later ones

    def on_all_days() -> Array:
        panels = [panel.values for panel in panels_of(market, np.zeros(len(market.assets)), model)]
        return _impact(model, *panels) if panels else np.zeros(market.shape)

    found: Array = kept(market, ("impact", model), on_all_days)[past.t]
    return found


def _impact(model: Impact, volume: Array, sigma: Array) -> Array:
    """(T, n) costs of notional^p, of volumes, currency a day, and volatilities, a day; zero where not known."""
    return np.nan_to_num(np.asarray(model.coefficient) * sigma * volume ** (1.0 - model.exponent))


def refuse_missing(market: Market, first: int, values: Array, what: str, need: str, found: Array | None = None) -> None:
    """Refuse a missing value, from row `first` on, of an asset that trades.

    market : T days of n assets.
    first  : row of the market.
    values : (T, n) values in any unit, NaN where missing.
    what   : name of the values in the message.
    need   : reason why they are needed, for the message.
    found  : (T, n) numbers to show in the message instead of `values`, or None.
    Raises : DataError.
    """
    if (missing := missing_from(market, values, first)) is not None:
        t, i = missing
        shown = np.broadcast_to(values if found is None else found, market.shape)
        raise DataError(
            f"no {what} of {market.assets[i]} on {market.days[t]} in market {market.name!r}: found {shown[t, i]}, and "
            f"{need}. Start later, give another market, or leave the cost out."
        )


def _before_opens(market: Market, values: Array) -> Array:
    """(T, n) the row of the close before each open, of a halted asset that of the last day on which it traded."""
    rows = np.arange(len(market.dates))[:, None]
    traded = np.maximum.accumulate(np.where(market.tradable, rows, -1))
    known = np.take_along_axis(values, np.where(traded < 0, rows, traded), axis=0)
    return np.concatenate([known[:1], known[:-1]])


def _check_known(market: Market, first: int, panels: Sequence[CostPanel], at_open: bool) -> None:
    """Refuse what is not known, from row `first` on, of an asset that trades. Raises DataError."""
    for panel in panels:
        if (missing := missing_from(market, panel.values, first)) is None:
            continue
        (t, i), start = missing, panels_known_from(market, panels) + 1 - at_open
        late = f"Start on {market.days[start]} or later" if start < len(market.dates) else "No later start helps"
        raise DataError(
            f"no {panel.what} of {market.assets[i]} {'before the open of' if at_open else 'on'} {market.days[t]} in "
            f"market {market.name!r}: found {panel.values[t, i]}, and each asset needs it on every day it trades, held "
            f"or not; an estimate needs its whole window after the listing. {late}, {panel.shorter}, or leave the "
            "asset or the cost out."
        )
