"""Inputs of the loops as arrays: the market, the desk, and all that the compiled loop is given."""

from typing import NamedTuple

from backtests.engine.ledger import Ledger
from foundation.arrays import Array, Mask, Rows
from research.accounting.cost_parameters import CostParameters, HoldingCosts, Lots, Scratch
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
    """

    sessions: Sessions
    rule: BandArrays
    options: RuleOptions
    desk: Desk
    scratch: Scratch
    workspace: Workspace
    bounds: Array
    ledger: Ledger
