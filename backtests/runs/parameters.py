"""Parameters of a notebook: declared with a type in its one `parameters` cell, and checked wherever they come from.

Ours come through `check_parameters`, before a kernel starts. papermill and other tools inject assignments in a cell of
their own, unknown names among them, and go on: the notebook itself then calls `check_given`, first of all.
"""

import ast
import inspect
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.dataclasses import dataclass
from foundation.errors import ConfigError

Plain = bool | int | float | str | list[int] | list[float]
PARAMETER_KINDS = {"bool": bool, "int": int, "float": float, "str": str}  # and list[int], list[float]
INJECTED = "# Parameters\n"  # how papermill begins the cell in which it assigns what it is given


@dataclass(frozen=True)
class Parameter:
    """One line of a `parameters` cell.

    kind    : its type as written: one of `PARAMETER_KINDS`, list[int] or list[float].
    default : default value, of that type.
    meaning : the comment on the line, which papermill shows as its help.
    """

    kind: str
    default: Plain
    meaning: str


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook by name, read from its one `parameters` cell.

    Raises : ConfigError when there is no such cell or more than one (papermill would go on with the wrong values), or
             when it holds anything but plain literals with their type, one a line.
    """
    found: dict[str, Parameter] = {}
    cell = _parameters_cell(notebook)
    for statement, line in zip(ast.parse(cell).body, cell.splitlines(), strict=True):
        try:
            name: str = statement.target.id  # type: ignore[attr-defined]
            kind = ast.unparse(statement.annotation)  # type: ignore[attr-defined]
            found[name] = Parameter(kind, ast.literal_eval(statement.value), line.partition("  # ")[2])  # type: ignore[attr-defined]
            if not fits(found[name].default, kind):
                raise ValueError
        except (AttributeError, ValueError) as error:
            raise ConfigError(
                f"the `parameters` cell of {notebook.name} holds {ast.unparse(statement)!r}: give plain "
                "literals with their type, one a line, such as draws: int = 1000."
            ) from error
    return found


def parameters_of(notebook: Path) -> dict[str, Plain]:
    """Names and defaults of a notebook's parameters. Raises ConfigError as `declared` does."""
    return {name: parameter.default for name, parameter in declared(notebook).items()}


def injected(notebook: Path) -> dict[str, Any]:
    """The parameters that papermill gave to an executed notebook, by name."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    given = next("".join(cell["source"]) for cell in cells if "".join(cell["source"]).startswith(INJECTED))
    return {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(given).body}  # type: ignore[attr-defined]


def _parameters_cell(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in cells if c["cell_type"] == "code" and "parameters" in c["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ConfigError(f"{notebook.name} has {len(tagged)} cells tagged `parameters`: it must have one.")
    return "".join(tagged[0]["source"])


def fits(value: object, kind: str) -> bool:
    """True if a value is of this kind. A whole number serves where a fraction is meant; a list has at least one number.

    >>> fits(2, "float"), fits(True, "int"), fits([1, 0.5], "list[float]"), fits([], "list[int]")
    (True, False, True, False)
    """
    if kind in ("list[int]", "list[float]"):
        return isinstance(value, list) and value != [] and all(fits(item, kind[5:-1]) for item in value)
    return type(value) is PARAMETER_KINDS.get(kind) or (kind == "float" and type(value) is int)


def check_parameters(notebook: Path, given: Mapping[str, object]) -> dict[str, Plain]:
    """The defaults with what is `given` put in.

    Raises : ConfigError for an unknown name, a value of another type, a number that is not finite or too large, and
             text with control characters.
    """
    known = declared(notebook)
    for name, value in given.items():
        _check_known(notebook.name, name, list(known))
        _check_value(notebook.name, name, value, known[name].kind, such_as=known[name].default)
    return {name: parameter.default for name, parameter in known.items()} | dict(given)  # type: ignore[return-value]


def check_given(namespace: Mapping[str, Any]) -> None:
    """Check, in the cell after a notebook's parameters, that whatever was given to it is a parameter of its type.

    namespace : namespace of the notebook, as `globals()` gives it; its annotations say what it declares.
    Raises    : ConfigError for an unknown name in the cell that papermill put before this one, and for a value as
                `check_parameters` does.
    """
    kinds = {name: inspect.formatannotation(kind) for name, kind in namespace.get("__annotations__", {}).items()}
    before = namespace.get("In", [])[-2:-1]  # the cell that ran before the one that calls
    if before and before[0].startswith(INJECTED):
        for statement in ast.parse(before[0]).body:
            _check_known("this notebook", statement.targets[0].id, list(kinds))  # type: ignore[attr-defined]
    for name, kind in kinds.items():
        if kind in (*PARAMETER_KINDS, "list[int]", "list[float]") and name in namespace:
            _check_value("this notebook", name, namespace[name], kind)


def _check_known(notebook: str, name: str, known: list[str]) -> None:
    from foundation.arguments import shown  # which the help of the command line does without

    if name not in known:
        raise ConfigError(f"{notebook} has no parameter {shown(name)}. It has {', '.join(known)}.")


def _check_value(notebook: str, name: str, value: object, kind: str, such_as: Plain | None = None) -> None:
    from foundation.arguments import LARGEST_NUMBER, shown
    from foundation.printable import has_unseen

    found = f"parameter {name} of {notebook} is {shown(value)}"
    example = "" if such_as is None else f", such as {such_as!r}"
    if not fits(value, kind):
        raise ConfigError(f"{found} ({type(value).__name__}), expected {kind}{example}.")
    numbers = [number for number in (value if isinstance(value, list) else [value]) if isinstance(number, int | float)]
    if not all(abs(number) <= LARGEST_NUMBER for number in numbers):
        raise ConfigError(f"{found}, expected a number of at most {LARGEST_NUMBER:g}{example}.")
    if isinstance(value, str) and has_unseen(value):
        raise ConfigError(f"{found}, expected text on one line, without control characters.")


def parse_parameters(notebook: Path, texts: Sequence[str]) -> dict[str, Plain]:
    """Parameters by name. Raises ConfigError as `parse_parameter` does, and for one that is given twice."""
    found: dict[str, Plain] = {}
    for text in texts:
        name, value = parse_parameter(notebook, text)
        if name in found:
            raise ConfigError(f"parameter {name} is given twice: give it once.")
        found[name] = value
    return found


def parse_parameter(notebook: Path, text: str) -> tuple[str, Plain]:
    """`name=value` from a command line, the value in the type that the notebook declares. Raises ConfigError."""
    from foundation.arguments import VALUE_LETTERS, shown

    name, sign, value = text.partition("=")
    known = declared(notebook)
    if not sign or name not in known:
        raise ConfigError(
            f"parameter {shown(text)}: write name=value, with a name of {notebook.name}: {', '.join(known)}."
        )
    if known[name].kind == "str":
        return name, value
    try:
        if len(value) > VALUE_LETTERS:  # no number is as long, and Python reads nested brackets until its stack ends
            raise ValueError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about how the value is written
            return name, ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ConfigError(
            f"parameter {name} of {notebook.name} is {shown(value)}: write a value such as {known[name].default!r}."
        ) from error
