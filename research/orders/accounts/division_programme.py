"""The mixed-integer linear programme by which orders are divided over accounts: its columns, its rows and its aims."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, field, replace
from foundation.solvers.linear_programme import IntegerProgramme
from foundation.tolerances import COUNTED, LOT
from research.accounting.cost_parameters import COMMISSION, HALF_SPREAD, IMPACT
from research.orders.accounts.division_problem import ACCOUNT_CASH, DivisionProblem
from research.orders.lots.lot_problem import clean
from research.orders.lots.order_limits import MINIMUM, ORDERS_LIMIT, TURNOVER, VOLUME
from research.orders.lots.order_programme import BUNDLE, UNIT
from research.orders.lots.position import CENT

TIE = 0.05  # money in units, 0.05 bp of NAV: by how much an aim may be above its least, and move for those after it
DIVISION_NODES = 50  # of a programme: at most some tenths of a second
EXACT_MOVES = 20  # up to so many, all moves are searched
LEAST_MOVED = 1e-9  # of a move: less is none


@dataclass(frozen=True)
class Mode:
    """A variant of the programme.

    full    : true to send all of the list.
    swaps   : true to allow swaps.
    without : name of a limit that it drops.
    """

    full: bool = True
    swaps: bool = False
    without: str = ""


@dataclass(eq=False)
class DivisionProgramme:
    """Columns and rows; money in `UNIT`s of NAV.

    A move is an account, an asset and a direction; each has four columns: lots, the odd lot, whether it is sent, and
    its commission. An asset of the list has one more, its lots that are not sent, and a taxed lot two.
    """

    problem: DivisionProblem
    mode: Mode
    moves: list[tuple[int, int, int]]  # account, asset, 1 to buy or -1 to sell
    step: Array  # (n,) units of a column's lot
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    rows: list[tuple[dict[int, float], float]] = field(default_factory=list)  # coefficients, and their least
    gaps: dict[int, int] = field(default_factory=dict)
    taxed: list[tuple[int, float]] = field(default_factory=list)  # column, tax of one

    @classmethod
    def of(cls, problem: DivisionProblem, mode: Mode) -> "DivisionProgramme":
        """The programme of a problem."""
        position, n = problem.position, len(problem.orders)
        fine = problem.fine
        step = np.where(fine, BUNDLE * position.nav / position.prices, position.lots)
        lines = [i for i in range(n) if problem.orders[i] or (mode.swaps and problem.swappable[i] and not fine[i])]
        # An order that no permutation of assets or accounts changes: by what they are, and not by where they stand.
        lines.sort(key=lambda i: (position.assets[i] if position.assets else "", i))
        accounts = sorted(range(len(problem.cash)), key=lambda a: problem.facts(a, lines))
        moves = [(a, i, way) for i in lines for a in accounts for way in (1, -1) if cls._may(problem, mode, a, i, way)]
        made = cls(problem, mode, moves, step)
        made._columns(fine)
        made._line_rows(lines)
        made._account_rows(accounts)
        made._limit_rows(lines)
        made._tax_rows()
        return made

    @staticmethod
    def _may(problem: DivisionProblem, mode: Mode, a: int, i: int, way: int) -> bool:
        """True if an account may trade an asset in this direction."""
        if way < 0 and problem.held[a, i] <= 0.0:
            return False
        if problem.orders[i] * way > 0.0:
            return True
        if not mode.swaps or not problem.swappable[i] or problem.fine[i]:
            return False
        # What is bought of an asset that the list sells, any account may have sold.
        return bool(problem.swap_from[a] if way < 0 else problem.orders[i] == 0.0 or problem.swap_from.all())

    # -- columns -----------------------------------------------------------------------------------------------------

    def _add(self, upper: float, whole: bool = False) -> int:
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.upper) - 1

    def _columns(self, fine: Mask) -> None:
        problem, prices = self.problem, self.problem.position.prices
        sells = {(a, i): min(self._most(a, i, -1), float(problem.held[a, i])) for a, i, way in self.moves if way < 0}
        raised = [
            sum(units * prices[i] for (of, i), units in sells.items() if of == a) for a in range(len(problem.cash))
        ]
        for a, i, way in self.moves:
            held, step, ordered = float(problem.held[a, i]), float(self.step[i]), problem.orders[i] * way > 0.0
            most = sells[a, i] if way < 0 else self._most(a, i, 1)
            if way > 0 and self.mode.without != ACCOUNT_CASH:  # cash and all that the account may sell must pay
                most = min(most, max(float(problem.cash[a]) + raised[a], 0.0) / float(prices[i]))
            top = most / step if fine[i] else np.floor(most / step + LOT)
            odd = held - top * step if way < 0 and ordered and not fine[i] and most == held else 0.0
            odd = odd if odd > LOT * step else 0.0
            self._add(float(top), not fine[i])
            self._add(1.0 if odd else 0.0, bool(odd))
            self._add(1.0, True)
            self._add(np.inf)
        for i in dict.fromkeys(i for _, i, _ in self.moves):
            self.gaps[i] = self._add(0.0 if self.mode.full else abs(float(problem.orders[i])) / float(self.step[i]))

    def _most(self, a: int, i: int, way: int) -> float:
        """The most units of a move, besides the limits of the account's holdings and cash."""
        ordered = max(float(self.problem.orders[i]) * way, 0.0)
        others = float(self.problem.held[:, i].sum() - (self.problem.held[a, i] if way > 0 else 0.0))
        return ordered + (others if self.mode.swaps else 0.0)

    def _odd(self, m: int) -> float:
        """Units of the odd lot of move `m`."""
        a, i, _ = self.moves[m]
        whole = self.upper[4 * m] * float(self.step[i])
        return float(self.problem.held[a, i]) - whole if self.upper[4 * m + 1] else 0.0

    def _units(self, m: int, by: float) -> dict[int, float]:
        """The units of a move, times `by`, as coefficients."""
        return {4 * m: by * float(self.step[self.moves[m][1]]), 4 * m + 1: by * self._odd(m)}

    def _value(self, m: int, by: float) -> dict[int, float]:
        """The value of a move in money, times `by`."""
        return self._units(m, by * float(self.problem.position.prices[self.moves[m][1]]) / self.money)

    @property
    def money(self) -> float:
        """Currency in a unit of money."""
        return UNIT * self.problem.position.nav

    def _cost(self, m: int, by: float) -> dict[int, float]:
        """The cost of a move in money, times `by`; impact at the chord of the largest order, which is no less."""
        parameters, i = self.problem.position.cost_parameters, self.moves[m][1]
        rate = float(self.problem.position.rates[HALF_SPREAD, i]) + self._impact(i)
        ticket = {4 * m + 2: by * float(parameters.ticket[i]) / self.money, 4 * m + 3: by}
        return _sum(self._value(m, by * rate), ticket)

    def _impact(self, i: int) -> float:
        position = self.problem.position
        units = float(abs(self.problem.orders[i]))
        if self.mode.swaps:
            units += 2.0 * float(position.units[i])
        size = np.zeros(len(position.units))
        size[i] = units * position.prices[i]
        return float(position.exact_charges(size)[IMPACT, i]) / size[i] if size[i] else 0.0

    # -- rows --------------------------------------------------------------------------------------------------------

    def _at_least(self, row: dict[int, float], least: float) -> None:
        self.rows.append((row, least))

    def _line_rows(self, lines: Sequence[int]) -> None:
        """Add the rows of balance: the parts of each asset that are sent and not sent sum to the order of the list."""
        problem, position, parameters = self.problem, self.problem.position, self.problem.position.cost_parameters
        of_way = {way: position.least(np.full(len(position.units), way)) for way in (1, -1)}
        counted = COUNTED * position.nav * (1.0 + LOT)
        rates = position.rates[COMMISSION]
        for m, (_, i, way) in enumerate(self.moves):
            top, least = self.upper[4 * m], counted if self.mode.without == MINIMUM else float(of_way[way][i])
            self._at_least({4 * m + 2: top, 4 * m: -1.0}, 0.0)
            if self.upper[4 * m + 1]:
                self._at_least({4 * m + 2: 1.0, 4 * m + 1: -1.0}, 0.0)
                self._at_least({4 * m: 1.0, 4 * m + 1: -top}, 0.0)
            self._at_least(_sum(self._value(m, 1.0), {4 * m + 2: -least / self.money}), 0.0)
            self._at_least(_sum(self._value(m, -float(rates[i])), {4 * m + 3: 1.0}), 0.0)
            if parameters.minimum[i] > 0.0:
                self._at_least({4 * m + 3: 1.0, 4 * m + 2: -float(parameters.minimum[i]) / self.money}, 0.0)
        for i in lines:
            if i not in self.gaps:
                continue
            side = 1.0 if problem.orders[i] >= 0.0 else -1.0
            step = float(self.step[i])
            sent = (self._units(m, side * self.moves[m][2] / step) for m in self._of_line(i))
            row = _sum({self.gaps[i]: 1.0}, *sent)
            wanted = abs(float(problem.orders[i])) / step
            self._at_least(row, wanted - LOT)
            self._at_least(_times(row, -1.0), -wanted - LOT)
            for m in self._of_line(i):  # no account buys and sells one asset
                for other in self._of_line(i):
                    if m < other and self.moves[m][0] == self.moves[other][0]:
                        self._at_least({4 * m + 2: -1.0, 4 * other + 2: -1.0}, -1.0)

    def _account_rows(self, accounts: Sequence[int]) -> None:
        """Cash of each account at its floor, and at least zero after the adverse move."""
        if self.mode.without == ACCOUNT_CASH:
            return
        problem, move = self.problem, self.problem.position.limits.adverse_move
        for a in accounts:
            own = [m for m, (account, _, _) in enumerate(self.moves) if account == a]
            for day in (*problem.position.early, np.inf):
                settled = [m for m in own if self._settles(m) <= day]
                paid = (_sum(self._value(m, -float(self.moves[m][2])), self._cost(m, -1.0)) for m in settled)
                rounded = {4 * m + 2: -self._cents(self.moves[m][1]) / self.money for m in settled}
                row = _sum(*paid, rounded)
                sizes = (part for m in settled for part in (self._value(m, -move), self._cost(m, -move)))
                moved = _sum(*sizes, _times(rounded, move))
                floors, debt = problem.kept_on(day)
                self._at_least(row, (floors[a] - problem.cash[a]) / self.money)
                self._at_least(_sum(row, moved), (-debt[a] - problem.cash[a]) / self.money)

    def _cents(self, i: int) -> float:
        """The most that rounding takes of an order of asset `i`, currency: half a cent of each broken amount."""
        position, parameters = self.problem.position, self.problem.position.cost_parameters
        rates = position.rates[:, i]
        amounts = np.array([position.lots[i] * position.prices[i], parameters.ticket[i], parameters.minimum[i]])
        cents = 100.0 * amounts
        broken = np.abs(cents - np.rint(cents)) > LOT * np.minimum(cents, 1.0)  # parts of a cent sum to broken ones
        count = broken[0] + (rates > 0.0).sum() + broken[1] + (broken[2] and rates[0] == 0.0) + (self._impact(i) > 0.0)
        return 0.5 * CENT * float(count) + (float(amounts[0]) if self.problem.fine[i] else 0.0)

    def _settles(self, m: int) -> float:
        """Sessions from move `m` to its settlement, 0 where all have as many."""
        settles = self.problem.position.settles
        return 0.0 if settles is None else float(settles[self.moves[m][1]])

    def _limit_rows(self, lines: Sequence[int]) -> None:
        """Number of orders, turnover and volume, of all accounts together."""
        position, limits = self.problem.position, self.problem.position.limits
        if limits.most is not None and self.mode.without != ORDERS_LIMIT:
            self._at_least({4 * m + 2: -1.0 for m in range(len(self.moves))}, -float(limits.most))
        if not self.mode.swaps:  # the list keeps the others, and its orders in all accounts are no more
            return
        if limits.turnover is not None and self.mode.without != TURNOVER:
            for side in (1, -1):
                traded = (self._value(m, -1.0) for m, (_, _, way) in enumerate(self.moves) if way == side)
                self._at_least(_sum(*traded), -limits.turnover / UNIT)
        most = np.broadcast_to(position.most_units, len(self.step))
        for i in lines:
            if np.isfinite(most[i]) and self.mode.without != VOLUME:
                step = float(self.step[i])
                traded = (self._units(m, -1.0 / step) for m in self._of_line(i))
                self._at_least(_sum(*traded), -float(most[i]) / step)

    def _tax_rows(self) -> None:
        """Add the rows of tax: a taxable account sells of its lots, one completely before the next."""
        for m, (a, i, way) in enumerate(self.moves):
            lots = self.problem.taxes[a][i] if self.problem.taxes and way < 0 else ()
            if all(tax == 0.0 for _, tax in lots):
                continue
            step, taken, last = float(self.step[i]), dict[int, float](), None
            for units, tax in lots:
                share, begun = self._add(1.0), self._add(1.0, True)
                self._at_least({begun: 1.0, share: -1.0}, 0.0)
                if last is not None:
                    self._at_least({last: 1.0, begun: -1.0}, 0.0)
                taken[share], last = units / step, share
                self.taxed.append((share, units * tax / self.money))
            row = _sum(taken, self._units(m, -1.0 / step))
            self._at_least(row, -LOT)
            self._at_least(_times(row, -1.0), -LOT)

    def _of_line(self, i: int) -> list[int]:
        return [m for m, (_, line, _) in enumerate(self.moves) if line == i]

    # -- aims --------------------------------------------------------------------------------------------------------

    @property
    def nothing(self) -> Array:
        """Zero of each column: the weights of no aim."""
        return np.zeros(len(self.upper))

    @cached_property
    def aims(self) -> list[tuple[Array, float]]:
        """The aims to minimise, one after the other: weights of the columns, and the gap that is enough.

        Aims that no division changes are not among them.
        """
        found = [] if self.mode.full else [self._left_and_costs()]
        found += [self._swaps()] if self.mode.swaps else []
        wrong = _sum(*(self._value(m, float(way)) for m, (a, i, way) in enumerate(self.moves)
                       if self.problem.wrong[a, i]))  # fmt: skip
        tickets = {4 * m + 2: 1.0 for m in range(len(self.moves))}
        others = ((wrong, TIE), (tickets, 1.0 - LOT), (dict(self.taxed), TIE))
        return [*((aim, TIE) for aim in found), *((self._vector(aim), enough) for aim, enough in others if aim)]

    def _left_and_costs(self) -> Array:
        prices = self.problem.position.prices
        left = {column: float(self.step[i] * prices[i]) / self.money for i, column in self.gaps.items()}
        return self._vector(_sum(left, *(self._cost(m, 1.0) for m in range(len(self.moves)))))

    def _swaps(self) -> Array:
        """Weights of trades against the list, and of all purchases of assets that it does not trade."""
        asked = [(way, self.problem.orders[i] * way) for _, i, way in self.moves]
        against = (m for m, (way, order) in enumerate(asked) if order < 0.0 or (order == 0.0 and way > 0))
        return self._vector(_sum(*(self._value(m, 1.0) for m in against)))

    def _vector(self, aim: dict[int, float]) -> Array:
        vector = self.nothing
        for column, value in aim.items():
            vector[column] = value
        return vector

    # -- solutions ---------------------------------------------------------------------------------------------------

    def least(
        self, aim: Array, enough: float, limits: Sequence[tuple[Array, float]], start: Array | None = None
    ) -> tuple[Array, bool] | None:
        """The columns with the least of an aim, within the limits of those before it, and whether that is proven.

        In parts of lots the best division has few moves. They mostly suffice for whole lots, and its aim is the bound.
        Other moves are searched where there are not many, or where nothing is found otherwise.
        aim    : weights of the columns.
        enough : the gap that is none.
        limits : rows, and what they are at least.
        start  : columns that keep all limits, or None.
        """
        if not self.moves:
            return self.nothing, True
        of = self._programme(aim, limits)
        divided = replace(of, whole=self.nothing).solve()
        if divided.x is None:
            return None
        few, sent = of.upper.copy(), slice(2, 4 * len(self.moves), 4)
        few[sent] *= divided.x[sent] > LEAST_MOVED
        best, bound = start, divided.bound
        for all_moves in (False, True):
            near = best is not None and bool(aim @ best - bound <= enough)
            if near or (all_moves and best is not None and len(self.moves) > EXACT_MOVES):
                break
            wider = of if all_moves else replace(of, upper=few)
            solved = wider.solve(nodes=DIVISION_NODES, spare=enough, start=best if all_moves else None)
            if solved.x is not None and (best is None or aim @ solved.x < aim @ best):
                best = np.where(self.whole, np.rint(solved.x), solved.x)
            if solved.x is not None and all_moves:
                bound = max(bound, solved.bound)
        return None if best is None else (best, bool(aim @ best - bound <= enough))

    def _programme(self, aim: Array, limits: Sequence[tuple[Array, float]]) -> IntegerProgramme:
        """The programme of an aim."""
        from scipy import sparse

        rows = sparse.vstack([self._matrix, *(sparse.csr_array(row[None]) for row, _ in limits)]).tocsr()
        at_least = np.array([least for _, least in (*self.rows, *limits)])
        return IntegerProgramme(aim, rows, at_least, self.nothing, np.array(self.upper), np.array(self.whole))

    @cached_property
    def _matrix(self) -> Any:
        """The rows, sparse."""
        from scipy import sparse

        entries = [(k, column, value) for k, (row, _) in enumerate(self.rows) for column, value in row.items()]
        at, columns, values = zip(*entries, strict=True)
        return sparse.csr_array((values, (at, columns)), shape=(len(self.rows), len(self.upper)))

    def parts(self, x: Array) -> Array:
        """(A, n) signed units in whole lots, but for odd lots, that sum to what is sent of the list to the last lot."""
        problem, lots = self.problem, self.problem.position.lots
        parts = np.zeros(problem.held.shape)
        for m, (a, i, way) in enumerate(self.moves):
            if x[4 * m + 2] < 0.5:
                continue
            left = float(problem.held[a, i]) - float(x[4 * m] * self.step[i])
            to_the_last = way < 0 and not self.whole[4 * m] and left <= LOT * self.step[i]
            all_of_it = to_the_last or x[4 * m + 1] > 0.5
            steps = x[4 * m] * self.step[i] / lots[i]
            whole = np.rint(steps) if self.whole[4 * m] else np.floor(steps + LOT)
            parts[a, i] += way * float(problem.held[a, i] if all_of_it else clean(whole * lots[i], lots[i]))
        for line in np.flatnonzero(problem.fine & (problem.orders != 0.0)) if self.mode.full else ():
            self._settle(parts, int(line))
        return parts

    def _settle(self, parts: Array, i: int) -> None:
        """Give the rounding remainder of an asset that is divided at will to the accounts that trade most of it."""
        problem, lot = self.problem, self.problem.position.lots[i]
        for a in sorted(range(len(parts)), key=lambda a: -abs(parts[a, i])):
            rest = float(problem.orders[i] - parts[:, i].sum())
            if abs(rest) < 0.5 * lot or parts[a, i] == 0.0:
                break
            moved = max(parts[a, i] + rest, -float(problem.held[a, i]))
            parts[a, i] = moved if moved == -problem.held[a, i] else clean(np.array(moved), lot)


def _sum(*rows: dict[int, float]) -> dict[int, float]:
    """The sum of rows of coefficients."""
    total: dict[int, float] = {}
    for row in rows:
        for column, value in row.items():
            total[column] = total.get(column, 0.0) + value
    return total


def _times(row: dict[int, float], by: float) -> dict[int, float]:
    return {column: by * value for column, value in row.items()}
