"""The reason of each asset of a trade list: its distance from its target and its band, and where it goes, or stays."""

from functools import cached_property

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.paper.wording import percent
from foundation.tolerances import COUNTED, LOT, TRIGGER
from research.orders.lots.position import counts
from research.orders.lots.sizing import SizedOrders
from research.orders.tax.tax_lots import wash_sale_locks
from research.orders.tax.tax_tables import lock_substitute
from research.portfolio import Portfolio
from research.portfolio.keys.weight_limits import WeightLimit

# What keeps a trade from the whole of what is wanted: how far an asset that it moves goes, and why another stays.
CAP = ("up to the turnover cap", "the turnover cap is reached")
TRANCHE_WORDS = ("to the mean of its tranches", "at the mean of its tranches")
PART = ("part of the way", "limited by the other trades")
OTHER_TRADES = ("as far as the other trades allow", "limited by the other trades")
FLOW_WORDS = ("with the money that comes or goes", "the money that comes or goes needs no trade of it")
NOT_ORDERED = "not ordered"
STEP_WORDS = (OTHER_TRADES[0], "no order of it is open")
MONEY_ELSEWHERE = "the money that comes or goes is for assets further from their targets"
ONE_SIDE = {1.0: (OTHER_TRADES[0], "only buys were asked for"), -1.0: (OTHER_TRADES[0], "only sells were asked for")}
LINES_NAMED = 2  # assets of the other side that an order names
NOTED = 0.05  # of an order: less that comes from cash, or goes to it, is what whole lots leave
AT_TARGET, AT_ITS_TARGET, WITHIN = "at target", "at its target", "within its band"
OUTSIDE_BAND = "outside its band"
HOLD_WORDS = "the policy holds"
NEARER = "whole lots of the others come nearer to what is wanted"
UNSENT = "not sent without the orders that are due, and these cannot be sent"
CASH, TURNOVER = "cash limit", "turnover limit"
LEAST_GAP = 5e-5  # of NAV: a smaller gap is 0.00 points


