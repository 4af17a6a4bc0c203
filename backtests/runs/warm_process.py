"""One process that has imported what kernels of notebooks need, and forks each of them.

It starts no thread of Python's, so that a fork is whole, and ends with the process that started it, or when nobody asks
for some minutes; kernels that run then end too. The two send each other a line of JSON in turn. All forks have the seed
of string hashes that it has.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

ANSWER, IDLE = 60.0, 300.0  # seconds that an answer may take, and after which a process ends that nobody asks
LAUNCHER = "ipykernel_launcher"  # the module that a command starts a kernel by
SERVING = "import sys; sys.path[:] = filter(None, sys.path); from backtests.runs.warm_process import serve; serve()"


class WarmProcess:
    """The process, as the one sees it that starts it."""

    def __init__(self, modules: Sequence[str]) -> None:
        """Start it.  modules : names of what it imports before it forks."""
        own, other = socket.socketpair()
        with other:
            words = [sys.executable, "-c", SERVING, str(other.fileno()), *modules]
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, pass_fds=[other.fileno()], start_new_session=True
            )
        own.settimeout(ANSWER)
        with own:
            self._lines = own.makefile("rw", encoding="utf-8")
        self._turn = threading.Lock()

    @property
    def is_there(self) -> bool:
        """True while it runs."""
        return self._process.poll() is None

    def start(self, words: Sequence[str], environment: Mapping[str, str], folder: str) -> int:
        """Fork a kernel: its process id.

        words       : arguments of its command.
        environment : all variables that it has.
        folder      : folder in which it begins.
        Raises      : RuntimeError where the warm process is gone.
        """
        pid: int = self._ask({"words": list(words), "environment": dict(environment), "folder": folder})
        return pid

    def ended(self, pid: int) -> int | None:
        """The exit status of a kernel, negative that of a signal; None while it runs. Raises as `start` does."""
        code: int | None = self._ask({"pid": pid})
        return code

    def _ask(self, request: Mapping[str, Any]) -> Any:
        try:
            with self._turn:
                self._lines.write(json.dumps(request) + "\n")
                self._lines.flush()
                return json.loads(self._lines.readline())
        except (OSError, ValueError) as error:  # it is gone, or did not answer
            self._end()
            raise RuntimeError("Kernel died: the process that forked it is gone") from error
        except BaseException:  # its answer would be taken for the next one
            self._end()
            raise

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # of what it did not take
            self._lines.close()


# -- the process itself ----------------------------------------------------------------------------------------------


def serve() -> None:
    """Import modules, then fork a kernel or tell the end of one for each line that comes, until no more can.

    Arguments of the process are the descriptor of the socket to the one that asks, and names of modules; a kernel says
    itself what it cannot import.
    """
    asker = int(sys.argv[1])
    for name in sys.argv[2:]:
        with suppress(Exception):
            import_module(name)
    gc.freeze()  # what is shared with the forks is left alone
    codes, parent = dict[int, int | None](), os.getpid()
    with socket.socket(fileno=asker) as connection, connection.makefile("rw", encoding="utf-8") as lines:
        connection.settimeout(IDLE)  # while a kernel runs, it is asked for every second
        with suppress(OSError):
            while line := lines.readline():
                request = json.loads(line)
                if "pid" in request:
                    answer = codes[request["pid"]] = _code(request["pid"], codes)
                elif (answer := _forked()) == 0:
                    os.close(asker)  # whose objects stay until this process ends without closing anything
                    _be_kernel(**request, parent=parent)
                else:
                    codes[answer] = None
                lines.write(json.dumps(answer) + "\n")
                lines.flush()
    for pid in [pid for pid in codes if _code(pid, codes) is None]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            os.killpg(pid, signal.SIGKILL)


def _forked() -> int:
    """`os.fork`; threads that libraries hold for products, of which Python 3.12 warns, are made anew by them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _code(pid: int, codes: Mapping[int, int | None]) -> int | None:
    if codes[pid] is not None:
        return codes[pid]
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _be_kernel(words: Sequence[str], environment: Mapping[str, str], folder: str, parent: int) -> NoReturn:
    """Become a kernel, in a process that was just forked from `parent`."""
    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    code = 1
    try:
        os.setsid()
        os.environ.clear()
        os.environ.update(environment, JPY_PARENT_PID=str(parent))
        np.random.seed()  # noqa: NPY002  (of notebooks that use the global generator: each has its own)
        os.chdir(folder)
        tempfile.tempdir = None  # which it reads from the environment once
        sys.argv = [LAUNCHER, *words]
        IPKernelApp.launch_instance([*words, f"--IPKernelApp.parent_handle={parent}"])
        threading._shutdown()  # type: ignore[attr-defined]
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
