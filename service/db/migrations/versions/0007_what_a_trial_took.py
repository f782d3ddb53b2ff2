"""Trials know their seconds by phase, the bytes they sent and their peak memory."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("trials", sa.Column("usage", JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("trials", "usage")
