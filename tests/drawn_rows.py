"""Draws of the stationary bootstrap a day at a time, for what the tests compute over drawn days."""

import numpy as np

from backtests.inference.block_draws import Resampling


def rows_of(days: int, resampling: Resampling) -> np.ndarray:
    """(reps, days) the rows of each draw, by a loop that anyone can check: a uniform for the start, one for the length.

    A block ends before a day with probability 1 / block: it is as long as the first k with (1 - 1/block)^k <= u.
    """
    rng = np.random.default_rng(resampling.seed)
    on = 1.0 - 1.0 / resampling.block
    drawn = []
    for _ in range(resampling.reps):
        rows: list[int] = []
        while len(rows) < days:
            start, u = int(rng.random() * days), rng.random()
            length, longer = 1, on
            while longer > u and length < days:
                length, longer = length + 1, longer * on
            rows += [(start + k) % days for k in range(min(length, days - len(rows)))]
        drawn.append(rows)
    return np.array(drawn)
