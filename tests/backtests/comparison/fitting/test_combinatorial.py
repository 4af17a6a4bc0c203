"""Combinatorial splits: their blocks, what each split trains on, and the paths that the tested blocks make up."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from simulated import world

from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from backtests.comparison.fitting.combinatorial import Combinatorial, _splits, combinatorial
from backtests.comparison.fitting.tuning import with_last_day
from backtests.evaluation.benchmark import losses
from backtests.sweeps import Choices, threshold
from foundation.errors import ConfigError
from research.accounting import Execution
from research.learning import Learned
from research.portfolio import Portfolio
from research.rules import Calendar, Threshold


@pytest.fixture(scope="module")
def found(portfolio: Portfolio) -> Combinatorial:
    return combinatorial(portfolio, "tuned")


# -- splits ------------------------------------------------------------------------------------------------------------


def test_six_blocks_of_which_two_are_tested_make_fifteen_splits_and_five_paths(found: Combinatorial) -> None:
    """By hand: pairs 12 13 14 15 16 23 24 25 26 34 35 36 45 46 56; each block is tested five times."""
    assert found.splits["tested"].tolist() == [f"{a}, {b}" for a, b in combinations(range(1, 7), 2)]
    assert len(found.paths) == len(found.losses) == len(found.returns) == 5
    assert found.trials == 40


def test_the_days_that_a_split_trains_on_are_by_hand() -> None:
    """Twenty-four days in six blocks of four; a purge of one day, and an embargo of one."""
    trained, number, ends = _splits(24, 6, 2, 1, 1)
    # tested are 4 to 7 and 16 to 19; one is left out before each, two after
    assert trained[list(combinations(range(6), 2)).index((1, 4))].tolist() == [0, 1, 2, 10, 11, 12, 13, 14, 22, 23]
    assert (ends.tolist(), number.shape) == ([4, 8, 12, 16, 20, 24], (6, 5))
    assert number[0].tolist() == [0, 1, 2, 3, 4]  # block 1 is tested in the first five pairs
    assert number[1].tolist() == [0, 5, 6, 7, 8]


@pytest.mark.parametrize(("blocks", "tested", "purge", "embargo"), [(6, 2, 3, 5), (7, 3, 0, 0), (5, 4, 2, 0)])
def test_training_days_are_those_that_plain_loops_leave(blocks: int, tested: int, purge: int, embargo: int) -> None:
    count = 103
    trained, number, ends = _splits(count, blocks, tested, purge, embargo)
    length = count // blocks
    of = [min(t // length, blocks - 1) for t in range(count)]
    for rows, pair in zip(trained, combinations(range(blocks), tested), strict=True):
        left = []
        for t in range(count):
            near = any(of[s] in pair for s in range(t, min(t + purge, count - 1) + 1))
            after = any(of[s] in pair for s in range(max(t - purge - embargo, 0), t + 1))
            if not near and not after:
                left.append(t)
        assert rows.tolist() == left
    for block in range(blocks):  # every path has each block once, from a split that tests it
        assert all(block in list(combinations(range(blocks), tested))[s] for s in number[block])
    assert len(ends) == blocks


# -- what is chosen, and what is read --------------------------------------------------------------------------------


def test_a_tested_block_is_a_backtest_of_the_chosen_setting_from_the_block_s_own_start(
    portfolio: Portfolio, found: Combinatorial
) -> None:
    """The last block of the first split that tests it, played by the plain comparison from its first day on."""
    start, first = found.starts[-1], len(found.days) - (found.days >= found.starts[-1]).sum()
    split = found.splits[found.splits["tested"].str.endswith("6")].iloc[0]
    band, to = (float(word.split("=")[1]) for word in split["chosen"].split(", "))
    alone = replace(portfolio, test_start=start)
    played = backtest_candidate(alone, threshold(portfolio.strategic, band, to), "alone")
    daily = losses(played, benchmark_of(alone, portfolio.market))
    np.testing.assert_allclose(found.losses[0][first:], daily, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.returns[0][first:], played.net_returns, rtol=1e-9, atol=1e-14)


def test_a_setting_is_chosen_by_the_days_that_its_split_trains_on(portfolio: Portfolio) -> None:
    """Three of four blocks are tested: the one left is a plain test, of which the lowest J is chosen."""
    grid = Choices(threshold, band=(0.005, 0.05), to=(0.0, 1.0))
    found = combinatorial(portfolio, "grid", blocks=4, tested=3, purge=0, embargo=0, spec=grid)
    rules = [threshold(portfolio.strategic, **settings) for settings in grid.combinations()]
    words = [", ".join(f"{k}={v}" for k, v in settings.items()) for settings in grid.combinations()]
    ends = [*found.starts[1:], found.days[-1] + pd.Timedelta(days=1)]
    for split, left in zip(found.splits.itertuples(), (4, 3, 2, 1), strict=True):  # trained on one block alone
        start, stop = found.starts[left - 1], ends[left - 1]
        market = portfolio.market.until(stop - pd.Timedelta(days=1))
        alone = replace(portfolio, market=market, test_start=start)
        by_rule = [losses(backtest_candidate(alone, r, "r"), benchmark_of(alone, market)).mean() for r in rules]
        assert split.chosen == words[int(np.argmin(by_rule))]
        assert split.loss_training == pytest.approx(min(by_rule), rel=1e-9)


def test_paths_and_splits_tell_of_the_same_days(found: Combinatorial) -> None:
    """Every tested block stands once in a path and once in a split: their means over all agree."""
    lengths = np.diff([*np.searchsorted(found.days, pd.DatetimeIndex(found.starts)), len(found.days)])
    in_splits = sum(
        row.loss * sum(lengths[int(b) - 1] for b in row.tested.split(", ")) for row in found.splits.itertuples()
    )
    assert in_splits == pytest.approx(found.losses.sum(), rel=1e-12)
    np.testing.assert_allclose(found.paths["loss"], found.losses.mean(axis=1))


def test_the_summary_and_its_words(found: Combinatorial) -> None:
    table = found.summary()
    assert table.loc["loss", "mean"] == pytest.approx(found.paths["loss"].mean())
    assert table.loc["sharpe", "highest"] == found.paths["sharpe"].max()
    shown = repr(found)
    assert "tuned, combinatorial: 5 paths through 6 blocks" in shown
    assert "evidence" in shown
    assert "not a backtest" in " ".join(shown.split())


def test_what_tuning_leaves_out_is_said(portfolio: Portfolio) -> None:
    desk = replace(portfolio, execution=Execution(days=2))
    grid = [Threshold(portfolio.strategic, 0.01), Threshold(portfolio.strategic, 0.02)]
    assert "the execution of the file" in repr(combinatorial(desk, "two", blocks=3, spec=grid, purge=0, embargo=0))


# -- refused -----------------------------------------------------------------------------------------------------------


def test_what_cannot_be_split_is_refused(portfolio: Portfolio) -> None:
    market, learned = world(), Learned(portfolio.strategic, steps=10, seeds=(1,))
    with pytest.raises(ConfigError, match=r"learned.*may not be played on an earlier one. Use walk_forward"):
        combinatorial(replace(portfolio, policies={**portfolio.policies, "rl": learned}), "rl")
    with pytest.raises(ConfigError, match="monthly has nothing to choose"):
        combinatorial(portfolio, "monthly")
    with pytest.raises(ConfigError, match="has nothing to choose: found 1 setting"):
        combinatorial(portfolio, "one", spec=[Calendar(portfolio.strategic, "month")])
    late = with_last_day(Threshold(portfolio.strategic, 0.02), pd.Timestamp("2014-12-31"))
    with pytest.raises(ConfigError, match="was fitted on days up to 2014-12-31"):
        combinatorial(portfolio, "late", spec=[late, Calendar(portfolio.strategic, "month")])
    with pytest.raises(ConfigError, match="portfolio is"):
        combinatorial(market, "tuned")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a candidate of combinatorial splits"):
        combinatorial(portfolio, "tunde")


@pytest.mark.parametrize(("settings", "said"), [
    ({"blocks": 2}, "blocks is 2"),
    ({"tested": 1}, "tested is 1"),
    ({"tested": 6}, "6 tested of 6 blocks"),
    ({"blocks": 40, "tested": 20}, "137,846,528,820 splits"),
    ({"purge": -1}, "purge is -1"),
    ({"embargo": 0.5}, "embargo is 0.5"),
    ({"embargo": 5_000}, "leave nothing of a block of"),
])  # fmt: skip
def test_numbers_that_make_no_splits_are_refused(portfolio: Portfolio, settings: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        combinatorial(portfolio, "tuned", **settings)
