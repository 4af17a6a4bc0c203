"""A portfolio in tranches, each rebalanced at a phase of its own, so that no single day decides.

What a calendar is worth depends on its days by luck: Hoffstein, Sibears and Faber (2019), Rebalance Timing Luck: The
Difference Between Hired and Fired, Journal of Index Investing 10(1). A tranche is an equal part of the portfolio that
was brought to the target at its last phase and has drifted since; at each phase one of them is brought back.
"""

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import is_whole, refuse
from foundation.arrays import Array, Mask
from research.market.calendars import scheduled
from research.market.market import Market, Past
from research.rules.protocol import Schedule

SESSIONS = {"day": 1, "month": 21, "quarter": 63, "year": 252}  # about, in a period; of weeks and weekdays 5


def phases(schedule: Schedule, tranches: int) -> tuple[int, ...]:
    """(tranches,) sessions from the last session of a period to the phase of each tranche, evenly spread.

    schedule : the period, or a number of sessions.
    tranches : number of tranches.
    Raises   : ConfigError for no tranche, and for more than the period has sessions.

    >>> phases("quarter", 3)
    (0, 21, 42)
    """
    length = schedule if isinstance(schedule, int) else SESSIONS.get(schedule, 5)
    if not (is_whole(tranches) and 1 <= tranches <= length):
        fix = f"give a whole number from 1 to {length}, the sessions of every {schedule!r}."
        refuse("tranches of Calendar is", tranches, fix)
    return tuple(length * k // tranches for k in range(tranches))


def at_phase(days: NDArray[np.datetime64], schedule: Schedule, calendar: str, offsets: tuple[int, ...]) -> Mask:
    """(tranches, T) true where the day is a phase of the tranche.

    days     : (T,) dates of the market.
    schedule : the period, or a number of sessions.
    calendar : name of the exchange calendar.
    offsets  : (tranches,) sessions from the days of the schedule to each phase.
    """
    return np.array([scheduled(days, schedule, calendar, offset) for offset in offsets])


def drifted(target: Array, world: Market | Past, since: NDArray[np.int64], t: int) -> Array:
    """(n,) mean weight of all tranches at row t, after each has drifted since its last phase, fraction of NAV.

    target : (n,) weights of a tranche after its phase, fraction of its value.
    world  : returns of the lines and of cash.
    since  : (tranches,) row of each tranche's last phase; a tranche whose row is -1, or t, holds the target.
    t      : row of the market.
    """
    total = np.zeros(len(target))
    for row in since:
        first = t if row < 0 else int(row)
        values = target * np.prod(1.0 + world.returns[first + 1 : t + 1], axis=0)
        cash = (1.0 - target.sum()) * np.prod(1.0 + world.cash[first + 1 : t + 1])
        total += values / (values.sum() + cash)
    return total / len(since)
