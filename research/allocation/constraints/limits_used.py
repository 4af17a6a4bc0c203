"""The use of the limits of a day, and the gain from one more step of each: by its price, and by solving again.

A shadow price is a derivative, and at a kink an upper bound of it. The gain from a whole step is found by moving the
limit and solving again: at most the price, unless the number of assets is limited (then the programme is not convex) or
the aim is a ratio, such as Sharpe's, whose best value is quasi-concave in a bound, not concave.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.allocation.accuracy import LIMIT_TOLERANCE, SLACK
from research.allocation.constraints.limits import HELD_LINES, POINT_UNITS, WEIGHTS, Limit, Limits, held_in
from research.allocation.constraints.optimum import Optimum
from research.allocation.constraints.records import Firmness
from research.forecast import Moments


@dataclass(frozen=True, eq=False)
class DayProgramme:
    """The programme that an allocation solves on a day.

    limits  : limits of the day, over n assets.
    moments : moments of returns of a year, of these assets.
    best    : limits over the same assets -> the best weights within them.
    """

    limits: Limits
    moments: Moments
    best: Callable[[Limits], Optimum]


@dataclass(frozen=True, eq=False)
class LimitUse:
    """One limit at the best weights.

    limit   : limit as it was asked.
    at      : value at these weights, in its unit; of single assets, the asset that is nearest to its bound.
    share   : fraction of the bound in use: 1 at the bound, more where a soft limit is exceeded; NaN of a bound of 0.
    price   : gain from one more step by the shadow price, in the unit of the aim; NaN of a number of assets,
              and where limits gave way.
    brought : gain from one more step when the programme is solved again.
    """

    limit: Limit
    at: float
    share: float
    price: float
    brought: float


@dataclass(frozen=True, eq=False)
class LimitsUsed:
    """The limits of a day at the best weights.

    optimum : the best weights, and their aim.
    uses    : use of each limit, in the order of the file.
    """

    optimum: Optimum
    uses: tuple[LimitUse, ...]

    def table(self) -> pd.DataFrame:
        """A row a limit: its text, its value at the weights, the share used, and the gain from one more step.

        Columns : at and bound, in the unit of the limit; used, fraction; step, in words; by price and solved again, in
                  the unit of the aim; firm, how firmly it is kept.
        """
        rows = [
            {
                "limit": one.limit.short,
                "at": one.limit.written(one.at),
                "used": one.share,
                "step": _step(one.limit),
                "by price": one.price,
                "solved again": one.brought,
                "firm": _firm(one.limit),
            }
            for one in self.uses
        ]
        return pd.DataFrame(rows).set_index("limit")

    def dearest(self) -> LimitUse:
        """The hard limit whose next step brings most by its price, of those that are no equations."""
        hard = [one for one in self.uses if one.limit.hard and not one.limit.equation]
        return max(hard, key=lambda one: 0.0 if np.isnan(one.price) else one.price)


def limits_used(asked: DayProgramme) -> LimitsUsed:
    """The best weights of a day, the use of each limit there, and the gain from one more step of each.

    Raises : as the allocation does.
    """
    limits, found = asked.limits, asked.best(asked.limits)
    x, better = limits.x(found.weights), -1.0 if found.smaller else 1.0
    uses = []
    for limit in limits.limits:
        at, slack = _at(limits, limit, x)
        wider = [one.moved(one.step) if one is limit else one for one in limits.limits]
        brought = better * (asked.best(limits.with_limits(wider)).value - found.value)
        brought = brought if abs(brought) > LIMIT_TOLERANCE else 0.0
        counts = HELD_LINES in limit.rows and WEIGHTS not in limit.rows
        price = np.nan if counts else found.prices.get(limit.key, 0.0) * limit.step if slack <= SLACK else 0.0
        uses.append(LimitUse(limit, at, _share(limit, at, slack), price, brought))
    return LimitsUsed(found, tuple(uses))


def at_prices(asked: DayProgramme, key: str, prices: Sequence[float]) -> pd.DataFrame:
    """The value of one limit if it is not hard but has a price: above its shadow price it is kept.

    asked   : the programme of a day.
    key     : key of the limit.
    prices  : price of one unit outside, in the unit of the aim, as shadow prices are. Of a ratio, `Firmness.price` is
              in the unit of the numerator: this price times the denominator of the best weights that keep the limit.
    Returns : a row a price: at, the value at the weights, and outside, the excess over the bound, in its unit.
    Raises  : ConfigError for a key that no limit of the day has; as the allocation does, also where no weights keep
              the limit.
    Source  : Nocedal, Wright (2006), Numerical Optimization, theorem 17.3: the penalty is exact above the price.
    """
    limits = asked.limits
    named = [limit for limit in limits.limits if limit.key == key]
    if not named:
        raise ConfigError(f"no limit of the day is {key!r}. It has {', '.join(one.key for one in limits.limits)}.")
    rows, denominator = [], asked.best(limits).denominator
    for price in prices:
        soft = replace(named[0], firm=Firmness(price=price * denominator))
        weights = asked.best(limits.with_limits([soft if one is named[0] else one for one in limits.limits])).weights
        x = limits.x(weights)
        rows.append({"at": _at(limits, soft, x)[0], "outside": limits.distance(soft, x)})
    return pd.DataFrame(rows, index=pd.Index(prices, name="price"))


def _at(limits: Limits, limit: Limit, x: Array) -> tuple[float, float]:
    """Value of a limit at x (size,) and the slack to its bound; of single assets, that of the tightest one held."""
    slack = limits.slack(limit, x)
    if HELD_LINES in limit.rows and WEIGHTS in limit.rows:
        slack = slack[(limit.rows[WEIGHTS][:, held_in(limits, x)] != 0.0).any(axis=1)]
    room = float(slack.min()) if len(slack) else np.inf
    if not np.isfinite(room):
        return np.nan, room
    return limit.bound - room if limit.raised else limit.bound + room, room


def _share(limit: Limit, at: float, slack: float) -> float:
    """The fraction of the bound that is used."""
    if limit.equation:
        return 1.0
    part, whole = (at, limit.bound) if limit.raised == (limit.bound > 0.0) else (limit.bound, at)
    if limit.bound == 0.0 or whole == 0.0 or np.isnan(at):
        return 1.0 if limit.bound != 0.0 and abs(slack) <= SLACK else np.nan
    return max(part / whole, 0.0)


def _step(limit: Limit) -> str:
    """One step, in words."""
    if limit.unit in POINT_UNITS:
        return f"1 point {limit.unit}"
    return f"{limit.step:g} {limit.unit.removesuffix('s') if limit.step == 1.0 else limit.unit}"


def _firm(limit: Limit) -> str:
    """Firmness of a limit, in words."""
    if limit.hard:
        return "hard"
    return f"price {limit.price:g}" if limit.gives_way is None else f"gives way, {limit.gives_way}"
