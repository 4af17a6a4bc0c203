"""Home in a real browser: import a positions file, see its row, take money out, issue the ticket."""

import re
from pathlib import Path
from typing import Any

from browser import PHONE, Opened, violations
from playwright.sync_api import expect

from desk.journal import Journal
from foundation.files import ROOT

POSITIONS = ROOT / "data" / "portfolios" / "positions.csv"


def test_a_file_chosen_before_the_script_has_come_is_shown(served: Any, stores: Path, signed_in: Opened) -> None:
    page = signed_in(served.user("manager", "eve"))
    page.route("**/new.js*", lambda route: route.abort())
    page.goto("/new")
    page.get_by_label("File of positions").set_input_files(POSITIONS)
    expect(page.get_by_label("Its rows")).to_have_value("")
    page.unroute("**/new.js*")
    page.add_script_tag(url=page.locator("script[src*='new.js']").get_attribute("src"))
    expect(page.get_by_label("Its rows")).to_have_value(re.compile("ISHARES CORE US AGGREGATE"))


def test_from_a_brokers_file_to_a_ticket_in_a_browser(served: Any, stores: Path, signed_in: Opened) -> None:
    export = POSITIONS.read_text()
    page = signed_in(served.user("manager", "ann"))
    expect(page.get_by_text("You have no portfolio yet.")).to_be_visible()
    page.get_by_role("link", name="Begin with a portfolio").click()
    page.get_by_label("File of positions").set_input_files(POSITIONS)
    expect(page.get_by_label("Its rows")).to_have_value(re.compile("ISHARES CORE US AGGREGATE"))
    form = page.locator("form", has=page.locator("#positions"))
    form.get_by_label("Name of the portfolio").fill("Mine")
    page.get_by_label("Its rows").fill(export.replace('"7,460"', '"many"'))
    form.get_by_role("button", name="Create the portfolio").click()
    expect(page.locator("#positions ~ .mistake")).to_contain_text(
        re.compile("^positions.csv, row 4, column 'Qty \\(Quantity\\)': .*, found many. ")
    )
    assert violations(page) == []
    page.get_by_label("Its rows").fill(export)
    form.get_by_role("button", name="Create the portfolio").click()
    page.wait_for_url("**/portfolios/*")

    page.goto("/")
    row = page.get_by_role("row", name=re.compile("^Mine"))
    expect(row).to_contain_text("1,998,342 USD")  # once it was made
    expect(page.locator("#needs")).to_contain_text("too old for orders")
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

    page.get_by_role("link", name="I add or take out money").click()
    page.get_by_label("Portfolio").select_option(label="Mine")
    page.get_by_label("goes out: sell").check()
    page.get_by_label("Amount").fill("100,000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The list")).to_be_visible()
    page.get_by_label("AGG").uncheck()
    page.get_by_role("button", name="Show the list again").click()
    expect(page.get_by_role("row", name=re.compile("^Sell SPY"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^(Sell AGG|Buy)"))).to_have_count(0)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    expect(page.get_by_text("Next: issue the ticket and have its orders sent.")).to_be_visible()
    page.get_by_role("button", name="Issue the ticket").click()
    page.wait_for_url("**/tickets/*")
    with Journal(served.service.root("house"), read_only=True) as journal:
        (made,) = journal.entries(kind="list")
    assert (made.portfolio, [order.side for order in made.record.orders]) == ("Mine", ["sell"])
    assert page.url.endswith(f"/tickets/{made.ticket[:16]}")
