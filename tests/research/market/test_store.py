"""The store of prices: what was known at each moment stays known, whoever writes, and whatever is joined or killed."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import research.market.store as store_module
from foundation.errors import ConfigError, DataError
from research.market.rows import NUMBERS, price_rows
from research.market.store import ABOUT_FILE, PriceStore, named_store, store_names

DAYS = np.arange("2020-01-01", "2020-02-10", dtype="datetime64[D]")
MOMENTS = [np.datetime64(f"2026-11-{day:02d}T20:00:00", "us") for day in range(1, 29)]


def rows_of(asset: str, close: object, moment: int = 0, days: np.ndarray = DAYS) -> pd.DataFrame:
    return price_rows(asset, days, close, currency="USD", source="made", fetched_at=MOMENTS[moment])


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    return PriceStore(tmp_path / "made", "made")


def closes(store: PriceStore, asset: str, moment: int | None = None) -> list[float]:
    known_on = None if moment is None else MOMENTS[moment]
    return store.read([asset], known_on=known_on).numbers["close"].tolist()


def test_rows_come_back_as_they_were_added(store: PriceStore):
    rows = rows_of("SPY", np.linspace(100, 139, 40))
    store.add(rows)
    pd.testing.assert_frame_equal(store.rows(), rows)


def test_what_is_known_already_is_not_kept_again(store: PriceStore):
    close = np.linspace(100, 139, 40)
    store.add(rows_of("SPY", close))
    assert len(store.add(rows_of("SPY", close * (1 + 1e-6), moment=1))) == 0  # the source's rounding
    assert len(store.parts) == 1


def test_a_changed_past_keeps_both_numbers(store: PriceStore):
    store.add(rows_of("SPY", np.full(40, 100.0)))
    later = np.full(40, 100.0)
    later[3] = 101.0
    assert store.add(rows_of("SPY", later, moment=1))["session"].tolist() == [pd.Timestamp("2020-01-04")]
    assert closes(store, "SPY")[3] == 101.0
    assert closes(store, "SPY", moment=0)[3] == 100.0
    revision = store.revisions().iloc[0]
    assert (revision["column"], revision["before"], revision["after"]) == ("close", 100.0, 101.0)
    assert revision["known_before"] == pd.Timestamp(MOMENTS[0])
    assert revision["known_after"] == pd.Timestamp(MOMENTS[1])


def test_a_close_that_the_source_withdrew_is_no_bar(store: PriceStore):
    store.add(rows_of("SPY", np.full(40, 100.0)))
    store.add(rows_of("SPY", [np.nan], moment=1, days=DAYS[3:4]))
    assert len(closes(store, "SPY")) == 39
    assert len(closes(store, "SPY", moment=0)) == 40


def test_a_number_that_returned_is_in_force_again(store: PriceStore):
    for moment, close in enumerate((100.0, 101.0, 100.0)):
        store.add(rows_of("SPY", [close], moment=moment, days=DAYS[:1]))
    assert closes(store, "SPY") == [100.0]
    assert len(store.revisions()) == 2


def test_nothing_was_known_before_the_first_rows(store: PriceStore):
    store.add(rows_of("SPY", 100.0, moment=5))
    with pytest.raises(DataError, match="nothing was known of SPY in store 'made' by 2026-11-01 20:00:00 UTC"):
        store.read(["SPY"], known_on=MOMENTS[0])


def test_an_unknown_asset_is_refused_with_the_nearest(store: PriceStore):
    store.add(rows_of("SPY", 100.0))
    with pytest.raises(DataError, match=r"store 'made' has no prices of 'SPX'\. Did you mean 'SPY'"):
        store.read(["SPX"])


@settings(max_examples=8)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=8),
    st.sampled_from([1, 3, 1_000]),
)
def test_joining_parts_changes_nothing_that_is_or_was_known(
    tmp_path_factory: pytest.TempPathFactory, edits: list, least_group: int
):
    store = PriceStore(tmp_path_factory.mktemp("store") / "s", "s")
    for moment, (asset, day, close) in enumerate(edits):
        store.add(rows_of(asset, [float(close)], moment=moment, days=DAYS[day : day + 1]))
    before = [store.rows(known_on=moment) for moment in MOMENTS[: len(edits)]]
    revisions = store.revisions()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "LEAST_GROUP", least_group)
        store.compact()
    assert all(path.name.endswith("-j.parquet") for path in store.parts)
    for moment, rows in zip(MOMENTS, before, strict=False):
        pd.testing.assert_frame_equal(store.rows(known_on=moment), rows)
    pd.testing.assert_frame_equal(store.revisions(), revisions)


def test_a_row_in_two_parts_counts_once(store: PriceStore):
    store.add(rows_of("SPY", np.linspace(100, 139, 40)))
    before, old = store.rows(history=True), store.parts[0].read_bytes()
    name = store.parts[0].name
    store.compact()
    (store.folder / name).write_bytes(old)  # as a process that was killed while joining leaves it
    pd.testing.assert_frame_equal(store.rows(history=True), before)
    assert len(closes(store, "SPY")) == 40


def test_many_small_parts_are_joined(store: PriceStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "SMALL_PARTS", 4)
    for day in range(7):
        store.add(rows_of("AB"[day % 2], [100.0], days=DAYS[day : day + 1]))
    assert len(store.parts) == 3
    assert len(store.read(["A", "B"]).days) == 7


def test_parts_stay_few_however_many_days_are_added(store: PriceStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "SMALL_PARTS", 2)
    counts = []
    for day in range(20):
        store.add(pd.concat([rows_of(asset, [100.0 + day], days=DAYS[day : day + 1]) for asset in "AB"]))
        counts.append(len(store.parts))
    assert max(counts) <= store_module.FOLDS + 2
    assert closes(store, "A") == closes(store, "B") == [100.0 + day for day in range(20)]


def test_a_flipped_byte_changes_no_number(store: PriceStore, tmp_path: Path):
    store.add(rows_of("SPY", np.linspace(100, 139, 40)))
    content, truth, refused = store.parts[0].read_bytes(), store.read(["SPY"]).fingerprint, 0
    for place in range(0, len(content), 41):
        damaged = PriceStore(tmp_path / str(place), "damaged")
        damaged.folder.mkdir()
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        (damaged.folder / store.parts[0].name).write_bytes(flipped)
        try:
            assert damaged.read(["SPY"]).fingerprint == truth  # of a column that is not read, or of no meaning
        except DataError as error:
            refused += "is damaged: " in str(error)
    assert refused > 60


def test_the_fingerprint_follows_the_rows_alone(store: PriceStore, tmp_path: Path):
    close = np.linspace(100, 139, 40)
    other = PriceStore(tmp_path / "other", "other")
    store.add(rows_of("SPY", close))
    other.add(rows_of("SPY", close[:20], days=DAYS[:20]))
    other.add(rows_of("SPY", close[20:], moment=1, days=DAYS[20:]))
    assert store.read(["SPY"]).fingerprint == other.read(["SPY"]).fingerprint
    other.add(rows_of("SPY", [1.0], moment=2, days=DAYS[:1]))
    assert store.read(["SPY"]).fingerprint != other.read(["SPY"]).fingerprint


def test_stores_are_listed_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path))
    assert store_names() == []
    named_store("yahoo").add(rows_of("SPY", 100.0))
    assert store_names() == ["yahoo"]
    with pytest.raises(ConfigError, match="has a slash"):
        named_store("../yahoo")


WRITER = """
import sys
import numpy as np
from pathlib import Path
from research.market.rows import price_rows
from research.market.store import PriceStore
store, asset = PriceStore(Path(sys.argv[1]), "s"), sys.argv[2]
days = np.arange("2020-01-01", "2020-01-31", dtype="datetime64[D]")
for number, day in enumerate(days):
    moment = np.datetime64("2026-11-01T00:00:00", "us") + np.timedelta64(number, "m")
    store.add(price_rows(asset, [day], [100.0 + number], currency="USD", source="s", fetched_at=moment))
    print(number, flush=True)
    if number % 10 == 9:
        store.compact()
