"""The ticket of a house: the lists of all accounts of a file as blocks, and as crosses between accounts.

Its orders are blocks, one for each asset and side, which say by account how they are allocated. So it is approved, sent
and checked as the ticket of one account that holds what all of them hold.
"""

import json
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from desk.tickets.accounts import Model
from desk.tickets.order_ids import ID_DIGITS, rounded_number
from desk.tickets.order_slices import OrderSlices, order_slices, slices_note
from desk.tickets.sending import SendingTerms, sending_of
from desk.tickets.ticket import WEIGHT_DECIMALS, HeldLine, Order, Ticket, listed_orders
from foundation.arrays import Array
from foundation.canonical import content_hash, decimal
from foundation.errors import ConfigError
from foundation.names import name_fault
from foundation.paper.wording import counted
from research.accounting.costs import CHARGED
from research.orders.accounts.crossing import AccountOrder, BlockOrder, Cross, crosses_and_blocks
from research.orders.content import STALE
from research.orders.trade_lists import TradeList
from research.portfolio import Portfolio
from research.portfolio.assumed import assumed_words
from research.portfolio.holdings.blotter import NO_AMOUNT
from research.portfolio.holdings.household import decimal_sum
from research.portfolio.holdings.prices import bases, overrides_first
from research.portfolio.holdings.rates import rounded
from research.portfolio.keys.sending import SendingLimits, SlicingTerms

SAME = ("symbol", "lot", "price", "order_type", "currency", "settlement_date")  # of an asset's orders


class HouseAccount(NamedTuple):
    """An account of a house.

    model    : its model, as the file of accounts names it.
    orders   : orders of its own list.
    units    : units held, by asset.
    cash     : currency.
    is_stale : true if its list has prices that are too old for orders.
    """

    name: str
    model: str
    orders: tuple[Order, ...]
    units: Mapping[str, float]
    cash: float
    is_stale: bool

    @classmethod
    def of(cls, name: str, model: str, trades: TradeList) -> "HouseAccount":
        """An account, from its own list. Raises ConfigError as `make_ticket` does."""
        portfolio, position = trades.portfolio, trades.sized.position
        named = replace(trades, portfolio=replace(portfolio, ticket=replace(portfolio.ticket, account=name)))
        units = dict(zip(portfolio.market.assets, position.units.tolist(), strict=True))
        return cls(name, model, listed_orders(named), units, position.cash, trades.stale)


def house_ticket(
    file: str, accounts: Sequence[HouseAccount], models: Mapping[str, Model], left_out: str = ""
) -> Ticket:
    """The ticket of a house, whose account names it in the journal: the file of accounts is another one each day.

    file     : name of the file of accounts, with its ending.
    accounts : those that have a list.
    models   : models of these accounts, as the file names them.
    left_out : accounts of the file that have none, in words, or "".
    Raises   : ConfigError for models without an account, and where accounts have orders that one ticket cannot have: of
               several currencies, without a quote, or at other terms or prices than those of other models; and as
               `make_ticket` does.
    """
    portfolios = {name: replace(model.portfolio, today=model.as_of) for name, model in models.items()}
    _check_alike(portfolios)
    house = _House(accounts, models)
    portfolio, orders = next(iter(portfolios.values())), house.orders
    terms, sending, slices = portfolio.ticket, list[SendingTerms](), dict[str, OrderSlices]()
    for of in reversed(tuple(portfolios.values())):
        own = [order for order in orders if order.asset in of.market.assets]
        crossed = [cross["asset"] for cross in house.crosses if cross["asset"] in of.market.assets]
        sending.append(sending_of(of, list(dict.fromkeys([*(order.asset for order in own), *crossed]))))
        slices |= order_slices(of, map(asdict, own))
    by_asset: dict[str, Any] = {name: {asset: value for each in sending for asset, value in getattr(each, name).items()}
                for name in ("decision_prices", "isins", "volatilities")}  # fmt: skip
    assumed = "".join(f" {said}" for said in dict.fromkeys(map(assumed_words, portfolios.values())) if said)
    notes = dict.fromkeys(note for model in models.values() for note in model.notes)
    return Ticket(
        portfolio=house_name(portfolios),
        file=file,
        policy=", ".join(dict.fromkeys(model.name for model in models.values())),
        run=", ".join(dict.fromkeys(model.run for model in models.values() if model.run)),
        data=content_hash({name: of.market.fingerprint for name, of in portfolios.items()}),
        as_of=f"{max(of.priced_on for of in portfolios.values()):%Y-%m-%d}",
        last_close=f"{portfolio.date:%Y-%m-%d}",
        currency=portfolio.basis,
        account=terms.account,
        exchange=terms.exchange,
        sec_type=terms.sec_type,
        exchanges={asset: venue for of in portfolios.values() for asset, venue in of.ticket.exchanges.items()},
        sec_types={asset: kind for of in portfolios.values() for asset, kind in of.ticket.sec_types.items()},
        approvals=terms.approvals,
        holds=False,
        headline=f"{STALE if any(account.is_stale for account in accounts) else ''}{house.headline}{assumed}",
        reason=f"the lists of {counted(len(accounts), 'account')}",
        left_out=left_out,
        totals=house.totals,
        orders=orders,
        held=tuple(house.held),
        would_trade=(),
        outside=(),
        before_after={},
        sending=replace(sending[-1], **by_asset),
        slices=slices,
        notes=(*cross_notes(house.crosses), *overrides_first(notes), *slices_note(portfolio, slices)),
        allocations=house.allocations,
        crosses=tuple(house.crosses),
        funding={
            "adverse_move": min(portfolio.orders.adverse_move for portfolio in portfolios.values()),
            "cash": {account.name: account.cash for account in accounts},
        },
    )


