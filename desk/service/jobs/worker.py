"""A worker: it claims one job at a time, and runs the command of the command line that does it, in one process.

The process has a scratch folder of its own, the tenant's folder as `REBALANCE_HOME`, and of the worker's environment
what names no secret. No key of a venue reaches it; those of its sources reach a job that fetches prices, and no other.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from time import monotonic
from typing import Any, Literal

from backtests.runs.folder import code_on_disk, code_version
from backtests.runs.manifest import changed_code
from desk.commands.cycle import PERSON_ASKED
from desk.feeds.adapter import FeedError
from desk.feeds.adapters import ADAPTERS
from desk.feeds.fetching import MIRROR, source_key
from desk.journal.journal import QUEUED_BY
from desk.service.caller import Service, signature_of
from desk.service.folders import JOBS, RUNS, TRIALS, from_root
from desk.service.jobs.lease import SILENCE
from desk.service.jobs.queue import beat, claim, fail, finish_job, put_back, say_alive, sign_off, take_back_lost
from desk.service.notify import notify_of_job
from desk.service.store.engine import NO_DATABASE
from desk.service.store.tables import QueuedJob, User
from desk.service.stores import stores_environment
from foundation.errors import ConfigError
from foundation.files import ROOT, work_folder
from foundation.home import HOME, TRIAL_BOOK
from foundation.progress import TOLD_IN, bar

JOB_COMMANDS = {
    "report": "report",
    "backtest": "research backtest",
    "cycle": "desk run",
    "sweep": "research sweep",
    "prices": "data fetch",
}  # of the command line, by kind of job
JOB_SECONDS = {
    "report": 4 * 3600.0,
    "backtest": 3600.0,
    "cycle": 1800.0,
    "sweep": 4 * 3600.0,
    "prices": 3600.0,
}  # that a job may take
PRICES_JOB: Literal["prices"] = "prices"
RECORD, PAGE = "cycle.json", "cycle.html"  # files of a cycle
LEAST_SPACE = 2**30  # bytes that are free on the disk of the runs before a job is begun
BEAT, POLL, GRACE = 1.0, 0.5, 60.0  # seconds: between heartbeats, between claims, and of a process after SIGTERM
SIGN = 2.0  # seconds between signs of life of a worker, with or without a job
LONGEST_TEXT = 65_536  # characters of what a command printed that are kept
TRACEBACK = "Traceback (most recent call last)"
PASSED = re.compile(
    "PATH|HOME|USER|TZ|LANG|LC_.*|PYTHON(PATH|HASHSEED)|SSL_CERT_FILE|REBALANCE_SHARED|MPLCONFIGDIR|"
    "(NUMBA|OMP|MKL|OPENBLAS|XDG|CUDA)_.*"
)  # names of the environment that a process gets


def work(service: Service, stop: Event, *, once: bool = False, module: str = "desk.cli") -> None:
    """Do jobs as they are queued, until it is told to stop.

    stop   : set to end: a process that does not end within `GRACE` is killed, and its job put back.
    once   : true to end when no job waits.
    module : module that the process of a job runs.
    Raises : ConfigError where the code on disk is no longer that of this worker.
    """
    name, told = f"{socket.gethostname()}:{os.getpid()}:{token_hex(8)}", ""
    with _signs_of_life(service, name):
        while not stop.is_set():
            job, trouble = None, space_wanted(service.settings.folder)
            try:
                take_back_lost(service.sessions)
                if not trouble and (job := claim(service.sessions, name)):
                    _perform(service, job, stop, module)
            except NO_DATABASE as error:
                trouble = f"The database does not answer: {error.orig}"
            if trouble not in ("", told):
                print(trouble, file=sys.stderr, flush=True)
            told = trouble
            if job is None:
                if once:
                    return
                stop.wait(POLL)


@contextmanager
def _signs_of_life(service: Service, name: str) -> Iterator[None]:
    """A block during which a worker stands in the table of workers."""
    ended = Event()

    def sign() -> None:
        while not ended.is_set():
            with suppress(*NO_DATABASE):  # it may answer again
                say_alive(service.sessions, name)
            ended.wait(SIGN)

    signing = Thread(target=sign, daemon=True)
    signing.start()
    try:
        yield
    finally:
        ended.set()
        signing.join()
        with suppress(*NO_DATABASE):
            sign_off(service.sessions, name)


def space_wanted(folder: Path) -> str:
    """A sentence where the disk of a folder has too little space to begin a job, else ""."""
    free = shutil.disk_usage(folder).free
    return (
        f"The disk of the runs has {free >> 20:,} MiB left: free some. No job is begun." if free < LEAST_SPACE else ""
    )


def _perform(service: Service, job: QueuedJob, stop: Event, module: str) -> None:
    """Run the process of a claimed job, and write what became of it."""
    sessions, root = service.sessions, service.root(job.tenant).absolute()
    if (code := code_on_disk()) != code_version():
        put_back(sessions, job)
        raise ConfigError(f"{changed_code(code_version(), code)} Start the worker again.")
    with work_folder() as scratch:
        with _process(service, job, root, scratch, module) as process:
            killed_for = _watched(service, job, process, scratch, stop)
        if killed_for == "cancelled":
            finish_job(sessions, job, "cancelled")
        elif killed_for == "stopped":
            put_back(sessions, job)
        elif killed_for == "late":
            finish_job(
                sessions, job, "failed", {"messages": f"It was ended after {JOB_SECONDS[job.kind] / 3600:g} hours."}
            )
        elif killed_for == "" and process.returncode < 0:  # killed by the system, for lack of memory say
            fail(sessions, job)
        elif killed_for == "":
            finish_job(sessions, job, **_outcome(job, root, scratch, process.returncode))
    if killed_for != "lost":
        notify_of_job(service, job.id)


@contextmanager
def _process(
    service: Service, job: QueuedJob, root: Path, scratch: Path, module: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """The process of a job, killed with its group where the block ends before it."""
    (root / RUNS).mkdir(parents=True, exist_ok=True)
    own = {
        HOME: str(root),
        TRIAL_BOOK: str(root / TRIALS),
        **stores_environment(root, writes=job.kind == PRICES_JOB),
        **_to_fetch(job),
        TOLD_IN: str(scratch / "progress"),
        "TMPDIR": str(scratch),
        "IPYTHONDIR": str(scratch / "ipython"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    if job.kind == "cycle":
        with service.sessions() as session:
            own[QUEUED_BY] = signature_of(session.get_one(User, job.user).name, job.user)
    command = [sys.executable, "-m", "desk.service.jobs.lease", module, *_words(job, root)]
    environment = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)} | own
    with open(scratch / "out", "wb") as out, open(scratch / "err", "wb") as err:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=err, bufsize=0,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _to_fetch(job: QueuedJob) -> dict[str, str]:
    """The variables of a job that fetches prices: the keys of its sources, and the mirror; {} for another job."""
    if job.kind != PRICES_JOB:
        return {}
    found = {MIRROR: os.environ[MIRROR]} if MIRROR in os.environ else {}
    for source in map(ADAPTERS.__getitem__, job.arguments["requests"]):
        with suppress(FeedError):  # the command says that it has none
            found |= {source.key_variable: key} if (key := source_key(source)) else {}
    return found


def _words(job: QueuedJob, root: Path) -> Sequence[str | Path]:
    """The command of a job."""
    words = [*JOB_COMMANDS[job.kind].split(), root / job.arguments["file"], *job.arguments["options"]]
    folder = root / JOBS / job.id
    return words if job.kind != "cycle" else [*words, "--record", folder / RECORD, "--record", folder / PAGE]


def _watched(service: Service, job: QueuedJob, process: "subprocess.Popen[bytes]", scratch: Path, stop: Event) -> str:
    """Keep the claim of a job while its process runs.

    Returns : "" where the process has ended, else why it is to be killed: cancelled, lost, late or stopped.
    """
    began = held = monotonic()
    stopped = inf
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(BEAT)
            return ""
        moment = monotonic()
        stopped = min(stopped, moment) if stop.is_set() else inf
        with suppress(*NO_DATABASE):  # it may answer again
            if (now := beat(service.sessions, job, _progress(scratch))) is None:
                return "lost"
            if now.is_cancelled:
                return "cancelled"
            held = moment
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has just ended
            process.stdin.write(b".")
        if moment - held > SILENCE:
            return "lost"
        if moment - stopped > GRACE:
            return "stopped"
        if moment - began > JOB_SECONDS[job.kind]:
            return "late"


def _progress(scratch: Path) -> str:
    """The progress of a command, as it states it itself."""
    try:
        doing, done, total = json.loads((scratch / "progress").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return "starting"
    return str(bar(total or None, doing, done=done, shown=False))


def _outcome(job: QueuedJob, root: Path, scratch: Path, status: int) -> dict[str, Any]:
    """The result of a job whose process has ended. status : its exit status."""

    def said(name: str) -> str:
        """The text that it printed."""
        text = (scratch / name).read_text(encoding="utf-8", errors="replace")
        return from_root(root, text[-LONGEST_TEXT:]).strip()

    text, messages, has_ended = said("out"), said("err"), status in (0, PERSON_ASKED)
    if TRACEBACK in messages:
        print(f"job {job.id}:\n{messages}", file=sys.stderr, flush=True)
        messages = f"The command failed. The log of the worker has the cause under {job.id}."
    result = {"status": status, "text": text, "messages": messages, "asks": status == PERSON_ASKED}
    last = Path(text.rpartition("\n")[2])  # a command that made a run ends with its folder
    run = last.name if has_ended and last.parent == Path(RUNS) else None
    return {"state": "done" if has_ended else "failed", "result": result, "run": run}
