"""What a cycle tells, when it is news, and when it goes: by hand, and by clocks that cross midnight and summer time."""

from datetime import UTC, datetime, timedelta

import pytest
from cycle_records import NOW, SOON, TICKET, ran, real_cycle, with_order
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from desk.cycle.alerts import AlertKeys, QuietHours, alerts_of, messages, raised, resolved
from desk.cycle.briefing import Sending, briefed
from desk.journal.records import RAISED, RESOLVED, Alert, Alerted

KEYS = TypeAdapter(AlertKeys)
NIGHT = {"from": "22:00", "to": "07:00", "zone": "Europe/Zurich"}


def keys(**given: object) -> AlertKeys:
    return KEYS.validate_python({"file": "alerts.jsonl"} | given)


def quiet(**given: str) -> QuietHours:
    found = keys(quiet_hours=NIGHT | given).quiet_hours
    assert found is not None
    return found


def alert(level: str, what: str = "ranges") -> Alert:
    return Alert("Steady", what, level, "A is outside.", "rebalance trades steady.yaml", "2022-08-04")


def notice(k: int, level: str = "warning", since: str = "2026-01-15T12:00:00Z", **given: str) -> Alerted:
    return Alerted(f"n{k}", given.get("state", RAISED), alert(level, f"w{k}"), since, given.get("follows", ""))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_cycle_tells_its_status_and_each_reading_beyond_a_level_with_what_to_do() -> None:
    document = real_cycle().document
    found = {each.what: each for each in alerts_of(document)}
    readings = [each for each in document["steps"][3]["output"]["readings"] if each["level"] != "normal"]
    beyond = {each["name"] + (f": {each['of']}" if each["of"] else "") for each in readings}
    assert set(found) == {"awaiting approval", *beyond}
    assert beyond >= {"ranges: A", "drift of an asset: A, B"}
    assert {each.session for each in found.values()} == {"2022-08-04"}
    asked, ranges = found["awaiting approval"], found["ranges: A"]
    assert (asked.portfolio, asked.level) == ("Steady", "urgent")
    assert asked.remedy == ". ".join(briefed(document).playbook)
    assert asked.sentence.startswith("awaiting approval: ")
    assert (ranges.level, ranges.remedy) == ("urgent", "rebalance trades steady.yaml")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("unreconciled", [("unreconciled: list 0123abcd0123abcd", "urgent")]),
        ("vetoed", [("vetoed: list 0123abcd0123abcd", "warning")]),
        ("executed", [("executed at 2022-08-05", "information")]),
        ("finalised", []),
    ],
)
def test_each_status_has_its_level(status: str, told: list[tuple[str, str]]) -> None:
    found = alerts_of(ran({}, status, "2022-08-05", ticket=TICKET).document)
    assert [(each.what, each.level) for each in found] == told


def test_a_journal_that_was_altered_is_urgent() -> None:
    document = ran({}, "vetoed", "2022-08-05").document
    document["steps"][-1]["output"]["controls"] = [
        {"name": "journal", "effect": "vetoes", "sentence": "the journal was altered: entry 3"}
    ]
    assert [(each.what, each.level) for each in alerts_of(document)] == [("vetoed", "urgent")]


def test_orders_that_nobody_sends_are_urgent_and_sent_ones_are_not() -> None:
    document = with_order(ran({}, "finalised", "2022-08-05", ticket=TICKET)).document
    assert [(each.what, each.level) for each in alerts_of(document)] == [
        ("orders to send: list 0123abcd0123abcd", "urgent")
    ]
    assert [each.what for each in alerts_of(document, "executed")] == ["executed at 2022-08-05"]
    assert [(each.what, each.level) for each in alerts_of(document, "not sent")] == [
        ("not sent: list 0123abcd0123abcd", "urgent")
    ]


