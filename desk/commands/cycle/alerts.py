"""Alerts of cycles and of the watcher, by the channels of `alerts.yaml`; what was told is known from the journal.

A channel, a file of settings or a journal at fault stops no cycle: the sentences that come back say what was not sent.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta

from desk.commands.cycle.alert_channels import deliver, message_of, ping
from desk.commands.cycle.cycle import Ran
from desk.cycle.alerts import ID_LETTERS, AlertKeys, alerts_of, messages, raised, resolved
from desk.feeds.adapter import FeedError
from desk.feeds.pace import Clock
from desk.journal import Journal
from desk.journal.chain import Event
from desk.journal.records import RAISED, Alert, Alerted
from foundation.canonical import content_hash
from foundation.errors import ConfigError
from foundation.files import locked
from foundation.home import home_folder
from foundation.paper.wording import counted
from research.portfolio.file.document import read_document
from research.portfolio.file.settings import names_of, read

SETTINGS, LOCK = "alerts.yaml", ".alerts.lock"
TEST = "test"  # the word of `rebalance desk watch` that sends one
HOUR = timedelta(hours=1)
LONGEST_SENDING = 120.0  # seconds that another process may take to send alerts
MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"  # as entries of the journal have it
FAULTS = (ValueError, OSError)  # of settings, of a journal, of a channel
SYSTEM = Clock()
FILE_EXAMPLE = "Write it, such as `file: alerts.jsonl`; docs/watch.md#alerts has its keys for e-mail and a webhook."


def alert_cycle(ran: Ran, clock: Clock = SYSTEM) -> list[str]:
    """Tell what a cycle says that is new, and what does not hold any more. Returns : sentences on what was sent."""
    on, request = alerts_of(ran.document, ran.status, ran.sending), ran.document["steps"][0]["output"]
    subjects = {alert.what for alert in on}

    def is_over(told: Alert) -> bool:
        of_cycle = told.portfolio == request["portfolio"] and "" < told.session <= request["last_close"]
        return of_cycle and told.what not in subjects

    return _tell(on, is_over, clock)


def alert_trouble(trouble: Alert, clock: Clock = SYSTEM) -> list[str]:
    """Tell a trouble of whoever watches a portfolio, once, until `alert_resolved` says that it is over."""
    return _tell([trouble], lambda told: False, clock)


def alert_resolved(portfolio: str, level: str, but: str = "", clock: Clock = SYSTEM) -> list[str]:
    """Tell that the troubles of a level are over, which `alert_trouble` told without a session.

    portfolio : as they name it.
    but       : subject of one that goes on.
    """
    on = Alert(portfolio, but, level, "", "")

    def is_over(told: Alert) -> bool:
        return (told.portfolio, told.level, told.session) == (on.portfolio, level, "") and told.what != on.what

    return _tell([], is_over, clock)


def send_waiting(clock: Clock = SYSTEM) -> list[str]:
    """Send what waits and may go now, try again what a channel did not take, and ping `heartbeat`."""
    said = _tell([], lambda told: False, clock)
    try:
        keys = _keys()
        if keys and keys.heartbeat:
            ping(keys.heartbeat, clock)
    except FAULTS as error:
        said.append(f"No heartbeat was sent: {error}")
    return said


def send_test(clock: Clock = SYSTEM) -> tuple[str, bool]:
    """Send a test to each channel, whatever the hour. Returns : what each did, and true if one failed.

    Raises : ConfigError for a file of settings that is missing or at fault.
    """
    keys = _keys()
    if keys is None:
        raise ConfigError(f"there is no {home_folder() / SETTINGS}: no alert is sent. {FILE_EXAMPLE}")
    now = f"{clock.now():{MOMENT}}"
    about = Alert("rebalance", "test of alerts", "test", "This is a test: nothing is wrong.", "nothing")
    test = Alerted(content_hash(now)[:ID_LETTERS], RAISED, about, now, owed=keys.channels)
    done, said = _sent([(test,)], keys, clock)
    is_failed = bool(done[test.notice].owed)
    if keys.heartbeat:
        try:
            ping(keys.heartbeat, clock)
            said.append("heartbeat took a ping.")
        except FeedError as error:
            is_failed, said = True, [*said, str(error)]
    return "\n".join(said), is_failed


def _keys() -> AlertKeys | None:
    """The settings, None without a file. Raises ConfigError for a fault in it."""
    path = home_folder() / SETTINGS
    return read(read_document(path, known=names_of(AlertKeys)), (), AlertKeys) if path.is_file() else None


def _tell(on: Sequence[Alert], is_over: Callable[[Alert], bool], clock: Clock) -> list[str]:
    """Send what is new and what waited, and journal who took it: sentences. One process at a time, if none hangs."""
    try:
        keys = _keys()
        if keys is None:
            return []
        with ExitStack() as turn:
            with suppress(OSError):  # where no file can be made, or a process hangs, it is told all the same
                turn.enter_context(locked(home_folder() / LOCK, wait=LONGEST_SENDING))
            return list(_told(on, is_over, keys, clock))
    except FAULTS as error:
        return [f"No alert was sent: {error}"]


def _told(on: Sequence[Alert], is_over: Callable[[Alert], bool], keys: AlertKeys, clock: Clock) -> Iterator[str]:
    """Sentences. Without a journal all is sent as if it were new: that it is at fault is what must be told."""
    try:
        known, recent = _known(clock)
    except FAULTS:  # which the end tells
        known, recent = [], 0
    last = {(each.alert.portfolio, each.alert.what): each for each in known}
    news = [raised(alert, last.get((alert.portfolio, alert.what))) for alert in on]
    news += [resolved(each) for each in last.values() if is_over(each.alert)]
    fresh = [replace(each, since=f"{clock.now():{MOMENT}}", owed=keys.channels) for each in news if each is not None]
    pending = [*(replace(each, owed=owed) for each in known if (owed := keys.owed(each))), *fresh]
    done, said = _sent(messages(pending, keys, clock.now(), recent), keys, clock)
    yield from said
    if waiting := sum(each.notice not in done for each in fresh):
        yield f"{counted(waiting, 'alert')} {'waits' if waiting == 1 else 'wait'} for the next digest."
    ended = [done.get(each.notice, each) for each in pending]
    try:
        with Journal(now=clock.now) as journal:
            journal.append([Event(each, portfolio=each.alert.portfolio) for each in ended if each not in known])
    except FAULTS as error:
        yield f"The alerts are not journalled, so that they are sent again: {error}"


def _known(clock: Clock) -> tuple[list[Alerted], int]:
    """The notices of the journal, each as its last entry has it, and the number of messages of the last hour."""
    with Journal(now=clock.now) as journal:
        entries = [(entry.moment, entry.record) for entry in journal.entries(kind=Alerted.kind)]
    since = f"{clock.now() - HOUR:{MOMENT}}"
    recent = {record.message for moment, record in entries if record.message and moment > since}
    return list({record.notice: record for _, record in entries}.values()), len(recent)


def _sent(groups: Iterable[Sequence[Alerted]], keys: AlertKeys, clock: Clock) -> tuple[dict[str, Alerted], list[str]]:
    """The notices of messages after each channel was tried, by id, and sentences. A dead channel is tried once."""
    done, said, dead = dict[str, Alerted](), list[str](), set[str]()
    for group in groups:
        done |= {each.notice: each for each in group}
        for channel in keys.channels:
            owed = [done[each.notice] for each in group if channel in each.owed]
            if not owed or channel in dead:
                continue
            message = message_of(owed)
            try:
                remark = deliver(channel, message, keys, clock)
            except FAULTS as error:
                if not (isinstance(error, FeedError) and error.kind == "asset"):
                    dead.add(channel)
                said.append(f"{channel} did not take {message.title}: {error}")
                continue
            done |= {each.notice: each.taken(channel, message.id) for each in owed}
            said.append(f"{channel} took {message.title}.{remark and f' But {remark}'}")
    return done, said
