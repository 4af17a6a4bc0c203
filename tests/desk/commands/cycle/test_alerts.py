"""What is sent cycle by cycle, from the journal's memory: once, whatever fails, stops or starts again."""

import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import rebalance
from cycle_records import NOW, SOON, ran, with_order
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_server import MailServer, serving_mail
from provider_server import Time

from desk.commands.cycle.alert_channels import WEBHOOK_TOKEN
from desk.commands.cycle.alerts import alert_cycle, alert_resolved, alert_trouble, send_waiting
from desk.cycle.alerts import AlertKeys
from desk.cycle.briefing import Sending
from desk.journal import Journal
from desk.journal.journal import HEAD
from desk.journal.records import Alert
from foundation.home import HOME
from research.portfolio.file.document import read_document
from research.portfolio.file.settings import names_of, read

DAYS = [f"2022-08-{day:02d}" for day in range(1, 29)]
NIGHT = {"from": "22:00", "to": "07:00", "zone": "Europe/Zurich"}
NO_DATA = Alert("Steady", "no data", "urgent", "There are no data.", "rebalance data fetch")
RANGES, SHARPE = "[urgent] Steady: ranges", "[warning] Steady: Sharpe ratio"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path))
    monkeypatch.delenv(WEBHOOK_TOKEN, raising=False)
    return tmp_path


def settle(**given: Any) -> None:
    """Write the settings: a file, and what is given."""
    (Path(os.environ[HOME]) / "alerts.yaml").write_text(
        yaml.safe_dump({name: value for name, value in {"file": "out.jsonl", **given}.items() if value})
    )


def by_mail(served: MailServer) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": served.port, "from": "desk@example.org", "to": ["me@example.org"], "tls": "none",
    }  # fmt: skip


def written() -> list[tuple[str, str]]:
    """State and subject of each line of the file."""
    path = Path(os.environ[HOME]) / "out.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(row["state"], row["alert"]["what"]) for row in rows]


def test_without_settings_nothing_is_sent_and_nothing_kept(home: Path) -> None:
    assert alert_cycle(ran({"ranges": NOW})) == alert_trouble(NO_DATA) == []
    assert alert_resolved("Steady", "urgent") == []
    assert list(home.iterdir()) == []
    done = rebalance("desk", "watch", "test")
    assert done.status == 2
    assert f"there is no {home / 'alerts.yaml'}: no alert is sent. Write it, such as" in done.err


def test_an_alert_is_sent_once_while_it_is_on_and_resolved_once_and_may_come_back() -> None:
    settle()
    time = Time()
    on, off = {"ranges": NOW}, dict[str, tuple[str, bool]]()
    said = [
        alert_cycle(ran(levels, session=day), time.clock)
        for day, levels in zip(DAYS, [on, on, off, off, on], strict=False)
    ]
    assert said == [
        [f"file took {RANGES}."],
        [],
        ["file took [resolved] Steady: ranges."],
        [],
        [f"file took {RANGES}."],
    ]
    assert written() == [("raised", "ranges"), ("resolved", "ranges"), ("raised", "ranges")]
    with Journal(read_only=True) as journal:
        entries = list(journal.entries(kind="alert", portfolio="Steady"))
    assert [entry.record.alert.session for entry in entries] == [DAYS[0], DAYS[0], DAYS[4]]
    assert {(entry.record.channels, entry.record.owed) for entry in entries} == {(("file",), ())}
    assert "urgent, resolved, taken by file, owed to none: ranges: A is " in rebalance("desk", "journal").out


def test_orders_are_urgent_unless_the_cycle_sends_them_later() -> None:
    settle()
    made = with_order(ran({}, session=DAYS[0]))
    assert alert_cycle(replace(made, sending=Sending(later=DAYS[1]))) == [
        f"file took [information] Steady: orders for {DAYS[1]}."
    ]
    assert alert_cycle(made) == ["file took [urgent] Steady: orders to send."]


