"""Kernels of notebooks as forks of a warm process, which has imported what the notebooks import.

A kernel that it forks has the environment, folder and arguments with which it would have been started, and is stopped
and watched as any other. Where none can be forked, one is started.
"""

import ast
import json
import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from backtests.runs.warm_process import LAUNCHER, WarmProcess
from foundation.machine import OUR_PACKAGES

OF_KERNELS = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell")


class ForkedKernel:
    """A kernel that was forked, as a `subprocess.Popen`: of those, what `LocalProvisioner` uses."""

    stdin = stdout = stderr = None

    def __init__(self, warm: WarmProcess, pid: int) -> None:
        self.poll = partial(warm.ended, pid)
        self.wait = self.poll  # which is asked when `poll` has told the end
        self.pid = pid

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class ForkProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Starts a kernel as a fork of the warm process, in a group of its own."""

    warm: WarmProcess

    async def launch_kernel(self, cmd: list[str], **asked: Any) -> Any:
        """The connection of a kernel that is started as the command would."""
        try:
            pid = self.warm.start(cmd[cmd.index(LAUNCHER) + 1 :], asked["env"], asked.get("cwd", os.getcwd()))
        except (RuntimeError, ValueError):  # the warm process is gone, or the command is another one
            return await super().launch_kernel(cmd, **asked)
        self.process: Any = ForkedKernel(self.warm, pid)
        self.pid = self.pgid = pid
        return self.connection_info


def kernel_manager(warm: WarmProcess) -> type[AsyncKernelManager]:
    """A class of kernel managers whose kernels are forks of the warm process."""

    class WarmKernelManager(AsyncKernelManager):  # type: ignore[misc]
        """Manages a kernel that is a fork of the warm process."""

        async def _async_pre_start_kernel(self, **asked: Any) -> Any:
            if self.provisioner is None:
                own = {"kernel_id": self.kernel_id, "kernel_spec": self.kernel_spec, "parent": self}
                self.provisioner = ForkProvisioner(**own)
                self.provisioner.warm = warm
            return await super()._async_pre_start_kernel(**asked)

    return WarmKernelManager


def warm_process(notebook: Path) -> WarmProcess:
    """The warm process of this one, started if it is not there: it imports what a notebook imports of the workbench.

    What other notebooks import besides, their kernels import themselves.
    """
    global _warm
    with _TURN:
        if _warm is None or not _warm.is_there:
            _warm = WarmProcess([*OF_KERNELS, *imported(notebook)])
        return _warm


_TURN = Lock()
_warm: WarmProcess | None = None


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
