"""Volume, volatility and spreads: by hand, against slow loops, planted spreads found again, and blind to the future."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError, DataError
from research.market import Market, delist
from research.market.liquidity import abdi_ranaldo, corwin_schultz, dollar_volume, half_spread, trailing_volatility

NONE = float("nan")


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


# -- volume and volatility -------------------------------------------------------------------------------------------


def test_dollar_volume_by_hand(small: Market) -> None:
    found = dollar_volume(small, window=2)
    assert found[:, 0].tolist() == pytest.approx(
        [NONE, (1000 + 1111) / 2, (1111 + 1188) / 2, (1188 + 1326) / 2, (1326 + 1428) / 2], nan_ok=True
    )
    # NEW is listed on the second day; on the fourth it is halted, and nothing is traded
    assert found[:, 1].tolist() == pytest.approx([NONE, NONE, (100 + 126) / 2, 126 / 2, 133 / 2], nan_ok=True)


def test_missing_quote_or_volume_makes_the_mean_unknown(small: Market) -> None:
    volumes = np.array(small.volumes)
    volumes[2, 0] = NONE
    found = dollar_volume(replace(small, volumes=volumes), window=2)[:, 0]
    assert np.isnan(found).tolist() == [True, False, True, True, False]


def test_volatility_by_hand(small: Market) -> None:
    found = trailing_volatility(small, window=2)
    # the standard deviation of two numbers is their distance over the root of two
    assert found[:, 0].tolist() == pytest.approx([NONE, NONE, *(np.array([0.03, 0.05, 0.03]) / 2**0.5)], nan_ok=True)
    assert found[:, 1].tolist() == pytest.approx([NONE, NONE, NONE, 0.05 / 2**0.5, 0.1 / 2**0.5], nan_ok=True)


def test_volatility_of_funds_is_that_of_pandas(etfs: Market) -> None:
    known = etfs.listed & np.vstack([np.zeros((1, 21), bool), etfs.listed[:-1]])
    theirs = pd.DataFrame(np.where(known, etfs.returns, np.nan)).rolling(63).std().to_numpy()
    assert trailing_volatility(etfs) == pytest.approx(theirs, rel=1e-9, nan_ok=True)


def test_trailing_mean_of_funds_is_that_of_pandas(etfs: Market) -> None:
    assert etfs.volumes is not None
    theirs = pd.DataFrame(etfs.volumes * etfs.prices).rolling(21).mean().to_numpy()
    assert dollar_volume(etfs) == pytest.approx(theirs, rel=1e-9, nan_ok=True)


# -- spreads by hand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("high", "low"), [(101.0, 99.0), (10.1, 10.0), (3.0, 2.9)])
def test_range_that_is_the_spread_alone_is_found_exactly(high: float, low: float) -> None:
    """Two days between the same bid and ask: b = 2k², g = k², a = k = ln(H/L), so the spread is 2(H - L)/(H + L)."""
    spread = corwin_schultz(column(high, high), column(low, low), column(low, high))
    assert spread.tolist() == [[pytest.approx(2.0 * (high - low) / (high + low), rel=1e-12)]]


@pytest.mark.parametrize("gap", [30.0, -30.0])
def test_night_that_moves_past_the_close_is_taken_out(gap: float) -> None:
    """The second day's range stands clear of the close before it, and is moved back to touch it."""
    close = 101.0 if gap > 0.0 else 99.0
    spread = corwin_schultz(column(101.0, 101.0 + gap), column(99.0, 99.0 + gap), column(close, 100.0 + gap))
    lows = 101.0 if gap > 0.0 else 97.0  # moved back to touch the close: from it up by 2, or down by 2
    plain = corwin_schultz(column(101.0, lows + 2.0), column(99.0, lows), column(lows, lows))
    assert spread == pytest.approx(plain, rel=1e-12)


def test_wide_move_within_two_days_gives_no_negative_spread() -> None:
    high, low, close = column(101.0, 109.0), column(99.0, 101.0), column(101.0, 109.0)
    assert corwin_schultz(high, low, close).tolist() == [[0.0]]
    assert abdi_ranaldo(column(102.0, 104.0), column(98.0, 100.0), column(101.0, 101.0)).tolist() == [[0.0]]


def test_close_at_the_ask_by_hand() -> None:
    """An unmoved mid of 100, a range from bid to ask, a close at the ask: half of the spread from the middle twice."""
    ask, bid = math.exp(0.01), math.exp(-0.01)
    assert abdi_ranaldo(column(ask, ask), column(bid, bid), column(ask, bid)).tolist() == [[pytest.approx(0.02)]]
    # c = ln 101, m = (ln 102 + ln 98) / 2 and (ln 103 + ln 99) / 2
    c, one, two = math.log(101.0), math.log(102.0 * 98.0) / 2, math.log(103.0 * 97.0) / 2
    found = abdi_ranaldo(column(102.0, 103.0), column(98.0, 97.0), column(101.0, 100.0))
    assert found.tolist() == [[pytest.approx(2.0 * math.sqrt((c - one) * (c - two)), rel=1e-12)]]


