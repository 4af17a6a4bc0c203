"""The orders as one FIX 4.4 message NewOrderList (35=E), ready for a FIX engine.

The engine sets the header of its session: SenderCompID (49), TargetCompID (56), MsgSeqNum (34) and SendingTime (52)
stand for those here. Times are midnight UTC of the close, since the same ticket has to give the same bytes.
The accounts of a block stand in its PreAllocGrp, to be filled in proportion (PreallocMethod 0).
Source: FIX 4.4 Specification with Errata, Volume 4, New Order - List.
"""

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from desk.tickets.formats.carried import account_fault, check_carried, cusip_of, symbol_fault
from desk.tickets.ticket import Order, Ticket
from foundation.paper.cells import cell_text, number_text

SOH = "\x01"
BEGIN, SENDER, TARGET = "FIX.4.4", "REBALANCE", "BROKER"
FIX_SIDES = {"buy": "1", "sell": "2"}
TYPES = {"market": "1", "market_on_close": "1", "limit": "2"}  # at the close is a time in force since FIX 4.3
DAY, AT_THE_CLOSE = "0", "7"
CURRENCY, FOREIGN_EXCHANGE = "4", "FOR"  # of Product; of SecurityType
NO_BIDDING = "3"  # of BidType
ISIN, CUSIP = "4", "1"  # of SecurityIDSource and SecurityAltIDSource
PRO_RATA = "0"  # of PreallocMethod
Fields = list[tuple[int, str]]


def write(ticket: Ticket) -> bytes:
    """One message, or nothing for a ticket without orders. Raises ConfigError for an order that FIX cannot carry."""
    check_carried(ticket.by_account, "FIX", _faults)
    if not ticket.orders and not ticket.fx:
        return b""
    time = f"{ticket.as_of.replace('-', '')}-00:00:00"
    count = str(len(ticket.rows))
    body: Fields = [(35, "E"), (49, SENDER), (56, TARGET), (34, "1"), (52, time)]
    body += [(66, ticket.list_id), (394, NO_BIDDING), (68, count), (73, count)]
    for number, row in enumerate(ticket.rows):
        body += _entry(row, ticket, time, exchange=number >= len(ticket.orders))
    text = "".join(f"{tag}={value}{SOH}" for tag, value in body)
    whole = f"8={BEGIN}{SOH}9={len(text.encode())}{SOH}{text}".encode()
    return whole + f"10={sum(whole) % 256:03d}{SOH}".encode()


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such a message."""
    parts = file.read(64).split(SOH.encode())
    return parts[:1] == [f"8={BEGIN}".encode()] and parts[2:5] == [b"35=E", b"49=REBALANCE", b"56=BROKER"]


def _entry(row: Mapping[str, Any], ticket: Ticket, time: str, *, exchange: bool) -> Fields:
    """An entry of ListOrdGrp, in the order of its fields in the specification.

    A spot exchange of currencies: Side (54) and OrderQty (38) are of Currency (15), either one of the pair.
    """
    symbol, isin = row["symbol"], ticket.sending.isins.get(row["asset"], "")
    cusip, parts = cusip_of(isin), ticket.allocations.get(row["client_order_id"], ())
    accounts = [field for part in parts for field in
                ((79, part["account"]), (467, part["order"]), (80, number_text(part["quantity"])))]  # fmt: skip
    entry = (
        (11, row["client_order_id"]),
        (67, str(row["priority"])),
        (1, row["account"]),
        (591, PRO_RATA if parts else ""),
        (78, str(len(parts)) if parts else ""),
        *accounts,
        (64, row["settlement_date"].replace("-", "")),
        (55, f"{symbol[:3]}/{symbol[3:]}" if exchange else symbol),
        (48, isin),
        (22, ISIN if isin else ""),
        (454, "1" if cusip else ""),
        (455, cusip),
        (456, CUSIP if cusip else ""),
        (460, CURRENCY if exchange else ""),
        (167, FOREIGN_EXCHANGE if exchange else ""),
        (54, FIX_SIDES[row["side"]]),
        (60, time),
        (38, cell_text(row["quantity"])),
        (40, TYPES[row["order_type"]]),
        (44, cell_text(row["limit_price"])),
        (15, row["currency"]),
        (59, AT_THE_CLOSE if row["order_type"] == "market_on_close" else DAY),
    )
    return [(tag, value) for tag, value in entry if value]


def _faults(order: Order) -> Iterable[str]:
    form = "printable ASCII characters only"
    yield from symbol_fault(order, form, order.symbol.isascii())
    yield from account_fault(order, form, order.account.isascii())
