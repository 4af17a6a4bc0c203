"""The table of second factors."""

from alembic.op import create_table
from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Integer, LargeBinary, PrimaryKeyConstraint, String

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    """Make the table."""
    create_table(
        "second_factors",
        Column("user", String(length=32), nullable=False),
        Column("sealed", LargeBinary(), nullable=False),
        Column("last", Integer(), nullable=False),
        Column("confirmed", DateTime(), nullable=True),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_second_factors_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("user", name="pk_second_factors"),
    )
