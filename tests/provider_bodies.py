"""The bodies that providers of prices send for known bars, as `shared/provider_formats.md` records their formats.

A local server answers with `body`. Bars are as traded on their day; a body has them as its provider publishes them,
such as Yahoo's quotes, which are adjusted for later splits.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from math import isnan
from typing import Any, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

JSON, CSV, TEXT = "application/json", "text/csv", "text/plain"
Answer = tuple[int, str, bytes]
Asked = Mapping[str, str]


class Bar(NamedTuple):
    """A bar as traded on its day: quotes in currency per unit, split in units after for one before, dividend per unit.

    A NaN is a cell that the provider leaves empty.
    """

    session: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    split: float = 1.0
    dividend: float = 0.0


Bars = Mapping[str, Sequence[Bar]]


def body(provider: str, path: str, params: Asked, headers: Asked, bars_of_symbol: Bars) -> Answer:
    """Status, content type and body of a provider's answer to a GET request.

    provider       : name of its adapter.
    path           : path of the URL, quoted or not, without the query.
    params         : parameters of the query, decoded.
    headers        : headers of the request, of any case.
    bars_of_symbol : bars by the provider's own symbol, oldest first. A symbol that is not there is unknown to it.
    """
    answer = PROVIDERS[provider]
    return answer(unquote(path), params, {name.lower(): value for name, value in headers.items()}, bars_of_symbol)


def _json(content: Any, status: int = 200) -> Answer:
    return status, JSON, json.dumps(content).encode()


def _cell(value: float) -> float | None:
    return None if isnan(value) else value


def _within(bars: Sequence[Bar], first: str | None, last: str | None) -> list[Bar]:
    """The bars of days in ISO form, both included."""
    return [bar for bar in bars if (first or "0001-01-01") <= bar.session.isoformat() <= (last or "9999-12-31")]


def _later_splits(bars: Sequence[Bar]) -> dict[date, float]:
    """The product of the splits after each bar, by session."""
    factor, later = 1.0, {}
    for bar in reversed(bars):
        later[bar.session] = factor
        factor *= bar.split
    return later


def _total_factors(bars: Sequence[Bar]) -> dict[date, float]:
    """The factor of each bar's close in a series of closes adjusted for later splits and dividends, by session."""
    factor, factors = 1.0, {}
    for bar, before in zip(reversed(bars), [*reversed(bars[:-1]), None], strict=True):
        factors[bar.session] = factor
        if before is not None:  # so that ratios of adjusted closes are total returns
            factor *= before.close and bar.close / (bar.split * (bar.close + bar.dividend))
    return factors


# -- Yahoo -----------------------------------------------------------------------------------------------------------

NEW_YORK = ("America/New_York", "USD", time(9, 30), timedelta(hours=6.5), 1.0)
LONDON = ("Europe/London", "GBp", time(8), timedelta(hours=8.5), 100.0)
COIN = ("UTC", "USD", time(0), timedelta(hours=23, minutes=59), 1.0)
PAIR = ("Europe/London", "USD", time(0), timedelta(hours=23, minutes=59), 1.0)


def _listing(symbol: str) -> tuple[str, str, time, timedelta, float]:
    """Time zone, currency, open, length of the session, and quotes for one of currency, of a symbol of Yahoo."""
    kinds = {".L": LONDON, "-USD": COIN, "=X": PAIR}
    return next((kind for end, kind in kinds.items() if symbol.endswith(end)), NEW_YORK)


@lru_cache(maxsize=100_000)
def _stamp(session: date, opens: time, zone: str) -> int:
    """Seconds from 1970 to the opening of a session."""
    return int(datetime.combine(session, opens, ZoneInfo(zone)).timestamp())


