"""A watcher that starts without a person: by a service and a timer of systemd, or else by lines of cron."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import ConfigError
from foundation.files import ROOT, write_whole
from foundation.home import FORECAST_BOOK, HOME, STORES, TRIAL_BOOK, home_folder

BOOTED = Path("/run/systemd/system")  # is there where systemd runs, as sd_booted(3) says
PASSED_ON = (STORES, TRIAL_BOOK, FORECAST_BOOK, "NUMBA_CACHE_DIR")  # environment variables, beside `HOME`
KEYS = "keys.env"  # file of the home with further variables, such as keys of data sources
SYSTEM_UNITS = Path("/etc/systemd/system")
SERVICE = """\
[Unit]
Description=Decision cycles of {name}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
WorkingDirectory={folder}
Environment={environment}
EnvironmentFile=-{keys}
ExecStart={watch}
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=2
WatchdogSec=2h
TimeoutStopSec=15min

[Install]
WantedBy={target}
"""
CHECK_SERVICE = """\
[Unit]
Description=Check that decision cycles of {name} run

[Service]
Type=oneshot
WorkingDirectory={folder}
Environment={environment}
EnvironmentFile=-{keys}
ExecStart={check}
"""
CHECK_TIMER = """\
[Unit]
Description=Check that decision cycles of {name} run

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
    def unit(self) -> str:
        """The name of its service."""
        return f"rebalance-{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.name)}"

    @property
    def watch(self) -> tuple[str, ...]:
        """The words of the command that watches it."""
        return (sys.executable, "-m", "desk.cli", "desk", "watch", str(self.file))

    @property
    def check(self) -> tuple[str, ...]:
        """The words of the command that looks whether it is watched."""
        return (*self.watch[:-1], "check")


def environment() -> dict[str, str]:
    """The environment of a watcher that nobody starts by hand: the folders of this one."""
    return {HOME: str(home_folder())} | {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}


def manager() -> str:
    """The program that starts others here: "systemd", "cron", or "" for neither."""
    if BOOTED.is_dir() and _runs(_systemctl("show-environment")):
        return "systemd"
    return "cron" if _runs(("crontab", "-l"), or_empty=True) else ""


def start(what: Started) -> str:
    """Start it now and after each start of the machine; again, too. Returns : sentences on what was written.

    Raises : ConfigError where the manager refuses, or there is none.
    """
    found = manager()
    if found == "systemd":
        for name, text in units(what).items():
            write_whole(_made(_units_folder()) / name, text)
        _do(_systemctl("daemon-reload"))
        started = (f"{what.unit}.service", f"{what.unit}-check.timer")
        _do(_systemctl("enable", *started))
        _do(_systemctl("restart", *started))  # one that ran has the former settings
        lingers = os.geteuid() == 0 or _runs(("loginctl", "enable-linger"))
        rest = "" if lingers else " It ends when you log out: ask for `loginctl enable-linger`."
        return f"{what.unit}.service of systemd runs from now on, and {what.unit}-check.timer looks after it.{rest}"
    if found == "cron":
        _write_table([*_others(what.unit), *cron_lines(what)])
        return "cron runs what is due at 5 minutes past each hour, and looks at 35 past whether it hangs."
    raise ConfigError(
        "Neither systemd nor cron answers here, so that nothing starts by itself. Let what starts programs on this "
        f"machine start: {shlex.join(what.watch)}"
    )


def end(what: Started) -> str:
    """Start it no more, and end what runs. Returns : a sentence. Raises : as `start`."""
    done, folder = list[str](), _units_folder()
    names = [name for name in units(what) if (folder / name).is_file()]
    if names and BOOTED.is_dir():
        _do(_systemctl("disable", "--now", *(name for name in names if not name.endswith("-check.service"))))
    for name in names:
        (folder / name).unlink()
        done.append(name)
    if names and BOOTED.is_dir():
        _do(_systemctl("daemon-reload"))
    if _runs(("crontab", "-l"), or_empty=True) and (left := _others(what.unit)) != _table():
        _write_table(left)
        done.append("its lines of cron")
    return f"Removed: {', '.join(done)}." if done else f"Nothing starts {what.name} here."


# -- systemd -----------------------------------------------------------------------------------------------------------


def units(what: Started) -> dict[str, str]:
    """The text of each unit by the name of its file."""
    given = " ".join(_quoted(f"{name}={value}") for name, value in environment().items())
    terms = {
        "name": what.name.replace("%", "%%"),
        "folder": str(ROOT).replace("%", "%%"),
        "environment": given,
        "keys": str(home_folder() / KEYS).replace("%", "%%"),
        "watch": _command(what.watch),
        "check": _command(what.check),
        "target": "multi-user.target" if os.geteuid() == 0 else "default.target",
    }
    texts = {".service": SERVICE, "-check.service": CHECK_SERVICE, "-check.timer": CHECK_TIMER}
    return {f"{what.unit}{ending}": text.format(**terms) for ending, text in texts.items()}


def _quoted(text: str) -> str:
    """A word of a unit, in which % and backslashes stand for themselves (systemd.syntax(7))."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _command(words: Sequence[str]) -> str:
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _units_folder() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_UNITS
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def _systemctl(*words: str) -> tuple[str, ...]:
    return ("systemctl", *([] if os.geteuid() == 0 else ["--user"]), *words)


# -- cron --------------------------------------------------------------------------------------------------------------


def cron_lines(what: Started) -> list[str]:
    """The lines of its table, which end with its name."""
    keys = shlex.quote(str(home_folder() / KEYS))
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment().items())
    before = f"cd {shlex.quote(str(ROOT))} && set -a && {{ test ! -f {keys} || . {keys}; }} && {given}"
    once = (*what.watch[:-1], "--once", what.watch[-1])
    lines = {5: once, 35: what.check}
    return [
        f"{minute} * * * * {f'{before} {shlex.join(words)}'.replace('%', chr(92) + '%')} # {what.unit}"
        for minute, words in lines.items()
    ]


def _table() -> list[str]:
    done = subprocess.run(("crontab", "-l"), capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def _others(unit: str) -> list[str]:
    return [line for line in _table() if not line.endswith(f" # {unit}")]


def _write_table(lines: Sequence[str]) -> None:
    _do(("crontab", "-"), "".join(f"{line}\n" for line in lines))


# -- programs ----------------------------------------------------------------------------------------------------------


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _runs(words: Sequence[str], *, or_empty: bool = False) -> bool:
    """True if a program is there and does what it is asked.  or_empty : or says that it has no table."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=_plain())
    except OSError:
        return False
    return done.returncode == 0 or (or_empty and "no crontab" in done.stderr)


def _do(words: Sequence[str], given: str | None = None) -> None:
    """Run a program. Raises ConfigError with what it says where it fails."""
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, env=_plain())
    if done.returncode:
        raise ConfigError(f"`{shlex.join(words)}` fails: {(done.stderr or done.stdout).strip()}")


def _plain() -> Mapping[str, str]:
    """The environment in which programs answer in English."""
    return {**os.environ, "LC_ALL": "C"}
