"""Each channel against a server of this machine: what it is sent, and what is said where it does not take it."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hooked import Hook, serving_hook
from mail_server import CLOSE, MailServer, serving_mail
from provider_server import Time, own_certificate
from pydantic import TypeAdapter

from desk.commands.cycle.alert_channels import PASSWORD, WEBHOOK_TOKEN, deliver, message_of
from desk.cycle.alerts import AlertKeys
from desk.feeds import transport
from desk.feeds.adapter import FeedError
from desk.journal.records import RAISED, RESOLVED, Alert, Alerted

KEYS = TypeAdapter(AlertKeys)
SINCE = "2022-12-30T05:59:00.000000Z"
DRIFT = Alert("Größe", "drift of an asset", "urgent", "A is 6 points over target.", ".\n", "2022-12-29")
RAISE = Alerted("a1", RAISED, DRIFT, SINCE)
OVER = Alerted("b2", RESOLVED, DRIFT, SINCE, follows="a1", answers="a1")
OTHER = Alerted("c3", RAISED, Alert("Other", "no data", "warning", "no data.", "rebalance data fetch"), SINCE)
LATER = "It is tried again later; if this goes on, correct host and port."


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving_hook() as served:
        yield served


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_certificate(tmp_path_factory.mktemp("tls") / "own.pem")


def posted(served: Hook, *notices: Alerted, path: str = "/hook") -> float:
    """Post to a webhook; gives the seconds that were waited."""
    time = Time()
    before = time.seconds
    deliver(
        "webhook", message_of(notices or (RAISE,)), KEYS.validate_python({"webhook": served.address + path}), time.clock
    )
    return time.seconds - before


def mailed(served: MailServer, *notices: Alerted, **given: Any) -> str:
    """Mail to a server; gives the remark."""
    email = {"host": "127.0.0.1", "port": served.port, "from": "desk@example.org", "to": ["me@example.org"]}
    keys = KEYS.validate_python({"email": {**email, "tls": "none", **given}})
    return deliver("email", message_of(notices or (RAISE,)), keys, Time().clock)


# -- webhook -----------------------------------------------------------------------------------------------------------


def test_a_webhook_is_posted_json_with_a_text_and_its_notices(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK_TOKEN, "secret-1")
    assert posted(hook, RAISE, OTHER, path="/services/{token}") == 0.0
    ((path, headers, content),) = hook.asked
    assert (path, headers["Content-Type"]) == ("/services/secret-1", "application/json")
    assert "Authorization" not in headers
    assert set(content) == {"id", "text", "content", "notices"}
    assert content["text"].splitlines()[:3] == [
        "[digest] 2 alerts of Größe and Other", "[urgent] Größe: drift of an asset", "A is 6 points over target.",
    ]  # fmt: skip
    first = content["notices"][0]
    assert (first["notice"], first["state"], first["alert"]["session"]) == ("a1", "raised", "2022-12-29")


def discord(path: str, headers: dict[str, str], content: Any) -> tuple[int, str]:
    """The rules of Discord's webhooks: a content of at most 2,000 characters, and no other way to sign in."""
    if "Authorization" in headers or path != "/api/webhooks/1/secret-1":
        return 401, '{"message": "401: Unauthorized", "code": 0}'
    if not content.get("content"):
        return 400, '{"message": "Cannot send an empty message", "code": 50006}'
    if len(content["content"]) > 2_000:
        return 400, '{"content": ["Must be 2000 or fewer in length."]}'
    return 204, ""


def telegram(path: str, headers: dict[str, str], content: Any) -> tuple[int, str]:
    """The rules of Telegram's sendMessage: parameters of the address and of the JSON are one set."""
    url = urlsplit(path)
    given = {**content, **{name: value[0] for name, value in parse_qs(url.query).items()}}
    if url.path != "/botsecret-1/sendMessage":
        return 404, '{"ok": false, "error_code": 404, "description": "Not Found"}'
    if not given.get("chat_id"):
        return 400, '{"ok": false, "error_code": 400, "description": "Bad Request: chat_id is empty"}'
    if not 1 <= len(given.get("text", "")) <= 4_096:
        return 400, '{"ok": false, "error_code": 400, "description": "Bad Request: message is too long"}'
    return 200, '{"ok": true, "result": {}}'


@pytest.mark.parametrize(
    ("rule", "path"), [(discord, "/api/webhooks/1/{token}"), (telegram, "/bot{token}/sendMessage?chat_id=-1001")]
)
@pytest.mark.parametrize("count", [1, 200])
def test_discord_and_telegram_take_a_message_of_any_length(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, rule: Any, path: str, count: int
) -> None:
    monkeypatch.setenv(WEBHOOK_TOKEN, "secret-1")
    hook.rule = rule
    posted(hook, *[RAISE, OTHER] * count, path=path)
    ((_, _, content),) = hook.asked
    assert content["text"].startswith(content["content"].removesuffix("…"))
    assert len(content["notices"]) == 2 * count


