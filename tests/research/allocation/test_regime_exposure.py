"""Less of a portfolio the more probable turbulence is, by what is known on the day."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from research.allocation import FixedWeights, InverseVolatility, RegimeExposure
from research.errors import ConfigError, PolicyError
from research.forecast import Regimes
from research.market import Market

HELD = FixedWeights((0.6, 0.3))
# Stays that sum to one: each day is judged by itself, half of them turbulent, four times as volatile.
BY_ITSELF = Regimes("A01", (0.0, 0.0), (0.01, 0.04), (0.5, 0.5), pd.Timestamp("2018-01-02"))


def test_it_holds_the_probability_of_calm_times_the_other_target(make_market: Callable[..., Market]) -> None:
    """A move of z = 4 deviations of a calm day is exp(-8), or exp(-1/2) / 4 on a turbulent one; none is 1, or 1/4."""
    past = make_market([[0.0, 0.0], [0.0, 0.0], [0.0, 0.04]]).past
    calm = [1.0 / 1.25, np.exp(-8.0) / (np.exp(-8.0) + np.exp(-0.5) / 4.0)]
    exposure = RegimeExposure(HELD, BY_ITSELF)
    assert exposure.target(past(1)) == pytest.approx([0.6 * calm[0], 0.3 * calm[0]], rel=1e-12)
    assert exposure.target(past(2)) == pytest.approx([0.6 * calm[1], 0.3 * calm[1]], rel=1e-12)
    assert RegimeExposure(InverseVolatility(window=10), BY_ITSELF, "month").window == 10


def test_it_is_not_asked_about_days_that_its_regimes_have_seen(make_market: Callable[..., Market]) -> None:
    market = make_market(np.zeros((5, 2)))
    seen = Regimes("A01", (0.0, 0.0), (0.01, 0.04), (0.5, 0.5), market.dates[3])
    assert RegimeExposure(HELD, seen).target(market.past(3)).shape == (2,)
    with pytest.raises(PolicyError, match="regimes of A01 were fitted on days up to 2018-01-05"):
        RegimeExposure(HELD, seen).target(market.past(2))


def test_a_schedule_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="schedule of RegimeExposure is 'listing'"):
        RegimeExposure(HELD, BY_ITSELF, "listing")  # type: ignore[arg-type]
