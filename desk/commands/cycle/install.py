"""A portfolio file made to run by itself: its prices, its book, its alerts, and what starts its watcher; each once."""

import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import yaml

from desk.commands.cycle.alert_channels import WEBHOOK_TOKEN
from desk.commands.cycle.alerts import SETTINGS, SYSTEM, send_test
from desk.commands.cycle.heartbeat import end_lives
from desk.commands.cycle.kept_environment import KEPT_FILE, keep_environment
from desk.commands.cycle.service_manager import Started, check_manager, register_service, unregister
from desk.commands.cycle.watch import last_cycle
from desk.commands.data import delays_of, fetch_data, needs_of
from desk.commands.orders.acting import second_key
from desk.commands.orders.book import named_in, open_from
from desk.commands.orders.trades import policy_now
from desk.cycle.alerts import AlertKeys
from desk.cycle.schedule import next_over
from desk.exchange.paper.venue import PaperVenue
from desk.exchange.stops import stop_words
from desk.feeds.adapters import ADAPTERS
from desk.feeds.pace import Clock
from foundation.errors import ConfigError
from foundation.files import from_workbench, write_private, write_whole
from foundation.home import home_folder
from research.market.reading.known_instruments import PUBLISHED
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.file.settings import names_of
from research.portfolio.holdings.book_file import book_path, has_book, read_book
from research.portfolio.keys.portfolio_keys import PortfolioKeys

ALERTS_FILE = "alerts.jsonl"
ADDED = "# Added by `rebalance desk install`: what is held is in the book."
ON_PAPER = """\
# On paper no limit is needed: the first list buys all. State your own before you name a broker as the venue.
cycle:
  turnover: 1.0    # one-way, fraction of NAV, above which a person decides
  acts: {{venue: {venue}, notional: {notional:.0f}, turnover: 1.0, orders: 1000}}
"""


def install_desk(file: Path, notify: str = "", *, on_paper: bool = False, clock: Clock = SYSTEM) -> str:
    """Have the decision cycles of a portfolio file run by themselves: sentences on what was done and comes next.

    Alerts are tested, prices fetched, and a book is opened with what the file holds, which the file reads from then on;
    the watcher starts with the machine. What is there already is kept, so that it can be called again.

    notify   : address to which alerts are posted; "" keeps `alerts.yaml`, or writes one with a file alone.
    on_paper : true to send the lists of its cycles to the paper venue.
    Raises   : ConfigError for a file that cannot be read or changed, a channel that takes no alert, and a machine that
               starts nothing by itself; FeedError for a source that does not answer.
    """
    file = Path(from_workbench(file)).resolve()
    check_manager(file)
    said = list[str]()
    if delays_of(file):
        fetched, is_whole = fetch_data(file, clock=clock)
        if not is_whole:
            raise ConfigError(f"not all prices came, and nothing is installed:\n{fetched}")
        said.append(fetched)
    content = _changed(file, on_paper=on_paper)
    said += [*_alerted(notify, clock), _opened(file, content)]
    portfolio = load_portfolio(file)
    if kept := keep_environment(_keys_of(file, portfolio, clock.now())):
        said.append(f"Kept for it in {home_folder() / KEPT_FILE}: {', '.join(kept)}.")
    said += [register_service(Started(portfolio.name, file)), *_coming(portfolio, clock.now())]
    return "\n".join([*said, f"To end it: rebalance desk install {shlex.quote(str(file))} --remove"])


def uninstall_desk(file: Path) -> str:
    """Start the watcher of a portfolio file no more: a sentence. Book, journal and file stay; that may be gone."""
    file = Path(from_workbench(file)).resolve()
    try:
        name = read_document(file, None, names_of(PortfolioKeys)).text("name")
    except ConfigError:
        name = file.stem
    said = unregister(Started(name, file))
    end_lives(file)
    return f"{said} Its book, its journal and its prices stay."


# -- alerts, and what it needs to know ---------------------------------------------------------------------------------


def _alerted(notify: str, clock: Clock) -> Iterator[str]:
    """Write the settings of alerts where they lack, and send a test. Raises ConfigError where a channel takes none."""
    path = home_folder() / SETTINGS
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    stated = read_document(path, known=names_of(AlertKeys)).value("webhook", default="") if before else ""
    if notify and stated not in ("", notify):
        raise ConfigError(f"{path} has another webhook already, {stated}: change it there, and leave --notify out.")
    added = {} if before else {"file": ALERTS_FILE}
    added |= {"webhook": notify} if notify and not stated else {}
    if added:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"{before.rstrip()}\n{yaml.safe_dump(added, sort_keys=False)}".lstrip()
        write_private(path, text.encode())  # an address may be a secret
    try:
        tested, is_failed = send_test(clock)
        if is_failed:
            raise ConfigError(
                f"an alert was not taken, and nothing is installed:\n{tested}\nSee {path}, {WEBHOOK_TOKEN}."
            )
    except ConfigError:
        if before:
            write_private(path, before.encode())
        else:
            path.unlink()
        raise
    yield tested
    if not notify and not before:
        file = path.parent / ALERTS_FILE
        yield f"Alerts go to {file} alone, which nobody is sent: see --notify, and docs/watch.md#alerts."


