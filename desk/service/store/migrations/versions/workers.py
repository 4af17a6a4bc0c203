"""The tables of workers and of requests to sources of prices; a job need not be of a portfolio."""

from alembic.op import batch_alter_table, create_index, create_table
from sqlalchemy import Column, Date, DateTime, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String, text

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Make the tables."""
    create_table(
        "workers",
        Column("name", String(length=128), nullable=False),
        Column("code", String(length=64), nullable=False),
        Column("started", DateTime(), nullable=False),
        Column("heartbeat", DateTime(), nullable=False),
        PrimaryKeyConstraint("name", name="pk_workers"),
    )
    create_table(
        "source_requests",
        Column("tenant", String(length=64), nullable=False),
        Column("source", String(length=32), nullable=False),
        Column("day", Date(), nullable=False),
        Column("count", Integer(), nullable=False),
        ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_source_requests_tenant"),
        PrimaryKeyConstraint("tenant", "source", "day", name="pk_source_requests"),
    )
    with batch_alter_table("jobs") as jobs:
        jobs.alter_column("portfolio", existing_type=String(length=32), nullable=True)
        jobs.alter_column("version", existing_type=Integer(), nullable=True)
    fetching = text("state = 'running' AND kind = 'prices'")
    create_index("running_prices", "jobs", ["tenant"], unique=True, sqlite_where=fetching, postgresql_where=fetching)
