"""The days of one backtest, compiled: account events, bookings, and decisions of the rule.

The order of a day is the house's: holding is charged, and cash from the last close earns its interest; dividends are
paid and delisted assets paid out; what is due at the open is booked; the day closes, losses are harvested, and money
comes or goes; what is due at the close is booked; the rule looks. With a lag of 0 it looks first, at what the flow
leaves, and its trade and the flow are one booking.
"""

from typing import NamedTuple

from backtests.engine.account_events import (
    NO_RULE_REASON,
    events,
    go_back,
    harvest,
    hold,
    is_overdrawn,
    keep_before,
    receive,
    take_in,
    use_up,
    uses_all,
)
from backtests.engine.ledger import Ledger, Reason, write, write_decision, write_unbooked
from backtests.engine.loop_inputs import EventInputs, LoopInputs, Sessions
from backtests.engine.lot_fills import LotBooking, fill_decision, pay_in_lieu
from backtests.engine.lot_orders import SOME_ORDERS, size_orders
from backtests.engine.quiet_days import TILE_DAYS, quiet_days, value, write_bounds
from foundation.arrays import Array
from foundation.compiled import inlined, on_demand, refer
from foundation.compiled.simd import bits, load, store
from research.accounting.kernel import BOOKED, REFUSED, Box, Pace, Quotes, Record, book, wealth, weigh
from research.accounting.spending import settle
from research.rules.bands import ask, near, reason
from research.rules.destinations import remake
from research.rules.rule_options import (
    NETWORK,
    BandArrays,
    RuleInput,
    RuleRow,
    of_amounts,
    rests,
    row_after_trade,
    triggers_of,
)
from research.rules.triggers import answer


class PendingDecision(NamedTuple):
    """A decision that is being executed.

    t          : row of the day on which it was made.
    why        : its reason.
    k          : row of its box.
    cash_lower : lower bound of cash in that box, fraction of NAV.
    cash_upper : upper bound of cash in that box, fraction of NAV.
    root       : its first row in the ledger, -1 before that is written.
    left       : sessions over which the rest is worked.
    fraction   : fraction of the distance to the box that is traded in a day.
    """

    t: int
    why: Reason
    k: int
    cash_lower: float
    cash_upper: float
    root: int
    left: int
    fraction: float


class HeldSince(NamedTuple):
    """Holdings, and the rows since which they stand.

    units      : (n,) units held.
    cash_units : units of cash held.
    first      : row of the opening trade.
    booked     : row of the last booking.
    """

    units: Array
    cash_units: float
    first: int
    booked: int


@on_demand
def invest(inputs: EventInputs, t: int, goal: Array, cash: float, wealth: float, opening: Record) -> tuple[int, float]:
    """The opening trade at row t, from cash, charged as at a close; gives (status, units of cash).

    inputs  : the first row of its ledger is written.
    t       : row of the day.
    goal    : (1, n) weights to open in, fraction of NAV.
    cash    : weight of cash to open in, fraction of NAV.
    wealth  : wealth before the trade, currency.
    opening : the ledger's record of the trade.
    """
    sessions, desk, scratch, ledger = inputs.sessions, inputs.desk, inputs.scratch, inputs.ledger
    for i in range(goal.shape[1]):
        ledger.units[0, i] = 0.0
    price = sessions.cash_index[t]
    quotes, box = Quotes(sessions.closes, t, price, sessions.tradable), Box(goal, goal, goal, 0, cash, cash, 1.0)
    pace = Pace(desk.order_limits[:0], t, 1.0)
    status, nav, cash_units, paid, _ = book(
        ledger.units[0], wealth / price, wealth, quotes, box, pace, desk.at_close, desk.lots, scratch, opening
    )
    ledger.nav[0], ledger.cash_units[0], ledger.cash[0] = nav, cash_units, cash_units * price
    ledger.residual[0] = abs(nav + paid - wealth) / wealth
    return status, cash_units


