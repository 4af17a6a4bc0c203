"""Settings of a frozen dataclass in a file: read as the types that it declares, and written back.

A setting is validated by pydantic against the type that the rule or the allocation itself declares; there is no second
description of it here. What a class checks beyond types it says itself, and the message gains the place in the file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, NoReturn, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from foundation.arguments import did_you_mean, is_number
from foundation.errors import ConfigError
from research.allocation import Allocation
from research.forecast import Forecast, Model, Regimes
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import TOLD
from research.portfolio.file.strict_yaml import KeyPath, dotted

Record = TypeVar("Record")
NESTED = (Allocation, tuple[Allocation, ...], Forecast, Model, Regimes)  # of fields that a kind names, read by a table
UNKNOWN = "unexpected_keyword_argument"  # type of pydantic's error for a key that a record does not declare
OUTSIDE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")  # likewise, of a number out of bounds
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
KINDS = {  # what is wrong with a setting of another kind than its class declares, and how to fix it
    "float": ("not a number", "Write a plain number, such as 0.25 or 1_000."),
    "int": ("not a whole number", "Write one, such as 252."),
    "bool": ("not true or false", "Write true or false."),
    "date": ("not a date", "Write it as YYYY-MM-DD."),
    "literal": ("not one of its words", "Use {expected}."),
    "tuple": ("not a list", "Write its values in brackets, such as [0.01, 0.02]."),
    "list": ("not a list", "Write its items one a line, each after a dash."),
    "dict": ("not a mapping", "Write one key a line below it."),
    "string": ("not text", "Write a word, in quotes where it looks like a number."),
    "greater": ("out of bounds", "Give a number that is {bounds}."),
    "less": ("out of bounds", "Give a number that is {bounds}."),
    "dataclass": ("not a mapping", "Write its settings, one key a line below it."),
    "missing": ("missing", "Add it."),
    "unexpected": ("unknown key", "Correct its name, or leave it out."),
}
EITHER = {  # what else a setting may be that is a word
    "mapping": "a mapping such as {half_width: 0.01}",
    "int": "a whole number, such as 10",
}


def named(document: Document, path: KeyPath, table: Mapping[str, type]) -> str:
    """The name at `path`, refused when the table does not have it."""
    name = document.text(*path)
    if name not in table:
        document.refuse(path, f"unknown {path[-1]}", name, did_you_mean(name, table))
    return name


def build(document: Document, path: KeyPath, cls: type, held: Mapping[str, Any], beside: tuple[str, ...]) -> Any:
    """An instance of `cls` from the given values and the settings at `path`; `beside` them stand other keys."""
    open_to = {name: adapter for name, adapter in adapters(cls).items() if name not in held}
    faults = Faults()
    with faults:
        document.check_keys(path, (*beside, *open_to))
    given = {key: value for key, value in document.mapping(*path).items() if key in open_to}
    for f in fields(cls):
        if f.name in open_to and f.name not in given and f.default is MISSING and f.default_factory is MISSING:
            with faults:
                document.value(*path, f.name)  # refuses: it is missing
    values = {}
    for key, value in given.items():
        with faults:
            values[key] = validated(document, (*path, key), open_to[key], value)
    faults.end()
    try:
        return cls(**held, **values)
    except ConfigError as error:
        raise ConfigError(f"{dotted(path)} ({document.place(path)}): {error}") from error


def plain(record: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The settings of a dataclass in plain JSON types, every default filled in but those of no value.

    record  : dataclass whose settings are written.
    without : fields that are left out.
    """
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in without}
    return {name: _plain_value(value) for name, value in values.items() if value is not None and value != {}}


def _plain_value(value: Any) -> Any:
    if is_dataclass(value):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: _plain_value(item) for name, item in value.items()}
    if isinstance(value, tuple) and value and all(_is_pair(item) for item in value):  # numbers by name
        return dict(value)
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    return [_plain_value(item) for item in value] if isinstance(value, tuple | list) else value


