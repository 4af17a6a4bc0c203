"""The terms of the orders of a trade list, from a portfolio file: order type, collar, account, the broker's symbols."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from foundation.arguments import did_you_mean
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.rates import smallest

MARKET, _, LIMIT = ORDER_TYPES = ("market", "market_on_close", "limit")
TIMES_IN_FORCE = ("DAY",)  # an order is sized at one close: after the next session its size is out of date
SEC_TYPES = ("STK", "FUND", "CASH", "CRYPTO")  # of Interactive Brokers: those that need neither an expiry nor a strike
MOST_COLLAR = 5_000.0  # bp of the close
FINER = 2  # decimals that a limit price below one unit of its currency has more
MOST_SETTLEMENT = 20  # sessions
KEYS = ("order_type", "time_in_force", "collar_bps", "account", "symbols", "exchange", "sec_type", "exchanges",
        "sec_types", "settlement_days", "settlement_days_by_line")  # fmt: skip


@dataclass(frozen=True)
class TicketTerms:
    """The terms of every order of a trade list besides its side and quantity.

    order_type    : market, market_on_close or limit.
    time_in_force : DAY.
    collar_bps    : distance of a limit price from the close, bp; None unless the order type is limit.
    account       : account that trades, or "".
    symbols       : asset -> the broker's symbol, where it is another than the name of the asset.
    exchange      : destination, as Interactive Brokers names it.
    sec_type      : kind of security, as Interactive Brokers names it.
    exchanges, sec_types : by asset, where they are others than these.
    settlement_days : sessions from the trade to its settlement; US securities settle after one since 28 May 2024.
    settlement_days_by_line : asset -> sessions, where they are others than `settlement_days`.
    """

    order_type: str = "market"
    time_in_force: str = "DAY"
    collar_bps: float | None = None
    account: str = ""
    symbols: Mapping[str, str] = field(default_factory=dict)
    exchange: str = "SMART"
    sec_type: str = "STK"
    settlement_days: int = 1
    settlement_days_by_line: Mapping[str, int] = field(default_factory=dict)
    exchanges: Mapping[str, str] = field(default_factory=dict)
    sec_types: Mapping[str, str] = field(default_factory=dict)

    def days(self, asset: str) -> int:
        """Sessions from the trade of an asset to its settlement."""
        return self.settlement_days_by_line.get(asset, self.settlement_days)

    def symbol(self, asset: str) -> str:
        """The broker's symbol of an asset."""
        return self.symbols.get(asset, asset)

    def venue(self, symbol: str) -> dict[str, str]:
        """Exchange and kind of security of a broker's symbol."""
        asset = next((asset for asset, known in self.symbols.items() if known == symbol), symbol)
        return {
            "exchange": self.exchanges.get(asset, self.exchange),
            "sec_type": self.sec_types.get(asset, self.sec_type),
        }

    def limit_price(self, close: float, currency: str, *, buys: bool) -> float | None:
        """The limit price at a close, currency per unit, or None unless the order type is limit.

        It is close × (1 ± collar), rounded to a whole `tick` toward the close: a buy never pays more than the collar
        allows, and a sale never takes less. A buy below one tick gives 0.

        >>> terms = TicketTerms("limit", collar_bps=50)
        >>> [terms.limit_price(*of, buys=True) for of in ((97.45, "USD"), (0.842, "GBP"), (2_001.0, "JPY"))]
        [97.93, 0.8462, 2011.0]
        """
        if self.collar_bps is None:
            return None
        collar = Decimal(repr(self.collar_bps)) / 10_000
        exact = Decimal(repr(close)) * (1 + collar if buys else 1 - collar)
        return float(exact.quantize(tick(currency, exact), ROUND_FLOOR if buys else ROUND_CEILING))


def tick(currency: str, price: Decimal) -> Decimal:
    """The step of limit prices: the smallest part of the currency, and a hundredth of it below one unit of it.

    Source : 17 CFR 242.612 (Regulation NMS), by which orders below one dollar are priced in 0.0001.

    >>> tick("USD", Decimal(50)), tick("USD", Decimal("0.842")), tick("JPY", Decimal(2_000))
    (Decimal('0.01'), Decimal('0.0001'), Decimal('1'))
    """
    return smallest(currency).scaleb(-FINER) if price < 1 else smallest(currency)


