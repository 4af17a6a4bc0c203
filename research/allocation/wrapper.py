"""The common part of allocations made of another one: its window and its schedule, unless they state their own."""

from collections.abc import Iterator

from research.allocation.allocation import Allocation
from research.allocation.answer import Explained


class Wrapper(Explained):
    """An allocation that scales, mixes, smooths or resamples another one, which stands under `of` in a file.

    It asks `research.allocation.in_turn.part_answer` what that one answers. A field `schedule` or a property `window`
    of its own takes the place of these: the portfolio's allocation is then asked on that schedule, not on its own.
    """

    allocation: Allocation

    @property
    def schedule(self) -> str:
        """Schedule on which the portfolio's allocation computes a target."""
        return self.allocation.schedule

    @property
    def window(self) -> int:
        """Number of returns that the portfolio's allocation needs."""
        return self.allocation.window


def each_of(allocation: Allocation) -> Iterator[Allocation]:
    """An allocation, then all that it scales or combines, at any depth, from the outside in."""
    yield allocation
    one = getattr(allocation, "allocation", None)
    for part in (*(() if one is None else (one,)), *getattr(allocation, "allocations", ())):
        yield from each_of(part)