def house_name(models: Mapping[str, Portfolio]) -> str:
    """The name of a house in the journal, which is the account of its models. Raises ConfigError for none."""
    file, model = next(iter(models.items()))
    if fault := name_fault(model.ticket.account):
        raise ConfigError(
            f"`ticket: account` of {file} is {model.ticket.account!r}, which {fault}. It names a house in the journal, "
            "whatever the name of its file of accounts: write the account of its blocks at the venue into each model, "
            "`ticket: {account: …}`."
        )
    return model.ticket.account


def crossed_assets(crosses: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The crosses of each asset as one, with the sums of `quantity` and `value`, and their number as `trades`.

    crosses : as `Ticket.crosses`.
    """
    for asset in dict.fromkeys(cross["asset"] for cross in crosses):
        own = [cross for cross in crosses if cross["asset"] == asset]
        sums = {name: decimal_sum(cross[name] for cross in own) for name in ("quantity", "value")}
        yield {**own[0], **sums, "trades": len(own)}


def cross_notes(crosses: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence on the crosses of each asset. crosses : as `Ticket.crosses`."""
    for of in crossed_assets(crosses):
        yield (
            f"Crossed between accounts, without an order or a commission: {of['quantity']:,.10g} {of['asset']}, "
            f"{of['value']:,.2f} in {counted(of['trades'], 'trade')}, at {of['price']:,.10g}, the "
            f"{of['price_source']} of {of['price_date']}."
        )


def _check_alike(portfolios: Mapping[str, Portfolio]) -> None:
    """Raise ConfigError for models whose accounts cannot be in one ticket."""
    first, one = next(iter(portfolios.items()))
    for name, of in portfolios.items():
        if of.currencies is not None:
            raise ConfigError(f"{name} has several currencies, and the ticket of a house has one: write a CSV alone.")
        for key, found, wanted in (
            ("basis", of.basis, one.basis),
            ("calendar", of.market.calendar, one.market.calendar),
            ("last close", f"{of.date:%Y-%m-%d}", f"{one.date:%Y-%m-%d}"),
            ("session of trade", f"{of.trade_day:%Y-%m-%d}", f"{one.trade_day:%Y-%m-%d}"),
            ("orders: max_age", of.orders.max_age, one.orders.max_age),
            *((f"ticket: {key}", getattr(of.ticket, key), getattr(one.ticket, key))
              for key in ("account", "collar_bps", "exchange", "sec_type", "approvals")),
            *((f"ticket: sending: {key}", *(getattr(each.ticket.sending or SendingLimits(), key) for each in (of, one)))
              for key in (field.name for field in fields(SendingLimits))),
            *((f"ticket: slicing: {key}", *(getattr(each.ticket.slicing, key, None) for each in (of, one)))
              for key in (field.name for field in fields(SlicingTerms))),
            *((f"ticket: {key} of {asset}", getattr(of.ticket, key).get(asset), getattr(one.ticket, key).get(asset))
              for key in ("exchanges", "sec_types") for asset in of.market.assets if asset in one.market.assets),
        ):  # fmt: skip
            if found != wanted:
                raise ConfigError(
                    f"{name} and {first} cannot be in the ticket of one house: `{key}` is {_stated(found)} and "
                    f"{_stated(wanted)}. Make "
                    "them alike, or list their accounts in two files."
                )


def _stated(value: object) -> str:
    """A value as a portfolio file states it."""
    return "not stated" if value is None else value if isinstance(value, str) else json.dumps(value, default=dict)


# -- blocks ----------------------------------------------------------------------------------------------------------


class _House:
    """The blocks and crosses of the accounts, and what all of them hold together."""

    def __init__(self, accounts: Sequence[HouseAccount], models: Mapping[str, Model]) -> None:
        self.accounts, self.account = accounts, next(iter(models.values())).portfolio.ticket.account
        self.of_asset = {asset: (model, i) for model in reversed(tuple(models.values()))
                         for i, asset in enumerate(model.portfolio.market.assets)}  # fmt: skip
        units = defaultdict[str, list[float]](list)
        for account in accounts:
            for asset, held in account.units.items():
                units[asset].append(held)
        self.units = {asset: decimal_sum(units[asset]) for asset in self.of_asset}
        self.cash = decimal_sum(account.cash for account in accounts)
        self.nav = self.cash + sum(held * self._price(asset) for asset, held in self.units.items() if held)
        self.listed = _by_asset(accounts)
        self.crosses, blocks = self._matched({name for name, of in models.items() if of.portfolio.ticket.crossing})
        blocks.sort(key=lambda block: (block.side == "buy", -float(block.quantity) * self._price(block.asset)))
        self.allocations = {_id(self.listed[b.asset][0][1], b): _rows(b) for b in blocks}
        self.orders = tuple(self._order(k, *of) for k, of in enumerate(zip(self.allocations, blocks, strict=True), 1))

    def _matched(self, may_cross: Container[str]) -> tuple[list[dict[str, Any]], list[BlockOrder]]:
        """The crosses that accounts can pay with their cash and what they cross, and the blocks of all else.

        Those that an account cannot pay are cut in proportion, and all are matched anew. may_cross : models.
        """
        crossable = {each.client_order_id: decimal(each.quantity or 0.0) if of.model in may_cross else NO_AMOUNT
                     for of in self.accounts for each in of.orders}  # fmt: skip
        while True:
            crosses, blocks = list[dict[str, Any]](), list[BlockOrder]()
            for asset, listed in self.listed.items():
                asked = [AccountOrder(of.name, each.client_order_id, each.side, asset, decimal(each.quantity or 0.0),
                                      crossable[each.client_order_id]) for of, each in listed]  # fmt: skip
                crossed, left = crosses_and_blocks(asked, decimal(listed[0][1].lot or 0.0))
                crosses += (self._priced(cross) for cross in crossed)
                blocks += left
            if not (cut := self._unpaid(crosses)):
                return crosses, blocks
            crossable |= cut

    def _unpaid(self, crosses: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
        """The units, by order, to which crossed buys are cut whose account cannot pay them all."""
        cash, paid = {of.name: decimal(of.cash) for of in self.accounts}, defaultdict[str, Decimal](Decimal)
        cut = defaultdict[str, Decimal](Decimal)
        for cross in crosses:
            cash[cross["seller"]] += decimal(cross["value"])
            cash[cross["buyer"]] -= decimal(cross["value"])
            paid[cross["buyer"]] += decimal(cross["value"])
        for cross in (cross for cross in crosses if cash[cross["buyer"]] < 0):
            share = max(1 + cash[cross["buyer"]] / paid[cross["buyer"]], NO_AMOUNT)
            cut[cross["buy_order"]] += share * decimal(cross["quantity"])
        return cut

    def _price(self, asset: str) -> float:
        model, i = self.of_asset[asset]
        return float(model.position.prices[i])

    def _charges(self, asset: str, quantity: float) -> Array:
        """(columns,) expected costs of one order, currency."""
        model, i = self.of_asset[asset]
        units = np.zeros(len(model.position.units))
        units[i] = quantity
        charges: Array = model.position.charges(units)[:, i]
        return charges

    def _priced(self, cross: Cross) -> dict[str, Any]:
        order, (model, i) = self.listed[cross.asset][0][1], self.of_asset[cross.asset]
        return asdict(cross) | {
            "symbol": order.symbol,
            "quantity": float(cross.quantity),
            "price": order.price,
            "price_date": order.price_date,
            "price_source": bases(model.portfolio.market, model.portfolio.prices)[i],
            "value": float(rounded(model.portfolio.basis, cross.quantity * decimal(order.price or 0.0))),
        }

    def _order(self, priority: int, name: str, block: BlockOrder) -> Order:
        quantity, held = float(block.quantity), self.units[block.asset]
        signed = quantity if block.side == "buy" else -quantity
        charges, first = self._charges(block.asset, quantity), self.listed[block.asset][0][1]
        charged: dict[str, Any] = {name: round(float(charges[k]), 2) for k, name in enumerate(CHARGED)}
        charged["cost"] = round(float(charges.sum()), 2)
        after = round((held + signed) * self._price(block.asset) / self.nav, WEIGHT_DECIMALS)
        return replace(
            first,
            priority=priority,
            side=block.side,
            quantity=quantity,
            limit_price=next(o.limit_price for _, o in self.listed[block.asset] if o.side == block.side),
            notional=round(float(block.quantity * decimal(first.price or 0.0)), 2),
            **charged,
            account=self.account,
            shares_before=rounded_number(held),
            shares_after=rounded_number(decimal_sum((held, signed))),
            weight_before=round(held * self._price(block.asset) / self.nav, WEIGHT_DECIMALS),
            weight_target=after,
            weight_after=after,
            reason=f"block of {counted(len(block.allocations), 'account')}",
            client_order_id=name,
        )

    @property
    def held(self) -> Iterator[HeldLine]:
        """The assets that no block moves."""
        moved = {order.asset for order in self.orders}
        for asset, (model, i) in self.of_asset.items():
            if asset not in moved:
                portfolio, units = model.portfolio, self.units[asset]
                value = round(units * self._price(asset), 2) if units else 0.0
                weight, price = round(value / self.nav, WEIGHT_DECIMALS), rounded_number(model.position.prices[i])
                day = portfolio.prices.days[i]
                yield HeldLine(asset, portfolio.ticket.symbol(asset), rounded_number(units), price,
                               "" if np.isnat(day) else str(day), value, weight, weight, "no block")  # fmt: skip

    @property
    def totals(self) -> dict[str, float]:
        """Amounts of all accounts together; crossed value and the costs of the blocks that it spares, currency."""
        sides = {side: sum(o.notional for o in self.orders if o.side == side) for side in ("sell", "buy")}
        costs = {name: sum(getattr(order, name) for order in self.orders) for name in CHARGED}
        cost = sum(costs.values())
        uncrossed = sum(
            float(self._charges(asset, decimal_sum(o.quantity or 0.0 for _, o in listed if o.side == side)).sum())
            for asset, listed in self.listed.items()
            for side in ("sell", "buy")
        )
        amounts = {"nav_before": self.nav, "nav_after": self.nav - cost, "cash_before": self.cash, "flow": 0.0,
                   "sells": sides["sell"], "buys": sides["buy"], **costs,
                   "cash_after": self.cash + sides["sell"] - sides["buy"] - cost,
                   "crossed": sum(cross["value"] for cross in self.crosses),
                   "costs_saved": uncrossed - cost}  # fmt: skip
        return {name: round(amount, 2) for name, amount in amounts.items()} | {
            "turnover": round(max(sides.values()) / self.nav, WEIGHT_DECIMALS)
        }

    @property
    def headline(self) -> str:
        """The ticket in one line."""
        totals = self.totals
        sides = (f"{side} {', '.join(o.asset for o in self.orders if o.side == side)}" for side in ("sell", "buy"))
        named = "; ".join(side for side in sides if not side.endswith(" ")) or "no block"
        text = (
            f"{named[0].upper()}{named[1:]}: {totals['sells'] + totals['buys']:,.2f} in "
            f"{counted(len(self.orders), 'block')} for {counted(len(self.accounts), 'account')}"
        )
        crossed, saved = totals["crossed"], totals["costs_saved"]
        more = f"; {crossed:,.2f} crossed between accounts, which saves {saved:,.2f} of costs" if crossed else ""
        return f"{text}{more}."


def _by_asset(accounts: Sequence[HouseAccount]) -> dict[str, list[tuple[HouseAccount, Order]]]:
    """The orders of each asset, with their accounts."""
    found: dict[str, list[tuple[HouseAccount, Order]]] = {}
    for account in accounts:
        for order in account.orders:
            own = found.setdefault(order.asset, [])
            own.append((account, order))
            if order.quantity is None:
                raise ConfigError(
                    f"{order.asset} has no quote, so that {account.name} trades an amount: list it alone."
                )
            for name in SAME:
                stated = [getattr(each, name) for each in (own[0][1], order)]
                if stated[0] != stated[1]:
                    raise ConfigError(
                        f"{account.model} and {own[0][0].model} cannot be in the ticket of one house: the {name} of "
                        f"{order.asset} is {stated[1]} and {stated[0]}. Make them alike, or use two files of accounts."
                    )
    return found


def _rows(block: BlockOrder) -> tuple[dict[str, Any], ...]:
    return tuple(asdict(each) | {"quantity": float(each.quantity)} for each in block.allocations)


def _id(order: Order, block: BlockOrder) -> str:
    """The id of a block: the day of an order's id, and the beginning of a hash of the block's content."""
    content = {"asset": block.asset, "side": block.side, "allocations": list(_rows(block))}
    return f"{order.client_order_id.partition('-')[0]}-{content_hash(content)[:ID_DIGITS]}"
