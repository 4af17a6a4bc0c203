"""The records that a journal keeps, a class for each kind: frozen, of plain values, NaN nowhere.

Amounts are in the currency that the record names, quantities in units. `identity` names the fields, of the record or of
its entry, by which the journal knows a record that it has: each identity is journalled once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol


class Record(Protocol):
    """The content of an entry."""

    kind: ClassVar[str]
    identity: ClassVar[tuple[str, ...]]

    @property
    def text(self) -> str:
        """The record as part of a sentence."""


@dataclass(frozen=True)
class Quote:
    """A quote of a source at a moment, currency per unit; None for what was not there."""

    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    source: str = ""
    moment: str = ""


@dataclass(frozen=True)
class ListedOrder:
    """An order of a list. quantity : None where it trades in an amount. price : the close that it was sized at,
    None for an exchange of currencies."""

    order: str
    side: str
    symbol: str
    quantity: float | None
    notional: float
    currency: str
    account: str
    price: float | None
    price_date: str | None
    reason: str

    @property
    def text(self) -> str:
        """Side, quantity or amount, and symbol."""
        return f"{self.side} {_of(self.quantity, self.notional, self.currency)} {self.symbol}"


@dataclass(frozen=True)
class ListMade:
    """A list that was written, as its ticket says it.

    file, policy     : the portfolio file, and the name of the policy that decided.
    as_of, last_close: day of its newest price, and the close at which the policy decided.
    data             : fingerprint of the market.
    reason           : reason of the decision.
    approvals        : persons who must approve it.
    orders           : orders in the sequence of the ticket.
    files            : paths to which it was written.
    quotes           : by order id, the quotes of the moment.
    """

    kind: ClassVar[str] = "list"
    identity: ClassVar[tuple[str, ...]] = ("ticket", "files")
    file: str
    policy: str
    as_of: str
    last_close: str
    data: str
    headline: str
    reason: str
    approvals: int
    orders: tuple[ListedOrder, ...]
    files: tuple[str, ...] = ()
    quotes: Mapping[str, Quote] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The headline and the files."""
        return f"{self.headline}{' Written to ' + ', '.join(self.files) + '.' if self.files else ''}"


@dataclass(frozen=True)
class Approved:
    """The approval of a ticket by the user of the entry. quotes : by order id, the quotes of the moment."""

    kind: ClassVar[str] = "approval"
    identity: ClassVar[tuple[str, ...]] = ("ticket", "user")
    quotes: Mapping[str, Quote] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """That it is approved."""
        return "approved"


@dataclass(frozen=True)
class Refused:
    """The refusal of a ticket by a person, or of an order by a venue; `venue` is "" for a person."""

    kind: ClassVar[str] = "refusal"
    identity: ClassVar[tuple[str, ...]] = ("ticket", "order", "user", "venue", "venue_id")
    reason: str
    venue: str = ""
    venue_id: str = ""

    @property
    def text(self) -> str:
        """The venue, if it is one that refused, and why."""
        return f"refused{f' by {self.venue}' if self.venue else ''}: {self.reason}"


@dataclass(frozen=True)
class OrderSent:
    """An order, or a slice of one, that is about to be sent: journalled before it is.

    venue_id       : client id that the venue gets, in its alphabet; the journal maps it to the order.
    slice, attempt : places from 0; a slice that is sent again after the venue refused it is another attempt.
    quantity       : units, or None where `notional` is sent.
    quote          : quote at the sending.
    """

    kind: ClassVar[str] = "order"
    identity: ClassVar[tuple[str, ...]] = ("order", "slice", "attempt")
    venue: str
    venue_id: str
    side: str
    symbol: str
    quantity: float | None
    currency: str
    order_type: str
    notional: float | None = None
    limit_price: float | None = None
    account: str = ""
    slice: int = 0
    attempt: int = 0
    quote: Quote | None = None

    @property
    def text(self) -> str:
        """The order, its venue and the id there."""
        limit = "" if self.limit_price is None else f" at {self.limit_price:,.10g} {self.currency}"
        amount = _of(self.quantity, self.notional, self.currency)
        return f"{self.side} {amount} {self.symbol}, {self.order_type}{limit}, to {self.venue} as {self.venue_id}"


@dataclass(frozen=True)
class Acknowledged:
    """The word of a venue that it has an order. reference : the venue's own id of it."""

    kind: ClassVar[str] = "acknowledgement"
    identity: ClassVar[tuple[str, ...]] = ("order", "venue", "venue_id")
    venue: str
    venue_id: str
    reference: str = ""

    @property
    def text(self) -> str:
        """The venue, and its own id of the order."""
        return f"taken by {self.venue}{f' as {self.reference}' if self.reference else ''}"


@dataclass(frozen=True)
class Filled:
    """A fill, whole or partial.

    fill     : the venue's id of the fill.
    price    : currency per unit.
    fee      : amount of `fee_currency`, which may be a third one.
    traded_at: moment of the venue, UTC.
    quote    : quote at the fill.
    """

    kind: ClassVar[str] = "fill"
    identity: ClassVar[tuple[str, ...]] = ("venue", "order", "fill")
    venue: str
    fill: str
    side: str
    symbol: str
    quantity: float
    price: float
    currency: str
    fee: float
    fee_currency: str
    traded_at: str
    venue_id: str = ""
    account: str = ""
    quote: Quote | None = None

    @property
    def text(self) -> str:
        """Side, quantity, symbol, price, venue and fee."""
        return (
            f"{self.side} {self.quantity:,.10g} {self.symbol} at {self.price:,.10g} {self.currency} on {self.venue}, "
            f"fee {self.fee:,.10g} {self.fee_currency}"
        )


@dataclass(frozen=True)
class Cancelled:
    """The end of an order with a rest unfilled. quantity : units of the rest, None where it is not known."""

    kind: ClassVar[str] = "cancellation"
    identity: ClassVar[tuple[str, ...]] = ("order", "venue", "venue_id")
    venue: str
    venue_id: str
    quantity: float | None
    reason: str

    @property
    def text(self) -> str:
        """The rest, and why."""
        rest = "the rest" if self.quantity is None else f"{self.quantity:,.10g} units"
        return f"{rest} cancelled on {self.venue}: {self.reason}"


@dataclass(frozen=True)
class Corrected:
    """A correction of an earlier entry, such as a busted fill, of which the quantity becomes 0.

    corrects : sequence number of the entry.
    values   : fields of its record that are others, with their right values.
    """

    kind: ClassVar[str] = "correction"
    identity: ClassVar[tuple[str, ...]] = ("corrects", "values")
    corrects: int
    values: Mapping[str, float | str | None]
    reason: str

    @property
    def text(self) -> str:
        """The right values, and why."""
        values = ", ".join(f"{name} is {value}" for name, value in self.values.items())
        return f"entry {self.corrects}: {values}: {self.reason}"


RECORDS: Mapping[str, type[Record]] = {
    record.kind: record
    for record in (ListMade, Approved, Refused, OrderSent, Acknowledged, Filled, Cancelled, Corrected)
}


def _of(quantity: float | None, notional: float | None, currency: str) -> str:
    """Units, or else an amount."""
    return f"{quantity:,.10g}" if quantity is not None else f"{notional:,.2f} {currency} of"
