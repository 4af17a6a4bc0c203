"""A trained network: its training, its forecasts, their explanations, and its file.

It is trained in plain epochs of torch, each of which can be kept and gone on from: no pickle, no folder of its own.

A checkpoint of lightning is a pickle, so its trainer is not used. What an epoch draws depends on seed and epoch alone:
training that goes on from a kept epoch ends at the same bits on a CPU as one that was not interrupted.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtri
from torch import nn

from foundation.arrays import Array
from foundation.dataclasses import asdict, dataclass
from foundation.errors import DataError
from foundation.progress import bar
from foundation.stored import Stored, read_stored, write_stored
from foundation.threads import one_thread
from research.forecast.covariances import covariance
from research.forecast.model import refuse_earlier
from research.forecast.moments import Moments
from research.forecast.neural import library
from research.forecast.neural.library import Samples, quantiles, quiet_library
from research.forecast.neural.series import LINE_COLUMN, MOMENTUM, STEP_COLUMN, VALIDATION_SHARE, Series, series
from research.forecast.neural.settings import NetworkSettings
from research.forecast.returns import complete_returns
from research.market import Past

NETWORK_FORM = "network, 1"  # of the file: count on when what it holds changes
FIX = "Train the network anew."


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """A network with its weights, for the assets that it was trained on.

    settings    : settings of the network.
    seen        : the last date of its training and validation.
    lines       : assets that it knows, in order.
    scales      : {covariate: (mean, deviation)} by which its inputs are scaled.
    weights     : weights by name.
    losses      : validation loss after each epoch: mean pinball loss over the deviation of each asset's history.
    parameters  : number of weights that were learned.
    fingerprint : fingerprint of the series that it was trained on.
    """

    settings: NetworkSettings
    seen: pd.Timestamp
    lines: tuple[str, ...]
    scales: Mapping[str, tuple[float, float]]
    weights: Mapping[str, np.ndarray]
    losses: tuple[float, ...]
    parameters: int
    fingerprint: str

    def predict(self, past: Past) -> Moments:
        """Mean and covariance over the horizon of the assets that it knows and whose history is complete.

        The steps' errors count as uncorrelated: their variances are summed. Correlations are those of the sessions of
        the history, shrunk (Ledoit and Wolf 2004).
        Raises : DataError where no asset has a history, and as `Network.fit` for a covariate that is not finite;
                 PolicyError on a date before the last of its training.
        """
        known, found = self._quantiles(past)
        step_mean, deviation = location_and_scale(found, self.settings.levels)
        mean, spread = simple_moments(step_mean.sum(axis=1), np.square(deviation).sum(axis=1))
        returns, columns = complete_returns(past, self.settings.history * self.settings.every)
        names = [past.assets[i] for i in columns]
        lines = [name for name in names if name in known]
        order = [known.index(name) for name in lines]
        cov = covariance("ledoit_wolf", returns[:, [names.index(name) for name in lines]], 1.0)
        scale = spread[order] / np.sqrt(np.diag(cov))
        horizon = float(self.settings.horizon)
        return Moments(tuple(lines), mean[order], cov * np.outer(scale, scale), horizon, past.date)

    def quantiles(self, past: Past) -> pd.DataFrame:
        """Simple return of each step, fraction: a row for each asset and step ahead, a column for each level.

        Raises : as `predict`.
        """
        known, found = self._quantiles(past)
        steps = range(1, self.settings.steps + 1)
        rows = pd.MultiIndex.from_product([known, steps], names=["line", "step"])
        values = np.expm1(np.sort(found, axis=2)).reshape(len(rows), -1)
        return pd.DataFrame(values, rows, pd.Index(self.settings.levels, name="level"))

    def importance(self, past: Past) -> pd.DataFrame:
        """The variables that the network used today: role, variable, share of its role.

        The roles: "history", its history; "ahead", variables known of the steps to come; "line".
        Raises : as `predict`.
        """
        shares, _ = self._explained(past)
        rows = [(role, name, share) for role, of in shares.items() for name, share in of.items()]
        return pd.DataFrame(rows, columns=["role", "variable", "share"]).sort_values(
            ["role", "share"], ascending=[True, False], ignore_index=True
        )

    def attention(self, past: Past) -> pd.Series:
        """The share of attention that the first step's forecast gives each step back, 1 the last one, mean over assets.

        Raises : as `importance`.
        """
        _, attention = self._explained(past)
        back = pd.Index(range(len(attention), 0, -1), name="steps back")
        return pd.Series(attention, back, name="attention")

    def save(self, path: str | Path) -> Path:
        """Write it to one file: weights as safetensors, the rest as JSON in its header."""
        said = {
            "format": NETWORK_FORM, "settings": asdict(self.settings), "seen": f"{self.seen:%Y-%m-%d}",
            "lines": list(self.lines), "scales": {name: list(pair) for name, pair in self.scales.items()},
            "losses": list(self.losses), "parameters": self.parameters, "fingerprint": self.fingerprint,
            "versions": library.network_versions(),
        }  # fmt: skip
        return write_stored(Path(path), self.weights, said)

    def _quantiles(self, past: Past) -> tuple[list[str], Array]:
        """The assets of today, and their log returns (k, steps, levels)."""
        with one_thread(), torch.no_grad():
            lines, network, inputs = self._ready(past)
            return lines, library.quantiles(network, inputs).double().cpu().numpy()

    def _explained(self, past: Past) -> tuple[dict[str, dict[str, float]], Array]:
        with one_thread(), torch.no_grad():
            _, network, inputs = self._ready(past)
            return library.explained(network, inputs)

    def _ready(self, past: Past) -> tuple[list[str], nn.Module, library.Inputs]:
        """The assets of today, the network with its weights, and its inputs."""
        refuse_earlier("the network was", self.seen, past)
        today = series(past, self.settings).last(self.settings.history, self.lines)
        if not today.lines:
            raise DataError(
                f"no asset has {self.settings.history} steps of {self.settings.every} sessions up to "
                f"{past.date:%Y-%m-%d} of those that the network was trained on: {', '.join(self.lines)}. Choose "
                "another date, or train on these assets."
            )
        data = library.data_set(today.frame(dict(self.scales), ahead=True), self.lines, self.settings)
        network, device = library.build_network(data, self.settings), device_of(self.settings)
        network.load_state_dict({name: torch.from_numpy(values) for name, values in self.weights.items()})
        inputs = {name: values.to(device) for name, values in library.samples(data).inputs.items()}
        return list(today.lines), network.to(device).eval(), inputs


def fit_network(settings: NetworkSettings, past: Past, kept_in: str | Path | None) -> FittedNetwork:
    """See `Network.fit`."""
    found = series(past, settings)
    _check_length(settings, found, past)
    scales = found.scales()
    frame = found.frame(scales)
    counts = frame[LINE_COLUMN].value_counts()
    lines = tuple(sorted(counts.index[counts >= settings.history + settings.steps]))
    frame = frame[frame[LINE_COLUMN].isin(lines)]
    early = library.data_set(frame[frame[STEP_COLUMN] < found.split], lines, settings)
    learn, judge = library.samples(early), library.samples(library.data_set(frame, lines, settings, found.split))
    kept = None
    if kept_in is not None:
        depends = {"settings": asdict(settings), "data": found.fingerprint, "versions": library.network_versions()}
        kept = Epochs(kept_in, depends)
    with one_thread():
        torch.manual_seed(settings.seed)
        learned = _train(library.build_network(early, settings), learn, judge, settings, kept)
    return FittedNetwork(
        settings, past.date, lines, scales, learned.weights, learned.losses, learned.parameters, found.fingerprint
    )


def load_network(path: str | Path, past: Past) -> FittedNetwork:
    """A network that was saved, for the market that it was trained on.

    past   : any past of that market, no earlier than the last date of its training.
    Raises : DataError for a file that is damaged or of another format; for other versions of the libraries, under
             which its forecasts may differ; and for other data up to the last date that it saw.
    """
    weights, said = read_stored(Path(path), "network", NETWORK_FORM, FIX)
    for name, ours in library.network_versions().items():
        if said["versions"].get(name) != ours:
            raise DataError(f"{path} was trained with {name} {said['versions'].get(name)}, and this is {ours}. {FIX}")
    settings = NetworkSettings(**said["settings"])
    seen = pd.Timestamp(said["seen"])
    row = int(np.searchsorted(past.days, np.datetime64(seen, "D")))
    if row > past.t or past.dates[row] != seen:
        raise DataError(
            f"{path} was trained up to {seen:%Y-%m-%d}, which is no session up to {past.date:%Y-%m-%d}. {FIX}"
        )
    if series(past.earlier(row), settings).fingerprint != said["fingerprint"]:
        raise DataError(f"{path} was trained on other returns up to {seen:%Y-%m-%d} than those of this market. {FIX}")
    scales = {name: (pair[0], pair[1]) for name, pair in said["scales"].items()}
    return FittedNetwork(
        settings, seen, tuple(said["lines"]), scales, weights, tuple(said["losses"]), said["parameters"],
        said["fingerprint"],
    )  # fmt: skip


def _check_length(settings: NetworkSettings, found: Series, past: Past) -> None:
    """Raise DataError unless some asset has a sample to learn from, and one of validation."""
    need = settings.history + settings.steps
    train, rest = found.known[: found.split].sum(axis=0), len(found.days) - found.split
    if past.t < settings.window or not (train >= need).any() or rest < settings.steps:
        raise DataError(
            f"{past.t} returns up to {past.date:%Y-%m-%d} are too few: a network of {settings.history} steps of "
            f"{settings.every} sessions, {settings.steps} ahead, is fitted on {_needed(settings)} at least. Start "
            "later, or read fewer steps."
        )


def _needed(settings: NetworkSettings) -> int:
    """Returns that a fit needs: the window, and so many that four fifths of the steps hold one sample."""
    steps = int(np.ceil((settings.history + settings.steps) / (1.0 - VALIDATION_SHARE))) + 1
    return max(settings.window, MOMENTUM + settings.every * max(steps, int(settings.steps / VALIDATION_SHARE) + 1))


def location_and_scale(quantiles: Array, levels: tuple[float, ...]) -> tuple[Array, Array]:
    """Intercept and slope of the least-squares asset of quantiles (..., q) on the normal quantiles of their levels
    (q,).

    A normal law's own mean and standard deviation come back. Quantiles that cross are put in order first.
    Source : the normal probability plot; for the order, Chernozhukov, Fernández-Val and Galichon (2010), Quantile and
             probability curves without crossing, Econometrica 78(3).

    >>> [x.round(3).tolist() for x in location_and_scale(np.array([-0.2816, 1.0, 2.2816]), (0.1, 0.5, 0.9))]
    [1.0, 1.0]
    """
    ordered, scores = np.sort(quantiles, axis=-1), ndtri(np.array(levels))
    middle = ordered.mean(axis=-1)  # the scores sum to zero: levels stand in pairs round 0.5
    return middle, ordered @ scores / float(scores @ scores)


def simple_moments(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of exp(x) − 1, of a normal x with this mean and variance, all (k,).

    Source : the lognormal law.

    >>> [x.round(4).tolist() for x in simple_moments(np.array([0.0]), np.array([0.04]))]
    [[0.0202], [0.2061]]
    """
    growth = np.exp(mean + variance / 2.0)
    return growth - 1.0, growth * np.sqrt(np.expm1(variance))


