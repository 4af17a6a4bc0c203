"""The service under load, with the generator on the same machine.

    python -m benchmarks.service_load [QUESTION] [SIZE]

| question      | size               | what must hold                                                         |
|---------------|--------------------|------------------------------------------------------------------------|
| `ready`       | starts, 2          | ready 3 s after the last start, with kernels compiled by the first     |
| `steady`      | seconds, 120       | 60 payloads a second: no error, 99 % within 100 ms                     |
| `flood`       | seconds, 30        | 1,000 payloads a second: 429 or 503 with Retry-After, health answered  |
| `memory`      | requests, 100,000  | at most 1 MB more for each 10,000 requests                             |
| `connections` | connections, 5,000 | each is answered while all are open                                    |

Requests are sent when they are due, whether earlier ones are answered or not, and their seconds count from then: a
server that stands still is not spared the requests that it would have got.
"""

import asyncio
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import psutil

UNLIMITED = "999999"  # requests a second
SIZES = {"ready": 2, "steady": 120, "flood": 30, "memory": 100_000, "connections": 5_000}
PEOPLE = 64  # connections of the generator


class Answer(NamedTuple):
    """The answer to a request: its status, seconds since the request was due, seconds of Retry-After, and its body."""

    status: int
    seconds: float
    retry: int
    body: bytes


