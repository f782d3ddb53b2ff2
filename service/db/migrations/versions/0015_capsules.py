"""Comparisons that run a capsule again, and what a comparison was extended by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "capsules",
        sa.Column("comparison_id", sa.String(16), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.id"],
            name="fk_capsules_comparison_id_comparisons",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("comparison_id", name="pk_capsules"),
    )
    op.add_column("comparisons", sa.Column("extensions", JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("comparisons", "extensions")
    op.drop_table("capsules")
