"""Training by the gradient of J, through the accounting of many weeks. torch is imported here: import this late.

The network's boxes are traded in `torch_worlds` week after week, and J is differentiated by the network's weights.
There is no exploration and no value function. Costs are proportional. An asset that was halted on a day of the past
can trade in these paths; evaluation (`rollouts.evaluate`) uses paths where it cannot.
Source: Buehler et al. (2019), Deep Hedging, Quantitative Finance 19(8), sections 4 and 5.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foundation.arrays import frozen_record
from foundation.quick_imports import without_compiler_of_torch
from foundation.threads import one_thread
from research.learning.learners.learning_curve import Checkpoint, LearningCurve, PointLogger, SeedResult
from research.learning.learners.torch_state import Stateful, restore, states_of
from research.learning.parallel_seeds import Report
from research.learning.settings import Learned
from research.learning.worlds.rollouts import GRADIENT_LEARNS, action_function, evaluate_targets, measure_scaling
from research.learning.worlds.torch_worlds import Days, TorchWorlds, at_target, boxes_of, observe
from research.learning.worlds.training_days import TrainingDays
from research.rules.networks.features import CALMEST, FARTHEST, LOOKBACK, FeatureScaling
from research.rules.networks.policy_network import Network, network


class Drawn(NamedTuple):
    """The days of W paths; they do not depend on the holdings.

    kind      : (W,) row of the scales.
    variant   : (W,) index of the variant of days and costs.
    returns   : (D, W, n) simple returns, fraction.
    cash      : (D, W) simple returns of cash, fraction.
    strategic : (D, W) simple returns of the strategic portfolio, fraction.
    calm      : (D, W) feature "volatility regime" at each close, as in `state.observe`.
    trend     : (D, W) feature "market return" at each close, as in `state.observe`.
    """

    kind: NDArray[np.int64]
    variant: NDArray[np.int64]
    returns: Tensor
    cash: Tensor
    strategic: Tensor
    calm: Tensor
    trend: Tensor


def learn(
    days: TrainingDays,
    spec: Learned,
    seed: int,
    report: Report,
    checkpoint: Checkpoint | None = None,
    log: PointLogger | None = None,
) -> SeedResult:
    """Train one seed in one thread; the same seed, settings and days give the same network, to the bit.

    days       : the training days.
    spec       : settings of the rule and of its training.
    seed       : seed of the random draws.
    report     : receives the number of steps done.
    checkpoint : place where the state is saved, and resumed from.
    log        : receives the points of the learning curve.
    """
    own = spec.gradient
    with one_thread(), without_compiler_of_torch():
        torch.manual_seed(seed)
        standard, _ = measure_scaling(days, spec)
        net = _perceptron(len(standard.mean), own.hidden, days.scales.target.shape[1])
        rng, curve = np.random.default_rng([GRADIENT_LEARNS, seed]), LearningCurve(days, standard, spec, log)
        updates = spec.whole_steps // own.update
        descent = torch.optim.Adam(net.parameters(), lr=own.learning_rate)
        parts: dict[str, Stateful] = {"net": net, "adam": descent}
        update, found = 0, None if checkpoint is None else checkpoint.load()
        if found is not None:
            arrays, record = found
            restore(parts, arrays, record["words"])
            rng.bit_generator.state, update = record["generator"], record["update"]
            curve.restore(arrays, record["curve"])
        while curve.evaluate_when_due(update * own.update, _arrays(net)):
            descent.param_groups[0]["lr"] = own.learning_rate * (1.0 - update / updates)
            descent.zero_grad()
            loss = _loss(days, net, standard, _drawn(days, own.worlds, own.decisions, rng), own.decisions)
            loss.backward()  # type: ignore[no-untyped-call]
            descent.step()
            update += 1
            report(update * own.update)
            if checkpoint is not None and update < updates:
                arrays, words = states_of(parts)
                record = {"update": update, "words": words, "generator": rng.bit_generator.state, "curve": curve.points}
                checkpoint.save(arrays | curve.best_arrays, record)
        learned = curve.final_network(_arrays(net))
    return SeedResult(
        learned, update * own.update, evaluate_targets(days, action_function(learned, standard)), curve.points
    )


def _perceptron(inputs: int, hidden: int, outputs: int) -> torch.nn.Sequential:
    """Two tanh layers as in `network`, with action zero, the closed form, at the start."""
    layers = (torch.nn.Linear(inputs, hidden), torch.nn.Linear(hidden, hidden), torch.nn.Linear(hidden, outputs))
    torch.nn.init.zeros_(layers[2].weight)
    torch.nn.init.zeros_(layers[2].bias)
    return torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2]).double()


def _arrays(net: torch.nn.Sequential) -> Network:
    """The network as a saved policy uses it."""
    layers = (net[0], net[2], net[4])
    return network([a.detach().numpy() for layer in layers for a in (layer.weight.T, layer.bias)])  # type: ignore[union-attr]


def _drawn(days: TrainingDays, worlds: int, decisions: int, rng: np.random.Generator) -> Drawn:
    """New days for `worlds` paths: LOOKBACK days before their start, and the days of their decisions."""
    kind = days.kinds(worlds)
    length = LOOKBACK + decisions * days.sessions
    rows = days.draw(rng, kind, length).T
    target, history = days.scales.target[kind], days.history
    returns, cash = history.returns[rows], history.cash[rows]
    strategic = np.einsum("dwi,wi->dw", returns, target) + (1.0 - target.sum(axis=1)) * cash
    window = np.lib.stride_tricks.sliding_window_view(strategic, LOOKBACK, axis=0)  # (D - LOOKBACK + 1, W, LOOKBACK)
    calm = np.log(np.maximum(window.std(axis=2, ddof=1) / days.scales.volatility, CALMEST))
    since = LOOKBACK - 1  # the row of `window` that ends at a day is that day's less this
    pad = np.zeros((since, worlds))
    calm, trend = np.concatenate([pad, calm]), np.concatenate([pad, window.sum(axis=2)])
    return Drawn(
        kind,
        days.variant(rows[0]),
        *(torch.from_numpy(np.ascontiguousarray(x)) for x in (returns, cash, strategic, calm, trend)),
    )


def _loss(
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
    since = Days(*(x[LOOKBACK:] for x in (drawn.returns, drawn.cash, drawn.strategic)))
    worlds = TorchWorlds(
        at_target(target), scales.target[kind], since, costs, days.tracking_penalty, days.sessions, days.lag
    )
    total = torch.zeros((), dtype=torch.float64)
    for _ in range(decisions):
        close = LOOKBACK - 1 + worlds.day
        seen = worlds.weights, target, half, covariance, worlds.age, drawn.calm[close], drawn.trend[close]
        action = net(((observe(*seen) - mean) / deviation).clamp(-FARTHEST, FARTHEST))
        total = total + worlds.act(boxes_of(action, target, half)).mean()
    return total * (days.periods_per_year / (decisions * days.sessions) * 1e4)
