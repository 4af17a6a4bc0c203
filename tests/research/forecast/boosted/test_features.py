"""Features against plain formulas on one window, and of the same bits from every past."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, skew

from foundation.errors import DataError
from research.forecast.boosted.features import features
from research.market import Market, load_market, with_facts

ROW = 1200


@pytest.fixture(scope="module")
def market() -> Market:
    """Four funds with quotes, bars, volumes, dividends, and two facts by date; HDV is listed late."""
    funds = load_market("etf_dividends").until("2014-12-31")
    days = funds.dates[::60]
    value = pd.DataFrame({"SPY": np.arange(len(days)) / 7.0, "TLT": 3.0}, index=days)
    word = pd.DataFrame({"SPY": ["a"], "TLT": ["b"]}, index=days[:1])
    return with_facts(funds, {"value": value, "word": word})


def one(market: Market, name: str, row: int = ROW) -> np.ndarray:
    found = features(market.past(row), np.array([row]))
    return np.asarray(found.numbers[0, :, found.names.index(name)])


def test_features_are_those_of_plain_formulas(market: Market) -> None:
    spy = market.assets.index("SPY")
    returns, year = market.returns[: ROW + 1, spy], slice(ROW - 251, ROW + 1)
    level, last = np.cumprod(1.0 + returns), returns[-63:]
    traded = (market.volumes * market.prices)[: ROW + 1, spy]
    high, low = market.bars["high"][: ROW + 1, spy], market.bars["low"][: ROW + 1, spy]
    falls = np.minimum(last, 0.0)
    drawdowns = [level[t] / level[t - 125 : t + 1].max() - 1.0 for t in range(ROW - 62, ROW + 1)]
    cash = np.cumprod(1.0 + market.cash[: ROW + 1])
    rate = cash[21:] / cash[:-21] - 1.0
    month = 2.0 * np.pi * (market.dates[ROW].month - 1) / 12.0
    expected = {
        "reversal_5": 1.0 - level[-1] / level[-6],
        "momentum_21": level[-1] / level[-22] - 1.0,
        "momentum_63": level[-1] / level[-64] - 1.0,
        "momentum_126": level[-1] / level[-127] - 1.0,
        "momentum_252_21": level[-22] / level[-253] - 1.0,
        "volatility_21": returns[-21:].std(ddof=1),
        "volatility_63": last.std(ddof=1),
        "volatility_252": returns[year].std(ddof=1),
        "downside_63": np.sqrt((falls**2).mean() / (last**2).mean()),
        "skewness_252": skew(returns[year]),
        "maximum_21": returns[-21:].max(),
        "distance_to_high_252": level[-1] / level[year].max() - 1.0,
        "drawdown_63": min(drawdowns),
        "volume_trend_21_252": traded[-21:].mean() / traded[year].mean() - 1.0,
        "range_21": (2.0 * (high - low) / (high + low))[-21:].mean(),
        "carry_252": (market.dividends[year, spy] / market.prices[year, spy]).sum(),
        "fact_value": market.facts["value"][ROW, spy],
        "month_sine": np.sin(month),
        "month_cosine": np.cos(month),
        "cash_rate_21": rate[-1],
        "cash_change_63": rate[-1] - rate[-64],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(one(market, name)[spy], value, rtol=1e-9, atol=1e-15, err_msg=name)
    names = features(market.past(ROW), np.array([ROW])).names
    assert set(names) == set(expected) | {f"rank_{name}" for name in list(expected)[:17]}


def test_ranks_go_from_minus_one_to_one_over_the_lines_that_are_known(market: Market) -> None:
    own, ranks = one(market, "momentum_63"), one(market, "rank_momentum_63")
    known = np.isfinite(own)
    assert known.sum() == 3
    np.testing.assert_array_equal(ranks[known], rankdata(own[known]) - 2.0)
    assert np.isnan(ranks[~known]).all()
    assert one(market, "rank_carry_252", 3000)[market.assets.index("GLD")] == -1.0


def test_a_line_has_a_number_once_it_was_listed_before_the_whole_window(market: Market) -> None:
    line = market.assets.index("HDV")
    listing = int(np.argmax(market.listed[:, line]))
    for name, window in {"reversal_5": 5, "momentum_21": 21, "volatility_252": 252, "drawdown_63": 189}.items():
        assert np.isnan(one(market, name, listing + window - 1)[line])
        assert np.isfinite(one(market, name, listing + window)[line])
    assert np.isnan(features(market.past(listing - 1), np.array([listing - 1])).numbers[0, line]).all()


@given(row=st.integers(0, 2800), later=st.integers(0, 300), back=st.lists(st.integers(0, 400), max_size=5))
@settings(max_examples=60)
def test_a_later_past_and_other_days_leave_each_number_to_the_bit(
    market: Market, row: int, later: int, back: list[int]
) -> None:
    own = features(market.past(row), np.array([row]))
    among = features(market.past(row + later), np.unique([max(row - days, 0) for days in back] + [row]))
    assert own.names == among.names
    assert own.numbers[0].tobytes() == among.numbers[-1].tobytes()


@pytest.mark.parametrize("row", [300, ROW, 2500])
def test_no_number_depends_on_the_days_after_it(market: Market, row: int) -> None:
    later = np.arange(len(market.dates))[:, None] > row
    scaled = {
        name: np.where(later, 2.0 * getattr(market, name), getattr(market, name)) for name in ("volumes", "prices")
    }
    changed = replace(
        market, returns=np.where(later & market.tradable, -0.5 * market.returns, market.returns),
        cash=np.where(later[:, 0], 0.01, market.cash), dividends=np.where(later, 0.0, market.dividends),
        bars={name: np.where(later, 3.0 * bar, bar) for name, bar in market.bars.items()},
        facts={"value": np.where(later, 9.0, market.facts["value"])}, **scaled,
    )  # fmt: skip
    same = replace(market, facts={"value": market.facts["value"]})
    rows = np.arange(0, row + 1, 7)
    assert features(changed.past(row), rows).numbers.tobytes() == features(same.past(row), rows).numbers.tobytes()
    expected = features(same.past(row), rows).numbers.tobytes()
    assert features(same.until(market.dates[row]).past(row), rows).numbers.tobytes() == expected


def test_a_market_of_returns_alone_has_fewer_features() -> None:
    names = features(load_market("sp500_20").until("1992-12-31").past(500), np.array([500])).names
    assert not {"carry_252", "range_21", "volume_trend_21_252"} & set(names)
    assert "rank_momentum_252_21" in names


def test_an_infinite_feature_is_refused_with_its_line_and_day(market: Market) -> None:
    line = market.assets.index("SPY")
    paid = int(np.flatnonzero(market.dividends[:ROW, line])[-1])
    prices, dividends = market.prices.copy(), market.dividends.copy()
    prices[paid, line], dividends[paid, line] = 1e-300, 1e15
    broken = replace(market, prices=prices, dividends=dividends)
    day = f"{market.dates[ROW]:%Y-%m-%d}"
    with pytest.raises(DataError, match=f"feature carry_252 of SPY on {day} is inf"):
        features(broken.past(ROW), np.array([ROW]))