@pytest.mark.parametrize(
    ("sending", "told", "remedy"),
    [
        (
            Sending(),
            ("orders to send: list 0123abcd0123abcd", "urgent"),
            "rebalance desk execute orders.json --exchange VENUE ",
        ),
        (
            Sending(venue="alpaca"),
            ("orders to send: list 0123abcd0123abcd", "urgent"),
            "orders.json --exchange alpaca --dry",
        ),
        (
            Sending(
                venue="alpaca", held="Nothing is sent: /home/PAUSE is there. To go on: rebalance desk watch resume"
            ),
            ("orders held back: list 0123abcd0123abcd", "warning"),
            "Nothing is sent: /home/PAUSE is there. To go on: rebalance desk watch resume",
        ),
        (
            Sending("my desk/one.yaml", "alpaca", later="2022-08-06"),
            ("orders for 2022-08-06", "information"),
            "The list goes in the session of 2022-08-06, when the same cycle runs again: "
            "rebalance desk run 'my desk/one.yaml'",
        ),
    ],
)
def test_a_person_is_told_to_send_only_what_the_cycle_does_not_send(
    sending: Sending, told: tuple[str, str], remedy: str
) -> None:
    (found,) = alerts_of(with_order(ran({}, "finalised", "2022-08-05", ticket=TICKET)).document, "", sending)
    assert (found.what, found.level) == told
    assert remedy in found.remedy
    assert ("rebalance desk execute" in found.remedy) is (found.level == "urgent")


def test_commands_name_the_path_that_was_given() -> None:
    made = with_order(ran({"ranges: B": NOW, "data": SOON}, "awaiting approval", ticket=TICKET))
    found = alerts_of(made.document, "", Sending("desk/steady.yaml"))
    assert [each.remedy for each in found[1:]] == [
        "rebalance trades desk/steady.yaml",
        "rebalance data check desk/steady.yaml",
    ]
    assert "rebalance desk run desk/steady.yaml --out" in found[0].remedy


def test_what_triggers_is_urgent_and_a_flag_is_a_warning() -> None:
    found = alerts_of(ran({"ranges: A": NOW, "Sharpe ratio": SOON, "data": SOON}).document)
    assert [(each.what, each.level, each.remedy) for each in found] == [
        ("ranges: A", "urgent", "rebalance trades steady.yaml"),
        ("Sharpe ratio", "warning", "rebalance risk steady.yaml"),
        ("data", "warning", "rebalance data check steady.yaml"),
    ]


def test_no_name_adds_a_line_to_a_message() -> None:
    found = Alert("A\r\nBcc: thief@example.org", "x\x85y\u2028z\x1b[31m", "urgent", "one\ntwo", "")
    assert found.portfolio == r"A\r Bcc: thief@example.org"
    assert found.what == r"x\x85y\u2028z\x1b[31m"
    assert found.sentence == "one two"
    assert all(len(text.splitlines()) <= 1 for text in vars(found).values())


def test_an_alert_is_news_once_and_again_where_its_level_rises_and_is_resolved_once() -> None:
    first = raised(alert("warning"), None)
    assert first is not None
    assert raised(alert("warning"), first) is None
    higher = raised(alert("urgent"), first)
    assert higher is not None
    assert higher.follows == first.notice
    assert raised(alert("warning"), higher) is None
    over = resolved(higher)
    assert over is not None
    assert (over.state, over.follows, resolved(over)) == (RESOLVED, higher.notice, None)
    again = raised(alert("warning"), over)
    assert again is not None
    assert len({each.notice for each in (first, higher, over, again)}) == 4
    assert raised(alert("warning"), None) == first  # the same id after a kill


def test_information_is_not_resolved() -> None:
    told = raised(alert("information", "executed at 2022-08-05"), None)
    assert told is not None
    assert resolved(told) is None


@pytest.mark.parametrize(
    ("given", "utc", "is_quiet"),
    [
        ({}, "2026-01-15T20:59:59", False),  # winter: UTC+1
        ({}, "2026-01-15T21:00:00", True),
        ({}, "2026-01-16T05:59:59", True),
        ({}, "2026-01-16T06:00:00", False),
        ({}, "2026-03-28T05:30:00", True),  # the day before clocks go forward: 06:30
        ({}, "2026-03-29T05:30:00", False),  # 07:30 in summer time
        ({}, "2026-03-29T00:59:59", True),  # 01:59:59, and a second later it is 03:00
        ({}, "2026-03-29T01:00:00", True),
        ({}, "2026-10-24T05:30:00", False),  # summer: 07:30
        ({}, "2026-10-25T05:30:00", True),  # 06:30 in winter time
        ({"from": "02:30", "to": "02:45"}, "2026-10-25T00:35:00", True),  # 02:35, which comes twice
        ({"from": "02:30", "to": "02:45"}, "2026-10-25T01:35:00", True),
        ({"from": "12:00", "to": "13:00"}, "2026-01-15T11:30:00", True),  # within a day
        ({"from": "12:00", "to": "13:00"}, "2026-01-15T12:00:00", False),
        ({"from": "12:00", "to": "13:00"}, "2026-01-15T23:30:00", False),
    ],
)
def test_quiet_hours_follow_the_clock_of_their_zone(given: dict[str, str], utc: str, is_quiet: bool) -> None:
    assert quiet(**given).has(moment(utc)) is is_quiet