@on_demand
def play(  # noqa: C901  (the order of a day, to be read at one place)
    inputs: LoopInputs, first: int, units: Array, cash_units: float, booked: int
) -> tuple[int, int]:
    """The days after row `first`; gives (rows written, row of the market that cannot be booked or -1).

    inputs     : inputs of the backtest; its ledger is written.
    first      : row of the opening trade.
    units      : (n,) units held after it; written.
    cash_units : units of cash held after it.
    booked     : row of the last booking before it, itself for a trade.
    """
    sessions, rule, desk, ledger = inputs.sessions, inputs.rule, inputs.desk, inputs.ledger
    given = refer(inputs)  # for what does not happen on every day
    of_events = refer(EventInputs(sessions, desk, inputs.scratch, ledger))
    closes, cash_index, lag, harvests = sessions.closes, sessions.cash_index, desk.lag, len(desk.harvest_from) > 0
    count, pending, again, due, nav = 0, False, False, -1, ledger.nav[0]
    order = PendingDecision(-1, NO_RULE_REASON, 0, 0.0, 0.0, -1, 1, 1.0)
    before_cash, before_count = cash_units, count
    t = first + 1
    while t < len(closes):
        if not (pending or again or desk.holding_costs.some or harvests):
            t = quiet(sessions, rule, t, HeldSince(units, cash_units, first, booked), inputs.bounds, ledger)
            if t == len(closes):
                break
        if desk.holding_costs.some:
            cash_units = hold(of_events, t, nav, units, cash_units, ledger.holding_costs[t - first])
        if sessions.busy[t]:
            cash_units, count = events(of_events, t, units, cash_units, count)
            if len(inputs.lots.splits) > 0:
                cash_units, count = pay_in_lieu(of_events, given.lots, t, units, cash_units, count)
        if desk.at_open and pending and t == due:
            status, nav, cash_units, order, pending = carry_out(given, t, order, units, cash_units, count)
            if status == REFUSED:
                ledger.nav[t - first] = nav
                return count, t
            count, due, booked = count + 1, t + 1, t if status == BOOKED else booked
        if harvests:
            cash_units, count = harvest(of_events, t, units, cash_units, count)
        nav = wealth(units, closes, t, cash_units, cash_index[t])
        if sessions.busy[t] and len(desk.spending.paid) > 0:
            settle(desk.spending, t, nav)
        joins = False  # may a decision of this close take the place of the booking of its flow?
        if sessions.busy[t] and sessions.flows[t] != 0.0:
            if pending and t == due and not rule.makes_boxes and uses_all(given.desk, order.left, order.fraction):
                cash_units, nav = receive(sessions, t, units, cash_units)  # what is booked at this close uses the money
            else:
                joins = lag == 0 and not (pending or rule.makes_boxes)
                if joins:
                    before_cash, before_count = cash_units, count
                    keep_before(given.desk, units)
                status, nav, cash_units, count = take_in(
                    of_events, rule.target[rule.row[t]], t, units, cash_units, count
                )
                if status == REFUSED:
                    ledger.nav[t - first] = nav
                    return count, t
        if not nav > 0.0:
            ledger.nav[t - first] = nav
            return count, t
        looks = again or (
            rule.asked[t]
            and (
                pending
                or _near(rule, closes, t, HeldSince(units, cash_units, first, booked), nav, cash_units * cash_index[t])
            )
        )
        turns = 2 if pending or looks else 0  # none on most days
        for turn in range(turns):  # what is due is booked, then the policy looks; with lag 0 the policy looks first
            if (turn == 0) == (lag > 0):
                if pending and t == due and not desk.at_open:
                    status, nav, cash_units, order, pending = carry_out(given, t, order, units, cash_units, count)
                    if status == REFUSED:
                        ledger.nav[t - first] = nav
                        return count, t
                    count, due, booked = count + 1, t + 1, t if status == BOOKED else booked
            elif looks and not pending and (again or not rests(rule, t, booked)):
                pending, order = _look(given, units, t, booked, nav)
                due, again = t + lag, pending and rule.again
                if pending and inputs.lots.sized:
                    sized = size_orders(given, t, booked, units, cash_units, order.why)
                    if sized == REFUSED:
                        ledger.nav[t - first] = nav
                        return count, t
                    pending = sized == SOME_ORDERS
                if joins and pending and uses_all(given.desk, order.left, order.fraction):
                    go_back(given.desk, units)
                    count = before_count
                    cash_units, nav = receive(sessions, t, units, before_cash)
        ledger.nav[t - first] = nav
        ledger.cash[t - first] = cash_units * cash_index[t]
        t += 1
    if pending:
        write_decision(ledger, count, count if order.root < 0 else order.root, order.t, order.why)
        write_unbooked(ledger, count, units, cash_units, nav)
        count += 1
    return count, -1


