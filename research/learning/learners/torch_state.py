"""The state of networks and optimisers as arrays and JSON values, so that no checkpoint needs a pickle."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Arrays = dict[str, NDArray[Any]]


class Stateful(Protocol):
    """A network, or an optimiser."""

    def state_dict(self) -> dict[str, Any]:
        """Its state: tensors and plain values."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take over such a state."""


def states_of(parts: Mapping[str, Stateful]) -> tuple[Arrays, dict[str, Any]]:
    """The tensors of all parts by path, and the JSON structure of each part's state with paths in place of tensors."""
    arrays: Arrays = {}
    words: dict[str, Any] = {}
    for name, part in parts.items():
        own, words[name] = _taken_apart(part.state_dict(), name)
        arrays |= own
    return arrays, words


def restore(parts: Mapping[str, Stateful], arrays: Arrays, words: Mapping[str, Any]) -> None:
    """Set all parts to the states that `states_of` gave."""
    for name, part in parts.items():
        part.load_state_dict(_put_together(arrays, words[name]))


def _taken_apart(state: Any, at: str) -> tuple[Arrays, Any]:
    if isinstance(state, Tensor):
        return {at: state.detach().cpu().numpy().copy()}, {"tensor": at}
    if not isinstance(state, dict | list | tuple):
        return {}, {"value": state}
    items = list(state.items() if isinstance(state, dict) else enumerate(state))
    parts = [(key, *_taken_apart(value, f"{at}/{key}")) for key, value in items]
    arrays = {place: values for _, own, _ in parts for place, values in own.items()}
    if isinstance(state, dict):
        return arrays, {"mapping": [[key, word] for key, _, word in parts]}
    return arrays, {"list": [word for _, _, word in parts]}


def _put_together(arrays: Arrays, words: Any) -> Any:
    if "tensor" in words:
        return torch.from_numpy(np.array(arrays[words["tensor"]]))
    if "mapping" in words:
        return {key: _put_together(arrays, word) for key, word in words["mapping"]}
    if "list" in words:
        return [_put_together(arrays, word) for word in words["list"]]
    return words["value"]
