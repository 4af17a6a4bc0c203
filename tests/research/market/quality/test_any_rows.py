"""Rows of any numbers that a store may hold are checked without an error, to scores from 0 to 100."""

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from research.market.quality import check
from research.market.store import KnownBars

VALUES = (0.0, -1.0, 1e-30, 0.01, 1.0, 99.5, 100.0, 1e15, np.nan)


@given(st.integers(0, 2**32 - 1), st.integers(1, 150), st.sets(st.sampled_from(["volume", "low", "dividend", "split"])))
@settings(max_examples=20)
def test_whatever_the_numbers_are_a_score_is_found(seed: int, rows: int, columns: set[str]) -> None:
    rng = np.random.default_rng(seed)
    days = np.datetime64("2001-01-01") + np.sort(rng.integers(0, 4_000, 3 * rows))
    pool = np.array(VALUES)[rng.permutation(len(VALUES))[: rng.integers(1, len(VALUES))]]
    close = np.nan_to_num(rng.choice(pool, 3 * rows), nan=50.0)
    numbers = {name: np.abs(rng.choice(pool, 3 * rows)) for name in columns} | {"close": close}
    if "split" in numbers:
        numbers["split"] = rng.choice([1.0, 2.0, 1e-6, 1e6], 3 * rows)
    if "dividend" in numbers:
        numbers["dividend"] = np.nan_to_num(numbers["dividend"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quality = check(
            KnownBars(("A", "B", "C"), np.repeat(np.arange(3), rows), np.concatenate(np.split(days, 3)), numbers)
        )
        text = quality.text()
    assert all(0.0 <= score <= 100.0 for score in quality.scores.values())
    assert "nan" not in text
    assert quality.findings_table()["points"].between(0.0, 100.0).all()
