"""Adapters against the bodies that providers send: the rows are the bars that the bodies were made from."""

import importlib
import json
import sys
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from provider_bodies import COINS, Bar, body

from desk.feeds.adapter import BEGINS, FeedError, GetRequest, Reply, Wanted
from desk.feeds.adapters import ADAPTERS
from research.market.indicators import RSI
from research.market.reading.embedded import load_market
from research.market.reading.known_instruments import SOURCES
from research.market.rows import BARS, bar_growth

KEY = "K3Y0F7HE7ESTER42"
NOW = np.datetime64("2022-12-30T12:00:00", "us")  # before New York opens
LAST = date(2022, 12, 29)
# The worksheet of Wilder's index over 14 days that is usually printed: closes, and indices from the fifteenth day on.
WILDER = (
    "44.3389 44.0902 44.1497 43.6124 44.3278 44.8264 45.0955 45.4245 45.8433 46.0826 45.8931 46.0328 45.6140 46.2820 "
    "46.2820 46.0028 46.0328 46.4116 46.2222 45.6439"
)
INDICES = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]
SYMBOLS = {name: "SPY" for name in ADAPTERS} | {"stooq": "spy.us", "fred": "DTB3"} | COINS


def bars(count: int = 40, **events: tuple[float, float]) -> list[Bar]:
    """Business days to 2022-12-29 with quotes near 100; events by place counted from the end: split and dividend."""
    days = pd.bdate_range(end=LAST, periods=count)
    found, close = [], 100.0
    for place, day in enumerate(days):
        split, dividend = events.get(f"d{count - 1 - place}", (1.0, 0.0))
        close = close * (1.003 if place % 3 else 0.996) / split - dividend
        found.append(Bar(day.date(), close - 0.25, close + 0.5, close - 0.5, close, 1000.0 + place, split, dividend))
    return found


EVENTFUL = {"d30": (1.0, 0.75), "d20": (4.0, 0.0), "d10": (1.0, 0.25), "d5": (0.5, 0.5), "d0": (1.0, 0.125)}


def answers(name: str, requests: Sequence[GetRequest], of: dict[str, Sequence[Bar]]) -> list[Reply]:
    """What the provider answers to requests."""
    replies = []
    for request in requests:
        status, _, content = body(name, urlsplit(request.url).path, request.params, request.headers, of)
        replies.append(Reply(status, content))
    return replies


def fetched(name: str, of: dict[str, Sequence[Bar]], wanted: Wanted, now: np.datetime64 = NOW) -> pd.DataFrame:
    """Rows from all pages of a provider's answers."""
    adapter = ADAPTERS[name]
    replies = answers(name, adapter.requests(wanted, KEY), of)
    while (following := adapter.more(wanted, replies, KEY)) is not None:
        replies += answers(name, [following], of)
    return adapter.rows(wanted, replies, now)


def same(rows: pd.DataFrame, expected: Sequence[Bar], names: Sequence[str] = (*BARS, "split", "dividend")) -> None:
    assert [day.date() for day in rows["session"]] == [bar.session for bar in expected]
    for name in names:
        wanted = np.array([getattr(bar, name) for bar in expected])
        np.testing.assert_allclose(rows[name].to_numpy(), wanted, rtol=1e-12, atol=1e-15, err_msg=name)


def wish(name: str, first: date | None = None, symbol: str = "") -> Wanted:
    return Wanted("an_asset", symbol or SYMBOLS[name], first, LAST)


def reply_of(content: Any, status: int = 200, **headers: str) -> Reply:
    encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Reply(status, encoded, {name.replace("_", "-"): value for name, value in headers.items()})


# -- rows are the bars -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["yahoo", "tiingo", "alpha_vantage", "nasdaq_data_link"])
def test_rows_are_the_bars_as_traded(name: str) -> None:
    of = bars(90, **EVENTFUL)
    rows = fetched(name, {SYMBOLS[name]: of}, wish(name))
    same(rows, of)
    assert (set(rows["source"]), set(rows["currency"])) == ({name}, {"USD"})
    assert (rows["fetched_at"] == NOW).all()


