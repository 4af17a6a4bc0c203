"""Adapters against the bodies that providers send: the rows are the bars that the bodies were made from."""

import json
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from provider_bodies import Bar, body

from desk.feeds.adapter import FeedError, Reply, Request, Wanted
from desk.feeds.adapters import ADAPTERS
from research.market.reading.embedded import load_market
from research.market.rows import BARS, growth

KEY = "K3Y0F7HE7ESTER42"
NOW = np.datetime64("2022-12-30T12:00:00", "us")  # before New York opens
LAST = date(2022, 12, 29)
SYMBOLS = {name: "SPY" for name in ADAPTERS} | {"stooq": "spy.us", "fred": "DTB3"}


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


def answers(name: str, requests: Sequence[Request], of: dict[str, Sequence[Bar]]) -> list[Reply]:
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
    assert set(rows["source"]) == {name}
    assert set(rows["currency"]) == {"USD"}
    assert (rows["fetched_at"] == NOW).all()


@pytest.mark.parametrize("name", ["yahoo", "tiingo", "alpha_vantage", "nasdaq_data_link"])
def test_rows_are_of_the_days_wanted_and_know_later_splits(name: str) -> None:
    of = bars(60, **EVENTFUL)
    last = of[-15].session  # before the last split
    wanted = Wanted("an_asset", SYMBOLS[name], of[-25].session, last)
    same(fetched(name, {SYMBOLS[name]: of}, wanted), of[-25:-14])


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
            got = growth(*(rows[column].to_numpy() for column in ("close", "split", "dividend")))[1:] - 1.0
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


def test_a_last_bar_stamped_at_the_close_is_over() -> None:
    of = bars(20)
    content = chart(of)
    content["chart"]["result"][0]["timestamp"][-1] += int(6.5 * 3600) + 1
    same(yahoo_rows(content), of)
    same(yahoo_rows(content, "2022-12-29T20:59:00"), of[:-1])


@pytest.mark.parametrize("name", ["tiingo", "alpha_vantage", "stooq", "nasdaq_data_link"])
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
    assert bounds[0][0] == "1776-07-04"
    assert bounds[-1][1] == "9999-12-31"
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
    np.testing.assert_allclose(growth(rows["close"].to_numpy(), ones, none), growth(closes, split, paid), rtol=1e-12)


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
