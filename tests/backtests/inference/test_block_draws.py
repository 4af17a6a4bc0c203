"""Draws of blocks by prefix sums: a plain loop over days, exact sums, and the moments of Politis and Romano."""

import math

import numpy as np
import pytest
from drawn_rows import rows_of

from backtests.inference import block_draws
from foundation.errors import ConfigError, DataError

FEW = block_draws.Resampling(reps=500, seed=3)


@pytest.mark.parametrize("block", [1, 2, 7, 20, 200])
def test_draws_are_those_of_a_plain_loop(block: int) -> None:
    settings = block_draws.Resampling(block=block, reps=100, seed=11)
    counts = block_draws.drawn_means(np.eye(400), settings) * 400
    plain = np.array([np.bincount(rows, minlength=400) for rows in rows_of(400, settings)])
    assert np.rint(counts) == pytest.approx(counts, abs=1e-9)
    assert (np.rint(counts) == plain).all()


def test_sums_of_blocks_are_exact_to_twelve_digits() -> None:
    """Against exact sums of the drawn days: wild sizes, a trend, and a mean a million times the deviation."""
    days, settings = 8_313, block_draws.Resampling(reps=100, seed=5)
    rng = np.random.default_rng(0)
    columns = np.column_stack(
        [
            rng.standard_normal(days), rng.standard_exponential(days) * np.exp(3.0 * rng.standard_normal(days)),
            1e6 + rng.standard_normal(days), np.linspace(-1.0, 2.0, days), rng.standard_normal(days) ** 2 * 1e-8,
        ]
    )  # fmt: skip
    found = block_draws.drawn_means(columns, settings)
    for r, rows in enumerate(rows_of(days, settings)):
        for c in range(columns.shape[1]):
            drawn = columns[rows, c]
            exact, size = math.fsum(drawn) / days, math.fsum(np.abs(drawn)) / days
            assert abs(found[r, c] - exact) <= 1e-12 * size, (r, c)


def test_a_day_that_dwarfs_all_others_costs_digits_of_its_own_size_only() -> None:
    """1e9 among ones: where it is not drawn the mean is 1, to 1e-12 of the mean over the history."""
    column = np.where(np.arange(8_313) == 77, 1e9, 1.0)
    found = block_draws.drawn_means(column[:, None], block_draws.Resampling(reps=100, seed=5))[:, 0]
    without = found[found < 2.0]
    assert len(without) > 20
    assert np.abs(without - 1.0).max() <= 1e-12 * column.mean()


def test_another_column_changes_no_bit() -> None:
    columns = np.random.default_rng(1).standard_normal((300, 9)) + 0.3
    whole = block_draws.drawn_means(columns, FEW)
    for chosen in ([4], [8, 0], [3, 2, 1, 0, 7]):
        assert (block_draws.drawn_means(columns[:, chosen], FEW) == whole[:, chosen]).all()


def test_the_first_draws_of_many_are_those_of_few() -> None:
    columns = np.random.default_rng(1).standard_normal((300, 2))
    many = block_draws.drawn_means(columns, block_draws.Resampling(reps=1_000, seed=3))
    assert (many[:500] == block_draws.drawn_means(columns, FEW)).all()
    assert (block_draws.drawn_means(columns, block_draws.Resampling(reps=500, seed=4)) != many[:500]).any()


def test_a_draw_is_pinned_to_the_bit() -> None:
    """Nothing but additions, products and numpy's PCG64 are in a draw: any machine has these bits."""
    columns = (np.arange(60.0) ** 2 % 17.0)[:, None] / 16.0
    found = block_draws.drawn_means(columns, block_draws.Resampling(block=5, reps=100, seed=9))[[0, 1, 99], 0]
    assert [float(x).hex() for x in found] == ["0x1.ccccccccccccdp-2", "0x1.eeeeeeeeeeeefp-2", "0x1.1c44444444444p-1"]