@pytest.mark.parametrize("name", ["yahoo", "tiingo", "alpha_vantage", "nasdaq_data_link"])
def test_rows_are_of_the_days_wanted_and_know_later_splits(name: str) -> None:
    of = bars(60, **EVENTFUL)
    last = of[-15].session  # before the last split
    wanted = Wanted("an_asset", SYMBOLS[name], of[-25].session, last)
    same(fetched(name, {SYMBOLS[name]: of}, wanted), of[-25:-14])


def test_each_source_that_a_file_may_name_has_an_adapter() -> None:
    assert tuple(ADAPTERS) == SOURCES


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_bars_without_events_come_from_every_source(name: str) -> None:
    of = bars(30)
    rows = fetched(name, {SYMBOLS[name]: of}, wish(name))
    same(rows, of, ["close"] if name == "fred" else BARS)


def test_a_table_of_more_than_a_page_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.feeds.adapters.nasdaq_data_link.TABLE_ROWS", 7)
    of = bars(60, **EVENTFUL)
    same(fetched("nasdaq_data_link", {"SPY": of}, wish("nasdaq_data_link")), of)


def test_pence_become_pounds() -> None:
    of = bars(30, d5=(1.0, 0.5))
    rows = fetched("yahoo", {"VUSA.L": of}, wish("yahoo", symbol="VUSA.L"))
    same(rows, of)
    assert set(rows["currency"]) == {"GBP"}


@pytest.mark.parametrize("name", ["yahoo", "tiingo"])
def test_a_source_that_says_its_first_day_is_believed(name: str) -> None:
    of = bars(30)
    assert fetched(name, {SYMBOLS[name]: of}, wish(name)).attrs[BEGINS] == of[0].session


@pytest.mark.parametrize(
    ("symbol", "path"),
    [("BRK-B", "BRK-B"), ("BTC/USD", "BTC%2FUSD"), ("^GSPC", "%5EGSPC"), ("A=X", "A%3DX"), ("a?b#c", "a%3Fb%23c")],
)  # fmt: skip
def test_symbols_are_quoted_in_paths(symbol: str, path: str) -> None:
    for name, last in (("yahoo", path), ("tiingo", f"{path}/prices")):
        url = ADAPTERS[name].requests(wish(name, symbol=symbol), KEY)[0].url
        assert url.endswith(f"/{last}")


def test_yahoo_is_asked_from_1900_on_at_the_earliest() -> None:
    asked = [ADAPTERS["yahoo"].requests(wish("yahoo", first), "")[0] for first in (None, date(1800, 1, 1))]
    assert {request.params["period1"] for request in asked} == {"-2208988800"}


@pytest.mark.parametrize("symbol", ["SPY", "VUSA.L", "EURUSD=X", "BTC-USD"])
def test_sessions_keep_their_day_when_clocks_change(symbol: str) -> None:
    """Of a summer and a winter; an offset of today would move the bars of midnight to the day before."""
    of = [bar._replace(volume=0.0) if symbol.endswith("=X") else bar for bar in bars(200)]
    same(fetched("yahoo", {symbol: of}, wish("yahoo", symbol=symbol)), of)


def test_capital_gains_add_to_dividends() -> None:
    of = bars(20, d5=(1.0, 0.5))
    content = json.loads(answers("yahoo", ADAPTERS["yahoo"].requests(wish("yahoo"), ""), {"SPY": of})[0].content)
    events = content["chart"]["result"][0]["events"]
    (stamp, paid), *_ = events["dividends"].items()
    events["capitalGains"] = {stamp: {"amount": 0.375, "date": paid["date"]}}
    paid["amount"] = 0.125
    same(ADAPTERS["yahoo"].rows(wish("yahoo"), [reply_of(content)], NOW), of)


