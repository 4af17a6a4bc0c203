"""The options of a rule beyond the band of each asset, as arrays: `triggers` and `destinations` read them."""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Mask, Rows, frozen
from foundation.compiled import inlined
from research.rules.bands import Triggers
from research.rules.networks.arrays import NetworkBoxes, NetworkScratch
from research.rules.optimum.best_point import SCRATCH
from research.rules.optimum.region import Surfaces

NO_LINE = -2  # a decision that no single asset caused
BOX, BREACHING, TRANCHES, REGION, BEST, NETWORK = range(6)  # where a trade goes: see `destinations.set_goal`
PRO_RATA, BY_CASH = -2, -1  # who pays for it: the others in proportion to their weights, or cash; else an asset
GROUP_LOWER_TRIGGER, GROUP_UPPER_TRIGGER, GROUP_LOWER, GROUP_UPPER = range(4)  # rows of the bounds of groups


_NO_ROWS, _NO_NUMBERS = frozen(np.empty(0, dtype=np.int64)), frozen(np.empty(0))
_NO_TABLE = frozen(np.empty((0, 0)))


class RuleOptions(NamedTuple):
    """The options of a rule beyond its no-trade bands; an array without rows means that the rule has none of its kind.

    some           : true if there is any option.
    makes_boxes    : true if boxes are made from these rows.
    restricted     : true if some asset may not be traded both ways.
    cooldown       : sessions after a booked trade on which the rule is not asked.
    after_trade    : sessions after a booked trade on which other rows of its bands are in force,
    raised         : so many rows after those of the day.
    member         : (n,) number of each asset's group.
    groups         : (K, 4, G) bounds of each group's weight, fraction of NAV: trigger, then box.
    first_group    : first number of a group in a reason, after the assets.
    covariance     : (K, n, n) a year.
    tracking_error : the ex-ante one, a year, past which the rule trades; infinity where it does not ask for it.
    patience       : years that a gap is expected to last x tracking_penalty / 2, where the rule weighs waiting against
                     cost; else 0.
    rates          : (R, n) cost a side, fraction of the notional, on each day or on all.
    tickets        : (n,) currency an order.
    goal           : destination of a trade. TRANCHES decides how far each asset moves, and not where to.
    payer          : payer of a trade, where the goal is BREACHING.
    region         : region that a trade goes into, where the goal is REGION.
    kappa          : tracking_penalty x years, where the goal is BEST.
    alone          : (K, 2, n) cost a side, fraction of the notional, and half-width without a ticket, fraction of NAV,
                     of each asset alone, where the goal is BEST and tickets count.
    turnover_cap   : largest turnover, one-way, fraction of NAV.
    network        : network that makes the boxes, where the goal is NETWORK.
    """

    some: bool = False
    makes_boxes: bool = False
    restricted: bool = False
    cooldown: int = 0
    after_trade: int = 0
    raised: int = 0
    member: Rows = _NO_ROWS
    groups: Array = frozen(np.empty((0, 4, 0)))
    first_group: int = 0
    covariance: Array = frozen(np.empty((0, 0, 0)))
    tracking_error: float = np.inf
    patience: float = 0.0
    rates: Array = _NO_TABLE
    tickets: Array = _NO_NUMBERS
    goal: int = BOX
    payer: int = PRO_RATA
    region: Surfaces = Surfaces(*(_NO_NUMBERS,) * 2, _NO_TABLE, *(_NO_NUMBERS,) * 7, 0.0)
    kappa: float = 0.0
    alone: Array = frozen(np.empty((0, 2, 0)))
    turnover_cap: float = np.inf
    network: NetworkBoxes = NetworkBoxes()


PLAIN_OPTIONS = RuleOptions()


class BandArrays(NamedTuple):
    """A `NoTradeBands` as kernels take it; `asks_more` and `makes_boxes` as its options say, which are handed over too.

    asked         : (T,) true where the rule is asked.
    row           : (T,) number of the K rows below that is in force at each close.
    target        : (K, n) fraction of NAV.
    trigger_lower : (K, n) the rule trades when a weight is below, fraction of NAV,
    trigger_upper : (K, n) or above it, fraction of NAV.
    lower         : (K, n) lower bound of the box that it trades into, fraction of NAV.
    upper         : (K, n) its upper bound, fraction of NAV.
    cash          : (K, 4) the same four bounds for cash, fraction of NAV.
    fraction      : fraction of the way to the box that a trade goes in a day.
    again         : true if a trade goes a part of its way, and the rule is asked again on the next day.
    asks_more     : true if the options ask for more than these bands.
    makes_boxes   : true if the options make the boxes.
    cooldown      : sessions after a booked trade on which the rule is not asked.
    """

    asked: Mask
    row: Rows
    target: Array
    trigger_lower: Array
    trigger_upper: Array
    lower: Array
    upper: Array
    cash: Array
    fraction: float
    again: bool
    asks_more: bool
    makes_boxes: bool
    cooldown: int


