"""Interactive Brokers as a venue: the orders of one account, by the Client Portal Web API of its gateway.

A person logs in at the gateway, mostly on this machine, so that there is no key. Numbers of paper accounts begin with
D. A client id is refused while IB has it; before it takes an order, it may ask back: the questions of `CONFIRMED` are
confirmed, and an order with another one is withdrawn, and refused with its words. Listed are the open orders, and those
that ended in the session of the day; executions are those of seven days. Shares and funds trade in whole units.
Source : Interactive Brokers' references of the Client Portal Web API 1.0 and of the Web API; the ids of questions are
those of "Suppressible Message IDs" there.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from desk.exchange.ccxt_venue import moment_of_milliseconds
from desk.exchange.connection import ConnectedVenue, Connection, VenueAnswer
from desk.exchange.venue import Capabilities, NotKnown, OrderState, Status, SymbolRules
from desk.exchange.venue_ids import ID_LENGTHS, LETTERS_AND_DIGITS
from desk.feeds.adapter import RateLimits
from desk.feeds.pace import Clock, RequestPace
from desk.feeds.transport import LOCAL, Http
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.formats.ib_basket import IB_TYPES
from desk.tickets.ticket import Order
from foundation.arguments import refuse, shown
from foundation.errors import DataError
from research.orders.fills import Fill

GATEWAY, GATEWAY_VARIABLE, ACCOUNT_VARIABLE = "https://localhost:5000/v1/api", "IB_GATEWAY", "IB_ACCOUNT"
PAPER_INITIAL = "D"  # of the number of an account for paper trading
CONFIRMED: Mapping[str, str] = {  # questions that are confirmed, by their id, and why
    "o163": "a limit price far from the market: it keeps the collar of the ticket",
    "o354": "no subscription to market data: the ticket was priced, and is checked, by the desk's own prices",
    "o383": "a size above the preset of the login: `sending` has the limits of the desk",
    "o403": "a limit that will fill at once: a rebalancing order is meant to",
    "o451": "a value above the preset of the login: `sending` has the limits of the desk",
    "o10151": "the risk of orders at market: the ticket states the order type",
    "o10153": "a cap that IB may set to the price: what it leaves open is not filled at a worse one",
}
ENDED_AT_IB: Mapping[str, Status] = {"Filled": "filled", "Cancelled": "cancelled", "Inactive": "refused"}  # else open
ORDERS_PATH, TRADES_PATH, ACCOUNTS_PATH = "/iserver/account/orders", "/iserver/account/trades", "/portfolio/accounts"
ALL_REQUESTS, LISTS = RateLimits(10, 1.0), RateLimits(1, 5.0)  # of all requests; of each of the three paths above
TAKEN_ID, NO_SESSION = "Local order ID=", re.compile("no bridge|not authenticated|query /accounts")  # in errors
MAX_QUESTIONS, MAX_LISTS, MAX_QUOTES = 10, 5, 100  # about an order; until the list is whole; in one request
QUOTE_PAUSES = (0.0, 1.0, 1.0, 1.0, 1.0)  # seconds before each request for the same quotes
ANY_EXCHANGE, STOCK = "SMART", "STK"
BID, ASK, LAST, AVAILABILITY = "84", "86", "31", "6509"  # fields of market data
STATED_PRICE = re.compile(r"[CH]?([\d,]*\.?\d+)")  # C: the close of the day before; H: trading is halted
IDLE, ONE_DAY = timedelta(minutes=1), timedelta(days=1)  # a session ends some minutes after its last request


def check_stocks(document: Mapping[str, Any]) -> None:
    """Raise ConfigError for orders of a ticket that are in no stocks: IB would take the share with the same ticker."""
    kinds = document.get("sec_types", {})
    for order in document["orders"]:
        if (kind := kinds.get(order["asset"], document["sec_type"])) != STOCK:
            subject = f"order {order['client_order_id']} to {order['side']} {order['asset']} is of kind"
            refuse(subject, kind, f"This venue trades {STOCK}, shares and traded funds. Send it to another one.")


class InteractiveBrokersVenue(ConnectedVenue):
    """An account at Interactive Brokers, as `desk.exchange.venue.Venue` has it.

    name      : name of the venue in journal and messages.
    currency  : currency of the portfolio, in which fills have their rates.
    exchanges : by symbol, the exchange of its listing as IB names it; SMART for the one in the US, or the only one.
    live      : false for an account of paper trading.
    address   : address of the gateway, or "" for that of the environment variable IB_GATEWAY, or else `GATEWAY`.
    clock     : its clock, and that of the pace of requests.
    Raises    : DataError where nobody is logged in, or not with such an account.
    """

    capabilities = Capabilities(frozenset(IB_TYPES), ID_LENGTHS["interactive_brokers"], LETTERS_AND_DIGITS, True)

    def __init__(
        self, name: str, currency: str, exchanges: Mapping[str, str], *, live: bool = False, address: str = "",
        clock: Clock | None = None
    ) -> None:  # fmt: skip
        self.name, self._currency, self._exchanges = name, currency, exchanges
        self._address = (address or os.environ.get(GATEWAY_VARIABLE) or GATEWAY).rstrip("/")
        clock = clock or Clock()
        transport = Http(verified=urlsplit(self._address).hostname not in LOCAL)
        super().__init__(Connection(name, {}, (), ALL_REQUESTS, clock, transport))
        self._paces = {
            path: RequestPace(name, LISTS, Path(), clock) for path in (ORDERS_PATH, TRADES_PATH, ACCOUNTS_PATH)
        }
        self._references = dict[str, str]()  # by client id, IB's own
        self._conids, self._contracts = dict[str, int | None](), dict[int, dict[str, Any]]()
        self._rates = {currency: Decimal(1)}
        self._account = self._opened(live)

    def now(self) -> datetime:
        """The clock of this machine: IB tells none."""
        return self._connection.clock.now()

    def wait(self, until: datetime) -> None:
        """As `Venue.wait`; the session is kept, and a request for that may get no answer."""
        while until - self.now() > IDLE:
            super().wait(self.now() + IDLE)
            with suppress(NotKnown):
                self._ask("POST", "/tickle", body={})
        super().wait(until)

    # orders

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """As `Venue.place`. An order that IB does not take is refused before it is sent."""
        self._check_account(order.account, self._account)
        if fault := self._fault(order):
            return OrderState(client_id, "refused", reason=fault)
        body = {"orders": [self._body(cast(Order, order), client_id)]}
        answer = self._ask("POST", f"/iserver/account/{self._account}/orders", body=body)
        for _ in range(MAX_QUESTIONS):
            rows = answer.content if isinstance(answer.content, list) else [answer.content]
            row = self._dict(rows[0] if len(rows) == 1 else rows, "order")
            if "message" not in row or "order_id" in row:
                return self._placed(row, client_id)
            ids = [str(each) for each in row.get("messageIds") or ("without an id",)]
            is_confirmed = CONFIRMED.keys() >= {*ids}
            answer = self._ask("POST", f"/iserver/reply/{self._text(row, 'id')}", body={"confirmed": is_confirmed})
            if not is_confirmed:
                reason = f"IB asks {shown(row['message'])} ({', '.join(ids)}), and the desk does not confirm it"
                return OrderState(client_id, "refused", reason=reason)
        raise NotKnown(f"{self.name} asked back {MAX_QUESTIONS} times about order {client_id}. Look for it there.")

    def state(self, client_id: str) -> OrderState | None:
        """As `Venue.state`, of the orders of the session: those are listed."""
        if reference := self._references.get(client_id):
            row = self._record(f"/iserver/account/order/status/{reference}")
            if str(row.get("order_id")) != reference:
                self._shape(f"order {reference}", row)
            return self._state(client_id, row, "order_status", "cum_fill")
        return next((state for state in self._listed() if state.client_id == client_id), None)

    def open_orders(self) -> list[OrderState]:
        """As `Venue.open_orders`; those that were placed by hand have no client id, and are left out."""
        return [state for state in self._listed() if state.status == "open"]

    def _send_cancel(self, order: OrderState) -> None:
        self._ask("DELETE", f"/iserver/account/{self._account}/order/{order.reference}")  # of one that ended, an error

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """As `Venue.fills`, of the last seven days, and of orders with a client id.

        One of another currency than the portfolio's, and of the last 24 hours, has the rate of the moment. One of
        which IB does not state the commission yet is left out.
        """
        fills = [self._fill(row) for row in self._trades() if row.get("commission") is not None]
        return sorted((f for f in fills if since is None or f.moment >= since), key=lambda fill: fill.moment)

    # account and market

    def cash(self, account: str) -> Mapping[str, Decimal]:
        """As `Venue.cash`: the balances by currency, with what trades have not settled yet."""
        self._check_account(account, self._account)
        rows = self._record(f"/portfolio/{self._account}/ledger")
        return {name: self._number(row, "cashbalance") for name, row in rows.items() if name != "BASE"}

    def units(self, account: str) -> Mapping[str, Decimal]:
        """As `Venue.units`; units sold short are below zero."""
        self._check_account(account, self._account)
        path = f"/portfolio/{self._account}/positions"
        self._ask("POST", f"{path}/invalidate", body={})  # else they may be those of some minutes ago
        pages = takewhile(bool, (self._rows(f"{path}/{page}") for page in count()))
        held = defaultdict[str, Decimal](Decimal)
        for row in chain.from_iterable(pages):
            held[self._symbol(row)] += self._number(row, "position")
        return {symbol: units for symbol, units in held.items() if units}

    def quotes(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        """As `Venue.quotes`; the source says so where a price is delayed."""
        wanted = list(symbols)
        if len(wanted) > MAX_QUOTES:
            return {**self.quotes(wanted[:MAX_QUOTES]), **self.quotes(wanted[MAX_QUOTES:])}
        conids = {conid: symbol for symbol in wanted if (conid := self._conid(symbol)) is not None}
        fields, rows = (BID, ASK, LAST), list[dict[str, Any]]()
        params = {"conids": ",".join(map(str, conids)), "fields": ",".join((*fields, AVAILABILITY))}
        for pause in QUOTE_PAUSES if conids else ():  # the first request begins the stream
            self._connection.clock.sleep(pause)
            rows = self._rows("/iserver/marketdata/snapshot", params)
            if all(name in row for name in fields for row in rows):
                break
        quotes = {conids[row["conid"]]: self._quote(row) for row in rows if row.get("conid") in conids}
        return {symbol: each for symbol, each in quotes.items() if {each.bid, each.ask, each.last} != {None}}

    def rules(self, symbols: Iterable[str]) -> Mapping[str, SymbolRules]:
        """As `Venue.rules`; the tick is that of the price of the moment."""
        conids = {symbol: self._conid(symbol) for symbol in symbols}
        rules = {symbol: self._contract(conid)["rules"] for symbol, conid in conids.items() if conid is not None}
        return {symbol: SymbolRules(Decimal(1), self._number(row, "increment")) for symbol, row in rules.items()}

    # requests

    def _opened(self, live: bool) -> str:
        """The number of the account, after what has to be asked before all else."""
        status = self._dict(self._content(self._ask("POST", "/iserver/auth/status", body={})), "status of the session")
        if status.get("authenticated") is not True or status.get("connected") is not True or status.get("competing"):
            self._refuse_session(", ".join(f"{name} {value}" for name, value in status.items()))
        row, chosen = self._record("/iserver/accounts"), os.environ.get(ACCOUNT_VARIABLE, "")
        accounts = [str(each) for each in row.get("accounts") or ()]
        own = chosen or (accounts[0] if len(accounts) == 1 else "")
        if own not in accounts or own.startswith(PAPER_INITIAL) == live:
            kind = "live" if live else "paper"
            raise DataError(
                f"{self.name} needs one account of {kind} trading: the login has {', '.join(accounts)}, and the "
                f"environment variable {ACCOUNT_VARIABLE} is {shown(chosen)}. Name it there, or log in as another user."
            )
        if row.get("selectedAccount") != own:
            self._content(self._ask("POST", "/iserver/account", body={"acctId": own}))
        self._rows(ACCOUNTS_PATH)
        return own

    def _ask(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> VenueAnswer:
        """The answer to a request. Raises, besides what `Connection.ask` does, DataError where the session ended."""
        if path in self._paces:
            self._paces[path].turn()
        answer = self._connection.ask(method, f"{self._address}{path}", params, body)
        if answer.status >= 400 and NO_SESSION.search(answer.text):
            self._refuse_session(answer.text)
        return answer

    def _refuse_session(self, found: str) -> NoReturn:
        raise DataError(
            f"{self.name} has no session in which to trade: found {shown(found)}. Log in at "
            f"{self._address.partition('/v1')[0]}, and end other sessions of this user; then call again."
        )

    def _content(self, answer: VenueAnswer) -> Any:
        if answer.status >= 400 or (isinstance(answer.content, dict) and answer.content.get("error")):
            raise DataError(f"{self.name} refuses a question: {shown(answer.text)} (status {answer.status}).")
        return answer.content

    def _record(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._dict(self._content(self._ask("GET", path, params)), path)

    def _rows(self, path: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self._list(self._content(self._ask("GET", path, params)), path)

    def _listed(self) -> list[OrderState]:
        """The orders of the session with a client id; `force` empties the gateway's copy, and lists may lack it."""
        own = {"accountId": self._account}
        self._record(ORDERS_PATH, {"force": "true", **own})
        answers = (self._record(ORDERS_PATH, own) for _ in range(MAX_LISTS))
        listed = (self._list(each.get("orders"), "orders") for each in answers if each.get("snapshot") is True)
        for attempt, rows in enumerate(listed):
            if rows or attempt:  # an empty one counts the second time
                found = {str(row["order_ref"]): row for row in rows if row.get("order_ref")}
                self._references |= {name: str(self._number(row, "orderId")) for name, row in found.items()}
                return [self._state(name, row, "status", "filledQuantity") for name, row in found.items()]
        raise NotKnown(f"{self.name} lists no orders yet. Ask again later.")

    def _trades(self) -> list[dict[str, Any]]:
        """The executions of seven days that have a client id; the first answer of a session may be empty."""
        params = {"days": "7", "accountId": self._account}
        return [
            row for row in self._rows(TRADES_PATH, params) or self._rows(TRADES_PATH, params) if row.get("order_ref")
        ]

    # contracts

    def _conid(self, symbol: str) -> int | None:
        """The number of the contract of a symbol; None without one listing, and where it is priced in pence."""
        if symbol not in self._conids:
            groups = self._list(self._record("/trsrv/stocks", {"symbols": symbol}).get(symbol) or [], "stocks")
            listings = [self._dict(each, "contract") for group in groups for each in group.get("contracts") or ()]
            exchange = self._exchanges.get(symbol, ANY_EXCHANGE)
            found = [each for each in listings if each.get("exchange") == exchange]
            if exchange == ANY_EXCHANGE:
                found = [each for each in listings if each.get("isUS") is True] or listings
            conids = {int(self._number(each, "conid")) for each in found}
            in_pence = (self._contract(conid)["rules"].get("priceMagnifier") not in (None, 1) for conid in conids)
            self._conids[symbol] = None if len(conids) != 1 or any(in_pence) else conids.pop()
        return self._conids[symbol]

    def _contract(self, conid: int) -> dict[str, Any]:
        if conid not in self._contracts:
            row = self._record(f"/iserver/contract/{conid}/info-and-rules", {"isBuy": "true"})
            self._contracts[conid] = row | {"rules": self._dict(row.get("rules"), "rules")}
        return self._contracts[conid]

    def _symbol(self, row: dict[str, Any]) -> str:
        """The symbol with which an order in the contract of a row would be sent; of an option, IB's and its number."""
        conid = int(self._number(row, "conid"))
        name = self._text(self._contract(conid), "symbol")
        own = (symbol for symbol in (*self._conids, *self._exchanges, name) if self._conid(symbol) == conid)
        return next(own, f"{name} (conid {conid})")

    def _rate(self, currency: str) -> Decimal:
        if currency not in self._rates:
            row = self._record("/iserver/exchangerate", {"source": currency, "target": self._currency})
            self._rates[currency] = self._number(row, "rate")
        return self._rates[currency]

    # answers

    def _fault(self, order: Order | ExchangeOrder) -> str:
        """The reason for which an order is not sent, or ""."""
        if isinstance(order, ExchangeOrder):
            return "currencies are not exchanged by this venue. Exchange them at IB by hand"
        if order.quantity is None or order.quantity % 1:
            return "IB takes whole units by this API. Use `lot: 1` for the asset"
        if (conid := self._conid(order.symbol)) is None:
            fix = "Name its exchange under `ticket: exchanges`, or send it by hand"
            return f"{order.symbol} is no share or fund with one listing at IB, or is priced in pence. {fix}"
        if (currency := self._text(self._contract(conid), "currency")) != order.currency:
            return f"{order.symbol} trades in {currency} there, and the order is in {order.currency}"
        return ""

    def _body(self, order: Order, client_id: str) -> dict[str, Any]:
        body = {
            "acctId": self._account, "conid": self._conid(order.symbol), "cOID": client_id, "side": order.side.upper(),
            "orderType": IB_TYPES[order.order_type], "tif": "DAY", "quantity": int(order.quantity or 0),
            "listingExchange": self._exchanges.get(order.symbol, ANY_EXCHANGE),
        }  # fmt: skip
        return body if order.limit_price is None else body | {"price": order.limit_price}

    def _placed(self, row: dict[str, Any], client_id: str) -> OrderState:
        """The state of an order by the answer to placing it, which is a refusal where IB has its id already."""
        if row.get("local_order_id", client_id) != client_id:
            self._shape(f"order {client_id}", row)
        if "order_id" in row:
            self._references[client_id] = str(row["order_id"])
        elif TAKEN_ID not in (error := self._text(row, "error")):
            return OrderState(client_id, "refused", reason=f"IB answers {shown(error)}")
        try:
            state = self.state(client_id)
        except DataError as error:  # IB may have the order
            raise NotKnown(f"{error}") from error
        if state is None:
            raise NotKnown(f"{self.name} has had client id {client_id}, and lists no order of it. Look for it there.")
        return state

    def _state(self, client_id: str, row: dict[str, Any], status_name: str, filled_name: str) -> OrderState:
        stated, filled = self._text(row, status_name), self._number(row, filled_name)
        status = ENDED_AT_IB.get(stated, "open")
        status = "cancelled" if status == "refused" and filled else status
        reason = "" if status in ("open", "filled") else f"it is {stated} at IB"
        return OrderState(client_id, status, filled, self._references[client_id], reason)

    def _fill(self, row: dict[str, Any]) -> Fill:
        currency = self._text(self._contract(int(self._number(row, "conid"))), "currency")
        moment, commission = moment_of_milliseconds(self._number(row, "trade_time_r")), self._number(row, "commission")
        is_rated = currency != self._currency and self.now() - moment < ONE_DAY
        side = "buy" if self._text(row, "side").startswith("B") else "sell"
        what = (self._symbol(row), side, self._number(row, "size"), self._number(row, "price"), currency, moment)
        about = (self._text(row, "execution_id"), self.name, self._text(row, "order_ref"), self._account)
        fees = {"commission": commission} if commission else {}
        return Fill(*what, *about, fees, self._rate(currency) if is_rated else None)

    def _quote(self, row: dict[str, Any]) -> Quote:
        def price(name: str) -> float | None:
            found = STATED_PRICE.fullmatch(str(row.get(name, "")))
            return float(found[1].replace(",", "")) if found else None

        moment = moment_of_milliseconds(row["_updated"]) if "_updated" in row else self.now()
        delayed = ", delayed" * str(row.get(AVAILABILITY, "")).startswith(("D", "Y"))
        return Quote(price(BID), price(ASK), price(LAST), f"{self.name}{delayed}", moment.isoformat())
