"""Placebos keep the sum, the ranges and the risk of a forecast's tilts, and know nothing of the day."""

import numpy as np
import pytest

from backtests.studies.forecasts.placebos import Tilts, placebos, share_alike
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


def constant(*weights: float) -> Tilts:
    """A tilt that lasts, of assets with a volatility of 20 % each, without correlation."""
    n = len(weights)
    covariance, ends = np.broadcast_to(0.04 * np.eye(n), (DAYS, n, n)), np.full((DAYS, n), 9.0)
    return Tilts(np.tile(weights, (DAYS, 1)), covariance, -ends, ends)


def test_of_two_assets_both_signs_turn_and_no_placebo_lacks_risk() -> None:
    for given in (constant(0.1, -0.1), constant(0.1, -0.1, 0.0)):
        ends = given.upper * (given.weights != 0.0)
        given = Tilts(given.weights, given.covariance, -ends, ends)
        found = placebos(given, 400, 2)
        np.testing.assert_allclose(
            given.risk(found), np.broadcast_to(given.risk(given.weights), (400, DAYS)), rtol=1e-9
        )
        assert 0.4 < (found[:, 0, 0] > 0.0).mean() < 0.6


def test_a_lasting_tilt_of_few_assets_is_among_its_placebos() -> None:
    """With two assets in one of two, with n independent signs in one of 2ⁿ; a tilt that changes its sign is not."""
    two, three = constant(0.1, -0.1), constant(0.1, 0.2, -0.3)
    six = constant(0.1, 0.1, -0.2, 0.15, -0.3, 0.15)
    found = [share_alike(given, placebos(given, 800, 2)) for given in (two, three, six)]
    assert found == pytest.approx([1 / 2, 1 / 8, 1 / 64], abs=0.05)
    turning = Tilts(two.weights * np.where(np.arange(DAYS) % 7 < 3, 1.0, -1.0)[:, None], two.covariance, two.lower,
                    two.upper)  # fmt: skip
    assert share_alike(turning, placebos(turning, 800, 2)) == 0.0


def test_placebos_of_a_seed_are_the_same_and_too_few_days_are_refused() -> None:
    given = tilts(1.0)
    np.testing.assert_array_equal(placebos(given, 3, 2, seed=5), placebos(given, 3, 2, seed=5))
    with pytest.raises(DataError, match="40 days with tilts are too few to move by 20"):
        placebos(given, 3, 20)
