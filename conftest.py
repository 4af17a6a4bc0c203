"""What every test shares, those of the notebooks too: a trial book of its own, one thread a process, and its memory."""

import atexit
import gc
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack

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
    """Empty the trial book after each module: every sheet reads all of it."""
    yield
    if book := sys.modules.get("backtests.runs.trial_book"):
        book.take_waiting()  # and counts them nowhere
    shutil.rmtree(_TRIALS, ignore_errors=True)


gc.disable()  # until all is imported, a million objects that stay


def pytest_collection_finish() -> None:
    """Search for garbage from here on, seldom, and among what was imported never."""
    gc.freeze()
    gc.set_threshold(50_000)  # of 700 a third of the time of a test that draws is spent in searches
    gc.enable()
