"""The checks of a ticket before its orders are sent: each gives a sentence a fault, with order, field, value and fix.

All of them look at one `Moment`. A ticket that is resumed is not checked against what its own orders have changed.
"""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

import numpy as np

from desk.exchange.moment import Moment
from desk.exchange.ticket_orders import TicketOrder, cash_ladder
from desk.exchange.venue import SymbolRules
from desk.journal.records import Quote
from desk.journal.tickets import AFTER_REFUSAL
from desk.tickets.formats.carried import cusip_of
from desk.tickets.order_ids import list_id, rounded_number
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import counted
from research.market.calendars import closes, session_after, sessions
from research.market.reading.known_instruments import ISIN, known_instruments
from research.orders.price_age import sessions_since
from research.portfolio.holdings.blotter import NO_AMOUNT

BASIS_POINTS = 1e4  # of one
ISSUER = slice(6)  # of a CUSIP: the number of the issuer
SMALLEST_CASH = Decimal("-0.01")  # a balance that rounding may leave
PAPER_VENUE = "paper"
APPROVED = "approved"  # name of the check of approvals


Faults = Iterator[str]


@dataclass(frozen=True)
class Check:
    """A check and its outcome. faults : a sentence each, () where it passes."""

    name: str
    faults: tuple[str, ...]


def checked(moment: Moment) -> list[Check]:
    """The outcome of all checks; where the ticket was sent before, of those that hold for what is left of it.

    Of a resumed ticket, orders that the journal has not are looked at by themselves, too.
    """
    wanted = [*ALWAYS_CHECKED, LEFT] if moment.state.sent else [*ALWAYS_CHECKED, *FIRST_CHECKS]
    found = [Check(name, tuple({**ALWAYS_CHECKED, **FIRST_CHECKS}[name](moment))) for name in wanted]
    if moment.state.sent and moment.new:
        new = replace(moment, orders=moment.new)
        found += [Check(name, tuple(FIRST_CHECKS[name](new))) for name in RESUMED]
    return found


def faults_between(moment: Moment) -> list[str]:
    """The sentences that stand against the next slices of a ticket of which earlier ones were sent."""
    every = {**ALWAYS_CHECKED, **FIRST_CHECKS}
    return [fault for name in BETWEEN_ORDERS for fault in every[name](moment)]


# -- the ticket --------------------------------------------------------------------------------------------------------


def _version(moment: Moment) -> Faults:
    if not moment.sending and moment.venue != PAPER_VENUE:
        yield f"The ticket is of version 1, which only the paper venue takes: found {moment.venue}. {moment.anew}"


def _files(moment: Moment) -> Faults:
    document = moment.document
    for name, stated in {document["file"]: document.get("file_sha256", ""), **document.get("models", {})}.items():
        found = moment.place.sha256.get(name)
        if stated and found != stated:
            what = f"has another hash, {found[:16]}" if found else "is not there"
            yield f"The file {name} {what}: the list was made from {stated[:16]}. {moment.anew}"


def _expiry(moment: Moment) -> Faults:
    last, first = moment.sending.get("expires", ""), moment.document["last_close"]
    if str(moment.today) < first:
        yield f"The list is of the closes of {first}, and it is {moment.today}: send it on a later session."
    if last and str(moment.today) > last:
        yield f"The ticket expired: its orders are good on {last}, and it is {moment.today}. {moment.anew}"


def _approval(moment: Moment) -> Faults:
    state, wanted = moment.state, max(moment.state.wanted, moment.document.get("approvals", 0))
    persons = {entry.user for entry in state.approvals}
    if state.refusals:
        yield f"The ticket was refused. {state.text} {AFTER_REFUSAL}"
    elif len(persons) < wanted:
        by = f" ({', '.join(sorted(persons))})" if persons else ""
        call = shlex.join(["rebalance", "desk", "approve", moment.place.ticket])
        yield f"It has {len(persons)} of {wanted} approvals{by}. Let others call: {call}"


