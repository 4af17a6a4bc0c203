"""Watchers on simulated time: each session once, at or after its close, whatever fails, jumps or is killed."""

import json
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import yaml
from commanded import ROOT, rebalance
from journals import IN_MEMORY
from killed_watchers import killed
from news_server import rss, wire
from order_events import executed, listed, made
from provider_server import Time
from watched import SETTINGS, steady, uneven, with_book

from desk.commands.cycle import watch
from desk.commands.cycle.alerts import alert_cycle, alert_resolved, alert_trouble, send_waiting
from desk.commands.cycle.cycle import Ran, make_cycle
from desk.commands.cycle.kept_path import CYCLES, kept_path
from desk.commands.cycle.watch import Alerts, Watcher
from desk.commands.orders.book import open_from, resolve
from desk.commands.orders.fills import fill_from
from desk.cycle.cycle import checked_record
from desk.exchange.stops import pause_file, stop_file
from desk.feeds import pace
from desk.journal import Journal, verify
from desk.journal.records import CycleRun, Filled, OrderSent
from foundation.errors import ConfigError
from foundation.files import locked
from foundation.home import home_folder
from research.portfolio.file.document import Document, read_document
from research.portfolio.holdings.book_file import read_book

LAST = "2022-08-04"  # of the prices of `steady`
WEEK = ["2022-07-01", "2022-07-05", "2022-07-06", "2022-07-07", "2022-07-08"]  # the fourth was a holiday


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(watch, "NAP", timedelta(minutes=20))  # days pass in fewer looks at the clock
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "alerts.yaml").write_text("file: alerts.jsonl\n")
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A portfolio whose drift triggers nothing in the weeks of the tests."""
    lines = {"A": SETTINGS["lines"]["A"] | {"shares": 51}, "B": SETTINGS["lines"]["B"] | {"shares": 100}}
    return steady(tmp_path, {"lines": lines})


def journalled(name: str = "Steady") -> list[str]:
    with Journal() as journal:
        return [entry.record.session for entry in journal.entries(kind=CycleRun.kind, portfolio=name)]


def told(file: Path) -> list[tuple[str, str, str]]:
    """Moment, state and subject of each alert that the watcher of a file sent."""
    path = home_folder() / "alerts.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    mine = [row for row in rows if row["alert"]["portfolio"] == str(file)]
    return [(row["since"][5:16].replace("T", " "), row["state"], row["alert"]["what"]) for row in mine]


class Desk:
    """A watcher on simulated time that ends at a moment, with real alerts, and the cycles that it told."""

    def __init__(self, *files: Path, start: str, end: str = "9999-01-01T00:00:00") -> None:
        self.time, self.end = Time(start), datetime.fromisoformat(f"{end}+00:00")
        self.ran = list[tuple[str, str]]()
        self.on_sleep: Callable[[float], float] = lambda seconds: seconds  # gives what passes
        clock = replace(self.time.clock, sleep=lambda seconds: self.time.move(self.on_sleep(seconds)))
        others = (partial(each, clock=clock) for each in (alert_trouble, alert_resolved, send_waiting))
        self.watcher = Watcher(files, clock, Alerts(self.hear, *others), lambda: clock.now() >= self.end)

    @property
    def now(self) -> str:
        return f"{self.time.clock.now():%m-%d %H:%M}"

    def hear(self, ran: Ran) -> list[str]:
        self.ran.append((self.now, f"{ran.cycle.portfolio.date:%m-%d}"))
        return alert_cycle(ran, self.time.clock)


def test_each_session_has_its_cycle_half_an_hour_after_its_close(file: Path) -> None:
    """That of the first start is the last session that is over; New York closes at 20:00 UTC in summer."""
    desk = Desk(file, start="2022-07-05T12:00:00", end="2022-07-08T20:31:00")
    assert desk.watcher.run() == 0
    expected = ["07-05 12:00", "07-05 20:30", "07-06 20:30", "07-07 20:30", "07-08 20:30"]
    assert desk.ran == list(zip(expected, ["07-01", "07-05", "07-06", "07-07", "07-08"], strict=True))
    assert journalled() == WEEK
    assert not told(file)


def test_missed_sessions_are_caught_up_with_the_prices_of_their_day(file: Path) -> None:
    make_cycle(file, WEEK[0])
    assert Watcher([file], Time("2022-07-09T00:00:00").clock).run(once=True) == 0
    assert journalled() == WEEK
    for session in WEEK:
        (kept,) = (home_folder() / CYCLES / "Steady").glob(f"{session}-*.json")
        assert json.loads(kept.read_bytes())["steps"][0]["output"]["day"] == session


def test_a_restart_and_a_clock_that_is_set_back_repeat_nothing_and_lose_nothing(file: Path) -> None:
    Watcher([file], Time("2022-07-06T00:00:00").clock).run(once=True)
    desk = Desk(file, start="2022-07-07T00:00:00", end="2022-07-18T00:00:00")
    jumps = iter([-40 * 24 * 3600.0, 50 * 24 * 3600.0, -9 * 24 * 3600.0])  # back, a month ahead, and right again
    desk.on_sleep = lambda seconds: seconds + next(jumps, 0.0)
    assert desk.watcher.run() == 0
    assert journalled() == sorted(set(journalled()))
    assert journalled()[:5] == [*WEEK[1:], "2022-07-11"]


def test_prices_that_are_late_are_told_after_hours_alone(file: Path) -> None:
    prices = file.with_name("prices.csv")
    head, *rows = prices.read_text().splitlines()
    desk = Desk(file, start="2022-07-05T12:00:00", end="2022-07-21T04:00:00")

    def publish(seconds: float) -> float:
        """Write the closes of all sessions that ended, at 20:00, two hours before; none after the 19th."""
        known = min(f"{desk.time.clock.now() - timedelta(hours=22):%Y-%m-%d}", "2022-07-19")
        prices.write_text("\n".join([head, *(row for row in rows if row[:10] <= known)]) + "\n")
        return seconds

    publish(0.0)
    desk.on_sleep = publish
    desk.watcher.run()
    assert journalled() == [row[:10] for row in rows if WEEK[0] <= row[:10] <= "2022-07-19"]
    assert told(file) == [("07-21 00:45", "raised", "no prices of 2022-07-20 yet")]  # at the hourly try after four


def test_prices_that_never_came_are_told_once_and_counted(file: Path) -> None:
    prices = file.with_name("prices.csv")
    rows = prices.read_text().splitlines()
    prices.write_text("\n".join(row for row in rows if not row.startswith("2022-07-06")) + "\n")
    desk = Desk(file, start="2022-07-06T00:00:00", end="2022-07-08T21:00:00")
    desk.watcher.run()
    assert journalled() == ["2022-07-05", "2022-07-07", "2022-07-08"]
    assert desk.watcher.counts["without a cycle"] == 1
    assert told(file) == [
        ("07-07 00:45", "raised", "no prices of 2022-07-06 yet"),
        ("07-07 20:30", "raised", "no cycle of 1 session, 2022-07-06: they have no prices"),
        ("07-07 20:30", "resolved", "no prices of 2022-07-06 yet"),
    ]


def test_what_fails_is_told_once_and_tried_again_with_growing_pauses(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    broken = steady(other, {"name": "Broken"})
    text = broken.read_text()
    broken.write_text(text.replace("A:", "A: ["))
    desk = Desk(broken, file, start="2022-07-05T21:00:00", end="2022-07-07T00:00:00")
    tries = list[str]()

    def read(path: Path, *rest: Any) -> Document:
        tries.extend([desk.now] * (path == broken))
        return read_document(path, *rest)

    def mend(seconds: float) -> float:
        if desk.now >= "07-06 22:00":
            broken.write_text(text)
        return seconds

    monkeypatch.setattr(watch, "read_document", read)
    desk.on_sleep = mend
    desk.watcher.run()
    assert tries[:6] == ["07-05 21:00", "07-05 21:05", "07-05 21:15", "07-05 21:35", "07-05 22:15", "07-05 23:15"]
    assert journalled() == WEEK[1:3]
    assert journalled("Broken") == ["2022-07-06"]
    assert [(moment[:7], state) for moment, state, _ in told(broken)] == [
        ("07-05 2", "raised"), ("07-06 2", "resolved"),
    ]  # fmt: skip


def test_a_trouble_that_comes_back_is_told_again_whatever_process_saw_it(file: Path) -> None:
    good = file.read_text()
    for day, text in {5: good, 6: good.replace("A:", "A: ["), 7: good, 12: good.replace("A:", "A: [")}.items():
        file.write_text(text)
        Desk(file, start=f"2022-07-{day:02}T21:00:00").watcher.run(once=True)
    assert [(moment, state) for moment, state, _ in told(file)] == [
        ("07-06 21:00", "raised"), ("07-07 21:00", "resolved"), ("07-12 21:00", "raised"),
    ]  # fmt: skip


def test_what_waits_in_quiet_hours_is_sent_by_a_later_call_with_once(file: Path, home: Path) -> None:
    drift = {"cycle": {"drift": {"medium": 0.0001, "high": 0.5, "critical": 0.9}}}
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | drift, sort_keys=False))
    quiet = 'quiet_hours: {from: "20:00", to: "07:00", zone: UTC}'
    (home / "alerts.yaml").write_text(f"file: alerts.jsonl\n{quiet}\n")
    Desk(file, start="2022-07-05T21:05:00").watcher.run(once=True)
    assert not (home / "alerts.jsonl").exists()
    Desk(file, start="2022-07-06T08:05:00").watcher.run(once=True)
    assert "drift of an asset" in (home / "alerts.jsonl").read_text()


def test_of_two_watchers_of_a_portfolio_one_acts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, days = banded(tmp_path)
    make_cycle(file, days[1])
    second = Watcher([file], Time(f"{days[2]}T22:00:00").clock)
    statuses = list[int]()
    alerts = Alerts(cycle=lambda _: statuses.append(second.run(once=True)) or ())
    assert Watcher([file], Time(f"{days[2]}T22:00:00").clock, alerts).run(once=True) == 0
    assert statuses == [1]
    assert capsys.readouterr().out.count("another process watches it") == 1
    assert second.counts["cycles"] == 0
    assert journalled("steady") == days[1:3]
    assert sorted(sent()) == sorted(set(sent()))
    assert len(sent()) == 2
    assert second.run(once=True) == 0  # the lock went with the first, and nothing is left to do
    assert len(sent()) == 2


def test_two_files_of_one_name_are_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.yaml").write_text(file.read_text())
    desk = Desk(file, tmp_path / "copy.yaml", start="2022-07-05T21:00:00")
    assert desk.watcher.run(once=True) == 1
    ((_, _, what),) = told(tmp_path / "copy.yaml")
    assert "has the name 'Steady', too" in what


def test_a_session_that_fails_does_not_keep_later_ones_from_their_cycles(file: Path) -> None:
    make_cycle(file, WEEK[0])
    file.write_text(file.read_text().replace("last_trade: '2022-01-03'", "last_trade: '2022-07-06'"))
    desk = Desk(file, start="2022-07-09T00:00:00")
    assert desk.watcher.run(once=True) == 0
    assert journalled() == [WEEK[0], *WEEK[2:]]  # a list of a day before the last trade is refused
    ((_, _, what),) = told(file)
    assert "2022-07-05" in what
    assert "lies after the last close" in what


def test_alerts_that_fail_stop_no_cycle(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> list[str]:
        raise OSError("no server")

    assert Watcher([file], Time("2022-07-05T21:00:00").clock, Alerts(fail, fail, fail, fail)).run(once=True) == 0
    assert "no alert was given: no server" in capsys.readouterr().out
    assert journalled() == ["2022-07-05"]


def test_news_is_scored_before_the_cycle_and_unseen_by_cycles_of_earlier_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A watcher that was down for a week hears all at once; New York closes at 20:00 UTC in summer."""
    seen = dict[str, str]()

    def hear(ran: Ran) -> list[str]:
        seen[f"{ran.cycle.portfolio.date:%m-%d}"] = ran.cycle.monitor["news"].of
        return []

    with wire(rss(("Tue, 05 Jul 2022 12:00:00 GMT", "A terrible loss"))) as feed, wire("", 404) as gone:
        scores = {"file": "scores.csv", "feeds": [gone.address, feed.address]}
        tilted = {"rule": "calendar", "schedule": "month", "allocation": {"kind": "news", "scores": scores}}
        tilted["allocation"] |= {"estimate": 63, "flag": -0.2}
        file, _ = uneven(tmp_path, 10_000.0, {"policies": {"news": tilted}, "policy": "news"})
        make_cycle(file, WEEK[0])
        assert Watcher([file], Time("2022-07-08T19:00:00").clock, Alerts(hear)).run(once=True) == 0
        assert "answers with status 404" in (said := capsys.readouterr().out)
        assert "1 new score of news in scores.csv" in said
        assert (journalled(), seen) == (WEEK[:4], {"07-07": ""})  # known on the 8th
        assert Watcher([file], Time("2022-07-08T21:00:00").clock, Alerts(hear)).run(once=True) == 0
        assert (journalled(), seen) == (WEEK, {"07-07": "", "07-08": "A"})
        asked = feed.asked
        assert Watcher([file], Time("2022-07-09T21:00:00").clock, Alerts(hear)).run(once=True) == 0
        assert feed.asked == asked  # no session, no news


