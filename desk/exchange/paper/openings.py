"""Units and cash of the accounts of a ticket before its orders, and what comes to them, as the ticket says."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from desk.exchange.paper.account import Opening
from desk.exchange.paper.orders import exact
from desk.exchange.paper.prices import Bar
from desk.exchange.ticket_orders import flows_of
from foundation.canonical import content_hash


def openings_of(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> tuple[Opening, ...]:
    """Units and cash of the accounts of a ticket before its orders, and the money that comes or goes with them.

    An asset without a quote is held in units of its price, or of
    one unit of currency. Of several accounts, a ticket says only what those hold that trade an asset.
    """
    held = {(each.account, each.kind, each.item): each for each in _openings(document, bars)}
    ticket = document.get("hash") or content_hash(document)
    flows = (Opening(account, "cash", of, exact(amount), ticket) for account, of, amount in flows_of(document))
    return (*held.values(), *flows)


def _openings(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> Iterator[Opening]:
    numbers = {row["account"]: row["number"] for row in document["accounts"]}
    yield from (Opening(account, "cash", currency, amount) for account, currency, amount in _cash(document, numbers))
    for row in document["held"] if not numbers else ():
        units = row["shares"] if row["shares"] is not None else row["value"] / _unit_price(bars, row)
        yield Opening(document["account"], "units", row["symbol"], exact(units))
    for row in document["orders"]:
        if row["shares_before"] is not None:
            yield Opening(row["account"], "units", row["symbol"], exact(row["shares_before"]))
        elif not numbers:
            value = round(row["weight_before"] * document["totals"]["nav_before"], 2)  # to some cents
            value = max(value, row["notional"]) if row["side"] == "sell" else value
            yield Opening(row["account"], "units", row["symbol"], exact(value / _unit_price(bars, row)))


def _cash(document: Mapping[str, Any], numbers: Mapping[str, str]) -> Iterator[tuple[str, str, Decimal]]:
    """Account, currency and amount."""
    only, currency, totals = document["account"], document["currency"], document["totals"]
    if rows := document.get("cash"):
        for row in rows:
            yield numbers.get(row["account"], only), row["currency"], exact(row["before"])
    elif numbers:
        for row in document["accounts"]:
            yield row["number"], currency, exact(row["cash_before"]) - exact(row.get("flow", 0))
    else:
        yield only, currency, exact(totals["cash_before"])


def _unit_price(bars: Mapping[str, Bar], row: Mapping[str, Any]) -> float:
    """The price of a unit; 1 of what trades in amounts of money."""
    bar = bars.get(row["symbol"], Bar())
    return 1.0 if bar.close is None else float(bar.close)
