"""A person without a terminal, from an empty machine to orders: the server of one command, its worker, and a source."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from browser import WIDE
from people import PASSWORD
from playwright.sync_api import Browser, Locator, Page, expect
from provider_server import made_bars, own_certificate, serving

from desk.feeds.fetching import MIRROR
from foundation.home import HOME, STORES
from research.market.calendars import sessions

MOST_CLICKS = 10
TYPED = {"SPY": (100, 60), "GLD": (50, 30), "AGG": (80, 10)}  # units, and targets in per cent


@contextmanager
def on_an_empty_machine(folder: Path, mirror: str) -> Iterator[str]:
    """`rebalance serve --browser` in a home without anything: the address that it opens."""
    opened, program = folder / "opened", folder / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o700)
    own = {
        HOME: str(folder / "home"), STORES: str(folder / "stores"), MIRROR: mirror, "BROWSER": f"{program} %s",
        "SSL_CERT_FILE": str(own_certificate(folder / "own.pem")),
    }  # fmt: skip
    command = [sys.executable, "-m", "desk.cli", "serve", "--browser", "--port", "0"]
    with open(folder / "log", "wb") as log, subprocess.Popen(command, env=os.environ | own, stderr=log) as server:
        try:
            while not (opened.exists() and opened.read_text().endswith("\n")):
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
            yield opened.read_text().strip()
        finally:
            server.terminate()
            server.terminate()  # at once, without the seconds in which a proxy finds another server
            server.wait(60)


class Person:
    """A reader of pages, whose clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def click(self, what: Locator) -> None:
        """Click, once it is there."""
        what.click()
        self.clicks += 1

    def button(self, name: str) -> None:
        """Click a button, or a link that looks like one."""
        self.click(self.page.get_by_role("button", name=name).or_(self.page.get_by_role("link", name=name)))


def test_from_an_empty_machine_to_todays_value_drift_and_orders(browser: Browser, tmp_path: Path) -> None:
    today = np.datetime64("today")
    days = sessions(today - 1_500, today - 2, "XNYS").tolist()  # whose last close every clock has
    prices = {"SPY": 100.0, "AGG": 90.0, "GLD": 80.0, "DTB3": 4.0}
    bars = {symbol: made_bars(days, price, k) for k, (symbol, price) in enumerate(prices.items())}
    worth = {asset: units * bars[asset][-1].close for asset, (units, _) in TYPED.items()}
    value, faults = sum(worth.values()), list[str]()
    drifts = {asset: 100 * worth[asset] / value - target for asset, (_, target) in TYPED.items()}
    with (
        serving(bars) as source,
        on_an_empty_machine(tmp_path, source.address) as address,
        browser.new_context(viewport=WIDE) as context,
    ):
        context.on("weberror", lambda error: faults.append(str(error.error)))
        page = context.new_page()
        person = Person(page)
        page.goto(address)
        page.get_by_label("New password").fill(PASSWORD)
        person.button("Set the password")
        person.click(page.get_by_label("I have kept them"))
        person.button("Go on")
        person.button("Not now")
        person.button("Begin with a portfolio")
        for row, (asset, (units, target)) in enumerate(TYPED.items(), 1):
            for name, text in (("Asset", asset), ("Held", units), ("Target, %", target)):
                page.get_by_label(f"{name}, row {row}", exact=True).fill(f"{text}")
        form = page.locator("#by-hand")
        form.get_by_label("Name of the portfolio").fill("Ours")
        person.click(form.get_by_role("button", name="Create the portfolio"))
        person.click(form.get_by_role("link", name="Get their prices"))
        person.button("Fetch prices")
        expect(page.locator("#work summary")).to_contain_text("done")
        person.button("Back to your portfolio")
        person.click(form.get_by_role("button", name="Create the portfolio"))
        page.wait_for_url("**/portfolios/*")
        expect(page.locator("#value")).to_contain_text(f"{value:,.0f} USD")
        for asset, drift in drifts.items():
            expect(page.locator("#value")).to_contain_text(f"{asset} {drift:+.2f} %".replace("-", "\u2212"))
        expect(page.locator("#today")).to_contain_text("Recommended orders")
        for asset, drift in drifts.items():
            order = page.locator("#today tr", has_text=asset).filter(has_text="sell" if drift > 0 else "buy")
            expect(order.first).to_be_attached()
    assert (person.clicks <= MOST_CLICKS, faults) == (True, [])
