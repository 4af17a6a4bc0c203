"""The stationary bootstrap: which days are drawn, in which blocks, and from which part of a market."""

import re

import numpy as np
import pytest
from laws import agrees
from scipy.stats import chisquare
from simulated import world

from foundation.errors import ConfigError, DataError
from research.market import delist, load_market
from research.risk import StationaryBootstrap
from research.risk.simulation.resampling import chained, common_rows, resampled


def block_lengths(rows, first, stop):
    """Lengths of the runs in which rows (D,) go on by one, the last row leading to the first; the last run left out."""
    goes_on = (rows[1:] == rows[:-1] + 1) | ((rows[1:] == first) & (rows[:-1] == stop - 1))
    return np.diff(np.flatnonzero(np.append(True, ~goes_on)))


def test_all_lines_of_a_day_stay_together_and_so_do_the_days_of_a_block():
    rows = resampled(np.random.default_rng(0), np.full(400, 100), np.full(400, 600), (400, 1_000), block=25)
    assert rows.min() == 100
    assert rows.max() == 599
    goes_on = (np.diff(rows, axis=1) == 1) | ((rows[:, :-1] == 599) & (rows[:, 1:] == 100))
    assert 1.0 / (1.0 - goes_on.mean()) == pytest.approx(25 / (1 - 24 / 25 / 500), rel=0.02)
    counts = np.bincount(rows.ravel(), minlength=600)[100:]
    assert counts.std() / counts.mean() < 0.15  # every day as often as any other


def test_blocks_of_one_day_are_independent_draws():
    rows = resampled(np.random.default_rng(0), np.zeros(10, np.int64), np.full(10, 50), (10, 2_000), block=1)
    assert (np.diff(rows, axis=1) == 1).mean() == pytest.approx(1 / 50, abs=0.005)


def test_a_start_is_drawn_where_a_block_begins_and_nowhere_else():
    """The same numbers of the same generator, a world and a day at a time, in plain Python."""
    rows = resampled(np.random.default_rng(7), np.array([0, 10]), np.array([5, 100]), (2, 8), block=3)
    slow_rng = np.random.default_rng(7)
    for w, (first, stop) in enumerate([(0, 5), (10, 100)]):
        row = 0
        for t in range(8):
            if t == 0 or slow_rng.random() < 1 / 3:
                row = first + int(slow_rng.random() * (stop - first))
            else:
                row = first if row == stop - 1 else row + 1
            assert rows[w, t] == row


def test_a_block_goes_on_at_the_first_row_after_the_last():
    rows = chained(np.zeros((1, 12), bool), np.full((1, 12), 8), 7, 11)
    assert rows.tolist() == [[8, 9, 10, 7, 8, 9, 10, 7, 8, 9, 10, 7]]


@pytest.mark.parametrize("mean_block", [1.0, 2.5, 10.0])
def test_block_lengths_are_geometric_with_the_mean_that_was_asked(mean_block):
    model = StationaryBootstrap(world(days=401, n=2), mean_block)
    first, stop = model.span
    assert (first, stop) == (1, 401)
    lengths = np.concatenate([block_lengths(path, first, stop) for path in model.rows(40, 5_000, seed=1)])
    ends = (1 - 1 / 400) / mean_block  # a new block that happens to go on by one day cannot be told from the old
    assert lengths.mean() == pytest.approx(1 / ends, abs=4 * np.sqrt(1 - ends) / ends / np.sqrt(len(lengths)))
    kinds = np.arange(1, 4 * int(mean_block) + 2)
    found = np.array([*((lengths == k).sum() for k in kinds), (lengths > kinds[-1]).sum()])
    share = np.append(ends * (1 - ends) ** (kinds - 1), (1 - ends) ** kinds[-1])
    assert chisquare(found[share > 0], (share * len(lengths))[share > 0]).pvalue > 0.001


def test_every_day_is_as_likely_on_every_day_of_a_path():
    rows = StationaryBootstrap(world(days=21, n=1), 5.0).rows(20_000, 30, seed=2)
    for day in (0, 1, 29):
        assert chisquare(np.bincount(rows[:, day], minlength=21)[1:]).pvalue > 0.001


def test_paths_vary_as_much_as_the_closed_form_says():
    # Politis and Romano (1994), lemma 1: var(√N·mean) = C(0) + 2·sum over i of (1 - i/N)(1 - p)^i·C(i), where C are the
    # autocovariances on the circle of the N days drawn from
    market = world(days=301, n=1)
    market = type(market)(
        market.dates, market.assets, np.convolve(market.returns[:, 0], np.ones(8) / 8, "same")[:, None],
        market.tradable, market.cash, market.instruments, market.prices, calendar="24/7",
    )  # fmt: skip
    x = market.returns[1:, 0]
    n, p = len(x), 1 / 12
    c = np.array([np.mean((x - x.mean()) * (np.roll(x, -i) - x.mean())) for i in range(n)])
    lags = np.arange(1, n)
    expected = c[0] + 2 * ((1 - lags / n) * (1 - p) ** lags * c[1:]).sum()
    means = StationaryBootstrap(market, 12.0).returns(20_000, n, seed=3).mean(axis=1)[:, 0]
    agrees(means, x.mean())
    agrees(n * (means - x.mean()) ** 2, expected, sharp=0.011)
    assert expected > 4 * c[0]  # independent days would give c[0]


def test_lines_of_a_day_stay_together():
    market = world(days=100, n=3)
    model = StationaryBootstrap(market, 5.0)
    rows = model.rows(3, 40, seed=1)
    np.testing.assert_array_equal(model.returns(3, 40, seed=1), market.returns[rows])
    assert rows.min() >= 1  # nothing is earned at the first close


def test_days_come_from_between_the_last_listing_and_the_first_exit():
    market = load_market("stocks_with_exit")
    first, stop = StationaryBootstrap(market, 20).span
    assert market.listed[first - 1 : stop].all()
    assert not market.listed[first - 2].all() if first > 1 else True
    assert stop == min(market.exits)
    rows = StationaryBootstrap(market, 20).rows(50, 500, seed=0)
    assert rows.min() >= first
    assert rows.max() < stop


def test_lines_that_were_never_listed_together_have_no_rows_and_are_refused():
    market = world(days=50, n=2)
    tradable, returns = market.tradable.copy(), market.returns.copy()
    tradable[:40, 1], returns[:40, 1] = False, 0.0
    tradable[20:, 0], returns[20:, 0] = False, 0.0
    late = type(market)(
        market.dates, market.assets, returns, tradable, market.cash, market.instruments, market.prices, calendar="24/7"
    )
    gone = delist(late, "A", market.dates[30], 0.0)
    assert common_rows(gone, np.ones(2, bool)) == (51, 50)
    assert common_rows(gone, np.array([True, False])) == (1, 30)
    with pytest.raises(DataError, match="has 0 days with returns of all its assets, and a bootstrap draws from two"):
        StationaryBootstrap(gone, 2)


@pytest.mark.parametrize("mean_block", [0.5, 0, 100.5, np.nan, "5", None])
def test_a_mean_block_out_of_range_is_refused(mean_block):
    message = f"mean_block of StationaryBootstrap is {mean_block!r}: give a number of days from 1 to 99"
    with pytest.raises(ConfigError, match=re.escape(message)):
        StationaryBootstrap(world(days=100), mean_block)
