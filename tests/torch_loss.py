"""J of simulated paths in torch, by the worlds that gradients flow through: a reference for its gradient."""

import numpy as np
import torch
from torch import Tensor

from foundation.arrays import frozen_record
from foundation.tolerances import SQUARE
from research.learning.learners.loss_gradient import Drawn
from research.learning.worlds.differentiable import Holdings
from research.learning.worlds.torch_worlds import Days, TorchWorlds, boxes_of
from research.learning.worlds.training_days import TrainingDays
from research.rules.networks.features import FARTHEST, LOOKBACK, FeatureScaling


def days_of(drawn: Drawn) -> Days:
    """The days after the start of each path."""
    return Days(*(torch.from_numpy(x[LOOKBACK:]) for x in (drawn.returns, drawn.cash, drawn.strategic)))


def at_target(target: Tensor) -> Holdings:
    """Holdings of a NAV of 1 in each target (W, n), fraction of NAV."""
    return Holdings(target.clone(), 1.0 - target.sum(dim=1))


def observe(
    weights: Tensor, target: Tensor, half: Tensor, covariance: Tensor, age: Tensor, calm: Tensor, trend: Tensor
) -> Tensor:
    """(W, k) features as in `state.observe`.

    weights    : (W, n) fraction of NAV.
    target     : (W, n) fraction of NAV.
    half       : (W, n) closed-form half-widths, fraction of NAV.
    covariance : (W, n, n) a year.
    age        : (W,) sessions since the last trade.
    calm       : (W,) log of recent over long-run volatility.
    trend      : (W,) return of the strategic portfolio over LOOKBACK sessions, fraction.
    """
    gap = weights - target
    squared = torch.einsum("wi,wij,wj->w", gap, covariance, gap).clamp(min=0.0)
    drift = torch.where(half > 0.0, gap / torch.where(half > 0.0, half, 1.0), 0.0)
    turnover = torch.maximum((-gap).clamp(min=0.0).sum(dim=1), gap.clamp(min=0.0).sum(dim=1))
    shared = [torch.sqrt(squared + SQUARE), squared, drift.abs().amax(dim=1), turnover, torch.log1p(age), calm, trend]
    return torch.cat([torch.stack(shared, dim=1), drift], dim=1)


def torch_loss(
    days: TrainingDays, net: torch.nn.Sequential, standard: FeatureScaling, drawn: Drawn, decisions: int
) -> Tensor:
    """J over all paths and decisions, bp of NAV a year, with its gradient."""
    scales, kind = days.scales, drawn.kind
    costs = days.cost_parameters
    costs = frozen_record(costs._replace(rates=costs.rates[drawn.variant], total=costs.total[drawn.variant]))
    target, half, covariance = (
        torch.from_numpy(x[kind]) for x in (scales.target, scales.half_width, scales.covariance)
    )
    mean, deviation = (torch.from_numpy(np.array(x)) for x in standard)
    since, (calm, trend) = days_of(drawn), map(torch.from_numpy, (drawn.calm, drawn.trend))
    worlds = TorchWorlds(
        at_target(target), scales.target[kind], since, costs, days.tracking_penalty, days.sessions, days.lag
    )
    total = torch.zeros((), dtype=torch.float64)
    for _ in range(decisions):
        close = LOOKBACK - 1 + worlds.day
        seen = worlds.weights, target, half, covariance, worlds.age, calm[close], trend[close]
        action = net(((observe(*seen) - mean) / deviation).clamp(-FARTHEST, FARTHEST))
        total = total + worlds.act(boxes_of(action, target, half)).mean()
    return total * (days.periods_per_year / (decisions * days.sessions) * 1e4)
