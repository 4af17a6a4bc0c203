"""Less of a portfolio the more probable turbulence is, by what is known on the day."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from simulated import world

from foundation.errors import ConfigError, DataError, PolicyError
from research.allocation import FixedWeights, InverseVolatility, RegimeExposure
from research.forecast import MarkovRegimes, MarkovSwitching
from research.market import Market, Past

HELD = FixedWeights((0.6, 0.3))
# Each day is judged by itself, half of them turbulent, four times as volatile.
BY_ITSELF = MarkovRegimes("A01", (0.0, 0.0), (0.01, 0.04), ((0.5, 0.5), (0.5, 0.5)), pd.Timestamp("2018-01-02"))


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
    seen = MarkovRegimes("A01", (0.0, 0.0), (0.01, 0.04), ((0.5, 0.5), (0.5, 0.5)), market.dates[3])
    assert RegimeExposure(HELD, seen).target(market.past(3)).shape == (2,)
    with pytest.raises(PolicyError, match="regimes of A01 were fitted on days up to 2018-01-05"):
        RegimeExposure(HELD, seen).target(market.past(2))


def test_each_regime_has_its_exposure_and_what_is_held_is_their_mean(make_market: Callable[..., Market]) -> None:
    past = make_market([[0.0, 0.0], [0.0, 0.0], [0.0, 0.04]]).past(1)  # calm with a probability of four fifths
    target = RegimeExposure(HELD, BY_ITSELF, exposures=(0.9, 0.4)).target(past)
    assert target == pytest.approx([0.6 * 0.8, 0.3 * 0.8], rel=1e-12)
    with pytest.raises(ConfigError, match=r"exposures of RegimeExposure are 3, and A01 has 2 regimes \(calm, t"):
        RegimeExposure(HELD, BY_ITSELF, exposures=(1.0, 0.5, 0.0)).target(past)
    with pytest.raises(ConfigError, match=r"exposures of RegimeExposure are \(1.5, 0.0\)"):
        RegimeExposure(HELD, BY_ITSELF, exposures=(1.5, 0.0))


def test_regimes_may_be_refitted_and_a_failed_fit_is_told_with_the_answer() -> None:
    """A fit after row 700 fails: the one of the year before stays in force."""
    moves = np.random.default_rng(0).normal(0.0, 0.01, (800, 2)) * np.repeat([1.0, 3.0], 400)[:, None]
    market = world(days=800, n=2)
    market = Market(
        market.dates, market.assets, moves, market.tradable, market.cash, market.instruments, market.prices,
        calendar=market.calendar,
    )  # fmt: skip
    exposure = RegimeExposure(HELD, FailsLater("A"))
    assert exposure.window == 250
    assert exposure.answer(market.past(300)).notes == ()
    said = exposure.answer(market.past(799))
    assert said.notes[0].startswith("the regimes of A are those of 20")
    assert said.notes[0].endswith("a later fit failed, the search ends nowhere")
    assert 0.0 <= said.weights[0] <= 0.6


@dataclass(frozen=True)
class FailsLater(MarkovSwitching):
    def fit(self, past: Past) -> MarkovRegimes:
        if past.t > 700:
            raise DataError("the search ends nowhere")
        return super().fit(past)


def test_a_schedule_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="schedule of RegimeExposure is 'listing'"):
        RegimeExposure(HELD, BY_ITSELF, "listing")  # type: ignore[arg-type]
