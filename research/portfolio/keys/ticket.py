"""The terms of the orders of a trade list, from a portfolio file: order type, collar, account, the broker's symbols."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import Field

from foundation.dataclasses import dataclass, field
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Text, Told
from research.portfolio.file.settings import plain, read
from research.portfolio.holdings.rates import smallest
from research.portfolio.keys.sending import SendingLimits, SlicingTerms

OrderType = Literal["market", "market_on_close", "limit"]
MARKET_ORDER, CLOSE_ORDER, LIMIT_ORDER = ORDER_TYPES = get_args(OrderType)
SecType = Literal["STK", "FUND", "CASH", "CRYPTO"]  # of Interactive Brokers: those without an expiry and a strike
ORDER_ID = r"[0-9]{8}-[0-9a-f]{20}"  # form of an id of an order: 29 characters; brokers take 32
TICKET_DIGITS = 15  # significant, of a price or a quantity: what a spreadsheet keeps
FINER = 2  # decimals that a limit price below one unit of its currency has more
Value = TypeVar("Value")
ByLine = Annotated[Mapping[str, Value], Field(min_length=1)]
Collar = Annotated[float, Field(ge=0.0, le=5_000.0, description="Basis points of the close.")]
Approvals = Annotated[int, Field(ge=0, le=9, description="Persons.")]
Settlement = Annotated[int, Field(ge=0, le=20, description="It counts sessions.")]


@dataclass(frozen=True)
class TicketTerms:
    """The terms of every order of a trade list besides its side and quantity.

    order_type    : market, market_on_close or limit.
    time_in_force : DAY.
    collar_bps    : distance of a limit price from the close, bp; None unless the order type is limit.
    account       : account that trades, or ""; a house needs one, and is named after it.
    symbols       : asset -> the broker's symbol, where it is another than the name of the asset.
    exchange      : destination, as Interactive Brokers names it.
    sec_type      : kind of security, as Interactive Brokers names it.
    exchanges, sec_types : by asset, where they are others than these.
    settlement_days : sessions from the trade to its settlement; US securities settle after one since 28 May 2024.
    settlement_days_by_line : asset -> sessions, where they are others than `settlement_days`.
    approvals     : persons who must approve a list before it is sent; 0 asks for nobody.
    sending       : limits that are checked before a list is sent.
    slicing       : slices in which each order is sent; None sends it whole.
    crossing      : price at which accounts of a house may trade with each other: close, that of their lists; None has
                    them send all orders.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    order_type: OrderType = "market"
    time_in_force: Literal["DAY"] = "DAY"  # an order is sized at one close: after the next session it is out of date
    collar_bps: Collar | None = None
    account: Text = ""
    symbols: ByLine[Text] = field(default_factory=dict)
    exchange: Text = "SMART"
    sec_type: SecType = "STK"
    settlement_days: Settlement = 1
    settlement_days_by_line: ByLine[Settlement] = field(default_factory=dict)
    exchanges: ByLine[Text] = field(default_factory=dict)
    sec_types: ByLine[SecType] = field(default_factory=dict)
    approvals: Approvals = 0
    sending: SendingLimits | None = None
    slicing: SlicingTerms | None = None
    crossing: Literal["close"] | None = None

    def __post_init__(self) -> None:
        """Refuse a limit order without a collar, and a collar of another order."""
        if self.order_type == LIMIT_ORDER and self.collar_bps is None:
            fix = "Add `collar_bps:`, the distance of the limit price from the close in bp, such as 50."
            raise Told("a limit order needs a collar", fix, "order_type")
        if self.order_type != LIMIT_ORDER and self.collar_bps is not None:
            what = f"an order type of {self.order_type} has no limit price"
            raise Told(what, "Leave it out, or write `order_type: limit`.", "collar_bps")
        if self.slicing is not None and self.order_type == CLOSE_ORDER:
            fix = "Leave it out, or write `order_type: market` or `limit`."
            raise Told("an order for the close is filled at one price, in no slices", fix, "slicing")

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
             without one, for a symbol of no asset, and for two assets with one symbol.
    """
    terms, faults = read(document, ("ticket",), TicketTerms), Faults()
    for key in ("symbols", "exchanges", "sec_types", "settlement_days_by_line"):
        for asset in getattr(terms, key):
            with faults:
                document.check_line(("ticket", key, asset), asset, market.assets)
    owners: dict[str, str] = {}
    for asset in (*terms.symbols, *(asset for asset in market.assets if asset not in terms.symbols)):
        symbol = terms.symbol(asset)
        if symbol in owners:
            with faults:
                path, fix = ("ticket", "symbols", owners[symbol]), "Give each asset its own symbol."
                document.refuse(path, f"{asset} has the same symbol", symbol, fix)
        owners[symbol] = asset
    faults.end()
    return terms


def ticket_settings(terms: TicketTerms) -> dict[str, Any]:
    """The settings under `ticket`, defaults filled in."""
    return {key: value for key, value in plain(terms).items() if value != ""}
