"""Portfolios watched without a person: each session's cycle once, after the close, the missed ones first.

The journal says which sessions had their cycle, so that a restart, a second watcher or a clock that is set back changes
nothing. A watcher holds the lock of each portfolio that it watches; another one waits for it, and goes on with others.
"""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from desk.commands.cycle import PERSON_ASKED, heartbeat
from desk.commands.cycle.cycle import Ran, make_cycle
from desk.commands.cycle.history import history_text
from desk.commands.cycle.news import fetch_news
from desk.commands.data import delays_of, fetch_data, fetch_quotes, quote_source
from desk.commands.orders.acting import lacks_bars, waits_on_paper
from desk.commands.orders.trades import policy_now
from desk.commands.terminal import print_text
from desk.cycle.alerts import URGENT, WARNING
from desk.cycle.briefing import NOT_STATED, Sending
from desk.cycle.monitor import Monitored, monitored
from desk.cycle.schedule import Delays, Due, due_cycles, is_open, last_over, next_open, next_over, over_at
from desk.exchange.stops import PAUSE, RESUME, STOP, pause_file, stop_file
from desk.feeds.pace import Clock
from desk.journal import Journal
from desk.journal.journal import JOURNAL, system_user, utc_now
from desk.journal.records import Alert, CycleRun
from desk.journal.tickets import execution_status, newest_cycle
from desk.tca.orders import read_orders
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from foundation.files import NO_SPACE, from_workbench, locked, write_whole
from foundation.home import home_folder
from foundation.paper.wording import counted, listed
from research.market.calendars import row_name
from research.market.reading.known_instruments import PUBLISHED
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.file.settings import names_of
from research.portfolio.keys.portfolio_keys import PortfolioKeys

NAP = timedelta(seconds=10)  # between looks at the clock and at `STOP`
PAUSES = tuple(timedelta(minutes=each) for each in (5, 10, 20, 40, 60))  # before a file is tried again
LATE_PRICES = timedelta(hours=4)  # after prices should be out, until a person is told that they are not
STANDBY = timedelta(minutes=1)  # between signs of life, and before another look at what others watch or a list to go
FAULT = 1  # exit status where something failed
HOUR, FOREVER = timedelta(hours=1), timedelta.max
LONG_AGO, FAR_AHEAD = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def _hear_nothing(*_: object) -> Iterable[str]:
    """Take no notice."""
    return ()


@dataclass(frozen=True)
class Alerts:
    """Functions that are told what happened. Each gives sentences on what it sent.

    cycle    : takes the newest cycle of a portfolio.
    trouble  : takes an alert, which names a portfolio by its file.
    resolved : takes a file, and the level of its troubles that are over; and the subject of one that goes on, or "".
    waiting  : is called each hour, and before an end with `once`, to send what waits.
    """

    cycle: Callable[[Ran], Iterable[str]] = _hear_nothing
    trouble: Callable[[Alert], Iterable[str]] = _hear_nothing
    resolved: Callable[[str, str, str], Iterable[str]] = _hear_nothing
    waiting: Callable[[], Iterable[str]] = _hear_nothing