def test_an_event_of_a_day_without_a_bar_belongs_to_the_next_bar() -> None:
    of = bars(30, d10=(2.0, 0.0), d12=(1.0, 0.5))
    for name in ("yahoo", "tiingo", "alpha_vantage"):
        requests = ADAPTERS[name].requests(wish(name), KEY)
        full = fetched(name, {"SPY": of}, wish(name))
        replies = answers(name, requests, {"SPY": of})
        if name == "tiingo":
            continue  # its events stand in bars
        content = json.loads(replies[0].content)
        gone = [len(of) - 1 - 10, len(of) - 1 - 12]
        if name == "yahoo":
            quote = content["chart"]["result"][0]["indicators"]["quote"][0]
            for place in gone:
                quote["close"][place] = None
            content["chart"]["result"][0]["indicators"].pop("adjclose")
        else:
            for place in gone:
                del content["Time Series (Daily)"][str(of[place].session)]
        rows = ADAPTERS[name].rows(wish(name), [reply_of(content), *replies[1:]], NOW)
        kept = full.drop(index=gone)["close"].to_numpy()
        np.testing.assert_allclose(rows["close"], kept, rtol=1e-12)
        by_day = rows.set_index("session")
        assert by_day["split"][pd.Timestamp(of[-10].session)] == 2.0
        assert by_day["dividend"][pd.Timestamp(of[-12].session)] == 0.5


def test_total_returns_are_those_of_the_embedded_dividends() -> None:
    """(close + dividend) × split / previous close - 1 of SPY, TLT, GLD and HDV, through three formats."""
    market = load_market("etf_dividends")
    for place, symbol in enumerate(market.assets):
        close, paid = market.prices[:, place], market.dividends[:, place]
        there = np.flatnonzero(np.isfinite(close))[-2_500:]  # ten years of each
        cells = zip(market.days[there].tolist(), close[there].tolist(), paid[there].tolist(), strict=True)
        of = [Bar(d, c, c, c, c, 1.0, 1.0, p) for d, c, p in cells]
        expected = (close[there][1:] + paid[there][1:]) * 1.0 / close[there][:-1] - 1.0
        for name in ("yahoo", "tiingo", "nasdaq_data_link"):
            rows = fetched(name, {symbol: of}, Wanted(symbol, symbol, None, LAST))
            got = bar_growth(*(rows[column].to_numpy() for column in ("close", "split", "dividend")))[1:] - 1.0
            np.testing.assert_allclose(got, expected, atol=2e-6)


# -- unfinished bars -------------------------------------------------------------------------------------------------


def chart(of: Sequence[Bar], symbol: str = "SPY") -> dict[str, Any]:
    wanted = wish("yahoo", symbol=symbol)
    return json.loads(answers("yahoo", ADAPTERS["yahoo"].requests(wanted, ""), {symbol: of})[0].content)


def yahoo_rows(content: dict[str, Any], now: str = "2022-12-30T12:00:00") -> pd.DataFrame:
    return ADAPTERS["yahoo"].rows(wish("yahoo"), [reply_of(content)], np.datetime64(now, "us"))


@pytest.mark.parametrize("fault", ["last trade", "empty close", "no volume", "session not over", "live beside open"])
def test_an_unfinished_last_bar_is_left_out(fault: str) -> None:
    of = bars(20)
    content, now = chart(of), "2022-12-30T12:00:00"
    result = content["chart"]["result"][0]
    quote = result["indicators"]["quote"][0]
    if fault == "last trade":
        result["timestamp"][-1] += 3 * 3600
    elif fault == "empty close":
        quote["close"][-1], quote["volume"][-1] = None, 0
    elif fault == "no volume":
        quote["volume"][-1] = 0
    elif fault == "session not over":
        now = "2022-12-29T20:59:59"
    else:
        result["timestamp"].append(result["timestamp"][-1] + 3600)
        for cells in (*quote.values(), result["indicators"]["adjclose"][0]["adjclose"]):
            cells.append(cells[-1])
    same(yahoo_rows(content, now), of[:-1])