def read_ticket(document: Document, market: Market) -> TicketTerms:
    """The terms under `ticket`, {order_type: limit, collar_bps: 50, account: U1234567, symbols: {BRK.B: BRK B}}.

    Raises : ConfigError for a key or value that is wrong, for an order type of limit without a collar and for a collar
             without one, for a symbol of no line, and for two lines with one symbol.
    """
    if not document.has("ticket"):
        return TicketTerms()
    document.check_keys(("ticket",), KEYS)
    order_type = _word(document, "order_type", ORDER_TYPES)
    return TicketTerms(
        order_type=order_type,
        time_in_force=_word(document, "time_in_force", TIMES_IN_FORCE),
        collar_bps=_collar(document, order_type),
        account=document.text("ticket", "account") if document.has("ticket", "account") else "",
        symbols=_symbols(document, market.assets),
        exchange=document.text("ticket", "exchange", default=TicketTerms.exchange),
        sec_type=_word(document, "sec_type", SEC_TYPES),
        exchanges=_of_lines(document, "exchanges", market.assets),
        sec_types=_of_lines(document, "sec_types", market.assets, SEC_TYPES),
        settlement_days=_settlement(document, ("ticket", "settlement_days")),
        settlement_days_by_line=_by_line(document, market.assets),
    )


def ticket_settings(terms: TicketTerms) -> dict[str, Any]:
    """The settings under `ticket`, defaults filled in."""
    return {key: value for key, value in asdict(terms).items() if value not in (None, "", {})}


def _word(document: Document, key: str, known: tuple[str, ...]) -> str:
    """One of the known words, by default the first."""
    word = document.text("ticket", key, default=known[0])
    if word not in known:
        document.refuse(("ticket", key), "unknown", word, did_you_mean(word, known))
    return word


def _collar(document: Document, order_type: str) -> float | None:
    path = ("ticket", "collar_bps")
    if not document.has(*path):
        if order_type == "limit":
            fix = "Add `collar_bps:`, the distance of the limit price from the close in bp, such as 50."
            document.refuse(("ticket", "order_type"), "a limit order needs a collar", order_type, fix)
        return None
    collar = document.number(*path, at_least=0.0, at_most=MOST_COLLAR)
    if order_type != "limit":
        fix = "Leave it out, or write `order_type: limit`."
        document.refuse(path, f"an order type of {order_type} has no limit price", collar, fix)
    return collar


def _settlement(document: Document, path: KeyPath) -> int:
    days = document.whole(*path, at_least=0, default=TicketTerms.settlement_days)
    if days > MOST_SETTLEMENT:
        document.refuse(path, "too many sessions from trade to settlement", days, f"Give at most {MOST_SETTLEMENT}.")
    return days


def _by_line(document: Document, assets: tuple[str, ...]) -> dict[str, int]:
    path = ("ticket", "settlement_days_by_line")
    named = document.mapping(*path) if document.has(*path) else {}
    for asset in named:
        document.check_line((*path, asset), asset, assets)
    return {asset: _settlement(document, (*path, asset)) for asset in named}


def _of_lines(document: Document, key: str, assets: tuple[str, ...], known: tuple[str, ...] = ()) -> dict[str, str]:
    """Words by line, each one of the known where these are given."""
    found = {}
    for asset in document.mapping("ticket", key) if document.has("ticket", key) else {}:
        document.check_line(("ticket", key, asset), asset, assets)
        found[asset] = word = document.text("ticket", key, asset)
        if known and word not in known:
            document.refuse(("ticket", key, asset), "unknown", word, did_you_mean(word, known))
    return found


def _symbols(document: Document, assets: tuple[str, ...]) -> dict[str, str]:
    if not document.has("ticket", "symbols"):
        return {}
    path = ("ticket", "symbols")
    found = {asset: document.text(*path, asset) for asset in document.mapping(*path)}
    owners: dict[str, str] = {}
    for asset in (*found, *(asset for asset in assets if asset not in found)):
        document.check_line((*path, asset), asset, assets)
        symbol = found.get(asset, asset)
        if symbol in owners:
            fix = "Give each line its own symbol."
            document.refuse((*path, owners[symbol]), f"{asset} has the same symbol", symbol, fix)
        owners[symbol] = asset
    return found
