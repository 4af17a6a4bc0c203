"""The names of columns of tables of prices, as `grids.plain` writes them, in the languages in which people export them.

Of several names of one field the first that a table has is taken. A figure is no price of an asset: its words make up
the name of such a column, or stand behind the name of an asset; those alone are in no name of an asset, and those last
end the name of a figure, whatever stands before. Weak names of fields are words in names of assets, too.
"""

WORDS_OF_COLUMNS = """
date: date, dates, datetime, date time, timestamp, session, day, time, trade date, trading date,
  price date, as of date, observation date, time period, period end, open time, datum, tag,
  fecha, data, dia, jour, dtyyyymmdd, caldt, datadate, 日期, 日付, 交易日期, 날짜
asset: symbol, ticker, asset, asset id, isin, code, instrument, name, act symbol, tic, ric,
  identifier, security, permno, 股票代码, 代码
open: open, opening price, px open, first, eroffnung, eroffn, erster, ouverture, ouv, apertura,
  abertura, otwarcie, openingskoers, 开盘, 开盘价, 始値, 시가
high: high, px high, max, hoch, tageshoch, hochst, haut, plus haut, maximo, massimo, alto,
  maxima, najwyzszy, hoog, 最高, 最高价, 高値, 고가
low: low, px low, min, tief, tagestief, tiefst, bas, plus bas, minimo, basso, bajo, baixa,
  minima, najnizszy, laag, 最低, 最低价, 安値, 저가
close: close, close last, close price, closing price, price close, price, last price, px last, last, latest,
  nav, nav per share, schlusskurs, schluss, letzter, zuletzt, kurs, rucknahmepreis, clot, cloture, dernier,
  cierre, ultimo, chiusura, fechamento, zamkniecie, slotkoers, slot, 收盘, 收盘价, 終値, 종가, settle,
  prc, prccd, trade close, value
total: adj close, adjusted close, adjclose, close adj, closeadj, adjusted, adj price, adj close
  price, total return, total return index, tot return index, tot return index gross dvds, tot
  return index net dvds, 調整後終値, 后复权, 前复权
volume: volume, vol, px volume, total volume, shares traded, stucke, stuecke, stuck, volumen,
  umsatz stuck, wolumen, volumes, tick volume, tickvol, acvol 1, cshtrd, 成交量, 出来高, 거래량
dividend: dividends, dividend, dividend amount, divcash, ex dividend, ex dividends, div cash, distribution,
  distributions, ausschuttung
gain: capital gains
split: stock splits, split, splits, split coefficient, splitfactor, split factor, split ratio
currency: currency, ccy, wahrung, devise
figure: adj, adjusted, adjustflag, alpha, amount, ask, atr, ausgabepreis, average, bb, beta,
  bid, cap, capitalisation, capitalization, cent, cfacpr, change, changes, chg, cluster, cum,
  cumfactor, cumulative, currency, date, day, dd, diff, dow, drawdown, ema, epoch, eps, ewma,
  ex, excel, factor, flag, float, free, gross, high, id, int, interest, issue, line, ln, log,
  logret, low, lower, ma, macd, market, marketcap, mkt, month, number, numtrd, offer, oi, open,
  openint, outstanding, pct, pe, per, percent, position, preis, prev, previous, price, quarter,
  range, rank, rate, ratio, redemption, regime, ret, return, returns, rf, risk, row, rowid, rsi,
  score, seq, serial, shares, side, sigma, signal, sma, spread, status, stoch, tick, time,
  timestamp, total, trades, transactions, turnover, umsatz, upper, var, variation, variazione,
  veranderung, vol, volatility, vwap, weekday, weight, weights, wma, wochentag, year, yield,
  yyyymmdd, yld, zmiana, zscore, mktcap, openinterest, sharesout, oas, esg, 成交额, 振幅, 换手率, 涨跌幅, 涨跌额
figure alone: line, seq, vwap, sigma, cumfactor, cfacpr, adj, stoch, bb, macd, rsi, sma, ema, ewma, int,
  cap, bid, ask, eps, spread, outstanding, mktcap, openinterest, sharesout, oas, esg, yld
figure last: rate, yield, bid, ask, vwap
weak: value, first, last, latest, max, min
"""

FIELDS = {
    field: tuple(names.split(", "))
    for field, _, names in (line.partition(": ") for line in WORDS_OF_COLUMNS.strip().replace("\n  ", " ").splitlines())
}
DATES, ASSETS, FIGURES, FIGURES_ALONE, LAST_WORDS, WEAK = (
    frozenset(FIELDS.pop(name)) for name in ("date", "asset", "figure", "figure alone", "figure last", "weak")
)
FIELD_OF = {name: field for field, names in FIELDS.items() for name in names}
