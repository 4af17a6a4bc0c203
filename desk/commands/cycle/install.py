"""A portfolio file made to run by itself: its prices, its book, its alerts, and what starts its watcher; each once."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import yaml

from desk.commands.cycle.alert_channels import WEBHOOK_TOKEN
from desk.commands.cycle.alerts import SETTINGS, SYSTEM, send_test
from desk.commands.cycle.service_manager import Started, end, start
from desk.commands.cycle.watch import last_cycle
from desk.commands.data import delays_of, fetch_data
from desk.commands.orders.book import named_in, open_from
from desk.commands.orders.trades import policy_now
from desk.cycle.alerts import AlertKeys
from desk.cycle.schedule import next_over
from desk.exchange.paper.venue import PaperVenue
from desk.feeds.pace import Clock
from foundation.errors import ConfigError
from foundation.files import from_workbench, work_folder, write_private, write_whole
from foundation.home import home_folder
from research.market.reading.known_instruments import PUBLISHED
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.settings import names_of, read
from research.portfolio.holdings.book_file import has_book, read_book
from research.portfolio.keys.portfolio_keys import PortfolioKeys

ALERTS_FILE = "alerts.jsonl"
ADDED = "# Added by `rebalance desk install`: what is held is in the book."
ON_PAPER = """\
# On paper no limit is needed: the first list buys all. State your own before you name a broker as the venue.
cycle:
  turnover: 1.0    # one-way, fraction of NAV, above which a person decides
  acts: {{venue: {venue}, notional: {notional:.0f}, turnover: 1.0, orders: 1000}}
