"""Settings of a frozen dataclass in a file: read as the types that it declares, and written back.

A setting is validated by pydantic against the type that the record, the rule or the allocation itself declares; there
is no second description of it here. What a class checks beyond types it says itself, and the message gains the place.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from foundation.arguments import did_you_mean, is_number
from research.allocation import Allocation
from research.allocation.signals import Signal
from research.forecast import Forecast, Model, Regimes
from research.forecast.news import Scores
from research.market.factors import FactorReturns
from research.portfolio.file.document import Document
from research.portfolio.file.fault_words import faults_of
from research.portfolio.file.faults import Faults
from research.portfolio.file.lengths import check_in_rows
from research.portfolio.file.strict_yaml import KeyPath

Record = TypeVar("Record")
NESTED_TYPES = (
    Allocation,
    tuple[Allocation, ...],
    Forecast,
    Model,
    Regimes,
    Scores,
    Signal,
    FactorReturns | None,
)  # of fields that a kind names, read by a table


def named(document: Document, path: KeyPath, table: Mapping[str, type]) -> str:
    """The name of a table at `path`, in whatever case it is written; refused when the table does not have it."""
    name = document.text(*path)
    if name.lower() not in table:
        document.refuse(path, f"unknown {path[-1]}", name, did_you_mean(name.lower(), table))
    return name.lower()


def build(document: Document, path: KeyPath, cls: type, held: Mapping[str, Any], beside: tuple[str, ...]) -> Any:
    """An instance of `cls` from the given values and the settings at `path`; `beside` them stand other keys."""
    open_to = {name: adapter for name, adapter in adapters(cls).items() if name not in held}
    faults = Faults()
    with faults:
        document.check_keys(path, (*beside, *open_to))
    known = document.knowing(faults)
    given = {key: value for key, value in document.mapping(*path).items() if key in open_to}
    for f in fields(cls):
        if f.init and f.name not in {*held, *given} and f.default is MISSING and f.default_factory is MISSING:
            with faults:
                known.value(*path, f.name)  # refuses: it is missing
    values = {}
    for key, value in given.items():
        with faults:
            check_in_rows(document, (*path, key), cls, value)
            values[key] = validated(document, (*path, key), open_to[key], value)
    faults.end()
    document.check_whole(path)
    with document.placing(path):
        return cls(**held, **values)


def plain(record: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The settings of a dataclass in plain JSON types, every default filled in but those of no value.

    record  : dataclass whose settings are written.
    without : fields that are left out.
    """
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.init and f.name not in without}
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
    if (sound := _sound(cls, value)) is not None:
        return sound
    found: Record = validated(document, path, _adapter(cls), value)  # type: ignore[arg-type]  # a class can be hashed
    return found


def read_key(document: Document, cls: type, key: str) -> Any:
    """One key at the top of the file, its default where the file has none, though other keys be wrong.

    cls    : frozen dataclass that declares it.
    Raises : ConfigError with all that is wrong in it, without a message where that is told, as for a missing key it is.
    """
    value = document.value(key, default=None)
    if value is None:
        return next(f.default for f in fields(cls) if f.name == key)
    return validated(document, (key,), key_adapter(cls, key), value)


def _sound(cls: type[Record], value: Any) -> Record | None:
    """The record of a value in which nothing is wrong; None for another one.

    It needs the validators of the keys that are stated alone: those of all keys of a file take 50 ms to make.
    """
    if not (isinstance(value, Mapping) and value.keys() <= set(names_of(cls))):
        return None
    try:
        kinds = {key: key_adapter(cls, key) for key in value}  # type: ignore[arg-type]  # a class can be hashed
        return cls(**{key: kind.validate_json(_json(value[key]), strict=True) for key, kind in kinds.items()})
    except (ValueError, TypeError):  # which the validator of the whole record tells in words
        return None


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
        return adapter.validate_json(_json(value), strict=True)
    except ValidationError as error:
        faults = Faults()
        for fault in faults_of(error.errors(include_url=False), value, adapter):
            with faults:
                document.check_whole((*path, *fault.at))
                at = (*path, *fault.at, fault.key) if fault.key else (*path, *fault.at)
                known = document if fault.found is not None else document.knowing(faults)
                known.refuse(at, fault.what, fault.found, fault.fix)
        faults.end()
        raise


def _json(value: Any) -> bytes:
    """A value of a file as JSON; what is of no kind that a file has is told by its text."""
    return json.dumps(value, default=str, skipkeys=True, ensure_ascii=False).encode("utf-8", "replace")


def names_of(cls: type) -> tuple[str, ...]:
    """The keys that a record declares."""
    return tuple(f.name for f in fields(cls))


@cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


@cache
def key_adapter(cls: type, key: str) -> TypeAdapter[Any]:
    """The validator of a key of a record, with its bounds."""
    return TypeAdapter(get_type_hints(cls, include_extras=True)[key])


@cache
def adapters(cls: type) -> dict[str, TypeAdapter[Any]]:
    """Field name -> validator of its declared type; a field that is named by a kind is read by its table instead."""
    hints = get_type_hints(cls)
    return {f.name: TypeAdapter(hints[f.name]) for f in fields(cls) if f.init and f.name not in nested(cls)}


def held_by_kind(cls: type) -> dict[str, Any]:
    """The fields of `nested` that a file states; the returns of factors have a key of their own."""
    return {name: declared for name, declared in nested(cls).items() if declared != FactorReturns | None}


@cache
def nested(cls: type) -> dict[str, Any]:
    """Field name -> type of the settings that hold an allocation, several, a forecast, a model, or regimes."""
    hints = {name: Forecast if hint == Forecast | None else hint for name, hint in get_type_hints(cls).items()}
    names = [f.name for f in fields(cls) if f.init and (f.name == "allocation" or hints[f.name] in NESTED_TYPES)]
    return {name: hints[name] for name in names}
