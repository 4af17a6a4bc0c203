"""A service on a port of its own, in a thread, and a browser before it: pages as a person sees them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import WIDE, Opened, chromium
from people import PASSWORD
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from served import Served

TIMEOUT = 60_000  # ms that a page has to come to what is expected, on a machine that is busy


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes the reference pictures of `test_looks.py` anew."""
    parser.addoption("--renew-pictures", action="store_true", help="make the reference pictures of the pages anew")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of all tests of a file."""
    found = Served(tmp_path_factory.mktemp("served") / "service")
    yield found
    found.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser. It ends with its file: while Playwright's loop runs, no other test can run one of its own."""
    expect.set_options(timeout=TIMEOUT)
    program = chromium()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def context_of(browser: Browser, served: Served) -> Iterator[Callable[..., BrowserContext]]:
    """A browser of its own: a fault of a script in it fails the test. size : of its window; more is Playwright's."""
    opened, faults = list[BrowserContext](), list[str]()

    def made(size: dict[str, int] = WIDE, **more: Any) -> BrowserContext:
        still: Any = {"reduced_motion": "reduce"}  # what moves while a panel loads is drawn sixty times a second
        context = browser.new_context(base_url=served.address, viewport=size, **still, **more)
        context.set_default_timeout(TIMEOUT)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        opened.append(context)
        return context

    yield made
    for context in opened:
        context.close()
    assert faults == []


@pytest.fixture
def signed_in(context_of: Callable[..., BrowserContext], served: Served) -> Opened:
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
