"""What the loops play, as arrays: the market, the desk, and all that the compiled loop is given."""

from typing import NamedTuple

from backtests.engine.ledger import Ledger
from foundation.arrays import Array, Mask, Rows
from research.accounting.cost_parameters import CostParameters, HoldingCosts, Lots, Scratch
from research.rules.rule_options import BandArrays, RuleOptions, Workspace


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
    busy       : (T,) is there income, an exit, a flow, or a split of whole lots?
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
