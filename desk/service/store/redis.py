"""Counters that expire, which the processes of a service share. Without a Redis each process has its own."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Protocol
from urllib.parse import urlsplit

from redis import Redis, RedisError

from desk.service.store.engine import check_server_password
from foundation.arguments import first_line, refuse
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError

PREFIX = "rebalance:"  # of every key
MOST_COUNTERS = 10_000  # beyond which those that expired are looked for
SILENT_SECONDS = 5.0  # seconds without an answer of Redis that are an error
COUNT_SCRIPT = """
local events = redis.call("INCR", KEYS[1])
if events == 1 then redis.call("PEXPIRE", KEYS[1], ARGV[1]) end
return {events, redis.call("PTTL", KEYS[1])}
"""  # a script is atomic: no counter stays without its end


class SharedCounters(Protocol):
    """Counters of a service."""

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """Count an event: the events since the first of the running period, and the seconds until the period ends.

        seconds : length of a period, which begins with the first event after the last one ended.
        Raises  : RedisError where a Redis does not answer.
        """


@dataclass(frozen=True)
class InProcess:
    """Counters of this process. clock : seconds that never go back."""

    clock: Callable[[], float] = time.monotonic
    _counters: dict[str, tuple[int, float]] = field(default_factory=dict)  # events, and when the period ends
    _lock: Lock = field(default_factory=Lock)

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """As `SharedCounters.count`."""
        with self._lock:
            now = self.clock()
            if len(self._counters) >= MOST_COUNTERS:
                for each in [each for each, (_, end) in self._counters.items() if end <= now]:
                    del self._counters[each]
            events, end = self._counters.get(key, (0, 0.0))
            if end <= now:
                events, end = 0, now + seconds
            self._counters[key] = events + 1, end
            return events + 1, min(end - now, seconds)


@dataclass(frozen=True)
class InRedis:
    """Counters of all processes that use one Redis."""

    redis: Redis

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """As `SharedCounters.count`."""
        events, left = self.redis.eval(COUNT_SCRIPT, 1, PREFIX + key, round(1000 * seconds))
        return events, left / 1000


def opened_shared(url: str) -> SharedCounters:
    """Counters in the Redis at a URL; "" keeps them within this process.

    Raises : ConfigError for a URL that is none, or without password on a network, or whose server does not answer.
    """
    if not url:
        return InProcess()
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        refuse("the scheme of REDIS_URL is", parts.scheme, "use redis://, rediss:// (TLS) or unix:///path.")
    check_server_password("REDIS_URL", parts.hostname or "", parts.password)
    try:
        redis = Redis.from_url(url, socket_timeout=SILENT_SECONDS, health_check_interval=30)
        redis.ping()
    except (RedisError, ValueError) as error:
        raise ConfigError(f"the Redis of REDIS_URL does not answer: {first_line(error)}.") from error
    return InRedis(redis)
