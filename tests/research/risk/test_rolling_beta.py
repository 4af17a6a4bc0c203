"""Rolling beta: statsmodels' regressions of each window, numpy's slopes, and closed forms."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.rolling import RollingOLS

from foundation.errors import ConfigError, DataError
from research.risk import beta
from research.risk.rolling_beta import rolling_beta


@pytest.fixture(scope="module")
def series() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    other = rng.standard_t(4, size=900) * 0.008
    own = np.linspace(0.2, 1.4, 900) * other + rng.normal(0.0001, 0.004, size=900)
    return own, other, np.full(900, 0.0001)


def test_each_window_is_the_regression_of_statsmodels(series) -> None:
    own, other, cash = series
    x = pd.DataFrame({"constant": 1.0, "benchmark": other - cash})
    expected = RollingOLS(own - cash, x, window=252).fit().params["benchmark"].to_numpy()[251:]
    assert rolling_beta(own, other, cash, 252) == pytest.approx(expected, rel=1e-9)


def test_each_window_is_the_beta_of_the_whole(series) -> None:
    own, other, cash = series
    found = rolling_beta(own, other, cash, 60)
    for row in (0, 17, len(found) - 1):
        window = slice(row, row + 60)
        assert found[row] == pytest.approx(beta(own[window], other[window], cash[window]), rel=1e-12)
        assert found[row] == pytest.approx(np.polyfit(other[window], own[window], 1)[0], rel=1e-9)  # cash is constant


def test_a_leveraged_benchmark_has_its_leverage(series) -> None:
    _, other, cash = series
    assert rolling_beta(cash + 1.5 * (other - cash), other, cash, 30) == pytest.approx(1.5, rel=1e-12)


def test_what_has_no_beta_is_refused() -> None:
    still = [0.01] * 5
    with pytest.raises(DataError, match=r"gains 0\.01 on cash in all 3 periods up to row 2"):
        rolling_beta([0.0, 0.01, 0.02, 0.0, 0.01], still, [0.0] * 5, 3)
    with pytest.raises(DataError, match="needs as many: found 5"):
        rolling_beta(still, still, [0.0] * 5, 6)
    with pytest.raises(DataError, match="has 4 observations and cash 5"):
        rolling_beta(still, still[:4], [0.0] * 5, 3)
    with pytest.raises(ConfigError, match="two returns or more: found 1"):
        rolling_beta(still, still, [0.0] * 5, 1)