@pytest.mark.parametrize("shown", ["adjusted", "as before", "no live bar", "no volume", "small"])
def test_a_split_of_an_unfinished_session_is_taken_where_its_live_bar_shows_it(shown: str) -> None:
    """Four for one, on the first fetch: quotes are adjusted for it already, or not yet."""
    of = bars(20, d0=(1.05 if shown == "small" else 4.0, 0.0))
    content, now = chart(of), "2022-12-29T20:59:59"
    result = content["chart"]["result"][0]
    quote = result["indicators"]["quote"][0]
    if shown == "as before":
        for name in ("open", "high", "low", "close"):
            quote[name][:-1] = [cell * 4.0 for cell in quote[name][:-1]]
    elif shown == "no live bar":
        quote["close"][-1] = None
    elif shown == "no volume":
        quote["volume"][-1] = 0
    if shown == "adjusted":
        same(yahoo_rows(content, now), of[:-1])
    else:
        with pytest.raises(
            FeedError, match=rf"split of 2022-12-29 by .* follows the last finished bar, of {of[-2].session}"
        ):
            yahoo_rows(content, now)


def test_a_last_bar_stamped_at_the_close_is_over() -> None:
    of = bars(20)
    content = chart(of)
    content["chart"]["result"][0]["timestamp"][-1] += int(6.5 * 3600) + 1
    same(yahoo_rows(content), of)
    same(yahoo_rows(content, "2022-12-29T20:59:00"), of[:-1])


@pytest.mark.parametrize("name", ["tiingo", "alpha_vantage", "stooq", "nasdaq_data_link", *COINS])
def test_a_bar_of_a_session_that_is_not_over_is_left_out(name: str) -> None:
    of = bars(20)
    same(fetched(name, {SYMBOLS[name]: of}, wish(name), np.datetime64("2022-12-29T20:30:00", "us")), of[:-1], BARS)


def test_a_stamp_at_the_usual_time_is_an_open_where_the_trading_period_begins_at_another() -> None:
    of = bars(20)
    content = chart(of)
    content["chart"]["result"][0]["meta"]["currentTradingPeriod"]["regular"]["start"] -= 3600
    same(yahoo_rows(content), of)


def test_null_cells_give_no_bar() -> None:
    of = bars(20)
    content = chart(of)
    for cells in content["chart"]["result"][0]["indicators"]["quote"][0].values():
        cells[7] = None
    same(yahoo_rows(content), [*of[:7], *of[8:]])


# -- pairs, coins, rates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["EURUSD", "EUR/USD"])
def test_a_currency_pair_has_its_own_function(symbol: str) -> None:
    of = [bar._replace(volume=float("nan")) for bar in bars(20)]
    wanted = wish("alpha_vantage", symbol=symbol)
    assert len(ADAPTERS["alpha_vantage"].requests(wanted, KEY)) == 1
    same(fetched("alpha_vantage", {"EURUSD": of}, wanted), of)


@pytest.mark.parametrize("symbol", ["BTCUSD", "BTC-USD", "BTC/USD"])
def test_a_coin_has_its_own_function(symbol: str) -> None:
    of = bars(20)
    same(fetched("alpha_vantage", {"BTCUSD": of}, wish("alpha_vantage", symbol=symbol)), of)


def test_a_gap_before_the_last_hundred_sessions_is_refused() -> None:
    """Its dividends would be lost."""
    of = bars(150)
    with pytest.raises(FeedError, match=rf"the last 100 sessions, from {of[-100].session} on"):
        fetched("alpha_vantage", {"SPY": of}, wish("alpha_vantage", of[10].session))
    same(fetched("alpha_vantage", {"SPY": of}, wish("alpha_vantage", of[-90].session)), of[-90:])
    same(fetched("alpha_vantage", {"SPY": of}, wish("alpha_vantage")), of[-100:])


def test_a_value_is_known_from_its_vintage_on() -> None:
    of = bars(400)
    rows = fetched("fred", {"DTB3": of}, wish("fred"))
    same(rows, of, ["close"])
    known = [np.datetime64(bar.session, "us") + np.timedelta64(1, "D") for bar in of]
    assert (rows["fetched_at"].to_numpy() == np.array(known)).all()
    assert set(rows["currency"]) == {""}


def test_a_revised_value_is_a_row_of_its_own() -> None:
    seen = [("01", "3.1", "02"), ("01", "3.1", "09"), ("01", "3.2", "20"), ("02", ".", "03")]
    observations = [{"date": f"2022-12-{d}", "value": v, "realtime_start": f"2022-12-{known}"} for d, v, known in seen]
    found = ADAPTERS["fred"].rows(wish("fred"), [reply_of({"observations": observations})], NOW)
    assert found["close"].tolist() == [3.1, 3.2]
    assert [str(moment)[:10] for moment in found["fetched_at"]] == ["2022-12-02", "2022-12-20"]


