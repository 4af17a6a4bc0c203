"""`rebalance serve` and its commands: the service, its workers, tools, database, keys and users."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from desk.cli.command_types import is_alone
from desk.cli.options import argument, option, starting
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from desk.service.store.tables import User


def serve(
    context: typer.Context,
    host: str | None = option("Address to listen on. [default: HOST, else 127.0.0.1]"),
    port: int | None = option("Port; 0 takes a free one. [default: PORT, else 5000]", min=0, max=65535),
    tls: tuple[Path, Path] | None = option("Certificate of the service and its private key, PEM.", metavar="CERT KEY"),
    behind_proxy: bool = option("A proxy speaks TLS, and states who asks in X-Forwarded-For."),
    open_only: bool = option("Show the demo and answer the payload endpoints alone, to anyone.", "--open"),
    browser: bool = option("Open its pages in a browser; the first time, to set your password."),
    database: str | None = option("URL of the database. [default: DATABASE_URL, else SQLite]"),
    workers: int = option("Workers beside it, which do jobs; none with --open.", default=1, min=0),
) -> None:
    """Answer over HTTP what the command line gives. Ctrl-C ends it; SIGTERM lets running requests end first.

    On 127.0.0.1 the payload endpoints answer without sign-in. On another address it starts when an admin exists, and
    TLS or a proxy, and an encrypted disk, are stated. Also read: PUBLIC_URL, REDIS_URL, BEHIND_PROXY, ENCRYPTED_DISK
    and RATE.
    """
    if not is_alone(context):
        return
    with starting():
        import webbrowser
        from dataclasses import replace

        from desk.service.app import create_app
        from desk.service.guards.observed import log_lines
        from desk.service.jobs.beside import start_beside
        from desk.service.jobs.price_updates import start_updates
        from desk.service.serving import announcement, as_browsers_call, check_start, first_page, listening, run_server
        from desk.service.settings import settings_of_service

    stated = settings_of_service()
    settings = replace(
        stated,
        host=host or stated.host,
        port=stated.port if port is None else port,
        database=database or stated.database,
        tls=tls or (),
        behind_proxy=behind_proxy or stated.behind_proxy,
        open_only=open_only or stated.open_only,
    )
    log_lines()
    with listening(settings) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        settings = as_browsers_call(settings) if browser else settings
        app = create_app(settings)
        check_start(app.state.service)
        if workers and not settings.open_only:
            start_beside(settings, workers)
            start_updates(app.state.service)
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


def keep_store(
    action: Literal["backup", "restore", "migrate", "check", "rotate-keys"] = argument("What to do with it."),
    file: Path | None = argument("Of backup and restore: the file of the backup.", default=None, dir_okay=False),
    drop_old: bool = option("Of rotate-keys: delete the old keys; all users sign in again."),
) -> None:
    """Keep the database of the service and its keys.

    \b
    backup FILE   write all rows, as of one moment, to FILE
    restore FILE  write the rows of FILE into an empty database, all or none
    migrate       bring it to the schema of this program; a backup is made
                  before, as at a start of the server
    check         check schema, sealed fields, keys and free space; exit
                  status 1 where something is wrong
    rotate-keys   make new keys, and seal all fields with them; old keys still
                  verify and open, unless they are dropped
    """
    if (file is not None) != (action in ("backup", "restore")):
        takes = "takes no file" if file else "takes the file of a backup"
        raise ConfigError(f"{action} {takes}: see rebalance serve store --help.")
    if drop_old and action != "rotate-keys":
        raise ConfigError("--drop-old is of rotate-keys: leave it out.")
    if action == "check":
        tell(*_done("check_database"))
    elif action == "rotate-keys":
        print_text(_done("rotate_keys", drop_old=drop_old))
    else:
        print_text(_done("restore_backup" if action == "restore" else action, *([file] if file else [])))


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


def keep_users(
    action: Literal["add", "link", "list", "disable", "enable"] = argument("What to do with users."),
    email: str = argument("E-mail address of the user, of all but list.", default=""),
    name: str = option("Of add: name to show. [default: that of the e-mail address]"),
    role: str = option("Of add: viewer, manager, approver or admin. [default: viewer]"),
    tenant: str = option("Of add: tenant, within which users may share. [default: house]"),
) -> None:
    """Add, list, link, disable and enable users of the service.

    \b
    add EMAIL      add a user, and print a link by which he sets a password;
                   it works once, within three days
    link EMAIL     print a new such link; earlier ones are void
    list           list the users
    disable EMAIL  disable a user, his sessions and his access tokens
    enable EMAIL   enable the user again
    """
    if bool(email) == (action == "list"):
        raise ConfigError(f"{action} takes {'no' if email else 'an'} e-mail address: see rebalance serve user --help.")
    if action != "add" and (name or role or tenant):
        raise ConfigError("--name, --role and --tenant are of add: leave them out.")
    with _database() as (session, address):
        from desk.service.users.accounts import disable, invitation_of, known_user, link_of

        if action == "add":
            shown = _added(session, address, email, name, role or "viewer", tenant or "house")
        elif action == "list":
            shown = _users_text(session)
        elif action == "link":
            shown = link_of(address, invitation_of(session, known_user(session, email)))
        else:
            user = known_user(session, email)
            disable(session, user, action == "disable")
            shown = f"{user.email} is {action}d."
    print_text(shown)


def _added(session: "Session", address: str, email: str, name: str, role: str, tenant: str) -> str:
    """The sentence on a user who is added, with his link."""
    from desk.service.store.tables import User
    from desk.service.users.accounts import invite, link_of
    from foundation.arguments import refuse

    if role != "admin" and session.query(User).first() is None:
        refuse("the role of the first user is", role, "add an admin first, with --role admin.")
    user, invitation = invite(session, tenant, email, role, name)
    return f"{user.email} is added as {user.role} of {user.tenant}. {link_of(address, invitation)}"


def _users_text(session: "Session") -> str:
    """A table of the users."""
    from sqlalchemy import select

    from desk.service.store.tables import User
    from foundation.paper.text_tables import text_table

    users = session.scalars(select(User).order_by(User.tenant, User.email))
    rows = [(user.email, user.name, user.role, user.tenant, _state(user)) for user in users]
    heads = ("e-mail address", "name", "role", "tenant", "state")
    return text_table([heads, *rows], left=5) if rows else "There are no users."


def _state(user: "User") -> str:
    return "disabled" if user.disabled else "registered" if user.is_registered else "invited"
