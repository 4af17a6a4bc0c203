"""What every test shares, those of the notebooks too: a trial book of its own, and one thread a process."""

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a test process a core: threads of theirs would wait for each other
_TRIALS = tempfile.TemporaryDirectory(prefix="trials-")
os.environ["REBALANCE_TRIALS"] = _TRIALS.name  # what tests try is nobody's search
