"""Studies count the attempts that spend nothing; comparisons know their cancelled contenders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("studies", sa.Column("excused", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("comparisons", sa.Column("cancelled", JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("comparisons", "cancelled")
    op.drop_column("studies", "excused")
