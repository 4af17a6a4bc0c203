"""From a sweep's YAML file to its plan. Every error names the file, the key, the value found and how to fix it.

    portfolio: ../portfolios/global_multi_asset.yaml       # relative to this file; or `portfolios:`, a list
    rules:
      calendar:  {every: [month, quarter]}                 # any setting may be one value or a list
      threshold: {band: [0.01, 0.02], to: [0, 0.5, 1]}     # `to`: a fraction of the band, "target" or "edge"
    allocations:                                           # default: the strategic target of the portfolio
      strategic:
      hrp: {window: [126, 252]}
    cost_multiples: [0.5, 1, 2]                            # of the portfolio's costs of trading
    lags: [0, 1, 2, 5]                                     # sessions
    starts: {first: 2010-01-04, last: 2015-01-01, every: quarter}      # or a list of dates
    sample: {size: 256, seed: 1, kind: sobol}              # default: the grid. With it {from: 0, to: 0.1} is a range
    keep: {best: 3, by: loss, configurations: [0]}            # of which full paths are kept
    cvar95: true

or, in place of the axes, `configurations:`, a list by name, each a policy as in a portfolio file with `portfolio`,
`cost_multiple`, `lag` and `start` besides.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field, PlainValidator, TypeAdapter, WithJsonSchema

from backtests.batch.streaming_metrics import CVAR
from backtests.sweeps.axes import LARGEST_SAMPLE, Axes, Choices, Kind, Range, sample, threshold
from backtests.sweeps.plan import CHECKS, Configuration, Plan, Strategic, listed
from backtests.sweeps.setup import Setup
from backtests.sweeps.table import Keep
from foundation.arguments import did_you_mean, is_whole
from foundation.dataclasses import dataclass, fields, replace
from foundation.errors import ConfigError, DataError
from research.allocation.allocation import check_history
from research.portfolio import ALLOCATIONS, Portfolio, load_portfolio
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.kinds import Day, Name, Number, Text, Told, record
from research.portfolio.file.settings import adapters, names_of, nested, read, validated
from research.portfolio.file.strict_yaml import KeyPath, dotted
from research.portfolio.keys.policies import RULES as ALL_RULES
from research.portfolio.keys.policies import read_policy
from research.rules import Threshold

FILE_AXES = ("rules", "allocations", "cost_multiples", "lags", "starts", "sample")
SWEPT_RULES: dict[
    str, tuple[type, Callable[..., Any]]
] = {  # the class that declares the settings, and what makes the rule
    **{name: (cls, cls) for name, cls in ALL_RULES.items() if name not in ("tuned", "learned")},
    "threshold": (Threshold, threshold),
}
OF = {
    "allocation",
    "allocations",
    "table",
}  # fields of allocations that hold others, or a file: as `configurations` only
ALLOCATION_KINDS: dict[str, tuple[type, Callable[..., Any]]] = {
    "strategic": (Strategic, Strategic),
    **{name: (cls, cls) for name, cls in ALLOCATIONS.items() if name != "strategic" and not OF & set(nested(cls))},
}


def _number_or_name(value: object) -> int | str:
    """The number or the name of a configuration. Raises Told for another value."""
    if not (is_whole(value) or (isinstance(value, str) and value.strip())):
        raise Told("not a configuration", "Give its number, or its name.")
    return value  # type: ignore[return-value]


AIM_WORDS = {"target": 0.0, "edge": 1.0}
TEXT, DAY = TypeAdapter[Any](Text), TypeAdapter[Any](Day)
NUMBER_OR_NAME = TypeAdapter[Any](Annotated[Any, PlainValidator(_number_or_name), WithJsonSchema({})])


@record
class RangeKeys:
    """A range of values, of which a sample draws."""

    low: Annotated[Number, Field(alias="from")]
    high: Annotated[Number, Field(alias="to")]


@record
class SampleKeys:
    """A sample of the axes in place of their grid."""

    size: Annotated[int, Field(ge=1, le=LARGEST_SAMPLE)]
    seed: Annotated[int, Field(ge=0)] = 0
    kind: Kind = "sobol"


@record
class StartKeys:
    """First days of tests, one every so often from the first to the last."""

    first: Day
    last: Day
    every: Literal["day", "week", "month", "quarter", "year"]

    def __post_init__(self) -> None:
        """Refuse a last day before the first."""
        if self.first > self.last:
            raise Told("before the first", "Give a later day.", "last")

    def days(self) -> tuple[pd.Timestamp, ...]:
        """The days."""
        step: Mapping[str, Any] = {"months": 3} if self.every == "quarter" else {f"{self.every}s": 1}
        days = (self.first + pd.DateOffset(**{unit: k * n for unit, n in step.items()}) for k in count())
        return tuple(takewhile(lambda day: day <= self.last, days))


@record
class KeepKeys:
    """The configurations whose full paths are stored, as `Keep` has them."""

    best: Annotated[int, Field(ge=0)] = 0
    by: Text = "loss"
    configurations: Any = None


@record
class ConditionKeys:
    """Conditions of a listed configuration, beside its policy."""

    portfolio: Text | None = None
    cost_multiple: Annotated[float, Field(ge=0.0)] = 1.0
    lag: Annotated[int, Field(ge=0, description="It counts sessions.")] | None = None
    start: Day | None = None


@record
class SweepKeys:
    """The keys of a sweep's file; an axis is read by the rule, the allocation or the plan whose values it has."""

    portfolio: Any = None
    portfolios: Any = None
    rules: Annotated[Mapping[str, Any], Field(min_length=1)] | None = None
    allocations: Annotated[Mapping[str, Any], Field(min_length=1)] | None = None
    cost_multiples: Any = None
    lags: Any = None
    starts: Any = None
    sample: SampleKeys | None = None
    configurations: Annotated[Mapping[Name, Mapping[str, Any]], Field(min_length=1)] | None = None
    keep: KeepKeys | None = None
    cvar95: bool = False

    def __post_init__(self) -> None:
        """Refuse no portfolio, a portfolio beside portfolios, and axes beside a list of configurations."""
        if (self.portfolio is None) == (self.portfolios is None):
            fix = "Write one of the two, a path or a list of paths."
            raise Told(
                "one of portfolio and portfolios is needed", fix, "portfolios" if self.portfolios else "portfolio"
            )
        for key in FILE_AXES if self.configurations is not None else ():
            if getattr(self, key) is not None:
                raise Told("cannot be combined with a list of configurations", "Keep one of the two.", key)


