"""Weights from a function of past returns: what it sees, what it may give, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError, PolicyError
from research.allocation import FunctionAllocation, InverseVolatility, target_path


def inverse_volatility(returns):
    inverse = 1.0 / returns.std(ddof=1)
    return inverse / inverse.sum()


def test_it_equals_the_allocation_that_computes_the_same(noisy):
    ours, same = (
        target_path(allocation, noisy, start=70)
        for allocation in (FunctionAllocation(inverse_volatility, window=60), InverseVolatility(window=60))
    )
    assert np.array_equal(ours.row, same.row)
    assert ours.rows == pytest.approx(same.rows, abs=1e-15)


def test_it_sees_the_window_of_the_lines_that_have_one_and_no_more(noisy):
    seen = []

    def note(returns):
        seen.append(returns)
        return {"A01": 0.4, "A02": 0.5}

    target = FunctionAllocation(note, window=60).target(noisy.past(200))
    assert target.tolist() == [0.0, 0.4, 0.5, 0.0, 0.0, 0.0]
    assert list(seen[0].columns) == ["A00", "A01", "A02", "A03", "A04"]
    assert seen[0].shape == (60, 5)
    assert seen[0].index[-1] == noisy.dates[200]
    assert np.array_equal(seen[0].to_numpy(), noisy.returns[141:201, :5])


@cases(
    "found",
    {"A04": 0.2, "A00": 0.8},
    pd.Series({"A04": 0.2, "A00": 0.8}),
    np.array([0.8, 0.0, 0.0, 0.0, 0.2]),
    [0.8, 0, 0, 0, 0.2],
)
def test_weights_come_by_name_or_in_the_order_of_the_columns(found, noisy):
    target = FunctionAllocation(lambda returns: found, window=60).target(noisy.past(200))
    assert target.tolist() == [0.8, 0.0, 0.0, 0.0, 0.2, 0.0]


@cases(
    "found, words",
    ({"A09": 1.0}, r"2018-10-17 gave a weight for 'A09', but the columns are A00, A01, A02, A03, A04. Return"),
    (np.ones(6), r"gave weights of shape \(6,\) for 5 assets, A00, A01, A02, A03, A04. Return a mapping"),
    (None, r"gave None. Return a mapping or a Series by name, or one number a column"),
    ({"A00": "half"}, r"gave \['half', 0.0, 0.0, 0.0, 0.0\]. Return"),
)
def test_other_answers_are_refused_by_name_and_date(found, words, noisy):
    def mine(returns):
        return found

    with pytest.raises(PolicyError, match=words) as refused:
        FunctionAllocation(mine, window=60).target(noisy.past(200))
    assert "mine on 2018-10-17" in str(refused.value)


def test_weights_that_are_not_finite_are_refused_where_all_are(noisy):
    allocation = FunctionAllocation(lambda returns: returns.std() * np.nan, window=60)
    with pytest.raises(PolicyError, match="is not finite for 4 of 6 assets: A00"):
        target_path(allocation, noisy, start=70)


@cases(
    "settings, words",
    ({"function": "hrp"}, "function of FunctionAllocation is 'hrp'. Give a function"),
    ({"window": 1}, "window of FunctionAllocation is 1"),
    ({"schedule": "hourly"}, "schedule of FunctionAllocation is 'hourly'. Use one of day"),
)
def test_other_settings_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        FunctionAllocation(**{"function": inverse_volatility} | settings)


def test_it_prints_its_function_by_name():
    expected = "FunctionAllocation(inverse_volatility, window=60, schedule='month')"
    assert repr(FunctionAllocation(inverse_volatility, 60)) == expected
