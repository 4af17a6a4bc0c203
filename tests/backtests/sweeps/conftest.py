"""A setup of three assets in a simulated market, and axes that make every kind of no-trade bands on it."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import world

from backtests.sweeps import Axes, Choices, Setup, Strategic, threshold
from research.accounting import Costs, Execution
from research.allocation import HRP, FixedWeights
from research.rules import Calendar, Never

FIRST = "2020-03-02"


@pytest.fixture(scope="session")
def setup() -> Setup:
    """A small one."""
    costs = Costs.bps(3, commission=[1, 5, 10], half_spread=2)
    return Setup.on(world(300, 3, seed=3), costs, FixedWeights((0.5, 0.3, 0.1)), FIRST, name="small")


@pytest.fixture(scope="session")
def lots(setup: Setup) -> Setup:
    """The same, traded in whole units: what Python plays, each configuration by itself."""
    market = replace(setup.market, prices=50.0 * setup.market.index)
    return replace(setup, name="lots", market=market, nav=1e5, execution=Execution(sizing="units"))


@pytest.fixture(scope="session")
def axes() -> Axes:
    """144 configurations: four policies on three allocations, at two cost levels, two lags and three starts."""
    return Axes(
        rules=(Choices(Never), Choices(Calendar, schedule="month"), Choices(threshold, band=0.01, to=(0.0, 0.5))),
        allocations=(Choices(Strategic), Choices(HRP, window=(20, 40))),
        cost_multiples=(1.0, 4.0),
        lags=(0, 2),
        starts=(FIRST, "2020-03-17", "2020-06-01"),
    )


def same_bits(one: object, other: object) -> bool:
    """Are two arrays the same to the last bit?"""
    a, b = np.asarray(one), np.asarray(other)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.fixture(scope="session")
def equal_bits() -> object:
    return same_bits
