"""A watcher that starts without a person: by a service of systemd, or else by a line of cron, and a check beside it."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from foundation.canonical import content_hash
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.files import write_whole
from foundation.home import home_folder

BOOTED = Path("/run/systemd/system")  # is there where systemd runs, as sd_booted(3) says
SYSTEM_UNITS = Path("/etc/systemd/system")
SERVICE, TIMER, NO_TABLE = ".service", ".timer", "no crontab"
WATCH_UNIT = """\
[Unit]
Description=Decision cycles of {name}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={command}
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=2
WatchdogSec=25h
TimeoutStopSec=15min

[Install]
WantedBy={target}
"""
CHECK_UNIT = """\
[Unit]
Description=Check that decision cycles run

[Service]
Type=oneshot
ExecStart={command}
"""
CHECK_TIMER = """\
[Unit]
Description=Check that decision cycles run

[Timer]
OnCalendar=*:0/30
Persistent=true

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True)
class Started:
    """A watcher to be started without a person.

    name : name of the portfolio.
    file : its file.
    """

    name: str
    file: Path

    @property
    def ending(self) -> str:
        """The end of the name of its unit, which no other home and no other file has."""
        return f"{_of_home()}-{content_hash(str(self.file))[:6]}"

    @property
    def unit(self) -> str:
        """The name of its unit."""
        return f"rebalance-{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.name)}-{self.ending}"

    def command(self, *options: str) -> tuple[str, ...]:
        """The words that watch it."""
        return _command(*options, str(self.file))


def check_unit() -> str:
    """The name of the unit that looks after all watchers of this home."""
    return f"rebalance-check-{_of_home()}"


def check_manager(file: Path) -> None:
    """Raise ConfigError where neither systemd nor cron is here, or cron does not say its table."""
    if not _has_systemd():
        try:
            _table()
        except FileNotFoundError:
            raise ConfigError(
                "Neither systemd nor cron is here, so that nothing starts by itself. Let what starts programs on this "
                f"machine start: {shlex.join(_command(str(file)))}"
            ) from None


def register_service(what: Started) -> str:
    """Start it now and after each start of the machine; again, too. Returns : a sentence on what was written.

    Raises : ConfigError where the manager refuses; FileNotFoundError where there is none (`check_manager`).
    """
    if _has_systemd():
        for name, text in units(what).items():
            _units_folder().mkdir(parents=True, exist_ok=True)
            write_whole(_units_folder() / name, text)
        started = (f"{what.unit}{SERVICE}", f"{check_unit()}{TIMER}")
        _do(_systemctl("daemon-reload"))
        _do(_systemctl("enable", *started))
        _do(_systemctl("restart", *started))  # one that ran has the former settings
        lingers = os.geteuid() == 0 or _runs(("loginctl", "enable-linger"))
        rest = "" if lingers else " It ends when you log out: ask for `loginctl enable-linger`."
        return f"{started[0]} of systemd runs from now on, and {started[1]} looks after it.{rest}"
    ours = cron_lines(what)
    _write_table([*(line for line in _table() if _owner(line) not in {*map(_owner, ours)}), *ours])
    return "cron runs what is due at 5 minutes past each hour, and looks at 35 past whether it hangs."


def unregister(what: Started) -> str:
    """Start it no more; systemd ends what runs. Returns : a sentence. Raises : ConfigError where one refuses."""
    done, cron = list[str](), ""
    try:
        lines = _table()
    except FileNotFoundError:
        lines, cron = [], " `crontab` is not to be found."
    left = _without(lines, _owner, what)
    if left != lines:
        _write_table(left)
        done.append("its line of cron")
    found = sorted(path.name for path in _units_folder().glob(f"rebalance-*{_of_home()}*"))
    gone = [name for name in found if name not in _without(found, lambda name: Path(name).stem, what)]
    if gone:
        if BOOTED.is_dir():
            _do(_systemctl("disable", "--now", *(name for name in gone if name != f"{check_unit()}{SERVICE}")))
        for name in gone:
            (_units_folder() / name).unlink()
        if BOOTED.is_dir():
            _do(_systemctl("daemon-reload"))
    done += gone
    return (f"Removed: {', '.join(done)}." if done else f"Nothing starts {what.name} here.") + cron


