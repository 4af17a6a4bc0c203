"""Watchers that are killed, hang, or cannot write: real processes, and who is told of them, by a real webhook."""

import fcntl
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hooked import Hook, serving_hook
from provider_server import Time
from watched import steady

from desk.commands.cycle import alerts as alert_commands
from desk.commands.cycle.alerts import alert_resolved, alert_trouble, send_waiting
from desk.commands.cycle.heartbeat import check_watchers, end_lives, last_sign
from desk.commands.cycle.watch import Alerts, Watcher
from desk.exchange.stops import alone
from desk.feeds.pace import Clock
from desk.journal import Journal, journal
from desk.journal.records import Alert
from foundation.files import locked
from foundation.home import home_folder

START = "2022-07-05T21:00:00"
LOST = "[urgent] Steady: no sign of its watcher"


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """A webhook that alerts go to."""
    home = tmp_path / "home"
    monkeypatch.setenv("REBALANCE_HOME", str(home))
    monkeypatch.delenv("REBALANCE_WEBHOOK_TOKEN", raising=False)
    home.mkdir()
    with serving_hook() as served:
        (home / "alerts.yaml").write_text(yaml.safe_dump({"webhook": f"{served.address}/hook"}))
        yield served


def titles(hook: Hook) -> list[str]:
    """The first lines of what the webhook was sent."""
    return [content["text"].splitlines()[0] for _, _, content in hook.asked]


def alerts(clock: Clock) -> Alerts:
    return Alerts(lambda _: (), *(partial(each, clock=clock) for each in (alert_trouble, alert_resolved, send_waiting)))


def watching(file: Path, before: Callable[[], Any] = lambda: None) -> int:
    """A process whose watcher waits for the next close, after `before`."""
    if process := os.fork():
        return process
    try:
        clock = replace(Time(START).clock, sleep=lambda _: time.sleep(0.01))  # the moment stands still
        ended = list[int]()
        signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
        before()
        Watcher([file], clock, alerts(clock), lambda: bool(ended)).run()
    finally:
        os._exit(0)


def until(process: int, is_so: Callable[[], Any]) -> None:
    """Wait for what another process does, as long as it lives, and a minute at most."""
    for _ in range(6_000):
        if is_so():
            return
        assert os.waitpid(process, os.WNOHANG) == (0, 0)
        time.sleep(0.01)
    raise AssertionError("another process did not do it")


def ended(process: int, number: int) -> None:
    os.kill(process, number)
    os.waitpid(process, 0)


def test_a_watcher_that_is_killed_is_told_and_so_is_the_next_one(hook: Hook, tmp_path: Path) -> None:
    file, moment = steady(tmp_path), Time(START)
    process = watching(file)
    until(process, lambda: last_sign("Steady"))
    assert check_watchers(moment.clock) == ("Steady: watched, last sign at 2022-07-05 21:00 UTC.", False)
    ended(process, signal.SIGKILL)
    said, is_lost = check_watchers(moment.clock)
    assert is_lost
    assert said.startswith("Steady: its watcher was killed after 2022-07-05 21:00 UTC, or the machine stopped.")
    check_watchers(moment.clock)
    assert titles(hook).count(LOST) == 1
    process = watching(file)
    until(process, lambda: any("its watcher was killed" in each for each in titles(hook)))
    assert check_watchers(moment.clock)[1] is False
    assert titles(hook)[-1] == "[resolved] Steady: no sign of its watcher"
    ended(process, signal.SIGTERM)
    assert last_sign("Steady") == ""
    assert check_watchers(moment.clock) == ("No watcher runs, and none was killed.", False)


def test_a_watcher_that_hangs_is_told_after_an_hour(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_commands, "LONGEST_SENDING", 0.1)  # it may be stopped with the locks of others
    monkeypatch.setattr(journal, "LONGEST_TURN", 0.1)
    process = watching(steady(tmp_path))
    until(process, lambda: last_sign("Steady"))
    os.kill(process, signal.SIGSTOP)
    moment = Time(START)
    moment.move(timedelta(minutes=59).total_seconds())
    assert check_watchers(moment.clock)[1] is False
    moment.move(120.0)
    assert check_watchers(moment.clock)[1] is True
    assert titles(hook)[-1] == LOST
    assert "it hangs, or cannot write" in hook.asked[-1][2]["text"]
    ended(process, signal.SIGKILL)


