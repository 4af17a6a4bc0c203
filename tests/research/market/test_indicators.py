"""Indicators against published worksheets, pandas and closed forms, and of the same bits whatever comes later."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.studies.audits.futures import changed_after
from foundation.errors import ConfigError, DataError
from research.forecast.boosted.features import features
from research.market import Market, delist, indicators, load_market, market_from_frame, with_facts

# The worksheet of Wilder's RSI that is printed for 14 days, and its indices from the fifteenth day on.
WILDER = (
    "44.3389 44.0902 44.1497 43.6124 44.3278 44.8264 45.0955 45.4245 45.8433 46.0826 45.8931 46.0328 45.6140 46.2820 "
    "46.2820 46.0028 46.0328 46.4116 46.2222 45.6439"
)
INDICES = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]
# The worksheet of ten-day averages in ChartSchool (StockCharts), whose closes are printed to the cent.
CHARTED = (
    "22.27 22.19 22.08 22.17 22.18 22.13 22.23 22.43 22.24 22.29 22.15 22.39 22.38 22.61 23.36 24.05 23.75 23.83 23.95 "
    "23.63 23.82 23.87 23.65 23.19 23.10 23.33 22.68 23.10 22.40 22.17"
)
SIMPLE = (
    "22.22 22.21 22.23 22.26 22.31 22.42 22.61 22.77 22.91 23.08 23.21 23.38 23.53 23.65 23.71 23.69 23.61 23.51 23.43 "
    "23.28 23.13"
)
EXPONENTIAL = (
    "22.22 22.21 22.24 22.27 22.33 22.52 22.80 22.97 23.13 23.28 23.34 23.43 23.51 23.54 23.47 23.40 23.39 23.26 23.23 "
    "23.08 22.92"
)
SOURCE_ROUNDING = 0.01 + 1e-9  # of a table whose closes and averages are rounded to the cent

SMALL: dict[str, indicators.Indicator] = {  # with windows that a market of two hundred rows fills
    "momentum": indicators.Momentum(21, 3),
    "volatility": indicators.Volatility(10),
    "rsi": indicators.RSI(5),
    "sma": indicators.SMA(9),
    "ema": indicators.EMA(9),
    "line": indicators.MACD(3, 7, 4),
    "signal": indicators.MACD(3, 7, 4, "signal"),
    "histogram": indicators.MACD(3, 7, 4, "histogram"),
    "bollinger": indicators.Bollinger(6),
    "drawdown": indicators.Drawdown(),
    "spread": indicators.Spread("sma", "ema"),
}


def column(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=float)[:, None]


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    """Closes (400, 2) of two assets."""
    return 50.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0.0, 0.02, (400, 2)), axis=0))


@pytest.fixture(scope="module")
def gapped() -> Market:
    """Three assets of 200 rows: OLD is there throughout, NEW from row 40 on, GONE is halted twice and then delisted."""
    rng, rows = np.random.default_rng(11), 200
    frame = pd.DataFrame(
        np.exp(np.cumsum(rng.normal(0.0, 0.02, (rows, 3)), axis=0)),
        index=pd.bdate_range("2016-01-04", periods=rows),
        columns=["OLD", "NEW", "GONE"],
    )
    frame.iloc[:40, 1] = np.nan
    frame.iloc[60:75, 2] = frame.iloc[140:, 2] = np.nan
    return delist(market_from_frame(frame, calendar="24/5", missing="halt"), "GONE", frame.index[150], -0.3)


@pytest.fixture(scope="module")
def known(gapped: Market) -> Market:
    """The three assets with every indicator."""
    return with_facts(gapped, SMALL)


def _same_bits(found: Market, wanted: Market, rows: int) -> bool:
    return all(found.facts[name][:rows].tobytes() == wanted.facts[name][:rows].tobytes() for name in SMALL)


# -- published numbers -----------------------------------------------------------------------------------------------


def test_rsi_is_that_of_wilders_worksheet() -> None:
    """Fourteen changes come first; an average that begins with the first change would give 71.86 here."""
    found = indicators.RSI().values(column(WILDER))[:, 0]
    assert np.isnan(found[:14]).all()
    assert found[14:].round(2).tolist() == INDICES


@pytest.mark.parametrize(
    ("indicator", "printed"), [(indicators.SMA(10), SIMPLE), (indicators.EMA(10), EXPONENTIAL)], ids=["sma", "ema"]
)
def test_averages_are_those_of_the_charted_worksheet(indicator: indicators.SMA | indicators.EMA, printed: str) -> None:
    closes = column(CHARTED)
    average = closes / (1.0 + indicator.values(closes))
    assert np.isnan(average[:9]).all()
    np.testing.assert_allclose(average[9:], column(printed), rtol=0.0, atol=SOURCE_ROUNDING)


# -- pandas ----------------------------------------------------------------------------------------------------------


def seeded(values: pd.DataFrame, window: int, alpha: float) -> pd.DataFrame:
    """pandas' recursive average of the simple mean of the first window, followed by the further rows."""
    known = values.dropna()
    start = known.iloc[:window].mean().to_frame().T.set_axis(known.index[window - 1 : window])
    return pd.concat([start, known.iloc[window:]]).ewm(alpha=alpha, adjust=False).mean().reindex(values.index)


