"""Orders as the columns of a mixed-integer linear programme, with their costs and limits.

An order is an asset and a direction, and has five columns: whole lots, the odd lot that is left of an asset sold
completely, whether it is sent, its commission and its impact. Money is counted in 1e-4 of NAV, so that the tolerances
of HiGHS are far below a cent.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.dataclasses import dataclass, replace
from foundation.solvers.linear_programme import IntegerProgramme, IntegerSolution
from research.accounting import cost_parameters as costs
from research.orders.lots.order_limits import BOUGHT, ORDER_COST, SENT, SOLD, OrderLimit
from research.orders.lots.position import Position

UNIT = 1e-4  # of NAV: what money is counted in
BUNDLE = 1e-5  # of NAV: what an asset that is divided at will is counted in; HiGHS drops coefficients below 1e-9
TANGENTS = 24  # that bound the impact of an order from below
LINE_COLUMNS, SENT_COLUMN = 5, 2  # lots, odd lot, sent, commission, impact; those of a programme's own come after them

Links = tuple[Array, Array | float]  # (c, k) coefficients of a row an order, and what each is at least


@dataclass(frozen=True, eq=False)
class OrderColumns:
    """k orders that may be sent; money in `UNIT`s.

    position : holdings before the orders.
    rows     : (k,) their assets; an asset that may be bought and sold is there twice.
    way      : (k,) 1 to buy, -1 to sell.
    step     : (k,) value of a unit of the first column: of a lot, or of a bundle for an asset that is divided at will.
    top      : (k,) most units of that column.
    rest     : (k,) value of the odd lot.
    whole    : (k,) whether the first column is a whole number.
    least    : (k,) value of the smallest order.
    """

    position: Position
    rows: Rows
    way: Array
    step: Array
    top: Array
    rest: Array
    whole: Mask
    least: Array

    @classmethod
    def of(
        cls, position: Position, rows: Rows, way: Array, lots: Array, odd: Array, whole: Mask, least: Array
    ) -> "OrderColumns":
        """The columns of orders of at most so many lots (k,), whole or not (k,), and odd units (k,).

        least : (k,) notional of the smallest order, currency.
        """
        money, lot = UNIT * position.nav, (position.lots * position.prices)[rows]
        step = np.where(whole, lot, BUNDLE * position.nav)
        rest = odd * position.prices[rows] / money
        return cls(position, rows, way, step / money, lots * lot / step, rest, whole, least / money)

    # -- coefficients ------------------------------------------------------------------------------------------------

    @property
    def rates(self) -> Array:
        """(2, k) commission and half-spread, fraction of the notional."""
        return self.position.rates[:, self.rows]

    @property
    def ticket(self) -> Array:
        """(k,) fixed amount of each order."""
        return self.position.cost_parameters.ticket[self.rows] / (UNIT * self.position.nav)

    @property
    def minimum(self) -> Array:
        """(k,) least commission of each order."""
        return self.position.cost_parameters.minimum[self.rows] / (UNIT * self.position.nav)

    def columns(self, traded: Array | float = 0.0, sent: Array | float = 0.0, commission: Array | float = 0.0,
                impact: Array | float = 0.0) -> Array:  # fmt: skip
        """(5, k) coefficients of the columns: `traded` of the value that is traded, and these of the others."""
        one = np.ones(len(self.rows))
        return np.array([one * block for block in (traded * self.step, traded * self.rest, sent, commission, impact)])

    def of_rows(self, rows: Array) -> tuple[Array, Array]:
        """(m, 5, k) coefficients of rows (m, 4, n) of limits, and (m,) those of all costs together.

        The second is zero where costs of assets differ, and the first then have them.
        """
        bought, sold, sent, cost = (rows[:, quantity][:, self.rows] for quantity in (BOUGHT, SOLD, SENT, ORDER_COST))
        total = np.where((cost == cost[:, :1]).all(axis=1), cost[:, 0], 0.0)
        traded, none = np.where(self.way > 0.0, bought, sold), np.zeros(cost.shape)
        found = np.stack([traded * self.step, traded * self.rest, sent, none, none], axis=1)
        paid, certain = self.costs
        for j in np.flatnonzero((total == 0.0) & cost.any(axis=1)):
            found[j] += np.where(cost[j] < 0.0, cost[j] * certain, cost[j] * paid)
        return found, total

    @cached_property
    def costs(self) -> tuple[Array, Array]:
        """(5, k) coefficients of the costs of orders, and of the part that no column could overstate."""
        (commission, spread), ticket = self.rates, self.ticket
        return self.columns(spread, ticket, 1.0, 1.0), self.columns(spread + commission, ticket)

    @property
    def totals(self) -> tuple[Array, Array]:
        """(5, k) each: the rows by which one column is at least all costs, and another at most those that are certain.

        Costs that a row loses by are the first, and costs that it gains from the second.
        """
        paid, certain = self.costs
        return -paid, certain

    def total_costs(self, x: Array) -> Array:
        """(2,) the columns of all costs at a point x of the others."""
        first = x[: LINE_COLUMNS * len(self.rows)].reshape(LINE_COLUMNS, -1)
        return np.array([float((of * first).sum()) for of in self.costs])

    def past(self, limit: OrderLimit, x: Array) -> float:
        """The excess of orders at a point x of the other columns over a limit, in `UNIT`s or orders."""
        used, total = self.of_rows(limit.rows)
        of_costs = np.outer(np.maximum(total, 0.0), [1.0, 0.0]) + np.outer(np.minimum(total, 0.0), [0.0, 1.0])
        sums = np.einsum("mck,ck->m", used, x[: LINE_COLUMNS * len(self.rows)].reshape(LINE_COLUMNS, -1))
        over = sums + of_costs @ self.total_costs(x) - limit.most / (1.0 if limit.counts else UNIT)
        return max(float(over.max()), 0.0)

    def at(self, units: Array) -> Array:
        """(5, k) the columns at signed units (n,) of the assets."""
        traded = np.abs(units * self.position.prices)[self.rows] / (UNIT * self.position.nav)
        rest = (self.rest > 0.0) & (traded > self.top * self.step + 0.5 * self.rest)
        lots, sent = np.where(rest, self.top, traded / self.step), np.where(self.counted, traded > 0.0, 1.0)
        commission = np.maximum(self.rates[costs.COMMISSION] * traded, self.minimum * sent)
        charges = self.position.exact_charges(np.abs(units * self.position.prices))[costs.IMPACT, self.rows]
        lots = np.where(self.whole, np.rint(lots), lots)
        return np.array([lots, rest, sent, commission, charges / (UNIT * self.position.nav)])

    def start(self, limits: Sequence[OrderLimit], x: Array) -> Array:
        """The point of the programme with these limits at a point x (c k,) of its first columns."""
        past = [self.past(limit, x) for limit in limits if not limit.binds]
        return np.concatenate([x, self.total_costs(x), past])

    def sizes(self, x: Array) -> Array:
        """(k,) notional of each order at a point x of the programme, currency."""
        lots, rest = x[: 2 * len(self.rows)].reshape(2, -1)
        return np.maximum(lots * self.step + rest * self.rest, 0.0) * UNIT * self.position.nav

    # -- what columns are --------------------------------------------------------------------------------------------

    @property
    def counted(self) -> Mask:
        """(k,) whether it matters that an order is sent, and not only its size."""
        twice = np.bincount(self.rows, minlength=len(self.position.units))[self.rows] > 1
        fixed = ~self.whole | twice | (self.least > self.step) | (self.rest > 0.0)
        return fixed | (self.ticket > 0.0) | (self.minimum > 0.0) | (self.position.limits.most is not None)

    def links(self, sizes: Sequence[Array]) -> Iterator[Links]:
        """The rows that link the columns of each order to each other.

        sizes : (k,) each, currency, at which tangents bound the impact besides the usual ones.
        """
        none, one = np.zeros(len(self.rows)), np.ones(len(self.rows))
        lots, rest = np.array([one, *[none] * 4]), np.array([none, one, *[none] * 3])
        sent, commission = self.columns(sent=1.0), self.rates[costs.COMMISSION]
        yield lots - self.top * rest, 0.0
        yield self.top * sent - lots, 0.0
        yield sent - rest, 0.0
        yield self.columns(1.0, sent=np.where(self.counted, -self.least, 0.0)), 0.0
        yield self.columns(-commission, commission=1.0), 0.0
        yield self.columns(sent=-self.minimum, commission=1.0), 0.0
        for slope, at in self._tangents(sizes):
            yield self.columns(-slope, impact=1.0), at / (UNIT * self.position.nav)

    def understated(self, x: Array) -> float:
        """The excess of the impact of the orders over its columns at a point x of the programme, fraction of NAV."""
        parameters, column = self.position.cost_parameters, x[4 * len(self.rows) : 5 * len(self.rows)] * UNIT
        impact = self._impact * self.sizes(x) ** parameters.exponent / self.position.nav
        return float(np.maximum(impact - column, 0.0).sum())

    @property
    def _impact(self) -> Array:
        """(k,) see `CostParameters.impact`."""
        impact = self.position.cost_parameters.impact
        return impact[min(self.position.day, len(impact) - 1)][self.rows]

    def _tangents(self, sizes: Sequence[Array]) -> Iterator[tuple[Array, Array]]:
        """Slopes (k,) and, at zero, values (k,) in currency of assets below the impact of an order; none without it."""
        impact, power = self._impact, self.position.cost_parameters.exponent
        if not impact.any():
            return
        largest = (self.top * self.step + self.rest) * UNIT * self.position.nav
        spread = [part * largest for part in np.linspace(0.0, 1.0, TANGENTS + 1)[1:] ** 2]
        for size in (*spread, *sizes):
            yield power * impact * size ** (power - 1.0), (1.0 - power) * impact * size**power


def nearly(of: IntegerProgramme, orders: OrderColumns, nodes: int, spare: float) -> IntegerSolution:
    """The best point to `spare`: where they suffice, of the orders that are best if whole numbers may be any."""
    divided = replace(of, whole=np.zeros(len(of.cost))).solve()
    if divided.x is None:
        return divided
    unsent = orders.sizes(divided.x) <= 0.0
    first = np.concatenate(
        [np.tile(unsent, LINE_COLUMNS), np.zeros(len(of.cost) - LINE_COLUMNS * len(unsent), dtype=bool)]
    )
    few = replace(of, upper=np.where(first, of.lower, of.upper)).solve(nodes=nodes, spare=spare)
    if few.x is not None and float(of.cost @ few.x) - divided.bound <= spare:
        return replace(few, bound=divided.bound, proven=True)
    solved = of.solve(nodes=nodes, spare=spare, start=few.x)
    return replace(solved, nodes=few.nodes + solved.nodes)


def programme(
    orders: OrderColumns,
    limits: Sequence[OrderLimit],
    cost: Array,
    links: Iterable[Links] = (),
    sizes: Sequence[Array] = (),
) -> IntegerProgramme:
    """The costs of orders, and their excess over limits at its price, as a programme.

    orders : columns of k orders that may be sent.
    limits : limits that they keep; each with a price has a column of its own, after all others, in its own unit.
    cost   : (c, k) costs of the columns, at least those five of an order; others are at least zero.
    links  : rows that tie the other columns to the orders.
    sizes  : (k,) each; see `OrderColumns.links`.
    """
    c, k = cost.shape
    each = [*orders.links(sizes), *links]
    stated, soft = [limit for limit in limits for _ in limit.most], [limit for limit in limits if not limit.binds]
    most = [most / (1.0 if limit.counts else UNIT) for limit in limits for most in limit.most]
    none = np.zeros((0, 4, len(orders.position.units)))
    sums, total = orders.of_rows(np.concatenate([none, *(limit.rows for limit in limits)]))
    further = [(len(stated), 0, 1.0), (len(stated) + 1, 1, -1.0)]  # row of `sums`, column after all others, coefficient
    further += [(int(j), int(total[j] < 0.0), -float(total[j])) for j in np.flatnonzero(total)]
    further += [(j, 2 + soft.index(limit), 1.0) for j, limit in enumerate(stated) if not limit.binds]
    pairs = _pairs(orders.rows)
    free = (c - LINE_COLUMNS + 2) * k + 2 + len(soft)  # columns without an upper bound
    one, none = np.ones(k), np.zeros(free)
    return IntegerProgramme(
        cost=np.concatenate([cost.ravel(), [0.0, 0.0], [limit.price for limit in soft]]),
        matrix=_matrix((c, k), 2 + len(soft), [of for of, _ in each], [*-sums, *orders.totals], further, pairs),
        at_least=np.concatenate([*(one * at_least for _, at_least in each), np.multiply(-1.0, most), [0.0, 0.0],
                                 -np.ones(len(pairs))]),
        lower=np.concatenate([np.zeros(2 * k), ~orders.counted, none]),
        upper=np.concatenate([orders.top, orders.rest > 0.0, one, none + np.inf]),
        whole=np.concatenate([orders.whole, orders.rest > 0.0, orders.counted, none]),
    )  # fmt: skip


def _pairs(rows: Rows) -> Rows:
    """(p, 2) numbers of two orders of one asset, of which only one is sent."""
    order = np.argsort(rows, kind="stable")
    same = np.flatnonzero(rows[order][1:] == rows[order][:-1])
    return np.stack([order[same], order[same + 1]], axis=1)


def _matrix(
    shape: tuple[int, int], own: int, each: list[Array], sums: list[Array], further: list[tuple[int, int, float]],
    pairs: Rows,
) -> Any:  # fmt: skip
    """Sparse rows: for each of `each` one an order, for each of `sums` and of `pairs` one over all orders.

    shape   : (c, k) columns, k of each of c kinds.
    own     : number of columns after all others.
    each    : coefficients of the first kinds, at most (c, k).
    sums    : likewise.
    further : rows of `sums`, columns of the last, and their coefficients.
    pairs   : (p, 2) orders of which one is not sent.
    """
    from scipy import sparse

    (c, k), e, s, p = shape, len(each), len(sums), len(pairs)
    blocks = np.zeros((e + s, c, k))
    for j, of_row in enumerate((*each, *sums)):
        blocks[j, : len(of_row)] = of_row
    row, column, order = np.nonzero(blocks)
    of_sum, last, coefficient = np.array(further).T
    of_each = np.where(row < e, row * k + order, e * (k - 1) + row)
    rows = [of_each, e * k + of_sum, e * k + s + np.repeat(np.arange(p), 2)]
    columns = [column * k + order, c * k + last, SENT_COLUMN * k + pairs.ravel()]
    values = [blocks[row, column, order], coefficient, -np.ones(2 * p)]
    at = (np.concatenate(rows).astype(np.int32), np.concatenate(columns).astype(np.int32))
    return sparse.csr_array((np.concatenate(values), at), (e * k + s + p, c * k + own))
