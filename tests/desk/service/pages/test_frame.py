"""The frame of all pages: sign-in, ways, panels, forms and their mistakes, in a real browser."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from people import PASSWORD
from playwright.sync_api import BrowserContext, expect


def test_who_is_not_signed_in_is_sent_to_and_comes_back(served, context_of: Callable[..., BrowserContext]) -> None:
    email = served.user("manager", "ann")
    page = context_of().new_page()
    page.goto("/?of=all")
    assert page.url == f"{served.address}/sign-in?next=/%3Fof%3Dall"
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("The e-mail address, the password or both are wrong.")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served.address}/?of=all")
    assert page.evaluate("document.cookie") == ""  # no script reads it
    expect(page.get_by_role("heading", level=1)).to_have_text("Portfolios")


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\n\\evil.example", "evil", "javascript:1"]
)
def test_sign_in_leads_to_no_other_host(client: TestClient, path: str) -> None:
    page = client.get("/sign-in", params={"next": path}).text  # a browser leaves out tabs and line breaks of an address
    assert 'data-then="/"' in page
    assert "evil" not in page


def test_a_long_address_is_come_back_to(client: TestClient) -> None:
    asked = client.get("/money", params={"asset": [f"asset-{k}" for k in range(100)]}).text
    assert 'data-then="/money?asset=asset-0&amp;asset=asset-1&amp;' in asked
