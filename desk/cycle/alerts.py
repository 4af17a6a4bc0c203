"""Alerts: what a cycle tells a person, whether it is news, and when it goes.

An alert is raised once, again where its level rises, and resolved once, when a later cycle does not say it any more.
Urgent ones go at once; the others wait for the end of quiet hours, of an hour that was full, or of the day.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from desk.cycle.briefing import NOT_STATED, Sending, briefed
from desk.cycle.decision import JOURNAL_CONTROL
from desk.cycle.monitor import LIVE_BREAK, NORMAL_LEVEL
from desk.journal.records import RAISED, RESOLVED, Alert, Alerted
from desk.tickets.order_ids import list_id
from foundation.canonical import content_hash
from research.market.instruments import is_cut_off
from research.portfolio.file.kinds import Text, Told, checked_by, record

URGENT, WARNING, INFORMATION = LEVELS = ("urgent", "warning", "information")
STATUS_LEVELS = {  # of a cycle that a person should know, with their levels; what to do is the briefing's
    "unreconciled": URGENT,
    "awaiting approval": URGENT,
    "not sent": URGENT,
    "partly executed": URGENT,
    "finalised": URGENT,
    "vetoed": WARNING,
    "executed": INFORMATION,
}
WEB_ADDRESS = r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[!-~]*)?"  # http: here alone
MIDNIGHT = time()
ID_LETTERS = 20  # of the sha256 of a notice


def _like(pattern: str, fix: str) -> AfterValidator:
    return checked_by(lambda text: "" if re.fullmatch(pattern, text) else "not of its form", fix)


Url = Annotated[str, _like(WEB_ADDRESS, "Write one such as https://hooks.example.org/desk.")]
Host = Annotated[str, _like(r"[A-Za-z0-9.:-]+", "Write a name such as smtp.example.org.")]
Address = Annotated[str, _like(r"[!-?A-~]+@[A-Za-z0-9.-]+", "Write one such as me@example.org.")]


@record
class QuietHours:
    """The hours of a day, of a time zone, in which only what is urgent is sent."""

    start: Annotated[Text, Field(alias="from", description='A time such as "22:00".')]
    end: Annotated[Text, Field(alias="to", description='A time such as "07:00".')]
    zone: Text

    def __post_init__(self) -> None:
        """Refuse what is no time of day, or no time zone."""
        if not all(is_cut_off(f"{each} {self.zone}") for each in (self.start, self.end)) or self.start == self.end:
            raise Told("no hours of a day", 'Write {from: "22:00", to: "07:00", zone: Europe/Zurich}.')

    def has(self, now: datetime) -> bool:
        """True if a moment is in these hours, by the clock of the zone, whatever daylight saving does."""
        start, end = time.fromisoformat(self.start), time.fromisoformat(self.end)
        at = now.astimezone(ZoneInfo(self.zone)).time()
        return start <= at < end if start < end else at >= start or at < end


@record
class EmailKeys:
    """A mail server and the addresses of the alerts. user : "" for a server that asks for none."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    sender: Annotated[Address, Field(alias="from")]
    recipients: Annotated[tuple[Address, ...], Field(alias="to", min_length=1)]
    user: Annotated[str, _like(r"[!-~]*", "Write it in ASCII.")] = ""
    tls: Literal["starttls", "implicit", "none"] = "starttls"

    def __post_init__(self) -> None:
        """Refuse a password that anyone on the way could read."""
        if self.user and self.tls == "none":
            raise Told("a password without encryption", "Write tls: starttls or tls: implicit, or leave user out.")


