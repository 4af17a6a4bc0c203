"""The days of one backtest, compiled: what happens on its own, what is booked, what the rule asks.

The order of a day is the house's: holding is charged, and cash from the last close earns its interest; dividends are
paid and delisted lines paid out; what is due at the open is booked; the day closes and money comes or goes; what is due
at the close is booked; the rule looks.
"""

from typing import NamedTuple

from backtests.engine.ledger import EXIT, FLOW, Ledger
from backtests.engine.quiet_days import DAYS, quiet_days, value, write_bounds
from research.accounting.cost_parameters import CostParameters, HoldingCosts, Lots, Scratch
from research.accounting.kernel import (
    BOOKED,
    NOTHING_MOVED,
    REFUSED,
    Box,
    Pace,
    Quotes,
    Record,
    accrue,
    book,
    close_out,
    wealth,
    weigh,
)
from research.arrays import Array, Mask, Rows
from research.compiled import inlined, linked, on_demand, refer
from research.compiled.simd import bits, load, store
from research.rules.bands import ask, near, reason
from research.rules.destinations import remake
from research.rules.rule_options import NO_LINE, BandArrays, RuleOptions, Workspace, of_amounts, rests
from research.rules.triggers import answer
from research.tolerances import WEIGHT

OVERDRAFT = 0.05  # of NAV: what a withdrawal may leave cash overdrawn by, beyond its target, until the next trade


class Sessions(NamedTuple):
    """A market as the loop plays it.

    closes     : (T, n) worth of a unit at each close, currency.
    cash_index : (T,) worth of a unit of cash at each close, currency.
    tradable   : (T, n) whether each line can trade.
    opens      : (T, n) worth of a unit at each open, currency, or (0, n) where nothing is booked there.
    income     : (T, n) currency paid per unit, or (0, n).
    exits      : (n,) row at which a line is paid out, T if never.
    flows      : (T,) currency that comes at each close.
    years      : (T,) years since the last close.
    busy       : (T,) is there income, an exit or a flow?
    tiles      : (tiles, n + 1, DAYS) the closes and cash, as `quiet_days.tiles_of` lays them out, currency.
    buyable    : (n,) may money that comes buy the line?
    sellable   : (n,) may money that goes sell it?
    """

    closes: Array
    cash_index: Array
    tradable: Mask
    opens: Array
    income: Array
    exits: Rows
    flows: Array
    years: Array
    busy: Mask
    tiles: Array
    buyable: Mask
    sellable: Mask


class Desk(NamedTuple):
    """How decisions are carried out and charged: see `Costs`, `Execution` and `Flows`.

    cost_parameters : of what is decided.
    at_close        : of the opening trade and of flows, which are booked at closes.
    holding_costs   : what holding costs.
    lots            : what was paid for what is held.
    order_limits    : (T, n) currency, what a session's volume still allows each line, or (0, n) without a limit.
    days            : sessions over which an order is worked.
    at_open         : are decisions booked at opens?
    invest_flows    : is the portfolio rebalanced with flows?
    lag             : sessions from a decision to its booking.
    """

    cost_parameters: CostParameters
    at_close: CostParameters
    holding_costs: HoldingCosts
    lots: Lots
    order_limits: Array
    days: int
    at_open: bool
    invest_flows: bool
    lag: int


class LoopInputs(NamedTuple):
    """What the loop plays.

    sessions  : the market.
    rule      : the bands.
    options   : what the rule asks and makes beyond them.
    desk      : how decisions are carried out.
    scratch   : of a booking.
    workspace : of a decision.
    bounds    : (2, n + 1) scratch of the quiet days, units over weight.
    ledger    : what is written.
    """

    sessions: Sessions
    rule: BandArrays
    options: RuleOptions
    desk: Desk
    scratch: Scratch
    workspace: Workspace
    bounds: Array
    ledger: Ledger


class PendingDecision(NamedTuple):
    """A decision that is being carried out.

    t          : row of the day on which it was made.
    line       : column of the line that triggered it, or NO_LINE.
    size       : what it was past its target by, fraction of NAV.
    allowed    : what was allowed, fraction of NAV.
    k          : row of its box.
    cash_lower : lower bound of cash in that box, fraction of NAV.
    cash_upper : upper bound of cash in that box, fraction of NAV.
    root       : its first row in the ledger, -1 before that is written.
    left       : sessions over which the rest is worked.
    """

    t: int
    line: int
    size: float
    allowed: float
    k: int
    cash_lower: float
    cash_upper: float
    root: int
    left: int


