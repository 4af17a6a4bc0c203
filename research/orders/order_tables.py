"""The rows of a trade list's tables: each order with its price, cost and reason, and each asset that is held, with its.

Columns are given by name, from which many lists are written: pandas tables would take longer.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.accounting.costs import CHARGED
from research.orders.accounts.household import SWAP, Divided
from research.orders.before_after import BeforeAfter
from research.orders.cash_by_currency import CashByCurrency
from research.orders.lots.sizing import SizedOrders
from research.orders.price_age import PriceAges, price_ages
from research.orders.reasons import Reasons
from research.orders.request import PLAIN_REQUEST
from research.portfolio import Portfolio
from research.portfolio.holdings.prices import bases

PRICED = ("price", "price_date", "price_age", "price_basis")
ORDERS = ("side", "asset", "units", *PRICED, "notional", *CHARGED, "cost", "weight_before",
          "weight_after", "target", "gap", "reason")  # fmt: skip
OF_CURRENCY = ("currency", "rate", "amount")  # of an asset; an order in a currency has an amount of it
RATED = (*ORDERS[: ORDERS.index("notional")], *OF_CURRENCY, *ORDERS[ORDERS.index("notional") :])
HELD_COLUMNS = ("asset", "units", *PRICED, "value", "weight", "target", "gap", "reason")
Columns = dict[str, Any]


@dataclass(frozen=True, eq=False)
class OrderTables:
    """The tables of any orders of a portfolio, those that are sent and those that would be.

    portfolio : portfolio before the orders.
    target    : (n,) weights in force, fraction of NAV.
    wanted    : (lower, upper) (n,) each, the box that is aimed at, fraction of NAV.
    limit     : limit that keeps a trade from the whole of it (`research.orders.reasons`).
    holds     : true if the policy holds.
    ages      : ages of the prices today, or None, where they are counted to the last close.
    ordered   : reason of orders that a person gave; "" for those of a policy.
    tilt      : (n,) change of the target by a forecast, fraction of NAV; None for none.
    """

    portfolio: Portfolio
    target: Array
    wanted: tuple[Array, Array]
    limit: tuple[str, str]
    holds: bool
    ages: PriceAges | None
    ordered: str = ""
    tilt: Array | None = None

    def orders(self, sized: SizedOrders) -> Columns:
        """`ORDERS`, a row an order, sells first, the largest first; after a column of accounts where there are some.

        Weights are those of the asset in all accounts.
        """
        rows = sized.rows()
        who, moved = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        units, charges = sized.parts[who, moved], sized.each_charges[who, :, moved]
        reasons, names = self.reasons(sized), ("account", *ORDERS) if isinstance(sized, Divided) else ORDERS
        columns = self._of_lines(sized, moved) | {
            "account": np.array([each.account for each in sized.by_account], dtype=object)[who],
            "side": np.where(units > 0.0, "buy", "sell").astype(object),
            "units": np.where(sized.position.quoted[moved], np.abs(units), np.nan),
            "notional": np.abs(sized.each_notional[who, moved]),
            **{column: charges[:, k] for k, column in enumerate(CHARGED)},
            "cost": charges.sum(axis=1).round(2),
            "weight_before": sized.position.weights[moved],
            "weight_after": sized.after.weights[moved],
            "reason": [
                SWAP
                if isinstance(sized, Divided) and sized.is_swap(a, i)
                else f"{reasons.of_order(i)}{_of_division(sized, i, a)}"
                for a, i in rows
            ],
        }
        return self._ordered(sized, columns, rows, names)

    def held(self, sized: SizedOrders) -> Columns:
        """`HELD_COLUMNS`, a row for each asset that no order moves."""
        position, reasons = sized.position, self.reasons(sized)
        kept = np.flatnonzero(~sized.moved)
        columns = self._of_lines(sized, kept) | {
            "units": np.where(position.quoted, position.units, np.nan)[kept],
            "value": (position.units * position.prices)[kept],
            "weight": position.weights[kept],
            "reason": [_of_division(sized, int(i)).removeprefix("; ") or reasons.of_held(int(i)) for i in kept],
        }
        return self._ordered(sized, columns, [], HELD_COLUMNS)

    def outside(self, sized: SizedOrders) -> list[str]:
        """A sentence for each asset that is outside its range after the orders, the furthest first, with the reason."""
        found = BeforeAfter(self.portfolio, self.target, sized).outside("after")
        reasons, assets = self.reasons(sized), self.portfolio.market.assets
        said = [(line.sentence, assets.index(line.asset)) for line in found]
        return [f"{sentence}: {reasons.of_outside(i)}{_of_division(sized, i)}" for sentence, i in said]

    def reasons(self, sized: SizedOrders) -> Reasons:
        """The reasons of the assets; where accounts divide the orders, from the orders before the division."""
        whole = sized.listed if isinstance(sized, Divided) else sized
        return Reasons(self.portfolio, self.target, whole, self.wanted, self.limit, self.holds, self.ordered, self.tilt)

    def _ordered(
        self, sized: SizedOrders, columns: Columns, orders: Sequence[tuple[int, int]], names: Sequence[str]
    ) -> Columns:
        """These columns; with several currencies, those of the assets too, and of orders (account, asset)."""
        if self.portfolio.currencies is None:
            return {name: columns[name] for name in names}
        at = names.index("price_basis") + 1
        money = CashByCurrency(self.portfolio, sized, PLAIN_REQUEST)
        if orders:
            columns["amount"] = [float(abs(money.local(a, i).notional)) for a, i in orders]
        more = [name for name in OF_CURRENCY if name in columns]
        return {name: columns[name] for name in (*names[:at], *more, *names[at:])}

    def _of_lines(self, sized: SizedOrders, rows: NDArray[np.int64]) -> Columns:
        """The columns that every table has for these assets."""
        prices, currencies = self.portfolio.prices, self.portfolio.currencies
        columns: Columns = {
            "asset": np.array(self.portfolio.market.assets, dtype=object)[rows],
            "price": np.where(sized.position.quoted, sized.position.prices, np.nan)[rows],
            "price_date": ["" if np.isnat(day) else str(day) for day in prices.days[rows]],
            "price_age": (self.ages or price_ages(self.portfolio)).sessions[rows],
            "price_basis": np.array(bases(self.portfolio.market, prices), dtype=object)[rows],
            "target": self.target[rows],
            "gap": (sized.position.weights - self.target)[rows],
        }
        if currencies is None:
            return columns
        quoted = {"price": currencies.prices[rows], "currency": np.array(currencies.lines, dtype=object)[rows]}
        return columns | quoted | {"rate": currencies.of_lines[rows]}


def _of_division(sized: SizedOrders, i: int, a: int | None = None) -> str:
    """The effect of the division over accounts on asset `i`, as the end of a sentence."""
    said = sized.said_of(i, a) if isinstance(sized, Divided) else ""
    return f"; {said}" if said else ""