"""


def install(file: Path, notify: str = "", *, on_paper: bool = False, clock: Clock = SYSTEM) -> str:
    """Have the decision cycles of a portfolio file run by themselves: sentences on what was done and comes next.

    Alerts are tested, prices fetched, and a book is opened with what the file holds, which the file reads from then on;
    the watcher starts with the machine. What is there already is kept, so that it can be called again.

    notify   : address to which alerts are posted; "" keeps `alerts.yaml`, or writes one with a file alone.
    on_paper : true to send the lists of its cycles to the paper venue.
    Raises   : ConfigError for a file that cannot be read or changed, a channel that takes no alert, and a machine that
               starts nothing by itself; FeedError for a source that does not answer.
    """
    file = Path(from_workbench(file)).absolute()
    document = read_document(file, None, names_of(PortfolioKeys))
    said = [*_alerted(notify, clock)]
    if delays_of(file):
        said.append(fetch_data(file, clock=clock)[0])
    said.append(_opened(file, named_in(file) or document.text("name"), is_read=bool(named_in(file))))
    if text := _changed(document, load_portfolio(file), on_paper=on_paper):
        write_whole(file, text)
        said.append(f"{file} reads its book from now on{' and its cycles send to paper' if on_paper else ''}.")
    portfolio = load_portfolio(file)
    said += [start(Started(portfolio.name, file)), *_coming(portfolio, clock.now())]
    return "\n".join([*said, f"To end it: rebalance desk uninstall {file}"])


def uninstall(file: Path) -> str:
    """Start the watcher of a portfolio file no more, and end it: a sentence. Book, journal and file stay."""
    file = Path(from_workbench(file)).absolute()
    name = read_document(file, None, names_of(PortfolioKeys)).text("name")
    return f"{end(Started(name, file))} Its book, its journal, its prices and {file} stay."


# -- alerts ------------------------------------------------------------------------------------------------------------


def _alerted(notify: str, clock: Clock) -> Iterator[str]:
    """Write the settings of alerts where they lack, and send a test. Raises ConfigError where a channel takes none."""
    path = home_folder() / SETTINGS
    before = path.read_text() if path.is_file() else ""
    stated = read_document(path, known=names_of(AlertKeys)).value("webhook", default="") if before else ""
    if notify and stated not in ("", notify):
        raise ConfigError(f"{path} has another webhook already, {stated}: change it there, and leave --notify out.")
    added = {} if before else {"file": ALERTS_FILE}
    added |= {"webhook": notify} if notify and not stated else {}
    if added:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"{before.rstrip()}\n{yaml.safe_dump(added, sort_keys=False)}".lstrip()
        with work_folder() as folder:
            write_whole(folder / SETTINGS, text)
            read(read_document(folder / SETTINGS, known=names_of(AlertKeys)), (), AlertKeys)
        write_private(path, text.encode())  # an address may be a secret
    tested, is_failed = send_test(clock)
    if is_failed:
        raise ConfigError(
            f"an alert was not taken, and nothing is installed:\n{tested}\nCorrect {path}, or {WEBHOOK_TOKEN}."
        )
    yield tested
    if not notify and not before:
        yield f"Alerts go to {path.parent / ALERTS_FILE} alone, which nobody is sent: see --notify, and docs/alerts.md."


# -- the file ----------------------------------------------------------------------------------------------------------


def _changed(document: Document, portfolio: Portfolio, *, on_paper: bool) -> str:
    """The text of a portfolio file that reads its book, and acts on paper where that is asked for; "" for no change.

    Raises : ConfigError where it states another venue, or terms of its own of the cycle, or cannot be changed.
    """
    text = Path(document.file).read_text()
    lines, added = text.rstrip().splitlines(), list[str]()
    if not document.has("positions", "book"):
        if document.has("positions"):
            lines = _without(lines, document.lines["positions",])
        added += ["", ADDED, yaml.safe_dump({"positions": {"book": portfolio.name}}, default_flow_style=None).rstrip()]
    if on_paper and portfolio.cycle.acts is None:
        if document.has("cycle"):
            fix = f"Add to it: acts: {{venue: paper, notional: {2 * portfolio.nav:.0f}, turnover: 1.0}}."
            document.refuse(("cycle",), "does not say that it acts", document.value("cycle"), fix)
        added += ["", ON_PAPER.format(venue=PaperVenue.name, notional=2 * portfolio.nav).rstrip()]
    elif on_paper and portfolio.cycle.acts is not None and portfolio.cycle.acts.venue != PaperVenue.name:
        fix = "Leave --paper out, or write venue: paper there."
        document.refuse(("cycle", "acts", "venue"), "is another venue than paper", portfolio.cycle.acts.venue, fix)
    if not added:
        return ""
    changed = "\n".join([*lines, *added, ""])
    before, after = yaml.safe_load(text), yaml.safe_load(changed)
    if any(after.get(key) != value for key, value in before.items() if key != "positions"):
        raise ConfigError("\n".join([f"{document.file} cannot be changed by itself. Write into it:", *added]))
    return changed


def _without(lines: list[str], first: int) -> list[str]:
    """The lines with those of a key at the left made comments.  first : its line, from 1."""
    last = first
    while last < len(lines) and lines[last][:1] in (" ", "\t", "-", "}", "]"):
        last += 1
    return [*lines[: first - 1], *(f"# {line}" for line in lines[first - 1 : last]), *lines[last:]]


def _opened(file: Path, name: str, *, is_read: bool) -> str:
    """Open the book, or find that of an earlier call.  is_read : true if the file reads it.

    Raises : ConfigError for a book of another file.
    """
    if not has_book(name):
        return f"Book {name} is opened at the close of {open_from(file)[0].opened}."
    if not is_read and (other := read_book(name).file) != str(file):
        raise ConfigError(f"book {name!r} is that of {other}. Give {file} a name of its own.")
    return f"Book {name} is open."


# -- what comes --------------------------------------------------------------------------------------------------------


def _coming(portfolio: Portfolio, now: datetime) -> Iterator[str]:
    """Sentences on its next cycles."""
    delays = delays_of(Path(portfolio.file)) or {portfolio.market.calendar: PUBLISHED}
    if not last_cycle(portfolio.name)[0]:
        policy, name, run = policy_now(portfolio)
        listed = trade_list(portfolio, policy, name, run=run, stale_ok=True)
        yield f"The cycle of {portfolio.date:%Y-%m-%d} comes first. Policy {name}: {listed.headline}"
    yield f"The next one runs at {next_over(now, delays):%Y-%m-%d %H:%M} UTC, and so after each close."
    acts = portfolio.cycle.acts
    sends = f"sends lists up to {acts.notional:,.0f} {portfolio.basis} to {acts.venue}" if acts else "sends nothing"
    yield f"It {sends}; what a person should know is an alert. How it stands: rebalance desk watch status"
