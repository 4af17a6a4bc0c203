"""Messages to people: what waits for them, or has ended, to their browsers and by e-mail where they asked for it.

A message holds no amounts, and the name of a portfolio only. It is sent in the background, and may be lost: the pages
are the record. Nothing that fails here fails what caused it.
"""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, delete, or_, select

from desk.commands.cycle import alert_channels
from desk.cycle.alerts import AlertKeys
from desk.feeds.adapter import FeedError
from desk.feeds.pace import Clock
from desk.service.caller import Service
from desk.service.problems import failure
from desk.service.store.tables import PushSubscription, QueuedJob, Share, StoredPortfolio, User
from desk.service.web_push import UNREACHED, Browser, post
from foundation.dataclasses import asdict, dataclass

LOG = logging.getLogger("rebalance.service")
SENDERS = ThreadPoolExecutor(4, "messages")  # its threads begin with the first message
SUBSCRIPTION_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)  # RFC 8030, section 7.3: the subscription has ended
ALERT_KEYS = TypeAdapter(AlertKeys)
BY_EMAIL = b"by e-mail"  # in place of a browser: the row of a user who wants e-mail


@dataclass(frozen=True)
class Message:
    """A message.  path : of the page that it is about."""

    title: str
    text: str
    path: str


def approvers_of(portfolio: StoredPortfolio) -> ColumnElement[bool]:
    """The condition on users who see a portfolio, and may approve its tickets."""
    shared = select(Share.user).where(Share.portfolio == portfolio.id)
    sees = or_(User.role == "admin", User.id == portfolio.owner, User.id.in_(shared))
    return (User.tenant == portfolio.tenant) & User.role.in_(("approver", "admin")) & sees


def notify(service: Service, to: ColumnElement[bool], message: Message) -> None:
    """Send a message to users who meet a condition and are not disabled; give back at once."""
    SENDERS.submit(_logged, _send_all, service, to, message)


def mail(service: Service, to: str, message: Message) -> None:
    """Send a message to an e-mail address, and give back at once. The log tells why it was not sent."""
    SENDERS.submit(_logged, lambda: _note(_mailed(service, to, message)))


def notify_of_ticket(service: Service, portfolio: StoredPortfolio, ticket: str, maker: str) -> None:
    """Tell approvers who see a portfolio that a ticket of it waits; its maker, by his id, may not approve it."""
    text = f"A trade list of {portfolio.name} needs your approval."
    message = Message("A ticket waits for approval", text, f"/tickets/{ticket}")
    notify(service, approvers_of(portfolio) & (User.id != maker), message)


def notify_of_job(service: Service, job: str) -> None:
    """Tell its user that a job has failed or is done; of a cycle that asks for a person, the approvers, too."""
    SENDERS.submit(_logged, _tell_of_job, service, job)


def _logged(work: Callable[..., None], *given: Any) -> None:
    try:
        work(*given)
    except Exception as error:
        LOG.error("failed", extra={"fields": failure(error)})


def _tell_of_job(service: Service, id: str) -> None:
    with service.sessions() as session:
        job = session.get_one(QueuedJob, id)
        portfolio = session.get(StoredPortfolio, job.portfolio) if job.portfolio else None
    if job.state not in ("done", "failed"):
        return
    what, to = f"The {job.kind} {f'of {portfolio.name}' if portfolio else 'that you asked for'}", User.id == job.user
    if job.kind == "prices":
        is_done, what = job.state == "done", what.replace("The prices", "Fetching the prices")
        told = Message("Prices are there", f"{what} is done.", "/prices")
        return _send_all(service, to, told if is_done else Message("Prices failed", f"{what} failed.", "/prices"))
    assert portfolio is not None
    path = (
        f"/decide/portfolios/{portfolio.id}"
        if job.kind == "cycle"
        else f"/runs/{quote(job.run)}"
        if job.run
        else "/research"
    )
    message = Message(f"A {job.kind} is done", f"{what} is done.", path)
    if job.state == "failed":
        message = Message(f"A {job.kind} failed", f"{what} failed: see why, and try again.", path)
    elif (job.result or {}).get("asks"):
        to |= approvers_of(portfolio)
        message = Message("A cycle asks for a person", f"{what} needs your decision.", path)
    _send_all(service, to, message)


def _send_all(service: Service, to: ColumnElement[bool], message: Message) -> None:
    chosen = select(PushSubscription, User).join(User, User.id == PushSubscription.user).where(to, ~User.disabled)
    with service.sessions() as session:
        for subscription, user in session.execute(chosen).all():
            SENDERS.submit(_logged, _send, service, subscription, user, message)


def _send(service: Service, subscription: PushSubscription, user: User, message: Message) -> None:
    """Send a message to one browser, or by e-mail. The log tells why it was not sent, without its address."""
    content = service.keys.unseal(subscription.sealed)
    if content == BY_EMAIL:
        return _note(_mailed(service, user.email, message), user=user.id)
    browser = Browser.model_validate_json(content)
    return _note(_pushed(service, subscription.id, browser, message), user=user.id)


def _note(fault: str, **about: str) -> None:
    if fault:
        LOG.warning("message not sent", extra={"fields": {**about, "why": fault}})


def _mailed(service: Service, to: str, message: Message) -> str:
    """Send a message by e-mail. Returns a sentence where it was not sent, else ""."""
    if service.settings.email is None:
        return "the server has no SMTP_HOST"
    try:
        keys = ALERT_KEYS.validate_python({"email": {**service.settings.email, "to": [to]}})
        text = f"{message.text}\n\n{service.settings.address}{message.path}"
        mail = alert_channels.AlertMessage(uuid4().hex, message.title, text, ())
        return alert_channels.deliver("email", mail, keys, Clock())
    except (FeedError, ValidationError) as error:
        return str(error)


def _pushed(service: Service, id: str, browser: Browser, message: Message) -> str:
    """Push a message to a browser; one that has ended is forgotten. Returns a sentence where it was not sent."""
    settings, content = service.settings, json.dumps(asdict(message)).encode()
    contact = settings.address if settings.address.startswith("https://") else "mailto:rebalance@localhost"
    try:
        status = post(browser, content, service.keys, contact, to_loopback=settings.pushes_to_loopback)
    except UNREACHED as error:
        return f"{browser.host} gives no answer: {error}"
    except (KeyError, ValueError):  # it reads nothing from this server any more
        status = HTTPStatus.GONE
    if status in SUBSCRIPTION_GONE:
        with service.sessions.begin() as session:
            session.execute(delete(PushSubscription).where(PushSubscription.id == id))
        return ""
    return "" if status < HTTPStatus.MULTIPLE_CHOICES else f"{browser.host} answers {status}"
