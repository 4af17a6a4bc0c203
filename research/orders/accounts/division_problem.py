"""The problem of dividing orders over accounts: the orders, the holdings, and a division's results and faults."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.tolerances import LOT
from research.accounting.cost_parameters import IMPACT
from research.orders.lots.lot_terms import DIVISIBLE_LOT
from research.orders.lots.order_limits import MINIMUM, ORDERS_LIMIT, TURNOVER, VOLUME, broken_by
from research.orders.lots.position import Position

ROW_TOLERANCE = 1e-9  # of a limit: HiGHS keeps its rows to 1e-7 of a unit of money
ACCOUNT_CASH = "cash of the accounts"
LIMITS = (ACCOUNT_CASH, MINIMUM, ORDERS_LIMIT, TURNOVER, VOLUME)


@dataclass(frozen=True, eq=False)
class DivisionProblem:
    """Orders of a list, and the accounts that share them.

    position : position of all accounts, before the orders.
    orders   : (n,) signed units of the list, buys positive.
    held     : (A, n) units of each account; they sum to those of the position.
    cash     : (A,) currency; it sums to that of the position.
    floors   : (A,) cash that stays in each account, currency.
    prefers  : (A, n) assets that each account takes before the others.
    swappable : (n,) assets of which one account may sell what another buys.
    swap_from : (A,) accounts that may sell in a swap.
    taxes    : (A, n) lots of each account and asset, (units, tax per unit) in the order of sale; () where they are
               not known, and for accounts that are not taxed.
    """

    position: Position
    orders: Array
    held: Array
    cash: Array
    floors: Array
    prefers: Mask
    swappable: Mask
    swap_from: Mask
    taxes: tuple[tuple[tuple[tuple[float, float], ...], ...], ...] = ()

    # -- what a division comes to ------------------------------------------------------------------------------------

    def charges(self, parts: Array) -> Array:
        """(A, columns, n) currency of each cost of each order, in whole cents."""
        return np.rint(100.0 * self.exact_charges(np.abs(self.notional(parts)))) / 100.0

    def exact_charges(self, sizes: Array) -> Array:
        """(A, columns, n) currency of orders of these sizes (A, n), currency, before they are rounded to cents.

        The impact of an asset's orders is that of their sum, since they meet one market; each bears its share.
        """
        charges, whole = np.array([self.position.exact_charges(of) for of in sizes]), sizes.sum(axis=0)
        share = np.divide(sizes, whole, out=np.zeros_like(sizes), where=whole > 0.0)
        if len(sizes) > 1:
            charges[:, IMPACT] = share * self.position.exact_charges(whole)[IMPACT]
        return charges

    def notional(self, parts: Array) -> Array:
        """(A, n) signed currency, buys positive, in whole cents."""
        return np.rint(100.0 * parts * self.position.prices) / 100.0

    def cash_after(self, parts: Array) -> Array:
        """(A,) cash after the orders and their costs, currency, in whole cents."""
        cents = np.rint(100.0 * self.notional(parts)).sum(axis=1)
        cents += np.rint(100.0 * self.charges(parts)).sum(axis=(1, 2))
        return (np.rint(100.0 * self.cash) - cents) / 100.0

    def short(self, parts: Array) -> Array:
        """(A,) shortfall of cash, currency: to stay at its floor, and at least zero after the adverse move.

        Where settlement dates differ, on the day on which it lacks most; see `Position.short_on`.
        """
        position, lacking = self.position, np.full(len(self.cash), -np.inf)
        for day in (*position.early, np.inf):
            settled = parts if position.settles is None else np.where(position.settles <= day, parts, 0.0)
            sizes = np.abs(self.notional(settled)).sum(axis=1) + self.charges(settled).sum(axis=(1, 2))
            moved = position.limits.adverse_move * sizes
            floors, debt = self.kept_on(day)
            lacking = np.maximum(lacking, np.maximum(floors, moved - debt) - self.cash_after(settled))
        return lacking

    def kept_on(self, day: float) -> tuple[Array, Array]:
        """(A,) cash that stays, and (A,) debt that may, currency, after the orders that settle within so many sessions.

        Until the last ones, inf, have settled, an account may lack what it lacked before.
        """
        floors = self.floors if np.isinf(day) else np.minimum(self.floors, np.rint(100.0 * self.cash) / 100.0)
        return floors, np.maximum(-floors, 0.0)

    def left(self, parts: Array) -> Array:
        """(n,) signed units of the list that are not sent."""
        lots = self.position.lots
        found = self.orders - parts.sum(axis=0)
        rounding = len(parts) * np.spacing(np.abs(self.orders))  # of the sum, which passes a part of a small lot
        return np.where(np.abs(found) <= np.maximum(LOT * lots, rounding), 0.0, found)

    def swapped(self, parts: Array) -> Array:
        """(n,) units that one account sells and another buys."""
        bought, sold = np.maximum(parts, 0.0).sum(axis=0), np.maximum(-parts, 0.0).sum(axis=0)
        return np.minimum(bought, sold)

    def unsent_and_costs(self, parts: Array) -> float:
        """The value of the part of the list that is not sent, and the costs of the rest, currency."""
        return float(np.abs(self.left(parts)) @ self.position.prices + self.charges(parts).sum())

    @cached_property
    def fine(self) -> Mask:
        """(n,) assets that are divided at will; they need no swaps."""
        return self.position.lots * self.position.prices <= DIVISIBLE_LOT * self.position.nav

    @cached_property
    def wrong(self) -> Mask:
        """(A, n) assets that another account prefers, and this one does not."""
        return ~self.prefers & self.prefers.any(axis=0)

    def facts(self, a: int, lines: Sequence[int]) -> tuple[Any, ...]:
        """The facts of account `a` that matter for these assets: accounts with the same facts are equal."""
        flags = (self.cash[a], self.floors[a], self.swap_from[a])
        lots = tuple(self.taxes[a][i] for i in lines) if self.taxes else ()
        return (*flags, *self.held[a][lines], *self.prefers[a][lines], lots)

    def broken(self, parts: Array) -> tuple[str, ...]:
        """Names of the limits that orders (A, n) of the accounts do not keep."""
        found = {
            "units": bool((self.held + parts < -LOT * self.position.lots).any()),
            "direction": bool((np.sign(parts.sum(axis=0).round(12)) * np.sign(self.orders) < 0.0).any()),
            ACCOUNT_CASH: bool((self.short(parts) > 0.0).any()),
        }
        found |= broken_by(self.position, parts, self.position.most_units, ROW_TOLERANCE)
        return tuple(name for name, is_broken in found.items() if is_broken)
