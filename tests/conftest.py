"""Settings that all tests share."""

import os
import tempfile

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")  # what asks for a process a core gets one: the tests have the others

_TRIALS = tempfile.TemporaryDirectory(prefix="trials-")  # what tests try is nobody's search: apart from the real book
os.environ["REBALANCE_TRIALS"] = _TRIALS.name
