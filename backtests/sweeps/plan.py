"""Plan of a sweep: configurations, numbered in an order in which neighbours share the most.

A plan holds its axes and not its configurations: number i is decoded when it is asked for, so that ten million of them
take no more memory than their axes do. Cost changes fastest, then lag, start, policy and portfolio: configurations
that share no-trade bands are neighbours.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.runs.chunks import WorkPart
from foundation.arguments import day, floats, is_number, is_whole, refuse, shown
from foundation.arrays import Array, frozen
from foundation.dataclasses import MISSING, dataclass, fields
from foundation.errors import ConfigError
from research.accounting import Policy
from research.allocation import Allocation, EstimatorAllocation
from research.market import Past
from research.portfolio.file.settings import nested
from research.portfolio.keys.allocations import ALLOCATIONS, NESTED_FIELDS, allocation_key
from research.portfolio.keys.policies import rule_key
from research.rules import GroupThreshold, NoTradeRegion, Rule, RuleTraits, Threshold
from research.rules.protocol import held_by, short_name, traits
from research.rules.standard_rule import StandardRule

PLAN_AXES = ("portfolio", "policy", "start", "lag", "cost_multiple")  # from the slowest to the fastest
PLURAL_AXES = ("portfolios", "policies", "starts", "lags", "cost_multiples")  # of `PLAN_AXES`
USUAL_COLUMNS = 6  # columns of a policy that every table has
BLOCK_CONFIGURATIONS = 64  # configurations that are played together: a chunk holds whole blocks
CHUNK, FEW, CHUNKS = 1024, 16, 1000  # configurations of a chunk, chunks of a small sweep, and of a large one at most
MOST_CONFIGURATIONS = 65_536  # configurations of a chunk in a sweep of any size: a worker needs room for them
ALLOCATIONS_OWN = {"schedule": "allocation_schedule"}  # columns of an allocation's settings that a rule has too
ROUND = 12  # digits of a destination over its band: 0.5 is to be one value of the axis

Day = str | date | pd.Timestamp


@dataclass(frozen=True)
class Strategic:
    """The strategic target of the portfolio that a policy runs on: the default allocation of a sweep's policies."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    schedule: ClassVar[str] = "listing"
    window: ClassVar[int] = 0

    def target(self, past: Past) -> Array:
        """None of its own: it means a portfolio's target, and works in sweeps only.

        Raises : ConfigError.
        """
        raise ConfigError(
            "Strategic() means a portfolio's own target, and works in sweeps only. Give FixedWeights elsewhere."
        )


