"""The records that a journal keeps, a class for each kind: frozen, of plain values, NaN nowhere.

Amounts are in the currency that the record names, quantities in units. `identity` names the fields, of the record or of
its entry, by which the journal knows a record that it has: each identity is journalled once. `says` is its sentence,
with the names of its fields.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from foundation.dataclasses import dataclass, field, replace
from foundation.printable import printable

RAISED, RESOLVED = "raised", "resolved"  # states of an alert


class EntryContent(Protocol):
    """The content of an entry."""

    kind: ClassVar[str]
    identity: ClassVar[tuple[str, ...]]
    says: ClassVar[str]


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
    """An order of a list.

    quantity : units, None where it trades in an amount.
    price    : close that it was sized at; None without a quote, and for an exchange of currencies.
    """

    says: ClassVar[str] = "{side} {quantity} {symbol} {notional} {currency}"
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
    calendar         : exchange calendar of its sessions, "" where its ticket does not say it.
    """

    kind: ClassVar[str] = "list"
    identity: ClassVar[tuple[str, ...]] = ("ticket", "files")
    says: ClassVar[str] = "{headline}"
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
    calendar: str = ""


@dataclass(frozen=True)
class Approved:
    """The approval of a ticket by the user of the entry.

    quotes : by order id, the quotes of the moment.
    after  : entry of this user's refusal, which it withdraws, or 0.
    """

    kind: ClassVar[str] = "approval"
    identity: ClassVar[tuple[str, ...]] = ("ticket", "user", "after")
    says: ClassVar[str] = "approved"
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    after: int = 0


@dataclass(frozen=True)
class Refused:
    """The refusal of a ticket by a person, or of an order by a venue.

    venue : "" for a person.
    after : entry of this person's approval, which it withdraws, or 0.
    """

    kind: ClassVar[str] = "refusal"
    identity: ClassVar[tuple[str, ...]] = ("ticket", "order", "user", "venue", "venue_id", "after")
    says: ClassVar[str] = "refused: {reason}, {venue}"
    reason: str
    venue: str = ""
    venue_id: str = ""
    after: int = 0


@dataclass(frozen=True)
class OrderSent:
    """An order, or a slice of one, that is about to be sent: journalled before it is.

    venue_id       : client id that the venue gets, in its alphabet; the journal maps it to the order.
    slice, attempt : places from 0; a slice that is sent again after the venue refused it is another attempt.
    quantity       : units, or None where `notional` is sent.
    quote          : quote at the sending.
    sent_at        : moment of the venue's clock, UTC.
    allocations    : of a buy for accounts of a house, its units by the id of the account's own order.
    """

    kind: ClassVar[str] = "order"
    identity: ClassVar[tuple[str, ...]] = ("order", "slice", "attempt")
    says: ClassVar[str] = "{side} {quantity} {symbol} {notional}, {order_type} {limit_price}, to {venue} as {venue_id}"
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
    sent_at: str = ""
    allocations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Acknowledged:
    """The word of a venue that it has an order. reference : the venue's own id of it."""

    kind: ClassVar[str] = "acknowledgement"
    identity: ClassVar[tuple[str, ...]] = ("order", "venue", "venue_id")
    says: ClassVar[str] = "taken by {venue} {reference}"
    venue: str
    venue_id: str
    reference: str = ""


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
    says: ClassVar[str] = "{side} {quantity} {symbol} at {price} {currency} on {venue}, fee {fee} {fee_currency}"
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


@dataclass(frozen=True)
class Allocated:
    """Units of an account of a house: of fills of a block, or of a cross, which is no order. The order is its own.

    price        : of a block, the mean of its fills; currency per unit.
    amount       : value of the units, currency.
    block, fills : id of the block, and the number of its fills, in the order of the journal, that are allocated with
                   these; "" and 0 for a cross.
    counterparty : the other account of a cross, or "".
    """

    kind: ClassVar[str] = "allocation"
    identity: ClassVar[tuple[str, ...]] = ("ticket", "order", "fills", "counterparty")
    says: ClassVar[str] = (
        "{account}: {side} {quantity} {symbol} at {price} {currency}, fee {fee}, {block} {counterparty}"
    )
    account: str
    side: str
    symbol: str
    quantity: float
    price: float
    amount: float
    currency: str
    fee: float = 0.0
    block: str = ""
    fills: int = 0
    counterparty: str = ""


@dataclass(frozen=True)
class Cancelled:
    """The end of an order with a rest unfilled. quantity : units of the rest, None where it is not known."""

    kind: ClassVar[str] = "cancellation"
    identity: ClassVar[tuple[str, ...]] = ("order", "venue", "venue_id")
    says: ClassVar[str] = "rest of {quantity} cancelled on {venue}: {reason}"
    venue: str
    venue_id: str
    quantity: float | None
    reason: str


@dataclass(frozen=True)
class Corrected:
    """A correction of an earlier entry, such as a busted fill, of which the quantity becomes 0.

    corrects : sequence number of the entry.
    values   : fields of its record that are others, with their right values.
    """

    kind: ClassVar[str] = "correction"
    identity: ClassVar[tuple[str, ...]] = ("corrects", "values")
    says: ClassVar[str] = "entry {corrects}: {values}: {reason}"
    corrects: int
    values: Mapping[str, float | str | None]
    reason: str


