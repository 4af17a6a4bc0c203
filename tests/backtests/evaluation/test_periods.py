"""The best and the worst periods are those of pandas, and one by hand."""

import numpy as np
import pandas as pd
import pytest

from backtests.evaluation.periods import extremes
from foundation.errors import DataError


def test_by_hand() -> None:
    days = np.array(["2020-03-30", "2020-03-31", "2020-04-01", "2020-04-02"], dtype="datetime64[D]")
    found = extremes(days, np.array([0.10, -0.20, 0.05]))
    assert (found["day"].worst.period, found["day"].worst.value) == ("2020-04-01", -0.2)
    assert (found["day"].count, found["day"].gains) == (3, pytest.approx(2 / 3))
    assert (found["month"].best.period, found["month"].best.incomplete) == ("2020-03", True)  # opened within it
    assert found["month"].worst.value == pytest.approx(0.8 * 1.05 - 1.0, rel=1e-14)
    assert [found["quarter"].best.period, found["quarter"].worst.period] == ["2020-Q1", "2020-Q2"]
    assert found["year"].best == found["year"].worst
    assert found["year"].best.incomplete


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_pandas(seed) -> None:
    dates = pd.bdate_range("2014-12-31", "2021-12-31")
    returns = pd.Series(np.random.default_rng(seed).normal(0.0003, 0.01, len(dates) - 1), dates[1:])
    found = extremes(dates.to_numpy(), returns.to_numpy())
    for name, rule in {"month": "M", "quarter": "Q", "year": "Y"}.items():
        periods = returns.index.to_period(rule)
        expected = (1.0 + returns).groupby(periods).prod() - 1.0
        best, worst = found[name].best, found[name].worst
        assert best.value == pytest.approx(expected.max(), rel=1e-12)
        assert worst.value == pytest.approx(expected.min(), rel=1e-12)
        assert best.period.replace("-Q", "Q") == str(expected.idxmax())
        assert worst.period.replace("-Q", "Q") == str(expected.idxmin())
        assert found[name].gains == pytest.approx((expected > 0.0).mean())
        assert not best.incomplete
        assert not worst.incomplete
    assert found["day"].best.period == f"{returns.idxmax():%Y-%m-%d}"


def test_a_loss_of_everything_does_not_compound() -> None:
    days = np.array(["2020-03-30", "2020-03-31"], dtype="datetime64[D]")
    with pytest.raises(DataError, match="loss of everything"):
        extremes(days, np.array([-1.0]))