@linked
def invest(
    sessions: Sessions, cost_parameters: CostParameters, lots: Lots, scratch: Scratch, t: int, goal: Array,
    cash: float, wealth: float, order_limits: Array, opening: Record, ledger: Ledger,
) -> tuple[int, float]:  # fmt: skip
    """The opening trade at row t, from cash; gives (status, units of cash).

    sessions        : the market.
    cost_parameters : of the trade.
    lots            : what was paid for what is held; written.
    scratch         : of a booking.
    t               : row of the day.
    goal            : (1, n) weights to open in, fraction of NAV.
    cash            : weight of cash to open in, fraction of NAV.
    wealth          : currency.
    order_limits    : (0, n) currency, no limit.
    opening         : the ledger's record of the trade.
    ledger          : its first row is written.
    """
    for i in range(goal.shape[1]):
        ledger.units[0, i] = 0.0
    price = sessions.cash_index[t]
    quotes, box = Quotes(sessions.closes, t, price, sessions.tradable), Box(goal, goal, goal, 0, cash, cash, 1.0)
    pace = Pace(order_limits, t, 1.0)
    status, nav, cash_units, paid, _ = book(
        ledger.units[0], wealth / price, wealth, quotes, box, pace, cost_parameters, lots, scratch, opening
    )
    ledger.nav[0], ledger.cash_units[0], ledger.cash[0] = nav, cash_units, cash_units * price
    ledger.residual[0] = abs(nav + paid - wealth) / wealth
    return status, cash_units


@linked
def play(  # noqa: C901  (the order of a day, to be read at one place)
    inputs: LoopInputs, first: int, units: Array, cash_units: float
) -> tuple[int, int]:
    """The days after row `first`; gives (rows written, row of the market that cannot be booked or -1).

    inputs     : what is played; its ledger is written.
    first      : row of the opening trade.
    units      : (n,) units held after it; written.
    cash_units : units of cash held after it.
    """
    sessions, rule, desk, ledger = inputs.sessions, inputs.rule, inputs.desk, inputs.ledger
    given = refer(inputs)  # for what does not happen on every day
    closes, cash_index, lag = sessions.closes, sessions.cash_index, desk.lag
    count, pending, again, due, nav = 0, False, False, -1, ledger.nav[0]
    order = PendingDecision(-1, NO_LINE, 0.0, 0.0, 0, 0.0, 0.0, -1, 1)
    t, booked = first + 1, first
    while t < len(closes):
        if not (pending or again or desk.holding_costs.some):
            t = quiet(sessions, rule, t, first, booked, units, cash_units, inputs.bounds, ledger)
            if t == len(closes):
                break
        if desk.holding_costs.some:
            cash_units = hold(given.sessions, given.desk, t, nav, units, cash_units, ledger.holding_costs[t - first])
        if sessions.busy[t]:
            cash_units, count = events(
                given.sessions, given.desk, given.scratch, t, units, cash_units, given.ledger, count
            )
        if desk.at_open and pending and t == due:
            status, nav, cash_units, order, pending = carry_out(
                given, sessions.opens, t, order, units, cash_units, count
            )
            if status == REFUSED:
                ledger.nav[t - first] = nav
                return count, t
            count, due, booked = count + 1, t + 1, t if status == BOOKED else booked
        nav = wealth(units, closes, t, cash_units, cash_index[t])
        if sessions.busy[t] and sessions.flows[t] != 0.0:
            soon = pending and t == due and not rule.makes_boxes and uses_all(given.desk, order.left, rule.fraction)
            status, nav, cash_units, count = take_in(
                given.sessions, rule.target, rule.row[t], given.desk, given.scratch, t, soon, units, cash_units,
                given.ledger, count,
            )  # fmt: skip
            if status == REFUSED:
                ledger.nav[t - first] = nav
                return count, t
        if not nav > 0.0:
            ledger.nav[t - first] = nav
            return count, t
        looks = again or (
            rule.asked[t] and (pending or _near(rule, units, closes, t, booked, nav, cash_units * cash_index[t]))
        )
        turns = 2 if pending or looks else 0  # none on most days
        for turn in range(turns):  # what is due is booked, then the policy looks; with lag 0 the policy looks first
            if (turn == 0) == (lag > 0):
                if pending and t == due and not desk.at_open:
                    status, nav, cash_units, order, pending = carry_out(
                        given, closes, t, order, units, cash_units, count
                    )
                    if status == REFUSED:
                        ledger.nav[t - first] = nav
                        return count, t
                    count, due, booked = count + 1, t + 1, t if status == BOOKED else booked
            elif looks and not pending and (again or not rests(rule, t, booked)):
                pending, order = _look(given, units, t, nav)
                due, again = t + lag, pending and rule.again
        ledger.nav[t - first] = nav
        ledger.cash[t - first] = cash_units * cash_index[t]
        t += 1
    if pending:
        write_decision(
            ledger, count, count if order.root < 0 else order.root, order.t, order.line, order.size, order.allowed
        )
        write_unbooked(ledger, count, units, cash_units, nav)
        count += 1
    return count, -1


