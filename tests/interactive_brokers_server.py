"""A server of this machine that speaks Interactive Brokers' Client Portal Web API, with the faults of `venue_server`.

Market orders are filled at once at the quotes, in `parts`, of which each costs a commission; others stay open. Faults
count orders, answers to questions and requests that keep the session.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

from venue_server import HTML, Asked, Reply, VenueServer, serving_venue

API, PAPER_ACCOUNT = "/v1/api", "DU1234567"
COMMISSION = Decimal("0.35")
QUESTIONS = {
    "o163": 'The following order "BUY 12 SPY" price exceeds \nthe Percentage constraint of 3%.\nAre you sure?',
    "o354": "You are submitting an order without market data. We strongly recommend against this.",
    "o2137": "Cross side order warning",
}
NOT_LOGGED_IN = (401, {"error": "not authenticated", "statusCode": 401})
OPEN_STATES = ("PreSubmitted", "Submitted")


@dataclass
class InteractiveBrokers(VenueServer):
    """What the server has.

    quotes     : by symbol, bid and ask; the number of a contract is its place from 101 on.
    currencies : by symbol, where that is not USD.
    listings   : by symbol, the contracts besides that with the quotes.
    questions  : by symbol, the ids of the questions that are asked back, one after the other.
    parts      : equal executions of a market order; of an order in a symbol of `thin` the first alone comes.
    inactive   : symbols of which orders are taken, and then not worked.
    magnified  : symbols that are priced in pence.
    is_whole   : false where lists of orders never say that they are whole.
    empties    : lists of orders that are empty, though they say that they are whole, after they were asked for anew.
    late       : true where the first list of executions of a session is empty.
    silent     : fields of market data that never come.
    missing    : questions for the status of an order that find none.
    same       : by symbol, units held of another contract with that symbol, such as an option.
    """

    FAULTS: ClassVar[Mapping[str, Reply]] = {
        "401": (401, b"Access Denied"),
        "429": (429, {"error": "Too many requests", "statusCode": 429}),
        "503": (503, {"error": "Service Unavailable", "statusCode": 503}),
        "504": (504, HTML),
        "HTML": (200, HTML),
        "list": (200, []),
        "other": (200, [{"order_id": "1", "local_order_id": "other", "order_status": "Submitted"}]),
        "bridge": (400, {"error": "Bad Request: no bridge", "statusCode": 400}),
        "redirect": (302, b""),
    }

    quotes: Mapping[str, tuple[str, str]]
    currencies: Mapping[str, str] = field(default_factory=dict)
    listings: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    questions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cash: dict[str, Decimal] = field(default_factory=lambda: {"USD": Decimal(100_000)})
    units: dict[str, Decimal] = field(default_factory=dict)
    parts: int = 1
    thin: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()
    magnified: tuple[str, ...] = ()
    is_whole: bool = True
    empties: int = 0
    late: bool = False
    silent: tuple[str, ...] = ()
    missing: int = 0
    same: dict[str, Decimal] = field(default_factory=dict)
    page: int = 100
    status: dict[str, Any] = field(default_factory=lambda: {"authenticated": True, "connected": True})
    accounts: tuple[str, ...] = (PAPER_ACCOUNT,)
    selected: str = PAPER_ACCOUNT
    moment: datetime = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)
    orders: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    pending: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    replies: list[bool] = field(default_factory=list)
    streamed: set[str] = field(default_factory=set)
    blank: int = 0

    def begin_session(self) -> None:
        """Begin the session of the next day: orders for the day end, and are not listed; ids are taken again."""
        self.orders.clear()
        self.ids.clear()

    def is_counted(self, method: str, path: str) -> bool:
        """True for an order, for the answer to a question, and for a request that keeps the session."""
        return method == "POST" and (path.endswith(("/orders", "/tickle")) or "/reply/" in path)

    def answer(self, asked: Asked) -> Reply:
        """The answer to a request."""
        path, params = asked.path.removeprefix(API), dict(parse_qsl(asked.query))
        body = json.loads(asked.body or "{}")
        if path == "/iserver/auth/status":
            return 200, {"competing": False, "message": "", **self.status}
        if not self.status["authenticated"]:
            return NOT_LOGGED_IN
        if path.startswith(("/iserver/account/", "/iserver/marketdata")) and not self._was_asked("/iserver/accounts"):
            return 400, {"error": "Please query /accounts first", "statusCode": 400}
        first, _, rest = path[1:].partition("/")
        if first == "portfolio":
            return self._portfolio(rest)
        if path.startswith(f"/iserver/account/{self.selected}/order/"):
            return self._cancel(path.rpartition("/")[2])
        if path.startswith("/iserver/account/order/status/"):
            return self._order_status(path.rpartition("/")[2])
        if path.startswith("/iserver/reply/"):
            return self._replied(path.rpartition("/")[2], body["confirmed"])
        if path.startswith("/iserver/contract/"):
            return 200, self._contract(int(rest.split("/")[1]))
        answers = {
            "/tickle": lambda: (200, {"session": "s", "ssoExpires": 467718}),
            "/iserver/accounts": lambda: (200, {"accounts": [*self.accounts], "selectedAccount": self.selected}),
            "/iserver/account": lambda: self._select(body),
            "/iserver/account/orders": lambda: (200, self._listed(params)),
            "/iserver/account/trades": lambda: (200, self._executions(params)),
            f"/iserver/account/{self.selected}/orders": lambda: self._asked_to_place(body["orders"][0]),
            "/iserver/marketdata/snapshot": lambda: (200, self._snapshot(params)),
            "/iserver/exchangerate": lambda: (200, {"rate": {"EURUSD": 1.0661, "USDEUR": 0.938}[
                params["source"] + params["target"]]}),
            "/trsrv/stocks": lambda: (200, self._stocks(params["symbols"])),
        }  # fmt: skip
        return answers.get(path, lambda: (404, {"error": f"{path} is not found"}))()

    def _was_asked(self, path: str) -> bool:
        return f"GET {API}{path}" in self.asked

    def _select(self, body: Mapping[str, Any]) -> Reply:
        self.selected = body["acctId"]
        return 200, {"set": True, "acctId": self.selected}

    # contracts

    def _conid(self, symbol: str) -> int:
        return [*self.quotes].index(symbol) + 101

    def _symbol(self, conid: int) -> str:
        return [*self.quotes][(conid - 101) % 1000]  # of another contract of the symbol, 1000 more

    def _currency(self, symbol: str) -> str:
        return self.currencies.get(symbol, "USD")

    def _stocks(self, symbol: str) -> dict[str, Any]:
        if symbol not in self.quotes:
            return {}
        in_us = self._currency(symbol) == "USD"
        own = {"conid": self._conid(symbol), "exchange": "ARCA" if in_us else "IBIS", "isUS": in_us}
        rows = [own, *self.listings.get(symbol, [])]
        return {symbol: [{"name": symbol, "assetClass": "STK", "contracts": [row]} for row in rows]}

    def _contract(self, conid: int) -> dict[str, Any]:
        symbol = self._symbol(conid)
        rules = {"increment": 0.01, "priceMagnifier": 100 if symbol in self.magnified else None, "sizeIncrement": 100}
        return {"con_id": conid, "symbol": symbol, "currency": self._currency(symbol), "rules": rules}

    def _snapshot(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        rows = []
        for conid in params["conids"].split(","):
            bid, ask = self.quotes[self._symbol(int(conid))]
            values = {"84": bid, "86": ask, "31": f"C{bid}", "6509": "DPB"}
            shown = {name: values[name] for name in params["fields"].split(",") if name not in self.silent}
            whole = {**shown, "_updated": int(self.moment.timestamp() * 1000)}
            rows.append({"conid": int(conid), "conidEx": conid, **(whole if conid in self.streamed else {})})
            self.streamed.add(conid)
        return rows

    # the account

    def _portfolio(self, rest: str) -> Reply:
        if rest == "accounts":
            return 200, [{"id": each, "accountId": each} for each in self.accounts]
        if not self._was_asked("/portfolio/accounts"):
            return 400, {"error": "Please query /portfolio/accounts first"}
        if rest == f"{self.selected}/positions/invalidate":
            return 200, {"message": "success"}
        if rest == f"{self.selected}/ledger":
            rows = {name: {"currency": name, "cashbalance": float(cash)} for name, cash in self.cash.items()}
            return 200, {**rows, "BASE": {"currency": "BASE", "cashbalance": 1.0}}
        page = int(rest.removeprefix(f"{self.selected}/positions/"))
        rows_of_units = [
            {
                "acctId": self.selected,
                "conid": self._conid(symbol) + add,
                "contractDesc": symbol,
                "position": float(held),
            }
            for add, holdings in ((0, self.units), (1000, self.same))
            for symbol, held in holdings.items()
        ]
        return 200, rows_of_units[page * self.page : (page + 1) * self.page]

    # orders

    def _listed(self, params: Mapping[str, str]) -> dict[str, Any]:
        if params.get("force") == "true" or not self.is_whole:
            self.blank = 1 + self.empties
            return {"orders": [], "snapshot": False}
        self.blank -= 1
        if self.blank >= 0:
            return {"orders": [], "snapshot": self.blank < self.empties}
        return {"orders": [row for row in self.orders if row["acct"] == params["accountId"]], "snapshot": True}

    def _executions(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        is_late, self.late = self.late, False
        return self.trades if params["days"] == "7" and not is_late else []

    def _order_status(self, reference: str) -> Reply:
        self.missing -= 1
        for row in self.orders if self.missing < 0 else ():
            if str(row["orderId"]) == reference:
                total, filled = row["totalSize"], row["filledQuantity"]
                return 200, {"order_id": row["orderId"], "order_status": row["status"], "cum_fill": str(filled),
                             "total_size": str(total)}  # fmt: skip
        return 404, {"error": f"order {reference} is not found"}

    def _cancel(self, reference: str) -> Reply:
        for row in self.orders:
            if str(row["orderId"]) == reference and row["status"] in OPEN_STATES:
                row["status"] = "Cancelled"
                return 200, {"msg": "Request was submitted", "order_id": row["orderId"], "account": self.selected}
        return 400, {"error": f"OrderID {reference} doesn't exist", "statusCode": 400}

    def _asked_to_place(self, body: dict[str, Any]) -> Reply:
        self.bodies.append(body)
        if body["cOID"] in self.ids:
            words = f"Order couldn't be submitted: Local order ID={body['cOID']} is already registered."
            return 400, {"error": words, "statusCode": 400}
        return self._asked_back(body, self.questions.get(self._symbol(body["conid"]), ()))

    def _asked_back(self, body: dict[str, Any], questions: tuple[str, ...]) -> Reply:
        if not questions:
            return self._place(body)
        number = str(uuid5(NAMESPACE_URL, f"{len(self.replies)}{len(self.pending)}"))
        self.pending[number] = body, questions[1:]
        ids = [questions[0]] if questions[0] else []
        words = QUESTIONS.get(questions[0], "Are you sure?")
        return 200, [{"id": number, "message": [words], "isSuppressed": False, "messageIds": ids}]

    def _replied(self, number: str, confirmed: bool) -> Reply:
        self.replies.append(confirmed)
        body, questions = self.pending.pop(number)
        return self._asked_back(body, questions) if confirmed else (200, [])

    def _place(self, body: dict[str, Any]) -> Reply:
        symbol, buys = self._symbol(body["conid"]), body["side"] == "BUY"
        price, units = Decimal(self.quotes[symbol][buys]), Decimal(str(body["quantity"]))
        if buys and units * price > self.cash.get(self._currency(symbol), Decimal()):
            return 200, {"error": "We are unable to accept your order. Your Available Funds are insufficient."}
        self.ids.add(body["cOID"])
        self.moment += timedelta(milliseconds=1)
        row = {
            "acct": body["acctId"], "conid": body["conid"], "orderId": 987000 + len(self.asked), "ticker": symbol,
            "order_ref": body["cOID"], "side": body["side"], "orderType": body["orderType"], "status": "Submitted",
            "totalSize": float(units), "filledQuantity": 0.0,
        }  # fmt: skip
        self.orders.append(row)
        if symbol in self.inactive:
            row["status"] = "Inactive"
        elif body["orderType"] == "MKT":
            self._fill(row, units, price)
        return 200, [{"order_id": str(row["orderId"]), "order_status": row["status"], "encrypt_message": "1"}]

    def _fill(self, row: dict[str, Any], units: Decimal, price: Decimal) -> None:
        symbol, sign, part = row["ticker"], 1 if row["side"] == "BUY" else -1, units / self.parts
        for _ in range(1 if symbol in self.thin else self.parts):
            self.units[symbol] = self.units.get(symbol, Decimal()) + sign * part
            self.cash[self._currency(symbol)] -= sign * part * price + COMMISSION
            row["filledQuantity"] += float(part)
            self.trades.append({
                "execution_id": f"00025b47.{len(self.trades):08}.01.01", "symbol": symbol, "side": row["side"][0],
                "trade_time_r": int(self.moment.timestamp() * 1000), "size": float(part), "price": str(price),
                "order_ref": row["order_ref"], "commission": str(COMMISSION), "account": row["acct"],
                "net_amount": float(part * price), "sec_type": "STK", "conid": row["conid"],
            })  # fmt: skip
        row["status"] = "Filled" if row["filledQuantity"] == row["totalSize"] else "Submitted"


@contextmanager
def interactive_brokers_server(quotes: Mapping[str, tuple[str, str]], **having: Any) -> Iterator[InteractiveBrokers]:
    """A server of these quotes while the block lasts. having : other fields of `InteractiveBrokers`."""
    with serving_venue(InteractiveBrokers(quotes, **having)) as served:
        yield served
