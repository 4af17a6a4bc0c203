"""Training of a rule from several seeds on the days before a test, and the choice of one seed before the test."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import is_whole, refuse, shown
from foundation.arrays import frozen
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import listed, percent
from foundation.progress import bar
from research.accounting import Costs
from research.learning.card import card, features_of, versions
from research.learning.learners.learning_curve import Checkpoint, PointLogger, SeedResult
from research.learning.parallel_seeds import Elsewhere, Report, TotalProgress, run_seeds
from research.learning.policy import LearnedPolicy
from research.learning.settings import Learned
from research.learning.worlds.rollouts import closed_form, evaluate_targets, measure_scaling, with_band_actions
from research.learning.worlds.training_days import TrainingDays, training_days
from research.market import Market
from research.rules.networks.actions import action_size
from research.rules.networks.features import FeatureScaling
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import Network, network

SCALAR = "J on validation paths, bp a year"  # as TensorBoard calls it
Folder = str | Path
Progress = Callable[[int, int], None]  # told the steps that all seeds have done together, and how many there are


@dataclass(frozen=True, eq=False)
class Training:
    """A policy for each seed, and J in simulated paths of the training days that no seed trained on.

    policies : policies by seed.
    losses   : by seed, J with the assets of the last training day, bp of NAV a year.
    closed_form, never : J of the closed form's boxes, and of never trading, in the same paths.
    reused   : number of seeds that were taken from an earlier training.
    """

    policies: Mapping[int, LearnedPolicy]
    losses: Mapping[int, float]
    closed_form: float
    never: float
    reused: int = 0

    def __post_init__(self) -> None:
        """Make the tables read-only."""
        for name in ("policies", "losses"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def chosen(self) -> int:
        """The seed with the median J; of an even number of seeds, the better of the two in the middle."""
        return sorted(self.losses, key=lambda seed: (self.losses[seed], seed))[(len(self.losses) - 1) // 2]

    @property
    def policy(self) -> LearnedPolicy:
        """The policy of the median seed, which represents all seeds."""
        return self.policies[self.chosen]

    def asked(self, schedule: str) -> "Training":
        """The same policies, asked at the last session of every "day", "week" or "month"."""
        policies = {seed: replace(policy, schedule=schedule) for seed, policy in self.policies.items()}
        return replace(self, policies=policies)

    def save(self, folder: Folder) -> Path:
        """Write each seed's policy into `seed-<number>` under `folder`, and give the folder.

        Raises : ConfigError where the folder holds other seeds, which would be taken for seeds of this training.
        """
        own = {f"seed-{seed}" for seed in self.policies}
        if others := sorted(path.name for path in Path(folder).glob("seed-*") if path.name not in own):
            raise ConfigError(
                f"{folder} holds {', '.join(others)} of another training: save each training in its own folder."
            )
        for seed, policy in self.policies.items():
            policy.save(Path(folder) / f"seed-{seed}")
        return Path(folder)

    def summary(self) -> pd.DataFrame:
        """A row a policy: J, bp of NAV a year, its fraction above the closed form's, and whether it is chosen."""
        losses = {"never": self.never, "closed form": self.closed_form}
        losses |= {f"seed {seed}": loss for seed, loss in self.losses.items()}
        table = pd.DataFrame({"loss": losses})
        table["above_closed_form"] = table["loss"] / self.closed_form - 1.0
        table["chosen"] = table.index == f"seed {self.chosen}"
        return table

    def __repr__(self) -> str:
        """The summary as text."""
        table = self.summary()
        shown = pd.DataFrame(
            {
                "loss": table["loss"].map("{:.3f}".format),
                "above closed form": table["above_closed_form"].map(partial(percent, signed=True)),
                "": np.where(table["chosen"], "chosen", ""),
            }
        )
        return f"Training: J on simulated training paths, bp of NAV a year\n{shown.to_string()}"


