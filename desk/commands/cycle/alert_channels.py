"""The channels of alerts: a file, a webhook and e-mail. Each is tried twice where it may take a message later.

Passwords and tokens come from the environment or the system's keyring, and no sentence shows them.
"""

import json
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from desk.cycle.alerts import ID_LETTERS, AlertKeys, EmailKeys
from desk.exchange.connection import OPEN_OUTCOMES
from desk.feeds.adapter import FaultKind, FeedError, Reply
from desk.feeds.answers import retry_after
from desk.feeds.fetching import masked, read_key
from desk.feeds.pace import Clock
from desk.feeds.transport import Fault, Http, named_certificates
from desk.journal.records import RAISED, Alerted
from foundation.arguments import cut
from foundation.canonical import content_hash
from foundation.home import home_folder
from foundation.paper.wording import listed

WEBHOOK_TOKEN, PASSWORD = "REBALANCE_WEBHOOK_TOKEN", "REBALANCE_SMTP_PASSWORD"  # environment variables
TIMEOUT = 20.0  # seconds for each answer of a mail server
WAIT, LONGEST_WAIT = 1.0, 10.0  # seconds before the second try: at least, and at most where a server asks for more
MOST_LETTERS = {"text": 4_096, "content": 2_000}  # of a message: Telegram and Slack read the first, Discord the second
FIXES: Mapping[type[Exception], str] = {
    smtplib.SMTPAuthenticationError: f"Correct user, or the password in {PASSWORD}.",
    smtplib.SMTPRecipientsRefused: "Correct the addresses under to.",
    smtplib.SMTPSenderRefused: "Correct the address under from.",
    smtplib.SMTPNotSupportedError: "Write tls: implicit and its port, often 465; without passwords, leave user out.",
    ssl.SSLCertVerificationError: "Nothing was sent. If the certificate is your own, name its file in SSL_CERT_FILE.",
    ssl.SSLError: "The port may be one for another tls: starttls is often 587, and implicit 465.",
}


class AlertMessage(NamedTuple):
    """A message of one notice, or a digest of several."""

    id: str
    title: str
    text: str
    notices: Sequence[Alerted]


def message_of(notices: Sequence[Alerted]) -> AlertMessage:
    """The message of these notices, at least one: the same notices make the same id."""
    ids, words = [each.notice for each in notices], [_words(each) for each in notices]
    if len(notices) == 1:
        return AlertMessage(ids[0], *words[0], notices)
    title = f"[digest] {len(ids)} alerts of {listed(list(dict.fromkeys(each.alert.portfolio for each in notices)))}"
    return AlertMessage(content_hash(ids)[:ID_LETTERS], title, "\n\n".join(map("\n".join, words)), notices)


def _words(notice: Alerted) -> tuple[str, str]:
    """The title and the text of a notice."""
    alert, is_on = notice.alert, notice.state == RAISED
    title = f"[{alert.level if is_on else notice.state}] {alert.portfolio}: {alert.what}"
    fact = f"{alert.sentence}\nWhat to do: {alert.remedy}" if is_on else f"Does not hold any more: {alert.sentence}"
    session = f"session {alert.session}, " if alert.session else ""
    return title, f"{fact}\n{notice.state}: {session}{notice.since[:16].replace('T', ' ')} UTC"


def deliver(channel: str, message: AlertMessage, keys: AlertKeys, clock: Clock) -> str:
    """Send a message to a channel, twice where the second try may succeed.

    Returns : remark in a sentence, such as on a recipient who was refused; "" for none.
    Raises  : FeedError where the channel did not take it: of kind "asset" where it may take others; OSError of a file;
              ConfigError for a file of certificates that is none.
    """
    send = {"file": _to_file, "webhook": _to_webhook, "email": _to_email}[channel]
    try:
        return send(message, keys, clock)
    except FeedError as error:
        if error.kind != "later" or (error.wait or 0.0) > LONGEST_WAIT:
            raise
        clock.sleep(max(error.wait or 0.0, WAIT))
        return send(message, keys, clock)


def _row(notice: Alerted) -> dict[str, object]:
    return {name: value for name, value in asdict(notice).items() if name not in ("channels", "owed", "message")}


