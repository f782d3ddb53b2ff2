"""Lists of comparisons are sorted by name and by priority, too."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_comparisons_name", "comparisons", ["name"])
    op.create_index("ix_comparisons_priority", "comparisons", ["priority"])


def downgrade() -> None:
    op.drop_index("ix_comparisons_priority", "comparisons")
    op.drop_index("ix_comparisons_name", "comparisons")
