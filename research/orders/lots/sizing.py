"""Orders from a box: the accounting's self-financing step, in the whole lots that come nearest to it.

Lots must not make a desk trade twice. So the rule is asked again with the position after its orders, and what it still
wants is added, until no more order can be sent: after these orders the list is empty.
"""

from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from foundation.errors import PolicyError
from foundation.tolerances import COUNTED, LOT
from research.accounting import Trade
from research.accounting.cost_parameters import COST_COLUMNS, Lots, Scratch
from research.accounting.kernel import Box, Record
from research.orders.lots.conflicts import conflict
from research.orders.lots.limited_point import limited_point
from research.orders.lots.lot_problem import LotProblem, clean
from research.orders.lots.lot_solver import SolvedLots, solve_lots
from research.orders.lots.lot_step import AskedTrade, StepMemory, cash_to_keep, exact_step, within_cash, write_problem
from research.orders.lots.lot_terms import DUE, GOAL, LOWER_BOUND, MOST_VOLUME, SHORT_BY, UPPER_BOUND, WAY, LotTerms
from research.orders.lots.position import Position
from research.orders.tax.tax_lots import AccountOrders
from research.rules.rule_options import NO_LINE

TURNS = 100  # times that a rule is asked at most; two are the usual number


@dataclass(frozen=True, eq=False)
class SizedOrders:
    """Orders from a position; costs and the cash after them are exact to the cent.

    position : holdings before the orders.
    units    : (n,) signed units to trade, buys positive.
    wished   : (n,) signed units of the exact step within limits of weights, before cash or turnover reduces it.
    point    : (n,) weights after the exact step of the policy, fraction of NAV.
    goal     : (n,) weights that keep the limits of weights, nearest to it, fraction of NAV.
    solved   : the lots that come nearest to it, or None where nothing was asked or can be sent.
    asked    : problem whose lots were looked for, or None where nothing was asked.
    """

    position: Position
    units: Array
    wished: Array
    point: Array
    goal: Array
    solved: SolvedLots | None = None
    asked: LotProblem | None = None

    @cached_property
    def rounded(self) -> Array:
        """(n,) signed units of the exact step in the nearest whole lots, before any limit."""
        lots = self.position.lots
        return clean(np.sign(self.wished) * np.floor(np.abs(self.wished) / lots + 0.5) * lots, lots)

    @cached_property
    def notional(self) -> Array:
        """(n,) signed currency, buys positive, in whole cents."""
        return total(self.each_notional)

    @cached_property
    def charges(self) -> Array:
        """(columns, n) currency, in whole cents."""
        return total(self.each_charges)

    # -- of the accounts that send them: here one ------------------------------------------------------------------

    @property
    def parts(self) -> Array:
        """(A, n) signed units of each account."""
        return self.units[None]

    @cached_property
    def each_notional(self) -> Array:
        """(A, n) signed currency, buys positive, in whole cents."""
        return self.position.notional(self.units)[None]

    @cached_property
    def each_charges(self) -> Array:
        """(A, columns, n) currency, in whole cents."""
        return self.position.charges(self.units)[None]

    def exact_charges(self, sizes: Array) -> Array:
        """(A, columns, n) currency of orders of these sizes (A, n), currency, before they are rounded to cents."""
        return self.position.exact_charges(sizes[0])[None]

    def held(self, a: int, i: int) -> tuple[float, float]:
        """Units of asset `i` in account `a` before and after its order."""
        return float(self.position.units[i]), float(self.after.units[i])

    # -- what they come to -----------------------------------------------------------------------------------------

    @cached_property
    def slack(self) -> float:
        """The distance from a bound at which the costs of the exact step may leave an asset, fraction of NAV."""
        return COUNTED + float(self.position.charges(self.wished).sum()) / self.position.nav

    @cached_property
    def cash(self) -> float:
        """Cash after the orders and their costs, currency."""
        return self.position.cash_after(self.units)

    @property
    def nav_after(self) -> float:
        """NAV after the orders, currency: NAV before in whole cents, less their costs."""
        return round(self.position.nav, 2) - float(self.charges.sum())

    @cached_property
    def after(self) -> Position:
        """The position after the orders.

        An asset that was sold completely holds exactly zero units, whatever the rounding.
        """
        before, left = self.position.units, self.position.units + self.units
        rounding = (before >= 0.0) & (left < 0.0) & (left > -LOT * self.position.lots)
        return replace(self.position, units=np.where(rounding, 0.0, left), cash=self.cash)

    @property
    def by_account(self) -> tuple[AccountOrders, ...]:
        """The orders of each account; of one that is taxed and has no name, where the portfolio has no accounts."""
        return (AccountOrders("", True, self.position.units, self.units),)

    @property
    def moved(self) -> Mask:
        """(n,) assets that an account trades."""
        return (self.parts != 0.0).any(axis=0)

    def rows(self) -> list[tuple[int, int]]:
        """(account, asset) of each order: sells first, the largest first."""
        found = [(int(a), int(i)) for a, i in np.argwhere(self.parts)]
        return sorted(found, key=lambda at: (self.parts[at] > 0.0, -abs(self.each_notional[at]), at[1], at[0]))

    def limit(self, i: int) -> str:
        """The limit that keeps the order of asset `i` below the exact step, in words; "" where it is only its lots."""
        position, limits = self.position, self.position.limits
        lot = position.lots[i] * position.prices[i] / position.nav
        buys, more = bool(self.wished[i] > 0.0), abs(self.units[i]) + position.lots[i]
        most, most_sold = (of if of.ndim == 0 else of[i] for of in (position.most_units, position.most_sold))
        if more > most:
            return "volume limit"
        if not buys and more > most_sold:
            return "gain budget"
        if limits.most is not None and self.units[i] == 0.0 and int((self.units != 0.0).sum()) >= limits.most:
            return f"limit of {limits.most} orders"
        if limits.turnover is not None and (self.buys if buys else self.sells) / position.nav + lot > limits.turnover:
            return "turnover limit"
        return "cash limit" if buys and (self._has_its_share(i) or self._unpaid_on(i)) else ""

    def _has_its_share(self, i: int) -> bool:
        """True if cash is too little for asset `i` to come to its point, and the asset holds its share of the cash."""
        if self.asked is None or not self.asked.unpaid.any() or self.asked.unpaid[i] <= 0.0:
            return False
        share = self.asked.shared.goal[i] - COUNTED * self.position.nav
        return bool((self.position.units[i] + self.units[i]) * self.position.prices[i] >= share)

    def unsettled(self, i: int) -> float | None:
        """Sessions until cash pays for more of asset `i`, where it does once all orders have settled, and not before.

        None where it pays at once, or never.
        """
        settles, days = self.position.settles, self._unpaid_on(i)
        if settles is None or not days or np.inf in days:
            return None
        return float(settles[settles > max(days)].min())

    def _unpaid_on(self, i: int) -> list[float]:
        """The days on which cash above its floor does not pay for another lot of asset `i`, or its least order."""
        if self.asked is None:
            return []
        position, more, lot = self.asked.position, self.units.copy(), self.position.lots[i]
        least = COUNTED * position.nav / position.prices[i]
        more[i] = max(
            more[i] + max(lot, least), np.ceil(position.least(more)[i] / position.prices[i] / lot - LOT) * lot
        )
        floor = self.asked.floor
        return [day for day in (*position.early, np.inf) if position.short_on(more, floor, day) > 0.0]

    @cached_property
    def buys(self) -> float:
        """Notional of all buys, currency."""
        return float(self.each_notional[self.parts > 0.0].sum())

    @cached_property
    def sells(self) -> float:
        """Notional of all sells, currency."""
        return float(np.abs(self.each_notional[self.parts < 0.0]).sum())

    @property
    def turnover(self) -> float:
        """One-way: the larger of buys and sells over NAV before the trade."""
        return max(self.buys, self.sells) / self.position.nav


