"""What every test shares, those of the notebooks too: a trial book of its own, one thread a process, and its memory."""

import atexit
import gc
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from foundation.files import work_folder

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a test process a core: threads of theirs would wait for each other
_HELD = ExitStack()
atexit.register(_HELD.close)
_FOLDER = _HELD.enter_context(work_folder())
_TRIALS = _FOLDER / "trials"  # what tests try is nobody's search
os.environ["REBALANCE_TRIALS"] = str(_TRIALS)
os.environ["REBALANCE_HOME"] = str(_FOLDER / "home")  # nor are their lists anybody's
os.environ["DASK_TEMPORARY_DIRECTORY"] = str(_FOLDER)


@pytest.fixture(scope="module", autouse=True)
def _trials_end_with_their_module() -> Iterator[None]:
    """Empty the trial book after each module: every sheet reads all of it. Results are kept for a module alone.

    A test may change a constant, which is not in their names.
    """
    if results := sys.modules.get("backtests.runs.kept"):
        results.KIND = str(_FOLDER / "results")
    yield
    shutil.rmtree(_FOLDER / "results", ignore_errors=True)
    if book := sys.modules.get("backtests.runs.trial_book"):
        book.take_waiting()  # and counts them nowhere
    shutil.rmtree(_TRIALS, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[Any], list[Any]]:
    """Look for examples only in files that have any: in every other one pytest would look at each object.

    Packages are imported all the same, before their files: pytest would run a file anew that the import of its package
    has run, and kernels kept for the records of one copy would be read from disk at each call with those of the other.
    """
    found = yield
    if file_path.name == "__init__.py" or b">>> " in file_path.read_bytes():
        return found
    return [one for one in found if type(one).__name__ != "DoctestModule"]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep each executed notebook, whose pages `tests/notebook_pages.py` looks at, when its last cell was tested."""
    if type(item).__name__ == "IPyNbCell" and (nextitem is None or nextitem.parent is not item.parent):
        import nbformat

        notebook = item.parent.nb  # type: ignore[union-attr]
        path = Path(__file__).parent / ".cache" / "notebooks" / item.path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Put what a cell of a notebook has shown into the notebook, after it was compared."""
    result = yield
    if type(item).__name__ == "IPyNbCell":
        item.cell.outputs = item.test_outputs  # type: ignore[attr-defined]
    return result


pytest_plugins = ["needed", "reported"]

gc.disable()  # until all is imported, a million objects that stay


def pytest_collection_finish() -> None:
    """Search for garbage from here on, seldom, and among what was imported never."""
    gc.freeze()
    gc.set_threshold(50_000)  # of 700 a third of the time of a test that draws is spent in searches
    gc.enable()