"""


def test_two_writers_at_once_lose_nothing_and_a_killed_one_loses_only_what_it_had_not_said(tmp_path: Path):
    folder = tmp_path / "s"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, folder, asset], stdout=subprocess.PIPE, text=True)
        for asset in ("A", "B")
    ]
    said = 0
    for line in writers[1].stdout:
        said = int(line)
        if said == 11:
            writers[1].send_signal(signal.SIGKILL)
            break
    assert writers[0].wait() == 0
    writers[1].wait()
    known = PriceStore(folder, "s").read(["A", "B"])
    assert np.diff(known.bounds)[0] == 30
    assert np.diff(known.bounds)[1] >= said + 1
    assert set(NUMBERS) == set(known.numbers)


def test_a_table_without_rows_adds_nothing(store: PriceStore):
    assert store.add(rows_of("SPY", np.full(40, 100.0)).iloc[:0]).empty
    assert store.parts == []


def test_a_vintage_that_was_known_before_the_rows_in_force_is_kept(store: PriceStore):
    store.add(rows_of("DTB3", [3.0], moment=9, days=DAYS[:1]))
    store.add(pd.concat([rows_of("DTB3", [rate], moment=at, days=DAYS[:1]) for rate, at in ((2.0, 0), (3.0, 5))]))
    assert [closes(store, "DTB3", moment) for moment in (0, 4, 5, 9)] == [[2.0], [2.0], [3.0], [3.0]]


@pytest.mark.parametrize("content", ["[]", "null", '"raw"', '{"adjustment": "ra', "[" * 100_000])
def test_facts_of_a_store_that_are_no_object_are_refused_with_their_place(store: PriceStore, content: str):
    store.add(rows_of("SPY", np.full(40, 100.0)))
    (store.folder / ABOUT_FILE).write_text(content)
    with pytest.raises(DataError, match=r"store\.json is .*no JSON.*\. Restore it"):
        store.describe(adjustment="raw")
    assert (store.folder / ABOUT_FILE).read_text() == content
