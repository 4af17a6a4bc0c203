"""Tickets in the journal: the entry of a list, its approvals, and what a ticket's entries say of it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from desk.journal.chain import Entry, Event
from desk.journal.journal import Journal, Kept
from desk.journal.records import (
    Allocated,
    Approved,
    Corrected,
    CycleRun,
    EntryContent,
    Filled,
    ListedOrder,
    ListMade,
    OrderSent,
    Refused,
)
from desk.tickets.exchange_orders import ExchangeOrder, exchange_row
from desk.tickets.order_ids import list_id
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, fields, replace
from foundation.errors import ConfigError
from foundation.paper.wording import listed

AFTER_REFUSAL = (
    "Only who refused it can approve it after all. A list of the same file, data and request is the same again, and "
    "refused: change what was refused."
)
ASSISTANT = " through an assistant"  # in the name of who made a list that his assistant asked for


def ticket_event(document: Mapping[str, Any], record: EntryContent, order: str = "") -> Event:
    """A record on a ticket. document : of the ticket, with its hash (`ticket_json.read_ticket_file`)."""
    return Event(record, document["portfolio"], document["hash"], document["run"], order)


def list_event(document: Mapping[str, Any], files: Sequence[str] = ()) -> Event:
    """The list of a ticket. document : as for `ticket_event`. files : paths to which it is written."""
    exchanges = (exchange_row(ExchangeOrder(**row)) for row in document.get("fx", ()))
    names = [field.name for field in fields(ListedOrder)[1:]]
    orders = tuple(
        ListedOrder(row["client_order_id"], **{name: row.get(name) for name in names})
        for row in (*document["orders"], *exchanges)
    )
    said = {name: document[name] for name in ("file", "policy", "as_of", "last_close", "data", "headline", "reason")}
    calendar, approvals = document.get("sending", {}).get("calendar", ""), document.get("approvals", 0)
    record = ListMade(**said, approvals=approvals, orders=orders, files=tuple(files), calendar=calendar)
    return ticket_event(document, record)


def cross_events(document: Mapping[str, Any]) -> list[Event]:
    """The crosses of the ticket of a house, for both accounts of each. document : as for `ticket_event`."""
    events = list[Event]()
    for cross in document.get("crosses", ()):
        for side, own, other in (("sell", "seller", "buyer"), ("buy", "buyer", "seller")):
            amounts = (cross["quantity"], cross["price"], cross["value"], document["currency"])
            record = Allocated(cross[own], side, cross["asset"], *amounts, counterparty=cross[other])
            events.append(ticket_event(document, record, cross[f"{side}_order"]))
    return events


@dataclass(frozen=True)
class TicketState:
    """The state of a ticket, as the journal has it.

    lists, sent, crossed : entries of its lists, its orders and its crosses.
    approvals, refusals : each person's last word on it.
    wanted : persons who must approve it.
    """

    lists: tuple[Entry, ...]
    approvals: tuple[Entry, ...]
    refusals: tuple[Entry, ...]
    sent: tuple[Entry, ...]
    crossed: tuple[Entry, ...]

    @property
    def wanted(self) -> int:
        """Persons who must approve it: as many as its portfolio asks for, and one of a list that an assistant made."""
        by_assistant = any(ASSISTANT in entry.user for entry in self.lists)
        return max((entry.record.approvals for entry in self.lists), default=0) or int(by_assistant)

    @property
    def is_approved(self) -> bool:
        """True if as many persons approved it as its list says, and none refused it."""
        return len(self.approvals) >= self.wanted and not self.refusals

    @property
    def text(self) -> str:
        """Sentences: who approved or refused it, who must, and when it was sent."""
        by = [f"{e.user} on {moment_text(e)}{' after a refusal' * bool(e.record.after)}" for e in self.approvals]
        lines = [f"Approved by {listed(by)}." if by else "Approved by nobody."]
        if (rest := self.wanted - len(by)) > 0:
            lines.append(f"It asks for {self.wanted}: {rest} more must approve it.")
        elif not by and not self.refusals:
            lines.append("Its portfolio asks for no approval.")
        lines += [f"Refused by {entry.user} on {moment_text(entry)}: {entry.record.reason}." for entry in self.refusals]
        if self.sent:
            lines.append(
                f"Sent by {self.sent[0].user} on {moment_text(self.sent[0])}: {len(self.sent):,} of its orders."
            )
        elif self.crossed:
            lines.append(f"Crossed between accounts by {self.crossed[0].user} on {moment_text(self.crossed[0])}.")
        return " ".join(lines)


def ticket_state(journal: Journal, ticket: str) -> TicketState:
    """The state of a ticket. ticket : its hash."""
    kinds: dict[str, list[Entry]] = {}
    latest: dict[str, Entry] = {}
    for entry in journal.entries(ticket=ticket):
        kinds.setdefault(entry.kind, []).append(entry)
        if entry.kind in (Approved.kind, Refused.kind) and not entry.order:
            latest[entry.user] = entry
    approvals = (entry for entry in latest.values() if entry.kind == Approved.kind)
    refusals = (entry for entry in latest.values() if entry.kind == Refused.kind)
    crossed = (entry for entry in kinds.get(Allocated.kind, ()) if not entry.record.block)
    lists, sent = kinds.get(ListMade.kind, ()), kinds.get(OrderSent.kind, ())
    return TicketState(*map(tuple, (lists, approvals, refusals, sent, crossed)))


def filled_units(journal: Journal, ticket: str) -> dict[str, Decimal]:
    """By order of a ticket, the units that were filled of it, as they were corrected; those of which any were.

    ticket : its hash.
    """
    fills = list(journal.entries(ticket=ticket, kind=Filled.kind)) if ticket else []
    of_fills = {entry.sequence for entry in fills}
    corrections = (entry.record for entry in journal.entries(kind=Corrected.kind) if fills)
    right = {
        each.corrects: each.values for each in corrections if each.corrects in of_fills and "quantity" in each.values
    }
    filled = dict[str, Decimal]()
    for entry in fills:
        units = right.get(entry.sequence, vars(entry.record))["quantity"]
        filled[entry.order] = filled.get(entry.order, Decimal()) + decimal(units)
    return {order: units for order, units in filled.items() if units}


def newest_cycle(journal: Journal, portfolio: str) -> Entry | None:
    """The newest cycle of the newest session of a portfolio, or None."""
    entries = journal.entries(kind=CycleRun.kind, portfolio=portfolio)
    return max(entries, key=lambda entry: (entry.record.session, entry.sequence), default=None)


def execution_status(journal: Journal, ticket: str) -> str:
    """executed, where each order of a ticket was filled in full; partly executed, where one was sent; or "".

    ticket : its hash. An order in an amount of money counts as filled in full with its first fill.
    """
    state = ticket_state(journal, ticket) if ticket else None
    if state is None or not state.sent:
        return ""
    filled = filled_units(journal, ticket)
    orders = {row.order: decimal(row.quantity or 0.0) for entry in state.lists for row in entry.record.orders}
    done = (name in filled and filled[name] >= units for name, units in orders.items())
    return "executed" if all(done) else "partly executed"


def judge(journal: Journal, document: Mapping[str, Any], path: str, refusal: str = "") -> tuple[Kept, TicketState]:
    """Journal that the journal's user approves a ticket, or refuses it; its list, too, where the journal has none.

    Each person's last word counts: who refused it may approve it after all, and nobody else may do so for him.

    document : as for `ticket_event`.
    path     : of the ticket.
    refusal  : why it is refused; "" approves it.
    Returns  : the entry, and the state of the ticket after it.
    Raises   : ConfigError for the approval of a ticket that others refused and the user did not, and for the refusal of
               one that was sent or crossed.
    """
    state, number = ticket_state(journal, document["hash"]), list_id(document["hash"])
    mine = any(entry.user == journal.user for entry in state.refusals)
    if not refusal and state.refusals and not mine:
        raise ConfigError(f"ticket {number} cannot be approved: {state.text} {AFTER_REFUSAL}")
    if (state.sent or state.crossed) and refusal:
        advice = " Cancel its orders." if state.sent else ""
        raise ConfigError(f"ticket {number} can no longer be refused: {state.text}{advice}")
    events = [] if state.lists else [list_event(document, [path])]
    record: Refused | Approved = Refused(refusal) if refusal else Approved()
    if own := [entry for entry in (*state.approvals, *state.refusals) if entry.user == journal.user]:
        after = own[0].record.after if own[0].kind == record.kind else own[0].sequence
        record = replace(record, after=after)
    kept = journal.append([*events, ticket_event(document, record)])
    return kept[-1], ticket_state(journal, document["hash"])


def moment_text(entry: Entry) -> str:
    """The moment of an entry to the second."""
    return f"{entry.moment[:10]} {entry.moment[11:19]} UTC"
