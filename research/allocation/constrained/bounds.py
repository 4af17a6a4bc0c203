"""Bounds of weights: one number for all lines, or one by name."""

from collections.abc import Mapping

from foundation.arguments import is_number, refuse
from foundation.errors import ConfigError

Pairs = tuple[tuple[str, float], ...]
Bound = float | Mapping[str, float] | Pairs  # kept as a number, or as pairs in the order of the names


def frozen_bound(bound: Bound) -> float | Pairs:
    """A bound that can be hashed: a number, or pairs in the order of the names."""
    return tuple(sorted(bound.items())) if hasattr(bound, "items") else bound  # type: ignore[return-value]


def check_bound(owner: str, bound: object) -> None:
    """Raise ConfigError for a bound that is no fraction of NAV from -1 to 1, or a name given twice."""
    pairs = bound if isinstance(bound, tuple) else (("", bound),)
    for name, value in pairs:
        if not (is_number(value) and -1.0 <= value <= 1.0):
            of = f"{owner} for {name}" if name else owner
            refuse(f"{of} is", value, "give a fraction of NAV, such as 0.3.")
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{owner} names {twice!r} twice. Name each line once.")
