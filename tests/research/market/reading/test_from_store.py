"""Markets from stores: an embedded one to twelve digits, several calendars by hand, and what was known on a day."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from foundation.files import DATA
from research.market import Market, instruments_table, load_market
from research.market.calendars import sessions
from research.market.reading.from_store import RATE_SESSIONS, StoredLine, market_from_store
from research.market.repairs import read_repairs
from research.market.rows import price_rows
from research.market.store import PriceStore

KNOWN = np.datetime64("2022-12-31T00:00", "us")
NAN = float("nan")


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    made = PriceStore(tmp_path / "made", "made")
    made.describe(adjustment="raw")
    return made


def keep(
    store: PriceStore, asset: str, days: list[str], close: list[float], known: np.datetime64 = KNOWN, **numbers: Any
) -> None:
    """Rows of one asset into a store."""
    currency = numbers.pop("currency", "USD")
    store.add(price_rows(asset, days, close, currency=currency, source="made", fetched_at=known, **numbers))


def market(store: PriceStore, calendars: dict[str, str], **options: Any) -> Market:
    """The market of assets whose names are their ids, by the calendar of each."""
    return market_from_store(store, {name: StoredLine(name, own) for name, own in calendars.items()}, **options)


def column(found: Market, asset: str, name: str) -> list[float]:
    panel: np.ndarray = found.bars[name] if name in (found.bars or {}) else getattr(found, name)
    return panel[:, found.assets.index(asset)].tolist()


# -- an embedded market ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def payers_store(tmp_path_factory: pytest.TempPathFactory) -> PriceStore:
    """The bars, dividends and splits of `etf_dividends`, as a source of quotes as traded would send them."""
    made = PriceStore(tmp_path_factory.mktemp("payers"), "payers")
    for ticker, bars in pd.read_parquet(DATA / "etf_dividends" / "daily.parquet").groupby("ticker"):
        bars = bars.sort_values("timestamp")
        numbers = {name: bars[name].to_numpy(float) for name in ("open", "high", "low", "volume")}
        events = {"split": bars["split_coefficient"].to_numpy(), "dividend": bars["dividend_amount"].to_numpy()}
        keep(made, str(ticker), bars["timestamp"].to_numpy(), bars["close"].to_numpy(), **numbers, **events)
    made.describe(adjustment="raw")
    return made


def test_a_stored_copy_of_an_embedded_market_is_that_market(payers_store: PriceStore) -> None:
    embedded = load_market("etf_dividends")
    found = market(payers_store, dict.fromkeys(embedded.assets, "XNYS"), cash="bill")
    assert found.assets == embedded.assets
    assert np.array_equal(found.days, embedded.days)
    assert np.array_equal(found.tradable, embedded.tradable)
    for name in ("returns", "prices", "volumes", "dividends", "cash"):
        assert np.allclose(getattr(found, name), getattr(embedded, name), 1e-12, 1e-12, equal_nan=True), name
    for name, bar in (embedded.bars or {}).items():
        assert np.array_equal((found.bars or {})[name], bar, equal_nan=True)
    assert (embedded.splits is None) == (found.splits is None) or np.all(embedded.splits == 1.0)
    assert [note for note in found.notes if "other than its quotes" in note] == []


def test_a_market_begins_on_the_first_day_that_is_wanted(payers_store: PriceStore) -> None:
    whole = market(payers_store, {"SPY": "XNYS", "TLT": "XNYS"})
    late = market(payers_store, {"SPY": "XNYS", "TLT": "XNYS"}, first=np.datetime64("2015-01-01"))
    row = whole.row("2015-01-02")
    assert late.days[0] == np.datetime64("2015-01-02")
    assert late.returns[0].tolist() == [0.0, 0.0]
    assert np.allclose(late.returns[1:], whole.returns[row + 1 :], 0.0, 1e-15)
    assert np.array_equal(late.prices, whole.prices[row:])
    assert market(payers_store, {"SPY": "XNYS"}, first=np.datetime64("1990-01-01")).days[0] == whole.days[0]


# -- events ----------------------------------------------------------------------------------------------------------


def test_a_split_and_a_dividend_are_in_the_return_and_the_quotes_stay_as_traded(store: PriceStore) -> None:
    days = ["2022-12-27", "2022-12-28", "2022-12-29"]
    keep(store, "A", days, [100.0, 52.0, 51.0], split=[1.0, 2.0, 1.0], dividend=[0.0, 0.5, 1.0])
    found = market(store, {"A": "XNYS"})
    assert column(found, "A", "prices") == [100.0, 52.0, 51.0]
    assert column(found, "A", "splits") == [1.0, 2.0, 1.0]
    assert column(found, "A", "dividends") == [0.0, 0.5, 1.0]
    assert column(found, "A", "returns") == pytest.approx([0.0, 2 * 52.5 / 100 - 1, 52.0 / 52 - 1], abs=1e-15)
    assert found.volumes is None
    assert found.bars is None


def test_events_of_the_first_bar_belong_to_nobody(store: PriceStore) -> None:
    keep(store, "A", ["2022-12-27", "2022-12-28"], [50.0, 51.0], split=[2.0, 1.0], dividend=[0.7, 0.0])
    found = market(store, {"A": "XNYS"})
    assert (found.splits, found.dividends) == (None, None)
    assert column(found, "A", "returns") == pytest.approx([0.0, 0.02], abs=1e-15)


# -- several calendars -----------------------------------------------------------------------------------------------

CHRISTMAS = [f"2022-12-{day}" for day in range(21, 29)]  # Wednesday to Wednesday; New York rests from 24 to 26
NEW_YORK = ["2022-12-22", "2022-12-23", "2022-12-27", "2022-12-28"]


def test_a_coin_stands_at_its_last_day_that_ended_by_the_close_of_new_york(store: PriceStore) -> None:
    closes = [90.0, 100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0]
    opens, highs = [close - 1 for close in closes], [95, 105, 115, 175, 135, 145, 155, 1]
    lows, volumes = [85, 95, 105, 115, 25, 135, 145, 1], [1, 2, 4, 8, 16, 32, 64, 128]
    keep(store, "BTC", CHRISTMAS, closes, open=opens, high=highs, low=lows, volume=volumes)
    keep(store, "SPY", NEW_YORK, [380.0, 382.0, 381.0, 376.0])
    found = market(store, {"SPY": "XNYS", "BTC": "24/7"})
    assert found.days.astype(str).tolist() == NEW_YORK
    assert column(found, "BTC", "prices") == [90.0, 100.0, 140.0, 150.0]  # a day of a coin ends at midnight
    assert column(found, "BTC", "returns") == pytest.approx([0.0, 10 / 90, 0.4, 10 / 140], abs=1e-15)
    assert column(found, "BTC", "volumes") == [1.0, 2.0, 4.0 + 8.0 + 16.0 + 32.0, 64.0]
    assert column(found, "BTC", "open") == [89.0, 99.0, 109.0, 149.0]  # of the 27th: that of the 23rd
    assert column(found, "BTC", "high") == [95.0, 105.0, 175.0, 155.0]
    assert column(found, "BTC", "low") == [85.0, 95.0, 25.0, 145.0]
    assert found.tradable.all()
    [told] = [note for note in found.notes if "leads and lags" in note]
    assert "Prices of BTC are those of the last bar of calendar '24/7'" in told
    assert "by the close of 'XNYS', 21 hours before it in the median" in told


LONDON = ["2022-11-22", "2022-11-23", "2022-11-24", "2022-11-25"]  # of the 24th New York has no session


def london(store: PriceStore, **numbers: Any) -> Market:
    """A line of London beside one of New York, which rests on the 24th."""
    bars = {"open": [99, 100, 101, 51], "high": [101, 102, 103, 53], "low": [98, 99, 99, 50], "volume": [5, 6, 10, 20]}
    keep(store, "UK", LONDON, [100.0, 100.0, 102.0, 52.0], currency="GBP", **bars, **numbers)
    keep(store, "US", [LONDON[0], LONDON[1], LONDON[3]], [50.0, 51.0, 52.0])
    return market(store, {"UK": "XLON", "US": "XNYS"})


def test_bars_of_two_days_are_one_in_units_of_the_second(store: PriceStore) -> None:
    found = london(store, split=[1, 1, 1, 2], dividend=[0, 0, 2.0, 0.5])
    assert column(found, "UK", "prices") == [100.0, 100.0, 52.0]
    assert column(found, "UK", "splits") == [1.0, 1.0, 2.0]
    assert column(found, "UK", "dividends") == [0.0, 0.0, 2.0 / 2 + 0.5]
    assert column(found, "UK", "volumes") == [5.0, 6.0, 10.0 * 2 + 20.0]
    assert column(found, "UK", "open") == [99.0, 100.0, 101.0 / 2]
    assert column(found, "UK", "high") == [101.0, 102.0, 53.0]
    assert column(found, "UK", "low") == [98.0, 99.0, 99.0 / 2]
    assert column(found, "UK", "returns")[2] == pytest.approx(1.04 * (2 * 52.5 / 102) - 1, abs=1e-15)
    assert found.currency == ("GBP", "USD")


def test_a_split_on_the_first_of_two_days_is_in_the_units_of_both(store: PriceStore) -> None:
    days = LONDON[1:]
    keep(store, "UK", days, [100.0, 51.0, 52.0], volume=[6, 10, 20], split=[1, 2, 1], dividend=[0, 1.0, 0.5])
    keep(store, "US", [days[0], days[2]], [51.0, 52.0])
    found = market(store, {"UK": "XLON", "US": "XNYS"})
    assert column(found, "UK", "volumes") == [6.0, 30.0]
    assert column(found, "UK", "dividends") == [0.0, 1.5]
    assert column(found, "UK", "returns")[1] == pytest.approx((2 * 52 / 100) * (52.5 / 51) - 1, abs=1e-15)


def test_a_day_of_rest_of_a_foreign_exchange_is_a_halt(store: PriceStore) -> None:
    keep(store, "UK", ["2022-12-22", "2022-12-23", "2022-12-28"], [10.0, 11.0, 12.0])  # rests on the 26th and 27th
    keep(store, "US", NEW_YORK, [50.0, 51.0, 52.0, 53.0])
    found = market(store, {"UK": "XLON", "US": "XNYS"})
    assert column(found, "UK", "tradable") == [True, True, False, True]
    assert column(found, "UK", "returns") == pytest.approx([0.0, 0.1, 0.0, 1 / 11], abs=1e-15)
    assert any("UK has no price on 1 session, 2022-12-27 to 2022-12-27: taken for a halt" in n for n in found.notes)


def test_a_bar_on_a_day_that_is_no_session_loses_nothing(store: PriceStore) -> None:
    days = ["2022-12-22", "2022-12-23", "2022-12-24", "2022-12-27", "2022-12-28"]  # the 24th is a Saturday
    keep(store, "A", days, [10.0, 11.0, 11.5, 12.0, 12.0], volume=[1, 2, 4, 8, 16], dividend=[0, 0, 0.5, 0, 0])
    keep(store, "B", NEW_YORK, [5.0, 5.0, 5.0, 5.0])
    for own, volumes in {"XNYS": [1, 2, 4 + 8, 16], "XLON": [1, 2, 4, 8 + 16]}.items():  # London rests on the 27th
        found = market(store, {"A": own, "B": "XNYS"})
        assert column(found, "A", "volumes") == volumes
        assert column(found, "A", "dividends") == [0.0, 0.0, 0.5, 0.0]
        assert found.index[-1, 0] / found.index[0, 0] == pytest.approx(1.1 * (12 / 11) * (12 / 11.5), rel=1e-15)


MAY = sessions(np.datetime64("2024-04-26"), np.datetime64("2024-05-08"), "XNYS").tolist()
RESTS = {
    "XETR": [date(2024, 5, 1)],
    "XLON": [date(2024, 5, 6)],
    "XTKS": [date(2024, 4, 29), date(2024, 5, 3), date(2024, 5, 6)],
    "XNYS": [],
}  # of these sessions of New York, as the exchanges published them


@settings(max_examples=30)
@given(bars=st.sets(st.sampled_from(MAY), min_size=2), own=st.sampled_from([*RESTS]))
def test_a_price_of_a_day_on_which_its_exchange_was_closed_is_called_one(
    tmp_path_factory: pytest.TempPathFactory, bars: set[date], own: str
) -> None:
    """A day of the fund is open, has a price that nobody could have made, or has none, and each is said as it is."""
    store, known = PriceStore(tmp_path_factory.mktemp("kept") / "made", "made"), np.datetime64("2024-06-01", "us")
    store.describe(adjustment="raw")
    keep(store, "FUND", [str(day) for day in sorted(bars)], np.arange(10.0, 10.0 + len(bars)).tolist(), known)
    keep(store, "SPY", [str(day) for day in MAY], [50.0] * len(MAY), known)
    found = market(store, {"FUND": own, "SPY": "XNYS"})
    can = dict(zip(MAY, column(found, "FUND", "tradable"), strict=True))
    halts = [day for day in MAY[MAY.index(next(day for day in MAY if can[day])) :] if not can[day]]
    wrong = [day for day in halts if day in bars]
    assert set(wrong) <= set(RESTS[own])
    for days, said in ((wrong, "has a price on"), ([day for day in halts if day not in bars], "has no price on")):
        told = [note for note in found.notes if note.startswith(f"FUND {said}")]
        count = f"{len(days)} session{'s'[: len(days) != 1]}"
        assert [each[: each.index(": ")].removesuffix(", to the end of the data") for each in told] == (
            [f"FUND {said} {count}, {days[0]} to {days[-1]}" + f", when {own} was closed" * (days is wrong)]
            if days
            else []
        )


def test_a_line_in_another_calendar_than_the_sessions_may_have_their_calendar(store: PriceStore) -> None:
    keep(store, "BTC", CHRISTMAS, [90.0, 100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0])
    found = market(store, {"BTC": "24/7"}, calendar="24/7")
    assert column(found, "BTC", "prices") == [90.0, 100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0]
    assert [note for note in found.notes if "leads and lags" in note] == []


# -- halts and the end -----------------------------------------------------------------------------------------------

MONTH = sessions(np.datetime64("2022-11-29"), np.datetime64("2022-12-29"), "XNYS").astype(str).tolist()  # 22 sessions


def test_a_session_without_a_bar_is_a_halt_and_one_whose_close_is_empty_too(store: PriceStore) -> None:
    days = MONTH[:5]
    keep(store, "A", days, [10.0, 11.0, NAN, 12.0, 13.0])
    keep(store, "B", [days[0], days[1], days[3], days[4]], [5.0, 6.0, 7.0, 8.0])
    keep(store, "C", days, [1.0, 1.0, 1.0, 1.0, 1.0])
    found = market(store, dict.fromkeys("ABC", "XNYS"))
    assert column(found, "A", "tradable") == column(found, "B", "tradable") == [True, True, False, True, True]
    assert column(found, "A", "returns") == pytest.approx([0.0, 0.1, 0.0, 1 / 11, 1 / 12], abs=1e-15)
    with pytest.raises(DataError, match="price missing"):
        market(store, dict.fromkeys("ABC", "XNYS"), missing="error")


@pytest.mark.parametrize(("known", "ends"), [("21:29", 20), ("21:30", 21)])  # New York closes at 21:00 in UTC
def test_a_line_whose_bar_may_yet_come_ends_the_market_and_one_that_is_late_is_halted(
    store: PriceStore, known: str, ends: int
) -> None:
    moment = np.datetime64(f"{MONTH[-1]}T{known}", "us")
    keep(store, "A", MONTH, [10.0] * 22, moment)
    keep(store, "B", MONTH[:-1], [5.0] * 21, moment)
    keep(store, "OTHER", MONTH[-1:], [10.0])  # that it was known later says nothing of the market
    found = market(store, dict.fromkeys("AB", "XNYS"))
    assert found.days[-1] == np.datetime64(MONTH[ends])
    late = f"The market ends on {MONTH[20]}, the last session of B; other assets have bars to {MONTH[21]}."
    assert [note for note in found.notes if "The market ends" in note] == ([late] if ends == 20 else [])
    assert column(found, "B", "tradable") == [True] * 21 + [False] * (ends - 20)


def test_the_moment_of_a_market_is_that_of_its_newest_row(store: PriceStore) -> None:
    closed = np.datetime64(f"{MONTH[-2]}T21:00", "us")
    keep(store, "A", MONTH[:-1], [10.0] * 21, closed)
    keep(store, "B", MONTH[:-2], [5.0] * 20, closed)
    assert market(store, dict.fromkeys("AB", "XNYS")).days[-1] == np.datetime64(MONTH[-3])
    keep(store, "A", MONTH[-1:], [10.0], closed + np.timedelta64(1, "D"))  # B may have a bar of this session yet
    found = market(store, dict.fromkeys("AB", "XNYS"))
    assert found.days[-1] == np.datetime64(MONTH[-1])  # it had none of the session before: it is halted
    funds = {name: StoredLine(name, "XNYS", delay=timedelta(days=2)) for name in "AB"}
    assert market_from_store(store, funds).days[-1] == np.datetime64(MONTH[-3])


def test_a_line_that_ended_stays_halted_and_ends_nothing(store: PriceStore) -> None:
    keep(store, "A", MONTH, [10.0] * 22)
    keep(store, "GONE", MONTH[:-1], [5.0] * 21)
    keep(store, "LONG_GONE", MONTH[:10], [5.0] * 10)
    found = market(store, dict.fromkeys(("A", "GONE", "LONG_GONE"), "XNYS"))
    assert found.days[-1] == np.datetime64(MONTH[-1])
    assert column(found, "GONE", "tradable") == [True] * 21 + [False]
    assert column(found, "LONG_GONE", "tradable") == [True] * 10 + [False] * 12
    assert any(
        "LONG_GONE has no price on 12 sessions" in note and "to the end of the data" in note for note in found.notes
    )


def test_a_holiday_of_another_exchange_ends_nothing(store: PriceStore) -> None:
    days = sessions(np.datetime64("2022-04-25"), np.datetime64("2022-05-04"), "XNYS").astype(str).tolist()
    tokyo = sessions(np.datetime64("2022-04-25"), np.datetime64("2022-05-04"), "XTKS").astype(str).tolist()
    keep(store, "SPY", days, [400.0] * len(days))
    keep(store, "7203", tokyo, [2000.0] * len(tokyo), currency="JPY")
    assert tokyo[-1] == "2022-05-02" < days[-1] == "2022-05-04"
    found = market(store, {"SPY": "XNYS", "7203": "XTKS"})
    assert found.days[-1] == np.datetime64("2022-05-04")
    assert column(found, "7203", "tradable")[-2:] == [False, False]


def test_a_line_that_was_delisted_leaves_with_its_return(store: PriceStore) -> None:
    keep(store, "A", MONTH, [10.0] * 22)
    keep(store, "GONE", MONTH[:5], [5.0] * 5)
    table = instruments_table(["A", "GONE"], delisted=[None, MONTH[5]], delisting_return=[NAN, -0.3])
    found = market(store, {"A": "XNYS", "GONE": "XNYS"}, instruments=table)
    assert column(found, "GONE", "returns")[4:7] == [0.0, -0.3, 0.0]
    assert found.instruments["adjustment"].tolist() == ["returns: splits and dividends; quotes: as traded"] * 2


def test_a_market_begins_with_its_first_line_and_the_others_are_listed_later(store: PriceStore) -> None:
    keep(store, "A", MONTH, [10.0] * 22)
    keep(store, "NEW", MONTH[10:], [5.0] * 12)
    found = market(store, {"NEW": "XNYS", "A": "XNYS"})
    assert found.assets == ("NEW", "A")
    assert column(found, "NEW", "tradable") == [False] * 10 + [True] * 12


def test_a_market_does_not_begin_with_a_line_that_nobody_holds(store: PriceStore) -> None:
    keep(store, "A", MONTH[10:], [10.0] * 12)
    keep(store, "INDEX", MONTH, [5.0] * 22, dividend=[0.0] * 10 + [1.0] * 12)
    found = market(store, {"A": "XNYS", "INDEX": "XNYS"}, beside=["INDEX"])
    assert found.days[0] == np.datetime64(MONTH[10])
    assert column(found, "INDEX", "dividends") == [0.0] + [1.0] * 11
    assert column(found, "INDEX", "returns") == pytest.approx([0.0] + [0.2] * 11, abs=1e-15)


def test_a_line_that_was_delisted_lately_does_not_end_the_market(store: PriceStore) -> None:
    keep(store, "A", MONTH, [10.0] * 22)
    keep(store, "GONE", MONTH[:-2], [5.0] * 20)
    table = instruments_table(["A", "GONE"], delisted=[None, MONTH[-2]], delisting_return=[NAN, 0.1])
    found = market(store, {"A": "XNYS", "GONE": "XNYS"}, instruments=table)
    assert found.days[-1] == np.datetime64(MONTH[-1])
    assert column(found, "GONE", "returns")[-3:] == [0.0, 0.1, 0.0]


# -- known on a day --------------------------------------------------------------------------------------------------


def test_what_was_known_on_a_day_repeats_to_the_bit_after_a_revision(store: PriceStore) -> None:
    keep(store, "A", MONTH[:20], [10.0 + i for i in range(20)])
    keep(store, "B", MONTH[:20], [20.0 + i for i in range(20)])
    calendars = {"A": "XNYS", "B": "XNYS"}
    before = market(store, calendars, cash="bill")
    later = KNOWN + np.timedelta64(3, "D")
    keep(store, "A", MONTH, [10.0 + i if i != 7 else 99.0 for i in range(22)], later, dividend=[0.0] * 21 + [1.0])
    keep(store, "B", MONTH, [20.0 + i for i in range(22)], later)
    now = market(store, calendars, cash="bill")
    assert now.fingerprint != before.fingerprint
    assert column(now, "A", "prices")[7] == 99.0
    told = np.datetime64(before.origin["known_on"].removesuffix("Z"), "us")
    assert told == KNOWN
    for moment in (told, later - np.timedelta64(1, "us")):
        again = market(store, calendars, cash="bill", known_on=moment)
        assert again.fingerprint == before.fingerprint
        assert again.origin == before.origin
        assert again.notes == before.notes
    store.compact()
    assert market(store, calendars, cash="bill", known_on=told).fingerprint == before.fingerprint
    assert market(store, calendars, cash="bill", known_on=later).origin == now.origin
    with pytest.raises(DataError, match=r"nothing was known of A in store 'made' by 2022-12-30 23:59:59 UTC"):
        market(store, calendars, known_on=KNOWN - np.timedelta64(1, "us"))


def test_the_fingerprint_of_rows_changes_with_a_row_and_not_with_the_order_of_lines(store: PriceStore) -> None:
    for asset in "AB":
        keep(store, asset, MONTH, [10.0] * 22)
    one = market(store, {"A": "XNYS", "B": "XNYS"})
    assert market(store, {"B": "XNYS", "A": "XNYS"}).origin == one.origin
    assert one.fingerprint != market(store, {"B": "XNYS", "A": "XNYS"}).fingerprint
    keep(store, "A", MONTH[3:4], [10.1], KNOWN + np.timedelta64(1, "D"))
    assert market(store, {"A": "XNYS", "B": "XNYS"}).origin["rows"] != one.origin["rows"]


# -- repairs ---------------------------------------------------------------------------------------------------------


def repaired(
    store: PriceStore, how: str, second: PriceStore | None = None, known_on: np.datetime64 | None = None
) -> Market:
    """The market with a repair of the fifth session of A."""
    told = read_repairs([{"asset": "A", "days": MONTH[4], "how": how}])
    return market(store, {"A": "XNYS", "B": "XNYS"}, repairs=told, second=second, known_on=known_on)


@cases(
    "how, price, tradable, said",
    ("drop", NAN, False, "closes 50 became none"),
    ("forward_fill", 10.0, True, "closes 50 became 10"),
    ("second_source", 10.2, True, "closes 50 became 10.2"),
)
def test_a_repair_reaches_the_market_and_its_notes_and_leaves_the_store(
    store: PriceStore, tmp_path: Path, how: str, price: float, tradable: bool, said: str
) -> None:
    keep(store, "A", MONTH, [10.0] * 4 + [50.0] + [10.0] * 17)
    keep(store, "B", MONTH, [5.0] * 22)
    second = PriceStore(tmp_path / "second", "second")
    keep(second, "A", MONTH, [10.2] * 22)
    unrepaired = market(store, {"A": "XNYS", "B": "XNYS"})
    found = repaired(store, how, second)
    assert column(found, "A", "prices")[4] == pytest.approx(price, nan_ok=True)
    assert column(found, "A", "tradable")[4] == tradable
    [told] = [note for note in found.notes if "Repaired by name" in note]
    assert said in told
    assert told.warning
    assert found.origin["rows"] != unrepaired.origin["rows"]
    assert found.currency == ("USD", "USD")
    assert market(store, {"A": "XNYS", "B": "XNYS"}).fingerprint == unrepaired.fingerprint


def test_a_repair_by_a_source_that_was_fetched_later_repeats_as_of_the_moment_that_the_market_states(
    store: PriceStore, tmp_path: Path
) -> None:
    keep(store, "A", MONTH, [10.0] * 4 + [50.0] + [10.0] * 17)
    keep(store, "B", MONTH, [5.0] * 22)
    second = PriceStore(tmp_path / "second", "second")
    keep(second, "A", MONTH, [10.2] * 22, KNOWN + np.timedelta64(3, "D"))
    found = repaired(store, "second_source", second)
    assert found.origin["known_on"] == "2023-01-03T00:00:00.000000Z"
    keep(second, "A", MONTH, [10.1] * 22, KNOWN + np.timedelta64(9, "D"))
    again = repaired(store, "second_source", second, np.datetime64(found.origin["known_on"][:-1]))
    assert again.fingerprint == found.fingerprint != repaired(store, "second_source", second).fingerprint


def test_a_repair_that_drops_an_early_row_keeps_the_rows_of_each_line_apart(store: PriceStore) -> None:
    keep(store, "B", MONTH, [5.0] * 22)
    keep(store, "A", MONTH, [10.0] * 22)
    keep(store, "C", MONTH, [7.0] * 22, currency="EUR")
    told = read_repairs([{"asset": "A", "days": f"{MONTH[0]}..{MONTH[2]}", "how": "drop"}])
    found = market(store, dict.fromkeys("BAC", "XNYS"), repairs=told)
    assert column(found, "A", "prices")[2:4] == [pytest.approx(NAN, nan_ok=True), 10.0]
    assert column(found, "B", "prices") == [5.0] * 22
    assert column(found, "C", "prices") == [7.0] * 22
    assert found.currency == ("USD", "USD", "EUR")


def test_a_repair_of_an_asset_that_the_market_lacks_is_refused(store: PriceStore) -> None:
    keep(store, "A", MONTH, [10.0] * 22)
    told = read_repairs([{"asset": "ZZZ", "days": MONTH[3], "how": "drop"}])
    with pytest.raises(DataError, match="ZZZ"):
        market(store, {"A": "XNYS"}, repairs=told)


# -- what is said and refused ----------------------------------------------------------------------------------------


def test_prices_whose_adjustment_is_not_stated_are_used_with_a_warning(tmp_path: Path) -> None:
    plain = PriceStore(tmp_path / "mine", "mine")
    keep(plain, "A", MONTH, [10.0] * 22)
    found = market(plain, {"A": "XNYS"})
    told, quotes = [note for note in found.notes if "adjusted for" in note]
    assert "`rebalance data import FILE --as NAME --adjustment raw`" in told
    assert told.warning
    assert quotes.warning
    assert "total-return closes" in found.instruments["adjustment"].iloc[0]
    plain.describe(adjustment="split")
    found = market(plain, {"A": "XNYS"})
    assert [note for note in found.notes if "adjusted for" in note] == []
    assert "quotes: adjusted for splits" in found.instruments["adjustment"].iloc[0]
    plain.describe(adjustment="total")
    [told] = [note for note in market(plain, {"A": "XNYS"}).notes if "adjusted for" in note]
    assert (told, told.warning) == (quotes, True)
    assert told.startswith("The quotes of mine are taken from closes adjusted for dividends: nobody could trade")


@cases(
    "calendars, options, said",
    ({"X": "XNYS"}, {}, r"store 'made' has no prices of X\. Fetch or import them\."),
    ({"ONE": "XNYS"}, {}, r"has rows of ONE on 1 session of 'XNYS' from 2022-12-29 to 2022-12-29: two at least"),
    ({"A": "XNYS", "X": "XNYS"}, {}, r"store 'made' has no prices of 'X'"),
    (
        {"A": "XNYS"},
        {"first": np.datetime64("2030-01-02")},
        r"`first` is 2030-01-02, later than the last row of store 'made', 2022-12-29: correct it",
    ),
    ({"A": "XNYS", "OLD": "XNYS"}, {"first": np.datetime64("2022-12-20")}, r"OLD has no bar on the 7 sessions from"),
)
def test_what_gives_no_market_is_refused(
    store: PriceStore, calendars: dict[str, str], options: dict[str, Any], said: str
) -> None:
    keep(store, "A", MONTH, [10.0] * 22)
    keep(store, "ONE", MONTH[-1:], [10.0])
    keep(store, "OLD", MONTH[:5], [10.0] * 5)
    with pytest.raises(DataError, match=said):
        market(store, calendars, **options)


def test_a_bar_before_the_first_day_wanted_is_none_of_the_market(store: PriceStore) -> None:
    keep(store, "A", MONTH, [10.0] * 22, volume=1.0)
    keep(store, "B", [*MONTH[:8], *MONTH[12:]], [5.0] * 7 + [6.0] + [7.0] * 10, volume=2.0)
    found = market(store, {"A": "XNYS", "B": "XNYS"}, first=np.datetime64(MONTH[10]))
    assert column(found, "B", "tradable") == [False, False] + [True] * 10
    assert column(found, "B", "returns") == [0.0] * 12


def test_an_unknown_calendar_is_refused(store: PriceStore) -> None:
    keep(store, "A", MONTH, [10.0] * 22)
    with pytest.raises(ConfigError, match="XNIS"):
        market(store, {"A": "XNYS"}, calendar="XNIS")


def test_the_market_begins_with_its_rates_and_a_missing_bar_of_one_is_carried(store: PriceStore) -> None:
    days = np.arange("2022-05-02", "2022-05-14", dtype="datetime64[D]")
    weekdays = days[np.is_busday(days)]
    for asset, own, close in (("SAP", weekdays, 100.0), ("EURUSD", np.delete(weekdays, 5), 1.05)):
        keep(store, asset, own, np.full(len(own), close))
    lines = {"SAP": StoredLine("SAP", "XNYS"), "EURUSD": StoredLine("EURUSD", "24/5", is_rate=True)}
    found = market_from_store(store, lines, beside=["EURUSD"])
    assert found.days[0] == weekdays[1]  # a day of the rate ends after New York's close
    assert not np.isnan(found.prices[:, 1]).any()

    later = sessions(weekdays[-1] + 1, weekdays[-1] + 20, "XNYS")
    keep(store, "SAP", later, np.full(len(later), 100.0))
    found = market_from_store(store, lines, beside=["EURUSD"])
    assert found.days[-1] == later[RATE_SESSIONS - 1 + 1]  # its last bar ended after the close of the session before
    assert not np.isnan(found.prices[:, 1]).any()


@pytest.mark.parametrize("step", [5, 21])
def test_rows_that_are_weeks_or_months_apart_are_refused_with_what_reads_them(store: PriceStore, step: int) -> None:
    days = sessions(np.datetime64("2020-01-01"), np.datetime64("2021-12-31"), "XNYS")[::step]
    keep(store, "SPY", [str(day) for day in days], [100.0 + k for k in range(len(days))])
    told = rf"prices on {len(days)} of \d+ sessions .*weeks or months apart.*file: prices\.csv"
    with pytest.raises(DataError, match=told):
        market(store, {"SPY": "XNYS"})
