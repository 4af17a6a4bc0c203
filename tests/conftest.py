"""Settings that all tests share."""

import os

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")  # what asks for a process a core gets one: the tests have the others
