"""Looks of every page of the service, by its geometry and by reference pictures.

Pages are those of the application's routes: a new one is looked at as soon as its route exists. A new name in a path
needs a value in `filled`.

Reference pictures stand in `pictures/`, in grey of 16 levels at half the size, as the Chromium that
`pictures/chromium.txt` names draws them. Other versions draw letters otherwise: there geometry alone is looked at, and
the end of the run says so. From one run to the next on one machine 75 of 78 pictures were the same to the last pixel;
in the others, of a run, whose id and hashes differ, 0.01 % of pixels differed by more than `LEVEL`: a tenth of `SHARE`.
After a change of looks, renew them, and look at each that git shows as changed:

    python -m pytest tests/desk/service/pages/test_looks.py --renew-pictures
"""

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import PHONE, WIDE
from fastapi.routing import iter_route_contexts
from needed import missing
from people import PASSWORD, SHIPPED
from PIL import Image, ImageChops
from playwright.sync_api import Browser, FloatRect, Page, expect
from served import Served
from sqlalchemy import select

from desk.commands.report import make_backtest
from desk.service.caller import Caller
from desk.service.jobs import queue
from desk.service.pages.page import PageRoute
from desk.service.portfolios.stored import written_out
from desk.service.store.tables import QueuedJob, User
from desk.service.typed_comparison import EXAMPLE_COMPARISON
from research.market import load_market

PICTURES = Path(__file__).parent / "pictures"
VERSION = PICTURES / "chromium.txt"
FAULTS = Path(__file__).with_name("looks.js").read_text(encoding="utf-8").partition("\n")[2]
VIEWS_SEEN = tuple((size, scheme) for size in (WIDE, PHONE) for scheme in ("light", "dark"))
PICTURED = ((WIDE, "light"), (PHONE, "light"), (WIDE, "dark"))
TALLEST = 2400  # px of a page in a picture, from its top
DAY = "2022-12-30"  # of the list: prices of it are not too old to be sent
LEVEL, SHARE = 32, 0.001  # a picture is another where more than this share of pixels differs by more than LEVEL of 255
ASKED = {  # queries of pages that show little without
    "/demo/compare/found": f"?{EXAMPLE_COMPARISON.query}",
    "/money": "?portfolio={portfolio}&amount=100000",
    "/money/list": "?portfolio={portfolio}&amount=100000",
    "/portfolios/{portfolio}/worksheet": f"?as_of={DAY}",
    "/runs/compare": "?one={run}&other={run}",
}
OPEN = """async () => {
  const folded = document.querySelectorAll("main details");
  folded.forEach((each) => each.removeAttribute("name")); // of those with one name, only one stands open
  folded.forEach((each) => { each.open = true; });
  await document.fonts.ready;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); // panels start to load
}"""
SETTLED = """() => { // moments, ages, addresses and ids as words that are the same in each run
  document.querySelector(".top nav")?.style.setProperty("position", "static"); // on a phone it would be in the middle
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    walker.currentNode.data = walker.currentNode.data
      .replace(/\\d{4}-\\d\\d-\\d\\d/g, "2000-01-01")
      .replace(/\\d\\d:\\d\\d(:\\d\\d)?/g, "12:00")
      .replace(/\\b(?=[a-z]*\\d)[0-9a-z_-]*[0-9a-f]{8,}[0-9a-z_-]*/g, "00000000")
      .replace(/[\\d,.]+ (second|minute|hour|day|session|month|year)s? (ago|old)/g, "9 days $2")
      .replace(/localhost:\\d+/g, "localhost");
  }
}"""


@pytest.fixture(scope="module")
def filled(served: Served, browser: Browser) -> dict[str, str]:
    """Values of the names in paths: a portfolio with a past, its ticket, which is sent, an order of it, and a run."""
    service, email = served.service, served.user("admin", "ann")
    with browser.new_context(base_url=served.address, extra_http_headers=_asked(served)) as context:
        api = context.request
        assert api.post("/api/users/login", data={"email": email, "password": PASSWORD, "cookie": True}).ok
        text = (SHIPPED / "forecasts.yaml").read_text() + "\nnav_history: nav.csv\n"
        days = load_market("multi_asset_daily").days[-30:].astype(str)
        nav = "\n".join(["date,nav", *(f"{day},{24_900_000 + 1_000 * k}" for k, day in enumerate(days))])
        parts = {
            name: {"name": file, "mimeType": kind, "buffer": content.encode()}
            for name, file, kind, content in (
                ("portfolio", "p.yaml", "text/yaml", text), ("files", "nav.csv", "text/csv", nav),
            )
        }  # fmt: skip
        made = api.post("/api/portfolios?client=Muster", multipart=parts, timeout=120_000)
        assert made.ok, made.text()
        portfolio = made.json()["id"]
        issued = api.post(f"/api/portfolios/{portfolio}/tickets", data={"as_of": DAY})
        assert issued.ok, issued.text()
        ticket = f"/api/tickets/{issued.json()['id']}"
        orders = api.get(ticket).json()["orders"]
        sent = api.post(f"{ticket}/send", data={"venue": "paper"})
        assert sent.ok, sent.text()
    with service.sessions() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
    caller, root = Caller(user.id, user.name, user.tenant, user.role), service.root("house")
    run = make_backtest(written_out(service, caller, portfolio), "quarterly", root / "reports").folder.name
    done: dict[str, Any] = {"state": "done", "run": run, "created": queue.now(), "ended": queue.now()}
    with service.sessions.begin() as session:
        session.add(
            QueuedJob(
                tenant="house", user=user.id, portfolio=portfolio, version=1, kind="backtest", arguments={}, **done
            )
        )  # fmt: skip
    return {
        "portfolio": portfolio, "ticket": ticket.rpartition("/")[2], "order": orders[0]["client_order_id"], "run": run,
        "scenario": "drilldown", "email": email,
    }  # fmt: skip


