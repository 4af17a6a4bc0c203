"""The pages on a phone: installed, read offline for as long as the session lasts, and told by messages."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from browser import PHONE, Opened, violations
from people import PASSWORD
from playwright.sync_api import Page, expect
from push_service import PushService, Subscriber

from desk.service.notify import Message, notify
from desk.service.store.tables import PushSubscription, StoredPortfolio, User
from desk.service.users.tokens import end_all_sessions
from desk.service.web_push import push_keys

NAME = "Quince Family Trust"
STORES = """async () => {
  const found = {};
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((done) => (indexedDB.open(name).onsuccess = (event) => done(event.target.result)));
    for (const store of db.objectStoreNames) {
      const read = db.transaction(store), rows = read.objectStore(store).getAll();
      const keys = read.objectStore(store).getAllKeys();
      await new Promise((done) => (read.oncomplete = done));
      found[store] = keys.result;
      const latin = new TextDecoder("latin1");
      if (store === "pages") found.bytes = rows.result.map((row) => latin.decode(row.sealed)).join("");
      if (store === "keys" && rows.result[0]) {
        Object.assign(found, { user: rows.result[0].user, made: rows.result[0].made });
        found.extractable = await crypto.subtle.exportKey("raw", rows.result[0].key).then(() => true, () => false);
      }
    }
    db.close();
  }
  return found;
}"""
KEPT = """async (path) => {
  for (let tries = 400; tries; tries -= 1) {
    const page = await keptPage(path).catch(() => null);
    if (page && (await keyAt(await openKept(), Date.now())).user === READ_BY) {
      IDBObjectStore.prototype.put = () => null; // as it is left, it would be kept once more
      return;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`${path} was not kept`);
}"""
FLIP = """async () => {
  const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  const db = await done(indexedDB.open("kept")), pages = db.transaction("pages", "readwrite").objectStore("pages");
  const page = await done(pages.get("/"));
  new Uint8Array(page.sealed)[40] ^= 1;
  await done(pages.put(page, "/"));
  db.close();
}"""

SUBSCRIBE = """(body) => {
  const plain = (text) => atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  const bytes = (text) => Uint8Array.from(plain(text), (each) => each.charCodeAt(0));
  let kept = null;
  const unsubscribe = async () => (kept = null) === null;
  PushManager.prototype.getSubscription = async () => kept;
  PushManager.prototype.subscribe = async ({ applicationServerKey: key }) =>
    (kept = { options: { applicationServerKey: bytes(key).buffer }, toJSON: () => body, unsubscribe });
}"""
NOTIFIED = """async () => {
  const shown = await (await navigator.serviceWorker.ready).getNotifications();
  return shown.map(({ title, body, data }) => [title, body, data]).sort();
}"""
SMALL = """[...document.querySelectorAll("a.button, button, nav a, .brand, input, select")]
  .filter((each) => each.checkVisibility())
  .map((each) => (["checkbox", "radio"].includes(each.type) && each.closest("label")) || each)
  .filter((each) => each.getBoundingClientRect().height < 44)
  .map((each) => each.outerHTML)"""
CLICK = """async () => {
  const opened = [];
  clients.openWindow = async (path) => opened.push(path); // only a person's click may open a window
  clients.matchAll = async () => [];
  for (const notification of await registration.getNotifications()) {
    dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  }
  for (let tries = 200; tries && opened.length < 2; tries -= 1) await new Promise((done) => setTimeout(done, 10));
  return opened;
}"""


def opened(page: Page, path: str) -> None:
    """Open a page, and wait until it is kept, for the last time."""
    page.goto(path)
    page.evaluate(KEPT, path)


def at(page: Page, **ago: float) -> None:
    """Set the clock of the pages, but not that of the service worker, to so long ago."""
    page.context.clock.set_fixed_time(datetime.now(UTC) - timedelta(**ago))


def test_what_was_seen_is_read_offline_with_its_age_until_the_session_ends(served, signed_in: Opened) -> None:
    email = served.user("manager", "ann")
    with served.service.sessions.begin() as session:
        ann = session.query(User).filter_by(email=email).one()
        portfolio = StoredPortfolio(tenant="house", owner=ann.id, name=NAME)
        session.add(portfolio)
    page = signed_in(email, size=PHONE)
    opened(page, "/")
    expect(page.get_by_text(NAME).first).to_be_visible()
    found = page.evaluate(STORES)
    assert (found["pages"], found["user"], found["extractable"]) == (["/"], ann.id, False)
    assert len(found["bytes"]) > 5_000
    assert NAME not in found["bytes"]
    assert page.evaluate("caches.keys()") == []

    def offline(path: str) -> str:
        page.context.set_offline(True)
        page.goto(path)
        text = page.inner_text("body")
        assert page.evaluate("typeof api") == "undefined"  # no script runs
        assert page.locator("button:enabled, input:enabled, select:enabled, textarea:enabled").count() == 0
        page.context.set_offline(False)
        return text

    text = offline("/?name=a")
    assert re.search(
        r"As of \d+ \w+ at \d\d:\d\d, less than a minute ago\. You are offline\. Nothing can be changed", text
    ), text
    assert NAME in text
    assert "Decision support, not investment advice" in text
    assert "This page is not kept" in offline(f"/portfolios/{portfolio.id}")
    for ago, told in (({"hours": 2}, "2 hours ago. You"), ({"days": 7.1}, "not kept")):
        page.goto("/sign-in")
        page.evaluate("indexedDB.deleteDatabase('kept')")
        at(page, **ago)
        opened(page, "/")
        assert told in offline("/")
    page.goto("/sign-in")
    assert page.evaluate(STORES)["keys"] == []  # after seven days
    at(page)
    opened(page, "/")
    page.goto("/sign-in")
    page.evaluate(FLIP)
    assert "was changed or damaged, and is not shown" in offline("/")
    made = page.evaluate(STORES)["made"]
    at(page, hours=1)  # the clock is set back
    opened(page, "/")
    assert page.evaluate(STORES)["made"] < made
    at(page)

    said = {"email": served.user("manager", "bob"), "password": PASSWORD, "cookie": True}
    headers = {"Origin": served.address, "X-Requested-With": "test"}
    assert page.context.request.post("/api/users/login", data=said, headers=headers).ok
    opened(page, "/")
    found = page.evaluate(STORES)
    assert (found["pages"], found["user"] == ann.id) == (["/"], False)
    page.evaluate("api('POST', '/api/users/logout', {})")
    assert (page.evaluate(STORES), page.evaluate("localStorage.length")) == ({}, 0)
    assert page.evaluate("navigator.serviceWorker.getRegistrations()") == []

    assert page.context.request.post("/api/users/login", data={**said, "email": email}, headers=headers).ok
    opened(page, "/")
    with served.service.sessions.begin() as session:
        end_all_sessions(session, session.get_one(User, ann.id))
    page.goto("/")
    expect(page).to_have_url(f"{served.address}/sign-in?next=/")
    assert page.evaluate(STORES) == {}


def test_the_pages_can_be_installed_opened_from_elsewhere_and_touched_and_an_error_is_not_kept(
    served, signed_in: Opened
) -> None:
    page = signed_in(served.user("manager", "eve"), "/portfolios/unknown", PHONE)
    assert page.evaluate("READ_BY") is None
    opened(page, "/")
    assert page.evaluate(STORES)["pages"] == ["/"]
    devtools = page.context.new_cdp_session(page)
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [each["errorId"] for each in errors] == ["in-incognito"]  # as all windows of tests are
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert "maskable" in manifest["data"]
    page.goto(f"{served.address.replace('localhost', '127.0.0.1')}/sign-in")  # another site, as a mail on the web is
    page.evaluate("(url) => location.assign(url)", f"{served.address}/account")
    page.wait_for_url(f"{served.address}/account")
    expect(page.get_by_role("heading", level=1)).to_have_text("eve")
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_message_to_this_device_is_shown_and_opens_its_page(served, signed_in: Opened, pushes: PushService) -> None:
    """The browser's own push service is elsewhere: one of this machine takes its place, and its delivery command."""
    email, service = served.user("approver", "cleo"), served.service
    page = signed_in(email, size=PHONE, permissions=["notifications"])
    browser = Subscriber(pushes, next(iter(push_keys(service.keys))))
    page.add_init_script(f"({SUBSCRIBE})({json.dumps(browser.body)})")
    object.__setattr__(service, "settings", replace(service.settings, pushes_to_loopback=True))
    page.goto("/account")
    switch = page.get_by_role("switch", name="Messages to this device")
    expect(switch).to_be_enabled()
    assert violations(page) == []
    switch.check()
    expect(page.get_by_role("status")).to_have_text("Messages come to this device from now on.")
    notify(service, User.email == email, Message("A ticket waits", "Of Quince <b>Trust</b>.", "/tickets/a1"))
    message, _, _ = browser.read()

    devtools, seen = page.context.new_cdp_session(page), list[dict[str, Any]]()
    devtools.on("ServiceWorker.workerVersionUpdated", lambda event: seen.extend(event["versions"]))
    devtools.send("ServiceWorker.enable")
    shown: list[list[str]] = []
    for _ in range(200):
        for registration in {each["registrationId"] for each in seen if each["status"] == "activated"}:
            for data in (json.dumps(message), "no JSON"):
                to = {"origin": served.address, "registrationId": registration}
                devtools.send("ServiceWorker.deliverPushMessage", {**to, "data": data})
        if len(shown := page.evaluate(NOTIFIED)) == 2:
            break
        page.wait_for_timeout(50)  # it is not active yet
    assert shown == [["A ticket waits", "Of Quince <b>Trust</b>.", "/tickets/a1"], ["Something waits for you", "", "/"]]
    (worker,) = page.context.service_workers
    assert sorted(worker.evaluate(CLICK)) == ["/", "/tickets/a1"]

    switch.uncheck()
    expect(page.get_by_role("status")).to_have_text("No more messages come to this device.")
    with service.sessions() as session:
        assert session.query(PushSubscription).count() == 0
