"""The days of one backtest in Python, for policies that give no no-trade bands.

The same days in the same order as `compiled_loop.play`, through the same compiled steps, and so to the same bits.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from backtests.engine.account_events import (
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
from backtests.engine.inputs import EngineInputs
from backtests.engine.ledger import HARVEST_BOOKING, TRIGGERS, Ledger, Reason, write, write_decision, write_unbooked
from backtests.engine.loop_inputs import WholeLots
from backtests.engine.lot_fills import LotBooking, fill_decision, pay_in_lieu
from backtests.engine.whole_lots import orders, unpaid_orders
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import PolicyError
from research.accounting import Hold, Trade, View, Why
from research.accounting.kernel import BOOKED, REFUSED, Box, Pace, Quotes, Record, book, wealth, weigh
from research.accounting.sale_tax import SaleTax
from research.accounting.spending import settle
from research.accounting.view import check_trade, leverage_of
from research.orders.decision import asked_once
from research.orders.lots.position import Position
from research.rules.protocol import traits
from research.rules.rule_options import NO_LINE


@dataclass
class _Pending:
    """A decision that is being carried out."""

    trade: Trade
    target: Array
    asked: int
    due: int
    left: int  # sessions
    units: Array | None  # (n,) signed quoted units of a trade list, where sizing is in whole lots
    made: bool  # does its box depend on the weights at the booking? Money of that close is then not for it
    root: int = -1  # its first row in the ledger, -1 before


@dataclass
class _Held:
    """The state of one portfolio between two steps, and what was written of it."""

    units: Array
    cash_units: float
    nav: float
    count: int = 0
    last_booked: int = 0
    triggers: list[str] = field(default_factory=list)


def play_daily(  # noqa: C901  (the order of a day, to be read at one place)
    inputs: EngineInputs, cash_units: float, ledger: Ledger
) -> tuple[tuple[str, ...], dict[int, Why], dict[int, Array]]:
    """Run the days after the first; gives triggers, reasons to hold, and unpaid orders.

    inputs     : inputs of the backtest.
    cash_units : units of cash held after the opening trade.
    ledger     : its first row is read, the others are written.
    Returns    : the trigger of each booking; the reasons to hold by market row; and by booking the orders (n,),
                 currency, that cash could not pay.
    Raises     : PolicyError for an answer of the policy that cannot be booked; what the policy raises, with a note of
                 the policy and the day.
    """
    decide, lots = _with_day(inputs.policy.decide, inputs.name), inputs.whole_lots(ledger)
    held = _Held(ledger.units[0].copy(), cash_units, float(ledger.nav[0]), last_booked=inputs.first)
    holds: dict[int, Why] = {}
    pending: _Pending | None = None
    unfinished = False
    t, harvests = inputs.first, len(inputs.desk.harvest_from) > 0
    while (t := t + 1) < len(inputs.market.dates):
        _overnight(inputs, held, t, ledger, lots)
        if inputs.desk.at_open and pending is not None and pending.due == t:
            pending = _carry_out(inputs, held, pending, t, ledger, lots)
        if harvests:
            held.cash_units, count = harvest(inputs.of_events(ledger), t, held.units, held.cash_units, held.count)
            held.triggers += [TRIGGERS[HARVEST_BOOKING]] * (count - held.count)
            held.count = count
        held.nav = wealth(held.units, inputs.sessions.closes, t, held.cash_units, inputs.sessions.cash_index[t])
        if inputs.sessions.busy[t] and len(inputs.desk.spending.paid) > 0:
            settle(inputs.desk.spending, t, held.nav)
        joins, before, count = False, held.cash_units, held.count
        if inputs.sessions.flows[t] != 0.0:
            joins = inputs.lag == 0 and pending is None
            if joins:  # a decision of this close may take the place of the booking of its flow
                keep_before(inputs.desk, held.units)
            _flow(inputs, held, t, pending, ledger)
        if not held.nav > 0.0:
            raise inputs.refused(t, held.nav)
        for turn in ("book", "look") if inputs.lag > 0 else ("look", "book"):
            if turn == "book" and pending is not None and pending.due == t and not inputs.desk.at_open:
                pending = _carry_out(inputs, held, pending, t, ledger, lots)
            elif turn == "look" and pending is None:
                ledger.nav[t - inputs.first] = held.nav
                view = _view(inputs, held, t, ledger.nav[: t - inputs.first + 1], unfinished)
                answer = decide(view)
                unfinished = isinstance(answer, Trade) and answer.fraction < 1.0 and answer.again
                if isinstance(answer, Hold):
                    holds[t] = answer.why
                    continue
                trade, listed = _checked(inputs, answer, view, t), None
                if inputs.execution.sizing == "units":
                    listed = orders(
                        inputs, t, held.units, held.cash_units, _asked_again(inputs, decide, view, trade), view.target
                    )
                    if not listed.any():
                        holds[t] = trade.why
                        continue
                made = trade.by_then is not None
                pending = _Pending(trade, view.target, t, t + inputs.lag, inputs.desk.days, listed, made)
                joins &= listed is None and not made
                if joins and uses_all(inputs.desk, pending.left, float(trade.fraction)):
                    go_back(inputs.desk, held.units)
                    held.count = count
                    del held.triggers[count:]
                    held.cash_units, held.nav = receive(inputs.sessions, t, held.units, before)
        ledger.nav[t - inputs.first] = held.nav
        ledger.cash[t - inputs.first] = held.cash_units * inputs.sessions.cash_index[t]
    if pending is not None:
        _write_decision(ledger, held, pending)
        write_unbooked(ledger, held.count, held.units, held.cash_units, held.nav)
    return tuple(held.triggers), holds, unpaid_orders(lots, held.count)


def _with_day(decide: Callable[[View], Any], name: str) -> Callable[[View], Any]:
    """The same decisions; what they raise has a note of the policy's name and the day."""

    def asked(view: View) -> Any:
        try:
            return decide(view)
        except Exception as error:
            error.add_note(f"policy {name!r} failed on {view.past.days[-1]}")
            raise

    return asked


