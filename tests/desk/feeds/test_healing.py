"""A store heals: what an answer lacked, and what a source changes late, is there within 30 daily updates."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from provider_bodies import Bar
from provider_server import NONE, Source, Time, made_bars, serving

from desk.feeds.adapter import BEGINS, Adapter, GetRequest, Wanted
from desk.feeds.adapters.yahoo import Yahoo
from desk.feeds.fetching import MIRROR
from desk.feeds.refresh import WHOLE_ON, fetch, late_starts
from research.market.calendars import sessions
from research.market.store import PriceStore

DAYS = sessions(np.datetime64("2021-06-01"), np.datetime64("2022-12-29"), "XNYS").tolist()
UPDATES = 50  # daily, of which any damage comes within the first 20
ASSETS = int(os.environ.get("HEALED_ASSETS", "16"))
Damage = Callable[[list[Bar], int, np.random.Generator, int], list[Bar]]


def cut(bars: list[Bar], update: int, rng: np.random.Generator, at: int) -> list[Bar]:
    """The first answer has its last bars alone."""
    return bars[-int(rng.integers(2, 60)) :] if update == 0 else bars


def block(bars: list[Bar], update: int, rng: np.random.Generator, at: int) -> list[Bar]:
    """The first answer lacks some bars in its middle."""
    first = int(rng.integers(1, len(bars) - 60))
    return bars[:first] + bars[first + int(rng.integers(1, 60)) :] if update == 0 else bars


def late_dividend(bars: list[Bar], update: int, rng: np.random.Generator, at: int) -> list[Bar]:
    """A dividend of the past is listed from an update on."""
    k = int(rng.integers(5, 300))
    return [*bars[:k], bars[k]._replace(dividend=0.5), *bars[k + 1 :]] if update >= at else bars


def revised(bars: list[Bar], update: int, rng: np.random.Generator, at: int) -> list[Bar]:
    """A close of any day of the past is another one from an update on."""
    k = int(rng.integers(0, 300))
    return [*bars[:k], bars[k]._replace(close=bars[k].close * 1.07), *bars[k + 1 :]] if update >= at else bars


DAMAGES: tuple[Damage, ...] = (cut, block, late_dividend, revised)
pytestmark = pytest.mark.usefixtures("quiet")


def test_every_drawn_damage_is_healed_within_30_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`HEALED_ASSETS=1000` draws a thousand."""
    rng = np.random.default_rng(7)
    drawn = [(DAMAGES[i % 4], int(rng.integers(0, 2**31)), int(rng.integers(0, 20))) for i in range(ASSETS)]
    whole = {f"S{i:04d}": made_bars(DAYS, 50.0, i) for i in range(ASSETS)}
    store = PriceStore(tmp_path / "store", "store")

    def told(update: int) -> dict[str, list[Bar]]:
        """What the source tells at an update, of days up to its last session."""
        last = len(DAYS) - UPDATES + update
        bars = zip(whole.items(), drawn, strict=True)
        return {
            symbol: damage(own[:last], update, np.random.default_rng(seed), at)
            for (symbol, own), (damage, seed, at) in bars
        }

    with serving({}) as served:
        monkeypatch.setenv(MIRROR, served.address)
        for update in range(UPDATES + 1):
            served.bars, last = told(update), DAYS[len(DAYS) - UPDATES + update - 1]
            clock = Time(f"{last + timedelta(days=1)}T06:00:00").clock
            done = fetch(store, Source(NONE), [Wanted(symbol, symbol, None, last) for symbol in whole], clock=clock)
            assert not done.failed
    rows, true = store.rows(), told(UPDATES)
    for symbol, bars in true.items():
        own = rows[rows["asset_id"] == symbol]
        assert own["close"].tolist() == [bar.close for bar in bars], symbol
        assert own["dividend"].tolist() == [bar.dividend for bar in bars], symbol


@dataclass(frozen=True)
class Cut(Yahoo):
    """A source whose answers begin late."""

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        return super().requests(replace(wanted, first=DAYS[-30]), key)


def test_a_history_that_begins_after_its_source_is_a_finding_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yahoo says on which day a history begins: an answer that begins later is asked for again at the next update."""
    store = PriceStore(tmp_path / "store", "store")
    with serving({"SPY": made_bars(DAYS, 50.0)}) as served:
        monkeypatch.setenv(MIRROR, served.address)

        def updated(adapter: Adapter, last: int, *again: str) -> tuple[int, int]:
            clock = Time(f"{DAYS[last] + timedelta(days=1)}T06:00:00").clock
            done = fetch(store, adapter, [Wanted("SPY", "SPY", None, DAYS[last])], clock=clock, again=again)
            return done.rows, done.requests

        assert updated(Cut(), -3) == (29, 1)
        assert store.about.get(WHOLE_ON) is None
        assert store.about[BEGINS] == {"SPY": str(DAYS[0])}
        found = late_starts(store, store.read(["SPY"]), {"SPY": "XNYS"})
        assert [(each.kind, each.first, each.points) for each in found] == [("start", np.datetime64(DAYS[0]), 100.0)]
        assert f"begins on {DAYS[-31]}, {len(DAYS) - 31:,} sessions after {DAYS[0]}" in found[0].sentence
        assert updated(Yahoo(), -2) == (len(DAYS) - 30, 1)
        assert store.about[WHOLE_ON] == {"SPY": str(DAYS[-2] + timedelta(days=1))}
        assert late_starts(store, store.read(["SPY"]), {"SPY": "XNYS"}) == []
        assert updated(Yahoo(), -2) == (0, 0)
        assert updated(Yahoo(), -2, "SPY") == (0, 1)
