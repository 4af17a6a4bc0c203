"""Users in a browser: invited, registered, signed in by a passkey; account, tokens, sharing, risk profile."""

import re
from base64 import b32decode
from collections.abc import Callable
from dataclasses import replace

from browser import PHONE, Opened, violations, with_authenticator
from commanded import FILE
from mail_server import MailServer, serving_mail
from people import PASSWORD
from playwright.sync_api import BrowserContext, Page, expect
from push_service import settle

from desk.service.users.second_factor import code_at, step_now


def fill(page: Page, **values: str) -> None:
    """Fill fields of a page by their names."""
    for name, value in values.items():
        page.locator(f"[name={name}]").first.fill(value)


def press(page: Page, name: str) -> None:
    page.wait_for_load_state()  # its scripts, which send its forms, are there
    page.get_by_role("button", name=name, exact=True).click()


def test_an_invited_user_registers_adds_a_passkey_and_signs_in_by_it(
    served, signed_in: Opened, context_of: Callable[..., BrowserContext]
) -> None:
    admin = signed_in(served.user("admin", "ann"), "/users")
    fill(admin, name="<b>Bob</b>", email="bob@desk.example")
    press(admin, "Invite")
    link = admin.locator("#link .secrets li").inner_text()
    assert violations(admin) == []

    bob = context_of(PHONE).new_page()
    bob.goto(link)
    fill(bob, password="short")
    press(bob, "Set the password")
    expect(bob.locator(".mistake")).to_contain_text("has 5 characters")
    fill(bob, password=PASSWORD)
    press(bob, "Set the password")
    codes = bob.locator("#codes .secrets li")
    expect(codes).to_have_count(10)
    code = codes.first.inner_text()
    assert violations(bob) == []
    press(bob, "Go on")
    assert bob.url == link  # the box is not checked
    bob.get_by_label("I have kept them").check()
    press(bob, "Go on")

    tools, device = with_authenticator(bob)
    bob.get_by_label("Name of this device").fill("Phone")
    press(bob, "Add a passkey")
    expect(bob).to_have_url(f"{served.address}/")
    bob.get_by_role("link", name="<b>Bob</b>").click()
    expect(bob.get_by_role("row", name="Phone")).to_be_visible()
    press(bob, "Sign out")
    expect(bob).to_have_url(f"{served.address}/")  # the page offers the passkey at once: who is present is signed in
    bob.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    bob.goto("/account")
    press(bob, "Sign out")
    press(bob, "Sign in with a passkey")  # of a browser that suggests none
    expect(bob).to_have_url(f"{served.address}/")

    bob.goto("/account")
    bob.get_by_label("Name of the program").fill("nightly")
    bob.get_by_label("portfolios").check()
    press(bob, "Make a token")
    token = bob.locator("#new-token .secrets li").inner_text()
    sent = {"Authorization": f"Bearer {token}"}
    assert context_of().request.get("/api/portfolios", headers=sent).ok
    assert violations(bob) == []
    bob.get_by_role("link", name="I have kept it").click()
    press(bob, "Revoke the token nightly")
    expect(bob.get_by_role("row", name="nightly")).to_contain_text("revoked")
    assert context_of().request.get("/api/portfolios", headers=sent).status == 401

    tools.send("WebAuthn.removeVirtualAuthenticator", device)
    press(bob, "Sign out everywhere")
    expect(bob.get_by_text("Your session has ended.")).to_be_visible()
    bob.get_by_role("link", name="Forgotten password").click()
    fill(bob, email="bob@desk.example", code=code, password=f"{PASSWORD} 2")
    press(bob, "Set the password")
    bob.wait_for_url("**/account")
    expect(bob.get_by_text("9 are left.")).to_be_visible()

    admin.get_by_role("link", name="Done").click()
    admin.get_by_label("Role of <b>Bob</b>", exact=True).select_option("manager")
    press(admin, "Save the role of <b>Bob</b>")
    expect(admin.get_by_role("status")).to_have_text("The role of <b>Bob</b> is changed.")
    press(admin, "Disable <b>Bob</b>")
    expect(admin.get_by_role("row", name="bob@desk.example")).to_contain_text("disabled")
    bob.goto("/account")
    assert "/sign-in" in bob.url


