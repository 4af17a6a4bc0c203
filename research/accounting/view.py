"""The information that a policy has at one close, and its possible answers: hold, or a box to trade into."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from foundation.arguments import floats, shown
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.errors import PolicyError
from foundation.labels import refuse_labels
from foundation.paper.wording import digits_apart, number, percent
from foundation.tolerances import TARGET_TOLERANCE, TRIGGER
from research.accounting.costs import Costs
from research.accounting.sale_tax import SaleTax
from research.market.market import Past

CASH_LINE = -1  # the number of the cash asset in a `Why`
POINT_DECIMALS = range(2, 7)  # of points, in print
TAXED = "multi_period_taxed"  # the trigger of a plan that leaves an asset over target of which a sale is taxed
REGIONS = ("optimal", "best_point", "pair_region", "multi_period", TAXED)  # the gap that they allow is that of a trade
LIKELY_PERCENT = 20.0  # of gross weights: past it they are no leverage that anybody has
OWN_TRIGGER = "own"  # the trigger of a decision for which its rule gives no reason
TRIGGER_WORDS = {  # what a trigger says when no asset is behind it
    "never": "this rule never trades",
    "calendar": "no review is due today",
    **dict.fromkeys(("band", "group", *REGIONS), "no check is due today"),
    **dict.fromkeys(("tracking_error", "cost_benefit"), "no check is due today, or nothing is off target"),
    "cooldown": "it rests after its last trade",
    "window": "there are too few days to estimate from",
    "begun": "it traded at this close already, and is asked again at the next",
    "unfinished": "orders of the last list are not filled: this one completes them",
    "flow": "money came or went: traded toward target with it",
    "delisted": "delisted and paid out",
    "in_lieu": "the fraction of a unit that a split left, paid out in cash",
    "learned": "learned: nothing to do",
}


@dataclass(frozen=True, eq=False)
class View:
    """The information that a policy has at one close.

    past             : the market up to and including this close.
    target           : (n,) target in force today, fraction of NAV; cash is the rest.
    weights          : (n,) weights as drifted to this close, after the trades booked today, fraction of NAV.
    cash_weight      : weight of cash, fraction of NAV.
    nav              : net asset value, currency.
    nav_history      : (d,) NAV at each of the d closes from the opening trade to today, currency.
    days_since_trade : sessions since the last booked trade, the opening trade included.
    costs            : costs of trading and holding, up to today.
    unfinished       : true if the last trade went only a fraction of the way and the rule is asked again.
    reviewed         : true if a session of the rule's review schedule passed since the last trade: a desk that is not
                       asked daily catches up.
    opened           : row of `past` of the opening trade; -1 where it is not known, as for a desk.
    flow_history     : (d,) money that came, or went where negative, by each of these closes, currency; None for none.
    sale_tax         : function that gives the tax on sales by lot, of the lots as they are when it is called, at the
                       prices of this close; None where no lots are known.
    """

    past: Past
    target: Array
    weights: Array
    cash_weight: float
    nav: float
    nav_history: Array
    days_since_trade: int
    costs: Costs
    unfinished: bool = False
    reviewed: bool = False
    opened: int = -1
    flow_history: Array | None = None
    sale_tax: Callable[[], SaleTax] | None = None

    def __post_init__(self) -> None:
        """Copy weights that are read-only or lie apart: what policies are given is of one kind."""
        flags = self.weights.flags
        if not (flags.writeable and flags.c_contiguous):
            object.__setattr__(self, "weights", np.array(self.weights, dtype=float, order="C"))

    @property
    def growth_history(self) -> Array:
        """(d,) value at each close of one unit of NAV at the opening trade, without money that came and went."""
        nav, flows = self.nav_history, self.flow_history
        growth: Array = nav / nav[0]
        if flows is not None and flows.any():
            growth = np.cumprod(np.append(1.0, (nav[1:] - flows[1:]) / nav[:-1]))
        return growth

    @property
    def tradable(self) -> Mask:
        """(n,) true for assets that can trade at this close."""
        today: Mask = self.past.tradable[-1]
        return today


@dataclass(frozen=True)
class Why:
    """The reason of a decision, in four facts.

    trigger : "calendar", "band", "learned", "never", …; or a reason in the words of a user's rule.
    line    : number of the asset with the widest gap, `CASH_LINE` for cash, the number of a group in `Market.labels`,
              or None where no single asset is behind the decision.
    size    : weight of the asset less its target, fraction of NAV.
    allowed : the gap that the rule allows, fraction of NAV.
    With the trigger "tracking_error" size and allowed are ex-ante tracking errors a year; with "cost_benefit" they are
    the expected loss of waiting and the cost of trading, fraction of NAV.
    """

    trigger: str
    line: int | None = None
    size: float = 0.0
    allowed: float = 0.0

    def sentence(self, names: Sequence[str], holds: bool = False, rule: str = "") -> str:
        """The reason in words.

        names : names of the assets, and of the groups if there are any.
        holds : true if it is a reason to hold.
        rule  : short name of the rule, for a decision that the rule gave no reason for.

        A trigger that is not one of the workbench's own is a reason in the words of its rule, and stands as it is.

        >>> Why("band", 0, -0.0234, 0.02).sentence(["SPY"])
        'SPY is 2.34 points under target, past the 2.00 allowed'
        """
        if self.trigger == OWN_TRIGGER:
            return f"as rule {rule} decided" if rule else "as the rule decided"
        if self.line is None and self.trigger not in TRIGGER_WORDS:
            return self.trigger
        if self.line is None and (self.allowed > 0.0 or self.size > 0.0):
            return self._measured
        if self.line is None:
            return TRIGGER_WORDS[self.trigger]
        name = "cash" if self.line == CASH_LINE else names[self.line]
        digits = POINT_DECIMALS[0] if self.trigger == "calendar" else self._decimals
        gap = f"{name} is {self._points(self.size, digits)} points {'over' if self.size > 0 else 'under'} target"
        if self.trigger == "calendar" or (self.trigger == "band" and self.allowed == 0.0 != self.size):
            return f"review due; {gap}"
        if self.trigger in REGIONS:
            inside = abs(self.allowed - self.size) <= TRIGGER
            taxed = f"; a {'sale of it' if inside else 'further sale'} is taxed" if self.trigger == TAXED else ""
            return f"{gap}, {'inside the region of no trade' if inside else f'to trade to {self._left}'}{taxed}"
        if math.isinf(self.allowed):
            return f"{gap}, and is not traded that way"
        past = abs(self.size) - abs(self.allowed) > TRIGGER
        stuck = ", and no trade reduces all breaches together enough" if past and holds else ""
        return f"{gap}, {'past' if past else 'within'} the {self._points(self.allowed, digits)} allowed{stuck}"

    @property
    def _left(self) -> str:
        """The gap that remains after a trade into a region, in words."""
        return f"{self._points(self.allowed, self._decimals)} {'over' if self.allowed > 0 else 'under'}"

    @property
    def _measured(self) -> str:
        """The reason in words where it is a figure of the whole portfolio."""
        if self.trigger == "cost_benefit":
            more = "more" if self.size > self.allowed else "no more"
            digits = _digits_apart(self.size * 1e4, self.allowed * 1e4)
            lost, paid = (f"{x * 1e4:.{digits}f}" for x in (self.size, self.allowed))
            return f"waiting is expected to lose {lost} bp, {more} than the {paid} bp that trading costs"
        past = "past" if self.size > self.allowed + TRIGGER else "within"
        size, allowed = percent(self.size, 2), percent(self.allowed, 2)
        return f"tracking error to target is {size} a year, {past} the {allowed} allowed"

    @property
    def _decimals(self) -> int:
        """Decimals of points at which size and allowed differ in print: two, or more where they are close."""
        close = 0.0 <= abs(self.size) - abs(self.allowed) <= TRIGGER
        return POINT_DECIMALS[0] if close else _digits_apart(abs(self.size) * 100, abs(self.allowed) * 100)

    @staticmethod
    def _points(fraction: float, digits: int) -> str:
        return f"{abs(fraction) * 100:.{digits}f}"


def _digits_apart(one: float, other: float) -> int:
    """Decimals at which two numbers differ in print: two, or more where they are close."""
    return next((d for d in POINT_DECIMALS if f"{one:.{d}f}" != f"{other:.{d}f}"), POINT_DECIMALS[0])


NO_REASON = Why(OWN_TRIGGER)


@dataclass(frozen=True)
class Hold:
    """Leave every unit where it is.

    why    : the reason; without one it is reported that the rule decided so.
    Raises : PolicyError for a reason that is no `Why`.
    """

    why: Why = NO_REASON

    def __post_init__(self) -> None:
        """Refuse a reason that is no `Why`."""
        _check_why(self.why)


@dataclass(frozen=True, eq=False)
class Trade:
    """A box to trade into.

    lower      : (n,) lower bounds of the weights, fraction of NAV; -inf for an asset that is not to be traded.
    upper      : (n,) upper bounds, fraction of NAV: equal to `lower` for a trade to a target; inf for an asset that is
                 not to be traded.
    why        : the reason; without one it is reported that the rule decided so.
    cash_lower : lower bound of the weight of cash, fraction of NAV; 0 if the target holds none.
    cash_upper : upper bound of the weight of cash, fraction of NAV; 0 if the target holds none.
    fraction   : fraction of the way to the point of the box that is traded today, in (0, 1].
    again      : true if the policy is asked again on the next day where `fraction` is below 1.
    by_then    : function that gives the box at the booking, from the weights (n,) and the weight of cash as drifted by
                 then, and the assets (n,) that can trade then; None if the box does not depend on them.
    Raises     : PolicyError for bounds that carry labels, such as a pandas Series or a mapping: a trade does not know
                 which asset comes first; and for a reason that is no `Why`.
    """

    lower: Array
    upper: Array
    why: Why = NO_REASON
    cash_lower: float = 0.0
    cash_upper: float = 0.0
    fraction: float = 1.0
    again: bool = True
    by_then: "Callable[[Array, float, Mask], Trade] | None" = None

    def __post_init__(self) -> None:
        """Refuse bounds that carry labels and a reason that is no `Why`, and make lists arrays."""
        _check_why(self.why)
        if type(self.lower) is not np.ndarray or type(self.upper) is not np.ndarray:
            for name in ("lower", "upper"):
                object.__setattr__(self, name, _plain(getattr(self, name)))

    @classmethod
    def to(cls, weights: Array, why: Why = NO_REASON) -> "Trade":
        """A trade to these weights (n,), fraction of NAV; cash is the rest.

        why : the reason; without one it is reported that the rule decided so.
        Raises : PolicyError as `Trade` does.
        """
        weights = _plain(weights)
        cash = round(1.0 - float(np.sum(weights)), 12)
        return cls(weights, weights, why, cash_lower=cash, cash_upper=cash)


def _check_why(why: object) -> None:
    """Refuse a reason that is no `Why`. Raises PolicyError."""
    if not isinstance(why, Why):
        raise PolicyError(f"the reason of a decision is {shown(why)}: give a Why, such as Why('a reason in words').")


def _plain(weights: Any) -> Array:
    """(n,) weights as an array. Raises PolicyError for those that carry labels, ConfigError for other than numbers."""
    refuse_labels("weights of a trade are", weights, error=PolicyError)
    return floats("weights of a trade are", weights, "give one number an asset.")


@runtime_checkable
class Policy(Protocol):
    """A rebalancing policy: it decides when, how far and toward what to trade."""

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or the box to trade into."""
        ...