def train(
    spec: Learned,
    market: Market,
    costs: Costs,
    tracking_penalty: float,
    periods_per_year: float,
    *,
    lag: int = 1,
    workers: int | None = None,
    elsewhere: Elsewhere | None = None,
    progress: Progress | None = None,
    checkpoints: Folder | None = None,
    keep: bool = False,
    retrain: bool = False,
    tensorboard: Folder | None = None,
) -> Training:
    """Train a policy for each seed of `spec`.

    spec     : settings of the rule and of its training.
    market   : the training days; it ends with the last of them.
    costs    : costs in J. Paths start with a NAV of 1: where amounts in currency are charged, such as tickets, give
               `costs.simplified(market, nav)`.
    tracking_penalty : g in J, the price of squared tracking error.
    periods_per_year : sessions a year, by which J is annualised.
    lag      : sessions from a decision to its booking.
    workers  : processes (default: one per core); their number does not change the result by a bit.
    elsewhere : calls a function for each seed in other processes instead, and gives each seed with its result, as
                `lambda job, seeds: zip(seeds, executor.map(job, seeds))`. Not in threads.
    progress : receives the steps that all seeds have done together, and their total; by default a bar is shown on a
               terminal and in a notebook.
    checkpoints : folder in which each seed saves its state, `elsewhere` only once it is finished. The same call
                  resumes there after an interruption, and ends with the same bits; the files of finished seeds are
                  deleted at the end.
    keep     : finished seeds stay in `checkpoints`, and the same call takes them from there: with the same settings,
               data, costs, code and versions of libraries. One that is damaged is trained anew, with a warning.
    retrain  : train also what is kept, and replace it.
    tensorboard : folder in which each seed logs its learning curve: `tensorboard --logdir <folder>`.
    Raises   : ConfigError and DataError as `training_days` does, and ConfigError for `workers`, `progress` or
               a folder of another kind, before training starts.
    """
    from joblib import cpu_count  # type: ignore[import-untyped]

    _check_call(workers, progress, {"checkpoints": checkpoints, "tensorboard": tensorboard})
    measure = partial(training_days, spec, market, costs, tracking_penalty, periods_per_year, lag)
    days = measure()
    check_learner(spec, costs)
    references = {
        "closed_form": evaluate_targets(with_band_actions(days), closed_form(days)),
        "never": evaluate_targets(days, None),
    }
    found = {} if checkpoints is None or retrain else _finished(checkpoints, spec, days, keep)
    missing = [seed for seed in spec.seeds if seed not in found]
    processes = min(workers or cpu_count(), len(missing))
    here = processes == 1 and elsewhere is None
    own = checkpoints if elsewhere is None else None
    job = partial(_learn, spec, (lambda: days) if here else measure, own, tensorboard)
    if elsewhere is not None and checkpoints is not None:
        elsewhere = _keeping(elsewhere, lambda seed, result: _keep(_done(checkpoints, seed, spec, days), result))
    with _telling(progress, len(spec.seeds) * spec.whole_steps, len(found) * spec.whole_steps) as stages:
        if missing:
            learned = run_seeds(job, missing, processes, stages, elsewhere)
            found |= dict(zip(missing, learned, strict=True))
    if checkpoints is not None and not keep:
        for seed in spec.seeds:
            _done(checkpoints, seed, spec, days).delete()

    results = [found[seed] for seed in spec.seeds]
    standard, reward_scale = measure_scaling(days, spec)
    return Training(
        policies={
            seed: _policy(spec, days, standard, result.net, card(spec, days, seed, result, reward_scale, references))
            for seed, result in zip(spec.seeds, results, strict=True)
        },
        losses={seed: result.losses[-1] for seed, result in zip(spec.seeds, results, strict=True)},
        closed_form=references["closed_form"][-1],
        never=references["never"][-1],
        reused=len(spec.seeds) - len(missing),
    )


