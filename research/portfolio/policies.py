"""The one table from names in a portfolio file to rules and allocations, and how their settings are read.

A setting is validated by pydantic against the type that the rule or the allocation itself declares; there is no second
description of it here. What a class checks beyond types it says itself, and the message gains the place in the file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, NoReturn, get_type_hints

from pydantic import TypeAdapter, ValidationError

from research.allocation import HRP, Allocation, EqualWeights, FixedWeights, InverseVolatility, MinimumVariance
from research.arguments import MOST_PENALTY, did_you_mean
from research.errors import ConfigError
from research.learning import Learned, Universal
from research.portfolio.document import Document
from research.portfolio.own_rule import check_code, code_of, import_path, own_rule
from research.portfolio.strict_yaml import KeyPath, dotted
from research.rules import (
    BestPoint,
    Calendar,
    CostBenefit,
    GroupThreshold,
    Never,
    NoTradeRegion,
    Threshold,
    TrackingError,
    TunedThreshold,
)

RULES: dict[str, type] = {
    "never": Never,
    "calendar": Calendar,
    "threshold": Threshold,
    "group_threshold": GroupThreshold,
    "tracking_error": TrackingError,
    "cost_benefit": CostBenefit,
    "no_trade_region": NoTradeRegion,
    "best_point": BestPoint,
    "tuned": TunedThreshold,
    "learned": Learned,
    "universal": Universal,
}
ALLOCATIONS: dict[str, type] = {
    "strategic": FixedWeights,
    "equal": EqualWeights,
    "inverse_volatility": InverseVolatility,
    "minimum_variance": MinimumVariance,
    "hrp": HRP,
}


NOTHING: Mapping[str, Any] = MappingProxyType({})
KINDS = {  # what is wrong with a setting of another kind than its class declares, and how to fix it
    "float": ("not a number", "Write a plain number, such as 0.25."),
    "int": ("not a whole number", "Write one, such as 252."),
    "bool": ("not true or false", "Write true or false."),
    "literal": ("not one of its words", "Use {expected}."),
    "tuple": ("not a list", "Write its values in brackets, such as [0.01, 0.02]."),
    "dataclass": ("not a mapping", "Write its settings, one key a line below it."),
    "missing": ("missing", "Add it."),
    "unexpected": ("unknown key", "Correct its name, or leave it out."),
}
EITHER = {  # what else a setting may be that is a word
    "mapping": "a mapping such as {half_width: 0.01}",
    "int": "a whole number, such as 10",
}


def read_policy(document: Document, path: KeyPath, strategic: FixedWeights, shared: Mapping[str, Any] = NOTHING) -> Any:
    """The rule at `path`, {rule: ..., allocation: {kind: ..., ...}, ...}, with its allocation.

    A rule with a colon in its name is a class of the user's own, see `own_rule`.

    document  : the portfolio file.
    path      : key of the rule.
    strategic : the file's target, for a rule without an allocation of its own.
    shared    : settings of the whole file, for rules that have them and state no other.
    Raises    : ConfigError for an unknown rule, kind or setting, and for a value that the class does not take.
    """
    own = ":" in document.text(*path, "rule")
    rule = own_rule(document, (*path, "rule")) if own else RULES[_named(document, (*path, "rule"), RULES)]
    if own:
        check_code(document, (*path, "code"), rule)
    _refuse_points(document, path)
    if document.has(*path, "tracking_penalty"):
        document.number(*path, "tracking_penalty", at_most=MOST_PENALTY)
    allocation = _read_allocation(document, (*path, "allocation"), strategic)
    unset = {f.name for f in fields(rule)} - set(document.mapping(*path))
    held = {"allocation": allocation} | {name: value for name, value in shared.items() if name in unset}
    return _build(document, path, rule, held, beside=("rule", "allocation", "code")[: 2 + own])


def _refuse_points(document: Document, path: KeyPath) -> None:
    """Refuse a band above 1: it was written in points, and would never be touched."""
    of_target = document.value(*path, "kind", default="absolute") in ("relative", "volatility")
    for key in () if of_target else ("band", "bands"):
        given = document.value(*path, key) if document.has(*path, key) else 0.0
        bands = [band for band in (given if isinstance(given, list) else [given]) if isinstance(band, int | float)]
        if max(bands, default=0.0) > 1.0:
            document.refuse((*path, key), "a band is a fraction of NAV", given, "Two percentage points are 0.02.")


def _read_allocation(document: Document, path: KeyPath, strategic: FixedWeights) -> Allocation:
    if not document.has(*path):
        return strategic
    kind = _named(document, (*path, "kind"), ALLOCATIONS)
    held = {"weights": strategic.weights} if kind == "strategic" else {}
    allocation: Allocation = _build(document, path, ALLOCATIONS[kind], held, beside=("kind",))
    return allocation


def policy_settings(policy: Any) -> dict[str, Any]:
    """A policy as a portfolio file would write it, every default filled in but those of no value, in plain JSON types.

    >>> policy_settings(Never(EqualWeights()))
    {'rule': 'never', 'allocation': {'kind': 'equal', 'unlisted': 'pro_rata'}}
    """
    rule, kind = rule_key(policy), allocation_key(policy.allocation)
    held = ("weights",) if kind == "strategic" else ()
    own = {} if rule else {"rule": import_path(type(policy)), "code": code_of(type(policy))}
    return {
        "rule": rule,
        **own,
        **_plain(policy, without=("allocation",)),
        "allocation": {"kind": kind, **_plain(policy.allocation, without=held)},
    }


def rule_key(policy: object) -> str | None:
    """The name by which a portfolio file calls the class of a rule; None for a class that no file can name."""
    return {cls: name for name, cls in RULES.items()}.get(type(policy))


def allocation_key(allocation: object) -> str | None:
    """The name by which a portfolio file calls the class of an allocation; None for one that no file can name."""
    return {cls: name for name, cls in ALLOCATIONS.items()}.get(type(allocation))


def _plain(record: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in without}
    return {name: _plain_value(value) for name, value in values.items() if value is not None}


def _plain_value(value: Any) -> Any:
    if is_dataclass(value):
        return _plain(value)
    return [_plain_value(item) for item in value] if isinstance(value, tuple | list) else value


def _named(document: Document, path: KeyPath, table: Mapping[str, type]) -> str:
    """The name at `path`, refused when the table does not have it."""
    name = document.text(*path)
    if name not in table:
        document.refuse(path, f"unknown {path[-1]}", name, did_you_mean(name, table))
    return name


def _build(document: Document, path: KeyPath, cls: type, held: Mapping[str, Any], beside: tuple[str, ...]) -> Any:
    """An instance of `cls` from what it holds already and the settings at `path`; `beside` them stand other keys."""
    open_to = {name: adapter for name, adapter in adapters(cls).items() if name not in held}
    document.check_keys(path, (*beside, *open_to))
    given = {key: value for key, value in document.mapping(*path).items() if key in open_to}
    for f in fields(cls):
        if f.name in open_to and f.name not in given and f.default is MISSING and f.default_factory is MISSING:
            document.value(*path, f.name)  # refuses: it is missing
    values = {key: validated(document, (*path, key), open_to[key], value) for key, value in given.items()}
    try:
        return cls(**held, **values)
    except ConfigError as error:
        raise ConfigError(f"{dotted(path)} ({document.place(path)}): {error}") from error


def validated(document: Document, path: KeyPath, adapter: TypeAdapter[Any], value: Any) -> Any:
    """A value as its declared type.

    Validation is strict, through JSON: a list may be a tuple, but text is never a number.

    document : the portfolio file.
    path     : key of the value.
    adapter  : validator of the type.
    value    : found in the file.
    Raises   : ConfigError for a value of another type.
    """
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        _refuse(document, path, error.errors())
    except TypeError:  # a date, of an override
        document.refuse(path, "not a plain value", value, "Write text, a number, a list or a mapping.")


def _refuse(document: Document, path: KeyPath, problems: Sequence[Any]) -> NoReturn:
    """Refuse a value in a sentence, at the key or the place in a list to which its gravest problem belongs.

    A setting that is a word or a mapping has the problems of both: those of the mapping count where one is written. Of
    one that is a word or a number, those of the words count.
    """
    words = [p for p in problems if p["loc"] and str(p["loc"][0]).startswith("literal[")]
    others = [{**p, "loc": p["loc"][1:]} for p in problems if p not in words] if words else list(problems)
    first = min(others, key=lambda p: p["type"] != "unexpected_keyword_argument")
    kind = first["type"].partition("_")[0] if words else ""
    other = EITHER.get("mapping" if first["type"] == "dataclass_type" else kind)
    told = words[0] if words and other else first
    what, fix = KINDS.get(
        told["type"].partition("_")[0], (told["msg"].removeprefix("Value error, "), "Correct the value.")
    )
    fix = fix.format(**told.get("ctx", {}))
    if words and other:
        fix = f"{fix.removesuffix('.')}, or write {other}."
    document.refuse((*path, *map(str, first["loc"])), what, first["input"], fix)


@cache
def adapters(cls: type) -> dict[str, TypeAdapter[Any]]:
    """Field name -> validator of its declared type; the allocation is read by the table instead."""
    hints = get_type_hints(cls)
    return {f.name: TypeAdapter(hints[f.name]) for f in fields(cls) if f.name != "allocation"}
