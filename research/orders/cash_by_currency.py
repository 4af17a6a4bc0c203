"""The effect of the orders of a list on cash in each currency, and the exchanges that they need.

An order changes the cash of its asset's currency by its notional and its costs, each in whole cents of that currency.
The costs are those of that notional, and rounded once: those in the basis are exact amounts too, rounded to its cents.
Cash that a currency then lacks is bought for the basis. A surplus stays, unless the basis itself lacks cash: then
surpluses are sold, the largest first, until it does not. Costs of exchanging belong to the costs of the assets.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from foundation.arrays import Array
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from research.accounting.costs import CHARGED
from research.orders.lots.sizing import SizedOrders
from research.orders.request import Request
from research.portfolio import Portfolio
from research.portfolio.holdings.currencies import Currencies
from research.portfolio.holdings.rates import rounded, smallest

ZERO = Decimal()


class CurrencyExchange(NamedTuple):
    """Money of a foreign currency that an account buys or sells for the basis.

    account      : its name, or "".
    pair         : the foreign currency and the basis as the market names them, such as EURUSD and USDJPY.
    side         : buy or sell, of the foreign currency.
    currency     : foreign.
    amount       : amount of it, above zero.
    rate         : rate of the pair: the worth of one unit of its first currency in its second.
    basis_amount : amount that is paid or received, in the basis.
    reason       : reason in words.
    """

    account: str
    pair: str
    side: str
    currency: str
    amount: Decimal
    rate: float
    basis_amount: Decimal
    reason: str


class Balance(NamedTuple):
    """Cash of an account in one currency before and after a list; `after_in_basis` is in the basis.

    before + flow + sells - buys - cost + fx = after
    """

    account: str
    currency: str
    rate: float
    before: Decimal
    flow: Decimal
    sells: Decimal
    buys: Decimal
    cost: Decimal
    fx: Decimal
    after: Decimal
    after_in_basis: Decimal


class Local(NamedTuple):
    """An order in the currency of its asset.

    notional : signed, buys positive.
    charges  : charges by name of the cost.
    """

    currency: str
    notional: Decimal
    charges: Mapping[str, Decimal]

    @property
    def cost(self) -> Decimal:
        """The sum of the charges."""
        return sum(self.charges.values(), ZERO)


@dataclass(frozen=True, eq=False)
class CashByCurrency:
    """The orders of a list in the currencies of their assets, and the cash of its accounts in each.

    portfolio : portfolio before the orders, with currencies.
    sized     : the orders.
    request   : request besides; its money comes and goes in the basis.
    """

    portfolio: Portfolio
    sized: SizedOrders
    request: Request

    def local(self, a: int, i: int) -> Local:
        """The order of account `a` in line `i`, in the currency of the asset."""
        currency = self._currencies.lines[i]
        charges = (self.sized.each_charges if currency == self._currencies.basis else self._exact_charges)[a, :, i]
        paid = {name: self._in_local(i, charges[k]) for k, name in enumerate(CHARGED)}
        return Local(currency, self._notional(a, i), paid)

    @cached_property
    def balances(self) -> tuple[Balance, ...]:
        """A row for each account and currency, that of the basis first."""
        return tuple(balance for _, rows in self._settled for balance in rows)

    @cached_property
    def exchanges(self) -> tuple[CurrencyExchange, ...]:
        """The exchanges of each account: purchases and sales of other currencies."""
        return tuple(exchange for exchanges, _ in self._settled for exchange in exchanges)

    @property
    def cash(self) -> Decimal:
        """Cash of all accounts and currencies after the list, in the basis."""
        return sum((row.after_in_basis for row in self.balances), ZERO)

    @property
    def rounding(self) -> Decimal:
        """The excess over the cash of the orders in the basis: each amount is rounded to its own cent."""
        return self.cash - rounded(self._currencies.basis, decimal(self.sized.cash))

    def after(self, a: int = 0) -> dict[str, float]:
        """The cash of account `a` after the list, by currency."""
        return {row.currency: float(row.after) for row in self._settled[a][1]}

    def after_all(self) -> dict[str, float]:
        """The cash of all accounts after the list, by currency."""
        found = dict.fromkeys((row.currency for row in self.balances), ZERO)
        for row in self.balances:
            found[row.currency] += row.after
        return {currency: float(amount) for currency, amount in found.items()}

    def paid(self, portfolio: Portfolio) -> Portfolio:
        """A portfolio whose cash is that after the list, in each currency."""
        currencies = replace(self._currencies, cash=self.after_all())
        accounts = tuple(
            replace(each, balances=self.after(a), cash=currencies.rates.value(self.after(a)))
            for a, each in enumerate(portfolio.accounts)
        )
        return replace(portfolio, cash=float(self.cash), currencies=currencies, accounts=accounts)

    # -- tables ------------------------------------------------------------------------------------------------------

    @property
    def fx_columns(self) -> dict[str, list[Any]]:
        """The fields of `CurrencyExchange`, a row an exchange; without the account where the portfolio has none."""
        return self._columns(CurrencyExchange._fields, self.exchanges)

    @property
    def cash_columns(self) -> dict[str, list[Any]]:
        """The fields of `Balance`, a row for each account and currency; without the account where there is none."""
        return self._columns(Balance._fields, self.balances)

    def _columns(self, names: Sequence[str], rows: Sequence[Any]) -> dict[str, list[Any]]:
        hidden = (() if self.portfolio.accounts else ("account",)) + (() if self.request.flow else ("flow",))
        shown = [name for name in names if name not in hidden]
        return {name: [_plain(getattr(row, name)) for row in rows] for name in shown}

    # -- parts -------------------------------------------------------------------------------------------------------

    @property
    def _currencies(self) -> Currencies:
        assert self.portfolio.currencies is not None
        return self.portfolio.currencies

    def _notional(self, a: int, i: int) -> Decimal:
        """The signed notional in the asset's currency, from its own price where it has one and is not in the basis."""
        currency, price = self._currencies.lines[i], float(self._currencies.prices[i])
        if currency == self._currencies.basis or np.isnan(price):
            return self._in_local(i, self.sized.each_notional[a, i])
        return rounded(currency, decimal(self.sized.parts[a, i]) * decimal(price))

    def _in_local(self, i: int, amount: float) -> Decimal:
        """An amount of the basis in the currency of asset `i`."""
        currency = self._currencies.lines[i]
        return rounded(currency, decimal(amount) / decimal(self._currencies.rates.rate(currency)))

    @cached_property
    def _exact_charges(self) -> Array:
        """(A, columns, n) costs in the basis, unrounded, of the amounts of the orders in their own currencies."""
        sizes, rates = np.zeros(self.sized.parts.shape), self._currencies.of_lines
        for a, i in np.argwhere(self.sized.parts):
            sizes[a, i] = float(abs(self._notional(a, i)) * decimal(rates[i]))
        return self.sized.exact_charges(sizes)

    @cached_property
    def _settled(self) -> list[tuple[tuple[CurrencyExchange, ...], tuple[Balance, ...]]]:
        accounts, basis = self.portfolio.accounts, self._currencies.basis
        if not accounts:
            return [self._of_account(0, "", self._currencies.cash, self.request.flow)]
        flows = self.request.flows([each.name for each in accounts])
        cash = [each.cash_by_currency(basis) for each in accounts]
        return [self._of_account(a, each.name, cash[a], flows[a]) for a, each in enumerate(accounts)]

    def _of_account(
        self, a: int, name: str, cash: Mapping[str, float], flow: float
    ) -> tuple[tuple[CurrencyExchange, ...], tuple[Balance, ...]]:
        rates, known = self._currencies.rates, tuple(self._currencies.cash)
        basis = rates.basis
        moved = dict.fromkeys(known, (ZERO, ZERO, ZERO))  # sells, buys, costs
        for i in np.flatnonzero(self.sized.parts[a]).tolist():
            local, (sells, buys, cost) = self.local(a, i), moved[self._currencies.lines[i]]
            sells, buys = sells + max(-local.notional, ZERO), buys + max(local.notional, ZERO)
            moved[local.currency] = (sells, buys, cost + local.cost)
        before = {c: rounded(c, decimal(cash.get(c, 0.0))) for c in known}
        came = {c: rounded(c, decimal(flow)) if c == basis else ZERO for c in known}
        left = {c: before[c] + came[c] + moved[c][0] - moved[c][1] - moved[c][2] for c in known}
        bought = exchanged(left, {c: decimal(rates.rate(c)) for c in known}, basis)
        fx = {c: amount for c, (amount, _) in bought.items()}
        fx[basis] = -sum((value for _, value in bought.values()), ZERO)
        rows = []
        for c in known:
            after = left[c] + fx.get(c, ZERO)
            rows.append(Balance(name, c, rates.rate(c), before[c], came[c], *moved[c], fx.get(c, ZERO), after,
                                rates.in_basis(c, after)))  # fmt: skip
        made = [
            CurrencyExchange(name, pair, "buy" if amount > 0 else "sell", c, abs(amount), rate, abs(value),
                     f"{(c if amount > 0 else basis)} cash would be {short(left, bought, c, basis):,.2f} without it")
            for c, (amount, value) in bought.items()
            for pair, rate in [rates.quote(c)]
        ]  # fmt: skip
        return tuple(made), tuple(rows)


