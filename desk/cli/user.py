"""`rebalance serve user`: the users of the service, in its database. No password is given or shown here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.options import option, starting
from desk.commands.terminal import print_text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from desk.service.store.tables import User


Email = Annotated[str, typer.Argument(help="E-mail address of the user.")]


@contextmanager
def _database() -> Iterator["tuple[Session, str]"]:
    """A transaction of the database of the environment's settings, and the address of its server."""
    with starting():
        from desk.service.caller import BACKUPS
        from desk.service.settings import settings_of
        from desk.service.store.schema import opened

    settings = settings_of()
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


def link(email: Email) -> None:
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


def disable(email: Email, enable: bool = option("Enable the user again.")) -> None:
    """Disable a user, his sessions and his access tokens."""
    with _database() as (session, _):
        from desk.service.users.accounts import disable, known_user

        user = known_user(session, email)
        disable(session, user, not enable)
        shown = f"{user.email} is {'enabled' if enable else 'disabled'}."
    print_text(shown)


def _state(user: "User") -> str:
    return "disabled" if user.disabled else "registered" if user.is_registered else "invited"
