"""The first tables."""

from alembic.op import create_index, create_table
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    text,
)

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make the tables."""

    create_table(
        "idempotent_answers",
        Column("caller", String(length=64), nullable=False),
        Column("key", String(length=128), nullable=False),
        Column("request", String(length=64), nullable=False),
        Column("status", Integer(), nullable=True),
        Column("headers", JSON(), nullable=False),
        Column("body", LargeBinary(), nullable=True),
        Column("created", DateTime(), nullable=False),
        PrimaryKeyConstraint("caller", "key", name="pk_idempotent_answers"),
    )
    create_table(
        "sign_in_attempts",
        Column("account", String(length=64), nullable=False),
        Column("address", String(length=64), nullable=False),
        Column("failures", Integer(), nullable=False),
        Column("last", DateTime(), nullable=False),
        Column("succeeded", DateTime(), nullable=True),
        PrimaryKeyConstraint("account", "address", name="pk_sign_in_attempts"),
    )
    create_index("ix_sign_in_attempts_last", "sign_in_attempts", ["last"])
    create_table(
        "tenants",
        Column("name", String(length=64), nullable=False),
        Column("created", DateTime(), nullable=False),
        PrimaryKeyConstraint("name", name="pk_tenants"),
    )
    create_table(
        "users",
        Column("id", String(length=32), nullable=False),
        Column("tenant", String(length=64), nullable=False),
        Column("email", String(length=254), nullable=False),
        Column("name", String(length=128), nullable=False),
        Column("role", String(length=16), nullable=False),
        Column("password", String(), nullable=True),
        Column("epoch", Integer(), nullable=False),
        Column("disabled", Boolean(), nullable=False),
        Column("created", DateTime(), nullable=False),
        ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_users_tenant"),
        PrimaryKeyConstraint("id", name="pk_users"),
        UniqueConstraint("email", name="uq_users_email"),
    )
    create_table(
        "access_tokens",
        Column("id", String(length=32), nullable=False),
        Column("user", String(length=32), nullable=False),
        Column("name", String(length=128), nullable=False),
        Column("sha256", String(length=64), nullable=False),
        Column("role", String(length=16), nullable=False),
        Column("scopes", JSON(), nullable=False),
        Column("expires", DateTime(), nullable=False),
        Column("created", DateTime(), nullable=False),
        Column("used", DateTime(), nullable=True),
        Column("revoked", DateTime(), nullable=True),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_access_tokens_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("id", name="pk_access_tokens"),
        UniqueConstraint("sha256", name="uq_access_tokens_sha256"),
    )
    create_index("ix_access_tokens_user", "access_tokens", ["user"])
    create_table(
        "identities",
        Column("issuer", String(length=255), nullable=False),
        Column("subject", String(length=255), nullable=False),
        Column("user", String(length=32), nullable=False),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_identities_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
    )
    create_index("ix_identities_user", "identities", ["user"])
    create_table(
        "one_time_secrets",
        Column("sha256", String(length=64), nullable=False),
        Column("purpose", String(length=32), nullable=False),
        Column("user", String(length=32), nullable=True),
        Column("content", JSON(), nullable=False),
        Column("expires", DateTime(), nullable=False),
        Column("used", DateTime(), nullable=True),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_one_time_secrets_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("sha256", name="pk_one_time_secrets"),
    )
    create_index("ix_one_time_secrets_expires", "one_time_secrets", ["expires"])
    create_index("ix_one_time_secrets_user", "one_time_secrets", ["user"])
    create_table(
        "passkeys",
        Column("credential", String(length=1024), nullable=False),
        Column("user", String(length=32), nullable=False),
        Column("name", String(length=128), nullable=False),
        Column("public_key", LargeBinary(), nullable=False),
        Column("sign_count", Integer(), nullable=False),
        Column("created", DateTime(), nullable=False),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_passkeys_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("credential", name="pk_passkeys"),
    )
    create_index("ix_passkeys_user", "passkeys", ["user"])
    create_table(
        "portfolios",
        Column("id", String(length=32), nullable=False),
        Column("tenant", String(length=64), nullable=False),
        Column("owner", String(length=32), nullable=False),
        Column("client", String(length=128), nullable=False),
        Column("name", String(length=128), nullable=False),
        Column("version", Integer(), nullable=False),
        Column("created", DateTime(), nullable=False),
        Column("deleted", DateTime(), nullable=True),
        ForeignKeyConstraint(["owner"], ["users.id"], name="fk_portfolios_owner"),
        ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_portfolios_tenant"),
        PrimaryKeyConstraint("id", name="pk_portfolios"),
        UniqueConstraint("tenant", "name", name="uq_portfolios_tenant_name"),
    )
    create_index("ix_portfolios_owner", "portfolios", ["owner"])
    create_index("ix_portfolios_tenant", "portfolios", ["tenant"])
    create_table(
        "refresh_tokens",
        Column("sha256", String(length=64), nullable=False),
        Column("family", String(length=32), nullable=False),
        Column("user", String(length=32), nullable=False),
        Column("epoch", Integer(), nullable=False),
        Column("expires", DateTime(), nullable=False),
        Column("used", DateTime(), nullable=True),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_refresh_tokens_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("sha256", name="pk_refresh_tokens"),
    )
    create_index("ix_refresh_tokens_family", "refresh_tokens", ["family"])
    create_index("ix_refresh_tokens_user", "refresh_tokens", ["user"])
    create_table(
        "jobs",
        Column("id", String(length=32), nullable=False),
        Column("tenant", String(length=64), nullable=False),
        Column("user", String(length=32), nullable=False),
        Column("portfolio", String(length=32), nullable=False),
        Column("version", Integer(), nullable=False),
        Column("kind", String(length=16), nullable=False),
        Column("arguments", JSON(), nullable=False),
        Column("state", String(length=16), nullable=False),
        Column("attempts", Integer(), nullable=False),
        Column("worker", String(length=128), nullable=False),
        Column("code", String(length=64), nullable=False),
        Column("progress", String(length=255), nullable=False),
        Column("is_cancelled", Boolean(), nullable=False),
        Column("run", String(length=255), nullable=True),
        Column("result", JSON(), nullable=True),
        Column("created", DateTime(), nullable=False),
        Column("started", DateTime(), nullable=True),
        Column("heartbeat", DateTime(), nullable=True),
        Column("ended", DateTime(), nullable=True),
        ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_jobs_portfolio"),
        ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_jobs_tenant"),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_jobs_user"),
        PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    create_index("ix_jobs_portfolio", "jobs", ["portfolio"])
    create_index("ix_jobs_run", "jobs", ["run"])
    create_index("ix_jobs_user", "jobs", ["user"])
    create_index("next_jobs", "jobs", ["state", "created"])
    create_index(
        "running_jobs",
        "jobs",
        ["portfolio", "kind"],
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    )
    create_table(
        "notes",
        Column("id", String(length=32), nullable=False),
        Column("portfolio", String(length=32), nullable=False),
        Column("kind", String(length=16), nullable=False),
        Column("subject", String(length=128), nullable=False),
        Column("sealed", LargeBinary(), nullable=False),
        Column("author", String(length=32), nullable=False),
        Column("created", DateTime(), nullable=False),
        ForeignKeyConstraint(["author"], ["users.id"], name="fk_notes_author"),
        ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_notes_portfolio"),
        PrimaryKeyConstraint("id", name="pk_notes"),
    )
    create_index("ix_notes_portfolio", "notes", ["portfolio"])
    create_table(
        "portfolio_versions",
        Column("portfolio", String(length=32), nullable=False),
        Column("number", Integer(), nullable=False),
        Column("sealed", LargeBinary(), nullable=False),
        Column("sha256", String(length=64), nullable=False),
        Column("author", String(length=32), nullable=False),
        Column("created", DateTime(), nullable=False),
        ForeignKeyConstraint(["author"], ["users.id"], name="fk_portfolio_versions_author"),
        ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_portfolio_versions_portfolio"),
        PrimaryKeyConstraint("portfolio", "number", name="pk_portfolio_versions"),
    )
    create_table(
        "shares",
        Column("portfolio", String(length=32), nullable=False),
        Column("user", String(length=32), nullable=False),
        Column("writes", Boolean(), nullable=False),
        ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_shares_portfolio"),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_shares_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("portfolio", "user", name="pk_shares"),
    )
