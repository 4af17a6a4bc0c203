"""A cost of one's own: a function of what is known at a close, charged on each side of a trade."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from foundation.arguments import floats
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.labels import in_order
from research.accounting.costs import BASIS_POINT, Costs
from research.market import Market, Past

LARGEST_RATE = 0.5  # fraction of the notional: what takes half of it or more is a mistake of unit


def costs_from_function(market: Market, function: Callable[[Past], Any], *, commission: ArrayLike = 0.0) -> Costs:
    """Costs of which the half-spread is what `function` gives for each day; for what depends on the asset and the day.

    market     : of T days and n assets, which the costs are for.
    function   : of the `Past` that ends at a close; gives what each side of a trade costs at that close, fraction of
                 the notional (0.0001 is one basis point): one number for all assets, or one for each, in the market's
                 order or by name (a Series, a mapping); NaN for an asset of which it is not known yet. It cannot see
                 later days.
    commission : basis points, one number for all assets or one for each, charged besides.
    Returns    : Costs, of which `half_spread` is (T, n). Others are added by `dataclasses.replace(costs, ticket=...)`.
                 What depends on the size of the order is `Impact`, a power of it, or `ticket` and `minimum`.
    Raises     : ConfigError, naming the function, the day, the asset and the value, for a cost that is negative,
                 infinite, half of the notional or more, or of another shape, and for names that the market lacks
                 or that are missing.

    >>> import pandas as pd
    >>> from research.market import market_from_frame
    >>> days = pd.DatetimeIndex(["2022-12-28", "2022-12-29", "2022-12-30"])
    >>> market = market_from_frame(pd.DataFrame({"A": [100.0, 110.0, 110.0], "B": [50.0, 50.0, 51.0]}, index=days))
    >>> costs = costs_from_function(market, lambda past: 0.0002 + 0.01 * abs(past.returns[-1]))
    >>> costs.half_spread.round(6).tolist()
    [[0.0002, 0.0002], [0.0012, 0.0002], [0.0002, 0.0004]]
    """
    name = str(getattr(function, "__name__", type(function).__name__))
    days = len(market.dates)
    half_spread = np.stack([_of_one_day(function(market.past(t)), market, t, name) for t in range(days)])
    fixed = Costs.bps(len(market.assets), commission=commission)
    return Costs(fixed.commission, half_spread)


def _of_one_day(found: object, market: Market, t: int, name: str) -> Array:
    """(n,) what the function gave for row t of the market. Raises ConfigError."""
    n, fix = len(market.assets), "Return a fraction of the notional, such as 0.0001: one number, or one for each asset."
    found = in_order(f"costs of {name} are", found, market.assets, where=f"on {market.days[t]}")
    try:
        each = floats("cost is", found, "")
    except ConfigError as error:
        raise ConfigError(f"cost of {name} on {market.days[t]} is {found!r:.200}. {fix}") from error
    if each.shape not in ((), (1,), (n,)):
        raise ConfigError(
            f"cost of {name} on {market.days[t]} has shape {each.shape}, and the market {n} assets, "
            f"{', '.join(market.assets)}. {fix}"
        )
    each = np.broadcast_to(each, (n,))
    bad = ~((each >= 0.0) & (each < LARGEST_RATE)) & ~np.isnan(each)
    if bad.any():
        line = int(np.argmax(bad))
        raise ConfigError(
            f"cost of {name} for {market.assets[line]} on {market.days[t]} is {each[line]:g}, or "
            f"{each[line] / BASIS_POINT:,.0f} bps: it is at least 0 and less than {LARGEST_RATE:g} of the "
            f"notional. {fix}"
        )
    return each
