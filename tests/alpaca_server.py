"""A server of this machine that speaks Alpaca's Trading and Market Data API, with the faults of `venue_server`.

`alpaca_server()` gives one. Market orders are filled at once at the quotes, in `parts`; limit orders and those for the
close stay open.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote
from uuid import NAMESPACE_URL, uuid5

from venue_server import HTML, Asked, Reply, VenueServer, serving_venue

KEYS = {"APCA-API-KEY-ID": "PKTESTKEY", "APCA-API-SECRET-KEY": "secret/with+signs=="}
ACCOUNT = "PA3TEST"
OTHER_ORDER = {"id": "1", "client_order_id": "other", "symbol": "SPY", "status": "new", "filled_qty": "0"}
NOT_ENOUGH = {"code": 40310000, "message": "insufficient buying power", "buying_power": "0"}


@dataclass
class Alpaca(VenueServer):
    """What the server has.

    quotes : by symbol, bid and ask.
    cash   : dollars.
    parts  : equal fills of a market order; of an order in a symbol of `thin` the first alone comes.
    halted : symbols of which orders are taken and then rejected.
    refused : symbols of which orders are not taken.
    amounts : activities that are no trades.
    late   : true where market orders are filled when the clock is next asked for, and not at once.
    """

    FAULTS: ClassVar[Mapping[str, Reply]] = {
        "429": (429, {"code": 42910000, "message": f"rate limit exceeded for {KEYS['APCA-API-SECRET-KEY']}."}),
        "504": (504, HTML),
        "503": (503, {"code": 50310000, "message": "service unavailable"}),
        "HTML": (200, HTML),
        "list": (200, []),
        "other": (200, OTHER_ORDER),
        "redirect": (302, b""),
    }

    quotes: Mapping[str, tuple[str, str]]
    cash: Decimal = Decimal(100_000)
    units: dict[str, Decimal] = field(default_factory=dict)
    parts: int = 1
    thin: tuple[str, ...] = ()
    halted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    late: bool = False
    moment: datetime = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)
    closes: datetime = datetime(2022, 12, 30, 21, 0, tzinfo=UTC)
    orders: list[dict[str, Any]] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)
    amounts: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[tuple[dict[str, Any], Decimal, Decimal]] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        """The answer to a request."""
        if any(asked.headers.get(name) != key for name, key in KEYS.items()):
            return 401, {"message": "unauthorized."}
        method, path = asked.method, asked.path
        params, body = dict(parse_qsl(asked.query)), json.loads(asked.body or "{}")
        if path.startswith(("/v2/stocks", "/v1beta3")):
            return self._snapshots(path, params["symbols"].split(","))
        first, _, rest = path.removeprefix("/v2/").partition("/")
        routes: dict[tuple[str, str], Callable[[], Reply]] = {
            ("POST", "orders"): lambda: self._place(body),
            ("DELETE", "orders"): lambda: self._cancel(rest),
            ("GET", "orders"): lambda: self._one("id", rest) if rest else (200, self._listed(params)),
            ("GET", "orders:by_client_order_id"): lambda: self._one("client_order_id", params["client_order_id"]),
            ("GET", "account"): lambda: (200, self._activities(params) if rest else self._account()),
            ("GET", "positions"): lambda: (200, [self._position(*each) for each in self.units.items() if each[1]]),
            ("GET", "clock"): lambda: (200, self._clock()),
            ("GET", "assets"): lambda: self._asset(unquote(rest)),
        }
        return routes.get((method, first), lambda: (404, {"code": 40410000, "message": "endpoint not found"}))()

    def _clock(self) -> dict[str, Any]:
        self._fill_waiting()
        times = {"timestamp": self.moment, "next_open": self.closes, "next_close": self.closes}
        return {"is_open": self.moment < self.closes} | {name: time.isoformat() for name, time in times.items()}

    def _account(self) -> dict[str, Any]:
        return {
            "account_number": ACCOUNT, "status": "ACTIVE", "currency": "USD", "cash": str(self.cash),
            "non_marginable_buying_power": str(self.cash), "buying_power": str(4 * self.cash),
        }  # fmt: skip

    def _position(self, symbol: str, units: Decimal) -> dict[str, Any]:
        side, kind = ("short" if units < 0 else "long"), ("crypto" if "/" in symbol else "us_equity")
        return {"symbol": symbol.replace("/", ""), "asset_class": kind, "qty": str(units), "side": side}

    def _asset(self, symbol: str) -> Reply:
        if symbol not in self.quotes:
            return 404, {"code": 40410000, "message": f"asset not found for {symbol}"}
        if "/" in symbol:
            steps = {"min_order_size": "0.0001", "min_trade_increment": "0.000000001", "price_increment": "0.1"}
            return 200, {"class": "crypto", "symbol": symbol, "tradable": True, "fractionable": True} | steps
        return 200, {"class": "us_equity", "symbol": symbol, "tradable": True, "fractionable": symbol != "WHOLE"}

    def _snapshots(self, path: str, symbols: list[str]) -> Reply:
        at = self.moment.isoformat()
        found = {
            symbol: {"latestQuote": {"t": at, "bp": float(bid), "ap": float(ask)}, "latestTrade": {"p": float(bid)}}
            for symbol, (bid, ask) in self.quotes.items()
            if symbol in symbols
        }
        return 200, {"snapshots": found} if path.startswith("/v1beta3") else found

    def _one(self, name: str, value: str) -> Reply:
        found = [order for order in self.orders if order[name] == value]
        return (200, found[0]) if found else (404, {"code": 40410000, "message": f"order not found for {value}"})

    def _listed(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        after = params.get("after", "")
        rows = [row for row in self.orders if row["status"] in ("new", "partially_filled")]
        return [row for row in rows if row["submitted_at"] > after][: int(params["limit"])]

    def _activities(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        after, token = datetime.fromisoformat(params.get("after", "2000-01-01T00:00:00Z")), params.get("page_token", "")
        if params.get("category") == "non_trade_activity":
            rows = [row for row in self.amounts if datetime.fromisoformat(f"{row['date']}T00:00:00Z") > after]
        else:
            rows = [row for row in self.fills if datetime.fromisoformat(row["transaction_time"]) > after]
        return [row for row in rows if row["id"] > token][: int(params["page_size"])]

    def _cancel(self, name: str) -> Reply:
        status, row = self._one("id", name)
        if status == 404:
            return status, row
        if row["status"] not in ("new", "partially_filled"):
            return 422, {"code": 42210000, "message": f"order is already in {row['status']!r} state"}
        row["status"] = "canceled"
        return 204, b""

    def _place(self, body: Mapping[str, Any]) -> Reply:
        client_id, price = body["client_order_id"], Decimal(self.quotes[body["symbol"]][body["side"] == "buy"])
        if any(order["client_order_id"] == client_id for order in self.orders):
            return 422, {"code": 40010001, "message": "client_order_id must be unique"}
        units = Decimal(body["qty"]) if "qty" in body else round(Decimal(body["notional"]) / price, 9)
        held = self.units.get(body["symbol"], Decimal())
        if body["side"] == "buy" and units * price > self.cash:
            return 403, NOT_ENOUGH
        if body["symbol"] in self.refused:
            return 422, {"code": 42210000, "message": f"asset {body['symbol']} is not active"}
        if body["side"] == "sell" and units > held:
            words = f"insufficient qty available for order (requested: {units}, available: {held})"
            return 403, {"code": 40310000, "message": words, "available": str(held)}
        self.moment += timedelta(milliseconds=1)
        row = {
            "id": str(uuid5(NAMESPACE_URL, client_id)), "client_order_id": client_id, "symbol": body["symbol"],
            "submitted_at": self.moment.isoformat(), "qty": body.get("qty"), "notional": body.get("notional"),
            "filled_qty": "0", "filled_avg_price": None, "side": body["side"], "type": body["type"],
            "time_in_force": body["time_in_force"], "limit_price": body.get("limit_price"), "status": "new",
        }  # fmt: skip
        self.orders.append(row)
        if body["symbol"] in self.halted:
            row["status"] = "rejected"
        elif body["type"] == "market" and body["time_in_force"] != "cls":
            self.waiting.append((row, units, price))
            if not self.late:
                self._fill_waiting()
        return 200, dict(row)

    def _fill_waiting(self) -> None:
        while self.waiting:
            self._fill(*self.waiting.pop(0))

    def _fill(self, row: dict[str, Any], units: Decimal, price: Decimal) -> None:
        for k in range(1 if row["symbol"] in self.thin else self.parts):
            part = units / self.parts
            sign = 1 if row["side"] == "buy" else -1
            self.units[row["symbol"]] = self.units.get(row["symbol"], Decimal()) + sign * part
            self.cash -= sign * part * price
            filled = Decimal(row["filled_qty"]) + part
            whole = k == self.parts - 1
            row |= {"filled_qty": str(filled), "filled_avg_price": str(price)}
            row["status"] = "filled" if whole else "partially_filled"
            self.fills.append({
                "id": f"{self.moment:%Y%m%d%H%M%S%f}::{len(self.fills):09}", "activity_type": "FILL",
                "transaction_time": self.moment.isoformat().replace("+00:00", "Z"), "price": str(price),
                "type": "fill" if whole else "partial_fill", "qty": str(part), "side": row["side"],
                "symbol": row["symbol"], "order_id": row["id"], "leaves_qty": str(units - filled),
                "cum_qty": str(filled), "order_status": row["status"],
            })  # fmt: skip


@contextmanager
def alpaca_server(quotes: Mapping[str, tuple[str, str]], **having: Any) -> Iterator[Alpaca]:
    """A server of these quotes while the block lasts. having : other fields of `Alpaca`."""
    with serving_venue(Alpaca(quotes, **having)) as served:
        yield served
