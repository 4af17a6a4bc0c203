"""The fills of an order on a session on paper: price, spread, impact, share of the volume, latency, parts.

The session is known when an order is placed, so that an order gets at once all that the session gives it; what it does
not get stays open until the session ends. The same order under the same id gets the same fills, whatever is placed
beside it.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from typing import Literal

from desk.exchange.paper.orders import PaperOrder
from desk.exchange.paper.prices import Bar, Session
from desk.journal.records import Quote
from foundation.arguments import is_number, is_whole, one_of, refuse
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.accounting.impact import Impact
from research.portfolio.keys.ticket import TICKET_DIGITS

LOWEST_PRICE = Decimal("1e-12")  # of a fill: impact may bring a sale to zero
UNIT_STEP = Decimal("1e-9")  # of an order in an amount of money
AT = ("close", "open", "clock")
ONE = Decimal(1)
PAPER_MODEL = "model of the paper venue"  # begins the source of its quotes


@dataclass(frozen=True)
class FillModel:
    """A model of fills. By default they are whole, at the close, without slippage: spread and impact are fees.

    at            : price of an order at market: that of the close, of the open, or of the venue's clock, on the
                    straight line from open to close. An order at the close fills at the close.
    half_spread_bps : distance of buys above and sells below the price, bp; None takes bid and ask where there are any,
                    and else charges the half-spread that the ticket expects as a fee. The close has no spread.
    impact        : impact on the price from the value and volatility a day before the session; None charges the impact
                    that the ticket expects as a fee.
    participation : largest part of the session's volume that an order gets, fraction; 1 fills an order whole where no
                    volume is known.
    parts         : largest number of fills of an order; their number and sizes are drawn.
    latency       : mean of the drawn seconds until a fill, and between the fills of an order; a fill at the close has
                    the moment of the close.
    seed          : seed of the draws.
    Raises        : ConfigError for a parameter that is out of its bounds.
    """

    at: Literal["close", "open", "clock"] = "close"
    half_spread_bps: float | None = None
    impact: Impact | None = None
    participation: float = 1.0
    parts: int = 1
    latency: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the parameters."""
        one_of("at is", self.at, AT)
        if self.half_spread_bps is not None and not (
            is_number(self.half_spread_bps) and 0.0 <= self.half_spread_bps < 5_000.0
        ):
            refuse("half_spread_bps is", self.half_spread_bps, "give basis points, at least 0 and below 5,000.")
        if not (is_number(self.participation) and 0.0 < self.participation <= 1.0):
            refuse("participation is", self.participation, "give a fraction above 0, at most 1.")
        if not (is_whole(self.parts) and self.parts >= 1):
            refuse("parts is", self.parts, "give a whole number, 1 at least.")
        if not (is_number(self.latency) and self.latency >= 0.0):
            refuse("latency is", self.latency, "give seconds, at least 0.")


@dataclass(frozen=True)
class PartialFill:
    """A fill of an order.

    quantity : units.
    price    : currency per unit.
    moment   : in UTC.
    quote    : quote that the model implies then: the price before spread and impact, and bid and ask round it, which
               are that price where there is no spread.
    """

    quantity: Decimal
    price: Decimal
    moment: datetime
    quote: Quote

    @property
    def notional(self) -> Decimal:
        """Quantity times price, not rounded."""
        return self.quantity * self.price


def parts_of(order: PaperOrder, session: Session, model: FillModel, now: datetime) -> tuple[PartialFill, ...]:
    """The fills that a session gives an order that is placed at a moment; none where its limit is not reached.

    Raises : DataError for impact or participation where the volume is not known.
    """
    bar, drawn = session.bars.get(order.symbol, Bar()), random.Random(f"{model.seed}/{order.client_id}")
    at_close = order.order_type == "market_on_close" or model.at == "close"
    moments = _moments(session, model, now, at_close, drawn)
    last = order.price or ONE if bar.close is None else price_at(session, bar, model, moments[0], at_close)
    price = _price(order, bar, model, last)
    limited = _limited(order, bar, price)
    if limited is None:
        return ()
    last = last if limited == price else limited  # the session came to the limit
    bid, ask = map(float, _sides(order, bar, model, last))
    units = _split(order, _available(order, bar, limited, model), len(moments), drawn)
    return tuple(
        PartialFill(
            each, limited, moment, Quote(bid, ask, float(last), f"{PAPER_MODEL}: {session.source}", moment.isoformat())
        )
        for each, moment in zip(units, moments, strict=False)
        if each > 0
    )


