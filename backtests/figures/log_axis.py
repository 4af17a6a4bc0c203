"""A log scale of a panel, in px."""

from typing import NamedTuple

import numpy as np

from backtests.figures.layout import log_ticks
from backtests.figures.svg import Canvas


class Logs(NamedTuple):
    """Values from `low` to `high`, drawn between px `first` and `last`."""

    low: float
    high: float
    first: float
    last: float

    def at(self, value: float) -> float:
        """Where a value stands, px."""
        return self.first + (self.last - self.first) * float(np.log(value / self.low) / np.log(self.high / self.low))

    def marks(self, most: int = 6) -> list[float]:
        """Round numbers of it."""
        return log_ticks(self.low, self.high, most)


def upright(canvas: Canvas, x: Logs, top: float, bottom: float, most: int = 6) -> None:
    """Thin upright rules with their numbers below."""
    for mark in x.marks(most):
        canvas.line([x.at(mark)] * 2, [top, bottom], colour="rule", width=0.7, behind=True)
        canvas.text(x.at(mark), bottom + 12.0, f"{mark:g}", colour="soft", align="center")


def level(canvas: Canvas, y: Logs, left: float, right: float, most: int = 6) -> None:
    """Thin level rules with their numbers at the left."""
    for mark in y.marks(most):
        canvas.line([left, right], [y.at(mark)] * 2, colour="rule", width=0.7, behind=True)
        canvas.text(left - 6.0, y.at(mark), f"{mark:g}", colour="soft", align="right")
