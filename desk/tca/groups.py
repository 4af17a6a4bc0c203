"""Sums over orders: each part with an interval, and the cost of orders by asset, side, venue, hour and size.

Costs are in basis points of notional, the value of the units wanted at the decision price. Orders of one day share the
market's moves: intervals take days as independent, not orders. Amounts of different currencies are never added up.
"""

from collections.abc import Sequence

import pandas as pd

from backtests.inference.cluster_ratio import cluster_ratio
from backtests.inference.estimates import Estimate
from foundation.dataclasses import dataclass
from research.accounting.costs import BASIS_POINT
from research.orders.shortfall import SHORTFALL_PARTS

SHOWN_PARTS = (*SHORTFALL_PARTS, "unknown", "total")
GROUPINGS = ("asset", "side", "venue", "hour", "size")


@dataclass(frozen=True)
class PartSum:
    """A part of the shortfall over all orders of a currency.

    part     : one of `SHOWN_PARTS`.
    currency : currency of the orders.
    amount   : sum of the orders of which it is known, currency.
    known    : fraction of all notional that these orders have.
    mean     : cost of these orders in bp of their notional, or None where it is known of none.
    """

    part: str
    currency: str
    amount: float
    known: float
    mean: Estimate | None


@dataclass(frozen=True)
class OrderGroup:
    """Orders of one currency that share a value.

    by, value : column by which they are grouped, and their value in it; both "" for all orders.
    currency  : currency of the orders.
    orders, fills, days : numbers of them.
    notional  : currency.
    parts     : by name, the sum of each part over the orders of which it is known, currency, NaN where it is of none;
                known parts and `unknown` add up to the total.
    total     : cost in bp of notional.
    """

    by: str
    value: str
    currency: str
    orders: int
    fills: int
    days: int
    notional: float
    parts: dict[str, float]
    total: Estimate


def measured_orders(table: pd.DataFrame) -> pd.DataFrame:
    """The orders whose total is known. table : as `read_orders` gives it."""
    return table[table["total"].notna()]


def currencies(table: pd.DataFrame) -> list[str]:
    """The currencies of the measured orders, that of the most orders first. table : as `read_orders` gives it."""
    return list(map(str, measured_orders(table)["currency"].value_counts().index))


def part_sums(table: pd.DataFrame) -> list[PartSum]:
    """Each part over the measured orders of each currency. table : as `read_orders` gives it."""
    known = measured_orders(table)
    return [
        _part_sum(known[known["currency"] == currency], part, currency)
        for currency in currencies(table)
        for part in SHOWN_PARTS
    ]


def _part_sum(orders: pd.DataFrame, part: str, currency: str) -> PartSum:
    known = orders[orders[part].notna()]
    share = float(known["notional"].sum() / orders["notional"].sum())
    mean = cost_bps(known[part], known["notional"], known["day"]) if len(known) else None
    return PartSum(part, currency, float(known[part].sum()), share, mean)


def groups(table: pd.DataFrame, by: str = "") -> list[OrderGroup]:
    """The measured orders by a column, in the order of `currencies`, the largest notional first.

    table : as `read_orders` gives it.
    by    : one of `GROUPINGS`, or "" for all orders of a currency.
    """
    keys = ["currency", by] if by else ["currency"]
    found = [_group(by, list(map(str, names)), orders) for names, orders in measured_orders(table).groupby(keys)]  # type: ignore[call-overload]
    order = currencies(table)
    return sorted(found, key=lambda group: (order.index(group.currency), -group.notional))


def _group(by: str, names: Sequence[str], orders: pd.DataFrame) -> OrderGroup:
    currency, value = (*names, "")[:2]
    return OrderGroup(
        by,
        value,
        currency,
        orders=len(orders),
        fills=int(orders["fills"].sum()),
        days=orders["day"].nunique(),
        notional=float(orders["notional"].sum()),
        parts={part: float(orders[part].sum(min_count=1)) for part in SHOWN_PARTS},
        total=cost_bps(orders["total"], orders["notional"], orders["day"]),
    )


def cost_bps(costs: pd.Series, sizes: pd.Series, days: pd.Series) -> Estimate:
    """The cost of orders in bp of their sizes, with an interval that takes days as independent.

    costs, sizes : (k,) currency.
    days         : (k,) day of each order.
    """
    return cluster_ratio(costs, sizes, days).times(1.0 / BASIS_POINT)
