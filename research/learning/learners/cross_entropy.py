"""The cross-entropy method: draw parameters, keep the best, draw again around these. It needs no gradient.

The policy is small on purpose: a score that is linear in the features shared by all assets, bent by two hyperbolic
tangents, and the same for every asset. It is the baseline: a learner that is no better has learned no more than these
few numbers.
Source: Rubinstein (1999), The cross-entropy method for combinatorial and continuous optimization; with the decreasing
noise of Szita and Lorincz (2006), Learning Tetris using the noisy cross-entropy method, section 3, which they add to
the variance and which is added to the standard deviation here.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, Rows
from research.learning.learners.learning_curve import Checkpoint, LearningCurve, PointLogger, SeedResult
from research.learning.parallel_seeds import Report
from research.learning.settings import Learned
from research.learning.worlds.rollouts import CROSS_ENTROPY_LEARNS, action_function, evaluate_targets, measure_scaling
from research.learning.worlds.training_days import TrainingDays
from research.learning.worlds.worlds import RewardedWorlds, Worlds
from research.rules.networks.actions import action_size
from research.rules.networks.features import FeatureScaling
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import Network, network

FIRST_SPREAD = 0.5  # standard deviation of each parameter in the first generation
NOISE = 0.1  # added to it in the first, falling to nothing at the end: else all are alike too soon


def learn(
    days: TrainingDays,
    spec: Learned,
    seed: int,
    report: Report,
    checkpoint: Checkpoint | None = None,
    log: PointLogger | None = None,
) -> SeedResult:
    """Train one seed; the same seed, settings and days give the same network, to the bit.

    days       : the training days.
    spec       : settings of the rule and of its training.
    seed       : seed of the random draws.
    report     : receives the number of steps done.
    checkpoint : place where the state is saved, and resumed from.
    log        : receives the points of the learning curve.
    """
    own, gauged, shape = spec.cross_entropy, measure_scaling(days, spec), Shape.of(spec.action, len(days.market.assets))
    rng, curve = np.random.default_rng([CROSS_ENTROPY_LEARNS, seed]), LearningCurve(days, gauged[0], spec, log)
    mean, spread, steps = shape.start(spec.action), np.full(shape.parameters, FIRST_SPREAD), 0
    found = None if checkpoint is None else checkpoint.load()
    if found is not None:
        arrays, record = found
        mean, spread, steps = arrays.pop("mean"), arrays.pop("spread"), record["steps"]
        rng.bit_generator.state = record["generator"]
        curve.restore(arrays, record["curve"])
    while curve.evaluate_when_due(steps, shape.network(mean)):
        drawn = mean + spread * rng.standard_normal((own.population, len(mean)))
        nets = [shape.network(one) for one in drawn]
        earned = _earned(days, spec, nets, gauged, [CROSS_ENTROPY_LEARNS, seed, 1 + steps])
        best = drawn[np.argsort(earned)[::-1][: own.elite]]
        steps += own.update
        mean, spread = best.mean(axis=0), best.std(axis=0) + NOISE * max(1.0 - steps / spec.whole_steps, 0.0)
        report(steps)
        if checkpoint is not None and steps < spec.whole_steps:
            record = {"steps": steps, "generator": rng.bit_generator.state, "curve": curve.points}
            checkpoint.save({"mean": mean, "spread": spread, **curve.best_arrays}, record)
    net = curve.final_network(shape.network(mean))
    return SeedResult(net, steps, evaluate_targets(days, action_function(net, gauged[0])), curve.points)


class Shape(NamedTuple):
    """The form of a small policy: `lines` assets, and the group (m,) of each number of an action.

    Numbers of one group are equal.
    """

    lines: int
    group: Rows

    @classmethod
    def of(cls, action: str, lines: int) -> "Shape":
        """One shared score for all assets; upper edges, cash, and the fraction to trade have outputs of their own."""
        group = np.zeros(action_size(action, lines), dtype=np.int64)
        group[1 if action == "gate" else lines :] = 1
        return cls(lines, group)

    @property
    def parameters(self) -> int:
        """The number of parameters: a weight per shared feature, three for the two tangents, and two per group."""
        return len(SHARED_FEATURES) + 3 + 2 * (int(self.group.max()) + 1)

    def start(self, action: str) -> Array:
        """(p,) first mean of the parameters, dimensionless: the closed form's boxes, or the target.

        For actions with a choice, trade only when tracking error is high. From zero nearly all candidates trade always
        or never, and the best of these is never.
        """
        values = np.zeros(self.parameters)
        if action in ("hold_or_trade", "fraction", "gate"):
            bent, groups = len(SHARED_FEATURES), int(self.group.max()) + 1
            values[0] = values[bent + 1] = 1.0
            values[bent + 3], values[bent + 3 + groups] = 2.0, -1.0
        return values

    def network(self, values: Array) -> Network:
        """The network, with one unit a layer, of parameters (p,), dimensionless."""
        first, bent, answer = np.split(values, [len(SHARED_FEATURES), len(SHARED_FEATURES) + 3])
        own = np.zeros((len(SHARED_FEATURES) + self.lines, 1))
        own[: len(SHARED_FEATURES), 0] = first
        weight, bias = answer.reshape(2, -1)[:, self.group]
        layers = (own, bent[:1], bent[1:2, None], bent[2:], weight[None], bias)
        return network([x.astype(np.float32) for x in layers])


def _earned(
    days: TrainingDays, spec: Learned, nets: list[Network], gauged: tuple[FeatureScaling, float], seed: list[int]
) -> Array:
    """(P,) mean reward a decision of each network, all in the same paths."""
    own, (standard, scale), count = spec.cross_entropy, gauged, len(nets)
    drawn = Worlds(days, days.kinds(own.worlds), own.decisions, seed).state.drawn
    worlds = Worlds(days, np.tile(days.kinds(own.worlds), count), own.decisions, seed, np.tile(drawn, (count, 1)))
    rewarded = RewardedWorlds(worlds, standard, spec.reward, scale)
    answers = [action_function(net, standard) for net in nets]
    total = np.zeros(count)
    for _ in range(own.decisions):
        seen = np.split(worlds.features(worlds.everyone), count)
        numbers = np.concatenate([answer(own_seen) for answer, own_seen in zip(answers, seen, strict=True)])
        total += rewarded.act(numbers).reshape(count, -1).mean(axis=1)
    return total / own.decisions
