"""The ticket as a page to print and sign: A4, one sheet for thirty assets, nothing fetched."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from html import escape
from typing import Any, BinaryIO

from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import HeldLine, Order, RatedOrder, Ticket
from foundation.blocks import with_minus
from foundation.paper.cells import number_text
from foundation.paper.page_templates import templates
from foundation.paper.render import per_cents
from foundation.paper.wording import counted
from research.accounting.costs import CHARGED
from research.orders.content import DISCLAIMER, STALE, price_text
from research.orders.tax.tax_tables import tax_words

META_MARK = b'<meta name="generator" content="rebalance ticket">'
NOTES = 6  # on the page; prices come first
FRAMED = "body { min-height: 0; margin: 4mm auto; }"  # a page in a notebook ends where its text does
HEAD, ROW = 390, 22  # px of a page in a notebook: without its rows, and of one of them
TYPE_WORDS = {"market": "market", "market_on_close": "market on close", "limit": "limit"}
WIDE, INSET = 84.0, 4.0  # of the picture of an order's weights, units of its own


def write(ticket: Ticket) -> bytes:
    """One page of HTML with its own style."""
    weights = [w for o in ticket.orders for w in (o.weight_before, o.weight_target, o.weight_after)]
    most, least = max(weights, default=0.0), min(0.0, *weights) if weights else 0.0
    groups = [
        {
            "title": title,
            "orders": [_cells(order, least, most) for order in ticket.orders if order.side == side],
            "notional": _money(ticket.totals[total]) + (f" {ticket.currency}" if ticket.cash else ""),
        }
        for title, side, total in (("Sell first", "sell", "sells"), ("Then buy", "buy", "buys"))
    ]
    page: str = templates("desk.tickets.formats").get_template("ticket.html.j2").render(
        mark=META_MARK.decode(),
        ticket=ticket,
        groups=[group for group in groups if group["orders"]],
        totals=_totals(ticket),
        costs=_costs(ticket),
        turnover=_percent(ticket.totals["turnover"]),
        sent="; ".join(dict.fromkeys(_kind(order) for order in ticket.orders)) or "none",
        limited=any(order.limit_price is not None for order in ticket.orders),
        settles=", ".join(sorted({order.settlement_date for order in ticket.orders})),
        stale=ticket.headline.startswith(STALE),
        headline=with_minus(ticket.headline),
        reason=with_minus(ticket.reason),
        held=_by_reason(ticket.held),
        notes=[with_minus(note) for note in _notes(ticket)],
        tax=[_tax_cells(row) for row in ticket.tax_lots],
        taxed=tax_words(ticket.totals, ticket.currency),
        accounts=[_account(row, ticket) for row in ticket.accounts],
        fx=[_exchange(each, ticket) for each in ticket.fx],
        cash=[_cash(row, ticket) for row in ticket.cash],
        hash=" ".join(ticket.hash[k : k + 8] for k in range(0, len(ticket.hash), 8)),
        disclaimer=DISCLAIMER,
    )  # fmt: skip
    return f"{per_cents(page)}\n".encode()


def preview(ticket: Ticket) -> str:
    """The page as a block of HTML for a notebook, in a frame of its own that no style around it reaches."""
    page = escape(write(ticket).decode().replace("</style>", f"{FRAMED}</style>", 1))
    rows = len(ticket.orders) + len(ticket.tax_lots) + len(_notes(ticket))
    style = f"width: 100%; max-width: 860px; height: {HEAD + ROW * rows}px; border: 0"
    return f'<div><iframe title="Order ticket" srcdoc="{page}" style="{style}"></iframe></div>'


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such a page."""
    return META_MARK in file.read(512)


def _cells(order: Order, least: float, most: float) -> dict[str, Any]:
    """The cells of an order, and the places of its weights from `least` to `most` in its picture."""
    scale = (WIDE - 2.0 * INSET) / ((most - least) or 1.0)
    unit = f" {order.currency}" if isinstance(order, RatedOrder) else ""
    weights = {"before": order.weight_before, "target": order.weight_target, "after": order.weight_after}
    return {
        "order": order,
        "quantity": "" if order.quantity is None else f"{order.quantity:,.10g}",
        "limit": "" if order.limit_price is None else f"{Decimal(number_text(order.limit_price)):,}",
        "price": "no quote" if order.price is None else f"{price_text(order.price)}{unit}",
        "reason": with_minus(order.reason),
        "notional": f"{_money(order.notional)}{unit}",
        "cost": f"{_money(order.cost)}{unit}",
        "shares": "" if order.shares_before is None or order.shares_after is None
        else f"{order.shares_before:,.10g} → {order.shares_after:,.10g}",
        **{name: _percent(weight) for name, weight in weights.items()},
        "place": {name: number_text(round(INSET + (w - least) * scale, 2)) for name, w in weights.items()},
    }  # fmt: skip