@dataclass
class _Watched:
    """A portfolio file.

    due, quotes : when its cycles are looked at next, and its quotes.
    tries       : failures in turn.
    is_told     : true while it has a trouble that is told.
    is_others   : true while another process watches it.
    said        : its newest cycle, as it was told.
    """

    file: Path
    name: str
    due: datetime = LONG_AGO
    quotes: datetime = LONG_AGO
    tries: int = 0
    is_told: bool = False
    is_others: bool = False
    said: tuple[str, str, Sending] = ("", "", NOT_STATED)


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
        self._files = [_Watched(Path(from_workbench(file)).absolute(), file.stem) for file in files]
        self._clock, self._alerts, self._is_ended = clock or Clock(), alerts or Alerts(), is_ended
        self._locks, self._held = ExitStack(), dict[str, Path]()  # of the portfolios of this run, by name
        self._trust_code, self._is_once, self._works = trust_code, False, True

    def run(self, *, once: bool = False, every: timedelta = FOREVER) -> int:
        """Watch until the end, or do once what is due.

        Gives the exit status: 0 done, 3 a person is asked, 1 a fault, or another process watches a file.

        every  : time between two looks at quotes of the moment, while an exchange is open.
        Raises : ConfigError where all sending is stopped.
        """
        if stop := stop_file():
            raise ConfigError(f"{stop} stops cycles and all sending. To go on: {RESUME}")
        before, sign, waiting, self._is_once = LONG_AGO, LONG_AGO, self._clock.now() + HOUR, once
        with ExitStack() as self._locks:
            self._held.clear()
            while not self._ends():
                now = self._clock.now()
                is_set_back = now + NAP < before
                for each in self._files:
                    if once or each.due <= now or is_set_back:
                        self._look(each)
                    if every < FOREVER and (each.quotes <= now or is_set_back):
                        each.quotes = now + every
                        self._look_at_quotes(each)
                if is_set_back or sign <= now:
                    sign = now + STANDBY
                    self._show_life()
                if self._is_well() and (once or waiting <= now or is_set_back):
                    waiting = now + HOUR
                    self._alert(self._alerts.waiting)
                if once:
                    self._end()
                    is_fault = self.counts["faults"] or any(each.is_others for each in self._files)
                    return FAULT if is_fault else PERSON_ASKED if self.counts["asked"] else 0
                if self._ends():
                    break
                before, now = now, self._clock.now()
                left = min([NAP, every, *(each.due - now for each in self._files)])
                self._clock.sleep(max(left.total_seconds(), 0.0))
            self._end()
        cycles, faults = (counted(self.counts[f"{each}s"], each) for each in ("cycle", "fault"))
        passed_over = counted(self.counts["without a cycle"], "session")
        self._say(f"ended after the cycle under way: {cycles}, {passed_over} without one, {faults}.")
        return 0

    def _show_life(self) -> None:
        """Say that this watcher works, and what it watches; that it cannot be written is told once."""
        heartbeat.notify_manager("READY=1\nWATCHDOG=1")
        works, self._works = self._works, True
        try:
            for name, file in self._held.items():
                heartbeat.show_life(name, file, self._clock.now())
        except OSError as error:
            self._works = False
            what = f"nothing can be written, and no cycle is kept: {_sentence(error)}"
            for each in self._files if works else ():
                self._tell(each, what, "Make room on the disk of REBALANCE_HOME, or correct who may write there.")

    def _is_well(self) -> bool:
        """True if this watcher can write, and each file is watched, here or elsewhere, without a told trouble."""
        is_watched = (each.is_others or (each.name in self._held and not each.is_told) for each in self._files)
        return self._works and all(is_watched)

    def _wait(self, seconds: float) -> None:
        """Sleep for the pace of a source, which may take hours."""
        while seconds > 0.0:
            self._clock.sleep(min(seconds, STANDBY.total_seconds()))
            seconds -= STANDBY.total_seconds()
            self._show_life()

    def _end(self) -> None:
        """End on purpose."""
        for name in self._held:
            heartbeat.end_life(name)

    def _ends(self) -> bool:
        return self._is_ended() or bool(stop_file())

    def _say(self, text: str) -> None:
        """Print a line; a full disk that takes none ends no watcher, since its alerts may still go."""
        try:
            print_text(f"{self._clock.now():%Y-%m-%d %H:%M:%S} UTC  {text}")
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise

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
            if calendar and not due.awaited and last_cycle(each.name)[1]:
                coming = min(coming, (now if is_open(now, calendar) else next_open(now, calendar)) + STANDBY)
        except Exception as error:
            self._trouble(each, _sentence(error))
            return
        if due.awaited:
            is_late = now >= over_at(due.awaited, delays) + LATE_PRICES
            self._trouble(each, f"no prices of {due.awaited} yet", coming, is_told=is_late)
            return
        if each.tries:
            self._say(f"{each.name}: no trouble any more.")
        self._alert(self._alerts.resolved, str(each.file), URGENT, "")
        each.due, each.tries, each.is_told = coming, 0, False

    def _is_ours(self, each: _Watched) -> bool:
        """True if this process watches the portfolio of a file. Raises ConfigError for two files of one name."""
        name = read_document(each.file, None, names_of(PortfolioKeys)).text("name")
        if self._held.get(name, each.file) != each.file:
            raise ConfigError(f"{self._held[name]} has the name {name!r}, too. Name one of them otherwise.")
        if name not in self._held:
            with ExitStack() as lock:
                if not lock.enter_context(locked(heartbeat.watch_lock(name), wait=False)):
                    if not each.is_others:
                        self._say(f"{name}: another process watches it; this one takes over when that ends.")
                    each.name, each.is_others = name, True
                    return False
                self._locks.push(lock.pop_all())
            self._held[name] = each.file
            if before := heartbeat.last_sign(name):
                what = f"its watcher was killed after {before}, or the machine stopped"
                self._tell(each, what, "Nothing: another one goes on.", level=WARNING)
            self._show_life()
        each.name, each.is_others = name, False
        return True

    def _due(self, each: _Watched) -> tuple[Due, Delays, str]:
        """Fetch what is new, and find the cycles that are due; the calendar, too, where a list is to go.

        The cycle of the last session runs again while its list is to be sent: in the session after it, or after a kill.
        """
        own, why, now = delays_of(each.file), "", self._clock.now()
        last, is_left = last_cycle(each.name)
        if own and not (is_left and all(str(last_over(now, one, own)) <= last for one in own)):
            try:
                text, is_whole = fetch_data(each.file, clock=replace(self._clock, sleep=self._wait))
                why = "" if is_whole else text
            except (ValueError, OSError) as error:
                why = _sentence(error)
        try:
            portfolio = load_portfolio(each.file, trust_code=self._trust_code)
        except ConfigError as error:
            raise ConfigError(f"{error} {why}".rstrip()) from error
        market, is_daily = portfolio.market, row_name(portfolio.periods_per_year) == "day"
        delays = {market.calendar: PUBLISHED} | own
        over = last_over(now, market.calendar, delays)
        lacks = bool(why) and (market.tradable[-2] & ~market.tradable[-1]).any()  # what was not fetched is no halt yet
        days = market.days[:-1] if lacks else market.days
        due = due_cycles(days, over, last, market.calendar if is_daily else "")
        if why and not each.tries and (due.awaited or not market.tradable[-1].all()):
            self._say(f"{each.name}: {why}")
        if due.sessions:
            self._say_news(each, portfolio)
        acts = portfolio.cycle.acts is not None and not (is_left and lacks_bars(portfolio))
        if acts and is_left:
            if due.sessions:
                due = replace(due, unfilled="" if waits_on_paper(portfolio) else last)
            elif not (due.awaited or (pause_file() and each.said[0])):
                due = Due((last,))
        return due, delays, market.calendar if acts else ""

    def _say_news(self, each: _Watched, portfolio: Portfolio) -> None:
        """Score what is new in the feeds of a file; one that fails stops no cycle."""
        try:
            for text in fetch_news(portfolio, self._clock.now()):
                self._say(f"{each.name}: {text}")
        except Exception as error:
            self._say(f"{each.name}: news is not scored: {_sentence(error)}.")

    def _run(self, each: _Watched, due: Due) -> None:
        """Run the cycles that are due, the oldest first. Raises what the newest raises; an older one is passed over."""
        untold = [(due.missing, "they have no prices")] if due.missing else []
        lost = due.unfilled
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
            for missed in untold:  # not before: what is tried again would be told again
                self._miss(each, *missed)
            untold.clear()
            if lost:
                self.counts["faults"] += 1
                remedy = "The newest cycle decides anew: rebalance desk run {}"
                self._tell(each, f"the list of {lost} was not filled in its session", remedy, lost)
                lost = ""
            self.counts["cycles"] += ran.is_new
            self.counts["asked"] += ran.asks and acts
            said = (ran.status, history_text(1, each.name), ran.sending)
            if said == each.said:  # while its list is to go, a cycle runs each minute
                continue
            each.said = said
            self._say(said[1])
            if session == due.sessions[-1]:
                self._alert(self._alerts.cycle, ran)
                self._alert(self._alerts.resolved, str(each.file), WARNING, "")  # what quotes said before its close

    def _miss(self, each: _Watched, sessions: Sequence[str], why: str) -> None:
        """Tell of sessions that get no cycle."""
        self.counts["without a cycle"] += len(sessions)
        what = f"no cycle of {counted(len(sessions), 'session')}, {listed(sessions, most=5)}: {why}"
        self._tell(each, what, "Run what is needed: rebalance desk run {} --as-of DAY", sessions[-1])

    def _trouble(self, each: _Watched, what: str, latest: datetime = FAR_AHEAD, *, is_told: bool = True) -> None:
        """Say what is wrong with a file, by an alert too, and try it again later, but not later than `latest`."""
        each.due = min(self._clock.now() + PAUSES[min(each.tries, len(PAUSES) - 1)], latest)
        self.counts["faults"] += not each.tries
        each.tries = 0 if each.due == latest else each.tries + 1
        each.is_told = is_told
        if is_told:
            self._tell(each, what, "It is tried again by itself. To look at it: rebalance desk run {}")
        else:
            self._say(f"{each.name}: {what}.")
        if not self._is_once:
            self._say(f"{each.name}: tried again at {each.due:%H:%M} UTC.")

    def _tell(self, each: _Watched, what: str, remedy: str, session: str = "", level: str = URGENT) -> None:
        """Tell a trouble of a file.  remedy : with {} for the file.  session : that is lost; "" where it may end."""
        self._say(f"{each.name}: {what}.")
        remedy = remedy.format(shlex.quote(str(each.file)))
        self._alert(self._alerts.trouble, Alert(str(each.file), what, level, f"{what}.", remedy, session))

    # -- between closes ----------------------------------------------------------------------------------------------

    def _look_at_quotes(self, each: _Watched) -> None:
        """Tell NAV and what triggers at quotes of the moment. Nothing is decided or journalled."""
        now = self._clock.now()
        try:
            calendars = delays_of(each.file)
            is_closed = bool(calendars) and not any(is_open(now, calendar) for calendar in calendars)
            if is_closed or self._held.get(each.name) != each.file:
                return
            found = at_quotes(each.file, self._clock, self._trust_code)
        except Exception as error:
            self._say(f"{each.name}: no quotes: {_sentence(error)}.")
            return
        if found is None:
            each.quotes = FAR_AHEAD
            self._say(f"{each.name}: its market is of no source that gives quotes.")
            return
        nav, monitor = found
        self._say(f"{each.name}: indicative, at quotes of now: NAV {nav:,.2f}; {monitor.status}.")
        names = [reading.name for reading in monitor.readings if reading.triggers]
        what = f"indicative: {', '.join(names)}" if names else ""
        if names:
            sentence = f"at quotes of {now:%Y-%m-%d %H:%M} UTC: {'; '.join(monitor.triggers)}."
            self._say(f"{each.name}: indicative, {sentence}")
            told = Alert(str(each.file), what, WARNING, f"Indicative, {sentence}", "The cycle after the close decides.")
            self._alert(self._alerts.trouble, told)
        self._alert(self._alerts.resolved, str(each.file), WARNING, what)


