"""The tables of the pages: overviews, answers to the questionnaire, browsers that messages are pushed to."""

from alembic.op import create_index, create_table
from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Make the tables."""
    create_table(
        "overviews",
        Column("portfolio", String(length=32), nullable=False),
        Column("of", String(length=128), nullable=False),
        Column("sealed", LargeBinary(), nullable=False),
        Column("made", DateTime(), nullable=False),
        ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_overviews_portfolio", ondelete="CASCADE"),
        PrimaryKeyConstraint("portfolio", name="pk_overviews"),
    )
    create_table(
        "risk_answers",
        Column("portfolio", String(length=32), nullable=False),
        Column("number", Integer(), nullable=False),
        Column("sealed", LargeBinary(), nullable=False),
        Column("author", String(length=32), nullable=False),
        Column("created", DateTime(), nullable=False),
        ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_risk_answers_portfolio", ondelete="CASCADE"),
        ForeignKeyConstraint(["author"], ["users.id"], name="fk_risk_answers_author"),
        PrimaryKeyConstraint("portfolio", "number", name="pk_risk_answers"),
    )
    create_table(
        "push_subscriptions",
        Column("id", String(length=32), nullable=False),
        Column("user", String(length=32), nullable=False),
        Column("sha256", String(length=64), nullable=False),
        Column("sealed", LargeBinary(), nullable=False),
        Column("created", DateTime(), nullable=False),
        ForeignKeyConstraint(["user"], ["users.id"], name="fk_push_subscriptions_user", ondelete="CASCADE"),
        PrimaryKeyConstraint("id", name="pk_push_subscriptions"),
        UniqueConstraint("sha256", name="uq_push_subscriptions_sha256"),
    )
    create_index("ix_push_subscriptions_user", "push_subscriptions", ["user"])