def test_vintages_are_asked_in_periods_that_meet() -> None:
    asked = ADAPTERS["fred"].requests(wish("fred"), KEY)
    bounds = [(request.params["realtime_start"], request.params["realtime_end"]) for request in asked]
    assert (bounds[0][0], bounds[-1][1]) == ("1776-07-04", "9999-12-31")
    for (_, end), (start, _) in pairwise(bounds):
        assert np.datetime64(start) - np.datetime64(end) == np.timedelta64(1, "D")


def test_pages_of_observations_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.feeds.adapters.fred.OBSERVATIONS", 7)
    of = bars(40)
    same(fetched("fred", {"DTB3": of}, wish("fred")), of, ["close"])


def test_a_rate_without_a_key_is_known_from_its_answer_on() -> None:
    of = [bar._replace(close=float("nan")) if place == 3 else bar for place, bar in enumerate(bars(20))]
    asked = ADAPTERS["fred"].requests(wish("fred"), "")
    assert asked[0].url == "https://fred.stlouisfed.org/graph/fredgraph.csv"
    assert ADAPTERS["fred"].more(wish("fred"), answers("fred", asked, {"DTB3": of}), "") is None
    rows = ADAPTERS["fred"].rows(wish("fred"), answers("fred", asked, {"DTB3": of}), NOW)
    same(rows, [*of[:3], *of[4:]], ["close"])
    assert (rows["fetched_at"] == NOW).all()


def test_rows_of_stooq_say_that_their_closes_are_adjusted() -> None:
    of = bars(30, d10=(2.0, 0.0), d5=(1.0, 0.5))
    rows = fetched("stooq", {"spy.us": of}, wish("stooq"))
    assert set(rows["source"]) == {"stooq (adjusted closes)"}
    closes, split, paid = (np.array([getattr(bar, n) for bar in of]) for n in ("close", "split", "dividend"))
    ones, none = np.ones(len(of)), np.zeros(len(of))
    np.testing.assert_allclose(
        bar_growth(rows["close"].to_numpy(), ones, none), bar_growth(closes, split, paid), rtol=1e-12
    )


# -- exchanges of coins, through ccxt --------------------------------------------------------------------------------

EACH_DAY = [
    Bar(day.date(), 9.0 + place, 11.0 + place, 8.0 + place, 10.0 + place, 0.5 * place)
    for place, day in enumerate(pd.date_range(end=LAST, periods=1500))
]


@pytest.mark.parametrize("name", ["coinbase", "binance"])
def test_the_bars_of_a_coin_come_page_after_page_from_its_first_day_on(name: str) -> None:
    rows = fetched(name, {COINS[name]: EACH_DAY}, wish(name))
    same(rows, EACH_DAY)
    assert set(rows["currency"]) == {COINS[name][-3:]}


def test_kraken_gives_its_last_720_bars_alone() -> None:
    same(fetched("kraken", {"BTC/USD": EACH_DAY}, wish("kraken")), EACH_DAY[-720:])


@pytest.mark.parametrize("name", COINS)
def test_bars_of_a_coin_are_asked_from_the_day_wanted_on(name: str) -> None:
    of = {COINS[name]: EACH_DAY}
    same(fetched(name, of, wish(name, EACH_DAY[-10].session)), EACH_DAY[-10:])
    wanted = Wanted("an_asset", COINS[name], EACH_DAY[-30].session, EACH_DAY[-20].session)
    same(fetched(name, of, wanted), EACH_DAY[-30:-19])


@pytest.mark.parametrize("name", COINS)
def test_days_on_which_a_coin_was_not_traded_have_no_bar(name: str) -> None:
    of = [*EACH_DAY[-60:-40], *EACH_DAY[-20:-5]]
    same(fetched(name, {COINS[name]: of}, wish(name, EACH_DAY[-60].session)), of)


