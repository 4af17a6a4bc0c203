"""A `Position`, and a `LotProblem` of it, as the kernels of whole lots take them: a row of numbers for each fact."""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array
from foundation.compiled import inlined, on_demand
from foundation.tolerances import LOT, WEIGHT
from research.accounting.cost_parameters import COST_COLUMNS, CostParameters
from research.orders.lots.position import MOST_LOTS, Position

DIVISIBLE_LOT = 1e-7  # of NAV: an asset whose lot is worth less is divided at will
(UNITS_HELD, PRICE, LOT_SIZE, SETTLES, MAY_BUY, MAY_SELL, MOST_BOUGHT, MOST_SOLD, LEAST_BUY, LEAST_SELL,
 GOAL, SHORT_BY, WAY, LOWER_BOUND, UPPER_BOUND, MOST_VOLUME, DUE, LOT_VALUE, VALUE, WHOLE_LOTS, ODD, LOT_STEPS,
 DIVISIBLE, LEAST_VALUE) = range(24)  # fmt: skip
TERM_ROWS = 24  # rows: ten of the position, seven of the problem, and what follows from them
CHARGE_ROWS = len(COST_COLUMNS)  # rows of scratch: the charges of an order, then these
OTHER, FREED, SEARCH_KEY = range(CHARGE_ROWS, CHARGE_ROWS + 3)
SCRATCH_ROWS = CHARGE_ROWS + 3


class LotTerms(NamedTuple):
    """A `Position`, and a `LotProblem` of it, as the kernels take them.

    lines     : (24, n) data of each asset: units held, price, lots, and so on.
    costs     : costs of orders.
    r         : row of their daily rates.
    q         : row of their daily impact.
    nav       : currency.
    net       : buys less sells of the step to the assets' shares, currency: then cash is at its point.
    cents     : cash, in whole cents.
    debt      : cash that was below zero before, currency.
    floor     : cash that stays, currency.
    adverse   : adverse move under which cash stays above zero, fraction of prices.
    most      : largest number of orders.
    turnover  : largest turnover, one-way, fraction of NAV.
    early     : (D,) days before the last on which some of the orders settle, in sessions; see `Position.early`.
    scratch   : (8, n) arrays for intermediate results.
    """

    lines: Array
    costs: CostParameters
    r: int
    q: int
    nav: float
    net: float
    cents: float
    debt: float
    floor: float
    adverse: float
    most: int
    turnover: float
    early: Array
    scratch: Array

    @classmethod
    def of(cls, position: Position, floor: float = 0.0) -> "LotTerms":
        """The position in arrays, without a problem.  floor : cash that stays, currency."""
        limits, costs, n = position.limits, position.cost_parameters, len(position.units)
        lines, one = np.zeros((TERM_ROWS, n)), np.ones(n)
        lines[UNITS_HELD], lines[PRICE], lines[LOT_SIZE] = position.units, position.prices, position.lots
        lines[SETTLES] = 0.0 if position.settles is None else position.settles
        lines[MAY_BUY], lines[MAY_SELL] = position.may(one), position.may(-one)
        lines[MOST_BOUGHT], lines[MOST_SOLD] = position.most(one), position.most(-one)
        lines[LEAST_BUY], lines[LEAST_SELL] = position.least(one), position.least(-one)
        return cls(
            lines=lines,
            costs=costs,
            r=min(position.day, len(costs.rates) - 1),
            q=min(position.day, len(costs.impact) - 1),
            nav=position.nav,
            net=0.0,
            cents=float(np.rint(position.cash * 100.0)),
            debt=float(position.debt),
            floor=float(floor),
            adverse=float(limits.adverse_move),
            most=n if limits.most is None else limits.most,
            turnover=np.inf if limits.turnover is None else float(limits.turnover),
            early=np.array(position.early),
            scratch=np.zeros((SCRATCH_ROWS, n)),
        )


@inlined
def with_problem(terms: LotTerms, net: float, floor: float, debt: float) -> LotTerms:
    """The same terms with the net of their problem, cash that stays, and debt, currency.

    terms : terms of a position.
    net   : buys less sells of the step to the assets' shares, currency.
    floor : cash that stays, currency.
    debt  : cash that was below zero before, currency.
    """
    return LotTerms(
        terms.lines, terms.costs, terms.r, terms.q, terms.nav, net, terms.cents, debt, floor, terms.adverse,
        terms.most, terms.turnover, terms.early, terms.scratch,
    )  # fmt: skip


@inlined
def clean_lots(units: float, lots: float) -> float:
    """Units rounded to whole lots, without rounding noise; see `lot_problem.clean`.

    units : units of an asset.
    lots  : units of a lot.
    """
    count = np.rint(units / lots)
    return count / (1.0 / lots) if lots < 1.0 else count * lots


@on_demand
def write_steps(terms: LotTerms, further: float) -> float:
    """Write the most steps of each order, and what they are counted in; gives `LotTerms.net`.

    terms   : terms whose problem is written; of its lines those after the problem are written.
    further : fraction of NAV by which a buy may go past the first lot beyond its point.

    No buy or short sale goes further than that; an odd lot of an asset to be sold completely is one more step. Assets
    that stay, and amounts past the most units of an order, are not part of the net.
    """
    lines, net = terms.lines, 0.0
    for i in range(lines.shape[1]):
        units, lots, goal, way, most = (
            lines[UNITS_HELD, i], lines[LOT_SIZE, i], lines[GOAL, i], lines[WAY, i], lines[MOST_VOLUME, i]
        )  # fmt: skip
        lot, value = lots * lines[PRICE, i], units * lines[PRICE, i]
        held = np.floor(units / lots + LOT)
        wanted = np.ceil(max(goal - value, 0.0) / lot + further * terms.nav / lot - LOT) + 1.0
        sold = np.ceil((value - goal) / lot - LOT) + 1.0 if goal < 0.0 else held
        whole = min(wanted if way > 0.0 else sold, np.floor(min(most / lots, MOST_LOTS) + LOT))
        left = units - held * lots
        leaves = way < 0.0 and abs(goal) <= WEIGHT * terms.nav and units <= most and left > LOT * lots
        lines[LOT_VALUE, i], lines[VALUE, i] = lot, value
        lines[WHOLE_LOTS, i] = max(whole, 0.0) if way != 0.0 else 0.0
        lines[ODD, i] = left if leaves else 0.0
        lines[LOT_STEPS, i] = lines[WHOLE_LOTS, i] + (1.0 if leaves else 0.0)
        lines[DIVISIBLE, i] = 1.0 if lot <= DIVISIBLE_LOT * terms.nav else 0.0
        lines[LEAST_VALUE, i] = lines[LEAST_BUY if way > 0.0 else LEAST_SELL, i]
        if way != 0.0:
            limit = most * lines[PRICE, i]
            net += min(max(goal - lines[SHORT_BY, i] - value, -limit), limit)
    return net
