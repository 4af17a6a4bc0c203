"""From yfinance's frame to a market: both orders of its columns, adjusted or not, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from foundation.errors import DataError
from research.market import instruments_table, load_market, market_from_frame, market_from_yfinance
from research.market.reading.sources import LAST_SESSIONS

QUOTES = pd.DataFrame({"AGG": [100.0, 101.0, 100.0, 100.5, 101.0], "SPY": [400.0, 404.0, 400.0, 402.0, 408.0]})
ADJUSTED = QUOTES.assign(AGG=QUOTES["AGG"] * [0.99, 0.99, 1.0, 1.0, 1.0])  # AGG paid about 1 on the third day
DIVIDENDS = pd.DataFrame({"AGG": [0.0, 0.0, 101.0 * 0.01, 0.0, 0.0], "SPY": 0.0}, index=range(5))


def downloaded(days, *, auto_adjust=False, actions=False, group_by="column"):
    """A frame of the form that yfinance 1.7 gives."""
    close = ADJUSTED if auto_adjust else QUOTES
    fields = {"Close": close, "High": close + 1.0, "Low": close - 1.0, "Open": close - 0.5}
    if not auto_adjust:
        fields["Adj Close"] = ADJUSTED
    if actions:
        fields |= {"Dividends": DIVIDENDS, "Stock Splits": 0.0 * QUOTES, "Capital Gains": 0.0 * QUOTES}
    fields["Volume"] = QUOTES * 10.0
    frame = pd.concat(fields, axis=1, names=["Price", "Ticker"]).set_index(days.rename("Date")).sort_index(axis=1)
    return frame if group_by == "column" else frame.swaplevel(axis=1).sort_index(axis=1)


@pytest.mark.parametrize("group_by", ["column", "ticker"])
def test_unadjusted_quotes_give_returns_quotes_bars_volumes_and_income(group_by, days):
    market = market_from_yfinance(downloaded(days, actions=True, group_by=group_by))
    assert market.assets == ("AGG", "SPY")
    assert market.returns == pytest.approx(ADJUSTED.pct_change().fillna(0.0).to_numpy(), abs=1e-15)
    assert np.array_equal(market.prices, QUOTES)
    assert np.array_equal(market.volumes, QUOTES * 10.0)
    assert np.array_equal(market.bars["open"], QUOTES - 0.5)
    assert np.array_equal(market.dividends, DIVIDENDS)
    assert set(market.instruments["adjustment"]) == {"returns: splits and dividends; quotes: as traded"}


def test_it_equals_the_market_of_the_tables_that_it_holds(days):
    frame = downloaded(days)
    tables = {field: frame[field] for field in ("Adj Close", "Close", "Volume", "Open", "High", "Low")}
    own = market_from_frame(
        tables["Adj Close"],
        quotes=tables["Close"],
        volumes=tables["Volume"],
        bars={bar: tables[bar.capitalize()] for bar in ("open", "high", "low")},
        instruments=instruments_table(
            ["AGG", "SPY"], adjustment="returns: splits and dividends; quotes: adjusted for splits, not for dividends"
        ),
    )
    assert market_from_yfinance(frame).fingerprint == own.fingerprint


def test_quotes_dividends_and_returns_that_agree_raise_no_warning(days):
    notes = market_from_yfinance(downloaded(days, actions=True), cash=np.zeros(5)).notes
    assert [note for note in notes if note.warning] == []


def test_adjusted_closes_give_returns_and_no_quotes_and_it_is_said(days):
    market = market_from_yfinance(downloaded(days, auto_adjust=True, actions=True), cash=np.zeros(5))
    assert market.returns == pytest.approx(ADJUSTED.pct_change().fillna(0.0).to_numpy(), abs=1e-15)
    assert np.isnan(market.prices).all()
    assert market.bars is None
    assert market.dividends is None
    assert np.array_equal(market.volumes, QUOTES * 10.0)
    [note] = [note for note in market.notes if note.warning]
    assert "auto_adjust=False" in note


def test_instruments_and_names_are_taken_and_a_gap_is_refused_or_a_halt(days):
    table = instruments_table(["AGG", "SPY"], asset_class=["bonds", "equity"], lot=10.0)
    frame = downloaded(days)
    market = market_from_yfinance(frame, instruments=table.drop(columns="adjustment"), name="mine")
    assert market.asset_class == ("bonds", "equity")
    assert market.name == "mine"
    frame.loc[days[3], (slice(None), "AGG")] = np.nan
    with pytest.raises(DataError, match=r"price missing for AGG on 2022-12-30 \(yfinance \(Adj Close\), row 3\)"):
        market_from_yfinance(frame)
    assert not market_from_yfinance(frame, missing="halt").tradable[3, 0]


def test_one_ticker_without_its_name_is_refused_and_named(days):
    flat = downloaded(days).xs("SPY", axis=1, level="Ticker")
    with pytest.raises(DataError, match=r"expected pairs of field and ticker.*pd.concat\(\{'SPY': frame\}, axis=1\)"):
        market_from_yfinance(flat)
    assert market_from_yfinance(pd.concat({"SPY": flat}, axis=1)).assets == ("SPY",)


def test_a_frame_without_closes_is_refused(days):
    with pytest.raises(DataError, match=r"no field 'Close' in yfinance: found \('Adj Close', 'AGG'\)"):
        market_from_yfinance(downloaded(days).drop(columns="Close", level="Price"))


def test_dates_with_a_zone_are_the_sessions_of_that_zone(days):
    there = downloaded(days.tz_localize("America/New_York"))
    assert market_from_yfinance(there).fingerprint == market_from_yfinance(downloaded(days)).fingerprint


@pytest.mark.parametrize(("rule", "back"), [("W-SUN", 6), ("MS", 0), ("QS", 0)])
def test_rows_of_weeks_and_months_have_the_close_of_their_last_session(rule, back):
    """As interval="1wk", "1mo" and "3mo" give them: named by the first day of the period, which may be a holiday."""
    daily = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    closes = pd.DataFrame(daily.index, daily.dates, list(daily.assets))
    rows = closes.resample(rule).last().iloc[:-1]  # the last period of the data is not over
    rows.index -= pd.Timedelta(days=back)
    frame = pd.concat({"Close": rows, "Volume": rows * 0.0 + 1.0}, axis=1, names=["Price", "Ticker"])
    market = market_from_yfinance(frame.tz_localize("America/New_York"))
    assert len(market.dates) == len(rows)
    last = closes.loc[market.dates, list(market.assets)]
    assert market.returns[1:] == pytest.approx(last.pct_change().to_numpy()[1:], rel=1e-12)
    assert LAST_SESSIONS in market.notes
