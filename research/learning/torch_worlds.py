"""The worlds as torch differentiates them: the same days, decisions and terms of J, with gradients through all of it.

`worlds` plays them compiled, this module by `differentiable.step`; a test holds the two to the same terms. Costs are
proportional, every line can trade every day, and a box holds its target. torch is imported here: import this late.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from research.accounting.tariff import Tariff
from research.arrays import Array
from research.learning.differentiable import Boxes, Holdings, step
from research.learning.state import NO_CASH, REACH
from research.rules.bands import TOLERANCE

TINY = 1e-20  # added to a square under a root, whose slope at zero is infinite


class Days(NamedTuple):
    """What W worlds live through after their opening, whatever is held: returns (D, W, n), cash and strategic (D, W).

    All simple returns; the strategic one is that of the target, rebalanced daily at no cost.
    """

    returns: Tensor
    cash: Tensor
    strategic: Tensor


class TorchWorlds:
    """W worlds in step, played one decision at a time."""

    def __init__(
        self, held: Holdings, target: Array, days: Days, tariff: Tariff, g: Tensor | float, sessions: int, lag: int
    ):
        """Open worlds with these holdings.

        target : (W, n) fraction of NAV.  tariff : proportional, see `step`.  g : of squared tracking, one or (W,).
        sessions : of a decision.  lag : sessions from a decision to its booking, `sessions` at most.
        """
        self.held, self.target, self.days, self.tariff = held, target, days, tariff
        self.half_g, self.sessions, self.lag = g / 2.0, sessions, lag
        self.age = torch.zeros(len(target), dtype=torch.float64)  # sessions since the last trade
        self.day = 0  # the next of `days`

    @property
    def weights(self) -> Tensor:
        """(W, n) fraction of NAV at this close."""
        return self.held.lines / self.held.nav[:, None]

    def act(self, boxes: Boxes) -> Tensor:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV, in these boxes: `worlds._play`."""
        boxes, terms = requested_boxes(self.weights, boxes), torch.zeros(len(self.age), dtype=torch.float64)
        for session in range(self.sessions + 1):
            if session > 0:
                before = self.held.nav
                self.held = self.held.earn(self.days.returns[self.day], self.days.cash[self.day])
                active = self.held.nav / before - 1.0 - self.days.strategic[self.day]
                terms = terms + self.half_g * (active * active)
                self.day, self.age = self.day + 1, self.age + 1.0
            if session == self.lag:
                units = self.held.lines.detach()
                self.held, cost = step(self.held, boxes, self.target, self.tariff)
                terms = terms + cost
                self.age = torch.where((self.held.lines.detach() != units).any(dim=1), 0.0, self.age)
        return terms


def at_target(target: Tensor) -> Holdings:
    """A wealth of one in each target (W, n)."""
    return Holdings(target.clone(), 1.0 - target.sum(dim=1))


def observe(
    weights: Tensor, target: Tensor, half: Tensor, covariance: Tensor, age: Tensor, calm: Tensor, trend: Tensor
) -> Tensor:
    """(W, k) what is seen, as `state.observe` has it."""
    gap = weights - target
    squared = torch.einsum("wi,wij,wj->w", gap, covariance, gap).clamp(min=0.0)
    drift = torch.where(half > 0.0, gap / torch.where(half > 0.0, half, 1.0), 0.0)
    turnover = torch.maximum((-gap).clamp(min=0.0).sum(dim=1), gap.clamp(min=0.0).sum(dim=1))
    shared = [torch.sqrt(squared + TINY), squared, drift.abs().amax(dim=1), turnover, torch.log1p(age), calm, trend]
    return torch.cat([torch.stack(shared, dim=1), drift], dim=1)


def boxes_of(action: Tensor, target: Tensor, half: Tensor) -> Boxes:
    """The boxes that actions (W, n) mean, as `actions` has them."""
    width = half * REACH ** action.clamp(-1.0, 1.0)
    lower, upper = (target - width).clamp(min=0.0), (target + width).clamp(max=1.0)
    none = 1.0 - target.sum(dim=1) < NO_CASH
    least = torch.where(none, 0.0, (1.0 - upper.sum(dim=1)).clamp(min=0.0))
    return Boxes(lower, upper, least, torch.where(none, 0.0, 1.0 - lower.sum(dim=1)))


def requested_boxes(weights: Tensor, boxes: Boxes) -> Boxes:
    """The same boxes, without ends in worlds where no line is outside its own: these ask for nothing."""
    past = torch.maximum(boxes.lower - weights, weights - boxes.upper).amax(dim=1) > TOLERANCE
    ends = ((boxes.lower, -np.inf), (boxes.upper, np.inf), (boxes.cash_lower, -np.inf), (boxes.cash_upper, np.inf))
    return Boxes(*(torch.where(past[:, None] if x.ndim == 2 else past, x, far) for x, far in ends))
