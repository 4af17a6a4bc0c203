"""No-trade bands round groups of assets, asset classes or sectors; each asset may have a band too."""

from typing import ClassVar, Literal

import numpy as np

from foundation.arguments import is_number, one_of, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from research.allocation import Allocation
from research.rules.bands import band_rows, own_sides
from research.rules.protocol import Schedule
from research.rules.rule_options import RuleOptions
from research.rules.standard_rule import (
    Bounds,
    Estimates,
    StandardRule,
    To,
    check_box_destination,
    checked,
    goes,
    half_width,
    points,
)


@dataclass(frozen=True)
class GroupThreshold(StandardRule):
    """Trade when the weight of a group, or of cash, has left its band.

    by       : grouping of the assets, by "asset_class" or "sector".
    band     : half-width round each group's target, fraction of NAV.
    to       : "target" trades all assets to their targets. "edge" and `Within` bring each group, and cash, inside its
               band or a narrower one: its assets go toward their targets, the largest gap per cost first.
    lines    : half-width of a band round each asset, which triggers too, fraction of NAV; None for no such band.
    schedule : schedule on which it is asked, as `Threshold` has it.
    Raises   : ConfigError for a setting out of range.
    """

    allocation: Allocation
    by: Literal["asset_class", "sector"] = "asset_class"
    band: float = 0.05
    to: To = "target"
    lines: float | None = None
    schedule: Schedule = "day"  # type: ignore[misc]
    family: ClassVar[str] = "band"  # type: ignore[misc]
    trigger: ClassVar[str] = "group"

    def __post_init__(self) -> None:
        """Check the settings."""
        one_of("by of GroupThreshold is", self.by, ("asset_class", "sector"))
        for name, width in (("band", self.band), ("lines", 0.0 if self.lines is None else self.lines)):
            if not (is_number(width) and 0.0 <= width <= 1.0):
                refuse(f"{name} of GroupThreshold is", width, "a half-width is 0 to 1, of NAV (0.02 is two points).")
        check_box_destination(self, self.to, self.band)
        self._check()

    @property
    def limits_drift(self) -> bool:
        """True if it limits each asset, not groups alone, and is asked at least once a week."""
        return self.lines is not None and super().limits_drift

    @property
    def destination(self) -> float:
        """Half-width of the box of a group, fraction of NAV."""
        return half_width(self.to, self.band)

    @property
    def does(self) -> str:
        """The bands and the destination, in words."""
        of = {"asset_class": "class", "sector": "sector"}[self.by]
        lines = "" if self.lines is None else f", or {points(self.lines)} of an asset"
        into = goes(self.destination, self.band)
        return f"past {points(self.band)} of a {of}{lines}, {into}{checked(self)}"

    def rows(self, estimates: Estimates) -> Bounds:
        """The bands of the assets and of cash; without a band for assets theirs are infinite."""
        target = estimates.target
        trigger = np.full((len(target), target.shape[1] + 1), np.inf if self.lines is None else self.lines)
        trigger[:, -1] = self.band
        rows = band_rows(target, trigger, self._box(target))
        if self.to != "target" and self.lines is None:  # an asset may go anywhere on its own side, but no further
            rows |= own_sides(target)
        return rows

    def _box(self, target: Array) -> Array:
        """(K, n + 1) half-widths of the box of assets and cash."""
        into = self.destination
        box = np.full((len(target), target.shape[1] + 1), into)
        if self.to != "target" and self.lines is not None:
            box[:, :-1] = self.lines * (into / self.band if self.band > 0.0 else 0.0)
        return box

    def options(self, estimates: Estimates) -> RuleOptions:
        """The bounds of the groups' weights. Raises ConfigError for an asset without a group."""
        names = getattr(estimates.market, self.by)
        groups = tuple(dict.fromkeys(names))
        if "" in groups:
            without = [name for name, group in zip(estimates.market.assets, names, strict=True) if not group]
            raise ConfigError(
                f"GroupThreshold is by {self.by}, and {', '.join(without)} have none: give each asset its own in the "
                "market's instruments, or in the portfolio file."
            )
        member = np.array([groups.index(name) for name in names], dtype=np.int64)
        total = np.zeros((len(estimates.target), len(groups)))
        for i, group in enumerate(member):  # one asset after the other: of one row the same bits as of many
            total[:, group] += estimates.target[:, i]
        into = self.destination
        bounds = [total - self.band, total + self.band, total - into, total + into]
        first = 0 if self.by == "asset_class" else len(set(estimates.market.asset_class))
        options = super().options(estimates)
        return options._replace(
            some=True,
            makes_boxes=options.makes_boxes or self.to != "target",
            member=member,
            groups=np.stack(bounds, axis=1),
            first_group=first,
        )
