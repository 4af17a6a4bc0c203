"""Mistakes of a file that are told at once."""

from collections.abc import Callable, Mapping
from typing import Any

from foundation.errors import ConfigError


class Faults:
    """Mistakes that are told at once: a `with` block that raises ConfigError adds one."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __enter__(self) -> None:
        """Begin a check."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        """Take its mistake, if it has one."""
        if isinstance(error, ConfigError):
            self.found.append(str(error))
        return isinstance(error, ConfigError)

    def end(self) -> None:
        """Raise ConfigError where there is a mistake."""
        if self.found:
            raise ConfigError("\n".join(dict.fromkeys(self.found)))


def read_all(readers: Mapping[str, Callable[[], Any]], faults: Faults | None = None) -> dict[str, Any]:
    """The results of these functions, by name.

    faults : mistakes that were found before, or None.
    Raises : ConfigError for these and for the mistakes of all that raise one.
    """
    found, faults = {}, faults or Faults()
    for name, read in readers.items():
        with faults:
            found[name] = read()
    faults.end()
    return found
