"""The browser of this machine, by which pages are printed, and in which tests open them."""

import os
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from foundation.errors import ConfigError

GIVEN = "REBALANCE_CHROMIUM"  # environment variable: path of the browser
BROWSER_COMMANDS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
APPLICATIONS = ("/Applications", "~/Applications")  # folders of macOS
PROGRAMS = ("Chromium", "Google Chrome", "Microsoft Edge")  # in them
CACHES = ("~/.cache", "~/Library/Caches")  # of Linux and macOS, where Playwright installs its own
PLAYWRIGHT = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
INSTALL = (
    "Install Chromium, Chrome or Edge (Debian: apt-get install chromium fonts-liberation), or give the path of one in "
    f"{GIVEN}"
)


def browser() -> str:
    """Path of Chromium, Chrome or Edge: the program that REBALANCE_CHROMIUM names, else the first that is installed.

    Raises : ConfigError, saying how to get one, where there is none.
    """
    given = os.environ.get(GIVEN, "")
    found = shutil.which(given) if given else next(_installed(), None)
    if found is None:
        where = f"{GIVEN} is {given!r}, which is no program" if given else "this machine has none of them"
        raise ConfigError(
            f"a page is printed by Chromium, Chrome or Edge, and {where}. {INSTALL}; or print it from any browser."
        )
    return found


def _installed() -> Iterator[str]:
    """The browsers on PATH, then those in macOS' folders of applications, then those that Playwright installed."""
    yield from filter(None, map(shutil.which, BROWSER_COMMANDS))
    for folder, name in product(APPLICATIONS, PROGRAMS):
        yield from _programs(folder, f"{name}.app/Contents/MacOS/{name}")
    stated = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", ""), os.environ.get("XDG_CACHE_HOME", "")
    kept = [stated[0], *(f"{cache}/ms-playwright" for cache in (stated[1], *CACHES) if cache)]
    for folder, pattern in product(filter(None, kept), PLAYWRIGHT):
        yield from _programs(folder, pattern)


def _programs(folder: str, pattern: str) -> Iterator[str]:
    """The programs of a folder, the newest first: their paths end with a number that grows."""
    found = sorted(Path(folder).expanduser().glob(pattern), key=lambda path: (len(str(path)), str(path)), reverse=True)
    return filter(None, map(shutil.which, map(str, found)))
