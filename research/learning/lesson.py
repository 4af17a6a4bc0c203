"""What one seed learned, whatever taught it."""

from typing import NamedTuple

from research.learning.network import Network

POINTS, WORLDS = 12, 128  # of a learning curve, and the worlds of each of its points


class Lesson(NamedTuple):
    """What one seed learned.

    net : its network.  steps : that it learned from, whole updates.
    losses : J for each target, bp of NAV a year, in worlds of training days that no seed learned on.
    curve : (steps, J) along the way, with the last target.
    """

    net: Network
    steps: int
    losses: list[float]
    curve: list[tuple[int, float]]
