"""Random numbers of simulated paths: every path has streams of its own, so it does not depend on its batch."""

import numpy as np

from research.arguments import is_whole, refuse
from research.arrays import Array
from research.compiled import compiled

NORMALS, JUMP_COUNTS, JUMP_SIZES, REGIMES, BLOCKS, STARTS = range(6)  # what a stream is drawn for


def stream(seed: int, path: int, what: int) -> np.random.Generator:
    """The generator of one path and one purpose: the child that `SeedSequence(seed)` would spawn for both numbers.

    A path draws each kind of number from a stream of its own, in the order of its days: a longer path begins as the
    shorter one does.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(path, what)))


@compiled
def fill_normals(generator: np.random.Generator, out: Array) -> None:
    """Write standard normals into out (m,): the bits of numpy's `standard_normal`, compiled in half of its time."""
    for k in range(len(out)):
        out[k] = generator.standard_normal()


def check_batch(paths: int, days: int, seed: int, first: int) -> None:
    """Refuse numbers of paths and days below one, and a seed or a first path below zero. Raises ConfigError."""
    for name, value, least in (("paths", paths, 1), ("days", days, 1), ("seed", seed, 0), ("first", first, 0)):
        if not is_whole(value) or value < least:
            refuse(f"{name} of a simulation is", value, f"give a whole number of {least} or more.")