def load_training(
    folder: Folder, spec: Learned, market: Market, costs: Costs, objective: Mapping[str, float]
) -> Training:
    """The training that `Training.save` wrote into `folder`, if `train` would make it from the same.

    Code and versions of libraries are not compared: its networks stay those that its cards describe. Seeds beyond those
    of `spec` are left out.

    objective : tracking_penalty, periods_per_year and lag, by name; the other arguments are those of `train`.
    Raises    : DataError for a seed that is missing or damaged, and for a training from something else, naming it.
    """
    policies = {seed: LearnedPolicy.load(Path(folder) / f"seed-{seed}") for seed in spec.seeds}
    plain = json.loads(json.dumps({"settings": _settings(spec.settings()), "costs": costs.settings}))
    asked = plain | {"data": market.fingerprint, "target": spec.allocation, **objective}
    losses, last = {}, {}
    for seed, policy in policies.items():
        try:
            card = policy.card
            found = {name: card["objective"][name] for name in ("costs", *objective)}
            found |= {"settings": _settings(card["settings"]), "data": card["saw"]["fingerprint"], "seed": card["seed"]}
            last = card["targets"][-1]["loss"]
            losses[seed] = last["learned"]
        except (KeyError, TypeError) as error:
            raise DataError(f"{folder} holds no whole training: the card of seed {seed} lacks {error}.") from error
        found["target"] = policy.allocation
        if others := [name for name, value in (asked | {"seed": seed}).items() if found[name] != value]:
            raise DataError(f"{folder} holds another training: it differs in {listed(others)}.")
    return Training(policies, losses, last["closed_form"], last["never"]).asked(spec.trained_schedule)


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a training on which a seed of it depends."""
    return {name: value for name, value in settings.items() if name != "seeds"}


def _check_call(workers: int | None, progress: Progress | None, folders: Mapping[str, Folder | None]) -> None:
    """Refuse where and how a training should run; `folders` by the name of their parameter. Raises ConfigError."""
    if workers is not None and (not is_whole(workers) or workers < 1):
        raise ConfigError(
            f"workers is {shown(workers)}: give a whole number of processes, 1 or more, or None for one per core."
        )
    for name, folder in folders.items():
        if folder is not None and (not isinstance(folder, str | Path) or Path(folder).is_file()):
            refuse(f"{name} is", folder, "give the path of a folder; it is created if missing.")
    fix = "give a function of steps done and total steps, or leave it out for a progress bar."
    if progress is not None and not callable(progress):
        refuse("progress is", progress, fix)


def check_learner(spec: Learned, costs: Costs) -> None:
    """Refuse costs that the learner of `spec` cannot learn with. Raises ConfigError."""
    if spec.learner == "gradient" and not costs.proportional:
        raise ConfigError(
            "learner 'gradient' needs proportional costs, but these have minimums, tickets, impact or tax, at which "
            "the gradient is not defined: use learner 'cross_entropy' or 'ppo', or leave these costs out."
        )


def untrained(
    spec: Learned, market: Market, costs: Costs, tracking_penalty: float, periods_per_year: float, *, lag: int = 1
) -> LearnedPolicy:
    """The policy that a learner of boxes starts with: its action is always zero, the closed form's boxes of these days.

    Arguments as in `train`.
    Raises : ConfigError for an action other than "bands" and "edges"; ConfigError and DataError as `training_days`
             does.
    """
    if spec.action not in ("bands", "edges"):
        fix = "use 'bands' or 'edges', which start at the closed form."
        refuse("action of an untrained policy is", spec.action, fix)
    days = training_days(spec, market, costs, tracking_penalty, periods_per_year, lag)
    seen, answers = len(SHARED_FEATURES) + len(market.assets), action_size(spec.action, len(market.assets))
    layers = [np.zeros(shape, np.float32) for shape in ((seen, 1), (1,), (1, 1), (1,), (1, answers), (answers,))]
    standard = FeatureScaling(frozen(np.zeros(seen)), frozen(np.ones(seen)))
    return _policy(spec, days, standard, network(layers), {})


def _policy(
    spec: Learned, days: TrainingDays, standard: FeatureScaling, net: Network, card: Mapping[str, Any]
) -> LearnedPolicy:
    return LearnedPolicy(
        allocation=spec.allocation,
        schedule=spec.trained_schedule,
        assets=days.market.assets,
        seen=days.market.dates[-1],
        scales=days.scales,
        standard=standard,
        net=net,
        card=card,
        action=spec.action,
    )


def _learn(
    spec: Learned,
    measure: Callable[[], TrainingDays],
    checkpoints: Folder | None,
    tensorboard: Folder | None,
    seed: int,
    report: Report,
) -> SeedResult:
    """Train one seed; a process of its own measures the training days again, so that they need not be sent."""
    days = measure()
    done = checkpoint = None
    if checkpoints is not None:
        done, checkpoint = _done(checkpoints, seed, spec, days), Checkpoint(checkpoints, seed, _depends_on(spec, days))
    with _curve_logger(tensorboard, seed) as log:
        learned: SeedResult = learner_of(spec.learner)(days, spec, seed, report, checkpoint, log)
    result = learned._replace(features=features_of(days, learned.net, measure_scaling(days, spec)[0]))
    if done is not None and checkpoint is not None:
        _keep(done, result)
        checkpoint.delete()
    return result


def _keep(done: Checkpoint, result: SeedResult) -> None:
    """Save a finished seed."""
    done.save(result.net._asdict(), {name: getattr(result, name) for name in ("steps", "losses", "curve", "features")})


def _keeping(elsewhere: Elsewhere, keep: Callable[[int, SeedResult], None]) -> Elsewhere:
    """The same, with each seed saved here as it arrives: the folders of who trains it may be another machine's."""

    def call(job: Callable[[int], Any], seeds: Sequence[int]) -> Iterator[tuple[int, Any]]:
        for seed, (result, steps) in elsewhere(job, seeds):
            keep(seed, result)
            yield seed, (result, steps)

    return call


