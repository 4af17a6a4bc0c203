"""Constraints as arrays: named limits over the weights and over quantities that follow from them.

A limit says lower <= rows · x <= upper, or that a norm of the weights is at most so much. x are the weights (n,),
and after them the parts that the limits need: what is short, what is bought, which assets are held, the losses past
the value at risk. Each optimiser, and the search for a conflict, reads these and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import inf, isfinite

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import percent
from research.allocation.constraints.records import ALWAYS, Firmness

WEIGHTS, HELD_LINES = "weights", "held"  # blocks of x: what each asset weighs, and whether it is held
NAV, LINES = "of NAV", "lines"
POINT_UNITS = (NAV, "a year", "a period")  # units that are written in per cent, and of which a step is a hundredth
HUNDREDTH = 1e-2  # of the last decimal that is written: less than a written bound may be past


@dataclass(frozen=True, eq=False)
class Limit:
    """One side of a constraint, or an equation; all its rows are widened together.

    key       : place under `constraints`, such as "groups.us.most".
    words     : text, such as "us (region us) is at most 30.00 % of NAV".
    rows      : block -> (k, size of the block); a block that is not named has zeros.
    lower     : (k,).
    upper     : (k,).
    bound     : the number in the file.
    mend      : change that widens it, such as "raise the most of us"; "" where it cannot be widened.
    unit      : unit of its bound: "of NAV", "a year", "lines", or of an exposure.
    scale     : largest change of rows · x per unit of NAV: it makes limits of several units comparable.
    firm      : its price, or its place in the order of giving way.
    root      : (r, n): the limit is |root · (weights - centre)| <= upper[0], and has no rows. Else None.
    centre    : (n,).
    """

    key: str
    words: str
    rows: Mapping[str, Array]
    lower: Array
    upper: Array
    bound: float
    mend: str = ""
    unit: str = NAV
    scale: float = 1.0
    firm: Firmness = ALWAYS
    root: Array | None = None
    centre: Array | None = None

    @property
    def price(self) -> float:
        """The price of one unit outside of it; inf for none."""
        return inf if self.firm.price is None else self.firm.price

    @property
    def gives_way(self) -> int | None:
        """Its place in the order of giving way; None for none."""
        return self.firm.gives_way

    @property
    def hard(self) -> bool:
        """True if it is always kept."""
        return not isfinite(self.price) and self.gives_way is None

    @property
    def raised(self) -> bool:
        """True if raising its bound widens it."""
        return bool(np.isfinite(self.upper).any())

    @property
    def short(self) -> str:
        """It in few words, such as "us ≤ 30 %"."""
        name = self.key.removesuffix(".most").removesuffix(".least")
        for kind in ("lines.", "groups.", "exposures."):
            name = name.removeprefix(kind)
        sign = "=" if self.equation else "≤" if self.raised else "≥"
        return f"{name.replace('_', ' ').replace('.', ' ')} {sign} {self.written(self.bound).replace('.00 %', ' %')}"

    @property
    def step(self) -> float:
        """One step of its bound: a hundredth of NAV or of a rate, an asset, about a hundredth of an exposure's span."""
        if self.unit in POINT_UNITS:
            return 0.01
        return 1.0 if self.unit == LINES else 10.0 ** np.floor(np.log10(self.scale)) / 100.0

    def moved(self, amount: float) -> "Limit":
        """The limit wider by `amount`, in its unit; of an equation, with a value higher by it."""
        if self.equation:
            return replace(self, lower=self.lower + amount, upper=self.upper + amount)
        return self.widened(amount)

    def widened(self, amount: float) -> "Limit":
        """The limit with its rows' bounds further apart by `amount`, in its unit."""
        return replace(self, lower=self.lower - amount, upper=self.upper + amount)

    @cached_property
    def equation(self) -> bool:
        """True if both of its bounds are the same."""
        return self.root is None and bool((self.lower == self.upper).all())

    @cached_property
    def columns(self) -> Rows:
        """(k,) the asset of each row that weighs one asset alone; -1 for another row."""
        weighed = self.rows[WEIGHTS] != 0.0
        return np.where(weighed.sum(axis=1) == 1, weighed.argmax(axis=1), -1)

    def mended(self, amount: float, raised: bool) -> str:
        """The change that widens it by `amount`, up or down, in words, with a written bound that suffices."""
        bound = self.bound + amount if raised else self.bound - amount
        return f"{self.mend} from {self.written(self.bound)} to {written(bound, self.unit, raised)}"

    def written(self, value: float) -> str:
        """A value in the limit's unit."""
        return written(value, self.unit)


def without_leverage(n: int) -> tuple[Limit, Limit]:
    """The limits of n assets where no gross is stated: no short assets, and no sum above one."""
    why = "since no gross is stated"
    return (
        Limit("long_only.least", f"every asset is at least 0.00 % of NAV, {why}", {WEIGHTS: np.eye(n)},
              np.zeros(n), np.full(n, inf), 0.0),
        Limit("unlevered.most", f"the sum of the weights is at most 100.00 % of NAV, {why}",
              {WEIGHTS: np.ones((1, n))}, np.array([-inf]), np.ones(1), 1.0),
    )  # fmt: skip


