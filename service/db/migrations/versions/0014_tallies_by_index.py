"""What lists count and sum of trials is read from an index alone.

Each batch of points writes the index too; PostgreSQL cannot update such a row in its page alone.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEYS = ["comparison_id", "kind", "contender"]


def upgrade() -> None:
    summed = ["state", "epochs_done", "best_loss", "worker_seconds"]
    op.create_index("ix_trials_tally", "trials", [*KEYS, *summed])
    op.drop_index("ix_trials_comparison_id_kind_contender", "trials")


def downgrade() -> None:
    op.create_index("ix_trials_comparison_id_kind_contender", "trials", KEYS)
    op.drop_index("ix_trials_tally", "trials")
