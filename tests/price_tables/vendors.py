"""Tables of prices in the fields and layouts of vendors and tools, with the right values of each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from price_tables.corpus import DOORS, Array, Case, Days, Right, bars_of, right, sessions, walk

NAMES = ("ORRA", "TESK", "VELM")
NEW_YORK = ZoneInfo("America/New_York")
ROWS = 60
DIVIDEND, SPLIT = 20, 38  # rows of the events


@dataclass(frozen=True, eq=False)
class Share:
    """One share in all the forms in which vendors write it; rows of 60 sessions.

    c  : closes as traded, `x` and `s` the dividend and the split (units after for one before) of their day.
    k  : closes adjusted for splits, `xk` the dividend alike.
    a  : closes adjusted for splits and dividends.
    """

    days: Days
    fields: Mapping[str, Array]

    @property
    def totals(self) -> tuple[Array, Array, Array]:
        """Levels of total return: by the adjusted closes as written, and by closes and events as written."""
        f = self.fields
        of_raw = np.cumprod(np.append(1.0, f["s"][1:] * (f["c"][1:] + f["x"][1:]) / f["c"][:-1]))
        of_split = np.cumprod(np.append(1.0, (f["k"][1:] + f["xk"][1:]) / f["k"][:-1]))
        return f["a"], of_raw, of_split


def share(key: object, events: str, start: float, digits: int, adjusted: int, days: Days) -> Share:
    """A share with a dividend ("x" in events), a split of 4:1 ("s") or neither."""
    rows = len(days)
    k = walk(key, rows, start, digits=digits)
    units = np.where(np.arange(rows) < SPLIT, 4.0, 1.0) if "s" in events else np.ones(rows)
    c = np.round(k * units, digits)
    x = np.where(np.arange(rows) == DIVIDEND, round(0.01 * start, 2) * units, 0.0) if "x" in events else np.zeros(rows)
    s = np.where((np.arange(rows) == SPLIT) & ("s" in events), 4.0, 1.0)
    kept = np.append(1.0, 1.0 - (x / units)[1:] / (c / units)[:-1])  # of a unit through the dividend
    factor = np.append(np.cumprod(kept[::-1])[::-1][1:], 1.0)
    bars, volume = bars_of(key, k, digits), bars_of(key, k, digits)["volume"]
    made = {
        "c": c, "x": x, "s": s, "k": k, "xk": x / units, "a": np.round(c / units * factor, adjusted), "v": volume,
        "kv": np.round(volume * units), "f": factor, "u": units,
        "jf": np.where(s > 1, 0.25, 1.0), "y": np.round(0.06 * k, 2), "y2": np.round(5 - 0.01 * k, 2),
        "prev": np.append(np.round(c[0] * 0.997, digits), c[:-1]),
    }  # fmt: skip
    for one, name in (("o", "open"), ("h", "high"), ("l", "low")):
        made |= {one: np.round(bars[name] * units, digits), f"k{one}": bars[name]}
        made[f"a{one}"] = np.round(bars[name] * factor, adjusted)
    made["chg"], made["pct"] = c - made["prev"], 100 * (c / made["prev"] - 1)
    made["r"] = np.append(0.0, s[1:] * (c[1:] + x[1:]) / c[:-1] - 1)
    made["vwap"], made["val"] = np.round((made["h"] + made["l"] + c) / 3, 4), np.round(c * volume)
    made["cnt"], made["mc"] = np.round(volume / 150), np.round(c * 4_000_000)
    return Share(days, made)


DIGITS = {
    "v": 0, "kv": 0, "val": 0, "cnt": 0, "mc": 0, "s": 1, "f": 6, "u": 1, "pct": 2, "chg": 2, "r": 6, "vwap": 4, "x": 2,
    "xk": 4, "jf": 2, "y": 2, "y2": 2,
}  # fmt: skip


def number(value: float, digits: int, style: str) -> str:
    """A number; the style is the sign of groups, if any, and the decimal sign."""
    group, decimal = (style[:-1], style[-1])
    text = f"{value:,.{digits}f}" if group else f"{value:.{digits}f}"
    return text.translate({ord(","): group, ord("."): decimal})


def short_volume(value: float, style: str) -> str:
    """1.23M, as investing.com writes it."""
    return number(value / 1e6, 2, style[-1:]) + "M"


# -- dates -------------------------------------------------------------------------------------------------------------


def _open(days: Days) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(days).tz_localize(NEW_YORK) + pd.Timedelta("9h30min")


def _month_names(form: str, months: str) -> Callable[[Days], list[str]]:
    names = months.split()
    return lambda days: [form.format(d=d.day, m=names[d.month - 1], y=d.year) for d in pd.DatetimeIndex(days)]


def _seconds(days: Days, scale: int = 1) -> list[str]:
    return [str(int(d) * scale) for d in days.astype("datetime64[s]").astype(int)]


FORMS: dict[str, Callable[[Days], list[str]]] = {
    "unix": _seconds,
    "ms": lambda days: _seconds(days, 1000),
    "us": lambda days: _seconds(days, 10**6),
    "open": lambda days: [str(int(d.timestamp())) for d in _open(days)],
    "midnight ns": lambda days: [str(int(d.timestamp()) * 10**9) for d in pd.DatetimeIndex(days).tz_localize(NEW_YORK)],
    "midnight ms": lambda days: [str(int(d.timestamp()) * 10**3) for d in pd.DatetimeIndex(days).tz_localize(NEW_YORK)],
    "utc": lambda days: [str(d.tz_convert("UTC")) for d in pd.DatetimeIndex(days).tz_localize(NEW_YORK)],
    "utc Z": lambda days: [
        f"{d.tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}" for d in pd.DatetimeIndex(days).tz_localize(NEW_YORK)
    ],
    "new york": lambda days: [str(d) for d in pd.DatetimeIndex(days).tz_localize(NEW_YORK)],
    "serial": lambda days: [str(int(d) + 25_569) for d in days.astype(int)],
    "fr": _month_names("{d} {m} {y}", "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
    "de": _month_names("{d:02d}. {m} {y}", "Jan. Feb. März Apr. Mai Juni Juli Aug. Sep. Okt. Nov. Dez."),
    "es": _month_names("{d:02d}-{m}-{y}", "ene feb mar abr may jun jul ago sep oct nov dic"),
    "months": lambda days: [f"{d:%b %Y}" for d in pd.date_range(str(days[0]), periods=len(days), freq="MS")],
    "roc": lambda days: [f"{d.year - 1911}/{d:%m/%d}" for d in pd.DatetimeIndex(days)],
    "live": lambda days: [*(str(d) for d in days[:-1]), f"{days[-1]} 15:12:07"],
    "upper": lambda days: [f"{d:%d-%b-%Y}".upper() for d in pd.DatetimeIndex(days)],
}


def dates(form: str, days: Days) -> list[str]:
    """The days as a vendor writes them."""
    return FORMS[form](days) if form in FORMS else [d.strftime(form) for d in pd.DatetimeIndex(days)]


# -- layouts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Layout:
    """How a vendor writes a table.

    vendor, kind : of whom, and what.
    head, row : the row of names (of several lines, or none), and the template of a row of fields: of `Share`, "d" the
                date, "t" the ticker, "n" a counter, "vm" a volume as 1.23M; in a wide table with the number of the
                share behind them.
    verdict   : "R" readable at the import, "A" at all doors; "E" read rightly or refused; "N" no prices.
    shape     : "one" share a file, "long" with a share behind the other, "day" with a day behind the other, "wide".
    date      : form of the dates.
    style     : signs of numbers, see `number`.
    level     : what is right: "T" total return, or the field whose closes are.
    events    : see `share`.
    gap       : text of one cell of the last share that has no price.
    Others are those of `Case`; `count` rows of "sessions", or of "each" day.
    """

    vendor: str
    kind: str
    head: str
    row: str
    verdict: str = "R"
    shape: str = "one"
    date: str = "%Y-%m-%d"
    style: str = "."
    level: str = "c"
    events: str = ""
    digits: int = 2
    adjusted: int = 4
    start: float = 84.0
    newest_first: bool = False
    above: str = ""
    below: str = ""
    gap: str | None = None
    names: tuple[str, ...] = NAMES[:2]
    count: int = ROWS
    days: str = "sessions"
    encoding: str = "utf-8"
    options: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, Any] = field(default_factory=dict)
    doors: tuple[str, ...] = DOORS
    says: tuple[str, ...] = ()
    file: str = ""
    loose: bool = False


def _cells(one: Share, t: int, layout: Layout) -> dict[str, str]:
    cells = {
        name: number(
            values[t], DIGITS.get(name, layout.adjusted if name.startswith("a") else layout.digits), layout.style
        )
        for name, values in one.fields.items()
    }
    return cells | {"vm": short_volume(one.fields["v"][t], layout.style)}


def _made(layout: Layout, place: int) -> Case:
    """The case of a layout."""
    shares = 1 if layout.shape == "one" else len(layout.names)
    days = sessions(layout.count)
    if layout.days == "each":
        days = np.datetime64("2024-01-02") + np.arange(layout.count)
    starts, key = layout.start * np.array((1, 0.56, 1.7)), (layout.vendor, layout.kind)
    of = [share((*key, i), layout.events, starts[i], layout.digits, layout.adjusted, days) for i in range(shares)]
    written, hole = dates(layout.date, days), (15, shares - 1)
    parts: list[list[str]] = []
    for t in range(len(days)):
        by_share = [_cells(one, t, layout) for one in of]
        if layout.gap is not None and t == hole[0]:
            by_share[-1]["c"] = layout.gap
        shared = {"d": written[t], "n": str(t), "n1": str(t + 1)}
        if layout.shape == "wide":
            shared |= {f"{name}{i}": text for i, cells in enumerate(by_share) for name, text in cells.items()}
            parts.append([layout.row.format(**shared)])
        else:
            parts.append([
                layout.row.format(**(shared | {"n": str(i * len(days) + t), "t": layout.names[i]} | cells))
                for i, cells in enumerate(by_share)
            ])  # fmt: skip
    if layout.newest_first:
        parts.reverse()
    lines = [row for rows in (parts if layout.shape != "long" else zip(*parts, strict=True)) for row in rows]
    end = "\r\n" if layout.encoding == "cp1252" else "\n"
    text = layout.above + (layout.head and layout.head + "\n") + "\n".join(lines) + "\n" + layout.below
    truth = {} if layout.verdict == "N" else _truth(layout, of, days, hole)
    market = ({"missing": "halt"} if layout.gap is not None else {}) | (
        {"calendar": "24/7"} if layout.days == "each" else {}
    )
    return Case(
        layout.vendor, f"{layout.vendor}: {layout.kind}", text.replace("\n", end).encode(layout.encoding), truth,
        {"R": ("import",), "A": DOORS}.get(layout.verdict, ()), layout.doors, layout.options, layout.read, market,
        layout.says, layout.file or ("ORRA.csv" if layout.shape == "one" else "table.csv"), layout.loose,
    )  # fmt: skip


def _truth(layout: Layout, of: list[Share], days: Days, hole: tuple[int, int]) -> dict[str, Right]:
    made = {}
    for i, one in enumerate(of):
        total = layout.level == "T"
        close = one.fields["c" if total else layout.level].copy()
        volume = float(one.fields["v"][-1]) if "{v}" in layout.row or f"{{v{i}}}" in layout.row else None
        if layout.gap is not None and i == hole[1]:
            close[hole[0]] = np.nan
        levels = one.totals if total else ()
        name = "*" if layout.shape == "one" or len(of) == 1 else layout.names[i]
        made[name] = right(days, close, levels, volume=volume, slack=3e-4 if total else 1e-9)
    return made


OHLC = "{d},{o},{h},{l},{c}"
OHLCV = OHLC + ",{v}"
WIDE2 = "{d},{c0},{c1}"
YF = "Adj Close,Close,High,Low,Open,Volume"


def _twice(names: str) -> str:
    return ",".join(f"{name},{name}" for name in names.split(","))


def _pair(fields: str) -> str:
    return "{d}," + ",".join(f"{{{f}0}},{{{f}1}}" for f in fields.split())


def _each(fields: str) -> str:
    return "{d}," + ",".join(f"{{{f}{i}}}" for i in (0, 1) for f in fields.split())


TWO = {"header": [0, 1]}
L = Layout
LAYOUTS: tuple[Layout, ...] = (
    # -- Yahoo and yfinance
    L("yfinance", "one ticker, one row of names", "Date,Open,High,Low,Close,Adj Close,Volume",
      "{d},{o},{h},{l},{c},{a},{v}", level="T", events="x"),
    L("yfinance", "one ticker, three rows of names", f"Price,{YF}\nTicker,ORRA,ORRA,ORRA,ORRA,ORRA,ORRA\nDate,,,,,,",
      "{d},{a},{c},{h},{l},{o},{v}", level="T", events="x", read=TWO),
    L("yfinance", "two tickers, three rows of names", f"Price,{_twice(YF)}\nTicker{',ORRA,TESK' * 6}\nDate{',' * 12}",
      _pair("a c h l o v"), shape="wide", level="T", events="x", read=TWO),
    L("yfinance", "two tickers, older", f",{_twice(YF)}\n{',ORRA,TESK' * 6}\nDate{',' * 12}", _pair("a c h l o v"),
      shape="wide", level="T", events="x", read=TWO),
    L("yfinance", "by ticker",
      f"Ticker{',ORRA' * 5}{',TESK' * 5}\nPrice{',Open,High,Low,Close,Volume' * 2}\nDate{',' * 10}", _each("o h l c v"),
      shape="wide", read=TWO),
    L("yfinance", "two tickers, adjusted",
      f"Price,{_twice('Close,High,Low,Open,Volume')}\nTicker{',ORRA,TESK' * 5}\nDate{',' * 10}", _pair("a ah al ao v"),
      shape="wide", level="a", events="x", read=TWO),
    L("yfinance", "history with actions, adjusted", "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
      "{d},{ao},{ah},{al},{a},{v},{x},0.0", date="new york", level="a", events="x"),
    L("yfinance", "history with actions, as quoted", "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits",
      "{d},{o},{h},{l},{c},{a},{v},{x},0.0", date="new york", level="T", events="x"),
    L("yfinance", "Close alone", "Date,ORRA,TESK", WIDE2, "A", "wide"),
    L("yfinance", "stacked", f"Date,Ticker,{YF}", "{d},{t},{a},{c},{h},{l},{o},{v}", shape="day", level="T",
      events="x"),
    L("yfinance", "with capital gains",
      "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits,Capital Gains",
      "{d},{o},{h},{l},{c},{a},{v},{x},0.0,0.0", level="T", events="x"),
    L("yfinance", "names joined by _", "Date,Close_ORRA,High_ORRA,Low_ORRA,Open_ORRA,Volume_ORRA",
      "{d},{c},{h},{l},{o},{v}"),
    L("yfinance", "names joined by _, two tickers",
      "Date,Close_ORRA,Close_TESK,High_ORRA,High_TESK,Low_ORRA,Low_TESK,Open_ORRA,Open_TESK,Volume_ORRA,Volume_TESK",
      _pair("c h l o v"), "E", "wide"),
    L("yfinance", "names as tuples", "Date,\"('Close', 'ORRA')\",\"('Close', 'TESK')\"", WIDE2, "E", "wide",
      loose=True),
    L("yfinance", "an unfinished last row", "Date,Open,High,Low,Close,Adj Close,Volume", "{d},{o},{h},{l},{c},{a},{v}",
      level="T", events="x", below="2024-03-28,97.10,97.20,96.90,,,0\n"),
    L("Yahoo", "download with a row of null", "Date,Open,High,Low,Close,Adj Close,Volume",
      "{d},{o},{h},{l},{c},{a},{v}", level="T", events="x", below="2024-03-28,null,null,null,null,null,null\n"),
    L("Yahoo", "copied from the page", "Date,Open,High,Low,Close*,Adj Close**,Volume",
      '"{d}",{o},{h},{l},{c},{a},"{v}"', date="%b %d, %Y", style=",.", level="T", events="x", adjusted=2,
      newest_first=True),
    L("Yahoo", "copied with a row of a dividend", "Date\tOpen\tHigh\tLow\tClose\tAdj Close\tVolume",
      "{d}\t{o}\t{h}\t{l}\t{c}\t{a}\t{v}", "E", date="%b %d, %Y", level="T", events="x", adjusted=2, newest_first=True,
      below="Dec 15, 2023\t0.80 Dividend\n", read={"sep": "\t"}),
    L("yahooquery", "history", "symbol,date,open,high,low,close,volume,adjclose,dividends",
      "{t},{d},{o},{h},{l},{c},{v},{a},{x}", shape="long", level="T", events="x", read={"index_col": "date"}),
    L("Yahoo", "chart", "timestamp,open,high,low,close,volume,adjclose", "{d},{o},{h},{l},{c},{v},{a}", date="open",
      level="T", events="x"),
    # -- Stooq
    L("Stooq", "daily", "Date,Open,High,Low,Close,Volume", OHLCV),
    L("Stooq", "daily of an index", "Date,Open,High,Low,Close", OHLC, start=4800),
    L("Stooq", "Polish", "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", OHLCV),
    L("Stooq", "Polish of a rate", "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie", OHLC, start=4.3, digits=4),
    L("Stooq", "bulk", "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
      "ORRA.US,D,{d},000000,{o},{h},{l},{c},{v},0", date="%Y%m%d", read={"index_col": 2}),
    L("Kaggle", "with open interest", "Date,Open,High,Low,Close,Volume,OpenInt", OHLCV + ",0"),
    # -- Alpha Vantage
    L("Alpha Vantage", "daily", "timestamp,open,high,low,close,volume", OHLCV, newest_first=True, digits=4),
    L("Alpha Vantage", "daily adjusted",
      "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
      "{d},{o},{h},{l},{c},{a},{v},{x},{s}", level="T", events="xs", newest_first=True),
    L("Alpha Vantage", "numbered names", "date,1. open,2. high,3. low,4. close,5. volume", OHLCV, newest_first=True),
    L("Alpha Vantage", "numbered names, adjusted",
      "date,1. open,2. high,3. low,4. close,5. adjusted close,6. volume,7. dividend amount,8. split coefficient",
      "{d},{o},{h},{l},{c},{a},{v},{x},{s}", level="T", events="x", newest_first=True),
    L("Alpha Vantage", "rates of exchange", "timestamp,open,high,low,close", OHLC, start=1.09, digits=5,
      newest_first=True),
    L("Alpha Vantage", "coins",
      ",1a. open (USD),2a. high (USD),3a. low (USD),4a. close (USD),5. volume,6. market cap (USD)",
      "{d},{o},{h},{l},{c},{v},{mc}", "E", start=43000, days="each"),
    # -- Tiingo
    L("Tiingo", "CSV", "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor",
      "{d},{c},{h},{l},{o},{v},{a},{ah},{al},{ao},{kv},{x},{s}", level="T", events="xs"),
    L("Tiingo", "of JSON",
      "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor",
      "{d},{c},{h},{l},{o},{v},{a},{ah},{al},{ao},{kv},{x},{s}", level="T", events="x", date="%Y-%m-%dT00:00:00.000Z"),
    L("Tiingo", "pandas-datareader",
      "symbol,date,adjClose,adjHigh,adjLow,adjOpen,adjVolume,close,divCash,high,low,open,splitFactor,volume",
      "{t},{d},{a},{ah},{al},{ao},{kv},{c},{x},{h},{l},{o},{s},{v}", shape="long", level="T", events="x",
      date="%Y-%m-%d 00:00:00+00:00", read={"index_col": "date"}),
    # -- Polygon, now Massive
    L("Massive", "flat file", "ticker,volume,open,close,high,low,window_start,transactions",
      "{t},{v},{o},{c},{h},{l},{d},{cnt}", shape="day", date="midnight ns", read={"index_col": "window_start"}),
    L("Massive", "aggregates", "v,vw,o,c,h,l,t,n", "{v},{vwap},{o},{c},{h},{l},{d},{cnt}", date="midnight ms",
      read={"index_col": "t"}),
    L("Massive", "aggregates with a counter", ",v,vw,o,c,h,l,t,n", "{n},{v},{vwap},{o},{c},{h},{l},{d},{cnt}", "E",
      date="midnight ms"),
    # -- EODHD, Nasdaq, Quandl
    L("EODHD", "daily", "Date,Open,High,Low,Close,Adjusted_close,Volume", "{d},{o},{h},{l},{c},{a},{v}", level="T",
      events="xs"),
    L("EODHD", "daily with the count below", "Date,Open,High,Low,Close,Adjusted_close,Volume",
      "{d},{o},{h},{l},{c},{a},{v}", "E", level="T", events="x", below="60\n"),
    L("Nasdaq", "page", "Date,Close/Last,Volume,Open,High,Low", "{d},${c},{v},${o},${h},${l}", date="%m/%d/%Y",
      newest_first=True),
    L("Nasdaq", "page of an index", "Date,Close/Last,Volume,Open,High,Low", "{d},{c},--,{o},{h},{l}", date="%m/%d/%Y",
      newest_first=True, start=4800),
    L("Sharadar", "SEP", "ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated",
      "{t},{d},{ko},{kh},{kl},{k},{kv},{a},{c},2024-04-05", shape="long", level="T", events="x",
      read={"index_col": "date"}),
    L("Sharadar", "SEP with a split", "ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated",
      "{t},{d},{ko},{kh},{kl},{k},{kv},{a},{c},2024-04-05", shape="long", level="T", events="xs",
      read={"index_col": "date"}),
    L("Sharadar", "daily metrics", "ticker,date,lastupdated,ev,evebit,evebitda,marketcap,pb,pe,ps",
      "{t},{d},2024-04-05,{mc},{vwap},{l},{mc},4.1,17.5,2.9", "N", "long", read={"index_col": "date"}),
    L("Quandl", "WIKI",
      "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. Low,Adj. Close,Adj. Volume",
      "{d},{o},{h},{l},{c},{v},{x},{s},{ao},{ah},{al},{a},{kv}", level="T", events="xs"),
    L("Quandl", "WIKI/PRICES",
      "ticker,date,open,high,low,close,volume,ex-dividend,split_ratio,adj_open,adj_high,adj_low,adj_close,adj_volume",
      "{t},{d},{o},{h},{l},{c},{v},{x},{s},{ao},{ah},{al},{a},{kv}", shape="long", level="T", events="x",
      read={"index_col": "date"}),
    # -- central banks
    L("FRED", "an index", "observation_date,SP500", WIDE2.replace(",{c1}", ""), "A", "wide", start=4800,
      names=("SP500",)),
    L("FRED", "an index with a holiday", "observation_date,SP500", "{d},{c0}", shape="wide", start=4800,
      names=("SP500",), below="2024-03-29,.\n"),
    L("FRED", "a rate of exchange, older", "DATE,DEXUSEU", "{d},{c0}", "A", "wide", start=1.09, digits=4,
      names=("DEXUSEU",)),
    L("FRED", "two indices", "observation_date,SP500,NASDAQCOM", WIDE2, shape="wide", gap=".", start=4800,
      names=("SP500", "NASDAQCOM")),
    L("FRED", "of the interface", ",realtime_start,realtime_end,date,value", "{n},2024-04-01,2024-04-01,{d},{c}", "E",
      start=4800),
    L("ECB", "eurofxref-hist", "Date,USD,GBP,", WIDE2 + ",", "E", "wide", start=1.09, digits=4, newest_first=True,
      names=("USD", "GBP")),
    L("ECB", "data portal", "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE",
      "EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,{d},{c}", "E", start=1.09, digits=4, read={"index_col": "TIME_PERIOD"}),
    L("Bundesbank", "series", ";BBEX3.D.USD.EUR.BB.AC.000;BBEX3.D.USD.EUR.BB.AC.000_FLAGS", "{d};{c};", "E", style=",",
      start=1.09, digits=4, above="", read={"sep": ";", "decimal": ","}),
    # -- terminals
    L("Bloomberg", "BDH", "Dates,PX_LAST,PX_LAST", WIDE2, shape="wide", date="%-m/%-d/%Y", gap="#N/A N/A",
      above="Start Date,1/2/2024,\nEnd Date,3/27/2024,\n,,\n,ORRA US Equity,TESK US Equity\n",
      names=("ORRA US Equity", "TESK US Equity"), read={"skiprows": 3, "header": [0, 1]}),
    L("Bloomberg", "two rows of names", ",ORRA US Equity,TESK US Equity\nDate,PX_LAST,PX_LAST", WIDE2, shape="wide",
      names=("ORRA US Equity", "TESK US Equity"), read=TWO),
    L("Bloomberg", "names alone", "Date,ORRA US Equity,TESK US Equity", WIDE2, "A", "wide",
      names=("ORRA US Equity", "TESK US Equity")),
    L("Bloomberg", "bdh of blpapi", "date,ticker,PX_LAST,PX_VOLUME", "{d},{t},{c},{v}", shape="long",
      names=("ORRA US Equity", "TESK US Equity")),
    L("Bloomberg", "total return index", ",TOT_RETURN_INDEX_GROSS_DVDS,TOT_RETURN_INDEX_GROSS_DVDS", WIDE2, "E", "wide",
      above=",ORRA US Equity,TESK US Equity\n", names=("ORRA US Equity", "TESK US Equity")),
    L("LSEG", "price history", "Exchange Date,Close,Net,%Chg,Open,Low,High,Volume,Turnover - USD,Flow",
      "{d},{c},{chg},{pct}%,{o},{l},{h},{v},{val},", date="%d-%b-%Y", newest_first=True,
      above="Orra Inc (ORRA.O),,,,,,,,,\nHistory,,,,,,,,,\n,,,,,,,,,\n", read={"skiprows": 3}),
    L("LSEG", "get_timeseries", "Date,HIGH,CLOSE,LOW,OPEN,COUNT,VOLUME", "{d},{h},{c},{l},{o},{cnt},{v}"),
    L("LSEG", "RICs", "Date,ORRA.O,TESK.N", WIDE2, "A", "wide", names=("ORRA.O", "TESK.N")),
    L("Datastream", "request table", "Name,ORRA INC,TESK PLC", WIDE2, "R", "wide", date="%d/%m/%Y",
      names=("ORRA INC", "TESK PLC")),
    L("FactSet", "price history", "Date,Price,Cumulative Return %,Volume", "{d},{c},{pct},{v}", "E", date="%m/%d/%Y",
      newest_first=True, above="Orra Inc. (ORRA-US)\nPrice History\n\n", read={"skiprows": 3}),
    L("Morningstar", "NAVs", 'Date,"Orra Equity Fund A Acc"', "{d},{c0}", shape="wide",
      names=("Orra Equity Fund A Acc",)),
    L("Morningstar", "growth of 10,000", 'Date,"Growth of 10,000"', "{d},{c0}", "E", "wide", start=10_000,
      names=("Growth",)),
    # -- pages in English
    L("investing.com", "English", '"Date","Price","Open","High","Low","Vol.","Change %"',
      '"{d}","{c}","{o}","{h}","{l}","{vm}","{pct}%"', date="%m/%d/%Y", style=",.", newest_first=True, start=1900),
    L("investing.com", "English, older", '"Date","Price","Open","High","Low","Vol.","Change %"',
      '"{d}","{c}","{o}","{h}","{l}","{vm}","{pct}%"', date="%b %d, %Y", style=",.", newest_first=True),
    L("investing.com", "Spanish", '"Fecha","Último","Apertura","Máximo","Mínimo","Vol.","% var."',
      '"{d}","{c}","{o}","{h}","{l}","{vm}","{pct}%"', date="%d.%m.%Y", style=".,", newest_first=True, start=2400),
    L("investing.com", "Portuguese", '"Data","Último","Abertura","Máxima","Mínima","Vol.","Var%"',
      '"{d}","{c}","{o}","{h}","{l}","{vm}","{pct}%"', date="%d.%m.%Y", style=".,", newest_first=True),
    L("investing.com", "French", '"Date","Dernier","Ouv."," Plus Haut","Plus Bas","Vol.","Variation %"',
      '"{d}","{c}","{o}","{h}","{l}","{vm}","{pct}%"', date="%d/%m/%Y", style=".,", newest_first=True),
    L("investing.com", "Italian", '"Data","Ultimo","Apertura","Massimo","Minimo","Vol.","Var. %"',
      '"{d}","{c}","{o}","{h}","{l}","{vm}","{pct}%"', date="%d.%m.%Y", style=".,", newest_first=True),
    L("investing.com", "German", '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
      '"{d}","{c}","{o}","{h}","{l}","{vm}","{pct}%"', date="%d.%m.%Y", style=".,", newest_first=True),
    L("investpy", "historical data", "Date,Open,High,Low,Close,Volume,Currency", OHLCV + ",USD"),
    L("MarketWatch", "download", "Date,Open,High,Low,Close,Volume", '{d},"{o}","{h}","{l}","{c}","{v}"',
      date="%m/%d/%Y", style=",.", newest_first=True, start=1200),
    L("WSJ", "download", "Date, Open, High, Low, Close, Volume", "{d}, {o}, {h}, {l}, {c}, {v}", date="%m/%d/%y",
      newest_first=True),
    L("Barchart", "price history", "Time,Open,High,Low,Last,Change,%Chg,Volume", "{d},{o},{h},{l},{c},{chg},{pct}%,{v}",
      date="%m/%d/%Y", newest_first=True, below='"Downloaded from Barchart.com as of 03-28-2024 09:12am CDT"\n'),
    L("Barchart", "price history, newer", "Time,Open,High,Low,Latest,Change,%Change,Volume",
      "{d},{o},{h},{l},{c},{chg},{pct}%,{v}", newest_first=True,
      below='"Downloaded from Barchart.com as of 03-28-2024 09:12am CDT"\n'),
    L("Barchart", "with a symbol", 'Symbol,Time,Open,High,Low,Last,Change,%Chg,Volume,"Open Int"',
      "ORRA,{d},{o},{h},{l},{c},{chg},{pct}%,{v},0", "E", newest_first=True, read={"index_col": "Time"}),
    L("TradingView", "seconds", "time,open,high,low,close,Volume", OHLCV, date="open"),
    L("TradingView", "days", "time,open,high,low,close,Volume,Volume MA", OHLCV + ",1100000"),
    L("TradingView", "with indicators", "time,open,high,low,close,Volume,RSI,RSI-based MA,Upper Bollinger Band",
      OHLCV + ",51.3,50.2,{h}", "E", date="open"),
    L("MetaTrader 5", "bars", "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
      "{d}\t{o}\t{h}\t{l}\t{c}\t{cnt}\t0\t12", date="%Y.%m.%d", read={"sep": "\t"}),
    L("MetaTrader 4", "history without names", "", "{d},00:00,{o},{h},{l},{c},{cnt}", "E", date="%Y.%m.%d",
      read={"header": None}),
    L("Finam", "bars", "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>",
      "ORRA;D;{d};000000;{o};{h};{l};{c};{v}", date="%Y%m%d", read={"sep": ";", "index_col": 2}),
    # -- brokers
    L("Interactive Brokers", "util.df", ",date,open,high,low,close,volume,average,barCount",
      "{n},{d},{o},{h},{l},{c},{v},{vwap},{cnt}", read={"index_col": "date"}),
    L("Alpaca", "bars", "symbol,timestamp,open,high,low,close,volume,trade_count,vwap",
      "{t},{d},{o},{h},{l},{c},{v},{cnt},{vwap}", shape="long", date="utc", read={"index_col": "timestamp"}),
    L("Alpaca", "bars of JSON", "t,o,h,l,c,v,n,vw", "{d},{o},{h},{l},{c},{v},{cnt},{vwap}", date="utc Z"),
    # -- coins
    L("Binance", "klines", "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
      "taker_buy_quote_volume,ignore",
      OHLCV + ",1711583999999,{val},{cnt},{v},{val},0", date="ms", start=43000, days="each"),
    L("Binance", "klines without names", "", OHLCV, "E", date="ms", start=43000, days="each", read={"header": None}),
    L("Binance", "klines in microseconds", "open_time,open,high,low,close,volume", OHLCV, "E", date="us", start=43000,
      days="each"),
    L("Coinbase", "candles", "time,low,high,open,close,volume", "{d},{l},{h},{o},{c},{v}", date="unix",
      newest_first=True, start=43000, days="each"),
    L("Kraken", "candles", "timestamp,open,high,low,close,vwap,volume,count", OHLC + ",{vwap},{v},{cnt}", date="unix",
      start=43000, days="each"),
    L("CoinGecko", "chart", "snapped_at,price,market_cap,total_volume", "{d},{c},{mc},{v}",
      date="%Y-%m-%d 00:00:00 UTC", start=43000, days="each"),
    L("CryptoCompare", "histoday", "time,high,low,open,volumefrom,volumeto,close,conversionType,conversionSymbol",
      "{d},{h},{l},{o},{v},{val},{c},direct,", date="unix", start=43000, days="each"),
    L("CryptoDataDownload", "daily", "unix,date,symbol,open,high,low,close,Volume ORR,Volume USD",
      "1704067200,{d},{t},{o},{h},{l},{c},{v},{val}", "E", "long", date="%Y-%m-%d 00:00:00", start=43000, days="each",
      above="https://www.CryptoDataDownload.com\n", names=("ORRUSD",), newest_first=True,
      read={"skiprows": 1, "index_col": "date"}),
    L("CoinMarketCap", "historical data",
      "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp",
      '"{d}";"{d}";"{d}";"{d}";"2781";{o};{h};{l};{c};{v};{mc};"{d}"', "E", date="%Y-%m-%dT00:00:00.000Z", start=43000,
      days="each", newest_first=True, read={"sep": ";"}),
    # -- R
    L("quantmod", "write.zoo", "Index,ORRA.Open,ORRA.High,ORRA.Low,ORRA.Close,ORRA.Volume,ORRA.Adjusted",
      OHLCV + ",{a}", level="T", events="x"),
    L("quantmod", "write.csv", '"","ORRA.Open","ORRA.High","ORRA.Low","ORRA.Close","ORRA.Volume","ORRA.Adjusted"',
      '"{d}",{o},{h},{l},{c},{v},{a}', level="T", events="x"),
    L("quantmod", "closes merged", "Index,ORRA.Close,TESK.Close", WIDE2, "E", "wide", loose=True),
    L("quantmod", "adjusted merged", "Index,ORRA.Adjusted,TESK.Adjusted", "{d},{a0},{a1}", "E", "wide", level="a",
      events="x", loose=True),
    L("tidyquant", "tq_get", "symbol,date,open,high,low,close,volume,adjusted", "{t},{d},{o},{h},{l},{c},{v},{a}",
      shape="long", level="T", events="x", read={"index_col": "date"}),
    L("tidyquant", "write.csv", '"","symbol","date","open","high","low","close","volume","adjusted"',
      '"{n}","{t}",{d},{o},{h},{l},{c},{v},{a}', shape="long", level="T", events="x", read={"index_col": "date"}),
    # -- sheets
    L("GOOGLEFINANCE", "close", "Date,Close", "{d},{c}", date="%-m/%-d/%Y 16:00:00"),
    L("GOOGLEFINANCE", "all", "Date,Open,High,Low,Close,Volume", OHLCV, date="%-m/%-d/%Y 16:00:00"),
    L("GOOGLEFINANCE", "two shares", "Date,ORRA,TESK", WIDE2, "A", "wide", date="%-m/%-d/%Y 16:00:00"),
    L("STOCKHISTORY", "close", "Date,Close", "{d},${c}", date="%-m/%-d/%Y"),
    L("STOCKHISTORY", "all", "Date,Close,Open,High,Low,Volume", '{d},"${c}","${o}","${h}","${l}","{v}"',
      date="%-m/%-d/%Y", style=",.", start=1400),
    L("Excel", "serial days", "Date,ORRA,TESK", WIDE2, "E", "wide", date="serial"),
    L("Excel", "German", "Datum;ORRA;TESK", "{d};{c0};{c1}", shape="wide", date="%d.%m.%Y", style=".,", start=1400,
      read={"sep": ";", "decimal": ",", "thousands": "."}),
    # -- German, French, Italian, Spanish, Portuguese
    L("onvista", "daily", "\ufeffDatum;Eröffnung;Hoch;Tief;Schluss;Volumen", "{d};{o};{h};{l};{c};{v}", date="%d.%m.%Y",
      style=",", read={"sep": ";", "decimal": ","}),
    L("onvista", "with a currency", "\ufeffDatum;Eröffnung;Hoch;Tief;Schluss;Währung;Volumen",
      "{d};{o};{h};{l};{c};EUR;{v}", date="%d.%m.%Y", style=",", read={"sep": ";", "decimal": ","}),
    L("comdirect", "daily", '"Datum";"Eröffnung";"Hoch";"Tief";"Schluss";"Volumen"',
      '"{d}";"{o}";"{h}";"{l}";"{c}";"{v}"', date="%d.%m.%Y", style=".,", start=14_000, newest_first=True,
      encoding="cp1252", above='"ORRA (WKN: 000000 Börse: Probe)"\n\n',
      read={"sep": ";", "decimal": ",", "encoding": "cp1252", "skiprows": 2}),
    L("ariva", "daily", "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen", "{d};{o};{h};{l};{c};{v};{val}",
      style=",", newest_first=True, read={"sep": ";", "decimal": ","}),
    L("finanzen.net", "copied", "Datum\tEröffnung\tSchluss\tTageshoch\tTagestief", "{d}\t{o}\t{c}\t{h}\t{l}",
      date="%d.%m.%Y", style=".,", newest_first=True, read={"sep": "\t", "decimal": ","}),
    L("boerse-frankfurt", "daily", "Datum;Eröffnung;Schluss;Tageshoch;Tagestief;Umsatz (Euro);Umsatz (Stück)",
      "{d};{o};{c};{h};{l};{val};{v}", "E", date="%d.%m.%y", style=".,", newest_first=True,
      read={"sep": ";", "decimal": ","}),
    L("fund company", "two prices", "Datum;Ausgabepreis;Rücknahmepreis", "{d};{h};{c}", "E", date="%d.%m.%Y", style=",",
      read={"sep": ";", "decimal": ","}),
    L("Portfolio Performance", "German", "Datum;Kurs", "{d};{c}", style=".,", read={"sep": ";", "decimal": ","}),
    L("Portfolio Performance", "English", "Date;Quote", "{d};{c}", style=",.", read={"sep": ";"}),
    L("Portfolio Performance", "all securities", "Datum;Orra Inc.;Tesk AG", "{d};{c0};{c1}", shape="wide", style=".,",
      names=("Orra Inc.", "Tesk AG"), read={"sep": ";", "decimal": ","}),
    L("Boursorama", "daily", "date\touv\thaut\tbas\tclot\tvol\tdevise\t", "{d}\t{o}\t{h}\t{l}\t{c}\t{v}\tEUR\t",
      date="%d/%m/%Y 00:00", encoding="cp1252", read={"sep": "\t"}),
    L("Euronext", "daily", 'Date;Open;High;Low;Last;Close;"Number of Shares";"Number of Trades";Turnover;vwap',
      "{d};{o};{h};{l};{c};{c};{v};{cnt};{val};{vwap}", date="%d/%m/%Y", newest_first=True,
      above='\ufeff"Historical Data"\n"From 2024-01-02 to 2024-03-27"\nFR0000000000\n',
      read={"sep": ";", "skiprows": 3}),
    L("abcbourse", "without names", "", "FR0000000000;{d};{o};{h};{l};{c};{v}", "E", date="%d/%m/%y", style=",",
      read={"sep": ";", "decimal": ",", "header": None, "index_col": 1}),
    L("a French page", "months in French", "Date;Dernier", "{d};{c}", "E", date="fr", style=",",
      read={"sep": ";", "decimal": ","}),
    L("a German page", "months in German", "Datum;Schlusskurs", "{d};{c}", "E", date="de", style=",",
      read={"sep": ";", "decimal": ","}),
    L("Borsa Italiana", "daily", "Data;Apertura;Massimo;Minimo;Chiusura;Var %;Volume", "{d};{o};{h};{l};{c};{pct};{v}",
      date="%d/%m/%Y", style=",", newest_first=True, read={"sep": ";", "decimal": ","}),
    L("Bolsa de Madrid", "daily", "Fecha;Cierre;Apertura;Máximo;Mínimo;Volumen;Efectivo",
      "{d};{c};{o};{h};{l};{v};{val}", date="%d/%m/%Y", style=",", newest_first=True,
      read={"sep": ";", "decimal": ","}),
    L("a Spanish page", "months in Spanish", "Fecha;Cierre", "{d};{c}", "E", date="es", style=",",
      read={"sep": ";", "decimal": ","}),
    L("B3", "Profit", "Ativo;Data;Abertura;Máximo;Mínimo;Fechamento;Volume;Quantidade",
      "{t};{d};{o};{h};{l};{c};{val};{v}", "E", "long", date="%d/%m/%Y", style=",", names=("PETR4", "VALE3"),
      read={"sep": ";", "decimal": ",", "index_col": "Data"}),
    L("B3", "COTAHIST as a table", "DATA,CODNEG,PREABE,PREMAX,PREMIN,PREULT,QUATOT,VOLTOT",
      "{d},{t},{o},{h},{l},{c},{v},{val}", "E", "day", date="%Y%m%d", names=("PETR4", "VALE3")),
    # -- Asia
    L("akshare", "stock_zh_a_hist", "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,振幅,涨跌幅,涨跌额,换手率",
      "{d},600519,{o},{c},{h},{l},{v},{val},1.48,{pct},{chg},0.23", file="600519.csv"),
    L("akshare", "with a counter", ",日期,开盘,收盘,最高,最低,成交量", "{n},{d},{o},{c},{h},{l},{v}",
      read={"index_col": "日期"}),
    L("Tushare", "daily", ",ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount",
      "{n},000001.SZ,{d},{o},{h},{l},{c},{prev},{chg},{pct},{v},{val}", date="%Y%m%d", newest_first=True,
      read={"index_col": "trade_date"}),
    L("BaoStock", "daily",
      "date,code,open,high,low,close,preclose,volume,amount,adjustflag,turn,tradestatus,pctChg,isST",
      "{d},sh.600000,{o},{h},{l},{c},{prev},{v},{val},3,0.31,1,{pct},0"),
    L("NetEase", "daily", "日期,股票代码,名称,收盘价,最高价,最低价,开盘价,前收盘,涨跌额,涨跌幅,成交量,成交金额,总市值",
      "{d},'600519,样本,{c},{h},{l},{o},{prev},{chg},{pct},{v},{val},{mc}", "E", newest_first=True, encoding="gbk",
      read={"encoding": "gbk"}),
    L("a Japanese page", "daily", "日付,始値,高値,安値,終値,出来高", '{d},"{o}","{h}","{l}","{c}","{v}"',
      date="%Y/%m/%d",
      style=",.", start=2800, digits=1, encoding="cp932", newest_first=True,
      read={"encoding": "cp932", "thousands": ","}),
    L("Yahoo Japan", "adjusted", "日付,始値,高値,安値,終値,出来高,調整後終値", OHLCV + ",{a}", "E",
      date="%Y年%-m月%-d日", level="T",
      events="x", newest_first=True),
    L("J-Quants", "daily quotes",
      "Date,Code,Open,High,Low,Close,UpperLimit,LowerLimit,Volume,TurnoverValue,AdjustmentFactor,"
      "AdjustmentOpen,AdjustmentHigh,AdjustmentLow,AdjustmentClose,AdjustmentVolume",
      "{d},72030,{o},{h},{l},{c},0,0,{v},{val},{jf},{ao},{ah},{al},{a},{kv}", "E", level="T", events="s"),
    L("TWSE", "years of the republic", "日期,成交股數,成交金額,開盤價,最高價,最低價,收盤價,漲跌價差,成交筆數",
      '"{d}","{v}","{val}","{o}","{h}","{l}","{c}","{chg}","{cnt}"', "E", date="roc", style=",.", start=600),
    L("KRX", "daily", "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금,시가총액,상장주식수",
      "{d},{c},{chg},{pct},{o},{h},{l},{v},{val},{mc},4000000", "E", date="%Y/%m/%d", start=72_500, digits=0,
      newest_first=True),
    L("pykrx", "daily", "날짜,시가,고가,저가,종가,거래량,등락률", OHLCV + ",{pct}", start=72_500, digits=0),
    L("NSE", "bhavcopies",
      "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN",
      "{t},EQ,{o},{h},{l},{c},{c},{prev},{v},{val},{d},{cnt},INE062A01020", "E", "day", date="upper",
      read={"index_col": "TIMESTAMP"}),
    # -- academic files
    L("CRSP", "daily", "PERMNO,date,TICKER,PRC,VOL,RET,SHROUT,CFACPR", "14593,{d},{t},{c},{v},{r},4000,{u}", "E",
      "long", date="%Y%m%d", level="T", events="xs", read={"index_col": "date"}),
    L("CRSP", "averages of bid and ask", "PERMNO,date,TICKER,PRC,VOL,RET", "14593,{d},{t},-{c},{v},{r}", "E", "long",
      date="%Y-%m-%d", level="T", events="x", read={"index_col": "date"}),
    L("Compustat", "daily", "gvkey,iid,datadate,tic,ajexdi,cshtrd,prccd,prchd,prcld,prcod,trfd",
      "001690,01,{d},{t},{u},{v},{c},{h},{l},{o},1.0", "E", "long", date="%Y-%m-%d",
      read={"index_col": "datadate"}),
    L("Norgate", "CSV", "Date,Open,High,Low,Close,Volume,Turnover,Unadjusted Close,Dividend",
      "{d},{ko},{kh},{kl},{k},{kv},{val},{c},{xk}", "E", level="T", events="x"),
    L("Kenneth French", "factors", ",Mkt-RF,SMB,HML,RF", "{d},{pct},0.31,-0.22,0.021", "N", date="%Y%m%d"),
    # -- tools of backtests
    L("Zipline", "csvdir", "date,open,high,low,close,volume,dividend,split", OHLCV + ",{x},1.0", level="T", events="x"),
    L("vectorbt", "closes", "Date,ORRA,TESK", WIDE2, "A", "wide", date="new york"),
    L("vectorbt", "a column's name above", "symbol,ORRA,TESK\nDate,,", WIDE2, shape="wide"),
    L("backtrader", "GenericCSV", "Date,Open,High,Low,Close,Volume,OpenInterest", OHLCV + ",0"),
    L("backtesting.py", "an index without a name", ",Open,High,Low,Close,Volume", OHLCV),
    L("bt", "names in small letters", "Date,orra,tesk", WIDE2, "A", "wide", names=("orra", "tesk")),
    L("pandas", "a counter before the dates", ",Date,ORRA,TESK", "{n}," + WIDE2, "A", "wide"),
    L("pandas", "two counters", "Unnamed: 0.1,Unnamed: 0,Date,ORRA,TESK", "{n},{n}," + WIDE2, "E", "wide",
      read={"index_col": "Date"}),
    L("pandas", "no name above the dates", ",ORRA,TESK", WIDE2, "A", "wide"),
    L("pandas", "long with a counter", ",Date,Ticker,Close", "{n},{d},{t},{c}", shape="long",
      read={"index_col": "Date"}),
    L("pandas", "melted", "Date,variable,value", "{d},{t},{c}", "E", "long"),
    L("pandas", "assets above fields", f",ORRA,ORRA,TESK,TESK\n,close,volume,close,volume\nDate{',' * 4}", _each("c v"),
      shape="wide", read=TWO),
    L("pandas", "nanoseconds in the text", "Date,ORRA,TESK", WIDE2, "A", "wide", date="%Y-%m-%dT00:00:00.000000000"),
    L("pandas", "a stamp without a zone", "Date,ORRA,TESK", WIDE2, "A", "wide", date="%Y-%m-%d 00:00:00"),
    # -- forms of days and cells of wide tables
    L("a wide table", "the time of the close", "Date,ORRA,TESK", WIDE2, "A", "wide", date="%Y-%m-%d 16:00:00"),
    L("a wide table", "UTC", "Date,ORRA,TESK", WIDE2, "A", "wide", date="utc"),
    L("a wide table", "seconds since 1970", "time,ORRA,TESK", WIDE2, "A", "wide", date="unix"),
    L("a wide table", "milliseconds since 1970", "time,ORRA,TESK", WIDE2, "A", "wide", date="ms"),
    L("a wide table", "02-Jan-24", "Date,ORRA,TESK", WIDE2, "A", "wide", date="%d-%b-%y"),
    L("a wide table", "03/28/24", "Date,ORRA,TESK", WIDE2, "A", "wide", date="%m/%d/%y"),
    L("a wide table", "20240102", "date,ORRA,TESK", WIDE2, "A", "wide", date="%Y%m%d"),
    L("a wide table", "newest first", "Date,ORRA,TESK", WIDE2, "A", "wide", newest_first=True),
    L("a wide table", "a live last row", "Date,ORRA,TESK", WIDE2, "A", "wide", date="live"),
    L("a wide table", "n.a.", "Date,ORRA,TESK", WIDE2, "A", "wide", gap="n.a."),
    L("a wide table", "an empty cell", "Date,ORRA,TESK", WIDE2, "A", "wide", gap=""),
    L("a wide table", "a closing row Average", "Date,ORRA,TESK", WIDE2, "A", "wide", below="Average,88.00,48.00\n"),
    L("a wide table", "a closing line of the source", "Date,ORRA,TESK", WIDE2, "R", "wide",
      below="Source: the exchange,,\n"),
    L("a wide table", "a title line", "Date,ORRA,TESK", WIDE2, "R", "wide", above="Closes of two shares\n",
      read={"skiprows": 1}),
    L("a wide table", "days that read two ways", "Date,ORRA,TESK", WIDE2, "N", "wide", date="%m/%d/%Y", count=8,
      doors=("import", "file")),
    L("a wide table", "days that read two ways, stated", "Date,ORRA,TESK", WIDE2, "R", "wide", date="%m/%d/%Y", count=8,
      options={"dates": "mdy"}, doors=("import",)),
    L("a wide table", "a split that nothing states", "Date,ORRA,TESK", WIDE2, "R", "wide", events="s",
      says=("4:1", "4 for 1")),
    L("a wide table", "names with strokes", "Date,KOR/B,BTC/USDT", WIDE2, "A", "wide", names=("KOR/B", "BTC/USDT")),
    L("a wide table", "a sign of the currency", "Date,ORRA,TESK", '{d},"${c0}","${c1}"', "R", "wide", style=",.",
      start=1400),
    L("a wide table", "currency behind", "Date;ORRA;TESK", "{d};{c0} €;{c1} €", "R", "wide", style=",",
      read={"sep": ";"}),
    L("a wide table", "tabs", "Date\tORRA\tTESK", "{d}\t{c0}\t{c1}", "R", "wide", read={"sep": "\t"}),
    L("a wide table", "the header twice", "Date,ORRA,TESK\nDate,ORRA,TESK", WIDE2, "R", "wide", read={"skiprows": 1}),
    # -- no prices
    L("Yahoo", "dividends", "Date,Dividends", "{d},{y2}", "N", count=8),
    L("Yahoo", "splits", "Date,Stock Splits", "{d},4:1", "N", count=3),
    L("US Treasury", "the yield curve", 'Date,"1 Mo","3 Mo","1 Yr","10 Yr"', "{d},5.53,{y},4.80,{y2}", "N",
      date="%m/%d/%Y", newest_first=True),
    L("AAII", "sentiment", "Date,Bullish,Neutral,Bearish", "{d},{vwap}%,28.6%,{y}%", "N"),
    L("a broker", "holdings", "Symbol,Quantity,Price,Market Value", "{n1}X,100,{c},{val}", "N"),
    L("a page", "volumes alone", "Date,Volume", "{d},{v}", "N"),
    L("a page", "market capitalisation alone", "Date,Market Cap", "{d},{mc}", "N"),
    L("a page", "monthly returns", "Month,Return", "{d},{pct}%", "N", date="months", count=24),
)  # fmt: skip


def vendors() -> Iterator[Case]:
    """The tables of vendors and tools."""
    yield from map(_made, LAYOUTS, range(len(LAYOUTS)))
