"""Acts of a cycle at the venue of its file: it finishes its last list, holds the book beside it, and sends a list."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from desk.commands.cycle.kept_path import CYCLES
from desk.commands.orders.book import holding_book
from desk.commands.orders.execute import Asked, Ready, ready
from desk.commands.orders.execute_text import after_text, has_failed, progress_text
from desk.commands.orders.fill_entries import journal_fills, order_ids
from desk.commands.orders.trades import save_trades
from desk.cycle import reality
from desk.cycle.cycle import Cycle
from desk.cycle.decision import Control, control
from desk.exchange.paper import PaperVenue
from desk.exchange.stops import RESUME, alone, pause_file, stop_file
from desk.exchange.venue import NotKnown
from desk.exchange.venues import venue_of
from desk.journal import Journal
from desk.journal.journal import utc_now
from desk.journal.records import OrderSent
from desk.journal.tickets import newest_cycle, ticket_state
from desk.tickets import make_ticket
from desk.tickets.formats.ticket_json import read_ticket_file
from desk.tickets.order_ids import list_id
from foundation.errors import ConfigError
from foundation.home import home_folder
from research.market import Market
from research.market.calendars import day_at
from research.orders import trade_list
from research.orders.bookkeeping.importing import with_activity
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.book_file import read_book, write_book
from research.portfolio.holdings.market_events import splits_since
from research.rules import Never

ACTS = "REBALANCE_ACTS"  # environment variable: PORTFOLIO@VENUE, with commas between several


class CycleDesk(NamedTuple):
    """The place at which a cycle acts.

    file, portfolio, book : portfolio file, its name, and that of its book.
    venue      : name of the venue.
    folder     : folder of the tickets that cycles of the portfolio made.
    """

    file: Path
    portfolio: str
    book: str
    venue: str
    folder: Path


class ListOutcome(NamedTuple):
    """The outcome of a list.

    text     : in words.
    is_tried : false where it was not to be sent now.
    asks     : true where a person is asked: a check failed, or an order was not taken.
    later    : session in which the same cycle is to run again, to send it then; "" for none.
    """

    text: str
    is_tried: bool = False
    asks: bool = False
    later: str = ""


NO_LIST = ListOutcome("")


def held_back(act: bool) -> str:
    """The reason for which a cycle sends nothing, whatever it decides; "" where it may send."""
    if not act:
        return "this cycle was run to watch"
    return f"{path} is there. To go on: {RESUME}" if (path := stop_file() or pause_file()) else ""


def second_key(portfolio: Portfolio) -> Control | None:
    """The control of the second key of a venue that is not paper; None where no key is asked for."""
    acts = portfolio.cycle.acts
    if acts is None or acts.venue == PaperVenue.name:
        return None
    key = f"{portfolio.name}@{acts.venue}"
    has = key in {each.strip() for each in os.environ.get(ACTS, "").split(",")}
    fault = f"{acts.venue} asks for a second key: set the environment variable {ACTS} to {key}"
    return control("second key", not has, fault, f"{ACTS} names {key}")


def finish_last(desk: CycleDesk, journal: Journal, held: str) -> Iterator[str]:
    """Book what was filled of the last list of a book, and send what a killed cycle left of it; sentences.

    held : why nothing more is sent of it; "" sends it. Of a list that a person sent, fills alone are taken.
    """
    ticket = read_book(desk.book).blotter.ticket
    state = ticket_state(journal, ticket)
    paths = (Path(name) for entry in state.lists for name in entry.record.files if name.endswith(".json"))
    path = next((each for each in paths if each.is_file() and read_ticket_file(each)["hash"] == ticket), None)
    venues = list(dict.fromkeys(entry.record.venue for entry in state.sent))
    is_own = path is not None and path.parent == desk.folder.absolute()
    if is_own and not venues:  # it was killed before its first order
        venues = [desk.venue]
    if path is None or not venues:
        yield f"List {list_id(ticket)} has open orders, and its ticket is not where it was: its fills are not fetched."
        return
    why = held if is_own and venues == [desk.venue] else held or "a person sent it, and goes on with it"
    session = read_ticket_file(path).get("sending", {}).get("expires", "")
    try:
        has = venues == [PaperVenue.name] and _market_of(desk, session) is not None
        with ready(Asked(path, venues, portfolio=desk.file if has else None)) as (prepared, _, silent):
            for each in prepared:
                if why:
                    each.execution.stop = lambda: why
                if each.is_refused or (why and not state.sent):
                    yield f"List {list_id(ticket)} is not sent: {' '.join(each.faults) or why}."
                else:
                    yield _sent(each).text
            yield from (f"{each.venue} gives no answer: {each.why}" for each in silent)
    except NotKnown as error:
        yield f"What became of list {list_id(ticket)} is not known: {error}"


def compared_with_venue(
    desk: CycleDesk, load: Callable[[], Portfolio], journal: Journal, day: pd.Timestamp
) -> tuple[reality.Reality, Portfolio]:
    """The book beside its venue, and the portfolio as the book has it then.

    What the venue shows of a difference is listed in the book, to be booked by name. Nobody else writes the book
    meanwhile: the portfolio is loaded within, and again after each booking.
    load   : loads the portfolio with what the book holds.
    day    : day of the cycle.
    Raises : ConfigError where another process sends a list of the portfolio.
    """
    with alone(desk.portfolio), holding_book(desk.book):
        book, portfolio = read_book(desk.book), load()
        held = trade_list(portfolio, Never(portfolio.strategic), "never", stale_ok=True)
        document = {"hash": "", **make_ticket(held).document}
        try:
            with venue_of(desk.venue, document, given="cycle: acts: venue is") as venue:
                if isinstance(venue, PaperVenue):
                    venue.take_events(portfolio, book)
                there, today = reality.at_venue(venue, portfolio, book), day_at(venue.now(), portfolio.market.calendar)
        except NotKnown as error:
            silent = f"{desk.venue} gives no answer, and was not compared with book {desk.book}: {error}"
            return reality.Reality(silent, False), portfolio
        later = "" if desk.venue == PaperVenue.name or np.datetime64(day, "D") >= today else f"{today}"
        known = order_ids(journal, book)  # by the ids that the venue has
        ended = frozenset(known.values()) - {known.get(each, each) for each in there.open}
        before, book = book, book if later else reality.without_choices(book, desk.venue)
        book = reality.with_shown_dividends(reality.with_shown_splits(book, portfolio, there), portfolio, there)
        if found := reality.book_differences(book, portfolio, there):
            sent = journal.entries(kind=OrderSent.kind)
            others = {entry.record.venue_id for entry in sent if entry.portfolio != desk.portfolio}
            strays = reality.stray_activity(found, there, others)
            write_book(book := with_activity(book, portfolio, strays, known).book, utc_now())
            found = reality.book_differences(book, portfolio := load(), there)
            if not later:
                book = with_activity(book, portfolio, reality.stray_cash(found, desk.venue, day.date()), known).book
            journal_fills(journal, book, strays.fills)
        if book != before:
            write_book(book, utc_now())
            found = reality.book_differences(book, portfolio := load(), there)
        ended &= {order.order_id for order in book.blotter.open}
        unshown = reality.unshown_splits(book, portfolio)
        rests = reality.resting(unshown, portfolio)
        found = (*found, *(reality.not_shown(each, desk.book, desk.venue) for each in unshown if each not in rests))
        portfolio = _at_rest(portfolio, {each.asset for each in rests})
        return replace(reality.reality_of(found, desk.book, desk.venue, later, rests), ended=ended), portfolio


def _at_rest(portfolio: Portfolio, assets: Collection[str]) -> Portfolio:
    """The portfolio with assets that may not be traded."""
    market = portfolio.market
    if not assets:
        return portfolio
    words = ["locked" if each in assets else word for each, word in zip(market.assets, market.trading, strict=True)]
    return replace(portfolio, market=replace(market, instruments=market.instruments.assign(trading=words)))


def _waiting_list(portfolio: Portfolio) -> Path | None:
    """The list of the newest cycle, where it waits on paper for the bars of its session; else None."""
    if portfolio.cycle.acts is None or portfolio.cycle.acts.venue != PaperVenue.name:
        return None
    with Journal() as journal:
        newest = newest_cycle(journal, portfolio.name)
        if newest is None or not newest.ticket or ticket_state(journal, newest.ticket).sent:
            return None
    path = _list_path(home_folder() / CYCLES / portfolio.name, newest.record.session, newest.ticket)
    return path if path.is_file() else None


def waits_on_paper(portfolio: Portfolio) -> bool:
    """True if the list of the newest cycle waits on paper for the bars of its session: the next cycle has it filled."""
    return _waiting_list(portfolio) is not None


def lacks_bars(portfolio: Portfolio) -> bool:
    """True while the market does not have the bars for which the list of the newest cycle waits on paper."""
    path = _waiting_list(portfolio)
    return path is not None and not _has(portfolio.market, read_ticket_file(path)["sending"]["expires"])


def send_waiting_list(desk: CycleDesk, portfolio: Portfolio, today: pd.Timestamp) -> ListOutcome:
    """Send the list to paper that waits for the bars of its session, if one does; it is not tried while it waits.

    today : day of the cycle.
    """
    if (path := _waiting_list(portfolio)) is None:
        return NO_LIST
    document = read_ticket_file(path)
    session, unsent = document["sending"]["expires"], f"List {list_id(document['hash'])} is not sent: "
    market = _market_of(desk, session) if session <= f"{today:%Y-%m-%d}" else None
    if market is None:
        return NO_LIST
    if why := held_back(act=True) or _split_since(market, document):
        return ListOutcome(f"{unsent}{why}.")
    try:
        with ready(Asked(path, [desk.venue], portfolio=desk.file)) as ((prepared,), *_):
            return _sent(prepared)
    except (ConfigError, NotKnown) as error:  # before anything was sent
        return ListOutcome(f"{unsent}{error}", is_tried=True, asks=True)


def _list_path(folder: Path, close: str, ticket: str) -> Path:
    """The path of the list of a cycle. close : YYYY-MM-DD."""
    return folder.absolute() / f"{close}-list-{list_id(ticket)}.json"


def send_list(desk: CycleDesk, made: Cycle, today: pd.Timestamp) -> ListOutcome:
    """Send the list of a decision, and book its fills; on paper, once the market has its session.

    today : day of the cycle, and of paper.
    """
    ticket, session = made.decision.ticket, made.portfolio.trade_day
    path = _list_path(desk.folder, f"{made.portfolio.date:%Y-%m-%d}", ticket)
    save_trades(made.decision.to_send, [str(path)])
    if read_ticket_file(path)["hash"] != ticket:
        changed = f"{desk.file} was changed since the list was made. Run the cycle again."
        return ListOutcome(f"Nothing is sent: {changed}", is_tried=True, asks=True)
    is_paper = desk.venue == PaperVenue.name
    market = _market_of(desk, f"{session:%Y-%m-%d}") if is_paper else None
    if is_paper and market is None:
        waits = f"Its orders wait on paper for the bars of {session:%Y-%m-%d}: the next cycle has them filled."
        return ListOutcome(waits, later=f"{session:%Y-%m-%d}")
    if market is not None and (why := _split_since(market, read_ticket_file(path))):
        return ListOutcome(f"Nothing is sent: {why}.", is_tried=True)
    try:
        with ready(Asked(path, [desk.venue], portfolio=desk.file if is_paper else None)) as ((prepared,), *_):
            last = read_book(desk.book).blotter
            now = today if is_paper else pd.Timestamp(prepared.moment.today)
            if last.asked == made.portfolio.date.date() and last.ticket != ticket:
                said = f"list {list_id(last.ticket)} of this close was sent, and one goes by itself"
                return ListOutcome(f"Nothing is sent: {said}.")
            if now < session and not is_paper:
                said = f"Nothing is sent yet: its session is {session:%Y-%m-%d}. Run the same cycle again then."
                return ListOutcome(said, later=f"{session:%Y-%m-%d}")
            if now > session:
                raise ConfigError(f"its session was {session:%Y-%m-%d}, and it is {now:%Y-%m-%d}.")
            return _sent(prepared)
    except (ConfigError, NotKnown) as error:  # before anything was sent
        return ListOutcome(f"Nothing is sent: {error}", is_tried=True, asks=True)


def _sent(prepared: Ready) -> ListOutcome:
    """Send what is left, unless someone pauses meanwhile, book the fills, and say what became of each order.

    Raises : as `Ready.send` does.
    """
    stopped = prepared.execution.stop
    prepared.execution.stop = lambda: pause_file() or stopped()
    sent = list(prepared.send())
    text = "\n".join([*map(progress_text, sent), "", after_text(prepared, sent)])
    return ListOutcome(text, is_tried=True, asks=has_failed(prepared, sent))


def _market_of(desk: CycleDesk, session: str) -> Market | None:
    """The market of the file, by whose bars paper fills, where it has a session already."""
    market = load_portfolio(desk.file).quoted
    return market if _has(market, session) else None


def _has(market: Market, session: str) -> bool:
    return bool(np.datetime64(session, "D") in market.days)


def _split_since(market: Market, document: Mapping[str, Any]) -> str:
    """The reason why the orders of a list are for units of before: an asset of them was split; "" where none was."""
    ordered = {order["asset"] for order in document["orders"]}
    session = date.fromisoformat(document["sending"]["expires"])
    for split in splits_since(market, date.fromisoformat(document["last_close"])):
        if split.asset in ordered and split.day <= session:
            return (
                f"{split.asset} was split on {split.day}, and its orders are for units of before. A cycle decides anew"
            )
    return ""
