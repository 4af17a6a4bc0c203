"""The terms under which a ticket is sent: session, prices at the decision, identifiers, limits."""

from collections.abc import Mapping, Sequence

import numpy as np

from desk.tickets.order_ids import rounded_number
from foundation.dataclasses import dataclass
from research.market.reading.known_instruments import known_instruments
from research.portfolio import Portfolio
from research.portfolio.keys.sending import SendingLimits

VOLATILITY_ROWS = 63  # returns of which the volatility of a collar is the standard deviation: three months of days


@dataclass(frozen=True)
class SendingTerms:
    """The terms under which the orders of a ticket are sent.

    calendar        : exchange calendar of the sessions, such as XNYS.
    expires         : session on which the orders are good; they are not sent after it.
    max_age         : sessions since the day of a price, beyond which it is too old to send its order.
    decision_prices : by asset, the close at which the policy decided, currency of the asset per unit.
    isins           : by asset, where the table of instruments has one.
    volatilities    : by asset, standard deviation of a session's return, where the collar counts in it.
    limits          : limits of the portfolio file.
    """

    calendar: str
    expires: str
    max_age: int
    decision_prices: Mapping[str, float]
    isins: Mapping[str, str]
    volatilities: Mapping[str, float]
    limits: SendingLimits


def sending_of(portfolio: Portfolio, assets: Sequence[str]) -> SendingTerms:
    """The terms of a list of a portfolio. assets : those of its orders."""
    market = portfolio.market if portfolio.currencies is None else portfolio.currencies.quoted
    places, limits = {asset: market.assets.index(asset) for asset in assets}, portfolio.ticket.sending
    closes = {asset: rounded_number(market.prices[-1, i]) for asset, i in places.items()}
    instruments = {asset: known_instruments().by_id.get(asset) for asset in assets}
    counted = places if limits is not None and limits.collar_unit == "volatilities" else {}
    return SendingTerms(
        calendar=market.calendar,
        expires=f"{portfolio.trade_day:%Y-%m-%d}",
        max_age=portfolio.orders.max_age,
        decision_prices={asset: price for asset, price in closes.items() if price is not None},
        isins={asset: known.isin for asset, known in instruments.items() if known and known.isin},
        volatilities={asset: _volatility(market.returns[-VOLATILITY_ROWS:, i]) for asset, i in counted.items()},
        limits=limits or SendingLimits(),
    )


def _volatility(returns: np.ndarray) -> float:
    return float(f"{returns.std(ddof=1):.6g}")