@record
class AlertKeys:
    """The keys of `alerts.yaml`; docs/watch.md#alerts explains them."""

    file: Text | None = None
    webhook: Url | None = None
    email: EmailKeys | None = None
    heartbeat: Url | None = None
    quiet_hours: QuietHours | None = None
    digest: Literal["daily", "none"] = "none"
    max_an_hour: Annotated[int, Field(ge=1, le=1_000)] = 10

    def __post_init__(self) -> None:
        """Refuse a file without a channel."""
        if not self.channels:
            raise Told("no channel", "Write file, webhook or email.")

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of its channels."""
        return tuple(name for name in ("file", "webhook", "email") if getattr(self, name) is not None)

    def owed(self, notice: Alerted) -> tuple[str, ...]:
        """The channels that have not taken a notice; all of them, where none has."""
        return tuple(name for name in self.channels if name in notice.owed or (notice.owed and not notice.channels))

    def day(self, moment: datetime) -> date:
        """The day of a moment, which begins when quiet hours end; without them, at midnight UTC."""
        quiet = self.quiet_hours
        local = moment.astimezone(ZoneInfo(quiet.zone) if quiet else UTC).replace(tzinfo=None)
        begins = time.fromisoformat(quiet.end) if quiet else MIDNIGHT
        return (local - timedelta(hours=begins.hour, minutes=begins.minute)).date()


# -- what is told ------------------------------------------------------------------------------------------------------


def alerts_of(document: Mapping[str, Any], status: str = "", sending: Sending = NOT_STATED) -> tuple[Alert, ...]:
    """The alerts of a cycle: its status, where a person should know it, and each reading beyond a level.

    document : record of the cycle, as docs/schemas/decision-1.json describes it.
    status   : what became of it since; "" takes that of the record.
    sending  : how its list goes.
    """
    steps = document["steps"]
    outputs = {step["agent"]: step["output"] for step in reversed(steps)}  # of the supervisor, the first
    request, readings = outputs["supervisor"], outputs["risk"]["readings"]
    name, session, file = request["portfolio"], request["last_close"], shlex.quote(sending.file or request["file"])
    found, status = list[Alert](), status or document["status"]
    if status in STATUS_LEVELS and (outputs["execution"]["actions"] or status != "finalised"):
        what, level = _of_status(status, session, outputs["execution"]["ticket"], sending)
        level = URGENT if _is_altered(steps[-1]["output"]["controls"]) else level
        remedy = ". ".join(briefed(document, status, sending).playbook)
        found.append(Alert(name, what, level, steps[-1]["narrative"], remedy, session))
    for each in readings:
        if each["level"] != NORMAL_LEVEL:
            level = URGENT if each["triggers"] else WARNING
            what = ": ".join(filter(None, (each["name"], each.get("of"))))  # which earlier records do not state
            found.append(Alert(name, what, level, f"{each['sentence']}.", _remedy(each["name"], file), session))
    return tuple(found)


def _is_altered(controls: Sequence[Mapping[str, str]]) -> bool:
    """True if the journal does not pass its control: what was done is then not sure."""
    return any(each["name"] == JOURNAL_CONTROL and each["effect"] != "passes" for each in controls)


def _of_status(status: str, session: str, ticket: str, sending: Sending) -> tuple[str, str]:
    """The subject and the level of an alert of a status: each list is one of its own."""
    level = STATUS_LEVELS[status]
    if level == INFORMATION:
        return f"{status} at {session}", level
    if status == "finalised":
        if sending.later:
            return f"orders for {sending.later}", INFORMATION
        status, level = ("orders held back", WARNING) if sending.held else ("orders to send", level)
    return f"{status}: list {list_id(ticket)}" if ticket else status, level


def _remedy(reading: str, file: str) -> str:
    if reading == "data":
        return f"rebalance data check {file}"
    if reading == LIVE_BREAK:
        return f"rebalance desk history {file} --view live"
    return f"rebalance {'trades' if reading == 'ranges' or reading.startswith('drift') else 'risk'} {file}"


# -- what is news ------------------------------------------------------------------------------------------------------


def raised(alert: Alert, last: Alerted | None) -> Alerted | None:
    """The notice of an alert; None where it was told before, at this level or above.

    last : newest notice on its subject, None for none.
    """
    if last is None or last.state == RESOLVED:
        return _notice(RAISED, alert, last)
    return _notice(RAISED, alert, last) if LEVELS.index(alert.level) < LEVELS.index(last.alert.level) else None


def resolved(last: Alerted) -> Alerted | None:
    """The notice that an alert does not hold any more; None where it was told before. last : newest on its subject."""
    open_ = last.state == RAISED and last.alert.level != INFORMATION
    return _notice(RESOLVED, last.alert, last) if open_ else None


def _notice(state: str, alert: Alert, last: Alerted | None) -> Alerted:
    """A notice after another, whose id is the same after a kill, so that mail programs know what is sent again."""
    follows, answers = (last.notice, last.message) if last else ("", "")
    id_ = content_hash([alert.portfolio, alert.what, follows])[:ID_LETTERS]
    return Alerted(id_, state, alert, follows=follows, answers=answers)


# -- when it goes ------------------------------------------------------------------------------------------------------


def messages(pending: Sequence[Alerted], keys: AlertKeys, now: datetime, sent: int) -> list[tuple[Alerted, ...]]:
    """The messages that go now, each as the notices in it: one for each that is urgent, one for all others.

    pending : notices that a channel has not taken.
    now     : moment, with its zone.
    sent    : number of messages of the last hour.
    """
    over = {each.follows for each in pending}
    urgent = [e for e in pending if (e.state, e.alert.level) == (RAISED, URGENT) and e.notice not in over]
    others = tuple(each for each in pending if each not in urgent)
    waits = (
        (keys.quiet_hours is not None and keys.quiet_hours.has(now))
        or sent + len(urgent) >= keys.max_an_hour
        or (keys.digest == "daily" and all(keys.day(datetime.fromisoformat(e.since)) == keys.day(now) for e in others))
    )
    return [*((each,) for each in urgent), *([] if waits or not others else [others])]