def _keys_of(file: Path, portfolio: Portfolio, now: datetime) -> tuple[str, ...]:
    """The environment variables with the keys that its cycles may need: of its sources, and of its venue."""
    needs = needs_of(file, now) if delays_of(file) else {}
    sources = [ADAPTERS[each].key_variable for each in needs if each in ADAPTERS]
    venue = portfolio.cycle.acts.venue.upper() if portfolio.cycle.acts else ""
    return (*filter(None, sources), *([f"{venue}_API_KEY", f"{venue}_API_SECRET"] if venue else []))


# -- the file ----------------------------------------------------------------------------------------------------------


def _opened(file: Path, content: bytes) -> str:
    """Open the book of a file, unless it is open, and write its new content, unless that is empty: sentences."""
    document = read_document(file, None, names_of(PortfolioKeys))
    name, is_read = named_in(file) or document.text("name"), bool(named_in(file))
    done = f"Book {name} is open."
    if not has_book(name):
        done = f"Book {name} is opened at the close of {open_from(file)[0].opened}."
    if content:
        write_whole(file, content)
        done += f" {file} reads it from now on."
    if content and document.has("positions") and not is_read:
        done += " Its former `positions` is a comment, and not read any more: fills go into the book (docs/book.md)."
    return done


def _changed(file: Path, *, on_paper: bool) -> bytes:
    """The content of a file that reads its book, and acts on paper where that is asked for; b"" for no change.

    Raises : ConfigError for a book that is open and that it does not read; where it states another venue, or terms of
             its own of the cycle, or cannot be changed.
    """
    named = named_in(file)
    name = named or read_document(file, None, names_of(PortfolioKeys)).text("name")
    if has_book(name) and not named:
        fix = f"Write `positions: {{book: {name}}}` into {file} to go on with it, or give {file} another name."
        raise ConfigError(f"book {name!r} of {read_book(name).file} is open already ({book_path(name)}). {fix}")
    portfolio = load_portfolio(file, {"positions": None} if named and not has_book(name) else {})
    document = read_document(file, None, names_of(PortfolioKeys))
    text = file.read_bytes().decode("utf-8")
    ending = "\r\n" if "\r\n" in text else "\n"
    lines, added = text.replace("\r\n", "\n").rstrip().split("\n"), list[str]()
    if not document.has("positions", "book"):
        if document.has("positions"):
            lines = _without(lines, document.lines["positions",])
        held = {"positions": {"book": portfolio.name}}
        added += ["", ADDED, yaml.safe_dump(held, default_flow_style=None, allow_unicode=True).rstrip()]
    if on_paper and portfolio.cycle.acts is None:
        if document.has("cycle"):
            fix = f"Add to it: acts: {{venue: paper, notional: {2 * portfolio.nav:.0f}, turnover: 1.0}}."
            document.refuse(("cycle",), "does not say that it acts", document.value("cycle"), fix)
        added += ["", *ON_PAPER.format(venue=PaperVenue.name, notional=2 * portfolio.nav).rstrip().split("\n")]
    elif on_paper and portfolio.cycle.acts is not None and portfolio.cycle.acts.venue != PaperVenue.name:
        fix = "Leave --paper out, or write venue: paper there."
        document.refuse(("cycle", "acts", "venue"), "is another venue than paper", portfolio.cycle.acts.venue, fix)
    if not added:
        return b""
    changed = "\n".join([*lines, *added, ""])
    if not _says_more(text, changed):
        raise ConfigError("\n".join([f"{file} cannot be changed by itself. Write into it:", *added]))
    return changed.replace("\n", ending).encode()


def _without(lines: list[str], first: int) -> list[str]:
    """The lines with those of a key at the left made comments.  first : its line, from 1."""
    last = first
    while last < len(lines) and (not lines[last] or lines[last][0] in " \t-}]#"):
        last += 1
    return [*lines[: first - 1], *(f"# {line}".rstrip() for line in lines[first - 1 : last]), *lines[last:]]


def _says_more(before: str, after: str) -> bool:
    """True if a text says all that another one does but for the positions."""
    try:
        earlier, later = yaml.safe_load(before), yaml.safe_load(after)
    except yaml.YAMLError:
        return False
    return all(later.get(key) == value for key, value in earlier.items() if key != "positions")


# -- what comes --------------------------------------------------------------------------------------------------------


def _coming(portfolio: Portfolio, now: datetime) -> Iterator[str]:
    """Sentences on its next cycles."""
    delays = delays_of(Path(portfolio.file)) or {portfolio.market.calendar: PUBLISHED}
    if not last_cycle(portfolio.name)[0]:
        policy, name, run = policy_now(portfolio)
        listed = trade_list(portfolio, policy, name, run=run, stale_ok=True)
        yield f"The cycle of {portfolio.date:%Y-%m-%d} comes first. Policy {name}: {listed.headline}"
    yield f"The next one is due at {next_over(now, delays):%Y-%m-%d %H:%M} UTC, and so after each close."
    acts = portfolio.cycle.acts
    sends = f"sends lists up to {acts.notional:,.0f} {portfolio.basis} to {acts.venue}" if acts else "sends nothing"
    yield f"It {sends}; what a person should know is an alert. How it stands: rebalance desk watch status"
    key = second_key(portfolio)
    yield from filter(None, [stop_words(), f"But {key.sentence}." if key and key.effect != "passes" else ""])
