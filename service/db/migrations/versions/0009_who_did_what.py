"""Keys have limits and a last use; who did what can be asked for; spending is found by key."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("most_comparisons", sa.Integer(), nullable=True))
    op.add_column("api_keys", sa.Column("most_worker_seconds", sa.Double(), nullable=True))
    op.create_table(
        "access_deeds",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(16), nullable=False),
        sa.Column("subject_id", sa.String(40), nullable=False),
        sa.Column("before", sa.String(16), nullable=True),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_access_deeds"),
    )
    op.create_index("ix_access_deeds_at", "access_deeds", ["at"])
    op.create_index("ix_comparisons_owner_key_state", "comparisons", ["owner_key", "state"])
    people = sa.text("actor NOT IN ('dispatcher', 'driver', 'service')")
    op.create_index(
        "ix_changes_by_people", "changes", ["at"], sqlite_where=people, postgresql_where=people
    )


def downgrade() -> None:
    op.drop_index("ix_changes_by_people", "changes")
    op.drop_index("ix_comparisons_owner_key_state", "comparisons")
    op.drop_table("access_deeds")
    op.drop_column("api_keys", "most_worker_seconds")
    op.drop_column("api_keys", "most_comparisons")
    op.drop_column("api_keys", "last_used_at")
