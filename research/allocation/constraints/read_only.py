"""Records of settings, whose mappings cannot be changed, since answers are kept by them."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import partial
from types import MappingProxyType
from typing import Any


def freeze(record: object) -> None:
    """Copy the mappings among the fields of a frozen dataclass, read-only."""
    for f in fields(record):  # type: ignore[arg-type]
        if isinstance(value := getattr(record, f.name), Mapping):
            object.__setattr__(record, f.name, MappingProxyType(dict(value)))


def by_field(record: object) -> dict[str, Any]:
    """Name -> value of the fields of a dataclass, with its mappings as dicts."""
    values = {f.name: getattr(record, f.name) for f in fields(record)}  # type: ignore[arg-type]
    return {name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in values.items()}


def reduced(record: object) -> tuple[Any, ...]:
    """The pickled form of a record: its fields, to build it again, since a read-only mapping cannot be pickled."""
    return partial(type(record), **by_field(record)), ()


def given(record: object) -> str:
    """A record with the fields that differ from their defaults."""
    said, values = [], by_field(record)
    for f in fields(record):  # type: ignore[arg-type]
        value = values[f.name]
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if value != default:
            said.append(f"{f.name}={value!r}")
    return f"{type(record).__name__}({', '.join(said)})"
