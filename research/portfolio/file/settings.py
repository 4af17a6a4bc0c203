"""Settings of a frozen dataclass in a file: read as the types that it declares, and written back.

A setting is validated by pydantic against the type that the rule or the allocation itself declares; there is no second
description of it here. What a class checks beyond types it says itself, and the message gains the place in the file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, NoReturn, get_type_hints

from pydantic import TypeAdapter, ValidationError

from foundation.arguments import did_you_mean, is_number
from foundation.errors import ConfigError
from research.allocation import Allocation
from research.forecast import Forecast, Model, Regimes
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.strict_yaml import KeyPath, dotted

NESTED = (Allocation, tuple[Allocation, ...], Forecast, Model, Regimes)  # of fields that a kind names, read by a table
KINDS = {  # what is wrong with a setting of another kind than its class declares, and how to fix it
    "float": ("not a number", "Write a plain number, such as 0.25."),
    "int": ("not a whole number", "Write one, such as 252."),
    "bool": ("not true or false", "Write true or false."),
    "date": ("not a date", "Write it as YYYY-MM-DD."),
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
        _refuse(document, path, error.errors(), value, adapter)
    except TypeError:  # a date, of an override
        document.refuse(path, "not a plain value", value, "Write text, a number, a list or a mapping.")


def _refuse(
    document: Document, path: KeyPath, problems: Sequence[Any], value: Any, adapter: TypeAdapter[Any]
) -> NoReturn:
    """Refuse a value in a sentence, at the key or the place in a list to which its gravest problem belongs.

    A setting that is a word or a mapping has the problems of both: those of the mapping count where one is written. Of
    one that is a word or a number, those of the words count.
    """
    words = [p for p in problems if p["loc"] and str(p["loc"][0]).startswith("literal[")]
    others = [{**p, "loc": p["loc"][1:]} for p in problems if p not in words] if words else list(problems)
    first = min(others, key=lambda p: (p["type"] != "unexpected_keyword_argument", -len(_within(value, p))))
    kind = first["type"].partition("_")[0] if words else ""
    other = EITHER.get("mapping" if first["type"] == "dataclass_type" else kind)
    told = words[0] if words and other else first
    what, fix = KINDS.get(
        told["type"].partition("_")[0], (told["msg"].removeprefix("Value error, ").removesuffix("."), "Correct it.")
    )
    fix = fix.format(**told.get("ctx", {}))
    if words and other:
        fix = f"{fix.removesuffix('.')}, or write {other}."
    at = _within(value, first)
    if first["type"] == "unexpected_keyword_argument" and (keys := _keys_of(adapter, at[:-1])):
        fix = did_you_mean(at[-1], keys)
    document.refuse((*path, *at), what, first["input"], fix)


def _keys_of(adapter: TypeAdapter[Any], at: tuple[str, ...]) -> list[str]:
    """The keys that a type declares at a place within a value, by its schema."""
    whole = adapter.json_schema()

    def opened(schema: dict[str, Any]) -> list[dict[str, Any]]:
        either = schema.get("anyOf", [])
        if "$ref" in schema:
            either = [whole["$defs"][schema["$ref"].rpartition("/")[2]]]
        return [inner for one in either for inner in opened(one)] or [schema]

    schemas = opened(whole)
    for key in at:
        below = [one.get("properties", {}).get(key) or one.get("additionalProperties") for one in schemas]
        schemas = [inner for one in below if isinstance(one, dict) for inner in opened(one)]
    return [key for one in schemas for key in one.get("properties", {})]


def _within(value: Any, problem: Any) -> tuple[str, ...]:
    """The keys of a problem's place within a value, without the types that pydantic writes between them."""
    found: list[str] = []
    for part in problem["loc"]:
        there = isinstance(value, dict) and part in value
        if there or (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            value = value[part]
            found.append(str(part))
    missing = problem["type"].startswith("missing")
    return (*found, str(problem["loc"][-1])) if missing else tuple(found)


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