@dataclass(frozen=True, eq=False)
class SweepFile:
    """The contents of a sweep's file. settings : the file as plain JSON values."""

    portfolios: tuple[Portfolio, ...]
    plan: Plan
    keep: Keep
    cvar95: bool
    settings: dict[str, Any]


def read_sweep(path: str | Path) -> SweepFile:
    """The sweep that a YAML file describes, checked. Raises ConfigError for whatever the file gets wrong."""
    document = read_document(path, known=names_of(SweepKeys), bare=("rules", "allocations"))
    keys, portfolios = read(document, (), SweepKeys), _portfolios(document)
    setups = {setup.name: setup for setup in map(Setup.of, portfolios)}
    plan = _of_axes(document, keys, setups) if keys.configurations is None else _listed(document, keys, setups)
    keep = _keep(document, keys.keep or KeepKeys(), plan)
    if keep.best and keep.by == CVAR and not keys.cvar95:
        document.refuse(("keep", "by"), "not a metric of this sweep", keep.by, "Add `cvar95: true`.")
    return SweepFile(portfolios, plan, keep, keys.cvar95, document.tree)


def _portfolios(document: Document) -> tuple[Portfolio, ...]:
    """The portfolios, whose paths are relative to the sweep's own file."""
    key = "portfolio" if document.has("portfolio") else "portfolios"
    files = _items(document, (key,), TEXT)
    folder, many = document.folder, [Path(file).stem for file in files]
    if len(set(many)) < len(many):
        document.refuse((key,), "two portfolios have the same name", files, "Rename one of the files.")
    for file in files:
        if not _is_file(folder / file):
            document.refuse((key,), "no such file", file, f"Write its path from {folder}, where this file is.")
    return tuple(load_portfolio(folder / file) for file in files)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long for a file
        return False


# -- axes ------------------------------------------------------------------------------------------------------------


