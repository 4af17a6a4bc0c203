"""What the accounts of a ticket have before its orders, as the ticket says."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from desk.exchange.paper.account import Opening
from desk.exchange.paper.orders import exact
from desk.exchange.paper.prices import Bar


def openings_of(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> tuple[Opening, ...]:
    """What the accounts of a ticket have before its orders, as it says.

    Money that a list is told comes or goes is there. A line without a quote is held in units of its price, or of one
    unit of currency. Of several accounts, a ticket says only what those hold that trade a line.
    """
    return tuple({(each.account, each.kind, each.item): each for each in _openings(document, bars)}.values())


def _openings(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> Iterator[Opening]:
    numbers = {row["account"]: row["number"] for row in document["accounts"]}
    totals, only = document["totals"], document["account"]
    yield from _cash(document, numbers, totals["cash_before"] + totals.get("flow", 0.0))
    if not numbers:
        for row in document["held"]:
            units = row["shares"] if row["shares"] is not None else row["value"] / _unit_price(bars, row)
            yield Opening(only, "units", row["symbol"], exact(units))
    for row in document["orders"]:
        if row["shares_before"] is not None:
            yield Opening(row["account"], "units", row["symbol"], exact(row["shares_before"]))
        elif not numbers:
            value = round(row["weight_before"] * totals["nav_before"], 2)
            yield Opening(row["account"], "units", row["symbol"], exact(value / _unit_price(bars, row)))


def _cash(document: Mapping[str, Any], numbers: Mapping[str, str], cash: float) -> Iterable[Opening]:
    only, currency = document["account"], document["currency"]
    if by_currency := document.get("cash"):
        return (
            Opening(
                numbers.get(row["account"], only),
                "cash",
                row["currency"],
                exact(row["before"]) + exact(row.get("flow", 0)),
            )
            for row in by_currency
        )
    if numbers:
        rows = document["accounts"]
        return (Opening(row["number"], "cash", currency, exact(row["cash_before"])) for row in rows)
    return [Opening(only, "cash", currency, exact(cash))]


def _unit_price(bars: Mapping[str, Bar], row: Mapping[str, Any]) -> float:
    bar = bars.get(row["symbol"], Bar())
    return 1.0 if bar.close is None else float(bar.close)
