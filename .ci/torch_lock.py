"""Print what set-up installs of torch, as a lock.

A build that is given here goes before the index's, which on Linux needs CUDA's libraries: one for the processor alone
that is installed already, or a wheel in a folder of PIP_FIND_LINKS. A wheel is of the locked version, for this Python
and machine, and requirements-torch.lock lists its sha256; its lock names the folder and a local version, such as +cpu.
"""

import hashlib
import os
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
TORCH, CUDA = ((ROOT / f"requirements-{name}.lock").read_text(encoding="utf-8") for name in ("torch", "cuda"))
LOCKED = next(line.split("==")[1].split()[0] for line in TORCH.splitlines() if line.startswith("torch=="))


def lock() -> str:
    """The lock, such as `torch==2.13.0+cpu --hash=sha256:...` below the folder of that wheel."""
    try:
        if version("torch").startswith(f"{LOCKED}+") and "nvidia" not in str(requires("torch")):
            return TORCH
    except PackageNotFoundError:
        pass
    return _of_wheel() or TORCH + CUDA


def _of_wheel() -> str:
    python, machine = f"cp{sys.version_info.major}{sys.version_info.minor}", sysconfig.get_platform().split("-")[-1]
    for stated in os.environ.get("PIP_FIND_LINKS", "").split():
        folder = Path(stated.removeprefix("file://")).expanduser().resolve()
        for wheel in sorted(folder.glob(f"torch-{LOCKED}*-{python}-{python}-*{machine}.whl")):
            with wheel.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest in TORCH:
                local = wheel.name.split("-")[1].replace("%2B", "+")
                return f"--find-links {folder.as_uri()}\ntorch=={local} --hash=sha256:{digest}\n"
    return ""


if __name__ == "__main__":
    print(lock(), end="")