def written(value: float, unit: str, outward: bool | None = None) -> str:
    """A value in a unit of a limit; rounded up (True), down (False) or to the nearest.

    value   : value in that unit.
    unit    : "of NAV", "a year", "a period", "lines", or of an exposure.
    outward : up or down, by as much as is written; None for the nearest.
    """
    digits = 0 if unit == LINES else 4
    steps = value * 10**digits
    if outward is not None:
        steps = np.ceil(steps - HUNDREDTH) if outward else np.floor(steps + HUNDREDTH)
    rounded = round(float(steps), 0 if outward is not None else 6) / 10**digits
    return percent(rounded, 2) if unit in POINT_UNITS else f"{rounded:.6g}"


@dataclass(frozen=True, eq=False)
class Part:
    """Quantities that follow from the weights, and the rows that say how: lower <= rows · x <= upper.

    name   : name of the block.
    size   : size of the block.
    rows   : block -> (k, size of that block).
    lower  : (k,).
    least  : (size,) least value of each quantity.
    most   : (size,) largest value.
    whole  : true if they are whole numbers.
    of     : weights (n,) -> the quantities (size,) that follow from them.
    cones  : kind of cone, as of `cone_solvers`, and block -> (k, size of that block): rows · x is in the cone.
    """

    name: str
    size: int
    rows: Mapping[str, Array]
    lower: Array
    least: Array
    most: Array
    of: Callable[[Array], Array]
    whole: bool = False
    cones: tuple[tuple[str | float, Mapping[str, Array]], ...] = ()


@dataclass(frozen=True, eq=False)
class Limits:
    """All limits of one day, over n assets.

    assets : n names.
    limits : limits in the order of the file.
    parts  : parts that the limits need.
    notes  : notes for the reader, such as a limit that does not apply today.
    """

    assets: tuple[str, ...]
    limits: tuple[Limit, ...]
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def start(self) -> dict[str, int]:
        """Block -> its first column in x."""
        sizes = [len(self.assets), *(part.size for part in self.parts)]
        names = [WEIGHTS, *(part.name for part in self.parts)]
        return dict(zip(names, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))

    @cached_property
    def size(self) -> int:
        """The size of x."""
        return len(self.assets) + sum(part.size for part in self.parts)

    @cached_property
    def whole(self) -> Mask:
        """(size,) which of x are whole numbers."""
        return np.concatenate([np.zeros(len(self.assets), bool), *(np.full(p.size, p.whole) for p in self.parts)])

    @cached_property
    def least(self) -> Array:
        """(size,) least x by definition; the limits say more."""
        return np.concatenate([np.full(len(self.assets), -inf), *(part.least for part in self.parts)])

    @cached_property
    def most(self) -> Array:
        """(size,) largest x by definition."""
        return np.concatenate([np.full(len(self.assets), inf), *(part.most for part in self.parts)])

    @cached_property
    def of_lines(self) -> tuple[Array, Array]:
        """(n,) least and (n,) most weight of each asset by the hard limits of single assets."""
        n = len(self.assets)
        least, most = np.full(n, -inf), np.full(n, inf)
        for limit in self.limits:
            rows = limit.rows.get(WEIGHTS)
            others = any(values.any() for block, values in limit.rows.items() if block != WEIGHTS)
            if rows is None or others or not limit.hard or (limit.columns < 0).any():
                continue
            whose, plain = limit.columns, rows.max(axis=1) == 1.0
            np.maximum.at(least, whose[plain], limit.lower[plain])
            np.minimum.at(most, whose[plain], limit.upper[plain])
        return least, most

    @property
    def risks(self) -> tuple[Limit, ...]:
        """The limits that are norms."""
        return tuple(limit for limit in self.limits if limit.root is not None)

    def matrix(self, rows: Mapping[str, Array], k: int) -> Array:
        """(k, size) rows over x."""
        found = np.zeros((k, self.size))
        for block, values in rows.items():
            found[:, self.start[block] : self.start[block] + values.shape[1]] = values
        return found

    def x(self, weights: Array) -> Array:
        """(size,) weights (n,), and the parts that follow from them."""
        return np.concatenate([weights, *(part.of(weights) for part in self.parts)])

    def outside(self, weights: Array) -> Array:
        """(len(limits),) distance of weights (n,) outside of each limit, in its unit; 0 inside."""
        x = self.x(weights)
        return np.array([self.distance(limit, x) for limit in self.limits])

    def slack(self, limit: Limit, x: Array) -> Array:
        """(k,) slack of each row of a limit at x (size,), in its unit; negative where it is exceeded."""
        if limit.root is not None:
            centre = 0.0 if limit.centre is None else limit.centre
            return np.array([limit.upper[0] - float(np.linalg.norm(limit.root @ (x[: len(self.assets)] - centre)))])
        at = self.matrix(limit.rows, len(limit.lower)) @ x
        return np.minimum(limit.upper - at, at - limit.lower)

    def distance(self, limit: Limit, x: Array) -> float:
        """Distance of x (size,) from the inside of one limit, in its unit; 0 inside."""
        return max(0.0 - float(self.slack(limit, x).min(initial=np.inf)), 0.0)

    @property
    def all_hard(self) -> "Limits":
        """The same limits, all of which are kept always."""
        return self.with_limits([replace(limit, firm=ALWAYS) for limit in self.limits])

    def with_limits(self, limits: Sequence[Limit]) -> "Limits":
        """The same assets and parts with other limits."""
        return replace(self, limits=tuple(limits))


def held_in(limits: Limits, x: Array) -> Mask:
    """(n,) which assets are held in x (size,), or in more than x, where limits count them; else none."""
    return x[: limits.size][limits.whole] > 0.5
