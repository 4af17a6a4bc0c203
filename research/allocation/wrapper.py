"""The common part of allocations made of another one: its window and its schedule, unless they state their own."""

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
