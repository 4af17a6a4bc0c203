"""Watchers on simulated time: each session once, at or after its close, whatever fails, jumps or is killed."""

import json
import os
import random
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commanded import ROOT, rebalance
from journals import IN_MEMORY
from killed_watchers import killed
from order_events import executed, listed, made
from provider_server import Time
from watched import SETTINGS, steady

from desk.commands.cycle import watch
from desk.commands.cycle.cycle import Ran, make_cycle
from desk.commands.cycle.records import CYCLES
from desk.commands.cycle.watch import Alerts, Watcher
from desk.commands.orders.book import open_from, resolve
from desk.commands.orders.fills import fill_from
from desk.cycle.cycle import checked_record
from desk.exchange.stops import pause_file, stop_file
from desk.journal import Journal, verify
from desk.journal.records import CycleRun, Filled, OrderSent
from foundation.errors import ConfigError
from foundation.home import home_folder
from research.portfolio.file.document import Document, read_document

LAST = "2022-08-04"  # of the prices of `steady`
WEEK = ["2022-07-01", "2022-07-05", "2022-07-06", "2022-07-07", "2022-07-08"]  # the fourth was a holiday


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(watch, "NAP", timedelta(minutes=20))  # days pass in fewer looks at the clock
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A portfolio whose drift triggers nothing in the weeks of the tests."""
    lines = {"A": SETTINGS["lines"]["A"] | {"shares": 51}, "B": SETTINGS["lines"]["B"] | {"shares": 100}}
    return steady(tmp_path, {"lines": lines})


def journalled(name: str = "Steady") -> list[str]:
    with Journal() as journal:
        return [entry.record.session for entry in journal.entries(kind=CycleRun.kind, portfolio=name)]


class Desk:
    """A watcher on simulated time that ends at a moment, and what it told."""

    def __init__(self, *files: Path, start: str, end: str = "9999-01-01T00:00:00") -> None:
        self.time, self.end = Time(start), datetime.fromisoformat(f"{end}+00:00")
        self.ran, self.troubles, self.resolved = list[tuple[str, str]](), list[tuple[str, str, str]](), list[str]()
        alerts = Alerts(self.hear, self.fear, self.mend)
        self.on_sleep: Callable[[float], float] = lambda seconds: seconds  # gives what passes
        clock = replace(self.time.clock, sleep=lambda seconds: self.time.move(self.on_sleep(seconds)))
        self.watcher = Watcher(files, clock, alerts, lambda: clock.now() >= self.end)

    @property
    def now(self) -> str:
        return f"{self.time.clock.now():%m-%d %H:%M}"

    def hear(self, ran: Ran) -> list[str]:
        self.ran.append((self.now, f"{ran.cycle.portfolio.date:%m-%d}"))
        return []

    def fear(self, name: str, what: str, _: str) -> list[str]:
        self.troubles.append((self.now, name, what))
        return []

    def mend(self, name: str, what: str) -> list[str]:
        self.resolved += [f"{self.now} {name}: {what}"] if what else []
        return []


def test_each_session_has_its_cycle_half_an_hour_after_its_close(file: Path) -> None:
    """That of the first start is the last session that is over; New York closes at 20:00 UTC in summer."""
    desk = Desk(file, start="2022-07-05T12:00:00", end="2022-07-08T20:31:00")
    assert desk.watcher.run() == 0
    expected = ["07-05 12:00", "07-05 20:30", "07-06 20:30", "07-07 20:30", "07-08 20:30"]
    assert desk.ran == list(zip(expected, ["07-01", "07-05", "07-06", "07-07", "07-08"], strict=True))
    assert journalled() == WEEK
    assert not desk.troubles


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


def test_prices_that_never_came_are_told_once_and_counted(file: Path) -> None:
    prices = file.with_name("prices.csv")
    rows = prices.read_text().splitlines()
    prices.write_text("\n".join(row for row in rows if not row.startswith("2022-07-06")) + "\n")
    desk = Desk(file, start="2022-07-06T00:00:00", end="2022-07-08T21:00:00")
    desk.watcher.run()
    assert journalled() == ["2022-07-05", "2022-07-07", "2022-07-08"]
    assert desk.watcher.counts["without a cycle"] == 1
    assert [(moment, what) for moment, _, what in desk.troubles] == [
        ("07-06 20:30", "no prices of 2022-07-06 yet"),
        ("07-07 20:30", "no cycle of 1 session, 2022-07-06: they have no prices"),
    ]
    assert not desk.resolved


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
    assert len(desk.troubles) == len(desk.resolved) == 1
    assert desk.resolved[0].startswith("07-06 2")


def test_of_two_watchers_of_a_portfolio_one_acts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = Watcher([file], Time("2022-07-09T00:00:00").clock)
    make_cycle(file, WEEK[0])
    statuses = list[int]()
    alerts = Alerts(cycle=lambda _: statuses.append(second.run(once=True)) or ())
    assert Watcher([file], Time("2022-07-09T00:00:00").clock, alerts).run(once=True) == 0
    assert statuses == [0] * 4
    assert capsys.readouterr().out.count("another process watches it") == 1
    assert second.counts["cycles"] == 0
    assert journalled() == WEEK
    assert second.run(once=True) == 0  # the lock went with the first, and nothing is left to do


def test_two_files_of_one_name_are_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.yaml").write_text(file.read_text())
    desk = Desk(file, tmp_path / "copy.yaml", start="2022-07-05T21:00:00")
    assert desk.watcher.run(once=True) == 1
    assert "has the name 'Steady', too" in desk.troubles[0][2]


def test_a_session_that_fails_does_not_keep_later_ones_from_their_cycles(file: Path) -> None:
    make_cycle(file, WEEK[0])
    file.write_text(file.read_text().replace("last_trade: '2022-01-03'", "last_trade: '2022-07-06'"))
    desk = Desk(file, start="2022-07-09T00:00:00")
    assert desk.watcher.run(once=True) == 0
    assert journalled() == [WEEK[0], *WEEK[2:]]  # a list of a day before the last trade is refused
    assert "2022-07-05" in desk.troubles[0][2]
    assert "lies after the last close" in desk.troubles[0][2]


def test_alerts_that_fail_stop_no_cycle(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> list[str]:
        raise OSError("no server")

    assert Watcher([file], Time("2022-07-05T21:00:00").clock, Alerts(fail, fail, fail)).run(once=True) == 0
    assert "no alert was given: no server" in capsys.readouterr().out
    assert journalled() == ["2022-07-05"]


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


def test_a_list_that_was_not_sent_is_sent_when_its_session_opens(tmp_path: Path) -> None:
    """A pause ends before the open, at 14:30 UTC in winter."""
    watch.pause()
    desk = Desk(acting(tmp_path), start="2022-12-27T21:30:00", end="2022-12-28T15:00:00")
    sent = list[str]()

    def resume(seconds: float) -> float:
        sent.extend([desk.now] * (bool(bought()) and not sent))
        if desk.now > "12-28 09:00":
            watch.resume()
        return seconds

    desk.on_sleep = resume
    desk.watcher.run()
    assert [moment for moment, _ in desk.ran] == ["12-27 21:30", "12-28 14:31"]
    assert sent == ["12-28 14:31"]
    assert bought() == [("AGG", 40.0)]
    assert (journalled("Acting"), desk.watcher.counts["cycles"]) == (["2022-12-27"], 1)


def test_only_the_newest_of_the_sessions_that_are_caught_up_acts(tmp_path: Path) -> None:
    file = acting(tmp_path, "2022-12-22")
    make_cycle(file, "2022-12-22")
    assert Watcher([file], Time("2022-12-27T22:00:00").clock).run(once=True) == 0
    with Journal() as journal:
        cycles = {entry.record.session: entry.ticket for entry in journal.entries(kind=CycleRun.kind)}
        sent = [entry.ticket for entry in journal.entries(kind=OrderSent.kind)]
    assert sent == [cycles["2022-12-27"]]
    assert cycles["2022-12-23"] not in ("", *sent)


def test_a_session_before_the_last_trade_of_the_book_is_passed_over_and_told(tmp_path: Path) -> None:
    file, fills = acting(tmp_path, "2022-12-22"), tmp_path / "fills.csv"
    make_cycle(file, "2022-12-22")
    fills.write_text("id,moment,asset,side,quantity,price\nf1,2022-12-27T20:00:00Z,SPY,buy,1,381.4\n")
    (item,) = fill_from("acting", fills).book.open_items
    resolve("acting", [item.name])
    desk = Desk(file, start="2022-12-28T22:00:00")
    desk.watcher.run(once=True)
    assert journalled("Acting") == ["2022-12-22", "2022-12-27", "2022-12-28"]
    ((_, _, told),) = desk.troubles
    assert told.startswith("no cycle of 1 session, 2022-12-23: ")
    assert "last traded on 2022-12-27: it does not say what was held on 2022-12-23" in told


# -- from the shell ----------------------------------------------------------------------------------------------------


def test_once_says_by_its_status_whether_a_person_is_asked_or_something_failed(file: Path, home: Path) -> None:
    scenarios = (ROOT / "data" / "examples" / "cycle_of_scenarios.yaml").read_text()
    asked = file.with_name("asked.yaml")
    asked.write_text(scenarios.replace("worlds: 2_000", "worlds: 100").replace("turnover: 0.15", "turnover: 0.001"))
    assert Watcher([asked], Time("2022-12-29T21:30:00").clock).run(once=True) == 3
    (home / "alerts.yaml").write_text("file: alerts.jsonl\n")
    failed = rebalance("watch", "--once", asked)
    assert failed.status == 1
    assert "no prices of" in (home / "alerts.jsonl").read_text()
    assert "Watched: no prices of" in failed.out


@pytest.mark.parametrize("words", [("--every", "5"), ("--every", "0m"), ("--every", "5m", "--once")])
def test_a_wrong_time_between_looks_at_quotes_is_refused(file: Path, words: tuple[str, ...]) -> None:
    refused = rebalance("watch", file, *words)
    assert refused.status == 2
    assert "give minutes or hours, such as 5m or 1h" in refused.err


def test_pause_and_stop_are_files_and_resume_takes_both_back(file: Path, home: Path) -> None:
    assert rebalance("watch", "status").out == "Cycles run, and send what their files allow.\n"
    Watcher([file], Time("2022-07-05T21:00:00").clock).run(once=True)
    order = listed("o1", "buy", "SPY", 12.0, 380.0)
    with Journal() as journal:
        journal.append([made("t1", order), *executed(order, "t1", None, [(5.0, 381.0, None)])])
    paused = rebalance("watch", "pause").out
    assert "nothing is sent" in paused
    assert "Steady: not watched, last cycle of 2022-07-05, finalised; open orders: none." in paused
    assert "sixty_forty: not watched, no cycle; open orders: buy 7 SPY at paper." in paused
    assert (pause_file(), stop_file()) == (str(home / "PAUSE"), "")
    assert Watcher([file], Time("2022-07-06T21:00:00").clock).run(once=True) == 0  # cycles go on
    assert "No watcher runs" in rebalance("watch", "stop").out
    with pytest.raises(ConfigError, match="rebalance watch resume"):
        Watcher([file], Time("2022-07-07T21:00:00").clock).run(once=True)
    assert rebalance("watch", "resume").out.startswith("Cycles run, and send")
    assert (pause_file(), stop_file(), journalled()) == ("", "", WEEK[1:3])


def test_a_stop_ends_a_watcher_after_the_cycle_under_way(file: Path) -> None:
    make_cycle(file, WEEK[0])
    stopping = Alerts(cycle=lambda _: watch.stop() or ())
    assert Watcher([file], Time("2022-07-09T00:00:00").clock, stopping).run() == 0
    assert journalled() == WEEK[:2]


def test_a_terminated_watcher_ends_cleanly_after_the_cycle_under_way(file: Path) -> None:
    if not (process := os.fork()):
        os._exit(rebalance("watch", file).status)
    while not (file.parent / "home" / "journal.head").exists() or LAST not in journalled():
        os.sched_yield()
    os.kill(process, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert journalled() == [LAST]


def test_kills_of_two_watchers_lose_and_double_no_session(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
        monkeypatch.setenv("REBALANCE_HOME", place)
        make_cycle(file, "2022-06-06")
        kills = killed(file, "Steady", f"{LAST}T23:00:00", LAST, random.Random(1))
        check_each_once(file, kills)


def check_each_once(file: Path, kills: int) -> None:
    """Each session since the first is journalled once, its record is whole, and the journal is."""
    assert kills >= 20
    rows = [row[:10] for row in file.with_name("prices.csv").read_text().splitlines()[1:]]
    assert journalled() == [day for day in rows if day >= "2022-06-06"]
    with Journal() as journal:
        assert not verify(journal).faults
        for entry in journal.entries(kind=CycleRun.kind):
            record = entry.record
            checked_record(
                home_folder() / CYCLES / "Steady" / f"{record.session}-{record.sha256[:8]}.json", record.sha256
            )
