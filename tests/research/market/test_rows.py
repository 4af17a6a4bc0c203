"""Rows of prices: their checks, and growth over splits and dividends."""

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.market import load_market
from research.market.corporate_actions import as_traded
from research.market.rows import bar_growth, checked_rows, price_rows

MOMENT = np.datetime64("2026-11-25T12:00:00")
DAYS = np.array(["2020-08-28", "2020-08-31", "2020-09-01"], dtype="datetime64[D]")


def rows_of(close: list[float], **numbers: object) -> pd.DataFrame:
    return price_rows("AAPL", DAYS, close, currency="USD", source="made", fetched_at=MOMENT, **numbers)


def test_quotes_in_hundredths_become_units():
    rows = price_rows(
        "VOD", DAYS, [100.0, 101.0, 102.0], currency="GBp", source="made", fetched_at=MOMENT, dividend=5.0
    )
    assert rows["close"].tolist() == [1.0, 1.01, 1.02]
    assert rows["dividend"].tolist() == [0.05] * 3
    assert set(rows["currency"]) == {"GBP"}


def test_growth_over_a_split_is_that_of_the_adjusted_quotes():
    grown = bar_growth(np.array([499.23, 129.04, 134.18]), np.array([1.0, 4.0, 1.0]), np.zeros(3))
    assert grown.tolist() == pytest.approx([1.0, 129.04 / 124.8075, 134.18 / 129.04])


def test_growth_is_the_total_return_of_the_embedded_dividends():
    market = load_market("etf_dividends")
    i = market.assets.index("SPY")
    grown = bar_growth(market.prices[:, i], market.splits[:, i], market.dividends[:, i])
    assert np.abs(grown[1:] - 1.0 - market.returns[1:, i]).max() < 1e-12


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 0.1]), min_size=1, max_size=30), st.data())
def test_a_split_alone_earns_nothing(splits: list[float], data: st.DataObject):
    split = np.array(splits)
    close = 100.0 * as_traded(split)  # one worth throughout, in units of each day
    assert np.allclose(bar_growth(close, split, np.zeros(len(split))), 1.0, rtol=1e-12)


@cases(
    "numbers, said",
    ({"volume": -1.0}, "volume of AAPL on 2020-08-28 from made: found -1.0. A volume is zero or above."),
    ({"dividend": np.nan}, "dividend of AAPL on 2020-08-28 from made: found nan"),
    ({"split": [1.0, 0.0, 1.0]}, "split of AAPL on 2020-08-31 from made: found 0.0"),
    ({"high": [1.0, 1.0, np.inf]}, "high of AAPL on 2020-09-01 from made: found inf"),
)
def test_a_wrong_number_is_refused_with_its_place(numbers: dict[str, object], said: str):
    with pytest.raises(DataError, match=said):
        rows_of([1.0, 2.0, 3.0], **numbers)


def test_two_rows_of_one_session_are_refused_with_both_closes():
    rows = rows_of([1.0, 2.0, 3.0])
    with pytest.raises(DataError, match=r"two rows of AAPL on 2020-08-31 from twice: found closes 2 and 2"):
        checked_rows(pd.concat([rows, rows.iloc[1:2]]), "twice")


def test_a_session_far_away_is_refused():
    with pytest.raises(DataError, match="session of AAPL on 1700-01-01 from made"):
        price_rows("AAPL", ["1700-01-01"], [1.0], currency="USD", source="made", fetched_at=MOMENT)