@inlined
def quiet(sessions: Sessions, rule: BandArrays, t: int, held: HeldSince, bounds: Array, ledger: Ledger) -> int:
    """Value the days from row t on that only pass: nothing comes, and the rule does not trade; gives the next other.

    sessions : the market.
    rule     : the bands.
    t        : row of the first day.
    held     : what is held.
    bounds   : (2, n + 1) scratch, units over weight.
    ledger   : its NAV and cash are written.
    """
    units, cash_units, first, _ = held
    days, k = len(sessions.closes), -1
    while t < days and not sessions.busy[t]:
        if t % TILE_DAYS == 0 and t + TILE_DAYS <= days and _is_still(sessions, rule, t):
            tile, passing = t // TILE_DAYS, TILE_DAYS
            nav8 = value(units, cash_units, sessions.tiles, tile)
            if rule.asks_more and _is_asked(rule, t):
                passing = 0
            elif _is_asked(rule, t) or bits(nav8 <= 0.0):
                if k != rule.row[t]:
                    k = rule.row[t]
                    write_bounds(units, cash_units, triggers_of(rule, k), bounds[0], bounds[1])
                passing = quiet_days(nav8, sessions.tiles, tile, len(units) + 1, bounds[0], bounds[1])
            store(ledger.nav, t - first, nav8)
            store(ledger.cash, t - first, load(sessions.cash_index, t) * cash_units)
            t += passing
            if passing == TILE_DAYS:
                continue
        cash = cash_units * sessions.cash_index[t]
        nav = wealth(units, sessions.closes, t, cash_units, sessions.cash_index[t])
        near = rule.asked[t] and _near(rule, sessions.closes, t, held, nav, cash)
        if near or not nav > 0.0:
            break
        ledger.nav[t - first], ledger.cash[t - first] = nav, cash
        t += 1
    return t


@inlined
def _is_still(sessions: Sessions, rule: BandArrays, t: int) -> bool:
    """True if no event falls in the `TILE_DAYS` rows from t on, and one row of the rule is in force."""
    moves = 0
    for d in range(t, t + TILE_DAYS):
        moves |= sessions.busy[d] | (rule.row[d] != rule.row[t])
    return moves == 0


@inlined
def _is_asked(rule: BandArrays, t: int) -> bool:
    """True if the rule is asked in one of the `TILE_DAYS` rows from t on."""
    asked = 0
    for d in range(t, t + TILE_DAYS):
        asked |= rule.asked[d]
    return asked != 0


@inlined
def _near(rule: BandArrays, closes: Array, t: int, held: HeldSince, nav: float, cash: float) -> bool:
    """True if the rule, unless it rests, may want to trade at row t. Options beside bands are checked in `_look`."""
    if rule.asks_more:
        return not rests(rule, t, held.booked)
    return near(held.units, closes, t, nav, cash, triggers_of(rule, rule.row[t]))


