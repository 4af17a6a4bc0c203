"""The dataclasses of the standard library, of which a frozen class writes a method when it is first used.

The standard library compiles up to six methods of a class where it is defined, which is most of the time that modules
of many records take to import. A command uses few of them.
"""

import dataclasses
from dataclasses import MISSING, FrozenInstanceError, asdict, field, fields, is_dataclass, make_dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

__all__ = ["MISSING", "asdict", "dataclass", "field", "fields", "is_dataclass", "make_dataclass", "replace"]

WRITTEN_LATER = {"frozen", "eq", "repr", "kw_only"}  # options of classes whose methods are


class _Method:
    """A method of a frozen dataclass, in whose place the method itself stands once it was asked for.

    cls     : the class.
    name    : of the method.
    kw_only : whether the fields are given by name.
    """

    def __init__(self, cls: type, name: str, kw_only: bool) -> None:
        self.cls, self.name, self.kw_only = cls, name, kw_only

    def __get__(self, instance: object, owner: type) -> Any:
        declared = self.cls.__dataclass_fields__  # type: ignore[attr-defined]
        space = {"__module__": self.cls.__module__, "__doc__": self.cls.__doc__, **declared}
        space["__annotations__"] = {each.name: each.type for each in declared.values()}
        if hasattr(self.cls, "__post_init__"):
            space["__post_init__"] = self.cls.__post_init__
        alike: type = dataclasses.dataclass(
            init=self.name == "__init__",
            repr=self.name == "__repr__",
            eq=self.name in ("__eq__", "__hash__"),
            frozen=True,
            kw_only=self.kw_only,
        )(type(self.cls.__name__, (), space))
        method = vars(alike)[self.name]
        method.__qualname__ = f"{self.cls.__qualname__}.{self.name}"
        setattr(self.cls, self.name, method)
        return method.__get__(instance, owner)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **options: bool) -> Any:
        """The class as a dataclass, as `dataclasses.dataclass` makes it, with the same options.

        Methods are written later for a frozen class with a docstring that is not ordered, and neither compares nor sets
        values in its own way; for others at once.
        """
        if cls is None:
            return partial(dataclass, **options)
        own = {"__eq__", "__hash__", "__setattr__", "__delattr__"} & vars(cls).keys()
        later = options.get("frozen") and options.keys() <= WRITTEN_LATER and cls.__doc__ and not own
        if not later:
            return dataclasses.dataclass(cls, **options)
        kw_only, extends = options.get("kw_only", False), any(map(is_dataclass, cls.__mro__[1:]))
        dataclasses.dataclass(cls, init=False, repr=False, eq=False, frozen=extends, kw_only=kw_only)  # its fields
        if not extends:  # a dataclass that is frozen already, and can be extended by no other
            cls.__dataclass_params__.frozen = True
            cls.__setattr__, cls.__delattr__ = _refusals(cls)
        names = {"__init__": True, "__repr__": options.get("repr", True)}
        names |= dict.fromkeys(("__eq__", "__hash__"), options.get("eq", True))
        for name in (name for name, asked in names.items() if asked and name not in vars(cls)):
            setattr(cls, name, _Method(cls, name, kw_only))
        return cls


def _refusals(cls: Any) -> tuple[Any, Any]:
    """The `__setattr__` and the `__delattr__` of a frozen dataclass."""
    names = {each.name for each in fields(cls)}

    def set_value(self: object, name: str, value: object) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def delete(self: object, name: str) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return set_value, delete
