"""The ticket as a page to print and sign: A4, one sheet for thirty lines, nothing fetched."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

from research.trading.content import DISCLAIMER
from research.trading.formats.cells import number_text
from research.trading.ticket import HeldLine, Order, Ticket

if TYPE_CHECKING:
    from jinja2 import Environment

MARK = b'<meta name="generator" content="rebalance ticket">'
ORDER_TYPES = {"market": "market", "market_on_close": "market on close", "limit": "limit"}
WIDE, INSET = 84.0, 4.0  # of the picture of an order's weights, units of its own
COSTS = ("commission", "half_spread", "ticket", "impact")


def write(ticket: Ticket) -> bytes:
    """One page of HTML with its own style."""
    weights = [w for o in ticket.orders for w in (o.weight_before, o.weight_target, o.weight_after)]
    most, least = max(weights, default=0.0), min(0.0, *weights) if weights else 0.0
    groups = [
        {
            "title": title,
            "orders": [_cells(order, least, most) for order in ticket.orders if order.side == side],
            "notional": _money(ticket.totals[total]),
        }
        for title, side, total in (("Sell first", "sell", "sells"), ("Then buy", "buy", "buys"))
    ]
    page: str = _templates().get_template("ticket.html.j2").render(
        mark=MARK.decode(),
        ticket=ticket,
        groups=[group for group in groups if group["orders"]],
        totals=_totals(ticket),
        costs=_costs(ticket),
        turnover=_percent(ticket.totals["turnover"]),
        sent="; ".join(dict.fromkeys(_kind(order) for order in ticket.orders)) or "none",
        limited=any(order.limit_price is not None for order in ticket.orders),
        held=_by_reason(ticket.held),
        accounts=[_account(row, ticket) for row in ticket.accounts],
        hash=" ".join(ticket.hash[k : k + 8] for k in range(0, len(ticket.hash), 8)),
        disclaimer=DISCLAIMER,
    )  # fmt: skip
    return f"{page}\n".encode()


def is_ours(file: BinaryIO) -> bool:
    """Does a file hold such a page?"""
    return MARK in file.read(512)


def _cells(order: Order, least: float, most: float) -> dict[str, Any]:
    """The cells of an order, and the places of its weights from `least` to `most` in its picture."""
    scale = (WIDE - 2.0 * INSET) / ((most - least) or 1.0)
    weights = {"before": order.weight_before, "target": order.weight_target, "after": order.weight_after}
    return {
        "order": order,
        "quantity": "" if order.quantity is None else f"{order.quantity:,.10g}",
        "limit": "" if order.limit_price is None else f"{order.limit_price:,.2f}",
        "price": "no quote" if order.price is None else f"{order.price:,.2f}",
        "notional": _money(order.notional),
        "cost": _money(order.cost),
        "shares": "" if order.shares_before is None or order.shares_after is None
        else f"{order.shares_before:,.10g} → {order.shares_after:,.10g}",
        **{name: _percent(weight) for name, weight in weights.items()},
        "place": {name: number_text(round(INSET + (w - least) * scale, 2)) for name, w in weights.items()},
    }  # fmt: skip


def _totals(ticket: Ticket) -> list[tuple[str, str, str, str]]:
    """Before, change and after of NAV, holdings and cash, currency."""
    totals = ticket.totals
    nav, cash = ((totals[f"{name}_before"], totals[f"{name}_after"]) for name in ("nav", "cash"))
    invested = (round(nav[0] - cash[0], 2), round(nav[1] - cash[1], 2))
    return [
        (name, _money(before), _change(round(after - before, 2)), _money(after))
        for name, (before, after) in {"NAV": nav, "Invested": invested, "Cash": cash}.items()
    ]


def _account(row: Mapping[str, Any], ticket: Ticket) -> str:
    """An account in words: its cash before and after its orders, and their number."""
    before, after = (_money(row[f"cash_{moment}"]) for moment in ("before", "after"))
    orders = "1 order" if row["orders"] == 1 else f"{row['orders']} orders"
    return f"{row['account']} ({row['kind']}) {orders}, cash {before} → {after} {ticket.currency}"


def _costs(ticket: Ticket) -> str:
    """The costs of all orders and their parts, currency."""
    parts = {name: ticket.totals[name] for name in COSTS if ticket.totals[name]}
    named = ", ".join(f"{name.replace('_', '-')} {_money(amount)}" for name, amount in parts.items())
    whole = _money(round(sum(parts.values()), 2))
    return f"{whole} ({named})" if len(parts) > 1 else whole


def _kind(order: Order) -> str:
    """Order type and time in force, in words."""
    return f"{ORDER_TYPES[order.order_type]}, {order.time_in_force.lower()}"


def _by_reason(lines: Iterable[HeldLine]) -> dict[str, list[tuple[str, str, str]]]:
    """(asset, weight, target) of the lines that are held, by reason."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in lines:
        found.setdefault(line.reason, []).append((line.asset, _percent(line.weight), _percent(line.weight_target)))
    return found


def _money(amount: float) -> str:
    return f"{amount:,.2f}".replace("-", "−")


def _change(amount: float) -> str:
    return f"{amount:+,.2f}".replace("-", "−") if amount else "0.00"


def _percent(weight: float) -> str:
    return f"{100.0 * weight:.2f}".replace("-", "−")


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("research.trading.formats", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
