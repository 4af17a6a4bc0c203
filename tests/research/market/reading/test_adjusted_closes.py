"""Closes out of adjusted closes: what splits and dividends say about each other, and what contradicts itself."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.market.corporate_actions import as_traded
from research.market.reading.adjusted_closes import TableBars, as_quoted
from research.market.rows import bar_growth


def bars(**numbers: Sequence[float]) -> TableBars:
    """The bars of one asset on days in a row."""
    count = len(next(iter(numbers.values())))
    days = np.datetime64("2020-08-27") + np.arange(count)
    arrays = {name: np.array(values, dtype=float) for name, values in numbers.items()}
    zeros = np.zeros(count, dtype=np.int64)
    return TableBars("t.csv", ("A",), zeros, days, np.arange(count) + 2, np.full(count, "", dtype=object), arrays)


def test_closes_alone_are_total_return_closes_until_something_else_is_stated() -> None:
    quoted, adjustment, notes = as_quoted(bars(close=[1, 2]), None, from_yahoo=False)
    assert (quoted.numbers["dividend"].tolist(), adjustment, notes) == ([0, 0], None, ())
    assert as_quoted(bars(close=[1, 2]), "raw", from_yahoo=False)[1:] == ("raw", ())


def test_adjusted_closes_alone_are_total_return_closes() -> None:
    quoted, adjustment, notes = as_quoted(bars(total=[1, 2]), None, from_yahoo=False)
    assert (quoted.numbers["close"].tolist(), adjustment, notes) == ([1, 2], "total", ())
    with pytest.raises(ConfigError, match=r"adjustment is 'raw', and t\.csv has only Adj Close"):
        as_quoted(bars(total=[1, 2]), "raw", from_yahoo=False)


def test_dividends_beside_closes_of_yfinance_alone_are_not_counted_twice() -> None:
    table = bars(close=[100, 103], dividend=[0, 3])
    quoted, adjustment, (note,) = as_quoted(table, None, from_yahoo=True)
    assert (quoted.numbers["dividend"].tolist(), adjustment) == ([0, 0], "total")
    assert "its dividends and splits are in them, and are left out" in note
    assert as_quoted(table, "split", from_yahoo=True)[0].numbers["dividend"].tolist() == [0, 3]
    assert as_quoted(table, None, from_yahoo=False)[0].numbers["dividend"].tolist() == [0, 3]


def test_closes_that_jump_with_their_split_are_as_traded() -> None:
    """Apple's four for one of 2020-08-31."""
    table = bars(close=[499.23, 129.04, 134.18], split=[1, 4, 1])
    quoted, adjustment, _ = as_quoted(table, None, from_yahoo=False)
    assert (quoted.numbers["close"].tolist(), adjustment) == ([499.23, 129.04, 134.18], "raw")
    with pytest.raises(DataError, match=r"row 3: two adjustments in one series.*on 2020-08-28: found 4\.0"):
        as_quoted(table, "split", from_yahoo=False)


def test_of_two_splits_that_move_closes_otherwise_one_is_refused() -> None:
    with pytest.raises(DataError, match="two adjustments in one series"):
        as_quoted(bars(close=[500, 500, 125], split=[1, 2, 4]), None, from_yahoo=False)


def test_a_split_without_a_column_is_that_of_the_adjusted_closes_and_another_move_is_refused() -> None:
    total = [124.8075, 129.04]
    quoted, adjustment, notes = as_quoted(bars(close=[499.23, 129.04], total=total), None, from_yahoo=False)
    assert (quoted.numbers["split"].tolist(), adjustment) == ([1.0, 4.0], "raw")
    assert not quoted.numbers["dividend"].any()
    assert "Splits of" in notes[0]
    with pytest.raises(DataError, match="row 3: two adjustments in one series: Close moves apart from Adj Close"):
        as_quoted(bars(close=[10, 17], total=[100, 100]), None, from_yahoo=False)


def test_the_rounding_of_adjusted_closes_is_no_dividend() -> None:
    close = np.array([33.17, 33.29, 33.41, 33.02, 33.88])
    quoted, _, _ = as_quoted(bars(close=close, total=(close * 0.8731).round(2)), None, from_yahoo=False)
    assert not quoted.numbers["dividend"].any()


def test_a_dividend_that_the_adjusted_close_has_and_its_column_lacks_is_noted() -> None:
    table = bars(close=[100, 97, 97], total=[97, 97, 97], dividend=[0, 0, 0], split=[1, 1, 1])
    (note,) = as_quoted(table, None, from_yahoo=True)[2]
    assert note.startswith("A grows otherwise than its adjusted closes on 1 session, most on 2020-08-28 (3.00 %)")
    assert as_quoted(table.having(dividend=np.array([0.0, 3.0, 0.0])), None, from_yahoo=True)[2] == ()


SMALL_SPLITS = st.sampled_from([1.1, 1.25, 1.5, 0.8])


@given(SMALL_SPLITS, st.floats(-0.74, 0.74), st.booleans(), st.booleans())
def test_a_small_split_on_a_day_of_a_large_move_is_read_right_or_asked_about(
    ratio: float, part: float, is_raw: bool, has_total: bool
) -> None:
    """A move of up to three quarters of the split: 18 % for five for four, 35 % for three for two."""
    move, split = ratio**part, [1.0, ratio, 1.0]
    traded = np.array([100.0, 100.0 * move / ratio, 101.0 * move / ratio])
    close = traded if is_raw else traded / as_traded(np.array(split))
    total = {"total": np.array([100.0, 100.0 * move, 101.0 * move])} if has_total else {}
    table = bars(close=close, split=split, **total)
    stated = as_quoted(table, "raw" if is_raw else "split", from_yahoo=False)[0]
    np.testing.assert_allclose(stated.numbers["close"], traded, rtol=1e-12)
    assume(abs(abs(part) - 0.25) > 1e-9)
    if abs(part) > 0.25 and not has_total:
        with pytest.raises(DataError, match="do not show whether they are adjusted for it: split of A on 2020-08-28"):
            as_quoted(table, None, from_yahoo=False)
    else:
        quoted = as_quoted(table, None, from_yahoo=False)[0]
        np.testing.assert_allclose(quoted.numbers["close"], traded, rtol=1e-12)


EVENTS = st.lists(
    st.tuples(
        st.floats(0.98, 1.02),
        st.sampled_from([1.0, 1.0, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 0.1]),
        st.sampled_from([0.0, 0.0, 0.01]),
    ),
    min_size=2,
    max_size=12,
)


@given(EVENTS)
def test_quotes_as_traded_are_found_again_from_quotes_adjusted_for_splits(
    events: list[tuple[float, float, float]],
) -> None:
    moves, split, share = (np.array(column) for column in zip(*events, strict=True))
    split[0], share[0] = 1.0, 0.0
    close = 100.0 * np.cumprod(moves / split)
    dividend = share * close
    total = np.cumprod(bar_growth(close, split, dividend))
    factor = as_traded(split)
    yahoo = bars(close=close / factor, total=total, split=split, dividend=dividend / factor)
    raw = bars(close=close, total=total, split=split, dividend=dividend)
    for table in (yahoo, raw, bars(close=close, total=total, split=split)):
        quoted, _, _ = as_quoted(table, None, from_yahoo=True)
        np.testing.assert_allclose(quoted.numbers["close"], close, rtol=1e-12)
        np.testing.assert_allclose(quoted.numbers["dividend"], dividend, rtol=0, atol=1e-4 * close.max())
