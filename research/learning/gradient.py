"""Learning by the gradient of J itself, through the accounting of many weeks. torch is imported here: import this late.

The network's boxes are booked by `differentiable.step` week after week, and the daily terms of J that follow are
differentiated by its weights. Nothing is explored, and no value is estimated. Costs are proportional; a line that halts
on a day of the past trades in these worlds, and is judged (`rollouts.judge`) in worlds where it does not.
Source: Buehler et al. (2019), Deep Hedging, Quantitative Finance 19(8), sections 4 and 5.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from research.learning.differentiable import Boxes, Holdings, step
from research.learning.lesson import POINTS, WORLDS, Lesson
from research.learning.network import Network, network
from research.learning.rollouts import GRADIENT_LEARNS, answer_of, gauge, judge, judge_all
from research.learning.settings import Learned
from research.learning.side_by_side import Report
from research.learning.state import CALMEST, FARTHEST, LOOKBACK, NO_CASH, REACH, Standard
from research.learning.threads import one_thread
from research.learning.training_days import TrainingDays
from research.risk.resampling import resampled
from research.rules.bands import TOLERANCE

TINY = 1e-20  # added to a square under a root, whose slope at zero is infinite


class Drawn(NamedTuple):
    """Days that W worlds live through, before anything is decided: none of it depends on what is held.

    kind : (W,) row of the scales.  returns : (D, W, n).  cash, strategic : (D, W).
    calm, trend : (D, W) the volatility regime and the market return as `state.observe` sees them at each close.
    """

    kind: NDArray[np.int64]
    returns: Tensor
    cash: Tensor
    strategic: Tensor
    calm: Tensor
    trend: Tensor


def learn(days: TrainingDays, spec: Learned, seed: int, report: Report) -> Lesson:
    """Learn from one seed, in one thread: the same seed, settings and days give the same network, to the bit."""
    own = spec.gradient
    with one_thread():
        torch.manual_seed(seed)
        standard, _ = gauge(days, spec)
        net = _perceptron(len(standard.mean), own.hidden, days.scales.target.shape[1])
        updates = spec.whole_steps // own.batch
        descent = torch.optim.Adam(net.parameters(), lr=own.learning_rate)
        slower = torch.optim.lr_scheduler.LambdaLR(descent, lambda update: 1.0 - update / updates)
        rng = np.random.default_rng([GRADIENT_LEARNS, seed])
        curve: list[tuple[int, float]] = []
        for update in range(updates):
            if update * (POINTS - 1) >= updates * len(curve):
                curve.append((update * own.batch, _judged(days, net, standard)))
            descent.zero_grad()
            loss = _loss(days, net, standard, _drawn(days, own.worlds, own.decisions, rng), own.decisions)
            loss.backward()  # type: ignore[no-untyped-call]
            descent.step()
            slower.step()
            report((update + 1) * own.batch)
        curve.append((updates * own.batch, _judged(days, net, standard)))
        learned = _arrays(net)
    return Lesson(learned, updates * own.batch, judge_all(days, answer_of(learned, standard)), curve)


def _judged(days: TrainingDays, net: torch.nn.Sequential, standard: Standard) -> float:
    return judge(days, len(days.share) - 1, answer_of(_arrays(net), standard), WORLDS)


def _perceptron(inputs: int, hidden: int, outputs: int) -> torch.nn.Sequential:
    """Two tanh layers, as `network` has them; it begins at action zero, the closed form."""
    layers = (torch.nn.Linear(inputs, hidden), torch.nn.Linear(hidden, hidden), torch.nn.Linear(hidden, outputs))
    torch.nn.init.zeros_(layers[2].weight)
    torch.nn.init.zeros_(layers[2].bias)
    return torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2]).double()


def _arrays(net: torch.nn.Sequential) -> Network:
    """The network as it is played."""
    layers = (net[0], net[2], net[4])
    return network([a.detach().numpy() for layer in layers for a in (layer.weight.T, layer.bias)])  # type: ignore[union-attr]


def _drawn(days: TrainingDays, worlds: int, decisions: int, rng: np.random.Generator) -> Drawn:
    """New days for so many worlds: LOOKBACK of them, at whose end they open, and those of the decisions after."""
    kind = days.kinds(worlds)
    length = LOOKBACK + decisions * days.sessions
    rows = resampled(rng, days.first_row[kind], days.stop_row[kind], (worlds, length), days.block).T
    target, history = days.scales.target[kind], days.history
    returns, cash = history.returns[rows], history.cash[rows]
    strategic = np.einsum("dwi,wi->dw", returns, target) + (1.0 - target.sum(axis=1)) * cash
    window = np.lib.stride_tricks.sliding_window_view(strategic, LOOKBACK, axis=0)  # (D - LOOKBACK + 1, W, LOOKBACK)
    calm = np.log(np.maximum(window.std(axis=2, ddof=1) / days.scales.volatility, CALMEST))
    since = LOOKBACK - 1  # the row of `window` that ends at a day is that day's less this
    pad = np.zeros((since, worlds))
    calm, trend = np.concatenate([pad, calm]), np.concatenate([pad, window.sum(axis=2)])
    return Drawn(kind, *(torch.from_numpy(np.ascontiguousarray(x)) for x in (returns, cash, strategic, calm, trend)))


def _loss(days: TrainingDays, net: torch.nn.Sequential, standard: Standard, drawn: Drawn, decisions: int) -> Tensor:
    """J over all worlds and decisions, bp of NAV a year, with its gradient: `worlds._play`, many worlds at once."""
    target = torch.from_numpy(days.scales.target[drawn.kind])
    held = Holdings(target.clone(), 1.0 - target.sum(dim=1))
    age = torch.zeros(len(target), dtype=torch.float64)
    total, day = torch.zeros((), dtype=torch.float64), LOOKBACK - 1
    tariff = days.tariff._replace(rates=days.tariff.rates[:1], total=days.tariff.total[:1])
    half, covariance = (torch.from_numpy(x[drawn.kind]) for x in (days.scales.half_width, days.scales.covariance))
    mean, deviation = (torch.from_numpy(np.array(x)) for x in standard)
    for _ in range(decisions):
        weights = held.lines / held.nav[:, None]
        features = _observe(weights, target, half, covariance, age, drawn.calm[day], drawn.trend[day])
        action = net(((features - mean) / deviation).clamp(-FARTHEST, FARTHEST))
        boxes = _asked(weights, _boxes(action, target, half))
        for session in range(days.sessions + 1):
            if session > 0:
                day, age, before = day + 1, age + 1.0, held.nav
                held = held.earn(drawn.returns[day], drawn.cash[day])
                active = held.nav / before - 1.0 - drawn.strategic[day]
                total = total + days.g / 2.0 * (active * active).mean()
            if session == days.lag:
                units = held.lines.detach()
                held, cost = step(held, boxes, days.scales.target[drawn.kind], tariff)
                total = total + cost.mean()
                age = torch.where((held.lines.detach() != units).any(dim=1), 0.0, age)
    return total * (days.periods_per_year / (decisions * days.sessions) * 1e4)


def _observe(
    weights: Tensor, target: Tensor, half: Tensor, covariance: Tensor, age: Tensor, calm: Tensor, trend: Tensor
) -> Tensor:
    """(W, k) what is seen, as `state.observe` has it."""
    gap = weights - target
    squared = torch.einsum("wi,wij,wj->w", gap, covariance, gap).clamp(min=0.0)
    drift = torch.where(half > 0.0, gap / torch.where(half > 0.0, half, 1.0), 0.0)
    turnover = torch.maximum((-gap).clamp(min=0.0).sum(dim=1), gap.clamp(min=0.0).sum(dim=1))
    shared = [torch.sqrt(squared + TINY), squared, drift.abs().amax(dim=1), turnover, torch.log1p(age), calm, trend]
    return torch.cat([torch.stack(shared, dim=1), drift], dim=1)


def _boxes(action: Tensor, target: Tensor, half: Tensor) -> Boxes:
    """The boxes that actions (W, n) mean, as `state.boxes` has them."""
    width = half * REACH ** action.clamp(-1.0, 1.0)
    lower, upper = (target - width).clamp(min=0.0), (target + width).clamp(max=1.0)
    none = 1.0 - target.sum(dim=1) < NO_CASH
    least = torch.where(none, 0.0, (1.0 - upper.sum(dim=1)).clamp(min=0.0))
    return Boxes(lower, upper, least, torch.where(none, 0.0, 1.0 - lower.sum(dim=1)))


def _asked(weights: Tensor, boxes: Boxes) -> Boxes:
    """The same boxes, without ends in worlds where no line is outside its own: these ask for nothing."""
    past = torch.maximum(boxes.lower - weights, weights - boxes.upper).amax(dim=1) > TOLERANCE
    ends = ((boxes.lower, -np.inf), (boxes.upper, np.inf), (boxes.cash_lower, -np.inf), (boxes.cash_upper, np.inf))
    return Boxes(*(torch.where(past[:, None] if x.ndim == 2 else past, x, far) for x, far in ends))
