"""The costs as the kernels take them: plain arrays, one row for all days or one a day."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array, Rows, frozen

COST_COLUMNS = ("commission", "half_spread", "ticket", "impact", "tax")  # the rows of `charges` arrays; tax is the last
COMMISSION, HALF_SPREAD, TICKET, IMPACT, TAX = range(len(COST_COLUMNS))
HOLDING_COSTS = ("borrow", "financing", "cash_spread", "management_fee")  # the columns of every `holding_costs` array
YEAR_DAYS = 365.0  # days
# Which units a sale takes first: at average cost, of highest cost, first in, of least tax; AVERAGE_FIRST_IN is the
# average cost, with the first in sold first, since their term counts.
AVERAGE, HIGHEST, FIRST_IN, TAX_MINIMAL, AVERAGE_FIRST_IN = range(5)
LOT_METHODS = {"average": AVERAGE, "highest": HIGHEST, "first": FIRST_IN}
LONG, SHORT = 0, 1  # terms of gains
REALISED_LONG, REALISED_SHORT, YEAR_TAX = range(3)  # of `Lots.year`
NO_TERMS = frozen(np.empty(0, dtype=np.int64))  # all gains are long-term


class CostParameters(NamedTuple):
    """Costs of an order, as arrays.

    rates         : (R, 2, n) commission and half-spread, fraction of notional; R is 1, or the days of the market.
    total         : (R, n) their sum, fraction of notional; the weight of gaps.
    minimum       : (n,) the least commission of an order, currency.
    ticket        : (n,) a fixed amount an order, currency.
    impact        : (Q, n) currency^(1 - exponent): cost = impact x notional^exponent; Q is 1, or the days of the
                    market.
    exponent      : power of the notional in `impact`.
    minimum_trade : currency; a smaller order is not sent.
    tax           : fraction of realised gains, of the long-term ones where there are terms.
    method        : order in which units are sold.
    plain         : true if all amounts are proportional: the equation is piecewise linear, and no order is left out.
    short_tax     : fraction of realised short-term gains.
    long_from     : (T,) first row of the market on which units bought on each row are long-term; () without terms.
    """

    rates: Array
    total: Array
    minimum: Array
    ticket: Array
    impact: Array
    exponent: float
    minimum_trade: float
    tax: float
    method: int
    plain: bool
    short_tax: float = 0.0
    long_from: Rows = NO_TERMS


class HoldingCosts(NamedTuple):
    """Costs of holding.

    borrow         : (n,) rate on the value held short, fraction a year.
    financing      : rate on negative cash, fraction a year.
    cash_spread    : rate on positive cash, fraction a year.
    management_fee : rate on NAV, fraction a year.
    some           : true if any of them is not zero.
    """

    borrow: Array
    financing: float
    cash_spread: float
    management_fee: float
    some: bool


def years_of(days: NDArray[np.datetime64]) -> Array:
    """(T,) years of 365 days since the close before, for which `HoldingCosts` is charged; of the first of `days` 0.

    >>> years_of(np.array(["2021-01-01", "2022-01-01"], dtype="datetime64[D]")).tolist()
    [0.0, 1.0]
    """
    return np.diff(days, prepend=days[:1]).astype(float) / YEAR_DAYS


class Lots(NamedTuple):
    """Purchase prices of the holdings, lot by lot in the order of purchase; there is space for L lots an asset.

    If the highest cost is sold first, lots are kept in ascending order of price, of equal prices the last bought first:
    the next to be sold comes last.

    units     : (n, L) units of each lot.
    price     : (n, L) purchase price, currency per unit.
    long_from : (n, L) first row of the market on which each lot is long-term, or (n, 0) without terms.
    held      : (n,) number of lots of each asset.
    bought    : (n,) row of the market on which each asset was last bought.
    carried   : (2,) losses still to be set against gains, long-term and short-term, currency.
    year      : (3,) long-term and short-term gains less losses since the last tax return, less the losses carried into
                it, and the tax charged on them; currency.
    """

    units: Array
    price: Array
    long_from: Rows
    held: NDArray[np.int64]
    bought: Rows
    carried: Array
    year: Array

    @classmethod
    def empty(cls, n: int, capacity: int, with_terms: bool = False) -> "Lots":
        """Room for `capacity` lots an asset; without tax none is needed."""
        (units, price), (held, bought) = np.zeros((2, n, capacity)), np.zeros((2, n), dtype=np.int64)
        terms = np.zeros((n, capacity if with_terms else 0), dtype=np.int64)
        return cls(units, price, terms, held, bought, np.zeros(2), np.zeros(3))

    def room(self) -> "Lots":
        """Empty lots of the same capacity."""
        n, capacity = self.units.shape
        return Lots.empty(n, capacity, self.long_from.shape[1] > 0)


class Scratch(NamedTuple):
    """Room for the arithmetic of one trade.

    weights : (n,) weights as drifted, fraction of NAV.
    asked   : (n,) weights to trade to, fraction of NAV.
    movable : (n,) whether each asset may be moved.
    gains   : (n,) realised gains, currency.
    capped  : (n,) currency, of an order that is as large as the session's volume allows; 0 for the others.
    one_way : (n,) whether costs must not turn the asset's trade.
    box     : (3, n) lower and upper bounds and target, fraction of NAV.
    """

    weights: Array
    asked: Array
    movable: NDArray[np.bool_]
    gains: Array
    capped: Array
    one_way: NDArray[np.bool_]
    box: Array

    @classmethod
    def of(cls, n: int) -> "Scratch":
        """Room for n assets."""
        movable, one_way = np.zeros((2, n), dtype=np.bool_)
        return cls(np.empty(n), np.empty(n), movable, np.empty(n), np.zeros(n), one_way, np.empty((3, n)))