def total(amounts: Array) -> Array:
    """The sum over the first axis of amounts in whole cents, without rounding noise."""
    return np.rint(100.0 * np.asarray(amounts)).sum(axis=0) / 100.0


Ask = Callable[[Position, bool], Trade | None]


def ask_once(trade: Trade) -> Ask:
    """Asks for this trade, and then for no more."""
    return lambda _, again: None if again else trade


def size(
    position: Position,
    ask: Ask,
    target: Array,
    policy: str,
    *,
    way: float = 0.0,
    kept: float = 0.0,
    greedy: bool = False,
) -> SizedOrders:
    """The orders, in whole lots, for the box of a rule.

    The exact step says where each asset should be; where its cash would not suffice for the reserve, each buy has a
    share of what there is, in proportion. The lots are those that come nearest (`research.orders.lots.lot_problem`):
    what the shares leave in cash buys more. No order is against the direction of the step, and where the assets that
    are due cannot be traded, none is sent.
    position : holdings before the orders.
    ask      : function of a position: the rule's trade, None to hold; the flag is true after the first call at this
               close.
    target   : (n,) weights in force, fraction of NAV.
    policy   : its name, for messages.
    way      : 1.0 for the buys of the exact step only, -1.0 for its sells, 0.0 for both.
    kept     : currency that stays, where that is more than the reserve.
    greedy   : true if the lots are those of the greedy search, as in backtests.
    Raises   : PolicyError for a trade whose costs exceed the value of the assets traded.
    """
    none, position = np.zeros(len(target)), replace(position, way=way)
    orders, turns = SizedOrders(position, none, none, position.weights, position.weights), list[_Turn]()
    for turn in range(TURNS):
        state = orders.after if turn > 0 else position
        trade = ask(state, turn > 0)
        if trade is None:
            break
        terms = LotTerms.of(state)
        exact, asked = _exact(terms, state, trade, target, policy)
        exact = np.where((exact - state.units) * way < 0.0, state.units, exact)
        turns.append(_Turn(orders.units, state, float(np.abs(exact - state.units) @ state.prices)))
        if circle := _circle(turns):
            return replace(orders, units=min(circle, key=lambda each: each.away).units)
        floor_of = partial(cash_floor, position, state, kept)
        limited = partial(_limited, state, target, policy, floor_of)
        point, exact = exact * state.prices / asked.nav, limited(exact, exact)
        if turn == 0:
            orders = SizedOrders(position, none, exact - state.units, point, exact * state.prices / asked.nav)
        both, owed = np.empty((2, len(target))), position.cash < -position.debt
        wanted = max(position.limits.stays(position.nav), kept)
        floor = within_cash(terms, exact, limited(exact, state.units), wanted, owed, both)
        capped, paid = both[0], limited(both[0], both[1])
        due, problem = _due_and_problem(terms, state, asked, floor, (capped, paid, orders.units))
        solved = solve_lots(problem, greedy)
        if solved is None and floor > state.cash:  # sells in whole lots may not raise all that the exact ones do
            problem = replace(problem, floor=state.cash)
            solved = solve_lots(problem, greedy)
        if solved is None and turn == 0 and position.limits.weights:
            solved = solve_lots(replace(problem, further=1.0), greedy)  # as fewer orders than the point has may need
            if solved is None:
                raise _conflict(state, floor, policy)
        sent = none if solved is None else solved.units
        orders = replace(orders, asked=problem) if turn == 0 else orders
        # Where none of the assets that are due can be traded, the others would pay for nothing.
        stuck = (paid != state.units)[due].any() and not sent[due].any()
        if not sent.any() or (stuck and not _waits(problem, due, greedy)):
            break
        total = clean(orders.units + sent, position.lots)
        whole = np.where(orders.units == 0.0, sent, total)  # an odd lot goes in one order, which is no whole lots
        if turn > 0 and replace(problem, position=position, most=position.most(whole)).broken(whole):
            break
        orders = replace(orders, units=whole, solved=solved if turn == 0 else orders.solved)
    return orders


