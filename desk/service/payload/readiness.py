"""Whether kernels are compiled: a thread answers one payload at the start, and payloads wait for it."""

import gc
import threading
from collections.abc import Callable

from desk.service.payload.rebalance import answer_to
from desk.service.payload.scenarios import scenarios
from desk.service.problems import Problem
from desk.service.store.tables import now

PATIENCE, RETRY_AFTER = 10.0, 5  # seconds


class Readiness:
    """The state of work that a process does once, before it answers.

    work     : the work. Where it fails, it is begun again by the next who waits.
    patience : seconds that who waits does so at most.
    ready    : true once it is done.
    """

    def __init__(self, work: Callable[[], None], patience: float = PATIENCE) -> None:
        self._work, self._patience, self._lock = work, patience, threading.Lock()
        self._thread: threading.Thread | None = None
        self.ready = False

    def start(self) -> threading.Thread:
        """Begin the work in a thread, unless it is done or under way; gives the thread."""
        with self._lock:
            if self._thread is None or not (self.ready or self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, daemon=True, name="warm up")
                self._thread.start()
            return self._thread

    def wait(self) -> None:
        """Wait for the work. Raises Problem 503 where it fails, or takes longer than the patience."""
        self.start().join(self._patience)
        if not self.ready:
            raise Problem(503, "Kernels are being compiled. Ask again.", retry_after=RETRY_AFTER)

    def _run(self) -> None:
        self._work()
        self.ready = True


def warm_up() -> None:
    """Answer a payload with both searches; what is in memory then is left out of later garbage collections."""
    payload = scenarios()[0].payload
    for lots in ("quick", "exact"):
        answer_to(payload.model_copy(update={"lots": lots}), now())
    gc.collect()
    gc.freeze()


READINESS = Readiness(warm_up)  # of this process, as compiled kernels are
