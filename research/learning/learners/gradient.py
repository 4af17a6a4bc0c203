"""Training by the gradient of J, through the accounting of many weeks. torch is imported here: import this late.

The network's boxes are traded week after week, and J is differentiated by the network's weights (`loss_gradient`).
There is no exploration and no value function. Costs are proportional. An asset that was halted on a day of the past
can trade in these paths; evaluation (`rollouts.evaluate`) uses paths where it cannot.
Source: Buehler et al. (2019), Deep Hedging, Quantitative Finance 19(8), sections 4 and 5.
"""

import numpy as np
import torch
from torch import Tensor

from foundation.arrays import Array
from foundation.quick_imports import without_compiler_of_torch
from foundation.threads import one_thread
from research.learning.learners.learning_curve import Checkpoint, LearningCurve, PointLogger, SeedResult
from research.learning.learners.loss_gradient import Drawn, annual_loss
from research.learning.learners.torch_state import Stateful, restore, states_of
from research.learning.parallel_seeds import Report
from research.learning.settings import Learned
from research.learning.worlds.rollouts import GRADIENT_LEARNS, action_function, evaluate_targets, measure_scaling
from research.learning.worlds.training_days import TrainingDays
from research.rules.networks.features import CALMEST, LOOKBACK
from research.rules.networks.policy_network import Network, network


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
            drawn = draw_days(days, own.worlds, own.decisions, rng)
            _, slopes = annual_loss(days, [_numbers(a) for a in net.parameters()], standard, drawn, own.decisions)
            for parameter, slope in zip(net.parameters(), slopes, strict=True):
                parameter.grad = torch.from_numpy(slope)
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


def _numbers(parameter: Tensor) -> Array:
    """The numbers of a weight or bias."""
    numbers: Array = parameter.detach().numpy()
    return numbers


def draw_days(days: TrainingDays, worlds: int, decisions: int, rng: np.random.Generator) -> Drawn:
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
    return Drawn(kind, days.variant(rows[0]), *map(np.ascontiguousarray, (returns, cash, strategic, calm, trend)))
