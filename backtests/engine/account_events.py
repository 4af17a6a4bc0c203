"""Events of an account besides decisions, compiled: holding costs, dividends, delistings, harvests, cash flows."""

import numpy as np

from backtests.engine.ledger import (
    EXIT_BOOKING,
    FLOW_BOOKING,
    HARVEST_BOOKING,
    TAX_BOOKING,
    Reason,
    write,
    write_decision,
)
from backtests.engine.loop_inputs import Desk, EventInputs, Sessions
from foundation.arrays import Array
from foundation.compiled import inlined, linked, on_demand
from foundation.tolerances import WEIGHT
from research.accounting.box import rest_of
from research.accounting.cost_parameters import TAX
from research.accounting.kernel import (
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
from research.accounting.self_financing import charge_order
from research.accounting.tax_lots import capital_gains_tax, copy_lots, harvest_lots, harvestable, tax_return
from research.rules.rule_options import NO_LINE

NO_RULE_REASON = Reason(NO_LINE, 0.0, 0.0)  # of a booking that is no decision's
OVERDRAFT = 0.05  # of NAV: what a withdrawal may leave cash overdrawn by, beyond its target, until the next trade


@on_demand
def hold(inputs: EventInputs, t: int, nav: float, units: Array, cash_units: float, holding_costs: Array) -> float:
    """Charge for what was held since the close before row t; gives cash_units.

    inputs        : the market, and costs of holding.
    t             : row of the day.
    nav           : NAV at the close before, currency.
    units         : (n,) units held.
    cash_units    : units of cash held.
    holding_costs : (4,) currency, in the order of `HOLDING_COSTS`; written.
    """
    sessions, costs = inputs.sessions, inputs.desk.holding_costs
    cash, years = cash_units * sessions.cash_index[t - 1], sessions.years[t]
    charged = accrue(units, sessions.closes, t - 1, cash, nav, years, costs, holding_costs)
    return cash_units - charged / sessions.cash_index[t]


@on_demand
def events(inputs: EventInputs, t: int, units: Array, cash_units: float, count: int) -> tuple[float, int]:
    """Settle a tax return, pay the dividends of row t, and pay out assets delisted on it; gives (cash_units, rows).

    inputs     : its ledger gets a row for each delisting, and for a tax return.
    t          : row of the day.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    count      : rows of the ledger written so far.
    """
    sessions, desk, scratch, ledger = inputs.sessions, inputs.desk, inputs.scratch, inputs.ledger
    cash_price = sessions.cash_index[t]
    begin, income, taxed = wealth(units, sessions.closes, t, cash_units, cash_price), 0.0, 0.0
    if len(desk.tax_returns) > 0 and desk.tax_returns[t]:
        taxed = tax_return(desk.lots, desk.cost_parameters, desk.loss_limit)
        if abs(taxed) <= WEIGHT * abs(begin):  # rounding
            taxed = 0.0
        else:
            cash_units -= taxed / cash_price
            _write_return(inputs, t, taxed, units, cash_units, count)
            count += 1
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
            write_decision(ledger, count, EXIT_BOOKING, t, NO_RULE_REASON)
            write(ledger, count, t, units, cash_units, before, after, paid)
            count, taxed = count + 1, taxed + paid
    end = wealth(units, sessions.closes, t, cash_units, cash_price)
    ledger.residual[0] = max(ledger.residual[0], abs(end + taxed - income - begin) / max(abs(begin), abs(income)))
    return cash_units, count


@linked
def _write_return(inputs: EventInputs, t: int, tax: float, units: Array, cash_units: float, count: int) -> None:
    """Write what a tax return takes, currency, below 0 for a refund, shared over the assets by what is held of them."""
    closes, ledger, after = inputs.sessions.closes, inputs.ledger, 0.0
    for i in range(len(units)):
        after += units[i] * closes[t, i]
    for i in range(len(units)):
        ledger.trades[count, i] = 0.0
        for c in range(ledger.charges.shape[1]):
            ledger.charges[count, c, i] = 0.0
        share = units[i] * closes[t, i] / after if after > 0.0 else 1.0 / len(units)
        ledger.charges[count, TAX, i] = tax * share
    after = wealth(units, closes, t, cash_units, inputs.sessions.cash_index[t])
    write_decision(ledger, count, TAX_BOOKING, t, NO_RULE_REASON)
    write(ledger, count, t, units, cash_units, after + tax, after, tax)


@on_demand
def harvest(inputs: EventInputs, t: int, units: Array, cash_units: float, count: int) -> tuple[float, int]:
    """Harvest losses at the close of row t, and pay for both orders; gives (cash_units, rows written).

    A substitute is bought for what is sold, so that the units stay, and their lots begin anew at the close. An asset
    that cannot be sold waits, as does an order below the smallest one, or beyond what volumes allow.
    inputs     : its lots are written; its ledger gets a row where a loss is realised.
    t          : row of the day.
    units      : (n,) units held.
    cash_units : units of cash held.
    count      : rows of the ledger written so far.
    """
    sessions, desk, gains, ledger = inputs.sessions, inputs.desk, inputs.scratch.gains, inputs.ledger
    lots, costs, above, limits = desk.lots, desk.at_close, desk.harvest_above, desk.order_limits
    r, q = min(t, len(costs.rates) - 1), min(t, len(costs.impact) - 1)
    trades, charges, paid, long, short = ledger.trades[count], ledger.charges[count], 0.0, 0.0, 0.0
    for i in range(len(units)):
        trades[i], gains[i] = 0.0, 0.0
        for c in range(len(charges)):
            charges[c, i] = 0.0
        price = sessions.closes[t, i]
        loss, sold = harvestable(lots, i, price, above)
        size = sold * price
        if not (size > 0.0 and loss >= desk.harvest and size >= costs.minimum_trade):
            continue
        can_sell = sessions.tradable[t, i] and sessions.sellable[i] and (len(limits) == 0 or size <= limits[t, i])
        if not can_sell or t < desk.harvest_from[lots.bought[i]]:
            continue
        of_long, of_short = harvest_lots(lots, costs, i, price, above, t)
        long += of_long
        short += of_short
        charge_order(costs, r, q, i, size, charges)
        for c in range(TAX):
            charges[c, i] *= 2.0
            paid += charges[c, i]
        if len(limits) > 0:
            limits[t, i] -= size
    if long + short == 0.0:
        return cash_units, count
    capital_gains_tax(lots, costs, gains, long, short, charges)  # of losses alone none is due
    cash_price = sessions.cash_index[t]
    before = wealth(units, sessions.closes, t, cash_units, cash_price)
    cash_units -= paid / cash_price
    write_decision(ledger, count, HARVEST_BOOKING, t, Reason(NO_LINE, -long - short, 0.0))
    write(ledger, count, t, units, cash_units, before, wealth(units, sessions.closes, t, cash_units, cash_price), paid)
    return cash_units, count + 1


@on_demand
def take_in(
    inputs: EventInputs, target: Array, t: int, units: Array, cash_units: float, count: int
) -> tuple[int, float, float, int]:
    """Take in the cash flow at the close of row t, or pay it out, and rebalance with it if the desk does so.

    inputs     : its ledger gets the booking. A desk that does not rebalance with flows sells what cash cannot pay, and
                 no more.
    target     : (n,) fraction of NAV.
    t          : row of the day.
    units      : (n,) units held; written.
    cash_units : units of cash held.
    count      : rows of the ledger written so far.
    Returns    : (status, nav in currency, cash_units, rows written). REFUSED: the wealth is gone, or what could be sold
                 leaves cash overdrawn by more than `OVERDRAFT` beyond its target, and beyond what it was overdrawn by
                 before.
    """
    sessions, desk, scratch, ledger = inputs.sessions, inputs.desk, inputs.scratch, inputs.ledger
    cash_price, flow = sessions.cash_index[t], sessions.flows[t]
    held = cash_units * cash_price
    cash_units, nav = receive(sessions, t, units, cash_units)
    if not nav > 0.0:
        return REFUSED, nav, cash_units, count
    floor = rest_of(target)
    floor = floor if desk.invest_flows else min(floor, 0.0)
    if not desk.invest_flows and (flow > 0.0 or cash_units * cash_price >= floor * nav):
        return NOTHING_MOVED, nav, cash_units, count
    goal = _flow_box(inputs, target, t, nav, floor, units)
    box, before = scratch.box, nav
    quotes, pace = Quotes(sessions.closes, t, cash_price, sessions.tradable), Pace(desk.order_limits, t, 1.0)
    to = Box(box[0:1], box[1:2], box[2:3], 0, goal, goal, 1.0)
    status, nav, cash_units, paid, _ = book(
        units, cash_units, nav, quotes, to, pace, desk.at_close, desk.lots, scratch,
        Record(ledger.trades, ledger.charges, count),
    )  # fmt: skip
    use_up(desk.order_limits, t, ledger.trades[count], before)
    write_decision(ledger, count, FLOW_BOOKING, t, NO_RULE_REASON)
    write(ledger, count, t, units, cash_units, before, nav, paid)
    if is_overdrawn(flow, min(floor, held / nav), cash_units * cash_price, nav):
        status = REFUSED
    return status, nav, cash_units, count + 1


@on_demand
def keep_before(desk: Desk, units: Array) -> None:
    """Keep what is held before a flow.  units : (n,) units held."""
    for i in range(len(units)):
        desk.before.units[i] = units[i]
    copy_lots(desk.lots, desk.before.lots)


@on_demand
def go_back(desk: Desk, units: Array) -> None:
    """Hold again what was held before a flow.  units : (n,) written."""
    for i in range(len(units)):
        units[i] = desk.before.units[i]
    copy_lots(desk.before.lots, desk.lots)


@inlined
def receive(sessions: Sessions, t: int, units: Array, cash_units: float) -> tuple[float, float]:
    """(cash_units, nav in currency) after the cash flow of row t, without a trade.

    sessions   : the market.
    t          : row of the day.
    units      : (n,) units held.
    cash_units : units of cash held before it.
    """
    cash_price = sessions.cash_index[t]
    cash_units += sessions.flows[t] / cash_price
    return cash_units, wealth(units, sessions.closes, t, cash_units, cash_price)


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
    """True if a decision is booked whole at the close that it is due at, so that it uses the money of that close.

    left : sessions over which the rest of it is worked.  fraction : part of the distance to its box that it trades.
    """
    return left == 1 and fraction == 1.0 and not desk.at_open and len(desk.order_limits) == 0


@inlined
def is_overdrawn(flow: float, least: float, cash: float, nav: float) -> bool:
    """True if a withdrawal leaves cash overdrawn by more than `OVERDRAFT` beyond `least`.

    flow  : amount of the flow, currency; below 0 for a withdrawal.
    least : intended weight of cash, fraction of NAV.
    cash  : cash after it, currency.
    nav   : NAV, currency.
    """
    return flow < 0.0 and cash < (min(least, 0.0) - OVERDRAFT) * nav


@linked
def _flow_box(inputs: EventInputs, target: Array, t: int, nav: float, aim: float, units: Array) -> float:
    """Write the box in which money that came buys what is under its target, and money that went sells what is over it.

    It trades at most the flow, and what cash was overdrawn by before a withdrawal, and stops when cash reaches `aim`;
    what the assets that can trade cannot take stays in cash.  nav : with the flow.  Gives the weight that cash goes to.
    """
    sessions, scratch = inputs.sessions, inputs.scratch
    lower, upper, aims = scratch.box[0], scratch.box[1], scratch.box[2]
    cash = weigh(units, sessions.closes, t, nav, scratch.weights)
    capacity, flow = 0.0, sessions.flows[t] / nav
    for i in range(len(units)):
        weight = scratch.weights[i]
        aims[i] = target[i]
        lower[i] = min(weight, aims[i]) if flow < 0.0 and sessions.sellable[i] else weight
        upper[i] = max(weight, aims[i]) if flow > 0.0 and sessions.buyable[i] else weight
        if sessions.tradable[t, i] and (flow < 0.0 or aims[i] != 0.0):
            capacity += upper[i] - lower[i]
        if not sessions.sellable[i]:
            upper[i] = np.inf  # costs must not turn its trade
        if not sessions.buyable[i]:
            lower[i] = -np.inf
    owed = max(-flow, -cash) if aim >= -WEIGHT else -flow  # with what fees had overdrawn before
    goal = max(aim, cash - min(capacity, flow)) if flow > 0.0 else min(aim, cash + min(capacity, owed))
    return cash if (goal - cash) * flow >= 0.0 else goal