def _of_axes(document: Document, keys: SweepKeys, setups: Mapping[str, Setup]) -> Plan:
    """A grid or sample of the axes that the file gives."""
    axes = Axes(
        rules=_choices(document, "rules", SWEPT_RULES),
        allocations=_choices(document, "allocations", ALLOCATION_KINDS)
        if document.has("allocations")
        else (Choices(Strategic),),
        cost_multiples=_values(document, ("cost_multiples",), _of_plan("cost_multiples"), (1.0,)),
        lags=_values(document, ("lags",), _of_plan("lags"), (None,), ranges=False),
        starts=_starts(document),
        portfolios=tuple(setups),
    )
    for setup in setups.values():
        _check_conditions(document, setup, axes)
    _each_alone(document, axes)
    if keys.sample is None:
        return _placed(document, (), axes.grid)
    of = keys.sample
    return _placed(document, ("sample",), sample, axes, of.size, of.seed, of.kind)


def _choices(document: Document, key: str, known: dict[str, tuple[type, Callable[..., Any]]]) -> tuple[Choices, ...]:
    """The rules or allocations under a key, each with the values of its settings."""
    found = []
    for name in document.mapping(key):
        if name not in known:
            document.refuse((key, name), f"unknown {key[:-1]} of a sweep", name, did_you_mean(name, known))
        declared, make = known[name]
        types = adapters(declared)
        given = document.value(key, name, default={})
        if not isinstance(given, dict):
            document.refuse((key, name), "not a mapping", given, "Write its settings as {setting: value}, or nothing.")
        if given:
            document.check_keys((key, name), tuple(types))
        settings = {
            s: _values(document, (key, name, s), _aim if (name, s) == ("threshold", "to") else types[s]) for s in given
        }
        needed = [f.name for f in fields(declared) if f.name in types and f.name == "band" and f.name not in settings]
        for setting in needed:  # a grid without its bands is a slip, and not the default one
            document.value(key, name, setting)
        choice = Choices(make, **settings)
        found.append(choice)
    return tuple(found)


def _values(document: Document, path: KeyPath, kind: Any, default: Any = ..., ranges: bool = True) -> Any:
    """The values of an axis: one, a list, or a range; any other mapping is one value, such as {half_width: 0.01}."""
    given = document.value(*path, default=None if default is not ... else ...)
    if given is None:
        return default
    if isinstance(given, dict) and ranges and (not given or {"from", "to"} & given.keys()):
        of = read(document, path, RangeKeys)
        ends = of.low, of.high
        for end in ends if not isinstance(kind, TypeAdapter) else ():
            kind(document, path, end)
        made: Range = _placed(document, path, Range, *ends)
        if not document.has("sample"):
            document.refuse(path, "a grid cannot use a range", given, "List its values, or add `sample: {size: …}`.")
        return made
    return tuple(_items(document, path, kind))


def _items(document: Document, path: KeyPath, kind: Any) -> list[Any]:
    """One value or a list of them, each of its kind and none twice."""
    given = document.value(*path)
    values = given if isinstance(given, list) else [given]
    if not values:
        document.refuse(path, "an empty axis", given, "Give at least one value, or leave the key out.")
    if None in values:
        document.refuse(path, "a value is empty", given, "Give a value, or leave the key out.")
    made = [
        validated(document, path, kind, v) if isinstance(kind, TypeAdapter) else kind(document, path, v) for v in values
    ]
    twice = next((v for k, v in enumerate(made) if v in made[:k]), None)
    if twice is not None:
        document.refuse(path, "a value is repeated", twice, "Keep one of the two.")
    return made


def _of_plan(axis: str) -> Callable[[Document, KeyPath, Any], Any]:
    """Values of an axis as a plan takes them."""
    return lambda document, path, value: _placed(document, path, CHECKS[axis], value)


def _aim(document: Document, path: KeyPath, value: Any) -> float:
    """A destination as a fraction of the band."""
    if isinstance(value, str) and value in AIM_WORDS:
        return AIM_WORDS[value]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        fix = "Give a fraction of the band from 0, the target, to 1, its edge; or target, or edge."
        document.refuse(path, "not a destination", value, fix)
    return float(value)


def _starts(document: Document) -> tuple[Any, ...]:
    """First days of the test: a list, or one every so often from the first to the last."""
    given = document.value("starts", default=None)
    if given is None:
        return (None,)
    if isinstance(given, dict):
        return read(document, ("starts",), StartKeys).days()
    return tuple(_items(document, ("starts",), DAY))


