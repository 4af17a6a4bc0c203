"""Processes that begin with what is imported here: a new interpreter takes seconds of a processor to import as much."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path


@contextmanager
def forked(
    main: Callable[[], object], words: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[ForkProcess]:
    """A process that calls `main`, killed where the block ends before it.

    words : of its command line.
    log   : file of what it writes to stdout and stderr.
    """
    process = get_context("fork").Process(target=_started, args=(main, words, environment, log))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _started(main: Callable[[], object], words: list[str], environment: Mapping[str, str], log: Path) -> None:
    with log.open("w") as written:
        for stream in (1, 2):
            os.dup2(written.fileno(), stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1) for stream in (1, 2))
    os.environ.update(environment)
    sys.argv = words
    main()