@inlined
def _look(inputs: LoopInputs, units: Array, t: int, booked: int, nav: float) -> tuple[bool, PendingDecision]:
    """Ask the rule at row t, last booked in row `booked`; what its box is made from is in the inputs' workspace."""
    rule, tradable, days = inputs.rule, inputs.sessions.tradable, inputs.desk.days
    k, weights = row_after_trade(rule.row[t], inputs.options, t - booked), inputs.workspace.weights
    cash, low, high = weigh(units, inputs.sessions.closes, t, nav, weights), rule.cash[k, 2], rule.cash[k, 3]
    if rule.asks_more:
        at = RuleInput(weights, cash, tradable, t)
        trades, line, size, allowed = answer(at, nav, t - booked, RuleRow(rule, inputs.options, k, inputs.workspace))
        part = inputs.workspace.fraction[0] if inputs.options.goal == NETWORK else rule.fraction
        return trades, PendingDecision(t, Reason(line, size, allowed), k, low, high, -1, days, part)
    triggers = triggers_of(rule, k)
    if not ask(weights, cash, tradable, t, triggers):
        return False, PendingDecision(t, NO_RULE_REASON, k, low, high, -1, days, rule.fraction)
    line, size, allowed = reason(weights, cash, tradable, t, rule.target, triggers)
    return True, PendingDecision(t, Reason(line, size, allowed), k, low, high, -1, days, rule.fraction)


@inlined
def carry_out(
    inputs: LoopInputs, t: int, order: PendingDecision, units: Array, cash_units: float, count: int
) -> tuple[int, float, float, PendingDecision, bool]:
    """Book what is due at row t, at its open or its close as the desk does.

    inputs     : inputs of the backtest; its ledger is written.
    t          : row of the day.
    order      : the decision.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    count      : rows of the ledger written so far.
    Returns    : (status, nav in currency, cash_units, what is left, whether any is left). REFUSED: its costs have no
                 root, or it used the money of the close, and that leaves cash overdrawn.
    """
    sessions, rule, desk, workspace, ledger = inputs.sessions, inputs.rule, inputs.desk, inputs.workspace, inputs.ledger
    prices = sessions.opens if desk.at_open else sessions.closes
    if inputs.lots.sized:
        of_events, rows = EventInputs(sessions, desk, inputs.scratch, ledger), LotBooking(order.t, t, count)
        nav, cash_units = fill_decision(of_events, inputs.lots, rows, units, cash_units, order.why)
        return BOOKED, nav, cash_units, order, False
    k, cash_price, low, high, box = order.k, sessions.cash_index[t], order.cash_lower, order.cash_upper, workspace.box
    before = wealth(units, prices, t, cash_units, cash_price)
    quotes = refer(Quotes(prices, t, cash_price, sessions.tradable))
    record = refer(Record(ledger.trades, ledger.charges, count))
    pace = refer(Pace(desk.order_limits, t, 1.0 / order.left))
    # To the compiler a `Box` of read-only rows and one of rows just written are two types: two calls, to the same code.
    if rule.makes_boxes:
        if order.root < 0 or not of_amounts(inputs.options):
            cash = weigh(units, prices, t, before, workspace.weights)
            at = RuleInput(workspace.weights, cash, sessions.tradable, t)
            low, high = remake(at, RuleRow(rule, inputs.options, k, workspace), order.t)
        new_box = Box(box[0:1], box[1:2], box[2:3], 0, low, high, order.fraction)
        status, nav, cash_units, paid, unfinished = book(
            units, cash_units, before, quotes, new_box, pace, desk.cost_parameters, desk.lots, inputs.scratch, record
        )
    else:
        of_rule = Box(rule.lower, rule.upper, rule.target, k, low, high, order.fraction)
        status, nav, cash_units, paid, unfinished = book(
            units, cash_units, before, quotes, of_rule, pace, desk.cost_parameters, desk.lots, inputs.scratch, record
        )
    use_up(desk.order_limits, t, ledger.trades[count], before)
    whole = not rule.makes_boxes and uses_all(desk, order.left, order.fraction)
    if whole and is_overdrawn(sessions.flows[t], low, cash_units * cash_price, nav):
        status = REFUSED
    root = count if order.root < 0 else order.root
    write_decision(ledger, count, root, order.t, order.why)
    write(ledger, count, t, units, cash_units, before, nav, paid)
    left = PendingDecision(order.t, order.why, k, low, high, root, max(order.left - 1, 1), order.fraction)
    return status, nav, cash_units, left, unfinished