@dataclass(frozen=True)
class Configuration:
    """One backtest of a sweep.

    policy : a rule with its allocation; `Strategic()` there is the portfolio's own target.
    portfolio : name of the desk, "" for the only one.  cost_multiple : of its costs.
    lag : sessions, None for the desk's own.  start : first day of the test, None for the desk's own.
    """

    policy: Rule
    portfolio: str = ""
    cost_multiple: float = 1.0
    lag: int | None = None
    start: pd.Timestamp | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """Every combination of these axes, or those picked from them.

    policies       : rules with allocations, each once.
    cost_multiples : multiples of the portfolio's costs, 0 or more.
    lags           : sessions, or None for the portfolio's own.
    starts         : first days of the test, or None for the portfolio's own.
    portfolios     : names of desks; "" for the only one.
    picks          : (N, 5) positions on `PLAN_AXES` of each configuration, or None for every combination.
    names          : names of the configurations that were picked, or ().
    Raises         : ConfigError for an empty axis, a value given twice, and one out of its range.
    """

    policies: Sequence[Rule]
    cost_multiples: Sequence[float] = (1.0,)
    lags: Sequence[int | None] = (None,)
    starts: Sequence[Day | None] = (None,)
    portfolios: Sequence[str] = ("",)
    picks: NDArray[np.int64] | None = None
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the axes and keep them immutable."""
        for name in ("policies", "cost_multiples", "lags", "starts", "portfolios"):
            object.__setattr__(self, name, checked_axis(name, getattr(self, name)))
        if self.picks is not None:
            picks = _whole_numbers(self.picks)
            if picks.ndim != 2 or picks.shape[1] != len(PLAN_AXES) or not len(picks):
                raise ConfigError(
                    f"picks of a plan have shape {picks.shape}: give (N, {len(PLAN_AXES)}), N at least 1."
                )
            if (picks < 0).any() or (picks >= self.shape).any():
                raise ConfigError(f"picks of a plan lie outside its axes, which have {self.shape} values.")
            object.__setattr__(self, "picks", frozen(picks))
        _check_names(self.names, len(self))

    @property
    def shape(self) -> tuple[int, ...]:
        """Values on each of `PLAN_AXES`."""
        return tuple(
            len(axis) for axis in (self.portfolios, self.policies, self.starts, self.lags, self.cost_multiples)
        )

    @cached_property
    def days(self) -> tuple[pd.Timestamp | None, ...]:
        """The starts, as dates."""
        return tuple(None if start is None else pd.Timestamp(start) for start in self.starts)

    def __len__(self) -> int:
        """Number of configurations, which a sweep of the plan counts as trials."""
        return int(np.prod(self.shape)) if self.picks is None else len(self.picks)

    def positions(self, part: WorkPart) -> NDArray[np.int64]:
        """(k, 5) positions on `PLAN_AXES` of the configurations of a part."""
        if self.picks is not None:
            return self.picks[part.first : part.stop]
        return np.stack(np.unravel_index(np.arange(part.first, part.stop), self.shape), axis=1)

    def __getitem__(self, number: int) -> Configuration:
        """Configuration `number`. Raises ConfigError outside the plan."""
        if not is_whole(number) or not 0 <= number < len(self):
            raise ConfigError(f"configuration {number!r} is not in the plan: it has numbers 0 to {len(self) - 1}.")
        return self._at(self.positions(WorkPart(number, number + 1))[0])

    def of(self, part: WorkPart) -> list[Configuration]:
        """The configurations of a part, in order."""
        return [self._at(position) for position in self.positions(part)]

    def _at(self, position: NDArray[np.int64]) -> Configuration:
        portfolio, policy, start, lag, cost = position.tolist()
        return Configuration(
            policy=self.policies[policy],
            portfolio=self.portfolios[portfolio],
            cost_multiple=self.cost_multiples[cost],
            lag=self.lags[lag],
            start=self.days[start],
        )

    def parts(self) -> Iterator[WorkPart]:
        """The chunks in which it is played: they depend on nothing but its size, so that any workers can go on."""
        size = max(min(CHUNK, -(-len(self) // FEW)), -(-len(self) // CHUNKS))
        size = min(-(-size // BLOCK_CONFIGURATIONS) * BLOCK_CONFIGURATIONS, MOST_CONFIGURATIONS)
        for first in range(0, len(self), size):
            yield WorkPart(first, min(first + size, len(self)))

    def number(self, which: int | str) -> int:
        """The number of a configuration, by number or name. Raises ConfigError for an unknown one."""
        if isinstance(which, str):
            if which not in self.names:
                raise ConfigError(
                    f"no configuration is called {which!r}: {', '.join(self.names) or 'none has a name'}."
                )
            return list(self.names).index(which)
        self[which]
        return which

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The identity of a plan, as plain JSON values."""
        picks = None if self.picks is None else hashlib.sha256(self.picks.astype("<i8").tobytes()).hexdigest()
        return {
            "policies": [repr(policy) for policy in self.policies],
            "cost_multiples": list(self.cost_multiples),
            "lags": list(self.lags),
            "starts": [None if start is None else f"{start:%Y-%m-%d}" for start in self.days],
            "portfolios": list(self.portfolios),
            "picks": picks,
            "names": list(self.names),
        }

    # -- as columns --------------------------------------------------------------------------------------------------

    @cached_property
    def _of_policies(self) -> dict[str, np.ndarray]:
        """The columns of each policy in the table: one for each setting, the unusual ones where they vary."""
        rows = [policy_columns(policy) for policy in self.policies]
        usual = list(policy_columns(self.policies[0]))[:USUAL_COLUMNS]
        names = [*usual, *sorted({name for row in rows for name in row if name not in usual})]
        empty = {name: _empty({row[name] for row in rows if name in row}) for name in names}
        varied = {name for name in names if len({row[name] for row in rows if name in row}) > 1}
        kept = [name for name in names if name in usual or name in varied]
        found = {name: [row.get(name) for row in rows] for name in kept}
        return {name: np.array([empty[name] if v is None else v for v in values]) for name, values in found.items()}

    def columns(self, part: WorkPart) -> dict[str, np.ndarray | list[Any]]:
        """The axes of a part as columns of m rows, one a configuration.

        part    : m configurations.
        Returns : numbers, names, cost multiples, lags in sessions and dates; a lag or start of the portfolio's own is
                  None.
        """
        portfolio, policy, start, lag, cost = self.positions(part).T
        named = {"name": np.array(self.names, dtype=object)[part.first : part.stop]} if self.names else {}
        of_policies = {name: column[policy] for name, column in self._of_policies.items()}
        return {
            "configuration": np.arange(part.first, part.stop),
            **named,
            "portfolio": np.array(self.portfolios, dtype=object)[portfolio],
            **dict(list(of_policies.items())[:USUAL_COLUMNS]),
            "cost_multiple": np.array(self.cost_multiples, dtype=float)[cost],
            "lag": [self.lags[k] for k in lag],
            "start": [self.days[k] for k in start],
            **dict(list(of_policies.items())[USUAL_COLUMNS:]),
        }

    def __repr__(self) -> str:
        """The number and kind of the configurations, in one line."""
        portfolios, policies, starts, lags, costs = self.shape
        how = "every combination" if self.picks is None else "picks"
        return (
            f"Plan of {len(self):,} configurations: {how} of {policies:,} policies, {costs} cost multiples, "
            f"{lags} lags, {starts} starts, {portfolios} portfolios"
        )


