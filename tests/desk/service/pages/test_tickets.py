"""From the worksheet to the journal, by two persons in a browser, the second of whom approves by a passkey."""

from typing import Any

from browser import PHONE, WIDE, Opened, violations, with_authenticator
from playwright.sync_api import Page, expect
from sqlalchemy import select

from desk.service.store.tables import Share, User
from foundation.files import ROOT
from foundation.paper.wording import number

DAY = "2022-12-30"
TEXT = (ROOT / "data" / "portfolios" / "sixty_forty.yaml").read_text() + "\nticket: {approvals: 1}\n"
FIRST = 120_000  # milliseconds: limited processes are forked from one that imports all first
SCRIPT = {"X-Requested-With": "test"}
REGISTER = """async () => {
  const { options } = await api("POST", "/api/users/passkeys/options");
  await api("POST", "/api/users/passkeys", { name: "phone", credential: await create(options) });
}"""


def asked(page: Page, path: str, **body: Any) -> Any:
    """The answer of the API to a user of a page; of a POST where there is a body."""
    headers = SCRIPT | {"Origin": "/".join(page.url.split("/")[:3])}
    request = page.request
    return (request.post(path, data=body, headers=headers) if body else request.get(path, headers=headers)).json()


def figures(page: Page) -> list[str]:
    return page.locator("[data-figure]").all_inner_texts()


def as_shown(found: dict[str, Any]) -> list[str]:
    """The figures of the worksheet, of an answer of the API."""
    after = found["after"]
    shares = (after["drift"], after["tracking_error"], after["volatility"], after["var"]["one day"])
    first = (after["cost"], 100 * found["turnover"], after["cash"])
    return [number(each) for each in (*first, *(100 * share for share in shares))]


def check_page(page: Page) -> None:
    """Clean for axe in both themes, and no wider than a phone."""
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.set_viewport_size(WIDE)


def test_a_list_is_changed_issued_approved_by_a_passkey_and_sent(served: Any, signed_in: Opened) -> None:
    maker, approver = served.user("manager", "ann"), served.user("approver", "bob")
    ann = signed_in(maker)
    headers = SCRIPT | {"Content-Type": "text/yaml", "Origin": served.address}
    made = ann.request.post("/api/portfolios", data=TEXT, headers=headers, timeout=FIRST)
    portfolio = made.json()["id"]
    with served.service.sessions.begin() as session:
        session.add(Share(portfolio=portfolio, user=session.scalar(select(User.id).where(User.email == approver))))

    # The worksheet: as recommended, with mistakes, with own units.
    recompute, day = f"/api/portfolios/{portfolio}/worksheet", {"as_of": DAY, "stale_ok": True}
    ann.goto(f"/portfolios/{portfolio}/worksheet?as_of={DAY}")
    spy, agg = (ann.get_by_label(f"Units of {asset}") for asset in ("SPY", "AGG"))
    expect(spy).to_have_value("-133")
    assert figures(ann) == as_shown(asked(ann, recompute, **day))
    check_page(ann)
    issue = ann.get_by_role("button", name="Issue this list")
    spy.fill("many")
    expect(ann.locator("td", has=spy)).to_contain_text("It is no number.")
    spy.fill("-0.5")
    expect(ann.locator("td", has=spy)).to_contain_text("Give a multiple of its lot, which is 1 units.")
    expect(issue).to_be_disabled()
    assert figures(ann) == ["–"] * 7
    agg.fill("5000")
    spy.fill("")
    expect(ann.locator(".faults")).to_contain_text("Cash does not pay the orders to buy AGG")
    expect(issue).to_be_disabled()
    ann.get_by_role("button", name="Undo").click()
    expect(spy).to_have_value("-0.5")
    ann.get_by_role("button", name="As recommended").click()
    expect(agg).to_have_value("721")
    expect(issue).to_be_enabled()
    spy.fill("-200")
    agg.fill("300")
    expect(issue).to_be_enabled()
    own = asked(ann, recompute, orders={"SPY": -200, "AGG": 300}, **day)
    assert figures(ann) == as_shown(own)
    expect(ann.get_by_role("status")).to_contain_text(f"Cost {number(own['after']['cost'])}, turnover")
    ann.get_by_label("Why you change the list").fill("less <b>risk</b>")
    issue.click()
    ann.wait_for_url("**/tickets/*")

    # The ticket, for who made it, and for who approves it.
    expect(ann.locator("#main")).to_contain_text("You made this list: another person approves it.")
    ticket = ann.url.rpartition("/")[2]
    document = asked(ann, f"/api/tickets/{ticket}")
    assert [row["reason"].partition(": ")[2] for row in document["orders"]] == ["ordered by ann: less <b>risk</b>"] * 2
    expect(ann.locator("dl.five dd b").first).to_have_text(number(own["after"]["cost"]))
    bob = signed_in(approver, "/tickets")
    with_authenticator(bob)
    bob.add_script_tag(url="/static/passkey.js")
    bob.evaluate(REGISTER)
    check_page(bob)
    bob.get_by_role("region", name="Waiting for you").get_by_role("link").click()
    check_orders(bob, document)
    refused = bob.request.post(f"/api/tickets/{ticket}/approve", headers=SCRIPT | {"Origin": served.address})
    assert (refused.status, refused.json()["detail"][:18]) == (403, "You have a passkey")
    bob.get_by_role("button", name="Approve with your passkey").click()
    expect(bob.get_by_role("region", name="State")).to_contain_text("Approved, not sent yet")

    # Sent to paper, with fills, their costs, the journal, and why.
    ann.reload()
    ann.get_by_role("button", name="Send 2 orders to paper").click()
    expect(ann.get_by_role("region", name="State")).to_contain_text("Sent by ann")
    fills = [each["content"] for each in asked(ann, f"/api/journal?ticket={ticket}&kind=fill")["entries"]]
    assert [(each["symbol"], each["quantity"]) for each in fills] == [("AGG", 300.0), ("SPY", 200.0)]
    for each in fills:
        row = ann.get_by_role("table", name="What the venue filled").get_by_role("row", name=each["symbol"])
        expect(row).to_contain_text(f"{number(each['quantity'], 0)}")
        expect(row).to_contain_text(f"{number(each['fee'])} USD")
    cost = sum(each["fee"] for each in fills)
    expect(ann.locator("#costs")).to_contain_text(f"cost {number(cost)} USD")
    entries = asked(ann, f"/api/journal?ticket={ticket}")["entries"]
    assert ann.locator(".entries li").count() == len(entries)
    assert ann.locator("a[href^='/orders/']").evaluate_all("all => all.map((each) => each.pathname)") == [
        f"/orders/{row['client_order_id']}" for row in document["orders"]
    ]
    check_page(ann)


def check_orders(page: Page, document: dict[str, Any]) -> None:
    """The numbers of the orders on the page of a ticket are those of its document."""
    for row in document["orders"]:
        shown = page.get_by_role("row", name=row["asset"]).first.get_by_role("cell").all_inner_texts()
        weights = [number(100 * row[f"weight_{moment}"]) for moment in ("before", "after", "target")]
        money = [number(row[name]) for name in ("price", "notional", "cost")]
        assert shown[:8] == [row["side"], number(row["quantity"], 0), *money, *weights]
