"""Trailing returns: by hand, against pandas, and only those that the test has."""

import numpy as np
import pandas as pd
import pytest

from backtests.evaluation.trailing_returns import rolling_returns, trailing_columns, trailing_returns
from research.risk import growth


def closes(first: str, last: str) -> np.ndarray:
    return pd.bdate_range(first, last).to_numpy()


def test_a_steady_growth_is_the_same_in_every_whole_number_of_years() -> None:
    """Wealth doubles in each calendar year, in equal steps a day: each span gives 100 % a year, this year by hand."""
    days = pd.date_range("2010-12-31", "2020-12-31").to_numpy()
    year = days.astype("datetime64[Y]").astype(int) + 1970
    began = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    passed = (days.astype("datetime64[D]") - began).astype(int) + 1
    found = trailing_returns(days, 2.0 ** (year - 2010 + passed / np.where((year % 4 == 0), 366, 365)))
    assert list(found) == ["year_to_date", "one_year", "three_years", "five_years", "whole_test"]
    for name in ("year_to_date", "one_year", "three_years", "five_years"):
        assert found[name] == pytest.approx(1.0, abs=1e-12)
    assert found["whole_test"] == pytest.approx(2.0 ** (10.0 * 365.25 / 3653.0) - 1.0, abs=1e-12)


@pytest.mark.parametrize("last", ["2022-12-29", "2020-02-28", "2024-02-29", "2021-01-04", "2021-05-31"])
def test_they_are_those_of_pandas(last: str) -> None:
    days = closes("2012-03-01", last)
    grown = np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(len(days))))
    found, path = trailing_returns(days, grown), pd.Series(grown, pd.DatetimeIndex(days))
    end = path.index[-1]
    assert found["year_to_date"] == path.iloc[-1] / path[: f"{end.year - 1}"].iloc[-1] - 1.0
    for name, years in {"one_year": 1, "three_years": 3, "five_years": 5}.items():
        ratio = path.iloc[-1] / path.asof(end - pd.DateOffset(years=years))
        assert found[name] == pytest.approx(ratio ** (1.0 / years) - 1.0, abs=1e-14)
    assert found["whole_test"] == growth(grown, (end - path.index[0]).days)


@pytest.mark.parametrize("years", [1, 3, 5])
def test_rolling_returns_are_those_of_pandas_and_end_with_the_trailing_one(years: int) -> None:
    days = closes("2012-02-29", "2020-03-02")
    grown = np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal(len(days))))
    path = pd.Series(grown, pd.DatetimeIndex(days))
    begins = [path.asof(day - pd.DateOffset(years=years)) for day in path.index]  # NaN before the first close
    expected, found = ((path / begins) ** (1.0 / years) - 1.0).dropna(), rolling_returns(days, grown, years)
    assert found == pytest.approx(expected.to_numpy(), abs=1e-14)
    assert found[-1] == trailing_returns(days, grown)[{1: "one_year", 3: "three_years", 5: "five_years"}[years]]
    assert not len(rolling_returns(days[:200], grown[:200], years))


def test_a_span_that_the_test_does_not_have_is_left_out() -> None:
    for first, kept in {
        "2021-12-31": {"year_to_date"},
        "2022-01-03": set(),
        "2021-12-29": {"year_to_date", "one_year"},
        "2021-12-30": {"year_to_date"},
        "2017-12-29": {"year_to_date", "one_year", "three_years", "five_years"},
    }.items():
        days = closes(first, "2022-12-29")
        assert set(trailing_returns(days, np.ones(len(days)))) == kept | {"whole_test"}


def test_a_test_shorter_than_a_year_is_not_annualised_and_its_column_says_so() -> None:
    days = closes("2022-09-30", "2022-12-30")
    assert trailing_returns(days, np.linspace(1.0, 1.1, len(days))) == {"whole_test": pytest.approx(0.1)}
    (whole,) = trailing_columns(days)
    assert (whole.label, whole.unit) == ("whole test, shorter than a year", "%")
    assert [column.unit for column in trailing_columns(closes("2019-12-30", "2022-12-30"))] == [
        "%", "%", "% a year", "% a year",
    ]  # fmt: skip
