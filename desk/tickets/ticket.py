"""A trade list as a record to approve and send: its orders, each with an id, and a hash of all that it says.

Ids and hash come from content alone. An order that is sent twice has one id, so that a broker refuses the second; a
ticket of which anything was changed has another hash than the one that was approved.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from desk.tickets.exchange_orders import ExchangeOrder, exchange_orders, exchange_row
from desk.tickets.order_ids import client_order_id_of, list_id, plain_value, rounded_number, sent_of
from desk.tickets.order_slices import OrderSlices, order_slices, slices_note
from desk.tickets.sending import SendingTerms, sending_of
from foundation.canonical import content_hash
from foundation.dataclasses import asdict, dataclass, field, fields, replace
from foundation.errors import ConfigError
from research.accounting.costs import CHARGED
from research.orders.cash_by_currency import Local
from research.orders.content import DISCLAIMER, ListContent
from research.orders.trade_lists import TradeList
from research.portfolio import TicketTerms
from research.portfolio.holdings.prices import newest_day
from research.portfolio.holdings.rates import shown_rate

TICKET_SCHEMA = 2  # version of docs/schemas/ticket-2.json
WEIGHT_DECIMALS = 10  # of a weight, fraction of NAV


@dataclass(frozen=True)
class Order:
    """One order, and its effect on its line.

    priority        : place in the sequence from 1, sells first; cash suffices for buys once the sells are filled.
    side            : buy or sell.
    asset, symbol   : the name of the asset, and the broker's.
    quantity, lot   : units of the order, and the least number of them; None for an asset without a quote, which trades
                      in an amount of currency.
    order_type      : market, market_on_close or limit.
    time_in_force   : DAY.
    limit_price     : limit of a limit order, currency per unit.
    price           : the close that it was sized at, currency per unit, or None.
    price_date      : day of that close.
    notional        : value at that close, currency.
    commission, half_spread, ticket, impact, cost : expected costs, currency; `cost` is their sum.
    currency        : currency of all amounts and of the price: that of the asset.
    account         : account that trades, or "".
    settlement_date : day on which money and units change hands, if the order fills on the expected day of trade.
    shares_before, shares_after : units held; None without a quote.
    weight_before, weight_target, weight_after : weights, fraction of NAV.
    reason          : destination of the asset by the order, and its start, in words.
    client_order_id : id made from the content of the order.
    """

    priority: int
    side: str
    asset: str
    symbol: str
    quantity: float | None
    lot: float | None
    order_type: str
    time_in_force: str
    limit_price: float | None
    price: float | None
    price_date: str
    notional: float
    commission: float
    half_spread: float
    ticket: float
    impact: float
    cost: float
    currency: str
    account: str
    settlement_date: str
    shares_before: float | None
    shares_after: float | None
    weight_before: float
    weight_target: float
    weight_after: float
    reason: str
    client_order_id: str


@dataclass(frozen=True)
class RatedOrder(Order):
    """An order in a portfolio of several currencies.

    rate           : value of one unit of its currency in the basis.
    notional_basis : notional in the basis.
    """

    rate: float
    notional_basis: float


@dataclass(frozen=True)
class HeldLine:
    """An asset without an order. shares, price : None without a quote. value : currency. weights : fraction of NAV."""

    asset: str
    symbol: str
    shares: float | None
    price: float | None
    price_date: str
    value: float
    weight: float
    weight_target: float
    reason: str


@dataclass(frozen=True)
class HypotheticalOrder:
    """An order to target today that a list that holds does not send. It has no id."""

    side: str
    asset: str
    quantity: float | None
    price: float | None
    notional: float
    cost: float
    weight_before: float
    weight_target: float
    weight_after: float
    reason: str


@dataclass(frozen=True)
class Ticket:
    """A trade list that can be approved and sent.

    portfolio, file, policy, run, data : inputs of the list; `data` is the fingerprint of the market.
    as_of       : the day of its newest price.
    last_close  : last close of the market, at which the policy decides.
    currency    : currency of all amounts but those of orders, which have their own.
    account     : account that trades, or "".
    exchange, sec_type : terms of Interactive Brokers; `exchanges` and `sec_types` by asset, where they are others.
    holds       : true if there is nothing to send because the policy holds.
    headline    : the list in one line.
    reason      : reason of the policy's decision.
    left_out    : facts of the file that the list does not count, such as cash flows.
    totals      : NAV, cash, sells, buys and costs by name, currency; turnover, fraction of NAV.
    orders      : orders in the sequence in which to send them.
    held        : assets that no order moves.
    would_trade : the trade to target today, if the policy holds.
    outside     : a sentence for each asset outside its range after the orders.
    before_after : the portfolio before, after the exact step and after the orders (`BeforeAfter.record`); {} for a
                  house.
    tax_lots    : tax lots that the orders sell, as rows of `TradeList.tax`.
    harvest     : losses that could be realised after them, as rows of `TradeList.harvest`.
    binding     : the limits that keep orders from the policy's own step, each with its assets.
    notes       : sentences on prices and holdings.
    accounts    : accounts that share the orders, as rows of `TradeList.accounts`; () where the portfolio has one.
    fx          : money to exchange.
    cash        : cash by currency, as rows of `TradeList.cash`; () where the portfolio has one currency.
    approvals   : persons who must approve it; 0 asks for nobody, and is not in the document.
    sending     : terms under which its orders are sent.
    file_sha256 : sha256 of the portfolio file, hex; "" where it is not stated, and then not in the document.
    models      : of a house, sha256 of the portfolio file of each model, by its path from the file of accounts; {} is
                  not in the document.
    slices      : slices of orders by client id; {} where each is sent whole, and then not in the document.
    allocations : of a house, by the id of each block: `account`, `order` (id in the account's own list) and
                  `quantity` of each part; {} where each order is of one account, and then not in the document.
    funding     : of a house, `cash` by account, before the orders, and `adverse_move`, the rise of prices after which
                  buys of an account are still paid; {} is not in the document.
    crosses     : of a house, trades between its accounts without an order, each with `seller`, `buyer`, the ids of
                  their own orders, `quantity`, `price`, its day and source, and `value`; () is not in the document.
    beside      : facts of the machine and the moment, which stand beside the hash and not under it: `path` of the
                  portfolio file, and `journal`, the head of the journal before the list.
    """

    portfolio: str
    file: str
    policy: str
    run: str
    data: str
    as_of: str
    last_close: str
    currency: str
    account: str
    exchange: str
    sec_type: str
    holds: bool
    headline: str
    reason: str
    left_out: str
    totals: Mapping[str, float]
    orders: tuple[Order, ...]
    held: tuple[HeldLine, ...]
    would_trade: tuple[HypotheticalOrder, ...]
    outside: tuple[str, ...]
    before_after: Mapping[str, Any]
    sending: SendingTerms
    tax_lots: tuple[Mapping[str, Any], ...] = ()
    harvest: tuple[Mapping[str, Any], ...] = ()
    binding: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    accounts: tuple[Mapping[str, Any], ...] = ()
    exchanges: Mapping[str, str] = field(default_factory=dict)
    sec_types: Mapping[str, str] = field(default_factory=dict)
    fx: tuple[ExchangeOrder, ...] = ()
    cash: tuple[Mapping[str, Any], ...] = ()
    approvals: int = 0
    file_sha256: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[str, OrderSlices] = field(default_factory=dict)
    allocations: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    crosses: tuple[Mapping[str, Any], ...] = ()
    funding: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def hash(self) -> str:
        """The `content_hash` of `ticket.document`, which holds all that the ticket says."""
        return content_hash(self.document)

    @property
    def list_id(self) -> str:
        """The beginning of the hash, by which files and messages name the list."""
        return list_id(self.hash)

    @property
    def document(self) -> dict[str, Any]:
        """All that the ticket says but its hash and what stands beside it, in plain JSON types.

        Whole numbers have no decimal point.
        """
        parts: dict[str, Any] = {"schema": TICKET_SCHEMA, "disclaimer": DISCLAIMER} | asdict(self)
        del parts["beside"]
        parts["sending"]["limits"] = {name: of for name, of in parts["sending"]["limits"].items() if of is not None}
        rare = {"exchanges", "sec_types", "approvals", "file_sha256", "models", "slices", "allocations", "crosses"}
        rare |= {"funding"} if self.cash else {"funding", "fx", "cash"}
        parts = {name: part for name, part in parts.items() if part or name not in rare}
        whole: dict[str, Any] = plain_value(parts)
        return whole

    @property
    def by_account(self) -> Iterator[Order]:
        """Its orders; a block in parts, each with units, account and id of the account's own list."""
        for order in self.orders:
            for part in self.allocations.get(order.client_order_id, ({},)):
                own = {name: part[name] for name in ("account", "quantity") if part}
                yield replace(order, client_order_id=part.get("order", order.client_order_id), **own)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its orders."""
        return tuple(f.name for f in fields(RatedOrder if self.cash else Order))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its orders and then its exchanges, each with all columns; an exchange has neither price, lot nor weights."""
        exchanges = (dict.fromkeys(self.columns) | exchange_row(each) for each in self.fx)
        return [*map(asdict, self.orders), *exchanges]


def make_ticket(trades: TradeList) -> Ticket:
    """A trade list as a record to approve and send.

    Raises : ConfigError for a buy whose limit price rounds to zero.
    """
    portfolio, content, money = trades.portfolio, trades.content, trades.money
    facts, terms, orders = content.facts, portfolio.ticket, listed_orders(trades)
    slices = order_slices(portfolio, map(asdict, orders))
    given: dict[str, Any] = dict(content.provenance)
    given |= {name: tuple(_records(content, name)) for name in ("tax_lots", "harvest", "accounts", "cash")}
    return Ticket(
        **given,
        currency=portfolio.basis,
        account=terms.account,
        exchange=terms.exchange,
        sec_type=terms.sec_type,
        exchanges=dict(terms.exchanges),
        sec_types=dict(terms.sec_types),
        approvals=terms.approvals,
        holds=bool(facts["holds"]),
        headline=content.headline,
        reason=str(facts["reason"]),
        left_out=str(facts["left_out"]),
        totals={
            name: round(float(value), WEIGHT_DECIMALS) for name, value in facts.items() if isinstance(value, float)
        },
        orders=orders,
        held=tuple(_held_line(row, terms) for row in _rows(content.tables["held"])),
        would_trade=tuple(_hypothetical(row) for row in _rows(content.tables["would_trade"])),
        outside=tuple(content.outside),
        before_after=content.before_after.record(),
        sending=sending_of(portfolio, list(dict.fromkeys(order.asset for order in orders))),
        slices=slices,
        binding=tuple(content.binding),
        notes=(*content.notes, *slices_note(portfolio, slices)),
        fx=() if money is None else tuple(exchange_orders(portfolio, money, len(content.tables["orders"]))),
    )


# -- rows ------------------------------------------------------------------------------------------------------------


def listed_orders(trades: TradeList) -> tuple[Order, ...]:
    """The orders of a trade list in the sequence in which to send them. Raises ConfigError as `make_ticket` does."""
    orders = tuple(_orders(trades))
    _check_limits(orders)
    return orders


def _orders(trades: TradeList) -> Iterator[Order]:
    portfolio, sized, money = trades.portfolio, trades.sized, trades.money
    terms, lines = portfolio.ticket, {asset: i for i, asset in enumerate(portfolio.market.assets)}
    places = {each.name: a for a, each in enumerate(portfolio.accounts)}
    for priority, row in enumerate(_rows(trades.orders), start=1):
        i, price = lines[row["asset"]], rounded_number(row["price"])
        a = places[row["account"]] if places else 0
        (held, kept), account = sized.held(a, i), portfolio.accounts[a].number if places else terms.account
        amounts = _amounts(row, None if money is None else money.local(a, i))
        currency = portfolio.quoted_in[i] if money is not None else portfolio.basis
        sent = sent_of(
            terms, row["side"], row["asset"], row["units"], row["price"], amounts["notional"], currency, account
        )
        yield (Order if money is None else RatedOrder)(
            priority=priority,
            asset=row["asset"],
            lot=None if price is None else rounded_number(sized.position.lots[i]),
            settlement_date=str(portfolio.settlement_date(terms.days(row["asset"]))),
            price=price,
            price_date=row["price_date"],
            shares_before=None if price is None else rounded_number(held),
            shares_after=None if price is None else rounded_number(kept),
            weight_before=_weight(row["weight_before"]),
            weight_target=_weight(row["target"]),
            weight_after=_weight(row["weight_after"]),
            reason=row["reason"],
            client_order_id=client_order_id_of(
                sent, held, portfolio.name, str(newest_day(portfolio.market, portfolio.prices)), terms
            ),
            **(amounts | sent),
        )


def _amounts(row: Mapping[str, Any], local: Local | None) -> dict[str, Any]:
    """The amounts of an order in the currency of its asset; with several currencies, those of a `RatedOrder` too."""
    if local is None:
        return {name: float(row[name]) for name in ("notional", *CHARGED, "cost")}
    amounts = {"notional": abs(local.notional), **local.charges, "cost": local.cost, "notional_basis": row["notional"]}
    return {name: float(amount) for name, amount in amounts.items()} | {"rate": shown_rate(row["rate"])}


def _held_line(row: Mapping[str, Any], terms: TicketTerms) -> HeldLine:
    return HeldLine(
        asset=row["asset"],
        symbol=terms.symbol(row["asset"]),
        shares=rounded_number(row["units"]),
        price=rounded_number(row["price"] * row.get("rate", 1.0)),
        price_date=row["price_date"],
        value=round(float(row["value"]), 2),
        weight=_weight(row["weight"]),
        weight_target=_weight(row["target"]),
        reason=row["reason"],
    )


def _hypothetical(row: Mapping[str, Any]) -> HypotheticalOrder:
    return HypotheticalOrder(
        side=row["side"],
        asset=row["asset"],
        quantity=rounded_number(row["units"]),
        price=rounded_number(row["price"] * row.get("rate", 1.0)),
        notional=float(row["notional"]),
        cost=float(row["cost"]),
        weight_before=_weight(row["weight_before"]),
        weight_target=_weight(row["target"]),
        weight_after=_weight(row["weight_after"]),
        reason=row["reason"],
    )


def _records(content: ListContent, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, none where the list has no such table."""
    rows: list[Any] = content.tables[name].to_dict("records") if name in content.tables else []
    for row in rows:
        found = {key: rounded_number(value) if isinstance(value, float) else value for key, value in row.items()}
        yield found | ({"rate": shown_rate(row["rate"])} if "rate" in row else {})


def _check_limits(orders: Sequence[Order]) -> None:
    """Raise ConfigError for limit prices that a whole tick makes useless: buys at zero, sales above the close."""
    past = [
        f"{each.asset} at {each.price:g}, {each.side} at {each.limit_price:g}"
        for each in orders
        if each.limit_price is not None
        and each.price is not None
        and (each.limit_price == 0.0 if each.side == "buy" else each.limit_price > each.price)
    ]
    if past:
        raise ConfigError(
            "ticket.order_type: a limit price is rounded to a whole tick, so that a buy would be limited to zero and a "
            f"sale to more than the close: found {'; '.join(past)}. Use `order_type: market`, or leave such assets out."
        )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]


def _weight(value: float) -> float:
    return round(float(value), WEIGHT_DECIMALS) + 0.0