def test_in_quiet_hours_urgent_alerts_go_and_others_come_as_one_digest() -> None:
    pending = [notice(1, since="2026-01-15T22:00:00Z"), notice(2, "urgent"), notice(3, "information")]
    terms = keys(quiet_hours=NIGHT)
    assert messages(pending, terms, moment("2026-01-15T22:30:00"), 0) == [(pending[1],)]
    assert messages(pending, terms, moment("2026-01-16T06:00:00"), 0) == [(pending[1],), (pending[0], pending[2])]


def test_beyond_so_many_an_hour_others_wait_and_urgent_ones_do_not() -> None:
    pending = [notice(1), notice(2, "urgent"), notice(3)]
    now, terms = moment("2026-01-15T12:00:00"), keys(max_an_hour=2)
    assert messages(pending, terms, now, 0) == [(pending[1],), (pending[0], pending[2])]
    assert messages(pending, terms, now, 1) == [(pending[1],)]
    assert messages(pending, terms, now, 50) == [(pending[1],)]


def test_a_daily_digest_comes_once_the_day_is_over_which_ends_with_quiet_hours() -> None:
    terms = keys(digest="daily", quiet_hours=NIGHT)
    at_noon, at_night = notice(1, since="2026-01-15T12:00:00Z"), notice(2, since="2026-01-16T03:00:00Z")
    assert messages([at_noon], terms, moment("2026-01-15T20:00:00"), 0) == []
    assert messages([at_noon, at_night], terms, moment("2026-01-16T05:59:00"), 0) == []
    assert messages([at_noon, at_night], terms, moment("2026-01-16T06:00:00"), 0) == [(at_noon, at_night)]
    assert messages([at_night], terms, moment("2026-01-16T06:00:00"), 0) == [(at_night,)]
    assert messages([notice(1)], keys(digest="daily"), moment("2026-01-15T23:59:00"), 0) == []
    assert messages([notice(1)], keys(digest="daily"), moment("2026-01-16T00:00:00"), 0) == [(notice(1),)]


def test_what_was_urgent_and_is_over_wakes_nobody() -> None:
    was, over = notice(1, "urgent"), notice(2, "urgent", state=RESOLVED, follows="n1")
    terms = keys(quiet_hours=NIGHT)
    assert messages([was, over], terms, moment("2026-01-15T22:30:00"), 0) == []
    assert messages([was, over], terms, moment("2026-01-16T06:30:00"), 0) == [(was, over)]


@given(
    st.lists(st.tuples(st.sampled_from(["urgent", "warning", "information"]), st.booleans()), max_size=6),
    st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 30)),
    st.integers(0, 12),
    st.sampled_from(["daily", "none"]),
)
def test_each_notice_goes_once_or_waits_and_an_urgent_one_never_waits(
    drawn: list[tuple[str, bool]], at: datetime, sent: int, digest: str
) -> None:
    now = at.replace(tzinfo=UTC)
    since = f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    pending = [notice(k, level, since, state=RESOLVED if over else RAISED) for k, (level, over) in enumerate(drawn)]
    terms = keys(quiet_hours=NIGHT, digest=digest)
    going = messages(pending, terms, now, sent)
    together = [each for group in going for each in group]
    assert len(set(together)) == len(together)
    assert {each for each in pending if (each.state, each.alert.level) == (RAISED, "urgent")} <= set(together)
    digests = [group for group in going if (group[0].state, group[0].alert.level) != (RAISED, "urgent")]
    assert len(digests) <= 1
    if digests:
        assert not quiet().has(now)
        assert sent + len(going) <= terms.max_an_hour
