"""Limits of weights that the orders of a trade list keep: ranges of lines that bind, and groups of lines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import inf, isfinite
from typing import Any

import numpy as np

from foundation.arguments import did_you_mean, is_number
from foundation.arrays import Array, Rows, frozen
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults, read_all
from research.portfolio.holdings.exposures import LARGEST, Split, group_exposures

GROUP_KEYS = ("lines", "asset_class", "sector", "range", "price")
BY = GROUP_KEYS[:3]
BIND = "bind"
MOST_PRICE = 1e3
RANGE_FIX = "Write [least, largest], fractions of NAV from {:g} to {:g}, such as [0.4, 0.6]."


@dataclass(frozen=True)
class WeightLimit:
    """A limit of the weight of a line, or of several lines together, after the orders.

    name      : "range of SPY", or the name of a group.
    exposures : n fractions of the lines' weights that count: 1 for a line of it, 0 for others, between for a fund of
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
        """Lines that count, and their fractions."""
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
        return f"{self.name} ({self.lower:.2%} to {self.upper:.2%})"


def read_weight_limits(
    document: Document, market: Market, lower: Array, upper: Array, splits: Mapping[str, Split]
) -> tuple[WeightLimit, ...]:
    """The limits under `orders: {ranges: bind, groups: {us: {asset_class: us_equity, range: [0.4, 0.6], price: 20}}}`.

    `ranges` is `bind`, or a price for all of them; a group without a price binds. Of a line that is split, a group by
    class or sector counts its exposure; one by `lines` all of it, or fractions: {lines: {AOR: 0.6, SPY: 1}}.
    lower  : (n,) lower bounds of the lines' ranges, fraction of NAV.
    upper  : (n,) likewise.
    splits : by line, fractions of those that are split over classes.
    Raises : ConfigError for keys and values that are wrong, and for a group without lines; all of them at once.
    """
    readers: dict[str, Callable[[], Any]] = {}
    if document.has("orders", "ranges"):
        readers["ranges"] = lambda: _ranges(document, market, lower, upper)
    if document.has("orders", "groups"):
        readers["groups"] = lambda: _groups(document, market, splits)
    return tuple(limit for limits in read_all(readers).values() for limit in limits)


def weight_limit_settings(document: Document) -> dict[str, Any]:
    """The settings under `orders` about weights."""
    return {key: document.value("orders", key) for key in ("ranges", "groups") if document.has("orders", key)}


def _ranges(document: Document, market: Market, lower: Array, upper: Array) -> list[WeightLimit]:
    path = ("orders", "ranges")
    price = inf if document.value(*path) == BIND else document.number(*path, at_least=0.0, at_most=MOST_PRICE)
    return [
        WeightLimit(f"range of {asset}", tuple(of.tolist()), float(lower[i]), float(upper[i]), price)
        for i, (asset, of) in enumerate(zip(market.assets, np.eye(len(market.assets)), strict=True))
    ]


def _groups(document: Document, market: Market, splits: Mapping[str, Split]) -> list[WeightLimit]:
    names = document.names("orders", "groups")
    return list(read_all({name: partial(_group, document, market, splits, name) for name in names}).values())


def _group(document: Document, market: Market, splits: Mapping[str, Split], name: str) -> WeightLimit:
    path, faults = ("orders", "groups", name), Faults()
    with faults:
        document.check_keys(path, GROUP_KEYS)
    found = read_all(
        {
            "exposures": lambda: _exposures(document, path, market, splits),
            "bounds": lambda: _bounds(document, path),
            "price": lambda: _price(document, path),
        },
        faults,
    )
    (lower, upper), of = found["bounds"], found["exposures"]
    reach = min(0.0, *of), max(1.0, *of)  # of lines that are all of NAV
    if not reach[0] <= lower <= upper <= reach[1]:
        document.refuse((*path, "range"), "no range", [lower, upper], RANGE_FIX.format(*reach))
    return WeightLimit(f"group {name}", of, float(lower), float(upper), found["price"])


def _exposures(
    document: Document, path: tuple[str, ...], market: Market, splits: Mapping[str, Split]
) -> tuple[float, ...]:
    """n fractions of the lines' weights that count, as `WeightLimit` has them."""
    by = [key for key in BY if document.has(*path, key)]
    if len(by) != 1:
        document.refuse(path, f"says its lines {len(by)} times", by, f"Give one of {', '.join(BY)}.")
    if by[0] == "lines":
        return tuple(_of_lines(document, (*path, "lines"), market.assets).tolist())
    asked = document.text(*path, by[0])
    known = group_exposures(market.assets, list(market.instruments[by[0]]), splits, by[0])
    if asked not in known:
        fix = did_you_mean(asked, sorted(set(known) - {""}))
        document.refuse((*path, by[0]), f"no line has this {by[0]}", asked, fix)
    return tuple(known[asked].tolist())


def _bounds(document: Document, path: tuple[str, ...]) -> list[float]:
    """The least and the largest weight of a group, before they are checked against the range of its lines."""
    bounds = document.value(*path, "range")
    if not isinstance(bounds, list) or len(bounds) != 2 or not all(map(is_number, bounds)):
        document.refuse((*path, "range"), "no range", bounds, RANGE_FIX.format(0.0, 1.0))
    return bounds


def _price(document: Document, path: tuple[str, ...]) -> float:
    priced = document.has(*path, "price")
    return document.number(*path, "price", at_least=0.0, at_most=MOST_PRICE) if priced else inf


def _of_lines(document: Document, path: tuple[str, ...], assets: tuple[str, ...]) -> Array:
    """(n,) fraction of each line that counts: all of those that are listed, or the fractions that stand beside them."""
    asked = document.value(*path)
    if not isinstance(asked, list | dict) or not asked:
        document.refuse(path, "not a list of lines", asked, f"Write some of [{', '.join(assets)}].")
    found = np.zeros(len(assets))
    for asset in asked:
        if asset not in assets:
            document.refuse(path, "unknown line", asset, did_you_mean(str(asset), assets))
        if found[assets.index(asset)] != 0.0:
            document.refuse(path, "a line twice", asset, "Name each line once.")
        bounds = {"at_least": -LARGEST, "at_most": LARGEST}
        found[assets.index(asset)] = document.number(*path, asset, **bounds) if isinstance(asked, dict) else 1.0
    return found
