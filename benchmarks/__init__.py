"""How fast, against whom: one module a question, each run by name (`python -m benchmarks.engine`) or all together."""

import os
import tempfile

_TRIALS = tempfile.TemporaryDirectory(prefix="trials-")
os.environ["REBALANCE_TRIALS"] = _TRIALS.name  # what is measured is no search: the trial book does not count it
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # images often set it: each process would parse all modules anew