def _overnight(inputs: EngineInputs, held: _Held, t: int, ledger: Ledger, lots: WholeLots) -> None:
    """Charge for holding since the last close; pay dividends, what is delisted, and fractions of splits, out."""
    if inputs.desk.holding_costs.some:
        row = ledger.holding_costs[t - inputs.first]
        held.cash_units = hold(inputs.of_events(ledger), t, held.nav, held.units, held.cash_units, row)
    if inputs.sessions.busy[t]:
        held.cash_units, count = events(inputs.of_events(ledger), t, held.units, held.cash_units, held.count)
        if inputs.split[t]:
            of_events = inputs.of_events(ledger)
            held.cash_units, count = pay_in_lieu(of_events, lots, t, held.units, held.cash_units, count)
        held.triggers += [TRIGGERS[part] for part in ledger.part_of[held.count : count].tolist()]
        held.count = count


def _flow(inputs: EngineInputs, held: _Held, t: int, pending: _Pending | None, ledger: Ledger) -> None:
    """Take in, or pay out, the money of row t, and rebalance with it unless a trade is booked at this close."""
    if (
        pending is not None
        and pending.due == t
        and not pending.made
        and uses_all(inputs.desk, pending.left, float(pending.trade.fraction))
    ):
        held.cash_units, held.nav = receive(inputs.sessions, t, held.units, held.cash_units)
        return
    target = inputs.targets.rows[inputs.targets.row[t]]
    state = (t, held.units, held.cash_units, held.count)
    status, held.nav, held.cash_units, count = take_in(inputs.of_events(ledger), target, *state)
    if status == REFUSED:
        raise inputs.refused(t, held.nav)
    held.triggers += ["flow"] * (count - held.count)
    held.count = count


def _carry_out(
    inputs: EngineInputs, held: _Held, pending: _Pending, t: int, ledger: Ledger, lots: WholeLots
) -> _Pending | None:
    """Book what is due at row t, at its open or its close as the desk does; gives what is left of it."""
    if pending.units is not None:
        _fill(inputs, held, pending, t, ledger, lots)
        return None
    prices = inputs.sessions.opens if inputs.desk.at_open else inputs.sessions.closes
    before = wealth(held.units, prices, t, held.cash_units, inputs.sessions.cash_index[t])
    if pending.trade.by_then is not None:
        weights = np.empty(len(held.units))
        cash_weight = weigh(held.units, prices, t, before, weights)
        pending.trade = pending.trade.by_then(weights, cash_weight, inputs.sessions.tradable[t])
    desk, trade = inputs.desk, pending.trade
    lower, upper, target = (np.array(row, dtype=float)[None] for row in (trade.lower, trade.upper, pending.target))
    box = Box(lower, upper, target, 0, float(trade.cash_lower), float(trade.cash_upper), float(trade.fraction))
    status, held.nav, held.cash_units, paid, unfinished = book(
        held.units,
        held.cash_units,
        before,
        Quotes(prices, t, inputs.sessions.cash_index[t], inputs.sessions.tradable),
        box,
        Pace(desk.order_limits, t, 1.0 / pending.left),
        desk.cost_parameters,
        desk.lots,
        inputs.scratch,
        Record(ledger.trades, ledger.charges, held.count),
    )
    use_up(desk.order_limits, t, ledger.trades[held.count], before)
    cash = held.cash_units * inputs.sessions.cash_index[t]
    whole = not pending.made and uses_all(desk, pending.left, box.fraction)
    if status == REFUSED or (whole and is_overdrawn(inputs.sessions.flows[t], box.cash_lower, cash, held.nav)):
        raise inputs.refused(t, held.nav)
    pending.root = held.count if pending.root < 0 else pending.root
    _write_decision(ledger, held, pending)
    write(ledger, held.count, t, held.units, held.cash_units, before, held.nav, paid)
    held.count += 1
    held.last_booked = t if status == BOOKED else held.last_booked
    pending.due, pending.left = t + 1, max(pending.left - 1, 1)
    return pending if unfinished else None


