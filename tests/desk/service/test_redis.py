"""Counters that processes share: the same within a process and in a Redis."""

from collections.abc import Iterator
from secrets import token_hex

import pytest
from database_servers import installed, redis_server
from redis import Redis

from desk.service.store.redis import MOST_COUNTERS, InProcess, InRedis, SharedCounters, opened_shared
from foundation.errors import ConfigError

SERVERS = installed("Redis") or {"none": None}  # of which the test says that it is missing


@pytest.fixture(scope="module", params=["process", *SERVERS])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[SharedCounters, SharedCounters]]:
    """What two threads, or two processes, hold."""
    if request.param == "process":
        one = InProcess()
        yield one, one
        return
    with redis_server(programs=SERVERS[request.param]) as url:
        yield opened_shared(url), opened_shared(url)


def test_a_counter_counts_for_all_and_has_an_end(pair: tuple[SharedCounters, SharedCounters]) -> None:
    key = token_hex(8)
    counted = [shared.count(key, 3600) for shared in (*pair, *pair)]
    assert [events for events, _ in counted] == [1, 2, 3, 4]
    assert all(3000 < left <= 3600 for _, left in counted)
    assert pair[0].count(token_hex(8), 3600)[0] == 1


def test_a_counter_begins_anew_after_its_period() -> None:
    moment = [0.0]
    shared = InProcess(lambda: moment[0])
    assert [shared.count("a", 10), shared.count("a", 10)] == [(1, 10.0), (2, 10.0)]
    moment[0] = 9.0
    assert shared.count("a", 10) == (3, 1.0)
    moment[0] = 10.0
    assert shared.count("a", 10) == (1, 10.0)


def test_counters_that_are_over_take_no_memory() -> None:
    moment = [0.0]
    shared = InProcess(lambda: moment[0])
    for number in range(3 * MOST_COUNTERS):
        moment[0] = number
        shared.count(str(number), 10)
    assert len(shared._counters) <= MOST_COUNTERS


def test_redis_ends_a_counter(redis_url: str) -> None:
    shared, redis = opened_shared(redis_url), Redis.from_url(redis_url)
    key = token_hex(8)
    shared.count(key, 3600)
    redis.pexpire(f"rebalance:{key}", 0)
    assert shared.count(key, 3600)[0] == 1
    assert redis.pttl(f"rebalance:{key}") > 3_000_000


def test_without_a_url_it_is_this_process(redis_url: str) -> None:
    assert isinstance(opened_shared(""), InProcess)
    assert isinstance(opened_shared(redis_url), InRedis)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://cache.internal:6379/0", "REDIS_URL has no password for the host 'cache.internal'"),
        ("redis://user:@10.0.0.3", "REDIS_URL has no password"),
        ("rediss://10.0.0.3", "REDIS_URL has no password"),
        ("http://:secret@127.0.0.1", "the scheme of REDIS_URL is 'http'"),
        ("unix:///nowhere/redis", "does not answer"),
        ("redis://:secret@127.0.0.1:1/0", "does not answer"),
    ],
)
def test_a_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        opened_shared(url)
    assert "secret" not in str(refused.value)


def test_a_server_with_a_password_answers_to_it_alone() -> None:
    with redis_server("--requirepass", "secret") as url:
        assert opened_shared(url.replace("://", "://:secret@")).count("a", 60)[0] == 1
        for wrong in ("://", "://:wrong@"):
            with pytest.raises(ConfigError, match="does not answer"):
                opened_shared(url.replace("://", wrong))
