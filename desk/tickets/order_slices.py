"""The slices of the orders of a ticket, reckoned when it is made: what is approved is what is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foundation.errors import ConfigError
from research.market import Market
from research.market.calendars import closes, opens
from research.market.liquidity import dollar_volume, volatility
from research.orders.linear_impact import LinearImpact
from research.orders.slicing import SLICINGS, ParentOrder, sliced
from research.orders.trade_list import TradeList
from research.portfolio.holdings.rates import decimal

VOLUME_ROWS, VOLATILITY_ROWS = 21, 63  # sessions of their trailing means
DIGITS = 6  # significant, of expected costs; decimals of a minute


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


def order_slices(trades: TradeList, orders: Iterable[Mapping[str, Any]]) -> dict[str, OrderSlices]:
    """The slices of each order by its client id, as the portfolio file asks for them; {} where it does not.

    An order in an amount of money is sent whole.

    orders : those of the ticket, as its document has them.
    Raises : ConfigError for what the kind of slicing needs and the market or the costs do not have.
    """
    portfolio = trades.portfolio
    if (terms := portfolio.ticket.slicing) is None:
        return {}
    market = portfolio.market if portfolio.currencies is None else portfolio.currencies.quoted
    slicing, day = SLICINGS[terms.kind](**terms.settings), np.array([portfolio.trade_day], dtype="datetime64[D]")
    length = closes(day, market.calendar)[0] - opens(day, market.calendar)[0]
    found = {}
    for order in orders:
        if order["quantity"] is None:
            continue
        try:
            each = sliced(_parent(order, market, terms.minutes * np.timedelta64(1, "m") / length), slicing)
        except ConfigError as error:
            raise ConfigError(f"ticket.slicing: {terms.kind}, to {order['side']} {order['asset']}: {error}") from None
        minutes = terms.minutes / each.order.sessions
        found[order["client_order_id"]] = OrderSlices(
            tuple((round(part.start * minutes, DIGITS), float(part.quantity)) for part in each.slices),
            _rounded(each.cost),
            _rounded(each.risk),
        )
    return found


def slices_note(trades: TradeList, slices: Mapping[str, OrderSlices]) -> tuple[str, ...]:
    """The sentence by which a ticket says that its orders are sent in slices, or ()."""
    terms = trades.portfolio.ticket.slicing
    if terms is None or not slices:
        return ()
    counts = sorted({len(each.slices) for each in slices.values()})
    number = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return (f"Orders are sent in slices, {number} each, over {terms.minutes:g} minutes ({terms.kind}).",)


def _parent(order: Mapping[str, Any], market: Market, sessions: float) -> ParentOrder:
    """An order with what is expected of its market."""
    i, quantity, price = market.assets.index(order["asset"]), order["quantity"], order["price"]
    volume = None if market.volumes is None else dollar_volume(market, VOLUME_ROWS)[-1, i] / price
    deviation = volatility(market, VOLATILITY_ROWS)[-1, i] * price
    impact = None
    if deviation > 0.0:
        impact = LinearImpact.from_costs(quantity, order["half_spread"], order["impact"], deviation)
    known = None if volume is None or not volume > 0.0 else float(volume)
    return ParentOrder(decimal(quantity), decimal(order["lot"]), float(sessions), known, impact)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
