"""Implementation shortfall of an order: its cost against the price at which it was decided, part by part.

A paper portfolio that traded all units at the decision price is compared with what was traded and paid. Each part is a
cost in currency, of a buy and of a sale alike: a negative one is a gain. A part whose prices were not observed is None;
`unknown` is what the known parts leave of the total, so that known and unknown add up to it.

Sources : Perold (1988), The implementation shortfall: paper versus reality, for the total; Wagner and Edwards (1993),
          Best execution, for delay of all units wanted; Kissell (2014), The Science of Algorithmic Trading and
          Portfolio Management, chapter 3, for both, and for spread, impact and timing.
"""

from collections.abc import Sequence
from math import fsum, isfinite
from typing import Literal, NamedTuple, NoReturn, get_args

from foundation.arguments import one_of
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.portfolio.holdings.blotter import SIGN_OF_SIDE

Delay = Literal["wanted", "filled"]  # the units on which delay is counted
SHORTFALL_PARTS = ("delay", "spread", "impact", "timing", "fees", "opportunity")
FILLED_IN_FULL = 1e-9  # of the units wanted: a rest within it is rounding


class ObservedFill(NamedTuple):
    """A fill, and the quote at its moment.

    quantity    : units, above zero.
    price       : currency per unit, above zero.
    mid         : middle of bid and ask at the fill, currency per unit, or None.
    half_spread : half of ask less bid, currency per unit, or None.
    """

    quantity: float
    price: float
    mid: float | None = None
    half_spread: float | None = None


@dataclass(frozen=True)
class ObservedOrder:
    """An order, its fills, and the prices that were observed; None for what was not.

    name     : name of the order, for messages.
    side     : buy or sell.
    wanted   : units that were to be traded.
    fills    : its fills.
    decision : price at the decision, currency per unit.
    arrival  : price when the order was sent, currency per unit.
    end      : price at which the rest is valued that was not filled, currency per unit.
    fees     : fees of all fills, currency; a rebate is below zero.
    Raises   : DataError for another side, a number that is not finite, a price or quantity that is not above zero, a
               half-spread below zero, and for more units filled than wanted.
    """

    name: str
    side: str
    wanted: float
    fills: tuple[ObservedFill, ...]
    decision: float | None = None
    arrival: float | None = None
    end: float | None = None
    fees: float | None = 0.0

    def __post_init__(self) -> None:
        """Check the side and the numbers."""
        if self.side not in SIGN_OF_SIDE:
            self._refuse("side", self.side, "Give buy or sell.")
        for field in ("wanted", "decision", "arrival", "end"):
            self._check(field, getattr(self, field))
        for fill in self.fills:
            self._check("quantity of a fill", fill.quantity)
            self._check("price of a fill", fill.price)
            self._check("mid of a fill", fill.mid)
            if fill.half_spread is not None and not 0.0 <= fill.half_spread < float("inf"):
                self._refuse("half_spread of a fill", fill.half_spread, "Give a number that is at least zero.")
        if self.fees is not None and not isfinite(self.fees):
            self._refuse("fees", self.fees, "Give a number.")
        if self.filled > self.wanted * (1.0 + FILLED_IN_FULL):
            fix = f"It wanted {self.wanted:,.10g}: correct the fill that is of another order, or was counted twice."
            self._refuse("units filled", self.filled, fix)

    @property
    def filled(self) -> float:
        """Units that were filled."""
        return fsum(fill.quantity for fill in self.fills)

    @property
    def rest(self) -> float:
        """Units that were not filled."""
        rest = self.wanted - self.filled
        return rest if rest > FILLED_IN_FULL * self.wanted else 0.0

    def _check(self, field: str, value: float | None) -> None:
        if value is not None and not 0.0 < value < float("inf"):
            self._refuse(field, value, "Give a number above zero.")

    def _refuse(self, field: str, value: object, fix: str) -> NoReturn:
        raise DataError(f"order {self.name}: {field} is {value!r}. {fix}")


@dataclass(frozen=True)
class Shortfall:
    """The parts of an order's implementation shortfall, costs in currency; None for what is not known.

    delay       : move of the price from decision to arrival.
    spread      : half the quoted spread at each fill.
    impact      : distance of each fill from the middle of its quote, less that half-spread; below zero for a fill
                  within the quote.
    timing      : move of the middle from arrival to each fill; what the order's own earlier fills moved is in it.
    trading     : spread, impact and timing together, which needs no quote at the fills.
    fees        : fees.
    opportunity : move of the price of units that were not filled, from arrival (or decision: `Delay`) to the end.
    total       : cost of all against the decision price.
    unknown     : total less the known ones of `SHORTFALL_PARTS`; 0 where all are known.
    """

    delay: float | None
    spread: float | None
    impact: float | None
    timing: float | None
    trading: float | None
    fees: float | None
    opportunity: float | None
    total: float | None
    unknown: float | None


def shortfall(order: ObservedOrder, delay: Delay = "wanted") -> Shortfall:
    """The implementation shortfall of an order.

    delay  : "wanted" counts delay on all units wanted, and opportunity from arrival (Wagner); "filled" counts it on
             units filled, and opportunity from the decision (Perold). The total is the same.
    Raises : ConfigError for another `delay`.

    >>> kissell = ObservedOrder("1", "buy", 5_000, (ObservedFill(4_000, 10.50),), 10.00, 10.25, end=11.00, fees=80)
    >>> found = shortfall(kissell)
    >>> found.total, found.delay, found.trading, found.opportunity, found.fees
    (3080.0, 1250.0, 1000.0, 750.0, 80)
    """
    one_of("delay is", delay, get_args(Delay))
    sign, fills, decision, arrival = SIGN_OF_SIDE[order.side], order.fills, order.decision, order.arrival
    units, start = (order.wanted, arrival) if delay == "wanted" else (order.filled, decision)
    off_mid = _sum([_cost(sign * fill.quantity, fill.mid, fill.price) for fill in fills])
    spread = _sum([_cost(fill.quantity, 0.0, fill.half_spread) for fill in fills])
    parts = {
        "delay": _cost(sign * units, decision, arrival),
        "spread": spread,
        "impact": None if off_mid is None or spread is None else off_mid - spread,
        "timing": _sum([_cost(sign * fill.quantity, arrival, fill.mid) for fill in fills]),
        "fees": order.fees,
        "opportunity": _cost(sign * order.rest, start, order.end),
    }
    executed = [_cost(sign * fill.quantity, decision, fill.price) for fill in fills]
    total = _sum([*executed, _cost(sign * order.rest, decision, order.end), order.fees])
    known = [part for part in parts.values() if part is not None]
    unknown = None if total is None else 0.0 if len(known) == len(SHORTFALL_PARTS) else total - fsum(known)
    trading = _sum([_cost(sign * fill.quantity, arrival, fill.price) for fill in fills])
    return Shortfall(**parts, trading=trading, total=total, unknown=unknown)


def _cost(units: float, start: float | None, end: float | None) -> float | None:
    """The cost of a move of the price on signed units; 0 for no units, None where a price is not known."""
    if not units:
        return 0.0
    return None if start is None or end is None else units * (end - start) + 0.0  # never -0.0


def _sum(costs: Sequence[float | None]) -> float | None:
    """The sum of costs, None where one is not known."""
    known = [cost for cost in costs if cost is not None]
    return fsum(known) if len(known) == len(costs) else None
