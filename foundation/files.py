"""Files that are there whole or not at all: written beside their name, synced to the disk, then renamed.

Whoever reads a file finds the earlier content or the new one, whenever the writer is killed. Drafts that a killed
writer left beside a file are deleted by the next one. Files of a folder that takes its own name only when it is whole
may wait for the disk together (`synced_later`, `sync`).
"""

import errno
import fcntl
import hashlib
import math
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import platformdirs

from foundation.errors import ConfigError
from foundation.sets import CODE_FOLDER, INSTALLED, RESOURCES_OF_WHEEL

ROOT = RESOURCES_OF_WHEEL if INSTALLED else CODE_FOLDER  # of what comes with the workbench: data/, notebooks/
DATA = ROOT.resolve() / "data"  # of the markets that come with it
USER_CACHE = platformdirs.user_cache_path("rebalance-workbench", appauthor=False)
CACHE = USER_CACHE if INSTALLED else DATA / "cache"  # of what is computed once, and can be again
DRAFT = re.compile(r"\..+\.[0-9a-f]{16}\.part")  # the name of a file that is being written; its writer holds its lock
WORK, LOCK = "rebalance-work-", ".lock"  # begin the name of a work folder, and end that of its lock
SYNCED_LATER: ContextVar[Path | None] = ContextVar("SYNCED_LATER", default=None)  # a folder that is synced as a whole
LOCK_NAP = 0.005  # seconds between looks whether a lock is free
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what the system says of a place without space


def from_workbench(path: str | Path) -> str:
    """A path as given, or that within the workbench's own folder, where a file is there alone."""
    own = str(ROOT / path)
    return own if os.path.isfile(own) and not os.path.exists(path) else str(path)


def check_there(path: str | Path) -> None:
    """Raise ConfigError where a file that the user named is not there."""
    try:
        os.stat(path)
    except FileNotFoundError as error:
        raise ConfigError(
            f"no file {path}. Correct the path; it is read from the working directory, {Path.cwd()}."
        ) from error
    except (OSError, ValueError):  # whoever reads it says why it cannot be read
        pass


def write_whole(path: str | Path, content: str | bytes | memoryview) -> Path:
    """Write text, in UTF-8, or bytes, and give the path; a file that is replaced keeps its mode.

    Raises : OSError, which names `path`, where it cannot be written; the earlier content then stays.
    """
    try:
        with replacing(path) as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    return Path(path)


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole that this user alone may read. Raises OSError where it cannot be written."""
    draft = path.with_name(f".{path.name}.{token_hex(16)}")
    try:
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to be written piece by piece, which takes the place of `path` where the block ends without an error.

    Raises : OSError, which names `path`; one of the block that names another file is left as it is.
    """
    path, draft = Path(path), None
    try:
        delete_drafts(path.parent)
        file, draft = _begin_draft(path)
        with os.fdopen(file, "wb") as opened:
            with suppress(FileNotFoundError):
                os.fchmod(file, stat.S_IMODE(path.stat().st_mode))
            yield opened
            opened.flush()
            if SYNCED_LATER.get() not in path.parents:
                os.fsync(file)
            draft.replace(path)
    except BaseException as error:
        if draft is not None:
            with suppress(OSError):
                draft.unlink()
        named = str(getattr(error, "filename", None))
        own = named in map(str, (None, path, path.parent, draft)) or DRAFT.fullmatch(Path(named).name)
        if isinstance(error, OSError) and own:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    if SYNCED_LATER.get() not in path.parents:
        sync_names(path.parent)


@contextmanager
def synced_later(folder: Path) -> Iterator[None]:
    """Files below a folder, written within the block, do not wait for the disk: it is to be synced as a whole."""
    before = SYNCED_LATER.set(folder)
    try:
        yield
    finally:
        SYNCED_LATER.reset(before)


@contextmanager
def replacing_together(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Files to be written piece by piece, which take the places of `paths` where the block ends without an error.

    Another writer to one of these names waits until all are in place, so that files of two writers are not left beside
    each other. The last path is in place last.
    Raises : OSError as `replacing` does.
    """
    with ExitStack() as locks, ExitStack() as files:
        yield [files.enter_context(replacing(path)) for path in reversed(paths)][::-1]
        for path in sorted({path.resolve() for path in paths}):
            locks.enter_context(locked(path.with_name(f".{path.name}.lock"), wait=True))


def _begin_draft(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, open to be written and locked."""
    while True:
        draft = path.with_name(f".{path.name}.{token_hex(8)}.part")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):  # where nothing can be locked, nobody takes it for left
            fcntl.flock(file, fcntl.LOCK_EX)
        if _is_at(draft, file):
            return file, draft
        os.close(file)  # another writer found it before it was locked, and deleted it


