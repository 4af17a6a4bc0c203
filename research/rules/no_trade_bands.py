"""A rule on one market as arrays: the days on which it is asked, its no-trade bands, and where it trades to."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array, Mask, freeze_fields, frozen_record
from foundation.dataclasses import dataclass, replace
from foundation.errors import PolicyError
from research.accounting.view import Hold, Trade, View, Why
from research.market.market import Market, Past
from research.rules.destinations import remake
from research.rules.rule_options import (
    NETWORK,
    NO_LINE,
    PLAIN_OPTIONS,
    BandArrays,
    RuleInput,
    RuleOptions,
    RuleRow,
    Workspace,
    of_amounts,
    row_after_trade,
)
from research.rules.triggers import answer

RESTS, UNSEEN = Why("cooldown"), Why("window")


@dataclass(frozen=True, eq=False)
class NoTradeBands:
    """A rule on one market as arrays, so that it can be played compiled. Bounds are fractions of NAV.

    asked         : (T,) true on the days on which the rule is asked.
    row           : (T,) number of the K rows below that is in force at each close.
    target        : (K, n) fraction of NAV.
    trigger_lower : (K, n) the rule trades when a weight is below its no-trade band, fraction of NAV,
    trigger_upper : (K, n) or above it, fraction of NAV.
    lower         : (K, n) lower bound of the box that it trades into, fraction of NAV; -inf for an asset that moves
                    only where the other bound moves it.
    upper         : (K, n) upper bound, fraction of NAV; inf likewise.
    cash          : (K, 4) the same four bounds for cash, fraction of NAV.
    fraction      : fraction of the way to the box that a trade goes in a day.
    trigger       : name of the trigger in the reasons.
    options       : options of the rule beyond these rows.
    unseen        : number of rows at the beginning on which there is no estimate yet.
    again         : true if the rule is asked again on the day after a trade that went a fraction of the way.
    Raises        : PolicyError for arrays of unequal shape, and for bounds that are crossed or missing.
    """

    asked: Mask
    row: NDArray[np.int64]
    target: Array
    trigger_lower: Array
    trigger_upper: Array
    lower: Array
    upper: Array
    cash: Array
    fraction: float
    trigger: str
    options: RuleOptions = PLAIN_OPTIONS
    unseen: int = 0
    again: bool = True

    def __post_init__(self) -> None:
        """Make the arrays read-only. Raises PolicyError for unequal shapes, and for crossed or missing bounds."""
        rows = {name: getattr(self, name) for name in ("trigger_lower", "trigger_upper", "lower", "upper")}
        for name, bound in rows.items():
            if bound.shape != self.target.shape:
                raise PolicyError(
                    f"{name} of no-trade bands has shape {bound.shape}, and its target {self.target.shape}."
                )
        for lower, upper in ((self.trigger_lower, self.trigger_upper), (self.lower, self.upper)):
            right = lower <= upper  # not for a missing number either
            if not right.all():
                k, i = np.argwhere(~right)[0]
                raise PolicyError(
                    f"row {k} of no-trade bands has the box [{lower[k, i]}, {upper[k, i]}] for asset {i}: give two "
                    "numbers, the lower first."
                )
        freeze_fields(self, "asked", "row", "target", *rows, "cash", dtype=None)
        object.__setattr__(self, "options", frozen_record(self.options))

    @property
    def arrays(self) -> tuple[Mask, NDArray[np.int64], Array, Array, Array, Array, Array, Array]:
        """The arrays as the class states their shapes and units, in the order in which the batch engine takes them."""
        triggers = (self.trigger_lower, self.trigger_upper)
        return self.asked, self.row, self.target, *triggers, self.lower, self.upper, self.cash

    @cached_property
    def least_gross(self) -> tuple[int, float]:
        """The row of the box that asks for the largest gross weights at least, and these, fraction of NAV."""
        least = (np.maximum(self.lower, 0.0) - np.minimum(self.upper, 0.0)).sum(axis=1)
        k = int(np.argmax(least))
        return k, float(least[k])

    @cached_property
    def compiled(self) -> BandArrays:
        """All but the options, as the kernels of one path take it."""
        options = self.options
        again = self.fraction < 1.0 and self.again
        return BandArrays(
            *self.arrays, float(self.fraction), again, options.some, options.makes_boxes, options.cooldown
        )

    def why(self, at: RuleInput, nav: float, age: int) -> tuple[Why, bool]:
        """The reason of a decision on a day of the bands, and whether it is to trade.

        at  : weights of the close; its row is one of the T days of the bands too.
        nav : wealth, currency.
        age : sessions since the last trade.
        """
        trades, line, size, allowed = answer(at, nav, age, self._in_force(at.t, age))
        return self._why(line, size, allowed), trades

    def in_force(self, row: int, age: int) -> int:
        """The one of the K rows that is in force on the day of a row.  age : sessions since the last trade."""
        return int(row_after_trade(int(self.row[row]), self.options, age))

    def _in_force(self, row: int, age: int) -> RuleRow:
        """The rule on the day of a row, with scratch of its own."""
        workspace = Workspace.of(self.target.shape[1], self.options)
        return RuleRow(self.compiled, self.options, self.in_force(row, age), workspace)

    def decision(self, view: View) -> Hold | Trade:
        """The decision of the rule at the close of a view of the market that the bands are of, with its reason."""
        row = view.past.t
        if row < self.unseen:
            return Hold(UNSEEN)
        if not (self.asked[row] or view.unfinished):
            return Hold(Why(self.trigger))
        return self.answer(view, row)

    def answer(self, view: View, row: int = 0) -> Hold | Trade:
        """The decision on the day of a view, with its reason.

        view : the close.
        row  : row of the day among the T days of the bands; bands that were made for this one day have no other.
        """
        if self.options.cooldown > 0 and view.days_since_trade <= self.options.cooldown and not view.unfinished:
            return Hold(RESTS)
        past, rule = view.past, self._in_force(row, view.days_since_trade)
        k, workspace = rule.k, rule.workspace
        at = RuleInput(view.weights, view.cash_weight, past.tradable, past.t)
        trades, line, size, allowed = answer(at, view.nav, view.days_since_trade, rule)
        why = self._why(line, size, allowed)
        if not trades:
            return Hold(why)
        if self.options.goal == NETWORK:
            (_, _, low, high), (part,) = workspace.cash[0].tolist(), workspace.fraction.tolist()
            return Trade(workspace.box[0].copy(), workspace.box[1].copy(), why, low, high, part, self.again)
        if not self.options.makes_boxes:
            low, high = self.cash[k, 2:].tolist()
            return Trade(self.lower[k], self.upper[k], why, low, high, self.fraction, self.again)

        def by_then(weights: Array, cash_weight: float, tradable: Mask) -> Trade:
            low, high = remake(RuleInput(weights, cash_weight, tradable[None], 0), rule, past.t)
            lower, upper, _ = workspace.box.copy()
            later = None if of_amounts(self.options) else by_then
            return Trade(lower, upper, why, low, high, self.fraction, self.again, later)

        return replace(by_then(view.weights, view.cash_weight, view.tradable), by_then=by_then)

    def _why(self, line: int, size: float, allowed: float) -> Why:
        return Why(self.trigger, None if line == NO_LINE else line, size, allowed)


def restricted(rows: dict[str, Array], market: Market | Past) -> dict[str, Array]:
    """The same rows for a market with restricted assets: such an asset triggers and moves only where it may trade.

    rows   : bounds (K, n) and (K, 4) by name, fraction of NAV.
    market : says of each asset whether it may be bought and sold.
    Raises : PolicyError where no asset may be bought, or none sold, and cash may not change: no trade has a
             counterpart.
    """
    trading = market.trading
    if not any(trading):
        return rows
    stays_low = np.array([word in ("sell_only", "locked") for word in trading])
    stays_high = np.array([word in ("buy_only", "locked") for word in trading])
    if (rows["cash"][:, 2:] == 0.0).all() and (stays_low.all() or stays_high.all()):
        way = "sold" if stays_high.all() else "bought"
        raise PolicyError(
            f"no asset may be {way} ({_listing(market.assets, trading)}), and the target leaves nothing to cash: no "
            "trade has a counterpart. Free an asset, or give cash a target."
        )
    bounds = {
        "trigger_lower": np.where(stays_low, -np.inf, rows["trigger_lower"]),
        "trigger_upper": np.where(stays_high, np.inf, rows["trigger_upper"]),
        "lower": np.where(stays_low, -np.inf, rows["lower"]),
        "upper": np.where(stays_high, np.inf, rows["upper"]),
    }
    return rows | bounds


def _listing(names: Sequence[str], words: Sequence[str]) -> str:
    return ", ".join(f"{name}: {word}" for name, word in zip(names, words, strict=True))
