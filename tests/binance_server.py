"""A server of this machine that speaks Binance's spot API, with the faults of `venue_server`.

Market orders are filled at once at the quotes, in `parts`; limit orders stay open. As at Binance, a client id is taken
again once its order has ended.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from venue_server import HTML, Asked, Reply, VenueServer

KEY, SECRET = "binancekey", "binancesecret"
OPEN = ("NEW", "PARTIALLY_FILLED")
WINDOW = 3_600_000  # milliseconds; at Binance 60,000 at most, which a test that is slow might take
STEPS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.00"},
]


@dataclass
class Binance(VenueServer):
    """What the server has.

    quotes  : by the exchange's own name of a pair, bid and ask.
    books   : by the same, bids and asks, each prices and units; where there is none, 1 unit at the quotes.
    free    : by coin or currency, what is not in open orders.
    fee_in  : coin of the fees; "" for the coin or currency that is received.
    parts   : equal fills of a market order; of an order in a pair of `thin` the first alone comes.
    halted  : pairs of which orders are taken and then rejected.
    """

    FAULTS: ClassVar[Mapping[str, Reply]] = {
        "429": (429, {"code": -1003, "msg": f"Too much request weight used for {KEY}."}),
        "418": (418, {"code": -1003, "msg": "Way too much request weight used; IP banned until 1672412400000."}),
        "-1007": (504, {"code": -1007, "msg": "Timeout waiting for response from backend server."}),
        "-1006": (400, {"code": -1006, "msg": "An unexpected response was received from the message bus."}),
        "504": (504, HTML),
        "HTML": (200, HTML),
        "empty": (200, {}),
        "list": (200, []),
    }

    quotes: Mapping[str, tuple[str, str]]
    books: Mapping[str, tuple[list[list[str]], list[list[str]]]] = field(default_factory=dict)
    free: dict[str, Decimal] = field(default_factory=dict)
    fee_in: str = "EUR"
    parts: int = 1
    thin: tuple[str, ...] = ()
    halted: tuple[str, ...] = ()
    moment: datetime = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)
    orders: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stamp(self) -> int:
        """Its clock, milliseconds."""
        return round(self.moment.timestamp() * 1000)

    def answer(self, asked: Asked) -> Reply:
        """The answer to a request."""
        signed = asked.body.decode() or asked.query
        params = dict(parse_qsl(signed))
        method, path = asked.method, asked.path.removeprefix("/api/v3/")
        if "signature" in params and (fault := self._fault(asked, signed, params)):
            return fault
        routes: dict[tuple[str, str], Callable[[], Reply]] = {
            ("GET", "exchangeInfo"): lambda: (200, {"symbols": [self._market(name) for name in self.quotes]}),
            ("GET", "time"): lambda: (200, {"serverTime": self.stamp}),
            ("GET", "ticker/24hr"): lambda: (200, self._ticker(params["symbol"])),
            ("GET", "depth"): lambda: (200, self._depth(params["symbol"])),
            ("GET", "account"): lambda: (200, self._account()),
            ("GET", "order"): lambda: self._one(params),
            ("POST", "order"): lambda: self._place(params),
            ("DELETE", "order"): lambda: self._cancel(params),
            ("GET", "openOrders"): lambda: (200, [o for o in self._of(params) if o["status"] in OPEN]),
            ("GET", "myTrades"): lambda: (200, self._traded(params)),
        }
        return routes.get((method, path), lambda: (404, HTML))()

    def _fault(self, asked: Asked, signed: str, params: Mapping[str, str]) -> Reply | None:
        """Why a signed request is refused, or None."""
        content = signed.rpartition("&signature=")[0]
        right = hmac.new(SECRET.encode(), content.encode(), hashlib.sha256).hexdigest()
        if asked.headers.get("X-MBX-APIKEY") != KEY:
            return 401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
        if params["signature"] != right:
            return 400, {"code": -1022, "msg": "Signature for this request is not valid."}
        if abs(int(params["timestamp"]) - self.stamp) > WINDOW:
            return 400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
        return None

    def _market(self, name: str) -> dict[str, Any]:
        about = {"symbol": name, "status": "TRADING", "baseAsset": name[:3], "quoteAsset": name[3:], "filters": STEPS}
        digits = dict.fromkeys(("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision"), 10**9)  # absurd
        return about | digits | {"orderTypes": ["LIMIT", "MARKET"], "isSpotTradingAllowed": True, "permissions": []}

    def _ticker(self, name: str) -> dict[str, Any]:
        bid, ask = self.quotes[name]
        return {"symbol": name, "bidPrice": bid, "askPrice": ask, "lastPrice": bid, "closeTime": self.stamp, "count": 1}

    def _depth(self, name: str) -> dict[str, Any]:
        bids, asks = self.books.get(name, ([[self.quotes[name][0], "1"]], [[self.quotes[name][1], "1"]]))
        return {"lastUpdateId": 1, "bids": bids, "asks": asks}

    def _account(self) -> dict[str, Any]:
        return {"balances": [{"asset": coin, "free": str(units), "locked": "0"} for coin, units in self.free.items()]}

    def _of(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        return [order for order in self.orders if order["symbol"] == params["symbol"]]

    def _one(self, params: Mapping[str, str]) -> Reply:
        name = "clientOrderId" if "origClientOrderId" in params else "orderId"
        value = params.get("origClientOrderId") or int(params["orderId"])
        found = [order for order in self._of(params) if order[name] == value]
        return (200, found[-1]) if found else (400, {"code": -2013, "msg": "Order does not exist."})

    def _cancel(self, params: Mapping[str, str]) -> Reply:
        status, order = self._one(params)
        if status != 200 or order["status"] not in OPEN:
            return 400, {"code": -2011, "msg": "Unknown order sent."}
        order["status"] = "CANCELED"
        return 200, order

    def _traded(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        rows = [row for row in self.trades if row["symbol"] == params["symbol"]]
        return [row for row in rows if row["time"] >= int(params.get("startTime", 0))][: int(params["limit"])]

    def _place(self, params: Mapping[str, str]) -> Reply:
        name, side, client_id = params["symbol"], params["side"], params["newClientOrderId"]
        if any(order["clientOrderId"] == client_id and order["status"] in OPEN for order in self.orders):
            return 400, {"code": -2010, "msg": "Duplicate order sent."}
        units, price = Decimal(params["quantity"]), Decimal(self.quotes[name][side == "BUY"])
        if (units * price if side == "BUY" else units) > self.free.get(name[3:] if side == "BUY" else name[:3], 0):
            return 400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}
        self.moment += timedelta(milliseconds=1)
        order = {
            "symbol": name, "orderId": len(self.orders) + 1, "orderListId": -1, "clientOrderId": client_id,
            "price": params.get("price", "0.00000000"), "origQty": params["quantity"], "executedQty": "0.00000000",
            "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": params["type"],
            "side": side, "time": self.stamp, "updateTime": self.stamp, "transactTime": self.stamp,
        }  # fmt: skip
        self.orders.append(order)
        if name in self.halted:
            order["status"] = "REJECTED"
        elif params["type"] == "MARKET":
            for k in range(1 if name in self.thin else self.parts):
                self._fill(order, units / self.parts, price, whole=k == self.parts - 1)
        return 200, dict(order)

    def _fill(self, order: dict[str, Any], units: Decimal, price: Decimal, *, whole: bool) -> None:
        base, quote = order["symbol"][:3], order["symbol"][3:]
        got, gave = ((base, units), (quote, units * price))[:: 1 if order["side"] == "BUY" else -1]
        coin = self.fee_in or got[0]
        fee = {base: units, quote: units * price}.get(coin, Decimal(1)) / 1000
        for name, amount in ((got[0], got[1]), (gave[0], -gave[1]), (coin, -fee)):
            self.free[name] = self.free.get(name, Decimal()) + amount
        filled = Decimal(order["executedQty"]) + units
        order |= {"executedQty": str(filled), "cummulativeQuoteQty": str(filled * price)}
        order["status"] = "FILLED" if whole else "PARTIALLY_FILLED"
        self.trades.append({
            "symbol": order["symbol"], "id": len(self.trades) + 1, "orderId": order["orderId"], "price": str(price),
            "qty": str(units), "quoteQty": str(units * price), "commission": str(fee), "commissionAsset": coin,
            "time": self.stamp, "isBuyer": order["side"] == "BUY", "isMaker": False,
        })  # fmt: skip
