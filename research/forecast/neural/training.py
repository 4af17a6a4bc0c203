"""Training in plain epochs of torch, each of which can be kept and gone on from: no pickle, no folder of its own.

A checkpoint of lightning is a pickle, so its trainer is not used. What an epoch draws depends on seed and epoch alone:
training that goes on from a kept epoch ends at the same bits on a CPU as one that was not interrupted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from foundation.errors import DataError
from foundation.progress import bar
from foundation.stored import Stored
from research.forecast.neural.library import Samples, quantiles, quiet
from research.forecast.neural.network import Network

CLIP = 0.1  # norm of the gradient, as in the library's own examples
AT_ONCE = 4096  # samples that are forecast together where nothing is learned
STATE = ("exp_avg", "exp_avg_sq", "step")  # of Adam, for each weight


@dataclass(frozen=True)
class Learned:
    """The result of training.

    weights    : weights by name, of the epoch with the least loss of validation.
    losses     : validation loss after each epoch, mean pinball loss over the deviation of each line's history.
    parameters : number of weights.
    """

    weights: dict[str, np.ndarray]
    losses: tuple[float, ...]
    parameters: int


class Epochs(Stored):
    """The last epoch of a training."""

    kind = "training of a network"
    form = "epochs of a network, 1"
    fix = "Delete it; training then begins anew."


def train(network: nn.Module, learn: Samples, judge: Samples, settings: Network, kept: Epochs | None) -> Learned:
    """Train until the epochs are over, or `patience` of them were none the better.

    network : as drawn; it is changed.
    learn   : samples to learn from.
    judge   : samples of validation.
    kept    : place where each epoch is saved, and resumed from.
    Raises  : DataError where the loss becomes no number.
    """
    device = device_of(settings)
    network.to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    losses, best = _restore(network, optimiser, kept)
    batches = -(-len(learn.outcome) // settings.batch)
    told = bar(settings.epochs * batches, f"training {settings.architecture}", "batches", done=len(losses) * batches)
    with told, quiet():
        while not over(losses, settings):
            _epoch(network, optimiser, learn, settings, len(losses), told)
            losses.append(_finite(loss_of(network, judge, settings), settings))
            best = _weights(network) if losses[-1] == min(losses) else best
            _keep(network, optimiser, best, losses, kept)
    return Learned(best, tuple(losses), sum(p.numel() for p in network.parameters()))


def _finite(loss: float, settings: Network) -> float:
    """The loss. Raises DataError where it is no number."""
    if not np.isfinite(loss):
        raise DataError(
            f"the training of {settings.architecture} did not converge: its loss is {loss}. Take a learning rate below "
            f"{settings.learning_rate:g}."
        )
    return loss


def over(losses: list[float], settings: Network) -> bool:
    """True if training ends after epochs with these losses."""
    since = len(losses) - int(np.argmin(losses)) - 1 if losses else 0
    return len(losses) >= settings.epochs or since >= settings.patience


def device_of(settings: Network) -> torch.device:
    """The device to train and forecast on."""
    return torch.device("cuda" if settings.device == "auto" and torch.cuda.is_available() else "cpu")


def loss_of(network: nn.Module, samples: Samples, settings: Network) -> float:
    """Mean pinball loss, over the deviation of each line's history."""
    network.eval()
    device, total = device_of(settings), 0.0
    with torch.no_grad():
        for picked in torch.arange(len(samples.outcome)).split(AT_ONCE):
            total += float(_loss(network, samples.take(picked, device), settings)) * len(picked)
    return total / len(samples.outcome)


def _epoch(
    network: nn.Module, optimiser: torch.optim.Optimizer, learn: Samples, settings: Network, epoch: int, told: bar
) -> None:
    """One pass over the samples in an order that seed and epoch draw."""
    torch.manual_seed(int(np.random.SeedSequence((settings.seed, epoch + 1)).generate_state(1)[0]))
    network.train()
    device = device_of(settings)
    for picked in torch.randperm(len(learn.outcome)).split(settings.batch):
        optimiser.zero_grad()
        _loss(network, learn.take(picked, device), settings).backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        told.update()


def _loss(network: nn.Module, samples: Samples, settings: Network) -> torch.Tensor:
    """Mean pinball loss of the quantiles (Koenker and Bassett 1978), in units of the deviation of each history."""
    levels = torch.tensor(settings.levels, device=samples.outcome.device)
    deviation = samples.inputs["target_scale"][:, 1:, None]
    over = (samples.outcome[..., None] - quantiles(network, samples.inputs)) / deviation
    return torch.maximum(levels * over, (levels - 1.0) * over).mean()


def _weights(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


def _keep(
    network: nn.Module, optimiser: torch.optim.Optimizer, best: Mapping[str, np.ndarray], losses: list[float],
    kept: Epochs | None,
) -> None:  # fmt: skip
    if kept is None:
        return
    state = optimiser.state_dict()["state"]
    arrays = {f"last.{name}": values for name, values in _weights(network).items()}
    arrays |= {f"best.{name}": values for name, values in best.items()}
    arrays |= {f"adam.{i}.{name}": state[i][name].cpu().numpy() for i in state for name in STATE}
    kept.save(arrays, {"losses": losses})


def _restore(
    network: nn.Module, optimiser: torch.optim.Optimizer, kept: Epochs | None
) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses so far and the best weights; network and optimiser are put back to the last epoch that was kept."""
    found = None if kept is None else kept.load()
    if found is None:
        return [], _weights(network)
    arrays, record = found
    parts: dict[str, dict[str, np.ndarray]] = {"last": {}, "best": {}, "adam": {}}
    for name, values in arrays.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = values
    network.load_state_dict({name: torch.from_numpy(values) for name, values in parts["last"].items()})
    state: dict[int, dict[str, Any]] = {}
    for name, values in parts["adam"].items():
        i, _, rest = name.partition(".")
        state.setdefault(int(i), {})[rest] = torch.from_numpy(values)
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return list(record["losses"]), parts["best"]
