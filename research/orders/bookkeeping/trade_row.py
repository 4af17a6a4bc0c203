"""A trade of a broker's file: the fill that its row is, and the money that is paid beside it in other currencies.

A row may state its amount in another currency than its price: it is then sold or bought for that money at its own rate.
"""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from research.market.rows import HUNDREDTHS
from research.orders.bookkeeping.columns import BUY, GROSS, NET, SELL
from research.orders.bookkeeping.equation import ONE, ONE_CENT, RowSolution, RowTerms, rate_error, solved
from research.orders.bookkeeping.transaction import HUNDREDTH, Transaction
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE, summed
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.rates import rounded

NEAR_RATE = Decimal("0.05")  # by which the rate that two amounts imply may differ from that of the portfolio
OTHER_AMOUNT = "amount "  # begins the names of the columns of amounts after the best one
IN_HUNDREDTHS = frozenset(HUNDREDTHS.values())  # currencies whose prices may be in hundredths


@dataclass(frozen=True)
class TradeRow:
    """A trade as a book has it.

    fill    : the fill; without an id of the broker it has one that is made of its content.
    entries : its fees in other currencies, and the money that is exchanged to pay for it.
    is_net  : true or false where the row shows that its amount has its fees in it or not, else None.
    doubt   : the reason why a person has to say what it is; else "".
    rounded : the stated price, where the fill has the one that the amount implies; else None.
    """

    fill: Fill
    entries: tuple[CashEntry, ...] = ()
    is_net: bool | None = None
    doubt: str = ""
    rounded: Decimal | None = None


def trade_row_of(row: Transaction) -> TradeRow:
    """The trade of a row, a purchase where nothing says the side.

    Raises : DataError as the properties of a row and `Fill` do, and for a row of one's own table and a correction
             without a side.
    """
    if not row.side and (row.is_bust or row.corrects or row.is_own):
        raise DataError(f"nothing says whether {row.asset} is bought or sold. Name a column side: buy or sell.")
    own = {name: paid for name, (paid, of) in row.fees.items() if of == row.paid_in}
    plain = _plain(row, tuple(own.values()))
    found = solved(_readings(row, plain))
    doubt = "" if row.is_bust or row.corrects else _against(row) if found else _misfit(row, plain)
    numbers = found or RowSolution(plain, plain.worth, plain.fees)
    if found is None and plain.price is None:
        raise DataError(f"{doubt}. Give the price, or name the amount net or gross.")
    fees = summed((name.partition(" ")[0], fee) for name, fee in zip(own, numbers.fees, strict=True))
    fill, paid = _fill(row, numbers, fees), numbers.terms.currency
    others = {name: fee for name, fee in row.fees.items() if name not in own}
    if fill.currency != row.paid_in:
        others |= {name: (fee, row.paid_in) for name, fee in fees.items() if fee}
    money = row.source.portfolio.cash_by_currency
    if not doubt and row.paid_in != paid and not {row.paid_in, paid} <= set(money):
        doubt = f"it is paid in {row.paid_in}: state cash in {row.paid_in} and {paid} in the portfolio file, 0 of it"
    exchanged = _exchange(row, numbers, fill) if found and not doubt and row.paid_in != paid else ()
    is_net = numbers.is_net if found and numbers.is_exact and any(numbers.fees) else None
    stated = numbers.terms.price if numbers.is_rounded else None
    return TradeRow(fill, (*exchanged, *_paid(fill, others)), is_net, doubt, stated)


def _plain(row: Transaction, fees: tuple[Decimal, ...]) -> RowTerms:
    """The numbers of a row as they are written."""
    label = row.table.columns["amount"].label if "amount" in row.table.columns else ""
    is_net = True if NET.match(label) else False if GROSS.match(label) else row.source.is_net
    units, price, amount = abs(row.units or NO_AMOUNT), row.amount_of("price"), row.amount_of("amount")
    price, buys = None if price is None else price * row.money("price")[1], row.side != "sell"
    return RowTerms(buys, units, price, amount, fees, row.priced_in, is_net=is_net, others=_others(row))


def _readings(row: Transaction, plain: RowTerms) -> Iterator[RowTerms]:
    """Each way to read the numbers of a row: amounts in hundredths or not, and at an exchange rate or its inverse."""
    amount, price, fees, part = plain.amount, plain.price, plain.fees, row.money("amount")[1]
    ways = [plain]
    if amount is not None and part != ONE:
        whole = tuple(fee / part for fee in fees)
        ways = [replace(plain, amount=amount * by, fees=of, others=tuple(each * by for each in plain.others), odd=k)
                for k, (by, of) in enumerate(((part, fees), (part, whole), (ONE, whole), (ONE, fees)))]  # fmt: skip
    elif price is not None and amount is not None and row.money("price")[1] == ONE and plain.currency in IN_HUNDREDTHS:
        ways.append(replace(plain, price=price * HUNDREDTH, odd=1))
    for way in ways:
        yield from _at_rates(row, way)


def _others(row: Transaction) -> tuple[Decimal, ...]:
    """The other amounts of a row, but those whose header states another currency than that of its amount."""
    columns, found = row.table.columns, []
    own = columns["amount"].currency if "amount" in columns else ""
    for name, column in columns.items():
        if name.startswith(OTHER_AMOUNT) and name != "amount currency" and column.currency in ("", own):
            with suppress(DataError):  # a text there is no amount
                found.append(row.amount_of(name))
    return tuple(of for of in found if of)