# -- against a slow loop, and planted spreads ------------------------------------------------------------------------


def slow_corwin_schultz(h: list[float], l: list[float], c: list[float]) -> float:  # noqa: E741
    """Two days, as the paper's section III writes it down."""
    h2, l2 = h[1], l[1]
    if l2 > c[0]:
        h2, l2 = h2 - (l[1] - c[0]), c[0]
    if h2 < c[0]:
        h2, l2 = c[0], l2 + (c[0] - h[1])
    beta = math.log(h[0] / l[0]) ** 2 + math.log(h2 / l2) ** 2
    gamma = math.log(max(h[0], h2) / min(l[0], l2)) ** 2
    k = 3.0 - 2.0 * math.sqrt(2.0)
    alpha = (math.sqrt(2.0 * beta) - math.sqrt(beta)) / k - math.sqrt(gamma / k)
    return max(2.0 * (math.exp(alpha) - 1.0) / (1.0 + math.exp(alpha)), 0.0)


def slow_abdi_ranaldo(h: list[float], l: list[float], c: list[float]) -> float:  # noqa: E741
    one, two = ((math.log(h[i]) + math.log(l[i])) / 2.0 for i in (0, 1))
    return math.sqrt(max(4.0 * (math.log(c[0]) - one) * (math.log(c[0]) - two), 0.0))


@cases("method, slow", ("corwin_schultz", slow_corwin_schultz), ("abdi_ranaldo", slow_abdi_ranaldo))
def test_half_spread_of_funds_is_that_of_a_slow_loop(
    payers: Market, method: Any, slow: Callable[[list[float], list[float], list[float]], float]
) -> None:
    found, bars = half_spread(payers, method, window=5), payers.bars or {}
    i = payers.assets.index("HDV")
    halt = payers.row("2020-07-15")
    first = int(np.argmax(payers.listed[:, i]))

    def at(t: int) -> float:
        days = [np.array([t - 1, t]) - back for back in range(5)]
        pairs = [[values[pair, i].tolist() for values in (bars["high"], bars["low"], payers.prices)] for pair in days]
        known = [slow(*pair) for pair in pairs if not np.isnan(pair).any()]
        return sum(known) / len(known) / 2.0

    for t in [first + 5, first + 600, first + 1108, halt - 1, halt, halt + 1]:  # 1,108 is the disorder of August 2015
        assert found[t, i] == pytest.approx(at(t), rel=1e-9), t
    assert np.isnan(found[: first + 3, i]).all()  # fewer than half of five pairs
    assert found[first + 3, i] > 0.0


def bars_of(spread: float, sigma: float, night: float = 0.0, days: int = 2000) -> tuple[np.ndarray, ...]:
    """High, low and close of 390 trades a day, each at the bid or the ask round a lognormal mid."""
    rng = np.random.default_rng(1)
    moves = rng.normal(0.0, sigma / np.sqrt(390), (days, 390))
    moves[:, 0] += rng.normal(0.0, night, days)
    prices = np.exp(np.cumsum(moves.ravel()).reshape(days, 390)) * (1.0 + spread * rng.choice([-0.5, 0.5], (days, 390)))
    return prices.max(axis=1)[:, None], prices.min(axis=1)[:, None], prices[:, -1:]


@pytest.mark.parametrize("planted", [0.02, 0.03])
def test_planted_spread_is_found_where_it_is_large_against_volatility(planted: float) -> None:
    bars = bars_of(planted, sigma=0.01)
    assert corwin_schultz(*bars).mean() == pytest.approx(planted, rel=0.05)
    assert abdi_ranaldo(*bars).mean() == pytest.approx(planted, rel=0.10)


def test_planted_spread_is_found_across_nights_that_move() -> None:
    bars = bars_of(0.03, sigma=0.01, night=0.005)
    assert corwin_schultz(*bars).mean() == pytest.approx(0.03, rel=0.10)
    assert abdi_ranaldo(*bars).mean() == pytest.approx(0.03, rel=0.10)


def test_spread_that_is_small_against_volatility_is_overstated_as_documented() -> None:
    """A third of a day's volatility: what is cut at zero adds 70 % and 30 %."""
    bars = bars_of(0.01, sigma=0.03)
    assert 0.015 < corwin_schultz(*bars).mean() < 0.019
    assert 0.011 < abdi_ranaldo(*bars).mean() < 0.015


