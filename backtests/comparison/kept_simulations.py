"""Simulated results of policies, kept on disk: the same policy in the same markets is played once.

A result is kept under a name made from the content of all that it depends on, the code, and the versions of the
libraries that compute it. Only shipped policies are kept, whose fields say all about them (`shipped_digest`).
`make clean` deletes the folder; a damaged file is computed anew.
"""

from collections.abc import Mapping
from contextlib import suppress

from backtests.runs.content import OUR_CODE, shipped_digest
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.files import CACHE
from foundation.sets import version_of
from foundation.stored import Stored, sources_digest
from research.learning.universal.rule import Universal, trained

SIMULATIONS_FOLDER = CACHE / "simulations"
SIMULATION_LIBRARIES = ("clarabel", "exchange_calendars", "numba", "numpy", "pandas", "scipy")


class _StoredSimulation(Stored):
    kind, form = "simulated result", "simulated result, 1"
    packages = OUR_CODE


sources_digest(_StoredSimulation.packages)  # of the code that this process has, before it is edited


class KeptSimulation:
    """The arrays of one policy in simulated markets, in a file."""

    def __init__(self, policy: object, *depends_on: object) -> None:
        """The file of a policy, or of None for what depends on no policy.

        depends_on : all that the result depends on beside the policy and the code; values as `content_digest` has them.
        """
        self._file: Stored | None = None
        network = trained() if isinstance(policy, Universal) else None  # which is none of its fields
        if (content := shipped_digest(policy, network, *depends_on)) is not None:
            self._file = _StoredSimulation(
                SIMULATIONS_FOLDER, [content, {name: version_of(name) for name in SIMULATION_LIBRARIES}]
            )

    def load(self) -> Mapping[str, Array] | None:
        """The arrays by name; None where none are kept, or the file is damaged."""
        with suppress(DataError, OSError):  # of a folder of another user
            if self._file is not None and (found := self._file.load()) is not None:
                return found[0]
        return None

    def save(self, **arrays: Array) -> Mapping[str, Array]:
        """Keep arrays by name, where there is room for them; gives them back."""
        if self._file is not None:
            with suppress(OSError):  # a full disk, or one that cannot be written to
                self._file.save(arrays, {})
        return arrays
