"""The list of a portfolio with several accounts: the orders of each of them, and their effect on it.

The list itself is made over the sums of the accounts; how it is divided says `research.orders.accounts.division`.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass, fields, replace
from foundation.errors import ConfigError, PolicyError
from foundation.tolerances import LOT
from research.accounting.lots.lot import LotSale
from research.accounting.lots.selection import in_sale_order
from research.orders.accounts.division import Division, divide
from research.orders.accounts.division_problem import DivisionProblem
from research.orders.lots.lot_terms import DIVISIBLE_LOT
from research.orders.lots.position import Position
from research.orders.lots.sizing import SizedOrders, total
from research.orders.request import Request
from research.orders.tax.tax_lots import AccountOrders, wash_sale_locks
from research.orders.unfinished import Unfinished
from research.portfolio import Portfolio, TaxLot
from research.portfolio.holdings.household import Account, decimal_sum

DIVISION_MARGIN = 1e-4  # of NAV: the most that a list leaves for its division
SWAP = "swap between accounts, which moves cash to where the list needs it"


@dataclass(frozen=True, eq=False, kw_only=True)
class Divided(SizedOrders):
    """Orders of a list as its accounts send them; amounts are the sums over the accounts.

    units    : (n,) signed units of all accounts together: of a swap, the accounts sell as much as they buy.
    listed   : the orders before they were divided.
    accounts : accounts that share them, with the money that comes or goes in their cash.
    problem  : problem that the division solves.
    division : the orders of each account.
    """

    listed: SizedOrders
    accounts: tuple[Account, ...]
    problem: DivisionProblem
    division: Division

    @property
    def parts(self) -> Array:
        """(A, n) signed units of each account."""
        return self.division.parts

    @cached_property
    def each_notional(self) -> Array:
        """(A, n) signed currency, buys positive, in whole cents."""
        return self.problem.notional(self.parts)

    @cached_property
    def each_charges(self) -> Array:
        """(A, columns, n) currency, in whole cents."""
        return self.problem.charges(self.parts)

    def exact_charges(self, sizes: Array) -> Array:
        """(A, columns, n) currency of orders of these sizes (A, n), currency, before they are rounded to cents."""
        return self.problem.exact_charges(sizes)

    @cached_property
    def each_cash(self) -> Array:
        """(A,) cash after the orders and their costs, currency."""
        return self.problem.cash_after(self.parts)

    @cached_property
    def cash(self) -> float:
        """Cash after the orders and their costs, currency."""
        return float(total(self.each_cash))

    # -- what a list says of it --------------------------------------------------------------------------------------

    @cached_property
    def left(self) -> Array:
        """(n,) signed units of the list that no account sends."""
        return self.problem.left(self.parts)

    @cached_property
    def swapped(self) -> Array:
        """(n,) units that one account sells and another buys."""
        return self.problem.swapped(self.parts)

    @property
    def by_account(self) -> tuple[AccountOrders, ...]:
        """The orders of each account."""
        return tuple(
            AccountOrders(account.name, account.taxable, held, units)
            for account, held, units in zip(self.accounts, self.problem.held, self.parts, strict=True)
        )

    def said_of(self, i: int, a: int | None = None) -> str:
        """The effect of the division on asset `i` and its order in account `a`, in words; "" where there is none."""
        left, swapped = abs(float(self.left[i])), float(self.swapped[i])
        words = [f"{left:,.10g} units of the list are not sent ({self.division.why})"] if left else []
        if swapped and a is not None:
            words.append(f"{swapped:,.10g} units are a {SWAP}")
        return "; ".join(words)

    def held(self, a: int, i: int) -> tuple[float, float]:
        """Units of asset `i` in account `a` before and after its order."""
        before = float(self.problem.held[a, i])
        return before, decimal_sum((before, float(self.parts[a, i])))

    def is_swap(self, a: int, i: int) -> bool:
        """True if the order of account `a` in line `i` is nothing but a swap."""
        return bool(self.parts[a, i] * self.problem.orders[i] <= 0.0)

    def table(self) -> dict[str, list[Any]]:
        """A row an account, by column: amounts in currency."""
        problem, prices = self.problem, self.position.prices
        before, after = problem.held @ prices, (problem.held + self.parts) @ prices
        costs = total(np.moveaxis(self.each_charges, 0, -1).reshape(-1, len(self.accounts)))
        return {
            "account": [account.name for account in self.accounts],
            "number": [account.number for account in self.accounts],
            "kind": ["taxable" if account.taxable else "sheltered" for account in self.accounts],
            "orders": [int(count) for count in (self.parts != 0.0).sum(axis=1)],
            "nav_before": _listed(before + problem.cash),
            "cash_before": _listed(problem.cash),
            "sells": _listed(np.maximum(-self.each_notional, 0.0).sum(axis=1)),
            "buys": _listed(np.maximum(self.each_notional, 0.0).sum(axis=1)),
            "cost": _listed(costs),
            "cash_after": _listed(self.each_cash),
            "nav_after": _listed(after + self.each_cash),
        }

    def after_orders(self) -> tuple[Account, ...]:
        """The accounts after their orders."""
        found = []
        for a, account in enumerate(self.accounts):
            units = np.array([self.held(a, i)[1] for i in range(len(self.units))])
            rounding = (units < 0.0) & (units > -LOT * self.position.lots)
            left = np.where(rounding, 0.0, units)
            found.append(replace(account, units=left, cash=float(self.each_cash[a])))
        return tuple(found)


def divided(portfolio: Portfolio, listed: SizedOrders, request: Request) -> SizedOrders:
    """The orders as the accounts of a portfolio send them; themselves where it has no accounts.

    listed  : orders of the list over the sums of the accounts.
    Raises  : PolicyError where no orders keep the limits of the accounts; ConfigError for money that comes or goes
              without its account, or to an account that the portfolio does not have.
    """
    if not portfolio.accounts:
        return listed
    accounts = accounts_with_flow(portfolio.accounts, request)
    problem = division_problem(portfolio, accounts, listed, request)
    one = len(accounts) == 1
    found = Division(listed.units[None].copy()) if one else _as_open(portfolio, problem) or divide(problem)
    if found is None and request.flow >= 0.0 and (problem.cash < 0.0).any():
        # The rest of an earlier list may raise less than its withdrawal: what it raises is sent all the same.
        problem = replace(problem, floors=frozen(np.minimum(problem.floors, problem.cash)))
        found = _as_open(portfolio, problem) or divide(problem)
    if found is None:
        raise PolicyError(_none_found(portfolio, problem, request))
    units = listed.units
    if problem.left(found.parts).any():
        units = np.array([decimal_sum(of_line) for of_line in found.parts.T])
    same = {f.name: getattr(listed, f.name) for f in fields(SizedOrders) if f.name != "units"}
    made = Divided(**same, units=units, listed=listed, accounts=accounts, problem=problem, division=found)
    _check_weights(listed, made)
    return made


def _as_open(portfolio: Portfolio, problem: DivisionProblem) -> Division | None:
    """The orders of an earlier list that are open, each in its account; None where the list is not these."""
    step = Unfinished.of(portfolio)
    if step is None or np.abs(step.units - problem.orders).max() > LOT * problem.position.lots.min():
        return None
    return Division(step.left) if (problem.cash_after(step.left) >= problem.floors).all() else None


def to_divide(position: Position, accounts: int) -> float:
    """Cash that a list over several accounts leaves besides all that must stay, currency: the smallest lot an account.

    No account pays for another. Were all cash spent, the orders of each would have to use its own to the last cent,
    and hardly any division does. It is at most `DIVISION_MARGIN` of NAV, and none for one account or without cash
    before the orders.
    """
    if accounts < 2:
        return 0.0
    lots = position.lots * position.prices
    smallest = float(lots[position.tradable & (lots > DIVISIBLE_LOT * position.nav)].min(initial=np.inf))
    spare = min(accounts * smallest, DIVISION_MARGIN * position.nav)
    return round(max(min(spare, position.cash), 0.0), 2)


def division_problem(
    portfolio: Portfolio, accounts: tuple[Account, ...], listed: SizedOrders, request: Request
) -> DivisionProblem:
    """The problem of dividing the orders over accounts, whose cash has the money that comes or goes in it.

    An account keeps the dividends that are owed to it, and its share of the rest of the reserve by its wealth, or the
    cash that it has where that is less. Where tax lots are known, no taxable account sells in a swap, which could
    realise gains that nobody asked for, or make a wash sale; where only one side is asked for, there are no swaps.
    """
    position, assets = listed.position, portfolio.market.assets
    held = np.array([account.units for account in accounts])
    cash = np.array([account.cash for account in accounts])
    owed = np.array([portfolio.owed.get(account.name, 0.0) for account in accounts])
    reserves = position.limits.reserve * (held @ position.prices + cash) + owed
    if portfolio.currencies is not None:
        reserves = np.maximum(reserves, portfolio.currencies.rounding_bound)
    swaps = position.quoted & position.tradable & position.buyable & position.sellable & (request.way == 0.0)
    locked = wash_sale_locks(portfolio)
    return DivisionProblem(
        position=position,
        orders=listed.units,
        held=frozen(held),
        cash=frozen(cash),
        floors=frozen(np.maximum(np.minimum(reserves, cash), 0.0)),
        prefers=np.array([account.prefers for account in accounts]),
        swappable=swaps & np.array([asset not in locked for asset in assets]),
        swap_from=np.array([portfolio.tax_lots is None or not account.taxable for account in accounts]),
        taxes=_taxes(portfolio, position, accounts),
    )


def accounts_with_flow(accounts: tuple[Account, ...], request: Request) -> tuple[Account, ...]:
    """The accounts with the money that comes or goes; sells must raise the part of a withdrawal that is below zero.

    The account of the money is one of them: see `check_account`.
    """
    flows = zip(accounts, request.flows([each.name for each in accounts]), strict=True)
    return tuple(replace(each, cash=decimal_sum((each.cash, by))) if by else each for each, by in flows)


def with_flow_in_cash(portfolio: Portfolio, request: Request) -> Portfolio:
    """The portfolio with the money that comes or goes in its cash, which is in its basis."""
    flow, basis, currencies = request.flow, portfolio.basis, portfolio.currencies
    if flow == 0.0:
        return portfolio

    def added(balances: Mapping[str, float], by: float) -> dict[str, float]:
        return {**balances, basis: decimal_sum((balances.get(basis, 0.0), by))} if balances else {}

    paid = accounts_with_flow(portfolio.accounts, request)
    accounts = tuple(
        replace(new, balances=added(new.balances, 0.0 if new is old else flow))
        for new, old in zip(paid, portfolio.accounts, strict=True)
    )
    if currencies is not None:
        currencies = replace(currencies, cash=added(currencies.cash, flow))
    return replace(portfolio, cash=decimal_sum((portfolio.cash, flow)), accounts=accounts, currencies=currencies)


def check_account(portfolio: Portfolio, request: Request) -> None:
    """Raise ConfigError for money of an unknown account, and of none where there are several."""
    names = [account.name for account in portfolio.accounts]
    if request.account and not names:
        raise ConfigError(
            f"account of the money is {request.account!r}, and {portfolio.file} states no `accounts`. State them, or "
            "leave the account out."
        )
    if request.account and request.account not in names:
        raise ConfigError(f"account of the money is {request.account!r}: the portfolio has {', '.join(names)}.")
    if request.flow != 0.0 and not request.account and len(names) > 1:
        raise ConfigError(
            f"money comes or goes, {request.flow:,.2f}, and the portfolio has {len(names)} accounts: name the one, "
            f"as account (--account): {' or '.join(names)}."
        )


def _taxes(
    portfolio: Portfolio, position: Position, accounts: Sequence[Account]
) -> tuple[tuple[tuple[tuple[float, float], ...], ...], ...]:
    """(units, tax per unit) of the lots of each account and asset, in the order of sale; () for a sheltered account."""
    tax = portfolio.tax_lots
    if tax is None:
        return ()
    rules, day = tax.rules, portfolio.trade_day

    def of_lots(lots: Sequence[TaxLot], price: float, account: str) -> tuple[tuple[float, float], ...]:
        ordered = in_sale_order([lot for lot in lots if lot.account == account], price, day, rules)
        return tuple((lot.units, LotSale.of(lot, 1.0, price, day, rules).tax(rules)) for lot in ordered)

    lines = list(zip(tax.lots, position.prices.tolist(), strict=True))
    return tuple(tuple(of_lots(lots, price, account.name) for lots, price in lines) for account in accounts)


def _check_weights(listed: SizedOrders, made: Divided) -> None:
    """Raise PolicyError where orders that are not sent leave a binding limit of weights broken."""
    if not made.left.any():
        return
    broken = [
        limit.name
        for limit in listed.position.limits.weights
        if limit.binds and limit.outside(made.after.weights) > max(limit.outside(listed.after.weights), 1e-6)
    ]
    if broken:
        raise PolicyError(
            f"the list keeps {', '.join(broken)}, and the accounts cannot send all of it ({made.division.why}). Move "
            "cash or units between the accounts, or widen the limit."
        )


def _none_found(portfolio: Portfolio, problem: DivisionProblem, request: Request) -> str:
    cash_of = zip(portfolio.accounts, problem.cash, strict=True)
    below = [f"{account.name} ({cash:,.2f})" for account, cash in cash_of if cash < 0]
    if below and request.flow < 0.0:
        return (
            f"the withdrawal of {-request.flow:,.2f} {portfolio.basis} leaves {', '.join(below)} below zero, and "
            "neither its sells nor swaps with other accounts raise that. Withdraw less, or from another account."
        )
    return (
        "the search found no division of the orders over the accounts: make fewer assets trade, or list the accounts "
        "in files of their own."
    )


def _listed(amounts: Array) -> list[float]:
    return [round(float(amount), 2) + 0.0 for amount in amounts]
