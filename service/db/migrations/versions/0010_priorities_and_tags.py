"""Comparisons have a priority, a cap and tags, and may be deleted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column(
        "comparisons", sa.Column("priority", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("comparisons", sa.Column("at_once", sa.Integer(), nullable=True))
    op.create_index("ix_comparisons_owner_key", "comparisons", ["owner", "key"])
    op.create_table(
        "comparison_tags",
        sa.Column("tag", sa.String(32), nullable=False),
        sa.Column("comparison_key", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_key"],
            ["comparisons.key"],
            name="fk_comparison_tags_comparison_key_comparisons",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tag", "comparison_key", name="pk_comparison_tags"),
    )
    op.create_index("ix_comparison_tags_comparison_key", "comparison_tags", ["comparison_key"])
    op.create_table(
        "deleted_comparisons",
        sa.Column("comparison_id", sa.String(16), nullable=False),
        sa.Column("owner_key", sa.String(16), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worker_seconds", sa.Double(), nullable=False),
        sa.Column("attempts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("comparison_id", name="pk_deleted_comparisons"),
    )
    op.create_index(
        "ix_deleted_comparisons_owner_key_deleted_at",
        "deleted_comparisons",
        ["owner_key", "deleted_at"],
    )


def downgrade() -> None:
    op.drop_table("deleted_comparisons")
    op.drop_table("comparison_tags")
    op.drop_index("ix_comparisons_owner_key", "comparisons")
    op.drop_column("comparisons", "at_once")
    op.drop_column("comparisons", "priority")
