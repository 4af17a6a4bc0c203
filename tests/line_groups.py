"""Assets of a limit of weights, for tests that state it by their numbers."""


def members(n: int, *rows: int) -> tuple[float, ...]:
    """What counts of each of n lines: all of these, and nothing of the others."""
    return tuple(float(i in rows) for i in range(n))