def _duplicates(moment: Moment) -> Faults:
    for name, count in Counter(each.id for each in moment.orders).items():
        if count > 1:
            yield f"The ticket has order {name} {count} times. {moment.anew}"
    for each in moment.orders:
        if each.id in moment.sent_before:
            ticket = list_id(moment.sent_before[each.id])
            fix = "Execute that ticket again: it takes its fills, and sends what waits."
            yield f"{_capital(each)}: it was sent with list {ticket}. {fix}"
    for order in moment.silent:
        yield (
            f"Order {order} of an earlier list got no answer from {moment.venue}. Look for it there, and journal what "
            f"became of it: PortfolioManager(…).settle({order!r}, traded=True), or False"
        )
    if moment.unfinished:
        yield (
            f"List {list_id(moment.unfinished)} has open orders at {moment.venue}, or fills that are not journalled. "
            f"Cancel what is open, or wait for it, and execute that list once more. {moment.anew}"
        )


# -- stops and limits --------------------------------------------------------------------------------------------------


def _stop(moment: Moment) -> Faults:
    if moment.place.stop:
        yield f"{moment.place.stop} stops all sending. Remove this file to send again."


def _notional(moment: Moment) -> Faults:
    most, total = moment.limits.get("order_notional"), sum(each.value for each in moment.whole)
    for each in moment.whole:
        if most is not None and each.value > most:
            yield _fault(each, "value", f"{each.value:,.2f}", f"At most {most:,.2f} are allowed (order_notional).")
    most = moment.limits.get("ticket_notional")
    if most is not None and total > most:
        yield f"The orders are worth {total:,.2f}: at most {most:,.2f} are allowed (ticket_notional). Send less."


def _day(moment: Moment) -> Faults:
    most, sent = moment.limits.get("day_notional"), moment.day.notional
    total = sent + moment.unsent
    if most is not None and total > most:
        yield (
            f"With {sent:,.2f} sent today, the orders would bring the day to {total:,.2f}: at most {most:,.2f} are "
            "allowed (day_notional). Send less, or the rest on another day."
        )
    most = moment.limits.get("day_loss")
    if most is not None and moment.day.loss > most:
        yield (
            f"The fills of today lost {moment.day.loss:,.2f} against the prices of their lists: at most {most:,.2f} "
            "are allowed (day_loss). Look at the fills first: rebalance desk journal"
        )


def _do_not_trade(moment: Moment) -> Faults:
    isins, instruments = moment.sending.get("isins", {}), known_instruments()
    for name in moment.limits.get("do_not_trade", ()):
        known = instruments.find(name)
        isin, asset = (known.isin, known.asset_id) if known else (name, name)
        traded = (*moment.orders, *moment.crossed)
        own = [each for each in traded if {name, asset} & {each.item, each.symbol}]
        own += [each for each in traded if each not in own and _same_issuer(isin, isins.get(each.item, ""))]
        for each in own:
            yield _fault(each, "issuer", name, "It is on the list `do_not_trade`: leave the asset out of the list.")
        if not (known or own or ISIN.fullmatch(name)):
            near = instruments.nearest(name)
            yield f"`do_not_trade` has {name}, which is no known instrument. {near}Write its symbol, name or ISIN."


def _same_issuer(one: str, other: str) -> bool:
    """True for two ISINs with one issuer's number of CUSIP."""
    issuers = [cusip_of(isin)[ISSUER] for isin in (one, other) if ISIN.fullmatch(isin)]
    return len(issuers) == 2 and issuers[0] == issuers[1] != ""


# -- prices, holdings, cash --------------------------------------------------------------------------------------------


