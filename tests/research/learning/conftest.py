"""Training days that the tests of this room share: the eight real assets of the main job."""

import numpy as np
import pytest

from research.accounting import Costs
from research.allocation import FixedWeights
from research.learning import Learned, PPOSettings
from research.learning.worlds.rollouts import measure_scaling
from research.learning.worlds.training_days import TrainingDays, training_days
from research.market import Market, load_market
from research.rules.networks.features import FeatureScaling

WEIGHTS = {"SPY": 0.25, "QQQ": 0.08, "VEA": 0.16, "VWO": 0.08, "VNQ": 0.07, "AGG": 0.27, "GLD": 0.07, "BTC": 0.02}
COSTS_BPS = [2.0, 2.0, 3.0, 4.0, 4.0, 2.0, 3.0, 20.0]
QUICK = PPOSettings(worlds=32, rollout=8, batch=64, epochs=2, hidden=8)


@pytest.fixture(scope="session")
def real() -> Market:
    """The eight assets of the main job up to the last day of 2014; BTC is listed on 2013-04-29."""
    return load_market("multi_asset_daily").select(list(WEIGHTS)).until("2014-12-31")


@pytest.fixture(scope="session")
def costs() -> Costs:
    return Costs.bps(8, commission=np.array(COSTS_BPS) / 2, half_spread=np.array(COSTS_BPS) / 2)


@pytest.fixture(scope="session")
def spec() -> Learned:
    return Learned(FixedWeights(WEIGHTS), steps=1_000, seeds=(1, 2, 3), episode=26, learner="ppo", ppo=QUICK)


@pytest.fixture(scope="session")
def days(spec: Learned, real: Market, costs: Costs) -> TrainingDays:
    return training_days(spec, real, costs, tracking_penalty=5.0, periods_per_year=252)


@pytest.fixture(scope="session")
def standard(days: TrainingDays, spec: Learned) -> FeatureScaling:
    return measure_scaling(days, spec)[0]