def at_quotes(file: Path, clock: Clock, trust_code: bool | None = None) -> tuple[float, Monitored] | None:
    """NAV, in currency, and the readings of a portfolio file at quotes of the moment.

    None where its market is of no source that gives quotes. Raises FeedError where that does not answer.
    """
    if not (source := quote_source(file)):
        return None
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


def last_cycle(portfolio: str) -> tuple[str, bool]:
    """The newest session of a portfolio with a cycle, YYYY-MM-DD, "" for none; true if its list is not filled yet."""
    with Journal() as journal:
        newest = newest_cycle(journal, portfolio)
        if newest is None:
            return "", False
        is_to_go = bool(newest.ticket) and newest.record.status == "finalised"
        return newest.record.session, is_to_go and execution_status(journal, newest.ticket) != "executed"


# -- pause, resume, stop, status ---------------------------------------------------------------------------------------


def pause(folder: Path | None = None, user: str | None = None) -> None:
    """Let cycles go on and tell, and send nothing.

    folder : of the stops; None takes `home_folder()`.
    user   : who asks for it; None takes the user of the system.
    """
    _write(PAUSE, folder, user)


def stop(folder: Path | None = None, user: str | None = None) -> None:
    """End all watchers after the cycle under way, and stop all sending. As `pause`."""
    _write(STOP, folder, user)


