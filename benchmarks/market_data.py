"""The store of prices with 5,000 assets of 30 years: a market of 500 out of it, all of it checked, 500 assets updated.

Then the first steps of a new user: the commands new, data fetch and report, each a process, on ten funds since 2016.

The peer is what a user writes without a store: pandas' reader of the same Parquet files with a filter by asset, and a
pivot of the closes, which knows no calendar, no revision and no return.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.timing import keep, machine, show, versions
from desk.feeds.adapter import RateLimits, Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.fetching import MIRROR
from desk.feeds.refresh import fetch
from foundation.files import ROOT
from foundation.home import STORES
from foundation.machine import peak_memory
from research.market.calendars import sessions
from research.market.quality import check
from research.market.reading.from_store import StoredLine, market_from_store
from research.market.rows import price_rows
from research.market.store import PriceStore

ASSETS, CHOSEN, AT_ONCE = 5_000, 500, 100
UPDATES = 250  # days, each with a row of the chosen assets
FIRST, LAST = np.datetime64("1996-11-01"), np.datetime64("2026-10-30")
FUNDS = ("SPY", "IWM", "EFA", "EEM", "AGG", "TLT", "LQD", "TIP", "GLD", "VNQ")
FIRST_FUND = np.datetime64("2016-01-04")
MOMENT = np.datetime64("2026-11-01T00:00:00", "us")
AIMS = {
    "a market of 500 of closes alone": 1.5,
    "a market of 500": 2.5,
    "the same after 250 daily updates": 2.5,
    "all 5,000 checked": 60.0,
    "500 updated from a local server": 10.0,
    "new, fetch and report of ten funds": 30.0,
}
NONE = RateLimits(10_000, 0.001)  # a source without limits


def made_rows(asset: str, days: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Bars of an asset with a dividend a quarter and one split."""
    close = np.round(50.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, len(days)))), 4)
    dividend, split = np.zeros(len(days)), np.ones(len(days))
    dividend[60::63] = 0.2
    split[len(days) // 2] = 2.0
    volume = rng.integers(100_000, 10_000_000, len(days)).astype(float)
    bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "volume": volume}
    return price_rows(
        asset, days, close, currency="USD", source="made", fetched_at=MOMENT, split=split, dividend=dividend, **bars
    )


def made_store(folder: Path) -> PriceStore:
    """The store, its parts joined, the last 250 sessions of the chosen assets not yet in it."""
    store, rng, days = PriceStore(folder, "made"), np.random.default_rng(1), sessions(FIRST, LAST, "XNYS")
    names = [f"A{i:04d}" for i in range(ASSETS)]
    for start in range(0, ASSETS, AT_ONCE):
        store.add(pd.concat([made_rows(name, days[:-UPDATES], rng) for name in names[start : start + AT_ONCE]]))
    store.compact()
    store.describe(adjustment="raw")
    return store


def closes_store(folder: Path, store: PriceStore, names: list[str]) -> PriceStore:
    """A store of closes alone, of which a market has returns and quotes."""
    found = PriceStore(folder, "closes")
    for start in range(0, len(names), AT_ONCE):
        found.add(
            store.rows(names[start : start + AT_ONCE]).assign(open=np.nan, high=np.nan, low=np.nan, volume=np.nan)
        )
    found.compact()
    found.describe(adjustment="raw")
    return found


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the wall and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def pivoted(store: PriceStore, names: list[str]) -> pd.DataFrame:
    """The closes by pyarrow's reader and pandas' pivot alone."""
    wanted = pq.read_table(store.parts, columns=["asset_id", "session", "close"], filters=[("asset_id", "in", names)])
    return wanted.to_pandas().pivot_table(index="session", columns="asset_id", values="close", observed=True)


def updated(store: PriceStore, names: list[str]) -> None:
    """A row of each chosen asset a day, 250 times."""
    days, rng, count = sessions(FIRST, LAST, "XNYS")[-UPDATES:], np.random.default_rng(2), len(names)
    for number, day in enumerate(days):
        moment, close = MOMENT + np.timedelta64(number + 1, "D"), np.round(rng.uniform(40.0, 60.0, count), 4)
        bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "volume": np.full(count, 1e6)}
        made = {"currency": "USD", "source": "made", "fetched_at": moment}
        store.add(price_rows(names, np.full(count, day), close, **made, **bars))