def _to_file(message: AlertMessage, keys: AlertKeys, clock: Clock) -> str:
    """Append a JSON line a notice."""
    path = home_folder() / (keys.file or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write("".join(f"{json.dumps(_row(each), ensure_ascii=False)}\n" for each in message.notices))
    return ""


def _to_webhook(message: AlertMessage, keys: AlertKeys, clock: Clock) -> str:
    """Post JSON. The token takes the place of `{token}` in the address; without one there, it is a bearer token."""
    address, token = keys.webhook or "", read_key("the webhook", WEBHOOK_TOKEN, "its service", optional=True)
    is_bearer = bool(token) and "{token}" not in address
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if is_bearer else {})
    text = f"{message.title}\n{message.text}"
    words = {name: text if len(text) <= most else f"{text[: most - 1]}…" for name, most in MOST_LETTERS.items()}
    body = {"id": message.id, **words, "notices": [_row(each) for each in message.notices]}
    with closing(Http()) as transport:
        reply = transport.send("POST", address.replace("{token}", token), headers, json.dumps(body).encode())
    _check_answer("the webhook", reply, token, clock)
    return ""


def ping(address: str, clock: Clock) -> None:
    """Ask for an address, whose service tells where that stops. Raises FeedError where it does not answer with 2xx."""
    with closing(Http()) as transport:
        reply = transport.send("GET", address, {})
    _check_answer("the heartbeat", reply, "", clock)


def _check_answer(what: str, reply: Reply | Fault, token: str, clock: Clock) -> None:
    """Raise FeedError for an answer that is not 2xx, without the token."""
    if isinstance(reply, Fault):
        raise FeedError(f"{what} {reply.sentence}", reply.kind)
    if not 200 <= reply.status < 300:
        later = reply.status in OPEN_OUTCOMES or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        said = cut(masked(reply.content.decode(errors="replace"), token))
        secret = f", or the token in {WEBHOOK_TOKEN}" if token else ""
        fix = "It is tried again later." if later else f"Correct its address{secret}."
        wait = retry_after(reply, clock.moment())
        raise FeedError(f"{what} answers {reply.status}, {said!r}. {fix}", "later" if later else "source", wait)


def _to_email(message: AlertMessage, keys: AlertKeys, clock: Clock) -> str:
    """Send it over SMTP; a remark names the recipients who were refused where others were not."""
    assert keys.email is not None
    server, context = keys.email, ssl.create_default_context(cafile=named_certificates() or None)
    password = read_key("e-mail", PASSWORD, "your mail server") if server.user else ""
    connect = partial(smtplib.SMTP_SSL, context=context) if server.tls == "implicit" else smtplib.SMTP
    try:
        with closing(connect(server.host, server.port, timeout=TIMEOUT)) as connection:
            if server.tls == "starttls":
                connection.starttls(context=context)
            if server.user:
                connection.login(server.user, password)
            refused = connection.send_message(as_email(message, server, clock.now()))
            with suppress(smtplib.SMTPException, OSError):  # it has the message
                connection.quit()
    except (smtplib.SMTPException, OSError) as error:
        raise _fault(error, server, password) from None
    return f"refused: {_answers(refused, password)}." if refused else ""


def as_email(message: AlertMessage, server: EmailKeys, now: datetime) -> EmailMessage:
    """The message as an e-mail. Its id is that of its notice, and it names those that it answers, for threads."""
    mail, domain = EmailMessage(policy=SMTP), server.sender.rpartition("@")[2]
    mail["Subject"], mail["From"], mail["To"] = message.title, server.sender, ", ".join(server.recipients)
    mail["Date"], mail["Message-ID"] = format_datetime(now), f"<{message.id}@{domain}>"
    if answered := " ".join(dict.fromkeys(f"<{each.answers}@{domain}>" for each in message.notices if each.answers)):
        mail["In-Reply-To"] = mail["References"] = answered
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence is answered
    mail.set_content(message.text, cte="quoted-printable")  # which each server takes
    return mail


def _fault(error: smtplib.SMTPException | OSError, server: EmailKeys, password: str) -> FeedError:
    """The failure of a mail server, with its answer and a fix. Answers of 400 to 499 may pass (RFC 5321, 4.2.1)."""
    answer = (getattr(error, "smtp_code", 0), getattr(error, "smtp_error", str(error)))
    answers = getattr(error, "recipients", {"": answer})
    code, fix = min(code for code, _ in answers.values()), next((FIXES[k] for k in FIXES if isinstance(error, k)), "")
    kind: FaultKind = "asset" if isinstance(error, smtplib.SMTPDataError) else "source"
    if 400 <= code < 500 or not (code or fix):
        kind, fix = "later", "It is tried again later; if this goes on, correct host and port."
    place = f"{server.host}:{server.port}"
    return FeedError(f"{place}: {_answers(answers, password)}. {fix or 'Ask whoever runs the server why.'}", kind)


def _answers(answers: Mapping[str, tuple[int, bytes | str]], password: str) -> str:
    """Answers of a mail server in words, by recipient."""
    words = []
    for to, (code, answer) in answers.items():
        text = answer if isinstance(answer, str) else answer.decode(errors="replace")
        words.append(f"{to} {code or ''} {cut(masked(text, password)).rstrip('.')}".strip())
    return listed(words)