def _yahoo(path: str, params: Asked, _: Asked, bars_of: Bars) -> Answer:
    symbol = path.removeprefix("/v8/finance/chart/")
    if symbol not in bars_of:
        error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return _json({"chart": {"result": None, "error": error}}, 404)
    zone, currency, opens, length, part = _listing(symbol)
    bars, later, total = bars_of[symbol], _later_splits(bars_of[symbol]), _total_factors(bars_of[symbol])
    stamp = {bar.session: _stamp(bar.session, opens, zone) for bar in bars}
    start, end = int(params.get("period1", "-9999999999")), int(params.get("period2", "99999999999"))
    chosen = bars[-1:] if "range" in params else [bar for bar in bars if start <= stamp[bar.session] < end]

    def cells(name: str) -> list[float | None]:
        return [_cell(getattr(bar, name) * part / later[bar.session]) for bar in chosen]

    last = stamp[bars[-1].session]
    over = last + int(length.total_seconds())
    regular = {"timezone": "EST", "start": last, "end": over, "gmtoffset": -18000}
    meta = {
        "currency": currency, "symbol": symbol, "exchangeName": "PCX", "instrumentType": "ETF", "gmtoffset": -18000,
        "timezone": "EST", "exchangeTimezoneName": zone, "firstTradeDate": stamp[bars[0].session],
        "regularMarketTime": over, "regularMarketPrice": _cell(bars[-1].close * part), "priceHint": 2,
        "currentTradingPeriod": {"pre": regular, "regular": regular, "post": regular}, "dataGranularity": "1d",
    }  # fmt: skip
    result: dict[str, Any] = {"meta": meta, "indicators": {"quote": [{}]}}
    if chosen:
        result["timestamp"] = [stamp[bar.session] for bar in chosen]
        quote: dict[str, list[float | None]] = {name: cells(name) for name in ("open", "high", "low", "close")}
        quote["volume"] = [_cell(bar.volume * later[bar.session]) for bar in chosen]
        adjusted = [_cell(bar.close * part * total[bar.session]) for bar in chosen]
        result["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": adjusted}]}
    events: dict[str, dict[str, Any]] = {"dividends": {}, "splits": {}}
    for bar in chosen:
        when = stamp[bar.session]
        if bar.dividend:
            amount = bar.dividend * part / later[bar.session]
            events["dividends"][str(when)] = {"amount": amount, "date": when}
        if bar.split != 1.0:
            over_one, one = (bar.split, 1.0) if bar.split > 1.0 else (1.0, 1.0 / bar.split)
            ratio = {"numerator": over_one, "denominator": one, "splitRatio": f"{over_one:g}:{one:g}"}
            events["splits"][str(when)] = {"date": when} | ratio
    if any(events.values()):
        result["events"] = {name: found for name, found in events.items() if found}
    return _json({"chart": {"result": [result], "error": None}})


# -- Tiingo ----------------------------------------------------------------------------------------------------------


def _tiingo(path: str, params: Asked, headers: Asked, bars_of: Bars) -> Answer:
    if not headers.get("authorization", "").removeprefix("Token ").strip():
        return _json({"detail": "Please supply a token"}, 403)
    if path.startswith("/iex"):
        asked = params["tickers"].split(",")
        known = {symbol.upper(): bars for symbol, bars in bars_of.items() if bars}
        return _json([_iex(each.upper(), known[each.upper()]) for each in asked if each.upper() in known])
    symbol = path.removeprefix("/tiingo/daily/").removesuffix("/prices")
    if symbol not in bars_of:
        return _json({"detail": f"Error: Ticker '{symbol}' not found"}, 404)
    bars = bars_of[symbol]
    if not path.endswith("/prices"):
        first, last = (f"{bars[k].session}" if bars else None for k in (0, -1))
        return _json({"ticker": symbol, "name": symbol, "exchangeCode": "NYSE", "startDate": first, "endDate": last})
    later, total = _later_splits(bars), _total_factors(bars)
    rows = []
    for bar in _within(bars, params.get("startDate"), params.get("endDate")):
        factor = total[bar.session]
        row = {"date": f"{bar.session}T00:00:00.000Z"}
        row |= {name: _cell(getattr(bar, name)) for name in ("close", "high", "low", "open", "volume")}
        row |= {f"adj{n.title()}": _cell(getattr(bar, n) * factor) for n in ("close", "high", "low", "open")}
        row |= {"adjVolume": _cell(bar.volume * later[bar.session])}
        rows.append(row | {"divCash": bar.dividend, "splitFactor": bar.split})
    return _json(rows)


