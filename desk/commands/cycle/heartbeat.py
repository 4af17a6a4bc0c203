"""Signs of life of watchers, and what is told where they lack: one was killed, hangs, or cannot write.

A watcher holds the lock of its portfolio, and writes the moment of its last look into a file beside it, which it
deletes when it ends on purpose. So a file without a lock is of one that was killed, and an old file of one that hangs.
"""

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from desk.commands.cycle.alerts import SYSTEM, alert_resolved, alert_trouble
from desk.cycle.alerts import URGENT
from desk.exchange.stops import sending_lock
from desk.feeds.pace import Clock
from desk.journal.records import Alert
from foundation.files import locked, write_whole
from foundation.home import home_folder

WATCH_LOCK, ALIVE = ".watch.lock", ".watch.alive"  # endings of the files of a portfolio
LONGEST_SILENCE = timedelta(hours=1)  # without a sign, after which a person is told; a cycle takes less to decide,
LONGEST_LIST = timedelta(hours=25)  # and this at most to send a list in slices
CHECK = "check"  # word of the command line that looks at all of them
LOST_WATCHER = "no sign of its watcher"  # subject of an alert


def watch_lock(portfolio: str) -> Path:
    """The file of the lock that the watcher of a portfolio holds."""
    folder = home_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{portfolio}{WATCH_LOCK}"


def is_held(lock: Path) -> bool:
    """True while a process holds a lock."""
    with locked(lock, wait=False) as is_free:
        return not is_free


def show_life(portfolio: str, file: Path, now: datetime) -> None:
    """Write that the watcher of a portfolio file works. Raises OSError where the disk takes nothing."""
    write_whole(_alive(portfolio), f"{now.isoformat()}\n{file.resolve()}\n")


def end_life(portfolio: str) -> None:
    """Say that a watcher ends on purpose."""
    _alive(portfolio).unlink(missing_ok=True)


def end_lives(file: Path) -> None:
    """Say that no watcher of a portfolio file is to work any more, whatever its portfolio is called now."""
    for path in home_folder().glob(f".*{ALIVE}"):
        with suppress(FileNotFoundError):  # of one that ends meanwhile
            is_of_file = path.read_text(encoding="utf-8").splitlines()[1:] == [str(file)]
            if is_of_file and not is_held(watch_lock(_name(path))):
                path.unlink()


def last_sign(portfolio: str) -> str:
    """The moment of the last sign of a watcher that did not end on purpose, in words; "" for none."""
    return f"{_moment(_alive(portfolio)):%Y-%m-%d %H:%M} UTC" if _alive(portfolio).is_file() else ""


def notify_manager(state: str) -> None:
    """Tell systemd a state, as sd_notify(3) does; nothing to a manager that does not ask, or does not hear."""
    if address := os.environ.get("NOTIFY_SOCKET", ""):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.sendto(state.encode(), f"\0{address[1:]}" if address[0] == "@" else address)


def check_watchers(clock: Clock = SYSTEM) -> tuple[str, bool]:
    """Tell of each watcher that was killed, or gave no sign for an hour, by alerts too, once; and that it is back.

    Returns : sentences, and true where one lacks.
    """
    said, is_lost = list[str](), False
    for path in sorted(home_folder().glob(f".*{ALIVE}")):
        name, fault = _name(path), ""
        try:
            fault = _fault(name, path, clock.now())
        except FileNotFoundError:
            continue  # it ended meanwhile
        except OSError as error:
            fault = f"{name}: whether it is watched cannot be looked at: {error}."
        is_lost |= bool(fault)
        alert = Alert(name, LOST_WATCHER, URGENT, fault, "Look at what it printed last, and start it again.")
        sent = alert_trouble(alert, clock) if fault else alert_resolved(name, URGENT, clock=clock)
        said += [fault or f"{name}: watched, last sign at {last_sign(name)}.", *sent]
    return "\n".join(said or ["No watcher runs, and none was killed."]), is_lost


def _fault(name: str, path: Path, now: datetime) -> str:
    """A sentence on a watcher that was killed or is silent, "" for one that works. Raises FileNotFoundError."""
    is_watched = is_held(watch_lock(name))  # before the file is read: one that ends deletes it, and then its lock
    last, silent = f"{_moment(path):%Y-%m-%d %H:%M} UTC", abs(now - _moment(path))
    if not is_watched:
        return f"{name}: its watcher was killed after {last}, or the machine stopped."
    if silent > LONGEST_SILENCE and not (silent < LONGEST_LIST and is_held(sending_lock(name))):
        return f"{name}: its watcher has given no sign since {last}: it hangs, or cannot write."
    return ""


def _name(path: Path) -> str:
    """The name of the portfolio of a sign of life."""
    return path.name[1 : -len(ALIVE)]


def _alive(portfolio: str) -> Path:
    return home_folder() / f".{portfolio}{ALIVE}"


def _moment(path: Path) -> datetime:
    """The moment that a file states, or else that of its last change."""
    with suppress(ValueError):
        return datetime.fromisoformat(path.read_text(encoding="utf-8").partition("\n")[0]).astimezone(UTC)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
