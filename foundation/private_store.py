"""Files that this user alone may write, named by what they were made from: code, and results that are read by pickle.

What is kept here runs when it is read. So it is read only from a folder in which nobody else may write, and only if its
digest is right, which is keyed by a file in the folder that nobody else may read. All else is made anew. A file is
written beside its place and renamed, so that one which is there is whole, however many processes write and wherever
they are killed.
"""

import hmac
import os
import pickle
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from foundation.files import CACHE, ROOT, write_private, written_alone

DAY_SECONDS = 86_400.0  # seconds
UNUSED = 28 * DAY_SECONDS  # after which what is kept is deleted
MOST_KEPT_BYTES = 1 << 30  # bytes that are kept in a folder
UNREADABLE = (EOFError, ValueError, LookupError, AttributeError, ImportError, TypeError, pickle.UnpicklingError)
KEY, SIZE = ".key", 32  # name of the file of a folder's key; bytes of a key and of a digest


def folders_of(kind: str) -> tuple[list[Path], list[Path]]:
    """The folders in which files of a kind may be kept, such as "kernels", and further folders in which to look.

    They are kept once for a user, so that a second checkout makes nothing anew: in the cache directory, or where
    NUMBA_CACHE_DIR says. A cache directory within the checkout, as `make` has one, counts as none stated. A checkout
    may be shipped with code, as in an image, which is looked for, and used alone where there is no home to write to.
    """
    shipped = [CACHE / kind]
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen) / kind], []
    stated, home = Path(os.environ.get("XDG_CACHE_HOME", "")), Path(os.path.expanduser("~/.cache"))
    home = stated if stated.is_absolute() and not stated.is_relative_to(ROOT) else home
    users = home / "rebalance-workbench" / kind
    return ([users], shipped) if users.is_absolute() and _can_write(users) else (shipped, [])


def _can_write(folder: Path) -> bool:
    """True where a folder can be written to, or made."""
    place = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # False where it may not look
    return os.path.isdir(place) and os.access(place, os.W_OK)


def unsealed(sealed: bytes, folder: Path, name: str) -> bytes | None:
    """The content of a kept file; None where others may have changed it, or its digest is wrong.

    Raises : OSError where the folder or its key cannot be read.
    """
    digest, content = sealed[:SIZE], sealed[SIZE:]
    key = _key(folder) if written_alone(folder, _owner()) else None
    return content if key is not None and hmac.compare_digest(digest, _digest(key, name, content)) else None


def keep(where: list[Path], name: str, content: bytes) -> None:
    """Write a file into each folder that lacks it, and note its use in the others; errors of writing are ignored.

    A file with a wrong digest is written over.
    """
    for folder in where:
        path = folder / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(0o700)
            if not written_alone(folder, _owner()):
                continue
            if path.exists() and unsealed(path.read_bytes(), folder, name) is not None:
                touch(path)
                continue
            key = _key(folder) or _new_key(folder)
            write_private(path, _digest(key, name, content) + content)
        except OSError:
            continue


def note_use(where: list[Path], folder: Path, name: str, content: bytes) -> None:
    """Note that a file that was opened in a folder is used; from one that is not in `where`, it is kept there too."""
    if folder not in where:
        keep(where, name, content)
        return
    touch(folder / name)


def touch(path: Path) -> None:
    """Set the time of a file, which says when it was last used, once a day; errors are ignored."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > DAY_SECONDS:
            os.utime(path)


def _digest(key: bytes, name: str, content: bytes) -> bytes:
    """The digest of what is kept under a name."""
    return hmac.digest(key, name.encode() + b"\0" + content, "sha256")


def _key(folder: Path) -> bytes | None:
    """The key of a folder; None where there is none that nobody else may read."""
    path = folder / KEY
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    about = path.stat()
    alone = about.st_uid in (os.geteuid(), _owner()) and not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return key if alone and len(key) == SIZE else None


def _new_key(folder: Path) -> bytes:
    """Make a key for a folder that has none; of processes that do so at once, one makes it."""
    draft = folder / f".key.{token_hex(16)}"
    if _key(folder) is None:  # others may have read the one that is there
        (folder / KEY).unlink(missing_ok=True)
    write_private(draft, os.urandom(SIZE))
    try:
        os.link(draft, folder / KEY)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        draft.replace(folder / KEY)
    finally:
        draft.unlink(missing_ok=True)
    return (folder / KEY).read_bytes()


def _owner() -> int:
    """The user that owns this code: whoever runs it trusts that user."""
    return Path(__file__).stat().st_uid


def prune(where: list[Path], most: int = MOST_KEPT_BYTES) -> None:
    """Delete files that were not used for four weeks, and the longest unused where there are more than `most` bytes.

    Drafts that a killed process left, and folders that earlier versions used, go by their age likewise.
    """
    for folder in where:
        try:
            found = [(path, path.stat()) for path in folder.iterdir()]
        except OSError:  # there is none, or another process is at it
            continue
        size = 0
        for path, facts in sorted(found, key=lambda one: -one[1].st_mtime):
            if path.name == KEY:
                continue
            size += facts.st_size
            if size <= most and time.time() - facts.st_mtime <= UNUSED:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
