"""Results on disk under a name made from all that they depend on, the code itself included: computed once, read again.

Arrays are safetensors and the rest is JSON in their header: reading a file runs no code from it. A file is written
whole, and holds the checksum of its content.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from foundation.errors import DataError
from foundation.files import CACHE, delete, write_whole
from foundation.private_store import prune, touch
from foundation.sets import CODE_FOLDER

_pruned = set[Path]()  # folders of the cache, once by this process


class Stored:
    """One file of arrays and a record. Its name depends on settings, data and the code itself.

    From a folder of the cache, the first save of a process deletes what was not used for long (`prune`).
    """

    kind = "stored result"  # what messages call it
    form = "stored result, 1"  # of the file: count on when what it holds changes
    packages: tuple[str, ...] = ("foundation", "research")  # whose code may make it
    fix = "Delete it; it is then computed anew."

    def __init__(self, folder: str | Path, depends_on: Any, part: str = "") -> None:
        """A file in `folder`, which is created with the first save.

        folder     : folder of the file.
        depends_on : JSON values on which the result depends, beside the code.
        part       : mark that distinguishes files that depend on the same, such as "seed 7"; "" for none.
        """
        content = json.dumps(depends_on, sort_keys=True).encode() + sources_digest(self.packages)
        key = hashlib.sha256(content).hexdigest()
        self.key = f"{key}, {part}" if part else key
        self.path = Path(folder) / f"{'-'.join([key[:16], *part.split()])}.safetensors"

    def save(self, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
        """Write arrays of any shape and unit by name, and JSON values; the file is replaced as a whole."""
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        if folder.parent == CACHE and folder not in _pruned:
            _pruned.add(folder)
            prune([folder])
        write_stored(self.path, arrays, {"format": self.form, "key": self.key, **record})

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """The arrays, of any shape and unit, and the record; None where none was saved.

        Raises : DataError for a file that is damaged or of another format.
        """
        if not self.path.exists():
            return None
        arrays, record = read_stored(self.path, self.kind, self.form, self.fix)
        if record.get("key") != self.key:
            raise DataError(f"{self.path} is not a readable {self.kind}: it is another {self.kind}. {self.fix}")
        touch(self.path)
        return arrays, record

    def delete(self) -> None:
        """Delete the file, and its folder if that is empty."""
        with suppress(OSError):
            delete(self.path)
            self.path.parent.rmdir()


def write_stored(path: Path, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> Path:
    """Write arrays of any shape and unit by name, with a record of JSON values in the file's header, as a whole."""
    from safetensors.numpy import save as to_bytes

    contiguous = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    text = json.dumps(record)
    return write_whole(path, to_bytes(contiguous, {"record": text, "checksum": _checksum(text, contiguous)}))


def read_stored(path: Path, kind: str, form: str, fix: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file, of any shape and unit, and its record.

    kind   : name of the file in messages.
    form   : the "format" that its record must state.
    fix    : sentence that ends each message and tells the reader what to do.
    Raises : DataError for a file that is missing, damaged or of another format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            header = file.metadata() or {}
            record = json.loads(header["record"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
        if _checksum(header["record"], arrays) != header["checksum"]:
            raise ValueError("its checksum does not match")
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise DataError(f"{path} is not a readable {kind}: {error}. {fix}") from error
    if record.get("format") != form:
        raise DataError(f"{path} has the format {record.get('format')!r}, expected {form!r}. {fix}")
    return arrays, record


def _checksum(record: str, arrays: Mapping[str, np.ndarray]) -> str:
    """sha256, in hex, over the record and all values."""
    digest = hashlib.sha256(record.encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode() + arrays[name].tobytes())
    return digest.hexdigest()


@cache
def sources_digest(packages: tuple[str, ...]) -> bytes:
    """sha256 over all code of these packages of the workbench."""
    digest = hashlib.sha256()
    for path in sorted(path for package in packages for path in (CODE_FOLDER / package).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