# -- orders ------------------------------------------------------------------------------------------------------------


def acting(folder: Path, opened: str = "2022-12-27") -> Path:
    """A portfolio whose cycles of 23 and 27 December 2022 buy AGG on paper, with a book since a close."""
    example = (ROOT / "data" / "examples" / "cycle_that_acts.yaml").read_text().replace("worlds: 200", "worlds: 100")
    file = folder / "acting.yaml"
    file.write_text(f"{example}positions: {{book: acting}}\n")
    open_from(file, as_of=opened)
    return file


def bought() -> list[tuple[str, float]]:
    with Journal() as journal:
        return [(entry.record.symbol, entry.record.quantity) for entry in journal.entries(kind=Filled.kind)]


def test_a_watcher_sends_the_list_of_a_cycle_that_was_killed_before_it_did(tmp_path: Path) -> None:
    file = acting(tmp_path)
    make_cycle(file, "2022-12-27", act=False)
    assert not bought()
    for _ in range(2):
        assert Watcher([file], Time("2022-12-27T22:00:00").clock).run(once=True) == 0
        assert bought() == [("AGG", 40.0)]
    assert journalled("Acting") == ["2022-12-27"]
    assert "Acting: not watched, last cycle of 2022-12-27, executed; open orders: none." in watch.switched("status")