@inlined
def quiet(
    sessions: Sessions, rule: BandArrays, t: int, first: int, booked: int, units: Array, cash_units: float,
    bounds: Array, ledger: Ledger,
) -> int:  # fmt: skip
    """Value the days from row t on that only pass: nothing comes, and the rule does not trade; gives the next other.

    sessions   : the market.
    rule       : the bands.
    t          : row of the first day.
    first      : row of the opening trade.
    booked     : row of the last booking.
    units      : (n,) units held.
    cash_units : units of cash held.
    bounds     : (2, n + 1) scratch, units over weight.
    ledger     : its NAV and cash are written.
    """
    days, k = len(sessions.closes), -1
    while t < days and not sessions.busy[t]:
        if t % DAYS == 0 and t + DAYS <= days and _is_still(sessions, rule, t):
            tile, passing = t // DAYS, DAYS
            nav8 = value(units, cash_units, sessions.tiles, tile)
            if rule.asks_more and _is_asked(rule, t):
                passing = 0
            elif _is_asked(rule, t) or bits(nav8 <= 0.0):
                if k != rule.row[t]:
                    k = rule.row[t]
                    triggers = (rule.trigger_lower, rule.trigger_upper, rule.cash)
                    write_bounds(units, cash_units, *triggers, k, bounds[0], bounds[1])
                passing = quiet_days(nav8, sessions.tiles, tile, len(units) + 1, bounds[0], bounds[1])
            store(ledger.nav, t - first, nav8)
            store(ledger.cash, t - first, load(sessions.cash_index, t) * cash_units)
            t += passing
            if passing == DAYS:
                continue
        cash = cash_units * sessions.cash_index[t]
        nav = wealth(units, sessions.closes, t, cash_units, sessions.cash_index[t])
        near = rule.asked[t] and _near(rule, units, sessions.closes, t, booked, nav, cash)
        if near or not nav > 0.0:
            break
        ledger.nav[t - first], ledger.cash[t - first] = nav, cash
        t += 1
    return t


@inlined
def _is_still(sessions: Sessions, rule: BandArrays, t: int) -> bool:
    """Does nothing come in `DAYS` rows from t on, and is one row of the rule in force?"""
    moves = 0
    for d in range(t, t + DAYS):
        moves |= sessions.busy[d] | (rule.row[d] != rule.row[t])
    return moves == 0


@inlined
def _is_asked(rule: BandArrays, t: int) -> bool:
    """Is the rule asked in one of `DAYS` rows from t on?"""
    asked = 0
    for d in range(t, t + DAYS):
        asked |= rule.asked[d]
    return asked != 0


@inlined
def _near(rule: BandArrays, units: Array, closes: Array, t: int, booked: int, nav: float, cash: float) -> bool:
    """May the rule want to trade at row t? Not while it rests. What it asks besides bands is asked in `_look`."""
    if rule.asks_more:
        return not rests(rule, t, booked)
    return near(units, closes, t, nav, cash, rule.trigger_lower, rule.trigger_upper, rule.cash, rule.row[t])


@inlined
def _look(inputs: LoopInputs, units: Array, t: int, nav: float) -> tuple[bool, PendingDecision]:
    """Ask the rule at row t; what a box that it makes is made from is in the inputs' workspace."""
    rule, tradable, days = inputs.rule, inputs.sessions.tradable, inputs.desk.days
    k, weights = rule.row[t], inputs.workspace.weights
    cash, low, high = weigh(units, inputs.sessions.closes, t, nav, weights), rule.cash[k, 2], rule.cash[k, 3]
    if rule.asks_more:
        trades, line, size, allowed = answer(weights, cash, nav, tradable, t, rule, inputs.options, k, inputs.workspace)
        return trades, PendingDecision(t, line, size, allowed, k, low, high, -1, days)
    triggers = (rule.trigger_lower, rule.trigger_upper, rule.cash, k)
    if not ask(weights, cash, tradable, t, *triggers):
        return False, PendingDecision(t, NO_LINE, 0.0, 0.0, k, low, high, -1, days)
    line, size, allowed = reason(weights, cash, tradable, t, rule.target, *triggers)
    return True, PendingDecision(t, line, size, allowed, k, low, high, -1, days)


