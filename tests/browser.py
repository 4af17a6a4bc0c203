"""Pages in a real browser, and as the elements that they are made of."""

import html
import json
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import CDPSession, Page

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}  # windows of the pages of the service
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
VIEWS = ((360, "light"), (768, "dark"), (1440, "light"))  # widths of a page, and the theme of its reader


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


MEASURE = """
function measure(page, width, theme) {
  const sizes = [], touching = [], outside = [];
  for (const svg of page.querySelectorAll('svg')) {
    const box = svg.getBoundingClientRect();
    if (!box.width) continue;
    const words = [...svg.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    for (const [t, r] of words) {
      sizes.push(parseFloat(page.defaultView.getComputedStyle(t).fontSize) * box.width / svg.viewBox.baseVal.width);
      if (r.left < -0.5 || r.right > width + 0.5) outside.push(t.textContent);
    }
    for (const [t, a] of words) for (const [u, b] of words) {
      if (t === u) break;
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (x > 1 && y > 0.3 * Math.min(a.height, b.height)) touching.push(t.textContent + ' | ' + u.textContent);
    }
  }
  const root = page.documentElement, style = page.defaultView.getComputedStyle(page.querySelector('.sheet'));
  return {width, theme, scroll: root.scrollWidth, room: root.clientWidth, smallest: Math.min(...sizes),
          drawn: sizes.length, touching, outside, paper: style.backgroundColor, ink: style.color};
}
onload = () => { for (const [width, theme] of VIEWS) {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'border:0;height:900px;width:' + width + 'px;color-scheme:' + theme;
  frame.srcdoc = PAGE;
  frame.onload = () => {
    const found = document.createElement('pre');
    found.textContent = JSON.stringify(measure(frame.contentDocument, width, theme));
    document.body.append(found);
  };
  document.body.append(frame);
} };
"""


@cache
def chromium() -> str:
    """Path of a browser; where there is none the test fails, since nothing else says that the page fits."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("no chromium on PATH, in which pages are tested. Debian: apt-get install chromium fonts-liberation")


def browse(folder: Path, *options: str) -> str:
    """Run a headless Chromium with a profile of its own, without network; gives what it prints."""
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--virtual-time-budget=20000"]  # fmt: skip
    command = [chromium(), *quiet, f"--user-data-dir={folder / 'profile'}", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def opened(page: str, folder: Path) -> list[dict[str, object]]:
    """What a browser measures of the page in each of `VIEWS`: a page in a frame follows the theme of the frame."""
    script = MEASURE.replace("VIEWS", json.dumps(VIEWS)).replace("PAGE", json.dumps(page).replace("</", "<\\/"))
    path = folder / "frames.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><body><script>{script}</script>", encoding="utf-8")
    printed = browse(folder, "--dump-dom", path.as_uri())
    found = [json.loads(html.unescape(text)) for text in re.findall(r"<pre>(.*?)</pre>", printed, flags=re.DOTALL)]
    assert sorted((one["width"], one["theme"]) for one in found) == sorted(VIEWS), printed[-2000:]
    return found


def check_page(page: str, folder: Path, drawn: int = 51) -> None:
    """At every width the page scrolls no way but down, and its drawings stay on it, with words that can be read.

    It is dark on light for a reader of light pages, and light on dark for one of dark pages.

    drawn : how many parts they have at the least.
    """
    for found in opened(page, folder):
        assert found["scroll"] <= found["room"], found
        assert found["drawn"] >= drawn
        assert found["outside"] == [], found["width"]
        assert found["touching"] == [], f"{found['width']} wide; wider letters than Liberation Sans (a package) touch"
        assert found["smallest"] is None or found["smallest"] >= 9.0, found["width"]
        paper, ink = (sum(map(int, re.findall(r"\d+", str(found[c]))[:3])) for c in ("paper", "ink"))
        assert (paper < 150 < ink) if found["theme"] == "dark" else (ink < 150 < paper), found["theme"]


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page: rule, element and how to mend it. In dark only colours can differ."""
    found = []
    for theme, options in (("light", None), ("dark", {"runOnly": ["color-contrast", "link-in-text-block"]})):
        page.emulate_media(color_scheme=theme)
        for each in Axe().run(page, options=options).response["violations"]:
            found += [f"{theme} {each['id']}: {node['html'][:200]} {node['failureSummary']}" for node in each["nodes"]]
    page.emulate_media(color_scheme=None)
    return found


def with_authenticator(page: Page) -> tuple[CDPSession, dict[str, str]]:
    """The developer tools of a page, and a virtual authenticator of it, which confirms all that it is asked."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    return tools, tools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
