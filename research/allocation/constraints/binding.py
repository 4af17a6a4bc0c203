"""The limits that bind the weights, and the gain from one more unit of each, in words."""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from foundation.arrays import Array, Mask
from research.allocation.accuracy import LEAST_PRICE, SLACK
from research.allocation.answer import Binding
from research.allocation.constraints.limits import POINT_UNITS, WEIGHTS, Limit, Limits

RATIO = re.compile(r"ratio$| over |^relative ")  # in the unit of an aim that is no rate: it has no basis points


def binding_of(
    limits: Limits, weights: Array, prices: Sequence[Array], unit: str, smaller: bool
) -> tuple[Binding, ...]:
    """The limits that are met with equality and have a price, the highest price first; of single assets, each asset.

    limits  : limits of the day.
    weights : (n,) best weights.
    prices  : for each limit, the gain of the aim per unit that each of its rows (k,) is widened; of an equation,
              the gain from raising its value, which may be less than 0.
    unit    : unit of the aim, such as "volatility a year".
    smaller : true if a smaller value of the aim is better.
    """
    x = limits.x(weights)
    least = LEAST_PRICE * max([1.0, *(float(np.abs(rows).max()) for rows in prices)])
    found = []
    for limit, rows in zip(limits.limits, prices, strict=True):
        if limit.key == "net" and limit.equation:
            continue  # a sum of weights that is given always binds
        binds = np.abs(rows) > least
        if not limit.equation:
            binds &= (limits.slack(limit, x) <= SLACK)[: len(rows)]
        names = _lines(limits, limit)
        for words, price in _priced(limit, rows, binds, names):
            found.append(Binding(words, price, brings(limit, price, unit, smaller), limit.key))
    return tuple(sorted(found, key=lambda one: (-abs(one.price), one.limit)))


def _priced(limit: Limit, rows: Array, binds: Mask, names: Sequence[str]) -> list[tuple[str, float]]:
    """Names and prices of the binding rows: each asset of a limit of single assets, else the limit as a whole."""
    if not names:
        return [(limit.words, float(rows[binds].sum()))] if binds.any() else []
    places, who = np.flatnonzero(binds).tolist(), limit.words.split(" is ")[0]
    return [(limit.words.replace(who, names[row], 1), float(rows[row])) for row in places]


def brings(limit: Limit, price: float, unit: str, smaller: bool) -> str:
    """The gain from one more step of a limit: a hundredth of NAV or of a rate, an asset, a unit of an exposure.

    limit   : binding limit.
    price   : shadow price of one unit of the limit.
    unit    : unit of the aim.
    smaller : true if a smaller value of the aim is better.
    """
    step = 0.01 if limit.unit in POINT_UNITS else 1.0
    name = f"one point {limit.unit}" if limit.unit in POINT_UNITS else f"one unit {limit.unit}"
    amount = price * step
    size = f"{abs(amount):.3g}" if _is_ratio(unit) else f"{abs(amount) * 1e4:.3g} bp"
    verb = "takes {} off the {}" if smaller == (amount >= 0.0) else "adds {} to the {}"
    moved = f"a value higher by {name}" if limit.equation else f"{name} more of room"
    return f"{moved} {verb.format(size, unit)}"


@cache
def _is_ratio(unit: str) -> bool:
    return RATIO.search(unit) is not None


def _lines(limits: Limits, limit: Limit) -> list[str]:
    """The asset of each row of a limit of several single assets; none for any other limit."""
    rows = limit.rows.get(WEIGHTS)
    if rows is None or len(rows) < 2 or (limit.columns < 0).any() or " is " not in limit.words:
        return []
    return [limits.assets[i] for i in limit.columns]
