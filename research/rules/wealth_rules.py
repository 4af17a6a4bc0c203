"""Rules that look at wealth: hold less of the target, and more cash, as NAV nears a floor or has fallen by a limit.

Each gives a share of the allocation's target, and trades towards the target times that share as `Threshold` does. It
goes by the growth of NAV since the opening trade, money that came and went aside, so it is played day by day, and a
desk that asks it states the NAV of each close since then.
"""

from abc import abstractmethod
from functools import cached_property

import numpy as np

from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import PolicyError
from research.accounting.view import Hold, Trade, View, Why
from research.allocation import Allocation
from research.rules.protocol import RuleTraits, Schedule
from research.rules.rules import Threshold
from research.rules.standard_rule import check_allocation, points, said, when


@dataclass(frozen=True)
class WealthRule(RuleTraits):
    """The base of rules that hold a share of their target by the wealth that there is.

    allocation : allocation whose target is the risky portfolio; cash is safe.
    band       : half-width round the target times the share, fraction of NAV; past it the rule trades to target.
    schedule   : schedule on which it is asked, as `Threshold` has it.
    """

    allocation: Allocation
    band: float = 0.02
    schedule: Schedule = "day"

    @abstractmethod
    def share(self, view: View) -> tuple[float, str]:
        """Share of the target to hold at this close, 0 to 1, and why, in words."""

    @property
    @abstractmethod
    def does(self) -> str:
        """The share that it holds, in a few words."""

    def __post_init__(self) -> None:
        """Check the allocation, and the band and the schedule, which are those of the rule that it trades by."""
        check_allocation(self)
        Threshold(self.allocation, self.band, schedule=self.schedule)

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or the box to trade into at this close.

        Raises : PolicyError where the NAV since the opening trade is not known.
        """
        if view.opened < 0:
            raise PolicyError(
                f"{type(self).__name__} goes by the NAV since the opening trade, and only that of "
                f"{view.past.date:%Y-%m-%d} is known. Give the portfolio's file a `nav_history`, a table of date, nav "
                "and flow since then; a file of several portfolios needs another rule."
            )
        share, why = self.share(view)
        answer = self._threshold.decide(replace(view, target=share * view.target))
        return replace(answer, why=Why(f"{why}: the rule holds {said(share)} % of the target"))

    @property
    def long_name(self) -> str:
        """The share that it holds and how it is traded, in a few words."""
        asked = "" if self.schedule == "day" else f", checked {when(self.schedule)}"
        return f"{self.does}, past {points(self.band)} of it{asked}"

    @cached_property
    def _threshold(self) -> Threshold:
        return Threshold(self.allocation, self.band, schedule=self.schedule)


@dataclass(frozen=True)
class CPPI(WealthRule):
    """Constant-proportion portfolio insurance: a multiple of the excess of NAV over a floor, and no more than NAV.

    floor      : fraction of the first NAV, 0 or more and below 1; it grows with the interest of cash. At 0 this is
                 `Threshold`.
    multiplier : value of the portfolio held over the excess of NAV over the floor, 1 or more.
    The floor holds without cost, lag and band if no step of the portfolio loses 1 / multiplier or more against cash.
    The opening trade of a backtest is to the target itself: open in the share by `start_weights`.
    Source : Black, Perold (1992), Theory of Constant Proportion Portfolio Insurance, Journal of Economic Dynamics and
             Control 16(3-4), without borrowing.
    """

    floor: float = 0.8
    multiplier: float = 4.0

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not (is_number(self.floor) and 0.0 <= self.floor < 1.0):
            refuse("floor of CPPI is", self.floor, "give a fraction of the first NAV, 0 or more and below 1.")
        _check_multiplier(self, self.multiplier)

    def share(self, view: View) -> tuple[float, str]:
        """The multiple of the cushion, over NAV."""
        interest = float(np.prod(1.0 + view.past.cash[view.opened + 1 :]))
        return _above(self.floor * interest, float(view.growth_history[-1]), self.multiplier)

    @property
    def does(self) -> str:
        """Floor and multiplier, in words."""
        return f"{self.multiplier:g} times what exceeds a floor of {said(self.floor)} % of the first NAV"


@dataclass(frozen=True)
class DrawdownFloor(WealthRule):
    """Holdings of the target that fall as a drawdown nears its limit: a multiple of the excess of NAV over its floor.

    limit      : largest drawdown, above 0, at most 1: the floor is 1 - limit of the highest NAV so far. At 1 this is
                 `Threshold`.
    multiplier : value of the portfolio held over the excess of NAV over the floor, 1 or more. With limit x multiplier
                 of 1 or more the whole target is held at each new peak.
    The limit holds without cost, lag and band if no step of the portfolio loses 1 / multiplier or more.
    Source : Grossman, Zhou (1993), Optimal Investment Strategies for Controlling Drawdowns, Mathematical Finance 3(3).
    """

    limit: float = 0.2
    multiplier: float = 5.0

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        _check_limit(self, self.limit)
        _check_multiplier(self, self.multiplier)

    def share(self, view: View) -> tuple[float, str]:
        """The multiple of the excess of NAV over the floor, over NAV."""
        growth = view.growth_history
        return _above((1.0 - self.limit) * float(growth.max()), float(growth[-1]), self.multiplier)

    @property
    def does(self) -> str:
        """Limit and multiplier, in words."""
        return f"{self.multiplier:g} times what exceeds a floor {said(self.limit)} % under the peak"


@dataclass(frozen=True)
class StopLoss(WealthRule):
    """All cash once NAV has fallen by a limit from its peak; the target again after some sessions.

    limit : fall that triggers it, above 0, at most 1. At 1 this is `Threshold`.
    wait  : sessions from the close of the fall to that on which it goes back, 1 or more; a new peak counts from there.
    Source : Kaminski, Lo (2014), When Do Stop-Loss Rules Stop Losses?, Journal of Financial Markets 18.
    """

    limit: float = 0.1
    wait: int = 21

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        _check_limit(self, self.limit)
        if not (is_whole(self.wait) and self.wait >= 1):
            refuse("wait of StopLoss is", self.wait, "give a whole number of sessions, 1 or more, such as 21.")

    def share(self, view: View) -> tuple[float, str]:
        """All of the target, or none."""
        growth = view.growth_history
        stopped, peak = _last_stop(growth, self.limit, self.wait)
        since = len(growth) - 1 - stopped
        if stopped >= 0 and since < self.wait:
            return 0.0, f"{since} of {self.wait} sessions since the stop have passed"
        return (
            1.0,
            f"NAV is {said(1.0 - float(growth[-1]) / peak)} % under its peak, and the stop at {said(self.limit)} %",
        )

    @property
    def does(self) -> str:
        """Limit and wait, in words."""
        return f"the target, or cash for {self.wait} sessions after a fall of {said(self.limit)} %"


def _above(floor: float, growth: float, multiplier: float) -> tuple[float, str]:
    """Share of NAV: the multiple of its excess over the floor, 0 to 1; and the reason."""
    cushion = 1.0 - floor / growth
    where = f"NAV {'exceeds' if cushion >= 0.0 else 'is under'} the floor by {said(abs(cushion))} % of NAV"
    return min(1.0, max(0.0, multiplier * cushion)), where


def _last_stop(growth: Array, limit: float, wait: int) -> tuple[int, float]:
    """Index of the last stop in growth (d,), -1 for none, and the peak since the return from it, or since the first."""
    stopped, start = -1, 0
    while start < len(growth):
        peaks = np.maximum.accumulate(growth[start:])
        fallen = growth[start:] <= (1.0 - limit) * peaks
        if not fallen.any():
            return stopped, float(peaks[-1])
        stopped = start + int(np.argmax(fallen))
        start = stopped + wait
    return stopped, float(growth[-1])


def _check_limit(rule: WealthRule, limit: float) -> None:
    if not (is_number(limit) and 0.0 < limit <= 1.0):
        refuse(f"limit of {type(rule).__name__} is", limit, "give a fall above 0, at most 1, such as 0.1.")


def _check_multiplier(rule: WealthRule, multiplier: float) -> None:
    if not (is_number(multiplier) and multiplier >= 1.0):
        refuse(f"multiplier of {type(rule).__name__} is", multiplier, "give a number of 1 or more, such as 4.")
