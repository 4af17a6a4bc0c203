"""The training of the universal rebalancer by the gradient of its loss in random markets. torch is imported here.

Each update plays, in torch, paths of one number of assets from random starts. It follows the gradient of cost and
tracking penalty, divided by the closed form's expected loss of each path. The loss includes the future cost of the
gaps
at the end, by the closed form: an asset that is monitored forever loses c h (3/4 y^2 - 1/8 y^4) more for having
    drifted y h from its target (the solution of a^2 V''/2 + g S x^2/2 = l with V'(0) = 0, V'(h) = c, h as in
    `no_trade_region`).

The random markets draw targets, correlations, volatilities, costs and prices. A step is a decision. Only ratios matter
to the optimum, so these are drawn: u, the drift of a gap between two decisions over its closed-form half-width, and
that half-width over the target. Volatilities and tracking penalties follow from them.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foundation.arrays import Array, frozen, frozen_record
from foundation.quick_imports import without_compiler_of_torch
from foundation.threads import one_thread
from foundation.tolerances import SQUARE
from research.accounting import Costs
from research.accounting.cost_parameters import CostParameters
from research.learning.worlds.differentiable import Holdings
from research.learning.worlds.torch_worlds import Days, TorchWorlds, boxes_of
from research.risk.simulation.covariances import taken_apart
from research.rules.networks.equivariant import MOVING, STANDING, WIDEST_GAP, Equivariant, Lines, arrays_of, lines_of
from research.rules.networks.features import FARTHEST, FeatureScaling
from research.rules.no_trade_region import half_widths, relative_variance

ASSET_COUNTS = (1, 1, 2, 2, 3, 5, 8, 13, 20, 30, 50)  # as many in a batch, each as likely as the next
DRIFT = (0.05, 2.0)  # u, the geometric mean of a world's assets
WIDTH_RANGE = (0.005, 0.6)  # half-width over target, likewise
COST = (1e-4, 1e-2)  # a side, fraction of the notional
UNEQUAL = 2.0  # logs either way: the dearest asset of a world costs at most 55 times the cheapest
LEAST_COST, DEAREST = 5e-5, 2e-2  # of a single asset
MOST_VOLATILE = 0.25  # standard deviation of an asset between two decisions
LEAST_TARGET = 0.1  # of an equal share
NO_CASH_SHARE, NEGATIVE_SHARE, FAT_SHARE = 0.4, 0.25, 0.25  # of worlds: without cash, with hedges, with fat tails
FREEDOM = 4.0  # degrees, of Student's t where tails are fat
FARTHEST_OPENING = 1.5  # half-widths


class RandomMarkets(NamedTuple):
    """W paths of n assets and D decisions, with one step each.

    lines   : the portfolios as the network sees them.
    cost    : (W, n) a side, fraction of the notional.
    tracking_penalty : (W,) price of squared tracking error.
    opening : (W, n) weights at the start, fraction of NAV.
    returns : (W, D, n) simple returns, fraction.
    """

    lines: Lines
    cost: Array
    tracking_penalty: Array
    opening: Array
    returns: Array


def draw(rng: np.random.Generator, n: int, worlds: int, decisions: int, drift: float) -> RandomMarkets:
    """Draw random markets.

    rng       : generator that is drawn from.
    n         : number of assets.
    worlds    : number of paths, W.
    decisions : number of decisions of each path, D.
    drift     : approximate geometric mean of u in a path.
    """
    target = _targets(rng, n, worlds)
    correlation, shape = _correlations(rng, n, worlds), _spread(rng, 1.2, (worlds, n))
    alike = correlation * shape[:, :, None] * shape[:, None, :]
    against = relative_variance(target, alike)
    mean_drift = np.exp(np.log(np.maximum(against, 1e-12)).mean(axis=1) / 2.0)
    u, width = drift * _spread(rng, 0.3, (worlds,)), _log_uniform(rng, *WIDTH_RANGE, (worlds,))
    scale = np.minimum(u * width / mean_drift, MOST_VOLATILE / shape.max(axis=1))
    covariance = alike * scale[:, None, None] ** 2
    width = scale * mean_drift / u
    cost = np.clip(_log_uniform(rng, *COST, (worlds, 1)) * _spread(rng, UNEQUAL, (worlds, n)), LEAST_COST, DEAREST)
    at_one = half_widths(target, covariance, cost, 1.0)
    tracking_penalty = np.exp(np.log(np.maximum(at_one / target, 1e-12)).mean(axis=1) * 3.0) / width**3
    half = at_one / np.cbrt(tracking_penalty)[:, None]
    lines = lines_of(target, half, covariance, cost, np.ones(worlds))
    mean = rng.uniform(-0.05, 0.1, (worlds, n)) * scale[:, None] * shape
    mix = np.array([taken_apart(one, "covariance")[1] for one in covariance])
    mix = mix * (scale[:, None] * shape)[:, :, None]
    normals = rng.standard_normal((worlds, decisions, n))
    fat = np.sqrt((FREEDOM - 2.0) / rng.chisquare(FREEDOM, (worlds, decisions, 1)))
    shocks = np.where((rng.random(worlds) < FAT_SHARE)[:, None, None], fat * normals, normals)
    steps = np.einsum("wij,wdj->wdi", mix, shocks)
    returns = np.expm1(np.clip(steps + (mean - (scale[:, None] * shape) ** 2 / 2.0)[:, None], -2.0, 2.0))
    opening = _opening(rng, lines, np.einsum("wij,wj->wi", mix, rng.standard_normal((worlds, n))), u)
    return RandomMarkets(lines, cost, tracking_penalty, opening, returns)


def _targets(rng: np.random.Generator, n: int, worlds: int) -> Array:
    """(W, n) fraction of NAV, from equal to very unequal.

    Some portfolios hold no cash, but one of a single asset does.
    """
    even = _log_uniform(rng, 0.7, 30.0, (worlds, 1))
    parts = rng.gamma(np.broadcast_to(even, (worlds, n))) + 1e-12
    parts = np.maximum(parts / parts.sum(axis=1, keepdims=True), LEAST_TARGET / n)
    invested = rng.uniform(0.1, 0.97, (worlds, 1))
    if n > 1:
        invested[rng.random(worlds) < NO_CASH_SHARE] = 1.0
    return parts / parts.sum(axis=1, keepdims=True) * invested


def _correlations(rng: np.random.Generator, n: int, worlds: int) -> Array:
    """(W, n, n) from one common factor and two others, from none to almost one; some assets hedge others."""
    common = rng.uniform(0.0, 2.5, (worlds, 1)) * np.abs(rng.normal(1.0, 0.3, (worlds, n)))
    hedges = (rng.random((worlds, 1)) < NEGATIVE_SHARE) & (rng.random((worlds, n)) < 0.4)
    others = rng.uniform(0.0, 1.0, (worlds, 1, 1)) * rng.standard_normal((worlds, n, 2))
    loadings = np.concatenate([np.where(hedges, -common, common)[:, :, None], others], axis=2)
    covariance = np.einsum("wik,wjk->wij", loadings, loadings) + np.eye(n)
    size = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return covariance / size[:, :, None] / size[:, None, :]


def _opening(rng: np.random.Generator, lines: Lines, shock: Array, u: Array) -> Array:
    """(W, n) weights after drifting for a random time, at most as long as an asset takes to cross its box."""
    moved = lines.target * np.exp(shock * (np.sqrt(rng.random(len(u))) / u)[:, None])
    cash = 1.0 - lines.target.sum(axis=1)
    gap = moved / (moved.sum(axis=1) + cash)[:, None] - lines.target
    widest = (np.abs(gap) / lines.half_width).max(axis=1)
    return lines.target + gap * np.minimum(1.0, FARTHEST_OPENING / np.maximum(widest, 1e-12))[:, None]


def _log_uniform(rng: np.random.Generator, least: float, most: float, shape: tuple[int, ...]) -> Array:
    return np.exp(rng.uniform(np.log(least), np.log(most), shape))


def _spread(rng: np.random.Generator, most: float, shape: tuple[int, ...]) -> Array:
    """Log-uniform multiples of one; each path draws its own range, at most e^most either way."""
    wide = rng.uniform(0.0, most, (shape[0], *[1] * (len(shape) - 1)))
    return np.exp(rng.uniform(-1.0, 1.0, shape) * wide)


HIDDEN = 32  # units of each layer
LEARNING_RATE, STEEPEST = 4e-3, 1.0  # of Adam, falling to zero; the longest gradient
LINES_AT_ONCE, FEWEST_WORLDS, MOST_WORLDS = 640, 16, 384  # assets of a batch, and its worlds
# Decisions of a world: as many as assets take to cross their boxes so often.
CROSSINGS, SHORTEST_WORLD, LONGEST_WORLD = 4.0, 50, 200
LEARNS, GAUGES = 11, 12  # streams of random markets, each apart from the others
GAUGED = 24  # batches that features are standardised by


class TrainableNetwork(torch.nn.Module):
    """The network during training; at the start its action is zero, the closed form."""

    def __init__(self, standard: FeatureScaling) -> None:
        super().__init__()
        self.layer_0 = torch.nn.Linear(len(MOVING) + len(STANDING), HIDDEN)
        self.layer_1 = torch.nn.Linear(HIDDEN, HIDDEN)
        self.own, self.mean, self.most = (torch.nn.Linear(HIDDEN, HIDDEN, bias=own) for own in (True, False, False))
        self.layer_3 = torch.nn.Linear(HIDDEN, 1)
        torch.nn.init.zeros_(self.layer_3.weight)
        torch.nn.init.zeros_(self.layer_3.bias)
        self.double()
        self.standard = tuple(torch.from_numpy(np.array(x)) for x in standard)

    def forward(self, seen: Tensor) -> Tensor:
        """(W, n) actions, numbers without a unit, as in `equivariant.forward`.

        seen : (W, n, features) features before scaling, each in its own unit.
        """
        mean, deviation = self.standard
        inputs = ((seen - mean) / deviation).clamp(-FARTHEST, FARTHEST)
        lines = torch.tanh(self.layer_1(torch.tanh(self.layer_0(inputs))))
        pools = self.mean(lines.mean(dim=1)) + self.most(lines.amax(dim=1))
        return self.layer_3(torch.tanh(self.own(lines) + pools[:, None]))[..., 0]

    def arrays(self) -> Equivariant:
        """The network as a saved policy uses it."""
        weights = {
            "weight_0": self.layer_0.weight.T, "bias_0": self.layer_0.bias,
            "weight_1": self.layer_1.weight.T, "bias_1": self.layer_1.bias,
            "weight_own": self.own.weight.T, "weight_mean": self.mean.weight.T, "weight_most": self.most.weight.T,
            "bias_2": self.own.bias, "weight_3": self.layer_3.weight.T, "bias_3": self.layer_3.bias,
        }  # fmt: skip
        return arrays_of({name: np.ascontiguousarray(value.detach().numpy()) for name, value in weights.items()})


class TrainingState(NamedTuple):
    """The state of a training after `done` updates: all that the rest of it depends on.

    seed     : seed of the random numbers.
    updates  : number of updates of the whole training.
    done     : number of updates made.
    standard : scaling of the features.
    weights  : the network's parameters by name, each of the shape of its layer, without a unit.
    mean     : Adam's first moment of the gradient of each parameter, of the same shape, without a unit.
    square   : Adam's second moment of the gradient of each parameter, of the same shape, without a unit.
    curve    : (done,) ratio of each update's loss to the closed form's expected loss.
    """

    seed: int
    updates: int
    done: int
    standard: FeatureScaling
    weights: dict[str, Array]
    mean: dict[str, Array]
    square: dict[str, Array]
    curve: Array


def begin(seed: int, updates: int) -> TrainingState:
    """The state of a training of `updates` updates before the first of them."""
    with one_thread():
        torch.manual_seed(seed)
        standard = _gauged(seed)
        weights = _copied(TrainableNetwork(standard).named_parameters())
    nothing = {name: np.zeros_like(value) for name, value in weights.items()}
    return TrainingState(seed, updates, 0, standard, weights, nothing, nothing, np.empty(0))


def advance(progress: TrainingState, updates: int, report: Callable[[int], object]) -> TrainingState:
    """The state after more updates, at most to the end; in one thread, so that the same training gives the same bits.

    progress : the state before.
    updates  : number of updates to make.
    report   : receives the number of updates done.
    """
    seed, whole, done = progress.seed, progress.updates, progress.done
    until = min(done + updates, whole)
    with one_thread(), without_compiler_of_torch():
        net = TrainableNetwork(progress.standard)
        net.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in progress.weights.items()})
        descent = torch.optim.Adam(net.parameters())
        if done:
            descent.load_state_dict(_memory(descent, net, progress))
        losses = []
        for update in range(done, until):
            for group in descent.param_groups:
                group["lr"] = LEARNING_RATE * (1.0 - update / whole)
            descent.zero_grad()
            found = mean_loss(net, drawn_batch([LEARNS, seed, update]))
            found.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), STEEPEST)
            descent.step()
            losses.append(found.item())
            report(update + 1)
        state = {name: descent.state[value] for name, value in net.named_parameters()}
        mean, square = (_copied((name, s[key]) for name, s in state.items()) for key in ("exp_avg", "exp_avg_sq"))
        weights, curve = _copied(net.named_parameters()), np.append(progress.curve, losses)
    return TrainingState(seed, whole, until, progress.standard, weights, mean, square, curve)


def network_of(progress: TrainingState) -> Equivariant:
    """The network as a saved policy uses it."""
    net = TrainableNetwork(progress.standard)
    net.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in progress.weights.items()})
    return net.arrays()


def _memory(descent: torch.optim.Adam, net: TrainableNetwork, progress: TrainingState) -> dict[str, Any]:
    """The state of Adam in its own format."""
    whole = descent.state_dict()
    whole["state"] = {
        k: {
            "step": torch.tensor(float(progress.done)),
            "exp_avg": torch.from_numpy(progress.mean[name].copy()),
            "exp_avg_sq": torch.from_numpy(progress.square[name].copy()),
        }
        for k, (name, _) in enumerate(net.named_parameters())
    }
    return whole


def _gauged(seed: int) -> FeatureScaling:
    """Mean and standard deviation of each feature at random starts."""
    drawn = (drawn_batch([GAUGES, seed, k]) for k in range(GAUGED))
    seen = [seen_features(one, torch.from_numpy(one.markets.opening)).flatten(0, 1).numpy() for one in drawn]
    mean = np.mean([x.mean(axis=0) for x in seen], axis=0)
    deviation = np.sqrt(np.mean([((x - mean) ** 2).mean(axis=0) for x in seen], axis=0))
    return FeatureScaling(frozen(mean), frozen(deviation))


def _copied(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Array]:
    return {name: value.detach().numpy().copy() for name, value in tensors}


class Batch(NamedTuple):
    """The paths of one update in torch: `Lines` as tensors, and the closed form's expected loss.

    markets    : the paths, W portfolios of n assets.
    target     : (W, n) fraction of NAV.
    half       : (W, n) half-widths, fraction of NAV.
    covariance : (W, n, n) covariances in the unit of `Lines`.
    counter    : (W, n) weights of the mean slope, numbers.
    standing   : (W, n, len(STANDING)) constant features, numbers.
    expected   : (W,) expected loss of the closed form a step, in the unit of time of the covariance, fraction of NAV.
    """

    markets: RandomMarkets
    target: Tensor
    half: Tensor
    covariance: Tensor
    counter: Tensor
    standing: Tensor
    expected: Tensor


def drawn_batch(seed: list[int]) -> Batch:
    """Random paths; the same seed gives the same bits."""
    rng = np.random.default_rng(seed)
    n, drift = int(rng.choice(ASSET_COUNTS)), float(np.exp(rng.uniform(*np.log(DRIFT))))
    decisions = int(np.clip(CROSSINGS / drift**2, SHORTEST_WORLD, LONGEST_WORLD))
    return batch_of(draw(rng, n, int(np.clip(LINES_AT_ONCE // n, FEWEST_WORLDS, MOST_WORLDS)), decisions, drift))


def batch_of(markets: RandomMarkets) -> Batch:
    """These paths as tensors."""
    lines = [torch.from_numpy(x) for x in markets.lines]
    variance = torch.diagonal(lines[2], dim1=1, dim2=2)
    together = torch.exp(lines[4][:, 0, STANDING.index("drifts together")])
    half_penalty = torch.from_numpy(markets.tracking_penalty) / 2.0
    expected = half_penalty * (variance * lines[1] ** 2).sum(dim=1) * (1.0 + together) / 2.0
    return Batch(markets, lines[0], lines[1], lines[2], lines[3], lines[4], expected)


def seen_features(one: Batch, weights: Tensor) -> Tensor:
    """(W, n, features) features of weights (W, n), fraction of NAV, as in `equivariant.see`."""
    gap, variance = weights - one.target, torch.diagonal(one.covariance, dim1=1, dim2=2)
    toward = torch.einsum("wij,wj->wi", one.covariance, gap)
    price = (one.counter * toward).sum(dim=1, keepdim=True)
    squared = (toward * gap).sum(dim=1).clamp(min=0.0) / (variance * one.half**2).sum(dim=1)
    drift = (gap.abs() / one.half).clamp(max=WIDEST_GAP)
    slope = (torch.sign(gap) * (toward - price) / (variance * one.half)).clamp(-WIDEST_GAP, WIDEST_GAP)
    size = torch.sqrt(squared + SQUARE).clamp(max=WIDEST_GAP)[:, None].expand_as(gap)
    moving = torch.stack([drift, slope, size, (gap / one.target).clamp(max=1.0)], dim=2)
    return torch.cat([moving, one.standing], dim=2)


def mean_loss(net: TrainableNetwork, one: Batch) -> Tensor:
    """The mean loss a decision over the closed form's expected loss, a scalar of shape (), with its gradient."""
    markets = one.markets
    worlds = TorchWorlds(
        Holdings(torch.from_numpy(markets.opening), torch.from_numpy(1.0 - markets.opening.sum(axis=1))),
        markets.lines.target, _days(markets), _cost_parameters(markets.cost),
        torch.from_numpy(markets.tracking_penalty), sessions=1, lag=0,
    )  # fmt: skip
    decisions, total = markets.returns.shape[1], -_still_to_pay(one, worlds.weights)
    for _ in range(decisions):
        total = total + worlds.act(boxes_of(net(seen_features(one, worlds.weights)), one.target, one.half))
    total = total + _still_to_pay(one, worlds.weights)
    return (total / (decisions * one.expected)).mean()


