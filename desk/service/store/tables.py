"""The tables. Moments are UTC without a zone; ids that leave the service cannot be guessed."""

import uuid
from datetime import UTC, date, datetime
from typing import Annotated, Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, MetaData, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RUNNING = text("state = 'running'")  # of the jobs that an index holds
FETCHING_PRICES = text("state = 'running' AND kind = 'prices'")
CONSTRAINT_NAMES = {  # of constraints: a migration can only change one that has a name
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

SEALED = "sealed"  # in `info` of a column: `Keys.seal` wrote it, and a rotation of keys seals it anew
Sealed = Annotated[bytes, mapped_column(LargeBinary, info={SEALED: True})]


def now() -> datetime:
    """The moment, UTC, without its zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def new_id() -> str:
    """An id that cannot be guessed."""
    return uuid.uuid4().hex


class Table(DeclarativeBase):
    """A table of the service."""

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
    }


class Tenant(Table):
    """Users who may share; everything else belongs to one of them. `name` is the name of its folder."""

    __tablename__ = "tenants"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    created: Mapped[datetime] = mapped_column(default=now)


class User(Table):
    """A person. Tokens of an earlier `epoch` are void: a log-out everywhere counts it up."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.name"))
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str | None]  # its argon2id hash
    epoch: Mapped[int] = mapped_column(default=0)
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)

    @property
    def is_registered(self) -> bool:
        """True once he has set a password."""
        return self.password is not None


class AccessToken(Table):
    """A token of a program; only its sha256 is kept. It gives `role`, or its user's where that may do less."""

    __tablename__ = "access_tokens"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(128))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16), default="admin")
    scopes: Mapped[list[str]]
    expires: Mapped[datetime]
    created: Mapped[datetime] = mapped_column(default=now)
    used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class RefreshToken(Table):
    """A token that is exchanged once for the next of its family; one that comes twice ends the family."""

    __tablename__ = "refresh_tokens"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    family: Mapped[str] = mapped_column(String(32), index=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    epoch: Mapped[int]
    expires: Mapped[datetime]
    used: Mapped[datetime | None]


class SignInAttempts(Table):
    """Sign-ins by password to an account from an address since the last that succeeded."""

    __tablename__ = "sign_in_attempts"
    account: Mapped[str] = mapped_column(String(64), primary_key=True)  # sha256 of an e-mail address, known or not
    address: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the client, a network of IPv6
    failures: Mapped[int]
    last: Mapped[datetime] = mapped_column(index=True)
    succeeded: Mapped[datetime | None]


class Passkey(Table):
    """A credential of WebAuthn."""

    __tablename__ = "passkeys"
    credential: Mapped[str] = mapped_column(String(1024), primary_key=True)  # base64url
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(128))
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    created: Mapped[datetime] = mapped_column(default=now)


class SecondFactor(Table):
    """The key of a user's authenticator app. Codes are asked for once `confirmed`; `last` is the step of one."""

    __tablename__ = "second_factors"
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[Sealed]
    last: Mapped[int] = mapped_column(default=0)
    confirmed: Mapped[datetime | None]


class Identity(Table):
    """A user as a provider of OpenID Connect knows him."""

    __tablename__ = "identities"
    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class OneTimeSecret(Table):
    """A secret that serves once: a recovery code, a link to register, a challenge, a state of a sign-in."""

    __tablename__ = "one_time_secrets"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    user: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    content: Mapped[dict[str, Any]]
    expires: Mapped[datetime] = mapped_column(index=True)
    used: Mapped[datetime | None]


class StoredPortfolio(Table):
    """A portfolio; its text stands in its versions. Its journal and its runs know it by `name`, that of its text."""

    __tablename__ = "portfolios"
    __table_args__ = (UniqueConstraint("tenant", "name"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.name"), index=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    client: Mapped[str] = mapped_column(String(128), default="")
    name: Mapped[str] = mapped_column(String(128))
    version: Mapped[int] = mapped_column(default=1)
    created: Mapped[datetime] = mapped_column(default=now)
    deleted: Mapped[datetime | None]


class PortfolioVersion(Table):
    """The text of a portfolio as somebody wrote it, sealed."""

    __tablename__ = "portfolio_versions"
    portfolio: Mapped[str] = mapped_column(ForeignKey("portfolios.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[Sealed]
    sha256: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class Share(Table):
    """A user with whom a portfolio is shared."""

    __tablename__ = "shares"
    portfolio: Mapped[str] = mapped_column(ForeignKey("portfolios.id"), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    writes: Mapped[bool] = mapped_column(default=False)


class Note(Table):
    """A note on a line, a list or a decision of a portfolio, sealed."""

    __tablename__ = "notes"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    portfolio: Mapped[str] = mapped_column(ForeignKey("portfolios.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(128))
    sealed: Mapped[Sealed]
    author: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class QueuedJob(Table):
    """A job. A worker that claims it states itself and its heartbeat; a job without one goes back.

    One job of a kind and a portfolio runs at a time, and one of prices of a tenant: two would write the same. `code` is
    the code that may run it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("next_jobs", "state", "created"),
        Index("running_jobs", "portfolio", "kind", unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING),
        Index("running_prices", "tenant", unique=True, sqlite_where=FETCHING_PRICES, postgresql_where=FETCHING_PRICES),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.name"))
    user: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    portfolio: Mapped[str | None] = mapped_column(ForeignKey("portfolios.id"), index=True)
    version: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(16))
    arguments: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str] = mapped_column(String(128), default="")
    code: Mapped[str] = mapped_column(String(64), default="")
    progress: Mapped[str] = mapped_column(String(255), default="")
    is_cancelled: Mapped[bool] = mapped_column(default=False)
    run: Mapped[str | None] = mapped_column(String(255), index=True)
    result: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=now)
    started: Mapped[datetime | None]
    heartbeat: Mapped[datetime | None]
    ended: Mapped[datetime | None]


class Worker(Table):
    """A worker that lives: the code whose jobs it takes, and its last sign of life."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    code: Mapped[str] = mapped_column(String(64))
    started: Mapped[datetime] = mapped_column(default=now)
    heartbeat: Mapped[datetime] = mapped_column(default=now)


class SourceRequests(Table):
    """The requests that a tenant's jobs sent to a source of prices on a day, UTC."""

    __tablename__ = "source_requests"
    tenant: Mapped[str] = mapped_column(ForeignKey("tenants.name"), primary_key=True)
    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)


class IdempotentAnswer(Table):
    """The answer to a POST that may come again with the same key."""

    __tablename__ = "idempotent_answers"
    caller: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))  # sha256 of method, path and body
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    body: Mapped[Sealed | None]
    created: Mapped[datetime] = mapped_column(default=now)


class Overview(Table):
    """The row of a portfolio on the first page, as it was last made, sealed. `of` says from what it was made."""

    __tablename__ = "overviews"
    portfolio: Mapped[str] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True)
    of: Mapped[str] = mapped_column(String(128))
    sealed: Mapped[Sealed]
    made: Mapped[datetime] = mapped_column(default=now)


class RiskAnswers(Table):
    """The answers of a client to the risk questionnaire for a portfolio, a version each time, sealed."""

    __tablename__ = "risk_answers"
    portfolio: Mapped[str] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[Sealed]
    author: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class PushSubscription(Table):
    """A browser that messages are pushed to, or a user's wish for e-mail. `sealed` holds its endpoint and its keys."""

    __tablename__ = "push_subscriptions"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    user: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)  # of its endpoint; of e-mail, that of the user's id
    sealed: Mapped[Sealed]
    created: Mapped[datetime] = mapped_column(default=now)
