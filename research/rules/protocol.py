"""The members that the workbench asks of a policy: two by name, and others that a class promises by inheriting.

`decide` makes a class a policy, and an `allocation` beside it a rule: these two members are asked for by name. All else
is asked only of classes that inherit from `RuleTraits`, directly or through one of its kinds below. A field of another
class that happens to be called `every`, `window`, `seen` or `candidates` means what its author means by it.

Kinds: a `CompiledRule` gives the arrays that the compiled loop plays; a `FittedRule` was tuned or trained on days that
it must not be tested on; an `UnfittedRule` does not decide before it is tuned or trained.
"""

from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol, overload, runtime_checkable

import pandas as pd

from research.accounting.costs import Costs
from research.accounting.view import Hold, Policy, Trade, View
from research.allocation import Allocation, TargetPath
from research.allocation.allocation import allocation_name
from research.market.market import Market

if TYPE_CHECKING:
    from research.rules.no_trade_bands import NoTradeBands

Schedule = (
    Literal[
        "day", "week", "month", "quarter", "year", "monday", "tuesday", "wednesday", "thursday", "friday",
    ]
    | int
)  # fmt: skip
RULE_FAMILIES = ("never", "calendar", "band", "tuned", "learned", "own")  # from the simplest to the least simple


@runtime_checkable
class Holding(Protocol):
    """An object with an allocation."""

    @property
    def allocation(self) -> Allocation | None:
        """The allocation that gives the target; None for the target that it is given."""


class Rule(Policy, Protocol):
    """A policy on the targets of an allocation: when and how far to trade, and the allocation."""

    @property
    def allocation(self) -> Allocation:
        """The allocation that gives the target."""


class RuleTraits:
    """The promises of a rule beyond `decide`; each member answers here for a rule that promises nothing of it."""

    @property
    def family(self) -> str:
        """Its class, one of `RULE_FAMILIES`: the simplest class is recommended among policies that are equally good."""
        return RULE_FAMILIES[-1]

    @property
    def short_name(self) -> str:
        """The name of the rule, by default its class."""
        return type(self).__name__

    @property
    def long_name(self) -> str:
        """The rule's trigger and destination, in a few words."""
        return self.short_name

    @property
    def window(self) -> int:
        """Returns from which it estimates a covariance at each month's end; 0 where it estimates none."""
        return 0

    @property
    def risk_periods_per_year(self) -> float | None:
        """Periods a year by which it annualises risk; None where it goes by no risk."""
        return None

    @property
    def leaves_schedule_open(self) -> bool:
        """True if the days on which it is asked are still to be chosen in training; until then it is asked as usual."""
        return False

    @property
    def desk_schedule(self) -> Schedule | None:
        """The schedule of a rule that a desk catches up with: it is due once a session of it was missed.

        None for a rule that a desk may ask on any day.
        """
        return None

    @property
    def desk_offsets(self) -> tuple[int, ...]:
        """Sessions from those of `desk_schedule` to the days that are due."""
        return (0,)

    @property
    def review_schedule(self) -> Schedule | None:
        """A schedule on which it trades to target whatever its band says, and with which a desk catches up."""
        return None

    @property
    def cooldown(self) -> int:
        """Sessions after a booked trade on which it is not asked."""
        return 0

    @property
    def opens(self) -> bool:
        """True if the first trade list of a portfolio that holds nothing buys the target without asking the rule."""
        return True

    @property
    def limits_drift(self) -> bool:
        """True if it ends every drift past a limit in a week. Then its largest loss is that of its limit."""
        return False

    @property
    def turnover_cap(self) -> float | None:
        """The most that it trades at once, one-way, fraction of NAV; None without a limit."""
        return None

    @property
    def decides_once(self) -> bool:
        """True if it is asked once a close, since its next trade at the same close may undo its first."""
        return self.turnover_cap is not None

    @property
    def tranches(self) -> int:
        """Parts of the portfolio that are traded one at a time."""
        return 1

    def uncapped(self) -> Policy | None:
        """The same rule without its `turnover_cap`; None where it has none."""
        return None