@dataclass
class Client:
    """A connection that is opened anew where the server has closed it."""

    port: int
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, due: float = 0.0) -> Answer:
        """Send a request, and read its answer."""
        due = due or time.perf_counter()
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = re.search(rb"content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if b"connection: close" in head:
            writer.close()
            self.streams = None
        retry = re.search(rb"retry-after: (\d+)", head)
        return Answer(int(head[9:12]), time.perf_counter() - due, int(retry[1]) if retry else 0, body)


@dataclass
class Load:
    """The answers to a load, and those of health beside it."""

    answers: list[Answer] = field(default_factory=list)
    health: list[Answer] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(each.status for each in self.answers)

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        return 1000 * float(np.quantile([each.seconds for each in self.answers], share))


@contextmanager
def serving(rate: str) -> Iterator[tuple[int, psutil.Process]]:
    """A server of its own process, with such a limit of requests: its port and its process."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"REBALANCE_HOME": home, "RATE": rate}
        command = [sys.executable, "-m", "desk.cli", "serve", "--port", "0"]
        log = subprocess.DEVNULL
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            started = re.match(r"http://127\.0\.0\.1:(\d+) ", process.stdout.readline())
            assert started, "the server did not start"
            yield int(started[1]), psutil.Process(process.pid)
        finally:
            process.kill()
            process.communicate()


def request_of(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


HEALTH, READY = request_of("GET", "/api/health"), request_of("GET", "/api/health?ready=true")


async def until_ready(port: int) -> None:
    """Wait for compiled kernels."""
    client = Client(port)
    while (await client.ask(READY)).status != 200:
        await asyncio.sleep(0.02)


async def payload_of(port: int) -> bytes:
    """A request of the payload endpoint, with the first payload that the server shows."""
    await until_ready(port)
    shown = json.loads((await Client(port).ask(request_of("GET", "/api/preview-scenarios"))).body)
    return request_of("POST", "/api/rebalance", json.dumps(shown[0]["payload"]).encode())


async def loaded(port: int, rate: int, seconds: int) -> Load:
    """So many payloads a second, each when it is due, and health five times a second."""
    request, load, free = await payload_of(port), Load(), asyncio.Queue[Client]()
    for _ in range(PEOPLE):
        free.put_nowait(Client(port))

    async def one(due: float) -> None:
        client = await free.get()
        load.answers.append(await client.ask(request, due))
        free.put_nowait(client)

    async def health() -> None:
        client = Client(port)
        while True:
            load.health.append(await client.ask(HEALTH))
            await asyncio.sleep(0.2)

    beside = asyncio.create_task(health())
    async with asyncio.TaskGroup() as group:
        begun = time.perf_counter()
        for k in range(rate * seconds):
            due = begun + k / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    beside.cancel()
    return load


def ready(starts: int) -> bool:
    """Seconds from the start to ready; the kernels are compiled by a start before."""
    for _ in range(starts):
        began = time.perf_counter()
        with serving(UNLIMITED) as (port, process):
            asyncio.run(until_ready(port))
            seconds, spent = time.perf_counter() - began, process.cpu_times()
    print(f"ready after {seconds:.1f} s, of which {spent.user + spent.system:.1f} s of the processor")
    return seconds <= 3.0


def steady(seconds: int) -> bool:
    """60 payloads a second."""
    with serving("100") as (port, process):
        load = asyncio.run(loaded(port, 60, seconds))
        spent = process.cpu_times()
    worst, median = load.quantile(0.99), load.quantile(0.5)
    print(f"{dict(load.statuses)}, median {median:.0f} ms, 99 % within {worst:.0f} ms; processor {spent.user:.0f} s")
    return set(load.statuses) == {200} and worst < 100.0


def flood(seconds: int) -> bool:
    """1,000 payloads a second, of one address."""
    with serving("100") as (port, _):
        load = asyncio.run(loaded(port, 1_000, seconds))
    slowest = 1000 * max(each.seconds for each in load.health)
    retries = {each.retry for each in load.answers if each.status != 200}
    print(
        f"{dict(load.statuses)}, Retry-After {min(retries)} to {max(retries)} s; {len(load.health)} times health, "
        f"the slowest {slowest:.0f} ms"
    )
    is_answered = {each.status for each in load.health} == {200}
    return set(load.statuses) <= {200, 429, 503} and min(retries) > 0 and is_answered


def memory(requests: int) -> bool:
    """Memory in use after a tenth of the requests, and after all."""

    async def asked(port: int, request: bytes, count: int) -> None:
        async def some(share: int) -> None:
            client = Client(port)
            for _ in range(share):
                assert (await client.ask(request)).status == 200

        await asyncio.gather(*(some(count // 8) for _ in range(8)))

    async def measured(port: int, process: psutil.Process) -> list[float]:
        request, found = await payload_of(port), []
        for _ in range(10):
            await asked(port, request, requests // 10)
            found.append(process.memory_info().rss / 1e6)
        return found

    with serving(UNLIMITED) as (port, process):
        found = asyncio.run(measured(port, process))
    # The line of least squares over the last nine tenths: the first fills caches and arenas.
    slope = float(np.polyfit(np.arange(9) * requests / 1e5, found[1:], 1)[0])
    print(f"{found[0]:.1f} MB after a tenth, {found[-1]:.1f} MB after {requests:,}: {slope:+.2f} MB for each 10,000")
    return slope <= 1.0


def connections(count: int) -> bool:
    """Answers on so many connections that are all open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def asked(port: int) -> list[Answer]:
        await until_ready(port)
        clients = [Client(port) for _ in range(count)]
        for first in range(0, count, 500):  # fewer than the server lets wait
            await asyncio.gather(*(client.ask(HEALTH) for client in clients[first : first + 500]))
        return await asyncio.gather(*(client.ask(HEALTH) for client in clients))

    with serving(UNLIMITED) as (port, process):
        answers = asyncio.run(asked(port))
        used = process.memory_info().rss / 1e6
    slowest = max(each.seconds for each in answers)
    print(f"{len(answers):,} connections, each answered twice; all at once within {slowest:.1f} s; {used:.0f} MB")
    return {each.status for each in answers} == {200}


QUESTIONS = {each.__name__: each for each in (ready, steady, flood, memory, connections)}


def main(question: str = "", size: str = "") -> None:
    """Answer one question, or all."""
    for name in [question] if question else QUESTIONS:
        print(f"{name}: ", end="", flush=True)
        assert QUESTIONS[name](int(size or SIZES[name])), f"{name} does not hold"


if __name__ == "__main__":
    main(*sys.argv[1:])