def test_a_watcher_that_hangs_with_the_locks_of_others_is_told(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = watching(steady(tmp_path))
    until(process, lambda: last_sign("Steady"))
    ended(process, signal.SIGKILL)
    Journal().close()
    monkeypatch.setattr(alert_commands, "LONGEST_SENDING", 0.01)
    monkeypatch.setattr(journal, "LONGEST_TURN", 0.01)
    with locked(home_folder() / alert_commands.LOCK, wait=False), open(home_folder() / journal.HEAD) as head:
        fcntl.flock(head, fcntl.LOCK_EX)
        said, _ = check_watchers(Time(START).clock)
    assert titles(hook)[-1] == LOST
    assert "end it where it hangs" in said


def test_a_killed_watcher_of_a_file_that_is_gone_is_cleared_and_that_of_another_is_not(
    hook: Hook, tmp_path: Path
) -> None:
    file = steady(tmp_path)
    process = watching(file)
    until(process, lambda: last_sign("Steady"))
    ended(process, signal.SIGKILL)
    end_lives(tmp_path / "other.yaml")
    assert check_watchers(Time(START).clock)[1] is True
    file.unlink()
    end_lives(file)
    assert check_watchers(Time(START).clock)[1] is False


def test_a_trouble_that_is_told_sends_no_heartbeat(hook: Hook, tmp_path: Path) -> None:
    with serving_hook() as service:
        (tmp_path / "home" / "alerts.yaml").write_text(f"file: out.jsonl\nheartbeat: {service.address}/ping/1\n")
        file, clock = steady(tmp_path), Time(START).clock
        file.write_text(file.read_text().replace("policy: never", "policy: nope"))
        Watcher([file], clock, alerts(clock)).run(once=True)
        assert service.asked == []


def test_an_alert_goes_where_its_lock_cannot_be_made(hook: Hook) -> None:
    (home_folder() / alert_commands.LOCK).mkdir()
    alert_trouble(Alert("Steady", "no data", "urgent", "There are no data.", "Look."))
    assert titles(hook) == ["[urgent] Steady: no data"]


def test_a_watcher_that_sends_a_list_in_slices_is_given_a_day(hook: Hook, tmp_path: Path) -> None:
    process, moment = watching(steady(tmp_path)), Time(START)
    until(process, lambda: last_sign("Steady"))
    moment.move(timedelta(hours=6).total_seconds())
    with alone("Steady"):
        assert check_watchers(moment.clock)[1] is False
    assert check_watchers(moment.clock)[1] is True
    ended(process, signal.SIGKILL)


def test_a_watcher_on_a_full_disk_tells_it_once(hook: Hook, tmp_path: Path) -> None:
    file = steady(tmp_path)

    def fill() -> None:
        """Let this process write no byte more to a file."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    process = watching(file, fill)
    until(process, lambda: [each for each in titles(hook) if "nothing can be written" in each])
    ended(process, signal.SIGTERM)
    assert len([each for each in titles(hook) if "nothing can be written" in each]) == 1


def test_the_service_manager_is_told_of_life(hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        Watcher([steady(tmp_path)], Time(START).clock).run(once=True)
        assert manager.recv(100) == b"READY=1\nWATCHDOG=1"


def test_the_heartbeat_of_the_settings_is_asked_for_each_hour(hook: Hook, tmp_path: Path) -> None:
    with serving_hook() as service:
        (tmp_path / "home" / "alerts.yaml").write_text(f"file: out.jsonl\nheartbeat: {service.address}/ping/1\n")
        moment, end = Time(START), Time(START)
        end.move(timedelta(hours=5, minutes=30).total_seconds())
        clock = moment.clock
        Watcher([steady(tmp_path)], clock, alerts(clock), lambda: clock.now() >= end.clock.now()).run()
        assert [path for path, _, _ in service.asked] == ["/ping/1"] * 5
        service.answers = [(404, {}, "not found")]
        assert send_waiting(clock) == [
            "No heartbeat was sent: the heartbeat answers 404, 'not found'. Correct its address."
        ]
