"""The screens of `rebalance desk execute`: what it will do, each order as it is sent, and how it ended."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.commands.orders.execute import Ready
from desk.exchange.checks import APPROVED
from desk.exchange.execute import SentResult
from desk.exchange.routing import Routed
from desk.exchange.ticket_orders import TicketOrder, cash_ladder
from desk.exchange.venue import NotKnown
from desk.journal.tickets import moment_text
from desk.tickets.house import cross_notes
from desk.tickets.order_ids import list_id
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import listed
from research.orders.content import price_text
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import NO_AMOUNT

ORDER_HEAD = ["order", "account", "side", "asset", "quantity", "type", "price", "value", "", "cost", "settles"]
SLICES_HEAD = ["order", "slices", "least", "largest", "last after, min", "expected cost", "± std"]


def before_text(ready: Ready) -> str:
    """The screen before sending: orders, cash by day, and the outcome of the checks."""
    moment, document = ready.moment, ready.moment.document
    head = f"List {list_id(document['hash'])} of {document['portfolio']}, to {moment.venue}: {document['headline']}"
    parts = [wrapped(head), sent_text(ready), _lines(getattr(ready.execution.venue, "notes", ()))]
    is_resumed = ready.checks and moment.state.sent and not document.get("slices")
    if orders := moment.due if is_resumed else moment.orders:
        parts.append(text_table([ORDER_HEAD, *map(_order_row, orders)], left=4, width=None))
    parts.append(_lines([*cross_notes(document.get("crosses", ()))]))
    if document.get("slices"):
        parts.append(text_table([SLICES_HEAD, *map(_slices_row, document["slices"].items())], left=1, width=None))
    if ready.checks:
        parts += [_ladder_text(ready), _checks_text(ready), _unbooked_text(ready)]
    return "\n\n".join(filter(None, parts))


def _slices_row(stated: tuple[str, Mapping[str, Any]]) -> list[str]:
    """The slices of an order by its id: their number, units of the least and the largest, time, cost and risk."""
    order, found = stated
    units = [quantity for _, quantity in found["slices"]]
    costs = ("" if found[name] is None else f"{found[name]:,.2f}" for name in ("cost", "risk"))
    return [
        order,
        f"{len(units):,}",
        f"{min(units):,.10g}",
        f"{max(units):,.10g}",
        f"{found['slices'][-1][0]:g}",
        *costs,
    ]


def sent_text(ready: Ready) -> str:
    """A sentence on the moment at which the ticket was sent, or "" for one that was not."""
    sent, crossed = ready.moment.state.sent, ready.moment.state.crossed
    if not sent:
        return (
            ""
            if ready.moment.orders or ready.moment.crossed or crossed
            else "The list has no order: there is nothing to send."
        )
    due, asked = ready.moment.due, {each.venue_id for each in ready.moment.left}
    is_selling = any(each.order.side == "sell" and each.venue_id not in asked for each in due)
    waiting = {each.venue_id for each in due if is_selling and each.order.side == "buy"}
    unknown = sum(each.venue_id not in waiting for each in ready.moment.left)
    what = "asked for and not sent, as a check failed" if ready.faults else "sent now"
    then = "not sent, as a check failed" if ready.faults else "sent now if there is cash for them"
    told = [f"Orders without an answer, which are {what}: {unknown:,}."] if unknown else []
    told += [f"Buys that wait for cash, which are {then}: {len(waiting):,}."] if waiting else []
    left = " ".join(told)
    since = ready.moment.replaced
    replaced = (
        f" What is not filled of it was replaced by list {list_id(since)}, which was sent since." if since else ""
    )
    return wrapped(f"Sent by {sent[0].user} on {moment_text(sent[0])}.{replaced} {left or 'Nothing is sent again.'}")


def choices_text(choices: Sequence[Routed]) -> str:
    """The venues of each order, the cost that is expected there, and that of the whole order at each venue alone."""
    rows = [
        [routed.order.client_order_id, routed.order.side, routed.order.asset, route.venue,
         f"{route.quantity.normalize():,f}", f"{route.cost:,.2f}",
         ", ".join(f"{name} {cost:,.2f}" for name, cost in routed.alone.items())]
        for routed in choices
        for route in routed.routes
    ]  # fmt: skip
    head = ["order", "side", "asset", "venue", "quantity", "expected cost", "all at one venue"]
    return text_table([head, *rows], left=4, width=None) if rows else ""


def progress_text(sent: SentResult) -> str:
    """The outcome of an order, in a line."""
    order, state = sent.order, sent.state
    if state is None:
        return wrapped(f"{_outcome(sent):<9}  {order.text}: {sent.why}.")
    reason = f": {state.reason}" if state.reason else ""
    part = f", {state.filled.normalize():,f} filled" if state.status != "filled" and state.filled else ""
    return wrapped(f"{state.status:<9}  {order.text}{part}{reason}")


def _outcome(sent: SentResult) -> str:
    return sent.state.status if sent.state is not None else "not sent" if sent.is_known else "not known"


def has_failed(ready: Ready, sent: Sequence[SentResult]) -> bool:
    """True if an order was not taken, or the venue gave no answer."""
    if ready.execution.silence:
        return True
    return bool(ready.moment.left) and any(each.state is None or each.state.status == "refused" for each in sent)


def after_text(ready: Ready, sent: Sequence[SentResult]) -> str:
    """The screen after sending: fills, cash of the accounts, open orders, and what a silent venue leaves unknown."""
    not_done = [] if ready.moment.replaced else [(_outcome(each), each.order) for each in sent if each.is_open]
    is_open = "\n\n".join(
        text_table([[name, ""], *([order.id, order.text.partition(" to ")[2]] for at, order in not_done if at == name)],
                    left=2) for name in dict.fromkeys(at for at, _ in not_done))  # fmt: skip
    booked = f"Booked in {ready.book!r}: rebalance desk book show {ready.book}" if ready.book else ""
    parts = [_fills_text(ready.execution.fills), _cash_text(ready, sent), is_open if not_done else "No order is open."]
    unknown = [each.order for each in sent if not each.is_known]
    silence = silence_text(ready.moment.venue, unknown, ready.execution.silence) if ready.execution.silence else ""
    return "\n\n".join(filter(None, [*parts, silence, booked]))


def silence_text(venue: str, orders: Sequence[TicketOrder], why: str) -> str:
    """A paragraph on a venue that gave no answer, and on the orders that it may have."""
    unknown = f" It is not known what became of {listed([each.text for each in orders])}." if orders else ""
    fix = "The same command asks it for them and for its fills; nothing of it is sent elsewhere"
    return wrapped(f"Without an answer of {venue}: {why.rstrip('.')}.{unknown} {fix}.")


def _cash_text(ready: Ready, sent: Sequence[SentResult]) -> str:
    """The cash of the accounts at the venue now."""
    venue, accounts = ready.execution.venue, dict.fromkeys(each.order.account for each in ready.moment.orders)
    if ready.execution.silence:
        return ""
    try:
        balances = [(account, *row) for account in accounts for row in sorted(venue.cash(account).items())]
    except NotKnown as error:
        return wrapped(f"Cash is not known: {error}")
    rows = [[f"{account}  {code}".strip(), f"{amount:,.2f}"] for account, code, amount in balances]
    has_open = any(each.state is not None and each.is_open for each in sent)
    return text_table([["cash", "now, less what open orders may take" if has_open else "now"], *rows], left=1)


def _order_row(each: TicketOrder) -> list[str]:
    order = each.order
    price, limit, cost = each.price, each.limit_price, getattr(order, "cost", None)
    quantity = "" if each.quantity is None else f"{each.quantity:,.10g}"
    kind = f"{each.order_type}{'' if limit is None else f' {price_text(limit)}'}"
    shown = ["" if price is None else price_text(price), f"{each.notional:,.2f}", order.currency]
    cells = [each.id, order.account, order.side, each.item, quantity, kind, *shown]
    return [*cells, "" if cost is None else f"{cost:,.2f}", order.settlement_date]


def _ladder_text(ready: Ready) -> str:
    """Cash of each account and currency before the orders that are left, and after each day, if they fill as listed."""
    moment = ready.moment
    rows = list(cash_ladder(moment.due, moment.cash, moment.document["currency"]))
    days = sorted({row.day for row in rows})
    owners = dict.fromkeys((row.account, row.currency) for row in rows)
    balances = {row[:3]: f"{row.balance:,.2f}" for row in rows}
    table = [
        [f"{account}  {code}".strip(), *(balances[account, code, day] for day in days)] for account, code in owners
    ]
    return text_table([["cash", *(day or "before" for day in days)], *table], left=1)


def _checks_text(ready: Ready) -> str:
    names = {} if ready.moment.state.approvals else {APPROVED: "approval not asked for"}
    passed = ", ".join(names.get(check.name, check.name) for check in ready.checks if not check.faults)
    failed = (f"Failed, {check.name}: {fault}" for check in ready.checks for fault in check.faults)
    return _lines([f"Checked: {passed}.", *failed])


def _unbooked_text(ready: Ready) -> str:
    """A sentence where fills cannot be booked, since the portfolio file is not known."""
    document, place = ready.moment.document, ready.moment.place
    if place.sha256:
        return ""
    return wrapped(
        f"{document['file']} is not known here: fills are journalled, and booked in no book. A list that is made with "
        "`rebalance trades` names its file."
    )


def _fills_text(fills: Sequence[Fill]) -> str:
    if not fills:
        return "Nothing is filled."
    return text_table(
        [["filled", "side", "asset", "quantity", "mean price", "value", "", "fees"], *_fill_rows(fills)], left=3
    )


def _fill_rows(fills: Sequence[Fill]) -> Iterator[list[str]]:
    for order in dict.fromkeys(fill.order_id for fill in fills):
        own = [fill for fill in fills if fill.order_id == order]
        quantity = sum((fill.quantity for fill in own), NO_AMOUNT)
        value = sum((fill.quantity * fill.price for fill in own), NO_AMOUNT)
        fees = sum((fee for fill in own for fee in fill.fees.values()), NO_AMOUNT)
        units = f"{quantity.normalize():,f}"
        money = [price_text(float(value / quantity)), f"{value:,.2f}", own[0].currency, f"{fees:,.2f}"]
        yield [order, own[0].side, own[0].asset, units, *money]


def _lines(sentences: Sequence[str]) -> str:
    return "\n".join(map(wrapped, sentences))