@dataclass(frozen=True)
class CycleRun:
    """A cycle of a portfolio, journalled before anything is sent; its entry names the ticket of its list.

    session : last close that it saw.
    status  : finalised, awaiting approval, vetoed or unreconciled.
    monitor : quiet or triggered.
    chosen  : alternative that it decided for.
    sha256  : of its record but the times.
    """

    kind: ClassVar[str] = "cycle"
    identity: ClassVar[tuple[str, ...]] = ("portfolio", "session", "sha256")
    says: ClassVar[str] = "{session}: {monitor}, {chosen}, {status}: {headline}"
    session: str
    status: str
    monitor: str
    chosen: str
    headline: str
    sha256: str


@dataclass(frozen=True)
class CycleOutcome:
    """The outcome of a cycle some sessions later.

    cycle    : sha256 of its record.
    session  : last close that it saw.
    sessions : number of rows of the market since.
    chosen   : alternative that was taken: no order where the list was vetoed.
    losses   : by alternative, the loss on the days that came, bp of NAV.
    regret   : loss of the one that was chosen less the least, bp of NAV.
    expected_best, expected_regret : share of worlds in which it was to be the best by then, and its mean regret, bp of
               NAV; None where the record states none.
    """

    kind: ClassVar[str] = "outcome"
    identity: ClassVar[tuple[str, ...]] = ("portfolio", "cycle", "sessions")
    says: ClassVar[str] = "cycle of {session} after {sessions} sessions: {chosen}, regret {regret} bp"
    cycle: str
    session: str
    sessions: int
    chosen: str
    losses: Mapping[str, float]
    regret: float
    expected_best: float | None = None
    expected_regret: float | None = None


@dataclass(frozen=True)
class Alert:
    """A fact that a person should know, as a sentence on one line.

    portfolio : name of the portfolio; path of its file for an alert of whoever watches it, who may not know the name.
    what      : subject; a portfolio has one alert on it at a time.
    level     : urgent, warning, or information, which is told once and not resolved.
    sentence  : the fact.
    remedy    : what to do.
    session   : last close of the cycle that says so, or session that is lost, YYYY-MM-DD; "" for a trouble that ends.
    """

    portfolio: str
    what: str
    level: str
    sentence: str
    remedy: str
    session: str = ""

    def __post_init__(self) -> None:
        """Put each text on one line of printed characters, so that none can add a header to a message."""
        for name, text in vars(self).items():
            object.__setattr__(self, name, " ".join(printable(text).split()))


@dataclass(frozen=True)
class Alerted:
    """A notice that an alert is raised or resolved, and who has it.

    notice   : id, from which that of its e-mail is made.
    state    : raised or resolved.
    since    : moment of the notice in UTC.
    follows  : notice before it on the same subject, or "".
    answers  : message in which that one was taken, or "".
    channels : channels that took it so far.
    owed     : channels that did not yet.
    message  : id of the message in which the last of them took it, "" for none.
    """

    kind: ClassVar[str] = "alert"
    identity: ClassVar[tuple[str, ...]] = ("notice", "owed")
    says: ClassVar[str] = "{alert.level}, {state}, taken by {channels}, owed to {owed}: {alert.what}: {alert.sentence}"
    notice: str
    state: str
    alert: Alert
    since: str = ""
    follows: str = ""
    answers: str = ""
    channels: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    message: str = ""

    def taken(self, channel: str, message: str) -> "Alerted":
        """The notice after a channel took it. message : id of the message."""
        owed = tuple(each for each in self.owed if each != channel)
        return replace(self, channels=(*self.channels, channel), owed=owed, message=message)


@dataclass(frozen=True)
class Accessed:
    """A change, an approval or a sign-in through the service, by the user of the entry.

    request : id of the request, which its line in the log has.
    path    : path, or its template where its values may be secret.
    status  : status of its answer.
    caller  : id of the user, who may change his name.
    """

    kind: ClassVar[str] = "access"
    identity: ClassVar[tuple[str, ...]] = ("request",)
    says: ClassVar[str] = "{method} {path}: {status}"
    request: str
    method: str
    path: str
    status: int
    caller: str


RECORDS: Mapping[str, type[EntryContent]] = {
    record.kind: record
    for record in (
        ListMade, Approved, Refused, OrderSent, Acknowledged, Filled, Allocated, Cancelled, Corrected, CycleRun,
        CycleOutcome, Alerted, Accessed,
    )
}  # fmt: skip


def text_of(record: EntryContent | ListedOrder) -> str:
    """A record as part of a sentence: its `says` with its values, without those that are None or empty."""
    lists = {name: ", ".join(map(str, v)) or "none" for name, v in vars(record).items() if isinstance(v, tuple)}
    values = {name: "" if value is None else value for name, value in (vars(record) | lists).items()}
    shown = {name: f"{value:,.10g}" if isinstance(value, float) else value for name, value in values.items()}
    return " ".join(record.says.format(**shown).split()).replace(" ,", ",").replace(" :", ":").rstrip(", ")