def checked(store: PriceStore, names: list[str]) -> None:
    """All assets, a hundred at once."""
    for start in range(0, len(names), AT_ONCE):
        check(store.read(names[start : start + AT_ONCE]))


def first_steps(folder: Path) -> tuple[float, float]:
    """The commands of a new user, against a server of this machine: seconds of the wall and of the processor."""
    from provider_server import made_bars, serving

    days = [day.item() for day in sessions(FIRST_FUND, np.datetime64("today") - 1, "XNYS")]
    bars = {name: made_bars(days, 50.0, seed) for seed, name in enumerate(FUNDS)}
    bars["DTB3"] = [bar._replace(close=4.0) for bar in made_bars(days, 4.0)]
    folder.mkdir()
    weights = [f"{name}=10" for name in FUNDS]
    commands = [["new", "my.yaml", *weights, "--nav", "100000"], ["data", "fetch", "my.yaml"], ["report", "my.yaml"]]
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with serving(bars) as server:
        place = {"PYTHONPATH": str(ROOT), "REBALANCE_HOME": str(folder), STORES: str(folder / "stores")}
        env = os.environ | place | {MIRROR: server.address}
        for command in commands:
            called = [sys.executable, "-m", "desk.cli", *command]
            subprocess.run(called, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def refreshed(folder: Path) -> tuple[float, float]:
    """An update of 500 assets from a server of this machine, after a first fetch that is not timed."""
    from provider_server import made_bars, serving

    days = [day.item() for day in sessions(np.datetime64("2016-01-04"), np.datetime64("2022-12-29"), "XNYS")]
    names = [f"A{i:03d}" for i in range(CHOSEN)]
    bars = {name: made_bars(days, 50.0, seed) for seed, name in enumerate(names)}
    store, source = PriceStore(folder, "yahoo"), replace(ADAPTERS["yahoo"], limits=NONE)  # type: ignore[type-var]
    with serving(bars) as server:
        os.environ[MIRROR] = server.address
        fetch(store, source, [Wanted(name, name, None, days[-2]) for name in names])
        return timed(lambda: fetch(store, source, [Wanted(name, name, None, days[-1]) for name in names]))


def main() -> None:
    """Make the store, time each task, and keep the figures."""
    sys.path.append(str(ROOT / "tests"))
    with tempfile.TemporaryDirectory() as place:
        store = made_store(Path(place) / "made")
        names = store.assets()
        chosen = names[:: ASSETS // CHOSEN]
        lines = {name: StoredLine(name, "XNYS") for name in chosen}
        peak = peak_memory()
        found = {"a market of 500, the first of a process": timed(lambda: market_from_store(store, lines))}
        found["a market of 500"] = timed(lambda: market_from_store(store, lines))
        closes = closes_store(Path(place) / "closes", store, chosen)
        found["a market of 500 of closes alone"] = timed(lambda: market_from_store(closes, lines))
        found["pandas: a pivot of their closes"] = timed(lambda: pivoted(store, chosen))
        updated(store, chosen)
        found["the first after 250 daily updates"] = timed(lambda: market_from_store(store, lines))
        found["the same after 250 daily updates"] = timed(lambda: market_from_store(store, lines))
        found["all 5,000 checked"] = timed(lambda: checked(store, names))
        found["500 updated from a local server"] = refreshed(Path(place) / "yahoo")
        found["new, fetch and report of ten funds"] = first_steps(Path(place) / "new")
        size = sum(path.stat().st_size for path in store.parts) / 1e9
    rows: list[list[str]] = []
    for name, (wall, processor) in found.items():
        rows.append([name, f"{wall:.2f}", f"{processor:.2f}", f"{AIMS[name]:g}" if name in AIMS else ""])
    notes = [f"{size:.2f} GB on disk; peak before the first market {peak / 1e9:.2f} GB. {machine()}"]
    head = ["task", "seconds", "of processor", "aim"]
    show("The store of prices, 5,000 assets of 30 years", head, rows, [*notes, versions("pandas", "pyarrow")])
    keep("market_data", {name: {"seconds": wall, "processor": processor} for name, (wall, processor) in found.items()})


if __name__ == "__main__":
    main()
