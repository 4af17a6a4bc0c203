"""The orders of a journal with the parts of their implementation shortfall, a row an order.

An order counts once it was sent, filled, or refused by a venue; exchanges of currencies are left out. Corrections
replace the values of the entries that they name, so that a busted fill does not count.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from desk.journal.chain import Entry, adapter
from desk.journal.journal import Journal
from desk.journal.records import Cancelled, Corrected, Filled, ListedOrder, ListMade, OrderSent, Quote, Refused
from foundation.arguments import first_fault
from foundation.dataclasses import dataclass, field, fields
from foundation.errors import ConfigError, DataError
from research.market.calendars import day_at
from research.orders.shortfall import Delay, ObservedFill, ObservedOrder, Shortfall, shortfall

EndPrice = Callable[[str, str, np.datetime64], float | None]
SIZES = {1e4: "below 10k", 1e5: "10k to 100k", 1e6: "100k to 1m", float("inf"): "1m and more"}  # of notional
USUAL_CALENDAR = "XNYS"  # of orders of which nobody says the exchange
AT_FILL = 60.0  # seconds between a fill and a quote, beyond which the quote does not say where the market was
WORDS = ("order", "ticket", "portfolio", "asset", "side", "venue", "currency", "state", "moment", "day", "hour", "size",
         "quotes")  # fmt: skip
NUMBER_COLUMNS = ("fills", "wanted", "filled", "decision", "arrival", "end", "notional", "traded")
ORDER_TABLE = (*WORDS, *NUMBER_COLUMNS, *(part.name for part in fields(Shortfall)))


class ReadOrders(NamedTuple):
    """The orders that were read.

    table  : a row an order, the oldest first, with `ORDER_TABLE`; NaN for what is not known.
    faults : a sentence for each order that was left out.
    """

    table: pd.DataFrame
    faults: tuple[str, ...]


@dataclass
class OrderTrace:
    """The records of one order, in the sequence of the journal.

    moment   : of its first entry.
    calendar : exchange calendar of its list, "" where that is not known.
    """

    ticket: str = ""
    portfolio: str = ""
    moment: str = ""
    calendar: str = ""
    listed: ListedOrder | None = None
    sent: list[OrderSent] = field(default_factory=list)
    fills: list[Filled] = field(default_factory=list)
    ends: list[Cancelled | Refused] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        """True if it was sent, filled or refused, and is no exchange of currencies, which has units and no price."""
        listed = self.listed
        is_exchange = listed is not None and listed.price is None and listed.quantity is not None
        return not is_exchange and bool(self.sent or self.fills or self.ends)


def no_price(symbol: str, currency: str, day: np.datetime64) -> None:
    """No price after an order, where no market is given."""


def read_orders(
    journal: Journal,
    *,
    ticket: str = "",
    since: str = "",
    delay: Delay = "wanted",
    end_price: EndPrice = no_price,
    calendar: str = USUAL_CALENDAR,
) -> ReadOrders:
    """The orders of a journal with their parts.

    ticket    : the beginning of the hash of their list, "" for all.
    since     : first day on which they traded, YYYY-MM-DD, "" for all.
    delay     : convention of delay and opportunity, as `shortfall` takes it.
    end_price : function of symbol, currency and day that gives the price at which units are valued that were not
                filled, currency per unit, or None.
    calendar  : exchange calendar of orders whose list does not say it.

    In the table, `state` is filled, ended (cancelled, refused, or replaced by a later list) or open; `moment` and
    `hour`, in UTC, are those of the first fill, else of the sending by the venue's clock, else of the first entry, and
    `day` is the day of the exchange at that moment; `quotes` is the source of the quotes at the fills. `notional`, the
    value of the units wanted at the decision price, and `traded`, the value of the fills, are in the currency of the
    order, as all parts.
    """
    rows, faults = [], []
    last = {entry.portfolio: entry.ticket for entry in journal.entries(kind=OrderSent.kind)}
    for name, trace in traces(journal).items():
        if trace.ticket.startswith(ticket) and trace.counts:
            try:
                row = _row_of(name, trace, delay, end_price, trace.calendar or calendar)
            except (ConfigError, DataError) as error:
                faults.append(str(error))
                continue
            is_replaced = bool(trace.portfolio) and last.get(trace.portfolio, trace.ticket) != trace.ticket
            row |= {"state": "ended"} if is_replaced and row["state"] == "open" else {}
            rows += [row] if row["day"] >= since else []
    table = pd.DataFrame(rows, columns=list(ORDER_TABLE)).astype(dict.fromkeys(ORDER_TABLE[len(WORDS) :], float))
    return ReadOrders(table.sort_values("moment", kind="stable", ignore_index=True), tuple(faults))


def traces(journal: Journal) -> dict[str, OrderTrace]:
    """By client id, the records of each order, corrected."""
    corrections: dict[int, dict[str, Any]] = {}
    for entry in journal.entries(kind=Corrected.kind):
        corrections.setdefault(entry.record.corrects, {}).update(entry.record.values)
    found: dict[str, OrderTrace] = {}
    lists: dict[tuple[str, str], ListedOrder] = {}  # two lists may have one order, sized at different prices
    calendars: dict[str, str] = {}
    for entry in journal.entries(kind=ListMade.kind):
        calendars[entry.ticket] = entry.record.calendar
        for listed in entry.record.orders:
            lists[entry.ticket, listed.order] = listed
            found.setdefault(listed.order, OrderTrace(entry.ticket, entry.portfolio)).listed = listed
    for kind, place in ((OrderSent, "sent"), (Filled, "fills"), (Cancelled, "ends"), (Refused, "ends")):
        for entry in journal.entries(kind=kind.kind):
            if entry.order:
                trace = found.setdefault(entry.order, OrderTrace())
                trace.ticket, trace.portfolio = trace.ticket or entry.ticket, trace.portfolio or entry.portfolio
                trace.moment = trace.moment or entry.moment
                if kind is OrderSent:
                    trace.ticket, trace.listed = entry.ticket, lists.get((entry.ticket, entry.order), trace.listed)
                getattr(trace, place).append(_corrected(entry, corrections.get(entry.sequence)))
    for trace in found.values():
        trace.calendar = calendars.get(trace.ticket, "")
    return found


def _corrected(entry: Entry, values: Mapping[str, Any] | None) -> Any:
    """The record of an entry with the values of its corrections. Raises DataError for those that it cannot have."""
    if not values:
        return entry.record
    unknown = sorted(set(values) - set(vars(entry.record)))
    try:
        record, why = adapter(entry.kind).validate_python(vars(entry.record) | values), ""
    except ValidationError as error:
        why = first_fault(error)
    if why := f"it has no {', '.join(unknown)}" if unknown else why:
        raise DataError(
            f"entry {entry.sequence} of the journal, a {entry.kind}, is corrected by {dict(values)}: {why}. Journal "
            "another correction of it."
        )
    return record


def _row_of(name: str, trace: OrderTrace, delay: Delay, end_price: EndPrice, calendar: str) -> dict[str, Any]:
    """The row of an order of an exchange. Raises DataError for what cannot be an order."""
    fills = [fill for fill in trace.fills if fill.quantity]
    records: list[OrderSent | Filled | ListedOrder] = [*trace.sent, *fills, *filter(None, [trace.listed])]
    if not records:
        raise DataError(f"order {name}: the journal has neither its list nor its sending. Journal the list.")
    of = records[0]
    _check_fills(name, of, fills)
    venue = next((record.venue for record in [*trace.sent, *trace.fills, *trace.ends]), "")
    quote = trace.sent[0].quote if trace.sent else None
    moment = fills[0].traded_at if fills else (trace.sent[0].sent_at if trace.sent else "") or trace.moment
    day = day_at(_instant(moment), calendar)
    observed = ObservedOrder(
        name,
        of.side,
        wanted=_wanted(name, trace, fills),
        fills=tuple(_observed(fill) for fill in fills),
        decision=trace.listed.price if trace.listed else None,
        arrival=mid(quote),
        end=end_price(of.symbol, of.currency, day),
        fees=_fees(fills, of.currency),
    )
    notional = None if observed.decision is None else observed.wanted * observed.decision
    return {
        "order": name,
        "ticket": trace.ticket,
        "portfolio": trace.portfolio,
        "asset": trace.listed.symbol if trace.listed else of.symbol,
        "side": of.side,
        "venue": venue,
        "currency": of.currency,
        "state": "filled" if not observed.rest else "ended" if trace.ends else "open",
        "moment": moment,
        "day": str(day),
        "hour": moment[11:13],
        "size": "" if notional is None else next(words for limit, words in SIZES.items() if notional < limit),
        "quotes": next((fill.quote.source for fill in fills if fill.quote), ""),
        "fills": len(fills),
        "filled": observed.filled,
        **{column: getattr(observed, column) for column in ("wanted", "decision", "arrival", "end")},
        "notional": notional,
        "traded": sum(fill.quantity * fill.price for fill in fills),
        **vars(shortfall(observed, delay)),
    }


def _check_fills(name: str, of: OrderSent | Filled | ListedOrder, fills: Sequence[Filled]) -> None:
    """Raise DataError for a fill of another side or currency than its order."""
    for fill in fills:
        for part in ("side", "currency"):
            if (found := getattr(fill, part)) != (own := getattr(of, part)):
                raise DataError(
                    f"order {name}: {part} of fill {fill.fill} is {found!r}, and {own!r} of the order. Journal a "
                    "correction of the fill."
                )


def _wanted(name: str, trace: OrderTrace, fills: Sequence[Filled]) -> float:
    """Units that were wanted: of the list, else of all slices; of an order in an amount, the units that were filled."""
    slices = {sent.slice: sent.quantity for sent in trace.sent}  # of a slice that was sent again, the last attempt
    quantities = [trace.listed.quantity] if trace.listed else list(slices.values())
    known = [quantity for quantity in quantities if quantity is not None]
    wanted = sum(known) if known and len(known) == len(quantities) else sum(fill.quantity for fill in fills)
    if not wanted:
        raise DataError(f"order {name}: it was in an amount of currency, and nothing of it was filled. It is left out.")
    return wanted


def _observed(fill: Filled) -> ObservedFill:
    """A fill with its quote, which counts where it is of the moment of the fill, or states none."""
    quote = fill.quote
    if quote is not None and quote.moment:
        apart = abs(_instant(quote.moment) - _instant(fill.traded_at))
        quote = quote if apart.total_seconds() <= AT_FILL else None
    return ObservedFill(fill.quantity, fill.price, mid(quote), quoted_half_spread(quote))


def _instant(moment: str) -> datetime:
    """The instant of a moment, in UTC where it states no offset."""
    found = datetime.fromisoformat(moment)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _fees(fills: Sequence[Filled], currency: str) -> float | None:
    """The fees of fills in a currency, None where some are in another."""
    alike = all(fill.fee_currency == currency or not fill.fee for fill in fills)
    return sum(fill.fee for fill in fills) if alike else None


def mid(quote: Quote | None) -> float | None:
    """The middle of a quote's bid and ask, else its last price, currency per unit; None where it has neither."""
    half = quoted_half_spread(quote)
    if quote is None or half is None or quote.bid is None:
        return quote.last if quote is not None and quote.last else None
    return quote.bid + half


def quoted_half_spread(quote: Quote | None) -> float | None:
    """Half of ask less bid, currency per unit; None where one is missing, or the bid is above the ask."""
    if quote is None or not quote.bid or not quote.ask or not 0.0 < quote.bid <= quote.ask:
        return None
    return (quote.ask - quote.bid) / 2.0