class Workspace(NamedTuple):
    """Scratch of a decision.

    weights   : (n,) weights as drifted, fraction of NAV.
    goal      : (n,) weights to trade to, fraction of NAV.
    start     : (n,) weights or gaps that a search begins with, fraction of NAV.
    moves     : (n,) planned move of each asset at the decision that is being carried out, fraction of
                NAV.
    movable   : (n,) whether each asset may be moved.
    done      : (n,) whether each asset has had its turn.
    breaching : (n + 1,) whether each asset, and cash, was past its trigger when that decision was made.
    box       : (3, n) lower and upper bound and target, fraction of NAV.
    rooms     : (2, n) space that each group has left, fraction of NAV, and whether it is full: 1, else 0.
    solver    : (SCRATCH, n + 1) arrays for `best_point`.
    rows      : (n + 1,) arrays for `best_point`.
    fees      : (n,) tickets at the decision, fraction of NAV; without assets where tickets do not count, as are
    orders    : (3, n) arrays for `best_orders`, and
    curvature : (n, n) curvature of gaps with the tickets.
    cash      : (1, 4) bounds of cash of the box that a network made, as in `BandArrays`.
    fraction  : (1,) fraction of the way that a trade into that box goes.
    network   : arrays of a network.
    """

    weights: Array
    goal: Array
    start: Array
    moves: Array
    movable: Mask
    done: Mask
    breaching: Mask
    box: Array
    rooms: Array
    solver: Array
    rows: Rows
    fees: Array
    orders: Array
    curvature: Array
    cash: Array
    fraction: Array
    network: NetworkScratch

    @classmethod
    def of(cls, n: int, options: RuleOptions) -> "Workspace":
        """Workspace for n assets and a rule with these options."""
        flags, numbers = np.zeros((3, n + 1), dtype=np.bool_), np.empty((4, n))
        weights, goal, start, moves = numbers
        movable, done, breaching = flags[0, :n], flags[1, :n], flags[2]
        box, rooms, solver, rows = np.empty((3, n)), np.empty((2, n)), np.zeros((SCRATCH, n + 1)), np.zeros(n + 1, int)
        network, priced = NetworkScratch.of(n, options.network.width), options.alone.shape[2]
        return cls(
            weights, goal, start, moves, movable, done, breaching, box, rooms, solver, rows, np.zeros(priced),
            np.empty((3, priced)), np.empty((priced, priced)), np.empty((1, 4)), np.ones(1), network,
        )  # fmt: skip


class RuleInput(NamedTuple):
    """The weights that a rule is asked about, and the assets that can trade.

    weights     : (n,) weights as drifted, fraction of NAV.
    cash_weight : weight of cash, fraction of NAV.
    tradable    : (T, n) whether each asset can trade.
    t           : row of the day in it.
    """

    weights: Array
    cash_weight: float
    tradable: Mask
    t: int


class RuleRow(NamedTuple):
    """A rule as its kernels take it, with the row that is in force.

    bands     : its no-trade bands.
    options   : its options beyond the bands.
    k         : row of both in force.
    workspace : scratch, which is written.
    """

    bands: BandArrays
    options: RuleOptions
    k: int
    workspace: Workspace


@inlined
def triggers_of(bands: BandArrays, k: int) -> Triggers:
    """The bounds past which a rule trades.

    bands : its no-trade bands.
    k     : row in force.
    """
    return Triggers(bands.trigger_lower, bands.trigger_upper, bands.cash, k)


@inlined
def of_amounts(options: RuleOptions) -> bool:
    """True if the box is that of the decision, whatever the weights are at the booking."""
    return options.goal in (TRANCHES, NETWORK) or options.turnover_cap < np.inf


@inlined
def rests(rule: BandArrays, t: int, booked: int) -> bool:
    """True if the rule is not asked at row t, since its last trade was booked in row `booked`."""
    return rule.cooldown > 0 and t - booked <= rule.cooldown


@inlined
def row_after_trade(row: int, options: RuleOptions, age: int) -> int:
    """The row of its bands that is in force.

    row     : row of the day.
    options : those of the rule.
    age     : sessions since the last booked trade.
    """
    return row + options.raised if age <= options.after_trade else row


@inlined
def sum_of(weights: Array, member: Rows, group: int) -> float:
    """The weight of one group, fraction of NAV.

    weights : (n,) fraction of NAV.
    member  : (n,) number of each asset's group.
    group   : number of the group.
    """
    total = 0.0
    for i in range(len(weights)):
        if member[i] == group:
            total += weights[i]
    return total
