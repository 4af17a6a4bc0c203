"""What a training has come to, on disk: it goes on from there when it was killed, and ends with the same bits.

Numbers in safetensors, the rest as JSON in its header: reading one runs no code from it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from research.errors import DataError

FORMAT = "learning checkpoint, 1"
ROOM = Path(__file__).parents[2]


class Checkpoint:
    """One file for one seed of one training, named by all that it depends on: settings, data, and the code itself."""

    def __init__(self, folder: str | Path, seed: int, depends_on: Any) -> None:
        """Keep it in `folder`, which is made when there is something to keep.  depends_on : plain JSON values."""
        key = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode() + _sources()).hexdigest()
        self.path = Path(folder) / f"{key[:16]}-seed-{seed}.safetensors"

    def save(self, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
        """Write it whole, or not at all."""
        from safetensors.numpy import save as to_bytes

        self.path.parent.mkdir(parents=True, exist_ok=True)
        header = {"record": json.dumps({"format": FORMAT, **record})}
        whole = to_bytes({name: np.ascontiguousarray(values) for name, values in arrays.items()}, header)
        beside = self.path.with_suffix(f".{os.getpid()}.part")
        beside.write_bytes(whole)
        beside.replace(self.path)

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """The arrays and the record, or nothing where there is none. Raises DataError for a file that is not whole."""
        from safetensors import SafetensorError, safe_open

        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "np") as file:
                record = json.loads((file.metadata() or {})["record"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            raise DataError(f"{self.path} is no checkpoint: {error}. Delete it, and the seed begins anew.") from error
        if record.get("format") != FORMAT:
            raise DataError(f"{self.path} has the format {record.get('format')!r}, expected {FORMAT!r}. Delete it.")
        return arrays, record

    def delete(self) -> None:
        """Delete it, and its folder if nothing else is in it: what it was kept for is done."""
        for left in self.path.parent.glob(f"{self.path.stem}.*"):
            left.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.parent.rmdir()


@cache
def _sources() -> bytes:
    """sha256 over all code that a training may run."""
    digest = hashlib.sha256()
    for path in sorted(ROOM.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
