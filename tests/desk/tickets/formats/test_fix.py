"""The FIX message: its length and checksum, and each order to the last digit, as an independent parser reads them."""

from collections.abc import Sequence
from typing import Any

import pytest
import simplefix
from drawn_lists import drawn_tickets

from desk.tickets.formats import fix
from desk.tickets.ticket import Ticket
from foundation.errors import ConfigError

GROUP = {11: "id", 67: "place", 1: "account", 64: "settled", 55: "symbol", 54: "side", 60: "time", 38: "quantity",
         40: "type", 44: "limit", 15: "currency", 59: "force", 48: "isin", 22: "isin_is", 454: "others", 455: "cusip",
         456: "cusip_is"}  # fmt: skip


def check(ticket: Ticket) -> None:
    content = fix.write(ticket)
    if not ticket.orders:
        assert content == b""
        return
    check_frame(content)
    parser = simplefix.FixParser()
    parser.append_buffer(content)
    message = parser.get_message()
    assert message is not None
    assert parser.get_message() is None
    pairs = [(int(tag), value.decode()) for tag, value in message.pairs]
    assert [value for tag, value in pairs if tag in (8, 35, 66, 394, 68, 73)] == [
        "FIX.4.4", "E", ticket.list_id, "3", str(len(ticket.orders)), str(len(ticket.orders)),
    ]  # fmt: skip
    entries: list[dict[str, str]] = []
    for tag, value in pairs[[tag for tag, _ in pairs].index(73) + 1 : -1]:
        if tag == 11:
            entries.append({})
        entries[-1][GROUP[tag]] = value
    for entry, order in zip(entries, ticket.orders, strict=True):
        assert (entry["id"], int(entry["place"]), entry["symbol"], entry["currency"]) == (
            order.client_order_id, order.priority, order.symbol, order.currency,
        )  # fmt: skip
        assert entry.get("account", "") == order.account
        assert entry["side"] == {"buy": "1", "sell": "2"}[order.side]
        assert float(entry["quantity"]) == order.quantity
        assert (entry["type"], entry["force"]) == {
            "market": ("1", "0"), "market_on_close": ("1", "7"), "limit": ("2", "0"),
        }[order.order_type]  # fmt: skip
        assert (float(entry["limit"]) if "limit" in entry else None) == order.limit_price
        isin = ticket.sending.isins.get(order.asset)
        assert (entry.get("isin"), entry.get("isin_is"), entry.get("cusip"), entry.get("cusip_is")) == (
            (isin, "4", isin[2:11], "1") if isin else (None, None, None, None)
        )
        assert entry["settled"] == order.settlement_date.replace("-", "")
        assert entry["time"].startswith(ticket.as_of.replace("-", ""))


def check_frame(content: bytes) -> None:
    """Tags 9 and 10, computed here from the bytes."""
    begin, length, rest = content.split(b"\x01", 2)
    body, check_sum = rest[: int(length[2:])], rest[int(length[2:]) :]
    assert begin == b"8=FIX.4.4"
    assert body.startswith(b"35=E\x01")
    assert body.endswith(b"\x01")
    assert check_sum == b"10=%03d\x01" % (sum(content[: len(content) - len(check_sum)]) % 256)


def test_a_list_of_quoted_lines_is_read_back(quoted_lists: Sequence[Ticket]) -> None:
    for ticket in quoted_lists:
        check(ticket)


def test_a_list_is_read_back_or_refused(desk: Any) -> None:
    for ticket in drawn_tickets(desk):
        if all(order.quantity is not None and order.symbol.isascii() for order in ticket.orders):
            check(ticket)
        else:
            with pytest.raises(ConfigError, match=r"FIX cannot carry the order to (buy|sell) .*: "):
                fix.write(ticket)