class CompiledRule(RuleTraits, ABC):
    """A rule that can give its decisions on a whole market as arrays, so that it is played compiled."""

    @property
    def has_plain_bands(self) -> bool:
        """True if its arrays are a band round each asset and no more, as batches of configurations are run."""
        return False

    @property
    def sees_lots(self) -> bool:
        """True if its decisions depend on lots: no arrays say them, and it is played day by day."""
        return False

    @property
    def depends_on_costs(self) -> bool:
        """True if its arrays depend on the costs that it is given."""
        return True

    @abstractmethod
    def decide(self, view: View) -> Hold | Trade:
        """Hold, or the box to bring the weights into: the same decision as that of the arrays."""

    @abstractmethod
    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> "NoTradeBands":
        """The rule as arrays on this market.

        market  : T days of n assets.
        targets : the path of the allocation's targets on it.
        costs   : those by which the rule weighs a trade or ranks assets; without them trading is free.
        """


class FittedRule(RuleTraits):
    """A rule that was tuned or trained on days up to `fitted_until`: no earlier day may be decided or tested by it."""

    fitted_until: pd.Timestamp


class UnfittedRule(RuleTraits):
    """Settings of a rule that is still to be tuned or trained, and does not decide before."""

    allocation: Allocation


_NO_TRAITS = RuleTraits()


def traits(policy: object) -> RuleTraits:
    """The promises of a policy beyond `decide`: its own if it inherits from `RuleTraits`, else the defaults."""
    return policy if isinstance(policy, RuleTraits) else _NO_TRAITS


def compiled_rule(policy: object) -> CompiledRule | None:
    """The policy where it is played compiled, else None.

    A class that inherits its arrays and overrides `decide` alone decides something else than they say: it is played as
    it decides, day by day. So is a rule that sees lots.
    """
    if not isinstance(policy, CompiledRule) or policy.sees_lots or not _arrays_decide(type(policy)):
        return None
    return policy


@cache
def _arrays_decide(rule: type) -> bool:
    """True for a class that does not override `decide` alone."""
    arrays, decision = (
        next(k for k, c in enumerate(rule.__mro__) if name in vars(c)) for name in ("no_trade_bands", "decide")
    )
    return arrays <= decision


def fitted_until(policy: object) -> pd.Timestamp | None:
    """The last day that a policy was tuned or trained on; None for one that was not."""
    return policy.fitted_until if isinstance(policy, FittedRule) else None


def complexity(policy: object) -> int:
    """The place of a policy's family among `RULE_FAMILIES`, from the simplest on; the last place for any other."""
    family = traits(policy).family
    return RULE_FAMILIES.index(family) if family in RULE_FAMILIES else len(RULE_FAMILIES) - 1


@overload
def held_by(policy: object) -> Allocation | None:
    """The allocation of a policy; None where it names none."""


@overload
def held_by(policy: object, otherwise: Allocation) -> Allocation:
    """The allocation of a policy; `otherwise` where it names none."""


def held_by(policy: object, otherwise: Allocation | None = None) -> Allocation | None:
    """The allocation of a policy, or of an allocation that scales another; `otherwise` where it names none."""
    held: Allocation | None = getattr(policy, "allocation", None)  # as `Holding` asks, which takes ten times as long
    return otherwise if held is None else held


# -- names -----------------------------------------------------------------------------------------------------------


def short_name(policy: object) -> str:
    """The short name of a policy: its own, or that of its class."""
    return policy.short_name if isinstance(policy, RuleTraits) else type(policy).__name__


def long_name(policy: object, strategic: Allocation | None = None) -> str:
    """A policy in a few words; before it its allocation, where that is not the `strategic` target."""
    words = policy.long_name if isinstance(policy, RuleTraits) else type(policy).__name__
    allocation = held_by(policy)
    if strategic is None or allocation is None or allocation == strategic:
        return words
    return f"{allocation_name(allocation)}; {words}"
