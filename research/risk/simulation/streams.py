"""Random numbers of simulated paths: every path has its own streams, so it does not depend on its batch."""

import numpy as np

from foundation.arguments import is_whole, refuse
from foundation.arrays import Array
from foundation.compiled import compiled

# What a stream is drawn for.
NORMALS, JUMP_COUNTS, JUMP_SIZES, REGIME_DRAWS, BLOCKS, STARTS, VARIANCES, MEANS = range(8)


def stream(seed: int, path: int, what: int) -> np.random.Generator:
    """The generator of one path and one purpose: the child that `SeedSequence(seed)` would spawn for both numbers.

    A path draws each kind of number from its own stream, in the order of its days: a longer path starts with the same
    days as a shorter one.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(path, what)))


@compiled
def fill_normals(generator: np.random.Generator, out: Array) -> None:
    """Write standard normals into out (m,), numbers without a unit.

    The bits of numpy's `standard_normal`, in half of its time.
    """
    for k in range(len(out)):
        out[k] = generator.standard_normal()


def check_batch(paths: int, days: int, seed: int, first: int) -> None:
    """Raise ConfigError for a number out of range.

    paths : number of paths, 1 or more.
    days  : steps of each path, 1 or more.
    seed  : seed of the random numbers, 0 or more.
    first : number of the first path, 0 or more.
    """
    for name, value, least in (("paths", paths, 1), ("days", days, 1), ("seed", seed, 0), ("first", first, 0)):
        if not is_whole(value) or value < least:
            refuse(f"{name} of a simulation is", value, f"give a whole number of {least} or more.")
