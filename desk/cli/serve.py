"""`rebalance serve` and its commands: the service, its workers, tools, database, keys and users."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.cli.command_types import is_alone
from desk.cli.options import option, starting
from desk.commands.terminal import print_text, tell

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from desk.service.store.tables import User

Backup = Annotated[Path, typer.Argument(help="The file of a backup.", dir_okay=False)]
Email = Annotated[str, typer.Argument(help="E-mail address of the user.")]


def serve(
    context: typer.Context,
    host: str | None = option("Address to listen on. [default: HOST, else 127.0.0.1]"),
    port: int | None = option("Port; 0 takes a free one. [default: PORT, else 5000]", min=0, max=65535),
    tls_cert: Path | None = option("Certificate of the service, PEM."),
    tls_key: Path | None = option("Its private key, PEM."),
    behind_proxy: bool = option("A proxy speaks TLS, and states who asks in X-Forwarded-For."),
    open_only: bool = option("Answer the payload endpoints alone, to anyone, and nothing that is stored.", "--open"),
    browser: bool = option("Open its pages in a browser; the first time, to set your password."),
    database: str | None = option("URL of the database. [default: DATABASE_URL, else SQLite]"),
) -> None:
    """Answer over HTTP what the command line gives. Ctrl-C ends it; SIGTERM lets running requests end first.

    On 127.0.0.1 the payload endpoints answer without sign-in. On another address it starts when an admin exists, and
    TLS or a proxy is stated. Also read: PUBLIC_URL, REDIS_URL, BEHIND_PROXY and RATE.
    """
    if not is_alone(context):
        return
    with starting():
        import webbrowser
        from dataclasses import replace

        from desk.service.app import create_app
        from desk.service.guards.observed import log_lines
        from desk.service.serving import announcement, as_browsers_call, check_start, first_page, listening, run_server
        from desk.service.settings import settings_of_service

    stated = settings_of_service()
    settings = replace(
        stated,
        host=host or stated.host,
        port=stated.port if port is None else port,
        database=database or stated.database,
        tls=tuple(path for path in (tls_cert, tls_key) if path is not None),
        behind_proxy=behind_proxy or stated.behind_proxy,
        open_only=open_only,
    )
    log_lines()
    with listening(settings) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        settings = as_browsers_call(settings) if browser else settings
        app = create_app(settings)
        check_start(app.state.service)
        print_text(announcement(settings))
        if browser:
            webbrowser.open(first_page(app.state.service))
        run_server(app, listener, settings)


def worker(once: bool = option("Do the jobs that wait now, and end.")) -> None:
    """Do jobs of the service until it is terminated.

    One at a time: start as many workers as the machine has cores to spare. It takes DATABASE_URL and the folder of
    the service from the environment, as `rebalance serve` does. Terminated, it gives the job under way a minute to
    end, and puts it back in the queue where it does not.
    """
    with starting():
        import signal
        from threading import Event

        from desk.service.caller import opened_service
        from desk.service.jobs.worker import work
        from desk.service.settings import settings_of_service

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(opened_service(settings_of_service()), stop, once=once)


def serve_assistant(
    portfolio: str = option("Id or name of the portfolio of calls that name none. [default: the only one]"),
    elicit: bool = option("Let the user approve by elicitation, if the client shows it to him."),
) -> None:
    """Answer an assistant by the Model Context Protocol, on stdio.

    The assistant acts for the user of the access token in REBALANCE_TOKEN; without one, for the only user that the
    service has. What it orders waits as a ticket, which a person approves elsewhere. Also read: DATABASE_URL.
    """
    with starting():
        import os

        from desk.service.caller import opened_service
        from desk.service.client import TOKEN
        from desk.service.settings import settings_of_service
        from desk.service.tools.transports import run_on_stdio

    run_on_stdio(opened_service(settings_of_service()), os.environ.get(TOKEN, ""), portfolio, elicits=elicit)


# -- the database and the keys, backed up, restored, migrated and checked ----------------------------------------------


def back_up_store(file: Backup) -> None:
    """Write all rows of the database, as of one moment, to FILE."""
    print_text(_done("backup", file))


def restore_store(file: Backup) -> None:
    """Write the rows of FILE into an empty database, all or none."""
    print_text(_done("restore_backup", file))


def migrate_store() -> None:
    """Bring the database to the schema of this program.

    A backup is made before, as at a start of the server.
    """
    print_text(_done("migrate"))


def check_store() -> None:
    """Check schema, sealed fields, keys and free space. Exit status 1 where something is wrong."""
    tell(*_done("check_database"))


def rotate_store_keys(drop_old: bool = option("Delete the old keys: all users sign in again.")) -> None:
    """Make new keys, and seal all fields with them.

    Old keys still verify and open, unless they are dropped.
    """
    print_text(_done("rotate_keys", drop_old=drop_old))


def _done(what: str, *given: Path, **options: bool) -> Any:
    with starting():
        from desk.service.settings import settings_of_service
        from desk.service.store import operation

    return getattr(operation, what)(settings_of_service(), *given, **options)


# -- the users, in the database: no password is given or shown here ----------------------------------------------------


@contextmanager
def _database() -> Iterator["tuple[Session, str]"]:
    """A transaction of the database of the environment's settings, and the address of its server."""
    with starting():
        from desk.service.caller import BACKUPS
        from desk.service.settings import settings_of_service
        from desk.service.store.schema import opened

    settings = settings_of_service()
    with opened(settings.database_url, settings.folder / BACKUPS).begin() as session:
        yield session, settings.address


