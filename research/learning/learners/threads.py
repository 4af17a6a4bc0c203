"""One torch thread, and generators that come back as they were: what makes training repeat to the bit."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread, and no checks of distributions; what was set before, and every generator, comes back after."""
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
