"""Files that are there whole or not at all: written beside their name, synced to the disk, then renamed.

Whoever reads a file finds what stood there before or what was written, whenever the writer is killed. What a killed
writer left beside a file is deleted by the next one.
"""

import errno
import fcntl
import hashlib
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

HOST = re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "host"  # a process is known by its number on one machine only
_drafts = count()


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write text, in UTF-8, or bytes, and give the path.

    Raises : OSError, which names `path`, where it cannot be written; what stood there then still does.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.{next(_drafts)}.part")
    try:
        _delete_left_drafts(path)
        with open(draft, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    sync_names(path.parent)
    return path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An OSError within the block that names no file, such as that of a full disk, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error


def data_name(name: str, checksum: str) -> str:
    """The name of a data file with the beginning of the checksum that its record states.

    Raises : ValueError for what is no checksum.

    >>> data_name("policy.safetensors", "0f3a91c2ffd0")
    'policy-0f3a91c2.safetensors'
    """
    path = Path(name)
    if not (isinstance(checksum, str) and re.fullmatch("[0-9a-f]{8,}", checksum)):
        raise ValueError(f"{str(checksum)[:80]!r} is no checksum")
    return f"{path.stem}-{checksum[:8]}{path.suffix}"


def write_with_record(record: Path, text: str, name: str, checksum: str, data: bytes) -> None:
    """Write a data file, then the record that states its checksum, then delete the data of earlier records.

    The record decides which data are read, so that a reader finds the earlier pair or this one, and never half of each.
    record   : path of the record, in a folder that is created if missing.
    text     : of the record.
    name     : of the data file, without the checksum.
    checksum : hex, at least 8 digits.
    data     : bytes of the data file.
    """
    folder, own = record.parent, data_name(name, checksum)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / own, data)
    write_whole(record, text)
    for found in folder.glob(f"{Path(name).stem}-{'[0-9a-f]' * 8}{Path(name).suffix}"):
        if found.name != own:
            found.unlink(missing_ok=True)


def delete(path: Path) -> None:
    """Delete a file, if it is there, and what killed writers left of it."""
    path.unlink(missing_ok=True)
    _delete_left_drafts(path)


def sync(folder: Path) -> None:
    """Have every file below a folder, with its name, on the disk before this returns."""
    for here, _, names in os.walk(folder):
        for name in names:
            with open(Path(here) / name, "rb") as file:
                os.fsync(file.fileno())
        sync_names(Path(here))


def sync_names(folder: Path) -> None:
    """Have the names in a folder on the disk before this returns, where its file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes, hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock that a file stands for; the file goes with the lock, which goes with its process.

    wait : for another process that holds it; else give False where one does.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(file)
            yield False
            return
        except BaseException:
            os.close(file)
            raise
        if os.fstat(file).st_nlink:
            break
        os.close(file)  # whoever held it deleted it meanwhile: others lock a new one
    try:
        yield True
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(file)


def _delete_left_drafts(path: Path) -> None:
    """Delete what writers of `path` left that this machine has killed."""
    left = re.compile(rf"\.{re.escape(path.name)}\.{re.escape(HOST)}\.(\d+)\.\d+\.part")
    for found in path.parent.glob(".*.part"):
        written_by = left.fullmatch(found.name)
        if written_by and not _lives(int(written_by[1])):
            found.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Is there a process of this number on this machine?"""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