@pytest.mark.parametrize(("resumed", "goes"), [("09:00", "14:31"), ("14:50", "14:51")])
def test_a_list_that_was_not_sent_is_sent_in_its_session(tmp_path: Path, resumed: str, goes: str) -> None:
    """A pause ends before the open, at 14:30 UTC in winter, or after it."""
    watch.pause()
    file = acting(tmp_path)
    desk = Desk(file, start="2022-12-27T21:30:00", end="2022-12-28T21:00:00")
    sent = list[str]()

    def resume(seconds: float) -> float:
        sent.extend([desk.now] * (bool(bought()) and not sent))
        if desk.now >= f"12-28 {resumed}":
            watch.resume()
        return seconds

    desk.on_sleep = resume
    desk.watcher.run()
    assert [moment for moment, _ in desk.ran] == ["12-27 21:30", f"12-28 {goes}"]
    assert sent == [f"12-28 {goes}"]
    assert bought() == [("AGG", 40.0)]
    assert (journalled("Acting"), desk.watcher.counts["cycles"]) == (["2022-12-27"], 1)
    assert not told(file)


def test_a_list_whose_session_passes_unsent_is_told(tmp_path: Path, home: Path) -> None:
    watch.pause()
    file = acting(tmp_path)
    Desk(file, start="2022-12-27T21:30:00").watcher.run(once=True)
    held = [json.loads(line)["alert"] for line in (home / "alerts.jsonl").read_text().splitlines()]
    (remedy,) = [each["remedy"] for each in held if each["what"].startswith("orders held back: list ")]
    assert remedy == f"Nothing is sent: {home / 'PAUSE'} is there. To go on: rebalance desk watch resume"
    for hour in (21, 22):
        assert Desk(file, start=f"2022-12-28T{hour}:30:00").watcher.run(once=True) == (1 if hour == 21 else 0)
    assert told(file) == [("12-28 21:30", "raised", "the list of 2022-12-27 was not filled in its session")]