def test_each_list_that_awaits_approval_is_told_and_each_asset_that_leaves_its_range() -> None:
    """A list that awaits approval in three sessions is told once; the next one is told, and ends that of the first."""
    settle()
    for day, ticket, asset in zip(DAYS[:4], "aaab", "AABB", strict=True):
        alert_cycle(ran({f"ranges: {asset}": NOW}, "awaiting approval", day, ticket=8 * ticket), Time().clock)
    first, second = (f"awaiting approval: list {8 * letter}" for letter in "ab")
    assert written() == [
        ("raised", first), ("raised", "ranges: A"),
        ("raised", "ranges: B"), ("resolved", "ranges: A"),
        ("raised", second), ("resolved", first),
    ]  # fmt: skip


def test_a_warning_that_becomes_urgent_is_told_again_and_a_cycle_of_an_earlier_session_ends_nothing() -> None:
    settle()
    for session, level in ((DAYS[5], SOON), (DAYS[6], NOW), (DAYS[7], SOON)):
        alert_cycle(ran({"ranges": level}, session=session), Time().clock)
    assert written() == [("raised", "ranges")] * 2
    assert alert_cycle(ran({}, session=DAYS[2]), Time().clock) == []
    assert alert_cycle(ran({}, session=DAYS[8]), Time().clock) == ["file took [resolved] Steady: ranges."]


def test_portfolios_and_troubles_do_not_end_one_another() -> None:
    settle()
    time = Time()
    alert_cycle(ran({"ranges": NOW}), time.clock)
    alert_cycle(ran({"ranges": NOW}, name="Other"), time.clock)
    assert alert_trouble(NO_DATA, time.clock) == ["file took [urgent] Steady: no data."]
    assert alert_trouble(NO_DATA, time.clock) == []
    assert alert_resolved("Other", "urgent", clock=time.clock) == []
    assert alert_cycle(ran({}), time.clock) == ["file took [resolved] Steady: ranges."]
    assert alert_resolved("Steady", "urgent", clock=time.clock) == ["file took [resolved] Steady: no data."]
    assert alert_resolved("Steady", "urgent", clock=time.clock) == []


def test_an_execution_is_told_once_a_session_and_never_resolved() -> None:
    settle()
    for session in (DAYS[0], DAYS[0], DAYS[1]):
        alert_cycle(ran({}, "executed", session), Time().clock)
    alert_cycle(ran({}, session=DAYS[2]), Time().clock)
    assert written() == [("raised", f"executed at {day}") for day in DAYS[:2]]


def test_a_channel_that_fails_has_the_alert_later_and_the_others_not_twice() -> None:
    served = MailServer(faults={"MAIL": ["451 4.3.0 try later"] * 2})
    with serving_mail(served):
        settle(email=by_mail(served))
        first = alert_cycle(ran({"ranges": NOW, "Sharpe ratio": SOON}), Time().clock)
        assert first[0] == f"file took {RANGES}."
        assert first[1].startswith(f"email did not take {RANGES}: 127.0.0.1:")
        assert first[2:] == [f"file took {SHARPE}."]  # the server that failed is not asked again by the same call
        assert alert_cycle(ran({"ranges": NOW, "Sharpe ratio": SOON}), Time().clock) == [
            f"email took {RANGES}.", f"email took {SHARPE}.",
        ]  # fmt: skip
        assert alert_cycle(ran({"ranges": NOW, "Sharpe ratio": SOON}), Time().clock) == []
    assert written() == [("raised", "ranges"), ("raised", "Sharpe ratio")]
    assert [mail.parsed["Subject"] for mail in served.mails] == [RANGES, SHARPE]


def test_an_alert_that_no_channel_took_is_said_and_tried_again(home: Path) -> None:
    (home / "a file").touch()
    settle(file=str(home / "a file" / "out.jsonl"))
    for _ in range(2):
        (said,) = alert_trouble(NO_DATA, Time().clock)
        assert said.startswith("file did not take [urgent] Steady: no data: [Errno 17] File exists")
    settle()
    assert send_waiting(Time().clock) == ["file took [urgent] Steady: no data."]


def test_where_no_channel_took_an_alert_a_new_one_has_it_and_an_old_alert_is_not_sent_to_one_that_is_added() -> None:
    settle(file=None, webhook="http://127.0.0.1:1/")
    (said,) = alert_trouble(NO_DATA, Time().clock)
    assert said.startswith("webhook did not take [urgent] Steady: no data: the webhook cannot be reached")
    settle()
    assert send_waiting(Time().clock) == ["file took [urgent] Steady: no data."]
    with serving_mail(MailServer()) as served:
        settle(email=by_mail(served))
        assert alert_trouble(NO_DATA, Time().clock) == []


