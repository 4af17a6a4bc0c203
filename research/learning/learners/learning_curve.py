"""The result of training one seed, the learning curve that is recorded on the way, and the state on disk.

After an interruption a training resumes from its state, and ends with the same bits.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from foundation.arrays import Floats
from foundation.stored import Stored
from research.learning.settings import Learned
from research.learning.worlds.rollouts import VALIDATION, action_function, evaluate
from research.learning.worlds.training_days import TrainingDays
from research.rules.networks.features import FeatureScaling
from research.rules.networks.policy_network import Network

PointLogger = Callable[[int, float], None]  # told steps and J of a point of a learning curve
POINTS, WORLDS = 12, 128  # of a learning curve, and the worlds of each of its points


class SeedResult(NamedTuple):
    """The result of training one seed.

    net    : its network.
    steps  : number of decisions that it learned from.
    losses : J for each target, bp of NAV a year, in paths that no seed trained on.
    curve  : (steps, J) during training, for the last target, in paths that no seed trained on or is evaluated in.
    features : scaling, distribution and importance of each feature, as the model card has them; measured at the end.
    """

    net: Network
    steps: int
    losses: list[float]
    curve: list[tuple[int, float]]
    features: Mapping[str, Any] = {}


class LearningCurve:
    """The learning curve of a seed: J at even intervals of steps, the first and last included; with early stopping."""

    def __init__(
        self, days: TrainingDays, standard: FeatureScaling, spec: Learned, log: PointLogger | None = None
    ) -> None:
        """An empty curve.

        days     : the training days.
        standard : scaling of the features.
        spec     : settings of the rule and of its training.
        log      : receives each point (steps, J).
        """
        self.points: list[tuple[int, float]] = []
        self.best: Network | None = None
        self._days, self._standard, self._spec, self._log = days, standard, spec, log

    def evaluate_when_due(self, steps: int, net: Network) -> bool:
        """Add a point to the curve if one is due at these steps; gives whether training goes on."""
        whole = self._spec.whole_steps
        if steps >= whole or steps * (POINTS - 1) >= whole * len(self.points):
            self._evaluate(steps, net)
        return steps < whole and not self._has_stopped

    def final_network(self, net: Network) -> Network:
        """The network that a seed keeps at its end: with early stopping the best one, else `net`."""
        return self.best if self._spec.patience and self.best is not None else net

    @property
    def best_arrays(self) -> dict[str, Floats]:
        """The arrays of the best network by name, (inputs, units) or (units,), dimensionless; empty without one."""
        return {} if self.best is None else {f"best/{name}": values for name, values in self.best._asdict().items()}

    def restore(self, arrays: Mapping[str, Any], curve: Sequence[Sequence[float]]) -> None:
        """Restore the curve, and the best network if the arrays hold one, from a checkpoint."""
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


class Checkpoint(Stored):
    """One file for one seed of one training. Its name depends on settings, data and the code itself."""

    kind = "checkpoint"
    form = "learning checkpoint, 3"
    fix = "Delete it; the seed then starts from the beginning."

    def __init__(self, folder: str | Path, seed: int, depends_on: Any) -> None:
        """A checkpoint in `folder`, which is created with the first save.

        folder     : folder of the file.
        seed       : seed of the training.
        depends_on : JSON values on which the training depends.
        """
        super().__init__(folder, depends_on, f"seed {seed}")
