"""Targets that are given and not estimated: they change only when a line is listed or delisted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from foundation.arguments import shown
from foundation.arrays import Array
from foundation.errors import ConfigError
from research.allocation.allocation import LISTING, Unlisted, check_unlisted, spread_unlisted
from research.market import Past


@dataclass(frozen=True)
class FixedWeights:
    """Constant weights; the weight of an unlisted line goes to the others, or to cash.

    weights  : name -> fraction of NAV, zero for a line that is not named; or n fractions in the market's order. Cash
               is the rest. Stored as a tuple: pairs in the order of the names, or the fractions.
    unlisted : "pro_rata" or "cash", see `spread_unlisted`.
    Raises   : ConfigError for a weight that is not a finite number or a name given twice; on a refit, for a name that
               the market does not have or another number of weights than it has lines.
    """

    weights: Mapping[str, float] | tuple[float, ...] | tuple[tuple[str, float], ...]
    unlisted: Unlisted = "pro_rata"

    schedule: ClassVar[str] = LISTING
    window: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check the weights and keep them immutable."""
        object.__setattr__(self, "weights", _immutable(self.weights))
        check_unlisted("FixedWeights", self.unlisted)

    def target(self, past: Past) -> Array:
        """(n,) the weights in the market's order, fraction of NAV, with those of unlisted lines spread."""
        return spread_unlisted(self._in_order(past.assets), past.listed[-1], past.asset_class, self.unlisted)

    def _in_order(self, assets: tuple[str, ...]) -> Array:
        if not _named(self.weights):
            if len(self.weights) != len(assets):
                raise ConfigError(
                    f"FixedWeights has {len(self.weights)} weights and the market {len(assets)} lines: "
                    f"{', '.join(assets)}. Give one weight a line, or name them."
                )
            return np.array(self.weights)
        given: dict[str, float] = dict(self.weights)  # type: ignore[arg-type]  # pairs, by `_immutable`
        unknown = [name for name in given if name not in assets]
        if unknown:
            raise ConfigError(
                f"FixedWeights names {', '.join(map(repr, unknown))}, which the market does not have: its lines are "
                f"{', '.join(assets)}. Correct the name, or add the line to the market."
            )
        return np.array([given.get(asset, 0.0) for asset in assets])


@dataclass(frozen=True)
class EqualWeights:
    """1/n for each of n lines; the weight of an unlisted line goes to those of its class first, or to cash.

    unlisted : "pro_rata" or "cash", see `spread_unlisted`.
    Raises   : ConfigError for another `unlisted`.
    """

    unlisted: Unlisted = "pro_rata"

    schedule: ClassVar[str] = LISTING
    window: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_unlisted("EqualWeights", self.unlisted)

    def target(self, past: Past) -> Array:
        """(n,) equal weights, fraction of NAV, with those of unlisted lines spread."""
        lines = len(past.assets)
        return spread_unlisted(np.full(lines, 1.0 / lines), past.listed[-1], past.asset_class, self.unlisted)


def _named(weights: Any) -> bool:
    return len(weights) > 0 and isinstance(weights[0], tuple)


def _immutable(weights: Any) -> tuple[Any, ...]:
    """Weights as a tuple of numbers, or of (name, number) in the order of names; checked."""
    if hasattr(weights, "items"):  # a mapping, and a pandas Series too: its labels are names, not a market's order
        return _pairs(weights.items())
    if isinstance(weights, str) or not isinstance(weights, Iterable):
        raise ConfigError(f"weights of FixedWeights are {shown(weights)}. Give one a line, or name -> fraction of NAV.")
    weights = tuple(weights)
    if any(isinstance(weight, tuple | list) for weight in weights):
        return _pairs(weights)
    if not weights:
        raise ConfigError("FixedWeights has no weights: found (). Give one a line, or name them.")
    return tuple(_number(weight, f"of line {line}") for line, weight in enumerate(weights))


def _pairs(items: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    pairs = sorted((str(name), _number(weight, f"of {name!r}")) for name, weight in items)
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not pairs:
        found = f"{twice!r} is named twice" if pairs else "no line is named"
        raise ConfigError(f"weights of FixedWeights: {found}. Name each line once.")
    return tuple(pairs)


def _number(weight: Any, where: str) -> float:
    try:
        value = np.nan if isinstance(weight, bool) else float(weight)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise ConfigError(
            f"weight {where} in FixedWeights is {shown(weight)}. Give a finite fraction of NAV: 0.25 is 25 %."
        )
    return value