@pytest.mark.parametrize("name", COINS)
def test_the_order_of_bars_does_not_matter_and_a_repeated_one_counts_once(name: str) -> None:
    of = EACH_DAY[-10:]
    same(fetched(name, {COINS[name]: [*reversed(of), of[3]]}, wish(name, of[0].session)), of)


@pytest.mark.parametrize("name", COINS)
@pytest.mark.parametrize("column", ["open", "close", "volume"])
def test_a_bar_of_an_exchange_that_lacks_a_number_is_refused(name: str, column: str) -> None:
    of = [*EACH_DAY[-10:-4], EACH_DAY[-4]._replace(**{column: float("nan")}), *EACH_DAY[-3:]]
    with pytest.raises(FeedError, match=f"{name}, {COINS[name]}: the bar of {of[6].session} lacks a number"):
        fetched(name, {COINS[name]: of}, wish(name, of[0].session))


def test_a_bar_that_does_not_begin_with_its_day_is_refused() -> None:
    wanted = wish("binance", EACH_DAY[-3].session)
    content = json.loads(answers("binance", ADAPTERS["binance"].requests(wanted, ""), {"BTC/EUR": EACH_DAY})[0].content)
    content[1][0] += 3_600_000
    with pytest.raises(FeedError, match=r"time of a bar is \d+, not the begin of a day") as found:
        ADAPTERS["binance"].rows(wanted, [reply_of(content)], NOW)
    assert found.value.kind == "later"


@pytest.mark.parametrize(
    ("symbol", "words"), [("BTC/USDT", "its quotes are in USDT"), ("BTC", "no pair"), ("", "no pair")]
)
@pytest.mark.parametrize("name", COINS)
def test_a_coin_is_asked_for_as_a_pair_with_a_currency(name: str, symbol: str, words: str) -> None:
    with pytest.raises(FeedError, match=words) as found:
        ADAPTERS[name].requests(Wanted("BTC", symbol, None, LAST), "")
    assert found.value.kind == "asset"
    assert "BTC/USD" in str(found.value)


def test_a_pair_that_an_exchange_does_not_list_has_near_ones() -> None:
    with pytest.raises(FeedError, match="has no such pair, but 'BTC/USD or ETH/USD'") as found:
        fetched("kraken", {"BTC/USD": EACH_DAY, "ETH/USD": EACH_DAY}, wish("kraken", symbol="BTX/USD"))
    assert found.value.kind == "asset"


def test_without_ccxt_the_set_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ccxt", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(FeedError, match=r"kraken is read through the package ccxt\. .*`make setup SETS=ccxt`") as found:
        ADAPTERS["kraken"].requests(wish("kraken"), "")
    assert found.value.kind == "source"


@pytest.mark.parametrize(
    ("name", "endpoint", "path"),
    [
        ("coinbase", ("v3", "public"), "brokerage/market/products/{product_id}/candles"),
        ("kraken", ("public",), "OHLC"),
        ("binance", ("public",), "klines"),
    ],
)
def test_the_pace_at_an_exchange_is_no_faster_than_ccxts(name: str, endpoint: Sequence[str], path: str) -> None:
    exchange = getattr(importlib.import_module("ccxt"), name)()
    endpoints = exchange.api
    for step in (*endpoint, "get"):
        endpoints = endpoints[step]
    limits = ADAPTERS[name].limits
    assert limits.seconds / limits.requests >= exchange.rateLimit / 1000.0 * endpoints[path]["cost"]


# -- quotes of the moment --------------------------------------------------------------------------------------------


def test_quotes_of_the_moment() -> None:
    of = {"SPY": bars(5), "VUSA.L": bars(5)}
    for name in ("yahoo", "tiingo"):
        adapter: Any = ADAPTERS[name]
        symbols = {"a": "SPY", "b": "VUSA.L"}
        replies = answers(name, adapter.quote_requests(symbols, KEY), of)
        found = adapter.quotes(symbols, replies, NOW)
        assert [quote.asset_id for quote in found] == ["a", "b"]
        for quote in found:
            assert quote.price == pytest.approx(of["SPY"][-1].close, rel=1e-12)
            assert quote.source == name
            assert str(quote.at)[:10] == "2022-12-29"
    assert found[0].at == np.datetime64("2022-12-29T20:30:00.123456")