def _waits(problem: LotProblem, due: Mask, greedy: bool) -> bool:
    """True if assets (n,) that are due are not traded only since the sales that pay for them settle later."""
    if problem.position.settles is None:
        return False
    at_once = solve_lots(replace(problem, position=replace(problem.position, settles=None)), greedy)
    return at_once is not None and bool(at_once.units[due].any())


class _Turn(NamedTuple):
    """The state at the start of a turn.

    units : (n,) signed units of the orders so far.
    state : position after them.
    away  : remaining trade of the exact step from there, currency.
    """

    units: Array
    state: Position
    away: float


def _circle(turns: list[_Turn]) -> list[_Turn]:
    """The turns since the holdings of the last one were held before; none where they were not.

    Each lot of an asset may be further from its point than a rule allows: one turn buys it, and the next sells it.
    """
    last = turns[-1].state
    for turn, before in enumerate(turns[:-1]):
        if np.array_equal(clean(before.state.units, last.lots), clean(last.units, last.lots)):
            return turns[turn:-1]
    return []


def cash_floor(position: Position, state: Position, kept: float, exact: Array) -> float:
    """Cash that must stay, currency: the reserve, or `kept`; or, where sells cannot reach it, all that they raise.

    position : holdings before all orders.
    state    : holdings before these orders.
    kept     : currency that stays, where that is more than the reserve.
    exact    : (n,) units after these orders.
    """
    wanted = max(position.limits.stays(position.nav), kept)
    if position.cash < -position.debt:  # a withdrawal is owed, an earlier debt is not
        return wanted - position.debt
    return cash_to_keep(LotTerms.of(state), wanted, exact)


