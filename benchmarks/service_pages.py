"""Pages of the service in Chromium: first paint, blocking, layout shift and bytes, as the browser itself measures them.

    python -m benchmarks.service_pages [PATH …]

A manager sees 200 portfolios, whose rows are kept; `{portfolio}` in a path is one of them, of 50 assets. Each page is
opened in a browser without a cache, until its panels are loaded. Blocking is what tasks take beyond 50 ms.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import Browser, sync_playwright

from benchmarks.timing import keep, machine, show
from desk.service.caller import Caller, Service
from desk.service.pages.overviews import MadeFrom, kept_rows, refreshed
from desk.service.store.tables import Overview, StoredPortfolio, User
from foundation.paper.browser import browser as browser_program
from research.market.calendars import sessions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import WIDE
from people import PASSWORD
from served import Served

PATHS = ("/", "/portfolios/{portfolio}", "/money", "/new")
PORTFOLIOS, CLIENTS, ASSETS, SESSIONS, ROUNDS, SETTLED = 200, 20, 50, 750, 3, 1_000  # the last: ms after the panels
AIMS = {"first paint, ms": 1_000.0, "blocking, ms": 100.0, "layout shift": 0.05, "kB": 300.0}
OBSERVED = """
window.seen = {shift: 0, blocking: 0};
const watch = (type, take) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({type, buffered: true});
watch("layout-shift", (each) => { if (!each.hadRecentInput) seen.shift += each.value; });
watch("longtask", (each) => { seen.blocking += Math.max(0, each.duration - 50); });
"""
READ = """() => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return [performance.getEntriesByName("first-contentful-paint")[0].startTime, seen.blocking, seen.shift,
          all.reduce((sum, each) => sum + each.transferSize, 0) / 1000];
}"""


def files_of(name: str) -> dict[str, Any]:
    """A portfolio of 50 assets with simulated prices, as the fields of a form."""
    draws = np.random.default_rng(1)
    days = sessions(np.datetime64("2019-01-02"), np.datetime64("2022-12-30"), "XNYS")[-SESSIONS:]
    names = [f"A{k:02d}" for k in range(ASSETS)]
    prices = 50.0 * np.exp(np.cumsum(draws.normal(3e-4, 0.01, (SESSIONS, ASSETS)), axis=0))
    table = pd.DataFrame(prices, columns=names).round(4)
    table.insert(0, "date", days.astype(str))
    units = np.round(2e4 * np.exp(draws.normal(0.0, 0.2, ASSETS)) / prices[-1])
    row = "  {}: {{asset_class: class_{}, target: 0.02, range: [0.01, 0.03], shares: {:.0f}}}"
    lines = "\n".join(row.format(each, k % 7, units[k]) for k, each in enumerate(names))
    costs = "\n".join(f"  class_{k}: {{commission_bps: 1, half_spread_bps: 1}}" for k in range(7))
    market = "{file: prices.csv, quotes: prices.csv, calendar: XNYS, currency: USD}"
    text = (
        f"name: {name}\nmarket: {market}\nbasis: USD\ncash: 10_000\nlines:\n{lines}\ncosts:\n{costs}\n"
        "limits: {minimum_trade: 100}\ntracking_penalty: 5\npolicy: quarterly\n"
        "policies: {quarterly: {rule: calendar, schedule: quarter}}\n"
    )
    of_form = {"mimeType": "text/csv", "buffer": table.to_csv(index=False).encode(), "name": "prices.csv"}
    return {"portfolio": {"mimeType": "text/yaml", "buffer": text.encode(), "name": "p.yaml"}, "files": of_form}


def seed(service: Service, email: str, portfolio: str) -> None:
    """Keep a fresh row of each of 200 portfolios, that of one of them."""
    with service.sessions() as session:
        user = session.query(User).filter_by(email=email).one()
    caller = Caller(user.id, user.name, user.tenant, user.role)
    refreshed(service, caller, portfolio)
    with service.sessions.begin() as session:
        sealed = session.get_one(Overview, portfolio).sealed
        session.add_all(
            StoredPortfolio(
                tenant=user.tenant, owner=user.id, client=f"Client {k % CLIENTS:02d}", name=f"Portfolio {k}"
            )
            for k in range(1, PORTFOLIOS)
        )
    rows, made_from = kept_rows(service, caller, None), MadeFrom.now(service, caller)
    with service.sessions.begin() as session:
        for row in rows:
            session.merge(Overview(portfolio=row.id, of=made_from.of(row), sealed=sealed))


def measured(browser: Browser, served: Served, cookies: Any, path: str) -> list[float]:
    """First paint in ms, blocking in ms, layout shift and kB of a page."""
    size: Any = WIDE
    context = browser.new_context(base_url=served.address, viewport=size, storage_state=cookies)
    context.add_init_script(OBSERVED)
    page = context.new_page()
    answer = page.goto(path)
    assert answer is not None, path
    assert answer.ok, f"{path} answers {answer.status}"
    page.wait_for_selector('[aria-busy="true"]', state="detached", timeout=120_000)
    page.wait_for_timeout(SETTLED)
    found: list[float] = page.evaluate(READ)
    context.close()
    return found


def main(paths: tuple[str, ...] = PATHS) -> None:
    """Measure each page, and print the medians of its rounds."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        served = Served(Path(folder) / "service")
        email = served.user("manager")
        browser = playwright.chromium.launch(executable_path=browser_program(), args=["--no-sandbox"])
        context = browser.new_context(base_url=served.address)
        headers = {"Origin": served.address, "X-Requested-With": "benchmark"}
        asked = {"email": email, "password": PASSWORD, "cookie": True}
        assert context.request.post("/api/users/login", data=asked, headers=headers).ok
        made = context.request.post("/api/portfolios", multipart=files_of("Fifty"), headers=headers)
        assert made.ok, made.text()
        portfolio, cookies = json.loads(made.text())["id"], context.storage_state()
        seed(served.service, email, portfolio)
        rows = []
        for path in paths:
            rounds = [measured(browser, served, cookies, path.format(portfolio=portfolio)) for _ in range(ROUNDS)]
            medians = map(statistics.median, zip(*rounds, strict=True))
            rows.append(
                [
                    path,
                    *(
                        f"{value:,.3f}" if name == "layout shift" else f"{value:,.0f}"
                        for name, value in zip(AIMS, medians, strict=True)
                    ),
                ]
            )
        browser.close()
        served.close()
    aims = ["aim, below", *(f"{value:g}" for value in AIMS.values())]
    show(
        "Pages in Chromium", ["page", *AIMS], [*rows, aims], [f"{PORTFOLIOS} portfolios, {ROUNDS} rounds. {machine()}"]
    )
    keep("service_pages", {"rows": rows})


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or PATHS)