def delete_drafts(folder: Path) -> None:
    """Delete the drafts that killed writers left in a folder, and that nobody holds."""
    for found in os.listdir(folder):
        if DRAFT.fullmatch(found):
            with suppress(OSError), open(folder / found, "rb") as draft:  # its writer, or another user, keeps it
                fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (folder / found).unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An OSError within the block of a place that is full or cannot be written, which names no file, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in (None, *NO_SPACE, errno.EROFS, errno.EIO):
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error


def data_name(name: str, checksum: str) -> str:
    """The name of a data file with the beginning of the checksum that its record states.

    Raises : ValueError for text that is no checksum.

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
    text     : text of the record.
    name     : name of the data file, without the checksum.
    checksum : hex, at least 8 digits.
    data     : bytes of the data file.
    """
    folder, own = record.parent, data_name(name, checksum)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock", wait=True):
        write_whole(folder / own, data)
        write_whole(record, text)
        for found in folder.glob(f"{Path(name).stem}-{'[0-9a-f]' * 8}{Path(name).suffix}"):
            if found.name != own:
                found.unlink(missing_ok=True)


def read_with_record(record: Path, name: str, checksum: Callable[[bytes], str]) -> tuple[bytes, Path, bytes]:
    """The bytes of a record, and path and bytes of its data; read again where both are replaced meanwhile.

    record   : path of the record.
    name     : name of the data file, without the checksum.
    checksum : function that finds the checksum, hex, in the bytes of a record.
    Raises   : OSError where one of the two cannot be read, and the errors of `checksum` and `data_name`.
    """
    text = record.read_bytes()
    while True:
        path = record.with_name(data_name(name, checksum(text)))
        try:
            return text, path, path.read_bytes()
        except FileNotFoundError:
            before, text = text, record.read_bytes()
            if text == before:
                raise


def delete(path: Path) -> None:
    """Delete a file, if it is there, and drafts that killed writers left beside it."""
    path.unlink(missing_ok=True)
    delete_drafts(path.parent)


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


def lock_within(file: int, how: int, seconds: float) -> bool:
    """Lock an open file, as `fcntl.flock` does; false where another process holds it for so long."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(LOCK_NAP)
        else:
            return True


@contextmanager
def locked(path: Path, *, wait: bool | float) -> Iterator[bool]:
    """Hold the lock that a file stands for; the file goes with the lock, which goes with its process.

    wait : true to wait for another process that holds it, or seconds to wait at most; after these, and for false, it
           gives False where one does.
    """
    while True:
        file = _open_lock(path)
        try:
            is_free = lock_within(file, fcntl.LOCK_EX, math.inf if wait is True else wait)
        except BaseException:
            os.close(file)
            raise
        if not is_free:
            os.close(file)
            yield False
            return
        if _is_at(path, file):
            break
        os.close(file)  # whoever held it deleted it meanwhile: others lock a new one
    try:
        yield True
    finally:
        with suppress(FileNotFoundError, PermissionError):
            path.unlink()
        os.close(file)


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for this user alone, in the system's folder for such, that goes with the block.

    It first deletes the folders of killed processes: their locks ended with them.
    """
    place = Path(tempfile.gettempdir())
    for path in place.glob(f"{WORK}*"):
        with suppress(OSError):
            left = path.with_name(path.name.removesuffix(LOCK))
            if path.lstat().st_uid == os.geteuid():
                with locked(left.with_name(f"{left.name}{LOCK}"), wait=False) as free:
                    if free:
                        shutil.rmtree(left, ignore_errors=True)
    folder = place / f"{WORK}{token_hex(8)}"
    with locked(place / f"{folder.name}{LOCK}", wait=True):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _open_lock(path: Path) -> int:
    """The open file of a lock; that of another user is opened to be read, which suffices to lock it."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not path.exists():  # its folder may not be written
            raise
        return os.open(path, os.O_RDONLY)


def _is_at(path: Path, file: int) -> bool:
    """True if the open file is still the one at this path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def written_alone(folder: Path, *owners: int) -> bool:
    """True for a folder of this user, or one of these, in which nobody else may write. OSError where none is there.

    Use it before data of the folder are unpickled, or code is run.
    """
    about = folder.stat()
    return about.st_uid in (os.geteuid(), *owners) and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
