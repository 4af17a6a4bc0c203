"""Frozen dataclasses whose methods are written later, against those of the standard library."""

import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import pytest
from cases import cases
from pydantic import TypeAdapter

from foundation.dataclasses import dataclass


def records(made: Callable[..., Any]) -> dict[str, Any]:
    """Classes of every form in the house, as a decorator makes them."""

    @made(frozen=True)
    class Point:
        """A point."""

        x: float
        y: float = 0.0
        names: list[str] = field(default_factory=list, compare=False)
        kinds: ClassVar[tuple[str, ...]] = ("flat",)

        def __post_init__(self) -> None:
            if self.x < 0.0:
                raise ValueError("x is negative")

        @cached_property
        def length(self) -> float:
            return abs(complex(self.x, self.y))

    @made(frozen=True)
    class Solid(Point):
        """A point above another."""

        z: float = 1.0

        def __repr__(self) -> str:
            return f"at {self.z}"

    class Plain(Solid):
        def __init__(self, x: float) -> None:
            super().__init__(x, z=2.0)

    @made(frozen=True, eq=False, repr=False)
    class Alone:
        """Equal to itself alone."""

        x: float

    @made(frozen=True, kw_only=True)
    class Named:
        """Given by name."""

        x: float = 1.0
        y: float

    @made(frozen=True, order=True)
    class Ordered:
        """Ordered, with methods at once."""

        x: float

    @made(frozen=True)
    class Compared:
        """Compared in its own way."""

        x: float

        def __eq__(self, other: object) -> bool:
            return True

    @made
    class Open:
        """Not frozen."""

        x: float

    return {kind.__name__: kind for kind in (Point, Solid, Plain, Alone, Named, Ordered, Compared, Open)}


OURS, THEIRS = records(dataclass), records(dataclasses.dataclass)


def told(act: Callable[[], Any]) -> str:
    """A result or a refusal, in words."""
    try:
        return repr(act()).replace("test_dataclasses.", "")
    except (AttributeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@cases(
    "act",
    lambda of: of["Point"](1.0),
    lambda of: of["Point"](3.0, y=4.0).length,
    lambda of: of["Point"](-1.0),
    lambda of: of["Point"](),
    lambda of: of["Point"](1.0, z=2.0),
    lambda of: inspect.signature(of["Point"]),
    lambda of: of["Point"].__init__.__qualname__,
    lambda of: of["Point"].__match_args__,
    lambda of: of["Point"](1.0, 2.0, ["a"]) == of["Point"](1.0, 2.0, ["b"]),
    lambda of: of["Point"](1.0) == of["Solid"](1.0),
    lambda of: {of["Point"](1.0): "found"}[of["Point"](1.0)],
    lambda of: of["Point"](1.0).names is of["Point"](1.0).names,
    lambda of: setattr(of["Point"](1.0), "x", 2.0),
    lambda of: setattr(of["Point"](1.0), "other", 2.0),
    lambda of: delattr(of["Point"](1.0), "x"),
    lambda of: replace(of["Solid"](1.0), y=2.0, z=3.0).y,
    lambda of: of["Solid"](1.0),
    lambda of: setattr(of["Solid"](1.0), "z", 2.0),
    lambda of: of["Plain"](1.0),
    lambda of: setattr(of["Plain"](1.0), "x", 2.0),
    lambda of: vars(of["Plain"](1.0)) | {"set": setattr(of["Plain"](1.0), "other", 2.0)},
    lambda of: of["Alone"](1.0) == of["Alone"](1.0),
    lambda of: repr(of["Alone"](1.0)).partition(" at ")[0],
    lambda of: of["Named"](y=2.0),
    lambda of: of["Named"](1.0, 2.0),
    lambda of: of["Ordered"](1.0) < of["Ordered"](2.0),
    lambda of: of["Compared"](1.0) == of["Compared"](2.0),
    lambda of: setattr(of["Open"](1.0), "x", 2.0),
    lambda of: [[(f.name, f.kw_only, f.init) for f in fields(of[name])] for name in of],
    lambda of: [is_dataclass(each) and each.__dataclass_params__.frozen for each in of.values()],
    lambda of: asdict(of["Point"](1.0, names=["a"])),
    lambda of: TypeAdapter(of["Point"]).validate_python({"x": 1.0, "names": ["a"]}),
    lambda of: dataclasses.dataclass(frozen=True)(type("Own", (of["Point"],), {}))(2.0),
)
def test_class_does_as_one_of_the_standard_library(act: Callable[[dict[str, Any]], Any]) -> None:
    assert told(lambda: act(OURS)) == told(lambda: act(THEIRS))


@dataclass(frozen=True)
class Kept:
    """A record that a file keeps."""

    x: float


def test_what_was_not_made_here_is_compared_as_well() -> None:
    stored = pickle.dumps(Kept(1.0)).replace(b"Kept", b"Read")
    globals()["Read"] = dataclass(frozen=True)(
        type("Read", (), {"__annotations__": {"x": float}, "__doc__": "Unused.", "__module__": __name__})
    )
    one, other = pickle.loads(stored), pickle.loads(stored)  # neither calls __init__
    assert one == other
    assert len({one, other}) == 1
    with pytest.raises(FrozenInstanceError):
        one.x = 2.0


def test_method_is_written_when_it_is_used() -> None:
    (point,) = [made for name, made in records(dataclass).items() if name == "Point"]
    assert not inspect.isfunction(vars(point)["__init__"])
    point(1.0)
    assert inspect.isfunction(vars(point)["__init__"])
    assert not inspect.isfunction(vars(point)["__eq__"])