def _done(folder: Folder, seed: int, spec: Learned, days: TrainingDays) -> Checkpoint:
    """The checkpoint that keeps a finished seed until all seeds are done."""
    return Checkpoint(folder, seed, ["done", *_depends_on(spec, days)])


def _finished(folder: Folder, spec: Learned, days: TrainingDays, keep: bool) -> dict[int, SeedResult]:
    """The seeds of this training that are finished already, by seed.

    Raises : DataError for a file that is damaged, unless trainings are kept: then it is deleted, with a warning.
    """
    found = {}
    for seed in spec.seeds:
        done = _done(folder, seed, spec, days)
        try:
            loaded = done.load()
        except DataError as error:
            if not keep:
                raise
            warnings.warn(f"Seed {seed} is trained anew: {error}", stacklevel=3)
            done.delete()
            continue
        if loaded is not None:
            Checkpoint(folder, seed, _depends_on(spec, days)).delete()  # a kill just after `done.save` leaves it
            arrays, record = loaded
            net = Network(*(frozen(arrays[name]) for name in Network._fields))
            curve = [tuple(point) for point in record["curve"]]
            found[seed] = SeedResult(net, record["steps"], record["losses"], curve, record["features"])
    return found


def learner_of(by: str) -> Callable[..., SeedResult]:
    """The training function of a learner: (days, spec, seed, report, checkpoint, log) -> SeedResult."""
    where = "reinforcement" if by in ("ppo", "sac", "dqn") else by
    return import_module(f"research.learning.learners.{where}").learn


@contextmanager
def _curve_logger(folder: Folder | None, seed: int) -> Iterator[PointLogger | None]:
    """A function that writes points of a learning curve for TensorBoard, or None without a folder."""
    if folder is None:
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(Path(folder) / f"seed-{seed}")) as writer:  # type: ignore[no-untyped-call]
        yield lambda steps, loss: writer.add_scalar(SCALAR, loss, steps)  # type: ignore[no-untyped-call]


def _depends_on(spec: Learned, days: TrainingDays) -> list[Any]:
    """All that the training of a seed depends on, as JSON values: a checkpoint of another training is not resumed."""
    objective = [days.tracking_penalty, days.periods_per_year, days.lag, days.costs.settings]
    return [days.market.fingerprint, repr(spec.allocation), _settings(spec.settings()), objective, versions()]


@contextmanager
def _telling(progress: Progress | None, total: int, before: int) -> Iterator[TotalProgress]:
    """A function that receives the steps done beside those done `before`: the caller's own, or one that moves a bar."""
    if progress is not None:
        if before:
            progress(before, total)
        yield lambda done: progress(before + done, total)
        return
    with bar(total, "learning", "steps", done=before) as shown:
        yield lambda done: shown.update(before + done - shown.n)
