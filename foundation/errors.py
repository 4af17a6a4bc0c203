"""The three ways in which input can be wrong. Each message says what, where, the value found, and how to fix it."""

from collections.abc import Sequence

MOST_TOLD = 30  # mistakes of one file


class DataError(ValueError):
    """An input is wrong: a file, a date, a price, a name."""


class ConfigError(ValueError):
    """A request is wrong: a setting, a key, a parameter."""


class PolicyError(ValueError):
    """The answer of a policy cannot be booked: weights that are not finite, of the wrong length, past a limit."""


def all_mistakes(file: str, mistakes: Sequence[str]) -> str:
    """The mistakes of a file as one message."""
    if len(mistakes) == 1:
        return mistakes[0]
    told = [f"- {mistake}" for mistake in mistakes[:MOST_TOLD]]
    if len(mistakes) > MOST_TOLD:
        told.append(f"- and {len(mistakes) - MOST_TOLD:,} more.")
    return "\n".join([f"{file} has {len(mistakes)} mistakes:", *told])