# -- figures of Alpha Vantage ----------------------------------------------------------------------------------------


def test_the_indicator_of_the_vendor_is_that_of_the_house_on_the_same_closes() -> None:
    """Wilder's worksheet, as the vendor publishes it, against the own index of its closes."""
    closes = np.array(WILDER.split(), float)[:, None]
    days = pd.bdate_range(end=LAST, periods=len(closes)).date[-len(INDICES) :]
    of = {"IBM:RSI:14": [Bar(day, *(value,) * 4, 0.0) for day, value in zip(days, INDICES, strict=True)]}
    rows = fetched("alpha_vantage", of, wish("alpha_vantage", symbol="IBM:RSI:14"))
    assert rows["close"].tolist() == pytest.approx(RSI(14).values(closes)[-len(INDICES) :, 0], abs=0.02)
    assert rows["session"].dt.date.tolist() == days.tolist()
    assert set(rows["currency"]) == {""}
    assert (rows["fetched_at"] == NOW).all()


def test_an_indicator_of_a_session_that_is_not_over_is_left_out() -> None:
    of = {"IBM:RSI:14": bars(5)}
    opened = np.datetime64("2022-12-29T20:59", "us")
    same(
        fetched("alpha_vantage", of, wish("alpha_vantage", symbol="IBM:RSI:14"), opened),
        of["IBM:RSI:14"][:-1],
        ["close"],
    )


def test_a_number_of_an_overview_is_of_the_day_on_which_it_was_fetched() -> None:
    of = {"IBM:OVERVIEW:PERatio": bars(1), "IBM:OVERVIEW:EPS": bars(2)}
    wanted = Wanted("an_asset", "IBM:OVERVIEW:PERatio", None, date(2022, 12, 30), "")
    rows = fetched("alpha_vantage", of, wanted)
    assert rows["close"].tolist() == [of["IBM:OVERVIEW:PERatio"][-1].close]
    assert [str(day)[:10] for day in rows["session"]] == ["2022-12-30"]


@pytest.mark.parametrize(
    ("symbol", "content", "said"),
    [
        ("IBM:OVERVIEW:Sector", {"Symbol": "IBM", "Sector": "ENERGY"}, "Sector of the overview is 'ENERGY', no number"),
        ("IBM:OVERVIEW:PERatio", {"Symbol": "IBM", "PERatio": "None"}, "PERatio of the overview is 'None', no number"),
        ("IBM:OVERVIEW:PEratio", {"Symbol": "IBM", "PERatio": "9.1"}, "PEratio of the overview is None, no number"),
        ("IBM:OVERVIEW:PERatio", {"Symbol": "IBN", "PERatio": "9.1"}, "is of 'IBN', another symbol"),
        ("IBM:OVERVIEW:PERatio", {}, "unknown symbol"),
        ("IBM:RSI:14", {"Error Message": "Invalid API call."}, "the answer has no Technical Analysis: RSI"),
        ("IBM:RSI:14", {"Information": f"Your API key {KEY} and our rate limit of 25"}, "limit of requests is reached"),
        ("IBM:RSI:14", {"Meta Data": {"1: Symbol": "IBN"}, "Technical Analysis: RSI": {}}, "another symbol"),
        ("IBM:RSI:14", {"Meta Data": {"1: Symbol": "IBM"}, "Technical Analysis: RSI": []}, "no values by day"),
        (
            "IBM:BBANDS:20",
            {"Meta Data": {"1: Symbol": "IBM"}, "Technical Analysis: BBANDS": {"2022-12-29": {"Real Upper Band": "1"}}},
            "BBANDS is not one value a day",
        ),
    ],
)  # fmt: skip
def test_an_answer_without_the_figure_is_refused_without_the_key(symbol: str, content: Any, said: str) -> None:
    with pytest.raises(FeedError, match=said) as told:
        ADAPTERS["alpha_vantage"].rows(wish("alpha_vantage", symbol=symbol), [reply_of(content)], NOW)
    assert KEY not in str(told.value)