def exchanged(
    left: Mapping[str, Decimal], rates: Mapping[str, Decimal], basis: str
) -> dict[str, tuple[Decimal, Decimal]]:
    """The amount that is bought of each foreign currency (below zero: sold), and that amount in the basis.

    What lacks is bought. Where the basis then lacks cash, surpluses are sold, the largest in the basis first, each only
    as far as the basis needs it.
    left  : cash by currency before any exchange.
    rates : value of one unit of each in the basis.

    >>> D = Decimal
    >>> exchanged({"USD": D("100.00"), "EUR": D("-350.00"), "GBP": D("900.00")}, {"EUR": D("1.065"), "GBP": D("1.2")},
    ...           "USD")
    {'EUR': (Decimal('350.00'), Decimal('372.75')), 'GBP': (Decimal('-227.30'), Decimal('-272.76'))}
    """
    foreign = {c: amount for c, amount in left.items() if c != basis}
    found = {c: (-amount, rounded(basis, -amount * rates[c])) for c, amount in foreign.items() if amount < 0}
    lacking = sum((value for _, value in found.values()), ZERO) - left[basis]
    surpluses = [(-amount * rates[c], rates[c], c, amount) for c, amount in foreign.items() if amount > 0]
    for _, _, c, amount in sorted(surpluses):
        if lacking <= 0:
            break
        needed = (lacking / rates[c]).quantize(smallest(c), ROUND_CEILING)
        sold = min(needed, amount)
        found[c] = (-sold, -rounded(basis, sold * rates[c]))
        lacking += found[c][1]
    return found


def exchange_words(money: CashByCurrency) -> str:
    """The exchanges of a list as the end of its headline, "" where there are none."""
    totals = dict.fromkeys(((each.side, each.currency) for each in money.exchanges), ZERO)
    for each in money.exchanges:
        totals[each.side, each.currency] += each.amount
    words = ", ".join(f"{side} {amount:,} {currency}" for (side, currency), amount in totals.items())
    return f" FX: {words}." if words else ""


def short(
    left: Mapping[str, Decimal], bought: Mapping[str, tuple[Decimal, Decimal]], currency: str, basis: str
) -> Decimal:
    """Cash below zero without one exchange: the cash of its currency, or, where it is sold, of the basis."""
    amount, value = bought[currency]
    if amount > 0:
        return left[currency]
    return left[basis] - sum((each for _, each in bought.values()), ZERO) + value


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