def _collar(moment: Moment) -> Faults:
    collar, unit = moment.limits.get("collar"), moment.limits.get("collar_unit", "bps")
    left = {each.id for each in (*moment.left, *moment.crossed)}
    for each in (*moment.orders, *moment.crossed):
        price = each.price
        if collar is None or price is None or each.id not in left:
            continue
        quote = moment.quotes.get(each.symbol, Quote())
        now = {"buy": quote.ask, "sell": quote.bid}.get(each.order.side)
        now = quote.last if now is None else now
        step = _collar_step(unit, quote, moment.sending["volatilities"].get(each.item))
        if now is None or step is None:
            what = "price" if now is None else "bid and ask"
            yield _fault(each, "quote", f"without {what}", "The collar cannot be checked: ask again when there is one.")
        elif not abs(now / price - 1.0) <= collar * step:
            away = f"{now:,.10g}, {abs(now / price - 1.0) * BASIS_POINTS:,.0f} bp from the {price:,.10g} of the list"
            limit = f"The collar is {collar:g} {unit}, {collar * step * BASIS_POINTS:,.0f} bp."
            yield _fault(each, "quote", away, f"{limit} {moment.anew}")


def _collar_step(unit: str, quote: Quote, volatility: float | None) -> float | None:
    """The unit of a collar as a fraction of the price; None where it is not known."""
    if unit == "bps":
        return 1.0 / BASIS_POINTS
    if unit == "volatilities":
        return volatility
    if quote.bid is None or quote.ask is None:
        return None
    return 2.0 * (quote.ask - quote.bid) / (quote.ask + quote.bid)


def _age(moment: Moment) -> Faults:
    most = moment.sending.get("max_age")
    for each in (*moment.orders, *moment.crossed):
        dated = getattr(each.order, "price_date", "")
        if most is None or not dated:
            continue
        age = sessions_since(np.datetime64(dated), moment.today, moment.calendar)
        if age > most:
            found = f"of {dated}, {counted(age, 'session')} old"
            yield _fault(each, "price", found, f"At most {most} are allowed. {moment.anew}")


def _holdings(moment: Moment) -> Faults:
    for each in moment.orders:
        before = getattr(each.order, "shares_before", None)
        held = moment.units.get(each.order.account, {}).get(each.symbol, NO_AMOUNT)
        if before is not None and rounded_number(float(held)) != rounded_number(before):
            found = f"{held.normalize():,f} at {moment.venue}, and the list was made with {before:,.10g}"
            fix = f"Correct the holdings of {moment.document['file']}. {moment.anew}"
            if moment.since:
                fix = f"List {list_id(moment.since)} was sent since this one was made. {moment.anew}"
            if moment.unfinished:
                fix = f"Orders of list {list_id(moment.unfinished)} are open there, or their fills not journalled yet."
            yield _fault(each, "units held", found, fix)


def _cash(moment: Moment) -> Faults:
    basis = moment.document["currency"]
    # Sells alone are sent for a withdrawal, whether they raise all of it or not.
    paying = {(each.order.account, of) for each in moment.due for of, amount in each.cash(basis) if amount < 0}
    for row in cash_ladder(moment.due, moment.cash, basis):
        if row.day and row.balance < SMALLEST_CASH and (row.account, row.currency) in paying:
            of = f"account {row.account}" if row.account else "the account"
            yield (
                f"Cash of {of} would be {row.balance:,.2f} {row.currency} on {row.day}: its orders cost more than is "
                f"there. {moment.anew}"
            )


# -- the venue ---------------------------------------------------------------------------------------------------------


def _venue(moment: Moment) -> Faults:
    venues = moment.limits.get("venues")
    for each in moment.orders:
        wanted = venues.get(each.order.account, "none of them") if venues else moment.venue
        if moment.venue not in (wanted, PAPER_VENUE):
            yield _fault(each, "venue", moment.venue, f"Account {each.order.account} trades on {wanted} (venues).")
        if each.order_type not in moment.capabilities.order_types:
            known = ", ".join(sorted(moment.capabilities.order_types))
            yield _fault(
                each, "order type", each.order_type, f"{moment.venue} takes {known}: change `ticket: order_type`."
            )
        if hasattr(each.order, "symbol") and each.symbol not in moment.rules:
            fix = f"{moment.venue} does not know it: state the right one under `ticket: symbols`."
            if moment.venue == PAPER_VENUE:
                fix += " Paper knows those of its quotes or bars."
            yield _fault(each, "symbol", each.symbol, fix)
        else:
            yield from _steps(each, moment.rules.get(each.symbol, SymbolRules()), moment.venue)


