"""Generated columns that are no prices of an asset, alone or beside prices: none of them may become an asset."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from price_tables.corpus import Array, Case, Days, bars_of, dice, right, sessions, table, texts, truth_of, walk

ROWS = 90


@dataclass(frozen=True, eq=False)
class Scene:
    """Two shares, of which the columns beside them are made."""

    days: Days
    price: Array  # of ORRA
    other: Array  # of TESK
    bars: dict[str, Array]
    rng: np.random.Generator

    @property
    def ratio(self) -> Array:
        """1 + r; the first is that from a day before."""
        return np.append(1.0023, self.price[1:] / self.price[:-1])

    @property
    def stamps(self) -> pd.DatetimeIndex:
        """The days, as dates of pandas."""
        return pd.DatetimeIndex(self.days)

    def mean(self, window: int) -> Array:
        """The moving average, of fewer closes at its beginning."""
        return pd.Series(self.price).rolling(window, min_periods=1).mean().to_numpy()

    def drawn(self, vol: float, start: float, digits: int = 2) -> Array:
        """A slow path around a level that is above zero."""
        return np.round(start * np.exp(np.cumsum(self.rng.normal(0.0, vol, len(self.days)))), digits)


def scene(*key: object) -> Scene:
    """The two shares of a case."""
    price = walk(("price", *key), ROWS, 84.0, 0.012, 0.001)
    other = walk(("other", *key), ROWS, 47.0)
    return Scene(sessions(ROWS), price, other, bars_of(key, price), dice("beside", *key))


def _wilder(price: Array, window: int = 14) -> Array:
    """The relative strength index."""
    moves = pd.Series(np.diff(price, prepend=price[0]))
    up, down = (m.clip(lower=0).ewm(alpha=1 / window, adjust=False).mean() for m in (moves, -moves))
    return (100.0 * up / (up + down)).fillna(50.0).clip(1.0, 99.0).to_numpy()


def _signed(values: Array, form: str = "{:+.2f}%") -> list[str]:
    return [form.format(v) for v in values]


def _steps(s: Scene, levels: Sequence[float], digits: int) -> list[str]:
    """Levels that change on few days, as factors of adjustment do."""
    return texts(np.repeat(levels, -(-len(s.days) // len(levels)))[: len(s.days)], digits)


def _bands(s: Scene) -> list[list[str]]:
    spread = 2 * pd.Series(s.price).rolling(20, min_periods=2).std().bfill().to_numpy() + 0.05
    return [texts(s.mean(20) + spread), texts(s.mean(20) - spread)]


# Kind, names of the column (several columns are parted by a bar, a name that says nothing shows that content decides),
# and what stands in it.
BESIDE: tuple[tuple[str, str, Callable[[Scene], Any] | None], ...] = (
    ("volume", "ORRA Volume; ORRA_volume; Vol; x", lambda s: texts(s.bars["volume"], 0)),
    ("volume as a float", "ORRA.Volume; col3", lambda s: texts(s.bars["volume"], 1)),
    ("turnover in currency", "ORRA Turnover; ORRA amount; Umsatz", lambda s: texts(s.bars["volume"] * s.price, 0)),
    ("number of trades", "ORRA trades; NumTrd", lambda s: texts(np.round(s.bars["volume"] / 137), 0)),
    ("counter from 0", "index; id; Unnamed: 0; ; n", lambda s: texts(range(ROWS))),
    ("counter from 1", "No.; #; row; col2", lambda s: texts(range(1, ROWS + 1))),
    ("counter down", "index; z", lambda s: texts(range(ROWS, 0, -1))),
    ("counter as a float", "level_0; Unnamed: 0.1", lambda s: texts(np.arange(ROWS, dtype=float), 1)),
    ("counter in steps", "line; seq", lambda s: texts(range(1000, 1000 + 10 * ROWS, 10))),
    ("row ids", "row_id; rowid", lambda s: texts(s.rng.permutation(ROWS) + 50_001)),
    ("change with a sign of per cent", "ORRA %chg; Change %; ORRA Chg; Var%", lambda s: _signed(100 * s.ratio - 100)),
    ("change in per cent as a number", "ORRA change %; pct_chg; d", lambda s: texts(100 * s.ratio - 100)),
    ("change without its sign", "ORRA abs move %; Schwankung %", lambda s: texts(np.abs(100 * s.ratio - 100) + 0.01)),
    ("day's range in per cent", "ORRA range %; ORRA day range %; Amplitude",
     lambda s: texts(100 * (s.bars["high"] / s.bars["low"] - 1) + 0.01)),
    ("day's range as a text", "Day's Range; Spanne",
     lambda s: [f"{lo:.2f} - {hi:.2f}" for lo, hi in zip(s.bars["low"], s.bars["high"], strict=True)]),
    ("absolute change", "ORRA Change; +/-; Net",
     lambda s: _signed(np.diff(s.price, prepend=s.price[0] - 0.3), "{:+.2f}")),
    ("market capitalisation", "ORRA Market Cap; market_cap; MktCap", lambda s: texts(s.price * 4_215_000, 0)),
    ("price to earnings", "ORRA P/E; pe_ratio; ORRA PER", lambda s: texts(s.price / np.repeat([4.1, 4.35], ROWS // 2))),
    ("returns", "ORRA return; ORRA_ret; r", lambda s: ["", *texts(s.ratio[1:] - 1, 6)]),
    ("gross returns", "ORRA gross; ORRA 1+r; y", lambda s: texts(s.ratio, 6)),
    ("log returns", "ORRA log return; logret", lambda s: ["", *texts(np.log(s.ratio[1:]), 6)]),
    ("log price", "log ORRA; ln(ORRA); ORRA_log; w", lambda s: texts(np.log(s.price), 6)),
    ("cumulative return", "ORRA cumulative return; ORRA_cum; c1", lambda s: texts(s.price / 61.3 - 1, 6)),
    ("oscillator", "ORRA RSI; rsi_14; RSI(14); Stoch %K", lambda s: texts(_wilder(s.price))),
    ("moving average", "SMA20; ORRA MA(10); ma5; m", lambda s: texts(s.mean(10), 4)),
    ("moving average with empty cells", "SMA 50", lambda s: ["", *[""] * 48, *texts(s.mean(50)[49:], 4)]),
    ("exponential average", "EMA12; ORRA ewma",
     lambda s: texts(pd.Series(s.price).ewm(span=12, adjust=False).mean().to_numpy(), 4)),
    ("bands", "BB upper|BB lower; b1|b2", _bands),
    ("volatility", "ORRA vol20; sigma; ORRA ATR",
     lambda s: texts(pd.Series(s.ratio).rolling(20, min_periods=2).std().bfill().to_numpy() * 15.9 + 0.01, 4)),
    ("z-score", "ORRA z-score", lambda s: texts((s.price - s.mean(20)) / 1.7, 3)),
    ("dividends, none", "ORRA Dividends; Dividends; div_cash", lambda s: texts(np.zeros(ROWS))),
    ("dividends paid", "ORRA Dividends; ORRA dividend", lambda s: texts(np.where(np.arange(ROWS) == 40, 0.8, 0.0))),
    ("adjusted close beside", "ORRA Adj Close; ORRA.Adjusted; adj",
     lambda s: texts(s.price * np.where(np.arange(ROWS) < 40, 0.99, 1.0), 4)),
    ("dividend in one cell", "ORRA dividend", lambda s: ["0.00" if k == 40 else "" for k in range(ROWS)]),
    ("splits, none", "Stock Splits; ORRA split factor", lambda s: texts(np.ones(ROWS), 1)),
    ("split column of noughts", "ORRA Stock Splits", lambda s: texts(np.zeros(ROWS), 1)),
    ("dates as numbers", "date_id; yyyymmdd; k", lambda s: texts(s.stamps.strftime("%Y%m%d"))),
    ("days since 1970", "day number; epoch_day; t", lambda s: texts(s.days.astype(int))),
    ("serial days", "serial; Excel date", lambda s: texts(s.days.astype(int) + 25_569)),
    ("seconds since 1970", "timestamp; epoch; ts", lambda s: texts(s.days.astype("datetime64[s]").astype(int))),
    ("number of the weekday", "weekday; dow; wd", lambda s: texts(s.stamps.dayofweek + 1)),
    ("name of the weekday", "Day; Wochentag", lambda s: texts(s.stamps.day_name())),
    ("part of the date", "month; day; year; Q", None),
    ("currency", "Currency; ccy; Devise", lambda s: ["USD"] * ROWS),
    ("exchange", "Exchange; Börse", lambda s: ["XNYS"] * ROWS),
    ("booleans", "is_month_end; open_day; flag", lambda s: texts(s.stamps.is_month_end)),
    ("flags of 0 and 1", "signal; rebalance; in_market", lambda s: texts((s.price > s.mean(20)).astype(int))),
    ("signals with signs", "position; side", lambda s: texts(np.sign(s.price - s.mean(20)).astype(int))),
    ("regimes", "regime; cluster", lambda s: texts(1 + (np.arange(ROWS) // 17) % 3)),
    ("ranks", "ORRA rank; rank", lambda s: texts(s.rng.integers(1, 21, ROWS))),
    ("beta", "ORRA beta; beta_60d", lambda s: texts(s.drawn(0.01, 1.1), 3)),
    ("a rate in per cent",
     "TBILL yield %; US 3M rate; ORRA dividend yield; ORRA Yld; US10Y; DGS10; ^TNX; 10Y; FEDFUNDS; T10Y2Y",
     lambda s: texts(s.drawn(0.003, 5.2))),
    ("a rate and its volume", "^TNX|^TNX Volume", lambda s: [texts(s.drawn(0.003, 5.2)), texts(s.bars["volume"], 0)]),
    ("mean of the columns", "Average; Mean", lambda s: texts((s.price + s.other) / 2.0, 4)),
    ("sum of the columns", "Total; Sum", lambda s: texts(s.price + s.other)),
    ("riskless return of a day", "RF; risk_free", lambda s: ["0.021"] * ROWS),
    ("spread", "ORRA spread; bid-ask spread", lambda s: texts(0.01 + 0.03 * s.rng.random(ROWS), 3)),
    ("turnover ratio", "turnover rate; 换手率", lambda s: texts(s.bars["volume"] / 3e6, 2)),
    ("shares outstanding", "ORRA shares outstanding; float shares; SharesOut; Shares Outstanding",
     lambda s: ["4215000"] * ROWS),
    ("a constant", "one; base; units", lambda s: ["100.0"] * ROWS),
    ("texts", "comment; source", lambda s: ["" if k % 7 else "checked" for k in range(ROWS)]),
    ("factor of adjustment", "ORRA adj factor; cumfactor; CFACPR",
     lambda s: _steps(s, (0.98123, 0.98745, 0.99381, 1.0), 5)),
    ("drawdown", "ORRA drawdown; ORRA DD %", lambda s: texts(s.price / np.maximum.accumulate(s.price) - 1, 5)),
    ("high and low beside", "ORRA High|ORRA Low; ORRA_h|ORRA_l; a1|a2",
     lambda s: [texts(s.bars[n]) for n in ("high", "low")]),
    ("open beside", "ORRA Open; ORRA_open", lambda s: texts(s.bars["open"])),
    ("close before", "ORRA prev close; PrevClose; Vortag; lag1", lambda s: texts(np.append(83.6, s.price[:-1]))),
    ("bid and ask", "ORRA Bid|ORRA Ask", lambda s: [texts(s.price - 0.01), texts(s.price + 0.02)]),
    ("average price of the day", "ORRA VWAP; vwap", lambda s: texts((s.bars["high"] + s.bars["low"] + s.price) / 3, 4)),
    ("open interest", "Open Int; ORRA OI; OpenInterest", lambda s: texts(np.round(s.drawn(0.02, 50_000), 0), 0)),
    ("weights", "ORRA weight|TESK weight; w_1|w_2",
     lambda s: [texts(s.price / (s.price + s.other), 4), texts(1 - s.price / (s.price + s.other), 4)]),
    ("time of day", "Time; <TIME>", lambda s: ["16:00:00"] * ROWS),
    ("another day", "lastupdated; Fetched", lambda s: ["2024-06-05"] * ROWS),
    ("offset from GMT", "Gmtoffset", lambda s: ["-18000"] * ROWS),
)  # fmt: skip
# Kinds of which an asset's growth may have what they say in it.
LEVELS: dict[str, Callable[[Scene, Any], Array]] = {
    "adjusted close beside": lambda s, made: np.array(made, dtype=float),
    "dividends paid": lambda s, made: np.cumprod(
        np.append(1.0, (s.price[1:] + np.array(made[1:], dtype=float)) / s.price[:-1])
    ),
}
PARTS: dict[str, Callable[[pd.DatetimeIndex], Any]] = {
    "month": lambda d: d.month, "day": lambda d: d.day, "year": lambda d: d.year, "Q": lambda d: d.quarter,
}  # fmt: skip


def beside() -> Iterator[Case]:
    """Two shares and what is no price."""
    for kind, names, make in BESIDE:
        for k, name in enumerate(names.split("; ")):
            s = scene(kind, name)
            made = texts(PARTS[name](s.stamps)) if make is None else make(s)
            others = list(zip(name.split("|"), made, strict=True)) if "|" in name else [(name, made)]
            columns = [("ORRA", texts(s.price)), ("TESK", texts(s.other))]
            place = 0 if "counter" in kind else (2, 0, 1)[k % 3]
            columns[place:place] = others
            truth = truth_of(s.days, {"ORRA": s.price, "TESK": s.other})
            if kind in LEVELS:
                truth["ORRA"] = right(s.days, s.price, (s.price, LEVELS[kind](s, made)), slack=3e-4)
            title = f"{kind}: {name or '(no name)'}"
            yield Case(kind, title, table([("Date", texts(s.days)), *columns]), truth, must=(), file="two.csv")


# -- bars of one share -------------------------------------------------------------------------------------------------

FIELDS = ["open", "high", "low", "close", "volume"]
LANGUAGES = """en Date Open High Low Close Volume
de Datum Eröffnung Hoch Tief Schluss Volumen
de2 Datum Erster Hoch Tief Schlusskurs Stücke
de3 Datum Eröffnungskurs Tageshoch Tagestief Kurs Umsatz
fr Date Ouverture Haut Bas Clôture Volume
fr2 date ouv haut bas clot vol
it Data Apertura Massimo Minimo Chiusura Volume
es Fecha Apertura Máximo Mínimo Cierre Volumen
pt Data Abertura Máxima Mínima Fechamento Volume
nl Datum Opening Hoogste Laagste Slot Volume
pl Data Otwarcie Najwyższy Najniższy Zamknięcie Wolumen
cs Datum Otevření Maximum Minimum Závěr Objem
sv Datum Öppning Högsta Lägsta Stängning Volym
da Dato Åbning Højeste Laveste Luk Omsætning
fi Päivä Avaus Ylin Alin Päätös Vaihto
hu Dátum Nyitó Maximum Minimum Záró Forgalom
ro Data Deschidere Maxim Minim Închidere Volum
tr Tarih Açılış Yüksek Düşük Kapanış Hacim
ru Дата Открытие Максимум Минимум Закрытие Объём
uk Дата Відкриття Максимум Мінімум Закриття Обсяг
el Ημερομηνία Άνοιγμα Υψηλό Χαμηλό Κλείσιμο Όγκος
ja 日付 始値 高値 安値 終値 出来高
zh 日期 开盘 最高 最低 收盘 成交量
tw 日期 開盤價 最高價 最低價 收盤價 成交股數
ko 날짜 시가 고가 저가 종가 거래량
vi Ngày Mở Cao Thấp Đóng KL
id Tanggal Pembukaan Tertinggi Terendah Penutupan Volume
ar التاريخ الافتتاح الأعلى الأدنى الإغلاق الحجم"""
ORDERS = ((0, 1, 2, 3), (3, 0, 1, 2), (0, 2, 1, 3), (3, 1, 2, 0), (0, 3, 1, 2), (1, 2, 0, 3))
NONSENSE = """O H L C V
o h l c v
a b c d e
col1 col2 col3 col4 col5
0 1 2 3 4
x1 x2 x3 x4 x5
px_o px_h px_l px_c qty
Value1 Value2 Value3 Value4 Value5
ORRA_1 ORRA_2 ORRA_3 ORRA_4 ORRA_5
ORRA ORRA.1 ORRA.2 ORRA.3 ORRA.4
first max min last sum
1._open 2._high 3._low 4._close 5._volume
ohlc/open ohlc/high ohlc/low ohlc/close ohlc/volume
ORRA:O ORRA:H ORRA:L ORRA:C ORRA:V
p q r s t"""


def bars_alone() -> Iterator[Case]:
    """Bars of one share under names of many languages, or names that say nothing, in any order."""
    lists = [("bars in a language", *line.split(maxsplit=1)) for line in LANGUAGES.splitlines()]
    lists += [("bars without telling names", "Date", f"Date {line}") for line in NONSENSE.splitlines()]
    for k, (kind, key, line) in enumerate(lists):
        date, *names = line.split()
        price = walk(("alone", key, k), ROWS, 40 + k)
        bars, days = bars_of(("alone", k), price), sessions(ROWS)
        has_volume = k % 3 != 1
        columns = [(names[j], texts(bars[FIELDS[j]])) for j in ORDERS[k % len(ORDERS)]]
        if has_volume:
            columns.insert(0 if k % 6 == 5 else 4, (names[4], texts(bars["volume"], 0)))
        truth = {"*": right(days, price, volume=float(bars["volume"][-1]) if has_volume else None)}
        title = f"{kind}: {key} {' '.join(name for name, _ in columns)}"
        yield Case(kind, title, table([(date, texts(days)), *columns]), truth, must=())


# -- tables without any price ------------------------------------------------------------------------------------------

ALONE: tuple[tuple[str, int, Callable[[Scene], Sequence[str]]], ...] = (
    ("returns", 2, lambda s: texts(s.ratio - 1, 6)),
    ("returns with a sign of per cent", 2, lambda s: _signed(100 * s.ratio - 100)),
    ("gross returns", 2, lambda s: texts(s.ratio, 6)),
    ("gross returns", 1, lambda s: texts(s.ratio, 4)),
    ("gross returns of bonds", 2, lambda s: texts(1 + (s.ratio - 1) / 12, 6)),
    ("log prices", 2, lambda s: texts(np.log(s.price), 6)),
    ("log prices", 3, lambda s: texts(np.log(s.price), 4)),
    ("logs to base 10", 2, lambda s: texts(np.log10(s.price), 6)),
    ("log returns", 2, lambda s: texts(np.log(s.ratio), 6)),
    ("cumulative returns", 2, lambda s: texts(s.price / s.price[0] - 1, 6)),
    ("volumes", 2, lambda s: texts(s.bars["volume"], 0)),
    ("volumes", 3, lambda s: texts(s.bars["volume"], 0)),
    ("ranks", 3, lambda s: texts(s.rng.integers(1, 6, ROWS))),
    ("scores", 3, lambda s: texts(s.rng.normal(0, 1, ROWS), 3)),
    ("changes without their sign", 2, lambda s: texts(np.abs(100 * s.ratio - 100) + 0.01)),
    ("drawdowns", 2, lambda s: texts(s.price / np.maximum.accumulate(s.price) - 1, 5)),
    ("flags", 3, lambda s: texts((s.price > s.mean(20)).astype(int))),
    ("counters", 1, lambda s: texts(range(1, ROWS + 1))),
    ("dates as numbers", 1, lambda s: texts(s.stamps.strftime("%Y%m%d"))),
    ("words", 2, lambda s: ["buy" if up else "sell" for up in s.ratio > 1]),
    ("dividends", 2, lambda s: ["0.55" if k % 63 == 20 else "" for k in range(ROWS)]),
)


def no_prices() -> Iterator[Case]:
    """Tables of shares in which no column is a price."""
    for j, (kind, count, make) in enumerate(ALONE):
        names = ["ORRA", "TESK", "VELM"][:count]
        made = {name: make(scene("alone", j, name)) for name in names}
        text = table({"Date": texts(sessions(ROWS)), **made})
        yield Case(f"only {kind}", f"only {kind} {j}", text, {}, must=(), file="levels.csv")
    for k in range(2):
        parts = dice("weights", k).dirichlet((8, 5, 3), ROWS).round(4)
        parts[:, 2] = 1 - parts[:, 0] - parts[:, 1]
        names = ["ORRA", "TESK", "VELM"]
        text = table({"Date": texts(sessions(ROWS)), **{n: texts(parts[:, i], 4) for i, n in enumerate(names)}})
        yield Case("only weights", f"only weights {k}", text, {}, must=(), file="levels.csv")


def non_prices() -> Iterator[Case]:
    """All non-prices."""
    for cases in (beside, bars_alone, no_prices):
        yield from cases()