def _days(markets: RandomMarkets) -> Days:
    returns = np.ascontiguousarray(markets.returns.transpose(1, 0, 2))
    strategic = np.einsum("dwi,wi->dw", returns, markets.lines.target)
    return Days(*(torch.from_numpy(x) for x in (returns, np.zeros(strategic.shape), strategic)))


def _cost_parameters(cost: Array) -> CostParameters:
    """Costs (W, n) of each path: a commission and no other cost."""
    plain = Costs.bps(cost.shape[1]).cost_parameters()
    return frozen_record(plain._replace(rates=np.stack([cost, np.zeros_like(cost)], axis=1), total=cost))


def _still_to_pay(one: Batch, weights: Tensor) -> Tensor:
    """(W,) future cost of the gaps, fraction of NAV: of each asset by itself, or of all together where that is less."""
    gap, cost = weights - one.target, torch.from_numpy(one.markets.cost)
    inside = torch.minimum(torch.maximum(gap, -one.half), one.half)
    y, variance = inside / one.half, torch.diagonal(one.covariance, dim1=1, dim2=2)
    apart = (0.75 * cost * one.half * y**2).sum(dim=1)
    patient = inside * torch.sqrt(1.5 * cost / (variance * one.half))
    together = torch.einsum("wi,wij,wj->w", patient, one.covariance, patient) / 2.0
    bent = (cost * one.half * y**4).sum(dim=1) / 8.0
    return torch.minimum(apart, together) - bent + (cost * (gap - inside).abs()).sum(dim=1)
