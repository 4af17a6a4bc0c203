"""What every test shares, those of the notebooks too: a trial book of its own, one thread a process, and its memory."""

import gc
import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a test process a core: threads of theirs would wait for each other
_TRIALS = tempfile.TemporaryDirectory(prefix="trials-")
os.environ["REBALANCE_TRIALS"] = _TRIALS.name  # what tests try is nobody's search

gc.disable()  # until all is imported, a million objects that stay


def pytest_collection_finish() -> None:
    """Collect garbage from here on, and what was imported never."""
    gc.freeze()
    gc.enable()
