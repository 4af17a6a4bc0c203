"""The proof of a solution: how far it is known to be the best."""

from enum import StrEnum


class Proof(StrEnum):
    """Proven, or the best that was found."""

    EXACT = "exact"  # no better one exists
    BOUNDED = "within the search limit"  # the best that a solver found until its nodes ended it
    GREEDY = "greedy"  # found by a search that proves nothing
