"""A server of this machine that speaks Kraken's spot API, with the faults of `venue_server`.

Market orders are filled at once at the quotes, in `parts`; limit orders stay open. A refused order is not kept. As at
Kraken, all answers are 200, private requests are POST, and a client id is taken again once its order has ended.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qs

from venue_server import HTML, Asked, Reply, VenueServer

KRAKEN_KEY, KRAKEN_SECRET = "krakenkey", base64.b64encode(b"krakensecret").decode()
NAMES = {"XBT": "XXBT", "ETH": "XETH", "XRP": "XXRP", "EUR": "ZEUR"}  # in balances
PAGE = 50


def error(text: str) -> Reply:
    return 200, {"error": [text]}


@dataclass
class Kraken(VenueServer):
    """What the server has.

    quotes : by pair such as XBTEUR, bid and ask.
    total  : by coin or currency as Kraken names it in balances.
    parts  : equal fills of a market order; of an order in a pair of `thin` the first alone comes.
    lags   : true if the lists of open and of closed orders are empty, as they may be for some moments.
    """

    FAULTS: ClassVar[Mapping[str, Reply]] = {
        "rate": error("EAPI:Rate limit exceeded"),
        "busy": error("EService:Busy"),
        "internal": error("EGeneral:Internal error"),
        "nonce": error("EAPI:Invalid nonce"),
        "520": (520, HTML),
        "HTML": (200, HTML),
        "empty": (200, {}),
        "list": (200, []),
    }

    quotes: Mapping[str, tuple[str, str]]
    total: dict[str, Decimal] = field(default_factory=dict)
    parts: int = 1
    thin: tuple[str, ...] = ()
    moment: datetime = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    trades: dict[str, dict[str, Any]] = field(default_factory=dict)
    lags: bool = False
    nonce: int = 0

    def answer(self, asked: Asked) -> Reply:
        """The answer to a request."""
        path = asked.path.removeprefix("/0/")
        params = {name: values[0] for name, values in parse_qs(asked.body.decode() or asked.query).items()}
        if path.startswith("private/") and (fault := self._fault(asked, params)):
            return error(fault)
        routes: dict[str, Callable[[], Any]] = {
            "public/AssetPairs": lambda: {self._id(name): self._pair(name) for name in self.quotes},
            "public/Time": lambda: {"unixtime": int(self.moment.timestamp()), "rfc1123": ""},
            "public/Ticker": lambda: {params["pair"]: self._ticker(params["pair"])},
            "public/Depth": lambda: {params["pair"]: self._depth(params["pair"])},
            "private/BalanceEx": self._balances,
            "private/OpenOrders": lambda: {"open": {} if self.lags else self._of(params, ended=False)},
            "private/ClosedOrders": lambda: {"closed": {} if self.lags else self._of(params, ended=True)},
            "private/QueryOrders": lambda: {params["txid"]: self.orders[params["txid"]]},
            "private/TradesHistory": lambda: self._page(params),
        }
        if path == "private/AddOrder":
            return self._add(params)
        if path == "private/CancelOrder":
            return self._cancel(params)
        return (200, {"error": [], "result": routes[path]()}) if path in routes else (404, HTML)

    def _fault(self, asked: Asked, params: Mapping[str, str]) -> str:
        if asked.headers.get("API-Key", asked.headers.get("Api-Key")) != KRAKEN_KEY:
            return "EAPI:Invalid key"
        digest = hashlib.sha256(params["nonce"].encode() + asked.body).digest()
        right = hmac.new(base64.b64decode(KRAKEN_SECRET), asked.path.encode() + digest, hashlib.sha512).digest()
        if asked.headers.get("API-Sign", asked.headers.get("Api-Sign")) != base64.b64encode(right).decode():
            return "EAPI:Invalid signature"
        last, self.nonce = self.nonce, int(params["nonce"])
        return "" if self.nonce > last else "EAPI:Invalid nonce"

    def _id(self, name: str) -> str:
        return f"{NAMES[name[:3]]}{NAMES[name[3:]]}"

    def _pair(self, name: str) -> dict[str, Any]:
        return {
            "altname": name, "wsname": f"{name[:3]}/{name[3:]}", "aclass_base": "currency", "base": NAMES[name[:3]],
            "aclass_quote": "currency", "quote": NAMES[name[3:]], "lot": "unit", "cost_decimals": 5, "pair_decimals": 2,
            "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.4]],
            "fees_maker": [[0, 0.25]], "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
            "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.01", "status": "online",
        }  # fmt: skip

    def _name(self, pair: str) -> str:
        return next(name for name in self.quotes if pair in (name, self._id(name)))

    def _ticker(self, pair: str) -> dict[str, Any]:
        bid, ask = self.quotes[self._name(pair)]
        return {"a": [ask, "1", "1.000"], "b": [bid, "1", "1.000"], "c": [bid, "0.1"], "v": ["1", "1"], "p": [bid, bid],
                "t": [1, 1], "l": [bid, bid], "h": [ask, ask], "o": bid}  # fmt: skip

    def _depth(self, pair: str) -> dict[str, Any]:
        bid, ask = self.quotes[self._name(pair)]
        stamp = int(self.moment.timestamp())
        return {"asks": [[ask, "1.000", stamp]], "bids": [[bid, "1.000", stamp]]}

    def _balances(self) -> dict[str, Any]:
        return {name: {"balance": str(units), "hold_trade": "0"} for name, units in self.total.items()}

    def _of(self, params: Mapping[str, str], *, ended: bool) -> dict[str, Any]:
        return {
            name: order for name, order in self.orders.items()
            if (order["status"] != "open") == ended and params.get("cl_ord_id") in (None, order["cl_ord_id"])
        }  # fmt: skip

    def _page(self, params: Mapping[str, str]) -> dict[str, Any]:
        since = float(params.get("start", 0))
        newest = [(name, row) for name, row in reversed(self.trades.items()) if row["time"] > since]
        at = int(params.get("ofs", 0))
        return {"trades": dict(newest[at : at + PAGE]), "count": len(newest)}

    def _cancel(self, params: Mapping[str, str]) -> Reply:
        order = self.orders.get(params["txid"])
        if order is None or order["status"] != "open":
            return error("EOrder:Unknown order")
        order |= {"status": "canceled", "reason": "User requested"}
        return 200, {"error": [], "result": {"count": 1}}

    def _add(self, params: Mapping[str, str]) -> Reply:
        name, side, client_id = self._name(params["pair"]), params["type"], params.get("cl_ord_id")
        if client_id is not None and (len(client_id) > 18 or self._of({"cl_ord_id": client_id}, ended=False)):
            return error("EGeneral:Invalid arguments:cl_ord_id")
        units, price = Decimal(params["volume"]), Decimal(self.quotes[name][side == "buy"])
        if units < Decimal("0.0001"):
            return error("EOrder:Order minimum not met")
        coin, money = NAMES[name[:3]], NAMES[name[3:]]
        if (units * price if side == "buy" else units) > self.total.get(money if side == "buy" else coin, 0):
            return error("EOrder:Insufficient funds")
        self.moment += timedelta(milliseconds=1)
        txid = f"O{len(self.orders):05d}-AAAAA-AAAAAA"
        kind, limit = params["ordertype"], params.get("price", "0")
        said = f"{side} {params['volume']} {name} @ {kind}{f' {limit}' if kind == 'limit' else ''}"
        self.orders[txid] = {
            "refid": None, "userref": None, "cl_ord_id": client_id, "status": "open", "reason": None,
            "opentm": self.moment.timestamp(), "starttm": 0, "expiretm": 0, "vol": params["volume"],
            "vol_exec": "0.00000000", "cost": "0.00000", "fee": "0.00000", "price": "0.00000", "stopprice": "0.00000",
            "limitprice": "0.00000", "misc": "", "oflags": params.get("oflags", "fcib"), "trades": [],
            "descr": {"pair": name, "type": side, "ordertype": kind, "price": limit, "price2": "0",
                      "leverage": "none", "order": said, "close": ""},
        }  # fmt: skip
        if kind == "market":
            for k in range(1 if name in self.thin else self.parts):
                self._fill(txid, name, units / self.parts, price, whole=k == self.parts - 1)
        return 200, {"error": [], "result": {"descr": {"order": said}, "txid": [txid]}}

    def _fill(self, txid: str, name: str, units: Decimal, price: Decimal, *, whole: bool) -> None:
        order, sign = self.orders[txid], 1 if self.orders[txid]["descr"]["type"] == "buy" else -1
        fee = units * price * Decimal("0.004")
        for coin, amount in ((NAMES[name[:3]], sign * units), (NAMES[name[3:]], -sign * units * price - fee)):
            self.total[coin] = self.total.get(coin, Decimal()) + amount
        order["vol_exec"] = str(Decimal(order["vol_exec"]) + units)
        order["cost"] = str(Decimal(order["cost"]) + units * price)
        order |= {"price": str(price), "status": "closed" if whole else "open"}
        trade = f"T{len(self.trades):05d}-AAAAA-AAAAAA"
        order["trades"].append(trade)
        self.trades[trade] = {
            "ordertxid": txid, "postxid": "TKH2SE-M7IF5-CFI7LT", "pair": self._id(name), "type": order["descr"]["type"],
            "time": self.moment.timestamp(), "ordertype": "market", "price": str(price), "cost": str(units * price),
            "fee": str(fee), "vol": str(units), "margin": "0.00000", "leverage": "0", "misc": "", "maker": False,
        }  # fmt: skip
