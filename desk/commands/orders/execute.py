"""A ticket from its file to its venue: what is known of it and checked before it is sent, its sending, its booking."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from desk.commands.orders import book
from desk.commands.orders.house import write_accounts_after
from desk.cycle.alternatives import CYCLE_LIST
from desk.exchange.allocations import journal_allocations
from desk.exchange.checks import Check, checked
from desk.exchange.execute import Execution, SentResult
from desk.exchange.moment import Moment, Place, moment_of
from desk.exchange.routing import Routed, Routing, check_other_venues, routing
from desk.exchange.stops import alone, stop_file
from desk.exchange.ticket_orders import TicketOrder, calendar_of, flows_of
from desk.exchange.venue import NotKnown, Venue
from desk.exchange.venues import PaperPrices, check_venue, venue_of
from desk.journal import Journal, list_event
from desk.journal.journal import utc_now
from desk.journal.records import Filled
from desk.journal.tickets import TicketState, ticket_state
from desk.tickets.accounts_file import ACCOUNTS
from desk.tickets.formats.ticket_json import read_ticket_file
from desk.tickets.order_ids import list_id
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.files import sha256_of
from research.market.calendars import day_at, session_after
from research.orders.bookkeeping.importing import item_name
from research.portfolio.holdings.book_file import read_book

LEAST_DIGITS = 8  # of a hash that confirms a sending


@dataclass(frozen=True)
class Asked:
    """The request.

    ticket    : path of the ticket.
    exchanges : names of venues, of `desk.exchange.venues`.
    as_of     : session that the paper venue plays, YYYY-MM-DD, or "".
    portfolio : portfolio file whose market has the prices of the paper venue, or None.
    quotes    : CSV of quotes for the paper venue, or None.
    user      : who sends, as the journal names him; None takes the user of the system.
    """

    ticket: Path
    exchanges: Sequence[str]
    as_of: str = ""
    portfolio: Path | None = None
    quotes: Path | None = None
    user: str | None = None


@dataclass(frozen=True)
class Ready:
    """A ticket that was checked and not sent yet.

    path      : path of the ticket.
    file      : portfolio file, or file of the accounts of a house; None where it is not known.
    moment    : what is known of it.
    checks    : outcome of the checks; () for a ticket that was sent and of which all orders were answered.
    execution : its sending.
    book      : name of the book of its portfolio, or "".
    again     : looks and checks again: a person may take minutes to answer.
    """

    path: Path
    file: Path | None
    moment: Moment
    checks: tuple[Check, ...]
    execution: Execution
    book: str
    again: Callable[[], "Ready"]

    @property
    def faults(self) -> list[str]:
        """The sentences that stand against its sending."""
        return [fault for check in self.checks for fault in check.faults]

    @property
    def is_refused(self) -> bool:
        """True if a check failed before anything was sent; of a ticket that was sent, the answers are still taken."""
        return bool(self.faults) and not self.moment.state.sent

    def check_confirmed(self, confirm: str) -> None:
        """Raise ConfigError unless a text is the beginning of the hash of the ticket, long enough to mean it."""
        ticket = self.moment.document["hash"]
        if len(confirm) < LEAST_DIGITS or not ticket.startswith(confirm):
            raise ConfigError(
                f"--confirm is {confirm!r}: give the first {LEAST_DIGITS} or more digits of the ticket's hash, which "
                f"begins with {ticket[:LEAST_DIGITS]}, if this is the list that was approved."
            )

    def send(self) -> Iterator[SentResult]:
        """Send what was not sent, unless a check failed, and give what became of each order; then book the fills.

        Raises : ConfigError where it `is_refused`; DataError where the book does not take the list, before anything is
                 sent, or the fills of it.
        """
        if self.is_refused:
            raise ConfigError(" ".join(self.faults))
        journal, document = self.execution.journal, self.moment.document
        if not self.moment.state.lists:
            journal.append([list_event(document, [str(self.path.absolute())])])
        if self.book and self.moment.left and not self.execution.stop():
            book.book_sent(self.book, document)
        yield from self.execution.run()
        if self.book:
            book.book_fills(self.book, self.execution.fills)

    def allocate(self) -> None:
        """Share the fills of a house, once all venues were sent to: each account pays the mean price of its block."""
        if "allocations" in self.moment.document:
            journal_allocations(self.execution.journal, self.moment.document)

    def accounts_text(self) -> tuple[str, bool]:
        """Write the accounts of a house as they are now, and say so, and if all have cash; "" for others."""
        document, file = self.moment.document, self.file
        if not {"allocations", "crosses"} & set(document):
            return "", True
        if file is None or self.moment.place.sha256.get(document["file"]) != document["file_sha256"]:
            return f"{document['file']} is not as it was: crosses and allocations are in the journal alone.", True
        return write_accounts_after(self.execution.journal, document, file, self.path)


class Silent(NamedTuple):
    """A venue that gave no answer before anything was sent to it, and the orders that it may have."""

    venue: str
    orders: tuple[TicketOrder, ...]
    why: str


@contextmanager
def ready(asked: Asked) -> Iterator[tuple[list[Ready], tuple[Routed, ...], tuple[Silent, ...]]]:
    """A ticket, checked for each venue, with them and the journal open; no other process sends a list meanwhile.

    Of several venues, each order goes to those where it is expected to cost least, which are given, too; of a ticket
    that was sent, those that give no answer are given apart, and the others go on.

    Raises : DataError for what is no ticket, or was changed; ConfigError for another venue, for a portfolio of which
             another process sends a list, and for a book of another portfolio, or without fills of its last list.
    """
    _check_exchanges(exchanges := asked.exchanges)
    document = read_ticket_file(asked.ticket)
    file = _file_of(document, asked.portfolio)
    paper = PaperPrices(asked.as_of, asked.portfolio, asked.quotes)
    with alone(document["portfolio"]), Journal(user=asked.user) as journal, ExitStack() as opened:
        venues = [opened.enter_context(venue_of(name, document, paper)) for name in exchanges]
        chosen = routing(document, journal, venues) if len(venues) > 1 else None
        if chosen is None:
            check_other_venues(document, journal, venues[0].name)
        faulty = set[str]()  # venues with a check that failed

        replaced = set[str]()  # the list that was sent since, in words

        def stop() -> str:
            return "a check failed" if faulty else stop_file() or "".join(replaced)

        def at(venue: Venue) -> Ready:
            orders = None if chosen is None else chosen.orders[venue.name]

            def look() -> Moment:
                remake = _remake(document, asked, file, venue, ticket_state(journal, document["hash"]))
                place = Place(_hashes(document, file), remake, stop_file(), str(asked.ticket))
                return moment_of(document, journal, venue, place, orders)

            def prepared() -> Ready:
                moment = look()
                replaced.update([f"list {list_id(moment.replaced)} was sent since"] if moment.replaced else [])
                is_new = (moment.orders or moment.crossed) and not moment.state.sent
                checks = checked(moment) if moment.left or is_new else []
                if checks and chosen is not None:
                    checks.append(Check("taken by a venue", chosen.faults))
                book_name = _book_of(document, file, journal)
                if checks and book_name:
                    checks.append(Check("day of the book", tuple(_day_faults(book_name, moment.today.astype(date)))))
                (faulty.add if any(check.faults for check in checks) else faulty.discard)(venue.name)
                sending = Execution(journal, venue, document, moment.slices, moment.quotes, stop, look)
                return Ready(asked.ticket, file, moment, tuple(checks), sending, book_name, prepared)

            return prepared()

        if chosen is None:
            yield [at(venues[0])], (), ()
        else:
            yield _prepared(venues, at, chosen, is_sent=bool(ticket_state(journal, document["hash"]).sent))


def _check_exchanges(exchanges: Sequence[str]) -> None:
    """Raise ConfigError for a name of no venue, for one that is there twice, and for paper among several."""
    for name in exchanges:
        check_venue("--exchange is", name)
    if len(exchanges) > 1 and ("paper" in exchanges or len(set(exchanges)) < len(exchanges)):
        raise ConfigError(f"--exchange is {', '.join(exchanges)}: name several venues once each, or paper alone.")


def _prepared(
    venues: Sequence[Venue], at: Callable[[Venue], Ready], chosen: Routing, *, is_sent: bool
) -> tuple[list[Ready], tuple[Routed, ...], tuple[Silent, ...]]:
    """Several venues, as `ready` gives them. Raises NotKnown where nothing is sent and one is silent."""
    prepared, silent = list[Ready](), list[Silent]()
    for venue in venues:
        try:
            prepared.append(at(venue))
        except NotKnown as error:
            silent.append(Silent(venue.name, chosen.orders[venue.name], str(error)))
            if not is_sent or len(silent) == len(venues):
                raise
    prepared.sort(key=lambda each: all(one.order.side == "buy" for one in each.moment.orders))  # sales pay for buys
    return prepared, chosen.choices, tuple(silent)


def _remake(document: Mapping[str, Any], asked: Asked, file: Path | None, venue: Venue, state: TicketState) -> str:
    """The command that makes the list of a ticket anew, with the money that comes or goes unless it was sent.

    For a past session on paper, it is made at the close before.
    """
    calendar, words, named = calendar_of(document), ["rebalance", "trades"], [str(file or document["file"])]
    if document["file"].endswith(ACCOUNTS):
        words += [*named, "--out", "orders.csv"]
    else:
        decides = document["policy"].startswith(CYCLE_LIST)
        words = ["rebalance", *(("desk", "run") if decides else ("trades",)), *named]
    if (session := day_at(venue.now(), calendar)) < day_at(utc_now(), calendar):
        words += ["--as-of", str(session_after(session - 1, 0, calendar))]
    for number, _, amount in () if state.sent else flows_of(document):
        words += ["--deposit" if amount > 0.0 else "--withdraw", f"{abs(amount):.15g}"]
        for row in document["accounts"]:
            words += ["--account", row["account"]] if row["number"] == number else []
    return shlex.join([*words, "--out", str(asked.ticket)])


def _file_of(document: Mapping[str, Any], given: Path | None) -> Path | None:
    """The portfolio file of a ticket, where its path says, or as it is given; None where it is at neither."""
    places = [Path(document["path"])] if "path" in document else []
    places += [given] if given is not None and given.name == document["file"] else []
    return next((path for path in places if path.is_file()), None)


def _day_faults(name: str, day: date) -> Iterator[str]:
    """A sentence where orders would be sent on a day before the opening or the last trade of their book."""
    try:
        read_book(name).check_day(day, of_list=False)
    except DataError as error:
        yield f"{error}"


def _hashes(document: Mapping[str, Any], file: Path | None) -> dict[str, str]:
    """The sha256 of the file of a ticket, and of the models of a house; of those that are there."""
    if file is None:
        return {}
    paths = {document["file"]: file} | {name: file.parent / name for name in document.get("models", {})}
    return {name: sha256_of(path) for name, path in paths.items() if path.is_file()}


def _book_of(document: Mapping[str, Any], file: Path | None, journal: Journal) -> str:
    """The name of the book that a portfolio file reads, or ""."""
    if file is None or file.suffix == ACCOUNTS or not (name := book.named_in(file)):
        return ""
    found = read_book(name)
    if (of := Path(found.file).name) != document["file"]:
        raise ConfigError(
            f"book {name!r} belongs to {of}, and the ticket to {document['file']}: name its own book there."
        )
    before, items = found.blotter.ticket, {item.name for item in found.items}
    fills = journal.entries(ticket=before, kind=Filled.kind) if before not in ("", document["hash"]) else ()
    keys = {f"{entry.record.venue}:{entry.record.fill}" for entry in fills}
    if any(item_name(key) not in items for key in keys - found.blotter.fill_ids):
        raise ConfigError(f"book {name!r} lacks fills of list {list_id(before)}: execute that list once more first.")
    return name
