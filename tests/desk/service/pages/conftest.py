"""A service on a port of its own, in a thread, and Chromium before it: pages as a person sees them."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import uvicorn
from browser import WIDE, chromium
from people import PASSWORD
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from desk.service.app import create_app
from desk.service.caller import Service
from desk.service.serving import listening
from desk.service.settings import ServiceSettings
from desk.service.users import accounts

TIMEOUT = 60_000  # ms that a page has to come to what is expected, on a machine that is busy


class Served:
    """A service that answers over HTTP. address : where; service : its parts."""

    def __init__(self, folder: Path) -> None:
        self.listener: socket = listening(ServiceSettings(port=0, folder=folder))
        port = self.listener.getsockname()[1]
        self.address = f"http://localhost:{port}"  # browsers refuse passkeys of 127.0.0.1
        settings = ServiceSettings(port=port, folder=folder, public_url=self.address, rate=100_000)
        app = create_app(settings)
        self.service: Service = app.state.service
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """End."""
        self.server.should_exit = True
        self.thread.join(10)

    def user(self, role: str = "manager", name: str = "", tenant: str = "house") -> str:
        """The e-mail address of a new registered user, whose password is `PASSWORD`."""
        name = name or role
        with self.service.sessions.begin() as session:
            user, _ = accounts.invite(session, tenant, f"{name}@desk.example", role, name)
            accounts.set_password(session, user, PASSWORD)
            return user.email


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of all tests of a file."""
    found = Served(tmp_path_factory.mktemp("served") / "service")
    yield found
    found.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def context_of(browser: Browser, served: Served) -> Iterator[Callable[..., BrowserContext]]:
    """A browser of its own: a fault of a script in it fails the test. size : of its window; more is Playwright's."""
    opened, faults = list[BrowserContext](), list[str]()

    def made(size: dict[str, int] = WIDE, **more: Any) -> BrowserContext:
        context = browser.new_context(base_url=served.address, viewport=size, **more)
        context.set_default_timeout(TIMEOUT)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        opened.append(context)
        return context

    yield made
    for context in opened:
        context.close()
    assert faults == []


@pytest.fixture
def signed_in(context_of: Callable[..., BrowserContext], served: Served) -> Callable[..., Page]:
    """A page of a browser in which a user is signed in."""

    def made(email: str, path: str = "/", size: dict[str, int] = WIDE, **more: Any) -> Page:
        context = context_of(size, **more)
        said = {"email": email, "password": PASSWORD, "cookie": True}
        headers = {"Origin": served.address, "X-Requested-With": "test"}
        assert context.request.post("/api/users/login", data=said, headers=headers).ok
        page = context.new_page()
        page.goto(path)
        return page

    return made
