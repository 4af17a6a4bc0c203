"""Alpaca as a venue: the orders of one account, by the API of paper trading or of live trading.

The account is that of the two keys, which come from the environment or the system's keyring, as those of data sources
do. Cash is what buys without margin. Alpaca charges no commission; fees of regulators are debited at the end of a day
beside the fills, and are in no fill here, but among the amounts of cash. A fill that is busted is not taken back here.
Source : Alpaca's reference of the Trading API, version 2, and of the Market Data API.
"""

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote

from desk.exchange.connection import ConnectedVenue, Connection, VenueAnswer
from desk.exchange.venue import Capabilities, OrderState, Status, SymbolRules
from desk.feeds.adapter import RateLimits
from desk.feeds.fetching import read_key
from desk.feeds.pace import Clock
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.formats.alpaca import (
    ALPACA_CURRENCY,
    ALPACA_DECIMALS,
    PAIR_MARK,
    coin_fault,
    order_body,
    order_faults,
)
from desk.tickets.ticket import Order
from foundation.arguments import shown
from foundation.errors import ConfigError, DataError
from research.orders.bookkeeping.columns import CASH_KINDS, COLUMN_OF_VENUE
from research.orders.fills import Fill
from research.portfolio.holdings.cash_entries import CashEntry, EntryKind
from research.portfolio.keys.ticket import ORDER_TYPES

KEY_VARIABLES = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")  # environment variables, and headers with hyphens
KEYS_FROM = "https://app.alpaca.markets"
PAPER, LIVE, DATA = "https://paper-api.alpaca.markets", "https://api.alpaca.markets", "https://data.alpaca.markets"
A_MINUTE = RateLimits(200, 60.0)
ORDERS_A_PAGE, ACTIVITIES_A_PAGE = 500, 100
CLOSE_CUTOFF = timedelta(minutes=10)  # before the close, 15:50 in New York: from then on no order for it is taken
OVERLAP = timedelta(seconds=1)  # asked for before `since`: whether that moment itself is in an answer is not documented
ENDED: Mapping[str, Status] = {  # any other status is of an order that is open
    "filled": "filled",
    "canceled": "cancelled",
    "expired": "cancelled",
    "replaced": "cancelled",
    "rejected": "refused",
}
COIN_PAIR = re.compile(r"(.+?)(USD[CT]?|BTC)")  # of a position, which has no stroke


EXECUTED = (None, "executed")  # statuses of an activity that moved cash; most state none


def check_coins(document: Mapping[str, Any]) -> None:
    """Refuse coins without their pair: Alpaca would take the share with the same ticker.

    document : of a ticket.
    Raises   : ConfigError.
    """
    for order in document["orders"]:
        kind = document.get("sec_types", {}).get(order["asset"], document["sec_type"])
        if fault := coin_fault(order["asset"], order["symbol"], kind):
            raise ConfigError(f"order {order['client_order_id']} to {order['side']} {order['asset']}: {fault}")


