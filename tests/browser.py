"""Pages in a real browser, and as the elements that they are made of."""

import base64
import os
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

from axe_playwright_python.sync_playwright import Axe
from needed import missing
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from foundation.errors import ConfigError
from foundation.paper.browser import GIVEN, browser

Opened = Callable[..., Page]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}  # windows of the pages of the service
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
SCRIPT = Path("foundation/paper/templates/pictures.js")  # of pages with pictures
VIEWS = ((360, "light"), (390, "dark"), (768, "dark"), (1280, "light"))  # widths of a page, and its reader's theme
AXE_WIDTHS = (390, 1280)  # of the pages at which axe looks, px; at the last of them at their colours too
VIOLATIONS = {"resultTypes": ["violations"]}  # axe describes no element that passes, which takes longer than its rules
COLOURS = ["color-contrast", "link-in-text-block"]  # rules of axe, which take longest, and know no width
EVEN = ".sheet .scroll { background: none !important }"  # axe judges no words on the shade of a wide table


class Elements(HTMLParser):
    """Every element of a page with its attributes, in order, and whether each that is opened is closed."""

    VOID: ClassVar[set[str]] = {"meta", "br", "img", "link", "input", "hr", "wbr", "source"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)


def without_script(page: str) -> str:
    """A page without the script of its pictures, which it has once at most."""
    own = f"<script>{SCRIPT.read_text(encoding='utf-8').rstrip()}</script>"
    assert page.count(own) <= 1
    return page.replace(own, "")


MEASURE = """
() => {
  const sizes = [], touching = [], outside = [], root = document.documentElement, width = root.clientWidth;
  for (const svg of document.querySelectorAll('svg')) {
    const box = svg.getBoundingClientRect();
    if (!box.width) continue;
    const words = [...svg.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    for (const [t, r] of words) {
      sizes.push(parseFloat(getComputedStyle(t).fontSize) * box.width / svg.viewBox.baseVal.width);
      if (r.left < -0.5 || r.right > width + 0.5) outside.push(t.textContent);
    }
    for (const [t, a] of words) for (const [u, b] of words) {
      if (t === u) break;
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (x > 1 && y > 0.3 * Math.min(a.height, b.height)) touching.push(t.textContent + ' | ' + u.textContent);
    }
  }
  const style = getComputedStyle(document.querySelector('.sheet') || document.body);
  return {scroll: root.scrollWidth, room: width, smallest: sizes.length ? Math.min(...sizes) : 99,
          drawn: sizes.length, touching, outside, paper: style.backgroundColor, ink: style.color};
}
"""


def chromium() -> str:
    """Path of a browser; where there is none, the test is skipped as `missing` says. A wrong GIVEN is an error."""
    try:
        return browser()
    except ConfigError:
        if os.environ.get(GIVEN):
            raise
        return missing("a browser")


def redrawn(block: str) -> str:
    """A notebook's block with the drawings of its images in their place, as the page has them."""

    def drawing(address: str, kind: str, words: str) -> str:
        alone = base64.b64decode(address.partition(",")[2]).decode()
        box, inner = re.fullmatch(r'<svg .*?(viewBox="[^"]*")><style>.*?</style>(.*)', alone, re.DOTALL).groups()
        return f'<svg class="{kind}" {box} role="img" aria-label={words}>{inner}'

    images = r'<picture><source media="[^"]*" srcset="([^"]*)"><img src="([^"]*)" alt=("[^"]*"|\'[^\']*\')></picture>'
    pair = lambda found: f"{drawing(found[2], 'wide', found[3])}\n{drawing(found[1], 'narrow', found[3])}"  # noqa: E731
    return re.sub(images, pair, block)


def browse(folder: Path, *options: str) -> str:
    """Run a browser without windows, with a profile of its own, without network; gives what it prints."""
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--virtual-time-budget=20000"]  # fmt: skip
    command = [chromium(), *quiet, f"--user-data-dir={folder / 'profile'}", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


THREAD = ThreadPoolExecutor(1)  # Playwright's loop would hinder other tests in theirs


@cache
def shared() -> Browser:
    """One browser for all pages of a process; to be used in `THREAD`. It ends with the process."""
    program = chromium()  # first: Playwright would be left started, and starts once
    return sync_playwright().start().chromium.launch(executable_path=program, args=["--no-sandbox"])


def check_page(page: str, drawn: int = 51) -> None:
    """At every width the page scrolls no way but down, and its drawings stay on it, with words that can be read.

    It is dark on light for a reader of light pages, and light on dark for one of dark pages; axe finds nothing wrong
    with it, what is folded too.

    page  : its HTML.
    drawn : how many parts its drawings have at the least.
    """
    for view, found in THREAD.submit(_looked, page).result():
        if isinstance(found, list):
            assert not found, f"{view}: {chr(10).join(found)}"
            continue
        assert found["scroll"] <= found["room"], view
        assert found["drawn"] >= drawn
        assert found["outside"] == [], view
        assert found["touching"] == [], (
            f"{view}: wider letters than Liberation Sans (a package) touch: {found['touching']}"
        )
        assert found["smallest"] >= 9.0, view
        paper, ink = (sum(map(int, re.findall(r"\d+", str(found[c]))[:3])) for c in ("paper", "ink"))
        assert (paper < 150 < ink) if view.endswith("dark") else (ink < 150 < paper), view


def _looked(html: str) -> list[tuple[str, Any]]:
    """By view, its measures at each width, and what axe says of it."""
    page, found = shared().new_page(), list[tuple[str, Any]]()
    try:
        page.set_content(html)
        for width, theme in VIEWS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            found.append((f"{width} px {theme}", page.evaluate(MEASURE)))
        page.add_style_tag(content=EVEN)
        page.evaluate("document.querySelectorAll('details').forEach(found => { found.open = true; })")
        for width in AXE_WIDTHS if "<html" in html else ():  # a notebook's block is no page
            page.set_viewport_size({"width": width, "height": 900})
            found.append((f"axe at {width} px", violations(page, colours=width == AXE_WIDTHS[-1])))
    finally:
        page.close()
    return found


def violations(page: Page, *, colours: bool = True) -> list[str]:
    """What axe finds wrong with a page: rule, element and how to mend it. In dark only colours can differ."""
    without = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
    asked = [("light", {}), ("dark", {"runOnly": COLOURS})] if colours else [("light", without)]
    found = []
    for theme, options in asked:
        page.emulate_media(color_scheme=theme)
        for each in Axe().run(page, options={**options, **VIOLATIONS}).response["violations"]:
            found += [f"{theme} {each['id']}: {node['html'][:200]} {node['failureSummary']}" for node in each["nodes"]]
    page.emulate_media(color_scheme=None)
    return found


def with_authenticator(page: Page) -> tuple[CDPSession, dict[str, str]]:
    """The developer tools of a page, and a virtual authenticator of it, which confirms all that it is asked."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    return tools, tools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
