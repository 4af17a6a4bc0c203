"""The portfolio as it stands after fills: units, cash by currency and account, tax lots, and what is still open.

Amounts of money are in whole cents of their currency, as those of a list are: the notional of an order is the rounded
sum of its fills, and each fee likewise. So an order changes cash by the same amount in however many parts it is filled.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from foundation.arguments import did_you_mean
from foundation.arrays import Array
from foundation.errors import DataError, all_mistakes
from foundation.tolerances import LOT
from research.market.calendars import day_at, session_after
from research.orders.fills import Fill
from research.orders.tax.tax_lots import AccountOrders, after_sales, trade_lots
from research.portfolio import Portfolio, TaxLots
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE, Blotter, BookedFill, SentOrder
from research.portfolio.holdings.household import total_units
from research.portfolio.holdings.rates import decimal, rounded

MORE = Decimal("1e-9")  # of a quantity: venues round quantities
ONE_CENT = Decimal("0.01")  # by which the amount of an order in money may be exceeded
BookedFills = Sequence[BookedFill]


def after_fills(portfolio: Portfolio, fills: Iterable[Fill]) -> Portfolio:
    """The portfolio after these fills of the orders in its blotter.

    Its last trade is the day of the last fill, or the last close where that is earlier. Holdings are valued at the
    prices of the portfolio.
    portfolio : portfolio with the orders that were sent.
    fills     : fills in any order.
    Raises    : DataError for fills of orders that nobody sent, of more than was ordered, that were booked before, of
                another currency, account or asset, and that sell more than is held; all of them in one message.
    """
    before = portfolio.blotter or Blotter()
    orders, rows, seen = list(before.orders), list[BookedFill](), set(before.fill_ids)
    mistakes = []
    for fill in sorted(fills, key=lambda each: (each.moment, each.key)):
        try:
            if fill.key in seen:
                fill.refuse("fill_id", fill.fill_id, "It is booked already: leave the second one out.")
            k = _order_of(portfolio, orders, fill)
            done = _filled(fill, orders[k])
            rows += _rows(portfolio, fill, orders[k], done)
            orders[k] = done
            seen.add(fill.key)
        except DataError as error:
            mistakes.append(str(error))
    if mistakes:
        raise DataError(all_mistakes("the list of fills", mistakes))
    blotter = replace(before, orders=tuple(orders), fills=(*before.fills, *rows))
    return replace(_moved(portfolio, rows) if rows else portfolio, blotter=blotter)


# -- one fill ----------------------------------------------------------------------------------------------------------


def _order_of(portfolio: Portfolio, orders: Sequence[SentOrder], fill: Fill) -> int:
    """The place of the order of a fill: that of its id, or else the one of its account, asset and side."""
    like = (_account(portfolio, fill), fill.asset, fill.side)
    _check_asset(portfolio, fill)
    for k, order in enumerate(orders):
        same = (order.account, order.asset, order.side) == like
        if fill.order_id and fill.order_id == order.order_id and not same:
            what = f"to {order.side} {order.asset}{f' in {order.account}' if order.account else ''}"
            fill.refuse("order_id", fill.order_id, f"That order is {what}: the fill is to {fill.side} {fill.asset}.")
        if same and (fill.order_id in ("", order.order_id) or not order.order_id):
            return k
    what = f"the order to {fill.side} {fill.asset}{f' in {like[0]}' if like[0] else ''}"
    fill.refuse("order_id", fill.order_id, f"Nobody sent {what}: look at the orders that are open.")


def _account(portfolio: Portfolio, fill: Fill) -> str:
    """The name of the account of a fill, which names or numbers it."""
    known = {word: each.name for each in portfolio.accounts for word in (each.name, each.number)}
    known = known or {"": "", portfolio.ticket.account: ""}
    if fill.account not in known:
        fill.refuse("account", fill.account, f"The portfolio has {', '.join(filter(None, known)) or 'no accounts'}.")
    return known[fill.account]


def _check_asset(portfolio: Portfolio, fill: Fill) -> None:
    """Raise DataError for an asset that is neither line nor currency, and for another currency than that of it."""
    assets, currencies = portfolio.market.assets, portfolio.currencies
    money = set(portfolio.cash_by_currency)
    if fill.asset in assets:
        of_line = portfolio.basis if currencies is None else currencies.lines[assets.index(fill.asset)]
        if fill.currency != of_line:
            fill.refuse("currency", fill.currency, f"{fill.asset} is quoted in {of_line}: a fill is not converted.")
    elif fill.asset not in money:
        fill.refuse("asset", fill.asset, did_you_mean(fill.asset, assets))
    elif fill.currency not in money - {fill.asset}:
        fill.refuse("currency", fill.currency, f"Money is exchanged between {' and '.join(sorted(money))}.")


def _filled(fill: Fill, order: SentOrder) -> SentOrder:
    """The order with the fill in it. Raises DataError for more than was ordered."""
    amount = fill.quantity * fill.price
    filled = order.filled + (amount if order.in_money else fill.quantity)
    if filled > order.quantity + (ONE_CENT if order.in_money else MORE * order.quantity):
        fix = f"The order is for {order.quantity}, and {order.filled} of it were filled before."
        fill.refuse("quantity", str(fill.quantity), fix)
    fees = {**order.fees, **{name: order.fees.get(name, NO_AMOUNT) + fee for name, fee in fill.fees.items()}}
    known = order.order_id or fill.order_id
    return replace(order, order_id=known, filled=filled, notional=order.notional + amount, fees=fees)


def _rows(portfolio: Portfolio, fill: Fill, before: SentOrder, after: SentOrder) -> Iterator[BookedFill]:
    """The effect of a fill that brings an order from one state to another: a row, and a second of money exchanged."""
    terms, calendar, currencies = portfolio.ticket, portfolio.market.calendar, portfolio.currencies
    day, is_line = day_at(fill.moment, calendar), fill.asset in portfolio.market.assets
    settles = session_after(day, terms.days(fill.asset) if is_line else terms.settlement_days, calendar)
    about = (fill.key, after.order_id, day.astype(date), settles.astype(date), after.account)
    way = SIGN_OF_SIDE[fill.side]
    cents = [rounded(fill.currency, order.notional) for order in (before, after)]
    fees = [sum((rounded(fill.currency, fee) for fee in order.fees.values()), NO_AMOUNT) for order in (before, after)]
    rate = fill.rate or (Decimal(1) if currencies is None else decimal(currencies.rates.rate(fill.currency)))
    worth, cash = way * fill.quantity * fill.price * rate, way * (cents[0] - cents[1]) + fees[0] - fees[1]
    yield BookedFill(*about, fill.asset, way * fill.quantity, worth, fill.currency, cash)
    if not is_line:
        yield BookedFill(*about, fill.asset, NO_AMOUNT, NO_AMOUNT, fill.asset, way * fill.quantity)


# -- the portfolio after them ------------------------------------------------------------------------------------------


def _moved(portfolio: Portfolio, rows: BookedFills) -> Portfolio:
    """The portfolio after these fills, but for its blotter."""
    units, worth = _sums(portfolio, rows)
    per_unit = portfolio.prices.per_unit
    accounts = tuple(
        replace(each, units=_left(portfolio, each.units, units[a])) for a, each in enumerate(portfolio.accounts)
    )
    shares = _left(portfolio, portfolio.shares, units.sum(axis=0))
    shares = np.array([total_units(accounts, i) for i in range(len(shares))]) if accounts else shares
    of_units = portfolio.holdings + units.sum(axis=0).astype(float) * per_unit
    in_money = portfolio.holdings + worth.sum(axis=0).astype(float)
    held = np.where(np.isnan(shares), of_units, shares * per_unit)
    moved = replace(
        portfolio,
        holdings=np.where(np.isnan(per_unit), in_money, held),
        shares=np.where(np.isnan(portfolio.shares), np.nan, shares),
        last_trade=max(portfolio.last_trade, min(pd.Timestamp(max(row.day for row in rows)), portfolio.date)),
        accounts=accounts,
        tax_lots=_lots(portfolio, rows),
    )
    return _paid(moved, rows)


def _sums(portfolio: Portfolio, rows: BookedFills) -> tuple[np.ndarray, np.ndarray]:
    """(A, n) signed units that fills moved, and their worth in the basis, as decimals."""
    names, assets = portfolio.account_names, portfolio.market.assets
    units, worth = np.full((2, len(names), len(assets)), NO_AMOUNT)
    for row in rows:
        if row.asset in assets:
            at = names.index(row.account), assets.index(row.asset)
            units[at] += row.units
            worth[at] += row.worth
    return units, worth


def _left(portfolio: Portfolio, held: Array, moved: np.ndarray) -> Array:
    """(n,) units after a trade; what rounding leaves of a line that is sold is nothing. DataError for a short line."""
    left = np.array([float(decimal(before) + by) for before, by in zip(held.tolist(), moved, strict=True)])
    if (short := left < -LOT * portfolio.limits.lots).any():
        i = int(short.argmax())
        what = f"fills sell {-moved[i]:,f} units of {portfolio.market.assets[i]}, and {held[i]:,.10g} are held"
        raise DataError(f"{what}. Correct them, or the holdings.")
    return np.where(left < 0.0, 0.0, left)


def _paid(portfolio: Portfolio, rows: BookedFills) -> Portfolio:
    """The portfolio with the cash that the fills leave, by account and currency."""
    currencies, basis = portfolio.currencies, portfolio.basis
    whole = portfolio.cash_by_currency
    before = {each.name: each.cash_by_currency(basis) for each in portfolio.accounts} or {"": whole}
    exact = {name: {c: decimal(amount) for c, amount in of.items()} for name, of in before.items()}
    for row in rows:
        exact[row.account][row.currency] = exact[row.account].get(row.currency, NO_AMOUNT) + row.cash
    whole = {c: float(sum((of.get(c, NO_AMOUNT) for of in exact.values()), NO_AMOUNT)) for c in whole}
    if currencies is None:
        accounts = tuple(replace(each, cash=float(exact[each.name][basis])) for each in portfolio.accounts)
        return replace(portfolio, cash=whole[basis], accounts=accounts)
    after = {name: {c: float(amount) for c, amount in of.items()} for name, of in exact.items()}
    value = currencies.rates.value
    accounts = tuple(replace(a, cash=value(after[a.name]), balances=after[a.name]) for a in portfolio.accounts)
    return replace(portfolio, cash=value(whole), accounts=accounts, currencies=replace(currencies, cash=whole))


def _lots(portfolio: Portfolio, rows: BookedFills) -> TaxLots | None:
    """The tax lots: what is filled of a line on one day in one account is one purchase or sale."""
    tax, bare = portfolio.tax_lots, np.isnan(portfolio.prices.per_unit)  # bare: held in units of one currency unit
    if tax is None:
        return None
    of_accounts = [(each.name, each.taxable, each.units) for each in portfolio.accounts]
    whole = np.where(np.isnan(portfolio.shares), portfolio.holdings, portfolio.shares)
    names, taxable, held = zip(*(of_accounts or [("", True, whole)]), strict=True)
    for day in sorted({row.day for row in rows}):
        units, worth = (of.astype(float) for of in _sums(portfolio, [row for row in rows if row.day == day]))
        prices = np.divide(worth, units, out=np.ones_like(worth), where=(units != 0.0) & ~bare)
        units = np.where(bare, worth, units)
        orders = [AccountOrders(*of) for of in zip(names, taxable, held, units, prices, strict=True)]
        traded = trade_lots(tax, orders, prices[0], pd.Timestamp(day))
        tax = after_sales(tax, traded, portfolio.market.assets, pd.Timestamp(day))
        held = tuple(np.array(held) + units)
    return tax
