"""One torch thread, with random generators that are restored afterwards, so that training repeats; one BLAS thread."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, RLock

import numpy as np

from foundation.errors import ConfigError

BUSY = RLock()  # held while someone learns: what he draws from, all threads of a process share


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one torch thread and no checks of distributions; afterwards restore these settings and every generator.

    Raises : ConfigError while another thread of this process trains: both would draw from the same generators.
    """
    import torch  # over a second: not where nobody learns

    if not BUSY.acquire(blocking=False):
        raise ConfigError(
            "another thread of this process is training, and both would draw from the same random generators: use "
            "processes, or workers of one thread each."
        )
    try:
        threads, python = torch.get_num_threads(), random.getstate()
        numpy = np.random.get_state()  # noqa: NPY002  (stable-baselines3 shuffles with numpy's global generator)
        checks = torch.distributions.Distribution._validate_args
        torch.set_num_threads(1)
        torch.distributions.Distribution.set_default_validate_args(False)
        try:
            with torch.random.fork_rng(devices=[]):
                yield
        finally:
            torch.distributions.Distribution.set_default_validate_args(checks)
            torch.set_num_threads(threads)
            np.random.set_state(numpy)  # noqa: NPY002
            random.setstate(python)
    finally:
        BUSY.release()


class _OneBlasThread:
    """The limit of this process, which the first to enter sets and the last to leave lifts."""

    def __init__(self) -> None:
        self._turn, self._within = Lock(), 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Use one thread for products and decompositions: of some hundred assets, more cost more than they save."""
        from threadpoolctl import OpenBLASController, get_cached_controller  # which looks again after further imports

        with self._turn:
            self._within += 1
            if self._within == 1:
                self._limit = get_cached_controller().limit(limits=1, user_api="blas")
        try:
            yield
        finally:
            with self._turn:
                self._within -= 1
                if self._within == 0:  # perhaps by another thread than the one that it holds to be in control
                    OpenBLASController.clear_controlling_thread(force=True)
                    self._limit.restore_original_limits()
                    OpenBLASController.clear_controlling_thread()


one_blas_thread = _OneBlasThread()