def _iex(symbol: str, bars: Sequence[Bar]) -> dict[str, Any]:
    bar, when = bars[-1], f"{bars[-1].session}T15:30:00.123456789-05:00"
    known = {"ticker": symbol, "timestamp": when, "lastSaleTimestamp": when, "last": bar.close, "tngoLast": bar.close}
    empty = ("quoteTimestamp", "bidPrice", "askPrice", "bidSize", "askSize", "mid", "lastSize")
    return known | {"open": bar.open, "high": bar.high, "low": bar.low} | dict.fromkeys(empty)


# -- Stooq -----------------------------------------------------------------------------------------------------------


def _stooq(_: str, params: Asked, __: Asked, bars_of: Bars) -> Answer:
    """Closes adjusted for splits and dividends, without volumes where there are none."""
    bars = bars_of.get(params["s"], ())
    first, last = (f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in (params["d1"], params["d2"]))
    total, later, chosen = _total_factors(bars), _later_splits(bars), _within(bars, first, last)
    if not chosen:
        return 200, TEXT, b"No data"
    volumes = not all(isnan(bar.volume) for bar in bars)
    rows = [["Date", "Open", "High", "Low", "Close", *(["Volume"] if volumes else [])]]
    for bar in chosen:
        quotes = [repr(q * total[bar.session]) for q in (bar.open, bar.high, bar.low, bar.close)]
        rows.append([str(bar.session), *quotes, *([repr(bar.volume * later[bar.session])] if volumes else [])])
    return 200, TEXT, _csv(rows)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


# -- Alpha Vantage ---------------------------------------------------------------------------------------------------

INVALID = (
    "Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/documentation/) for {}."
)
NO_KEY = "the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co/)."
PREMIUM = "Thank you for using Alpha Vantage! This is a premium endpoint."
COMPACT = 100  # sessions


def _alpha_vantage(_: str, params: Asked, __: Asked, bars_of: Bars) -> Answer:
    """Answers to a free key. A pair has the symbol EURUSD, a coin BTCUSD."""
    function = params.get("function", "")
    if not params.get("apikey"):
        return _json({"Error Message": NO_KEY})
    if params.get("outputsize", "compact") != "compact" or function.endswith("_ADJUSTED"):
        return _json({"Information": PREMIUM})
    pair = (params.get("from_symbol") or params.get("symbol", "")) + (
        params.get("to_symbol") or params.get("market", "")
    )
    if function == "OVERVIEW":
        ours = {name.removeprefix(f"{pair}:OVERVIEW:"): repr(bars[-1].close) for name, bars in bars_of.items()
                if name.startswith(f"{pair}:OVERVIEW:")}  # fmt: skip
        return _json({"Symbol": pair, "AssetType": "Common Stock", "Sector": "TECHNOLOGY", **ours} if ours else {})
    if "series_type" in params:
        return _indicator(params, bars_of)
    bars = bars_of.get(pair)
    if bars is None or function not in ALPHA_VANTAGE:
        return _json({"Error Message": INVALID.format(function)})
    return _json(ALPHA_VANTAGE[function](params, bars))


def _indicator(params: Asked, bars_of: Bars) -> Answer:
    """The values that bars of `IBM:RSI:14` have as closes, newest first."""
    function, symbol = params["function"], params["symbol"]
    bars = bars_of.get(f"{symbol}:{function}:{params['time_period']}")
    if bars is None:
        return _json({"Error Message": INVALID.format(function)})
    meta = {
        "1: Symbol": symbol,
        "2: Indicator": function,
        "4: Interval": params["interval"],
        "7: Time Zone": "US/Eastern",
    }
    values = {str(bar.session): {function: repr(bar.close)} for bar in reversed(bars)}
    return _json({"Meta Data": meta, f"Technical Analysis: {function}": values})


