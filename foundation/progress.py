"""Progress of a long job: a bar on a terminal and in a notebook, plain lines in a log file.

    with bar(900, "sweep", "configurations") as told:
        told.update(64)
        told.stage("judging")      # "12:03:10 judging (48 %)" in a log file

Nothing is shown of a job that takes less than two seconds. TQDM_DISABLE=1 silences all. Where `TOLD_IN` names a file,
progress is written there instead, for another process to show: so a command shows that of a notebook it executes.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from foundation.printable import printable

if TYPE_CHECKING:
    from tqdm import tqdm

TOLD_IN = "REBALANCE_PROGRESS"  # environment variable: path of a file
DELAY = 2.0  # seconds before anything is shown
TICK = 0.25  # seconds between looks of the thread that shows it
EVERY, LONGEST_SILENCE = 5.0, 30.0  # seconds between lines: at least while numbers move, at most while nothing does
STAGES, UNKNOWN = "{desc:<32} {bar} {percentage:3.0f} % [{elapsed}]", "{desc} [{elapsed}]"


class bar:  # used as a function
    """Progress of the job inside a `with` block.

    total  : amount of work; None if unknown.  unit : unit of the amount, in the plural; "" shows a percentage.
    done   : amount done before.  shown : False shows nothing.
    """

    def __init__(self, total: int | None, doing: str, unit: str = "", *, done: int = 0, shown: bool = True) -> None:
        self.total, self.doing, self.unit, self.n = total, printable(doing), unit, done
        self.display: _Display = _display() if shown else _Silent()

    def update(self, n: int = 1) -> None:
        """Add `n` to the amount done."""
        self.n += n
        self.display.changed(self)

    def stage(self, doing: str, n: int | None = None, total: int | None = None) -> None:
        """Set the present step, and its progress if given; a total of 0 is unknown, and values not given stay."""
        self.doing = printable(doing)
        self.n, self.total = self.n if n is None else n, self.total if total is None else total
        self.display.changed(self)

    def __enter__(self) -> "bar":
        self.display.begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.display.end(self)

    def __str__(self) -> str:
        """The text of a line in a log file."""
        share = f"{100 * self.n // self.total} %" if self.total else ""
        if not self.unit:
            return f"{self.doing} ({share})" if share else self.doing
        counted = f"{self.n:,} of {self.total:,} {self.unit} ({share})" if share else f"{self.n:,} {self.unit}"
        return f"{self.doing}: {counted}"


def say(sentence: str) -> None:
    """Say something at once, where progress is shown: on stderr, above a bar, unless the user wants nothing shown."""
    display = _display()
    if isinstance(display, _Terminal) and "tqdm" in sys.modules:
        from tqdm.auto import tqdm

        tqdm.write(printable(sentence), file=sys.stderr)
    elif not isinstance(display, _Silent | _Elsewhere):
        print(printable(sentence), file=sys.stderr, flush=True)


def _display() -> "_Display":
    """The display of progress in this process."""
    if path := os.environ.get(TOLD_IN):
        return _Elsewhere(Path(path))
    if os.environ.get("TQDM_DISABLE", "0") not in ("", "0"):
        return _Silent()
    if in_notebook():
        return _Widget()
    return _Terminal() if sys.stderr.isatty() else _Lines(sys.stderr)


def in_notebook() -> bool:
    """True in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return shell is not None and "IPKernelApp" in shell.config


class _Display:
    """A display that shows a job, or does not."""

    def begin(self, job: bar) -> None: ...

    def changed(self, job: bar) -> None: ...

    def end(self, job: bar) -> None: ...


class _Silent(_Display):
    """Shows nothing."""


class _Elsewhere(_Display):
    """Keeps a file up to date, which another process reads."""

    def __init__(self, path: Path) -> None:
        self.path, self.wrote, self.doing = path, 0.0, ""

    def changed(self, job: bar) -> None:
        if job.doing == self.doing and time.monotonic() - self.wrote < TICK:
            return
        self.wrote, self.doing = time.monotonic(), job.doing
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps([job.doing, job.n, job.total or 0]), encoding="utf-8")
            draft.replace(self.path)
        except OSError:  # whoever reads it has gone
            draft.unlink(missing_ok=True)

    begin = changed


class _Widget(_Display):
    """A bar in a notebook, from the notebook's own thread."""

    def begin(self, job: bar) -> None:
        self.drawn = _tqdm(job, delay=DELAY)

    def changed(self, job: bar) -> None:
        _set(self.drawn, job)
        self.drawn.update(job.n - self.drawn.n)

    def end(self, job: bar) -> None:
        self.drawn.close()


class _Watched(_Display):
    """Looks at a job from a thread of its own, so that a long step shows that time goes on."""

    def begin(self, job: bar) -> None:
        self.began, self.over = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._watch, args=(job,), daemon=True)
        self.thread.start()

    def end(self, job: bar) -> None:
        self.over.set()
        self.thread.join()

    def _watch(self, job: bar) -> None:
        if not self.over.wait(DELAY):
            self.show(job)
            while not self.over.wait(TICK):
                self.show(job)
            self.last(job)

    def show(self, job: bar) -> None:
        """Show how far the job is, if it is time to."""

    def last(self, job: bar) -> None:
        """Show how the job ended."""


class _Terminal(_Watched):
    """A bar on a terminal."""

    drawn: "tqdm[Any] | None" = None

    def show(self, job: bar) -> None:
        if self.drawn is None:
            self.drawn = _tqdm(job)
            self.drawn.start_t -= time.monotonic() - self.began
        _set(self.drawn, job)
        self.drawn.n = job.n
        self.drawn.refresh()

    def last(self, job: bar) -> None:
        self.show(job)
        if self.drawn is not None:
            self.drawn.close()


class _Lines(_Watched):
    """Plain lines with the time of day: one a stage, and while numbers move one every few seconds."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.told, self.at = file, ("", -1), 0.0

    def show(self, job: bar) -> None:
        since = time.monotonic() - self.at
        if job.doing != self.told[0] or since > LONGEST_SILENCE or (job.n != self.told[1] and since > EVERY):
            self._tell(job)

    def last(self, job: bar) -> None:
        if (job.doing, job.n) != self.told:
            self._tell(job)

    def _tell(self, job: bar) -> None:
        self.told, self.at = (job.doing, job.n), time.monotonic()
        seconds = self.at - self.began
        print(f"{time.strftime('%H:%M:%S')} {job}, {seconds:.0f} s", file=self.file, flush=True)


def _tqdm(job: bar, **said: Any) -> "tqdm[Any]":
    from tqdm.auto import tqdm

    return tqdm(
        total=job.total, desc=job.doing, initial=job.n, unit=f" {job.unit}", bar_format=_shape(job),
        leave=bool(job.unit), dynamic_ncols=True, disable=False, **said,
    )  # fmt: skip


def _set(shown: "tqdm[Any]", job: bar) -> None:
    shown.total, shown.bar_format = job.total, _shape(job)
    shown.set_description_str(f"{job.doing}: " if job.unit else job.doing, refresh=False)


def _shape(job: bar) -> str | None:
    return None if job.unit else STAGES if job.total else UNKNOWN
