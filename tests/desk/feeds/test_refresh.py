"""Stores brought up to date from a real server: what is asked, kept, revised, failed and left."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pandas as pd
import pytest
from provider_bodies import Bar
from provider_server import NONE, Server, Source, Time, made_bars, serving

from desk.feeds import refresh
from desk.feeds.adapter import FeedError, RateLimits, Reply, Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.adapters.fred import Fred
from desk.feeds.fetching import MIRROR
from desk.feeds.pace import Clock
from desk.feeds.refresh import AGAIN, GIVE_UP, Fetched, fetch
from desk.feeds.transport import REQUESTS_TOGETHER
from foundation.errors import ConfigError
from foundation.progress import bar
from research.market.calendars import sessions
from research.market.store import PriceStore, named_store

DAYS = sessions(np.datetime64("2022-10-03"), np.datetime64("2022-12-29"), "XNYS").tolist()
SYMBOLS = [f"S{i:03d}" for i in range(24)]
BARS = {symbol: made_bars(DAYS, 50.0 + i, i) for i, symbol in enumerate(SYMBOLS)}
RATES = [3.0 + i / 100 for i in range(len(DAYS))]  # percent a year

LATER = "2022-12-31T06:00:00"
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    return PriceStore(tmp_path / "store", "store")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(dict(BARS)) as server:
        monkeypatch.setenv(MIRROR, server.address)
        yield server


def wanted(symbols: list[str], last: date = DAYS[-1], first: date | None = None) -> list[Wanted]:
    return [Wanted(symbol, symbol, first, last) for symbol in symbols]


def fetched(store: PriceStore, asks: list[Wanted], limits: RateLimits = NONE, time: Time | None = None) -> Fetched:
    return fetch(store, Source(limits), asks, clock=(time or Time()).clock)


def content(store: PriceStore) -> pd.DataFrame:
    """The rows in force, without the moment at which they were known."""
    return store.rows().drop(columns="fetched_at")


def first_days(served: Server) -> list[str]:
    return [asked.params["startDate"] for asked in served.asked]


def test_the_store_has_what_the_server_has(store: PriceStore, served: Server) -> None:
    done = fetched(store, wanted(SYMBOLS))
    rows = store.rows()
    assert (done.rows, done.requests, dict(done.failed), done.left) == (24 * len(DAYS), 24, {}, ())
    for symbol in SYMBOLS:
        assert rows.loc[rows["asset_id"] == symbol, "close"].tolist() == [bar.close for bar in BARS[symbol]]
    assert set(rows["fetched_at"]) == {pd.Timestamp("2022-12-30 06:00")}
    assert (
        done.text()
        == f"tiingo: {24 * len(DAYS):,} new rows of 24 symbols, with 24 requests; 0 numbers of the past changed."
    )


def test_a_dry_run_sends_nothing_writes_nothing_and_needs_no_key(
    store: PriceStore, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_API_KEY")
    done = fetch(store, Source(RateLimits(1, 1.0, 10)), wanted(SYMBOLS), clock=Time().clock, dry_run=True)
    assert done.plan.text() == (
        "tiingo: 24 symbols, 24 requests at 10 a day: 3 days. Call once a day; each call goes on."
    )
    assert (served.asked, store.folder.exists()) == ([], False)
    with pytest.raises(FeedError, match="SOURCE_API_KEY"):
        fetched(store, wanted(SYMBOLS))
    assert served.asked == []


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (RateLimits(1, 1.0, 25), "500 symbols, 500 requests at 25 a day: 20 days. Call once a day; each call goes on."),
        (RateLimits(120, 60.0), "500 symbols, 500 requests: about 4 minutes."),
        (RateLimits(50, 3600.0), "500 symbols, 500 requests: about 9 hours."),
        (RateLimits(1, 0.0), "500 symbols, 500 requests."),
    ],
)
def test_a_plan_says_how_long_the_list_takes(store: PriceStore, limits: RateLimits, sentence: str) -> None:
    asks = wanted([f"A{i}" for i in range(500)])
    planned = fetch(store, Source(limits), asks, clock=Time().clock, dry_run=True).plan
    assert planned.text() == f"tiingo: {sentence}"
    paged = fetch(store, replace(Source(limits), pages=True), asks, clock=Time().clock, dry_run=True).plan
    assert "500 requests or more" in paged.text()


def test_nothing_is_asked_again_where_the_last_day_is_there(store: PriceStore, served: Server) -> None:
    fetched(store, wanted(SYMBOLS[:3]))
    served.asked.clear()
    done = fetched(store, wanted(SYMBOLS[:4]))
    assert served.symbols() == ["S003"]
    assert done.plan.current == 3
    done = fetched(store, wanted(SYMBOLS[:4]))
    assert done.text() == done.plan.text()
    assert (len(served.asked), done.plan.text()) == (1, "tiingo: nothing to ask (4 symbols with the last day already).")


def test_an_update_asks_for_the_last_sessions_again_and_what_follows(store: PriceStore, served: Server) -> None:
    fetched(store, wanted(["S000"], DAYS[-4]))
    done = fetched(store, wanted(["S000"]))
    assert first_days(served) == ["1900-01-01", str(DAYS[-4 - AGAIN + 1])]
    assert (done.rows, len(done.revisions)) == (3, 0)
    assert len(store.rows()) == len(DAYS)


def test_an_earlier_first_day_asks_for_all_again(store: PriceStore, served: Server) -> None:
    fetched(store, wanted(["S000"], first=DAYS[-20]))
    done = fetched(store, wanted(["S000"], first=DAYS[5]))
    assert first_days(served) == [str(DAYS[-20]), str(DAYS[5])]
    assert done.rows == len(DAYS) - 25
    fetched(store, wanted(["S000"], first=DAYS[-10]))
    assert len(served.asked) == 2  # a later one has nothing new


def test_an_asset_that_began_later_than_wanted_is_asked_once_for_all(store: PriceStore, served: Server) -> None:
    for last in (DAYS[-3], DAYS[-2]):
        fetched(store, wanted(["S000"], last, first=date(2010, 1, 1)))
    assert first_days(served) == ["2010-01-01", str(DAYS[-3 - AGAIN + 1])]


@pytest.mark.parametrize("event", [{"split": 2.0}, {"dividend": 0.5}])
def test_a_new_split_or_dividend_asks_for_everything_again(
    store: PriceStore, served: Server, event: dict[str, float]
) -> None:
    fetched(store, wanted(["S000"], DAYS[-4]))
    revised = [bar._replace(close=bar.close + 1.0) if bar.session == DAYS[2] else bar for bar in BARS["S000"]]
    served.bars = {**BARS, "S000": [*revised[:-2], revised[-2]._replace(**event), revised[-1]]}
    done = fetched(store, wanted(["S000"]), time=Time(LATER))
    assert first_days(served) == ["1900-01-01", str(DAYS[-4 - AGAIN + 1]), "1900-01-01"]
    assert done.revisions[["session", "column"]].to_numpy().tolist() == [[pd.Timestamp(DAYS[2]), "close"]]
    assert done.rows == 3


@dataclass(frozen=True)
class LastSessions(Source):
    """A source that has forgotten what is old."""

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        if wanted.first == DAYS[0] and wanted.last == DAYS[-1]:
            raise FeedError("tiingo gives the last sessions alone.")
        return super().rows(wanted, replies, fetched_at)


def test_a_source_without_the_past_still_gives_what_follows(store: PriceStore, served: Server) -> None:
    asks = wanted(["S000"], DAYS[-4], DAYS[0])
    fetch(store, LastSessions(), asks, clock=Time().clock)
    served.bars = {**BARS, "S000": [*BARS["S000"][:-1], BARS["S000"][-1]._replace(dividend=0.5)]}
    done = fetch(store, LastSessions(), wanted(["S000"], first=DAYS[0]), clock=Time(LATER).clock)
    assert (done.rows, dict(done.failed), len(served.asked)) == (3, {}, 3)
    done = fetch(store, LastSessions(), wanted(["S000"], first=DAYS[0]), clock=Time("2023-02-10T06:00:00").clock)
    assert (done.rows, dict(done.failed), len(served.asked)) == (0, {}, 5)  # all of it is due, and not there


def test_a_dividend_that_an_answer_lacks_is_asked_for_once_more(store: PriceStore, served: Server) -> None:
    paid = [bar._replace(dividend=0.5) if bar.session == DAYS[-6] else bar for bar in BARS["S000"]]
    served.bars = {**BARS, "S000": paid}
    fetched(store, wanted(["S000"], DAYS[-4]))
    served.bars = dict(BARS)
    fetched(store, wanted(["S000"]), time=Time(LATER))
    assert len(served.asked) == 3


def test_a_changed_past_is_kept_and_listed(store: PriceStore, served: Server) -> None:
    fetched(store, wanted(["S000"], DAYS[-4]))
    before = BARS["S000"][-5]
    served.bars = {**BARS, "S000": [bar._replace(close=9.5) if bar is before else bar for bar in BARS["S000"]]}
    done = fetched(store, wanted(["S000"]), time=Time(LATER))
    revision = done.revisions.iloc[0]
    assert len(done.revisions) == 1
    assert (revision["asset_id"], revision["column"], revision["after"]) == ("S000", "close", 9.5)
    assert (revision["before"], revision["session"]) == (before.close, pd.Timestamp(before.session))
    assert f"- S000 on {before.session}: close {before.close:g}, now 9.5" in done.text()
    again = fetched(store, wanted(["S000"], date(2022, 12, 30)), time=Time("2023-01-01T06:00:00"))
    assert len(again.revisions) == 0


def test_total_return_closes_are_asked_for_whole_so_that_a_dividend_leaves_no_seam(
    store: PriceStore, served: Server
) -> None:
    source = Source(adjustment="total")
    fetch(store, source, wanted(["S000"], DAYS[-4]), clock=Time().clock)
    adjusted = [bar._replace(close=bar.close * 0.98) for bar in BARS["S000"][:-2]]
    served.bars = {**BARS, "S000": [*adjusted, *BARS["S000"][-2:]]}
    fetch(store, source, wanted(["S000"]), clock=Time(LATER).clock)
    assert first_days(served) == ["1900-01-01", "1900-01-01"]
    assert store.rows()["close"].tolist() == [bar.close for bar in served.bars["S000"]]


def test_an_update_keeps_the_first_day_that_was_asked_for(store: PriceStore, served: Server) -> None:
    fetched(store, wanted(["S000"], DAYS[-4], first=DAYS[5]))
    revised = [bar._replace(dividend=0.5) if bar.session == DAYS[-2] else bar for bar in BARS["S000"]]
    served.bars = {**BARS, "S000": revised}
    fetched(store, wanted(["S000"]), time=Time(LATER))
    assert first_days(served) == [str(DAYS[5]), str(DAYS[-4 - AGAIN + 1]), str(DAYS[5])]


def test_an_answer_without_rows_leaves_the_store_as_it_is(store: PriceStore, served: Server) -> None:
    fetched(store, wanted(["S000"], DAYS[-4]))
    before = content(store)

    class Nothing(Source):
        def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
            return super().rows(wanted, replies, fetched_at).iloc[:0]

    done = fetch(store, Nothing(), wanted(["S000"]), clock=Time().clock)
    assert (done.rows, dict(done.failed)) == (0, {})
    pd.testing.assert_frame_equal(content(store), before)


@pytest.mark.parametrize(("factor", "split"), [(10.0, 1.0), (0.1, 10.0)])
def test_closes_that_all_differ_by_one_factor_are_kept_where_a_split_says_why(
    store: PriceStore, served: Server, factor: float, split: float
) -> None:
    fetched(store, wanted(["S000"], DAYS[-4]))
    before = content(store)
    moved = [bar._replace(close=bar.close * factor) for bar in BARS["S000"]]
    served.bars = {**BARS, "S000": [*moved[:-1], BARS["S000"][-1]._replace(split=split)]}
    done = fetched(store, wanted(["S000"]), time=Time(LATER))
    if split == 1.0:
        assert "gives all known closes of S000 at 10 times what they were" in done.failed["S000"]
        pd.testing.assert_frame_equal(content(store), before)
    else:
        assert not done.failed


def test_what_fails_is_named_and_the_rest_kept(store: PriceStore, served: Server) -> None:
    served.faults = {"S001": "500", "S003": "HTML"}
    done = fetched(store, wanted([*SYMBOLS[:5], "GONE"]))
    assert set(done.failed) == {"S001", "S003", "GONE"}
    assert store.assets() == ["S000", "S002", "S004"]
    assert "3 symbols failed:" in done.text()
    assert "- GONE: tiingo does not know GONE." in done.text()
    served.faults, served.asked = {}, []
    fetched(store, wanted(SYMBOLS[:5]))
    assert sorted(served.symbols()) == ["S001", "S003"]


def test_a_source_that_is_down_is_not_asked_to_the_end(store: PriceStore, served: Server) -> None:
    served.faults = dict.fromkeys(SYMBOLS, "500")
    done = fetched(store, wanted(SYMBOLS))
    assert done.why == f"tiingo failed for {GIVE_UP} symbols in a row. Try again later."
    assert len(done.failed) + len(done.left) == 24
    assert len(done.left) > 5
    assert f"{len(done.left)} symbols left for the next call: tiingo failed" in done.text()


def test_a_refused_request_ends_the_list_with_its_sentence(store: PriceStore, served: Server) -> None:
    served.faults = dict.fromkeys(SYMBOLS[3:], "redirect")
    done = fetched(store, wanted(SYMBOLS), RateLimits(1, 1.0))
    assert "redirects to 'elsewhere.invalid'" in done.why
    assert (dict(done.failed), len(done.left)) == ({}, 21)
    assert store.assets() == SYMBOLS[:3]


def test_a_list_goes_on_where_the_limit_of_a_day_ended_it(store: PriceStore, served: Server) -> None:
    calls = []
    for day in ("2022-12-30", "2022-12-31", "2023-01-01"):
        calls.append(fetched(store, wanted(SYMBOLS), RateLimits(1, 1.0, 10), Time(f"{day}T06:00:00")))
    assert [call.requests for call in calls] == [10, 10, 4]
    assert [len(call.left) for call in calls] == [14, 4, 0]
    assert calls[0].why.startswith("tiingo allows 10 requests a day, and those of 2022-12-30 are used up")
    assert sorted(served.symbols()) == SYMBOLS
    again = fetched(store, wanted(SYMBOLS, date(2022, 12, 30)), RateLimits(1, 1.0, 10), Time("2023-01-01T09:00:00"))
    assert (again.requests, len(again.left)) == (6, 18)


def test_the_oldest_are_updated_first(store: PriceStore, served: Server) -> None:
    for symbol, last in (("S000", DAYS[-2]), ("S001", DAYS[-9]), ("S002", DAYS[-5])):
        fetched(store, wanted([symbol], last))
    planned = fetch(store, Source(), wanted(["S000", "S001", "S002", "S003"]), dry_run=True).plan
    assert [ask.symbol for ask in planned.asks] == ["S003", "S001", "S002", "S000"]


def test_the_list_takes_the_time_that_the_rate_allows(store: PriceStore, served: Server) -> None:
    time = Time()
    began = time.seconds
    fetched(store, wanted(SYMBOLS), RateLimits(5, 10.0), time)
    assert time.seconds - began == pytest.approx(40.0, rel=0.02)  # 5 windows, of which the last needs no time


def test_an_asset_wanted_twice_is_refused(store: PriceStore) -> None:
    with pytest.raises(ConfigError, match="bars are wanted twice of 'S000'"):
        fetch(store, Source(), wanted(["S000", "S000"]), dry_run=True)


def test_an_asset_without_any_price_fails(store: PriceStore, served: Server) -> None:
    nothing = Bar(DAYS[0], *[np.nan] * 5)
    served.bars = {"S000": [nothing]}
    done = fetched(store, wanted(["S000"]))
    assert dict(done.failed) == {"S000": "tiingo has no price of S000 in the days wanted."}
    assert store.assets() == []


def test_an_interrupt_keeps_what_came(store: PriceStore, served: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def update(told: bar, n: int = 1) -> None:
        told.n += n
        if told.n == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(bar, "update", update)
    with pytest.raises(KeyboardInterrupt):
        fetched(store, wanted(SYMBOLS), RateLimits(1, 1.0))
    assert len(store.assets()) == 3
    assert store.about["adjustment"] == "raw"  # else what came would be taken for total-return closes


# -- the bill --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bill(tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    """The rates of the bill, which the server has."""
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path))
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    rates = [Bar(day, *[np.nan] * 3, rate, np.nan) for day, rate in zip(DAYS, RATES, strict=True)]
    served.bars = {"DTB3": rates}
    return rates


def extend_bill(clock: Clock) -> Fetched:
    """What a file with `cash: bill` needs of FRED."""
    bill = Wanted("DTB3", "DTB3", None, clock.now().date(), currency="")
    return fetch(named_store("fred"), Fred(), [bill], clock=clock)


def test_the_bill_is_extended_from_fred_without_a_key(bill: list[Bar]) -> None:
    done = extend_bill(Time().clock)
    assert (done.rows, done.requests) == (len(DAYS), 1)
    assert named_store("fred").read(["DTB3"]).numbers["close"].tolist() == RATES
    later = extend_bill(Time(LATER).clock)
    assert (later.rows, later.requests) == (0, 1)


def test_the_bill_is_extended_with_the_vintages_that_a_key_gives(
    bill: list[Bar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRED_API_KEY", "0123456789abcdef")
    done = extend_bill(Time().clock)
    assert (done.rows, dict(done.failed)) == (len(DAYS), {})
    assert done.requests == done.plan.requests > 1
    assert named_store("fred").read(["DTB3"]).numbers["close"].tolist() == RATES


def test_a_key_that_is_set_later_brings_the_vintages_of_what_is_there(
    bill: list[Bar], served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, store = Time().clock, named_store("fred")
    extend_bill(clock)
    assert store.rows(["DTB3"], history=True)["fetched_at"].min() == pd.Timestamp(clock.moment())
    monkeypatch.setenv("FRED_API_KEY", "0123456789abcdef")
    done = extend_bill(clock)
    assert (done.rows, len(done.revisions), dict(done.failed)) == (0, 0, {})
    known = store.rows(["DTB3"], history=True)["fetched_at"]
    assert (known.min() - pd.Timestamp(DAYS[0])).days == 1
    extend_bill(clock)
    assert served.asked[-1].params["realtime_start"] == str(DAYS[-1])


@pytest.mark.parametrize("key", ["", "0123456789abcdef"])
def test_after_a_long_pause_all_values_come_and_the_revisions_of_old_ones(
    bill: list[Bar], served: Server, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("FRED_API_KEY", key)
    served.bars = {"DTB3": bill[:20]}
    assert extend_bill(Time("2022-11-01T06:00:00").clock).rows == 20
    served.bars = {"DTB3": [*bill[:30], bill[0]._replace(close=9.0), *bill[30:]]}  # published with the thirtieth
    later = extend_bill(Time().clock)
    assert (later.rows, later.requests) == (len(DAYS) - 20, 1)
    [revision] = later.revisions.to_dict("records")
    assert (revision["session"].date(), revision["before"], revision["after"]) == (DAYS[0], RATES[0], 9.0)
    assert named_store("fred").read(["DTB3"]).numbers["close"].tolist() == [9.0, *RATES[1:]]
    published = pd.Timestamp(DAYS[29]) + pd.Timedelta(days=1)
    assert revision["known_after"] == (published if key else pd.Timestamp(Time().clock.moment()))
    again = extend_bill(Time(LATER).clock)
    assert (again.rows, len(again.revisions), again.requests) == (0, 0, 1)


# -- figures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("faults", "requests"), [({}, 2), ({0: "HTML"}, 3)])
def test_one_request_an_asset_serves_all_figures_of_its_overview(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch, faults: dict[str | int, str], requests: int
) -> None:
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "AB12CD34EF56")
    names = [f"{symbol}:OVERVIEW:{figure}" for symbol in ("IBM", "HPQ") for figure in ("PERatio", "EPS", "Beta")]
    served.bars, served.faults = {name: BARS[SYMBOLS[k]] for k, name in enumerate(names)}, faults
    asks = [Wanted(name, name, None, DAYS[-1] + timedelta(days=1), currency="") for name in names]
    store, time = PriceStore(tmp_path / "alpha_vantage", "alpha_vantage"), Time()
    done = fetch(store, ADAPTERS["alpha_vantage"], asks, clock=time.clock)
    assert done.plan.requests == 2
    assert len(served.asked) == requests
    values = {name: store.read([name]).numbers["close"][-1] for name in store.assets()}
    assert values == {name: BARS[SYMBOLS[k]][-1].close for k, name in enumerate(names)}


SMALL_BATCH = 8  # assets

# -- kills and other processes ---------------------------------------------------------------------------------------


def job(store: PriceStore, symbols: list[str], pace: float = 0.0) -> int:
    """Fetch in a process of its own; gives its id."""
    process = os.fork()
    if process == 0:
        with suppress(BaseException):
            refresh.BATCH = SMALL_BATCH
            done = fetch(store, Source(RateLimits(1, pace)), wanted(symbols))
            os._exit(len(done.failed) + len(done.left))
        os._exit(255)
    return process


def test_after_a_kill_the_next_call_ends_with_the_rows_of_an_undisturbed_one(
    store: PriceStore, tmp_path: Path, served: Server
) -> None:
    process = job(store, SYMBOLS, pace=0.03)
    while not store.parts:
        sleep(0.005)
    os.kill(process, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    there, asked = len(store.assets()), len(served.asked)
    assert 0 < there < len(SYMBOLS)
    served.asked.clear()
    fetched(store, wanted(SYMBOLS))
    assert len(served.asked) == len(SYMBOLS) - there
    assert asked - there <= SMALL_BATCH + 2 * REQUESTS_TOGETHER
    undisturbed = PriceStore(tmp_path / "undisturbed", "store")
    fetched(undisturbed, wanted(SYMBOLS))
    pd.testing.assert_frame_equal(content(store), content(undisturbed))


def test_two_processes_at_once_lose_nothing(store: PriceStore, tmp_path: Path, served: Server) -> None:
    processes = [job(store, SYMBOLS[:16]), job(store, SYMBOLS[8:])]
    assert [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes] == [0, 0]
    undisturbed = PriceStore(tmp_path / "undisturbed", "store")
    fetched(undisturbed, wanted(SYMBOLS))
    pd.testing.assert_frame_equal(content(store), content(undisturbed))
    assert len(store.revisions()) == 0


def test_no_file_of_the_store_holds_the_key(store: PriceStore, served: Server, capfd: Any) -> None:
    served.faults = {"S000": "notice", "S001": "429"}
    done = fetched(store, wanted(SYMBOLS[:4]), RateLimits(1, 1.0, a_day=1_000))
    texts = [done.text(), repr(done), *capfd.readouterr()]
    texts += [path.read_bytes().decode(errors="replace") for path in store.folder.rglob("*") if path.is_file()]
    assert len(texts) > 6
    assert not [text for text in texts if "s3cret" in text]
