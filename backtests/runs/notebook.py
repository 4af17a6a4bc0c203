"""Executing a notebook with parameters: checked before a kernel starts, watched while it runs, then cleaned."""

import ast
import json
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backtests.runs.folder import RUN_IN
from research.errors import ConfigError, DataError
from research.files import write_whole
from research.progress import TOLD_IN, bar

Plain = bool | int | float | str
COMPARING = Path(__file__).parents[2] / "notebooks" / "compare_policies.ipynb"  # what a report executes
AGAIN = {"run": 'run = ""\n', "retrain": "retrain = False\n"}  # in an executed notebook: it writes nothing again
SET_BY_REPORT = ("portfolio", "run", "retrain")  # its parameters that the command sets itself


def parameters_of(notebook: Path) -> dict[str, Plain]:
    """Names and defaults of a notebook's one `parameters` cell.

    Raises ConfigError when there is no such cell or more than one (papermill would go on with the wrong values), or
    when it holds anything but plain literals, one a line.
    """
    found: dict[str, Plain] = {}
    for statement in ast.parse(_parameters_cell(notebook)).body:
        try:
            (target,) = statement.targets  # type: ignore[attr-defined]
            found[target.id] = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
        except (AttributeError, ValueError) as error:
            raise ConfigError(
                f"the `parameters` cell of {notebook.name} holds {ast.unparse(statement)!r}: give plain "
                "literals, one a line."
            ) from error
    return found


def explained(notebook: Path) -> dict[str, str]:
    """What stands behind each parameter of a notebook, as a comment on its line."""
    lines = [line.partition("  # ") for line in _parameters_cell(notebook).splitlines()]
    return {name: comment for name, (_, _, comment) in zip(parameters_of(notebook), lines, strict=True)}


def _parameters_cell(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in cells if c["cell_type"] == "code" and "parameters" in c["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ConfigError(f"{notebook.name} has {len(tagged)} cells tagged `parameters`: it must have one.")
    return "".join(tagged[0]["source"])


def check_parameters(notebook: Path, given: Mapping[str, object]) -> dict[str, Plain]:
    """The defaults with what is `given` put in.

    Raises : ConfigError for an unknown name, a value of another type, a number that is not finite or too large, and
             text with control characters.
    """
    from research.arguments import LARGEST, shown  # which the help of the command line does without
    from research.printable import has_unseen

    known = parameters_of(notebook)
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"{notebook.name} has no parameter {shown(name)}. It has {', '.join(known)}.")
        wanted, found = type(known[name]), f"parameter {name} of {notebook.name} is {shown(value)}"
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise ConfigError(f"{found} ({type(value).__name__}), expected {wanted.__name__}, such as {known[name]!r}.")
        if isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise ConfigError(f"{found}, expected a number of at most {LARGEST:g}, such as {known[name]!r}.")
        if isinstance(value, str) and has_unseen(value):
            raise ConfigError(f"{found}, expected text on one line, without control characters.")
    return known | dict(given)  # type: ignore[return-value]


def parse_parameter(notebook: Path, text: str) -> tuple[str, Plain]:
    """`name=value` from a command line, the value in the type of the notebook's default. Raises ConfigError."""
    from research.arguments import SHOWN, shown

    name, sign, value = text.partition("=")
    known = parameters_of(notebook)
    if not sign or name not in known:
        raise ConfigError(
            f"parameter {shown(text)}: write name=value, with a name of {notebook.name}: {', '.join(known)}."
        )
    if isinstance(known[name], str):
        return name, value
    try:
        if len(value) > SHOWN:  # no number is as long, and Python reads nested brackets until its stack ends
            raise ValueError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about how the value is written
            return name, ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ConfigError(
            f"parameter {name} of {notebook.name} is {shown(value)}: write a value such as {known[name]!r}."
        ) from error


def execute(notebook: Path, output: Path, parameters: Mapping[str, Plain], progress: Path | None = None) -> None:
    """Have papermill execute a notebook, in the notebook's own folder, and show how far it is.

    notebook   : path of the notebook.
    output     : path of the executed one.
    parameters : of its cell of parameters.
    progress   : path of a file in which the notebook tells how far it is, for us to show.
    Raises     : ConfigError before a kernel starts; DataError with the failing cell's error when the notebook fails, or
                 its kernel dies.
    """
    check_parameters(notebook, parameters)
    cache = Path(__file__).parents[2] / ".cache"  # and not the user's home
    environment = {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "TQDM_DISABLE": "1",
        "IPYTHONDIR": str(cache / "ipython"),
        "MPLCONFIGDIR": str(cache / "matplotlib"),
        RUN_IN: Path(str(parameters.get("run", ""))).name,
        TOLD_IN: "" if progress is None else str(progress.resolve()),
    }
    before = {name: os.environ.get(name) for name in environment}
    try:
        with _followed(progress):  # which begins before the environment says that progress is told elsewhere
            os.environ.update(environment)
            with _without_grammars_of_addresses():
                import papermill
            from nbclient.exceptions import DeadKernelError
            from papermill.exceptions import PapermillExecutionError

            papermill.execute_notebook(
                notebook,
                output,
                dict(parameters),
                cwd=notebook.parent,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                request_save_on_cell_execute=False,
                extra_arguments=["--log-level=CRITICAL"],
            )
    except PapermillExecutionError as error:
        raise DataError(f"{notebook.name} failed in cell {error.exec_count}: {error.ename}: {error.evalue}") from error
    except DeadKernelError as error:
        raise DataError(
            f"the kernel that ran {notebook.name} died (was it killed, or out of memory?). Run it again."
        ) from error
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    _forget_this_execution(output)


@contextmanager
def _without_grammars_of_addresses() -> Iterator[None]:
    """Imports of jsonschema skip rfc3987_syntax, which compiles grammars of internet addresses for a second.

    jsonschema does without it; the schema of a notebook has no such address.
    """
    name = "rfc3987_syntax"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it raises ImportError
    try:
        yield
    finally:
        del sys.modules[name]


def _forget_this_execution(path: Path) -> None:
    """Take out of an executed notebook what differs between two equal runs: times, an id drawn by chance, the folder.

    Who executes it again writes nothing.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metadata"].pop("papermill", None)
    for cell in content["cells"]:
        for key in ("papermill", "execution"):
            cell["metadata"].pop(key, None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["id"] = "injected-parameters"  # papermill draws one
            lines = "".join(cell["source"]).splitlines(keepends=True)
            cell["source"] = [AGAIN.get(line.partition(" = ")[0], line) for line in lines]
    write_whole(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@contextmanager
def _followed(path: Path | None) -> Iterator[None]:
    """Shows what a notebook in another process tells of itself in a file: `research.progress`."""
    over = threading.Event()

    def follow(told: bar) -> None:
        while path is not None and not over.wait(0.3):
            if path.exists():
                told.stage(*json.loads(path.read_text(encoding="utf-8")))

    with bar(None, "starting the notebook") as told:
        thread = threading.Thread(target=follow, args=(told,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