def _steps(each: TicketOrder, rules: SymbolRules, venue: str) -> Faults:
    for name, value, step in (("quantity", each.quantity, rules.lot), ("limit price", each.limit_price, rules.tick)):
        if value is not None and step and decimal(value) % step:
            fix = f"{venue} takes multiples of {step.normalize():f}: state the lot of the asset in the portfolio file."
            yield _fault(each, name, f"{value:,.10g}", fix)
    if rules.minimum_notional is not None and decimal(each.notional) < rules.minimum_notional:
        fix = f"{venue} takes no order below {rules.minimum_notional:f}: raise `limits: minimum_trade`."
        yield _fault(each, "value", f"{each.notional:,.2f}", fix)


def _open(moment: Moment) -> Faults:
    day, calendar = moment.today, moment.calendar
    if not len(sessions(day, day, calendar)):
        after = session_after(day, 1, calendar)
        yield f"{moment.venue} is closed: {day} is no session of {calendar}. Send the list on one: the next is {after}."
    elif np.datetime64(moment.now.replace(tzinfo=None)) >= closes(np.array([day]), calendar)[0]:
        yield f"{moment.venue} is closed: the session of {day} is over at {moment.now:%H:%M} UTC. {moment.anew}"


def _slices(moment: Moment) -> Faults:
    if not (last := max((each.minutes for each in moment.slices), default=0.0)):
        return
    if not moment.capabilities.id_length:
        yield (
            f"The orders are sent in slices, and {moment.venue} takes no client ids by which they are told apart. "
            f"Leave out `ticket: slicing`. {moment.anew}"
        )
    if len(sessions(moment.today, moment.today, moment.calendar)):
        end = closes(np.array([moment.today]), moment.calendar)[0]
        if np.datetime64(moment.now.replace(tzinfo=None)) + last * np.timedelta64(60, "s") >= end:
            yield (
                f"The last slices would be sent {last:,.10g} minutes from now, and {moment.venue} closes at "
                f"{end.item():%H:%M} UTC. Send the list earlier, or with fewer `minutes` of slicing. {moment.anew}"
            )


ALWAYS_CHECKED: Mapping[str, Callable[[Moment], Iterable[str]]] = {
    "version": _version,
    "not expired": _expiry,
    APPROVED: _approval,
    "not stopped": _stop,
    "limits of the day": _day,
    "market open": _open,
    "quotes in the collar": _collar,
}
FIRST_CHECKS: Mapping[str, Callable[[Moment], Iterable[str]]] = {
    "portfolio file": _files,
    "no duplicates": _duplicates,
    "size of orders": _notional,
    "issuers": _do_not_trade,
    "age of prices": _age,
    "holdings": _holdings,
    "cash on settlement": _cash,
    "known to the venue": _venue,
    "time of slices": _slices,
}
LEFT = "cash on settlement"  # of a resumed ticket: by the orders that are left
RESUMED = ("size of orders", "issuers", "holdings", "known to the venue")  # of orders that were never sent
BETWEEN_ORDERS = ("not stopped", "limits of the day", "market open", "quotes in the collar")  # before later slices


def _fault(each: TicketOrder, field: str, found: str, fix: str) -> str:
    return f"{_capital(each)}: {field} is {found}. {fix}"


def _capital(each: TicketOrder) -> str:
    return f"{each.text[:1].upper()}{each.text[1:]}"