def test_liquid_funds_are_overstated_as_documented(etfs: Market) -> None:
    rows, spy = etfs.row("2009-12-31") + 1, etfs.assets.index("SPY")
    for method, bp in (("corwin_schultz", 11.0), ("abdi_ranaldo", 15.0)):
        assert np.median(half_spread(etfs, method)[rows:, spy]) * 1e4 == pytest.approx(bp, abs=0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["corwin_schultz", "abdi_ranaldo"])
def test_split_makes_no_spread(payers: Market, method: Any) -> None:
    """Ten units for one, quotes and bars divided by ten from there: the same estimates."""
    spy = payers.select(["SPY"])
    row = 2500 + int(np.argmax(half_spread(spy, method, window=1)[2500:, 0] > 0.0))
    splits = np.ones(spy.shape)
    splits[row] = 10.0
    after = np.cumprod(splits, axis=0)
    bars = {name: bar / after for name, bar in (spy.bars or {}).items()}
    split = replace(spy, splits=splits, prices=spy.prices / after, bars=bars, dividends=None)
    assert half_spread(split, method) == pytest.approx(half_spread(spy, method), rel=1e-6, abs=1e-12, nan_ok=True)
    wrong = half_spread(replace(split, splits=None), method)[row]
    assert wrong != pytest.approx(half_spread(spy, method)[row], rel=1e-3)


# -- what is known when ----------------------------------------------------------------------------------------------

MEASURES: dict[str, Callable[[Market], np.ndarray]] = {
    "dollar volume": dollar_volume,
    "volatility": trailing_volatility,
    "corwin_schultz": lambda market: half_spread(market, "corwin_schultz"),
    "abdi_ranaldo": lambda market: half_spread(market, "abdi_ranaldo"),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("last", ["2010-06-30", "2015-08-24"])
def test_nothing_depends_on_what_follows(payers: Market, name: str, last: str) -> None:
    row, rng = payers.row(last), np.random.default_rng(4)
    after = np.arange(len(payers.dates))[:, None] > row
    scale = np.where(after, rng.uniform(0.5, 2.0, payers.shape), 1.0)
    assert payers.volumes is not None
    other = replace(
        payers,
        returns=np.where(after & payers.tradable, payers.returns * scale, payers.returns),
        prices=payers.prices * scale,
        volumes=payers.volumes * scale,
        bars={bar: values * scale for bar, values in (payers.bars or {}).items()},
        dividends=None,
    )
    known = MEASURES[name](payers)
    for market in (other, payers.until(last)):
        assert np.array_equal(MEASURES[name](market)[: row + 1], known[: row + 1], equal_nan=True)
    assert not np.array_equal(MEASURES[name](other), known, equal_nan=True)


@pytest.mark.parametrize("name", MEASURES)
def test_line_that_has_left_has_no_liquidity(payers: Market, name: str) -> None:
    tradable = np.array(payers.tradable)
    tradable[-30:, 0] = False
    returns = np.where(tradable, payers.returns, 0.0)
    gone = delist(replace(payers, tradable=tradable, returns=returns), "GLD", payers.dates[-20], -0.3)
    found = MEASURES[name](gone)
    assert np.isnan(found[-20:, 0]).all()
    assert not np.isnan(found[-40:, 2]).any()
    assert not np.isnan(found[-32, 0])


# -- refused ---------------------------------------------------------------------------------------------------------


def test_market_without_what_is_asked_for_is_refused(small: Market) -> None:
    with pytest.raises(DataError, match="market 'small' has no volumes: found None, the first for OLD on 2022-12-27"):
        dollar_volume(replace(small, volumes=None))
    for bars in (None, {"open": small.prices}):
        with pytest.raises(DataError, match=r"market 'small' has no highs and lows: found bars (None|open), for OLD"):
            half_spread(replace(small, bars=bars))


def test_unknown_method_and_window_are_refused(small: Market) -> None:
    with pytest.raises(ConfigError, match=r"found method='roll'. Use corwin_schultz or abdi_ranaldo"):
        half_spread(small, "roll")  # type: ignore[arg-type]
    for window in (0, -1, 2.0, True):
        with pytest.raises(ConfigError, match=r"window of dollar_volume is .* 1 or more"):
            dollar_volume(small, window)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"window of volatility is 1. Give a whole number of sessions, 2 or more"):
        trailing_volatility(small, 1)


def test_window_longer_than_the_market_knows_nothing(small: Market) -> None:
    assert np.isnan(dollar_volume(small, 9)).all()
    assert np.isnan(trailing_volatility(small, 9)).all()
    assert np.isnan(half_spread(small, window=9)).all()