def _alpha_bars(bars: Sequence[Bar], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The last hundred bars as text, newest first."""

    def written(bar: Bar) -> dict[str, str]:
        values = {f"{i}. {name}": getattr(bar, name) for i, name in enumerate(names, 1)}
        return {name: "" if isnan(value) else repr(value) for name, value in values.items()}

    return {str(bar.session): written(bar) for bar in reversed(bars[-COMPACT:])}


BARS = ("open", "high", "low", "close")


def _daily(params: Asked, bars: Sequence[Bar]) -> dict[str, Any]:
    meta = {"1. Information": "Daily Prices", "2. Symbol": params["symbol"], "5. Time Zone": "US/Eastern"}
    return {"Meta Data": meta, "Time Series (Daily)": _alpha_bars(bars, (*BARS, "volume"))}


def _fx_daily(params: Asked, bars: Sequence[Bar]) -> dict[str, Any]:
    meta = {"2. From Symbol": params["from_symbol"], "3. To Symbol": params["to_symbol"], "6. Time Zone": "UTC"}
    return {"Meta Data": meta, "Time Series FX (Daily)": _alpha_bars(bars, BARS)}


def _coin_daily(params: Asked, bars: Sequence[Bar]) -> dict[str, Any]:
    meta = {"2. Digital Currency Code": params["symbol"], "4. Market Code": params["market"], "7. Time Zone": "UTC"}
    return {"Meta Data": meta, "Time Series (Digital Currency Daily)": _alpha_bars(bars, (*BARS, "volume"))}


def _dividends(params: Asked, bars: Sequence[Bar]) -> dict[str, Any]:
    """Dividends as declared on their day."""
    others = {"declaration_date": "None", "record_date": "None", "payment_date": "None"}
    paid = [{"ex_dividend_date": str(b.session), **others, "amount": repr(b.dividend)} for b in bars if b.dividend]
    return {"symbol": params["symbol"], "data": paid[::-1]}


def _splits(params: Asked, bars: Sequence[Bar]) -> dict[str, Any]:
    found = [{"effective_date": str(b.session), "split_factor": repr(b.split)} for b in bars if b.split != 1.0]
    return {"symbol": params["symbol"], "data": found[::-1]}


ALPHA_VANTAGE: Mapping[str, Callable[[Asked, Sequence[Bar]], dict[str, Any]]] = {
    "TIME_SERIES_DAILY": _daily,
    "FX_DAILY": _fx_daily,
    "DIGITAL_CURRENCY_DAILY": _coin_daily,
    "DIVIDENDS": _dividends,
    "SPLITS": _splits,
}

# -- FRED ------------------------------------------------------------------------------------------------------------


def _fred(path: str, params: Asked, _: Asked, bars_of: Bars) -> Answer:
    """Each value known from the day after its own on; without a key the values of the last vintage, as CSV.

    Bars are in the order of publication: one of an earlier session than the bar before it revises that session, and is
    published with that bar.
    """
    graph = path.endswith("fredgraph.csv")
    symbol = params["id" if graph else "series_id"]
    if not graph and not params.get("api_key"):
        return _json({"error_code": 400, "error_message": "Bad Request.  Variable api_key has not been set."}, 400)
    if symbol not in bars_of:
        missing = _json({"error_code": 400, "error_message": "Bad Request.  The series does not exist."}, 400)
        return (404, "text/html", b"<!DOCTYPE html><html><body>Not Found</body></html>") if graph else missing
    start, end = ("cosd", "coed") if graph else ("observation_start", "observation_end")
    bars = bars_of[symbol]
    newest = accumulate((bar.session for bar in bars), max)
    vintages: dict[date, dict[str, str]] = {}  # by session, values by the day from which they were known
    for bar, day in zip(bars, newest, strict=True):
        known = (day + timedelta(days=1)).isoformat()
        vintages.setdefault(bar.session, {})[known] = "." if isnan(bar.close) else repr(bar.close)
    chosen = {bar.session: vintages[bar.session] for bar in sorted(_within(bars, params.get(start), params.get(end)))}
    if graph:
        rows = ([str(day), [*of.values()][-1]] for day, of in chosen.items())
        return 200, CSV, _csv([["observation_date", symbol], *rows])
    since, until = params.get("realtime_start", "2022-12-30"), params.get("realtime_end", "9999-12-31")
    observations = [
        {"realtime_start": max(since, known), "realtime_end": min(until, after), "date": str(day), "value": cell}
        for day, of in chosen.items()
        for (known, cell), after in zip(of.items(), [*[*of][1:], "9999-12-31"], strict=True)
        if known <= until and since < after
    ]
    offset, limit = int(params.get("offset", "0")), int(params.get("limit", "100000"))
    page = {"count": len(observations), "offset": offset, "limit": limit, "units": "lin", "output_type": 1}
    return _json({"realtime_start": since, "realtime_end": until, **page,
                  "observations": observations[offset : offset + limit]})  # fmt: skip


# -- Nasdaq Data Link ------------------------------------------------------------------------------------------------

TABLE = ("ticker", "date", "open", "high", "low", "close", "volume", "closeadj", "closeunadj", "lastupdated")
PAGE = 10_000  # rows


def _nasdaq_data_link(path: str, params: Asked, headers: Asked, bars_of: Bars) -> Answer:
    """Tables SHARADAR/SEP and SHARADAR/ACTIONS by ticker."""
    if not headers.get("x-api-token"):
        return _quandl("QEAx01", "We could not recognize your API key.", 400)
    where = path.removeprefix("/api/v3")
    bars = _within(bars_of.get(params.get("ticker", ""), ()), params.get("date.gte"), params.get("date.lte"))
    rows = _actions(params["ticker"], bars) if where.endswith("/ACTIONS") else _table(params["ticker"], bars_of, bars)
    asked = params.get("qopts.columns", "").split(",")
    columns = [name for name in (ACTIONS if where.endswith("/ACTIONS") else TABLE) if asked == [""] or name in asked]
    begin = int(params.get("qopts.cursor_id", "0"))
    end = begin + int(params.get("qopts.per_page", PAGE))
    data = [[row[name] for name in columns] for row in rows[begin:end]]
    types = [{"name": name, "type": "String" if name == "ticker" else "double"} for name in columns]
    more = str(end) if end < len(rows) else None
    return _json({"datatable": {"data": data, "columns": types}, "meta": {"next_cursor_id": more}})


def _quandl(code: str, message: str, status: int) -> Answer:
    return _json({"quandl_error": {"code": code, "message": message}}, status)


ACTIONS = ("date", "action", "ticker", "name", "value", "contraticker", "contraname")


def _table(ticker: str, bars_of: Bars, chosen: Sequence[Bar]) -> list[dict[str, Any]]:
    """Bars adjusted for later splits beside closes as traded, newest first."""
    later, total = _later_splits(bars_of.get(ticker, ())), _total_factors(bars_of.get(ticker, ()))
    rows = []
    for bar in reversed(chosen):
        row: dict[str, Any] = {"ticker": ticker, "date": str(bar.session), "lastupdated": "2022-12-29"}
        row |= {name: _cell(getattr(bar, name) / later[bar.session]) for name in BARS}
        row |= {"volume": _cell(bar.volume * later[bar.session]), "closeunadj": _cell(bar.close)}
        rows.append(row | {"closeadj": _cell(bar.close * total[bar.session])})
    return rows


def _actions(ticker: str, bars: Sequence[Bar]) -> list[dict[str, Any]]:
    """Dividends and splits as of their day."""
    neutral = dict.fromkeys(ACTIONS) | {"ticker": ticker}
    paid = [neutral | {"date": str(b.session), "action": "dividend", "value": b.dividend} for b in bars if b.dividend]
    split = [neutral | {"date": str(b.session), "action": "split", "value": b.split} for b in bars if b.split != 1.0]
    return paid + split


# -- exchanges of coins ----------------------------------------------------------------------------------------------

COINS = {"coinbase": "BTC/USD", "kraken": "BTC/USD", "binance": "BTC/EUR"}  # a symbol at each
KRAKEN_BARS, BINANCE_BARS, COINBASE_BARS = 720, 1000, 350  # in an answer at most
KRAKEN_NAMES = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD", "EUR": "ZEUR"}


def exchange_id(provider: str, symbol: str) -> str:
    """The name of a pair such as BTC/USD in the requests to an exchange; the symbol itself elsewhere."""
    coin, _, money = symbol.partition("/")
    names = {
        "coinbase": f"{coin}-{money}",
        "binance": coin + money,
        "kraken": KRAKEN_NAMES.get(coin, coin) + KRAKEN_NAMES.get(money, money),
    }
    return names.get(provider, symbol) if money else symbol


def _day_stamp(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400


def _market(provider: str, market_id: str, bars_of: Bars) -> Sequence[Bar] | None:
    return {exchange_id(provider, symbol): bars for symbol, bars in bars_of.items()}.get(market_id)


def _text(value: float) -> str | None:
    return None if isnan(value) else repr(value)


def _coinbase(path: str, params: Asked, _: Asked, bars_of: Bars) -> Answer:
    """Newest first."""
    bars = _market("coinbase", path.split("/")[-2], bars_of)
    if bars is None:
        return _json({"error": "NOT_FOUND", "error_details": "valid product_id is required", "message": "…"}, 404)
    first, last = int(params["start"]), int(params["end"])
    chosen = [bar for bar in bars if first <= _day_stamp(bar.session) <= last]
    if (last - first) // 86_400 > COINBASE_BARS:
        return _json({"error": "INVALID_ARGUMENT", "message": "number of candles requested should be fewer"}, 400)
    names = ("low", "high", "open", "close", "volume")
    candles = [
        {"start": str(_day_stamp(bar.session))} | {name: _text(getattr(bar, name)) for name in names} for bar in chosen
    ]
    return _json({"candles": candles[::-1]})


def _binance(_: str, params: Asked, __: Asked, bars_of: Bars) -> Answer:
    bars = _market("binance", params["symbol"], bars_of)
    if bars is None:
        return _json({"code": -1121, "msg": "Invalid symbol."}, 400)
    first, most = int(params["startTime"]), min(int(params["limit"]), BINANCE_BARS)
    chosen = [bar for bar in bars if _day_stamp(bar.session) * 1000 >= first][:most]
    return _json([_kline(bar) for bar in chosen])


def _kline(bar: Bar) -> list[Any]:
    opens = _day_stamp(bar.session) * 1000
    cells = [_text(value) for value in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
    return [opens, *cells, opens + 86_399_999, "1.5", 308, "2.5", "3.5", "0"]


def _kraken(path: str, params: Asked, _: Asked, bars_of: Bars) -> Answer:
    """Every error with status 200. Bars are the last 720, whatever is asked for."""
    if path.endswith("/AssetPairs"):
        return _json({"error": [], "result": {exchange_id("kraken", s): _asset_pair(s) for s in bars_of if "/" in s}})
    bars = _market("kraken", params["pair"], bars_of)
    if bars is None:
        return _json({"error": ["EQuery:Unknown asset pair"]})
    chosen = [bar for bar in bars[-KRAKEN_BARS:] if _day_stamp(bar.session) > int(params.get("since", "0"))]
    result = {params["pair"]: [_ohlc(bar) for bar in chosen], "last": _day_stamp(bars[-1].session)}
    return _json({"error": [], "result": result})


def _asset_pair(symbol: str) -> dict[str, Any]:
    coin, _, money = symbol.partition("/")
    coin_name, money_name = KRAKEN_NAMES.get(coin, coin), KRAKEN_NAMES.get(money, money)
    return {"altname": coin_name[-3:] + money_name[-3:], "base": coin_name, "quote": money_name, "status": "online",
            "pair_decimals": 1, "lot_decimals": 8, "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]]}  # fmt: skip


def _ohlc(bar: Bar) -> list[Any]:
    quotes = [_text(value) for value in (bar.open, bar.high, bar.low, bar.close)]
    return [_day_stamp(bar.session), *quotes, "77.5", _text(bar.volume), 308]


PROVIDERS: Mapping[str, Callable[[str, Asked, Asked, Bars], Answer]] = {
    "yahoo": _yahoo,
    "tiingo": _tiingo,
    "stooq": _stooq,
    "alpha_vantage": _alpha_vantage,
    "fred": _fred,
    "nasdaq_data_link": _nasdaq_data_link,
    "coinbase": _coinbase,
    "kraken": _kraken,
    "binance": _binance,
}
