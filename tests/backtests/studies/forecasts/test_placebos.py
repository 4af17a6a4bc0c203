"""Placebos keep the sum, the ranges and the risk of a forecast's tilts, and know nothing of the day."""

import numpy as np
import pytest

from backtests.studies.forecasts.placebos import Tilts, placebos
from foundation.errors import DataError

DAYS, N = 40, 5


def tilts(reach: float) -> Tilts:
    """Tilts of a risk of 2 % a year, in ranges of `reach` on either side; the last asset has no forecast."""
    rng = np.random.default_rng(0)
    root = rng.normal(0.0, 0.1, (DAYS, N, N))
    covariance = root @ root.transpose(0, 2, 1)
    covariance[:, -1], covariance[:, :, -1] = 0.0, 0.0
    weights = rng.normal(0.0, 1.0, (DAYS, N))
    weights[:, -1] = 0.0
    weights[:, :-1] -= weights[:, :-1].mean(axis=1, keepdims=True)
    weights *= (0.02 / np.sqrt(np.einsum("ki,kij,kj->k", weights, covariance, weights)))[:, None]
    ends = np.full((DAYS, N), reach)
    ends[:, -1] = 0.0
    return Tilts(weights, covariance, -ends, ends)


@pytest.mark.parametrize("reach", [10.0, 0.08])
def test_placebos_keep_the_sum_and_the_ranges_and_have_no_more_risk(reach: float) -> None:
    given = tilts(reach)
    found = placebos(given, 50, 2)
    assert found.shape == (50, DAYS, N)
    np.testing.assert_allclose(found.sum(axis=2), 0.0, atol=1e-12)
    assert (np.abs(found) <= given.upper + 1e-12).all()
    risk = given.risk(found)
    assert risk.max() <= 0.02 + 1e-12
    if reach > 1.0:
        np.testing.assert_allclose(risk, 0.02, rtol=1e-9)


def test_a_placebo_has_the_tilt_of_another_day_and_other_signs_in_units_of_volatility() -> None:
    """Two assets of one volatility: a tilt of another day keeps its size, and only its sign is free."""
    k = np.arange(1.0, 31.0)
    weights = np.column_stack([k, -k, np.zeros(30)]) / 1e3
    covariance = np.broadcast_to(np.diag([0.04, 0.04, 0.01]), (30, 3, 3))
    given = Tilts(weights, covariance, np.full((30, 3), -9.0), np.full((30, 3), 9.0))
    found = placebos(given, 400, 3)
    np.testing.assert_allclose(given.risk(found), np.broadcast_to(given.risk(weights), (400, 30)), rtol=1e-9)
    same = (np.abs(found[:, :, 0] - weights[:, 0]) < 1e-12).all(axis=1)
    turned = (np.abs(found[:, :, 0] + weights[:, 0]) < 1e-12).all(axis=1)
    assert 0.15 < same.mean() < 0.35  # one sign of four; where both turn alike the third asset takes the rest
    assert 0.15 < turned.mean() < 0.35


def test_placebos_of_a_seed_are_the_same_and_too_few_days_are_refused() -> None:
    given = tilts(1.0)
    np.testing.assert_array_equal(placebos(given, 3, 2, seed=5), placebos(given, 3, 2, seed=5))
    with pytest.raises(DataError, match="40 days with tilts are too few to move by 20"):
        placebos(given, 3, 20)
