"""Answers that are faulty: each gives the right rows, or a sentence with the source and the symbol, without the key."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_bodies import COINS, Bar, body

from desk.feeds.adapter import FeedError, Reply, Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.answers import Asked, quoted, retry_after
from foundation.errors import DataError
from research.market.rows import BARS

KEY = "K3Y0F7HE7ESTER42"
NOW = np.datetime64("2022-12-30T12:00:00", "us")
LAST = date(2022, 12, 29)
SYMBOLS = {name: "SPY" for name in ADAPTERS} | {"stooq": "spy.us", "fred": "DTB3"} | COINS
HTML = b"<!DOCTYPE html><html><body>Will be right back</body></html>"


def bars() -> list[Bar]:
    """Twelve business days to 2022-12-29 with a split and two dividends, of which one falls on the day of the split."""
    found, close = [], 400.0
    for place, day in enumerate(pd.bdate_range(end=LAST, periods=12)):
        split, dividend = {4: (1.0, 1.5), 8: (4.0, 0.5)}.get(place, (1.0, 0.0))
        close = close * (1.004 if place % 2 else 0.997) / split - dividend
        found.append(Bar(day.date(), close - 0.25, close + 0.5, close - 0.5, close, 1000.0 + place, split, dividend))
    return found


ALL = bars()
PLAIN = [Bar(*bar[:6]) for bar in ALL if bar.session > ALL[8].session]  # without events


def wish(name: str, symbol: str = "") -> Wanted:
    few = name == "fred" or name in COINS  # so that it has vintages of one period, and bars of one page
    first = ALL[0].session if few else None
    return Wanted("an_asset", symbol or SYMBOLS[name], first, LAST)


def replies(name: str, symbol: str = "", of: Sequence[Bar] = ALL, key: str = KEY) -> list[Reply]:
    symbol, adapter = symbol or SYMBOLS[name], ADAPTERS[name]
    found: list[Reply] = []
    asked = list(adapter.requests(wish(name, symbol), key))
    while asked:
        for request in asked:
            status, _, content = body(name, urlsplit(request.url).path, request.params, request.headers, {symbol: of})
            found.append(Reply(status, content))
        following = adapter.more(wish(name, symbol), found, key)
        asked = [following] if following else []
    return found


def fault(name: str, *answers: Reply, symbol: str = "") -> FeedError:
    """The error of the answers of a source, none of which may show the key."""
    whole = replies(name, symbol)
    with pytest.raises(FeedError) as found:
        ADAPTERS[name].rows(wish(name, symbol), [*answers, *whole[len(answers) :]], NOW)
    assert f"{name}, {symbol or SYMBOLS[name]}: " in str(found.value)
    secret_stays(found.value)
    return found.value


def secret_stays(error: BaseException | None) -> None:
    """No error of a chain shows or holds the key."""
    while error is not None:
        assert KEY not in f"{error} {error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__


def reply_of(content: Any, status: int = 200, **headers: str) -> Reply:
    encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Reply(status, encoded, {name.replace("_", "-"): value for name, value in headers.items()})


# -- recorded answers ------------------------------------------------------------------------------------------------

YAHOO_GONE = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
PLANS = "You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to unlock all endpoints."
LIMIT = f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per day. {PLANS}"
OLD_LIMIT = f"Our standard API call frequency is 5 calls per minute and 500 calls per day. {PLANS}"
PREMIUM = f"Thank you for using Alpha Vantage! This is a premium endpoint. {PLANS}"
BAD_KEY = "the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co)."
INVALID = "Invalid API call. Please retry or visit the documentation for TIME_SERIES_DAILY."
NO_FRED_KEY = "Bad Request.  The value for variable api_key is not registered.  Read https://fred.stlouisfed.org"
RECORDED = [
    ("yahoo", reply_of({"chart": {"result": None, "error": YAHOO_GONE}}, 404), "asset", "may be delisted"),
    ("yahoo", reply_of({"chart": None}), "asset", "not known"),
    ("yahoo", reply_of(b"Too Many Requests\r\n", 429), "later", "limit of requests"),
    ("yahoo", reply_of(HTML), "later", "HTML"),
    ("yahoo", reply_of({"finance": {"error": {"description": "Invalid Crumb"}}}, 401), "later", "cookie"),
    ("yahoo", reply_of({"chart": {"result": [], "error": None}}), "later", "chart.result"),
    ("yahoo", reply_of(b""), "later", "empty"),
    ("tiingo", reply_of({"detail": "Error: Ticker 'GONE' not found"}, 404), "asset", "no such symbol"),
    ("tiingo", reply_of({"detail": "Error: You have run over your hourly request allocation."}, 429), "later", "limit"),
    ("tiingo", reply_of({"detail": "Invalid token."}, 401), "source", "key"),
    ("tiingo", reply_of({"detail": "Invalid token."}, 403), "source", "key"),
    ("tiingo", reply_of({"detail": f"over the limit with {KEY}"}), "later", "the source says"),
    ("tiingo", reply_of(HTML, 502), "later", "status 502"),
    ("stooq", reply_of(b"No data"), "asset", "no data"),
    ("stooq", reply_of(b"Exceeded the daily hits limit"), "later", "limit"),
    ("stooq", reply_of(HTML), "later", "HTML"),
    ("alpha_vantage", reply_of({"Information": LIMIT}), "later", "limit"),
    ("alpha_vantage", reply_of({"Note": OLD_LIMIT}), "later", "limit"),
    ("alpha_vantage", reply_of({"Information": PREMIUM}), "source", "plan"),
    ("alpha_vantage", reply_of({"Error Message": BAD_KEY}), "source", "key"),
    ("alpha_vantage", reply_of({"Information": BAD_KEY}), "source", "key"),
    ("alpha_vantage", reply_of({"Error Message": INVALID}), "asset", "unknown symbol"),
    ("alpha_vantage", reply_of({}), "asset", "unknown symbol"),
    ("alpha_vantage", reply_of({"Information": f"A notice of another wording to {KEY}"}), "later", "notice"),
    ("alpha_vantage", reply_of(f"Information\r\n{LIMIT}".encode()), "later", "limit"),
    ("fred", reply_of({"error_code": 400, "error_message": NO_FRED_KEY}, 400), "source", "key"),
    ("fred", reply_of({"error_code": 423, "error_message": "Locked"}, 423), "later", "limit"),
    ("nasdaq_data_link", reply_of({"quandl_error": {"code": "QEAx01", "message": KEY}}, 400), "source", "key"),
    ("nasdaq_data_link", reply_of({"quandl_error": {"code": "QEPx04", "message": ""}}, 403), "source", "plan"),
    ("nasdaq_data_link", reply_of({"quandl_error": {"code": "QECx02", "message": ""}}, 404), "asset", "no such data"),
    ("nasdaq_data_link", reply_of({"quandl_error": {"code": "QELx02", "message": ""}}, 429), "later", "limit"),
    ("nasdaq_data_link", reply_of({"quandl_error": {"code": "QEXx03", "message": ""}}, 503), "later", "down"),
    ("nasdaq_data_link", reply_of(HTML), "later", "HTML"),
    ("coinbase", reply_of({"error": "NOT_FOUND", "message": "valid product_id is required"}, 404), "asset", "no such"),
    (
        "coinbase",
        reply_of({"errors": [{"id": "rate_limit_exceeded", "message": KEY}]}, 429),
        "later",
        "the exchange says",
    ),
    ("coinbase", reply_of({"errors": [{"id": "internal_server_error", "message": KEY}]}), "later", "the exchange says"),
    ("coinbase", reply_of(HTML), "later", "HTML"),
    ("coinbase", reply_of({}), "later", "no list of bars"),
    ("kraken", reply_of({"error": ["EQuery:Invalid asset pair"]}), "asset", "no such pair"),
    ("kraken", reply_of({"error": ["EGeneral:Too many requests"]}), "later", "Too many requests"),
    ("kraken", reply_of({"error": ["EService:Unavailable"]}), "later", "EService:Unavailable"),
    ("kraken", reply_of({"error": ["EGeneral:Internal error"]}), "later", "EGeneral:Internal error"),
    ("kraken", reply_of({"error": None}), "later", "ccxt cannot read the answer"),
    ("kraken", reply_of(HTML), "later", "HTML"),
    ("binance", reply_of({"code": -1121, "msg": "Invalid symbol."}, 400), "asset", "no such pair"),
    ("binance", reply_of({"code": -1100, "msg": "Illegal characters"}, 400), "asset", "does not accept this request"),
    ("binance", reply_of({"code": -1003, "msg": "Too much request weight used."}, 418), "later", "the exchange says"),
    ("binance", reply_of({"code": 0, "msg": "Service unavailable"}, 451), "source", "does not serve this place"),
    ("binance", reply_of({"code": -1000, "msg": f"An error of {KEY}"}), "later", "the exchange says"),
    ("binance", reply_of(HTML), "later", "HTML"),
]


@pytest.mark.parametrize(("name", "answer", "kind", "words"), RECORDED)
def test_a_recorded_error_has_its_kind_and_a_sentence(name: str, answer: Reply, kind: str, words: str) -> None:
    found = fault(name, answer)
    assert found.kind == kind
    assert words in str(found)


def test_an_unknown_series_of_fred_is_an_error_of_the_asset() -> None:
    for key, words in ((KEY, "does not exist"), ("", "no such symbol")):
        request = ADAPTERS["fred"].requests(wish("fred"), key)[0]
        status, _, content = body("fred", urlsplit(request.url).path, request.params, {}, {})
        with pytest.raises(FeedError, match=words) as found:
            ADAPTERS["fred"].rows(wish("fred"), [Reply(status, content)], NOW)
        assert found.value.kind == "asset"


def test_an_empty_span_of_tiingo_has_no_rows() -> None:
    assert len(ADAPTERS["tiingo"].rows(wish("tiingo"), [reply_of([])], NOW)) == 0


@pytest.mark.parametrize(
    ("header", "wait"),
    [("30", 30.0), ("Fri, 30 Dec 2022 12:01:00 GMT", 60.0), ("Fri, 30 Dec 2022 11:00:00 GMT", 0.0), ("soon", None)],
)
def test_a_limit_says_how_long_to_wait(header: str, wait: float | None) -> None:
    answer = reply_of(b"", 429, retry_after=header)
    assert retry_after(answer, NOW) == wait
    assert fault("tiingo", answer).wait == wait


def test_limits_of_a_day_and_of_a_minute_have_their_waits() -> None:
    assert fault("alpha_vantage", reply_of({"Information": LIMIT})).wait == 86_400.0
    assert fault("alpha_vantage", reply_of({"Note": OLD_LIMIT})).wait == 60.0


def test_a_request_shows_no_key() -> None:
    for name, adapter in ADAPTERS.items():
        for request in adapter.requests(wish(name), KEY):
            assert KEY not in request.url
            assert (request.key == KEY) == bool(adapter.key_variable)


def test_what_looks_like_a_key_is_not_quoted() -> None:
    assert KEY not in quoted(f"a notice to {KEY}.")
    assert quoted("Not found.") == "'Not found.'"
    assert KEY not in quoted({"of": [KEY, 10**5000]})


# -- traps -----------------------------------------------------------------------------------------------------------

Change = Callable[[Any], None]


def changed(name: str, change: Change, place: int = 0) -> list[Reply]:
    """The replies of a source, of which one was changed as JSON."""
    found = replies(name)
    content = json.loads(found[place].content)
    change(content)
    return [*found[:place], reply_of(content), *found[place + 1 :]]


def refused(name: str, change: Change, place: int = 0) -> FeedError:
    return fault(name, *changed(name, change, place))


def result(content: Any) -> Any:
    return content["chart"]["result"][0]


@pytest.mark.parametrize(
    ("name", "change", "place"),
    [
        ("yahoo", lambda content: result(content)["meta"].update(symbol="WRONG"), 0),
        ("alpha_vantage", lambda content: content["Meta Data"].update({"2. Symbol": "WRONG"}), 0),
        ("alpha_vantage", lambda content: content.update(symbol="WRONG"), 2),
        ("nasdaq_data_link", lambda content: content["datatable"]["data"][3].__setitem__(0, "WRONG"), 0),
    ],
)
def test_an_answer_of_another_symbol_is_refused(name: str, change: Change, place: int) -> None:
    assert "is of 'WRONG', another symbol" in str(refused(name, change, place))


def test_a_repeated_bar_counts_once_and_two_that_differ_are_refused() -> None:
    same = changed("tiingo", lambda content: content.append(content[3]))
    assert len(ADAPTERS["tiingo"].rows(wish("tiingo"), same, NOW)) == len(ALL)
    error = refused("tiingo", lambda content: content.append(content[3] | {"close": 1.0}))
    assert f"two bars of {ALL[3].session}" in str(error)


@pytest.mark.parametrize("bar", ["open", "high", "low"])
def test_an_open_high_or_low_of_zero_is_not_known(bar: str) -> None:
    rows = ADAPTERS["tiingo"].rows(wish("tiingo"), changed("tiingo", lambda content: content[3].update({bar: 0})), NOW)
    assert np.isnan(rows.loc[3, bar])
    assert rows[["open", "high", "low", "close"]].isna().sum().sum() == 1
    check_rows(rows, ALL, "tiingo")


def test_a_day_that_an_object_has_twice_is_refused() -> None:
    first, *others = replies("alpha_vantage")
    day = str(ALL[3].session).encode()
    twice = first.content.replace(
        b'"Time Series (Daily)": {', b'"Time Series (Daily)": {"' + day + b'": {"4. close": "1"}, '
    )
    assert fault("alpha_vantage", Reply(200, twice), *others).kind == "later"


@pytest.mark.parametrize("name", ["yahoo", "tiingo", "nasdaq_data_link"])
def test_an_answer_that_lacks_a_dividend_is_refused(name: str) -> None:
    changes: dict[str, tuple[Change, int]] = {
        "yahoo": (lambda content: result(content)["events"].pop("dividends"), 0),
        "tiingo": (lambda content: content[4].update(divCash=0.0), 0),
        "nasdaq_data_link": (lambda content: content["datatable"]["data"].pop(0), 1),
    }
    error = refused(name, *changes[name])
    assert f"the adjusted close of {ALL[4].session} moves by 0.37" in str(error)
    assert error.kind == "later"


def test_an_answer_that_lacks_a_split_is_refused_where_its_format_shows_it() -> None:
    error = refused("tiingo", lambda content: content[8].update(splitFactor=1.0))
    assert f"the adjusted close of {ALL[8].session} moves by" in str(error)
    error = refused("nasdaq_data_link", lambda content: content["datatable"]["data"].pop(), 1)
    assert "do not agree with later splits by 1" in str(error)


@pytest.mark.parametrize("days", [1, 3])
def test_a_split_that_is_listed_twice_is_refused(days: int) -> None:
    """On the day before, a Sunday, and on the session before, a Friday."""

    def twice(content: Any) -> None:
        (stamp, split), *_ = result(content)["events"]["splits"].items()
        before = int(stamp) - days * 86_400
        result(content)["events"]["splits"][str(before)] = split | {"date": before}

    assert f"and {ALL[8].session} by 4 are one" in str(refused("yahoo", twice))


def test_a_split_that_the_quotes_lack_is_refused() -> None:
    def unadjusted(content: Any) -> None:
        for name in ("open", "high", "low", "close"):
            cells = result(content)["indicators"]["quote"][0][name]
            cells[:8] = [cell * 4.0 for cell in cells[:8]]

    assert f"the split of {ALL[8].session} by 4 does not fit its quotes" in str(refused("yahoo", unadjusted))


def test_a_dividend_in_pence_beside_quotes_in_pounds_is_refused() -> None:
    def hundredfold(content: Any) -> None:
        for event in result(content)["events"]["dividends"].values():
            event["amount"] *= 100.0

    assert "has a dividend of 150 of that day" in str(refused("yahoo", hundredfold))


@pytest.mark.parametrize(
    ("listed", "shown"), [(5.0, 0.0), (2.9, 1.0), (0.4, 1.0), (1.2, 1.0), (1.0, 1.0), (20.0, 20.0)]
)
def test_a_dividend_is_kept_where_the_adjusted_closes_show_it(listed: float, shown: float) -> None:
    days = pd.bdate_range(end=LAST, periods=4)
    closes, paid = [100.0, 100.0, 100.0 - shown, 100.0 - shown], [0.0, 0.0, listed, 0.0]
    records = [
        {"date": f"{day:%Y-%m-%d}", "close": close, "adjClose": 100.0 - shown, "divCash": cash, "splitFactor": 1.0}
        for day, close, cash in zip(days, closes, paid, strict=True)
    ]
    if listed == shown:
        rows = ADAPTERS["tiingo"].rows(wish("tiingo"), [reply_of(records)], NOW)
        assert rows["dividend"].tolist() == paid
    else:
        assert f"has a dividend of {listed:g} of that day" in str(fault("tiingo", reply_of(records)))


def test_a_capital_gain_that_the_dividend_holds_already_counts_once() -> None:
    def gain(content: Any) -> None:
        result(content)["events"]["capitalGains"] = copy.deepcopy(result(content)["events"]["dividends"])

    rows = ADAPTERS["yahoo"].rows(wish("yahoo"), changed("yahoo", gain), NOW)
    np.testing.assert_allclose(rows["dividend"], [bar.dividend for bar in ALL], rtol=1e-12)


@pytest.mark.parametrize("further", [1.5, 0.25])
def test_two_dividends_of_a_day_add_up_unless_the_adjusted_close_denies_it(further: float) -> None:
    def twice(content: Any) -> None:
        paid = next(each for each in content["data"] if each["amount"] == "1.5")
        paid["declaration_date"] = "2022-12-01"
        content["data"].append(paid | {"amount": str(further), "declaration_date": "2022-12-02"})

    def again(content: Any) -> None:
        content["datatable"]["data"].append([*content["datatable"]["data"][0][:-1], further])

    rows = ADAPTERS["alpha_vantage"].rows(wish("alpha_vantage"), changed("alpha_vantage", twice, 1), NOW)
    assert rows["dividend"].tolist()[4] == 1.5 + further
    rows = ADAPTERS["nasdaq_data_link"].rows(wish("nasdaq_data_link"), changed("nasdaq_data_link", again, 1), NOW)
    assert rows["dividend"].tolist()[4] == 1.5


@pytest.mark.parametrize("place", [1, 2])
def test_an_event_of_alpha_vantage_that_stands_there_twice_counts_once(place: int) -> None:
    def twice(content: Any) -> None:
        content["data"] += copy.deepcopy(content["data"])

    rows = ADAPTERS["alpha_vantage"].rows(wish("alpha_vantage"), changed("alpha_vantage", twice, place), NOW)
    check_rows(rows, ALL, "alpha_vantage")


def test_a_vintage_later_than_now_is_refused() -> None:
    seen = [{"date": "2022-12-28", "value": "4.3", "realtime_start": "2023-01-04"}]
    with pytest.raises(FeedError, match="vintage 2023-01-04, later than now"):
        ADAPTERS["fred"].rows(wish("fred"), [reply_of({"observations": seen})], NOW)


def test_a_table_that_ends_within_a_number_is_refused() -> None:
    for name, key in (("stooq", ""), ("fred", "")):
        (answer,) = replies(name, of=PLAIN, key=key)
        with pytest.raises(FeedError, match="cut off"):
            ADAPTERS[name].rows(wish(name), [Reply(200, answer.content[:-3])], NOW)


def test_pages_without_end_are_refused() -> None:
    whole = replies("nasdaq_data_link")
    page = changed("nasdaq_data_link", lambda content: content["meta"].update(next_cursor_id="again"))[0]
    following = ADAPTERS["nasdaq_data_link"].more(wish("nasdaq_data_link"), [*whole[1:], page], KEY)
    assert following is not None
    assert following.params["qopts.cursor_id"] == "again"
    with pytest.raises(FeedError, match="names itself"):
        ADAPTERS["nasdaq_data_link"].more(wish("nasdaq_data_link"), [*whole[1:], page, page], KEY)


def test_quotes_without_a_price_are_refused() -> None:
    yahoo: Any = ADAPTERS["yahoo"]
    with pytest.raises(FeedError, match="yahoo, SPY: the answer has no price"):
        yahoo.quotes({"a": "SPY"}, changed("yahoo", lambda c: result(c)["meta"].pop("regularMarketPrice")), NOW)
    tiingo: Any = ADAPTERS["tiingo"]
    with pytest.raises(FeedError, match="tiingo, SPY: the answer has no price"):
        tiingo.quotes({"a": "SPY"}, [reply_of([{"ticker": "SPY", "last": None, "tngoLast": None}])], NOW)


# -- mangled answers -------------------------------------------------------------------------------------------------

MANGLES = 60  # of each format; 250 make two thousand, and a minute
JUNK = (None, True, KEY, f"your API key as {KEY}", "", "x" * 300, [[]], {"a": None}, np.nan, np.inf, 10**400)


def kind_of(value: object) -> type:
    """The type of a value in JSON, one for all plain numbers."""
    return float if type(value) is int else type(value)


def places_of(content: Any) -> list[tuple[Any, Any]]:
    """All containers with their names or numbers."""
    found = []
    steps = list(content) if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for step in steps:
        found.append((content, step))
        found += places_of(content[step])
    return found


def mangled(content: Any, draw: random.Random) -> None:
    """Change one place: another type, swapped with a place of another kind, repeated, or with something beside it."""
    places = places_of(content)
    holder, step = draw.choice(places)
    value, how = holder[step], draw.choice(("type", "swap", "repeat", "extra"))
    if how == "type":
        other = draw.choice([junk for junk in JUNK if kind_of(junk) != kind_of(value) or kind_of(junk) is float])
        holder[step] = copy.deepcopy(other)
    elif how == "swap":
        place, at = draw.choice(places)
        kinds = kind_of(place[at]), kind_of(value)
        if kinds[0] != kinds[1] and float not in kinds:  # a number in the place of another is a right answer to look at
            holder[step], place[at] = copy.deepcopy(place[at]), copy.deepcopy(value)
    elif how == "repeat" and isinstance(holder, list):
        holder.insert(draw.randrange(len(holder) + 1), copy.deepcopy(value))
    elif isinstance(value, list):
        value.insert(draw.randrange(len(value) + 1), copy.deepcopy(draw.choice(JUNK)))
    elif isinstance(value, dict):
        value[draw.choice(("extra", KEY))] = copy.deepcopy(draw.choice(JUNK))


def mangled_reply(reply: Reply, draw: random.Random) -> Reply:
    """A reply that was cut, mangled up to five times, or put beside something else."""
    how = draw.randrange(10)
    if how == 0:
        return Reply(200, reply.content[: draw.randrange(len(reply.content))])
    if how == 1:
        before = draw.choice((HTML, KEY.encode(), b"", b"\xff\xfe", b"[" * 10_000, LIMIT.encode()))
        return Reply(200, before + reply.content)
    if reply.content[:1] not in (b"{", b"["):  # a table
        lines = reply.content.decode().splitlines()
        place = draw.randrange(len(lines))
        cells = lines[place].split(",")
        cells[draw.randrange(len(cells))] = draw.choice(("", KEY, "x,y", '"', "1e999", "nan", "-", "<td>"))
        lines[place] = draw.choice((",".join(cells), lines[place] + ",1", "", lines[draw.randrange(len(lines))]))
        return Reply(200, ("\r\n".join(lines) + "\r\n").encode())
    content = json.loads(reply.content)
    for _ in range(draw.randrange(1, 6)):
        mangled(content, draw)
    return Reply(200, json.dumps(content).encode())


def check_rows(rows: pd.DataFrame, of: Sequence[Bar], name: str) -> None:
    """Each row is a bar, or lacks some of its numbers; all splits and dividends between them are there."""
    by_day = {bar.session: bar for bar in of}
    assert rows["session"].is_unique
    for row in rows.itertuples():
        bar = by_day[row.session.date()]
        for column in BARS if name != "fred" else ("close",):
            value = getattr(row, column)
            assert value == pytest.approx(getattr(bar, column), rel=1e-9) or value != value, (column, bar)
    if len(rows) == len(of):
        np.testing.assert_allclose(rows["split"], [bar.split for bar in of], rtol=1e-9)
        np.testing.assert_allclose(rows["dividend"], [bar.dividend for bar in of], rtol=1e-9, atol=1e-12)


MANGLED = [(name, SYMBOLS[name], ALL, KEY) for name in ("yahoo", "tiingo", "alpha_vantage", "nasdaq_data_link")]
MANGLED += [("fred", "DTB3", PLAIN, KEY), ("fred", "DTB3", PLAIN, ""), ("stooq", "spy.us", PLAIN, "")]
MANGLED += [(name, symbol, PLAIN, "") for name, symbol in COINS.items()]
WHOLE = [replies(name, symbol, of, key) for name, symbol, of, key in MANGLED]


def outcome(name: str, symbol: str, answers: Sequence[Reply]) -> pd.DataFrame | DataError:
    try:
        ADAPTERS[name].more(wish(name, symbol), answers, KEY)
        return ADAPTERS[name].rows(wish(name, symbol), answers, NOW)
    except DataError as error:
        return error


@settings(max_examples=MANGLES)
@given(st.integers(0, 2**32))
@pytest.mark.parametrize("case", range(len(MANGLED)))
def test_a_mangled_answer_gives_its_bars_or_a_sentence(case: int, seed: int) -> None:
    draw, (name, symbol, of, _) = random.Random(seed), MANGLED[case]
    answers = list(WHOLE[case])
    place = draw.randrange(len(answers))
    answers[place] = mangled_reply(answers[place], draw)
    found = outcome(name, symbol, answers)
    if isinstance(found, DataError):
        assert name in str(found)
        assert symbol in str(found)
        assert len(str(found)) < 600
        assert str(found).endswith(".")
        secret_stays(found)
    else:
        check_rows(found, of, name)


def test_the_steps_of_orders_at_an_exchange_are_not_read() -> None:
    """ccxt writes a step with as many zeros as an answer says: of a billion it never came back."""
    case = next(k for k, of in enumerate(MANGLED) if of[0] == "kraken")
    (name, symbol, of, _), (markets, *bars) = MANGLED[case], WHOLE[case]
    content = json.loads(markets.content)
    for pair in content["result"].values():
        pair["pair_decimals"] = 10**9
    found = outcome(name, symbol, [Reply(200, json.dumps(content).encode()), *bars])
    assert isinstance(found, pd.DataFrame)
    check_rows(found, of, name)


def test_an_error_names_the_source_and_the_symbol() -> None:
    with pytest.raises(FeedError, match=r"^yahoo, SPY: it is so\. Do that\.$"):
        Asked("yahoo", "SPY", NOW).refuse("it is so. Do that.")
