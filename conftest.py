"""What every test shares, those of the notebooks too: a trial book of its own, apart from the real one."""

import os
import tempfile

_TRIALS = tempfile.TemporaryDirectory(prefix="trials-")
os.environ["REBALANCE_TRIALS"] = _TRIALS.name  # what tests try is nobody's search
