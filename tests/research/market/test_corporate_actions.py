"""Splits and dividends of bars: Apple's four for one, and a dividend that adjusted closes show, by hand."""

from datetime import date

import numpy as np
import pytest

from research.market.corporate_actions import (
    ONE_ASSET,
    YIELD_REFUSED,
    YIELD_WARNED,
    TradedCloses,
    as_traded,
    later_splits,
    unadjusted,
)


def test_adjusted_quotes_of_apple_become_those_of_the_day() -> None:
    """Four for one on 2020-08-31: Yahoo's adjusted close of 2020-08-28 is 124.8075, and 499.23 was traded."""
    quotes = {"close": np.array([124.8075, 129.04, 134.18]), "volume": np.array([4.0, 1.0, 1.0])}
    traded = unadjusted(quotes, as_traded(np.array([1.0, 4.0, 1.0])))
    assert traded["close"].tolist() == pytest.approx([499.23, 129.04, 134.18])
    assert traded["volume"].tolist() == [1.0, 1.0, 1.0]


def test_a_split_of_a_day_without_a_bar_is_later_than_the_bar_before() -> None:
    days = np.array(["2020-08-28", "2020-08-31"], dtype="datetime64[D]")
    assert later_splits(days, {date(2020, 8, 30): 4.0, date(2020, 8, 31): 2.0}).tolist() == [8.0, 1.0]


def test_of_two_assets_none_moves_from_the_other() -> None:
    traded = TradedCloses(np.array([1.0, 2.0, 50.0, 60.0]), np.ones(4), np.full(4, np.nan), np.array([0, 2]))
    np.testing.assert_array_equal(traded.moved, [np.nan, 2.0, np.nan, 1.2])


@pytest.mark.parametrize(("second", "hidden"), [(125.0, False), (500.0, True), (30.0, True), (1_000.0, True)])
def test_a_split_is_shown_by_closes_that_move_by_less_than_half_of_it(second: float, hidden: bool) -> None:
    traded = TradedCloses(np.array([500.0, second]), np.array([1.0, 4.0]), np.full(2, np.nan), ONE_ASSET)
    assert traded.hides_split.tolist() == [False, hidden]


@pytest.mark.parametrize("ratio", [1.1, 1.25, 1.5, 1 / 1.5])
def test_a_small_split_is_hidden_by_a_move_of_its_own_size_alone(ratio: float) -> None:
    """Twice the split, the split that is lacking, and moves that are none of these."""

    def hidden(move: float) -> bool:
        traded = TradedCloses(
            np.array([100.0, 100.0 * move / ratio]), np.array([1.0, ratio]), np.full(2, np.nan), ONE_ASSET
        )
        return bool(traded.hides_split[1])

    stands_out = ratio != 1.1
    assert [hidden(ratio), hidden(1.01 / ratio)] == [stands_out, stands_out]
    assert not any(hidden(ratio**part) for part in (-2.0, -0.7, -0.4, 0.0, 0.4, 0.7, 1.3, 2.0))


@pytest.mark.parametrize("convention", ["total returns", "CRSP"])
def test_a_dividend_is_shown_by_either_convention_of_adjustment(convention: str) -> None:
    """Three of 100, while the price falls to 90: growth of 93 / 100, or of 90 / (100 - 3)."""
    grown = 0.93 if convention == "total returns" else 90.0 / 97.0
    traded = TradedCloses(np.array([100.0, 90.0]), np.ones(2), np.array([1.0, grown]) * 90.0, ONE_ASSET)
    assert traded.apart(np.array([0.0, 3.0]))[1] < 1e-12
    assert traded.denies(np.array([0.0, 0.0]), YIELD_REFUSED).tolist() == [False, True]


def test_a_source_may_round_its_adjusted_closes_and_an_import_is_warned_of_it() -> None:
    traded = TradedCloses(np.array([100.0, 100.0]), np.ones(2), np.array([100.0, 100.05]), ONE_ASSET)
    none = np.zeros(2)
    assert (traded.denies(none, YIELD_REFUSED)[1], traded.denies(none, YIELD_WARNED)[1]) == (False, True)