def add(
    email: Email,
    name: str = option("Name to show. [default: that of the e-mail address]"),
    role: str = option("Role: viewer, manager, approver or admin.", default="viewer"),
    is_admin: bool = option("Short for --role admin.", "--admin"),
    tenant: str = option("Tenant, within which users may share.", default="house"),
) -> None:
    """Add a user, and print a link by which he sets a password.

    The link works once, within three days.
    """
    with _database() as (session, address):
        from desk.service.store.tables import User
        from desk.service.users.accounts import invite, link_of
        from foundation.arguments import refuse

        role = "admin" if is_admin else role
        if role != "admin" and session.query(User).first() is None:
            refuse("the role of the first user is", role, "add an admin first, with --admin.")
        user, invitation = invite(session, tenant, email, role, name)
        shown = f"{user.email} is added as {user.role} of {user.tenant}. {link_of(address, invitation)}"
    print_text(shown)


def link_user(email: Email) -> None:
    """Print a new link by which a user sets a new password.

    It works once; earlier links are void.
    """
    with _database() as (session, address):
        from desk.service.users.accounts import invitation_of, known_user, link_of

        shown = link_of(address, invitation_of(session, known_user(session, email)))
    print_text(shown)


def list_users() -> None:
    """List the users."""
    with _database() as (session, _):
        from sqlalchemy import select

        from desk.service.store.tables import User
        from foundation.paper.text_tables import text_table

        users = session.scalars(select(User).order_by(User.tenant, User.email))
        rows = [(user.email, user.name, user.role, user.tenant, _state(user)) for user in users]
    print_text(
        text_table([("e-mail address", "name", "role", "tenant", "state"), *rows], left=5)
        if rows
        else "There are no users."
    )


def disable_user(email: Email, enable: bool = option("Enable the user again.")) -> None:
    """Disable a user, his sessions and his access tokens."""
    with _database() as (session, _):
        from desk.service.users.accounts import disable, known_user

        user = known_user(session, email)
        disable(session, user, not enable)
        shown = f"{user.email} is {'enabled' if enable else 'disabled'}."
    print_text(shown)


def _state(user: "User") -> str:
    return "disabled" if user.disabled else "registered" if user.is_registered else "invited"