def _limited(
    position: Position, target: Array, policy: str, floor_of: Callable[[Array], float], step: Array, units: Array
) -> Array:
    """(n,) units of the point that keeps the limits of weights, nearest to that of units (n,).

    floor_of : function of units (n,) after a step: the cash that must stay, currency; asked of `step`.
    Raises   : PolicyError where no point keeps them.
    """
    if not position.limits.weights:
        return units
    floor = floor_of(step)
    weights = units * position.prices / position.nav
    point = limited_point(position, weights, target, floor / position.nav)
    if point is None:
        raise _conflict(position, floor, policy)
    return np.where(point == weights, units, point * position.nav / position.prices)


def _conflict(position: Position, floor: float, policy: str) -> PolicyError:
    """The error to raise where no orders keep the limits of weights."""
    found = conflict(position, floor)
    why = found.words if found else "no orders that keep all limits were found: relax one of them."
    return PolicyError(f"the trade of policy {policy!r} cannot be made: {why}")


def _due_and_problem(
    terms: LotTerms, state: Position, asked: AskedTrade, floor: float, units: tuple[Array, Array, Array]
) -> tuple[Mask, LotProblem]:
    """Assets (n,) that are due, and the lots from `state` toward a point; see `write_problem` for the units."""
    write_problem(terms, asked, *units)
    rows = (terms.lines[row].copy() for row in (GOAL, WAY, LOWER_BOUND, UPPER_BOUND, MOST_VOLUME, SHORT_BY))
    goal, way, lower, upper, most, unpaid = rows
    return terms.lines[DUE] > 0.0, LotProblem(state, goal, way, lower, upper, floor, most, unpaid=unpaid)


def _exact(terms: LotTerms, position: Position, trade: Trade, target: Array, policy: str) -> tuple[Array, AskedTrade]:
    """Units (n,) after the self-financing step into the box, before rounding, and what was asked."""
    n, why = len(position.units), trade.why
    lower, upper, aim = np.array((trade.lower, trade.upper, target), dtype=float)[:, None]
    box = Box(lower, upper, aim, 0, float(trade.cash_lower), float(trade.cash_upper), float(trade.fraction))
    record = Record(np.empty((1, n)), np.empty((1, len(COST_COLUMNS), n)), 0)
    of_day = (np.atleast_2d(position.tradable), 0, position.day)
    memory = StepMemory(np.empty((3, n)), *of_day, Scratch.of(n), Lots.empty(n, 0), record)
    paid_for, nav = exact_step(terms, box, memory)
    if not paid_for:
        raise PolicyError(
            f"the trade of policy {policy!r} cannot be paid for: its costs would take more than the assets that trade "
            "are worth. Lower the costs in the portfolio file."
        )
    return memory.units[0], AskedTrade(box, NO_LINE if why.line is None else why.line, float(why.allowed), nav)
