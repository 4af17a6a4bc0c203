"""The simulated paths in torch: the days, decisions and terms of J of `worlds`, with gradients through all of it.

A test compares the terms of both. Costs are proportional, every asset can trade every day, and a box holds its target.
torch is imported here: import this module only where it is used.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foundation.arrays import Array
from foundation.tolerances import TARGET_TOLERANCE, TRIGGER
from research.accounting.cost_parameters import CostParameters
from research.learning.worlds.differentiable import Boxes, Holdings, step
from research.rules.networks.features import ACTION_REACH


class Days(NamedTuple):
    """The days of W paths after their start: returns (D, W, n), cash and strategic (D, W).

    All are simple returns, fraction; the strategic one is that of the target, rebalanced daily at no cost.
    """

    returns: Tensor
    cash: Tensor
    strategic: Tensor


class TorchWorlds:
    """W simulated paths in step, one decision at a time."""

    def __init__(
        self,
        held: Holdings,
        target: Array,
        days: Days,
        cost_parameters: CostParameters,
        tracking_penalty: Tensor | float,
        sessions: int,
        lag: int,
    ):
        """Start paths with these holdings.

        held     : assets (W, n) and cash (W,), currency.
        target   : (W, n) fraction of NAV.
        days     : returns of D days after the start.
        cost_parameters   : proportional costs, see `step`.
        tracking_penalty : price of squared tracking error, one number or (W,).
        sessions : number of sessions from one decision to the next.
        lag      : sessions from a decision to its booking, at most `sessions`.
        """
        self.held, self.target, self.days, self.cost_parameters = held, target, days, cost_parameters
        self.half_penalty, self.sessions, self.lag = tracking_penalty / 2.0, sessions, lag
        self.age = torch.zeros(len(target), dtype=torch.float64)  # sessions since the last trade
        self.day = 0  # the next of `days`

    @property
    def weights(self) -> Tensor:
        """(W, n) fraction of NAV at this close."""
        return self.held.lines / self.held.nav[:, None]

    def act(self, boxes: Boxes) -> Tensor:
        """(W,) daily terms of J up to the next decision, summed, fraction of NAV, with these boxes."""
        boxes, terms = requested_boxes(self.weights, boxes), torch.zeros(len(self.age), dtype=torch.float64)
        for session in range(self.sessions + 1):
            if session > 0:
                before = self.held.nav
                self.held = self.held.earn(self.days.returns[self.day], self.days.cash[self.day])
                active = self.held.nav / before - 1.0 - self.days.strategic[self.day]
                terms = terms + self.half_penalty * (active * active)
                self.day, self.age = self.day + 1, self.age + 1.0
            if session == self.lag:
                units = self.held.lines.detach()
                self.held, cost = step(self.held, boxes, self.target, self.cost_parameters)
                terms = terms + cost
                self.age = torch.where((self.held.lines.detach() != units).any(dim=1), 0.0, self.age)
        return terms


def boxes_of(action: Tensor, target: Tensor, half: Tensor) -> Boxes:
    """The boxes for actions of kind "bands", as `actions` has them.

    action : (W, n) numbers in [-1, 1].
    target : (W, n) fraction of NAV.
    half   : (W, n) closed-form half-widths, fraction of NAV.
    """
    width = half * ACTION_REACH ** action.clamp(-1.0, 1.0)
    lower, upper = (target - width).clamp(min=0.0), (target + width).clamp(max=1.0)
    none = 1.0 - target.sum(dim=1) < TARGET_TOLERANCE
    least = torch.where(none, 0.0, (1.0 - upper.sum(dim=1)).clamp(min=0.0))
    return Boxes(lower, upper, least, torch.where(none, 0.0, 1.0 - lower.sum(dim=1)))


def requested_boxes(weights: Tensor, boxes: Boxes) -> Boxes:
    """The same boxes, without bounds in paths where all of weights (W, n), fraction of NAV, are inside theirs."""
    past = torch.maximum(boxes.lower - weights, weights - boxes.upper).amax(dim=1) > TRIGGER
    ends = ((boxes.lower, -np.inf), (boxes.upper, np.inf), (boxes.cash_lower, -np.inf), (boxes.cash_upper, np.inf))
    return Boxes(*(torch.where(past[:, None] if x.ndim == 2 else past, x, far) for x, far in ends))
