"""An order as the paper venue takes it: the ticket's order, or its exchange of money, in exact numbers."""

from collections.abc import Mapping
from decimal import Decimal

from desk.exchange.ticket_orders import TicketOrder
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from foundation.dataclasses import dataclass
from foundation.paper.cells import number_text
from research.accounting.costs import CHARGED
from research.portfolio.holdings.blotter import SIGN_OF_SIDE

PAIR_DIGITS = 12  # significant, of the price of a currency
DAY_ORDER = "DAY"


@dataclass(frozen=True)
class PaperOrder:
    """An order under its client id.

    account     : account as the order names it.
    symbol      : symbol of the venue; of an exchange of money, the pair.
    item        : symbol whose units are bought or sold, or the foreign currency of an exchange.
    sign        : 1 for a buy, -1 for a sell.
    quantity    : units; currency where the order is `in_money`.
    lot         : least number of units as the ticket states it, or None.
    limit_price : currency per unit, or None.
    price       : price at which the ticket sized it, or the rate of an exchange, currency per unit, or None.
    currency    : currency of the price, the fees and what is paid.
    fees        : by name, the expected costs of the whole order on the ticket, currency.
    fees_of     : units, or currency, that the fees are for: those of the order, of which this may be a slice.
    settles     : settlement day on the ticket.
    is_exchange : true for an exchange of money.
    """

    client_id: str
    account: str
    symbol: str
    item: str
    sign: int
    quantity: Decimal
    lot: Decimal | None
    order_type: str
    time_in_force: str
    limit_price: Decimal | None
    price: Decimal | None
    currency: str
    fees: Mapping[str, Decimal]
    fees_of: Decimal
    settles: str
    in_money: bool = False
    is_exchange: bool = False

    @property
    def step(self) -> Decimal:
        """The step in which it fills, units."""
        return self.lot or Decimal("1e-9")


def paper_order(order: Order | ExchangeOrder, client_id: str) -> PaperOrder:
    """An order of a ticket, a slice of one, or an exchange of money, under its client id."""
    of, is_exchange = TicketOrder(order, client_id), isinstance(order, ExchangeOrder)
    quantity = exact(of.notional if of.quantity is None else of.quantity)
    price, currency = _rate(order) if isinstance(order, ExchangeOrder) else (_optional(order.price), order.currency)
    return PaperOrder(
        client_id=client_id,
        account=order.account,
        symbol=of.symbol,
        item=of.item if is_exchange else of.symbol,
        sign=SIGN_OF_SIDE[order.side],
        quantity=quantity,
        lot=_optional(getattr(order, "lot", None)),
        order_type=of.order_type,
        time_in_force=getattr(order, "time_in_force", DAY_ORDER),
        limit_price=_optional(of.limit_price),
        price=price,
        currency=currency,
        fees={name: exact(getattr(order, name)) for name in CHARGED if not is_exchange},
        fees_of=quantity if of.quantity is None or not of.price else exact(of.notional) / exact(of.price),
        settles=order.settlement_date,
        in_money=of.quantity is None,
        is_exchange=is_exchange,
    )


def _rate(order: ExchangeOrder) -> tuple[Decimal, str]:
    """The price of a unit of the foreign currency, and the currency of that price."""
    rate, first, second = exact(order.rate), order.pair[:3], order.pair[3:]
    return (rate, second) if first == order.currency else (Decimal(f"{1 / rate:.{PAIR_DIGITS}g}"), first)


def _optional(value: float | None) -> Decimal | None:
    return None if value is None else exact(value)


def exact(value: float) -> Decimal:
    """A number as it is written, whole ones without decimals."""
    return Decimal(number_text(value))