def _without(entries: Sequence[str], owner: Callable[[str], str], what: Started) -> list[str]:
    """The entries that stay where it goes: those of other watchers, and of the check while this home has one."""
    left = [each for each in entries if not owner(each).endswith(f"-{what.ending}")]
    others = [each for each in left if re.search(rf"-{_of_home()}-[0-9a-f]{{6}}$", owner(each))]
    return left if others else [each for each in left if owner(each) != check_unit()]


def _command(*words: str) -> tuple[str, ...]:
    """A command of the watcher in this home; -P, since a folder `desk` where it starts is not this package."""
    return (sys.executable, "-P", "-m", "desk.cli", "--home", str(home_folder()), "desk", "watch", *words)


def _of_home() -> str:
    return content_hash(str(home_folder()))[:6]


# -- systemd -----------------------------------------------------------------------------------------------------------


def units(what: Started) -> dict[str, str]:
    """The text of each unit by the name of its file."""
    target = "multi-user.target" if os.geteuid() == 0 else "default.target"
    name = what.name.replace("%", "%%")
    return {
        f"{what.unit}{SERVICE}": WATCH_UNIT.format(name=name, command=_quoted(what.command()), target=target),
        f"{check_unit()}{SERVICE}": CHECK_UNIT.format(command=_quoted(_command("check"))),
        f"{check_unit()}{TIMER}": CHECK_TIMER,
    }


def _quoted(words: Sequence[str]) -> str:
    """Words of a unit, in which signs stand for themselves (systemd.service(5), systemd.syntax(7))."""
    signs = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"})
    return " ".join(f'"{word.translate(signs)}"' for word in words)


def _has_systemd() -> bool:
    return BOOTED.is_dir() and _runs(_systemctl("show-environment"))


def _units_folder() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_UNITS
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def _systemctl(*words: str) -> tuple[str, ...]:
    return ("systemctl", *([] if os.geteuid() == 0 else ["--user"]), *words)


# -- cron --------------------------------------------------------------------------------------------------------------


def cron_lines(what: Started) -> list[str]:
    """The lines of its table, each with the name of its unit at the end."""
    due = ((5, what.unit, what.command("--once")), (35, check_unit(), _command("check")))
    lines = ((minute, unit, shlex.join(words).replace("%", "\\%")) for minute, unit, words in due)
    return [f"{minute} * * * * {command} # {unit}" for minute, unit, command in lines]


def _owner(line: str) -> str:
    """The name of the unit whose line of cron it is, "" for a line of others."""
    return line.rpartition(" # ")[2] if " # rebalance-" in line else ""


def _table() -> list[str]:
    """The lines of the user. Raises FileNotFoundError without cron; ConfigError where it does not say them."""
    done = _ran(("crontab", "-l"))
    if done.returncode and NO_TABLE not in done.stderr:
        raise ConfigError(f"`crontab -l` fails: {done.stderr.strip() or done.stdout.strip()}")
    return [] if done.returncode else done.stdout.splitlines()


def _write_table(lines: Sequence[str]) -> None:
    _do(("crontab", "-"), "".join(f"{line}\n" for line in lines))


# -- programs ----------------------------------------------------------------------------------------------------------


def _ran(words: Sequence[str], given: str | None = None) -> "subprocess.CompletedProcess[str]":
    """A program that ran, answering in English. Raises FileNotFoundError where it is not here."""
    english = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        words, input=given, capture_output=True, encoding="utf-8", errors="surrogateescape", check=False, env=english
    )


def _runs(words: Sequence[str]) -> bool:
    """True if a program is here and does what it is asked."""
    try:
        return _ran(words).returncode == 0
    except OSError:
        return False


def _do(words: Sequence[str], given: str | None = None) -> None:
    """Run a program. Raises ConfigError with what it says where it fails."""
    done = _ran(words, given)
    if done.returncode:
        raise ConfigError(f"`{shlex.join(words)}` fails: {(done.stderr or done.stdout).strip()}")