CLIP = 0.1  # norm of the gradient, as in the library's own examples
SAMPLES_AT_ONCE = 4096  # samples that are forecast together where nothing is learned
STATE = ("exp_avg", "exp_avg_sq", "step")  # of Adam, for each weight


@dataclass(frozen=True)
class Learned:
    """The result of training.

    weights    : weights by name, of the epoch with the least loss of validation.
    losses     : validation loss after each epoch, mean pinball loss over the deviation of each asset's history.
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


def _train(
    network: nn.Module, learn: Samples, judge: Samples, settings: NetworkSettings, kept: Epochs | None
) -> Learned:
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
    with told, quiet_library():
        while not _over(losses, settings):
            _epoch(network, optimiser, learn, settings, len(losses), told)
            losses.append(_finite(pinball_loss(network, judge, settings), settings))
            best = _weights(network) if losses[-1] == min(losses) else best
            _keep(network, optimiser, best, losses, kept)
    return Learned(best, tuple(losses), sum(p.numel() for p in network.parameters()))


def _finite(loss: float, settings: NetworkSettings) -> float:
    """The loss. Raises DataError where it is no number."""
    if not np.isfinite(loss):
        raise DataError(
            f"the training of {settings.architecture} did not converge: its loss is {loss}. Take a learning rate below "
            f"{settings.learning_rate:g}."
        )
    return loss


def _over(losses: list[float], settings: NetworkSettings) -> bool:
    """True if training ends after epochs with these losses."""
    since = len(losses) - int(np.argmin(losses)) - 1 if losses else 0
    return len(losses) >= settings.epochs or since >= settings.patience


def device_of(settings: NetworkSettings) -> torch.device:
    """The device to train and forecast on."""
    return torch.device("cuda" if settings.device == "auto" and torch.cuda.is_available() else "cpu")


def pinball_loss(network: nn.Module, samples: Samples, settings: NetworkSettings) -> float:
    """Mean pinball loss, over the deviation of each asset's history."""
    network.eval()
    device, total = device_of(settings), 0.0
    with torch.no_grad():
        for picked in torch.arange(len(samples.outcome)).split(SAMPLES_AT_ONCE):
            total += float(_loss(network, samples.take(picked, device), settings)) * len(picked)
    return total / len(samples.outcome)


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    learn: Samples,
    settings: NetworkSettings,
    epoch: int,
    told: bar,
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


def _loss(network: nn.Module, samples: Samples, settings: NetworkSettings) -> torch.Tensor:
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
