"""Axes from which a plan is made: choices of settings, as a grid or as a sample of it.

>>> from dataclasses import replace
>>> from research.rules import Never
>>> axes = Axes(rules=(Choices(Never), Choices(threshold, band=(0.01, 0.02), to=(0.0, 0.5, 1.0))), lags=(0, 1))
>>> len(axes.grid())
14
>>> len(sample(replace(axes, cost_multiples=Range(0.5, 5.0)), size=100, seed=1))
100
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from itertools import product
from math import prod
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.sweeps.plan import Configuration, Day, Plan, Strategic, checked_axis, listed
from foundation.arguments import did_you_mean, is_number, is_whole, one_of, refuse, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError
from research.allocation import Allocation
from research.rules import Threshold, Within
from research.rules.protocol import Schedule

Kind = Literal["sobol", "random"]
SAMPLE_KINDS = ("sobol", "random")
LARGEST_SAMPLE = 10_000_000  # configurations of a sample, which are drawn and held at once
RANGE_VALUES = 32  # values that a range counts as when rules are drawn: a rule with few settings is drawn seldom
MOST_DOUBLINGS = 10  # a sample is given up when 2^MOST_DOUBLINGS times its size were drawn and repeated each other


@dataclass(frozen=True)
class Range:
    """Every number from `low` to `high`, uniformly: an axis that a sample draws from."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse a range that holds no numbers."""
        for name, end in (("low", self.low), ("high", self.high)):
            if not is_number(end):
                refuse(f"{name} of a range is", end, "give a number.")
        if not self.low < self.high:
            raise ConfigError(f"a range from {self.low!r} to {self.high!r} is empty: give the lower number first.")


Values = Sequence[Any] | Range


