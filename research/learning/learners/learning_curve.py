"""What one seed learned, whatever taught it, and how its learning is watched."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from research.arrays import Floats
from research.learning.network import Network
from research.learning.rollouts import VALIDATION, action_function, evaluate
from research.learning.settings import Learned
from research.learning.state import FeatureScaling
from research.learning.training_days import TrainingDays

PointLogger = Callable[[int, float], None]  # told steps and J of a point of a learning curve
POINTS, WORLDS = 12, 128  # of a learning curve, and the worlds of each of its points


class SeedResult(NamedTuple):
    """What one seed learned.

    net : its network.  steps : that it learned from, whole updates.
    losses : J for each target, bp of NAV a year, in worlds of training days that no seed learned on.
    curve : (steps, J) along the way, with the last target, in worlds that no seed learned on or is judged in.
    """

    net: Network
    steps: int
    losses: list[float]
    curve: list[tuple[int, float]]


class LearningCurve:
    """The learning curve of a seed: J at even distances of steps, before the first one and after the last."""

    def __init__(
        self, days: TrainingDays, standard: FeatureScaling, spec: Learned, log: PointLogger | None = None
    ) -> None:
        """Of a seed that has learned nothing yet.  log : is told each point as it is judged."""
        self.points: list[tuple[int, float]] = []
        self.best: Network | None = None
        self._days, self._standard, self._spec, self._log = days, standard, spec, log

    def evaluate_when_due(self, steps: int, net: Network) -> bool:
        """Judge the network if it is time to; is there anything left to learn?"""
        whole = self._spec.whole_steps
        if steps >= whole or steps * (POINTS - 1) >= whole * len(self.points):
            self._evaluate(steps, net)
        return steps < whole and not self._has_stopped

    def final_network(self, net: Network) -> Network:
        """The network that a seed is left with, if this is the last one."""
        return self.best if self._spec.patience and self.best is not None else net

    @property
    def best_arrays(self) -> dict[str, Floats]:
        """The best network, as a checkpoint keeps it."""
        return {} if self.best is None else {f"best/{name}": values for name, values in self.best._asdict().items()}

    def restore(self, arrays: Mapping[str, Any], curve: Sequence[Sequence[float]]) -> None:
        """Be as far as a checkpoint says."""
        self.points = [(int(steps), float(loss)) for steps, loss in curve]
        if f"best/{Network._fields[0]}" in arrays:
            self.best = Network(*(arrays[f"best/{name}"] for name in Network._fields))

    @property
    def _has_stopped(self) -> bool:
        patience, losses = self._spec.patience, [loss for _, loss in self.points]
        return patience > 0 and len(losses) > patience and min(losses[-patience:]) > min(losses[:-patience])

    def _evaluate(self, steps: int, net: Network) -> None:
        kind = len(self._days.share) - 1
        loss = evaluate(self._days, kind, action_function(net, self._standard), WORLDS, VALIDATION)
        if loss <= min((j for _, j in self.points), default=loss):
            self.best = net
        self.points.append((steps, loss))
        if self._log is not None:
            self._log(steps, loss)