def _check_conditions(document: Document, setup: Setup, axes: Axes) -> None:
    """Refuse costs, starts, lags and windows that a portfolio and its market cannot have, where they stand."""
    multiples = axes.cost_multiples
    _placed(
        document, ("cost_multiples",), setup.times, multiples.high if isinstance(multiples, Range) else max(multiples)
    )
    rows = [_placed(document, ("starts",), setup.first, start) for start in axes.starts]
    first = min(rows)
    for lag in axes.lags if document.has("lags") else ():
        _placed(document, ("lags",), setup.lagged, lag, max(rows))
    for name, choice in zip(document.tree.get("allocations") or (), axes.allocations, strict=False):
        for held in _each(document, ("allocations", name), choice):
            _placed(document, ("allocations", name, "window"), check_history, setup.holds(held), setup.market, first)


def _each_alone(document: Document, axes: Axes) -> None:
    """Make each rule and allocation from its settings, so that one that cannot be is refused where it stands."""
    for key, choices, held in (("rules", axes.rules, (Strategic(),)), ("allocations", axes.allocations, ())):
        for name, choice in zip(document.tree.get(key) or (), choices, strict=False):
            _each(document, (key, name), choice, *held)


def _each(document: Document, path: KeyPath, choice: Choices, *held: Any) -> list[Any]:
    """The rules or allocations of a choice, each made; of a range its ends."""
    ends = {s: (v.low, v.high) if isinstance(v, Range) else v for s, v in choice.settings.items()}
    combinations = Choices(choice.make, **ends).combinations()
    return [_placed(document, path, partial(choice.made, *held, **settings)) for settings in combinations]


# -- a list ----------------------------------------------------------------------------------------------------------


def _listed(document: Document, keys: SweepKeys, setups: Mapping[str, Setup]) -> Plan:
    """The configurations that the file lists by name."""
    named: dict[Configuration, str] = {}
    for name in keys.configurations or ():
        given, found = document.value("configurations", name), _configuration(document, name, setups)
        if found in named:
            what = f"the same configuration as {named[found]!r}"
            document.refuse(("configurations", name), what, given, "Keep one of the two.")
        named[found] = name
    return _placed(document, ("configurations",), listed, list(named), list(named.values()))


def _configuration(document: Document, name: str, setups: Mapping[str, Setup]) -> Configuration:
    path, portfolios = ("configurations", name), tuple(setups)
    given = document.mapping(*path)
    if document.text(*path, "rule") not in SWEPT_RULES:
        document.refuse(
            (*path, "rule"), "not a rule of a sweep", given.get("rule"), did_you_mean(given.get("rule"), SWEPT_RULES)
        )
    conditions = names_of(ConditionKeys)
    tree = {"configurations": {name: {key: given[key] for key in given if key in conditions}}}
    keys = read(replace(document, tree=tree), path, ConditionKeys)
    portfolio = keys.portfolio or (portfolios[0] if len(portfolios) == 1 else document.value(*path, "portfolio"))
    if portfolio not in portfolios:
        document.refuse((*path, "portfolio"), "unknown portfolio", portfolio, did_you_mean(portfolio, portfolios))
    without = {*conditions, *(("allocation",) if given.get("allocation") == {"kind": "strategic"} else ())}
    tree = {"configurations": {name: {key: given[key] for key in given if key not in without}}}
    policy = read_policy(replace(document, tree=tree), path, Strategic())  # type: ignore[arg-type]  # it only holds it
    setup = setups[portfolio]
    _placed(document, (*path, "cost_multiple"), setup.times, keys.cost_multiple)
    first = _placed(document, (*path, "start"), setup.first, keys.start)
    if keys.lag is not None:
        _placed(document, (*path, "lag"), setup.lagged, keys.lag, first)
    held = setup.held(policy)
    _placed(document, (*path, "allocation", "window"), check_history, held, setup.market, first)
    return Configuration(policy, portfolio, keys.cost_multiple, keys.lag, keys.start)


def _keep(document: Document, keys: KeepKeys, plan: Plan) -> Keep:
    """The selection of configurations whose full paths are stored."""
    path = ("keep", "configurations")
    which = [] if keys.configurations is None else _items(document, path, NUMBER_OR_NAME)
    for one in which:
        _placed(document, path, plan.number, one)
    made: Keep = _placed(document, ("keep",), Keep, keys.best, keys.by, which)
    return made


def _placed(document: Document, path: KeyPath, make: Callable[..., Any], *given: Any) -> Any:
    """The result of `make` for the given arguments; its refusal gains the place in the file."""
    try:
        return make(*given)
    except (ConfigError, DataError) as error:
        if document.file in str(error):
            raise
        raise type(error)(f"{dotted(path)} ({document.place(path)}): {error}") from error
