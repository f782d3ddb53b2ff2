"""What drivers and trials print is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_chunks",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("comparison_id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=32), nullable=False),
        sa.Column("trial_id", sa.String(length=32), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.id"],
            name="fk_log_chunks_comparison_id_comparisons",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name="fk_log_chunks_study_id_studies", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_log_chunks"),
        sa.UniqueConstraint(
            "study_id", "attempt", "number", name="uq_log_chunks_study_id_attempt_number"
        ),
    )
    op.create_index("ix_log_chunks_comparison_id_key", "log_chunks", ["comparison_id", "key"])


def downgrade() -> None:
    op.drop_table("log_chunks")
