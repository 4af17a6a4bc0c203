"""Counters that expire, and messages, which the processes of a service share.

Without a Redis they stay within this process: limits then hold for each process, and messages reach its own clients.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from threading import Lock
from typing import Protocol
from urllib.parse import urlsplit

from redis import Redis, RedisError

from desk.service.store.engine import check_password
from foundation.arguments import first_line, refuse
from foundation.errors import ConfigError

PREFIX = "rebalance:"  # of every key and channel
MOST_WAITING = 1000  # messages that wait for a subscriber; later ones are dropped
MOST_COUNTERS = 10_000  # beyond which those that expired are looked for
NO_ANSWER = 5.0  # seconds without an answer of Redis that are an error

COUNT = """
local events = redis.call("INCR", KEYS[1])
if events == 1 then redis.call("PEXPIRE", KEYS[1], ARGV[1]) end
return {events, redis.call("PTTL", KEYS[1])}
"""  # a script is atomic: no counter stays without its end

Receive = Callable[[float], str | None]  # the next message within so many seconds, None for none; 0 does not wait


class Shared(Protocol):
    """Counters and messages of a service. Each method raises RedisError where a Redis does not answer."""

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """Count an event: the events since the first of the running period, and the seconds until the period ends.

        seconds : length of a period, which begins with the first event after the last one ended.
        """

    def publish(self, channel: str, message: str) -> None:
        """Send a message to those that are subscribed now."""

    def subscribed(self, channel: str) -> AbstractContextManager[Receive]:
        """Receive the messages of a channel while the block lasts."""


@dataclass(frozen=True)
class InProcess:
    """Shared within this process. clock : seconds that never go back."""

    clock: Callable[[], float] = time.monotonic
    _counters: dict[str, tuple[int, float]] = field(default_factory=dict)  # events, and when the period ends
    _subscribers: dict[str, list[Queue[str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """As `Shared.count`."""
        with self._lock:
            now = self.clock()
            if len(self._counters) >= MOST_COUNTERS:
                for each in [each for each, (_, end) in self._counters.items() if end <= now]:
                    del self._counters[each]
            events, end = self._counters.get(key, (0, 0.0))
            if end <= now:
                events, end = 0, now + seconds
            self._counters[key] = events + 1, end
            return events + 1, end - now

    def publish(self, channel: str, message: str) -> None:
        """As `Shared.publish`."""
        with self._lock:
            for waiting in self._subscribers.get(channel, ()):
                with suppress(Full):
                    waiting.put_nowait(message)

    @contextmanager
    def subscribed(self, channel: str) -> Iterator[Receive]:
        """As `Shared.subscribed`."""
        waiting: Queue[str] = Queue(MOST_WAITING)

        def receive(seconds: float) -> str | None:
            with suppress(Empty):
                return waiting.get(seconds > 0, seconds)
            return None

        with self._lock:
            self._subscribers.setdefault(channel, []).append(waiting)
        try:
            yield receive
        finally:
            with self._lock:
                self._subscribers[channel].remove(waiting)
                if not self._subscribers[channel]:
                    del self._subscribers[channel]


@dataclass(frozen=True)
class InRedis:
    """Shared among all processes that use one Redis."""

    redis: Redis

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """As `Shared.count`."""
        events, left = self.redis.eval(COUNT, 1, PREFIX + key, round(1000 * seconds))
        return events, left / 1000

    def publish(self, channel: str, message: str) -> None:
        """As `Shared.publish`."""
        self.redis.publish(PREFIX + channel, message)

    @contextmanager
    def subscribed(self, channel: str) -> Iterator[Receive]:
        """As `Shared.subscribed`."""
        with self.redis.pubsub() as messages:
            messages.subscribe(PREFIX + channel)
            messages.get_message(timeout=NO_ANSWER)  # that it is subscribed

            def receive(seconds: float) -> str | None:
                found = messages.get_message(ignore_subscribe_messages=True, timeout=seconds)
                return found and found["data"]

            yield receive


def opened_shared(url: str) -> Shared:
    """Counters and messages in the Redis at a URL; "" keeps them within this process.

    Raises : ConfigError for a URL that is none, or without password on a network, or whose server does not answer.
    """
    if not url:
        return InProcess()
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        refuse("the scheme of REDIS_URL is", parts.scheme, "use redis://, rediss:// (TLS) or unix:///path.")
    check_password("REDIS_URL", parts.hostname or "", parts.password)
    try:
        redis = Redis.from_url(url, decode_responses=True, socket_timeout=NO_ANSWER, health_check_interval=30)
        redis.ping()
    except (RedisError, ValueError) as error:
        raise ConfigError(
            f"the Redis of REDIS_URL does not answer: {first_line(error)}. Start it, or mend the URL."
        ) from error
    return InRedis(redis)
