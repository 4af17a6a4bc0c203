"""A market is sent to a machine once, and used only if its values have the fingerprint that was asked for."""

import operator
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster
from simulated import world

from backtests.runs import sent_markets, tasks
from backtests.runs.sent_markets import WORK_AT_ONCE, _Waiting, offered, packed, run_on_cluster, unpacked
from foundation.errors import ConfigError, DataError
from research.market import Market


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A worker in this process."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as found,
    ):
        yield found


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setattr(sent_markets, "MARKETS_FOLDER", tmp_path / "markets")
    return tmp_path / "markets"


@pytest.fixture(scope="module")
def market() -> Market:
    return world(40)


def opened(client: Client, content: bytes, key: str) -> Any:
    """The record, unpacked in a task of the worker."""
    return client.submit(unpacked, content, key, pure=False).result()


def test_a_record_comes_back_whole_and_holds_no_copy_of_its_market(client: Client, kept: Path, market: Market) -> None:
    content, markets = packed({"market": market, "again": market, "lags": (1, 2)})
    assert list(markets) == [market.fingerprint]
    assert len(content) < 500 < market.returns.nbytes
    with offered(client, markets) as key:
        found = opened(client, content, key)
        assert [path.name for path in kept.glob("*")] == [market.fingerprint]
    assert found["market"] is not market
    assert (found["market"].fingerprint, found["lags"]) == (market.fingerprint, (1, 2))


def test_a_worker_with_threads_that_joins_later_is_refused(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "refuse_threads", lambda *_: None)  # it is not there yet
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
        ) as threads,
        pytest.raises(ConfigError, match="have several threads, and they share a die"),
    ):
        list(run_on_cluster(1, operator.add, [1, 2], threads.scheduler_address, "and they share a die"))


def test_short_tasks_are_sent_together_and_long_ones_alone() -> None:
    waiting = _Waiting(range(9))
    assert next(waiting) == (0,)
    waiting.learn((), WORK_AT_ONCE / 8)
    assert next(waiting) == (1, 2)  # no more than twice as many
    waiting.learn((), WORK_AT_ONCE / 8)
    assert next(waiting) == (3, 4, 5, 6)
    waiting.learn((5, 6), 2.0 * WORK_AT_ONCE)
    assert list(waiting) == [(5,), (6,), (7,), (8,)]
    waiting.learn((8,), WORK_AT_ONCE)
    assert list(waiting) == [(8,)]


@pytest.mark.parametrize("turn", [1e-9, WORK_AT_ONCE])
def test_each_task_is_done_once_however_many_a_worker_has_time_for(
    kept: Path, monkeypatch: pytest.MonkeyPatch, turn: float
) -> None:
    monkeypatch.setattr(sent_markets, "WORK_AT_ONCE", turn)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as cluster:
        found = list(run_on_cluster(3, operator.mul, range(40), cluster.scheduler_address))
    assert sorted(found) == [(task, 3 * task) for task in range(40)]


def test_a_market_that_a_machine_has_is_not_asked_for(client: Client, kept: Path, market: Market) -> None:
    content, markets = packed(market)
    with offered(client, markets) as key:
        opened(client, content, key)
    assert opened(client, content, "nobody").fingerprint == market.fingerprint
    renamed = opened(client, packed(replace(market, name="ours"))[0], "nobody")  # a name is not in the fingerprint
    assert (renamed.name, renamed.fingerprint) == ("ours", market.fingerprint)


@pytest.mark.parametrize("damage", ["half", "empty", "another"])
def test_a_damaged_file_is_fetched_anew(client: Client, kept: Path, market: Market, damage: str) -> None:
    content, markets = packed(market)
    (whole,) = markets.values()
    kept.mkdir()
    bad = {"half": whole[: len(whole) // 2], "empty": b"", "another": next(iter(packed(world(41))[1].values()))}
    (kept / market.fingerprint).write_bytes(bad[damage])
    with offered(client, markets) as key:
        assert opened(client, content, key).fingerprint == market.fingerprint
    assert (kept / market.fingerprint).read_bytes() == whole


def test_a_market_is_used_where_nothing_can_be_kept(client: Client, kept: Path, market: Market) -> None:
    kept.write_text("a file stands where the folder should")
    content, markets = packed(market)
    with offered(client, markets) as key:
        assert opened(client, content, key).fingerprint == market.fingerprint


def test_the_cache_is_made_for_its_user_alone_and_refused_where_others_may_write(
    client: Client, kept: Path, market: Market
) -> None:
    content, markets = packed(market)
    with offered(client, markets) as key:
        opened(client, content, key)
        assert kept.stat().st_mode & 0o777 == 0o700
        kept.chmod(0o770)
        with pytest.raises(DataError, match=r"mode drwxrwx---: others could put code there.*Delete it"):
            opened(client, content, key)


KILLED = """
import os, sys
from distributed import Client
from backtests.runs.sent_markets import offered

with Client(sys.argv[1], set_as_default=False) as client, offered(client, {"f": b"market"}) as key:
    print(key, client.get_metadata([key, "f"]), flush=True)
    os._exit(9)
"""


def test_what_a_killed_command_offered_is_let_go() -> None:
    with (
        LocalCluster(n_workers=0, protocol="tcp", host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as other,
        offered(other, {"e": b"another"}) as kept,
    ):
        words = [sys.executable, "-c", KILLED, cluster.scheduler_address]
        said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        assert said.startswith("markets of Client-")
        assert said.endswith(" b'market'\n")

        def held() -> list[str]:
            return [name for name in cluster.scheduler.task_metadata if name.startswith("markets of ")]

        until = time.monotonic() + 30.0
        while len(held()) > 1 and time.monotonic() < until:
            time.sleep(0.02)
        assert held() == [kept]


@pytest.mark.parametrize("offer", ["nothing", "another"])
def test_a_market_that_nobody_has_is_said(client: Client, kept: Path, market: Market, offer: str) -> None:
    content, _ = packed(market)
    other = {market.fingerprint: next(iter(packed(world(41))[1].values()))} if offer == "another" else {}
    said = rf"no market with fingerprint {market.fingerprint[:8]} is in .* Start the sweep again"
    with offered(client, other) as key, pytest.raises(DataError, match=said):
        opened(client, content, key)
    assert not list(kept.glob("[0-9a-f]*"))