def resume(folder: Path | None = None, _: str | None = None) -> None:
    """Let cycles run and orders be sent again. It starts no watcher. As `pause`."""
    for name in (PAUSE, STOP):
        ((folder or home_folder()) / name).unlink(missing_ok=True)


def _write(name: str, folder: Path | None, user: str | None) -> None:
    folder = folder or home_folder()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, f"{user or system_user()}, {utc_now():%Y-%m-%d %H:%M:%S} UTC\n")


def status() -> None:
    """Change nothing."""


SWITCHES = {each.__name__: each for each in (pause, resume, stop, status)}


def switched(word: str) -> str:
    """Do one of `SWITCHES`, and say how watchers stand: what is sent, and each portfolio with its open orders."""
    SWITCHES[word]()
    head, portfolios = standing(home_folder())
    return "\n".join([head, *(f"{name}: {text}" for name, text in portfolios.items())])


def standing(folder: Path) -> tuple[str, dict[str, str]]:
    """A sentence on what cycles of a home send, and by portfolio another one: its last cycle and its open orders."""
    watched = {path.name: heartbeat.is_held(path) for path in sorted(folder.glob(f"*{heartbeat.WATCH_LOCK}"))}
    head = "Cycles run, and send what their files allow."
    if path := pause_file(folder):
        head = f"Cycles run, and nothing is sent: {path}. To go on: {RESUME}"
    if path := stop_file(folder):
        ends = "Watchers end after the cycle under way" if any(watched.values()) else "No watcher runs"
        head = f"{ends}, and nothing is sent: {path}. To go on: {RESUME}, and start them."
    portfolios = dict[str, str]()
    if not (folder / JOURNAL).is_file():
        return head, portfolios
    with Journal(folder, read_only=True) as journal:
        newest = {entry.portfolio: entry for entry in journal.entries(kind=CycleRun.kind)}
        states = {name: execution_status(journal, one.ticket) or one.record.status for name, one in newest.items()}
        orders = read_orders(journal).table
    for name in dict.fromkeys([*newest, *orders["portfolio"]]):
        is_watched = "watched" if watched.get(f".{name}{heartbeat.WATCH_LOCK}") else "not watched"
        cycle = f"last cycle of {newest[name].record.session}, {states[name]}" if name in newest else "no cycle"
        mine = orders[(orders["portfolio"] == name) & (orders["state"] == "open")].to_dict("records")
        left = [f"{row['side']} {row['wanted'] - row['filled']:g} {row['asset']} at {row['venue']}" for row in mine]
        portfolios[name] = f"{is_watched}, {cycle}; open orders: {listed(left or ['none'])}."
    return head, portfolios