def _moments(session: Session, model: FillModel, now: datetime, at_close: bool, drawn: random.Random) -> list[datetime]:
    count = drawn.randint(1, model.parts)
    if at_close:
        return [session.closes] * count
    moments = [now]
    for _ in range(count):
        wait = drawn.expovariate(1.0 / model.latency) if model.latency else 0.0
        moments.append(min(moments[-1] + timedelta(seconds=wait), session.closes))
    return moments[1:]


def price_at(session: Session, bar: Bar, model: FillModel, moment: datetime, at_close: bool = False) -> Decimal:
    """The price of a bar at a moment, before spread and impact; 1 where it has none, and trades in amounts of money.

    at_close : true for an order at the close, whatever the model says.
    """
    if bar.open is None or bar.close is None:
        return ONE
    if at_close or model.at != "clock":
        return bar.open if model.at == "open" and not at_close else bar.close
    share = Decimal((moment - session.opens) / (session.closes - session.opens))
    return _as_stated(bar.open + share * (bar.close - bar.open))


def _as_stated(price: Decimal) -> Decimal:
    """A price above zero, to the digits that a ticket has."""
    return Decimal(f"{Context(TICKET_DIGITS).plus(max(price, LOWEST_PRICE)).normalize():f}")


def bid_and_ask(bar: Bar, model: FillModel, price: Decimal) -> tuple[Decimal, Decimal] | None:
    """Bid and ask round a price: by the half-spread of the model, else those of the bar; None where it has neither."""
    if model.half_spread_bps is not None:
        half = price * Decimal(repr(model.half_spread_bps)) / 10_000
        return price - half, price + half
    return None if bar.bid is None or bar.ask is None else (bar.bid, bar.ask)


def _sides(order: PaperOrder, bar: Bar, model: FillModel, price: Decimal) -> tuple[Decimal, Decimal]:
    """Bid and ask round a price for an order; the price itself where there is no spread."""
    if bar.close is None or order.is_exchange or order.order_type == "market_on_close":
        return price, price
    return bid_and_ask(bar, model, price) or (price, price)


def _price(order: PaperOrder, bar: Bar, model: FillModel, price: Decimal) -> Decimal:
    """The price after spread and impact."""
    if bar.close is None or order.is_exchange:
        return price
    moved = _sides(order, bar, model, price)[order.sign > 0]
    if model.impact is not None:
        if bar.day_value is None or bar.volatility is None:
            raise DataError(
                f"order {order.client_id} of {order.symbol} has no impact: neither value nor volatility a day before "
                "the session is known. Give a portfolio whose market has volumes, or a model without impact."
            )
        notional = float(order.quantity if order.in_money else order.quantity * price)
        move = model.impact.on_price(notional, bar.day_value, bar.volatility)
        moved += order.sign * price * Decimal(repr(move))
    return _as_stated(moved)


def _limited(order: PaperOrder, bar: Bar, price: Decimal) -> Decimal | None:
    """The price of an order with a limit: its own where that is better, the limit where the session reaches it."""
    if order.limit_price is None or order.sign * (order.limit_price - price) >= 0:
        return price
    reached = bar.low if order.sign > 0 else bar.high
    return order.limit_price if reached is not None and order.sign * (order.limit_price - reached) >= 0 else None


def _available(order: PaperOrder, bar: Bar, price: Decimal, model: FillModel) -> Decimal:
    """The units that a session gives an order, in whole lots. Raises DataError for a part of an unknown volume."""
    wanted = (order.quantity / price).quantize(UNIT_STEP, ROUND_DOWN) if order.in_money else order.quantity
    if bar.close is None or order.is_exchange or (model.participation == 1.0 and not bar.volume):
        return wanted  # of funds, sources state a volume of 0
    if bar.volume is None:
        raise DataError(
            f"order {order.client_id} of {order.symbol} has no part of a volume: that of the session is not known. "
            "Give prices with volumes, or a model without `participation`."
        )
    largest = bar.volume * Decimal(repr(model.participation))
    return wanted if wanted <= largest else largest // order.step * order.step


def _split(order: PaperOrder, units: Decimal, count: int, drawn: random.Random) -> Iterator[Decimal]:
    """Units in so many parts of drawn sizes, in whole lots; the last has what is left."""
    for k in range(count - 1, 0, -1):
        part = units * Decimal(repr(2.0 * drawn.random())) / (k + 1) // order.step * order.step
        part = min(part, units)
        yield part
        units -= part
    yield units
