"""The portfolio as it stands after fills: units, cash by currency and account, tax lots, and what is still open.

Amounts of money are in whole cents of their currency, as those of a list are: the notional of an order is the rounded
sum of its fills, and each fee likewise. So an order changes cash by the same amount in however many parts it is filled.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from foundation.arguments import did_you_mean
from foundation.arrays import Array
from foundation.canonical import decimal
from foundation.errors import DataError, all_mistakes
from foundation.tolerances import LOT
from research.accounting.lots.ledger import LotTrade, opened_ledger
from research.accounting.lots.lot import TaxLots
from research.market.calendars import day_at, session_after
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import BUY_OR_SELL, NO_AMOUNT, SIGN_OF_SIDE, Blotter, BookedFill, SentOrder
from research.portfolio.holdings.book_ledger import lots_named_by
from research.portfolio.holdings.household import total_units
from research.portfolio.holdings.rates import rounded

MORE = Decimal("1e-9")  # of a quantity: venues round quantities
ONE_CENT = Decimal("0.01")  # by which the amount of an order in money may be exceeded
BookedFills = Sequence[BookedFill]


class Matching(NamedTuple):
    """The orders after the fills that are theirs, the rows of these fills, and the others, each with the reason."""

    orders: tuple[SentOrder, ...]
    rows: tuple[BookedFill, ...]
    unmatched: tuple[tuple[Fill, str], ...]


def after_fills(portfolio: Portfolio, fills: Iterable[Fill]) -> Portfolio:
    """The portfolio after these fills of the orders in its blotter.

    Its last trade is the day of the last fill, or the last close where that is earlier. Holdings are valued at the
    prices of the portfolio.
    portfolio : portfolio with the orders that were sent.
    fills     : fills in any order.
    Raises    : DataError for fills of orders that nobody sent, of more than was ordered, that were booked before, of
                another currency, account or asset, and that sell more than is held; all of them in one message.
    """
    orders, rows, unmatched = match_fills(portfolio, fills)
    if unmatched:
        raise DataError(all_mistakes("the list of fills", [why for _, why in unmatched]))
    before = portfolio.blotter or Blotter()
    return replace(after_rows(portfolio, rows), blotter=replace(before, orders=orders, fills=(*before.fills, *rows)))


def match_fills(portfolio: Portfolio, fills: Iterable[Fill], corrects: str = "") -> Matching:
    """The fills that have an order in the blotter of a portfolio, and those that have none.

    corrects : venue and id of the fill in whose place they stand, or "".
    """
    before = portfolio.blotter or Blotter()
    orders, rows, seen = list(before.orders), list[BookedFill](), set(before.fill_ids)
    places, unmatched = _Places.of(orders), []
    for fill in sorted(fills, key=lambda each: (each.moment, each.key)):
        try:
            if fill.key in seen:
                fill.refuse("fill_id", fill.fill_id, "It is booked already: leave the second one out.")
            k = _order_of(portfolio, orders, places, fill)
            done = _filled(portfolio, fill, orders[k])
            rows += _rows(portfolio, fill, orders[k], done)
            orders[k] = done
            places.by_id.setdefault(done.order_id, k)
            seen.add(fill.key)
        except DataError as error:
            unmatched.append((fill, str(error)))
    return Matching(tuple(orders), tuple(replace(row, corrects=corrects) for row in rows), tuple(unmatched))


def unsent_rows(portfolio: Portfolio, fill: Fill) -> tuple[BookedFill, ...]:
    """The rows of a fill that is of no order of a portfolio, such as a trade that somebody made at the broker.

    Raises : DataError for another account, asset or currency, and for a fill that is booked.
    """
    blotter = portfolio.blotter or Blotter()
    _check_asset(portfolio, fill)
    if fill.key in blotter.fill_ids:
        fill.refuse("fill_id", fill.fill_id, "It is booked already.")
    if len(accounts := accounts_of(portfolio, fill)) > 1:
        fill.refuse("account", fill.account, f"Give one of {', '.join(accounts)}.")
    assets = portfolio.market.assets
    in_money = fill.asset in assets and bool(np.isnan(portfolio.prices.per_unit[assets.index(fill.asset)]))
    order = SentOrder("", accounts[0], fill.asset, BUY_OR_SELL[fill.side == "sell"], NO_AMOUNT, in_money)
    fill, order = replace(fill, order_id=""), replace(order, quantity=_amount(portfolio, fill, order))
    return tuple(_rows(portfolio, fill, order, _filled(portfolio, fill, order)))


# -- one fill ----------------------------------------------------------------------------------------------------------


class _Places(NamedTuple):
    """The places of orders: the first of each id, and all of each asset and side."""

    by_id: dict[str, int]
    alike: dict[tuple[str, str], list[int]]

    @classmethod
    def of(cls, orders: Sequence[SentOrder]) -> "_Places":
        """Those of some orders."""
        places = cls({}, {})
        for k, order in enumerate(orders):
            places.by_id.setdefault(order.order_id, k)
            places.alike.setdefault((order.asset, order.side), []).append(k)
        return places


def _order_of(portfolio: Portfolio, orders: Sequence[SentOrder], places: _Places, fill: Fill) -> int:
    """The place of the order of a fill: that of its id, or else the only one of its account, asset and side.

    Of several the one counts of which as much is open; an order is not filled before it was sized.
    """
    accounts = accounts_of(portfolio, fill)
    _check_asset(portfolio, fill)
    if fill.order_id and (k := places.by_id.get(fill.order_id)) is not None:
        order = orders[k]
        if (order.asset, order.side) == (fill.asset, fill.side) and order.account in accounts:
            _check_sized(portfolio, fill, "correct the moment")
            return k
        what = f"to {order.side} {order.asset}{f' in {order.account}' if order.account else ''}"
        fill.refuse("order_id", fill.order_id, f"That order is {what}: the fill is to {fill.side} {fill.asset}.")
    like = [k for k in places.alike.get((fill.asset, fill.side), ()) if orders[k].account in accounts]
    if fill.order_id:
        like = [k for k in like if not orders[k].order_id][:1]
    elif len(like) > 1:
        enough = [k for k in like if _amount(portfolio, fill, orders[k]) <= orders[k].left]
        if len(enough) != 1:
            named = ", ".join(orders[k].order_id or orders[k].account for k in like)
            fill.refuse("order_id", "", f"Several orders may be its own, {named}: say which.")
        like = enough
    if not like:
        what = f"the order to {fill.side} {fill.asset}{f' in {accounts[0]}' if accounts[0] else ''}"
        fill.refuse("order_id", fill.order_id, f"Nobody sent {what}: look at the orders that are open.")
    _check_sized(portfolio, fill, "correct the moment" if fill.order_id else "give the id of its own")
    return like[0]


def _check_sized(portfolio: Portfolio, fill: Fill, fix: str) -> None:
    """Raise DataError for a fill of a day before the close at which the orders were sized. fix : advice."""
    asked = portfolio.blotter and portfolio.blotter.asked
    if asked and (day := fill.day(portfolio.market.calendar)) < asked:
        fill.refuse("moment", str(day), f"The order was sized at the close of {asked}: {fix}.")


def accounts_of(portfolio: Portfolio, fill: Fill) -> list[str]:
    """Names of the accounts that a fill may be of: the one that it names or numbers, or all where it names none.

    Raises : DataError for an account that the portfolio does not have.
    """
    known = {word: each.name for each in portfolio.accounts for word in (each.name, each.number)}
    if known and not fill.account:
        return [each.name for each in portfolio.accounts]
    known = known or {"": "", portfolio.ticket.account: ""}
    if fill.account not in known:
        fill.refuse("account", fill.account, f"The portfolio has {', '.join(filter(None, known)) or 'no accounts'}.")
    return [known[fill.account]]


def _check_asset(portfolio: Portfolio, fill: Fill) -> None:
    """Raise DataError for an asset that is neither asset nor currency, and for another currency than that of it."""
    assets, currencies = portfolio.market.assets, portfolio.currencies
    money = set(portfolio.cash_by_currency)
    if fill.asset in assets:
        of_line = portfolio.basis if currencies is None else currencies.lines[assets.index(fill.asset)]
        if fill.currency != of_line:
            fill.refuse("currency", fill.currency, f"{fill.asset} is quoted in {of_line}: a fill is not converted.")
    elif fill.asset not in money:
        fill.refuse("asset", fill.asset, _exchange_words(fill, money) or did_you_mean(fill.asset, assets))
    elif fill.currency not in money - {fill.asset}:
        fill.refuse("currency", fill.currency, f"Money is exchanged between {' and '.join(sorted(money))}.")


def _exchange_words(fill: Fill, money: Collection[str]) -> str:
    """The way to write an exchange whose fill names a pair of the portfolio's currencies, EURUSD; "" for another."""
    currency, priced_in = fill.asset[:3], fill.asset[3:].strip("./")
    if not {currency, priced_in} <= set(money) or currency == priced_in:
        return ""
    done = "bought" if fill.side == "buy" else "sold"
    return f"Give the currency that is {done} as asset, {currency}, and that of the price as currency, {priced_in}."