def _is_pair(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and is_number(item[1])


def read(document: Document, path: KeyPath, cls: type[Record]) -> Record:
    """The record of the keys at `path`, or of the whole file where that is (); its defaults where the file has none.

    cls    : frozen dataclass that declares the keys, their types and their bounds.
    Raises : ConfigError with all that is wrong in them, a line for each mistake.
    """
    value = document.value(*path, default={}) if path else document.tree
    found: Record = validated(document, path, _adapter(cls), value)  # type: ignore[arg-type]  # a class can be hashed
    return found


def validated(document: Document, path: KeyPath, adapter: TypeAdapter[Any], value: Any) -> Any:
    """A value as its declared type.

    Validation is strict, through JSON: a list may be a tuple, but text is never a number.

    document : the portfolio file.
    path     : key of the value.
    adapter  : validator of the type.
    value    : found in the file.
    Raises   : ConfigError for a value of another type, with all that is wrong in it, a line for each mistake.
    """
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        faults = Faults()
        for problems in _by_place(error.errors(), value):
            with faults:
                _refuse(document, path, problems, value, adapter)
        faults.end()
        raise


def _by_place(problems: Sequence[Any], value: Any) -> list[list[Any]]:
    """The problems of each place: several of one that may be of several types, each of which has its own."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for problem in problems:
        at = _within(value, problem)
        whole = len(at) == len(problem["loc"])
        found.setdefault(at if whole else _before_types(value, problem), []).append(problem)
    return [part for of_place, group in found.items() for part in _of_one_type(of_place, group, value)]


def _of_one_type(place: tuple[str, ...], problems: list[Any], value: Any) -> list[list[Any]]:
    """The problems of a place as they are told: together, or each by itself, of the type that fits the value best."""
    gravest = min(problems, key=lambda p: _gravity(value, p))
    if len(problems) == 1 or len(_within(value, gravest)) == len(place):
        return [problems]
    of = gravest["loc"][: len(place) + 1]
    return [[problem] for problem in problems if problem["loc"][: len(place) + 1] == of]


def _gravity(value: Any, problem: Any) -> tuple[bool, int]:
    """The order of problems: unknown keys first, then those that lie deepest."""
    return problem["type"] != UNKNOWN, -len(_within(value, problem))


def _before_types(value: Any, problem: Any) -> tuple[str, ...]:
    """The keys of a problem's place up to the first type that pydantic writes between them."""
    found: list[str] = []
    for part in problem["loc"]:
        value, there = _below(value, part)
        if not there:
            break
        found.append(str(part))
    return tuple(found)


def _refuse(
    document: Document, path: KeyPath, problems: Sequence[Any], value: Any, adapter: TypeAdapter[Any]
) -> NoReturn:
    """Refuse a value in a sentence, at the key or the place in a list to which its gravest problem belongs.

    A setting that is a word or a mapping has the problems of both: those of the mapping count where one is written. Of
    one that is a word or a number, those of the words count.
    """
    words = [p for p in problems if p["loc"] and str(p["loc"][-1]).startswith("literal[")]
    others = [p for p in problems if p not in words] if words else list(problems)
    first = min(others or words, key=lambda p: _gravity(value, p))
    at, kind = _within(value, first), first["type"].partition("_")[0] if words and others else ""
    other = EITHER.get("mapping" if first["type"] == "dataclass_type" else kind)
    told_by = [words[0]] if words and other else [first, *(p for p in others if p is not first and not words)]
    each = dict.fromkeys(_words_of(p, _nodes(adapter, at)) for p in told_by if _within(value, p) == at)
    what = " and ".join(dict.fromkeys(one for one, _ in each))
    fix = ", or ".join(one.removesuffix(".") for _, one in each) + "."
    if words and other:
        fix = f"{fix.removesuffix('.')}, or write {other}."
    shown = at[-1] if first["type"] == UNKNOWN else first["input"]
    if key := first.get("ctx", {}).get("key"):
        at, shown = (*at, key), first["input"].get(key)
    if first["type"] == UNKNOWN:
        fix = did_you_mean(at[-1], [key for one in _nodes(adapter, at[:-1]) for key in one.get("properties", {})])
    elif first["type"].startswith("missing"):
        shown, fix = None, f"Add `{at[-1]}:`."
    document.refuse((*path, *at), what, shown, fix)


def _words_of(problem: Any, nodes: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """What is wrong, and how to fix it; `nodes` are the schemas of the place, which know its bounds."""
    kind, ctx = problem["type"], problem.get("ctx", {})
    if kind == TOLD:
        return ctx["what"], ctx["fix"]
    if kind == "too_short":
        kind = "dict_type" if isinstance(problem["input"], dict) else "list_type"
    message = problem["msg"].removeprefix("Value error, ").removesuffix(".")
    what, fix = KINDS.get(kind.partition("_")[0], (message, "Correct it."))
    if kind == "literal_error" and isinstance(problem["input"], str):
        known = [word for one in nodes for word in one.get("enum", [one.get("const", "")]) if word]
        return what, did_you_mean(problem["input"], dict.fromkeys(known))
    bounds = [f"{words} {one[key]:,.10g}" for one in nodes for key, words in BOUNDS.items() if key in one]
    if kind.startswith("int") and bounds:
        fix = "Write one that is {bounds}."
    says = "".join(f" {one['description']}" for one in nodes if kind in OUTSIDE and "description" in one)
    return what, fix.format(**{"bounds": " and ".join(bounds), **ctx}) + says


def _nodes(adapter: TypeAdapter[Any], at: tuple[str, ...]) -> list[dict[str, Any]]:
    """The schemas that a type has for a place within a value: several where it may be of several types."""
    whole = _schema(adapter)

    def opened(schema: dict[str, Any]) -> list[dict[str, Any]]:
        either = schema.get("anyOf", schema.get("oneOf", []))
        if "$ref" in schema:
            either = [whole["$defs"][schema["$ref"].rpartition("/")[2]]]
        return [inner for one in either for inner in opened(one)] or [schema]

    schemas = opened(whole)
    for key in at:
        below = [
            one.get("properties", {}).get(key)
            or next(iter(one.get("patternProperties", {}).values()), None)
            or one.get("additionalProperties")
            or one.get("items")
            for one in schemas
        ]
        schemas = [inner for one in below if isinstance(one, dict) for inner in opened(one)]
    return schemas


def _within(value: Any, problem: Any) -> tuple[str, ...]:
    """The keys of a problem's place within a value, without the types that pydantic writes between them."""
    found: list[str] = []
    for part in problem["loc"]:
        below, there = _below(value, part)
        if there:
            value = below
            found.append(str(part))
    missing = problem["type"].startswith("missing")
    return (*found, str(problem["loc"][-1])) if missing else tuple(found)


def _below(value: Any, part: int | str) -> tuple[Any, bool]:
    """What stands below a value at a key or a place in a list, and true if there is such."""
    there = (isinstance(value, dict) and part in value) or (
        isinstance(value, list) and isinstance(part, int) and part < len(value)
    )
    return (value[part], True) if there else (value, False)


def names_of(cls: type) -> tuple[str, ...]:
    """The keys that a record declares."""
    return tuple(f.name for f in fields(cls))


@cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


@cache
def _schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    return adapter.json_schema()


@cache
def adapters(cls: type) -> dict[str, TypeAdapter[Any]]:
    """Field name -> validator of its declared type; a field that is named by a kind is read by its table instead."""
    hints = get_type_hints(cls)
    return {f.name: TypeAdapter(hints[f.name]) for f in fields(cls) if f.name not in nested(cls)}


@cache
def nested(cls: type) -> dict[str, Any]:
    """Field name -> type of the fields that hold an allocation, several, a forecast, a model, or regimes."""
    hints = {name: Forecast if hint == Forecast | None else hint for name, hint in get_type_hints(cls).items()}
    return {f.name: hints[f.name] for f in fields(cls) if f.name == "allocation" or hints[f.name] in NESTED}
