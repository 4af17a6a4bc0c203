"""What a unit is worth when dividends are paid out, when units are split, and at the open."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.market import Market, in_currency, instruments_table, market_from_frame

NONE = float("nan")
DAYS = pd.DatetimeIndex(["2022-12-27", "2022-12-28", "2022-12-29", "2022-12-30", "2023-01-03"])
CLOSE = [100.0, 101.0, 50.0, 52.0, 52.0]
OPEN = [100.0, 100.0, 51.0, 50.0, 53.0]


def frame(*columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip("AB", columns, strict=False)), index=DAYS)


@pytest.fixture
def market() -> Market:
    """One unit of A becomes two on 29 December, and each pays 0.50; B pays nothing."""
    total = [100.0, 101.0, 101.0, 105.04, 105.04]  # 2 × (50 + 0.5) = 101; then 52 / 50
    other = [10.0, 11.0, 12.0, 9.0, 10.0]
    return market_from_frame(
        frame(total, other),
        quotes=frame(CLOSE, other),
        bars={"open": frame(OPEN, other)},
        dividends=frame([0.0, 0.0, 0.5, 0.0, 0.0]),
        splits=frame([NONE, NONE, 2.0, NONE, NONE]),
    )


# -- dividends paid out ----------------------------------------------------------------------------------------------


def test_split_and_dividend_of_one_day_by_hand(market: Market) -> None:
    assert market.splits.tolist() == [[1.0, 1.0], [1.0, 1.0], [2.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    # 1 in currency buys 0.01 units of 100, which become 0.02 of 50 each and are paid 0.5 each
    assert market.price_index[:, 0].tolist() == pytest.approx([1.0, 1.01, 1.0, 1.04, 1.04], rel=1e-15)
    assert market.income[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.01, 0.0, 0.0], rel=1e-15)
    assert not any(note.warning for note in market.notes if "no rate was given" not in note)


def test_line_that_pays_nothing_has_one_index_to_the_bit(market: Market) -> None:
    assert np.array_equal(market.price_index[:, 1], market.index[:, 1])
    assert (market.income[:, 1] == 0.0).all()
    bare = replace(market, dividends=None)
    assert bare.price_index is bare.index
    assert (bare.income == 0.0).all()


def test_units_follow_the_quotes_where_these_are_given(market: Market) -> None:
    units = np.cumprod(market.splits[:, 0]) if market.splits is not None else None
    assert market.price_index[:, 0] == pytest.approx(units * market.prices[:, 0] / 100.0, rel=1e-15)


def test_quote_before_a_halt_and_the_splits_within_it_count() -> None:
    total = [100.0, 100.0, NONE, NONE, 100.0]
    market = market_from_frame(
        frame(total),
        quotes=frame([100.0, 100.0, NONE, NONE, 19.0]),  # 5 units of 19 and a dividend of 1 each
        dividends=frame([0.0, 0.0, 0.0, 0.0, 1.0]),
        splits=frame([1.0, 1.0, 5.0, 1.0, 1.0]),
        missing="halt",
    )
    assert market.income[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.05], rel=1e-15)
    assert market.price_index[-1, 0] == pytest.approx(0.95, rel=1e-15)


def test_dividend_after_a_halt_in_which_the_rate_moved_by_hand() -> None:
    """A unit of 100 EUR halts for two sessions while the euro goes from 1 to 2 dollars, then is 90 and pays 10.

    A wealth of 1 dollar is 0.01 unit, and is paid 0.01 × 10 EUR × 2 = 0.20. The unit is worth 100 USD before the halt,
    200 in its second session, by the rate alone, and 180 when it trades again: the price index is 1, 1, 1, 2, 1.8.
    """
    local = frame([100.0, 100.0, NONE, NONE, 100.0], [1.0, 1.0, 1.0, 2.0, 2.0])  # 90 + 10 after 100: no return
    market = market_from_frame(
        local.set_axis(["A", "EURUSD"], axis=1),
        quotes=frame([100.0, 100.0, NONE, NONE, 90.0], [1.0, 1.0, 1.0, 2.0, 2.0]).set_axis(["A", "EURUSD"], axis=1),
        dividends=frame([0.0, 0.0, 0.0, 0.0, 10.0], [0.0] * 5).set_axis(["A", "EURUSD"], axis=1),
        instruments=instruments_table(["A", "EURUSD"], currency=["EUR", "USD"], asset_class=["equity", "fx"]),
        missing="halt",
    )
    held = in_currency(market, "USD")
    assert held.income[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.2], rel=1e-15)
    assert held.price_index[:, 0].tolist() == pytest.approx([1.0, 1.0, 1.0, 2.0, 1.8], rel=1e-15)
    assert held.price_index[-1, 0] == pytest.approx(held.prices[-1, 0] / held.prices[0, 0], rel=1e-15)


@given(
    st.lists(st.floats(-0.3, 0.3), min_size=4, max_size=4),
    st.lists(st.floats(0.0, 20.0), min_size=4, max_size=4),
    st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.0, 3.0]), min_size=4, max_size=4),
)
def test_price_and_income_together_are_the_total_return(
    returns: list[float], dividends: list[float], splits: list[float]
) -> None:
    total = np.cumprod([100.0, *(1.0 + np.array(returns))])
    market = market_from_frame(
        frame(total), quotes=frame([100.0] * 5), dividends=frame([0.0, *dividends]), splits=frame([1.0, *splits])
    )
    if (np.array(dividends) * splits / 100.0 >= 1.0 + market.returns[1:, 0]).any():
        with pytest.raises(DataError, match="dividend above what the unit is worth for A"):
            _ = market.price_index
        return
    whole = market.price_index[:-1] * (1.0 + market.returns[1:])
    assert market.price_index[1:] + market.income[1:] == pytest.approx(whole, rel=1e-15)
    reinvested = np.cumprod(1.0 + market.income / market.price_index, axis=0)  # more units, bought at the close
    assert market.price_index * reinvested == pytest.approx(market.index, rel=1e-12)


def test_real_dividends_take_the_total_return_apart_into_quotes_and_income(payers: Market) -> None:
    assert payers.dividends is not None
    for i, asset in enumerate(payers.assets):
        quotes = payers.prices[:, i]
        quoted = np.flatnonzero(~np.isnan(quotes))
        own = payers.price_index[quoted, i] / payers.price_index[quoted[0], i]
        assert own == pytest.approx(quotes[quoted] / quotes[quoted[0]], rel=1e-13), asset
        assert ((payers.income[:, i] > 0.0) == (payers.dividends[:, i] > 0.0)).all(), asset
    whole = payers.price_index[:-1] * (1.0 + payers.returns[1:])
    assert payers.price_index[1:] + payers.income[1:] == pytest.approx(whole, rel=1e-15)


# -- the open --------------------------------------------------------------------------------------------------------


def test_open_of_an_ex_date_by_hand(market: Market) -> None:
    # at the open of the 29th the unit of 101 is two of 51, and 0.5 each is on its way: 103 / 101 of its value overnight
    assert market.open_index[2, 0] == pytest.approx(1.01 * 103.0 / 101.0, rel=1e-15)
    assert market.open_price_index[2, 0] == pytest.approx(1.02, rel=1e-15)
    assert market.open_index[3, 0] == pytest.approx(1.01 * 50.0 / 50.0, rel=1e-15)
    assert market.open_index[:, 1] == pytest.approx(market.index[:, 1], rel=1e-15)  # it opens where it closes


def test_overnight_both_ways_of_holding_are_worth_the_same(market: Market, payers: Market) -> None:
    for one in (market, payers):
        total = one.open_index[1:] / one.index[:-1]
        paid = (one.open_price_index[1:] + one.income[1:]) / one.price_index[:-1]
        assert total == pytest.approx(paid, rel=1e-13)


def test_real_opens_are_the_quoted_ones(payers: Market) -> None:
    i = payers.assets.index("SPY")
    opens = (payers.bars or {})["open"][1:, i]
    expected = pytest.approx(opens / payers.prices[:-1, i], rel=1e-14)
    assert payers.open_price_index[1:, i] / payers.price_index[:-1, i] == expected


def test_line_that_does_not_trade_stays_at_its_mark(payers: Market) -> None:
    i, t = payers.assets.index("HDV"), payers.row("2020-07-15")
    assert not payers.tradable[t, i]
    assert payers.open_index[t, i] == payers.index[t, i] == payers.index[t - 1, i]


# -- refused ---------------------------------------------------------------------------------------------------------


@cases(
    "change, of, words",
    ({"quotes": frame([NONE] * 5)}, "income", "dividend without a quote before it for A on 2022-12-29 .* 0.5. Give"),
    ({"quotes": frame([100.0, NONE, 50.0, 52.0, 52.0])}, "price_index", "dividend without a quote before it for A"),
    ({"dividends": frame([0.5, 0.0, 0.0, 0.0, 0.0])}, "income", "without a quote before it for A on 2022-12-27"),
    ({"dividends": frame([0.0, 0.0, 55.0, 0.0, 0.0])}, "price_index", "above what the unit .* A on 2022-12-29 .* 1.0"),
    ({"bars": None}, "open_index", "market 'frame' has no opens, .* for A on 2022-12-27"),
    ({"bars": {"high": frame([200.0] * 5)}}, "open_price_index", "market 'frame' has no opens"),
    ({"bars": {"open": frame([1.0, 1.0, 1.0, NONE, 1.0])}}, "open_index", "open missing for A on 2022-12-30 .* nan"),
    ({"quotes": frame([100.0, 101.0, 50.0, 52.0, NONE])}, "open_index", "quote missing for A on 2023-01-03"),
)
def test_what_cannot_be_known_is_refused_when_it_is_asked_for(change: dict[str, Any], of: str, words: str) -> None:
    given: dict[str, Any] = {
        "quotes": frame(CLOSE),
        "dividends": frame([0.0, 0.0, 0.5, 0.0, 0.0]),
        "splits": frame([1.0, 1.0, 2.0, 1.0, 1.0]),
        "bars": {"open": frame(OPEN)},
    }
    market = market_from_frame(frame([100.0, 101.0, 101.0, 105.04, 105.04]), **given | change)
    with pytest.raises(DataError, match=words):
        getattr(market, of)


@cases(
    "table, value, words",
    ("splits", 0.0, r"impossible split factor for A on 2022-12-29 \(frame \(splits\), row 2\): found 0.0"),
    ("splits", -2.0, "impossible split factor for A"),
    ("dividends", -0.5, r"impossible dividend for A on 2022-12-29 \(frame \(dividends\), row 2\): found -0.5"),
)
def test_split_of_nothing_and_negative_dividend_are_refused(table: str, value: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        market_from_frame(frame(CLOSE), **{table: frame([1.0, 1.0, value, 1.0, 1.0])})


# -- do the sources agree? -------------------------------------------------------------------------------------------


def differing(total: list[float], **given: Any) -> list[str]:
    notes = market_from_frame(frame(total), quotes=frame(CLOSE), **given).notes
    return [str(note) for note in notes if "returned other than" in note]


def test_missing_dividend_or_split_is_told_and_not_repaired() -> None:
    total, paid = [100.0, 101.0, 101.0, 105.04, 105.04], frame([0.0, 0.0, 0.5, 0.0, 0.0])
    split = frame([1.0, 1.0, 2.0, 1.0, 1.0])
    assert differing(total, dividends=paid, splits=split) == []
    assert differing(total) == []  # nothing to hold the returns against
    (note,) = differing(total, splits=split)
    assert note.startswith(
        "A returned other than its quotes, dividends and splits say on 1 session, most on 2022-12-29 (+0.99 %)"
    )
    (note,) = differing(total, dividends=paid)
    assert "2022-12-29 (+50.00 %)" in note


@pytest.mark.parametrize(("apart", "told"), [(0.9e-4, 0), (1.1e-4, 1)])
def test_rounding_of_a_vendor_is_let_pass(apart: float, told: int) -> None:
    total = [100.0, 101.0, 101.0, 105.04, 105.04 * (1.0 + apart)]
    paid, split = frame([0.0, 0.0, 0.5, 0.0, 0.0]), frame([1.0, 1.0, 2.0, 1.0, 1.0])
    assert len(differing(total, dividends=paid, splits=split)) == told


def test_returns_of_the_other_convention_are_told() -> None:
    # close / (previous close - dividend), where a dividend of 4 on half of 101 comes with a move
    other = [100.0, 101.0, 101.0 * 50.0 / (101.0 / 2.0 - 4.0), 105.04, 105.04]
    paid, split = frame([0.0, 0.0, 4.0, 0.0, 0.0]), frame([1.0, 1.0, 2.0, 1.0, 1.0])
    assert len(differing(other, dividends=paid, splits=split)) == 1