def test_a_manager_shares_a_portfolio_and_applies_the_preset_of_his_client(served, signed_in: Opened) -> None:
    served.user("viewer", "carl")
    page = signed_in(served.user("manager", "mia"), "/profile")
    headers = {"Content-Type": "text/yaml", "Origin": served.address, "X-Requested-With": "test"}
    made = page.request.post("/api/portfolios?client=Miller", data=FILE.read_text(), headers=headers, timeout=120_000)
    made = made.json()
    page.goto(f"/portfolios/{made['id']}/shares")
    fill(page, user="nobody@desk.example")
    press(page, "Share")
    expect(page.get_by_role("status")).to_have_text("There is no such user: ask your admin to invite the person.")
    fill(page, user="carl@desk.example")
    press(page, "Share")
    expect(page.get_by_role("row", name="carl")).to_contain_text("read")
    assert violations(page) == []
    press(page, "Share with carl no longer")
    expect(page.get_by_text("Only you see this portfolio.")).to_be_visible()

    page.goto("/profile")
    page.get_by_role("link", name="Sixty-forty").click()
    expect(page.get_by_role("group")).to_have_count(13)
    assert violations(page) == []
    for group in page.get_by_role("group").all():
        group.get_by_role("radio").first.check()
    press(page, "See the result")
    lead = page.locator(".lead")
    expect(lead).to_contain_text("Conservative: 16 points, low.")  # the first choice of question 1 has four points
    expect(page.get_by_role("row", name="Range of SPY")).to_contain_text("57.00 % to 63.00 %")
    expect(page.locator(".state.stale")).to_contain_text("question 1 (“A gambler”) and question 6 (“Loss”)")
    assert violations(page) == []
    assert page.request.get(f"/api/portfolios/{made['id']}").json()["version"] == 1
    press(page, "Apply to the portfolio")
    expect(page.get_by_text("The portfolio has all that the preset conservative sets.")).to_be_visible()
    assert page.request.get(f"/api/portfolios/{made['id']}").json()["version"] == 2
    expect(page.get_by_role("row", name="mia 16 low conservative")).to_be_visible()


def test_a_user_sets_up_an_app_whose_code_his_next_sign_in_asks_for(served, signed_in: Opened) -> None:
    email = served.user("viewer", "dora")
    page = signed_in(email, "/account")
    press(page, "Set up an app")
    key, step = b32decode(page.locator("#new-app [data-of=key] li").inner_text()), step_now()
    expect(page.locator("#new-app [data-of=link] li")).to_contain_text("otpauth://totp/rebalance:dora")
    assert violations(page) == []
    page.get_by_label("Code that the app shows").fill("12")
    press(page, "Ask for its codes from now on")
    expect(page.locator(".mistake")).to_contain_text("no code of your authenticator app that serves now")
    page.get_by_label("Code that the app shows").fill(code_at(key, step))
    press(page, "Ask for its codes from now on")
    expect(page.locator("#new-codes .secrets li")).to_have_count(10)
    page.goto("/account")
    expect(page.get_by_role("button", name="Ask for no code any more")).to_be_visible()
    press(page, "Sign out")
    fill(page, email=email, password=PASSWORD)
    press(page, "Sign in")
    expect(page.locator(".mistake")).to_contain_text("Give the six digits")
    assert violations(page) == []
    fill(page, code=code_at(key, step + 1))
    press(page, "Sign in")
    expect(page).to_have_url(f"{served.address}/")


def test_anyone_registers_by_a_mailed_link_where_the_operator_lets_him(
    served, context_of: Callable[..., BrowserContext]
) -> None:
    page = context_of(PHONE).new_page()
    page.goto("/sign-up")
    expect(page.get_by_text("This place is entered by invitation")).to_be_visible()
    before = served.service.settings
    with serving_mail(MailServer()) as server:
        email = {"host": "127.0.0.1", "port": server.port, "from": "desk@desk.example", "tls": "none"}
        opened = replace(before, email=email, open_registration=True)
        object.__setattr__(served.service, "settings", opened)
        page.goto("/sign-in")
        page.get_by_role("link", name="New account").click()
        assert violations(page) == []
        fill(page, email="eve@else.example")
        press(page, "Send the link")
        expect(page.get_by_role("status")).to_contain_text("Look for our message")
        settle()
        (link,) = re.findall(r"http://\S+", server.mails[0].parsed.get_content())
    object.__setattr__(served.service, "settings", before)
    page.goto(link)
    fill(page, password=PASSWORD)
    press(page, "Set the password")
    expect(page.locator("#codes .secrets li")).to_have_count(10)
