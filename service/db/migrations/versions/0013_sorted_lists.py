"""Lists of comparisons are sorted by name, priority and state, with what is alike by age."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("name", "priority", "state"):
        op.create_index(f"ix_comparisons_{column}_key", "comparisons", [column, "key"])
    op.drop_index("ix_comparisons_state", "comparisons")


def downgrade() -> None:
    op.create_index("ix_comparisons_state", "comparisons", ["state"])
    for column in ("state", "priority", "name"):
        op.drop_index(f"ix_comparisons_{column}_key", "comparisons")
