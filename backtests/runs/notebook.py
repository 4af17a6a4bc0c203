"""Executing a notebook with parameters: checked before a kernel starts, watched while it runs, then cleaned."""

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import platformdirs

from backtests.runs.folder import RUN_IN
from backtests.runs.parameters import Plain, check_parameters
from foundation import errors
from foundation.errors import DataError
from foundation.files import ROOT, USER_CACHE, work_folder, write_whole
from foundation.machine import forks_safely
from foundation.progress import TOLD_IN, bar
from foundation.quick_imports import without_grammars_of_addresses
from foundation.sets import INSTALLED

COMPARING = ROOT / "notebooks" / "compare_policies.ipynb"  # what a report executes
AGAIN = {"run": 'run = ""\n', "retrain": "retrain = False\n"}  # in an executed notebook: it writes nothing again
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal
# Imports and their end take a third less where few objects are searched for garbage.
SELDOM = "import atexit, gc; gc.set_threshold(50_000); atexit.register(gc.freeze)"
SWEEPING = COMPARING.with_name("sweep_thresholds.ipynb")
_BEGUN = count()  # notebooks that this process has begun
SET_BY_REPORT = ("portfolio", "run", "retrain")  # its parameters that the command sets itself


class FailedCell(DataError):
    """A cell of a notebook failed. source : source of the cell. traceback : the kernel's traceback, without colours."""

    source = traceback = ""


class DeadKernel(DataError):
    """The kernel died that ran a notebook: executing it again may help."""


def cache_folder(root: Path) -> Path:
    """The folder of caches in the clone; in the user's home where there is none, or this user may not write there."""
    own = USER_CACHE if INSTALLED else root / ".cache"
    for folder in (own, platformdirs.user_cache_path("rebalance-workbench")):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return own


def execute_notebook(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Plain],
    progress: Path | None = None,
    trust_code: bool = False,
) -> None:
    """Have papermill execute a notebook, in the notebook's own folder, and show its progress.

    From the second notebook of a process on, its kernel is a fork of a warm process where this machine forks safely.

    notebook   : path of the notebook.
    output     : path of the executed one.
    parameters : values for its cell of parameters.
    progress   : path of a file in which the notebook reports its progress, to be shown.
    trust_code : True if the files that it reads may name rules by import path.
    Raises     : ConfigError before a kernel starts; FailedCell with the failing cell's error when the notebook fails;
                 DeadKernel when its kernel dies.
    """
    from research.portfolio.file.document import TRUST  # slow to import

    check_parameters(notebook, parameters)
    cache = cache_folder(ROOT)
    variables = {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "TQDM_DISABLE": "1",
        "IPYTHONDIR": str(cache / "ipython"),
        "MPLCONFIGDIR": str(cache / "matplotlib"),
        RUN_IN: Path(str(parameters.get("run", ""))).name,
        TOLD_IN: "" if progress is None else str(progress.resolve()),
    }
    warm: dict[str, Any] = {}
    if next(_BEGUN) and forks_safely():  # the first takes no longer as it is
        from backtests.runs.warm_kernels import kernel_manager, warm_process

        with environment(variables):
            warm["kernel_manager_class"] = kernel_manager(warm_process(notebook))
    trusting = f'import os; os.environ["{TRUST}"] = "{int(trust_code)}"'  # of the kernel alone
    try:
        with (
            work_folder() as place,
            _followed(progress),  # before the environment says that progress is told elsewhere
            environment(variables | {"TMPDIR": str(place)}),
        ):
            with without_grammars_of_addresses():
                import papermill
            from nbclient.exceptions import DeadKernelError
            from papermill.exceptions import PapermillExecutionError
            from traitlets.config import Config

            with _silent_after_interrupt():
                papermill.execute_notebook(
                    notebook,
                    output,
                    dict(parameters),
                    cwd=notebook.parent,
                    kernel_name="python3",
                    language="python",
                    progress_bar=False,
                    request_save_on_cell_execute=False,
                    config=Config(KernelManager={"connection_file": str(place / "kernel.json")}),
                    extra_arguments=["--log-level=CRITICAL", f"--IPKernelApp.exec_lines={SELDOM}; {trusting}"],
                    **warm,
                )
    except PapermillExecutionError as error:
        traceback = COLOURS.sub("", "\n".join(error.traceback))
        said = f"{error.ename}: {error.evalue}{_place(error.ename, traceback)}"
        failed = FailedCell(f"{notebook.name} failed in cell {error.exec_count}: {said}")
        failed.source, failed.traceback = error.source, traceback
        raise failed from error
    except (DeadKernelError, RuntimeError) as error:
        if not isinstance(error, DeadKernelError) and not str(error).startswith("Kernel "):  # as it began
            raise
        raise DeadKernel(
            f"the kernel that ran {notebook.name} died (was it killed, or out of memory?). Run it again."
        ) from error
    _forget_this_execution(output)


@contextmanager
def _silent_after_interrupt() -> Iterator[None]:
    """Once interrupted, the event loop of this thread tells nothing of tasks that were left, such as the failed cell.

    The kernel is interrupted too as it is shut down, and asyncio would print the error of its cell, with a traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        import asyncio  # slow to import, as nbclient is, and with papermill by now

        from nbclient.util import run_sync

        async def keep_silent() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)

        run_sync(keep_silent)()
        raise


def _place(error: str, traceback: str) -> str:
    """The file and line that raised an error, such as an own rule; "" for those that say themselves what to do.

    error     : name of its class.
    traceback : as IPython writes it, without colours.
    """
    files = re.findall(r"^File (?!.*site-packages)(.+?):(\d+)", traceback, re.MULTILINE)
    return f" ({files[-1][0]}, line {files[-1][1]})" if files and not hasattr(errors, error) else ""


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment have these values within the block, and those that they had, or none, after it."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _forget_this_execution(path: Path) -> None:
    """Take out of an executed notebook what differs between two equal runs: times, an id drawn by chance, the folder.

    Who executes it again writes nothing. The values that it recorded are put into its metadata too.
    """
    from backtests.runs.values import OURS, VALUES, values_in  # which needs pandas

    content = json.loads(path.read_text(encoding="utf-8"))
    content["metadata"].pop("papermill", None)
    if values := values_in(content):
        content["metadata"][OURS] = {VALUES: values}
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
    """Shows what a notebook in another process tells of itself in a file: `foundation.progress`."""
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
