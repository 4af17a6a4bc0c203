"""The keys of a server: they sign tokens, and seal fields of the database.

Each kind has a file that its user alone may read, a key a line, the newest first. The newest one signs and seals; all
of them verify and open. The files are looked at anew at each use, so that servers need no restart after a rotation.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Column, Connection, select
from sqlalchemy.orm import Session

from desk.service.store.engine import Sessions
from desk.service.store.tables import SEALED, Table
from foundation.dataclasses import dataclass
from foundation.errors import MachineError
from foundation.files import locked, sync, write_private

SIGNING, SEALING = KEY_KINDS = ("signing", "sealing")  # names of their files
LOCK = "keys.lock"  # held while keys are made


@dataclass(frozen=True)
class Keys:
    """The keys in a folder."""

    folder: Path

    @property
    def signing(self) -> tuple[bytes, ...]:
        """The keys of signatures by HMAC, 44 letters of base64 each, the newest first."""
        return _keys_in(self.folder / SIGNING)

    def seal(self, content: bytes) -> bytes:
        """Encrypt and authenticate a field, by Fernet (AES-128-CBC with HMAC-SHA256)."""
        return self._sealing.encrypt(content)

    def unseal(self, sealed: bytes) -> bytes:
        """The content of a sealed field. Raises MachineError where it was changed, or its key is missing."""
        try:
            return self._sealing.decrypt(sealed)
        except InvalidToken:
            raise MachineError(
                f"a sealed field was changed, or its key is missing from {self.folder / SEALING}. "
                "Restore the database, or the file of keys, from a backup."
            ) from None

    def rotate(self) -> None:
        """Make a new key of each kind, which signs and seals from now on; the earlier ones verify and open."""
        self._replace(lambda old: (Fernet.generate_key(), *old))

    def drop_old(self) -> None:
        """Delete all but the newest key of each kind: what an earlier one signed or sealed is void."""
        self._replace(lambda old: old[:1])

    def _replace(self, change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> None:
        with locked(self.folder / LOCK, wait=True):
            for kind in KEY_KINDS:
                _write(self.folder / kind, change(_keys_in(self.folder / kind)))

    @property
    def _sealing(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in _keys_in(self.folder / SEALING)])


def opened_keys(folder: Path, sessions: Sessions | None = None) -> Keys:
    """The keys in a folder, made where they are missing.

    sessions : database whose fields they seal: while it has any, keys that are missing are not made.
    Raises   : MachineError for a file that others may read, or that holds no keys, or is missing beside sealed fields.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(folder / LOCK, wait=True):
        for kind in KEY_KINDS:
            if not (folder / kind).exists() and not (sessions and _seals(sessions)):
                _write(folder / kind, (Fernet.generate_key(),))
            _keys_in(folder / kind)
    return Keys(folder)


def sealed_fields(session: Session | Connection) -> Iterator[tuple[Column[bytes], tuple[Any, ...], bytes]]:
    """The sealed fields of the database: column, key of the row, and content."""
    for column in _sealed_columns():
        found = select(column, *column.table.primary_key).where(column.is_not(None))
        yield from ((column, tuple(key), content) for content, *key in session.execute(found).all())


def _sealed_columns() -> list[Column[bytes]]:
    return [column for table in Table.metadata.sorted_tables for column in table.c if SEALED in column.info]


def _seals(sessions: Sessions) -> bool:
    with sessions() as session:
        return any(session.scalar(select(column).where(column.is_not(None)).limit(1)) for column in _sealed_columns())


def reseal(sessions: Sessions, keys: Keys) -> int:
    """Seal each sealed field with the newest key, all or none; the number of fields. Raises as `unseal`."""
    with sessions.begin() as session:
        fields = list(sealed_fields(session))
        for column, key, content in fields:
            row = (each == value for each, value in zip(column.table.primary_key, key, strict=True))
            same = column == content  # whoever wrote it meanwhile sealed it with the newest key
            anew = keys.seal(keys.unseal(content))
            session.execute(column.table.update().where(*row, same).values({column: anew}))
    return len(fields)


def _keys_in(path: Path) -> tuple[bytes, ...]:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise MachineError(f"{path} is missing: put it back, since nothing else opens what it sealed.") from None
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid != os.geteuid():
        raise MachineError(
            f"{path} has the mode {stat.S_IMODE(found.st_mode):04o} and the owner {found.st_uid}: others may read it. "
            f"Give it to the user {os.geteuid()} with mode 0600, then run `rebalance serve store rotate-keys`."
        )
    return _read(path, (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=8)
def _read(path: Path, _state: tuple[int, int, int]) -> tuple[bytes, ...]:
    keys = tuple(path.read_bytes().split())
    with suppress(ValueError):
        if keys and all(Fernet(key) for key in keys):
            return keys
    raise MachineError(f"{path} must have a key of 32 bytes in base64 on each line: restore it from a backup.")


def _write(path: Path, keys: tuple[bytes, ...]) -> None:
    write_private(path, b"\n".join(keys) + b"\n")
    sync(path.parent)  # before anything is sealed with them