@inlined
def carry_out(
    inputs: LoopInputs, prices: Array, t: int, order: PendingDecision, units: Array, cash_units: float, count: int
) -> tuple[int, float, float, PendingDecision, bool]:
    """Book what is due at row t of prices.

    inputs     : what is played; its ledger is written.
    prices     : (T, n) worth of a unit, currency.
    t          : row of the day.
    order      : the decision.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    count      : rows of the ledger written so far.
    Returns    : (status, nav in currency, cash_units, what is left, whether any is left). REFUSED: its costs have no
                 root, or it used the money of the close, and that leaves cash overdrawn.
    """
    sessions, rule, desk, workspace, ledger = inputs.sessions, inputs.rule, inputs.desk, inputs.workspace, inputs.ledger
    k, cash_price, low, high, box = order.k, sessions.cash_index[t], order.cash_lower, order.cash_upper, workspace.box
    before = wealth(units, prices, t, cash_units, cash_price)
    quotes = refer(Quotes(prices, t, cash_price, sessions.tradable))
    record = refer(Record(ledger.trades, ledger.charges, count))
    pace = refer(Pace(desk.order_limits, t, 1.0 / order.left))
    # To the compiler a `Box` of read-only rows and one of rows just written are two types: two calls, to the same code.
    if rule.makes_boxes:
        if order.root < 0 or not of_amounts(inputs.options):
            cash = weigh(units, prices, t, before, workspace.weights)
            low, high = remake(
                workspace.weights, cash, sessions.tradable, t, rule, inputs.options, k, order.t, workspace
            )
        new_box = Box(box[0:1], box[1:2], box[2:3], 0, low, high, rule.fraction)
        status, nav, cash_units, paid, unfinished = book(
            units, cash_units, before, quotes, new_box, pace, desk.cost_parameters, desk.lots, inputs.scratch, record
        )
    else:
        of_rule = Box(rule.lower, rule.upper, rule.target, k, low, high, rule.fraction)
        status, nav, cash_units, paid, unfinished = book(
            units, cash_units, before, quotes, of_rule, pace, desk.cost_parameters, desk.lots, inputs.scratch, record
        )
    use_up(desk.order_limits, t, ledger.trades[count], before)
    whole = not rule.makes_boxes and uses_all(desk, order.left, rule.fraction)
    if whole and is_overdrawn(sessions.flows[t], low, cash_units * cash_price, nav):
        status = REFUSED
    root = count if order.root < 0 else order.root
    write_decision(ledger, count, root, order.t, order.line, order.size, order.allowed)
    write(ledger, count, t, units, cash_units, before, nav, paid)
    left = PendingDecision(order.t, order.line, order.size, order.allowed, k, low, high, root, max(order.left - 1, 1))
    return status, nav, cash_units, left, unfinished


@on_demand
def hold(
    sessions: Sessions, desk: Desk, t: int, nav: float, units: Array, cash_units: float, holding_costs: Array
) -> float:
    """Charge for what was held since the close before row t; gives cash_units.

    sessions      : the market.
    desk          : what holding costs.
    t             : row of the day.
    nav           : at the close before, currency.
    units         : (n,) units held.
    cash_units    : units of cash held.
    holding_costs : (4,) currency, in the order of `HOLDING_COSTS`; written.
    """
    cash, years = cash_units * sessions.cash_index[t - 1], sessions.years[t]
    return (
        cash_units
        - accrue(units, sessions.closes, t - 1, cash, nav, years, desk.holding_costs, holding_costs)
        / sessions.cash_index[t]
    )


