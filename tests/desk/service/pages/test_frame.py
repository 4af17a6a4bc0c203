"""The frame of all pages: sign-in, ways, panels, forms and their mistakes, in a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from people import PASSWORD
from playwright.sync_api import BrowserContext, expect

from desk.service.pages import page as pages


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


def test_a_form_whose_script_has_not_come_sends_nothing(served, context_of: Callable[..., BrowserContext]) -> None:
    page = context_of().new_page()
    page.route("**/app.js*", lambda route: route.abort())
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill("ann@desk.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign in", exact=True).click()
    assert page.url == f"{served.address}/sign-in"
    templates = Path(pages.__file__).parents[1] / "templates"
    forms = [
        form
        for file in templates.iterdir()
        for form in re.findall(r"<form[^>]*data-(?:api|passkey)=", file.read_text())
    ]
    assert [form for form in forms if 'method="dialog"' not in form] == []
    assert len(forms) > 30


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
