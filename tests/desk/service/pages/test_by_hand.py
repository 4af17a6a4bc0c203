"""A portfolio by hand in a browser: typed, pasted, refused beside its fields, previewed and made; no YAML is seen."""

import json
from pathlib import Path
from typing import Any

import pytest
from browser import PHONE, Opened, violations
from playwright.sync_api import Page, expect

from desk.commands.portfolio_file.new import NewFile, new_text


def cell(page: Page, name: str, row: int) -> Any:
    return page.get_by_label(f"{name}, row {row}", exact=True)


def text_of(page: Page) -> str:
    """The file of the portfolio whose page is shown."""
    path = page.url.rpartition("/")[2]
    return page.request.get(f"/api/portfolios/{path}", headers={"Accept": "text/yaml"}).text()


def test_a_household_types_its_portfolio(
    served: Any, stores: Path, signed_in: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = signed_in(served.user("manager", "kim"), "/new")
    cell(page, "Asset", 1).fill("SPDR S&P")
    expect(page.locator("#instruments option[value=SPY]")).to_be_attached()
    cell(page, "Asset", 1).fill("SPY")
    cell(page, "Held", 1).fill("100")
    page.keyboard.press("Enter")
    expect(cell(page, "Held", 2)).to_be_focused()
    cell(page, "Asset", 2).fill("QQQ")
    cell(page, "Held", 2).fill("12,5,1")
    cell(page, "Target, %", 1).fill("60")
    cell(page, "Target, %", 2).fill("40")
    cell(page, "Amount of cash", 1).fill("1,234.5")
    form = page.locator("#by-hand")
    form.get_by_label("Name of the portfolio").fill("Household")
    form.get_by_role("button", name="Preview").click()
    expect(page.locator("td", has=cell(page, "Held", 2)).locator(".mistake")).to_be_visible()
    cell(page, "Held", 2).fill("200")
    form.get_by_role("button", name="Preview").click()
    lacking = form.get_by_role("link", name="Get their prices")
    expect(lacking).to_have_attribute("href", "/prices?symbols=QQQ")
    cell(page, "Currency of cash", 1).fill("EUR")
    form.get_by_role("button", name="Preview").click()
    expect(lacking).to_have_attribute("href", "/prices?symbols=QQQ%2CEURUSD")
    cell(page, "Currency of cash", 1).fill("USD")
    form.get_by_role("button", name="Preview").click()
    expect(lacking).to_have_attribute("href", "/prices?symbols=QQQ")
    assert violations(page) == []

    page.reload()  # as after the page of prices: nothing is typed twice
    expect(cell(page, "Asset", 1)).to_have_value("SPY")
    expect(form.get_by_label("Name of the portfolio")).to_have_value("Household")
    cell(page, "Asset", 2).fill("AGG")
    form.get_by_role("button", name="Preview").click()
    expect(form.get_by_role("row", name="2 SPY 100")).to_be_visible()
    expect(form.locator("[data-read]")).to_contain_text("Assumed, since nobody stated it")
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    form.get_by_role("button", name="Create the portfolio").click()
    page.wait_for_url("**/portfolios/*")

    monkeypatch.chdir(tmp_path)
    held = ["Symbol,Quantity,Market Value,Currency", "SPY,100,38344.00,USD", "AGG,200,19490.00,USD"]
    Path("positions.csv").write_text("\n".join([*held, "USD,1234.5,1234.5,USD"]) + "\n")
    asked = NewFile(Path("Household.yaml"), ("SPY=60", "AGG=40"), positions=Path("positions.csv"))
    assert text_of(page) == new_text(asked).text
    assert page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('typed-')).length") == 0


def test_rows_of_a_spreadsheet_are_pasted_and_a_template_begins_with_targets(
    served: Any, stores: Path, signed_in: Opened
) -> None:
    page = signed_in(served.user("manager", "lee"), "/new")
    page.get_by_role("link", name="Sixty forty").click()
    expect(cell(page, "Asset", 1)).to_have_value("SPY")
    expect(cell(page, "Target, %", 2)).to_have_value("40")
    block = "SPY\t10\t70\tUS equity\nAGG\t20\t20\tbonds\nXYZ\t5\t10\t\n"
    cell(page, "Asset", 1).evaluate(
        """(field, text) => {
          const data = new DataTransfer();
          data.setData("text", text);
          field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        block,
    )
    expect(cell(page, "Asset", 3)).to_have_value("XYZ")
    expect(cell(page, "Class", 1)).to_have_value("us_equity")
    page.get_by_role("button", name="Remove row 3").click()
    expect(cell(page, "Asset", 2)).to_be_focused()
    assert json.loads(page.locator("[name=rows]").input_value()) == [
        {"symbol": "SPY", "held": 10, "unit": "units", "target": 70, "asset_class": "us_equity"},
        {"symbol": "AGG", "held": 20, "unit": "units", "target": 20, "asset_class": "bonds"},
    ]


READ = {
    "12,5": 12.5, "1.234,56": 1234.56, "1.234.567": 1234567, "0,125": 0.125, "-1234,5": -1234.5,
    "1,234.5": 1234.5, "1,234": 1234, "12.5": 12.5, "1,2,3": "1,2,3", "1.234,5,6": "1.234,5,6",
}  # fmt: skip


def test_a_number_is_read_as_its_own_marks_say(served: Any, stores: Path, signed_in: Opened) -> None:
    page = signed_in(served.user("manager", "mia"), "/new")
    cell(page, "Asset", 1).fill("SPY")
    read = {}
    for typed in READ:
        cell(page, "Held", 1).fill(typed)
        read[typed] = json.loads(page.locator("[name=rows]").input_value())[0]["held"]
    assert read == READ
