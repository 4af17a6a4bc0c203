"""The orders that a broker's format can carry, quantities of named securities; others are refused, with a fix."""

from collections.abc import Callable, Iterable

from desk.tickets.ticket import Order, Ticket
from foundation.errors import ConfigError

COIN = "CRYPTO"
CUSIP_COUNTRIES = ("US", "CA")
Faults = Callable[[Order], Iterable[str]]


def check_carried(orders: Iterable[Order], target: str, faults: Faults) -> None:
    """Raise ConfigError that names every order which a format cannot carry, why, and what to do.

    orders : those of the format: the orders of a ticket, or those by account.
    target : the format, in words.
    faults : faults of an order for this format, besides those for all formats.
    """
    found = dict.fromkeys(
        f"{target} cannot carry the order to {order.side} {order.asset}: {fault}"
        for order in orders
        for fault in (*_for_all(order), *faults(order))
    )
    if found:
        raise ConfigError("\n".join(found))


def cusip_of(isin: str) -> str:
    """The CUSIP in an ISIN of the US or Canada, or "".

    >>> cusip_of("US78462F1030")
    '78462F103'
    """
    return isin[2:11] if isin.startswith(CUSIP_COUNTRIES) else ""


def check_no_exchange(ticket: Ticket, target: str) -> None:
    """Raise ConfigError for a ticket with money to exchange, which a format cannot carry.  target : it, in words."""
    if ticket.fx:
        words = ", ".join(f"{each.side} {each.amount:,.10g} {each.currency}" for each in ticket.fx)
        raise ConfigError(
            f"{target} cannot carry exchanges of currencies: {words}. Use another format, or exchange the money first "
            "and state it as `cash`, by currency, in the portfolio file."
        )


def sec_type(order: Order, ticket: Ticket) -> str:
    """The kind of security of an order, as Interactive Brokers names it."""
    return ticket.sec_types.get(order.asset, ticket.sec_type)


def is_coin(order: Order, ticket: Ticket) -> bool:
    """True if the portfolio file says that the order is in a coin."""
    return sec_type(order, ticket) == COIN


def symbol_fault(order: Order, form: str, fits: bool) -> Iterable[str]:
    """A sentence for a symbol that does not fit. form : the valid form of a symbol, in words."""
    if not fits:
        yield (
            f"its symbol is {order.symbol!r}, and a symbol has {form}. Give the broker's symbol under `ticket`: "
            f"`symbols: {{{order.asset}: …}}`."
        )


def account_fault(order: Order, form: str, fits: bool) -> Iterable[str]:
    """A sentence for an account that does not fit. form : the valid form of an account, in words."""
    if not fits:
        yield f"its account is {order.account!r}, and an account has {form}. Correct `account` under `ticket`."


def _for_all(order: Order) -> Iterable[str]:
    if order.quantity is None:
        yield (
            f"it has no quote on {order.price_date}, so that the order is an amount of {order.notional:,.2f} "
            f"{order.currency} and no number of units. Give the market `quotes` with it, or place this order by hand "
            "from another format."
        )
    elif order.shares_after is not None and order.shares_after < 0.0 and order.side == "sell":
        yield (
            f"it would leave {order.shares_after:,.10g} units, a short sale, which needs a locate. Place this order by "
            "hand from another format."
        )