def by_pandas(closes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    change, fast, slow = closes.diff(), seeded(closes, 12, 2 / 13), seeded(closes, 26, 2 / 27)
    gain, loss = (seeded(part.clip(lower=0).where(part.notna()), 14, 1 / 14) for part in (change, -change))
    line = (fast - slow) / slow
    signal = seeded(line, 9, 0.2)
    mean, sd = closes.rolling(20).mean(), closes.rolling(20).std(ddof=0)
    return {
        "momentum": closes.shift(21) / closes.shift(252) - 1,
        "volatility": closes.pct_change().rolling(63).std() * np.sqrt(252),
        "rsi": 100 - 100 / (1 + gain / loss),
        "sma": closes / closes.rolling(50).mean() - 1,
        "ema": closes / seeded(closes, 50, 2 / 51) - 1,
        "line": line,
        "signal": signal,
        "histogram": line - signal,
        "bollinger": (closes - (mean - 2 * sd)) / (4 * sd),
        "drawdown": closes / closes.cummax() - 1,
    }


@cases(
    "name, indicator",
    ("momentum", indicators.Momentum(252, 21)),
    ("volatility", indicators.Volatility(63, 252)),
    ("rsi", indicators.RSI()),
    ("sma", indicators.SMA(50)),
    ("ema", indicators.EMA(50)),
    ("line", indicators.MACD()),
    ("signal", indicators.MACD(output="signal")),
    ("histogram", indicators.MACD(output="histogram")),
    ("bollinger", indicators.Bollinger()),
    ("drawdown", indicators.Drawdown()),
)
def test_each_is_what_pandas_makes_of_its_formula(walk: np.ndarray, name: str, indicator: indicators.Indicator) -> None:
    wanted = by_pandas(pd.DataFrame(walk))[name].to_numpy()
    assert np.isfinite(wanted).sum() > 200
    np.testing.assert_allclose(indicator.values(walk), wanted, rtol=1e-9, atol=1e-12)


def test_momentum_and_volatility_are_the_features_of_forecasts() -> None:
    market = load_market("etf_dividends").until("2014-12-31")
    known = with_facts(market, {"momentum": indicators.Momentum(252, 21), "volatility": indicators.Volatility(63)})
    rows = np.arange(1000, len(market.dates), 97)
    found = features(market.past(len(market.dates) - 1), rows)
    for fact, feature in (("momentum", "momentum_252_21"), ("volatility", "volatility_63")):
        wanted = found.numbers[:, :, found.names.index(feature)]
        np.testing.assert_allclose(known.facts[fact][rows], wanted, rtol=1e-9)


# -- closed forms ----------------------------------------------------------------------------------------------------


def test_constant_growth_has_the_values_of_its_closed_forms() -> None:
    """With growth g a session, a simple average is a geometric sum, and nothing is ever lost."""
    g, n = 1.01, 10
    closes = (g ** np.arange(80.0))[:, None]
    assert indicators.RSI(n).values(closes)[-1, 0] == 100.0
    assert indicators.Drawdown().values(closes).max() == 0.0
    assert indicators.Volatility(n).values(closes)[-1, 0] == pytest.approx(0.0, abs=1e-7)
    assert indicators.Momentum(12, 2).values(closes)[-1, 0] == pytest.approx(g**10 - 1)
    assert indicators.SMA(n).values(closes)[-1, 0] == pytest.approx(n * (1 - 1 / g) / (1 - g**-n) - 1)


@settings(max_examples=10)
@given(factor=st.floats(1e-6, 1e6), falls=st.booleans())
def test_the_level_of_an_index_does_not_matter(factor: float, falls: bool) -> None:
    closes = np.exp(np.cumsum(np.random.default_rng(3).normal(-0.02 if falls else 0.02, 0.01, (40, 1)), axis=0))
    for name, indicator in SMALL.items():
        if name != "spread":
            np.testing.assert_allclose(indicator.values(factor * closes), indicator.values(closes), atol=1e-9)


def test_closes_that_do_not_vary_have_no_rsi_and_no_bands() -> None:
    still = np.full((40, 1), 0.1)
    assert np.isnan(indicators.RSI(5).values(still)).all()
    assert np.isnan(indicators.Bollinger(6).values(still)).all()
    assert (indicators.Volatility(6).values(still)[6:] == 0.0).all()


# -- assets of a market -----------------------------------------------------------------------------------------------


def test_a_line_that_is_listed_late_has_the_numbers_of_its_own_sessions_alone(gapped: Market, known: Market) -> None:
    alone = market_from_frame(pd.DataFrame({"NEW": gapped.index[40:, 1]}, index=gapped.dates[40:]), calendar="24/5")
    alone = with_facts(alone, SMALL)
    for name in SMALL:
        assert np.isnan(known.facts[name][:40, 1]).all()
        np.testing.assert_allclose(known.facts[name][40:, 1], alone.facts[name][:, 0], rtol=1e-9, atol=1e-12)


def test_a_halted_session_is_one_without_a_change_and_nothing_is_known_from_the_exit_on(
    gapped: Market, known: Market
) -> None:
    exit_row = int(gapped.exits[2])
    assert np.ptp(gapped.index[60:75, 2]) == 0.0
    assert np.ptp(known.facts["rsi"][59:75, 2]) < 1e-9  # gains and losses shrink alike
    assert known.facts["volatility"][74, 2] == 0.0
    for name in SMALL:
        last = known.facts[name][exit_row - 1 :, 2]
        assert np.isnan(last[1:]).all()
        assert np.isfinite(last[0]) == (name != "bollinger")  # the closes of a halt do not vary


def test_the_first_values_come_with_the_last_row_of_their_window(known: Market) -> None:
    first = {name: int(np.argmax(np.isfinite(fact[:, 0]))) for name, fact in known.facts.items()}
    assert first == {
        "momentum": 21,
        "volatility": 10,
        "rsi": 5,
        "sma": 8,
        "ema": 8,
        "line": 6,
        "signal": 9,
        "histogram": 9,
        "bollinger": 5,
        "drawdown": 0,
        "spread": 8,
    }


@settings(max_examples=25)
@given(row=st.integers(25, 198), seed=st.integers(0, 99), mirrored=st.booleans())
def test_no_later_row_changes_an_earlier_one_to_the_bit(
    gapped: Market, known: Market, row: int, seed: int, mirrored: bool
) -> None:
    """The later rows are cut off, and have other returns, halts and listings."""
    changed = with_facts(changed_after(gapped, row, seed, mirrored), SMALL)
    assert _same_bits(changed, known, row + 1)
    assert not _same_bits(changed, known, row + 2)
    assert _same_bits(with_facts(gapped.until(gapped.dates[row]), SMALL), known, row + 1)


def test_a_spread_is_the_difference_of_two_facts_and_knows_nothing_where_one_does_not(gapped: Market) -> None:
    yields = {
        "ten_years": pd.DataFrame({"OLD": [3.0, 3.5], "NEW": 3.0}, index=gapped.dates[[0, 10]]),
        "bill": pd.DataFrame({"OLD": [1.0]}, index=gapped.dates[[5]]),
    }
    known = with_facts(gapped, {"slope": indicators.Spread("ten_years", "bill"), **yields}).facts["slope"]
    assert np.isnan(known[:5, 0]).all()
    assert np.isnan(known[:, 1:]).all()
    assert known[5:, 0].tolist() == [2.0] * 5 + [2.5] * 190


# -- refusals --------------------------------------------------------------------------------------------------------


@cases(
    "word, given, message",
    ("momentum", {"window": 21, "skip": 21}, r"window is 21: give a whole number, 22 or more"),
    ("momentum", {"window": 21, "skip": -1}, r"skip is -1: give a whole number, 0 or more"),
    ("volatility", {"window": 1}, r"window is 1: give a whole number, 2 or more"),
    ("volatility", {"window": 9, "periods_per_year": 0}, r"periods_per_year is 0"),
    ("rsi", {"window": 14.0}, r"window is 14\.0: give a whole number, 1 or more"),
    ("sma", {"window": 0}, r"window is 0"),
    ("ema", {"window": True}, r"window is True"),
    ("macd", {"fast": 26}, r"slow is 26: give a whole number, 27 or more"),
    ("macd", {"output": "bars"}, r"output is 'bars': use one of line, signal, histogram"),
    ("bollinger", {"width": 0.0}, r"width is 0\.0: give a finite number above 0"),
)
def test_settings_without_sense_are_refused(word: str, given: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        indicators.INDICATORS[word](**given)


@cases(
    "indicator, message",
    (indicators.SMA(201), r"fact 'wanted' is not known on any day: SMA\(window=201\) needs more than the 200 sessions"),
    (indicators.Spread("tag", "sma"), r"needs the fact 'tag', and facts by date that are numbers are: sma\. Correct"),
    (indicators.Spread("sma", "wanted"), r"needs the fact 'wanted'"),
)
def test_an_indicator_that_cannot_be_known_is_refused(
    gapped: Market, indicator: indicators.Indicator, message: str
) -> None:
    market = with_facts(replace(gapped, facts={"tag": np.full(gapped.shape, "a")}), {"sma": indicators.SMA(9)})
    with pytest.raises(DataError, match=message):
        with_facts(market, {"wanted": indicator})
