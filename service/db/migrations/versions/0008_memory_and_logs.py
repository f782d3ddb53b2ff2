"""Studies know what memory their ranks reserve and how long their log is; its chunks, the rank."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OF_STUDIES = ("memory", "log_characters")
LENGTHS = """
UPDATE studies SET log_characters = COALESCE(
    (SELECT SUM(LENGTH(text)) FROM log_chunks WHERE log_chunks.study_id = studies.id), 0)
"""


def upgrade() -> None:
    for name in OF_STUDIES:
        op.add_column(
            "studies", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        )
    op.execute(LENGTHS)
    op.add_column("log_chunks", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("log_chunks", "rank")
    for name in reversed(OF_STUDIES):
        op.drop_column("studies", name)
