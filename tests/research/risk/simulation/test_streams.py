"""Streams of random numbers: one for each path and purpose."""

import numpy as np

from research.risk.simulation.streams import (
    BLOCKS,
    JUMP_COUNTS,
    JUMP_SIZES,
    NORMALS,
    REGIME_DRAWS,
    STARTS,
    fill_normals,
    stream,
)

PURPOSES = (NORMALS, JUMP_COUNTS, JUMP_SIZES, REGIME_DRAWS, BLOCKS, STARTS)


def test_a_stream_is_the_child_that_numpy_spawns():
    child = np.random.SeedSequence(5).spawn(4)[3].spawn(len(PURPOSES))[REGIME_DRAWS]
    np.testing.assert_array_equal(stream(5, 3, REGIME_DRAWS).random(9), np.random.default_rng(child).random(9))


def test_no_two_streams_are_alike():
    first = {float(stream(seed, path, what).random()) for seed in (0, 1) for path in range(50) for what in PURPOSES}
    assert len(first) == 2 * 50 * len(PURPOSES)


def test_normals_are_the_bits_of_numpy():
    ours = np.empty(50_000)  # 0.7 % of them come from the tail or a wedge of the ziggurat
    fill_normals(stream(5, 3, NORMALS), ours)
    np.testing.assert_array_equal(ours, stream(5, 3, NORMALS).standard_normal(50_000))
