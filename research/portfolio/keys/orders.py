"""The limits of the orders of a trade list, from a portfolio file: cash reserve, tickets, turnover, share of volume."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from foundation.arrays import Array
from foundation.dataclasses import dataclass, fields
from research.accounting.costs import BASIS_POINT
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Name, Share, record
from research.portfolio.file.settings import read
from research.portfolio.holdings.exposures import Split
from research.portfolio.keys.weight_limits import GroupKeys, Price, WeightLimit, group_limit, range_limits

Objective = Literal["gap", "tracking_error"]
GAP: Final = "gap"
TRACKING_ERROR: Final = "tracking_error"


@dataclass(frozen=True)
class OrderLimits:
    """Limits that orders keep; those of `Limits` judge a policy.

    reserve       : cash that stays after the orders and their costs, fraction of NAV.
    adverse_move  : rise of prices for buys, and fall for sells, after which cash is still at least zero, fraction.
    most          : largest number of orders of a list, or None.
    turnover      : largest turnover of a list, one-way, fraction of NAV, or None.
    participation : most of an asset in a list, as a fraction of its mean volume of a day, or None.
    weights       : limits of the weights of assets and groups after the orders.
    objective     : quantity that whole lots minimise besides costs, their distance from the exact step: "gap", the sum
                    of the absolute distances of assets and cash, or "tracking_error", ex ante.
    max_age       : sessions since the day of a price, beyond which it is too old for orders.
    owed          : dividends in cash that are not paid yet, which stay beside the reserve, currency.
    """

    reserve: float = 0.001
    adverse_move: float = 0.01
    most: int | None = None
    turnover: float | None = None
    participation: float | None = None
    max_age: int = 2
    objective: Objective = GAP
    weights: tuple[WeightLimit, ...] = ()
    owed: float = 0.0

    def stays(self, nav: float) -> float:
        """Cash that stays after the orders and their costs, currency."""
        return self.reserve * nav + self.owed

    @property
    def once_a_close(self) -> bool:
        """True if some limit would make a second list of the same close go on from the first."""
        return self.most is not None or self.turnover is not None or bool(self.weights)


NO_LIMITS = OrderLimits(reserve=0.0, adverse_move=0.0)  # cash may be spent to the last cent
NUMBER_LIMITS = tuple(f.name for f in fields(OrderLimits) if f.name not in ("weights", "owed"))


@record
class OrderKeys:
    """Limits of orders, as `OrderLimits` has them."""

    reserve_bps: Annotated[float, Field(ge=0.0, le=5_000.0, description="Basis points of NAV.")] = 10.0
    adverse_move: Annotated[float, Field(ge=0.0, le=0.5, description="A fraction of a price.")] = 0.01
    most: Annotated[int, Field(ge=1)] | None = None
    turnover: Share | None = None
    participation: Share | None = None
    max_age: Annotated[int, Field(ge=0, description="It counts sessions.")] = OrderLimits.max_age
    objective: Objective = GAP
    ranges: Literal["bind"] | Price | None = None
    groups: Annotated[Mapping[Name, GroupKeys], Field(min_length=1)] | None = None


def read_order_limits(
    document: Document, market: Market, lower: Array, upper: Array, splits: Mapping[str, Split]
) -> OrderLimits:
    """The limits under `orders`, {reserve_bps: 10, adverse_move: 0.01, most: 12, turnover: 0.05, max_age: 2, …}.

    lower  : (n,) lower bounds of the assets' ranges, fraction of NAV.
    upper  : (n,) likewise.
    splits : by asset, fractions of those that are split over classes.
    Raises : ConfigError for keys and values that are wrong, all of them at once, and for a share of volume where the
             market has no volumes.
    """
    keys, faults = read(document, ("orders",), OrderKeys), Faults()
    with faults:
        if keys.participation is not None and market.volumes is None:
            what, fix = f"market {market.name!r} has no volumes", "Give `volumes` to the market, or leave it out."
            document.refuse(("orders", "participation"), what, keys.participation, fix)
    limits: list[WeightLimit] = [] if keys.ranges is None else range_limits(keys.ranges, market.assets, lower, upper)
    for name, group in (keys.groups or {}).items():
        with faults:
            limits.append(group_limit(document, name, group, market, splits))
    faults.end()
    numbers = {name: getattr(keys, name) for name in NUMBER_LIMITS[1:]}
    return OrderLimits(reserve=keys.reserve_bps * BASIS_POINT, weights=tuple(limits), **numbers)


def order_settings(document: Document, limits: OrderLimits) -> dict[str, Any]:
    """The settings under `orders`, defaults filled in."""
    numbers = {name: getattr(limits, name) for name in NUMBER_LIMITS[1:]}
    stated = {name: value for name, value in numbers.items() if value is not None}
    of_weights = {key: document.value("orders", key) for key in ("ranges", "groups") if document.has("orders", key)}
    return {"reserve_bps": round(limits.reserve / BASIS_POINT, 9)} | stated | of_weights
