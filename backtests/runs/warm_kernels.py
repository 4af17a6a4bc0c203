"""Kernels of notebooks as forks of one warm process, which has imported what the notebooks import.

The warm process is `multiprocessing`'s fork server: it has no thread of its own, ends with the process that asked for
it, and is there on Linux alone. A kernel that it forks has the environment, folder and arguments with which it would
have been started, so that a notebook cannot tell, and is stopped and watched as any other.
"""

import ast
import atexit
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from foundation.machine import OUR_PACKAGES

LAUNCHER = "ipykernel_launcher"  # the module that a command starts a kernel by
OF_KERNELS = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell")


class ForkedProcess:
    """A kernel that was forked, as a `subprocess.Popen`: of those, what `LocalProvisioner` uses."""

    stdin = stdout = stderr = None

    def __init__(self, process: BaseProcess) -> None:
        process.start()
        self.process, self.pid = process, process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.process.exitcode

    def wait(self) -> int | None:
        """Wait for its end: the exit code."""
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.pid is not None and self.process.exitcode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class ForkProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Starts a kernel as a fork of the warm process, in a group of its own."""

    async def launch_kernel(self, cmd: list[str], **asked: Any) -> Any:
        """The connection of a kernel that is started as the command would."""
        given = cmd[cmd.index(LAUNCHER) + 1 :], dict(asked["env"]), asked.get("cwd", os.getcwd())
        forked = ForkedProcess(get_context("forkserver").Process(target=_be_kernel, args=given))
        self.process: Any = forked
        self.pid = self.pgid = forked.pid
        return self.connection_info


class WarmKernelManager(AsyncKernelManager):  # type: ignore[misc]
    """Manages a kernel that is a fork of the warm process."""

    async def _async_pre_start_kernel(self, **asked: Any) -> Any:
        self.provisioner = self.provisioner or ForkProvisioner(
            kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )
        return await super()._async_pre_start_kernel(**asked)


def _be_kernel(words: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
    """Become a kernel, in a process that was just forked."""
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None  # which it reads from the environment once
    sys.argv = [LAUNCHER, *words]
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    IPKernelApp.launch_instance(list(words))
    atexit._run_exitfuncs()


def _end_with(asker: Any) -> None:
    """End this process when the one that asked for it has ended."""
    asker.join()
    os._exit(1)


def warm_up(notebook: Path) -> None:
    """Start the warm process, unless it is there: it imports the modules of the workbench that a notebook imports.

    What other notebooks import besides, their kernels import themselves.
    """
    get_context("forkserver").set_forkserver_preload([*OF_KERNELS, *imported(notebook)])
    ensure_running()


def imported(notebook: Path) -> list[str]:
    """The modules of the workbench that a notebook imports in any cell, in order."""
    found = list[str]()
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        with suppress(SyntaxError):  # of text, and of cells that are no plain Python
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.ImportFrom):
                    found.append(node.module or "")
                elif isinstance(node, ast.Import):
                    found += [alias.name for alias in node.names]
    return [name for name in dict.fromkeys(found) if name.partition(".")[0] in OUR_PACKAGES]