def test_lengths_have_the_geometric_distribution() -> None:
    longer, guide = block_draws.geometric_lengths(20, 8_313)
    u = (np.arange(200_000) + 0.5) / 200_000
    lengths = np.array([block_draws.length_of(x, longer, guide) for x in u])
    assert lengths.mean() == pytest.approx(20.0, rel=1e-3)
    assert lengths.std() == pytest.approx(math.sqrt(20.0 * 19.0), rel=5e-3)
    assert (lengths == np.maximum(np.ceil(np.log(u) / np.log1p(-1 / 20)).astype(int), 1)).all()


def test_equal_lengths_are_equal() -> None:
    longer, guide = block_draws.equal_lengths(7)
    assert {block_draws.length_of(u, longer, guide) for u in np.linspace(0.0, 0.999, 50)} == {7}


def test_the_means_are_those_of_arch() -> None:
    """Another generator, the same law: means and deviations of the draws within four of their standard errors."""
    from arch.bootstrap import StationaryBootstrap

    rng = np.random.default_rng(2)
    x = np.convolve(rng.standard_normal(419), np.ones(20), "valid")[:, None] * [1.0, 0.2] + rng.standard_normal(
        (400, 2)
    )
    ours = block_draws.drawn_means(x, block_draws.Resampling(block=10, reps=20_000, seed=1))
    theirs = StationaryBootstrap(10, x, seed=2).apply(lambda drawn: drawn.mean(axis=0), 4_000)
    for column in (0, 1):
        spread = theirs[:, column].std()
        assert abs(ours[:, column].mean() - theirs[:, column].mean()) < 4.0 * spread * math.sqrt(1 / 20_000 + 1 / 4_000)
        assert ours[:, column].std() == pytest.approx(spread, rel=4.0 * math.sqrt(0.5 / 4_000 + 0.5 / 20_000))


def test_the_draws_have_the_variance_of_politis_and_romano() -> None:
    """Given the data: (c0 + 2 sum (1 - i/T) (1 - 1/block)^i c_i) / T with circular autocovariances (1994, Lemma 1)."""
    days, block = 300, 10
    rng, x = np.random.default_rng(5), np.zeros(days)
    for t in range(1, days):
        x[t] = 0.6 * x[t - 1] + rng.standard_normal()
    x -= x.mean()
    lags = np.arange(days)
    circular = np.array([x @ np.roll(x, -i) for i in lags]) / days
    exact = np.where(lags == 0, 1.0, 2.0 * (1 - lags / days) * (1 - 1 / block) ** lags) @ circular / days
    drawn = block_draws.drawn_means(x[:, None], block_draws.Resampling(block=block, reps=10_000, seed=1))
    assert np.mean(drawn**2) == pytest.approx(exact, rel=0.05)  # 10,000 draws know a variance to 1.4 %
    assert exact > 2.0 * circular[0] / days  # and days that hang together are not taken for independent ones


@pytest.mark.parametrize(("rows", "a_year"), [(96, 12.0), (156, 52.0)])
def test_intervals_of_months_and_weeks_cover_nearly_as_often_as_of_days(rows: int, a_year: float) -> None:
    """In blocks of twenty months they held the mean of independent months in 85 of 100 tests."""
    drawn = block_draws.drawn_means(
        np.random.default_rng(5).standard_normal((rows, 2_000)), block_draws.Resampling.of_rows(a_year, 1_000)
    )
    lower, upper = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert np.mean((lower <= 0.0) & (upper >= 0.0)) == pytest.approx(0.94, abs=0.015)


def test_prefix_sums_go_round_the_history() -> None:
    prefix, centre = block_draws.prefix_sums(np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]]))
    assert centre.tolist() == [3.0, 5.0]
    assert prefix[:, 0].tolist() == [0.0, -2.0, -3.0, 0.0, -2.0, -3.0, 0.0]
    assert not prefix[:, 1].any()


def test_too_few_days_and_senseless_settings_are_refused() -> None:
    with pytest.raises(DataError, match="39 days are too few"):
        block_draws.drawn_means(np.ones((39, 1)))
    for settings in ({"block": 0}, {"reps": 99}, {"reps": 1_000_001}):
        with pytest.raises(ConfigError, match="of a bootstrap is"):
            block_draws.Resampling(**settings)