def _filled(portfolio: Portfolio, fill: Fill, order: SentOrder) -> SentOrder:
    """The order with the fill in it. Raises DataError for more than was ordered.

    An order that was sent before a split may be filled on its day as it was sent, or in the units since.
    """
    amount, filled = fill.quantity * fill.price, order.filled + _amount(portfolio, fill, order)
    blotter = portfolio.blotter or Blotter()
    by = Decimal(1) if order.in_money or blotter.asked is None else blotter.factor(order.asset, blotter.asked)
    most = max(order.quantity, order.quantity / by)
    if filled > most + (ONE_CENT if order.in_money else MORE * most):
        quantity, before = (f"{amount.normalize():f}" for amount in (order.quantity, order.filled))
        fix = f"The order is for {quantity}, and {before} of it were filled before."
        fill.refuse("quantity", str(fill.quantity), fix)
    fees = {**order.fees, **{name: order.fees.get(name, NO_AMOUNT) + fee for name, fee in fill.fees.items()}}
    known = order.order_id or fill.order_id
    return replace(order, order_id=known, filled=filled, notional=order.notional + amount, fees=fees)


def _amount(portfolio: Portfolio, fill: Fill, order: SentOrder) -> Decimal:
    """The part of the quantity of an order that a fill fills, in units of now."""
    if order.in_money:
        return fill.quantity * fill.price
    factor = (portfolio.blotter or Blotter()).factor(fill.asset, fill.day(portfolio.market.calendar))
    return fill.quantity * factor


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
    amount, cash = way * fill.quantity * fill.price, way * (cents[0] - cents[1]) + fees[0] - fees[1]
    moved = (way * fill.quantity, amount * rate, fill.currency, cash)
    moment = f"{fill.moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    blotter = portfolio.blotter or Blotter()
    of_order = fill.quantity * fill.price if before.in_money else fill.quantity
    lots = blotter.named_lots(before, of_order, day.astype(date)) if is_line and way < 0 else ()
    of_fill = {"fees": fill.fees, "by_rule": not fill.order_id, "moment": moment, "rate": fill.rate, "lots": lots}
    yield BookedFill(*about, fill.asset, *moved, amount=amount, **of_fill)  # type: ignore[arg-type]
    if not is_line:
        yield BookedFill(*about, fill.asset, NO_AMOUNT, NO_AMOUNT, fill.asset, way * fill.quantity, moment=moment)


