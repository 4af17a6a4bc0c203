"""Inputs of the loops as arrays: the market, the desk, and all that the compiled loop is given."""

from typing import NamedTuple

import numpy as np

from backtests.engine.ledger import Ledger
from foundation.arrays import Array, Mask, Rows, frozen
from research.accounting.cost_parameters import CostParameters, HoldingCosts, Lots, Scratch
from research.accounting.kernel import Record
from research.accounting.spending import NO_SPENDING, SpendingState
from research.rules.rule_options import BandArrays, RuleOptions, Workspace


class Sessions(NamedTuple):
    """A market as the loop plays it.

    closes     : (T, n) worth of a unit at each close, currency.
    cash_index : (T,) worth of a unit of cash at each close, currency.
    tradable   : (T, n) True where an asset can trade.
    opens      : (T, n) worth of a unit at each open, currency, or (0, n) where nothing is booked there.
    income     : (T, n) currency paid per unit, or (0, n).
    exits      : (n,) row at which an asset is paid out, T if never.
    flows      : (T,) currency that comes at each close.
    years      : (T,) years since the last close.
    busy       : (T,) True where there is income, an exit, a flow, a split of whole lots, or a tax return.
    tiles      : (tiles, n + 1, DAYS) the closes and cash, as `quiet_days.tiles_of` lays them out, currency.
    buyable    : (n,) True if deposits may buy the asset.
    sellable   : (n,) True if withdrawals may sell it.
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


class BeforeFlow(NamedTuple):
    """Room for what is held before a flow: a decision of its close may take the place of its booking.

    units : (n,) units held.
    lots  : their lots.
    """

    units: Array
    lots: Lots


class Desk(NamedTuple):
    """The execution of decisions and its charges: see `Costs`, `Execution` and `Flows`.

    cost_parameters : cost parameters of decisions.
    at_close        : cost parameters of the opening trade and of flows, which are booked at closes.
    holding_costs   : costs of holding.
    lots            : tax lots of the units held.
    before          : room for what is held before a flow.
    order_limits    : (T, n) orders that a session's volume still allows each asset, currency, or (0, n) if unlimited.
    days            : sessions over which an order is worked.
    at_open         : True if decisions are booked at opens.
    invest_flows    : True if the portfolio is rebalanced with flows.
    lag             : sessions from a decision to its booking.
    tax_returns     : (T,) True where the tax return of the last year is settled, or (0,) if there are none.
    loss_limit      : losses that a tax return deducts from other income at most, currency.
    harvest_from    : (T,) first row on which an asset that was bought on each row can be harvested, or (0,) if losses
                      are not harvested.
    harvest_above   : fraction of its cost that a lot must have lost to be harvested.
    harvest         : least loss of an asset that is harvested, currency.
    spending        : rule by which money comes and goes; the flows of the market are then those that it writes.
    """

    cost_parameters: CostParameters
    at_close: CostParameters
    holding_costs: HoldingCosts
    lots: Lots
    before: BeforeFlow
    order_limits: Array
    days: int
    at_open: bool
    invest_flows: bool
    lag: int
    tax_returns: Mask
    loss_limit: float
    harvest_from: Rows
    harvest_above: float
    harvest: float
    spending: SpendingState = NO_SPENDING


class EventInputs(NamedTuple):
    """The inputs and the ledger of an event of an account.

    sessions : the market.
    desk     : execution of decisions, and charges.
    scratch  : scratch of a booking.
    ledger   : the ledger, which is written.
    """

    sessions: Sessions
    desk: Desk
    scratch: Scratch
    ledger: Ledger


class WholeLots(NamedTuple):
    """Orders in whole lots, and memory to size them in.

    sized   : True if orders are in whole lots.
    again   : True if the rule is asked again after its orders.
    minimum : currency; a smaller order is not sent.
    lots    : (n,) least number of units in a trade.
    prices  : (T, n) quoted closes, currency per unit, 1 where there is none.
    quoted  : (T, n) True where there is one.
    fills   : (T, n) quotes at which orders are filled, likewise.
    filled  : (T, n) True where there is one.
    splits  : (T, n) units after for one before, or (0, n).
    wished  : (n,) orders of the last decision, signed quoted units.
    unpaid  : (J, n) buys of each booking that cash could not pay, currency.
    lines   : (2, 24, n) lines of the terms before all orders, and of those at a turn.
    scratch : (8, n) their scratch.
    step    : (4, n) units of the exact step, and orders of a turn.
    turns   : (2, 100, n) units held, and orders so far, at each turn.
    away    : (100,) trade of the exact step of each turn, currency.
    record  : record of the exact step.
    """

    sized: bool
    again: bool
    minimum: float
    lots: Array
    prices: Array
    quoted: Mask
    fills: Array
    filled: Mask
    splits: Array
    wished: Array
    unpaid: Array
    lines: Array
    scratch: Array
    step: Array
    turns: Array
    away: Array
    record: Record


_NO_NUMBERS, _NO_TABLE, _NO_TABLES = frozen(np.empty(0)), frozen(np.empty((0, 0))), frozen(np.empty((0, 0, 0)))
_NEVER = frozen(np.empty((0, 0), dtype=bool))
NO_WHOLE_LOTS = WholeLots(
    False, False, 0.0, _NO_NUMBERS, _NO_TABLE, _NEVER, _NO_TABLE, _NEVER, _NO_TABLE, _NO_NUMBERS, _NO_TABLE, _NO_TABLES,
    _NO_TABLE, _NO_TABLE, _NO_TABLES, _NO_NUMBERS, Record(_NO_TABLE, _NO_TABLES, 0),
)  # fmt: skip


class LoopInputs(NamedTuple):
    """The inputs of the compiled loop.

    sessions  : the market.
    rule      : the bands.
    options   : options of the rule beyond its bands.
    desk      : execution of decisions.
    scratch   : scratch of a booking.
    workspace : workspace of a decision.
    bounds    : (2, n + 1) scratch of the quiet days, units over weight.
    ledger    : the ledger, which is written.
    lots      : orders in whole lots.
    """

    sessions: Sessions
    rule: BandArrays
    options: RuleOptions
    desk: Desk
    scratch: Scratch
    workspace: Workspace
    bounds: Array
    ledger: Ledger
    lots: WholeLots = NO_WHOLE_LOTS
