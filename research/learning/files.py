"""Learned policies on disk: numbers in safetensors, the card in JSON. Reading them runs no code from either."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from research.allocation import Allocation, EqualWeights, FixedWeights
from research.errors import ConfigError, DataError
from research.learning.actions import ACTIONS, numbers_of
from research.learning.network import Network, network
from research.learning.policy import LearnedPolicy
from research.learning.sealed import read_sealed, write_sealed
from research.learning.settings import SESSIONS
from research.learning.state import SHARED, Standard
from research.learning.training_days import scales
from research.market.market import frozen

FORMAT = "learned rebalancing policy, 2"
ALLOCATIONS: dict[str, type] = {"fixed": FixedWeights, "equal": EqualWeights}
MEND = "Restore the folder as it was saved, or train the policy again."


def save(policy: LearnedPolicy, folder: Path) -> Path:
    """Write a policy as `folder`; the same policy gives the same bytes."""
    arrays = {
        **policy.net._asdict(),
        **policy.standard._asdict(),
        **policy.scales._asdict(),
        "volatility": np.array([policy.scales.volatility]),
    }
    card = {
        **policy.card,
        "format": FORMAT,
        "allocation": _allocation_settings(policy.allocation),
        "every": policy.every,
        "action": policy.action,
        "assets": list(policy.assets),
        "seen": f"{policy.seen:%Y-%m-%d}",
    }
    return write_sealed(folder, card, arrays)


def load(folder: Path) -> LearnedPolicy:
    """The policy in `folder`. Raises DataError when a file is missing, of another format, or not as it was saved."""
    card, arrays = read_sealed(folder, MEND, FORMAT)
    try:
        return _policy(card, arrays)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder} holds no policy that can be played: {error!r}. {MEND}") from error


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a policy of any format, whose seal is whole. Raises DataError as `load` does."""
    return read_sealed(folder, MEND)[0]


def _policy(card: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> LearnedPolicy:
    assets, every = tuple(card["assets"]), card["every"]
    *layers, bounded = (arrays[name] for name in Network._fields)
    net = network(layers, bool(bounded[0]))
    n, seen = len(assets), len(SHARED) + len(assets)
    m = numbers_of(card["action"], n)
    volatility = float(arrays["volatility"][0])
    measured = scales(arrays["target"], arrays["half_width"], arrays["covariance"], volatility)
    standard = Standard(frozen(arrays["mean"]), frozen(arrays["deviation"]))
    units = net.weight_1.shape
    shapes = {
        **dict(
            zip(
                Network._fields, ((seen, units[0]), units[:1], units, units[1:], (units[1], m), (m,), (1,)), strict=True
            )
        ),
        **{"mean": (seen,), "deviation": (seen,)},
        **{"target": (len(measured.target), n), "half_width": (len(measured.target), n)},
        "covariance": (len(measured.target), n, n),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape} finite numbers")
    for name in ("volatility", "deviation"):
        if not (arrays[name] > 0.0).all():
            raise ValueError(f"{name} is {arrays[name].min()}, expected more than 0")
    if (measured.half_width < 0.0).any():
        raise ValueError(f"half_width is {measured.half_width.min()}, expected 0 or more")
    for name, known in (("every", SESSIONS), ("action", ACTIONS)):
        if card[name] not in known:
            raise ValueError(f"{name} is {card[name]!r}")
    if not isinstance(card["seen"], str):
        raise ValueError(f"seen is {card['seen']!r}, expected a date")
    return LearnedPolicy(
        allocation=_allocation(card["allocation"]),
        every=every,
        assets=assets,
        seen=pd.Timestamp(card["seen"]),
        scales=measured,
        standard=standard,
        net=net,
        card=card,
        action=card["action"],
    )


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