def _fill(inputs: EngineInputs, held: _Held, pending: _Pending, t: int, ledger: Ledger, lots: WholeLots) -> None:
    """Fill the orders of a trade list at row t: nothing is left of it."""
    lots.wished[:] = pending.units
    at, why, of_events = LotBooking(pending.asked, t, held.count), _reason(pending.trade.why), inputs.of_events(ledger)
    held.nav, held.cash_units = fill_decision(of_events, lots, at, held.units, held.cash_units, why)
    held.triggers.append(pending.trade.why.trigger)
    held.count, held.last_booked = held.count + 1, t


def _asked_again(
    inputs: EngineInputs, decide: Callable[[View], Hold | Trade], view: View, trade: Trade
) -> Callable[[Position, bool], Trade | None]:
    """The answers of the rule at one close: the trade that it asked for, then its answer after the orders so far.

    As with a trade list, a rule with a `desk_schedule`, or `asked_once`, is not asked again.
    """

    def ask(position: Position, again: bool) -> Trade | None:
        if not again:
            return trade
        if asked_once(inputs.policy, trade) or traits(inputs.policy).desk_schedule is not None:
            return None
        filled = replace(view, weights=position.weights, cash_weight=position.cash_weight, nav=position.nav)
        answer = decide(filled)
        return answer if isinstance(answer, Trade) else None

    return ask


def _write_decision(ledger: Ledger, held: _Held, pending: _Pending) -> None:
    why, root = pending.trade.why, held.count if pending.root < 0 else pending.root
    write_decision(ledger, held.count, root, pending.asked, _reason(why))
    held.triggers.append(why.trigger)


def _reason(why: Why) -> Reason:
    return Reason(NO_LINE if why.line is None else why.line, float(why.size), float(why.allowed))


def _checked(inputs: EngineInputs, answer: object, view: View, t: int) -> Trade:
    """The answer, if it is a trade that can be booked. Raises PolicyError."""
    date = inputs.market.days[t].item()
    if not isinstance(answer, Trade):
        raise PolicyError(
            f"policy {inputs.name!r} answered {answer!r} on {date:%Y-%m-%d}: a policy answers Hold or Trade."
        )
    limit = leverage_of(answer, view.weights, inputs.leverage_limit)
    check_trade(answer, len(inputs.market.assets), inputs.name, date, inputs.market.assets, limit)
    return answer


def _view(inputs: EngineInputs, held: _Held, t: int, history: Array, unfinished: bool) -> View:
    """The policy's view at the close of row t; its arrays are its own, or read-only."""
    weights, history, target = np.empty(len(held.units)), history.view(), inputs.targets.rows[inputs.targets.row[t]]
    nav = float(history[-1])
    cash_weight = weigh(held.units, inputs.sessions.closes, t, nav, weights)
    history.flags.writeable = False
    desk, worth, sale_tax = inputs.desk, inputs.sessions.closes[t], None
    if inputs.costs.is_taxed:
        sale_tax = partial(SaleTax.of_lots, desk.lots, desk.cost_parameters, worth, nav, t)
    return View(
        inputs.market.past(t),
        target,
        weights,
        cash_weight,
        nav,
        history,
        t - held.last_booked,
        inputs.costs.until(t + 1),
        unfinished,
        opened=inputs.first,
        flow_history=inputs.sessions.flows[inputs.first : t + 1],
        sale_tax=sale_tax,
    )
