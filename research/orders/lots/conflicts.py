"""Limits that no orders keep together: an irreducible set of them, and the least change of one that lets a list be.

Feasibility is that of the programme by which the lots are found (`order_programme`): whole and odd lots, tickets, least
commissions, and impact by its tangents, here with every asset free to be bought or sold. Linear programmes first leave
the few that conflict even where orders may be of any size (`_Divided`). The set is found by halves
(Junker 2004, QuickXplain: preferred explanations and relaxations for over-constrained problems): what remains
conflicts, and no part of it does. A least weight is of NAV after rates and tickets, as for the lots: a least commission
or an impact does not help to reach it.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.solvers.linear_programme import LinearProgramme, Point, irreducible
from foundation.tolerances import COUNTED, LOT
from research.orders.lots.lot_terms import DIVISIBLE_LOT
from research.orders.lots.order_limits import MINIMUM, LimitChange, OrderLimit, limits_of, line_limits
from research.orders.lots.order_programme import LINE_COLUMNS, UNIT, OrderColumns, nearly, programme
from research.orders.lots.position import Position
from research.orders.lots.relaxations import relaxations

EXCESS = 1e-6  # of money in units, or of orders: less than a limit may be exceeded by before it counts
MONEY_TOLERANCE = 1e-7  # of money in units: as whole lots are found
DUAL_MATTERS = 1e-9  # of a dual or a reduced cost
# Of NAV: by which a stated change is more than the least, so that it suffices when it is written down.
CHANGE_MARGIN = 1e-8
WHOLE_LOTS = "whole lots"
MOST_TRADED = 2.0  # of NAV and of the largest asset: no order is larger
CONFLICT_NODES = 20_000  # that the search may take, counting each programme as one: some seconds
EACH_PROGRAMME = 1_000  # of a programme
CHANGE_STEPS = 1_000  # of what is written down, by which a change is made larger until it suffices
MOST_EXCESS = 5e-5  # of NAV: by how much a change may be more than the least; it is told in whole basis points
TANGENT_ROUNDS = 5  # of tangents at the sizes found
NAMES_SHOWN = 8  # names in a message
CONFLICTING = "no orders keep these limits together"
IMPACT_TOLERANCE = 1e-9  # of NAV: by how much the impact of orders may be above its tangents


@dataclass(frozen=True)
class Conflict:
    """Limits that no orders keep together.

    names    : names of an irreducible set of them.
    mends    : changes, each of which alone lets a list keep all other limits; none where no single one does.
    complete : true if the set is irreducible; else the search was stopped, and some of the names may not be needed.
    searched : true if the changes are the least, to half a basis point of NAV, and all; else the search was stopped.
    """

    names: tuple[str, ...]
    mends: tuple[str, ...]
    complete: bool = True
    searched: bool = True

    @property
    def words(self) -> str:
        """The conflict in a sentence, and its remedies."""
        names = "; ".join(self.names[-NAMES_SHOWN:])
        if len(self.names) > NAMES_SHOWN:
            names += f"; and {len(self.names) - NAMES_SHOWN} others"
        if not self.complete:
            names += " (some of them may be kept: the search was stopped)"
        rest = "None of those that can be relaxed suffices alone." if self.searched else "Relax one of them or more."
        rest = f"To make a list possible, {', or '.join(self.mends)}." if self.mends else rest
        return f"{CONFLICTING}: {names}. {rest}"


@dataclass(frozen=True, eq=False)
class _Stated:
    """A limit of any kind, named.

    limit        : limit over several assets, or None.
    line         : asset that `bought` and `sold` limit, units.
    kind         : kind of a limit that a `Relaxation` may relax, else "".
    least        : least notional of an order, currency; `purchase` that of a buy of `line`.
    whole        : true if orders are in whole lots.
    """

    name: str
    limit: OrderLimit | None = None
    line: int = 0
    bought: float = np.inf
    sold: float = np.inf
    kind: str = ""
    least: float = 0.0
    purchase: float = 0.0
    whole: bool = False


def conflict(position: Position, floor: float, nodes: int = CONFLICT_NODES) -> Conflict | None:
    """An irreducible set of limits that no orders from a position keep together.

    None where it is not proven that no orders keep all of them.

    position : position with its limits.
    floor    : cash that stays, currency.
    nodes    : number of nodes that the search may take. A limit whose part is not known by then stays in the set.
    """
    stated = _stated(position, floor)
    search, divided = _Search(position, [nodes]), _Divided(position, stated)
    few = divided.conflicting
    if not few and not search.infeasible(stated):
        return None
    kept, mends = search.needed(few or stated, []), list[str]()
    complete = not search.late
    for one in kept:
        if one.limit is None or one.limit.mend is None or not divided.may_mend(one):
            continue
        if (least := search.relaxation(stated, one)) is not None:
            mends.append(search.sufficient(partial(one.limit.mend, least + CHANGE_MARGIN)))
    mends += _line_mends(position, floor, kept, search)
    return Conflict(tuple(one.name for one in kept), tuple(filter(None, mends)), complete, complete and not search.late)


def _line_mends(position: Position, floor: float, kept: Sequence[_Stated], search: "_Search") -> Iterator[str]:
    """Changes that relax a limit of the conflict that is not over several assets, where each suffices."""
    for change in relaxations(position, MOST_EXCESS):
        if any(one.kind == change.kind and change.line in (None, one.line) for one in kept):
            value = change.least(lambda other: search.gives_a_list(LimitChange("", other, floor)))
            if value is not None:
                yield change.words(value)


def _stated(position: Position, floor: float) -> list[_Stated]:
    """All limits; those that come first are dropped first, and so are rarer in a conflict."""
    found = [
        _Stated(limit.name(asset, i), None, i, float(limit.bought[i]), float(limit.sold[i]), limit.kind)
        for i, asset in enumerate(position.assets)
        for limit in line_limits(position)
        if np.isfinite(min(limit.bought[i], limit.sold[i]))
    ]
    found.append(_Stated(WHOLE_LOTS, whole=True))
    if position.minimum > 0.0:
        found.append(_Stated(f"the minimum trade of {position.minimum:,.2f}", kind=MINIMUM, least=position.minimum))
    purchases = zip(position.assets, np.broadcast_to(position.minimum_purchase, len(position.units)), strict=True)
    found += [
        _Stated(f"the minimum purchase of {asset}, {least:,.2f}", line=i, purchase=float(least))
        for i, (asset, least) in enumerate(purchases)
        if least > 0.0
    ]
    hard = (limit for limit in limits_of(position, floor) if limit.binds)
    return [*found, *(_Stated(limit.name, limit, kind=limit.kind) for limit in hard)]


class _Divided:
    """Conflicts of limits where orders may be of any size, for many sets of them from one programme; found much faster.

    Each limit over several assets may be exceeded in its own column, and the sum of those excesses is least. Where it
    is not zero, the duals say which limits and which bounds of single assets it comes from, and these conflict (Farkas'
    lemma; Chinneck 2008, Feasibility and Infeasibility in Optimization, chapter 6). Orders are in any part of a lot, of
    any asset in both directions: what conflicts here conflicts in whole lots. A set of limits is given by their places
    among those over several assets, and then those of single assets.
    """

    def __init__(self, position: Position, stated: Sequence[_Stated]) -> None:
        self._rows = [one for one in stated if one.limit is not None]
        self._lines = [one for one in stated if np.isfinite(min(one.bought, one.sold))]
        m, n, soft = len(self._rows), len(self._lines), [replace(one.limit, price=1.0) for one in stated if one.limit]
        self._all = [*range(m, m + n), *range(m)]  # in the order of `stated`
        self._orders = _columns(position, ())
        self._of = programme(self._orders, soft, np.zeros((LINE_COLUMNS, len(self._orders.rows))))
        of, whole = self._of, np.zeros(0, dtype=bool)
        self._linear = LinearProgramme(of.matrix, of.at_least, of.lower, of.upper, whole, feasible=MONEY_TOLERANCE)

    @property
    def conflicting(self) -> list[_Stated]:
        """An irreducible conflict among them, the last of them rather than the first; [] where there is none."""
        point = self._least(self._all)
        if not point.cost > EXCESS:
            return []
        few = self._causes(point)
        places = irreducible(few if self._conflict(few) else self._all, self._conflict)
        return [(*self._rows, *self._lines)[place] for place in places]

    def may_mend(self, one: _Stated) -> bool:
        """True if a list may exist when one limit over several assets is relaxed."""
        return not self._conflict([place for place in self._all if place != self._rows.index(one)])

    def _conflict(self, kept: Sequence[int]) -> bool:
        """True if these limits are in conflict."""
        return self._least(kept).cost > EXCESS

    def _least(self, kept: Sequence[int]) -> Point:
        """The least sum of what limits are exceeded by, where bounds of assets are kept."""
        cost, m = np.zeros(len(self._of.cost)), len(self._rows)
        cost[[len(cost) - m + place for place in kept if place < m]] = 1.0
        point = self._linear.minimise(cost, self._of.lower, self._upper(kept))
        assert point is not None  # where no order is sent, something is exceeded
        return point

    def _upper(self, kept: Sequence[int]) -> Array:
        """(columns,) bounds with those of single assets that are kept."""
        most, n, position = self._of.upper.copy(), len(self._orders.rows) // 2, self._orders.position
        for one in (self._lines[place - len(self._rows)] for place in kept if place >= len(self._rows)):
            for column, units in ((one.line, one.bought), (n + one.line, one.sold)):
                value = units * float(position.prices[one.line]) / (UNIT * position.nav)
                most[column] = min(most[column], value / self._orders.step[column])
        return most

    def _causes(self, point: Point) -> list[int]:
        """The limits and the bounds of assets that the least excess comes from."""
        k, m = len(self._orders.rows), len(self._rows)
        of_rows = [j for j, one in enumerate(self._rows) if one.limit for _ in one.limit.most]
        links = self._of.matrix.shape[0] - len(of_rows) - 2 - k // 2
        duals = np.abs(point.duals[links : links + len(of_rows)])
        rows = {of_rows[j] for j in np.flatnonzero(duals > DUAL_MATTERS)}
        reduced = -(self._of.matrix.T @ point.duals)[:k]
        lines = {int(j) % (k // 2) for j in np.flatnonzero(np.abs(reduced) > DUAL_MATTERS)}
        return [p for p in self._all if (p in rows if p < m else self._lines[p - m].line in lines)]


@dataclass
class _Search:
    """Whether orders of a position keep limits, and whether an answer came after the search was stopped.

    left : nodes that it may still take, of this search and those of other positions.
    """

    position: Position
    left: list[int]
    late: bool = False

    def infeasible(self, stated: Sequence[_Stated]) -> bool:
        """True if it is proven that no orders keep these limits."""
        return self._solved(stated)[1]

    def feasible(self, stated: Sequence[_Stated]) -> bool:
        """True if some orders are known that keep these limits."""
        return self._solved(stated)[0] is not None

    def needed(self, candidates: Sequence[_Stated], kept: Sequence[_Stated]) -> list[_Stated]:
        """The last candidates that conflict with the kept limits, none of which can be left out."""
        if len(candidates) == 1:
            return list(candidates)
        half = len(candidates) // 2
        first, second = candidates[:half], candidates[half:]
        of_first = [] if self.infeasible([*kept, *second]) else self.needed(first, [*kept, *second])
        if of_first and self.infeasible([*kept, *of_first]):
            return of_first
        return [*of_first, *self.needed(second, [*kept, *of_first])]

    def relaxation(self, stated: Sequence[_Stated], one: _Stated) -> float | None:
        """The least relaxation of one limit over several assets with which some orders keep all; None where none do.

        It is the least to `MOST_EXCESS`, or to a whole order.
        """
        assert one.limit is not None
        soft = replace(one, limit=replace(one.limit, price=1.0))
        return self._solved([soft if other is one else other for other in stated])[0]

    def sufficient(self, change: Callable[[int], LimitChange | None]) -> str:
        """The change that relaxes a limit so that some orders are known that keep all limits; "" for none.

        It is given with the value that is written down. A least relaxation may be of NAV before costs, and the written
        value is rounded: it is solved again, with as few steps more as suffice.
        """
        short, steps, found = -1, 0, change(0)
        while found is not None and not self.gives_a_list(found):
            short, steps = steps, 2 * steps + 1
            found = change(steps) if steps < CHANGE_STEPS else None
        while found is not None and steps - short > 1:
            middle = (short + steps) // 2
            fewer = change(middle)
            if fewer is not None and self.gives_a_list(fewer):
                steps, found = middle, fewer
            else:
                short = middle
        return "" if found is None else found.words

    def gives_a_list(self, change: LimitChange) -> bool:
        """True if some orders are known that keep all limits with a change."""
        other = replace(self, position=change.position)
        known = other.feasible(_stated(change.position, change.floor))
        self.late |= other.late
        return known

    def _solved(self, stated: Sequence[_Stated]) -> tuple[float | None, bool]:
        """(excess over limits with a price, None where no orders were found; true if it is proven that none exist).

        A tangent is added at each size that was found, until the impact is that of the orders.
        """
        if self.left[0] <= 0:
            self.late = True
            return None, False
        orders = _columns(self.position, stated)
        limits, sizes, past = [one.limit for one in stated if one.limit is not None], list[Array](), None
        spare = 1.0 - LOT if any(limit.counts and not limit.binds for limit in limits) else MOST_EXCESS / UNIT
        for _ in range(TANGENT_ROUNDS):
            none = np.zeros((LINE_COLUMNS, len(orders.rows)))
            found = nearly(programme(orders, limits, none, sizes=sizes), orders, EACH_PROGRAMME, spare)
            self.left[0] -= 1 + found.nodes
            self.late |= not found.proven and not found.infeasible
            if found.x is None:
                return None, found.infeasible
            soft = [limit for limit in limits if not limit.binds]
            past = float(found.x[-1]) * (1.0 if soft[0].counts else UNIT) if soft else 0.0
            sizes.append(orders.sizes(found.x))
            if orders.understated(found.x) <= IMPACT_TOLERANCE:
                break
        return past, False


def _columns(position: Position, stated: Sequence[_Stated]) -> OrderColumns:
    """Orders of every asset in both directions, as far as some of the limits let them go."""
    n, nav, price, held = len(position.units), position.nav, position.prices, np.maximum(position.units, 0.0)
    whole = any(one.whole for one in stated)
    least = np.full(2 * n, max((COUNTED * nav, *(one.least for one in stated))))
    bought = MOST_TRADED * max(nav, float((held * price).max(initial=0.0))) / price
    sold = held.copy()
    for one in stated:
        bought[one.line], sold[one.line] = min(bought[one.line], one.bought), min(sold[one.line], one.sold)
        least[one.line] = max(least[one.line], one.purchase)
    rows, units = np.tile(np.arange(n), 2), np.concatenate([bought, sold])
    lots = units / position.lots[rows]
    in_lots = np.full(2 * n, whole) & (position.lots * price > DIVISIBLE_LOT * nav)[rows]
    full = np.where(in_lots, np.floor(lots + LOT), lots)
    left = np.where((np.arange(2 * n) >= n) & (sold >= held)[rows], lots - full, 0.0)
    odd = np.where(left > LOT, left * position.lots[rows], 0.0)
    return OrderColumns.of(position, rows, np.repeat([1.0, -1.0], n), full, odd, in_lots, least)