def leverage_of(trade: Trade, weights: Array, limit: float) -> float:
    """The leverage limit of a trade from weights (n,), fraction of NAV.

    A trade whose box depends on the weights may leave assets where they are: their own leverage is then allowed too.
    """
    return limit if trade.by_then is None else max(limit, float(np.abs(weights).sum()))


def past_limit(gross: float, limit: float) -> str:
    """Gross weights with as many digits as tell them from the limit that they are past.

    >>> past_limit(1.5, 1.0), past_limit(1.00000004, 1.0)
    ('1.5000', '1.00000004')
    """
    return number(gross, digits_apart(gross, limit, 4))


def in_percent(gross: float) -> str:
    """A sentence for gross weights that are so large that they are likely per cent, "" for others."""
    return "Weights are fractions of NAV: 0.6 is 60 %. " if gross > LIKELY_PERCENT else ""


def check_trade(trade: Trade, n: int, policy: str, date: object, names: Sequence[str], leverage_limit: float) -> None:
    """Refuse a box that cannot be booked.

    trade          : the answer of a policy.
    n              : number of assets.
    policy         : named in the error.
    date           : named in the error.
    names          : n names of the assets.
    leverage_limit : limit of the sum of absolute weights that the box asks for at least.
    Raises         : PolicyError, naming the policy, the date and the asset that is furthest off.
    """
    where = f"policy {policy!r} on {date:%Y-%m-%d}"
    for side, bound, wrong in (("lower", trade.lower, np.inf), ("upper", trade.upper, -np.inf)):
        if np.shape(bound) != (n,):
            raise PolicyError(
                f"{where} returned a {side} bound of shape {np.shape(bound)}, expected ({n},): one an asset."
            )
        bad = np.isnan(bound) | np.equal(bound, wrong)
        if bad.any():
            raise PolicyError(
                f"{where} returned a {side} bound of {bound[int(bad.argmax())]} for "
                f"{names[int(bad.argmax())]}: give a fraction of NAV, or -inf and inf for an asset to leave alone."
            )
    if (trade.lower > trade.upper).any():
        i = int(np.argmax(trade.lower - trade.upper))
        raise PolicyError(
            f"{where} returned a box with lower {trade.lower[i]:.6f} above upper {trade.upper[i]:.6f} for {names[i]}: "
            "order its bounds."
        )
    if not (0.0 < trade.fraction <= 1.0 and trade.cash_lower <= trade.cash_upper):
        raise PolicyError(
            f"{where} returned fraction {trade.fraction} and a cash box [{trade.cash_lower}, {trade.cash_upper}]: "
            "fraction lies in (0, 1] and the box is ordered."
        )
    lower, upper = (np.where(np.isinf(bound), 0.0, bound) for bound in (trade.lower, trade.upper))
    least = np.maximum(lower, 0.0) - np.minimum(upper, 0.0)
    if least.sum() > leverage_limit + TARGET_TOLERANCE:
        i = int(np.argmax(least))
        raise PolicyError(
            f"{where} asks for gross weights of {past_limit(least.sum(), leverage_limit)} at least, past the leverage "
            f"limit of {leverage_limit:g}; the largest is {names[i]} with {least[i]:.4f}. "
            f"{in_percent(least.sum())}Lower the weights or raise the limit."
        )
