"""Limits of weights that the orders of a trade list keep: ranges of assets that bind, and groups of assets."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import inf, isfinite
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from foundation.arguments import did_you_mean
from foundation.arrays import Array, Rows, frozen
from foundation.dataclasses import dataclass
from foundation.paper.wording import percent
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.kinds import Pair, Text, Told, record
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.exposures import Part, Split, group_exposures

LIMITED_BY = ("lines", "asset_class", "sector")
Price = Annotated[float, Field(ge=0.0, le=1e3, description="Points of distance that a point outside weighs.")]


@record
class GroupKeys:
    """A group of assets, by one of three keys, with its range and its price."""

    lines: Annotated[list[Text], Field(min_length=1)] | Annotated[Mapping[Text, Part], Field(min_length=1)] | None = (
        None
    )
    asset_class: Text | None = None
    sector: Text | None = None
    range: Pair
    price: Price | None = None

    def __post_init__(self) -> None:
        """Refuse assets that are said in several ways, and in none."""
        by = [key for key in LIMITED_BY if getattr(self, key) is not None]
        if len(by) != 1:
            raise Told(f"says its assets {len(by)} times", f"Give one of {', '.join(LIMITED_BY)}.")


@dataclass(frozen=True)
class WeightLimit:
    """A limit of the weight of an asset, or of several assets together, after the orders.

    name      : "range of SPY", or the name of a group.
    exposures : n fractions of the assets' weights that count: 1 for an asset of it, 0 for others, between for a fund of
                several classes.
    lower     : least weight, fraction of NAV.
    upper     : largest weight, fraction of NAV.
    price     : inf for a limit that binds; for a soft one, how many points of distance from the policy's point a point
                outside weighs.
    """

    name: str
    exposures: tuple[float, ...]
    lower: float
    upper: float
    price: float = inf

    @property
    def binds(self) -> bool:
        """True if it may not be broken at any price."""
        return not isfinite(self.price)

    @cached_property
    def _counted(self) -> tuple[Rows, Array]:
        """Assets that count, and their fractions."""
        rows = np.flatnonzero(self.exposures)
        return rows, frozen(np.array(self.exposures)[rows])

    def weight(self, weights: Array) -> float:
        """The weight that it limits, of weights (n,), fraction of NAV."""
        rows, parts = self._counted
        return float((weights[rows] * parts).sum())

    def outside(self, weights: Array) -> float:
        """Distance of weights (n,) outside of it, fraction of NAV; zero inside."""
        weight = self.weight(weights)
        return max(self.lower - weight, weight - self.upper, 0.0)

    @property
    def words(self) -> str:
        """Its name with its bounds."""
        return f"{self.name} ({percent(self.lower, 2)} to {percent(self.upper, 2)})"


def range_limits(
    price: float | Literal["bind"], assets: Sequence[str], lower: Array, upper: Array
) -> list[WeightLimit]:
    """The ranges of assets as limits of their orders, which bind, or have one price.

    lower : (n,) lower bounds of the ranges, fraction of NAV.
    upper : (n,) likewise.
    """
    at = inf if price == "bind" else price
    return [
        WeightLimit(f"range of {asset}", tuple(of.tolist()), float(lower[i]), float(upper[i]), at)
        for i, (asset, of) in enumerate(zip(assets, np.eye(len(assets)), strict=True))
    ]


def group_limit(
    document: Document, name: str, keys: GroupKeys, market: Market, splits: Mapping[str, Split]
) -> WeightLimit:
    """The limit of a group below `orders.groups`, {asset_class: us_equity, range: [0.4, 0.6], price: 20}.

    A group without a price binds. Of an asset that is split, a group by class or sector counts its exposure; one by
    `lines` all of it, or fractions: {lines: {AOR: 0.6, SPY: 1}}.
    splits : by asset, fractions of those that are split over classes.
    Raises : ConfigError for assets that are none, and for a range that the assets cannot have.
    """
    path = ("orders", "groups", name)
    of = _exposures(document, path, keys, market, splits)
    reach = min(0.0, *of), max(1.0, *of)  # of assets that are all of NAV
    lower, upper = keys.range
    if not reach[0] <= lower <= upper <= reach[1]:
        fix = "Write [least, largest], fractions of NAV from {:g} to {:g}, such as [0.4, 0.6]."
        document.refuse((*path, "range"), "no range", [lower, upper], fix.format(*reach))
    return WeightLimit(f"group {name}", of, lower, upper, inf if keys.price is None else keys.price)


def _exposures(
    document: Document, path: KeyPath, keys: GroupKeys, market: Market, splits: Mapping[str, Split]
) -> tuple[float, ...]:
    """n fractions of the assets' weights that count, as `WeightLimit` has them."""
    if keys.lines is not None:
        return _of_lines(document, (*path, "lines"), keys.lines, market.assets)
    by, asked = ("asset_class", keys.asset_class) if keys.sector is None else ("sector", keys.sector)
    known = group_exposures(market.assets, getattr(market, by), splits, by)
    if asked is None or asked not in known:
        document.refuse((*path, by), f"no asset has this {by}", asked, did_you_mean(asked, sorted(set(known) - {""})))
    return tuple(known[asked].tolist())


def _of_lines(
    document: Document, path: KeyPath, asked: Sequence[str] | Mapping[str, float], assets: tuple[str, ...]
) -> tuple[float, ...]:
    """n fractions of assets that count: all of those that are listed, or the fractions that stand beside them."""
    for asset in asked:
        document.check_line(path, asset, assets)
    if len(set(asked)) < len(asked):
        twice = next(asset for asset in asked if list(asked).count(asset) > 1)
        document.refuse(path, "an asset twice", twice, "Name each asset once.")
    parts = asked if isinstance(asked, Mapping) else dict.fromkeys(asked, 1.0)
    return tuple(parts.get(asset, 0.0) for asset in assets)