@on_demand
def events(
    sessions: Sessions,
    desk: Desk,
    scratch: Scratch,
    t: int,
    units: Array,
    cash_units: float,
    ledger: Ledger,
    count: int,
) -> tuple[float, int]:
    """Pay the dividends of row t, and what is delisted on it out; gives (cash_units, rows written).

    sessions   : the market.
    desk       : what the payment is charged.
    scratch    : of a booking.
    t          : row of the day.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    ledger     : a row a delisting is written.
    count      : rows of the ledger written so far.
    """
    cash_price = sessions.cash_index[t]
    begin, income, taxed = wealth(units, sessions.closes, t, cash_units, cash_price), 0.0, 0.0
    if len(sessions.income) > 0:
        for i in range(len(units)):
            income += units[i] * sessions.income[t, i]
            cash_units += units[i] * sessions.income[t, i] / cash_price
    for i in range(len(units)):
        if sessions.exits[i] == t and units[i] != 0.0:
            before = wealth(units, sessions.closes, t, cash_units, cash_price)
            cash_units, paid = close_out(
                units, sessions.closes, t, i, cash_units, cash_price, desk.cost_parameters, desk.lots, scratch.gains,
                ledger.trades[count], ledger.charges[count],
            )  # fmt: skip
            after = wealth(units, sessions.closes, t, cash_units, cash_price)
            write_decision(ledger, count, EXIT, t, NO_LINE, 0.0, 0.0)
            write(ledger, count, t, units, cash_units, before, after, paid)
            count, taxed = count + 1, taxed + paid
    end = wealth(units, sessions.closes, t, cash_units, cash_price)
    ledger.residual[0] = max(ledger.residual[0], abs(end + taxed - income - begin) / max(abs(begin), abs(income)))
    return cash_units, count


@on_demand
def take_in(
    sessions: Sessions, target: Array, k: int, desk: Desk, scratch: Scratch, t: int, soon: bool, units: Array,
    cash_units: float, ledger: Ledger, count: int,
) -> tuple[int, float, float, int]:  # fmt: skip
    """Take in the money that comes at the close of row t, or pay it out, and rebalance with it if the desk does so.

    sessions   : the market.
    target     : (K, n) fraction of NAV.
    k          : row of the target in force.
    desk       : how decisions are carried out. One that does not rebalance with flows sells what cash cannot pay, and
                 no more.
    scratch    : of a booking.
    t          : row of the day.
    soon       : a decision is booked whole at this close, and uses the money.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    ledger     : the booking is written.
    count      : rows of the ledger written so far.
    Returns    : (status, nav in currency, cash_units, rows written). REFUSED: the wealth is gone, or what could be sold
                 leaves cash overdrawn by more than `OVERDRAFT` beyond its target, and beyond what it was overdrawn by
                 before.
    """
    cash_price, flow = sessions.cash_index[t], sessions.flows[t]
    held = cash_units * cash_price
    cash_units += flow / cash_price
    nav = wealth(units, sessions.closes, t, cash_units, cash_price)
    if not nav > 0.0:
        return REFUSED, nav, cash_units, count
    if soon:
        return NOTHING_MOVED, nav, cash_units, count
    floor = _aim(target, k)
    floor = floor if desk.invest_flows else min(floor, 0.0)
    if not desk.invest_flows and (flow > 0.0 or cash_units * cash_price >= floor * nav):
        return NOTHING_MOVED, nav, cash_units, count
    goal = _flow_box(sessions, target, k, t, nav, floor, units, scratch)
    box, before = scratch.box, nav
    quotes, pace = Quotes(sessions.closes, t, cash_price, sessions.tradable), Pace(desk.order_limits, t, 1.0)
    to = Box(box[0:1], box[1:2], box[2:3], 0, goal, goal, 1.0)
    status, nav, cash_units, paid, _ = book(
        units, cash_units, nav, quotes, to, pace, desk.at_close, desk.lots, scratch,
        Record(ledger.trades, ledger.charges, count),
    )  # fmt: skip
    use_up(desk.order_limits, t, ledger.trades[count], before)
    write_decision(ledger, count, FLOW, t, NO_LINE, 0.0, 0.0)
    write(ledger, count, t, units, cash_units, before, nav, paid)
    if is_overdrawn(flow, min(floor, held / nav), cash_units * cash_price, nav):
        status = REFUSED
    return status, nav, cash_units, count + 1


@inlined
def use_up(order_limits: Array, t: int, trades: Array, nav: float) -> None:
    """Take the orders that were booked in session t from what its volume still allows.

    order_limits : (T, n) currency, or (0, n) without a limit; written.
    t            : row of the day.
    trades       : (n,) currency, buys positive.
    nav          : currency.
    """
    if len(order_limits) > 0:
        for i in range(len(trades)):
            left = order_limits[t, i] - abs(trades[i])
            order_limits[t, i] = left if left > WEIGHT * nav else 0.0


