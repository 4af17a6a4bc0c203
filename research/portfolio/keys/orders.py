"""The limits of the orders of a trade list, from a portfolio file: cash reserve, tickets, turnover, share of volume."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from foundation.arrays import Array
from research.accounting.costs import BPS
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults, read_all
from research.portfolio.holdings.exposures import Split
from research.portfolio.keys.weight_limits import WeightLimit, read_weight_limits, weight_limit_settings

GAP, TRACKING_ERROR = OBJECTIVES = "gap", "tracking_error"
MOST_RESERVE, MOST_MOVE = 5_000.0, 0.5  # bp of NAV; fraction of a price


@dataclass(frozen=True)
class OrderLimits:
    """Limits that orders keep; those of `Limits` judge a policy.

    reserve       : cash that stays after the orders and their costs, fraction of NAV.
    adverse_move  : rise of prices for buys, and fall for sells, after which cash is still at least zero, fraction.
    most          : largest number of orders of a list, or None.
    turnover      : largest turnover of a list, one-way, fraction of NAV, or None.
    participation : most of a line in a list, as a fraction of its mean volume of a day, or None.
    weights       : limits of the weights of lines and groups after the orders.
    objective     : quantity that whole lots minimise besides costs, their distance from the exact step: "gap", the sum
                    of the absolute distances of lines and cash, or "tracking_error", ex ante.
    max_age       : sessions since the day of a price, beyond which it is too old for orders.
    """

    reserve: float = 0.001
    adverse_move: float = 0.01
    most: int | None = None
    turnover: float | None = None
    participation: float | None = None
    max_age: int = 2
    objective: str = GAP
    weights: tuple[WeightLimit, ...] = ()

    @property
    def once_a_close(self) -> bool:
        """True if some limit would make a second list of the same close go on from the first."""
        return self.most is not None or self.turnover is not None or bool(self.weights)


NO_LIMITS = OrderLimits(reserve=0.0, adverse_move=0.0)  # cash may be spent to the last cent
NUMBERS = tuple(f.name for f in fields(OrderLimits) if f.name != "weights")
KEYS = ("reserve_bps", *NUMBERS[1:], "ranges", "groups")


def read_order_limits(
    document: Document, market: Market, lower: Array, upper: Array, splits: Mapping[str, Split]
) -> OrderLimits:
    """The limits under `orders`, {reserve_bps: 10, adverse_move: 0.01, most: 12, turnover: 0.05, max_age: 2, …}.

    lower  : (n,) lower bounds of the lines' ranges, fraction of NAV.
    upper  : (n,) likewise.
    splits : by line, fractions of those that are split over classes.
    Raises : ConfigError for keys and values that are wrong, all of them at once, and for a share of volume where the
             market has no volumes.
    """
    if not document.has("orders"):
        return OrderLimits()
    faults = Faults()
    with faults:
        document.check_keys(("orders",), KEYS)
    found = read_all(
        {
            "reserve": lambda: BPS * _number(document, "reserve_bps", MOST_RESERVE, OrderLimits.reserve / BPS),
            "adverse_move": lambda: _number(document, "adverse_move", MOST_MOVE, OrderLimits.adverse_move),
            "most": lambda: _most(document),
            "turnover": lambda: _share(document, "turnover"),
            "participation": lambda: _participation(document, market),
            "max_age": lambda: document.whole("orders", "max_age", at_least=0, default=OrderLimits.max_age),
            "objective": lambda: _objective(document),
            "weights": lambda: read_weight_limits(document, market, lower, upper, splits),
        },
        faults,
    )
    return OrderLimits(**found)


def order_settings(document: Document, limits: OrderLimits) -> dict[str, Any]:
    """The settings under `orders`, defaults filled in."""
    numbers = {name: getattr(limits, name) for name in NUMBERS[1:]}
    stated = {name: value for name, value in numbers.items() if value is not None}
    return {"reserve_bps": round(limits.reserve / BPS, 9)} | stated | weight_limit_settings(document)


def _number(document: Document, key: str, most: float, default: float) -> float:
    return document.number("orders", key, at_least=0.0, at_most=most, default=default)


def _most(document: Document) -> int | None:
    return document.whole("orders", "most", at_least=1, default=1) if document.has("orders", "most") else None


def _participation(document: Document, market: Market) -> float | None:
    if document.has("orders", "participation") and market.volumes is None:
        fix = "Give `volumes` to the market, or leave it out."
        found = document.value("orders", "participation")
        document.refuse(("orders", "participation"), f"market {market.name!r} has no volumes", found, fix)
    return _share(document, "participation")


def _objective(document: Document) -> str:
    found = document.text("orders", "objective", default=GAP)
    if found not in OBJECTIVES:
        document.refuse(("orders", "objective"), "no objective of whole lots", found, f"Use {' or '.join(OBJECTIVES)}.")
    return found


def _share(document: Document, key: str) -> float | None:
    if not document.has("orders", key):
        return None
    found = document.number("orders", key)
    if not 0.0 < found <= 1.0:
        document.refuse(("orders", key), "no fraction above 0 and at most 1", found, "5 % is 0.05.")
    return found