def test_without_a_token_none_is_sent(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WEBHOOK_TOKEN, raising=False)
    posted(hook)
    assert "Authorization" not in hook.asked[0][1]


def test_a_token_that_is_not_in_the_address_is_a_bearer_token(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK_TOKEN, "secret-1")
    posted(hook)
    assert hook.asked[0][1]["Authorization"] == "Bearer secret-1"


@pytest.mark.parametrize(
    ("answer", "waited"),
    [((429, {"Retry-After": "7"}, ""), 7.0), ((500, {}, "<html>"), 1.0), ((503, {"Retry-After": "0"}, ""), 1.0)],
)
def test_a_webhook_that_asks_to_wait_is_asked_once_more(
    hook: Hook, answer: tuple[int, dict[str, str], str], waited: float
) -> None:
    hook.answers = [answer]
    assert posted(hook) == waited
    assert [content["id"] for _, _, content in hook.asked] == ["a1", "a1"]


@pytest.mark.parametrize(
    ("answers", "said", "kind", "count"),
    [
        ([(500, {}, "")] * 2, "the webhook answers 500, ''. It is tried again later.", "later", 2),
        ([(429, {"Retry-After": "3600"}, "slow")], "answers 429, 'slow'. It is tried again later.", "later", 1),
        ([(404, {}, "no secret-1")], r"answers 404, 'no \*\*\*'. Correct its address, or the token", "source", 1),
        ([(302, {"Location": "http://127.0.0.1/"}, "")], "answers 302, ''. Correct its address", "source", 1),
        ([(0, {}, "")] * 2, r"the webhook gave no whole answer in time. Try again later.", "later", 2),
    ],
)  # fmt: skip
def test_a_webhook_at_fault_is_told_without_its_token(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, answers: list[Any], said: str, kind: str, count: int
) -> None:
    monkeypatch.setenv(WEBHOOK_TOKEN, "secret-1")
    monkeypatch.setattr(transport, "CONNECT", 0.5)
    monkeypatch.setattr(transport, "ANSWER", 0.3 if answers[0][0] == 0 else 5.0)
    hook.answers = answers
    with pytest.raises(FeedError, match=said) as told:
        posted(hook)
    assert told.value.kind == kind
    assert len(hook.asked) == count


def test_a_webhook_whose_certificate_is_not_trusted_is_sent_nothing(certificate: Path) -> None:
    with serving_hook(certificate) as served, pytest.raises(FeedError, match="certificate that is not valid"):
        posted(served)
    assert served.asked == []


# -- e-mail ------------------------------------------------------------------------------------------------------------


def test_an_email_states_what_is_so_and_what_to_do_in_utf_8() -> None:
    with serving_mail(MailServer()) as served:
        assert mailed(served, to=["me@example.org", "you@example.org"]) == ""
    (mail,) = served.mails
    assert (mail.sender, mail.recipients) == ("desk@example.org", ("me@example.org", "you@example.org"))
    assert mail.content.isascii()
    assert mail.parsed["Subject"] == "[urgent] Größe: drift of an asset"
    assert mail.parsed["To"] == "me@example.org, you@example.org"
    assert (mail.parsed["Message-ID"], mail.parsed["In-Reply-To"]) == ("<a1@example.org>", None)
    assert parsedate_to_datetime(mail.parsed["Date"]).isoformat() == "2022-12-30T06:00:00+00:00"
    assert mail.parsed["Auto-Submitted"] == "auto-generated"
    assert mail.parsed.get_content().splitlines() == [
        "A is 6 points over target.", "What to do: .", "raised: session 2022-12-29, 2022-12-30 05:59 UTC",
    ]  # fmt: skip
    assert served.verbs[-1] == "QUIT"


def test_what_is_resolved_answers_what_was_raised() -> None:
    with serving_mail(MailServer()) as served:
        mailed(served, OVER)
        mailed(served, OVER, OTHER)
    one, digest = (mail.parsed for mail in served.mails)
    assert one["Subject"] == "[resolved] Größe: drift of an asset"
    assert (one["Message-ID"], one["In-Reply-To"], one["References"]) == (
        "<b2@example.org>", "<a1@example.org>", "<a1@example.org>",
    )  # fmt: skip
    assert one.get_content().startswith("Does not hold any more: A is 6 points over target.")
    assert digest["In-Reply-To"] == "<a1@example.org>"
    assert digest["Message-ID"] not in (one["Message-ID"], "<c3@example.org>")
    assert digest["Subject"] == "[digest] 2 alerts of Größe and Other"


