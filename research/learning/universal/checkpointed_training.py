"""The complete training of the universal policy from a seed.

It resumes after an interruption, and writes one folder.
"""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from foundation.arguments import is_whole, refuse
from foundation.arrays import frozen
from research.learning.checksummed import write_checksummed
from research.learning.learners.learning_curve import Checkpoint
from research.learning.universal import training
from research.learning.universal.rule import FOLDER, UNIVERSAL_FORMAT
from research.learning.universal.training import TrainingState, advance, begin, network_of
from research.rules.networks.equivariant import MOVING, STANDING
from research.rules.networks.features import ACTION_REACH, FeatureScaling

SEED, UPDATES = 1, 1_600
MOST_UPDATES = 100_000_000  # more than a year of one core
EVERY, POINTS = 10, 24  # updates between two checkpoints; points of the card's curve
REMEMBERED = ("weights", "mean", "square")


def train_universal(
    seed: int = SEED, updates: int = UPDATES, folder: Path = FOLDER, report: Callable[[int], object] = lambda done: None
) -> Path:
    """Train from a seed, write network and card into `folder`, and give the folder.

    The state is saved in a hidden folder beside it: the same call resumes after an interruption, and ends with the
        same bytes.
    seed    : seed of the training.
    updates : number of updates of the network's weights.
    folder  : folder where the policy is written.
    report  : receives the number of updates done.
    Raises  : ConfigError for a seed or a number of updates out of range, and for a `folder` that is a file.
    """
    if not (is_whole(seed) and 0 <= seed < 2**32):
        refuse("seed of the universal policy is", seed, "give a whole number from 0 to 2^32 - 1.")
    if not (is_whole(updates) and 1 <= updates <= MOST_UPDATES):
        fix = f"give a whole number from 1 to {MOST_UPDATES:,}."
        refuse("updates of the universal policy are", updates, fix)
    if folder.exists() and not folder.is_dir():
        refuse("folder of the universal policy is", str(folder), "which is a file: give a folder.")
    checkpoint = Checkpoint(folder.parent / f".{folder.name}.training", seed, [settings(), updates, versions()])
    state = _load(checkpoint, seed, updates) or begin(seed, updates)
    report(state.done)
    while state.done < updates:
        state = advance(state, EVERY, report)
        _save(state, checkpoint)
    arrays = network_of(state)._asdict() | {f"feature_{k}": v for k, v in state.standard._asdict().items()}
    write_checksummed(folder, _card(state), arrays)
    checkpoint.delete()
    return folder


def settings() -> dict[str, Any]:
    """The inputs of a training besides its seed and number of updates, as plain JSON values."""
    found = {
        "markets": {
            "lines": training.ASSET_COUNTS,
            "drift_between_decisions_over_half_width": training.DRIFT,
            "half_width_over_target": training.WIDTH_RANGE,
            "cost_a_side": training.COST,
            "cost_of_lines_either_way_in_logs": training.UNEQUAL,
            "share_without_cash": training.NO_CASH_SHARE,
            "share_with_hedges": training.NEGATIVE_SHARE,
            "share_with_fat_tails": training.FAT_SHARE,
        },
        "decisions_of_a_world": [training.SHORTEST_WORLD, training.LONGEST_WORLD],
        "learning_rate": training.LEARNING_RATE,
        "hidden": training.HIDDEN,
        "features": [*MOVING, *STANDING],
    }
    return json.loads(json.dumps(found))


def versions() -> dict[str, str]:
    """The versions of the libraries on which a training depends, by name."""
    return {library: version(library) for library in ("numpy", "torch")}


def _card(state: TrainingState) -> dict[str, Any]:
    """The model card."""
    points = np.array_split(state.curve, min(POINTS, len(state.curve)))
    ends = np.cumsum([len(point) for point in points])
    return {
        "format": UNIVERSAL_FORMAT,
        "seed": state.seed,
        "updates": state.updates,
        "saw": {"markets": "simulated ones only, drawn at random", "last": None},
        "action": f"half-widths of the boxes: the closed form's x {ACTION_REACH:g}^action, action in [-1, 1]",
        "settings": settings(),
        "curve": [{"updates": int(e), "loss": float(p.mean())} for e, p in zip(ends, points, strict=True)],
        "versions": versions(),
    }


def _save(state: TrainingState, checkpoint: Checkpoint) -> None:
    """Save the state of a training."""
    remembered = {f"{what}.{k}": v for what in REMEMBERED for k, v in getattr(state, what).items()}
    features = {f"feature_{k}": v for k, v in state.standard._asdict().items()}
    checkpoint.save({**remembered, **features, "curve": state.curve}, {"done": state.done})


def _load(checkpoint: Checkpoint, seed: int, updates: int) -> TrainingState | None:
    """The saved state of a training, or None. Raises DataError for a damaged file."""
    found = checkpoint.load()
    if found is None:
        return None
    arrays, record = found
    weights, mean, square = (
        {name.removeprefix(f"{what}."): v for name, v in arrays.items() if name.startswith(f"{what}.")}
        for what in REMEMBERED
    )
    standard = FeatureScaling(frozen(arrays["feature_mean"]), frozen(arrays["feature_deviation"]))
    return TrainingState(seed, updates, int(record["done"]), standard, weights, mean, square, arrays["curve"])
