"""What every test shares, those of the notebooks too: a trial book of its own, one thread a process, and its memory."""

import atexit
import gc
import os
from contextlib import ExitStack

from foundation.files import work_folder

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a test process a core: threads of theirs would wait for each other
_HELD = ExitStack()
atexit.register(_HELD.close)
_FOLDER = _HELD.enter_context(work_folder())
os.environ["REBALANCE_TRIALS"] = str(_FOLDER / "trials")  # what tests try is nobody's search
os.environ["DASK_TEMPORARY_DIRECTORY"] = str(_FOLDER)

gc.disable()  # until all is imported, a million objects that stay


def pytest_collection_finish() -> None:
    """Search for garbage from here on, seldom, and among what was imported never."""
    gc.freeze()
    gc.set_threshold(50_000)  # of 700 a third of the time of a test that draws is spent in searches
    gc.enable()