def test_of_two_at_once_one_tells(home: Path) -> None:
    settle()
    with ThreadPoolExecutor(2) as both:
        tried = [both.submit(alert_trouble, NO_DATA, Time().clock) for _ in range(2)]
    assert sorted(each.result() for each in tried) == [[], ["file took [urgent] Steady: no data."]]


def test_a_message_that_is_refused_does_not_keep_others_from_its_channel() -> None:
    served = MailServer(faults={"content": ["554 5.7.1 spam"]})
    with serving_mail(served):
        settle(email=by_mail(served))
        alert_cycle(ran({"ranges": NOW, "VaR 95 of 1 session": NOW, "Sharpe ratio": SOON}), Time().clock)
    assert SHARPE in [mail.parsed["Subject"] for mail in served.mails]


def test_what_is_resolved_answers_the_message_that_raised_it_be_it_a_digest() -> None:
    with serving_mail(MailServer()) as served:
        settle(email=by_mail(served))
        alert_cycle(ran({"ranges": NOW, "Sharpe ratio": SOON, "data": SOON}), Time().clock)
        alert_cycle(ran({"data": SOON, "Sharpe ratio": SOON}), Time().clock)
        alert_cycle(ran({"data": SOON}), Time().clock)
    urgent, digest, over, over_too = (mail.parsed for mail in served.mails)
    assert digest["Subject"] == "[digest] 2 alerts of Steady"
    assert over["In-Reply-To"] == urgent["Message-ID"]
    assert over_too["In-Reply-To"] == digest["Message-ID"]


def test_after_quiet_hours_and_an_hour_that_was_full_what_waited_comes_as_one_digest() -> None:
    settle(quiet_hours=NIGHT, max_an_hour=1)
    time = Time("2022-08-01T21:00:00")  # 23:00 in Zurich
    assert alert_cycle(ran({"ranges": NOW, "data": SOON}, session=DAYS[0]), time.clock) == [
        f"file took {RANGES}.", "1 alert waits for the next digest.",
    ]  # fmt: skip
    assert alert_cycle(ran({"data": SOON}, session=DAYS[1]), time.clock) == ["1 alert waits for the next digest."]
    time.move(8 * 3600)
    assert send_waiting(time.clock) == ["file took [digest] 2 alerts of Steady."]
    assert alert_cycle(ran({}, session=DAYS[2]), time.clock) == ["1 alert waits for the next digest."]
    time.move(3601)
    assert send_waiting(time.clock) == ["file took [resolved] Steady: data."]
    assert send_waiting(time.clock) == []


def test_a_journal_at_fault_is_told_although_nothing_can_be_remembered(home: Path) -> None:
    settle()
    alert_cycle(ran({"ranges": NOW}), Time().clock)
    (home / HEAD).write_text("")
    sent, said = alert_trouble(
        Alert("Steady", "the journal is altered", "urgent", "It is.", "rebalance desk journal --verify"), Time().clock
    )
    assert sent == "file took [urgent] Steady: the journal is altered."
    assert said.startswith("The alerts are not journalled, so that they are sent again: ")
    assert "rebalance desk journal --verify" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file: a\nmail: {}\n", "alerts.yaml, line 2): found 'mail'. Did you mean 'email'?"),
        ("digest: daily\n", "found {'digest': 'daily'}. Write file, webhook or email."),
        ("webhook: http://hooks.example.org/x\n", "line 1): found 'http://hooks.example.org/x'. Write one"),
        ("webhook: http://127.0.0.1@example.org/x\n", "Write one such as https://"),
        ('file: a\nquiet_hours: {from: "24:00", to: "07:00", zone: UTC}\n', "no hours of a day"),
        ('file: a\nquiet_hours: {from: "22:00", to: "07:00", zone: Zurich}\n', "no hours of a day"),
        ('file: a\nquiet_hours: {from: "07:00", to: "07:00", zone: UTC}\n', "no hours of a day"),
        ("email: {host: h h, from: a@b.c, to: [d@e.f]}\n", "email.host: not of its form"),
        ("email: {host: h, from: a@b.c, to: [d@e.f], user: é}\n", "Write it in ASCII."),
        ("email: {host: h, from: me, to: [m@e.org]}\n", "line 1): found 'me'. Write one such as me@example.org."),
        ("email: {host: h, from: a@b.c, to: []}\n", "email.to"),
        ("email: {host: h, from: a@b.c}\n", "email.to"),
        ("email: {host: h, from: a@b.c, to: [d@e.f], user: u, tls: none}\n", "a password without encryption"),
        ("file: a\nmax_an_hour: 0\n", "line 2): found 0. Give a number that is at least 1 and at most"),
    ],
)  # fmt: skip
def test_settings_at_fault_are_told_and_stop_no_cycle(home: Path, text: str, said: str) -> None:
    (home / "alerts.yaml").write_text(text)
    (told,) = alert_cycle(ran({"ranges": NOW}), Time().clock)
    assert told.startswith("No alert was sent: ")
    assert said in told
    assert rebalance("desk", "watch", "test").status == 2


