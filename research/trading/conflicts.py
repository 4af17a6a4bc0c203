"""Limits that no orders keep together: an irreducible set of them, and the least change of one that lets a list be.

Feasibility is that of a mixed-integer linear programme over what each line buys and sells. Costs are taken at their
proportional rates. The set is found by the deletion filter (Chinneck, Dravnieks 1991, Locating minimal infeasible
constraint sets in linear programs): what remains conflicts, and no part of it does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from research.arrays import Array
from research.tolerances import LOT
from research.trading.mixed_integer import minimise
from research.trading.position import Position

SPARE = 1e-8  # of NAV: by which a stated change is more than the least, so that it suffices when it is written down
WHOLE_LOTS = "whole lots"
ROUNDED = 1e-2  # of a basis point: less than a limit may be past before it counts as broken
COUNTED_IN = 1e4  # rows to a unit of NAV: HiGHS's tolerance is then 1e-10 of it
MOST_TRADED = 10.0  # of NAV and of the largest line: no order is larger


@dataclass(frozen=True, eq=False)
class Limit:
    """A limit as rows over x, what is bought (n,), sold (n,) and sent (n,): rows · x ≤ right, in fractions of NAV.

    name  : in words.
    rows  : (k, 3 n); none for "whole lots", which says that x is whole.
    right : (k,).
    mend  : how to relax it by so much, in words; None where it cannot be.
    """

    name: str
    rows: Array
    right: Array
    mend: Callable[[float], str] | None = None


@dataclass(frozen=True)
class Conflict:
    """Limits that no orders keep together.

    names : of an irreducible set of them.
    mends : changes, each of which alone lets a list keep all other limits; none where no single one does.
    """

    names: tuple[str, ...]
    mends: tuple[str, ...]

    @property
    def words(self) -> str:
        """The conflict in a sentence, and what would mend it."""
        mends = f"To make a list possible, {', or '.join(self.mends)}." if self.mends else "More than one must change."
        return f"no orders keep these limits together: {'; '.join(self.names)}. {mends}"


def conflict(position: Position, floor: float) -> Conflict | None:
    """An irreducible set of limits that no orders from a position keep together; None where some orders keep all.

    position : with its limits.
    floor    : cash that stays, currency.
    """
    limits = kept = named_limits(position, floor)
    if _relaxation(position, limits) is not None:
        return None
    of_lines = {limit.name for limit in _of_lines(position)}  # many, and rarely in a conflict: tried at once first
    for dropped in (of_lines, *({limit.name} for limit in limits)):
        fewer = [limit for limit in kept if limit.name not in dropped]
        if len(fewer) < len(kept) and _relaxation(position, fewer) is None:
            kept = fewer
    mends = []
    for limit in kept:
        if limit.mend is not None and (least := _relaxation(position, limits, limit)) is not None:
            mends.append(limit.mend(least + SPARE))
    return Conflict(tuple(limit.name for limit in kept), tuple(mends))


def named_limits(position: Position, floor: float) -> list[Limit]:
    """All limits of the orders; those that come first are tried first, and so are rarer in a conflict.

    floor : cash that stays, currency.
    """
    n = len(position.units)
    found = [Limit(WHOLE_LOTS, np.zeros((0, 3 * n)), np.zeros(0))]
    if position.minimum > 0.0:
        rows = np.hstack([-np.eye(n), -np.eye(n), position.minimum / position.nav * np.eye(n)])
        found.append(Limit(f"the minimum trade of {position.minimum:,.2f}", rows, np.zeros(n)))
    return [*found, *_of_lines(position), *_of_orders(position), *_of_cash(position, floor), *_of_weights(position)]


def _of_lines(position: Position) -> Iterator[Limit]:
    """What each line may do."""
    n = len(position.units)
    spread = (position.buyable, position.sellable, position.most_units, position.most_sold)
    buyable, sellable, most_units, most_sold = (np.broadcast_to(each, n) for each in spread)
    for i, name in enumerate(position.assets):
        buy, sell = np.zeros((1, 3 * n)), np.zeros((1, 3 * n))
        buy[0, i] = sell[0, n + i] = 1.0
        price = position.prices[i] / position.nav
        for words, row, most in (
            (f"{name} cannot trade", buy + sell, np.inf if position.tradable[i] else 0.0),
            (f"{name} may not be bought", buy, np.inf if buyable[i] or not position.tradable[i] else 0.0),
            (f"{name} may not be sold", sell, np.inf if sellable[i] or not position.tradable[i] else 0.0),
            (f"the volume limit of {name}, {most_units[i]:,.8g} units", buy + sell, most_units[i] * price),
            (f"the gain budget of {name}, {most_sold[i]:,.8g} units", sell, most_sold[i] * price),
        ):
            if np.isfinite(most):
                yield Limit(words, row, np.array([most]))


def _of_orders(position: Position) -> Iterator[Limit]:
    """Their number and turnover."""
    limits, n = position.limits, len(position.units)
    of_buys, of_sells, of_sent = np.kron(np.eye(3), np.ones(n))
    if (most := limits.most) is not None:
        yield Limit(f"at most {most} orders", of_sent[None], np.array([float(most)]),
                    lambda more: f"allow {int(np.ceil(most + more - LOT))} orders")  # fmt: skip
    if (turnover := limits.turnover) is not None:
        yield Limit(f"turnover of at most {turnover:.2%}", np.array([of_buys, of_sells]), np.full(2, turnover),
                    lambda more: f"raise the turnover limit to {_rounded_up(turnover + more)}")  # fmt: skip


def _of_cash(position: Position, floor: float) -> Iterator[Limit]:
    """What stays, at these prices and after an adverse move."""
    none, rate, cash, nav = np.zeros(len(position.units)), _rate(position), position.cash / position.nav, position.nav
    spent = np.concatenate([1.0 + rate, rate - 1.0, none])
    if (move := position.limits.adverse_move) > 0.0:
        moved = spent + move * np.concatenate([none + 1.0, none + 1.0, none])
        name = f"cash that covers an adverse move of {move:.2%}"
        yield Limit(name, moved[None], np.array([cash + position.debt / nav]))
    yield Limit(f"cash of at least {floor:,.2f}", spent[None], np.array([cash - floor / nav]),
                lambda more: f"let cash fall to {floor - more * nav:,.2f}")  # fmt: skip


def _of_weights(position: Position) -> Iterator[Limit]:
    """Limits of weights that bind, of NAV after costs."""
    n, rate = len(position.units), _rate(position)
    costs = np.concatenate([rate, rate, np.zeros(n)])
    for limit in (limit for limit in position.limits.weights if limit.binds):
        lines, weight = np.isin(np.arange(n), limit.rows), float(position.weights[list(limit.rows)].sum())
        change = np.concatenate([lines, -1.0 * lines, np.zeros(n)])
        rows = np.array([change + limit.upper * costs, -change - limit.lower * costs])
        right = np.array([limit.upper - weight, weight - limit.lower])
        yield Limit(f"{limit.words}, now at {weight:.2%}", rows, right, partial(_widen, limit.name))


def _widen(name: str, more: float) -> str:
    return f"widen the {name} by {_rounded_up(more)} of NAV"


def _rounded_up(fraction: float) -> str:
    """A fraction as a percentage of two decimals that is not below it."""
    return f"{np.ceil(fraction * 1e4 - ROUNDED) / 1e4:.2%}"


def _rate(position: Position) -> Array:
    """(n,) proportional costs of a trade, fraction."""
    rates = position.cost_parameters.rates
    found: Array = rates[min(position.day, len(rates) - 1)].sum(axis=0)
    return found


def _relaxation(position: Position, limits: Sequence[Limit], changed: Limit | None = None) -> float | None:
    """The least relaxation of one limit with which some orders keep all; None where none do, 0.0 without a limit.

    Besides x it has a column a line that says whether the line is bought (1) or sold (0), where orders are counted, so
    that no line is both.
    """
    from scipy import sparse

    n, eye, zero = len(position.units), np.eye(len(position.units)), np.zeros((len(position.units),) * 2)
    price = position.prices / position.nav
    value = np.maximum(position.units * price, 0.0)
    whole = any(limit.name == WHOLE_LOTS for limit in limits)
    counted = any(limit.rows[:, 2 * n :].any() for limit in limits)
    lot = position.lots * price if whole else np.ones(n)
    most = MOST_TRADED * max(1.0, float(value.max(initial=0.0)))
    rows = [
        np.block([[eye, zero, zero, -most * eye], [zero, eye, zero, most * eye]]),  # one side
        np.block([[eye, eye, -most * eye, zero]]),  # what trades is sent
        *(np.hstack([limit.rows, np.zeros((len(limit.rows), n))]) for limit in limits),
    ]
    right = np.concatenate([np.zeros(n), np.full(n, most), np.zeros(n), *(limit.right for limit in limits)])
    relaxed = [np.zeros(3 * n), *(np.full(len(limit.right), float(limit is changed)) for limit in limits)]
    matrix = np.hstack(
        [np.vstack(rows) * np.concatenate([lot, lot, np.ones(2 * n)]), -np.concatenate(relaxed)[:, None]]
    )
    sold = np.floor(value / lot + LOT) if whole else value
    solved = minimise(
        np.append(np.zeros(4 * n), 1.0),
        sparse.csr_array(-COUNTED_IN * matrix),
        -COUNTED_IN * right,
        np.concatenate([most / lot, sold, np.ones(2 * n), [np.inf]]),
        np.concatenate([np.full(2 * n, whole), np.full(2 * n, counted), [False]]),
    )
    return None if solved.x is None else float(solved.x[-1])