def listed(configurations: Sequence[Configuration], names: Sequence[str] = ()) -> Plan:
    """The plan of exactly these configurations, in this order.

    names : name of each, or ().  Raises : ConfigError for none, one given twice, and another number of names.
    """
    if not isinstance(configurations, Sequence) or not configurations:
        refuse("a list of configurations is", configurations, "give at least one Configuration, in a list.")
    for number, given in enumerate(configurations):
        if not isinstance(given, Configuration):
            refuse(f"configuration {number} of the list is", given, "give a Configuration.")
    _check_names(names, len(configurations))
    axes = [
        _each(axis, [getattr(c, name) for c in configurations])
        for name, axis in zip(PLAN_AXES, PLURAL_AXES, strict=True)
    ]
    values = [list(dict.fromkeys(axis)) for axis in axes]
    places = [{value: k for k, value in enumerate(axis)} for axis in values]
    picks = np.array([[place[v] for v in axis] for axis, place in zip(axes, places, strict=True)], dtype=np.int64).T
    if len(np.unique(picks, axis=0)) < len(picks):
        found, counts = np.unique(picks, axis=0, return_counts=True)
        twice = np.flatnonzero((picks == found[np.argmax(counts)]).all(axis=1))
        one, other = (repr(names[k]) if names else str(k) for k in twice[:2])
        raise ConfigError(f"configurations {one} and {other} of the list are the same. Keep one of the two.")
    portfolios, policies, starts, lags, costs = values
    return Plan(policies, costs, lags, starts, portfolios, picks, tuple(names))


def held_in_plan(policy: Rule) -> Allocation:
    """The allocation that a policy of a plan holds, or the strategic target where it names none."""
    return held_by(policy, Strategic())


def policy_columns(policy: Rule) -> dict[str, Any]:
    """A policy as the table of a sweep says it: the six columns that every table has, then all its other settings.

    A setting of a user's own rule has the name of the rule before it, so that it is not taken for one of another rule.
    """
    allocation, promised = held_in_plan(policy), traits(policy)
    kind = allocation_key(allocation) or short_name(allocation)
    names = {"Strategic": "strategic", "strategic": "fixed"}
    band, to = float("nan"), float("nan")
    if isinstance(policy, Threshold | GroupThreshold):
        band, to = policy.band, round(policy.destination / policy.band, ROUND) if policy.band > 0.0 else 0.0
    elif isinstance(policy, NoTradeRegion):
        to = 1.0 if policy.to == "edge" else 0.0
    own = not isinstance(policy, RuleTraits)
    of_column = () if own else ("band", "to") if promised.desk_schedule is None else ("band", "to", "schedule")
    settings = _settings(policy, ("allocation", *of_column))
    return {
        "rule": rule_key(policy) or (short_name(policy) if own else promised.family),
        "calendar": str("" if promised.desk_schedule is None else promised.desk_schedule),
        "band": band,
        "to": to,
        "allocation": names.get(kind, kind),
        "window": allocation.window,
        **{ALLOCATIONS_OWN.get(name, name): value for name, value in _settings(allocation, ("window",)).items()},
        **_nested_settings(allocation),
        **({f"{short_name(policy)}.{name}": value for name, value in settings.items()} if own else settings),
    }


