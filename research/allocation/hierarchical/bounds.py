"""Bounds of the weights of lines and groups of lines, and how hierarchical weights are brought inside them.

The weights w0 of a tree say in which proportion lines should be held. Where they break a bound, they go to the w inside
with the least sum of (w - w0)^2 / w0, so that all lines of a group that are at no bound of their own keep their
proportions to each other: w = min(max(factor x w0, lower), upper), one factor a group whose bound holds, and one for
all others. For bounds of lines it is also the w of least relative entropy to w0. (The Euclidean projection would add
the same number of points to each line, to one of 0.5 % as to one of 30 %, and undo what the tree said.) A line of
weight zero takes weight only where the others have no room.

skfolio puts bounds into each split of HRP, projects HERC by relative deviations, and knows none for the whole portfolio
in nested clusters; Riskfolio-Lib cuts off and shares out in turn, and stops where no line lies between its bounds,
which leaves a sum below one.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from research.arguments import is_number, one_of, refuse
from research.arrays import Array, Rows
from research.errors import ConfigError, PolicyError
from research.market import Past

KEPT = 1e-8  # by how much weights may break a bound
WHOLE = 1e-9  # by how much they may miss a sum of one
NOTHING = 1e-9  # a weight below it is none


@dataclass(frozen=True)
class GroupBound:
    """Bounds of the sum of weights of the lines of one asset class or sector.

    by    : "asset_class" or "sector".
    name  : of the class or sector.
    lower : fraction of NAV, 0 to 1.
    upper : likewise.
    """

    by: Literal["asset_class", "sector"]
    name: str
    lower: float = 0.0
    upper: float = 1.0

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        one_of(f"by of the group {self.name!r} is", self.by, ("asset_class", "sector"))
        _check_range(f"of the group {self.name!r}", self.lower, self.upper)


@dataclass(frozen=True)
class Bounds:
    """Bounds of weights.

    lower  : of each line that has a complete window, fraction of NAV, 0 to 1.
    upper  : likewise.
    groups : of groups of lines.
    Raises : ConfigError for a bound outside 0 to 1, or a lower one above the upper one.
    """

    lower: float = 0.0
    upper: float = 1.0
    groups: tuple[GroupBound, ...] = ()

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_range("of bounds", self.lower, self.upper)

    @property
    def none(self) -> bool:
        """Do all weights that are not negative and sum to one keep them?"""
        return self.lower == 0.0 and self.upper == 1.0 and not self.groups


def within(weights: Array, bounds: Bounds, past: Past, lines: Rows) -> Array:
    """(k,) the weights nearest to those given that keep the bounds; those given, where they do.

    weights : (k,) not negative, with sum one, of the columns `lines` (k,) of the market.
    Raises  : ConfigError for bounds that no weights keep on that day, and for a group that the market does not have.
    """
    if bounds.none:
        return weights
    k = len(weights)
    rows = [_members(group, past, lines) for group in bounds.groups]
    low = np.array([bounds.lower] * k + [group.lower for group in bounds.groups])
    high = np.array([bounds.upper] * k + [group.upper for group in bounds.groups])
    found = projected(weights, np.vstack([np.eye(k), *rows]), low, high)
    if found is None:
        groups = "".join(f", {g.by} {g.name} {g.lower:g} to {g.upper:g}" for g in bounds.groups)
        raise ConfigError(
            f"no weights of {k} lines on {past.date:%Y-%m-%d} sum to 1 with each line {bounds.lower:g} to "
            f"{bounds.upper:g}{groups}: {', '.join(past.assets[line] for line in lines)}. Widen a bound."
        )
    return found


def projected(weights: Array, rows: Array, low: Array, high: Array) -> Array | None:
    """The w (k,) with sum one and low <= rows w <= high of least sum of (w - weights)^2 / weights; None for no such w.

    weights : (k,) not negative, with sum one; they are given back where they keep the rows.
    rows    : (m, k), those of the k lines first, in their order, then others.
    low     : (m,).
    high    : (m,).
    Raises  : PolicyError where a solution breaks a bound by more than 1e-8.
    """
    if _kept(weights, rows, low, high):
        return weights
    from research.allocation.hierarchical.quadratic import least_quadratic

    k = len(weights)
    none = weights <= NOTHING
    for scale, most in (
        (np.where(none, 1.0, weights), np.where(none, low[:k], high[:k])),  # lines of no weight stay at their least
        (np.where(none, 1.0 / k, weights), high[:k]),
    ):
        sides = np.vstack([np.ones(k), rows]) * scale
        ends = np.concatenate([[1.0], most, high[k:]])
        found = least_quadratic(np.diag(scale), -np.where(none, 0.0, weights), sides, np.append(1.0, low), ends)
        if found is not None:
            break
        if not none.any():
            return None
    else:
        return None
    nearest = np.clip(found * scale, low[:k], high[:k])
    if not _kept(nearest, rows, low, high):
        raise PolicyError("the projection onto the bounds of a hierarchical allocation breaks one. Widen them a little.")
    return nearest


def _kept(weights: Array, rows: Array, low: Array, high: Array) -> bool:
    sums = rows @ weights
    return bool(abs(weights.sum() - 1.0) <= WHOLE and (sums >= low - KEPT).all() and (sums <= high + KEPT).all())


def _members(group: GroupBound, past: Past, lines: Rows) -> Array:
    """(k,) 1 for the lines of a group, else 0."""
    labels = np.array(getattr(past, group.by))
    if group.name not in labels:
        refuse(f"{group.by} of a group is", group.name, f"the market has {', '.join(dict.fromkeys(labels.tolist()))}.")
    return (labels[lines] == group.name).astype(float)


def _check_range(of: str, lower: object, upper: object) -> None:
    for name, value in (("lower", lower), ("upper", upper)):
        if not is_number(value) or not 0.0 <= value <= 1.0:  # type: ignore[operator]
            refuse(f"{name} {of} is", value, "give a fraction of NAV from 0 to 1, such as 0.3.")
    if lower > upper:  # type: ignore[operator]
        raise ConfigError(f"lower {of} is {lower}, above its upper {upper}. Give the smaller one first.")
