"""Limits of weights that the orders of a trade list keep: ranges of lines that bind, and groups of lines."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np

from research.arguments import did_you_mean
from research.arrays import Array
from research.market import Market
from research.portfolio.document import Document

GROUP_KEYS = ("lines", "asset_class", "sector", "range", "price")
BY = GROUP_KEYS[:3]
BIND = "bind"
MOST_PRICE = 1e3


@dataclass(frozen=True)
class WeightLimit:
    """A limit of the weight of a line, or of several lines together, after the orders.

    name  : "range of SPY", or the name of a group.
    rows  : numbers of its lines.
    lower : least weight, fraction of NAV.
    upper : largest weight, fraction of NAV.
    price : inf for a limit that binds; for a soft one, how many points of distance from the policy's point a point
            outside weighs.
    """

    name: str
    rows: tuple[int, ...]
    lower: float
    upper: float
    price: float = inf

    @property
    def binds(self) -> bool:
        """May it not be broken at any price?"""
        return not isfinite(self.price)

    def outside(self, weights: Array) -> float:
        """How far weights (n,) are outside of it, fraction of NAV; zero inside."""
        weight = float(weights[list(self.rows)].sum())
        return max(self.lower - weight, weight - self.upper, 0.0)

    @property
    def words(self) -> str:
        """Its name with its bounds."""
        return f"{self.name} ({self.lower:.2%} to {self.upper:.2%})"


def read_weight_limits(document: Document, market: Market, lower: Array, upper: Array) -> tuple[WeightLimit, ...]:
    """The limits under `orders: {ranges: bind, groups: {us: {asset_class: us_equity, range: [0.4, 0.6], price: 20}}}`.

    `ranges` is `bind`, or a price for all of them; a group without a price binds.
    lower  : (n,) of the lines' ranges, fraction of NAV.
    upper  : (n,) likewise.
    Raises : ConfigError for a key or value that is wrong, and for a group without lines.
    """
    found = []
    if document.has("orders", "ranges"):
        path = ("orders", "ranges")
        price = inf if document.value(*path) == BIND else document.number(*path, at_least=0.0, at_most=MOST_PRICE)
        found = [
            WeightLimit(f"range of {asset}", (i,), float(lower[i]), float(upper[i]), price)
            for i, asset in enumerate(market.assets)
        ]
    if document.has("orders", "groups"):
        found += [_group(document, market, name) for name in document.names("orders", "groups")]
    return tuple(found)


def weight_limit_settings(document: Document) -> dict[str, Any]:
    """What stands under `orders` about weights."""
    return {key: document.value("orders", key) for key in ("ranges", "groups") if document.has("orders", key)}


def _group(document: Document, market: Market, name: str) -> WeightLimit:
    path = ("orders", "groups", name)
    document.check_keys(path, GROUP_KEYS)
    by = [key for key in BY if document.has(*path, key)]
    if len(by) != 1:
        document.refuse(path, f"says its lines {len(by)} times", by, f"Give one of {', '.join(BY)}.")
    asked = document.value(*path, by[0])
    if by[0] == "lines":
        rows = _rows(document, (*path, "lines"), asked, market.assets)
    else:
        named = [str(word) for word in market.instruments[by[0]]]
        if asked not in named:
            fix = did_you_mean(str(asked), sorted(set(named) - {""}))
            document.refuse((*path, by[0]), f"no line has this {by[0]}", asked, fix)
        rows = tuple(int(i) for i in np.flatnonzero([word == asked for word in named]))
    bounds = document.value(*path, "range")
    if (
        not isinstance(bounds, list)
        or len(bounds) != 2
        or not all(isinstance(x, int | float) and not isinstance(x, bool) for x in bounds)
        or not 0.0 <= bounds[0] <= bounds[1] <= 1.0
    ):
        fix = "Write [least, largest], fractions of NAV from 0 to 1, such as [0.4, 0.6]."
        document.refuse((*path, "range"), "no range", bounds, fix)
    priced = document.has(*path, "price")
    price = document.number(*path, "price", at_least=0.0, at_most=MOST_PRICE) if priced else inf
    return WeightLimit(name, rows, float(bounds[0]), float(bounds[1]), price)


def _rows(document: Document, path: tuple[str, ...], asked: object, assets: tuple[str, ...]) -> tuple[int, ...]:
    if not isinstance(asked, list) or not asked:
        document.refuse(path, "not a list of lines", asked, f"Write some of [{', '.join(assets)}].")
    for asset in asked:
        if asset not in assets:
            document.refuse(path, "unknown line", asset, did_you_mean(str(asset), assets))
        if asked.count(asset) > 1:
            document.refuse(path, "a line twice", asset, "Name each line once.")
    return tuple(sorted(assets.index(asset) for asset in asked))
