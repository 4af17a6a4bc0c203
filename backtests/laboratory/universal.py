"""The universal policy on the paths of a simulated market: all paths decide at once, in compiled code."""

import numpy as np

from backtests.laboratory.simulate import Laboratory
from backtests.laboratory.simulated_market import WEEKS, SimulatedMarket
from foundation.arrays import Array
from foundation.progress import bar
from research.learning.universal.rule import Trained
from research.risk.measures import BPS
from research.rules.networks.equivariant import Lines, answers, lines_of
from research.rules.no_trade_region import half_widths


def lines_in(market: SimulatedMarket) -> Lines:
    """A market's portfolio as the network sees it."""
    target, cost = np.array(market.target), market.costs
    widths = half_widths(target, market.covariance, cost, market.tracking_penalty)
    return lines_of(target, widths, market.covariance, cost, 1.0 / WEEKS)


def losses_of_bands(laboratory: Laboratory, lines: Lines, policy: Trained | None) -> Array:
    """(W,) J on each path after the warm-up, bp of NAV a year.

    laboratory : the paths.
    lines      : the portfolio as the network sees it.
    policy     : its network gives the boxes; None for the closed-form bands.
    """
    import torch

    from research.learning.worlds.differentiable import Holdings
    from research.learning.worlds.torch_worlds import Days, TorchWorlds, boxes_of

    paths, target = laboratory.paths, np.tile(lines.target, (laboratory.paths, 1))
    returns = np.ascontiguousarray(laboratory.model.returns(paths, laboratory.days, laboratory.seed).transpose(1, 0, 2))
    days = Days(*map(torch.from_numpy, (returns, np.zeros(returns.shape[:2]), returns @ lines.target)))
    held = Holdings(torch.from_numpy(target.copy()), torch.from_numpy(1.0 - target.sum(axis=1)))
    worlds = TorchWorlds(
        held, target, days, laboratory.costs.cost_parameters(), laboratory.tracking_penalty, sessions=1, lag=0
    )
    aim, half = torch.from_numpy(target), torch.from_numpy(np.tile(lines.half_width, (paths, 1)))
    actions, terms = np.zeros(target.shape), []
    with bar(laboratory.days, "simulating: universal", "steps") as progress:
        for _ in range(laboratory.days):
            if policy is not None:
                answers(policy.net, policy.standard, lines, np.ascontiguousarray(worlds.weights.numpy()), actions)
            terms.append(worlds.act(boxes_of(torch.from_numpy(actions), aim, half)).numpy())
            progress.update()
    return np.array(terms)[laboratory.warm_up :].mean(axis=0) * laboratory.periods_per_year * BPS
