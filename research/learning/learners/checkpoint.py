"""The state of a training on disk: after an interruption the training resumes from it, and ends with the same bits.

Arrays are safetensors and the rest is JSON in their header: reading a checkpoint runs no code from it.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from research.errors import DataError
from research.files import delete, write_whole

FORMAT = "learning checkpoint, 3"
ROOM = Path(__file__).parents[2]


class Checkpoint:
    """One file for one seed of one training. Its name depends on settings, data and the code itself."""

    def __init__(self, folder: str | Path, seed: int, depends_on: Any) -> None:
        """A checkpoint in `folder`, which is created with the first save.

        folder     : where the file is.
        seed       : of the training.
        depends_on : JSON values on which the training depends.
        """
        key = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode() + _sources()).hexdigest()
        self.key = f"{key}, seed {seed}"
        self.path = Path(folder) / f"{key[:16]}-seed-{seed}.safetensors"

    def save(self, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
        """Write arrays of any shape and unit by name, and JSON values; the file is replaced as a whole."""
        from safetensors.numpy import save as to_bytes

        self.path.parent.mkdir(parents=True, exist_ok=True)
        contiguous = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        text = json.dumps({"format": FORMAT, "key": self.key, **record})
        whole = to_bytes(contiguous, {"record": text, "checksum": _checksum(text, contiguous)})
        write_whole(self.path, whole)

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """The arrays, of any shape and unit, and the record; None where none was saved.

        Raises : DataError for a file that is damaged or of another format.
        """
        from safetensors import SafetensorError, safe_open

        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "np") as file:
                header = file.metadata() or {}
                record = json.loads(header["record"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
            if _checksum(header["record"], arrays) != header["checksum"]:
                raise ValueError("its checksum does not match")
            if record["key"] != self.key:
                raise ValueError("it is of another training")
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            raise DataError(
                f"{self.path} is not a readable checkpoint: {error}. Delete it; the seed then "
                "starts from the beginning."
            ) from error
        if record.get("format") != FORMAT:
            raise DataError(
                f"{self.path} has the format {record.get('format')!r}, expected {FORMAT!r}. "
                "Delete it; the seed then starts from the beginning."
            )
        return arrays, record

    def delete(self) -> None:
        """Delete the file, and its folder if that is empty."""
        with suppress(OSError):
            delete(self.path)
            self.path.parent.rmdir()


def _checksum(record: str, arrays: Mapping[str, np.ndarray]) -> str:
    """sha256, in hex, over the record and all values."""
    digest = hashlib.sha256(record.encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode() + arrays[name].tobytes())
    return digest.hexdigest()


@cache
def _sources() -> bytes:
    """sha256 over all code that a training may run."""
    digest = hashlib.sha256()
    for path in sorted(ROOM.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