def _at_rates(row: Transaction, terms: RowTerms) -> Iterator[RowTerms]:
    """A way to read a row at each exchange rate that it may mean, by default that of today's list."""
    stated = row.amount_of("exchange")
    amount, price = terms.amount, terms.price
    if amount is None or price is None:
        yield terms
        return
    if row.paid_in == terms.currency:
        yield terms
        if not stated or row.quoted_in == terms.currency:
            return
        terms = replace(terms, currency=row.quoted_in, odd=terms.odd + 1)  # one column of currencies: the amount's
    if stated:
        for rate in dict.fromkeys((stated, 1 / stated)):
            yield replace(terms, rate=rate, rate_error=rate_error(stated))
    elif known := _known_rate(row, terms.currency):
        cost = sum(terms.fees, NO_AMOUNT) * (0 if terms.is_net is False else 1 if terms.buys else -1)
        implied = (abs(amount) - cost) / (terms.units * price)
        if abs(implied / known - 1) < NEAR_RATE:
            yield replace(terms, rate=implied, odd=terms.odd + 1)


def _known_rate(row: Transaction, currency: str) -> Decimal | None:
    """The amount's currency for one unit of another by the rates of the portfolio, None without one."""
    currencies = row.source.portfolio.currencies
    if currencies is None or not {row.paid_in, currency} <= {currencies.basis, *currencies.rates.today}:
        return None
    return decimal(currencies.rates.rate(currency) / currencies.rates.rate(row.paid_in))


def _against(row: Transaction) -> str:
    """The reason why a row may be no purchase, although it says so; else ""."""
    if row.has(BUY) and not row.has(SELL) and (row.units or 0) < 0:
        return f"it is bought, and its units are {row.units:,f}: say whether it was cancelled, or sold"
    return ""


def _misfit(row: Transaction, plain: RowTerms) -> str:
    amount, fees = plain.amount, sum(plain.fees, NO_AMOUNT)
    paid = f"{fees:,f}" if plain.fees else "none"
    if plain.price is None:
        return f"no price, and the amount, {amount:,f}, may have its fees, {paid}, in it or not"
    gap = abs(abs(abs(amount or NO_AMOUNT) - plain.worth) - abs(fees))
    other = next((name for name, of in row.unread() if of and abs(abs(of) - gap) <= ONE_CENT), "")
    fix = f"where {other!r} is a fee, say so: --form fees={other!r}" if other else ""
    fix = fix or "book it by its name where units, price and fees are right, or dismiss it and write the row anew"
    more = "".join(f" and {of:,f}" for of in plain.others)
    return (
        f"units times price are {plain.worth:,.2f} {plain.currency}, fees are {paid}, and the amount is "
        f"{amount:,f}{more} {row.paid_in}: they fit in no one way, with fees or without; {fix}"
    )


def _fill(row: Transaction, numbers: RowSolution, fees: dict[str, Decimal]) -> Fill:
    terms, portfolio, moment, side = numbers.terms, row.source.portfolio, row.moment, row.side or "buy"
    asset, currency, units, price = row.asset, terms.currency, terms.units, numbers.price
    stated = row.amount_of("amount") if terms.price is None else row.amount_of("price")
    content = f"{moment:%Y%m%dT%H%M%S}-{row.account}-{asset}-{side}-{units}-{stated}"
    is_settled = row.paid_in != currency
    rate = row.amount_of("rate") or (numbers.rate if is_settled and row.paid_in == portfolio.basis else None)
    if asset == portfolio.basis and price:  # money is bought and sold for that of the portfolio
        bought = rounded(currency, units * price)
        asset, currency, units, price = currency, asset, bought, units / bought
        side = "sell" if side == "buy" else "buy"
    ids = row.id or content, row.venue, row.cell("order_id"), row.account
    return Fill(asset, side, units, price, currency, moment, *ids, fees if currency == row.paid_in else {}, rate)


def _exchange(row: Transaction, numbers: RowSolution, fill: Fill) -> tuple[CashEntry, ...]:
    """The money of the price that is bought for a purchase, or sold after a sale, and what it is exchanged for."""
    sign, at = SIGN_OF_SIDE[fill.side], (fill.moment.date(), fill.account)
    amounts = {fill.currency: sign * fill.quantity * fill.price, row.paid_in: -sign * numbers.worth}
    words = f"exchanged to {fill.side} {fill.quantity} {fill.asset}"
    return tuple(
        CashEntry(f"{fill.key} {code}", "exchange", *at, code, rounded(code, amount), "", words, fill=fill.key)
        for code, amount in amounts.items()
    )


def _paid(fill: Fill, fees: dict[str, tuple[Decimal, str]]) -> tuple[CashEntry, ...]:
    """The fees of a fill in other currencies or coins."""
    return tuple(
        CashEntry(f"{fill.key} {name}", "fee", fill.moment.date(), fill.account, of, -paid,
                  words=f"{name} of {fill.side} {fill.quantity} {fill.asset}", fill=fill.key)
        for name, (paid, of) in fees.items()
    )  # fmt: skip