def _asked(served: Served) -> dict[str, str]:
    return {"Origin": served.address, "X-Requested-With": "test"}


@pytest.fixture(scope="module")
def renewed(request: pytest.FixtureRequest) -> bool:
    """Whether the pictures are to be made anew."""
    return bool(request.config.getoption("--renew-pictures", False))


@pytest.fixture(scope="module")
def seen(served: Served, browser: Browser, filled: dict[str, str], renewed: bool) -> SimpleNamespace:
    """faults : by path of a page, width and scheme.  pictures : by their names; none in another Chromium."""
    found = SimpleNamespace(faults={}, pictures={})
    pictured = renewed or (VERSION.exists() and VERSION.read_text().strip() == browser.version)
    still: Any = {"base_url": served.address, "reduced_motion": "reduce"}
    with browser.new_context(**still) as stranger, browser.new_context(**still) as user:
        said = {"email": filled["email"], "password": PASSWORD, "cookie": True}
        assert user.request.post("/api/users/login", data=said, headers=_asked(served)).ok
        for template in paths_of_pages(served):
            path = (template + ASKED.get(template, "")).format(**filled)
            answer = stranger.request.get(path, max_redirects=0)
            context = stranger if answer.status == 200 else user
            if context is user:
                answer = user.request.get(path)
            assert answer.ok, f"{path}: give it in ASKED the query that it needs. It answers {answer.status}."
            if "<html" not in answer.text():
                continue  # a panel of a page, or a file
            page = context.new_page()
            page.goto(path)
            _look(page, template, found, pictured)
            page.close()
    return found


def paths_of_pages(served: Served) -> list[str]:
    """The paths, with names in them, of all pages and panels of the application."""
    routes = iter_route_contexts(served.server.config.app.routes)  # type: ignore[union-attr]
    return sorted({route.path for route in routes if isinstance(route.original_route, PageRoute)})


def _look(page: Page, template: str, found: SimpleNamespace, pictured: bool) -> None:
    """A page with all of its panels open, in every view."""
    page.evaluate(OPEN)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    for size, scheme in VIEWS_SEEN:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        found.faults[template, size["width"], scheme] = page.evaluate(FAULTS, size is PHONE)
    if not pictured:
        return
    page.evaluate(SETTLED)
    for size, scheme in PICTURED:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
        taken = _drawn(page, {"x": 0, "y": 0, "width": size["width"], "height": height})
        name = re.sub(r"[^a-z_-]+", "_", template.strip("/")).strip("_") or "home"
        found.pictures[f"{name}.{size['width']}{'.dark' if scheme == 'dark' else ''}.png"] = _small(taken)


def _drawn(page: Page, part: FloatRect) -> bytes:
    """A part of a page once it is drawn whole: cells that stick to an edge may lack their words at first."""
    before, taken = b"", page.screenshot(full_page=True, clip=part)
    while taken != before:
        before, taken = taken, page.screenshot(full_page=True, clip=part)
    return taken


def _small(taken: bytes) -> Image.Image:
    """A picture in grey of 16 levels, at half its size."""
    grey = Image.open(io.BytesIO(taken)).convert("L").reduce(2)
    return grey.point([17 * round(level / 17) for level in range(256)])


def test_every_page_is_laid_out_without_fault_at_each_width_in_light_and_dark(seen: SimpleNamespace) -> None:
    assert len(seen.faults) >= 24 * len(VIEWS_SEEN)
    faults = [f"{path} at {width} px, {scheme}: {each}" for (path, width, scheme), all_ in seen.faults.items()
              for each in all_]  # fmt: skip
    assert not faults, "\n".join(faults)


def test_pages_look_as_their_pictures(seen: SimpleNamespace, browser: Browser, renewed: bool, tmp_path: Path) -> None:
    if renewed:
        PICTURES.mkdir(exist_ok=True)
        for old in PICTURES.glob("*.png"):
            old.unlink()
        for name, picture in seen.pictures.items():
            _write(picture, PICTURES / name)
        VERSION.write_text(f"{browser.version}\n")
    if not seen.pictures:
        missing("the Chromium of the pages' pictures")
    assert {file.name for file in PICTURES.glob("*.png")} == set(seen.pictures)
    others = []
    for name, picture in seen.pictures.items():
        kept = Image.open(PICTURES / name).convert("L")
        differs = _share(kept, picture)
        if differs > SHARE:
            _write(picture, tmp_path / name)
            others.append(f"{name}: {differs:.2%} of its pixels are others; see {tmp_path / name}")
    assert not others, "\n".join(others)


def _write(picture: Image.Image, file: Path) -> None:
    picture.quantize(16).save(file, optimize=True)


def _share(kept: Image.Image, picture: Image.Image) -> float:
    """Share of pixels that differ; all of them where a size does."""
    if kept.size != picture.size:
        return 1.0
    counts = ImageChops.difference(kept, picture).histogram()
    return sum(counts[LEVEL + 1 :]) / sum(counts)