def test_a_line_of_one_dot_does_not_end_a_message() -> None:
    text = message_of((RAISE,))._replace(text="first\n.\nlast")
    with serving_mail(MailServer()) as served:
        email = {"host": "127.0.0.1", "port": served.port, "from": "a@b.c", "to": ["d@e.f"], "tls": "none"}
        deliver("email", text, KEYS.validate_python({"email": email}), Time().clock)
    assert served.mails[0].parsed.get_content().splitlines() == ["first", ".", "last"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_password_goes_over_tls_alone(tls: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "right")
    monkeypatch.setenv(transport.CERTIFICATES, str(certificate))
    with serving_mail(MailServer(implicit=tls == "implicit"), certificate) as served:
        mailed(served, tls=tls, user="desk")
    secured = ["EHLO", "STARTTLS"] if tls == "starttls" else []
    assert served.verbs == [*secured, "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    assert len(served.mails) == 1


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"offered": ()}, "STARTTLS extension not supported by server. Write tls: implicit and its port, often 465"),
        ({"faults": {"STARTTLS": ["554 5.7.0 no TLS today"]}}, "127.0.0.1:[0-9]+: 554 5.7.0 no TLS today"),
        ({"offered": ("STARTTLS",)}, "SMTP AUTH extension not supported by server. Write tls: implicit"),
        ({"password": "another"}, r"535 5.7.8 \*\*\* is not the password. Correct user, or the password in"),
    ],
)  # fmt: skip
def test_a_server_that_lacks_what_is_asked_is_sent_no_message(
    server: dict[str, Any], said: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "right")
    monkeypatch.setenv(transport.CERTIFICATES, str(certificate))
    with serving_mail(MailServer(**server), certificate) as served, pytest.raises(FeedError, match=said) as told:
        mailed(served, tls="starttls", user="desk")
    assert (told.value.kind, served.mails) == ("source", [])
    assert "right" not in str(told.value)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_mail_server_whose_certificate_is_not_trusted_gets_no_password(
    tls: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "right")
    with (
        serving_mail(MailServer(implicit=tls == "implicit"), certificate) as served,
        pytest.raises(FeedError, match=r"certificate verify failed.* Nothing was sent. If the certificate is your own"),
    ):
        mailed(served, tls=tls, user="desk")
    assert not {"AUTH", "MAIL"} & set(served.verbs)


def test_a_missing_password_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    with serving_mail(MailServer()) as served, pytest.raises(FeedError, match=f"variable {PASSWORD} has none"):
        mailed(served, tls="starttls", user="desk")
    assert served.verbs == []


@pytest.mark.parametrize(
    "faults",
    [
        {"MAIL": ["451 4.3.0 try later"]},
        {"RCPT": ["450 4.2.0 greylisted"]},
        {"DATA": ["452 4.3.1 no space"]},
        {"content": ["451 4.7.1 wait"]},
        {"hello": ["421 4.3.2 busy"]},
        {"hello": [CLOSE]},
        {"content": [CLOSE]},
    ],
)
def test_what_may_pass_is_tried_twice(faults: dict[str, list[str]]) -> None:
    with serving_mail(MailServer(faults={verb: list(answers) for verb, answers in faults.items()})) as served:
        mailed(served)
    assert len(served.mails) == 1
    twice = {verb: answers * 2 for verb, answers in faults.items()}
    with serving_mail(MailServer(faults=twice)) as served, pytest.raises(FeedError, match=LATER) as told:
        mailed(served)
    assert (told.value.kind, served.mails) == ("later", [])


NO_USER = "550 5.1.1 no such user"


@pytest.mark.parametrize(
    ("server", "said", "kind"),
    [
        ({"refused": {"me@example.org": NO_USER}}, f"me@example.org {NO_USER}. Correct the addresses", "source"),
        ({"faults": {"MAIL": ["553 5.7.1 not you"]}}, "553 5.7.1 not you. Correct the address under from.", "source"),
        ({"faults": {"content": ["554 5.7.1 spam"]}}, "554 5.7.1 spam. Ask whoever runs the server why.", "asset"),
    ],
)
def test_what_is_refused_for_good_is_tried_once_and_told(server: dict[str, Any], said: str, kind: str) -> None:
    with serving_mail(MailServer(**server)) as served, pytest.raises(FeedError, match=said) as told:
        mailed(served)
    assert (told.value.kind, served.mails, served.verbs.count("MAIL")) == (kind, [], 1)


def test_a_refused_recipient_among_others_is_told_and_the_others_have_the_message() -> None:
    with serving_mail(MailServer(refused={"gone@example.org": NO_USER})) as served:
        remark = mailed(served, to=["me@example.org", "gone@example.org"])
    assert remark == f"refused: gone@example.org {NO_USER}."
    assert served.mails[0].recipients == ("me@example.org",)


def test_a_server_that_fails_after_it_took_a_message_has_it() -> None:
    with serving_mail(MailServer(faults={"QUIT": ["421 4.4.2 gone"]})) as served:
        assert mailed(served) == ""
    assert len(served.mails) == 1


def test_nobody_at_the_port_is_told_with_a_fix() -> None:
    with serving_mail(MailServer()) as served:
        pass
    with pytest.raises(FeedError, match=rf"Connection refused. {LATER}"):
        mailed(served)