def test_only_the_newest_of_the_sessions_that_are_caught_up_acts(tmp_path: Path) -> None:
    file = acting(tmp_path, "2022-12-22")
    make_cycle(file, "2022-12-22")
    assert Watcher([file], Time("2022-12-27T22:00:00").clock).run(once=True) == 0
    with Journal() as journal:
        cycles = {entry.record.session: entry.ticket for entry in journal.entries(kind=CycleRun.kind)}
        sent = [entry.ticket for entry in journal.entries(kind=OrderSent.kind)]
    assert sent == [cycles["2022-12-27"]]
    assert cycles["2022-12-23"] not in ("", *sent)


def test_a_session_before_the_last_trade_of_the_book_is_passed_over_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, fills = acting(tmp_path, "2022-12-22"), tmp_path / "fills.csv"
    make_cycle(file, "2022-12-22")
    fills.write_text("id,moment,asset,side,quantity,price\nf1,2022-12-27T20:00:00Z,SPY,buy,1,381.4\n")
    (item,) = fill_from("acting", fills).book.open_items
    resolve("acting", [item.name])
    desk = Desk(file, start="2022-12-28T22:00:00")
    desk.watcher.run(once=True)
    assert journalled("Acting") == ["2022-12-22", "2022-12-27", "2022-12-28"]
    (told,) = (line for line in capsys.readouterr().out.splitlines() if "Acting: no cycle of 1 session" in line)
    assert "last traded on 2022-12-27: it does not say what was held on 2022-12-23" in told


