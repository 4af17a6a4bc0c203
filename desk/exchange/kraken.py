"""Kraken as a venue, through ccxt: what differs from Binance.

A new order is answered without its client id, so that it is asked for among open and closed orders; those may lack it
for some moments, and then it is open by its answer. One that was refused is not there. Fees are asked for in the second
currency of the pair. Trades are those of the whole account, fifty a page: those of orders without a client id are of
others, and left out. Its clock shows whole seconds. The numbers of requests are microseconds, so that those of the next
process are above them: one key is for this alone.
Source : Kraken's reference of the Spot REST API.
"""

import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from desk.exchange.ccxt_venue import CcxtVenue, moment_of_milliseconds
from desk.exchange.venue import Capabilities, NotKnown, OrderState
from desk.exchange.venue_ids import ID_LENGTHS, LETTERS_AND_DIGITS
from desk.feeds.adapter import RateLimits
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from foundation.errors import DataError
from research.orders.fills import Fill

ROWS_A_PAGE = 50
CLIENT_ID = "cl_ord_id"  # as Kraken names it in its refusals
SECOND = timedelta(seconds=1)


class KrakenVenue(CcxtVenue):
    """An account at Kraken, as `CcxtVenue`; it has no test network."""

    exchange, path = "kraken", ""
    pace = RateLimits(15, 45.0)
    capabilities = Capabilities(frozenset({"market", "limit"}), ID_LENGTHS[exchange], LETTERS_AND_DIGITS)
    terms: ClassVar[Mapping[str, str]] = {"oflags": "fciq"}

    def _opened(self, key: str, secret: str, live: bool, address: str) -> Any:
        api = super()._opened(key, secret, live, address)
        api.options["adjustForTimeDifference"], api.nonce = False, lambda: time.time_ns() // 1_000
        return api

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """As `Venue.place`. Raises NotKnown, too, where a client id is refused, which an open order may have."""
        state = super().place(order, client_id)
        if state.status == "refused" and CLIENT_ID in state.reason:
            raise NotKnown(
                f"{self.name} refuses client id {client_id}, and may have an order of it. Look for it there."
            )
        return state

    def wait(self, until: datetime) -> None:
        """As `Venue.wait`, to the next whole second."""
        super().wait(until.replace(microsecond=0) + (SECOND if until.microsecond else 0 * SECOND))

    def state(self, client_id: str) -> OrderState | None:
        """As `Venue.state`."""
        return self._state_at(client_id, "")

    def open_orders(self) -> list[OrderState]:
        """As `Venue.open_orders`, of all pairs; those that others placed have no client id, and are left out."""
        return [self._state(row) for row in self._call("fetch_open_orders") if row["clientOrderId"]]

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """As `Venue.fills`, of its pairs."""
        rows = [row for row in self._rows(since) if row["symbol"] in self.symbols and self._is_own(row)]
        return sorted(map(self._fill, rows), key=lambda fill: fill.moment)

    def _rows(self, since: datetime | None) -> list[dict[str, Any]]:
        """The trades of the account since a moment; new ones shift those of later pages."""
        start, at = None if since is None else int((since - SECOND).timestamp() * 1000), 0
        found: dict[str, dict[str, Any]] = {}
        while True:
            page = self._call("fetch_my_trades", None, start, None, {"ofs": at})
            found |= {row["id"]: row for row in page}
            at += ROWS_A_PAGE
            if len(page) < ROWS_A_PAGE:
                return [
                    row for row in found.values() if since is None or moment_of_milliseconds(row["timestamp"]) >= since
                ]

    def _is_own(self, row: dict[str, Any]) -> bool:
        """True if the order of a trade has a client id."""
        if row["order"] not in self._orders:
            order = self._call("fetch_order", row["order"], row["symbol"])
            self._orders[row["order"]] = order["clientOrderId"] or "", row["symbol"]
        return bool(self._orders[row["order"]][0])

    def _fee(self, market: Mapping[str, Any]) -> Decimal:
        return Decimal(str(market["info"]["fees"][0][1])) / 100  # that of ccxt is an earlier one

    def _placed(self, row: dict[str, Any], client_id: str, symbol: str) -> OrderState:
        state, reference = None, row.get("id")
        with suppress(DataError) if reference else nullcontext():  # it has the order, whatever else it answers
            state = self._state_at(client_id, symbol)
        if state is not None:
            return state
        if not reference:
            raise NotKnown(f"{self.name} does not have order {client_id} yet. Ask again later.")
        self._orders[reference] = client_id, symbol
        return OrderState(client_id, "open", reference=reference)

    def _state_at(self, client_id: str, symbol: str) -> OrderState | None:
        for name in ("fetch_open_orders", "fetch_closed_orders"):
            for row in self._call(name, None, None, None, {"clientOrderId": client_id}):
                if row["clientOrderId"] == client_id:
                    return self._state(row, client_id)
        return None
