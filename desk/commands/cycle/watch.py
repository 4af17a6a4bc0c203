"""Portfolios watched without a person: each session's cycle once, after the close, the missed ones first.

The journal says which sessions had their cycle, so that a restart, a second watcher or a clock that is set back changes
nothing. A watcher holds the lock of each portfolio that it watches; another one waits for it, and goes on with others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from desk.commands.cycle.cycle import Ran, make_cycle
from desk.commands.cycle.records import history_text
from desk.commands.data import PUBLISHED, delays_of, fetch_data, fetch_quotes, quote_source
from desk.commands.orders.trades import policy_now
from desk.commands.terminal import print_text
from desk.cycle.monitor import Monitored, monitored
from desk.cycle.schedule import Delays, Due, due_cycles, is_open, last_over, next_open, next_over
from desk.exchange.stops import PAUSE, STOP, pause_file, stop_file
from desk.feeds.pace import Clock
from desk.journal import Journal
from desk.journal.journal import JOURNAL, system_user, utc_now
from desk.journal.records import CycleRun
from desk.journal.tickets import execution_status
from desk.tca.orders import read_orders
from foundation.errors import ConfigError
from foundation.files import from_workbench, locked, write_whole
from foundation.home import home_folder
from foundation.paper.wording import counted, listed
from research.market.calendars import row_name
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.file.settings import names_of
from research.portfolio.keys.portfolio_keys import PortfolioKeys

NAP = timedelta(seconds=10)  # between looks at the clock and at `STOP`
PAUSES = tuple(timedelta(minutes=each) for each in (5, 10, 20, 40, 60))  # before a file is tried again
STANDBY = timedelta(minutes=1)  # before another look at what another process watches, and after an open
ASKED, FAULT = 3, 1  # exit statuses
HOUR, FOREVER = timedelta(hours=1), timedelta.max
LONG_AGO, FAR_AHEAD = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
AWAITED = "no prices of {} yet"


def _hear_nothing(*_: object) -> Iterable[str]:
    """Take no notice."""
    return ()


@dataclass(frozen=True)
class Alerts:
    """Functions that are told what happened. Each gives sentences on what it sent.

    cycle    : takes a cycle that was run.
    trouble  : takes a portfolio, what is wrong, and the remedy.
    resolved : takes a portfolio, and what was wrong; each hour, with "", it may send what waits.
    """

    cycle: Callable[[Ran], Iterable[str]] = _hear_nothing
    trouble: Callable[[str, str, str], Iterable[str]] = _hear_nothing
    resolved: Callable[[str, str], Iterable[str]] = _hear_nothing


@dataclass
class _Watched:
    """A portfolio file.

    due, quotes    : when its cycles are looked at next, and its quotes.
    tries, trouble : failures in turn, and what was told of them, or "".
    read, warned   : what of its quotes triggers, and what was told of it, or "".
    """

    file: Path
    name: str
    due: datetime = LONG_AGO
    tries: int = 0
    trouble: str = ""
    quotes: datetime = LONG_AGO
    read: tuple[str, ...] = ()
    warned: str = ""


class Watcher:
    """A watcher of portfolio files.

    files      : paths of portfolio files; one that fails does not stop the others.
    clock      : its time, and its sleep, which may end early or late.
    alerts     : functions that are told what happened.
    is_ended   : gives whether it is to end after the cycle under way.
    trust_code : as `load_portfolio` takes it.
    counts     : so far, the numbers of "cycles", those that are "asked" of a person, sessions "without a cycle", and
                 "faults".
    """

    def __init__(
        self,
        files: Sequence[Path],
        clock: Clock | None = None,
        alerts: Alerts | None = None,
        is_ended: Callable[[], bool] = bool,
        *,
        trust_code: bool | None = None,
    ) -> None:
        self.counts = Counter[str]()
        self._files = [_Watched(Path(from_workbench(file)), file.stem) for file in files]
        self._clock, self._alerts, self._is_ended = clock or Clock(), alerts or Alerts(), is_ended
        self._locks, self._held = ExitStack(), dict[str, Path]()  # of the portfolios of this run, by name
        self._trust_code, self._is_once = trust_code, False

    def run(self, *, once: bool = False, every: timedelta = FOREVER) -> int:
        """Watch until the end, or do once what is due. Gives the exit status: 0 done, 3 a person is asked, 1 a fault.

        every  : time between two looks at quotes of the moment, while an exchange is open.
        Raises : ConfigError where all sending is stopped.
        """
        if stop := stop_file():
            raise ConfigError(f"{stop} stops cycles and all sending. To go on: rebalance watch resume")
        before, waiting, self._is_once = LONG_AGO, self._clock.now() + HOUR, once
        with ExitStack() as self._locks:
            self._held.clear()
            while not self._ends():
                now = self._clock.now()
                is_set_back = now + NAP < before
                for each in self._files:
                    if each.due <= now or is_set_back:
                        self._look(each)
                    if every < FOREVER and (each.quotes <= now or is_set_back):
                        each.quotes = now + every
                        self._look_at_quotes(each)
                if once:
                    return FAULT if self.counts["faults"] else ASKED if self.counts["asked"] else 0
                if self._ends():
                    break
                if waiting <= now or is_set_back:
                    waiting = now + HOUR
                    self._alert(self._alerts.resolved, self._files[0].name, "")
                before, now = now, self._clock.now()
                left = min([NAP, every, *(each.due - now for each in self._files)])
                self._clock.sleep(max(left.total_seconds(), 0.0))
        cycles, faults = (counted(self.counts[f"{each}s"], each) for each in ("cycle", "fault"))
        passed_over = counted(self.counts["without a cycle"], "session")
        self._say(f"ended after the cycle under way: {cycles}, {passed_over} without one, {faults}.")
        return 0

    def _ends(self) -> bool:
        return self._is_ended() or bool(stop_file())

    def _say(self, text: str) -> None:
        print_text(f"{self._clock.now():%Y-%m-%d %H:%M:%S} UTC  {text}")

    def _alert(self, function: Callable[..., Iterable[str]], *what: object) -> None:
        """Hand on what happened; alerts that fail stop no cycle."""
        try:
            for text in function(*what):
                self._say(text)
        except Exception as error:
            self._say(f"no alert was given: {_sentence(error)}")

    # -- one file ----------------------------------------------------------------------------------------------------

    def _look(self, each: _Watched) -> None:
        """Run the cycles of a file that are due; whatever fails is told, and tried again later."""
        try:
            if not self._is_ours(each):
                each.due = self._clock.now() + STANDBY
                return
            due, delays, calendar = self._due(each)
            self._run(each, due)
            now = self._clock.now()
            coming = next_over(now, delays)
            if calendar and last_cycle(each.name)[1]:
                coming = min(coming, next_open(now, calendar) + STANDBY)
        except Exception as error:
            self._trouble(each, _sentence(error))
            return
        if due.awaited:
            what = AWAITED.format(due.awaited)
            each.tries *= what == each.trouble
            self._trouble(each, what, coming)
            return
        if each.trouble and each.trouble not in map(AWAITED.format, due.missing):
            self._say(f"{each.name}: resolved: {each.trouble}.")
            self._alert(self._alerts.resolved, each.name, each.trouble)
        each.due, each.tries, each.trouble = coming, 0, ""

    def _is_ours(self, each: _Watched) -> bool:
        """True if this process watches the portfolio of a file. Raises ConfigError for two files of one name."""
        name = read_document(each.file, None, names_of(PortfolioKeys)).text("name")
        if self._held.get(name, each.file) != each.file:
            raise ConfigError(f"{self._held[name]} has the name {name!r}, too. Name one of them otherwise.")
        if name not in self._held:
            with ExitStack() as lock:
                if not lock.enter_context(locked(_lock(name), wait=False)):
                    if each.name != name:
                        self._say(f"{name}: another process watches it; this one takes over when that ends.")
                    each.name = name
                    return False
                self._locks.push(lock.pop_all())
            self._held[name] = each.file
        each.name = name
        return True

    def _due(self, each: _Watched) -> tuple[Due, Delays, str]:
        """Fetch what is new, and find the cycles that are due; the calendar, too, of a file whose cycles send orders.

        The cycle of the last session runs again while its list is to be sent: in the session after it, or after a kill.
        """
        own, why = delays_of(each.file), ""
        if own:
            try:
                text, is_whole = fetch_data(each.file, clock=self._clock)
                why = "" if is_whole else text
            except (ValueError, OSError) as error:
                why = _sentence(error)
        try:
            portfolio = load_portfolio(each.file, trust_code=self._trust_code)
        except ConfigError as error:
            raise ConfigError(f"{error} {why}".rstrip()) from error
        market, is_daily = portfolio.market, row_name(portfolio.periods_per_year) == "day"
        delays = {market.calendar: PUBLISHED} | own
        over, (last, is_left) = last_over(self._clock.now(), market.calendar, delays), last_cycle(portfolio.name)
        due = due_cycles(market.days, over, last, market.calendar if is_daily else "")
        if due.awaited and why and not each.tries:
            self._say(f"{each.name}: {why}")
        acts = portfolio.cycle.acts is not None
        if acts and is_left and not (due.sessions or due.awaited):
            due = Due((last,))
        return due, delays, market.calendar if acts else ""

    def _run(self, each: _Watched, due: Due) -> None:
        """Run the cycles that are due, the oldest first. Raises what the newest raises; an older one is passed over."""
        untold = [(due.missing, "they have no prices")] if due.missing else []
        for session in due.sessions:
            if self._ends():
                return
            acts = session == due.sessions[-1] and not due.awaited
            try:
                ran = make_cycle(each.file, session, act=acts, trust_code=self._trust_code)
            except Exception as error:
                if session == due.sessions[-1]:
                    raise
                untold.append(((session,), _sentence(error)))
                continue
            for what in untold:  # not before: what is tried again would be told again
                self._miss(each, *what)
            untold.clear()
            self.counts["cycles"] += ran.is_new
            self.counts["asked"] += ran.asks and acts
            self._say(history_text(1, each.name))
            self._alert(self._alerts.cycle, ran)

    def _miss(self, each: _Watched, sessions: Sequence[str], why: str) -> None:
        """Tell of sessions that get no cycle."""
        self.counts["without a cycle"] += len(sessions)
        what = f"no cycle of {counted(len(sessions), 'session')}, {listed(sessions, most=5)}: {why}"
        self._say(f"{each.name}: {what}.")
        self._alert(self._alerts.trouble, each.name, what, f"Run what is needed: rebalance run {each.file} --as-of DAY")

    def _trouble(self, each: _Watched, what: str, latest: datetime = FAR_AHEAD) -> None:
        """Tell what is wrong with a file, once, and try it again later, but not later than `latest`."""
        each.due = min(self._clock.now() + PAUSES[min(each.tries, len(PAUSES) - 1)], latest)
        each.tries += 1
        if what != each.trouble:
            self.counts["faults"] += 1
            each.trouble = what
            self._say(f"{each.name}: {what}." + ("" if self._is_once else f" Tried again at {each.due:%H:%M} UTC."))
            remedy = f"It is tried again by itself. To look at it: rebalance run {each.file}"
            self._alert(self._alerts.trouble, each.name, what, remedy)

    # -- between closes ----------------------------------------------------------------------------------------------

    def _look_at_quotes(self, each: _Watched) -> None:
        """Tell NAV and what triggers at quotes of the moment. Nothing is decided or journalled."""
        now = self._clock.now()
        try:
            calendars = delays_of(each.file)
            is_closed = bool(calendars) and not any(is_open(now, calendar) for calendar in calendars)
            if is_closed or self._held.get(each.name) != each.file:
                return
            nav, monitor = at_quotes(each.file, self._clock, self._trust_code)
        except Exception as error:
            if each.read != (_sentence(error),):
                each.read = (_sentence(error),)
                self._say(f"{each.name}: no quotes: {each.read[0]}.")
            return
        self._say(f"{each.name}: indicative, at quotes of now: NAV {nav:,.2f}; {monitor.status}.")
        read = tuple(reading.name for reading in monitor.readings if reading.triggers)
        if read == each.read:
            return
        if each.warned:
            self._alert(self._alerts.resolved, each.name, each.warned)
        each.read, each.warned = read, "; ".join(monitor.triggers) if read else ""
        if read:
            each.warned = f"indicative, at quotes of {now:%Y-%m-%d %H:%M} UTC: {each.warned}"
            self._say(f"{each.name}: {each.warned}")
            self._alert(self._alerts.trouble, each.name, each.warned, "The cycle after the close decides.")


def at_quotes(file: Path, clock: Clock, trust_code: bool | None = None) -> tuple[float, Monitored]:
    """NAV, in currency, and the readings of a portfolio file at quotes of the moment.

    Raises : ConfigError where its market is of no source that gives quotes; FeedError where that does not answer.
    """
    if not (source := quote_source(file)):
        raise ConfigError(f"the market of {file} is of no source that gives quotes.")
    quotes = fetch_quotes(file, source, clock)
    try:
        portfolio = load_portfolio(file, {"prices": str(quotes)}, trust_code=trust_code)
    finally:
        quotes.unlink()
    policy, name, run = policy_now(portfolio)
    return portfolio.nav, monitored(trade_list(portfolio, policy, name, run=run, stale_ok=True))


def _sentence(error: Exception) -> str:
    """An error in words, without the period."""
    text = str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}"
    return text.rstrip(".")


def _lock(portfolio: str) -> Path:
    """The file of the lock that the watcher of a portfolio holds."""
    folder = home_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{portfolio}.watch.lock"


def last_cycle(portfolio: str) -> tuple[str, bool]:
    """The newest session of a portfolio with a cycle, YYYY-MM-DD, "" for none; true if its list is not filled yet."""
    with Journal() as journal:
        entries = journal.entries(kind=CycleRun.kind, portfolio=portfolio)
        newest = max(entries, key=lambda entry: (entry.record.session, entry.sequence), default=None)
        if newest is None:
            return "", False
        is_to_go = bool(newest.ticket) and newest.record.status == "finalised"
        return newest.record.session, is_to_go and execution_status(journal, newest.ticket) != "executed"


# -- pause, resume, stop, status ---------------------------------------------------------------------------------------


def pause() -> None:
    """Let cycles go on and tell, and send nothing."""
    _write(PAUSE)


def stop() -> None:
    """End all watchers after the cycle under way, and stop all sending."""
    _write(STOP)


def resume() -> None:
    """Let cycles run and orders be sent again. It starts no watcher."""
    for name in (PAUSE, STOP):
        (home_folder() / name).unlink(missing_ok=True)


def _write(name: str) -> None:
    home_folder().mkdir(parents=True, exist_ok=True)
    write_whole(home_folder() / name, f"{system_user()}, {utc_now():%Y-%m-%d %H:%M:%S} UTC\n")


def status() -> None:
    """Change nothing."""


SWITCHES = {each.__name__: each for each in (pause, resume, stop, status)}


def switched(word: str) -> str:
    """Do one of `SWITCHES`, and say how watchers stand: what is sent, and each portfolio with its open orders."""
    SWITCHES[word]()
    lines = ["Cycles run, and send what their files allow."]
    if path := pause_file():
        lines = [f"Cycles run, and nothing is sent: {path}. To go on: rebalance watch resume"]
    if path := stop_file():
        lines = [f"No watcher runs, and nothing is sent: {path}. To go on: rebalance watch resume, and start them."]
    if not (home_folder() / JOURNAL).is_file():
        return lines[0]
    with Journal(read_only=True) as journal:
        newest = {entry.portfolio: entry.record for entry in journal.entries(kind=CycleRun.kind)}
        orders = read_orders(journal).table
    for name in dict.fromkeys([*newest, *orders["portfolio"]]):
        with locked(_lock(name), wait=False) as is_free:
            watched = "not watched" if is_free else "watched"
        cycle = f"last cycle of {newest[name].session}, {newest[name].status}" if name in newest else "no cycle"
        mine = orders[(orders["portfolio"] == name) & (orders["state"] == "open")].to_dict("records")
        left = [f"{row['side']} {row['wanted'] - row['filled']:g} {row['asset']} at {row['venue']}" for row in mine]
        lines.append(f"{name}: {watched}, {cycle}; open orders: {listed(left or ['none'])}.")
    return "\n".join(lines)
