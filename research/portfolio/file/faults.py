"""Mistakes of a file that are told at once."""

from collections.abc import Callable
from math import inf
from typing import Any

from foundation.dataclasses import dataclass, field
from foundation.errors import MOST_MISTAKES, ConfigError, InputError, InputFault


@dataclass(frozen=True)
class Mistake:
    """A mistake of a file.

    text : message, "" of a value that is wrong by what is told below it.
    line : line of the file, 0 for what was given beside it, inf where it is not known.
    path : keys from the top of the file to the wrong value, () where they are not known.
    name : unknown name of an asset, which several keys have where the asset itself is named wrongly; else "".
    what, found, fix : the message in its parts, for forms: fault, value and correction; "" where it has no parts.
    findings : the mistakes of the file that the value names, where they are what is wrong.
    """

    text: str
    line: float = inf
    path: tuple[str, ...] = ()
    name: str = ""
    what: str = ""
    found: Any = field(default=None, compare=False)  # it may be a list, which has no hash
    fix: str = ""
    findings: tuple[InputFault, ...] = field(default=(), compare=False)


class Mistakes(ConfigError):
    """Mistakes of a file, a line of text for each; none where something is judged only once others are mended."""

    def __init__(self, *each: Mistake) -> None:
        super().__init__(*each)
        self.each = each

    def __str__(self) -> str:
        """The messages, a line each."""
        told = [one.text for one in self.each if one.text]
        more = [f"There are more: these are the first {MOST_MISTAKES:,}."] if len(told) > MOST_MISTAKES else []
        return "\n".join([*told[:MOST_MISTAKES], *more])

    @property
    def findings(self) -> tuple[InputFault, ...]:
        """The faults, in parts."""
        return tuple(part for one in self.each if one.text for part in one.findings or (InputFault.of(one.text),))


class Faults:
    """Mistakes that are told at once, in the order of the file: a `with` block that raises ConfigError adds its own.

    One more than `MOST_MISTAKES` ends the reading.
    """

    def __init__(self) -> None:
        self.found: list[Mistake] = []
        self.any = False

    def __enter__(self) -> None:
        """Begin a check."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        """Take its mistake, if it has one; an input that cannot be read only beside other mistakes."""
        if not (isinstance(error, ConfigError) or (self.found and isinstance(error, InputError))):
            return False
        self.found += error.each if isinstance(error, Mistakes) else [Mistake(str(error))]
        self.any = True
        if len(self.found) > MOST_MISTAKES:
            self.end()
        return True

    def end(self) -> None:
        """Raise ConfigError where there is a mistake, or something could not be judged."""
        if self.any:
            told: dict[Mistake | str, Mistake] = {}
            for one in sorted(self.found, key=lambda one: one.line):
                told.setdefault(one.name or one, one)
            raise Mistakes(*told.values())


class Parts:
    """Parts of a file by name; asking for one that is not read, because it is wrong, raises `Mistakes` without one."""

    def __getattr__(self, name: str) -> Any:
        """No part."""
        raise Mistakes

    def read(self, faults: Faults, **readers: Callable[[], Any]) -> None:
        """Take the results of these functions in turn, and their mistakes into `faults`."""
        for name, read in readers.items():
            with faults:
                setattr(self, name, read())
