"""The summary of a sweep of any size holds no more than the rows that it tells."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pandas as pd

from backtests.sweeps import Axes, Choices, Setup, sweep, threshold
from backtests.sweeps.summary import best_of

TABLES, ROWS = 20, 20_000


def tables() -> Iterator[pd.DataFrame]:
    """A sweep of two portfolios, in parts; the lag is one of two."""
    draws = np.random.default_rng(3)
    for k in range(TABLES):
        numbers = np.arange(k * ROWS, (k + 1) * ROWS)
        names = np.where(numbers % 3 == 0, "a", "b").astype(object)
        loss = draws.integers(0, 5_000, ROWS) / 100.0  # with equals
        yield pd.DataFrame({"configuration": numbers, "portfolio": names, "lag": numbers % 2, "loss": loss})


def test_the_best_are_found_and_what_they_were_found_in_is_let_go() -> None:
    whole = pd.concat(tables(), ignore_index=True)
    tracemalloc.start()
    best = best_of({"a": {"lag": 1}, "b": None}, tables(), 8)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for name, under in (("a", whole["lag"] == 1), ("b", True)):
        expected = whole[(whole["portfolio"] == name) & under].sort_values(["loss", "configuration"]).head(8)
        assert best[name].to_numpy().tolist() == expected.to_numpy().tolist()
    assert held < 8 * ROWS  # bytes: less than one column of one table


def test_equal_policies_are_said_to_be_equal_and_that_none_traded(setup: Setup) -> None:
    """No weight strays by 97 points; with a band of a hundredth of one the weights are brought back each day."""
    same = "shown have the same J, and none of them traded)"
    assert f"(the first 2 {same}" in repr(sweep(setup, Axes((Choices(threshold, band=(0.97, 0.98)),)), progress=False))
    assert "the same J" not in repr(sweep(setup, Axes((Choices(threshold, band=(0.0001, 0.98)),)), progress=False))