class AlpacaVenue(ConnectedVenue):
    """An account at Alpaca, as `desk.exchange.venue.Venue` has it.

    name    : name of the venue in journal and messages.
    trading : address of the Trading API: `PAPER`, `LIVE`, or a server that speaks it.
    data    : address of the Market Data API.
    clock   : clock of the pace of requests, and of waiting.
    Raises  : DataError where a key is missing.
    """

    capabilities = Capabilities(frozenset(ORDER_TYPES), 128, string.ascii_letters + string.digits + "-")

    def __init__(
        self, name: str = "alpaca", trading: str = PAPER, data: str = DATA, clock: Clock | None = None
    ) -> None:
        self.name, self._trading, self._data = name, f"{trading}/v2", data
        keys = [read_key(name, variable, KEYS_FROM) for variable in KEY_VARIABLES]
        headers = {variable.replace("_", "-"): key for variable, key in zip(KEY_VARIABLES, keys, strict=True)}
        super().__init__(Connection(name, headers, keys, A_MINUTE, clock or Clock()))
        self._orders: dict[str, tuple[str, str]] = {}  # by Alpaca's own id, the client id and the symbol

    def now(self) -> datetime:
        """As `Venue.now`."""
        return self._moment(self._record("/clock"), "timestamp")

    # orders

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """As `Venue.place`. An order that Alpaca does not take is refused before it is sent."""
        self._check_account(order.account, self._account)
        if fault := self._fault(order):
            return OrderState(client_id, "refused", reason=fault)
        body = order_body(replace(cast(Order, order), client_order_id=client_id))
        answer = self._connection.ask("POST", f"{self._trading}/orders", body=body)
        if answer.status < 300:
            return self._checked(answer.content, client_id)
        if answer.status == 422 and (existing := self.state(client_id)):  # the id is taken: by the same order
            return existing
        return OrderState(client_id, "refused", reason=self._refusal(answer))

    def state(self, client_id: str) -> OrderState | None:
        """As `Venue.state`."""
        answer = self._get("/orders:by_client_order_id", {"client_order_id": client_id}, missing=True)
        return None if answer is None else self._checked(answer, client_id)

    def open_orders(self) -> list[OrderState]:
        """As `Venue.open_orders`."""
        params = {"status": "open", "limit": str(ORDERS_A_PAGE), "direction": "asc"}
        rows = self._pages("/orders", params, ORDERS_A_PAGE, "after", "submitted_at")
        return [self._state(row) for row in rows]

    def _send_cancel(self, order: OrderState) -> None:
        self._connection.ask("DELETE", f"{self._trading}/orders/{order.reference}")  # of one that ended, it answers 422

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """As `Venue.fills`."""
        params = {"activity_types": "FILL", "direction": "asc", "page_size": str(ACTIVITIES_A_PAGE)}
        if since is not None:
            params["after"] = (since - OVERLAP).isoformat()
        rows = self._pages("/account/activities", params, ACTIVITIES_A_PAGE, "page_token", "id")
        return [fill for fill in map(self._fill, rows) if since is None or fill.moment >= since]

    # account

    def cash_entries(self, since: datetime) -> list[CashEntry]:
        """The dollars that came and went without an order since a moment, in the kinds of the activities of Alpaca.

        Fees in units of coins are not among them. Ids are those that a file of these activities has in a book.
        """
        params = {"category": "non_trade_activity", "direction": "asc", "page_size": str(ACTIVITIES_A_PAGE)}
        params["after"] = (since - OVERLAP).isoformat()
        rows = self._pages("/account/activities", params, ACTIVITIES_A_PAGE, "page_token", "id")
        return [
            self._cash_entry(row) for row in rows if self._number(row, "net_amount") and row.get("status") in EXECUTED
        ]

    def cash(self, account: str) -> Mapping[str, Decimal]:
        """As `Venue.cash`."""
        self._check_account(account, self._account)
        return {ALPACA_CURRENCY: self._number(self._record("/account"), "non_marginable_buying_power")}

    def units(self, account: str) -> Mapping[str, Decimal]:
        """As `Venue.units`; units sold short are below zero."""
        self._check_account(account, self._account)
        return {self._symbol(row): self._signed_units(row) for row in self._list(self._get("/positions"), "/positions")}

    # market

    def quotes(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        """As `Venue.quotes`: the best of all exchanges where the plan has them, else those of IEX."""
        wanted = list(symbols)
        coins = [symbol for symbol in wanted if PAIR_MARK in symbol]
        shares = [symbol for symbol in wanted if PAIR_MARK not in symbol]
        snapshots: dict[str, Any] = {}
        if shares:
            snapshots |= self._snapshots("/v2/stocks/snapshots", shares)
        if coins:
            of_coins = self._snapshots("/v1beta3/crypto/us/snapshots", coins)
            snapshots |= self._dict(of_coins.get("snapshots"), "snapshots")
        quotes = {symbol: self._quote(snapshots.get(symbol)) for symbol in wanted}
        return {symbol: quote for symbol, quote in quotes.items() if quote is not None}

    def rules(self, symbols: Iterable[str]) -> Mapping[str, SymbolRules]:
        """As `Venue.rules`. A share that is not divided trades in whole units; ticks are stated for coins alone."""
        assets = {each: self._get(f"/assets/{quote(each, safe='')}", missing=True) for each in symbols}
        return {symbol: self._rules(row) for symbol, row in assets.items() if row and row.get("tradable") is True}

    # requests

    def _get(self, path: str, params: Mapping[str, str] | None = None, *, missing: bool = False) -> Any:
        """The content of an answer. missing : true to give None where Alpaca does not have it (404)."""
        answer = self._connection.ask("GET", f"{self._trading}{path}", params)
        if answer.status == 404 and missing and isinstance(answer.content, dict):
            return None
        if answer.status != 200:
            raise DataError(f"{self.name} refuses a question ({path}): {self._refusal(answer)}")
        return answer.content

    def _record(self, path: str) -> dict[str, Any]:
        return self._dict(self._get(path), path)

    def _pages(
        self, path: str, params: Mapping[str, str], size: int, token: str, name: str
    ) -> Iterator[dict[str, Any]]:
        """The rows of all pages. token : parameter that asks for the next page by the `name` of the last row."""
        while page := self._list(self._get(path, params), path):
            yield from page
            last = self._text(page[-1], name)
            if len(page) < size or params.get(token) == last:
                return
            params = {**params, token: last}

    def _snapshots(self, path: str, symbols: Iterable[str]) -> dict[str, Any]:
        answer = self._connection.ask("GET", f"{self._data}{path}", {"symbols": ",".join(symbols)})
        if answer.status != 200:
            raise DataError(f"{self.name} gives no quotes: {self._refusal(answer)}")
        return self._dict(answer.content, path)

    # answers

    def _fault(self, order: Order | ExchangeOrder) -> str:
        """The reason for which an order is not sent, or ""."""
        if isinstance(order, ExchangeOrder):
            return "Alpaca exchanges no currencies."
        if faults := list(order_faults(order)):
            return " ".join(faults)
        return self._close_fault() if order.order_type == "market_on_close" else ""

    def _close_fault(self) -> str:
        clock = self._record("/clock")
        last = self._moment(clock, "next_close") - CLOSE_CUTOFF
        if clock.get("is_open") is True and self._moment(clock, "timestamp") >= last:
            return f"orders for this close were taken until {last:%H:%M} UTC. Send it at market, or for the next close."
        return ""

    def _checked(self, row: Any, client_id: str) -> OrderState:
        """The state of an order that must be the one asked for."""
        state = self._state(self._dict(row, "order"))
        if state.client_id != client_id:
            self._shape(f"order {client_id}", row)
        return state

    def _state(self, row: dict[str, Any]) -> OrderState:
        reference, client_id = self._text(row, "id"), self._text(row, "client_order_id")
        self._orders[reference] = client_id, self._text(row, "symbol")
        stated, filled = self._text(row, "status"), self._number(row, "filled_qty")
        if row.get("qty") is None and filled:  # an order in an amount
            filled *= self._number(row, "filled_avg_price")
        status = ENDED.get(stated, "open")
        reason = "" if status in ("open", "filled") else f"it is {row.get('reject_reason') or stated} at Alpaca"
        return OrderState(client_id, status, filled, reference, reason)

    def _fill(self, row: dict[str, Any]) -> Fill:
        order_id = self._text(row, "order_id")
        if order_id not in self._orders:
            self._state(self._record(f"/orders/{order_id}"))
        client_id, symbol = self._orders[order_id]
        return Fill(
            asset=symbol,
            side="buy" if self._text(row, "side") == "buy" else "sell",  # or sell_short
            quantity=self._number(row, "qty"),
            price=self._number(row, "price"),
            currency=ALPACA_CURRENCY,
            moment=self._moment(row, "transaction_time"),
            fill_id=self._text(row, "id"),
            venue=self.name,
            order_id=client_id,
            account=self._account,
        )

    def _cash_entry(self, row: dict[str, Any]) -> CashEntry:
        activity, amount = self._text(row, "activity_type"), self._number(row, "net_amount")
        kind: EntryKind = next((kind for kind, words in CASH_KINDS.items() if words.search(activity)), "other")
        if kind == "deposit" and amount < 0:
            kind = "withdrawal"
        return CashEntry(
            entry_id=f"{COLUMN_OF_VENUE['activity_type']}:{self._text(row, 'id')}",
            kind=kind,
            day=self._moment({"date": f"{self._text(row, 'date')}T00:00:00Z"}, "date").date(),
            account=self._account,
            currency=ALPACA_CURRENCY,
            amount=amount,
            asset=row.get("symbol") or "",
            words=row.get("description") or activity,
        )

    def _symbol(self, row: dict[str, Any]) -> str:
        """The symbol of a position as orders have it: a coin's is a pair."""
        symbol = self._text(row, "symbol")
        pair = COIN_PAIR.fullmatch(symbol) if row.get("asset_class") == "crypto" else None
        return PAIR_MARK.join(pair.groups()) if pair else symbol

    def _signed_units(self, row: dict[str, Any]) -> Decimal:
        units = abs(self._number(row, "qty"))
        return -units if row.get("side") == "short" else units

    def _quote(self, row: Any) -> Quote | None:
        """The quote of a snapshot; a side with the price 0 is not there."""
        best, last = ((row or {}).get(name) or {} for name in ("latestQuote", "latestTrade"))
        sides = ((best, "bp"), (best, "ap"), (last, "p"))
        bid, ask, price = (float(self._number(of, name)) or None if name in of else None for of, name in sides)
        if bid is None and ask is None and price is None:
            return None
        return Quote(bid, ask, price, self.name, str(best.get("t") or last.get("t")))

    def _rules(self, row: dict[str, Any]) -> SymbolRules:
        if row.get("class") == "crypto":
            return SymbolRules(self._number(row, "min_trade_increment"), self._number(row, "price_increment"))
        return SymbolRules(Decimal(1).scaleb(-ALPACA_DECIMALS) if row.get("fractionable") is True else Decimal(1))

    @cached_property
    def _account(self) -> str:
        return self._text(self._record("/account"), "account_number")

    def _refusal(self, answer: VenueAnswer) -> str:
        """The message of a refusal."""
        content = answer.content
        message = content.get("message") if isinstance(content, dict) else content
        return f"{shown(message)} (status {answer.status})"

    def _moment(self, row: dict[str, Any], name: str) -> datetime:
        text = self._text(row, name)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self._shape(name, row)
        if moment.tzinfo is None:
            self._shape(name, row)
        return moment.astimezone(UTC)
