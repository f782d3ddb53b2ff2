"""The capsule of a comparison is stored when it finishes, with the defaults that it ran with.

Comparisons that finished before have none: theirs is made of what is stored when it is asked for.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "made_capsules",
        sa.Column("comparison_id", sa.String(16), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.id"],
            name="fk_made_capsules_comparison_id_comparisons",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("comparison_id", name="pk_made_capsules"),
    )


def downgrade() -> None:
    op.drop_table("made_capsules")
