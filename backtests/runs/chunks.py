"""Finished chunks of work on disk, from which a killed sweep or list of accounts resumes.

Unfinished work is a folder of chunks beside `run.json`, which says what they were made from. Whatever has a
chunk's name is a whole chunk. Chunks of other settings, data, code or libraries are never mixed in: the folder is
refused, and told is what differs. Each chunk bears the sha256 of the `run.json` that it was made under, without which
it counts for nothing; what is deleted goes chunks first and `run.json` last, and the lock stays as long as somebody may
hold it.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from backtests.runs.differences import changes
from backtests.runs.folder import Run, write_json
from backtests.runs.tasks import identity_of_inputs, refuse_other
from foundation.arguments import cut
from foundation.errors import ConfigError, DataError
from foundation.files import delete_drafts, write_whole

RUN, LOCK = "run.json", ".lock"
CHUNK, STAMP = re.compile(r"(\d{9,})-(\d{9,})\.parquet"), b"made_from"


class WorkPart(NamedTuple):
    """Neighbouring items of a list of work, from number `first` to before number `stop`."""

    first: int
    stop: int


@contextmanager
def unfinished(folder: Path, run: Run, data: Mapping[str, str], fresh: bool = False) -> Iterator[set[WorkPart]]:
    """Hold the folder of unfinished work, new or begun, and give the parts that are finished in it.

    folder : folder of the chunks.
    run    : inputs of the work.
    data   : fingerprint of each market, by name.
    fresh  : True to start over, even if chunks exist.
    Raises : ConfigError when another process is writing into it, and for chunks that were made from other inputs.

    Where the work fails before a chunk is finished there is nothing to resume from: nothing of it stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "w") as lock:  # never deleted while the folder stays: another process would lock a new one
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another process is writing into {folder}. Wait for it to end.") from error
        if os.fstat(lock.fileno()).st_nlink == 0:  # the other process ended, and took the folder with it
            raise ConfigError(f"another process was just writing into {folder}. Start it again.")
        if fresh:
            clear(folder)
        origin = identity_of_inputs(run, data)
        begun = (folder / RUN).exists()
        if begun:
            refuse_other(folder, _record(folder), origin)
        try:
            if not begun:
                clear(folder)  # nobody knows what chunks without it were made from
                write_json(folder / RUN, origin)
            yield finished(folder)
        except BaseException:
            if not any(CHUNK.fullmatch(path.name) for path in folder.iterdir()):
                clear(folder)
                if [path.name for path in folder.iterdir()] == [LOCK]:
                    discard(folder)
            raise


def _record(folder: Path) -> dict[str, Any]:
    """The inputs recorded for the chunks of a folder. Raises DataError for a file that does not state them."""
    try:
        found = json.loads((folder / RUN).read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it is a {type(found).__name__}")
        return found
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{folder / RUN} does not say what its chunks were made from ({cut(str(error))}). Delete the folder "
            "(`--fresh` does) to start over."
        ) from error


def other_origin(folder: Path, run: Run, data: Mapping[str, str]) -> list[str]:
    """The differences between the inputs of the chunks in a folder and these, in words; [] where there are none."""
    if not (folder / RUN).exists():
        return []
    try:
        return list(changes(_record(folder), identity_of_inputs(run, data)))
    except DataError as error:
        return [str(error)]


def clear(folder: Path) -> None:
    """Delete what work left in its folder but for the lock: chunks first, so that none stays without `run.json`."""
    delete_drafts(folder)
    for path in folder.iterdir():
        if CHUNK.fullmatch(path.name):
            path.unlink()
    (folder / RUN).unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Delete the folder of finished work, which the caller holds. It stays where another got in meanwhile."""
    clear(folder)
    shutil.rmtree(folder, ignore_errors=True)


# -- chunks ----------------------------------------------------------------------------------------------------------


def chunk_of(part: WorkPart) -> str:
    """The file name of a part's chunk."""
    return f"{part.first:09}-{part.stop:09}.parquet"


def finished(folder: Path) -> set[WorkPart]:
    """The parts whose chunks are whole, and were made from what `run.json` says. Raises DataError for a broken one."""
    found = [path for path in folder.iterdir() if CHUNK.fullmatch(path.name)]
    wanted = made_from(folder) if found else b""
    return {WorkPart(*map(int, path.stem.split("-"))) for path in found if _stamp(_schema(path)) == wanted}


def chunk(table: pa.Table, stamp: bytes) -> bytes:
    """The rows of a part as a file. stamp : sha256 of the `run.json` that they are made under, as `made_from` gives."""
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), STAMP: stamp})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer)
    return buffer.getvalue().to_pybytes()  # type: ignore[no-any-return]


def write_chunk(folder: Path, part: WorkPart, content: bytes) -> None:
    """Write the chunk of a part, whole or not at all."""
    write_whole(folder / chunk_of(part), content)


def read_chunk(folder: Path, part: WorkPart) -> pa.Table:
    """The rows of a part. Raises DataError for a broken chunk, and for one that was made from something else."""
    path = folder / chunk_of(part)
    with _readable(path), pq.ParquetFile(path) as file:
        table = file.read()
    if _stamp(table.schema) != made_from(folder):
        raise DataError(
            f"the chunk {path} has another origin than {RUN} in its folder says: found "
            f"{_stamp(table.schema).decode()!r}. Delete it, and start the command again."
        )
    metadata = {key: value for key, value in table.schema.metadata.items() if key != STAMP}
    return table.replace_schema_metadata(metadata or None)


def made_from(folder: Path) -> bytes:
    """sha256, hex, of what chunks are made from here. Raises DataError where nothing says what that is."""
    try:
        return hashlib.sha256((folder / RUN).read_bytes()).hexdigest().encode()
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} has no {RUN}, which records the origin of its chunks. Start the command again."
        ) from error


def _stamp(schema: pa.Schema) -> bytes:
    """The inputs recorded in the chunk of this schema."""
    found: bytes = (schema.metadata or {}).get(STAMP, b"")
    return found


def _schema(path: Path) -> pa.Schema:
    with _readable(path):
        return pq.read_schema(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise DataError, naming the chunk, where it cannot be read."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"the chunk {path} cannot be read: {error}. Delete it, and start the command again.") from error