def _totals(ticket: Ticket) -> list[tuple[str, str, str, str]]:
    """NAV, holdings and cash before and after, with their changes, and a deposit or withdrawal, currency."""
    totals = ticket.totals
    nav, cash = ((totals[f"{name}_before"], totals[f"{name}_after"]) for name in ("nav", "cash"))
    invested = (round(nav[0] - cash[0], 2), round(nav[1] - cash[1], 2))
    flow = totals["flow"]
    moved = [("Deposit" if flow > 0.0 else "Withdrawal", "", _change(flow), "")] if flow else []
    return [
        *moved,
        *(
            (name, _money(before), _change(round(after - before, 2)), _money(after))
            for name, (before, after) in {"NAV": nav, "Invested": invested, "Cash": cash}.items()
        ),
    ]


def _tax_cells(row: Mapping[str, Any]) -> list[str]:
    """The cells of a tax lot that is sold: asset and account, day of purchase, units, amounts, term."""
    amounts = [price_text(row["cost_price"]), price_text(row["price"]), _money(row["proceeds"]), _money(row["gain"])]
    asset = f"{row['asset']} ({row['account']})" if "account" in row else row["asset"]
    return [asset, row["bought"], f"{row['units']:,.10g}", *amounts, row["term"],
            _money(row["disallowed"]), _money(row["tax"])]  # fmt: skip


def _notes(ticket: Ticket) -> list[str]:
    """The first notes of a ticket, and how many more there are."""
    more = len(ticket.notes) - NOTES
    return [*ticket.notes[:NOTES], *([f"{counted(more, 'more note')} in the JSON of this ticket."] if more > 0 else [])]


def _account(row: Mapping[str, Any], ticket: Ticket) -> str:
    """An account in words: its cash before and after its orders, and their number."""
    before, after = (_money(row[f"cash_{moment}"]) for moment in ("before", "after"))
    number = "" if row["number"] == row["account"] else f"{row['number']}, "
    orders = counted(row["orders"], "order")
    return f"{row['account']} ({number}{row['kind']}) {orders}, cash {before} → {after} {ticket.currency}"


def _exchange(each: ExchangeOrder, ticket: Ticket) -> str:
    """An exchange in words."""
    account = f", account {each.account}" if ticket.accounts else ""
    paid = f"{_money(each.basis_amount)} {ticket.currency}{account}"
    return (
        f"{each.side} {_money(each.amount)} {each.currency} at {each.pair} {each.rate:.10g} for {paid}, settles "
        f"{each.settlement_date}: {with_minus(each.reason)}"
    )


def _cash(row: Mapping[str, Any], ticket: Ticket) -> str:
    """Cash in one currency in words."""
    account = f"{row['account']} " if ticket.accounts else ""
    return f"{account}{row['currency']} {_money(row['before'])} → {_money(row['after'])}"


def _costs(ticket: Ticket) -> str:
    """The costs of all orders and their parts, currency."""
    parts = {name: ticket.totals[name] for name in CHARGED if ticket.totals[name]}
    named = ", ".join(f"{name.replace('_', '-')} {_money(amount)}" for name, amount in parts.items())
    whole = _money(round(sum(parts.values()), 2))
    return f"{whole} ({named})" if len(parts) > 1 else whole


def _kind(order: Order) -> str:
    """Order type and time in force, in words."""
    return f"{TYPE_WORDS[order.order_type]}, {order.time_in_force.lower()}"


def _by_reason(lines: Iterable[HeldLine]) -> dict[str, list[tuple[str, str, str]]]:
    """The assets that are held, as (asset, weight, target), by reason."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in lines:
        found.setdefault(line.reason, []).append((line.asset, _percent(line.weight), _percent(line.weight_target)))
    return found


def _money(amount: float) -> str:
    return with_minus(f"{amount:,.2f}")


def _change(amount: float) -> str:
    return with_minus(f"{amount:+,.2f}") if amount else "0.00"


def _percent(weight: float) -> str:
    return with_minus(f"{100.0 * weight:.2f}")
