"""However many tasks there are, few are under way: no more are drawn, and no result is kept that was handed on."""

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster, wait

from backtests.runs import tasks
from backtests.runs.tasks import AHEAD, as_they_finish, in_processes, in_threads
from foundation.errors import ConfigError, PolicyError

MANY = 60
HERE: dict[str, Any] = {"protocol": "tcp", "host": "127.0.0.1", "dashboard_address": None}


def on_cluster(function: Callable[[Any], Any], given: Iterable[Any], workers: int) -> Iterator[tuple[Any, Any]]:
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=False, **HERE) as here,
        tasks.cluster_at(here.scheduler_address) as client,
    ):
        yield from tasks.on_client(client, function, tasks=given)


@pytest.mark.parametrize("pool", [in_threads, in_processes, on_cluster])
def test_tasks_are_drawn_no_further_ahead_than_a_few_a_worker(pool: Callable[..., Iterator[tuple[int, int]]]) -> None:
    drawn, finished, ahead = 0, [], 0

    def lazily() -> Iterator[int]:
        nonlocal drawn
        for task in range(MANY):
            drawn += 1
            yield task

    for task, result in pool(abs, lazily(), 2):
        ahead = max(ahead, drawn - len(finished))
        finished.append(task)
        assert result == task
    assert sorted(finished) == list(range(MANY))
    assert ahead <= AHEAD * 2


class Result:
    """Of a task; it can be asked whether somebody still holds it."""


def test_results_that_were_handed_on_are_let_go() -> None:
    alive: weakref.WeakSet[Result] = weakref.WeakSet()

    def work(task: int) -> Result:
        made = Result()
        alive.add(made)
        return made

    most = 0
    for _ in in_threads(work, range(MANY), 2):
        most = max(most, len(alive))
    assert most <= AHEAD * 2 + 1


def test_a_task_that_takes_long_does_not_let_others_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing finishes for many looks at the workers: the tasks that are under way stay as many as they were."""
    monkeypatch.setattr(tasks, "PATIENCE", 0.01)
    free, looks, drawn = threading.Event(), 0, 0

    def gone() -> bool:
        nonlocal looks
        looks += 1
        if looks == 20:
            free.set()
        return False

    def lazily() -> Iterator[int]:
        nonlocal drawn
        for task in range(MANY):
            drawn += 1
            yield task

    held: list[Future[int]] = []

    def submit(task: int) -> "Future[int]":
        held.append(Future())
        return held[-1]

    played = as_they_finish(submit, lazily(), 2, lambda: gone() or (free.is_set() and not held[0].set_result(0)))
    next(played)
    assert (looks, drawn) == (20, AHEAD * 2)
    played.close()
    assert all(future.cancelled() for future in held[1:])


def test_workers_that_come_later_are_used() -> None:
    ahead = finished = 0

    def lazily() -> Iterator[int]:
        nonlocal ahead
        for task in range(MANY):
            ahead = max(ahead, task + 1 - finished)
            yield task

    def submit(task: int) -> "Future[int]":
        future: Future[int] = Future()
        future.set_result(task)
        return future

    def workers() -> int:
        return 1 if finished < MANY // 2 else 4

    for _ in as_they_finish(submit, lazily(), workers):
        finished += 1
        assert ahead <= AHEAD * workers()
    assert (finished, ahead) == (MANY, AHEAD * 4)


def test_a_cluster_whose_workers_all_left_ends_with_an_error_and_not_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 0.01)
    with pytest.raises(TimeoutError, match="no workers are left"):
        list(as_they_finish(lambda _: Future(), range(MANY), lambda: 0, lambda: True))


def test_a_result_that_is_lost_with_the_last_worker_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All tasks are finished, and one result is read, when the worker that has the others leaves."""
    monkeypatch.setattr(tasks, "PATIENCE", 0.5)
    held: list[Any] = []
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **HERE) as here,
        tasks.cluster_client(here.scheduler_address) as client,
    ):

        def submit(task: int) -> Any:
            held.append(client.submit(abs, task, pure=False))
            return held[-1]

        played = as_they_finish(submit, range(AHEAD), 1, lambda: tasks.is_gone(client))
        next(played)
        with client.as_current():
            wait(held)
        here.sync(here.workers[0].close)
        with pytest.raises(TimeoutError, match="no workers are left"):
            list(played)


def test_a_timeout_that_a_task_raises_is_its_own() -> None:
    def late(task: int) -> int:
        raise TimeoutError(f"task {task} waited for a file")

    for pool in (in_threads, on_cluster):
        with pytest.raises((TimeoutError, ConfigError), match="task 1 waited for a file"):
            list(pool(late, [1], 1))


def test_a_task_that_raises_is_not_repeated_on_a_cluster(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def work(task: int) -> None:
        with calls.open("a") as log:
            log.write("1")
        raise PolicyError("a configuration that cannot go on")

    with pytest.raises(PolicyError, match="cannot go on"):
        list(on_cluster(work, [1], 1))
    assert calls.read_text() == "1"


@pytest.mark.parametrize(("address", "said"), [
    *((address, "the address of a cluster is") for address in ("foo", "tcp://127.0.0.1", "http://127.0.0.1:80")),
    *((address, "the address of a cluster is") for address in ("inproc://x", "tcp://127.0.0.1:99999", "tcp://:1")),
    *((address, "without TLS") for address in ("tcp://10.0.0.1:8786", "tcp://another.example:8786")),
])  # fmt: skip
def test_addresses_that_are_none_or_not_safe_are_refused_before_anything_is_sent(address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said), tasks.cluster_client(address):
        pass


def test_what_answers_and_is_no_scheduler_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 1.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{stranger.server_port}"
        with pytest.raises(ConfigError, match=f"there is no cluster at '{address}'"), tasks.cluster_client(address):
            pass
        stranger.shutdown()
