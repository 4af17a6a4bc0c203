"""Settings that all tests share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")  # what asks for a process a core gets one: the tests have the others


@pytest.fixture(scope="module")
def few_simulated_tests() -> Iterator[None]:
    """Comparisons simulate a fifth of their tests, where it does not matter how well they know what a rule loses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backtests.comparison.simulated_tests.TESTS", 20)
        yield


@pytest.fixture(scope="module")
def few_judged_sessions() -> Iterator[None]:
    """Trained policies are judged on a twelfth of the sessions, where how well their loss is known does not matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("research.learning.worlds.rollouts.WORLD_SESSIONS", 65)
        yield
