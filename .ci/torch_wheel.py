"""Print the lock of a wheel of torch that lies in a folder of PIP_FIND_LINKS; exit status 1 where none does.

It is a wheel of the locked version for this Python and machine, whose sha256 requirements-torch.lock lists. Its lock
names the folder, and its local version, such as +cpu, which the lock of the index does not.
"""

import hashlib
import os
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent


def lock_of_wheel() -> str:
    """Two lines, such as `--find-links /wheels` and `torch==2.13.0+cpu --hash=sha256:...`; "" where no wheel fits."""
    lock = (ROOT / "requirements-torch.lock").read_text(encoding="utf-8")
    version = next(line.split("==")[1].split()[0] for line in lock.splitlines() if line.startswith("torch=="))
    python, machine = f"cp{sys.version_info.major}{sys.version_info.minor}", sysconfig.get_platform().split("-")[-1]
    for folder in os.environ.get("PIP_FIND_LINKS", "").split():
        for wheel in sorted(Path(folder).glob(f"torch-{version}*-{python}-{python}-*{machine}.whl")):
            with wheel.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest in lock:
                version = wheel.name.split("-")[1].replace("%2B", "+")
                return f"--find-links {folder}\ntorch=={version} --hash=sha256:{digest}\n"
    return ""


if __name__ == "__main__":
    found = lock_of_wheel()
    print(found, end="")
    sys.exit(not found)
