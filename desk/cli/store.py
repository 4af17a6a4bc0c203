"""`rebalance store`: the database and the keys of the service, backed up, restored, migrated and checked."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.options import starting
from desk.commands.terminal import print_text, tell

app = typer.Typer(
    no_args_is_help=True,
    help="Back up, restore, migrate and check the database of the service (DATABASE_URL), and replace its keys.",
)
Backup = Annotated[Path, typer.Argument(help="The file of a backup.", dir_okay=False)]


@app.command()
def backup(file: Backup) -> None:
    """Write all rows of the database, as of one moment, to FILE."""
    with starting():
        from desk.service.settings import settings_of
        from desk.service.store import operation

    print_text(operation.backup(settings_of(), file))


@app.command()
def restore(file: Backup) -> None:
    """Write the rows of FILE into an empty database of either kind, all or none."""
    with starting():
        from desk.service.settings import settings_of
        from desk.service.store import operation

    print_text(operation.restore(settings_of(), file))


@app.command()
def migrate() -> None:
    """Bring the database to the schema of this program, after a backup, as a start of the server does."""
    with starting():
        from desk.service.caller import opened_service
        from desk.service.settings import settings_of
        from desk.service.store.schema import newest_revision

    opened_service(settings_of())
    print_text(f"The schema is {newest_revision()}.")


@app.command()
def check() -> None:
    """Check schema, rows, keys and free space. Exit status 1 where something is wrong."""
    with starting():
        from desk.service.settings import settings_of
        from desk.service.store import operation

    tell(*operation.check(settings_of()))


@app.command("rotate-keys")
def rotate_keys(
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Delete the old keys: all users sign in again.")] = False,
) -> None:
    """Make new keys, and seal all fields with them. Old keys still verify and open, unless they are dropped."""
    with starting():
        from desk.service.settings import settings_of
        from desk.service.store import operation

    print_text(operation.rotate_keys(settings_of(), drop_old=drop_old))
