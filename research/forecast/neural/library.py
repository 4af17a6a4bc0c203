"""All that is used of pytorch-forecasting (v1): its data set, its temporal fusion transformer, and its explanations."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from foundation.arrays import Array
from foundation.sets import version_of
from research.forecast.neural.series import LINE_COLUMN, OBSERVED, SEASON, STEP_COLUMN, TARGET_COLUMN
from research.forecast.neural.settings import NetworkSettings

Inputs = dict[str, torch.Tensor]
PACKAGES = ("torch", "pytorch-forecasting")


class Samples(NamedTuple):
    """N samples in memory: a network's inputs, by the library's names, and the realised log returns (N, steps)."""

    inputs: Inputs
    outcome: torch.Tensor

    def take(self, picked: torch.Tensor, device: torch.device) -> "Samples":
        """The picked samples, on a device."""
        return Samples({k: v[picked].to(device) for k, v in self.inputs.items()}, self.outcome[picked].to(device))


def network_versions() -> dict[str, str]:
    """The versions on which the numbers of a network depend."""
    return {name: version_of(name) for name in PACKAGES}


@contextmanager
def quiet_library() -> Iterator[None]:
    """Silence the messages of the library and lightning about themselves: no warning in it is about the data."""
    levels = {name: logging.getLogger(name).level for name in ("lightning", "lightning.pytorch", "pytorch_forecasting")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def data_set(frame: pd.DataFrame, lines: tuple[str, ...], settings: NetworkSettings, first: int = 0) -> Any:
    """The library's TimeSeriesDataSet of a frame (`Series.frame`), each sample scaled by the deviation in its history.

    lines : those that were trained on: the place of an asset in this order is its code.
    first : the first step that is forecast.
    """
    with quiet_library():
        from pytorch_forecasting import EncoderNormalizer, NaNLabelEncoder, TimeSeriesDataSet

        observed = [*OBSERVED, *settings.facts]
        return TimeSeriesDataSet(
            frame,
            time_idx=STEP_COLUMN,
            target=TARGET_COLUMN,
            group_ids=[LINE_COLUMN],
            min_encoder_length=settings.history,
            max_encoder_length=settings.history,
            min_prediction_length=settings.steps,
            max_prediction_length=settings.steps,
            min_prediction_idx=first,
            static_categoricals=[LINE_COLUMN],
            time_varying_known_reals=list(SEASON),
            time_varying_unknown_reals=[TARGET_COLUMN, *observed],
            target_normalizer=EncoderNormalizer(center=False),
            categorical_encoders={LINE_COLUMN: NaNLabelEncoder().fit(pd.Series(lines))},
            scalers={name: None for name in (*SEASON, *observed)},
            add_encoder_length=False,
        )


def samples(data: Any) -> Samples:
    """Every sample of a TimeSeriesDataSet, in its order."""
    with quiet_library():
        inputs, (outcome, _) = next(iter(data.to_dataloader(train=False, batch_size=len(data), num_workers=0)))
    return Samples({name: value for name, value in inputs.items() if name in READ}, outcome)


READ = (
    "encoder_cat", "encoder_cont", "encoder_target", "encoder_lengths", "decoder_cat", "decoder_cont",
    "decoder_target", "decoder_lengths", "decoder_time_idx", "groups", "target_scale",
)  # fmt: skip


def build_network(data: Any, settings: NetworkSettings) -> nn.Module:
    """A network for the samples of a data set, drawn by torch's generator; it gives (N, steps, levels) log returns."""
    with quiet_library():
        from pytorch_forecasting import QuantileLoss, TemporalFusionTransformer

        return TemporalFusionTransformer.from_dataset(
            data, loss=QuantileLoss(list(settings.levels)), logging_metrics=nn.ModuleList([]),
            hidden_size=settings.hidden, dropout=settings.dropout, attention_head_size=1,
            hidden_continuous_size=max(2, settings.hidden // 2), share_single_variable_networks=True,
        )  # fmt: skip


def quantiles(network: nn.Module, inputs: Inputs) -> torch.Tensor:
    """(N, steps, levels) log returns."""
    found: torch.Tensor = network(inputs)["prediction"]
    return found


def explained(network: Any, inputs: Inputs) -> tuple[dict[str, dict[str, float]], Array]:
    """The variables and the attention that a temporal fusion transformer used for these samples.

    Returns : {"line" | "history" | "ahead": {variable: share}}; and (history,) the share of attention that the first
              step's forecast gives each step of the history.
    """
    with torch.no_grad():
        found = network.interpret_output(network(inputs), reduction="none")
    theirs = {"line": "static", "history": "encoder", "ahead": "decoder"}
    shares = {}
    for role, part in theirs.items():
        names = getattr(network, f"{part}_variables")
        weights = found[f"{part}_variables"].reshape(len(inputs["groups"]), -1).mean(dim=0).cpu().numpy()
        shares[role] = dict(zip(names, map(float, weights), strict=True))
    return shares, np.asarray(found["attention"].mean(dim=0).cpu().numpy(), dtype=float)
