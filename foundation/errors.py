"""The three ways in which input can be wrong. Each message says what, where, the value found, and how to fix it.

What is wrong is data, too: an error has `findings`, which a service or a page shows in parts.
"""

import re
import traceback
from collections.abc import Sequence
from pathlib import Path

from foundation.dataclasses import dataclass, replace

MOST_TOLD = 30  # mistakes of one file
MOST_MISTAKES = 1_000  # of a file that are told: with one more, reading ends
PLACE = re.compile(r"([^:\n]+, (?:row|line) [0-9]+(?:, column '[^'\n]*')?|[^:\s]+\.[A-Za-z]{2,7}): ")


@dataclass(frozen=True)
class InputFault:
    """A fault of an input; as text, a sentence of all parts.

    meaning : what is wrong.
    mend    : how to mend it; "" where the meaning says it.
    value   : value found, as a message quotes it; "" where there is none.
    place   : file, row and column; "" where the meaning says it, or it is the whole input.
    """

    meaning: str
    mend: str = ""
    value: str = ""
    place: str = ""

    @classmethod
    def of(cls, text: str) -> "InputFault":
        """The parts of a message, which together are its text again; else the text as one part.

        >>> InputFault.of("a.csv, row 5: the price is no number: found 'x'. Write a plain number.")
        InputFault(meaning='the price is no number', mend='Write a plain number.', value="'x'", place='a.csv, row 5')
        """
        place = PLACE.match(text)
        rest = text[place.end() :] if place else text
        meaning, found, tail = rest.partition(": found ")
        value, _, mend = tail.partition(". ")
        if not found:
            meaning, _, mend = rest.rpartition(". ")
        made = cls(meaning, mend, value, place[1] if place else "")
        return made if str(made) == text else cls(text)

    def __str__(self) -> str:
        """The message."""
        said = f"{f'{self.place}: ' if self.place else ''}{self.meaning}{f': found {self.value}' if self.value else ''}"
        return f"{said}. {self.mend}" if self.mend else said


@dataclass(frozen=True)
class InputFaults:
    """The faults of one input.  text : their message."""

    text: str
    each: tuple[InputFault, ...]

    def __str__(self) -> str:
        """The message."""
        return self.text


def raised_at(error: BaseException) -> list[tuple[str, int]]:
    """File and line of each call that an error came by, the one that raised it last."""
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]


def ended_by(error: Exception) -> str:
    """An error in a sentence: its message if it is one of input, else its kind, file and line, and what was done."""
    if isinstance(error, InputError):
        return str(error)
    file, line = raised_at(error)[-1]
    where = [f"{Path(file).name}, line {line}", *getattr(error, "__notes__", ())]
    return f"{type(error).__name__}: {error} ({'; '.join(where)})."


class InputError(ValueError):
    """An input or a request is wrong.  It is raised with a text, an `InputFault` or `InputFaults`."""

    @property
    def findings(self) -> tuple[InputFault, ...]:
        """The faults, in parts."""
        told = self.args[0] if self.args else ""
        if isinstance(told, InputFaults):
            return told.each
        return (told if isinstance(told, InputFault) else InputFault.of(str(self)),)


class DataError(InputError):
    """An input is wrong: a file, a date, a price, a name."""


class MachineError(DataError):
    """The machine is at fault, and nothing that was asked: its disk is full, a file of the program was changed.

    shown : sentence for whoever asked and cannot mend it; "" for one that says no more than that.
    """

    def __init__(self, told: str, shown: str = "") -> None:
        super().__init__(told)
        self.shown = shown


class ConfigError(InputError):
    """A request is wrong: a setting, a key, a parameter."""


class PolicyError(InputError):
    """The answer of a policy cannot be booked: weights that are not finite, of the wrong length, past a limit."""


def all_mistakes(file: str, mistakes: Sequence[InputFault | str], after: str = "") -> InputFaults:
    """The mistakes of a file as one message.  after : last line of the message, with which the last mend ends."""
    each = tuple(InputFault.of(one) if isinstance(one, str) else one for one in mistakes)
    told = [f"- {one}" for one in each[:MOST_TOLD]]
    if len(each) > MOST_MISTAKES:
        told.append("- and more.")
    elif len(each) > MOST_TOLD:
        told.append(f"- and {len(each) - MOST_TOLD:,} more.")
    count = f"more than {MOST_MISTAKES:,}" if len(each) > MOST_MISTAKES else f"{len(each)}"
    lines = [str(each[0])] if len(each) == 1 else [f"{file} has {count} mistakes:", *told]
    if after:
        lines, each = [*lines, after], (*each[:-1], replace(each[-1], mend=f"{each[-1].mend} {after}".strip()))
    return InputFaults("\n".join(lines), each)