# -- the portfolio after them ------------------------------------------------------------------------------------------


def after_rows(portfolio: Portfolio, rows: BookedFills) -> Portfolio:
    """The portfolio after these fills, but for its blotter. Raises DataError for more sold than is held."""
    if not rows:
        return portfolio
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
        tax_lots=_lots_after(portfolio, rows),
    )
    return _paid(moved, rows)


def _sums(portfolio: Portfolio, rows: BookedFills) -> tuple[np.ndarray, np.ndarray]:
    """(A, n) signed units that fills moved, and their worth in the basis, as decimals."""
    names, assets = portfolio.account_names, portfolio.market.assets
    units, worth = np.full((2, len(names), len(assets)), NO_AMOUNT)
    for row in rows:
        if row.asset in assets:
            at = names.index(row.account), assets.index(row.asset)
            units[at] += row.units * (portfolio.blotter or Blotter()).factor(row.asset, row.day)
            worth[at] += row.worth
    return units, worth


def _left(portfolio: Portfolio, held: Array, moved: np.ndarray) -> Array:
    """(n,) units after a trade; what rounding leaves of a sold asset is nothing. DataError for a short asset."""
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


def _lots_after(portfolio: Portfolio, rows: BookedFills) -> TaxLots | None:
    """The tax lots after these fills, with the gains of the year of trade."""
    tax, assets = portfolio.tax_lots, portfolio.market.assets
    if tax is None:
        return None
    bare = {asset for asset, price in zip(assets, portfolio.prices.per_unit, strict=True) if np.isnan(price)}
    whole = np.where(np.isnan(portfolio.shares), portfolio.holdings, portfolio.shares)
    of_accounts = {each.name: each.units for each in portfolio.accounts} or {"": whole}
    held = {(asset, name): float(units[i]) for name, units in of_accounts.items() for i, asset in enumerate(assets)}
    lots = [
        (asset, lot) for of in (tax.lots, tax.sheltered) for asset, some in zip(assets, of, strict=True) for lot in some
    ]
    trades = [
        LotTrade(
            row.day, (row.moment, row.fill_id), row.asset, row.account,
            float(row.worth if row.asset in bare else row.units), float(row.worth), lots_named_by(row),
        )
        for row in rows if row.asset in assets
    ]  # fmt: skip
    sheltered = {each.name for each in portfolio.accounts if not each.taxable}
    ledger, year = opened_ledger(lots, held).after(trades, tax.rules, sheltered), f"{portfolio.trade_day:%Y}"
    lost = {asset: pd.Timestamp(day) for asset, day in ledger.sold_at_loss.items() if tax.rules.wash_sale_days}
    after = [ledger.lots.get(asset, ()) for asset in assets]
    return TaxLots(
        rules=replace(tax.rules, realised=tax.rules.realised + ledger.realised.get(year, 0.0)),
        lots=tuple(tuple(lot for lot in some if lot.account not in sheltered) for some in after),
        sold_at_loss={**tax.sold_at_loss, **lost},
        sheltered=tuple(tuple(lot for lot in some if lot.account in sheltered) for some in after),
    )
