"""`rebalance serve store`: the database and the keys of the service, backed up, restored, migrated and checked."""

from pathlib import Path
from typing import Annotated, Any

import typer

from desk.cli.options import starting
from desk.commands.terminal import print_text, tell

Backup = Annotated[Path, typer.Argument(help="The file of a backup.", dir_okay=False)]
DropOld = Annotated[bool, typer.Option("--drop-old", help="Delete the old keys: all users sign in again.")]


def backup(file: Backup) -> None:
    """Write all rows of the database, as of one moment, to FILE."""
    print_text(_done("backup", file))


def restore(file: Backup) -> None:
    """Write the rows of FILE into an empty database, all or none."""
    print_text(_done("restore", file))


def migrate() -> None:
    """Bring the database to the schema of this program.

    A backup is made before, as at a start of the server.
    """
    print_text(_done("migrate"))


def check() -> None:
    """Check schema, sealed fields, keys and free space. Exit status 1 where something is wrong."""
    tell(*_done("check"))


def rotate_keys(drop_old: DropOld = False) -> None:
    """Make new keys, and seal all fields with them.

    Old keys still verify and open, unless they are dropped.
    """
    print_text(_done("rotate_keys", drop_old=drop_old))


def _done(what: str, *given: Path, **options: bool) -> Any:
    with starting():
        from desk.service.settings import settings_of
        from desk.service.store import operation

    return getattr(operation, what)(settings_of(), *given, **options)