def _nested_settings(allocation: Any) -> dict[str, Any]:
    """The `repr` of the allocation that it scales, or of its forecast or estimator; and settings without a default."""
    if isinstance(allocation, EstimatorAllocation):
        return {"estimator": allocation.estimator_text}
    cls: type = type(allocation)
    if ALLOCATIONS.word_of(cls) is None:
        return {}
    held = {NESTED_FIELDS.get(name, name): repr(getattr(allocation, name)) for name in nested(cls)}
    required = [f.name for f in fields(allocation) if f.default is MISSING]
    stated = {name: getattr(allocation, name) for name in required}
    return held | {name: value for name, value in stated.items() if isinstance(value, bool | int | float | str)}


def _settings(record: Any, without: tuple[str, ...]) -> dict[str, Any]:
    """The settings of a dataclass that are plain values, or None, of those that have a default."""
    try:
        found = {f.name: getattr(record, f.name) for f in fields(record) if f.default is not MISSING}
    except TypeError:  # no dataclass
        return {}
    return {k: v for k, v in found.items() if k not in without and isinstance(v, bool | int | float | str | None)}


def _empty(values: set[Any]) -> Any:
    """The value of a setting that does not apply, or is None, beside these values of it."""
    return "" if any(isinstance(value, str) for value in values) else float("nan")


# -- the axes at the door --------------------------------------------------------------------------------------------


def checked_axis(name: str, values: Any) -> tuple[Any, ...]:
    """The values of an axis, each in its type and range. Raises ConfigError for none, and for one that stands twice."""
    if isinstance(values, str) or not np.iterable(values):
        refuse(f"{name} of a plan is", values, "give a sequence of values, such as a list.")
    made = [CHECKS[name](value) for value in values]
    if not made:
        raise ConfigError(f"{name} of a plan is empty: found {shown(values)}. Give at least one value.")
    seen: set[Any] = set()
    for value in made:
        if value in seen:
            raise ConfigError(f"{name} of a plan has a repeated value: found {shown(value)}. Keep one of the two.")
        seen.add(value)
    return tuple(made)


def _each(name: str, values: list[Any]) -> list[Any]:
    """Values of an axis, each in its type and range; many may be the same, and are checked once."""
    try:
        made = {value: CHECKS[name](value) for value in dict.fromkeys(values)}
    except TypeError:  # one cannot be hashed, so that it is no value of any axis
        return [CHECKS[name](value) for value in values]
    return [made[value] for value in values]


def _whole_numbers(picks: Any) -> NDArray[np.int64]:
    said = "picks of a plan are", picks, "give positions on its axes, whole numbers."
    numbers = picks if isinstance(picks, np.ndarray) and picks.dtype.kind == "i" else floats(*said)
    whole = np.asarray(numbers, dtype=np.int64)
    if (whole != numbers).any():
        refuse(*said)
    return whole


def _cost_multiple(value: Any) -> float:
    if not (is_number(value) and value >= 0.0):
        refuse("cost_multiples of a plan holds", value, "give a finite number of at least 0; 1 is today's.")
    return float(value)


def _lag(value: Any) -> int | None:
    if value is not None and not (is_whole(value) and value >= 0):
        refuse("lags of a plan holds", value, "give a number of sessions, 0 or more.")
    return None if value is None else int(value)


def _start(value: Any) -> pd.Timestamp | None:
    return None if value is None else day("starts of a plan holds", value)


def _portfolio(value: Any) -> str:
    if not isinstance(value, str):
        refuse("portfolios of a plan holds", value, "give the name of a setup, or of a portfolio's file.")
    return value


def _policy(value: Any) -> Any:
    if isinstance(value, type) or not isinstance(value, StandardRule | Policy):  # a protocol alone takes 15 µs
        refuse("policies of a plan holds", value, "give a rule; tune or train policies first.")
    try:
        hash(value)
    except TypeError:
        refuse("policies of a plan holds", value, "its settings cannot be compared; give tuples in place of lists.")
    return value


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "portfolios": _portfolio,
    "policies": _policy,
    "starts": _start,
    "lags": _lag,
    "cost_multiples": _cost_multiple,
}


def _check_names(names: Any, count: int) -> None:
    """Refuse names, where there are any, that are not one of its own for each configuration."""
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        refuse("names of configurations are", names, "give a list of text, or ().")
    if len(names) and (len(names) != count or len(set(names)) != len(names)):
        raise ConfigError(f"{len(names)} names for {count} configurations: give each a name of its own.")
