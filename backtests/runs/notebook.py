"""Executing a notebook with parameters: checked before a kernel starts, watched while it runs, then cleaned."""

import ast
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from research.errors import ConfigError, DataError

Plain = bool | int | float | str


def parameters_of(notebook: Path) -> dict[str, Plain]:
    """Names and defaults of a notebook's one `parameters` cell.

    Raises ConfigError when there is no such cell or more than one (papermill would go on with the wrong values), or
    when it holds anything but plain literals, one a line.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in cells if c["cell_type"] == "code" and "parameters" in c["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ConfigError(f"{notebook.name} has {len(tagged)} cells tagged `parameters`: it must have one.")
    found: dict[str, Plain] = {}
    for statement in ast.parse("".join(tagged[0]["source"])).body:
        try:
            (target,) = statement.targets  # type: ignore[attr-defined]
            found[target.id] = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
        except (AttributeError, ValueError) as error:
            raise ConfigError(
                f"the `parameters` cell of {notebook.name} holds {ast.unparse(statement)!r}: give plain "
                "literals, one a line."
            ) from error
    return found


def check_parameters(notebook: Path, given: Mapping[str, object]) -> dict[str, Plain]:
    """The defaults with what is `given` put in. Raises ConfigError for an unknown name or a value of another type."""
    known = parameters_of(notebook)
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"{notebook.name} has no parameter {name!r}. It has {', '.join(known)}.")
        wanted = type(known[name])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise ConfigError(
                f"parameter {name} of {notebook.name} is {value!r} ({type(value).__name__}), expected "
                f"{wanted.__name__}, such as {known[name]!r}."
            )
    return known | dict(given)  # type: ignore[return-value]


def parse_parameter(notebook: Path, text: str) -> tuple[str, Plain]:
    """`name=value` from a command line, the value in the type of the notebook's default. Raises ConfigError."""
    name, sign, value = text.partition("=")
    known = parameters_of(notebook)
    if not sign or name not in known:
        raise ConfigError(f"parameter {text!r}: write name=value, with a name of {notebook.name}: {', '.join(known)}.")
    if isinstance(known[name], str):
        return name, value
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        raise ConfigError(
            f"parameter {name} of {notebook.name} is {value!r}: write a value such as {known[name]!r}."
        ) from error


def execute(notebook: Path, output: Path, parameters: Mapping[str, Plain], progress: Path | None = None) -> None:
    """Have papermill execute `notebook` into `output`, in the notebook's own folder, with a progress bar on a terminal.

    progress : a file that the notebook keeps up to date (`backtests.progress`), shown in the bar.
    Raises   : ConfigError before a kernel starts; DataError with the failing cell's error when the notebook fails, or
    its kernel dies.
    """
    check_parameters(notebook, parameters)
    cache = Path(__file__).parents[2] / ".cache"  # and not the user's home
    environment = {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "TQDM_DISABLE": "1",
        "IPYTHONDIR": str(cache / "ipython"),
        "MPLCONFIGDIR": str(cache / "matplotlib"),
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        import papermill
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        with _bar(progress):
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
    _forget_times(output)


def _forget_times(path: Path) -> None:
    """Take out of an executed notebook what differs between two equal runs: times, and an id drawn by chance."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metadata"].pop("papermill", None)
    for cell in content["cells"]:
        for key in ("papermill", "execution"):
            cell["metadata"].pop(key, None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["id"] = "injected-parameters"  # papermill draws one
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


class _bar:
    """A tqdm bar that follows a progress file while a notebook runs in another process."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.done = path, threading.Event()

    def __enter__(self) -> None:
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _follow(self) -> None:
        import sys

        from tqdm import tqdm

        with tqdm(
            total=1, bar_format="{desc:<28} {bar} {percentage:3.0f}% [{elapsed}]", disable=not sys.stderr.isatty()
        ) as bar:
            while not self.done.wait(0.3):
                if self.path is not None and self.path.exists():
                    stage, done, total = json.loads(self.path.read_text() or '["", 0, 1]')
                    bar.set_description_str(stage, refresh=False)
                    bar.total, bar.n = total, done
                bar.refresh()


def progress_file(path: Path) -> Callable[[str, int, int], None]:
    """A progress callback that keeps `path` up to date for another process to read."""

    def note(stage: str, done: int, total: int) -> None:
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(json.dumps([stage, done, total]), encoding="utf-8")
        draft.replace(path)

    return note


def plain(value: Any) -> Any:
    """`value` as plain JSON types: numpy numbers and arrays, timestamps and tuples converted."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)
