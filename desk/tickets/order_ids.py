"""Ids of orders, from their content: an order that is sent twice has one id, so that a broker refuses the second."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foundation.canonical import content_hash

if TYPE_CHECKING:
    from research.portfolio import TicketTerms

ID_DIGITS = 20  # of a hash: 80 bits an order
LIST_DIGITS = 16  # of a hash: 64 bits a list


def sent_of(
    terms: "TicketTerms",
    side: str,
    asset: str,
    units: float,
    price: float,
    notional: float,
    currency: str,
    account: str,
) -> dict[str, Any]:
    """The fields of an order that are sent, by name; `client_order_id_of` makes its id from them.

    units, price : NaN for an asset without a quote, which trades in an amount of currency.
    """
    from research.portfolio.keys.ticket import LIMIT_ORDER, MARKET_ORDER  # the journal starts without them

    quoted = not math.isnan(price)
    # of an amount there is no limit
    order_type = terms.order_type if quoted or terms.order_type != LIMIT_ORDER else MARKET_ORDER
    return {
        "side": side,
        "symbol": terms.symbol(asset),
        "quantity": rounded_number(units),
        "order_type": order_type,
        "time_in_force": terms.time_in_force,
        "limit_price": terms.limit_price(float(price), currency, buys=side == "buy") if quoted else None,
        "notional": notional,
        "currency": currency,
        "account": account,
    }


def client_order_id_of(sent: Mapping[str, Any], held: float, portfolio: str, as_of: str, terms: "TicketTerms") -> str:
    """The id of an order: the day of its prices, and the start of a hash of its content; the same content, the same id.

    The notional follows from quantity and close, but for an asset without a quote, where it is what is sent.
    held : holding before the order: with a second deposit at one close, the same order is another one.
    """
    content = {key: value for key, value in sent.items() if key != "notional" or sent["quantity"] is None}
    content |= {"held": rounded_number(held), "portfolio": portfolio, "as_of": as_of, **terms.venue(sent["symbol"])}
    return f"{as_of.replace('-', '')}-{content_hash(plain_value(content))[:ID_DIGITS]}"


def plain_value(value: Any) -> Any:
    """A value in JSON types, its whole numbers without a decimal point."""
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def rounded_number(value: float) -> float | None:
    """A price or a quantity to the significant digits of a ticket, or None for NaN."""
    from research.portfolio.keys.ticket import TICKET_DIGITS

    return None if math.isnan(value) else float(f"{value:.{TICKET_DIGITS}g}")


def list_id(ticket: str) -> str:
    """The beginning of the hash of a ticket, by which files and messages name its list."""
    return ticket[:LIST_DIGITS]