class Choices:
    """A rule or allocation with several values for some of its settings.

    Raises : ConfigError for what is neither a class nor a function, and for a setting that it has not.

    >>> Choices(Threshold, band=(0.01, 0.02), fraction=0.5)
    Choices(Threshold, band=(0.01, 0.02), fraction=(0.5,))
    """

    def __init__(self, make: Callable[..., Any], **settings: Any) -> None:
        if not callable(make):
            refuse("make of Choices is", make, "give the class of a rule or an allocation, such as Threshold.")
        try:
            self.parameters = signature(make).parameters
        except ValueError:  # dict and int do not say what they take
            refuse("make of Choices is", make, "give the class of a rule or an allocation, such as Threshold.")
        self.make = make
        open_ended = any(p.kind is Parameter.VAR_KEYWORD for p in self.parameters.values())
        for name in () if open_ended else settings:
            if name not in self.parameters:
                refuse(f"a setting of {self} is", name, did_you_mean(name, self.parameters))
        self.settings: dict[str, Values] = {name: _values(name, given) for name, given in settings.items()}

    def __len__(self) -> int:
        """Combinations of its settings, a range counting as `RANGE_VALUES` values."""
        return prod(RANGE_VALUES if isinstance(v, Range) else len(v) for v in self.settings.values())

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Every combination of settings. Raises ConfigError for a range, of which there is no grid."""
        _refuse_ranges(self.settings)
        for values in product(*self.settings.values()):  # type: ignore[arg-type]
            yield dict(zip(self.settings, values, strict=True))

    def made(self, *held: Any, **settings: Any) -> Any:
        """The rule or allocation with one value for each setting. Raises ConfigError for one that is missing or wrong.

        held : arguments before its settings: of a rule, the allocation.
        """
        for place, (name, parameter) in enumerate(self.parameters.items()):
            if place < len(held) and name in settings:
                raise ConfigError(f"{self} has the setting {name}, which is also an axis: leave it out.")
            alone = parameter.default is Parameter.empty and parameter.kind is Parameter.POSITIONAL_OR_KEYWORD
            if alone and place >= len(held) and name not in settings:
                raise ConfigError(f"{self} needs a value of {name}: give one.")
        return self.make(*held, **settings)

    def __repr__(self) -> str:
        """The axis as it is written in code."""
        settings = "".join(f", {name}={value!r}" for name, value in getattr(self, "settings", {}).items())
        return f"Choices({getattr(self.make, '__name__', self.make)}{settings})"


def threshold(
    allocation: Allocation,
    band: float = 0.02,
    to: float = 0.0,
    fraction: float = 1.0,
    schedule: Schedule = "day",
    kind: Literal["absolute", "relative", "volatility"] = "absolute",
    cap: float | None = None,
    review_schedule: Schedule | None = None,
    lines: Literal["all", "breaching"] = "all",
    payer: str = "pro_rata",
    returns: int = 252,
    periods_per_year: float = 252.0,
    cooldown: int = 0,
    turnover_cap: float | None = None,
    offset: int = 0,
) -> Threshold:
    """A threshold whose destination is a fraction of its band; other arguments as in `Threshold`.

    band   : half-width, fraction of NAV.
    to     : fraction of the band: 0 is the target, 1 the edge.
    Raises : ConfigError for a band above 1, which was written in points, and a destination outside its band.
    """
    if not (is_number(band) and band <= 1.0):
        refuse("band is", band, "a band is a fraction of NAV, and two percentage points are 0.02.")
    if not (is_number(to) and 0.0 <= to <= 1.0):
        refuse("to is", to, "give a fraction of the band from 0, the target, to 1, its edge.")
    aim: Any = {0.0: "target", 1.0: "edge"}.get(to, Within(band * to))
    return Threshold(
        allocation, band, aim, schedule, kind, cap, review_schedule, lines, payer, returns, periods_per_year,
        fraction=fraction, cooldown=cooldown, turnover_cap=turnover_cap, offset=offset,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Axes:
    """The combinations of a plan: rules with allocations, and their conditions (see `Plan`).

    Raises : ConfigError for an empty axis, a value given twice, and one that its axis cannot take.
    """

    rules: Sequence[Choices]
    allocations: Sequence[Choices] = field(default_factory=lambda: (Choices(Strategic),))
    cost_multiples: Values = (1.0,)
    lags: Sequence[int | None] = (None,)
    starts: Sequence[Day | None] = (None,)
    portfolios: Sequence[str] = ("",)

    def __post_init__(self) -> None:
        """Check the axes and keep them immutable."""
        for name, such in (("rules", "(Choices(Never),)"), ("allocations", "(Choices(HRP, window=(126, 252)),)")):
            given = getattr(self, name)
            if not isinstance(given, Sequence) or not given or not all(isinstance(one, Choices) for one in given):
                refuse(f"{name} of axes are", given, f"give at least one, each as Choices, such as {such}.")
            object.__setattr__(self, name, tuple(given))
        if isinstance(self.cost_multiples, Range):
            checked_axis("cost_multiples", (self.cost_multiples.low, self.cost_multiples.high))
        else:
            object.__setattr__(self, "cost_multiples", checked_axis("cost_multiples", self.cost_multiples))
        for name in ("lags", "starts", "portfolios"):
            object.__setattr__(self, name, checked_axis(name, getattr(self, name)))

    def grid(self) -> Plan:
        """Every combination. Raises ConfigError for a range, and a setting that a class refuses."""
        _refuse_ranges({"cost_multiples": self.cost_multiples})
        held = [choice.made(**settings) for choice in self.allocations for settings in choice.combinations()]
        played = [(choice, settings) for choice in self.rules for settings in choice.combinations()]
        policies = [choice.made(allocation, **settings) for allocation in held for choice, settings in played]
        return Plan(policies, self.cost_multiples, self.lags, self.starts, self.portfolios)  # type: ignore[arg-type]

    @property
    def ranges(self) -> bool:
        """True if some axis holds a range."""
        of_choices = (v for choice in (*self.rules, *self.allocations) for v in choice.settings.values())
        return any(isinstance(v, Range) for v in (self.cost_multiples, *of_choices))


def sample(axes: Axes, size: int, seed: int, kind: Kind = "sobol") -> Plan:
    """`size` different configurations drawn from the axes; the same seed draws the same.

    axes   : the axes to draw from.
    size   : number of configurations.
    seed   : seed of the random numbers.
    kind   : "sobol", a scrambled Sobol sequence, which fills the space evenly, or "random", independent draws.
    Raises : ConfigError for an unknown kind, a size below 1, and one that the axes cannot fill.
    Source : Sobol (1967), with the scrambling of Matousek (1998), by scipy.stats.qmc.

    Every combination of listed values is as likely as any other, a range counting as `RANGE_VALUES` values of its rule.
    """
    if not isinstance(axes, Axes):
        refuse("axes of a sample are", axes, "give Axes.")
    one_of("kind of a sample is", kind, SAMPLE_KINDS)
    if not (is_whole(size) and 1 <= size <= LARGEST_SAMPLE):
        refuse("size of a sample is", size, f"give a whole number of configurations, from 1 to {LARGEST_SAMPLE:,}.")
    if not (is_whole(seed) and seed >= 0):
        refuse("seed of a sample is", seed, "give a whole number, at least 0.")
    if not axes.ranges and size > len(axes.grid()):
        raise ConfigError(
            f"size of a sample is {size:,}, but its grid has {len(axes.grid()):,} configurations: sweep the grid."
        )
    lists = [_by_weight(axes.rules), _by_weight(axes.allocations)]
    free = [(choice, name) for choice in (*axes.rules, *axes.allocations) for name in choice.settings]
    found: dict[Configuration, None] = {}
    for points in _draws(5 + len(free) + 1, size, seed, kind):
        for u in points:
            found.setdefault(_configuration(axes, lists, free, u))
            if len(found) == size:
                return listed(_in_order(list(found)))
    raise ConfigError(
        f"a sample of {size:,} has only {len(found):,} different configurations: its axes have too few values. "
        "Sweep the grid."
    )


def _draws(dimensions: int, size: int, seed: int, kind: Kind) -> Iterator[Array]:
    """Points in the unit cube (m, dimensions): as many as the size, then again, doubling."""
    power = max(int(np.ceil(np.log2(size))), 0)
    if kind == "random":
        rng = np.random.default_rng(seed)
        yield rng.random((size, dimensions))
        for more in range(MOST_DOUBLINGS):
            yield rng.random((2 ** (power + more), dimensions))
        return
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    for more in (0, *range(MOST_DOUBLINGS)):  # each draw doubles what there is: the sequence stays balanced
        yield sequence.random_base2(power + more)


def _by_weight(choices: Sequence[Choices]) -> Array:
    """(k,) upper ends of the shares of the unit interval that belong to each choice."""
    weights = np.array([len(choice) for choice in choices], dtype=float)
    return np.cumsum(weights / weights.sum())


def _configuration(axes: Axes, lists: list[Array], free: list[tuple[Choices, str]], u: NDArray[Any]) -> Configuration:
    """The configuration at a point of the unit cube."""
    at = iter(u[5:].tolist())
    drawn: dict[int, dict[str, Any]] = {}
    for choice, name in free:
        drawn.setdefault(id(choice), {})[name] = _at(choice.settings[name], next(at))
    rule, held = (
        choices[min(int(np.searchsorted(ends, x, side="right")), len(choices) - 1)]
        for choices, ends, x in zip((axes.rules, axes.allocations), lists, u[:2], strict=True)
    )
    allocation = held.made(**drawn.get(id(held), {}))
    return Configuration(
        policy=rule.made(allocation, **drawn.get(id(rule), {})),
        portfolio=_at(axes.portfolios, float(u[2])),
        cost_multiple=_at(axes.cost_multiples, next(at)),
        lag=_at(axes.lags, float(u[3])),
        start=_at(axes.starts, float(u[4])),
    )


def _at(values: Values, u: float) -> Any:
    """The value at u in [0, 1) of an axis."""
    if isinstance(values, Range):
        return values.low + u * (values.high - values.low)
    return values[int(u * len(values))]


def _in_order(configurations: list[Configuration]) -> list[Configuration]:
    """The configurations in the order of a plan: neighbours share the most."""
    policies = {policy: k for k, policy in enumerate(dict.fromkeys(c.policy for c in configurations))}
    none = pd.Timestamp.min
    key = lambda c: (c.portfolio, policies[c.policy], c.start or none, -1 if c.lag is None else c.lag, c.cost_multiple)  # noqa: E731
    return sorted(configurations, key=key)


def _values(name: str, given: Any) -> Values:
    if isinstance(given, Range):
        return given
    values = (given,) if isinstance(given, str | Mapping) or not np.iterable(given) else tuple(given)
    if not values:
        raise ConfigError(f"{name} has no values: found {shown(given)}. Give at least one.")
    return tuple(v.item() if isinstance(v, np.generic) else v for v in values)


def _refuse_ranges(settings: Mapping[str, Values]) -> None:
    for name, values in settings.items():
        if isinstance(values, Range):
            raise ConfigError(
                f"{name} is a range, {values}, which a grid cannot use: list its values, or draw a sample."
            )
