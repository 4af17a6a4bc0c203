"""Learned policies on disk: numbers in safetensors, the card in JSON. Reading them runs no code from either."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from research.allocation import Allocation, EqualWeights, FixedWeights
from research.errors import ConfigError, DataError
from research.learning.network import Network, network
from research.learning.policy import LearnedPolicy
from research.learning.settings import SESSIONS
from research.learning.state import SHARED, Standard
from research.learning.training_days import scales
from research.market.market import Array, frozen

FORMAT = "learned rebalancing policy, 1"
NUMBERS, CARD = "policy.safetensors", "card.json"
ALLOCATIONS: dict[str, type] = {"fixed": FixedWeights, "equal": EqualWeights}
MEND = "Restore the folder as it was saved, or train the policy again."


def save(policy: LearnedPolicy, folder: Path) -> Path:
    """Write a policy into `folder`; the same policy gives the same bytes."""
    from safetensors.numpy import save as to_bytes

    arrays = {
        **policy.net._asdict(),
        **policy.standard._asdict(),
        **policy.scales._asdict(),
        "volatility": np.array([policy.scales.volatility]),
    }
    numbers = to_bytes({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    card = {
        **policy.card,
        "format": FORMAT,
        "allocation": _allocation_settings(policy.allocation),
        "every": policy.every,
        "assets": list(policy.assets),
        "seen": f"{policy.seen:%Y-%m-%d}",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_bytes(numbers)
    text = json.dumps(card | {"seal": _seal(card, numbers)}, indent=2, sort_keys=True, allow_nan=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")
    return folder


def load(folder: Path) -> LearnedPolicy:
    """The policy in `folder`. Raises DataError when a file is missing, of another format, or not as it was saved."""
    card, numbers = _read_card(folder / CARD), _read_bytes(folder / NUMBERS)
    seal = card.pop("seal", None)
    if card.get("format") != FORMAT:
        raise DataError(f"{folder / CARD} has the format {card.get('format')!r}, expected {FORMAT!r}. {MEND}")
    if seal != _seal(card, numbers):
        raise DataError(f"{folder} is not as it was saved: {CARD} and {NUMBERS} do not bear its seal. {MEND}")
    try:
        return _policy(card, _arrays(numbers))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder} holds no policy that can be played: {error!r}. {MEND}") from error


def _policy(card: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> LearnedPolicy:
    assets, every = tuple(card["assets"]), card["every"]
    net = network([arrays[name] for name in Network._fields])
    n, seen = len(assets), len(SHARED) + len(assets)
    volatility = float(arrays["volatility"][0])
    measured = scales(arrays["target"], arrays["half_width"], arrays["covariance"], volatility)
    standard = Standard(frozen(arrays["mean"]), frozen(arrays["deviation"]))
    units = net.weight_1.shape
    shapes = {
        **dict(zip(Network._fields, ((seen, units[0]), units[:1], units, units[1:], (units[1], n), (n,)), strict=True)),
        **{"mean": (seen,), "deviation": (seen,)},
        **{"target": (len(measured.target), n), "half_width": (len(measured.target), n)},
        "covariance": (len(measured.target), n, n),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape} finite numbers")
    if every not in SESSIONS:
        raise ValueError(f"every is {every!r}")
    return LearnedPolicy(
        allocation=_allocation(card["allocation"]),
        every=every,
        assets=assets,
        seen=pd.Timestamp(card["seen"]),
        scales=measured,
        standard=standard,
        net=net,
        card=card,
    )


def _arrays(numbers: bytes) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        return dict(from_bytes(numbers))
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(_read_bytes(path))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}. {MEND}") from error
    if not isinstance(card, dict):
        raise DataError(f"{path} is a {type(card).__name__}, expected a card of keys and values. {MEND}")
    return card


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"no learned policy at {path}: {error.strerror}. {MEND}") from error


def _seal(card: Mapping[str, Any], numbers: bytes) -> str:
    """sha256 over the card's values and the numbers: it breaks when either file is changed, cut, or exchanged."""
    text = json.dumps(card, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode() + b"\0" + numbers).hexdigest()


def _allocation_settings(allocation: Allocation) -> dict[str, Any]:
    kind = next((name for name, cls in ALLOCATIONS.items() if type(allocation) is cls), None)
    if kind is None:
        raise ConfigError(
            f"a learned policy can be saved with one of {', '.join(c.__name__ for c in ALLOCATIONS.values())}, and it "
            f"holds {allocation!r}: another allocation would need its code to be run when it is loaded."
        )
    settings: dict[str, Any] = {"kind": kind, "unlisted": allocation.unlisted}  # type: ignore[attr-defined]
    if isinstance(allocation, FixedWeights):
        settings["weights"] = [list(w) if isinstance(w, tuple) else w for w in allocation.weights]
    return settings


def _allocation(settings: Mapping[str, Any]) -> Allocation:
    cls = ALLOCATIONS[settings["kind"]]
    given = {name: value for name, value in settings.items() if name != "kind"}
    allocation: Allocation = cls(**given)
    return allocation