@inlined
def uses_all(desk: Desk, left: int, fraction: float) -> bool:
    """Is a decision booked whole at the close that it is due at, so that it uses the money of that close itself?

    left : sessions over which what is left of it is worked.  fraction : of the way to its box that it goes.
    """
    return left == 1 and fraction == 1.0 and not desk.at_open and len(desk.order_limits) == 0


@inlined
def is_overdrawn(flow: float, least: float, cash: float, nav: float) -> bool:
    """Does a withdrawal leave cash overdrawn by more than `OVERDRAFT` beyond `least`?

    flow  : currency; below 0 for a withdrawal.
    least : weight of cash that is meant, fraction of NAV.
    cash  : held after it, currency.
    nav   : currency.
    """
    return flow < 0.0 and cash < (min(least, 0.0) - OVERDRAFT) * nav


@inlined
def _aim(target: Array, k: int) -> float:
    """The weight of cash in row k of the targets."""
    aim = 1.0
    for i in range(target.shape[1]):
        aim -= target[k, i]
    return aim


@linked
def _flow_box(
    sessions: Sessions, target: Array, k: int, t: int, nav: float, aim: float, units: Array, scratch: Scratch
) -> float:
    """Write the box in which money that came buys what is under its target, and money that went sells what is over it.

    It trades at most the flow, and stops when cash reaches `aim`; what the lines that can trade cannot take stays in
    cash.  nav : with the flow.  Gives the weight that cash goes to.
    """
    lower, upper, aims = scratch.box[0], scratch.box[1], scratch.box[2]
    cash = weigh(units, sessions.closes, t, nav, scratch.weights)
    capacity, flow = 0.0, sessions.flows[t] / nav
    for i in range(len(units)):
        weight = scratch.weights[i]
        aims[i] = target[k, i]
        lower[i] = min(weight, aims[i]) if flow < 0.0 and sessions.sellable[i] else weight
        upper[i] = max(weight, aims[i]) if flow > 0.0 and sessions.buyable[i] else weight
        if sessions.tradable[t, i] and (flow < 0.0 or aims[i] != 0.0):
            capacity += upper[i] - lower[i]
    goal = max(aim, cash - min(capacity, flow)) if flow > 0.0 else min(aim, cash + min(capacity, -flow))
    return cash if (goal - cash) * flow >= 0.0 else goal


@linked
def write_decision(ledger: Ledger, j: int, part_of: int, asked: int, line: int, size: float, allowed: float) -> None:
    """Write what was asked into a row of the ledger.

    ledger  : its row j is written.
    j       : number of the booking.
    part_of : the first row of its decision, FLOW or EXIT.
    asked   : row of the market.
    line    : number of the line, as in `Why`.
    size    : as in `Why`.
    allowed : as in `Why`.
    """
    ledger.part_of[j], ledger.asked[j] = part_of, asked
    ledger.line[j], ledger.size[j], ledger.allowed[j] = line, size, allowed


@linked
def write(
    ledger: Ledger, j: int, booked: int, units: Array, cash_units: float, before: float, after: float, paid: float
) -> None:
    """Write the state after row j was booked, and keep the largest residual of wealth before = after + charges.

    ledger     : its row j is written.
    j          : number of the booking.
    booked     : row of the market, -1 where the data ended first.
    units      : (n,) units held after it.
    cash_units : units of cash held after it.
    before     : NAV before it, currency.
    after      : NAV after it, currency.
    paid       : charges in all, currency.
    """
    ledger.booked[j] = booked
    for i in range(len(units)):
        ledger.units[j + 1, i] = units[i]
    ledger.cash_units[j + 1] = cash_units
    ledger.nav_before[j] = before
    ledger.residual[0] = max(ledger.residual[0], abs(after + paid - before) / before)


@linked
def write_unbooked(ledger: Ledger, j: int, units: Array, cash_units: float, nav: float) -> None:
    """The data ended before the decision of row j, or what was left of it, could be booked.

    ledger     : its row j is written.
    j          : number of the booking.
    units      : (n,) units held.
    cash_units : units of cash held.
    nav        : currency.
    """
    for i in range(len(units)):
        ledger.trades[j, i] = 0.0
        for c in range(ledger.charges.shape[1]):
            ledger.charges[j, c, i] = 0.0
    write(ledger, j, -1, units, cash_units, nav, nav, 0.0)
