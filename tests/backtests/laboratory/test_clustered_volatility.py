"""One variance that scales gaps and tracking error alike leaves constant bands best; costs that move do not.

Of a gap dd = b s_t dW with costs c and a penalty of g/2 s_t^2 d^2 a year, time in units of s_t^2 makes a problem
without s_t: the half-width h^3 = 3 c b^2 / (2 g) has no volatility in it, and costs in proportion to s_t put
s_t^(1/3) into it.
"""

import numpy as np
import pytest

from benchmarks import clustered_volatility
from benchmarks.clustered_volatility import BAND, CONSTANT, COST, ONE, breathing, measured
from research.risk.simulation.models import Garch
from research.rules.optimum.one_asset import best_half_width

LAW = Garch(np.array(ONE.mean), ONE.covariance, np.array([0.10]), np.array([0.88]), 252)


@pytest.fixture
def _one_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed form's width for all bands, on the mean variance."""
    width = best_half_width(0.6, COST, ONE.tracking_penalty, sigma=0.16, interval=1 / 252)
    monkeypatch.setattr(clustered_volatility, "FACTORS", (width / BAND,))
    monkeypatch.setattr(clustered_volatility, "TRAINING", 1)


def over_constant(grow: float) -> dict[str, float]:
    """J of bands by the power of volatility that they breathe with, over that of constant bands."""
    found = {name: float(loss.mean()) for name, (loss, _) in measured(LAW, breathing(LAW), grow, 20).items()}
    return {name.rpartition("^")[2]: loss / found[CONSTANT] for name, loss in found.items()}


@pytest.mark.usefixtures("_one_width")
def test_at_constant_costs_no_power_of_volatility_beats_a_constant_band() -> None:
    over = over_constant(0.0)
    assert min(over.values()) >= 0.995
    assert over["0.67"] >= 1.02
    assert over["1.00"] >= 1.05


@pytest.mark.usefixtures("_one_width")
def test_bands_breathe_where_costs_do() -> None:
    over = over_constant(1.0)
    assert over["0.33"] <= 0.99
    assert over["-0.33"] >= 1.02