def test_the_settings_of_the_guide_are_read_and_show_each_key(home: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "watch.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (home / "alerts.yaml").write_text(shown)
    document = read_document(home / "alerts.yaml")
    assert read(document, (), AlertKeys).channels == ("file", "webhook", "email")
    assert set(document.tree) == set(names_of(AlertKeys))


def test_a_test_goes_to_each_channel_whatever_the_hour_and_says_what_failed() -> None:
    served = MailServer(refused={"me@example.org": "550 5.1.1 no such user"})
    with serving_mail(served):
        settle(email=by_mail(served), quiet_hours={**NIGHT, "from": "07:00", "to": "06:59"}, digest="daily")
        failed = rebalance("desk", "watch", "test")
        served.refused = {}
        done = rebalance("desk", "watch", "test")
    assert failed.status == 1
    assert "file took [test] rebalance: test of alerts." in failed.out
    assert "me@example.org 550 5.1.1 no such user. Correct the addresses under to." in failed.out
    assert (done.status, done.out.splitlines()[-1]) == (0, "email took [test] rebalance: test of alerts.")
    assert [mail.parsed["Subject"] for mail in served.mails] == ["[test] rebalance: test of alerts"]
    assert written() == [("raised", "test of alerts")] * 2


LEVELS = st.dictionaries(st.sampled_from(["ranges", "data", "beta"]), st.sampled_from([NOW, SOON]))
CYCLES = st.lists(st.tuples(LEVELS, st.integers(0, 20)), min_size=1, max_size=8)


@settings(max_examples=15)
@given(cycles=CYCLES, limit=st.integers(1, 3), digest=st.sampled_from(["daily", "none"]))
def test_whatever_comes_no_notice_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory,
    cycles: list[tuple[Mapping[str, tuple[str, bool]], int]],
    limit: int,
    digest: str,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME, str(tmp_path_factory.mktemp("desk")))
        settle(quiet_hours=NIGHT, max_an_hour=limit, digest=digest)
        time, wanted = Time("2022-03-26T18:00:00"), dict[str, list[str]]()
        on = dict[str, tuple[str, bool]]()
        for k, (levels, hours) in enumerate([*cycles, ({}, 1)]):
            alert_cycle(ran(levels, session=DAYS[k]), time.clock)
            for what in {*levels, *on}:
                if what not in levels:
                    del on[what]
                    wanted[what].append("resolved")
                elif what not in on or (levels[what], on[what]) == (NOW, SOON):
                    on[what] = levels[what]
                    wanted.setdefault(what, []).append("raised")
            time.move(timedelta(hours=hours).total_seconds())
        time.move(timedelta(hours=48 - time.seconds / 3600 % 24 + 12).total_seconds())
        send_waiting(time.clock)
        found = dict[str, list[str]]()
        for state, what in written():
            found.setdefault(what, []).append(state)
        assert {what: sorted(states) for what, states in found.items()} == {
            what: sorted(states) for what, states in wanted.items()
        }
