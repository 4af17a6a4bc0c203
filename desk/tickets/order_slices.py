"""The slices of the orders of a ticket, reckoned when it is made: what is approved is what is sent."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from foundation.canonical import decimal
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from research.market import Market
from research.market.calendars import A_YEAR, closes, opens, rows_a_year
from research.market.liquidity import dollar_volume, trailing_volatility
from research.orders.linear_impact import LinearImpact
from research.orders.slicing import SLICINGS, ParentOrder, sliced
from research.portfolio import Portfolio

VOLUME_ROWS, VOLATILITY_ROWS = 21, 63  # of their trailing means
SLICE_DIGITS = 6  # significant, of expected costs; decimals of a minute


@dataclass(frozen=True)
class OrderSlices:
    """The slices of an order.

    slices : of each, minutes after the first one at which it is sent, and units.
    cost   : expected cost of spread and impact, were impact linear in the rate of trading, currency of the order.
    risk   : standard deviation of that cost, currency of the order; None, as is `cost`, where the volatility is not
             known.
    """

    slices: tuple[tuple[float, float], ...]
    cost: float | None
    risk: float | None


def order_slices(portfolio: Portfolio, orders: Iterable[Mapping[str, Any]]) -> dict[str, OrderSlices]:
    """The slices of each order by its client id, as the portfolio file asks for them; {} where it does not.

    An order in an amount of money is sent whole.

    orders : those of the ticket, as its document has them.
    Raises : ConfigError for what the kind of slicing needs and the market or the costs do not have.
    """
    if (terms := portfolio.ticket.slicing) is None:
        return {}
    market = portfolio.market if portfolio.currencies is None else portfolio.currencies.quoted
    expected, slicing = _expected(market), SLICINGS[terms.kind](**terms.settings)
    sessions = terms.minutes / session_minutes(portfolio.trade_day, market.calendar)
    slices = {}
    for order in orders:
        if order["quantity"] is None:
            continue
        try:
            schedule = sliced(_parent(order, sessions, *expected[order["asset"]]), slicing)
        except ConfigError as error:
            raise ConfigError(f"ticket.slicing: {terms.kind}, to {order['side']} {order['asset']}: {error}") from None
        minutes = terms.minutes / sessions
        slices[order["client_order_id"]] = OrderSlices(
            tuple((round(part.start * minutes, SLICE_DIGITS), float(part.quantity)) for part in schedule.slices),
            _rounded(schedule.cost),
            _rounded(schedule.risk),
        )
    return slices


def slices_note(portfolio: Portfolio, slices: Mapping[str, OrderSlices]) -> tuple[str, ...]:
    """The sentence by which a ticket says that its orders are sent in slices, or ()."""
    terms = portfolio.ticket.slicing
    if terms is None or not slices:
        return ()
    counts = sorted({len(each.slices) for each in slices.values()})
    number = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return (f"Orders are sent in slices, {number} each, over {terms.minutes:g} minutes ({terms.kind}).",)


def _expected(market: Market) -> dict[str, tuple[float, float]]:
    """By asset, the units that trade in a session and the volatility of a √session, fraction; NaN where not known."""
    rows = min(rows_a_year(market.days) / A_YEAR["day"], 1.0)  # of the market, in a session
    volumes = np.full(len(market.assets), np.nan)
    if market.volumes is not None:
        volumes = dollar_volume(market, VOLUME_ROWS)[-1] / market.prices[-1] * rows
    deviations = trailing_volatility(market, VOLATILITY_ROWS)[-1] * rows**0.5
    return dict(zip(market.assets, zip(volumes.tolist(), deviations.tolist(), strict=True), strict=True))


def session_minutes(day: pd.Timestamp, calendar: str) -> float:
    """The length of the session of a day on an exchange calendar, minutes."""
    days = np.array([day], dtype="datetime64[D]")
    return float((closes(days, calendar) - opens(days, calendar))[0] / np.timedelta64(1, "m"))


def _parent(order: Mapping[str, Any], sessions: float, volume: float, deviation: float) -> ParentOrder:
    """An order with what is expected of its market."""
    quantity, impact = order["quantity"], None
    if deviation > 0.0:
        costs = (order["half_spread"], order["impact"])
        impact = LinearImpact.from_costs(quantity, *costs, deviation * order["price"])
    return ParentOrder(decimal(quantity), decimal(order["lot"]), sessions, volume if volume > 0.0 else None, impact)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{SLICE_DIGITS}g}")