@dataclass(frozen=True, eq=False)
class Reasons:
    """The reasons of each asset, in words that are complete on their own: a ticket shows them without the list.

    portfolio : portfolio before the orders.
    target    : (n,) weights in force, fraction of NAV.
    sized     : the orders.
    wanted    : (lower, upper) (n,) each, the box that is aimed at, fraction of NAV.
    limit     : limit that keeps a trade from the whole of it: `CAP`, `TRANCHE_WORDS`, `PART` or `OTHER_TRADES`.
    holds     : true if the policy holds.
    ordered   : reason of orders that a person gave (`Request.ordered`); "" for those of a policy.
    tilt      : (n,) change of the target by a forecast, fraction of NAV; None for none.
    """

    portfolio: Portfolio
    target: Array
    sized: SizedOrders
    wanted: tuple[Array, Array]
    limit: tuple[str, str]
    holds: bool
    ordered: str = ""
    tilt: Array | None = None

    def of_order(self, i: int) -> str:
        """The origin and the destination of the order of asset `i`, in words."""
        if self.ordered:
            return f"{self._drift(i)}: {self.ordered}"
        aim, past = self._aim(i), self._past_band(i)
        held = f"; {self._of_share}" if self._of_share else ""
        drift = f"{self._drift(i)}{held}{f', {past}' if past else ''}"
        if not self.holds and not self.sized.position.weights.any():
            drift = f"first purchase{held}"
        return f"{drift}: {aim}{self._cut(i)}{self._further(i)}"

    def of_held(self, i: int) -> str:
        """The reason why asset `i` is not traded."""
        drift = self._drift(i)
        why = self._locked(i) or (HOLD_WORDS if self.holds else self._why_kept(i))
        return drift if (drift, why) == (AT_TARGET, AT_ITS_TARGET) else f"{drift}: {why}"

    def of_outside(self, i: int) -> str:
        """The reason why asset `i` may be outside its range after the orders: where its order goes, or why it stays."""
        if self.sized.units[i] == 0.0:
            why = HOLD_WORDS if self.holds else self._why_kept(i)
            return "the band of the policy allows it" if why == WITHIN else why
        since = f", since {self._of_share}" if self._of_share else ""
        side = "bought" if self.sized.units[i] > 0.0 else "sold"
        if self.ordered:
            return f"{side}, {self.ordered}"
        return f"{side} {self._aim(i)}{since}{self._cut(i)}{self._further(i)}"

    @property
    def binding(self) -> tuple[str, ...]:
        """The limits that keep orders from the policy's own step, each with the assets that it reduces or moves."""
        found: dict[str, list[str]] = {}
        for i, asset in enumerate(self.portfolio.market.assets):
            for limit in (*(limit.words for limit in self._keeps(i)), self._reduced[i][1]):
                if limit:
                    found.setdefault(limit, []).append(asset)
        return tuple(f"{self._stated(limit)} ({', '.join(lines)})" for limit, lines in found.items())

    def _stated(self, limit: str) -> str:
        """A limit with its number in the file."""
        limits = self.sized.position.limits
        if limit == TURNOVER:
            return f"{limit} of {percent(limits.turnover, 2)} of NAV"
        if limit == CASH:
            return f"{limit}, {percent(limits.reserve, 2)} of NAV and prices worse by {percent(limits.adverse_move, 2)}"
        return limit

    # -- where an asset is -------------------------------------------------------------------------------------------

    def _drift(self, i: int) -> str:
        gap = float(self.sized.position.weights[i] - self.target[i])
        side = "over" if gap > 0.0 else "under"
        drift = AT_TARGET if abs(gap) < LEAST_GAP else f"{abs(gap) * 100.0:.2f} points {side} target"
        by = 0.0 if self.tilt is None else float(self.tilt[i])
        if abs(by) < LEAST_GAP:
            return drift
        return f"{drift}, which the forecast {'raises' if by > 0.0 else 'lowers'} by {abs(by) * 100.0:.2f} points"

    @cached_property
    def _of_share(self) -> str:
        """The share of the target that the policy holds, in words; "" where it holds all of it.

        Rules that look at wealth hold a share, and cash with the rest (`research.rules.wealth_rules`).
        """
        (lower, upper), whole = self.wanted, float(self.target.sum())
        share = float(lower.sum()) / whole if whole > 0.0 else np.nan
        if not (share < 1.0 - LEAST_GAP and np.array_equal(lower, upper)):  # infinite bounds are not
            return ""
        of_all = np.abs(lower - share * self.target).max() < LEAST_GAP
        return f"the policy holds {percent(share, 2)} of the target" if of_all else ""

    def _past_band(self, i: int) -> str:
        """The distance of asset `i` outside its band, in words; "" inside, and for an asset that goes to a point."""
        (lower, upper), weight = self._box(i), float(self.sized.position.weights[i])
        past = max(lower - weight, weight - upper)
        return f"{past * 100.0:.2f} {OUTSIDE_BAND}" if lower < upper and past >= LEAST_GAP else ""

    # -- where it goes ---------------------------------------------------------------------------------------------

    def _box(self, i: int) -> tuple[float, float]:
        """The bounds of the box of asset `i`, fraction of NAV."""
        return float(self.wanted[0][i]), float(self.wanted[1][i])

    def _aim(self, i: int) -> str:
        (lower, upper), before = self._box(i), float(self.sized.position.weights[i])
        goal, slack, buys = float(self.sized.goal[i]), self.sized.slack, bool(self.sized.units[i] > 0.0)
        outside = max(lower - goal, goal - upper) > slack
        if kept := self._kept(i):
            return kept
        if self._only_pays(i):
            return f"to {percent(float(self.sized.after.weights[i]), 2)}{self._to_pay(i)}"
        if abs(goal - self.target[i]) <= slack:
            return "to its target"
        if outside and (self.limit is TRANCHE_WORDS or buys == bool(goal < lower)):
            return self.limit[0]
        if lower == upper and not outside:
            return f"to {percent(goal, 2)}"
        if abs(goal - min(max(before, lower), upper)) <= slack:
            return "back to its edge"
        return self._placed(i, buys)

    def _kept(self, i: int) -> str:
        """The limits of weights that moved asset `i` from the policy's point, in words; "" where none did."""
        broken, goal = self._keeps(i), self.sized.goal
        if not broken:
            return ""
        own = [limit for limit in broken if limit.exposures[i] != 0.0]
        names = " and ".join(f"the {limit.name}" for limit in (own or broken)[:LINES_NAMED])
        if not own:
            why = f"with what {names} frees" if self.sized.units[i] > 0.0 else f"to pay for {names}"
        else:
            why = f"{'toward' if any(limit.outside(goal) > TRIGGER for limit in own) else 'to keep'} {names}"
        return f"to {percent(float(goal[i]), 2)}, {why}"

    @property
    def missed(self) -> tuple[str, ...]:
        """The limits of weights with a price that the weights after the orders do not keep, in sentences."""
        after = self.sized.after.weights
        return tuple(
            f"The {limit.name} is at {percent(limit.weight(after), 2)} after the orders, outside "
            f"{percent(limit.lower, 2)} to {percent(limit.upper, 2)}: at its price of {limit.price:g} it is not worth "
            "more trade."
            for limit in self.sized.position.limits.weights
            if not limit.binds and limit.outside(after) > TRIGGER
        )

    def _keeps(self, i: int) -> list[WeightLimit]:
        """The limits of weights that moved asset `i` from the policy's point."""
        sized = self.sized
        if abs(float(sized.goal[i] - sized.point[i])) <= sized.slack:
            return []
        return [limit for limit in sized.position.limits.weights if limit.outside(sized.point) > 0.0]

    def _placed(self, i: int, buys: bool) -> str:
        """The reason why asset `i` takes what other assets and cash leave, with the names of these: the largest of
        them.

        See `research.accounting.box.place`.
        """
        sized, way = self.sized, -1.0 if buys else 1.0
        other = np.flatnonzero(sized.units * way > 0.0)
        other = other[np.argsort(-np.abs(sized.notional[other]), kind="stable")]
        names = [self.portfolio.market.assets[j] for j in other[:LINES_NAMED]]
        if len(other) > LINES_NAMED:
            names[-1] = f"{len(other) - LINES_NAMED + 1} others"
        trades = f"{'' if buys else 'pay for '}{' and '.join(names)}"
        from_cash, largest = (sized.sells - sized.buys) * way, float(np.abs(sized.notional[other]).max(initial=0.0))
        words = [trades] if names else []
        if from_cash > NOTED * abs(float(sized.notional[i])):
            words.insert(0 if from_cash >= largest else len(words), "cash" if buys else "raise cash")
        side, past = ("under", sized.goal[i] - self.target[i]) if buys else ("over", self.target[i] - sized.goal[i])
        why = f"no asset {side} target can take more" if past > 0.0 else f"furthest {side} target for its cost"
        (lower, upper), before = self._box(i), float(sized.position.weights[i])
        goes = "back to its edge" if lower < upper else "to its target"
        outside = "" if lower <= before <= upper else f"{goes} and on, "
        return f"{outside}{'funded by' if buys else 'to'} {' and '.join(words)} ({why})"

    def _cut(self, i: int) -> str:
        """The amount by which a limit reduced the order of asset `i`, in words; "" where it is only its lots."""
        cut, limit = self._reduced[i]
        amount = f"{cut:,.8g} units" if self.sized.position.quoted[i] else f"{cut:,.2f} {self.portfolio.basis}"
        return f"; cut by {amount} ({limit})" if limit else ""

    @cached_property
    def _reduced(self) -> list[tuple[float, str]]:
        """For each asset, the units by which a limit reduced its order, and the limit; "" where it is only its lots."""
        sized, position = self.sized, self.sized.position
        cuts = np.abs(sized.rounded) - np.abs(sized.units)
        some = cuts > np.maximum(position.lots, COUNTED * position.nav / position.prices)
        return [(float(cut), self._limit(i) if some[i] else "") for i, cut in enumerate(cuts)]

    def _limit(self, i: int) -> str:
        """The limit that keeps the order of asset `i` below the exact step; turnover reduces buys and sells alike."""
        sized, found = self.sized, self.sized.limit(i)
        most = sized.position.limits.turnover
        if found in ("", CASH) and most is not None and sized.position.turnover(sized.wished) > most:
            return TURNOVER
        return (self._unsettled(i) if found == CASH else "") or found

    def _unsettled(self, i: int) -> str:
        """The day until which sells cannot pay for more of the buy of asset `i`, in words; "" where there is none."""
        days = self.sized.unsettled(i)
        return "" if days is None else f"cash not settled until {self.portfolio.settlement_date(int(days))}"

    def _further(self, i: int) -> str:
        """The end of the order of asset `i` past its point, and the reason, in words; "" where it is only its lots."""
        sized, position, ends = self.sized, self.sized.position, float(self.sized.after.weights[i])
        past = abs(float(sized.units[i])) - abs(float(sized.rounded[i]))
        if past <= max(float(position.lots[i]), COUNTED * position.nav / float(position.prices[i])):
            return ""
        if abs(ends - float(sized.goal[i])) < LEAST_GAP or self._only_pays(i):
            return ""
        if not self._keeps(i):
            return f", and on to {percent(ends, 2)}{why}" if (why := self._to_pay(i)) else ""
        unsent = (sized.units == 0.0) & counts(np.abs(sized.wished) * position.prices, position.nav)
        others = ", since other orders that the limits need are not sent"
        return f", and on to {percent(ends, 2)}{others if unsent.any() else ' for the whole lots of the others'}"

    def _to_pay(self, i: int) -> str:
        """The reason why asset `i` is sold past its point, in words: a withdrawal that is owed is always paid."""
        sized, position = self.sized, self.sized.position
        if sized.units[i] > 0.0 or position.cash >= -position.debt:
            return ""
        move, reserve = position.limits.adverse_move, position.limits.stays(position.nav)
        if move * sized.sells > reserve:
            return f", so that cash pays the withdrawal even if sells fill {percent(move, 2)} lower"
        return ", so that the reserve stays in cash" if reserve else ", so that cash pays the withdrawal"

    def _only_pays(self, i: int) -> bool:
        """True if asset `i` is sold for a withdrawal alone: the policy would leave it where it is."""
        moved = abs(float(self.sized.goal[i] - self.sized.position.weights[i]))
        return self.sized.units[i] < 0.0 and moved <= self.sized.slack and bool(self._to_pay(i))

    # -- why it stays ----------------------------------------------------------------------------------------------

    def _why_kept(self, i: int) -> str:
        """The reason why asset `i` is not traded although the rule trades."""
        if self.ordered:
            return NOT_ORDERED
        sized, position, basis = self.sized, self.sized.position, self.portfolio.basis
        wished, amount = float(sized.wished[i]), float(abs(sized.rounded[i]) * position.prices[i])
        if not position.tradable[i]:
            return f"cannot trade on {self.portfolio.date:%Y-%m-%d}"
        if not counts(abs(wished) * position.prices[i], position.nav):
            return self._why_still(i)
        if abs(sized.rounded[i]) < (1.0 - LOT) * position.lots[i]:
            return f"an order of {abs(wished) / position.lots[i]:.2f} lots rounds to zero lots"
        if amount < position.minimum:
            return f"an order of {amount:,.2f} {basis} is below the minimum trade of {position.minimum:,.2f}"
        if amount < (least := float(position.least(sized.rounded)[i])):
            return f"an order of {amount:,.2f} {basis} is below the minimum purchase of {least:,.2f}"
        if limit := self._limit(i):
            side = "buy" if wished > 0.0 else "sell"
            return f"a {side} of {amount:,.2f} {basis} was left out ({limit})"
        return NEARER if sized.units.any() else UNSENT

    def _locked(self, i: int) -> str:
        """The end of the lock on buys of asset `i`, and its substitute; "" without one, or not under target."""
        assets = self.portfolio.market.assets
        asset = assets[i]
        until = wash_sale_locks(self.portfolio).get(asset)
        if until is None or not self.sized.goal[i] < self.target[i] - LEAST_GAP:
            return ""
        named = lock_substitute(self.portfolio, asset)
        sold = named in assets and float(self.sized.units[assets.index(named)]) < 0.0
        instead = f"; {named} may be bought in its place" if named and not sold else ""
        return f"not bought before {until:%Y-%m-%d}: it was sold at a loss, and this would be a wash sale{instead}"

    def _why_still(self, i: int) -> str:
        """The reason why the exact step does not trade asset `i`."""
        (lower, upper), goal = self._box(i), float(self.sized.goal[i])
        if kept := self._kept(i):
            return f"stays {kept}"
        if max(lower - goal, goal - upper) > self.sized.slack:
            return self.limit[1]
        if lower == upper:
            return f"at the {percent(goal, 2)} that the policy holds" if self._of_share else AT_ITS_TARGET
        word = self.portfolio.market.trading[i]
        if locked := self._locked(i):
            return locked
        if word == "locked":
            return "may not be traded"
        if (word == "sell_only" and goal < self.target[i]) or (word == "buy_only" and goal > self.target[i]):
            return f"may only be {'sold' if word == 'sell_only' else 'bought'}"
        if np.isinf([lower, upper]).all():
            return self.limit[1] if self.limit in (FLOW_WORDS, STEP_WORDS) else "not traded by this rule"
        return MONEY_ELSEWHERE if self.limit is FLOW_WORDS else WITHIN
