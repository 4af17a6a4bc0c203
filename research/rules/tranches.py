"""A portfolio in tranches, each rebalanced at a phase of its own, so that no single day decides.

What a calendar is worth depends on its days by luck: Hoffstein, Sibears and Faber (2019), Rebalance Timing Luck: The
Difference Between Hired and Fired, Journal of Index Investing 10(1). A tranche is an equal part of the portfolio that
was brought to the target at its last phase and has drifted since; at each phase one of them is brought back.
"""

import numpy as np
from numpy.typing import NDArray

from research.arguments import is_whole, refuse
from research.arrays import Array, Mask
from research.market.calendars import scheduled
from research.market.market import Market, Past
from research.rules.protocol import Schedule

SESSIONS = {"day": 1, "month": 21, "quarter": 63, "year": 252}  # about, in a period; of weeks and weekdays 5


def phases(schedule: Schedule, tranches: int) -> tuple[int, ...]:
    """(tranches,) sessions from the last of a period to each phase, evenly spread. Raises ConfigError.

    >>> phases("quarter", 3)
    (0, 21, 42)
    """
    length = schedule if isinstance(schedule, int) else SESSIONS.get(schedule, 5)
    if not (is_whole(tranches) and 1 <= tranches <= length):
        fix = f"give a whole number from 1 to {length}, the sessions of every {schedule!r}."
        refuse("tranches of Calendar is", tranches, fix)
    return tuple(length * k // tranches for k in range(tranches))


def at_phase(days: NDArray[np.datetime64], schedule: Schedule, calendar: str, offsets: tuple[int, ...]) -> Mask:
    """(tranches, T) is each day a phase of the tranche?"""
    return np.array([scheduled(days, schedule, calendar, offset) for offset in offsets])


def drifted(target: Array, world: Market | Past, since: NDArray[np.int64], t: int) -> Array:
    """(n,) the mean weights at row t of tranches that held `target` (n,) after the close of each row of `since`.

    A tranche whose row is -1, or t itself, holds the target.
    """
    total = np.zeros(len(target))
    for row in since:
        first = t if row < 0 else int(row)
        values = target * np.prod(1.0 + world.returns[first + 1 : t + 1], axis=0)
        cash = (1.0 - target.sum()) * np.prod(1.0 + world.cash[first + 1 : t + 1])
        total += values / (values.sum() + cash)
    return total / len(since)