def banded(folder: Path) -> tuple[Path, list[str]]:
    """A portfolio that acts on paper on every other day from the third on, and the days of its book."""
    never_far = {"medium": 0.9, "high": 0.95, "critical": 0.99}
    changes = {
        "name": "steady", "policies": {"band": {"rule": "threshold", "band": 0.0005}}, "policy": "band",
        "cycle": {"worlds": 100, "drift": never_far, "acts": {"venue": "paper", "notional": 1e6, "turnover": 0.5}},
    }  # fmt: skip
    file, days = uneven(folder, 1e6, changes)
    return with_book(file, days[0]), days


def sent() -> list[tuple[str, str]]:
    """The ticket and the id of each order that was sent."""
    with Journal() as journal:
        return [(entry.ticket, entry.order) for entry in journal.entries(kind=OrderSent.kind)]


# -- from the shell ----------------------------------------------------------------------------------------------------


def test_once_says_by_its_status_whether_a_person_is_asked_or_something_failed(
    file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios = (ROOT / "data" / "examples" / "cycle_of_scenarios.yaml").read_text()
    asked = file.with_name("asked.yaml")
    asked.write_text(scenarios.replace("worlds: 2_000", "worlds: 100").replace("turnover: 0.15", "turnover: 0.001"))
    assert Watcher([asked], Time("2022-12-29T21:30:00").clock).run(once=True) == 3
    later = Time("2022-12-31T06:00:00").clock  # prices of the 30th are late by then
    monkeypatch.setattr(pace, "Clock", lambda sleep: replace(later, sleep=sleep))
    failed = rebalance("desk", "watch", "--once", asked)
    assert failed.status == 1
    assert "no prices of" in (home / "alerts.jsonl").read_text()
    assert "Watched: no prices of" in failed.out


@pytest.mark.parametrize("words", [("--every", "5"), ("--every", "0m"), ("--every", "5m", "--once")])
def test_a_wrong_time_between_looks_at_quotes_is_refused(file: Path, words: tuple[str, ...]) -> None:
    refused = rebalance("desk", "watch", file, *words)
    assert refused.status == 2
    assert "give minutes or hours, such as 5m or 1h" in refused.err


@pytest.mark.parametrize("words", [["stop", "steady.yaml"], ["stpo"], ["steady.yaml", "pause"]])
def test_a_switch_that_is_mistyped_or_beside_a_file_starts_nothing(words: list[str], home: Path) -> None:
    refused = rebalance("desk", "watch", *words)
    assert refused.status == 2
    assert "give files alone, or one of pause, resume, stop, status, check and test" in refused.err
    assert not (home / "journal.sqlite").exists()


def test_pause_and_stop_are_files_and_resume_takes_both_back(file: Path, home: Path) -> None:
    assert rebalance("desk", "watch", "status").out == "Cycles run, and send what their files allow.\n"
    Watcher([file], Time("2022-07-05T21:00:00").clock).run(once=True)
    order = listed("o1", "buy", "SPY", 12.0, 380.0)
    with Journal() as journal:
        journal.append([made("t1", order), *executed(order, "t1", None, [(5.0, 381.0, None)])])
    paused = rebalance("desk", "watch", "pause").out
    assert "nothing is sent" in paused
    assert "Steady: not watched, last cycle of 2022-07-05, finalised; open orders: none." in paused
    assert "sixty_forty: not watched, no cycle; open orders: buy 7 SPY at paper." in paused
    assert (pause_file(), stop_file()) == (str(home / "PAUSE"), "")
    assert Watcher([file], Time("2022-07-06T21:00:00").clock).run(once=True) == 0  # cycles go on
    with locked(home / ".Steady.watch.lock", wait=False):
        assert "Watchers end after the cycle under way" in rebalance("desk", "watch", "stop").out
    assert "No watcher runs" in rebalance("desk", "watch", "stop").out
    with pytest.raises(ConfigError, match="rebalance desk watch resume"):
        Watcher([file], Time("2022-07-07T21:00:00").clock).run(once=True)
    assert rebalance("desk", "watch", "resume").out.startswith("Cycles run, and send")
    assert (pause_file(), stop_file(), journalled()) == ("", "", WEEK[1:3])


def test_a_stop_ends_a_watcher_after_the_cycle_under_way(file: Path) -> None:
    make_cycle(file, WEEK[0])

    def stop_soon() -> bool:
        if journalled() == WEEK[:2]:
            watch.stop()
        return False

    assert Watcher([file], Time("2022-07-09T00:00:00").clock, is_ended=stop_soon).run() == 0
    assert journalled() == WEEK[:2]


def test_a_terminated_watcher_ends_cleanly_after_the_cycle_under_way(file: Path) -> None:
    if not (process := os.fork()):
        os._exit(rebalance("desk", "watch", file).status)
    while not (file.parent / "home" / "journal.head").exists() or LAST not in journalled():
        sleep(0.02)
    os.kill(process, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert journalled() == [LAST]


def test_kills_of_two_watchers_lose_and_double_no_session_and_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on by two sessions at a time: the list of the last of them is sent, and killed, too."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
        folder, rng = Path(place), random.Random(1)
        monkeypatch.setenv("REBALANCE_HOME", str(folder / "killed"))
        file, days = banded(folder)
        make_cycle(file, days[1])
        shutil.copytree(folder / "killed", folder / "whole")
        ends = days[2:12:2]
        kills = sum(killed(file, "steady", f"{day}T22:00:00", day, rng) for day in ends)
        assert kills > len(ends)
        make_cycle(file, days[11])  # which books what was filled before the last kill
        check_each_once(days[1:12])
        found, held = sent(), read_book("steady").holders
        assert len(found) == len(set(found)) == 2 * len(ends)
        monkeypatch.setenv("REBALANCE_HOME", str(folder / "whole"))
        for day in ends:
            assert Watcher([file], Time(f"{day}T22:00:00").clock).run(once=True) == 0
        make_cycle(file, days[11])
        assert (found, held) == (sent(), read_book("steady").holders)


def check_each_once(days: list[str]) -> None:
    """Each session has its cycle once, its record is whole, and the journal is."""
    with Journal() as journal:
        assert not verify(journal).faults
        cycles = [entry.record for entry in journal.entries(kind=CycleRun.kind)]
    assert [each.session for each in cycles] == days
    for each in cycles:
        checked_record(kept_path("steady", each), each.sha256)
