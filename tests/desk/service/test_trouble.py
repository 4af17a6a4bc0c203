"""Trouble of the machine, such as a full disk: 503 in plain words on API, pages and tools."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from assistants import NAME, ORDER, Bench, user_of
from fastapi import FastAPI
from fastapi.testclient import TestClient
from needed import missing
from people import SignedIn, stored

from desk.journal.journal import JOURNAL
from desk.service.app import create_app
from desk.service.caller import KEYS
from desk.service.guards.observed import problem_of
from desk.service.settings import ServiceSettings
from foundation.errors import ConfigError, MachineError

TICKET = {"as_of": "2022-12-30"}
Mounted = Callable[[Path, str], Path]
NOTE = {"kind": "list", "subject": "x", "text": "y"}
ASKED: dict[str, Callable[[TestClient, str], Any]] = {
    "a ticket": lambda client, portfolio: client.post(f"/api/portfolios/{portfolio}/tickets", json=TICKET),
    "a change": lambda client, portfolio: client.post(f"/api/portfolios/{portfolio}/notes", json=NOTE),
    "a list": lambda client, portfolio: client.post("/api/rebalance/predict", json={"portfolio": portfolio, **TICKET}),
    "a page": lambda client, portfolio: client.get(f"/overviews/{portfolio}"),
}


@pytest.fixture
def mounted() -> Iterator[Mounted]:
    """Makes a folder that is a disk of its own, of a size."""
    made = list[Path]()

    def mount(folder: Path, size: str) -> Path:
        folder.mkdir(parents=True, mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
            missing("the right to mount a disk")
        made.append(folder)
        return folder

    yield mount
    for each in made:
        subprocess.run(["umount", "--lazy", str(each)], check=True)


@pytest.fixture
def small(app: FastAPI, mounted: Mounted) -> Path:
    """The folder of a tenant on a disk of its own of 2 MB."""
    return mounted(app.state.service.root("house"), "2m")


def fill(disk: Path) -> None:
    """Leave no byte."""
    with open(disk / "filler", "wb", buffering=0) as filler, suppress(OSError):
        for _ in repeat(None):
            filler.write(bytes(4096))


def lock(disk: Path) -> None:
    """Let nobody write."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def check_plain(answer: Any, folder: Path) -> None:
    """It says that the machine is at fault, in words of a reader who has no terminal."""
    assert answer.status_code == 503, answer.text
    said = answer.json()["detail"] if "json" in answer.headers["content-type"] else answer.text.partition("<main")[2]
    assert "What you asked is not at fault. Its operator finds why in the log" in said
    assert not [word for word in ("rebalance ", "REBALANCE_HOME", "`", "--", str(folder)) if word in said], said


@pytest.mark.parametrize("trouble", [fill, lock])
@pytest.mark.parametrize("asked", ASKED)
def test_a_disk_that_takes_nothing_is_told_as_one(
    asked: str, trouble: Callable[[Path], None], small: Path, client_of: SignedIn
) -> None:
    """And what was asked works once it takes something again."""
    manager = client_of("admin")
    portfolio = stored(manager)
    trouble(small)
    check_plain(ASKED[asked](manager, portfolio), small)
    subprocess.run(["mount", "-o", "remount,rw,size=20m", str(small)], check=True)
    assert ASKED[asked](manager, portfolio).status_code < 300


@pytest.mark.parametrize("trouble", [fill, lock])
def test_a_ticket_is_sent_once_the_disk_takes_it(
    trouble: Callable[[Path], None], small: Path, client_of: SignedIn
) -> None:
    manager = client_of("admin")
    ticket = ASKED["a ticket"](manager, stored(manager)).json()["id"]
    trouble(small)
    check_plain(manager.post(f"/api/tickets/{ticket}/send", json={"venue": "paper"}), small)
    subprocess.run(["mount", "-o", "remount,rw,size=20m", str(small)], check=True)
    sent = manager.post(f"/api/tickets/{ticket}/send", json={"venue": "paper"})
    assert (sent.status_code, manager.get("/api/tickets").json()["tickets"][0]["is_sent"]) == (200, True), sent.text


def test_a_full_disk_of_the_database_is_told_to_who_signs_in(tmp_path: Path, migrated: Path, mounted: Mounted) -> None:
    folder = mounted(tmp_path / "own", "2m")
    shutil.copyfile(migrated, folder / migrated.name)
    client = TestClient(create_app(ServiceSettings(folder=folder)), base_url="http://127.0.0.1:5000")
    fill(folder)
    answer = client.post("/api/users/login", json={"email": "ann@desk.example", "password": "x"})
    check_plain(answer, folder)
    assert "The disk of the service is full." in answer.json()["detail"]


def test_a_full_disk_is_told_to_an_assistant(small: Path, app: FastAPI) -> None:
    bench = Bench(app.state.service, user_of(app.state.service), "")
    bench.stored(NAME)
    fill(small)
    assert '"status":503' in (said := bench.call("place_buy_order", **ORDER).content[0].text)  # type: ignore[union-attr]
    assert "rebalance " not in said


def test_a_journal_or_a_key_that_does_not_open_is_no_mistake_of_who_reads(app: FastAPI, client_of: SignedIn) -> None:
    manager, service = client_of("manager"), app.state.service
    portfolio = stored(manager)
    root = service.root("house")
    (root / JOURNAL).write_bytes(b"no database" * 1000)
    for path in ("/", "/tickets", "/api/tickets"):
        check_plain(manager.get(path), root)
    (service.settings.folder / KEYS / "sealing").chmod(0o644)
    check_plain(manager.get(f"/api/portfolios/{portfolio}"), root)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        *((OSError(number, "words", "x"), 503) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)),
        (MachineError("x"), 503), (ConfigError("x"), 400), (OSError(errno.ENOENT, "x"), 500), (KeyError(), 500),
    ],
)  # fmt: skip
def test_the_callers_fault_is_told_apart_from_the_machines(error: Exception, status: int, tmp_path: Path) -> None:
    assert problem_of(error, "1", tmp_path).status == status
